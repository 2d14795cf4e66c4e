"""What one more rule would bring to a committee that is there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.core.labels import ABSTAIN
from weaklab.core.rows import one_thread
from weaklab.core.votes import Votes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from weaklab.label_models import LabelModel

MOST_FITTED = 2_000
"""The label model is fitted on at most this many records for a trial."""
STRENGTH = 10.0
"""What the committee says of how often it is right on some records counts like so many labels of them."""
CALIBRATED = 20.0
"""What random labels say of how sure the committee is counts half from so many labels on."""


@dataclass(frozen=True)
class Gain:
    """By how much the share of right labels grows: mean, 95 % interval, and the number of labels that change."""

    mean: float
    low: float
    high: float
    changed: int


class Gains:
    """What rules would bring to a committee, by how often it is right on their records as it is.

    The gain of a rule is its share of the records, of those without a manual label, times its precision less the
    share of the committee's labels that are right there. This share is what the committee says, corrected by the
    labels: on all records by those drawn at random, and on the records of the rule by those that judge the rule, where
    the committee's word counts like ten of them. The interval of the precision becomes that of the gain.

    It is not looked at which labels change when the committee is fitted with the rule: the rule was found with the same
    labels and the same committee, so they would confirm each other. What a rule teaches the label model's own
    classifier is not foreseen either. This way of counting is weaklab's own; `benchmarks.mined_rules` measures what
    accepted rules bring.

    Parameters
    ----------
    votes : of the committee as it is, on n records
    P : float (n, k), its probabilities
    y : int (n,), manual labels, -1 is unlabeled
    model : makes the label model, unfitted
    at_random : bool (n,), whether a record was drawn at random before it was labeled; by default none was

    Attributes
    ----------
    right : bool (n,), whether the committee is right on a labeled record by what it says itself (it was fitted with the
        label, but the label does not stand in the place of its answer); False for others
    sure : float (n,), how likely the committee's label is to be right, 0 for labeled records
    """

    def __init__(
        self,
        votes: Votes,
        P: NDArray[np.float64],
        y: NDArray[np.int64],
        model: Callable[[], LabelModel],
        at_random: NDArray[np.bool_] | None = None,
    ) -> None:
        self._y, self._free = y, y == ABSTAIN
        self._rows, self._model = sample_rows(y), model
        self._votes = with_classifier(votes.take(self._rows), P.shape[1])
        known = self._y[self._rows]
        made = model()
        with one_thread():
            said = made.fit_predict_proba(self._votes, known)
            alone = made.predict_proba(self._votes.take(np.flatnonzero(known != ABSTAIN)))
        self._before = said.argmax(axis=1)
        labeled = np.flatnonzero(~self._free)
        self.right = np.zeros(len(y), dtype=bool)
        self.right[labeled] = alone.argmax(axis=1) == y[labeled]
        drawn = np.zeros(len(labeled), dtype=bool) if at_random is None else at_random[labeled]
        off = float((self.right[labeled] - alone.max(axis=1))[drawn].sum() / (drawn.sum() + CALIBRATED))
        self.sure = np.where(self._free, np.clip(P.max(axis=1) + off, 0, 1), 0.0)

    def now(self, X: Any, hits: NDArray[np.float64], judged: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how often the committee is right on the unlabeled records of rules, float (c,).

        Parameters
        ----------
        X : float (n, c), sparse or not, 1 where a rule votes
        hits, judged : float (c,), labels of each rule on which the committee is right, and all of them
        """
        free = np.asarray(X.T @ self._free.astype(np.float64))
        said = np.asarray(X.T @ self.sure) / np.maximum(free, 1)
        return np.asarray((STRENGTH * said + hits) / (STRENGTH + judged))

    def shares(self, X: Any) -> NDArray[np.float64]:
        """Return the share of all records that are unlabeled and that each rule votes on, float (c,)."""
        return np.asarray(X.T @ self._free.astype(np.float64)) / max(len(self._y), 1)

    def take(self, held: NDArray[np.int32], precision: float) -> None:
        """Count with a rule from now on, for the gain of those that come after it."""
        self.sure[held] = np.where(self._free[held], np.maximum(self.sure[held], precision), 0.0)

    def of(
        self, held: NDArray[np.int32], code: int, precision: tuple[float, float, float], counted: NDArray[np.bool_]
    ) -> Gain:
        """Return what a rule would bring.

        Parameters
        ----------
        held : row numbers of its records
        code : of its label
        precision : mean, low and high
        counted : bool (n,), the labels that judge it
        """
        mine = np.zeros((len(self._y), 1))
        mine[held] = 1
        judged = held[counted[held]]
        hits = np.array([float(self.right[judged].sum())])
        now = float(self.now(mine, hits, np.array([float(len(judged))]))[0])
        share = float(self.shares(mine)[0])
        mean, low, high = (share * (each - now) for each in precision)
        return Gain(mean, min(low, mean), max(high, mean), self._changed(mine[:, 0] > 0, code))

    def _changed(self, mine: NDArray[np.bool_], code: int) -> int:
        """Return how many labels of unlabeled records change with a rule in the committee."""
        column = np.where(mine[self._rows], code, ABSTAIN).astype(np.int8)
        with one_thread():
            after = self._model().fit_predict_proba(
                replace(self._votes, L=np.column_stack([self._votes.L, column])), self._y[self._rows]
            )
        turned = self._free[self._rows] & (self._before != after.argmax(axis=1))
        return round(int(turned.sum()) * len(self._y) / len(self._rows))


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
