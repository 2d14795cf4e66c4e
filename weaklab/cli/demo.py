"""The main job on the bundled headlines, from nothing to exported labels."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path

from weaklab.base import ProjectError
from weaklab.datasets import HEADLINE_LABELS, headline_functions, load_headlines
from weaklab.project import Project
from weaklab.settings import FILE
from weaklab.simulate import Round, replay

_MARK = ".made-by-weaklab-demo"


def run_demo(folder: Path, n_labels: int, batch: int, seed: int) -> None:
    """Make a project in ``folder``, replay answers by schedule and, in a copy, in random order, and export the labels."""
    if folder.exists() and any(folder.iterdir()) and not (folder / _MARK).exists():
        raise ProjectError(f"{folder} is there and was not made by the demo; name another folder: weaklab demo FOLDER")
    shutil.rmtree(folder, ignore_errors=True)
    frame = load_headlines()
    gold = dict(zip(frame["id"], frame["gold"], strict=True))
    start = time.monotonic()
    print(f"{len(frame)} headlines, {len(HEADLINE_LABELS)} labels; labeling functions in {_short(headline_functions())}\n")
    with _project(folder, seed) as project:
        (folder / _MARK).touch()
        project.add_records(frame, gold="gold")
        print(project.run(progress=False))
        with tempfile.TemporaryDirectory() as other, _project(Path(other) / "random", seed) as unscheduled:
            unscheduled.add_records(frame, gold="gold")
            compare(project, unscheduled, gold, n_labels, batch)
        print("\nThe next questions would be:\n")
        print(project.ask(3, lease=False))
        written = []
        for suffix in ("parquet", "csv"):
            project.export(folder / f"labels.{suffix}", include=["text"])
            written.append(str(folder / f"labels.{suffix}"))
    print(f"\n{' and '.join(written)} hold the labels; the project is in {folder} ({time.monotonic() - start:.0f} s)")
    print(f"go on by hand: weaklab label {folder}   settings: {folder / FILE}")


def compare(project: Project, unscheduled: Project, gold: dict[str, str], n_labels: int, batch: int) -> None:
    """Replay both orders and print a line a round."""
    print(f"\nA person answers {n_labels} questions, {batch} at a time: scheduled, and beside it in random order\n")
    print(f"{'labels':>6}   {'accuracy':^17}   {'coverage':^17}   {'confidence':^17}   {'conflicts':^17}")
    print(f"{'':>6}   " + "   ".join([f"{'scheduled':>9} {'random':>7}"] * 4))
    random_rounds = replay(unscheduled, gold, n_labels, batch, strategy="random")
    rounds = iter(random_rounds)
    replay(project, gold, n_labels, batch, on_round=lambda scheduled: print(_line(scheduled, next(rounds))))


def _line(a: Round, b: Round) -> str:
    return (
        f"{a.labels:>6}   {a.accuracy:>9.1%} {b.accuracy:>7.1%}   {a.coverage:>9.1%} {b.coverage:>7.1%}   "
        f"{a.mean_confidence:>9.3f} {b.mean_confidence:>7.3f}   {a.conflicts:>9} {b.conflicts:>7}"
    )


def _project(folder: Path, seed: int) -> Project:
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
