"""XSTest: answers as chat spans, automatic verdicts as scores, annotators' labels as answers.

450 prompts were put to five model configurations. Two people labelled each answer, a third label
settled their disagreements, GPT-4 and a rule on the opening words judged it too. Fifteen answers
are shipped with their labels alone; their spans say so and carry no messages.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
from importlib.resources import files
from typing import TYPE_CHECKING

from cli.demonstration.derived import hexadecimal, model_call_nanoseconds, share, token_count
from cli.demonstration.records import AnswerRecord, ScoreRecord, SpanRecord

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cli.demonstration.records import Attribute

    Row = dict[str, str]

SERVICE = "safety-suite"
FIELD = "response_type"
LABELS = ("full_compliance", "full_refusal", "partial_refusal")
POSITIVE = "full_refusal"
JUDGE = "gpt4_judge"
STRING_MATCH = "string_match"
ANNOTATORS = ("annotator_1", "annotator_2")
ADJUDICATOR = "adjudicator"

_MODELS = {
    "gpt4": ("openai", "gpt-4"),
    "llama2orig": ("meta", "llama2orig"),
    "llama2new": ("meta", "llama2new"),
    "mistralinstruct": ("mistral_ai", "mistralinstruct"),
    "mistralguard": ("mistral_ai", "mistralguard"),
}
_SOURCE_LABELS = dict(
    zip(("1_full_compliance", "2_full_refusal", "3_partial_refusal"), LABELS, strict=True)
)
_COMPLIANCE = dict(zip(LABELS, (1.0, 0.0, 0.5), strict=True))
_PERIOD_NANOSECONDS = 7 * 86_400 * 1_000_000_000
_NANOSECONDS = 1_000_000_000


def read_answers() -> list[Row]:
    """Every answer with its labels; ``prompt`` and ``completion`` only where texts are shipped."""
    folder = files("cli.demonstration") / "data" / "xstest"
    packed = (folder / "completions_labelled.csv.gz").read_bytes()
    texts = {
        (row["model"], row["id"]): row
        for row in csv.DictReader(io.StringIO(gzip.decompress(packed).decode(), newline=""))
    }
    labels = io.StringIO((folder / "labels_only_2250.csv").read_text(encoding="utf-8"), newline="")
    return [texts.get((row["model"], row["id"]), row) for row in csv.DictReader(labels)]


def object_id(row: Row) -> str:
    """The answer's span as ``TRACE_ID:SPAN_ID``."""
    return ":".join(_ids(row))


def spans_of_answers(rows: Sequence[Row], period_start: int) -> Iterator[SpanRecord]:
    """One trace of one chat span for each answer, at derived moments of seven days."""
    for row in rows:
        trace_id, span_id = _ids(row)
        prompt, answer = row.get("prompt", ""), row.get("completion", "")
        input_tokens, output_tokens = token_count(prompt), token_count(answer)
        provider, model = _MODELS[row["model"]]
        start = _start(row, period_start)
        attributes: dict[str, Attribute] = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": provider,
            "gen_ai.request.model": model,
            "gen_ai.response.model": model,
            "xstest.model": row["model"],
            "xstest.id": row["id"],
            "xstest.type": row["type"],
        }
        if "completion" in row:
            attributes |= {
                "gen_ai.response.finish_reasons": ["stop"],
                "gen_ai.usage.input_tokens": input_tokens,
                "gen_ai.usage.output_tokens": output_tokens,
                "gen_ai.input.messages": _messages("user", prompt),
                "gen_ai.output.messages": _messages("assistant", answer),
            }
        else:
            attributes["spandocket.demo.content"] = "not shipped"
        yield SpanRecord(
            service_name=SERVICE,
            trace_id=trace_id,
            span_id=span_id,
            parent_span_id=None,
            name=f"chat {model}",
            kind="client",
            start=start,
            end=start + model_call_nanoseconds(input_tokens, output_tokens, trace_id),
            attributes=attributes,
        )


def scores_of_answers(rows: Sequence[Row], period_start: int) -> Iterator[ScoreRecord]:
    """The GPT-4 judge's and the string match's verdict on each answer.

    The score says how far the answer complies: 1 fully, 0.5 in part, 0 not at all. A verdict of
    the judge that is no label of the scheme is sent as a failed evaluation with its text.
    """
    for row in rows:
        trace_id, span_id = _ids(row)
        for evaluator, column in ((JUDGE, "gpt4_label"), (STRING_MATCH, "strmatch_label")):
            label = _SOURCE_LABELS.get(row[column])
            yield ScoreRecord(
                service_name=SERVICE,
                trace_id=trace_id,
                span_id=span_id,
                time=_start(row, period_start) + 60 * _NANOSECONDS,
                evaluator=evaluator,
                label=label,
                score=None if label is None else _COMPLIANCE[label],
                explanation=row[column] if label is None else None,
                error_type="unreadable_verdict" if label is None else None,
            )


def answers_of_people(rows: Sequence[Row]) -> Iterator[AnswerRecord]:
    """The two annotators' labels, and the third label where they disagreed."""
    for row in rows:
        labels = [(name, row[f"annotation_{n}"]) for n, name in enumerate(ANNOTATORS, start=1)]
        if row["annotation_1"] != row["annotation_2"]:
            labels.append((ADJUDICATOR, row["final_label"]))
        for reviewer, label in labels:
            yield AnswerRecord(
                object_type="span",
                object_id=object_id(row),
                reviewer=reviewer,
                field=FIELD,
                value=_SOURCE_LABELS[label],
                adjudicated=reviewer == ADJUDICATOR,
                # The two people were given every answer, not a sample.
                inclusion_probability=1.0,
            )


def final_label(row: Row) -> str:
    """The label that settled the answer."""
    return _SOURCE_LABELS[row["final_label"]]


def _ids(row: Row) -> tuple[str, str]:
    parts = ("xstest", row["model"], row["id"])
    return hexadecimal(32, *parts), hexadecimal(16, *parts, "chat")


def _start(row: Row, period_start: int) -> int:
    return period_start + int(share("xstest", row["model"], row["id"]) * _PERIOD_NANOSECONDS)


def _messages(role: str, content: str) -> str:
    message: dict[str, object] = {"role": role, "parts": [{"type": "text", "content": content}]}
    if role == "assistant":
        message["finish_reason"] = "stop"
    return json.dumps([message])
