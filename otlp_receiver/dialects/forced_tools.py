"""The schema of an answer that was asked for as the call of one tool.

Where a model knows no structured output, libraries offer a single tool whose parameters are the
schema, and force the model to call it. A tool that is merely required stays a tool: only one that
the request names is taken, and only when no other is offered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from otlp_receiver.dialects.json_text import dumps, loads
from otlp_receiver.dialects.resolution import first_at, parsed

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars as pl

    from otlp_receiver.dialects.attributes import AttributeTable

_CHOICES: tuple[tuple[str, tuple[tuple[str, ...], ...]], ...] = (
    # attribute, paths to the choice in its JSON
    ("llm.invocation_parameters", (("tool_choice",),)),
    ("invocation_params", (("tool_choice",),)),
    ("mlflow.spanInputs", (("tool_choice",),)),
    ("tool_choice", ((),)),
    ("gen_ai.request.tool_choice", ((),)),
    ("ai.prompt.toolChoice", ((),)),
    ("langfuse.observation.input", (("tool_choice",),)),
    ("request_data", (("tool_choice",),)),
    ("gen_ai.prompt", (("invocation_params", "tool_choice"), ("tool_choice",))),
)

_NAMES = (("function", "name"), ("name",), ("toolName",))

_MARKS = r'"(?:name|toolName)"'


def forced_schemas(
    table: AttributeTable, definitions: pl.Series, given: pl.Series
) -> Iterator[tuple[int, str, str]]:
    """Row, schema and the attribute that forces the tool, of spans that have no schema yet."""
    offered = definitions.is_not_null() & given.is_null()
    if not offered.any():
        return
    wanted = offered.to_numpy()
    for key, paths in _CHOICES:
        at = table.positions(key)
        if not len(at):
            continue
        at = at[wanted[table.owner[at]]]
        named = table.texts_at(at).str.contains(_MARKS).fill_null(value=False).to_numpy()
        for row in at[named].tolist():
            owner = int(table.owner[row])
            schema = _schema(table.text[row], paths, definitions[owner])
            if schema is not None:
                yield owner, schema, key


def _schema(text: str, paths: tuple[tuple[str, ...], ...], definitions: str) -> str | None:
    try:
        choice = first_at(parsed(text), paths)
        name = first_at(choice, _NAMES) if isinstance(choice, dict) else None
        tools: list[dict[str, Any]] = loads(definitions)
        if name is None or len(tools) != 1 or tools[0].get("name") != name:
            return None
        schema = tools[0].get("parameters")
        return dumps(schema) if isinstance(schema, dict) and schema else None
    except Exception:  # noqa: BLE001  # content is hostile; it forces nothing then
        return None
