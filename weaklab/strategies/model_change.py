"""Query strategies that estimate what an answer would change: the model, its error, or the variance of predictions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.strategies.base import STRATEGIES, in_drawn_order, shortlist
from weaklab.strategies.uncertainty import margin

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Probabilities = NDArray[np.floating[Any]]
    Embeddings = NDArray[np.floating[Any]]

CANDIDATES = 200
SAMPLE = 500
"""Expected error is computed for this many candidates on this many records, because the cost is their product."""
MOMENT_SAMPLE = 20_000
"""Variance reduction takes its mean over at most this many records; the relative error is then below 1 %."""
ROWS_AT_ONCE = 1024


@STRATEGIES.named("expected_gradient_length")
def expected_gradient_length(P: Probabilities, E: Embeddings) -> NDArray[np.float64]:
    """Expected length of the gradient that an answer would cause: high where the answer would change the model most.

    The model is a softmax regression with a bias on the embeddings, and the gradient is that of its log loss:
    sum_c P_ic ||P_i - e_c|| sqrt(||E_i||^2 + 1).

    Settles, Craven and Ray (2008), Multiple-instance active learning, NIPS.

    >>> E = np.array([[1.0, 0.0], [1.0, 0.0]])
    >>> expected_gradient_length(np.array([[0.5, 0.5], [0.9, 0.1]]), E).round(2).tolist()
    [1.0, 0.36]
    """
    P = np.asarray(P, dtype=np.float64)
    # ||P_i - e_c||^2 for each class c, expanded so that no (n, k, k) array is needed
    squares = (P**2).sum(axis=1, keepdims=True) - 2 * P + 1
    lengths = np.einsum("ij,ij->i", E, E, dtype=np.float64)
    return np.asarray((P * np.sqrt(np.maximum(squares, 0))).sum(axis=1) * np.sqrt(lengths + 1))


@STRATEGIES.named("expected_error_reduction")
@in_drawn_order
def expected_error_reduction(
    P: Probabilities, E: Embeddings, y: NDArray[np.integer[Any]], eligible: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Expected decrease of the error on unlabeled records after the answer, estimated with a Parzen window.

    Error now - sum_c P_ic (error after record i got the label c). The error is the mean of 1 - max_k P_jk over the
    records j without a label. A label c for record i changes the probabilities of record j to
    P'_j = (P_j + K_ji e_c) / (1 + K_ji) with K_ji = max(0, cosine of E_j and E_i). The cost is quadratic. Therefore
    only the 200 eligible records with the smallest margin are scored, on a sample of 500 records; all others get
    lower scores, ordered by their margin.

    Roy and McCallum (2001), Toward optimal active learning through sampling estimation of error reduction, ICML; with
    the kernel estimate of Chapelle (2005), Active learning for Parzen window classifier, AISTATS.

    >>> P, E = np.array([[0.6, 0.4], [0.5, 0.5], [0.5, 0.5]]), np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    >>> expected_error_reduction(P, E, np.full(3, -1), np.full(3, True)).round(3).tolist()
    [0.137, 0.133, 0.083]
    """
    P = np.asarray(P, dtype=np.float64)
    closeness = margin(P)
    candidates = shortlist(closeness, eligible, CANDIDATES)
    sample = np.flatnonzero(y < 0)[:SAMPLE]
    reduction = np.zeros(len(candidates))
    if len(sample) and len(candidates):
        kernel = np.maximum(np.asarray(E[candidates] @ E[sample].T, dtype=np.float64), 0)
        best = P[sample].max(axis=1)
        # the label c raises the probability of class c only, so the best class after it is the old best or c
        for c in range(P.shape[1]):
            sure = np.maximum(best, P[sample, c] + kernel) / (1 + kernel)
            reduction += P[candidates, c] * (sure - best).mean(axis=1)
    # closeness is from 0 to 1, so that these scores are below those of all candidates
    scores = reduction.min(initial=0) - 2 + closeness
    scores[candidates] = reduction
    return np.asarray(scores)


@STRATEGIES.named("variance_reduction")
@in_drawn_order
def variance_reduction(P: Probabilities, E: Embeddings, y: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
    """Decrease of the variance of the predictions with one more label on the record (A-optimality).

    The model is one logistic regression per class on the embeddings x, with w = p (1 - p). The Fisher information is
    A = I + sum of w x x' over the labeled records. With B = mean of w^2 x x' over all records (a random sample of at
    most 20,000), the variance of the predictions is trace(B A^-1). A label on record i adds w x x' to A, which lowers
    the variance, by the Sherman-Morrison formula, by sum_c w_ic x'A^-1 B A^-1 x / (1 + w_ic x'A^-1 x).

    Schein and Ungar (2007), Active learning for logistic regression: an evaluation, Machine Learning; Settles (2009),
    Active learning literature survey, section 3.5.

    >>> E = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    >>> variance_reduction(np.full((3, 2), 0.5), E, np.array([0, -1, -1])).round(4).tolist()
    [0.0111, 0.0111, 0.0083]
    """
    W = (P * (1 - P)).astype(np.float32)
    d, k = E.shape[1], P.shape[1]
    # the matrices are symmetric, so that their upper triangles are enough
    corner = np.triu_indices(d)
    sample = E[:MOMENT_SAMPLE]
    moments = np.zeros((len(corner[0]), k))
    for rows, products in _products(sample):
        moments += products.T @ W[rows] ** 2
    B = _symmetric(moments / max(len(sample), 1), d)
    labeled = np.flatnonzero(y >= 0)
    information = np.zeros_like(moments)
    for rows, products in _products(E[labeled]):
        information += products.T @ W[labeled[rows]]
    inverse = np.linalg.inv(np.eye(d) + _symmetric(information, d))
    # x'M x = sum over a <= b of M_ab x_a x_b, where terms off the diagonal count twice
    double = np.where(corner[0] == corner[1], 1, 2)[:, None]
    forms = np.hstack(
        [np.stack([M[corner] for M in stack], axis=1) * double for stack in (inverse @ B @ inverse, inverse)]
    )
    forms = forms.astype(np.float32)
    scores = np.zeros(len(E))
    for rows, products in _products(E):
        gain, variance = np.hsplit(products @ forms, 2)
        scores[rows] = (W[rows] * gain / (1 + W[rows] * variance)).sum(axis=1)
    return np.maximum(scores, 0)


def _products(E: Embeddings) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Yield slices of rows with x_a x_b for a <= b: float32 (rows, d (d + 1) / 2), ordered as ``np.triu_indices``."""
    d = E.shape[1]
    for start in range(0, len(E), ROWS_AT_ONCE):
        rows = slice(start, min(start + ROWS_AT_ONCE, len(E)))
        X = np.asarray(E[rows], dtype=np.float32)
        products = np.empty((len(X), d * (d + 1) // 2), dtype=np.float32)
        place = 0
        for a in range(d):
            np.multiply(X[:, a:], X[:, a : a + 1], out=products[:, place : place + d - a])
            place += d - a
        yield rows, products


def _symmetric(corner: NDArray[np.float64], d: int) -> NDArray[np.float64]:
    """Return (k, d, d) symmetric matrices from their upper triangles (d (d + 1) / 2, k)."""
    full = np.zeros((corner.shape[1], d, d))
    a, b = np.triu_indices(d)
    full[:, a, b] = full[:, b, a] = corner.T
    return full
