"""Requests whose texts are no valid UTF-8, made valid.

Some JavaScript encoders write half an emoji as three bytes that no decoder accepts, and some
senders cut texts between the bytes of a letter. One such text must not lose the request around it.
The request is read once more with every text declared as bytes, which is the same on the wire, and
written with U+FFFD where bytes mean nothing.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from otlp_receiver.lenient_json import clean

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor, FileDescriptor
    from google.protobuf.message import Message

_TEXT = descriptor_pb2.FieldDescriptorProto.TYPE_STRING
_BYTES = descriptor_pb2.FieldDescriptorProto.TYPE_BYTES


def repaired(body: bytes, kind: Descriptor) -> bytes | None:
    """The request with valid texts; None when its texts are not what is wrong with it."""
    message = _lenient_class(kind)()
    try:
        message.ParseFromString(body)
    except DecodeError:
        return None
    return bytes(message.SerializeToString()) if _mend(message, kind) else None


def valid_text(raw: bytes) -> bytes:
    """Bytes of a text as valid UTF-8; halves of an emoji that stand together become one."""
    try:
        return str(clean(raw.decode("utf-8", "surrogatepass"))).encode()
    except UnicodeDecodeError:
        return raw.decode("utf-8", "replace").encode()


def _mend(message: Any, kind: Descriptor) -> bool:
    """Make every text below valid, in place; whether any was not."""
    changed = False
    for field, value in message.ListFields():
        declared = kind.fields_by_number[field.number]
        entries = value if declared.is_repeated else [value]
        if declared.message_type is not None:
            for entry in entries:
                changed |= _mend(entry, declared.message_type)
        elif declared.type == _TEXT:
            valid = [entry if _is_valid(entry) else valid_text(entry) for entry in entries]
            if valid != list(entries):
                changed = True
                _put(message, field.name, valid, is_repeated=declared.is_repeated)
    return changed


def _put(message: Any, name: str, values: list[bytes], *, is_repeated: bool) -> None:
    if is_repeated:
        getattr(message, name)[:] = values
    else:
        setattr(message, name, values[0])


def _is_valid(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


@cache
def _lenient_class(kind: Descriptor) -> type[Message]:
    """The class of the same message with bytes where texts are declared."""
    pool = descriptor_pool.DescriptorPool()
    _copy(kind.file, pool, set())
    made: type[Message] = message_factory.GetMessageClass(
        pool.FindMessageTypeByName(kind.full_name)
    )
    return made


def _copy(file: FileDescriptor, pool: descriptor_pool.DescriptorPool, seen: set[str]) -> None:
    """Add a file to the pool after all that it depends on, texts declared as bytes."""
    if file.name in seen:
        return
    seen.add(file.name)
    for needed in file.dependencies:
        _copy(needed, pool, seen)
    declared = descriptor_pb2.FileDescriptorProto()
    file.CopyToProto(declared)
    del declared.service[:]
    for message in declared.message_type:
        _without_texts(message)
    pool.Add(declared)


def _without_texts(message: descriptor_pb2.DescriptorProto) -> None:
    for field in message.field:
        if field.type == _TEXT:
            field.type = _BYTES
    for inner in message.nested_type:
        _without_texts(inner)
