"""Label models that count votes: plain, and weighted by how rarely a heuristic speaks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.label_models.base import LABEL_MODELS, LabelModel
from weaklab.rows import row_sum, softmax

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from weaklab.label_models.base import Columns, Soft

FEW = 8
"""Up to so many classes, comparing with each is faster than looking each vote up."""


def one_hot_sum(L: NDArray[np.int64], k: int, weights: NDArray[np.floating[Any]], confidence: Columns | None = None) -> NDArray[np.float64]:
    """Add up what the votes for each class count: ``L`` (n, m), ``weights`` (m,), ``confidence`` column -> (n,), to (n, k)."""
    counts = {j: weights[j] * (confidence or {}).get(j, 1.0) for j in np.flatnonzero(weights).tolist()}
    if k > FEW:
        wide, rows = np.zeros((len(L), k + 1)), np.arange(len(L))  # abstaining, -1, is counted in the last column
        for j, count in counts.items():
            wide[rows, L[:, j]] += count
        return wide[:, :k]
    total = np.zeros((len(L), k), order="F")  # whatever is done to it goes from class to class
    for j, count in counts.items():
        for c in range(k):
            total[:, c] += (L[:, j] == c) * count
    return total


@LABEL_MODELS.named("majority_vote")
class MajorityVote(LabelModel):
    """Each vote counts one, or its confidence: the share of the votes of a row that each class got.

    Examples
    --------
    >>> MajorityVote().fit([[0, 0, 1]]).predict_proba([[0, 0, 1], [-1, 1, -1]]).round(2).tolist()
    [[0.67, 0.33], [0.0, 1.0]]
    """

    def _fit(self, L: NDArray[np.int64], y: NDArray[np.int64], soft: Soft) -> None:
        return

    def _predict_proba(self, L: NDArray[np.int64], soft: Soft) -> NDArray[np.float64]:
        counts = one_hot_sum(L, self.n_classes_, np.ones(L.shape[1]), soft.confidence)
        return counts + np.where(row_sum(counts)[:, None] == 0, self.class_balance_, 0)


MAX_WEIGHT = 3.0


def coverage_weights(L: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the weight of each heuristic, float (m,): 1 + ln(n / n_j), at most 3; n_j is how often it votes.

    A heuristic that speaks rarely was written for a narrow case and is more often right where it does.

    >>> coverage_weights(np.array([[0, -1], [1, -1], [0, 1], [1, -1]])).round(2).tolist()
    [1.0, 2.39]
    """
    spoken = np.maximum((L >= 0).sum(axis=0), 1)
    return np.asarray(np.clip(1 + np.log(max(len(L), 1) / spoken), 1, MAX_WEIGHT))


@LABEL_MODELS.named("coverage_vote")
class CoverageVote(LabelModel):
    """Votes weighted by rarity: P = softmax(S) with S_ik = sum_j w_j [L_ij = k] and w_j of :func:`coverage_weights`.

    Needs no manual label.

    Parameters
    ----------
    n_classes, class_balance : see :class:`LabelModel`

    Attributes
    ----------
    weights_ : float (m,)

    Examples
    --------
    >>> model = CoverageVote().fit([[0, -1], [0, 1], [0, -1], [0, -1]])
    >>> model.predict([[0, 1]]).tolist()
    [1]
    """

    def __init__(self, n_classes: int | None = None, class_balance: ArrayLike | None = None) -> None:
        super().__init__(n_classes, class_balance)

    def _fit(self, L: NDArray[np.int64], y: NDArray[np.int64], soft: Soft) -> None:
        self.weights_ = coverage_weights(L)

    def _predict_proba(self, L: NDArray[np.int64], soft: Soft) -> NDArray[np.float64]:
        return softmax(one_hot_sum(L, self.n_classes_, self.weights_, soft.confidence))
