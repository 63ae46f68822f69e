"""The mapping table: which attribute keys fill which canonical field, in which order.

The table is ``mapping.csv`` beside this file. A user's own keys come from the configuration and
stand before the shipped ones of their field.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from otlp_receiver.dialects.transforms import LOSSLESS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MAPPING_FILE = Path(__file__).with_name("mapping.csv")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One line of the table."""

    field: str
    key: str
    transform: str
    # Alternatives of steps into the key's JSON value; empty for the value itself.
    paths: tuple[tuple[str, ...], ...] = ()
    # Codes of the dialects in which the rule holds; empty for all.
    dialects: frozenset[str] = frozenset()
    # "tool" for tool spans alone, "other" for all but tool spans, "" for both.
    spans: str = ""

    @property
    def takes(self) -> bool:
        """Whether the raw attribute may go once the column holds it."""
        return not self.paths and self.transform in LOSSLESS


@dataclass(frozen=True, slots=True)
class FieldMapping:
    """Rules by field, in the order in which they are asked."""

    rules: Mapping[str, tuple[Rule, ...]]

    def with_keys(self, keys: Mapping[str, str | Sequence[str]]) -> FieldMapping:
        """A mapping in which a user's own keys come first: ``{field: key}`` or ``{field: [key]}``.

        Values are read as those of the convention's key, in the unit that the field's name says.
        Raises ValueError naming the nearest fields when a field does not exist, or the field whose
        keys are none.
        """
        from difflib import get_close_matches

        rules = dict(self.rules)
        for field, own in keys.items():
            if field not in rules:
                near = get_close_matches(field, rules, n=3, cutoff=0.5) or sorted(rules)
                raise ValueError(f"unknown field {field!r}; did you mean {', '.join(near)}?")
            shipped = rules[field]
            transform = _OWN_TRANSFORMS.get(field, shipped[0].transform)
            first = tuple(
                Rule(field=field, key=name, transform=transform) for name in _names(field, own)
            )
            rules[field] = first + shipped
        return FieldMapping(rules)


_OWN_TRANSFORMS = {"time_to_first_chunk_ms": "milliseconds", "tool_name": "text"}
"""How a user's own keys are read where the first shipped line is special."""


def _names(field: str, own: object) -> list[str]:
    """The attribute keys of one entry; raises ValueError when they are none."""
    names = [own] if isinstance(own, str) else own
    if not isinstance(names, list | tuple) or not all(
        isinstance(name, str) and name.strip() for name in names
    ):
        raise ValueError(
            f"attributes.{field}: expected an attribute's key or a list of keys, not {own!r}"
        )
    return list(names)


@cache
def shipped_mapping() -> FieldMapping:
    """The table that comes with the product."""
    rules: dict[str, list[Rule]] = {}
    with MAPPING_FILE.open(encoding="utf-8", newline="") as file:
        lines = (line for line in file if not line.startswith("#"))
        for row in csv.DictReader(lines):
            paths = tuple(tuple(path.split(".")) for path in row["path"].split("|") if path)
            rules.setdefault(row["field"], []).append(
                Rule(
                    field=row["field"],
                    key=row["key"],
                    transform=row["transform"],
                    paths=paths,
                    dialects=frozenset((row["dialects"] or "").split()),
                    spans=row["spans"] or "",
                )
            )
    return FieldMapping({field: tuple(found) for field, found in rules.items()})
