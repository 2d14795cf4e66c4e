"""Label models that count votes: plain, and weighted by how rarely a heuristic votes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.core.rows import blocks, softmax
from weaklab.label_models.base import LABEL_MODELS, SumModel
from weaklab.label_models.vote_patterns import compiled, vote_blocks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from weaklab.core.votes import ByColumn, Votes

IN_REGISTERS = 4
"""Compiled loops keep this many sums in registers: up to this many classes, adding something to each is faster than
finding the class of the vote."""
FEW = 8
"""Up to this many classes, comparing each vote with each class is faster than looking each vote up."""


def one_hot_sum(
    L: NDArray[np.integer[Any]], k: int, weights: NDArray[np.floating[Any]], confidence: ByColumn | None = None
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
    total = np.zeros((len(L), k), order="F")  # all that follows works class by class
    for j, count in counts.items():
        for c in range(k):
            total[:, c] += (L[:, j] == c) * count
    return total


def table_sum(
    L: NDArray[np.integer[Any]], tables: NDArray[np.float64], confidence: ByColumn | None = None
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
        m, most, k = tables.shape
        padded = np.zeros((m, most + 1, -(-k // IN_REGISTERS) * IN_REGISTERS))
        padded[:, 1:, :k] = tables
        for rows, part in vote_blocks(L):
            loops.set_sums(part, padded, Z[rows])
        return Z
    for j in range(L.shape[1]):
        voted = np.flatnonzero(L[:, j] >= 0)
        added = tables[j][L[voted, j]]
        if confidence and j in confidence:
            added *= np.asarray(confidence[j], dtype=np.float64)[voted, None]
        Z[voted] += added
    return Z


@LABEL_MODELS.named("majority_vote")
class MajorityVote(SumModel):
    """Each vote counts one, or its confidence: the share of the votes of a row that each class got.

    Examples
    --------
    >>> MajorityVote().fit([[0, 0, 1]]).predict_proba([[0, 0, 1], [-1, 1, -1]]).round(2).tolist()
    [[0.67, 0.33], [0.0, 1.0]]
    """

    def _sums(self, votes: Votes, y: NDArray[np.int64]) -> tuple[()]:
        return ()

    def _learn(self) -> None:
        """There is nothing to learn."""

    def _proba(self, votes: Votes) -> NDArray[np.float64]:
        return one_hot_sum(votes.L, self.n_classes_, np.ones(votes.L.shape[1]), votes.confidence)


MAX_WEIGHT = 3.0


def coverage_weights(L: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
    """Return the weight of each heuristic, float (m,): 1 + ln(n / n_j), at most 3; n_j is how often it votes.

    A heuristic that votes rarely was written for a narrow case, and is right more often where it votes. The rule is
    weaklab's own; `benchmarks.label_models` measures it.

    >>> coverage_weights(np.array([[0, -1], [1, -1], [0, 1], [1, -1]])).round(2).tolist()
    [1.0, 2.39]
    """
    return _rarity(len(L), _n_votes(L))


def _n_votes(L: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """Return how often each heuristic votes: int (m,)."""
    return sum(
        (np.count_nonzero(L[rows] >= 0, axis=0) for rows in blocks(len(L))), np.zeros(L.shape[1], dtype=np.int64)
    )


def _rarity(n: int, n_votes: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.asarray(np.clip(1 + np.log(max(n, 1) / np.maximum(n_votes, 1)), 1, MAX_WEIGHT))


@LABEL_MODELS.named("coverage_vote")
class CoverageVote(SumModel):
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

    def _sums(self, votes: Votes, y: NDArray[np.int64]) -> tuple[int, NDArray[np.int64]]:
        return len(votes), _n_votes(votes.L)

    def _learn(self, n: int, n_votes: NDArray[np.int64]) -> None:
        self.weights_ = _rarity(n, n_votes)

    def _proba(self, votes: Votes) -> NDArray[np.float64]:
        return softmax(one_hot_sum(votes.L, self.n_classes_, self.weights_, votes.confidence))
