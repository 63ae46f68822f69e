"""The receiver's own numbers as a page, from the table that the code itself uses."""

from __future__ import annotations

from otlp_receiver.metrics import METRICS, PREFIX

_HEAD = """# The receiver's metrics

Written from `otlp_receiver/metrics.py` by `make docs`.
The HTTP listener shows them on `/metrics` in Prometheus' text form.
"""


def page() -> str:
    """Every metric with its kind, labels and sentence."""
    rows = []
    for metric in METRICS.values():
        labels = ", ".join(f"`{label}`" for label in metric.labels) or "none"
        rows.append(f"| `{PREFIX}{metric.name}` | {metric.kind} | {labels} | {metric.sentence} |")
    table = ["| metric | kind | labels | meaning |", "|---|---|---|---|", *rows]
    return _HEAD + "\n" + "\n".join(table) + "\n"
