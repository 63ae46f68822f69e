"""Classifiers learned from verdicts: where they lie, how they are taught and used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analytics.learning.rung import LearnedRung
    from analytics.learning.shelf import ModelShelf
    from cli.context import Context


def shelf_of(context: Context) -> ModelShelf:
    """The project's learned classifiers below ``DATA_DIR/models``."""
    from analytics.learning.shelf import ModelShelf

    return ModelShelf(context.data_path / "models" / quote(context.project, safe=""))


def learned_of(context: Context) -> LearnedRung | None:
    """The classifiers in use; None when nothing was ever promoted."""
    if not (context.data_path / "models").is_dir():
        return None
    from analytics.learning.rung import LearnedRung

    classifiers = shelf_of(context).in_use()
    return LearnedRung(classifiers) if classifiers else None


def train_detector(
    context: Context, name: str, *, seed: int, dry_run: bool
) -> tuple[dict[str, Any], bool]:
    """Learn, keep, promote if better; what to print, and whether it was better."""
    from analytics.job.teaching import teach

    shelf = shelf_of(context)
    lesson = teach(
        context.span_store,
        context.queue_store,
        name,
        project=context.project,
        as_of=context.now(),
        config=context.configuration.analysis,
        shelf=shelf,
        seed=seed,
    )
    classifier = lesson.classifier
    if not dry_run:
        shelf.put(classifier)
        if lesson.is_better:
            shelf.promote(name, classifier.version)
    report = {
        "detector": name,
        "version": classifier.version,
        "promoted": lesson.is_better and not dry_run,
        **classifier.report,
    }
    return report, lesson.is_better


def learned_rows(context: Context) -> Iterator[dict[str, Any]]:
    """One row a learned classifier, in use or not."""
    from analytics.detectors.catalog import CATALOG

    shelf = shelf_of(context)
    for entry in CATALOG:
        for version in shelf.versions(entry.id):
            report = shelf.get(entry.id, version).report
            difference = report["difference_99"]
            yield {
                "detector": entry.id,
                "version": version,
                "in_use": shelf.current(entry.id) == version,
                "verdicts": report["verdicts"],
                "gain": difference["balanced_agreement"],
                "gain_low": difference["low"],
                "gain_high": difference["high"],
                "report": report,
            }
