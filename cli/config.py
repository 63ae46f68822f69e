"""``spandocket config``: the settings as they are, and whether a file of them is good."""

from __future__ import annotations

import click

from cli.context import Context, pass_context
from cli.output import format_option, say, write_rows


@click.group(epilog="Example: spandocket --config spandocket.toml config check")
def config() -> None:
    """Show and check the settings."""


@config.command(epilog="Example: spandocket config show --format csv")
@click.option("--changed", is_flag=True, help="Only settings that differ from their defaults.")
@format_option
@pass_context
def show(context: Context, changed: bool, output_format: str | None) -> None:
    """List every setting: its value, its default, and what it means.

    Passwords in URLs, the values of headers and the keys of an object store are not shown.
    """
    from cli.configuration import Configuration
    from cli.settings import settings

    defaults = {(s.section, s.key): s for s in settings(Configuration())}
    rows = []
    for setting in settings(context.configuration):
        default = defaults.get((setting.section, setting.key))
        if changed and default is not None and default.value == setting.value:
            continue
        rows.append(
            {
                "section": setting.section,
                "key": setting.key,
                "value": setting.shown,
                "default": None if default is None else default.shown,
                "unit": setting.unit,
                "doc": setting.doc,
                "set_to": setting.as_toml,
                "default_is": None if default is None else default.as_toml,
            }
        )
    write_rows(rows, output_format, ["section", "key", "set_to", "default_is", "doc"])


@config.command(epilog="Example: spandocket config check spandocket.toml")
@click.argument("file", required=False, type=click.Path(dir_okay=False))
@pass_context
def check(context: Context, file: str | None) -> None:
    """Check FILE, or the file of --config: every problem at once, with file and key.

    Ends with 0 when the file is good and 2 when it is not.
    """
    from cli.configuration import load

    chosen = file or context.config_file
    if chosen is None:
        say("No settings file is named (--config or SPANDOCKET_CONFIG): the defaults hold.")
        return
    prices = load(chosen).receiver.prices
    if prices:
        from otlp_receiver.dialects.prices import load_prices

        load_prices(prices)
    say(f"{chosen}: every setting is good.")
