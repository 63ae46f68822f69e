"""Detectors: each one looks at traces and says matched, ambiguous, no_match or skipped, and why."""
