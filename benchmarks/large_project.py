"""A large project with many manual labels in two checkouts: seconds to open it, ask, label and show its status.

    git worktree add ../old 26b898d
    python -m benchmarks.large_project ../old                                  # beside this checkout
    python -m benchmarks.large_project ../old ../other --keep PROJECTS    # build once, measure again later
    python -m benchmarks.large_project ../old --new-records 1100000 --new-labels 1000000
    python -m benchmarks.large_project --profile PROJECTS/new-200000-100000 --step ask

Each checkout builds a project of its own: short texts, three lists of keywords, Naive Bayes, no retraining after
labels. Nine of ten labels come from a column of the imported records, the others from ``label_many``. Then the
checkouts take turns. Each turn is a new process, with these steps in this order. The medians of all turns are
printed, of CPU time and of time on the wall; the ratio is of CPU time, which others on the machine hardly change.

first open : ``Project(path)`` and the first ``manual_labels()``, the loading of modules included
open : the same again, in a process that has the modules
ask : ``ask(10)`` when one call before it has loaded what it needs
label : ``label`` of one of these records
ask after label : the next ``ask(10)``
status : ``status()``, the second call
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

STEPS = ("first open", "open", "ask", "label", "ask after label", "status")
LABELS = ("ham", "spam")
WORDS = 4000
IMPORTED_SHARE = 0.9
DONE = "built"
"""The name of an empty file in a project that was built to its end."""
CHUNK = 50_000


def records(n: int, labels: int, seed: int = 0) -> Iterator[Any]:
    """Yield tables of records of eight words; the first one tells the label in three of five. ``labels`` have one."""
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(seed)
    for start in range(0, n, CHUNK):
        rows = np.arange(start, min(start + CHUNK, n))
        words = rng.integers(0, WORDS, (len(rows), 7))
        truth = rng.random(len(rows)) < 0.4
        shown = rng.random(len(rows)) < 0.6
        first = np.where(~shown, "hello", np.where(truth, "prize", "lunch"))
        texts = [" ".join([start, *(f"word{j}" for j in row)]) for start, row in zip(first, words, strict=True)]
        given = np.where(truth, "spam", "ham").astype(object)
        given[rows >= labels] = None
        yield pd.DataFrame({"id": [f"r{row}" for row in rows.tolist()], "text": texts, "given": given})


def build(folder: Path, n: int, labels: int) -> None:
    """Make the project, label, and train it once."""
    import pandas as pd

    import weaklab

    table = pd.concat(list(records(n, labels)), ignore_index=True)
    imported = int(labels * IMPORTED_SHARE)
    later = table["given"].iloc[imported:labels].to_dict()
    table.loc[imported:, "given"] = None
    with weaklab.Project(folder, labels=list(LABELS), annotator="Ann", timeout=None, retrain_every=0) as project:
        with contextlib.redirect_stdout(io.StringIO()):
            project.add_records(table, text="text", id="id", label="given")
        project.add(weaklab.keywords("spam", ["prize"], name="prize"))
        project.add(weaklab.keywords("ham", ["lunch"], name="lunch"))
        project.add(weaklab.keywords("spam", ["word1", "word2", "word3"], name="words"))
        project.weak_classifier("naive_bayes", features="tfidf")
        for start in range(imported, labels, 1000):
            project.label_many({f"r{row}": later[row] for row in range(start, min(start + 1000, labels))})
        project.run(progress=False)


def measure(folder: Path) -> dict[str, list[float]]:
    """Return CPU seconds and seconds by step of a project that was built, in this process."""
    import weaklab

    took = {}

    def timed(step: str, call: Callable[[], Any]) -> Any:
        cpu, wall = time.process_time(), time.perf_counter()
        found = call()
        took[step] = [time.process_time() - cpu, time.perf_counter() - wall]
        return found

    def opened() -> Any:
        project = weaklab.Project(folder, annotator="Ann")
        project.manual_labels()
        return project

    timed("first open", opened).close()
    with timed("open", opened) as project:
        project.ask(10)
        asks = timed("ask", lambda: project.ask(10))
        timed("label", lambda: project.label(asks[0], LABELS[0]))
        timed("ask after label", lambda: project.ask(10))
        project.status()
        timed("status", project.status)
    return took


def profile(folder: Path, step: str, lines: int = 40) -> str:
    """Return where the time of a step goes, by ``cProfile``."""
    import cProfile
    import pstats

    import weaklab

    def opened() -> Any:
        project = weaklab.Project(folder, annotator="Ann")
        project.manual_labels()
        return project

    profiler, text = cProfile.Profile(), io.StringIO()
    if step == "first open":
        profiler.runcall(opened).close()
    else:
        opened().close()
    with profiler.runcall(opened) if step == "open" else opened() as project:
        if step not in ("first open", "open"):
            asks = project.ask(10)
            project.status()
            if step == "ask after label":
                project.label(asks[0], LABELS[0])
            steps: dict[str, Callable[[], Any]] = {
                "label": lambda: project.label(asks[0], LABELS[0]),
                "status": project.status,
            }
            profiler.runcall(steps.get(step, lambda: project.ask(10)))
    for order in ("cumulative", "tottime"):
        pstats.Stats(profiler, stream=text).strip_dirs().sort_stats(order).print_stats(lines)
    return text.getvalue()


def compare(projects: list[tuple[Path, Path]], turns: int) -> dict[str, list[list[float]]]:
    """Return step -> the medians (CPU seconds, seconds) of each (checkout, project); these take turns."""
    from benchmarks.checkouts import run_with

    found: list[list[dict[str, list[float]]]] = [[] for _ in projects]
    for turn in range(turns):
        for place in range(len(projects))[:: 1 if turn % 2 == 0 else -1]:
            checkout, project = projects[place]
            found[place].append(json.loads(run_with(checkout, __file__, "--one", project)))

    def medians(step: str, measured: list[dict[str, list[float]]]) -> list[float]:
        return [statistics.median(took[step][clock] for took in measured) for clock in (0, 1)]

    return {step: [medians(step, measured) for measured in found] for step in STEPS}


def built(checkout: Path, place: Path, name: str, n: int, labels: int) -> Path:
    """Return the folder of a project, which is built unless it is there."""
    from benchmarks.checkouts import run_with

    folder = place / f"{name}-{n}-{labels}"
    if not (folder / DONE).exists():
        if folder.exists():
            shutil.rmtree(folder)  # the building of it was stopped
        run_with(checkout, __file__, "--build", folder, "--records", n, "--labels", labels)
        (folder / DONE).touch()
    return folder


def _child(options: argparse.Namespace) -> bool:
    if options.build:
        build(options.build, options.records, options.labels)
    elif options.one:
        print(json.dumps(measure(options.one)))
    elif options.profile:
        print(profile(options.profile, options.step))
    return bool(options.build or options.one or options.profile)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", nargs="?", help="folder of a checkout")
    parser.add_argument("new", nargs="?", help="folder of another one, by default this one")
    parser.add_argument("--records", type=int, default=200_000, metavar="N")
    parser.add_argument("--labels", type=int, default=100_000, metavar="N")
    parser.add_argument("--new-records", type=int, metavar="N", help="as many for NEW, where that differs")
    parser.add_argument("--new-labels", type=int, metavar="N")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--keep", type=Path, metavar="DIR", help="folder for the projects, which are built once")
    parser.add_argument("--profile", type=Path, metavar="PROJECT", help="only show where the time of a step goes")
    parser.add_argument("--step", choices=STEPS, default="ask", help="for --profile")
    parser.add_argument("--build", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if _child(options):
        return
    from benchmarks.checkouts import ROOT, checkout

    if not options.old:
        parser.error("wanted the folder of another checkout of weaklab")
    old, new = checkout(options.old), checkout(options.new or str(ROOT))
    before = options.records, options.labels
    now = options.new_records or options.records, options.new_labels or options.labels
    with tempfile.TemporaryDirectory() as temporary:
        place = options.keep or Path(temporary)
        place.mkdir(parents=True, exist_ok=True)
        projects = [(old, built(old, place, "old", *before)), (new, built(new, place, "new", *now))]
        for name, (n, labels) in {"old": before, "new": now}.items():
            print(f"{name}: {n:,} records, {labels:,} manual labels")
        print(f"{'step':<16}{'old':>10}{'new':>10}  old / new {'wall: old':>12}{'new':>10}")
        for step, ((old_cpu, old_wall), (new_cpu, new_wall)) in compare(projects, options.turns).items():
            ratio = old_cpu / max(new_cpu, 1e-9)
            print(f"{step:<16}{old_cpu:>10.4f}{new_cpu:>10.4f} {ratio:>10.2f} {old_wall:>12.4f}{new_wall:>10.4f}")


if __name__ == "__main__":
    main()
