"""The command's entry: global options, lazily loaded nouns, one place for exit codes."""

from __future__ import annotations

import os
import sys

import click

from cli.context import Context
from cli.exit_codes import (
    DONE,
    FAILED,
    INTERRUPTED,
    exit_code_of,
    is_interruption,
    message_of,
)
from cli.lazy_group import LazyGroup
from cli.nouns import NOUNS
from cli.shadowing import refuse_shadowed_packages
from cli.standard_streams import open_closed_streams

_GLOBAL_OPTIONS = ("--data-dir", "--config", "--project")


def _not_blank(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """Refuse what an unset variable of a shell leaves: it would be a place or a project too."""
    if value is not None and not value.strip():
        raise click.BadParameter("it is empty; leave the option out for the default")
    return value


@click.group(
    cls=LazyGroup,
    nouns=NOUNS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Example: spandocket demo",
)
@click.option(
    "--data-dir",
    envvar="SPANDOCKET_DATA_DIR",
    default="spandocket-data",
    show_default=True,
    show_envvar=True,
    type=click.Path(file_okay=False),
    callback=_not_blank,
    help="Folder of the spool, the tables and the queue store.",
)
@click.option(
    "--config",
    "config_file",
    envvar="SPANDOCKET_CONFIG",
    show_envvar=True,
    type=click.Path(dir_okay=False),
    callback=_not_blank,
    help="TOML file of settings; see configs/reference.toml.",
)
@click.option(
    "--project",
    envvar="SPANDOCKET_PROJECT",
    default="default",
    show_default=True,
    show_envvar=True,
    callback=_not_blank,
    help="Project to work on.",
)
@click.version_option(package_name="spandocket", prog_name="spandocket")
@click.pass_context
def spandocket(
    click_context: click.Context, data_dir: str, config_file: str | None, project: str
) -> None:
    """Decide which GenAI traces a person should look at, and how far evaluators can be trusted."""
    click_context.obj = Context(data_dir=data_dir, config_file=config_file, project=project)


def main() -> None:
    """Run the command; the only place that turns exceptions into exit codes."""
    open_closed_streams()
    try:
        refuse_shadowed_packages()
        # Not standalone, click answers a command's ctx.exit(code) with that code.
        code = spandocket.main(prog_name="spandocket", standalone_mode=False)
        sys.stdout.flush()
        sys.exit(code if isinstance(code, int) else DONE)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(INTERRUPTED)
    except click.ClickException as error:
        error.show()
        if isinstance(error, click.NoSuchOption) and error.option_name in _GLOBAL_OPTIONS:
            click.echo(f"{error.option_name} stands before the noun; see spandocket -h.", err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # The reader stopped reading, as head does; what Python still holds goes nowhere, quietly.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FAILED)
    except Exception as error:
        if is_interruption(error):
            sys.exit(INTERRUPTED)
        known = exit_code_of(error)
        if known is None:
            raise
        click.echo(f"Error: {message_of(error)}", err=True)
        sys.exit(known)
