"""Operation names as the OpenTelemetry convention spells them."""

from __future__ import annotations

_ALIASES = {
    "llm": "chat",
    "chat_model": "chat",
    "generation": "chat",
    "completion": "text_completion",
    "embedding": "embeddings",
    "embed": "embeddings",
    "tool": "execute_tool",
    "agent": "invoke_agent",
    "workflow": "invoke_workflow",
    "retriever": "retrieval",
    "reranker": "rerank",
    "evaluator": "evaluation",
    "llm_request": "chat",
    "llm_call": "chat",
    "tool_call": "execute_tool",
    "agent_call": "invoke_agent",
    "interaction": "invoke_agent",
    "chat_client": "chain",
    "advisor": "chain",
    "ai.generatetext": "invoke_agent",
    "ai.streamtext": "invoke_agent",
    "ai.generateobject": "invoke_agent",
    "ai.streamobject": "invoke_agent",
    "ai.generatetext.dogenerate": "chat",
    "ai.streamtext.dostream": "chat",
    "ai.generateobject.dogenerate": "chat",
    "ai.streamobject.dostream": "chat",
    "ai.toolcall": "execute_tool",
    "ai.embed": "embeddings",
    "ai.embedmany": "embeddings",
    "ai.embed.doembed": "embeddings",
    "ai.embedmany.doembed": "embeddings",
    "ai.rerank": "rerank",
    "ai.rerank.dorerank": "rerank",
}

MODEL_OPERATIONS = frozenset(
    ("chat", "generate_content", "text_completion", "embeddings", "response", "generate", "rerank")
)
"""Operations that ask a model something."""


def operation(name: str) -> str | None:
    """The conventional name; a name that is not known stays as sent, in lower case."""
    bare = name.strip().strip("\"'")
    lowered = bare.lower().removeprefix("claude_code.")
    if not lowered or lowered == "unknown":
        return None
    return _ALIASES.get(lowered, lowered)
