"""Commands for labeling: ask, label, status."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from weaklab.cli.open_project import open_project, print_load_errors
from weaklab.cli.options import Again, Folder, Json, JsonLines, Named, NoCode, Strategy
from weaklab.cli.output import print_stderr, print_table
from weaklab.core.tables import Table, json_text, some_of

if TYPE_CHECKING:
    from weaklab.project.project import Project

commands = typer.Typer()


@commands.command(epilog="Example: `weaklab ask spam -n 20 --strategy entropy`")
def ask(
    project: Folder,
    n: Annotated[int, typer.Option("-n", help="How many.", min=1)] = 10,
    records: Named = None,
    strategy: Strategy = None,
    again: Again = False,
    json_: JsonLines = False,
    no_code: NoCode = False,
) -> None:
    """Show the records to label next, each with its suggestion and the reason why it was picked."""
    with open_project(project, run_code=not no_code) as held:
        print_load_errors(held)
        asks = held.ask(n, records=named_ids(held, records), again=again, strategy=strategy, lease=False)
        if json_:
            from weaklab.exchange.json_files import json_value

            for a in asks:
                row = {
                    k: getattr(a, k)
                    for k in ("id", "text", "suggestion", "confidence", "probabilities", "votes", "why", "blind")
                }
                print(json_text(json_value(row)))
        else:
            print_table(asks.table())


@commands.command(
    epilog="Example: `weaklab label spam`, then Enter, Enter, 2, s, q. Answers may be piped in, one per line. "
    "`weaklab label spam --records 17,42` shows these two."
)
def label(
    project: Folder,
    n: Annotated[
        int | None, typer.Option("-n", help="Stop after this many records; by default go on until q.", min=1)
    ] = None,
    records: Named = None,
    batch: Annotated[int, typer.Option(help="How many records are picked at a time.", min=1)] = 10,
    strategy: Strategy = None,
    again: Again = False,
    annotator: Annotated[str | None, typer.Option(help="Who answers; by default the user's name.")] = None,
    ahead: Annotated[
        bool,
        typer.Option(
            "--ahead", help="Train and pick the next batch while this one is read; it is picked without these answers."
        ),
    ] = False,
    no_code: NoCode = False,
) -> None:
    """Label in the terminal: Enter accepts the suggestion, a digit or a name corrects it.

    s skips, b puts the record back in the queue, u undoes the last answer, q quits. Every answer is on disk before the
    next record is shown.
    """
    from weaklab.cli.terminal import label_in_terminal

    with open_project(project, annotator=annotator, run_code=not no_code) as held:
        print_load_errors(held)
        ids = named_ids(held, records)
        label_in_terminal(held, n, records=ids, batch=batch, strategy=strategy, again=again, ahead=ahead)


def named_ids(project: Project, given: Sequence[str] | None) -> list[str] | None:
    """Return the ids of an option that may hold several, separated by commas; a whole value that is an id stays one."""
    if not given:
        return None
    rows = project.workspace.rows if len(project) else {}
    parts = [part for value in given for part in ([value] if value in rows else value.split(","))]
    return [part if part in rows else part.strip() for part in parts if part.strip()]


@commands.command(epilog="Example: `weaklab status spam --json`")
def status(
    project: Folder,
    json_: Json = False,
    no_code: NoCode = False,
) -> None:
    """Show the project in numbers."""
    with open_project(project, run_code=not no_code) as held:
        if not len(held):
            print_stderr(f"{project} holds no record yet; next: weaklab import {project} FILE")
        found = held.status() if len(held) else {"records": 0, "heuristics": len(held.committee)}
        if json_:
            from weaklab.exchange.json_files import json_value

            print(json_text(json_value(found)))
            return
        rows = [[name.replace("_", " "), _status_text(value)] for name, value in found.items()]
        print_table(Table(f"{project}: {some_of(held.label_names)}", ["", ""], rows))


def _status_text(value: Any) -> str:
    if isinstance(value, dict):
        return some_of([f"{name}: {v}" if isinstance(v, str) else f"{name} {v:.1%}" for name, v in value.items()])
    if isinstance(value, str):
        return value
    return f"{value:.3f}" if isinstance(value, float) else f"{value:,}"
