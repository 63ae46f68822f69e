"""One table as lazy frames: choose the files, find the duplicates, leave them out."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

import polars as pl

from span_store.duplicates import Doubles, find_doubles, repeated, without_doubles
from span_store.errors import unavailable
from span_store.files import read_files
from span_store.layout import ROW_KEY, physical_schema

if TYPE_CHECKING:
    from span_store.schema import TableSchema
    from span_store.selection import Selection
    from span_store.tablelog import TableLog

_REMEMBERED_MAX = 8
"""How many answers to "which rows are doubled?" a table remembers; a version never changes."""


class TableScan:
    """Scans of one table."""

    def __init__(
        self, log: TableLog, schema: TableSchema, storage_options: dict[str, str] | None
    ) -> None:
        self._log = log
        self._schema = schema
        self._storage_options = storage_options
        self._doubles: OrderedDict[tuple[int, Selection], Doubles] = OrderedDict()

    def raw(self, selection: Selection) -> pl.LazyFrame:
        """The selected rows with their physical columns, duplicates present."""
        _, files = self._log.live_files()
        return selection.rows(self._read(selection.files(files)), self._schema)

    def rows(self, selection: Selection) -> pl.LazyFrame:
        """The selected rows with their physical columns, one version a key."""
        version, files = self._log.live_files()
        doubles = self._find(version, files, selection)
        if selection.is_on_key:
            chosen = selection.rows(self._read(selection.files(files)), self._schema)
            return without_doubles(chosen, doubles, self._schema)
        # The winner may lie outside of the bounds: leave the losers out first, then select.
        whole = self._read(selection.files(files))
        return selection.rows(without_doubles(whole, doubles, self._schema), self._schema)

    def _find(self, version: int, files: pl.DataFrame, selection: Selection) -> Doubles:
        """The doubles that matter for this selection, at this version of the table."""
        known = self._doubles.get((version, selection))
        if known is not None:
            return known
        try:
            doubles = self._search(files, selection)
        except (pl.exceptions.PolarsError, OSError) as error:
            raise unavailable(self._log.uri, error) from error
        self._doubles[version, selection] = doubles
        while len(self._doubles) > _REMEMBERED_MAX:
            self._doubles.popitem(last=False)
        return doubles

    def _search(self, files: pl.DataFrame, selection: Selection) -> Doubles:
        on_key = selection.on_key()
        related = self._read(on_key.files(files))
        chosen = selection.rows(self._read(selection.files(files)), self._schema)
        keys = chosen.select(ROW_KEY).collect(engine="streaming")
        if selection.is_on_key:
            return self._compare(related, repeated(keys[ROW_KEY]))
        # Rows outside of the bounds with the same key decide too.
        sought = keys.unique()
        found = related.select(ROW_KEY).join(sought.lazy(), on=ROW_KEY, how="semi")
        return self._compare(related, repeated(found.collect(engine="streaming")[ROW_KEY]))

    def _compare(self, related: pl.LazyFrame, suspects: pl.Series) -> Doubles:
        if suspects.is_empty():
            schema = physical_schema(self._schema)
            return Doubles(losers=pl.DataFrame(schema=schema), unclear=suspects)
        return find_doubles(related, suspects, self._schema)

    def _read(self, files: pl.DataFrame) -> pl.LazyFrame:
        return read_files(files, self._schema, self._storage_options)
