"""What a queue shows of its items: the paths it may name, and what they take in.

A path is ``instructions``, ``input``, ``output``, ``tools`` or ``facts``, or one of them with a
part: ``input.user`` shows the user's messages alone, ``facts.cost_usd`` one fact.
"""

from __future__ import annotations

ROLES = ("system", "developer", "user", "assistant", "tool")
"""Roles of messages that a path may name."""

FACTS = (
    "name",
    "service_name",
    "agent_name",
    "request_model",
    "conversation_id",
    "user_id",
    "start_time",
    "duration_ms",
    "total_tokens",
    "cost_usd",
    "is_error",
    "status_message",
)
"""Facts about an object that a path may name."""

SHOWN_PATHS = (
    "instructions",
    "input",
    *(f"input.{role}" for role in ROLES),
    "output",
    *(f"output.{role}" for role in ROLES),
    "tools",
    "facts",
    *(f"facts.{name}" for name in FACTS),
)
"""Every path there is."""


def shows(shown: tuple[str, ...], part: str, detail: str | None = None) -> bool:
    """Whether a queue with these paths shows this part; without paths it shows everything."""
    return not shown or part in shown or f"{part}.{detail}" in shown
