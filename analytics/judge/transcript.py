"""A trace as the judge is shown it, within explicit limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from analytics.text.turns import Turn

MESSAGE_CHARACTERS_MAX = 4000
"""One message is cut to its head and tail beyond this."""


def transcript(
    parts: pl.DataFrame,
    characters_max: int,
    earlier: Sequence[Turn] = (),
    results: Sequence[str] = (),
) -> str:
    """The messages of one trace in order, each once, at most ``characters_max`` characters.

    What does not fit is left out in the middle, and the transcript says how much: the beginning
    holds the task and the end what came of it. ``earlier`` are turns of the session before it,
    ``results`` what tool spans returned; those that no message repeats stand before the answer.
    """
    lines = [f"[{turn.role}] {_cut(turn.text, MESSAGE_CHARACTERS_MAX)}" for turn in earlier]
    for row in parts.filter(~parts["is_repeat"]).iter_rows(named=True):
        text = row["text"]
        if row["tool_name"] and text is None:
            text = f"calls {row['tool_name']}({row['tool_arguments'] or ''})"
        if text is None or not text.strip():
            continue
        who = "tool" if row["part_type"].endswith("_response") else row["role"] or row["direction"]
        lines.append(f"[{who}] {_cut(text, MESSAGE_CHARACTERS_MAX)}")
    said = "\n".join(lines)
    unsaid = [
        f"[tool] {_cut(text, MESSAGE_CHARACTERS_MAX)}" for text in results if text not in said
    ]
    is_answered = bool(lines) and not lines[-1].startswith("[user]")
    place = len(lines) - 1 if is_answered else len(lines)
    whole = "\n".join([*lines[:place], *unsaid, *lines[place:]])
    return _cut(whole, characters_max)


def _cut(text: str, characters_max: int) -> str:
    if len(text) <= characters_max:
        return text
    head = characters_max * 2 // 3
    tail = characters_max - head
    left_out = len(text) - head - tail
    return f"{text[:head]}\n[... {left_out} characters left out ...]\n{text[-tail:]}"
