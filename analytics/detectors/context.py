"""What a detector sees: the traces of one chunk, and lazily their spans and messages."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl

from analytics.detectors.lazily import Lazily
from analytics.detectors.prefilters import Inputs, hits, inputs_of
from analytics.detectors.tool_mentions import mentions_of
from analytics.messages import MESSAGES, explode_messages
from analytics.selection import draws

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    import numpy as np
    from numpy.typing import NDArray

    from analytics.config import AnalysisConfig
    from analytics.detectors.semantic_view import SemanticView


EARLIER = pl.Schema(
    {"trace_id": pl.String(), "conversation_id": pl.String(), "start_time": pl.Int64()}
)
"""Where a trace stands in its session; times in ns."""


@dataclass(frozen=True, kw_only=True)
class DetectorContext:
    """One chunk of complete traces.

    Everything is bounded by the chunk: a detector may collect what it reads. Content is loaded
    once for all detectors. Use string filters over ``spans`` first, and parse the messages of
    the few traces that pass (:meth:`messages_of`): parsing everything is what makes a run slow.
    """

    project: str
    as_of: datetime
    config: AnalysisConfig
    traces: pl.DataFrame
    """Roll-ups: one row a trace, the columns of :func:`analytics.traces.assemble`."""
    span_frame: pl.DataFrame
    """The spans of these traces: :data:`SPAN_COLUMNS`, duplicates removed, in no order."""
    baselines: pl.DataFrame = field(default_factory=pl.DataFrame)
    """Per trace and metric: value, cohort, n, median, p95, p99 and threshold; see baselines."""

    earlier_traces: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=EARLIER))
    """:data:`EARLIER`: traces outside the chunk that belong to its sessions and began earlier."""
    read_earlier: Callable[[pl.Series], pl.DataFrame] | None = None
    """Reads the spans (:data:`SPAN_COLUMNS`) of some of them; None when there are none."""

    @property
    def trace_ids(self) -> pl.Series:
        """The ids of the traces to decide on, sorted."""
        return self.traces["trace_id"]

    @Lazily
    def draws(self) -> pl.Series:
        """The shared draw of each trace."""
        if "u" in self.traces.columns:
            return self.traces["u"]
        return draws(self.config.salt, self.project, self.traces["trace_id"])

    @Lazily
    def trace_places(self) -> NDArray[np.int64]:
        """For each span the place of its trace; by numbers much is added up faster than by ids.

        A span of no trace of the context has the place after the last one.
        """
        numbered = self.trace_ids.to_frame("trace_id").with_row_index("place")
        found = self.span_frame.select("trace_id").join(
            numbered, on="trace_id", how="left", maintain_order="left"
        )
        return found["place"].fill_null(numbered.height).cast(pl.Int64).to_numpy()

    @property
    def spans(self) -> pl.LazyFrame:
        """The canonical spans of these traces (:data:`SPAN_COLUMNS`), in no order."""
        return self.span_frame.lazy()

    @Lazily
    def messages(self) -> pl.DataFrame:
        """The messages of every model call, one row a part; see :mod:`analytics.messages`."""
        return explode_messages(self.span_frame)

    @Lazily
    def inputs(self) -> Inputs:
        """What the models of these traces were told, without the repetitions."""
        return inputs_of(self.span_frame)

    @Lazily
    def hits(self) -> pl.DataFrame:
        """Which detectors' words occur where; see :mod:`analytics.detectors.prefilters`."""
        return hits(self.span_frame, self.inputs)

    @Lazily
    def tool_mentions(self) -> pl.DataFrame:
        """What messages tell of tools; see :mod:`analytics.detectors.tool_mentions`."""
        return mentions_of(self.span_frame, self.inputs)

    @Lazily
    def semantic(self) -> SemanticView:
        """Prefilters and parsed content that the semantic detectors share."""
        from analytics.detectors.semantic_view import SemanticView

        return SemanticView(self)

    def compare(self, judged: pl.DataFrame, outliers: pl.DataFrame) -> None:
        """From now on the detectors see what the baselines say of these traces too.

        What is worked out before that does not depend on it. ``judged`` and ``outliers`` are those
        of :class:`analytics.baselines.Verdicts`, of these traces and maybe others.
        """
        own = self.traces.select("trace_id")
        self.__dict__["baselines"] = outliers.join(
            own, on="trace_id", how="semi", maintain_order="left"
        )
        # Mostly all of them were judged, and stand in the same order: that of their ids.
        if not judged["trace_id"].equals(own["trace_id"]):
            judged = own.join(judged, on="trace_id", how="left", maintain_order="left")
        self.__dict__["traces"] = self.traces.with_columns(judged.drop("trace_id"))

    reads_closely = True
    """Whether the semantic detectors read what their prefilters let through."""

    def skim(self) -> None:
        """From now on the semantic detectors only say what cannot be read.

        For a context whose other traces, those of ``semantic.wanted``, another one will have.
        """
        self.__dict__["reads_closely"] = False

    def forget(self) -> None:
        """Let go of what was worked out.

        The semantic view knows its context, and the context its view: without this the content of
        every chunk would stay in memory until Python looks for such circles, which it rarely does
        where objects are few and large.
        """
        for name in _WORKED_OUT:
            self.__dict__.pop(name, None)

    def messages_of(self, trace_ids: pl.Series) -> pl.DataFrame:
        """The messages of some of these traces: much cheaper than :attr:`messages`."""
        if trace_ids.is_empty():
            return pl.DataFrame(schema=MESSAGES)
        return explode_messages(self.spans_of(trace_ids))

    def spans_of(self, trace_ids: pl.Series) -> pl.DataFrame:
        """The spans of some of these traces, by trace and start time."""
        wanted = pl.DataFrame({"trace_id": trace_ids})
        chosen = self.span_frame.join(wanted, on="trace_id", how="semi")
        return chosen.sort("trace_id", "start_time", "span_id")


_WORKED_OUT = ("trace_places", "messages", "inputs", "hits", "tool_mentions", "semantic")

SPAN_COLUMNS = (
    "trace_id",
    "span_id",
    "parent_span_id",
    "name",
    "start_time",
    "end_time",
    "duration_ms",
    "status_code",
    "status_message",
    "is_error",
    "error_type",
    "dialect",
    "operation_name",
    "request_model",
    "response_model",
    "conversation_id",
    "agent_name",
    "system_instructions",
    "input_messages",
    "output_messages",
    "tool_definitions",
    "tool_name",
    "tool_call_id",
    "tool_arguments",
    "tool_result",
    "finish_reasons",
    "output_type",
    "output_schema",
    "input_tokens",
    "output_tokens",
    "reasoning_tokens",
    "total_tokens",
    "cost_usd",
    "time_to_first_chunk_ms",
    "is_streaming",
    "is_model_call",
    "content_truncated",
    "dropped_attributes_count",
    "dropped_events_count",
)
"""The span columns that a context holds; times are ``Datetime("ns", "UTC")``."""
