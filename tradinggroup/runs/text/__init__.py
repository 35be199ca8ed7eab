"""What the terminal shows of runs: pure functions from a run folder to text of 80 columns."""
