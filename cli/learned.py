"""Classifiers learned from verdicts: where they lie, how they are taught and used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analytics.detectors.catalog import Detector
    from analytics.learning.lesson import Lesson
    from analytics.learning.rung import LearnedRung
    from analytics.learning.shelf import ModelShelf
    from cli.context import Context


def shelf_of(context: Context) -> ModelShelf:
    """The project's learned classifiers below ``DATA_DIR/models``."""
    from analytics.learning.shelf import ModelShelf

    return ModelShelf(context.data_path / "models" / quote(context.project, safe=""))


def queue_shelf_of(context: Context) -> ModelShelf:
    """The project's classifiers of queues, apart: a queue may be named like a detector."""
    from analytics.learning.shelf import ModelShelf

    return ModelShelf(context.data_path / "models" / "queues" / quote(context.project, safe=""))


def shelf_for(context: Context, name: str) -> ModelShelf:
    """The shelf on which the classifiers of this detector, or else queue, lie."""
    from analytics.detectors.catalog import load
    from cli.nearest import nearest_names

    own = [entry.id for entry in load(context.configuration.analysis)]
    own += context.configuration.analysis.disabled_detectors
    if name in own:
        return shelf_of(context)
    queues = [queue.name for queue in context.queue_store.queues(project=context.project)]
    if name in queues:
        return queue_shelf_of(context)
    hint = nearest_names(name, list(dict.fromkeys([*own, *queues])))
    raise click.UsageError(f"no detector or queue {name!r}{hint}")


def learned_of(context: Context) -> LearnedRung | None:
    """The classifiers in use; None when nothing was ever promoted."""
    if not (context.data_path / "models").is_dir():
        return None
    from analytics.learning.rung import LearnedRung

    classifiers, queues = shelf_of(context).in_use(), queue_shelf_of(context).in_use()
    return LearnedRung(classifiers, queues) if classifiers or queues else None


def detectors_in_use(context: Context) -> list[Detector]:
    """The detectors as they decide now, with these settings and the classifiers in use."""
    from analytics.detectors.catalog import load

    return load(context.configuration.analysis, learned=shelf_of(context).in_use())


def train_detector(
    context: Context, name: str, *, field: str | None, seed: int, dry_run: bool
) -> tuple[dict[str, Any], bool]:
    """Learn, keep, promote if better; what to print, and whether it was better."""
    shelf = shelf_for(context, name)
    lesson = _lesson(context, name, shelf, field, seed)
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


def _lesson(context: Context, name: str, shelf: ModelShelf, field: str | None, seed: int) -> Lesson:
    """What the verdicts on a detector, or the answers in a queue, teach."""
    from analytics.job.queue_lessons import teach_queue
    from analytics.job.teaching import teach

    stores = (context.span_store, context.queue_store, name)
    if shelf.folder == queue_shelf_of(context).folder:
        return teach_queue(*stores, project=context.project, field=field, shelf=shelf, seed=seed)
    if field is not None:
        raise click.UsageError(f"--field is for queues; {name} is a detector")
    return teach(
        *stores,
        project=context.project,
        as_of=context.now(),
        config=context.configuration.analysis,
        shelf=shelf,
        seed=seed,
    )


def learned_rows(context: Context) -> Iterator[dict[str, Any]]:
    """One row a learned classifier, in use or not."""
    for kind, shelf in (("detector", shelf_of(context)), ("queue", queue_shelf_of(context))):
        for name in shelf.names():
            for version in shelf.versions(name):
                classifier = shelf.get(name, version)
                report = classifier.report
                difference = report["difference_99"]
                yield {
                    "detector": name,
                    "kind": kind,
                    "version": version,
                    "detector_version": classifier.detector_version if kind == "detector" else None,
                    "in_use": shelf.current(name) == version,
                    "verdicts": report["verdicts"],
                    "gain": difference["balanced_agreement"],
                    "gain_low": difference["low"],
                    "gain_high": difference["high"],
                    "report": report,
                }
