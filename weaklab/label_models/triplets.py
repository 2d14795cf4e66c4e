"""Accuracies in closed form from how often three heuristics agree pair by pair."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from weaklab.core.labels import ABSTAIN
from weaklab.label_models.base import LABEL_MODELS
from weaklab.label_models.weighted import PRIOR_ACCURACY, LogOddsVote, corrected, log_odds, unique_votes

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from weaklab.core.votes import Votes

    Floats = NDArray[np.float64]

_LEAST_MOMENT = 1e-6
"""Two heuristics that agree only by chance say nothing about a third one."""


@LABEL_MODELS.named("triplets")
class TripletModel(LogOddsVote):
    """Method of moments over triplets of heuristics, as in FlyingSquid; no iterations.

    Two independent heuristics that vote on the same row agree, less what chance would have it, as often as the product
    of their own excess accuracies says: M_ij = e_i e_j, with M_ij = (k P(L_i = L_j) - 1) / (k - 1) and
    e_j = (k a_j - 1) / (k - 1). Three that overlap pair by pair give e_i = sqrt(M_ij M_il / M_jl); the median over the
    triplets of i is taken, and the sign is that of heuristics which are better than chance. For two classes these are
    the moments of FlyingSquid with votes of -1 and 1. A heuristic without a triplet is taken to be right 70 % of the
    time. Manual labels correct the accuracies as in :class:`WeightedVote`, and so are the votes weighted.

    Parameters
    ----------
    n_classes, class_balance : see :class:`LabelModel`
    least_overlap : two heuristics are compared if both vote on at least this many rows
    partners : triplets are made with this many others, those that overlap most; costs grow with the square
    imagined : how many manual labels the triplets are worth

    Attributes
    ----------
    accuracy_ : float (m,), a_j
    weights_ : float (m,), the log-odds of :class:`WeightedVote`
    n_triplets_ : int (m,), triplets that each accuracy is the median of

    References
    ----------
    Fu, Chen, Sala, Hooper, Fatahalian and Re (2020), Fast and three-rooted: speeding up weak supervision with triplet
    methods, ICML.

    Examples
    --------
    >>> L = [[0, 0, 0], [1, 1, 1], [0, 0, 1], [1, 1, 1], [0, 0, 0], [1, 1, 0], [0, 1, 0], [1, 1, 1]] * 5
    >>> TripletModel().fit(L).accuracy_.round(2).tolist()
    [1.0, 0.81, 0.7]
    """

    def __init__(
        self,
        n_classes: int | None = None,
        class_balance: ArrayLike | None = None,
        least_overlap: int = 5,
        partners: int = 50,
        imagined: float = 10.0,
    ) -> None:
        super().__init__(n_classes, class_balance)
        self.least_overlap = least_overlap
        self.partners = partners
        self.imagined = imagined

    def _fit(self, votes: Votes, y: NDArray[np.int64]) -> None:
        rows, truth, counts = unique_votes(votes.L, y)
        k, m = self.n_classes_, rows.shape[1]
        M, overlap = self._moments(rows, counts)
        # Excess accuracy: how far an accuracy is above a guess, 0 for a guess and 1 for always right.
        excess = np.full(m, (k * PRIOR_ACCURACY - 1) / (k - 1))
        self.n_triplets_ = np.zeros(m, dtype=np.int64)
        for j in range(m):
            found = self._triplets(M, overlap, j)
            self.n_triplets_[j] = len(found)
            if len(found):
                excess[j] = min(np.median(found), 1)
        self.accuracy_ = corrected((1 + excess * (k - 1)) / k, rows, truth, counts, self.imagined)
        self.weights_ = log_odds(self.accuracy_, k)

    def _moments(self, L: NDArray[np.int8], counts: NDArray[np.int64]) -> tuple[Floats, Floats]:
        """Return M (m, m), NaN where the overlap is too small, and on how many rows two heuristics both vote (m, m)."""
        from scipy.sparse import csr_array

        k, m = self.n_classes_, L.shape[1]
        # One product of sparse matrices a class counts, for all pairs at once, on how many rows both vote for it.
        agreed = np.zeros((m, m))
        for c in range(k):
            hot = csr_array(np.equal(L, c), dtype=np.float64)
            agreed += (hot.T @ (hot * counts[:, None])).toarray()
        voted = csr_array(L != ABSTAIN, dtype=np.float64)
        overlap = (voted.T @ (voted * counts[:, None])).toarray()
        # Two that guess agree on one row in k: on this scale that is 0, and always to agree is 1.
        M = (k * agreed / np.maximum(overlap, 1) - 1) / (k - 1)
        M[(overlap < self.least_overlap) | np.eye(m, dtype=bool)] = np.nan
        return M, overlap

    def _triplets(self, M: NDArray[np.float64], overlap: NDArray[np.float64], j: int) -> NDArray[np.float64]:
        """Return what each triplet of heuristic j says about its excess accuracy."""
        # M_ij M_il / M_jl = (e_i e_j)(e_i e_l) / (e_j e_l) = e_i^2: the accuracies of the other two cancel.
        others = np.flatnonzero(np.isfinite(M[j]))
        others = others[np.argsort(-overlap[j, others], kind="stable")[: self.partners]]
        first, second = np.triu_indices(len(others), 1)
        first, second = others[first], others[second]
        between = M[first, second]
        usable = np.abs(between) > _LEAST_MOMENT  # False for NaN, too
        return np.asarray(np.sqrt(np.abs(M[j, first] * M[j, second])[usable] / np.abs(between[usable])))
