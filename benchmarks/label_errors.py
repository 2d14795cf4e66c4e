"""Planted label errors: how many are among the first of `project.label_errors()`, beside cleanlab.

    python -m benchmarks.label_errors --data DIR --json FILE

Of each set in the WRENCH format, some records of ``train.json`` have a manual label from gold, and one in twenty of
these is changed to another class at random. The committee is the set's weak labels and a classifier, with the default
label model. k is the number of planted errors: precision at k is the share of planted errors among the first k, which
is recall at k as well; recall at 2k the share that is among the first 2k. Gold has errors of its own, which count as
mistakes here.

- ``weaklab``: the order of :func:`weaklab.evaluation.label_errors.suspicious`, from out-of-fold probabilities
- ``cleanlab``: ``find_label_issues(return_indices_ranked_by="self_confidence")``, then all other labels by the same
  score, on out-of-fold probabilities of logistic regression on words and pairs of words (TF-IDF), as its documentation
  does it
- ``cleanlab, committee``: the same on weaklab's out-of-fold probabilities

cleanlab is no dependency of weaklab; its rows are left out where it is not installed. Mean and standard error over
seeds. The JSON is ``{"set, labels": {method: {measure: [value, ...]}}}``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from threadpoolctl import threadpool_limits

from weaklab.core.labels import ABSTAIN
from weaklab.core.tables import Table
from weaklab.datasets import load_wrench
from weaklab.evaluation.evaluation import FEW_FOLDS
from weaklab.evaluation.label_errors import suspicious
from weaklab.scheduling.scheduler import RANDOM, Scheduler
from weaklab.simulation.experiment import Experiment, prepare

if TYPE_CHECKING:
    from numpy.typing import NDArray

SETS = ("youtube", "sms", "trec")
LABELS = (300, 1000)
WRONG = 0.05
MEASURES = ("precision at k", "recall at 2k")


def planted(gold: NDArray[np.int64], n: int, k: int, seed: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return manual labels, int (len(gold),), n of them with one in twenty wrong, and which of the n are wrong.

    >>> y, wrong = planted(np.zeros(100, dtype=np.int64), 40, 2, seed=0)
    >>> int((y != ABSTAIN).sum()), int((y == 1).sum()), int(wrong.sum())
    (40, 2, 2)
    """
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.choice(len(gold), min(n, len(gold)), replace=False))
    wrong = rng.choice(rows, max(1, round(WRONG * len(rows))), replace=False)
    y = np.full(len(gold), ABSTAIN, dtype=np.int64)
    y[rows] = gold[rows]
    y[wrong] = (y[wrong] + rng.integers(1, k, len(wrong))) % k
    return y, np.isin(rows, wrong)


def found_at(order: NDArray[np.int64], wrong: NDArray[np.bool_]) -> dict[str, float]:
    """Return the measures of an order of the labels.

    >>> found_at(np.array([0, 1, 2, 3]), np.array([True, False, False, True]))
    {'precision at k': 0.5, 'recall at 2k': 1.0}
    """
    k = int(wrong.sum())
    return {"precision at k": float(wrong[order[:k]].mean()), "recall at 2k": float(wrong[order[: 2 * k]].sum() / k)}


def ours(P: NDArray[np.float64], y: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return weaklab's order; the labels that nothing contradicts come last, by their probability."""
    first = suspicious(P, y)
    rest = np.argsort(P[np.arange(len(y)), y], kind="stable")
    return np.concatenate([first, rest[~np.isin(rest, first)]])


def cleanlabs(P: NDArray[np.float64], y: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return cleanlab's order: its issues, then the other labels by the same score."""
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    first = find_label_issues(y, P, return_indices_ranked_by="self_confidence", n_jobs=1)
    rest = np.argsort(get_label_quality_scores(y, P, method="self_confidence"), kind="stable")
    return np.concatenate([first, rest[~np.isin(rest, first)]]).astype(np.int64)


def plain_probabilities(texts: Sequence[str], y: NDArray[np.int64], k: int) -> NDArray[np.float64]:
    """Return out-of-fold probabilities of logistic regression on TF-IDF, float (n, k)."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict
    from sklearn.pipeline import make_pipeline

    model = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LogisticRegression(C=10, max_iter=2000)
    )
    P = np.zeros((len(y), k))
    P[:, np.unique(y)] = cross_val_predict(model, list(texts), y, cv=5, method="predict_proba")
    return P


def run(experiment: Experiment, n: int, seed: int, with_cleanlab: bool) -> dict[str, dict[str, float]]:
    """Return method -> measures for one set of labels."""
    pool, k = experiment.pool, len(experiment.labels)
    y, wrong = planted(pool.gold, n, k, seed)
    trainer = experiment.loop(Scheduler(RANDOM, seed=seed), seed).trainer
    P = trainer.cross_fitted(trainer.train(y), FEW_FOLDS)
    rows = np.flatnonzero(y != ABSTAIN)
    orders = {"weaklab": ours(P, y[rows])}
    if with_cleanlab:
        assert pool.texts is not None
        plain = plain_probabilities([pool.texts[row] for row in rows], y[rows], k)
        orders |= {"cleanlab": cleanlabs(plain, y[rows]), "cleanlab, committee": cleanlabs(P, y[rows])}
    return {method: found_at(order, wrong) for method, order in orders.items()}


def has_cleanlab() -> bool:
    """Whether cleanlab is installed."""
    try:
        import cleanlab  # noqa: F401
    except ImportError:
        return False
    return True


def table(found: dict[str, dict[str, dict[str, list[float]]]]) -> Table:
    """Return all figures in percent."""
    rows = [
        [name, method, *(_percent(values[measure]) for measure in MEASURES)]
        for name, methods in found.items()
        for method, values in methods.items()
    ]
    return Table("planted label errors, %", ["set, labels", "method", *MEASURES], rows)


def _percent(values: Sequence[float]) -> str:
    error = np.std(values, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else float("nan")
    return f"{100 * np.mean(values):.1f} ± {100 * error:.1f}"


def main(arguments: Sequence[str] | None = None, say: Callable[..., None] = print) -> None:
    """Measure, print the table, and write the JSON after each run."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--labels", default=",".join(map(str, LABELS)))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--json", type=Path, default=None)
    options = parser.parse_args(arguments)
    with_cleanlab = has_cleanlab()
    if not with_cleanlab:
        say("cleanlab is not installed (pip install cleanlab): its rows are left out", flush=True)
    found: dict[str, dict[str, dict[str, list[float]]]] = {}
    with threadpool_limits(1):
        for name in options.sets.split(","):
            data = load_wrench(options.data / "wrench" / name)
            experiment = prepare(
                data.corpus, gold="gold", labels=list(data.labels), heuristics=data.heuristics, progress=False
            )
            for n in map(int, options.labels.split(",")):
                for seed in range(options.seeds):
                    for method, values in run(experiment, n, seed, with_cleanlab).items():
                        held: dict[str, Any] = found.setdefault(f"{name}, {n}", {}).setdefault(method, {})
                        for measure, value in values.items():
                            held.setdefault(measure, []).append(value)
                    if options.json:
                        options.json.write_text(json.dumps(found, indent=1), encoding="utf-8")
    say(table(found))


if __name__ == "__main__":
    main()
