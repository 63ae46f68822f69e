"""What is understood of each library, measured on captured exports, and the page that says so."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatch
from typing import TYPE_CHECKING

from otlp_receiver.dialects.captures import Capture, Understood, understand
from otlp_receiver.dialects.catalog import DIALECTS
from otlp_receiver.dialects.comparison import (
    AGENT_FIELDS,
    EVALUATION_FIELDS,
    MODEL_FIELDS,
    TOOL_FIELDS,
    TRACE_FIELDS,
    Check,
    compare,
)
from otlp_receiver.dialects.quirks import QUIRKS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

FIELDS = (
    *MODEL_FIELDS,
    *(f"tool_{field}" for field in TOOL_FIELDS),
    *(f"agent_{field}" for field in AGENT_FIELDS),
    *TRACE_FIELDS,
    *(f"evaluation_{field}" for field in EVALUATION_FIELDS),
)
"""The rows of the table."""

ABSENT: tuple[tuple[str, str, str], ...] = (
    # library, field, what the telemetry holds instead
    ("A-a[!g]*", "tools_offered", "sent only with content"),
    ("A-genai-openai-default", "tools_offered", "sent only with content"),
    ("A-genai-openai-values-cut", "tools_offered", "JSON that is cut by the sender's limit"),
    ("A-openai-v2-*", "tools_offered", "never sent"),
    ("B-*", "tools_offered", "never sent"),
    ("JG-google-genai-default", "tools_offered", "sent only with the newer conventions"),
    (
        "K-*",
        "tools_offered",
        "a schema asked for as a tool is named by the check of an answer alone",
    ),
    ("L-*", "tools_offered", "never sent"),
    ("A-genai-openai-span-only", "refusal", "sent as an ordinary text part"),
    ("A-genai-openai-span-only", "output_text", "a refusal is sent as an ordinary text part"),
    ("A-openai-v2-*", "first_chunk_after_s", "never sent"),
    ("[DG]-*langchain", "first_chunk_after_s", "never sent"),
    ("C[12]-*-langchain*", "first_chunk_after_s", "never sent"),
    ("F[123]-*", "first_chunk_after_s", "never sent"),
    ("LF-*", "first_chunk_after_s", "never sent"),
    ("N-*", "first_chunk_after_s", "never sent"),
    ("P-*", "first_chunk_after_s", "never sent"),
    ("K-*", "first_chunk_after_s", "includes the client's own start-up"),
    ("E[12]-*", "response_model", "not sent for embeddings"),
    ("E[12]-*", "tool_results", "a failed tool's text is sent bare"),
    ("E[12]-*", "input_messages", "a failed tool's text is sent bare"),
    ("F*", "tool_results", "a failed tool's text is sent bare"),
    ("F[25]-*", "input_messages", "a failed tool's text is sent bare"),
    ("F*", "agent_output_text", "structured output is sent as JSON, not as the object's text"),
    ("Q-mcp-openllmetry", "tool_error_type", "tool_error, and no error's class anywhere"),
    ("I-*", "tool_error_type", "never sent"),
    ("I-*", "request_model", "the model that answered stands in its place"),
    ("J2-*", "agent_input_text", "sent only with content"),
    ("K-*", "tool_calls", "arguments that are no JSON are sent empty"),
    ("L-*", "provider", "the client's own name, whatever answers"),
)
"""Fields that the truth knows and this library's telemetry does not hold as such."""


class Status(StrEnum):
    """What the table says of one field of one library."""

    FOUND = "found"
    PARTLY = "partly"
    ABSENT = "absent"
    NOT_YET = "not yet"


@dataclass(frozen=True, slots=True)
class Cell:
    """One field of one library: how often it was compared and agreed."""

    status: Status
    agreed: int
    compared: int

    def __str__(self) -> str:
        match self.status:
            case Status.FOUND:
                return "found"
            case Status.ABSENT:
                return "absent"
            case Status.PARTLY:
                return f"found, {self.compared - self.agreed} of {self.compared} absent"
            case Status.NOT_YET:
                return f"not yet ({self.agreed} of {self.compared})"


def why_absent(library: str, field: str) -> str | None:
    """What the telemetry holds instead of this field; None when it should be found."""
    for pattern, name, reason in ABSENT:
        if name == field and fnmatch(library, pattern):
            return reason
    return None


def checks_of(captures: Sequence[Capture]) -> list[Check]:
    """Every comparison of every capture; zeros that a library does not send are left out."""
    found: list[Check] = []
    understood: Iterable[tuple[Capture, Understood]] = zip(
        captures, understand(captures), strict=True
    )
    for capture, result in understood:
        found += [check for check in compare(capture, result) if not check.is_silent]
    return found


def surprises(checks: Iterable[Check]) -> list[Check]:
    """Comparisons that disagree although the telemetry holds the field."""
    return [
        check
        for check in checks
        if not check.agrees and why_absent(check.capture.split("/")[0], check.field) is None
    ]


def table(checks: Iterable[Check]) -> dict[str, dict[str, Cell]]:
    """Field by library: what was found."""
    agreed: Counter[tuple[str, str]] = Counter()
    compared: Counter[tuple[str, str]] = Counter()
    for check in checks:
        place = (check.field, check.capture.split("/")[0])
        compared[place] += 1
        agreed[place] += check.agrees
    cells: dict[str, dict[str, Cell]] = {field: {} for field in FIELDS}
    for (field, library), count in compared.items():
        if field in cells:
            cells[field][library] = _cell(field, library, agreed[field, library], count)
    return cells


def _cell(field: str, library: str, agreed: int, compared: int) -> Cell:
    if agreed == compared:
        return Cell(Status.FOUND, agreed, compared)
    if why_absent(library, field) is None:
        return Cell(Status.NOT_YET, agreed, compared)
    return Cell(Status.PARTLY if agreed else Status.ABSENT, agreed, compared)


def page(captures: Sequence[Capture]) -> str:
    """The text of ``docs/dialects.md``."""
    checks = checks_of(captures)
    cells = table(checks)
    libraries = sorted({capture.dialect for capture in captures})
    lines = [
        "# Dialects",
        "",
        (
            "What spandocket understands of each GenAI library, measured on "
            f"{len(captures)} captured exports"
        ),
        "of real instrumentations, each with the truth beside it: the journal of the scripted",
        "provider and tools. This page is written by `make docs`; do not edit it.",
        "",
        f"{len(checks):,} fields were compared; {sum(check.agrees for check in checks):,} agree.",
        "**found**: every value agrees. **absent**: the library does not send it, or not as such.",
        "**not yet**: the telemetry holds it and spandocket does not read it.",
        "A dash: no capture knows the field.",
        "",
        "## What is recognised",
        "",
        "| code | what | told by |",
        "|---|---|---|",
        *(f"| {entry.code} | {entry.library} | {entry.signal} |" for entry in DIALECTS),
        "",
        "Fields are resolved one by one from `otlp_receiver/dialects/mapping.csv`, so spans that",
        "mix dialects are read too. Your own keys go into the settings, see the receiver's README.",
        "",
    ]
    lines += [
        "## Quirks",
        "",
        "| what senders do, and what is made of it | test |",
        "|---|---|",
        *(f"| {quirk} | `{test}` |" for quirk, test in QUIRKS),
        "",
    ]
    for library in libraries:
        lines += _section(library, cells)
    return "\n".join(lines).rstrip() + "\n"


def _section(library: str, cells: dict[str, dict[str, Cell]]) -> list[str]:
    """One library's fields, grouped by what was found."""
    groups: dict[str, list[str]] = {"found": [], "absent": [], "not yet": [], "unknown": []}
    for field in FIELDS:
        cell = cells[field].get(library)
        if cell is None:
            groups["unknown"].append(field)
        elif cell.status is Status.FOUND:
            groups["found"].append(field)
        elif cell.status is Status.NOT_YET:
            groups["not yet"].append(f"{field} ({cell.agreed} of {cell.compared} agree)")
        else:
            share = f"{cell.compared - cell.agreed} of {cell.compared}: "
            groups["absent"].append(f"{field} ({share}{why_absent(library, field)})")
    lines = [f"## {library}", ""]
    for name, sentence in (
        ("found", "Found"),
        ("absent", "Absent in the dialect"),
        ("not yet", "Not yet"),
        ("unknown", "Not told by these captures"),
    ):
        if groups[name]:
            lines.append(f"- **{sentence}**: {', '.join(groups[name])}")
    return [*lines, ""]
