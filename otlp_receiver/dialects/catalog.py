"""The dialects by their codes: which library, and by what it is recognised."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Dialect:
    """One dialect, as shown to people."""

    code: str
    library: str
    signal: str
    content: str


DIALECTS = (
    Dialect(
        "A",
        "OpenTelemetry GenAI conventions since 1.37",
        "`gen_ai.provider.name`",
        "attributes, `operation.details` logs or span events",
    ),
    Dialect(
        "B",
        "OpenTelemetry GenAI conventions up to 1.36",
        "`gen_ai.system` without `gen_ai.provider.name`",
        "log records or span events `gen_ai.*.message`, `gen_ai.choice`",
    ),
    Dialect(
        "C1",
        "OpenLLMetry before 0.55",
        "`llm.request.type`, `gen_ai.prompt.0.*`, scope",
        "flattened attributes `gen_ai.prompt.*`, `gen_ai.completion.*`",
    ),
    Dialect(
        "C2",
        "OpenLLMetry since 0.55",
        "scope, `traceloop.*` with `gen_ai.input.messages`",
        "JSON attributes; workflow spans `traceloop.entity.*`",
    ),
    Dialect(
        "D",
        "OpenInference",
        "`openinference.span.kind`, scope",
        "flattened attributes `llm.input_messages.*`, `input.value`",
    ),
    Dialect(
        "E1",
        "Vercel AI SDK 3 to 6, and the legacy form of 7",
        "`ai.operationId`, scope `ai`",
        "`ai.prompt.messages`, `ai.response.*`",
    ),
    Dialect("E2", "Vercel AI SDK 7", "scope `gen_ai`", "JSON attributes"),
    Dialect(
        "F1",
        "Pydantic AI, data format 1",
        "scope `pydantic-ai`, `events`",
        "`events` attribute or log records",
    ),
    Dialect(
        "F2",
        "Pydantic AI, data format 2",
        "scope `pydantic-ai`, `tool_arguments`, old span names",
        "JSON attributes",
    ),
    Dialect("F3+", "Pydantic AI, data formats 3 to 6", "scope `pydantic-ai`", "JSON attributes"),
    Dialect(
        "F-logfire",
        "Logfire's integrations",
        "scope `logfire.*`",
        "`request_data`, `response_data` or JSON attributes",
    ),
    Dialect(
        "G", "LangSmith exporter", "`langsmith.span.kind`", "`gen_ai.prompt`, `gen_ai.completion`"
    ),
    Dialect("H", "MLflow", "`mlflow.spanType`", "`mlflow.spanInputs`, `mlflow.spanOutputs`"),
    Dialect(
        "I",
        "Langfuse SDK",
        "`langfuse.observation.type`",
        "`langfuse.observation.input`, `.output`",
    ),
    Dialect(
        "J1",
        "Google ADK, schema 1",
        "scope `gcp.vertex.agent` with `gcp.vertex.agent.llm_request`",
        "`gcp.vertex.agent.llm_request`, `.llm_response`",
    ),
    Dialect("J2", "Google ADK, schema 2", "scope `gcp.vertex.agent`", "attributes or logs"),
    Dialect(
        "JG",
        "google-genai instrumentation",
        "scope `opentelemetry.instrumentation.google_genai`",
        "attributes or logs",
    ),
    Dialect(
        "K",
        "Strands Agents, AgentCore",
        "scope `strands.telemetry.tracer`",
        "span events, or one log record a span",
    ),
    Dialect("L", "azure-ai-inference", "`gen_ai.system` = `az.ai.inference`", "span events"),
    Dialect("M", "OpenLIT", "`telemetry.sdk.name` = `openlit`", "JSON attributes and logs"),
    Dialect("N", "LiteLLM", "scope `litellm`, `hidden_params`", "JSON attributes"),
    Dialect(
        "O",
        "Claude Code",
        "scope `com.anthropic.claude_code.tracing`",
        "`user_prompt`, `new_context`",
    ),
    Dialect(
        "P",
        "Semantic Kernel, Spring AI",
        "scope `semantic_kernel.*`, `org.springframework.*`",
        "log records or span events",
    ),
    Dialect(
        "Q", "Model context protocol", "`mcp.method.name`, scope `fastmcp`, `*.mcp`", "tool spans"
    ),
)
"""Every dialect that is recognised, in the order of their codes."""
