"""Numbers as protobuf writes them."""

from __future__ import annotations


def varint(body: bytes, offset: int) -> tuple[int, int]:
    """A number and the offset behind it; raises :class:`IndexError` where there is none."""
    byte = body[offset]
    offset += 1
    if byte < 0x80:
        return byte, offset
    value = byte & 0x7F
    shift = 7
    while True:
        byte = body[offset]
        offset += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, offset
        shift += 7
        if shift > 63:
            raise IndexError


def varint_bytes(value: int) -> bytes:
    """The number as few bytes as it takes."""
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)
