"""TLS for both servers, with certificates that may change while the receiver runs.

The files are looked at again at every handshake, so a renewed certificate needs no restart. Files
that cannot be read or do not fit together leave the old ones in use.
"""

from __future__ import annotations

import logging
import ssl
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc

from otlp_receiver.errors import UnusableCertificateError

if TYPE_CHECKING:
    from otlp_receiver.config import ReceiverConfig

logger = logging.getLogger(__name__)


class Certificates:
    """The certificate, its key, and the authorities of clients, as they lie on disk."""

    def __init__(self, config: ReceiverConfig) -> None:
        self._certificate = Path(config.tls_certificate)
        self._key = Path(config.tls_key)
        self._client_ca = Path(config.tls_client_ca) if config.tls_client_ca else None
        self._lock = threading.Lock()
        self._told = ""
        """Why the files on disk cannot be used, as it was said last."""
        try:
            self._stamp = self._stamps()
            self._context = self._load_context()
            self._grpc = self._handed = self._load_grpc()
        except (OSError, ssl.SSLError) as error:
            raise UnusableCertificateError(str(self._certificate), str(error)) from error

    def http_context(self) -> ssl.SSLContext:
        """A context for the HTTP server; each handshake uses the newest files."""
        outer = self._load_context()

        def newest(handshake: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
            self._refresh()
            handshake.context = self._context

        outer.sni_callback = newest
        return outer

    def grpc_credentials(self) -> grpc.ServerCredentials:
        """Credentials for the gRPC server; each handshake uses the newest files."""
        return grpc.dynamic_ssl_server_credentials(
            self._handed, self.renewed, require_client_authentication=self._client_ca is not None
        )

    def renewed(self) -> Any:
        """What gRPC must use from now on, once; None as long as the files are the same.

        gRPC puts what it is given in the place of the old without a lock, while other handshakes
        may be using that: given anew at each handshake, some hundred handshakes end the process.
        """
        self._refresh()
        with self._lock:
            if self._handed is self._grpc:
                return None
            self._handed = self._grpc
            return self._grpc

    def _refresh(self) -> None:
        with self._lock:
            self._read_again()

    def _read_again(self) -> None:
        try:
            stamp = self._stamps()
            if stamp == self._stamp:
                self._told = ""
                return
            context = self._load_context()
            self._grpc = self._load_grpc()
            self._context, self._stamp = context, stamp
            logger.info(
                "Read the renewed certificate %s.",
                self._certificate,
                extra={"event": "certificate_renewed"},
            )
            self._told = ""
        except (OSError, ssl.SSLError) as error:
            # Once, and not at every handshake until somebody mends it.
            if str(error) != self._told:
                self._told = str(error)
                logger.warning(
                    "Keeping the old certificate, the new one is unusable: %s",
                    error,
                    extra={"event": "certificate_unusable"},
                )

    def _stamps(self) -> tuple[tuple[int, int], ...]:
        files = [self._certificate, self._key]
        if self._client_ca is not None:
            files.append(self._client_ca)
        return tuple((path.stat().st_mtime_ns, path.stat().st_ino) for path in files)

    def _load_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self._certificate, self._key)
        if self._client_ca is not None:
            context.load_verify_locations(self._client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
            # A resumed session shows no certificate again: an authority that was taken away would
            # let its clients in for hours.
            context.num_tickets = 0
            context.options |= ssl.OP_NO_TICKET
        return context

    def _load_grpc(self) -> Any:
        pair = (self._key.read_bytes(), self._certificate.read_bytes())
        authorities = None if self._client_ca is None else self._client_ca.read_bytes()
        return grpc.ssl_server_certificate_configuration([pair], root_certificates=authorities)
