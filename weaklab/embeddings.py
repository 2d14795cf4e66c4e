"""Short dense vectors of records, for strategies that need distances."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.strategies.base import uniform

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIZE = 64
SAMPLE_ROWS = 20_000
"""Directions are found on so many rows at most; all rows are then projected."""


def unit_rows(X: Any) -> Any:
    """Return X with rows of length 1, sparse as sparse and dense as dense, float32; rows of zeros stay zeros.

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


def embed(X: Any, size: int = SIZE, seed: int = 0, keys: NDArray[np.uint64] | None = None) -> NDArray[np.float32]:
    """Return dense embeddings of the rows of a feature matrix: float32 (n, at most ``size``), rows of length 1 or 0.

    Wide matrices are projected on their first right singular vectors (latent semantic analysis: Deerwester and others, 1990,
    Indexing by latent semantic analysis, JASIS), found on a sample of the rows by the randomised method of Halko,
    Martinsson and Tropp (2011), Finding structure with randomness, SIAM Review. Narrow dense ones are only scaled.

    Parameters
    ----------
    X : (n, d) sparse or dense
    size : dimensions
    seed : of the sample and the projection
    keys : uint64 (n,), a number for each record, by which the sample is drawn whatever the order of the records

    Examples
    --------
    >>> embed(np.eye(3, 200), size=2).shape
    (3, 2)
    """
    from scipy import sparse
    from sklearn.utils.extmath import randomized_svd

    n, d = X.shape
    rows = unit_rows(X)
    if n == 0:
        return np.zeros((0, min(size, d)), dtype=np.float32)
    if d <= size:
        return np.asarray(rows.todense() if sparse.issparse(rows) else rows, dtype=np.float32)
    sample = rows
    if n > SAMPLE_ROWS:
        drawn = uniform(np.arange(n, dtype=np.uint64) if keys is None else keys, seed)
        sample = rows[np.sort(np.argpartition(drawn, SAMPLE_ROWS)[:SAMPLE_ROWS])]
    components = min(size, *sample.shape)
    # not transposed, so that the random matrix goes by the columns and the order of the records does not matter
    _, _, directions = randomized_svd(sample, components, n_iter=3, random_state=seed, transpose=False)
    return np.asarray(unit_rows(np.asarray(rows @ directions.T.astype(np.float32))))
