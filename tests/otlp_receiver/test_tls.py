"""Certificates as both servers ask for them."""

from __future__ import annotations

import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
import trustme

from otlp_receiver.config import ReceiverConfig
from otlp_receiver.errors import UnusableCertificateError
from otlp_receiver.tls import Certificates

if TYPE_CHECKING:
    from pathlib import Path


def write(folder: Path) -> ReceiverConfig:
    """A new certificate in the folder, and the settings that name it."""
    issued = trustme.CA().issue_cert("localhost", "127.0.0.1")
    # Under another name first, as whoever renews certificates does: a new file for each.
    for name, blob in (
        ("key.pem", issued.private_key_pem),
        ("cert.pem", issued.cert_chain_pems[0]),
    ):
        blob.write_to_path(folder / "next")
        (folder / "next").replace(folder / name)
    return ReceiverConfig(tls_certificate=str(folder / "cert.pem"), tls_key=str(folder / "key.pem"))


def test_grpc_is_given_certificates_only_when_they_are_renewed_and_then_once(
    tmp_path: Path,
) -> None:
    certificates = Certificates(write(tmp_path))
    assert [certificates.renewed() for _ in range(3)] == [None, None, None]

    write(tmp_path)
    with ThreadPoolExecutor(8) as threads:
        given = list(threads.map(lambda _: certificates.renewed(), range(64)))

    assert len([each for each in given if each is not None]) == 1


def test_what_http_noticed_first_is_still_given_to_grpc(tmp_path: Path) -> None:
    certificates = Certificates(write(tmp_path))
    context = certificates.http_context()
    write(tmp_path)

    context.sni_callback(context, None, context)

    assert certificates.renewed() is not None
    assert certificates.renewed() is None


def test_files_that_do_not_fit_leave_the_old_in_use_until_they_do(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    certificates = Certificates(write(tmp_path))
    good = (tmp_path / "cert.pem").read_bytes()
    (tmp_path / "cert.pem").write_bytes(b"not a certificate")

    assert [certificates.renewed() for _ in range(5)] == [None] * 5
    assert [record.event for record in caplog.records] == ["certificate_unusable"]

    (tmp_path / "cert.pem").write_bytes(good)
    assert certificates.renewed() is not None


def test_certificates_that_cannot_be_read_at_the_start_are_named(tmp_path: Path) -> None:
    config = write(tmp_path)
    (tmp_path / "key.pem").unlink()

    with pytest.raises(UnusableCertificateError, match=r"cert\.pem"):
        Certificates(config)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_client_shows_its_certificate_at_every_connection(
    tmp_path: Path, version: ssl.TLSVersion
) -> None:
    """So that an authority that is taken away lets nobody in from then on."""
    authority, later = trustme.CA(), trustme.CA()
    own, known = authority.issue_cert("localhost"), authority.issue_cert("client.example")
    own.private_key_pem.write_to_path(tmp_path / "key.pem")
    own.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    config = ReceiverConfig(
        tls_certificate=str(tmp_path / "cert.pem"),
        tls_key=str(tmp_path / "key.pem"),
        tls_client_ca=str(tmp_path / "ca.pem"),
    )
    server = Certificates(config).http_context()
    client = ssl.create_default_context()
    client.maximum_version = version
    authority.configure_trust(client)
    known.configure_cert(client)

    first, session = connected(server, client, None)
    second, _ = connected(server, client, session)
    later.cert_pem.write_to_path(tmp_path / "next.pem")
    (tmp_path / "next.pem").replace(tmp_path / "ca.pem")
    third, _ = connected(server, client, session)

    assert [first, second, third] == ["welcome", "welcome", "refused"]


def connected(
    server: ssl.SSLContext, client: ssl.SSLContext, session: ssl.SSLSession | None
) -> tuple[str, ssl.SSLSession | None]:
    """What a client is told that resumes a session, and the session afterwards."""
    here, there = socket.socketpair()

    def serve() -> None:
        with there, suppress(OSError), server.wrap_socket(there, server_side=True) as connection:
            connection.sendall(b"welcome")
            connection.recv(1)

    with ThreadPoolExecutor(1) as threads, here:
        threads.submit(serve)
        try:
            with client.wrap_socket(
                here, server_hostname="localhost", session=session
            ) as connection:
                said = connection.recv(100).decode() or "refused"
                return said, connection.session
        except OSError:
            return "refused", None
