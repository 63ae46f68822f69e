"""Every call of the API, and their description as OpenAPI 3.1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from review_app.access import PERSON_HEADER
from review_app.answers import ANSWERS
from review_app.api import datasets, items, queues, records, tables, work
from review_app.api.endpoint import PREFIX
from review_app.api.shapes import ANSWERED_ITEM, ERROR

if TYPE_CHECKING:
    from review_app.api.endpoint import Endpoint, Schema

ENDPOINTS: tuple[Endpoint, ...] = (
    *tables.ENDPOINTS,
    *queues.ENDPOINTS,
    *items.ENDPOINTS,
    *work.ENDPOINTS,
    *records.ENDPOINTS,
    *datasets.ENDPOINTS,
)
_ABOUT = """Queues, items, answers, spans and scores of one project.

Every write says who does it: by the token, or, while no reviewer has a token, by the header
X-Spandocket-Person. Listings give a cursor while there is more. Errors are one shape."""


def description() -> dict[str, Any]:
    """The OpenAPI document."""
    components: dict[str, Schema] = {}
    paths: dict[str, Any] = {}
    for endpoint in ENDPOINTS:
        path = PREFIX + endpoint.path.replace(":int", "")
        paths.setdefault(path, {})[endpoint.method.lower()] = _operation(endpoint, components)
    _named(ANSWERED_ITEM, components)
    _named(ERROR, components)
    return {
        "openapi": "3.1.0",
        "info": {"title": "spandocket", "version": "1", "description": _ABOUT},
        "security": [{"token": []}, {}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(endpoint: Endpoint, components: dict[str, Schema]) -> dict[str, Any]:
    kind = "application/jsonl" if endpoint.is_lines else "application/json"
    result = {"schema": _named(endpoint.result, components)}
    operation: dict[str, Any] = {
        "operationId": endpoint.name,
        "tags": [endpoint.noun],
        "summary": endpoint.sentence,
        "parameters": _parameters(endpoint),
        "responses": {
            "200": {"description": "Done.", "content": {kind: result}},
            "default": {
                "description": "Not done.",
                "content": {"application/json": {"schema": _named(ERROR, components)}},
            },
        },
    }
    if endpoint.body is not None:
        body = {"schema": _named(endpoint.body, components)}
        operation["requestBody"] = {"required": True, "content": {"application/json": body}}
    return operation


def _parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for part in endpoint.path.split("/"):
        if part.startswith("{"):
            name, _, kind = part.strip("{}").partition(":")
            schema = {"type": "integer" if kind else "string"}
            found.append({"name": name, "in": "path", "required": True, "schema": schema})
    for parameter in endpoint.query:
        about = {"name": parameter.name, "in": "query", "required": False}
        found.append(about | {"schema": parameter.schema, "description": parameter.sentence})
    if endpoint.writes:
        header = {"name": PERSON_HEADER, "in": "header", "required": False}
        sentence = "Who does it, percent-encoded; needed while no reviewer has a token."
        found.append(header | {"schema": {"type": "string"}, "description": sentence})
    return found


def _named(schema: Schema, components: dict[str, Schema]) -> Schema:
    """The schema with every titled one inside it moved among the components."""
    inner = {key: _inside(value, components) for key, value in schema.items()}
    title = schema.get("title")
    if not isinstance(title, str):
        return inner
    components.setdefault(title, inner)
    return {"$ref": f"#/components/schemas/{title}"}


def _inside(value: Any, components: dict[str, Schema]) -> Any:
    if isinstance(value, dict):
        is_properties = not isinstance(value.get("title"), str)
        if is_properties:
            return {key: _inside(entry, components) for key, entry in value.items()}
        return _named(value, components)
    if isinstance(value, list):
        return [_inside(entry, components) for entry in value]
    return value


def page() -> str:
    """The calls, shapes and errors as a page of Markdown."""
    parts = [_PAGE_HEAD]
    for noun in dict.fromkeys(endpoint.noun for endpoint in ENDPOINTS):
        parts.append(f"## {noun}\n\n| call | does |\n|---|---|")
        parts[-1] += "".join(
            f"\n| {_call_text(each)} | {each.sentence} |" for each in ENDPOINTS if each.noun == noun
        )
    rows = [
        f"\n| {answer.status} | `{error.__name__.removesuffix('Error')}` | {answer.remedy} |"
        for error, answer in ANSWERS.items()
    ]
    parts.append("## errors\n\n| status | error | what helps |\n|---|---|---|" + "".join(rows))
    return "\n\n".join(parts) + "\n"


def _call_text(endpoint: Endpoint) -> str:
    path = PREFIX + endpoint.path.replace(":int", "")
    names = [parameter.name for parameter in endpoint.query]
    asked = f"<br>`?{'`, `'.join(names)}`" if names else ""
    keys = list((endpoint.body or {}).get("properties", ()))
    needed = (endpoint.body or {}).get("required", ())
    body = ", ".join(f"**{key}**" if key in needed else key for key in keys)
    return f"`{endpoint.method} {path}`{asked}" + (f"<br>{body}" if body else "")


_PAGE_HEAD = f"""# The HTTP API

Written from the calls' own declarations by `make docs`. `spandocket review` serves it beside the
page; `{PREFIX}/openapi.json` is the same as OpenAPI 3.1, with every shape.

With reviewers' tokens (`spandocket tokens create --reviewer NAME`) every call needs one, as
`authorization: Bearer TOKEN`. Without any, writes name who does them in `x-spandocket-person`,
percent-encoded.
Bodies are JSON objects; their keys stand below each call, needed ones in bold. Listings give a
`cursor` while there is more. An error is `error`, `message`, `remedy` and its facts."""
