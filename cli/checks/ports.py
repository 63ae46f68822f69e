"""The ports that the receiver would listen on: free, ours already, or held by whom."""

from __future__ import annotations

import errno
import socket
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from cli.checks.model import failed, good

if TYPE_CHECKING:
    from cli.checks.model import Check

_LISTENING = "0A"
_OWN_ADDRESS = "Set receiver.host to an address of this machine."


def check_port(name: str, host: str, port: int, setting: str) -> Check:
    """Whether ``host:port`` can be listened on."""
    if port == 0:
        return good(name, "any free port")
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        return failed(name, f"{host} is no address: {error.strerror}", _OWN_ADDRESS)
    family, kind, protocol, _, address = addresses[0]
    try:
        with socket.socket(family, kind, protocol) as probe:
            # A port in TIME_WAIT can be listened on; a listening one cannot, even so.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            return good(name, f"{host}:{port} is free")
    except OSError as error:
        holder = holder_of(port)
        if holder is not None and "serve" in holder and ("spandocket" in holder or "cli" in holder):
            return good(name, f"{host}:{port} is held by spandocket itself ({holder})")
        reason = f"held by {holder}" if holder else str(error.strerror).lower()
        remedy = f"Stop the other program, or choose a port: {setting}."
        if error.errno == errno.EADDRNOTAVAIL:
            remedy = _OWN_ADDRESS
        elif error.errno == errno.EACCES:
            remedy = f"Choose a port above 1023: {setting}."
        return failed(name, f"{host}:{port} cannot be listened on: {reason}", remedy)


def holder_of(port: int) -> str | None:
    """``command line (process N)`` of whoever listens on the port.

    None when the system does not tell, as for the processes of other users.
    """
    wanted = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    for process in Path("/proc").glob("[0-9]*"):
        if wanted & _open_files(process):
            words = (process / "cmdline").read_bytes().split(b"\0")
            command = b" ".join(words).decode(errors="replace").strip()
            return f"{command} (process {process.name})"
    return None


def _open_files(process: Path) -> set[str]:
    """What the process has open, as far as we may see; files close while we look."""
    targets = set()
    with suppress(OSError):
        for link in (process / "fd").iterdir():
            with suppress(OSError):
                targets.add(str(link.readlink()))
    return targets


def _listening_inodes(port: int) -> set[str]:
    inodes = set()
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        try:
            lines = table.read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            columns = line.split()
            if columns[3] == _LISTENING and int(columns[1].rpartition(":")[2], 16) == port:
                inodes.add(columns[9])
    return inodes
