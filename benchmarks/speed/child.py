"""One label model alone in a process: its CPU seconds, and the most memory that it takes beside the votes."""

from __future__ import annotations

import json
import sys

import numpy as np

from benchmarks.speed.label_models import SIDES
from benchmarks.speed.measure import peak_now, reset_peak, right, timed

WARM_UP = 50_000
"""Records of a run before, so that neither imports nor compilers count."""


def main(side: str, votes: str, truth: str, classes: str) -> None:
    """Read the files, fit and predict, and print the figures."""
    import psutil

    L, y, k = np.load(votes), np.load(truth), int(classes)
    SIDES[side](L[: min(WARM_UP, len(L) // 2)], k)
    reset_peak()
    start = psutil.Process().memory_info().rss
    seconds, P = timed(lambda: SIDES[side](L, k))
    memory = max(0, peak_now() - start)
    credit = right(P, y)
    del P
    figures = {
        "cpu": seconds.cpu,
        "wall": seconds.wall,
        "memory": memory,
        "right": float(credit.mean()),
        "error_of_right": float(credit.std() / len(credit) ** 0.5),
        "majority": float(right(np.stack([(c == L).sum(axis=1, dtype=np.int16) for c in range(k)], axis=1), y).mean()),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main(*sys.argv[1:])
