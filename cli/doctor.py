"""``spandocket doctor``: whether this installation can do its work, and what to do if not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cli.context import Context, pass_context
from cli.exit_codes import REFUSED
from cli.output import format_option, say, write_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cli.checks.model import Check


@click.command(epilog="Example: spandocket doctor")
@format_option
@pass_context
def doctor(context: Context, output_format: str | None) -> None:
    """Check the installation, the settings, the ports, the data directory and the stores.

    Nothing is changed. Ends with 0 when every check is good, and with 3 when one failed; the
    remedy says what to do.
    """
    from cli.checks.model import State

    checks = list(_checks(context))
    rows = [
        {"check": c.name, "state": str(c.state), "found": c.found, "remedy": c.remedy}
        for c in checks
    ]
    write_rows(rows, output_format, ["check", "state", "found", "remedy"])
    failures = [check.name for check in checks if check.state is State.FAILED]
    if failures:
        say(f"Failed: {', '.join(failures)}. The remedies say what to do.")
        raise click.exceptions.Exit(REFUSED)
    say("Every check is good.")


def _checks(context: Context) -> Iterator[Check]:
    from cli.checks.installation import check_installation
    from cli.checks.model import failed, good
    from cli.checks.own_traces import check_own_traces
    from cli.checks.places import check_data_dir
    from cli.checks.ports import check_port
    from cli.checks.prices import check_prices
    from cli.checks.stores import check_queue_store, check_tables
    from cli.checks.tokens import check_tokens
    from cli.configuration import ConfigurationError

    yield from check_installation()
    yield from check_data_dir(context.data_path)
    try:
        receiver = context.configuration.receiver
    except ConfigurationError as error:
        remedy = "Correct the file; configs/reference.toml explains every key."
        yield failed("settings", error.message, remedy)
        return
    yield good("settings", context.config_file or "the defaults")
    if receiver.prices:
        yield check_prices(receiver.prices)
    yield from check_tokens(context.data_path)
    yield check_port("grpc port", receiver.host, receiver.grpc_port, "receiver.grpc_port")
    if receiver.http_port >= 0:
        yield check_port("http port", receiver.host, receiver.http_port, "receiver.http_port")
    if receiver.own_traces:
        yield check_own_traces()
    yield from check_tables(context.span_store)
    if context.has_queue_store:
        yield check_queue_store(context.queue_url, context.configuration.queue)
    else:
        yield good("queue store", "none yet; the first command that needs it makes it")
