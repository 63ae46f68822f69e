"""``spandocket spans``, ``prices`` and ``dialects``, as a person runs them."""

from __future__ import annotations

import json

import pytest

from otlp_receiver.dialects.catalog import DIALECTS
from tests.otlp_receiver.otlp_requests import SPAN_ID, TRACE_ID, logs, request

CHAT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "our-own-model",
    "gen_ai.usage.input_tokens": 10,
    "gen_ai.usage.output_tokens": 5,
    "shop.session": "s-1",
}

pytestmark = pytest.mark.acceptance


@pytest.fixture
def imported(spandocket, tmp_path):
    """The command, on one imported chat span and one plain span."""
    file = tmp_path / "one.traces.binpb"
    file.write_bytes(request({"attributes": CHAT}, {"name": "GET /"}))
    settings = tmp_path / "settings.toml"
    settings.write_text('[receiver.attributes]\nconversation_id = "shop.session"\n')

    outcome = spandocket("--config", settings, "import", file)

    assert outcome.code == 0, outcome.err
    return spandocket


def test_spans_are_counted_and_listed_by_a_filter(imported):
    assert json.loads(imported("spans", "count").out) == {"count": 2}
    assert json.loads(imported("spans", "count", "--where", "is_model_call").out) == {"count": 1}
    listed = imported("spans", "list", "--where", "operation_name = 'chat'").out.splitlines()
    assert [json.loads(line)["conversation_id"] for line in listed] == ["s-1"]


@pytest.mark.parametrize("listing", ["spans", "traces", "evaluations", "sessions"])
def test_a_limit_that_cannot_be_counted_is_wrong_usage(imported, listing):
    outcome = imported(listing, "list", "--limit", "4294967296")

    assert outcome.code == 2
    assert "--limit" in outcome.err


def test_a_condition_that_cannot_take_a_value_is_wrong_usage(imported):
    for verb in ("count", "list"):
        outcome = imported("spans", verb, "--where", "CAST(name AS INT) > 1")

        assert outcome.code == 2
        assert "TRY_CAST" in outcome.err
    assert imported("spans", "count", "--where", "TRY_CAST(name AS INT) > 1").out == '{"count":0}\n'


def test_explain_names_the_attribute_of_each_field(imported):
    outcome = imported("spans", "show", TRACE_ID.hex(), SPAN_ID.hex(), "--explain")

    sources = {row["field"]: row["source"] for row in map(json.loads, outcome.out.splitlines())}
    assert sources["input_tokens"] == "gen_ai.usage.input_tokens"
    assert sources["conversation_id"] == "shop.session"
    assert sources["service_name"] == "resource: service.name"
    assert sources["total_tokens"] == "input_tokens + output_tokens"
    assert sources["cost_usd"] is None


def test_explain_names_events_logs_and_other_spans(spandocket, tmp_path):
    outer = {
        "name": "ai.generateObject",
        "span_id": bytes(7) + b"\2",
        "attributes": {"ai.operationId": "ai.generateObject", "ai.schema": '{"type":"object"}'},
    }
    inner = {
        "name": "ai.generateObject.doGenerate",
        "parent_span_id": outer["span_id"],
        "attributes": {"ai.operationId": "ai.generateObject.doGenerate"},
        "events": [{"name": "exception", "attributes": {"exception.type": "TimeoutError"}}],
    }
    message = {"event_name": "gen_ai.user.message", "body": {"content": "hi"}}
    (tmp_path / "one.traces.binpb").write_bytes(request(inner, outer, scope="ai"))
    (tmp_path / "two.logs.binpb").write_bytes(logs(message))

    assert spandocket("import", tmp_path).code == 0
    outcome = spandocket("spans", "show", TRACE_ID.hex(), SPAN_ID.hex(), "--explain")

    rows = [json.loads(line) for line in outcome.out.splitlines()]
    sources = {row["field"]: row["source"] for row in rows}
    assert sources["error_type"] == "event:exception"
    assert sources["input_messages"] == "log:gen_ai.user.message"
    assert sources["output_schema"].endswith(":ai.schema")
    assert sources["finish_reasons"] == "is_error"
    assert [row["field"] for row in rows if (row["value"] is None) != (row["source"] is None)] == []


def test_an_unknown_span_and_an_unknown_column_are_errors(imported):
    unknown = imported("spans", "show", "0" * 31 + "9", SPAN_ID.hex())
    wrong = imported("spans", "list", "--where", "operation_nam = 'chat'")

    assert unknown.code == 1
    assert "no span" in unknown.err
    assert wrong.code == 2
    assert "operation_name" in wrong.err


def test_models_without_a_price_are_listed_with_their_share(imported):
    row = json.loads(imported("prices", "missing").out)

    assert (row["model"], row["calls"], row["calls_percent"]) == ("our-own-model", 1, 100.0)


def test_a_model_with_a_price_is_not_listed_for_calls_that_nobody_can_price(spandocket, tmp_path):
    usage = ("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens")
    called = {key: CHAT[key] for key in CHAT if key not in usage}
    file, prices = tmp_path / "two.traces.binpb", tmp_path / "prices.csv"
    spans = (
        {"attributes": called | {"gen_ai.request.model": "gpt-4o-mini"}, "status": 2},
        {"attributes": CHAT | {"gen_ai.request.model": "priced-later"}, "start": 10**18},
        {"attributes": CHAT | {"gen_ai.usage.cost": 0.5}},
    )
    file.write_bytes(request(*spans))
    prices.write_text(
        "model,from,until,input,output,cache_read,cache_write,reasoning,above\n"
        "priced-later,2026-01-01,,1,1,,,,\n"
    )
    settings = tmp_path / "settings.toml"
    settings.write_text(f'[receiver]\nprices = "{prices}"\n')
    assert spandocket("--config", settings, "import", file).code == 0

    listed = spandocket("--config", settings, "prices", "missing").out.splitlines()

    (row,) = map(json.loads, listed)
    assert (row["model"], row["calls"]) == ("priced-later", 1)
    assert row["calls_percent"] == pytest.approx(100 / 3)


def test_every_dialect_is_listed(spandocket):
    listed = [json.loads(line)["code"] for line in spandocket("dialects", "list").out.splitlines()]

    assert listed == [entry.code for entry in DIALECTS]


def test_tokens_that_nobody_counted_are_unknown_not_zero(spandocket, tmp_path):
    call = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "our-own-model"}
    (tmp_path / "one.traces.binpb").write_bytes(request({"attributes": call}))
    assert spandocket("import", tmp_path / "one.traces.binpb").code == 0

    row = json.loads(spandocket("prices", "missing").out)

    assert (row["model"], row["calls"], row["total_tokens"]) == ("our-own-model", 1, None)
