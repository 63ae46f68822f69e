"""Annotation fields: what a person is asked. A field never changes; a change is a new version."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime


class FieldType(StrEnum):
    """What kind of value a field takes."""

    BOOLEAN = "boolean"
    INTEGER = "integer"
    NUMBER = "number"
    STRING = "string"
    CATEGORICAL = "categorical"


class FieldPurpose(StrEnum):
    """What an answer says."""

    FEEDBACK = "feedback"
    """How good the output was."""
    EXPECTATION = "expectation"
    """What the output should have been."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldOption:
    """One choice of a categorical field."""

    value: str
    help: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldDraft:
    """What a person says when creating a field."""

    name: str
    type: FieldType
    description: str = ""
    options: tuple[FieldOption, ...] = ()
    """Categorical fields: at least two."""
    multiple: bool = False
    """Categorical fields: whether several options may be chosen at once."""
    minimum: float | None = None
    """Integer and number: least value."""
    maximum: float | None = None
    """Integer and number: greatest value; string: most characters."""
    required: bool = False
    """Whether an item cannot be completed without it."""
    purpose: FieldPurpose = FieldPurpose.FEEDBACK
    positive: str | None = None
    """Boolean (``true`` or ``false``) and categorical: the class that counts as positive."""
    shared: bool = False
    """Whether every project sees the field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field as stored; immutable."""

    id: int
    project: str | None
    """None: shared by every project."""
    name: str
    version: int
    """Starts at 1; a new definition under the same name is the next version."""
    type: FieldType
    description: str
    options: tuple[FieldOption, ...]
    multiple: bool
    minimum: float | None
    maximum: float | None
    required: bool
    purpose: FieldPurpose
    positive: str | None
    created_at: datetime
    created_by: str

    def definition(self) -> dict[str, Any]:
        """Everything that makes the field what it is, for comparing two definitions."""
        return {
            "type": self.type,
            "description": self.description,
            "options": self.options,
            "multiple": self.multiple,
            "minimum": self.minimum,
            "maximum": self.maximum,
            "required": self.required,
            "purpose": self.purpose,
            "positive": self.positive,
        }
