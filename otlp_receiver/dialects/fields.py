"""The canonical fields of a batch of spans: from the mapping, flattened keys, events, and rules."""

from __future__ import annotations

from functools import cache, cached_property
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from otlp_receiver.dialects.attributes import Kind
from otlp_receiver.dialects.both_forms import better_told, longer_told
from otlp_receiver.dialects.composed import compose
from otlp_receiver.dialects.detection import CODES
from otlp_receiver.dialects.flattened import assemble
from otlp_receiver.dialects.graphs import agents_among_chains
from otlp_receiver.dialects.json_text import dumps
from otlp_receiver.dialects.marks import marks
from otlp_receiver.dialects.names import (
    NAMED_DIALECTS,
    agent_of_name,
    model_of_name,
    operation_of_name,
    provider_of_name,
    tool_of_name,
)
from otlp_receiver.dialects.operations import MODEL_OPERATIONS
from otlp_receiver.dialects.resolution import Column, Resolution, column_type, nulls
from otlp_receiver.dialects.rules import finish
from otlp_receiver.dialects.span_errors import resolve_errors
from otlp_receiver.dialects.supplements import supplement
from otlp_receiver.dialects.text_blocks import texts_of_blocks
from otlp_receiver.dialects.unanswered import without_models_that_never_answered

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from otlp_receiver.dialects.detection import SpanSignals
    from otlp_receiver.dialects.mapping import FieldMapping, Rule
    from otlp_receiver.dialects.span_events import SpanEvents

Mask = NDArray[np.bool_]

_FILLED_FOR = {
    "tool_name": ["execute_tool"],
    "agent_name": ["invoke_agent", "create_agent", "invoke_workflow"],
    "provider_name": sorted(MODEL_OPERATIONS),
    "request_model": sorted(MODEL_OPERATIONS),
}
"""Operations for which a span's name may tell a field."""

_SCHEMA_TOOL = "StructuredOutputTool"
"""What Strands writes into the description of the tool by which a model delivers its answer."""


@cache
def _source_text(field: str, key: str) -> str:
    return f"{dumps(field)}:{dumps(key)}"


class FieldSet:
    """Canonical columns on their way, with what each came from."""

    def __init__(
        self,
        signals: SpanSignals,
        events: SpanEvents,
        envelope: pl.DataFrame,
        dialect: NDArray[np.int8],
        scope_versions: Sequence[str | None],
        mapping: FieldMapping,
    ) -> None:
        self.signals = signals
        self.table = table = signals.table
        self.events = events
        self.envelope = envelope
        self.dialect = dialect
        self.scope_versions = scope_versions
        self.mapping = mapping
        self.count = len(envelope)
        self.resolution = Resolution(table)
        self.columns: dict[str, pl.Series] = {}
        self._masks: dict[tuple[frozenset[str], str], Mask] = {}
        # For each field, the number of its source's text in ``source_texts``; 0 for none.
        self.source_texts: list[str] = [""]
        self.sources: dict[str, NDArray[np.int32]] = {}
        self._operations: tuple[list[str], NDArray[np.int32]] | None = None

    @property
    def taken(self) -> Mask:
        """Attributes that a column holds in full."""
        return self.resolution.taken

    @cached_property
    def placeholders(self) -> Mask:
        """Spans that only announce a span that is still running."""
        mask = np.zeros(self.count, dtype=np.bool_)
        at = self.table.positions("logfire.span_type")
        if len(at):
            pending = (self.table.texts_at(at) == "pending_span").fill_null(value=False)
            mask[self.table.owner[at[pending.to_numpy()]]] = True
        return mask

    def resolve(self) -> None:
        """Fill every column."""
        self._mapped("operation_name")
        self._operations_from_names()
        self._schema_tools()
        self._graphs()
        self.is_tool = self.asked_by(("execute_tool",))
        self._flattened()
        for name in self.mapping.rules:
            if name != "operation_name":
                self._mapped(name)
        self._fill("tool_name", tool_of_name())
        self._fill("agent_name", agent_of_name())
        self._fill("request_model", model_of_name())
        self._fill("provider_name", provider_of_name(), "name or scope")
        self._contents_from_events()
        supplement(self)
        texts_of_blocks(self)
        resolve_errors(self)
        without_models_that_never_answered(self)
        self._finish()
        self.columns["field_sources"] = self._sources_json()

    def _allowed(self, rule: Rule) -> Mask | None:
        """Spans for which a rule holds: its dialects, and tool spans or others."""
        if not rule.dialects and not rule.spans:
            return None
        known = (rule.dialects, rule.spans)
        if known not in self._masks:
            mask = np.ones(self.count, dtype=np.bool_)
            if rule.dialects:
                mask = np.isin(self.dialect, [CODES.index(code) for code in rule.dialects])
            if rule.spans:
                mask &= self.is_tool if rule.spans == "tool" else ~self.is_tool
            self._masks[known] = mask
        return self._masks[known]

    def _mapped(self, name: str) -> None:
        """Resolve one field by the mapping, below what flattened keys gave already."""
        rules = self.resolution.occurring(self.mapping.rules[name])
        given = self.columns.get(name)
        if not rules:
            if given is None:
                shipped = self.mapping.rules[name][0]
                self.columns[name] = nulls(column_type(shipped), self.count)
            self.sources.setdefault(name, np.zeros(self.count, dtype=np.int32))
            return
        allowed: Callable[[Rule], Mask | None] = self._allowed
        if given is not None:
            open_ = given.is_null().to_numpy()

            def allowed(rule: Rule) -> Mask:
                mask = self._allowed(rule)
                return open_ if mask is None else mask & open_

        column = self.resolution.resolve(rules, allowed)
        self._note(name, rules, column)
        if given is None:
            self.columns[name] = column.values
        else:
            self.columns[name] = pl.select(pl.coalesce(given, column.values)).to_series()

    def _note(self, name: str, rules: list[Rule], column: Column) -> None:
        """Remember which key gave the field."""
        first = len(self.source_texts)
        self.source_texts += [_source_text(name, rule.key) for rule in rules]
        said = np.where(column.rule < 0, 0, column.rule + first).astype(np.int32)
        before = self.sources.get(name)
        self.sources[name] = said if before is None else np.where(before > 0, before, said)

    def note_source(self, name: str, owners: np.ndarray, key: str) -> None:
        """Remember one source for some spans."""
        if not len(owners):
            return
        sources = self.sources.setdefault(name, np.zeros(self.count, dtype=np.int32))
        sources[owners] = len(self.source_texts)
        self.source_texts.append(_source_text(name, key))

    def _operations_from_names(self) -> None:
        """Operations that only the span's name tells."""
        self._fill("operation_name", operation_of_name())

    def _fill(self, column: str, expression: pl.Expr, source: str = "name") -> None:
        """Fill a column from the span's name or scope, and remember that it came from there."""
        before = self.columns[column]
        if not before.null_count():
            return
        fitting = _FILLED_FOR.get(column)
        open_ = self._told_by_name() if fitting is None else self.asked_by(fitting)
        at = pl.Series(np.flatnonzero(open_ & before.is_null().to_numpy()))
        if not len(at):
            return
        names = ("operation_name", *_FILLED_FOR)
        frame = self.envelope.select("name", "scope_name")[at].with_columns(
            dialect=pl.Series(self.dialect).gather(at),
            **{name: self.columns[name].gather(at) for name in names if name in self.columns},
        )
        found = frame.select(expression).to_series()
        told = found.is_not_null().arg_true()
        self.columns[column] = before.scatter(at.gather(told), found.gather(told))
        self.note_source(column, at.gather(told).to_numpy(), source)

    def _told_by_name(self) -> Mask:
        """Spans of dialects in which a span's name may tell the operation."""
        return np.isin(self.dialect, [CODES.index(code) for code in sorted(NAMED_DIALECTS)])

    def asked_by(self, operations: Sequence[str]) -> Mask:
        """Spans with one of these operations."""
        if self._operations is None:
            encoded = self.columns["operation_name"].to_arrow().dictionary_encode()
            # A null is the word behind the last one.
            words = encoded.dictionary.to_pylist()
            self._operations = words, np.asarray(encoded.indices.fill_null(len(words)))
        words, where = self._operations
        return np.array([*(word in operations for word in words), False], dtype=np.bool_)[where]

    def _schema_tools(self) -> None:
        """Strands checks a structured answer in a span like a tool's, which runs no tool."""
        at = self.table.positions("gen_ai.tool.description")
        if not len(at) or not (self.dialect == CODES.index("K")).any():
            return
        checks = self.table.texts_at(at).str.contains(_SCHEMA_TOOL, literal=True)
        owners = self.table.owner[at[checks.fill_null(value=False).to_numpy()]]
        owners = owners[self.dialect[owners] == CODES.index("K")]
        column = self.columns["operation_name"]
        self.columns["operation_name"] = column.scatter(owners, "validate_output")
        self.note_source("operation_name", owners, "gen_ai.tool.description")

    def _graphs(self) -> None:
        """Agents of LangChain that are called chains."""
        owners = agents_among_chains(self.table, self.envelope["name"])
        column = self.columns["operation_name"]
        owners = owners[(column.gather(owners) == "chain").fill_null(value=False).to_numpy()]
        if len(owners):
            self.columns["operation_name"] = column.scatter(owners, "invoke_agent")
            self.note_source("operation_name", owners, "metadata.lc_agent_name")

    def _flattened(self) -> None:
        """Messages and tools that were flattened into numbered keys."""
        for found in [*assemble(self.table), *compose(self.table)]:
            owners = np.fromiter(found.texts, dtype=np.int64, count=len(found.texts))
            if len(found.gaps):
                self.resolution.truncated[found.gaps] = True
            if not len(owners):
                continue
            name = found.family.field
            values = self.columns.get(name)
            if values is None:
                values = nulls(pl.String(), self.count)
            open_ = values.is_null().gather(owners).to_numpy()
            open_ &= ~better_told(self.table, name, found.texts)
            open_ &= ~longer_told(self.table, name, found.texts, self._steps())
            texts = pl.Series(list(found.texts.values()), dtype=pl.String)
            self.columns[name] = values.scatter(owners[open_], texts.filter(pl.Series(open_)))
            self.note_source(name, owners[open_], found.family.source)
            self.taken[found.rows] = True

    def _steps(self) -> Mask:
        """Spans around the calls: agents, chains, and the nodes of a graph."""
        return self.asked_by(("invoke_agent", "invoke_workflow", "chain", "task"))

    def _contents_from_events(self) -> None:
        """Message content that came as span events, where attributes gave none."""
        if not len(self.events.owner):
            return
        by_field: dict[str, dict[int, str]] = {}
        keys: dict[int, str] = {}
        for span, (fields, names) in self.events.contents(self.is_tool).items():
            keys[span] = names[0]
            for name, text in fields.items():
                by_field.setdefault(name, {})[span] = text
        for name, texts in by_field.items():
            empty = self.columns[name].is_null()
            spans = [span for span in texts if empty[span]]
            self.columns[name] = self.columns[name].scatter(
                spans, pl.Series([texts[span] for span in spans], dtype=pl.String)
            )
            for span in spans:
                self.note_source(name, np.array([span]), f"event:{keys[span]}")

    def _finish(self) -> None:
        """Tokens made consistent, first chunk, model call, cost source, truncation."""
        frame = self.envelope.with_columns(
            **self.columns,
            first_chunk=pl.Series(self.events.first_chunk_times(self.count)),
            said_first=self._said_first_chunk(),
            exclusive_input=pl.Series(self._came_from("input_tokens", "input_tokens")),
            log_seconds=self.numbers_of("duration"),
            **{name: pl.Series(mask) for name, mask in marks(self).items()},
            truncated=pl.Series(self.resolution.truncated),
        )
        self.columns |= {series.name: series for series in finish(frame)}

    def _came_from(self, name: str, key: str) -> Mask:
        """Spans whose field came from this key."""
        numbers = [
            number
            for number, text in enumerate(self.source_texts)
            if text == _source_text(name, key)
        ]
        return np.isin(self.sources[name], numbers)

    def numbers_of(self, key: str) -> pl.Series:
        """A number attribute by span."""
        at = self.table.positions(key)
        if not len(at):
            return nulls(pl.Float64(), self.count)
        values = np.full(self.count, np.nan)
        at = at[self.table.kind[at] == Kind.NUMBER]
        values[self.table.owner[at]] = self.table.number[at]
        return pl.Series(values).fill_nan(None)

    def texts_of(self, key: str, owners: pl.Series) -> pl.Series:
        """A text attribute of some spans."""
        at = self.table.positions(key)
        every = nulls(pl.String(), self.count)
        if len(at):
            every = every.scatter(self.table.owner[at], self.table.texts_at(at))
        return every.gather(owners)

    def _said_first_chunk(self) -> pl.Series:
        """When Langfuse says that the first chunk came, in nanoseconds; its time may be quoted."""
        empty = nulls(pl.Int64(), self.count)
        at = self.table.positions("langfuse.observation.completion_start_time")
        if not len(at):
            return empty
        texts = self.table.texts_at(at).str.strip_chars('"')
        times = texts.str.to_datetime("%+", time_unit="ns", time_zone="UTC", strict=False)
        return empty.scatter(self.table.owner[at], times.dt.epoch("ns"))

    def _sources_json(self) -> pl.Series:
        """For each span, ``{field: key}`` of the fields that came from somewhere."""
        told = [numbers for numbers in self.sources.values() if numbers.any()]
        matrix = np.stack([np.zeros(self.count, dtype=np.int32), *told], axis=1)
        # Few combinations of sources occur: each is written once. Random weights tell them apart.
        weights = np.random.default_rng(0).integers(1, 2**62, size=matrix.shape[1])
        with np.errstate(over="ignore"):
            _, first, combination = np.unique(
                matrix.astype(np.int64) @ weights, return_index=True, return_inverse=True
            )
        texts = [
            "{" + ",".join(self.source_texts[number] for number in row if number) + "}"
            for row in matrix[first].tolist()
        ]
        said: pl.Series = pl.Series(texts, dtype=pl.String)[combination]
        return said
