"""The report: one evaluator version against people, every section in one frozen result."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import polars as pl

from analytics.alignment.agreement import agreement
from analytics.alignment.ceiling import ceiling
from analytics.alignment.confusion import confusion
from analytics.alignment.errors import UnknownOptionError
from analytics.alignment.figure import Figure, plain
from analytics.alignment.label_next import label_next
from analytics.alignment.option_sets import as_sets, option_sets
from analytics.alignment.pairs import Pairs, read_pairs
from analytics.alignment.pass_rate import pass_rate
from analytics.alignment.residuals import residuals
from analytics.alignment.sample import Sample, make_sample
from analytics.alignment.sampling import sampling
from analytics.alignment.scale import decide_scale
from analytics.alignment.score_types import Scale, ScaleOptions, ScoreType
from analytics.alignment.severe import severe_false_accepts
from analytics.alignment.slices import slices
from analytics.alignment.thresholds import Objective, thresholds
from analytics.alignment.verdict import verdict
from analytics.alignment.versions import versions
from analytics.alignment.weighting import Weighting
from analytics.alignment.zero_errors import zero_errors

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
    skill: str = "skilled"
    """What the people are: expert, skilled or crowd; how much the evaluator is granted."""
    epsilon: float | None = None
    """What the alternative annotator test grants the evaluator; None goes by ``skill``."""
    gate: float | None = None
    """Lower bound below which the evaluator must not fall; makes a drift alert."""
    targets: tuple[str, ...] = ("tpr",)
    """What the next labels are for: any of pass_rate, tpr, tnr."""
    count: int = 20
    """How many labels next."""
    weighting: Weighting = field(default_factory=Weighting)
    """What to do with the weights beside 1 / p."""
    objective: Objective = field(default_factory=Objective)
    """What the suggested threshold is the best for."""
    multiple: bool = False
    """Whether values are sets of options: a JSON list, or options with | between them."""
    salt: str = "spandocket"
    """Salt of the draw that decides who is labelled next."""


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
    verdict: dict[str, Any] = field(default_factory=dict)
    slices: dict[str, Any] = field(default_factory=dict)
    label_next: dict[str, Any] = field(default_factory=dict)
    residuals: dict[str, Any] = field(default_factory=dict)
    zero_errors: list[dict[str, Any]] = field(default_factory=list)
    severe_false_accepts: dict[str, Any] = field(default_factory=dict)
    option_sets: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The whole report as JSON values; same data, same bytes."""
        return {
            name: plain(getattr(self, name))
            for name in (
                "scope", "confusion", "raw", "weighted", "pass_rate", "ceiling", "sampling",
                "versions", "thresholds", "verdict", "slices", "label_next", "residuals",
                "zero_errors", "severe_false_accepts", "option_sets",
            )
        }  # fmt: skip


def report(
    frame: pl.DataFrame, options: ReportOptions, about: Mapping[str, Any] | None = None
) -> Report:
    """Report on a frame of pairs (columns: see :mod:`.pairs`).

    ``about`` adds what the caller knows to the scope: evaluator, field, project, window.
    Raises :class:`~analytics.alignment.errors.AlignmentError` for rows that cannot be used.
    """
    samples, version = make_samples(frame, options)
    result = report_of(samples, version, options, about or {})
    return replace(result, option_sets=_options(frame, version, options))


def _options(frame: pl.DataFrame, version: str | None, options: ReportOptions) -> dict[str, Any]:
    """Every option of sets for itself; the reason where values are no sets."""
    if not options.multiple:
        return {"null_reason": "values are no sets of options", "options": []}
    scale = ScaleOptions(score_type=ScoreType.BOOLEAN, positive="true")
    plain = replace(options, multiple=False, scale=scale, version=version)

    def sample_of(chosen: pl.DataFrame) -> Sample:
        samples, _ = make_samples(chosen, plain)
        return samples[version]

    return option_sets(as_sets(frame), sample_of)


def make_samples(
    frame: pl.DataFrame, options: ReportOptions
) -> tuple[dict[str | None, Sample], str | None]:
    """A sample for each evaluator version, oldest first, and the version to report."""
    wanted = options.scale
    if options.multiple:
        frame = as_sets(frame)
        wanted = replace(wanted, score_type=ScoreType.CATEGORICAL)
    pairs = read_pairs(frame)
    scale = decide_scale(pairs, wanted)
    order = version_order(pairs)
    version = order[-1] if order else None
    if options.version is not None:
        if options.version not in order:
            raise UnknownOptionError("evaluator version", options.version, filter(None, order))
        version = options.version
    return {
        name: make_sample(pairs, scale, name, options.weighting) for name in order or [None]
    }, version


def report_of(
    samples: Mapping[str | None, Sample],
    version: str | None,
    options: ReportOptions,
    about: Mapping[str, Any],
) -> Report:
    """The report on one version, the others beside it."""
    sample = samples[version]
    raw, weighted = agreement(sample, weighted=False), agreement(sample, weighted=True)
    severe = severe_false_accepts(sample)
    people = ceiling(sample, options.seed, options.skill, options.epsilon)
    result = Report(
        scope=_scope(sample, version, options, about),
        confusion=confusion(sample),
        raw=raw,
        weighted=weighted,
        pass_rate=pass_rate(sample),
        ceiling=people,
        sampling=sampling(sample),
        versions=versions(samples, version, options.gate),
        thresholds=thresholds(sample, options.seed, options.objective),
        verdict=verdict(sample, raw, weighted, people, severe),
        slices=slices(sample),
        residuals=residuals(sample),
        zero_errors=zero_errors(raw, weighted),
        severe_false_accepts=severe,
    )
    following = label_next(
        result,
        sample,
        count=options.count,
        targets=options.targets,
        others=[other for name, other in samples.items() if name != version],
        project=str(about.get("project", "default")),
        salt=options.salt,
    )
    return replace(result, label_next=following)


def version_order(pairs: Pairs) -> list[str | None]:
    """Evaluator versions, the one with the newest time (else the last row) last."""
    newest = (
        pairs.items.group_by("version", maintain_order=True)
        .agg(pl.col("time").max(), pl.col("row").max())
        .sort("time", "row", nulls_last=False)
    )
    return newest["version"].to_list()


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
        **{name: value for name, value in about.items() if name != "notes"},
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
        "window": {
            "first": labelled["rated_at"].drop_nulls().min(),
            "last": labelled["rated_at"].drop_nulls().max(),
        },
        "confidence": 0.95,
        "seed": options.seed,
        "libraries": _libraries(),
        "design_hash": design_hash(sample),
        "warnings": [*about.get("notes", ()), *_warnings(sample, scale)],
    }


def _libraries() -> dict[str, str]:
    """Versions of what computes the figures: the same data and versions give the same bytes."""
    import numpy as np
    import scipy
    import sklearn

    return {
        "numpy": np.__version__,
        "polars": pl.__version__,
        "scikit-learn": sklearn.__version__,
        "scipy": scipy.__version__,
    }


def design_hash(sample: Sample) -> str:
    """A hash of how every item came before people: two reports with one hash share a design."""
    from hashlib import blake2b

    columns = ("item", "inclusion_probability", "weight", "stratum", "cluster", "excluded")
    frame = sample.frame.select(columns).sort("item")
    digest = blake2b(digest_size=16)
    for name in columns:
        digest.update("\x1f".join(_spelled(value) for value in frame[name]).encode())
        digest.update(b"\x1e")
    return digest.hexdigest()


def _spelled(value: object) -> str:
    return "" if value is None else repr(value)


def _warnings(sample: Sample, scale: Scale) -> list[str]:
    warnings = []
    if sample.frame.filter(pl.col("labelled")).is_empty():
        warnings.append("no item has a human value: there is nothing to compare with")
    human = set(sample.ratings["human"])
    scored = set(sample.frame["evaluator"].drop_nulls())
    if scale.score_type is ScoreType.CATEGORICAL and human and scored and not human & scored:
        warnings.append("people and the evaluator have no value in common")
    if not scale.pass_named and scale.pass_value is not None:
        warnings.append(
            f"no value was named as the good one: the rate is the share of {scale.pass_value!r}"
        )
    return warnings
