"""Decoding against the official package: on every capture, on made requests, on broken bytes.

Does not prove that the official package itself is right.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from google.protobuf.message import DecodeError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from otlp_receiver.decode import decode
from otlp_receiver.dialects.any_value import finite_or_word
from otlp_receiver.dialects.attributes import AttributeTable
from otlp_receiver.dialects.captures import read_captures
from otlp_receiver.dialects.json_text import quoted
from otlp_receiver.dialects.span_events import SpanEvents, objects
from tests.otlp_receiver.otlp_requests import official_spans, request, rows_of

ARCHIVE = Path(__file__).parents[1] / "data" / "captures" / "captures.tar.xz"


@cache
def captured_traces() -> tuple[bytes, ...]:
    return tuple(
        record.body
        for capture in read_captures(ARCHIVE)
        for record in capture.records()
        if record.signal == "traces"
    )


def decoded_spans(*bodies: bytes) -> list[dict]:
    """Spans as the fast way reads them, in the form of :func:`official_spans`."""
    decoded = decode(list(bodies), "traces")
    assert decoded.failed == []
    columns = {
        field.name: decoded.rows.field(field.name).to_pylist() for field in decoded.rows.type
    }
    count = len(decoded.rows)
    attributes = _objects(AttributeTable(decoded.rows.field("attributes")))
    resources = _objects(AttributeTable(decoded.resources.field("attributes")))
    events = SpanEvents(decoded.rows.field("events"))
    by_span = [json.loads(text) for text in events.as_json().to_list()]
    times = iter(events.times.tolist()) if count and len(events.owner) else iter(())
    scopes = decoded.scopes.field("name").to_pylist()
    return [
        {
            **{name: columns[name][at] for name in ("trace_id", "span_id", "parent_span_id")},
            "name": columns["name"][at],
            "kind": columns["kind"][at],
            "start_time_unix_nano": columns["start_time_unix_nano"][at],
            "end_time_unix_nano": columns["end_time_unix_nano"][at],
            "status": _status(columns["status"][at]),
            "scope": scopes[decoded.scope[at]] or "",
            "dropped": (
                columns["dropped_attributes_count"][at],
                columns["dropped_events_count"][at],
            ),
            "attributes": attributes[at],
            "resource": resources[decoded.resource[at]],
            "events": [event | {"time": next(times)} for event in by_span[at]],
        }
        for at in range(count)
    ]


_DROPPED = ("attributes", "events")


def _objects(table: AttributeTable) -> list[dict]:
    return [json.loads(t) for t in objects(table, np.ones(len(table), dtype=np.bool_)).to_list()]


def _status(status: dict | None) -> tuple[int, str]:
    return (0, "") if status is None else (status["code"], status["message"])


def test_every_captured_span_is_read_as_the_official_package_reads_it():
    bodies = captured_traces()

    expected = [span for body in bodies for span in official_spans(body)]

    assert decoded_spans(*bodies) == expected
    assert len(expected) > 2_000


NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=True, allow_infinity=True)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text() | st.binary(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.text(max_size=8) | st.sampled_from(["gen_ai.prompt.0.content", "gen_ai.input.messages"])
SPANS = st.fixed_dictionaries(
    {
        "name": st.text(max_size=8),
        "attributes": st.lists(st.tuples(KEYS, VALUES), max_size=6),
        "events": st.lists(
            st.fixed_dictionaries(
                {
                    "name": st.text(max_size=8),
                    "time": st.integers(0, 2**62),
                    "attributes": st.lists(st.tuples(KEYS, VALUES), max_size=3),
                }
            ),
            max_size=3,
        ),
    }
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(SPANS, min_size=1, max_size=4))
def test_made_requests_are_read_as_the_official_package_reads_them(spans):
    body = request(*spans)

    assert decoded_spans(body) == official_spans(body)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_broken_bytes_are_read_or_reported_but_never_raise(data):
    body = bytearray(
        request(
            {"attributes": {"gen_ai.system": "openai", "n": 1, "list": ["a", {"b": 2.5}]}},
            {"attributes": {}, "events": [{"name": "e", "attributes": {"k": True}}]},
        )
    )
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    broken = bytes(body[: data.draw(st.integers(0, len(body)))])
    good = request({"attributes": {"gen_ai.system": "openai"}})

    rows = rows_of(good, broken, good)

    assert [number for number, _ in rows.failed] in ([], [1])
    try:
        official_spans(broken)
    except DecodeError:
        assert rows.failed or len(rows.spans) >= 2
    else:
        assert rows.failed == []


def test_a_body_that_ptars_refuses_is_read_the_slow_way(monkeypatch):
    # Fields of an unknown group: the official package skips them.
    group = bytes([(99 << 3 | 3) & 0x7F | 0x80, 99 >> 4, (99 << 3 | 4) & 0x7F | 0x80, 99 >> 4])
    body = request({"attributes": {"gen_ai.system": "openai"}}) + group

    rows = rows_of(body, b"\xff\xff")

    assert len(rows.spans) == 1
    assert [number for number, _ in rows.failed] == [1]


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf"), 1e308, -0.0, 1e-7])
def test_numbers_are_written_as_json(number):
    spans = decoded_spans(request({"attributes": {"n": number}}))

    assert spans[0]["attributes"]["n"] == finite_or_word(number)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text() | st.none()))
def test_quoting_writes_json_strings(texts):
    import polars as pl

    series = pl.Series(texts, dtype=pl.String)

    written = [None if text is None else json.loads(text) for text in quoted(series)]

    assert written == texts
