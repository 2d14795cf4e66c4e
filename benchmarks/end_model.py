"""An end model on the labels of a committee, beside manual labels alone and beside the committee.

    python -m benchmarks.end_model --data DIR --json FILE                       # youtube, sms and semeval, 5 seeds
    python -m benchmarks.end_model --data DIR --sets trec --labels 200 --seeds 10

The records of ``train.json`` are labeled as in :mod:`benchmarks.committee`: votes, a classifier, the default label
model, the default scheduler. Then the estimator of ``project.train_end_model()``, logistic regression on TF-IDF, is
trained on the probabilities of all these records, and judged on ``test.json``, which nothing has seen.

- ``end_model``: each record once for each class, weighted by its probability
- ``end_model_hard``: the most probable labels
- ``end_model_covered``: as the first, without the records on which no function votes
- ``manual_alone``: the same estimator on the manual labels
- ``committee``: the committee's own predictions for the test records, with the votes of the functions on them
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.committee import BATCH, data_sets, features_with, over_seeds, with_manual
from weaklab.core.labels import ABSTAIN
from weaklab.core.metrics import measure
from weaklab.core.rows import is_tied, one_thread
from weaklab.core.tables import Table
from weaklab.evaluation.analysis import covered
from weaklab.scheduling.scheduler import Scheduler
from weaklab.simulation.experiment import Experiment, prepare
from weaklab.simulation.loop import Loop
from weaklab.training.end_model import named_estimator
from weaklab.training.noise_aware import class_probabilities, fit_end_model, rows_of

METHODS = ("end_model", "end_model_hard", "end_model_covered", "manual_alone", "committee")


def run(experiment: Experiment, seed: int, labels: int) -> dict[str, dict[str, float]]:
    """Return the figures of every method on the test records after some labels."""
    *_, (loop, _) = experiment.turns(Scheduler(seed=seed), seed, labels, BATCH)
    test = experiment.test
    assert test is not None
    said = {name: probabilities(experiment, loop, name) for name in METHODS}
    return {name: measure(P, test.gold) for name, P in said.items()}


def probabilities(experiment: Experiment, loop: Loop, method: str) -> np.ndarray:
    """Return what one method says of the test records."""
    if method == "committee":
        return experiment.test_probabilities(loop)
    texts, test = experiment.pool.texts, experiment.test
    assert texts is not None
    assert test is not None
    k = len(experiment.labels)
    P, manual = with_manual(loop.P, loop.y), loop.y != ABSTAIN
    rows = manual if method == "manual_alone" else ~is_tied(P)
    if method == "end_model_covered":
        rows = rows & (manual | covered(np.column_stack([b.votes for b in experiment.pool.ballots.values()])))
    targets = "hard" if method in ("end_model_hard", "manual_alone") else "weights"
    model = fit_end_model(named_estimator("logistic_regression", texts=True), rows_of(texts, rows), P[rows], targets)
    return class_probabilities(model, test.texts, k)


def benchmark(folder: Path, seeds: int, labels: int, features: Any = "auto") -> dict[str, dict[str, float | None]]:
    """Return means and standard errors over the seeds on one data set."""
    with one_thread():
        experiment = prepare(
            folder, classifiers=["logistic_regression"], features=features, test="test", progress=False
        )
        runs = [run(experiment, seed, labels) for seed in range(seeds)]
    return {name: over_seeds([found[name] for found in runs]) for name in METHODS}


def table(name: str, found: dict[str, dict[str, float | None]], labels: int) -> Table:
    """Return accuracy, F1 and calibration error of each method."""
    rows = []
    for method, figures in found.items():
        cells = []
        for metric in ("accuracy", "f1", "ece"):
            error = figures[f"{metric}_se"]
            cells.append(f"{100 * (figures[metric] or 0):.1f}" + ("" if error is None else f" ± {100 * error:.1f}"))
        rows.append([method, *cells])
    return Table(f"{name}: test records after {labels} labels, in %", ["", "accuracy", "F1", "ECE"], rows)


def main(arguments: Iterable[str] | None = None) -> None:
    """Parse the arguments, run, print tables and write the numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder whose folder wrench holds the data sets")
    parser.add_argument("--sets", default="youtube,sms,semeval", help="separated by commas")
    parser.add_argument("--labels", type=int, default=100, help="manual labels")
    parser.add_argument("--seeds", type=int, default=5, help="how many, from 0 on")
    parser.add_argument("--encoder", help="sentence encoder for the committee, as in benchmarks.committee")
    parser.add_argument("--vectors", type=Path, help="folder in which its vectors are kept")
    parser.add_argument("--json", type=Path, help="file for the numbers")
    given = parser.parse_args(None if arguments is None else list(arguments))
    found = {}
    for folder in data_sets(given.data, given.sets.split(",")):
        start = time.perf_counter()
        found[folder.name] = benchmark(folder, given.seeds, given.labels, features_with(given.encoder, given.vectors))
        print(
            f"{table(folder.name, found[folder.name], given.labels)}\n{time.perf_counter() - start:.0f} s\n", flush=True
        )
        if given.json:
            given.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
