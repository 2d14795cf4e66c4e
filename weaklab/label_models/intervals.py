"""Intervals of probabilities from draws of the weights of a label model that adds up what its members say."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from weaklab.core.errors import WeaklabError, is_number
from weaklab.core.rows import BLOCK, blocks, softmax
from weaklab.core.votes import Votes
from weaklab.label_models.counting import table_sum
from weaklab.label_models.feature_member import centred_log
from weaklab.label_models.vote_patterns import compiled, group_rows, repeats

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Codes = NDArray[np.int64]

AT_ONCE, ROWS = 64, 4096
"""Draws x classes, and rows, that are looked at together, so that what is computed on the way fits into a cache."""
SURE = 1e-12
"""Probabilities are kept this far from 0 and 1 before their log-odds are taken."""


class Intervals(NamedTuple):
    """Intervals of probabilities.

    Attributes
    ----------
    low, high : float (n, k), or (n,) where the interval of one class a row was asked for
    """

    low: NDArray[np.float64]
    high: NDArray[np.float64]


@dataclass(frozen=True)
class WeightDraw:
    """One draw of everything that a record's log-odds are added up from.

    Attributes
    ----------
    tables : float (m, votes, classes), what each vote adds to each class
    bias, without_evidence : float (k,), what every record gets, and what one gets that nothing is known about
    members : column -> weight of the scores of a member
    by_features : weight of the built-in classifier
    """

    tables: NDArray[np.float64]
    bias: NDArray[np.float64]
    without_evidence: NDArray[np.float64]
    members: Mapping[int, float]
    by_features: float


def check_level(level: Any) -> float:
    """Return the share of an interval, or raise where it is none."""
    if not is_number(level) or not 0 < float(level) < 1:
        raise WeaklabError(f"level must be between 0 and 1, such as 0.95, got {level!r}")
    return float(level)


def intervals(
    draws: Iterable[WeightDraw], known: Votes, P: Floats, unknown: Codes, level: float, classes: Codes | None = None
) -> Intervals:
    """Return intervals of probabilities: the normal ones of their log-odds over the draws, with Student's t.

    Parameters
    ----------
    draws : the weights
    known : votes on n records, with scores but without features
    P : float (n, k), the probabilities; each is within its interval
    unknown : rows without evidence
    level : the share of an interval
    classes : int (n,), the class of each row that is asked about; None for all of them
    """
    if len(known) <= BLOCK or not known.votes_only or compiled(known.L.size) is None or not repeats(known.L):
        return _of_each_row(draws, known, P, unknown, level, classes)
    # Many rows have the same votes: each different one is looked at once.
    first, _, kinds = group_rows(known.L)
    without = np.isin(first, unknown)
    asked = None if classes is None else classes[first]
    found = _of_each_row(draws, Votes(known.L[first]), P[first], np.flatnonzero(without), level, asked)
    return Intervals(found.low[kinds], found.high[kinds])


def _of_each_row(
    draws: Iterable[WeightDraw], known: Votes, P: Floats, unknown: Codes, level: float, classes: Codes | None
) -> Intervals:
    from scipy.special import expit, stdtrit

    wanted = np.broadcast_to(np.arange(P.shape[1]), P.shape) if classes is None else classes[:, None]
    middle = np.take_along_axis(P, wanted, axis=1)
    start = _log_odds(middle)
    total, squares, count = np.zeros(start.shape), np.zeros(start.shape), 0
    evidence = _Evidence.of(known, unknown)
    for several in _in_groups(draws, max(1, AT_ONCE // P.shape[1])):
        count += several.count
        for rows in blocks(len(known), ROWS):
            moved = several.log_odds(evidence, rows, wanted[rows]) - start[rows, :, None]
            total[rows] += moved.sum(axis=2)
            squares[rows] += np.einsum("ncd,ncd->nc", moved, moved)
    mean = total / count
    spread = np.sqrt(np.maximum(squares - count * mean**2, 0) / (count - 1)) * stdtrit(count - 1, (1 + level) / 2)
    low = np.minimum(expit(start + mean - spread), middle)
    high = np.maximum(expit(start + mean + spread), middle)
    return Intervals(low, high) if classes is None else Intervals(low[:, 0], high[:, 0])


@dataclass(frozen=True)
class _Evidence:
    """What records are judged by: votes, centred log-scores of members and of the built-in classifier, and the rows
    without any.
    """

    votes: Votes
    logs: Mapping[int, NDArray[np.floating[Any]]]
    by_features: NDArray[np.floating[Any]] | None
    without: NDArray[np.bool_]

    @classmethod
    def of(cls, votes: Votes, unknown: Codes) -> _Evidence:
        without = np.zeros(len(votes), dtype=bool)
        without[unknown] = True
        by_features = None if votes.feature_proba is None else centred_log(votes.feature_proba)
        logs = {j: centred_log(scores) for j, scores in votes.scores.items()}
        return cls(replace(votes, scores={}, feature_proba=None), logs, by_features, without)


class _Several:
    """Some draws side by side, so that one pass over the votes adds up what they say in all of them."""

    def __init__(self, draws: Sequence[WeightDraw]) -> None:
        self.count, self._k = len(draws), len(draws[0].bias)
        self._tables = np.concatenate([draw.tables for draw in draws], axis=2)
        self._bias = np.concatenate([draw.bias for draw in draws])
        self._without = np.concatenate([draw.without_evidence for draw in draws])
        self._members = {j: np.array([draw.members[j] for draw in draws]) for j in draws[0].members}
        self._by_features = np.array([draw.by_features for draw in draws])

    def log_odds(self, evidence: _Evidence, rows: slice, wanted: Codes) -> Floats:
        """Return the log-odds of some classes, int (r, c), in each draw: float (r, c, draws)."""
        votes = evidence.votes.take(rows)
        Z = table_sum(votes.L, self._tables, votes.confidence)
        Z += self._bias
        Z = Z.reshape(len(votes), self.count, self._k)
        for j, weights in self._members.items():
            if j in evidence.logs:
                Z += evidence.logs[j][rows][:, None, :] * weights[:, None]
        if evidence.by_features is not None:
            Z += evidence.by_features[rows][:, None, :] * self._by_features[:, None]
        Z[evidence.without[rows]] = self._without.reshape(self.count, self._k)
        if self._k == 2:
            odds = Z[:, :, 1] - Z[:, :, 0]
            return np.asarray(np.where(wanted == 1, 1.0, -1.0)[:, :, None] * odds[:, None, :])
        found = [_log_odds(np.take_along_axis(softmax(Z[:, d]), wanted, axis=1)) for d in range(self.count)]
        return np.stack(found, axis=2)


def _in_groups(draws: Iterable[WeightDraw], size: int) -> Iterator[_Several]:
    """Yield draws in groups of this size, the last one smaller."""
    left = iter(draws)
    while group := list(islice(left, size)):
        yield _Several(group)


def _log_odds(P: Floats) -> Floats:
    p = np.clip(P, SURE, 1 - SURE)
    return np.asarray(np.log(p) - np.log1p(-p))
