"""A detector whose flags a learned classifier decides again: its version tells which one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

    from analytics.detectors.catalog import Detector
    from analytics.detectors.context import DetectorContext
    from analytics.learning.classifier import LearnedClassifier


@dataclass(frozen=True, slots=True, kw_only=True)
class TaughtDetector:
    """The detector under the version that its classifier gives it.

    What it flags stays its own; :class:`analytics.learning.rung.LearnedRung` decides again.
    """

    detector: Detector
    version: str

    @property
    def id(self) -> str:
        """The detector's own."""
        return self.detector.id

    @property
    def title(self) -> str:
        """The detector's own."""
        return self.detector.title

    @property
    def instructions(self) -> str:
        """The detector's own."""
        return self.detector.instructions

    def decide(self, context: DetectorContext) -> pl.DataFrame:
        """What the detector itself says."""
        return self.detector.decide(context)


def taught(detector: Detector, classifier: LearnedClassifier | None) -> Detector:
    """The detector as it decides with this classifier, which rests if it knows another version."""
    if classifier is None or classifier.detector_version != detector.version:
        return detector
    return TaughtDetector(detector=detector, version=classifier.decides_as)
