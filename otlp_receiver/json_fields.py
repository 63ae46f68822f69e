"""JSON values to constructor arguments of protobuf messages, for the shapes that senders write.

A converter is made once for each message type from its descriptor. What it does not expect raises
:class:`OddShapeError`; the official package then decides, many times slower.
"""

from __future__ import annotations

import base64
import binascii
import math
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import orjson
from google.protobuf.descriptor import FieldDescriptor
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from google.protobuf.descriptor import Descriptor, EnumDescriptor

    Convert = Callable[[Any], Any]

_IDS = frozenset({"trace_id", "span_id", "parent_span_id"})
_WRONG_ID = b"\x01"
"""Stands for an id that is not hexadecimal: of a wrong length, so that only its span is bad."""
_SIGNED = {
    FieldDescriptor.TYPE_INT64,
    FieldDescriptor.TYPE_INT32,
    FieldDescriptor.TYPE_SINT32,
    FieldDescriptor.TYPE_SINT64,
    FieldDescriptor.TYPE_SFIXED64,
    FieldDescriptor.TYPE_SFIXED32,
    FieldDescriptor.TYPE_UINT64,
    FieldDescriptor.TYPE_UINT32,
    FieldDescriptor.TYPE_FIXED64,
    FieldDescriptor.TYPE_FIXED32,
}
_WORDS = ("NaN", "Infinity", "-Infinity")
_ANY_VALUE = AnyValue.DESCRIPTOR.full_name
_INTEGERS = 2**63
_FLOATS = {FieldDescriptor.TYPE_DOUBLE, FieldDescriptor.TYPE_FLOAT}


class OddShapeError(Exception):
    """A value has a shape that the quick way does not know."""


@cache
def converter(kind: Descriptor) -> Convert:
    """Turns a JSON object into the constructor arguments of this message type."""
    fields: dict[str, tuple[str, Convert]] = {}

    def convert(value: Any) -> dict[str, Any]:
        if type(value) is not dict:
            raise OddShapeError
        found = {}
        for key, entry in value.items():
            known = fields.get(key)
            if known is not None and entry is not None:
                found[known[0]] = known[1](entry)
        return found

    # Filled by need: types contain themselves.
    for field in kind.fields:
        single = _single(field)
        one = partial(_list, single) if field.is_repeated else single
        fields[field.json_name] = fields[field.name] = (field.name, one)
    return convert


def _single(field: FieldDescriptor) -> Convert:
    if field.message_type is not None:
        kind = field.message_type
        # Looked up at each use, because types contain themselves.
        return partial(_any_value if kind.full_name == _ANY_VALUE else _message, kind)
    if field.type == FieldDescriptor.TYPE_ENUM:
        return partial(_enumeration, field.enum_type)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return _identity if field.name in _IDS else _bytes
    if field.type in _SIGNED:
        return _integer
    if field.type in _FLOATS:
        return _float
    return partial(_exactly, bool if field.type == FieldDescriptor.TYPE_BOOL else str)


def _message(kind: Descriptor, value: Any) -> dict[str, Any]:
    found: dict[str, Any] = converter(kind)(value)
    return found


def _any_value(kind: Descriptor, value: Any) -> dict[str, Any]:
    """An attribute's value; one that is not of the type it claims keeps the type that it has."""
    try:
        found: dict[str, Any] = converter(kind)(value)
        if -_INTEGERS <= found.get("int_value", 0) < _INTEGERS:
            return found
    except OddShapeError:
        if type(value) is not dict or len(value) != 1:
            raise
    return _plain(next(iter(value.values())))


def _plain(value: Any) -> dict[str, Any]:
    match value:
        case bool():
            return {"bool_value": value}
        case int() if -_INTEGERS <= value < _INTEGERS:
            return {"int_value": value}
        case int() | float():
            return {"double_value": _as_float(value)}
        case str():
            return {"string_value": value}
        case _:
            return {"string_value": orjson.dumps(value).decode()}


def _as_float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


_MEMBERS = {
    "bool_value": "boolValue",
    "int_value": "intValue",
    "double_value": "doubleValue",
    "string_value": "stringValue",
}
_SCALARS = {*_MEMBERS, *_MEMBERS.values(), "bytes_value", "bytesValue"}


def mend_values(value: Any) -> None:
    """Give the attributes' values in a document the types that they have, in place.

    The official package would refuse a value of another type than it claims, and its item.
    """
    entries: Iterable[Any] = ()
    if isinstance(value, dict):
        if len(value) == 1 and not _SCALARS.isdisjoint(value):
            _mend(value)
            return
        entries = value.values()
    elif isinstance(value, list):
        entries = value
    for entry in entries:
        if isinstance(entry, dict | list):
            mend_values(entry)


def _mend(value: dict[str, Any]) -> None:
    try:
        AnyValue(**converter(AnyValue.DESCRIPTOR)(value))
    except (OddShapeError, ValueError, TypeError):
        (held,) = value.values()
        value.clear()
        value.update({_MEMBERS[name]: plain for name, plain in _plain(held).items()})


def _list(single: Convert, value: Any) -> list[Any]:
    if type(value) is not list:
        raise OddShapeError
    return [single(entry) for entry in value]


def _exactly(kind: type, value: Any) -> Any:
    if type(value) is not kind:
        raise OddShapeError
    return value


def _integer(value: Any) -> int:
    if type(value) is int:
        return value
    if type(value) is str and value.isascii() and value.removeprefix("-").isdigit():
        return int(value)
    if type(value) is float and value.is_integer():
        return int(value)
    raise OddShapeError


def _float(value: Any) -> float:
    if type(value) is float or type(value) is int:
        return _as_float(value)
    if type(value) is str and value in _WORDS:
        return float(value)
    raise OddShapeError


def _enumeration(kind: EnumDescriptor, value: Any) -> int:
    if type(value) is int:
        return value
    known = kind.values_by_name.get(value) if type(value) is str else None
    if known is None:
        raise OddShapeError
    return int(known.number)


def _identity(value: Any) -> bytes:
    try:
        return binascii.unhexlify(value)
    except (binascii.Error, ValueError, TypeError):
        return _WRONG_ID


def _bytes(value: Any) -> bytes:
    if type(value) is not str:
        raise OddShapeError
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise OddShapeError from error
