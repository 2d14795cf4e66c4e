"""The command labels: list and change the labels of a project."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from weaklab.cli.open_project import open_project, print_load_errors
from weaklab.cli.options import Folder, Json, NoCode
from weaklab.cli.output import print_stderr, print_table
from weaklab.core.errors import WeaklabError
from weaklab.core.tables import json_text

if TYPE_CHECKING:
    from weaklab.project.label_changes import ProjectLabels

commands = typer.Typer()


@commands.command(epilog="Example: `weaklab labels spam --rename spam junk`; `weaklab labels spam --undo`")
def labels(
    project: Folder,
    rename: Annotated[
        tuple[str, str] | None, typer.Option(metavar="OLD NEW", help="Give a label another name.", show_default=False)
    ] = None,
    merge: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="FROM INTO", help="Make two labels one, which is called INTO.", show_default=False),
    ] = None,
    add: Annotated[str | None, typer.Option(metavar="NAME", help="Add a label.", show_default=False)] = None,
    remove: Annotated[
        str | None, typer.Option(metavar="NAME", help="Remove a label that nothing uses.", show_default=False)
    ] = None,
    order: Annotated[
        str | None, typer.Option(metavar="NAMES", help="All labels in a new order, with commas.", show_default=False)
    ] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Take back the newest change of the labels.")] = False,
    json_: Json = False,
    no_code: NoCode = False,
) -> None:
    """List the labels with their manual labels, after changing them; one change per call.

    Manual labels, votes and gold labels follow, nothing votes anew, and --undo brings everything back. Heuristics that
    name an old label keep voting for the label that it is now; a note says which file and line to edit.
    """
    given = {"rename": rename, "merge": merge, "add": add, "remove": remove, "order": order, "undo": undo or None}
    with open_project(project, run_code=not no_code) as held, warnings.catch_warnings():
        print_load_errors(held)
        warnings.filterwarnings("ignore", message=".* now; write ")  # the table says it
        done = change(held.label_set, {name: value for name, value in given.items() if value is not None})
        if done:
            print_stderr(done)
        if json_:
            print_json(held.label_set)
        else:
            print_table(held.label_set.table())


def change(labels: ProjectLabels, given: Mapping[str, Any]) -> str:
    """Make the one change that the options name, and return what to say about it; nothing where there is none.

    Raises
    ------
    WeaklabError
        There are several, or the change cannot be made.
    """
    if len(given) > 1:
        raise WeaklabError(f"one change per call, got {', '.join(f'--{name}' for name in given)}")
    for name, value in given.items():
        if name == "undo":
            event = labels.undo()
            return "no change of the labels is left to undo" if event is None else f"undone: {said(event.value)}"
        if name == "order":
            value = [[each.strip() for each in value.split(",")]]
        event = getattr(labels, name)(*([value] if isinstance(value, str) else value))
        return f"done: {said(event.value)}"
    return ""


def said(value: Mapping[str, Any]) -> str:
    """Return a change of the labels in words.

    >>> said({"rename": ["spam", "junk"]}), said({"add": "news"})
    ('rename spam to junk', 'add news')
    """
    [(kind, names)] = value.items()
    if kind in ("rename", "merge"):
        return f"{kind} {names[0]} {'to' if kind == 'rename' else 'into'} {names[1]}"
    return f"{kind} {names if isinstance(names, str) else ', '.join(names)}"


def print_json(labels: ProjectLabels) -> None:
    """Print one JSON object: label -> its code, number of manual labels, former names."""
    table = labels.table()
    print(
        json_text(
            {
                row[0]: {"code": row[1], "manual_labels": row[2], "former_names": row[3].split(", ") if row[3] else []}
                for row in table.rows
            }
        )
    )
