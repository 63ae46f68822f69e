"""One call over HTTP: what is sent, tried again, and understood."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import quote

import httpx2

from spandocket_client.errors import UnexpectedAnswerError, UnreachableError, error_of
from spandocket_client.reading import read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

PREFIX = "/api/v1"
TRIES_MAX = 4
"""How often a read is tried; writes are sent once."""
_FIRST_PAUSE_SECONDS = 0.2
_PASSING = {502, 503, 504}
"""Statuses that may pass by themselves."""
_Row = TypeVar("_Row")


class Transport:
    """A connection to one server, safe to share between threads.

    ``token`` is a reviewer's; ``person`` says who writes while no reviewer has a token.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        person: str | None = None,
        timeout_seconds: float = 30.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        headers = {"accept": "application/json"}
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        if person is not None:
            headers["x-spandocket-person"] = quote(person)
        self.url = url.rstrip("/")
        self._sleep = sleep
        self._http = httpx2.Client(
            base_url=self.url + PREFIX, headers=headers, timeout=timeout_seconds
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def get(self, kind: type[_Row], path: str, /, **query: Any) -> _Row:
        """Read one object; tried again while the server cannot be reached."""
        return self._read(kind, self.get_json(path, **query))

    def get_list(self, kind: type[_Row], key: str, path: str, /, **query: Any) -> list[_Row]:
        """Read the list under ``key``."""
        return self.listed(kind, key, self.get_json(path, **query))

    def listed(self, kind: type[_Row], key: str, value: Any) -> list[_Row]:
        """The list under ``key`` of an answer."""
        if not isinstance(value, dict) or not isinstance(value.get(key), list):
            raise UnexpectedAnswerError(self.url, 200, f"no list of {key}")
        return [self._read(kind, entry) for entry in value[key]]

    def get_json(self, path: str, /, **query: Any) -> Any:
        """Read one JSON value; tried again while the server cannot be reached."""
        asked = {key: _text(value) for key, value in query.items() if value is not None}
        for tried in range(1, TRIES_MAX + 1):
            is_last = tried == TRIES_MAX
            try:
                response = self._http.get(path, params=asked)
            except httpx2.TransportError as error:
                if is_last:
                    raise UnreachableError(self.url, _reason(error)) from error
            else:
                if is_last or response.status_code not in _PASSING:
                    return self._json(response)
            self._sleep(_FIRST_PAUSE_SECONDS * 2 ** (tried - 1))
        raise AssertionError

    def send(
        self, kind: type[_Row], path: str, body: Mapping[str, Any], method: str = "POST"
    ) -> _Row:
        """Write, once: whether a write that got no answer was done, only the server knows."""
        return self._read(kind, self.send_json(path, body, method))

    def send_json(self, path: str, body: Mapping[str, Any], method: str = "POST") -> Any:
        """Write, once, and read the answer as it is."""
        try:
            response = self._http.request(method, path, json=dict(body))
        except httpx2.TransportError as error:
            raise UnreachableError(self.url, _reason(error)) from error
        return self._json(response)

    def pages(self, kind: type[_Row], path: str, /, **query: Any) -> Iterator[_Row]:
        """Every page of a listing, the cursors followed."""
        cursor: str | None = None
        while True:
            page = self.get(kind, path, **query, cursor=cursor)
            yield page
            cursor = getattr(page, "cursor", None)
            if cursor is None:
                return

    def lines(self, kind: type[_Row], path: str, /, **query: Any) -> Iterator[_Row]:
        """An export, row by row as it arrives."""
        asked = {key: _text(value) for key, value in query.items() if value is not None}
        try:
            with self._http.stream("GET", path, params=asked) as response:
                if response.is_error:
                    response.read()
                    self._json(response)
                for line in response.iter_lines():
                    if line:
                        yield self._read(kind, json.loads(line))
        except httpx2.TransportError as error:
            raise UnreachableError(self.url, _reason(error)) from error

    def _json(self, response: httpx2.Response) -> Any:
        try:
            value = response.json()
        except ValueError as error:
            reason = response.text[:100] or "nothing"
            raise UnexpectedAnswerError(self.url, response.status_code, reason) from error
        if response.is_success:
            return value
        if not isinstance(value, dict) or "error" not in value:
            raise UnexpectedAnswerError(self.url, response.status_code, str(value)[:100])
        raise error_of(value)

    def _read(self, kind: type[_Row], value: Any) -> _Row:
        try:
            return read(kind, value)
        except (ValueError, TypeError) as error:
            raise UnexpectedAnswerError(self.url, 200, str(error)) from error


def part(name: object) -> str:
    """A name as one part of a path."""
    return quote(str(name), safe="")


def given(**values: Any) -> dict[str, Any]:
    """What was given: everything but None."""
    return {key: value for key, value in values.items() if value is not None}


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
