"""What the semantic detectors share in one chunk: string prefilters, and content parsed once.

A prefilter is a loose expression over the JSON text of a span's content: it must let through
whatever its detector could flag, cheaply, and no more than needed. White space and quotation
marks are escaped in JSON, so prefilters avoid word boundaries and apostrophes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import polars as pl

from analytics.detectors.decision import DECISIONS, skipped
from analytics.selection import draws
from analytics.text.turns import Turn, conversations, sessions

if TYPE_CHECKING:
    from collections.abc import Iterable

    from analytics.detectors.context import DetectorContext

_SECOND_USER_TURN = r'"role":\s?"user".*"role":\s?"user"'

_ODD_END = r"[^\w\s]{3}\w*[^\w\s]{2}\w*\W{0,3}\w*[^\w\s]{2}\w*\W{0,3}\w*[^\w\s]{3}\W{0,8}$"
"""Punctuation heaped at the very end of a text, as machine-made suffixes do."""

PREFILTERS: dict[str, dict[str, str]] = {
    "jailbreaking": {
        "input_messages": (
            r"(?i)ignore|disregard|forget|overrid|bypass|jailbr|do anything|developer mode|\bdan\b|"
            r"uncensor|unfilter|restrict|no longer|freed|moral|ethic|refus|never say|comply|obey|"
            r"disclaimer|im_start|inst\]|<<sys|system prompt|instructions|from now on|pretend|"
            r"gpt|you are now|your (?:name|response)|respond|illegal|anything|always answer|"
            r"roleplay|role-play|in character|hypothetical|persona|act as|simulat|"
            r"(?:ai|llm|assistant|language model)s?\W{1,3}(?:you )?(?:must|should|please)|"
            r"\b(?:tell|inform|notify)ing? the user|[\u200b-\u200f\uff21-\uff5a]|" + _ODD_END
        ),
        "tool_result": (
            r"(?i)ignore|disregard|forget|overrid|im_start|<<sys|instructions|system prompt|"
            r"\b(?:ai|llm|assistant|language model|chatbot)s?\b|do not tell|without telling|"
            r"tell the user|add the|include|insert|ensure|embed|append|forward|"
            r"exfiltrat|your task|respond only|in your (?:resp|answer|reply)"
        ),
    },
    "refusal": {
        "output_messages": (
            r"(?i)sorry|apolog|cannot|can not|can.{1,6}t |unable|not able|not allowed|"
            r"not permitted|"
            r"won.{1,6}t|will not|declin|not comfortable|feel comfortable|as an ai|"
            r"as a .{0,20}model|"
            r"an ai |guideline|not appropriate|inappropriate|unethical|illegal|harmful|"
            r"\"type\": ?\"refusal\""
        ),
    },
    "inappropriate_content": dict.fromkeys(
        ("input_messages", "output_messages"),
        r"(?i)sex|porn|nude|naked|nsfw|erotic|orgasm|masturb|horny|slut|whore|fuck|cock|"
        r"puss|\bcum|dick|penis|vagina|breast|nipple|boob|\btits|blow ?job|hentai|bdsm|"
        r"fetish|kink|lingerie|panties|seduc|arous|moan|undress|thrust|escort|brothel|"
        r"prostitut|xxx|lust|genital|crotch|thigh|kiss|caress|strip|virgin|milf|dildo|"
        r"intercourse|submissive|naughty|hooker|threesome|butt|\bass\b",
    ),
    "frustration": {
        "input_messages": (
            r"(?i)frustrat|annoy|ridiculous|unacceptable|disappoint|fed up|waste of|"
            r"wasting|useless|"
            r"pathetic|terrible|worst|a joke|absurd|insane|stupid|give up|forget it|"
            r"never ?mind|trust|"
            r"are you (?:even|kidding|serious)|do you even|already|as i said|i said|"
            r"i asked|how many times|"
            r"time i|again|not what i|still not|still wrong|same (?:error|problem|mistake|answer)|"
            r"you (?:keep|kept)|wrong|incorrect|not listening|complaint|manager|supervisor|"
            r"(?:real|actual|live) (?:human|person|agent)|to a (?:human|person)|"
            + _SECOND_USER_TURN
        ),
    },
    "forgetting": {"input_messages": _SECOND_USER_TURN},
    "laziness": {
        "output_messages": (
            r"(?i)your (?:code|logic|implement)|rest of|remaining|goes here|todo|"
            r"brevity|placeholder|"
            r"notimplemented|and so on|left as an|you can |you could |you should |"
            r"you will need|you need to|"
            r"you may want|you might want|recommend|suggest|please (?:refer|consult|"
            r"check|visit|see)|"
            r"(?:not|n.{1,6}t|unable to) (?:actually |fully )?(?:read|open|look|check|"
            r"inspect|review|view|access|see)|"
            r"partial|skeleton|outline|existing code|same (?:code|logic)|"
            r"only (?:a few|included|the first)|"
            r"fill in|similarly|repeat (?:this|the same)"
        ),
        "input_messages": (
            r"(?i)\d+ ?-?(?:word|page|paragraph|item|example|idea|step|reason|way|tip|"
            r"question|bullet)|"
            r"list (?:of )?\d+|\d+ \w+ (?:for|about|on)|detailed|comprehensive|in depth"
        ),
    },
}
"""For each detector, the columns that it reads and what must occur in one of them."""

_ANYTHING = {
    column: "|".join(
        f"(?:{patterns[column]})" for patterns in PREFILTERS.values() if column in patterns
    )
    for column in ("input_messages", "output_messages", "tool_result")
}
"""For each column, what any detector looks for: one pass tells that most texts hold nothing."""


@dataclass(frozen=True)
class SemanticView:
    """The content of one chunk as the semantic detectors read it."""

    context: DetectorContext

    @cached_property
    def flags(self) -> pl.DataFrame:
        """One row a trace with a model call or a tool result: prefilters, gaps, the sample."""
        content = pl.col("input_messages").is_not_null() | pl.col("output_messages").is_not_null()
        cut = pl.col("content_truncated").fill_null(value=False) | (
            pl.col("dropped_attributes_count").fill_null(0) > 0
        )
        by_trace = (
            self.context.spans.select(
                "trace_id",
                has_content=content,
                is_cut=cut,
                is_model_call=pl.col("is_model_call").fill_null(value=False),
            )
            .group_by("trace_id")
            .agg(pl.all().any())
            .sort("trace_id")
            .collect()
            .join(self._hits(), on="trace_id", how="left", maintain_order="left")
            .with_columns(pl.col(*PREFILTERS).fill_null(value=False))
        )
        config = self.context.config
        sampled = draws(f"{config.salt}/semantic", self.context.project, by_trace["trace_id"])
        # What a session's earlier traces said can only be known by reading them.
        together = self._traces_of_sessions()
        in_session = pl.col("trace_id").is_in(together.implode())
        return by_trace.with_columns(
            *(pl.col(name) | in_session for name in ("frustration", "forgetting")),
            is_sampled=sampled < config.semantic_sample_rate,
        )

    @cached_property
    def parts(self) -> pl.DataFrame:
        """The messages of every trace that any prefilter let through, or that was sampled."""
        wanted = self.flags.filter(
            (pl.any_horizontal(*PREFILTERS) | pl.col("is_sampled")) & pl.col("has_content")
        )
        return self.context.messages_of(wanted["trace_id"])

    @cached_property
    def turns(self) -> dict[str, list[Turn]]:
        """For each of those traces, the turns of its session so far."""
        traces = self.context.traces
        order = traces.sort("start_time", "trace_id").select("trace_id", "conversation_id")
        return sessions(conversations(self.parts), order.iter_rows())

    def candidates(self, detector: str) -> pl.Series:
        """The traces that this detector's prefilter let through, and the sampled ones."""
        passed = self.flags.filter(pl.col(detector) | pl.col("is_sampled"))
        return passed["trace_id"]

    def with_gaps(self, answer: pl.DataFrame, *, needs_everything: bool = False) -> pl.DataFrame:
        """Add the skips: no content was captured, or it was cut.

        What was found in cut content stays found, unless the detector ``needs_everything``
        because it argues from what is missing.
        """
        cut = self.flags.filter("is_cut", "has_content")["trace_id"]
        bare = self.flags.filter(~pl.col("has_content") & pl.col("is_model_call"))["trace_id"]
        if needs_everything:
            answer = answer.filter(~pl.col("trace_id").is_in(cut.implode()))
        cut = cut.filter(~cut.is_in(answer["trace_id"].implode()))
        bare = bare.filter(~bare.is_in(answer["trace_id"].implode()))
        frames = [answer, skipped(cut, "truncated"), skipped(bare, "no_content")]
        return pl.concat(frame.cast(DECISIONS) for frame in frames).sort("trace_id")

    def _hits(self) -> pl.DataFrame:
        """Which prefilters let which traces through; traces that none did are left out."""
        suspects = pl.DataFrame({"trace_id": self._suspects()})
        return (
            self.context.span_frame.select("trace_id", *_ANYTHING)
            .join(suspects, on="trace_id", how="semi")
            .lazy()
            .select("trace_id", *(self._hit(name).alias(name) for name in PREFILTERS))
            .group_by("trace_id")
            .agg(pl.all().any())
            .collect()
        )

    def _suspects(self) -> pl.Series:
        """The traces in which any prefilter finds something, each text read once.

        A model call repeats what was said before it: an input that begins the next one is skipped,
        but for what only its end can tell.
        """
        spans = self.context.span_frame.select("trace_id", "start_time", *_ANYTHING)
        told = (
            spans.select("trace_id", "start_time", "input_messages")
            .drop_nulls("input_messages")
            .sort("trace_id", "start_time", maintain_order=True)
        )
        begun = pl.col("input_messages").str.strip_suffix("]")
        is_repeated = (pl.col("trace_id") == pl.col("trace_id").shift(-1)) & pl.col(
            "input_messages"
        ).shift(-1).str.starts_with(begun)
        told = told.with_columns(is_repeated=is_repeated.fill_null(value=False))
        repeated, told = told.filter("is_repeated"), told.filter(~pl.col("is_repeated"))
        found = [
            frame.filter(_contains(column, _ANYTHING[column]))["trace_id"]
            for column, frame in (
                ("input_messages", told),
                ("output_messages", spans),
                ("tool_result", spans),
            )
        ]
        found.append(repeated.filter(_contains("input_messages", _ODD_END))["trace_id"])
        return pl.concat(found).unique(maintain_order=True)

    def _traces_of_sessions(self) -> pl.Series:
        """The traces that share their conversation with another trace of the chunk."""
        known = self.context.traces.filter(pl.col("conversation_id").is_not_null())
        shared = known.filter(pl.len().over("conversation_id") > 1)
        return shared["trace_id"]

    def _hit(self, detector: str) -> pl.Expr:
        columns = PREFILTERS[detector].items()
        return pl.any_horizontal(_contains(column, pattern) for column, pattern in columns)


def _contains(column: str, pattern: str) -> pl.Expr:
    return pl.col(column).str.contains(pattern).fill_null(value=False)


def of_traces(parts: pl.DataFrame, trace_ids: Iterable[str]) -> pl.DataFrame:
    """The parts of some traces."""
    wanted = pl.DataFrame({"trace_id": trace_ids}, schema={"trace_id": pl.String})
    return parts.join(wanted, on="trace_id", how="semi", maintain_order="left")
