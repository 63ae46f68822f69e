"""The whereabouts of a trace as lines for eyes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cli.output import as_text, on_a_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def told(found: Mapping[str, Any]) -> Iterator[str]:
    """One line a station, the last one reached in the first line."""
    yield f"trace {found['trace_id']} of project {found['project']}: {found['state']}"
    yield from _receipt(found["receipt"])
    loaded = found["loaded"]
    if loaded is not None:
        received = _time(loaded["last_received_at"])
        yield f"loaded    {_spans(loaded['spans'])}, the last received {received}"
    yield from _analysed(found)
    for item in found["queues"]:
        yield f"queue     {item['queue']}, item {item['item_id']}: {_item(item)}"
        if item["reason"]:
            yield f"          because: {on_a_line(item['reason'])}"
    if found["analysed"] is not None and not found["queues"]:
        yield "queue     in none: no rule selected it"
    for review in found["reviews"]:
        yield (
            f"review    {review['reviewer']} answered {review['field']} = "
            f"{on_a_line(as_text(review['value'], unknown='-'))} on {_time(review['time'])}"
        )
    if found["other_projects"]:
        yield f"also in   project {', '.join(found['other_projects'])}"


def _receipt(receipt: Mapping[str, Any]) -> Iterator[str]:
    if receipt["waiting_spans"]:
        count = receipt["waiting_spans"]
        wait = "waits" if count == 1 else "wait"
        yield f"received  {_spans(count)} {wait} in the spool to be loaded"
    for refusal in receipt["refusals"]:
        yield f"refused   {as_text(refusal, unknown='-')}"
    for request in receipt["quarantined"]:
        yield f"held back {as_text(request, unknown='-')}"


def _analysed(found: Mapping[str, Any]) -> Iterator[str]:
    analysed = found["analysed"]
    if analysed is None:
        if found["loaded"] is not None:
            yield "analysed  not yet: `spandocket analyze` looks at traces that are complete"
        return
    detectors = ", ".join(analysed["detectors"] or []) or "none matched"
    evaluated = _time(analysed["evaluated_at"])
    yield f"analysed  revision {analysed['revision']} on {evaluated}; {detectors}"
    if analysed["spans_since"]:
        yield f"          {_spans(analysed['spans_since'])} came later; the next run looks again"


def _item(item: Mapping[str, Any]) -> str:
    match item["status"]:
        case "in_progress":
            return f"in progress, held by {item['holder']} until {_time(item['lease_until'])}"
        case "completed":
            return f"completed by {item['completed_by']} on {_time(item['completed_at'])}"
        case "skipped":
            return f"skipped: {item['skip_reason']}"
        case status:
            return f"{status}, priority {item['priority']:.3g}"


def _time(moment: Any) -> str:
    return as_text(moment, unknown="-")[:19].replace("T", " ")


def _spans(count: int) -> str:
    return "1 span" if count == 1 else f"{count} spans"
