"""The command's entry: global options, lazily loaded nouns, one place for exit codes."""

from __future__ import annotations

import sys

import click

from cli.context import Context
from cli.exit_codes import exit_code_of
from cli.lazy_group import LazyGroup
from cli.nouns import NOUNS


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
    help="Folder of the spool, the tables and the queue store.",
)
@click.option(
    "--config",
    "config_file",
    envvar="SPANDOCKET_CONFIG",
    show_envvar=True,
    type=click.Path(dir_okay=False),
    help="TOML file of settings; see configs/reference.toml.",
)
@click.option(
    "--project",
    envvar="SPANDOCKET_PROJECT",
    default="default",
    show_default=True,
    show_envvar=True,
    help="Project to work on.",
)
@click.version_option(package_name="spandocket")
@click.pass_context
def spandocket(
    click_context: click.Context, data_dir: str, config_file: str | None, project: str
) -> None:
    """Decide which GenAI traces a person should look at, and how far evaluators can be trusted."""
    click_context.obj = Context(data_dir=data_dir, config_file=config_file, project=project)


def main() -> None:
    """Run the command; the only place that turns exceptions into exit codes."""
    try:
        spandocket.main(standalone_mode=False)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except Exception as error:
        code = exit_code_of(error)
        if code is None:
            raise
        click.echo(f"Error: {error}", err=True)
        sys.exit(code)
