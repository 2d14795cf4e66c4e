"""Estimates of the accuracy of labels over all records, from the records that were drawn at random.

The scheduler prefers hard records, so the accuracy on all answers is biased. But a part of the questions is drawn at
random: the audit picks. Together with the order of the labels they give an unbiased estimate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from weaklab.core.errors import WeaklabError
from weaklab.core.tables import counted, some_of
from weaklab.evaluation.analysis import wilson_interval

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

LEAST_ANSWERS = 10
"""An estimate is shown from this number of random answers on. With fewer, the interval is wider than 0.25 even if all
answers agree."""
WIDEST = 0.7
"""An estimate with a wider 95% interval is not shown, for example if most records came after the last random answer."""
NOT_KNOWN = "not known yet"
"""Text that is shown in place of an estimate in all tables, lines and commands."""


class Sample:
    """The labeled records of a corpus, and how each was chosen; the arrays have one entry per labeled record.

    Parameters
    ----------
    n_records : N, number of all records, labeled or not
    at_random : bool (n,), True for audit picks, drawn uniformly from the records without a label at that time
    turn : int (n,), time when the record was picked, as a batch number or an event id
        It is equal for all picks of one batch and higher for later batches. For labels that were not asked for, it is
        lower than for the first batch.
    labeled_at : int (n,), optional, time when the label was given, on the same scale as ``turn``
        At turn t, the record had its label if ``labeled_at <= t``. By default a record has its label in all turns
        after its own, as if each batch were answered before the next one is picked.

    Attributes
    ----------
    turns : int (T,), the turns with audit picks
    drawn : int (T,), r_t, number of audit picks in each
    unlabeled : int (T,), u_t, number of records without a label at each

    Notes
    -----
    Unlabeled records that could not be picked (skipped, shown to another person, added later) are assumed to be like
    those that could. A label that replaces an earlier one keeps the time of the first.

    Examples
    --------
    >>> sample = Sample(500, at_random=[True, False, True, False], turn=[1, 1, 2, 2])
    >>> estimate_accuracy([1, 0, 0, 1], sample)
    not known yet (2 random answers; a figure takes 10)
    """

    def __init__(
        self, n_records: int, at_random: ArrayLike, turn: ArrayLike, labeled_at: ArrayLike | None = None
    ) -> None:
        self.n_records = int(n_records)
        self.turn = np.asarray(turn)
        self.at_random = np.asarray(at_random, dtype=bool)
        self.labeled_at = self.turn + 1 if labeled_at is None else np.asarray(labeled_at)
        for name, values in (("turn", self.turn), ("at_random", self.at_random), ("labeled_at", self.labeled_at)):
            if values.shape != (self.turn.size,):
                raise WeaklabError(
                    f"{name} must hold one entry for each of {self.turn.size} labeled records, got shape {values.shape}"
                )
        if len(self) > self.n_records:
            raise WeaklabError(
                f"{len(self)} labeled records are more than n_records = {n_records}; wanted the size of the corpus"
            )
        known = np.flatnonzero(self.at_random & (self.labeled_at <= self.turn))
        if len(known):
            raise WeaklabError(
                f"audit pick {known[0]} has labeled_at = {self.labeled_at[known[0]]}, not after its turn "
                f"{self.turn[known[0]]}; a record that had a label when it was asked about is not an audit pick"
            )
        self.turns, self.drawn = np.unique(self.turn[self.at_random], return_counts=True)
        self.unlabeled = self.n_records - np.searchsorted(np.sort(self.labeled_at), self.turns, side="right")

    def __len__(self) -> int:
        return len(self.turn)

    def among(self, chosen: ArrayLike, n_chosen: int) -> Sample:
        """Return the sample for a part of the corpus, such as the records that a heuristic votes on.

        The audit picks in the part are a uniform draw from the unlabeled records of the part, so that the estimates
        remain valid.

        Parameters
        ----------
        chosen : bool (n,), which labeled records belong to the part
        n_chosen : number of all records in the part
        """
        mine = np.asarray(chosen, dtype=bool)
        if mine.shape != (len(self),):
            raise WeaklabError(
                f"chosen must hold one entry for each of {len(self)} labeled records, got shape {mine.shape}"
            )
        return Sample(n_chosen, self.at_random[mine], self.turn[mine], self.labeled_at[mine])


def enough(n_audit: int, n_eff: float = 0.0) -> bool:
    """Whether there are enough random answers to show a figure, or every record is labeled.

    >>> enough(9), enough(10), enough(0, float("inf"))
    (False, True, True)
    """
    return n_audit >= LEAST_ANSWERS or bool(np.isinf(n_eff))


def estimated_from(n_audit: int, n_answers: int) -> str:
    """Return a sentence about the answers that an estimate uses, and those that it cannot use.

    >>> estimated_from(12, 60), estimated_from(12, 12)
    ('Estimated from 12 random answers; the other 48 were not drawn at random.', 'Estimated from 12 random answers.')
    """
    others = n_answers - n_audit
    rest = f"; the other {others:,} {'was' if others == 1 else 'were'} not drawn at random" if others > 0 else ""
    return f"Estimated from {counted(n_audit, 'random answer')}{rest}."


def without_figure(figure: str, n_audit: Mapping[str, int], what: str) -> str:
    """Return a sentence about the labels or heuristics that have no figure yet.

    Parameters
    ----------
    figure, what : which figure, and of what, in the singular
    n_audit : name -> number of random answers behind it

    >>> without_figure("accuracy", {"has_link": 3, "is_short": 6}, "heuristic")
    'Not known yet: accuracy of 2 heuristics (has_link, is_short) with 3 to 6 random answers each; a figure takes 10.'
    """
    low, high = min(n_audit.values()), max(n_audit.values())
    answers = counted(high, "random answer") if low == high else f"{low:,} to {counted(high, 'random answer')}"
    each = " each" if len(n_audit) > 1 else ""
    narrow = f" and an interval of at most {WIDEST:.0%}" if enough(high) else ""
    return (
        f"{NOT_KNOWN.capitalize()}: {figure} of {counted(len(n_audit), what)} ({some_of(list(n_audit))}) with "
        f"{answers}{each}; a figure takes {LEAST_ANSWERS}{narrow}."
    )


@dataclass(frozen=True, repr=False)
class Estimate:
    """A share of records with its 95% interval.

    Attributes
    ----------
    value : 0 to 1, nan if no record was drawn at random; check :attr:`known` before you show it
    low, high : 0 to 1, the interval; without audit picks, the bounds that follow from the labeled records alone
    n_audit : number of audit picks that were used
    n_eff : effective sample size: a simple random sample of this size has the same variance; infinite if every record
        is labeled

    Examples
    --------
    >>> Estimate(0.9, 0.8, 0.96, 60, 60.0)
    90.0 % (80.0-96.0 %, 95 % interval from 60 random answers)
    >>> Estimate(1.0, 0.05, 1.0, 1, 1.0).known
    False
    """

    value: float
    low: float
    high: float
    n_audit: int
    n_eff: float

    @property
    def known(self) -> bool:
        """Whether the estimate is precise enough to be shown.

        This is the case if every record is labeled, or if there are :data:`LEAST_ANSWERS` random answers and the
        interval is not wider than :data:`WIDEST`.
        """
        return enough(self.n_audit, self.n_eff) and not np.isnan(self.value) and self.high - self.low <= WIDEST

    @property
    def cells(self) -> tuple[str, str, str]:
        """The value and the bounds of its interval as texts; :data:`NOT_KNOWN` and empty texts if it is not known."""
        return (f"{self.value:.1%}", f"{self.low:.1%}", f"{self.high:.1%}") if self.known else (NOT_KNOWN, "", "")

    @property
    def short(self) -> str:
        """The value with its interval and the number of random answers, as a short text for a table cell."""
        if not self.known:
            return NOT_KNOWN
        if np.isinf(self.n_eff):
            return f"{self.value:.2f} (all labeled)"
        return f"{self.value:.2f} ({self.low:.2f}-{self.high:.2f}, n={self.n_audit})"

    def __str__(self) -> str:
        bounds = f"{100 * self.low:.1f}-{100 * self.high:.1f} %"
        if self.known and np.isinf(self.n_eff):
            return f"{100 * self.value:.1f} % (every record is labeled)"
        answers = f"{self.n_audit:,} random answer{'s' * (self.n_audit != 1)}"
        if self.known:
            return f"{100 * self.value:.1f} % ({bounds}, 95 % interval from {answers})"
        if self.n_audit < LEAST_ANSWERS:
            return f"{NOT_KNOWN} ({answers}; a figure takes {LEAST_ANSWERS})"
        return f"{NOT_KNOWN} ({answers} leave {bounds} open)"

    __repr__ = __str__


def estimate_accuracy(correct: ArrayLike, sample: Sample, *, learned: bool = False) -> Estimate:
    """Estimate the mean correctness over all records, labeled or not.

    Parameters
    ----------
    correct : float (n,) in [0, 1], 1 if the label under test is right for a labeled record; a tie of t classes is 1 / t
        For anything that learns from the labels, it must be out-of-fold: computed without the label of that record.
    sample : how the n labeled records were chosen
    learned : give later turns more weight, for a weak classifier; see the notes

    Returns
    -------
    Estimate
        The value is nan, with bounds that are certain, if no record was drawn at random. It is exact if every record
        is labeled.

    Notes
    -----
    What is estimated is T, the number of correct records among all N. At turn t, K_t of the n_t records labeled so far
    are correct, u_t = N - n_t have no label, and r_t of these are drawn at random, with mean correctness x_t. Only the
    unlabeled part has to be estimated. So, given everything before turn t,

        T_t = K_t + u_t x_t   has mean T and variance   u_t (u_t - r_t) / r_t  s_t^2,

    however the other picks are chosen. The factor u_t / r_t is that of Horvitz and Thompson (1952), A generalization of
    sampling without replacement from a finite universe, JASA 47, 663-685.

    Each turn gives such an unbiased estimate, so a weighted mean T^ = sum_t W_t T_t with sum_t W_t = 1 is unbiased.
    The errors of different turns are uncorrelated, because each has mean 0 given the turns before. Therefore the best
    weights are the inverse variances; for equal s_t, W_t is proportional to r_t / (u_t (u_t - r_t)). Later turns get
    more weight: more records are labeled and fewer are estimated. If every pick is random, T^ / N is the plain mean; if
    r_t = 1, it is the estimator R_LURE of Farquhar, Gal and Rainforth (2021), On statistical bias in active learning:
    how and when to fix it, ICLR, here with a part of each batch chosen freely.

    For the interval, T^ is written as A + B q, with A = sum_t W_t K_t and B = sum_t W_t u_t. Here q is a weighted share
    of correct audit picks. Its variance is q (1 - q) / n_eff with n_eff = B^2 / sum_t W_t^2 u_t (u_t - r_t) / r_t.
    So it is treated as a share in n_eff draws, with the interval of :func:`mid_p_interval`. T is at least the number of
    correct labeled records, and at most that plus the number of unlabeled records; estimate and bounds are clipped to
    this range.

    All this requires that correctness does not depend on the labels, as for a labeling function. A member that learns
    is judged out-of-fold, without a label that later questions already built on. So its estimate is too low, most for
    early picks. With ``learned``, W_t is also proportional to 1 + n_t, which remains unbiased where the above is, and
    costs a quarter of n_eff. It is meant for members that learn from the labels only; a committee with labeling
    functions loses more than it gains (`benchmarks.audit`). Many folds, such as 20, help in all cases.
    """
    found, N = weigh(correct, sample, learned=learned), sample.n_records
    if N == 0:
        return Estimate(float("nan"), 0.0, 1.0, 0, 0.0)
    bounds = mid_p_interval(found.share * found.n_eff, found.n_eff) if np.isfinite(found.n_eff) else (0.0, 0.0)
    low, high = (found.count(bound) / N for bound in bounds)
    value = found.count(found.share) / N if found.n_audit or found.least == found.most else float("nan")
    return Estimate(value, low, high, found.n_audit, found.n_eff)


@dataclass(frozen=True)
class Weighted:
    """What the answers say about a number of records: ``certain + free * share``, where the share is not known.

    Attributes
    ----------
    certain, free : A and B of the notes of :func:`estimate_accuracy`
    share : q, the weighted share of the random answers; 0 without any
    n_eff : effective number of draws behind the share; 0 without any, infinite if every record is labeled
    n_audit : number of audit picks
    least, most : bounds that follow from the labeled records alone
    """

    certain: float
    free: float
    share: float
    n_eff: float
    n_audit: int
    least: float
    most: float

    def count(self, share: float) -> float:
        """Return the number of records for one value of the share."""
        return min(max(self.certain + self.free * share, self.least), self.most)

    def draws(self, number: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return numbers of records, drawn as the random answers allow them: float (number,).

        The quantiles at 2.5 and 97.5 % are the bounds of :func:`mid_p_interval`: half of the shares is drawn from
        Beta(x, n - x + 1) and half from Beta(x + 1, n - x), for x of n draws. Krishnamoorthy and Lee (2010), Inference
        for functions of parameters in discrete distributions based on fiducial approach, Journal of Statistical
        Planning and Inference 140, 1182-1192.
        """
        if np.isinf(self.n_eff):
            return np.full(number, self.least)
        x, more = self.share * self.n_eff, rng.random(number) < 0.5
        a, b = np.where(more, x + 1, x), np.maximum(np.where(more, self.n_eff - x, self.n_eff - x + 1), 0)
        shares = rng.beta(np.maximum(a, 1e-12), np.maximum(b, 1e-12))
        shares = np.where(a < 1e-9, 0.0, np.where(b < 1e-9, 1.0, shares))
        return np.clip(self.certain + self.free * shares, self.least, self.most)


def weigh(correct: ArrayLike, sample: Sample, *, learned: bool = False) -> Weighted:
    """Return what :func:`estimate_accuracy` estimates from, for the same parameters.

    >>> found = weigh([1, 0, 0, 1], Sample(8, at_random=[True, False, True, False], turn=[1, 1, 2, 2]))
    >>> found.least, found.most, found.n_audit
    (2.0, 6.0, 2)
    """
    x = _checked(correct, sample)
    known, N, r = float(x.sum()), sample.n_records, sample.drawn.astype(np.float64)
    rest = N - len(sample)
    if rest == 0:
        return Weighted(known, 0.0, 0.0, float("inf"), int(r.sum()), known, known)
    if not len(r):
        return Weighted(known, float(rest), 0.0, 0.0, 0, known, known + rest)
    u = sample.unlabeled.astype(np.float64)
    # K_t: number of correct records among those that had their label at turn t
    by_time = np.argsort(sample.labeled_at, kind="stable")
    right = np.concatenate([[0.0], np.cumsum(x[by_time])])[N - sample.unlabeled]
    place = np.searchsorted(sample.turns, sample.turn[sample.at_random])
    hits = np.bincount(place, weights=x[sample.at_random], minlength=len(r)) / r
    precision = r / (u * (u - r))
    W = precision * (1 + N - u) if learned else precision
    W = W / W.sum()
    A, B = float(W @ right), float(W @ u)
    n_eff = B**2 / float((W**2 / precision).sum())
    q = min(1.0, float(W @ (u * hits)) / B)
    return Weighted(A, B, q, n_eff, int(r.sum()), known, known + rest)


def estimate_exported(correct: ArrayLike, sample: Sample, *, learned: bool = False) -> Estimate:
    """Estimate the accuracy of exported labels: manual labels, which count as right, and the committee's elsewhere.

    The parameters are those of :func:`estimate_accuracy`. ``correct`` (n,) is for the committee without the manual
    label; each wrong one among the labeled records is replaced by a right manual label.

    >>> found = estimate_exported([1, 0, 0, 1], Sample(8, at_random=[True, False, True, False], turn=[1, 1, 2, 2]))
    >>> round(found.value, 2), found.low, found.known
    (0.68, 0.5, False)
    """
    found = estimate_accuracy(correct, sample, learned=learned)
    gain = (len(sample) - float(_checked(correct, sample).sum())) / max(sample.n_records, 1)
    # np.minimum, because it keeps nan
    value, low, high = (float(np.minimum(1.0, share + gain)) for share in (found.value, found.low, found.high))
    return Estimate(value, low, high, found.n_audit, found.n_eff)


def estimate_precision(
    correct: ArrayLike, voted: ArrayLike, n_voted: int, sample: Sample, *, learned: bool = False
) -> Estimate:
    """Estimate the accuracy of a heuristic on the records that it votes on.

    Parameters
    ----------
    correct : float (n,), whether its vote on each labeled record is right; ignored where it abstains
    voted : bool (n,), whether it votes on each labeled record
    n_voted : number of all records on which it votes
    sample : how the n labeled records were chosen
    learned : True for a weak classifier, see :func:`estimate_accuracy`

    Notes
    -----
    The set of records that it votes on is known. The audit picks among them are a uniform draw from the unlabeled ones
    of this set, so that the accuracy is estimated inside it, see :meth:`Sample.among`.

    Examples
    --------
    >>> sample = Sample(500, at_random=[True, False, True, False], turn=[1, 1, 2, 2])
    >>> estimate_precision([1, 0, 0, 1], voted=[True, True, False, False], n_voted=80, sample=sample).n_audit
    1
    """
    mine = np.asarray(voted, dtype=bool)
    part = sample.among(mine, n_voted)
    return estimate_accuracy(np.asarray(correct)[mine], part, learned=learned)


def _checked(correct: ArrayLike, sample: Sample) -> NDArray[np.float64]:
    x = np.asarray(correct, dtype=np.float64)
    if x.shape != (len(sample),):
        raise WeaklabError(
            f"correct must hold one number for each of {len(sample)} labeled records, got shape {x.shape}"
        )
    if not ((x >= 0) & (x <= 1)).all():
        raise WeaklabError("correct must hold numbers from 0 (wrong) to 1 (right), and no NaN")
    return x


def mid_p_interval(right: float, n: float) -> tuple[float, float]:
    """Return the mid-p 95% interval of a share, (0, 1) for n = 0; ``right`` and ``n`` may be fractions.

    It is the interval of Clopper and Pearson (1934), but the probability of the observed count itself is counted half:
    Lancaster (1961), Significance tests in discrete distributions, JASA 56, 223-234. The Wilson interval is not used:
    after one or two draws it often misses a share near 1, and after many it is longer than this one. Effective sample
    sizes are fractions, so binomial tails are extended to fractions with the incomplete beta function, as in Korn and
    Graubard (1998), Confidence intervals for proportions with small expected number of positive counts estimated from
    survey data, Survey Methodology 24, 193-201.

    >>> [round(bound, 3) for bound in mid_p_interval(9, 10)]
    [0.597, 0.995]
    """
    return _mid_p_low(right, n), 1 - _mid_p_low(n - right, n)


def _mid_p_low(x: float, n: float) -> float:
    """Return the share p that solves (P(X >= x) + P(X > x)) / 2 = 2.5% for a binomial X with n draws."""
    from scipy.optimize import brentq
    from scipy.special import betainc

    if x <= 1e-9:
        return 0.0

    def excess(p: float) -> float:
        more = betainc(x + 1, n - x, p) if n - x > 1e-9 else 0.0
        return float(betainc(x, max(n - x, 0.0) + 1, p) + more) / 2 - 0.025

    return float(brentq(excess, 0.0, 1.0))


@dataclass(frozen=True, repr=False)
class Bias:
    """Acceptance bias: how much more often people agree with a suggestion if they see it.

    Attributes
    ----------
    shown, blind : share of answers equal to the suggestion if it was shown, and if it was hidden; nan without answers
    gap : shown - blind
    low, high : 95% interval of the gap, -1 to 1
    n_shown, n_blind : number of answers with the suggestion shown, and hidden
    """

    shown: float
    blind: float
    gap: float
    low: float
    high: float
    n_shown: int
    n_blind: int

    @property
    def known(self) -> bool:
        """Whether there are enough answers of both kinds for an estimate."""
        return min(self.n_shown, self.n_blind) >= LEAST_ANSWERS

    def __str__(self) -> str:
        if not self.known:
            return (
                f"{NOT_KNOWN} ({counted(self.n_shown, 'answer')} with the suggestion in view, {self.n_blind:,} "
                f"without; a figure takes {LEAST_ANSWERS} of both kinds)"
            )
        bounds = f"{100 * self.low:+.1f} to {100 * self.high:+.1f}, 95 % interval"
        seen = f"{100 * self.shown:.1f} % of {self.n_shown} answers agree with the suggestion in view"
        return f"{100 * self.gap:+.1f} points ({bounds}): {seen}, {100 * self.blind:.1f} % of {self.n_blind} without"

    __repr__ = __str__


def acceptance_bias(agreed: ArrayLike, shown: ArrayLike) -> Bias:
    """Estimate the acceptance bias: how often answers equal a suggestion that is shown, minus one that is hidden.

    The gap is the effect of the suggestion only if suggestions are hidden at random. Otherwise it also contains
    differences between the records.

    Parameters
    ----------
    agreed : bool (n,), whether each answer equals the suggestion
    shown : bool (n,), whether the suggestion was in view

    Notes
    -----
    Method 10 of Newcombe (1998), Interval estimation for the difference between independent proportions, Statistics in
    Medicine 17, 873-890: the distances of the Wilson bounds from both shares are combined as a root of squares.

    Examples
    --------
    >>> print(acceptance_bias([True] * 9 + [False] + [True] * 3 + [False] * 7, [True] * 10 + [False] * 10))
    +60.0 points (+17.1 to +80.9, 95 % interval): 90.0 % of 10 answers agree with the suggestion in view, 30.0 % of 10
    without
    """
    same, seen = np.asarray(agreed, dtype=bool), np.asarray(shown, dtype=bool)
    if same.ndim != 1 or same.shape != seen.shape:
        raise WeaklabError(
            f"agreed and shown must hold one entry per answer each, got shapes {same.shape} and {seen.shape}"
        )
    n1, n2 = int(seen.sum()), int((~seen).sum())
    a, b = int(same[seen].sum()), int(same[~seen].sum())
    p1, p2 = a / n1 if n1 else float("nan"), b / n2 if n2 else float("nan")
    if not n1 or not n2:
        return Bias(p1, p2, float("nan"), -1.0, 1.0, n1, n2)
    (low1, high1), (low2, high2) = wilson_interval(a, n1), wilson_interval(b, n2)
    gap = p1 - p2
    low = gap - float(np.hypot(p1 - low1, high2 - p2))
    high = gap + float(np.hypot(high1 - p1, p2 - low2))
    return Bias(p1, p2, gap, max(low, -1.0), min(high, 1.0), n1, n2)
