"""Learned classifiers on disk: every version stays, one is current, going back is one step.

``FOLDER/DETECTOR/N.npz`` are the versions; ``current.json`` lists the promoted versions in order,
the last one being in use. Files are written beside and renamed: a reader never sees half of one.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from analytics.learning.classifier import LearnedClassifier
from analytics.learning.errors import NoModelError, UnreadableModelError

if TYPE_CHECKING:
    from pathlib import Path


_FOLDER_LENGTH_MAX = 255
"""File systems take names of 255 bytes; a queue's may be longer once it is escaped."""
_FOLDER_BEGIN = 100
_SHORTENED = "%-"
"""Stands in no escaped name: a per cent sign comes before two digits there."""


class ModelShelf:
    """The learned classifiers of one project."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def names(self) -> list[str]:
        """What anything was learned for."""
        found = self.folder.glob("*/*.npz") if self.folder.is_dir() else ()
        return sorted({self._name(file) for file in found})

    def versions(self, detector: str) -> list[int]:
        """The versions that were learned, oldest first."""
        names = [file.stem for file in self._place(detector).glob("*.npz")]
        return sorted(int(name) for name in names if name.isdigit())

    def next_version(self, detector: str) -> int:
        """The number of the next training."""
        return max(self.versions(detector), default=0) + 1

    def put(self, classifier: LearnedClassifier) -> None:
        """Keep a version; it is not in use before it is promoted."""
        place = self._place(classifier.detector) / f"{classifier.version}.npz"
        _write(place, classifier.to_bytes())

    def get(self, detector: str, version: int) -> LearnedClassifier:
        """A version; raises :class:`NoModelError` and :class:`UnreadableModelError`."""
        place = self._place(detector) / f"{version}.npz"
        if not place.is_file():
            raise NoModelError(detector, f"there is no version {version}")
        return LearnedClassifier.from_bytes(place.read_bytes(), str(place))

    def current(self, detector: str) -> int | None:
        """The version in use; None when the shipped rung decides."""
        history = self._history(detector)
        return history[-1] if history else None

    def used_for(self, detector: str, detector_version: str) -> LearnedClassifier | None:
        """The classifier that decides for this version of the detector; None for the shipped."""
        version = self.current(detector)
        found = None if version is None else self.get(detector, version)
        return found if found is not None and found.detector_version == detector_version else None

    def promote(self, detector: str, version: int) -> None:
        """Use a version from now on."""
        self.get(detector, version)
        self._write_history(detector, [*self._history(detector), version])

    def rollback(self, detector: str) -> int | None:
        """Go back to what was in use before; None is the shipped rung.

        Raises :class:`NoModelError` when nothing learned is in use.
        """
        history = self._history(detector)
        if not history:
            raise NoModelError(detector, "no learned classifier is in use")
        self._write_history(detector, history[:-1])
        return self.current(detector)

    def in_use(self) -> dict[str, LearnedClassifier]:
        """Every detector's classifier in use."""
        found = {}
        for name in self.names():
            version = self.current(name)
            if version is not None:
                found[name] = self.get(name, version)
        return found

    def _place(self, detector: str) -> Path:
        """Its folder; a queue's name may hold anything, and dots alone would lead elsewhere."""
        name = quote(detector, safe="")
        if len(name) > _FOLDER_LENGTH_MAX:
            digest = hashlib.sha256(detector.encode()).hexdigest()
            name = f"{name[:_FOLDER_BEGIN]}{_SHORTENED}{digest}"
        return self.folder / (name if name.strip(".") else name.replace(".", "%2E"))

    def _name(self, file: Path) -> str:
        """What a classifier was learned for: its folder tells, unless the name was shortened."""
        folder = file.parent.name
        if _SHORTENED not in folder:
            return unquote(folder)
        return LearnedClassifier.from_bytes(file.read_bytes(), str(file)).detector

    def _history(self, detector: str) -> list[int]:
        place = self._place(detector) / "current.json"
        try:
            history = json.loads(place.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return []
        except ValueError as error:
            raise UnreadableModelError(str(place), str(error)) from error
        if not isinstance(history, list) or not all(isinstance(n, int) for n in history):
            raise UnreadableModelError(str(place), "it is not a list of versions")
        return history

    def _write_history(self, detector: str, history: list[int]) -> None:
        _write(self._place(detector) / "current.json", json.dumps(history).encode())


def _write(place: Path, content: bytes) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    beside = place.with_suffix(".part")
    beside.write_bytes(content)
    beside.replace(place)
