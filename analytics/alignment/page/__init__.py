"""The report as one self-contained HTML page: no network, readable on a phone and on paper."""
