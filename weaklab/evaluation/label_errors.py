"""Manual labels that are probably wrong: those that the committee, trained without them, gives a low probability."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.core.labels import ABSTAIN
from weaklab.core.tables import some_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from weaklab.core.votes import Votes

MOST_MEMBERS = 4
"""At most so many heuristics are named in a reason."""


def suspicious(P: NDArray[np.float64], y: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """Return the places of labels that are contradicted, int (r,), the most suspicious first.

    A label is contradicted where another one is more probable out-of-fold. They are ordered by the probability of the
    label that was given: the self-confidence of Northcutt, Jiang and Chuang (2021), Confident learning: estimating
    uncertainty in dataset labels, JAIR 70.

    Parameters
    ----------
    P : float (n, k), out-of-fold probabilities of the labeled records
    y : int (n,), codes of their labels

    Examples
    --------
    >>> suspicious(np.array([[0.9, 0.1], [0.4, 0.6], [0.1, 0.9]]), np.array([0, 0, 0])).tolist()
    [2, 1]
    """
    if not len(y):
        return np.empty(0, dtype=np.int64)
    given = P[np.arange(len(y)), y]
    against = np.flatnonzero(given < P.max(axis=1))
    return against[np.argsort(given[against], kind="stable")]


def reason(votes: Votes, row: int, label: int, other: int) -> str:
    """Return why a label is suspicious in plain words: who votes for the other label, and who for this one.

    Parameters
    ----------
    votes : of all members; those of weak classifiers are out-of-fold where they trained
    row : of the record
    label, other : codes of the label that was given and of the most probable one
    """
    cast = votes.L[row]
    names = {code: [votes.names[j] for j in np.flatnonzero(cast == code).tolist()] for code in (label, other)}
    assert votes.labels is not None
    against, given = votes.labels[other], votes.labels[label]
    if names[other]:
        said = f"{_named(names[other])} for {against}"
    elif np.all(cast == ABSTAIN):
        said = f"nobody votes; similar records are {against}"
    else:
        said = f"similar records are {against}"
    return f"{said}; {_named(names[label]) if names[label] else 'nobody votes'} for {given}"


def _named(names: list[str]) -> str:
    return f"{some_of(names, MOST_MEMBERS)} vote{'s' * (len(names) == 1)}"
