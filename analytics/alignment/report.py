"""The report: one evaluator version against people, every section in one frozen result."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import polars as pl

from analytics.alignment.agreement import agreement
from analytics.alignment.confusion import confusion
from analytics.alignment.errors import UnknownOptionError
from analytics.alignment.figure import Figure, plain
from analytics.alignment.pairs import Pairs, read_pairs
from analytics.alignment.pass_rate import pass_rate
from analytics.alignment.sample import Sample, make_sample
from analytics.alignment.sampling import sampling
from analytics.alignment.scale import decide_scale
from analytics.alignment.score_types import Scale, ScaleOptions

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportOptions:
    """What the reader asked for."""

    scale: ScaleOptions = field(default_factory=ScaleOptions)
    version: str | None = None
    """The evaluator version to report; None takes the newest."""
    seed: int = 0
    """Seed of every random draw."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Every section; see ``README.md`` for what each holds."""

    scope: dict[str, Any]
    confusion: dict[str, Any]
    raw: dict[str, Figure]
    weighted: dict[str, Figure]
    pass_rate: dict[str, Any]
    ceiling: dict[str, Any]
    sampling: dict[str, Any]
    versions: dict[str, Any]
    thresholds: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """The whole report as JSON values; same data, same bytes."""
        return {
            name: plain(getattr(self, name))
            for name in (
                "scope", "confusion", "raw", "weighted", "pass_rate", "ceiling", "sampling",
                "versions", "thresholds",
            )
        }  # fmt: skip


def report(
    frame: pl.DataFrame, options: ReportOptions, about: Mapping[str, Any] | None = None
) -> Report:
    """Report on a frame of pairs (columns: see :mod:`.pairs`).

    ``about`` adds what the caller knows to the scope: evaluator, field, project, window.
    Raises :class:`~analytics.alignment.errors.AlignmentError` for rows that cannot be used.
    """
    pairs = read_pairs(frame)
    scale = decide_scale(pairs, options.scale)
    version = chosen_version(pairs, options.version)
    sample = make_sample(pairs, scale, version)
    return Report(
        scope=_scope(sample, version, options, about or {}),
        confusion=confusion(sample),
        raw=agreement(sample, weighted=False),
        weighted=agreement(sample, weighted=True),
        pass_rate=pass_rate(sample),
        ceiling={},
        sampling=sampling(sample),
        versions={},
        thresholds={},
    )


def chosen_version(pairs: Pairs, wanted: str | None) -> str | None:
    """The version asked for, else the one with the newest row, else the only one."""
    known = pairs.items["version"].unique(maintain_order=True).to_list()
    if wanted is not None:
        if wanted not in known:
            raise UnknownOptionError("evaluator version", wanted, [v for v in known if v])
        return wanted
    if len(known) <= 1:
        return known[0] if known else None
    newest = (
        pairs.items.group_by("version", maintain_order=True)
        .agg(pl.col("time").max(), pl.col("row").max())
        .sort("time", "row", nulls_last=False)
    )
    last = newest["version"].to_list()[-1]
    return None if last is None else str(last)


def _scope(
    sample: Sample, version: str | None, options: ReportOptions, about: Mapping[str, Any]
) -> dict[str, Any]:
    frame, scale = sample.frame, sample.scale
    kinds = frame["kind"].drop_nulls().value_counts(sort=True).rows()
    labelled = frame.filter(pl.col("labelled"))
    silent = labelled.filter(pl.col("evaluator").is_null())
    outside = frame.filter(pl.col("evaluator").is_in(list(scale.outside)))
    return {
        "evaluator": None,
        "field": None,
        **about,
        "evaluator_version": version,
        "score_type": str(scale.score_type),
        "labels": list(scale.labels),
        "positive": scale.positive,
        "pass": scale.pass_value,
        "threshold": scale.threshold,
        "mapping": list(scale.mapping),
        "population": frame.height,
        "labelled": labelled.height,
        "pairs": labelled.height - silent.height,
        "reference": {str(kind): count for kind, count in sorted(kinds)},
        "single_rater": bool(labelled.height) and not (labelled["raters"] > 1).any(),
        "ties": labelled.filter(pl.col("kind") == "tie").height,
        "without_evaluator_score": {"count": silent.height, "items": silent["item"].to_list()[:20]},
        "outside_labels": {
            "count": outside.height,
            "values": list(scale.outside)[:20],
            "items": outside["item"].to_list()[:20],
        },
        "confidence": 0.95,
        "seed": options.seed,
        "warnings": _warnings(sample, scale),
    }


def _warnings(sample: Sample, scale: Scale) -> list[str]:
    warnings = []
    if sample.frame.filter(pl.col("labelled")).is_empty():
        warnings.append("no item has a human value: there is nothing to compare with")
    if not scale.pass_named and scale.pass_value is not None:
        warnings.append(
            f"no value was named as the good one: the rate is the share of {scale.pass_value!r}"
        )
    return warnings
