"""Hashed n-grams of texts: words 1-2 and runs of 3-5 bytes, in whole-array operations.

No vocabulary is stored or shipped: an n-gram's column is a hash of its bytes. Runs of bytes are
hashed by shifting; words by two prefix sums of a polynomial modulo 2**64,
hash(i, j) = (sum[j] - sum[i]) / base**i, so that no word is ever cut out as a string.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

WORD_BITS = 15
"""Buckets for words and pairs of words, as a power of two."""

RUN_BITS = 16
"""Buckets for runs of three to five bytes, as a power of two."""

WIDTH = (1 << WORD_BITS) + (1 << RUN_BITS)
"""Number of feature columns: words first, then runs of bytes."""

TEXTS_PER_BATCH = 16
"""The most texts in one call of :func:`features_of`: its tables then stay in the cache."""

_KEY_BITS = 17
_COLUMN_MASK = np.uint32((1 << _KEY_BITS) - 1)
_BASE = 0x9E3779B97F4A7C15
_INVERSE = pow(_BASE, -1, 1 << 64)
_PAIR = np.uint64(0x100000001B3)


@dataclass(frozen=True, slots=True)
class Features:
    """Which columns each text has: parallel arrays without repeats.

    Binary on purpose: counting how often an n-gram occurs helped no head, and a text that repeats
    one phrase a thousand times must not outweigh everything else in it.
    The order of a text's columns depends on that text alone, so that sums over them do too.
    """

    text: NDArray[np.uint32]
    """Position of the text in the batch."""
    column: NDArray[np.uint32]
    """Feature column, below :data:`WIDTH`."""
    count: int
    """Number of texts in the batch."""


class Featurizer:
    """Computes features; holds the tables it reuses. Not for use by two threads at once."""

    def __init__(self) -> None:
        self._winner = np.zeros(TEXTS_PER_BATCH << _KEY_BITS, dtype=np.int32)
        self._powers = np.ones(1, dtype=np.uint64)
        self._inverses = np.ones(1, dtype=np.uint64)

    def features_of(self, texts: Sequence[str]) -> Features:
        """The columns of at most :data:`TEXTS_PER_BATCH` normalised texts."""
        assert 0 < len(texts) <= TEXTS_PER_BATCH
        pieces = [b" " + text.encode("utf-8", "replace") + b" " for text in texts]
        lengths = np.array([len(piece) for piece in pieces], dtype=np.int64)
        data = np.frombuffer(b"".join(pieces), dtype=np.uint8)
        owner = np.repeat(np.arange(len(pieces), dtype=np.uint32) << np.uint32(_KEY_BITS), lengths)
        keys = [*_run_keys(data, owner, np.cumsum(lengths)), *self._word_keys(data, owner)]
        nothing = np.zeros(0, dtype=np.uint32)
        packed = self._without_repeats(np.concatenate([nothing, *keys]))
        return Features(packed >> np.uint32(_KEY_BITS), packed & _COLUMN_MASK, len(texts))

    def _word_keys(
        self, data: NDArray[np.uint8], owner: NDArray[np.uint32]
    ) -> list[NDArray[np.uint32]]:
        """Keys of every word, and of every pair of neighbouring words of one text."""
        edges = np.diff(_IS_WORD[data].view(np.int8), prepend=np.int8(0), append=np.int8(0))
        starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
        if starts.size == 0:
            return []
        powers, inverses = self._bases(data.size)
        sums = np.zeros(data.size + 1, dtype=np.uint64)
        np.cumsum((data.astype(np.uint64) + np.uint64(1)) * powers, out=sums[1:])
        words = (sums[ends] - sums[starts]) * inverses[starts]
        texts = owner[starts]
        pairs = words[:-1] * _PAIR + words[1:]
        neighbours = texts[:-1] == texts[1:]
        return [
            texts | _word_column(words, salt=2),
            (texts[:-1] | _word_column(pairs, salt=4))[neighbours],
        ]

    def _bases(self, size: int) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        """The powers of the base and of its inverse, grown when a longer batch comes."""
        if self._powers.size < size:
            for name, factor in (("_powers", _BASE), ("_inverses", _INVERSE)):
                table = np.full(2 * size, factor, dtype=np.uint64)
                table[0] = 1
                setattr(self, name, np.cumprod(table))
        return self._powers[:size], self._inverses[:size]

    def _without_repeats(self, keys: NDArray[np.uint32]) -> NDArray[np.uint32]:
        """Keep the last occurrence of each key: who wrote last into the key's slot has won."""
        positions = np.arange(keys.size, dtype=np.int32)
        self._winner[keys] = positions
        kept: NDArray[np.uint32] = keys[self._winner[keys] == positions]
        return kept


def _run_keys(
    data: NDArray[np.uint8], owner: NDArray[np.uint32], ends: NDArray[np.int64]
) -> list[NDArray[np.uint32]]:
    """Keys of every run of three, four and five bytes that lies within one text."""
    byte = data.astype(np.uint32)
    keys = []
    run = byte[:-1] | byte[1:] << np.uint32(8)
    for length in (3, 4, 5):
        count = data.size - length + 1
        if count <= 0:
            break
        if length < 5:
            run = run[:count] | byte[length - 1 :] << np.uint32(8 * (length - 1))
        else:
            run = run[:count] * np.uint32(0x2545F491) + byte[length - 1 :]
        inside = np.ones(count, dtype=np.bool_)
        for back in range(1, length):
            crossing = ends - back
            inside[crossing[(crossing >= 0) & (crossing < count)]] = False
        keys.append((owner[:count] | _run_column(run, salt=length))[inside])
    return keys


def _run_column(hashes: NDArray[np.uint32], salt: int) -> NDArray[np.uint32]:
    """The column of a run of bytes."""
    mixed = hashes * np.uint32(0x9E3779B1 + 2 * salt)
    mixed ^= mixed >> np.uint32(15)
    mixed *= np.uint32(0x85EBCA77)
    mixed >>= np.uint32(32 - RUN_BITS)
    mixed += np.uint32(1 << WORD_BITS)
    return mixed


def _word_column(hashes: NDArray[np.uint64], salt: int) -> NDArray[np.uint32]:
    """The column of a word or a pair: top bits, because a polynomial's low bits are weak."""
    mixed = (hashes ^ (hashes >> np.uint64(32))) * np.uint64(0xFF51AFD7ED558CCD + salt)
    return (mixed >> np.uint64(64 - WORD_BITS)).astype(np.uint32)


def _word_table() -> NDArray[np.bool_]:
    """Which bytes belong to a word: letters, digits, the apostrophe, and all beyond ASCII."""
    table = np.zeros(256, dtype=np.bool_)
    table[list(b"abcdefghijklmnopqrstuvwxyz0123456789'")] = True
    table[128:] = True
    return table


_IS_WORD = _word_table()
