"""How the CPU time of a project's operations grows with its records and with its labeling functions.

    python -m benchmarks.growth                                     # 10,000 to 1,000,000 records, 10 to 3,000 functions
    python -m benchmarks.growth --records 10000,100000 --functions 10,100 --json FILE

Each size is a project of its own in a new process: short texts with two labels, one record in twenty labeled by hand,
functions of :func:`benchmarks.speed.scaling.many_functions` and the label model. With records twenty functions are
used, with functions 20,000 records. ``run`` votes on all records and trains; ``ask``, ``label`` and ``status`` are
second calls, medians of five; ``batch`` labels a Parquet file of as many records with one worker. Modules are loaded
and loops compiled before. The slope is that of a line through the logarithms.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

RECORDS, FUNCTIONS = (10_000, 31_623, 100_000, 316_228, 1_000_000), (10, 32, 100, 316, 1_000, 3_000)
FIXED_RECORDS, FIXED_FUNCTIONS = 20_000, 20
STEPS = ("run", "ask", "label", "status", "batch")
REPEATS = 5
LABELED = 20
"""One record in so many has a manual label."""
WARM = 3_000


def used() -> float:
    """Return the CPU seconds of this process and its children."""
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in both)


def timed(call: Callable[[], Any]) -> float:
    """Return the CPU seconds of a call."""
    start = used()
    call()
    return used() - start


def steps(folder: Path, n: int, m: int) -> dict[str, float]:
    """Build a project and return the CPU seconds of its operations."""
    import weaklab
    from benchmarks.speed.functions import LABELS
    from benchmarks.speed.pipeline import write_texts
    from benchmarks.speed.scaling import many_functions
    from weaklab.batch import label_files

    file = folder / "texts.parquet"
    truth = write_texts(n, file)
    found: dict[str, float] = {}
    with weaklab.Project(folder / "p", labels=list(LABELS), annotator="Ann", timeout=None, retrain_every=0) as project:
        project.add_records(file)
        for heuristic in many_functions(m):
            project.add(heuristic)
        rows = range(0, n, LABELED)
        project.label_many({f"r{row}": LABELS[truth[row]] for row in rows})
        found["run"] = timed(lambda: project.run(progress=False))
        asks = project.ask(REPEATS)
        found["ask"] = statistics.median(timed(lambda: project.ask(10)) for _ in range(REPEATS))
        found["label"] = statistics.median(timed(lambda ask=ask: project.label(ask, LABELS[0])) for ask in asks)
        project.run(progress=False)
        project.status()
        found["status"] = statistics.median(timed(project.status) for _ in range(REPEATS))
        frozen = project.freeze()
    found["batch"] = timed(lambda: label_files(frozen, file, folder / "out", workers=1))
    return found


def child(n: int, m: int) -> dict[str, float]:
    """Measure one size in this process, after a small project that loads and compiles what is needed."""
    with contextlib.redirect_stdout(io.StringIO()), tempfile.TemporaryDirectory() as temporary:
        for name, size, functions in (("warm", WARM, FIXED_FUNCTIONS), ("measured", n, m)):
            folder = Path(temporary) / name
            folder.mkdir()
            found = steps(folder, size, functions)
            shutil.rmtree(folder)
    return found


def curve(sizes: list[int], call: Callable[[int], list[str]]) -> list[dict[str, float]]:
    """Measure every size in a process of its own."""
    found = []
    for size in sizes:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.growth", "--one", *call(size)], capture_output=True, text=True
        )
        if done.returncode:
            raise SystemExit(done.stderr.strip().splitlines()[-1])
        found.append(json.loads(done.stdout))
        print(f"{size:>12,} " + " ".join(f"{found[-1][step]:>9.4f}" for step in STEPS), flush=True)
    return found


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, sizes in (("records", RECORDS), ("functions", FUNCTIONS)):
        parser.add_argument(f"--{name}", default=",".join(map(str, sizes)), metavar="N,N,...", help="empty for none")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--one", nargs=2, type=int, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.one:
        print(json.dumps(child(*options.one)))
        return
    from benchmarks.speed.rows import slope

    all_found: dict[str, Any] = {}
    for what, given in (("records", options.records), ("functions", options.functions)):
        sizes = [int(size) for size in given.split(",") if size]
        if not sizes:
            continue
        print(f"{what:>12} " + " ".join(f"{step:>9}" for step in STEPS))
        found = curve(
            sizes,
            lambda size, what=what: [
                str(part) for part in ((size, FIXED_FUNCTIONS) if what == "records" else (FIXED_RECORDS, size))
            ],
        )
        slopes = {step: slope(sizes, [each[step] for each in found]) for step in STEPS}
        print(f"{'slope':>12} " + " ".join(f"{slopes[step]:>9.2f}" for step in STEPS))
        all_found[what] = {"sizes": sizes, "seconds": found, "slopes": slopes}
    if options.json:
        options.json.write_text(json.dumps(all_found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
