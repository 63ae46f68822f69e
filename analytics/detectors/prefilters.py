"""String prefilters of the semantic detectors: which texts are worth parsing at all.

A prefilter is a loose expression over the JSON text of a span's content: it must let through
whatever its detector could flag, cheaply, and no more than needed. White space and quotation
marks are escaped in JSON, so prefilters avoid word boundaries and apostrophes.

Words are looked for together: one expression with the words of all detectors reads a text once,
and only the texts that it finds are asked which detector wants them. What is no word (the shape of
an end, a second turn of the user) slows that expression down by half, so it is looked for apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Collection

_USER_TURN = r'"role":\s?"(?i:user)"'
SECOND_USER_TURN = f"{_USER_TURN}.*{_USER_TURN}"

ODD_END = r"[^\w\s]{3}\w*[^\w\s]{2}\w*\W{0,3}\w*[^\w\s]{2}\w*\W{0,3}\w*[^\w\s]{3}\W{0,8}$"
"""Punctuation heaped at the very end of a text, as machine-made suffixes do."""

PREFILTERS: dict[str, dict[str, tuple[str, ...]]] = {
    "jailbreaking": {
        "input_messages": (
            (
                r"(?i)ignore|disregard|forget|overrid|bypass|jailbr|do anything|developer mode|"
                r"\bdan\b|uncensor|unfilter|restrict|no longer|freed|moral|ethic|refus|never say|"
                r"comply|obey|disclaimer|im_start|inst\]|<<sys|system prompt|instructions|"
                r"from now on|pretend|gpt|you are now|your (?:name|response)|respond|illegal|"
                r"anything|always answer|roleplay|role-play|in character|hypothetical|persona|"
                r"act as|simulat|"
                r"(?:ai|llm|assistant|language model)s?\W{1,3}(?:you )?(?:must|should|please)|"
                r"\b(?:tell|inform|notify)ing? the user|[\u200b-\u200f\uff21-\uff5a]"
            ),
            ODD_END,
        ),
        "tool_result": (
            (
                r"(?i)ignore|disregard|forget|overrid|im_start|<<sys|instructions|system prompt|"
                r"\b(?:ai|llm|assistant|language model|chatbot)s?\b|do not tell|without telling|"
                r"tell the user|add the|include|insert|ensure|embed|append|forward|"
                r"exfiltrat|your task|respond only|(?:your|the) (?:\w{3,6} )?(?:resp|answer|reply)|"
                r"(?:reply|respond|answer) (?:only )?(?:using|with|in|as)\b|"
                r"(?:following|below|subsequent|provided|given|next)(?: \w+){0,2} "
                r"(?:code|script|snip)"
            ),
        ),
    },
    "refusal": {
        "output_messages": (
            (
                r"(?i)sorry|apolog|cannot|can not|can.{1,6}t |unable|not able|not allowed|"
                r"not permitted|"
                r"won.{1,6}t|will not|declin|not comfortable|feel comfortable|as an ai|"
                r"as a .{0,20}model|"
                r"an ai |guideline|not appropriate|inappropriate|unethical|illegal|harmful|"
                r"\"type\": ?\"refusal\""
            ),
        ),
    },
    "inappropriate_content": dict.fromkeys(
        ("input_messages", "output_messages"),
        (
            (
                r"(?i)sex|porn|nude|naked|nsfw|erotic|orgasm|masturb|horny|slut|whore|fuck|cock|"
                r"puss|\bcum|dick|penis|vagina|breast|nipple|boob|\btits|blow ?job|hentai|bdsm|"
                r"fetish|kink|lingerie|panties|seduc|arous|moan|undress|thrust|escort|brothel|"
                r"prostitut|xxx|lust|genital|crotch|thigh|kiss|caress|strip|virgin|milf|dildo|"
                r"intercourse|submissive|naughty|hooker|threesome|butt|\bass\b"
            ),
        ),
    ),
    "frustration": {
        "input_messages": (
            (
                r"(?i)frustrat|annoy|ridiculous|unacceptable|disappoint|fed up|waste of|"
                r"wasting|useless|"
                r"pathetic|terrible|worst|a joke|absurd|insane|stupid|give up|forget it|"
                r"never ?mind|trust|"
                r"are you (?:even|kidding|serious)|do you even|already|as i said|i said|"
                r"i asked|how many times|"
                r"time i|again|not what i|still not|still wrong|"
                r"same (?:error|problem|mistake|answer)|"
                r"you (?:keep|kept)|wrong|incorrect|not listening|complaint|manager|supervisor|"
                r"(?:real|actual|live) (?:human|person|agent)|to a (?:human|person)"
            ),
            SECOND_USER_TURN,
        ),
    },
    "forgetting": {"input_messages": (SECOND_USER_TURN,)},
    "laziness": {
        "output_messages": (
            (
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
        ),
        "input_messages": (
            (
                r"(?i)\d+ ?-?(?:word|page|paragraph|item|example|idea|step|reason|way|tip|"
                r"question|bullet)|"
                r"list (?:of )?\d+|\d+ \w+ (?:for|about|on)|detailed|comprehensive|in depth"
            ),
        ),
    },
}
"""For each detector, the columns that it reads and the expressions of which one must occur."""

_SHAPES = {
    ODD_END: pl.col("text").str.contains(ODD_END),
    # Counting plain strings is ten times as fast, and lets through no less.
    SECOND_USER_TURN: pl.col("text").str.count_matches(_USER_TURN) > 1,
}
"""What is no word, and how it is looked for at first."""


def hits(spans: pl.DataFrame, inputs: Inputs) -> pl.DataFrame:
    """Which prefilters let which traces through: ``trace_id`` and a column a detector.

    ``spans`` holds ``trace_id``, ``start_time`` and the three columns of texts. Traces that no
    prefilter let through are left out. Texts that are null are dropped before any expression
    runs: an expression costs as much on a null as on a word.
    """
    found = [
        _hits_of("input_messages", inputs.told),
        *(_hits_of(column, _texts(spans, column)) for column in ("output_messages", "tool_result")),
        inputs.repeated.filter(_SHAPES[ODD_END]).select(
            "trace_id", *_wanted_by("input_messages", patterns=(ODD_END,))
        ),
    ]
    return pl.concat(found).group_by("trace_id").agg(pl.all().any())


def _hits_of(column: str, texts: pl.DataFrame) -> pl.DataFrame:
    """What the detectors want of the texts of one column, each text read once at first."""
    patterns = list(
        dict.fromkeys(
            pattern for columns in PREFILTERS.values() for pattern in columns.get(column, ())
        )
    )
    words = "|".join(f"(?:{pattern})" for pattern in patterns if pattern not in _SHAPES)
    shapes = [_SHAPES[pattern] for pattern in patterns if pattern in _SHAPES]
    suspects = texts.filter(pl.any_horizontal(pl.col("text").str.contains(words), *shapes))
    return suspects.select("trace_id", *_wanted_by(column, patterns=patterns))


def _wanted_by(column: str, *, patterns: Collection[str]) -> list[pl.Expr]:
    """For each detector, whether one of these expressions, if it is the detector's, occurs."""
    return [
        pl.any_horizontal(
            pl.lit(value=False),
            *(
                pl.col("text").str.contains(pattern)
                for pattern in columns.get(column, ())
                if pattern in patterns
            ),
        ).alias(detector)
        for detector, columns in PREFILTERS.items()
    ]


def _texts(spans: pl.DataFrame, column: str) -> pl.DataFrame:
    return spans.select("trace_id", text=column).drop_nulls("text")


class Inputs(NamedTuple):
    """What models were told: ``trace_id`` and ``text``, the JSON of input messages."""

    told: pl.DataFrame
    """The inputs that say something new."""
    repeated: pl.DataFrame
    """Those that the trace's next call says again from the beginning, and more."""


def inputs_of(spans: pl.DataFrame) -> Inputs:
    """The inputs of these spans, apart from those that need not be read twice.

    A model call repeats what was said before it: of an input that begins the next one, nothing
    needs to be read but what only its end can tell.
    """
    told = (
        spans.select("start_time", "trace_id", text="input_messages")
        .drop_nulls("text")
        .sort("trace_id", "start_time", maintain_order=True)
    )
    is_repeated = (pl.col("trace_id") == pl.col("trace_id").shift(-1)) & pl.col("text").shift(
        -1
    ).str.starts_with(pl.col("text").str.strip_suffix("]"))
    told = told.select("trace_id", "text", is_repeated=is_repeated.fill_null(value=False))
    return Inputs(
        told=told.filter(~pl.col("is_repeated")).drop("is_repeated"),
        repeated=told.filter("is_repeated").drop("is_repeated"),
    )
