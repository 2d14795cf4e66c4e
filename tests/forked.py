"""Python processes that stand ready at once: forks of a process that has imported what is slow to import.

They share nothing else with the process of the tests: modules are as after their import.
"""

import atexit
import multiprocessing
import os
import signal
import sys
import tempfile
import warnings
from contextlib import ExitStack
from multiprocessing.connection import Connection
from subprocess import CompletedProcess

import pytest

SLOW_IMPORTS = [
    "matplotlib.figure",
    "pandas",
    "pyarrow.parquet",
    "scipy.stats",
    "sklearn.ensemble",
    "sklearn.feature_extraction.text",
    "sklearn.linear_model",
    "weaklab.cli.app",
    "weaklab.label_models",
    "weaklab.project.project",
    "weaklab.simulation",
    "weaklab.voting.workers",
]
COMMAND_LINE = "from weaklab.cli import main; main()"
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
if hasattr(os, "fork"):
    SERVER = multiprocessing.get_context("forkserver")
    SERVER.set_forkserver_preload(SLOW_IMPORTS)


def _run(program, arguments, path, ends):
    """Run a program in this new process as ``python -c`` does it, with other ends of its standard streams."""
    os.setsid()
    for number, end in enumerate(ends):
        os.dup2(end.fileno(), number)
        end.close()
    sys.stdin, sys.stdout, sys.stderr = map(os.fdopen, range(3), "rww")
    sys.argv[:], sys.path[:0] = ["-c", *arguments], path
    warnings.resetwarnings()
    try:
        exec(compile(program, "<program>", "exec"), {"__name__": "__main__"})
    finally:
        atexit._run_exitfuncs()
        sys.stdout.flush()


def _start(program, arguments, path, ends):
    process = SERVER.Process(target=_run, args=(program, [*map(str, arguments)], [*map(str, path)], ends))
    process.start()
    for end in ends:
        end.close()
    return process


def run(program, *arguments, path=(), stdin=""):
    """Run a program to its end; ``path`` is what it finds modules in first."""
    with ExitStack() as stack:
        files = given, out, errors = [stack.enter_context(tempfile.TemporaryFile("w+")) for _ in range(3)]
        given.write(stdin)
        given.seek(0)
        process = _start(program, arguments, path, [Connection(os.dup(file.fileno())) for file in files])
        process.join()
        out.seek(0)
        errors.seek(0)
        return CompletedProcess(program, process.exitcode, out.read(), errors.read())


class Program:
    """A program that runs in a session of its own; pipes lead to its standard input and from its standard output."""

    def __init__(self, program, *arguments):
        read, given = os.pipe()
        printed, written = os.pipe()
        self.stdin, self.stdout = os.fdopen(given, "w"), os.fdopen(printed)
        self._process = _start(program, arguments, (), [*map(Connection, (read, written, os.dup(2)))])

    def send(self, line):
        self.stdin.write(f"{line}\n")
        self.stdin.flush()

    @property
    def is_running(self):
        return self._process.exitcode is None

    def wait(self):
        """Read what it prints to the end, wait for it, and return its exit code."""
        self.stdout.read()
        self._process.join()
        self._close()
        return self._process.exitcode

    def kill(self):
        """Kill it with all of its own children; return what it has printed and nobody has read."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:  # it has no session of its own yet, or no process any more
            self._process.kill()
        self._process.join()
        printed = self.stdout.read()
        self._close()
        return printed

    def _close(self):
        self.stdin.close()
        self.stdout.close()
