"""Runs the members of a committee: compiled together in one pass, in child processes that can be killed, or here."""

from __future__ import annotations

import itertools
import os
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property, partial
from typing import TYPE_CHECKING, NamedTuple

from weaklab.classifiers import WeakClassifier
from weaklab.core.errors import warn
from weaklab.corpus import BATCH_ROWS
from weaklab.features.base import sharing
from weaklab.heuristics import Ballot, ColumnVotes, Condition, Keywords, Pattern
from weaklab.heuristics.pickling import pickling_error
from weaklab.voting import Member, Plan
from weaklab.voting.compiling import CompiledFunctions, CompiledVotes, compile_functions
from weaklab.voting.workers import ProcessVoting, failed_ballot, settle
from weaklab.voting.workers.kills import scatter

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from weaklab.core.labels import LabelNames
    from weaklab.heuristics import Heuristic
    from weaklab.voting.workers import RowChoice

PLAN_ROWS = 1 << 16
"""Rows of a batch where all members are declared: large, so that the fixed cost of a batch is small."""
DECLARED = (Keywords, Pattern, ColumnVotes, Condition)
FEW_RECORDS = 500
"""With fewer records, functions that may run in this process are called: that takes less time than reading their source
and checking what was read (20 functions: 13 ms, and 0.06 ms for each record less than calls)."""


class _Here(NamedTuple):
    """What this process votes on a batch without the code of the user.

    Attributes
    ----------
    ballots : of the declared heuristics
    left : index of a pattern -> rows on which it may take very long
    compiled : of the compiled functions
    """

    ballots: list[Ballot]
    left: dict[int, NDArray[np.int64]]
    compiled: list[CompiledVotes]


class VoteRunner:
    """Lets heuristics vote on batches; the votes are those of ``heuristic.evaluate``.

    Declared heuristics are compiled into one :class:`~weaklab.voting.Plan`, which runs in threads, and so are Python
    functions whose source can be read (:mod:`weaklab.voting.compiling`). Other code of the user runs in child processes
    that can be killed, and so does a regular expression on records where it may take very long. The others run in this
    process.

    Parameters
    ----------
    heuristics : the members
    labels : label names
    timeout : seconds a function may take for a record before it is stopped; None runs everything in this process
    workers : threads and child processes, by default one a core
    warned : names of members for which a warning was given that they cannot run in a child process; more are added
    compiled : whether Python functions are compiled where that is possible
    records : how many there are to vote on, where that is known

    Attributes
    ----------
    distrusted : names of functions whose compiled votes were not those of Python in this run; what they voted on
        earlier batches is not certain
    """

    def __init__(
        self,
        heuristics: Sequence[Heuristic],
        labels: LabelNames,
        *,
        timeout: float | None,
        workers: int | None = None,
        warned: set[str] | None = None,
        compiled: bool = True,
        records: int | None = None,
    ) -> None:
        self.heuristics, self.labels, self.timeout = list(heuristics), labels, timeout
        self.workers = max(1, workers or os.cpu_count() or 1)
        declared = [h for h in self.heuristics if isinstance(h, DECLARED)]
        self.plan = Plan(declared, labels)
        self._patterns = [j for j, h in enumerate(declared) if isinstance(h, Pattern)] if timeout is not None else []
        self._risky = any(self.plan.risky(declared[j]) for j in self._patterns)
        others = [h for h in self.heuristics if not isinstance(h, DECLARED)]
        self._warned = set() if warned is None else warned
        self.distrusted: set[str] = set()
        self._kills: dict[str, int] = {}
        self._seconds = dict.fromkeys((h.name for h in others), 0.0)
        few = timeout is None and records is not None and records < FEW_RECORDS
        self._may_compile, self._runs, self._read = compiled and not few, 0, list[str]()
        self._share_out(others, compile_functions([], labels))
        if timeout is not None:
            self._compile()
        self._records = 0

    def _share_out(self, others: Sequence[Heuristic], found: tuple[CompiledFunctions, dict[str, str]]) -> None:
        """Say which of the heuristics that are not declared run as compiled functions, in child processes and here."""
        self.compiled, self._why_called = found
        rest = [h for h in others if h.name not in self.compiled.names]
        if self.timeout is not None and self._may_compile:
            self._isolated, self._local = [], rest
            return
        self._isolated = [h for h in rest if h.opaque and self._can_travel(h)]
        self._local = [h for h in rest if h not in self._isolated]

    def _compile(self) -> None:
        """Compile what can be compiled, once; a few records are voted on in less time than that takes."""
        if self._may_compile:
            self._may_compile = False
            others = [*self._isolated, *self._local]
            self._share_out(others, compile_functions(others, self.labels))
            self._read = self.compiled.fingerprints()

    def _compile_again(self) -> None:
        """Read the compiled functions again if what they capture has changed since."""
        read = self.compiled.fingerprints()
        if read != self._read:
            self._read = read
            again, reasons = compile_functions(self.compiled.heuristics, self.labels)
            if again.names == self.compiled.names:
                self.compiled = again
            else:  # one cannot be read any more
                self.compiled.give_up(reasons)

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

    @cached_property
    def _traveling(self) -> list[int]:
        """The compiled functions that can be sent to a child process, by number."""
        return [j for j, heuristic in enumerate(self.compiled.heuristics) if self._can_travel(heuristic)]

    @property
    def _all_here(self) -> bool:
        """Whether no code of the user runs."""
        return not self._isolated and not self._local and self.compiled.whole

    @property
    def batch_rows(self) -> int:
        """The best number of rows in a batch."""
        self._compile()
        return PLAN_ROWS if self._all_here and not self._risky else BATCH_ROWS

    def reads_ids(self, column: str) -> bool:
        """Whether a member may read the column of ids."""
        self._compile()
        if not self._all_here or column in self.compiled.reads():
            return True
        return any(column in _columns_of(heuristic) for heuristic in self.plan.heuristics)

    def vote(self, batch: pa.RecordBatch) -> list[Ballot]:
        """Return one ballot a heuristic for a single batch."""
        return next(self.run([batch]))[1]

    def run(self, batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[pa.RecordBatch, list[Ballot]]]:
        """Yield (batch, one ballot a heuristic) in the order of the batches, a few batches ahead of the reader."""
        remaining = iter(batches)
        first = next(remaining, None)
        if first is None:
            return
        if first.num_rows >= FEW_RECORDS:
            self._compile()
        if self._runs and len(self.compiled):
            self._compile_again()
        self._runs += 1
        batches = itertools.chain([first], remaining)
        members = [*self._isolated, *self._local, *self.compiled.heuristics, *self.plan.heuristics]
        in_processes = self._isolated or self._risky or not (self.compiled.whole or self.timeout is None)
        for batch, isolated, compiled, planned in (
            self._in_processes(batches) if in_processes else self._in_threads(batches)
        ):
            ballots = (*isolated, *self._vote_locally(batch), *compiled, *planned)
            found = dict(zip((h.name for h in members), ballots, strict=True))
            for heuristic, ballot in zip(self._isolated, isolated, strict=True):
                self._seconds[heuristic.name] += ballot.seconds
            self._records += batch.num_rows
            yield batch, [found[h.name] for h in self.heuristics]

    def _vote_here(self, batch: pa.RecordBatch, all_here: bool = False) -> _Here:
        """Let the declared heuristics and the compiled functions vote."""
        ballots, left = self.plan.evaluate(batch, all_here)
        few = self.timeout is None and batch.num_rows < FEW_RECORDS
        compiled = self.compiled.left_out() if few else self.compiled.evaluate(batch)
        return _Here(ballots, left, compiled)

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
    ) -> Iterator[tuple[pa.RecordBatch, list[Ballot], list[Ballot], list[Ballot]]]:
        """Run the plan in threads; child processes start only when a pattern meets a record on which it may take very
        long, or a function has to be called.
        """
        voting: ProcessVoting | None = None

        def finished(batch: pa.RecordBatch, here: _Here) -> tuple[list[Ballot], list[Ballot]]:
            nonlocal voting
            parts: Sequence[Ballot] = ()
            called = not all(votes.is_whole for votes in here.compiled)
            if self.timeout is not None and (called or any(map(len, here.left.values()))):
                voting = voting or self._process_voting([])
                parts = voting.vote(batch, self._rows([], here))
            return self._merged(batch, here, parts)

        if not self.plan.heuristics and not len(self.compiled):
            yield from ((batch, [], [], []) for batch in batches)
            return
        if self.workers == 1:
            for batch in batches:
                yield batch, [], *finished(batch, self._vote_here(batch, self.timeout is None))
            return
        waiting: deque[tuple[pa.RecordBatch, Future[_Here]]] = deque()
        with ThreadPoolExecutor(self.workers) as threads:
            for batch in batches:
                waiting.append((batch, threads.submit(self._vote_here, batch, self.timeout is None)))
                if len(waiting) > self.workers:
                    batch, done = waiting.popleft()
                    yield batch, [], *finished(batch, done.result())
            while waiting:
                batch, done = waiting.popleft()
                yield batch, [], *finished(batch, done.result())

    def _in_processes(
        self, batches: Iterable[pa.RecordBatch]
    ) -> Iterator[tuple[pa.RecordBatch, list[Ballot], list[Ballot], list[Ballot]]]:
        """Run the plan in the same threads that wait for the child processes."""
        voted: dict[int, _Here] = {}

        def rows(batch: pa.RecordBatch) -> list[RowChoice]:
            voted[id(batch)] = here = self._vote_here(batch)
            return self._rows(self._isolated, here)

        distinct = (batch.slice(0) for batch in batches)  # no two are the same object, whatever the caller gives
        voting = self._process_voting(self._isolated)
        for batch, ballots in voting.over(distinct, rows):
            for name, reason in voting.cannot_load.items():
                self._warn_once(name, f"loaded in a child process ({reason})")
            isolated = len(self._isolated)
            yield batch, ballots[:isolated], *self._merged(batch, voted.pop(id(batch)), ballots[isolated:])

    def _process_voting(self, isolated: Sequence[Heuristic]) -> ProcessVoting:
        assert self.timeout is not None
        functions = [self.compiled.heuristics[j] for j in self._traveling]
        members = [*isolated, *functions, *(self.plan.heuristics[j] for j in self._patterns)]
        return ProcessVoting(members, self.labels, self.timeout, self.workers)

    def _rows(self, isolated: Sequence[Heuristic], here: _Here) -> list[RowChoice]:
        """Return what :class:`ProcessVoting` has to vote on: all rows for isolated members, else those left."""
        patterns = [here.left[j].tolist() if j in here.left else () for j in self._patterns]
        functions = [here.compiled[j].rows for j in self._traveling]
        return [*(None for _ in isolated), *functions, *patterns]

    def _merged(self, batch: pa.RecordBatch, here: _Here, parts: Sequence[Ballot]) -> tuple[list[Ballot], list[Ballot]]:
        """Add what child processes voted to the votes of compiled functions and of patterns."""
        by_child = dict(zip(self._traveling if parts else (), parts, strict=False))
        compiled = [self._compiled_ballot(j, batch, votes, by_child.get(j)) for j, votes in enumerate(here.compiled)]
        if parts:
            own = dict(zip(self._patterns, parts[len(parts) - len(self._patterns) :], strict=True))
            _merge(here.ballots, here.left, own)
        return compiled, here.ballots

    # ---- compiled functions

    def _compiled_ballot(self, j: int, batch: pa.RecordBatch, votes: CompiledVotes, part: Ballot | None) -> Ballot:
        """Return the ballot of a compiled function, which is called where that is necessary."""
        heuristic = self.compiled.heuristics[j]
        start = time.thread_time()
        if part is None or votes.is_whole:
            part = None if votes.is_whole else _on_rows(partial(self._evaluate, heuristic), batch, votes.rows)
        before = self._kills.get(heuristic.name, 0)
        self._kills[heuristic.name] = before + (0 if part is None else len(part.kills))
        if not self._agrees(j, batch, votes, part):
            ballot = self._called_anew(heuristic, batch)
        elif votes.found is None:
            assert part is not None
            ballot = part
        else:
            ballot = settle(heuristic, votes.merged(part), batch, before)
        self._seconds[heuristic.name] += time.thread_time() - start + ballot.seconds
        return ballot

    def _called_anew(self, heuristic: Heuristic, batch: pa.RecordBatch) -> Ballot:
        if self.timeout is None or not self._can_travel(heuristic):
            return self._evaluate(heuristic, batch)
        return ProcessVoting([heuristic], self.labels, self.timeout, self.workers).vote(batch)[0]

    def _agrees(self, j: int, batch: pa.RecordBatch, votes: CompiledVotes, part: Ballot | None) -> bool:
        """Compare the votes on the records that are voted on both ways; a difference is a warning."""
        rows = votes.checked.tolist()
        if not rows or (part is not None and part.kills):
            return True
        places, heuristic = rows, self.compiled.heuristics[j]
        if not votes.called_in_check:
            part, places = self._evaluate(heuristic, batch.take(rows)), list(range(len(rows)))
        assert part is not None
        for row, place in zip(rows, places, strict=True):
            different = votes.difference(row, part, place, self.labels)
            if different is not None:
                self.compiled.differs(j, row, batch, *different)
                self.distrusted.add(heuristic.name)
                return False
        return True

    def costs(self) -> dict[str, tuple[float, int]]:
        """Return name -> CPU seconds so far and the number of records they were spent on."""
        found = {member.name: (member.seconds, member.records) for member in self.plan.explain()}
        compiled = {function.heuristic.name: function.seconds for function in self.compiled.functions}
        for name, seconds in self._seconds.items():
            found[name] = seconds + compiled.get(name, 0.0), self._records
        return found

    def explain(self) -> list[Member]:
        """Return how each member runs, why, and its CPU seconds so far."""
        self._compile()
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
        for function in self.compiled.functions:
            found[function.heuristic.name] = Member(function.heuristic.name, *function.explain())
        for name, (seconds, records) in self.costs().items():
            found[name] = found[name]._replace(seconds=seconds, records=records)
        for name, why in self._why_called.items():
            found[name] = found[name]._replace(why=f"{found[name].why}; not compiled: {why}")
        return [_with_note(found[h.name], h) for h in self.heuristics]


def _on_rows(evaluate: Callable[[pa.RecordBatch], Ballot], batch: pa.RecordBatch, rows: RowChoice) -> Ballot:
    """Call a function on some rows of a batch, None for all; it abstains on the others."""
    if rows is None:
        return evaluate(batch)
    return scatter(evaluate(batch.take(list(rows))), list(rows), batch.num_rows)


def _merge(ballots: list[Ballot], left: dict[int, NDArray[np.int64]], from_processes: Mapping[int, Ballot]) -> None:
    """Add the votes that patterns gave in a child process, on the rows that were left, to their other votes."""
    for j, ballot in from_processes.items():
        rows = left.get(j, ())
        if len(rows):
            into = ballots[j]
            into.votes[rows] = ballot.votes[rows]
            into.faults, into.fault_rows, into.kills = ballot.faults, ballot.fault_rows, ballot.kills


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
