"""The list of every configuration tried: its file, its trials, and the sealed hold-out."""
