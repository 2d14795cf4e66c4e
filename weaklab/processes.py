"""Child processes that vote and can be killed, so that a heuristic that hangs or crashes costs one record.

A child is a plain ``python -c``: unlike ``multiprocessing`` it never imports the user's main module a second time and never
forks a process that has threads. It reads pickled jobs from its standard input and answers on a pipe of its own; what a
heuristic prints goes to standard error. When its parent dies, killed or not, it goes too: it reads the end of its input, and on
Linux the kernel ends it even where a heuristic never lets it read.
"""

from __future__ import annotations

import atexit
import contextlib
import io
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
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any

from weaklab.base import MAX_FAULT_RECORDS, Fault, LabelNames, WeaklabError
from weaklab.corpus.records import ids_of
from weaklab.heuristics.ballot import Ballot, Heuristic, Watch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pyarrow as pa

POLL_SECONDS = 0.05
MAX_KILLS = 3
"""After so many kills in one run a heuristic is not tried again in that run; the rest of its records abstain."""
LOAD_SECONDS = 60.0
"""A child may take so long to start and to import what a heuristic needs, before the timeout of its first record begins."""
_LENGTH = struct.Struct("<q")
_MARK = struct.Struct("<qq")
_BATCH_ROW = -1
_NOT_BEGUN = _MARK.pack(_BATCH_ROW, 0)
_START = (
    'import sys, pickle; sys.path[:] = pickle.loads(bytes.fromhex("{path}")); '
    'from weaklab.processes import serve; serve("{mark}", {lifeline})'
)


class ChildDiedError(Exception):
    """The child ended, or was killed, while it voted at ``row``."""

    def __init__(self, row: int, exception: str, message: str) -> None:
        super().__init__(message)
        self.row, self.exception, self.message = row, exception, message


class Child:
    """One child process, its pipes, and the file in which it marks the row it is at."""

    def __init__(self) -> None:
        handle, self._mark_path = tempfile.mkstemp(prefix="weaklab-mark-")
        os.write(handle, bytes(_MARK.size))
        self._mark = mmap.mmap(handle, _MARK.size)
        os.close(handle)
        lifeline, held = os.pipe()
        self._lifeline = os.fdopen(held, "wb")
        inherited = (lifeline,) if os.name == "posix" else ()
        start = _START.format(
            path=pickle.dumps(sys.path).hex(), mark=self._mark_path.encode().hex(), lifeline=lifeline if inherited else None
        )
        environment = {**os.environ, "PYTHONHASHSEED": "0"}
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
            environment.setdefault(name, "1")
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-c", start], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, pass_fds=inherited
            )
        finally:
            os.close(lifeline)
        self._answers: queue.Queue[Any] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

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
                elif time.monotonic() - since > (limit := max(timeout, LOAD_SECONDS) if mark == _NOT_BEGUN else timeout):
                    row = self._row()
                    self.close()
                    raise ChildDiedError(row, "TimeoutError", f"no vote after {limit:g} s, so its process was stopped") from None
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
    """Have the kernel end this process when the parent's end of a pipe is gone: code that loops or is stuck in C reads no input."""
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
    steps = 0

    def at(row: int) -> None:
        nonlocal steps
        steps += 1
        mark[:] = _MARK.pack(row, steps)

    heuristics: dict[bytes, Heuristic] = {}
    batches: dict[int, pa.RecordBatch] = {}
    while (job := _receive(sys.stdin.buffer)) is not None:
        try:
            if job["pickle"] not in heuristics:
                heuristics[job["pickle"]] = pickle.loads(job["pickle"])
            if job["batch"] is not None:
                batches = {job["batch_id"]: pa.ipc.open_stream(job["batch"]).read_next_batch()}
            at(_BATCH_ROW)
            watch = Watch(at, job["skip"])
            answer: Any = heuristics[job["pickle"]].evaluate(batches[job["batch_id"]], job["labels"], watch)
        except Exception as error:  # the parent decides what a heuristic's failure means
            answer = WeaklabError(f"{type(error).__name__}: {error}")
        _send(answers, answer)


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
    _kills: Counter[tuple[int, int]] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stopped: threading.Event = field(default_factory=threading.Event)

    def run(
        self, heuristics: list[Heuristic], batches: Iterable[pa.RecordBatch], labels: LabelNames
    ) -> Iterator[tuple[pa.RecordBatch, list[Ballot]]]:
        """Yield (batch, one ballot a heuristic) in the order of the batches, a few batches ahead of the reader."""
        pickles = [_pickled(heuristic) for heuristic in heuristics]
        workers = max(1, self.workers or os.cpu_count() or 1)
        waiting: deque[tuple[pa.RecordBatch, Future[list[_Outcome]]]] = deque()
        killed = [0] * len(heuristics)
        self._kills.clear()

        def next_ballots() -> tuple[pa.RecordBatch, list[Ballot]]:
            batch, future = waiting.popleft()
            ballots = []
            for column, (heuristic, outcome) in enumerate(zip(heuristics, future.result(), strict=True)):
                ballot, kills = outcome.settle(heuristic, batch, killed[column])
                killed[column] += kills
                ballots.append(ballot)
            return batch, ballots

        with ThreadPoolExecutor(workers) as threads:
            try:
                for number, batch in enumerate(batches):
                    waiting.append((batch, threads.submit(self._batch, heuristics, pickles, batch, number, labels)))
                    if len(waiting) > 2 * workers:
                        yield next_ballots()
                while waiting:
                    yield next_ballots()
            except BaseException:
                self._stopped.set()
                for _, future in waiting:
                    future.cancel()
                _close_busy(self)
                raise

    def _batch(
        self, heuristics: list[Heuristic], pickles: list[bytes], batch: pa.RecordBatch, number: int, labels: LabelNames
    ) -> list[_Outcome]:
        import pyarrow as pa

        stream = io.BytesIO()
        with pa.ipc.new_stream(stream, batch.schema) as writer:
            writer.write_batch(batch)
        shipment = _Shipment(number, stream.getvalue(), _borrow(self))
        try:
            return [
                self._one(heuristic, {"pickle": data, "labels": labels, "batch_id": number}, column, shipment)
                for column, (heuristic, data) in enumerate(zip(heuristics, pickles, strict=True))
            ]
        finally:
            _give_back(shipment.child)

    def _one(self, heuristic: Heuristic, job: dict[str, Any], column: int, shipment: _Shipment) -> _Outcome:
        """Run one heuristic on one batch, with a new child after each kill."""
        deaths: list[ChildDiedError] = []
        while not self._given_up(column, shipment.number):
            if self._stopped.is_set():
                raise CancelledError
            child = shipment.child
            skip = frozenset(death.row for death in deaths)
            data = None if shipment.held_by is child else shipment.data
            try:
                ballot = child.ask({**job, "skip": skip, "batch": data}, self.timeout)
            except ChildDiedError as death:
                if self._stopped.is_set():
                    raise
                with self._lock:
                    self._kills[column, shipment.number] += 1
                deaths.append(death)
                _forget(child)
                shipment.child = _borrow(self)
            except WeaklabError as error:
                where = f" ({heuristic.location})" if heuristic.location else ""
                raise WeaklabError(f"{heuristic.name}{where} failed in its child process: {error}") from None
            else:
                shipment.held_by = child
                return _Outcome(deaths, ballot)
        return _Outcome(deaths)

    def _given_up(self, column: int, number: int) -> bool:
        """Whether a heuristic was killed too often in the batches up to this one; later ones do not count, see :class:`_Outcome`."""
        with self._lock:
            return sum(n for (which, batch), n in self._kills.items() if which == column and batch <= number) >= MAX_KILLS


@dataclass
class _Outcome:
    """What became of one heuristic on one batch; without a ballot where it was given up.

    Workers are ahead of one another by chance, so a child may have been killed that one worker alone would not have
    started. Settled in the order of the batches, the outcome is the same for any number of workers.
    """

    deaths: list[ChildDiedError]
    ballot: Ballot | None = None

    def settle(self, heuristic: Heuristic, batch: pa.RecordBatch, killed: int) -> tuple[Ballot, int]:
        """Return the ballot with its faults, and the number of kills, after ``killed`` kills in earlier batches."""
        if not self.deaths and killed < MAX_KILLS:
            assert self.ballot is not None
            return self.ballot, 0
        deaths = self.deaths[: max(0, MAX_KILLS - killed)]
        ids, rows = ids_of(batch), [death.row for death in deaths]
        faults = []
        for death in deaths:
            hit = ids if death.row == _BATCH_ROW else [ids[death.row]]
            faults.append(
                Fault(heuristic.name, death.exception, death.message, heuristic.location, tuple(hit[:MAX_FAULT_RECORDS]), len(hit))
            )
        if killed + len(deaths) < MAX_KILLS:
            assert self.ballot is not None
            ballot = self.ballot
        else:
            ballot = Ballot.blank(len(ids))
            left = [] if _BATCH_ROW in rows else [name for row, name in enumerate(ids) if row not in rows]
            reason = f"not tried after {MAX_KILLS} stopped processes in this run"
            if left:
                faults.append(Fault(heuristic.name, "GivenUp", reason, heuristic.location, tuple(left[:MAX_FAULT_RECORDS]), len(left)))
        ballot.faults = [*faults, *ballot.faults]
        return ballot, len(deaths)


@dataclass
class _Shipment:
    number: int
    data: bytes
    child: Child
    held_by: Child | None = None


_idle: list[Child] = []
_busy: dict[Child, Runner] = {}
_pool_lock = threading.Lock()


def _borrow(runner: Runner) -> Child:
    with _pool_lock:
        alive = [child for child in _idle if child.alive]
        child = alive.pop() if alive else None
        _idle[:] = alive
    child = child or Child()
    with _pool_lock:
        _busy[child] = runner
    return child


def _give_back(child: Child) -> None:
    with _pool_lock:
        if _busy.pop(child, None) is not None:
            _idle.append(child)


def _forget(child: Child) -> None:
    with _pool_lock:
        _busy.pop(child, None)


def _close_busy(runner: Runner | None = None) -> None:
    """Stop the children that work for one runner, or for any."""
    with _pool_lock:
        children = [child for child, owner in _busy.items() if runner is None or owner is runner]
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
    import cloudpickle

    return bytes(cloudpickle.dumps(heuristic, protocol=5))


def can_travel(heuristic: Heuristic) -> str | None:
    """Return None if a heuristic can be sent to a child process, else why it cannot."""
    try:
        _pickled(heuristic)
    except Exception as error:  # what a closure holds may refuse in any way
        return f"{type(error).__name__}: {error}"
    return None
