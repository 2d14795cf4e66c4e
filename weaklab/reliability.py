"""How far probabilities can be believed, and from which confidence on labels keep a promise of precision.

Everything here rests on audit labels: labels of records that were drawn at random, and what a committee says of these records
without knowing the labels.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.base import ABSTAIN, WeaklabError
from weaklab.metrics import ece
from weaklab.tables import Table, counted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

PRECISION, LEVEL = 0.95, 0.95
"""What is promised by default: so many labels are right, so surely."""
BINS = 15
FIRST_SHARE = 0.25
"""The first slice that is tested is the largest useful one within this share of the audit records, or the smallest useful one if all are
larger. With planted confidences of five kinds it kept as many labels as the smallest would up to 200 audit records, and more from
there on (62.9 % against 61.5 % at 500); sizes that grow by a constant factor kept fewer."""


def clopper_pearson(right: float, n: float, level: float = 0.95) -> tuple[float, float]:
    """Return the exact interval of a share, (0, 1) for n = 0; ``right`` may be a fraction where ties count in part.

    Clopper and Pearson (1934), The use of confidence or fiducial limits illustrated in the case of the binomial, Biometrika 26.

    >>> [round(bound, 3) for bound in clopper_pearson(9, 10)]
    [0.555, 0.997]
    """
    return lower_bound(right, n, (1 + level) / 2), 1 - lower_bound(n - right, n, (1 + level) / 2)


def lower_bound(right: float, n: float, level: float = LEVEL) -> float:
    """Return the exact one-sided lower bound of a share: it is below the true share in ``level`` of all samples, or more.

    >>> round(lower_bound(59, 59), 4)
    0.9505
    """
    from scipy.special import betaincinv

    return float(betaincinv(right, n - right + 1, 1 - level)) if right > 0 else 0.0


@dataclass(frozen=True, repr=False)
class Threshold:
    """The least confidence from which labels keep a promise of precision, and what it rests on.

    Attributes
    ----------
    min_confidence : labels from this confidence on keep the promise; infinite where nothing can be promised
    precision, level : what is promised: this share of the labels is right, with this confidence over the draw of the audit labels
    n, right : audit records of that confidence or more, and how many of them are right; of the first slice that was tested where
        nothing can be promised
    lower : the exact lower bound of the precision that follows from these two
    n_audit : all audit records
    """

    min_confidence: float
    precision: float
    level: float
    n: int
    right: int
    lower: float
    n_audit: int

    @property
    def kept(self) -> bool:
        """Whether anything can be promised."""
        return bool(np.isfinite(self.min_confidence))

    @property
    def coverage(self) -> float:
        """Share of the audit records that get a label, which estimates the share of all."""
        return self.n / self.n_audit if self.kept else 0.0

    def __str__(self) -> str:
        promise = f"At least {self.precision:.4g} of the labels are right, with {self.level:.4g} confidence"
        seen = f"{self.right:,} of {self.n:,} random answers agree (lower bound {self.lower:.4f})"
        if self.kept:
            return f"{promise}: labels from confidence {self.min_confidence:.3f} on, where {seen}."
        nothing = f"No label can be promised to be right with precision {self.precision:.4g}"
        least = least_audit(self.precision, self.level)
        if self.n_audit < least:
            return (
                f"{nothing}: that takes {least:,} random answers or more, and there are {self.n_audit:,}; "
                f"get {least - self.n_audit:,} more with ask({least - self.n_audit}, strategy='random')."
            )
        return f"{nothing}: where the committee is surest, {seen}; get more random answers with ask(n, strategy='random'), or promise less."

    __repr__ = __str__


def threshold_for(confidence: ArrayLike, right: ArrayLike, precision: float = PRECISION, level: float = LEVEL) -> Threshold:
    """Return the least confidence from which labels are right often enough, judged by a random sample.

    Parameters
    ----------
    confidence : float (n_audit,), how sure the committee is of each record of a random sample
    right : bool (n_audit,), whether its label is right there; both as they are when it does not know the label (out-of-fold)
    precision : between 0 and 1, the share of labels that must be right
    level : between 0 and 1, in so many draws of the sample, or more, the threshold keeps the promise

    Returns
    -------
    Threshold
        With an infinite ``min_confidence`` where the sample is too small or its surest records are not right often enough.

    Raises
    ------
    WeaklabError
        A shape is wrong, or a share is not between 0 and 1.

    Notes
    -----
    The records from some confidence on are a slice. A slice passes if the lower bound of its precision by Clopper and Pearson (1934)
    reaches ``precision``. The best of many slices would pass too easily, so they are tested in an order that is fixed before any
    label is looked at, the surest first, and the first that fails ends it: then a wrong promise needs the first slice that deserves
    none to pass, and the chance of that is at most 1 - level. This is fixed-sequence testing as in Angelopoulos, Bates, Candes, Jordan
    and Lei (2021), Learn then test: calibrating predictive algorithms to achieve risk control, for the task of Geifman and El-Yaniv
    (2017), Selective classification for deep neural networks, NeurIPS.

    A test that hardly anything can pass ends the sequence for nothing, so slices are as large as makes sense: the smallest that
    passes with 0, 1, 2, ... wrong records (59, 93, 124, ... for 0.95), and last the whole sample. Any size between two of these would
    pass with no more wrong ones than the smaller. Records of equal confidence are in or out together.

    Examples
    --------
    >>> threshold_for(np.linspace(1, 0, 100), [True] * 70 + [False] * 30, precision=0.9).n
    61
    >>> threshold_for([0.9] * 20, [True] * 20)
    No label can be promised to be right with precision 0.95: that takes 59 random answers or more, and there are 20; ...
    """
    sure, hits = np.asarray(confidence, dtype=np.float64), np.asarray(right)
    if sure.ndim != 1 or hits.shape != sure.shape or hits.dtype != bool:
        raise WeaklabError(
            f"confidence and right must hold a number and a bool for each audit record, got shapes {sure.shape} and {hits.shape}, "
            f"right of {hits.dtype}"
        )
    if not np.isfinite(sure).all():
        raise WeaklabError("confidence holds NaN or infinity; wanted numbers from 0 to 1")
    _check_share("precision", precision)
    _check_share("level", level)
    order = np.argsort(-sure, kind="stable")
    sure, wrong = sure[order], np.cumsum(~hits[order])
    found = Threshold(float("inf"), precision, level, 0, 0, 0.0, len(sure))
    for size in slice_sizes(len(sure), precision, level):
        n = int(np.searchsorted(-sure, -sure[size - 1], side="right"))
        good = n - int(wrong[n - 1])
        lower = lower_bound(good, n, level)
        if lower < precision:
            return found if found.kept else Threshold(float("inf"), precision, level, n, good, lower, len(sure))
        found = Threshold(float(sure[n - 1]), precision, level, n, good, lower, len(sure))
    return found


def slice_sizes(n_audit: int, precision: float = PRECISION, level: float = LEVEL) -> list[int]:
    """Return how many of the surest audit records to test, in this order; known before any label is.

    >>> slice_sizes(130), slice_sizes(400)[:3], slice_sizes(50)
    ([59, 93, 124, 130], [93, 124, 153], [])
    """
    from scipy.stats import binom

    n = np.arange(n_audit + 1)
    wrong = binom.ppf(1 - level, n, 1 - precision)  # the fewest that are no longer too few
    wrong -= binom.cdf(wrong, n, 1 - precision) > 1 - level
    useful = np.flatnonzero(np.diff(wrong, prepend=-1) > 0)  # from here on one more may be wrong
    if not len(useful):
        return []
    first = max(0, int(np.searchsorted(useful, FIRST_SHARE * n_audit, side="right")) - 1)
    return list(dict.fromkeys([*useful[first:].tolist(), n_audit]))


def least_audit(precision: float = PRECISION, level: float = LEVEL) -> int:
    """Return how many random answers a promise takes at least, all of them right: precision ** n <= 1 - level.

    >>> least_audit(), least_audit(0.99)
    (59, 299)
    """
    return int(np.ceil(np.log(1 - level) / np.log(precision) - 1e-9))


def _check_share(name: str, value: float) -> None:
    if not 0 < value < 1:
        raise WeaklabError(f"{name} must be between 0 and 1, such as 0.95, got {value!r}")


def hits_of(P: NDArray[np.floating[Any]], y: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
    """Return how right each row of ``P`` (n, k) is, float (n,): 1, 0, or 1 / t for the truth among t tied classes.

    >>> hits_of(np.array([[0.9, 0.1], [0.5, 0.5]]), np.array([0, 1])).tolist()
    [1.0, 0.5]
    """
    if not len(P):
        return np.zeros(0)
    top = P.max(axis=1)[:, None] - 1e-9 <= P
    return np.asarray(top[np.arange(len(P)), y] / top.sum(axis=1))


@dataclass(frozen=True, repr=False)
class Reliability:
    """How often the most probable class is right, by how probable it is.

    Attributes
    ----------
    low, high : float (b,), the range of the largest probability in each bin; bins without a record are left out
    n : int (b,), records
    confidence : float (b,), the mean largest probability
    right : float (b,), the share that is right, ties by their chance
    right_low, right_high : float (b,), its exact 95% interval
    ece : expected calibration error, see :func:`weaklab.metrics.ece`
    notes : what the figures rest on
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
        """Share right less mean probability, float (b,): below 0 the committee is too sure of itself."""
        return self.right - self.confidence

    def to_pandas(self) -> pd.DataFrame:
        """Return a row a bin: ``low``, ``high``, ``n``, ``confidence``, ``right``, ``right_low``, ``right_high``, ``gap``."""
        import pandas as pd

        names = ("low", "high", "n", "confidence", "right", "right_low", "right_high", "gap")
        return pd.DataFrame({name: getattr(self, name) for name in names})

    def table(self) -> Table:
        """Return what to show."""
        ranges = [f"{low:.2f} to {high:.2f}" for low, high in zip(self.low, self.high, strict=True)]
        figures = [array.tolist() for array in (self.n, self.confidence, self.right, self.right_low, self.right_high, self.gap)]
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
        from weaklab.plots import reliability_diagram, write_figure

        figure = reliability_diagram(self, title=title)
        if path is not None:
            write_figure(figure, path)
        return figure

    def __repr__(self) -> str:
        return str(self.table())

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


def reliability(P: ArrayLike, y: ArrayLike, bins: int = BINS, notes: Sequence[str] = ()) -> Reliability:
    """Compare how probable the most probable class is with how often it is right.

    Parameters
    ----------
    P : float (n, k), probabilities of something that does not know ``y``
    y : int (n,), the truth, -1 is unknown
    bins : bins of equal width from 0 to 1
    notes : lines to show under the table

    Raises
    ------
    WeaklabError
        A shape or a code is wrong, no row has a truth, or there are no bins.

    Notes
    -----
    The diagram of Guo, Pleiss, Sun and Weinberger (2017), On calibration of modern neural networks, ICML; intervals by
    :func:`clopper_pearson`, each for its bin alone.

    Examples
    --------
    >>> reliability([[0.9, 0.1], [0.8, 0.2], [0.8, 0.2], [0.8, 0.2]], [0, 0, 1, -1], bins=5)
    reliability: expected calibration error 0.233 on 3 records
    probability   records   mean  right   from     to     gap
    0.60 to 0.80        2  0.800  0.500  0.013  0.987  -0.300
    0.80 to 1.00        1  0.900  1.000  0.025  1.000   0.100
    """
    error = ece(P, y, bins)  # checks what came in
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
    return Reliability(filled / bins, (filled + 1) / bins, n, mean, right / n, intervals[:, 0], intervals[:, 1], error, tuple(notes))
