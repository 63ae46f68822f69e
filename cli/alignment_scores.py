"""An evaluator's stored scores, one an object and version, whatever they were attached to.

A score may name a span, a trace, a session, or only the provider's response id. Detectors that
stored no scores are read from their decisions on each trace.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import polars as pl

from cli.nearest import nearest_names
from queue_store.model import FieldType
from span_store.score_order import oldest_first

if TYPE_CHECKING:
    from cli.context import Context
    from queue_store.model import Field

KEY = ["object_type", "object_id"]
_DECISIONS = {"matched": "true", "no_match": "false"}


class UnknownEvaluatorError(click.ClickException):
    """No score of this name is stored, and no detector has it."""

    exit_code = 2


def evaluator_scores(context: Context, evaluator: str, field: Field | None) -> pl.DataFrame:
    """One score an object and version: the newest; a failed evaluation has none.

    Detectors that stored no scores are read from their decisions on each trace.
    """
    stored = context.span_store.scan("evaluations", project=context.project)
    found = (
        placed(context, stored.filter(pl.col("evaluator") == evaluator).collect())
        .sort(*oldest_first())
        .unique(subset=[*KEY, "evaluator_version"], keep="last", maintain_order=True)
    )
    if found.is_empty():
        decided = _decisions(context, evaluator)
        if decided is None:
            known = scored_evaluators(context)
            raise UnknownEvaluatorError(
                f"no evaluator {evaluator!r} has scores here{nearest_names(evaluator, known)}"
            )
        return decided
    by_label = field is not None and field.type in (FieldType.CATEGORICAL, FieldType.STRING)
    score = pl.col("score").map_elements(number_text, return_dtype=pl.String)
    order = [pl.col("label"), score] if by_label else [score, pl.col("label")]
    return found.select(
        *KEY,
        trace_id=pl.coalesce("trace_id", pl.col("object_id").str.split(":").list.first()),
        evaluator=pl.when(pl.col("error_type").is_null()).then(pl.coalesce(order)),
        evaluator_version="evaluator_version",
        config_hash=pl.col("attributes").str.json_path_match("$['config_hash']"),
    )


def number_text(value: float) -> str:
    """A number as people write it: 1 rather than 1.0."""
    return str(int(value)) if value == int(value) else repr(value)


def scored_evaluators(context: Context) -> list[str]:
    """Every evaluator with stored scores, and every detector with decisions, by name."""
    stored = context.span_store.scan("evaluations", project=context.project)
    names = stored.select(pl.col("evaluator").unique()).collect()["evaluator"].drop_nulls()
    decided = context.span_store.scan("traces", project=context.project).select("decisions")
    return sorted({*names, *_decided(decided.collect()["decisions"])})


def _decided(decisions: pl.Series) -> set[str]:
    """The detectors that decided on any trace; the newest traces know them all."""
    known: set[str] = set()
    for text in [*decisions.head(100), *decisions.tail(100)]:
        known |= set(_parsed(text or "{}"))
    return known


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


def every_decision(context: Context, without: set[str]) -> pl.DataFrame:
    """Every detector's decision on every trace as scores: columns item, evaluator_name, evaluator.

    ``without`` are detectors whose scores were read elsewhere. Each version is an evaluator.
    """
    traces = (
        context.span_store.scan("traces", project=context.project)
        .filter(pl.col("revision") == pl.col("revision").max().over("trace_id"))
        .select("trace_id", "decisions")
        .sort("trace_id")
        .collect()
    )
    frames = [
        pl.DataFrame(schema=dict.fromkeys(("item", "evaluator_name", "evaluator"), pl.String))
    ]
    for detector in sorted(set(_decided(traces["decisions"])) - without):
        entry = f"$['{detector}']"
        decision, version = (
            pl.col("decisions").str.json_path_match(f"{entry}.{key}")
            for key in ("decision", "version")
        )
        found = traces.select(
            item=pl.concat_str(pl.lit("trace "), "trace_id"),
            evaluator_name=pl.concat_str(
                pl.lit(detector), version, separator=" ", ignore_nulls=True
            ),
            given=pl.coalesce(decision, pl.col("decisions").str.json_path_match(entry)),
        ).drop_nulls("given")
        frames.append(
            found.select(
                "item",
                "evaluator_name",
                evaluator=pl.col("given").replace_strict(
                    _DECISIONS, default=None, return_dtype=pl.String
                ),
            )
        )
    return pl.concat(frames)


def placed(context: Context, scores: pl.DataFrame) -> pl.DataFrame:
    """Scores with an object each: those that name a response only go to the span that gave it.

    A response that no stored span gave leaves its score out; of several spans with one response id
    the model call that counts is taken, then the earliest.
    """
    lost = scores.filter(pl.col("object_id").is_null() & pl.col("response_id").is_not_null())
    there = scores.filter(pl.col("object_id").is_not_null())
    if lost.is_empty():
        return there
    spans = (
        context.span_store.scan("spans", project=context.project)
        .filter(pl.col("response_id").is_in(lost["response_id"].unique().to_list()))
        .select("response_id", "trace_id", "span_id", "is_model_call", "start_time")
        .collect()
        .sort("is_model_call", "start_time", "span_id", descending=[True, False, False])
        .unique(subset="response_id", keep="first", maintain_order=True)
        .select("response_id", given_by="trace_id", given_in="span_id")
    )
    found = lost.join(spans, on="response_id", how="inner", maintain_order="left").with_columns(
        object_type=pl.lit("span"),
        object_id=pl.concat_str("given_by", "given_in", separator=":"),
        trace_id="given_by",
        span_id="given_in",
    )
    return pl.concat([there, found.select(there.columns)])
