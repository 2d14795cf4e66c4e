"""How often intervals of label probabilities hold the true posterior, in synthetic worlds.

    python -m benchmarks.intervals --json FILE --seeds 5
    python -m benchmarks.intervals --worlds "balanced,copies" --labels 0,50

Worlds are those of :mod:`benchmarks.vote_worlds`: each knows P(class | votes and abstentions) under the parameters that
its votes were drawn with. Asked about is the most probable class of each record with a vote that gets no label, as
``project.labels(intervals=True)`` does. In :data:`WELL_SPECIFIED` votes are drawn as the default label model assumes:
independent given the class, with the same chances on every record, abstaining at random. In all others something is
left out of the model, and no interval of its weights makes up for that: they are there to show how far that goes.

- within: share of the records whose true posterior is in the interval; nearly: within .01 of it (where the true
  posterior is 1 - 1e-9, an interval that ends at .9999 does not hold it)
- width: high less low
- error: how far the probability is from the true posterior; missed: how far the interval is, both on average

JSON: {"records": n, "level": share, "runs": {world: {budget: {seed: {figure: value}}}}, "worlds": the means}.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.label_models import refuse_without_folder, write
from benchmarks.vote_worlds import WORLDS, World
from benchmarks.worlds import BUDGETS, RECORDS, chosen, drawn, told
from weaklab.core.errors import WeaklabError
from weaklab.core.tables import Table
from weaklab.label_models import CommitteeModel

WELL_SPECIFIED = (
    "balanced",
    "three functions",
    "five functions, share 20 %",
    "rare 8 %",
    "rare 3 %, 20 functions",
    "rare 1 %, dense",
    "liars",
    "one expert",
    "20 classes",
    "50 classes",
    "low coverage",
    "1,000 functions",
    "class-dependent",
    "class-dependent, 5 classes",
    "class-dependent, rare 15 %",
    "crowd, 3 answers",
    "crowd, spammers, 5 classes",
    "crowd, 3 workers",
    "crowd, 4 classes, rare 6 %",
)
"""Worlds in which votes are drawn as the model assumes."""
NEARLY = 0.01
FIGURES = ("within", "nearly", "width", "error", "missed", "fit", "seconds")

Runs = dict[str, dict[str, dict[str, dict[str, float]]]]
"""World -> budget -> seed -> figure."""


def measured(low: np.ndarray, high: np.ndarray, P: np.ndarray, true: np.ndarray) -> dict[str, float]:
    """Return the figures of intervals, probabilities and true posteriors, each (n,).

    >>> measured(np.array([0.5, 0.2]), np.array([0.9, 0.3]), np.array([0.7, 0.2]), np.array([0.8, 0.305]))["nearly"]
    1.0
    """
    missed = np.maximum(np.maximum(low - true, true - high), 0)
    return {
        "within": float((missed == 0).mean()),
        "nearly": float((missed <= NEARLY).mean()),
        "width": float((high - low).mean()),
        "error": float(np.abs(P - true).mean()),
        "missed": float(missed.mean()),
    }


def one_budget(world: World, given: np.ndarray, rows: np.ndarray, level: float) -> dict[str, float]:
    """Return the figures of some rows of a world with these manual labels."""
    assert world.posterior is not None
    start = time.perf_counter()
    model = CommitteeModel(n_classes=world.n_classes, class_balance=world.class_balance).fit(world.L, given)
    P = model.predict_proba(world.L[rows])
    between, best = time.perf_counter(), P.argmax(axis=1)
    low, high = model.predict_interval(world.L[rows], level, classes=best)
    every = np.arange(len(rows))
    figures = measured(low, high, P[every, best], world.posterior[rows][every, best])
    return {**figures, "fit": between - start, "seconds": time.perf_counter() - between}


def one_seed(name: str, n: int, seed: int, budgets: Sequence[int], level: float) -> dict[str, dict[str, float]]:
    """Return budget -> figure in one world."""
    world = WORLDS[name](np.random.default_rng([seed, 0]), n)
    order, judged = drawn(world, max(*budgets, max(BUDGETS)), seed)
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {str(b): one_budget(world, told(world.y, order[:b]), judged, level) for b in budgets}


def run(worlds: Sequence[str], budgets: Sequence[int], seeds: Iterable[int], n: int, level: float, jobs: int) -> Runs:
    """Measure intervals in all worlds."""
    runs: Runs = {world: {str(b): {} for b in budgets} for world in worlds}
    with ProcessPoolExecutor(jobs) as pool:
        tasks = {
            pool.submit(one_seed, world, n, seed, budgets, level): (world, seed) for world in worlds for seed in seeds
        }
        for task in as_completed(tasks):
            world, seed = tasks[task]
            for budget, figures in task.result().items():
                runs[world][budget][str(seed)] = figures
    return runs


def means(runs: Runs) -> dict[str, dict[str, dict[str, float]]]:
    """Return world -> budget -> mean of each figure over the seeds."""
    return {
        world: {
            budget: {figure: float(np.mean([one[figure] for one in by_seed.values()])) for figure in FIGURES}
            for budget, by_seed in by_budget.items()
        }
        for world, by_budget in runs.items()
    }


def report(found: Mapping[str, Mapping[str, Mapping[str, float]]], budgets: Sequence[int]) -> list[Table]:
    """Return a table of the worlds that are as the model assumes, and one of the others."""
    head = ["world", *(f"{word} {b}" for b in budgets for word in ("within %", "nearly %", "width", "error", "missed"))]
    tables = []
    for title, well in (("as the model assumes", True), ("something is left out", False)):
        names = [name for name in found if (name in WELL_SPECIFIED) == well]
        rows = [[name, *_cells([found[name]], budgets)] for name in names]
        if len(names) > 1:
            rows.append([f"mean of {len(names)}", *_cells([found[name] for name in names], budgets)])
        tables += [Table(title, head, rows)] if names else []
    return tables


def _cells(worlds: Sequence[Mapping[str, Mapping[str, float]]], budgets: Sequence[int]) -> list[str]:
    cells = []
    for budget in map(str, budgets):
        mean = {figure: float(np.mean([world[budget][figure] for world in worlds])) for figure in FIGURES}
        cells += [f"{100 * mean['within']:.1f}", f"{100 * mean['nearly']:.1f}"]
        cells += [f"{mean[figure]:.3f}" for figure in ("width", "error", "missed")]
    return cells


def main(given: Sequence[str] | None = None) -> None:
    """Parse the arguments, measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="file for the figures; worlds that it holds are kept")
    parser.add_argument("--seeds", type=int, default=5, help="worlds of each kind (default 5)")
    parser.add_argument("--first-seed", type=int, default=0, help="settings are to be chosen on others than these")
    parser.add_argument("--worlds", help="only these worlds; by default all")
    parser.add_argument("--labels", default="0,20,100", help="numbers of manual labels (default 0,20,100)")
    parser.add_argument("--records", type=int, default=RECORDS, help=f"records of a world (default {RECORDS:,})")
    parser.add_argument("--level", type=float, default=0.95, help="share of an interval (default 0.95)")
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args(given)
    refuse_without_folder(parser, options.json)
    try:
        worlds = chosen(options.worlds, list(WORLDS), "world")
        budgets = [int(budget) for budget in options.labels.split(",")]
    except (WeaklabError, ValueError) as error:
        parser.error(str(error))
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    runs = run(worlds, budgets, seeds, options.records, options.level, options.jobs)
    if options.json and options.json.exists():
        runs = {**json.loads(options.json.read_text(encoding="utf-8"))["runs"], **runs}
    found = means(runs)
    write(options.json, {"records": options.records, "level": options.level, "runs": runs, "worlds": found})
    for table in report({name: found[name] for name in worlds}, budgets):
        print(f"{table}\n")


if __name__ == "__main__":
    main()
