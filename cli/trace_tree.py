"""The spans of one trace as a tree: children below their parents, in the order they began."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cli.output import on_a_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    Span = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Branch:
    """One span in its place."""

    span: Span
    depth: int
    is_orphan: bool
    """Whether the span names a parent that was not received."""


def branches(spans: Sequence[Span]) -> Iterator[Branch]:
    """Every span once, parents before children, siblings by start time.

    A span whose parent is missing stands as a root; so does one of a ring of parents, which no
    correct sender makes, but which must not lose a span or never end.
    """
    ordered = sorted(spans, key=lambda span: (span["start_time"] or "", span["span_id"]))
    known = {span["span_id"] for span in ordered}
    children: dict[str | None, list[Span]] = {}
    for span in ordered:
        parent = span["parent_span_id"] if span["parent_span_id"] in known else None
        children.setdefault(parent, []).append(span)
    seen: set[str] = set()
    for root in [*children.get(None, []), *ordered]:
        waiting = [(root, 0)]
        while waiting:
            span, depth = waiting.pop()
            if span["span_id"] in seen:
                continue
            seen.add(span["span_id"])
            parent = span["parent_span_id"]
            yield Branch(span, depth, parent is not None and parent not in known)
            below = children.get(span["span_id"], [])
            waiting += [(child, depth + 1) for child in reversed(below)]


def drawn(branch: Branch) -> str:
    """One line for eyes."""
    span = branch.span
    facts = [span["name"] or "(no name)"]
    if span["duration_ms"] is not None:
        facts.append(f"{span['duration_ms']:,.0f} ms")
    if span["total_tokens"] is not None:
        facts.append(f"{span['total_tokens']:,} tokens")
    if span["cost_usd"] is not None:
        facts.append(f"${span['cost_usd']:.4f}")
    if span["is_error"]:
        facts.append(f"ERROR {span['status_message'] or span['error_type'] or ''}".strip())
    if branch.is_orphan:
        facts.append(f"(its parent {span['parent_span_id']} was not received)")
    return f"{span['span_id']}  {'  ' * branch.depth}{'  '.join(map(on_a_line, facts))}"
