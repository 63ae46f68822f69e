"""Findings that the loader leaves for forwarding: the same bytes go out, whoever found them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from analytics.config import AnalysisConfig
from cli.span_signals import SpanSignals
from otlp_receiver.config import ReceiverConfig
from otlp_receiver.forward_enrichment import Enrichment, SpanFindings, enriched
from otlp_receiver.forward_findings import FindingsReader, FindingsWriter, clear_findings
from otlp_receiver.load_mark import write_mark
from otlp_receiver.record import SpoolRecord
from tests.otlp_receiver.requests import span_ids, trace_request

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ERROR = SpanFindings(names=("error",), severity=0.5)
EMPTY = SpanFindings(names=("empty_response",), severity=0.8)


def record(number: int, count: int = 3) -> SpoolRecord:
    body = trace_request(count, seed=number).SerializeToString()
    return SpoolRecord(number=number, project="p", signal="traces", received_at=7, body=body)


def span_of(one: SpoolRecord, place: int = 0) -> str:
    return ":".join(span_ids(trace_request(3, seed=one.number))[place])


def error_in_each(records: Sequence[SpoolRecord]) -> dict[int, dict[str, SpanFindings]]:
    return {one.number: {span_of(one): ERROR} for one in records}


class Finding:
    """Finds an error in each record, and remembers which it was asked for."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def __call__(self, records: Sequence[SpoolRecord]) -> dict[int, dict[str, SpanFindings]]:
        self.asked += [one.number for one in records]
        return error_in_each(records)


def ends(records: Sequence[SpoolRecord]) -> tuple[int, int]:
    return records[0].number, records[-1].number


def never(_: float) -> bool:
    raise AssertionError("nothing was to be waited for")


def test_what_was_written_is_read(tmp_path: Path) -> None:
    one, two = record(3), record(5)
    FindingsWriter(tmp_path, "s").write(
        one.number, two.number, {5: {span_of(two): ERROR, "x:y": EMPTY}}
    )
    reader = FindingsReader(tmp_path, "s")

    reader.advance(5)

    assert reader.newest == 5
    assert [reader.is_known(number) for number in (2, 3, 4, 5, 6)] == [
        False,
        True,
        True,
        True,
        False,
    ]
    assert reader.of(3) == {}
    assert reader.of(5) == {span_of(two): ERROR, "x:y": EMPTY}


def test_torn_foreign_and_spoilt_lines_say_nothing(tmp_path: Path) -> None:
    FindingsWriter(tmp_path, "other settings").write(1, 1, {})
    writer = FindingsWriter(tmp_path, "s")
    writer.write(2, 2, {2: {span_of(record(2)): ERROR}})
    (path,) = tmp_path.glob("*2-*.findings")
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    reader = FindingsReader(tmp_path, "s")
    reader.advance(9)
    assert reader.newest == -1

    path.write_bytes(bytes(len(whole)) + b"\n[1, 2]\n" + b'{"first": 1}\n')
    writer.write(3, 3, {})
    again = FindingsReader(tmp_path, "s")
    again.advance(9)

    assert [again.is_known(number) for number in (1, 2, 3)] == [False, False, True]


def test_a_line_is_taken_once_it_is_whole(tmp_path: Path) -> None:
    FindingsWriter(tmp_path, "s").write(2, 2, {2: {span_of(record(2)): ERROR}})
    (path,) = tmp_path.glob("*.findings")
    whole = path.read_bytes()
    path.write_bytes(whole[:30])
    reader = FindingsReader(tmp_path, "s")
    reader.advance(2)
    assert not reader.is_known(2)

    path.write_bytes(whole)
    reader.advance(2)

    assert reader.of(2) == {span_of(record(2)): ERROR}


def test_files_go_once_everything_in_them_is_forwarded(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("otlp_receiver.forward_findings._FILE_BYTES_MAX", 1)
    writer = FindingsWriter(tmp_path, "s")
    for number in range(1, 6):
        writer.write(number, number, error_in_each([record(number)]))
    reader = FindingsReader(tmp_path, "s")
    reader.advance(3)

    reader.forget(3)

    left = sorted(int(path.name.partition("-")[0]) for path in tmp_path.glob("*.findings"))
    assert left == [4, 5]
    reader.advance(5)
    assert [bool(reader.of(number)) for number in range(1, 6)] == [False] * 3 + [True] * 2
    clear_findings(tmp_path)
    assert list(tmp_path.glob("*.findings")) == []


def test_the_loaders_findings_are_waited_for_and_used(tmp_path: Path) -> None:
    records = [record(number) for number in range(1, 5)]
    writer = FindingsWriter(tmp_path, "s")
    finding = Finding()
    waits: list[float] = []

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        if len(waits) == 30:
            writer.write(*ends(records[:2]), error_in_each(records[:2]))
        if len(waits) == 70:
            writer.write(*ends(records[2:]), error_in_each(records[2:]))
        return True

    bodies = Enrichment(finding, FindingsReader(tmp_path, "s"))(records, wait)

    assert finding.asked == []
    assert len(waits) == 70
    assert bodies == Enrichment(error_in_each)(records, never)
    assert all(body != one.body for body, one in zip(bodies, records, strict=True))


def test_a_loader_that_stands_still_is_not_waited_for_again_until_it_goes_on(
    tmp_path: Path,
) -> None:
    records = [record(number) for number in range(1, 5)]
    writer = FindingsWriter(tmp_path, "s")
    finding = Finding()
    waits: list[float] = []

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        return True

    enrichment = Enrichment(finding, FindingsReader(tmp_path, "s"))
    first = enrichment(records[:2], wait)
    waited = len(waits)
    second = enrichment(records[2:3], never)
    writer.write(*ends(records), error_in_each(records))
    third = enrichment(records[3:], never)

    assert 4 < sum(waits) < 6
    assert waited == len(waits)
    assert finding.asked == [1, 2, 3]
    assert [*first, *second, *third] == Enrichment(error_in_each)(records, never)


def test_what_the_loader_passed_without_a_word_is_found_alone(tmp_path: Path) -> None:
    records = [record(number) for number in range(1, 5)]
    writer = FindingsWriter(tmp_path, "s")
    writer.write(*ends(records[:1]), error_in_each(records[:1]))
    writer.write(*ends(records[3:]), error_in_each(records[3:]))
    finding = Finding()

    bodies = Enrichment(finding, FindingsReader(tmp_path, "s"))(records, never)

    assert finding.asked == [2, 3]
    assert bodies == Enrichment(error_in_each)(records, never)


def test_what_was_loaded_without_findings_is_not_waited_for(tmp_path: Path) -> None:
    finding = Finding()
    write_mark(tmp_path, 1)

    bodies = Enrichment(finding, FindingsReader(tmp_path, "s"))([record(1)], never)

    assert finding.asked == [1]
    assert bodies == Enrichment(error_in_each)([record(1)], never)


def test_when_the_receiver_stops_nothing_is_waited_for(tmp_path: Path) -> None:
    finding = Finding()

    bodies = Enrichment(finding, FindingsReader(tmp_path, "s"))([record(1)], lambda _: False)

    assert finding.asked == [1]
    assert bodies == Enrichment(error_in_each)([record(1)], never)


def test_no_byte_changes_but_those_of_marked_spans() -> None:
    request = trace_request(4)
    request.resource_spans[0].scope_spans.add().spans.add().CopyFrom(
        trace_request(1, seed=9).resource_spans[0].scope_spans[0].spans[0]
    )
    body = request.SerializeToString()
    # Fields that nobody knows, and a length in more bytes than it takes.
    unknown = b"\x9a\x3e\x03new" + b"\xa1\x3e12345678" + b"\xad\x3e1234"
    odd = unknown + b"\x0a\x80\x00" + body
    spans = span_ids(request)
    marked = {":".join(spans[1]): ERROR, ":".join(spans[4]): EMPTY}

    changed = enriched(odd, marked)

    assert changed.startswith(unknown + b"\x0a\x80\x00")
    expected = type(request)()
    expected.CopyFrom(request)
    for span, found in (
        (expected.resource_spans[0].scope_spans[0].spans[1], ERROR),
        (expected.resource_spans[0].scope_spans[1].spans[0], EMPTY),
    ):
        names = span.attributes.add(key="spandocket.findings").value.array_value
        names.values.add(string_value=found.names[0])
        span.attributes.add(key="spandocket.severity").value.double_value = found.severity
    assert changed.removeprefix(unknown + b"\x0a\x80\x00") == expected.SerializeToString()


@pytest.mark.parametrize(
    "behind",
    [b"\x3a\x00", b"\x9b\x3e\x9c\x3e"],
    ids=["ids that are not first", "a group"],
)
def test_what_only_a_parser_understands_is_marked_as_well(behind: bytes) -> None:
    span = trace_request(1).resource_spans[0].scope_spans[0].spans[0]
    raw = span.SerializeToString()
    # Twice the same field: the last one counts.
    raw = behind + raw if behind == b"\x3a\x00" else raw + behind
    inner = b"\x12" + _length(raw) + raw
    scope = b"\x12" + _length(inner) + inner
    body = b"\x0a" + _length(scope) + scope

    changed = enriched(body, {f"{span.trace_id.hex()}:{span.span_id.hex()}": ERROR})

    arrived = type(trace_request(1)).FromString(changed)
    keys = [pair.key for pair in arrived.resource_spans[0].scope_spans[0].spans[0].attributes]
    assert keys[-2:] == ["spandocket.findings", "spandocket.severity"]


def _length(raw: bytes) -> bytes:
    return bytes([len(raw) & 0x7F | 0x80, len(raw) >> 7])


def test_a_request_that_nobody_can_decode_goes_on_as_it_came_beside_one_with_findings() -> None:
    failed = trace_request(1, seed=1)
    failed.resource_spans[0].scope_spans[0].spans[0].status.code = 2
    bodies = [b"\x0a\xff\xff", failed.SerializeToString(), b"\x0a\x05abc"]
    records = [
        SpoolRecord(number=number, project="p", signal="traces", received_at=7, body=body)
        for number, body in enumerate(bodies, start=1)
    ]
    signals = SpanSignals(AnalysisConfig(), ReceiverConfig(), lambda: datetime.now(UTC))

    first, second, third = Enrichment(signals)(records, never)

    assert [first, third] == [bodies[0], bodies[2]]
    assert b"spandocket.findings" in second
