"""Files: every form that senders and Collectors write, broken ones named, twice stored once."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from otlp_receiver.file_formats import requests_of
from otlp_receiver.importer import Importer
from span_store.store import SpanStore
from tests.otlp_receiver.requests import id_rows, log_request, span_ids, trace_request
from tests.otlp_receiver.test_bytes import as_otlp_json

if TYPE_CHECKING:
    from pathlib import Path

    from otlp_receiver.importer import ImportReport


def load(tmp_path: Path, *paths: Path) -> ImportReport:
    importer = Importer(
        store=SpanStore(tmp_path / "data"), decode=id_rows, project="p", clock=lambda: 7
    )
    return importer.run(paths)


def stored(tmp_path: Path) -> set[tuple[str, str]]:
    frame = SpanStore(tmp_path / "data").scan_raw("spans").select("trace_id", "span_id").collect()
    assert frame.is_unique().all()
    return set(frame.rows())


def prefixed(*bodies: bytes) -> bytes:
    return b"".join(len(body).to_bytes(4, "big") + body for body in bodies)


def zstd(content: bytes) -> bytes:
    packed: bytes = pa.compress(content, codec="zstd", asbytes=True)
    return packed


ONE, TWO = trace_request(2, seed=1), trace_request(3, seed=2)
FORMS = {
    "run.traces.binpb": ONE.SerializeToString(),
    "run.traces.binpb.gz": gzip.compress(ONE.SerializeToString()),
    "collector.proto": prefixed(ONE.SerializeToString()),
    "collector.binpb": prefixed(ONE.SerializeToString()),
    "one.json": as_otlp_json(ONE),
    "pretty.traces.json": json.dumps(json.loads(as_otlp_json(ONE)), indent=2).encode(),
    "lines.jsonl": as_otlp_json(ONE) + b"\n\n",
    "lines.jsonl.gz": gzip.compress(as_otlp_json(ONE) + b"\n"),
    "lines.jsonl.zst": zstd(as_otlp_json(ONE) + b"\n"),
    "collector.proto.zst": prefixed(zstd(ONE.SerializeToString())),
    "collector.json.zst": prefixed(zstd(as_otlp_json(ONE))),
    "list.json": b"[" + as_otlp_json(ONE) + b"]",
}


@pytest.mark.parametrize("name", FORMS)
def test_every_form_is_understood(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(FORMS[name])

    report = load(tmp_path, tmp_path / name)

    assert (report.problems, report.requests) == ([], 1)
    assert stored(tmp_path) == set(span_ids(ONE))


def test_of_requests_compressed_one_by_one_a_broken_one_is_named_alone(tmp_path: Path) -> None:
    good, other = zstd(ONE.SerializeToString()), zstd(TWO.SerializeToString())
    (tmp_path / "run").write_bytes(prefixed(other[:-5], b"{no json", good))

    report = load(tmp_path, tmp_path / "run")

    assert [problem.partition(": cannot")[0] for problem in report.problems] == [
        f"{tmp_path / 'run'}: byte 0",
        f"{tmp_path / 'run'}: byte {len(other) - 1}",
    ]
    assert stored(tmp_path) == set(span_ids(ONE))


def test_many_requests_in_a_file_are_all_loaded(tmp_path: Path) -> None:
    lines = as_otlp_json(ONE) + b"\n" + as_otlp_json(TWO) + b"\n"
    (tmp_path / "lines.json").write_bytes(lines)
    both = prefixed(ONE.SerializeToString(), TWO.SerializeToString())
    (tmp_path / "more.traces.binpb").write_bytes(both)

    reports = [load(tmp_path, tmp_path / "lines.json"), load(tmp_path, tmp_path / "lines.json")]

    assert [report.rows["spans"] for report in reports] == [5, 0]
    assert len(list(requests_of(tmp_path / "more.traces.binpb", both))) == 2


@pytest.mark.parametrize("name", ["run.logs.binpb", "unnamed.binpb"])
def test_logs_are_told_from_traces_by_name_or_content(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(log_request().SerializeToString())

    load(tmp_path, tmp_path / name)

    assert SpanStore(tmp_path / "data").scan_raw("evaluations").collect().height == 1


def test_a_file_imported_twice_under_another_name_is_stored_once(tmp_path: Path) -> None:
    for name in ("a.traces.binpb", "b.traces.binpb"):
        (tmp_path / name).write_bytes(ONE.SerializeToString())

    first = load(tmp_path, tmp_path / "a.traces.binpb", tmp_path / "b.traces.binpb")
    second = load(tmp_path, tmp_path / "b.traces.binpb")

    assert stored(tmp_path) == set(span_ids(ONE))
    assert (first.rows["spans"], second.rows["spans"]) == (2, 0)
    assert second.files_already_imported == 1


def test_an_import_that_died_goes_on_where_it_stopped(tmp_path: Path, monkeypatch) -> None:
    lines = b"\n".join(as_otlp_json(trace_request(2, seed=seed)) for seed in range(9))
    (tmp_path / "lines.json").write_bytes(lines)
    monkeypatch.setattr("otlp_receiver.importer._BATCH_FILES", 2)
    calls = 0

    def dies(records):
        nonlocal calls
        calls += 1
        if calls == 3:
            raise KeyboardInterrupt
        return id_rows(records)

    with pytest.raises(KeyboardInterrupt):
        Importer(store=SpanStore(tmp_path / "data"), decode=dies, project="p", clock=lambda: 7).run(
            [tmp_path / "lines.json"]
        )
    report = load(tmp_path, tmp_path / "lines.json")

    assert report.rows["spans"] == 10
    assert len(stored(tmp_path)) == 18


def test_what_is_broken_is_named_and_the_rest_is_loaded(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    (folder / "deep").mkdir(parents=True)
    whole = prefixed(ONE.SerializeToString())
    (folder / "broken.traces.binpb").write_bytes(b"\x0a\xff\xff")
    (folder / "notes.txt").write_text("hello")
    (folder / "empty.json").write_bytes(b"")
    (folder / "cut.gz").write_bytes(gzip.compress(b"x" * 999)[:-9])
    (folder / "meta.json").write_text('{"who": "somebody else"}')
    (folder / "cut.binpb").write_bytes(whole + whole[:-5])
    (folder / "lines.jsonl").write_bytes(as_otlp_json(TWO) + b"\n{broken\n{}\n")
    (folder / "deep" / "good.traces.binpb").write_bytes(
        trace_request(1, seed=9).SerializeToString()
    )

    report = load(tmp_path, folder, tmp_path / "missing.json")

    told = "\n".join(report.problems)
    for name in ("broken.traces", "notes.txt", "empty.json", "cut.gz", "cut.binpb", "missing"):
        assert name in told, told
    assert "lines.jsonl: line 2" in told
    assert "lines.jsonl: line 3" in told
    assert "meta.json" not in told
    assert report.files_ignored == 1
    assert len(stored(tmp_path)) == 2 + 3 + 1


@pytest.mark.parametrize("kept", [slice(1), slice(40), slice(-20, None)])
def test_a_torn_first_line_does_not_refuse_the_others(tmp_path: Path, kept: slice) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_bytes(b"\n".join([as_otlp_json(ONE)[kept], as_otlp_json(TWO), b"{broken"]))

    report = load(tmp_path, path)

    assert stored(tmp_path) == set(span_ids(TWO))
    assert [problem.partition(": not JSON")[0] for problem in report.problems] == [
        f"{path}: line 1",
        f"{path}: line 3",
    ]


def test_lines_of_which_none_is_otlp_are_one_problem(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(b"many lines\nof text\n{}\n")

    (problem,) = load(tmp_path, path).problems

    assert "is neither JSON nor lines" in problem


def test_a_bad_span_is_counted_and_the_others_loaded(tmp_path: Path) -> None:
    request = trace_request(3)
    request.resource_spans[0].scope_spans[0].spans[1].span_id = b""
    (tmp_path / "a.traces.binpb").write_bytes(request.SerializeToString())

    report = load(tmp_path, tmp_path / "a.traces.binpb")

    assert (report.rejected_spans, report.rows["spans"]) == (1, 2)
    assert "no span id" in report.problems[0]


@pytest.mark.acceptance
def test_the_command_prints_counts_and_works_beside_a_receiver(
    spandocket, tmp_path: Path, served
) -> None:
    good, bad = tmp_path / "a.traces.binpb", tmp_path / "b.traces.binpb"
    good.write_bytes(trace_request(4, seed=31).SerializeToString())
    bad.write_bytes(b"\x0a\xff\xff")

    first = spandocket("import", good, data_dir=served.data_dir)
    second = spandocket("import", good, bad, data_dir=served.data_dir)

    counts = [json.loads(outcome.out) for outcome in (first, second)]
    assert [outcome.code for outcome in (first, second)] == [0, 1]
    assert [count["spans"] for count in counts] == [4, 0]
    assert "b.traces.binpb" in second.err
    assert "Traceback" not in second.err
