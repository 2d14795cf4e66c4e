"""The input of a batch: files that are read in parts, each part by one worker."""

from __future__ import annotations

import contextlib
import io
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from weaklab.batch.file_digests import Contents, Progress
from weaklab.batch.frozen import FrozenCommittee
from weaklab.core.errors import CorpusError
from weaklab.corpus import Corpus, Roles
from weaklab.corpus.source import Source
from weaklab.exchange import source_of
from weaklab.exchange.file_options import FileOptions
from weaklab.exchange.parquet_files import ParquetRows, parquet_rows

if TYPE_CHECKING:
    import pyarrow as pa


Parts = dict[int, dict[str, Any]]
"""Part number -> its footer as a dict."""


class Input:
    """The files of records to label, read batch by batch; ids may be repeated.

    Attributes
    ----------
    source : reads them
    roles : which columns mean what
    first : the first batch, with roles
    """

    def __init__(
        self,
        data: Any,
        frozen: FrozenCommittee,
        text: Any,
        id: str | None,
        options: FileOptions,
        progress: Progress | None = None,
    ) -> None:
        self.source = source_of(data, **vars(options))
        if not self.source.paths:
            raise CorpusError(
                f"batches are read from files, got {self.source.name}; write it to a Parquet file first, or use "
                "label_batch"
            )
        self.parquet = parquet_rows(self.source.paths) if self.source.kind == "parquet" else None
        self.contents = Contents(self.source.paths, self.parquet, progress)
        known = frozen.roles or Roles("id")
        names: list[str] = next((batch.schema.names for batch in self.source if batch.num_rows), [])
        if text is None and frozen.roles is not None and all(name in names for name in known.text):
            text = list(known.text)
        hidden: dict[str, Any] = {
            role: name for role, name in (("label", known.label), ("gold", known.gold)) if name in names
        }
        self.corpus = Corpus(self.source, text=text, id=known.id if id is None and known.id in names else id, **hidden)
        self.corpus.roles = replace(self.corpus.roles, also_hidden=known.also_hidden)
        self.roles, self.options = self.corpus.roles, options
        self.first = with_roles(next(batch for batch in self.source if batch.num_rows), self.roles)

    def estimate(self) -> int | None:
        """Return the number of records, exact or estimated; None if it cannot be known without reading."""
        if self.parquet is not None:
            return len(self.parquet)
        return None if any(path.suffix.lower() == ".gz" for path in self.source.paths) else self.contents.lines or None

    def reader(self) -> Reader:
        """Return the reader that workers use."""
        plain = replace(self.source, open=_nothing, paths=())
        return Reader(plain, self.roles, self.parquet, self.contents)

    def tasks(self, rows_per_part: int, done: Parts, workers: int) -> Tasks:
        """Return the queue of the parts that are not done."""
        return (
            _Stream(self, rows_per_part, done)
            if self.parquet is None
            else _Seek(len(self.parquet), rows_per_part, done, workers)
        )


def _nothing(source: Source) -> Iterator[pa.RecordBatch]:
    return iter(())


@dataclass(frozen=True)
class Task:
    """One part: input rows ``start`` to ``stop``, with their batches where a worker cannot find the rows in the file by
    itself.
    """

    part: int
    start: int
    stop: int
    data: bytes | None = None


class Tasks(contextlib.AbstractContextManager["Tasks"]):
    """Hands out parts to workers.

    Attributes
    ----------
    skipped : rows of parts that were finished before
    most : more workers than this would have nothing to do
    on_skip : called with further numbers of such rows
    """

    skipped = 0
    most = 1_000_000
    on_skip: Callable[[int], None] | None = None

    def next(self, worker: int) -> Task | None:
        """Return the next part for a worker, None if there is none left."""
        raise NotImplementedError

    def __exit__(self, *exception: object) -> None:
        return


class _Seek(Tasks):
    """Parts of Parquet files. Each worker has a range of parts, so that it reads files in order; when its range is
    done, it takes half of another worker's.
    """

    def __init__(self, rows: int, rows_per_part: int, done: Parts, workers: int) -> None:
        every = [
            Task(part, start, min(start + rows_per_part, rows))
            for part, start in enumerate(range(0, rows, rows_per_part))
        ]
        left = [task for task in every if task.part not in done]
        self.most = max(1, len(left))
        self.skipped = rows - sum(task.stop - task.start for task in left)
        ends = [len(left) * number // workers for number in range(workers + 1)]
        self._stretches = [deque(left[start:stop]) for start, stop in pairwise(ends)]

    def next(self, worker: int) -> Task | None:
        own = self._stretches[worker]
        if not own:
            richest = max(self._stretches, key=len)
            own.extendleft([richest.pop() for _ in range((len(richest) + 1) // 2)])
        return own.popleft() if own else None


class _Stream(Tasks):
    """Parts of files that can only be read from beginning to end; the next part is read while workers are busy."""

    def __init__(self, records: Input, rows_per_part: int, done: Parts) -> None:
        self._size, self._done, self._corpus = rows_per_part, done, records.corpus
        self._batches = iter(records.source)
        self._left: pa.RecordBatch | None = None
        self._part = self._row = 0
        self._reader = ThreadPoolExecutor(1)
        self._ahead: Future[Task | None] = self._reader.submit(self._read)
        first = self._ahead.result()
        self.most = 1 if first is None or first.stop - first.start < rows_per_part else Tasks.most

    def next(self, worker: int) -> Task | None:
        task = self._ahead.result()
        if task is not None:
            self._ahead = self._reader.submit(self._read)
        return task

    def _read(self) -> Task | None:
        """Read the next part that is not done."""
        while batches := self._take():
            task = Task(self._part, self._row, self._row + sum(batch.num_rows for batch in batches))
            self._part, self._row = self._part + 1, task.stop
            if task.part not in self._done:
                return replace(task, data=_as_bytes(batches))
            self.skipped += task.stop - task.start
            if self.on_skip is not None:
                self.on_skip(task.stop - task.start)
        self._corpus._tell_repairs()
        return None

    def _take(self) -> list[pa.RecordBatch]:
        """Return the batches of the next part, an empty list at the end."""
        found, wanted = [], self._size
        while wanted:
            batch = next(self._batches, None) if self._left is None else self._left
            if batch is None:
                break
            found.append(batch.slice(0, wanted))
            self._left = batch.slice(wanted) if batch.num_rows > wanted else None
            wanted -= found[-1].num_rows
        return [batch for batch in found if batch.num_rows]

    def __exit__(self, *exception: object) -> None:
        self._reader.shutdown(wait=False, cancel_futures=True)


def _as_bytes(batches: list[pa.RecordBatch]) -> bytes:
    import pyarrow as pa

    stream = io.BytesIO()
    with pa.ipc.new_stream(stream, batches[0].schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
    return stream.getvalue()


class Reader:
    """Reads the batches of a part; they end at the same rows wherever reading began."""

    def __init__(self, source: Source, roles: Roles, parquet: ParquetRows | None, contents: Contents) -> None:
        self._source, self._roles, self._parquet, self._contents = source, roles, parquet, contents
        self._at = -1
        self._batches: Iterator[pa.RecordBatch] = iter(())
        self._left: pa.RecordBatch | None = None

    def check_unchanged(self) -> None:
        """Raise a CorpusError if the input was changed, so that no part is written from it."""
        self._contents.check()

    def read(self, task: Task) -> Iterator[pa.RecordBatch]:
        """Yield the batches of a part, with the roles of columns in their schema."""
        import pyarrow as pa

        found = self._cut(task) if task.data is None else iter(pa.ipc.open_stream(task.data))
        for batch in found:
            yield with_roles(batch, self._roles)

    def _cut(self, task: Task) -> Iterator[pa.RecordBatch]:
        assert self._parquet is not None
        if self._at != task.start:
            self._at, self._left, self._batches = task.start, None, self._parquet.read(self._source, task.start)
        while self._at < task.stop:
            batch = self._take(min(self._parquet.batch_rows, task.stop - self._at))
            self._at += batch.num_rows
            yield batch

    def _take(self, rows: int) -> pa.RecordBatch:
        import pyarrow as pa

        found = []
        while rows:
            batch = next(self._batches) if self._left is None else self._left
            found.append(batch.slice(0, rows))
            self._left = batch.slice(rows) if batch.num_rows > rows else None
            rows -= found[-1].num_rows
        return found[0] if len(found) == 1 else pa.Table.from_batches(found).combine_chunks().to_batches()[0]


def with_roles(batch: pa.RecordBatch, roles: Roles) -> pa.RecordBatch:
    return batch.replace_schema_metadata(roles.attach(batch.schema).metadata)
