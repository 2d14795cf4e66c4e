"""A child process in which a heuristic votes, with a marker of the row it is at: a hang or a crash costs that row."""

from __future__ import annotations

import contextlib
import hashlib
import mmap
import os
import pickle
import struct
import tempfile
import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from weaklab.core.labels import LabelNames
from weaklab.heuristics.ballot import Ballot, Heuristic, Watch
from weaklab.heuristics.pickling import packed
from weaklab.voting.workers.kills import failed_ballot
from weaklab.voting.workers.process import ChildEndedError, ChildProcess, Send

if TYPE_CHECKING:
    import pyarrow as pa

POLL_SECONDS = 0.05
"""How often the marker of a child is looked at."""
LOAD_SECONDS = 60.0
"""How long a child may take to start and to import what a heuristic needs, before the timeout of its first record
begins."""
WHOLE_BATCH = -1
"""The row of a marker before the first record, and while a function works on a whole batch."""
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class VoterKilledError(Exception):
    """The child was killed by the timeout, or ended by itself, while it voted at ``row``."""

    def __init__(self, row: int, exception: str, message: str) -> None:
        super().__init__(message)
        self.row, self.exception, self.message = row, exception, message


class CannotLoadError(Exception):
    """The child cannot unpickle a heuristic."""


class RowMarker:
    """A small file, shared by parent and child, that holds the row a heuristic is at and counts the rows begun.

    Parameters
    ----------
    path : of the file, as :meth:`create` makes it
    """

    _LAYOUT = struct.Struct("=qq")
    NOT_BEGUN = _LAYOUT.pack(WHOLE_BATCH, 0)
    """The content before the child has begun with a request."""

    def __init__(self, path: str) -> None:
        self.path = path
        with open(path, "r+b") as stream:
            self._map = mmap.mmap(stream.fileno(), self._LAYOUT.size)

    @classmethod
    def create(cls) -> RowMarker:
        """Make a new marker in the folder of temporary files."""
        handle, path = tempfile.mkstemp(prefix="weaklab-mark-")
        os.write(handle, bytes(cls._LAYOUT.size))
        os.close(handle)
        return cls(path)

    @property
    def content(self) -> bytes:
        """The row and the count as bytes; they change with every row."""
        return self._map[:]

    @property
    def row(self) -> int:
        """The row that was begun last."""
        return int(self._LAYOUT.unpack(self._map[:])[0])

    def reset(self) -> None:
        """Say that the next request has not begun."""
        self._map[:] = self.NOT_BEGUN

    def cells(self) -> memoryview[int]:
        """Return row and count as writable int64."""
        return memoryview(self._map).cast("q")

    def unlink(self) -> None:
        """Remove the file; on POSIX both processes can go on with what they have opened."""
        with contextlib.suppress(OSError):
            os.unlink(self.path)


@dataclass(frozen=True)
class PackedHeuristic:
    """A pickled heuristic, and a key that is equal for equal pickles."""

    data: bytes
    key: str

    @classmethod
    def of(cls, heuristic: Heuristic) -> PackedHeuristic:
        """Pickle a heuristic by value, see :func:`weaklab.heuristics.pickling.packed`."""
        data = packed(heuristic, [heuristic])
        return cls(data, hashlib.blake2b(data, digest_size=16).hexdigest())


@dataclass(frozen=True)
class VoteRequest:
    """What a child is asked to do: let one heuristic vote on one batch.

    Attributes
    ----------
    voting : number of the :class:`~weaklab.voting.workers.ProcessVoting` that asks; the child forgets the heuristics of
        others
    key, pickle : of the heuristic; without the pickle where the child has it
    batch : Arrow IPC stream; None for the batch of the last request
    skip : rows on which the heuristic was killed before
    stop : vote on the rows before this one only; None for all
    labels : the label names
    """

    voting: int
    key: str
    pickle: bytes | None
    batch: bytes | None
    skip: Collection[int]
    stop: int | None
    labels: LabelNames


class VotingProcess(ChildProcess):
    """The parent's side: sends requests and watches the marker. New environment variables keep BLAS to one thread."""

    def __init__(self) -> None:
        self._marker = RowMarker.create()
        self._voting = -1
        self._loaded: set[str] = set()
        threads = {name: "1" for name in _THREADS if name not in os.environ}
        super().__init__("weaklab.voting.workers.voter:Voter", (self._marker.path,), threads)

    def pickle_to_send(self, voting: int, heuristic: PackedHeuristic) -> bytes | None:
        """Return the pickle of a heuristic, None if this child has loaded it for the same voting."""
        if self._voting != voting:
            self._voting, self._loaded = voting, set()
        new = heuristic.key not in self._loaded
        self._loaded.add(heuristic.key)
        return heuristic.data if new else None

    def vote(self, request: VoteRequest, timeout: float) -> Ballot:
        """Return the ballot of one request.

        Raises
        ------
        VoterKilledError
            The child ended, or stayed at one row for ``timeout`` seconds and was killed.
        CannotLoadError
            The child cannot unpickle the heuristic.
        """
        self._marker.reset()
        seen, since = RowMarker.NOT_BEGUN, time.monotonic()
        self.send(request)
        while True:
            try:
                return self.receive(min(POLL_SECONDS, timeout))  # type: ignore[no-any-return]
            except ChildEndedError as ended:
                row = self._marker.row
                self.kill()
                raise VoterKilledError(row, "ProcessDied", f"it ended its process ({ended})") from None
            except TimeoutError:
                pass
            if (content := self._marker.content) != seen:
                seen, since = content, time.monotonic()
                continue
            limit = max(timeout, LOAD_SECONDS) if content == RowMarker.NOT_BEGUN else timeout
            if time.monotonic() - since > limit:
                row = self._marker.row
                self.kill()
                raise VoterKilledError(row, "TimeoutError", f"no vote after {limit:g} s, so its process was stopped")

    def kill(self) -> None:
        """End the child and remove its marker."""
        super().kill()
        self._marker.unlink()


class Voter:
    """The child's side: keeps heuristics and the last batch, and answers each request with a ballot."""

    def __init__(self, marker_path: str) -> None:
        marker = RowMarker(marker_path)
        if os.name == "posix":
            marker.unlink()
        self._cells = marker.cells()
        self._voting = -1
        self._batch: pa.RecordBatch | None = None
        self._heuristics: dict[str, Heuristic] = {}

    def __call__(self, request: VoteRequest, send: Send) -> None:
        """Vote, and send the ballot."""
        import pyarrow as pa

        if request.voting != self._voting:
            self._voting, self._heuristics = request.voting, {}
        if request.batch is not None:
            self._batch = pa.ipc.open_stream(request.batch).read_next_batch()
        if request.pickle is not None:
            try:
                self._heuristics[request.key] = pickle.loads(request.pickle)
            except Exception as error:
                send(CannotLoadError(f"{type(error).__name__}: {error}"))
                return
        send(self._ballot(request))

    def _ballot(self, request: VoteRequest) -> Ballot:
        heuristic, batch = self._heuristics[request.key], self._batch
        assert batch is not None
        batch = batch if request.stop is None else batch.slice(0, request.stop)
        try:
            self._mark(WHOLE_BATCH)
            start = time.process_time()
            ballot: Any = heuristic.evaluate(batch, request.labels, Watch(self._mark, request.skip, self._cells))
            ballot.seconds = time.process_time() - start
        except Exception as error:  # it costs the votes on this batch, never the run
            return failed_ballot(heuristic, error, batch)
        return ballot  # type: ignore[no-any-return]

    def _mark(self, row: int) -> None:
        self._cells[1] += 1
        self._cells[0] = row
