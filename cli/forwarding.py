"""The forwarding process: what ``serve`` starts beside the loader when ``[forward]`` is set."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cli.context import Context


_KEPT_READS = 12
"""Freed memory that is kept for the next findings, in reads of the spool; as the loader does."""


def forward_command(context: Context) -> list[str] | None:
    """How to start forwarding with this command's own options; None when it is off."""
    if not context.configuration.forward.endpoint:
        return None
    options = {"data_dir": str(context.data_path), "config_file": context.config_file}
    return [sys.executable, "-m", "cli.forwarding", json.dumps(options)]


def main(options: str) -> None:
    """Forward what the spool holds until the receiver says stop."""
    from cli.context import Context
    from otlp_receiver.errors import ReceiverError
    from otlp_receiver.forward_enrichment import Enrichment
    from otlp_receiver.forward_process import run
    from otlp_receiver.forwarder import READ_BYTES
    from otlp_receiver.memory import keep_freed_memory, prepare_polars

    context = Context(project="default", **json.loads(options))
    config = context.configuration.forward
    enrich = None
    if config.mode == "enriched":
        keep_freed_memory(_KEPT_READS * READ_BYTES, arenas_max=1)
        prepare_polars()
        from cli.span_signals import SpanSignals

        enrich = Enrichment(SpanSignals(context.configuration.analysis, context.now))
    try:
        run(context.data_path / "spool", config, enrich)
    except ReceiverError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main(sys.argv[1])
