"""Commands about heuristics: lfs lists them, run lets them vote and trains."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from weaklab.cli.open_project import is_broken, open_project, print_faults
from weaklab.cli.options import Folder, NoCode, Strict
from weaklab.cli.output import FAULTS, as_csv, print_line, print_table, without_faults
from weaklab.core.tables import Table, counted

if TYPE_CHECKING:
    from weaklab.evaluation.heuristic_analysis import HeuristicAnalysis
    from weaklab.project.project import Project
    from weaklab.project.summary import Summary

commands = typer.Typer()


@commands.command(epilog="Example: `weaklab lfs spam`")
def lfs(
    project: Folder,
    csv: Annotated[bool, typer.Option("--csv", help="Print as CSV, for other programs.")] = False,
    full: Annotated[
        bool,
        typer.Option(
            "--full",
            help="Precision and recall of each label, what the committee would be without each heuristic, copies, "
            "time and drift; takes longer.",
        ),
    ] = False,
    no_code: NoCode = False,
) -> None:
    """List the heuristics: file and line, coverage, overlaps, conflicts, polarity, accuracy on manual labels, faults.

    New and edited heuristics vote first. The exit code is 3 if a file cannot be loaded or a function has faults.
    """
    with open_project(project, run_code=not no_code) as held:
        if len(held):
            held.workspace.opinion.now(progress=sys.stderr.isatty())
            _print_heuristics(held, full, csv)
        else:
            print_table(_plain_list(held))
        print_faults(held, held.faults if len(held) else ())
        if held.load_errors or (len(held) and held.faults):
            sys.exit(FAULTS)


def _print_heuristics(held: Project, full: bool, csv: bool) -> None:
    if csv:
        print(_as_csv(held.analysis(progress=sys.stderr.isatty()) if full else held.summary()), end="")
    elif full:
        analysis = held.analysis(progress=sys.stderr.isatty())
        print_table(analysis.table())
        print_line("")
        print_table(analysis.class_table())
    else:
        print_table(without_faults(held.summary().table()))


def _as_csv(found: Summary | HeuristicAnalysis) -> str:
    return as_csv(found.to_pandas().assign(polarity=lambda f: f.polarity.str.join("|")), index=True)


def _plain_list(project: Project) -> Table:
    rows = [[h.name, type(h).__name__, h.location] for h in project.committee.heuristics]
    return Table(
        counted(len(rows), "heuristic"), ["heuristic", "kind", "where"], rows, ["no records yet, so nothing to vote on"]
    )


@commands.command(epilog="Example: `weaklab run spam --strict`")
def run(
    project: Folder,
    strict: Strict = False,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Let all heuristics vote again, not only new and edited ones.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar, no table.")] = False,
    no_code: NoCode = False,
) -> None:
    """Let new and edited heuristics vote, train on all labels, and show the result."""
    with open_project(project, run_code=not no_code) as held:
        summary = held.run(progress=not quiet and sys.stderr.isatty(), fresh=fresh)
        if not quiet:
            print_table(without_faults(summary.table()))
        print_faults(held, held.faults)
        if is_broken(held, held.faults, len(held)) or (strict and held.faults):
            sys.exit(FAULTS)
