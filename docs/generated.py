"""Everything that the machine writes: whole files, and sections between two markers.

A room that wants a part of its documentation written adds a row here. A section lies in its file
between ``<!-- generated: NAME -->`` and ``<!-- end: NAME -->``.
"""

from __future__ import annotations

from typing import NamedTuple


class File(NamedTuple):
    """A whole file: where it lies, and ``module:function`` that returns its text."""

    path: str
    source: str


class Section(NamedTuple):
    """A part of a file: where it lies, the markers' name, and ``module:function``."""

    path: str
    name: str
    source: str


FILES: tuple[File, ...] = (
    File("docs/cli.md", "docs.commands:page"),
    File("docs/api.md", "review_app.api.description:page"),
    File("docs/dialects.md", "docs.dialects:page"),
    File("docs/judged-sets.md", "docs.judged_sets:page"),
    File("docs/tables.md", "docs.tables:page"),
    File("docs/metrics.md", "docs.metrics:page"),
    File("client/spandocket_client/rows.py", "docs.client:rows"),
    File("client/spandocket_client/table_rows.py", "docs.client:table_rows"),
    File("configs/reference.toml", "docs.settings:page"),
)

SECTIONS: tuple[Section, ...] = (
    Section("README.md", "nouns", "docs.commands:nouns"),
    Section("README.md", "exit codes", "docs.commands:exit_codes"),
    Section("docs/architecture.md", "tables", "docs.tables:overview"),
    Section("otlp_receiver/README.md", "receiver answers", "docs.receiver:answers"),
    Section("otlp_receiver/README.md", "receiver settings", "docs.receiver:settings"),
)
