"""What the sources lack, derived from what they hold: ids, token counts and durations.

Nothing here is measured. The same text gives the same value on every machine, and every resource
that carries such values says so in ``spandocket.demo.derived``.
"""

from __future__ import annotations

from hashlib import blake2b
from math import ceil, exp, log
from statistics import NormalDist

_CHARACTERS_PER_TOKEN = 4
_NANOSECONDS = 1_000_000_000


def hexadecimal(digits: int, *parts: object) -> str:
    """An id of this many hex digits, from a hash of what it names."""
    return _hash(*parts).hex()[:digits]


def share(*parts: object) -> float:
    """A number in [0, 1) that depends on the parts alone."""
    return int.from_bytes(_hash(*parts)[:8], "big") / 2**64


def token_count(text: str) -> int:
    """About one token for four characters of English."""
    return ceil(len(text) / _CHARACTERS_PER_TOKEN)


def model_call_nanoseconds(input_tokens: int, output_tokens: int, *parts: object) -> int:
    """A third of a second, reading, writing, and a log-normal spread of 25 percent."""
    seconds = 0.35 + input_tokens * 0.00005 + output_tokens * 0.018
    return _spread(seconds, *parts)


def tool_call_nanoseconds(result: str, *parts: object) -> int:
    """Forty milliseconds and a little for a long result, with the same spread."""
    return _spread(0.04 + len(result) * 0.00001, *parts)


def pause_nanoseconds(message: str, *parts: object) -> int:
    """The time a user takes to write a message."""
    return _spread(1.5 + len(message) * 0.02, *parts)


def _spread(seconds: float, *parts: object) -> int:
    # inv_cdf is undefined at 0, and four standard deviations are spread enough.
    z = NormalDist().inv_cdf(min(max(share("spread", *parts), 0.0001), 0.9999))
    return round(exp(log(seconds) + 0.25 * z) * _NANOSECONDS)


def _hash(*parts: object) -> bytes:
    return blake2b("\x1f".join(map(str, parts)).encode()).digest()
