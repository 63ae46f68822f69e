"""A filter is a condition: it opens no file and asks nobody."""

import pytest

from analytics.filters import compile_trace_filter
from span_store.errors import InvalidFilterError
from span_store.filters import compile_filter
from span_store.schema import SPANS


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "secret.csv"
    path.write_text("swordfish\n1\n")
    return path


@pytest.mark.parametrize(
    "filter_sql",
    [
        "trace_id IN (SELECT x FROM read_csv('{secret}'))",
        "trace_id in (select x from read_csv('{secret}'))",
        "EXISTS (SELECT 1 FROM read_csv('{secret}'))",
        "trace_id IN (FROM read_csv('{secret}'))",
        "trace_id = $$'$$ OR trace_id IN (SELECT x FROM read_csv('{secret}')) OR name = ''",
        "/*'*/ trace_id IN (SELECT x FROM read_csv('{secret}')) /*'*/",
        "name = E'\\'' OR trace_id IN (SELECT x FROM read_csv('{secret}')) OR name = E'\\''",
        "trace_id IN (WITH a AS (SELECT x FROM read_csv('{secret}')) SELECT x FROM a)",
    ],
)
@pytest.mark.parametrize("compiled", [compile_trace_filter, lambda sql: compile_filter(sql, SPANS)])
def test_no_filter_reads_a_file(secret, compiled, filter_sql):
    with pytest.raises(InvalidFilterError, match="holds no query of its own") as caught:
        compiled(filter_sql.format(secret=secret))

    assert "swordfish" not in str(caught.value)


@pytest.mark.parametrize(
    "filter_sql",
    [
        "finish_reasons = 'stop'",
        "finish_reasons IN ('stop', 'length')",
        "name = 'x' OR \"finish_reasons\" NOT IN ('stop')",
        "finish_reasons > 3",
    ],
)
def test_a_list_is_compared_with_nothing_and_the_message_says_how_to_ask(filter_sql):
    with pytest.raises(InvalidFilterError, match=r"array_contains\(finish_reasons, 'value'\)"):
        compile_filter(filter_sql, SPANS)


@pytest.mark.parametrize(
    "filter_sql",
    [
        "array_contains(finish_reasons, 'stop')",
        "finish_reasons IS NULL OR array_length(finish_reasons) > 1",
        "name = 'finish_reasons in (1)'",
    ],
)
def test_a_list_is_asked_what_it_holds(filter_sql):
    compile_filter(filter_sql, SPANS)


@pytest.mark.parametrize(
    "filter_sql",
    [
        "name = 'select (from values) with a table'",
        "name = 'it''s select' OR name LIKE '%table%'",
        "name IN ('select', 'with') AND trace_id IS DISTINCT FROM 'x'",
        "name = 'read_csv'",
    ],
)
def test_words_in_quotes_are_only_words(filter_sql):
    compile_filter(filter_sql, SPANS)


@pytest.mark.parametrize(
    "filter_sql",
    [
        "count(*) > 1",
        "max(duration_ms) > 1",
        "name = 'a' OR duration_ms > avg(duration_ms)",
        "duration_ms > quantile_cont(duration_ms, 0.9)",
        "corr(duration_ms, duration_ms) > 0.5",
        "row_number() OVER () > 1",
        "rank() OVER (ORDER BY duration_ms) < 10",
        "lag(duration_ms) OVER (ORDER BY duration_ms) > 1",
        "sum(duration_ms) OVER (PARTITION BY name) > 1",
    ],
)
@pytest.mark.parametrize("compiled", [compile_trace_filter, lambda sql: compile_filter(sql, SPANS)])
def test_a_filter_says_of_a_row_what_it_would_say_of_it_alone(compiled, filter_sql):
    with pytest.raises(InvalidFilterError, match="many rows at once"):
        compiled(filter_sql)


@pytest.mark.parametrize("moment", ["now()", "NOW ( )", "current_date", "CURRENT_TIMESTAMP"])
def test_a_filter_says_tomorrow_what_it_says_today(moment):
    with pytest.raises(InvalidFilterError, match="does not ask the clock; write the moment"):
        compile_filter(f"start_time < {moment}", SPANS)


@pytest.mark.parametrize(
    "filter_sql",
    [
        "array_contains(detectors, 'Len') OR agent_name IN ('Agg', 'Over')",
        "array_length(detectors) > 1 AND array_unique(detectors) = detectors",
        "CASE WHEN error_count > 1 THEN agent_name ELSE 'now()' END = 'max(x)'",
        "coalesce(error_count, 0) + greatest(error_count, 2) > length(agent_name)",
        "date_part('hour', start_time) < 6 AND start_time > '2026-01-01'",
    ],
)
def test_what_looks_at_one_row_alone_is_no_aggregate(filter_sql):
    compile_trace_filter(filter_sql)


def test_a_name_with_a_colon_is_told_to_stand_in_quotes():
    with pytest.raises(InvalidFilterError, match='write "score:judge" in double quotes'):
        compile_trace_filter("error_count > 0 AND score:judge < 0.5")
