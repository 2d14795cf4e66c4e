"""Every label model in synthetic worlds whose truth is known, beside Snorkel and crowd-kit where they are installed.

    python -m benchmarks.worlds --json FILE --seeds 10
    python -m benchmarks.worlds --json FILE --seeds 3 --worlds "balanced,rare 8 %" --models committee,majority_vote
    python -m benchmarks.worlds --json FILE --seeds 3 --sweeps

Worlds are those of :mod:`benchmarks.vote_worlds`. Figures are those of the records with a vote that get a label at no
budget, so that they are the same ones at all budgets: accuracy, balanced accuracy (the mean recall of the classes) and
log loss; ties in expectation. Labels of a small budget are part of those of a larger one. ``--known FILE`` takes the
figures of models other than the default one from an earlier JSON, as they do not change.

Promises of the default label model, each on the mean over the seeds: at most 1.0 point below the best of
:data:`RIVALS` in accuracy and in balanced accuracy; log loss not above that of majority vote; at most 1.0 point below
itself with fewer labels. ``--sweeps`` changes one thing at a time (functions, records, classes, labels, the class
balance that is given) and shows the largest fall from one step to the next.

JSON: {"records": n, "runs": {world: {model: {budget: {seed: {figure: value}}}}}, "worlds": the means}.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.label_models import refuse_without_folder, write
from benchmarks.vote_worlds import WORLDS, Maker, World, two_sided
from weaklab.core.errors import WeaklabError, did_you_mean
from weaklab.core.labels import ABSTAIN
from weaklab.core.metrics import accuracy, log_loss, picks
from weaklab.core.tables import Table
from weaklab.label_models import DEFAULT, LABEL_MODELS, label_model

CROWDKIT = "crowdkit"
RIVALS = ("majority_vote", "one_coin", "weighted_vote", "dawid_skene", CROWDKIT, "snorkel")
"""What the default is promised to be no worse than."""
BUDGETS = (0, 20, 100)
FIGURES = ("accuracy", "balanced", "log_loss")
RECORDS = 1500
MOST_SNORKEL = 1500
"""Snorkel is left out where functions times classes are more: minutes a fit."""
ALLOWED = 1.0
"""Points that the default may be below a rival or itself with fewer labels."""
STEPS_OF_LABELS = (0, 1, 2, 3, 5, 8, 10, 11, 15, 20, 30, 50, 75, 100)
SHIFT = 0.02
"""How far off a class balance is in the sweep of balances."""

Runs = dict[str, dict[str, dict[str, dict[str, dict[str, float]]]]]
"""World -> model -> budget -> seed -> figure."""


def balanced_accuracy(P: np.ndarray, y: np.ndarray) -> float:
    """Return the mean over the classes of the share of their records that is found; ties in expectation.

    >>> balanced_accuracy(np.array([[0.9, 0.1], [0.9, 0.1], [0.9, 0.1], [0.1, 0.9]]), np.array([0, 0, 1, 1]))
    0.75
    """
    found = picks(P)[np.arange(len(y)), y]
    n = np.bincount(y, minlength=P.shape[1])
    return float((np.bincount(y, found, minlength=P.shape[1]) / np.maximum(n, 1))[n > 0].mean())


def measured(P: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """Return the figures of probabilities (n, k)."""
    return {"accuracy": accuracy(P, y), "balanced": balanced_accuracy(P, y), "log_loss": log_loss(P, y)}


def drawn(world: World, most: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return rows in the order in which they get labels, and rows that never get one: of those with a vote."""
    voted = np.flatnonzero((world.L != ABSTAIN).any(axis=1))
    order = np.random.default_rng([seed, 1]).permutation(voted)
    return order[:most], np.sort(order[most:])


def told(y: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return manual labels of some rows, -1 elsewhere."""
    given = np.full(len(y), ABSTAIN)
    given[rows] = y[rows]
    return given


def probabilities(name: str, world: World, given: np.ndarray) -> np.ndarray:
    """Return what a model says of all records."""
    if name == CROWDKIT:
        return crowdkit(world, given)
    model = label_model(
        DEFAULT if name == "committee" else name, n_classes=world.n_classes, class_balance=world.class_balance
    )
    return model.fit_predict_proba(world.L, given)


def crowdkit(world: World, given: np.ndarray) -> np.ndarray:
    """Return what crowd-kit's Dawid-Skene says; it learns the class balance, and takes labels as certain."""
    import pandas as pd
    from crowdkit.aggregation import DawidSkene

    rows, columns = np.nonzero(world.L != ABSTAIN)
    frame = pd.DataFrame({"task": rows, "worker": columns, "label": world.L[rows, columns].astype(int)})
    gold = np.flatnonzero((given != ABSTAIN) & (world.L != ABSTAIN).any(axis=1))
    known = pd.Series(given[gold], index=pd.Index(gold, name="task"), name="label") if len(gold) else None
    found = DawidSkene(n_iter=100).fit(frame, true_labels=known).probas_
    P = np.full((len(world.L), world.n_classes), 1 / world.n_classes)
    P[found.index.to_numpy()] = found.reindex(columns=range(world.n_classes)).fillna(0.0).to_numpy()
    return np.where(np.isfinite(P), P, 1 / world.n_classes)


def one_seed(
    maker: Maker, n: int, seed: int, models: Sequence[str], budgets: Sequence[int]
) -> dict[str, dict[str, dict[str, float]]]:
    """Return model -> budget -> figure in one world; models that fail are left out."""
    world = maker(np.random.default_rng([seed, 0]), n)
    order, judged = drawn(world, max(*budgets, max(BUDGETS)), seed)
    found: dict[str, dict[str, dict[str, float]]] = {}
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in models:
            if name == "snorkel" and world.L.shape[1] * world.n_classes > MOST_SNORKEL:
                continue
            for budget in budgets:
                start = time.perf_counter()
                P = probabilities(name, world, told(world.y, order[:budget]))
                seconds = time.perf_counter() - start
                figures = {**measured(P[judged], world.y[judged]), "seconds": seconds}
                found.setdefault(name, {})[str(budget)] = figures
    return found


def _named_seed(world: str, n: int, seed: int, models: Sequence[str], budgets: Sequence[int]) -> Any:
    return world, seed, one_seed(WORLDS[world], n, seed, models, budgets)


def run(
    worlds: Sequence[str], models: Sequence[str], budgets: Sequence[int], seeds: Iterable[int], n: int, jobs: int
) -> Runs:
    """Measure all models in all worlds."""
    runs: Runs = {world: {} for world in worlds}
    with ProcessPoolExecutor(jobs) as pool:
        tasks = [pool.submit(_named_seed, world, n, seed, models, budgets) for world in worlds for seed in seeds]
        for task in as_completed(tasks):
            world, seed, found = task.result()
            for model, by_budget in found.items():
                for budget, figures in by_budget.items():
                    runs[world].setdefault(model, {}).setdefault(budget, {})[str(seed)] = figures
    return runs


def with_known(runs: Runs, known: Mapping[str, Any], seeds: Iterable[int], budgets: Sequence[int]) -> Runs:
    """Add the figures of other models from an earlier JSON, where it has all seeds and budgets."""
    wanted, cells = [str(seed) for seed in seeds], [str(budget) for budget in budgets]
    for world, models in known["runs"].items():
        for model, by_budget in models.items() if world in runs else ():
            if model in runs[world] or not all(seed in by_budget.get(b, {}) for b in cells for seed in wanted):
                continue
            runs[world][model] = {b: {seed: by_budget[b][seed] for seed in wanted} for b in cells}
    return runs


def means(runs: Runs) -> dict[str, dict[str, dict[str, dict[str, float]]]]:
    """Return world -> model -> budget -> mean of each figure over the seeds, and its standard error."""

    def summary(by_seed: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
        found = {}
        for figure in (*FIGURES, "seconds"):
            values = np.array([figures[figure] for figures in by_seed.values()])
            found[figure] = float(values.mean())
            found[f"{figure}_se"] = float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.0
        return found

    return {
        world: {model: {b: summary(by_seed) for b, by_seed in found.items()} for model, found in models.items()}
        for world, models in runs.items()
    }


def best_rival(models: Mapping[str, Any], budget: str, figure: str) -> tuple[str, float]:
    """Return the best rival there is in a world, and its figure."""
    there = {name: models[name][budget][figure] for name in RIVALS if name in models}
    name = max(there, key=there.__getitem__)
    return name, there[name]


def report(found: Mapping[str, Any], budgets: Sequence[int]) -> list[Table]:
    """Return a table for each budget, with the promises that are broken, and the means over the worlds."""
    tables = []
    for budget in map(str, budgets):
        rows = []
        for world, models in found.items():
            ours = models["committee"]
            row: list[Any] = [world]
            broken = []
            for figure in ("accuracy", "balanced"):
                name, best = best_rival(models, budget, figure)
                regret = 100 * (best - ours[budget][figure])
                row += [f"{100 * ours[budget][figure]:.1f}", f"{100 * best:.1f} {name}", f"{regret:+.1f}"]
                broken += [figure] if regret > ALLOWED else []
            majority = models["majority_vote"][budget]["log_loss"]
            row += [f"{ours[budget]['log_loss']:.3f}", f"{majority:.3f}"]
            broken += ["log loss"] if ours[budget]["log_loss"] > majority else []
            fewer = max(ours[str(b)]["accuracy"] for b in budgets if b <= int(budget))
            broken += ["fewer labels"] if 100 * (fewer - ours[budget]["accuracy"]) > ALLOWED else []
            rows.append([*row, ", ".join(broken)])
        head = [
            "world", "accuracy %", "best rival", "regret", "balanced %", "best rival", "regret", "log loss", "majority",
            "broken",
        ]  # fmt: skip
        tables.append(Table(f"{budget} labels", head, rows))
    tables.append(mean_table(found, budgets))
    return tables


def mean_table(found: Mapping[str, Any], budgets: Sequence[int]) -> Table:
    """Return the mean over the worlds of every model that was measured in all of them, and the worst regret."""
    names = [name for name in next(iter(found.values())) if all(name in models for models in found.values())]
    rows = []
    for name in names:
        row: list[Any] = [name]
        for figure in FIGURES:
            for budget in map(str, budgets):
                mean = np.mean([models[name][budget][figure] for models in found.values()])
                row.append(f"{mean:.3f}" if figure == "log_loss" else f"{100 * mean:.1f}")
        for budget in map(str, budgets):
            worst = max(
                best_rival(models, budget, figure)[1] - models[name][budget][figure]
                for models in found.values()
                for figure in ("accuracy", "balanced")
            )
            row.append(f"{100 * worst:.1f}")
        rows.append(row)
    rows.sort(key=lambda row: -float(row[1]))
    head = ["model", *[f"{word} {b}" for word in ("acc", "bal", "loss", "worst regret") for b in budgets]]
    return Table(f"means over {len(found)} worlds", head, rows)


# ---- sweeps: one thing changes, and nothing may fall off a cliff


def prefix(maker: Maker, n: int, m: int) -> Maker:
    """Return a maker of worlds of which only the first records and functions are there."""

    def made(rng: np.random.Generator, records: int) -> World:
        world = maker(rng, records)
        return replace(world, L=world.L[:n, :m], y=world.y[:n], posterior=None)

    return made


def accuracy_on(maker: Maker, n: int, seeds: Iterable[int], budget: int, model: str = "committee") -> float:
    """Return the mean accuracy in % of a model."""
    found = [one_seed(maker, n, seed, [model], [budget])[model][str(budget)]["accuracy"] for seed in seeds]
    return 100 * float(np.mean(found))


def given_balance(world: Maker, shift: float) -> Maker:
    """Return a maker of the same worlds with their true class balance given, off by ``shift`` in the last class."""

    def made(rng: np.random.Generator, n: int) -> World:
        found = world(rng, n)
        k = found.n_classes
        share = np.bincount(found.y, minlength=k) / len(found.y)
        share[-1] += shift
        share[:-1] -= shift / (k - 1)
        share = np.maximum(share, 1e-3)
        return replace(found, class_balance=tuple(share / share.sum()))

    return made


def sweeps(seeds: Sequence[int], n: int) -> list[Table]:
    """Return tables of accuracy along one change at a time, of the default and of majority vote."""
    tables = []
    for title, rare in (("even classes", None), ("rare class 10 %", 0.1)):
        for name, along in steps(partial(two_sided, rare=rare), n).items():
            tables.append(sweep(f"{name}, {title}", along, seeds, n))
        tables.append(sweep_of_labels(f"labels, {title}", partial(two_sided, rare=rare), seeds, n))
    rows = []
    for name, maker in WORLDS.items():
        values = [accuracy_on(given_balance(maker, s), n, seeds, 0) for s in (-SHIFT, 0.0, SHIFT)]
        rows.append([name, *(f"{value:.1f}" for value in values), f"{max(values) - min(values):.1f}"])
    tables.append(Table("class balance given, off by .02", ["world", "-.02", "right", "+.02", "range"], rows))
    return tables


def steps(maker: Callable[..., World], n: int) -> dict[str, dict[str, Maker]]:
    """Return what changes -> step -> maker of worlds; functions and records are added to those that are there."""
    wide = partial(maker, m=24)
    return {
        "functions": {str(m): prefix(wide, n, m) for m in (*range(2, 13), 16, 24)},
        "records": {str(r): prefix(maker, r, 10) for r in (130, 160, 200, 300, 500, 1000, n)},
        "classes": {str(k): partial(maker, k=k) for k in (2, 3, 4, 6, 10, 16)},
    }


def sweep(title: str, along: Mapping[str, Maker], seeds: Sequence[int], n: int) -> Table:
    """Return a table of accuracy with a column for each step."""
    rows = []
    for model, budget in (("committee", 0), ("committee", 20), ("majority_vote", 0)):
        values = [accuracy_on(maker, n, seeds, budget, model) for maker in along.values()]
        rows.append([model, budget, *(f"{value:.1f}" for value in values), largest_fall(values)])
    return Table(title, ["model", "labels", *along, "largest fall"], rows)


def sweep_of_labels(title: str, maker: Maker, seeds: Sequence[int], n: int) -> Table:
    """Return a table of accuracy with a column for each number of labels."""
    values = [accuracy_on(maker, n, seeds, budget) for budget in STEPS_OF_LABELS]
    row = ["committee", *(f"{value:.1f}" for value in values), largest_fall(values)]
    return Table(title, ["model", *map(str, STEPS_OF_LABELS), "largest fall"], [row])


def largest_fall(values: Sequence[float]) -> str:
    """Return the largest fall from one step to the next.

    >>> largest_fall([80.0, 82.0, 81.5, 83.0])
    '0.5'
    """
    return f"{max(0.0, *(before - after for before, after in pairwise(values))):.1f}"


# ---- the command


def chosen(given: str | None, there: Sequence[str], kind: str) -> list[str]:
    """Return names out of a list separated by ``;`` or commas, all by default."""
    if not given:
        return list(there)
    names = [name for name in there if name in given]  # names of worlds hold commas
    rest = [part.strip() for part in given.split(",") if not any(part.strip() in name for name in names)]
    for name in rest:
        raise WeaklabError(f"no {kind} named {name!r};{did_you_mean(name, there)} available: {'; '.join(there)}")
    return names


def registered() -> list[str]:
    """Return the names of all label models, and of crowd-kit's if it is installed."""
    names = ["committee" if name == DEFAULT else name for name in LABEL_MODELS.names()]
    return [*names, *([CROWDKIT] if find_spec("crowdkit") else [])]


def main(given: Sequence[str] | None = None) -> None:
    """Parse the arguments, measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="file for the figures")
    parser.add_argument("--seeds", type=int, default=10, help="worlds of each kind (default 10)")
    parser.add_argument("--first-seed", type=int, default=0, help="settings are to be chosen on others than these")
    parser.add_argument("--worlds", help="only these worlds; by default all")
    parser.add_argument("--models", help="only these label models; by default all")
    parser.add_argument("--labels", default="0,20,100", help="numbers of manual labels (default 0,20,100)")
    parser.add_argument("--records", type=int, default=RECORDS, help=f"records of a world (default {RECORDS:,})")
    parser.add_argument("--known", type=Path, help="take the figures of models that are not measured from this JSON")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--sweeps", action="store_true", help="change one thing at a time instead")
    options = parser.parse_args(given)
    refuse_without_folder(parser, options.json)
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    try:
        if options.sweeps:
            for table in sweeps(seeds, options.records):
                print(f"{table}\n", flush=True)
            return
        worlds, models = (
            chosen(options.worlds, list(WORLDS), "world"),
            chosen(options.models, registered(), "label model"),
        )
        budgets = [int(budget) for budget in options.labels.split(",")]
    except (WeaklabError, ValueError) as error:
        parser.error(str(error))
    runs = run(worlds, models, budgets, seeds, options.records, options.jobs)
    if options.known:
        runs = with_known(runs, json.loads(options.known.read_text(encoding="utf-8")), seeds, budgets)
    found = means(runs)
    write(options.json, {"records": options.records, "runs": runs, "worlds": found})
    if all({"committee", "majority_vote"} <= set(models) for models in found.values()):
        for table in report(found, budgets):
            print(f"{table}\n")


if __name__ == "__main__":
    main()
