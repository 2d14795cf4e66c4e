"""Dawid and Skene's model of annotators with a confusion matrix each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from weaklab.base import ABSTAIN
from weaklab.label_models.base import LABEL_MODELS, LabelModel
from weaklab.rows import softmax

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from weaklab.label_models.base import Soft


@LABEL_MODELS.named("dawid_skene")
class DawidSkene(LabelModel):
    """Expectation-maximisation over a confusion matrix for every heuristic; manual labels are clamped.

    P(z_i = k) is proportional to balance_k times the product over the votes of theta[j, k, L_ij]. An abstain tells
    nothing, the class balance is not learned from votes, and each row of a confusion matrix starts with imagined counts
    that favour being right, so that the classes cannot change places.

    Parameters
    ----------
    n_classes, class_balance : see :class:`LabelModel`
    max_iter : at most so many rounds
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

    def _fit(self, L: NDArray[np.int64], y: NDArray[np.int64], soft: Soft) -> None:
        rows, counts = np.unique(np.column_stack([L, y]), axis=0, return_counts=True)
        L, y = rows[:, :-1], rows[:, -1]
        k, m = self.n_classes_, L.shape[1]
        gold = np.flatnonzero(y != ABSTAIN)
        hot = [np.equal(L[:, j, None], np.arange(k)) * counts[:, None] for j in range(m)]
        prior = self.smoothing * (1 + np.eye(k))
        P = np.zeros((len(L), k)) + self.smoothing
        for c in range(k):
            P[:, c] += np.equal(L, c).sum(axis=1)
        P /= P.sum(axis=1, keepdims=True)
        P[gold] = np.eye(k)[y[gold]]
        self.confusion_ = np.full((m, k, k), 1 / k)
        for iteration in range(1, self.max_iter + 1):
            self.n_iter_ = iteration
            for j in range(m):
                table = P.T @ hot[j] + prior
                self.confusion_[j] = table / table.sum(axis=1, keepdims=True)
            updated = self._posterior(L)
            updated[gold] = np.eye(k)[y[gold]]
            moved = np.abs(updated - P).max(initial=0)
            P = updated
            if moved < self.tol:
                break

    def _posterior(self, L: NDArray[np.int64]) -> NDArray[np.float64]:
        S = np.tile(np.log(self.class_balance_ + 1e-12), (len(L), 1))
        log_theta = np.log(self.confusion_)
        for j in range(L.shape[1]):
            voted = np.flatnonzero(L[:, j] != ABSTAIN)
            S[voted] += log_theta[j][:, L[voted, j]].T
        return softmax(S)

    def _predict_proba(self, L: NDArray[np.int64], soft: Soft) -> NDArray[np.float64]:
        return self._posterior(L)
