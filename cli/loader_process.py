"""The loader of a receiver that forwards with findings: it leaves them for forwarding."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from otlp_receiver.decoding import LoadedRows
    from otlp_receiver.forward_enrichment import Findings

logger = logging.getLogger(__name__)


def main(options: str, settings: dict[str, Any]) -> None:
    """Load until the receiver says stop."""
    from otlp_receiver.loader_process import main as load

    command = [sys.executable, "-m", "cli.worker_process", options]
    load(settings, lambda: SignalsLeft(json.loads(options), Path(settings["spool"])), command)


class SignalsLeft:
    """What is known of each span at once, left for forwarding."""

    def __init__(self, options: dict[str, Any], spool: Path) -> None:
        from cli.context import Context
        from cli.span_signals import SpanSignals
        from otlp_receiver.forward_findings import FindingsWriter

        context = Context(project="default", **options)
        settings = context.configuration
        self._signals = SpanSignals(settings.analysis, settings.receiver, context.now)
        self._writer = FindingsWriter(spool, self._signals.settings)

    def find(self, rows: LoadedRows) -> Findings | None:
        """The findings of a batch; None where finding them met a defect of ours."""
        try:
            return self._signals.of(rows)
        except Exception:
            # Loading comes first; forwarding finds again what is not there.
            logger.exception(
                "Findings are left to forwarding.", extra={"event": "findings_not_left"}
            )
            return None

    def leave(self, first: int, last: int, found: Findings) -> None:
        """Write them where forwarding reads them."""
        try:
            self._writer.write(first, last, found)
        except OSError as error:
            logger.warning(
                "Findings are left to forwarding: %s", error, extra={"event": "findings_not_left"}
            )


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
