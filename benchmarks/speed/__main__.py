"""weaklab beside its peers: the CPU time of both, measured in turns in one process with one thread, and the ratio.

    python -m benchmarks.speed --json FILE                    # all rows, tens of minutes
    python -m benchmarks.speed --quick                        # the same rows on fewer records, about a minute
    python -m benchmarks.speed lf_declared turn_nb_1e5        # only these
    python -m benchmarks.speed scaling_rows scaling_lfs --plot FILE.png

Times are medians of five, children included; a peer whose run takes more than 20 seconds is repeated for a minute. The
ratio is the peer's CPU time over weaklab's, its spread that of the ratios of the single turns. One run of each side
before the clock starts pays for imports and compilers (``first`` in the JSON is weaklab's) and is checked: both sides
give the votes of a plain Python loop, or weaklab is right on the planted truth no less often, to two standard errors of
the difference. A row that fails its check has no figures, and the program ends with status 1. Memory is what a fresh
process takes beside its input. The data are made up from fixed seeds.

JSON: {row: {"ratio", "spread": [low, high], "weaklab": seconds, "peer": seconds, "peer_name", "memory_ratio", "n",
...}}.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMBA_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "POLARS_MAX_THREADS",
    "RAYON_NUM_THREADS",
)
"""What tells libraries, before they are imported, to use one thread."""


def run(name: str, n: int) -> dict[str, Any]:
    """Measure a row over n records; a check that fails is an error and no figures."""
    from threadpoolctl import threadpool_limits

    from benchmarks.speed.measure import CheckError
    from benchmarks.speed.rows import ROWS

    wanted = ROWS[name]
    start = time.perf_counter()
    try:
        with threadpool_limits(1):
            found = wanted.work(n)
    except CheckError as error:
        return {"error": str(error), "n": n, "reached": False}
    found = {"memory_ratio": None, **found, "n": n, "goal": wanted.wanted(), "took": time.perf_counter() - start}
    return {**found, "reached": wanted.reached(found)}


def line(name: str, found: Mapping[str, Any]) -> str:
    """Return a row as it is printed."""
    if "error" in found:
        return f"{name:<29} n={found['n']:<10,} ERROR {found['error']}"
    ratio = (
        "none"
        if found["ratio"] is None
        else f"{found['ratio']:.3g} [{found['spread'][0]:.3g}, {found['spread'][1]:.3g}]"
    )
    memory = "" if found["memory_ratio"] is None else f", memory {found['memory_ratio']:.3g}"
    peer = "-" if found["peer"] is None else f"{found['peer']:.3g} s"
    return (
        f"{name:<29} n={found['n']:<10,} ratio {ratio}{memory}  goal {found['goal']}  "
        f"{'reached' if found['reached'] else 'MISSED'}\n"
        f"    weaklab {found['weaklab']:.3g} s, {found['peer_name']} {peer}"
        + (f"; {found['note']}" if found.get("note") else "")
    )


def write(file: Path | None, found: Mapping[str, Any]) -> None:
    """Write the figures so far, so that those of finished rows are there if a later one fails."""
    if file:
        file.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def arguments_of(given: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    from benchmarks.speed import label_models, pipeline, scaling, turns, votes  # noqa: F401 - they register their rows
    from benchmarks.speed.rows import ROWS

    parser = argparse.ArgumentParser(
        "python -m benchmarks.speed", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"only these of {', '.join(ROWS)}; by default all")
    parser.add_argument("--json", type=Path, metavar="FILE", help="file for the figures, written after every row")
    parser.add_argument(
        "--quick", action="store_true", help="fewer records: about a minute, and ratios that are only a hint"
    )
    parser.add_argument("--records", type=int, metavar="N", help="so many records in every row, to try something out")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="picture of the two rows of growth")
    arguments = parser.parse_args(given)
    unknown = [name for name in arguments.rows if name not in ROWS]
    if unknown:
        parser.error(f"no row named {unknown[0]!r}; there are {', '.join(ROWS)}")
    for option, file in (("--json", arguments.json), ("--plot", arguments.plot)):
        if file and not file.absolute().parent.is_dir():
            parser.error(f"{option} {file}: there is no folder {file.parent}")
    return arguments


def main(given: Sequence[str] | None = None) -> int:
    """Measure, print and write; return 1 if a check failed."""
    arguments = arguments_of(given)
    from benchmarks.speed import scaling
    from benchmarks.speed.rows import ROWS

    found: dict[str, Any] = {}
    for name in arguments.rows or ROWS:
        size = arguments.records or (ROWS[name].quick if arguments.quick else ROWS[name].n)
        found[name] = run(name, size)
        if size != ROWS[name].n and "error" not in found[name]:
            note = f"{size:,} records rather than {ROWS[name].n:,}"
            found[name]["note"] = "; ".join(filter(None, [found[name].get("note"), note]))
        print(line(name, found[name]), flush=True)
        write(arguments.json, found)
    if arguments.plot:
        scaling.plot(found, arguments.plot)
    failed = [name for name, each in found.items() if "error" in each]
    print(
        f"{sum(each['reached'] for each in found.values())} of {len(found)} goals reached; {len(failed)} checks failed"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    if any(os.environ.get(name) != "1" for name in THREADS):
        again = [sys.executable, "-m", "benchmarks.speed", *sys.argv[1:]]
        raise SystemExit(subprocess.run(again, env={**os.environ, **dict.fromkeys(THREADS, "1")}).returncode)
    raise SystemExit(main())
