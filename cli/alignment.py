"""``spandocket alignment``: how far an evaluator agrees with people, and what to do about it."""

from __future__ import annotations

import click

from cli.alignment_comparison import agreement, compare
from cli.alignment_gate import gate
from cli.alignment_history import history
from cli.alignment_import import import_set
from cli.alignment_next import label_next
from cli.alignment_overview import overview
from cli.alignment_report import report


@click.group(epilog="Example: spandocket alignment report --evaluator judge --field bad")
def alignment() -> None:
    """Report how far evaluators agree with people."""


for _command in (report, overview, gate, compare, history, agreement, label_next, import_set):
    alignment.add_command(_command)
