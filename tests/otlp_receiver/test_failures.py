"""The failure table of the README: what happens when the place or the loader fails."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING

import pytest

from otlp_receiver.config import ReceiverConfig
from otlp_receiver.segment import segments
from otlp_receiver.spool_level import SpoolLevel
from otlp_receiver.whereabouts import find
from span_store.store import SpanStore
from tests.otlp_receiver.requests import span_ids, trace_request
from tests.otlp_receiver.serving import Served, eventually, rows, run_command

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.acceptance


def test_a_data_directory_that_cannot_be_written_is_a_clear_message(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    done = run_command(tmp_path / "file" / "data", "serve", "--grpc-port", "0", "--http-port", "0")

    assert done.returncode == 1
    assert "cannot write the spool" in done.stderr
    assert "Traceback" not in done.stderr


def test_one_port_for_both_is_wrong_usage(tmp_path: Path) -> None:
    done = run_command(tmp_path, "serve", "--grpc-port=4318")

    assert done.returncode == 2
    assert "grpc_port and http_port are both 4318" in done.stderr
    assert "--http-port" in done.stderr


def test_a_disk_without_room_at_the_start_is_a_clear_message(tmp_path: Path) -> None:
    # As on a full disk, files can be made and nothing be written to them.
    full = ("sh", "-c", 'ulimit -f 0 && exec "$@"', "sh")
    done = run_command(
        tmp_path / "data", "serve", "--grpc-port", "0", "--http-port", "0", under=full
    )

    assert done.returncode == 1
    assert f"cannot write the spool at {tmp_path / 'data' / 'spool'}" in done.stderr
    assert "--data-dir" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_that_is_taken_is_a_clear_message(tmp_path: Path, served: Served) -> None:
    for option, address in (("--grpc-port", served.grpc), ("--http-port", served.http)):
        other = "--http-port" if option == "--grpc-port" else "--grpc-port"
        done = run_command(tmp_path / option, "serve", option, address.split(":")[1], other, "0")

        assert done.returncode == 1
        assert address in done.stderr
        assert "Traceback" not in done.stderr


def test_a_ready_file_in_no_folder_is_a_clear_message(tmp_path: Path) -> None:
    done = run_command(
        tmp_path / "data",
        "serve",
        "--grpc-port",
        "0",
        "--ready-file",
        str(tmp_path / "none" / "ready"),
    )

    assert done.returncode == 2
    assert f"there is no folder {tmp_path / 'none'}" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "data").exists()


def test_tables_that_cannot_be_written_hold_nothing_up_and_lose_nothing(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    (data_dir / "spans").write_text("in the way")
    sent = [trace_request(3, seed=seed) for seed in range(5)]
    with Served(data_dir, config="[receiver]\nload_interval_seconds = '50ms'\n") as served:
        for request in sent:
            served.export(request.SerializeToString())
        eventually(lambda: "cannot write" in served.log.read_text())
        trace_id = span_ids(sent[0])[0][0]
        waiting = find(data_dir, "default", trace_id, SpanStore(tmp_path / "elsewhere"))

        (data_dir / "spans").unlink()

        eventually(lambda: {ids for request in sent for ids in span_ids(request)} <= rows(data_dir))
        assert waiting.waiting_spans == 1
        assert find(data_dir, "default", trace_id).waiting_spans == 0


def test_a_killed_loader_is_started_again(tmp_path: Path) -> None:
    with Served(tmp_path / "data") as served:
        eventually(lambda: served.loader() is not None)
        first = served.loader()
        first.kill()
        request = trace_request(4, seed=8)
        served.export(request.SerializeToString())

        eventually(lambda: set(span_ids(request)) <= rows(tmp_path / "data"))

        assert served.loader().pid != first.pid


def test_a_damaged_spool_is_served_and_the_damage_kept(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    requests = [trace_request(2, seed=seed) for seed in range(3)]
    with Served(data_dir) as served:
        served.hold_loader()
        for request in requests:
            served.export(request.SerializeToString())
        served.kill(with_loader=True)
    path = max(segments(data_dir / "spool"), key=lambda entry: entry[1].stat().st_size)[1]
    damaged = path.read_bytes().replace(requests[1].SerializeToString()[50:60], b"0123456789")
    path.write_bytes(damaged + b"torn at the end"[:9])

    with Served(data_dir) as served:
        assert served.stop() == 0

    kept = [ids for request in (requests[0], requests[2]) for ids in span_ids(request)]
    assert set(kept) <= rows(data_dir)
    assert not set(span_ids(requests[1])) & rows(data_dir)
    assert list((data_dir / "quarantine").glob("*.damaged"))


def test_what_does_not_load_in_time_is_loaded_at_the_next_start(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    request = trace_request(3, seed=1)
    with Served(data_dir, config="[receiver]\ndrain_seconds = '1s'\n") as served:
        served.hold_loader()
        served.export(request.SerializeToString())
        code = served.stop()
        log = served.log.read_text()

    with Served(data_dir) as served:
        served.stop()

    assert code == 0
    assert "at the next start" in log
    assert set(span_ids(request)) <= rows(data_dir)


def test_a_rejected_span_can_be_asked_for(tmp_path: Path) -> None:
    request = trace_request(2, seed=2)
    span = request.resource_spans[0].scope_spans[0].spans[0]
    span.span_id = b""
    with Served(tmp_path / "data") as served:
        served.export(request.SerializeToString())

        found = find(tmp_path / "data", "default", span.trace_id.hex())

    assert found.refusals == ("span (no id): no span id",)


def test_the_same_span_twice_is_one_and_in_two_projects_two(tmp_path: Path) -> None:
    first, later = trace_request(2, seed=4), trace_request(2, seed=4, content="longer")
    for span in later.resource_spans[0].scope_spans[0].spans:
        span.end_time_unix_nano += 5
    with Served(tmp_path / "data") as served:
        served.export(first.SerializeToString())
        eventually(lambda: rows(tmp_path / "data"))
        served.export(later.SerializeToString())
        served.export(first.SerializeToString())
        served.stop()
    other = Served(tmp_path / "data", command=("serve",))
    with other as served:
        served.stop()

    found = SpanStore(tmp_path / "data").scan("spans", columns=["span_id", "attributes"]).collect()
    assert found.height == 2
    assert all("longer" in text for text in found["attributes"])


@pytest.mark.parametrize(
    ("size", "age", "is_full", "delay"),
    [
        (0, 0.0, False, 0.0),
        (50, 0.0, False, 0.0),
        (62, 0.0, False, 0.98),
        (75, 0.0, False, 1.41),
        (101, 0.0, True, 2.0),
        (0, 12.5, False, 1.0),
        (0, 21.0, True, 2.0),
    ],
)
def test_callers_are_slowed_above_the_soft_limit_and_refused_above_the_hard_one(
    tmp_path: Path, size: int, age: float, is_full: bool, delay: float
) -> None:
    config = ReceiverConfig(
        spool_bytes_soft=50,
        spool_bytes_hard=100,
        spool_age_soft_seconds=10.0,
        spool_age_hard_seconds=20.0,
    )
    (tmp_path / "00000000000000000001.segment").write_bytes(bytes(size))
    level = SpoolLevel(tmp_path, config)

    level.measure(age)

    assert (level.is_full(), round(level.delay_seconds(), 2)) == (is_full, delay)


def test_what_waits_for_forwarding_alone_neither_slows_nor_refuses_callers(tmp_path: Path) -> None:
    config = ReceiverConfig(spool_bytes_soft=50, spool_bytes_hard=100, forward_bytes_max=500)
    for first, size in ((1, 200), (10, 200), (20, 40)):
        (tmp_path / f"{first:020d}.segment").write_bytes(bytes(size))
    level = SpoolLevel(tmp_path, config)

    level.measure(0.0, loaded_number=12)
    half_loaded = (level.bytes, level.kept_bytes, level.is_full())
    level.measure(0.0, loaded_number=19)
    loaded = (level.bytes, level.kept_bytes, level.is_full(), level.delay_seconds())
    (tmp_path / f"{5:020d}.segment").write_bytes(bytes(200))
    level.measure(0.0, is_loaded=True)
    too_much = (level.bytes, level.kept_bytes, level.is_full(), level.what_is_behind())

    assert half_loaded == (240, 200, True)
    assert loaded == (40, 400, False, 0.0)
    assert too_much == (0, 600, True, "forwarding is behind")


def test_the_numbers_are_shown_while_it_runs_and_after(spandocket, tmp_path: Path) -> None:
    import json

    data_dir = tmp_path / "data"
    before = json.loads(spandocket("receiver", "stats").out)
    with Served(data_dir) as served:
        served.export(trace_request(3).SerializeToString())
        eventually(lambda: json.loads(spandocket("receiver", "stats").out).get("spans_total"))
        during = json.loads(spandocket("receiver", "stats").out)
        served.stop()
    after = json.loads(spandocket("receiver", "stats").out)

    assert (before["running"], during["running"], after["running"]) == (False, True, False)
    assert during["spans_total"] == {"grpc": 3}
    assert during["grpc"] == served.grpc
    assert (after["loader_lag_requests"], after["loaded_rows_total"]["spans"]) == (0, 3)
    shutil.rmtree(data_dir)


def test_a_receiver_killed_while_it_drains_leaves_the_way_free(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    (data_dir / "spans").write_text("in the way")
    request = trace_request(3, seed=1)
    with Served(data_dir, config="[receiver]\ndrain_seconds = '5m'\n") as served:
        served.export(request.SerializeToString())
        eventually(lambda: "cannot write" in served.log.read_text())
        served.process.terminate()
        time.sleep(1)
        served.kill()
    (data_dir / "spans").unlink()

    with Served(data_dir) as served:
        assert served.stop() == 0

    assert set(span_ids(request)) <= rows(data_dir)
