"""Listings answer names that nothing has with the nearest, and stay empty where nothing is."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from cli.exit_codes import exit_code_of
from cli.main import spandocket as command

TRACE = f"{1:032x}"


def running(folder):
    """The command in this folder, in this process, for speed: code, stdout and stderr."""

    def run(words, **environment):
        arguments = ["--data-dir", str(folder / "data"), *words.split()]
        clean = {"SPANDOCKET_PROJECT": None, "SPANDOCKET_CONFIG": None, "SPANDOCKET_ACTOR": "mia"}
        done = CliRunner().invoke(command, arguments, env=clean | environment)
        code, err = done.exit_code, done.stderr
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            code = exit_code_of(done.exception)
            err += str(done.exception)
        return code, done.stdout, err

    return run


@pytest.fixture
def nowhere(tmp_path):
    """A project of which nothing is known."""
    return running(tmp_path)


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """A project in which one person answered about one trace that one evaluator scored."""
    folder = tmp_path_factory.mktemp("here")
    span = {"traceId": TRACE, "spanId": "b" * 16, "name": "x"}
    document = {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
    (folder / "spans.json").write_text(json.dumps(document))
    score = {"object_type": "trace", "object_id": TRACE, "evaluator": "judge", "score": 1}
    (folder / "scores.jsonl").write_text(json.dumps(score))
    run = running(folder)
    for words in (
        f"import {folder / 'spans.json'}",
        f"evaluations import {folder / 'scores.jsonl'}",
        "fields create correct --type boolean",
        "queues create checks --field correct",
        "queues create unseen",
        f"items add checks {TRACE}",
        "annotations add 1 --reviewer annotator_1 --field correct=true",
        "reviewers grant mia --role manager",
    ):
        code, _, err = run(words)
        assert code == 0, err
    return run


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ("evaluations list --evaluator judg", "unknown evaluator 'judg'; did you mean judge?"),
        ("annotations list --reviewer annotator1", "did you mean annotator_1?"),
        ("annotations list --item 9", "no item '9'; did you mean 1?"),
        ("items list checks --detector refusa", "did you mean refusal?"),
        ("items list checks --reviewer annotator1", "did you mean annotator_1?"),
        ("items count checks --detector refusa", "did you mean refusal?"),
        ("items count checks --reviewer annotator1", "did you mean annotator_1?"),
        ("views save mine checks --detector refusa", "did you mean refusal?"),
        ("audit list --by annotator1", "did you mean annotator_1?"),
        ("audit list --item 9", "no item '9'; did you mean 1?"),
    ],
)
def test_an_unknown_name_in_a_filter_is_answered_with_the_nearest(here, words, hint):
    code, out, err = here(words)

    assert (code, out) == (2, "")
    assert hint in err


@pytest.mark.parametrize(
    "words",
    [
        "evaluations list --evaluator judge --object-id other",
        "annotations list --reviewer annotator_1 --queue unseen",
        "items list unseen --reviewer annotator_1",
        "items list checks --detector refusal",
        "audit list --by annotator_1 --queue unseen",
    ],
)
def test_a_known_name_without_a_match_lists_nothing(here, words):
    code, out, err = here(words)

    assert (code, out) == (0, ""), err
    assert "Nothing to list." in err


def test_who_asks_about_themselves_is_never_unknown(nowhere):
    assert nowhere("queues create checks")[0] == 0

    for words in ("items list checks --reviewer ana", "annotations list --reviewer ana"):
        assert nowhere(words)[0] == 2
        assert nowhere(words, SPANDOCKET_ACTOR="ana")[0] == 0


@pytest.mark.parametrize(
    "words",
    [
        "evaluations list --evaluator judge",
        "annotations list --reviewer ana",
        "items list refusal --reviewer ana",
    ],
)
def test_where_nobody_is_known_no_name_is_wrong(nowhere, words):
    code, _, err = nowhere(words)

    assert code == 0, err
    assert "Nothing to list." in err


def test_whose_writes_are_listed_is_not_who_lists_them(here):
    code, out, err = here("audit list --by annotator_1")

    assert code == 0, err
    assert "annotator_1" in out
