"""Query strategies that look at vote patterns: all records on which the committee voted alike."""

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
    """M / (1 + labels + j), M = sum of 1 - max_k P over a vote pattern: one answer speaks for many doubtful records.

    A vote pattern is a row of ``L``; M is the number of errors to be expected among its records without a label,
    ``labels`` how many have one. Its j-th eligible record, j = 0, 1, ... from the least sure on, gets the score, so
    that a batch asks about a pattern again only where even its share is larger than the mass of others.

    Highest averages, the rule of D'Hondt (1882), Système pratique et raisonné de représentation proportionnelle, over
    the clusters of Dasgupta and Hsu (2008), Hierarchical sampling for active learning, ICML, with vote patterns for
    clusters.

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
    """Return a number for each row of votes that equal rows share, int (n_records,), from 0 without gaps.

    >>> pattern_ids(np.array([[0, 1], [-1, 1], [0, 1]])).tolist()
    [1, 0, 1]
    """
    if not L.shape[1]:
        return np.zeros(len(L), dtype=np.int64)
    rows = np.ascontiguousarray(L + 1, dtype=np.uint8)
    _, ids = np.unique(rows.view(f"S{rows.shape[1]}").ravel(), return_inverse=True)
    return np.asarray(ids, dtype=np.int64).ravel()
