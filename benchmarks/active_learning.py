"""Accuracy of a committee against the number of labels, for every query strategy.

    python -m benchmarks.active_learning                          # the bundled headlines
    python -m benchmarks.active_learning --data DIR --out FOLDER  # and every folder of the WRENCH format under DIR with
    text

Accuracy is over all training records, manual labels counted as right; mean and standard error over seeds. With
``--out`` every data set gets its own folder with curves and finished runs, and a repeated call continues a stopped run.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from weaklab.datasets import HEADLINE_LABELS, headline_functions, load_headlines, load_wrench
from weaklab.simulation.simulate import simulate


def data_sets(data: Path | None, only: set[str] | None) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield name and arguments for :func:`weaklab.simulate` of every data set."""
    if only is None or "headlines" in only:
        own = {"gold": "gold", "labels": HEADLINE_LABELS, "heuristics": [headline_functions()]}
        yield "headlines", {"data": load_headlines(), **own}
    for file in sorted(data.glob("*/label.json")) if data else ():
        if (only is None or file.parent.name in only) and load_wrench(file.parent).corpus.roles.text:
            yield file.parent.name, {"data": file.parent}


def main() -> None:
    """Parse the arguments, run, print tables, and the mean over the data sets where there are several."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with one WRENCH data set a folder")
    parser.add_argument("--sets", help="only these, separated by commas")
    parser.add_argument("--strategies", help="separated by commas; by default all")
    parser.add_argument("--classifier", default="naive_bayes")
    parser.add_argument("--budgets", default="20,50,100", help="numbers of labels, separated by commas")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, help="folder for curves and finished runs")
    arguments = parser.parse_args()
    found = []
    for name, given in data_sets(arguments.data, set(arguments.sets.split(",")) if arguments.sets else None):
        result = simulate(
            **given,
            classifiers=[arguments.classifier],
            strategies=arguments.strategies.split(",") if arguments.strategies else "all",
            budgets=[int(budget) for budget in arguments.budgets.split(",")],
            seeds=arguments.seeds,
            jobs=arguments.jobs,
            out=arguments.out and arguments.out / name,
            name=name,
        )
        print(f"{result.table()}\n", flush=True)
        if arguments.out:
            result.save(arguments.out / name)
        found.append(result)
    if len(found) > 1:
        print(mean_table(found))


def mean_table(found: list[Any]) -> str:
    """Return the mean accuracy over the data sets in %, strategy by budget, the best mean first."""
    import pandas as pd

    frame = pd.concat([result.to_pandas().assign(data=result.name) for result in found])
    budgets = [budget for budget in found[0].budgets if all(budget in result.budgets for result in found)]
    by_set = frame[frame["n_labels"].isin(budgets)].groupby(["strategy", "n_labels", "data"])["accuracy"].mean()
    means = 100 * by_set.groupby(["strategy", "n_labels"]).mean().unstack()
    means["mean"] = means.mean(axis=1)
    return f"mean of {len(found)} data sets\n{means.sort_values('mean', ascending=False).round(1).to_string()}"


if __name__ == "__main__":
    main()
