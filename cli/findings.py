"""``findings``: what the detectors found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cli.context import Context, pass_context
from cli.detector_names import check_detector
from cli.hex_ids import TRACE_ID
from cli.output import default_format, format_option, write_rows

if TYPE_CHECKING:
    from collections.abc import Iterable

_COLUMNS = (
    "trace_id",
    "detector",
    "detector_version",
    "decision",
    "severity",
    "confidence",
    "reason",
    "evidence",
)
_PLACES_MAX = 3


@click.group(epilog="Example: spandocket findings list --detector tool_call_errors")
def findings() -> None:
    """What the detectors found."""


@findings.command("list", epilog="Example: spandocket findings list --detector empty_response")
@click.option("--detector", help="Only findings of this detector.")
@click.option("--trace-id", type=TRACE_ID, help="Only findings on this trace.")
@click.option(
    "--all-revisions", is_flag=True, help="Findings on earlier revisions of a trace as well."
)
@format_option
@pass_context
def list_findings(
    context: Context,
    detector: str | None,
    trace_id: str | None,
    all_revisions: bool,
    output_format: str | None,
) -> None:
    """Print detector, version, decision, severity, confidence, reason and evidence.

    A table names the spans that hold the evidence; the other formats print all of it.
    """
    import polars as pl

    from span_store.plain_rows import canonical_rows
    from span_store.schema import FINDINGS

    frame = context.span_store.scan("findings", project=context.project)
    if detector is not None:
        check_detector(context, detector)
        frame = frame.filter(pl.col("detector") == detector)
    if trace_id is not None:
        frame = frame.filter(pl.col("trace_id") == trace_id)
    if not all_revisions:
        newest = (
            context.span_store.scan("traces", project=context.project)
            .group_by("trace_id")
            .agg(newest=pl.col("revision").max())
        )
        frame = (
            frame.join(newest, on="trace_id", how="left")
            .filter(pl.col("newest").is_null() | (pl.col("revision") == pl.col("newest")))
            .drop("newest")
        )
    ordered = frame.sort("found_at", "trace_id", "detector").collect()
    rows: Iterable[dict[str, Any]] = canonical_rows(ordered, FINDINGS)
    if (output_format or default_format()) == "table":
        rows = (row | {"evidence": _places(row["evidence"])} for row in rows)
    write_rows(rows, output_format, _COLUMNS)


def _places(evidence: Any) -> str | None:
    """In which spans the evidence is, for a table: what it quotes would fill the terminal."""
    entries = evidence if isinstance(evidence, list) else []
    found = [entry.get("span_id") for entry in entries if isinstance(entry, dict)]
    spans = list(dict.fromkeys(filter(None, found)))
    more = [f"and {len(spans) - _PLACES_MAX} more"] if len(spans) > _PLACES_MAX else []
    return ", ".join([*spans[:_PLACES_MAX], *more]) or None
