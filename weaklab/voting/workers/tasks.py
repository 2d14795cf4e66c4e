"""Spreads tasks over child processes that each hold one unpickled job; a task is a large piece of work, such as a file
to write, so that little travels between processes.
"""

from __future__ import annotations

import os
import pickle
import threading
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from weaklab.core.errors import WeaklabError, warn
from weaklab.heuristics.pickling import packed
from weaklab.voting.workers.pool import ProcessPool
from weaklab.voting.workers.process import ChildEndedError, ChildProcess, Send

if TYPE_CHECKING:
    from weaklab.heuristics import Heuristic

_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
_READY, _PROGRESS, _DONE = "ready", "progress", "done"


class Job(Protocol):
    """Does tasks; every worker process gets a copy by ``cloudpickle``."""

    def start(self) -> None:
        """Get ready, once in each worker process."""

    def run(self, task: Any, progress: Callable[[int], None]) -> Any:
        """Do one task and return its result; call ``progress`` with the number of records done since the last call."""


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class _Callbacks:
    """What the caller of :func:`run_tasks` is told; called by one thread at a time."""

    next_task: Callable[[int], Any]
    done: Callable[[Any], None]
    progress: Callable[[int], None]


def run_tasks(
    job: Job,
    next_task: Callable[[int], Any],
    done: Callable[[Any], None],
    progress: Callable[[int], None],
    workers: int,
    inherited: Sequence[int] = (),
    heuristics: Sequence[Heuristic] = (),
    advice: str = "take fewer workers",
) -> None:
    """Do tasks until there are none left, in this process or in several others.

    Parameters
    ----------
    job : does the tasks
    next_task : worker number -> its next task, None when there is none left; called by one thread at a time
    done : called with the result of each task, by one thread at a time
    progress : called with numbers of records, by one thread at a time
    workers : processes; 1 does all in this process
    inherited : file descriptors that workers keep open as long as they live
    heuristics : those that the job holds, see :func:`weaklab.heuristics.pickling.packed`
    advice : what to do if memory ran out, for the message when a worker was killed

    Raises
    ------
    WeaklabError
        A worker was killed, or a task failed with one; the other workers are stopped then.
    """
    if workers > 1:
        try:
            _run_in_workers(job, _Callbacks(next_task, done, progress), workers, inherited, heuristics, advice)
        except _CannotLoadError as error:
            warn(f"the committee cannot be loaded in other processes ({error}), so this one does all the work")
        else:
            return
    while (task := next_task(0)) is not None:
        done(job.run(task, progress))


class _CannotLoadError(Exception):
    """No worker can unpickle the job, so no task was begun."""


def _run_in_workers(
    job: Job,
    callbacks: _Callbacks,
    workers: int,
    inherited: Sequence[int],
    heuristics: Sequence[Heuristic],
    advice: str,
) -> None:
    crew = _Crew(packed(job, heuristics), callbacks, advice)
    pool = ProcessPool(lambda: ChildProcess("weaklab.voting.workers.tasks:TaskWorker", (), _ONE_THREAD, inherited))
    with ThreadPoolExecutor(workers) as threads:
        try:
            children = [pool.borrow() for _ in range(workers)]
            futures = [threads.submit(crew.work, number, child) for number, child in enumerate(children)]
            wait(futures, return_when=FIRST_EXCEPTION)
            failed = next((f.exception() for f in futures if f.done() and f.exception() is not None), None)
            if failed is not None:
                raise failed
        finally:
            pool.kill_all()


class _Crew:
    """The parent's side of all workers of one call: a thread a worker, which hands out tasks and takes results."""

    def __init__(self, pickled_job: bytes, callbacks: _Callbacks, advice: str) -> None:
        self._pickled_job, self._callbacks, self._advice = pickled_job, callbacks, advice
        self._lock = threading.Lock()
        self._begun = False

    def work(self, number: int, child: ChildProcess) -> None:
        """Give a worker the job, then tasks until there are none left."""
        try:
            self._start(child)
            while (task := self._next_task(number)) is not None:
                self._do(task, child)
        except ChildEndedError as ended:
            raise WeaklabError(f"a worker process ended ({ended}); if memory ran out, {self._advice}") from None

    def _start(self, child: ChildProcess) -> None:
        child.send(self._pickled_job)
        try:
            child.receive()
        except _CannotLoadError as error:
            with self._lock:
                if self._begun:
                    raise WeaklabError(f"a worker cannot load the committee: {error}") from None
                raise

    def _next_task(self, number: int) -> Any:
        with self._lock:
            self._begun = True
            return self._callbacks.next_task(number)

    def _do(self, task: Any, child: ChildProcess) -> None:
        child.send(task)
        while True:
            kind, value = child.receive()
            with self._lock:
                if kind == _DONE:
                    self._callbacks.done(value)
                    return
                self._callbacks.progress(value)


class TaskWorker:
    """The child's side: its first message is the pickled job, every other one a task."""

    def __init__(self) -> None:
        import pyarrow as pa

        pa.set_cpu_count(1)
        self._job: Job | None = None

    def __call__(self, message: Any, send: Send) -> None:
        """Take the job, or do a task; what fails is sent to the parent."""
        try:
            if self._job is None:
                self._load(message)
                send((_READY, None))
            else:
                send((_DONE, self._job.run(message, lambda rows: send((_PROGRESS, rows)))))
        except (WeaklabError, _CannotLoadError) as error:
            send(error)
        except Exception as error:
            traceback.print_exc()
            notes = getattr(error, "__notes__", ())
            send(RuntimeError("; ".join((f"{type(error).__name__}: {error}", *notes))))

    def _load(self, pickled_job: bytes) -> None:
        try:
            self._job = pickle.loads(pickled_job)
        except Exception as error:
            raise _CannotLoadError(f"{type(error).__name__}: {error}") from error
        self._job.start()
