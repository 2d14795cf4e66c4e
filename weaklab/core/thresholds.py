"""Confidence bounds of a share, and the confidence threshold above which labels reach a given precision.

The threshold needs audit labels: labels of records that were drawn at random.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from weaklab.core.advice import random_answers
from weaklab.core.errors import WeaklabError, is_number

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


PRECISION, LEVEL = 0.95, 0.95
"""Defaults: the share of labels that must be right, and the confidence level of this guarantee."""


STARTS = {0.25: 0.2, 0.5: 0.3, 1.0: 0.5}
"""Where tests start: share of the audit records (the most confident ones) -> share of the error risk 1 - level that is
given to the test there."""


STEP = 0.05
"""After a start, each next slice has this share of the audit records more."""


RATES = (0.0, 0.1, 0.25, 0.45, 0.7)


RATE_WEIGHTS = (0.5, 0.15, 0.15, 0.1, 0.1)
"""The bet is a mixture: each rate is the share of wrong labels divided by the share that the precision allows, and each
weight is the part of the stake on this alternative."""


MOST_ANSWERS = 100_000
"""Nobody gives more random answers than that."""


def clopper_pearson(right: float, n: float, level: float = 0.95) -> tuple[float, float]:
    """Return the exact confidence interval of a share; (0, 1) for n = 0. ``right`` may be a fraction, because of ties.

    Clopper and Pearson (1934), The use of confidence or fiducial limits illustrated in the case of the binomial,
    Biometrika 26.

    >>> [round(bound, 3) for bound in clopper_pearson(9, 10)]
    [0.555, 0.997]
    """
    return lower_bound(right, n, (1 + level) / 2), 1 - lower_bound(n - right, n, (1 + level) / 2)


def lower_bound(right: float, n: float, level: float = LEVEL) -> float:
    """Return the exact one-sided lower confidence bound of a share.

    >>> round(lower_bound(59, 59), 4)
    0.9505
    """
    from scipy.special import betaincinv

    return float(betaincinv(right, n - right + 1, 1 - level)) if right > 0 else 0.0


@dataclass(frozen=True, repr=False)
class Threshold:
    """The lowest confidence from which labels reach a precision, and the evidence for it.

    Attributes
    ----------
    min_confidence : labels with at least this confidence reach the precision; infinite if no threshold was found
    precision, level : the guarantee: at least this share of the labels is right, with this probability over the draw
        of the audit labels, however often a threshold is computed while answers come in
    n, right : number of audit records with at least that confidence, and how many of them are right; if no threshold
        was found, those of the first slice that was tested
    lower : lower bound of the precision that follows from ``n`` and ``right``, see :func:`betting_bound`
    n_audit : number of all audit records
    possible : the precision that these audit labels would promise, where no threshold was found: the highest bound of
        the three slices that have a risk of their own, which hold together
    more : how many more audit labels would do if the shares of right ones stay as they are; None where no number up to
        100,000 does
    """

    min_confidence: float
    precision: float
    level: float
    n: int
    right: int
    lower: float
    n_audit: int
    possible: float = 0.0
    more: int | None = None

    @property
    def kept(self) -> bool:
        """Whether a threshold was found."""
        return bool(np.isfinite(self.min_confidence))

    @property
    def coverage(self) -> float:
        """Share of the audit records with at least that confidence; an estimate of the share of all records."""
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
                f"get {least - self.n_audit:,} more with {random_answers(least - self.n_audit)}."
            )
        now = f"; {_rounded_down(self.possible)} can be promised now" if self.possible >= 0.01 else ""
        if self.more is None:
            more = "More answers do not help while no larger share of them agrees"
        else:
            more = f"With the same share of right ones, {self.more:,} more would do: {random_answers(self.more)}"
        return f"{nothing}: where the committee is surest, {seen}. {more}{now}."

    __repr__ = __str__


def threshold_for(
    confidence: ArrayLike, right: ArrayLike, precision: float = PRECISION, level: float = LEVEL
) -> Threshold:
    """Return the lowest confidence from which labels reach a precision, tested on a random sample.

    Parameters
    ----------
    confidence : float (n_audit,), confidence of the committee on each record of a random sample
    right : bool (n_audit,), whether its label is right there
        Both must be out-of-fold: computed without the manual label of the record.
    precision : between 0 and 1, the share of labels that must be right
    level : between 0 and 1, probability that no threshold is too low, however often one is computed as answers come in

    Returns
    -------
    Threshold
        Its ``min_confidence`` is infinite if the sample is too small, or if even the most confident records are not
        right often enough.

    Raises
    ------
    WeaklabError
        A shape is wrong, or a share is not between 0 and 1.

    Notes
    -----
    A slice is the set of records with at least some confidence. The test of a slice must stay valid when it is
    repeated after each new answer, which exact binomial tests do not. Therefore it is a bet. The null hypothesis is
    that the slice is right less often than ``precision``. A stake is multiplied by the likelihood ratio of each
    answer; the alternative is a mixture in which the share of wrong labels is 0, 0.1, 0.25, 0.45 or 0.7 of what is
    allowed. Under the null hypothesis the stake is a supermartingale, so the probability that it ever reaches 1 / a
    is at most a (Ville 1939): Waudby-Smith and Ramdas (2023), Estimating means of bounded random variables by
    betting, JRSS B 86; Howard, Ramdas, McAuliffe and Sekhon (2021), Time-uniform, nonparametric, nonasymptotic
    confidence sequences, Annals of Statistics 49. The stake depends on the numbers of right and wrong answers, not on
    their order.

    Several slices are tested, and the best of many passes too easily by chance. Therefore the order of the tests is
    fixed before any label is used, from the most confident slice on, and the risk 1 - level is divided: a fifth, three
    tenths and a half of it go to the slices with a quarter, a half and all of the records. A slice that passes hands
    its risk on to the next one; after a slice that fails, the tests stop until the next of these three starts. This is
    the fallback procedure of Wiens (2003), A fixed sequence Bonferroni procedure for testing multiple endpoints,
    Pharmaceutical Statistics 2. The guarantee is that of Geifman and El-Yaniv (2017), Selective classification for
    deep neural networks, NeurIPS, and Angelopoulos, Bates, Candes, Jordan and Lei (2021), Learn then test. Records of
    equal confidence are in the same slices.

    The guarantee is exact if confidences do not change and thresholds are fixed confidences. Here, thresholds are
    shares of the sample (`benchmarks.promises` shows no visible effect), and a committee that learns changes its
    confidences (not simulated).

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
            f"{hits.shape}, right of {hits.dtype}"
        )
    if not np.isfinite(sure).all():
        raise WeaklabError("confidence holds NaN or infinity; wanted numbers from 0 to 1")
    _check_share("precision", precision)
    _check_share("level", level)
    order = np.argsort(-sure, kind="stable")
    sure, wrong = sure[order], np.cumsum(~hits[order])
    sizes, own = slices(len(sure))
    # a slice takes all records that are as confident as its last one
    sizes = np.searchsorted(-sure, -sure[sizes - 1], side="right")
    bad = wrong[sizes - 1]
    place, risk = _last_kept(log_stake(sizes, bad, precision), own, 1 - level)
    if place is None and not len(sure):
        return Threshold(float("inf"), precision, level, 0, 0, 0.0, 0)
    if place is None:
        n, good = int(sizes[0]), int(sizes[0] - bad[0])
        starts = own > 0
        risks = (1 - level) * own[starts]
        bounds = list(map(betting_bound, sizes[starts].tolist(), bad[starts].tolist(), risks.tolist()))
        more = _more_answers(sizes[starts] / len(sure), bad[starts] / sizes[starts], risks, precision, len(sure))
        return Threshold(float("inf"), precision, level, n, good, bounds[0], len(sure), max(bounds), more)
    n, good = int(sizes[place]), int(sizes[place] - bad[place])
    return Threshold(float(sure[n - 1]), precision, level, n, good, betting_bound(n, n - good, risk), len(sure))


def _more_answers(
    shares: NDArray[np.float64], wrong: NDArray[np.float64], risks: NDArray[np.float64], precision: float, n: int
) -> int | None:
    """Return how many more answers let one of the slices pass, if its share of wrong ones stays; None if none does.

    Parameters
    ----------
    shares, wrong, risks : float (slices,), its share of the audit records, its share of wrong answers, and its risk
    n : number of answers that there are
    """
    counts = np.unique(np.geomspace(n + 1, max(MOST_ANSWERS, n + 1), 2000).astype(np.int64))
    sizes = np.ceil(np.outer(counts, shares))
    enough = (log_stake(sizes, sizes * wrong, precision) >= -np.log(risks)).any(axis=1)
    return int(counts[enough.argmax()]) - n if enough.any() else None


def _rounded_down(share: float) -> str:
    """Return a share with two decimals, never more than it is.

    >>> _rounded_down(0.899)
    '0.89'
    """
    return f"{np.floor(100 * share + 1e-9) / 100:.2f}"


def _last_kept(stakes: NDArray[np.float64], own: NDArray[np.float64], alpha: float) -> tuple[int | None, float]:
    """Return the position of the last slice that passes (None if none does), and the risk that its test used."""
    found, spent, risk = None, 0.0, 0.0
    for place, (stake, share) in enumerate(zip(stakes.tolist(), own.tolist(), strict=True)):
        risk += alpha * share
        if risk > 0 and stake >= -np.log(risk):
            found, spent = place, risk
        else:
            risk = 0.0
    return found, spent


def slices(n_audit: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the sizes of the slices in the order of their tests, and the share of the risk that each test gets anew.

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
    """Return the logarithm of a stake that started at 1, after ``n`` answers; see the notes of :func:`threshold_for`.

    >>> round(float(np.exp(log_stake(80, 0, 0.95))), 1)
    41.0
    """
    # An answer multiplies the stake of an alternative by its likelihood ratio: by rate if the label is wrong, and by
    # (1 - rate x allowed) / precision if it is right. The stakes of all alternatives are added up, in logarithms.
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
    """Return a lower confidence bound of a share: the highest share that the bet rejects.

    The probability that it is ever above the true share is at most ``risk``.

    >>> round(betting_bound(80, 0, 0.025), 3)
    0.95
    """
    low, high = 0.0, 1.0
    for _ in range(3):  # each pass searches a grid that is a hundred times finer
        grid = np.linspace(low, high, 101)[1:-1]
        place = int((log_stake(n, wrong, grid) >= -np.log(risk)).sum())
        low, high = [low, *grid.tolist(), high][place : place + 2]
    return float(low)


def least_audit(precision: float = PRECISION, level: float = LEVEL) -> int:
    """Return the smallest number of random answers for which a threshold can be found, if all of them are right.

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
