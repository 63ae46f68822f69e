"""What the server answers, as frozen values; written by ``make docs``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """One score of one evaluator. Times are RFC 3339 with nanoseconds."""

    project: str | None
    """The project of the scored object."""
    evaluation_id: str | None
    """A hash of what makes the score unique, so that it is stored once."""
    object_type: str | None
    """Trace, span or session."""
    object_id: str | None
    """TRACE_ID, TRACE_ID:SPAN_ID, or the conversation id."""
    trace_id: str | None
    """The trace, when known."""
    span_id: str | None
    """The span, when known."""
    response_id: str | None
    """The provider's response id that the score names, when no span is known."""
    evaluator: str | None
    """The evaluator's name."""
    evaluator_version: str | None
    """The evaluator's version, when it says one."""
    score: float | None
    """The numeric score; null when there is none or the evaluator failed."""
    label: str | None
    """The score's label."""
    explanation: str | None
    """The evaluator's explanation."""
    error_type: str | None
    """Why the evaluator failed; null when it did not."""
    time: str | None
    """When the score was given."""
    received_at: str | None
    """When the score was received."""
    source: str | None
    """Log, span_event, import, detector or judge."""
    attributes: Any
    """Everything else that was sent with the score."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationPage:
    """One page of scores."""

    evaluations: tuple[Evaluation, ...]
    cursor: str | None
    """Hand it back for the next page; null on the last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One conversation, rolled up. Times are RFC 3339 with nanoseconds."""

    project: str | None
    """The project."""
    conversation_id: str | None
    """The session's id, as sent."""
    user_id: str | None
    """The end user; the first by name when there are several."""
    trace_count: int | None
    """Evaluated traces."""
    span_count: int | None
    """Spans of those traces."""
    model_call_count: int | None
    """Model calls."""
    tool_call_count: int | None
    """Tool spans."""
    error_count: int | None
    """Spans with an error."""
    input_tokens: int | None
    """Summed; null when no trace knows them."""
    output_tokens: int | None
    """Summed; null when no trace knows them."""
    total_tokens: int | None
    """Summed; null when no trace knows them."""
    cost_usd: float | None
    """Summed; null when no trace has a known cost."""
    start_time: str | None
    """The earliest start."""
    end_time: str | None
    """The latest end."""
    duration_ms: float | None
    """Latest end minus earliest start: pauses included."""
    active_ms: float | None
    """The durations of the traces, summed: pauses left out."""
    agent_names: tuple[str, ...] | None
    """The agents of its traces."""
    request_models: tuple[str, ...] | None
    """The models its traces asked most."""
    detectors: tuple[str, ...] | None
    """The detectors that matched any of its traces."""
    flagged_trace_count: int | None
    """Traces that any detector matched."""
    max_severity: float | None
    """The highest severity among the matches."""
    finish_reason: str | None
    """Why the last model call of the last trace stopped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPage:
    """One page of conversations."""

    sessions: tuple[Session, ...]
    cursor: str | None
    """Hand it back for the next page; null on the last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One canonical span. Times are RFC 3339 with nanoseconds."""

    project: str | None
    """The project whose token or setting the request came with."""
    trace_id: str | None
    """32 lower-case hex digits."""
    span_id: str | None
    """16 lower-case hex digits."""
    parent_span_id: str | None
    """The parent's span id; null for a root."""
    name: str | None
    """The span's name; null when it has none."""
    kind: str | None
    """Internal, server, client, producer, consumer or unspecified."""
    start_time: str | None
    """When the operation began, as the sender's clock said; null when it did not say."""
    end_time: str | None
    """When the operation ended, as the sender's clock said; null when it did not say."""
    duration_ms: float | None
    """End minus start, in milliseconds; null when one is unknown or the end comes first."""
    received_at: str | None
    """When the receiver acknowledged the span, by the receiver's clock."""
    status_code: str | None
    """Unset, ok or error."""
    status_message: str | None
    """The status description, as sent."""
    is_error: bool | None
    """Whether any error signal is present: status, error.type, exception event, level."""
    error_type: str | None
    """Error.type, else the exception's type, else the provider's code."""
    error_source: str | None
    """The strongest signal of the error: status, attr, event, level or log; null for none."""
    service_name: str | None
    """Service.name of the resource."""
    scope_name: str | None
    """The instrumentation scope."""
    dialect: str | None
    """The code of the attribute dialect that was recognised; null for none."""
    operation_name: str | None
    """Chat, text_completion, embeddings, execute_tool, invoke_agent, ..."""
    provider_name: str | None
    """The provider by its name in the OpenTelemetry convention; null for a framework."""
    request_model: str | None
    """The model asked for."""
    response_model: str | None
    """The model that answered."""
    response_id: str | None
    """The provider's id of the response."""
    conversation_id: str | None
    """The session or conversation id, as sent."""
    user_id: str | None
    """The end user's id, as sent."""
    agent_name: str | None
    """The agent's name."""
    system_instructions: Any
    """A list of parts in OpenTelemetry's schema."""
    input_messages: Any
    """A list of messages in OpenTelemetry's schema."""
    output_messages: Any
    """A list of messages in OpenTelemetry's schema."""
    tool_definitions: Any
    """A list of tool definitions in OpenTelemetry's schema."""
    tool_name: str | None
    """The tool that this span executed."""
    tool_call_id: str | None
    """The id of the call that this span executed."""
    tool_arguments: Any
    """The arguments of the call."""
    tool_result: Any
    """The result of the call."""
    finish_reasons: tuple[str, ...] | None
    """One a choice: stop, length, tool_call, content_filter, error, else as sent."""
    output_type: str | None
    """Text, json, image or speech: the kind of output that was asked for."""
    output_schema: Any
    """The JSON Schema that the output was asked to meet."""
    input_tokens: int | None
    """All input tokens, cached ones included."""
    output_tokens: int | None
    """All output tokens, reasoning included."""
    cache_read_tokens: int | None
    """Input tokens read from a cache; a part of input_tokens."""
    cache_write_tokens: int | None
    """Input tokens written to a cache; a part of input_tokens."""
    reasoning_tokens: int | None
    """Output tokens spent on reasoning; a part of output_tokens."""
    total_tokens: int | None
    """As reported, else input plus output."""
    cost_usd: float | None
    """Cost in US dollars; null when unknown, never 0 for unknown."""
    cost_source: str | None
    """Reported or priced; null when the cost is unknown."""
    time_to_first_chunk_ms: float | None
    """Milliseconds from the start to the first chunk of a stream."""
    is_streaming: bool | None
    """Whether the answer was streamed; null when the telemetry does not say."""
    is_model_call: bool | None
    """Whether this span is the one that counts for a call of a model."""
    is_tool_call: bool | None
    """Whether this span is the one that counts for a call of a tool."""
    content_truncated: bool | None
    """Whether content was cut before it arrived."""
    dropped_attributes_count: int | None
    """Attributes that the sender dropped."""
    dropped_events_count: int | None
    """Events that the sender dropped."""
    attributes: Any
    """Every span attribute that no column above took."""
    resource_attributes: Any
    """The resource's attributes."""
    events: Any
    """A list of {name, time, attributes}, in the order sent."""
    links: Any
    """A list of {trace_id, span_id, attributes}."""
    field_sources: Any
    """For each column taken from an attribute, the attribute's key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanPage:
    """One page of spans."""

    spans: tuple[Span, ...]
    cursor: str | None
    """Hand it back for the next page; null on the last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """The facts of one analysed trace. Times are RFC 3339 with nanoseconds."""

    project: str | None
    """The project of the trace."""
    trace_id: str | None
    """32 lower-case hex digits."""
    revision: int | None
    """Starts at 1, grows by one when late spans or a newer detector had it evaluated again."""
    content_hash: str | None
    """A hash of the spans evaluated; the same spans give the same hash."""
    evaluated_at: str | None
    """The moment the evaluation stands for (--as-of)."""
    name: str | None
    """The root span's name."""
    root_span_id: str | None
    """The root span; null when none was seen."""
    complete_reason: str | None
    """Root_quiet, timeout, size or shutdown."""
    service_name: str | None
    """The root's service."""
    agent_name: str | None
    """The outermost agent's name."""
    operation_name: str | None
    """The root's operation."""
    conversation_id: str | None
    """The session of the trace."""
    user_id: str | None
    """The end user of the trace."""
    request_model: str | None
    """The model most asked for."""
    provider_name: str | None
    """The provider most asked."""
    cohort: str | None
    """The baseline cohort of the trace."""
    start_time: str | None
    """The earliest start of its spans."""
    end_time: str | None
    """The latest end of its spans."""
    duration_ms: float | None
    """Latest end minus earliest start."""
    received_at: str | None
    """The latest arrival of its spans."""
    time_to_first_chunk_ms: float | None
    """The longest wait for a first chunk among its streaming model calls."""
    input_tokens: int | None
    """Summed over model calls."""
    output_tokens: int | None
    """Summed over model calls."""
    total_tokens: int | None
    """Summed over model calls."""
    cost_usd: float | None
    """Summed over model calls; null when no call has a known cost."""
    span_count: int | None
    """Spans, duplicates removed."""
    model_call_count: int | None
    """Model calls."""
    tool_call_count: int | None
    """Tool spans."""
    error_count: int | None
    """Spans with an error."""
    is_error: bool | None
    """Whether the root, or any span of a rootless trace, has an error."""
    finish_reason: str | None
    """Why the last model call stopped."""
    content_truncated: bool | None
    """Whether any span's content was cut."""
    detectors: tuple[str, ...] | None
    """The detectors that matched."""
    max_severity: float | None
    """The highest severity among the matches; 0 when nothing matched."""
    decisions: Any
    """For every detector: decision, reason when skipped, version."""
    selections: Any
    """For every queue rule that looked: queue, rule, version, p, u, salt, selected."""
    inclusion_probability: float | None
    """The probability that any rule kept this trace: the largest p."""
    priority: float | None
    """The priority its items received; null when it was not kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TracePage:
    """One page of traces."""

    traces: tuple[Trace, ...]
    cursor: str | None
    """Hand it back for the next page; null on the last."""


__all__ = [
    "Evaluation",
    "EvaluationPage",
    "Session",
    "SessionPage",
    "Span",
    "SpanPage",
    "Trace",
    "TracePage",
]
