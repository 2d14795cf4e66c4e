"""Whether the intervals of precision, recall, F1 and the confusion matrix hold the truth, on simulated projects.

    python -m benchmarks.class_quality                       # 500 projects of 150 labels, one class of 3 % in each
    python -m benchmarks.class_quality --random --labels 400 # all drawn at random: more is shown
    python -m benchmarks.class_quality --projects 40 --json FILE

The projects are those of :mod:`benchmarks.audit` with at most 1,200 records, but one of their classes has 3 % of the
records, and the committee trains every 50 labels. ``shown`` are the figures that a project would show; ``covers`` says
how many of their 95 % intervals hold the truth, and ``all cover`` says it of all intervals, shown or not.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.audit import BATCH, Loop, Planted, plant
from weaklab.core.labels import ABSTAIN
from weaklab.core.rows import is_tied, one_thread
from weaklab.evaluation.audit import LEAST_ANSWERS, Estimate, Sample
from weaklab.evaluation.class_figures import JudgedLabels
from weaklab.evaluation.label_quality import FIGURES, confusion_counts, exact_figures

RARE, LABELS = 0.03, 150
EVERY, FOLDS, MOST_RECORDS = 50, 10, 1200


@dataclass
class LoopAnswers:
    """The answers of a loop, as :class:`JudgedLabels` takes them."""

    loop: Loop

    @property
    def all_rows(self) -> np.ndarray:
        return np.array(self.loop.order)

    @property
    def all_codes(self) -> np.ndarray:
        return self.loop.y[self.loop.order]

    @property
    def strata(self) -> np.ndarray:
        return np.array([len(self.loop.y)])

    def parts(self) -> list[tuple[int, np.ndarray, Sample]]:
        return [(len(self.loop.y), np.ones(len(self.loop.order), dtype=bool), self.loop.sample)]


def codes(P: np.ndarray) -> np.ndarray:
    return np.where(is_tied(P), ABSTAIN, P.argmax(axis=1))


def judge(loop: Loop) -> list[tuple[str, bool, float, float, float, float]]:
    """Return (what, shown, truth, value, low, high) of every figure of every class and of the confusion matrix."""
    d, k = loop.data, loop.data.k
    labels, held = codes(loop.P), codes(loop.cross_fitted(FOLDS))
    exported = labels.copy()
    exported[loop.order] = loop.y[loop.order]
    counts = confusion_counts(d.gold, exported, k)
    judged = JudgedLabels(labels, held, LoopAnswers(loop), exported=True)  # type: ignore[arg-type]
    exact, found = exact_figures(counts), []
    for code in range(k):
        kind = "rare class" if code == k - 1 else "other classes"
        figures = judged.of_class(code)
        truths = {name: float(exact[name][code]) for name in FIGURES} | {"records": counts[code].sum() / len(d.gold)}
        for name, truth in truths.items():
            estimate: Estimate = getattr(figures, name)
            found.append((f"{name}, {kind}", estimate.known, truth, estimate.value, estimate.low, estimate.high))
        for label in range(k):
            cell = judged.cell(code, label)
            shown = cell.n_audit >= LEAST_ANSWERS
            truth = float(counts[code, label])
            found.append((f"confusion matrix, {kind}", shown, truth, cell.value, cell.low, cell.high))
    return found


def with_rare_class(data: Planted, share: float) -> Planted:
    """Return the planted project without most records of its last class, which keeps this share."""
    rng = np.random.default_rng(data.seed)
    last = data.gold == data.gold.max()
    keep = max(1, round(share / (1 - share) * min(int((~last).sum()), MOST_RECORDS)))
    rows = np.concatenate([np.flatnonzero(~last)[:MOST_RECORDS], rng.permutation(np.flatnonzero(last))[:keep]])
    return Planted(data.gold[rows], data.L[rows], data.X[rows], data.classifier, data.random_share, data.seed)


def labeled(seed: int, labels: int = LABELS, rare: float = RARE) -> Loop:
    """Return a loop after some labels."""
    loop = SlowLoop(with_rare_class(plant(seed), rare))
    while len(loop.order) < labels:
        loop.step()
    return loop


def drawn(seed: int, labels: int, rare: float = RARE) -> Loop:
    """Return a loop whose labels were all drawn at random, 50 in each batch."""
    loop = SlowLoop(with_rare_class(plant(seed), rare))
    loop.order = np.random.default_rng(seed).permutation(len(loop.y))[:labels].tolist()
    loop.at_random, loop.turn = [True] * len(loop.order), (np.arange(len(loop.order)) // EVERY).tolist()
    loop.y[loop.order] = loop.data.gold[loop.order]
    loop.train()
    return loop


class SlowLoop(Loop):
    """A loop that trains after every 50 labels, not after every batch."""

    def train(self) -> None:
        if len(self.order) % EVERY == 0:
            super().train()


def run(projects: int, labels: int = LABELS, random: bool = False) -> dict[str, dict[str, float]]:
    """Return how often intervals hold the truth, by what they are of."""
    found = figures(range(projects), labels, random)
    return {what: _covered(rows) for what, rows in sorted(found.items())}


def figures(seeds: Iterable[int], labels: int, random: bool) -> dict[str, list[list[Any]]]:
    """Return what :func:`judge` finds in several projects."""
    found = defaultdict(list)
    for seed in seeds:
        with one_thread():
            judged = judge(drawn(seed, labels) if random else labeled(seed, labels))
        for what, *rest in judged:
            found[what].append(rest)
    return found


def _covered(rows: list[list[Any]]) -> dict[str, float]:
    rows = [row for row in rows if not np.isnan(row[1])]
    held = [low - 1e-6 <= truth <= high + 1e-6 for _, truth, _, low, high in rows]
    shown = [row for row in rows if row[0]]
    inside = [inside for inside, row in zip(held, rows, strict=True) if row[0]]
    return {
        "figures": len(rows),
        "shown": len(shown),
        "covers": float(np.mean(inside)) if shown else float("nan"),
        "all_cover": float(np.mean(held)),
        "width": float(np.median([high - low for *_, low, high in shown])) if shown else float("nan"),
        "mean_error": float(np.mean([value - truth for _, truth, value, *_ in shown])) if shown else float("nan"),
    }


def main() -> None:
    """Parse the arguments, run, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--projects", type=int, default=500)
    parser.add_argument("--labels", type=int, default=LABELS, help=f"manual labels, a multiple of {BATCH}")
    parser.add_argument("--random", action="store_true", help="draw all labels at random")
    parser.add_argument("--json", type=Path, help="where to write the numbers")
    arguments = parser.parse_args()
    start = time.perf_counter()
    found = run(arguments.projects, arguments.labels, arguments.random)
    print(f"{arguments.projects} projects, {arguments.labels} labels each, one class of {RARE:.0%}; 95 % intervals")
    print(f"{'':<34}{'figures':>9}{'shown':>8}{'covers':>9}{'all cover':>11}{'width':>9}{'error':>9}")
    for what, row in found.items():
        cells = f"{row['figures']:>9.0f}{row['shown']:>8.0f}{row['covers']:>9.1%}{row['all_cover']:>11.1%}"
        print(f"{what:<34}{cells}{row['width']:>9.3g}{row['mean_error']:>+9.3g}")
    print(f"{time.perf_counter() - start:.0f} s")
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
