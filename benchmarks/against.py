"""CPU seconds of this checkout beside those of another one, such as that of an older commit, in turns.

    git worktree add ../old 26b898d
    python -m benchmarks.against ../old                               # all tasks
    python -m benchmarks.against ../old import_csv ask --records 100000

Every turn of every task is a fresh process, and a line gives the medians of both checkouts and their ratio. The time is
that of the task itself, including child processes; imports and preparation do not count. A ratio above 1.1 should be
examined.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LABELS = ("neg", "pos")
Task = Callable[[Path, int], float]


def cpu() -> float:
    """Return the CPU seconds of this process and of its children that have ended."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def seconds(work: Callable[[], Any]) -> float:
    """Return what a call costs."""
    start = cpu()
    work()
    return cpu() - start


def make_data(folder: Path, n: int) -> None:
    """Write the same records as CSV and as Parquet."""
    import pandas as pd

    from benchmarks.imports import write_records

    write_records(folder / "records.csv", n)
    pd.read_csv(folder / "records.csv").to_parquet(folder / "records.parquet", row_group_size=100_000)


@contextmanager
def project(folder: Path, records: bool = True) -> Iterator[Any]:
    """Yield a new project, with the records and two heuristics unless it is to be empty."""
    import weaklab

    with (
        tempfile.TemporaryDirectory(dir=folder) as place,
        weaklab.Project(Path(place) / "p", labels=list(LABELS)) as made,
    ):
        if records:
            add(made, folder / "records.parquet")
            made.add(weaklab.keywords("neg", ["a", "b", "abc", "cab"], name="words"))
            made.add(weaklab.pattern("pos", r"\b[a-d]{2,4}\b", name="letters"))
        yield made


def add(made: Any, data: Any) -> None:
    """Import records without a word, also with a version that never says one."""
    from weaklab.project.project import Project

    quiet = {"quiet": True} if "quiet" in Project.add_records.__annotations__ else {}
    made.add_records(data, text="text", **quiet)


def import_csv(folder: Path, n: int) -> float:
    with project(folder, records=False) as made:
        return seconds(lambda: add(made, folder / "records.csv"))


def import_parquet(folder: Path, n: int) -> float:
    with project(folder, records=False) as made:
        return seconds(lambda: add(made, folder / "records.parquet"))


def import_frame(folder: Path, n: int) -> float:
    import pandas as pd

    frame = pd.read_parquet(folder / "records.parquet")
    with project(folder, records=False) as made:
        return seconds(lambda: add(made, frame))


def open_project(folder: Path, n: int) -> float:
    import weaklab

    with project(folder) as made:
        path = made.path

        def opened() -> None:
            with weaklab.Project(path) as again:
                assert len(again) == n

        return seconds(opened)


def first_run(folder: Path, n: int) -> float:
    with project(folder) as made:
        return seconds(made.run)


def status(folder: Path, n: int) -> float:
    with project(folder) as made:
        made.run()
        return seconds(made.status)


def ask(folder: Path, n: int) -> float:
    """Ask for five records, label them, and train again."""
    with project(folder) as made:
        made.run()

        def turn() -> None:
            for at, one in enumerate(made.ask(5)):
                made.label(one, LABELS[at % 2])
            made.run()

        turn()
        return seconds(turn)


def batch(folder: Path, n: int) -> float:
    """Vote, fit a label model, and label all records of a file."""
    from benchmarks.speed import functions
    from benchmarks.speed.pipeline import label_with_weaklab

    assert functions.LABELS
    with tempfile.TemporaryDirectory(dir=folder) as place:
        return seconds(lambda: label_with_weaklab(folder / "records.parquet", Path(place) / "out"))


def vote_declared(folder: Path, n: int) -> float:
    from benchmarks.speed import functions, votes

    return _again(votes.vote(votes.committee_of(functions.declared()), _texts(n)))


def vote_python(folder: Path, n: int) -> float:
    import weaklab
    from benchmarks.speed import functions, votes

    lfs = [weaklab.labeling_function(name=name)(function) for name, function in functions.opaque(functions.quick())]
    return _again(votes.vote(votes.committee_of(lfs, timeout=None), _texts(n)))


def vote_edited(folder: Path, n: int) -> float:
    """Exchange one list of keywords; the votes of the others are known."""
    import weaklab
    from benchmarks.speed import functions, votes

    corpus, committee = weaklab.read(_texts(n)), votes.committee_of(functions.declared())
    edits = iter(range(100))

    def edit() -> None:
        committee.add(weaklab.keywords(functions.LABELS[0], ["free", f"edited{next(edits)}"], name=committee.names[0]))
        committee.vote(corpus, progress=False)

    committee.vote(corpus, progress=False)
    return _again(edit)


def label_model(folder: Path, n: int) -> float:
    from benchmarks.speed import label_models

    L, _ = label_models.planted(n, 10, 2, "mixed")
    return _again(lambda: label_models.fit_weaklab(L, 2))


def label_model_oneclass(folder: Path, n: int) -> float:
    from benchmarks.speed import label_models

    L, _ = label_models.planted(n, 50, 4, "oneclass")
    return _again(lambda: label_models.fit_weaklab(L, 4))


def majority(folder: Path, n: int) -> float:
    from benchmarks.speed import label_models
    from weaklab.label_models import MajorityVote

    L, _ = label_models.planted(n, 10, 2, "mixed")
    return _again(lambda: MajorityVote(n_classes=2).fit(L).predict_proba(L))


def turn_naive_bayes(folder: Path, n: int) -> float:
    return _turns(n, "naive_bayes")


def turn_logistic_regression(folder: Path, n: int) -> float:
    return _turns(n, "logistic_regression")


def _texts(n: int) -> Any:
    from benchmarks.speed.texts import frame

    return frame(n)[0]


def _turns(n: int, classifier: str) -> float:
    from benchmarks.speed import turns

    X, truth = turns.planted(n)
    turn = turns.our_turns(X, truth, classifier, turns.first_labels(n))
    return statistics.median([seconds(turn) for _ in range(21)][1:])


def _again(work: Callable[[], Any]) -> float:
    """Return the median of three calls, after one that pays for compilers."""
    return statistics.median([seconds(work) for _ in range(4)][1:])


MILLION, MANY, SOME = 1_000_000, 200_000, 50_000
TASKS: dict[str, tuple[Task, int]] = {
    "import_csv": (import_csv, MILLION),
    "import_parquet": (import_parquet, MILLION),
    "import_frame": (import_frame, MILLION),
    "open_project": (open_project, MILLION),
    "first_run": (first_run, MANY),
    "status": (status, MANY),
    "ask": (ask, MANY),
    "batch": (batch, 400_000),
    "vote_declared": (vote_declared, SOME),
    "vote_python": (vote_python, SOME),
    "vote_edited": (vote_edited, SOME),
    "label_model": (label_model, 100_000),
    "label_model_oneclass": (label_model_oneclass, MANY),
    "majority": (majority, MILLION),
    "turn_naive_bayes": (turn_naive_bayes, 100_000),
    "turn_logistic_regression": (turn_logistic_regression, 100_000),
}
"""Name -> what is measured, with how many records."""
NEED_FILES = ("import_csv", "import_parquet", "import_frame", "open_project", "first_run", "status", "ask", "batch")


def in_checkout(checkout: Path, name: str, folder: Path, n: int) -> float:
    """Return the seconds of a task in a fresh process with the code of a checkout, and the tasks of this one."""
    from benchmarks.checkouts import run_with

    return float(
        run_with(checkout, __file__, "--one", name, "--folder", folder, "--records", n, folder=folder).split()[-1]
    )


def compare(old: Path, name: str, turns: int, records: int | None) -> str:
    """Measure one task in turns and return its line."""
    n = records or TASKS[name][1]
    found: dict[Path, list[float]] = {old: [], ROOT: []}
    with tempfile.TemporaryDirectory() as place:
        if name in NEED_FILES:
            make_data(Path(place), n)
        for turn in range(turns):
            for checkout in (old, ROOT) if turn % 2 == 0 else (ROOT, old):
                found[checkout].append(in_checkout(checkout, name, Path(place), n))
    before, now = (statistics.median(found[checkout]) for checkout in (old, ROOT))
    pairs = [new / max(earlier, 1e-9) for earlier, new in zip(found[old], found[ROOT], strict=True)]
    ratio = f"{now / max(before, 1e-9):>6.2f}  [{min(pairs):.2f}, {max(pairs):.2f}]"
    return f"{name:<25} {n:>10,} {before:>9.3f} s {now:>9.3f} s {ratio}"


def main() -> None:
    """Compare, or measure one task in this process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", nargs="?", type=Path, help="folder of the other checkout")
    parser.add_argument("tasks", nargs="*", metavar="TASK", help=f"only these of {', '.join(TASKS)}")
    parser.add_argument("--records", type=int, metavar="N", help="so many records in every task")
    parser.add_argument("--turns", type=int, default=5, help="how often each is measured, by default 5")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        import pyarrow.compute
        import pyarrow.csv
        import pyarrow.parquet  # noqa: F401 - so that no task pays for it

        print(TASKS[given.one][0](given.folder, given.records))
        return
    unknown = [name for name in given.tasks if name not in TASKS]
    if given.old is None or not (given.old / "weaklab").is_dir() or unknown:
        parser.error(f"no task named {unknown[0]!r}" if unknown else "wanted the folder of another checkout of weaklab")
    print(f"{'task':<25} {'records':>10} {'old':>11} {'this':>11}  ratio  of single turns")
    for name in given.tasks or TASKS:
        print(compare(given.old.resolve(), name, given.turns, given.records), flush=True)


if __name__ == "__main__":
    main()
