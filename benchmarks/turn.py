"""A turn of active learning on a large pool, and one call of each query strategy, beside modAL.

    python -m benchmarks.turn                # a pool of 100,000 records, 2 classes, 100 labels and up, batches of 10
    python -m benchmarks.turn --json FILE
    python -m benchmarks.turn --large        # a million records as well, beside reading their features once
    python -m benchmarks.turn --dense        # sentence vectors in the place of words: 384 numbers a record

A turn is: take the answers, retrain, rescore the pool, choose the next batch. weaklab's includes out-of-fold scores,
calibration, the label model, the random share and batches spread over features; modAL's is `teach` and `query` by
margin. Both see the same features, in one process, with one thread, in turns; the figures are medians over five
turns, of the processor's time and of that by the clock.
modAL 0.4 needs three names of older numpy and scikit-learn, which are put back for it here.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
import warnings
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import MultinomialNB
from threadpoolctl import threadpool_limits

import weaklab
from weaklab.features import features
from weaklab.features.embeddings import unit_rows
from weaklab.scheduling.scheduler import Scheduler
from weaklab.simulation.loop import Loop
from weaklab.strategies import STRATEGIES, call_strategy

CLASSIFIERS = {
    "naive_bayes": lambda: MultinomialNB(alpha=0.1, fit_prior=False),
    "logistic_regression": lambda: LogisticRegression(C=10.0, class_weight="balanced", max_iter=500),
}
"""The peer gets scikit-learn's own, with the settings of weaklab's."""
LABELED, BATCH, TURNS = 100, 10, 5


def planted(n: int, words: int = 10, seed: int = 0) -> tuple[Any, np.ndarray]:
    """Return the default features, TF-IDF of words and pairs of words, of n made-up headlines, and the truth.

    Words follow Zipf's law; the first of a headline tells its class more often than not.
    """
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, n)
    drawn = rng.zipf(1.3, (n, words)) % 30_000
    drawn[:, 0] = np.where(rng.random(n) < 0.6, truth * 50 + rng.integers(0, 50, n), drawn[:, 0])
    corpus = weaklab.read([" ".join(f"w{word}" for word in row) for row in drawn.tolist()])
    return features("tfidf").fit(corpus).transform_corpus(corpus), truth


def vectors(n: int, k: int = 2, d: int = 384, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return made-up sentence vectors, float32 (n, d) of length 1 around a centre for each class, and the truth."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, k, n)
    centres = rng.normal(size=(k, d)).astype(np.float32)
    return unit_rows(0.3 * centres[truth] + rng.standard_normal((n, d), dtype=np.float32)), truth


def weaklab_turns(X: Any, truth: np.ndarray, classifier: str, first: np.ndarray, strategy: str) -> Callable[[], None]:
    """Return a function that takes one turn of weaklab's loop."""
    loop = Loop(X, ["no", "yes"], classifiers=[classifier], scheduler=Scheduler(strategy))
    loop.label(first, truth[first])
    picks = loop.ask(BATCH)

    def turn() -> None:
        nonlocal picks
        rows = [pick.row for pick in picks]
        loop.label(rows, truth[rows])
        picks = loop.ask(BATCH)

    return turn


def modal_turns(X: Any, truth: np.ndarray, classifier: str, first: np.ndarray) -> Callable[[], None]:
    """Return a function that takes one turn of modAL's learner; it never takes records out of the pool, which favours
    it.
    """
    from modAL.models import ActiveLearner
    from modAL.uncertainty import margin_sampling

    learner = ActiveLearner(
        CLASSIFIERS[classifier](), query_strategy=margin_sampling, X_training=X[first], y_training=truth[first]
    )
    rows = learner.query(X, n_instances=BATCH)[0]

    def turn() -> None:
        nonlocal rows
        learner.teach(X[rows], truth[rows])
        rows = learner.query(X, n_instances=BATCH)[0]

    return turn


def restore_old_names() -> None:
    """Give modAL the names that numpy and scikit-learn have dropped."""
    np.float = float  # type: ignore[attr-defined]
    import modAL.models.base
    import modAL.models.learners

    def renamed(check: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *given, force_all_finite=True, **named: check(*given, ensure_all_finite=force_all_finite, **named)

    for module in (modAL.models.base, modAL.models.learners):
        for name in ("check_X_y", "check_array"):
            if hasattr(module, name):
                setattr(module, name, renamed(getattr(module, name)))


def seconds(work: Callable[[], Any]) -> tuple[float, float]:
    """Return how long a call takes, by the processor's time and by the clock."""
    start, cpu = time.perf_counter(), time.process_time()
    work()
    return time.process_time() - cpu, time.perf_counter() - start


def alternating(ways: dict[str, Callable[[], Any]]) -> dict[str, dict[str, float]]:
    """Return the median times of calls that alternate: name -> ``cpu`` and ``wall``, seconds."""
    for work in ways.values():
        work()  # embeddings are made, caches filled
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(TURNS):
        for name, work in ways.items():
            taken[name].append(seconds(work))
    return {
        name: {kind: statistics.median(time[place] for time in times) for place, kind in enumerate(("cpu", "wall"))}
        for name, times in taken.items()
    }


def turns(X: Any, truth: np.ndarray, classifiers: Iterable[str] = CLASSIFIERS) -> dict[str, dict[str, Any]]:
    """Measure turns, weaklab's and modAL's alternating."""
    first = np.random.default_rng(1).choice(len(truth), LABELED, replace=False)
    found: dict[str, dict[str, Any]] = {}
    for classifier in classifiers:
        row: dict[str, Any] = {
            **alternating(
                {
                    "weaklab": weaklab_turns(X, truth, classifier, first, "margin"),
                    "weaklab, default strategy": weaklab_turns(X, truth, classifier, first, "default"),
                    "modAL": modal_turns(X, truth, classifier, first),
                }
            )
        }
        peer = row["modAL"]["cpu"]
        row["ratio"], row["ratio, default"] = (
            peer / row["weaklab"]["cpu"],
            peer / row["weaklab, default strategy"]["cpu"],
        )
        found[classifier] = row
    return found


def beside_the_limit(X: Any, truth: np.ndarray) -> dict[str, dict[str, Any]]:
    """Measure weaklab's turns beside one pass over the values and column numbers of the features, and one product with
    a vector.
    """
    first = np.random.default_rng(1).choice(len(truth), LABELED, replace=False)
    v = np.ones(X.shape[1], dtype=X.dtype)
    found: dict[str, dict[str, Any]] = {}
    for classifier in CLASSIFIERS:
        turn = weaklab_turns(X, truth, classifier, first, "margin")
        row: dict[str, Any] = {
            **alternating({"weaklab": turn, "pass": lambda: (X.data.sum(), X.indices.sum()), "product": lambda: X @ v})
        }
        for limit in ("pass", "product"):
            row[f"weaklab / {limit}"] = row["weaklab"]["cpu"] / row[limit]["cpu"]
        found[classifier] = row
    return found


def strategies(X: Any, truth: np.ndarray, k: int = 4, m: int = 20) -> dict[str, float]:
    """Measure one call of every query strategy on a pool with votes, probabilities, features and labels."""
    rng = np.random.default_rng(0)
    n = len(truth)
    L = np.where(rng.random((n, m)) < 0.3, rng.integers(0, k, (n, m)), -1)
    y = np.full(n, -1)
    y[rng.choice(n, 200, replace=False)] = rng.integers(0, k, 200)
    E = np.asarray(unit_rows(rng.normal(size=(n, 64)).astype(np.float32)))
    pool = {
        "P": rng.dirichlet(np.ones(k), n),
        "L": L,
        "scores": {0: rng.dirichlet(np.ones(k), n)},
        "keys": rng.integers(0, 2**63, n).astype(np.uint64),
        "seed": 0,
        "y": y,
        "eligible": y < 0,
        "n": BATCH,
        "X": X,
        "E": E,
    }
    return {
        name: seconds(lambda name=name: call_strategy(name, STRATEGIES[name], pool))[0]  # type: ignore[misc]
        for name in STRATEGIES.names()
    }


def shown(row: dict[str, Any]) -> str:
    """Return the times of a row in words."""
    return "  ".join(
        f"{way} {1000 * t['cpu']:.1f} ({1000 * t['wall']:.1f})" for way, t in row.items() if isinstance(t, dict)
    )


def main() -> None:
    """Parse the arguments, measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--large", action="store_true", help="a pool of a million records as well")
    parser.add_argument("--dense", action="store_true", help="only turns, on sentence vectors")
    parser.add_argument("--json", help="file for the numbers")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    restore_old_names()
    if arguments.dense:
        with threadpool_limits(1):
            found: dict[str, Any] = {"turns": turns(*vectors(arguments.records), ["logistic_regression"])}
    else:
        X, truth = planted(arguments.records)
        with threadpool_limits(1):
            found = {"turns": turns(X, truth), "strategies": strategies(X, truth)}
    print(
        f"a turn on {arguments.records:,} records, milliseconds of the processor (by the clock); ratio = modAL / "
        "weaklab"
    )
    for name, row in found["turns"].items():
        print(
            f"  {name:<22}{shown(row)}  ratio {row['ratio']:.1f}, with the default strategy {row['ratio, default']:.1f}"
        )
    if "strategies" in found:
        print("one call of each strategy, 4 classes, 20 heuristics, 200 labels, a batch of 10, seconds")
    for name, value in sorted(found.get("strategies", {}).items(), key=lambda item: item[1]):
        print(f"  {name:<28}{value:.3f}")
    if arguments.large:
        X, truth = planted(1_000_000)
        with threadpool_limits(1):
            found["large"] = beside_the_limit(X, truth)
        print("a turn on 1,000,000 records, milliseconds of the processor (by the clock), beside the features")
        for name, row in found["large"].items():
            print(
                f"  {name:<22}{shown(row)}  a turn is worth {row['weaklab / pass']:.1f} passes, "
                f"{row['weaklab / product']:.1f} products"
            )
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as stream:
            json.dump(found, stream, indent=1)


if __name__ == "__main__":
    main()
