"""Texts in, probabilities out: hashed n-grams, linear heads, phrase rules, their training."""
