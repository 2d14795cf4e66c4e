"""The clock: two sides in turns, CPU time of this process and its children, peak memory in a process of its own."""

from __future__ import annotations

import gc
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

REPEATS = 5
SLOW_SECONDS = 20.0
"""A peer whose first run takes longer is measured for about a minute rather than five times."""
QUIET_SECONDS, QUIET_SHARE = 0.02, 0.1
"""Work that goes on behind a call is waited for, and counted, until no more than a tenth of so many seconds is CPU
time."""
ROOT = Path(__file__).resolve().parents[2]
STATUS = Path("/proc/self/status")


class CheckError(Exception):
    """The two sides do not do the same, so that there is no ratio."""


class Time(NamedTuple):
    """Seconds of CPU time, children included, and by the clock."""

    cpu: float
    wall: float


def cpu_seconds() -> float:
    """Return the CPU time of this process and of all the children that it has or had."""
    import psutil

    below = 0.0
    for child in psutil.Process().children(recursive=True):
        try:
            below += sum(child.cpu_times()[:4])
        except psutil.Error:  # it has just ended
            continue
    had = resource.getrusage(resource.RUSAGE_CHILDREN)
    return below + had.ru_utime + had.ru_stime + time.process_time()


def timed(work: Callable[[], Any]) -> tuple[Time, Any]:
    """Return how long a call takes, and what it returns; what it leaves running behind is waited for and charged to
    it.
    """
    gc.collect()
    start = cpu_seconds()
    own, clock = time.process_time(), time.perf_counter()
    found = work()
    own, clock = time.process_time() - own, time.perf_counter() - clock
    while True:
        before = time.process_time()
        time.sleep(QUIET_SECONDS)
        behind = time.process_time() - before
        if behind < QUIET_SHARE * QUIET_SECONDS:
            break
        own += behind
    others = cpu_seconds() - start - own
    return Time(own + (others if others > QUIET_SECONDS else 0.0), clock), found


def summary(ours: list[Time], theirs: list[Time], name: str, scale: float = 1.0) -> dict[str, Any]:
    """Return the figures of a row; the peer's times count ``scale`` times."""
    cpu = [one.cpu for one in ours]
    peer = [scale * one.cpu for one in theirs]
    ratios = [peer[at % len(peer)] / one for at, one in enumerate(cpu)]
    wall = statistics.median(scale * one.wall for one in theirs) / statistics.median(one.wall for one in ours)
    return {
        "ratio": statistics.median(peer) / statistics.median(cpu),
        "spread": [min(ratios), max(ratios)],
        "weaklab": statistics.median(cpu),
        "peer": statistics.median(peer),
        "peer_name": name,
        "wall": {
            "ratio": wall,
            "weaklab": statistics.median(one.wall for one in ours),
            "peer": statistics.median(scale * one.wall for one in theirs),
        },
        "repeats": [len(ours), len(theirs)],
    }


def beside(
    ours: Callable[[], Any],
    theirs: Callable[[], Any],
    name: str,
    check: Callable[[Any, Any], None],
    repeats: int = REPEATS,
    scale: float = 1.0,
) -> dict[str, Any]:
    """Measure two calls in turns, after one of each that is not counted and whose results are checked.

    A slow peer's first call is counted, and those after it stop after a minute.

    Raises
    ------
    CheckError
        ``check`` says that the two do not do the same.
    """
    first, mine = timed(ours)
    slow, peers = timed(theirs)
    check(mine, peers)
    del mine, peers
    of_peer = repeats if slow.cpu <= SLOW_SECONDS else max(1, min(repeats, int(3 * SLOW_SECONDS / slow.cpu)))
    taken_ours: list[Time] = []
    taken_theirs = [slow] if slow.cpu > SLOW_SECONDS else []
    for _ in range(repeats):
        taken_ours.append(timed(ours)[0])
        if len(taken_theirs) < of_peer:
            taken_theirs.append(timed(theirs)[0])
    row = {**summary(taken_ours, taken_theirs, name, scale), "first": first.cpu}
    return noted(row, f"peer measured {of_peer} times") if of_peer < repeats else row


def noted(row: dict[str, Any], note: str) -> dict[str, Any]:
    """Return a row with one more remark."""
    return {**row, "note": "; ".join(filter(None, [row.get("note"), note]))}


def check_votes(found: Any, wanted: np.ndarray, who: str) -> None:
    """Raise CheckError where votes differ from what they ought to be, int (n, m)."""
    found = np.asarray(found)
    if not np.array_equal(found, wanted):
        where = "its shape" if found.shape != wanted.shape else f"{int((found != wanted).sum()):,} votes"
        raise CheckError(f"{who} differs from plain Python in {where}")


def right(P: Any, truth: np.ndarray) -> np.ndarray:
    """Return float (n,), 1 where the most probable class is the true one, 1 / t where t classes are tied and it is one
    of them.
    """
    P = np.asarray(P)
    best = P.max(axis=1, keepdims=True) - P < 1e-9
    return np.asarray(best[np.arange(len(P)), truth] / best.sum(axis=1))


SAME = 0.001
"""A tenth of a point of accuracy is no difference that anybody would notice."""


def check_accuracy(ours: np.ndarray, theirs: np.ndarray, who: str) -> None:
    """Raise CheckError where ours is right less often, float (n,) each.

    Less often means by a tenth of a point or more, and by more than two standard errors of the paired difference.
    """
    difference = ours - theirs
    if difference.mean() < -max(SAME, 2 * difference.std() / len(difference) ** 0.5):
        raise CheckError(f"weaklab is right on {ours.mean():.2%} of the records, {who} on {theirs.mean():.2%}")


def reset_peak() -> None:
    """Let the peak begin anew at what is held now, where the system can do that."""
    if STATUS.exists():
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def peak_now() -> int:
    """Return the most memory this process has held at once, in bytes."""
    if STATUS.exists():
        return 1024 * int(STATUS.read_text(encoding="ascii").split("VmHWM:")[1].split()[0])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def in_child(module: str, *arguments: str, limit: int | None = None) -> dict[str, Any]:
    """Return the JSON that a module prints in a fresh process, which may have no more than ``limit`` bytes.

    A process that fails returns ``{"error": ...}``.
    """

    def restrict() -> None:
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env=os.environ,
        capture_output=True,
        text=True,
        preexec_fn=restrict if limit is not None else None,
    )
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or [f"ended with {done.returncode}"]
        return {"error": last[0]}
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))
