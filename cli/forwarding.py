"""The forwarding process: what ``serve`` starts beside the loader when ``[forward]`` is set."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from cli.context import Context
    from otlp_receiver.forward_enrichment import Enrichment


_KEPT_READS = 12
"""Freed memory that is kept for the next findings, in reads of the spool; as the loader does."""


def check_forwarding(context: Context) -> None:
    """Tell a setting of ``[forward]`` that can never work before anything starts.

    Raises :class:`otlp_receiver.errors.InvalidForwardError`.
    """
    if context.configuration.forward.endpoint:
        from otlp_receiver.forward_target import check_target

        check_target(context.configuration.forward)


def forward_command(context: Context) -> list[str] | None:
    """How to start forwarding with this command's own options; None when it is off."""
    if not context.configuration.forward.endpoint:
        return None
    return [sys.executable, "-m", "cli.forwarding", _options(context)]


def loader_command(context: Context) -> list[str] | None:
    """How to start a loader that leaves its findings for forwarding; None when nobody asks."""
    forward = context.configuration.forward
    if not forward.endpoint or forward.mode != "enriched":
        return None
    return [sys.executable, "-m", "cli.loader_process", _options(context)]


def _options(context: Context) -> str:
    return json.dumps({"data_dir": str(context.data_path), "config_file": context.config_file})


def main(options: str) -> None:
    """Forward what the spool holds until the receiver says stop."""
    from cli.context import Context
    from otlp_receiver.errors import ReceiverError
    from otlp_receiver.forward_findings import clear_findings
    from otlp_receiver.forward_process import run

    context = Context(project="default", **json.loads(options))
    config = context.configuration.forward
    spool = context.data_path / "spool"
    enrich = None
    if config.mode == "enriched":
        enrich = _enrichment(context, spool)
    else:
        clear_findings(spool)
    try:
        run(spool, config, enrich)
    except ReceiverError as error:
        sys.exit(str(error))


def _enrichment(context: Context, spool: Path) -> Enrichment:
    from otlp_receiver.forward_enrichment import Enrichment
    from otlp_receiver.forward_findings import FindingsReader
    from otlp_receiver.forwarder import READ_BYTES
    from otlp_receiver.memory import keep_freed_memory, prepare_polars

    keep_freed_memory(_KEPT_READS * READ_BYTES, arenas_max=1)
    prepare_polars()
    from cli.span_signals import SpanSignals

    settings = context.configuration
    signals = SpanSignals(settings.analysis, settings.receiver, context.now)
    return Enrichment(signals, FindingsReader(spool, signals.settings))


if __name__ == "__main__":
    main(sys.argv[1])
