"""The demonstration: real data shipped with the product, sent and judged as a user would."""
