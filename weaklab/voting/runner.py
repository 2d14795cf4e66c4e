"""How each member of a committee comes to its votes: in one pass with others, in a killable process, or in this one."""

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
from weaklab.voting import Member, Plan
from weaklab.voting.workers import Runner, Stream, can_travel, failed_ballot

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from weaklab.core.labels import LabelNames
    from weaklab.heuristics import Heuristic
    from weaklab.voting.workers import Rows

PLAN_ROWS = 1 << 16
"""Rows in a batch where all members are declared: what there is to do once a batch is then nothing beside the
records."""
DECLARED = (Keywords, Pattern, ColumnVotes, Condition)


class VoteRunner:
    """Lets heuristics vote on batches, each in the way that suits it; the votes are those of ``heuristic.evaluate``.

    Declared heuristics are compiled into one :class:`~weaklab.voting.Plan`, which runs in threads. What runs code of
    the user, and a regular expression on a record where it may take very long, runs in killable child processes. The
    others run in this process.

    Parameters
    ----------
    heuristics : the members
    labels : label names
    timeout : seconds a function may take for a record before it is stopped; None runs everything in this process
    workers : threads and child processes, by default one a core
    told : names of members of which it was said already that they cannot be sent to a child process; more are added
    """

    def __init__(
        self,
        heuristics: Sequence[Heuristic],
        labels: LabelNames,
        *,
        timeout: float | None,
        workers: int | None = None,
        told: set[str] | None = None,
    ) -> None:
        self.heuristics, self.labels, self.timeout = list(heuristics), labels, timeout
        self.workers = max(1, workers or os.cpu_count() or 1)
        declared = [h for h in self.heuristics if isinstance(h, DECLARED)]
        self.plan = Plan(declared, labels)
        self._patterns = [j for j, h in enumerate(declared) if isinstance(h, Pattern)] if timeout is not None else []
        self._risky = any(self.plan.risky(declared[j]) for j in self._patterns)
        others = [h for h in self.heuristics if not isinstance(h, DECLARED)]
        self._told = set() if told is None else told
        self._travel = [h for h in others if h.opaque and self._can_travel(h)]
        self._stay = [h for h in others if h not in self._travel]
        self._seconds = dict.fromkeys((h.name for h in others), 0.0)
        self._records = 0

    def _can_travel(self, heuristic: Heuristic) -> bool:
        if self.timeout is None:
            return False
        reason = can_travel(heuristic)
        if reason is not None:
            self._tell(heuristic.name, f"sent to a child process ({reason})")
        return reason is None

    def _tell(self, name: str, what: str) -> None:
        """Say once that a member votes in this process."""
        if name not in self._told:
            self._told.add(name)
            warn(
                f"{name} cannot be {what}, so it runs in this one, where it cannot be stopped if it hangs; "
                "pass timeout=None to run everything here"
            )

    @property
    def batch_rows(self) -> int:
        """How many rows a batch had best have."""
        return PLAN_ROWS if len(self.plan.heuristics) == len(self.heuristics) and not self._risky else BATCH_ROWS

    def reads_ids(self, column: str) -> bool:
        """Whether a member looks, or may look, at the column of ids."""
        if len(self.plan.heuristics) < len(self.heuristics):
            return True
        return any(column in _columns_of(heuristic) for heuristic in self.plan.heuristics)

    def vote(self, batch: pa.RecordBatch) -> list[Ballot]:
        """Return one ballot a heuristic for a single batch."""
        return next(self.run([batch]))[1]

    def run(self, batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[pa.RecordBatch, list[Ballot]]]:
        """Yield (batch, one ballot a heuristic) in the order of the batches, a few batches ahead of the reader."""
        names = [h.name for h in (*self._travel, *self._stay, *self.plan.heuristics)]
        for batch, travelled, planned in (
            self._apart(batches) if self._travel or self._risky else self._in_threads(batches)
        ):
            found = dict(zip(names, (*travelled, *self._evaluate(batch), *planned), strict=True))
            for heuristic, ballot in zip(self._travel, travelled, strict=True):
                self._seconds[heuristic.name] += ballot.seconds
            self._records += batch.num_rows
            yield batch, [found[h.name] for h in self.heuristics]

    def _evaluate(self, batch: pa.RecordBatch) -> list[Ballot]:
        """Let those vote that run in this thread; classifiers with the same features share these."""
        ballots = []
        with sharing():
            for heuristic in self._stay:
                start = time.thread_time()
                ballots.append(self._vote_here(heuristic, batch))
                self._seconds[heuristic.name] += time.thread_time() - start
        return ballots

    def _vote_here(self, heuristic: Heuristic, batch: pa.RecordBatch) -> Ballot:
        try:
            return heuristic.evaluate(batch, self.labels)
        except Exception as error:
            if not heuristic.opaque:
                raise
            return failed_ballot(heuristic, error, batch)  # the user's code costs its own votes, never the run

    def _in_threads(
        self, batches: Iterable[pa.RecordBatch]
    ) -> Iterator[tuple[pa.RecordBatch, list[Ballot], list[Ballot]]]:
        """Run the plan in threads; children start only where a pattern has met a record on which it may take very
        long.
        """
        stream: Stream | None = None

        def settled(batch: pa.RecordBatch, ballots: list[Ballot], left: dict[int, NDArray[np.int64]]) -> list[Ballot]:
            nonlocal stream
            if any(map(len, left.values())):
                stream = stream or self._stream([])
                self._merge(ballots, left, stream.vote(batch, self._rows([], left)))
            return ballots

        if not self.plan.heuristics:
            yield from ((batch, [], []) for batch in batches)
            return
        if self.workers == 1:
            for batch in batches:
                yield batch, [], settled(batch, *self.plan.evaluate(batch, self.timeout is None))
            return
        waiting: deque[tuple[pa.RecordBatch, Future[tuple[list[Ballot], dict[int, NDArray[np.int64]]]]]] = deque()
        with ThreadPoolExecutor(self.workers) as threads:
            for batch in batches:
                waiting.append((batch, threads.submit(self.plan.evaluate, batch, self.timeout is None)))
                if len(waiting) > self.workers:
                    batch, done = waiting.popleft()
                    yield batch, [], settled(batch, *done.result())
            while waiting:
                batch, done = waiting.popleft()
                yield batch, [], settled(batch, *done.result())

    def _apart(self, batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[pa.RecordBatch, list[Ballot], list[Ballot]]]:
        """Run the plan in the threads that wait for the children."""
        planned: dict[int, tuple[list[Ballot], dict[int, NDArray[np.int64]]]] = {}

        def rows(batch: pa.RecordBatch) -> list[Rows]:
            found = self.plan.evaluate(batch)
            planned[id(batch)] = found
            return self._rows(self._travel, found[1])

        one_by_one = (batch.slice(0) for batch in batches)  # no two are the same object, whatever the caller gives
        stream = self._stream(self._travel)
        for batch, ballots in stream.over(one_by_one, rows):
            for name, reason in stream.cannot_load.items():
                self._tell(name, f"loaded in a child process ({reason})")
            mine, left = planned.pop(id(batch))
            self._merge(mine, left, ballots[len(self._travel) :])
            yield batch, ballots[: len(self._travel)], mine

    def _stream(self, travel: Sequence[Heuristic]) -> Stream:
        assert self.timeout is not None
        return Runner(self.timeout, self.workers).stream(
            [*travel, *(self.plan.heuristics[j] for j in self._patterns)], self.labels
        )

    def _rows(self, travel: Sequence[Heuristic], left: dict[int, NDArray[np.int64]]) -> list[Rows]:
        return [*(None for _ in travel), *(left[j].tolist() if j in left else () for j in self._patterns)]

    def _merge(self, ballots: list[Ballot], left: dict[int, NDArray[np.int64]], apart: Sequence[Ballot]) -> None:
        """Put what patterns voted in a child on the rows that were left beside their other votes."""
        for j, ballot in zip(self._patterns, apart, strict=True):
            rows = left.get(j, ())
            if len(rows):
                ballots[j].votes[rows] = ballot.votes[rows]
                ballots[j].faults, ballots[j].fault_rows, ballots[j].kills = (
                    ballot.faults,
                    ballot.fault_rows,
                    ballot.kills,
                )

    def explain(self) -> list[Member]:
        """Return how each member runs, why, and what it took so far."""
        found = {member.name: member for member in self.plan.explain()}
        for heuristic in self._travel:
            if heuristic.name in self._told:
                found[heuristic.name] = Member(
                    heuristic.name, "in this process, row by row", "it cannot be loaded in a child"
                )
            else:
                found[heuristic.name] = Member(
                    heuristic.name, "in a child process, row by row", "its code may hang or end its process"
                )
        for heuristic in self._stay:
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
