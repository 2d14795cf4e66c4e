"""The default label model: a vote that needs no labels, corrected by the manual labels as they come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.base import ABSTAIN
from weaklab.label_models.base import LABEL_MODELS, LabelModel, Soft
from weaklab.label_models.votes import coverage_weights, one_hot_sum
from weaklab.rows import row_sum, softmax

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


_FLOOR = 1e-3
"""Probabilities of members are kept this far from 0, so that one of them cannot decide alone."""


@LABEL_MODELS.named("committee")
class CommitteeModel(LabelModel):
    """Coverage-weighted vote, corrected by manual labels, with weak classifiers stacked on top.

    P = softmax(S'), with

        S'_ik = e^tau S_ik + sum_c w_c (log f_c(i, k) - mean_k) + sum_j d_j [L_ij = k] + b_k

    where S is the coverage vote (:func:`coverage_weights`; a vote with a confidence counts that much), f_c are the scores
    of the members that have any, and tau, w, d and b are found from the manual labels by penalised maximum likelihood.
    Without manual labels they keep their prior values: tau = 0, w = ``member_weight``, d = 0, and b = the log of the class
    balance if one is given, equal classes if not. A member with scores is weighted by w alone: its votes are not counted a
    second time.

    Parameters
    ----------
    n_classes, class_balance : see :class:`LabelModel`
    vote_penalty : ridge penalty on d, how slowly labels change the weight of one heuristic
    scale_penalty : ridge penalty on tau and on the logarithms of w
    balance_penalty : ridge penalty on b
    member_weight : prior weight of a member with scores

    Attributes
    ----------
    weights_ : float (m,), the log-odds that a vote of each heuristic adds to its class
    member_weights_ : column -> float, for members with scores
    bias_ : float (k,)
    n_labels_ : int, manual labels that it was fitted on

    Notes
    -----
    The stacking follows the idea of Goh, Tkachenko and Mueller (2022), CROWDLAB, that a classifier's probabilities be
    weighted against the annotators' rather than counted as one more annotator.

    Examples
    --------
    >>> L = [[0, 1, -1], [0, 1, -1], [1, 0, 0], [1, 0, 1]] * 5
    >>> CommitteeModel().fit(L, y=[0, 0, 1, 1] * 5).predict([[0, 1, -1]]).tolist()
    [0]
    """

    def __init__(
        self,
        n_classes: int | None = None,
        class_balance: ArrayLike | None = None,
        vote_penalty: float = 1.0,
        scale_penalty: float = 2.0,
        balance_penalty: float = 2.0,
        member_weight: float = 0.5,
    ) -> None:
        super().__init__(n_classes, class_balance)
        self.vote_penalty = vote_penalty
        self.scale_penalty = scale_penalty
        self.balance_penalty = balance_penalty
        self.member_weight = member_weight

    def _fit(self, L: NDArray[np.int64], y: NDArray[np.int64], soft: Soft) -> None:
        gold = np.flatnonzero(y != ABSTAIN)
        self.n_labels_ = len(gold)
        self._members = sorted(soft.scores)
        base = coverage_weights(L)
        base[self._members] = 0
        prior = np.zeros(self.n_classes_)
        if self.class_balance is not None:
            prior = np.log(np.maximum(self.class_balance_, _FLOOR))
        tau, log_w, delta, bias = self._solve(L[gold], y[gold], soft.rows(gold), base, prior)
        self.weights_ = np.exp(tau) * base + delta
        self.member_weights_ = dict(zip(self._members, self.member_weight * np.exp(log_w), strict=True))
        self.bias_ = prior + bias

    def _solve(
        self,
        L: NDArray[np.int64],
        y: NDArray[np.int64],
        soft: Soft,
        base: NDArray[np.float64],
        prior: NDArray[np.float64],
    ) -> tuple[float, NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Minimise the penalised negative log-likelihood of the labeled rows; return tau, log w / prior, d and b."""
        from scipy.optimize import minimize

        k, m, c = self.n_classes_, L.shape[1], len(self._members)
        if not len(y):
            return 0.0, np.zeros(c), np.zeros(m), np.zeros(k)
        n = len(y)
        S = one_hot_sum(L, k, base, soft.confidence)
        logs = [_centred_log(soft.scores[member]) for member in self._members]
        hot = np.stack([code == L for code in range(k)], axis=1).astype(np.float64)
        for j, sure in soft.confidence.items():
            hot[:, :, j] *= sure[:, None]
        hot[:, :, self._members] = 0
        truth = np.eye(k)[y]

        def loss(theta: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            tau, log_w, delta, bias = theta[0], theta[1 : 1 + c], theta[1 + c : 1 + c + m], theta[1 + c + m :]
            scaled = [self.member_weight * np.exp(w) * log for w, log in zip(log_w, logs, strict=True)]
            Z = np.exp(tau) * S + sum(scaled, np.zeros((n, k))) + hot @ delta + prior + bias
            P = softmax(Z)
            value = -np.log(np.maximum((P * truth).sum(axis=1), 1e-300)).sum()
            value += 0.5 * (
                self.scale_penalty * (tau**2 + (log_w**2).sum())
                + self.vote_penalty * (delta**2).sum()
                + self.balance_penalty * (bias**2).sum()
            )
            D = P - truth
            gradient = np.concatenate(
                [
                    [(D * np.exp(tau) * S).sum() + self.scale_penalty * tau],
                    [(D * part).sum() for part in scaled] + self.scale_penalty * log_w,
                    np.einsum("ik,ikm->m", D, hot) + self.vote_penalty * delta,
                    D.sum(axis=0) + self.balance_penalty * bias,
                ]
            )
            return value, gradient

        bounds = [(-3, 3)] * (1 + c) + [(None, None)] * (m + k)
        found = minimize(loss, np.zeros(1 + c + m + k), jac=True, method="L-BFGS-B", bounds=bounds, options={"gtol": 1e-3}).x
        return found[0], found[1 : 1 + c], found[1 + c : 1 + c + m], found[1 + c + m :]

    def _predict_proba(self, L: NDArray[np.int64], soft: Soft) -> NDArray[np.float64]:
        Z = one_hot_sum(L, self.n_classes_, self.weights_, soft.confidence) + self.bias_
        for member, weight in self.member_weights_.items():
            if member in soft.scores and weight:
                Z += _centred_log(soft.scores[member]) * weight
        return softmax(Z)

    def _silent_proba(self) -> NDArray[np.float64]:
        return np.asarray(softmax(self.bias_[None, :])[0])


def _centred_log(scores: ArrayLike) -> NDArray[np.floating[Any]]:
    """Return the log-probabilities (n, k) less their mean over the classes, so that a uniform row adds nothing; float32 stays so."""
    given = np.asarray(scores)
    log = np.log(np.maximum(given if given.dtype == np.float32 else given.astype(np.float64), _FLOOR))
    log -= row_sum(log)[:, None] / log.shape[1]
    return np.asarray(log)
