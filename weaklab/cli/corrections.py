"""Commands that put records and answers right: update, remove, gold, relabel, settle, undo, review."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from weaklab.cli.open_project import open_project
from weaklab.cli.options import (
    Annotator,
    Encoding,
    Folder,
    GoldColumn,
    LabelColumn,
    Map,
    NoCode,
    Sep,
    file_options,
    reads_files,
)
from weaklab.cli.output import print_line, print_table
from weaklab.core.tables import Table, counted, some_of

if TYPE_CHECKING:
    from weaklab.project.corrections import RecordChange
    from weaklab.project.project import Project

commands = typer.Typer()


@commands.command(epilog="Example: `weaklab update spam corrected.csv --id message_id --text body`")
@reads_files
def update(
    project: Folder,
    source: Annotated[Path, typer.Argument(help="A file as for `weaklab import`, with ids.", show_default=False)],
    text: Annotated[list[str] | None, typer.Option(help="Text column; by default as in the project.")] = None,
    id: Annotated[str | None, typer.Option(help="Id column; by default as in the project.")] = None,
    label: LabelColumn = None,
    gold: GoldColumn = None,
    map_: Map = None,
    column: Annotated[
        list[str] | None,
        typer.Option(help="Other column to take over; repeat for several. By default all that can be stored."),
    ] = None,
    *,
    files: dict[str, Any],
    annotator: Annotator = None,
    no_code: NoCode = False,
) -> None:
    """Give records another text, other columns or columns that they did not have; ids must be in the project.

    Manual labels stay. Those of records whose text has changed are listed by `weaklab review`.
    """
    from weaklab.core.label_reader import parse_map

    with open_project(project, run_code=not no_code, annotator=annotator) as held:
        done = held.update_records(
            source,
            text=text or None,
            id=id,
            label=label,
            gold=gold,
            columns=column or None,
            map=parse_map(map_),
            progress=sys.stderr.isatty(),
            **files,
        )
        print_line(_told(project, done))
        if done.columns:
            print_line(done.columns_in_words)


@commands.command(epilog="Example: `weaklab remove spam 17 18`; `weaklab remove spam --where \"'test' in text\"`")
def remove(
    project: Folder,
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]...", help="Ids of records.", show_default=False)
    ] = None,
    where: Annotated[
        str | None, typer.Option(help="Condition on the columns instead, as for `weaklab show --where`.")
    ] = None,
    annotator: Annotator = None,
    no_code: NoCode = False,
) -> None:
    """Take records out of the project, with their labels, until it is undone."""
    with open_project(project, run_code=not no_code, annotator=annotator) as held:
        done = held.remove_records(ids or None, where=where)
        print_line(f"{_told(project, done)}; the project has {len(held):,}")


@commands.command(epilog="Example: `weaklab gold spam truth.csv --gold is_spam --map 1=spam --map 0=ham`")
def gold(
    project: Folder,
    source: Annotated[Path, typer.Argument(help="A file with ids and gold labels.", show_default=False)],
    gold: Annotated[str, typer.Option(help="Column of gold labels.")] = "gold",
    id: Annotated[str | None, typer.Option(help="Id column; by default as in the project.")] = None,
    map_: Map = None,
    encoding: Encoding = "utf-8",
    sep: Sep = None,
    annotator: Annotator = None,
    no_code: NoCode = False,
) -> None:
    """Set the gold labels of records, with which the labels are measured."""
    from weaklab.core.label_reader import parse_map

    files = file_options(encoding, sep)
    with open_project(project, run_code=not no_code, annotator=annotator) as held:
        print_line(_told(project, held.set_gold(source, gold=gold, id=id, map=parse_map(map_), **files)))


@commands.command(epilog="Example: `weaklab relabel spam 17 ham`")
def relabel(
    project: Folder,
    record: Annotated[str, typer.Argument(metavar="ID", help="Id of the record.", show_default=False)],
    label: Annotated[str, typer.Argument(help="Label name.", show_default=False)],
    annotator: Annotator = None,
    no_code: NoCode = False,
) -> None:
    """Label one record, whatever its state: it takes the place of this person's earlier label."""
    with open_project(project, run_code=not no_code, annotator=annotator) as held:
        event = held.relabel(record, label)
        print_line(f"record {event.record} is labeled {event.label} by {event.annotator} (event {event.id})")


@commands.command(epilog="Example: `weaklab settle spam 17 ham`")
def settle(
    project: Folder,
    record: Annotated[str, typer.Argument(metavar="ID", help="Id of the record.", show_default=False)],
    label: Annotated[str, typer.Argument(help="Label name.", show_default=False)],
    annotator: Annotator = None,
    no_code: NoCode = False,
) -> None:
    """Give a record the label that stands, whatever other people say: it settles, confirms or corrects (see review)."""
    with open_project(project, run_code=not no_code, annotator=annotator) as held:
        event = held.settle(record, label)
        print_line(f"record {event.record} is settled as {event.label} by {event.annotator} (event {event.id})")


@commands.command(
    epilog="Example: `weaklab undo spam`; `weaklab undo spam 17`, the number as `weaklab history` shows it"
)
def undo(
    project: Folder,
    event: Annotated[
        int | None,
        typer.Argument(help="Number of an event; by default this person's newest one.", show_default=False),
    ] = None,
    annotator: Annotator = None,
    no_code: NoCode = False,
) -> None:
    """Take back an answer or a change of records: the newest of this person, in any session, or the one named."""
    with open_project(project, run_code=not no_code, annotator=annotator) as held:
        found = held.undo(event) if event is not None else held.undo(annotator=held.annotator)
        if found is None:
            print_line(f"nothing of {held.annotator} to undo")
            return
        what = f"label {found.label!r}" if found.label else found.kind
        print_line(f"undone: event {found.id}, {what} {f'of record {found.record}' if found.record else 'of records'}")


@commands.command(epilog="Example: `weaklab review spam`")
def review(
    project: Folder,
    errors: Annotated[
        int, typer.Option(help="At most so many labels that are probably wrong; 0 saves the training.", min=0)
    ] = 20,
    no_code: NoCode = False,
) -> None:
    """List the labels to look at again.

    Those of records whose text was changed since, those on which people differ, and those that the committee
    contradicts when it is trained without them. `weaklab settle` confirms or corrects one and takes it off the list.
    """
    with open_project(project, run_code=not no_code) as held:
        rows = held.to_review().values.tolist()
        for row in rows:
            row[3], row[4] = (at[:19].replace("T", " ") for at in row[3:5])
        head = ["record", "label", "annotator", "labeled, UTC", "changed, UTC", "event"]
        print_table(Table(f"{counted(len(rows), 'label')} to review", head, rows))
        disputes = held.disputes()
        disputes = disputes[disputes["settled_by"].isna()]
        if len(disputes):
            rows = [[row["record"], row["label"], _said(row["opinions"])] for row in disputes.to_dict("records")]
            title = f"{counted(len(rows), 'record')} on which people differ; weaklab settle {project} ID LABEL"
            print_table(Table(title, ["record", "label that stands", "who says what"], rows))
        if errors and len(held):
            _print_errors(held, errors)


def _print_errors(held: Project, most: int) -> None:
    rows = [
        [row["record"], row["label"], some_of(row["annotators"]), row["probability"], row["other"], row["reason"]]
        for row in held.label_errors(most).to_dict("records")
    ]
    head = ["record", "label", "annotator", "probability", "rather", "reason"]
    print_table(Table(f"{counted(len(rows), 'label')} that the committee contradicts", head, rows))


def _said(opinions: dict[str, str]) -> str:
    return ", ".join(f"{name}: {label}" for name, label in opinions.items())


def _told(project: Path, done: RecordChange) -> str:
    """Say what was done with records, and how it is undone."""
    if done.event is None:
        return "no record to change"
    more = f"; {counted(done.to_review, 'record')} with a label to look at: weaklab review {project}"
    did = {"update": "updated", "remove": "removed", "gold": "set the gold label of"}[done.kind]
    undoing = f"weaklab undo {project} {done.event} takes it back"
    return f"{did} {counted(done.records, 'record')} ({undoing}){more if done.to_review else ''}"
