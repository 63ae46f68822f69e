"""``spandocket demo``: the main path on real data, as a person would walk it."""

from __future__ import annotations

from pathlib import Path

import click

from cli.context import Context, pass_context

_FOLDER = "demo-output"


@click.command(epilog="Example: spandocket demo")
@click.pass_context
@pass_context
def demo(context: Context, click_context: click.Context) -> None:
    """Run the main path on real data shipped with the product.

    Starts a receiver on free ports, sends agent runs and judged answers over OTLP, analyses them,
    shows the queues, brings in recorded human answers, and compares two evaluators with the
    people. Everything is written to the folder demo-output, or the one named with --data-dir.
    """
    from cli.demonstration.play import play
    from cli.demonstration.stage import Stage

    root = click_context.find_root()
    chosen = root.get_parameter_source("data_dir")
    is_chosen = chosen in (
        click.core.ParameterSource.COMMANDLINE,
        click.core.ParameterSource.ENVIRONMENT,
    )
    play(Stage(context.data_path if is_chosen else Path.cwd() / _FOLDER))
