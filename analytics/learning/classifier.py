"""A learned classifier: a text head, and weights for what the offline rung said."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from analytics.configured import with_classifier
from analytics.learning.errors import UnreadableModelError
from analytics.text.errors import UnreadableHeadError
from analytics.text.head import LinearHead
from analytics.text.normalise import normalised
from analytics.text.scoring import margins

FORMAT = 1
EVIDENCE = ("confidence", "is_matched", "is_ambiguous")
"""What the offline rung said about the trace, beside its text."""

_HEAD, _META = "head.npz", "learned.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnedClassifier:
    """probability = logistic(slope * (head + evidence . weights) + intercept)."""

    detector: str
    detector_version: str
    """The version of the offline rung whose flags people judged, its settings included."""
    version: int
    """Starts at 1, grows by one with every training of this detector."""
    head: LinearHead
    evidence: tuple[float, ...]
    report: dict[str, Any]
    """How it was compared: verdicts, both rungs' figures, the lower bound."""

    @property
    def decides_as(self) -> str:
        """The detector's version while this classifier decides."""
        return with_classifier(self.detector_version, self.version)

    def probabilities(self, texts: pl.Series, evidence: pl.DataFrame) -> np.ndarray:
        """Calibrated probability that a person would say the flag is right."""
        normal = pl.DataFrame({"text": texts.fill_null("")}).select(normalised(pl.col("text")))
        sums = margins(self.head, normal["text"])
        sums = sums + evidence.select(EVIDENCE).to_numpy().astype(float) @ np.array(self.evidence)
        chances: np.ndarray = 1.0 / (1.0 + np.exp(-(self.head.slope * sums + self.head.intercept)))
        return chances

    def to_bytes(self) -> bytes:
        """The file: arrays and JSON, nothing that runs; the same classifier, the same bytes."""
        meta = {
            "format": FORMAT,
            "detector": self.detector,
            "detector_version": self.detector_version,
            "version": self.version,
            "evidence": list(self.evidence),
            "report": self.report,
        }
        text = json.dumps(meta, indent=1, sort_keys=True).encode()
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            archive.writestr(zipfile.ZipInfo(_META), text)
            archive.writestr(zipfile.ZipInfo(_HEAD), self.head.to_bytes())
        return file.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes, source: str) -> LearnedClassifier:
        """Read a file; raises :class:`UnreadableModelError` for anything else."""
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                meta = json.loads(archive.read(_META))
                head = LinearHead.from_bytes(archive.read(_HEAD), source)
            if meta.pop("format") != FORMAT:
                raise UnreadableModelError(source, f"its format is not {FORMAT}")
            meta["evidence"] = tuple(float(value) for value in meta["evidence"])
            if len(meta["evidence"]) != len(EVIDENCE):
                raise UnreadableModelError(source, "it weighs other evidence")
            return cls(head=head, **meta)
        except (zipfile.BadZipFile, KeyError, TypeError, ValueError) as error:
            raise UnreadableModelError(source, str(error)) from error
        except UnreadableHeadError as error:
            raise UnreadableModelError(source, error.reason) from error
