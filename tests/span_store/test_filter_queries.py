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
        "name = 'select (from values) with a table'",
        "name = 'it''s select' OR name LIKE '%table%'",
        "name IN ('select', 'with') AND trace_id IS DISTINCT FROM 'x'",
        "name = 'read_csv'",
    ],
)
def test_words_in_quotes_are_only_words(filter_sql):
    compile_filter(filter_sql, SPANS)
