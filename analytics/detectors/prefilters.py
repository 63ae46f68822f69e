r"""String prefilters of the detectors: which texts are worth parsing at all.

A prefilter is loose expressions over the JSON text of a span's content: it must let through
whatever its detector could flag, cheaply, and no more than needed. White space and quotation
marks are escaped in JSON, so prefilters avoid word boundaries and apostrophes.

The expressions of all detectors are looked for together, in the way of
:mod:`analytics.text.scanner`: caseless, and over the bytes of UTF-8, in which a letter or a mark
beyond ASCII takes up to four. What stands at a text's very end is looked for apart.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np
import polars as pl

from analytics.detectors.tool_failure import SIGNS
from analytics.text.scanner import Scanner
from span_store.trace_order import order_in_time, trace_keys


def _words(text: str) -> tuple[str, ...]:
    """Expressions that stand for themselves, written with ``|`` between them."""
    return tuple(re.escape(word) for word in text.split("|"))


_LETTER = r"[\w\x80-\xff]"
"""A letter, a digit, or a byte of a character beyond ASCII."""

_POLIC = "p[o0][l1]ic"
"""A policy, also in disguise. The plain word is a frequent one: as it has several spellings here,
Hyperscan looks for the rarer words before it."""

OF_A_POLICY = (
    rf"(?:your|safety|content|openai) (?:{_LETTER}+ ){{0,3}}{_POLIC}",
    rf"(?:ethic|moral)\w* (?:{_LETTER}+ ){{0,3}}{_POLIC}",
)
"""Whose or what policy it is, up to three words before it."""

_THINGS = "word|page|paragraph|item|example|idea|step|reason|way|tip|question|bullet"
COUNTED = (rf"\d[ -]?(?:{_THINGS})", *(rf"\d -{thing}" for thing in _words(_THINGS)))
r"""So many of something. Written with ``\d ?-?`` it takes twice as long to compile, and to look for
any of the other words takes an eighth longer."""

ASKED_TO_COUNT = r"(?:name|list|write|give|suggest|find) (?:me )?\d"
"""The space is part of the words: without it every word would be looked at more closely."""

_USER_TURN = r'"role":\s?"user"'
"""Somebody speaks."""

_TWO_USERS = r'"user"[^\0]*"user"'
"""Somebody may speak twice. Roles stand at every message, so they are looked at apart."""


def _odd_end(*, letter: str, mark: str, other: str) -> str:
    between = rf"{letter}*{other}{{0,3}}{letter}*{mark}"
    return rf"{mark}{{3}}{letter}*{mark}{{2}}{between}{{2}}{between}{{3}}{other}{{0,8}}$"


ODD_END = _odd_end(letter=r"\w", mark=r"[^\w\s]", other=r"\W")
"""Punctuation heaped at the very end of a text, as machine-made suffixes do."""

_MAYBE_ODD_END = _odd_end(
    letter=r"[0-9A-Za-z_\x{80}-\x{10ffff}]",
    mark=r"[^0-9A-Za-z_ \t\n\r\x0b\x0c]",
    other=r"[^0-9A-Za-z_]",
)
_ODD_END_EXACTLY = rf"(?s)^.*{ODD_END}"
"""The same in two steps, 15 times as fast over natural texts: whatever is beyond ASCII counts as a
letter and as a mark, then it is read from the beginning. Read backwards with all letters of the
world told apart, the end of a text has more states than an engine keeps."""

PREFILTERS: dict[str, dict[str, tuple[str, ...]]] = {
    "jailbreaking": {
        "input_messages": (
            *_words(
                "ignore|disregard|forget|overrid|bypass|jailbr|do anything|developer mode|"
                "uncensor|unfilter|restrict|no longer|freed|moral|ethic|refus|never say|comply|"
                "obey|disclaimer|im_start|inst]|<<sys|system prompt|instructions|from now on|"
                "pretend|gpt|you are now|your name|your response|respond|illegal|anything|"
                "always answer|roleplay|role-play|in character|hypothetical|persona|act as|"
                "simulat|act like|debug mode|text above|verbatim|start your|begin your|"
                "your guidelines|your rules|parallel universe|guidelines do|guidelines are|base64|"
                "fiction|grandm|admin password|secret|confidential|hidden|step by step|"
                "step-by-step|without rule|without limit|without any|"
                "without warning|no rules|no limits|before my first|limitation|your makers|"
                "please complete|content rules|admin mode|on hold|aligned|highest privilege|"
                "disable|deactivate|suspend|set aside|revoke|novel|story"
            ),
            r"\b(?:dan|stan|dude|aim)\b",
            r"(?:ai|llm|assistant|language model)s?[^\w\0]{1,12}(?:you )?(?:must|should|please)",
            r"\b(?:tell|inform|notify)(?:ing)? the user",
            # A policy alone is what every desk talks about; here something is said of it.
            r"polic(?:y|ies) (?:[a-z]{1,9} )?(?:is|are|was|were|be|has|have|had|do|does|did|won)\b",
            *OF_A_POLICY,
            # Characters without width, and letters as wide as ideographs.
            r"\xe2\x80[\x8b-\x8f]",
            r"\xef\xbc[\xa1-\xbf]",
            r"\xef\xbd[\x80-\x9a]",
        ),
        "tool_result": (
            *_words(
                "ignore|disregard|forget|overrid|im_start|<<sys|instructions|system prompt|"
                "do not tell|without telling|tell the user|add the|include|insert|ensure|embed|"
                "append|forward|exfiltrat|your task|respond only|system message|your new|"
                "call the tool|criteria you|instruction to|instruction for"
            ),
            r"(?:stop|drop|abandon) (?:the|your) (?:current )?task",
            r"\b(?:ai|coding|llm) agents?\b",
            r"\b(?:ai|llm|assistant|language model|chatbot)s?\b",
            rf"(?:your|the) (?:{_LETTER}{{3,}} )?(?:resp|answer|reply)",
            r"(?:reply|respond|answer) (?:only )?(?:using|with|in|as)\b",
            (
                r"(?:following|below|subsequent|provided|given|next)"
                rf"(?: {_LETTER}+){{0,2}} (?:code|script|snip)"
            ),
        ),
    },
    "refusal": {
        "output_messages": (
            *_words(
                "sorry|apolog|cannot|can not|unable|not able|not allowed|not permitted|will not|"
                "declin|not comfortable|feel comfortable|as an ai|an ai |guideline|"
                "not appropriate|inappropriate|unethical|illegal|harmful|not willing|"
                "not qualified|not in a position|not something|not designed|not authori|refuse|"
                "refrain|prefer not|rather not|against my|off limits|off-limits|programmed|"
                "do not discuss|do not have the ab|do not engage|do not offer|do not talk|"
                "change the subject|talk about something|my polic|my princip|not possible|"
                "i must|have to decline|outside of|outside the|outside my|beyond my|beyond the|"
                "beyond what"
            ),
            r"n.{1,6}t (?:some|any)thing",
            r"n.{1,6}t (?:discuss|have the ab|engage|offer|support|think i|talk|be able|possible)",
            r"i.{1,6}d (?:rather|prefer)",
            r"\bi (?:do not|don.{1,6}t) |n.{1,6}t (?:a|one) ",
            r"(?:designed|programmed|instructed) to",
            r"not a (?:question|request|task)",
            r"against (?:my|our)",
            r"can.{1,6}t ",
            r"won.{1,6}t",
            r"as a .{0,40}model",
            r'"type": ?"refusal"',
        ),
    },
    "inappropriate_content": dict.fromkeys(
        ("input_messages", "output_messages"),
        (
            *_words(
                "sex|porn|nude|naked|nsfw|erotic|orgasm|masturb|horny|slut|whore|fuck|cock|puss|"
                "dick|penis|vagina|breast|nipple|boob|blow job|blowjob|hentai|bdsm|fetish|kink|"
                "lingerie|panties|seduc|arous|moan|undress|thrust|escort|brothel|prostitut|xxx|"
                "lust|genital|crotch|thigh|kiss|caress|strip|virgin|milf|dildo|intercourse|"
                "submissive|naughty|hooker|threesome|butt|titties|cunt|orgy|orgies|smut|undies|"
                "dominatrix|dirty|steamy|steamier|lewd|filthy|one night stand|rock hard|gangbang|"
                "gang bang|ejaculat|gory|entrails|intestines|dismember|decapitat|disembowel|"
                "mutilat|severed|stripper|lap dance|turned on|raunchy|throbbing|erection|so wet|"
                "wet for|it rough|it hard"
            ),
            r"\bbra\b",
            r"down on (?:a|her|him|my|the) ",
            r"\bcum",
            r"\btits",
            r"\bass\b",
        ),
    ),
    "frustration": {
        "input_messages": (
            *_words(
                "frustrat|annoy|ridiculous|unacceptable|disappoint|fed up|waste of|wasting|"
                "useless|pathetic|terrible|worst|a joke|absurd|insane|stupid|give up|forget it|"
                "nevermind|never mind|trust|are you even|are you kidding|are you serious|"
                "do you even|already|as i said|i said|i asked|how many times|time i|again|"
                "not what i|still not|still wrong|same error|same problem|same mistake|"
                "same answer|you keep|you kept|wrong|incorrect|not listening|complaint|manager|"
                "supervisor|to a human|to a person|patience|angry|furious|unsatisf|dissatisf|"
                "unhappy|irritat|sick of|tired of|livid|hopeless|awful|outrageous|competent|"
                "pointless|unbelievable|a mess|believe you|believe this|told you|the last time|"
                "third time|fourth time|fifth time|for nothing|two times|three times|four times|"
                "five times|many times|supposed to|expected better|expected more|expected much|"
                "now everything|everyone|is broken|twice|nobody|no one|hotline|contradict|hello??|"
                "makes no sense|you never|you clearly|you still|you ignore|you always|you lost|"
                "you deleted|even worse|ugh|omg|in circles|kidding|you even|tried that|"
                "tried this|tried everything|nowhere|ever again|on hold|been waiting|none of|"
                "money back|did you read|last time you|star review|horrible|dreadful|nightmare|"
                "exhausting|acceptable|actually know|explained|can't you|can you not|"
                "that hard|so hard|so difficult"
            ),
            r"(?:real|actual|live) (?:human|person|agent)",
        ),
    },
    "forgetting": {},
    "laziness": {
        "output_messages": (
            *_words(
                "your code|your logic|your implement|rest of|remaining|goes here|todo|brevity|"
                "placeholder|notimplemented|and so on|left as an|you can |you could |you should |"
                "you will need|you need to|you may want|you might want|recommend|suggest|partial|"
                "skeleton|outline|existing code|same code|same logic|only a few|only included|"
                "only the first|fill in|similarly|repeat this|repeat the same|exercise|"
                "the rest|to the reader|the idea|for now|want me to|the others|the other |yourself|"
                "etc|settings here|... |...,|omitted|as needed|[insert|docstring here|fields|fixme|"
                "i fixed|i checked|i'd recommend|i'd suggest|try search|try to |some error|"
                "seems|looks|just |haven't look|have not look|depends|to me|glance|"
                "here and there|probably|many reasons|without look|"
                "without read|good luck|details are|look at the|your loops|pick what"
            ),
            r"(?:#|//|--|/\*) ?[\w ]{0,40}(?:here|same|other|similar|own)",
            r"there (?:are|is) (?:some|several|a few|many)",
            r"(?:you|i|one).{1,6}d (?:need|suggest|recommend|start)",
            r"please (?:refer|consult|check|visit|see)",
            (
                r"(?:not|n.{1,6}t|unable to) (?:actually |fully )?(?:read|open|look|check|"
                r"inspect|review|view|access|see)"
            ),
        ),
        "input_messages": (
            *_words("detailed|comprehensive|in depth"),
            *COUNTED,
            r"list (?:of )?\d",
            (
                r"(?:write|explain|describe|create|draft|compare|give|implement|build|generate|"
                r"analy[sz]e|review|prepare|make|translate|summari[sz]e|rewrite|convert|find)"
                r'[^"\0]{0,80}'
                r"(?:full|complete|detail|thorough|comprehensive|step by step|all |every|each|"
                r"whole|"
                r"five|six|seven|eight|nine|ten |twelve|fifteen|twenty)"
            ),
            r"\d (?:different|unique|other|more|days?|chapters?|sentences?|exercises?)",
            r"exercises? \d",
            ASKED_TO_COUNT,
            rf"\d {_LETTER}+ (?:for|about|on)",
        ),
    },
}
"""For each detector, the columns that it reads and the expressions of which one must occur."""

TOOL_CALL_ERRORS = "tool_call_errors"
"""A trace without a sign of failure in what a tool returned needs no parsing for it either."""

FOREIGN_CALLS = "foreign_calls"
"""Tool calls in a provider's own form of a message."""

_PREFILTERS = PREFILTERS | {
    TOOL_CALL_ERRORS: dict.fromkeys(("input_messages", "tool_result"), SIGNS),
    FOREIGN_CALLS: {"input_messages": (r'(?-i)"tool_calls"',)},
}

_OF_TWO_USER_TURNS = ("frustration", "forgetting")
"""Detectors that want every input in which the user speaks twice."""

_COLUMNS = ("input_messages", "output_messages", "tool_result")
_PATTERNS = {
    column: tuple(
        dict.fromkeys(
            pattern for columns in _PREFILTERS.values() for pattern in columns.get(column, ())
        )
    )
    for column in _COLUMNS
}
_SCANNERS = {
    column: Scanner((*patterns, _TWO_USERS) if column == "input_messages" else patterns)
    for column, patterns in _PATTERNS.items()
}


def prepare() -> None:
    """Compile the expressions; whoever needs them later finds them ready."""
    for scanner in _SCANNERS.values():
        scanner.prepare()


_BITS = {detector: 1 << number for number, detector in enumerate(_PREFILTERS)}
_WANTED_BY = {
    column: np.array(
        [
            sum(
                _BITS[detector]
                for detector, columns in _PREFILTERS.items()
                if pattern in columns.get(column, ())
            )
            for pattern in patterns
        ]
        + [0] * (column == "input_messages"),
        np.int64,
    )
    for column, patterns in _PATTERNS.items()
}
"""For each expression a bit for each detector that wants it; two users are looked at apart."""


def hits(spans: pl.DataFrame, inputs: Inputs) -> pl.DataFrame:
    """Which prefilters let which traces through: ``trace_id`` and a column a detector.

    The detectors are the semantic ones and :data:`TOOL_CALL_ERRORS`, and beside them there is
    :data:`FOREIGN_CALLS`.

    ``spans`` holds ``trace_id``, ``start_time`` and the three columns of texts. Traces that no
    prefilter let through are left out.
    """
    found = [
        _hits_of("input_messages", inputs.told),
        *(_hits_of(column, _texts(spans, column)) for column in _COLUMNS[1:]),
        _hits_of_odd_ends(inputs.odd),
    ]
    by_trace = pl.concat(found).group_by("trace_id").agg(pl.col("wanted_by").bitwise_or())
    wanted = ((pl.col("wanted_by") & bit != 0).alias(detector) for detector, bit in _BITS.items())
    return by_trace.select("trace_id", *wanted)


def _hits_of(column: str, texts: pl.DataFrame) -> pl.DataFrame:
    """``trace_id, wanted_by``: for each text in which something occurs, who wants it, as bits."""
    found = _SCANNERS[column].found(texts["text"])
    row, pattern = found["row"].to_numpy(), found["pattern"].to_numpy()
    wanted_by = _WANTED_BY[column][pattern]
    two_users = np.flatnonzero(pattern == len(_PATTERNS[column]))
    turns = texts["text"].gather(row[two_users]).str.count_matches(_USER_TURN).to_numpy()
    wanted_by[two_users[turns > 1]] = sum(_BITS[detector] for detector in _OF_TWO_USER_TURNS)
    # What was found comes text by text.
    first = np.flatnonzero(np.diff(row, prepend=-1))
    of_texts = np.bitwise_or.reduceat(wanted_by, first) if len(first) else wanted_by
    some = of_texts != 0
    trace_ids = texts["trace_id"].gather(row[first[some]])
    return pl.DataFrame({"trace_id": trace_ids, "wanted_by": of_texts[some]})


def _hits_of_odd_ends(odd: pl.DataFrame) -> pl.DataFrame:
    """``trace_id, wanted_by`` of texts that end oddly, which those who look for jailbreaks want."""
    # To compile the exact expression takes as long as to look at ten thousand texts.
    ends = odd if odd.is_empty() else odd.filter(odd["text"].str.contains(_ODD_END_EXACTLY))
    return ends.select("trace_id", wanted_by=pl.lit(_BITS["jailbreaking"], pl.Int64))


def _texts(spans: pl.DataFrame, column: str) -> pl.DataFrame:
    """The texts of a column, once where a span says again what the one before it in a trace said.

    A framework's span of a tool and the tool's own span return the same.
    """
    texts = spans.select("trace_id", text=column).drop_nulls("text")
    is_again = pl.all_horizontal(
        pl.col(name).eq_missing(pl.col(name).shift(1)) for name in ("trace_id", "text")
    )
    return texts.filter(~is_again)


class Inputs(NamedTuple):
    """What models were told, as the JSON of input messages, without what need not be read twice."""

    told: pl.DataFrame
    """``trace_id``, ``text`` and ``row`` of the inputs that say something new.

    Not of those that the trace's next call says again from the beginning, and more. The row is the
    place of the span among those that were looked at.
    """
    odd: pl.DataFrame
    """``trace_id, text`` of inputs, said again or not, that may end in heaped punctuation."""


def inputs_of(spans: pl.DataFrame) -> Inputs:
    """The inputs of these spans, apart from those that need not be read twice.

    A model call repeats what was said before it: of an input that begins the next one, nothing
    needs to be read but what only its end can tell.
    """
    told = (
        spans.select("trace_id", pl.col("start_time").to_physical(), text="input_messages")
        .with_row_index("row")
        .drop_nulls("text")
    )
    order = order_in_time(trace_keys(told["trace_id"]), told["start_time"])
    if order is not None:
        told = told[order]
    trace, text = told["trace_id"], told["text"]
    # Ends are looked at together: to fetch them from memory takes longer than to look.
    begin = _begin(text)
    odd = told.select("trace_id", "text").filter(text.str.contains(_MAYBE_ODD_END))
    is_repeated = (trace == trace.shift(-1)) & text.shift(-1).str.starts_with(pl.lit(begin))
    told = told.filter(~is_repeated.fill_null(value=False))
    return Inputs(told=told.select("trace_id", "text", "row"), odd=odd)


def _begin(text: pl.Series) -> pl.Series:
    """Lists of messages without the end of the list: how the same and more begins."""
    is_list = text.str.ends_with("]")
    # To leave out the last letter copies nothing, to strip a suffix does.
    begin = text.str.head(-1)
    return begin if is_list.all() else begin.zip_with(is_list, text)
