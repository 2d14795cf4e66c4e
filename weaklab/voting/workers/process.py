"""One child process: it receives and sends pickled messages, can be killed, and ends with its parent.

A child is a plain ``python -c``. Unlike ``multiprocessing`` it never imports the user's main module a second time and
never forks a process that has threads. It reads messages from its standard input and answers on a copy of its standard
output; whatever the code in it prints goes to standard error. When its parent ends, killed or not, the child ends too:
its input is closed, and on Linux the kernel ends it even where it never reads its input.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import pickle
import queue
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import IO, Any

_LENGTH = struct.Struct("<q")
_START = (
    "import sys, pickle; sys.path[:], arguments = pickle.loads(bytes.fromhex({payload!r})); "
    "from weaklab.voting.workers.process import serve; serve(*arguments)"
)
_WRITTEN_AT_ONCE = 1 << 16
"""Messages below this size are copied behind their length, which saves a system call."""

Send = Callable[[Any], None]
"""Sends an answer from the child to the parent; an exception is raised there."""
Handler = Callable[[Any, Send], None]
"""What a child runs: it is called with each message and with what sends answers."""


class ChildEndedError(Exception):
    """The child process ended, or was killed, before it answered; the message says how it ended."""


class ChildProcess:
    """A child process that handles messages until it is killed or its parent ends.

    Parameters
    ----------
    handler : ``"module:name"`` of a function or class; the child calls it once and gets a :data:`Handler`
    arguments : of that call, picklable and small
    environment : variables of the child that differ from those of this process
    inherited : file descriptors that stay open as long as the child lives (ignored on Windows)
    """

    def __init__(
        self,
        handler: str,
        arguments: tuple[Any, ...] = (),
        environment: Mapping[str, str] | None = None,
        inherited: Sequence[int] = (),
    ) -> None:
        # the child gets the reading end of this pipe, and notices when the writing end is gone with the parent
        lifeline, held_by_parent = os.pipe()
        self._lifeline = os.fdopen(held_by_parent, "wb")
        open_in_child = (lifeline, *inherited) if os.name == "posix" else ()
        payload = pickle.dumps((sys.path, (handler, arguments, lifeline if open_in_child else None)))
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", _START.format(payload=payload.hex())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**os.environ, "PYTHONHASHSEED": "0", **(environment or {})},
                pass_fds=open_in_child,
            )
        finally:
            os.close(lifeline)
        self._answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
        threading.Thread(target=self._read_answers, daemon=True).start()

    def _read_answers(self) -> None:
        assert self._process.stdout is not None
        try:
            while (answer := _receive(self._process.stdout)) is not None:
                self._answers.put(answer)
        except Exception as error:  # an answer that cannot be unpickled here
            self._answers.put(error)
        self._answers.put(None)

    def send(self, message: Any) -> None:
        """Send a message; if the child has ended, :meth:`receive` raises."""
        assert self._process.stdin is not None
        try:
            _send(self._process.stdin, message)
        except OSError:
            self._answers.put(None)

    def receive(self, timeout: float | None = None) -> Any:
        """Wait for the next answer and return it.

        Raises
        ------
        TimeoutError
            There was no answer within ``timeout`` seconds; the child goes on.
        ChildEndedError
            The child has ended.
        Exception
            The answer was an exception.
        """
        try:
            answer = self._answers.get(timeout=timeout)
        except queue.Empty:
            raise TimeoutError from None
        if answer is None:
            self._answers.put(None)
            raise ChildEndedError(_ending(self._process.wait()))
        if isinstance(answer, BaseException):
            raise answer
        return answer

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def kill(self) -> None:
        """End the process at once, whatever it does, and close its pipes."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._lifeline):
            with contextlib.suppress(OSError):  # what was still in the pipe is of no use any more
                if pipe is not None:
                    pipe.close()


def _ending(code: int) -> str:
    """Return how a process ended: ``"exit code 3"``, ``"killed by SIGKILL"``."""
    if code < 0:
        try:
            return f"killed by {signal.Signals(-code).name}"
        except ValueError:
            return f"killed by signal {-code}"
    return f"exit code {code}"


def _send(pipe: IO[bytes], message: Any) -> None:
    data = pickle.dumps(message, protocol=5)
    if len(data) < _WRITTEN_AT_ONCE:
        pipe.write(_LENGTH.pack(len(data)) + data)
    else:
        pipe.write(_LENGTH.pack(len(data)))
        pipe.write(data)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> Any:
    """Return the next message, None at the end of the pipe."""
    try:
        head = pipe.read(_LENGTH.size)
        if len(head) < _LENGTH.size:
            return None
        size = _LENGTH.unpack(head)[0]
        data = pipe.read(size)
        return pickle.loads(data) if len(data) == size else None
    except (OSError, ValueError, EOFError):
        return None


# ---- in the child


def serve(handler: str, arguments: tuple[Any, ...], lifeline: int | None) -> None:
    """Be the child: handle messages until the input ends. Ctrl-C is left to the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if lifeline is not None:
        _end_with_parent(lifeline)
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    module, _, name = handler.partition(":")
    handle: Handler = getattr(importlib.import_module(module), name)(*arguments)
    send = partial(_send, answers)
    while (message := _receive(sys.stdin.buffer)) is not None:
        handle(message, send)


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
