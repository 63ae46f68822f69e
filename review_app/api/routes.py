"""The API's routes: each request is checked against its declaration, then answered."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import orjson
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from review_app.api.description import ENDPOINTS, description
from review_app.api.endpoint import PREFIX, Asked
from review_app.errors import BadRequestError
from review_app.requests import HEADERS, json_body

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from review_app.access import Access
    from review_app.api.endpoint import Endpoint, Parameter
    from review_app.calls import Calls

BODY_BYTES_MAX = 32 << 20
"""Ten thousand items with metadata."""
NOBODY = "somebody without a name"
"""Who reads without saying who: whoever may do so in an open project."""
_BOOLEANS = {"true": True, "false": False, "1": True, "0": False}


def api_routes(calls: Calls, access: Access) -> list[Route]:
    """Every call of the API, and its description at ``/api/v1/openapi.json``."""
    text = orjson.dumps(description())

    async def describe(_request: Request) -> Response:
        return Response(text, media_type="application/json", headers=HEADERS)

    routes = [Route(f"{PREFIX}/openapi.json", describe)]
    return routes + [_Handler(endpoint, calls, access).route() for endpoint in ENDPOINTS]


class _Handler:
    def __init__(self, endpoint: Endpoint, calls: Calls, access: Access) -> None:
        self._endpoint = endpoint
        self._calls = calls
        self._access = access
        self._parameters = {parameter.name: parameter for parameter in endpoint.query}
        self._body = None if endpoint.body is None else jsonschema_rs.validator_for(endpoint.body)

    def route(self) -> Route:
        endpoint = self._endpoint
        return Route(PREFIX + endpoint.path, self._respond, methods=[endpoint.method])

    async def _respond(self, request: Request) -> Response:
        person = await run_in_threadpool(self._access.person_of, request)
        if self._endpoint.writes and person is None:
            raise BadRequestError("say who writes, in the header X-Spandocket-Person")
        body = {} if self._body is None else await json_body(request, BODY_BYTES_MAX)
        result = await run_in_threadpool(self._answer, request, person or "", body)
        if self._endpoint.is_lines:
            return StreamingResponse(result, media_type="application/jsonl", headers=HEADERS)
        return Response(result, media_type="application/json", headers=HEADERS)

    def _answer(self, request: Request, person: str, body: dict[str, Any]) -> Any:
        if self._body is not None:
            _check(self._body, body)
        asked = Asked(
            queues=self._calls.queues.as_reader(person or NOBODY),
            spans=self._calls.spans,
            project=self._calls.project,
            person=person,
            now=self._calls.clock(),
            path=request.path_params,
            query=self._query(request.query_params),
            body=body,
        )
        result = self._endpoint.call(asked)
        return result if self._endpoint.is_lines else orjson.dumps(result)

    def _query(self, sent: Mapping[str, str]) -> dict[str, Any]:
        """The parameters as values; an unknown one is refused, for a typo must not widen."""
        for name in sent:
            if name not in self._parameters:
                near = get_close_matches(name, self._parameters, n=1, cutoff=0.5)
                known = ", ".join(near or self._parameters) or "none"
                raise BadRequestError(f"unknown parameter {name!r}; known: {known}")
        values: dict[str, Any] = {}
        for name, parameter in self._parameters.items():
            if name in sent:
                values[name] = _read(parameter, sent[name])
            elif "default" in parameter.schema:
                values[name] = parameter.schema["default"]
        return values


def _read(parameter: Parameter, text: str) -> Any:
    """One parameter's text as a value of its schema."""
    schema = parameter.schema
    value: Any = text
    if schema["type"] == "integer":
        value = int(text) if text.isascii() and text.lstrip("-").isdigit() else text
    elif schema["type"] == "boolean":
        value = _BOOLEANS.get(text.lower(), text)
    try:
        jsonschema_rs.validate(schema, value)
    except jsonschema_rs.ValidationError as error:
        raise BadRequestError(f"{parameter.name}: {error.message}") from error
    return value


def _check(validator: jsonschema_rs.Validator, body: dict[str, Any]) -> None:
    problems = []
    for error in validator.iter_errors(body):
        place = "/".join(map(str, error.instance_path))
        problems.append(f"{place}: {error.message}" if place else error.message)
        if len(problems) == 5:
            break
    if problems:
        raise BadRequestError("; ".join(problems))
