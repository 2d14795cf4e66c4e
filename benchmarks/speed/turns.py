"""Rows of the turn: label, retrain, rescore the pool, choose the next batch; see :mod:`benchmarks.turn`."""

from __future__ import annotations

import statistics
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from benchmarks.speed.measure import CheckError, Time, beside, check_accuracy, noted, right, timed
from benchmarks.speed.rows import row
from benchmarks.turn import BATCH, CLASSIFIERS, LABELED, TURNS, planted, restore_old_names, vectors
from weaklab.scheduling.scheduler import Scheduler
from weaklab.simulation.loop import Loop

MODAL = "modAL ActiveLearner (patched to run on this scikit-learn)"
WITHIN = 3
"""How many passes over the features a turn on a million records may cost."""
CHECKED, DRAWS = 10_000, 10
"""Accuracy after turns depends on which records were labeled first: it is compared over so many draws of them, on so
many records."""
patched = cache(restore_old_names)
Pool = Callable[[int], tuple[Any, np.ndarray]]
"""Makes the features and the truth of so many records."""


def our_turns(
    X: Any, truth: np.ndarray, classifier: str, first: np.ndarray, strategy: str = "margin"
) -> Callable[[], Loop]:
    """Return a function that takes one turn of weaklab's loop and returns the loop."""
    loop = Loop(X, ["no", "yes"], classifiers=[classifier], scheduler=Scheduler(strategy))
    loop.label(first, truth[first])
    picks = loop.ask(BATCH)

    def turn() -> Loop:
        nonlocal picks
        rows = [pick.row for pick in picks]
        loop.label(rows, truth[rows])
        picks = loop.ask(BATCH)
        return loop

    return turn


def their_turns(X: Any, truth: np.ndarray, classifier: str, first: np.ndarray) -> Callable[[], Any]:
    """Return a function that takes one turn of modAL's learner and returns it and what it learned from; that stays in
    its pool.
    """
    from modAL.models import ActiveLearner
    from modAL.uncertainty import margin_sampling

    learner = ActiveLearner(
        CLASSIFIERS[classifier](), query_strategy=margin_sampling, X_training=X[first], y_training=truth[first]
    )
    rows = learner.query(X, n_instances=BATCH)[0]

    known = set(first.tolist())

    def turn() -> tuple[Any, set[int]]:
        nonlocal rows
        known.update(rows.tolist())
        learner.teach(X[rows], truth[rows])
        rows = learner.query(X, n_instances=BATCH)[0]
        return learner, known

    return turn


def first_labels(n: int, seed: int = 1) -> np.ndarray:
    """Return the rows that are labeled before the first turn."""
    return np.random.default_rng(seed).choice(n, min(LABELED, n // 2), replace=False)


def compared(n: int, classifier: str, pool: Pool = planted) -> dict[str, float]:
    """Return on which share of the unlabeled records each is right after some turns, the mean over several draws of
    first labels.

    The two sides ask for different records, weaklab for some at random. Whether its classifier has learned and scored
    as well as the peer's does is therefore checked on the same labels: scikit-learn's own learns from those that
    weaklab asked for.

    Returns
    -------
    dict
        ``weaklab``, the committee; ``classifier``, its member; ``same_labels``, scikit-learn's on its labels; ``peer``,
        modAL's

    Raises
    ------
    CheckError
        weaklab's classifier is right less often than scikit-learn's, by more than two standard errors over the draws.
    """
    X, truth = pool(n)
    shares = np.zeros((4, DRAWS))
    for draw in range(DRAWS):
        first = first_labels(n, draw + 1)
        turn, peer_turn = our_turns(X, truth, classifier, first), their_turns(X, truth, classifier, first)
        for _ in range(TURNS):
            loop, (learner, known) = turn(), peer_turn()
        rest = np.setdiff1d(np.flatnonzero(loop.y < 0), list(known))
        labeled = np.flatnonzero(loop.y >= 0)
        same = CLASSIFIERS[classifier]().fit(X[labeled], truth[labeled])
        found = (
            loop.P[rest],
            loop.state.votes.scores[0][rest],
            same.predict_proba(X[rest]),
            learner.predict_proba(X[rest]),
        )
        shares[:, draw] = [right(P, truth[rest]).mean() for P in found]
    check_accuracy(shares[1], shares[2], "scikit-learn on the same labels")
    return dict(zip(("weaklab", "classifier", "same_labels", "peer"), shares.mean(axis=1).tolist(), strict=True))


def _beside(n: int, classifier: str, pool: Pool = planted) -> dict[str, Any]:
    warnings.simplefilter("ignore")
    patched()
    shares = compared(min(n, CHECKED), classifier, pool)
    X, truth = pool(n)
    first = first_labels(n)
    found = beside(
        our_turns(X, truth, classifier, first), their_turns(X, truth, classifier, first), MODAL, lambda *_: None, TURNS
    )
    usual = our_turns(X, truth, classifier, first, "default")
    usual()
    seconds = statistics.median(timed(usual)[0].cpu for _ in range(TURNS))
    accuracy = (
        f"right on {', '.join(f'{share:.1%} ({who})' for who, share in shares.items())} of {min(n, CHECKED):,} "
        "other records"
    )
    note = f"both choose by margin; {seconds:.3g} s with weaklab's default strategy; {accuracy}"
    return noted({**found, "weaklab_default_strategy": seconds, "accuracy": shares}, note)


@row("turn_nb_1e5", n=100_000, quick=10_000, goal=3)
def turn_nb_1e5(n: int) -> dict[str, Any]:
    """A turn with Naive Bayes."""
    return _beside(n, "naive_bayes")


@row("turn_lr_1e5", n=100_000, quick=10_000, goal=10)
def turn_lr_1e5(n: int) -> dict[str, Any]:
    """A turn with logistic regression."""
    return _beside(n, "logistic_regression")


@row("turn_dense_1e5", n=100_000, quick=10_000, goal=2)
def turn_dense_1e5(n: int) -> dict[str, Any]:
    """A turn with logistic regression on 384 dense numbers a record, as of a sentence encoder; weaklab chooses the
    penalty.
    """
    return _beside(n, "logistic_regression", vectors)


def one_pass(X: Any) -> Callable[[], int]:
    """Return a call that reads every byte of a sparse matrix once."""
    parts = [np.ascontiguousarray(part).view(np.uint8) for part in (X.data, X.indices, X.indptr)]
    wide = [part[: len(part) // 8 * 8].view(np.uint64) for part in parts]
    return lambda: sum(int(np.bitwise_or.reduce(part)) for part in wide)


@row("turn_1e6", n=1_000_000, quick=20_000, goal=1 / WITHIN)
def turn_1e6(n: int) -> dict[str, Any]:
    """A turn on a large pool beside reading its features once from memory; the slower of the two classifiers is the
    row.
    """
    X, truth = planted(n)
    first, read = first_labels(n), one_pass(X)
    read()
    found = {}
    for classifier in CLASSIFIERS:
        turn = our_turns(X, truth, classifier, first)
        turn()
        times: dict[str, list[Time]] = {"turn": [], "limit": []}
        for _ in range(TURNS):
            times["turn"].append(timed(turn)[0])
            times["limit"].append(timed(read)[0])
        found[classifier] = times
        if (right(turn().P, truth)).mean() <= 0.5:
            raise CheckError(f"{classifier} is no better than chance after its turns")
    seconds = {name: statistics.median(one.cpu for one in times["turn"]) for name, times in found.items()}
    slower = max(seconds, key=lambda name: seconds[name])
    turn, limit = found[slower]["turn"], found[slower]["limit"]
    ratios = [one.cpu / other.cpu for one, other in zip(limit, turn, strict=True)]
    passing = statistics.median(one.cpu for one in limit)
    gigabytes = (X.data.nbytes + X.indices.nbytes + X.indptr.nbytes) / 1e9
    figures = {
        "ratio": passing / seconds[slower],
        "spread": [min(ratios), max(ratios)],
        "weaklab": seconds[slower],
        "peer": passing,
        "peer_name": "limit: one memory pass over the features",
        "limit": passing,
        "seconds": seconds,
    }
    each = ", ".join(f"{name} {value:.3g} s" for name, value in seconds.items())
    return noted(figures, f"{each}; {gigabytes:.2f} GB of features; choosing by margin")
