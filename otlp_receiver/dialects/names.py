"""What only a span's name tells, or its scope's: operations, tools, agents, providers.

Used when no attribute says it: some libraries never send one, and a sender that drops attributes
beyond its limit loses the oldest first.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import polars as pl

from otlp_receiver.dialects.detection import CODES
from otlp_receiver.dialects.operations import MODEL_OPERATIONS

RAW_REQUEST = "raw_gen_ai_request"
"""LiteLLM's span of what went over the wire, below the span of its call."""

_CONVENTION = "A B C2 E2 F1 F2 F3+ J2 JG K L M N P"
"""Dialects that name spans as the convention does: the operation, then what it is about."""

_CLASSES_OF_MODELS = (
    r"^(Azure)?Chat(OpenAI|Anthropic|Bedrock(Converse)?|VertexAI|GoogleGenerativeAI|MistralAI"
    r"|Cohere|Groq|DeepSeek|XAI|Ollama)$"
)
"""LangChain's classes of models, which name the spans of their calls."""

_OPERATIONS = (
    # dialect codes, pattern of the name, operation
    ("J1", r"^call_llm$", "chat"),
    ("J1 J2", r"^(agent_run \[|invoke_agent )", "invoke_agent"),
    ("J1 J2", r"^execute_tool ", "execute_tool"),
    ("J1 J2", r"^invocation$", "invoke_workflow"),
    ("F1 F2 F3+", r"^running (tool|output function)", "execute_tool"),
    ("F1 F2 F3+", r"^agent run$|^invoke_agent ", "invoke_agent"),
    ("A", r"^(anthropic|openai)\.(messages|chat\.completions|responses)\.create$", "chat"),
    ("D G H I", _CLASSES_OF_MODELS, "chat"),
    ("K", r"^chat$", "chat"),
    ("F-logfire", r"^(Chat Completion|Message|Responses API|streaming response)\b", "chat"),
    ("O", r"claude_code\.llm_request", "chat"),
    ("O", r"claude_code\.tool$", "execute_tool"),
    ("O", r"claude_code\.interaction", "invoke_agent"),
    ("N", r"^litellm_request$", "chat"),
    ("C1 C2", r"\.(chat|invoke_model)$", "chat"),
    ("C1 C2", r"\.responses?$", "chat"),
    ("C1 C2", r"\.completion$", "text_completion"),
    ("C1 C2", r"\.embeddings?$", "embeddings"),
    ("E1", r"^ai\.(generate|stream)(Text|Object)\.do", "chat"),
    ("E1", r"^ai\.(generate|stream)(Text|Object)\b", "invoke_agent"),
    ("E1", r"^ai\.embed", "embeddings"),
    ("E1", r"^ai\.toolCall\b", "execute_tool"),
    (_CONVENTION, r"^chat \S", "chat"),
    (_CONVENTION, r"^generate_content \S", "generate_content"),
    (_CONVENTION, r"^text_completion \S", "text_completion"),
    (_CONVENTION, r"^embeddings \S", "embeddings"),
    (_CONVENTION, r"^execute_tool \S", "execute_tool"),
    (_CONVENTION, r"^invoke_agent \S", "invoke_agent"),
    ("D", r"^(ChatCompletion|OpenAI Chat Completions|Response|messages\.create)$", "chat"),
)

NAMED_DIALECTS = frozenset(code for codes, _, _ in _OPERATIONS for code in codes.split())
"""Dialects in which a span's name may tell the operation."""

_PROVIDERS = (
    # pattern of the span's name, provider
    (r"^(Async)?Embeddings$", "openai"),
    (r"^Azure(Chat)?OpenAI\b", "azure.ai.openai"),
    (r"^(Chat)?OpenAI(-generation|\b)", "openai"),
    (r"^(Chat)?Anthropic\b", "anthropic"),
    (r"^Chat(Bedrock|BedrockConverse)\b", "aws.bedrock"),
    (r"^ChatVertexAI\b", "gcp.vertex_ai"),
    (r"^ChatGoogleGenerativeAI\b", "gcp.gemini"),
    (r"^ChatMistralAI\b", "mistral_ai"),
    (r"^ChatCohere\b", "cohere"),
    (r"^ChatGroq\b", "groq"),
    (r"^ChatDeepSeek\b", "deepseek"),
    (r"^ChatXAI\b", "x_ai"),
)

_SCOPE_PROVIDERS = (
    (r"instrumentation[.-](genai[.-])?openai([.-]v\d|_v2)?$|^com\.openai", "openai"),
    (r"instrumentation[.-](genai[.-])?anthropic$|^com\.anthropic\.", "anthropic"),
    (r"instrumentation[.-]bedrock$", "aws.bedrock"),
    (r"instrumentation[.-]cohere$", "cohere"),
    (r"instrumentation[.-]groq$", "groq"),
    (r"instrumentation[.-]mistral(ai)?$", "mistral_ai"),
    (r"instrumentation[.-]vertexai$", "gcp.vertex_ai"),
)


_CLASS_OF_LANGCHAIN = r"^(LangGraph|Runnable\w*|\w+(Chain|Parser|Template|Executor))$"
"""Names that LangChain gives to what a program does not name; another name is an agent's."""


def _in(codes: str) -> pl.Expr:
    return pl.col("dialect").is_in([CODES.index(code) for code in codes.split()])


@cache
def operation_of_name() -> pl.Expr:
    """The operation, of a frame of ``operation_name``, ``name``, ``dialect`` (an index)."""
    expression: Any = pl.when(pl.col("operation_name").is_not_null()).then("operation_name")
    for codes, pattern, operation in _OPERATIONS:
        holds = _in(codes) & pl.col("name").str.contains(pattern)
        expression = expression.when(holds).then(pl.lit(operation))
    filled: pl.Expr = expression.otherwise(None)
    return filled.alias("operation_name")


@cache
def tool_of_name() -> pl.Expr:
    """The name of a tool span's tool."""
    bare = (
        pl.col("name")
        .str.replace(r"^(MCP send )?(execute_tool|tools/call|running tool:?)\s+", "")
        .str.replace(r"\.tool$", "")
    )
    given = pl.col("tool_name")
    is_tool = pl.col("operation_name") == "execute_tool"
    plain = ~pl.col("name").is_in(["running tool", "tools/call", "execute_tool", "ai.toolCall"])
    return pl.when(given.is_null() & is_tool & plain).then(bare).otherwise(given).alias("tool_name")


@cache
def model_of_name() -> pl.Expr:
    """The model asked for, behind the operation in a name of the convention."""
    given = pl.col("request_model")
    named = pl.col("name").str.extract(_MODEL_NAME)
    ours = given.is_null() & _in(_CONVENTION)
    return pl.when(ours).then(named).otherwise(given).alias("request_model")


_MODEL_NAME = r"^(?:chat|generate_content|text_completion|embeddings) (\S+)$"


@cache
def agent_of_name() -> pl.Expr:
    """The name of an agent span's agent."""
    given = pl.col("agent_name")
    named = pl.col("name").str.extract(r"^(?:invoke_agent|create_agent)\s+(.+)$")
    old = pl.col("name").str.extract(r"^agent_run \[(.+)\]$")
    decorated = pl.col("name").str.extract(r"^(.+)\.agent$")
    graph = pl.col("name").str.extract(r"^(.+)\.workflow$")
    is_graph = (
        _in("C1")
        & (pl.col("operation_name") == "invoke_workflow")
        & pl.col("scope_name").str.ends_with("langchain")
        & ~graph.str.contains(_CLASS_OF_LANGCHAIN)
    )
    whole = pl.when(_in("H I D") & ~pl.col("name").str.contains(r"\s")).then("name")
    is_agent = pl.col("operation_name").is_in(["invoke_agent", "create_agent"])
    return (
        pl.when(given.is_null() & is_agent)
        .then(pl.coalesce(named, old, decorated, whole))
        .when(given.is_null() & is_graph)
        .then(graph)
        .otherwise(given)
        .alias("agent_name")
    )


@cache
def provider_of_name() -> pl.Expr:
    """The provider that the class or the instrumented client's name tells, for model calls."""
    asks = pl.col("operation_name").is_in(sorted(MODEL_OPERATIONS)).fill_null(value=False)
    expression: Any = (
        pl.when(pl.col("provider_name").is_not_null()).then("provider_name").when(~asks).then(None)
    )
    for pattern, provider in _PROVIDERS:
        holds = pl.col("name").str.contains(pattern)
        expression = expression.when(holds).then(pl.lit(provider))
    for pattern, provider in _SCOPE_PROVIDERS:
        holds = pl.col("scope_name").str.contains(pattern)
        expression = expression.when(holds).then(pl.lit(provider))
    filled: pl.Expr = expression.otherwise(None)
    return filled.alias("provider_name")
