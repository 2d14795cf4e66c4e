"""Rows of the growth: what votes and the label model cost as records and as labeling functions become more, beside
themselves.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

import weaklab
from benchmarks.speed import functions
from benchmarks.speed.label_models import fit_weaklab, planted
from benchmarks.speed.measure import REPEATS, noted, timed
from benchmarks.speed.pipeline import write_texts
from benchmarks.speed.rows import row, slope
from benchmarks.speed.texts import frame, vocabulary
from benchmarks.speed.votes import committee_of, vote

LEAST_ROWS, ROWS_A_DECADE = 10_000, 2
LFS = (10, 32, 100, 316, 1000)
LINEAR = 1.05
"""The largest slope that counts as linear: times repeat to a few percent, which moves a slope over three decades by
hundredths."""
PATIENCE = 120.0
"""Seconds that the next point may be expected to take; the curve ends before it otherwise."""
BRIEF = 2.0
"""Calls that take less are timed five times."""
CURVES = ("votes", "label_model")


def curve(sizes: Iterable[int], call_at: Callable[[int], Callable[[], Any]]) -> dict[str, Any]:
    """Return sizes, CPU seconds and slope of a call as it grows; the call is run once before at the size in the
    middle.
    """
    sizes = list(sizes)
    call_at(sizes[len(sizes) // 2])()
    done: list[int] = []
    seconds: list[float] = []
    for size in sizes:
        if done and seconds[-1] * size / done[-1] > PATIENCE:
            break
        work = call_at(size)
        taken = [timed(work)[0].cpu]
        if taken[0] < BRIEF:
            taken = [timed(work)[0].cpu for _ in range(REPEATS)]
        done.append(size)
        seconds.append(statistics.median(taken))
    return {"sizes": done, "seconds": seconds, "slope": slope(done, seconds)}


def of_curves(curves: Mapping[str, dict[str, Any]], wanted: int, unit: str) -> dict[str, Any]:
    """Return a row: the steepest slope, and what the largest size would cost at the price of the smallest, over what it
    costs.
    """
    costs = {name: each["seconds"][-1] for name, each in curves.items()}
    linear = {name: each["seconds"][0] * each["sizes"][-1] / each["sizes"][0] for name, each in curves.items()}
    ratios = {name: linear[name] / costs[name] for name in curves}
    worst = min(ratios, key=lambda name: ratios[name])
    found = {
        "ratio": ratios[worst],
        "spread": [min(ratios.values()), max(ratios.values())],
        "weaklab": costs[worst],
        "peer": linear[worst],
        "peer_name": f"itself at the price of {curves[worst]['sizes'][0]:,} {unit}",
        "slope": max(each["slope"] for each in curves.values()),
        "curves": dict(curves),
    }
    for name, each in curves.items():
        found = noted(found, f"{name}: slope {each['slope']:.2f}, {each['seconds'][-1]:.3g} s at {each['sizes'][-1]:,}")
        if each["sizes"][-1] < wanted:
            found = noted(found, f"{name} ends there, the next point would take more than {PATIENCE:.0f} s")
    return found


@row("scaling_rows", n=10_000_000, quick=100_000, goal=LINEAR, figure="slope", at_most=True)
def scaling_rows(n: int) -> dict[str, Any]:
    """Twenty functions over a Parquet file of 10,000 to n texts; the label model over as many votes of ten
    functions.
    """
    least = min(LEAST_ROWS, n // 10)
    points = 1 + round(ROWS_A_DECADE * np.log10(n / least))
    sizes = [round(size) for size in np.geomspace(least, n, points)]
    committee = committee_of(functions.declared())
    with tempfile.TemporaryDirectory() as folder:

        def voting(size: int) -> Callable[[], Any]:
            path = Path(folder) / "texts.parquet"
            write_texts(size, path)
            return lambda: vote(committee, weaklab.read(path))()

        def fitting(size: int) -> Callable[[], Any]:
            L, _ = planted(size, 10, 2, "mixed")
            return lambda: fit_weaklab(L, 2)

        return of_curves({"votes": curve(sizes, voting), "label_model": curve(sizes, fitting)}, n, "records")


def many_functions(m: int, seed: int = 0) -> list[Any]:
    """Return m declared functions: of twenty, ten are lists of 3 to 40 keywords, six regular expressions, four
    counts.
    """
    from weaklab.heuristics import col, where

    rng = np.random.default_rng(seed)
    words = [word for word in vocabulary() if word.isascii()]
    found: list[Any] = []
    for j in range(m):
        label = functions.LABELS[j % 2]
        drawn = [words[at] for at in rng.choice(len(words), rng.integers(3, 41), replace=False)]
        if j % 20 < 10:
            found.append(weaklab.keywords(label, drawn, name=f"lf_{j}"))
        elif j % 20 < 16:
            found.append(weaklab.pattern(label, rf"\b(?:{drawn[0]}|{drawn[1]})\b|\b{j}(?:th|%)", name=f"lf_{j}"))
        else:
            found.append(where(label, col("text").count(drawn[0][:3]) >= 2, name=f"lf_{j}"))
    return found


@row("scaling_lfs", n=20_000, quick=1_000, goal=LINEAR, figure="slope", at_most=True)
def scaling_lfs(n: int) -> dict[str, Any]:
    """Ten to a thousand functions over n texts, and the label model over their votes for one of four classes each."""
    data, _ = frame(n)
    members = many_functions(LFS[-1])

    def voting(m: int) -> Callable[[], Any]:
        return vote(committee_of(members[:m]), data)

    def fitting(m: int) -> Callable[[], Any]:
        L, _ = planted(n, m, 4, "oneclass")
        return lambda: fit_weaklab(L, 4)

    return of_curves({"votes": curve(LFS, voting), "label_model": curve(LFS, fitting)}, LFS[-1], "functions")


def plot(found: Mapping[str, dict[str, Any]], path: Path) -> None:
    """Draw the curves of both rows on logarithmic axes, each beside the line of a cost that grows in proportion."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    names = [name for name in ("scaling_rows", "scaling_lfs") if "curves" in found.get(name, {})]
    if not names:
        return
    figure, axes = plt.subplots(1, len(names), figsize=(5 * len(names), 4), squeeze=False)
    for name, ax in zip(names, axes[0], strict=True):
        for at, (what, each) in enumerate(found[name]["curves"].items()):
            sizes, seconds = np.array(each["sizes"]), np.array(each["seconds"])
            ax.loglog(
                sizes, seconds, "o-", color=f"C{at}", label=f"{what.replace('_', ' ')}, slope {each['slope']:.2f}"
            )
            ax.loglog(sizes, seconds[0] * sizes / sizes[0], ":", color=f"C{at}")
        ax.set_xlabel("records" if name == "scaling_rows" else "labeling functions")
        ax.set_ylabel("CPU seconds (dotted: in proportion)")
        ax.legend()
    figure.tight_layout()
    figure.savefig(path)
    plt.close(figure)
