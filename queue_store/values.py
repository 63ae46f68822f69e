"""Whether a value fits its field, and how text reads as one. Pure."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, assert_never

from queue_store.errors import InvalidValueError
from queue_store.model import FieldType

if TYPE_CHECKING:
    from queue_store.model import Field

_TRUE = {"true", "yes", "1", "t", "y"}
_FALSE = {"false", "no", "0", "f", "n"}
STRING_CHARACTERS_MAX = 100_000
NAME_CHARACTERS_MAX = 200
"""PostgreSQL indexes 2,704 bytes a row: a project beside a name, of four bytes a letter."""
_DIGITS_MAX = 20


def check_name(noun: str, name: str, setting: str = "name") -> None:
    """Raise InvalidValueError for a new name that is blank, or longer than every engine takes."""
    if not name.strip():
        raise InvalidValueError(setting, name, f"a {noun} needs a name")
    if len(name) > NAME_CHARACTERS_MAX:
        raise InvalidValueError(
            setting,
            name,
            f"a {noun}'s name has at most {NAME_CHARACTERS_MAX} characters, this one {len(name)}",
        )


def checked(field: Field, value: Any) -> Any:
    """The value as it is stored; raises InvalidValueError, which says what would fit.

    Text that reads as a value of the field's type is taken as that value,
    so that a CSV cell and a command line argument mean what a person meant.
    """
    match field.type:
        case FieldType.BOOLEAN:
            return _boolean(field, value)
        case FieldType.INTEGER:
            return _in_range(field, _integer(field, value))
        case FieldType.NUMBER:
            return _in_range(field, _number(field, value))
        case FieldType.STRING:
            return _string(field, value)
        case FieldType.CATEGORICAL:
            return _choices(field, value) if field.multiple else _choice(field, value)
        case _:
            assert_never(field.type)


def _boolean(field: Field, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in _TRUE | _FALSE:
        return value.strip().lower() in _TRUE
    raise InvalidValueError(field.name, value, f"{value!r} is not true or false")


def _integer(field: Field, value: Any) -> int:
    number = None
    if isinstance(value, int) and not isinstance(value, bool):
        number = value
    elif isinstance(value, float) and value.is_integer():
        number = int(value)
    elif isinstance(value, str):
        number = _whole(value.strip())
    if number is None:
        raise InvalidValueError(field.name, value, f"{value!r} is not a whole number")
    if not -(2**63) <= number < 2**63:
        raise InvalidValueError(field.name, None, "is larger than 64 bits can hold")
    return number


def _whole(text: str) -> int | None:
    """Text as a whole number, also as 3.0, which is how tables write one beside empty cells."""
    with suppress(ValueError):
        return int(text)
    with suppress(InvalidOperation):
        number = Decimal(text)
        if number.is_finite() and number.adjusted() < _DIGITS_MAX and number == int(number):
            return int(number)
    return None


def _number(field: Field, value: Any) -> float:
    number = math.nan
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        with suppress(ValueError, OverflowError):
            number = float(value)
    if not math.isfinite(number):
        shown = f"{value!r} " if not isinstance(value, int) else ""
        raise InvalidValueError(field.name, None, f"{shown}is not a finite number")
    return number


def _in_range(field: Field, value: float) -> float:
    if field.minimum is not None and value < field.minimum:
        raise InvalidValueError(field.name, value, f"{value} is below {field.minimum:g}")
    if field.maximum is not None and value > field.maximum:
        raise InvalidValueError(field.name, value, f"{value} is above {field.maximum:g}")
    return value


def _string(field: Field, value: Any) -> str:
    if not isinstance(value, str):
        raise InvalidValueError(field.name, value, f"{value!r} is not text")
    longest = STRING_CHARACTERS_MAX if field.maximum is None else int(field.maximum)
    if len(value) > longest:
        raise InvalidValueError(
            field.name, value, f"{len(value)} characters are more than {longest}"
        )
    if field.minimum is not None and len(value) < field.minimum:
        raise InvalidValueError(
            field.name, value, f"{len(value)} characters are fewer than {int(field.minimum)}"
        )
    return value


def _choice(field: Field, value: Any) -> str:
    options = [option.value for option in field.options]
    if value not in options:
        raise InvalidValueError(field.name, value, f"{value!r} is not one of {', '.join(options)}")
    return str(value)


def _choices(field: Field, value: Any) -> list[str]:
    """Several options, in the order of the field, so that equal answers are equal values."""
    given = _parts(value) if isinstance(value, str) else value
    if not isinstance(given, list | tuple) or not given:
        raise InvalidValueError(field.name, value, f"{value!r} is not a list of options")
    chosen = {_choice(field, entry) for entry in given}
    return [option.value for option in field.options if option.value in chosen]


def _parts(text: str) -> Any:
    """Options as text: a JSON list, which is how listings write them, or parted by commas."""
    if text.lstrip().startswith("["):
        with suppress(ValueError):
            return json.loads(text)
    return [part.strip() for part in text.split(",")]
