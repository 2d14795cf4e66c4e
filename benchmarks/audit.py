"""Whether the intervals of audit estimates hold the truth, and what a stop costs, on simulated projects.

    python -m benchmarks.audit                        # 200 projects of 100 labels; every tenth goes on to 200
    python -m benchmarks.audit --projects 40 --json FILE

A project has 500 to 3,000 records, 2 to 5 classes, labeling functions of planted accuracy, and Naive Bayes or logistic
regression on planted words; a fifth of the records is hard for all of them. It labels batches of ten by margin, 20 to
30 % of them at random.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from weaklab import WeakClassifier
from weaklab.classifiers import folds_of
from weaklab.core.labels import ABSTAIN, LabelNames
from weaklab.core.votes import Votes
from weaklab.evaluation.analysis import expected_accuracy, wilson_interval
from weaklab.evaluation.audit import Estimate, Sample, estimate_accuracy, estimate_exported, estimate_precision
from weaklab.evaluation.forecast import EXTRA, forecast, kappa, stopping_signal
from weaklab.label_models import CommitteeModel
from weaklab.scheduling.scheduler import Pool, Scheduler

BATCH, MEASURED, LONGEST = 10, 100, 200
WORDS, WORDS_A_RECORD = 400, 14
FOLDS, CURVE_FOLDS = 20, 5


@dataclass
class Planted:
    """A corpus with its truth: ``gold`` int (n,), votes ``L`` int8 (n, m), word counts ``X`` (n, d)."""

    gold: np.ndarray
    L: np.ndarray
    X: Any
    classifier: str
    random_share: float
    seed: int

    @property
    def k(self) -> int:
        return int(self.gold.max()) + 1


def plant(seed: int) -> Planted:
    """Draw a corpus; on hard records functions are right as often as chance would, and words come from two classes."""
    rng = np.random.default_rng(seed)
    n, k, m = int(rng.integers(500, 3001)), int(rng.integers(2, 6)), int(rng.integers(4, 11))
    gold = rng.choice(k, n, p=rng.dirichlet(np.full(k, 5.0)))
    gold[:k] = np.arange(k)
    hard = rng.random(n) < 0.2
    other = (gold + rng.integers(1, k, n)) % k
    accuracy, coverage = rng.uniform(0.6, 0.98, m), rng.uniform(0.05, 0.6, m)
    right = rng.random((n, m)) < np.where(hard[:, None], 1 / k, accuracy)
    L = np.where(rng.random((n, m)) < coverage, np.where(right, gold[:, None], other[:, None]), ABSTAIN).astype(np.int8)
    topics = rng.dirichlet(np.full(WORDS, 0.15), k)
    common = rng.dirichlet(np.full(WORDS, 0.5))
    lean = np.where(hard, 0.5, 1.0)[:, None]
    mix = 0.5 * (lean * topics[gold] + (1 - lean) * topics[other]) + 0.5 * common
    words = (
        (rng.random((n, WORDS_A_RECORD))[:, :, None] > mix.cumsum(axis=1)[:, None, :]).sum(axis=2).clip(max=WORDS - 1)
    )
    rows = np.repeat(np.arange(n), WORDS_A_RECORD)
    X = csr_matrix((np.ones(rows.size), (rows, words.ravel())), shape=(n, WORDS))
    return Planted(
        gold, L, X, "logistic_regression" if seed % 10 == 5 else "naive_bayes", float(rng.uniform(0.2, 0.3)), seed
    )


@dataclass
class Loop:
    """A project on arrays: labels what is asked, retrains, and remembers how each record was picked."""

    data: Planted
    y: np.ndarray = field(init=False)
    order: list[int] = field(default_factory=list)
    at_random: list[bool] = field(default_factory=list)
    turn: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.names = LabelNames([f"class {c}" for c in range(self.data.k)])
        self.y = np.full(len(self.data.gold), ABSTAIN)
        self.keys = np.random.default_rng(self.data.seed).integers(0, 2**63, len(self.y)).astype(np.uint64)
        self.train()

    def committee(
        self, y: np.ndarray, rows: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray, dict[int, np.ndarray]]:
        """Train on the labels in ``y``; return P, L and scores, out-of-fold where the classifier trained, for all or
        some rows.
        """
        d = self.data
        rows = np.arange(len(y)) if rows is None else rows
        known = np.flatnonzero(y != ABSTAIN)
        classifier = WeakClassifier(d.classifier, seed=d.seed).train(
            d.X[known], y[known], [str(r) for r in known], self.names
        )
        L, scores = np.column_stack([d.L[rows], np.full(len(rows), ABSTAIN, dtype=np.int8)]), {}
        if classifier.is_ready:
            s = classifier.score(d.X[rows])
            for place, row in enumerate(rows):
                if str(row) in classifier.out_of_fold_:
                    s[place] = classifier.out_of_fold_[str(row)]
            L[:, -1], scores = classifier.ballot(s).votes, {L.shape[1] - 1: s}
        votes = Votes(L, scores)
        P = CommitteeModel(self.data.k).fit(votes, y[rows]).predict_proba(votes)
        return P, L, scores

    def train(self) -> None:
        self.P, self.L, self.scores = self.committee(self.y)

    def step(self) -> None:
        """Ask for a batch, answer it from the truth, retrain."""
        pool = Pool(self.P, self.L, self.keys, self.scores)
        scheduler = Scheduler("margin", random_share=self.data.random_share, seed=self.data.seed)
        for pick in scheduler.pick(pool, BATCH, self.y == ABSTAIN, turn=len(self.order)):
            self.turn.append(len(self.order) // BATCH)
            self.order.append(pick.row)
            self.at_random.append(pick.strategy == "random")
        self.y[self.order] = self.data.gold[self.order]
        self.train()

    @property
    def sample(self) -> Sample:
        return Sample(len(self.y), self.at_random, self.turn)

    def cross_fitted(self, folds: int = FOLDS) -> np.ndarray:
        """Return P (labeled, k) of the labeled records, the label model fitted without the fold of each."""
        rows = np.array(self.order)
        fold = folds_of(self.y[rows], [str(r) for r in rows], folds)
        P, votes = np.empty((len(rows), self.data.k)), Votes(self.L, self.scores)
        for number in range(fold.max() + 1):
            y = self.y.copy()
            y[rows[fold == number]] = ABSTAIN
            inside = rows[fold == number]
            model = CommitteeModel(self.data.k).fit(votes, y)
            P[fold == number] = model.predict_proba(votes.take(inside))
        return P

    def curve(self) -> list[tuple[float, float, float]]:
        """Return (labels, accuracy, standard error) of committees trained on the first labels, judged on all of
        them.
        """
        rows = np.array(self.order)
        fold = folds_of(self.y[rows], [str(r) for r in rows], CURVE_FOLDS)
        points = []
        for share in (0.25, 0.5, 0.75, 1.0):
            first = np.arange(len(rows)) < share * len(rows)
            P = np.empty((len(rows), self.data.k))
            for number in range(CURVE_FOLDS):
                y = self.y.copy()
                y[rows[(fold == number) | ~first]] = ABSTAIN
                P[fold == number] = self.committee(y, rows)[0][fold == number]
            found = estimate_accuracy(is_right(P, self.y[rows]), self.sample)
            points.append((share * len(rows) * (1 - 1 / CURVE_FOLDS), found.value, (found.high - found.low) / 3.92))
        return points

    def exported(self) -> float:
        """The accuracy of all labels, manual ones counted as right."""
        P = self.P.copy()
        P[self.order] = np.eye(self.data.k)[self.y[self.order]]
        return expected_accuracy(P, self.data.gold)


def is_right(P: np.ndarray, gold: np.ndarray) -> np.ndarray:
    """Return float (n,), 1 where the best class is right, ties by their chance."""
    best = P.max(axis=1, keepdims=True) - 1e-9 <= P
    return best[np.arange(len(gold)), gold] / best.sum(axis=1)


def judge(loop: Loop) -> list[tuple[str, float, Estimate, tuple[float, float]]]:
    """Return (what, truth, estimate, naive interval) of the committee and of every member."""
    d, rows = loop.data, np.array(loop.order)
    gold = d.gold[rows]
    sample = loop.sample
    correct = is_right(loop.cross_fitted(), gold)
    everywhere = is_right(loop.P, d.gold)
    everywhere[rows] = correct
    n = len(rows)
    found = [
        ("exported labels", loop.exported(), estimate_exported(correct, sample), wilson_interval(correct.sum(), n)),
        ("committee", everywhere.mean(), estimate_accuracy(correct, sample), wilson_interval(correct.sum(), n)),
    ]
    for j in range(loop.L.shape[1]):
        voted = loop.L[:, j] != ABSTAIN
        right = loop.L[:, j] == d.gold
        what = "labeling functions" if j < d.L.shape[1] else f"classifier ({d.classifier})"
        if voted[rows].any():
            naive = wilson_interval(int(right[rows].sum()), int(voted[rows].sum()))
            learned = j >= d.L.shape[1]
            estimate = estimate_precision(right[rows], voted[rows], int(voted.sum()), sample, learned=learned)
            found.append((what, right[voted].mean(), estimate, naive))
    return found


def run(projects: int) -> dict[str, Any]:
    """Simulate, and return coverage and widths by what was judged, and what stopping cost."""
    judged = defaultdict(list)
    stops, forecasts = [], []
    for seed in range(projects):
        loop = Loop(plant(seed))
        long = seed % 10 == 0
        agreements: list[float] = []
        after, stopped = {}, None
        while len(loop.order) < (LONGEST if long else MEASURED):
            before = loop.P.argmax(axis=1)
            loop.step()
            n = len(loop.order)
            if n == MEASURED:
                for what, truth, estimate, naive in judge(loop):
                    judged[what].append((truth, estimate, naive))
            if long:
                pool = loop.y == ABSTAIN
                agreements.append(kappa(before[pool], loop.P.argmax(axis=1)[pool]))
                after[n] = loop.exported()
                steady = stopping_signal(agreements).stop
                if n == MEASURED or (steady and stopped is None):
                    gain = forecast(loop.curve(), [n]).gain(EXTRA)
                    if n == MEASURED:
                        forecasts.append((gain, n))
                    if stopped is None and stopping_signal(agreements, gain).stop:
                        stopped = n
        if long:
            forecasts[-1] = (forecasts[-1][0], after[MEASURED + EXTRA] - after[MEASURED])
            alone = next((n for i, n in enumerate(after) if stopping_signal(agreements[: i + 1]).stop), None)
            stops.append({"stopped": stopped, "by_kappa_alone": alone, "accuracy": after})
    return {
        "coverage": {what: _coverage(rows) for what, rows in sorted(judged.items())},
        "stopping": {
            "projects": len(stops),
            **{rule: _stopping([(s[rule], s["accuracy"]) for s in stops]) for rule in ("stopped", "by_kappa_alone")},
            "gain_forecast": float(np.mean([g for g, _ in forecasts])),
            "gain_came": float(np.mean([g for _, g in forecasts])),
        },
    }


def _coverage(rows: list[tuple[float, Estimate, tuple[float, float]]]) -> dict[str, float]:
    drawn = [(t, e, naive) for t, e, naive in rows if e.n_audit]
    return {
        "intervals": len(drawn),
        "covers": float(np.mean([e.low - 1e-9 <= t <= e.high + 1e-9 for t, e, _ in drawn])),
        "width": float(np.median([e.high - e.low for _, e, _ in drawn])),
        "mean_error": float(np.mean([e.value - t for t, e, _ in drawn])),
        "naive_covers": float(np.mean([low <= t <= high for t, _, (low, high) in drawn])),
        "naive_width": float(np.median([high - low for _, _, (low, high) in drawn])),
        "naive_mean_error": float(np.mean([(low + high) / 2 - t for t, _, (low, high) in drawn])),
        "audit_picks": float(np.mean([e.n_audit for _, e, _ in drawn])),
    }


def _stopping(stops: list[tuple[int | None, dict[int, float]]]) -> dict[str, float]:
    lost = [after[LONGEST] - after[n] for n, after in stops if n is not None]
    return {
        "stopped": len(lost),
        "median_labels": float(np.median([n for n, _ in stops if n is not None])) if lost else float("nan"),
        "gained_by_going_on": float(np.mean(lost)) if lost else float("nan"),
        "gained_at_most": float(np.max(lost)) if lost else float("nan"),
    }


def main() -> None:
    """Parse the arguments, run, print tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--projects", type=int, default=200)
    parser.add_argument("--json", type=Path, help="where to write the numbers")
    arguments = parser.parse_args()
    start = time.perf_counter()
    found = run(arguments.projects)
    print(
        f"{arguments.projects} projects, {MEASURED} labels each; 95 % intervals, median width and mean error in points"
    )
    print(
        f"{'':<34}{'audit picks':>12}{'intervals':>10}{'covers':>8}{'width':>7}{'error':>7}"
        f"{'naive covers':>14}{'width':>7}{'error':>7}"
    )
    for what, row in found["coverage"].items():
        numbers = (
            f"{row['audit_picks']:>12.1f}{row['intervals']:>10}{100 * row['covers']:>7.1f}%{100 * row['width']:>7.1f}"
        )
        numbers += (
            f"{100 * row['mean_error']:>+7.1f}{100 * row['naive_covers']:>13.1f}%{100 * row['naive_width']:>7.1f}"
        )
        print(f"{what:<34}{numbers}{100 * row['naive_mean_error']:>+7.1f}")
    stopping = found["stopping"]
    print(
        f"\nstopping signal, {stopping['projects']} projects labeled on to {LONGEST}; accuracy of the exported labels "
        "in points"
    )
    for rule, name in (("stopped", "predictions and forecast"), ("by_kappa_alone", "predictions alone")):
        row = stopping[rule]
        print(
            f"{name:<26}stops {row['stopped']:>3}, after {row['median_labels']:.0f} labels (median); going on to "
            f"{LONGEST} gained"
            f" {100 * row['gained_by_going_on']:.1f} on average, at most {100 * row['gained_at_most']:.1f}"
        )
    forecast_gain, came = 100 * stopping["gain_forecast"], 100 * stopping["gain_came"]
    print(f"labels {MEASURED} to {MEASURED + EXTRA}: forecast gain {forecast_gain:.1f}, came {came:.1f}")
    print(f"{time.perf_counter() - start:.0f} s")
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
