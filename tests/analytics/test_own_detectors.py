"""Detectors of one's own: declared as SQL, or installed."""

from __future__ import annotations

import pytest

from analytics.config import AnalysisConfig, DeclaredDetectorConfig
from analytics.detectors.catalog import load
from analytics.errors import InvalidDetectorError, UnknownDetectorError
from analytics.job import run
from tests.analytics.contexts import decide
from tests.analytics.spans import AS_OF, chat, frame


def declared(when, **values):
    return AnalysisConfig(detectors={"long_one": DeclaredDetectorConfig(when=when, **values)})


def test_a_declared_detector_matches_where_its_expression_is_true():
    config = declared("duration_ms > 5000", severity=0.7, reason="{duration_ms:.0f} ms")

    found = decide("long_one", [chat("short"), chat("long", seconds=9)], config)

    assert [(row["decision"], row["severity"], row["reason"]) for row in found] == [
        ("matched", 0.7, "9000 ms")
    ]


def test_it_gets_a_queue_and_a_version_of_its_own(store, queues):
    store.append("spans", frame([chat("long", seconds=9)]))

    report = run(
        store, queues, project="default", as_of=AS_OF, config=declared("duration_ms > 5000")
    )

    assert report.detectors[-1].detector == "long_one"
    assert queues.items(project="default", queue="long_one").total == 1
    other = load(declared("duration_ms > 6000"))[-1]
    assert other.version != report.detectors[-1].version


@pytest.mark.parametrize("when", ["duration > 5", "duration_ms", "priority > 1", "duration_ms >"])
def test_an_expression_that_cannot_be_used_is_refused(when):
    with pytest.raises(InvalidDetectorError, match="long_one"):
        load(declared(when))


def test_a_name_that_is_taken_is_refused():
    config = AnalysisConfig(
        detectors={"refusal": DeclaredDetectorConfig(when="duration_ms > 1")},
    )

    with pytest.raises(InvalidDetectorError, match="another detector"):
        load(config)


def test_disabling_an_unknown_detector_names_the_nearest():
    with pytest.raises(UnknownDetectorError, match="refusal"):
        load(AnalysisConfig(disabled_detectors=("refusals",)))


def test_the_settings_file_declares_detectors(spandocket, tmp_path):
    settings = tmp_path / "settings.toml"
    settings.write_text('[[detectors]]\nname = "long_one"\nwhen = "duration_ms > 1"\n')

    listed = spandocket("--config", settings, "detectors", "list")

    assert listed.code == 0, listed.err
    assert '"detector":"long_one"' in listed.out
