"""The base class of all heuristics, and the ballot: the votes of one heuristic on a batch."""

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

    from weaklab.heuristics.value_writer import Module


FaultRow = tuple[int, str, str]
"""(row of a batch, name of the exception, its message)"""


@dataclass
class Ballot:
    """The votes of one heuristic on n records.

    Attributes
    ----------
    votes : int8 (n,), codes, -1 abstains
    confidence : float32 (n,) in (0, 1], confidence of each vote; None if all votes are plain
    scores : float32 (n, k), class probabilities of a weak classifier or a crowd, without NaN, rows sum to 1, uniform
        where it has no opinion; None for labeling functions
    faults : the faults, merged by kind
    fault_rows : (row of the batch, exception name, message) of every record with a fault, in row order; empty in the
        ballot of a whole corpus
    fault_kinds : int16 (n,), of each record the number of its fault in ``faults``, -1 for none; None in the ballot of a
        batch, and where it is not known
    kills : rows of the batch on which its process was killed or died, in order
    seconds : CPU seconds for voting in a child process; 0 if not measured
    """

    votes: NDArray[np.int8]
    confidence: NDArray[np.float32] | None = None
    scores: NDArray[np.float32] | None = None
    faults: list[Fault] = field(default_factory=list)
    fault_rows: list[FaultRow] = field(default_factory=list)
    fault_kinds: NDArray[np.int16] | None = None
    kills: list[int] = field(default_factory=list)
    seconds: float = 0.0

    @classmethod
    def blank(cls, n: int) -> Ballot:
        """Return a ballot that abstains on n records."""
        import numpy as np

        return cls(np.full(n, ABSTAIN, dtype=np.int8))


class Heuristic(abc.ABC):
    """A member of the committee: votes for a label on each record, or abstains.

    A subclass defines ``name``, ``fingerprint`` (equal if and only if it votes the same) and :meth:`evaluate`.

    Attributes
    ----------
    name : name, unique in a committee
    location : ``file:line`` where it is defined, for messages
    keeps : False if its votes must not be stored for later runs
    opaque : True if it runs user code that may hang or kill its process; then it runs in a child process
    calibrated : True if its scores are probabilities that do not come from manual labels
    """

    name: str
    location: str = ""
    keeps: bool = True
    opaque: bool = False
    calibrated: bool = False
    examples: Any = None
    named: bool = True
    """Whether the user gave the name; if False, the name was generated and may be replaced by a better one."""
    registered_as: str | None = None
    """The name under which an installed package offers it, None for any other heuristic."""

    @property
    @abc.abstractmethod
    def fingerprint(self) -> str:
        """A hash of everything that determines the votes."""

    @abc.abstractmethod
    def evaluate(self, batch: pa.RecordBatch, labels: LabelNames, watch: Watch | None = None) -> Ballot:
        """Vote on a batch; an exception on a record becomes a fault in the ballot and is not raised.

        The heuristic reports each next row to ``watch``, so that a watchdog knows where it hangs. ``watch`` also names
        rows to skip.
        """

    def vote(self, batch: pa.RecordBatch, labels: LabelNames) -> NDArray[np.int8]:
        """Return only the votes: int8 (n,), -1 abstains."""
        return self.evaluate(batch, labels).votes

    def reads(self) -> frozenset[str] | None:
        """Return the columns that it may read in addition to ids and text; None if unknown, as for a function."""
        return None

    def columns_read(self) -> frozenset[str] | None:
        """Return the columns on which its votes may depend, ids and text aside; None if these may be any.

        Unlike :meth:`reads`, this holds for functions whose code shows what they read.
        """
        return self.reads()

    @property
    def unseen(self) -> tuple[str, ...]:
        """Descriptions of what it uses and cannot be compared by content; if any exist, it votes anew in each run."""
        return ()

    def modules(self) -> Mapping[str, Module]:
        """Return the user's own modules that it uses."""
        return {}

    def fingerprint_parts(self) -> Any:
        """Return the data that determine its votes, for the fingerprint of a function that captures it."""
        return self.fingerprint

    def spec(self) -> dict[str, Any] | None:
        """Return JSON from which the heuristic can be made again; None if that needs its code."""
        return None

    @property
    def where(self) -> str:
        """Its location; if it has none, a word for its kind."""
        return self.location or re.sub("(?<!^)(?=[A-Z])", " ", type(self).__name__).lower()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"


def faults_of(heuristic: Heuristic, fault_rows: Sequence[FaultRow], ids: Sequence[Any]) -> list[Fault]:
    """Merge the fault rows of a batch by kind: message of the first, ids of the first few, count of all.

    They are merged in row order, so that the result for a corpus does not depend on the batch size.
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
    """Progress of a heuristic inside a batch, for a watchdog that kills a process that hangs.

    Attributes
    ----------
    at : function that is called with the next row, -1 for the whole batch
    skip : rows to skip, because the heuristic hung or died there before
    mark : its first item is the next row; fast loops write it there instead of calling ``at``
    """

    at: Callable[[int], None] = lambda row: None
    skip: Collection[int] = ()
    mark: MutableSequence[int] | memoryview[int] = field(default_factory=lambda: [-1])
