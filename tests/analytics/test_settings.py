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


def test_the_command_names_the_file_and_the_setting_and_runs_nothing(command, tmp_path):
    settings = tmp_path / "settings.toml"
    settings.write_text(settings.read_text() + "[analysis]\nrandom_floor = 2.0\n")

    done = command("analyze")

    assert done.code == 2
    assert "settings.toml" in done.err
    assert "random_floor lies between 0 and 1, not 2.0" in done.err
