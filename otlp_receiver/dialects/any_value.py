"""OTLP's recursive values as JSON text: nested lists and maps, bytes, and non-finite numbers.

Bytes become base64 text and non-finite numbers the words ``NaN``, ``Infinity``, ``-Infinity``, as
in OTLP's own JSON form. Lone surrogates cannot occur: protobuf text is valid UTF-8.
"""

from __future__ import annotations

import math
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import orjson
import polars as pl
import pyarrow as pa
from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValueList

from otlp_receiver.repair import repaired

if TYPE_CHECKING:
    import numpy as np

DEPTH_MAX = 60
"""Nesting below this depth is kept; protobuf itself refuses more than a hundred levels."""


def value_of(value: AnyValue, depth: int = 0) -> Any:
    """An ``AnyValue`` as plain Python; a value that is not set is None."""
    match value.WhichOneof("value"):
        case None:
            return None
        case "string_value":
            return value.string_value
        case "int_value":
            return value.int_value
        case "bool_value":
            return value.bool_value
        case "double_value":
            return finite_or_word(value.double_value)
        case "array_value":
            return list_of(value.array_value, depth + 1)
        case "kvlist_value":
            return map_of(value.kvlist_value, depth + 1)
        case "bytes_value":
            return b64encode(value.bytes_value).decode()
        case _:
            return None


def list_of(array: ArrayValue, depth: int = 0) -> list[Any] | None:
    """An ``ArrayValue`` as a list."""
    if depth > DEPTH_MAX:
        return None
    return [value_of(value, depth) for value in array.values]


def map_of(pairs: KeyValueList, depth: int = 0) -> dict[str, Any] | None:
    """A ``KeyValueList`` as a dict; of equal keys the last wins."""
    if depth > DEPTH_MAX:
        return None
    return {pair.key: value_of(pair.value, depth) for pair in pairs.values}


def finite_or_word(number: float) -> float | str:
    """The number, or the word that OTLP's JSON uses where JSON has no number."""
    if math.isfinite(number):
        return number
    return "NaN" if math.isnan(number) else ("Infinity" if number > 0 else "-Infinity")


def nested_json(column: pa.Array, kind: type[ArrayValue | KeyValueList]) -> pa.Array:
    """JSON text of each distinct serialised list or map, broadcast back to the rows."""
    encoded = column.dictionary_encode()
    texts = [_nested_text(raw, kind) for raw in encoded.dictionary.to_pylist()]
    return pa.array(texts, pa.large_string()).take(encoded.indices)


def _nested_text(raw: bytes, kind: type[ArrayValue | KeyValueList]) -> str:
    """JSON text of one serialised list or map; what cannot be read is kept as base64."""
    try:
        try:
            message = kind.FromString(raw)
        except DecodeError:
            message = kind.FromString(repaired(raw, kind.DESCRIPTOR) or raw)
        plain = list_of(message) if isinstance(message, ArrayValue) else map_of(message)
        return orjson.dumps(plain).decode()
    except Exception:  # noqa: BLE001  # hostile bytes are content, and content never raises
        return orjson.dumps(b64encode(raw).decode()).decode()


def bytes_json(column: pa.Array) -> pa.Array:
    """Base64 text, in quotes, of each value."""
    return pa.array(
        [None if raw is None else f'"{b64encode(raw).decode()}"' for raw in column.to_pylist()],
        pa.large_string(),
    )


def number_texts(numbers: np.ndarray) -> pl.Series:
    """JSON text of floating-point numbers; non-finite ones become quoted words."""
    series = pl.Series(numbers)
    texts = series.cast(pl.String)
    bad = series.is_finite().not_().arg_true()
    if not len(bad):
        return texts
    words = [f'"{finite_or_word(number)}"' for number in series.gather(bad).to_list()]
    return texts.scatter(bad, pl.Series(words, dtype=pl.String))
