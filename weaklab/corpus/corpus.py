"""The class Corpus: records with unique ids, as Arrow batches that can be read repeatedly."""

from __future__ import annotations

import hashlib
from itertools import chain
from typing import TYPE_CHECKING, Any

from weaklab.core.errors import CorpusError, warn
from weaklab.corpus.id_column import likely_id
from weaklab.corpus.records import Columns, Record, Roles, id_texts, ids_of, records
from weaklab.corpus.source import BATCH_BYTES, BATCH_ROWS, ColumnError, Source, check_columns
from weaklab.corpus.text_column import guessed_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

_ID_BYTES = 8


class Corpus:
    """Records with unique ids behind one interface, whether they fit in memory or not.

    Made by :func:`read`. Iterating :meth:`batches` reads the data again from its source, in the same order.

    Attributes
    ----------
    roles : which columns are id, text, label and gold
    schema : Arrow schema of every batch, with the roles in its metadata
    left_out : column -> why it cannot be stored
    ignored : columns that ``columns=`` does not name
    """

    def __init__(
        self,
        source: Source,
        *,
        text: str | Sequence[str] | None = None,
        id: str | None = None,
        label: str | None = None,
        gold: str | None = None,
        columns: Sequence[str] | None = None,
        like: Roles | None = None,
    ) -> None:
        self._source = source
        named = {"text": listed(text), "id": listed(id), "label": listed(label), "gold": listed(gold)}
        _check_roles(named, {"id": id, "label": label, "gold": gold}, source.name)
        wanted = [name for role in named.values() for name in role]
        source.text_columns = (*(("text",) if text is None else named["text"]), *named["label"], *named["gold"])
        source.label_columns = (*named["label"], *named["gold"])
        source.id_column = id or "id"
        source.needed = frozenset((*wanted, *listed(columns), source.id_column, *source.text_columns))
        first = next((batch for batch in source if batch.num_rows), None)
        if first is None:
            raise CorpusError(f"{source.name}: holds no record; wanted at least one")
        names = first.schema.names
        check_columns([*names, *source.left_out], [*wanted, *listed(columns)], source.name)
        if like is not None:
            id = like.id if id is None and like.id in names else id  # noqa: A001 - the argument's own name
            text = like.text if text is None and like.text and all(name in names for name in like.text) else text
        if label is None and source.labels_by_file:
            label = "label"
        self._made_ids = id is None and "id" not in names
        hidden = {label, gold, id or "id"}
        texts = listed(text) if text is not None else guessed_text(first, hidden, source)
        self.roles = Roles(id or "id", texts, label, gold)
        self.likely_id = likely_id(first, {*texts, label, gold}) if self._made_ids else None
        source.id_column = self.roles.id
        source.text_columns = tuple(name for name in (*texts, label, gold) if name)
        source.label_columns = tuple(name for name in (label, gold) if name)
        roles = {self.roles.id, *source.text_columns}
        source.needed = frozenset((*roles, *listed(columns)))
        source.columns = None if columns is None else frozenset((*roles, *listed(columns)))
        self.ignored = tuple(name for name in names if not source.wants(name))
        self._told = False
        self.schema: pa.Schema | None = None
        self._ids: pa.ChunkedArray | None = None
        self._ids_checked = False
        self._kept: list[pa.RecordBatch] | None = None
        self._rows: int | None = None
        self._fingerprint: int | None = None

    @property
    def name(self) -> str:
        """The name of this corpus in messages."""
        return self._source.name

    @property
    def left_out(self) -> dict[str, str]:
        """Columns that cannot be stored, each with the reason."""
        return self._source.left_out

    def leave_out(self, error: ColumnError) -> None:
        """Read on without the column of an error, or raise it where the column is needed."""
        self._source.leave_out(error)
        self._kept = self._ids = self.schema = None

    @property
    def written_ids(self) -> int:
        """The number of ids read so far that were written as 1.0 and are read as 1."""
        return self._source.repairs.ids

    @property
    def makes_ids(self) -> bool:
        """Whether ids are made from the content, because the records have no id column."""
        return self._made_ids

    def batches(self, size: int = BATCH_ROWS, *, ids: bool = True) -> Iterator[pa.RecordBatch]:
        """Yield record batches of at most ``size`` rows, every one with an id column.

        Parameters
        ----------
        size : most rows in a batch; fewer where they are so large that it would pass :data:`BATCH_BYTES`
        ids : False where ids are not looked at: row numbers stand in the place of ids that would be made from the
            content
        """
        for batch, _ in self._batches(size, ids):
            yield batch

    def batches_with_ids(self, size: int = BATCH_ROWS) -> Iterator[tuple[pa.RecordBatch, list[str]]]:
        """Yield what :meth:`batches` does, each batch with its ids as :func:`ids_of` returns them."""
        for batch, ids in self._batches(size, True):
            yield batch, ids_of(batch) if ids is None else ids

    def _batches(self, size: int, with_ids: bool) -> Iterator[tuple[pa.RecordBatch, list[str] | None]]:
        """Yield batches, and their ids where these have been made or checked."""
        made: dict[bytes, int] = {}
        seen = _SeenIds()
        rows = 0
        for raw in self._raw():
            for part in _slices(raw, size):
                batch, ids = (
                    self._with_ids(part, made, seen, rows)
                    if with_ids or not self._made_ids
                    else (self._with_rows(part, rows), None)
                )
                rows += batch.num_rows
                self.schema = batch.schema if with_ids or self.schema is None else self.schema
                yield batch, ids
        self._ids_checked |= not self._made_ids
        self._tell_repairs()

    def _raw(self) -> Iterator[pa.RecordBatch]:
        """Yield the columns without made ids; data that is in memory is converted once and kept."""
        if self._kept is not None:
            yield from self._kept
            return
        kept, rows = [], 0
        for batch in self._source:
            rows += batch.num_rows
            if self._source.in_memory:
                kept.append(batch)
            yield batch
        self._rows = rows
        if self._source.in_memory:
            import pyarrow as pa

            self._kept = pa.Table.from_batches(kept).combine_chunks().to_batches()

    def _tell_repairs(self) -> None:
        repairs = self._source.repairs
        if repairs.surrogates and not self._told:
            self._told = True
            warn(
                f"{self.name}: lone surrogates, which are no Unicode text, became U+FFFD in {repairs.surrogates:,} "
                f"values (first: {repairs.first})"
            )

    def _with_ids(
        self, batch: pa.RecordBatch, made: dict[bytes, int], seen: _SeenIds, offset: int
    ) -> tuple[pa.RecordBatch, list[str] | None]:
        import pyarrow as pa

        texts = None
        if self._made_ids:
            if self._ids is not None and self._kept is not None:
                ids = pa.concat_arrays(self._ids.slice(offset, batch.num_rows).chunks)
            else:
                texts = _content_ids(batch, self.roles, made)
                ids = pa.array(texts, pa.large_string())
            batch = pa.record_batch([ids, *batch.columns], names=["id", *batch.schema.names])
        elif not (self._ids_checked and self._kept is not None):
            texts = _checked_ids(batch.column(self.roles.id), seen, offset, self)
        return batch.replace_schema_metadata(self.roles.attach(batch.schema).metadata), texts

    def _with_rows(self, batch: pa.RecordBatch, offset: int) -> pa.RecordBatch:
        import numpy as np
        import pyarrow as pa

        numbers = pa.array(np.arange(offset, offset + batch.num_rows))
        batch = pa.record_batch([numbers, *batch.columns], names=["id", *batch.schema.names])
        return batch.replace_schema_metadata(self.roles.attach(batch.schema).metadata)

    @property
    def ids(self) -> pa.ChunkedArray:
        """The ids of all records, in order; reading them checks that they are unique."""
        import pyarrow as pa

        if self._ids is None:
            self._ids = pa.chunked_array([batch.column(self.roles.id) for batch in self.batches()])
        return self._ids

    def __len__(self) -> int:
        return (
            sum(batch.num_rows for batch in self._raw()) if self._source.in_memory and self._made_ids else len(self.ids)
        )

    @property
    def known_rows(self) -> int | None:
        """The number of records as of the last reading; None for files that have not been read."""
        if self._rows is None and self._source.in_memory:
            self._rows = sum(batch.num_rows for batch in self._raw())
        return self._rows

    @property
    def fingerprint(self) -> int:
        """A hash of the content, valid in this process; for files it is computed again each time."""
        if self._fingerprint is None or self._kept is None:
            self._fingerprint = hash((self.roles, *(part for batch in self._raw() for part in _contents(batch))))
        return self._fingerprint

    def column(self, name: str) -> pa.ChunkedArray:
        """Return one column of all records."""
        import pyarrow as pa

        batches = list(self.batches())
        check_columns(batches[0].schema.names, [name], self.name)
        return pa.chunked_array([batch.column(name) for batch in batches])

    def gold(self) -> list[str | None]:
        """Return the gold label names, None where there is none.

        Raises
        ------
        CorpusError
            The corpus was read without ``gold=``.
        """
        if self.roles.gold is None:
            raise CorpusError(f"{self.name} was read without gold labels; name their column: read(..., gold='column')")
        return [None if value in (None, "") else str(value) for value in self.column(self.roles.gold).to_pylist()]

    def take(self, rows: Sequence[int] | NDArray[np.integer[Any]]) -> pa.Table:
        """Return the records at these row numbers, in the order asked for."""
        import numpy as np
        import pyarrow as pa

        wanted = np.asarray(rows, dtype=np.int64)
        order = np.argsort(wanted, kind="stable")
        parts, start = [], 0
        for batch in self.batches():
            low, high = np.searchsorted(wanted[order], [start, start + batch.num_rows])
            if high > low:
                parts.append(batch.take(pa.array(wanted[order][low:high] - start)))
            start += batch.num_rows
        if len(wanted) and (wanted.min() < 0 or wanted.max() >= start):
            raise CorpusError(f"{self.name} has rows 0 to {start - 1:,}, got {wanted.min()} to {wanted.max()}")
        table = pa.Table.from_batches(parts, schema=self.schema)
        return table.take(pa.array(np.argsort(order, kind="stable")))

    def record(self, row: int) -> Record:
        """Return the record at a row number."""
        return records(self.take([row]).combine_chunks().to_batches()[0])[0]

    def __repr__(self) -> str:
        return f"Corpus({self.name}, text={list(self.roles.text)}, id={self.roles.id!r})"


def listed(names: str | Sequence[str] | None) -> tuple[str, ...]:
    if names is None or isinstance(names, str):
        return () if names is None else (names,)
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        raise CorpusError(f"a column is named by its name, such as 'text', got {type(names).__name__} {names!r}")
    return tuple(dict.fromkeys(names))


def _check_roles(named: Mapping[str, tuple[str, ...]], single: Mapping[str, Any], source: str) -> None:
    """A column that holds labels is hidden from heuristics, so it can be neither the text nor the id; only texts may be
    several columns.
    """
    for role, name in single.items():
        if name is not None and not isinstance(name, str):
            raise CorpusError(
                f"{source}: {role}={name!r}: one column is the {role}; wanted its name, such as "
                f"{role}={(named[role] or (role,))[0]!r}"
            )
    for role in ("label", "gold"):
        for other in ("text", "id"):
            both = set(named[role]) & set(named[other])
            if both:
                raise CorpusError(
                    f"{source}: column {both.pop()!r} cannot be {other} and {role}: heuristics read the one, never the "
                    "other"
                )


def _content_ids(batch: pa.RecordBatch, roles: Roles, seen: dict[bytes, int]) -> list[str]:
    """Make ids from the content: 64 bits of BLAKE2b, followed by a number for a repeated record."""
    columns = Columns(batch.replace_schema_metadata(roles.attach(batch.schema).metadata))
    if roles.text:
        contents = [str(value) for value in columns.text]
    else:
        names = sorted(columns.names)
        contents = [repr(row) for row in zip(*(batch.column(name).to_pylist() for name in names), strict=True)]
    ids = []
    for content in contents:
        digest = hashlib.blake2b(content.encode("utf-8", "surrogatepass"), digest_size=_ID_BYTES).digest()
        repeat = seen[digest] = seen.get(digest, -1) + 1
        ids.append(digest.hex() + (f"-{repeat}" if repeat else ""))
    return ids


class _SeenIds:
    """The ids of the batches so far."""

    def __init__(self) -> None:
        self._all: set[str] = set()
        self._batches: list[list[str]] = []

    def add(self, ids: list[str]) -> tuple[int, int] | None:
        """Add the ids of the next batch; return the first two rows that have the same id, counted over all batches."""
        before = len(self._all)
        self._all.update(ids)
        self._batches.append(ids)
        if len(self._all) == before + len(ids):
            return None
        rows: dict[str, int] = {}
        return next(
            (rows[text], row)
            for row, text in enumerate(chain.from_iterable(self._batches))
            if rows.setdefault(text, row) != row
        )


def _checked_ids(ids: pa.Array, seen: _SeenIds, offset: int, corpus: Corpus) -> list[str]:
    """Return the ids of a batch, after comparing them with those of the batches before."""
    name = corpus.roles.id
    if ids.null_count:
        row = next(i for i, value in enumerate(ids) if not value.is_valid)
        raise CorpusError(f"{corpus.name}: record {offset + row} has no id in column {name!r}; every record needs one")
    texts = id_texts(ids)
    if "" in texts:
        row = offset + texts.index("")
        raise CorpusError(f"{corpus.name}: record {row} has an empty id in column {name!r}; every record needs one")
    twice = seen.add(texts)
    if twice is not None:
        first, row = twice
        shown = repr(ids[row - offset].as_py())
        raise CorpusError(
            f"{corpus.name}: id {shown} stands in records {first} and {row} (counted from 0); ids must be unique: name "
            "another id column, or rename this one and let weaklab make ids from the content"
        )
    return texts


def _contents(batch: pa.RecordBatch) -> Iterator[Any]:
    """Yield small hashable values that differ between batches with different content."""
    import pyarrow as pa

    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        yield name, str(column.type), column.offset, len(column)
        if column.type.num_fields:  # the buffers of a nested column do not include dictionaries
            sink = pa.BufferOutputStream()
            with pa.ipc.new_stream(sink, pa.schema([("", column.type)])) as writer:
                writer.write_batch(pa.record_batch([column], names=[""]))
            yield hash(sink.getvalue().to_pybytes())
            continue
        yield from (None if buffer is None else hash(buffer.to_pybytes()) for buffer in column.buffers())


def _slices(batch: pa.RecordBatch, size: int) -> Iterator[pa.RecordBatch]:
    """Cut a batch into parts of at most ``size`` rows, and of about BATCH_BYTES at most."""
    per_row = max(1, batch.nbytes // max(1, batch.num_rows))
    rows = max(1, min(size, BATCH_BYTES // per_row))
    for start in range(0, batch.num_rows, rows):
        yield batch.slice(start, rows)
