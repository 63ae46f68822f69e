"""Captured exports with the truth beside them: read from an archive or a folder, and understood.

Used by the tests and by the page that says what is covered; nothing here runs in the service.
"""

from __future__ import annotations

import json
import tarfile
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import polars as pl

from otlp_receiver.otlp_json import json_to_protobuf
from otlp_receiver.record import SpoolRecord
from otlp_receiver.rows import to_rows
from span_store.contents import with_contents
from span_store.model_calls import counted_once, uncounted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """One scenario of one library: request bodies in order of arrival, and the truth."""

    dialect: str
    scenario: str
    bodies: tuple[tuple[str, bytes], ...]
    truth: dict[str, Any]

    @property
    def name(self) -> str:
        """``DIALECT/SCENARIO``."""
        return f"{self.dialect}/{self.scenario}"

    def records(self, project: str = "captures") -> list[SpoolRecord]:
        """The bodies as the receiver would spool them."""
        return [
            SpoolRecord(
                number=number,
                project=project,
                signal="traces" if ".traces." in name else "logs",
                received_at=number,
                body=_protobuf(name, body),
            )
            for number, (name, body) in enumerate(self.bodies, start=1)
        ]


@dataclass(frozen=True, slots=True)
class Understood:
    """What was made of a capture: spans as a scan of the store would give them, and scores."""

    spans: pl.DataFrame
    evaluations: pl.DataFrame
    failed: list[str]


def understand(captures: Sequence[Capture]) -> list[Understood]:
    """Decode, normalise, join content from logs and count calls once, all in memory.

    Each capture is a project of its own; all of them are understood in one batch.
    """
    records = [record for capture in captures for record in capture.records(capture.name)]
    numbered = [replace(record, number=number) for number, record in enumerate(records)]
    rows = to_rows(numbered)
    spans = with_contents(rows.spans.lazy(), rows.contents.lazy())
    whole = counted_once(spans, uncounted(rows.spans.lazy())).collect()
    failed = [(numbered[number].project, reason) for number, reason in rows.failed]
    return [
        Understood(
            whole.filter(pl.col("project") == capture.name),
            rows.evaluations.filter(pl.col("project") == capture.name),
            [reason for project, reason in failed if project == capture.name],
        )
        for capture in captures
    ]


def read_captures(place: Path) -> Iterator[Capture]:
    """Every capture of a folder, or of an archive of one, in the order of their names."""
    files = _from_folder(place) if place.is_dir() else _from_archive(place)
    folders: dict[str, dict[str, bytes]] = {}
    for path, body in files:
        folder, _, name = path.rpartition("/")
        if folder:
            folders.setdefault(folder, {})[name] = body
    for folder, found in sorted(folders.items()):
        if "truth.json" not in found:
            continue
        dialect, _, scenario = folder.rpartition("/")
        bodies = sorted(name for name in found if ".traces." in name or ".logs." in name)
        yield Capture(
            dialect=dialect,
            scenario=scenario,
            bodies=tuple((name, found[name]) for name in bodies),
            truth=json.loads(found["truth.json"]),
        )


def _from_folder(place: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(place.rglob("*")):
        if path.is_file():
            yield path.relative_to(place).as_posix(), path.read_bytes()


def _from_archive(place: Path) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(place) as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isfile() else None
            if content is not None:
                yield member.name.removeprefix("./"), content.read()


def _protobuf(name: str, body: bytes) -> bytes:
    if not name.endswith(".json"):
        return body
    return json_to_protobuf("traces" if ".traces." in name else "logs", body)
