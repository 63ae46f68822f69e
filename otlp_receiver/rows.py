"""Spool records to rows of the tables: decode, understand, and never raise on content."""

from __future__ import annotations

import gc
import logging
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from otlp_receiver.decode import BATCH_BYTES_MAX, Decoded, Signal, decode
from otlp_receiver.dialects.evaluations import evaluation_rows
from otlp_receiver.dialects.logs import log_rows
from otlp_receiver.dialects.mapping import FieldMapping, shipped_mapping
from otlp_receiver.dialects.prices import PriceTable, load_prices, with_costs
from otlp_receiver.dialects.spans import span_rows
from span_store.schema import CONTENTS, EVALUATIONS, SPANS, TableSchema

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from otlp_receiver.record import SpoolRecord


logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rows:
    """What a batch of requests says, as rows with the physical columns of ``span_store.schema``.

    ``failed`` holds record numbers with the reason why nobody can read the body;
    ``decoded_slowly`` counts bodies that only the official package could read; ``numbers`` holds
    the record number of each row of ``spans``.
    """

    spans: pl.DataFrame
    contents: pl.DataFrame
    evaluations: pl.DataFrame
    failed: list[tuple[int, str]]
    decoded_slowly: int
    numbers: NDArray[np.int64]


def to_rows(
    records: Sequence[SpoolRecord],
    mapping: Mapping[str, str | list[str]] | FieldMapping | None = None,
    prices: PriceTable | None = None,
) -> Rows:
    """Understand a batch of records.

    ``mapping`` holds a user's own keys, ``{field: key or [keys]}``, or a whole
    :class:`FieldMapping`; ``prices`` replaces the shipped price table. Content never raises: what
    cannot be understood is null or marked, and the raw attribute stays.
    """
    if mapping is None:
        mapping = shipped_mapping()
    elif not isinstance(mapping, FieldMapping):
        mapping = shipped_mapping().with_keys(mapping)
    with _collector_at_rest():
        prices = load_prices() if prices is None else prices
        return _understood(records, mapping, prices)


@contextmanager
def _collector_at_rest() -> Iterator[None]:
    """No garbage collection while a batch is understood: it makes no cycles, only many objects."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _understood(
    records: Sequence[SpoolRecord],
    mapping: FieldMapping,
    prices: PriceTable,
) -> Rows:
    """Rows of all records but those that a defect of ours cannot take: these have failed.

    Content must never stop the loading of everything behind it.
    """
    try:
        return _to_rows(_parts(records), mapping, prices)
    except Exception as error:
        if len(records) == 1:
            logger.exception(
                "A request meets a defect.",
                extra={"event": "decoder_defect", "number": records[0].number},
            )
            reason = f"a defect of the decoder: {type(error).__name__}: {error}"
            return replace(_to_rows([], mapping, prices), failed=[(records[0].number, reason)])
        middle = len(records) // 2
        halves = [
            _understood(part, mapping, prices) for part in (records[:middle], records[middle:])
        ]
        return Rows(
            spans=_together([half.spans for half in halves], SPANS),
            contents=_together([half.contents for half in halves], CONTENTS),
            evaluations=_together([half.evaluations for half in halves], EVALUATIONS),
            failed=[failure for half in halves for failure in half.failed],
            decoded_slowly=sum(half.decoded_slowly for half in halves),
            numbers=np.concatenate([half.numbers for half in halves]),
        )


def _parts(records: Sequence[SpoolRecord]) -> list[tuple[Signal, list[SpoolRecord], Decoded]]:
    return [
        (signal, chunk, decode([record.body for record in chunk], signal))
        for signal, chunk in _chunks(records)
    ]


def _to_rows(
    read: Sequence[tuple[Signal, list[SpoolRecord], Decoded]],
    mapping: FieldMapping,
    prices: PriceTable,
) -> Rows:
    parts: dict[str, list[pl.DataFrame]] = {"spans": [], "contents": [], "evaluations": []}
    failed: list[tuple[int, str]] = []
    numbers = [np.zeros(0, dtype=np.int64)]
    slowly = 0
    for signal, chunk, decoded in read:
        failed += [(chunk[position].number, reason) for position, reason in decoded.failed]
        slowly += decoded.decoded_slowly
        projects = [record.project for record in chunk]
        received = [record.received_at for record in chunk]
        if signal == "traces":
            found = span_rows(decoded, projects, received, mapping)
            parts["spans"].append(with_costs(found.spans, prices))
            numbers.append(np.array([record.number for record in chunk])[found.request])
            parts["contents"].append(found.contents)
            parts["evaluations"].append(evaluation_rows(found.scores, "span_event"))
        else:
            contents, scores = log_rows(decoded, projects, received)
            parts["contents"].append(contents)
            parts["evaluations"].append(evaluation_rows(scores, "log"))
    return Rows(
        spans=_together(parts["spans"], SPANS),
        contents=_together(parts["contents"], CONTENTS),
        evaluations=_together(parts["evaluations"], EVALUATIONS),
        failed=failed,
        decoded_slowly=slowly,
        numbers=np.concatenate(numbers),
    )


@dataclass(frozen=True, slots=True)
class RowsReader:
    """:func:`to_rows` with a user's own attribute keys and prices."""

    mapping: FieldMapping
    prices: PriceTable

    def __call__(self, records: Sequence[SpoolRecord]) -> Rows:
        """The rows of a batch of records."""
        return to_rows(records, self.mapping, self.prices)


def rows_reader(attributes: Mapping[str, str | list[str]], prices: str) -> RowsReader:
    """:func:`to_rows` with a user's own attribute keys and price file.

    Raises ValueError when a field does not exist or the price file cannot be read.
    """
    mapping = shipped_mapping().with_keys(attributes) if attributes else shipped_mapping()
    return RowsReader(mapping, load_prices(prices))


def _chunks(records: Sequence[SpoolRecord]) -> Iterator[tuple[Signal, list[SpoolRecord]]]:
    """Records of one signal at a time, few enough for Arrow's text columns."""
    for signal in ("traces", "logs"):
        chunk: list[SpoolRecord] = []
        size = 0
        for record in records:
            if record.signal != signal:
                continue
            if chunk and size + len(record.body) > BATCH_BYTES_MAX:
                yield signal, chunk
                chunk, size = [], 0
            chunk.append(record)
            size += len(record.body)
        if chunk:
            yield signal, chunk


def _together(frames: list[pl.DataFrame], schema: TableSchema) -> pl.DataFrame:
    """One frame with the table's columns, empty when there is nothing."""
    frames = [frame for frame in frames if len(frame)]
    if not frames:
        return _empty(schema)
    whole = pl.concat(frames) if len(frames) > 1 else frames[0]
    if schema is EVALUATIONS:
        whole = whole.unique("evaluation_id", keep="first", maintain_order=True)
    return whole.select(schema.names)


@cache
def _empty(schema: TableSchema) -> pl.DataFrame:
    """A frame of the table's columns without rows."""
    return pl.DataFrame(schema=schema.polars)
