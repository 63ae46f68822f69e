"""Object ids: what kind they are, and whether the tables know them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from span_store.store import SpanStore

_TRACE = re.compile(r"[0-9a-f]{32}")
_SPAN = re.compile(r"[0-9a-f]{32}:[0-9a-f]{16}")


def typed(object_id: str, object_type: str | None) -> tuple[str, str]:
    """The id with its type, by its form unless told; hexadecimal ids in lower case."""
    folded = object_id.strip().lower()
    if object_type is None:
        if _SPAN.fullmatch(folded):
            return "span", folded
        return ("trace", folded) if _TRACE.fullmatch(folded) else ("session", object_id.strip())
    return object_type, object_id.strip() if object_type == "session" else folded


def check_form(object_type: str, object_id: str) -> None:
    """Raises ValueError where the id of a span names no span, or that of a trace names one."""
    if object_type != "session" and (object_type == "span") != bool(object_id.partition(":")[2]):
        wanted = "TRACE_ID:SPAN_ID" if object_type == "span" else "TRACE_ID alone"
        raise ValueError(f"object_id: {object_id!r} is no {object_type}'s id; write {wanted}")


def unknown_objects(
    store: SpanStore, project: str, objects: Iterable[tuple[str, str]]
) -> list[tuple[str, str]]:
    """The objects that no span of the project belongs to, in the order given."""
    wanted = list(dict.fromkeys(objects))
    spans = store.scan_raw("spans", project=project)
    known: set[tuple[str, str]] = set()
    for object_type in sorted({kind for kind, _ in wanted}):
        ids = [object_id for kind, object_id in wanted if kind == object_type]
        known |= {(object_type, found) for found in _known(spans, object_type, ids)}
    return [entry for entry in wanted if entry not in known]


def _known(spans: pl.LazyFrame, object_type: str, ids: Sequence[str]) -> set[str]:
    column = "conversation_id" if object_type == "session" else "trace_id"
    keys = [object_id.partition(":")[0] for object_id in ids] if object_type == "span" else ids
    named = pl.col(column)
    if object_type == "span":
        named = pl.concat_str("trace_id", pl.lit(":"), "span_id")
    found = (
        spans.filter(pl.col(column).is_in(list(dict.fromkeys(keys))))
        .select(named.alias("object_id"))
        .unique()
        .collect()
    )
    return set(found["object_id"].to_list()) & set(ids)
