"""Converts records in Python, texts or dicts, to batches of one schema."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from weaklab.core.errors import CorpusError
from weaklab.corpus.source import BATCH_BYTES, BATCH_ROWS, ColumnError, Source, check_names
from weaklab.exchange.python_values import column_of
from weaklab.exchange.schemas import table_batches, with_schema

if TYPE_CHECKING:
    import pyarrow as pa


def list_source(items: list[Any]) -> Source:
    kinds = {type(item).__name__ for item in items}
    if not items:
        raise CorpusError("the list is empty: there is no record to label")
    if all(isinstance(item, str) for item in items):
        return Source("the list", lambda source: _text_batches(source, items), in_memory=True)
    if all(isinstance(item, Mapping) for item in items):
        return Source(
            "the list",
            lambda source: table_batches(table_of_rows(source, items, partial(_place_in_list, 0))),
            in_memory=True,
        )
    raise CorpusError(f"a list must hold only strings or only dicts, got {', '.join(sorted(kinds))}")


def _text_batches(source: Source, texts: list[str]) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    for start in range(0, len(texts), BATCH_ROWS):
        place = partial(_place_in_list, start)
        yield pa.record_batch({"text": column_of(texts[start : start + BATCH_ROWS], "text", source, place)})


def _place_in_list(start: int, row: int) -> str:
    return f"the list, record {start + row}"


def table_of_rows(source: Source, items: list[Mapping[str, Any]], place: Callable[[int], str]) -> pa.Table:
    """Return dicts as a table; a key that only some of them have is a column, too."""
    import pyarrow as pa

    rows = [_text_keys(row, place(i)) for i, row in enumerate(items)]
    names = dict.fromkeys(key for row in rows for key in row)
    columns = {name: source.attempt(name, partial(_row_column, rows, name, source, place)) for name in names}
    return pa.table({name: column for name, column in columns.items() if column is not None})


def _row_column(rows: Sequence[Mapping[str, Any]], name: str, source: Source, place: Callable[[int], str]) -> pa.Array:
    return column_of([row.get(name) for row in rows], name, source, place)


def batches_of_rows(
    source: Source,
    rows: Iterable[tuple[str, Mapping[str, Any]]],
    schema_of_all: Callable[[], pa.Schema | None] | None = None,
) -> Iterator[pa.RecordBatch]:
    """Convert (place, row) pairs to batches of one schema.

    Parameters
    ----------
    source : says which columns are wanted, and which are text
    rows : the place of each record in messages, such as ``mail.foo:12``, and its columns
    schema_of_all : returns the schema of all records if there is more than one batch; by default, and where it returns
        None, the schema is that of the first batch
    """
    import pyarrow as pa

    chunks = _chunks((place, _text_keys(row, place)) for place, row in rows)
    ahead, broken = _two_ahead(chunks)
    schema = schema_of_all() if schema_of_all is not None and len(ahead) > 1 else None
    is_first = True
    for places, chunk in chain(ahead, broken, chunks):
        names = list(schema.names) if schema is not None else list(dict.fromkeys(key for row in chunk for key in row))
        found = {
            name: source.attempt(name, partial(_row_column, chunk, name, source, places.__getitem__)) for name in names
        }
        lost = [name for name, column in found.items() if column is None]
        if lost and not is_first:
            raise ColumnError(lost[0], source.left_out[lost[0]])
        if lost and schema is not None:
            schema = pa.schema([f for f in schema if f.name not in lost])
        is_first = False
        batch = pa.record_batch({name: column for name, column in found.items() if column is not None})
        if schema is None:
            schema = pa.schema(
                [pa.field(f.name, pa.large_string() if f.type == pa.null() else f.type) for f in batch.schema]
            )
        yield with_schema(batch, schema, places[0])


_Chunk = tuple[list[str], list[Mapping[str, Any]]]


def _two_ahead(chunks: Iterator[_Chunk]) -> tuple[list[_Chunk], Iterator[_Chunk]]:
    """Return the first two chunks, and an iterator that raises the error of the second after the first is used."""
    first = list(islice(chunks, 1))
    try:
        return first + list(islice(chunks, 1)), iter(())
    except CorpusError as error:
        return first, map(_raise, [error])


def _raise(error: CorpusError) -> _Chunk:
    raise error


def _text_keys(row: Mapping[Any, Any], place: str) -> Mapping[str, Any]:
    """Return a row whose column names are text that Arrow can store."""
    if not all(type(key) is str and key.isascii() for key in row):
        check_names([str(key) for key in row], place)
        row = {str(key): value for key, value in row.items()}
        odd = next((key for key in row if key != key.encode(errors="replace").decode()), None)
        if odd is not None:
            raise CorpusError(
                f"{place}: the column name {odd!r} holds a lone surrogate, which is no Unicode text; rename it"
            )
    return row


def _chunks(rows: Iterable[tuple[str, Mapping[str, Any]]]) -> Iterator[tuple[list[str], list[Mapping[str, Any]]]]:
    places: list[str] = []
    chunk: list[Mapping[str, Any]] = []
    size = 0
    for place, row in rows:
        places.append(place)
        chunk.append(row)
        size += sum(len(value) for value in row.values() if isinstance(value, str))
        if len(chunk) >= BATCH_ROWS or size >= BATCH_BYTES:
            yield places, chunk
            places, chunk, size = [], [], 0
    if chunk:
        yield places, chunk
