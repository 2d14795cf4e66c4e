"""The program ``weaklab``: its commands, which stand in the modules of their topic, and what it does on errors."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any

import typer

from weaklab.cli import (
    batch,
    corrections,
    crowd,
    demo,
    encoder,
    end_model,
    export,
    heuristics,
    labeling,
    labels,
    listing,
    next_steps,
    projects,
    quality,
    records,
    report,
    rules,
    serve,
    simulate,
)
from weaklab.cli.output import INTERRUPTED, OK, fail, print_line, print_stderr
from weaklab.core.errors import WeaklabError

EXIT_CODES = (
    "Exit codes: 0 done, 1 an error (see stderr), 2 wrong usage, 3 done, but labeling functions are broken "
    "(run, batch; with --strict any fault) or have faults (lfs), 130 interrupted."
)

_WRONG_USAGE: Any = typer.BadParameter.__mro__[2]
"""``ClickException`` of the library that this version of typer uses."""

app = typer.Typer(
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Label a corpus with a committee of labeling functions and weak classifiers that learns while you label.",
    epilog=f"A first look: `weaklab demo`. {EXIT_CODES}",
)

for topic in (
    projects, next_steps, heuristics, rules, encoder, labeling, serve, labels, crowd, quality, report, records,
    corrections, export, end_model, simulate, batch, listing, demo,
):  # fmt: skip
    app.add_typer(topic.commands)  # the help lists the commands in this order


def main() -> None:
    """Run the command line and exit with an exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = app(prog_name="weaklab", standalone_mode=False)
        sys.exit(code if isinstance(code, int) else OK)
    except _WRONG_USAGE as error:
        _wrong_usage(error)
    except typer.Abort:
        print_stderr("interrupted")
        sys.exit(INTERRUPTED)
    except WeaklabError as error:
        fail(str(error))
    except KeyboardInterrupt:
        print_stderr("interrupted; all that was answered is stored")
        sys.exit(INTERRUPTED)
    except BrokenPipeError:  # the reader of the pipe has stopped
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(OK)
    except (OSError, MemoryError) as error:
        fail(f"{type(error).__name__}: {error}")


def _wrong_usage(error: Any) -> None:
    """Print what is wrong with a command line and exit; arguments may contain anything, so the message is cleaned."""
    if type(error).__name__ == "NoArgsIsHelpError":  # this shows the help and is not an error
        error.show()
        sys.exit(error.exit_code)
    context = getattr(error, "ctx", None)
    if context is not None:
        print_stderr(context.get_usage())
        print_stderr(f"help: {context.command_path} --help")
    print_stderr(f"error: {error.format_message()}")
    sys.exit(error.exit_code)


def _version(wanted: bool) -> None:
    if wanted:
        from weaklab import __version__

        print_line(f"weaklab {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Handle the options before a command."""
