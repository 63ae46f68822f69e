"""What the rules ask of each span, as masks: kinds of operation, dialects, scopes, and names.

Scopes, versions and operations are few: each distinct one is asked once. Names are many, and are
looked at only where a span of the dialect occurs to whose names the question belongs.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from otlp_receiver.dialects.attributes import Kind
from otlp_receiver.dialects.detection import CODES
from otlp_receiver.dialects.names import RAW_REQUEST
from otlp_receiver.dialects.operations import MODEL_OPERATIONS

if TYPE_CHECKING:
    import polars as pl

    from otlp_receiver.dialects.fields import FieldSet

Mask = NDArray[np.bool_]

_SAYS_WHEN_STREAMING = r"opentelemetry\.instrumentation\.genai\.|com\.(anthropic|openai)\.sdk"
"""Scopes that send the stream flag when streaming, and nothing otherwise."""

_LANGCHAIN = r".*langchain"
LLAMA_INDEX = r"openinference\.instrumentation\.llama_index$"
_SECOND_PYDANTIC = re.compile(r"[2-9]|\d\d")


def marks(fields: FieldSet) -> dict[str, Mask]:
    """The masks by name, one value a span."""
    asks = fields.asked_by(sorted(MODEL_OPERATIONS))
    names = fields.envelope["name"]
    of_langchain = _in(fields, "D C1 C2") & fields.signals.scoped(_LANGCHAIN)
    vercel = _in(fields, "E1")
    log, request = _logfire(fields)
    return {
        "asks": asks,
        "runs_tool": fields.asked_by(("execute_tool",)),
        "of_adk": _in(fields, "J1 J2"),
        "of_vercel": vercel,
        "of_langchain": of_langchain,
        "silent": _silent(fields, of_langchain) & asks,
        "streams_by_name": _named(names, vercel, "stream"),
        "outer": vercel & ~_named(names, vercel, r"\.do[A-Z]"),
        "raw": _named(names, _in(fields, "N"), f"^{RAW_REQUEST}$"),
        "helper": _named(names, fields.signals.scoped(LLAMA_INDEX), r"^\w+\._"),
        "answer_log": log,
        "streamed_log": _named(names, log, "^streaming response"),
        "request_span": request,
    }


def _silent(fields: FieldSet, of_langchain: Mask) -> Mask:
    """Spans of libraries that send the stream flag only when streaming."""
    says = _in(fields, "A") & fields.signals.scoped(_SAYS_WHEN_STREAMING)
    silent: Mask = _in(fields, "E2 JG N F-logfire I") | says | (_in(fields, "C2") & ~of_langchain)
    pydantic = _in(fields, "F1 F2 F3+")
    if pydantic.any():
        versions = [_SECOND_PYDANTIC.match(said or "") for said in fields.scope_versions]
        newer = np.array([version is not None for version in versions], dtype=np.bool_)
        silent |= pydantic & newer[fields.signals.scope]
    return silent


def _in(fields: FieldSet, codes: str) -> Mask:
    """Spans of these dialects."""
    # Spans without a dialect have the number -1, which is the last place of the table.
    table = np.zeros(len(CODES) + 1, dtype=np.bool_)
    table[[CODES.index(code) for code in codes.split()]] = True
    mask: Mask = table[fields.dialect]
    return mask


def _named(names: pl.Series, among: Mask, pattern: str) -> Mask:
    """Those of some spans whose name holds the pattern."""
    if not among.any():
        return among
    found: Mask = names.str.contains(pattern).fill_null(value=False).to_numpy()
    return among & found


def _logfire(fields: FieldSet) -> tuple[Mask, Mask]:
    """What Logfire's integrations made: records of what happened, and spans."""
    table = fields.table
    log, span = (np.zeros(fields.count, dtype=np.bool_) for _ in range(2))
    at = table.positions("logfire.span_type")
    at = at[table.kind[at] == Kind.TEXT]
    if len(at):
        ours = _in(fields, "F-logfire")
        texts = table.texts_at(at)
        log[table.owner[at[(texts == "log").to_numpy()]]] = True
        span[table.owner[at[(texts == "span").to_numpy()]]] = True
        return log & ours, span & ours
    return log, span
