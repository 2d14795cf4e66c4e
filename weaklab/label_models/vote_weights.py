"""Vote weights from agreement, contradiction and duplication; needs no labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.core.labels import ABSTAIN
from weaklab.label_models.vote_patterns import compiled, vote_blocks
from weaklab.label_models.weighted import unique_votes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

AGREEMENT, CONFLICT = 0.2, 0.15
"""How much agreement and conflict beyond chance count, in votes. They break ties; they outvote no member."""
IMAGINED = 3.0
"""Imagined agreements and conflicts of a member that are as many as chance would give it."""
MOST_AGREEMENT = 1.5
MOST_EXCEPTION = 5.0
FEW_VOTES = 5.0
"""A member with this many votes gets half of the exception bonus; this many equal votes are no sign of copying."""
BY_DEFAULT = 0.01
"""Whatever contradicts a member that votes on all records counts as an exception to it."""
LEAST_WEIGHT = 0.1
SAME = 0.8
"""Two members share a vote if a larger share of their votes than this is on the same records for the same classes. Two
independent members with an accuracy of 0.9 come to 0.69."""
WORD_PAIRS = 1000
"""Pairs of members are counted row by row if the squared number of votes per row is below m^2 (k + 1) / 1000, else 64
rows at a time: at this number both take the same time."""


@dataclass(frozen=True)
class Pairs:
    """How often members vote, alone and together.

    Attributes
    ----------
    n : records
    votes : float (m, k), how often each member votes each class
    both : float (m, m), on how many records two of them vote
    same : float (m, m), on how many they vote the same class
    """

    n: int
    votes: Floats
    both: Floats
    same: Floats

    @classmethod
    def of(cls, L: NDArray[np.integer[Any]], counts: NDArray[np.integer[Any]], k: int) -> Pairs:
        """Count over different rows ``L`` int (u, m) that come ``counts`` int (u,) times."""
        from scipy.sparse import csr_array

        u, m = L.shape
        rows, columns = np.nonzero(L != ABSTAIN)
        codes, often = L[rows, columns].astype(np.int64), counts[rows].astype(np.float64)
        votes = np.bincount(columns * k + codes, often, minlength=m * k).reshape(m, k)
        pairs = []
        for place, height in ((rows, u), (rows * k + codes, u * k)):
            ones = csr_array((np.ones(len(rows)), (place, columns)), shape=(height, m))
            table = (csr_array((often, (place, columns)), shape=(height, m)).T @ ones).toarray()
            np.fill_diagonal(table, 0)
            pairs.append(table)
        return cls(int(counts.sum()), votes.astype(np.float64), *pairs)

    @classmethod
    def count(cls, L: NDArray[np.integer[Any]], k: int) -> Pairs:
        """Count over the rows of ``L`` int (n, m), int8 if there are many; memory does not grow with n.

        >>> Pairs.count(np.array([[0, 0], [1, 0], [0, -1]]), 2).same.tolist()
        [[0.0, 1.0], [1.0, 0.0]]
        """
        n, m = L.shape
        loops = compiled(L.size)
        if loops is None:
            rows, _, counts = unique_votes(L, np.full(n, ABSTAIN))
            return cls.of(rows, counts, k)
        votes, both, same = (
            np.zeros((m, k), dtype=np.int64),
            np.zeros((m, m), dtype=np.int64),
            np.zeros((m, m), dtype=np.int64),
        )
        for _, part in vote_blocks(L):
            sparse = (np.count_nonzero(part >= 0) / len(part)) ** 2 < m * m * (k + 1) / WORD_PAIRS
            (loops.count_sparse if sparse else loops.count_dense)(part, votes, both, same)
        return cls(n, votes.astype(np.float64), *((table + table.T).astype(np.float64) for table in (both, same)))

    def __add__(self, other: Pairs) -> Pairs:
        return Pairs(self.n + other.n, self.votes + other.votes, self.both + other.both, self.same + other.same)

    def take(self, columns: NDArray[np.integer[Any]]) -> Pairs:
        """Return the counts of some members."""
        return Pairs(
            self.n, self.votes[columns], self.both[np.ix_(columns, columns)], self.same[np.ix_(columns, columns)]
        )

    @property
    def coverage(self) -> Floats:
        """Share of the records that each member votes on: float (m,)."""
        return np.asarray(self.votes.sum(axis=1) / max(self.n, 1))


def vote_weights(pairs: Pairs) -> Floats:
    """Return what a vote of each member counts when there is no manual label, float (m,); all are 1 if the members
    do not differ.

    1 + e_j + 0.2 a_j - 0.15 c_j, where

    - e_j is how narrow a rule j is within one that it contradicts: over the other members l, the greatest of
      kappa_jl P(they differ | both vote) ln(n_l / n_j), with kappa_jl = (P(l votes | j votes) - P(l votes)) / (1 - P(l
      votes)), 0.01 added above and below. Who writes a narrow rule against a broad one knows an exception.
    - a_j is the logarithm of how often others agree with j, over how often they would if all voted independently, less
      how far the mean of all who vote the same class is above that of all;
    - c_j is the same for contradictions.

    Notes
    -----
    kappa scales as Cohen (1960), A coefficient of agreement for nominal scales, does. The rule as a whole is weaklab's
    own; `benchmarks.label_models` and `benchmarks.worlds` measure it, docs/mathematics.md explains it.

    Examples
    --------
    >>> broad, narrow = [0] * 90 + [0] * 10, [-1] * 90 + [1] * 10
    >>> L = np.array([broad, narrow]).T
    >>> vote_weights(Pairs.of(L, np.ones(100, dtype=int), 2)).round(1).tolist()
    [1.0, 2.5]
    """
    m = len(pairs.votes)
    n_votes = pairs.votes.sum(axis=1)
    # What chance gives: if all voted independently, a vote of j for c would meet the others' votes for c per record.
    others = (pairs.votes.sum(axis=0) - pairs.votes) / max(pairs.n, 1)  # votes of all others for each class, per record
    agree = (pairs.votes * others).sum(axis=1)
    differ = n_votes * others.sum(axis=1) - agree
    # Logarithms of observed over expected, with imagined counts at the expected ratio: few votes stay close to 0.
    agreement = np.log((pairs.same.sum(axis=1) + IMAGINED) / (agree + IMAGINED))
    conflict = np.log(((pairs.both - pairs.same).sum(axis=1) + IMAGINED) / (differ + IMAGINED))
    # Members of a rare class agree more often than chance would have it because few others vote there.
    agreement = _within_classes(agreement, pairs.votes)
    weights = 1 + AGREEMENT * np.clip(agreement, 0, MOST_AGREEMENT) - CONFLICT * conflict
    if m > 1:
        weights += np.minimum(_exceptions(pairs).max(axis=1), MOST_EXCEPTION) * n_votes / (n_votes + FEW_VOTES)
    return np.asarray(np.maximum(weights, LEAST_WEIGHT))


def _within_classes(values: Floats, votes: Floats) -> Floats:
    """Return values (m,) less how much those who vote a class are above the mean of all, weighted by votes (m, k)."""
    n_votes = votes.sum(axis=1)
    of_class = votes.T @ values / np.maximum(votes.sum(axis=0), 1e-12)
    mean = n_votes @ values / max(n_votes.sum(), 1e-12)
    return np.asarray(values - votes @ (of_class - mean) / np.maximum(n_votes, 1e-12))


def _exceptions(pairs: Pairs) -> Floats:
    """Return how much of an exception to l each j is: float (m, m)."""
    # P(l votes | j votes), scaled as Cohen's kappa is: 0 if j says nothing about where l votes, 1 if l covers all of j.
    coverage = np.maximum(pairs.coverage, 1e-12)
    given = pairs.both / np.maximum(pairs.votes.sum(axis=1), 1e-12)[:, None]
    within = np.clip((given - coverage + BY_DEFAULT) / (1 - coverage + BY_DEFAULT), 0, 1)
    differ = 1 - pairs.same / np.maximum(pairs.both, 1e-12)
    return np.asarray(
        within * np.where(pairs.both > 0, differ, 0) * np.maximum(np.log(coverage / coverage[:, None]), 0)
    )


def vote_shares(pairs: Pairs) -> Floats:
    """Return how much of a vote each member has of its own, float (m,) in (0, 1]: copies of one another share one vote.

    1 / (1 + sum_l r_jl), where r_jl goes from 0 to 1 as the share of equal votes among all votes of the two, and five
    imagined ones that differ, goes from 0.8 to 1. That share is the index of Jaccard (1912), The distribution of the
    flora in the alpine zone, New Phytologist 11; the rule is weaklab's own.

    >>> L = np.array([[0, 0, 1], [1, 1, 1], [0, 0, 0], [1, 1, 0]] * 500)
    >>> vote_shares(Pairs.of(L, np.ones(2000, dtype=int), 2)).round(2).tolist()
    [0.5, 0.5, 1.0]
    """
    # Equal votes over the union of both members' votes (Jaccard), so that a small member inside a large one is no copy.
    n_votes = pairs.votes.sum(axis=1)
    overlap = pairs.same / (n_votes[:, None] + n_votes - pairs.same + FEW_VOTES)
    return np.asarray(1 / (1 + np.clip((overlap - SAME) / (1 - SAME), 0, 1).sum(axis=1)))
