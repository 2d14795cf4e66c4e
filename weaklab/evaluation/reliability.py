"""Reliability (calibration): the share of right labels among records with similar predicted probability."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.core.labels import ABSTAIN
from weaklab.core.metrics import ece
from weaklab.core.tables import Table, counted
from weaklab.core.thresholds import clopper_pearson

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pandas as pd
    from numpy.typing import ArrayLike, NDArray


BINS = ((0, 5), (100, 10), (1000, 15))
"""Number of bins from this number of records on. The calibration error depends on it: with more bins than the records
can fill, it is too large."""


def bins_for(n: int) -> int:
    """Return the number of bins for so many records.

    >>> bins_for(12), bins_for(100), bins_for(5000)
    (5, 10, 15)
    """
    return max(bins for least, bins in BINS if n >= least)


def hits_of(P: NDArray[np.floating[Any]], y: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
    """Return how right each row of ``P`` (n, k) is, float (n,): 1, 0, or 1 / t if the truth is among t tied classes.

    >>> hits_of(np.array([[0.9, 0.1], [0.5, 0.5]]), np.array([0, 1])).tolist()
    [1.0, 0.5]
    """
    if not len(P):
        return np.zeros(0)
    top = P.max(axis=1)[:, None] - 1e-9 <= P
    return np.asarray(top[np.arange(len(P)), y] / top.sum(axis=1))


@dataclass(frozen=True, repr=False)
class Reliability:
    """Share of right labels in bins of the largest predicted probability.

    Attributes
    ----------
    low, high : float (b,), the range of the largest probability in each bin; bins without records are left out
    n : int (b,), number of records
    confidence : float (b,), mean of the largest probability
    right : float (b,), share of records that are right; a tie of t classes counts 1 / t
    right_low, right_high : float (b,), exact 95% interval of this share
    ece : expected calibration error, see :func:`weaklab.core.metrics.ece`
    notes : notes on the data, shown below the table
    """

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    n: NDArray[np.int64]
    confidence: NDArray[np.float64]
    right: NDArray[np.float64]
    right_low: NDArray[np.float64]
    right_high: NDArray[np.float64]
    ece: float
    notes: Sequence[str] = field(default_factory=tuple)

    @property
    def gap(self) -> NDArray[np.float64]:
        """Share of right labels minus mean probability, float (b,): below 0 the committee is overconfident."""
        return self.right - self.confidence

    def to_pandas(self) -> pd.DataFrame:
        """Return one row per bin with the attributes ``low`` to ``right_high`` and the ``gap``."""
        import pandas as pd

        names = ("low", "high", "n", "confidence", "right", "right_low", "right_high", "gap")
        return pd.DataFrame({name: getattr(self, name) for name in names})

    def table(self) -> Table:
        """Return the bins as a table for display."""
        ranges = [f"{low:.2f} to {high:.2f}" for low, high in zip(self.low, self.high, strict=True)]
        figures = [
            array.tolist() for array in (self.n, self.confidence, self.right, self.right_low, self.right_high, self.gap)
        ]
        rows = list(zip(ranges, *figures, strict=True))
        title = f"reliability: expected calibration error {self.ece:.3f} on {counted(int(self.n.sum()), 'record')}"
        return Table(title, ["probability", "records", "mean", "right", "from", "to", "gap"], rows, list(self.notes))

    def plot(self, path: str | Path | None = None, title: str = "") -> Any:
        """Draw the reliability diagram; return a matplotlib Figure, written to a PNG or SVG file if a path is given.

        Raises
        ------
        WeaklabError
            matplotlib is not installed, or the path has another suffix.
        """
        from weaklab.evaluation.plots import reliability_diagram, write_figure

        figure = reliability_diagram(self, title=title)
        if path is not None:
            write_figure(figure, path)
        return figure

    def __repr__(self) -> str:
        return str(self.table())

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


def reliability(P: ArrayLike, y: ArrayLike, bins: int | None = None, notes: Sequence[str] = ()) -> Reliability:
    """Compare the probability of the most probable class with the share of records in which it is right.

    Parameters
    ----------
    P : float (n, k), probabilities that were computed without ``y``
    y : int (n,), the truth, -1 is unknown
    bins : number of bins of equal width from 0 to 1; by default 5, 10 from 100 records on and 15 from 1000
    notes : lines to show below the table

    Raises
    ------
    WeaklabError
        A shape or a code is wrong, y = -1 in all rows, or there are no bins.

    Notes
    -----
    The diagram is that of Guo, Pleiss, Sun and Weinberger (2017), On calibration of modern neural networks, ICML. The
    intervals are those of :func:`clopper_pearson`, for each bin separately.

    Examples
    --------
    >>> reliability([[0.9, 0.1], [0.8, 0.2], [0.8, 0.2], [0.8, 0.2]], [0, 0, 1, -1], bins=5)
    reliability: expected calibration error 0.233 on 3 records
    probability   records   mean  right   from     to     gap
    0.60 to 0.80        2  0.800  0.500  0.013  0.987  -0.300
    0.80 to 1.00        1  0.900  1.000  0.025  1.000   0.100
    """
    bins = bins_for(int((np.asarray(y) != ABSTAIN).sum())) if bins is None else bins
    error = ece(P, y, bins)  # also checks P and y
    p, codes = np.asarray(P, dtype=np.float64), np.asarray(y)
    known = codes != ABSTAIN
    p, codes = p[known], codes[known]
    top, hits = p.max(axis=1), hits_of(p, codes)
    place = np.clip(np.ceil(top * bins - 1e-9).astype(np.int64) - 1, 0, bins - 1)
    count = np.bincount(place, minlength=bins)
    filled = np.flatnonzero(count)
    n = count[filled]
    right = np.bincount(place, hits, minlength=bins)[filled]
    intervals = np.array([clopper_pearson(x, size) for x, size in zip(right.tolist(), n.tolist(), strict=True)])
    mean = np.bincount(place, top, minlength=bins)[filled] / n
    return Reliability(
        filled / bins, (filled + 1) / bins, n, mean, right / n, intervals[:, 0], intervals[:, 1], error, tuple(notes)
    )
