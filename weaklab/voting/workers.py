"""Child processes that vote and can be killed, so that a heuristic that hangs or crashes costs one record.

A child is a plain ``python -c``: unlike ``multiprocessing`` it never imports the user's main module a second time and
never forks a process that has threads. It reads pickled jobs from its standard input and answers on a pipe of its own;
what a heuristic prints goes to standard error. When its parent dies, killed or not, it goes too: it reads the end of
its input, and on Linux the kernel ends it even where a heuristic never lets it read.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import io
import itertools
import mmap
import os
import pickle
import queue
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import IO, TYPE_CHECKING, Any

from weaklab.core.errors import WeaklabError
from weaklab.core.labels import LabelNames
from weaklab.corpus.records import ids_of
from weaklab.heuristics.ballot import Ballot, FaultRow, Heuristic, Watch, faults_of

if TYPE_CHECKING:
    import pyarrow as pa

POLL_SECONDS = 0.05
MAX_KILLS = 3
"""After so many kills in one run, in the order of the records, a heuristic is not tried again: the records that follow
abstain."""
LOAD_SECONDS = 60.0
"""A child may take so long to start and to import what a heuristic needs, before the timeout of its first record
begins."""
_LENGTH = struct.Struct("<q")
_MARK = struct.Struct("=qq")
_BATCH_ROW = -1
_NOT_BEGUN = _MARK.pack(_BATCH_ROW, 0)
_START = (
    'import sys, pickle; sys.path[:] = pickle.loads(bytes.fromhex("{path}")); '
    'from weaklab.voting.workers import serve; serve("{mark}", {lifeline})'
)


class ChildDiedError(Exception):
    """The child ended, or was killed, while it voted at ``row``."""

    def __init__(self, row: int, exception: str, message: str) -> None:
        super().__init__(message)
        self.row, self.exception, self.message = row, exception, message


class CannotLoadError(Exception):
    """The child cannot make a heuristic of its pickle."""


class Child:
    """One child process, its pipes, and the file in which it marks the row it is at."""

    def __init__(self) -> None:
        handle, self._mark_path = tempfile.mkstemp(prefix="weaklab-mark-")
        os.write(handle, bytes(_MARK.size))
        self._mark = mmap.mmap(handle, _MARK.size)
        os.close(handle)
        self._stream = -1
        self._knows: set[str] = set()
        lifeline, held = os.pipe()
        self._lifeline = os.fdopen(held, "wb")
        inherited = (lifeline,) if os.name == "posix" else ()
        start = _START.format(
            path=pickle.dumps(sys.path).hex(),
            mark=self._mark_path.encode().hex(),
            lifeline=lifeline if inherited else None,
        )
        environment = {**os.environ, "PYTHONHASHSEED": "0"}
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
            environment.setdefault(name, "1")
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", start],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=environment,
                pass_fds=inherited,
            )
        finally:
            os.close(lifeline)
        self._answers: queue.Queue[Any] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def learn(self, stream: int, parcel: _Parcel) -> bytes | None:
        """Return the heuristic's pickle if the child does not have it yet; what belongs to another stream it
        forgets.
        """
        if self._stream != stream:
            self._stream, self._knows = stream, set()
        new = parcel.key not in self._knows
        self._knows.add(parcel.key)
        return parcel.data if new else None

    def _read(self) -> None:
        assert self._process.stdout is not None
        while (message := _receive(self._process.stdout)) is not None:
            self._answers.put(message)
        self._answers.put(None)

    def ask(self, job: dict[str, Any], timeout: float) -> Ballot:
        """Run one job; raise ChildDiedError when the child ends or stays at one row for ``timeout`` seconds."""
        assert self._process.stdin is not None
        self._mark[:] = _NOT_BEGUN
        seen, since = _NOT_BEGUN, time.monotonic()
        try:
            _send(self._process.stdin, job)
        except OSError:
            self._answers.put(None)
        while True:
            try:
                answer = self._answers.get(timeout=min(POLL_SECONDS, timeout))
            except queue.Empty:
                mark = bytes(self._mark[:])
                if mark != seen:
                    seen, since = mark, time.monotonic()
                elif time.monotonic() - since > (
                    limit := max(timeout, LOAD_SECONDS) if mark == _NOT_BEGUN else timeout
                ):
                    row = self._row()
                    self.close()
                    raise ChildDiedError(
                        row, "TimeoutError", f"no vote after {limit:g} s, so its process was stopped"
                    ) from None
                continue
            if answer is None:
                row = self._row()
                code = self._process.wait()
                self.close()
                raise ChildDiedError(row, "ProcessDied", f"it ended its process ({_ending(code)})")
            if isinstance(answer, BaseException):
                raise answer
            return answer  # type: ignore[no-any-return]

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def _row(self) -> int:
        return int(_MARK.unpack(self._mark[:])[0])

    def close(self) -> None:
        """Kill the child and remove its mark file."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._lifeline):
            try:
                if pipe is not None:
                    pipe.close()
            except OSError:  # what was still in the pipe is of no use to a child that is gone
                pass
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._mark_path)


def _ending(code: int) -> str:
    if code < 0:
        try:
            return f"killed by {signal.Signals(-code).name}"
        except ValueError:
            return f"killed by signal {-code}"
    return f"exit code {code}"


def _send(pipe: IO[bytes], message: Any) -> None:
    data = pickle.dumps(message, protocol=5)
    pipe.write(_LENGTH.pack(len(data)) + data if len(data) < 1 << 16 else _LENGTH.pack(len(data)))
    if len(data) >= 1 << 16:
        pipe.write(data)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> Any:
    try:
        head = pipe.read(_LENGTH.size)
        if len(head) < _LENGTH.size:
            return None
        size = _LENGTH.unpack(head)[0]
        data = pipe.read(size)
        return pickle.loads(data) if len(data) == size else None
    except (OSError, ValueError, EOFError):
        return None


def _end_with_parent(lifeline: int) -> None:
    """Have the kernel end this process when the parent's end of a pipe is gone: code that loops or is stuck in C reads
    no input.
    """
    import fcntl
    import select

    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)
    if select.select([lifeline], [], [], 0)[0]:
        sys.exit("the parent has gone already")


def serve(mark_path_hex: str, lifeline: int | None) -> None:
    """Be the child: vote on jobs until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if lifeline is not None:
        _end_with_parent(lifeline)
    import pyarrow as pa

    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    mark_path = bytes.fromhex(mark_path_hex)
    with open(mark_path, "r+b") as stream:
        mark = mmap.mmap(stream.fileno(), _MARK.size)
    if os.name == "posix":
        os.unlink(mark_path)
    cells = memoryview(mark).cast("q")

    def at(row: int) -> None:
        cells[1] += 1
        cells[0] = row

    stream_id, batch = None, None
    heuristics: dict[str, Heuristic] = {}
    while (job := _receive(sys.stdin.buffer)) is not None:
        try:
            if job["stream"] != stream_id:
                stream_id, heuristics = job["stream"], {}
            if job["batch"] is not None:
                batch = pa.ipc.open_stream(job["batch"]).read_next_batch()
            if job["pickle"] is not None:
                try:
                    heuristics[job["key"]] = pickle.loads(job["pickle"])
                except Exception as error:
                    _send(answers, CannotLoadError(f"{type(error).__name__}: {error}"))
                    continue
            assert batch is not None
            part = batch if job["stop"] is None else batch.slice(0, job["stop"])
            at(_BATCH_ROW)
            start = time.process_time()
            answer: Any = heuristics[job["key"]].evaluate(part, job["labels"], Watch(at, job["skip"], cells))
            answer.seconds = time.process_time() - start
        except Exception as error:  # it costs the votes on this batch, never the run
            answer = failed_ballot(heuristics[job["key"]], error, part)
        _send(answers, answer)


Rows = Sequence[int] | None
"""The rows of a batch that a heuristic is to vote on, rising; None for all of them."""


@dataclass
class Runner:
    """Runs opaque heuristics over batches in killable children, batch by batch in order.

    Parameters
    ----------
    timeout : seconds that a heuristic may take for one record (a batch function: for one batch)
    workers : child processes, by default one a core
    """

    timeout: float = 10.0
    workers: int | None = None

    def stream(
        self, heuristics: Sequence[Heuristic], labels: LabelNames, killed: Sequence[int] | None = None
    ) -> Stream:
        """Return what votes with these heuristics on one batch after the other, each killed so often before, by default
        never.
        """
        return Stream(heuristics, labels, self.timeout, max(1, self.workers or os.cpu_count() or 1), killed)

    def run(
        self,
        heuristics: Sequence[Heuristic],
        batches: Iterable[pa.RecordBatch],
        labels: LabelNames,
        rows: Callable[[pa.RecordBatch], Sequence[Rows]] | None = None,
    ) -> Iterator[tuple[pa.RecordBatch, list[Ballot]]]:
        """Yield (batch, one ballot a heuristic) in the order of the batches, a few batches ahead of the reader.

        Parameters
        ----------
        rows : function of a batch that tells for each heuristic the rows it is to vote on; it abstains on the others.
            It is called in several threads at once.
        """
        return self.stream(heuristics, labels).over(batches, rows)


class Stream:
    """Heuristics that vote in killable children on successive batches, and how often each was killed so far.

    The votes and faults of all batches together are the same for any number of workers and wherever the batches end,
    but for functions that take whole batches: the third kill of a heuristic, in the order of the records, is its last;
    it keeps its votes before that record and abstains after it. A child that dies before its first record, as where an
    import ends it, died at the first record that was left.

    Attributes
    ----------
    killed : kills of each heuristic in the batches voted on so far, at most ``MAX_KILLS``
    cannot_load : why a child cannot make a heuristic of its pickle, by name; it votes in this process
    """

    def __init__(
        self,
        heuristics: Sequence[Heuristic],
        labels: LabelNames,
        timeout: float,
        workers: int,
        killed: Sequence[int] | None = None,
    ) -> None:
        self.heuristics, self.labels, self.timeout, self.workers = list(heuristics), labels, timeout, workers
        self.killed = [0] * len(self.heuristics) if killed is None else list(killed)
        self._parcels = [_Parcel.of(heuristic) for heuristic in self.heuristics]
        self._id = next(_stream_ids)
        self._number = 0
        self._kills = Counter({(column, self._number): kills for column, kills in enumerate(self.killed)})
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._here: dict[int, threading.Lock] = {}
        self.cannot_load: dict[str, str] = {}

    def vote(self, batch: pa.RecordBatch, rows: Sequence[Rows] | None = None) -> list[Ballot]:
        """Return one ballot a heuristic for the next batch, on these rows of it (one entry a heuristic), by default on
        all.
        """
        self._stopped.clear()
        number = self._next_number()
        try:
            return self._settled(batch, self._batch(batch, number, None if rows is None else lambda batch: rows))
        except BaseException:
            self._stop()
            raise

    def over(
        self, batches: Iterable[pa.RecordBatch], rows: Callable[[pa.RecordBatch], Sequence[Rows]] | None = None
    ) -> Iterator[tuple[pa.RecordBatch, list[Ballot]]]:
        """Yield (batch, one ballot a heuristic) in order; at most two batches a worker are read ahead. See
        :meth:`Runner.run`.
        """
        self._stopped.clear()
        waiting: deque[tuple[pa.RecordBatch, Future[list[_Outcome]]]] = deque()

        def next_ballots() -> tuple[pa.RecordBatch, list[Ballot]]:
            batch, future = waiting.popleft()
            return batch, self._settled(batch, future.result())

        with ThreadPoolExecutor(self.workers) as threads:
            try:
                for batch in batches:
                    waiting.append((batch, threads.submit(self._batch, batch, self._next_number(), rows)))
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
        self._number += 1
        return self._number

    def _stop(self) -> None:
        self._stopped.set()
        _close_busy(self)

    def _settled(self, batch: pa.RecordBatch, outcomes: list[_Outcome]) -> list[Ballot]:
        """Workers are ahead of one another by chance, so there may be kills that one worker alone would not have come
        to.
        """
        ballots = []
        for column, outcome in enumerate(outcomes):
            before = self.killed[column]
            ballots.append(settle(self.heuristics[column], outcome.ballot, batch, before, outcome.rows))
            self.killed[column] = min(MAX_KILLS, before + len(outcome.ballot.kills))
        return ballots

    def _batch(
        self, batch: pa.RecordBatch, number: int, choose: Callable[[pa.RecordBatch], Sequence[Rows]] | None
    ) -> list[_Outcome]:
        rows: Sequence[Rows] = [None] * len(self.heuristics) if choose is None else choose(batch)
        if len(rows) != len(self.heuristics):
            raise WeaklabError(f"rows must have one entry a heuristic, {len(self.heuristics)} in all, got {len(rows)}")
        outcomes: dict[int, _Outcome] = {}
        desk = _WorkerSlot(number, self)
        try:
            for column in sorted(
                range(len(rows)), key=lambda column: rows[column] is not None
            ):  # all rows first: they share a batch
                outcomes[column] = self._one(column, batch, rows[column], desk)
        except BaseException:
            desk.leave(in_peace=False)
            raise
        desk.leave()
        return [outcomes[column] for column in range(len(rows))]

    def _one(self, column: int, batch: pa.RecordBatch, rows: Rows, desk: _WorkerSlot) -> _Outcome:
        """Run one heuristic on one batch, or on some rows of it."""
        if rows is None:
            return _Outcome(self._ballot(column, batch, desk), None)
        import pyarrow as pa

        chosen = [int(row) for row in rows]
        if not chosen:
            return _Outcome(Ballot.blank(batch.num_rows), chosen)
        part = self._ballot(column, batch.take(pa.array(chosen, pa.int64())), desk)
        return _Outcome(_scattered(part, chosen, batch.num_rows), chosen)

    def _ballot(self, column: int, batch: pa.RecordBatch, desk: _WorkerSlot) -> Ballot:
        """Return the votes of a heuristic with a new child after each kill; see :func:`settle` for what counts of
        them.
        """
        deaths: dict[int, ChildDiedError] = {}
        while len(deaths) < batch.num_rows and not self._given_up(column, desk.number):
            try:
                ballot = self._ask(column, batch, frozenset(deaths), None, desk)
            except ChildDiedError as death:
                self._note(death, deaths, column, batch.num_rows, desk)
            else:
                return self._with_deaths(column, batch, ballot, deaths, ()) if deaths else ballot
        blank = Ballot.blank(batch.num_rows)
        before = [row for row in range(max(deaths, default=0)) if row not in deaths]
        if not before or self._given_up(column, desk.number - 1):
            return self._with_deaths(column, batch, blank, deaths, ())
        try:  # it is given up, but its votes before the last kill count
            ballot = self._ask(column, batch, frozenset(deaths), before[-1] + 1, desk)
        except ChildDiedError as death:  # what killed it does not depend on the record alone
            self._note(death, deaths, column, batch.num_rows, desk)
            return self._with_deaths(column, batch, blank, deaths, before)
        return self._with_deaths(column, batch, _padded(ballot, batch.num_rows), deaths, ())

    def _note(
        self, death: ChildDiedError, deaths: dict[int, ChildDiedError], column: int, n: int, desk: _WorkerSlot
    ) -> None:
        """Add a death to those on a batch of n rows; a function of a whole batch dies on all of it."""
        if self._stopped.is_set():
            raise death
        if self._whole(column):
            deaths.update(dict.fromkeys(range(n), death))
        else:
            deaths[next(row for row in range(n) if row not in deaths) if death.row == _BATCH_ROW else death.row] = death
        with self._lock:
            self._kills[column, desk.number] += 1

    def _with_deaths(
        self,
        column: int,
        batch: pa.RecordBatch,
        ballot: Ballot,
        deaths: dict[int, ChildDiedError],
        untried: Iterable[int],
    ) -> Ballot:
        fault_rows = [(row, death.exception, death.message) for row, death in deaths.items()]
        fault_rows += [(row, *_GIVEN_UP) for row in untried if row not in deaths]
        kills = [batch.num_rows - 1] if deaths and self._whole(column) else sorted(deaths)
        return _with_faults(self.heuristics[column], ballot, [*fault_rows, *ballot.fault_rows], batch, kills)

    def _whole(self, column: int) -> bool:
        return getattr(self.heuristics[column], "batch_form", None) is not None

    def _ask(
        self, column: int, batch: pa.RecordBatch, skip: frozenset[int], stop: int | None, desk: _WorkerSlot
    ) -> Ballot:
        """Let the child at the desk vote; where it dies, a new one sits there."""
        if self._stopped.is_set():
            raise CancelledError
        if column in self._here:
            return self._vote_here(column, batch, skip, stop)
        child, parcel = desk.child, self._parcels[column]
        job = {
            "stream": self._id,
            "key": parcel.key,
            "pickle": child.learn(self._id, parcel),
            "batch": desk.shipment(batch),
            "skip": skip,
            "stop": stop,
            "labels": self.labels,
        }
        try:
            return child.ask(job, self.timeout)
        except ChildDiedError:
            desk.leave(in_peace=False)
            raise
        except CannotLoadError as error:
            self._take_here(column, str(error))
            return self._vote_here(column, batch, skip, stop)

    def _take_here(self, column: int, reason: str) -> None:
        with self._lock:
            new = column not in self._here
            self._here.setdefault(column, threading.Lock())
        if new:
            self.cannot_load[self.heuristics[column].name] = reason

    def _vote_here(self, column: int, batch: pa.RecordBatch, skip: frozenset[int], stop: int | None) -> Ballot:
        """Vote in this process, in one thread at a time, as no other process can make the heuristic of its pickle."""
        with self._here[column]:
            return self.heuristics[column].evaluate(
                batch if stop is None else batch.slice(0, stop), self.labels, Watch(skip=skip)
            )

    def _given_up(self, column: int, number: int) -> bool:
        """Whether a heuristic was killed too often in the batches up to this one; later ones do not count."""
        with self._lock:
            return (
                sum(kills for (which, batch), kills in self._kills.items() if which == column and batch <= number)
                >= MAX_KILLS
            )


_stream_ids = itertools.count()


@dataclass(frozen=True)
class _Parcel:
    """A heuristic as it travels, pickled once a stream."""

    data: bytes
    key: str

    @classmethod
    def of(cls, heuristic: Heuristic) -> _Parcel:
        data = _pickled(heuristic)
        return cls(data, hashlib.blake2b(data, digest_size=16).hexdigest())


@dataclass
class _Outcome:
    """What became of one heuristic on one batch, and the rows that it was to vote on."""

    ballot: Ballot
    rows: Rows


class _WorkerSlot:
    """Where a worker has a child while it is at a batch, and what lies before the child."""

    def __init__(self, number: int, stream: Stream) -> None:
        self.number = number
        self._stream = stream
        self._child: Child | None = None
        self._shown: pa.RecordBatch | None = None

    @property
    def child(self) -> Child:
        """A child that sits here from now on."""
        if self._child is None:
            self._child = _borrow(self._stream)
        return self._child

    def shipment(self, batch: pa.RecordBatch) -> bytes | None:
        """Return a batch as bytes, None where the child has it."""
        if self._shown is batch:
            return None
        self._shown = batch
        return _as_bytes(batch)

    def leave(self, in_peace: bool = True) -> None:
        """Let the child go; not in peace where it died or may be in the middle of a job."""
        child, self._child, self._shown = self._child, None, None
        if child is not None and in_peace:
            _give_back(child)
        elif child is not None:
            _forget(child)
            child.close()


def _as_bytes(batch: pa.RecordBatch) -> bytes:
    import pyarrow as pa

    stream = io.BytesIO()
    with pa.ipc.new_stream(stream, batch.schema) as writer:
        writer.write_batch(batch)
    return stream.getvalue()


_GIVEN_UP = ("GivenUp", f"not tried after {MAX_KILLS} stopped processes in this run")


def settle(heuristic: Heuristic, ballot: Ballot, batch: pa.RecordBatch, killed: int, rows: Rows = None) -> Ballot:
    """Return what a ballot comes to after ``killed`` kills in earlier batches: after the last kill allowed it abstains.

    Parameters
    ----------
    ballot : a ballot with its ``kills`` and ``fault_rows``; it may be of a stream that began with this batch
    batch : the batch that it is about, or only its ids
    killed : kills of this heuristic in all earlier batches
    rows : the rows that it was to vote on, by default all
    """
    left = max(0, MAX_KILLS - killed)
    if len(ballot.kills) < left:
        return ballot
    n = len(ballot.votes)
    end = ballot.kills[left - 1] + 1 if left else 0
    untried = [(row, *_GIVEN_UP) for row in (range(end, n) if rows is None else rows) if row >= end]
    kept = [fault for fault in ballot.fault_rows if fault[0] < end]
    return _with_faults(heuristic, _padded(ballot, n, end), [*kept, *untried], batch, ballot.kills[:left])


def failed_ballot(heuristic: Heuristic, error: Exception, batch: pa.RecordBatch) -> Ballot:
    """Return a ballot that abstains, with a fault on every record of a batch."""
    fault_rows = [(row, type(error).__name__, str(error)) for row in range(batch.num_rows)]
    return _with_faults(heuristic, Ballot.blank(batch.num_rows), fault_rows, batch, [])


def _with_faults(
    heuristic: Heuristic, ballot: Ballot, fault_rows: list[FaultRow], batch: pa.RecordBatch, kills: list[int]
) -> Ballot:
    fault_rows = sorted(fault_rows)
    return replace(ballot, faults=faults_of(heuristic, fault_rows, ids_of(batch)), fault_rows=fault_rows, kills=kills)


def _padded(ballot: Ballot, n: int, end: int | None = None) -> Ballot:
    """Return a ballot of n rows that abstains from row ``end`` on, by default from its own end."""
    import numpy as np

    end = len(ballot.votes) if end is None else end
    padded = replace(Ballot.blank(n), fault_rows=ballot.fault_rows, seconds=ballot.seconds)
    padded.votes[:end] = ballot.votes[:end]
    if ballot.confidence is not None:
        padded.confidence = np.ones(n, dtype=np.float32)
        padded.confidence[:end] = ballot.confidence[:end]
    return padded


def _scattered(part: Ballot, rows: list[int], n: int) -> Ballot:
    """Return a ballot of n rows with that of some rows of them in their places."""
    import numpy as np

    ballot = Ballot.blank(n)
    ballot.votes[rows] = part.votes
    if part.confidence is not None:
        ballot.confidence = np.ones(n, dtype=np.float32)
        ballot.confidence[rows] = part.confidence
    ballot.faults, ballot.kills, ballot.seconds = part.faults, [rows[row] for row in part.kills], part.seconds
    ballot.fault_rows = [(rows[row], kind, message) for row, kind, message in part.fault_rows]
    return ballot


_idle: list[Child] = []
_busy: dict[Child, Stream] = {}
_pool_lock = threading.Lock()


def _borrow(stream: Stream) -> Child:
    with _pool_lock:
        alive = [child for child in _idle if child.alive]
        child = alive.pop() if alive else None
        _idle[:] = alive
    child = child or Child()
    with _pool_lock:
        _busy[child] = stream
    return child


def _give_back(child: Child) -> None:
    with _pool_lock:
        if _busy.pop(child, None) is not None:
            _idle.append(child)


def _forget(child: Child) -> None:
    with _pool_lock:
        _busy.pop(child, None)


def _close_busy(stream: Stream | None = None) -> None:
    """Stop the children that work for one stream, or for any."""
    with _pool_lock:
        children = [child for child, owner in _busy.items() if stream is None or owner is stream]
        for child in children:
            del _busy[child]
    for child in children:
        child.close()


@atexit.register
def close_all() -> None:
    """Stop every child process; new ones start when they are needed."""
    _close_busy()
    while _idle:
        _idle.pop().close()


def _pickled(heuristic: Heuristic) -> bytes:
    from weaklab.heuristics.pickling import packed

    return packed(heuristic, [heuristic])


def can_travel(thing: Any, heuristics: Sequence[Heuristic] | None = None) -> str | None:
    """Return None if a heuristic, or what holds some heuristics, can be sent to a child process, else why it cannot."""
    from weaklab.heuristics.pickling import packed

    try:
        packed(thing, [thing] if heuristics is None else heuristics)
    except Exception as error:  # what a closure holds may refuse in any way
        return f"{type(error).__name__}: {error}"
    return None
