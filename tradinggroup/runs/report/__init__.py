"""The HTML report: one self-contained file a run, and one page over all runs. Every part is a function from a run to markup."""
