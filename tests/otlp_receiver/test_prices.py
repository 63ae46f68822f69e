"""What a call costs when nobody reported it."""

from __future__ import annotations

import itertools

import polars as pl
import pytest

from otlp_receiver.dialects.prices import PriceFileError, PriceTable, load_prices, with_costs
from span_store.schema import SPANS

MARCH_2024 = 1_710_000_000 * 10**9
MARCH_2026 = 1_773_000_000 * 10**9


def call(**values) -> pl.DataFrame:
    base = {
        "is_model_call": True,
        "operation_name": "chat",
        "request_model": "gpt-4o-mini",
        "start_time": MARCH_2026,
        "input_tokens": 1_000_000,
        "output_tokens": 1_000_000,
    }
    return pl.DataFrame([base | values], schema=SPANS.polars)


def cost(table: PriceTable | None = None, **values) -> tuple[float | None, str | None]:
    row = with_costs(call(**values), table or load_prices()).row(0, named=True)
    return row["cost_usd"], row["cost_source"]


def test_input_and_output_have_their_own_prices():
    assert cost() == (pytest.approx(0.75), "priced")


def test_cached_tokens_are_a_part_of_input_at_a_price_of_their_own():
    assert cost(output_tokens=0, cache_read_tokens=400_000)[0] == pytest.approx(0.12)


def test_a_cache_write_costs_more_where_it_does():
    dollars, _ = cost(request_model="claude-sonnet-4-5", output_tokens=0, cache_write_tokens=10**6)

    assert dollars == pytest.approx(3.75)


def test_the_price_of_the_spans_day_holds():
    assert cost(request_model="gpt-4o", start_time=MARCH_2024)[0] == pytest.approx(20.0)
    assert cost(request_model="gpt-4o")[0] == pytest.approx(12.5)


def test_a_dated_name_keeps_its_own_price():
    assert cost(request_model="gpt-4o-2024-05-13")[0] == pytest.approx(20.0)
    assert cost(request_model="gpt-4o-2024-08-06", start_time=MARCH_2024)[0] == pytest.approx(12.5)


def test_reasoning_is_a_part_of_output_at_a_price_of_its_own(tmp_path):
    own = tmp_path / "prices.csv"
    own.write_text(
        "model,from,until,input,output,cache_read,cache_write,reasoning\nthinker,,,1,2,,,10\n"
    )
    table = load_prices(str(own))

    assert cost(table, request_model="thinker", reasoning_tokens=500_000)[0] == pytest.approx(7.0)


def test_every_period_of_a_shipped_model_follows_the_one_before():
    by_model: dict[tuple[str, int], list] = {}
    for price in load_prices().prices:
        by_model.setdefault((price.model, price.above), []).append(price)

    for (model, above), periods in by_model.items():
        assert not above or (model, 0) in by_model
        assert (periods[0].since, periods[-1].until) == (0, 2**63 - 1)
        assert all(one.until == other.since for one, other in itertools.pairwise(periods))
        assert all(price.cache_read <= price.input for price in periods)


@pytest.mark.parametrize(
    ("tokens", "dollars"), [(200_000, 0.25), (200_001, 0.5000025), (1_000_000, 2.5)]
)
def test_a_long_input_costs_more_in_every_part_where_it_does(tokens, dollars):
    found, _ = cost(request_model="gemini-2.5-pro", input_tokens=tokens, output_tokens=0)

    assert found == pytest.approx(dollars)


@pytest.mark.parametrize("long_first", [True, False])
def test_the_place_of_a_row_for_long_inputs_does_not_matter(tmp_path, long_first):
    rows = ["own,,,1,1,,,,", "own,,,3,3,,,,1000"][:: -1 if long_first else 1]
    file = tmp_path / "prices.csv"
    head = "model,from,until,input,output,cache_read,cache_write,reasoning,above"
    file.write_text("\n".join([head, *rows]))
    table = load_prices(str(file))

    assert cost(table, request_model="own", input_tokens=1000, output_tokens=0)[0] == 0.001
    assert cost(table, request_model="own", input_tokens=2000, output_tokens=0)[0] == 0.006


def test_a_users_own_price_holds_for_long_inputs_too(tmp_path):
    file = tmp_path / "prices.csv"
    head = "model,from,until,input,output,cache_read,cache_write,reasoning"
    file.write_text(f"{head}\ngemini-2.5-pro,,,1,1,,,\n")

    found, _ = cost(load_prices(str(file)), request_model="gemini-2.5-pro", output_tokens=0)

    assert found == pytest.approx(1.0)


@pytest.mark.parametrize(
    "name",
    [
        "gpt-4o-mini-2024-07-18",
        "openai/gpt-4o-mini",
        "GPT-4o-mini",
        "azure/openai/gpt-4o-mini-2024-07-18",
    ],
)
def test_makers_and_versions_do_not_matter(name):
    assert load_prices().model(name) == "gpt-4o-mini"


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5"),
        ("claude-3-5-sonnet-20241022", "claude-3-5-sonnet"),
        ("models/gemini-2.5-flash-001", "gemini-2.5-flash"),
        ("gemini-2.5-pro-preview-05-06", "gemini-2.5-pro"),
        ("command-a-03-2025", "command-a"),
        ("bedrock/us.amazon.nova-pro-v1:0", "nova-pro"),
        ("azure/eu/gpt-4o-2024-05-13", "gpt-4o-2024-05-13"),
        ("vertex_ai/claude-sonnet-4-5@20250929", "claude-sonnet-4-5"),
        ("claude-opus-4-5-20251101", "claude-opus-4-5"),
        ("claude-opus-4-99", None),
        ("gpt-5-9", None),
        ("gpt-4o-mini-audio", None),
        ("our-own-model", None),
        ("", None),
    ],
)
def test_a_model_is_never_taken_for_another(name, known):
    assert load_prices().model(name) == known


def test_the_model_that_answered_is_asked_first():
    assert cost(request_model="unknown", response_model="gpt-4o-mini")[1] == "priced"
    assert cost(request_model="gpt-4o-mini", response_model="unknown")[1] == "priced"


def test_unknown_is_null_and_never_zero():
    assert cost(request_model="our-own-model") == (None, None)
    assert cost(output_tokens=None) == (None, None)


def test_an_embedding_needs_no_output():
    priced = cost(
        request_model="text-embedding-3-small", operation_name="embeddings", output_tokens=None
    )

    assert priced == (pytest.approx(0.02), "priced")


def test_a_reported_cost_stands():
    assert cost(cost_usd=0.5, cost_source="reported") == (0.5, "reported")


def test_only_model_calls_are_priced():
    assert cost(is_model_call=False) == (None, None)


def test_a_users_own_price_comes_first(tmp_path):
    own = tmp_path / "prices.csv"
    own.write_text(
        "model,from,until,input,output,cache_read,cache_write,reasoning\n"
        "gpt-4o-mini,,,1,2,,,\nour-own-model,2026-01-01,,10,0,,,\n"
    )
    table = load_prices(str(own))

    assert cost(table)[0] == pytest.approx(3.0)
    assert cost(table, request_model="our-own-model")[0] == pytest.approx(10.0)
    assert cost(table, request_model="our-own-model", start_time=MARCH_2024) == (None, None)


def test_a_bad_price_file_names_its_line(tmp_path):
    own = tmp_path / "prices.csv"
    own.write_text("model,from,until,input,output\n\ngpt-4o-mini,,,cheap,2\n")

    with pytest.raises(PriceFileError, match="line 3"):
        load_prices(str(own))
