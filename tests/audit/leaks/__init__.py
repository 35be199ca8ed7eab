"""Planted leaks: ways in which backtests have looked ahead, each with an honest twin that does the same on what was known."""
