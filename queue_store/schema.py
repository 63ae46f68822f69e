"""Bringing a database to this version's schema: fresh, or by the numbered migrations."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Column, MetaData, PrimaryKeyConstraint, String, Table, inspect, text

from queue_store.errors import StoreUnavailableError
from queue_store.tables.every import METADATA

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection

    from queue_store.database import Database

SCHEMA_VERSION = "0003"
"""The newest migration."""

_VERSIONS = "alembic_version"


def bring_up_to_date(database: Database) -> None:
    """Create the tables of a new database, or migrate an older one.

    Raises StoreUnavailableError for a database written by a newer version.
    """
    with database.reading() as connection:
        version = schema_version(connection)
    if version == SCHEMA_VERSION:
        return
    with database.writing() as connection:
        database.exclusive(connection, "schema")
        version = schema_version(connection)
        if version is None:
            create(connection)
        elif version < SCHEMA_VERSION:
            migrate(connection)
        elif version > SCHEMA_VERSION:
            raise StoreUnavailableError(
                database.place,
                f"it has schema {version}, this version knows up to {SCHEMA_VERSION}; "
                "install the version that wrote it",
            )


def schema_version(connection: Connection) -> str | None:
    """The version of the database's schema; None for an empty database."""
    if not inspect(connection).has_table(_VERSIONS):
        return None
    version: str | None = connection.scalar(text(f"SELECT version_num FROM {_VERSIONS}"))
    return version


def create(connection: Connection) -> None:
    """Create every table at the newest version, and note it where the migrations look for it."""
    METADATA.create_all(connection)
    versions = Table(
        _VERSIONS,
        MetaData(),
        Column("version_num", String(32), nullable=False),
        PrimaryKeyConstraint("version_num", name=f"{_VERSIONS}_pkc"),
    )
    versions.create(connection)
    connection.execute(versions.insert().values(version_num=SCHEMA_VERSION))


def migrate(connection: Connection, version: str = "head") -> None:
    """Apply the migrations up to this version, in the connection's transaction."""
    from alembic import command

    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, version)


def pending_sql(url: str, version: str | None) -> str:
    """The statements that would bring a database from this version to the newest."""
    from io import StringIO

    from alembic import command
    from sqlalchemy.engine import make_url

    written = StringIO()
    config = _config()
    config.output_buffer = written
    config.attributes["dialect"] = make_url(url).get_backend_name()
    command.upgrade(config, f"{version or 'base'}:head", sql=True)
    return written.getvalue()


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    return config
