"""The command serve: the labeling page."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from weaklab.cli.open_project import open_project, print_load_errors
from weaklab.cli.options import Again, Folder, NoCode, Strategy
from weaklab.core.tables import clean

commands = typer.Typer()


@commands.command(epilog="Example: `weaklab serve spam`, then open the printed link in a browser.")
def serve(
    project: Folder,
    port: Annotated[int, typer.Option(help="Port; 0 takes one that is free.", min=0, max=65535)] = 8765,
    batch: Annotated[int, typer.Option(help="How many records are picked at a time.", min=1)] = 10,
    overlap: Annotated[
        float | None,
        typer.Option(help="Share of the records that two people label; by default that of the settings.", min=0, max=1),
    ] = None,
    strategy: Strategy = None,
    again: Again = False,
    annotator: Annotated[str | None, typer.Option(help="The name that the page offers.")] = None,
    address: Annotated[
        str, typer.Option(help="Where to listen; an address that other machines can reach needs --password-file.")
    ] = "127.0.0.1",
    password_file: Annotated[
        Path | None, typer.Option(help="File with a password that opens the page, in the place of a link.")
    ] = None,
    name: Annotated[
        list[str] | None, typer.Option(help="Another name of the server in the browser, such as that of a proxy.")
    ] = None,
    no_code: NoCode = False,
) -> None:
    """Label in the browser: prints a link to a page on this machine. Ctrl-C stops it.

    The page holds everything that `weaklab label` does, for any number of people at once. Nothing is loaded from
    elsewhere.
    """
    from weaklab.page.server import read_password
    from weaklab.page.server import serve as serve_page

    with open_project(project, annotator=annotator, run_code=not no_code) as held:
        print_load_errors(held)
        password = None if password_file is None else read_password(password_file)
        serve_page(
            held, port=port, address=address, names=name or [], password=password, say=_say, batch=batch,
            overlap=overlap, strategy=strategy, again=again,
        )  # fmt: skip


def _say(line: str) -> None:
    print(clean(line, None))
    sys.stdout.flush()
