"""What a call costs when nobody reported it: list prices by model and date.

A model is looked up by the name that answered, then by the one asked for, without its maker's
prefix (``openai/``, ``us.anthropic.``) and without a date or version at its end. Tokens of a cache
and of reasoning are parts of input and output, and are priced apart where a price is given. Some
models cost more, in every part, when their input is longer than a limit.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from otlp_receiver.errors import ReceiverError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

PRICE_FILE = Path(__file__).parents[2] / "configs" / "prices.csv"

_COLUMNS = ("input", "output", "cache_read", "cache_write", "reasoning")
_MAKER = re.compile(r"^.*/|^(us|eu|apac|jp|au|global)\.|^(anthropic|meta|amazon|mistral|cohere)\.")
_SUFFIX = re.compile(
    r"([-@:_](\d{4}-\d{2}-\d{2}|\d{2}-\d{2}|\d{2}-\d{4}|\d{8}|\d{6}|\d{4}|\d{3}|latest|preview|exp"
    r"|experimental|v\d+(:\d+)?))$"
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
    # Holds for calls with more input tokens than this.
    above: int = 0


@dataclass(frozen=True)
class PriceTable:
    """Prices by model; of those that hold for a call the first one counts."""

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
    def numbers(self) -> dict[str, int]:
        """A number for each model that has a price."""
        return {name: number for number, name in enumerate(sorted(self.models))}

    @cached_property
    def by_model(self) -> NDArray[np.int64]:
        """A row a model: its prices as positions in ``prices``, the first asked first, then -1."""
        of_model: list[list[int]] = [[] for _ in self.numbers]
        for position, price in enumerate(self.prices):
            of_model[self.numbers[price.model]].append(position)
        width = max(map(len, of_model), default=0)
        rows = [known + [-1] * (width - len(known)) for known in of_model]
        return np.array(rows, dtype=np.int64).reshape(len(rows), width)

    @cached_property
    def columns(self) -> dict[str, NDArray[Any]]:
        """The prices' fields as columns."""
        names = ("since", "until", "above", *_COLUMNS)
        return {name: np.array([getattr(price, name) for price in self.prices]) for name in names}


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
                f"{path}, line {number}: expected model,from,until,{','.join(_COLUMNS)},above"
                f" with dates as 2026-01-31 and prices as numbers: {error}"
            ) from error
    # A price for long inputs is the more special one, wherever it stands in the file.
    return sorted(prices, key=lambda price: -price.above)


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
        above=_tokens((row.get("above") or "").strip()),
    )


def _tokens(cell: str) -> int:
    """A number of tokens; nothing is none."""
    if cell and not cell.isdecimal():
        raise ValueError(f"'above' is a number of tokens, not {cell!r}")
    return int(cell or 0)


def _start_of(day: str) -> int:
    moment = datetime.combine(date.fromisoformat(day.strip()), datetime.min.time(), UTC)
    return int(moment.timestamp()) * 1_000_000_000


def with_costs(spans: pl.DataFrame, table: PriceTable) -> pl.DataFrame:
    """Fill the cost of model calls that report none, from prices at the span's start."""
    wants = pl.col("is_model_call") & pl.col("cost_usd").is_null()
    embeds = pl.col("operation_name") == "embeddings"
    told = pl.col("input_tokens").is_not_null() & (pl.col("output_tokens").is_not_null() | embeds)
    # A call without any token is one whose usage nobody knows: failed, or a stream without usage.
    told &= pl.sum_horizontal("input_tokens", "output_tokens") > 0
    at = spans.select((wants & told).fill_null(value=False)).to_series().arg_true()
    if at.is_empty() or not table.prices:
        return spans
    calls = spans.select("start_time", "response_model", "request_model", *_TOKENS)[at]
    price = _prices_of(calls, table)
    priced = np.flatnonzero(price >= 0)
    costs = _cost(calls[priced], {name: table.columns[name][price[priced]] for name in _COLUMNS})
    rows = at.gather(priced)
    sources = pl.repeat("priced", len(priced), dtype=pl.String, eager=True)
    return spans.with_columns(
        spans["cost_usd"].scatter(rows, costs),
        spans["cost_source"].scatter(rows, sources),
    )


def have_price(calls: pl.DataFrame, table: PriceTable) -> pl.Series:
    """Whether the table has a price for each call at its start, whatever is known of its tokens.

    ``calls`` has ``start_time`` in nanoseconds, ``response_model``, ``request_model`` and
    ``input_tokens``.
    """
    if not table.prices:
        return pl.repeat(value=False, n=len(calls), dtype=pl.Boolean, eager=True)
    known = calls.with_columns(pl.col("input_tokens").fill_null(0))
    return pl.Series(_prices_of(known, table) >= 0)


def _prices_of(calls: pl.DataFrame, table: PriceTable) -> NDArray[np.int64]:
    """The price of each call, of the model that answered, else of the one asked for; or -1."""
    model = _numbers(calls["response_model"], table)
    other = np.flatnonzero(model < 0)
    if len(other):
        model[other] = _numbers(calls["request_model"][other], table)
    return _price_at(model, calls["start_time"], calls["input_tokens"], table)


_TOKENS = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
)


def _numbers(models: pl.Series, table: PriceTable) -> NDArray[np.int64]:
    """Numbers in the table of these models, worked out once a distinct name; -1 for none."""
    encoded = models.to_arrow().dictionary_encode()
    names = encoded.dictionary.to_pylist()
    # A null stands behind the last name.
    known = [*(table.numbers.get(table.model(name) or "", -1) for name in names), -1]
    where = np.asarray(encoded.indices.fill_null(len(names)))
    numbers: NDArray[np.int64] = np.array(known, dtype=np.int64)[where]
    return numbers


def _price_at(
    model: NDArray[np.int64], start_times: pl.Series, input_tokens: pl.Series, table: PriceTable
) -> NDArray[np.int64]:
    """For each call the first price of its model that holds at its start; -1 for none."""
    found = np.full(len(model), -1, dtype=np.int64)
    start, tokens = start_times.to_numpy(), input_tokens.to_numpy()
    above = table.columns["above"]
    for candidates in table.by_model.T[::-1]:
        price = np.where(model < 0, -1, candidates[model])
        holds = (
            (price >= 0)
            & (start >= table.columns["since"][price])
            & (start < table.columns["until"][price])
            & ((above[price] == 0) | (tokens > above[price]))
        )
        found = np.where(holds, price, found)
    return found


def _counts(tokens: pl.Series) -> NDArray[np.int64]:
    """A column of counts; null is 0."""
    if tokens.null_count() == len(tokens):
        return np.zeros(len(tokens), dtype=np.int64)
    counts: NDArray[np.int64] = (tokens.fill_null(0) if tokens.null_count() else tokens).to_numpy()
    return counts


def _cost(calls: pl.DataFrame, price: Mapping[str, NDArray[Any]]) -> pl.Series:
    """Dollars: each part of the tokens at its own price."""
    tokens = {name: _counts(calls[name]) for name in _TOKENS}
    cached = tokens["cache_read_tokens"] + tokens["cache_write_tokens"]
    fresh = np.maximum(tokens["input_tokens"] - cached, 0)
    spoken = np.maximum(tokens["output_tokens"] - tokens["reasoning_tokens"], 0)
    dollars = (
        fresh * price["input"]
        + tokens["cache_read_tokens"] * price["cache_read"]
        + tokens["cache_write_tokens"] * price["cache_write"]
        + spoken * price["output"]
        + tokens["reasoning_tokens"] * price["reasoning"]
    ) / 1_000_000
    return pl.Series(dollars, dtype=pl.Float64)
