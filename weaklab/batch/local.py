"""All cores of this machine: plain child processes that hold one pickled job each and do tasks with it.

As in :mod:`weaklab.voting.workers` a child is a ``python -c``, which never imports the user's main module and goes when
its parent does. Its tasks are whole files of work, so that little travels between processes.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import subprocess
import sys
import threading
import traceback
import warnings
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any, Protocol

from weaklab.core.errors import WeaklabError, warn
from weaklab.heuristics.pickling import packed
from weaklab.voting.workers import _end_with_parent, _ending, _receive, _send

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from weaklab.heuristics import Heuristic

_START = (
    "import sys, pickle; sys.path[:] = pickle.loads(bytes.fromhex({path!r})); from weaklab.batch.local import "
    "serve; serve({lifeline})"
)
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


class Job(Protocol):
    """What every worker holds; ``cloudpickle`` takes it there."""

    def start(self) -> None:
        """Get ready, once in each process of its own."""

    def run(self, task: Any, progress: Callable[[int], None]) -> Any:
        """Do one task and return what came of it; tell ``progress`` how many more records are done."""


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_tasks(
    job: Job,
    next_task: Callable[[int], Any],
    done: Callable[[Any], None],
    progress: Callable[[int], None],
    workers: int,
    held: Sequence[int] = (),
    heuristics: Sequence[Heuristic] = (),
) -> None:
    """Do tasks until there are none, in this process or in several others.

    Parameters
    ----------
    job : what does a task
    next_task : worker number -> its next task, None when there is none left; called by one thread at a time
    done : called with the result of each task, by one thread at a time
    progress : called with numbers of records, by one thread at a time
    workers : processes; 1 is this one
    held : file descriptors that workers keep open as long as they live
    heuristics : those that the job holds

    Raises
    ------
    WeaklabError
        A worker was killed, or a task failed with one; the other workers are stopped then.
    """
    if workers > 1:
        try:
            _run_in_workers(job, next_task, done, progress, workers, held, heuristics)
        except _CannotLoadError as error:
            warn(f"the committee cannot be loaded in other processes ({error}), so this one does all the work")
        else:
            return
    while (task := next_task(0)) is not None:
        done(job.run(task, progress))


class _CannotLoadError(Exception):
    """No worker can make the job of its pickle, so no task was begun."""


def _run_in_workers(
    job: Job,
    next_task: Callable[[int], Any],
    done: Callable[[Any], None],
    progress: Callable[[int], None],
    workers: int,
    held: Sequence[int],
    heuristics: Sequence[Heuristic],
) -> None:
    lock = threading.Lock()
    crew: list[Worker] = []
    begun: list[int] = []
    payload = packed(job, heuristics)

    def work(number: int) -> None:
        worker = crew[number]
        worker.send(payload)
        ready, reason = worker.answer()
        if ready == "unloadable":
            with lock:
                raise (
                    WeaklabError(f"a worker cannot load the committee: {reason}") if begun else _CannotLoadError(reason)
                )
        if ready == "failed":
            raise reason
        while True:
            with lock:
                begun.append(number)
                task = next_task(number)
            if task is None:
                return
            worker.send(task)
            while (answer := worker.answer())[0] == "progress":
                with lock:
                    progress(answer[1])
            if answer[0] == "failed":
                raise answer[1]
            with lock:
                done(answer[1])

    with ThreadPoolExecutor(workers) as threads:
        try:
            crew += [Worker(held) for _ in range(workers)]
            futures = [threads.submit(work, number) for number in range(workers)]
            wait(futures, return_when=FIRST_EXCEPTION)
            failed = next((f.exception() for f in futures if f.done() and f.exception() is not None), None)
            if failed is not None:
                raise failed
        finally:
            for worker in crew:
                worker.close()


class Worker:
    """One child process."""

    def __init__(self, held: Sequence[int] = ()) -> None:
        lifeline, end = os.pipe()
        self._lifeline = os.fdopen(end, "wb")
        inherited = (lifeline, *held) if os.name == "posix" else ()
        start = _START.format(path=pickle.dumps(sys.path).hex(), lifeline=lifeline if inherited else None)
        environment = {**os.environ, "PYTHONHASHSEED": "0", **dict.fromkeys(_THREADS, "1")}
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

    def send(self, message: Any) -> None:
        """Hand over the job, or a task."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):  # it is gone, as the answer will tell
            _send(self._process.stdin, message)

    def answer(self) -> tuple[str, Any]:
        """Wait for what it says next: ``progress``, ``done`` or ``failed``, and with what."""
        assert self._process.stdout is not None
        said = _receive(self._process.stdout)
        if said is None:
            raise WeaklabError(
                f"a worker process ended ({_ending(self._process.wait())}); if memory ran out, take fewer workers or "
                "fewer rows a part, "
                "and run the same again: what is finished is kept"
            )
        return said  # type: ignore[no-any-return]

    def close(self) -> None:
        """Stop it."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._lifeline):
            with contextlib.suppress(OSError):
                if pipe is not None:
                    pipe.close()


def serve(lifeline: int | None) -> None:
    """Be a worker: take the job, then do tasks until the input ends."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if lifeline is not None:
        _end_with_parent(lifeline)
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    warnings.simplefilter("ignore")  # faults are told by the parent
    import pyarrow as pa

    pa.set_cpu_count(1)
    job: Job | None = None
    while (message := _receive(sys.stdin.buffer)) is not None:
        try:
            if job is None:
                try:
                    job = pickle.loads(message)
                except Exception as error:
                    _send(answers, ("unloadable", f"{type(error).__name__}: {error}"))
                    continue
                job.start()
                _send(answers, ("ready", None))
                continue
            _send(answers, ("done", job.run(message, lambda rows: _send(answers, ("progress", rows)))))
        except WeaklabError as error:
            _send(answers, ("failed", error))
        except Exception as error:
            traceback.print_exc()
            _send(answers, ("failed", RuntimeError(f"{type(error).__name__}: {error}")))
