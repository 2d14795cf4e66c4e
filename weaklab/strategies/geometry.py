"""Distances between embeddings, k-means and D² sampling, for the query strategies that use them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Matrix = NDArray[np.floating[Any]]

ROWS_AT_ONCE = 1024
ZERO = 1e-6
"""A squared distance below this share of the squared lengths counts as 0: it is float32 rounding between equal rows."""
MAX_SQUARE = 4.0
"""The largest squared distance between two rows of length 1: that of opposite rows."""
ROWS_PER_CENTRE = 64
"""k-means is fitted to at most this many rows per centre. Faiss also samples, between 39 and 256 rows per centre."""
ITERATIONS = 20


def squares(A: Matrix, B: Matrix) -> Matrix:
    """Return the squared Euclidean distances of the rows of A to the rows of B, float (a, b); exactly 0 for equal rows.

    >>> squares(np.eye(2), np.array([[1.0, 0.0]])).tolist()
    [[0.0], [2.0]]
    """
    lengths = np.einsum("ij,ij->i", A, A)[:, None] + np.einsum("ij,ij->i", B, B)
    found = lengths - 2 * (A @ B.T)
    return np.where(found > ZERO * lengths, found, 0).astype(A.dtype, copy=False)


def nearest(A: Matrix, B: Matrix) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return for each row of A the number of the nearest row of B, and the squared distance: int (a,), float (a,).

    If B has no rows, every row of A gets -1 and :data:`MAX_SQUARE`.

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
    """Return a function that takes a row number of A and returns the squared distances of all rows of A to that row.

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
    """Draw n rows in turn, each with probability proportional to its squared distance to the nearest row already drawn.

    Arthur and Vassilvitskii (2007), k-means++: the advantages of careful seeding, SODA. If all remaining rows are at
    distance 0, the first of them are taken.

    Parameters
    ----------
    nearest_square : float (rows,), squared distance to the nearest record that is labeled already
    squares_to : row -> float (rows,), the squared distances to it
    n : how many rows to draw, at most all
    rng : random generator
    first : the first row; drawn like the others by default
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
    """Take n rows in turn, each time the row farthest from its nearest labeled or taken row; ties go to the first row.

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

    It is fitted to the first ``64 k`` rows only, so the rows must be in random order. Lloyd (1982), Least squares
    quantization in PCM, IEEE Transactions on Information Theory.

    Parameters
    ----------
    X : float (rows, d)
    k : number of clusters; a cluster that ends without rows is left out
    seed : int
    weights : float (rows,), weight of each row in the mean of its cluster; equal by default

    Examples
    --------
    >>> X = np.array([[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    >>> sorted(k_means(X, 2, seed=0).tolist())
    [[0.0, 1.0], [1.0, 0.0]]
    """
    from scipy import sparse

    X = X[: k * ROWS_PER_CENTRE]
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
    """Group rows into n clusters; return the row nearest to each centre, and the number of rows in each cluster.

    Fewer clusters are returned if many rows are equal. Ties go to the first row.

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
