"""The command export: write the labels to a file."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Annotated

import typer

from weaklab.cli.open_project import open_project, print_load_errors
from weaklab.cli.options import Folder, NoCode
from weaklab.cli.output import print_line, print_table
from weaklab.core.tables import counted

commands = typer.Typer()


@commands.command(epilog="Example: `weaklab export spam labels.parquet --include text --min-confidence 0.5`")
def export(
    project: Folder,
    file: Annotated[
        Path,
        typer.Argument(
            help="Where to write; without --to the suffix decides: .parquet, .csv or .jsonl.", show_default=False
        ),
    ],
    min_confidence: Annotated[float, typer.Option(help="Leave the label empty below this confidence, 0 to 1.")] = 0.0,
    precision: Annotated[
        float | None,
        typer.Option(help="Leave labels empty so that at least this share of the other labels is right, such as 0.95."),
    ] = None,
    include: Annotated[
        list[str] | None,
        typer.Option(help="Column of the records to write, too; repeat for several. 'text': the text column, too."),
    ] = None,
    spreadsheet_safe: Annotated[
        bool,
        typer.Option(
            "--spreadsheet-safe", help="CSV: put an apostrophe before what a spreadsheet would run as a formula."
        ),
    ] = False,
    intervals: Annotated[
        bool,
        typer.Option("--intervals", help="Write low and high, the 95 % interval of the most probable label, too."),
    ] = False,
    class_intervals: Annotated[
        bool, typer.Option("--class-intervals", help="Write the intervals of every label, too.")
    ] = False,
    sample_weight: Annotated[
        bool,
        typer.Option("--sample-weight", help="Write the probability of the label as sample_weight, for training."),
    ] = False,
    to: Annotated[
        str | None,
        typer.Option(help="Write for another tool, such as label-studio or prodigy; see `weaklab list formats`."),
    ] = None,
    spans: Annotated[
        bool,
        typer.Option("--spans", help="With --to label-studio: what keywords and patterns found in the texts, too."),
    ] = False,
    no_code: NoCode = False,
) -> None:
    """Write id, label, the probability of each class, confidence, and whether the label is manual.

    With --to: texts, labels, votes and what people answered, in the format of another labeling tool.

    Intervals say how far the weights of the label model are uncertain, not how often labels are right.
    """
    with open_project(project, run_code=not no_code) as held, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="No label can be promised")  # the table says it
        print_load_errors(held)
        count = held.export(
            file,
            min_confidence=min_confidence,
            precision=precision,
            include=include or (),
            spreadsheet_safe=spreadsheet_safe,
            intervals="classes" if class_intervals else intervals,
            sample_weight=sample_weight,
            to=to,
            spans=spans,
        )
        print_line(f"wrote {counted(count, 'row')} to {file}")
        if precision is not None:
            print_table(held.label_or_abstain(precision).table())
