"""A bound on the messages in a request, before anything allocates them.

A nested message of two bytes takes a hundred times that once parsed, so a body within the size
limit could still ask for gigabytes. The walk reads tags and lengths alone and stops at the limit.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from otlp_receiver.status import Reason, Refusal
from otlp_receiver.wire import varint

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor

SLOTS_MAX = 2_000_000
_SLOT_BYTES_MIN = 2
"""A tag and a length: the smallest message."""
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_VALUES_A_SLOT = 4
"""Values of JSON that a message may have: numbers and texts take less than objects."""
_TEXT = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)


def check_slots(body: bytes, kind: Descriptor, slots_max: int) -> None:
    """Refuse a body with more nested messages than allowed; raises :class:`Refusal`.

    Bodies that are too small to hold that many are not looked at.
    """
    if len(body) < slots_max * _SLOT_BYTES_MIN:
        return
    if count_slots(body, kind, slots_max) > slots_max:
        raise Refusal(Reason.TOO_LARGE, f"more than {slots_max} spans, attributes and values")


def check_json_slots(text: bytes, slots_max: int) -> None:
    """Refuse JSON with more objects, lists or values than allowed; raises :class:`Refusal`.

    An object of two characters takes a hundred bytes once parsed, known to OTLP or not.
    """
    if len(text) < slots_max * _SLOT_BYTES_MIN or not _is_json_bomb(text, slots_max):
        return
    # Braces and commas within texts make no objects; looked at only where they could.
    if _is_json_bomb(_TEXT.sub(b"", text), slots_max):
        raise Refusal(Reason.TOO_LARGE, f"more than {slots_max} spans, attributes and values")


def _is_json_bomb(text: bytes, slots_max: int) -> bool:
    # The outermost object is the request itself.
    values = text.count(b"[") + text.count(b",")
    return text.count(b"{") > slots_max + 1 or values > slots_max * _VALUES_A_SLOT


def count_slots(body: bytes, kind: Descriptor, slots_max: int) -> int:
    """Nested messages in a body, counted no further than just over the limit.

    Malformed bytes end the count; the parser finds them again.
    """
    count = 0
    waiting: list[tuple[int, int, Any]] = [(0, len(body), _nested(kind.full_name, kind))]
    try:
        while waiting:
            offset, end, fields = waiting.pop()
            while offset < end:
                tag, offset = varint(body, offset)
                wire_type = tag & 7
                if wire_type == _BYTES:
                    length, offset = varint(body, offset)
                    nested = fields.get(tag >> 3)
                    if nested is not None and offset + length <= end:
                        count += 1
                        if count > slots_max:
                            return count
                        if length:
                            waiting.append((offset, offset + length, nested()))
                    offset += length
                elif wire_type == _VARINT:
                    _, offset = varint(body, offset)
                elif wire_type == _FIXED64:
                    offset += 8
                elif wire_type == _FIXED32:
                    offset += 4
                else:
                    return count
    except IndexError:
        pass
    return count


@cache
def _nested(_name: str, kind: Descriptor) -> dict[int, Any]:
    """Fields that hold messages; the inner table is made when first needed, types recurse."""
    return {
        field.number: lambda inner=field.message_type: _nested(inner.full_name, inner)
        for field in kind.fields
        if field.message_type is not None
    }
