"""Penalised multinomial logistic regression with few unknowns, some of them logarithms of weights, by Newton's
method.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg.lapack import dposv

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

MOST_UNKNOWNS = 50
"""Up to this many unknowns Newton's method is used, else L-BFGS. With 9 to 41 unknowns and 20 to 500 labels it takes
0.4-1.5 ms, L-BFGS 2.0-6.8 ms; fits of the default model take 19-33 ms instead of 33-63 ms with features, and 2.5-3.4 ms
instead of 3.6-7.8 ms without. With 51 unknowns both take the same."""
MOST_CELLS = 5_000_000
"""At most this many rows x classes x unknowns, of all problems together: all are held in memory."""
MOST_STEPS = 50


class Likelihood:
    """The likelihood of classes ``y`` under softmax(B_i c + offset), for several c at once.

    The first c are ``sizes * exp(t)``, the others are t itself. Log-odds are those against the first class, so that two
    classes take half of the arithmetic.

    Parameters
    ----------
    B : float (n, k, p)
    y : int (n,), classes
    offset : float (k,)
    sizes : float (q,), q at most p

    Examples
    --------
    >>> likelihood = Likelihood(np.array([[[0.0], [1.0]]] * 4), np.array([1, 1, 1, 0]), np.zeros(2), np.zeros(0))
    >>> change, P, log = likelihood.at(np.array([[0.0], [np.log(3.0)]]))
    >>> P[:, 0, 0].round(2).tolist(), likelihood.pulls(P).round(2).tolist()
    ([0.5, 0.75], [[-1.0], [0.0]])
    """

    def __init__(self, B: Floats, y: NDArray[np.int64], offset: Floats, sizes: Floats) -> None:
        self.sizes, self._offset = sizes, (offset[1:] - offset[0])[:, None]
        self._B = np.ascontiguousarray((B[:, 1:] - B[:, :1]).transpose(1, 0, 2))  # (k - 1, n, p)
        self._flat = self._B.reshape(-1, B.shape[2])
        self._truth = (np.arange(1, B.shape[1])[:, None] == y).astype(np.float64)

    def at(self, t: Floats) -> tuple[Floats, Floats, Floats]:
        """Return how c changes with t (s, p), the probabilities of all classes but the first (s, k - 1, n), and the
        log-likelihoods (s,), for t (s, p).
        """
        q = len(self.sizes)
        c, change = t.copy(), np.ones_like(t)
        c[:, :q] = change[:, :q] = self.sizes * np.exp(t[:, :q])
        Z = (c @ self._flat.T).reshape(len(t), *self._truth.shape)
        Z += self._offset
        top = np.maximum(Z.max(axis=1), 0)  # the log-odds of the first class are 0
        fit = np.einsum("skn,kn->s", Z, self._truth) - top.sum(axis=1)
        Z -= top[:, None]
        np.exp(Z, out=Z)
        total = Z.sum(axis=1) + np.exp(-top)
        Z /= total[:, None]
        return change, Z, fit - np.log(total).sum(axis=1)

    def pulls(self, P: Floats) -> Floats:
        """Return the slopes of the negative log-likelihoods, (s, p), as c changes."""
        return np.asarray((P - self._truth).reshape(len(P), -1) @ self._flat)

    def curvatures(self, P: Floats) -> Floats:
        """Return the second derivatives of the negative log-likelihoods, (s, p, p), as c changes."""
        # They are the covariance of B under P: the mean of squares less the square of the mean.
        weighted = P[..., None] * self._B
        mean = weighted.sum(axis=1)
        return np.asarray(
            weighted.reshape(len(P), *self._flat.shape).transpose(0, 2, 1) @ self._flat - mean.transpose(0, 2, 1) @ mean
        )


def newton(likelihood: Likelihood, penalties: Floats, limit: float, tol: float = 1e-6) -> Floats:
    """Minimise -log-likelihood + sum_j penalty_j / 2 t_j^2 for several penalties (s, p): t (s, p), NaN where that does
    not converge.

    The t that belong to ``sizes`` are from -``limit`` to ``limit``. Steps use the second derivatives or, where these do
    not bend upwards, those of Fisher's scoring: McCullagh and Nelder (1989), Generalized linear models, 2.5. A step
    that leads uphill is halved. Ends where no slope is above ``tol``, but those that lead beyond a limit. The problems
    are independent of each other; together they take less time.

    Examples
    --------
    >>> likelihood = Likelihood(np.array([[[0.0], [1.0]]] * 4), np.array([1, 1, 1, 0]), np.zeros(2), np.zeros(0))
    >>> np.exp(newton(likelihood, np.array([[0.0], [1e9]]), 3.0)).round(3).tolist()
    [[3.0], [1.0]]
    """
    q, found = len(likelihood.sizes), np.full(penalties.shape, np.nan)
    # t = 0 is where the prior is strongest; with few labels the minimum is near, and few steps lead there.
    open_, t = np.arange(len(penalties)), np.zeros(penalties.shape)
    change, P, fit = likelihood.at(t)
    loss = -fit
    for _ in range(MOST_STEPS):
        penalty = penalties[open_]
        pull = likelihood.pulls(P)
        slope = change * pull + penalty * t
        # A weight at its limit that would go further stays there: the step is found for the others alone.
        free = np.ones(t.shape, dtype=bool)
        free[:, :q] = (np.abs(t[:, :q]) < limit) | (slope[:, :q] * t[:, :q] >= 0)
        steep = np.asarray(((np.abs(slope) > tol) & free).any(axis=1))
        found[open_[~steep]] = t[~steep]
        if not steep.any():
            break
        H = change[:, :, None] * likelihood.curvatures(P) * change[:, None, :]
        bent = change[:, :q] * pull[:, :q]
        problems = zip(H, slope, bent, penalty, free, strict=True)
        steps = [_step(*problem) if goes_on else None for problem, goes_on in zip(problems, steep, strict=True)]
        kept = np.array([step is not None for step in steps])
        if not kept.any():
            break
        step = np.array([step for step in steps if step is not None])
        open_, penalty = open_[kept], penalty[kept]
        t, change, P, loss = _downhill(likelihood, penalty, t[kept], step, loss[kept], limit)
        moved = np.isfinite(loss)
        if not moved.all():
            open_ = open_[moved]
            t, change, P, loss = (part[moved] for part in (t, change, P, loss))
    return found


def _step(H: Floats, slope: Floats, bent: Floats, penalty: Floats, free: NDArray[np.bool_]) -> Floats | None:
    """Return the step of one problem, 0 where it is not free; None if the matrix does not bend upwards."""
    p, q, rows = len(slope), len(bent), np.flatnonzero(free)
    # Because c = size * exp(t) is curved, the diagonal has one more term. It can be negative, and then the matrix may
    # not be positive definite; without its negative part (Fisher's scoring) it always is.
    for bend, least in ((bent, 0.0), (np.maximum(bent, 0), 1e-9)):
        A = H.copy()
        A.ravel()[:: p + 1] += penalty + least
        A.ravel()[: q * (p + 1) : p + 1] += bend
        _, found, failed = dposv(A if len(rows) == p else A[np.ix_(rows, rows)], slope[rows])
        if not failed:
            step = np.zeros(p)
            step[rows] = found
            return step
    return None


def _downhill(
    likelihood: Likelihood, penalty: Floats, t: Floats, step: Floats, before: Floats, limit: float
) -> tuple[Floats, Floats, Floats, Floats]:
    """Return where steps lead that are halved until they lead downhill: t, change, P and loss, NaN where none does."""
    q, size = len(likelihood.sizes), np.ones(len(t))
    while True:
        there = t - size[:, None] * step
        there[:, :q] = np.maximum(np.minimum(there[:, :q], limit), -limit)
        change, P, fit = likelihood.at(there)
        loss = 0.5 * (penalty * there**2).sum(axis=1) - fit
        worse = ~(loss <= before + 1e-12 * np.maximum(1.0, np.abs(before)))
        if not worse.any():
            return there, change, P, loss
        size[worse] /= 2
        if (size[worse] < 1e-10).all():
            return there, change, P, np.where(worse, np.nan, loss)
