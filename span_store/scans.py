"""One table as lazy frames: choose the files, find the duplicates, leave them out."""

from __future__ import annotations

from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl

from span_store.datafiles import COMPACTED, ROWS_PER_GROUP
from span_store.duplicates import Doubles, find_doubles, repeated, without_doubles
from span_store.errors import unavailable
from span_store.files import read_files
from span_store.layout import BY_TRACE, ROW_KEY, first_row_keys, physical_schema
from span_store.selection import RANGES_MAX, Selection, between, keys_of, some_of
from span_store.trace_index import INDEXED_ROWS_MAX, TraceIndex

if TYPE_CHECKING:
    from collections.abc import Sequence

    from span_store.schema import TableSchema
    from span_store.tablelog import TableLog

_REMEMBERED_MAX = 8
"""How many answers to "which rows are doubled?" a table remembers; a version never changes."""

_WINDOW_FRACTION = 0.25
"""A window of more than this part of the rows is searched for duplicates with the whole."""

_OWN_SCANS_MAX = 64
"""Files that are read by row groups of their own; the others share one scan."""


class TableScan:
    """Scans of one table."""

    def __init__(
        self,
        log: TableLog,
        schema: TableSchema,
        storage_options: dict[str, str] | None,
        index: TraceIndex | None = None,
    ) -> None:
        self._log = log
        self._schema = schema
        self._storage_options = storage_options
        self.index = index or TraceIndex(schema, storage_options)
        self._doubles: OrderedDict[tuple[int, Selection], Doubles] = OrderedDict()

    def raw(self, selection: Selection) -> pl.LazyFrame:
        """The selected rows with their physical columns, duplicates present."""
        _, files = self._log.live_files()
        try:
            return self._chosen(files, selection)
        except (pl.exceptions.PolarsError, OSError) as error:
            raise unavailable(self._log.uri, error) from error

    def rows(self, selection: Selection) -> pl.LazyFrame:
        """The selected rows with their physical columns, one version a key."""
        version, files = self._log.live_files()
        try:
            doubles = self._find(version, files, selection)
            # Conditions that split the versions of a row come last: the winner may fail them.
            chosen = self._chosen(files, selection, conditions=selection.on_key())
        except (pl.exceptions.PolarsError, OSError) as error:
            raise unavailable(self._log.uri, error) from error
        single = without_doubles(chosen, doubles, self._schema)
        return single if selection.is_on_key else selection.rows(single, self._schema)

    def rows_by_files(self, selection: Selection) -> pl.LazyFrame | None:
        """The rows of the selected traces, files that hold no others read without looking.

        It may hold rows more: other traces whose hashes collide, other projects, and rows beyond
        the bounds. None when no file is the selected traces' alone, or the traces are few.
        """
        version, files = self._log.live_files()
        traces = selection.trace_ids or ()
        files = selection.files(files)
        if len(traces) <= RANGES_MAX or not self._is_indexed(files):
            return None
        hits = self.index.hits(files, keys_of(traces))
        is_own = (hits > 0) & (hits == self.index.sizes(files))
        if not is_own.any():
            return None
        doubles = self._find(version, self._log.live_files()[1], selection)
        rows = self._read(files.filter(is_own))
        if (hits.filter(~is_own) > 0).any():
            others = self._chosen(files.filter(~is_own), selection, conditions=selection.on_key())
            rows = pl.concat([rows, others])
        return without_doubles(rows, doubles, self._schema)

    def rows_of(self, some: pl.DataFrame, selection: Selection) -> pl.LazyFrame:
        """The selected rows of some of the files, one version a key among all files.

        ``selection`` selects all versions of a row together.
        """
        version, files = self._log.live_files()
        doubles = self._find(version, files, selection)
        return without_doubles(
            selection.rows(self._read(some), self._schema), doubles, self._schema
        )

    def in_memory(
        self, columns: Sequence[str], selection: Selection, **computed: pl.Expr
    ) -> pl.DataFrame:
        """Columns of the selected rows, one version a key, in one pass over the files.

        ``computed`` are more columns by their names, each of what stands in its own row.
        ``selection`` selects all versions of a row together. What the pass tells beside the rows,
        which are doubled and which file holds which trace, is remembered.
        """
        version, files = self._log.live_files()
        names = list(dict.fromkeys((*columns, ROW_KEY)))
        wanted = (*columns, *computed)
        try:
            chosen = self._chosen(files, selection)
            frame = chosen.select(*names, **computed).collect(engine="streaming")
            row_keys = frame[ROW_KEY]
            with ThreadPoolExecutor(1, thread_name_prefix="index") as beside:
                learning = beside.submit(self._learn, files, row_keys)
                suspects = repeated(row_keys)
                learning.result()
            doubles = self._compare(chosen, suspects)
            self._remember(version, selection, doubles)
            if not doubles:
                return frame.select(wanted)
            is_suspect = pl.col(ROW_KEY).is_in(suspects.implode())
            again = without_doubles(chosen.filter(is_suspect), doubles, self._schema)
            single = again.select(*names, **computed).collect(engine="streaming")
        except (pl.exceptions.PolarsError, OSError) as error:
            raise unavailable(self._log.uri, error) from error
        return pl.concat([frame.filter(~is_suspect), single]).select(wanted)

    def _learn(self, files: pl.DataFrame, row_keys: pl.Series) -> None:
        """Which of the files hold which traces, if these are all their rows."""
        if self._is_indexed(files) and len(row_keys) == files["num_records"].sum():
            self.index.learn(files, row_keys)

    def reading_order(self, project: str | None, traces: pl.DataFrame) -> pl.DataFrame:
        """For each trace ``file``, which it ends in, and ``position``, its place in that file.

        ``position`` says something of compacted files alone, whose rows are sorted by trace.
        """
        _, files = self._log.live_files()
        files = Selection(project=project).files(files)
        if "min.received_at" not in files.columns or not self._is_indexed(files):
            return traces.select(file=pl.lit(-1, pl.Int64), position=pl.lit(0, pl.Int64))
        files = files.sort("min.received_at", "name")
        first = first_row_keys(traces["trace_id"])
        is_sorted = files["name"].str.contains(f".{COMPACTED.compression}.", literal=True)
        return (
            pl.DataFrame([self.index.last_files(files, traces, first), pl.Series("first", first)])
            .join(
                pl.DataFrame({"is_sorted": is_sorted})
                .with_row_index("file")
                .cast({"file": pl.Int64}),
                on="file",
                how="left",
                maintain_order="left",
            )
            .select("file", position=pl.when("is_sorted").then("first").otherwise(0))
        )

    def _chosen(
        self, files: pl.DataFrame, selection: Selection, conditions: Selection | None = None
    ) -> pl.LazyFrame:
        """The rows of the files that the selection needs, under its conditions or these."""
        conditions = conditions or selection
        files = selection.files(files)
        traces = selection.trace_ids
        if traces is None or len(traces) <= RANGES_MAX or not self._is_indexed(files):
            return conditions.rows(self._read(files), self._schema)
        keys = keys_of(traces)
        hits = files.with_columns(self.index.hits(files, keys)).filter(pl.col("hits") > 0)
        if conditions.trace_ids == traces:
            # Of a file that is sorted by trace, only the row groups between these are read.
            conditions = replace(conditions, row_keys=between(traces))
        is_sparse = (pl.col("hits") <= RANGES_MAX) & (pl.col("num_records") > 2 * ROWS_PER_GROUP)
        sparse = hits.filter(is_sparse).sort("num_records", descending=True).head(_OWN_SCANS_MAX)
        shared = hits.join(sparse, on="name", how="anti")
        parts = [conditions.rows(self._read(shared), self._schema)]
        for file in sparse.iter_slices(1):
            few = some_of(traces, self.index.of_file(file["name"][0], keys))
            narrow = replace(conditions, trace_ids=few)
            parts.append(narrow.rows(self._read(file), self._schema))
        return pl.concat(parts) if len(parts) > 1 else parts[0]

    def _is_indexed(self, files: pl.DataFrame) -> bool:
        if self._schema.name not in BY_TRACE or files.is_empty():
            return False
        return int(files["num_records"].sum()) <= INDEXED_ROWS_MAX

    def _find(self, version: int, files: pl.DataFrame, selection: Selection) -> Doubles:
        """The doubles that matter for this selection, at this version of the table.

        Those of more rows than the selection's serve as well, where they are known.
        """
        whole = Selection(project=selection.project)
        on_key = selection.on_key()
        for wider in (Selection(), whole, on_key, selection):
            if (version, wider) in self._doubles:
                return self._doubles[version, wider]
        searched = selection
        if not selection.is_on_key and not self.is_narrow(files, selection):
            searched = on_key
        doubles = self._search(files, searched)
        self._remember(version, searched, doubles)
        return doubles

    def _remember(self, version: int, searched: Selection, doubles: Doubles) -> None:
        self._doubles[version, searched] = doubles
        while len(self._doubles) > _REMEMBERED_MAX:
            self._doubles.popitem(last=False)

    @staticmethod
    def is_narrow(files: pl.DataFrame, selection: Selection) -> bool:
        """Whether a window leaves out most of the rows that it could be compared with."""
        if files.is_empty():
            return False
        inside = int(selection.files(files)["num_records"].sum())
        around = int(selection.on_key().files(files)["num_records"].sum())
        return inside < around * _WINDOW_FRACTION

    def _search(self, files: pl.DataFrame, selection: Selection) -> Doubles:
        related = self._chosen(files, selection.on_key())
        keys = self._chosen(files, selection).select(ROW_KEY).collect(engine="streaming")
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
