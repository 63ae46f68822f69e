"""The canonical fields of a batch of spans: from the mapping, flattened keys, events, and rules."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from otlp_receiver.dialects.detection import CODES
from otlp_receiver.dialects.flattened import assemble
from otlp_receiver.dialects.json_text import dumps, joined
from otlp_receiver.dialects.resolution import Column, Resolution

if TYPE_CHECKING:
    from collections.abc import Callable

    from otlp_receiver.dialects.attributes import AttributeTable
    from otlp_receiver.dialects.mapping import FieldMapping, Rule
    from otlp_receiver.dialects.span_events import SpanEvents

Mask = NDArray[np.bool_]


class FieldSet:
    """Canonical columns on their way, with what each came from."""

    def __init__(
        self,
        table: AttributeTable,
        events: SpanEvents,
        envelope: pl.DataFrame,
        dialect: NDArray[np.int8],
        mapping: FieldMapping,
    ) -> None:
        self.table = table
        self.events = events
        self.envelope = envelope
        self.dialect = dialect
        self.mapping = mapping
        self.count = len(envelope)
        self.resolution = Resolution(table)
        self.columns: dict[str, pl.Series] = {}
        # For each field, the number of its source's text in ``source_texts``; 0 for none.
        self.source_texts: list[str] = [""]
        self.sources: dict[str, NDArray[np.int32]] = {}

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
        operation = self.columns["operation_name"]
        self.is_tool = (operation == "execute_tool").fill_null(value=False).to_numpy()
        self._flattened()
        for name in self.mapping.rules:
            if name != "operation_name":
                self._mapped(name)
        self._contents_from_events()
        self._errors()
        self._finish()
        self.columns["field_sources"] = self._sources_json()

    def _allowed(self, rule: Rule) -> Mask | None:
        """Spans for which a rule holds: its dialects, and tool spans or others."""
        mask: Mask | None = None
        if rule.dialects:
            mask = np.isin(self.dialect, [CODES.index(code) for code in rule.dialects])
        if rule.spans and hasattr(self, "is_tool"):
            fitting = self.is_tool if rule.spans == "tool" else ~self.is_tool
            mask = fitting if mask is None else mask & fitting
        return mask

    def _mapped(self, name: str) -> None:
        """Resolve one field by the mapping, below what flattened keys gave already."""
        rules = [rule for rule in self.mapping.rules[name] if not rule.gathers]
        given = self.columns.get(name)
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
        self.source_texts += [f"{dumps(name)}:{dumps(rule.key)}" for rule in rules]
        said = np.where(column.rule < 0, 0, column.rule + first).astype(np.int32)
        before = self.sources.get(name)
        self.sources[name] = said if before is None else np.where(before > 0, before, said)

    def _source(self, name: str, owners: np.ndarray, key: str) -> None:
        """Remember one source for some spans."""
        if not len(owners):
            return
        sources = self.sources.setdefault(name, np.zeros(self.count, dtype=np.int32))
        sources[owners] = len(self.source_texts)
        self.source_texts.append(f"{dumps(name)}:{dumps(key)}")

    def _operations_from_names(self) -> None:
        """Operations that only the span's name tells."""
        operation = self.columns["operation_name"]
        name = self.envelope["name"]
        frame = pl.DataFrame({"operation": operation, "name": name, "dialect": self.dialect})
        from otlp_receiver.dialects.names import operation_of_name

        self.columns["operation_name"] = frame.select(operation_of_name()).to_series()
        changed = operation.is_null() & self.columns["operation_name"].is_not_null()
        self._source("operation_name", changed.arg_true().to_numpy(), "name")

    def _flattened(self) -> None:
        """Messages and tools that were flattened into numbered keys."""
        for found in assemble(self.table):
            owners = np.fromiter(found.texts, dtype=np.int64, count=len(found.texts))
            if len(found.gaps):
                self.resolution.truncated[found.gaps] = True
            if not len(owners):
                continue
            name = found.family.field
            values = self.columns.get(name)
            if values is None:
                values = pl.Series([None] * self.count, dtype=pl.String)
            open_ = values.is_null().gather(owners).to_numpy()
            texts = pl.Series(list(found.texts.values()), dtype=pl.String)
            self.columns[name] = values.scatter(owners[open_], texts.filter(pl.Series(open_)))
            self._source(name, owners[open_], found.family.source)
            self.taken[found.rows] = True

    def _contents_from_events(self) -> None:
        """Message content that came as span events, where attributes gave none."""
        if not len(self.events.owner):
            return
        by_field: dict[str, dict[int, str]] = {}
        keys: dict[int, str] = {}
        for span, (fields, names) in self.events.contents().items():
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
                self._source(name, np.array([span]), f"event:{keys[span]}")

    def _errors(self) -> None:
        """Whether anything says that the span failed, and what."""
        has, types = self.events.exception_types(self.count)
        sent = self.columns["error_type"]
        status = self.envelope["status_code"] == "error"
        is_error = status | sent.is_not_null() | pl.Series(has)
        self.columns["is_error"] = is_error
        self.columns["error_type"] = pl.select(pl.coalesce(sent, types)).to_series()
        changed = sent.is_null() & types.is_not_null()
        self._source("error_type", changed.arg_true().to_numpy(), "event:exception")

    def _finish(self) -> None:
        """Tokens made consistent, first chunk, model call, cost source, truncation."""
        from otlp_receiver.dialects.rules import finish

        frame = self.envelope.with_columns(
            **self.columns,
            dialect=pl.Series(self.dialect),
            first_chunk=pl.Series(self.events.first_chunk_times(self.count)),
            truncated=pl.Series(self.resolution.truncated),
        )
        self.columns |= {series.name: series for series in finish(frame)}

    def _sources_json(self) -> pl.Series:
        """For each span, ``{field: key}`` of the fields that came from somewhere."""
        names = list(self.sources)
        matrix = np.stack([self.sources[name] for name in names], axis=1)
        flat = matrix.ravel()
        said = flat[flat > 0]
        lengths = (matrix > 0).sum(axis=1)
        texts = pl.Series(self.source_texts, dtype=pl.String).gather(said)
        return joined(texts, lengths, "{", "}")
