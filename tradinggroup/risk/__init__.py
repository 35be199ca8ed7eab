"""Thresholds, sizing and verdicts: pure functions without input or output."""
