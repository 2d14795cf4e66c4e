"""Label models that count votes: plain, and weighted by how rarely a heuristic speaks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.core.rows import blocks, row_sum, softmax
from weaklab.label_models.base import LABEL_MODELS, LabelModel
from weaklab.label_models.vote_patterns import compiled, vote_blocks

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from weaklab.label_models.base import Columns, Soft, Votes

IN_REGISTERS = 4
"""Sums that compiled loops keep in registers: up to so many classes, adding something to each is faster than finding
the one voted for."""
FEW = 8
"""Up to so many classes, comparing with each is faster than looking each vote up."""


def one_hot_sum(
    L: NDArray[np.integer[Any]], k: int, weights: NDArray[np.floating[Any]], confidence: Columns | None = None
) -> NDArray[np.float64]:
    """Add up what the votes for each class count: ``L`` (n, m), ``weights`` (m,), ``confidence`` column -> (n,), to (n,
    k).
    """
    loops = None if confidence else compiled(L.size)
    if loops is not None:
        weights = np.asarray(weights, dtype=np.float64)
        if k <= IN_REGISTERS:
            return table_sum(L, weights[:, None, None] * np.eye(k))
        Z = np.zeros((len(L), k))
        for rows, part in vote_blocks(L):
            loops.add_weights(part, weights, Z[rows])
        return Z
    counts = {j: weights[j] * (confidence or {}).get(j, 1.0) for j in np.flatnonzero(weights).tolist()}
    if k > FEW:
        wide, every = np.zeros((len(L), k + 1)), np.arange(len(L))  # abstaining, -1, is counted in the last column
        for j, count in counts.items():
            wide[every, L[:, j]] += count
        return wide[:, :k]
    total = np.zeros((len(L), k), order="F")  # whatever is done to it goes from class to class
    for j, count in counts.items():
        for c in range(k):
            total[:, c] += (L[:, j] == c) * count
    return total


def table_sum(
    L: NDArray[np.integer[Any]], tables: NDArray[np.float64], confidence: Columns | None = None
) -> NDArray[np.float64]:
    """Add up what each vote adds to every class: ``L`` (n, m), ``tables`` (m, votes, classes), ``confidence`` column ->
    (n,), to (n, k).

    >>> tables = np.array([[[1.0, 0.0], [0.0, 2.0]], [[3.0, 0.5], [0.5, 3.0]]])
    >>> table_sum(np.array([[0, -1], [1, 0]]), tables).tolist()
    [[1.0, 0.0], [3.0, 2.5]]
    """
    Z = np.zeros((len(L), tables.shape[2]))
    loops = None if confidence else compiled(L.size)
    if loops is not None:
        m, k = tables.shape[0], tables.shape[2]
        padded = np.zeros((m, k + 1, -(-k // IN_REGISTERS) * IN_REGISTERS))
        padded[:, 1:, :k] = tables
        for rows, part in vote_blocks(L):
            loops.set_sums(part, padded, Z[rows])
        return Z
    for j in range(L.shape[1]):
        voted = np.flatnonzero(L[:, j] >= 0)
        told = tables[j][L[voted, j]]
        if confidence and j in confidence:
            told *= np.asarray(confidence[j], dtype=np.float64)[voted, None]
        Z[voted] += told
    return Z


@LABEL_MODELS.named("majority_vote")
class MajorityVote(LabelModel):
    """Each vote counts one, or its confidence: the share of the votes of a row that each class got.

    Examples
    --------
    >>> MajorityVote().fit([[0, 0, 1]]).predict_proba([[0, 0, 1], [-1, 1, -1]]).round(2).tolist()
    [[0.67, 0.33], [0.0, 1.0]]
    """

    adds_up = True

    def _fit(self, L: Votes, y: NDArray[np.int64], soft: Soft) -> None:
        return

    def _add(self, L: Votes, y: NDArray[np.int64], soft: Soft, first: bool) -> None:
        return

    def _predict_proba(self, L: Votes, soft: Soft) -> NDArray[np.float64]:
        counts = one_hot_sum(L, self.n_classes_, np.ones(L.shape[1]), soft.confidence)
        return counts + np.where(row_sum(counts)[:, None] == 0, self.class_balance_, 0)


MAX_WEIGHT = 3.0


def coverage_weights(L: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
    """Return the weight of each heuristic, float (m,): 1 + ln(n / n_j), at most 3; n_j is how often it votes.

    A heuristic that speaks rarely was written for a narrow case and is more often right where it does.

    >>> coverage_weights(np.array([[0, -1], [1, -1], [0, 1], [1, -1]])).round(2).tolist()
    [1.0, 2.39]
    """
    return _rarity(len(L), _spoken(L))


def _spoken(L: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """Return how often each heuristic votes: int (m,)."""
    return sum(
        (np.count_nonzero(L[rows] >= 0, axis=0) for rows in blocks(len(L))), np.zeros(L.shape[1], dtype=np.int64)
    )


def _rarity(n: int, spoken: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.asarray(np.clip(1 + np.log(max(n, 1) / np.maximum(spoken, 1)), 1, MAX_WEIGHT))


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

    adds_up = True
    _n: int
    _times: NDArray[np.int64]

    def _fit(self, L: Votes, y: NDArray[np.int64], soft: Soft) -> None:
        self.weights_ = coverage_weights(L)

    def _add(self, L: Votes, y: NDArray[np.int64], soft: Soft, first: bool) -> None:
        self._n, self._times = (len(L), _spoken(L)) if first else (self._n + len(L), self._times + _spoken(L))
        self.weights_ = _rarity(self._n, self._times)

    def _predict_proba(self, L: Votes, soft: Soft) -> NDArray[np.float64]:
        return softmax(one_hot_sum(L, self.n_classes_, self.weights_, soft.confidence))
