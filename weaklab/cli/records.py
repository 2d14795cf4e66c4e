"""The commands show and history: select and print records and answers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from weaklab.cli.open_project import open_project, print_load_errors
from weaklab.cli.options import Folder, JsonLines, NoCode
from weaklab.cli.output import print_table
from weaklab.core.errors import WeaklabError
from weaklab.core.tables import Table, counted, json_text

if TYPE_CHECKING:
    import pandas as pd

    from weaklab.project.records import RecordTable

commands = typer.Typer()

SHOWN_OF_ANSWERS = ("id", "at", "annotator", "kind", "record", "label", "undoes")
"""Columns of answers that the table shows."""


@commands.command(
    name="show", epilog="Example: `weaklab show spam --search prize --label ham -n 5`; `weaklab show spam 17`"
)
def show_records(
    project: Folder,
    record: Annotated[
        str | None, typer.Argument(metavar="ID", help="Id of one record, to show all about it.", show_default=False)
    ] = None,
    where: Annotated[
        str | None,
        typer.Option(help="Condition on columns, such as 'n > 3 and \"prize\" in text', or '`my column` > 3'."),
    ] = None,
    search: Annotated[str | None, typer.Option(help="Text that occurs in the records, in any letter case.")] = None,
    regex: Annotated[bool, typer.Option("--regex", help="--search is a regular expression (RE2).")] = False,
    label: Annotated[str | None, typer.Option(help="Manual or most probable label.")] = None,
    heuristic: Annotated[str | None, typer.Option(help="Heuristic that votes on the record.")] = None,
    vote: Annotated[str | None, typer.Option(help="Label that --heuristic votes; by default any.")] = None,
    conflicts: Annotated[bool, typer.Option("--conflicts", help="Heuristics vote for different labels.")] = False,
    manual: Annotated[
        bool | None,
        typer.Option("--manual/--no-manual", help="Whether there is a manual label.", show_default=False),
    ] = None,
    below: Annotated[float | None, typer.Option(help="Confidence below this, 0 to 1.")] = None,
    above: Annotated[float | None, typer.Option(help="Confidence above this, 0 to 1.")] = None,
    sort: Annotated[str | None, typer.Option(help="confidence, label, id or a column.")] = None,
    descending: Annotated[bool, typer.Option("--descending", help="Sort from the largest to the smallest.")] = False,
    n: Annotated[int, typer.Option("-n", help="How many; 0 for all.", min=0)] = 20,
    json_: JsonLines = False,
    no_code: NoCode = False,
) -> None:
    """Show records with votes, label, confidence and reason; only those that match all options are shown."""
    with open_project(project, run_code=not no_code) as held:
        print_load_errors(held)
        chosen = select(
            held.records,
            where=where,
            search=search,
            regex=regex,
            label=label,
            heuristic=heuristic,
            vote=vote,
            conflicts=conflicts,
            manual=manual,
            below=below,
            above=above,
            sort=sort,
            descending=descending,
        )
        if record is not None:
            found = chosen[record]
            if json_:
                print_json([found.to_dict()])
            else:
                for table in found.tables():
                    print_table(table)
        elif json_:
            print_json(chosen[:n] if n else chosen)
        else:
            print_table(chosen.table(n or len(chosen)))


@commands.command(epilog="Example: `weaklab history spam --annotator ann --label ham --since 2026-01-31`")
def history(
    project: Folder,
    annotator: Annotated[str | None, typer.Option(help="Who answered.")] = None,
    label: Annotated[str | None, typer.Option(help="The label that was given.")] = None,
    record: Annotated[str | None, typer.Option(help="Id of the record.")] = None,
    kind: Annotated[
        str | None,
        typer.Option(help="label, skip, requeue, note, undo, update, remove or gold; by default all."),
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="First day or time, UTC, such as 2026-01-31 or 2026-01-31T14:30.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Last day or time.")] = None,
    standing: Annotated[bool, typer.Option("--standing", help="Leave out what was undone.")] = False,
    n: Annotated[int, typer.Option("-n", help="How many, the newest; 0 for all.", min=0)] = 20,
    json_: Annotated[bool, typer.Option("--json", help="All as one JSON object a line, for other programs.")] = False,
    no_code: NoCode = False,
) -> None:
    """List what people answered: who, when, which record and label; undone answers, too."""
    with open_project(project, run_code=not no_code) as held:
        found = held.answers(
            annotator=annotator, label=label, record=record, kind=kind, since=since, until=until, standing=standing
        )
        if json_:
            print_json(answer_rows(found))
        else:
            print_table(answer_table(found, n))


def select(
    records: RecordTable,
    *,
    where: str | None,
    search: str | None,
    regex: bool,
    label: str | None,
    heuristic: str | None,
    vote: str | None,
    conflicts: bool,
    manual: bool | None,
    below: float | None,
    above: float | None,
    sort: str | None,
    descending: bool,
) -> RecordTable:
    """Return the records that fit all options of ``weaklab show``; filters on arrays come before those on texts."""
    if (vote is not None and heuristic is None) or (regex and search is None):
        raise WeaklabError("--vote needs --heuristic, and --regex needs --search")
    if label is not None:
        records = records.label(label)
    if heuristic is not None:
        records = records.heuristic(heuristic, vote)
    if conflicts:
        records = records.conflicts()
    if manual is not None:
        records = records.manual(manual)
    if below is not None or above is not None:
        records = records.confidence(below=below, above=above)
    if where is not None:
        records = records.where(where)
    if search is not None:
        records = records.search(search, regex=regex)
    return records.sort(sort or "confidence", descending=descending) if sort or descending else records


def print_json(rows: Iterable[dict[str, Any]]) -> None:
    """Print one JSON object a line."""
    from weaklab.exchange.json_files import json_value

    for row in rows:
        print(json_text(json_value(row)))


def answer_rows(answers: pd.DataFrame) -> list[dict[str, Any]]:
    """Return answers as dicts, None for what is missing."""
    rows = answers.astype(object).where(answers.notna(), None)
    return [dict(zip(rows.columns, values, strict=True)) for values in rows.itertuples(index=False)]


def answer_table(answers: pd.DataFrame, n: int) -> Table:
    """Return the newest ``n`` answers to show, all for 0."""
    newest = answers.tail(n) if n else answers
    rows = [[row[name] for name in SHOWN_OF_ANSWERS] for row in answer_rows(newest)]
    title = counted(len(answers), "answer")
    title = title if len(newest) == len(answers) else f"{title}; the newest {len(newest):,}"
    for row in rows:
        row[1] = row[1][:19].replace("T", " ")
    return Table(title, ["number", "UTC", "annotator", "did", "record", "label", "undoes"], rows)
