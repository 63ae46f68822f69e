"""Teaching a detector: people's verdicts joined with what the traces hold."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl

from analytics.completion import nanoseconds
from analytics.detectors.catalog import load
from analytics.detectors.context import SPAN_COLUMNS, DetectorContext
from analytics.detectors.decision import DECISIONS
from analytics.errors import UnknownDetectorError
from analytics.job import verdicts
from analytics.job.session_history import SessionHistory
from analytics.learning.errors import LearningError
from analytics.learning.rung import evidence_of
from analytics.learning.texts import trace_texts
from analytics.selection import RANDOM_FLOOR
from analytics.traces import LIGHT_COLUMNS, assemble

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from analytics.config import AnalysisConfig
    from analytics.detectors.catalog import Detector
    from analytics.learning.lesson import Lesson
    from analytics.learning.shelf import ModelShelf
    from queue_store.model import AnnotationRow
    from queue_store.store import QueueStore
    from span_store.store import SpanStore

NUMERIC = ("resource_outliers",)
"""Detectors whose context a text classifier cannot stand for."""


def teach(  # One argument a part of the question.
    store: SpanStore,
    queues: QueueStore,
    detector_id: str,
    *,
    project: str,
    as_of: datetime,
    config: AnalysisConfig,
    shelf: ModelShelf,
    seed: int,
) -> Lesson:
    """Learn from every verdict on this detector; keeps and promotes nothing.

    The detector decides the judged traces anew, so that the comparison is with the offline rung
    as it is now. Raises ``UnknownDetectorError`` and ``NotEnoughVerdictsError``.
    """
    detector = _detector(detector_id, config)
    given = trace_verdicts(queues, detector_id, project=project)
    context = context_of(store, list(given), project=project, as_of=as_of, config=config)
    times = answer_times(
        [
            answer
            for field in (verdicts.FLOOR_FIELD, verdicts.VERDICT_FIELD)
            for answer in verdicts.answers(queues, project=project, field=field)
            if answer.queue in (RANDOM_FLOOR, detector_id)
        ]
    )
    examples = _examples(detector, context, given).join(
        times, on="trace_id", how="left", maintain_order="left"
    )
    # Learning takes a second to import; a run that only asks what was learned does without.
    from analytics.learning.lesson import learn

    return learn(
        examples.with_columns(pl.col("answered_at").fill_null(0)),
        detector=detector_id,
        detector_version=detector.version,
        version=shelf.next_version(detector_id),
        seed=seed,
        current=shelf.used_for(detector_id, detector.version),
    )


def answer_times(answers: Sequence[AnnotationRow]) -> pl.DataFrame:
    """``trace_id, answered_at``: when each trace was last answered about (ns)."""
    latest: dict[str, int] = {}
    for answer in answers:
        trace_id = answer.trace_id or answer.object_id.partition(":")[0]
        latest[trace_id] = max(latest.get(trace_id, 0), nanoseconds(answer.time))
    return pl.DataFrame(
        {"trace_id": list(latest), "answered_at": list(latest.values())},
        schema={"trace_id": pl.String, "answered_at": pl.Int64},
    )


def _detector(detector_id: str, config: AnalysisConfig) -> Detector:
    """The detector, also when it is disabled: its verdicts may be what brings it back."""
    if detector_id in NUMERIC:
        raise LearningError(
            f"{detector_id} decides by numbers, not by words: tune its settings instead"
        )
    loaded = load(replace(config, disabled_detectors=()))
    found = next((detector for detector in loaded if detector.id == detector_id), None)
    if found is None:
        raise UnknownDetectorError(detector_id, (detector.id for detector in loaded))
    return found


def trace_verdicts(queues: QueueStore, detector_id: str, *, project: str) -> dict[str, bool]:
    """By trace whether people say it is a case: on its flags, and on the random floor."""
    offered = verdicts.floor_categories(queues, project=project)
    votes: dict[str, list[tuple[bool, bool]]] = {}
    for answer in verdicts.answers(queues, project=project, field=verdicts.FLOOR_FIELD):
        if answer.queue == RANDOM_FLOOR and detector_id in offered.get(answer.field_version, ()):
            values = answer.value if isinstance(answer.value, list | tuple) else [answer.value]
            vote = (answer.adjudicated, detector_id in values)
            votes.setdefault(answer.object_id, []).append(vote)
    said = {trace_id: verdicts.said(cast) for trace_id, cast in votes.items()}
    given = {trace_id: is_case for trace_id, is_case in said.items() if is_case is not None}
    # A session is learned from as the trace that brought it.
    of_session = {
        (answer.queue, answer.object_id): answer.trace_id
        for answer in verdicts.answers(queues, project=project, field=verdicts.VERDICT_FIELD)
        if answer.object_type.value == "session"
    }
    for (queue, object_id), is_right in verdicts.verdicts(queues, project=project).items():
        trace_id = of_session.get((queue, object_id), object_id)
        if queue == detector_id and trace_id is not None:
            given[trace_id] = is_right
    return given


def context_of(
    store: SpanStore,
    trace_ids: list[str],
    *,
    project: str,
    as_of: datetime,
    config: AnalysisConfig,
) -> DetectorContext:
    """These traces as a detector sees them."""
    columns = list(dict.fromkeys([*SPAN_COLUMNS, *LIGHT_COLUMNS]))
    spans = store.scan("spans", project=project, columns=columns, trace_ids=trace_ids).collect()
    times = pl.col("start_time", "end_time", "received_at").dt.epoch("ns")
    traces = assemble(spans.select(LIGHT_COLUMNS).with_columns(times))
    history = SessionHistory.of(
        traces.with_columns(is_candidate=pl.lit(value=True), complete_reason=pl.lit("learned")),
        store,
        project=project,
        as_of_ns=nanoseconds(as_of),
        config=config,
        incremental=True,
    )
    return DetectorContext(
        project=project,
        as_of=as_of,
        config=config,
        traces=traces,
        span_frame=spans.select(SPAN_COLUMNS),
        earlier_traces=history.before(traces),
        read_earlier=history.read,
    )


def _examples(detector: Detector, context: DetectorContext, given: dict[str, bool]) -> pl.DataFrame:
    answer = detector.decide(context).select(pl.col(n).cast(k) for n, k in DECISIONS.items())
    judged = pl.DataFrame(
        {"trace_id": list(given), "is_right": list(given.values())},
        schema={"trace_id": pl.String, "is_right": pl.Boolean},
    )
    # A trace that retention has removed teaches nothing.
    present = judged.join(context.traces, on="trace_id", how="semi", maintain_order="left")
    texts = trace_texts(context.messages_of(present["trace_id"]), detector.id)
    decided = answer.unique("trace_id", keep="first", maintain_order=True)
    joined = present.join(texts, on="trace_id", how="left", maintain_order="left").join(
        decided.select("trace_id", "decision", "confidence"),
        on="trace_id",
        how="left",
        maintain_order="left",
    )
    return evidence_of(joined)
