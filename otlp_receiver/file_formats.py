"""OTLP as it lies in files: what a file is, and the requests in it.

==========================================  ====================================================
file                                        holds
==========================================  ====================================================
``*.traces.binpb``, ``*.logs.binpb``        one protobuf request
any name, binary                            the same, or requests behind 4-byte big-endian
                                            lengths, as the Collector's file exporter writes them,
                                            each compressed with zstd where it is told to
any name, JSON                              one request, or one request a line
any name, gzip or zstd                      any of these, compressed
==========================================  ====================================================
"""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
import pyarrow as pa
from google.protobuf.message import DecodeError
from opentelemetry.proto.logs.v1.logs_pb2 import LogsData
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from otlp_receiver.errors import UnreadableFileError
from otlp_receiver.lenient_json import loads
from otlp_receiver.otlp_json import document_to_protobuf, signal_of
from otlp_receiver.status import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SIGNALS = ("traces", "logs", "metrics")
_ZSTD = b"\x28\xb5\x2f\xfd"
"""How whatever zstd compresses begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRequest:
    """One request of a file, or why there is none at this place."""

    signal: str
    body: bytes
    place: str
    """Where in the file: empty, ``line 7`` or ``byte 4096``."""
    problem: str = ""


class ForeignJsonError(UnreadableFileError):
    """A file is whole and valid JSON, and no OTLP: somebody else's file."""


def read_content(path: Path) -> bytes:
    """The file's bytes, uncompressed; raises :class:`UnreadableFileError`."""
    try:
        content = path.read_bytes()
        if content[:2] == b"\x1f\x8b":
            content = gzip.decompress(content)
        elif content.startswith(_ZSTD):
            content = _from_zstd(content)
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadableFileError(str(path), f"cannot be read: {error}") from error
    return content


def _from_zstd(content: bytes) -> bytes:
    """What was compressed; raises OSError when it is broken."""
    plain: bytes = pa.input_stream(pa.BufferReader(content), compression="zstd").read()
    return plain


def requests_of(path: Path, content: bytes) -> Iterator[FileRequest]:
    """The requests in a file, in order; raises :class:`UnreadableFileError` if it is not OTLP."""
    if not content.strip():
        raise UnreadableFileError(str(path), "the file is empty")
    if _is_text(content) and not _is_binary_name(path):
        yield from _json_requests(path, content)
    else:
        yield from _binary_requests(path, content)


def _is_text(content: bytes) -> bool:
    """Whether it begins as JSON, or as text somewhere within a line: no form of protobuf does."""
    starts = content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in {b"{", b"["}
    return starts or b" " <= content[:1] <= b"~"


def _is_binary_name(path: Path) -> bool:
    return any(suffix in {".binpb", ".pb", ".bin"} for suffix in path.suffixes)


def _signal_in_name(path: Path) -> str | None:
    parts = path.name.lower().replace("-", ".").replace("_", ".").split(".")
    return next((signal for signal in _SIGNALS if signal in parts), None)


def _json_requests(path: Path, content: bytes) -> Iterator[FileRequest]:
    """One document, a list of documents, or one document a line."""
    try:
        whole = _document(content)
    except ValueError:
        yield from _json_lines(path, content)
        return
    documents = whole if isinstance(whole, list) else [whole]
    if not any(signal_of(document) for document in documents):
        raise ForeignJsonError(str(path), "JSON, but no OTLP request: no resourceSpans in it")
    for position, document in enumerate(documents):
        place = f"entry {position}" if isinstance(whole, list) else ""
        yield _from_document(document, place)


def _document(content: bytes) -> Any:
    """The only document of a file; raises ValueError when there is none, or more than one."""
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        if "content after" in str(error):
            raise
        return loads(content)


def _json_lines(path: Path, content: bytes) -> Iterator[FileRequest]:
    """One document a line; broken ones, also the first, are named once any other is OTLP."""
    before: list[FileRequest] | None = []
    for number, line in enumerate(content.splitlines(), start=1):
        if not line.strip():
            continue
        place = f"line {number}"
        try:
            document = loads(line)
        except ValueError as error:
            document = None
            found = FileRequest(signal="", body=b"", place=place, problem=f"not JSON: {error}")
        else:
            found = _from_document(document, place)
        if before is not None and signal_of(document) is None:
            before.append(found)
            continue
        yield from before or ()
        before = None
        yield found
    if before and before[0].problem.startswith("not JSON"):
        raise UnreadableFileError(str(path), f"is neither JSON nor lines: {before[0].problem}")
    yield from before or ()


def _from_document(document: object, place: str) -> FileRequest:
    signal = signal_of(document)
    if signal is None:
        return FileRequest(signal="", body=b"", place=place, problem="no OTLP request")
    assert isinstance(document, dict)
    try:
        return FileRequest(signal=signal, body=document_to_protobuf(signal, document), place=place)
    except Refusal as refusal:
        return FileRequest(signal=signal, body=b"", place=place, problem=refusal.details)


def _binary_requests(path: Path, content: bytes) -> Iterator[FileRequest]:
    """One request, or requests behind their lengths.

    A request begins with the tag of its first field, 0x0a; a length of that many bytes would be
    over 160 MiB. So the first byte tells the two apart.
    """
    if content[0] == 0x0A:
        yield FileRequest(signal=_signal(path, content), body=content, place="")
        return
    offset = 0
    while offset < len(content):
        start = offset + 4
        end = start + int.from_bytes(content[offset:start], "big")
        if end > len(content) or start > len(content):
            if offset == 0:
                raise UnreadableFileError(str(path), "is neither protobuf nor length-prefixed")
            yield FileRequest(
                signal="",
                body=b"",
                place=f"byte {offset}",
                problem=f"cut short: {end - offset} bytes are announced, "
                f"{len(content) - offset} are there",
            )
            return
        body = content[start:end]
        if body:
            yield _from_prefixed(path, body, f"byte {offset}")
        offset = end


def _from_prefixed(path: Path, body: bytes, place: str) -> FileRequest:
    """What stands behind one length: protobuf or JSON, compressed or not."""
    try:
        if body.startswith(_ZSTD):
            body = _from_zstd(body)
        if body.startswith(b"{"):
            return _from_document(loads(body), place)
    except (OSError, ValueError) as error:
        return FileRequest(signal="", body=b"", place=place, problem=f"cannot be read: {error}")
    return FileRequest(signal=_signal(path, body), body=body, place=place)


def _signal(path: Path, body: bytes) -> str:
    """From the name; else traces when the spans have ids of the right length; else logs."""
    named = _signal_in_name(path)
    if named is not None:
        return named
    if _has_spans(body):
        return "traces"
    try:
        LogsData.FromString(body)
    except DecodeError:
        return "traces"
    return "logs"


def _has_spans(body: bytes) -> bool:
    """Read as traces, log records have no trace id: another field has its number there."""
    try:
        data = TracesData.FromString(body)
    except DecodeError:
        return False
    return any(
        len(span.trace_id) == 16
        for resource_spans in data.resource_spans
        for scope_spans in resource_spans.scope_spans
        for span in scope_spans.spans
    )
