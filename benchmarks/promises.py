"""Whether promises of precision and forecast intervals hold on planted data, and what looking often costs.

    python -m benchmarks.promises                     # about two minutes
    python -m benchmarks.promises --runs 100

Promises: labels whose precision is planted just below what is promised; thresholds are asked for after every 30
answers, 20 times. Broken is a run in which any of them was given wrongly. Coverage: the share of the records that get a
label, beside exact tests for one look. Forecasts: learning curves a - b (n / 10)^-c with slow to fast exponents; points
at 20 to 100 labels, with errors that correlate by a half.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np

from weaklab.core.thresholds import least_audit, threshold_for
from weaklab.evaluation.forecast import forecast

LOOKS = range(60, 661, 30)
BROKEN: dict[str, tuple[float, Callable[[np.ndarray], np.ndarray]]] = {
    "79.5 % right everywhere, 0.80 promised": (0.8, lambda sure: np.full(len(sure), 0.795)),
    "94.9 % right everywhere, 0.95 promised": (0.95, lambda sure: np.full(len(sure), 0.949)),
    "40 to 90 % right, 0.70 promised": (0.7, lambda sure: 0.4 + 0.5 * sure),
    "the surest are the worst, 0.80 promised": (0.8, lambda sure: np.where(sure > 0.75, 0.7, 0.81)),
}
COVERED: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "all right": lambda sure: np.ones(len(sure)),
    "60 to 100 % right": lambda sure: 1 - 0.4 * (1 - sure) ** 3,
    "98 % right everywhere": lambda sure: np.full(len(sure), 0.98),
}
CURVES = {
    "c from 0.1 to 2": (0.1, 2.0),
    "slow: c from 0.05 to 0.3": (0.05, 0.3),
    "very slow: c from 0.02 to 0.1": (0.02, 0.1),
}


def broken(precision: float, chance: Callable[[np.ndarray], np.ndarray], runs: int, seed: int = 0) -> float:
    """Return the share of runs in which a wrong promise was made at any look."""
    rng, grid = np.random.default_rng(seed), (np.arange(20_000) + 0.5) / 20_000
    precise = np.cumsum(chance(grid)[::-1])[::-1] / np.arange(len(grid), 0, -1)
    wrong = 0
    for _ in range(runs):
        sure = rng.random(max(LOOKS))
        right = rng.random(len(sure)) < chance(sure)
        found = [threshold_for(sure[:n], right[:n], precision) for n in LOOKS]
        wrong += any(
            t.kept and precise[min(np.searchsorted(grid, t.min_confidence), len(grid) - 1)] < precision for t in found
        )
    return wrong / runs


def coverage(precision: float, chance: Callable[[np.ndarray], np.ndarray], n: int, runs: int, seed: int = 0) -> float:
    """Return the mean share of records that get a label."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(runs):
        sure = rng.random(n)
        found.append(threshold_for(sure, rng.random(n) < chance(sure), precision).coverage)
    return float(np.mean(found))


def held(slow: float, fast: float, runs: int, seed: int = 0) -> tuple[float, float]:
    """Return how often the interval holds the curve at half as many and at twice as many labels again, and its mean
    width.
    """
    rng = np.random.default_rng(seed)
    inside, width = [], []
    for _ in range(runs):
        c = float(np.exp(rng.uniform(np.log(slow), np.log(fast))))
        b, error = rng.uniform(0.1, 0.5), rng.uniform(0.01, 0.04)
        a = min(1.0, rng.uniform(0.75, 1.0) + b * 10**-c * (c < 0.1))
        counts = np.array([20, 40, 60, 80, 100])
        errors = error * (0.5**0.5 * rng.normal() + 0.5**0.5 * rng.normal(size=5))
        seen = np.clip(a - b * (counts / 10) ** -c + errors, 0, 1)
        points = [(int(n), float(y), error) for n, y in zip(counts, seen, strict=True)]
        curve = forecast(points, at=[150, 300])
        truth = a - b * (np.array([150, 300]) / 10) ** -c
        inside += ((curve.low <= truth) & (truth <= curve.high)).tolist()
        width += (curve.high - curve.low).tolist()
    return float(np.mean(inside)), float(np.mean(width))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=300, help="simulated runs a row (default 300)")
    runs = parser.parse_args().runs
    print("least random answers:", ", ".join(f"{p}: {least_audit(p)}" for p in (0.8, 0.9, 0.95, 0.99)))
    for name, (precision, chance) in BROKEN.items():
        print(f"broken in {broken(precision, chance, runs):6.1%} of runs with {len(LOOKS)} looks: {name}")
    for name, chance in COVERED.items():
        for precision in (0.8, 0.95):
            shares = ", ".join(f"{n}: {coverage(precision, chance, n, runs):.0%}" for n in (60, 100, 200, 400, 1000))
            print(f"coverage, {name}, {precision} promised, by random answers: {shares}")
    for name, (slow, fast) in CURVES.items():
        share, width = held(slow, fast, runs)
        print(f"forecast intervals hold {share:6.1%} of curves, width {100 * width:.0f} points: {name}")


if __name__ == "__main__":
    main()
