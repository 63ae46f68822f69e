"""What a call costs when nobody reported it: list prices by model and date.

A model is looked up by the name that answered, then by the one asked for, without its maker's
prefix (``openai/``, ``us.anthropic.``) and without a date or version at its end. Tokens of a cache
and of reasoning are parts of input and output, and are priced apart where a price is given.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from otlp_receiver.errors import ReceiverError

if TYPE_CHECKING:
    from collections.abc import Sequence

PRICE_FILE = Path(__file__).parents[2] / "configs" / "prices.csv"

_COLUMNS = ("input", "output", "cache_read", "cache_write", "reasoning")
_MAKER = re.compile(r"^.*/|^(us|eu|apac|jp|au|global)\.|^(anthropic|meta|amazon|mistral|cohere)\.")
_SUFFIX = re.compile(
    r"([-@:_](\d{4}-\d{2}-\d{2}|\d{8}|\d{6}|\d{4}|\d{3}|latest|preview|exp|v\d+(:\d+)?|\d+))$"
)
_FOREVER = 2**63 - 1


class PriceFileError(ReceiverError, ValueError):
    """A price file cannot be used; says which line and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """Dollars per million tokens of one model; nanoseconds since 1970 in which they hold."""

    model: str
    since: int = 0
    until: int = _FOREVER
    input: float
    output: float
    cache_read: float
    cache_write: float
    reasoning: float


@dataclass(frozen=True)
class PriceTable:
    """Prices by model; of those that hold at a time the first one counts."""

    prices: tuple[Price, ...]

    @cached_property
    def models(self) -> frozenset[str]:
        """The names that have a price."""
        return frozenset(price.model for price in self.prices)

    def model(self, name: str) -> str | None:
        """The model's name in this table; None when it has no price."""
        bare = name.strip().lower()
        while bare not in self.models:
            shorter = _MAKER.sub("", bare, count=1)
            if shorter == bare:
                shorter = _SUFFIX.sub("", bare)
            if shorter == bare or not shorter:
                return None
            bare = shorter
        return bare

    @cached_property
    def frame(self) -> pl.DataFrame:
        """The prices as a frame, in the order in which they are asked."""
        return pl.DataFrame(
            [
                {
                    "priced_model": price.model,
                    "since": price.since,
                    "until": price.until,
                    **{f"{name}_price": getattr(price, name) for name in _COLUMNS},
                    "order": order,
                }
                for order, price in enumerate(self.prices)
            ]
        )


@cache
def load_prices(own_file: str = "") -> PriceTable:
    """The shipped prices, below those of a user's own file.

    Raises :class:`PriceFileError` naming file and line.
    """
    own = _read(Path(own_file)) if own_file else []
    return PriceTable((*own, *_read(PRICE_FILE)))


def _read(path: Path) -> list[Price]:
    prices = []
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise PriceFileError(f"cannot read the prices in {path}: {error.strerror}") from error
    numbered = [
        (number, line)
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip() and not line.startswith("#")
    ]
    rows = csv.DictReader(line for _, line in numbered)
    for (number, _), row in zip(numbered[1:], rows, strict=False):
        try:
            prices.append(_price(row))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise PriceFileError(
                f"{path}, line {number}: expected model,from,until,{','.join(_COLUMNS)}"
                f" with dates as 2026-01-31 and prices as numbers: {error}"
            ) from error
    return prices


def _price(row: dict[str, str]) -> Price:
    given = {name: float(row[name]) for name in _COLUMNS if (row.get(name) or "").strip()}
    if not row["model"].strip() or any(value < 0 for value in given.values()):
        raise ValueError("a model needs a name, a price is not negative")
    return Price(
        model=row["model"].strip().lower(),
        since=_start_of(row["from"]) if row["from"].strip() else 0,
        until=_start_of(row["until"]) if row["until"].strip() else _FOREVER,
        input=given["input"],
        output=given["output"],
        cache_read=given.get("cache_read", given["input"]),
        cache_write=given.get("cache_write", given["input"]),
        reasoning=given.get("reasoning", given["output"]),
    )


def _start_of(day: str) -> int:
    moment = datetime.combine(date.fromisoformat(day.strip()), datetime.min.time(), UTC)
    return int(moment.timestamp()) * 1_000_000_000


def with_costs(spans: pl.DataFrame, table: PriceTable) -> pl.DataFrame:
    """Fill the cost of model calls that report none, from prices at the span's start."""
    wants = pl.col("is_model_call") & pl.col("cost_usd").is_null()
    embeds = pl.col("operation_name") == "embeddings"
    told = pl.col("input_tokens").is_not_null() & (pl.col("output_tokens").is_not_null() | embeds)
    at = spans.select((wants & told).fill_null(value=False)).to_series().arg_true()
    if at.is_empty() or not table.prices:
        return spans
    needed = ("start_time", "response_model", "request_model", *_TOKENS)
    calls = spans.select(needed)[at].with_columns(row=at)
    calls = calls.with_columns(
        priced_model=pl.coalesce(
            _names(calls["response_model"], table), _names(calls["request_model"], table)
        )
    ).filter(pl.col("priced_model").is_not_null())
    priced = (
        calls.join(table.frame, on="priced_model")
        .filter(pl.col("start_time").is_between("since", "until", closed="left"))
        .sort("row", "order")
        .unique("row", keep="first", maintain_order=True)
        .select("row", cost=_cost())
    )
    sources = pl.repeat("priced", len(priced), dtype=pl.String, eager=True)
    return spans.with_columns(
        spans["cost_usd"].scatter(priced["row"], priced["cost"]),
        spans["cost_source"].scatter(priced["row"], sources),
    )


_TOKENS = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
)


def _names(models: pl.Series, table: PriceTable) -> pl.Series:
    """Names in the table of these models, worked out once a distinct name."""
    distinct: Sequence[str] = models.unique().drop_nulls().to_list()
    known = {name: table.model(name) for name in distinct}
    return models.replace_strict(known, default=None, return_dtype=pl.String)


def _cost() -> pl.Expr:
    """Dollars: each part of the tokens at its own price."""
    tokens = {name: pl.col(name).fill_null(0) for name in _TOKENS}
    cached = tokens["cache_read_tokens"] + tokens["cache_write_tokens"]
    fresh = (tokens["input_tokens"] - cached).clip(lower_bound=0)
    spoken = (tokens["output_tokens"] - tokens["reasoning_tokens"]).clip(lower_bound=0)
    return (
        fresh * pl.col("input_price")
        + tokens["cache_read_tokens"] * pl.col("cache_read_price")
        + tokens["cache_write_tokens"] * pl.col("cache_write_price")
        + spoken * pl.col("output_price")
        + tokens["reasoning_tokens"] * pl.col("reasoning_price")
    ) / 1_000_000
