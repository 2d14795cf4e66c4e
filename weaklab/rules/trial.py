"""What a change of one member would bring to a committee that is there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from weaklab.core.labels import ABSTAIN
from weaklab.core.rows import one_thread
from weaklab.core.votes import Votes
from weaklab.rules.gain import Gain, sample_rows, shifted, with_classifier

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from weaklab.label_models import LabelModel


class Region(NamedTuple):
    """Records of which the share of one label is known: their rows, the code of the label, and mean, low and high."""

    rows: NDArray[np.int64]
    code: int
    share: tuple[float, float, float]


class Trial:
    """Fits a committee again with other votes of one member.

    Where a label changes from one class to another, the gain is the probability of the new class minus that of the old
    one. These are the probabilities of the committee without the member, which would confirm itself, with the log-odds
    of a label shifted by one number in each region so that they agree with its estimated share there.

    Parameters
    ----------
    votes : of the committee as it is, on n records
    P : float (n, k), its probabilities
    y : int (n,), manual labels, -1 is unlabeled
    model : makes the label model, unfitted
    member : number of its column
    """

    def __init__(
        self,
        votes: Votes,
        P: NDArray[np.float64],
        y: NDArray[np.int64],
        model: Callable[[], LabelModel],
        member: int,
    ) -> None:
        self._n, self._k = P.shape
        self._rows, self._model, self._member = sample_rows(y), model, member
        self._y = y[self._rows]
        self._all_votes = votes
        self._votes = with_classifier(votes.take(self._rows), self._k)
        self._before = self._fitted(self._votes.L[:, member])
        self._without = self._fitted(np.full(len(self._rows), ABSTAIN, dtype=np.int8))

    def without_it(self) -> NDArray[np.float64]:
        """Return the probabilities of the committee without the member, float (n, k)."""
        if len(self._rows) == self._n:
            return self._without
        model = self._model()
        with one_thread():
            model.fit(self._changed(np.full(len(self._rows), ABSTAIN, dtype=np.int8)), self._y)
            full = with_classifier(self._all_votes, self._k)
            L = full.L.copy()
            L[:, self._member] = ABSTAIN
            return model.predict_proba(replace(full, L=L))

    def gain_of(self, column: NDArray[np.int8], regions: Sequence[Region]) -> Gain:
        """Return what other votes of the member would bring.

        Parameters
        ----------
        column : int8 (n,), its votes after the change
        regions : what is known of the labels of records on which it votes
        """
        after = self._fitted(column[self._rows])
        free = self._y == ABSTAIN
        old, new = self._before.argmax(axis=1), after.argmax(axis=1)
        turned = np.flatnonzero(free & (old != new))

        def gain(ends: Sequence[int]) -> float:
            Q = self._shares(regions, ends, free)
            return float((Q[turned, new[turned]] - Q[turned, old[turned]]).sum() / len(self._rows))

        none = [0] * len(regions)
        mean = gain(none)
        below = above = 0.0
        for i in range(len(regions)):  # the regions are uncertain independently of each other
            moves = [gain([end if i == j else 0 for j in range(len(regions))]) - mean for end in (1, 2)]
            below, above = below + min(0.0, *moves) ** 2, above + max(0.0, *moves) ** 2
        changed = round(len(turned) * self._n / len(self._rows))
        return Gain(mean, mean - float(np.sqrt(below)), mean + float(np.sqrt(above)), changed)

    def _shares(self, regions: Sequence[Region], ends: Sequence[int], free: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return the probabilities without the member, shifted to what is known of the regions."""
        P = self._without.copy()
        for region, end in zip(regions, ends, strict=True):
            mask = np.zeros(self._n, dtype=bool)
            mask[region.rows] = True
            inside = np.flatnonzero(mask[self._rows] & free)
            if len(inside):
                P[inside] = shifted(P[inside], region.code, region.share[end])
        return P

    def _changed(self, column: NDArray[np.int8]) -> Votes:
        L = self._votes.L.copy()
        L[:, self._member] = column
        return replace(self._votes, L=L)

    def _fitted(self, column: NDArray[np.int8]) -> NDArray[np.float64]:
        with one_thread():
            return self._model().fit_predict_proba(self._changed(column), self._y)
