"""What ``spandocket doctor`` looks at."""
