"""A confusion matrix per annotator, shrunk to a common one: for many annotators with few labels each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.core.errors import WeaklabError
from weaklab.core.labels import ABSTAIN
from weaklab.core.rows import row_sum, softmax
from weaklab.label_models.base import LABEL_MODELS, LabelModel
from weaklab.label_models.counting import table_sum
from weaklab.label_models.vote_patterns import compiled
from weaklab.label_models.weighted import check_max_iter

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from weaklab.core.votes import ByColumn, Votes

    Floats = NDArray[np.float64]
    Codes = NDArray[np.int64]

POOLED_PRIOR = 10.0
"""Imagined votes in each row of the pooled confusion matrix, right as often as all votes are: they matter only for a
class with very few votes."""
CONCENTRATIONS = (0.5, 1000.0)
"""Bounds of the learned concentration: an annotator's own votes always count, and so do the pooled ones."""
ONE_SIDED = 0.01
"""A column that votes one class only is one-sided if a column with the votes of all others would do so with a lower
probability than this."""
FORMS = ("confusion", "accuracy", "majority")
"""What is learned of each annotator, from the most parameters to the fewest."""
FEW_VOTES = 300
"""With fewer votes than this every vote counts at least a little."""
IMAGINED, IMAGINED_RIGHT = 4.0, 0.75
"""Imagined votes of all annotators together, and the share of them that is right; they matter where votes are few."""
LEAST_GOLD = 10
"""With this many manual labels or more, accuracies can be estimated also where votes are few."""
AGREED = 0.62
"""Where votes are few, the least probability of a class that two votes agree on and none contradicts, and, of two
classes, of the one with the only vote."""
LEAST_TEMPERATURE = 0.05
MOST_HELD_OUT = 20_000
"""About this many votes are held out, evenly spread, if there are at least twice as many: they choose one of 25
numbers."""
COARSE = 4
"""With at least half as many votes only every fourth temperature is tried, and then the neighbours of the best."""


@dataclass(frozen=True)
class VoteList:
    """The votes of a label matrix one by one: memory in proportion to the votes, however many annotators there are.

    Attributes
    ----------
    rows, columns, codes : int (v,), the record, the annotator and the class of each vote
    weights : float (v,), how much each counts
    shape : n, m, k
    """

    rows: Codes
    columns: Codes
    codes: Codes
    weights: Floats
    shape: tuple[int, int, int]

    @classmethod
    def of(cls, L: NDArray[np.integer[Any]], k: int, confidence: ByColumn | None = None) -> VoteList:
        """Take the votes out of ``L`` int (n, m); a vote counts its confidence, column -> (n,), or 1."""
        rows, columns = np.nonzero(L != ABSTAIN)
        weights = np.ones(len(rows))
        if confidence:
            order = np.argsort(columns, kind="stable")  # the votes of a column are next to each other in it
            ends = np.cumsum(np.bincount(columns, minlength=L.shape[1]))
            for j, sure in confidence.items():
                mine = order[ends[j - 1] if j else 0 : ends[j]]
                weights[mine] = np.asarray(sure, dtype=np.float64)[rows[mine]]
        return cls(rows, columns, L[rows, columns].astype(np.int64), weights, (*L.shape, k))

    def take(self, kept: NDArray[Any] | slice) -> VoteList:
        """Return some of the votes."""
        return VoteList(self.rows[kept], self.columns[kept], self.codes[kept], self.weights[kept], self.shape)

    def tally(self) -> Floats:
        """Return how often each record was given each class: (n, k)."""
        n, _, k = self.shape
        return np.bincount(self.rows * k + self.codes, self.weights, minlength=n * k).reshape(n, k).astype(np.float64)

    def counts(self, P: Floats) -> Floats:
        """Return how often each annotator is expected to have voted l on class c: (m, k, k)."""
        _, m, k = self.shape
        if (loops := compiled(len(self.rows))) is not None:
            found = np.zeros((m, k, k))
            loops.expected_counts(self.rows, self.columns, self.codes, self.weights, np.ascontiguousarray(P), found)
            return found.transpose(0, 2, 1)
        cells = self.columns * k + self.codes
        by_class = [np.bincount(cells, P[self.rows, c] * self.weights, minlength=m * k).reshape(m, k) for c in range(k)]
        return np.stack(by_class, axis=1)

    def scores(self, log_confusion: Floats) -> Floats:
        """Return the sums over the votes of each record, sum_j w_ij log_confusion[j, :, L_ij]: (n, k)."""
        n, _, k = self.shape
        if (loops := compiled(len(self.rows))) is not None:
            S = np.zeros((n, k))
            loops.vote_scores(self.rows, self.columns, self.codes, self.weights, by_vote(log_confusion), S)
            return S
        S = np.empty((n, k))
        for c in range(k):
            S[:, c] = np.bincount(self.rows, log_confusion[self.columns, c, self.codes] * self.weights, minlength=n)
        return S


@LABEL_MODELS.named("hierarchical_dawid_skene")
class HierarchicalDawidSkene(LabelModel):
    """Dawid and Skene's model with confusion matrices drawn from a common one; for crowds of annotators.

    The row of class c of the confusion matrix of annotator j is Dirichlet(a * pooled_c). The pooled matrix and the
    concentration a are learned too: an annotator with three labels is judged much like all others, and one with
    three hundred by these alone. Expectation-maximisation starts from the majority; manual labels are clamped; the
    class balance is not learned from votes, an abstain counts nothing.

    Scores are additive, S_i = log balance + sum_j c_ij log_confusion_[j, :, L_ij], and P = softmax(S), with c_ij the
    confidence of a vote, 1 where none is given; whatever is counted to find the matrices and the temperature is counted
    by it, too. The logarithms are those of the confusion matrices times ``temperature_``, because votes on one record
    depend on each other (some records are hard for everybody) and their plain product is far too sure:

    - each vote is held out, and predicted from the other votes on its record; the temperature that does so best is
    taken;
    - it is divided by the design effect 1 + (v - 1) r, with r the correlation of being right within a record beyond the
    classes and
      annotators, and v the votes on the record of an average vote.

    A heuristic that votes one class only has no confusion matrix (each row would be the same); where that is no
    accident it is described by its accuracy alone. If a class ends at under half or over twice its share of votes, all
    are described by their accuracy alone; and if that happens again, or most votes are those of heuristics that vote
    one class, every vote counts the same: then agreement does not show who is right. For labeling functions take
    ``committee``.

    A small crowd shows less. With one or two annotators nothing shows who is right, so every vote counts the same. With
    fewer than 300 votes no vote counts for nothing: a class that two votes agree on and nothing contradicts has a
    probability of 0.62 or more, if the class balance is even, and so has the one of two classes that has the only vote.
    Ten manual labels or more lift both, because they show who is right.

    Parameters
    ----------
    n_classes, class_balance : see :class:`LabelModel`
    form : ``confusion``; ``accuracy``, one number an annotator, for few people with few records in common; or
        ``majority``
    damping : how much votes count while the model is fitted; below 1 hard records teach less. The default was chosen on
        other data sets than the ones that it was judged on
    max_iter : largest number of rounds
    tol : stop when no probability moves by more

    Attributes
    ----------
    confusion_ : float (m, k, k), P(vote | class), given that the annotator votes
    log_confusion_ : float (m, k, k), what a vote of each annotator adds to the score of each class
    concentration_ : float, a
    temperature_ : float in (0, 1]
    form_ : ``form``, or what it fell back to
    n_iter_ : int

    References
    ----------
    Dawid and Skene (1979), Maximum likelihood estimation of observer error-rates using the EM algorithm, Applied
    Statistics 28(1); Kim and Ghahramani (2012), Bayesian classifier combination, AISTATS, and Paun et al. (2018),
    Comparing Bayesian models of annotation, TACL 6, for hierarchies over annotators; Minka (2000), Estimating a
    Dirichlet distribution, for the update of a; Kish (1965), Survey sampling, for the design effect.

    Examples
    --------
    >>> L = [[0, 0, 1], [1, 1, 0], [0, 0, -1], [1, 1, 1], [0, -1, 0]]
    >>> HierarchicalDawidSkene().fit(L).predict([[0, 0, 1], [-1, 1, -1]]).tolist()
    [0, 1]
    """

    def __init__(
        self,
        n_classes: int | None = None,
        class_balance: ArrayLike | None = None,
        form: str = "confusion",
        damping: float = 0.8,
        max_iter: int = 100,
        tol: float = 1e-4,
    ) -> None:
        super().__init__(n_classes, class_balance)
        self.form = form
        self.damping = damping
        self.max_iter = max_iter
        self.tol = tol

    def _fit(self, votes: Votes, y: Codes) -> None:
        if self.form not in FORMS:
            raise WeaklabError(f"form must be one of {', '.join(FORMS)}, got {self.form!r}")
        check_max_iter(self.max_iter)
        listed = VoteList.of(votes.L, self.n_classes_, votes.confidence)
        start = _majority(listed)
        self._plain = _one_sided(listed)
        # A form with more to learn explains votes better, and is more easily misled: where a class disappears or takes
        # over, the next simpler form is tried.
        for form in FORMS[self._first_form(listed, y) :]:
            self.form_ = form
            P = self._learn(listed, start, y)
            if not _collapsed(start, P, listed):
                break
        # The product of all votes would be right if they were independent. They are not, and it is far too sure: the
        # temperature makes up for what one vote says about the next, the design effect for records that are hard for
        # everybody.
        log_theta = np.log(self.confusion_)
        self.temperature_ = _held_out_temperature(listed, log_theta, y) / _design_effect(listed, log_theta, P)
        self.log_confusion_ = self.temperature_ * log_theta
        if _is_few(listed, y):
            self.log_confusion_ = _at_least(self.log_confusion_)

    def _first_form(self, votes: VoteList, y: Codes) -> int:
        """Return the place in ``FORMS`` of the first form to try: the most detailed that these votes allow."""
        one_sided = votes.weights[self._plain[votes.columns]].sum() > votes.weights.sum() / 2
        alone = len(np.unique(votes.columns)) < 3 and not _has_gold(y)
        return len(FORMS) - 1 if one_sided or (alone and self.form == "confusion") else FORMS.index(self.form)

    def _learn(self, votes: VoteList, start: Floats, y: Codes) -> Floats:
        """Find the confusion matrices from a first guess (n, k) at the classes; return the last one."""
        gold = np.flatnonzero(y != ABSTAIN)
        truth = np.eye(self.n_classes_)[y[gold]]
        log_balance = np.log(self.class_balance_ + 1e-12)
        P = start.copy()
        P[gold] = truth
        self.concentration_ = float(self.n_classes_)
        rounds = 1 if self.form_ == "majority" else self.max_iter  # one accuracy for all would feed on itself
        for iteration in range(1, rounds + 1):
            self.n_iter_ = iteration
            self._confusion(votes.counts(P))
            updated = softmax(self.damping * votes.scores(np.log(self.confusion_)) + log_balance)
            updated[gold] = truth
            moved = np.abs(updated - P).max(initial=0)
            P = updated
            if moved < self.tol:
                break
        return P

    def _confusion(self, counts: Floats) -> None:
        """Set the confusion matrices from expected counts (m, k, k), in the form that is tried."""
        # Three levels, each shrunk to the one above: one accuracy for all annotators, the pooled confusion matrix, the
        # annotator's own.
        k = counts.shape[1]
        total = counts.sum(axis=0)
        right = (np.trace(total) + IMAGINED * IMAGINED_RIGHT) / (total.sum() + IMAGINED)
        everybody = _symmetric(right, k)
        pooled = total + POOLED_PRIOR * everybody
        pooled /= pooled.sum(axis=1, keepdims=True)
        self.concentration_ = _concentration(self.concentration_, counts, pooled)
        theta = counts + self.concentration_ * pooled
        theta /= theta.sum(axis=2, keepdims=True)
        # The same for the simpler form: expected right votes, with the concentration as imagined votes.
        own = np.trace(counts, axis1=1, axis2=2) + self.concentration_ * right
        accuracy = _symmetric(own / (counts.sum(axis=(1, 2)) + self.concentration_), k)
        if self.form_ == "confusion":
            self.confusion_ = np.where(self._plain[:, None, None], accuracy, theta)
        else:
            self.confusion_ = accuracy if self.form_ == "accuracy" else np.broadcast_to(everybody, counts.shape).copy()

    def _proba(self, votes: Votes) -> Floats:
        S = table_sum(votes.L, by_vote(self.log_confusion_), votes.confidence)
        return softmax(S + np.log(self.class_balance_ + 1e-12))


def _has_gold(y: Codes) -> bool:
    """Whether there are enough manual labels to estimate who is right."""
    return int((y != ABSTAIN).sum()) >= LEAST_GOLD


def _is_few(votes: VoteList, y: Codes) -> bool:
    """Whether the votes are too few to say of any annotator that their votes count for nothing."""
    return len(votes.rows) < FEW_VOTES and not _has_gold(y)


def _at_least(log_confusion: Floats) -> Floats:
    """Return log-confusions (m, k, k) with as much for a vote's own class, against any other, as :data:`AGREED`
    takes.
    """
    k = log_confusion.shape[1]
    odds = AGREED / (1 - AGREED)
    least = max(np.log(odds * (k - 1)) / 2, np.log(odds))
    own = np.diagonal(log_confusion, axis1=1, axis2=2)[:, None, :]
    lead = np.where(np.eye(k, dtype=bool), 0.0, np.maximum(own - log_confusion, least))
    return np.asarray(own - lead)


def by_vote(log_confusion: Floats) -> Floats:
    """Return what each vote adds to each class, (m, votes, classes), from the logarithms of confusion matrices (m,
    classes, votes).
    """
    return np.ascontiguousarray(log_confusion.transpose(0, 2, 1))


def _majority(votes: VoteList) -> Floats:
    """Return the share of the votes on each record with one more imagined for all classes together: (n, k)."""
    tally = votes.tally() + 1 / votes.shape[2]
    return np.asarray(tally / row_sum(tally)[:, None])


def _symmetric(right: Any, k: int) -> Floats:
    """Return confusion matrices with ``right`` on the diagonal and the same number elsewhere: (..., k, k)."""
    right = np.asarray(right, dtype=np.float64)[..., None, None]
    return np.asarray(np.where(np.eye(k, dtype=bool), right, (1 - right) / (k - 1)))


def _concentration(a: float, counts: Floats, pooled: Floats) -> float:
    """Return the next estimate of the concentration of Dirichlets of known mean: Minka's (2000) fixed point."""
    from scipy.special import digamma

    # The fixed point keeps a positive and needs no step size; one step per round of EM is enough.
    gain = (pooled * (digamma(counts + a * pooled) - digamma(a * pooled))).sum()
    spread = (digamma(counts.sum(axis=2) + a) - digamma(a)).sum()
    return float(np.clip(a * gain / spread, *CONCENTRATIONS)) if spread > 0 else a


def _one_sided(votes: VoteList) -> NDArray[np.bool_]:
    """Return bool (m,), True for annotators that vote one class only, and too often for it to be an accident."""
    _, m, k = votes.shape
    given = np.bincount(votes.columns * k + votes.codes, votes.weights, minlength=m * k).reshape(m, k)
    share = given.sum(axis=0) / max(given.sum(), 1)
    n_given = given.sum(axis=1)
    by_chance = share[given.argmax(axis=1)] ** n_given
    return np.asarray((given.max(axis=1, initial=0) == n_given) & (by_chance < ONE_SIDED))


def _collapsed(before: Floats, after: Floats, votes: VoteList) -> bool:
    """Whether a class has under half or over twice its share of votes; two records more or less are no collapse."""
    voted = np.flatnonzero(np.bincount(votes.rows, minlength=len(after)))
    first, second = before[voted].sum(axis=0), after[voted].sum(axis=0)
    return bool((second + 2 < first / 2).any() or (second - 2 > 2 * first).any())


def _held_out_temperature(votes: VoteList, log_theta: Floats, y: Codes) -> float:
    """Return the temperature at which the other votes on a record predict each of its votes best, at most 1."""
    # The score of a record without one of its votes is the sum of all less that one: no second pass is needed.
    S = votes.scores(log_theta)
    held = votes.take(y[votes.rows] == ABSTAIN)
    if len(held.rows) >= 2 * MOST_HELD_OUT:
        held = held.take(slice(None, None, len(held.rows) // MOST_HELD_OUT))
    own = log_theta[held.columns, :, held.codes]
    others = S[held.rows] - own * held.weights[:, None]
    likelihood = np.exp(own)
    grid = np.geomspace(1, LEAST_TEMPERATURE, 25)
    fits = np.full(len(grid), -np.inf)

    def judge(places: NDArray[np.intp]) -> int:
        for place in places[fits[places] == -np.inf]:
            fits[place] = (np.log(row_sum(softmax(grid[place] * others) * likelihood)) * held.weights).sum()
        return int(np.argmax(fits > fits.max() - 1e-9))

    every = np.arange(len(grid))
    if len(held.rows) < MOST_HELD_OUT // 2:
        return float(grid[judge(every)])
    best = judge(every[::COARSE])
    return float(grid[judge(every[max(best - COARSE, 0) : best + COARSE + 1])])


def _design_effect(votes: VoteList, log_theta: Floats, P: Floats) -> float:
    """Return 1 + (v - 1) r, how many votes on a record are worth one independent vote, at least 1."""
    # Residuals of being right, standardised per annotator and class. Over pairs of votes on one record,
    # sum_{i<>j} r_i r_j = (sum r)^2 - sum r^2, and their mean is the intraclass correlation r.
    n = len(P)
    on_record = np.bincount(votes.rows, votes.weights, minlength=n)
    with_itself = np.bincount(votes.rows, votes.weights**2, minlength=n)
    shared = pairs = 0.0
    right = np.exp(np.diagonal(log_theta, axis1=1, axis2=2))[:, :, None]
    residual = (np.eye(P.shape[1]) - right) / np.sqrt(right * (1 - right))
    total, squares = votes.scores(residual), replace(votes, weights=votes.weights**2).scores(residual**2)
    for c in range(P.shape[1]):
        shared += float((P[:, c] * (total[:, c] ** 2 - squares[:, c])).sum())
        pairs += float((P[:, c] * (on_record**2 - with_itself)).sum())
    if pairs <= 0:
        return 1.0
    size = float((on_record**2).sum() / on_record.sum())
    return 1 + (size - 1) * min(max(shared / pairs, 0.0), 1.0)
