"""Rows of the label models: fit and predict_proba over votes whose truth is planted, int8 (n, m) for both sides."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.speed.measure import CheckError, beside, check_accuracy, in_child, noted, right
from benchmarks.speed.rows import row

SNORKEL = "Snorkel LabelModel"
CHUNK = 100_000
MEMORY_LIMIT = 4_000_000_000
"""Bytes beside the votes that the largest row may take."""


def planted(n: int, m: int, k: int, kind: str, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return votes int8 (n, m) and the truth int (n,), uniform over k classes.

    A function's votes are right with a probability between 0.6 and 0.9. Of ``kind`` oneclass each votes one class, on 2
    to 20 % of the records; mixed ones vote any class on 20 to 60 %, dense ones on 90 %.
    """
    rng = np.random.default_rng(seed)
    accuracy = rng.uniform(0.6, 0.9, m)
    coverage = {"oneclass": rng.uniform(0.02, 0.2, m), "mixed": rng.uniform(0.2, 0.6, m), "dense": np.full(m, 0.9)}[
        kind
    ]
    L, truth = np.empty((n, m), dtype=np.int8), np.empty(n, dtype=np.int64)
    for start in range(0, n, CHUNK):
        rows = slice(start, min(start + CHUNK, n))
        truth[rows] = y = rng.integers(0, k, rows.stop - start)
        L[rows] = (
            _one_class(y, coverage, accuracy, k, rng)
            if kind == "oneclass"
            else _any_class(y, coverage, accuracy, k, rng)
        )
    return L, truth


def _one_class(
    y: np.ndarray, coverage: np.ndarray, accuracy: np.ndarray, k: int, rng: np.random.Generator
) -> np.ndarray:
    own = np.arange(len(coverage)) % k
    speaks = np.where(y[:, None] == own, coverage * accuracy * k, coverage * (1 - accuracy) * k / (k - 1))
    return np.where(rng.random(speaks.shape) < speaks, own, -1)


def _any_class(
    y: np.ndarray, coverage: np.ndarray, accuracy: np.ndarray, k: int, rng: np.random.Generator
) -> np.ndarray:
    shape = (len(y), len(coverage))
    wrong = (y[:, None] + rng.integers(1, k, shape)) % k
    votes = np.where(rng.random(shape) < accuracy, y[:, None], wrong)
    return np.where(rng.random(shape) < coverage, votes, -1)


def fit_weaklab(L: np.ndarray, k: int) -> np.ndarray:
    """Fit weaklab's default label model, and return class probabilities (n, k)."""
    from weaklab.label_models import CommitteeModel

    return CommitteeModel(n_classes=k).fit(L).predict_proba(L)


def fit_snorkel(L: np.ndarray, k: int) -> np.ndarray:
    """Fit Snorkel's label model with its default settings, and return class probabilities (n, k)."""
    from snorkel.labeling.model import LabelModel

    model = LabelModel(cardinality=k, verbose=False)
    model.fit(L, seed=0, progress_bar=False)
    return np.asarray(model.predict_proba(L))


SIDES: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {"weaklab": fit_weaklab, "peer": fit_snorkel}


def _beside(n: int, m: int, k: int, kind: str) -> dict[str, Any]:
    L, truth = planted(n, m, k, kind)
    shares = {}

    def check(ours: Any, theirs: Any) -> None:
        mine, peers = right(ours, truth), right(theirs, truth)
        shares.update(weaklab=float(mine.mean()), peer=float(peers.mean()))
        check_accuracy(mine, peers, SNORKEL)

    found = beside(lambda: fit_weaklab(L, k), lambda: fit_snorkel(L, k), SNORKEL, check)
    return noted(
        {**found, "accuracy": shares},
        f"right on {shares['weaklab']:.2%} and {shares['peer']:.2%}; {kind} votes, {k} classes",
    )


@contextmanager
def stored(n: int, m: int, k: int, kind: str) -> Iterator[tuple[str, str, str]]:
    """Yield what :mod:`benchmarks.speed.child` needs: the files of votes and truth, and the number of classes."""
    with tempfile.TemporaryDirectory() as folder:
        files = [str(Path(folder) / name) for name in ("L.npy", "truth.npy")]
        for file, array in zip(files, planted(n, m, k, kind), strict=True):
            np.save(file, array)
        yield files[0], files[1], str(k)


def _with_memory(n: int, m: int, k: int, kind: str) -> dict[str, Any]:
    found = _beside(n, m, k, kind)
    with stored(n, m, k, kind) as given:
        sides = {side: in_child("benchmarks.speed.child", side, *given) for side in SIDES}
    for side, figures in sides.items():
        if "error" in figures:
            raise CheckError(f"{side} alone in a process: {figures['error']}")
    memory = {side: figures["memory"] for side, figures in sides.items()}
    return {**found, "memory": memory, "memory_ratio": memory["peer"] / max(memory["weaklab"], 1)}


@row("label_model_1e5x10", n=100_000, quick=100_000, goal=3)
def label_model_1e5x10(n: int) -> dict[str, Any]:
    """Ten functions, two classes."""
    return _beside(n, 10, 2, "mixed")


@row("label_model_1e6x10", n=1_000_000, quick=200_000, goal=10)
def label_model_1e6x10(n: int) -> dict[str, Any]:
    """Ten functions, two classes."""
    return _beside(n, 10, 2, "mixed")


@row("label_model_1e6x50_oneclass", n=1_000_000, quick=50_000, goal=35, memory=30)
def label_model_1e6x50_oneclass(n: int) -> dict[str, Any]:
    """Fifty functions that vote one of four classes each."""
    return _with_memory(n, 50, 4, "oneclass")


@row("label_model_1e6x50_dense", n=1_000_000, quick=50_000, goal=15)
def label_model_1e6x50_dense(n: int) -> dict[str, Any]:
    """Fifty functions that vote four classes nearly everywhere."""
    return _with_memory(n, 50, 4, "dense")


@row("label_model_1e7x50", n=10_000_000, quick=100_000, goal=MEMORY_LIMIT, figure="memory_weaklab", at_most=True)
def label_model_1e7x50(n: int) -> dict[str, Any]:
    """The same with ten million records, each side alone in a process that may take as much memory as the machine
    has.
    """
    limit = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with stored(n, 50, 4, "oneclass") as given:
        ours = in_child("benchmarks.speed.child", "weaklab", *given, limit=limit)
        if "error" in ours:
            raise CheckError(f"weaklab: {ours['error']}")
        theirs = in_child("benchmarks.speed.child", "peer", *given, limit=limit)
    if ours["right"] < max(ours["majority"], theirs.get("right", 0.0)) - 2 * ours["error_of_right"]:
        raise CheckError(f"weaklab is right on {ours['right']:.2%}, the majority on {ours['majority']:.2%}")
    ratio = theirs["cpu"] / ours["cpu"] if "cpu" in theirs else None
    found = {
        "ratio": ratio,
        "spread": [ratio, ratio],
        "weaklab": ours["cpu"],
        "peer": theirs.get("cpu"),
        "peer_name": SNORKEL,
        "memory_ratio": theirs["memory"] / max(ours["memory"], 1) if "memory" in theirs else None,
        "memory_weaklab": ours["memory"],
        "accuracy": {"weaklab": ours["right"], "peer": theirs.get("right"), "majority": ours["majority"]},
    }
    of_peer = (
        f"Snorkel: {theirs['error']} under a limit of {limit / 1e9:.1f} GB"
        if "error" in theirs
        else "Snorkel finishes at this size"
    )
    return noted(found, f"one run each; weaklab takes {ours['memory'] / 1e9:.3f} GB beside the votes; {of_peer}")


@row("majority_1e6x10", n=1_000_000, quick=50_000, goal=100)
def majority_1e6x10(n: int) -> dict[str, Any]:
    """The majority vote of ten functions, two classes; both give the same classes and the same ties."""
    from snorkel.labeling.model import MajorityLabelVoter

    from weaklab.label_models import MajorityVote

    L, _ = planted(n, 10, 2, "mixed")
    peer = MajorityLabelVoter(cardinality=2)

    def check(ours: Any, theirs: Any) -> None:
        best = [P.max(axis=1, keepdims=True) - P < 1e-9 for P in (np.asarray(ours), np.asarray(theirs))]
        if not np.array_equal(*best):
            raise CheckError(f"the majorities differ on {int((best[0] != best[1]).any(axis=1).sum()):,} records")

    ours = MajorityVote(n_classes=2)
    return beside(
        lambda: ours.fit(L).predict_proba(L), lambda: peer.predict_proba(L), "Snorkel MajorityLabelVoter", check
    )
