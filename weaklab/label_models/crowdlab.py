"""CROWDLAB: annotators and classifiers in one weighted mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.core.labels import ABSTAIN
from weaklab.core.metrics import picks
from weaklab.core.rows import row_max, row_sum
from weaklab.label_models.base import LABEL_MODELS, LabelModel
from weaklab.label_models.counting import one_hot_sum
from weaklab.label_models.weighted import PRIOR_ACCURACY, check_imagined, corrected

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from weaklab.core.votes import Votes

    Floats = NDArray[np.floating[Any]]

_LEAST_WEIGHT = 1e-6
"""What a heuristic or classifier no better than the most frequent class still weighs, as in cleanlab."""


@LABEL_MODELS.named("crowdlab")
class Crowdlab(LabelModel):
    """CROWDLAB: the mean of what each vote and each classifier says, weighted by how far each beats the most frequent
    class.

    P_i is proportional to sum_c w_c f_c(i) + sum_j w_j p_ij, where f_c are the scores of weak classifiers and p_ij puts
    the mean agreement of votes with the consensus on the class that heuristic j votes for, the rest on the others. With
    err the share of rows whose consensus is not the most frequent class,

        w_j = 1 - (1 - agreement of j with the other votes on its rows) / err
        w_c = (1 - (1 - agreement of c with the consensus) / err) sqrt(mean number of votes a row)

    both at least 1e-6. The consensus is the majority of the votes, ties broken by the scores, and the truth where a
    manual label gives it; manual labels correct both agreements as in :class:`WeightedVote`. A member with scores is
    weighed by these alone, not by its votes. Without scores this is a consensus of agreement.

    Parameters
    ----------
    n_classes, class_balance : see :class:`LabelModel`
    imagined : how many manual labels the agreement among the votes is worth

    Attributes
    ----------
    weights_ : float (m,), 0 for members with scores
    member_weights_ : column -> float, for members with scores
    consensus_ : float, what p_ij puts on the vote

    Notes
    -----
    Manual labels are no part of the original, which has the votes as its only evidence.

    References
    ----------
    Goh, Tkachenko and Mueller (2022), CROWDLAB: supervised learning to infer consensus labels and quality scores for
    data with multiple annotators, NeurIPS Human in the Loop Learning Workshop, arXiv:2210.06812.

    Examples
    --------
    >>> from weaklab import Votes
    >>> L = [[0, 0, -1], [1, 1, -1], [0, 1, -1]]
    >>> scores = {2: np.array([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7]])}
    >>> votes = Votes(L, scores)
    >>> Crowdlab().fit(votes).predict(votes).tolist()
    [0, 1, 1]
    """

    def __init__(
        self, n_classes: int | None = None, class_balance: ArrayLike | None = None, imagined: float = 10.0
    ) -> None:
        super().__init__(n_classes, class_balance)
        self.imagined = imagined

    def _fit(self, votes: Votes, y: NDArray[np.int64]) -> None:
        check_imagined(self.imagined)
        L, k, m = votes.L, self.n_classes_, votes.L.shape[1]
        # The votes of a member with scores repeat what these say, so that they are not counted again.
        annotator = np.array([j not in votes.scores for j in range(m)], dtype=np.float64)
        tally = one_hot_sum(L, k, annotator)
        voters = row_sum(tally)
        # All scores together weigh half a vote, so that they decide ties and nothing else.
        consensus = picks(tally + sum((s / (2 * len(votes.scores)) for s in votes.scores.values()), np.zeros(k)))
        gold = np.flatnonzero(y != ABSTAIN)
        consensus[gold] = np.eye(k)[y[gold]]
        # A single vote always agrees with itself: agreement is measured where there are several.
        several = np.flatnonzero(voters > 1)
        shares = row_sum(tally[several] * consensus[several]) / voters[several]
        self.consensus_ = float((shares.sum() + PRIOR_ACCURACY) / (len(several) + 1))
        judged = consensus[several] if len(several) else consensus[voters > 0]
        error = max(1 - judged.mean(axis=0).max(), _LEAST_WEIGHT) if len(judged) else 1 - 1 / k
        agreed = corrected(self._agreement(L, tally, voters), L, y, np.ones(len(y), dtype=np.int64), self.imagined)
        self.weights_ = np.maximum(1 - (1 - agreed) / error, _LEAST_WEIGHT) * annotator
        scale = np.sqrt(max(voters.mean(), 1.0)) if len(L) else 1.0
        self.member_weights_ = {
            j: float(max(1 - (1 - self._right(s, consensus, voters, gold)) / error, _LEAST_WEIGHT) * scale)
            for j, s in votes.scores.items()
        }

    def _agreement(self, L: NDArray[np.int8], tally: Floats, voters: Floats) -> NDArray[np.float64]:
        """Return the share of the other votes on its rows that each heuristic agrees with: (m,)."""
        found = np.empty(L.shape[1])
        for j, said in enumerate(L.T):
            rows = np.flatnonzero((said != ABSTAIN) & (voters > 1))
            same = tally[rows, said[rows]].sum() - len(rows)  # less its own
            found[j] = (same + PRIOR_ACCURACY) / ((voters[rows] - 1).sum() + 1)
        return found

    def _right(self, scores: Floats, consensus: Floats, voters: Floats, gold: NDArray[np.int64]) -> float:
        """Return how often a classifier is right: by the consensus of several votes, then by manual labels."""
        with_opinion = _has_opinion(scores)
        right = row_sum(picks(scores) * consensus)
        several = with_opinion & (voters > 1)
        agreed = (right[several].sum() + PRIOR_ACCURACY) / (several.sum() + 1)
        known = gold[with_opinion[gold]]
        return float((right[known].sum() + self.imagined * agreed) / (len(known) + self.imagined))

    def _proba(self, votes: Votes) -> NDArray[np.float64]:
        k = self.n_classes_
        S = one_hot_sum(votes.L, k, self.weights_, votes.confidence)
        other = (1 - self.consensus_) / (k - 1)
        P = (self.consensus_ - other) * S + other * row_sum(S)[:, None]
        for j, weight in self.member_weights_.items():
            if j in votes.scores:
                P += weight * votes.scores[j] * _has_opinion(votes.scores[j])[:, None]
        return P


def _has_opinion(scores: Floats) -> NDArray[np.bool_]:
    return np.asarray(row_max(scores) + row_max(-scores) > 1e-6)
