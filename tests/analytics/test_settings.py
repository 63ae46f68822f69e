"""Settings that would fail a run half-way are refused before anything runs."""

from __future__ import annotations

import pytest

from analytics.config import AnalysisConfig, JudgeConfig


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("random_floor", 1.5, "random_floor lies between 0 and 1, not 1.5"),
        ("matched_rate", -0.1, "matched_rate lies between"),
        ("ambiguous_rate", float("nan"), "ambiguous_rate lies between"),
        ("false_alarm_budget", 0.0, "above 0, .* disabled_detectors = ..resource_outliers"),
        ("false_alarm_budget", 1.5, "false_alarm_budget lies between"),
        ("chunk_traces", 0, "chunk_traces is at least 1, not 0"),
        ("items_max", -3, "items_max is at least 0"),
        ("quiet_seconds", -1.0, "quiet_seconds is at least 0"),
        ("ratio_min", float("nan"), "ratio_min is at least 1"),
        ("business_weights", {"span_count > 1": -2.0}, "lies above 0"),
        ("business_weights", {"span_count > 1": float("inf")}, "at most 1,000,000"),
    ],
)
def test_a_setting_out_of_its_range_is_refused(setting, value, said):
    with pytest.raises(ValueError, match=said):
        AnalysisConfig(**{setting: value})


@pytest.mark.parametrize("setting", ["calls_max", "retries", "calls_per_minute", "no_match_rate"])
def test_a_setting_of_the_judge_out_of_its_range_is_refused(setting):
    with pytest.raises(ValueError, match=setting):
        JudgeConfig(**{setting: -1})


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ('[judge]\nurl = "localhost:8000/v1"\n', "settings.toml: judge: url: expected one that"),
        ('[judge]\nurl = "http://127.0.0.1:9/v1"\n', "set judge.model"),
        ("[analysis]\nfalse_alarm_budget = 0\n", "settings.toml: analysis: false_alarm_budget"),
    ],
)
def test_what_no_run_can_work_with_is_wrong_configuration(command, tmp_path, section, said):
    settings = tmp_path / "settings.toml"
    settings.write_text(settings.read_text() + section)

    done = command("analyze")

    assert (done.code, said in done.err) == (2, True), done.err


def test_the_command_names_the_file_and_the_setting_and_runs_nothing(command, tmp_path):
    settings = tmp_path / "settings.toml"
    settings.write_text(settings.read_text() + "[analysis]\nrandom_floor = 2.0\n")

    done = command("analyze")

    assert done.code == 2
    assert "settings.toml" in done.err
    assert "random_floor lies between 0 and 1, not 2.0" in done.err
