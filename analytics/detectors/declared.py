"""Own detectors: declared in the settings as SQL, or installed as Python entry points.

A declared detector is a section of the settings file:

    [[detectors]]
    name = "too_many_tools"
    when = "tool_call_count > 20 AND operation_name = 'invoke_agent'"
    severity = 0.6
    reason = "{tool_call_count} tool calls by {agent_name}"

``when`` is a SQL boolean expression over trace facts; ``reason`` may name facts in braces. An entry
point of the group ``spandocket.detectors`` is called with the analysis settings and gives an object
with the attributes of :class:`analytics.detectors.catalog.Detector`.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from hashlib import blake2b
from importlib.metadata import entry_points
from string import Formatter
from typing import TYPE_CHECKING, Any

import polars as pl

from analytics.detectors.decision import Decision, decision, decisions
from analytics.errors import InvalidDetectorError
from analytics.filters import PREFIXES, compile_trace_filter, trace_types
from analytics.selection import RANDOM_FLOOR
from span_store.errors import SpanStoreError, UnknownColumnError
from span_store.schema import TIME_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from analytics.config import AnalysisConfig, DeclaredDetectorConfig
    from analytics.detectors.catalog import Detector
    from analytics.detectors.context import DetectorContext

ENTRY_POINTS = "spandocket.detectors"

# Filters read decisions by id, and the id is the name of a queue.
_ID = re.compile(r"[a-z][a-z0-9_]*")

# What routing and detection add later: no detector can read it.
_NOT_YET = {"detectors", "max_severity", "decisions", "selections", "priority", "scored_by"} | {
    "inclusion_probability",
    "evaluated_at",
}


_SAMPLES: dict[Any, Any] = {
    pl.String: "",
    pl.Int64: 0,
    pl.Float64: 0.0,
    pl.Boolean: True,
    pl.List: [],
    pl.Datetime: datetime(2026, 1, 1, tzinfo=UTC),
}
"""One value of each type that a trace fact has, to try a reason on."""


class _Reasons(Formatter):
    """Formats reasons; what is not known is called so, whatever its format."""

    def convert_field(self, value: Any, conversion: Any) -> Any:
        return None if value is None else super().convert_field(value, conversion)

    def format_field(self, value: Any, format_spec: str) -> str:
        return "unknown" if value is None else str(super().format_field(value, format_spec))


_REASONS = _Reasons()


class SqlDetector:
    """A detector declared as SQL; its version is a hash of its declaration."""

    def __init__(self, name: str, declared: DeclaredDetectorConfig) -> None:
        self.id = name
        self.declared = declared
        self.title = declared.title or name.replace("_", " ").title()
        self.instructions = declared.instructions or f"Is it so, and is it a problem? {self.title}"
        self.version = blake2b(repr(declared).encode(), digest_size=4).hexdigest()
        self._when = self._compiled()

    def _compiled(self) -> pl.Expr:
        try:
            expression = compile_trace_filter(self.declared.when)
        except SpanStoreError as error:
            raise InvalidDetectorError(self.id, str(error)) from error
        for column in sorted({*expression.meta.root_names(), *self._named()}):
            if column in _NOT_YET or column.startswith(PREFIXES):
                raise InvalidDetectorError(self.id, f"{column} is not known when detectors run")
            if column not in trace_types():
                near = UnknownColumnError(column, "trace facts", trace_types()).nearest
                hint = f"; did you mean {', '.join(near)}?" if near else ""
                raise InvalidDetectorError(self.id, f"unknown trace fact {column!r}{hint}")
        sample = {name: _SAMPLES[kind.base_type()] for name, kind in trace_types().items()}
        try:
            _REASONS.vformat(self.declared.reason, (), sample)
        except (ValueError, TypeError) as error:
            raise InvalidDetectorError(self.id, f"its reason cannot be written: {error}") from error
        return expression

    def _named(self) -> set[str]:
        """The trace facts that the reason names."""
        try:
            parts = list(Formatter().parse(self.declared.reason))
            # A format may name facts of its own: {cost_usd:{span_count}}.
            parts += [inner for _, _, form, _ in parts if form for inner in Formatter().parse(form)]
        except ValueError as error:
            reason = f"its reason cannot be read: {error}; a brace as such is written twice"
            raise InvalidDetectorError(self.id, reason) from error
        return {field for _, field, _, _ in parts if field is not None}

    def decide(self, context: DetectorContext) -> pl.DataFrame:
        """Match the traces for which the expression is true."""
        types = trace_types()
        missing = [
            name for name in types if name not in context.traces.columns and name != "project"
        ]
        facts = context.traces.with_columns(
            *(
                pl.from_epoch(pl.col(name), time_unit="ns").dt.replace_time_zone("UTC")
                for name in TIME_COLUMNS["traces"]
                if name not in missing
            ),
            *(pl.lit(None, dtype=types[name]).alias(name) for name in missing),
            project=pl.lit(context.project),
        )
        return decisions(
            self._matched(row) for row in facts.filter(self._when).iter_rows(named=True)
        )

    def _matched(self, row: Mapping[str, Any]) -> dict[str, Any]:
        reason = self.declared.reason or f"It is so that {self.declared.when}"
        named = self._when.meta.root_names()
        return decision(
            row["trace_id"],
            Decision.MATCHED,
            reason=_REASONS.vformat(reason, (), row) if self.declared.reason else reason,
            severity=self.declared.severity,
            confidence=self.declared.confidence,
            span_id=row["root_span_id"],
            evidence=[
                {"span_id": row["root_span_id"], "metric": name, "value": _plain(row[name])}
                for name in dict.fromkeys(named)
            ],
        )


def _plain(value: Any) -> Any:
    return value if isinstance(value, int | float | str | bool | None) else str(value)


def own_detectors(config: AnalysisConfig, taken: set[str]) -> list[Detector]:
    """Declared and installed detectors; raises :class:`InvalidDetectorError`."""
    loaded: list[Detector] = []
    for name, declared in config.detectors.items():
        loaded.append(SqlDetector(name, declared))
    for entry in sorted(entry_points(group=ENTRY_POINTS), key=lambda entry: entry.name):
        try:
            installed: Detector = entry.load()(config)
            known = (installed.id, installed.version, installed.title, installed.instructions)
        except Exception as error:
            raise InvalidDetectorError(entry.name, f"{type(error).__name__}: {error}") from error
        if not all(isinstance(value, str) and value for value in known):
            raise InvalidDetectorError(entry.name, "id, version, title and instructions are texts")
        loaded.append(installed)
    for detector in loaded:
        if not _ID.fullmatch(detector.id) or detector.id == RANDOM_FLOOR:
            reason = "an id is lower-case words, digits and underscores, and not random_floor"
            raise InvalidDetectorError(detector.id, reason)
        if detector.id in taken:
            raise InvalidDetectorError(detector.id, "another detector has this id")
        taken.add(detector.id)
    return [one for one in loaded if one.id not in config.disabled_detectors]
