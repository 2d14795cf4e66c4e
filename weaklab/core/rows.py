"""Fast sums, maxima, softmax and confidence for each row of a matrix with many rows and few columns.

numpy is slow at reducing a short last axis; a loop over the columns is ten times as fast for a few classes.
"""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike, NDArray

    Matrix = NDArray[np.floating[Any]]

NARROW = 32
"""Up to this many columns, a loop over the columns is used."""
BLOCK = 2**15
"""Number of rows that are processed at a time, so that temporary arrays fit into the processor's cache."""


def blocks(n: int, size: int = BLOCK) -> Iterator[slice]:
    """Yield slices that divide n rows into blocks.

    >>> list(blocks(5, 3))
    [slice(0, 3, None), slice(3, 5, None)]
    """
    for start in range(0, n, size):
        yield slice(start, min(start + size, n))


def row_sum(A: Matrix) -> Matrix:
    """Return the sums of the rows of (n, k): (n,).

    >>> row_sum(np.array([[1.0, 2.0], [3.0, 4.0]])).tolist()
    [3.0, 7.0]
    """
    if not 0 < A.shape[1] <= NARROW:
        return np.asarray(A.sum(axis=1))
    total = A[:, 0].copy()
    for c in range(1, A.shape[1]):
        total += A[:, c]
    return total


def row_max(A: Matrix) -> Matrix:
    """Return the largest number of each row of (n, k): (n,).

    >>> row_max(np.array([[1.0, 2.0], [4.0, 3.0]])).tolist()
    [2.0, 4.0]
    """
    if not 0 < A.shape[1] <= NARROW:
        return np.asarray(A.max(axis=1))
    top = A[:, 0].copy()
    for c in range(1, A.shape[1]):
        np.maximum(top, A[:, c], out=top)
    return top


def row_argmax(A: Matrix) -> NDArray[np.int64]:
    """Return the first column that holds the largest number of each row of (n, k): int (n,).

    >>> row_argmax(np.array([[1.0, 2.0], [3.0, 3.0]])).tolist()
    [1, 0]
    """
    if not 0 < A.shape[1] <= NARROW:
        return np.asarray(A.argmax(axis=1), dtype=np.int64)
    if A.shape[1] == 2:
        return np.asarray(A[:, 1] > A[:, 0], dtype=np.int64)
    top, best = A[:, 0].copy(), np.zeros(len(A), dtype=np.int64)
    for c in range(1, A.shape[1]):
        best[A[:, c] > top] = c
        np.maximum(top, A[:, c], out=top)
    return best


def top_two(A: Matrix) -> tuple[Matrix, Matrix]:
    """Return the largest and the second largest number of each row of (n, k), k at least 2: two (n,).

    >>> [part.tolist() for part in top_two(np.array([[1.0, 2.0, 0.0], [4.0, 4.0, 3.0]]))]
    [[2.0, 4.0], [1.0, 4.0]]
    """
    if A.shape[1] > NARROW:
        top = np.partition(A, -2, axis=1)
        return top[:, -1], top[:, -2]
    first = np.maximum(A[:, 0], A[:, 1])
    second = np.minimum(A[:, 0], A[:, 1])
    for c in range(2, A.shape[1]):
        np.maximum(second, np.minimum(first, A[:, c]), out=second)
        np.maximum(first, A[:, c], out=first)
    return first, second


def softmax(S: Matrix) -> NDArray[np.float64]:
    """Return the row-wise softmax of (n, k) log-odds.

    >>> softmax(np.array([[0.0, 0.0]])).tolist()
    [[0.5, 0.5]]
    """
    if S.shape[1] == 2:
        from scipy.special import expit

        P = np.empty(S.shape, order="F")
        expit(np.subtract(S[:, 1], S[:, 0], dtype=np.float64), out=P[:, 1])
        np.subtract(1, P[:, 1], out=P[:, 0])
        return P
    E = np.subtract(S, row_max(S)[:, None], dtype=np.float64)
    np.exp(E, out=E)
    E /= row_sum(E)[:, None]
    return E


def confidence(P: ArrayLike) -> NDArray[np.float64]:
    """Return how sure each row is, float (n,): 0 where all classes are equally probable, 1 where one is certain.

    1 - H(p) / ln k, with H the entropy of Shannon (1948), A mathematical theory of communication.

    >>> confidence([[0.5, 0.5], [1.0, 0.0]]).tolist()
    [0.0, 1.0]
    """
    given = np.asarray(P)
    found = np.empty(len(given))
    for rows in blocks(len(given)):
        p = np.asarray(given[rows], dtype=np.float64)
        entropy = row_sum(p * -np.log(np.where(p > 0, p, 1)))
        sure = np.clip(1 - entropy / np.log(p.shape[1]), 0, 1)
        found[rows] = np.where(sure < 1e-12, 0.0, sure)
    return found


def is_tied(P: NDArray[np.floating[Any]], within: float = 1e-9) -> NDArray[np.bool_]:
    """Return bool (n,), True where the best two classes are equally probable: they differ by less than ``within``.

    >>> is_tied(np.array([[0.5, 0.5], [0.6, 0.4]])).tolist()
    [True, False]
    """
    first, second = top_two(P)
    return np.asarray(first - second < within)


def one_thread() -> Any:
    """Return a context manager inside which linear algebra uses one thread.

    More threads are no faster for matrices of about a hundred columns. And if several processes each start one thread
    per core, the threads wait for each other most of the time.

    >>> with one_thread():
    ...     np.eye(2) @ np.eye(2)
    array([[1., 0.],
           [0., 1.]])
    """
    return _libraries("scipy.linalg" in sys.modules).limit(limits=1, user_api="blas")


@functools.cache
def _libraries(scipy_too: bool) -> Any:
    """Return the controller of the loaded linear algebra libraries.

    Searching them takes milliseconds, so the result is cached: once without and once with the libraries of scipy.
    """
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
