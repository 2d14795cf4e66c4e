"""The command demo: the whole workflow on the bundled headlines, from a new project to exported labels."""

from __future__ import annotations

import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from weaklab.core.errors import ProjectError
from weaklab.core.tables import clean, counted

if TYPE_CHECKING:
    import pandas as pd

    from weaklab.project.project import Project
    from weaklab.simulation.project_replay import Round

commands = typer.Typer()

N_SEEDS = 5
"""Number of seeds for each order of questions; a single run would be too noisy."""
_MARK = ".made-by-weaklab-demo"


@commands.command(epilog="Example: `weaklab demo --labels 60`")
def demo(
    folder: Annotated[Path, typer.Argument(help="Where to leave the project and the exported labels.")] = Path(
        "weaklab-demo"
    ),
    labels: Annotated[int, typer.Option(help="How many answers to replay.", min=1)] = 60,
    batch: Annotated[int, typer.Option(help="How many at a time.", min=1)] = 10,
    seed: Annotated[int, typer.Option(help="Seed of all random draws.")] = 0,
) -> None:
    """Label the bundled headlines: first with labeling functions only, then with simulated answers from gold labels."""
    run_demo(folder, labels, batch, seed)


def run_demo(folder: Path, n_labels: int, batch: int, seed: int) -> None:
    """Make a project in ``folder``, simulate scheduled and (in copies) random answers, and export the labels."""
    from weaklab.datasets import HEADLINE_LABELS, headline_functions, load_headlines
    from weaklab.project.settings import FILE

    if folder.exists() and any(folder.iterdir()) and not (folder / _MARK).exists():
        raise ProjectError(f"{folder} is there and was not made by the demo; name another folder: weaklab demo FOLDER")
    shutil.rmtree(folder, ignore_errors=True)
    frame = load_headlines()
    gold = dict(zip(frame["id"], frame["gold"], strict=True))
    start = time.monotonic()
    place = clean(_short(headline_functions()), None)
    print(f"{len(frame)} headlines, {len(HEADLINE_LABELS)} labels; labeling functions in {place}\n")
    with _project(folder, seed) as project:
        (folder / _MARK).touch()
        project.add_records(frame, gold="gold", quiet=True)
        print(project.run(progress=False).table().fitted())
        compare(project, frame, gold, n_labels, batch, range(seed, seed + N_SEEDS))
        print("\nThe next questions would be:\n")
        print(project.ask(3, lease=False).table().fitted())
        written = []
        for suffix in ("parquet", "csv"):
            project.export(folder / f"labels.{suffix}", include=["text"])
            written.append(str(folder / f"labels.{suffix}"))
    print(
        f"\n{' and '.join(written)} hold the labels; the project is in {clean(str(folder), None)} "
        f"({time.monotonic() - start:.0f} s)"
    )
    place = clean(str(folder), None)
    here = _command()
    print(f"settings: {clean(str(folder / FILE), None)}   label in the terminal: {here} label {place}")
    print(f"go on by hand, in the browser: {here} serve {place}")


def _command() -> str:
    """Return what has to be typed to run weaklab: `make demo` runs it in an environment that is not in the PATH."""
    own, found = Path(sys.argv[0]), shutil.which("weaklab")
    if own.stem != "weaklab" or not own.is_file() or (found and Path(found).resolve() == own.resolve()):
        return "weaklab"
    return shlex.quote(clean(str(_short(own)), None))


def compare(
    project: Project, frame: pd.DataFrame, gold: dict[str, str], n_labels: int, batch: int, seeds: range
) -> None:
    """Simulate scheduled and random questions with every seed, and print the mean of each round.

    The first scheduled run is on the project itself, the others are on copies.
    """
    from weaklab.simulation.project_replay import replay

    orders = f"scheduled, and in random order (mean of {counted(len(seeds), 'seed')})"
    print(f"\nA person answers {counted(n_labels, 'question')}, {batch} at a time:\n{orders}\n")
    print(f"{'labels':>6}  {'accuracy':^16}  {'coverage':^16}  {'confidence':^16}  {'conflicts':^16}".rstrip())
    print(f"{'':>6}  " + "  ".join([f"{'scheduled':>9} {'random':>6}"] * 4), flush=True)
    scheduled: list[list[Round]] = [replay(project, gold, n_labels, batch)]
    unscheduled: list[list[Round]] = []
    with tempfile.TemporaryDirectory() as other:
        for seed in seeds:
            for order, strategy, rounds in (("scheduled", None, scheduled), ("random", "random", unscheduled)):
                if strategy is None and seed == seeds[0]:
                    continue
                with _project(Path(other) / f"{order}-{seed}", seed) as twin:
                    twin.add_records(frame, gold="gold", quiet=True)
                    rounds.append(replay(twin, gold, n_labels, batch, strategy=strategy))
    for a, b in zip(zip(*scheduled, strict=True), zip(*unscheduled, strict=True), strict=True):
        print(_line(_mean(a), _mean(b)))


def _mean(rounds: Sequence[Round]) -> Round:
    from weaklab.simulation.project_replay import Round

    means = {f.name: sum(getattr(r, f.name) for r in rounds) / len(rounds) for f in fields(Round)}
    return Round(**{**means, "labels": round(means["labels"]), "conflicts": round(means["conflicts"])})


def _line(a: Round, b: Round) -> str:
    return (
        f"{a.labels:>6}  {a.accuracy:>9.1%} {b.accuracy:>6.1%}  {a.coverage:>9.1%} {b.coverage:>6.1%}  "
        f"{a.mean_confidence:>9.3f} {b.mean_confidence:>6.3f}  {a.conflicts:>9} {b.conflicts:>6}"
    )


def _project(folder: Path, seed: int) -> Project:
    from weaklab.datasets import HEADLINE_LABELS, headline_functions
    from weaklab.project.project import Project

    return Project(
        folder,
        labels=list(HEADLINE_LABELS),
        labeling_functions=[str(headline_functions().resolve())],
        weak_classifiers=["naive_bayes"],
        seed=seed,
    )


def _short(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
