"""Findings of spans taken alone: the same for every batch, and no span is passed over."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from analytics.config import AnalysisConfig
from cli.span_signals import SpanSignals
from otlp_receiver.config import ReceiverConfig
from otlp_receiver.dialects.captures import read_captures
from otlp_receiver.record import SpoolRecord
from otlp_receiver.rows import to_rows
from tests.otlp_receiver.otlp_requests import request

ARCHIVE = Path(__file__).parents[1] / "data" / "captures" / "captures.tar.xz"
CALL = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai"}


def signals(**receiver: object) -> SpanSignals:
    return SpanSignals(
        AnalysisConfig(),
        ReceiverConfig(**receiver),  # type: ignore[arg-type]
        lambda: datetime(2026, 11, 1, tzinfo=UTC),
    )


@cache
def captured() -> tuple[SpoolRecord, ...]:
    """Trace requests of real instrumentations."""
    records = [
        record
        for capture in read_captures(ARCHIVE)
        for record in capture.records()
        if record.signal == "traces"
    ]
    return tuple(replace(one, number=number) for number, one in enumerate(records, start=10))


def record(number: int, **spans: dict[str, object]) -> SpoolRecord:
    body = request(*spans.values())
    return SpoolRecord(number=number, project="p", signal="traces", received_at=7, body=body)


def answer(text: str) -> dict[str, object]:
    message = '[{"role":"assistant","parts":[{"type":"text","content":"%s"}]}]'
    return CALL | {"gen_ai.output.messages": message % text}


def test_no_span_that_a_detector_matches_is_passed_over_unread() -> None:
    finder = signals()
    rows = to_rows(captured())

    found = finder.of(rows)

    everything = finder._decisions(rows.spans.with_row_index("row"))
    names = Counter(
        name
        for spans in found.values()
        for findings in spans.values()
        for name in findings.names
        if name != "error"
    )
    assert names == Counter(detector for _, detector, _ in everything)
    assert set(names) == {"tool_call_errors", "output_schema_validation", "empty_response"}
    assert sum(names.values()) > 100


def test_the_findings_of_a_request_do_not_depend_on_what_stands_beside_it() -> None:
    finder = signals()
    together = finder(captured())

    for start in range(0, len(captured()), 130):
        few = captured()[start : start + 5]
        assert finder(few) == {
            one.number: together[one.number] for one in few if one.number in together
        }


def test_one_span_in_two_requests_is_marked_in_each_by_what_it_says_there() -> None:
    early = record(4, span={"attributes": answer(" ")})
    late = record(5, span={"attributes": answer("The capital of France is Paris.")})

    found = signals()([early, late])

    assert list(found) == [4]
    ((span, findings),) = found[4].items()
    assert len(span) == 32 + 1 + 16
    assert findings.names == ("empty_response",)


def test_keys_of_ones_own_are_read() -> None:
    own = {"shop.answer": '[{"role":"assistant","parts":[{"type":"text","content":" "}]}]'}
    one = record(4, span={"attributes": CALL | own})

    plain = signals()
    knowing = signals(attributes={"output_messages": "shop.answer"})

    assert plain([one]) == {}
    assert list(knowing([one])) == [4]
    assert plain.settings != knowing.settings


def test_a_span_that_a_detector_fails_at_takes_no_answer_from_the_others(monkeypatch) -> None:
    finder = signals()
    records = [record(number, span={"attributes": answer(" ")}) for number in range(1, 9)]
    detector = next(one for one in finder._detectors if one.id == "empty_response")
    whole = detector.decide

    def decide(context):  # type: ignore[no-untyped-def]
        if "0000000003" in context.span_frame["trace_id"]:
            raise ZeroDivisionError
        return whole(context)

    monkeypatch.setattr(detector, "decide", decide)

    assert list(finder(records)) == [1, 2, 3, 5, 6, 7, 8]
