"""Penalised multinomial logistic regression with few unknowns, some of them logarithms of weights, by Newton's
method.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg.lapack import dposv

from weaklab.core.rows import softmax

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

MOST_UNKNOWNS = 50
"""Up to this many unknowns Newton's method is used, else L-BFGS. With 9 to 41 unknowns and 20 to 500 labels it takes
0.4-1.5 ms, L-BFGS 2.0-6.8 ms; fits of the default model take 19-33 ms instead of 33-63 ms with features, and 2.5-3.4 ms
instead of 3.6-7.8 ms without. With 51 unknowns both take the same."""
MOST_CELLS = 5_000_000
"""At most this many rows x classes x unknowns: all are held in memory."""
MOST_STEPS = 50


def newton(
    B: Floats, y: NDArray[np.int64], offset: Floats, sizes: Floats, penalty: Floats, limit: float, tol: float = 1e-6
) -> Floats | None:
    """Minimise -sum_i log softmax(B_i c + offset)[y_i] + sum_j penalty_j / 2 t_j^2 over t (p,); None where that does
    not converge.

    The first c are ``sizes * exp(t)``, with t from -``limit`` to ``limit``; the others are t itself. Steps use the
    second derivatives or, where these do not bend upwards, those of Fisher's scoring: McCullagh and Nelder (1989),
    Generalized linear models, 2.5. A step that leads uphill is halved. Ends where no slope is above ``tol``, but those
    that lead beyond a limit.

    Parameters
    ----------
    B : float (n, k, p)
    y : int (n,), classes
    offset : float (k,)
    sizes : float (q,), q at most p
    penalty : float (p,)
    limit : float
    tol : float

    Examples
    --------
    >>> B = np.array([[[0.0], [1.0]]] * 4)
    >>> found = newton(B, np.array([1, 1, 1, 0]), np.zeros(2), np.zeros(0), np.zeros(1), 3.0)
    >>> round(float(np.exp(found[0])), 3)
    3.0
    """
    (n, k, p), q = B.shape, len(sizes)
    flat = np.ascontiguousarray(B).reshape(n * k, p)
    truth, own = np.eye(k)[y], np.arange(n) * k + y

    def at(t: Floats) -> tuple[Floats, Floats, float]:
        c = t.copy()
        c[:q] = sizes * np.exp(t[:q])
        P = softmax((flat @ c).reshape(n, k) + offset)
        fit = np.log(np.maximum(np.ascontiguousarray(P).ravel()[own], 1e-300)).sum()
        return c, P, float(0.5 * (penalty * t) @ t - fit)

    # t = 0 is where the prior is strongest; with few labels the minimum is near, and few steps lead there.
    t, turn = np.zeros(p), np.ones(p)
    c, P, loss = at(t)
    for _ in range(MOST_STEPS):
        pull = np.ascontiguousarray(P - truth).ravel() @ flat
        turn[:q] = c[:q]  # how c changes with t
        slope = turn * pull + penalty * t
        # A weight at its limit that would go further stays there: the step is found for the others alone.
        held = np.zeros(p, dtype=bool)
        held[:q] = (np.abs(t[:q]) >= limit) & (slope[:q] * t[:q] < 0)
        free = np.flatnonzero(~held)
        if not len(free) or np.abs(slope[free]).max() <= tol:
            return t
        # Second derivatives in c are the covariance of B under P: the mean of squares less the square of the mean.
        weighted = P[:, :, None] * B
        mean = weighted.sum(axis=1)
        H = turn[:, None] * (weighted.reshape(n * k, p).T @ flat - mean.T @ mean) * turn
        # Because c = size * exp(t) is curved, the diagonal has one more term. It can be negative, and then the matrix
        # may not be positive definite; without its negative part (Fisher's scoring) it always is.
        bent = c[:q] * pull[:q]
        for bend, least in ((bent, 0.0), (np.maximum(bent, 0), 1e-9)):
            A = H.copy()
            A.ravel()[:: p + 1] += penalty + least
            A.ravel()[: q * (p + 1) : p + 1] += bend
            _, step, failed = dposv(A[np.ix_(free, free)] if len(free) < p else A, slope[free])
            if not failed:
                break
        else:
            return None
        size = 1.0
        while True:  # halve the step until it leads downhill
            there = t.copy()
            there[free] -= size * step
            np.clip(there[:q], -limit, limit, out=there[:q])
            c, P, now = at(there)
            if now <= loss + 1e-12 * max(1.0, abs(loss)):
                break
            size /= 2
            if size < 1e-10:
                return None
        t, loss = there, now
    return None
