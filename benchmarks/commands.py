"""CPU seconds of commands on a small project, start-up included, in two checkouts that take turns.

    git worktree add ../old 26b898d
    python -m benchmarks.commands ../old                   # beside this checkout
    python -m benchmarks.commands ../old status lfs --turns 9

Each checkout makes a project of its own: 2,000 short texts, four labeling functions, Naive Bayes, 100 manual labels,
trained. Each command runs once before it counts, so that modules are compiled, and what can be kept is kept. The labels
of ``label`` end at its first question. A command that a checkout does not have is left out.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

RECORDS, LABELS = 2000, 100
COMMANDS = ("--help", "status", "label", "lfs", "show", "export", "explain", "next", "evaluate")
PROGRAM = "import sys; sys.argv[0] = 'weaklab'; from weaklab.cli import main; main()"


def build(folder: Path) -> None:
    """Make the project, label, and train it."""
    import numpy as np
    import pandas as pd

    import weaklab

    rng = np.random.default_rng(0)
    truth, shown = rng.random(RECORDS) < 0.4, rng.random(RECORDS) < 0.6
    first = np.where(~shown, "hello", np.where(truth, "prize", "lunch"))
    words = rng.integers(0, 4000, (RECORDS, 7))
    texts = [" ".join([start, *(f"word{j}" for j in row)]) for start, row in zip(first, words, strict=True)]
    ids = [f"r{row}" for row in range(RECORDS)]
    with weaklab.Project(folder, labels=["ham", "spam"], annotator="Ann") as project:
        project.add_records(pd.DataFrame({"id": ids, "text": texts}), text="text", id="id")
        project.add(weaklab.keywords("spam", ["prize"], name="prize"))
        project.add(weaklab.keywords("ham", ["lunch"], name="lunch"))
        project.add(weaklab.keywords("spam", ["word1", "word2", "word3"], name="words"))
        project.add(weaklab.pattern("ham", r"word\d0+\b", name="round"))
        project.weak_classifier("naive_bayes", features="tfidf")
        given = np.where(truth, "spam", "ham").tolist()
        project.label_many(dict(zip(ids[:LABELS], given[:LABELS], strict=True)))
        project.run(progress=False)


def cpu(checkout: Path, project: Path, command: str) -> float:
    """Return the CPU seconds of a command; infinity where it fails."""
    more = {"--help": [], "export": [project, project.parent / "out.csv"], "explain": [project, "r5"]}
    words = [sys.executable, "-P", "-c", PROGRAM, command, *map(str, more.get(command, [project]))]
    compiled = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment = {**compiled, "PYTHONPATH": str(checkout), "PYTHONPYCACHEPREFIX": str(project.parent / "compiled")}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(words, env=environment, stdin=subprocess.DEVNULL, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return spent if done.returncode == 0 else float("inf")


def compare(projects: list[tuple[Path, Path]], command: str, turns: int) -> list[float]:
    """Return the median CPU seconds of a command in each (checkout, project)."""
    found: list[list[float]] = [[] for _ in projects]
    for turn in range(turns + 1):
        for place in range(len(projects))[:: 1 if turn % 2 == 0 else -1]:
            found[place].append(cpu(*projects[place], command))
    return [statistics.median(spent[1:]) for spent in found]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", nargs="?", help="folder of another checkout")
    parser.add_argument("commands", nargs="*", metavar="COMMAND", help=f"only these of {', '.join(COMMANDS)}")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--build", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.build:
        build(options.build)
        return
    from benchmarks.checkouts import ROOT, checkout, run_with

    if not options.old:
        parser.error("wanted the folder of another checkout of weaklab")
    with tempfile.TemporaryDirectory() as place:
        projects = [(checkout(options.old), Path(place) / "old"), (ROOT, Path(place) / "new")]
        for code, project in projects:
            run_with(code, __file__, "--build", project)
        print(f"{'command':<10}{'old':>8}{'new':>8}  old / new")
        for command in options.commands or COMMANDS:
            old, new = compare(projects, command, options.turns)
            print(f"{command:<10}{old:>8.2f}{new:>8.2f}{old / new if max(old, new) < float('inf') else 0:>11.2f}")


if __name__ == "__main__":
    main()
