"""Distances, k-means and D² sampling among embeddings, for the query strategies that need them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Matrix = NDArray[np.floating[Any]]

ROWS_AT_ONCE = 1024
ZERO = 1e-6
"""Squared distances below this share of the squared lengths are what float32 makes of equal rows."""
MAX_SQUARE = 4.0
"""The squared distance of two opposite rows of length 1, the largest that there is."""
ROWS_A_CENTRE = 64
"""k-means learns its centres from so many rows a centre: Faiss, too, samples, between 39 and 256 a centre."""
ITERATIONS = 20


def squares(A: Matrix, B: Matrix) -> Matrix:
    """Return the squared Euclidean distances of the rows of A to the rows of B, float (a, b); those of equal rows are
    0.

    >>> squares(np.eye(2), np.array([[1.0, 0.0]])).tolist()
    [[0.0], [2.0]]
    """
    lengths = np.einsum("ij,ij->i", A, A)[:, None] + np.einsum("ij,ij->i", B, B)
    found = lengths - 2 * (A @ B.T)
    return np.where(found > ZERO * lengths, found, 0).astype(A.dtype, copy=False)


def nearest(A: Matrix, B: Matrix) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return for each row of A which row of B is nearest, and the squared distance: int (a,), float (a,).

    Without any row in B every row is as far as can be: -1 and :data:`MAX_SQUARE`.

    >>> which, square = nearest(np.eye(2), np.array([[0.0, 1.0], [1.0, 0.0]]))
    >>> which.tolist(), square.tolist()
    ([1, 0], [0.0, 0.0])
    """
    which, square = np.full(len(A), -1, dtype=np.int64), np.full(len(A), MAX_SQUARE)
    if not len(B):
        return which, square
    own, theirs = np.einsum("ij,ij->i", A, A), np.einsum("ij,ij->i", B, B)
    for start in range(0, len(A), ROWS_AT_ONCE):
        part = slice(start, start + ROWS_AT_ONCE)
        found = A[part] @ (-2 * B.T)
        found += theirs
        which[part] = found.argmin(axis=1)
        square[part] = found.min(axis=1) + own[part]
    return which, np.where(square > ZERO * (own + theirs[which]), square, 0)


def squares_to_row(A: Matrix) -> Callable[[int], Matrix]:
    """Return the function from the number of a row of A to the squared distances of all rows of A to it.

    >>> squares_to_row(np.eye(2))(1).tolist()
    [2.0, 0.0]
    """
    own = np.einsum("ij,ij->i", A, A)

    def squares_to(row: int) -> Matrix:
        lengths = own + own[row]
        found = lengths - 2 * (A @ A[row])
        return np.where(found > ZERO * lengths, found, 0)

    return squares_to


def d2_sample(
    nearest_square: NDArray[np.float64],
    squares_to: Callable[[int], Matrix],
    n: int,
    rng: np.random.Generator,
    first: int | None = None,
) -> list[int]:
    """Draw n rows one after another, each with a chance proportional to its squared distance to the nearest one before.

    Arthur and Vassilvitskii (2007), k-means++: the advantages of careful seeding, SODA. Where all are at distance 0,
    the first rows that are left are taken.

    Parameters
    ----------
    nearest_square : float (rows,), squared distance to the nearest record that is labeled already
    squares_to : row -> float (rows,), the squared distances to it
    n : how many, at most all
    rng : where the draws come from
    first : the row to begin with, by default it is drawn, too
    """
    left = np.array(nearest_square, dtype=np.float64)
    free = np.ones(len(left), dtype=bool)
    chosen: list[int] = []
    while len(chosen) < min(n, len(left)):
        if first is not None and not chosen:
            row = first
        else:
            total = np.cumsum(np.where(free, left, 0))
            draw = rng.random() * total[-1]
            row = int(np.argmax(total > draw)) if total[-1] > draw else int(np.argmax(free))
        chosen.append(row)
        free[row] = False
        left = np.minimum(left, squares_to(row))
    return chosen


def farthest_first(nearest_square: NDArray[np.float64], squares_to: Callable[[int], Matrix], n: int) -> list[int]:
    """Take n rows one after another, each the farthest from its nearest labeled or taken one; the first of equals.

    Gonzalez (1985), Clustering to minimize the maximum intercluster distance, Theoretical Computer Science.
    """
    left = np.array(nearest_square, dtype=np.float64)
    chosen: list[int] = []
    while len(chosen) < min(n, len(left)):
        chosen.append(int(np.argmax(left)))
        left = np.minimum(left, squares_to(chosen[-1]))
        left[chosen] = -1
    return chosen


def k_means(X: Matrix, k: int, seed: int, weights: NDArray[np.floating[Any]] | None = None) -> Matrix:
    """Return the centres of at most k clusters, float (at most k, d): Lloyd's iterations from k-means++ centres.

    Learns from the first ``64 k`` rows, so rows must come in no particular order. Lloyd (1982), Least squares
    quantization in PCM, IEEE Transactions on Information Theory.

    Parameters
    ----------
    X : float (rows, d)
    k : clusters; a cluster without rows is left out
    seed : int
    weights : float (rows,), how much each row pulls its centre, by default all alike

    Examples
    --------
    >>> X = np.array([[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    >>> sorted(k_means(X, 2, seed=0).tolist())
    [[0.0, 1.0], [1.0, 0.0]]
    """
    from scipy import sparse

    X = X[: k * ROWS_A_CENTRE]
    pull = np.ones(len(X), dtype=X.dtype) if weights is None else np.asarray(weights[: len(X)], dtype=X.dtype)
    few = X[: 10 * k]
    centres, before = few[d2_sample(np.ones(len(few)), squares_to_row(few), k, np.random.default_rng(seed))], None
    for _ in range(ITERATIONS):
        which, _ = nearest(X, centres)
        if before is not None and (which == before).all():
            break
        before = which
        members = sparse.csr_array((pull, which, np.arange(len(X) + 1)), shape=(len(X), len(centres))).T
        mass = np.asarray(members.sum(axis=1)).ravel()
        filled = mass > 0
        centres = np.where(
            filled[:, None], np.asarray(members @ X) / np.where(filled, mass, 1)[:, None], centres
        ).astype(X.dtype)
    return centres[np.unique(nearest(X, centres)[0])]


def cluster_medoids(
    X: Matrix, n: int, seed: int, weights: NDArray[np.floating[Any]] | None = None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Cluster rows into n clusters and return the row nearest to each centre, and how many rows each cluster has.

    Fewer come back where rows are equal. The first of equally near rows is taken.

    >>> cluster_medoids(np.array([[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]), 2, seed=0)
    (array([0, 1]), array([2, 1]))
    """
    centres = k_means(X, n, seed, weights)
    which, square = nearest(X, centres)
    order = np.lexsort((np.arange(len(X)), square, which))
    _, start, size = np.unique(which[order], return_index=True, return_counts=True)
    medoids = order[start]
    by_row = np.argsort(medoids)
    return medoids[by_row], size[by_row]
