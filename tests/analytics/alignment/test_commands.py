"""gate, compare, history, agreement and next, as a person types them."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest
from alignment_builders import enqueue_bias, two_by_two
from test_comparison import two_versions, weeks
from test_stored_data import SCORES, answer, boolean_field, queue_store, trace, write_csv

from queue_store.model import QueueDraft

__all__ = ["queue_store"]
NOW = datetime(2026, 11, 20, tzinfo=UTC)


def written(frame, tmp_path, name="pairs.csv"):
    path = tmp_path / name
    frame.write_csv(path)
    return path


def test_gate_that_holds_exits_0(command, tmp_path):
    path = written(two_by_two(95, 5, 5, 95), tmp_path)

    said = command("alignment", "gate", "--pairs", path, "--min-mcc", 0.6, "--min-tpr", 0.8)

    assert said.code == 0
    assert said.json["status"] == "passed"
    assert "the gate holds" in said.err


def test_gate_that_does_not_hold_exits_3_with_the_evidence(command, tmp_path):
    path = written(two_by_two(60, 40, 40, 60), tmp_path)

    said = command("alignment", "gate", "--pairs", path, "--min-mcc", 0.6)

    assert said.code == 3
    assert said.json["status"] == "failed"
    assert said.json["checks"][0]["value"] == pytest.approx(0.2)
    assert "mcc 0.200" in said.err


def test_gate_with_few_labels_says_how_many_more(command, tmp_path):
    path = written(two_by_two(9, 0, 1, 9), tmp_path)

    said = command("alignment", "gate", "--pairs", path, "--min-mcc", 0.6)

    assert said.code == 3
    assert said.json["status"] == "not_enough_data"
    assert said.json["labels_needed"] > 0
    assert f"not enough data, label {said.json['labels_needed']} more" in said.err


def test_gate_on_the_value_ignores_the_interval(command, tmp_path):
    path = written(two_by_two(50, 10, 10, 50), tmp_path)
    bound = ("alignment", "gate", "--pairs", path, "--min-mcc", 0.6)

    lower = command(*bound)
    value = command(*bound, "--on", "value")

    assert (lower.code, lower.json["status"]) == (3, "not_enough_data")
    assert (value.code, value.json["status"]) == (0, "passed")


@pytest.mark.parametrize("option", ["--trim-weights", "--epsilon", "--catch-rate"])
@pytest.mark.parametrize("number", ["nan", "inf", "-1"])
def test_an_option_that_is_no_number_is_wrong_usage(command, tmp_path, option, number):
    path = written(two_by_two(5, 1, 1, 5), tmp_path)

    said = command("alignment", "report", "--pairs", path, option, number)

    assert said.code == 2
    assert option in said.err


def test_labels_asked_for_are_enough(command, tmp_path):
    path = written(two_by_two(50, 10, 10, 50), tmp_path)
    needed = command("alignment", "gate", "--pairs", path, "--min-mcc", 0.6).json["labels_needed"]
    times = int(np.ceil((120 + needed) / 120 * 50)), int(np.ceil((120 + needed) / 120 * 10))
    more = written(two_by_two(times[0], times[1], times[1], times[0]), tmp_path)

    assert command("alignment", "gate", "--pairs", more, "--min-mcc", 0.6).code == 0


def test_gate_asks_the_exact_interval_of_a_share_and_the_bound_of_no_error(command, tmp_path):
    path = written(two_by_two(100, 0, 15, 148 - 15), tmp_path)

    said = command("alignment", "gate", "--pairs", path, "--min-tpr", 0.9, "--min-tnr", 0.8)

    caught, passed = said.json["checks"]
    assert caught["method"] == "clopper_pearson"
    assert caught["ci_low"] == pytest.approx(0.025 ** (1 / 100))
    assert caught["error_rate_max"] == pytest.approx(1 - 0.05 ** (1 / 100))
    assert passed["ci_low"] == pytest.approx(1 - 0.1617, abs=5e-5)
    assert passed["error_rate_max"] is None


def test_labels_of_a_rare_class_cost_many_labels(command, tmp_path):
    path = written(two_by_two(27, 3, 10, 260), tmp_path)

    said = command("alignment", "gate", "--pairs", path, "--min-tpr", 0.8)

    # 90 of 100 are the fewest of whose exact interval lies above 0.8; one label in ten is positive.
    needed = said.json["labels_needed"]
    assert said.json["status"] == "not_enough_data"
    assert 300 < needed < 800
    times = int(np.ceil((300 + needed) / 30))
    more = written(two_by_two(*(np.array([9, 1, 3, 87]) * times // 3)), tmp_path)
    assert command("alignment", "gate", "--pairs", more, "--min-tpr", 0.8).code == 0


def test_a_withheld_catch_rate_is_missing_data_and_not_a_reason_to_take_the_raw_one(
    command, tmp_path
):
    frame = pl.concat(
        [
            two_by_two(90, 2, 10, 90, inclusion_probability=1.0, stratum="flagged"),
            two_by_two(1, 2, 3, 90, inclusion_probability=0.05, stratum="rest"),
        ]
    )
    path = written(frame, tmp_path)

    said = command("alignment", "gate", "--pairs", path, "--min-tpr", 0.8)

    assert (said.code, said.json["status"]) == (3, "not_enough_data")
    assert said.json["checks"][0]["value"] is None
    assert "withheld" in said.err


def test_gate_needs_a_bound(command, tmp_path):
    path = written(two_by_two(5, 1, 1, 5), tmp_path)

    assert command("alignment", "gate", "--pairs", path).code == 2


def test_compare_two_versions_of_a_file(command, tmp_path):
    path = written(two_versions(), tmp_path)

    said = command("alignment", "compare", "v1", "v2", "--pairs", path)

    assert said.json["mcnemar"]["mid_p"] == pytest.approx(0.052479, abs=1e-6)
    assert len(said.json["flipped"]) == 21
    assert command("alignment", "compare", "v1", "v3", "--pairs", path).code == 2


def test_compare_two_stored_evaluators(command, tmp_path, queue_store):
    boolean_field(queue_store)
    rows = []
    for number in range(30):
        answer(queue_store, trace(number), number % 2 == 0)
        right = int(number % 2 == 0)
        rows.append(("trace", trace(number), "sharp", right))
        rows.append(("trace", trace(number), "blunt", right if number < 20 else 1 - right))
    command("evaluations", "import", write_csv(tmp_path / "s.csv", SCORES, rows))

    said = command("alignment", "compare", "blunt", "sharp", "--field", "bad")

    assert said.json["n"] == 30
    assert said.json["mcnemar"]["second_only_right"] == 10
    assert said.json["raw"]["accuracy"]["difference"]["value"] == pytest.approx(1 / 3)


def test_history_shows_versions_and_windows(command, tmp_path):
    path = written(weeks(falling=True), tmp_path)

    said = command("alignment", "history", "--pairs", path)
    table = command("alignment", "history", "--pairs", path, "--format", "csv")

    assert len(said.json["windows"]) == 6
    assert said.json["alerts"]
    assert table.out.count("window,") == 6
    assert "alert 2026-10-05" in table.err


def test_agreement_of_people_in_a_queue(command, queue_store):
    boolean_field(queue_store)
    queue_store.create_queue(
        project="default", draft=QueueDraft(name="to_label"), now=NOW, actor="test"
    )
    for number in range(10):
        answer(queue_store, trace(number), number < 5, reviewer="ann", queue="to_label")
        answer(queue_store, trace(number), number < 4, reviewer="bob", queue="to_label")

    said = command("alignment", "agreement", "to_label")

    assert said.json["field"] == "bad"
    assert said.json["human_loo"]["value"] == pytest.approx(0.9)
    assert said.json["kappa_human_human"]["value"] == pytest.approx(0.8)
    assert said.json["evaluator_loo"]["value"] is None
    assert [entry["labels"] for entry in said.json["reviewers"]] == [10, 10]


def test_next_labels_go_into_a_queue_with_their_probabilities(command, tmp_path, queue_store):
    boolean_field(queue_store)
    draft = QueueDraft(name="to_label")
    queue_store.create_queue(project="default", draft=draft, now=NOW, actor="test")
    for number in range(20):
        answer(queue_store, trace(number), number < 10, inclusion_probability=0.2)
    rows = [("trace", trace(n), "judge", int(n % 20 < 9)) for n in range(100)]
    command("evaluations", "import", write_csv(tmp_path / "s.csv", SCORES, rows))

    said = command(
        "alignment", "next", "-e", "judge", "-f", "bad", "--count", 5, "--enqueue", "to_label"
    )
    items = queue_store.items(project="default", queue="to_label").items

    assert "to_label: 5 added" in said.err
    wanted = {entry["item"]: entry["probability"] for entry in said.json["items"]}
    assert {item.object_id: item.selection.p for item in items} == wanted
    assert all(0 < p <= 1 for p in wanted.values())
    assert said.json["half_width_then"] < said.json["half_width_now"]


def test_next_labels_are_where_they_teach_most(command, tmp_path):
    path = written(enqueue_bias(population=True), tmp_path)

    said = command("alignment", "next", "--pairs", path, "--count", 30)

    cells = {(cell["verdict"], cell["stratum"]): cell for cell in said.json["cells"]}
    assert cells["1", "rest"]["labels_wanted"] == 30
    assert "evaluator 1, rest shrink" in cells["1", "rest"]["sentence"]
    assert cells["1", "rest"]["labels_chosen"] > cells["0", "rest"]["labels_chosen"]
    assert {entry["item"] for entry in said.json["items"]} == {
        entry["item"]
        for entry in command("alignment", "next", "--pairs", path, "--count", 30).json["items"]
    }


def test_several_targets_share_the_labels(command, tmp_path):
    path = written(enqueue_bias(population=True), tmp_path)

    both = command(
        "alignment", "next", "--pairs", path, "--count", 40, "--for", "tpr", "--for", "pass_rate",
        "--format", "json",
    ).json  # fmt: skip

    assert [entry["target"] for entry in both["targets"]] == ["tpr", "pass_rate"]
    assert all(entry["half_width_then"] < entry["half_width_now"] for entry in both["targets"])
    told = " ".join(cell["sentence"] or "" for cell in both["cells"])
    assert "the interval of the catch rate from" in told
    assert "the interval of the pass rate from" in told


def test_business_weights_bring_items_forward(command, tmp_path):
    frame = enqueue_bias(population=True).with_row_index("item")
    heavy = frame.with_columns(
        business_weight=pl.when(pl.col("item") % 10 == 0).then(50.0).otherwise(None)
    )
    plain = command("alignment", "next", "--pairs", written(frame, tmp_path), "--count", 50).json
    asked = command("alignment", "next", "--pairs", written(heavy, tmp_path), "--count", 50).json

    def share(found):
        return sum(int(entry["item"]) % 10 == 0 for entry in found["items"]) / 50

    assert share(plain) < 0.3
    assert share(asked) > 0.6
    assert "business weight 50" in asked["items"][0]["reason"]


def test_before_any_label_items_on_which_evaluators_differ_come_first(command, tmp_path):
    rows = [
        {"item": str(number), "human": None, "evaluator": int(number < 50 and version == "b"),
         "evaluator_version": version}
        for number in range(500)
        for version in ("a", "b")
    ]  # fmt: skip
    frame = pl.DataFrame(rows).with_columns(pl.col("human").cast(pl.Int64))

    found = command(
        "alignment", "next", "--pairs", written(frame, tmp_path), "--for", "pass_rate",
        "--type", "boolean", "--count", 40,
    ).json  # fmt: skip

    differing = sum(int(entry["item"]) < 50 for entry in found["items"])
    assert differing > 40 * 50 / 500 * 1.4
    assert "evaluators differ" in found["items"][0]["reason"]


def test_every_label_is_there_so_nothing_is_next(command, tmp_path):
    path = written(two_by_two(5, 1, 1, 5), tmp_path)

    said = command("alignment", "next", "--pairs", path)

    assert said.json["items"] == []
    assert "every item is labelled" in said.err


def test_report_without_any_source_is_a_usage_error(command):
    said = command("alignment", "report")

    assert said.code == 2
    assert "--pairs" in said.err


def test_detectors_are_evaluators_too(command, tmp_path, queue_store):
    import json

    from span_store.schema import TRACES
    from span_store.store import SpanStore

    boolean_field(queue_store)
    rows = []
    for number in range(12):
        answer(queue_store, trace(number), number < 4)
        decision = "matched" if number < 3 else "skipped" if number == 11 else "no_match"
        rows.append(
            dict.fromkeys(TRACES.names)
            | {"project": "default", "trace_id": trace(number), "revision": 1,
               "decisions": json.dumps({"loops": {"decision": decision, "version": "2"}}),
               "selections": "[]", "detectors": []}
        )  # fmt: skip
    frame = pl.DataFrame(rows, schema=TRACES.polars, orient="row")
    SpanStore(tmp_path / "data").append("traces", frame)

    report = command("alignment", "report", "-e", "loops", "-f", "bad").json

    assert report["scope"]["evaluator_version"] == "2"
    assert report["scope"]["pairs"] == 11
    assert (report["confusion"]["tp"], report["confusion"]["fn"]) == (3, 1)


def test_an_evaluator_is_not_compared_with_itself(command):
    said = command("alignment", "compare", "judge", "judge", "-f", "bad")

    assert said.code == 2
    assert "two different evaluators" in said.err


def test_agreement_of_a_queue_that_nobody_answered_says_so_in_every_form(command, queue_store):
    boolean_field(queue_store)
    queue_store.create_queue(
        project="default", draft=QueueDraft(name="empty", fields=("bad",)), now=NOW, actor="test"
    )

    for form in ("json", "table"):
        said = command("alignment", "agreement", "empty", "--format", form)
        assert (said.code, said.out) == (0, "")
        assert "nobody has answered anything there yet" in said.err
