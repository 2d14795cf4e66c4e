"""Query strategies based on groups of records with exactly the same votes (vote patterns)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.strategies.base import STRATEGIES, in_drawn_order

if TYPE_CHECKING:
    from numpy.typing import NDArray


@STRATEGIES.named("error_mass")
@in_drawn_order
def error_mass(
    P: NDArray[np.floating[Any]], L: NDArray[np.integer[Any]], y: NDArray[np.integer[Any]], eligible: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Expected errors among the records with the same votes, per label that they have: one answer serves many records.

    A vote pattern is a row of ``L``. M = sum of 1 - max_k P over its records without a label is the expected number
    of errors among them, and ``labels`` the number of its records with a label. Its j-th eligible record, j = 0, 1,
    ... from the least confident on, gets the score M / (1 + labels + j). So a batch takes several records of one
    pattern only where M is large compared with that of other patterns.

    Questions are shared out among patterns as seats among parties by the highest averages method: D'Hondt (1882),
    Système pratique et raisonné de représentation proportionnelle. To sample from clusters according to their error
    follows Dasgupta and Hsu (2008), Hierarchical sampling for active learning, ICML; here the clusters are vote
    patterns.

    >>> P, L = np.array([[0.6, 0.4]] * 3 + [[0.5, 0.5]]), np.array([[0], [0], [0], [1]])
    >>> error_mass(P, L, np.full(4, -1), np.full(4, True)).round(2).tolist()
    [1.2, 0.6, 0.4, 0.5]
    """
    error = 1 - np.asarray(P, dtype=np.float64).max(axis=1)
    pattern = pattern_ids(L)
    labeled = y >= 0
    mass = np.bincount(pattern, np.where(labeled, 0, error))
    labels = np.bincount(pattern, labeled)
    order = np.lexsort((-error, ~eligible, pattern))
    _, start, size = np.unique(pattern[order], return_index=True, return_counts=True)
    place = np.empty(len(order))
    place[order] = np.arange(len(order)) - np.repeat(start, size)
    return np.asarray(mass[pattern] / (1 + labels[pattern] + place))


def pattern_ids(L: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """Return the number of each row's vote pattern, int (n_records,), from 0 without gaps; equal rows share a number.

    >>> pattern_ids(np.array([[0, 1], [-1, 1], [0, 1]])).tolist()
    [1, 0, 1]
    """
    if not L.shape[1]:
        return np.zeros(len(L), dtype=np.int64)
    rows = np.ascontiguousarray(L + 1, dtype=np.uint8)
    _, ids = np.unique(rows.view(f"S{rows.shape[1]}").ravel(), return_inverse=True)
    return np.asarray(ids, dtype=np.int64).ravel()
