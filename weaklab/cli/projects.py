"""Commands that make a project and bring records into it: init, import, adopt, salvage."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from weaklab.cli.open_project import open_project, print_load_errors
from weaklab.cli.options import Annotator, Folder, GoldColumn, LabelColumn, Map, NoCode, reads_files
from weaklab.cli.output import FAULTS, print_line, print_stderr, print_table
from weaklab.core.errors import WeaklabError
from weaklab.core.tables import Table, counted, some_of

commands = typer.Typer()


@commands.command(epilog="Example: `weaklab init spam --labels spam,ham --classifier naive_bayes`")
def init(
    project: Folder,
    labels: Annotated[str, typer.Option(help="Label names, separated by commas.", show_default=False)],
    lfs: Annotated[
        list[Path] | None,
        typer.Option(
            help="File or folder of labeling functions; repeat for several. PROJECT/labeling_functions is always read."
        ),
    ] = None,
    classifier: Annotated[
        list[str] | None,
        typer.Option(
            help="Weak classifier by name; repeat for several; 'none' for none. By default 'auto', one that suits."
        ),
    ] = None,
    label_model: Annotated[str, typer.Option(help="See `weaklab list label-models`.")] = "committee",
    encoder: Annotated[
        str,
        typer.Option(help="Sentence encoder, for what texts mean; see `weaklab list encoders`.", show_default=False),
    ] = "",
    retrain_every: Annotated[int, typer.Option(help="Retrain after this many labels; 0 for on demand only.")] = 10,
    seed: Annotated[int, typer.Option(help="Seed of all random draws.")] = 0,
    no_code: NoCode = False,
) -> None:
    """Create a project folder; its settings are in PROJECT/weaklab.toml."""
    from weaklab.project.project import Project
    from weaklab.project.settings import FILE

    if (project / FILE).exists():
        raise WeaklabError(f"{project} is a project already; edit {project / FILE} to change its settings")
    for path in lfs or ():
        if not path.exists():
            raise WeaklabError(f"{path}: no such file or folder of labeling functions")
    names = [] if classifier == ["none"] else classifier or ["auto"]
    folders = ["labeling_functions", *(os.path.relpath(path, project) for path in lfs or ())]
    with Project(
        project,
        labels=[name.strip() for name in labels.split(",")],
        labeling_functions=folders,
        weak_classifiers=names,
        label_model=label_model,
        encoder=encoder,
        retrain_every=retrain_every,
        seed=seed,
        run_code=not no_code,
    ) as made:
        print_line(
            f"made {project} with labels {some_of(made.label_names)}; next: weaklab import {project} FILE, or weaklab "
            f"crowd {project} FILE where each row is a label that somebody gave"
        )
        if print_load_errors(made):
            print_stderr(f"the project is there; correct the file, then `weaklab lfs {project}` checks it")
            sys.exit(FAULTS)


@commands.command(name="import", epilog="Example: `weaklab import spam messages.csv --text body --id message_id`")
@reads_files
def import_(
    project: Folder,
    source: Annotated[
        Path,
        typer.Argument(
            help="CSV, TSV, JSON, JSONL, Parquet, Excel (.xlsx) or text file, a folder of them, or the file of another "
            "labeling tool.",
            show_default=False,
        ),
    ],
    text: Annotated[
        list[str] | None,
        typer.Option(help="Text column; repeat for several. By default 'text', or the only one of strings."),
    ] = None,
    id: Annotated[
        str | None, typer.Option(help="Id column. By default 'id'; without one, ids are made from the content.")
    ] = None,
    label: LabelColumn = None,
    gold: GoldColumn = None,
    map_: Map = None,
    column: Annotated[
        list[str] | None,
        typer.Option(help="Other column to keep; repeat for several. By default all that can be stored."),
    ] = None,
    no_text: Annotated[
        bool, typer.Option("--no-text", help="No column is the text: a table of numbers, classes or names.")
    ] = False,
    *,
    files: dict[str, Any],
    skip_known: Annotated[
        bool, typer.Option("--skip-known", help="Leave out records whose id is in the project already.")
    ] = False,
    from_: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="The tool that wrote the file, such as prodigy or label-studio; see `weaklab list formats`. By "
            "default it is recognised by its fields, and said. 'table': it is a table.",
        ),
    ] = None,
    instead_of: Annotated[
        str | None,
        typer.Option(help="Folder of an import whose records these replace, such as one whose file was damaged."),
    ] = None,
    no_code: NoCode = False,
) -> None:
    """Copy records into the project, and show how each column is used: text, id, labels, data or left out.

    A folder of text files has one file per label (spam.txt, ham.txt) and dataset.txt, with one record per line.
    """
    from weaklab.core.label_reader import parse_map

    if no_text and text:
        raise WeaklabError("--text names a column and --no-text says that there is none; give one of the two")
    with open_project(project, run_code=not no_code) as held:
        count = held.add_records(
            source,
            text=[] if no_text else text or None,
            id=id,
            label=label,
            gold=gold,
            columns=column or None,
            map=parse_map(map_),
            skip_known=skip_known,
            instead_of=instead_of,
            quiet=True,
            progress=sys.stderr.isatty(),
            format=from_,
            **files,
        )
        print_table(count.table())
        labels = len(held.manual_labels())
        known = f", {labels:,} with a manual label" if labels else ""
        print_line(f"imported {counted(count, 'record')}; the project has {len(held):,}{known}")


@commands.command(epilog="Example: `weaklab imports spam`; `weaklab imports spam --undo 2`")
def imports(
    project: Folder,
    undo: Annotated[
        int | None, typer.Option(help="Number of an import whose records are taken out, with their labels.")
    ] = None,
    annotator: Annotator = None,
    no_code: NoCode = False,
) -> None:
    """List the imports: what was read and when, and how many of the records are there and labeled now.

    An import is taken back by its number; `weaklab undo` with the number of that event brings the records back.
    """
    with open_project(project, run_code=not no_code, annotator=annotator) as held:
        found = held.imports()
        if undo is None:
            rows = [[*row[:2], row[2][:19].replace("T", " "), *row[3:]] for row in found.values.tolist()]
            head = ["number", "source", "UTC", "records", "there now", "labeled", "folder"]
            print_table(Table(f"{project}: {counted(len(rows), 'import')}", head, rows))
            return
        done = held.undo_import(undo)
        labels = int(found["labeled"][undo - 1])
        print_line(
            f"took out {counted(done.records, 'record')}, {counted(labels, 'manual label')} with them; the project has "
            f"{len(held):,}" + ("" if done.event is None else f"; weaklab undo {project} {done.event} brings them back")
        )


@commands.command(epilog="Example: `weaklab adopt spam`")
def adopt(
    project: Folder,
    folder: Annotated[
        str | None, typer.Argument(metavar="IMPORT", help="Folder of one import; by default all that are named.")
    ] = None,
    no_code: NoCode = False,
) -> None:
    """Add imports that are missing in the database, for example after an older database was restored.

    Opening the project shows their names.
    """
    with open_project(project, run_code=not no_code) as held:
        count = held.adopt(folder)
        print_line(f"took in {counted(count, 'record')}; the project has {len(held):,}")


@commands.command(epilog="Example: `weaklab salvage spam`, where weaklab.db is damaged and there is no backup of it")
def salvage(project: Folder) -> None:
    """Make a new database from the intact rows of a damaged one, and show how many are lost.

    The damaged file is kept.
    """
    from weaklab.project import database
    from weaklab.project.database import DATABASE

    if not (project / DATABASE).exists():
        raise WeaklabError(f"{project / DATABASE} is not there, so there is nothing to salvage")
    with contextlib.suppress(WeaklabError), open_project(project, run_code=False) as held:
        held.history()  # reads and checks every event
        print_line(f"{project / DATABASE} is whole; nothing was done")
        return
    for line in database.salvage(project):
        print_line(line)
