"""The border between what moves requests and what understands them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    from otlp_receiver.record import SpoolRecord
    from otlp_receiver.rows import ReadRecords

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


@runtime_checkable
class DecodeInSteps(Decode, Protocol):
    """Decodes in two steps, so that two batches can be worked on at the same time."""

    def read(self, records: Sequence[SpoolRecord]) -> ReadRecords | None:
        """The first step; None where only both together can be taken."""

    def understand(self, read: ReadRecords) -> LoadedRows:
        """The second step."""


class Note(Protocol):
    """Is told what a batch of neighbouring records was decoded to; never raises."""

    def __call__(self, records: Sequence[SpoolRecord], rows: LoadedRows) -> None:
        """Take note."""
