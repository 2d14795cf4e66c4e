"""Two coordinates for each record, so that similar records are near each other: a map of a corpus."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.core.errors import WeaklabError
from weaklab.core.rows import blocks, one_thread
from weaklab.strategies.base import uniform

if TYPE_CHECKING:
    from numpy.typing import NDArray

LANDMARKS = 1_500
"""So many records are laid out by t-SNE; the others are put among them."""
ROUNDS = 500
"""Of t-SNE; twice as many give the same picture."""
NEIGHBOURS = 5
PERPLEXITY = 30.0
SPREAD = 0.02
"""A record that is not a landmark is moved by up to this share of its distance between landmarks, so that records with
the same neighbours do not hide each other."""


def plane(E: NDArray[np.floating[Any]], keys: NDArray[np.uint64] | None = None, seed: int = 0) -> NDArray[np.float32]:
    """Return two coordinates for each record: float32 (n, 2), centred, within -1 to 1.

    t-SNE lays out 1,500 landmarks (van der Maaten, 2014, Accelerating t-SNE using tree-based algorithms, JMLR), begun
    from their first two principal components. Each other record is put at the mean of its five nearest landmarks,
    weighted by similarity. The same input gives the same map. Near means alike; what is far apart may be alike, too,
    and distances and sizes of groups mean nothing.

    Parameters
    ----------
    E : float (n, d), embeddings such as those of :func:`weaklab.features.embeddings.embed`
    keys : uint64 (n,), a number for each record, so that the landmarks do not depend on the order of the records
    seed : of the choice of the landmarks

    Raises
    ------
    WeaklabError
        ``E`` is no matrix of finite numbers.

    Examples
    --------
    >>> E = np.repeat(np.eye(4, dtype=np.float32), 25, axis=0)
    >>> plane(E).shape
    (100, 2)
    """
    X = np.asarray(E, dtype=np.float32)
    if X.ndim != 2 or not np.isfinite(X).all():
        raise WeaklabError(f"embeddings must be a matrix of finite numbers, a row a record, got shape {X.shape}")
    n = len(X)
    known = np.arange(n, dtype=np.uint64) if keys is None else keys
    order = np.argsort(uniform(known, seed), kind="stable")
    marks = order[:LANDMARKS]
    with one_thread():  # sums over several threads are not the same each time
        laid = _laid_out(X[marks], seed)
        found = np.zeros((n, 2), dtype=np.float64)
        found[marks] = laid
        if n > len(marks):
            _place(X, order[len(marks) :], marks, known, found)
    found -= (found.max(axis=0, initial=-np.inf) + found.min(axis=0, initial=np.inf)) / 2 if n else 0.0
    return np.asarray(found / max(float(np.abs(found).max(initial=0)), 1e-12), dtype=np.float32)


def _laid_out(X: NDArray[np.float32], seed: int) -> NDArray[np.float64]:
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    n = len(X)
    start = _principal(X)
    if n < 5:
        return start
    init = (start * 1e-4).astype(np.float32)
    model = TSNE(2, perplexity=min(PERPLEXITY, (n - 1) / 3), init=init, max_iter=ROUNDS, random_state=seed)
    with threadpool_limits(1, user_api="openmp"):  # on a busy machine several threads wait most of the time
        return np.asarray(model.fit_transform(X), dtype=np.float64)


def _principal(X: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the first two principal components with standard deviation 1, the sign of each fixed: float (n, 2)."""
    centred = X.astype(np.float64) - X.mean(axis=0) if len(X) else X.astype(np.float64)
    found = np.zeros((len(X), 2))
    if not centred.size:
        return found
    _, vectors = np.linalg.eigh(centred.T @ centred)
    for place in range(min(2, vectors.shape[1])):
        direction = vectors[:, -1 - place]
        found[:, place] = centred @ (direction * np.sign(direction[np.abs(direction).argmax()]))
    return np.asarray(found / np.maximum(found.std(axis=0), 1e-12))


def _place(
    X: NDArray[np.float32],
    rest: NDArray[np.int64],
    marks: NDArray[np.int64],
    keys: NDArray[np.uint64],
    found: NDArray[np.float64],
) -> None:
    """Put the other records among the landmarks, in ``found``."""
    M, at = X[marks], found[marks]
    squares = np.einsum("ij,ij->i", M, M)
    for part in blocks(len(rest)):
        rows = rest[part]
        distance = np.maximum(np.einsum("ij,ij->i", X[rows], X[rows])[:, None] + squares - 2 * X[rows] @ M.T, 0)
        near = np.argpartition(distance, NEIGHBOURS - 1, axis=1)[:, :NEIGHBOURS]
        mine = np.take_along_axis(distance, near, axis=1)
        weight = 1 / (mine + 1e-3) ** 2
        weight /= weight.sum(axis=1, keepdims=True)
        place = np.einsum("ij,ijk->ik", weight, at[near])
        width = np.abs(at[near] - place[:, None]).max(axis=1) + np.abs(at).max() * 0.1
        turn = 2 * np.pi * uniform(keys[rows], 1)
        far = SPREAD * width * np.sqrt(uniform(keys[rows], 2))[:, None]
        found[rows] = place + far * np.column_stack([np.cos(turn), np.sin(turn)])
