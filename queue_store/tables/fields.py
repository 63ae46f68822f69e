"""fields: one row a version of a field; rows never change."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Float,
    Integer,
    Table,
    UniqueConstraint,
)

from queue_store.column_types import JsonText, Moment, PlainText
from queue_store.model import FieldPurpose, FieldType
from queue_store.tables.metadata import METADATA, one_of

SHARED = ""
"""The project of a field that every project sees."""

FIELDS = Table(
    "fields",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("project", PlainText, nullable=False),
    Column("name", PlainText, nullable=False),
    Column("version", Integer, nullable=False),
    Column("type", PlainText, nullable=False),
    Column("description", PlainText, nullable=False),
    Column("options", JsonText, nullable=False),
    Column("multiple", Boolean, nullable=False),
    Column("minimum", Float),
    Column("maximum", Float),
    Column("required", Boolean, nullable=False),
    Column("purpose", PlainText, nullable=False),
    Column("positive", PlainText),
    Column("created_at", Moment, nullable=False),
    Column("created_by", PlainText, nullable=False),
    UniqueConstraint("project", "name", "version"),
    one_of("type", FieldType, "type_known"),
    one_of("purpose", FieldPurpose, "purpose_known"),
    CheckConstraint("minimum <= maximum", name="range_not_empty"),
)
