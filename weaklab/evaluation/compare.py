"""Comparison of label models on the votes at hand: each is fitted with some known labels and tested on the others."""

from __future__ import annotations

import math
import operator
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.core.codes import check_labels, number_of_classes
from weaklab.core.errors import WeaklabError
from weaklab.core.labels import ABSTAIN
from weaklab.core.metrics import HIGHER_IS_BETTER, MEASURES, measure
from weaklab.core.tables import Table, counted
from weaklab.core.votes import Votes
from weaklab.label_models import LABEL_MODELS, LabelModel, label_model
from weaklab.label_models.old_arguments import takes_votes

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

FIGURES = (*MEASURES, "seconds")
"""The quantities that are measured in each run."""
DEFAULT_BUDGET = 100
_PERCENT = frozenset({"accuracy", "f1", "ece"})
_HEADINGS = {
    "accuracy": "accuracy %",
    "f1": "F1 %",
    "brier": "Brier",
    "log_loss": "log loss",
    "ece": "ECE %",
    "seconds": "seconds",
}


@takes_votes("y")
def compare_label_models(
    votes: Votes | ArrayLike,
    y: ArrayLike,
    *,
    models: Iterable[str | LabelModel] | Mapping[str, str | LabelModel] | str | LabelModel | None = None,
    exclude: Iterable[str] | str = (),
    budgets: Iterable[int] | int | None = None,
    seeds: int | Iterable[int] = 5,
    n_classes: int | None = None,
    covered: bool = False,
) -> Comparison:
    """Compare label models: fit each with some of the known labels and measure it on the others.

    For each budget and seed, that number of labeled rows is drawn at random, the same ones for every model. A model is
    fitted on the votes of all rows with these as manual labels, and measured on the other labeled rows. With budget 0
    nothing is drawn, so one run is enough.

    Parameters
    ----------
    votes : :class:`~weaklab.core.votes.Votes`, or a label matrix int (n, m), -1 abstains; scores of weak classifiers
        are out-of-fold on all labeled rows
    y : int (n,), true or manual labels, -1 where unknown
        The labeled rows should be a random sample; otherwise the results are biased.
    models : names of label models, unfitted models, or a mapping from your own names to either; by default all
        registered models
    exclude : names of models to leave out, such as the slowest one, ``"snorkel"``
    budgets : numbers of manual labels; by default 0 and 100, or half of the labels if there are fewer than 200
    seeds : number of draws, or a list of seeds
    n_classes : k; by default one more than the highest code in votes and ``y``, at least 2
    covered : leave out rows without any vote, as published tables do

    Returns
    -------
    Comparison
        It is shown as a table, best model first; ``to_pandas()`` returns the numbers.

    Raises
    ------
    WeaklabError
        There are no labels, a budget leaves none to measure on, a label model does not exist, or the input has a wrong
        shape. If one model fails, no error is raised: its row contains the reason.

    Examples
    --------
    >>> L = [[0, 0, 1], [1, 1, 1], [0, 0, 0], [1, 0, 1]] * 10
    >>> compared = compare_label_models(L, [0, 1, 0, 1] * 10, models=["majority_vote", "committee"], budgets=[0, 20])
    >>> compared.to_pandas()[["model", "budget", "accuracy"]]
               model  budget  accuracy
    0  majority_vote       0       1.0
    1  majority_vote      20       1.0
    2      committee       0       1.0
    3      committee      20       1.0
    """
    chosen = _models(models, exclude)
    given = Votes.of(votes, n_classes)
    truth = check_labels(y, len(given), n_classes)
    k = int(n_classes or number_of_classes(given.L, truth))
    given = given.checked(k)
    if covered:
        voted = np.flatnonzero((given.L != ABSTAIN).any(axis=1))
        given, truth = given.take(voted), truth[voted]
    known = np.flatnonzero(truth != ABSTAIN)
    wanted, draws = _budgets(budgets, len(known)), _seeds(seeds)
    rows = []
    for name, model in chosen.items():
        for budget in wanted:
            masks = [_drawn(truth, known, budget, seed) for seed in (draws if budget else draws[:1])]
            rows.append(_row(name, model, budget, k, given, truth, masks))
    return Comparison(tuple(rows), len(given), len(known))


@dataclass(frozen=True, repr=False)
class Comparison:
    """The result of :func:`compare_label_models`, shown as a table: most accurate model first, best values with a star.

    Attributes
    ----------
    rows : one dict for each model and budget: ``model``, ``budget``, ``runs``, the means of the measures over the runs
        (as fractions), their standard errors (``accuracy_se`` and so on), and ``error``, None if the model did not fail
    n_rows : number of rows that the models were fitted on
    n_labeled : number of these rows with a label
    """

    rows: tuple[Mapping[str, Any], ...]
    n_rows: int
    n_labeled: int

    def to_pandas(self) -> pd.DataFrame:
        """Return one row for each model and budget; the measures are NaN where the model failed."""
        import pandas as pd

        return pd.DataFrame([dict(row) for row in self.rows])

    def best(self, metric: str = "accuracy", budget: int | None = None) -> str:
        """Return the name of the best model at a budget, by default at the largest one.

        Raises
        ------
        WeaklabError
            There is no such metric or budget, or all models failed.
        """
        at = max(row["budget"] for row in self.rows) if budget is None else budget
        rows = [row for row in self.rows if row["budget"] == at and row["error"] is None]
        if metric not in FIGURES or not rows:
            raise WeaklabError(f"nothing was measured as {metric!r} at budget {at}; wanted one of {', '.join(FIGURES)}")
        return str(min(rows, key=lambda row: _cost(row, metric))["model"])

    def table(self) -> Table:
        """Return the results as a table, one block for each budget."""
        cells: list[list[Any]] = []
        for budget in sorted({row["budget"] for row in self.rows}):
            block = sorted(
                (row for row in self.rows if row["budget"] == budget), key=lambda row: _cost(row, "accuracy")
            )
            worked = [row for row in block if row["error"] is None]
            least = (
                {figure: min(round(_cost(row, figure), 9) for row in worked) for figure in MEASURES} if worked else {}
            )
            for row in block:
                shown = (
                    [_cell(row, figure, least.get(figure)) for figure in FIGURES]
                    if row["error"] is None
                    else [None] * len(FIGURES)
                )
                cells.append([budget, row["model"], *shown, row["error"]])
        failed = any(row["error"] for row in self.rows)
        columns = ["labels", "model", *_HEADINGS.values(), *(["error"] if failed else [])]
        runs = max(row["runs"] for row in self.rows)
        models = counted(len({row["model"] for row in self.rows}), "label model")
        title = f"{models} on {counted(self.n_rows, 'row')}, {self.n_labeled:,} labeled"
        spread = f"; mean ± standard error of {runs} draws" if runs > 1 else ""
        note = (
            f"measured on the labeled rows that were not given as manual labels{spread}; * the best of as many labels"
        )
        return Table(title, columns, [line[: len(columns)] for line in cells], [note])

    def __repr__(self) -> str:
        return str(self.table())

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


def _cost(row: Mapping[str, Any], figure: str) -> float:
    """Return a number to sort by, lower is better; infinite if the model failed."""
    if row["error"] is not None:
        return math.inf
    return float(-row[figure] if figure in HIGHER_IS_BETTER else row[figure])


def _cell(row: Mapping[str, Any], figure: str, least: float | None) -> str:
    if figure == "seconds":
        return f"{row[figure]:.3f}"
    scale, digits = (100, 1) if figure in _PERCENT else (1, 3)
    spread = f" ± {scale * row[f'{figure}_se']:.{digits}f}" if row["runs"] > 1 else ""
    return f"{scale * row[figure]:.{digits}f}{spread}{' *' if round(_cost(row, figure), 9) == least else ''}"


def _row(
    name: str,
    model: LabelModel,
    budget: int,
    k: int,
    votes: Votes,
    y: NDArray[np.int64],
    masks: Sequence[NDArray[np.int64]],
) -> dict[str, Any]:
    """Return the results of one model and budget; ``masks`` holds, per draw, the rows whose labels are given."""
    found: dict[str, Any] = {"model": name, "budget": budget, "runs": len(masks)}
    try:
        runs = [_run(model, k, votes, y, given) for given in masks]
    except Exception as error:
        nothing = dict.fromkeys([*FIGURES, *(f"{figure}_se" for figure in FIGURES)], math.nan)
        reason = f"{type(error).__name__}: {error}".strip(": ").split("\n")[0]
        return {**found, **nothing, "error": reason}
    figures = {figure: np.array([run[figure] for run in runs]) for figure in FIGURES}
    means = {figure: float(values.mean()) for figure, values in figures.items()}
    return {
        **found,
        **means,
        **{f"{figure}_se": _standard_error(values) for figure, values in figures.items()},
        "error": None,
    }


def _run(model: LabelModel, k: int, votes: Votes, y: NDArray[np.int64], given: NDArray[np.int64]) -> dict[str, float]:
    from sklearn.base import clone

    fresh = clone(model)
    if fresh.n_classes is None:
        fresh.set_params(n_classes=k)
    manual = np.full(len(y), ABSTAIN)
    manual[given] = y[given]
    start = time.perf_counter()
    P = fresh.fit_predict_proba(votes, manual)
    seconds = time.perf_counter() - start
    return {**measure(P, np.where(manual == ABSTAIN, y, ABSTAIN)), "seconds": seconds}


def _drawn(y: NDArray[np.int64], known: NDArray[np.int64], budget: int, seed: int) -> NDArray[np.int64]:
    """Return the rows whose labels are given; with the same seed, a larger budget includes a smaller one."""
    return np.asarray(np.random.default_rng(seed).permutation(known)[:budget])


def _standard_error(values: NDArray[np.float64]) -> float:
    return float(values.std(ddof=1) / math.sqrt(len(values))) if len(values) > 1 else 0.0


def _models(given: Any, exclude: Iterable[str] | str) -> dict[str, LabelModel]:
    """Return name -> unfitted model; a model without a name is named by its repr, which shows its settings."""
    out = {exclude} if isinstance(exclude, str) else set(exclude)
    for name in out:
        if not isinstance(given, Mapping) or name not in given:
            LABEL_MODELS[name]  # raises for an unknown name
    if given is None:
        given = LABEL_MODELS.names()
    elif isinstance(given, (str, LabelModel)):
        given = [given]
    pairs = (
        [(str(name), _model(part)) for name, part in given.items()]
        if isinstance(given, Mapping)
        else [_named(part) for part in given]
    )
    found = {name: model for name, model in pairs if name not in out}
    if len({name for name, _ in pairs}) < len(pairs):
        raise WeaklabError(
            f"each model once, got {[name for name, _ in pairs]}; name them with a mapping of name to model"
        )
    if not found:
        raise WeaklabError("there is no label model left to compare; name at least one")
    return found


def _model(part: Any) -> LabelModel:
    if not isinstance(part, (str, LabelModel)):
        raise WeaklabError(
            f"a label model is a name or a LabelModel, got {part!r}; available: {', '.join(LABEL_MODELS.names())}"
        )
    return label_model(part)


def _named(part: Any) -> tuple[str, LabelModel]:
    return (part if isinstance(part, str) else repr(part)), _model(part)


def _budgets(given: Iterable[int] | int | None, n_labeled: int) -> list[int]:
    if not n_labeled:
        raise WeaklabError(
            "y holds no label, so there is nothing to measure against; give the true code of some rows, -1 where "
            "unknown"
        )
    if given is None:
        return [0, *([min(DEFAULT_BUDGET, n_labeled // 2)] if n_labeled > 1 else [])]
    found = sorted(set(_whole(given)))
    if not found or found[0] < 0:
        raise WeaklabError(f"budgets must be whole numbers of manual labels from 0, got {given!r}")
    if found[-1] >= n_labeled:
        raise WeaklabError(
            f"a budget of {found[-1]:,} manual labels leaves none of the {n_labeled:,} labeled rows to measure on; "
            "choose a smaller one"
        )
    return found


def _seeds(given: int | Iterable[int]) -> list[int]:
    found = _whole(given)
    if found and not isinstance(given, Iterable):
        found = list(range(found[0]))
    if not found or len(set(found)) < len(found) or min(found) < 0:
        raise WeaklabError(
            f"seeds must be a number of draws, 1 or more, or different whole numbers from 0, got {given!r}"
        )
    return found


def _whole(given: Any) -> list[int]:
    """Return one or more whole numbers as a list; an empty list if anything else was given."""
    try:
        return [operator.index(number) for number in (given if isinstance(given, Iterable) else [given])]
    except TypeError:
        return []
