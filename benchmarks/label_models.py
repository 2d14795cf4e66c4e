"""Every label model on label matrices and on crowd labels whose truth is known.

    python -m benchmarks.label_models --data DIR --json FILE
    python -m benchmarks.label_models --data DIR --json FILE --seeds 2 --sets a,b --models committee,majority_vote

Votes: every ``DIR/votes/NAME.npz`` with ``L`` int (n, m), -1 abstains, and ``y`` int (n,), -1 unknown, at 0, 10, 20,
50, 100 and 200 manual labels, drawn at random, the same ones for every model; a set with no more labeled rows than that
leaves a budget out. Crowd: every folder ``DIR/crowd/NAME`` with ``label.csv`` (item, worker, label) and ``truth.csv``
(item, truth), without manual labels; several labels of one worker for an item are one, see
:class:`weaklab.crowd.crowd.Crowd`. Models see all rows; figures are those of the rows with a known truth that was not
given to the model: accuracy, F1 (of class 1 of two, else macro), Brier score, log loss and ECE (15 bins) as fractions,
and the seconds of fit and predict_proba together. Ties are scored in expectation. Mean and standard error are over the
seeds; without manual labels nothing is drawn, one run tells all, and the standard error is 0.

JSON: {"votes": {"sets": {set: {model: {budget: {metric: value}}}}, "mean": {model: {budget: {metric: value}}}},
"crowd": the same}. Every metric has its standard error beside it, ``accuracy_se`` and so on. Means are over the sets
that have the budget; a model that failed on one of these has no mean there. The default label model goes by the name
committee.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from weaklab.core.errors import WeaklabError, did_you_mean
from weaklab.core.labels import ABSTAIN
from weaklab.core.tables import Table
from weaklab.core.votes import Votes
from weaklab.crowd.crowd import Crowd
from weaklab.evaluation.compare import FIGURES, compare_label_models
from weaklab.label_models import DEFAULT, LABEL_MODELS, LabelModel, label_model

BUDGETS = (0, 10, 20, 50, 100, 200)
SHOWN = {"accuracy": "accuracy in %", "brier": "Brier score x 100", "ece": "ECE in %"}
"""What the tables show; all of it goes into the JSON."""


class Given(NamedTuple):
    """A data set: L int (n, m), -1 abstains; y int (n,), -1 unknown; and how sure some votes are, by column of L."""

    L: np.ndarray
    y: np.ndarray
    confidence: Mapping[int, np.ndarray] = MappingProxyType({})


Found = dict[str, dict[str, dict[str, float]]]
"""Model -> budget -> metric and its standard error."""


def read_votes(file: Path) -> Given:
    """Return the votes and the truth of an npz file."""
    with np.load(file) as arrays:
        missing = {"L", "y"} - set(arrays)
        if missing:
            raise WeaklabError(f"{file} holds {sorted(arrays)}; wanted L, the votes, and y, the truth")
        return Given(arrays["L"].astype(np.int64), arrays["y"].astype(np.int64))


def read_crowd(folder: Path) -> Given:
    """Return labels and truth of a folder; items are those that somebody labeled, classes also those that are only ever
    the truth.

    Items, workers and labels may be any text; a line with an empty cell is left out.
    """
    labels, truth = (
        _table(folder / "label.csv", ["item", "worker", "label"]),
        _table(folder / "truth.csv", ["item", "truth"]),
    )
    names = sorted({*labels["label"], *truth["truth"]}, key=_by_size)
    crowd = Crowd(labels, labels=names)
    known = dict(zip(truth["item"], map(names.index, truth["truth"]), strict=True))
    return Given(crowd.L, np.array([known.get(item, ABSTAIN) for item in crowd.items]), crowd.confidence)


def _table(file: Path, columns: Sequence[str]) -> Any:
    import pandas as pd

    if not file.exists():
        raise WeaklabError(f"there is no {file}; wanted a table with the columns {', '.join(columns)}")
    frame = pd.read_csv(file, dtype=str, keep_default_na=False)
    frame.columns = frame.columns.str.strip()
    missing = [name for name in columns if name not in frame]
    if missing:
        raise WeaklabError(f"{file} has the columns {', '.join(frame.columns)}; wanted {', '.join(columns)}")
    frame = frame[columns].apply(lambda column: column.str.strip())
    return frame[(frame != "").all(axis=1)]


def _by_size(name: str) -> tuple[bool, float, str]:
    try:
        number = float(name)
    except ValueError:
        number = math.inf
    return (False, number, name) if math.isfinite(number) else (True, 0.0, name)


def data_sets(data: Path) -> dict[str, dict[str, Callable[[], Given]]]:
    """Return kind -> name -> what reads the set."""
    votes = {file.stem: lambda file=file: read_votes(file) for file in sorted((data / "votes").glob("*.npz"))}
    crowd = {
        file.parent.name: lambda file=file: read_crowd(file.parent)
        for file in sorted((data / "crowd").glob("*/label.csv"))
    }
    return {"votes": votes, "crowd": crowd}  # type: ignore[dict-item]


def run(given: Given, models: Mapping[str, LabelModel], budgets: Sequence[int], seeds: int) -> tuple[Found, list[str]]:
    """Measure every model at every budget that the set is large enough for; return also what failed."""
    fitting = [budget for budget in budgets if budget < (given.y != ABSTAIN).sum()]
    votes = Votes(given.L, confidence=given.confidence)
    compared = compare_label_models(votes, given.y, models=models, budgets=fitting or [0], seeds=seeds)
    found: Found = {name: {} for name in models}
    for row in compared.rows:
        if row["error"] is None:
            found[row["model"]][str(row["budget"])] = {
                key: row[key] for figure in FIGURES for key in (figure, f"{figure}_se")
            }
    failed = [
        f"{row['model']} with {row['budget']} labels: {row['error']}"
        for row in compared.rows
        if row["error"] is not None
    ]
    return found, failed


def mean(sets: Mapping[str, Found]) -> Found:
    """Return the mean over the sets that have a budget; draws of different sets are independent, so squared errors add
    up.
    """
    found: Found = {}
    for name in {name: None for figures in sets.values() for name in figures}:
        found[name] = {}
        for budget in sorted(
            {budget for one in sets.values() for figures in one.values() for budget in figures}, key=int
        ):
            having = [one for one in sets.values() if any(budget in figures for figures in one.values())]
            if all(budget in one[name] for one in having):
                rows = [one[name][budget] for one in having]
                found[name][budget] = {
                    key: math.sqrt(sum(row[key] ** 2 for row in rows)) / len(rows)
                    if key.endswith("_se")
                    else sum(row[key] for row in rows) / len(rows)
                    for key in rows[0]
                }
    return found


def table(kind: str, metric: str, sets: Mapping[str, Found], means: Found) -> Table:
    """Return model by set, one block for each budget, the best mean first."""
    cells = []
    budgets = sorted({budget for one in sets.values() for figures in one.values() for budget in figures}, key=int)
    sign = -1 if metric == "accuracy" else 1
    for budget in budgets:
        order = sorted(means, key=lambda name: sign * means[name].get(budget, {metric: sign * math.inf})[metric])
        for name in order:
            row = [one.get(name, {}).get(budget) for one in (*sets.values(), means)]
            cells.append(
                [int(budget), name, *("" if figures is None else f"{100 * figures[metric]:.1f}" for figures in row)]
            )
    return Table(f"{kind}: {SHOWN[metric]}", ["labels", "model", *sets, "mean"], cells)


def _chosen(given: str | None, there: Sequence[str], kind: str) -> list[str]:
    names = [name.strip() for name in given.split(",")] if given else list(there)
    for name in names:
        if name not in there:
            raise WeaklabError(f"no {kind} named {name!r};{did_you_mean(name, there)} available: {', '.join(there)}")
    return names


def benchmark(
    data: Path,
    seeds: int = 5,
    sets: str | None = None,
    models: str | None = None,
    finished: Callable[[dict[str, Any]], object] = lambda found: None,
) -> dict[str, Any]:
    """Run and print; return what goes into the JSON, and call ``finished`` with it after every set.

    Raises
    ------
    WeaklabError
        There are no sets under ``data``, a name is none of a set or model, or a file cannot be read.
    """
    readers = data_sets(data)
    there = [name for group in readers.values() for name in group]
    if not there:
        raise WeaklabError(f"{data} holds no votes/*.npz and no crowd/*/label.csv; name a folder that does")
    only = _chosen(sets, there, "data set")
    registered = ["committee" if name == DEFAULT else name for name in LABEL_MODELS.names()]
    chosen = {
        name: label_model(DEFAULT if name == "committee" else name)
        for name in _chosen(models, registered, "label model")
    }
    loaded = {kind: {name: read() for name, read in group.items() if name in only} for kind, group in readers.items()}
    unknown = next(
        (name for group in loaded.values() for name, given in group.items() if not (given.y != ABSTAIN).any()), None
    )
    if unknown is not None:
        raise WeaklabError(f"no row of {unknown!r} has a known truth to measure against; leave it out with --sets")
    for model in chosen.values():
        model.fit([[0, 1], [1, 0]])  # loads what it needs, before the clock starts
    found: dict[str, Any] = {kind: {"sets": {}, "mean": {}} for kind in loaded}
    for kind, group in loaded.items():
        of_kind: dict[str, Found] = found[kind]["sets"]
        for name, given in group.items():
            start = time.perf_counter()
            of_kind[name], failed = run(given, chosen, BUDGETS if kind == "votes" else (0,), seeds)
            print(
                f"{kind} {name}: {given.L.shape[0]:,} rows, {given.L.shape[1]} voters, "
                f"{time.perf_counter() - start:.0f} s",
                flush=True,
            )
            for line in failed:
                print(f"{kind} {name}: {line}", file=sys.stderr, flush=True)
            found[kind]["mean"] = mean(of_kind)
            finished(found)
    for kind, group in found.items():
        for metric in SHOWN if group["sets"] else ():
            print(f"\n{table(kind, metric, group['sets'], group['mean'])}")
    return found


def refuse_without_folder(parser: argparse.ArgumentParser, file: Path | None) -> None:
    """End with a sentence, before anything runs, where there is no folder for the figures."""
    if file and not file.absolute().parent.is_dir():
        parser.error(f"--json {file}: there is no folder {file.parent}")


def write(file: Path | None, found: Mapping[str, Any]) -> None:
    """Write the figures so far, so that those of finished sets are there if a later one fails."""
    if file:
        file.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def main(given: Sequence[str] | None = None) -> None:
    """Parse the arguments, measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds votes/ or crowd/, or both")
    parser.add_argument("--json", type=Path, help="file for the figures, written after every set")
    parser.add_argument("--seeds", type=int, default=5, help="draws of manual labels (default 5)")
    parser.add_argument("--sets", help="only these data sets, separated by commas; by default all")
    parser.add_argument("--models", help="only these label models, separated by commas; by default all")
    arguments = parser.parse_args(given)
    refuse_without_folder(parser, arguments.json)
    try:
        with threadpool_limits(1):
            benchmark(
                arguments.data,
                arguments.seeds,
                arguments.sets,
                arguments.models,
                lambda found: write(arguments.json, found),
            )
    except WeaklabError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
