"""Label a corpus that need not fit in memory: files in, Parquet parts out, each written whole or not at all.

A run that is stopped, even with ``kill -9``, goes on where it was when the same call is made again, and ends with the same bytes as one
that nothing disturbed.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import io
import json
import os
import re
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from weaklab.base import CorpusError, Fault, WeaklabError, did_you_mean, merge_faults, warn
from weaklab.committee import assemble, join
from weaklab.corpus import BATCH_ROWS, Corpus, Roles
from weaklab.corpus.sources import ParquetRows, Source, check_columns, parquet_rows, source_of
from weaklab.engines.local import cores, run_tasks
from weaklab.frozen import FrozenCommittee
from weaklab.heuristics.fingerprint import digest
from weaklab.processes import can_travel
from weaklab.store import replacing
from weaklab.tables import Table

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from weaklab.committee import Committee
    from weaklab.heuristics import Ballot
    from weaklab.label_models import LabelModel

Parts = dict[int, dict[str, Any]]
"""Part number -> what its footer says."""

FORMAT = 1
"""Of the manifest and the parts; a run of another format is not continued."""
ROWS_PER_PART = 100_000
"""Rows of the input that make a part: what a stopped run loses at most, times the number of workers."""
GATHERED_BYTES = 16 << 20
"""Batches are put together up to this size, which costs little memory and saves what is to be done once a batch."""
MANIFEST, SUMMARY, LOCK = "_manifest.json", "_summary.json", ".lock"
ENGINES = ("local", "spark")
ROW = "row"
"""The column with the number of the record in the input, from 0."""
LOCK_SECONDS = 3.0
"""The workers of a run that was killed a moment ago are given so long to end."""
FIT_ROWS = 100_000
"""A label model is fitted to the votes on so many records at most: beyond that, labels change by less than 1 in 1,000."""
_KEY = b"weaklab.part"
_BLOCK = 1 << 16
_PART = re.compile(r"part-(\d{6,})\.parquet")
_HALF = re.compile(rf"\.({_PART.pattern}|{re.escape(MANIFEST)}|{re.escape(SUMMARY)})\.\w+")
"""What a run that was killed leaves of a file that it was writing."""


@dataclass
class BatchSummary:
    """What became of a batch.

    Attributes
    ----------
    rows, parts : in all
    labels : label -> number of records
    undecided : records without a label
    manual : records labeled by a person
    votes : heuristic -> label -> number of votes
    faults : what went wrong, one entry for each heuristic and kind of exception
    out : the folder
    fresh, seconds : records that this call labeled, and how long it took
    """

    rows: int = 0
    parts: int = 0
    labels: dict[str, int] = field(default_factory=dict)
    undecided: int = 0
    manual: int = 0
    votes: dict[str, dict[str, int]] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    out: Path = Path()
    fresh: int = 0
    seconds: float = 0.0

    def add(self, part: dict[str, Any]) -> None:
        """Add what the footer of the next part says."""
        self.rows, self.parts = self.rows + part["rows"], self.parts + 1
        self.undecided, self.manual = self.undecided + part["undecided"], self.manual + part["manual"]
        _add_counts(self.labels, part["labels"])
        for name, counts in part["votes"].items():
            _add_counts(self.votes.setdefault(name, {}), counts)
        self.faults = merge_faults([*self.faults, *map(Fault.from_json, part["faults"])])

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON, which is the same for the same input and committee."""
        held = {name: getattr(self, name) for name in ("rows", "parts", "labels", "undecided", "manual", "votes")}
        return {**held, "faults": [fault.to_json() for fault in self.faults]}

    def table(self) -> Table:
        """Return labels and how many records have each."""
        counts = [*self.labels.items(), ("(undecided)", self.undecided)]
        rows = [[name, count, f"{count / max(1, self.rows):.1%}"] for name, count in counts]
        notes = [f"{self.manual:,} of them labeled by a person"] if self.manual else []
        title = f"{self.rows:,} records in {self.parts:,} part{'s' if self.parts != 1 else ''}: {self.out}"
        return Table(title, ["label", "records", "share"], rows, [*notes, *(f"fault: {fault}" for fault in self.faults)])

    def __str__(self) -> str:
        return str(self.table())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


def label_files(
    frozen: FrozenCommittee,
    source: Any,
    out: str | Path,
    *,
    votes: bool = False,
    include: Sequence[str] = (),
    text: str | Sequence[str] | None = None,
    id: str | None = None,
    encoding: str = "utf-8",
    rows_per_part: int = ROWS_PER_PART,
    workers: int | None = None,
    overwrite: bool = False,
    engine: str = "local",
    progress: bool = False,
) -> BatchSummary:
    r"""Label the records of files and write the labels to a folder of Parquet parts, in the order of the input.

    Columns are ``row``, the number of the record from 0, and those of :meth:`FrozenCommittee.schema`. The folder also holds
    ``_manifest.json``, what the parts were made of, and in the end ``_summary.json``.

    The same call goes on with a run that was stopped: parts that are finished are kept. A folder whose parts were made by another
    committee, of other input or with other settings is left alone. Input is known by the size and content of its files; of a
    Parquet file, by its size, its footer and its first 64 KiB.

    Ids are taken as they are, so that memory does not grow with their number: whether one appears twice is not checked. Without
    an id column they are made from the content, and records that are equal have equal ids; ``row`` tells them apart.

    Parameters
    ----------
    frozen : see :meth:`weaklab.Project.freeze`
    source : a Parquet, CSV, TSV, JSONL or text file, a folder or glob of one type, or a list of paths
    out : folder; made if it is not there
    votes : whether to write what each heuristic voted
    include : columns of the input to write, too
    text, id, encoding : as of :func:`weaklab.read`; by default the columns are called as in the project
    rows_per_part : fixed number of input rows in a part
    workers : processes, by default one a core; the result is the same for any number
    overwrite : begin anew where the folder holds another run
    engine : ``local``, or ``spark``
    progress : whether to show progress on standard error

    Raises
    ------
    CorpusError
        A file cannot be read, a record has no id, or a column is missing; finished parts stay.
    WeaklabError
        Another process writes to the folder, or it holds something else.

    Examples
    --------
    >>> import tempfile, weaklab
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "mail.jsonl").write_text('{"id": "a", "text": "win a prize"}\n{"id": "b", "text": "lunch"}\n')
    >>> committee = weaklab.Committee(["ham", "spam"], timeout=None)
    >>> _ = committee.add(weaklab.keywords("spam", ["prize"]))
    >>> label_files(FrozenCommittee.of(committee), folder / "mail.jsonl", folder / "out").labels
    {'ham': 0, 'spam': 1}
    """
    if engine not in ENGINES:
        raise WeaklabError(f"no engine {engine!r};{did_you_mean(engine, ENGINES)} available: {', '.join(ENGINES)}")
    if rows_per_part < 1 or (workers is not None and workers < 1):
        raise WeaklabError(f"rows_per_part and workers must be 1 or more, got {rows_per_part!r} and {workers!r}")
    if engine != "local":
        settings = {"votes": votes, "include": include, "text": text, "id": id, "encoding": encoding, "rows_per_part": rows_per_part}
        label: Callable[..., dict[str, Any]] = import_module(f"weaklab.engines.{engine}").label_files
        return BatchSummary(**label(frozen, source, out, **settings, workers=workers, overwrite=overwrite, progress=progress))
    started = time.monotonic()
    records = Input(source, frozen, text, id, encoding)
    schema = _part_schema(frozen, records, include, votes)
    frozen.check(records.first)
    inside = next((path for path in records.source.paths if Path(out).resolve() in path.resolve().parents), None)
    if inside is not None:
        raise WeaklabError(f"{inside} is input and lies in {out}, where the labels go; name a folder outside of the input")
    with _folder(Path(out)) as (folder, lock):
        run = _claim(folder, _manifest(frozen, records, votes, include, rows_per_part), overwrite)
        done = _finished(folder, run)
        if _is_complete(folder, run, done):
            return _summed(folder, done)
        (folder / SUMMARY).unlink(missing_ok=True)
        job = _PartJob(frozen, records.reader(), schema, folder, run, votes, tuple(include))
        wanted = workers or cores()
        tasks = records.tasks(rows_per_part, done, wanted)
        if wanted > 1 and (reason := can_travel(job)) is not None:  # type: ignore[arg-type]  # it takes whatever is to be pickled
            warn(f"the committee cannot be sent to other processes ({reason}), so this one does all the work")
            wanted = 1
        with tasks, _Bar(progress, records.estimate() if progress else None, tasks) as bar:
            run_tasks(job, tasks.next, lambda part: done.update({part["part"]: part}), bar.update, min(wanted, tasks.most), held=(lock,))
        records.check_unchanged()
        found = _summed(folder, done)
        with replacing(folder / SUMMARY) as temporary:
            _write_json(temporary, {"run": run, **found.to_json()})
        found.fresh, found.seconds = found.rows - tasks.skipped, time.monotonic() - started
        return found


def fit(
    committee: Committee,
    source: Any,
    *,
    label_model: str | LabelModel = "committee",
    max_rows: int | None = FIT_ROWS,
    text: str | Sequence[str] | None = None,
    id: str | None = None,
    encoding: str = "utf-8",
    seed: int = 0,
) -> FrozenCommittee:
    """Fit a label model to what a committee votes on a corpus that need not fit in memory, and return both, frozen.

    No record is looked at beside the votes on it. Of a larger corpus a random sample is voted on, drawn by row number: between half
    of ``max_rows`` and all of them, the same for the same number of records and seed.

    Parameters
    ----------
    committee : its weak classifiers are trained already, or abstain
    source : anything that :func:`weaklab.read` takes, or what it returned
    label_model : name, or a label model that is not fitted
    max_rows : fit on so many records at most; None votes on all, and holds a byte for each vote where the model does not add up
        what it learns (see :meth:`~weaklab.label_models.LabelModel.partial_fit`)
    text, id, encoding : as of :func:`weaklab.read`
    seed : of the sample

    Examples
    --------
    >>> import weaklab
    >>> committee = weaklab.Committee(["ham", "spam"], timeout=None)
    >>> _ = committee.add(weaklab.keywords("spam", ["prize"])), committee.add(weaklab.keywords("ham", ["lunch"]))
    >>> frozen = fit(committee, ["win a prize", "lunch at noon"] * 50)
    >>> frozen.label_batch(next(weaklab.read(["a prize", "hello"]).batches()))["label"].to_pylist()
    ['spam', None]
    """
    from weaklab.label_models import label_model as make

    if max_rows is not None and max_rows < 1:
        raise WeaklabError(f"max_rows must be 1 or more, or None for all, got {max_rows!r}")
    corpus = source if isinstance(source, Corpus) else Corpus(source_of(source, encoding), text=text, id=id)
    voters = FrozenCommittee.of(committee)
    rows = (_with_roles(batch, corpus.roles) for batch in corpus._source)
    model = make(label_model) if isinstance(label_model, str) else copy.deepcopy(label_model)
    model.set_params(n_classes=len(voters.labels))
    kept: list[list[Ballot]] = []
    for batch, ballots in voters.ballots(rows if max_rows is None else _sampled(rows, max_rows, seed)):
        if max_rows is None and model.adds_up:
            votes = assemble(voters.heuristics, ballots, voters.labels, batch.num_rows)
            model.partial_fit(votes.L, None, votes.scores, votes.confidence)
        else:
            kept.append(ballots)
    if kept:
        joined = [join(column) for column in zip(*kept, strict=True)]
        votes = assemble(voters.heuristics, joined, voters.labels, sum(len(ballots[0].votes) for ballots in kept))
        model.fit(votes.L, None, votes.scores, votes.confidence)
    return FrozenCommittee.of(committee, model)


def _sampled(batches: Iterable[pa.RecordBatch], most: int, seed: int) -> Iterator[pa.RecordBatch]:
    """Yield the rows whose number falls below a threshold by lot, which is halved as often as there are more than ``most``."""
    import numpy as np
    import pyarrow as pa

    from weaklab.strategies import uniform

    kept: list[tuple[pa.RecordBatch, NDArray[np.float64]]] = []
    row, count, threshold = 0, 0, 1.0
    for batch in batches:
        lots = uniform(np.arange(row, row + batch.num_rows, dtype=np.uint64), seed)
        row += batch.num_rows
        kept.append(_below(batch, lots, threshold))
        count += len(kept[-1][1])
        while count > most:
            threshold /= 2
            kept = [_below(*part, threshold) for part in kept]
            count = sum(len(part) for _, part in kept)
    table = pa.Table.from_batches([batch for batch, _ in kept]).combine_chunks()
    yield from table.to_batches(max_chunksize=BATCH_ROWS)


def _below(batch: pa.RecordBatch, lots: NDArray[np.float64], threshold: float) -> tuple[pa.RecordBatch, NDArray[np.float64]]:
    import pyarrow as pa

    keep = lots < threshold
    return (batch, lots) if keep.all() else (batch.filter(pa.array(keep)), lots[keep])


def _with_roles(batch: pa.RecordBatch, roles: Roles) -> pa.RecordBatch:
    return batch.replace_schema_metadata(roles.attach(batch.schema).metadata)


# ---- input


class Input:
    """Files of records that are read in a stream; ids may appear twice.

    Attributes
    ----------
    source : reads them
    roles : which columns mean what
    first : the first batch, with roles
    """

    def __init__(self, data: Any, frozen: FrozenCommittee, text: Any, id: str | None, encoding: str) -> None:
        self.source = source_of(data, encoding)
        if not self.source.paths:
            raise CorpusError(f"batches are read from files, got {self.source.name}; write it to a Parquet file first, or use label_batch")
        known = frozen.roles or Roles("id")
        names: list[str] = next((batch.schema.names for batch in self.source if batch.num_rows), [])
        if text is None and known.text and all(name in names for name in known.text):
            text = list(known.text)
        hidden = {role: name for role, name in (("label", known.label), ("gold", known.gold)) if name in names}
        self.corpus = Corpus(self.source, text=text, id=known.id if id is None and known.id in names else id, **hidden)
        self.roles, self.encoding, self._lines = self.corpus.roles, encoding, 0
        self.first = _with_roles(next(batch for batch in self.source if batch.num_rows), self.roles)
        self.parquet = parquet_rows(self.source.paths) if self.source.kind == "parquet" else None
        self._stamps = [_stamp(path) for path in self.source.paths]

    def identity(self) -> list[dict[str, Any]]:
        """Return name, size and hash of each file."""
        return [{"file": path.name, "size": path.stat().st_size, "hash": self._hash(path)} for path in self.source.paths]

    def check_unchanged(self) -> None:
        """Raise a CorpusError if a file was written to since the input was opened."""
        changed = next((path for path, stamp in zip(self.source.paths, self._stamps, strict=True) if _stamp(path) != stamp), None)
        if changed is not None:
            raise CorpusError(
                f"{changed} changed while its records were labeled; run the same command with --overwrite to label what it holds now"
            )

    def _hash(self, path: Path) -> str:
        """Return the hash of a file; of a Parquet file the first block and the footer, which tells of every column and row group."""
        state = hashlib.blake2b(digest_size=16)
        with open(path, "rb") as stream:
            if self.parquet is not None:
                state.update(stream.read(_BLOCK))
                stream.seek(-8, os.SEEK_END)
                stream.seek(-8 - int.from_bytes(stream.read(4), "little"), os.SEEK_END)
            while block := stream.read(_BLOCK):
                state.update(block)
                self._lines += block.count(b"\n")
        return state.hexdigest()

    def estimate(self) -> int | None:
        """Return how many records there are: exactly, or about so many, or None where only reading tells."""
        if self.parquet is not None:
            return len(self.parquet)
        return None if any(path.suffix.lower() == ".gz" for path in self.source.paths) else self._lines

    def reader(self) -> _Reader:
        """Return what workers read with."""
        plain = Source(self.source.name, _nothing, self.source.text_columns, self.source.id_column)
        return _Reader(plain, self.roles, self.parquet)

    def tasks(self, rows_per_part: int, done: Parts, workers: int) -> _Tasks:
        """Return what deals the parts that are not done to workers."""
        return _Stream(self, rows_per_part, done) if self.parquet is None else _Seek(len(self.parquet), rows_per_part, done, workers)


def _stamp(path: Path) -> tuple[int, int]:
    """Return what changes when somebody writes to a file."""
    found = path.stat()
    return found.st_size, found.st_mtime_ns


def _nothing(source: Source) -> Iterator[pa.RecordBatch]:
    return iter(())


@dataclass(frozen=True)
class _Task:
    """One part: input rows ``start`` to ``stop``, whose batches come along where they cannot be found by their number."""

    part: int
    start: int
    stop: int
    data: bytes | None = None


class _Tasks(contextlib.AbstractContextManager["_Tasks"]):
    """Deals parts to workers.

    Attributes
    ----------
    skipped : rows of parts that were finished before
    most : more workers than this would have nothing to do
    on_skip : called with further numbers of such rows
    """

    skipped = 0
    most = 1_000_000
    on_skip: Callable[[int], None] | None = None

    def next(self, worker: int) -> _Task | None:
        """Return the next part for a worker, None where there is none left."""
        raise NotImplementedError

    def __exit__(self, *exception: object) -> None:
        return


class _Seek(_Tasks):
    """Parts of Parquet files. Each worker has a stretch of them, so that it reads on where it was, and halves another's when it is done."""

    def __init__(self, rows: int, rows_per_part: int, done: Parts, workers: int) -> None:
        every = [_Task(part, start, min(start + rows_per_part, rows)) for part, start in enumerate(range(0, rows, rows_per_part))]
        left = [task for task in every if task.part not in done]
        self.most = max(1, len(left))
        self.skipped = rows - sum(task.stop - task.start for task in left)
        ends = [len(left) * number // workers for number in range(workers + 1)]
        self._stretches = [deque(left[start:stop]) for start, stop in pairwise(ends)]

    def next(self, worker: int) -> _Task | None:
        own = self._stretches[worker]
        if not own:
            richest = max(self._stretches, key=len)
            own.extendleft([richest.pop() for _ in range((len(richest) + 1) // 2)])
        return own.popleft() if own else None


class _Stream(_Tasks):
    """Parts of files that are read from beginning to end; the next part is read while workers are busy."""

    def __init__(self, records: Input, rows_per_part: int, done: Parts) -> None:
        self._size, self._done, self._corpus = rows_per_part, done, records.corpus
        self._batches = iter(records.source)
        self._left: pa.RecordBatch | None = None
        self._part = self._row = 0
        self._reader = ThreadPoolExecutor(1)
        self._ahead: Future[_Task | None] = self._reader.submit(self._read)
        first = self._ahead.result()
        self.most = 1 if first is None or first.stop - first.start < rows_per_part else _Tasks.most

    def next(self, worker: int) -> _Task | None:
        task = self._ahead.result()
        if task is not None:
            self._ahead = self._reader.submit(self._read)
        return task

    def _read(self) -> _Task | None:
        """Read up to the next part that is not done."""
        while batches := self._take():
            task = _Task(self._part, self._row, self._row + sum(batch.num_rows for batch in batches))
            self._part, self._row = self._part + 1, task.stop
            if task.part not in self._done:
                return replace(task, data=_as_bytes(batches))
            self.skipped += task.stop - task.start
            if self.on_skip is not None:
                self.on_skip(task.stop - task.start)
        self._corpus._tell_repairs()
        return None

    def _take(self) -> list[pa.RecordBatch]:
        """Return the batches of one part, none at the end."""
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


class _Reader:
    """Reads the batches of a part, cut at the same rows wherever reading began."""

    def __init__(self, source: Source, roles: Roles, parquet: ParquetRows | None) -> None:
        self._source, self._roles, self._parquet = source, roles, parquet
        self._at = -1
        self._batches: Iterator[pa.RecordBatch] = iter(())
        self._left: pa.RecordBatch | None = None

    def read(self, task: _Task) -> Iterator[pa.RecordBatch]:
        """Yield the batches of a part, with roles."""
        import pyarrow as pa

        found = self._cut(task) if task.data is None else iter(pa.ipc.open_stream(task.data))
        for batch in found:
            yield _with_roles(batch, self._roles)

    def _cut(self, task: _Task) -> Iterator[pa.RecordBatch]:
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


# ---- one part


class _PartJob:
    """Labels one part and writes it; what every worker holds."""

    def __init__(
        self, frozen: FrozenCommittee, reader: _Reader, schema: pa.Schema, folder: Path, run: str, votes: bool, include: tuple[str, ...]
    ) -> None:
        self._frozen, self._reader, self._schema, self._folder, self._run = frozen, reader, schema, folder, run
        self._votes, self._include = votes, include

    def start(self) -> None:
        """Leave the other cores to the other workers."""
        self._frozen.workers = 1

    def run(self, task: _Task, progress: Callable[[int], None]) -> dict[str, Any]:
        """Write the file of a part; return what its footer says."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        said = _PartCounts(self._frozen)
        batches = []
        for batch, ballots in self._frozen.ballots(self._checked(task)):
            labeled, faults = self._frozen.labeled(batch, ballots, self._votes)
            said.count(labeled, ballots, faults)
            batches.append(self._columns(batch, labeled, task.start + said.rows - batch.num_rows))
            progress(batch.num_rows)
        part = {"run": self._run, "part": task.part, **said.to_json()}
        table = pa.Table.from_batches(batches, self._schema).combine_chunks()
        table = table.replace_schema_metadata({_KEY: json.dumps(part, ensure_ascii=False).encode()})
        with replacing(self._folder / _part_name(task.part)) as temporary:
            pq.write_table(table, temporary, row_group_size=max(1, table.num_rows), use_dictionary=_repeating(self._schema))
        return part

    def _checked(self, task: _Task) -> Iterator[pa.RecordBatch]:
        row = task.start
        for batch in _gathered(self._reader.read(task), self._frozen.batch_rows):
            _check_ids(batch, row, self._reader._source.name)
            row += batch.num_rows
            yield batch

    def _columns(self, batch: pa.RecordBatch, labeled: pa.RecordBatch, row: int) -> pa.RecordBatch:
        import numpy as np
        import pyarrow as pa

        rows = pa.array(np.arange(row, row + batch.num_rows), pa.int64())
        shown = [batch.column(name) for name in self._include]
        return pa.RecordBatch.from_arrays([rows, labeled.column(0), *shown, *labeled.columns[1:]], schema=self._schema)


def _gathered(batches: Iterable[pa.RecordBatch], rows: int) -> Iterator[pa.RecordBatch]:
    """Put small batches together, up to so many rows and :data:`GATHERED_BYTES`."""
    import pyarrow as pa

    held: list[pa.RecordBatch] = []
    for batch in batches:
        if held and (sum(len(b) for b in held) + len(batch) > rows or sum(b.nbytes for b in held) + batch.nbytes > GATHERED_BYTES):
            yield from pa.Table.from_batches(held).combine_chunks().to_batches()
            held = []
        held.append(batch)
    if held:
        yield from pa.Table.from_batches(held).combine_chunks().to_batches()


def _repeating(schema: pa.Schema) -> list[str]:
    """Return the columns whose values come again and again, as Parquet calls them: neither ids nor numbers."""
    import pyarrow as pa

    names = ["label", "faults.list.element", *(name for name in schema.names if name.startswith("vote_"))]
    return [name for name in names if "." in name or pa.types.is_string(schema.field(name).type)]


class _PartCounts:
    """What is counted of a part."""

    def __init__(self, frozen: FrozenCommittee) -> None:
        self.rows = self._undecided = self._manual = 0
        self._labels, self._names = list(frozen.labels), frozen.names
        self._label_counts = dict.fromkeys(self._labels, 0)
        self._vote_counts = {name: dict.fromkeys(self._labels, 0) for name in self._names}
        self._faults: list[Fault] = []

    def count(self, labeled: pa.RecordBatch, ballots: list[Ballot], faults: list[Fault]) -> None:
        """Add one batch."""
        import numpy as np
        import pyarrow.compute as pc

        self.rows += labeled.num_rows
        self._undecided += labeled["label"].null_count
        self._manual += pc.sum(labeled["manual"]).as_py() or 0
        for found in labeled["label"].drop_null().value_counts().to_pylist():
            self._label_counts[found["values"]] += found["counts"]
        for name, ballot in zip(self._names, ballots, strict=True):
            for label, count in zip(self._labels, np.bincount(ballot.votes + 1, minlength=len(self._labels) + 1)[1:].tolist(), strict=True):
                self._vote_counts[name][label] += count
        self._faults = merge_faults([*self._faults, *(replace(fault, location="") for fault in faults)])

    def to_json(self) -> dict[str, Any]:
        return {
            "rows": self.rows,
            "labels": self._label_counts,
            "undecided": self._undecided,
            "manual": self._manual,
            "votes": self._vote_counts,
            "faults": [fault.to_json() for fault in self._faults],
        }


def _part_name(part: int) -> str:
    return f"part-{part:06}.parquet"


def _part_schema(frozen: FrozenCommittee, records: Input, include: Sequence[str], votes: bool) -> pa.Schema:
    """Return the columns of the parts: row, id, those of the input, and the labels."""
    import pyarrow as pa

    given = frozen.prepared(records.first).schema
    labels = list(frozen.schema(given, votes))
    check_columns(given.names, include, records.source.name)
    taken = {ROW, *(f.name for f in labels)}
    for name in include:
        if name in taken:
            raise WeaklabError(f"column {name!r} is among those of the labels already; leave it out of include")
        taken.add(name)
    if ROW in (f.name for f in labels):
        raise WeaklabError(f"the id column is called {ROW!r}, as is the column of row numbers in the output; rename it")
    return pa.schema([pa.field(ROW, pa.int64()), labels[0], *(given.field(name) for name in include), *labels[1:]])


def _check_ids(batch: pa.RecordBatch, start: int, name: str) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    column = Roles.of(batch.schema).id
    if column not in batch.schema.names:
        return
    ids = batch.column(column)
    missing = ids.is_null()
    if pa.types.is_string(ids.type) or pa.types.is_large_string(ids.type):
        missing = pc.or_(missing, pc.equal(ids.fill_null(""), ""))
    place = pc.index(missing, True).as_py()
    if place >= 0:
        raise CorpusError(f"{name}: record {start + place} (counted from 0) has no id in column {column!r}; every record needs one")


# ---- the folder


def _manifest(frozen: FrozenCommittee, records: Input, votes: bool, include: Sequence[str], rows_per_part: int) -> dict[str, Any]:
    """Return all that decides the bytes of the parts."""
    import numpy as np
    import pyarrow as pa

    from weaklab import __version__

    roles = records.roles
    return {
        "format": FORMAT,
        "committee": {"fingerprint": frozen.fingerprint, **frozen.parts},
        "input": records.identity(),
        "settings": {
            "rows_per_part": rows_per_part,
            "votes": votes,
            "include": list(include),
            "id": roles.id,
            "text": list(roles.text),
            "encoding": records.encoding,
        },
        "versions": {"weaklab": __version__, "numpy": np.__version__, "pyarrow": pa.__version__},
    }


def _claim(folder: Path, manifest: dict[str, Any], overwrite: bool) -> str:
    """Make the folder one of this run, or find that it is; return the key by which its parts are known."""
    path = folder / MANIFEST
    run = digest(json.dumps(manifest, sort_keys=True, ensure_ascii=False))
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        others = sorted(p.name for p in folder.iterdir() if p.name != LOCK and not _HALF.fullmatch(p.name))
        if others:
            raise WeaklabError(f"{folder} holds {_few(others)}, which is no batch of weaklab; name an empty or a new folder") from None
        held = None
    except ValueError:
        held = {}
    if held not in (None, {}) and not (isinstance(held, dict) and {"format", "committee", "input"} <= held.keys()):
        raise WeaklabError(f"{path} was not written by weaklab; name an empty or a new folder")
    if held == manifest:
        return run
    if held is not None and not overwrite:
        raise WeaklabError(
            f"{folder} holds a batch that was made otherwise: {'; '.join(_differences(held, manifest))}. Name another folder, "
            "or begin anew in this one with overwrite=True (--overwrite)"
        )
    (folder / SUMMARY).unlink(missing_ok=True)
    with replacing(path) as temporary:
        _write_json(temporary, manifest)
    return run


def _differences(held: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    """Say in words where two manifests differ."""
    said = []
    committee, other = held.get("committee") or {}, wanted["committee"]
    parts = [name for name in {**committee, **other} if name != "fingerprint" and committee.get(name) != other.get(name)]
    if parts:
        said.append(f"the committee differs ({_few(parts)})")
    files = [(entry["file"], entry["size"], entry["hash"]) for entry in held.get("input") or []]
    new = [(entry["file"], entry["size"], entry["hash"]) for entry in wanted["input"]]
    if files != new:
        said.append(f"the input differs ({_few(sorted({entry[0] for entry in set(files) ^ set(new)}) or ['the order of its files'])})")
    for kind in ("settings", "versions"):
        before, now = held.get(kind) or {}, wanted[kind]
        said += [f"{name} was {before.get(name)!r} and is {now[name]!r}" for name in now if before.get(name) != now[name]]
    return said or ["another version of weaklab wrote it"]


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _finished(folder: Path, run: str) -> Parts:
    """Return what the parts of this run say in their footers; others, and what a stopped run left half-written, are removed."""
    found: Parts = {}
    useless = []
    for path in sorted(folder.iterdir()):
        part = _PART.fullmatch(path.name)
        said = None if part is None else _footer(path)
        if part is not None and said is not None and said["run"] == run and path.name == _part_name(said["part"]):
            found[said["part"]] = said
        elif part is not None or _HALF.fullmatch(path.name):
            useless.append(path)
    for path in useless:
        path.unlink()
    return found


def _footer(path: Path) -> dict[str, Any] | None:
    """Return what a part says of itself, None if it is no whole one.

    Raises
    ------
    WeaklabError
        It is somebody else's file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with open(path, "rb") as stream:
        head = stream.read(4)
    try:
        metadata = pq.read_metadata(path)
    except (pa.ArrowException, OSError):
        metadata = None
    if head not in (b"", b"PAR1") or (metadata is not None and _KEY not in (metadata.metadata or {})):
        raise WeaklabError(f"{path} was not written by weaklab; move it to another folder, or name a new one for the labels")
    if metadata is None:
        return None
    said: dict[str, Any] = json.loads(metadata.metadata[_KEY])
    return said if said["rows"] == metadata.num_rows else None


def _is_complete(folder: Path, run: str, done: Parts) -> bool:
    """Whether the summary of this run is there, and every part that it counts."""
    try:
        held = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return False
    return isinstance(held, dict) and held.get("run") == run and sorted(done) == list(range(held["parts"]))


def _summed(folder: Path, done: Parts) -> BatchSummary:
    found = BatchSummary(out=folder)
    for part in sorted(done):
        found.add(done[part])
    return found


def _add_counts(total: dict[str, int], more: dict[str, int]) -> None:
    for name, count in more.items():
        total[name] = total.get(name, 0) + count


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


@contextlib.contextmanager
def _folder(out: Path) -> Iterator[tuple[Path, int]]:
    """Make the folder, and keep others from writing to it as long as this process or one of its workers lives."""
    if out.exists() and not out.is_dir():
        raise WeaklabError(f"{out} is a file; wanted a folder for the parts")
    out.mkdir(parents=True, exist_ok=True)
    with open(out / LOCK, "ab") as stream:
        until = time.monotonic() + LOCK_SECONDS
        while not _locked(stream.fileno()):
            if time.monotonic() > until:
                raise WeaklabError(f"another process writes to {out}; wait until it is done, or name another folder")
            time.sleep(0.05)
        yield out, stream.fileno()


def _locked(handle: int) -> bool:
    """Lock an open file if nobody else has; the system unlocks it when the last process that holds it ends, however it ends."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


class _Bar:
    """Shows how many records are done, how many a second, and the time left."""

    def __init__(self, shown: bool, total: int | None, tasks: _Tasks) -> None:
        self._bar: Any = None
        if shown:
            from tqdm.auto import tqdm

            self._bar = tqdm(total=total, initial=tasks.skipped, unit=" records", desc="labeling", mininterval=0.5)
            tasks.on_skip = self._skip

    def update(self, rows: int) -> None:
        if self._bar is not None:
            self._bar.update(rows)

    def _skip(self, rows: int) -> None:
        """Move on without counting these rows to the rate."""
        self._bar.initial += rows
        self._bar.update(rows)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.close()
