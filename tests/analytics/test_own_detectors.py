"""Detectors of one's own: declared as SQL, or installed."""

from __future__ import annotations

import json
import sys

import polars as pl
import pytest

from analytics.config import AnalysisConfig, DeclaredDetectorConfig
from analytics.detectors.catalog import load
from analytics.detectors.decision import DECISIONS, Decision, decision, decisions
from analytics.detectors.evaluation import evaluate
from analytics.errors import InvalidDetectorError, UnknownDetectorError
from analytics.job import run
from tests.analytics.contexts import context_of, decide
from tests.analytics.spans import AS_OF, chat, frame, identifier
from tests.conftest import REPOSITORY


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


PACKAGE = """
import polars as pl

from analytics.detectors.decision import Decision, decision, decisions


class Shouting:
    id = "shouting"
    version = "{version}"
    title = "Shouting"
    instructions = "Does the assistant shout?"

    def __init__(self, config):
        self.config = config

    def decide(self, context):
        loud = context.messages.filter(
            (pl.col("direction") == "output")
            & (pl.col("text").str.to_uppercase() == pl.col("text"))
        )
        return decisions(
            decision(
                trace_id, Decision.MATCHED, reason="It shouts", severity=0.4, confidence=0.8,
                span_id=span_id, evidence=[{{"span_id": span_id, "quote": text}}],
            )
            for trace_id, span_id, text in loud.select("trace_id", "span_id", "text").iter_rows()
        )
"""


def install(folder, version="1", target="shouting_detector:Shouting"):
    """What an installer leaves behind: a module, and the package's metadata with an entry point."""
    (folder / "shouting_detector.py").write_text(PACKAGE.format(version=version))
    info = folder / "shouting_detector-1.0.dist-info"
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shouting-detector\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[spandocket.detectors]\nshouting = {target}\n")
    return folder


@pytest.fixture
def installed(tmp_path, monkeypatch):
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(install(folder)))
    yield folder
    sys.modules.pop("shouting_detector", None)


def test_an_installed_detector_runs_beside_the_others_and_gets_a_queue(installed, store, queues):
    store.append("spans", frame([chat("calm"), chat("loud", answer="NO FLIGHTS TODAY!")]))

    report = run(store, queues, project="default", as_of=AS_OF)

    (count,) = [count for count in report.detectors if count.detector == "shouting"]
    assert (count.version, count.matched) == ("1", 1)
    (item,) = queues.items(project="default", queue="shouting").items
    assert (item.object_id, item.reason) == (identifier("loud", 32), "It shouts")
    assert "flag_is_right" in queues.queue(project="default", name="shouting").field_names


def test_an_installed_detector_is_listed_with_its_version(installed, spandocket):
    path = f"{installed}:{REPOSITORY}"
    listed = spandocket("detectors", "list", environment={"PYTHONPATH": path})

    rows = {row["detector"]: row for row in map(json.loads, listed.out.splitlines())}
    assert (rows["shouting"]["version"], rows["shouting"]["kind"]) == ("1", "own")


def test_an_installed_detector_that_fails_fails_alone(installed, store, queues):
    broken = (
        (installed / "shouting_detector.py").read_text().replace("context.messages", "context.x")
    )
    (installed / "shouting_detector.py").write_text(broken)
    store.append("spans", frame([chat("blank", answer="  ")]))

    report = run(store, queues, project="default", as_of=AS_OF)

    counts = {count.detector: count for count in report.detectors}
    assert counts["shouting"].skipped_new == 1
    assert "AttributeError" in next(iter(counts["shouting"].skip_reasons))
    assert counts["empty_response"].matched == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("Decision.MATCHED", "Decision('matched').upper()"), "AttributeError"),
        (("decisions(\n", "(lambda rows: decisions(rows).with_columns(decision=pl.lit('yes')))(\n"),
         "decision yes is none of"),
        (("severity=0.4", "severity=4"), "severity lies between 0 and 1"),
        (("confidence=0.8", "confidence=float('nan')"), "confidence lies between 0 and 1"),
    ],
    ids=["raises", "unknown decision", "severity", "no number"],
)  # fmt: skip
def test_an_answer_that_routing_cannot_use_fails_its_detector_alone(
    installed, store, queues, change, said
):
    file = installed / "shouting_detector.py"
    file.write_text(file.read_text().replace(*change))
    store.append("spans", frame([chat("loud", answer="NO FLIGHTS TODAY!"), chat("b", answer=" ")]))

    report = run(store, queues, project="default", as_of=AS_OF)

    counts = {count.detector: count for count in report.detectors}
    assert said in next(iter(counts["shouting"].skip_reasons))
    assert counts["empty_response"].matched == 1


@pytest.mark.parametrize("told", [None, " "])
def test_a_skip_without_a_reason_is_recorded_with_the_words_that_there_is_none(told):
    def answer(trace_id):
        row = {"trace_id": trace_id, "decision": "skipped", "skip_reason": told}
        return decisions([dict.fromkeys(DECISIONS) | row])

    (found,) = evaluate(context_of([chat("one")]), [Answering(answer)]).to_dicts()

    assert (found["decision"], found["skip_reason"]) == ("skipped", "no reason given")


def test_an_answer_about_a_trace_that_was_not_asked_for_is_left_out(installed, store, queues):
    file = installed / "shouting_detector.py"
    file.write_text(file.read_text().replace("trace_id, Decision", "'f' * 32, Decision"))
    store.append("spans", frame([chat("loud", answer="NO FLIGHTS TODAY!")]))

    run(store, queues, project="default", as_of=AS_OF)

    assert queues.items(project="default", queue="shouting").total == 0


@pytest.mark.parametrize("name", ["random_floor", "Mine", "my detector", "a.b", "1st"])
def test_a_name_that_filters_or_queues_could_not_use_is_refused(name):
    config = AnalysisConfig(detectors={name: DeclaredDetectorConfig(when="span_count > 1")})

    with pytest.raises(InvalidDetectorError, match="lower-case words"):
        load(config)


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("a { brace", "written twice"),
        ("{} calls", "unknown trace fact ''"),
        ("{name:.2f}", "cannot be written"),
        ("{nmae}", r"unknown trace fact 'nmae'; did you mean name"),
        ("{span_count:{width}}", "unknown trace fact 'width'"),
    ],
)
def test_a_reason_that_cannot_be_written_is_refused_before_anything_runs(reason, said):
    with pytest.raises(InvalidDetectorError, match=said):
        load(declared("span_count > 1", reason=reason))


def test_a_reason_calls_unknown_what_is_not_known():
    reason = "{cost_usd:.2f} USD by {agent_name!r}, {{whatever it was}}"
    config = declared("duration_ms > 5000", reason=reason)

    (found,) = decide("long_one", [chat("long", seconds=9, cost_usd=None)], config)

    assert (found["decision"], found["reason"]) == (
        "matched",
        "unknown USD by unknown, {whatever it was}",
    )


def test_settings_that_cannot_be_used_are_wrong_usage(command, tmp_path):
    settings = tmp_path / "settings.toml"
    text = '[[detectors]]\nname = "x"\nwhen = "span_cuont > 1"\n'
    settings.write_text(settings.read_text() + text)

    listed = command("detectors", "list")

    assert (listed.code, "did you mean span_count?" in listed.err) == (2, True)


def test_an_entry_point_that_cannot_be_loaded_is_named(installed):
    install(installed, target="shouting_detector:Whispering")

    with pytest.raises(InvalidDetectorError, match="Whispering"):
        load(AnalysisConfig())


def test_the_settings_file_declares_detectors(spandocket, tmp_path):
    settings = tmp_path / "settings.toml"
    settings.write_text('[[detectors]]\nname = "long_one"\nwhen = "duration_ms > 1"\n')

    listed = spandocket("--config", settings, "detectors", "list")

    assert listed.code == 0, listed.err
    assert '"detector":"long_one"' in listed.out


class Answering:
    """A detector of one's own that answers what a test wants."""

    id, version, title, instructions = "answering", "1", "Answering", "Is it?"

    def __init__(self, answer):
        self.answer = answer

    def decide(self, context):
        return self.answer(context.trace_ids[0])


def flagged(**values):
    given = {"reason": "It is", "severity": 0.5, "confidence": 0.5} | values
    evidence = given.pop("written", None)
    row = {"trace_id": None, "evidence": evidence}
    return lambda trace_id: decisions(
        [decision(trace_id, Decision.MATCHED, **given) | row | {"trace_id": trace_id}]
    )


def leaving(_):
    raise SystemExit(3)


def panicking(_):
    # What Polars raises for a fault of its own; it is no Exception.
    raise pl.exceptions.PanicException("index out of bounds")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda _: None, "it answers NoneType, not a data frame"),
        (leaving, "SystemExit: 3"),
        (panicking, "PanicException: index out of bounds"),
        (flagged(reason=None), "what it flags needs a reason"),
        (flagged(severity=None), "what it flags needs a severity"),
        (flagged(written="not json"), "evidence is JSON text: a list of objects"),
        (flagged(written='{"span_id": "a"}'), "evidence is JSON text: a list of objects"),
        (flagged(written="[1]"), "evidence is JSON text: a list of objects"),
        (flagged(written='[{"value": NaN}]'), "evidence is JSON text: a list of objects"),
        (flagged(written='[{"quote": "\\ud83d"}]'), "evidence is JSON text: a list of objects"),
        (flagged(written="[" * 5_000 + "]" * 5_000), "evidence is JSON text: a list of objects"),
    ],
)
def test_what_no_page_could_show_fails_its_detector_alone(answer, said):
    context = context_of([chat("blank", answer=" ")])
    detectors = [Answering(answer), *load(AnalysisConfig())]

    rows = {row["detector"]: row for row in evaluate(context, detectors).to_dicts()}

    assert rows["answering"]["decision"] == "skipped"
    assert said in rows["answering"]["skip_reason"]
    assert rows["empty_response"]["decision"] == "matched"


def test_evidence_that_is_a_list_of_objects_is_kept():
    context = context_of([chat("blank", answer=" ")])
    written = '[{"span_id": "a", "quote": "x"}]'

    (row,) = evaluate(context, [Answering(flagged(written=written))]).to_dicts()

    assert (row["decision"], row["evidence"]) == ("matched", written)
