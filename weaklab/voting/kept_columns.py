"""Columns of votes that are kept, and the keys that say whether one may be used again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from weaklab.core.errors import UnknownLabelError
from weaklab.core.labels import ABSTAIN, LabelNames
from weaklab.heuristics import Ballot
from weaklab.heuristics.fingerprint import digest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from weaklab.core.label_set import LabelSet
    from weaklab.heuristics import Heuristic


class ColumnCache(Protocol):
    """Keeps the columns of a committee, so that they are not computed again."""

    def get(self, fingerprint: str) -> Ballot | None: ...
    def put(self, fingerprint: str, ballot: Ballot) -> None: ...


class MemoryCache(dict[str, Ballot]):
    """Columns of one corpus, kept in memory."""

    def put(self, fingerprint: str, ballot: Ballot) -> None:
        self[fingerprint] = ballot


@dataclass(frozen=True)
class KeptColumns:
    """The columns in a cache, as the labels of today have them.

    Attributes
    ----------
    cache : holds votes as slots of labels, which stay the same when labels change
    labels : the names that votes may have today
    label_set : the labels of today and their slots
    first_labels : the labels before the first change of them
    """

    cache: ColumnCache
    labels: LabelNames
    label_set: LabelSet
    first_labels: tuple[str, ...]

    def key(self, heuristic: Heuristic) -> str:
        """Return what the column of a heuristic is known by: what it does, and what its votes mean.

        Votes are slots, from the first labels on. Names that mean another label than before count, and whether numbers
        are names.
        """
        numbers = LabelNames(self.first_labels).are_numbers != self.labels.are_numbers
        meanings = (*self.label_set.meanings, *(("numbers are names",) if numbers else ()))
        return digest(heuristic.name, heuristic.fingerprint, *self.first_labels, *meanings)

    def get(self, key: str) -> Ballot | None:
        """Return a column; where votes were no labels then, only if they are none today either."""
        ballot = self.cache.get(key)
        if ballot is None or not is_strange(ballot) or self._names_key(key) == key:
            return ballot
        return self.cache.get(self._names_key(key))

    def put(self, key: str, ballot: Ballot) -> None:
        """Keep a column, whose votes are slots."""
        self.cache.put(key, ballot)
        if is_strange(ballot) and self._names_key(key) != key:
            self.cache.put(self._names_key(key), ballot)

    def with_codes_of_today(self, ballot: Ballot) -> Ballot:
        """Return a column with the codes of today in the place of slots."""
        codes = self.label_set.codes
        if codes[:-1].tolist() == list(range(len(codes) - 1)):
            return ballot
        return replace(ballot, votes=codes[ballot.votes], scores=self._scores_of_today(ballot.scores))

    def _scores_of_today(self, scores: NDArray[np.float32] | None) -> NDArray[np.float32] | None:
        """Return probabilities of slots, (n, s), as those of labels, (n, k): labels that are one now are added up."""
        import numpy as np

        if scores is None:
            return None
        found = np.zeros((len(scores), len(self.labels)), dtype=np.float32)
        for slot, code in enumerate(self.label_set.codes[: scores.shape[1]].tolist()):
            if code != ABSTAIN:
                found[:, code] += scores[:, slot]
        total = found.sum(axis=1, keepdims=True)
        return np.asarray(np.divide(found, total, out=np.full_like(found, 1 / len(self.labels)), where=total > 0))

    def _names_key(self, key: str) -> str:
        """Return what a column with votes that are no labels is known by: all names that are labels count."""
        spellings = self.label_set.spellings
        same = len(spellings) == len(self.first_labels) and set(spellings) == set(self.first_labels)
        return key if same else digest(key, *sorted(spellings))


def is_strange(ballot: Ballot) -> bool:
    """Whether votes were no labels, which they may be later."""
    return any(fault.exception == UnknownLabelError.__name__ for fault in ballot.faults)
