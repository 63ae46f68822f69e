"""Addresses to listen on, as people write them and as servers want them."""

from __future__ import annotations

import socket
from contextlib import closing


def with_port(host: str, port: int) -> str:
    """``HOST:PORT``, with brackets around an IPv6 address."""
    bare = host.strip("[]")
    return f"[{bare}]:{port}" if ":" in bare else f"{bare}:{port}"


def bound(host: str, port: int) -> socket.socket:
    """A socket that is bound to the address and not yet listening; raises :class:`OSError`."""
    bare = host.strip("[]")
    family = socket.AF_INET6 if ":" in bare else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((bare, port))
    except OSError:
        listener.close()
        raise
    return listener


def why_not(host: str, port: int) -> str:
    """Why the address cannot be listened on, as the system says it."""
    try:
        with closing(bound(host, port)) as listener:
            listener.listen()
    except OSError as error:
        return error.strerror or str(error)
    return "the port is taken"
