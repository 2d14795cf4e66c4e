"""Child processes that vote and can be killed, so that a heuristic that hangs or crashes costs one record.

A child is a plain ``python -c``: unlike ``multiprocessing`` it never imports the user's main module a second time and never
forks a process that has threads. It reads pickled jobs from its standard input and answers on a pipe of its own; what a
heuristic prints goes to standard error. When its parent dies it reads the end of its input and leaves.
"""

from __future__ import annotations

import atexit
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
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any

from weaklab.base import Fault, LabelNames, WeaklabError
from weaklab.corpus.records import ids_of
from weaklab.heuristics.ballot import Ballot, Heuristic, Watch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pyarrow as pa

POLL_SECONDS = 0.05
MAX_KILLS = 3
"""After so many kills in one run a heuristic is not tried again in that run; the rest of its records abstain."""
_LENGTH = struct.Struct("<q")
_MARK = struct.Struct("<qq")
_BATCH_ROW = -1
_START = 'import sys, pickle; sys.path[:] = pickle.loads(bytes.fromhex("{path}")); from weaklab.processes import serve; serve("{mark}")'


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
        start = _START.format(path=pickle.dumps(sys.path).hex(), mark=self._mark_path.encode().hex())
        environment = {**os.environ, "PYTHONHASHSEED": "0"}
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
            environment.setdefault(name, "1")
        self._process = subprocess.Popen([sys.executable, "-c", start], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
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
        self._mark[:] = _MARK.pack(_BATCH_ROW, 0)
        seen, since = bytes(self._mark[:]), time.monotonic()
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
                elif time.monotonic() - since > timeout:
                    row = self._row()
                    self.close()
                    raise ChildDiedError(row, "TimeoutError", f"no vote after {timeout:g} s, so its process was stopped") from None
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
        for pipe in (self._process.stdin, self._process.stdout):
            try:
                if pipe is not None:
                    pipe.close()
            except OSError:  # what was still in the pipe is of no use to a child that is gone
                pass
        if os.path.exists(self._mark_path):
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


def serve(mark_path_hex: str) -> None:
    """Be the child: vote on jobs until the input ends."""
    import pyarrow as pa

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    with open(bytes.fromhex(mark_path_hex), "r+b") as stream:
        mark = mmap.mmap(stream.fileno(), _MARK.size)
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
    _kills: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(
        self, heuristics: list[Heuristic], batches: Iterable[pa.RecordBatch], labels: LabelNames
    ) -> Iterator[tuple[pa.RecordBatch, list[Ballot]]]:
        """Yield (batch, one ballot a heuristic) in the order of the batches, a few batches ahead of the reader."""
        pickles = [_pickled(heuristic) for heuristic in heuristics]
        workers = max(1, self.workers or os.cpu_count() or 1)
        waiting: list[tuple[pa.RecordBatch, Future[list[Ballot]]]] = []
        with ThreadPoolExecutor(workers) as threads:
            try:
                for number, batch in enumerate(batches):
                    waiting.append((batch, threads.submit(self._batch, heuristics, pickles, batch, number, labels)))
                    if len(waiting) > 2 * workers:
                        first, future = waiting.pop(0)
                        yield first, future.result()
                while waiting:
                    first, future = waiting.pop(0)
                    yield first, future.result()
            except BaseException:
                for _, future in waiting:
                    future.cancel()
                _close_busy()
                raise

    def _batch(
        self, heuristics: list[Heuristic], pickles: list[bytes], batch: pa.RecordBatch, number: int, labels: LabelNames
    ) -> list[Ballot]:
        import pyarrow as pa

        stream = io.BytesIO()
        with pa.ipc.new_stream(stream, batch.schema) as writer:
            writer.write_batch(batch)
        shipment = _Shipment(number, stream.getvalue(), ids_of(batch))
        child = _borrow()
        ballots = []
        try:
            for heuristic, data in zip(heuristics, pickles, strict=True):
                ballot, child = self._one(heuristic, data, shipment, labels, child)
                ballots.append(ballot)
        finally:
            _give_back(child)
        return ballots

    def _one(self, heuristic: Heuristic, data: bytes, shipment: _Shipment, labels: LabelNames, child: Child) -> tuple[Ballot, Child]:
        """Run one heuristic on one batch, with a new child after each kill."""
        skip: set[int] = set()
        faults: list[Fault] = []
        where = heuristic.location
        while True:
            if self._kills.get(heuristic.fingerprint, 0) >= MAX_KILLS:
                left = tuple(name for row, name in enumerate(shipment.ids) if row not in skip)
                reason = f"not tried after {MAX_KILLS} stopped processes in this run"
                ballot = Ballot.blank(len(shipment.ids))
                faults.append(Fault(heuristic.name, "GivenUp", reason, where, left[:20], len(left)))
                break
            job = {"pickle": data, "labels": labels, "skip": frozenset(skip), "batch_id": shipment.number}
            try:
                ballot = child.ask({**job, "batch": None if shipment.held_by is child else shipment.data}, self.timeout)
                shipment.held_by = child
                break
            except ChildDiedError as death:
                with self._lock:
                    self._kills[heuristic.fingerprint] = self._kills.get(heuristic.fingerprint, 0) + 1
                skip.add(death.row)
                hit = shipment.ids if death.row == _BATCH_ROW else [shipment.ids[death.row]]
                faults.append(Fault(heuristic.name, death.exception, death.message, where, tuple(hit[:20]), len(hit)))
                _forget(child)
                child = _borrow()
        ballot.faults = [*faults, *ballot.faults]
        return ballot, child


@dataclass
class _Shipment:
    number: int
    data: bytes
    ids: list[str]
    held_by: Child | None = None


_idle: list[Child] = []
_busy: list[Child] = []
_pool_lock = threading.Lock()


def _borrow() -> Child:
    with _pool_lock:
        alive = [child for child in _idle if child.alive]
        child = alive.pop() if alive else None
        _idle[:] = alive
    child = child or Child()
    with _pool_lock:
        _busy.append(child)
    return child


def _give_back(child: Child) -> None:
    with _pool_lock:
        if child in _busy:
            _busy.remove(child)
            _idle.append(child)


def _forget(child: Child) -> None:
    with _pool_lock:
        if child in _busy:
            _busy.remove(child)


def _close_busy() -> None:
    with _pool_lock:
        children = list(_busy)
        _busy.clear()
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
