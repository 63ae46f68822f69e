"""Pairs from stored data: an evaluator's scores joined with people's answers on the same object.

The composition root of the alignment report: it alone reads both stores.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import polars as pl

from analytics.alignment.option_sets import as_sets
from analytics.alignment.pairs import read_pairs
from analytics.alignment.scale import decide_scale
from analytics.alignment.score_types import ScaleOptions, ScoreType
from cli.alignment_answers import answer_rows, refuse_contradictions
from cli.alignment_design import probabilities
from cli.alignment_levels import at_one_level, with_traces
from cli.alignment_scores import (
    KEY,
    evaluator_scores,
    every_decision,
    number_text,
    placed,
)
from cli.alignment_slices import SLICED, languages, slice_columns
from queue_store.model import FieldType, IssueState
from span_store.score_order import oldest_first

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analytics.alignment.report import ReportOptions
    from analytics.alignment.score_types import Scale
    from cli.context import Context
    from queue_store.model import Field


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


def stored_pairs(
    context: Context,
    evaluator: str,
    field_name: str,
    gold: str | None = None,
    *,
    by_language: bool = False,
) -> StoredPairs:
    """Join one evaluator (or detector) with one field; ``gold`` answers test items rightly.

    ``by_language`` reads what users wrote in labelled traces, to compare languages.

    Raises :class:`UnknownEvaluatorError`, and the queue store's NotFoundError for the field.
    """
    field = context.queue_store.field(project=context.project, name=field_name)
    rows = context.queue_store.annotations(project=context.project, field=field_name, history=True)
    scores = evaluator_scores(context, evaluator, field)
    answers = answer_rows(rows, gold)
    refuse_contradictions(answers)
    traces = _traces(context)
    scores, answers, note = at_one_level(scores, answers, _sessions(traces), _positive_of(field))
    answers = answers.with_columns(given_probability=_of_object("given_probability"))
    frame = scores.join(answers, on=KEY, how="full", coalesce=True, maintain_order="left_right")
    frame = frame.with_columns(trace_id=pl.coalesce("trace_id", _trace_of_object()))
    frame = frame.join(traces, on="trace_id", how="left")
    design = probabilities(context, field, frame, rows)
    frame = frame.with_columns(
        item=pl.col("object_id"),
        cluster=_cluster(),
        item_time="start_time",
        business_weight=_business_weights(context, frame["trace_id"]),
        severity="max_severity",
        resolved=_resolved(context, frame),
        **design,
        **slice_columns(frame),
    )
    if by_language:
        labelled = frame.select(
            t=pl.when(pl.col("human").is_not_null()).then("trace_id")
        ).to_series()
        frame = frame.with_columns(slice_language=languages(context, labelled))
    about = {
        "project": context.project,
        "evaluator": evaluator,
        "field": field.name,
        "field_version": field.version,
        "object_types": sorted(set(frame["object_type"].drop_nulls())),
        "notes": [note] if note else [],
    }
    wanted = [
        "item", "human", "evaluator", "rater", "inclusion_probability", "cluster", "stratum",
        "rule", "evaluator_version", "config_hash", "time", "blind", "adjudicated", "manual",
        "reopened", "out_of_order", "also_acceptable", "repeat", "gold", "item_time",
        "business_weight", "severity", "resolved",
        *(name for name in frame.columns if name.startswith("slice_")),
    ]  # fmt: skip
    for name in ("cluster", "inclusion_probability"):
        if frame[name].null_count() == frame.height:
            wanted.remove(name)
    return StoredPairs(frame=frame.select(wanted), about=about, field=field)


def _cluster() -> pl.Expr:
    """The cluster that answers about the object name; else the session."""
    return pl.coalesce(_of_object("cluster"), "conversation_id")


def _of_object(name: str) -> pl.Expr:
    """What an answer says about its object, or else another answer about the same object.

    An import tells it in its own rows alone, and people answer the same objects in the page.
    """
    return pl.coalesce(name, pl.col(name).drop_nulls().first().over(KEY))


def _sessions(traces: pl.DataFrame) -> dict[str, str]:
    """The conversation of each trace that has one."""
    known = traces.drop_nulls("conversation_id")
    return dict(known.select("trace_id", "conversation_id").iter_rows())


def _positive_of(field: Field) -> str | None:
    """The value of a field that outranks the others; None for no such value."""
    return field.positive or ("true" if field.type is FieldType.BOOLEAN else None)


def _business_weights(context: Context, traces: pl.Series) -> pl.Series:
    """What the configured filters make of each trace: 1 where none lets it through."""
    weights = context.configuration.analysis.business_weights
    if not weights:
        return pl.Series([None] * len(traces), dtype=pl.Float64)
    from analytics.filters import business_weights

    facts = (
        context.span_store.scan("traces", project=context.project)
        .filter(pl.col("revision") == pl.col("revision").max().over("trace_id"))
        .collect()
    )
    found = business_weights(facts, weights)
    return traces.replace_strict(found, default=None, return_dtype=pl.Float64)


def _resolved(context: Context, frame: pl.DataFrame) -> pl.Series:
    """Whether some answer about the object points to a known problem, and all of these are closed.

    An ignored problem is closed too: somebody decided.
    """
    still = [
        issue.id
        for issue in context.queue_store.issues(project=context.project, state=IssueState.OPEN)
    ]
    named = pl.col("issue_id")
    closed = named.is_not_null().any() & ~named.is_in(still).fill_null(value=False).any()
    return frame.select(resolved=closed.over(KEY).cast(pl.String))["resolved"]


def _trace_of_object() -> pl.Expr:
    """The trace of a trace or span; null for a session."""
    trace = pl.col("object_id").str.split(":").list.first()
    return pl.when(pl.col("object_type") != "session").then(trace)


def human_frames(
    context: Context,
    queue: str,
    field_name: str | None,
    options: ReportOptions,
    gold: str | None = None,
) -> Iterator[tuple[str, pl.DataFrame, ReportOptions]]:
    """The answers given in a queue, a frame a field, with no evaluator beside them."""
    target = context.queue_store.queue(project=context.project, name=queue)
    rows = context.queue_store.annotations(project=context.project, queue=target.name, history=True)
    for name in [field_name] if field_name else sorted({row.field for row in rows}):
        field = context.queue_store.field(project=context.project, name=name)
        answers = answer_rows([row for row in rows if row.field == field.name], gold)
        if answers.is_empty():
            continue
        frame = answers.select(
            "human", "rater", "blind", "adjudicated", "time", "also_acceptable", "repeat", "gold",
            item=pl.concat_str("object_type", pl.lit(" "), "object_id"),
            evaluator=pl.lit(None, dtype=pl.String),
        )  # fmt: skip
        nothing = pl.DataFrame()
        scale = StoredPairs(frame=nothing, about={}, field=field).scale_options(options.scale)
        yield field.name, frame, replace(options, scale=scale, multiple=field.multiple)


def all_scores(context: Context, field: Field) -> tuple[pl.DataFrame, Scale]:
    """Every evaluator version's newest score on each object, beside the field's reference there.

    Columns evaluator_name, human, evaluator, weight and cluster; an item that does not count in
    weighted figures has no weight. The scale is the people's.
    """
    from analytics.alignment.report import ReportOptions
    from analytics.alignment.sample import make_sample

    rows = context.queue_store.annotations(project=context.project, field=field.name)
    answers = answer_rows(rows)
    refuse_contradictions(answers)
    told = with_traces(answers, _positive_of(field))
    facts = told.with_columns(
        trace_id=_trace_of_object(), given_probability=_of_object("given_probability")
    ).join(_traces(context), on="trace_id", how="left", maintain_order="left")
    people = facts.with_columns(
        item=_object_key(),
        evaluator=pl.lit(None, dtype=pl.String),
        cluster=_cluster(),
        **probabilities(context, field, facts, rows),
    ).select(
        "item", "human", "rater", "evaluator", "blind", "adjudicated", "manual", "reopened",
        "out_of_order", "inclusion_probability", "cluster",
    )  # fmt: skip
    options = StoredPairs(frame=people, about={}, field=field).scale_options(ScaleOptions())
    if field.multiple:
        people = as_sets(people)
    pairs = read_pairs(people)
    scale = decide_scale(pairs, options)
    sample = make_sample(pairs, scale, None, ReportOptions().weighting)
    values = {code: text for text, code in scale.human_codes.items()}
    settled = sample.frame.select(
        "item",
        "cluster",
        human=pl.col("h_number").map_elements(number_text, return_dtype=pl.String)
        if scale.score_type in (ScoreType.NUMERIC, ScoreType.ORDINAL)
        else pl.col("h_code").replace_strict(values, default=None, return_dtype=pl.String),
        weight=pl.when(pl.col("excluded").is_null()).then("weight"),
    )
    scores = _every_score(context, answers, field)
    if field.multiple:
        scores = as_sets(scores)
    joined = scores.join(settled, on="item", how="left")
    return (joined if joined["cluster"].is_not_null().any() else joined.drop("cluster")), scale


def _object_key() -> pl.Expr:
    return pl.concat_str("object_type", pl.lit(" "), "object_id")


def _every_score(context: Context, answers: pl.DataFrame, field: Field) -> pl.DataFrame:
    """Each evaluator version's newest score on each object, as text."""
    score = pl.col("score").map_elements(number_text, return_dtype=pl.String)
    by_label = field.type in (FieldType.CATEGORICAL, FieldType.STRING)
    order = [pl.col("label"), score] if by_label else [score, pl.col("label")]
    stored = context.span_store.scan("evaluations", project=context.project).collect()
    newest = (
        placed(context, stored)
        .with_columns(config_hash=pl.col("attributes").str.json_path_match("$['config_hash']"))
        .with_columns(
            version=pl.concat_str(
                ["evaluator_version", "config_hash"], separator="+", ignore_nulls=True
            ).replace("", None)
        )
        .sort(*oldest_first())
        .unique(subset=[*KEY, "evaluator", "version"], keep="last", maintain_order=True)
    )
    lift = set(answers["object_type"]) == {"trace"}
    if lift:
        spans = pl.col("object_type") == "span"
        newest = newest.with_columns(
            object_type=pl.when(spans).then(pl.lit("trace")).otherwise("object_type"),
            object_id=pl.when(spans).then("trace_id").otherwise("object_id"),
        ).unique(subset=[*KEY, "evaluator", "version"], keep="last", maintain_order=True)
    scores = newest.select(
        item=_object_key(),
        evaluator_name=pl.concat_str("evaluator", "version", separator=" ", ignore_nulls=True),
        evaluator=pl.when(pl.col("error_type").is_null()).then(pl.coalesce(order)),
    )
    decided = every_decision(context, without=set(newest["evaluator"]))
    return pl.concat([scores, decided.select(scores.columns)])


def _traces(context: Context) -> pl.DataFrame:
    """What the analysis knows about each trace: session, selections, whether it was flagged."""
    return (
        context.span_store.scan("traces", project=context.project)
        .filter(pl.col("revision") == pl.col("revision").max().over("trace_id"))
        .select("trace_id", "conversation_id", "selections", "detectors", *SLICED.values(),
                "start_time", "max_severity",
                trace_probability="inclusion_probability")
        .collect()
    )  # fmt: skip
