"""Certificates as both servers ask for them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
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

    assert certificates.renewed() is None
    assert [record.event for record in caplog.records] == ["certificate_unusable"]

    (tmp_path / "cert.pem").write_bytes(good)
    assert certificates.renewed() is not None


def test_certificates_that_cannot_be_read_at_the_start_are_named(tmp_path: Path) -> None:
    config = write(tmp_path)
    (tmp_path / "key.pem").unlink()

    with pytest.raises(UnusableCertificateError, match=r"cert\.pem"):
        Certificates(config)
