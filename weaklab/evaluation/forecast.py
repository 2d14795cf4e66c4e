"""Forecast of the accuracy with more labels, and a criterion for when to stop labeling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from weaklab.core.errors import WeaklabError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

FIRST = 10
"""The parameter b of the curve is the loss at this number of labels, from which weak classifiers vote."""
TYPICAL_LOSS = 0.2
"""Prior mean of b, the accuracy still to be gained after ten labels; in `benchmarks.active_learning` it is 16 points
from the tenth to the hundredth label."""
SLOWEST, FASTEST = 0.1, 2.0
"""Range of the exponent c: a lower value gives a flat curve for any realistic budget, a higher one a curve that has
ended after twenty labels."""
WIDER = 1.5
"""Factor by which the interval is widened. The points are measured on the same records, so their errors are correlated.
With a correlation of 0.5 the plain interval contains 81 to 86 % of slow curves, the widened one 97 to 98 %
(`benchmarks.promises`)."""
STABLE_KAPPA = 0.99
ROUNDS = 3
"""Predictions are stable if kappa between successive rounds was at least ``STABLE_KAPPA`` for this number of rounds;
both values are from Bloodgood and Vijay-Shanker."""
EXTRA = 50
WORTH_IT = 0.005
"""More labels are recommended while ``EXTRA`` labels are expected to raise the accuracy by at least ``WORTH_IT``."""


@dataclass(frozen=True, repr=False)
class Forecast:
    """A learning curve that was fitted to measured points and extended to more labels.

    Attributes
    ----------
    at : int (q,), numbers of labels
    value : float (q,), forecast accuracy (posterior median); nan if there are no points
    low, high : float (q,), 95% interval of the curve
    n_points : number of points that it was fitted to
    n_labels : number of labels of the last point; 0 if there are no points
    """

    at: NDArray[np.int64]
    value: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    n_points: int
    n_labels: int
    _posterior: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]] | None = field(
        default=None, repr=False
    )

    def gain(self, extra: int) -> float:
        """Return the expected gain in accuracy with ``extra`` labels more than ``n_labels``.

        It is nan unless there are points at two different numbers of labels.
        """
        if extra < 0:
            raise WeaklabError(f"extra must be 0 labels or more, got {extra}")
        if self._posterior is None:
            return float("nan")
        weight, b, c = self._posterior
        return float(np.sum(weight * b * (_remaining(self.n_labels, c) - _remaining(self.n_labels + extra, c))))

    def __str__(self) -> str:
        if not self.n_points:
            return "no forecast: no accuracy has been measured yet"
        note = "" if self._posterior else " (one point tells no slope)"
        parts = [
            f"{n} labels: {100 * v:.1f} % ({100 * lo:.1f}-{100 * hi:.1f} %)"
            for n, v, lo, hi in zip(self.at, self.value, self.low, self.high, strict=True)
        ]
        return "; ".join(parts) + note

    __repr__ = __str__


def forecast(points: Sequence[tuple[float, float, float]], at: ArrayLike) -> Forecast:
    """Fit a learning curve to measured accuracies and extend it to more labels.

    Parameters
    ----------
    points : (number of labels, accuracy 0 to 1, standard error) of each, such as cross-validated refits on the first
        labels
    at : numbers of labels for which to forecast the accuracy

    Returns
    -------
    Forecast
        All values are nan if there are no points. If all points have the same number of labels, the slope is unknown:
        the forecast is flat, with an interval up to 1, and the gain is nan.

    Raises
    ------
    WeaklabError
        A point has no labels, an accuracy outside 0 to 1, or a standard error that is not positive.

    Notes
    -----
    The curve is the inverse power law of Figueroa, Zeng-Treitler, Kandula and Ngo (2012), Predicting sample size
    required for classification performance, BMC Medical Informatics and Decision Making 12:8, that Viering and Loog
    (2022), The shape of learning curves: a review, IEEE TPAMI, name among the best supported:

        acc(n) = a - b (n / 10)^-c,   a <= 1,   b in [0, 1],   c in [0.1, 2]

    A few noisy points fit many curves, so the result is the posterior over all curves and not a single best one. Errors
    are normal. The priors are: a uniform, b exponential with mean ``TYPICAL_LOSS``, log c uniform. Given b and c, the
    posterior of a is normal and is integrated in closed form. b and c are integrated on a grid, so that the result
    does not depend on start values or a seed. Errors of the points are taken to be independent. They are not, because
    the points are measured on the same records; therefore the interval is widened by ``WIDER``.

    Examples
    --------
    >>> curve = forecast([(20, 0.78, 0.02), (50, 0.85, 0.02), (100, 0.88, 0.02)], at=[200])
    >>> print(curve)
    200 labels: 88.4 % (82.7-94.3 %)
    >>> curve.gain(100) > curve.gain(50) > 0
    True
    """
    wanted = np.atleast_1d(np.asarray(at, dtype=np.int64))
    data = np.asarray(points, dtype=np.float64).reshape(-1, 3)
    n, y, s = data[np.argsort(data[:, 0], kind="stable")].T
    if (wanted < 1).any() or not (
        np.isfinite(data).all() and (n >= 1).all() and ((y >= 0) & (y <= 1)).all() and (s > 0).all()
    ):
        raise WeaklabError(
            "a point is (labels >= 1, accuracy 0 to 1, standard error > 0) and a forecast is for 1 label or more, got "
            f"{list(points)} and {wanted.tolist()}; leave out what was measured without labels or is nan"
        )
    if not len(n):
        nothing = np.full(len(wanted), np.nan)
        return Forecast(wanted, nothing, nothing, nothing, 0, 0)
    if n[0] == n[-1]:
        mean, error = float(np.average(y, weights=s**-2)), float((s**-2).sum() ** -0.5)
        flat, least = np.full(len(wanted), mean), np.full(len(wanted), max(0.0, mean - 1.96 * error))
        return Forecast(wanted, flat, least, np.ones(len(wanted)), len(n), int(n[-1]))
    weight, b, c, top, error = _posterior(n, y, s)
    value, low, high = np.array([_at(m, weight, b, c, top, error) for m in wanted]).reshape(-1, 3).T
    return Forecast(wanted, value, low, high, len(n), int(n[-1]), (weight, b, c))


def _remaining(n: ArrayLike, c: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the share of the loss b that remains after n labels, (n / 10)^-c."""
    return np.asarray((np.asarray(n, dtype=np.float64) / FIRST) ** -c)


def _posterior(
    n: NDArray[np.float64], y: NDArray[np.float64], s: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], float]:
    """Return weight, b, c and the mean of a for each cell of a grid, and the standard deviation of a.

    Mean and deviation of a are those of its normal posterior before it is truncated to a <= 1.
    """
    from scipy.special import log_ndtr

    # the grid is uniform in root, with b = root^2: it is fine where losses are small
    root = (np.arange(200) + 0.5) / 200
    b, c = (axis.ravel() for axis in np.meshgrid(root**2, np.geomspace(SLOWEST, FASTEST, 31)))
    # given b and c, each point is a measurement of a: y + b (n / 10)^-c, with standard error s
    risen = y + b[:, None] * _remaining(n, c[:, None])
    precision = s**-2
    error = float(precision.sum() ** -0.5)
    top = risen @ precision * error**2
    misfit = ((risen - top[:, None]) ** 2) @ precision
    # likelihood, probability that a <= 1, prior of b, and the density of the grid: db = 2 root d(root) ~ b^(1/2)
    log_weight = -misfit / 2 + log_ndtr((1 - top) / error) - b / TYPICAL_LOSS + np.log(b) / 2
    weight = np.exp(log_weight - log_weight.max())
    kept = weight > 1e-6
    return weight[kept] / weight[kept].sum(), b[kept], c[kept], top[kept], error


def _at(
    n: float,
    weight: NDArray[np.float64],
    b: NDArray[np.float64],
    c: NDArray[np.float64],
    top: NDArray[np.float64],
    error: float,
) -> tuple[float, float, float]:
    """Return median and 95% interval of the curve at n; each grid cell contributes 20 quantiles of a."""
    from scipy.special import ndtr, ndtri

    share = np.linspace(0.025, 0.975, 20)
    a = top[:, None] + error * ndtri(np.maximum(share * ndtr((1 - top) / error)[:, None], 1e-300))
    curve = np.clip(a - (b * _remaining(n, c))[:, None], 0, 1).ravel()
    each = np.repeat(weight / len(share), len(share))
    order = np.argsort(curve)
    place = np.searchsorted(np.cumsum(each[order]), [0.5, 0.025, 0.975]).clip(max=len(curve) - 1)
    value, low, high = curve[order][place]
    return float(value), max(0.0, float(value - WIDER * (value - low))), min(1.0, float(value + WIDER * (high - value)))


def kappa(a: ArrayLike, b: ArrayLike) -> float:
    """Return Cohen's kappa, the agreement of two codings beyond chance: 1 complete, 0 as by chance; nan if empty.

    Cohen (1960), A coefficient of agreement for nominal scales, Educational and Psychological Measurement 20, 37-46.
    Equal codings have kappa 1, even if they contain only one class.

    >>> round(kappa([0, 0, 1, 1], [0, 0, 1, 0]), 2)
    0.5
    """
    one, two = np.asarray(a), np.asarray(b)
    if one.ndim != 1 or one.shape != two.shape:
        raise WeaklabError(f"kappa compares two codings of the same records, got shapes {one.shape} and {two.shape}")
    if not len(one):
        return float("nan")
    codes = np.unique(np.concatenate([one, two]))
    shares = [np.bincount(np.searchsorted(codes, each), minlength=len(codes)) / len(one) for each in (one, two)]
    chance = float(shares[0] @ shares[1])
    return 1.0 if (one == two).all() else (float((one == two).mean()) - chance) / (1 - chance)


@dataclass(frozen=True)
class Signal:
    """Whether labeling may stop, and the reason as a sentence."""

    stop: bool
    reason: str

    def __str__(self) -> str:
        return self.reason


def stopping_signal(agreements: Sequence[float], gain: float | None = None) -> Signal:
    """Decide whether labeling may stop: predictions are stable, and little gain is expected from more labels.

    Parameters
    ----------
    agreements : :func:`kappa` between the predictions on the unlabeled records after each round and after the round
        before it, oldest first
    gain : expected gain of the next 50 labels, :meth:`Forecast.gain`; nan if there is no forecast yet, which prevents
        stopping; None to decide by the predictions alone

    Notes
    -----
    Bloodgood and Vijay-Shanker (2009), A method for stopping active learning based on stabilizing predictions and the
    need for user-adjustable stopping, CoNLL. Stable predictions may still be wrong; therefore the forecast is used as
    a second criterion.

    Examples
    --------
    >>> stopping_signal([0.9, 0.992, 0.995, 0.999], gain=0.002).stop
    True
    >>> print(stopping_signal([0.95, 0.97, 0.999], gain=0.002))
    Go on: predictions still change from round to round (kappa 0.950, 0.970, 0.999; wanted 0.99 in each of 3 rounds).
    """
    last = [float(each) for each in agreements][-ROUNDS:]
    if len(last) < ROUNDS:
        return Signal(
            False, f"Go on: {len(last)} of the {ROUNDS} rounds that are needed to see whether predictions hold still."
        )
    if not all(each >= STABLE_KAPPA for each in last):
        seen = ", ".join("unknown" if np.isnan(each) else f"{each:.3f}" for each in last)
        return Signal(
            False,
            f"Go on: predictions still change from round to round (kappa {seen}; wanted {STABLE_KAPPA} in each of "
            f"{ROUNDS} rounds).",
        )
    still = f"predictions have held still for {ROUNDS} rounds (kappa at least {min(last):.3f})"
    if gain is None:
        return Signal(True, f"You may stop: {still}.")
    if np.isnan(gain):
        return Signal(False, f"Go on: {still}, but there is no forecast yet of what more labels would bring.")
    brings = f"the next {EXTRA} labels are expected to bring {100 * gain:.1f} points of accuracy"
    if gain >= WORTH_IT:
        return Signal(False, f"Go on: {still}, but {brings}.")
    return Signal(True, f"You may stop: {still}, and {brings}.")
