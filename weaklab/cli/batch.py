"""The command batch: label files with the committee of a project."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from weaklab.cli.open_project import is_broken, open_project, print_faults
from weaklab.cli.options import Folder, NoCode, Strict, reads_files
from weaklab.cli.output import FAULTS, INTERRUPTED, print_stderr, print_table, without_faults
from weaklab.core.errors import WeaklabError
from weaklab.core.tables import counted

if TYPE_CHECKING:
    from weaklab.batch import BatchSummary
    from weaklab.project.project import Project

commands = typer.Typer()


@commands.command(
    epilog="Example: `weaklab batch spam 'mail-*.parquet' labels --include text`. The same command goes on with a "
    "stopped run."
)
@reads_files
def batch(
    project: Folder,
    source: Annotated[
        str,
        typer.Argument(
            metavar="IN",
            help="A Parquet, CSV, JSON, JSONL, Excel or text file, a glob, or a folder.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder for the Parquet parts.", show_default=False)],
    votes: Annotated[bool, typer.Option("--votes", help="Write what each heuristic voted, too.")] = False,
    include: Annotated[
        list[str] | None, typer.Option(help="Column of the input to write, too; repeat for several.")
    ] = None,
    text: Annotated[
        list[str] | None, typer.Option(help="Text column; repeat for several. By default as in the project.")
    ] = None,
    id: Annotated[
        str | None, typer.Option(help="Id column. By default as in the project; without one, made from the content.")
    ] = None,
    *,
    files: dict[str, Any],
    rows_per_part: Annotated[int, typer.Option(help="Rows of the input that make a part.", min=1)] = 100_000,
    workers: Annotated[int | None, typer.Option(help="Processes; by default one per core.", min=1)] = None,
    engine: Annotated[str, typer.Option(help="local or spark.")] = "local",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Start again if OUT contains another batch.")] = False,
    strict: Strict = False,
    progress: Annotated[
        bool, typer.Option("--progress", help="Show progress even if stderr is not a terminal.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no table.")] = False,
    intervals: Annotated[
        bool, typer.Option("--intervals", hidden=True, help="Refused: `weaklab export` writes intervals.")
    ] = False,
    no_code: NoCode = False,
) -> None:
    """Label files of any size with the current committee; nothing is added to the project.

    Writes row, id, label, the probability of each class, confidence, whether the label is manual, and faults. Each part
    is written completely or not at all.
    """
    if intervals:
        raise WeaklabError(
            "weaklab batch writes no intervals, because the committee goes without the votes that it was fitted on; "
            "leave --intervals out, or use `weaklab export --intervals` for the records of the project"
        )
    settings: dict[str, Any] = {"include": include or (), "text": text, "id": id, "rows_per_part": rows_per_part}
    settings.update(files)
    with open_project(project, run_code=not no_code) as held:
        try:
            found = run_batch(
                held,
                source,
                out,
                votes=votes,
                workers=workers,
                engine=engine,
                overwrite=overwrite,
                progress=not quiet and (progress or sys.stderr.isatty()),
                **settings,
            )
        except KeyboardInterrupt:
            print_stderr(f"interrupted; finished parts are kept in {out}: the same command goes on")
            sys.exit(INTERRUPTED)
        if not quiet:
            print_table(without_faults(found.table()))
        print_faults(held, found.faults)
        if is_broken(held, found.faults, found.rows) or (strict and found.faults):
            sys.exit(FAULTS)


def run_batch(project: Project, source: str, out: Path, **settings: Any) -> BatchSummary:
    """Label files with :func:`weaklab.batch.label_files`; report heuristics that cannot vote, and the speed."""
    from weaklab.batch import label_files
    from weaklab.project.stored_members import MissingHeuristic

    lost = [h.name for h in project.committee.heuristics if isinstance(h, MissingHeuristic)]
    if lost and project.workspace.run_code:
        print_stderr(
            f"warning: {', '.join(lost)}: written in a session that is over, so without votes here; put the code into "
            "labeling_functions/"
        )
    found = label_files(project.freeze(), source, out, **settings)
    kept = f"; {found.rows - found.fresh:,} were labeled before" if found.fresh < found.rows else ""
    rate = f" in {found.seconds:.1f} s, {found.fresh / found.seconds:,.0f} a second" if found.fresh else ""
    print_stderr(f"labeled {counted(found.fresh, 'record')}{rate}{kept}")
    return found
