"""Classifiers learned from people's verdicts: compared, promoted, taken back, run without code."""
