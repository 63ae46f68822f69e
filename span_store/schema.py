"""The columns of every table on disk: one declaration each, with the sentence that explains it.

Delta tables know no nanoseconds, so times are stored as integers: nanoseconds since 1970 UTC.
Scans turn them into ``Datetime("ns", "UTC")``; see :data:`TIME_COLUMNS`.
Structured values (messages, attributes, events) are stored as JSON text: one string column
compresses and scans many times faster than a nested one.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import polars as pl


class Form(StrEnum):
    """How a stored value is meant to be read; the physical type follows from it."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    TIME = "time"
    JSON = "json"
    TEXTS = "texts"


_PHYSICAL: dict[Form, pl.DataType] = {
    Form.TEXT: pl.String(),
    Form.INTEGER: pl.Int64(),
    Form.NUMBER: pl.Float64(),
    Form.BOOLEAN: pl.Boolean(),
    Form.TIME: pl.Int64(),
    Form.JSON: pl.String(),
    Form.TEXTS: pl.List(pl.String()),
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, its form, and the sentence shown in the documentation."""

    name: str
    form: Form
    sentence: str

    @property
    def physical(self) -> pl.DataType:
        """The type on disk."""
        return _PHYSICAL[self.form]


@dataclass(frozen=True, slots=True)
class TableSchema:
    """A table: its name, what a row is, the key that makes a row unique, and its columns."""

    name: str
    row: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def names(self) -> list[str]:
        """Column names in their stable order."""
        return [column.name for column in self.columns]

    @property
    def polars(self) -> pl.Schema:
        """The types on disk, for building frames."""
        return pl.Schema({column.name: column.physical for column in self.columns})

    def of_form(self, form: Form) -> list[str]:
        """Names of the columns with this form."""
        return [column.name for column in self.columns if column.form is form]


def _columns(text: str) -> tuple[Column, ...]:
    """Read the declaration below: ``name form sentence`` a line."""
    parsed = []
    for line in text.strip().splitlines():
        name, form, sentence = line.split(maxsplit=2)
        parsed.append(Column(name, Form(form), sentence))
    return tuple(parsed)


SPANS = TableSchema(
    name="spans",
    row="one span",
    key=("project", "trace_id", "span_id"),
    columns=_columns("""
project                  text     The project whose token or setting the request came with.
trace_id                 text     32 lower-case hex digits.
span_id                  text     16 lower-case hex digits.
parent_span_id           text     The parent's span id; null for a root.
name                     text     The span's name; null when it has none.
kind                     text     internal, server, client, producer, consumer or unspecified.
start_time               time     When the operation began, as the sender's clock said; null when it did not say.
end_time                 time     When the operation ended, as the sender's clock said; null when it did not say.
duration_ms              number   End minus start, in milliseconds; null when one is unknown or the end comes first.
received_at              time     When the receiver acknowledged the span, by the receiver's clock.
status_code              text     unset, ok or error.
status_message           text     The status description, as sent.
is_error                 boolean  Whether any error signal is present: status, error.type, exception event, level.
error_type               text     error.type, else the exception's type, else the provider's code.
error_source             text     The strongest signal of the error: status, attr, event, level or log; null for none.
service_name             text     service.name of the resource.
scope_name               text     The instrumentation scope.
dialect                  text     The code of the attribute dialect that was recognised; null for none.
operation_name           text     chat, text_completion, embeddings, execute_tool, invoke_agent, ...
provider_name            text     The provider by its name in the OpenTelemetry convention; null for a framework.
request_model            text     The model asked for.
response_model           text     The model that answered.
response_id              text     The provider's id of the response.
conversation_id          text     The session or conversation id, as sent.
user_id                  text     The end user's id, as sent.
agent_name               text     The agent's name.
system_instructions      json     A list of parts in OpenTelemetry's schema.
input_messages           json     A list of messages in OpenTelemetry's schema.
output_messages          json     A list of messages in OpenTelemetry's schema.
tool_definitions         json     A list of tool definitions in OpenTelemetry's schema.
tool_name                text     The tool that this span executed.
tool_call_id             text     The id of the call that this span executed.
tool_arguments           json     The arguments of the call.
tool_result              json     The result of the call.
finish_reasons           texts    One a choice: stop, length, tool_call, content_filter, error, else as sent.
output_type              text     text, json, image or speech: the kind of output that was asked for.
output_schema            json     The JSON Schema that the output was asked to meet.
input_tokens             integer  All input tokens, cached ones included.
output_tokens            integer  All output tokens, reasoning included.
cache_read_tokens        integer  Input tokens read from a cache; a part of input_tokens.
cache_write_tokens       integer  Input tokens written to a cache; a part of input_tokens.
reasoning_tokens         integer  Output tokens spent on reasoning; a part of output_tokens.
total_tokens             integer  As reported, else input plus output.
cost_usd                 number   Cost in US dollars; null when unknown, never 0 for unknown.
cost_source              text     reported or priced; null when the cost is unknown.
time_to_first_chunk_ms   number   Milliseconds from the start to the first chunk of a stream.
is_streaming             boolean  Whether the answer was streamed; null when the telemetry does not say.
is_model_call            boolean  Whether this span is the one that counts for a call of a model.
is_tool_call             boolean  Whether this span is the one that counts for a call of a tool.
content_truncated        boolean  Whether content was cut before it arrived.
dropped_attributes_count integer  Attributes that the sender dropped.
dropped_events_count     integer  Events that the sender dropped.
attributes               json     Every span attribute that no column above took.
resource_attributes      json     The resource's attributes.
events                   json     A list of {name, time, attributes}, in the order sent.
links                    json     A list of {trace_id, span_id, attributes}.
field_sources            json     For each column taken from an attribute, the attribute's key.
"""),
)

CONTENTS = TableSchema(
    name="contents",
    row="one thing that a log record or another span tells about a span, to be joined to it",
    key=("project", "content_id"),
    columns=_columns("""
project        text     The project of the record or span.
content_id     text     A hash of the record, so that a record sent twice is stored once.
trace_id       text     The trace of the span that the content belongs to.
span_id        text     The span that the content belongs to.
field          text     The span column that it fills; "below." before it: of the model calls below.
position       integer  The order of the piece within its field.
time           time     The record's time.
received_at    time     When the receiver acknowledged the record.
fragment       json     Elements of the field's list, without the outer brackets, or a whole value.
is_fragment    boolean  Whether pieces are strung together into a list, or the value stands alone.
source         text     The event, log record or attribute that the piece came from.
"""),
)

EVALUATIONS = TableSchema(
    name="evaluations",
    row="one score that an evaluator gave to a trace, span or session",
    key=("project", "evaluation_id"),
    columns=_columns("""
project            text     The project of the scored object.
evaluation_id      text     A hash of what makes the score unique, so that it is stored once.
object_type        text     trace, span or session.
object_id          text     TRACE_ID, TRACE_ID:SPAN_ID, or the conversation id.
trace_id           text     The trace, when known.
span_id            text     The span, when known.
response_id        text     The provider's response id that the score names, when no span is known.
evaluator          text     The evaluator's name.
evaluator_version  text     The evaluator's version, when it says one.
score              number   The numeric score; null when there is none or the evaluator failed.
label              text     The score's label.
explanation        text     The evaluator's explanation.
error_type         text     Why the evaluator failed; null when it did not.
time               time     When the score was given.
received_at        time     When the score was received.
source             text     log, span_event, import, detector or judge.
attributes         json     Everything else that was sent with the score.
"""),
)

TRACES = TableSchema(
    name="traces",
    row="one evaluated revision of a trace",
    key=("project", "trace_id", "revision"),
    columns=_columns("""
project                 text     The project of the trace.
trace_id                text     32 lower-case hex digits.
revision                integer  Starts at 1, grows by one when late spans or a newer detector had it evaluated again.
content_hash            text     A hash of the spans evaluated; the same spans give the same hash.
evaluated_at            time     The moment the evaluation stands for (--as-of).
name                    text     The root span's name.
root_span_id            text     The root span; null when none was seen.
complete_reason         text     root_quiet, timeout, size or shutdown.
service_name            text     The root's service.
agent_name              text     The outermost agent's name.
operation_name          text     The root's operation.
conversation_id         text     The session of the trace.
user_id                 text     The end user of the trace.
request_model           text     The model most asked for.
provider_name           text     The provider most asked.
cohort                  text     The baseline cohort of the trace.
start_time              time     The earliest start of its spans.
end_time                time     The latest end of its spans.
duration_ms             number   Latest end minus earliest start.
received_at             time     The latest arrival of its spans.
time_to_first_chunk_ms  number   The longest wait for a first chunk among its streaming model calls.
input_tokens            integer  Summed over model calls.
output_tokens           integer  Summed over model calls.
total_tokens            integer  Summed over model calls.
cost_usd                number   Summed over model calls; null when no call has a known cost.
span_count              integer  Spans, duplicates removed.
model_call_count        integer  Model calls.
tool_call_count         integer  Tool spans.
error_count             integer  Spans with an error.
is_error                boolean  Whether the root, or any span of a rootless trace, has an error.
finish_reason           text     Why the last model call stopped.
content_truncated       boolean  Whether any span's content was cut.
detectors               texts    The detectors that matched.
max_severity            number   The highest severity among the matches; 0 when nothing matched.
decisions               json     For every detector: decision, reason when skipped, version.
selections              json     For every queue rule that looked: queue, rule, version, p, u, salt, selected.
inclusion_probability   number   The probability that any rule kept this trace: the largest p.
priority                number   The priority its items received; null when it was not kept.
"""),
)

FINDINGS = TableSchema(
    name="findings",
    row="one detector's match, or ambiguity, on one trace revision",
    key=("project", "finding_id"),
    columns=_columns("""
project           text     The project of the trace.
finding_id        text     A hash of trace, revision, detector and version.
trace_id          text     The trace.
revision          integer  The trace revision that was evaluated.
span_id           text     The span that the evidence points at first; null for the whole trace.
detector          text     The detector's id.
detector_version  text     The detector's version; after plus signs a hash of its settings when one is not the default, and the learned classifier in use.
decision          text     matched or ambiguous.
severity          number   0 to 1.
confidence        number   0 to 1.
reason            text     One sentence with the numbers in it.
evidence          json     A list of {span_id, message, part, quote, value, threshold, ...}.
found_at          time     The moment the evaluation stands for.
"""),
)

BASELINES = TableSchema(
    name="baselines",
    row="one metric of one cohort in one run",
    key=("project", "run_id", "cohort", "metric"),
    columns=_columns("""
project         text     The project.
run_id          text     The run that computed the baseline.
computed_at     time     The moment the baseline stands for.
window_start    time     The start of the trailing window.
window_end      time     The end of the trailing window.
cohort_level    text     operation_model_agent, operation_model, operation or project.
cohort          text     The cohort's name at that level.
metric          text     duration_ms, time_to_first_chunk_ms, total_tokens or cost_usd.
n               integer  Samples: values above zero.
median          number   In the metric's unit.
p90             number   In the metric's unit.
p95             number   In the metric's unit.
p99             number   In the metric's unit.
log_mad         number   Median absolute deviation of the natural logarithm, scaled by 1.4826.
"""),
)

RUNS = TableSchema(
    name="runs",
    row="one run of the batch job",
    key=("project", "run_id"),
    columns=_columns("""
project       text     The project.
run_id        text     A hash of the project, the watermarks and the configuration.
as_of         time     The moment the run stands for.
started_at    time     When the run began.
finished_at   time     When the run ended.
watermark     time     Everything received up to here was looked at.
versions      json     The versions of routing, baselines and each detector; after a plus sign, a hash of settings that are not the default.
counts        json     Traces looked at, findings by detector, items by queue, settings that are not the default.
durations     json     Seconds by stage.
"""),
)

TABLES: dict[str, TableSchema] = {
    table.name: table for table in (SPANS, CONTENTS, EVALUATIONS, TRACES, FINDINGS, BASELINES, RUNS)
}
"""Every table by its folder's name."""

TIME_COLUMNS: dict[str, list[str]] = {
    table.name: table.of_form(Form.TIME) for table in TABLES.values()
}
"""Columns stored as integer nanoseconds that scans return as ``Datetime("ns", "UTC")``."""
