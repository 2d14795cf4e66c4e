"""GLAD: annotators of different ability on records of different difficulty."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from weaklab.core.labels import ABSTAIN
from weaklab.core.rows import row_sum, softmax
from weaklab.label_models.base import LABEL_MODELS, LabelModel
from weaklab.label_models.vote_list import VoteList
from weaklab.label_models.weighted import check_max_iter

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from weaklab.core.votes import Votes

    Floats = NDArray[np.float64]
    Codes = NDArray[np.int64]

STEPS = 10
"""Steps of L-BFGS in each M-step: the next E-step changes what it would converge to."""


@LABEL_MODELS.named("glad")
class Glad(LabelModel):
    """Generative model of labels, abilities and difficulties; a vote is right with probability sigmoid(a_j b_i).

    a_j is the ability of an annotator, below 0 for one who is wrong on purpose, and b_i > 0 the inverse difficulty of a
    record; a wrong vote falls on each of the other classes alike. Fitted by expectation-maximisation with the priors of
    the paper, a_j ~ N(1, 1) and ln b_i ~ N(0, 1) (the paper's default is N(1, 1) for both); manual labels are clamped.
    A vote counts its confidence.

    Records that it was not fitted on get the difficulty that agrees best with their votes, the abilities as they are.

    Parameters
    ----------
    n_classes, class_balance : see :class:`LabelModel`
    max_iter : largest number of rounds
    tol : stop when no probability moves by more

    Attributes
    ----------
    ability_ : float (m,), a
    n_iter_ : int

    References
    ----------
    Whitehill, Ruvolo, Wu, Bergsma and Movellan (2009), Whose vote should count more: optimal integration of labels from
    labelers of unknown expertise, NeurIPS 22.

    Examples
    --------
    >>> Glad().fit([[0, 0, 1], [1, 1, 0], [0, 0, 0], [1, 1, 1]]).predict([[0, 0, 1]]).tolist()
    [0]
    """

    def __init__(
        self,
        n_classes: int | None = None,
        class_balance: ArrayLike | None = None,
        max_iter: int = 50,
        tol: float = 1e-4,
    ) -> None:
        super().__init__(n_classes, class_balance)
        self.max_iter = max_iter
        self.tol = tol

    by_rows = False

    def _fit(self, votes: Votes, y: Codes) -> None:
        check_max_iter(self.max_iter)
        self.ability_ = np.ones(votes.L.shape[1])
        self._run(VoteList.of(votes.L, self.n_classes_, votes.confidence), y, learn_ability=True)

    def _proba(self, votes: Votes) -> Floats:
        listed = VoteList.of(votes.L, self.n_classes_, votes.confidence)
        return self._run(listed, np.full(len(votes), ABSTAIN), learn_ability=False)

    def _run(self, votes: VoteList, y: Codes, learn_ability: bool) -> Floats:
        """Alternate between classes and parameters; return the probabilities (n, k) of the last round."""
        gold = np.flatnonzero(y != ABSTAIN)
        truth = np.eye(self.n_classes_)[y[gold]]
        P = votes.tally() + 1 / self.n_classes_
        P /= row_sum(P)[:, None]
        P[gold] = truth
        log_ease = np.zeros(len(P))
        for iteration in range(1, self.max_iter + 1):
            if learn_ability:
                self.n_iter_ = iteration
            log_ease = self._maximise(votes, P[votes.rows, votes.codes], log_ease, learn_ability)
            updated = self._posterior(votes, log_ease)
            updated[gold] = truth
            moved = np.abs(updated - P).max(initial=0)
            P = updated
            if moved < self.tol:
                break
        return P

    def _posterior(self, votes: VoteList, log_ease: Floats) -> Floats:
        n, _, k = votes.shape
        odds = self.ability_[votes.columns] * np.exp(log_ease)[votes.rows]  # ln sigmoid(z) - ln sigmoid(-z) is z
        weights = (odds + np.log(k - 1)) * votes.weights
        S: Floats = np.bincount(votes.rows * k + votes.codes, weights, minlength=n * k).reshape(n, k).astype(np.float64)
        return softmax(S + np.log(self.class_balance_ + 1e-12))

    def _maximise(self, votes: VoteList, right: Floats, log_ease: Floats, learn_ability: bool) -> Floats:
        """Improve abilities and difficulties, given the probability that each vote is right; return ln b (n,)."""
        from scipy.optimize import minimize
        from scipy.special import expit

        n, m, _ = votes.shape
        free = m if learn_ability else 0

        def loss(theta: Floats) -> tuple[float, Floats]:
            a = theta[:free] if learn_ability else self.ability_
            log_b = theta[free:]
            b = np.exp(log_b)[votes.rows]
            z = a[votes.columns] * b
            value = (votes.weights * (np.logaddexp(0, z) - right * z)).sum() + 0.5 * (log_b**2).sum()
            slope = votes.weights * (expit(z) - right)
            to_b = np.bincount(votes.rows, slope * a[votes.columns] * b, minlength=n) + log_b
            if not learn_ability:
                return float(value), to_b
            to_a = np.bincount(votes.columns, slope * b, minlength=m) + a - 1
            return float(value + 0.5 * ((a - 1) ** 2).sum()), np.concatenate([to_a, to_b])

        start = np.concatenate([self.ability_[:free], log_ease])
        bounds = [(None, None)] * free + [(-5.0, 5.0)] * n
        found = (
            minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": STEPS}).x
            if len(start)
            else start
        )
        if learn_ability:
            self.ability_ = found[:free]
        return np.asarray(found[free:])
