"""Forwarding as a process of its own, as the loader is.

The receiver speaks to it over stdin (``drain`` asks it to forward what waits and end; the end of
the stream means that the receiver died) and reads one JSON report a line from its stdout.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from dataclasses import asdict
from typing import TYPE_CHECKING

from otlp_receiver.forward_target import open_target
from otlp_receiver.forwarder import Forwarder

if TYPE_CHECKING:
    from pathlib import Path

    from otlp_receiver.config import ForwardConfig
    from otlp_receiver.forward_enrichment import Enrichment
    from otlp_receiver.forward_state import ForwardState

IDLE_SECONDS = 0.2


class _Orders:
    """What the receiver said."""

    def __init__(self) -> None:
        self._changed = threading.Event()
        self.is_draining = False

    def listen(self) -> None:
        """Follow stdin; end the process at once when the receiver is gone."""
        for line in sys.stdin:
            if line.strip() == "drain":
                self.is_draining = True
                self._changed.set()
        if not self.is_draining:
            # What was sent and not noted is sent again at the next start.
            os._exit(0)

    def wait(self, seconds: float) -> bool:
        """Wait; False when the receiver is stopping, so that an endpoint that is away is left."""
        self._changed.wait(seconds)
        return not self.is_draining


def run(spool: Path, config: ForwardConfig, enrich: Enrichment | None) -> None:
    """Forward until told to drain, then until nothing is left or the endpoint does not answer."""
    os.nice(5)
    orders = _Orders()
    threading.Thread(target=orders.listen, daemon=True).start()
    target = open_target(config)
    forwarder = Forwarder(
        spool=spool, target=target, config=config, wait=orders.wait, enrich=enrich
    )
    try:
        _say(forwarder.state)
        while forwarder.step(_say) or orders.wait(IDLE_SECONDS):
            pass
    finally:
        target.close()


def _say(state: ForwardState) -> None:
    sys.stdout.write(json.dumps(asdict(state)) + "\n")
    sys.stdout.flush()
