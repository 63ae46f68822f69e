"""The reference: one human value an item out of many ratings.

The adjudicated value if there is one, else the strict majority of at least two blind ratings, else
the single rating. A tie has no reference: it is left out of classification figures, kept where all
ratings count, and reported. Numbers take the mean, points of an ordinal scale the median when no
value has a majority.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from analytics.alignment.score_types import Scale, ScoreType

if TYPE_CHECKING:
    from analytics.alignment.pairs import Pairs

_SCHEMA = {
    "item": pl.String(), "h_code": pl.Int64(), "h_number": pl.Float64(), "h_binary": pl.Int64(),
    "raters": pl.UInt32(), "unanimous": pl.Boolean(), "kind": pl.String(),
    "all_blind": pl.Boolean(), "rated_at": pl.String(),
}  # fmt: skip


def coded_ratings(pairs: Pairs, scale: Scale) -> pl.DataFrame:
    """Ratings with their class, number and pass/fail reading beside the text."""
    return pairs.ratings.with_columns(
        _mapped("human", scale.human_codes, pl.Int64()).alias("code"),
        _mapped("human", scale.human_numbers, pl.Float64()).alias("number"),
        _mapped("human", scale.human_binary, pl.Int64()).alias("binary"),
        pl.col("blind").fill_null(value=True),
        pl.col("adjudicated").fill_null(value=False),
    )


def _mapped(column: str, table: dict[str, int] | dict[str, float], kind: pl.DataType) -> pl.Expr:
    if not table:
        return pl.lit(None, dtype=kind)
    return pl.col(column).replace_strict(table, default=None, return_dtype=kind)


def references(ratings: pl.DataFrame, scale: Scale) -> pl.DataFrame:
    """One row a rated item: its reference as class, number and pass/fail, and how it came about.

    ``kind`` is adjudicated, majority, median, mean, single, or tie (then the class is null).
    """
    if ratings.is_empty():
        return pl.DataFrame(schema=_SCHEMA)
    alone = ratings.filter(pl.len().over("item") == 1).select(
        "item",
        h_code="code",
        h_number="number",
        h_binary="binary",
        raters=pl.lit(1, dtype=pl.UInt32),
        unanimous=pl.lit(None, dtype=pl.Boolean),
        kind=pl.when("adjudicated").then(pl.lit("adjudicated")).otherwise(pl.lit("single")),
        all_blind="blind",
        rated_at="time",
    )
    many = ratings.filter(pl.len().over("item") > 1)
    if many.is_empty():
        return alone
    return pl.concat([alone, _of_many(many, scale).select(alone.columns)], how="vertical_relaxed")


def _of_many(ratings: pl.DataFrame, scale: Scale) -> pl.DataFrame:
    votes = counting_ratings(ratings)
    facts = ratings.group_by("item", maintain_order=True).agg(
        (~pl.col("adjudicated")).sum().cast(pl.UInt32).alias("raters"),
        pl.col("human").filter(~pl.col("adjudicated")).n_unique().alias("values"),
        pl.col("time").max().alias("rated_at"),
    )
    facts = facts.with_columns(
        unanimous=pl.when(pl.col("raters") > 1).then(pl.col("values") == 1).otherwise(None)
    )
    summed = votes.group_by("item").agg(
        pl.col("adjudicated").any(),
        pl.col("blind").all().alias("all_blind"),
        pl.len().alias("votes"),
        pl.col("number").mean().alias("mean"),
        pl.col("number").median().alias("median"),
        *[_majority(name) for name in ("code", "binary")],
    )
    joined = facts.join(summed, on="item", how="left")
    authoritative = pl.col("adjudicated")
    only_one = pl.col("votes") == 1
    return _reference_columns(joined, scale, authoritative, only_one)


def counting_ratings(ratings: pl.DataFrame) -> pl.DataFrame:
    """The ratings that count for the reference: adjudicated, else blind, else what there is."""
    strong = pl.col("adjudicated").any().over("item")
    some_blind = pl.col("blind").any().over("item")
    newest = pl.col("row") == pl.col("row").filter(pl.col("adjudicated")).max().over("item")
    return ratings.filter(
        pl.when(strong)
        .then(pl.col("adjudicated") & newest)
        .when(some_blind)
        .then(pl.col("blind"))
        .otherwise(statement=True)
    )


def _majority(name: str) -> pl.Expr:
    """The value that more than half of the votes have; null for none."""
    mode = pl.col(name).drop_nulls().mode().sort().first()
    count = (pl.col(name) == mode).sum()
    return pl.when(count * 2 > pl.len()).then(mode).otherwise(None).alias(name)


def _reference_columns(
    joined: pl.DataFrame, scale: Scale, authoritative: pl.Expr, only_one: pl.Expr
) -> pl.DataFrame:
    kind = pl.when(authoritative).then(pl.lit("adjudicated")).when(only_one).then(pl.lit("single"))
    match scale.score_type:
        case ScoreType.NUMERIC:
            return joined.with_columns(
                h_code=pl.lit(None, dtype=pl.Int64),
                h_number=pl.col("mean"),
                h_binary=pl.col("binary"),
                kind=kind.otherwise(pl.lit("mean")),
            )
        case ScoreType.ORDINAL:
            levels = {float(label): code for code, label in enumerate(numbers_of(scale))}
            middle = pl.col("median").replace_strict(levels, default=None, return_dtype=pl.Int64)
            return joined.with_columns(
                h_code=pl.coalesce("code", middle),
                h_number=pl.col("median"),
                h_binary=pl.col("binary"),
                kind=kind.when(pl.col("code").is_not_null())
                .then(pl.lit("majority"))
                .when(middle.is_not_null())
                .then(pl.lit("median"))
                .otherwise(pl.lit("tie")),
            )
        case ScoreType.BOOLEAN | ScoreType.CATEGORICAL:
            return joined.with_columns(
                h_code=pl.col("code"),
                h_number=pl.when(pl.col("code").is_not_null()).then("median"),
                h_binary=_binary_of_class(scale),
                kind=kind.when(pl.col("code").is_not_null())
                .then(pl.lit("majority"))
                .otherwise(pl.lit("tie")),
            )


def numbers_of(scale: Scale) -> list[float]:
    """The number of each class of an ordinal scale."""
    numbers = {code: float(index) for index, code in enumerate(range(len(scale.labels)))}
    for text, code in scale.human_codes.items():
        numbers[code] = scale.human_numbers[text]
    for text, code in scale.evaluator_codes.items():
        numbers[code] = scale.evaluator_numbers[text]
    return [numbers[code] for code in sorted(numbers)]


def _binary_of_class(scale: Scale) -> pl.Expr:
    table = {
        code: scale.human_binary[text]
        for text, code in scale.human_codes.items()
        if text in scale.human_binary
    }
    if not table:
        return pl.col("binary")
    return pl.col("code").replace_strict(table, default=None, return_dtype=pl.Int64)
