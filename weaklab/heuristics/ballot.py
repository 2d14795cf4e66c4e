"""What a heuristic says about a batch, and the base class of all heuristics."""

from __future__ import annotations

import abc
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from weaklab.core.faults import MAX_FAULT_RECORDS, Fault
from weaklab.core.labels import ABSTAIN, LabelNames

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, MutableSequence, Sequence

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from weaklab.heuristics.fingerprint import Module


FaultRow = tuple[int, str, str]
"""A row of a batch, the exception's name and its message."""


@dataclass
class Ballot:
    """The votes of one heuristic on n records.

    Attributes
    ----------
    votes : int8 (n,), codes, -1 abstains
    confidence : float32 (n,) in (0, 1], how sure each vote is; None where all are plain votes
    scores : float32 (n, k), the class probabilities of a weak classifier, rows of NaN-free numbers that sum to 1;
        None for labeling functions
    faults : what went wrong, merged by kind
    fault_rows : (row of the batch, exception name, message) of every record on which something went wrong, in row
        order; empty in the ballot of a whole corpus
    kills : rows of the batch on which its process was stopped or ended, in order
    seconds : CPU seconds that voting took in a child process, 0 where nobody measured
    """

    votes: NDArray[np.int8]
    confidence: NDArray[np.float32] | None = None
    scores: NDArray[np.float32] | None = None
    faults: list[Fault] = field(default_factory=list)
    fault_rows: list[FaultRow] = field(default_factory=list)
    kills: list[int] = field(default_factory=list)
    seconds: float = 0.0

    @classmethod
    def blank(cls, n: int) -> Ballot:
        """Return a ballot that abstains on n records."""
        import numpy as np

        return cls(np.full(n, ABSTAIN, dtype=np.int8))


class Heuristic(abc.ABC):
    """A voter of the committee.

    A subclass gives ``name``, ``fingerprint`` (equal if and only if it votes the same) and :meth:`evaluate`.

    Attributes
    ----------
    name : unique in a committee
    location : ``file:line`` where it was written, for messages
    keeps : False where its votes must not be kept for the next time
    opaque : True where it runs code that may hang or kill its process, so that it runs in a killable one
    """

    name: str
    location: str = ""
    keeps: bool = True
    opaque: bool = False
    examples: Any = None
    named: bool = True
    """False where its name was made up and another one may be better."""

    @property
    @abc.abstractmethod
    def fingerprint(self) -> str:
        """A hash of all that decides the votes."""

    @abc.abstractmethod
    def evaluate(self, batch: pa.RecordBatch, labels: LabelNames, watch: Watch | None = None) -> Ballot:
        """Vote on a batch; never raises for what a record does to it, but leaves a fault.

        ``watch`` is told which row is next, so that a watchdog knows where a heuristic hangs, and names rows to leave
        out.
        """

    def vote(self, batch: pa.RecordBatch, labels: LabelNames) -> NDArray[np.int8]:
        """Return the votes alone: int8 (n,), -1 abstains."""
        return self.evaluate(batch, labels).votes

    def reads(self) -> frozenset[str] | None:
        """Return the columns that it may read, beside ids and the text; None if that may be any, as for a function."""
        return None

    @property
    def unseen(self) -> tuple[str, ...]:
        """What it uses that cannot be compared by its content, in words; then it votes anew at every run."""
        return ()

    def modules(self) -> Mapping[str, Module]:
        """Return the user's own modules that it uses."""
        return {}

    def fingerprint_parts(self) -> Any:
        """Return what decides its votes, for the fingerprint of a function that captures it."""
        return self.fingerprint

    def spec(self) -> dict[str, Any] | None:
        """Return JSON from which the heuristic can be made again, None if only its code can do that."""
        return None

    @property
    def where(self) -> str:
        """Its location, or in a word what it is where it has none."""
        return self.location or re.sub("(?<!^)(?=[A-Z])", " ", type(self).__name__).lower()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"


def faults_of(heuristic: Heuristic, fault_rows: Sequence[FaultRow], ids: Sequence[Any]) -> list[Fault]:
    """Merge the fault rows of a batch by kind: the message of the first, the ids of the first few, the count of all.

    In row order, so that the faults of a corpus are the same wherever its batches end.
    """
    found: dict[str, tuple[str, list[str], int]] = {}
    for row, kind, message in fault_rows:
        first, records, count = found.get(kind, (message, [], 0))
        if len(records) < MAX_FAULT_RECORDS:
            records.append(str(ids[row]))
        found[kind] = (first, records, count + 1)
    return [
        Fault(heuristic.name, kind, message, heuristic.location, tuple(records), count)
        for kind, (message, records, count) in found.items()
    ]


@dataclass
class Watch:
    """Where a watchdog follows a heuristic row by row.

    Attributes
    ----------
    at : called with the row that comes next, -1 for the whole batch
    skip : rows that are not to be tried again, because the heuristic hung or died there
    mark : its first item is the row that comes next; a loop that cannot afford a call writes it there
    """

    at: Callable[[int], None] = lambda row: None
    skip: Collection[int] = ()
    mark: MutableSequence[int] | memoryview[int] = field(default_factory=lambda: [-1])
