"""Runs the members of a committee: compiled together in one pass, in child processes that can be killed, or here."""

from __future__ import annotations

import os
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from weaklab.classifiers import WeakClassifier
from weaklab.core.errors import warn
from weaklab.corpus import BATCH_ROWS
from weaklab.features.base import sharing
from weaklab.heuristics import Ballot, ColumnVotes, Condition, Keywords, Pattern
from weaklab.heuristics.pickling import pickling_error
from weaklab.voting import Member, Plan
from weaklab.voting.workers import ProcessVoting, failed_ballot

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from weaklab.core.labels import LabelNames
    from weaklab.heuristics import Heuristic
    from weaklab.voting.workers import RowChoice

PLAN_ROWS = 1 << 16
"""Rows of a batch where all members are declared: large, so that the fixed cost of a batch is small."""
DECLARED = (Keywords, Pattern, ColumnVotes, Condition)


class VoteRunner:
    """Lets heuristics vote on batches; the votes are those of ``heuristic.evaluate``.

    Declared heuristics are compiled into one :class:`~weaklab.voting.Plan`, which runs in threads. Code of the user
    runs in child processes that can be killed, and so does a regular expression on records where it may take very long.
    The others run in this process.

    Parameters
    ----------
    heuristics : the members
    labels : label names
    timeout : seconds a function may take for a record before it is stopped; None runs everything in this process
    workers : threads and child processes, by default one a core
    warned : names of members for which a warning was given that they cannot run in a child process; more are added
    """

    def __init__(
        self,
        heuristics: Sequence[Heuristic],
        labels: LabelNames,
        *,
        timeout: float | None,
        workers: int | None = None,
        warned: set[str] | None = None,
    ) -> None:
        self.heuristics, self.labels, self.timeout = list(heuristics), labels, timeout
        self.workers = max(1, workers or os.cpu_count() or 1)
        declared = [h for h in self.heuristics if isinstance(h, DECLARED)]
        self.plan = Plan(declared, labels)
        self._patterns = [j for j, h in enumerate(declared) if isinstance(h, Pattern)] if timeout is not None else []
        self._risky = any(self.plan.risky(declared[j]) for j in self._patterns)
        others = [h for h in self.heuristics if not isinstance(h, DECLARED)]
        self._warned = set() if warned is None else warned
        self._isolated = [h for h in others if h.opaque and self._can_travel(h)]
        self._local = [h for h in others if h not in self._isolated]
        self._seconds = dict.fromkeys((h.name for h in others), 0.0)
        self._records = 0

    def _can_travel(self, heuristic: Heuristic) -> bool:
        if self.timeout is None:
            return False
        reason = pickling_error(heuristic, [heuristic])
        if reason is not None:
            self._warn_once(heuristic.name, f"sent to a child process ({reason})")
        return reason is None

    def _warn_once(self, name: str, what: str) -> None:
        """Warn the first time that a member has to vote in this process."""
        if name not in self._warned:
            self._warned.add(name)
            warn(
                f"{name} cannot be {what}, so it runs in this one, where it cannot be stopped if it hangs; "
                "pass timeout=None to run everything here"
            )

    @property
    def batch_rows(self) -> int:
        """The best number of rows in a batch."""
        return PLAN_ROWS if len(self.plan.heuristics) == len(self.heuristics) and not self._risky else BATCH_ROWS

    def reads_ids(self, column: str) -> bool:
        """Whether a member may read the column of ids."""
        if len(self.plan.heuristics) < len(self.heuristics):
            return True
        return any(column in _columns_of(heuristic) for heuristic in self.plan.heuristics)

    def vote(self, batch: pa.RecordBatch) -> list[Ballot]:
        """Return one ballot a heuristic for a single batch."""
        return next(self.run([batch]))[1]

    def run(self, batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[pa.RecordBatch, list[Ballot]]]:
        """Yield (batch, one ballot a heuristic) in the order of the batches, a few batches ahead of the reader."""
        names = [h.name for h in (*self._isolated, *self._local, *self.plan.heuristics)]
        for batch, isolated, planned in (
            self._in_processes(batches) if self._isolated or self._risky else self._in_threads(batches)
        ):
            found = dict(zip(names, (*isolated, *self._vote_locally(batch), *planned), strict=True))
            for heuristic, ballot in zip(self._isolated, isolated, strict=True):
                self._seconds[heuristic.name] += ballot.seconds
            self._records += batch.num_rows
            yield batch, [found[h.name] for h in self.heuristics]

    def _vote_locally(self, batch: pa.RecordBatch) -> list[Ballot]:
        """Return the ballots of members that run in this thread; classifiers with equal features share the matrix."""
        ballots = []
        with sharing():
            for heuristic in self._local:
                start = time.thread_time()
                ballots.append(self._evaluate(heuristic, batch))
                self._seconds[heuristic.name] += time.thread_time() - start
        return ballots

    def _evaluate(self, heuristic: Heuristic, batch: pa.RecordBatch) -> Ballot:
        try:
            return heuristic.evaluate(batch, self.labels)
        except Exception as error:
            if not heuristic.opaque:
                raise
            return failed_ballot(heuristic, error, batch)  # the user's code costs its own votes, never the run

    def _in_threads(
        self, batches: Iterable[pa.RecordBatch]
    ) -> Iterator[tuple[pa.RecordBatch, list[Ballot], list[Ballot]]]:
        """Run the plan in threads; child processes start only when a pattern meets a record on which it may take very
        long.
        """
        voting: ProcessVoting | None = None

        def with_rows_left(
            batch: pa.RecordBatch, ballots: list[Ballot], left: dict[int, NDArray[np.int64]]
        ) -> list[Ballot]:
            nonlocal voting
            if any(map(len, left.values())):
                voting = voting or self._process_voting([])
                self._merge(ballots, left, voting.vote(batch, self._rows([], left)))
            return ballots

        if not self.plan.heuristics:
            yield from ((batch, [], []) for batch in batches)
            return
        if self.workers == 1:
            for batch in batches:
                yield batch, [], with_rows_left(batch, *self.plan.evaluate(batch, self.timeout is None))
            return
        waiting: deque[tuple[pa.RecordBatch, Future[tuple[list[Ballot], dict[int, NDArray[np.int64]]]]]] = deque()
        with ThreadPoolExecutor(self.workers) as threads:
            for batch in batches:
                waiting.append((batch, threads.submit(self.plan.evaluate, batch, self.timeout is None)))
                if len(waiting) > self.workers:
                    batch, done = waiting.popleft()
                    yield batch, [], with_rows_left(batch, *done.result())
            while waiting:
                batch, done = waiting.popleft()
                yield batch, [], with_rows_left(batch, *done.result())

    def _in_processes(
        self, batches: Iterable[pa.RecordBatch]
    ) -> Iterator[tuple[pa.RecordBatch, list[Ballot], list[Ballot]]]:
        """Run the plan in the same threads that wait for the child processes."""
        planned: dict[int, tuple[list[Ballot], dict[int, NDArray[np.int64]]]] = {}

        def rows(batch: pa.RecordBatch) -> list[RowChoice]:
            found = self.plan.evaluate(batch)
            planned[id(batch)] = found
            return self._rows(self._isolated, found[1])

        distinct = (batch.slice(0) for batch in batches)  # no two are the same object, whatever the caller gives
        voting = self._process_voting(self._isolated)
        for batch, ballots in voting.over(distinct, rows):
            for name, reason in voting.cannot_load.items():
                self._warn_once(name, f"loaded in a child process ({reason})")
            mine, left = planned.pop(id(batch))
            self._merge(mine, left, ballots[len(self._isolated) :])
            yield batch, ballots[: len(self._isolated)], mine

    def _process_voting(self, isolated: Sequence[Heuristic]) -> ProcessVoting:
        assert self.timeout is not None
        members = [*isolated, *(self.plan.heuristics[j] for j in self._patterns)]
        return ProcessVoting(members, self.labels, self.timeout, self.workers)

    def _rows(self, isolated: Sequence[Heuristic], left: dict[int, NDArray[np.int64]]) -> list[RowChoice]:
        """Return what :class:`ProcessVoting` has to vote on: all rows for isolated members, rows left for patterns."""
        return [*(None for _ in isolated), *(left[j].tolist() if j in left else () for j in self._patterns)]

    def _merge(
        self, ballots: list[Ballot], left: dict[int, NDArray[np.int64]], from_processes: Sequence[Ballot]
    ) -> None:
        """Add the votes that patterns gave in a child process, on the rows that were left, to their other votes."""
        for j, ballot in zip(self._patterns, from_processes, strict=True):
            rows = left.get(j, ())
            if len(rows):
                ballots[j].votes[rows] = ballot.votes[rows]
                ballots[j].faults, ballots[j].fault_rows, ballots[j].kills = (
                    ballot.faults,
                    ballot.fault_rows,
                    ballot.kills,
                )

    def explain(self) -> list[Member]:
        """Return how each member runs, why, and its CPU seconds so far."""
        found = {member.name: member for member in self.plan.explain()}
        for heuristic in self._isolated:
            if heuristic.name in self._warned:
                found[heuristic.name] = Member(
                    heuristic.name, "in this process, row by row", "it cannot be loaded in a child"
                )
            else:
                found[heuristic.name] = Member(
                    heuristic.name, "in a child process, row by row", "its code may hang or end its process"
                )
        for heuristic in self._local:
            learns = isinstance(heuristic, WeakClassifier)
            how = "in this process, batch by batch" if learns else "in this process, row by row"
            reason = (
                "it learns"
                if learns
                else "no timeout is set"
                if self.timeout is None
                else "it cannot be sent to a child"
            )
            found[heuristic.name] = Member(heuristic.name, how, reason)
        for name, seconds in self._seconds.items():
            found[name] = found[name]._replace(seconds=seconds, records=self._records)
        return [_with_note(found[h.name], h) for h in self.heuristics]


def _columns_of(heuristic: Heuristic) -> Collection[str]:
    """Return the columns that a declared heuristic reads."""
    if isinstance(heuristic, Condition):
        return heuristic.condition.columns()
    assert isinstance(heuristic, ColumnVotes | Keywords | Pattern)
    return [heuristic.column]


def _with_note(member: Member, heuristic: Heuristic) -> Member:
    """Add why the votes of a member cannot be used again."""
    unseen = heuristic.unseen
    if not unseen:
        return member
    listed = ", ".join(unseen[:3]) + (f" and {len(unseen) - 3} more" if len(unseen) > 3 else "")
    return member._replace(
        why=f"{member.why}; it votes anew at every run, as this cannot be compared by content: {listed}"
    )
