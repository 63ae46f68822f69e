"""Pairs from stored data: an evaluator's scores joined with people's answers on the same object.

The composition root of the alignment report: it alone reads both stores.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import click
import polars as pl

from analytics.alignment.score_types import ScaleOptions, ScoreType
from cli.alignment_design import probabilities
from cli.nearest import nearest_names
from queue_store.model import FieldType

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analytics.alignment.report import ReportOptions
    from cli.context import Context
    from queue_store.model import AnnotationRow, Field

_KEY = ["object_type", "object_id"]
_DECISIONS = {"matched": "true", "no_match": "false"}


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPairs:
    """A frame of pairs, what is known about it, and the field's own reading of values."""

    frame: pl.DataFrame
    about: dict[str, Any]
    field: Field

    def scale_options(self, asked: ScaleOptions) -> ScaleOptions:
        """What was asked, completed by the field's definition."""
        labels = asked.labels
        if not labels and self.field.type is FieldType.CATEGORICAL and not self.field.multiple:
            labels = tuple(option.value for option in self.field.options)
        kind = asked.score_type
        if kind is None and self.field.type is FieldType.STRING:
            kind = ScoreType.CATEGORICAL
        if kind is None and self.field.type is FieldType.BOOLEAN:
            kind = ScoreType.BOOLEAN
        return replace(
            asked,
            labels=labels,
            score_type=kind,
            positive=asked.positive or self.field.positive,
        )


class UnknownEvaluatorError(click.ClickException):
    """No score of this name is stored, and no detector has it."""

    exit_code = 2


def stored_pairs(context: Context, evaluator: str, field_name: str) -> StoredPairs:
    """Join one evaluator (or detector) with one field.

    Raises :class:`UnknownEvaluatorError`, and the queue store's NotFoundError for the field.
    """
    field = context.queue_store.field(project=context.project, name=field_name)
    rows = context.queue_store.annotations(project=context.project, field=field_name)
    scores = evaluator_scores(context, evaluator, field)
    answers = _answers(rows)
    frame = scores.join(answers, on=_KEY, how="full", coalesce=True, maintain_order="left_right")
    frame = frame.join(_traces(context), on="trace_id", how="left")
    design = probabilities(context, field, frame, rows)
    frame = frame.with_columns(
        item=pl.col("object_id"),
        cluster=pl.coalesce("cluster", "conversation_id"),
        **design,
    )
    about = {
        "project": context.project,
        "evaluator": evaluator,
        "field": field.name,
        "field_version": field.version,
        "object_types": sorted(set(frame["object_type"].drop_nulls())),
    }
    wanted = [
        "item", "human", "evaluator", "rater", "inclusion_probability", "cluster", "stratum",
        "evaluator_version", "config_hash", "time", "blind", "adjudicated", "manual", "reopened",
        "out_of_order",
    ]  # fmt: skip
    if frame["cluster"].null_count() == frame.height:
        wanted.remove("cluster")
    if frame["inclusion_probability"].null_count() == frame.height:
        wanted.remove("inclusion_probability")
    return StoredPairs(frame=frame.select(wanted), about=about, field=field)


def human_frames(
    context: Context, queue: str, field_name: str | None, options: ReportOptions
) -> Iterator[tuple[str, pl.DataFrame, ReportOptions]]:
    """The answers given in a queue, a frame a field, with no evaluator beside them."""
    target = context.queue_store.queue(project=context.project, name=queue)
    rows = context.queue_store.annotations(project=context.project, queue=target.name)
    for name in [field_name] if field_name else sorted({row.field for row in rows}):
        field = context.queue_store.field(project=context.project, name=name)
        answers = _answers([row for row in rows if row.field == field.name])
        if answers.is_empty():
            continue
        frame = answers.select(
            "human", "rater", "blind", "adjudicated", "time",
            item=pl.concat_str("object_type", pl.lit(" "), "object_id"),
            evaluator=pl.lit(None, dtype=pl.String),
        )  # fmt: skip
        nothing = pl.DataFrame()
        scale = StoredPairs(frame=nothing, about={}, field=field).scale_options(options.scale)
        yield field.name, frame, replace(options, scale=scale)


def evaluator_scores(context: Context, evaluator: str, field: Field | None) -> pl.DataFrame:
    """One score an object and version: the newest; a failed evaluation has none.

    Detectors that stored no scores are read from their decisions on each trace.
    """
    found = (
        context.span_store.scan("evaluations", project=context.project)
        .filter(pl.col("evaluator") == evaluator)
        .filter(pl.col("object_id").is_not_null())
        .sort("time", "received_at", nulls_last=False)
        .unique(subset=[*_KEY, "evaluator_version"], keep="last", maintain_order=True)
        .collect()
    )
    if found.is_empty():
        decided = _decisions(context, evaluator)
        if decided is None:
            known = _known_evaluators(context)
            raise UnknownEvaluatorError(
                f"no evaluator {evaluator!r} has scores here{nearest_names(evaluator, known)}"
            )
        return decided
    by_label = field is not None and field.type in (FieldType.CATEGORICAL, FieldType.STRING)
    score = pl.col("score").map_elements(_number, return_dtype=pl.String)
    order = [pl.col("label"), score] if by_label else [score, pl.col("label")]
    return found.select(
        *_KEY,
        trace_id=pl.coalesce("trace_id", pl.col("object_id").str.split(":").list.first()),
        evaluator=pl.when(pl.col("error_type").is_null()).then(pl.coalesce(order)),
        evaluator_version="evaluator_version",
        config_hash=pl.col("attributes").str.json_path_match("$['config_hash']"),
    )


def all_scores(context: Context, field: Field) -> pl.DataFrame:
    """Every evaluator's newest score on each object, and the reference of the field there."""
    from analytics.alignment.pairs import read_pairs
    from analytics.alignment.reference import coded_ratings, references
    from analytics.alignment.scale import decide_scale

    answers = _answers(context.queue_store.annotations(project=context.project, field=field.name))
    key = pl.concat_str("object_type", pl.lit(" "), "object_id")
    nothing = pl.DataFrame()
    options = StoredPairs(frame=nothing, about={}, field=field).scale_options(ScaleOptions())
    pairs = read_pairs(
        answers.select("human", "rater", "blind", "adjudicated", item=key,
                       evaluator=pl.lit(None, dtype=pl.String))
    )  # fmt: skip
    scale = decide_scale(pairs, options)
    values = {code: text for text, code in scale.human_codes.items()}
    settled = references(coded_ratings(pairs, scale), scale).select(
        "item", human=pl.col("h_code").replace_strict(values, default=None, return_dtype=pl.String)
    )
    score = pl.col("score").map_elements(_number, return_dtype=pl.String)
    scores = (
        context.span_store.scan("evaluations", project=context.project)
        .filter(pl.col("object_id").is_not_null())
        .sort("time", "received_at", nulls_last=False)
        .unique(subset=[*_KEY, "evaluator"], keep="last", maintain_order=True)
        .collect()
        .select(
            item=key,
            evaluator_name="evaluator",
            evaluator=pl.when(pl.col("error_type").is_null()).then(pl.coalesce(score, "label")),
        )
    )
    return scores.join(settled, on="item", how="left")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)


def _known_evaluators(context: Context) -> list[str]:
    stored = context.span_store.scan("evaluations", project=context.project)
    names = stored.select(pl.col("evaluator").unique()).collect()["evaluator"].drop_nulls()
    decided = context.span_store.scan("traces", project=context.project).select("decisions")
    detectors: set[str] = set()
    for text in decided.head(100).collect()["decisions"].drop_nulls():
        detectors |= set(_parsed(text))
    return sorted({*names, *detectors})


def _parsed(text: str) -> dict[str, Any]:
    import orjson

    value = orjson.loads(text)
    return value if isinstance(value, dict) else {}


def _decisions(context: Context, detector: str) -> pl.DataFrame | None:
    """A detector's decisions as scores: matched is true, no_match false, else no score."""
    traces = (
        context.span_store.scan("traces", project=context.project)
        .filter(pl.col("revision") == pl.col("revision").max().over("trace_id"))
        .select("trace_id", "decisions")
        .sort("trace_id")
        .collect()
    )
    rows = []
    for trace_id, text in traces.iter_rows():
        decision = _parsed(text or "{}").get(detector)
        if decision is None:
            continue
        if isinstance(decision, str):
            decision = {"decision": decision}
        rows.append(
            {
                "object_type": "trace",
                "object_id": trace_id,
                "trace_id": trace_id,
                "evaluator": _DECISIONS.get(str(decision.get("decision"))),
                "evaluator_version": decision.get("version"),
                "config_hash": None,
            }
        )
    if not rows:
        return None
    return pl.DataFrame(rows, schema=dict.fromkeys(rows[0], pl.String), orient="row")


def _answers(rows: list[AnnotationRow]) -> pl.DataFrame:
    """One row an answer; the same reviewer's later answer about an object replaces the earlier."""
    columns: dict[str, list[Any]] = {
        "object_type": [row.object_type.value for row in rows],
        "object_id": [row.object_id for row in rows],
        "rater": [row.reviewer for row in rows],
        "human": [_value_text(row.value) for row in rows],
        # A settling answer is given in view of the other answers, which is what it is for.
        "blind": ["true" if row.blind or row.adjudicated else "false" for row in rows],
        "adjudicated": ["true" if row.adjudicated else "false" for row in rows],
        "time": [row.time.isoformat() for row in rows],
        "cluster": [row.cluster for row in rows],
        "given_probability": [
            row.inclusion_probability if row.source == "import" else None for row in rows
        ],
    }
    kinds: dict[str, Any] = dict.fromkeys(columns, pl.String) | {"given_probability": pl.Float64}
    frame = pl.DataFrame(columns, schema=kinds)
    return frame.sort("time", maintain_order=True).unique(
        subset=[*_KEY, "rater"], keep="last", maintain_order=True
    )


def _value_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, list | tuple):
        return ", ".join(sorted(str(entry) for entry in value))
    return str(value)


def _traces(context: Context) -> pl.DataFrame:
    """What the analysis knows about each trace: session, selections, whether it was flagged."""
    return (
        context.span_store.scan("traces", project=context.project)
        .filter(pl.col("revision") == pl.col("revision").max().over("trace_id"))
        .select("trace_id", "conversation_id", "selections", "detectors",
                trace_probability="inclusion_probability")
        .collect()
    )  # fmt: skip
