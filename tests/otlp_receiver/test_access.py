"""Tokens, projects, TLS and where the receiver may listen."""

from __future__ import annotations

import http.client
import json
import os
import ssl
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING, Any

import grpc
import pytest
import trustme

from otlp_receiver.access import Access, allows_anonymous
from otlp_receiver.config import ReceiverConfig
from otlp_receiver.errors import InvalidTokenFileError, UnknownTokenError
from otlp_receiver.status import Reason, Refusal
from otlp_receiver.tokens import TokenFile
from span_store.store import SpanStore
from tests.otlp_receiver.requests import span_ids, trace_request
from tests.otlp_receiver.serving import TRACES, Served, run_command

if TYPE_CHECKING:
    from pathlib import Path


def test_a_token_opens_its_project_and_nothing_else(tmp_path: Path) -> None:
    tokens = TokenFile(tmp_path / "tokens.json")
    token, text = tokens.create("shop", now=1)

    assert tokens.project_of(text) == "shop"
    assert tokens.project_of(text[:-1]) is None
    assert tokens.project_of(f"sdk_{token.id}_") is None
    assert tokens.project_of("") is None
    assert text not in (tmp_path / "tokens.json").read_text()
    assert text.split("_", 2)[2] not in (tmp_path / "tokens.json").read_text()


def test_two_tokens_live_together_until_one_is_revoked(tmp_path: Path) -> None:
    tokens = TokenFile(tmp_path / "tokens.json")
    old, old_text = tokens.create("shop", now=1)
    _, new_text = tokens.create("shop", now=2)
    other = TokenFile(tmp_path / "tokens.json")

    assert (other.project_of(old_text), other.project_of(new_text)) == ("shop", "shop")
    tokens.revoke(old.id, now=3)

    assert (other.project_of(old_text), other.project_of(new_text)) == (None, "shop")


def test_an_unknown_token_is_named_with_the_nearest(tmp_path: Path) -> None:
    tokens = TokenFile(tmp_path / "tokens.json")
    token, _ = tokens.create("shop", now=1)

    with pytest.raises(UnknownTokenError, match=token.id):
        tokens.revoke(token.id[:-1], now=2)


def test_a_broken_token_file_lets_nobody_in(tmp_path: Path) -> None:
    (tmp_path / "tokens.json").write_text("[")

    with pytest.raises(InvalidTokenFileError):
        TokenFile(tmp_path / "tokens.json").project_of("anything")


def test_tokens_that_are_made_at_the_same_time_are_all_kept(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"

    with ThreadPoolExecutor(16) as makers:
        made = list(makers.map(lambda n: TokenFile(path).create(f"p{n}", now=n), range(48)))

    assert {token.id for token in TokenFile(path).tokens()} == {token.id for token, _ in made}


def test_the_file_of_tokens_is_for_its_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        TokenFile(tmp_path / "tokens.json").create("shop", now=1)
    finally:
        os.umask(before)

    assert (tmp_path / "tokens.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("settings", "is_open"),
    [
        ({"host": "0.0.0.0"}, False),
        ({"host": "192.0.2.7"}, False),
        ({"host": "0.0.0.0", "allow_anonymous": True}, True),
        ({"host": "127.0.0.1"}, True),
        ({"host": "::1"}, True),
        (
            {"host": "::", "tls_certificate": "c", "tls_key": "k", "tls_client_ca": "a"},
            True,
        ),
    ],
)
def test_a_file_of_tokens_that_is_gone_opens_nothing_to_the_network(
    tmp_path: Path, settings: dict[str, Any], is_open: bool
) -> None:
    tokens = TokenFile(tmp_path / "tokens.json")
    _, text = tokens.create("shop", now=1)
    config = ReceiverConfig(**settings)
    access = Access(tokens, "default", allow_anonymous=allows_anonymous(config))
    before = access.project_of({"x-api-key": text})
    tokens.path.unlink()

    try:
        after: object = access.project_of({})
    except Refusal as refusal:
        after = refusal.reason

    assert before == "shop"
    assert after == ("default" if is_open else Reason.OVERLOADED)


def test_the_command_creates_lists_and_revokes(spandocket, tmp_path: Path) -> None:
    made = json.loads(spandocket("--project", "shop", "tokens", "create", "--note", "ci").out)
    listed = json.loads(spandocket("tokens", "list").out)
    revoked = json.loads(spandocket("tokens", "revoke", made["id"]).out)
    wrong = spandocket("tokens", "revoke", "nothing")

    assert made["token"].startswith(f"sdk_{made['id']}_")
    assert (listed["project"], listed["note"], listed["revoked_at"]) == ("shop", "ci", None)
    assert "token" not in listed
    assert revoked["revoked_at"] is not None
    assert (wrong.code, "Traceback" in wrong.err) == (2, False)


def post(served: Served, headers: dict[str, str]) -> int:
    body = trace_request().SerializeToString()
    with closing(http.client.HTTPConnection(served.http, timeout=120)) as connection:
        connection.request(
            "POST", "/v1/traces", body, {"content-type": "application/x-protobuf", **headers}
        )
        answer = connection.getresponse()
        answer.read()
        return answer.status


@pytest.mark.acceptance
def test_tokens_are_asked_for_over_both_transports_and_choose_the_project(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    tokens = TokenFile(data_dir / "tokens.json")
    _, shop = tokens.create("shop", now=1)
    bank_token, bank = tokens.create("bank", now=1)
    request = trace_request(2, seed=5)
    body = request.SerializeToString()
    with Served(data_dir) as served:
        served.export(body, metadata=[("authorization", f"Bearer {shop}")])
        served.export(body, metadata=[("x-api-key", bank)])
        over_http = post(served, {"authorization": f"Bearer {shop}"})
        for metadata in ([], [("authorization", "Bearer sdk_00000000_wrong")]):
            with pytest.raises(grpc.RpcError) as caught:
                served.export(body, metadata=metadata)
            assert caught.value.code() == grpc.StatusCode.UNAUTHENTICATED
        assert (post(served, {}), post(served, {"x-api-key": "wrong"})) == (401, 401)
        assert post(served, {"x-api-key": bank, "x-spandocket-project": "bank"}) == 200
        assert post(served, {"x-api-key": bank, "x-spandocket-project": "shop"}) == 403
        with pytest.raises(grpc.RpcError) as caught:
            served.export(body, metadata=[("x-api-key", bank), ("x-spandocket-project", "shop")])
        assert caught.value.code() == grpc.StatusCode.PERMISSION_DENIED
        tokens.revoke(bank_token.id, now=2)
        with pytest.raises(grpc.RpcError) as caught:
            served.export(body, metadata=[("x-api-key", bank)])
        assert caught.value.code() == grpc.StatusCode.UNAUTHENTICATED
        code = served.stop()

    store = SpanStore(data_dir)
    ids = set(span_ids(request))
    for project in ("shop", "bank"):
        frame = store.scan("spans", project=project).select("trace_id", "span_id").collect()
        assert ids <= set(frame.rows()), project
    assert (over_http, code) == (200, 0)


@pytest.mark.acceptance
@pytest.mark.parametrize(("host", "code"), [("0.0.0.0", 2), ("::", 2)])
def test_without_tokens_it_refuses_to_open_to_the_network(
    tmp_path: Path, host: str, code: int
) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text(f'[receiver]\nhost = "{host}"\n')

    done = run_command(
        tmp_path / "data",
        "--config",
        str(settings),
        "serve",
        "--grpc-port",
        "0",
        "--http-port",
        "0",
    )

    assert done.returncode == code
    assert "tokens create" in done.stderr
    assert not (tmp_path / "data").exists()


def certificates(folder: Path, authority: trustme.CA) -> None:
    issued = authority.issue_cert("localhost", "127.0.0.1")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    (folder / "cert.pem").write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))


TLS = """
[receiver]
tls_certificate = "{folder}/cert.pem"
tls_key = "{folder}/key.pem"
"""


def secure_export(
    served: Served, authority: trustme.CA, client: trustme.LeafCert | None, *, patient: bool = True
) -> bytes:
    credentials = grpc.ssl_channel_credentials(
        authority.cert_pem.bytes(),
        client.private_key_pem.bytes() if client else None,
        client.cert_chain_pems[0].bytes() if client else None,
    )
    with grpc.secure_channel(
        served.grpc, credentials, options=[("grpc.use_local_subchannel_pool", 1)]
    ) as channel:
        body = trace_request().SerializeToString()
        return bytes(channel.unary_unary(TRACES)(body, timeout=60, wait_for_ready=patient))


def secure_post(served: Served, authority: trustme.CA, client: trustme.LeafCert | None) -> int:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    if client is not None:
        client.configure_cert(context)
    body = trace_request().SerializeToString()
    with closing(
        http.client.HTTPSConnection(served.http, context=context, timeout=90)
    ) as connection:
        connection.request("POST", "/v1/traces", body, {"content-type": "application/x-protobuf"})
        answer = connection.getresponse()
        answer.read()
        return answer.status


@pytest.mark.acceptance
def test_a_renewed_certificate_is_used_without_a_restart(tmp_path: Path) -> None:
    old, new = trustme.CA(), trustme.CA()
    certificates(tmp_path, old)
    with Served(tmp_path / "data", config=TLS.format(folder=tmp_path)) as served:
        assert secure_export(served, old, None) == b""
        assert secure_post(served, old, None) == 200
        with pytest.raises(ssl.SSLError):
            secure_post(served, new, None)

        time.sleep(0.02)
        certificates(tmp_path, new)

        assert secure_export(served, new, None) == b""
        assert secure_post(served, new, None) == 200
        with pytest.raises(ssl.SSLError):
            secure_post(served, old, None)


@pytest.mark.acceptance
def test_with_client_authorities_a_client_needs_a_certificate(tmp_path: Path) -> None:
    authority, stranger = trustme.CA(), trustme.CA()
    certificates(tmp_path, authority)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    config = TLS.format(folder=tmp_path) + f'tls_client_ca = "{tmp_path}/ca.pem"\n'
    known = authority.issue_cert("client.example")
    unknown = stranger.issue_cert("client.example")
    with Served(tmp_path / "data", config=config) as served:
        assert secure_export(served, authority, known) == b""
        assert secure_post(served, authority, known) == 200
        for client in (None, unknown):
            with pytest.raises(grpc.RpcError):
                secure_export(served, authority, client, patient=False)
            with pytest.raises((ssl.SSLError, ConnectionError)):
                secure_post(served, authority, client)
        assert secure_export(served, authority, known) == b""


@pytest.mark.acceptance
def test_an_expired_client_certificate_is_refused_and_honest_clients_go_on(tmp_path: Path) -> None:
    from datetime import UTC, datetime

    authority = trustme.CA()
    certificates(tmp_path, authority)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    config = TLS.format(folder=tmp_path) + f'tls_client_ca = "{tmp_path}/ca.pem"\n'
    expired = authority.issue_cert("client.example", not_after=datetime(2020, 1, 1, tzinfo=UTC))
    honest = authority.issue_cert("client.example")
    with Served(tmp_path / "data", config=config) as served:
        with pytest.raises(grpc.RpcError):
            secure_export(served, authority, expired, patient=False)
        with pytest.raises((ssl.SSLError, ConnectionError)):
            secure_post(served, authority, expired)
        assert secure_export(served, authority, honest) == b""
        assert secure_post(served, authority, honest) == 200


@pytest.mark.acceptance
def test_a_certificate_that_cannot_be_read_is_a_clear_message(tmp_path: Path) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text(TLS.format(folder=tmp_path))

    done = run_command(
        tmp_path / "data",
        "--config",
        str(settings),
        "serve",
        "--grpc-port",
        "0",
        "--http-port",
        "0",
    )

    assert done.returncode == 2
    assert "cert.pem" in done.stderr
    assert "Traceback" not in done.stderr
