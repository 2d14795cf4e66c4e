"""Dawid and Skene's model of annotators with a confusion matrix each."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from weaklab.core.labels import ABSTAIN
from weaklab.core.rows import softmax
from weaklab.label_models.base import LABEL_MODELS, LabelModel
from weaklab.label_models.counting import one_hot_sum, table_sum
from weaklab.label_models.vote_list import VoteList, by_vote
from weaklab.label_models.weighted import unique_votes

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from weaklab.core.votes import ByColumn, Votes


@LABEL_MODELS.named("dawid_skene")
class DawidSkene(LabelModel):
    """Expectation-maximisation over a confusion matrix for every heuristic; manual labels are clamped.

    P(z_i = k) is proportional to balance_k times the product over the votes of theta[j, k, L_ij]^c_ij, with c_ij the
    confidence of the vote, 1 where none is given; and theta[j, k, l] to the sum of c_ij P(z_i = k) over the records on
    which j votes l. So a vote of confidence 1/2 counts as much as half of two equal votes, and one whose confidence is
    close to 0 as an abstain. An abstain counts nothing, the class balance is not learned from votes, and each row of a
    confusion matrix starts with imagined counts that favour being right, so that the classes cannot change places.

    Parameters
    ----------
    n_classes, class_balance : see :class:`LabelModel`
    max_iter : largest number of rounds
    tol : stop when no probability moves by more
    smoothing : imagined votes in each cell of a confusion matrix, and twice as many on its diagonal

    Attributes
    ----------
    confusion_ : float (m, k, k), P(vote | class), given that the heuristic votes
    n_iter_ : int

    References
    ----------
    Dawid and Skene (1979), Maximum likelihood estimation of observer error-rates using the EM algorithm. Applied
    Statistics 28(1), 20-28.

    Examples
    --------
    >>> DawidSkene().fit([[0, 0, 1], [1, 1, 0], [0, 0, 0], [1, 1, 1]]).predict([[0, 0, 1]]).tolist()
    [0]
    """

    def __init__(
        self,
        n_classes: int | None = None,
        class_balance: ArrayLike | None = None,
        max_iter: int = 100,
        tol: float = 1e-5,
        smoothing: float = 0.5,
    ) -> None:
        super().__init__(n_classes, class_balance)
        self.max_iter = max_iter
        self.tol = tol
        self.smoothing = smoothing

    def _fit(self, votes: Votes, y: NDArray[np.int64]) -> None:
        sure = votes.confidence
        listed, L, y = _listed(votes.L, y, self.n_classes_, sure)
        k, m = self.n_classes_, L.shape[1]
        gold = np.flatnonzero(y != ABSTAIN)
        # Twice as much on the diagonal: otherwise a model in which all classes change places fits as well.
        prior = self.smoothing * (1 + np.eye(k))
        P = one_hot_sum(L, k, np.ones(m), sure) + self.smoothing
        P /= P.sum(axis=1, keepdims=True)
        P[gold] = np.eye(k)[y[gold]]
        self.confusion_ = np.full((m, k, k), 1 / k)
        for iteration in range(1, self.max_iter + 1):
            self.n_iter_ = iteration
            # M-step: confusion matrices from expected counts; E-step: classes from the confusion matrices.
            tables = listed.counts(P) + prior
            self.confusion_ = tables / tables.sum(axis=2, keepdims=True)
            updated = self._posterior(L, sure)
            updated[gold] = np.eye(k)[y[gold]]
            moved = np.abs(updated - P).max(initial=0)
            P = updated
            if moved < self.tol:
                break

    def _posterior(self, L: NDArray[np.int8], sure: ByColumn) -> NDArray[np.float64]:
        return softmax(table_sum(L, by_vote(np.log(self.confusion_)), sure) + np.log(self.class_balance_ + 1e-12))

    def _proba(self, votes: Votes) -> NDArray[np.float64]:
        return self._posterior(votes.L, votes.confidence)


def _listed(
    L: NDArray[np.int8], y: NDArray[np.int64], k: int, sure: ByColumn
) -> tuple[VoteList, NDArray[np.int8], NDArray[np.int64]]:
    """Return the votes one by one, with what each counts, and their rows: each different row once, if no vote has a
    confidence.
    """
    if sure:
        return VoteList.of(L, k, sure), L, y
    L, y, counts = unique_votes(L, y)
    listed = VoteList.of(L, k)
    return replace(listed, weights=counts[listed.rows].astype(np.float64)), L, y
