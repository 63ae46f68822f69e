from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from analytics.detectors.json_schemas import validator_of
from tests.analytics.contexts import one
from tests.analytics.spans import chat


class Listener(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"type": "object", "required": ["secret"]}')

    def log_message(self, *_):
        pass


@pytest.fixture
def listener():
    server = HTTPServer(("127.0.0.1", 0), Listener)
    server.asked = []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_what_a_senders_schema_refers_to_is_never_fetched(listener):
    schema = {"$ref": f"http://127.0.0.1:{listener.server_port}/schema.json"}
    tools = [{"type": "function", "name": "pay", "parameters": schema}]
    call = [{"type": "tool_call", "id": "c1", "name": "pay", "arguments": {"x": 1}}]

    assert validator_of(schema) is None
    assert one("output_schema_validation", [chat("t", answer="{}", output_schema=schema)])[0] == (
        "skipped"
    )
    asking = chat("t", answer=call, tool_definitions=tools, finish_reasons=["tool_call"])
    assert one("tool_call_errors", [asking])[0] == "no_match"
    assert listener.asked == []


def test_a_senders_schema_reads_no_file_of_this_machine(tmp_path):
    other = tmp_path / "schema.json"
    other.write_text('{"type": "object"}')

    assert validator_of({"$ref": other.as_uri()}) is None


def test_references_inside_a_schema_are_followed():
    schema = {"$defs": {"n": {"type": "integer"}}, "properties": {"a": {"$ref": "#/$defs/n"}}}

    assert not validator_of(schema).is_valid({"a": "x"})
    assert validator_of(schema).is_valid({"a": 1})
