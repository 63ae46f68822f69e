"""One odd text or value must not lose the request around it."""

from __future__ import annotations

import json

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otlp_receiver.file_formats import requests_of
from otlp_receiver.inspection import inspect_logs, inspect_traces
from otlp_receiver.otlp_json import json_to_protobuf
from otlp_receiver.repair import repaired, valid_text
from otlp_receiver.status import Refusal
from tests.otlp_receiver.otlp_requests import logs, request, rows_of

KIND = ExportTraceServiceRequest.DESCRIPTOR


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"a\xed\xa0\xbdb", "a\ufffdb"),
        (b"a\xed\xa0\xbd\xed\xb8\x80b", "a\U0001f600b"),
        (b"cut \xe2\x82", "cut \ufffd"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        ("grün".encode(), "grün"),
    ],
)
def test_bytes_that_are_no_text_become_one(raw, text):
    assert valid_text(raw).decode() == text


@pytest.mark.parametrize("place", [b"shop", b"chat m", b"gen_ai.system", b"openai", b"inner"])
def test_a_request_with_an_invalid_text_anywhere_keeps_all_its_spans(place):
    attributes = {"gen_ai.system": "openai", "nested": {"list": ["inner"]}}
    broken = request({"attributes": attributes}, {"name": "other"}).replace(
        place, b"\xed\xa0\xbd" + place[3:]
    )

    inspected = inspect_traces(broken)

    assert (inspected.accepted, inspected.rejected) == (2, ())
    assert len(rows_of(inspected.body).spans) == 2
    # An older spool, or a file, may hold the request as it was sent.
    rows = rows_of(broken, request({"name": "third"}))
    assert (len(rows.spans), rows.failed) == (3, [])
    assert place != b"inner" or '"list":["\ufffder"]' in rows.spans["attributes"][0]


def test_a_log_with_an_invalid_text_is_kept():
    broken = logs({"body": "cafe", "event_name": "x"}).replace(b"cafe", b"caf\xe9")

    assert inspect_logs(broken).accepted == 1


def test_what_is_no_request_is_not_mended():
    assert repaired(b"\xff\xff\xff", KIND) is None
    assert repaired(request({}), KIND) is None
    with pytest.raises(Refusal):
        inspect_traces(b"\xff\xff\xff")


def as_json(attributes: str, name: str = "chat") -> bytes:
    span = (
        '{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331",'
        f'"name":"{name}","startTimeUnixNano":"1","endTimeUnixNano":"2","attributes":[{attributes}]}}'
    )
    return f'{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{span}]}}]}}]}}'.encode()


@pytest.mark.parametrize(
    ("value", "seen"),
    [
        ('{"intValue":"12"}', 12),
        ('{"intValue":12.0}', 12),
        ('{"intValue":12.5}', 12.5),
        ('{"intValue":"many"}', "many"),
        ('{"intValue":1e21}', 1e21),
        ('{"intValue":"99999999999999999999"}', "99999999999999999999"),
        ('{"intValue":99999999999999999999}', 1e20),
        ('{"boolValue":"true"}', "true"),
        ('{"doubleValue":NaN}', "NaN"),
        ('{"doubleValue":"-Infinity"}', "-Infinity"),
        ('{"doubleValue":1e999}', "Infinity"),
        ('{"stringValue":5}', 5),
        ('{"stringValue":{"a":1}}', '{"a":1}'),
        ('{"bytesValue":"!!"}', "!!"),
        ('{"stringValue":"half \\ud83d"}', "half \ufffd"),
        ('{"arrayValue":{"values":[{"intValue":"x"},{"intValue":"1"}]}}', ["x", 1]),
        ('{"nobodyKnows":1}', None),
        ("null", None),
    ],
)
def test_a_value_that_is_not_what_it_claims_keeps_what_it_is(value, seen):
    body = json_to_protobuf("traces", as_json(f'{{"key":"x","value":{value}}}', "cut \\udc00"))

    span = rows_of(body).spans.row(0, named=True)

    assert json.loads(span["attributes"]) == {"x": seen}
    assert span["name"] == "cut \ufffd"


@pytest.mark.parametrize("count", [1, 2])
def test_files_with_half_an_emoji_are_read_whole(tmp_path, count):
    path = tmp_path / "some.json"
    path.write_bytes(b"\n".join([as_json("", "\\ud83d")] * count))

    found = [*requests_of(path, path.read_bytes())]

    assert [(one.signal, one.problem) for one in found] == [("traces", "")] * count
