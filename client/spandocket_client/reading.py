"""JSON objects as the frozen values of :mod:`spandocket_client.rows`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import datetime
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

_Row = TypeVar("_Row")


def read(kind: type[_Row], value: Any) -> _Row:
    """The object as ``kind``. Keys that a newer server adds are passed over.

    Raises ValueError when it is no such object.
    """
    if not isinstance(value, Mapping):
        raise ValueError(f"no object but {type(value).__name__}")  # noqa: TRY004
    found = {}
    for name, (hint, is_needed) in _hints(cast(Any, kind)).items():
        if name in value:
            found[name] = _value(hint, value[name])
        elif is_needed:
            raise ValueError(f"{kind.__name__} without {name}")
    return kind(**found)


@cache
def _hints(kind: Any) -> dict[str, tuple[Any, bool]]:
    names = vars(sys.modules[kind.__module__]) | {"Mapping": Mapping, "datetime": datetime}
    hints = get_type_hints(kind, globalns=names)
    return {entry.name: (hints[entry.name], entry.default is MISSING) for entry in fields(kind)}


def _value(hint: Any, value: Any) -> Any:
    if get_origin(hint) is UnionType:
        if value is None:
            return None
        (hint,) = (each for each in get_args(hint) if each is not NoneType)
    if get_origin(hint) is tuple:
        return tuple(_value(get_args(hint)[0], entry) for entry in value)
    if is_dataclass(hint):
        return read(hint, value)  # type: ignore[arg-type]
    if hint is datetime:
        return datetime.fromisoformat(value)
    return value
