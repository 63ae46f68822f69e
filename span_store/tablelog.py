"""The log of one Delta table: open it, read which files are live, commit files atomically."""

from __future__ import annotations

import os
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import polars as pl
from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties, Transaction
from deltalake import Schema as DeltaSchema
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from span_store.datafiles import is_local, statistics_columns, sync_file
from span_store.errors import ConcurrentWriterError, unavailable
from span_store.layout import physical_schema

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deltalake._internal import RemoveAction
    from deltalake.transaction import AddAction

    from span_store.schema import TableSchema

_COMMIT_RETRIES = 100
"""Appends never conflict with each other; each retry only takes the next free version."""

_CHECKPOINT_COMMITS = 25

_CONFIGURATION = {
    # A reader opens the last checkpoint and at most this many commits after it.
    "delta.checkpointInterval": str(_CHECKPOINT_COMMITS),
    # Nobody travels in time, and every commit lists the log: it must stay short when there are many
    # commits a second. No reader needs as long to open the table, no keeper for one of its commits.
    "delta.logRetentionDuration": "interval 10 minutes",
    "delta.enableExpiredLogCleanup": "true",
}


class TableLog:
    """One table's log. Methods may be called from several threads."""

    def __init__(
        self, uri: str, schema: TableSchema, storage_options: dict[str, str] | None
    ) -> None:
        self.uri = uri
        self.schema = schema
        self._storage_options = storage_options
        self._lock = Lock()
        self._table: DeltaTable | None = None
        self._pinned: tuple[int, pl.DataFrame] | None = None

    def pinned(self) -> TableLog:
        """A log for readers that stays at the files of this moment."""
        log = TableLog(self.uri, self.schema, self._storage_options)
        log._pinned = self.live_files()
        return log

    def current(self) -> DeltaTable | None:
        """The table at its newest version; None when nobody wrote it yet."""
        with self._lock:
            return self._current()

    def opened(self) -> DeltaTable:
        """The table at the version this log last saw, without looking for a newer one."""
        assert self._table is not None, "current() or create() comes first"
        return self._table

    def live_files(self) -> tuple[int, pl.DataFrame]:
        """The newest version, and its files.

        Columns ``path`` (absolute), ``name`` (as the log has it), ``size_bytes``, ``num_records``,
        ``modification_time`` (milliseconds), ``min.COLUMN`` and ``max.COLUMN``.
        Version -1 and no files when nobody wrote the table yet.
        """
        if self._pinned is not None:
            return self._pinned
        with self._lock:
            table = self._current()
            if table is None:
                return -1, pl.DataFrame()
            try:
                files = pl.DataFrame(table.get_add_actions(flatten=True))
                files = files.rename({"path": "name"}).with_columns(
                    path=pl.lit(self.uri + "/") + pl.col("name")
                )
                return table.version(), files
            except (DeltaError, OSError) as error:
                raise unavailable(self.uri, error) from error

    def create(self) -> DeltaTable:
        """The table at its newest version, created or given newer columns where needed."""
        with self._lock:
            table = self._current()
            try:
                if table is None:
                    if is_local(self.uri):
                        Path(self.uri).mkdir(parents=True, exist_ok=True)
                    table = self._create()
                self._add_new_columns(table)
            except (DeltaError, OSError) as error:
                raise unavailable(self.uri, error) from error
            self._table = table
            return table

    def commit(
        self,
        actions: Sequence[AddAction | RemoveAction],
        transactions: Mapping[str, int],
    ) -> int:
        """Commit files and application transactions together; the table's version afterwards.

        Raises :class:`ConcurrentWriterError` when another process committed under one of these
        application ids since the table was opened: two writers believe to be the same one.
        """
        with self._lock:
            table = self._table
            assert table is not None, "create() comes first"
            before = table.version()
            numbers = [table.transaction_version(application) for application in transactions]
            while True:
                try:
                    self._commit_once(table, actions, transactions)
                    break
                except CommitFailedError as error:
                    table = self._reopened(error, transactions, numbers)
                except (DeltaError, OSError) as error:
                    self._table = None
                    if not self._is_committed(actions):
                        raise unavailable(self.uri, error) from error
                    table = self.opened()
                    break
            # The handle does not always know its own commit, and conflicts are measured from it.
            table.update_incremental()
            version = table.version()
            for number in range(before + 1, version + 1):
                self._sync_commit(number)
            return version

    def _commit_once(
        self,
        table: DeltaTable,
        actions: Sequence[AddAction | RemoveAction],
        transactions: Mapping[str, int],
    ) -> None:
        # Looking for what can be cut reads the whole log: half of a commit's cost after 1,000.
        cuts = table.version() % _CHECKPOINT_COMMITS == 0
        table.create_write_transaction(
            list(actions),
            "append",
            table.schema(),
            commit_properties=CommitProperties(
                max_commit_retries=_COMMIT_RETRIES,
                app_transactions=[Transaction(*entry) for entry in transactions.items()],
            ),
            post_commithook_properties=PostCommitHookProperties(cleanup_expired_logs=cuts),
        )

    def _reopened(
        self,
        error: CommitFailedError,
        transactions: Mapping[str, int],
        numbers: Sequence[int | None],
    ) -> DeltaTable:
        """The table anew, when nothing but its columns stood in the way of a commit.

        A newer program may give the table columns while this one writes. Whoever takes files away
        commits under an application id, so an unchanged number says that they are still live.
        """
        self._table = None
        reason = str(error).lower()
        if "metadata changed" in reason or "protocol changed" in reason:
            table = self._current()
            if table is None:
                raise unavailable(self.uri, error) from error
            if [table.transaction_version(application) for application in transactions] == numbers:
                return table
            self._table = None
            raise ConcurrentWriterError(self.uri, sorted(transactions)) from error
        # "Concurrent transaction failed" or "a concurrent transaction deleted data".
        if "concurrent transaction" in reason and transactions:
            raise ConcurrentWriterError(self.uri, sorted(transactions)) from error
        raise unavailable(self.uri, error) from error

    def _current(self) -> DeltaTable | None:
        try:
            if self._table is not None:
                try:
                    self._table.update_incremental()
                except DeltaError:
                    # The commits in between were cleaned up, or the table was replaced.
                    self._table = None
            if self._table is None:
                self._table = DeltaTable(self.uri, storage_options=self._storage_options)
        except TableNotFoundError:
            return None
        except (DeltaError, OSError, ValueError) as error:
            raise unavailable(self.uri, error) from error
        return self._table

    def _create(self) -> DeltaTable:
        columns = statistics_columns(self.schema)
        arrow = pl.DataFrame(schema=physical_schema(self.schema)).to_arrow().schema
        try:
            return DeltaTable.create(
                self.uri,
                schema=DeltaSchema.from_arrow(arrow),
                storage_options=self._storage_options,
                configuration=_CONFIGURATION
                | {"delta.dataSkippingStatsColumns": ",".join(columns)},
                # A second creation must fail: tried again it would become version 1, and the
                # metadata in it a conflict for whoever began to write at version 0.
                commit_properties=CommitProperties(max_commit_retries=0),
            )
        except DeltaError:
            # Another process created it a moment ago; if not, opening says what is wrong.
            return DeltaTable(self.uri, storage_options=self._storage_options)

    def _add_new_columns(self, table: DeltaTable) -> None:
        """Tables written by an older program get the columns that were declared since."""
        present = {field.name for field in table.schema().fields}
        missing = [name for name in physical_schema(self.schema) if name not in present]
        if not missing:
            return
        arrow = pl.DataFrame(schema=physical_schema(self.schema)).select(missing).to_arrow().schema
        table.alter.add_columns(list(DeltaSchema.from_arrow(arrow).fields))
        table.update_incremental()

    def _is_committed(self, actions: Sequence[AddAction | RemoveAction]) -> bool:
        """Whether the files are live although the commit reported an error after the fact."""
        table = self._current()
        if table is None:
            return False
        live = set(pl.DataFrame(table.get_add_actions(flatten=True))["path"])
        return all(action.path in live for action in actions if hasattr(action, "stats"))

    def _sync_commit(self, version: int) -> None:
        """Force the commit to the disk: the caller deletes its own copy after this."""
        if not is_local(self.uri):
            return
        path = Path(self.uri) / "_delta_log" / f"{version:020d}.json"
        try:
            sync_file(path)
        except FileNotFoundError:
            # Cleaned up already, after a checkpoint: sync whatever the checkpoint was written to.
            os.sync()
        except OSError as error:
            raise unavailable(self.uri, error) from error


def transactions_of(
    transaction: tuple[str, int] | Sequence[tuple[str, int]] | None,
) -> Mapping[str, int]:
    """The application transactions of an append by application id."""
    match transaction:
        case None:
            return {}
        case (str(application_id), int(number)):
            return {application_id: number}
        case several:
            return dict(several)
