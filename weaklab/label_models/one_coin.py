"""Dawid and Skene's model with one accuracy a heuristic instead of a confusion matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.core.labels import ABSTAIN
from weaklab.core.rows import row_sum, softmax
from weaklab.label_models.base import LABEL_MODELS
from weaklab.label_models.counting import one_hot_sum
from weaklab.label_models.weighted import (
    PRIOR_ACCURACY,
    LogOddsVote,
    check_imagined,
    check_max_iter,
    log_odds,
    unique_votes,
)

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from weaklab.core.votes import ByColumn, Votes


@LABEL_MODELS.named("one_coin")
class OneCoin(LogOddsVote):
    """Expectation-maximisation over one accuracy for every heuristic; manual labels are clamped.

    A heuristic that votes is right with probability a_j, and each other class is as likely as the next where it is
    wrong. P = softmax(S) with S_ik = sum_j c_ij w_j [L_ij = k], and ln balance_k if a class balance is given; w_j =
    ln(a_j (k - 1) / (1 - a_j)), and a_j is the expected share of its votes that are right, with ``imagined`` more votes
    of which 70 % are. c_ij is the confidence of a vote, 1 where none is given; the votes are counted by it, too. An
    abstain counts nothing. No heuristic is taken to be worse than a guess, so that the classes cannot change places. It
    begins with the shares of the votes.

    Parameters
    ----------
    n_classes, class_balance : see :class:`LabelModel`
    max_iter : largest number of rounds
    tol : stop when no accuracy moves by more
    imagined : imagined votes of each heuristic

    Attributes
    ----------
    accuracy_ : float (m,), a_j
    weights_ : float (m,), w_j
    n_iter_ : int

    References
    ----------
    Demartini, Difallah and Cudre-Mauroux (2012), ZenCrowd: leveraging probabilistic reasoning and crowdsourcing
    techniques for large-scale entity linking, WWW. Ghosh, Kale and McAfee (2011), Who moderates the moderators?, EC.
    The general model: Dawid and Skene (1979), see :class:`DawidSkene`.

    Examples
    --------
    >>> L = [[0, 0, 1], [1, 1, 0], [0, 0, 0], [1, 1, 1]]
    >>> int(OneCoin().fit(L).accuracy_.argmin())
    2
    """

    def __init__(
        self,
        n_classes: int | None = None,
        class_balance: ArrayLike | None = None,
        max_iter: int = 100,
        tol: float = 1e-4,
        imagined: float = 2.0,
    ) -> None:
        super().__init__(n_classes, class_balance)
        self.max_iter = max_iter
        self.tol = tol
        self.imagined = imagined

    def _fit(self, votes: Votes, y: NDArray[np.int64]) -> None:
        from scipy.sparse import csr_array

        check_max_iter(self.max_iter)
        check_imagined(self.imagined)
        L, sure = votes.L, votes.confidence
        rows, truth, counts = (L, y, np.ones(len(y), dtype=np.int64)) if sure else unique_votes(L, y)
        k, m = self.n_classes_, rows.shape[1]
        gold = np.flatnonzero(truth != ABSTAIN)
        clamped = np.eye(k)[truth[gold]]
        hot = [csr_array(_counted(np.equal(rows, c), sure), dtype=np.float64) for c in range(k)]
        voted = counts @ _counted(rows != ABSTAIN, sure) + self.imagined
        prior = self._prior()
        P = one_hot_sum(rows, k, np.ones(m), sure) + 1e-9  # the shares of the votes are the first guess
        P /= row_sum(P)[:, None]
        self.accuracy_ = np.full(m, PRIOR_ACCURACY)
        for iteration in range(1, self.max_iter + 1):
            self.n_iter_ = iteration
            P[gold] = clamped
            right = sum((hot[c].T @ (counts * P[:, c]) for c in range(k)), np.full(m, self.imagined * PRIOR_ACCURACY))
            updated = np.maximum(right / voted, 1 / k)  # below a guess, classes could change places
            moved = np.abs(updated - self.accuracy_).max(initial=0)
            self.accuracy_ = updated
            self.weights_ = log_odds(self.accuracy_, k)
            if moved < self.tol:
                break
            P = softmax(prior + np.column_stack([part @ self.weights_ for part in hot]))


def _counted(said: NDArray[np.bool_], sure: ByColumn) -> NDArray[Any]:
    """Return what each vote counts, (n, m), 0 where there is none: its confidence, column -> (n,), or 1."""
    if not sure:
        return said
    each = said.astype(np.float64)
    for j, values in sure.items():
        each[:, j] *= values
    return each
