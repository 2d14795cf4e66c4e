"""The command simulate: compare query strategies on records with known labels."""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from weaklab.cli.options import Map, NoCode, reads_files
from weaklab.cli.output import INTERRUPTED, print_line, print_stderr, print_table
from weaklab.core.errors import FaultWarning, WeaklabError

if TYPE_CHECKING:
    from weaklab.simulation.simulated_runs import Simulation

commands = typer.Typer()

SAMPLE = "headlines"
"""Name for the bundled headlines, if there is no file with this name."""


@commands.command(
    name="simulate",
    epilog="Example: `weaklab simulate messages.csv --gold label --strategy margin --strategy entropy --out curves`",
)
@reads_files
def simulate_command(
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
    map_: Map = None,
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
    *,
    files: dict[str, Any],
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
    no_code: NoCode = False,
) -> None:
    """Compare query strategies on records with known labels: learning curves over several seeds.

    Every run starts without labels, asks for a batch, gets the answers from the gold column, retrains and is measured.
    """
    from weaklab.core.label_reader import parse_map

    if strategy and all_strategies:
        raise WeaklabError(
            "--strategy names some strategies and --all-strategies takes all of them; give one of the two"
        )
    try:
        with printed_warnings():
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
                **files,
            )
            written = found.save(out) if out else []
    except KeyboardInterrupt:
        kept = (
            f"finished runs are kept in {out}: the same command goes on"
            if out
            else "with --out FOLDER finished runs would be kept"
        )
        print_stderr(f"interrupted; {kept}")
        sys.exit(INTERRUPTED)
    print_table(found.table())
    if written:
        print_line(f"wrote {', '.join(str(path) for path in written)}")


@contextlib.contextmanager
def printed_warnings() -> Iterator[None]:
    """Context manager that prints every warning of weaklab immediately, in one line."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)

        def show(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
            print_stderr(f"{'fault' if issubclass(category, FaultWarning) else 'warning'}: {message}")

        warnings.showwarning = show
        yield


def run_simulation(
    data: str,
    *,
    gold: str | None,
    labels: str | None,
    lfs: Sequence[Path],
    classifiers: Sequence[str],
    label_model: str | None,
    budgets: str,
    run_code: bool = True,
    **settings: Any,
) -> Simulation:
    """Run a simulation on a file, a WRENCH folder, the bundled headlines, or a project with its committee."""
    from weaklab.project.settings import FILE
    from weaklab.simulation.simulate import simulate

    names = [name.strip() for name in labels.split(",")] if labels else None
    learners = [] if list(classifiers) == ["none"] else list(classifiers) or ["auto"]
    settings |= {"budgets": _numbers(budgets), "gold": gold, "labels": names, "label_model": label_model or "committee"}
    if data == SAMPLE and not Path(data).exists():
        from weaklab.datasets import HEADLINE_LABELS, headline_functions, load_headlines

        settings |= {"gold": gold or "gold", "labels": names or HEADLINE_LABELS, "name": SAMPLE}
        return simulate(load_headlines(), heuristics=lfs or [headline_functions()], classifiers=learners, **settings)
    if (Path(data) / FILE).exists():
        return _of_project(Path(data), lfs, classifiers, label_model, settings, run_code)
    return simulate(data, heuristics=lfs, classifiers=learners, **settings)


def _of_project(
    folder: Path,
    lfs: Sequence[Path],
    classifiers: Sequence[str],
    label_model: str | None,
    settings: dict[str, Any],
    run_code: bool,
) -> Simulation:
    from weaklab.project.project import Project
    from weaklab.simulation.simulate import simulate

    if lfs or classifiers or settings["labels"]:
        raise WeaklabError(
            f"{folder} is a project with labels and a committee of its own; leave out --labels, --lfs and --classifier"
        )
    with Project(folder, run_code=run_code) as held:
        for message in held.load_errors:
            warnings.warn(message, stacklevel=1)
        settings |= {
            "labels": held.label_names,
            "label_model": label_model or held.settings.label_model,
            "name": folder.name,
        }
        return simulate(held.corpus, heuristics=held.votes(), classifiers=held.committee.classifiers, **settings)


def _numbers(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise WeaklabError(f"--budget takes numbers of labels, such as 20,50,100, got {text!r}") from None
