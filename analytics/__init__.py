"""Frames in, results out: traces, baselines, detectors, routing, alignment."""
