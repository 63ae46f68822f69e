"""Pairs: what people and an evaluator said about the same items, checked at the edge.

Input is one frame with a row for each rating (or for each unlabelled item). Columns: ``human`` and
``evaluator``; optionally those of :data:`OPTIONAL`. Values may be text, numbers or booleans.
A row without ``human`` belongs to the unlabelled population; an empty ``evaluator`` means that the
evaluator gave no score there, which is never read as 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from analytics.alignment.errors import InvalidPairsError, MissingColumnError

# Columns named slice_... are kept too: the report shows agreement in each of their values.
OPTIONAL: dict[str, str] = {
    "item": "The item's id; without it each row is an item of its own.",
    "rater": "Who gave the human value; several raters may rate one item.",
    "inclusion_probability": "Probability that the item was chosen for people, above 0 up to 1.",
    "weight": "Design weight, in place of 1 / inclusion_probability.",
    "cluster": "Session, user or conversation: items of one cluster are not independent.",
    "stratum": "Group whose share of the population matters, such as flagged or not.",
    "rule": "The queue or rule that took the item, for the sampling panel.",
    "evaluator_version": "Version of the evaluator; versions are never mixed.",
    "config_hash": "Hash of the evaluator's prompt, model and parameters; a part of the version.",
    "time": "When the human value was given (RFC 3339), for windows and drift.",
    "item_time": "When the item happened (RFC 3339), for the flag rate of all traffic.",
    "blind": "false when the rater saw the evaluator's verdict: left out of weighted figures.",
    "adjudicated": "true for an authoritative value, which outranks the votes.",
    "used_for_tuning": "true when the evaluator was tuned on it: left out of weighted figures.",
    "manual": "true when a person added the item by hand: left out of weighted figures.",
    "reopened": "true when a disagreement re-opened the item: left out of weighted figures.",
    "out_of_order": "true when it was reviewed out of its queue's order: likewise.",
    "gold": "The known right answer of a test item for raters.",
    "business_weight": "How much the item matters, for what to label next; 1 where empty.",
    "severity": "How bad the item is when it is let pass, 0 to 1; from 0.7 up it is severe.",
    "resolved": "true when the item has been dealt with.",
    "repeat": "true for a rater's second answer about an item: it shows how steady they are.",
    "also_acceptable": "Further values that would be right as well: a JSON list, or a|b.",
}
"""Optional columns and what they mean."""

FLAGS = ("blind", "adjudicated", "used_for_tuning", "manual", "reopened", "out_of_order",
         "repeat", "resolved")  # fmt: skip
_NUMBERS = ("inclusion_probability", "weight", "business_weight", "severity")
_SHARES = ("inclusion_probability", "severity")
_TRUE, _FALSE = ("true", "1", "yes"), ("false", "0", "no")
_ITEM_COLUMNS = (
    "item", "row", "version", "evaluator", "inclusion_probability", "weight", "cluster", "stratum",
    "rule", "time", "item_time", "used_for_tuning", "manual", "reopened", "out_of_order", "gold",
    "business_weight", "severity", "resolved",
)  # fmt: skip
_RATING_COLUMNS = (
    "item", "row", "rater", "human", "blind", "adjudicated", "time", "also_acceptable",
)  # fmt: skip
_UNREADABLE = ("nan", "inf", "-inf", "+inf", "infinity", "-infinity")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Checked pairs, every value still as text."""

    items: pl.DataFrame
    """One row an item and evaluator version; ``row`` is where it stood in the input, from 1."""
    ratings: pl.DataFrame
    """One row a rating; key (item, rater)."""
    repeats: pl.DataFrame
    """Second answers of a rater about an item, like ``ratings``."""
    has_design: bool
    """Whether the input says how items were chosen (a probability or a weight)."""
    has_clusters: bool
    """Whether the input names clusters."""


def read_pairs(frame: pl.DataFrame) -> Pairs:
    """Check a frame of pairs.

    Raises :class:`MissingColumnError`, and :class:`InvalidPairsError` naming rows that are NaN,
    duplicated, contradictory, or have an impossible probability or weight.
    """
    for name in ("human", "evaluator"):
        if name not in frame.columns:
            raise MissingColumnError(name, frame.columns)
    given = set(frame.columns)
    rows = pl.DataFrame({"row": pl.Series(range(1, frame.height + 1), dtype=pl.Int64)})
    sliced = tuple(sorted(name for name in given if name.startswith("slice_")))
    for name in ("human", "evaluator", *OPTIONAL, *sliced):
        text = as_text(frame[name]) if name in given else pl.Series([None] * frame.height)
        rows = rows.with_columns(text.cast(pl.String).alias(name))
    _refuse_unreadable(rows)
    rows = _with_numbers(rows)
    rows = _with_flags(rows)
    rows = rows.with_columns(
        pl.coalesce("item", pl.format("row {}", "row")).alias("item"),
        pl.coalesce("rater", pl.lit("")).alias("rater"),
        pl.concat_str(["evaluator_version", "config_hash"], separator="+", ignore_nulls=True)
        .replace("", None)
        .alias("version"),
    )
    again = pl.col("repeat").fill_null(value=False)
    repeats = _ratings(rows.filter(again))
    rows = rows.filter(~again)
    ratings = _ratings(rows)
    items = _items(rows, sliced)
    return Pairs(
        items=items,
        ratings=ratings,
        repeats=repeats,
        has_design=bool({"inclusion_probability", "weight"} & given),
        has_clusters="cluster" in given,
    )


def as_text(values: pl.Series) -> pl.Series:
    """Any cell as trimmed text: 1.0 is "1", true is "true", empty is null."""
    if values.dtype == pl.Boolean:
        return values.cast(pl.String)
    if values.dtype.is_float():
        whole = values.is_finite() & (values == values.round(0)) & (values.abs() < 2**53)
        return (
            pl.DataFrame({"v": values, "w": whole.fill_null(value=False)})
            .select(
                pl.when("w")
                .then(pl.when("w").then("v").cast(pl.Int64, strict=False).cast(pl.String))
                .otherwise(pl.col("v").cast(pl.String))
            )
            .to_series()
        )
    if values.dtype == pl.Null:
        return values.cast(pl.String)
    if values.dtype == pl.String:
        trimmed = values.str.strip_chars()
        return trimmed.set(trimmed == "", None)
    if isinstance(values.dtype, pl.Datetime):
        return values.dt.strftime("%Y-%m-%dT%H:%M:%S%.f%:z" if values.dtype.time_zone else "%+")
    return values.cast(pl.String)


def moments(texts: pl.Expr) -> pl.Expr:
    """Times in RFC 3339 (or days alone) as UTC datetimes; null for anything else."""
    return pl.coalesce(
        texts.str.to_datetime("%+", strict=False, time_unit="us").dt.convert_time_zone("UTC"),
        texts.str.replace(" ", "T")
        .str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", strict=False, time_unit="us")
        .dt.replace_time_zone("UTC"),
        texts.str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("us", "UTC")),
    )


def _refuse_unreadable(rows: pl.DataFrame) -> None:
    problems = []
    for name in ("human", "evaluator", *_NUMBERS):
        # A number too large for a float is no number either.
        endless = pl.col(name).cast(pl.Float64, strict=False).is_infinite()
        bad = rows.filter(pl.col(name).str.to_lowercase().is_in(_UNREADABLE) | endless)
        problems += [
            f"row {row}: {name} is {value}" for row, value in bad.select("row", name).iter_rows()
        ]
    if problems:
        raise InvalidPairsError(problems, "A score that does not exist must be an empty cell")
    for name in ("time", "item_time"):
        if rows[name].null_count() == rows.height:
            continue
        bad = rows.filter(pl.col(name).is_not_null() & moments(pl.col(name)).is_null())
        problems += [f"row {row}: {name} is {t!r}" for row, t in bad.select("row", name).rows()]
    if problems:
        raise InvalidPairsError(problems, "Times are such as 2026-01-31T12:00:00Z")


def _with_numbers(rows: pl.DataFrame) -> pl.DataFrame:
    problems = []
    for name in _NUMBERS:
        numbers = rows[name].cast(pl.Float64, strict=False)
        checked = rows.select("row", pl.col(name).alias("text"), numbers.alias("number"))
        wrong = pl.col("text").is_not_null() & pl.col("number").is_null()
        low = (pl.col("number") < 0) if name in _SHARES else pl.col("number") <= 0
        high = pl.col("number") > 1 if name in _SHARES else pl.lit(value=False)
        for row, text, _ in checked.filter(wrong | low | high).iter_rows():
            wanted = {"inclusion_probability": "above 0 up to 1", "severity": "from 0 to 1"}.get(
                name, "above 0"
            )
            problems.append(f"row {row}: {name} is {text}, it must be {wanted}")
        rows = rows.with_columns(numbers.alias(name))
    impossible = rows.filter((pl.col("inclusion_probability") == 0) & pl.col("human").is_not_null())
    problems += [
        f"row {row}: it has a human value although its inclusion_probability is 0"
        for row in impossible["row"]
    ]
    if problems:
        raise InvalidPairsError(problems)
    return rows


def _with_flags(rows: pl.DataFrame) -> pl.DataFrame:
    problems = []
    for name in FLAGS:
        if rows[name].null_count() == rows.height:
            rows = rows.with_columns(pl.lit(None, dtype=pl.Boolean).alias(name))
            continue
        lower = pl.col(name).str.to_lowercase()
        bad = rows.filter(~lower.is_in(_TRUE + _FALSE))
        problems += [
            f"row {row}: {name} is {value!r}, it must be true or false"
            for row, value in bad.select("row", name).iter_rows()
        ]
        rows = rows.with_columns(
            pl.when(lower.is_in(_TRUE))
            .then(statement=True)
            .when(lower.is_in(_FALSE))
            .then(statement=False)
            .alias(name)
        )
    if problems:
        raise InvalidPairsError(problems)
    return rows


def _ratings(rows: pl.DataFrame) -> pl.DataFrame:
    """One row a rating; the same rating may stand in one row for each evaluator version."""
    rated = rows.filter(pl.col("human").is_not_null())
    twice = rated.filter(pl.struct("item", "rater", "version").is_duplicated())
    problems = _naming(twice, "rater")
    if problems:
        raise InvalidPairsError(
            problems, "One item may have one value a rater; name raters in the column rater"
        )
    ratings = rated.select(_RATING_COLUMNS).unique(
        subset=["item", "rater", "human"], keep="first", maintain_order=True
    )
    problems = _naming(ratings.filter(pl.struct("item", "rater").is_duplicated()), "rater")
    if problems:
        raise InvalidPairsError(problems, "The same rating differs between evaluator versions")
    return ratings


def _naming(rows: pl.DataFrame, what: str) -> list[str]:
    if rows.is_empty():
        return []
    grouped = rows.group_by("item", what, maintain_order=True).agg(pl.col("row"))
    return [
        f"rows {', '.join(map(str, numbers[:5]))}: item {item!r} is there {len(numbers)} times"
        + (f" for {what} {name!r}" if name else "")
        for item, name, numbers in grouped.iter_rows()
    ]


def _items(rows: pl.DataFrame, sliced: tuple[str, ...]) -> pl.DataFrame:
    """One row an item and version; raters of one item must agree on everything else."""
    columns = (*_ITEM_COLUMNS, *sliced)
    facts = [name for name in columns if name not in ("item", "row", "version", "time")]
    key = ["item", "version"]
    if rows.filter(pl.struct(key).is_duplicated()).is_empty():
        return rows.select(columns)
    split = rows.group_by(key).agg(
        [pl.col(name).drop_nulls().unique(maintain_order=True) for name in facts] + [pl.col("row")]
    )
    problems = []
    for name in facts:
        bad = split.filter(pl.col(name).list.len() > 1).sort(pl.col("row").list.first())
        problems += [
            f"rows {', '.join(map(str, numbers[:5]))}: item {item!r} has several values of {name}: "
            f"{', '.join(map(str, values[:5]))}"
            for item, values, numbers in bad.select("item", name, "row").iter_rows()
        ]
    unlabelled = rows.filter(pl.col("human").is_null() & pl.struct([*key, "rater"]).is_duplicated())
    problems += [
        f"row {row}: item {item!r} stands in another row too, and has no human value here"
        for row, item in unlabelled.select("row", "item").iter_rows()
    ]
    if problems:
        raise InvalidPairsError(problems)
    return (
        rows.group_by(key, maintain_order=True)
        .agg(
            [pl.col("row").first(), pl.col("time").max()]
            + [pl.col(name).drop_nulls().first() for name in facts]
        )
        .select(columns)
    )
