"""Where a committee disagrees or is unsure: one reason for each record, and groups of such records."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from weaklab.core.labels import ABSTAIN
from weaklab.core.rows import row_argmax, row_max, top_two
from weaklab.evaluation.analysis import conflicts, covered, wilson_interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from weaklab.core.votes import Votes

ANNOTATORS = "annotators differ"
NOBODY = "nobody votes"
EXPERT = "outvoted expert"
FUNCTIONS = "LF against LF"
CLASSIFIER = "LF against classifier"
OWN = "LF against instance features"
"""Instead of ``LF against classifier`` where no weak classifier votes: the label model's own classifier differs."""
CLASSIFIERS = "classifiers differ"
TIE = "near tie"
REASONS = (ANNOTATORS, NOBODY, EXPERT, FUNCTIONS, CLASSIFIER, OWN, CLASSIFIERS, TIE)
"""In the order in which they are given: a record has the first one that holds for it."""

SURE = 0.95
"""A record on which nobody votes is listed if the committee gives its label less than this."""
LEANS = 0.6
"""From this probability on, the label model's own classifier counts as a vote."""
NEAR = 0.4
"""Two labels whose probabilities differ by less than this are nearly tied."""
EXPERT_LABELS, EXPERT_ACCURACY = 10, 0.7
"""An expert was judged by so many manual labels, and the lower end of the interval of its accuracy is at least this."""
COUNTED = 20_000
"""Pairs of members are ordered by how often they differ on at most this many records, spread evenly."""


@dataclass(frozen=True)
class Opinions:
    """What the members of a committee say of n records.

    Attributes
    ----------
    L : int8 (n, m), votes of the members; the label model's own classifier is the last one, where there is one
    names : of the members
    learns : bool (m,), whether the member is a classifier
    own : whether the last member is the label model's own classifier, which says something of every record
    P : float (n, k), the probabilities
    open : bool (n,), False where a manual label stands
    disputed : bool (n,), whether people gave different labels, and nobody has settled it
    trust : float (m,), the lower end of the 95 % interval of the accuracy; 0 where too few labels judge it
    """

    L: NDArray[np.int8]
    names: Sequence[str]
    learns: NDArray[np.bool_]
    own: bool
    P: NDArray[np.float64]
    open: NDArray[np.bool_]
    disputed: NDArray[np.bool_]
    trust: NDArray[np.float64]


def opinions_of(
    votes: Votes,
    P: NDArray[np.float64],
    y: NDArray[np.int64],
    *,
    own: tuple[str, NDArray[np.float64]] | None = None,
    disputed: NDArray[np.bool_] | None = None,
) -> Opinions:
    """Return what the members say, from votes and manual labels.

    Parameters
    ----------
    votes : of the members; those with scores that are not calibrated are classifiers
    P : float (n, k), the probabilities of the committee
    y : int (n,), manual labels, -1 is unlabeled
    own : name and probabilities, float (n, k), of the label model's own classifier
    disputed : bool (n,), see :class:`Opinions`
    """
    m = votes.L.shape[1]
    L, names = votes.L, list(votes.names) or [str(j) for j in range(m)]
    learns = ~np.isin(np.arange(m), votes.not_learned)
    trust = np.array([_trust(L[:, j], y) for j in range(m)])
    if own is not None:
        column = np.where(row_max(own[1]) >= LEANS, row_argmax(own[1]), ABSTAIN).astype(np.int8)
        L, names = np.column_stack([L, column]), [*names, own[0]]
        learns, trust = np.append(learns, True), np.append(trust, 0.0)
    nothing = np.zeros(len(y), dtype=bool)
    return Opinions(
        L, names, learns, own is not None, P, y == ABSTAIN, nothing if disputed is None else disputed, trust
    )


def _trust(column: NDArray[np.int8], y: NDArray[np.int64]) -> float:
    judged = (column != ABSTAIN) & (y != ABSTAIN)
    n = int(judged.sum())
    return wilson_interval(int((column[judged] == y[judged]).sum()), n)[0] if n >= EXPERT_LABELS else 0.0


def reasons(said: Opinions) -> NDArray[np.int8]:
    """Return the place in ``REASONS`` of the reason of each record, int8 (n,); -1 where there is none: the committee
    agrees and is sure, or a manual label stands.

    Examples
    --------
    >>> from weaklab.core.votes import Votes
    >>> P = np.array([[0.5, 0.5], [0.9, 0.1], [0.6, 0.4], [0.9, 0.1], [0.55, 0.45]])
    >>> votes = Votes([[0, 1], [0, 0], [-1, -1], [0, 1], [0, -1]])
    >>> [REASONS[code] if code >= 0 else "" for code in reasons(opinions_of(votes, P, np.array([-1, -1, -1, 0, -1])))]
    ['LF against LF', '', 'nobody votes', '', 'near tie']
    """
    functions, learned = said.L[:, ~said.learns], said.L[:, said.learns]
    members = said.L[:, :-1] if said.own else said.L
    first, second = top_two(said.P)
    some = covered(functions)
    vote = functions.max(axis=1, initial=ABSTAIN)  # where functions agree
    other = ((learned != ABSTAIN) & (learned != vote[:, None])).any(axis=1)
    found = np.full(len(said.P), ABSTAIN, dtype=np.int8)
    for reason, holds in (
        (TIE, first - second < NEAR),
        (CLASSIFIERS, ~some & conflicts(learned)),
        (
            OWN if said.own and not covered(members[:, said.learns[: members.shape[1]]]).any() else CLASSIFIER,
            some & other,
        ),
        (FUNCTIONS, conflicts(functions)),
        (EXPERT, outvoted(said) >= 0),
        (NOBODY, ~covered(members) & (first < SURE)),
    ):
        found[holds & said.open] = REASONS.index(reason)
    found[said.disputed] = REASONS.index(ANNOTATORS)
    return found


def outvoted(said: Opinions) -> NDArray[np.int64]:
    """Return the expert that votes against the committee's label, int (n,): the column of the member that is known to
    be right more often than every member that votes for it; -1 where there is none.
    """
    n = len(said.P)
    best = row_argmax(said.P)
    with_it, against, who = np.zeros(n), np.zeros(n), np.full(n, ABSTAIN, dtype=np.int64)
    for j in np.flatnonzero(said.trust > 0).tolist():
        column, trust = said.L[:, j], said.trust[j]
        np.maximum(with_it, trust, out=with_it, where=column == best)
        better = (column != ABSTAIN) & (column != best) & (trust > against)
        against[better], who[better] = trust, j
    return np.where((against >= EXPERT_ACCURACY) & (against > with_it), who, ABSTAIN)


@dataclass(frozen=True)
class Group:
    """Records with one reason and the same members.

    Attributes
    ----------
    reason : one of ``REASONS``
    members : names of the members that differ; for ``outvoted expert``, the expert
    rows : row numbers of the records, ascending
    """

    reason: str
    members: tuple[str, ...]
    rows: NDArray[np.int64]


def groups(said: Opinions) -> list[Group]:
    """Return the records that have a reason in groups, each record in one; those of a pair of members together.

    A record on which several pairs differ belongs to the pair that differs most often.

    Examples
    --------
    >>> from weaklab.core.votes import Votes
    >>> votes = Votes([[0, 1, -1], [0, 1, 1], [0, -1, 1]], names=["a", "b", "c"])
    >>> said = opinions_of(votes, np.full((3, 2), 0.5), np.full(3, -1))
    >>> [(group.members, group.rows.tolist()) for group in groups(said)]
    [(('a', 'b'), [0, 1]), (('a', 'c'), [2])]
    """
    found: list[Group] = []
    codes = reasons(said)
    functions, learned = np.flatnonzero(~said.learns).tolist(), np.flatnonzero(said.learns).tolist()
    sides = {
        FUNCTIONS: (functions, functions),
        CLASSIFIER: (functions, learned),
        OWN: (functions, learned),
        CLASSIFIERS: (learned, learned),
    }
    for code, reason in enumerate(REASONS):
        rows = np.flatnonzero(codes == code)
        if not len(rows):
            continue
        if reason in sides:
            pairs = _by_pair(said.L, rows, *sides[reason])
            found += [Group(reason, (said.names[a], said.names[b]), part) for (a, b), part in pairs]
        elif reason == EXPERT:
            who = outvoted(said)[rows]
            found += [Group(reason, (said.names[j],), rows[who == j]) for j in np.unique(who).tolist()]
        else:
            found.append(Group(reason, (), rows))
    return found


def _by_pair(
    L: NDArray[np.int8], rows: NDArray[np.int64], left: Sequence[int], right: Sequence[int]
) -> Iterator[tuple[tuple[int, int], NDArray[np.int64]]]:
    """Yield pairs of members and the rows on which they differ, the most frequent pair first; each row once."""
    part = L[rows[:: max(1, len(rows) // COUNTED)]]
    pairs = [(a, b) for a in left for b in right if a < b or left is not right]
    counts = [int(_differ(part, a, b).sum()) for a, b in pairs]
    for place in sorted(range(len(pairs)), key=lambda place: -counts[place]):
        if not len(rows):
            return
        mine = _differ(L[rows], *pairs[place])
        if mine.any():
            yield pairs[place], rows[mine]
            rows = rows[~mine]


def _differ(L: NDArray[np.int8], a: int, b: int) -> NDArray[np.bool_]:
    return np.asarray((L[:, a] != ABSTAIN) & (L[:, b] != ABSTAIN) & (L[:, a] != L[:, b]))
