"""What manual labels correct of what votes say: penalised maximum likelihood, as stiff as the labels make probable."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.core.rows import blocks, softmax
from weaklab.label_models.newton import MOST_CELLS, MOST_UNKNOWNS, Likelihood, newton

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from weaklab.core.votes import ByColumn

    Floats = NDArray[np.float64]
    Codes = NDArray[np.int64]

MOST_LOG = 3.0
"""Manual labels change tau and the weights of members by a factor of e^3, twenty, at most."""
STIFFNESS = (10.0, 3.0, 1.0, 0.3)
"""What the penalties on single members, on other classes and on the bias are multiplied by; the outcomes are averaged,
weighted by how probable each makes the labels."""


MOST_DENSE = 200_000
"""Up to this many rows x classes x members the votes are a dense matrix: a product of a sparse one costs more."""


@dataclass(frozen=True)
class Corrections:
    """What manual labels say: tau, log w, d (m,), o (m, k), b (k,), and how stiff the penalties were, on average."""

    tau: float
    log_w: Floats
    delta: Floats
    others: Floats
    bias: Floats
    stiffness: float = STIFFNESS[0]

    @classmethod
    def none(cls, c: int, m: int, k: int) -> Corrections:
        """Return what no label says, of c members with scores, m columns and k classes."""
        return cls(0.0, np.zeros(c), np.zeros(m), np.zeros((m, k)), np.zeros(k))


@dataclass(frozen=True)
class Penalties:
    """Ridge penalties on tau, on d, o and b, and of each of the c members with scores that on log w and its prior
    weight.
    """

    scale: float
    vote: float
    other: float
    balance: float
    members: Floats
    member_weights: Floats


@dataclass(frozen=True)
class LabeledRows:
    """Rows with a manual label, and what is known of them.

    Attributes
    ----------
    L : int (n, m), -1 abstains and where a member has scores
    y : int (n,), the labels
    S : float (n, k), the sums of the votes
    prior : float (k,), logarithm of the class balance
    logs : float (n, k) each, centred log-scores of members that have any
    confidence : column -> float (n,)
    shares : float (m,), how much of a vote each member has of its own
    penalties : those of the least stiff correction
    """

    L: NDArray[np.integer[Any]]
    y: Codes
    S: Floats
    prior: Floats
    logs: Sequence[Floats]
    confidence: ByColumn
    shares: Floats
    penalties: Penalties

    def corrected(self) -> Corrections:
        """Return the corrections: the mean over :data:`STIFFNESS`, weighted by the evidence for each."""
        found, probable = self._at_each_stiffness()
        return self._named(probable @ found, float(np.exp(probable @ np.log(STIFFNESS))))

    def _at_each_stiffness(self) -> tuple[Floats, Floats]:
        """Return the minimum at each of :data:`STIFFNESS`, (s, unknowns), and how probable each is given the labels."""
        found = self._minima(STIFFNESS, np.zeros(self._ends[4]))
        return found, softmax(self._log_evidence(found, STIFFNESS)[None, :])[0]

    def as_stiff_as(self, like: Corrections) -> Corrections:
        """Return the corrections at the stiffness of others, such as those of more rows; a quarter of the work."""
        own = like.delta[self._active], like.bias, like.others[self._active if self._k > 2 else []].ravel()
        start = np.concatenate([[like.tau], like.log_w, *own])
        return self._named(self._minima([like.stiffness], start)[0], like.stiffness)

    # ---- the unknowns: tau, log w of c members, d of a active columns, b of k classes, o of a columns and k classes

    @property
    def _k(self) -> int:
        return int(self.S.shape[1])

    @cached_property
    def _active(self) -> NDArray[np.intp]:
        return np.flatnonzero((self.L >= 0).any(axis=0))

    @cached_property
    def _given(self) -> tuple[Codes, Codes, Codes, Floats]:
        """Return the votes one by one: row, place among the active columns, class, and what each counts."""
        rows, places = np.nonzero(self.L[:, self._active] >= 0)
        columns, counts = self._active[places], np.ones(len(rows))
        for j, sure in self.confidence.items():
            counts[columns == j] = np.asarray(sure, dtype=np.float64)[rows[columns == j]]
        return rows, places, self.L[rows, columns].astype(np.int64), counts

    @cached_property
    def _ends(self) -> NDArray[np.int64]:
        """Return where tau, log w, d and b end among the unknowns, and all end."""
        a, k = len(self._active), self._k
        return np.cumsum([1, len(self.logs), a, k, a * k if k > 2 else 0])

    def _named(self, x: Floats, stiffness: float) -> Corrections:
        m, k, ends = self.L.shape[1], self._k, self._ends
        delta, others = np.zeros(m), np.zeros((m, k))
        delta[self._active] = x[ends[1] : ends[2]]
        others[self._active] = x[ends[3] :].reshape(-1, k) if k > 2 else 0
        return Corrections(float(x[0]), x[1 : ends[1]], delta, others, x[ends[2] : ends[3]], stiffness)

    def _penalty(self, stiffness: float) -> Floats:
        """Return the penalty on each unknown; only d, o and b become stiffer."""
        ends, own = self._ends, self.penalties
        penalty = np.full(ends[4], own.scale)
        penalty[1 : ends[1]] = own.members
        penalty[ends[1] : ends[2]] = stiffness * own.vote / self.shares[self._active]
        penalty[ends[2] : ends[3]] = stiffness * own.balance
        penalty[ends[3] :] = stiffness * own.other
        return penalty

    # ---- their minimum

    @property
    def _few(self) -> bool:
        """Whether there are few enough unknowns for Newton's method."""
        unknowns = int(self._ends[4])
        return unknowns <= MOST_UNKNOWNS and self.S.size * unknowns <= MOST_CELLS

    @cached_property
    def _likelihood(self) -> Likelihood:
        return Likelihood(self._columns, self.y, self.prior, self._sizes)

    def _minima(self, stiffness: Sequence[float], start: Floats) -> Floats:
        """Return the minimum at each stiffness, (s, unknowns).

        A search by slopes begins at ``start`` and then, from the stiffest, whose minimum is near 0, where the last one
        ended.
        """
        found = np.full((len(stiffness), self._ends[4]), np.nan)
        penalties = np.array([self._penalty(each) for each in stiffness])
        if self._few:
            for part in self._together(len(found)):
                found[part] = newton(self._likelihood, penalties[part], MOST_LOG)
        for place, penalty in enumerate(penalties):
            if np.isnan(found[place]).any():
                found[place] = self._by_slopes(penalty, start)
            start = found[place]
        return found

    def _together(self, problems: int) -> Iterator[slice]:
        """Yield which of the problems fit into memory together."""
        return blocks(problems, max(1, MOST_CELLS // max(1, self._columns.size)))

    def _by_slopes(self, penalty: Floats, start: Floats) -> Floats:
        from scipy.optimize import minimize

        scales = self._ends[1]
        bounds = [(-MOST_LOG, MOST_LOG)] * scales + [(None, None)] * (len(penalty) - scales)
        found = minimize(self._loss, start, (penalty,), "L-BFGS-B", jac=True, bounds=bounds, options={"gtol": 1e-3})
        return np.asarray(found.x)

    @property
    def _sizes(self) -> Floats:
        return np.array([1.0, *self.penalties.member_weights])

    @cached_property
    def _columns(self) -> Floats:
        """Return what each unknown adds, (n, k, unknowns): all is linear in them but for the logarithms."""
        (n, k), ends, every = self.S.shape, self._ends, np.arange(self._k)
        rows, places, codes, counts = self._given
        B = np.zeros((n, k, ends[4]))
        for place, log in enumerate((self.S, *self.logs)):
            B[:, :, place] = log
        B[rows, codes, ends[1] + places] = counts
        B[:, every, ends[2] + every] = 1
        for c in range(k if k > 2 else 0):
            B[rows, c, ends[3] + places * k + c] = counts
        return B

    @cached_property
    def _of_votes(self) -> tuple[Any, Any]:
        """Return matrices (n k, a) of the votes for each class, and (n, a) of all; sparse ones where they are large, as
        most members abstain.
        """
        from scipy.sparse import csr_array

        (n, k), a = self.S.shape, len(self._active)
        rows, places, codes, counts = self._given
        own = csr_array((counts, (rows * k + codes, places)), shape=(n * k, a))
        voted = csr_array((counts, (rows, places)), shape=(n, a))
        return (own.toarray(), voted.toarray()) if n * k * a <= MOST_DENSE else (own, voted)

    def _proba(self, x: Floats) -> Floats:
        ends, (own, voted) = self._ends, self._of_votes
        scaled = (self._sizes * np.exp(x[: ends[1]])).tolist()
        Z = (own @ x[ends[1] : ends[2]]).reshape(self.S.shape) + self.prior + x[ends[2] : ends[3]]
        for weight, log in zip(scaled, (self.S, *self.logs), strict=True):
            Z += weight * log
        if self._k > 2:
            Z += voted @ x[ends[3] :].reshape(-1, self._k)
        return softmax(Z)

    def _value(self, P: Floats, x: Floats, penalty: Floats) -> float:
        fit = np.log(np.maximum(P[np.arange(len(self.y)), self.y], 1e-300)).sum()
        return float(0.5 * (penalty * x) @ x - fit)

    def _loss(self, x: Floats, penalty: Floats) -> tuple[float, Floats]:
        """Return the penalised negative log-likelihood and its slopes."""
        ends, (own, voted) = self._ends, self._of_votes
        P = self._proba(x)
        D = P - np.eye(self._k)[self.y]
        scaled = self._sizes * np.exp(x[: ends[1]])
        parts = [
            scaled * [(D * log).sum() for log in (self.S, *self.logs)],
            own.T @ np.ascontiguousarray(D).ravel(),
            D.sum(axis=0),
        ]
        if self._k > 2:
            parts.append((voted.T @ D).ravel())
        return self._value(P, x, penalty), np.concatenate(parts) + penalty * x

    def _log_evidence(self, found: Floats, stiffness: Sequence[float]) -> Floats:
        """Return the logarithm of the probability of the labels at each minimum, by Laplace's method: MacKay (1992),
        Bayesian interpolation.
        """
        penalties = np.array([self._penalty(each) for each in stiffness])
        if self._few:
            parts = self._together(len(found))
            return np.concatenate([self._log_evidence_of_few(found[part], penalties[part]) for part in parts])
        evidence = []
        for x, penalty in zip(found, penalties, strict=True):
            P, volume = self._proba(x), self._log_volume_of_each
            volume = self._log_volume if self.S.size * len(x) <= MOST_CELLS else self._log_volume_of_each
            evidence.append(-0.5 * volume(P, x, penalty) - self._value(P, x, penalty))
        return np.array(evidence)

    def _log_evidence_of_few(self, found: Floats, penalties: Floats) -> Floats:
        """The same for few unknowns, all at once: the determinant of second derivatives over that of the penalties."""
        change, P, fit = self._likelihood.at(found)
        turn = change / np.sqrt(penalties)
        H = turn[:, :, None] * self._likelihood.curvatures(P) * turn[:, None, :]
        root = np.linalg.cholesky(H + np.eye(H.shape[1]))
        volume = 2 * np.log(root.diagonal(axis1=1, axis2=2)).sum(axis=1)
        return np.asarray(fit - 0.5 * (penalties * found**2).sum(axis=1) - 0.5 * volume)

    def _log_volume(self, P: Floats, x: Floats, penalty: Floats) -> float:
        """Return log det(H + penalty) - log det(penalty), H the second derivatives of Fisher's scoring."""
        B, scales = self._columns, self._ends[1]
        spread = B - np.einsum("nk,nkp->np", P, B)[:, None, :]
        turn = 1 / np.sqrt(penalty)
        turn[:scales] *= self._sizes * np.exp(x[:scales])
        C = (spread * np.sqrt(P)[:, :, None]).reshape(-1, len(x)) * turn  # H is C'C
        # det(I + C'C) is det(I + CC'): the smaller of the two is made
        gram = C.T @ C if len(x) <= len(C) else C @ C.T
        gram.ravel()[:: len(gram) + 1] += 1
        return float(2 * np.log(np.linalg.cholesky(gram).diagonal()).sum())

    def _log_volume_of_each(self, P: Floats, x: Floats, penalty: Floats) -> float:
        """Return the same of the diagonal alone, which is at least as large (Hadamard) and errs on the stiff side."""
        ends, (own, voted) = self._ends, self._of_votes
        bend = P * (1 - P)
        curvature = np.zeros(len(x))
        curvature[ends[1] : ends[2]] = (own**2).T @ np.ascontiguousarray(bend).ravel()
        curvature[ends[2] : ends[3]] = bend.sum(axis=0)
        if self._k > 2:
            curvature[ends[3] :] = ((voted**2).T @ bend).ravel()
        return float(np.log1p(curvature / penalty).sum())
