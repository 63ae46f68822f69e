"""Laziness: a labelled heuristic over the last answer of a trace and what was asked.

Placeholders where code was asked for, a rest that is left out, work pushed back, an answer far
shorter than its request counts out, a text that the answer never uses. "You can try ..." is
the right answer to who asks for advice, and a placeholder to who asks for a template; blocked tasks
(no access, something missing, declined) are left alone.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import polars as pl

from analytics.detectors.catalog import entry_of
from analytics.detectors.decision import Decision, decision, decisions, quote
from analytics.detectors.semantic_view import of_traces
from analytics.text.declining import declines, is_unable
from analytics.text.evidence import around, combined, excerpt, rule_evidence
from analytics.text.phrases import RULES

if TYPE_CHECKING:
    from analytics.config import AnalysisConfig
    from analytics.detectors.context import DetectorContext
    from analytics.text.evidence import RuleEvidence
    from analytics.text.turns import Turn

_ENTRY = entry_of("laziness")

MATCHED_AT = 0.85
AMBIGUOUS_AT = 0.5
PROVIDED_CHARACTERS_MIN = 2000
"""A user message this long brings a document with it."""

BY_TOOLS = 0.6
"""What a short answer weighs where tools were called."""

ADVICE_WORDS_MIN = 60
"""Advice within an answer of so many words is part of an answer."""

LONG_WORDS_MIN = 120
"""An answer of so many words has not stopped early for a phrase in it."""

_INSTEAD = {"pushes the work back": (0.2, 0.88), "stays vague": (0.0, 0.86)}
"""What such words weigh within a full answer, and instead of one."""

CURT_WORDS_MAX = 22
"""An answer of no more words than this says little about a request for everything."""

# Chinese, Japanese, Thai, Lao, Burmese and Khmer, with their own punctuation.
_UNSPACED = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3000-\u30ff\u3400-\u9fff\uff00-\uffef]+"
)
_LETTERS_A_WORD = 2.0
"""Rather too few than too many: an answer counts as longer, and less is claimed."""

_STRENGTH = {rule.name: rule.strength for rule in RULES["laziness"]}
_CODE = re.compile(
    r"```|^\s*(?:def |class |import |from \w+ import|function |const |#include|public |async |"
    r"server |"
    r"create table|<\w+|#!|\w+\()|\{|=>|;\s*$",
    re.MULTILINE | re.IGNORECASE,
)
_CODE_WANTED = re.compile(
    r"\b(?:code|functions?|script|class(?:es)?|implement\w*|program|refactor|component|query|api|"
    r"config\w*|html|"
    r"endpoint|tests?|schema|parser|models?|file|sql|page|docker\w*|pipeline|"
    r"polic(?:y|ies)|modules?|"
    r"migration)\b",
    re.IGNORECASE,
)
# What stays as it is in the user's own code: an answer that changes a part leaves it out.
_KEPT = re.compile(
    r"(?://|#|/\*|<!--|--) ?(?:(?:\.\.\.|\u2026) ?)?(?:existing|unchanged|your existing|"
    r"same as before|(?:the )?rest of (?:the|your) (?:function|file|class|code|component)s?)"
    r"\b[^\n]*",
    re.IGNORECASE,
)
_TO_CHANGE = re.compile(
    r"\b(?:fix|change|modify|update|edit|patch|rename|replace|debug|improve|optimi[sz]e|"
    r"what is wrong|what's wrong|add)\b",
    re.IGNORECASE,
)
_OWN_CODE = re.compile(
    r"\b(?:this|my|our|the (?:above|following|attached)) (?:\w+ )?"
    r"(?:code|function|class|file|script|component|method|query|module|program)\b|\bdef \w+\(",
    re.IGNORECASE,
)
_PLACEHOLDERS_WANTED = re.compile(
    r"\b(?:skeleton|stubs?|template|placeholders?|todos?|signatures?|outline|abstract|boilerplate|"
    r"scaffold\w*|"
    r"interface only|no bodies|not implemented|for me to fill|shall fill|mean|ellipsis|explain)\b",
    re.IGNORECASE,
)
_EVERYTHING = re.compile(
    r"\b(?:full|complete|entire|whole|all (?:of|the|steps|\d+)|every|each|detail\w*|comprehensive|"
    r"in depth|"
    r"thorough\w*|step by step|exhaustive|using the|research)\b",
    re.IGNORECASE,
)
_MAKES = re.compile(
    r"\b(?:write|explain|describe|create|draft|compare|derive|derivation|develop|build|generate|"
    r"implement|"
    r"review|analy[sz]e|prepare|make|give me|compose|proofread|plan|rewrite|convert|research|"
    r"proof)\b",
    re.IGNORECASE,
)
_TO_DO = re.compile(
    r"\b(?:find|compute|calculate|check|compare|search|read|analy[sz]e|review|debug|fix|port|"
    r"convert|write|"
    r"proofread|summari[sz]e|extract|translate|look (?:at|into|up|through)|tell me|list|sort|count|"
    r"solve|implement|make|draft|which of the|could you (?:check|look)|what does the)\b",
    re.IGNORECASE,
)
_ADVICE_WANTED = re.compile(
    r"\b(?:how (?:can|do|could|should|would) (?:i|we|one)|what (?:can|could|should|do) (?:i|we)|"
    r"advice|recommend\w*|"
    r"suggest\w*|tips|ideas|hint|where (?:can|do|could) i|should i|who (?:can|should))\b",
    re.IGNORECASE,
)
_LITTLE_WANTED = re.compile(
    r"\b(?:briefly|brief|short(?:ly)?|concise|in one (?:word|sentence|line)|one-liner|yes or no|"
    r"in a few words|tl;?dr|"
    r"just (?:a|the|give)|only the|quick)\b",
    re.IGNORECASE,
)
_WORDS_ASKED = re.compile(r"\b(\d{2,5}|\d{1,2},\d{3})[ -]?words?\b", re.IGNORECASE)
_NUMBER_WORDS = (
    *("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty"),
)
_MEASURES = (
    "(?:words?|characters?|minutes?|hours?|weeks?|months?|years?|dollars?|percent|pages?|lines?|"
    "sentences? long)"
)
"""What a number may count without asking for as many things."""

_ITEMS_ASKED = re.compile(
    r"\b(?:list|give|write|name|suggest|provide|generate|create|propose|find|prepare|make|"
    r"translate|solve|come up with|fill in|summari[sz]e each|extract)\b[^.?!\n]{0,40}?\b"
    rf"(\d{{1,3}}|{'|'.join(_NUMBER_WORDS)}) (?!{_MEASURES}\b)(?:\w+ )?"
    rf"(?!{_MEASURES}|people|"
    r"of (?:the|them|us)|and|or|by|in|on|to|at|for|with)[a-z]+",
    re.IGNORECASE,
)
_SEPARATOR = re.compile("[,;\n\u060c\u061b\u3001\uff0c\uff1b]|\\band\\b")
_NO_MORE = re.compile(
    r"\bthere (?:are|is|were|was) only\b|\b(?:only|just) (?:\w+ ){1,4}?(?:exist|are available|"
    r"were found|match|matched|remain|qualify)\b|\bfound only\b|\bcould only find\b",
    re.IGNORECASE,
)
"""Who says so gives a reason for fewer."""
_UPPER_LIMIT = re.compile(
    r"\b(?:at most|no more than|up to|max(?:imum)?|under|less than|within|below|limit)\b",
    re.IGNORECASE,
)
_ITEM = re.compile(
    r"(?:^|(?<=\s))(?:[-*•]|(?:day |q|question |chapter )?\d{1,3}[.):])\s",
    re.MULTILINE | re.IGNORECASE,
)


class Laziness:
    """Reads the last answer against the last request."""

    id = _ENTRY.id
    version = "4"
    title = _ENTRY.title
    instructions = _ENTRY.instructions

    def __init__(self, config: AnalysisConfig) -> None:
        self.config = config

    def decide(self, context: DetectorContext) -> pl.DataFrame:
        """What the signs of each trace say together; cut content decides nothing."""
        view = context.semantic
        pairs = []
        for trace_id in view.candidates(self.id):
            turns = view.turns.get(trace_id, [])
            if turns and turns[-1].role == "assistant" and turns[-1].direction == "output":
                request = next((turn for turn in reversed(turns) if turn.role == "user"), None)
                if request is not None:
                    pairs.append((trace_id, request, turns[-1]))
        answers = pl.Series([answer.text for _, _, answer in pairs], dtype=pl.String)
        rules = rule_evidence(answers, RULES["laziness"])
        acting = _with_tools(context, [trace_id for trace_id, _, _ in pairs])
        rows = [
            row
            for (trace_id, request, answer), found in zip(pairs, rules, strict=True)
            if (row := decide_answer(trace_id, request, answer, found, acts=trace_id in acting))
        ]
        return view.with_gaps(decisions(rows), needs_everything=True)


def _with_tools(context: DetectorContext, trace_ids: list[str]) -> set[str]:
    """Those of some traces in which tools were called."""
    if not trace_ids:
        return set()
    wanted = pl.DataFrame({"trace_id": trace_ids}, schema={"trace_id": pl.String})
    spans = context.span_frame.select("trace_id", "operation_name").join(wanted, "trace_id", "semi")
    called = spans.filter(pl.col("operation_name") == "execute_tool")["trace_id"]
    parts = of_traces(context.semantic.parts, trace_ids)
    told = parts.filter(pl.col("part_type").str.ends_with("tool_call"))["trace_id"]
    return {*called, *told}


def decide_answer(
    trace_id: str, request: Turn, answer: Turn, rules: RuleEvidence, *, acts: bool = False
) -> dict[str, Any] | None:
    """The decision on one answer; None when it was blocked or the evidence is weak.

    Who ``acts`` by tools does the work there, and may say briefly that it is done.
    """
    short = [*_too_short(request, answer), *_curt(request, answer)]
    if acts:
        short = [piece | {"value": round(BY_TOOLS * piece["value"], 4)} for piece in short]
    evidence = [*_phrases(request, answer, rules), *short, *_unread(request, answer)]
    total = combined(piece["value"] for piece in evidence)
    if total < AMBIGUOUS_AT or declines(answer.text) or is_unable(answer.text):
        return None
    kinds = ", ".join(f"{piece['kind']} ({piece['value']:.2f})" for piece in evidence)
    is_claim = total >= MATCHED_AT
    return decision(
        trace_id,
        Decision.MATCHED if is_claim else Decision.AMBIGUOUS,
        reason=f"The answer leaves work undone: {kinds}; together {total:.2f} (heuristic)",
        severity=0.5 if is_claim else 0.3,
        confidence=round(0.6 * total, 4),
        evidence=sorted(evidence, key=lambda piece: -piece["value"]),
    )


def _phrases(request: Turn, answer: Turn, rules: RuleEvidence) -> list[dict[str, Any]]:
    found = []
    for rule in RULES["laziness"]:
        if rule.name not in rules.names:
            continue
        value = _weight(rule.name, request.text, answer.text)
        if value > 0.0:
            found.append(answer.evidence(excerpt(answer.text, [rule]), kind=rule.name, value=value))
    return found


def _weight(rule: str, request: str, answer: str) -> float:
    """How much a rule says about this answer to this request."""
    if rule in ("placeholder in code", "leaves the rest out"):
        is_code = _CODE.search(answer) is not None and _CODE_WANTED.search(request) is not None
        is_gap = rule == "leaves the rest out" or is_code or "[insert" in answer.lower()
        is_meant = rule == "placeholder in code" and _is_excerpt(request, answer)
        if not is_gap or is_meant or _PLACEHOLDERS_WANTED.search(request):
            return 0.0
        # In a long answer "the others follow" tells of something; in an example a gap is meant.
        is_told = _ADVICE_WANTED.search(request) is not None or (
            rule == "leaves the rest out" and words_of(answer) >= LONG_WORDS_MIN
        )
        return 0.3 if is_told else _STRENGTH[rule]
    if rule in _INSTEAD:
        # Advice within a full answer is an answer; advice instead of one is not.
        words = words_of(answer)
        little, much = _INSTEAD[rule]
        if _ADVICE_WANTED.search(request):
            return 0.0
        if words >= ADVICE_WORDS_MIN:
            return little
        is_instead = _TO_DO.search(request) is not None and words <= 2 * CURT_WORDS_MAX
        return much if is_instead else _STRENGTH[rule]
    return _STRENGTH[rule]


def _is_excerpt(request: str, answer: str) -> bool:
    """Whether the answer changes code that the user brought, and leaves out what stays."""
    is_change = _TO_CHANGE.search(request) and (_CODE.search(request) or _OWN_CODE.search(request))
    if not is_change or _EVERYTHING.search(request):
        return False
    changed = _KEPT.sub("", answer)
    if changed == answer:
        return False
    left = rule_evidence(pl.Series([changed]), RULES["laziness"])[0]
    return "placeholder in code" not in left.names


def _curt(request: Turn, answer: Turn) -> list[dict[str, Any]]:
    """A sentence or two for something that was to be made in full."""
    words = words_of(answer.text)
    if (
        words > CURT_WORDS_MAX
        or len(request.text.split()) < 6
        or _LITTLE_WANTED.search(request.text)
        or answer.text.rstrip().endswith("?")
        or not _MAKES.search(request.text)
        or not _EVERYTHING.search(request.text)
    ):
        return []
    length = f"{words} word" if words == 1 else f"{words} words"
    kind = f"only {length} where all of it, or details, were asked for"
    return [answer.evidence(quote(answer.text) or "", kind=kind, value=0.6)]


def _too_short(request: Turn, answer: Turn) -> list[dict[str, Any]]:
    """The request counts words or items, and the answer has far fewer."""
    words = words_of(answer.text)
    asked = _WORDS_ASKED.search(request.text)
    if asked is not None and not _is_limit(request.text, asked.start()):
        wanted = int(asked[1].replace(",", ""))
        if wanted >= 50 and words < 0.4 * wanted:
            return [_short(answer, f"{words} of {wanted} words", words / wanted)]
    asked = _ITEMS_ASKED.search(request.text)
    if asked is not None and not _is_limit(request.text, asked.start(1)):
        wanted = _number(asked[1])
        items = max(len(_ITEM.findall(answer.text)), len(_SEPARATOR.findall(answer.text)) + 1)
        is_few = items <= 0.5 * wanted and not _NO_MORE.search(answer.text)
        if 5 <= wanted <= 200 and is_few:
            return [_short(answer, f"{items} of {wanted} items", items / wanted)]
    return []


def words_of(text: str) -> int:
    """How many words a text has, about, also in scripts that put no blanks between them."""
    unspaced = _UNSPACED.findall(text)
    if not unspaced:
        return len(text.split())
    letters = sum(len(run) for run in unspaced)
    return len(_UNSPACED.sub(" ", text).split()) + max(1, round(letters / _LETTERS_A_WORD))


def _number(text: str) -> int:
    word = text.lower()
    return _NUMBER_WORDS.index(word) + 2 if word in _NUMBER_WORDS else int(word)


def _short(answer: Turn, what: str, share: float) -> dict[str, Any]:
    value = round(max(0.6, 1.0 - 0.6 * share), 4)
    return answer.evidence(
        quote(answer.text) or "", kind=f"far too short: {what}", share=round(share, 4), value=value
    )


def _is_limit(text: str, position: int) -> bool:
    return _UPPER_LIMIT.search(text[max(0, position - 25) : position]) is not None


def _is_other_language(request: Turn, answer: Turn) -> bool:
    """Whether the answer may share no word with what it has read: translated, another script."""
    if "translat" in request.text[:500].lower() and words_of(answer.text) > CURT_WORDS_MAX:
        return True
    return len(re.findall(r"[a-z]", answer.text.lower())) <= len(answer.text) / 3


def _unread(request: Turn, answer: Turn) -> list[dict[str, Any]]:
    """The user brought a long text along and the answer shares none of its rarer words."""
    if len(request.text) < PROVIDED_CHARACTERS_MIN:
        return []
    middle = request.text[len(request.text) // 4 :]
    brought = set(re.findall(r"[a-z0-9_]{6,}", middle.lower()))
    used = brought.intersection(re.findall(r"[a-z0-9_]{6,}", answer.text.lower()))
    if len(brought) >= 50 and not used and not _is_other_language(request, answer):
        return [
            answer.evidence(around(answer.text, 0), kind="never uses the provided text", value=0.65)
        ]
    return []
