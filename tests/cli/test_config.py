from __future__ import annotations

import json


def test_show_lists_every_setting_with_value_and_default(spandocket, tmp_path):
    (tmp_path / "s.toml").write_text("[receiver]\ngrpc_port = 1234\n")

    code, out, err = spandocket("--config", "s.toml", "config", "show")

    rows = {(row["section"], row["key"]): row for row in map(json.loads, out.splitlines())}
    port = rows["receiver", "grpc_port"]
    assert (code, err) == (0, "")
    assert (port["value"], port["default"]) == (1234, 4317)
    assert {section for section, _ in rows} >= {"receiver", "store", "analysis", "queue"}


def test_show_changed_lists_only_what_differs(spandocket, tmp_path):
    (tmp_path / "s.toml").write_text('[receiver]\ngrpc_port = 1234\nhost = "127.0.0.1"\n')

    _, out, _ = spandocket("--config", "s.toml", "config", "show", "--changed")

    assert [json.loads(line)["key"] for line in out.splitlines()] == ["grpc_port"]


def test_show_hides_the_password_of_a_url(spandocket, tmp_path):
    (tmp_path / "s.toml").write_text('[queue]\nurl = "postgresql://me:secret@host/queue"\n')

    for output_format in ("jsonl", "json", "csv", "table"):
        _, out, _ = spandocket("--config", "s.toml", "config", "show", "--format", output_format)

        assert "postgresql://me:***@host/queue" in out.replace("\n", "")
        assert "secret" not in out


def test_check_accepts_a_good_file_and_says_so(spandocket, tmp_path):
    (tmp_path / "s.toml").write_text("[receiver]\ngrpc_port = 1\n")

    code, out, err = spandocket("config", "check", "s.toml")

    assert (code, out) == (0, "")
    assert "s.toml: every setting is good." in err


def test_check_ends_with_2_and_every_problem(spandocket, tmp_path):
    (tmp_path / "s.toml").write_text("[receiver]\ngrpc_prt = 1\n[queues]\n")

    code, out, err = spandocket("config", "check", "s.toml")

    assert (code, out) == (2, "")
    assert "s.toml: receiver.grpc_prt: unknown key; did you mean grpc_port" in err
    assert "s.toml: queues: unknown section; did you mean queue?" in err


def test_check_reads_the_file_of_the_environment(spandocket, tmp_path):
    (tmp_path / "s.toml").write_text("[receiver]\ngrpc_prt = 1\n")

    code, _, err = spandocket("config", "check", environment={"SPANDOCKET_CONFIG": "s.toml"})

    assert code == 2
    assert "grpc_prt" in err


def test_check_without_a_file_says_that_the_defaults_hold(spandocket):
    code, _, err = spandocket("config", "check")

    assert code == 0
    assert "the defaults hold" in err


def test_show_hides_tokens_in_headers_and_keys_of_an_object_store(spandocket, tmp_path):
    path = tmp_path / "secrets.toml"
    path.write_text(
        '[forward]\nheaders = { authorization = "Bearer swordfish" }\n'
        '[store]\nstorage_options = { aws_secret_access_key = "swordfish", region = "eu" }\n'
    )

    for form in ("table", "json", "jsonl", "csv"):
        out = spandocket("--config", path, "config", "show", "--format", form).out

        assert "swordfish" not in out
        assert "region" in out
