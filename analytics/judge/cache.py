"""Verdicts by the hash of everything that decides them, one small JSON file each."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict
from hashlib import blake2b
from os import getpid
from typing import TYPE_CHECKING

from analytics.judge.errors import InvalidVerdictError
from analytics.judge.verdict import Verdict, parse

if TYPE_CHECKING:
    from pathlib import Path


def verdict_key(model: str, url: str, messages: list[dict[str, str]]) -> str:
    """The hash of endpoint, model and messages; the messages hold prompt and recording."""
    content = json.dumps([url, model, messages], ensure_ascii=False, sort_keys=True)
    return blake2b(content.encode(), digest_size=20).hexdigest()


class VerdictCache:
    """A folder of verdicts; None for no cache. Broken files count as missing."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    def get(self, key: str) -> Verdict | None:
        """The verdict of an earlier call with the same content."""
        if self.folder is None:
            return None
        try:
            stored = json.loads(self._place(key).read_text(encoding="utf-8"))
            stored["verdict"] = stored.pop("label")
            return parse(json.dumps(stored))
        except (OSError, ValueError, KeyError, AttributeError, InvalidVerdictError):
            return None

    def put(self, key: str, verdict: Verdict) -> None:
        """Keep a verdict; written beside and renamed, so that a reader never sees half a file.

        One that cannot be kept, for want of room or rights, is asked for again another time.
        """
        if self.folder is None:
            return
        place = self._place(key)
        # Two runs may keep the same verdict at the same moment.
        beside = place.with_suffix(f".{getpid()}.part")
        with suppress(OSError):
            place.parent.mkdir(parents=True, exist_ok=True)
            beside.write_text(json.dumps(asdict(verdict), ensure_ascii=False), encoding="utf-8")
            beside.replace(place)

    def _place(self, key: str) -> Path:
        assert self.folder is not None
        return self.folder / key[:2] / f"{key}.json"
