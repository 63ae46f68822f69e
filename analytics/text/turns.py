"""A conversation as turns: who said what, in order, and where it stands in the telemetry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

TURNS_MAX = 60
"""Longer conversations are read from their last so many turns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One text that a user or an assistant said."""

    trace_id: str
    role: str
    """user or assistant."""
    text: str
    span_id: str
    direction: str
    """input or output: which list of the span holds it."""
    message: int
    part: int

    def evidence(self, quote: str, **values: Any) -> dict[str, Any]:
        """A piece of evidence that points at this turn."""
        return {
            "span_id": self.span_id,
            "direction": self.direction,
            "message": self.message,
            "part": self.part,
            "role": self.role,
            "quote": quote,
            **values,
        }


def conversations(parts: pl.DataFrame) -> dict[str, list[Turn]]:
    """For each trace, the turns of its longest conversation.

    ``parts`` holds the columns of :data:`analytics.messages.MESSAGES`. Every call repeats the
    conversation so far, so the call with the most messages holds all of it; of several equally
    long ones the last, because it has the newest answer. Pieces of one message are one turn.
    """
    spoken = parts.filter(
        pl.col("role").is_in(["user", "assistant"])
        & (pl.col("part_type") == "text")
        & (pl.col("text").str.strip_chars().str.len_bytes() > 0)
    )
    if spoken.is_empty():
        return {}
    longest = (
        parts.with_row_index("place")
        .filter(pl.col("role") == "user")
        .group_by("trace_id", "span_id")
        .agg(length=pl.len(), place=pl.col("place").min())
        .sort("trace_id", "length", "place")
        .unique("trace_id", keep="last", maintain_order=True)
        .select("trace_id", "span_id")
    )
    held = spoken.join(longest, on=["trace_id", "span_id"], how="semi", maintain_order="left")
    found: dict[str, list[Turn]] = {}
    for row in held.iter_rows(named=True):
        turns = found.setdefault(row["trace_id"], [])
        turn = _turn(row)
        last = turns[-1] if turns else None
        if last is not None and (last.direction, last.message) == (turn.direction, turn.message):
            turn = _turn({**row, "part_index": last.part, "text": f"{last.text}\n{turn.text}"})
            turns.pop()
        turns.append(turn)
    return {trace_id: turns[-TURNS_MAX:] for trace_id, turns in found.items()}


def sessions(
    by_trace: Mapping[str, list[Turn]],
    order: Iterable[tuple[str, str | None]],
    traces_max: int,
) -> dict[str, list[Turn]]:
    """For each trace, the turns of its session up to and including its own.

    ``order`` holds trace and conversation id by start time; at most ``traces_max`` traces before
    one are read. Where a trace repeats what was said before, nothing is put in front of it, and
    the repeated turns are those of the earlier trace; where each trace holds its own turn alone,
    the earlier traces of the conversation come first.
    """
    so_far: dict[str, list[tuple[int, list[Turn]]]] = {}
    places: dict[str, int] = {}
    found = {}
    for trace_id, conversation_id in order:
        own = by_trace.get(trace_id)
        if conversation_id is None:
            if own is not None:
                found[trace_id] = own
            continue
        place = places[conversation_id] = places.get(conversation_id, 0) + 1
        if own is None:
            continue
        before = so_far.get(conversation_id, [])
        kept = [(at, turns) for at, turns in before if at >= place - traces_max]
        known = {(turn.role, turn.text): turn for _, turns in kept for turn in turns}
        history = _history_length(own)
        if any((turn.role, turn.text) in known for turn in own[:history]):
            own = [known.get((t.role, t.text), t) for t in own[:history]] + own[history:]
            kept = []
        so_far[conversation_id] = kept = [*kept, (place, own)]
        found[trace_id] = [turn for _, turns in kept for turn in turns][-TURNS_MAX:]
    return found


def by_session(trace_ids: Iterable[str], turns: Mapping[str, Sequence[Turn]]) -> list[str]:
    """The traces that have turns, those that repeat one another side by side."""
    spoken = [trace_id for trace_id in trace_ids if trace_id in turns]
    return sorted(spoken, key=lambda trace_id: (turns[trace_id][0].trace_id, trace_id))


def _history_length(turns: list[Turn]) -> int:
    """How many turns stand before the last thing the user said: what a trace may repeat."""
    users = [place for place, turn in enumerate(turns) if turn.role == "user"]
    return users[-1] if users else 0


def told(piece: Mapping[str, Any], trace_id: str) -> dict[str, Any]:
    """A piece of evidence as a finding shows it: its trace is named when it is another one."""
    return {key: value for key, value in piece.items() if key != "trace_id" or value != trace_id}


def over_session(evidence: Iterable[Mapping[str, Any]]) -> str:
    """Words for a reason: over how many traces the evidence lies; empty for one."""
    traces = len({piece["trace_id"] for piece in evidence})
    return f" over {traces} traces of the session" if traces > 1 else ""


def _turn(row: dict[str, Any]) -> Turn:
    return Turn(
        trace_id=row["trace_id"],
        role=row["role"],
        text=row["text"],
        span_id=row["span_id"],
        direction=row["direction"],
        message=row["message_index"],
        part=row["part_index"],
    )
