"""Bytes of OTLP requests to flat Arrow columns, the fast way first, the official way when needed.

One call decodes a batch of requests of one signal. When ptars refuses the batch, each request is
tried alone; a request that ptars refuses and the official package reads is re-written in the
order ptars knows and counted as decoded slowly; what neither reads is reported with its reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa

from otlp_receiver.decode_schema import wire_class, wire_handler
from otlp_receiver.repair import repaired

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

Signal = Literal["traces", "logs"]

_NAMES: dict[str, tuple[str, str, str, str]] = {
    "traces": ("Traces", "resource_spans", "scope_spans", "spans"),
    "logs": ("Logs", "resource_logs", "scope_logs", "log_records"),
}

BATCH_BYTES_MAX = 512 * 2**20
"""Bytes decoded in one call: Arrow's text columns address at most 2 GiB."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """The records of a batch as Arrow arrays, one row a span or log record.

    ``request`` says which request of the batch a row came from, ``resource`` and ``scope`` which
    row of ``resources`` (attribute lists) and ``scopes`` (structs of name and version).
    """

    rows: pa.StructArray
    request: NDArray[np.int64]
    resource: NDArray[np.int64]
    scope: NDArray[np.int64]
    resources: pa.StructArray
    scopes: pa.StructArray
    failed: list[tuple[int, str]]
    decoded_slowly: int


def decode(bodies: Sequence[bytes], signal: Signal) -> Decoded:
    """Decode requests of one signal; ``failed`` holds positions in ``bodies`` and reasons."""
    handler = wire_handler(_NAMES[signal][0])
    failed: list[tuple[int, str]] = []
    slow = 0
    kept = np.arange(len(bodies))
    try:
        batch = handler.array_to_record_batch(_side_by_side(bodies))
    except BaseException as error:
        if not _is_refusal(error):
            raise
        readable: list[tuple[int, bytes]] = []
        for position, body in enumerate(bodies):
            answer = _readable(handler, body, signal)
            if isinstance(answer, bytes):
                readable.append((position, answer))
                slow += answer is not body
            else:
                failed.append((position, answer.reason))
        kept = np.array([position for position, _ in readable], dtype=np.int64)
        batch = handler.array_to_record_batch(_side_by_side([body for _, body in readable]))
    return _flatten(batch, signal, kept, failed, slow)


def _side_by_side(bodies: Sequence[bytes]) -> pa.BinaryArray:
    """The bodies as one column, copied once; ptars itself would copy what grew again and again."""
    offsets = np.zeros(len(bodies) + 1, dtype=np.int32)
    np.cumsum([len(body) for body in bodies], out=offsets[1:])
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(bodies))]
    return pa.Array.from_buffers(pa.binary(), len(bodies), buffers)


@dataclass(frozen=True, slots=True)
class _Refused:
    reason: str


def _is_refusal(error: BaseException) -> bool:
    """Whether ptars refused the bytes: a ValueError, or a panic of its Rust code."""
    return isinstance(error, ValueError) or type(error).__name__ == "PanicException"


def _readable(handler: Any, body: bytes, signal: Signal) -> bytes | _Refused:
    """The body itself when ptars reads it, else as the official package re-writes it."""
    try:
        handler.list_to_record_batch([body])
    except BaseException as error:
        if not _is_refusal(error):
            raise
        reason = str(error)
    else:
        return body
    try:
        rewritten = _rewritten(body, signal)
        wire_class(_NAMES[signal][0]).FromString(rewritten)
        handler.list_to_record_batch([rewritten])
    except BaseException as error:
        if not _is_refusal(error) and type(error).__name__ not in {"DecodeError", "EncodeError"}:
            raise
        return _Refused(f"not an OTLP {signal} request: {error or reason}")
    return bytes(rewritten)


def _rewritten(body: bytes, signal: Signal) -> bytes:
    """The request as the official package writes it, texts made valid where they are not."""
    official = _official(signal)
    mended = repaired(body, official.DESCRIPTOR)
    return bytes(official.FromString(body if mended is None else mended).SerializeToString())


def _official(signal: Signal) -> Any:
    """The official request class of the signal."""
    if signal == "traces":
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
            ExportTraceServiceRequest,
        )

        return ExportTraceServiceRequest
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

    return ExportLogsServiceRequest


def _flatten(
    batch: pa.RecordBatch,
    signal: Signal,
    kept: NDArray[np.int64],
    failed: list[tuple[int, str]],
    slow: int,
) -> Decoded:
    """Turn request > resource > scope > record into one row a record with parent positions."""
    _, resources_name, scopes_name, records_name = _NAMES[signal]
    by_request = batch.column(resources_name)
    groups = by_request.flatten()
    request_of_group = np.repeat(kept, _lengths(by_request))
    by_group = groups.field(scopes_name)
    scopes = by_group.flatten()
    group_of_scope = np.repeat(np.arange(len(groups)), _lengths(by_group))
    by_scope = scopes.field(records_name)
    rows = by_scope.flatten()
    scope = np.repeat(np.arange(len(scopes)), _lengths(by_scope))
    resource = group_of_scope[scope]
    return Decoded(
        rows=rows,
        request=request_of_group[resource],
        resource=resource,
        scope=scope,
        resources=groups.field("resource"),
        scopes=scopes.field("scope"),
        failed=failed,
        decoded_slowly=slow,
    )


def _lengths(lists: pa.LargeListArray) -> NDArray[np.int64]:
    """How many elements each list holds."""
    return np.diff(np.asarray(lists.offsets))
