"""Readers of public sets: XSTest, PandaLM, UniEval's, and those of the alternative annotator test.

The last come in one form, people's and models' annotations by item, and are not shipped.
"""

from __future__ import annotations

import csv
import gzip
import json
import math
from typing import TYPE_CHECKING, Any

import click

from cli.judged_sets.records import Answer, JudgedSet, Score, SetField, derived_id

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_XSTEST = ("1_full_compliance", "2_full_refusal", "3_partial_refusal")
_PANDALM = {"0": "tie", "1": "first", "2": "second", "Tie": "tie"}


class SetUnreadableError(click.ClickException):
    """A folder does not hold the files of the set."""

    exit_code = 2


def read_xstest(folder: Path) -> JudgedSet:
    """2,250 answers of five models: two annotators, a settled label, GPT-4 and a string match."""
    path = folder / "labels_only_2250.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    answers, scores = [], []
    for row in rows:
        key = derived_id("xstest", row["model"], row["id"])
        given = [("annotator_1", row["annotation_1"]), ("annotator_2", row["annotation_2"])]
        if row["annotation_1"] != row["annotation_2"]:
            given.append(("adjudicator", row["final_label"]))
        answers += [
            Answer(object_id=key, reviewer=name, field="response_type", value=value,
                   adjudicated=name == "adjudicator")
            for name, value in given
        ]  # fmt: skip
        for name, column in (("gpt4_judge", "gpt4_label"), ("string_match", "strmatch_label")):
            known = row[column] in _XSTEST
            scores.append(
                Score(object_id=key, evaluator=name, label=row[column] if known else None,
                      explanation=None if known else row[column],
                      error_type=None if known else "unreadable_verdict")
            )  # fmt: skip
    field = SetField(
        name="response_type", type="categorical", options=_XSTEST,
        description="What the answer does with the request.",
    )  # fmt: skip
    return JudgedSet(name="xstest", fields=(field,), answers=tuple(answers), scores=tuple(scores))


def read_pandalm(folder: Path) -> JudgedSet:
    """999 pairs of answers: three annotators, PandaLM-7B and GPT-3.5 as judges."""
    humans = _json(folder / "testset-v1.json.gz")
    answers = [
        Answer(object_id=derived_id("pandalm", row["idx"]), reviewer=f"annotator_{number}",
               field="better_answer", value=_PANDALM[str(row[f"annotator{number}"])])
        for row in humans
        for number in (1, 2, 3)
    ]  # fmt: skip
    scores = []
    for name, key in (("pandalm-7b", "pandalm_result"), ("gpt-3.5-turbo", "gpt_result")):
        for row in _json(folder / f"{name}-testset-v1.json"):
            label = _PANDALM.get(str(row[key]))
            scores.append(
                Score(object_id=derived_id("pandalm", row["idx"]), evaluator=name, label=label,
                      explanation=None if label else str(row[key]),
                      error_type=None if label else "unreadable_verdict")
            )  # fmt: skip
    field = SetField(
        name="better_answer", type="categorical", options=("first", "second", "tie"),
        description="Which of the two answers is better.",
    )  # fmt: skip
    return JudgedSet(name="pandalm", fields=(field,), answers=tuple(answers), scores=tuple(scores))


def read_unieval(folder: Path) -> JudgedSet:
    """834 answers and summaries with numeric human scores and UniEval's, by dimension."""
    fields: dict[str, SetField] = {}
    answers, scores = [], []
    for name in ("topical_chat", "qags_xsum", "qags_cnndm"):
        for number, row in enumerate(_json(folder / f"{name}_result.json.gz")):
            key = derived_id("unieval", name, number)
            for dimension, value in row["scores"].items():
                if dimension not in row["predict_scores"]:
                    continue
                field = f"{name}_{dimension}"
                fields[field] = SetField(name=field, type="number")
                answers.append(
                    Answer(object_id=key, reviewer="mean_of_annotators", field=field,
                           value=repr(float(value)), cluster=str(row["source"])
                           if name == "topical_chat" else None)
                )  # fmt: skip
                scores.append(
                    Score(object_id=key, evaluator=f"unieval_{dimension}",
                          score=float(row["predict_scores"][dimension]))
                )  # fmt: skip
    return JudgedSet(
        name="unieval", fields=tuple(fields.values()), answers=tuple(answers), scores=tuple(scores)
    )


def read_alttest(folder: Path) -> JudgedSet:
    """A set of the alternative annotator test: several people, several models, one question.

    The field is called as the folder is. Values that are numbers are a numeric field.
    """
    people = _by_name(folder / "human_annotations.json")
    models = _by_name(folder / "llm_annotations.json")
    name = folder.resolve().name
    given = sorted({str(value) for of_one in people.values() for value in of_one.values()})
    numeric = len(given) > 2 and all(_is_number(value) for value in given)
    answers = [
        Answer(object_id=derived_id("alttest", name, item), reviewer=person, field=name,
               value=repr(float(value)) if numeric else str(value))
        for person, of_one in people.items()
        for item, value in of_one.items()
    ]  # fmt: skip
    scores = []
    for model, of_one in models.items():
        for item, value in of_one.items():
            known = _is_number(str(value)) if numeric else str(value) in given
            scores.append(
                Score(object_id=derived_id("alttest", name, item), evaluator=model,
                      label=str(value) if known and not numeric else None,
                      score=float(value) if known and numeric else None,
                      explanation=None if known else str(value),
                      error_type=None if known else "unreadable_verdict")
            )  # fmt: skip
    field = SetField(
        name=name,
        type="number" if numeric else "categorical",
        options=() if numeric else tuple(given),
    )
    return JudgedSet(name="alttest", fields=(field,), answers=tuple(answers), scores=tuple(scores))


def _by_name(path: Path) -> dict[str, dict[str, Any]]:
    """Annotations by annotator and item."""
    found: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


READERS: dict[str, Callable[[Path], JudgedSet]] = {
    "xstest": read_xstest,
    "pandalm": read_pandalm,
    "unieval": read_unieval,
    "alttest": read_alttest,
}


def read_set(name: str, folder: Path) -> JudgedSet:
    """Read a set by name; raises :class:`SetUnreadableError` naming the missing file."""
    try:
        return READERS[name](folder)
    except FileNotFoundError as error:
        raise SetUnreadableError(f"{name} needs the file {error.filename}") from error
    except (KeyError, ValueError, OSError) as error:
        raise SetUnreadableError(f"{folder} does not hold {name}: {error!r}") from error


def _json(path: Path) -> list[dict[str, Any]]:
    raw = path.read_bytes()
    text = gzip.decompress(raw) if path.suffix == ".gz" else raw
    rows: list[dict[str, Any]] = json.loads(text)
    return rows
