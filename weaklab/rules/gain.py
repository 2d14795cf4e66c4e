"""What one more rule would bring to a committee that is there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from weaklab.core.labels import ABSTAIN
from weaklab.core.rows import one_thread
from weaklab.core.votes import Votes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from weaklab.label_models import LabelModel

MOST_FITTED = 5_000
"""The label model is fitted on at most this many records for a trial."""


@dataclass(frozen=True)
class Gain:
    """By how much the share of right labels grows: mean, 95 % interval, and the number of labels that change."""

    mean: float
    low: float
    high: float
    changed: int


class Gains:
    """Tries rules in a committee: the label model is fitted again with the votes of each.

    Where a label changes from one class to another, the gain is the probability of the new class minus that of the
    old one. These probabilities are those of the committee without the rule, with the log-odds of the rule's label
    shifted by one number for all records of the rule, so that on average they agree with the precision that was
    estimated for it. So what counts is what the labels say of the rule; that it agrees with members is no gain. The
    interval of the precision becomes that of the gain. What the label model's own classifier says of the records stays
    as it is. This way of counting is weaklab's own; `benchmarks.mined_rules` measures what accepted rules bring.

    Parameters
    ----------
    votes : of the committee as it is, on n records
    P : float (n, k), its probabilities
    y : int (n,), manual labels, -1 is unlabeled
    model : makes the label model, unfitted
    """

    def __init__(
        self,
        votes: Votes,
        P: NDArray[np.float64],
        y: NDArray[np.int64],
        model: Callable[[], LabelModel],
    ) -> None:
        self._n = len(y)
        rows = sample_rows(y)
        self._rows, self._y, self._model = rows, y[rows], model
        self._votes = with_classifier(votes.take(rows), P.shape[1])
        self._before = self._fitted(self._votes)

    def of(self, held: NDArray[np.int32], code: int, precision: tuple[float, float, float]) -> Gain:
        """Return what a rule would bring.

        Parameters
        ----------
        held : row numbers of its records
        code : of its label
        precision : mean, low and high
        """
        mine = np.zeros(self._n, dtype=bool)
        mine[held] = True
        mine = mine[self._rows]
        column = np.where(mine, code, ABSTAIN).astype(np.int8)
        after = self._fitted(replace(self._votes, L=np.column_stack([self._votes.L, column])))
        free = self._y == ABSTAIN
        old, new = self._before.argmax(axis=1), after.argmax(axis=1)
        turned = np.flatnonzero(free & (old != new))
        inside = np.flatnonzero(mine & free)
        mean, low, high = (self._gain(new[turned], turned, inside, code, share) for share in precision)
        return Gain(mean, min(low, mean), max(high, mean), round(len(turned) * self._n / len(self._rows)))

    def _gain(
        self,
        new: NDArray[np.int64],
        turned: NDArray[np.int64],
        inside: NDArray[np.int64],
        code: int,
        precision: float,
    ) -> float:
        P = self._before.copy()
        if len(inside):
            P[inside] = shifted(P[inside], code, precision)
        old = self._before[turned].argmax(axis=1)
        return float((P[turned, new] - P[turned, old]).sum() / len(self._rows))

    def _fitted(self, votes: Votes) -> NDArray[np.float64]:
        with one_thread():
            return self._model().fit_predict_proba(votes, self._y)


def shifted(P: NDArray[np.float64], code: int, share: float) -> NDArray[np.float64]:
    """Return probabilities with the log-odds of one class shifted by one number, so that its mean is ``share``.

    >>> shifted(np.array([[0.5, 0.5], [0.8, 0.2]]), 0, 0.9).mean(axis=0).round(3).tolist()
    [0.9, 0.1]
    """
    from scipy.optimize import brentq
    from scipy.special import expit, logit

    p = np.clip(P[:, code], 1e-6, 1 - 1e-6)
    odds, wanted = logit(p), min(max(share, 1e-4), 1 - 1e-4)
    shift = brentq(lambda t: float(expit(odds + t).mean()) - wanted, -40, 40)
    q = expit(odds + shift)
    found = P * ((1 - q) / (1 - p))[:, None]
    found[:, code] = q
    return np.asarray(found / found.sum(axis=1, keepdims=True))


def sample_rows(y: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the rows on which trials are made: the labeled ones, and others spread evenly."""
    if len(y) <= MOST_FITTED:
        return np.arange(len(y))
    labeled, free = np.flatnonzero(y != ABSTAIN), np.flatnonzero(y == ABSTAIN)
    count = min(len(free), max(MOST_FITTED - len(labeled), MOST_FITTED // 2))
    return np.sort(np.concatenate([labeled, free[np.linspace(0, len(free) - 1, count).astype(np.int64)]]))


def with_classifier(votes: Votes, k: int) -> Votes:
    """Return votes in which the label model's own classifier is a member with scores, without features."""
    P = votes.feature_proba
    if P is None:
        return replace(votes, features=None)
    column = np.where(P.max(axis=1) > 1 / k + 1e-6, P.argmax(axis=1), ABSTAIN).astype(np.int8)
    L = np.column_stack([votes.L, column])
    return replace(votes, L=L, scores={**votes.scores, votes.L.shape[1]: P}, features=None, feature_proba=None)
