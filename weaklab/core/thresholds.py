"""Confidence bounds of a share, and the confidence threshold above which labels reach a precision.

Both need audit labels: labels of records that were drawn at random.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from weaklab.core.errors import WeaklabError, is_number

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


PRECISION, LEVEL = 0.95, 0.95
"""What is promised by default: so many labels are right, so surely."""


STARTS = {0.25: 0.2, 0.5: 0.3, 1.0: 0.5}
"""Share of the audit records, the surest ones -> how much of the risk of a wrong promise a test that begins there may
take."""


STEP = 0.05
"""From a start on, slices grow by this share of the audit records."""


RATES = (0.0, 0.1, 0.25, 0.45, 0.7)


RATE_WEIGHTS = (0.5, 0.15, 0.15, 0.1, 0.1)
"""What is bet on: that so many times the wrong labels occur that a promise allows, and how much of the stake is put on
each."""


def clopper_pearson(right: float, n: float, level: float = 0.95) -> tuple[float, float]:
    """Return the exact interval of a share, (0, 1) for n = 0; ``right`` may be a fraction where ties count in part.

    Clopper and Pearson (1934), The use of confidence or fiducial limits illustrated in the case of the binomial,
    Biometrika 26.

    >>> [round(bound, 3) for bound in clopper_pearson(9, 10)]
    [0.555, 0.997]
    """
    return lower_bound(right, n, (1 + level) / 2), 1 - lower_bound(n - right, n, (1 + level) / 2)


def lower_bound(right: float, n: float, level: float = LEVEL) -> float:
    """Return the exact one-sided lower bound of a share: it is below the true share in ``level`` of all samples, or
    more.

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
    precision, level : what is promised: this share of the labels is right, with this confidence over the draw of the
        audit labels and however often it was asked for before
    n, right : audit records of that confidence or more, and how many of them are right; of the first slice that was
        tested where nothing can be promised
    lower : the lower bound of the precision that follows from these two, see :func:`betting_bound`
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
        return (
            f"{nothing}: where the committee is surest, {seen}; get more random answers with ask(n, "
            "strategy='random'), or promise less."
        )

    __repr__ = __str__


def threshold_for(
    confidence: ArrayLike, right: ArrayLike, precision: float = PRECISION, level: float = LEVEL
) -> Threshold:
    """Return the least confidence from which labels are right often enough, judged by a random sample.

    Parameters
    ----------
    confidence : float (n_audit,), how sure the committee is of each record of a random sample
    right : bool (n_audit,), whether its label is right there; both as they are when it does not know the label
        (out-of-fold)
    precision : between 0 and 1, the share of labels that must be right
    level : between 0 and 1, in so many runs, or more, no threshold breaks the promise, however often it is asked for as
        answers come

    Returns
    -------
    Threshold
        With an infinite ``min_confidence`` where the sample is too small or its surest records are not right often
        enough.

    Raises
    ------
    WeaklabError
        A shape is wrong, or a share is not between 0 and 1.

    Notes
    -----
    The records from some confidence on are a slice. That a slice is right less often than ``precision`` is tested by a
    bet against it: its stake is multiplied by the likelihood ratio of each answer, and is a mixture over the
    alternatives that the share wrong is 0, 0.1, 0.25, 0.45 or 0.7 of what is allowed. While the slice deserves no
    promise, the stake is a supermartingale, so that it ever reaches 1 / a has a chance of a at most (Ville 1939),
    however often it is looked at: Waudby-Smith and Ramdas (2023), Estimating means of bounded random variables by
    betting, JRSS B 86; Howard, Ramdas, McAuliffe and Sekhon (2021), Time-uniform, nonparametric, nonasymptotic
    confidence sequences, Annals of Statistics 49. It depends on the number of right and wrong answers, not on their
    order.

    The best of many slices would pass too easily, so they are tested in an order that is fixed before any label is
    looked at, the surest first. Tests begin at a quarter, a half and all of the records with a fifth, three tenths and
    half of the risk 1 - level; the next slices take over what a slice that passed had, and a slice that fails ends it:
    the fallback procedure of Wiens (2003), A fixed sequence Bonferroni procedure for testing multiple endpoints,
    Pharmaceutical Statistics 2, on the promise of Geifman and El-Yaniv (2017), Selective classification for deep neural
    networks, NeurIPS, and Angelopoulos, Bates, Candes, Jordan and Lei (2021), Learn then test. Records of equal
    confidence are in or out together.

    Exact for confidences that stay as they are and thresholds at fixed confidences. Here both are estimated: thresholds
    are shares of the sample, and a committee that learns changes its confidences. `benchmarks.promises` measures the
    first: nothing visible. The second was not simulated.

    Examples
    --------
    >>> threshold_for(np.linspace(1, 0, 200), [True] * 140 + [False] * 60, precision=0.9).n
    140
    >>> threshold_for([0.9] * 20, [True] * 20)
    No label can be promised to be right with precision 0.95: that takes 80 random answers or more, and there are 20;
    ...
    """
    sure, hits = np.asarray(confidence, dtype=np.float64), np.asarray(right)
    if sure.ndim != 1 or hits.shape != sure.shape or hits.dtype != bool:
        raise WeaklabError(
            f"confidence and right must hold a number and a bool for each audit record, got shapes {sure.shape} and "
            f"{hits.shape}, "
            f"right of {hits.dtype}"
        )
    if not np.isfinite(sure).all():
        raise WeaklabError("confidence holds NaN or infinity; wanted numbers from 0 to 1")
    _check_share("precision", precision)
    _check_share("level", level)
    order = np.argsort(-sure, kind="stable")
    sure, wrong = sure[order], np.cumsum(~hits[order])
    sizes, own = slices(len(sure))
    sizes = np.searchsorted(-sure, -sure[sizes - 1], side="right")
    bad = wrong[sizes - 1]
    place, risk = _last_kept(log_stake(sizes, bad, precision), own, 1 - level)
    if place is None and not len(sure):
        return Threshold(float("inf"), precision, level, 0, 0, 0.0, 0)
    if place is None:
        n, good = int(sizes[0]), int(sizes[0] - bad[0])
        return Threshold(
            float("inf"), precision, level, n, good, betting_bound(n, n - good, (1 - level) * own[0]), len(sure)
        )
    n, good = int(sizes[place]), int(sizes[place] - bad[place])
    return Threshold(float(sure[n - 1]), precision, level, n, good, betting_bound(n, n - good, risk), len(sure))


def _last_kept(stakes: NDArray[np.float64], own: NDArray[np.float64], alpha: float) -> tuple[int | None, float]:
    """Return the place of the last slice that passes, None without any, and the risk that its test took."""
    found, spent, risk = None, 0.0, 0.0
    for place, (stake, share) in enumerate(zip(stakes.tolist(), own.tolist(), strict=True)):
        risk += alpha * share
        if risk > 0 and stake >= -np.log(risk):
            found, spent = place, risk
        else:
            risk = 0.0
    return found, spent


def slices(n_audit: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return how many of the surest audit records to test, in this order, and how much of the risk is given to each of
    these tests.

    >>> sizes, own = slices(100)
    >>> sizes[:3].tolist(), own[:3].tolist(), int(sizes[-1]), float(own[-1])
    ([25, 30, 35], [0.2, 0.0, 0.0], 100, 0.5)
    """
    count = round((1 - min(STARTS)) / STEP) + 1
    shares = np.linspace(min(STARTS), 1.0, count).round(9)
    own = np.array([STARTS.get(share, 0.0) for share in shares.tolist()])
    sizes = np.ceil(shares * n_audit - 1e-9).astype(np.int64)
    return (sizes, own) if n_audit else (sizes[:0], own[:0])


def log_stake(n: ArrayLike, wrong: ArrayLike, precision: ArrayLike) -> NDArray[np.float64]:
    """Return the logarithm of what a stake of 1 has become that was bet against ``precision``, see
    :func:`threshold_for`.

    >>> round(float(np.exp(log_stake(80, 0, 0.95))), 1)
    41.0
    """
    seen, bad = np.asarray(n, dtype=np.float64)[..., None], np.asarray(wrong, dtype=np.float64)[..., None]
    promised = np.asarray(precision, dtype=np.float64)[..., None]
    rates, allowed = np.array(RATES), 1 - promised
    per_wrong = np.where(rates > 0, np.log(np.maximum(rates, 1e-300)), -np.inf)
    gains = np.where(bad > 0, bad, 1.0) * np.where(bad > 0, per_wrong, 0.0) + (seen - bad) * np.log(
        (1 - rates * allowed) / promised
    )
    gains = gains + np.log(RATE_WEIGHTS)
    top = gains.max(axis=-1)
    return np.asarray(top + np.log(np.exp(gains - top[..., None]).sum(axis=-1)))


def betting_bound(n: int, wrong: int, risk: float) -> float:
    """Return the lower bound of a share that a bet reaches: it is ever above the true share with a chance of ``risk``
    at most.

    >>> round(betting_bound(80, 0, 0.025), 3)
    0.95
    """
    low, high = 0.0, 1.0
    for _ in range(3):  # a hundred times finer each
        grid = np.linspace(low, high, 101)[1:-1]
        place = int((log_stake(n, wrong, grid) >= -np.log(risk)).sum())
        low, high = [low, *grid.tolist(), high][place : place + 2]
    return float(low)


def least_audit(precision: float = PRECISION, level: float = LEVEL) -> int:
    """Return how many random answers a promise takes at least, all of them right.

    >>> least_audit(), least_audit(0.8), least_audit(0.99)
    (80, 19, 406)
    """
    wanted = -np.log((1 - level) * STARTS[1.0])
    low, high = 0, 1
    while log_stake(high, 0, precision) < wanted:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if log_stake(middle, 0, precision) >= wanted else (middle, high)
    return high


def _check_share(name: str, value: float) -> None:
    if not is_number(value) or not 0 < float(value) < 1:
        raise WeaklabError(f"{name} must be between 0 and 1, such as 0.95, got {value!r}")
