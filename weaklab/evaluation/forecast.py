"""What more labels would bring, and when to stop labeling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from weaklab.core.errors import WeaklabError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

FIRST = 10
"""Labels at which the part that is still to be learned is called b: a weak classifier votes from so many on."""
TYPICAL_LOSS = 0.2
"""Prior mean of b: what a committee has to gain after ten labels; `benchmarks.active_learning` gains 16 points by the
hundredth."""
SLOWEST, FASTEST = 0.1, 2.0
"""Range of the exponent c: a slower curve is flat within any budget, a faster one has reached its end after twenty
labels."""
WIDER = 1.5
"""The interval is drawn so many times wider than the fit says: points that are measured on the same records err
together, and with a correlation of a half the plain interval holds 81 to 86 % of slow curves; this one 97 to 98 %
(`benchmarks.promises`)."""
HOLDS_STILL = 0.99
ROUNDS = 3
"""Predictions hold still when kappa from round to round was at least that for so many rounds: the values of Bloodgood
and Vijay-Shanker."""
EXTRA = 50
WORTH_IT = 0.005
"""Labeling on is worth it while so many labels are expected to bring at least this much accuracy."""


@dataclass(frozen=True, repr=False)
class Forecast:
    """A learning curve continued.

    Attributes
    ----------
    at : int (q,), numbers of labels
    value : float (q,), accuracy at each, the median of what the points allow, nan without any point
    low, high : float (q,), 95% interval of the curve
    n_points : points that it was fitted to
    n_labels : labels of the last of them, 0 without any
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
        """Return how much accuracy ``extra`` labels more than ``n_labels`` are expected to bring, nan unless two points
        tell a slope.
        """
        if extra < 0:
            raise WeaklabError(f"extra must be 0 labels or more, got {extra}")
        if self._posterior is None:
            return float("nan")
        weight, b, c = self._posterior
        return float(np.sum(weight * b * (_left(self.n_labels, c) - _left(self.n_labels + extra, c))))

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
    """Continue a learning curve.

    Parameters
    ----------
    points : (labels, accuracy 0 to 1, standard error) each, such as cross-validated refits on the first labels
    at : numbers of labels to tell the accuracy for

    Returns
    -------
    Forecast
        Without a point all nan. With points at one number of labels only, flat, and between its lower bound and 1: the
        slope is unknown, and so is the gain.

    Raises
    ------
    WeaklabError
        A point is without labels, not a share, or has no positive standard error.

    Notes
    -----
    The curve is the inverse power law of Figueroa, Zeng-Treitler, Kandula and Ngo (2012), Predicting sample size
    required for classification performance, BMC Medical Informatics and Decision Making 12:8, that Viering and Loog
    (2022), The shape of learning curves: a review, IEEE TPAMI, count among the best supported:

        acc(n) = a - b (n / 10)^-c,   a <= 1,   b in [0, 1],   c in [0.1, 2]

    The fit is weighted least squares with a penalty, as a posterior: normal errors, c even on a logarithmic scale, b
    exponential with mean ``TYPICAL_LOSS``, a even. a is integrated out in closed form, b and c on a grid, so no start
    value and no seed matters, and a few noisy points leave a wide interval rather than a steep curve. The fit takes
    errors of points as independent; those of points measured on the same records are not, so the interval is drawn
    ``WIDER``.

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
            f"{list(points)}"
            f" and {wanted.tolist()}; leave out what was measured without labels or is nan"
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


def _left(n: ArrayLike, c: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return which part of b is still to be learned after n labels."""
    return np.asarray((np.asarray(n, dtype=np.float64) / FIRST) ** -c)


def _posterior(
    n: NDArray[np.float64], y: NDArray[np.float64], s: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], float]:
    """Return the weight, b and c of each cell of a grid, and mean and deviation of a there, before a <= 1 cuts it
    off.
    """
    from scipy.special import log_ndtr

    root = (
        np.arange(200) + 0.5
    ) / 200  # b = root^2: fine where losses are small, and its density is even in b times root
    b, c = (axis.ravel() for axis in np.meshgrid(root**2, np.geomspace(SLOWEST, FASTEST, 31)))
    risen = y + b[:, None] * _left(n, c[:, None])
    precision = s**-2
    error = float(precision.sum() ** -0.5)
    top = risen @ precision * error**2
    misfit = ((risen - top[:, None]) ** 2) @ precision
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
    """Return median and 95% interval of the curve at n, from 20 quantiles of a in each cell."""
    from scipy.special import ndtr, ndtri

    share = np.linspace(0.025, 0.975, 20)
    a = top[:, None] + error * ndtri(np.maximum(share * ndtr((1 - top) / error)[:, None], 1e-300))
    curve = np.clip(a - (b * _left(n, c))[:, None], 0, 1).ravel()
    each = np.repeat(weight / len(share), len(share))
    order = np.argsort(curve)
    place = np.searchsorted(np.cumsum(each[order]), [0.5, 0.025, 0.975]).clip(max=len(curve) - 1)
    value, low, high = curve[order][place]
    return float(value), max(0.0, float(value - WIDER * (value - low))), min(1.0, float(value + WIDER * (high - value)))


def kappa(a: ArrayLike, b: ArrayLike) -> float:
    """Return how far two codings of the same records agree beyond chance: 1 wholly, 0 as by chance; nan without a
    record.

    Cohen (1960), A coefficient of agreement for nominal scales, Educational and Psychological Measurement 20, 37-46.
    Two codings that are equal agree wholly, even if they know one class only.

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
    """Whether labeling may stop, and why, in a sentence."""

    stop: bool
    reason: str

    def __str__(self) -> str:
        return self.reason


def stopping_signal(agreements: Sequence[float], gain: float | None = None) -> Signal:
    """Tell whether more labels would still change much.

    Parameters
    ----------
    agreements : :func:`kappa` of the predictions on the unlabeled records after each round and after the round before
        it, oldest first
    gain : what the next 50 labels are expected to bring, :meth:`Forecast.gain`; None to go by the predictions alone,
        nan if there is no forecast yet, which is no reason to stop

    Notes
    -----
    Bloodgood and Vijay-Shanker (2009), A method for stopping active learning based on stabilizing predictions and the
    need for user-adjustable stopping, CoNLL. Predictions that hold still may still be wrong in the same way: the
    forecast asks for more.

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
    if not all(each >= HOLDS_STILL for each in last):
        seen = ", ".join("unknown" if np.isnan(each) else f"{each:.3f}" for each in last)
        return Signal(
            False,
            f"Go on: predictions still change from round to round (kappa {seen}; wanted {HOLDS_STILL} in each of "
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
