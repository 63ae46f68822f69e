"""What the semantic detectors share in one chunk: prefilters, and content parsed once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from analytics.detectors.context import EARLIER
from analytics.detectors.decision import DECISIONS, skipped
from analytics.detectors.lazily import Lazily
from analytics.detectors.prefilters import PREFILTERS
from analytics.messages import explode_messages
from analytics.selection import further_draws
from analytics.text.head import shipped_head
from analytics.text.scoring import Scores
from analytics.text.turns import Turn, conversations, sessions
from span_store.trace_order import trace_keys

if TYPE_CHECKING:
    from collections.abc import Iterable

    from analytics.detectors.context import DetectorContext


_OF_SESSIONS = ("frustration", "forgetting")
"""Detectors that read whole sessions."""

_HEADS = ("jailbreak", "refusal", "sexual")
"""The classifiers that detectors ask."""


@dataclass(frozen=True)
class SemanticView:
    """The content of one chunk as the semantic detectors read it."""

    context: DetectorContext

    @Lazily
    def flags(self) -> pl.DataFrame:
        """One row a trace with a model call or a tool result: prefilters, gaps, the sample."""
        by_trace = _told_by_trace(self.context.span_frame)
        config = self.context.config
        # The traces of a context are sorted, so theirs is the order.
        trace_ids = self.context.trace_ids
        drawn = pl.DataFrame(
            [
                trace_ids,
                trace_keys(trace_ids).alias("key"),
                further_draws(self.context.draws).alias("sampled"),
            ]
        )
        # What a session's earlier traces said can only be known by reading them.
        together = self._traces_of_sessions()
        in_session = pl.col("trace_id").is_in(together.implode())
        return (
            drawn.join(by_trace, on="key", how="inner", maintain_order="left")
            .join(
                self.context.hits.select("trace_id", *PREFILTERS),
                on="trace_id",
                how="left",
                maintain_order="left",
            )
            .with_columns(pl.col(*PREFILTERS).fill_null(value=False))
            .select(
                "trace_id",
                *_TOLD,
                *(
                    pl.col(name) | in_session if name in _OF_SESSIONS else pl.col(name)
                    for name in PREFILTERS
                ),
                is_sampled=pl.col("sampled") < config.semantic_sample_rate,
            )
        )

    @Lazily
    def wanted(self) -> pl.Series:
        """The traces that any prefilter let through or that were sampled, and that hold content."""
        return self.flags.filter(
            (pl.any_horizontal(*PREFILTERS) | pl.col("is_sampled")) & pl.col("has_content")
        )["trace_id"]

    @Lazily
    def parts(self) -> pl.DataFrame:
        """The messages of these traces."""
        wanted = self.wanted
        return self.context.messages_of(wanted if self.context.reads_closely else wanted.clear())

    @Lazily
    def turns(self) -> dict[str, list[Turn]]:
        """For each of those traces, the turns of its session so far, across traces and chunks."""
        earlier = self.context.earlier_traces
        spoken = conversations(self.parts)
        if self.context.read_earlier is not None and not earlier.is_empty():
            read = explode_messages(self.context.read_earlier(earlier["trace_id"]))
            spoken = conversations(read) | spoken
        known = pl.concat([self.context.traces.select(*EARLIER), earlier])
        is_spoken = pl.col("trace_id").is_in(pl.Series(list(spoken), dtype=pl.String).implode())
        together = known.filter(is_spoken)["conversation_id"].drop_nulls().unique()
        order = (
            known.filter(is_spoken | pl.col("conversation_id").is_in(together.implode()))
            .sort("start_time", "trace_id")
            .select("trace_id", "conversation_id")
        )
        return sessions(spoken, order.iter_rows(), self.context.config.session_traces_max)

    @Lazily
    def scores(self) -> Scores:
        """What the classifiers say of texts, each of which is read once for all of them."""
        return Scores([shipped_head(name) for name in _HEADS])

    def candidates(self, detector: str) -> pl.Series:
        """The traces that this detector's prefilter let through, and the sampled ones."""
        passed = self.flags.filter(pl.col(detector) | pl.col("is_sampled"))["trace_id"]
        return passed if self.context.reads_closely else passed.clear()

    def with_gaps(self, answer: pl.DataFrame, *, needs_everything: bool = False) -> pl.DataFrame:
        """Add the skips: no content was captured, or it was cut.

        What was found in cut content stays found, unless the detector ``needs_everything``
        because it argues from what is missing.
        """
        cut, bare = self._gaps
        if needs_everything:
            answer = answer.filter(~pl.col("trace_id").is_in(cut.implode()))
        if cut.is_empty() and bare.is_empty():
            return answer
        cut = cut.filter(~cut.is_in(answer["trace_id"].implode()))
        bare = bare.filter(~bare.is_in(answer["trace_id"].implode()))
        frames = [answer, skipped(cut, "truncated"), skipped(bare, "no_content")]
        return pl.concat(frame.cast(DECISIONS) for frame in frames).sort("trace_id")

    @Lazily
    def _gaps(self) -> tuple[pl.Series, pl.Series]:
        """The traces whose content was cut, and those whose content was not captured."""
        cut = self.flags.filter("is_cut", "has_content")["trace_id"]
        bare = self.flags.filter(~pl.col("has_content") & pl.col("is_model_call"))["trace_id"]
        return cut, bare

    def _traces_of_sessions(self) -> pl.Series:
        """The traces that share their conversation with another one, of the chunk or earlier."""
        known = self.context.traces.filter(pl.col("conversation_id").is_not_null())
        before = self.context.earlier_traces["conversation_id"].unique()
        shared = known.filter(
            (pl.len().over("conversation_id") > 1)
            | pl.col("conversation_id").is_in(before.implode())
        )
        return shared["trace_id"]


_TOLD = {
    "has_content": pl.col("input_messages").is_not_null() | pl.col("output_messages").is_not_null(),
    "is_cut": pl.col("content_truncated").fill_null(value=False)
    | (pl.col("dropped_attributes_count").fill_null(0) > 0),
    "is_model_call": pl.col("is_model_call").fill_null(value=False),
}
"""What one span tells of its trace."""


def _told_by_trace(spans: pl.DataFrame) -> pl.DataFrame:
    """``key`` of each trace, as :func:`trace_keys` gives it, and what any of its spans tells."""
    key = trace_keys(spans["trace_id"]).to_numpy()
    # Spans of a trace mostly stand together: few rows are left to be grouped.
    first = np.flatnonzero(np.diff(key, prepend=~key[:1]))
    told = spans.select(**_TOLD)
    together = {name: np.logical_or.reduceat(told[name].to_numpy(), first) for name in _TOLD}
    return pl.DataFrame({"key": key[first], **together}).group_by("key").agg(pl.all().any())


def of_traces(parts: pl.DataFrame, trace_ids: Iterable[str]) -> pl.DataFrame:
    """The parts of some traces."""
    wanted = pl.DataFrame({"trace_id": trace_ids}, schema={"trace_id": pl.String})
    return parts.join(wanted, on="trace_id", how="semi", maintain_order="left")
