"""A detector that a command is told exists, or the nearest ones are named."""

from __future__ import annotations

import pytest

OWN = """
[[detectors]]
name = "long_one"
when = "duration_ms > 5000"
"""


@pytest.fixture
def own(tmp_path, spandocket):
    (tmp_path / "own.toml").write_text(OWN)
    return lambda *words: spandocket("--config", "own.toml", *words)


LIVE = ("queues", "create", "doubts", "--live", "--filter")


def test_a_detector_of_ones_own_is_known_before_it_found_anything(own):
    for words in (("findings", "list", "--detector", "long_one"),
                  (*LIVE, "\"decision:long_one\" = 'ambiguous'")):  # fmt: skip
        outcome = own(*words)
        assert outcome.code == 0, outcome.err


@pytest.mark.parametrize(
    ("name", "hint"),
    [("refusa", "did you mean refusal"), ("long_two", "did you mean long_one"), ("zzz", "known: ")],
)
def test_an_unknown_detector_is_answered_with_the_nearest(own, name, hint):
    for words in (("findings", "list", "--detector", name),
                  (*LIVE, f"\"decision:{name}\" = 'matched' OR is_error")):  # fmt: skip
        outcome = own(*words)
        assert outcome.code == 2
        assert f"unknown detector '{name}'" in outcome.err
        assert hint in outcome.err
