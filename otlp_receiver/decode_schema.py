"""A descriptor of OTLP that is wire-compatible with the official one and cut at the recursion.

``AnyValue`` contains itself and Arrow columns cannot. Here ``array_value`` and ``kvlist_value`` are
declared as ``bytes``: all length-delimited fields have one wire form, so the bytes of the nested
message arrive untouched and are read in a second pass. Enumerations are declared as integers for
the same reason: an unknown number must not be refused.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool
from ptars import HandlerPool, PtarsConfig

_PACKAGE = "spandocket.wire"

_TYPES = {
    "bool": descriptor_pb2.FieldDescriptorProto.TYPE_BOOL,
    "bytes": descriptor_pb2.FieldDescriptorProto.TYPE_BYTES,
    "double": descriptor_pb2.FieldDescriptorProto.TYPE_DOUBLE,
    "fixed32": descriptor_pb2.FieldDescriptorProto.TYPE_FIXED32,
    "fixed64": descriptor_pb2.FieldDescriptorProto.TYPE_FIXED64,
    "int32": descriptor_pb2.FieldDescriptorProto.TYPE_INT32,
    "int64": descriptor_pb2.FieldDescriptorProto.TYPE_INT64,
    "string": descriptor_pb2.FieldDescriptorProto.TYPE_STRING,
    "uint32": descriptor_pb2.FieldDescriptorProto.TYPE_UINT32,
}

_ANY_VALUE = "AnyValue"

_MESSAGES = """
AnyValue: string_value string 1; bool_value bool 2; int_value int64 3; double_value double 4;
  array_value bytes 5; kvlist_value bytes 6; bytes_value bytes 7
KeyValue: key string 1; value AnyValue 2
Resource: attributes KeyValue* 1
Scope: name string 1; version string 2
Status: message string 2; code int32 3
Event: time_unix_nano fixed64 1; name string 2; attributes KeyValue* 3
Link: trace_id bytes 1; span_id bytes 2; attributes KeyValue* 4
Span: trace_id bytes 1; span_id bytes 2; parent_span_id bytes 4; name string 5; kind int32 6;
  start_time_unix_nano fixed64 7; end_time_unix_nano fixed64 8; attributes KeyValue* 9;
  dropped_attributes_count uint32 10; events Event* 11; dropped_events_count uint32 12;
  links Link* 13; status Status 15
ScopeSpans: scope Scope 1; spans Span* 2
ResourceSpans: resource Resource 1; scope_spans ScopeSpans* 2
Traces: resource_spans ResourceSpans* 1
LogRecord: time_unix_nano fixed64 1; severity_number int32 2; severity_text string 3;
  body AnyValue 5; attributes KeyValue* 6; trace_id bytes 9; span_id bytes 10;
  observed_time_unix_nano fixed64 11; event_name string 12
ScopeLogs: scope Scope 1; log_records LogRecord* 2
ResourceLogs: resource Resource 1; scope_logs ScopeLogs* 2
Logs: resource_logs ResourceLogs* 1
"""
"""Field names, types and numbers of the parts of OTLP that become columns (``*`` = repeated).

Source: opentelemetry-proto 1.11, ``trace.proto``, ``logs.proto``, ``common.proto``. Fields left
out (trace state, flags, schema URLs, string indexes) are skipped by their numbers on the wire.
"""


def _file() -> descriptor_pb2.FileDescriptorProto:
    """Build the file descriptor from the declaration above."""
    file = descriptor_pb2.FileDescriptorProto(
        name="spandocket/wire.proto", package=_PACKAGE, syntax="proto3"
    )
    declaration = _MESSAGES.strip().replace("\n  ", " ")
    for line in declaration.splitlines():
        name, _, body = line.partition(":")
        message = file.message_type.add(name=name)
        if name == _ANY_VALUE:
            message.oneof_decl.add(name="value")
        for part in body.split(";"):
            _add_field(message, *part.split())
    return file


def _add_field(message: Any, name: str, kind: str, number: str) -> None:
    """Add one field to a message descriptor."""
    repeated = kind.endswith("*")
    kind = kind.rstrip("*")
    field = message.field.add(name=name, number=int(number))
    field.label = field.LABEL_REPEATED if repeated else field.LABEL_OPTIONAL
    if kind in _TYPES:
        field.type = _TYPES[kind]
    else:
        field.type = field.TYPE_MESSAGE
        field.type_name = f".{_PACKAGE}.{kind}"
    if message.name == _ANY_VALUE:
        field.oneof_index = 0


@cache
def wire_handler(message: str) -> Any:
    """The ptars handler of ``Traces`` or ``Logs``."""
    pool = descriptor_pool.DescriptorPool()
    file = pool.Add(_file()) or pool.FindFileByName("spandocket/wire.proto")
    handlers = HandlerPool([file], config=PtarsConfig(use_large_list=True))
    return handlers.get_for_message(pool.FindMessageTypeByName(f"{_PACKAGE}.{message}"))


@cache
def wire_class(message: str) -> Any:
    """A message class of the same descriptor, to re-serialise what only upb can read."""
    from google.protobuf import message_factory

    pool = descriptor_pool.DescriptorPool()
    pool.Add(_file())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{message}"))
