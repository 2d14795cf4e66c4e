"""A classifier of sentence vectors for few labels: ridge regression, blended with prototypes that unlabeled records
refine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.core.rows import blocks, row_max, row_sum, softmax

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.floating[Any]]
    Codes = NDArray[np.int64]

LEAST_LABELS, LEAST_CLASSES, LEAST_OF_CLASS = 10, 2, 2
"""With fewer labels, or fewer classes that have two each, it says nothing."""
RIDGE = 1.0
"""Penalty on the squared coefficients; weights of labels are 1 on average, the same in total for every class."""
CONSTANT = 10.0
"""The column of the constant: large, so that the penalty hardly touches it."""
MOST_UNLABELED = 4_000
"""Prototypes are refined by at most this many records."""
TEMPERATURE = 0.05
"""Of the cosines by which a record without a label is given to prototypes."""
LABEL_WEIGHT = 3.0
"""How many records that are given to a prototype for certain one label is worth."""
SHARES, SCALES = (0.0, 0.25, 0.5, 0.75, 1.0), np.geomspace(0.5, 80, 20)
"""What is tried: how much ridge regression counts beside prototypes, and the scale of the scores."""
LEAST_PROBABILITY = 1e-3


def enough_labels(y: Codes) -> bool:
    """Whether manual labels, -1 is unlabeled, can teach it.

    >>> enough_labels(np.array([0, 1] * 5)), enough_labels(np.array([0, 1] * 4)), enough_labels(np.zeros(10, int))
    (True, False, False)
    """
    counts = np.bincount(y[y >= 0])
    return bool(counts.sum() >= LEAST_LABELS and (counts >= LEAST_OF_CLASS).sum() >= LEAST_CLASSES)


class LabelTaught:
    """Scores of classes by features, learned from manual labels, and from unlabeled records near them.

    Two classifiers are blended. Ridge regression of the classes, every class with the same total weight, is good where
    labels are many. Prototypes, the mean directions of the classes less the mean of all records, are good where they
    are few; each is moved once towards the records that are nearest to it. The blend and its scale are those with the
    lowest out-of-fold loss of the labels.

    Attributes
    ----------
    scores_ : float32 (n, k), log-scores of the records that it was fitted on, out-of-fold where they have a label
    share_ : float, how much ridge regression counts, 0 to 1

    References
    ----------
    Snell, Swersky and Zemel (2017), Prototypical networks for few-shot learning, NeurIPS; refined by unlabeled records
    as in Ren and others (2018), Meta-learning for semi-supervised few-shot classification, ICLR.

    Examples
    --------
    >>> angle = np.linspace(0, 1.5, 40)
    >>> X = np.column_stack([np.cos(angle), np.sin(angle)]).astype(np.float32)
    >>> y = np.where(np.arange(40) % 4 == 0, np.arange(40) // 20, -1)
    >>> LabelTaught().fit(X, y, np.arange(40) % 5, np.arange(40), k=2).scores_[[1, 38]].argmax(axis=1).tolist()
    [0, 1]
    """

    def fit(self, X: NDArray[np.float32], y: Codes, fold: Codes, order: Codes, k: int) -> LabelTaught:
        """Learn; keep no records.

        Parameters
        ----------
        X : (n, d), rows of length 1 or 0
        y : int (n,), manual labels, -1 is unlabeled
        fold : int (n,), folds in which the scores of labeled records are made
        order : int (n,), the rows in an order that does not depend on how the records are sorted
        k : number of classes
        """
        self._mean = X[order[:MOST_UNLABELED]].mean(axis=0, dtype=np.float64)
        labeled = order[y[order] >= 0]
        pool = _centred(X[order[y[order] < 0][:MOST_UNLABELED]], self._mean)
        rows, codes, part = X[labeled], y[labeled], fold[labeled]
        held_out = np.zeros((2, len(codes), k))
        for number in np.unique(part):
            out = part == number
            held_out[:, out] = self._apart(rows[out], self._learn(rows[~out], codes[~out], pool, k))
        self.share_, self._scale = _blend(held_out, codes)
        self.coefficients_ = self._learn(rows, codes, pool, k)
        self.scores_ = np.empty((len(X), k), dtype=np.float32)
        for block in blocks(len(X)):
            self.scores_[block] = self._blended(self._apart(X[block], self.coefficients_))
        self.scores_[labeled] = self._blended(held_out)
        return self

    def scores(self, X: Floats, products: Floats) -> Floats:
        """Return log-scores, float (n, k), of other records: ``products`` are those of X with ``coefficients_``."""
        return np.asarray(self._blended(self._parts(X, products)))

    def _learn(self, X: NDArray[np.float32], y: Codes, pool: NDArray[np.float32], k: int) -> Floats:
        """Return coefficients (d + 1, 2 k + 1), constants last: of ridge regression, of prototypes, and the mean."""
        known = np.bincount(y, minlength=k) > 0
        prototypes = _prototypes(_centred(X, self._mean), y, pool, known)
        found = np.zeros((X.shape[1] + 1, 2 * k + 1))
        found[:, :k] = _ridge(X, y, k)
        found[:-1, k : 2 * k], found[:-1, -1] = prototypes.T, self._mean
        found[-1, k : 2 * k] = -prototypes @ self._mean
        return found

    def _apart(self, X: NDArray[np.float32], coefficients: Floats) -> Floats:
        return self._parts(X, X @ coefficients[:-1].astype(np.float32) + coefficients[-1])

    def _parts(self, X: Floats, products: Floats) -> Floats:
        """Return the scores of ridge regression, and cosines to the prototypes: float (2, n, k)."""
        k = products.shape[1] // 2
        length = X.any(axis=1) - 2 * products[:, -1] + self._mean @ self._mean
        return np.stack([products[:, :k], products[:, k:-1] / np.sqrt(np.maximum(length, 1e-12))[:, None]])

    def _blended(self, parts: Floats) -> Floats:
        return np.asarray(self._scale * (self.share_ * parts[0] + (1 - self.share_) * parts[1]))


def _centred(X: NDArray[np.float32], mean: Floats) -> NDArray[np.float32]:
    return _unit(X - mean.astype(np.float32))


def _unit(X: Floats) -> NDArray[np.float32]:
    length = np.linalg.norm(X, axis=1, keepdims=True)
    return np.asarray(X / np.where(length > 0, length, 1), dtype=np.float32)


def _prototypes(X: NDArray[np.float32], y: Codes, pool: NDArray[np.float32], known: NDArray[np.bool_]) -> Floats:
    """Return the direction of each class, float (k, d), of length 1, or 0 for a class without labels."""
    own = np.eye(len(known), dtype=np.float32)[y].T @ X
    P = softmax(np.where(known, pool @ _unit(own).T / TEMPERATURE, -np.inf))
    sure = (P * row_max(P)[:, None] ** 2).astype(np.float32)
    return _unit(LABEL_WEIGHT * own + sure.T @ pool).astype(np.float64)


def _ridge(X: NDArray[np.float32], y: Codes, k: int) -> Floats:
    """Return the coefficients of ridge regression of the classes, float (d + 1, k), the constant last."""
    counts = np.bincount(y, minlength=k)
    root = np.sqrt(len(y) / np.count_nonzero(counts) / np.maximum(counts, 1))[y][:, None]
    A = np.column_stack([X, np.full(len(X), CONSTANT)]) * root
    T = (np.eye(k)[y] - 1 / k) * root
    if len(A) < A.shape[1]:
        found = A.T @ np.linalg.solve(A @ A.T + RIDGE * np.eye(len(A)), T)
    else:
        found = np.linalg.solve(A.T @ A + RIDGE * np.eye(A.shape[1]), A.T @ T)
    found[-1] *= CONSTANT
    return np.asarray(found)


def _blend(parts: Floats, y: Codes) -> tuple[float, float]:
    """Return the share of the first of two scores (2, n, k) and the scale with the lowest loss."""
    found, least = (0.5, 1.0), np.inf
    for share in SHARES:
        Z = share * parts[0] + (1 - share) * parts[1]
        gaps = Z - Z[np.arange(len(y)), y][:, None]
        for scale in SCALES:
            # log p of the true class is -log of the sum of e^gap
            loss = float(np.minimum(_log_sum(scale * gaps), -np.log(LEAST_PROBABILITY)).sum())
            if loss < least:
                found, least = (share, float(scale)), loss
    return found


def _log_sum(Z: Floats) -> Floats:
    top = row_max(Z)
    return np.asarray(top + np.log(row_sum(np.exp(Z - top[:, None]))))
