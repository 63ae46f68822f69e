"""The loader of a receiver that forwards with findings: it leaves them for forwarding."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from otlp_receiver.decoding import LoadedRows, Note
    from otlp_receiver.record import SpoolRecord

logger = logging.getLogger(__name__)


def main(options: str, settings: dict[str, Any]) -> None:
    """Load until the receiver says stop."""
    from otlp_receiver.loader_process import main as load

    def make_note() -> Note:
        return _note(json.loads(options), Path(settings["spool"]))

    load(settings, make_note)


def _note(options: dict[str, Any], spool: Path) -> Note:
    from cli.context import Context
    from cli.span_signals import SpanSignals
    from otlp_receiver.forward_findings import FindingsWriter

    context = Context(project="default", **options)
    settings = context.configuration
    signals = SpanSignals(settings.analysis, settings.receiver, context.now)
    writer = FindingsWriter(spool, signals.settings)

    def note(records: Sequence[SpoolRecord], rows: LoadedRows) -> None:
        try:
            writer.write(records, signals.of(rows))
        except OSError as error:
            logger.warning(
                "Findings are left to forwarding: %s", error, extra={"event": "findings_not_left"}
            )
        except Exception:
            # Loading comes first; forwarding finds again what is not there.
            logger.exception(
                "Findings are left to forwarding.", extra={"event": "findings_not_left"}
            )

    return note


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
