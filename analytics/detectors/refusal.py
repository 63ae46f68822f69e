"""Refusal: the assistant declines a request that it should handle.

Whether an answer declines can be read off its words; whether it should have, cannot. So the claim
is kept for plain cases: the answer surely declines, the request holds nothing sensitive, and the
reason given is not a missing ability. Everything else that declines is ambiguous.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import polars as pl

from analytics.detectors.catalog import entry_of
from analytics.detectors.decision import Decision, decision, decisions, quote
from analytics.detectors.semantic_view import of_traces
from analytics.text.evidence import excerpt
from analytics.text.head import shipped_head
from analytics.text.phrases import RULES
from analytics.text.scoring import probabilities

if TYPE_CHECKING:
    from analytics.config import AnalysisConfig
    from analytics.detectors.context import DetectorContext

_ENTRY = entry_of("refusal")

SENSITIVE = re.compile(
    r"\b(?:kill|murder|bomb|explosi|weapon|gun\b|guns\b|shoot|stab|poison|attack|"
    r"assault|terror|suicid|self.?harm|"
    r"drugs?\b|cocaine|heroin|meth\b|steal|theft|thief|rob\b|robb|fraud|scam|launder|"
    r"counterfeit|forg[ei]|"
    r"hack|malware|virus|ransomware|phish|exploit|crack|bypass|password|spy|stalk|blackmail|"
    r"sex|porn|nude|rape|molest|child|minor|racis|racial|nazi|hitler|slave|genocid|"
    r"holocaust|hate|slur|"
    r"illegal|smuggl|traffick|kidnap|tortur|abus|violen|blood|gore|overdos|hurt|harm|danger|"
    r"defam|libel|discriminat|stereotyp|misinformation|disinformation|fake|conspirac|propaganda|"
    r"social security|credit card|home address|medical advice|diagnos|prescri|dosage|"
    r"legal advice|invest|threat|bully|bulli|harass|insult|demean|mock|humiliat|offens|degrad|"
    r"gender|wom[ae]n|immigra|migrant|refugee|religio|muslim|jew|christian|ethnic|minorit|"
    r"gay|lesbian|trans\b|transgender|disab|autis|black people|white people|asian|african|"
    r"superior|inferior|suprem|extremis|radical|militia|war\b|army|nuclear|chemical|toxic|acid|"
    r"fire|arson|burn|knife|knives|blade|sabotag|destroy|vandal|hijack|revenge|"
    r"cheat|plagiar|fak|forger|evad|evasion|avoid(?:ing)? tax|insider|pyramid|ponzi|dark ?web|"
    r"keylog|ddos|botnet|unauthori|without (?:consent|permission|their knowledge|being)|secretly|"
    r"manipulat|deceiv|decei|impersonat|identity|track|locat|private|personal|confidential|leak|"
    r"gambl|alcohol|cigar|smok|vap|cannib|anorex|bulimi|starv|disorder|diet|vaccin|covid|"
    r"election|vot[ei]|politic|president|climate|flat earth|9/11|medica|treat|cure|symptom|"
    r"lawsuit|sue\b|stock|crypto|trading|loan|gambling|body|adult|erot|fetish|nsfw|explicit|"
    r"organ\b|corpse|dead|die\b|death|execut|snuff|ruin|break (?:in|into)|lock|alarm|police|"
    r"prison|jail|bribe|corrupt|blackmarket|black market|human)",
    re.IGNORECASE,
)
"""Requests with these words may be refused rightly; only a person or a judge can tell."""

INABILITY = re.compile(
    r"(?:real[- ]?time|internet|brows|up[- ]to[- ]date|knowledge (?:cutoff|cut-off)|"
    r"access to (?:your|the|that|this|any|external|real)|"
    r"(?:more|additional|further) (?:information|details|context)|"
    r"could you (?:please )?(?:provide|share|clarify)|"
    r"please (?:provide|share|clarify)|not (?:attached|provided|included)|no (?:file|"
    r"attachment|image|record)|"
    r"(?:can(?:not|'t)|unable to) (?:see|view|open|hear|access|find|locate|verify)|"
    r"policy (?:does not|doesn't)|not eligible|transfer)",
    re.IGNORECASE,
)
"""Reasons that make declining right: something is missing, or the system cannot do it."""


class Refusal:
    """Reads answers with the refusal head, and what was asked with a list of sensitive words."""

    id = _ENTRY.id
    version = "1"
    title = _ENTRY.title
    instructions = _ENTRY.instructions

    def __init__(self, config: AnalysisConfig) -> None:
        self.config = config

    def decide(self, context: DetectorContext) -> pl.DataFrame:
        """The surest refusal of each trace."""
        view = context.semantic
        parts = of_traces(view.parts, view.candidates(self.id))
        head = shipped_head("refusal")
        answers = parts.filter(
            (pl.col("direction") == "output")
            & pl.col("part_type").is_in(["text", "refusal"])
            & pl.col("text").is_not_null()
        )
        # A provider's own refusal part says that the model declined; nothing is to be guessed.
        is_said = pl.col("part_type") == "refusal"
        declining = (
            answers.with_columns(probability=probabilities(head, answers["text"]))
            .with_columns(probability=pl.when(is_said).then(1.0).otherwise("probability"))
            .filter(pl.col("probability") >= head.rung.ambiguous_at)
            .sort("trace_id", "probability", descending=[False, True], maintain_order=True)
            .unique("trace_id", keep="first", maintain_order=True)
            .join(_requests(parts), on=["trace_id", "span_id"], how="left", maintain_order="left")
        )
        rows = [_row(row) for row in declining.iter_rows(named=True)]
        return view.with_gaps(decisions(rows))


def _requests(parts: pl.DataFrame) -> pl.DataFrame:
    """The last thing a user asked in each model call."""
    return (
        parts.filter(
            (pl.col("direction") == "input")
            & (pl.col("role") == "user")
            & (pl.col("part_type") == "text")
        )
        .unique(["trace_id", "span_id"], keep="last", maintain_order=True)
        .select("trace_id", "span_id", request="text")
    )


def _row(row: dict[str, Any]) -> dict[str, Any]:
    head = shipped_head("refusal")
    probability, text = row["probability"], row["text"]
    request = row["request"] or ""
    sensitive = SENSITIVE.search(request)
    inability = INABILITY.search(text[:600])
    is_sure = probability >= head.rung.matched_at
    if not is_sure:
        doubt = "whether it declines is unsure"
    elif not request:
        doubt = "what was asked is not in the trace"
    elif sensitive is not None:
        doubt = f"the request says '{sensitive[0].lower()}', so declining may be right"
    elif inability is not None:
        doubt = f"it says '{inability[0].lower()}', so something may really be missing"
    else:
        doubt = None
    reason = f"The answer declines with probability {probability:.2f}"
    evidence: dict[str, Any] = {
        "span_id": row["span_id"],
        "direction": "output",
        "message": row["message_index"],
        "part": row["part_index"],
        "quote": excerpt(text, RULES["refusal"]),
        "request": quote(request),
        "value": round(probability, 4),
        "threshold": head.rung.matched_at,
    }
    if doubt is None:
        return decision(
            row["trace_id"],
            Decision.MATCHED,
            reason=f"{reason}, and nothing in the request explains why",
            severity=0.6,
            confidence=round(0.8 * probability, 4),
            evidence=[evidence],
        )
    return decision(
        row["trace_id"],
        Decision.AMBIGUOUS,
        reason=f"{reason}; {doubt}",
        severity=0.4,
        confidence=round((0.3 if sensitive or inability else 0.5) * probability, 4),
        evidence=[{**evidence, "doubt": doubt}],
    )
