"""``findings list`` in every format."""

from __future__ import annotations

import csv
import json

import polars as pl
import pytest

from span_store.schema import FINDINGS
from span_store.store import SpanStore


@pytest.fixture
def found(tmp_path, spandocket):
    """One finding whose evidence lies in five spans, two pieces of it in the first."""
    spans = [f"{number:016x}" for number in (1, 1, 2, 3, 4, 5)]
    evidence = [{"span_id": span_id, "quote": "no, sorry"} for span_id in spans]
    facts = {
        "project": "default",
        "finding_id": "f",
        "trace_id": "a" * 32,
        "revision": 1,
        "detector": "refusal",
        "evidence": json.dumps(evidence),
        "found_at": 1,
    }
    row = dict.fromkeys(FINDINGS.names) | facts
    frame = pl.DataFrame([row], schema=FINDINGS.polars, orient="row")
    SpanStore(tmp_path / "data").append("findings", frame)

    def listed(output_format):
        done = spandocket("findings", "list", "--format", output_format)
        assert done.code == 0, done.err
        return done.out

    return listed, evidence


def test_every_format_holds_the_evidence_and_a_table_its_spans(found):
    listed, evidence = found
    (row,) = csv.DictReader(listed("csv").splitlines())

    assert json.loads(row["evidence"]) == evidence
    assert json.loads(listed("jsonl"))["evidence"] == evidence
    assert json.loads(listed("json"))[0]["evidence"] == evidence
    first = [f"{number:016x}" for number in (1, 2, 3)]
    told = " ".join(listed("table").split())
    assert ", ".join([*first, "and 2 more"]) in told
