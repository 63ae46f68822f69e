"""Public sets: our figures reproduce the published ones, and import in one command."""

from __future__ import annotations

import json

import pytest

from cli.judged_sets.readers import read_set
from docs import judged_sets


@pytest.fixture(scope="module")
def sets():
    return {name: read_set(name, folder) for name, folder in judged_sets.FOLDERS.items()}


def test_annotators_of_xstest_agree_as_published(sets):
    found = judged_sets.annotators_of_xstest(sets["xstest"])

    for model, (raw, kappa) in judged_sets.XSTEST_HUMANS.items():
        assert found[model][0] == pytest.approx(raw, abs=0.05)
        assert found[model][1] == pytest.approx(kappa, abs=0.005)


def test_judge_of_xstest_agrees_as_published(sets):
    raw = judged_sets.one_report(sets["xstest"], "response_type", "gpt4_judge").raw

    assert raw["accuracy"].n == 2239
    assert raw["accuracy"].value == pytest.approx(0.803, abs=5e-4)
    assert raw["cohen_kappa"].value == pytest.approx(0.635, abs=1e-3)


def test_annotators_of_pandalm_agree_as_published(sets):
    kappas = judged_sets.kappas_of_pandalm(sets["pandalm"])

    assert kappas == pytest.approx(judged_sets.PANDALM_KAPPA, abs=0.005)


def test_majority_of_pandalm_is_the_published_one(sets):
    found = judged_sets.one_report(sets["pandalm"], "better_answer", "pandalm-7b").confusion

    counts = dict(zip(found["labels"], map(sum, found["counts"]), strict=True))
    assert counts == judged_sets.PANDALM_MAJORITY


@pytest.mark.parametrize("field", list(judged_sets.UNIEVAL))
def test_correlations_of_unieval_are_the_published_ones(sets, field):
    evaluator = f"unieval_{field.rpartition('_')[2]}"
    raw = judged_sets.one_report(sets["unieval"], field, evaluator).raw

    found = [raw[name].value for name in ("pearson", "spearman", "kendall_tau_b")]
    assert found == pytest.approx(judged_sets.UNIEVAL[field], abs=1e-6)


def test_a_set_is_imported_once_and_reported(command):
    folder = judged_sets.FOLDERS["pandalm"]

    first = command("alignment", "import", "pandalm", folder).json
    second = command("alignment", "import", "pandalm", folder).json
    report = command("alignment", "report", "-e", "gpt-3.5-turbo", "-f", "better_answer").json

    assert (first["answers_added"], first["scores_added"]) == (2997, 1998)
    assert (second["answers_added"], second["scores_added"]) == (0, 0)
    assert report["scope"]["pairs"] == 999 - 25
    assert report["raw"]["accuracy"]["value"] > 0.5


def test_a_folder_without_the_files_is_an_error(command, tmp_path):
    said = command("alignment", "import", "xstest", tmp_path)

    assert said.code == 2
    assert "labels_only_2250.csv" in said.err


def alttest_folder(path, people, models):
    path.mkdir()
    (path / "human_annotations.json").write_text(json.dumps(people))
    (path / "llm_annotations.json").write_text(json.dumps(models))
    return path


def test_a_set_of_the_alternative_test_gives_its_published_outcome(command, tmp_path):
    """Three people and a model who err on every so many of sixty items."""
    truth = {f"i{n}": n % 3 > 0 for n in range(60)}

    def erring(every):
        return {item: "yes" if right != (n % every == 0) else "no"
                for n, (item, right) in enumerate(truth.items())}  # fmt: skip

    people = {"A": erring(10), "B": erring(7), "C": erring(4)}
    folder = alttest_folder(tmp_path / "framing", people, {"gpt": erring(12)})

    imported = command("alignment", "import", "alttest", folder).json
    asked = ("alignment", "report", "-e", "gpt", "-f", "framing", "--epsilon")
    found = {granted: command(*asked, granted).json["ceiling"] for granted in ("0", "0.1")}

    assert imported["answers_added"] == 180
    test = found["0.1"]["alternative_test"]
    assert test["p_values"]["A"] == pytest.approx(9.511e-07, rel=1e-3)
    assert test["p_values"]["B"] == pytest.approx(1.7523e-06, rel=1e-3)
    assert test["winning_rate"]["value"] == 1
    assert test["advantage"]["value"] == 1
    assert found["0"]["alternative_test"]["winning_rate"]["value"] == pytest.approx(2 / 3)


def test_numbers_of_the_alternative_test_are_compared_by_distance(command, tmp_path):
    stars = {f"i{n}": n % 5 + 1 for n in range(40)}
    people = {"A": stars, "B": {item: min(5, value + 1) for item, value in stars.items()},
              "C": {item: max(1, value - 1) for item, value in stars.items()}}  # fmt: skip
    folder = alttest_folder(tmp_path / "stars", people, {"gpt": stars | {"i0": "unclear"}})

    command("alignment", "import", "alttest", folder)
    report = command("alignment", "report", "-e", "gpt", "-f", "stars").json

    assert report["scope"]["pairs"] == 39
    assert report["ceiling"]["alternative_test"]["passed"]
    # The model is A, who is the nearest to both others.
    assert report["ceiling"]["alternative_test"]["advantage"]["value"] > 0.9
