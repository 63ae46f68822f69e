"""Limits on what a request may cost before it is understood."""

from __future__ import annotations

import zlib

from otlp_receiver.status import Reason, Refusal

_GZIP_WINDOW = 31
_ZLIB_WINDOW = 15
_RAW_WINDOW = -15
_GZIP_START = b"\x1f\x8b"
_SMALL_BYTES = 2**20
"""Up to this size the ratio does not matter: repetitive requests compress well."""
_PIECE_BYTES = 2**20
_MEMBERS_MAX = 1000
"""Each takes some microseconds to begin, however little it holds."""


def decompress(body: bytes, encoding: str, *, bytes_max: int, ratio_max: int) -> bytes:
    """Undo a content encoding, never holding more than the limits allow.

    Raises :class:`Refusal` for an unknown encoding, broken data, or too much of it.
    """
    if len(body) > bytes_max:
        raise Refusal(Reason.TOO_LARGE, f"more than {bytes_max} bytes")
    match encoding:
        case "" | "identity":
            return body
        case "gzip" | "x-gzip":
            window = _GZIP_WINDOW
        case "deflate":
            # The standard means zlib; some clients send the bare stream.
            window = _ZLIB_WINDOW if _has_zlib_header(body) else _RAW_WINDOW
        case _:
            raise Refusal(Reason.UNSUPPORTED, f"content encoding {encoding!r}; use gzip or deflate")
    bytes_max = min(bytes_max, max(_SMALL_BYTES, len(body) * ratio_max))
    try:
        return _inflate(body, window, bytes_max)
    except zlib.error as error:
        raise Refusal(Reason.BAD_DATA, f"broken {encoding}: {error}") from error


def encoding_of(message: bytes) -> str:
    """What a message of gRPC is compressed with, by its first bytes; "" for not at all.

    gRPC says it once a message, in a flag that handlers do not see. A request of OTLP begins with
    field 1 as a submessage, so that its first byte is never that of a compressed one.
    """
    if message.startswith(_GZIP_START):
        return "gzip"
    return "deflate" if _has_zlib_header(message) else ""


def _inflate(body: bytes, window: int, bytes_max: int) -> bytes:
    """All members of the stream; gzip may hold several."""
    parts: list[bytes] = []
    left = bytes_max
    view, offset, members = memoryview(body), 0, 0
    while offset < len(view):
        members += 1
        if members > _MEMBERS_MAX:
            raise Refusal(Reason.BAD_DATA, f"more than {_MEMBERS_MAX} gzip members in a body")
        stream = zlib.decompressobj(window)
        while not stream.eof:
            piece = view[offset : offset + _PIECE_BYTES]
            if not piece:
                raise Refusal(Reason.BAD_DATA, "the compressed body is cut short")
            part = stream.decompress(piece, left + 1)
            left -= len(part)
            if left < 0:
                raise Refusal(Reason.TOO_LARGE, f"more than {bytes_max} bytes once decompressed")
            parts.append(part)
            # What lies behind the member is copied out: of a piece, never of the whole body.
            offset += len(piece) - len(stream.unused_data)
        if window != _GZIP_WINDOW:
            break
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _has_zlib_header(body: bytes) -> bool:
    return len(body) >= 2 and body[0] & 0x0F == 8 and int.from_bytes(body[:2], "big") % 31 == 0
