"""Lets heuristics vote in child processes that can be killed: one that hangs or crashes costs one record.

Votes and faults do not depend on the number of workers nor on where batches end. Workers run ahead of each other by
chance, so a heuristic may be killed more often than with one worker; what counts is decided afterwards, in the order of
the records (:func:`~weaklab.voting.workers.kills.settle`).
"""

from __future__ import annotations

import io
import itertools
import os
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from weaklab.core.errors import WeaklabError
from weaklab.core.labels import LabelNames
from weaklab.heuristics.ballot import Ballot, Heuristic, Watch
from weaklab.voting.workers.kills import GIVEN_UP, MAX_KILLS, cut_off, scatter, settle, with_faults
from weaklab.voting.workers.pool import ProcessPool, WorkerSlot
from weaklab.voting.workers.voter import (
    WHOLE_BATCH,
    CannotLoadError,
    PackedHeuristic,
    VoteRequest,
    VoterKilledError,
    VotingProcess,
)

if TYPE_CHECKING:
    import pyarrow as pa

RowChoice = Sequence[int] | None
"""The rows of a batch that a heuristic has to vote on, ascending; None for all of them."""

_pool = ProcessPool(VotingProcess)
_numbers = itertools.count()


class ProcessVoting:
    """Heuristics that vote in child processes on one batch after the other, and how often each was killed so far.

    The third kill of a heuristic, in the order of the records, is its last: it keeps its votes before that record and
    abstains after it. A child that ends before its first record, as where an import ends it, counts as killed at the
    first record that was left. Functions that take whole batches are the exception: a kill costs them the batch.

    Parameters
    ----------
    heuristics : the voters
    labels : label names
    timeout : seconds that a heuristic may take for one record (a batch function: for one batch)
    workers : child processes, by default one a core
    killed : kills of each heuristic in earlier batches, by default none

    Attributes
    ----------
    killed : kills of each heuristic in the batches voted on so far, at most ``MAX_KILLS``
    cannot_load : name -> why a child cannot unpickle a heuristic; it votes in this process then

    Examples
    --------
    >>> import weaklab
    >>> from weaklab.core.labels import LabelNames
    >>> voting = ProcessVoting([weaklab.keywords("spam", ["prize"])], LabelNames(["ham", "spam"]), timeout=10)
    >>> voting.vote(next(weaklab.read(["a prize", "lunch"]).batches()))[0].votes.tolist()
    [1, -1]
    """

    def __init__(
        self,
        heuristics: Sequence[Heuristic],
        labels: LabelNames,
        timeout: float,
        workers: int | None = None,
        killed: Sequence[int] | None = None,
    ) -> None:
        self.heuristics, self.labels, self.timeout = list(heuristics), labels, timeout
        self.workers = max(1, workers or os.cpu_count() or 1)
        self.killed = [0] * len(self.heuristics) if killed is None else list(killed)
        self.cannot_load: dict[str, str] = {}
        self._packed = [PackedHeuristic.of(heuristic) for heuristic in self.heuristics]
        self._id = next(_numbers)
        self._batches = 0
        self._kills = Counter({(column, self._batches): kills for column, kills in enumerate(self.killed)})
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._in_this_process: dict[int, threading.Lock] = {}

    def vote(self, batch: pa.RecordBatch, rows: Sequence[RowChoice] | None = None) -> list[Ballot]:
        """Return one ballot a heuristic for the next batch.

        Parameters
        ----------
        rows : for each heuristic the rows that it votes on, by default all; it abstains on the others
        """
        self._stopped.clear()
        number = self._next_number()
        try:
            return self._settled(batch, self._vote_batch(batch, number, None if rows is None else lambda batch: rows))
        except BaseException:
            self._stop()
            raise

    def over(
        self, batches: Iterable[pa.RecordBatch], rows: Callable[[pa.RecordBatch], Sequence[RowChoice]] | None = None
    ) -> Iterator[tuple[pa.RecordBatch, list[Ballot]]]:
        """Yield (batch, one ballot a heuristic) in order; at most two batches a worker are read ahead.

        Parameters
        ----------
        rows : function of a batch that returns for each heuristic the rows it votes on; it abstains on the others.
            It is called in several threads at once.
        """
        self._stopped.clear()
        waiting: deque[tuple[pa.RecordBatch, Future[list[_Outcome]]]] = deque()

        def next_ballots() -> tuple[pa.RecordBatch, list[Ballot]]:
            batch, future = waiting.popleft()
            return batch, self._settled(batch, future.result())

        with ThreadPoolExecutor(self.workers) as threads:
            try:
                for batch in batches:
                    waiting.append((batch, threads.submit(self._vote_batch, batch, self._next_number(), rows)))
                    if len(waiting) == 2 * self.workers:
                        yield next_ballots()
                while waiting:
                    yield next_ballots()
            except BaseException:
                for _, future in waiting:
                    future.cancel()
                self._stop()
                raise

    def _next_number(self) -> int:
        self._batches += 1
        return self._batches

    def _stop(self) -> None:
        self._stopped.set()
        _pool.kill_lent(self)

    def _settled(self, batch: pa.RecordBatch, outcomes: list[_Outcome]) -> list[Ballot]:
        """Return what counts of the outcomes, now that all earlier batches are known."""
        ballots = []
        for column, outcome in enumerate(outcomes):
            before = self.killed[column]
            ballots.append(settle(self.heuristics[column], outcome.ballot, batch, before, outcome.rows))
            self.killed[column] = min(MAX_KILLS, before + len(outcome.ballot.kills))
        return ballots

    def _vote_batch(
        self, batch: pa.RecordBatch, number: int, choose: Callable[[pa.RecordBatch], Sequence[RowChoice]] | None
    ) -> list[_Outcome]:
        rows: Sequence[RowChoice] = [None] * len(self.heuristics) if choose is None else choose(batch)
        if len(rows) != len(self.heuristics):
            raise WeaklabError(
                f"rows must have one entry for each of the {len(self.heuristics)} heuristics, got {len(rows)}"
            )
        outcomes: dict[int, _Outcome] = {}
        slot = _BatchSlot(number, self)
        try:
            # those that vote on all rows first, because they share the batch that the child has
            for column in sorted(range(len(rows)), key=lambda column: rows[column] is not None):
                outcomes[column] = self._outcome(column, batch, rows[column], slot)
        except BaseException:
            slot.release(kill=True)
            raise
        slot.release()
        return [outcomes[column] for column in range(len(rows))]

    def _outcome(self, column: int, batch: pa.RecordBatch, rows: RowChoice, slot: _BatchSlot) -> _Outcome:
        """Let one heuristic vote on one batch, or on some rows of it."""
        if rows is None:
            return _Outcome(self._ballot(column, batch, slot), None)
        import pyarrow as pa

        chosen = [int(row) for row in rows]
        if not chosen:
            return _Outcome(Ballot.blank(batch.num_rows), chosen)
        part = self._ballot(column, batch.take(pa.array(chosen, pa.int64())), slot)
        return _Outcome(scatter(part, chosen, batch.num_rows), chosen)

    def _ballot(self, column: int, batch: pa.RecordBatch, slot: _BatchSlot) -> Ballot:
        """Return the votes of a heuristic, asked again after each kill without the record that it was killed at."""
        deaths: dict[int, VoterKilledError] = {}
        while len(deaths) < batch.num_rows and not self._given_up(column, slot.number):
            try:
                ballot = self._ask(column, batch, frozenset(deaths), None, slot)
            except VoterKilledError as death:
                self._note(death, deaths, column, batch.num_rows, slot)
            else:
                return self._with_deaths(column, batch, ballot, deaths, ()) if deaths else ballot
        blank = Ballot.blank(batch.num_rows)
        before = [row for row in range(max(deaths, default=0)) if row not in deaths]
        if not before or self._given_up(column, slot.number - 1):
            return self._with_deaths(column, batch, blank, deaths, ())
        try:  # it is given up, but its votes before the last kill count
            ballot = self._ask(column, batch, frozenset(deaths), before[-1] + 1, slot)
        except VoterKilledError as death:  # what killed it does not depend on the record alone
            self._note(death, deaths, column, batch.num_rows, slot)
            return self._with_deaths(column, batch, blank, deaths, before)
        return self._with_deaths(column, batch, cut_off(ballot, batch.num_rows), deaths, ())

    def _note(
        self, death: VoterKilledError, deaths: dict[int, VoterKilledError], column: int, n: int, slot: _BatchSlot
    ) -> None:
        """Add a death to those on a batch of n rows; a function of a whole batch dies on all of it."""
        if self._stopped.is_set():
            raise death
        if self._takes_batches(column):
            deaths.update(dict.fromkeys(range(n), death))
        elif death.row == WHOLE_BATCH:
            deaths[next(row for row in range(n) if row not in deaths)] = death
        else:
            deaths[death.row] = death
        with self._lock:
            self._kills[column, slot.number] += 1

    def _with_deaths(
        self,
        column: int,
        batch: pa.RecordBatch,
        ballot: Ballot,
        deaths: dict[int, VoterKilledError],
        untried: Iterable[int],
    ) -> Ballot:
        """Return a ballot with a fault for each death and each row that was not tried."""
        fault_rows = [(row, death.exception, death.message) for row, death in deaths.items()]
        fault_rows += [(row, *GIVEN_UP) for row in untried if row not in deaths]
        kills = [batch.num_rows - 1] if deaths and self._takes_batches(column) else sorted(deaths)
        return with_faults(self.heuristics[column], ballot, [*fault_rows, *ballot.fault_rows], batch, kills)

    def _takes_batches(self, column: int) -> bool:
        return getattr(self.heuristics[column], "batch_form", None) is not None

    def _ask(
        self, column: int, batch: pa.RecordBatch, skip: frozenset[int], stop: int | None, slot: _BatchSlot
    ) -> Ballot:
        """Let the child in the slot vote; if it is killed, the next call starts a new one."""
        if self._stopped.is_set():
            raise CancelledError
        if column in self._in_this_process:
            return self._vote_here(column, batch, skip, stop)
        child, heuristic = slot.process, self._packed[column]
        pickle = child.pickle_to_send(self._id, heuristic)
        request = VoteRequest(self._id, heuristic.key, pickle, slot.bytes_to_send(batch), skip, stop, self.labels)
        try:
            return child.vote(request, self.timeout)
        except VoterKilledError:
            slot.release(kill=True)
            raise
        except CannotLoadError as error:
            self._move_here(column, str(error))
            return self._vote_here(column, batch, skip, stop)

    def _move_here(self, column: int, reason: str) -> None:
        """Let a heuristic vote in this process from now on."""
        with self._lock:
            new = column not in self._in_this_process
            self._in_this_process.setdefault(column, threading.Lock())
        if new:
            self.cannot_load[self.heuristics[column].name] = reason

    def _vote_here(self, column: int, batch: pa.RecordBatch, skip: frozenset[int], stop: int | None) -> Ballot:
        """Vote in this process, in one thread at a time."""
        with self._in_this_process[column]:
            return self.heuristics[column].evaluate(
                batch if stop is None else batch.slice(0, stop), self.labels, Watch(skip=skip)
            )

    def _given_up(self, column: int, number: int) -> bool:
        """Whether a heuristic was killed too often in the batches up to this one; later ones do not count."""
        with self._lock:
            kills = [kills for (which, batch), kills in self._kills.items() if which == column and batch <= number]
        return sum(kills) >= MAX_KILLS


@dataclass
class _Outcome:
    """The votes of one heuristic on one batch, and the rows that it had to vote on."""

    ballot: Ballot
    rows: RowChoice


class _BatchSlot(WorkerSlot[VotingProcess]):
    """The child that votes on one batch, restarted after a kill; remembers which batch it was sent."""

    def __init__(self, number: int, voting: ProcessVoting) -> None:
        super().__init__(_pool, voting)
        self.number = number
        self._sent: pa.RecordBatch | None = None

    def bytes_to_send(self, batch: pa.RecordBatch) -> bytes | None:
        """Return a batch as an Arrow IPC stream, None if the child has it."""
        if self._sent is batch:
            return None
        self._sent = batch
        return _as_bytes(batch)

    def release(self, kill: bool = False) -> None:
        """Give the child back, or kill it."""
        self._sent = None
        super().release(kill)


def _as_bytes(batch: pa.RecordBatch) -> bytes:
    import pyarrow as pa

    stream = io.BytesIO()
    with pa.ipc.new_stream(stream, batch.schema) as writer:
        writer.write_batch(batch)
    return stream.getvalue()
