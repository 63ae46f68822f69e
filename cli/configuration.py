"""The settings file: TOML, one section a room, every problem reported at once.

Each room declares its settings as a frozen dataclass in its ``config.py``; a field's metadata
holds ``doc`` (one sentence) and, where it applies, ``unit``: ``duration`` (seconds; written as
``"30s"``, ``"5m"``, ``"2h"``, ``"7d"``) or ``bytes`` (written as ``"64MiB"``).
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args, get_type_hints

import click

from analytics.config import AnalysisConfig
from otlp_receiver.config import ReceiverConfig
from queue_store.config import QueueConfig
from span_store.config import StoreConfig

_DURATIONS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZES = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """Every setting, by room."""

    receiver: ReceiverConfig = field(default_factory=ReceiverConfig)
    store: StoreConfig = field(default_factory=StoreConfig)
    analysis: AnalysisConfig = field(default_factory=AnalysisConfig)
    queue: QueueConfig = field(default_factory=QueueConfig)


class ConfigurationError(click.ClickException):
    """The settings file cannot be used; every problem is named with file and key."""

    exit_code = 2


def load(config_file: str | None) -> Configuration:
    """Read a settings file; without one, the defaults.

    Raises :class:`ConfigurationError` naming every problem at once.
    """
    if config_file is None:
        return Configuration()
    path = Path(config_file)
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is not TOML: {error}") from error
    problems: list[str] = []
    sections = get_type_hints(Configuration)
    values: dict[str, Any] = {}
    for name, table in document.items():
        if name not in sections:
            problems.append(f"{path}: {name}: unknown section{_nearest(name, sections)}")
        elif not isinstance(table, dict):
            problems.append(f"{path}: {name}: must be a section, [{name}]")
        else:
            values[name] = _section(sections[name], table, f"{path}: {name}", problems)
    if problems:
        raise ConfigurationError("\n".join(problems))
    return Configuration(**values)


def _section(kind: Any, table: dict[str, Any], where: str, problems: list[str]) -> Any:
    """Build one dataclass from one TOML table, collecting problems."""
    hints = get_type_hints(kind)
    units = {entry.name: entry.metadata.get("unit") for entry in fields(kind)}
    values: dict[str, Any] = {}
    for key, raw in table.items():
        if key not in hints:
            problems.append(f"{where}.{key}: unknown key{_nearest(key, hints)}")
            continue
        try:
            values[key] = _value(raw, hints[key], units[key])
        except ValueError as error:
            problems.append(f"{where}.{key}: {error}")
    try:
        return kind(**values)
    except (ValueError, TypeError) as error:
        problems.append(f"{where}: {error}")
        return None


def _value(raw: Any, hint: Any, unit: str | None) -> Any:
    """Check one TOML value against the setting's type and unit."""
    if unit == "duration":
        return _scaled(raw, _DURATIONS, '"30s"')
    if unit == "bytes":
        return int(_scaled(raw, _SIZES, '"64MiB"'))
    kinds = get_args(hint) or (hint,)
    origin_names = {getattr(kind, "__name__", str(kind)) for kind in kinds}
    if isinstance(raw, list):
        return tuple(raw)
    if isinstance(raw, bool) and "bool" not in origin_names:
        raise ValueError(f"expected {' or '.join(sorted(origin_names))}, not {raw!r}")
    if isinstance(raw, int) and "float" in origin_names and "int" not in origin_names:
        return float(raw)
    if "dict" in origin_names or getattr(hint, "__origin__", None) is dict:
        if not isinstance(raw, dict):
            raise ValueError(f"expected a table, not {raw!r}")
        return raw
    if type(raw).__name__ not in origin_names:
        raise ValueError(f"expected {' or '.join(sorted(origin_names))}, not {raw!r}")
    return raw


def _scaled(raw: Any, factors: dict[str, Any], example: str) -> float:
    """Read a number with a unit suffix; a bare number is in the base unit."""
    if isinstance(raw, int | float) and not isinstance(raw, bool):
        return float(raw)
    match = re.fullmatch(r"\s*([0-9.]+)\s*([A-Za-z]+)\s*", raw) if isinstance(raw, str) else None
    if match is None or match[2] not in factors:
        raise ValueError(f"expected a number with one of {', '.join(factors)}, such as {example}")
    return float(match[1]) * float(factors[match[2]])


def _nearest(name: str, known: Any) -> str:
    """Suggest the nearest known names."""
    near = get_close_matches(name, list(known), n=3, cutoff=0.5)
    return f"; did you mean {', '.join(near)}?" if near else f"; known: {', '.join(known)}"
