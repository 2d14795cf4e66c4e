"""How right labels are over all records, estimated from the records that were asked about at random.

A scheduler asks about hard records, so the share of answers that a heuristic gets right says little about the corpus.
Some questions are drawn at random, though: the audit picks. They and the order of the labels are enough for an honest
estimate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from weaklab.core.errors import WeaklabError
from weaklab.core.tables import counted
from weaklab.evaluation.analysis import wilson_interval

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

LEAST_ANSWERS = 10
"""A figure is shown from so many random answers on; even if all agree, fewer leave more than a quarter of the scale
open."""
WIDEST = 0.7
"""No figure is shown whose 95% interval is wider, such as where most records came after the last random answer."""
NOT_KNOWN = "not known yet"
"""What is shown in the place of a figure; the one wording for all tables, lines and commands."""


class Sample:
    """The labeled records of a corpus and how each came to be labeled; arrays with one entry a labeled record, in any
    order.

    Parameters
    ----------
    n_records : N, all records, labeled or not
    at_random : bool (n,), True for audit picks, drawn uniformly from the records that had no label at their turn
    turn : int (n,), when the batch of the record was put together, a batch number or an event id: equal for the picks
        of one batch, higher for every later batch, and for labels that nobody asked for lower than that of the first
        batch
    labeled_at : int (n,), optional, when the label was given, on the clock of ``turn``: the record was known at turn t
        if ``labeled_at <= t``. By default it was known if its turn was before t, as when each batch is answered before
        the next.

    Attributes
    ----------
    turns : int (T,), the turns with audit picks
    drawn : int (T,), r_t, the audit picks of each
    unlabeled : int (T,), u_t, records without a label at each

    Notes
    -----
    Records that had no label and yet were not in the pool (skipped, in front of another person, added to the corpus
    later) are taken to be like those in the pool. A label that replaces another one keeps the time of the first.

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
                f"{self.turn[known[0]]};"
                " a record that had a label when it was asked about is not an audit pick"
            )
        self.turns, self.drawn = np.unique(self.turn[self.at_random], return_counts=True)
        self.unlabeled = self.n_records - np.searchsorted(np.sort(self.labeled_at), self.turns, side="right")

    def __len__(self) -> int:
        return len(self.turn)

    def among(self, chosen: ArrayLike, n_chosen: int) -> Sample:
        """Return the sample of a part of the corpus whose size is known, such as the records that a heuristic votes on.

        Audit picks that fall into the part are a uniform draw from its unlabeled records, so nothing is lost.

        Parameters
        ----------
        chosen : bool (n,), which labeled records belong to the part
        n_chosen : how many of all records do
        """
        mine = np.asarray(chosen, dtype=bool)
        if mine.shape != (len(self),):
            raise WeaklabError(f"the part must be told for each of {len(self)} labeled records, got shape {mine.shape}")
        return Sample(n_chosen, self.at_random[mine], self.turn[mine], self.labeled_at[mine])


@dataclass(frozen=True, repr=False)
class Estimate:
    """A share of records with its 95% interval.

    Attributes
    ----------
    value : 0 to 1, nan if nothing was drawn at random; look at :attr:`known` before it is shown
    low, high : 0 to 1, the interval; without an audit pick what is certain, because it is labeled
    n_audit : audit picks that it rests on
    n_eff : so many draws with replacement would tell as much; infinite if every record is labeled

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
        """Whether there is a figure to show: every record is labeled, or enough random answers leave an interval that
        says something.
        """
        if np.isinf(self.n_eff):
            return not np.isnan(self.value)
        return self.n_audit >= LEAST_ANSWERS and self.high - self.low <= WIDEST and not np.isnan(self.value)

    @property
    def cells(self) -> tuple[str, str, str]:
        """The value and the bounds of its interval as texts; :data:`NOT_KNOWN` and nothing where there is no figure to
        show.
        """
        return (f"{self.value:.1%}", f"{self.low:.1%}", f"{self.high:.1%}") if self.known else (NOT_KNOWN, "", "")

    @property
    def short(self) -> str:
        """The value with its interval and the number of random answers for a cell of a table."""
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
    correct : float (n,) in [0, 1], whether each labeled record is right, a tie by its chance; of anything that learns
        from the labels as it would be without the label of that very record (out-of-fold)
    sample : how the n records came to be labeled
    learned : weigh late turns more, for a weak classifier; see the notes

    Returns
    -------
    Estimate
        nan with certain bounds if no record was drawn at random, exact if every record is labeled.

    Notes
    -----
    At turn t, K_t of the records labeled so far are right, u_t = N - n_t have no label, and r_t of those are drawn at
    random, with mean correctness x_t. The total T of all N is K_t plus that of the u_t, so given all that happened
    before turn t,

        T_t = K_t + u_t x_t   has mean T and variance   u_t (u_t - r_t) / r_t  s_t^2,

    however the other picks are chosen. T^ = sum_t W_t T_t with sum_t W_t = 1 is unbiased, too, and the errors of
    different turns are uncorrelated, as each has mean 0 given the ones before. W_t is proportional to r_t / (u_t (u_t -
    r_t)), the inverse variances for equal s_t: a late turn knows more and guesses less. If every pick is random, T^ / N
    is the plain mean; if r_t = 1, it is the estimator R_LURE of Farquhar, Gal and Rainforth (2021), On statistical bias
    in active learning: how and when to fix it, ICLR, here with part of each batch chosen at will. The expansion u_t /
    r_t is that of Horvitz and Thompson (1952), A generalization of sampling without replacement from a finite universe,
    JASA 47, 663-685.

    With A = sum_t W_t K_t and B = sum_t W_t u_t, T^ = A + B q, where q is a share of audit picks with variance
    q (1 - q) / n_eff and n_eff = B^2 / sum_t W_t^2 u_t (u_t - r_t) / r_t. The interval of q is :func:`mid_p_interval`.
    T lies between the right records that are labeled and those plus all unlabeled; estimate and bounds are clipped to
    that.

    All this holds for correctness that does not depend on the labels, as that of a labeling function. A member that
    learns is judged out-of-fold, by what it would be without a label that later questions took for granted: the
    estimate for it is too low, the more so the earlier the pick. With ``learned``, W_t is also proportional to 1 + n_t,
    which stays unbiased where the above is, and costs a quarter of n_eff. It is for members that learn from the labels
    alone; a committee that stands on labeling functions loses more than it gains (`benchmarks.audit`). Many folds, such
    as 20, help all.
    """
    x = _checked(correct, sample)
    known, N, r = float(x.sum()), sample.n_records, sample.drawn.astype(np.float64)
    rest = N - len(sample)
    if N == 0:
        return Estimate(float("nan"), 0.0, 1.0, 0, 0.0)
    if rest == 0:
        return Estimate(known / N, known / N, known / N, int(r.sum()), float("inf"))
    if not len(r):
        return Estimate(float("nan"), known / N, (known + rest) / N, 0, 0.0)
    u = sample.unlabeled.astype(np.float64)
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
    low, value, high = (min(max(A + B * share, known), known + rest) / N for share in _around(q, n_eff))
    return Estimate(value, low, high, int(r.sum()), n_eff)


def estimate_exported(correct: ArrayLike, sample: Sample, *, learned: bool = False) -> Estimate:
    """Estimate the accuracy of labels among which a manual label replaces what the committee would say, and is right.

    Takes what :func:`estimate_accuracy` takes: ``correct`` (n,) is what the committee says without the manual label.

    >>> found = estimate_exported([1, 0, 0, 1], Sample(8, at_random=[True, False, True, False], turn=[1, 1, 2, 2]))
    >>> round(found.value, 2), found.low, found.known
    (0.68, 0.5, False)
    """
    found = estimate_accuracy(correct, sample, learned=learned)
    gain = (len(sample) - float(_checked(correct, sample).sum())) / max(sample.n_records, 1)
    value, low, high = (
        float(np.minimum(1.0, share + gain)) for share in (found.value, found.low, found.high)
    )  # nan stays nan
    return Estimate(value, low, high, found.n_audit, found.n_eff)


def estimate_precision(
    correct: ArrayLike, voted: ArrayLike, n_voted: int, sample: Sample, *, learned: bool = False
) -> Estimate:
    """Estimate the accuracy of a heuristic on the records that it votes on.

    Parameters
    ----------
    correct : float (n,), whether its vote on each labeled record is right; anything where it abstains
    voted : bool (n,), where it votes among the labeled records
    n_voted : on how many of all records it votes
    sample : how the n records came to be labeled
    learned : True for a weak classifier, see :func:`estimate_accuracy`

    Notes
    -----
    The number of records that it votes on is known, so the share is estimated within them: an audit pick among them is
    a uniform draw from those of them that have no label.

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


def _around(q: float, n: float) -> tuple[float, float, float]:
    low, high = mid_p_interval(q * n, n)
    return low, q, high


def mid_p_interval(right: float, n: float) -> tuple[float, float]:
    """Return the 95% interval of a share, (0, 1) for n = 0; ``right`` and ``n`` may be fractions, as effective sizes
    are.

    The interval of Clopper and Pearson (1934), counting half of the chance of what was seen: Lancaster (1961),
    Significance tests in discrete distributions, JASA 56, 223-234. After one or two draws the Wilson interval misses a
    share near 1 too often, and after many it is longer than this one. Binomial tails are continued to fractions by the
    incomplete beta function, as in Korn and Graubard (1998), Confidence intervals for proportions with small expected
    number of positive counts estimated from survey data, Survey Methodology 24, 193-201.

    >>> [round(bound, 3) for bound in mid_p_interval(9, 10)]
    [0.597, 0.995]
    """
    return _mid_p_low(right, n), 1 - _mid_p_low(n - right, n)


def _mid_p_low(x: float, n: float) -> float:
    """Solve (P(X >= x) + P(X > x)) / 2 = 2.5% for the share."""
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
    """How much oftener people agree with a suggestion that they see.

    Attributes
    ----------
    shown, blind : share of answers equal to the suggestion, where it was shown and where it was hidden; nan if there is
        none
    gap : shown - blind
    low, high : 95% interval of the gap, -1 to 1
    n_shown, n_blind : answers of each kind
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
        """Whether there are enough answers of both kinds for a figure."""
        return min(self.n_shown, self.n_blind) >= LEAST_ANSWERS

    def __str__(self) -> str:
        if not self.known:
            return (
                f"{NOT_KNOWN} ({counted(self.n_shown, 'answer')} with the suggestion in view, {self.n_blind:,} "
                "without; "
                f"a figure takes {LEAST_ANSWERS} of both kinds)"
            )
        bounds = f"{100 * self.low:+.1f} to {100 * self.high:+.1f}, 95 % interval"
        seen = f"{100 * self.shown:.1f} % of {self.n_shown} answers agree with the suggestion in view"
        return f"{100 * self.gap:+.1f} points ({bounds}): {seen}, {100 * self.blind:.1f} % of {self.n_blind} without"

    __repr__ = __str__


def acceptance_bias(agreed: ArrayLike, shown: ArrayLike) -> Bias:
    """Compare how often answers equal the suggestion when it is shown and when it is hidden.

    The gap is the pull of the suggestion if chance decides what is hidden; otherwise it mixes in how the records
    differ.

    Parameters
    ----------
    agreed : bool (n,), whether each answer equals the suggestion
    shown : bool (n,), whether the suggestion was in view

    Notes
    -----
    Method 10 of Newcombe (1998), Interval estimation for the difference between independent proportions, Statistics in
    Medicine 17, 873-890: the Wilson bounds of both shares, joined by their squared distances from the shares.

    Examples
    --------
    >>> print(acceptance_bias([True] * 9 + [False] + [True] * 3 + [False] * 7, [True] * 10 + [False] * 10))
    +60.0 points (+17.1 to +80.9, 95 % interval): 90.0 % of 10 answers agree with the suggestion in view, 30.0 % of 10
    without
    """
    same, seen = np.asarray(agreed, dtype=bool), np.asarray(shown, dtype=bool)
    if same.ndim != 1 or same.shape != seen.shape:
        raise WeaklabError(
            f"agreed and shown must hold one entry an answer each, got shapes {same.shape} and {seen.shape}"
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
