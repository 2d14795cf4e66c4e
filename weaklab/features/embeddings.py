"""Embeddings: short dense vectors of records, made from features, for distances and for training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.core.rows import blocks, one_thread
from weaklab.strategies.base import uniform

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIZE = 64
"""Number of dimensions for distances."""
WIDE = 128
"""Number of dimensions for training."""
LEAST_ROWS = 3
MOST_COLUMNS = 20_000
WORDS_SHARE = 0.3
"""Share of words in the squared length of an embedding that holds sentence vectors, too."""
SAMPLE_ROWS = 20_000
"""The projection is fitted to at most this many rows; all rows are then projected."""


def unit_rows(X: Any) -> Any:
    """Return X as float32 with rows scaled to length 1, sparse or dense as before; rows of zeros stay zeros.

    >>> unit_rows(np.array([[3.0, 4.0], [0.0, 0.0]])).round(1).tolist()
    [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """
    from scipy import sparse

    if sparse.issparse(X):
        rows = sparse.csr_array(X, dtype=np.float32, copy=True)
        lengths = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())
        rows.data /= np.repeat(np.where(lengths > 0, lengths, 1), np.diff(rows.indptr)).astype(np.float32)
        return rows
    rows = np.asarray(X, dtype=np.float32)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(lengths > 0, lengths, 1)


class Embedding:
    """A fitted projection of feature vectors to few dimensions; embeddings are float32 rows of length 1 or 0.

    Parameters
    ----------
    columns : int (c,), the features that are used; None for all
    directions : float (c, size), the projection; None if vectors are only scaled to length 1
    sentence : number of the last features that are sentence vectors: they are not projected, but put beside the
        projection of the others, each with its share of the length
    """

    def __init__(
        self, columns: NDArray[np.int64] | None, directions: NDArray[np.float32] | None, sentence: int = 0
    ) -> None:
        self.columns, self.directions = columns, directions
        if sentence:  # else hashes of embeddings without sentence vectors would differ from those of earlier versions
            self.sentence = sentence

    sentence = 0

    @classmethod
    def fit(
        cls, X: Any, size: int = SIZE, seed: int = 0, keys: NDArray[np.uint64] | None = None, sentence: int = 0
    ) -> Embedding:
        """Fit the projection; the parameters are those of :func:`embed` and of the class."""
        from scipy import sparse
        from sklearn.utils.extmath import randomized_svd

        if sentence:
            words = cls.fit(X[:, : X.shape[1] - sentence], size, seed, keys)
            return cls(words.columns, words.directions, sentence)
        n, d = X.shape
        if n == 0 or d <= size:
            return cls(None, None)
        sample = X
        if keys is not None or n > SAMPLE_ROWS:
            # the rows are put into a random order that depends on keys only, so that their own order has no effect
            drawn = uniform(np.arange(n, dtype=np.uint64) if keys is None else keys, seed)
            sample = X[np.argsort(drawn, kind="stable")[:SAMPLE_ROWS]]
        sample = unit_rows(sample)
        columns = None
        if sparse.issparse(sample):
            occurs = np.bincount(sample.indices, minlength=d)
            often = np.flatnonzero(occurs >= LEAST_ROWS)
            columns = np.sort(often[np.argsort(-occurs[often], kind="stable")[:MOST_COLUMNS]])
            if len(columns) <= size:
                columns = np.sort(np.argsort(-occurs, kind="stable")[:MOST_COLUMNS])
            sample = sample[:, columns]
        # transpose=False: the random start matrix has a row per column of X, so the order of the records has no effect
        with one_thread():
            _, _, directions = randomized_svd(
                sample, min(size, *sample.shape), n_iter=3, random_state=seed, transpose=False
            )
        return cls(columns, np.ascontiguousarray(directions.T, dtype=np.float32))

    def __call__(self, X: Any) -> NDArray[np.float32]:
        """Return the embeddings of the rows of X, with the same features as in ``fit``: float32 (n, size)."""
        from scipy import sparse

        if self.sentence:
            words, vectors = split_columns(X, self.sentence)
            vectors = unit_rows(vectors)
            if not words.shape[1]:
                return np.asarray(vectors)
            words = Embedding(self.columns, self.directions)(words)
            return np.hstack([np.sqrt(WORDS_SHARE) * words, np.sqrt(1 - WORDS_SHARE) * vectors], dtype=np.float32)
        if self.directions is None:
            rows = unit_rows(X)
            return np.asarray(rows.todense() if sparse.issparse(rows) else rows, dtype=np.float32)
        found = np.empty((X.shape[0], self.directions.shape[1]), dtype=np.float32)
        for block in blocks(len(found)) if sparse.issparse(X) else [slice(None)]:  # dense products differ by block
            rows = unit_rows(X[block])
            found[block] = unit_rows(
                np.asarray((rows if self.columns is None else rows[:, self.columns]) @ self.directions)
            )
        return found


def split_columns(X: Any, sentence: int) -> tuple[Any, NDArray[np.floating[Any]]]:
    """Return the first features as they are, and the last ones, which are sentence vectors, dense.

    >>> words, vectors = split_columns(np.array([[1.0, 2.0, 3.0]]), 2)
    >>> words.tolist(), vectors.tolist()
    ([[1.0]], [[2.0, 3.0]])
    """
    from scipy import sparse

    at = X.shape[1] - sentence
    vectors = X[:, at:]
    return X[:, :at], vectors.toarray() if sparse.issparse(vectors) else vectors


def embed(X: Any, size: int = SIZE, seed: int = 0, keys: NDArray[np.uint64] | None = None) -> NDArray[np.float32]:
    """Return dense embeddings of the rows of a feature matrix: float32 (n, at most ``size``), rows of length 1 or 0.

    Wide matrices are projected on their first right singular vectors (latent semantic analysis: Deerwester and others,
    1990, Indexing by latent semantic analysis, JASIS). These are computed from a sample of the rows by the randomised
    method of Halko, Martinsson and Tropp (2011), Finding structure with randomness, SIAM Review. Only the 20,000 most
    frequent features are used, and only those that occur in at least three records of the sample. Narrow dense matrices
    are only scaled. Use an :class:`Embedding` to do the same for later records.

    Parameters
    ----------
    X : (n, d) sparse or dense
    size : number of dimensions
    seed : seed of the sample and the projection
    keys : uint64 (n,), a number for each record, so that the sample does not depend on the order of the records

    Examples
    --------
    >>> embed(np.eye(3, 200), size=2).shape
    (3, 2)
    """
    return Embedding.fit(X, size, seed, keys)(X)
