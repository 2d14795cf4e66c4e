"""Which record has which fault, so that faults of records that are removed or updated are no longer counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from weaklab.core.faults import MAX_FAULT_RECORDS, Fault
from weaklab.heuristics import Ballot

if TYPE_CHECKING:
    from numpy.typing import NDArray

NO_FAULT = -1


def joined_fault_kinds(parts: Sequence[Ballot], faults: Sequence[Fault]) -> NDArray[np.int16] | None:
    """Return int16 (n,): of each record on successive batches the number of its fault, -1 for none.

    None where there is no fault, or where a ballot does not say on which records its faults are.
    """
    if not faults:
        return None
    places = {fault.exception: place for place, fault in enumerate(faults)}
    found = [_fault_kinds(part, places) for part in parts]
    known = [kinds for kinds in found if kinds is not None]
    return np.concatenate(known) if len(known) == len(found) else None


def _fault_kinds(part: Ballot, places: dict[str, int]) -> NDArray[np.int16] | None:
    kinds = np.full(len(part.votes), NO_FAULT, dtype=np.int16)
    if not part.faults:
        return kinds
    if part.fault_kinds is not None:
        table = np.array([*(places[fault.exception] for fault in part.faults), NO_FAULT], dtype=np.int16)
        return table[part.fault_kinds]
    for row, exception, _ in part.fault_rows:
        kinds[row] = places.get(exception, NO_FAULT)
    counted = int((kinds != NO_FAULT).sum())
    return kinds if counted == sum(fault.count for fault in part.faults) else None


def placed(ballot: Ballot, places: NDArray[np.int64], ids: Callable[[NDArray[np.int64]], list[str]]) -> Ballot:
    """Return the votes on some records, in the order of their places, with the faults on these alone.

    Where a ballot does not say on which records its faults are, all are kept.

    Parameters
    ----------
    ids : returns the ids of the records at some row numbers of the new order
    """
    found = replace(
        ballot,
        votes=ballot.votes[places],
        confidence=None if ballot.confidence is None else ballot.confidence[places],
        scores=None if ballot.scores is None else ballot.scores[places],
    )
    if ballot.fault_kinds is None:
        return found
    found.fault_kinds, found.faults = ballot.fault_kinds[places], []
    for number, fault in enumerate(ballot.faults):
        rows = np.flatnonzero(found.fault_kinds == number)
        found.fault_kinds[rows] = len(found.faults) if len(rows) else NO_FAULT
        if len(rows):
            found.faults.append(replace(fault, records=tuple(ids(rows[:MAX_FAULT_RECORDS])), count=len(rows)))
    return found
