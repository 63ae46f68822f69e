"""What a span says beside the keys of a field: refusals, reasoning, forced tools, costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from otlp_receiver.dialects.attributes import Kind
from otlp_receiver.dialects.composed import with_reasoning
from otlp_receiver.dialects.forced_tools import forced_schemas
from otlp_receiver.dialects.mapping import Rule
from otlp_receiver.dialects.operations import MODEL_OPERATIONS
from otlp_receiver.dialects.resolution import converted

if TYPE_CHECKING:
    from otlp_receiver.dialects.fields import FieldSet

_LEFT_OUT = r'"(?:refusal|thinking)":\s*"[^"]'
"""A refusal or a thought that is there, in the JSON of an answer."""

_PARTS = ('"type":"refusal"', '"type":"reasoning"')

_ANSWER = Rule(field="output_messages", key="output.value", transform="output_messages")

_COSTS = (
    ("llm.cost.prompt", "llm.cost.completion"),
    ("litellm.cost.input", "litellm.cost.output"),
    ("gen_ai.cost.input_cost", "gen_ai.cost.output_cost"),
)
"""Keys of costs that make the whole one together."""


def supplement(fields: FieldSet) -> None:
    """Fill and correct columns from what stands beside their keys."""
    _refusals(fields)
    _forced_tools(fields)
    _reasoning(fields)
    _types_of_schemas(fields)
    _costs_of_parts(fields)


def _forced_tools(fields: FieldSet) -> None:
    """Schemas that were asked for as the one tool that the model had to call."""
    definitions, schemas = fields.columns["tool_definitions"], fields.columns["output_schema"]
    for owner, schema, key in forced_schemas(fields.table, definitions, schemas):
        fields.columns["output_schema"] = fields.columns["output_schema"].scatter(owner, schema)
        fields.note_source("output_schema", np.array([owner]), key)
        if fields.columns["output_type"][owner] in (None, "text"):
            fields.columns["output_type"] = fields.columns["output_type"].scatter(owner, "json")
            fields.note_source("output_type", np.array([owner]), key)


def _refusals(fields: FieldSet) -> None:
    """Refusals and thoughts that OpenInference flattens into texts, or leaves out of them."""
    at = fields.table.positions("output.value")
    if not len(at):
        return
    told = fields.table.texts_at(at).str.contains(_LEFT_OUT).fill_null(value=False)
    model = fields.columns["operation_name"].is_in(sorted(MODEL_OPERATIONS)).fill_null(value=False)
    for row in at[told.to_numpy() & model.to_numpy()[fields.table.owner[at]]].tolist():
        text, _, _ = converted(_ANSWER, fields.table.text[row], Kind.TEXT)
        owner = int(fields.table.owner[row])
        column = fields.columns["output_messages"]
        flattened = column[owner] or ""
        if text is not None and any(part in text and part not in flattened for part in _PARTS):
            fields.columns["output_messages"] = column.scatter(owner, text)
            fields.note_source("output_messages", np.array([owner]), "output.value")


def _reasoning(fields: FieldSet) -> None:
    """OpenLIT writes what a model reasoned beside the messages."""
    at = fields.table.positions("gen_ai.content.reasoning")
    column = fields.columns["output_messages"]
    for row, owner in zip(at.tolist(), fields.table.owner[at].tolist(), strict=True):
        if fields.table.kind[row] == Kind.TEXT:
            answer = with_reasoning(column[owner], fields.table.text[row])
            if answer is not None:
                column = column.scatter(owner, answer)
    fields.columns["output_messages"] = column


def _types_of_schemas(fields: FieldSet) -> None:
    """Who asks for a schema asks for JSON."""
    asked = fields.columns["output_schema"].is_not_null() & fields.columns["output_type"].is_null()
    at = asked.arg_true()
    if len(at):
        fields.columns["output_type"] = fields.columns["output_type"].scatter(at, "json")
        fields.note_source("output_type", at.to_numpy(), "output_schema")


def _costs_of_parts(fields: FieldSet) -> None:
    """Costs that are reported for what went in and for what came out alone."""
    for keys in _COSTS:
        if not all(len(fields.table.positions(key)) for key in keys):
            continue
        parts = (
            fields.columns["cost_usd"]
            .to_frame("known")
            .with_columns(**{key: fields.numbers_of(key) for key in keys})
        )
        told = pl.col("known").is_null() & pl.all_horizontal(pl.col(keys) >= 0)
        at = parts.select(told.fill_null(value=False)).to_series().arg_true()
        sums = parts[at].select(pl.sum_horizontal(keys)).to_series()
        fields.columns["cost_usd"] = fields.columns["cost_usd"].scatter(at, sums)
        fields.note_source("cost_usd", at.to_numpy(), " + ".join(keys))
