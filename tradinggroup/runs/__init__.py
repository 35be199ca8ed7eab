"""The run folder: write it, find it, read it, compare it, put it into words."""
