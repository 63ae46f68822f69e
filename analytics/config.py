"""The settings of this room."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredDetectorConfig:
    """A detector of one's own, declared as SQL over trace facts."""

    when: str = field(
        metadata={"doc": "SQL boolean expression over trace facts; where it is true, it matches."}
    )
    severity: float = field(default=0.5, metadata={"doc": "0 to 1."})
    confidence: float = field(default=0.9, metadata={"doc": "0 to 1."})
    reason: str = field(
        default="", metadata={"doc": "The sentence on the finding; {fact} stands for its value."}
    )
    title: str = field(default="", metadata={"doc": "The name people see."})
    instructions: str = field(default="", metadata={"doc": "What reviewers are asked."})

    def __post_init__(self) -> None:
        for name in ("severity", "confidence"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} lies between 0 and 1, not {getattr(self, name)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisConfig:
    """Settings a user may write in the ``[analysis]`` section."""

    random_floor: float = field(
        default=0.01,
        metadata={"doc": "Share of all traces, flagged or not, that is always kept for people."},
    )
    salt: str = field(
        default="spandocket",
        metadata={"doc": "Salt of the shared draw; a new salt is a new random sample."},
    )
    quiet_seconds: float = field(
        default=30.0,
        metadata={
            "doc": "A trace whose root was seen is complete after this much quiet.",
            "unit": "duration",
        },
    )
    timeout_seconds: float = field(
        default=300.0,
        metadata={
            "doc": "A trace without a root is complete after this much quiet.",
            "unit": "duration",
        },
    )
    age_seconds_max: float = field(
        default=86400.0,
        metadata={
            "doc": "A trace is evaluated at this age even when spans keep arriving.",
            "unit": "duration",
        },
    )
    spans_max: int = field(
        default=10_000,
        metadata={"doc": "A trace with this many spans is evaluated without further waiting."},
    )
    baseline_window_seconds: float = field(
        default=604_800.0,
        metadata={
            "doc": "How far back a resource baseline looks, from the candidate.",
            "unit": "duration",
        },
    )
    baseline_samples_min: int = field(
        default=30,
        metadata={"doc": "Samples that a baseline needs before it makes any claim."},
    )
    false_alarm_budget: float = field(
        default=0.005,
        metadata={
            "doc": "Largest share of ordinary traces that resource_outliers may flag.",
        },
    )
    ratio_min: float = field(
        default=2.0,
        metadata={"doc": "A resource outlier is at least this many times its cohort's median."},
    )
    http_client_error_severity: float = field(
        default=0.2,
        metadata={"doc": "Severity of a tool result with an HTTP 4xx status; 0 ignores them."},
    )
    repeats_min: int = field(
        default=3,
        metadata={"doc": "Repetitions of a tool call or of a cycle that count as trashing."},
    )
    ambiguous_rate: float = field(
        default=0.2,
        metadata={"doc": "Share of a detector's ambiguous traces that its queue takes."},
    )
    matched_rate: float = field(
        default=1.0,
        metadata={"doc": "Share of a detector's matched traces that its queue takes."},
    )
    detectors: dict[str, DeclaredDetectorConfig] = field(
        default_factory=dict,
        metadata={"doc": "Own detectors by name; may be written as [[detectors]] with a name."},
    )
    business_weights: dict[str, float] = field(
        default_factory=dict,
        metadata={
            "doc": "SQL filters over trace facts, each with the factor it puts on the priority."
        },
    )
    disabled_detectors: tuple[str, ...] = field(
        default=(),
        metadata={"doc": "Ids of detectors that are not run."},
    )
    semantic_sample_rate: float = field(
        default=0.005,
        metadata={
            "doc": "Share of traces that semantic detectors read although no prefilter asked.",
        },
    )
    session_traces_max: int = field(
        default=20,
        metadata={"doc": "Earlier traces of its session that are read to judge a trace."},
    )
    items_max: int = field(
        default=0,
        metadata={"doc": "Most items that one run adds to one queue; 0 for no limit."},
    )
    chunk_traces: int = field(
        default=20_000,
        metadata={
            "doc": "Traces of one chunk; the content of three chunks is in memory at a time."
        },
    )

    def __post_init__(self) -> None:
        """Refuse what would fail a run half-way, or quietly choose nothing."""
        for name in _SHARES:
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} lies between 0 and 1, not {getattr(self, name)}")
        for name, least in _LEAST.items():
            if not getattr(self, name) >= least:
                raise ValueError(f"{name} is at least {least}, not {getattr(self, name)}")
        if not self.false_alarm_budget > 0:
            raise ValueError(
                f"false_alarm_budget lies above 0, not {self.false_alarm_budget}; to look for no "
                'outliers at all, write disabled_detectors = ["resource_outliers"]'
            )
        for filter_sql, weight in self.business_weights.items():
            if not 0 < weight <= WEIGHT_MAX:
                raise ValueError(
                    f"business_weights: the weight of {filter_sql!r} lies above 0 and is at most "
                    f"{WEIGHT_MAX:,}, not {weight}"
                )


_SHARES = (
    *("random_floor", "matched_rate", "ambiguous_rate", "semantic_sample_rate"),
    *("http_client_error_severity", "false_alarm_budget"),
)
_LEAST = {
    "quiet_seconds": 0,
    "timeout_seconds": 0,
    "age_seconds_max": 0,
    "spans_max": 1,
    "baseline_window_seconds": 1,
    "baseline_samples_min": 2,
    "ratio_min": 1,
    "repeats_min": 2,
    "session_traces_max": 0,
    "items_max": 0,
    "chunk_traces": 1,
}
WEIGHT_MAX = 1_000_000
"""Beyond it a priority may be no finite number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeConfig:
    """Settings a user may write in the ``[judge]`` section; without ``url`` there is no judge.

    The key is read from the environment (``SPANDOCKET_JUDGE_KEY``), never from a file.
    """

    url: str = field(
        default="",
        metadata={"doc": "Base URL of an OpenAI-compatible endpoint; empty: no judge is asked."},
    )
    model: str = field(default="", metadata={"doc": "The judge's model, as the endpoint names it."})
    detectors: tuple[str, ...] = field(
        default=(),
        metadata={"doc": "Detectors whose ambiguous traces are judged; empty: all semantic ones."},
    )
    output: str = field(
        default="json_schema",
        metadata={"doc": "Structured output asked for: json_schema, json_object or none."},
    )
    calls_max: int = field(
        default=200, metadata={"doc": "Most calls of one run, retries of bad answers included."}
    )
    usd_max: float = field(
        default=1.0, metadata={"doc": "Most US dollars of one run, by the two prices below."}
    )
    usd_per_million_input_tokens: float = field(
        default=0.0, metadata={"doc": "Price of input tokens; 0 when calls cost nothing."}
    )
    usd_per_million_output_tokens: float = field(
        default=0.0, metadata={"doc": "Price of output tokens; 0 when calls cost nothing."}
    )
    calls_per_minute: float = field(
        default=60.0, metadata={"doc": "Most calls a minute; 0 for no limit."}
    )
    retries: int = field(
        default=2,
        metadata={"doc": "Further attempts after 429, 5xx, a lost connection or a bad answer."},
    )
    timeout_seconds: float = field(
        default=60.0, metadata={"doc": "Longest wait for one answer.", "unit": "duration"}
    )
    characters_max: int = field(
        default=12_000, metadata={"doc": "Most characters of a trace that the judge is shown."}
    )
    answer_tokens_max: int = field(default=400, metadata={"doc": "Most tokens of one answer."})
    no_match_rate: float = field(
        default=0.0,
        metadata={"doc": "Share of unflagged traces that is judged too, to estimate recall."},
    )

    def __post_init__(self) -> None:
        if self.output not in ("json_schema", "json_object", "none"):
            raise ValueError(
                f"output: expected json_schema, json_object or none, not {self.output!r}"
            )
        if self.url and not self.url.startswith(("http://", "https://")):
            raise ValueError(
                f"url: expected one that begins with http:// or https://, not {self.url!r}"
            )
        if not 0 <= self.no_match_rate <= 1:
            raise ValueError(f"no_match_rate lies between 0 and 1, not {self.no_match_rate}")
        for name in ("calls_max", "usd_max", "calls_per_minute", "retries"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} is at least 0, not {getattr(self, name)}")
        for name in ("usd_per_million_input_tokens", "usd_per_million_output_tokens"):
            if not 0 <= getattr(self, name) < inf:
                raise ValueError(f"{name} is a price of at least 0, not {getattr(self, name)}")
        for name in ("characters_max", "answer_tokens_max"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is at least 1, not {getattr(self, name)}")
