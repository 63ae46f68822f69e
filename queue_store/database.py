"""The one seam between engines: how to connect, begin, insert and translate failures.

Everything else in this room is SQLAlchemy Core that both engines run unchanged.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, create_engine, event, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    IntegrityError,
    InvalidatePoolError,
    NoSuchModuleError,
    SQLAlchemyError,
    StatementError,
)
from sqlalchemy.pool import StaticPool

from queue_store.errors import InvalidValueError, StoreUnavailableError
from queue_store.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import URL, Connection, Table

    from queue_store.config import QueueConfig

STUCK_SHARE = 1 / 3
"""Of the time that a write waits for another: how long the line of writers may stand still."""
REST_SECONDS = 1.0
"""A connection that was in use so short a time ago is taken as it is."""
_RESTED = "spandocket_rested"
WRITE = "spandocket_write"
"""Execution option of a connection whose transaction will write."""


class Database:
    """One engine; hands out transactions, and lets no driver error out."""

    def __init__(self, url: str, config: QueueConfig) -> None:
        self.url = _parsed(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.is_memory = self.is_sqlite and self.url.database in {None, "", ":memory:"}
        self.place = self.url.render_as_string(hide_password=True)
        self._alone: Any = threading.RLock() if self.is_memory else nullcontext()
        self._turns = (
            Turns(
                Path(f"{self.url.database}-turn"),
                stuck_seconds=config.busy_timeout_seconds * STUCK_SHARE,
            )
            if self.is_sqlite and not self.is_memory
            else None
        )
        self.engine = self._connect(config)

    def _connect(self, config: QueueConfig) -> Engine:
        if self.is_memory:
            engine = create_engine(
                self.url, poolclass=StaticPool, connect_args={"check_same_thread": False}
            )
        else:
            engine = create_engine(
                self.url,
                pool_size=config.connections_max,
                max_overflow=0,
                pool_timeout=config.busy_timeout_seconds,
            )
        if not self.is_sqlite:
            _ask_after_a_rest(engine)
        if self.is_sqlite:
            _prepare_sqlite(engine, busy_milliseconds=int(config.busy_timeout_seconds * 1000))
        return engine

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One consistent view of the data."""
        with self._translating(), self._alone, self.engine.connect() as connection:
            if not self.is_sqlite:
                connection = connection.execution_options(isolation_level="REPEATABLE READ")  # noqa: PLW2901
            with connection.begin():
                yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction that is stored as a whole or not at all.

        SQLite has a single writer: the transaction takes its turn at the start,
        so that nothing read inside it can be stale.
        """
        turn = self._turns.taken() if self._turns is not None else self._alone
        with self._translating(), self.engine.connect() as connection, turn:
            options = connection.execution_options(**{WRITE: True})
            with options.begin():
                yield options

    @contextmanager
    def _translating(self) -> Iterator[None]:
        try:
            yield
        except (UnicodeEncodeError, OverflowError, DataError, IntegrityError) as error:
            reason = str(getattr(error, "orig", error)).strip()
            raise InvalidValueError("value", None, f"cannot be stored: {reason}") from error
        except DBAPIError as error:
            raise StoreUnavailableError(self.place, str(error.orig).strip()) from error
        except StatementError as error:
            reason = str(error.orig).strip()
            raise InvalidValueError("value", None, f"cannot be stored: {reason}") from error
        except SQLAlchemyError as error:
            raise StoreUnavailableError(self.place, str(error).strip()) from error

    def exclusive(self, connection: Connection, name: str) -> None:
        """Wait for every other transaction that asked for this name; until the end of this one.

        SQLite needs nothing: its writing transactions follow one another anyway.
        """
        if not self.is_sqlite:
            connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))

    def insert(self, table: Table) -> sqlite.Insert | postgresql.Insert:
        """An INSERT that knows ON CONFLICT; both engines share its words."""
        return sqlite.insert(table) if self.is_sqlite else postgresql.insert(table)

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()
        if self._turns is not None:
            self._turns.close()


def _parsed(url: str) -> URL:
    """Read the URL and settle the driver."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise InvalidValueError(
            "url", url, f"{url!r} is not a database URL; write sqlite:///FILE or postgresql://…"
        ) from error
    match parsed.get_backend_name():
        case "sqlite":
            return parsed
        case "postgresql" | "postgres":
            return parsed.set(drivername="postgresql+psycopg")
        case other:
            raise InvalidValueError(
                "url", url, f"cannot use {other}; the queue store runs on sqlite and postgresql"
            ) from NoSuchModuleError(other)


def _ask_after_a_rest(engine: Engine) -> None:
    """Ask connections that were not in use for a while whether the server is still there.

    One that was in use just now is not asked: that would cost every write one more question.
    """

    @event.listens_for(engine, "checkin")
    def _rests(_connection: Any, record: Any) -> None:
        record.info[_RESTED] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def _asked(connection: Any, record: Any, _proxy: Any) -> None:
        rested = record.info.get(_RESTED)
        if rested is None or time.monotonic() - rested < REST_SECONDS:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError from error


def _lowered(text: Any) -> Any:
    return text.lower() if isinstance(text, str) else text


def _prepare_sqlite(engine: Engine, *, busy_milliseconds: int) -> None:
    """Make SQLite durable and let SQLAlchemy say when transactions begin."""

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        for pragma in (
            f"busy_timeout = {busy_milliseconds}",
            "foreign_keys = ON",
            "synchronous = FULL",
            "cache_size = -65536",
        ):
            connection.execute(f"PRAGMA {pragma}")
        # SQLite's own knows no letters but ASCII's, PostgreSQL's knows them all.
        connection.create_function("lower", 1, _lowered, deterministic=True)
        (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
        if mode == "delete":
            connection.execute("PRAGMA journal_mode = WAL")

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        immediate = connection.get_execution_options().get(WRITE)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
