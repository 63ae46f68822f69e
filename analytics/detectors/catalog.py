"""Every detector: its id, the queue text people see, and where its code lives.

A detector is an object with ``id``, ``version``, ``title``, ``instructions`` and ``decide``; see
:class:`Detector`. Importing this module imports no detector: :func:`load` does.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from analytics.configured import BASELINE_SETTINGS, configured
from analytics.errors import UnknownDetectorError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import polars as pl

    from analytics.config import AnalysisConfig
    from analytics.detectors.context import DetectorContext
    from analytics.learning.classifier import LearnedClassifier


@runtime_checkable
class Detector(Protocol):
    """What the job asks of a detector."""

    @property
    def id(self) -> str:
        """The id: lower-case words joined by underscores."""

    @property
    def version(self) -> str:
        """Changes whenever the same input may give another answer."""

    @property
    def title(self) -> str:
        """The name people see."""

    @property
    def instructions(self) -> str:
        """What a reviewer of this detector's queue is asked."""

    def decide(self, context: DetectorContext) -> pl.DataFrame:
        """Rows of :data:`analytics.detectors.decision.DECISIONS`.

        Traces left out count as ``no_match``. An error raised here is recorded as a skip of
        every trace of the chunk, with the error as its reason; other detectors go on.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogEntry:
    """A built-in detector before it is loaded."""

    id: str
    title: str
    """The name of its system queue, as people see it."""
    description: str
    """One sentence: what it detects."""
    instructions: str
    """What a reviewer of its queue is asked."""
    target: str | None
    """``module:Class``, called with the analysis settings; None when it is not available."""
    suppressed_by: tuple[str, ...] = ()
    """A match of one of these on the same trace turns a match of this one into a skip."""
    of_session: bool = False
    """Whether it judges the session so far: its queue holds sessions where traces name one."""
    settings: tuple[str, ...] = ()
    """The analysis settings that may change its answer; the version says when one is changed."""


CATALOG: tuple[CatalogEntry, ...] = (
    CatalogEntry(
        id="jailbreaking",
        title="Jailbreaking",
        description="Attempts to bypass system or safety constraints, and answers that follow.",
        instructions=(
            "Does someone, or some text that came from outside, try to get around the system's or "
            "the provider's constraints, or does the assistant follow such an attempt? Harmless "
            "roleplay and unsafe requests that were correctly refused do not count."
        ),
        target="analytics.detectors.jailbreaking:Jailbreaking",
    ),
    CatalogEntry(
        id="refusal",
        title="Refusal",
        description="The assistant refuses a request that it should handle.",
        instructions=(
            "Does the assistant decline, deflect or over-restrict an allowed and answerable "
            "request? Correct refusals of unsafe, unsupported or under-specified requests do not "
            "count."
        ),
        target="analytics.detectors.refusal:Refusal",
        suppressed_by=("jailbreaking", "inappropriate_content"),
    ),
    CatalogEntry(
        id="frustration",
        title="Frustration",
        description="Clear frustration or dissatisfaction of the user.",
        instructions=(
            "Does the user show annoyance, disappointment, repeated dissatisfaction or loss of "
            "trust, or have to restate or correct something? Neutral clarification and terse "
            "replies do not count."
        ),
        target="analytics.detectors.frustration:Frustration",
        settings=("session_traces_max",),
        of_session=True,
    ),
    CatalogEntry(
        id="forgetting",
        title="Forgetting",
        description="The assistant forgets earlier context or instructions of the conversation.",
        instructions=(
            "Does the assistant lose what was said earlier, ask again what is settled, contradict "
            "established facts, or ignore earlier constraints? Ambiguity that was never resolved "
            "and context that was never given do not count."
        ),
        target="analytics.detectors.forgetting:Forgetting",
        settings=("session_traces_max",),
        of_session=True,
    ),
    CatalogEntry(
        id="laziness",
        title="Laziness",
        description="The assistant avoids doing the work it was asked for.",
        instructions=(
            "Is the answer a shallow part of what was asked, does it stop early without a reason, "
            "leave provided context unread, or push work back? A task that is truly blocked does "
            "not count."
        ),
        target="analytics.detectors.laziness:Laziness",
        suppressed_by=("trashing",),
    ),
    CatalogEntry(
        id="inappropriate_content",
        title="Inappropriate Content",
        description="Sexual or otherwise not-safe-for-work content.",
        instructions=(
            "Does the trace hold sexual, explicit or otherwise clearly inappropriate content? "
            "Anatomy and health, mild romance and talk about safety do not count."
        ),
        target="analytics.detectors.inappropriate_content:InappropriateContent",
    ),
    CatalogEntry(
        id="trashing",
        title="Trashing",
        description="The agent cycles between tools without making progress.",
        instructions=(
            "Does the agent repeat the same tools or sequences, or oscillate, without getting "
            "closer to its goal? Retries after transient errors and refinement that visibly "
            "converges do not count."
        ),
        target="analytics.detectors.trashing:Trashing",
        settings=("repeats_min",),
    ),
    CatalogEntry(
        id="tool_call_errors",
        title="Tool Call Errors",
        description="Failed or malformed tool calls.",
        instructions=(
            "Did a tool call really fail, or was it malformed? Say whether the agent recovered. "
            "Ordinary output that merely talks about errors does not count."
        ),
        target="analytics.detectors.tool_call_errors:ToolCallErrors",
        settings=("http_client_error_severity",),
    ),
    CatalogEntry(
        id="resource_outliers",
        title="Resource Outliers",
        description="Unusually high duration, time to first chunk, token usage or cost.",
        instructions=(
            "Is the resource use really out of proportion to what was asked? The reason names "
            "every metric, its norm and the cohort it was compared with."
        ),
        target="analytics.detectors.resource_outliers:ResourceOutliers",
        settings=BASELINE_SETTINGS,
    ),
    CatalogEntry(
        id="output_schema_validation",
        title="Output Schema Validation",
        description="Structured output that does not conform to the declared schema.",
        instructions=(
            "Was structured output declared, and is the answer cut off, unreadable as JSON, or "
            "against the schema?"
        ),
        target="analytics.detectors.output_schema_validation:OutputSchemaValidation",
    ),
    CatalogEntry(
        id="empty_response",
        title="Empty Response",
        description="Empty or degenerate answers where a substantive one was expected.",
        instructions=(
            "Was an answer expected, and is it empty, blank, one repeated character or otherwise "
            "degenerate? Handing over to a tool without text does not count."
        ),
        target="analytics.detectors.empty_response:EmptyResponse",
    ),
)
"""The eleven categories of the system queues, in the order people see them."""


SESSION_DETECTORS = frozenset(entry.id for entry in CATALOG if entry.of_session)
"""Detectors whose findings are about sessions."""


def entry_of(detector_id: str) -> CatalogEntry:
    """The catalog entry of a built-in detector; raises :class:`UnknownDetectorError`."""
    for entry in CATALOG:
        if entry.id == detector_id:
            return entry
    raise UnknownDetectorError(detector_id, (entry.id for entry in CATALOG))


def load(
    config: AnalysisConfig,
    *,
    entries: Iterable[CatalogEntry] = CATALOG,
    learned: Mapping[str, LearnedClassifier] | None = None,
) -> list[Detector]:
    """The detectors that can run: the catalog's in their order, then one's own.

    ``learned`` are the classifiers in use, by detector; versions tell them, as they tell settings.

    Raises :class:`UnknownDetectorError` when a disabled id is unknown, and
    :class:`InvalidDetectorError` when a detector of one's own cannot be used.
    """
    entries = list(entries)
    loaded: list[Detector] = []
    for entry in entries:
        if entry.target is None or entry.id in config.disabled_detectors:
            continue
        module, name = entry.target.split(":")
        detector: Any = getattr(import_module(module), name)(config)
        detector.version = configured(detector.version, config, entry.settings)
        loaded.append(detector)
    from analytics.detectors.declared import own_detectors

    taken = {entry.id for entry in entries}
    loaded += own_detectors(config, taken)
    for detector_id in config.disabled_detectors:
        if detector_id not in taken:
            raise UnknownDetectorError(detector_id, taken)
    if not learned:
        return loaded
    from analytics.learning.taught import taught

    return [taught(detector, learned.get(detector.id)) for detector in loaded]
