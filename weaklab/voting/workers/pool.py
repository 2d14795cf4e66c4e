"""A pool of child processes: lent out one by one, kept idle between uses, and killed together."""

from __future__ import annotations

import atexit
import threading
import weakref
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from weaklab.voting.workers.process import ChildProcess

P = TypeVar("P", bound=ChildProcess)


class ProcessPool(Generic[P]):
    """Child processes of one kind; safe in several threads. All are killed when this interpreter exits.

    Parameters
    ----------
    start : starts a new process
    """

    def __init__(self, start: Callable[[], P]) -> None:
        self._start = start
        self._idle: list[P] = []
        self._lent: dict[P, object] = {}
        self._lock = threading.Lock()
        _pools.add(self)

    def borrow(self, owner: object = None) -> P:
        """Return an idle process, or a new one, that ``owner`` has to :meth:`release`."""
        with self._lock:
            alive = [process for process in self._idle if process.alive]
            process = alive.pop() if alive else None
            self._idle[:] = alive
        process = process or self._start()
        with self._lock:
            self._lent[process] = owner
        return process

    def release(self, process: P, kill: bool = False) -> None:
        """Take a process back for the next owner, or kill it: where it ended, or may still be at work."""
        with self._lock:
            known = process in self._lent
            self._lent.pop(process, None)
            if known and not kill:
                self._idle.append(process)
        if kill:
            process.kill()

    def kill_lent(self, owner: object = None) -> None:
        """Kill the processes that are lent to ``owner``, by default to anyone."""
        with self._lock:
            processes = [process for process, lent_to in self._lent.items() if owner is None or lent_to is owner]
            for process in processes:
                del self._lent[process]
        for process in processes:
            process.kill()

    def kill_all(self) -> None:
        """Kill every process; new ones start when they are needed."""
        self.kill_lent()
        while self._idle:
            self._idle.pop().kill()


_pools: weakref.WeakSet[ProcessPool[Any]] = weakref.WeakSet()


@atexit.register
def _kill_all_pools() -> None:
    for pool in list(_pools):
        pool.kill_all()


class WorkerSlot(Generic[P]):
    """Holds one process of a pool from its first use until :meth:`release`; restarts the process if it was killed.

    Parameters
    ----------
    pool : where the process comes from
    owner : whom it is lent to, see :meth:`ProcessPool.kill_lent`
    """

    def __init__(self, pool: ProcessPool[P], owner: object = None) -> None:
        self._pool, self._owner = pool, owner
        self._process: P | None = None

    @property
    def process(self) -> P:
        """The process of this slot, borrowed from the pool if there is none."""
        if self._process is None:
            self._process = self._pool.borrow(self._owner)
        return self._process

    def release(self, kill: bool = False) -> None:
        """Give the process back, or kill it; the next use of the slot takes another one."""
        process, self._process = self._process, None
        if process is not None:
            self._pool.release(process, kill)
