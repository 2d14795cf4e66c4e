"""The votes of a label matrix one by one: memory in proportion to the votes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.core.labels import ABSTAIN
from weaklab.label_models.vote_patterns import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from weaklab.core.votes import ByColumn

    Floats = NDArray[np.float64]
    Codes = NDArray[np.int64]


@dataclass(frozen=True)
class VoteList:
    """The votes of a label matrix one by one: memory in proportion to the votes, however many annotators there are.

    Attributes
    ----------
    rows, columns, codes : int (v,), the record, the annotator and the class of each vote
    weights : float (v,), how much each counts
    shape : n, m, k
    """

    rows: Codes
    columns: Codes
    codes: Codes
    weights: Floats
    shape: tuple[int, int, int]

    @classmethod
    def of(cls, L: NDArray[np.integer[Any]], k: int, confidence: ByColumn | None = None) -> VoteList:
        """Take the votes out of ``L`` int (n, m); a vote counts its confidence, column -> (n,), or 1."""
        rows, columns = np.nonzero(L != ABSTAIN)
        weights = np.ones(len(rows))
        if confidence:
            order = np.argsort(columns, kind="stable")  # the votes of a column are next to each other in it
            ends = np.cumsum(np.bincount(columns, minlength=L.shape[1]))
            for j, sure in confidence.items():
                mine = order[ends[j - 1] if j else 0 : ends[j]]
                weights[mine] = np.asarray(sure, dtype=np.float64)[rows[mine]]
        return cls(rows, columns, L[rows, columns].astype(np.int64), weights, (*L.shape, k))

    def take(self, kept: NDArray[Any] | slice) -> VoteList:
        """Return some of the votes."""
        return VoteList(self.rows[kept], self.columns[kept], self.codes[kept], self.weights[kept], self.shape)

    def given(self) -> Floats:
        """Return how often each annotator gives each class: (m, k)."""
        _, m, k = self.shape
        cells = np.bincount(self.columns * k + self.codes, self.weights, minlength=m * k)
        return cells.reshape(m, k).astype(np.float64)

    def tally(self) -> Floats:
        """Return how often each record was given each class: (n, k)."""
        n, _, k = self.shape
        return np.bincount(self.rows * k + self.codes, self.weights, minlength=n * k).reshape(n, k).astype(np.float64)

    def counts(self, P: Floats) -> Floats:
        """Return how often each annotator is expected to have voted l on class c: (m, k, k)."""
        _, m, k = self.shape
        if (loops := compiled(len(self.rows))) is not None:
            found = np.zeros((m, k, k))
            loops.expected_counts(self.rows, self.columns, self.codes, self.weights, np.ascontiguousarray(P), found)
            return found.transpose(0, 2, 1)
        cells = self.columns * k + self.codes
        by_class = [np.bincount(cells, P[self.rows, c] * self.weights, minlength=m * k).reshape(m, k) for c in range(k)]
        return np.stack(by_class, axis=1)

    def scores(self, log_confusion: Floats) -> Floats:
        """Return the sums over the votes of each record, sum_j w_ij log_confusion[j, :, L_ij]: (n, k)."""
        n, _, k = self.shape
        if (loops := compiled(len(self.rows))) is not None:
            S = np.zeros((n, k))
            loops.vote_scores(self.rows, self.columns, self.codes, self.weights, by_vote(log_confusion), S)
            return S
        S = np.empty((n, k))
        for c in range(k):
            S[:, c] = np.bincount(self.rows, log_confusion[self.columns, c, self.codes] * self.weights, minlength=n)
        return S


def by_vote(log_confusion: Floats) -> Floats:
    """Return what each vote adds to each class, (m, votes, classes), from the logarithms of confusion matrices (m,
    classes, votes).
    """
    return np.ascontiguousarray(log_confusion.transpose(0, 2, 1))
