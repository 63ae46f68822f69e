"""Every captured export of a real instrumentation, compared with what really happened.

Does not prove that libraries or versions outside of the captures are read.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from otlp_receiver.dialects.captures import read_captures, understand
from otlp_receiver.dialects.coverage import FIELDS, checks_of, page, surprises, table
from otlp_receiver.dialects.quirks import QUIRKS

ROOT = Path(__file__).parents[2]
ARCHIVE = ROOT / "tests" / "data" / "captures" / "captures.tar.xz"


@cache
def captures():
    return tuple(read_captures(ARCHIVE))


@cache
def results():
    return tuple(understand(captures()))


@cache
def checks():
    return tuple(checks_of(captures()))


def test_every_request_of_every_capture_is_read():
    failed = [(c.name, r.failed) for c, r in zip(captures(), results(), strict=True) if r.failed]

    assert len(captures()) == 492
    assert failed == []


def test_every_field_that_the_telemetry_holds_agrees_with_the_truth():
    told = [
        f"{check.capture} {check.place} {check.field}:"
        f" {check.expected!r:.120} is not {check.found!r:.120}"
        for check in surprises(checks())
    ]

    assert told == []
    assert len(checks()) > 12_000


def test_most_comparisons_agree_without_any_exception():
    agreed = sum(check.agrees for check in checks())

    assert agreed / len(checks()) > 0.97


def test_each_librarys_dialect_is_recognised():
    wrong = []
    for capture, result in zip(captures(), results(), strict=True):
        code = capture.truth["dialect_code"].replace("F3+", "F3").replace("F3", "F3+")
        if code not in result.spans["dialect"].to_list():
            wrong.append((capture.name, code, result.spans["dialect"].unique().to_list()))

    assert wrong == []


def test_every_row_of_the_table_has_something_found():
    cells = table(checks())

    assert [field for field in FIELDS if not cells[field]] == []


def test_every_quirk_names_a_test_that_exists():
    missing = []
    for quirk, named in QUIRKS:
        file, _, test = named.partition(": ")
        places = [ROOT / "tests" / room / file for room in ("otlp_receiver", "span_store")]
        texts = [place.read_text(encoding="utf-8") for place in places if place.exists()]
        if not any(f"def {test}(" in text for text in texts):
            missing.append((quirk, named))

    assert missing == []


def test_the_page_is_the_same_every_time():
    few = [capture for capture in captures() if capture.scenario == "S2"]

    assert page(few) == page(few)
