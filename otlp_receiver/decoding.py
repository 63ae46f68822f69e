"""The border between what moves requests and what understands them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    from otlp_receiver.record import SpoolRecord

LOADED_TABLES = ("contents", "evaluations", "spans")
"""In the order of the commits: a span is never seen before the content that belongs to it."""


class LoadedRows(Protocol):
    """What decoding gives; see :mod:`otlp_receiver.rows`."""

    @property
    def spans(self) -> pl.DataFrame:
        """Rows of the table ``spans``."""

    @property
    def contents(self) -> pl.DataFrame:
        """Rows of the table ``contents``."""

    @property
    def evaluations(self) -> pl.DataFrame:
        """Rows of the table ``evaluations``."""

    @property
    def failed(self) -> list[tuple[int, str]]:
        """Record numbers that nothing can decode, with the reason."""

    @property
    def decoded_slowly(self) -> int:
        """Records that only the official package could decode."""

    @property
    def numbers(self) -> Sequence[int] | NDArray[np.int64]:
        """The record number of each row of ``spans``."""


class Decode(Protocol):
    """Turns records into rows; see :func:`otlp_receiver.rows.to_rows`."""

    def __call__(self, records: Sequence[SpoolRecord]) -> LoadedRows:
        """Decode a batch of records."""


class Find(Protocol):
    """Finds something in what a batch was decoded to; never raises."""

    def __call__(self, rows: LoadedRows) -> Any:
        """What was found, able to travel to another process; None for what is not to be left."""


class FindingsLeft(Protocol):
    """Findings that the loader leaves to whoever wants them; never raises."""

    def find(self, rows: LoadedRows) -> Any:
        """See :class:`Find`; called wherever the batch is worked on."""

    def leave(self, first: int, last: int, found: Any) -> None:
        """Leave what was found in all records between two numbers; called in their order."""
