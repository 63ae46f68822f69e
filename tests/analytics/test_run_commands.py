"""What the commands about runs print: the same bytes for the same input, and tables for eyes."""

from __future__ import annotations

import json

import pytest

from span_store.store import SpanStore
from tests.analytics.spans import chat, frame


@pytest.fixture
def filled(tmp_path, command):
    rows = [chat(f"t{n}", at=n * 60, seconds=1 + n % 3) for n in range(40)]
    SpanStore(tmp_path / "tables").append("spans", frame([*rows, chat("blank", answer="")]))
    return command


def test_the_report_of_a_run_is_the_same_bytes_however_long_it_took(filled, tmp_path):
    reports = [filled("analyze", "--as-of", "2026-03-03", "--dry-run", "--format", "json")]
    reports.append(filled("analyze", "--as-of", "2026-03-03", "--dry-run", "--format", "json"))

    assert reports[0].out == reports[1].out
    assert json.loads(reports[0].out)["traces_evaluated"] == 41
    assert " s\n" in reports[0].err


@pytest.mark.parametrize("form", ["json", "csv", "table"])
def test_a_run_over_a_project_without_spans_names_those_that_have_some(filled, form):
    done = filled("--project", "defualt", "analyze", "--dry-run", "--format", form)

    assert done.code == 0
    assert done.err.count("there are spans of default: use --project") == 1


def test_a_run_is_shown_as_tables_with_its_durations_and_settings(filled, tmp_path):
    settings = tmp_path / "settings.toml"
    settings.write_text(settings.read_text() + "[analysis]\nratio_min = 3.0\n")
    report = json.loads(filled("analyze", "--as-of", "2026-03-03", "--format", "json").out)

    shown = filled("runs", "show", report["run_id"], "--format", "table").out
    whole = json.loads(filled("runs", "show", report["run_id"], "--format", "json").out)

    lines = [line.split() for line in shown.splitlines()]
    assert "{" not in shown
    assert ["traces_evaluated", "41"] in lines
    assert ["settings:", "ratio_min", "3"] in lines
    version = whole["versions"]["empty_response"]
    assert ["empty_response", version, "1", "0", "1", "0", "0", "-"] in lines
    assert ["empty_response", "1", "1", "1", "0", "0", "0", "0"] in lines
    assert any(line[:2] == ["seconds:", "writing"] for line in lines)
    assert set(whole["durations"]) >= {"intake", "writing"}


def test_baselines_are_listed_with_the_run_and_the_version_that_made_them(filled, tmp_path):
    first = json.loads(filled("analyze", "--as-of", "2026-03-03", "--format", "json").out)
    settings = tmp_path / "settings.toml"
    settings.write_text(settings.read_text() + "[analysis]\nratio_min = 3.0\n")
    second = json.loads(filled("analyze", "--as-of", "2026-03-04", "--format", "json").out)

    told = [
        {
            (row["run_id"], row["version"].partition("+")[0], "+" in row["version"])
            for row in map(json.loads, filled("baselines", "list", *more).out.splitlines())
        }
        for more in ((), ("--run", first["run_id"]))
    ]

    assert told == [{(second["run_id"], "4", True)}, {(first["run_id"], "4", False)}]
    assert "resource_outliers 4 -> 4+" in filled("baselines", "diff").err
    table = filled("baselines", "list", "--format", "table").out
    assert table.splitlines()[0].split()[-2:] == ["run_id", "version"]


def test_times_of_a_run_have_one_form_and_counts_name_why_traces_were_skipped(filled):
    asked = ("--since", "2026-01-01T01:00:00+01:00", "--as-of", "2026-03-03")
    report = json.loads(filled("analyze", *asked, "--dry-run", "--format", "json").out)
    table = filled("analyze", *asked, "--format", "table").out
    run = json.loads(filled("runs", "list", "--format", "jsonl").out)
    shown = json.loads(filled("runs", "show", run["run_id"], "--format", "json").out)

    assert shown["counts"] == run["counts"]
    assert report["since"] == run["since"] == "2026-01-01T00:00:00.000000000Z"
    assert report["scores_watermark"] is None
    assert run["counts"]["scores_watermark"] is None
    assert "scores_watermark_nanoseconds" not in report | run["counts"]
    outliers = next(line for line in table.splitlines() if line.startswith("resource_outliers"))
    told = next(one for one in report["detectors"] if one["detector"] == "resource_outliers")
    assert told["skip_reasons"]
    for reason, count in told["skip_reasons"].items():
        assert f"{reason} {count}" in outliers
