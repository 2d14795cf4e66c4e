"""Long texts, and large files with learned features, in two checkouts: CPU seconds and memory.

    git worktree add ../old 26b898d
    python -m benchmarks.corpora ../old long                    # 2,000 texts of 50,000 characters, beside this checkout
    python -m benchmarks.corpora ../old batch --turns 3         # 1,000,000 short texts

Each turn of a checkout is a new process; children count.

long : a project is made, the texts are imported, Naive Bayes on the default features is added, ten records are asked
    about and labeled, and all records get their labels. A run is stopped after ``--limit`` seconds of CPU time.
batch : a project of 2,000 texts with 40 labels, two lists of keywords and Naive Bayes on the default features labels a
    file with one worker; only that call is measured.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import resource
import shutil
import signal
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

LABELS = ("ham", "spam")
WORDS, SKEW = 30_000, 3.0
"""How many words there are; the frequency of the word of a rank is in proportion to 1 / (rank + skew)."""
LETTERS = "abcdefghijklmnopqrstuvwxyz"
SIZES = {"long": (2_000, 50_000), "batch": (1_000_000, 140)}
"""Texts of a task, and about how many characters they have."""
FEW = 2_000
CHUNK = 50_000_000


def write_texts(path: Path, n: int, characters: int, seed: int = 0) -> None:
    """Write texts of random words to a Parquet file."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng = np.random.default_rng(seed)
    words = np.array(["".join(rng.choice(list(LETTERS), size)) for size in rng.integers(2, 10, WORDS)])
    shares = np.cumsum(1 / (np.arange(WORDS) + SKEW))
    schema = pa.schema({"id": pa.string(), "text": pa.string()})
    size, rows = characters // 7 + 1, max(1, CHUNK // characters)
    with pq.ParquetWriter(path, schema) as writer:
        for start in range(0, n, rows):
            drawn = np.searchsorted(shares, rng.random((min(rows, n - start), size)) * shares[-1])
            texts = [" ".join(words[row].tolist())[:characters] for row in drawn]
            ids = [f"r{start + row}" for row in range(len(texts))]
            writer.write_table(pa.table({"id": ids, "text": texts}, schema))


def used() -> float:
    """Return the CPU seconds of this process and its children."""
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in both)


def first_labels(folder: Path, file: Path) -> None:
    """From a file to labels of all records, with ten manual labels."""
    import weaklab

    with weaklab.Project(folder, labels=list(LABELS), annotator="Ann", timeout=None, retrain_every=0) as project:
        project.add_records(file)
        project.weak_classifier("naive_bayes")
        for row, ask in enumerate(project.ask(10)):
            project.label(ask, LABELS[row % 2])
        project.run(progress=False)
        assert len(project.labels()) == len(project)


def trained(folder: Path, file: Path) -> None:
    """Make a project that can label other files."""
    import weaklab

    with weaklab.Project(folder, labels=list(LABELS), annotator="Ann", timeout=None, retrain_every=0) as project:
        project.add_records(file)
        project.add(weaklab.keywords("spam", ["prize", "ab"], name="spam_words"))
        project.add(weaklab.keywords("ham", ["lunch", "cd"], name="ham_words"))
        project.weak_classifier("naive_bayes")
        project.label_many({f"r{row}": LABELS[row % 2] for row in range(40)})
        project.run(progress=False)


def labeled(folder: Path, file: Path, out: Path) -> None:
    """Label a file with one worker."""
    import weaklab

    with weaklab.Project(folder, annotator="Ann") as project:
        frozen = project.freeze()
    from weaklab.batch import label_files

    label_files(frozen, file, out, workers=1)


def one(task: str, folder: Path, file: Path, limit: int) -> dict[str, float]:
    """Run a task once in this process."""
    stopped = False
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))

    def stop(*_: Any) -> None:
        raise TimeoutError

    signal.signal(signal.SIGXCPU, stop)
    shutil.rmtree(folder / "out", ignore_errors=True)
    if task == "batch" and not (folder / "project").exists():
        write_texts(folder / "few.parquet", FEW, SIZES["batch"][1], seed=1)
        trained(folder / "project", folder / "few.parquet")
    start, clock = used(), time.perf_counter()
    try:
        if task == "long":
            first_labels(folder / "out", file)
        else:
            labeled(folder / "project", file, folder / "out")
    except TimeoutError:
        stopped = True
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"cpu": used() - start, "wall": time.perf_counter() - clock, "peak": peak, "stopped": stopped}


def line(name: str, runs: list[dict[str, float]], n: int) -> str:
    """Return what is printed of a checkout."""
    cpu = statistics.median(run["cpu"] for run in runs)
    if any(run["stopped"] for run in runs):
        return f"{name}: not finished after {cpu:.0f} s of CPU time"
    wall, peak = statistics.median(run["wall"] for run in runs), max(run["peak"] for run in runs)
    return (
        f"{name}: {cpu:.2f} s of CPU time, {wall:.2f} s; {n / cpu:,.0f} records a CPU second; peak {peak / 1e9:.2f} GB"
    )


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", help="folder of another checkout")
    parser.add_argument("task", choices=SIZES)
    parser.add_argument("--records", type=int, metavar="N", help="as many records; by default as said above")
    parser.add_argument("--turns", type=int, default=1)
    parser.add_argument("--limit", type=int, default=400, metavar="SECONDS")
    parser.add_argument("--one", nargs=2, type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.one:
        with contextlib.redirect_stdout(io.StringIO()):
            found = one(options.task, *options.one, options.limit)
        print(json.dumps(found))
        return
    from benchmarks.checkouts import ROOT, checkout, run_with

    n, characters = options.records or SIZES[options.task][0], SIZES[options.task][1]
    places = {"old": checkout(options.old), "new": ROOT}
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in places}
    with tempfile.TemporaryDirectory() as temporary:
        file = Path(temporary) / "texts.parquet"
        write_texts(file, n, characters)
        for turn in range(options.turns):
            for name in list(places)[:: 1 if turn % 2 == 0 else -1]:
                folder = Path(temporary) / name
                folder.mkdir(exist_ok=True)
                given = [options.old, options.task, "--limit", options.limit, "--one", folder, file]
                runs[name].append(json.loads(run_with(places[name], __file__, *given)))
    for name, found in runs.items():
        print(line(name, found, n))
    ratio = statistics.median(run["cpu"] for run in runs["old"]) / statistics.median(run["cpu"] for run in runs["new"])
    print(f"old / new: {ratio:.2f}")


if __name__ == "__main__":
    main()
