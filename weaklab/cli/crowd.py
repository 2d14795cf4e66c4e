"""The command crowd: labels of many people from a file, what their consensus is worth, and how good each of them is."""

from __future__ import annotations

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
        known = {each: said for each, said in held.manual_labels().items() if each in set(found.items)}
        workers = found.quality(y=known).sort_values("n_labels", ascending=False, kind="stable")
        if csv:
            print(as_csv(workers), end="")
            return
        print_table(_workers_table(found, workers, known))
        if source is not None:
            print_stderr(f"next: weaklab label {project} -n 60 --strategy random, then weaklab evaluate {project}")


def _workers_table(crowd: Crowd, workers: pd.DataFrame, known: dict[str, str]) -> Table:
    shown = workers.head(MOST_WORKERS)
    rows = [
        [str(row.worker), row.n_labels, f"{row.accuracy:.0%}", f"{row.low:.0%} to {row.high:.0%}"]
        for row in shown.itertuples()
    ]
    return Table(repr(crowd), ["worker", "labels", "right", "95 %"], rows, _notes(crowd, len(workers), known))


def _notes(crowd: Crowd, workers: int, known: dict[str, str]) -> list[str]:
    P = crowd.probabilities(y=known).max(axis=1)
    alpha = crowd.agreement(pairs=False).alpha
    notes = [f"The {MOST_WORKERS} workers with the most labels; --csv prints all."] if workers > MOST_WORKERS else []
    agree = alpha.why if alpha.value is None else f"{alpha.value:.2f} ({alpha.low:.2f} to {alpha.high:.2f})"
    notes.append(f"Agreement (Krippendorff's alpha): {agree}.")
    notes.append(
        f"Consensus: expects {P.mean():.0%} of its labels to be right; {counted(int((P < 0.9).sum()), 'item')} with a "
        "probability below 90 %."
    )
    judged = f"{counted(len(known), 'label')} of yours" if known else "no label of yours"
    return [*notes, f"Judged by each other and {judged}: mistakes that all share do not show."]
