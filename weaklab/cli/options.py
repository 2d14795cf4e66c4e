"""Options that several commands have, and those for reading files, which a command gets with ``@reads_files``."""

# Without "from __future__ import annotations": the annotations of file_options are the options themselves.

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

Folder = Annotated[Path, typer.Argument(metavar="PROJECT", help="The project folder.", show_default=False)]
Map = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        help="What a value of the label or gold column stands for, such as 1=spam; repeat for several. "
        "9= means no label.",
    ),
]
LabelColumn = Annotated[str | None, typer.Option(help="Column of manual labels; empty where there is none.")]
GoldColumn = Annotated[str | None, typer.Option(help="Column with the truth, for measuring only.")]
Annotator = Annotated[
    str | None, typer.Option(help="Who does it; by default the name of the user on this machine.", show_default=False)
]
Strategy = Annotated[str | None, typer.Option(help="See `weaklab list strategies`; by default that of the settings.")]
Again = Annotated[bool, typer.Option("--again", help="Records that have a label may come, too.")]
Named = Annotated[
    list[str] | None,
    typer.Option(
        "--records",
        metavar="ID,ID",
        help="Ids of the records to show, in this order, instead of those that are picked; repeat for an id with a "
        "comma in it.",
    ),
]
Strict = Annotated[
    bool,
    typer.Option(
        "--strict",
        help="Exit code 3 on any fault, not only where a function is broken: its file cannot be loaded, it has "
        "faults on a fifth of the records, or votes for what is no label.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="As JSON, for other programs.")]
JsonLines = Annotated[bool, typer.Option("--json", help="One JSON object per line, for other programs.")]
NoCode = Annotated[
    bool,
    typer.Option(
        "--no-code",
        help="Do not run the project's labeling functions; their stored votes are used, others are missing.",
    ),
]
Encoding = Annotated[str, typer.Option(help="Encoding of text files.")]
Sep = Annotated[
    str | None,
    typer.Option(help="Separator of values in a CSV file, such as ';' or '\\t'. By default it is detected."),
]


def file_options(
    encoding: Encoding = "utf-8",
    sep: Sep = None,
    quote: Annotated[
        str | None, typer.Option(help="Quote character around values in a CSV file; '' if quotes are part of the text.")
    ] = None,
    escape: Annotated[
        str | None,
        typer.Option(help="Escape character before a quote inside a text in a CSV file, such as a backslash."),
    ] = None,
    header: Annotated[
        bool | None,
        typer.Option("--header/--no-header", help="Whether the first line names the columns.", show_default=False),
    ] = None,
    columns: Annotated[
        str | None, typer.Option(help="Names of the columns of a file without header, separated by commas.")
    ] = None,
    na: Annotated[
        list[str] | None,
        typer.Option(help="Text that means an empty number in a CSV file, such as 'n.a.'; repeat for several."),
    ] = None,
    decimal: Annotated[str, typer.Option(help="What stands before decimals in a CSV file, such as ','.")] = ".",
    sheet: Annotated[str | None, typer.Option(help="Sheet of an Excel workbook.")] = None,
) -> dict[str, Any]:
    """Return the options for reading files as keyword arguments for the library, :class:`FileKeywords`."""
    return {
        "encoding": encoding,
        "sep": "\t" if sep in ("\\t", "tab") else sep,
        "quote": quote,
        "escape": escape,
        "header": header,
        "names": None if columns is None else [name.strip() for name in columns.split(",")],
        "sheet": sheet,
        "na_values": na or (),
        "decimal": decimal,
    }


def reads_files(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of :func:`file_options`; it receives the result as its argument ``files``.

    In the help they stand where ``files`` stands among the arguments of the command.
    """
    shared = inspect.signature(file_options).parameters.values()
    own = inspect.signature(command, eval_str=True).parameters.values()

    @functools.wraps(command)
    def with_options(**given: Any) -> None:
        command(files=file_options(**{option.name: given.pop(option.name) for option in shared}), **given)

    options = [option for each in own for option in (shared if each.name == "files" else [each])]
    signature = inspect.Signature([option.replace(kind=inspect.Parameter.KEYWORD_ONLY) for option in options])
    with_options.__signature__ = signature  # type: ignore[attr-defined]  # this is where typer looks for the options
    return with_options
