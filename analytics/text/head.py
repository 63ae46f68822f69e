"""A linear head: what one classifier is on disk and in memory. Plain arrays, no code.

The file is a zip of two members: ``weights.npy`` (float16, one a feature column) and
``head.json`` (everything else). Members are stored, not compressed, and carry no dates, so the same
head is the same bytes whatever library wrote it. Nothing in it can be executed.
"""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import asdict, dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np

from analytics.text.errors import UnreadableHeadError
from analytics.text.ngrams import WIDTH
from analytics.text.phrases import RULES, Rule

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

FORMAT = 1
"""Version of the file format and of the features; a file of another version is not read."""

_ARRAY = "weights.npy"
_META = "head.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """Where a head's probability becomes a claim; chosen on held-out folds by the training."""

    ambiguous_at: float
    """From this probability on the text is worth a second look."""
    matched_at: float
    """From this probability on the head claims a match."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearHead:
    """logit = slope * (weights . features / norm + dense . numbers + bias) + intercept."""

    name: str
    version: str
    """Grows when a training gives another head."""
    rules: str | None
    """The rule set whose counts are features too, by its name in :data:`RULES`."""
    bias: float
    dense: tuple[float, ...]
    """Weights of the numbers beside the n-grams: see :mod:`analytics.text.dense`."""
    slope: float
    """Calibration (Platt), fitted on held-out folds."""
    intercept: float
    rung: Rung
    trained_on: tuple[str, ...]
    """The data sets, each with its licence."""
    weights: NDArray[np.float32]

    @property
    def rule_set(self) -> tuple[Rule, ...]:
        """The rules whose counts this head reads."""
        return () if self.rules is None else RULES[self.rules]

    def to_bytes(self) -> bytes:
        """The file; the same head gives the same bytes."""
        meta: dict[str, Any] = {"format": FORMAT}
        for name in self.__slots__:
            if name != "weights":
                value = getattr(self, name)
                meta[name] = asdict(value) if isinstance(value, Rung) else value
        array = io.BytesIO()
        np.lib.format.write_array(array, self.weights.astype("<f2"), allow_pickle=False)
        text = json.dumps(meta, indent=1, sort_keys=True, ensure_ascii=False).encode()
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            for member, content in ((_META, text), (_ARRAY, array.getvalue())):
                archive.writestr(zipfile.ZipInfo(member), content)
        return file.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes, source: str) -> LinearHead:
        """Read a head; raises :class:`UnreadableHeadError` for anything but a whole one."""
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                meta = json.loads(archive.read(_META))
                array = np.lib.format.read_array(
                    io.BytesIO(archive.read(_ARRAY)), allow_pickle=False
                )
            if meta.pop("format") != FORMAT:
                raise UnreadableHeadError(source, f"its format is not {FORMAT}")
            if array.shape != (WIDTH,) or array.dtype != np.dtype("<f2"):
                raise UnreadableHeadError(source, f"it does not hold {WIDTH} weights")
            if meta["rules"] is not None and meta["rules"] not in RULES:
                raise UnreadableHeadError(source, f"it needs unknown rules {meta['rules']!r}")
            meta["rung"] = Rung(**meta["rung"])
            meta["dense"] = tuple(meta["dense"])
            meta["trained_on"] = tuple(meta["trained_on"])
            head = cls(weights=array.astype(np.float32), **meta)
        except (zipfile.BadZipFile, KeyError, TypeError, ValueError, EOFError) as error:
            raise UnreadableHeadError(source, str(error)) from error
        if not np.isfinite(head.weights).all():
            raise UnreadableHeadError(source, "it holds a weight that is not a number")
        return head

    @classmethod
    def from_path(cls, path: Path) -> LinearHead:
        """Read a head's file."""
        return cls.from_bytes(path.read_bytes(), str(path))


@cache
def shipped_head(name: str) -> LinearHead:
    """A head that ships with the product."""
    file = resources.files("analytics.text") / "weights" / f"{name}.npz"
    return LinearHead.from_bytes(file.read_bytes(), f"the shipped head {name}")
