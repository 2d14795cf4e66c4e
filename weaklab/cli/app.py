"""The commands of ``weaklab``; each one calls the library and prints the result."""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from weaklab.core.errors import FaultWarning, WeaklabError, did_you_mean
from weaklab.core.tables import counted, some_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weaklab.core.tables import Table
    from weaklab.exchange.file_options import FileKeywords
    from weaklab.project.corrections import RecordChange
    from weaklab.project.project import Project
    from weaklab.project.summary import Summary

OK, MISTAKE, USAGE, FAULTS, INTERRUPTED = 0, 1, 2, 3, 130
"""Exit codes: success; an error, described on stderr; wrong usage; success, but with faults of labeling functions;
interrupted with Ctrl-C."""

EXIT_CODES = (
    "Exit codes: 0 done, 1 an error (see stderr), 2 wrong usage, 3 done but with faults in labeling functions "
    "(run, lfs and batch), 130 interrupted."
)

_WRONG_USAGE: Any = typer.BadParameter.__mro__[2]
"""``ClickException`` of the library that this version of typer uses."""

app = typer.Typer(
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Label a corpus with a committee of labeling functions and weak classifiers that learns while you label.",
    epilog=f"A first look: `weaklab demo`. {EXIT_CODES}",
)

MAP_HELP = "What a value of the label or gold column stands for, such as 1=spam; repeat for several. 9= means no label."
Folder = Annotated[Path, typer.Argument(metavar="PROJECT", help="The project folder.", show_default=False)]
Encoding = Annotated[str, typer.Option(help="Encoding of text files.")]
Sep = Annotated[
    str | None,
    typer.Option(help="Separator of values in a CSV file, such as ';' or '\\t'. By default it is detected."),
]
Quote = Annotated[
    str | None, typer.Option(help="Quote character around values in a CSV file; '' if quotes are part of the text.")
]
Escape = Annotated[
    str | None, typer.Option(help="Escape character before a quote inside a text in a CSV file, such as '\\'.")
]
Header = Annotated[
    bool | None,
    typer.Option("--header/--no-header", help="Whether the first line names the columns.", show_default=False),
]
Names = Annotated[str | None, typer.Option(help="Names of the columns of a file without header, separated by commas.")]
Sheet = Annotated[str | None, typer.Option(help="Sheet of an Excel workbook.")]

NoCode = Annotated[
    bool,
    typer.Option(
        "--no-code",
        help="Do not run the project's labeling functions; their stored votes are used, others are missing.",
    ),
]


def main() -> None:
    """Run the command line and exit with an exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = app(prog_name="weaklab", standalone_mode=False)
        sys.exit(code if isinstance(code, int) else OK)
    except _WRONG_USAGE as error:
        _wrong_usage(error)
    except typer.Abort:
        say("interrupted")
        sys.exit(INTERRUPTED)
    except WeaklabError as error:
        fail(str(error))
    except KeyboardInterrupt:
        say("interrupted; all that was answered is stored")
        sys.exit(INTERRUPTED)
    except BrokenPipeError:  # the reader of the pipe has stopped
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(OK)
    except (OSError, MemoryError) as error:
        fail(f"{type(error).__name__}: {error}")


def _wrong_usage(error: Any) -> None:
    """Print what is wrong with a command line and exit; arguments may contain anything, so the message is cleaned."""
    if type(error).__name__ == "NoArgsIsHelpError":  # this shows the help and is not an error
        error.show()
        sys.exit(error.exit_code)
    context = getattr(error, "ctx", None)
    if context is not None:
        say(context.get_usage())
        say(f"help: {context.command_path} --help")
    say(f"error: {error.format_message()}")
    sys.exit(error.exit_code)


def say(message: str) -> None:
    """Print to standard error."""
    from weaklab.core.tables import clean

    sys.stderr.write(clean(message, None) + "\n")


def fail(message: str) -> None:
    """Print an error and exit."""
    say(f"error: {message}")
    sys.exit(MISTAKE)


@contextlib.contextmanager
def opened(folder: Path, **options: Any) -> Iterator[Project]:
    """Open an existing project; warnings are printed to standard error, one line each.

    Faults are left to :func:`tell_faults`.
    """
    from weaklab.project.project import Project
    from weaklab.project.stored_members import NO_CODE

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            with Project(folder, **options) as project:
                yield project
        finally:
            shown = [w for w in caught if issubclass(w.category, UserWarning)]
            shown = [w for w in shown if not issubclass(w.category, FaultWarning) or NO_CODE in str(w.message)]
            for message in dict.fromkeys(str(w.message) for w in shown):
                say(f"warning: {message}")


def tell_faults(project: Project) -> bool:
    """Print each file that failed to load and each kind of fault to standard error; return whether there were any."""
    for message in project.load_errors:
        say(f"error: {message}")
    for fault in project.faults:
        say(f"fault: {fault}")
    return bool(project.load_errors or project.faults)


def tell(message: str) -> None:
    """Print a line to standard output, cleaned of control characters."""
    from weaklab.core.tables import clean

    print(clean(message, None))


def show(table: Table) -> None:
    """Print a table that fits the terminal, or 80 columns if its width is not known."""
    print(table.fitted())


def _version(wanted: bool) -> None:
    if wanted:
        from weaklab import __version__

        tell(f"weaklab {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Handle the options before a command."""


@app.command(epilog="Example: `weaklab init spam --labels spam,ham --classifier naive_bayes`")
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
        list[str] | None, typer.Option(help="Weak classifier by name; repeat for several; 'none' for none.")
    ] = None,
    label_model: Annotated[str, typer.Option(help="See `weaklab list label-models`.")] = "committee",
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
        retrain_every=retrain_every,
        seed=seed,
        run_code=not no_code,
    ) as made:
        tell(f"made {project} with labels {some_of(made.label_names)}; next: weaklab import {project} FILE")
        if tell_faults_of_files(made):
            sys.exit(FAULTS)


def file_options(
    encoding: str,
    sep: str | None,
    quote: str | None,
    escape: str | None,
    header: bool | None,
    columns: str | None,
    sheet: str | None,
) -> FileKeywords:
    """Return the options for reading files as keyword arguments for the library."""
    return {
        "encoding": encoding,
        "sep": "\t" if sep in ("\\t", "tab") else sep,
        "quote": quote,
        "escape": escape,
        "header": header,
        "names": None if columns is None else [name.strip() for name in columns.split(",")],
        "sheet": sheet,
    }


def tell_faults_of_files(project: Project) -> bool:
    """Print each file of labeling functions that failed to load; return whether there were any."""
    for message in project.load_errors:
        say(f"error: {message}")
    return bool(project.load_errors)


@app.command(name="import", epilog="Example: `weaklab import spam messages.csv --text body --id message_id`")
def import_(
    project: Folder,
    source: Annotated[
        Path,
        typer.Argument(
            help="CSV, TSV, JSON, JSONL, Parquet, Excel (.xlsx) or text file, or a folder of them.", show_default=False
        ),
    ],
    text: Annotated[
        list[str] | None,
        typer.Option(help="Text column; repeat for several. By default 'text', or the only one of strings."),
    ] = None,
    id: Annotated[
        str | None, typer.Option(help="Id column. By default 'id'; without one, ids are made from the content.")
    ] = None,
    label: Annotated[str | None, typer.Option(help="Column of manual labels; empty where there is none.")] = None,
    gold: Annotated[str | None, typer.Option(help="Column with the truth, for measuring only.")] = None,
    map_: Annotated[list[str] | None, typer.Option("--map", help=MAP_HELP)] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(help="Other column to keep; repeat for several. By default all that can be stored."),
    ] = None,
    no_text: Annotated[
        bool, typer.Option("--no-text", help="No column is the text: a table of numbers, classes or names.")
    ] = False,
    encoding: Encoding = "utf-8",
    sep: Sep = None,
    quote: Quote = None,
    escape: Escape = None,
    header: Header = None,
    columns: Names = None,
    sheet: Sheet = None,
    skip_known: Annotated[
        bool, typer.Option("--skip-known", help="Leave out records whose id is in the project already.")
    ] = False,
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
    with opened(project, run_code=not no_code) as held:
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
            **file_options(encoding, sep, quote, escape, header, columns, sheet),
        )
        show(count.table())
        labels = len(held.manual_labels())
        known = f", {labels:,} with a manual label" if labels else ""
        tell(f"imported {counted(count, 'record')}; the project has {len(held):,}{known}")


@app.command(epilog="Example: `weaklab adopt spam`")
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
    with opened(project, run_code=not no_code) as held:
        count = held.adopt(folder)
        tell(f"took in {counted(count, 'record')}; the project has {len(held):,}")


@app.command(epilog="Example: `weaklab salvage spam`, where weaklab.db is damaged and there is no backup of it")
def salvage(project: Folder) -> None:
    """Make a new database from the intact rows of a damaged one, and show how many are lost.

    The damaged file is kept.
    """
    from weaklab.project import database
    from weaklab.project.database import DATABASE

    if not (project / DATABASE).exists():
        raise WeaklabError(f"{project / DATABASE} is not there, so there is nothing to salvage")
    with contextlib.suppress(WeaklabError), opened(project, run_code=False) as held:
        held.history()  # reads and checks every event
        tell(f"{project / DATABASE} is whole; nothing was done")
        return
    for line in database.salvage(project):
        tell(line)


@app.command(epilog="Example: `weaklab lfs spam`")
def lfs(
    project: Folder,
    csv: Annotated[bool, typer.Option("--csv", help="Print as CSV, for other programs.")] = False,
    no_code: NoCode = False,
) -> None:
    """List the heuristics: file and line, coverage, overlaps, conflicts, polarity, accuracy on manual labels, faults.

    New and edited heuristics vote first. The exit code is 3 if a file cannot be loaded or a function has faults.
    """
    with opened(project, run_code=not no_code) as held:
        if len(held):
            held.workspace.state(progress=sys.stderr.isatty())
            summary = held.summary()
            if csv:
                print(_as_csv(summary), end="")
            else:
                table = summary.table()
                table.notes = [note for note in table.notes if not note.startswith(("fault:", "not loaded:"))]
                show(table)
        else:
            show(_plain_list(held))
        if tell_faults(held) if len(held) else tell_faults_of_files(held):
            sys.exit(FAULTS)


def _as_csv(summary: Summary) -> str:
    from weaklab.core.tables import clean

    def safe(cell: Any) -> Any:
        return clean(cell, None) if isinstance(cell, str) else cell

    return str(
        summary.to_pandas().assign(polarity=lambda f: f.polarity.str.join("|")).map(safe).rename(index=safe).to_csv()
    )


def _plain_list(project: Project) -> Table:
    from weaklab.core.tables import Table

    rows = [[h.name, type(h).__name__, h.location] for h in project.committee.heuristics]
    return Table(
        counted(len(rows), "heuristic"), ["heuristic", "kind", "where"], rows, ["no records yet, so nothing to vote on"]
    )


@app.command(epilog="Example: `weaklab run spam --strict`")
def run(
    project: Folder,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit code 3 on any fault, not only on votes that are no label.")
    ] = False,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Let all heuristics vote again, not only new and edited ones.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar, no table.")] = False,
    no_code: NoCode = False,
) -> None:
    """Let new and edited heuristics vote, train on all labels, and show the result."""
    with opened(project, run_code=not no_code) as held:
        summary = held.run(progress=not quiet and sys.stderr.isatty(), fresh=fresh)
        if not quiet:
            table = summary.table()
            table.notes = [note for note in table.notes if not note.startswith(("fault:", "not loaded:"))]
            show(table)
        any_fault = tell_faults(held)
        broken = bool(held.load_errors) or any(f.exception == "UnknownLabelError" for f in held.faults)
        if broken or (strict and any_fault):
            sys.exit(FAULTS)


@app.command(epilog="Example: `weaklab ask spam -n 20 --strategy entropy`")
def ask(
    project: Folder,
    n: Annotated[int, typer.Option("-n", help="How many.", min=1)] = 10,
    strategy: Annotated[
        str | None, typer.Option(help="See `weaklab list strategies`; by default that of the settings.")
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Records that have a label may come, too.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="One JSON object per line, for other programs.")] = False,
    no_code: NoCode = False,
) -> None:
    """Show the records to label next, each with its suggestion and the reason why it was picked."""
    with opened(project, run_code=not no_code) as held:
        tell_faults_of_files(held)
        asks = held.ask(n, again=again, strategy=strategy, lease=False)
        if json_:
            from weaklab.core.tables import json_text
            from weaklab.exchange.json_files import json_value

            for a in asks:
                row = {
                    k: getattr(a, k)
                    for k in ("id", "text", "suggestion", "confidence", "probabilities", "votes", "why", "blind")
                }
                print(json_text(json_value(row)))
        else:
            show(asks.table())


@app.command(epilog="Example: `weaklab label spam`, then Enter, Enter, 2, s, q. Answers may be piped in, one per line.")
def label(
    project: Folder,
    n: Annotated[
        int | None, typer.Option("-n", help="Stop after this many records; by default go on until q.", min=1)
    ] = None,
    batch: Annotated[int, typer.Option(help="How many records are picked at a time.", min=1)] = 10,
    strategy: Annotated[
        str | None, typer.Option(help="See `weaklab list strategies`; by default that of the settings.")
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Records that have a label may come, too.")] = False,
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

    with opened(project, annotator=annotator, run_code=not no_code) as held:
        tell_faults_of_files(held)
        label_in_terminal(held, n, batch=batch, strategy=strategy, again=again, ahead=ahead)


@app.command(epilog="Example: `weaklab status spam --json`")
def status(
    project: Folder,
    json_: Annotated[bool, typer.Option("--json", help="As JSON, for other programs.")] = False,
    no_code: NoCode = False,
) -> None:
    """Show the project in numbers."""
    with opened(project, run_code=not no_code) as held:
        if not len(held):
            say(f"{project} holds no record yet; next: weaklab import {project} FILE")
        found = held.status() if len(held) else {"records": 0, "heuristics": len(held.committee)}
        if json_:
            from weaklab.core.tables import json_text
            from weaklab.exchange.json_files import json_value

            print(json_text(json_value(found)))
            return
        from weaklab.core.tables import Table

        rows = [[name.replace("_", " "), _status_text(value)] for name, value in found.items()]
        show(Table(f"{project}: {some_of(held.label_names)}", ["", ""], rows))


def _status_text(value: Any) -> str:
    if isinstance(value, dict):
        return some_of([f"{name} {share:.1%}" for name, share in value.items()])
    return f"{value:.3f}" if isinstance(value, float) else f"{value:,}"


@app.command(epilog="Example: `weaklab labels spam --rename spam junk`; `weaklab labels spam --undo`")
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
    json_: Annotated[bool, typer.Option("--json", help="As JSON, for other programs.")] = False,
    no_code: NoCode = False,
) -> None:
    """List the labels with their manual labels, after changing them; one change per call.

    Manual labels, votes and gold labels follow, nothing votes anew, and --undo brings everything back. Heuristics that
    name an old label keep voting for the label that it is now; a note says which file and line to edit.
    """
    from weaklab.cli.labels import change, print_json

    given = {"rename": rename, "merge": merge, "add": add, "remove": remove, "order": order, "undo": undo or None}
    with opened(project, run_code=not no_code) as held, warnings.catch_warnings():
        tell_faults_of_files(held)
        warnings.filterwarnings("ignore", message=".* now; write ")  # the table says it
        done = change(held.label_set, {name: value for name, value in given.items() if value is not None})
        if done:
            say(done)
        if json_:
            print_json(held.label_set)
        else:
            show(held.label_set.table())


@app.command(epilog="Example: `weaklab evaluate spam`")
def evaluate(project: Folder, no_code: NoCode = False) -> None:
    """Estimate the accuracy of the labels, from the records that were drawn at random, and forecast it for more labels.

    It also shows whether labeling may stop, and whether people agree more often with a suggestion that they see.
    """
    with opened(project, run_code=not no_code) as held:
        tell_faults_of_files(held)
        show(held.evaluate(progress=sys.stderr.isatty()).table())


@app.command(epilog="Example: `weaklab reliability spam --plot reliability.png`")
def reliability(
    project: Folder,
    bins: Annotated[int, typer.Option(help="Bins of equal width from 0 to 1.", min=1)] = 15,
    plot: Annotated[Path | None, typer.Option(help="Draw the diagram to this file, .png or .svg.")] = None,
    no_code: NoCode = False,
) -> None:
    """Show the share of right labels by predicted probability, measured on the records that were drawn at random."""
    with opened(project, run_code=not no_code) as held:
        tell_faults_of_files(held)
        found = held.reliability(bins)
        if plot is not None:
            found.plot(plot)
        show(found.table())
        if plot is not None:
            tell(f"wrote {plot}")


@app.command(epilog="Example: `weaklab explain spam 17`")
def explain(
    project: Folder,
    record: Annotated[str, typer.Argument(metavar="ID", help="Id of the record.", show_default=False)],
    no_code: NoCode = False,
) -> None:
    """Show why a record got its label: the contribution of each heuristic to its log-odds against the next label."""
    with opened(project, run_code=not no_code) as held:
        tell_faults_of_files(held)
        show(held.explain(record).table())


@app.command(name="show", epilog="Example: `weaklab show spam --search prize --label ham -n 5`; `weaklab show spam 17`")
def show_records(
    project: Folder,
    record: Annotated[
        str | None, typer.Argument(metavar="ID", help="Id of one record, to show all about it.", show_default=False)
    ] = None,
    where: Annotated[
        str | None,
        typer.Option(help="Condition on columns, such as 'n > 3 and \"prize\" in text', or 'col(\"my column\") > 3'."),
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
    json_: Annotated[bool, typer.Option("--json", help="One JSON object per line, for other programs.")] = False,
    no_code: NoCode = False,
) -> None:
    """Show records with votes, label, confidence and reason; only those that match all options are shown."""
    from weaklab.cli.records import print_json, select

    with opened(project, run_code=not no_code) as held:
        tell_faults_of_files(held)
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
                    show(table)
        elif json_:
            print_json(chosen[:n] if n else chosen)
        else:
            show(chosen.table(n or len(chosen)))


@app.command(epilog="Example: `weaklab history spam --annotator ann --label ham --since 2026-01-31`")
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
    from weaklab.cli.records import answer_rows, answer_table, print_json

    with opened(project, run_code=not no_code) as held:
        found = held.answers(
            annotator=annotator, label=label, record=record, kind=kind, since=since, until=until, standing=standing
        )
        if json_:
            print_json(answer_rows(found))
        else:
            show(answer_table(found, n))


Annotator = Annotated[
    str | None, typer.Option(help="Who does it; by default the name of the user on this machine.", show_default=False)
]


@app.command(epilog="Example: `weaklab update spam corrected.csv --id message_id --text body`")
def update(
    project: Folder,
    source: Annotated[Path, typer.Argument(help="A file as for `weaklab import`, with ids.", show_default=False)],
    text: Annotated[list[str] | None, typer.Option(help="Text column; by default as in the project.")] = None,
    id: Annotated[str | None, typer.Option(help="Id column; by default as in the project.")] = None,
    label: Annotated[str | None, typer.Option(help="Column of manual labels; empty where there is none.")] = None,
    gold: Annotated[str | None, typer.Option(help="Column with the truth, for measuring only.")] = None,
    map_: Annotated[list[str] | None, typer.Option("--map", help=MAP_HELP)] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(help="Other column to take over; repeat for several. By default all that can be stored."),
    ] = None,
    encoding: Encoding = "utf-8",
    sep: Sep = None,
    quote: Quote = None,
    escape: Escape = None,
    header: Header = None,
    columns: Names = None,
    sheet: Sheet = None,
    annotator: Annotator = None,
    no_code: NoCode = False,
) -> None:
    """Give records another text, other columns or columns that they did not have; ids must be in the project.

    Manual labels stay. Those of records whose text has changed are listed by `weaklab review`.
    """
    from weaklab.core.label_reader import parse_map

    with opened(project, run_code=not no_code, annotator=annotator) as held:
        done = held.update_records(
            source,
            text=text or None,
            id=id,
            label=label,
            gold=gold,
            columns=column or None,
            map=parse_map(map_),
            progress=sys.stderr.isatty(),
            **file_options(encoding, sep, quote, escape, header, columns, sheet),
        )
        tell(_told(project, done))


@app.command(epilog="Example: `weaklab remove spam 17 18`; `weaklab remove spam --where \"'test' in text\"`")
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
    with opened(project, run_code=not no_code, annotator=annotator) as held:
        done = held.remove_records(ids or None, where=where)
        tell(f"{_told(project, done)}; the project has {len(held):,}")


@app.command(epilog="Example: `weaklab gold spam truth.csv --gold is_spam --map 1=spam --map 0=ham`")
def gold(
    project: Folder,
    source: Annotated[Path, typer.Argument(help="A file with ids and gold labels.", show_default=False)],
    gold: Annotated[str, typer.Option(help="Column of gold labels.")] = "gold",
    id: Annotated[str | None, typer.Option(help="Id column; by default as in the project.")] = None,
    map_: Annotated[list[str] | None, typer.Option("--map", help=MAP_HELP)] = None,
    encoding: Encoding = "utf-8",
    sep: Sep = None,
    annotator: Annotator = None,
    no_code: NoCode = False,
) -> None:
    """Set the gold labels of records, with which the labels are measured."""
    from weaklab.core.label_reader import parse_map

    options = file_options(encoding, sep, None, None, None, None, None)
    with opened(project, run_code=not no_code, annotator=annotator) as held:
        tell(_told(project, held.set_gold(source, gold=gold, id=id, map=parse_map(map_), **options)))


@app.command(epilog="Example: `weaklab relabel spam 17 ham`")
def relabel(
    project: Folder,
    record: Annotated[str, typer.Argument(metavar="ID", help="Id of the record.", show_default=False)],
    label: Annotated[str, typer.Argument(help="Label name.", show_default=False)],
    annotator: Annotator = None,
    no_code: NoCode = False,
) -> None:
    """Label one record, whatever its state: it takes the place of this person's earlier label."""
    with opened(project, run_code=not no_code, annotator=annotator) as held:
        event = held.relabel(record, label)
        tell(f"record {event.record} is labeled {event.label} by {event.annotator} (event {event.id})")


@app.command(epilog="Example: `weaklab undo spam`; `weaklab undo spam 17`, the number as `weaklab history` shows it")
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
    with opened(project, run_code=not no_code, annotator=annotator) as held:
        found = held.undo(event) if event is not None else held.undo(annotator=held.annotator)
        if found is None:
            tell(f"nothing of {held.annotator} to undo")
            return
        what = f"label {found.label!r}" if found.label else found.kind
        tell(f"undone: event {found.id}, {what} {f'of record {found.record}' if found.record else 'of records'}")


@app.command(epilog="Example: `weaklab review spam`")
def review(project: Folder, no_code: NoCode = False) -> None:
    """List the labels of records whose text was changed after they were labeled; a new label takes one off the list."""
    from weaklab.core.tables import Table

    with opened(project, run_code=not no_code) as held:
        rows = held.to_review().values.tolist()
        for row in rows:
            row[3], row[4] = (at[:19].replace("T", " ") for at in row[3:5])
        head = ["record", "label", "annotator", "labeled, UTC", "changed, UTC", "event"]
        show(Table(f"{counted(len(rows), 'label')} to review", head, rows))


def _told(project: Path, done: RecordChange) -> str:
    """Say what was done with records, and how it is undone."""
    if done.event is None:
        return "no record to change"
    more = f"; {counted(done.to_review, 'record')} with a label to look at: weaklab review {project}"
    did = {"update": "updated", "remove": "removed", "gold": "set the gold label of"}[done.kind]
    undoing = f"weaklab undo {project} {done.event} takes it back"
    return f"{did} {counted(done.records, 'record')} ({undoing}){more if done.to_review else ''}"


@app.command(epilog="Example: `weaklab export spam labels.parquet --include text --min-confidence 0.5`")
def export(
    project: Folder,
    file: Annotated[
        Path, typer.Argument(help="Where to write; the suffix decides: .parquet, .csv or .jsonl.", show_default=False)
    ],
    min_confidence: Annotated[float, typer.Option(help="Leave the label empty below this confidence, 0 to 1.")] = 0.0,
    precision: Annotated[
        float | None,
        typer.Option(help="Leave labels empty so that at least this share of the other labels is right, such as 0.95."),
    ] = None,
    include: Annotated[
        list[str] | None, typer.Option(help="Column of the records to write, too; repeat for several.")
    ] = None,
    spreadsheet_safe: Annotated[
        bool,
        typer.Option(
            "--spreadsheet-safe", help="CSV: put an apostrophe before what a spreadsheet would run as a formula."
        ),
    ] = False,
    no_code: NoCode = False,
) -> None:
    """Write id, label, the probability of each class, confidence, and whether the label is manual."""
    with opened(project, run_code=not no_code) as held:
        tell_faults_of_files(held)
        count = held.export(
            file,
            min_confidence=min_confidence,
            precision=precision,
            include=include or (),
            spreadsheet_safe=spreadsheet_safe,
        )
        tell(f"wrote {counted(count, 'row')} to {file}")
        if precision is not None:
            show(held.label_or_abstain(precision).table())


@app.command(
    epilog="Example: `weaklab simulate messages.csv --gold label --strategy margin --strategy entropy --out curves`"
)
def simulate(
    data: Annotated[
        str,
        typer.Argument(
            help="A file or folder of records, a folder in the WRENCH format, a project, or 'headlines', the sample.",
            show_default=False,
        ),
    ],
    gold: Annotated[
        str | None, typer.Option(help="Column with the truth, from which the questions are answered.")
    ] = None,
    map_: Annotated[list[str] | None, typer.Option("--map", help=MAP_HELP)] = None,
    text: Annotated[list[str] | None, typer.Option(help="Text column; repeat for several.")] = None,
    labels: Annotated[
        str | None, typer.Option(help="Label names, separated by commas; by default those of the gold column.")
    ] = None,
    lfs: Annotated[
        list[Path] | None, typer.Option(help="File or folder of labeling functions; repeat for several.")
    ] = None,
    classifier: Annotated[
        list[str] | None,
        typer.Option(
            help="Weak classifier by name; repeat for several; 'none' for none. By default one that suits the data."
        ),
    ] = None,
    features: Annotated[
        str, typer.Option(help="Features of the weak classifiers; see `weaklab list features`.")
    ] = "auto",
    label_model: Annotated[
        str | None, typer.Option(help="See `weaklab list label-models`; by default committee.")
    ] = None,
    strategy: Annotated[
        list[str] | None,
        typer.Option(help="Query strategy by name; repeat for several. By default 'default' and 'random'."),
    ] = None,
    all_strategies: Annotated[
        bool, typer.Option("--all-strategies", help="The default and every strategy that has a name.")
    ] = False,
    budget: Annotated[str, typer.Option(help="Numbers of labels to compare, separated by commas.")] = "20,50,100,200",
    batch: Annotated[int, typer.Option(help="Questions between two trainings.", min=1)] = 10,
    seeds: Annotated[int, typer.Option(help="How often each strategy is run.", min=1)] = 5,
    out: Annotated[
        Path | None, typer.Option(help="Folder for curves and finished runs; the same command continues there.")
    ] = None,
    jobs: Annotated[int, typer.Option(help="Processes to spread the runs over.", min=1)] = 1,
    encoding: Encoding = "utf-8",
    sep: Sep = None,
    quote: Quote = None,
    escape: Escape = None,
    header: Header = None,
    columns: Names = None,
    sheet: Sheet = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
    no_code: NoCode = False,
) -> None:
    """Compare query strategies on records with known labels: learning curves over several seeds.

    Every run starts without labels, asks for a batch, gets the answers from the gold column, retrains and is measured.
    """
    from weaklab.cli.simulate import printed_warnings, run_simulation
    from weaklab.core.label_reader import parse_map

    if strategy and all_strategies:
        raise WeaklabError(
            "--strategy names some strategies and --all-strategies takes all of them; give one of the two"
        )
    try:
        with printed_warnings(say):
            found = run_simulation(
                data,
                gold=gold,
                map=parse_map(map_),
                text=text,
                labels=labels,
                lfs=lfs or [],
                classifiers=classifier or [],
                features=features,
                label_model=label_model,
                strategies="all" if all_strategies else strategy or ("default", "random"),
                budgets=budget,
                batch=batch,
                seeds=seeds,
                jobs=jobs,
                out=out,
                progress=not quiet and sys.stderr.isatty(),
                run_code=not no_code,
                **file_options(encoding, sep, quote, escape, header, columns, sheet),
            )
            written = found.save(out) if out else []
    except KeyboardInterrupt:
        kept = (
            f"finished runs are kept in {out}: the same command goes on"
            if out
            else "with --out FOLDER finished runs would be kept"
        )
        say(f"interrupted; {kept}")
        sys.exit(INTERRUPTED)
    show(found.table())
    if written:
        tell(f"wrote {', '.join(str(path) for path in written)}")


@app.command(
    epilog="Example: `weaklab batch spam 'mail-*.parquet' labels --include text`. The same command goes on with a "
    "stopped run."
)
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
    encoding: Encoding = "utf-8",
    sep: Sep = None,
    quote: Quote = None,
    escape: Escape = None,
    header: Header = None,
    columns: Names = None,
    sheet: Sheet = None,
    rows_per_part: Annotated[int, typer.Option(help="Rows of the input that make a part.", min=1)] = 100_000,
    workers: Annotated[int | None, typer.Option(help="Processes; by default one per core.", min=1)] = None,
    engine: Annotated[str, typer.Option(help="local or spark.")] = "local",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Start again if OUT contains another batch.")] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit code 3 on any fault, not only on votes that are no label.")
    ] = False,
    progress: Annotated[
        bool, typer.Option("--progress", help="Show progress even if stderr is not a terminal.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no table.")] = False,
    no_code: NoCode = False,
) -> None:
    """Label files of any size with the current committee; nothing is added to the project.

    Writes row, id, label, the probability of each class, confidence, whether the label is manual, and faults. Each part
    is written completely or not at all.
    """
    from weaklab.cli.batch import run_batch

    settings: dict[str, Any] = {"include": include or (), "text": text, "id": id, "rows_per_part": rows_per_part}
    settings.update(file_options(encoding, sep, quote, escape, header, columns, sheet))
    with opened(project, run_code=not no_code) as held:
        try:
            found = run_batch(
                held,
                source,
                out,
                say,
                votes=votes,
                workers=workers,
                engine=engine,
                overwrite=overwrite,
                progress=not quiet and (progress or sys.stderr.isatty()),
                **settings,
            )
        except KeyboardInterrupt:
            say(f"interrupted; finished parts are kept in {out}: the same command goes on")
            sys.exit(INTERRUPTED)
        if not quiet:
            table = found.table()
            table.notes = [note for note in table.notes if not note.startswith("fault:")]
            show(table)
        for message in held.load_errors:
            say(f"error: {message}")
        for fault in found.faults:
            say(f"fault: {fault}")
        broken = bool(held.load_errors) or any(fault.exception == "UnknownLabelError" for fault in found.faults)
        if broken or (strict and found.faults):
            sys.exit(FAULTS)


LISTS = {
    "strategies": ("weaklab.strategies", "STRATEGIES"),
    "label-models": ("weaklab.label_models", "LABEL_MODELS"),
    "classifiers": ("weaklab.classifiers", "CLASSIFIERS"),
    "features": ("weaklab.features", "FEATURES"),
    "heuristics": ("weaklab.heuristics", "HEURISTICS"),
    "readers": ("weaklab.exchange", "READERS"),
    "writers": ("weaklab.exchange", "WRITERS"),
}


@app.command(name="list", epilog="Example: `weaklab list strategies`")
def list_(
    what: Annotated[
        str,
        typer.Argument(
            help="strategies, label-models, classifiers, features, heuristics, readers or writers.", show_default=False
        ),
    ],
) -> None:
    """List strategies, label models, classifiers or features that can be chosen by name."""
    from importlib import import_module

    from weaklab.core.tables import Table

    if what not in LISTS:
        raise WeaklabError(
            f"nothing to list by the name of {what!r};{did_you_mean(what, LISTS)} there are {', '.join(LISTS)}"
        )
    module, registry = LISTS[what]
    described = getattr(import_module(module), registry).describe()
    if not described:
        say(f"no {what}: no installed package offers any")
        return
    show(Table(what, ["name", "what it is"], [[name, text] for name, text, _ in described]))


@app.command(epilog="Example: `weaklab demo --labels 60`")
def demo(
    folder: Annotated[Path, typer.Argument(help="Where to leave the project and the exported labels.")] = Path(
        "weaklab-demo"
    ),
    labels: Annotated[int, typer.Option(help="How many answers to replay.", min=1)] = 60,
    batch: Annotated[int, typer.Option(help="How many at a time.", min=1)] = 10,
    seed: Annotated[int, typer.Option(help="Seed of all random draws.")] = 0,
) -> None:
    """Label the bundled headlines: first with labeling functions only, then with simulated answers from gold labels."""
    from weaklab.cli.demo import run_demo

    run_demo(folder, labels, batch, seed)
