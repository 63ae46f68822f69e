from __future__ import annotations

import json
import socket
import sqlite3
from contextlib import closing

import pytest

from cli.checks.installation import check_installation
from cli.checks.ports import check_port
from tests.otlp_receiver.otlp_requests import TRACE_ID, request


@pytest.fixture
def free_port():
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def doctor(spandocket, tmp_path, free_port):
    """Runs the doctor with a free port set, and gives its rows by check."""

    def run(*arguments, settings="", **options):
        path = tmp_path / "doctor.toml"
        path.write_text(f"[receiver]\ngrpc_port = {free_port}\nhttp_port = -1\n{settings}")
        outcome = spandocket("--config", path, *arguments, "doctor", **options)
        rows = {row["check"]: row for row in map(json.loads, outcome.out.splitlines())}
        return outcome, rows

    return run


def test_a_good_installation_passes_and_nothing_is_made(doctor, tmp_path):
    outcome, rows = doctor()

    assert outcome.code == 0, outcome.out
    assert {row["state"] for row in rows.values()} <= {"good", "warning"}
    assert "can be made" in rows["data directory"]["found"]
    assert not (tmp_path / "data").exists()


def test_a_host_that_is_not_this_machine_needs_another_host_not_another_port(free_port):
    # Kept for documentation: no machine has it.
    check = check_port("grpc port", "192.0.2.1", free_port, "receiver.grpc_port")

    assert check.state == "failed"
    assert check.remedy == "Set receiver.host to an address of this machine."


def test_prices_that_cannot_be_read_fail_before_anything_is_received(doctor, spandocket, tmp_path):
    outcome, rows = doctor(settings='prices = "missing.csv"\n')

    assert outcome.code == 3
    assert "missing.csv" in rows["prices"]["found"]
    assert "receiver.prices" in rows["prices"]["remedy"]
    for command in (("config", "check"), ("serve", "--grpc-port", "0")):
        outcome = spandocket("--config", tmp_path / "doctor.toml", *command)
        assert outcome.code == 2
        assert "missing.csv" in outcome.err


def test_a_held_port_fails_and_names_the_holder_and_the_way_out(free_port):
    with closing(socket.socket()) as other:
        other.bind(("127.0.0.1", free_port))
        other.listen()

        check = check_port("grpc port", "127.0.0.1", free_port, "receiver.grpc_port")

    assert check.state == "failed"
    assert "pytest" in check.found or "python" in check.found
    assert "receiver.grpc_port" in check.remedy


def test_a_host_that_is_no_address_fails():
    check = check_port("grpc port", "no.such.host.invalid", 4317, "receiver.grpc_port")

    assert check.state == "failed"


def test_a_held_port_ends_the_doctor_with_3(doctor, free_port):
    with closing(socket.socket()) as other:
        other.bind(("127.0.0.1", free_port))
        other.listen()

        outcome, rows = doctor()

    assert outcome.code == 3
    assert rows["grpc port"]["state"] == "failed"
    assert "Failed: grpc port" in outcome.err


def test_wrong_settings_are_one_failed_check_and_the_others_still_run(doctor):
    outcome, rows = doctor(settings="hots = 1\n")

    assert outcome.code == 3
    assert "did you mean host?" in rows["settings"]["found"]
    assert rows["packages"]["state"] == "good"


def test_a_data_directory_below_a_file_fails(doctor, tmp_path):
    (tmp_path / "file").write_text("")

    outcome, rows = doctor(data_dir=tmp_path / "file" / "data")

    assert outcome.code == 3
    assert rows["data directory"]["state"] == "failed"


def test_a_broken_table_fails_and_names_its_place(doctor, tmp_path):
    log = tmp_path / "data" / "spans" / "_delta_log"
    log.mkdir(parents=True)
    (log / "00000000000000000000.json").write_text("not a commit")

    outcome, rows = doctor()

    assert outcome.code == 3
    assert str(tmp_path / "data" / "spans") in rows["table spans"]["found"]


@pytest.mark.parametrize("damage", ["gone", "cut"])
def test_a_table_whose_files_are_damaged_fails_and_names_them(doctor, spandocket, tmp_path, damage):
    (tmp_path / "one.traces.binpb").write_bytes(request({"name": "GET /"}))
    assert spandocket("import", tmp_path / "one.traces.binpb").code == 0
    assert doctor()[0].code == 0
    (file,) = (tmp_path / "data" / "spans").glob("*.parquet")
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:-100])

    outcome, rows = doctor()

    assert outcome.code == 3
    assert file.name in rows["table spans"]["found"]
    assert str(tmp_path / "data" / "spans") in rows["table spans"]["remedy"]


def test_tokens_that_cannot_be_read_fail(doctor, spandocket, tmp_path):
    assert spandocket("tokens", "create").code == 0
    assert doctor()[1]["tokens.json"]["state"] == "good"
    (tmp_path / "data" / "tokens.json").write_text("")

    outcome, rows = doctor()

    assert outcome.code == 3
    assert "tokens.json" in rows["tokens.json"]["found"]


def test_what_only_remembers_may_be_broken(spandocket, tmp_path):
    (tmp_path / "one.traces.binpb").write_bytes(request({"name": "GET /"}))
    assert spandocket("import", tmp_path / "one.traces.binpb").code == 0
    for name in ("receiver-stats.json", "rejections.jsonl"):
        (tmp_path / "data" / name).write_bytes(b"[1]\n\xff\n")

    assert spandocket("traces", "where", TRACE_ID.hex()).code == 0
    assert json.loads(spandocket("receiver", "stats").out)["running"] is False


def test_an_unreadable_queue_store_fails(doctor, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "queue.sqlite3").write_text("this is no database, as its first bytes say")

    outcome, rows = doctor()

    assert outcome.code == 3
    assert rows["queue store"]["state"] == "failed"


def test_a_queue_store_of_a_newer_version_fails_and_is_left_as_it_is(doctor, spandocket, tmp_path):
    spandocket("fields", "list")
    database = tmp_path / "data" / "queue.sqlite3"
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")

    outcome, rows = doctor()

    assert outcome.code == 3
    assert "schema 9999" in rows["queue store"]["found"]


def test_another_distribution_with_a_package_of_ours_fails(tmp_path, monkeypatch):
    other = tmp_path / "segment_analytics-1.0.dist-info"
    other.mkdir()
    (other / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: segment-analytics\nVersion: 1.0\n"
    )
    (other / "top_level.txt").write_text("analytics\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    checks = {check.name: check for check in check_installation()}

    assert checks["packages"].state == "failed"
    assert "analytics is also in segment-analytics" in checks["packages"].found
    assert "environment of its own" in checks["packages"].remedy
