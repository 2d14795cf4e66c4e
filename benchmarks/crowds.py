"""A crowd in a project beside its consensus alone, and how often the intervals of workers hold.

    python -m benchmarks.crowds --data DIR --json FILE

Of each crowd, ``DIR/crowd/NAME`` with ``label.csv`` (item, worker, label) and ``truth.csv`` (item, truth), a project
holds the items and asks about some, ten at a time, at random or as the scheduler likes; the truth answers. Its
probabilities are compared with ``Crowd.consensus(y=answers)`` on the items that have a truth and no answer: accuracy in
percent, and the Brier score (sum over labels) times 100. Workers: the share of the 95 % intervals of their accuracy,
made without any answer, that hold the share of their labels that are right.

The JSON is ``{name: {"workers": share, budget: {"project" or "consensus": [[accuracy, Brier] of each seed]}}}``.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

import weaklab
from weaklab.core.tables import Table

if TYPE_CHECKING:
    from numpy.typing import NDArray

BUDGETS: tuple[tuple[int, str | None], ...] = ((0, None), (20, None), (60, None), (60, "random"))
FEWEST = 100  # known items; of fewer, too few are left without an answer


def read(folder: Path) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return the judgements, strings, and the truth of items, of which those without a truth are left out."""
    truth = pd.read_csv(folder / "truth.csv", dtype=str)
    known = dict(zip(truth["item"], truth["truth"], strict=True))
    judgements = pd.read_csv(folder / "label.csv", dtype=str)
    return judgements[judgements["item"].isin(list(known))], known


def scores(P: NDArray[np.float64], y: NDArray[np.int64]) -> list[float]:
    """Return accuracy and Brier score of (n, k) probabilities, both times 100.

    >>> scores(np.array([[0.9, 0.1], [0.5, 0.5]]), np.array([0, 1]))
    [50.0, 26.0]
    """
    brier = ((P - np.eye(P.shape[1])[y]) ** 2).sum(axis=1)
    return [100 * float((P.argmax(axis=1) == y).mean()), round(100 * float(brier.mean()), 6)]


def run(judgements: pd.DataFrame, truth: dict[str, str], n: int, strategy: str | None, seed: int) -> dict[str, Any]:
    """Return the scores of a project and of the consensus after n answers."""
    labels = sorted(set(truth.values()) | set(judgements["label"]))
    with (
        tempfile.TemporaryDirectory() as folder,
        weaklab.Project(Path(folder) / "p", labels=labels, seed=seed) as project,
    ):
        crowd = project.add_crowd(judgements, quiet=True)
        for _ in range(0, n, 10):
            for ask in project.ask(10, strategy=strategy):
                project.label(ask, truth[str(ask.id)])
        answers = project.manual_labels()
        columns = [f"p_{name}" for name in labels]
        found = {
            "project": project.labels(),
            "consensus": crowd.consensus(y=answers),
        }
        left = {name: table[~table["item"].isin(list(answers))] for name, table in found.items()}
        return {
            name: scores(table[columns].to_numpy(), np.array([labels.index(truth[str(i)]) for i in table["item"]]))
            for name, table in left.items()
        }


def coverage(judgements: pd.DataFrame, truth: dict[str, str]) -> float:
    """Return the percentage of intervals of workers that hold the share of their labels that are right."""
    quality = weaklab.Crowd(judgements).quality().set_index("worker")
    right = (judgements["label"] == judgements["item"].map(truth)).groupby(judgements["worker"]).mean()
    right = right.reindex(quality.index)
    return 100 * float(((quality["low"] <= right) & (right <= quality["high"])).mean())


def main() -> None:
    """Measure the crowds of a folder, and print two tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a folder with crowd/NAME/label.csv and truth.csv")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    found: dict[str, Any] = {}
    with threadpool_limits(1):
        for folder in sorted(path.parent for path in given.data.glob("crowd/*/truth.csv")):
            judgements, truth = read(folder)
            each: dict[str, Any] = {"workers": coverage(judgements, truth)}
            for n, strategy in BUDGETS if len(truth) >= FEWEST else BUDGETS[:1]:
                runs = [run(judgements, truth, n, strategy, seed) for seed in range(given.seeds if n else 1)]
                each[f"{n} {strategy or 'scheduled'}"] = {
                    name: [one[name] for one in runs] for name in ("project", "consensus")
                }
            found[folder.name] = each
            if given.json:
                given.json.write_text(json.dumps(found))
    print(as_table(found))


def as_table(found: dict[str, Any]) -> Table:
    """Return a table of what was measured: means over the seeds."""
    rows = [
        [name, answers, *(f"{value:.1f}" for way in ("project", "consensus") for value in np.mean(each[way], axis=0))]
        for name, kinds in found.items()
        for answers, each in kinds.items()
        if answers != "workers"
    ]
    notes = [f"{name}: {kinds['workers']:.0f} % of the intervals of workers hold" for name, kinds in found.items()]
    columns = ["crowd", "answers", "project: accuracy", "Brier", "consensus: accuracy", "Brier "]
    return Table("A crowd in a project", columns, rows, notes)


if __name__ == "__main__":
    main()
