"""Which library's dialect a span speaks, told by scope, keys and a few values.

The code is a hint for people and for the few mapping lines that need it: fields are resolved one
by one, because spans that mix dialects are normal. The strongest signal comes first.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from otlp_receiver.dialects.attributes import AttributeTable

Mask = NDArray[np.bool_]

CODES = [
    "A",
    "B",
    "C1",
    "C2",
    "D",
    "E1",
    "E2",
    "F1",
    "F2",
    "F3+",
    "F-logfire",
    "G",
    "H",
    "I",
    "J1",
    "J2",
    "JG",
    "K",
    "L",
    "M",
    "N",
    "O",
    "P",
    "Q",
]
"""Codes in a stable order; a span's dialect is an index into this list, -1 for none."""

_OPENLLMETRY = re.compile(
    r"opentelemetry\.instrumentation\.(openai(\.v[01])?|anthropic|cohere|langchain|bedrock|groq"
    r"|mistralai|ollama|vertexai|google_generativeai|llamaindex|crewai|together|replicate"
    r"|sagemaker|watsonx|transformers|alephalpha|haystack|openai_agents|agno|writer"
    r"|pinecone|chromadb|qdrant|weaviate|milvus|lancedb|marqo|voyageai)$"
    r"|traceloop\.tracer$|@traceloop/"
)


@dataclass(frozen=True, slots=True)
class SpanSignals:
    """What detection looks at.

    ``scope`` and ``request`` number a span's scope and request; ``scope_name`` is the place of the
    scope's name among the distinct ``scope_names``.
    """

    table: AttributeTable
    scope_names: Sequence[str]
    scope_name: NDArray[np.int64]
    scope: NDArray[np.int64]
    request: NDArray[np.int64]
    names: Sequence[str | None]

    def keyed(self, *keys: str) -> Mask:
        """Spans with any of these keys."""
        mask = np.zeros(self.table.owner_count, dtype=np.bool_)
        for key in keys:
            mask[self.table.owner[self.table.positions(key)]] = True
        return mask

    def prefixed(self, pattern: str) -> Mask:
        """Spans with a key that the pattern matches at its beginning."""
        matches = re.compile(pattern).match
        return self.keyed(*(key for key in self.table.keys if matches(key)))

    def scoped(self, pattern: str | re.Pattern[str]) -> Mask:
        """Spans whose scope's name the pattern matches at its beginning."""
        matches = re.compile(pattern).match
        hits = np.array([matches(name) is not None for name in self.scope_names], dtype=np.bool_)
        if not hits.any():
            return np.zeros(self.table.owner_count, dtype=np.bool_)
        return hits[self.scope_name]

    def valued(self, key: str, *values: str) -> Mask:
        """Spans whose attribute has one of these texts."""
        at = self.table.positions(key)
        mask = np.zeros(self.table.owner_count, dtype=np.bool_)
        if len(at):
            hits = self.table.texts_at(at).is_in(list(values)).fill_null(value=False).to_numpy()
            mask[self.table.owner[at[hits]]] = True
        return mask

    def shared(self, mask: Mask, group: NDArray[np.int64]) -> Mask:
        """All spans of a scope or request of which any span is in the mask."""
        if not len(group):
            return mask
        hits = np.zeros(int(group.max()) + 1, dtype=np.bool_)
        hits[group[mask]] = True
        return hits[group]


def _openllmetry(signals: SpanSignals) -> Mask:
    return (
        signals.scoped(_OPENLLMETRY)
        | signals.keyed("traceloop.span.kind", "traceloop.entity.name", "llm.request.type")
        | (signals.prefixed(r"gen_ai\.(prompt|completion)\.\d+\.") & ~signals.scoped("litellm"))
    )


def _newer_openllmetry(signals: SpanSignals) -> Mask:
    """Version 0.55 and later; spans of decorators alone follow their request."""
    newer = signals.keyed(
        "gen_ai.input.messages", "gen_ai.provider.name", "gen_ai.is_streaming", "gen_ai.task.name"
    ) | (signals.keyed("gen_ai.operation.name") & ~signals.keyed("llm.request.type"))
    older = signals.keyed("llm.request.type", "llm.is_streaming") | signals.prefixed(
        r"gen_ai\.(prompt|completion)\.\d+\."
    )
    ours = signals.scoped(_OPENLLMETRY)
    older_request = signals.shared(older & ours, signals.request)
    newer_request = signals.shared(newer & ours, signals.request)
    return (
        newer
        | (~older & ~older_request & newer_request)
        | (~older & ~older_request & signals.scoped("@traceloop/"))
    )


def _pydantic_1(signals: SpanSignals) -> Mask:
    ours = signals.scoped(r"pydantic-ai$")
    if not ours.any():
        return ours
    told = signals.keyed("events", "all_messages_events")
    newer = signals.keyed("gen_ai.input.messages", "pydantic_ai.all_messages")
    older_scope = signals.shared(ours & told, signals.scope)
    no_newer = ~signals.shared(ours & newer, signals.scope)
    named = np.array([name in _OLD_PYDANTIC_NAMES for name in signals.names], dtype=np.bool_)
    return ours & (older_scope | (no_newer & signals.shared(ours & named, signals.scope)))


def _pydantic_2(signals: SpanSignals) -> Mask:
    ours = signals.scoped(r"pydantic-ai$")
    if not ours.any():
        return ours
    named = np.array([name in _OLD_PYDANTIC_NAMES for name in signals.names], dtype=np.bool_)
    told = named | signals.keyed("tool_arguments", "tool_response")
    return signals.shared(ours & told, signals.scope) & ours


_OLD_PYDANTIC_NAMES = frozenset(("agent run", "running tool", "running output function"))


def _adk_1(signals: SpanSignals) -> Mask:
    ours = signals.scoped(r"gcp\.vertex\.agent$")
    old = signals.valued("gen_ai.system", "gcp.vertex.agent") | signals.keyed(
        "gcp.vertex.agent.llm_request"
    )
    return ours & signals.shared(ours & old, signals.request)


_ORDER: tuple[tuple[str, Callable[[SpanSignals], Mask]], ...] = (
    ("O", lambda s: s.scoped(r"com\.anthropic\.claude_code")),
    ("N", lambda s: s.scoped("litellm") | s.keyed("litellm.call_id", "hidden_params")),
    ("F1", _pydantic_1),
    ("F2", _pydantic_2),
    ("F3+", lambda s: s.scoped(r"pydantic-ai$|pydantic-evals|pydantic_evals")),
    ("F-logfire", lambda s: s.scoped(r"logfire(\.|$)")),
    ("G", lambda s: s.keyed("langsmith.span.kind") | s.scoped("langsmith")),
    ("H", lambda s: s.keyed("mlflow.spanType") | s.scoped("mlflow")),
    ("I", lambda s: s.keyed("langfuse.observation.type") | s.scoped("langfuse-sdk")),
    ("J1", _adk_1),
    ("J2", lambda s: s.scoped(r"gcp\.vertex\.agent$")),
    ("JG", lambda s: s.scoped(r"opentelemetry\.instrumentation\.google_genai")),
    ("K", lambda s: s.scoped("strands") | s.valued("gen_ai.system", "strands-agents")),
    ("L", lambda s: s.valued("gen_ai.system", "az.ai.inference")),
    (
        "M",
        lambda s: (
            s.keyed("gen_ai.sdk.version")
            | s.valued("telemetry.sdk.name", "openlit")
            | s.scoped("openlit")
        ),
    ),
    ("E1", lambda s: s.keyed("ai.operationId") | s.scoped(r"ai$")),
    ("E2", lambda s: s.scoped(r"gen_ai$")),
    (
        "P",
        lambda s: (
            s.scoped(r"semantic_kernel|Microsoft\.SemanticKernel|org\.springframework")
            | s.keyed("spring.ai.kind")
        ),
    ),
    ("Q", lambda s: s.keyed("mcp.method.name") | s.scoped(r"(fast)?mcp([.-]|$)|.*\.mcp(\.|$)")),
    ("D", lambda s: s.keyed("openinference.span.kind") | s.scoped(r"@arizeai/|openinference")),
    ("C2", lambda s: _openllmetry(s) & _newer_openllmetry(s)),
    ("C1", _openllmetry),
    ("A", lambda s: s.keyed("gen_ai.provider.name") | s.scoped("opentelemetry.util.genai")),
    ("B", lambda s: s.keyed("gen_ai.system")),
    ("A", lambda s: s.prefixed(r"gen_ai\.")),
)
"""Signals from the strongest to the weakest; the first that holds decides."""


def detect(signals: SpanSignals) -> NDArray[np.int8]:
    """The dialect of each span as an index into :data:`CODES`; -1 for none."""
    found = np.full(signals.table.owner_count, -1, dtype=np.int8)
    for code, holds in _ORDER:
        open_ = found < 0
        if not open_.any():
            break
        found[open_ & holds(signals)] = CODES.index(code)
    return found
