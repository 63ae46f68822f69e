"""Versions that tell settings and classifiers: others decide otherwise, as a newer one does."""

from __future__ import annotations

from dataclasses import asdict, fields
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analytics.config import AnalysisConfig

BASELINE_SETTINGS = (
    "baseline_window_seconds",
    "baseline_samples_min",
    "false_alarm_budget",
    "ratio_min",
)
"""The settings that decide what is an outlier."""


def configured(version: str, config: AnalysisConfig, settings: Sequence[str]) -> str:
    """The version, and where one of these settings is not the default, a hash of all of them."""
    values = {name: float(getattr(config, name)) for name in sorted(settings)}
    defaults = type(config)()
    if all(value == float(getattr(defaults, name)) for name, value in values.items()):
        return version
    return f"{version}+{blake2b(repr(values).encode(), digest_size=3).hexdigest()}"


def with_classifier(version: str, number: int) -> str:
    """The version of a detector whose flags the learned classifier of this number decides again."""
    return f"{version}+learned.{number}"


def changed_settings(config: AnalysisConfig) -> dict[str, Any]:
    """The settings that are not the default, as plain values."""
    defaults, values = type(config)(), asdict(config)
    return {
        field.name: values[field.name]
        for field in fields(config)
        if getattr(config, field.name) != getattr(defaults, field.name)
    }
