"""``spandocket serve``."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.context import pass_context
from cli.output import say
from cli.own_traces import traces_protocol

if TYPE_CHECKING:
    from cli.context import Context
    from otlp_receiver.config import ReceiverConfig

_KEPT_BYTES = 128 * 2**20
"""Freed memory that the servers keep: some requests of the largest size."""
_OPEN_FILES = 65_536


@click.command(epilog="Example: spandocket serve --grpc-port 0 --ready-file ready.json")
@click.option("--grpc-port", type=click.IntRange(0, 65535), help="Port for OTLP over gRPC.")
@click.option(
    "--http-port", type=click.IntRange(-1, 65535), help="Port for OTLP over HTTP; -1 for none."
)
@click.option(
    "--ready-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write the addresses to once requests are accepted.",
)
@pass_context
def serve(
    context: Context, grpc_port: int | None, http_port: int | None, ready_file: Path | None
) -> None:
    """Receive OTLP spans and logs, and load them into the tables.

    Port 0 takes any free one; --grpc-port 0 alone does so for HTTP too. SIGTERM and Ctrl-C stop in
    order: calls in flight end, what was acknowledged is loaded into the tables, at most
    receiver.drain_seconds later it ends.
    """
    import time

    set_up_grpc()
    raise_file_limit()
    import uvloop

    from cli.background import Background
    from cli.forwarding import check_forwarding, forward_command, loader_command
    from otlp_receiver.memory import keep_freed_memory, spare_garbage_collector
    from otlp_receiver.service import Service
    from otlp_receiver.spool_folder import make_durable

    if ready_file is not None:
        _clear(ready_file)
    _log_sentences()
    config = _with_ports(context.configuration.receiver, grpc_port, http_port)
    check_forwarding(context)
    _check_prices(config)

    def started(addresses: dict[str, str | None]) -> None:
        over_http = f" and over HTTP on {addresses['http']}" if addresses["http"] else ""
        say(f"Accepting OTLP over gRPC on {addresses['grpc']}{over_http}.")
        say(f"Writing to {context.data_path}.")
        if ready_file is not None:
            make_durable(ready_file, json.dumps(addresses).encode())

    service = Service(
        data_dir=context.data_path,
        store_place=context.configuration.store.url or str(context.data_path),
        project=context.project,
        config=config,
        clock=time.time_ns,
        started=started,
        store_options=context.configuration.store.storage_options or None,
        forward_command=forward_command(context),
        loader_command=loader_command(context),
        traces_protocol=traces_protocol(),
    )
    keep_freed_memory(_KEPT_BYTES)
    spare_garbage_collector()
    with Background(context):
        uvloop.run(service.run())
    _leave(is_drained=service.is_drained, is_computing=service.is_computing)


def _with_ports(
    config: ReceiverConfig, grpc_port: int | None, http_port: int | None
) -> ReceiverConfig:
    """The settings with the ports that the command names."""
    from dataclasses import replace

    if http_port is None and grpc_port == 0 and config.http_port > 0:
        # Whoever takes any port wants no quarrel about the other one either.
        http_port = 0
    try:
        return replace(
            config,
            grpc_port=config.grpc_port if grpc_port is None else grpc_port,
            http_port=config.http_port if http_port is None else http_port,
        )
    except ValueError as error:
        raise click.UsageError(f"{error}; name another with --grpc-port or --http-port") from error


def _check_prices(config: ReceiverConfig) -> None:
    """Refuse a price file that the loader, a process of its own, would end at again and again."""
    if config.prices:
        from otlp_receiver.dialects.prices import load_prices

        load_prices(config.prices)


def _leave(*, is_drained: bool, is_computing: bool) -> None:
    """Say how it ended, and end."""
    left = "what is left in the spool is loaded at the next start"
    say(f"Stopped; {'everything acknowledged is in the tables' if is_drained else left}.")
    if is_computing:
        # The interpreter's own end would wait for the turn of threads that nobody waits for.
        sys.stderr.flush()
        os._exit(0)


def set_up_grpc() -> None:
    """Before gRPC is imported: starting the loader must not disturb callers.

    gRPC's own handling of forks, which is on by default, closes open connections now and then when
    a child is started ("Socket closed", twice in a thousand calls beside 150 starts); the children
    here run other programs and need none of it. Its own log lines are no sentences with keys, and
    anybody who sends what is no gRPC could fill the disk with them.
    """
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")


def raise_file_limit() -> None:
    """Each connection is an open file, and the usual limit of 1,024 is that of the settings."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _log_sentences() -> None:
    import logging

    from otlp_receiver.log_lines import use_log_lines

    use_log_lines()
    # What is no HTTP is answered and counted; a line each would let anybody fill the disk.
    logging.getLogger("uvicorn").setLevel(logging.ERROR)


def _clear(ready_file: Path) -> None:
    """Who waits for the file must not read the addresses of an earlier run."""
    folder = ready_file.absolute().parent
    if not folder.is_dir():
        raise click.BadParameter(
            f"there is no folder {folder}; make it first", param_hint="'--ready-file'"
        )
    ready_file.unlink(missing_ok=True)
