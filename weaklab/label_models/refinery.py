"""The rule by which Kern AI refinery adds up votes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from weaklab.core.labels import ABSTAIN
from weaklab.core.rows import row_sum
from weaklab.label_models.base import LABEL_MODELS, LabelModel
from weaklab.label_models.weighted import PRIOR_ACCURACY

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from weaklab.label_models.base import Soft, Votes


@LABEL_MODELS.named("refinery")
class RefineryVote(LabelModel):
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

    adds_up = True
    _right: NDArray[np.int64]
    _voted: NDArray[np.int64]

    def _fit(self, L: Votes, y: NDArray[np.int64], soft: Soft) -> None:
        self._add(L, y, soft, first=True)

    def _add(self, L: Votes, y: NDArray[np.int64], soft: Soft, first: bool) -> None:
        gold = np.flatnonzero(y != ABSTAIN)
        votes, truth = L[gold], y[gold]
        classes = range(self.n_classes_)
        voted = np.stack([(votes == c).sum(axis=0) for c in classes], axis=1)
        right = np.stack([(votes[truth == c] == c).sum(axis=0) for c in classes], axis=1)
        self._right, self._voted = (right, voted) if first else (self._right + right, self._voted + voted)
        self.precision_ = (self._right + self.imagined * PRIOR_ACCURACY) / (self._voted + self.imagined)

    def _predict_proba(self, L: Votes, soft: Soft) -> NDArray[np.float64]:
        S = np.zeros((len(L), self.n_classes_))
        for j, votes in enumerate(L.T):
            rows = np.flatnonzero(votes != ABSTAIN)
            said = votes[rows]
            S[rows, said] += self.precision_[j, said] * _confidence(soft, j, rows, said)
        return S + np.where(row_sum(S)[:, None] == 0, self.class_balance_, 0)


def _confidence(soft: Soft, j: int, rows: NDArray[np.int64], said: NDArray[np.int64]) -> NDArray[np.float64]:
    if j in soft.confidence:
        return np.asarray(soft.confidence[j][rows], dtype=np.float64)
    if j in soft.scores:
        return np.asarray(soft.scores[j][rows, said], dtype=np.float64)
    return np.ones(len(rows))
