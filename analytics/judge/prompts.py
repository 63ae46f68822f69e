"""The versioned prompts: what the judge is told and asked about one recording."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import Any

from analytics.detectors.catalog import entry_of


@cache
def _texts() -> dict[str, Any]:
    file = resources.files("analytics.judge") / "prompts.toml"
    return tomllib.loads(file.read_text(encoding="utf-8"))


def prompt_version() -> str:
    """The version of the prompts; a part of every verdict's cache key and of its record."""
    return str(_texts()["version"])


def judged_detectors() -> tuple[str, ...]:
    """The detectors that there is a prompt for."""
    return tuple(_texts()["flags"])


def messages(detector: str, transcript: str) -> list[dict[str, str]]:
    """The chat messages that ask about one recording.

    The transcript cannot close its own marker: the sequence is broken apart first.
    """
    texts = _texts()
    entry = entry_of(detector)
    question = texts["question"].format(
        title=entry.title,
        description=entry.description,
        instructions=entry.instructions,
        flags=texts["flags"][detector],
        transcript=transcript.replace("</recording", "< /recording"),
    )
    return [
        {"role": "system", "content": texts["system"].strip()},
        {"role": "user", "content": question.strip()},
    ]
