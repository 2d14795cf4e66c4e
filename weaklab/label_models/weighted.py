"""Votes weighted by how often each heuristic is right."""

from __future__ import annotations

from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.core.errors import WeaklabError
from weaklab.core.labels import ABSTAIN
from weaklab.core.metrics import picks
from weaklab.core.rows import row_sum, softmax
from weaklab.label_models.base import LABEL_MODELS, LabelModel, SumModel
from weaklab.label_models.counting import one_hot_sum
from weaklab.label_models.vote_patterns import compiled, group_rows

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from weaklab.core.votes import Votes

    Floats = NDArray[np.float64]

PRIOR_ACCURACY = 0.7
"""The assumed accuracy of a heuristic that nothing is known about, as in Snorkel's ``LabelModel`` (``prec_init``)."""


class LogOddsVote(LabelModel):
    """What models have in common that find one weight for each heuristic: P = softmax(ln balance_k + sum_j w_j [L_ij =
    k]).

    The class balance is that which was given, else equal. That of the manual labels is left out: which heuristics vote
    on a row says most of it already, and many can vote for one class alone, so that a rare class would lose nearly
    every row that a single heuristic votes on. A vote with a confidence counts that share of w_j.

    Attributes
    ----------
    accuracy_ : float (m,), how often each heuristic is right
    weights_ : float (m,), w_j = ln(a_j (k - 1) / (1 - a_j))
    """

    accuracy_: NDArray[np.float64]
    weights_: NDArray[np.float64]

    def _prior(self) -> NDArray[np.float64]:
        return np.zeros(self.n_classes_) if self.class_balance is None else np.log(self.class_balance_ + 1e-12)

    def _proba(self, votes: Votes) -> NDArray[np.float64]:
        return softmax(self._prior() + one_hot_sum(votes.L, self.n_classes_, self.weights_, votes.confidence))

    def _contributions(self, votes: Votes) -> NDArray[np.float64]:
        parts = np.zeros((len(votes), votes.L.shape[1] + 1, self.n_classes_))
        for j, column in enumerate(votes.L.T):
            rows = np.flatnonzero(column != ABSTAIN)
            parts[rows, j, column[rows]] = self.weights_[j] * votes.confidence_of(j)[rows]
        parts[:, -1] = self._prior()
        return parts


@LABEL_MODELS.named("weighted_vote")
class WeightedVote(LogOddsVote, SumModel):
    """Votes weighted by the log-odds of each heuristic's accuracy: w_j = ln(a_j (k - 1) / (1 - a_j)).

    P = softmax(S) with S_ik = sum_j w_j [L_ij = k], and ln balance_k if a class balance is given; a vote with a
    confidence counts that share of w_j. These are the best weights there are for independent heuristics whose
    accuracies are known and whose mistakes fall on all other classes alike. Here they are estimated: a_j is the share
    of manual labels that the heuristic gets right, with ``imagined`` more labels that it gets right as often as it
    agrees with the majority of the others. Without manual labels no weight is negative: disagreement with others is no
    proof of being wrong more often than a guess.

    Parameters
    ----------
    n_classes, class_balance : see :class:`LabelModel`
    imagined : how many manual labels the agreement with the others is worth

    Attributes
    ----------
    accuracy_ : float (m,), a_j
    weights_ : float (m,), w_j

    References
    ----------
    Nitzan and Paroush (1982), Optimal decision rules in uncertain dichotomous choice situations, International Economic
    Review 23(2). Li and Yu (2014), Error rate bounds and iterative weighted majority voting for crowdsourcing,
    arXiv:1411.4086, for more than two classes.

    Examples
    --------
    >>> model = WeightedVote().fit([[0, 0, 1], [1, 1, 0], [0, 0, 0], [1, 1, 0]])
    >>> int(model.weights_.argmin())
    2
    """

    def __init__(
        self, n_classes: int | None = None, class_balance: ArrayLike | None = None, imagined: float = 10.0
    ) -> None:
        super().__init__(n_classes, class_balance)
        self.imagined = imagined

    def _sums(self, votes: Votes, y: NDArray[np.int64]) -> tuple[NDArray[np.float64], ...]:
        """Return how many votes of each heuristic agree with the others, how many can be compared with them, how many
        are right, and how many are on rows with a manual label: four (m,).
        """
        check_imagined(self.imagined)
        rows, truth, counts = unique_votes(votes.L, y)
        return *agreements(rows, counts, self.n_classes_), *right_votes(rows, truth, counts)

    def _learn(self, agreed: Floats, judged: Floats, right: Floats, voted: Floats) -> None:
        others = np.maximum((agreed + PRIOR_ACCURACY) / (judged + 1), 1 / self.n_classes_)
        self.accuracy_ = (right + self.imagined * others) / (voted + self.imagined)
        self.weights_ = log_odds(self.accuracy_, self.n_classes_)


def check_imagined(imagined: Any) -> None:
    """Raise a WeaklabError for a number of imagined labels or votes that is not above 0: nothing may be known of a
    heuristic.
    """
    if not isinstance(imagined, Real) or not 0 < float(imagined) < np.inf:
        raise WeaklabError(
            f"imagined must be a finite number above 0, got {imagined!r}; a small one leaves nearly all to the data"
        )


def check_max_iter(max_iter: Any) -> None:
    """Raise a WeaklabError for a number of rounds below 1, or one that is no whole number."""
    if not isinstance(max_iter, Integral) or max_iter < 1:
        raise WeaklabError(f"max_iter must be a whole number of rounds, 1 or more, got {max_iter!r}")


def unique_votes(
    L: NDArray[np.integer[Any]], y: NDArray[np.int64]
) -> tuple[NDArray[Any], NDArray[np.int64], NDArray[np.int64]]:
    """Return the different rows of (L, y), and how often each comes: (u, m), (u,), (u,).

    >>> [part.tolist() for part in unique_votes(np.array([[0, 1], [1, -1], [0, 1]]), np.array([-1, 0, -1]))]
    [[[0, 1], [1, -1]], [-1, 0], [2, 1]]
    """
    if compiled(L.size) is not None:
        first, counts, _ = group_rows(L, y)
        return L[first], y[first], counts
    base = int(max(L.max(initial=0), y.max(initial=0))) + 2
    key, limit = np.zeros(len(y), dtype=np.int64), 1
    for column in (*L.T, y):
        if limit > 2**62 // base:  # number the rows so far afresh, before their keys overflow
            key, limit = np.unique(key, return_inverse=True)[1], len(y)
        key, limit = key * base + (column.astype(np.int64) + 1), limit * base
    _, first, counts = np.unique(key, return_index=True, return_counts=True)
    return L[first], y[first], counts


def agreement(L: NDArray[np.integer[Any]], counts: NDArray[np.int64], k: int) -> NDArray[np.float64]:
    """Return how often each heuristic agrees with the majority of the others, where any of them votes: float (m,).

    One vote with the accuracy of an unknown heuristic is added, so that there is a figure where it always votes alone.
    """
    agreed, judged = agreements(L, counts, k)
    return np.asarray((agreed + PRIOR_ACCURACY) / (judged + 1))


def agreements(
    L: NDArray[np.integer[Any]], counts: NDArray[np.int64], k: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return how many votes of each heuristic agree with the majority of the others, and how many there are to judge it
    by: two (m,).
    """
    total = one_hot_sum(L, k, np.ones(L.shape[1]))
    several = row_sum(total) > 1
    agreed, judged = np.zeros(L.shape[1]), np.zeros(L.shape[1])
    for j, votes in enumerate(L.T):
        rows = np.flatnonzero((votes != ABSTAIN) & several)
        others = total[rows]
        others[np.arange(len(rows)), votes[rows]] -= 1
        agreed[j] = picks(others)[np.arange(len(rows)), votes[rows]] @ counts[rows]
        judged[j] = counts[rows].sum()
    return agreed, judged


def corrected(
    accuracy: NDArray[np.float64],
    L: NDArray[np.integer[Any]],
    y: NDArray[np.int64],
    counts: NDArray[np.int64],
    imagined: float,
) -> NDArray[np.float64]:
    """Return the accuracy (m,) on the manual labels, with ``imagined`` more labels of the accuracy that is given."""
    right, voted = right_votes(L, y, counts)
    return np.asarray((right + imagined * accuracy) / (voted + imagined))


def right_votes(
    L: NDArray[np.integer[Any]], y: NDArray[np.int64], counts: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return how many votes of each heuristic are right, of those on rows with a manual label, and how many those are:
    two (m,).
    """
    gold = np.flatnonzero(y != ABSTAIN)
    right, voted = (counts[gold] @ rows for rows in (np.equal(L[gold], y[gold, None]), np.not_equal(L[gold], ABSTAIN)))
    return right.astype(np.float64), voted.astype(np.float64)


def log_odds(accuracy: NDArray[np.float64], k: int) -> NDArray[np.float64]:
    """Return ln(a (k - 1) / (1 - a)), with a kept 1e-4 from 0 and 1: no vote outweighs all others.

    >>> log_odds(np.array([0.5, 0.8]), 2).round(2).tolist()
    [0.0, 1.39]
    """
    a = np.clip(accuracy, 1e-4, 1 - 1e-4)
    return np.asarray(np.log(a * (k - 1) / (1 - a)))
