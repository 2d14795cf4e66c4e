"""Commands that say how good the labels are: evaluate, quality, reliability, agreement, explain."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from weaklab.cli.open_project import open_project, print_load_errors
from weaklab.cli.options import Folder, NoCode
from weaklab.cli.output import as_csv, print_line, print_table

commands = typer.Typer()


@commands.command(epilog="Example: `weaklab evaluate spam`")
def evaluate(project: Folder, no_code: NoCode = False) -> None:
    """Estimate the accuracy of the labels, from the records that were drawn at random, and forecast it for more labels.

    It also shows whether labeling may stop, and whether people agree more often with a suggestion that they see.
    """
    with open_project(project, run_code=not no_code) as held:
        print_load_errors(held)
        print_table(held.evaluate(progress=sys.stderr.isatty()).table())


@commands.command(epilog="Example: `weaklab quality spam --by confidence`")
def quality(
    project: Folder,
    by: Annotated[
        str | None, typer.Option(help="Slices by a column, a heuristic (what it votes) or 'confidence'.")
    ] = None,
    csv: Annotated[bool, typer.Option("--csv", help="Print as CSV, for other programs: the slices with --by.")] = False,
    no_code: NoCode = False,
) -> None:
    """Show precision, recall and F1 of the labels for each class, from the records that were drawn at random.

    Where the records have gold labels, these figures are shown as well, exactly.
    """
    with open_project(project, run_code=not no_code) as held:
        print_load_errors(held)
        found = held.label_quality(by)
        if csv:
            print(as_csv(found.to_pandas() if by is None else found.slices(per_class=True)), end="")
        else:
            print_table(found.table())


@commands.command(epilog="Example: `weaklab reliability spam --plot reliability.png`")
def reliability(
    project: Folder,
    bins: Annotated[
        int | None, typer.Option(help="Bins of equal width from 0 to 1; by default more with more answers.", min=1)
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw the diagram to this file, .png or .svg.")] = None,
    no_code: NoCode = False,
) -> None:
    """Show the share of right labels by predicted probability, measured on the records that were drawn at random."""
    with open_project(project, run_code=not no_code) as held:
        print_load_errors(held)
        found = held.reliability(bins)
        if plot is not None:
            found.plot(plot)
        print_table(found.table())
        if plot is not None:
            print_line(f"wrote {plot}")


@commands.command(epilog="Example: `weaklab agreement spam`")
def agreement(project: Folder, no_code: NoCode = False) -> None:
    """Show how far people agree where several labeled a record: Cohen's and Fleiss' kappa, Krippendorff's alpha.

    The workers of a crowd stand in a table of their own.
    """
    with open_project(project, run_code=not no_code) as held:
        found = held.agreement()
        if len(found.pairs) or not held.crowds():
            print_table(found.table())
        for name in held.crowds():
            print_table(replace(held.crowd(name).agreement().table(), title=f"agreement of {name}"))


@commands.command(epilog="Example: `weaklab explain spam 17`")
def explain(
    project: Folder,
    record: Annotated[str, typer.Argument(metavar="ID", help="Id of the record.", show_default=False)],
    no_code: NoCode = False,
) -> None:
    """Show why a record got its label: the contribution of each heuristic to its log-odds against the next label.

    Below it: the words that were found, the votes that would turn the label, and the most similar labeled records.
    """
    with open_project(project, run_code=not no_code) as held:
        print_load_errors(held)
        print_table(held.explain(record).table())
