"""The smallest change of votes that would give a record another label."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from weaklab.core.labels import ABSTAIN
from weaklab.core.rows import is_tied

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from weaklab.core.votes import Votes
    from weaklab.label_models import LabelModel

Change = tuple[int, int]
"""A column, and what it votes in the place of its vote."""
MOST_CHANGES = 5
MOST_PAIRS = 5_000
"""All pairs of changes are tried if they are not more; else the best change is extended one by one."""


def smallest_turn(model: LabelModel, votes: Votes, row: int, one: Votes) -> list[Change]:
    """Return the fewest votes to change so that a record gets another label; [] where five do not, or it is tied.

    A vote may be left out, or given to the second label by a member that votes for it elsewhere. Classifiers with
    scores stay as they are. Single changes and pairs are tried all, further ones are added one by one.

    Parameters
    ----------
    model : the fitted label model
    votes : of all records
    row : of the record
    one : the votes on it, with what the label model's own classifier says
    """
    P = model.predict_proba(one)
    if is_tied(P)[0]:
        return []
    first, second = np.argsort(-P[0], kind="stable")[:2].tolist()
    options = _options(votes, row, second)
    if not options:
        return []
    tried: list[tuple[Change, ...]] = [(change,) for change in options]
    for size in range(1, MOST_CHANGES + 1):
        if not tried:
            break
        lead = _lead(model, one, tried, first)
        best = int(lead.argmin())
        if lead[best] < 0:
            return list(tried[best])
        tried = _longer(options, tried[best], size)
    return []


def _options(votes: Votes, row: int, second: int) -> list[Change]:
    found: list[Change] = []
    for j in votes.without_scores.tolist():
        vote = int(votes.L[row, j])
        if vote not in (ABSTAIN, second):
            found.append((j, ABSTAIN))
        if vote != second and j not in votes.confidence and bool((votes.L[:, j] == second).any()):
            found.append((j, second))
    return found


def _longer(options: list[Change], best: tuple[Change, ...], size: int) -> list[tuple[Change, ...]]:
    if size == 1 and len(options) ** 2 / 2 <= MOST_PAIRS:
        return [(a, b) for a, b in itertools.combinations(options, 2) if a[0] != b[0]]
    taken = {j for j, _ in best}
    return [(*best, change) for change in options if change[0] not in taken]


def _lead(model: LabelModel, one: Votes, tried: Sequence[tuple[Change, ...]], first: int) -> NDArray[np.float64]:
    """Return by how much the label is ahead of the best other one after each set of changes, float (t,)."""
    many = one.take(np.zeros(len(tried), dtype=np.int64))
    L = many.L.copy()
    for place, changes in enumerate(tried):
        for j, vote in changes:
            L[place, j] = vote
    P = model.predict_proba(replace(many, L=L))
    return np.asarray(P[:, first] - np.delete(P, first, axis=1).max(axis=1))
