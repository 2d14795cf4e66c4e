"""Quality of class probabilities compared with true labels: accuracy, F1, Brier score, log loss, calibration error.

Every function takes ``P`` float (n, k), class probabilities, and ``y`` int (n,), the true codes; rows with y = -1
(unknown) are left out. Values are fractions, not percent. If several classes of a row are tied for the best, the row
counts as the average over a random choice among them, so that no value depends on the order of the classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.core.errors import WeaklabError, is_whole
from weaklab.core.labels import ABSTAIN
from weaklab.core.rows import row_max, row_sum

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Codes = NDArray[np.int64]

MEASURES = ("accuracy", "f1", "brier", "log_loss", "ece")
"""What :func:`measure` returns, in this order."""
HIGHER_IS_BETTER = frozenset({"accuracy", "f1"})
LEAST_PROBABILITY = 1e-12
"""Lower limit of probabilities in the log loss, so that one row with probability 0 costs 27.6 and not infinity."""
ROUNDING = 1e-3
"""Probabilities may be this far below 0 or above 1, which allows for rounding to float16."""
_TIED = 1e-9
"""Probabilities that differ by less count as equal, as in :func:`weaklab.label_models.is_tied`."""


def accuracy(P: ArrayLike, y: ArrayLike) -> float:
    """Return the share of rows with the true class as the most probable one; a tie of t classes counts 1 / t.

    >>> accuracy([[0.9, 0.1], [0.5, 0.5]], [0, 0])
    0.75
    """
    return _accuracy(*_checked(P, y))


def f1(P: ArrayLike, y: ArrayLike) -> float:
    """Return F1 = 2 TP / (2 TP + FP + FN) of class 1 if there are two classes, else the mean over classes (macro F1).

    For tied rows the counts are expected counts. A class that is neither true nor predicted for any row is left out
    of the mean.

    Notes
    -----
    That code 1 is the positive class of two is the convention of Zhang et al. (2021), WRENCH: a comprehensive benchmark
    for weak supervision, NeurIPS Datasets and Benchmarks. F1 is due to van Rijsbergen (1979), Information retrieval.

    Examples
    --------
    >>> f1([[0.1, 0.9], [0.2, 0.8], [0.9, 0.1]], [1, 0, 0]) == 2 / 3
    True
    """
    return _f1(*_checked(P, y))


def brier(P: ArrayLike, y: ArrayLike) -> float:
    """Return the Brier score: the mean over rows of sum_k (P_ik - [y_i = k])^2, from 0 to 2; lower is better.

    Brier (1950), Verification of forecasts expressed in terms of probability, Monthly Weather Review 78(1).

    >>> brier([[0.5, 0.5]], [0])
    0.5
    """
    return _brier(*_checked(P, y))


def log_loss(P: ArrayLike, y: ArrayLike) -> float:
    """Return the mean of -ln P_i,y_i in nats, with probabilities of at least 1e-12; lower is better.

    Good (1952), Rational decisions, Journal of the Royal Statistical Society B 14(1).

    >>> round(log_loss([[0.5, 0.5]], [0]), 4)
    0.6931
    """
    return _log_loss(*_checked(P, y))


def ece(P: ArrayLike, y: ArrayLike, bins: int = 15) -> float:
    """Return the expected calibration error of the most probable class, from 0 to 1; lower is better.

    Rows are put into bins of equal width by their largest probability; bin b is ((b - 1) / bins, b / bins]. The error
    is the mean over rows of |accuracy - mean largest probability| of their bin.

    Guo, Pleiss, Sun and Weinberger (2017), On calibration of modern neural networks, ICML, who use 15 bins.

    >>> ece([[0.8, 0.2], [0.8, 0.2]], [0, 1])
    0.30000000000000004
    """
    if not is_whole(bins) or bins < 1:
        raise WeaklabError(f"bins must be a whole number from 1, got {bins!r}")
    return _ece(*_checked(P, y), bins)


def measure(P: ArrayLike, y: ArrayLike) -> dict[str, float]:
    """Return accuracy, f1, brier, log_loss and ece by name; see the functions with these names.

    Raises
    ------
    WeaklabError
        A shape or a value is wrong, or y = -1 in all rows.

    Examples
    --------
    >>> measure([[1.0, 0.0], [0.0, 1.0]], [0, 1])
    {'accuracy': 1.0, 'f1': 1.0, 'brier': 0.0, 'log_loss': 0.0, 'ece': 0.0}
    """
    p, codes = _checked(P, y)
    return {
        "accuracy": _accuracy(p, codes),
        "f1": _f1(p, codes),
        "brier": _brier(p, codes),
        "log_loss": _log_loss(p, codes),
        "ece": _ece(p, codes),
    }


def picks(P: NDArray[np.floating[Any]]) -> Floats:
    """Return the probability that each class is chosen, (n, k): 1 for the best class, 1 / t for each of t tied ones.

    >>> picks(np.array([[0.2, 0.4, 0.4]])).tolist()
    [[0.0, 0.5, 0.5]]
    """
    top = (row_max(P)[:, None] - P < _TIED).astype(np.float64)
    top /= row_sum(top)[:, None]
    return top


def _checked(P: ArrayLike, y: ArrayLike) -> tuple[Floats, Codes]:
    try:
        p, codes = np.asarray(P, dtype=np.float64), np.asarray(y)
    except (TypeError, ValueError) as error:
        raise WeaklabError(f"P must hold numbers, shape (records, classes), and y integer codes: {error}") from None
    if p.ndim != 2 or p.shape[1] < 2:
        raise WeaklabError(f"P must have the shape (records, classes) with two classes or more, got {p.shape}")
    if codes.shape != (len(p),) or codes.dtype.kind not in "iu":
        raise WeaklabError(
            f"y must hold one integer code a row of P, {len(p)} in all, got shape {codes.shape} of {codes.dtype}"
        )
    known = codes != ABSTAIN
    if not known.any():
        raise WeaklabError(
            "y holds no true label, so there is nothing to measure against; give one code per row, -1 where it is "
            "unknown"
        )
    if not known.all():
        p, codes = p[known], codes[known]
    if codes.min() < 0 or codes.max() >= p.shape[1]:
        raise WeaklabError(
            f"y holds {codes.min()} to {codes.max()}; wanted 0 to {p.shape[1] - 1}, the columns of P, or -1 for unknown"
        )
    if not np.isfinite(p).all():
        raise WeaklabError("P holds NaN or infinity; wanted probabilities")
    if p.min() < -ROUNDING or p.max() > 1 + ROUNDING:
        raise WeaklabError(
            f"P holds {p.min():g} to {p.max():g}; wanted probabilities from 0 to 1: pass logits through a softmax first"
        )
    return p, codes.astype(np.int64)


def _at_truth(values: Floats, y: Codes) -> Floats:
    return np.asarray(values[np.arange(len(y)), y])


def _accuracy(P: Floats, y: Codes) -> float:
    return float(_at_truth(picks(P), y).mean())


def _f1(P: Floats, y: Codes) -> float:
    k, picked = P.shape[1], picks(P)
    right = np.bincount(y, _at_truth(picked, y), minlength=k)
    both = np.bincount(y, minlength=k) + picked.sum(axis=0)
    found = 2 * right / np.where(both > 0, both, 1)
    return float(found[1] if k == 2 else found[both > 0].mean())


def _brier(P: Floats, y: Codes) -> float:
    return float((row_sum(P**2) - 2 * _at_truth(P, y) + 1).mean())


def _log_loss(P: Floats, y: Codes) -> float:
    return float(-np.log(np.clip(_at_truth(P, y), LEAST_PROBABILITY, 1)).mean() + 0.0)


def _ece(P: Floats, y: Codes, bins: int = 15) -> float:
    sure = row_max(P)
    place = np.clip(np.ceil(sure * bins - _TIED).astype(np.int64) - 1, 0, bins - 1)
    gap = np.bincount(place, _at_truth(picks(P), y) - sure, minlength=bins)
    return float(np.abs(gap).sum() / len(y))
