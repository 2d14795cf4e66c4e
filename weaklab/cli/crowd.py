"""The command crowd: labels of many people from a file, what their consensus is worth, and how good each of them is."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from weaklab.cli.open_project import open_project, print_load_errors
from weaklab.cli.options import Folder, Map, NoCode, reads_files
from weaklab.cli.output import as_csv, print_stderr, print_table
from weaklab.core.errors import WeaklabError
from weaklab.core.tables import Table, counted

if TYPE_CHECKING:
    import pandas as pd

    from weaklab.crowd.crowd import Crowd

commands = typer.Typer()

MOST_WORKERS = 20
"""So many workers are shown; --csv prints all."""


@commands.command(epilog="Example: `weaklab crowd rte judgements.csv --item item --annotator worker --label label`")
@reads_files
def crowd(
    project: Folder,
    source: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE",
            help="A row for each label that somebody gave. Without a file, the crowd that is there is shown.",
            show_default=False,
        ),
    ] = None,
    item: Annotated[
        str | None, typer.Option(help="Column of record ids. By default item, task, question, ... or id.")
    ] = None,
    annotator: Annotated[
        str | None, typer.Option(help="Column with who labeled. By default worker, annotator, rater, user, ...")
    ] = None,
    label: Annotated[str | None, typer.Option(help="Column of labels. By default label, answer, response, ...")] = None,
    text: Annotated[
        list[str] | None, typer.Option(help="Text column, where the items become the records of an empty project.")
    ] = None,
    no_text: Annotated[
        bool, typer.Option("--no-text", help="No column is the text of the items of an empty project.")
    ] = False,
    map_: Map = None,
    name: Annotated[str, typer.Option(help="Name of the crowd; one of the same name is replaced.")] = "crowd",
    without: Annotated[
        list[str] | None,
        typer.Option(help="Workers whose labels are left out, separated by commas. Add the file again to undo it."),
    ] = None,
    sort: Annotated[
        str, typer.Option(help="Order of the workers: labels, the most first; or accuracy, the worst first.")
    ] = "labels",
    csv: Annotated[bool, typer.Option("--csv", help="Print the workers as CSV, for other programs.")] = False,
    *,
    files: dict[str, Any],
    no_code: NoCode = False,
) -> None:
    """Add the labels of many people to the committee, and show how good they and their consensus are.

    In a project without records, the items become its records. Workers are judged by each other and by the labels that
    you gave.
    """
    from weaklab.core.label_reader import parse_map
    from weaklab.crowd.standing import about_below, about_consensus, below_others, in_order
    from weaklab.project.quality import measured_accuracy

    if no_text and text:
        raise WeaklabError("--text names a column and --no-text says that there is none; give one of the two")
    with open_project(project, run_code=not no_code) as held:
        print_load_errors(held)
        if source is not None:
            given: dict[str, Any] = {"item": item, "worker": annotator, "label": label}
            given["text"] = [] if no_text else text or None
            found = held.add_crowd(source, name=name, map=parse_map(map_), quiet=csv, **given, **files)
        else:
            found = held.crowd(name)
        if without:
            found = held.add_crowd(found.without(_named(without, found)), name=name)
        items = set(found.items)
        known = {each: said for each, said in held.manual_labels().items() if each in items}
        workers = in_order(found.quality(y=known), sort)
        if csv:
            print(as_csv(workers), end="")
            return
        notes = [*_order_notes(workers, sort), *about_consensus(found, measured_accuracy(held.workspace, name))]
        notes += [_judges(len(known)), *about_below(workers)]
        print_table(_workers_table(found, workers, notes))
        if below := below_others(workers):
            print_stderr(
                f"to leave out the worst: weaklab crowd {project} --without {shlex.quote(','.join(below[:2]))}"
            )
        if source is not None:
            print_stderr(f"next: weaklab label {project} -n 60 --strategy random, then weaklab evaluate {project}")


def _named(given: list[str], crowd: Crowd) -> list[str]:
    """Return the names of workers; a name may hold a comma."""
    known = set(crowd.workers)
    parts = [part for value in given for part in ([value] if value in known else value.split(","))]
    return [part if part in known else part.strip() for part in parts if part.strip()]


def _workers_table(crowd: Crowd, workers: pd.DataFrame, notes: list[str]) -> Table:
    rows = [
        [str(row.worker), row.n_labels, f"{row.accuracy:.0%}", f"{row.low:.0%} to {row.high:.0%}"]
        for row in workers.head(MOST_WORKERS).itertuples()
    ]
    return Table(repr(crowd), ["worker", "labels", "right", "95 %"], rows, notes)


def _order_notes(workers: pd.DataFrame, sort: str) -> list[str]:
    if sort == "labels":
        shown = f"The {MOST_WORKERS} workers with the most labels; --sort accuracy shows the worst, --csv prints all."
        return [shown] if len(workers) > MOST_WORKERS else []
    return ["Sorted by the upper end of the interval: those who are bad for sure come first."]


def _judges(known: int) -> str:
    judged = f"{counted(known, 'label')} of yours" if known else "no label of yours"
    return f"Workers are judged by each other and {judged}: mistakes that all share do not show."
