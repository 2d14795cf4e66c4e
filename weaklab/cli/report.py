"""The command report: write a report of a project as one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from weaklab.cli.open_project import open_project, print_load_errors
from weaklab.cli.options import Folder, NoCode
from weaklab.cli.output import print_line

commands = typer.Typer()


@commands.command(epilog="Example: `weaklab report spam report.html`")
def report(
    project: Folder,
    file: Annotated[Path, typer.Argument(metavar="[FILE]", help="Where to write, a .html file.")] = Path("report.html"),
    no_code: NoCode = False,
) -> None:
    """Write a report as one HTML file: learning curve, quality, calibration, heuristics, map, doubt, how it was made.

    It needs no other file, no script and no network. It contains texts of records and names of people.
    """
    with open_project(project, run_code=not no_code) as held:
        print_load_errors(held)
        print_line(f"wrote {held.report(file)}")
