"""What every command shares: the place, the project, the settings, and the stores they open."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from cli.configuration import Configuration
    from queue_store.store import QueueStore
    from span_store.store import SpanStore


@dataclass
class Context:
    """The global options; stores are opened on first use."""

    data_dir: str
    config_file: str | None
    project: str

    @property
    def data_path(self) -> Path:
        """The data directory as an absolute path."""
        return Path(self.data_dir).expanduser().absolute()

    @cached_property
    def configuration(self) -> Configuration:
        """The settings of ``--config``, or the defaults."""
        from cli.configuration import load

        return load(self.config_file)

    @cached_property
    def span_store(self) -> SpanStore:
        """The columnar tables."""
        from span_store.store import SpanStore

        settings = self.configuration.store
        return SpanStore(settings.url or self.data_path, settings.storage_options or None)

    @property
    def has_tables(self) -> bool:
        """Whether there may be tables; none are looked for beyond this machine."""
        return bool(self.configuration.store.url) or (self.data_path / "spans").exists()

    @property
    def queue_url(self) -> str:
        """Where the queue store lies."""
        own = f"sqlite:///{self.data_path / 'queue.sqlite3'}"
        return self.configuration.queue.url or own

    @property
    def has_queue_store(self) -> bool:
        """Whether a queue store was made already, as far as can be told without making one."""
        url = self.queue_url
        return not url.startswith("sqlite:///") or Path(url.removeprefix("sqlite:///")).exists()

    @cached_property
    def queue_store(self) -> QueueStore:
        """The queue store, its schema brought up to date."""
        from queue_store.store import QueueStore

        if not self.configuration.queue.url:
            self.data_path.mkdir(parents=True, exist_ok=True)
        store = QueueStore.open(self.queue_url, self.configuration.queue)
        click_context = click.get_current_context(silent=True)
        if click_context is not None:
            click_context.find_root().call_on_close(store.close)
        return store

    def now(self) -> datetime:
        """The clock; the only one that the rooms below ever see."""
        return datetime.now(UTC)


pass_context = click.make_pass_decorator(Context)
"""Hands the :class:`Context` to a command as its first argument."""
