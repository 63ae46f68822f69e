"""Every setting as a row: where it stands, what it means, what it is."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any

from cli.configuration import Configuration
from cli.setting_values import write_value

if TYPE_CHECKING:
    from collections.abc import Iterator


_SECRET = re.compile("headers|storage_options|secret|key|token|password|credential", re.IGNORECASE)
"""Settings that may hold secrets, and their entries that do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One key of the settings file."""

    section: str
    key: str
    value: Any
    unit: str | None
    doc: str

    @property
    def shown(self) -> Any:
        """The value for eyes, without passwords of URLs, headers' values and keys of stores."""
        if isinstance(self.value, dict) and _SECRET.search(self.key):
            return {
                name: "***" if self.key == "headers" or _SECRET.search(name) else value
                for name, value in self.value.items()
            }
        if not isinstance(self.value, str):
            return self.value
        return re.sub(r"(://[^:/@]*):[^@/]*@", r"\1:***@", self.value)

    @property
    def as_toml(self) -> str:
        """The shown value as the settings file writes it."""
        return write_value(self.shown, self.unit)


def settings(configuration: Configuration) -> Iterator[Setting]:
    """Every setting in the order of the file, with its present value."""
    for room in fields(Configuration):
        yield from _of_section(room.name, getattr(configuration, room.name))


def _of_section(section: str, values: Any) -> Iterator[Setting]:
    nested = []
    for entry in fields(values):
        value = getattr(values, entry.name)
        if is_dataclass(value):
            nested.append((f"{section}.{entry.name}", value))
        elif isinstance(value, dict) and value and all(map(is_dataclass, value.values())):
            nested += [(f"{section}.{entry.name}.{name}", each) for name, each in value.items()]
        else:
            yield Setting(
                section=section,
                key=entry.name,
                value=value,
                unit=entry.metadata.get("unit"),
                doc=entry.metadata.get("doc", ""),
            )
    for name, each in nested:
        yield from _of_section(name, each)
