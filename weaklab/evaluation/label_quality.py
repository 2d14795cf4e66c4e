"""How right labels are: for each class, as a confusion matrix, and for parts of the records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.core.advice import random_answers
from weaklab.core.labels import ABSTAIN
from weaklab.core.tables import Table, counted
from weaklab.evaluation.audit import Estimate, estimated_from, without_figure

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from weaklab.evaluation.class_figures import ClassFigures, JudgedLabels

FIGURES = ("precision", "recall", "f1")
MOST_MISTAKES = 3


def confusion_counts(truth: NDArray[np.int64], labels: NDArray[np.int64], k: int) -> NDArray[np.int64]:
    """Return the confusion matrix int (k, k + 1): a row a class, a column a label, the last one for no label.

    Parameters
    ----------
    truth, labels : int (n,), -1 is unknown and no label; records of which the truth is unknown are left out

    Examples
    --------
    >>> confusion_counts(np.array([0, 1, 1, -1]), np.array([0, 0, -1, 1]), 2).tolist()
    [[1, 0, 0], [1, 0, 1]]
    """
    known = truth != ABSTAIN
    columns = np.where(labels[known] == ABSTAIN, k, labels[known])
    return np.bincount(truth[known] * (k + 1) + columns, minlength=k * (k + 1)).reshape(k, k + 1)


def exact_figures(counts: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
    """Return precision, recall and F1 of each class, float (k,), from a confusion matrix int (k, k + 1).

    F1 is due to van Rijsbergen (1979), Information retrieval.

    >>> {name: values.tolist() for name, values in exact_figures(np.array([[1, 0, 0], [1, 0, 1]])).items()}
    {'precision': [0.5, nan], 'recall': [1.0, 0.0], 'f1': [0.6666666666666666, 0.0]}
    """
    right, labeled, true = np.diagonal(counts), counts[:, :-1].sum(axis=0), counts.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return {"precision": right / labeled, "recall": right / true, "f1": 2 * right / (labeled + true)}


@dataclass(frozen=True)
class Slice:
    """A part of the records: how it is called, its labels judged by the answers, and exactly where there is gold.

    Attributes
    ----------
    name : what these records have in common
    judged : the labels, judged by the answers
    gold : int (k, k + 1), the confusion matrix on the records with gold labels; None without any
    """

    name: str
    judged: JudgedLabels
    gold: NDArray[np.int64] | None = None


@dataclass(frozen=True, repr=False)
class LabelQuality:
    """The result of :meth:`weaklab.Project.label_quality`.

    Attributes
    ----------
    names : the k label names
    every : all records
    parts : the slices that were asked for
    by : what the slices are made by
    """

    names: Sequence[str]
    every: Slice
    parts: Sequence[Slice] = field(default_factory=tuple)
    by: str | None = None

    @cached_property
    def accuracy(self) -> Estimate:
        """The accuracy of the labels as exported."""
        return self.every.judged.accuracy()

    @cached_property
    def classes(self) -> Mapping[str, ClassFigures]:
        """The figures of each label."""
        return {name: self.every.judged.of_class(code) for code, name in enumerate(self.names)}

    def to_pandas(self) -> pd.DataFrame:
        """Return one row a label.

        ``labeled``: number of records with this label. ``share``: estimated share of the class among all records.
        ``precision``, ``recall`` and ``f1`` with their 95 % intervals ``..._low`` to ``..._high``, NaN where too few
        random answers tell. ``n_audit``: the random answers with this label or of this class. Where there is gold,
        ``gold_precision``, ``gold_recall`` and ``gold_f1`` are exact on the ``gold_records`` of this class.
        """
        import pandas as pd

        return pd.DataFrame([self._row(self.every, code, self.classes[name]) for code, name in enumerate(self.names)])

    def slices(self, per_class: bool = False) -> pd.DataFrame:
        """Return one row a slice: ``records``, ``accuracy`` with its interval, ``n_audit``, and ``gold_accuracy``.

        Parameters
        ----------
        per_class : one row for each slice and label in its place, with the columns of :meth:`to_pandas`
        """
        import pandas as pd

        if not per_class:
            return pd.DataFrame([_slice_row(part) for part in self.parts])
        rows = [
            {"slice": part.name, **self._row(part, code, part.judged.of_class(code))}
            for part in self.parts
            for code in range(len(self.names))
        ]
        return pd.DataFrame(rows)

    def confusion(self) -> pd.DataFrame:
        """Return one row for each class and label: the estimated number of ``records`` of this class that have this
        label, with its 95 % interval ``low`` to ``high``, and exactly by ``gold``, where there is gold.

        The label is None for records without a label. Where fewer than ten random answers have the label, the estimate
        is NaN.
        """
        import pandas as pd

        k = len(self.names)
        labels = [*range(k), ABSTAIN]
        rows = [self._cell(truth, label) for truth in range(k) for label in labels if label != ABSTAIN or self._gaps]
        return pd.DataFrame(rows)

    def mistakes(self) -> pd.DataFrame:
        """Return the rows of :meth:`confusion` that are mistakes, the most frequent first.

        By gold labels where there are any; else only those for which enough random answers tell.
        """
        cells = self.confusion()
        records = cells["records"] if self.every.gold is None else cells["gold"].astype(float)
        cells = cells.assign(records=records)
        wrong = (cells["truth"] != cells["label"]) & cells["label"].notna() & (cells["records"] >= 0.5)
        return cells[wrong].sort_values("records", ascending=False, kind="stable", ignore_index=True)

    @property
    def without_figures(self) -> dict[str, int]:
        """Labels of which precision, recall or F1 is not known yet, with the number of random answers that tell."""
        return {
            name: row.recall.n_audit
            for name, row in self.classes.items()
            if not all(getattr(row, figure).known for figure in FIGURES)
        }

    def table(self) -> Table:
        """Return what to show; a figure that no label has yet has no column, and notes say why."""
        gold = self.every.gold is not None
        shown = [name for name in ("records", *FIGURES) if any(getattr(c, name).known for c in self.classes.values())]
        rows = []
        exact = exact_figures(self.every.gold) if self.every.gold is not None else {}
        for code, (name, figures) in enumerate(self.classes.items()):
            estimates = [each.short if each.known else "" for each in (getattr(figures, name) for name in shown)]
            true = [" ".join(_figure(exact[figure][code]) for figure in FIGURES)] if gold else []
            rows.append([name, figures.labeled, *estimates, *true])
        names = ["share of the class" if name == "records" else name for name in shown]
        columns = ["label", "records", *names, *(["by gold"] if gold else [])]
        title = f"labels as exported: {self.accuracy}"
        return Table(title, columns, rows, [*self._notes(), *self._confused(), *self._slice_lines()])

    @property
    def _gaps(self) -> bool:
        """Whether some record has no label."""
        judged = self.every.judged
        return bool((judged.predicted == ABSTAIN).any() or (judged.held_out == ABSTAIN).any())

    def _row(self, part: Slice, code: int, figures: ClassFigures) -> dict[str, Any]:
        row: dict[str, Any] = {"label": self.names[code], "labeled": figures.labeled}
        row |= _columns("share", figures.records)
        for name in FIGURES:
            row |= _columns(name, getattr(figures, name))
        row["n_audit"] = figures.recall.n_audit
        if part.gold is not None:
            row["gold_records"] = int(part.gold[code].sum())
            row |= {f"gold_{name}": float(values[code]) for name, values in exact_figures(part.gold).items()}
        return row

    def _cell(self, truth: int, label: int) -> dict[str, Any]:
        found = self.every.judged.cell(truth, label)
        value, low, high = (found.value, found.low, found.high) if found.known else [float("nan")] * 3
        names = [*self.names, None]
        row = {"truth": self.names[truth], "label": names[label], "records": value, "low": low, "high": high}
        return row if self.every.gold is None else {**row, "gold": int(self.every.gold[truth, label])}

    def _notes(self) -> list[str]:
        n = self.every.judged.n_audit
        found = [estimated_from(n, self.every.judged.n_answers)]
        if self.without_figures:
            missing = without_figure("precision, recall or F1", self.without_figures, "label")
            found.append(f"{missing} Get more with {random_answers()}.")
        if self.every.gold is not None:
            found.append(f"by gold: precision, recall and f1 on the {self.every.gold.sum():,} records with gold labels")
        return found

    def _confused(self) -> list[str]:
        """Return the mistakes that are most frequent, as a line; without gold labels, each with its interval."""
        exact = self.every.gold is not None
        told = [
            f"{row['truth']} labeled {row['label']}: {row['records']:,.0f} records"
            + ("" if exact else f" ({row['low']:,.0f}-{row['high']:,.0f})")
            for row in self.mistakes().head(MOST_MISTAKES).to_dict("records")
        ]
        return ["most frequent mistakes: " + "; ".join(told)] if told else []

    def _slice_lines(self) -> list[str]:
        lines = [f"by {self.by}:"] if self.parts else []
        for part in self.parts:
            exact = f", {_accuracy(part.gold):.1%} by gold" if part.gold is not None and part.gold.sum() else ""
            lines.append(f"  {part.name}: {counted(part.judged.n_records, 'record')}, {part.judged.accuracy()}{exact}")
        return lines

    def __repr__(self) -> str:
        return str(self.table())

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


def _slice_row(part: Slice) -> dict[str, Any]:
    judged = part.judged
    row = {"slice": part.name, "records": judged.n_records, **_columns("accuracy", judged.accuracy())}
    row["n_audit"] = judged.n_audit
    return row if part.gold is None else {**row, "gold_accuracy": _accuracy(part.gold)}


def _columns(name: str, estimate: Estimate) -> dict[str, float]:
    known = estimate.known
    values = (estimate.value, estimate.low, estimate.high) if known else [float("nan")] * 3
    return dict(zip((name, f"{name}_low", f"{name}_high"), values, strict=True))


def _accuracy(counts: NDArray[np.int64]) -> float:
    return float(np.diagonal(counts).sum() / counts.sum()) if counts.sum() else float("nan")


def _figure(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.2f}"
