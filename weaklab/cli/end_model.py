"""The command that trains an end model: endmodel."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from weaklab.cli.open_project import open_project, print_load_errors
from weaklab.cli.options import Folder, NoCode
from weaklab.cli.output import print_line, print_table

commands = typer.Typer()


@commands.command(epilog="Example: `weaklab endmodel spam model.skops`")
def endmodel(
    project: Folder,
    file: Annotated[Path, typer.Argument(help="Where to write the model, a .skops file.", show_default=False)],
    estimator: Annotated[str, typer.Option(help="logistic_regression or naive_bayes.")] = "logistic_regression",
    column: Annotated[
        list[str] | None, typer.Option(help="Column of numbers to learn from in the place of the text; repeatable.")
    ] = None,
    hard: Annotated[
        bool, typer.Option("--hard", help="Train on the most probable labels, without their probabilities.")
    ] = False,
    covered: Annotated[
        bool, typer.Option("--covered", help="Leave out the records on which no heuristic votes.")
    ] = False,
    no_code: NoCode = False,
) -> None:
    """Train a classifier on the labels, for use without the committee, and say how good it is.

    Beside it stands the same classifier trained on the manual labels alone, and the committee. None is judged on
    records that it was trained on. Use it with `weaklab.EndModel.load(file).predict(texts)`, or with a table.
    """
    from weaklab.training.end_model import check_file

    check_file(file)
    with open_project(project, run_code=not no_code) as held:
        print_load_errors(held)
        model = held.train_end_model(
            estimator,
            columns=column or None,
            targets="hard" if hard else "weights",
            abstained=not covered,
            progress=sys.stderr.isatty(),
        )
        model.save(file)
        print_table(model.table())
        print_line(f"wrote {file}")
