"""The judge at work: the ambiguous decisions of one chunk in, judged decisions out.

A verdict replaces an ambiguity; a failure leaves it as it was and is recorded. Verdicts and
failures become rows of the evaluations table, with source ``judge``, so that the judge itself can
be compared with people.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import polars as pl

from analytics.detectors.catalog import SESSION_DETECTORS
from analytics.detectors.evaluation import suppress
from analytics.judge.cache import VerdictCache, verdict_key
from analytics.judge.errors import InvalidVerdictError, JudgeError, JudgeUnavailableError
from analytics.judge.prompts import judged_detectors, messages, prompt_version
from analytics.judge.quotations import checked_quote
from analytics.judge.transcript import transcript
from analytics.selection import draws
from span_store.schema import EVALUATIONS

if TYPE_CHECKING:
    from analytics.config import AnalysisConfig, JudgeConfig
    from analytics.detectors.context import DetectorContext
    from analytics.judge.endpoint import Endpoint
    from analytics.judge.verdict import Verdict
    from analytics.text.turns import Turn


NOT_JUDGED = "not judged: "
"""Begins the reason of an ambiguous decision that a later run is to ask about again."""

UNREACHED_MAX = 5
"""Questions in a row that find no endpoint, retries included; after them a run asks no more."""


@dataclass(kw_only=True)
class JudgeCounts:
    """What a run's judge did; every question ends in exactly one of these."""

    matched: int = 0
    no_match: int = 0
    cannot_tell: int = 0
    cached: int = 0
    failed: dict[str, int] = field(default_factory=dict)
    over_budget: int = 0
    given_up: int = 0
    """Not asked, because too many questions in a row found no endpoint."""
    traces_again: int = 0
    """Traces of earlier runs that still waited for their verdict and were asked about again."""
    traces_answered: int = 0
    """Those of them that got one."""

    def count(self, label: str) -> None:
        """Count one verdict."""
        setattr(self, label, getattr(self, label) + 1)


class Judge:
    """Asks about each ambiguous decision, the gravest and surest first, within a budget."""

    def __init__(
        self, config: JudgeConfig, endpoint: Endpoint, cache: VerdictCache | None = None
    ) -> None:
        self.config = config
        self.endpoint = endpoint
        self.cache = cache or VerdictCache(None)
        self.counts = JudgeCounts()
        self.asks_again = True
        """Whether it is asked about what earlier runs left; a caller may spare a dead endpoint."""
        self.answered: set[str] = set()
        """The traces of which any question got a verdict."""
        self._unreached = 0
        self.evaluations = pl.DataFrame(schema=EVALUATIONS.polars)
        """Rows for the evaluations table: every verdict and every failure so far."""

    @property
    def is_out_of_reach(self) -> bool:
        """Whether what earlier runs left found no answer either."""
        return self.counts.traces_again > 0 and not self.answered

    def told(self) -> dict[str, Any]:
        """What this run's judge did, as plain values."""
        budget = self.endpoint.budget
        spent = {"model": self.config.model, "calls": budget.calls, "usd": round(budget.usd, 6)}
        return spent | asdict(self.counts)

    def to_ask(
        self, found: pl.DataFrame, trace_ids: pl.Series, config: AnalysisConfig, project: str
    ) -> pl.Series:
        """The traces to ask about, in the order in which a budget is best spent on them.

        ``found`` are the decisions of a whole run about ``trace_ids``. Traces that are asked about
        only to estimate recall come last.
        """
        questions = self._questions(found)["trace_id"].unique(maintain_order=True)
        sampled = self._sampled(trace_ids, config, project).sort()
        sampled = sampled.filter(~sampled.is_in(questions.implode()))
        return pl.concat([questions, sampled])

    def judge(self, found: pl.DataFrame, context: DetectorContext) -> pl.DataFrame:
        """The decisions of one chunk after the judge.

        ``found`` holds :data:`analytics.detectors.evaluation.FOUND`.
        Never raises for what one question does: the decision stays ambiguous and the failure is
        recorded with its reason.
        """
        asked = pl.concat([self._questions(found), self._sample(found, context)])
        if asked.is_empty():
            return found
        parts = context.messages_of(asked["trace_id"].unique(maintain_order=True))
        by_trace = parts.partition_by("trace_id", as_dict=True)
        results = _results(asked["trace_id"].unique(maintain_order=True), context)
        decided: dict[tuple[str, str], dict[str, Any]] = {}
        evaluations = []
        for row in asked.iter_rows(named=True):
            own = by_trace.get((row["trace_id"],))
            earlier = _earlier(row, context)
            text = (
                "" if own is None else self._shown(own, earlier, results.get(row["trace_id"], []))
            )
            verdict, record, left = self._ask(row["detector"], text)
            if left is not None and row["decision"] == "ambiguous":
                decided[row["trace_id"], row["detector"]] = {"skip_reason": NOT_JUDGED + left}
            if record is None:
                continue
            evaluation = _evaluation(row, verdict, record, context, self.config.model)
            session = _session_of(row, context)
            if session is not None:
                evaluation |= {"object_type": "session", "object_id": session}
            evaluations.append(evaluation)
            if verdict is not None:
                self.answered.add(row["trace_id"])
                quote = checked_quote(verdict.quote, text, own)
                decided[row["trace_id"], row["detector"]] = _decision(
                    row, verdict, self.config, quote
                )
        judged = _replaced(pl.concat([found, asked.filter(decision="no_match")]), decided)
        rows = pl.DataFrame(evaluations, schema=EVALUATIONS.polars, orient="row")
        self.evaluations = pl.concat([self.evaluations, rows])
        # A verdict may explain another finding of the same trace away.
        return suppress(judged).sort("trace_id", "detector")

    def _shown(self, parts: pl.DataFrame, earlier: list[Turn], results: list[str]) -> str:
        return transcript(parts, self.config.characters_max, earlier, results)

    def _questions(self, found: pl.DataFrame) -> pl.DataFrame:
        """The ambiguous decisions with a prompt, by severity times confidence, then by trace."""
        wanted = self.config.detectors or judged_detectors()
        return found.filter(
            (pl.col("decision") == "ambiguous") & pl.col("detector").is_in(list(wanted))
        ).sort(
            pl.col("severity") * pl.col("confidence"),
            "trace_id",
            "detector",
            descending=[True, False, False],
            nulls_last=True,
        )

    def _sampled(self, trace_ids: pl.Series, config: AnalysisConfig, project: str) -> pl.Series:
        draws_of = draws(f"{config.salt}/judge", project, trace_ids)
        return trace_ids.filter(draws_of < self.config.no_match_rate)

    def _sample(self, found: pl.DataFrame, context: DetectorContext) -> pl.DataFrame:
        """A share of what no offline rung noticed, so that recall can be estimated."""
        config = context.config
        if self.config.no_match_rate <= 0:
            return found.clear()
        detectors = list(self.config.detectors or judged_detectors())
        sample = self._sampled(context.trace_ids, config, context.project)
        pairs = pl.DataFrame({"trace_id": sample}).join(
            pl.DataFrame({"detector": detectors}, schema={"detector": pl.String}), how="cross"
        )
        unseen = pairs.join(found, on=["trace_id", "detector"], how="anti")
        versions = pl.lit("judge", pl.String).alias("detector_version")
        rows = unseen.with_columns(versions, decision=pl.lit("no_match"), reason=pl.lit("Sampled"))
        blank = [
            pl.lit(None, kind).alias(name)
            for name, kind in found.schema.items()
            if name not in rows.columns
        ]
        return rows.with_columns(blank).select(list(found.schema)).sort("trace_id", "detector")

    def _ask(
        self, detector: str, text: str
    ) -> tuple[Verdict | None, dict[str, Any] | None, str | None]:
        """The verdict, its record, and why a later run is to ask again; each may be None.

        A failure has a record and no verdict; where nobody was asked there is neither.
        """
        record: dict[str, Any] = {"prompt_version": prompt_version(), "model": self.config.model}
        try:
            if not text:
                raise InvalidVerdictError("the trace holds nothing to show", None)
            question = messages(detector, text)
            key = verdict_key(self.config.model, self.config.url, question)
            known = self.cache.get(key)
            if known is not None:
                self.counts.cached += 1
                self.counts.count(known.label)
                return known, {**record, "question": key, "cached": True}, None
            if self.endpoint.budget.is_exhausted:
                self.counts.over_budget += 1
                return None, None, "the budget was used up"
            if self._unreached >= UNREACHED_MAX:
                self.counts.given_up += 1
                return None, None, "the endpoint was out of reach"
            answer = self.endpoint.ask(question)
        except JudgeError as error:
            if isinstance(error, JudgeUnavailableError):
                self._unreached += 1
            self.counts.failed[error.kind] = self.counts.failed.get(error.kind, 0) + 1
            record |= {"error_type": error.kind, "error": str(error)}
            return None, record, error.kind if error.is_outage else None
        self._unreached = 0
        record["question"] = key
        self.cache.put(key, answer.verdict)
        self.counts.count(answer.verdict.label)
        tokens = {"input_tokens": answer.input_tokens, "output_tokens": answer.output_tokens}
        record |= {**tokens, "attempts": answer.attempts, "cached": False}
        return answer.verdict, record, None


def _session_of(row: dict[str, Any], context: DetectorContext) -> str | None:
    """The session that a decision is about; None where it is about the trace alone."""
    if row["detector"] not in SESSION_DETECTORS:
        return None
    facts = context.traces.filter(pl.col("trace_id") == row["trace_id"])
    return facts["conversation_id"].item() if facts.height else None


def _results(trace_ids: pl.Series, context: DetectorContext) -> dict[str, list[str]]:
    """What the tool spans of each trace returned, in order."""
    rows = (
        context.spans_of(trace_ids)
        .filter(pl.col("tool_result").is_not_null())
        .sort("trace_id", "start_time", "span_id")
        .select("trace_id", "tool_result")
    )
    found: dict[str, list[str]] = {}
    for trace_id, text in rows.iter_rows():
        found.setdefault(trace_id, []).append(text)
    return found


def _earlier(row: dict[str, Any], context: DetectorContext) -> list[Turn]:
    """What was said in earlier traces of the session, for a judge of sessions."""
    if _session_of(row, context) is None:
        return []
    turns = context.semantic.turns.get(row["trace_id"], [])
    return [turn for turn in turns if turn.trace_id != row["trace_id"]]


def _decision(
    row: dict[str, Any], verdict: Verdict, config: JudgeConfig, quote: dict[str, Any]
) -> dict[str, Any]:
    """The decision that a verdict makes of an ambiguity; ``quote`` is its checked quotation."""
    evidence = json.loads(row["evidence"] or "[]")
    evidence.append(
        {
            "span_id": row["span_id"],
            "judge": config.model,
            "prompt_version": prompt_version(),
            "verdict": verdict.label,
        }
        | quote
    )
    note = " (what it quotes was not said)" if "unfound_quote" in quote else ""
    is_match = verdict.label == "matched"
    return {
        "decision": {"matched": "matched", "no_match": "no_match"}.get(verdict.label, "ambiguous"),
        "severity": verdict.severity if is_match else row["severity"],
        "confidence": verdict.confidence if is_match else row["confidence"],
        "reason": f"{row['reason']}; judge {config.model}: {verdict.reason}{note}",
        "evidence": json.dumps(evidence, ensure_ascii=False, separators=(",", ":")),
    }


def _replaced(found: pl.DataFrame, decided: dict[tuple[str, str], dict[str, Any]]) -> pl.DataFrame:
    """The decisions with the judged ones in their places; ``no_match`` rows are left out."""
    rows = [
        {**row, **decided.get((row["trace_id"], row["detector"]), {})}
        for row in found.iter_rows(named=True)
    ]
    return pl.DataFrame(rows, schema=found.schema, orient="row").filter(
        pl.col("decision") != "no_match"
    )


def _evaluation(
    row: dict[str, Any],
    verdict: Verdict | None,
    record: dict[str, Any],
    context: DetectorContext,
    model: str,
) -> dict[str, Any]:
    """One row of the evaluations table; the score is the probability of a match it stands for."""
    evaluator = f"judge:{row['detector']}"
    version = f"{model}/prompt-{record['prompt_version']}"
    moment = int(context.as_of.timestamp() * 1_000_000) * 1000
    # A verdict is about a question: remembered in a later run, it is the same one.
    asked = record.get("question", moment)
    identity = f"{context.project}\0{evaluator}\0{version}\0{row['trace_id']}\0{asked}"
    error_type = record.pop("error_type", None)
    return {
        "project": context.project,
        "evaluation_id": blake2b(identity.encode(), digest_size=16).hexdigest(),
        "object_type": "trace",
        "object_id": row["trace_id"],
        "trace_id": row["trace_id"],
        "span_id": row["span_id"],
        "response_id": None,
        "evaluator": evaluator,
        "evaluator_version": version,
        "score": None if verdict is None else _score(verdict),
        "label": None if verdict is None else verdict.label,
        "explanation": record.pop("error", None) if verdict is None else verdict.reason,
        "error_type": error_type,
        "time": moment,
        "received_at": moment,
        "source": "judge",
        "attributes": json.dumps(record, sort_keys=True),
    }


def _score(verdict: Verdict) -> float | None:
    match verdict.label:
        case "matched":
            return verdict.confidence
        case "no_match":
            return round(1.0 - verdict.confidence, 6)
        case _:
            return None
