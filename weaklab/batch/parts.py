"""Labels one part of a batch and writes it as a Parquet file, completely or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weaklab.batch.frozen import FrozenCommittee
from weaklab.batch.inputs import Input, Reader, Task
from weaklab.core.errors import CorpusError, WeaklabError
from weaklab.core.faults import Fault, merge_faults
from weaklab.core.files import replacing
from weaklab.corpus import Roles
from weaklab.corpus.source import check_columns

if TYPE_CHECKING:
    import pyarrow as pa

    from weaklab.heuristics import Ballot

GATHERED_BYTES = 16 << 20
"""Small batches are joined up to this size, which costs little memory and saves the fixed cost of a batch."""
ROW = "row"
"""The column with the number of the record in the input, from 0."""
KEY = b"weaklab.part"
_BLOCK = 1 << 20
SEAL = "weaklab.digest"
"""Footer key of the digest of all other bytes of the part, which shows damage and edits."""
UNSEALED = "0" * 32


class PartJob:
    """Labels parts and writes them; every worker process has a copy."""

    def __init__(
        self,
        frozen: FrozenCommittee,
        reader: Reader,
        schema: pa.Schema,
        folder: Path,
        run: str,
        votes: bool,
        include: tuple[str, ...],
    ) -> None:
        self._frozen, self._reader, self._schema, self._folder, self._run = frozen, reader, schema, folder, run
        self._votes, self._include = votes, include

    def start(self) -> None:
        """Leave the other cores to the other workers, and the faults to the parent, which reports them."""
        warnings.simplefilter("ignore")
        self._frozen.workers = 1

    def run(self, task: Task, progress: Callable[[int], None]) -> dict[str, Any]:
        """Label a part and write its file; return its footer."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        said = _PartCounts(self._frozen)
        batches = []
        for batch, ballots in self._frozen.ballots(self._checked(task)):
            labeled, faults = self._frozen.labeled(batch, ballots, self._votes)
            said.count(labeled, ballots, faults)
            said.empty_texts += _empty_texts(batch)
            batches.append(self._columns(batch, labeled, task.start + said.rows - batch.num_rows))
            progress(batch.num_rows)
        part = {"run": self._run, "part": task.part, **said.to_json()}
        table = pa.Table.from_batches(batches, self._schema).combine_chunks()
        table = table.replace_schema_metadata({KEY: json.dumps(part, ensure_ascii=False).encode()})
        with replacing(self._folder / part_name(task.part)) as temporary:
            with pq.ParquetWriter(temporary, table.schema, use_dictionary=_repeating(self._schema)) as writer:
                writer.write_table(table, row_group_size=max(1, table.num_rows))
                writer.add_key_value_metadata({SEAL: SEAL + ":" + UNSEALED})
            seal(temporary)
            self._reader.check_unchanged()
        return part

    def _checked(self, task: Task) -> Iterator[pa.RecordBatch]:
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
    """Join small batches, up to this many rows and :data:`GATHERED_BYTES`."""
    import pyarrow as pa

    held: list[pa.RecordBatch] = []
    for batch in batches:
        if held and (
            sum(len(b) for b in held) + len(batch) > rows or sum(b.nbytes for b in held) + batch.nbytes > GATHERED_BYTES
        ):
            yield from pa.Table.from_batches(held).combine_chunks().to_batches()
            held = []
        held.append(batch)
    if held:
        yield from pa.Table.from_batches(held).combine_chunks().to_batches()


def _repeating(schema: pa.Schema) -> list[str]:
    """Return the columns to store with a dictionary, by their Parquet paths: those with few different values."""
    import pyarrow as pa

    names = ["label", "faults.list.element", *(name for name in schema.names if name.startswith("vote_"))]
    return [name for name in names if "." in name or pa.types.is_string(schema.field(name).type)]


class _PartCounts:
    """Counts the records, labels, votes and faults of a part."""

    def __init__(self, frozen: FrozenCommittee) -> None:
        self.rows = self.empty_texts = self._undecided = self._manual = 0
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
            for label, count in zip(
                self._labels, np.bincount(ballot.votes + 1, minlength=len(self._labels) + 1)[1:].tolist(), strict=True
            ):
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
            **({"empty_texts": self.empty_texts} if self.empty_texts else {}),
        }


def _empty_texts(batch: pa.RecordBatch) -> int:
    """Return how many records have a text column, and nothing in it, or in any of several."""
    import pyarrow.compute as pc

    texts = [batch.column(name) for name in Roles.of(batch.schema).text]
    if not texts:
        return 0
    empty = [pc.fill_null(pc.equal(pc.binary_length(column), 0), True) for column in texts]
    return int(pc.sum(reduce(pc.and_, empty)).as_py() or 0)


def part_name(part: int) -> str:
    return f"part-{part:06}.parquet"


def part_schema(frozen: FrozenCommittee, records: Input, include: Sequence[str], votes: bool) -> pa.Schema:
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


def seal(path: Path) -> None:
    """Replace :data:`UNSEALED` in the footer of a part by the digest of its bytes."""
    place = _place_of_seal(path, UNSEALED)
    assert place is not None
    found = _digest(path, place)
    with open(path, "r+b") as stream:
        stream.seek(place)
        stream.write(found.encode())


def is_sealed(path: Path, told: str) -> bool:
    """Whether a part still has the bytes it was written with; ``told`` is the digest in its footer."""
    name, _, found = told.partition(":")
    place = _place_of_seal(path, found) if name == SEAL and len(found) == len(UNSEALED) else None
    return place is not None and _digest(path, place) == found


def _place_of_seal(path: Path, found: str) -> int | None:
    """Return the offset of the digest in the file, None where there is none."""
    with open(path, "rb") as stream:
        size = stream.seek(-8, os.SEEK_END)
        start = max(0, size - int.from_bytes(stream.read(4), "little"))
        stream.seek(start)
        place = stream.read().rfind(f"{SEAL}:{found}".encode())
    return None if place < 0 else start + place + len(SEAL) + 1


def _digest(path: Path, place: int) -> str:
    """Return the digest of a file, computed with :data:`UNSEALED` at this offset."""
    state = hashlib.blake2b(digest_size=len(UNSEALED) // 2)
    with open(path, "rb") as stream:
        left = place
        while left and (block := stream.read(min(left, _BLOCK))):
            state.update(block)
            left -= len(block)
        state.update(UNSEALED.encode())
        stream.seek(place + len(UNSEALED))
        while block := stream.read(_BLOCK):
            state.update(block)
    return state.hexdigest()


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
        raise CorpusError(
            f"{name}: record {start + place} (counted from 0) has no id in column {column!r}; every record needs one"
        )
