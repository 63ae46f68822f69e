"""The settings file: TOML, one section a room, every problem reported at once.

Each room declares its settings as a frozen dataclass in its ``config.py``; a field's metadata
holds ``doc`` (one sentence) and, where it applies, ``unit``: ``duration`` (seconds; written as
``"30s"``, ``"5m"``, ``"2h"``, ``"7d"``) or ``bytes`` (written as ``"64MiB"``). A field may be a
dataclass itself, or a dictionary of them: these are sections within the section.
"""

from __future__ import annotations

import tomllib
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import click

from analytics.config import AnalysisConfig, JudgeConfig
from cli.nearest import nearest_names
from cli.setting_values import read_value
from otlp_receiver.config import ForwardConfig, ReceiverConfig
from queue_store.config import QueueConfig
from review_app.config import ReviewConfig
from span_store.config import StoreConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """Every setting, by room."""

    receiver: ReceiverConfig = field(default_factory=ReceiverConfig)
    forward: ForwardConfig = field(default_factory=ForwardConfig)
    store: StoreConfig = field(default_factory=StoreConfig)
    analysis: AnalysisConfig = field(default_factory=AnalysisConfig)
    judge: JudgeConfig = field(default_factory=JudgeConfig)
    queue: QueueConfig = field(default_factory=QueueConfig)
    review: ReviewConfig = field(default_factory=ReviewConfig)


class ConfigurationError(click.ClickException):
    """The settings file cannot be used; every problem is named with file and key."""

    exit_code = 2


def load(config_file: str | None) -> Configuration:
    """Read a settings file; without one, the defaults.

    Raises :class:`ConfigurationError` naming every problem at once.
    """
    if config_file is None:
        return Configuration()
    document = read_document(config_file)
    problems: list[str] = []
    sections = get_type_hints(Configuration)
    values: dict[str, Any] = {}
    _gather_detectors(document, config_file, problems)
    for name, table in document.items():
        where = f"{config_file}: {name}"
        if name not in sections:
            problems.append(f"{where}: unknown section{nearest_names(name, sections)}")
        else:
            values[name] = _section(sections[name], table, where, problems)
    if problems:
        raise ConfigurationError("\n".join(problems))
    return Configuration(**values)


def _gather_detectors(document: dict[str, Any], place: str, problems: list[str]) -> None:
    """Move ``[[detectors]]`` to where the analysis settings keep them, by name."""
    declared = document.pop("detectors", None)
    if declared is None:
        return
    analysis = document.setdefault("analysis", {})
    target = analysis.setdefault("detectors", {}) if isinstance(analysis, dict) else None
    if not isinstance(target, dict):
        # What stands there instead is a problem of its own.
        return
    for entry in declared if isinstance(declared, list) else [declared]:
        name = entry.pop("name", None) if isinstance(entry, dict) else None
        if not isinstance(name, str) or not name:
            problems.append(f"{place}: detectors: every [[detectors]] needs a name")
        elif name in target:
            problems.append(f"{place}: detectors: {name} is declared twice")
        else:
            target[name] = entry


def read_document(config_file: str) -> dict[str, Any]:
    """The file as TOML; raises :class:`ConfigurationError` when it is none."""
    path = Path(config_file)
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is not TOML: {error}") from error


def _section(kind: Any, table: Any, where: str, problems: list[str]) -> Any:
    """Build one dataclass from one TOML table, collecting problems."""
    if not isinstance(table, dict):
        problems.append(f"{where}: expected a table, not {table!r}")
        return None
    hints = get_type_hints(kind)
    units = {entry.name: entry.metadata.get("unit") for entry in fields(kind)}
    known = len(problems)
    values: dict[str, Any] = {}
    for key, raw in table.items():
        if key not in units:
            problems.append(f"{where}.{key}: unknown key{nearest_names(key, units)}")
            continue
        try:
            values[key] = _entry(raw, hints[key], units[key], f"{where}.{key}", problems)
        except ValueError as error:
            problems.append(f"{where}.{key}: {error}")
    problems += [
        f"{where}: {entry.name} is missing"
        for entry in fields(kind)
        if entry.name not in table and entry.default is entry.default_factory is MISSING
    ]
    if len(problems) > known:
        return None
    try:
        return kind(**values)
    except (ValueError, TypeError) as error:
        problems.append(f"{where}: {error}")
        return None


def _entry(raw: Any, hint: Any, unit: str | None, where: str, problems: list[str]) -> Any:
    """One key: a section within the section, a dictionary of them, or a plain value."""
    if is_dataclass(hint):
        return _section(hint, raw, where, problems)
    if get_origin(hint) is dict and is_dataclass(get_args(hint)[1]):
        if not isinstance(raw, dict):
            raise ValueError(f"expected a table of tables, not {raw!r}")
        element = get_args(hint)[1]
        return {
            name: _section(element, value, f"{where}.{name}", problems)
            for name, value in raw.items()
        }
    return read_value(raw, hint, unit)
