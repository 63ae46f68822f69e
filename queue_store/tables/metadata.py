"""What all tables share: the metadata, names of constraints, and words for conditions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, MetaData, literal_column

if TYPE_CHECKING:
    from enum import StrEnum

    from sqlalchemy import ColumnElement

METADATA = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s",
        "ix": "%(column_0_N_label)s_index",
    }
)


def one_of(column: str, values: type[StrEnum], name: str) -> CheckConstraint:
    """A CHECK that the column holds one of the enum's values."""
    listed = ", ".join(f"'{value.value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=name)


def word(value: StrEnum) -> ColumnElement[str]:
    """An enum value as literal text: partial indexes match literals, not parameters."""
    return literal_column(f"'{value.value}'")
