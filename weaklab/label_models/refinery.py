"""The rule by which Kern AI refinery adds up votes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from weaklab.core.labels import ABSTAIN
from weaklab.label_models.base import LABEL_MODELS, SumModel
from weaklab.label_models.weighted import PRIOR_ACCURACY

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from weaklab.core.votes import Votes


@LABEL_MODELS.named("refinery")
class RefineryVote(SumModel):
    """Each vote counts the precision of its heuristic for that class, times its confidence; the rule of Kern AI
    refinery.

    The precision of heuristic j for class c is the share right of its votes for c on manual labels, with ``imagined``
    more such votes of which 70 % are right: without manual labels all heuristics count the same. The confidence of a
    vote is the one that is given, else the probability that the scores of its member give to the class, else 1. P is
    the share of each class in the sum of a row.

    Parameters
    ----------
    n_classes, class_balance : see :class:`LabelModel`
    imagined : imagined votes of each heuristic for each class; refinery has none, and drops what no manual label
        confirms

    Attributes
    ----------
    precision_ : float (m, k)

    Notes
    -----
    Refinery reports sigmoid(7 d - 3), with d the sum of the best class less that of all others, as the confidence of a
    label, and no label where d is not positive. That is no probability: the order of the classes is the same as here.

    References
    ----------
    Kern AI (2022), weak-nlp 0.0.15, ``SingleLabelClassificationNLM.weakly_supervise``,
    github.com/code-kern-ai/weak-nlp.

    Examples
    --------
    >>> model = RefineryVote().fit([[0, 1], [0, 1], [1, 0]], y=[0, 0, 1])
    >>> model.predict([[0, 1]]).tolist()
    [0]
    """

    def __init__(
        self, n_classes: int | None = None, class_balance: ArrayLike | None = None, imagined: float = 1.0
    ) -> None:
        super().__init__(n_classes, class_balance)
        self.imagined = imagined

    def _sums(self, votes: Votes, y: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return how many votes of each heuristic for each class are right, and how many there are: two (m, k)."""
        gold = np.flatnonzero(y != ABSTAIN)
        L, truth = votes.L[gold], y[gold]
        classes = range(self.n_classes_)
        voted = np.stack([np.equal(L, c).sum(axis=0) for c in classes], axis=1)
        right = np.stack([(L[truth == c] == c).sum(axis=0) for c in classes], axis=1)
        return right, voted

    def _learn(self, right: NDArray[np.int64], voted: NDArray[np.int64]) -> None:
        self.precision_ = (right + self.imagined * PRIOR_ACCURACY) / (voted + self.imagined)

    def _proba(self, votes: Votes) -> NDArray[np.float64]:
        S = np.zeros((len(votes), self.n_classes_))
        for j, column in enumerate(votes.L.T):
            rows = np.flatnonzero(column != ABSTAIN)
            codes = column[rows]
            S[rows, codes] += self.precision_[j, codes] * _confidence(votes, j, rows, codes)
        return S


def _confidence(votes: Votes, j: int, rows: NDArray[np.int64], codes: NDArray[np.int8]) -> NDArray[np.float64]:
    """Return the confidence of some votes of a column, or what its scores give to the class that it votes for."""
    if j in votes.scores and j not in votes.confidence:
        return np.asarray(votes.scores[j][rows, codes], dtype=np.float64)
    return votes.confidence_of(j)[rows]
