"""Every setting as a row: where it stands, what it means, what it is."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any

from cli.configuration import Configuration
from cli.setting_values import write_value

if TYPE_CHECKING:
    from collections.abc import Iterator


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
        """The value for eyes: the password of a URL is not shown."""
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
