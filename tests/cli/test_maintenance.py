"""The care of the tables takes no time from loading what was acknowledged."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import polars as pl
import pytest

from cli.context import Context
from cli.maintenance import maintain_once
from otlp_receiver.spool_folder import FolderLock, open_folder
from otlp_receiver.stats import STATS_FILE
from span_store.schema import TABLES

if TYPE_CHECKING:
    from pathlib import Path

FILES = 9


@pytest.fixture
def context(tmp_path: Path) -> Context:
    """A table of small files."""
    made = Context(data_dir=str(tmp_path), config_file=None, project="shop")
    columns = {name: pl.Series([None], dtype=kind) for name, kind in TABLES["spans"].polars.items()}
    for number in range(FILES):
        row = pl.DataFrame(columns).with_columns(
            project=pl.lit("shop"),
            trace_id=pl.lit(f"{number:032x}"),
            span_id=pl.lit(f"{number:016x}"),
            received_at=pl.lit(1_790_000_000_000_000_000 + number),
        )
        made.span_store.append("spans", row)
    return made


def files(context: Context) -> int:
    return context.span_store.table_log("spans").live_files()[1].height


def test_nothing_is_merged_while_a_receiver_has_much_to_load(context: Context) -> None:
    spool = context.data_path / "spool"
    open_folder(spool)
    lock = FolderLock(spool)
    lock.acquire()
    try:
        for age_seconds, left in ((60.0, FILES), (0.5, 1)):
            stats = json.dumps({"spool_age_seconds": age_seconds})
            (context.data_path / STATS_FILE).write_text(stats, encoding="utf-8")

            said = " ".join(maintain_once(context))

            assert files(context) == left
            assert ("receiver has loaded" in said) == (left == FILES)
    finally:
        lock.release()


def test_what_a_receiver_left_when_it_ended_keeps_nobody_waiting(context: Context) -> None:
    stats = json.dumps({"spool_age_seconds": 60.0})
    (context.data_path / STATS_FILE).write_text(stats, encoding="utf-8")

    said = list(maintain_once(context))

    assert said == [f"Merged {FILES} files of spans into 1."]
    assert files(context) == 1
