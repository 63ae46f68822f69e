"""One setting's value: read from TOML with its type and unit checked, and written back."""

from __future__ import annotations

import json
import math
import re
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

_DURATIONS: dict[str, Any] = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZES: dict[str, Any] = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
_SCALES: dict[str | None, dict[str, Any]] = {"duration": _DURATIONS, "bytes": _SIZES}
_MOST = {"ms": 36_500 * 86_400.0, "B": 8.0 * 2**60}
"""The largest duration and size, by their smallest unit: what clocks and disks can count."""
_COUNT_MAX = 2**31 - 1
_NAMES = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    tuple: "a list",
    dict: "a table",
}


def read_value(raw: Any, hint: Any, unit: str | None) -> Any:
    """Check one TOML value against the setting's type and unit.

    Lists become tuples. Raises ``ValueError`` that says what was expected.
    """
    kinds = [kind for kind in _alternatives(hint) if kind is not NoneType]
    match unit:
        case "duration":
            return _scaled(raw, _DURATIONS, '"30s"', kinds[0])
        case "bytes":
            return _scaled(raw, _SIZES, '"64MiB"', kinds[0])
    problems = []
    for kind in kinds:
        try:
            return _typed(raw, kind)
        except ValueError as error:
            problems.append(str(error))
    raise ValueError(" or ".join(dict.fromkeys(problems)))


def write_value(value: Any, unit: str | None) -> str:
    """The value as TOML, a duration or size with the largest unit that divides it."""
    if unit in _SCALES and value and isinstance(value, int | float):
        return _with_unit(value, _SCALES[unit])
    match value:
        case dict():
            pairs = ", ".join(f"{_key(key)} = {write_value(v, None)}" for key, v in value.items())
            return f"{{ {pairs} }}" if pairs else "{}"
        case list() | tuple():
            return f"[{', '.join(write_value(element, None) for element in value)}]"
        case bool() | int() | float():
            return json.dumps(value)
        case _:
            return json.dumps("" if value is None else str(value), ensure_ascii=False)


def _alternatives(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


def _typed(raw: Any, kind: Any) -> Any:
    """Check a value against one type, its elements too."""
    origin, arguments = get_origin(kind) or kind, get_args(kind)
    if origin is Literal:
        if raw not in arguments:
            allowed = ", ".join(json.dumps(choice) for choice in arguments)
            raise ValueError(f"expected one of {allowed}, not {_shown(raw)}")
        return raw
    if origin in (tuple, list):
        element = arguments[0] if arguments else Any
        return tuple(_typed(value, element) for value in _of_type(raw, list))
    if origin is dict:
        element = arguments[1] if arguments else Any
        return {key: read_value(v, element, None) for key, v in _of_type(raw, dict).items()}
    if origin is float and type(raw) in (int, float):
        return _number(raw)
    if origin is int and type(raw) is int and abs(raw) > _COUNT_MAX:
        raise ValueError(f"must be at most {_COUNT_MAX}, is {_shown(raw)}")
    if isinstance(origin, type) and issubclass(origin, str) and origin is not str:
        return _choice(raw, origin)
    return raw if origin is Any or origin is object else _of_type(raw, origin)


def _choice(raw: Any, kind: Any) -> Any:
    """A member of a text enumeration."""
    try:
        return kind(_of_type(raw, str))
    except ValueError as error:
        allowed = ", ".join(json.dumps(str(member.value)) for member in kind)
        raise ValueError(f"expected one of {allowed}, not {_shown(raw)}") from error


def _of_type(raw: Any, kind: type) -> Any:
    # TOML knows booleans; Python's are integers, so the types are compared exactly.
    if type(raw) is not kind:
        raise ValueError(f"expected {_NAMES.get(kind, kind.__name__)}, not {_shown(raw)}")
    return raw


def _number(raw: float) -> float:
    """As a floating number; whole ones in TOML may have any number of digits."""
    if isinstance(raw, float) and math.isnan(raw):
        raise ValueError("expected a number, not nan")
    try:
        return float(raw)
    except OverflowError:
        return math.inf if raw > 0 else -math.inf


def _scaled(raw: Any, factors: dict[str, Any], example: str, kind: Any) -> Any:
    """Read a number with a unit suffix; a bare number is in the base unit."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*", raw) if type(raw) is str else None
    if type(raw) in (int, float):
        value = _number(raw)
    elif found is not None and found[2] in factors:
        value = float(found[1]) * float(factors[found[2]])
    else:
        units = ", ".join(factors)
        raise ValueError(
            f"expected a number with one of {units}, such as {example}, not {_shown(raw)}"
        )
    if value < 0:
        raise ValueError(f"must not be negative, is {_shown(raw)}")
    most = _MOST[next(iter(factors))]
    if not value <= most:
        raise ValueError(f"must be at most {_with_unit(most, factors)}, is {_shown(raw)}")
    return int(value) if kind is int else value


def _with_unit(value: float, factors: dict[str, Any]) -> str:
    for unit, factor in reversed(factors.items()):
        scaled = value / factor
        if scaled >= 1 and scaled == round(scaled, 3):
            return f'"{scaled:g}{unit}"'
    return repr(value)


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key)


def _shown(raw: Any) -> str:
    text = json.dumps(raw, default=str, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."
