"""The runs of a simulation, and the table and the learning curves that compare their strategies."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weaklab.core.errors import WeaklabError, did_you_mean, warn
from weaklab.core.files import write_errors
from weaklab.core.tables import Table, counted
from weaklab.evaluation.plots import NO_MATPLOTLIB, Curve, figure_bytes, learning_curves, write_figure
from weaklab.scheduling.scheduler import RANDOM

if TYPE_CHECKING:
    import pandas as pd

MOST_COLUMNS = 8
"""A table shows at most this many budgets."""
METRICS = {
    "accuracy": ("accuracy in %", True, True),
    "rest_accuracy": ("accuracy in % of the records without a manual label", True, True),
    "test_accuracy": ("accuracy in % on the records held out", True, True),
    "macro_f1": ("macro-F1 in %", True, True),
    "brier": ("Brier score of the records without a manual label", False, False),
    "seconds": ("seconds a turn", False, False),
}
"""Metric -> (description, whether it is shown as a percentage, whether higher is better)."""


@dataclass(frozen=True)
class Run:
    """One run of a simulation.

    Attributes
    ----------
    strategy : name of the strategy
    seed : seed of all random draws
    rounds : measures before and after each batch, see :func:`weaklab.simulation.experiment.measures`
    """

    strategy: str
    seed: int
    rounds: Sequence[Mapping[str, Any]]


@dataclass
class Simulation:
    """The result of :func:`weaklab.simulate`.

    Attributes
    ----------
    name : name of the data
    n_records : number of records that could be asked about
    budgets : numbers of manual labels that the table compares
    runs : the runs, one per strategy and seed
    skipped : strategy -> reason why it could not be run
    """

    name: str
    n_records: int
    budgets: Sequence[int]
    runs: Sequence[Run]
    skipped: Mapping[str, str] = field(default_factory=dict)

    @property
    def strategies(self) -> list[str]:
        """Names of the strategies, in the order in which they were given."""
        return list(dict.fromkeys(run.strategy for run in self.runs))

    def to_pandas(self) -> pd.DataFrame:
        """Return one row for each strategy, seed and number of labels, with all measures."""
        import pandas as pd

        rows = [{"strategy": run.strategy, "seed": run.seed, **found} for run in self.runs for found in run.rounds]
        return pd.DataFrame(rows)

    def ranking(self, metric: str = "accuracy") -> list[str]:
        """Return the strategies, sorted by their mean over the budgets, best first."""
        sign = -1 if self._metric(metric)[2] else 1
        means = {name: _mean([_mean(values) for values in self._values(name, metric)]) for name in self.strategies}
        return sorted(means, key=lambda name: sign * means[name])

    def table(self, metric: str = "accuracy") -> Table:
        """Return a table of strategies by budgets: mean over the seeds ± standard error, best strategy first.

        The last column is the mean difference to ``random`` with the same seed, in the unit of the table. The last row
        is the committee without manual labels.

        Parameters
        ----------
        metric : ``accuracy``, ``rest_accuracy``, ``macro_f1``, ``brier``, ``seconds``, or ``test_accuracy`` if there
            are test records
        """
        what, percent, _ = self._metric(metric)
        shown = _spread_out(self.budgets, MOST_COLUMNS)
        compared = RANDOM in self.strategies and len(self.strategies) > 1
        several = len(self.budgets) > 1
        rows: list[list[Any]] = []
        for name in self.ranking(metric):
            values = self._values(name, metric)
            cells = [
                _cell(per_seed, percent)
                for budget, per_seed in zip(self.budgets, values, strict=True)
                if budget in shown
            ]
            per_seed = [_mean(of_seed) for of_seed in zip(*values, strict=True)]
            rows.append([name, *cells, *([_cell(per_seed, percent)] if several else [])])
            if compared:
                rows[-1].append(
                    None if name == RANDOM else _cell(self._beyond_random(name, metric), percent, signed=True)
                )
        start = _mean([run.rounds[0][metric] for run in self.runs])
        rows.append(["(no labels)", *[_cell([start], percent)] * (len(shown) + several), *([None] if compared else [])])
        seeds = len({run.seed for run in self.runs})
        spread = f", mean ± standard error of {seeds} seeds" if seeds > 1 else ", one seed"
        columns = [
            "strategy",
            *(f"N={budget:,}" for budget in shown),
            *(["mean"] if several else []),
            *(["vs random"] if compared else []),
        ]
        notes = (
            [f"the mean is over {len(self.budgets)} budgets, of which {len(shown)} are shown"]
            if len(shown) < len(self.budgets)
            else []
        )
        notes += [f"not run: {name}: {reason}" for name, reason in self.skipped.items()]
        return Table(f"{self.name}: {counted(self.n_records, 'record')}, {what}{spread}", columns, rows, notes)

    def _metric(self, metric: str) -> tuple[str, bool, bool]:
        known = [name for name in METRICS if name in self.runs[0].rounds[0]]
        if metric not in known:
            raise WeaklabError(
                f"nothing measured is named {metric!r};{did_you_mean(metric, known)} there are {', '.join(known)}"
            )
        return METRICS[metric]

    def _values(self, strategy: str, metric: str) -> list[list[float]]:
        """Return one list per budget, with the values of all seeds."""
        runs = [run for run in self.runs if run.strategy == strategy]
        return [[_at(run, budget)[metric] for run in runs] for budget in self.budgets]

    def _beyond_random(self, strategy: str, metric: str) -> list[float]:
        """Return the mean difference to random over the budgets, by seed."""
        pairs = zip(self._values(strategy, metric), self._values(RANDOM, metric), strict=True)
        by_budget = [[a - b for a, b in zip(mine, its, strict=True)] for mine, its in pairs]
        return [_mean(of_seed) for of_seed in zip(*by_budget, strict=True)]

    def curves(self, strategies: Sequence[str] | None = None, metric: str = "accuracy") -> dict[str, Curve]:
        """Return the learning curve of each strategy, best first; percentages are from 0 to 100."""
        import numpy as np

        for name in strategies or ():
            if name not in self.strategies:
                raise WeaklabError(
                    f"no runs of {name!r};{did_you_mean(name, self.strategies)} there are {', '.join(self.strategies)}"
                )
        scale = 100.0 if self._metric(metric)[1] else 1.0
        found = {}
        for name in self.ranking(metric):
            if strategies is None or name in strategies:
                runs = [run for run in self.runs if run.strategy == name]
                x = np.array([r["n_labels"] for r in runs[0].rounds], dtype=np.float64)
                found[name] = Curve(
                    x, scale * np.array([[r[metric] for r in run.rounds] for run in runs], dtype=np.float64)
                )
        return found

    def plot(
        self, path: str | Path | None = None, strategies: Sequence[str] | None = None, metric: str = "accuracy"
    ) -> Any:
        """Draw learning curves: the mean over the seeds, and a band of ± one standard deviation.

        Up to seven strategies in addition to ``random`` share one panel; more get a small panel each.

        Parameters
        ----------
        path : file to write, ``.png`` or ``.svg``; optional
        strategies : the strategies to draw, all by default; ``random`` is drawn grey and dashed
        metric : see :meth:`table`

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        WeaklabError
            matplotlib is not installed, or the path has another suffix.
        """
        what, percent, _ = self._metric(metric)
        seeds = len({run.seed for run in self.runs})
        spread = f"mean and standard deviation of {seeds} seeds" if seeds > 1 else "one seed"
        title = f"{self.name}: {counted(self.n_records, 'record')}, {spread}"
        figure = learning_curves(
            self.curves(strategies, metric), title=title, ylabel=what, baseline=RANDOM, most=100.0 if percent else None
        )
        if path is not None:
            write_figure(figure, path)
        return figure

    def save(self, folder: str | Path) -> list[Path]:
        """Write ``curves.csv``, ``table.txt`` and, with matplotlib, ``curves.png`` and ``.svg``; return the paths."""
        folder = Path(folder)
        written = [folder / "curves.csv", folder / "table.txt"]
        with write_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            self.to_pandas().to_csv(written[0], index=False)
            written[1].write_text(f"{self.table()}\n", encoding="utf-8")
        try:
            figure = self.plot()
        except WeaklabError as error:
            if str(error) != NO_MATPLOTLIB:
                raise
            warn(str(error))
            return written
        return [*written, write_figure(figure, folder / "curves.png"), write_figure(figure, folder / "curves.svg")]

    def __repr__(self) -> str:
        return str(self.table())

    def _repr_html_(self) -> str:
        import base64

        table = self.table()
        try:
            picture = base64.b64encode(figure_bytes(self.plot(), "png")).decode()
        except WeaklabError as error:
            table.notes = [*table.notes, str(error)]
            return table._repr_html_()
        return (
            f'{table._repr_html_()}<img style="max-width:100%" alt="learning curves" '
            f'src="data:image/png;base64,{picture}">'
        )


def _at(run: Run, budget: int) -> Mapping[str, Any]:
    return next(found for found in run.rounds if found["n_labels"] == budget)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _spread_out(values: Sequence[int], n: int) -> list[int]:
    """Return at most n of the values, evenly spaced, including the last one.

    >>> _spread_out([10, 20, 30, 40, 50], 2)
    [20, 50]
    """
    if len(values) <= n:
        return list(values)
    return [values[math.floor((i + 1) * len(values) / n) - 1] for i in range(n)]


def _cell(values: Sequence[float], percent: bool, signed: bool = False) -> str:
    """Return the mean over the seeds and its standard error as text."""
    scale, digits = (100, 1) if percent else (1, 3)
    mean = _mean(values)
    text = f"{scale * mean:{'+' if signed else ''}.{digits}f}"
    if len(values) < 2:
        return text
    deviation = math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1))
    return f"{text} ± {scale * deviation / math.sqrt(len(values)):.{digits}f}"
