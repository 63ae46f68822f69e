"""The commands for what was acknowledged and cannot be loaded."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from otlp_receiver.quarantine import Quarantine
from otlp_receiver.record import SpoolRecord
from span_store.store import SpanStore
from tests.otlp_receiver.requests import span_ids, trace_request

if TYPE_CHECKING:
    from pathlib import Path


def test_poison_is_listed_shown_retried_and_dropped(spandocket, tmp_path: Path) -> None:
    quarantine = Quarantine(tmp_path / "data" / "quarantine")
    good = trace_request(2, seed=6)
    for name, body in (("a-1", good.SerializeToString()), ("a-2", b"\x0a\xff\xff")):
        record = SpoolRecord(number=1, project="shop", signal="traces", received_at=7, body=body)
        quarantine.add(name, record, "nobody could read it")

    listed = [json.loads(line)["id"] for line in spandocket("quarantine", "list").out.splitlines()]
    shown = json.loads(spandocket("quarantine", "show", "a-2").out)
    retried = spandocket("quarantine", "retry")
    dropped = spandocket("quarantine", "drop", "a-2", "--yes")
    unknown = spandocket("quarantine", "show", "a-3")

    assert listed == ["a-1", "a-2"]
    assert (shown["reason"], shown["head"]) == ("nobody could read it", "0affff")
    loaded = {line["id"]: line["loaded"] for line in map(json.loads, retried.out.splitlines())}
    assert (retried.code, loaded) == (1, {"a-1": True, "a-2": False})
    assert (dropped.code, unknown.code) == (0, 2)
    assert quarantine.count() == 0
    found = SpanStore(tmp_path / "data").scan("spans").select("trace_id", "span_id").collect()
    assert set(span_ids(good)) <= set(found.rows())


def test_a_wrong_id_changes_nothing_and_one_that_is_named_twice_counts_once(
    spandocket, tmp_path: Path
) -> None:
    quarantine = Quarantine(tmp_path / "data" / "quarantine")
    for number in (1, 2):
        body = trace_request(1, seed=number).SerializeToString()
        record = SpoolRecord(number=1, project="shop", signal="traces", received_at=7, body=body)
        quarantine.add(f"a-{number}", record, "nobody could read it")

    wrong = [
        spandocket("quarantine", "retry", "a-1", "b-1"),
        spandocket("quarantine", "drop", "a-1", "b-1", "--yes"),
        spandocket("quarantine", "show", "../quarantine/a-1"),
    ]
    left = quarantine.count()
    dropped = spandocket("quarantine", "drop", "a-1", "a-1", "--yes")
    retried = spandocket("quarantine", "retry", "a-2", "a-2")

    assert [outcome.code for outcome in wrong] == [2, 2, 2]
    assert all("did you mean a-1" in outcome.err for outcome in wrong[:2])
    assert left == 2
    assert (dropped.code, retried.code) == (0, 0)
    assert len(retried.out.splitlines()) == 1
    assert quarantine.count() == 0


def test_a_retry_knows_the_keys_of_the_settings(spandocket, tmp_path: Path) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text('[receiver.attributes]\nuser_id = "test.content"\n')
    body = trace_request(1, content="u-1").SerializeToString()
    record = SpoolRecord(number=1, project="shop", signal="traces", received_at=7, body=body)
    Quarantine(tmp_path / "data" / "quarantine").add("a-1", record, "nobody could read it")

    retried = spandocket("--config", settings, "quarantine", "retry")

    found = SpanStore(tmp_path / "data").scan("spans", columns=["user_id"]).collect()
    assert retried.code == 0
    assert found["user_id"].to_list() == ["u-1"]
