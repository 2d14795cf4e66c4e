"""What the kills of a heuristic's process cost: the record of each kill, and after the third one all later records."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from weaklab.corpus.records import ids_of
from weaklab.heuristics.ballot import Ballot, FaultRow, Heuristic, faults_of

if TYPE_CHECKING:
    import pyarrow as pa

MAX_KILLS = 3
"""After this many kills in one run, counted in the order of the records, a heuristic abstains on all later records."""
GIVEN_UP = ("GivenUp", f"not tried after {MAX_KILLS} stopped processes in this run")
"""Exception and message of the fault on a record after the last kill."""


def settle(
    heuristic: Heuristic, ballot: Ballot, batch: pa.RecordBatch, killed: int, rows: Sequence[int] | None = None
) -> Ballot:
    """Return what counts of a ballot after ``killed`` kills in earlier batches: after the last kill it abstains.

    Parameters
    ----------
    ballot : a ballot with its ``kills`` and ``fault_rows``, made as if this batch were the first
    batch : the batch that it belongs to, or only its ids
    killed : kills of this heuristic in all earlier batches
    rows : the rows that it had to vote on, by default all
    """
    left = max(0, MAX_KILLS - killed)
    if len(ballot.kills) < left:
        return ballot
    n = len(ballot.votes)
    end = ballot.kills[left - 1] + 1 if left else 0
    untried = [(row, *GIVEN_UP) for row in (range(end, n) if rows is None else rows) if row >= end]
    kept = [fault for fault in ballot.fault_rows if fault[0] < end]
    return with_faults(heuristic, cut_off(ballot, n, end), [*kept, *untried], batch, ballot.kills[:left])


def failed_ballot(heuristic: Heuristic, error: Exception, batch: pa.RecordBatch) -> Ballot:
    """Return a ballot that abstains on every record of a batch, each with this error as its fault."""
    fault_rows = [(row, type(error).__name__, str(error)) for row in range(batch.num_rows)]
    return with_faults(heuristic, Ballot.blank(batch.num_rows), fault_rows, batch, [])


def with_faults(
    heuristic: Heuristic, ballot: Ballot, fault_rows: Iterable[FaultRow], batch: pa.RecordBatch, kills: list[int]
) -> Ballot:
    """Return a ballot with these faults, sorted by row, and these kills in the place of its own."""
    fault_rows = sorted(fault_rows)
    return replace(ballot, faults=faults_of(heuristic, fault_rows, ids_of(batch)), fault_rows=fault_rows, kills=kills)


def cut_off(ballot: Ballot, n: int, end: int | None = None) -> Ballot:
    """Return a ballot of n rows with the votes before row ``end`` (by default all of them); it abstains after them."""
    import numpy as np

    end = len(ballot.votes) if end is None else end
    found = replace(Ballot.blank(n), fault_rows=ballot.fault_rows, seconds=ballot.seconds)
    found.votes[:end] = ballot.votes[:end]
    if ballot.confidence is not None:
        found.confidence = np.ones(n, dtype=np.float32)
        found.confidence[:end] = ballot.confidence[:end]
    return found


def scatter(part: Ballot, rows: list[int], n: int) -> Ballot:
    """Return a ballot of n rows that holds ``part`` at these rows and abstains elsewhere."""
    import numpy as np

    ballot = Ballot.blank(n)
    ballot.votes[rows] = part.votes
    if part.confidence is not None:
        ballot.confidence = np.ones(n, dtype=np.float32)
        ballot.confidence[rows] = part.confidence
    ballot.faults, ballot.kills, ballot.seconds = part.faults, [rows[row] for row in part.kills], part.seconds
    ballot.fault_rows = [(rows[row], kind, message) for row, kind, message in part.fault_rows]
    return ballot
