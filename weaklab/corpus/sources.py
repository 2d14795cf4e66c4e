"""Where records come from: tables in memory, and CSV, JSONL, Parquet and text files read in a stream."""

from __future__ import annotations

import contextlib
import glob
import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache, partial
from itertools import chain, groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from weaklab.core.errors import CorpusError, did_you_mean
from weaklab.corpus.csv_files import csv_batches
from weaklab.corpus.excel_files import read_sheet
from weaklab.corpus.file_options import FileKeywords, FileOptions
from weaklab.corpus.json_files import MAX_DEPTH, JsonColumns, json_object, json_records
from weaklab.corpus.plain import plain_column
from weaklab.corpus.records import record_id
from weaklab.corpus.text_files import check_names as _check_names
from weaklab.corpus.text_files import first_line as _first_line
from weaklab.corpus.text_files import lines as _lines
from weaklab.corpus.text_files import short as _short
from weaklab.corpus.text_files import suffix as _suffix

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_ROWS = 4096
"""Rows in a batch, the unit of work everywhere."""
BATCH_BYTES = 64 << 20
"""A batch holds fewer rows where they are so large that it would pass this many bytes."""
UNLABELED_STEMS = ("dataset", "unlabeled", "unlabelled")
"""Text files of a folder that hold records without a label; every other file is named after its label."""
SUFFIXES = {
    ".csv": "csv", ".tsv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json",
    ".parquet": "parquet", ".pq": "parquet",
    ".txt": "text", ".xlsx": "excel", ".xlsm": "excel",
}  # fmt: skip
_BESIDE = (".json", ".xlsx", ".xlsm")
"""In a folder with files of another type these are not records, but notes about them."""


class ColumnError(CorpusError):
    """A column whose values no one column of a file can hold; the others can be read without it.

    Parameters
    ----------
    column : its name
    message : what cannot be stored, and where
    """

    def __init__(self, column: str, message: str) -> None:
        super().__init__(message)
        self.column = column

    def __reduce__(self) -> tuple[Any, ...]:
        return ColumnError, (self.column, str(self))


@dataclass
class Repairs:
    """What had to be changed so that the text could be stored, told once at the end."""

    surrogates: int = 0
    first: str = ""
    ids: int = 0
    """Ids that were written as 1.0 and are 1."""

    def text(self, value: str, place: Callable[[], str]) -> str:
        """Replace lone surrogates, which no UTF-8 file can hold, by U+FFFD."""
        value = str.__str__(value)
        try:
            value.encode()
        except UnicodeEncodeError:
            self.first = self.first or place()
            self.surrogates += 1
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return value


@dataclass
class Source:
    """Batches of raw columns that can be read any number of times.

    Attributes
    ----------
    name : what messages call it
    open : yields record batches, all of one schema
    text_columns : columns that must be read as text (text, label and gold columns)
    label_columns : those of them that hold labels: names, numbers, truth values or codes of classes that come with
        their names
    id_column : column of ids; files without types hold it as text, so that 007 stays 007
    columns : the columns to read, None for all
    needed : columns without which the data is of no use; any other that cannot be stored is left out
    left_out : column -> why it cannot be stored
    class_names : column -> names of the classes that its whole numbers stand for; () where files disagree about them
    labels_by_file : whether it adds a column ``label``, the name of the file that a record stands in
    empty_columns : CSV file -> its columns that have no name and hold nothing
    json_columns : what JSON Lines files hold, once it has been looked at
    in_memory : whether what it yields is in memory anyway, so that it may be kept
    kind : csv, jsonl, parquet or text where it is files
    paths : the files, in the order in which they are read
    """

    name: str
    open: Callable[[Source], Iterator[pa.RecordBatch]]
    text_columns: tuple[str, ...] = ()
    id_column: str = "id"
    labels_by_file: bool = False
    repairs: Repairs = field(default_factory=Repairs)
    in_memory: bool = False
    kind: str = ""
    paths: tuple[Path, ...] = ()
    label_columns: tuple[str, ...] = ()
    columns: frozenset[str] | None = None
    needed: frozenset[str] = frozenset()
    left_out: dict[str, str] = field(default_factory=dict)
    class_names: dict[str, tuple[str, ...]] = field(default_factory=dict)
    empty_columns: dict[Path, tuple[str, ...]] = field(default_factory=dict)
    json_columns: JsonColumns | None = None

    def wants(self, name: str) -> bool:
        """Whether a column is read."""
        return name not in self.left_out and (self.columns is None or name in self.columns)

    def attempt(self, name: str, make: Callable[[], pa.Array]) -> pa.Array | None:
        """Return a column, None where it is not wanted or cannot be stored and nobody needs it."""
        if not self.wants(name):
            return None
        try:
            return make()
        except ColumnError as error:
            self.leave_out(error)
            return None

    def leave_out(self, error: ColumnError) -> None:
        """Read on without a column, or raise the error if the column is needed."""
        if error.column in self.needed:
            raise error
        self.left_out[error.column] = str(error)

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        self.repairs = Repairs()
        for batch in self.open(self):
            yield _uniform(batch, self)


def source_of(data: Any, **options: Unpack[FileKeywords]) -> Source:
    """Find out what ``data`` is and return it as a source.

    Parameters
    ----------
    options : how files are to be read, see :class:`~weaklab.corpus.file_options.FileOptions`

    Raises
    ------
    CorpusError
        It is nothing that weaklab reads, it does not exist, or it mixes file types.
    """
    import pyarrow as pa

    if isinstance(data, (str, Path)) or (_is_sequence(data) and data and all(_is_path(item) for item in data)):
        return _file_source(data, FileOptions(**options))
    _check_no_options(data, FileOptions(**options))
    if isinstance(data, (pa.Table, pa.RecordBatch)):
        table = pa.table(data) if isinstance(data, pa.Table) else pa.Table.from_batches([data])
        names = class_names_of(table.schema)
        return Source("the Arrow table", lambda source: _table_batches(table), in_memory=True, class_names=names)
    package = type(data).__module__.split(".")[0]
    if package == "pandas":
        return _pandas_source(data)
    if package == "polars":
        frame = data.collect() if hasattr(data, "collect") else data
        return _polars_source(frame if hasattr(frame, "columns") else frame.to_frame())
    if package == "datasets" and hasattr(data, "with_format"):
        return _hugging_face_source(data)
    if _is_sequence(data):
        return _list_source(list(data))
    raise CorpusError(
        f"cannot read {type(data).__name__} {_short(data)} as a corpus; wanted a pandas, polars or Arrow table, a list "
        "of strings or "
        "dicts, or the path of a CSV, JSONL, Parquet or text file or of a folder of them"
        + (
            "; make a list of it: list(...)"
            if hasattr(data, "__iter__") and not isinstance(data, (bytes, Mapping))
            else ""
        )
    )


def _check_no_options(data: Any, options: FileOptions) -> None:
    """Refuse options that would have no effect."""
    chosen = next(iter(options.chosen.items()), None)
    if chosen is not None:
        raise CorpusError(
            f"{chosen[0]}={chosen[1]!r} says how a file is read, got {type(data).__name__} {_short(data)}; leave it out"
        )


def _is_path(item: Any) -> bool:
    """Tell a path from a text: a string is one where it names a file of a type that is read."""
    if not isinstance(item, str) or len(item) > 1024 or "\0" in item:
        return isinstance(item, Path)
    return _suffix(Path(item)) in SUFFIXES and Path(item).is_file()


def _is_sequence(data: Any) -> bool:
    return isinstance(data, (Sequence, set, frozenset)) and not isinstance(data, (str, bytes))


def _table_batches(table: pa.Table) -> Iterator[pa.RecordBatch]:
    """Yield a table in memory as it lies there, with all columns in the same chunks."""
    yield from table.to_batches()


def _polars_source(frame: Any) -> Source:
    def batches(source: Source) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        columns = {name: source.attempt(name, partial(_polars_column, frame, name, source)) for name in frame.columns}
        yield from _table_batches(pa.table({name: column for name, column in columns.items() if column is not None}))

    return Source("the polars frame", batches, in_memory=True)


def _polars_column(frame: Any, name: str, source: Source) -> pa.ChunkedArray:
    kind = str(frame.schema[name])
    if "Object" in kind:  # polars gives the addresses of Python objects
        raise ColumnError(
            name, f"{source.name}, column {name!r}: values of type {kind} cannot be stored; convert or drop it"
        )
    return frame.select(name).to_arrow().column(0)


def _hugging_face_source(data: Any) -> Source:
    kind = type(data).__name__
    if isinstance(data, Mapping):
        splits = [str(name) for name in data]
        raise CorpusError(
            f"the {kind} holds several data sets ({', '.join(splits)}); pass one of them, such as "
            f"data[{(splits or ['train'])[0]!r}]"
        )
    if not hasattr(data, "__len__"):
        raise CorpusError(
            f"the {kind} is a stream, and records are read more than once; pass a part of it that fits in memory, with "
            "its features, which "
            "name the classes: datasets.Dataset.from_list(list(data.take(10_000)), features=data.features), or load "
            "the data set without "
            "streaming=True"
        )
    names = {
        name: tuple(feature.names) for name, feature in data.features.items() if type(feature).__name__ == "ClassLabel"
    }
    table = data.with_format("arrow")[:]
    return Source("the Hugging Face data set", lambda source: _table_batches(table), class_names=names)


def class_names_of(schema: pa.Schema) -> dict[str, tuple[str, ...]]:
    """Return column -> class names, as the Hugging Face library ``datasets`` writes them into the schema of a table.

    >>> import json, pyarrow
    >>> features = {"y": {"names": ["neg", "pos"], "_type": "ClassLabel"}}
    >>> schema = pyarrow.schema({"y": pyarrow.int64()}, {"huggingface": json.dumps({"info": {"features": features}})})
    >>> class_names_of(schema)
    {'y': ('neg', 'pos')}
    """
    found: dict[str, tuple[str, ...]] = {}
    with contextlib.suppress(
        ValueError, TypeError, KeyError, AttributeError
    ):  # another program may write there what it likes
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        for name, feature in features.items():
            if isinstance(feature, Mapping) and feature.get("_type") == "ClassLabel" and feature.get("names"):
                names = feature["names"]
                ordered = [names[key] for key in sorted(names, key=int)] if isinstance(names, Mapping) else names
                found[name] = tuple(str(one) for one in ordered)
    return found


def _uniform(batch: pa.RecordBatch, source: Source) -> pa.RecordBatch:
    """Give a batch plain types: strings with 64-bit offsets, no dictionaries, and text where text is wanted."""
    import pyarrow as pa

    _check_names(batch.schema.names, source.name)
    found = {
        name: source.attempt(name, partial(_uniform_column, column, name, source))
        for name, column in zip(batch.schema.names, batch.columns, strict=True)
    }
    columns = {name: column for name, column in found.items() if column is not None}
    if not columns and batch.num_rows:
        raise CorpusError(
            f"{source.name}: no column is left: {next(iter(source.left_out.values()), 'none of columns= is there')}"
        )
    return pa.record_batch(list(columns.values()), names=list(columns))


def _uniform_column(column: pa.Array, name: str, source: Source) -> pa.Array:
    import pyarrow as pa

    column = plain_column(column)
    if pa.types.is_dictionary(column.type):
        column = plain_column(column.dictionary_decode())
    if name in source.label_columns:
        return _labels_as_text(column, name, source)
    if name == source.id_column and name not in source.text_columns:
        column = _plain_ids(column, name, source)
    kind = column.type
    is_text = (
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or kind == pa.string_view() or pa.types.is_null(kind)
    )
    is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    if name in source.text_columns and not is_text and not is_number:
        raise CorpusError(
            f"{source.name}, column {name!r}: wanted text, got {kind}; name another column, or convert this one to text"
        )
    try:
        if is_text:
            column.validate(full=True)
            return column.cast(pa.large_string())
        if name in source.text_columns:
            return _numbers_as_text(column)
        if not _can_be_stored(kind):
            raise ColumnError(name, f"{source.name}, column {name!r}: {kind} cannot be stored; convert or drop it")
        return column
    except pa.ArrowInvalid:
        raise CorpusError(
            f"{source.name}, column {name!r}: holds bytes that are not UTF-8 text; decode them with their encoding"
        ) from None


@lru_cache(maxsize=256)
def _can_be_stored(kind: pa.DataType) -> bool:
    """Whether Parquet can hold a type; of a struct without fields, for one, it cannot."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    of = pa.types
    if of.is_integer(kind) or of.is_floating(kind) or of.is_boolean(kind):
        return True
    try:
        pq.write_table(pa.table({"": pa.array([], kind)}), pa.BufferOutputStream())
    except (pa.ArrowException, TypeError, ValueError):
        return False
    return True


def _labels_as_text(column: pa.Array, name: str, source: Source) -> pa.Array:
    """Return labels as text: names as they are, classes by their names, numbers and truth values as they are
    written.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    kind, of = column.type, pa.types
    if of.is_integer(kind) and name in source.class_names:
        return _names_of_classes(column, name, source)
    if of.is_boolean(kind):
        return pc.if_else(column, pa.scalar("True", pa.large_string()), pa.scalar("False", pa.large_string()))
    if of.is_floating(kind) or of.is_decimal(kind):
        encoded = column.dictionary_encode()
        texts = pa.array([_number_text(value) for value in encoded.dictionary.to_pylist()], pa.large_string())
        return texts.take(encoded.indices)
    if not (
        of.is_string(kind)
        or of.is_large_string(kind)
        or kind == pa.string_view()
        or of.is_null(kind)
        or of.is_integer(kind)
    ):
        raise CorpusError(
            f"{source.name}, column {name!r}: wanted label names, numbers or truth values, got {kind}; name another "
            "column"
        )
    try:
        column.validate(full=True)
        return column.cast(pa.large_string())
    except pa.ArrowInvalid:
        raise CorpusError(
            f"{source.name}, column {name!r}: holds bytes that are not UTF-8 text; decode them with their encoding"
        ) from None


def _names_of_classes(column: pa.Array, name: str, source: Source) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    names = source.class_names[name]
    if not names:
        raise CorpusError(
            f"{source.name}, column {name!r}: the files name the classes of this column differently; import them one "
            "by one"
        )
    codes = pc.if_else(pc.equal(column, -1), pa.scalar(None, column.type), column)  # -1 is no label there, too
    bounds = pc.min_max(codes).as_py()
    if bounds["min"] is not None and (bounds["min"] < 0 or bounds["max"] >= len(names)):
        strange = bounds["min"] if bounds["min"] < 0 else bounds["max"]
        raise CorpusError(
            f"{source.name}, column {name!r}: {strange} is none of the classes 0 to {len(names) - 1} "
            f"({', '.join(names[:20])})"
        )
    return pa.array(names, pa.large_string()).take(codes)


def _plain_ids(column: pa.Array, name: str, source: Source) -> pa.Array:
    """Return ids in the form in which 1, 1.0 and '1.0' are one: whole numbers, or text without a trailing .0 of a
    number.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    kind, of = column.type, pa.types
    if of.is_decimal(kind):
        column = column.cast(pa.float64())
    if of.is_floating(column.type):
        return _whole_ids(column, name, source)
    if not (of.is_string(kind) or of.is_large_string(kind)):
        return column
    floats = pc.match_substring_regex(column, r"^-?\d+\.0$") if pc.any(pc.ends_with(column, ".0")).as_py() else None
    if floats is None or not pc.any(floats).as_py():
        return column
    source.repairs.ids += pc.sum(floats).as_py()
    return pc.replace_substring_regex(column, r"^(-?\d+)\.0$", r"\1")


def _whole_ids(column: pa.Array, name: str, source: Source) -> pa.Array:
    """Return float ids as the whole numbers that they were before a gap or a merge made them floats."""
    import numpy as np
    import pyarrow as pa

    values = np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.float64)
    there = values[np.isfinite(values)]
    broken = there[there != np.floor(there)]
    if len(broken):
        raise CorpusError(
            f"{source.name}, column {name!r}: {broken[0]!s} is no id; ids are texts or whole numbers, convert the "
            "column to text"
        )
    if np.abs(there).max(initial=0) >= 2**53 or np.isinf(values).any():
        raise CorpusError(
            f"{source.name}, column {name!r}: holds floats too large to be exact, so ids have been rounded before; "
            "read the column as text "
            "where the data comes from, such as pandas.read_csv(..., dtype={...: str})"
        )
    source.repairs.ids += len(there)
    return pa.array(np.nan_to_num(values), pa.int64(), mask=np.isnan(values))


def _number_text(value: Any) -> str | None:
    """Write 1.0 and 1.00 as 1, for a column of whole numbers with gaps is a column of floats in pandas."""
    if value is None or value != value:
        return None
    whole = math.isfinite(value) and value == int(value)
    return str(int(value)) if whole else str(value)


def _numbers_as_text(column: pa.Array) -> pa.Array:
    """Write 1.0 as 1, for a column of whole numbers with gaps is a column of floats in pandas."""
    import pyarrow as pa

    if pa.types.is_floating(column.type):
        return pa.array([_as_number(value) for value in column.to_pylist()], pa.large_string())
    return column.cast(pa.string()).cast(pa.large_string())


def _as_number(value: float | None) -> str | None:
    if value is None or value != value:
        return None
    return str(int(value)) if float(value).is_integer() else str(value)


def _pandas_source(frame: Any) -> Source:
    if not hasattr(frame, "columns"):
        frame = frame.to_frame(name=str(frame.name or "text"))
    names = [str(name) for name in frame.columns]
    _check_names(names, "the DataFrame")
    texts: dict[str, pa.Array] = {}

    def converted(name: str, column: Any, source: Source) -> pa.Array:
        """Convert a column; one of plain texts once, whatever role it has."""
        if name not in texts:
            plain = _plain_texts(column)
            if plain is None:
                return _pandas_column(column, name, source)
            texts[name] = plain
        return texts[name]

    def batches(source: Source) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        columns = {
            name: source.attempt(name, partial(converted, name, frame.iloc[:, i], source))
            for i, name in enumerate(names)
        }
        yield from _table_batches(pa.table({name: column for name, column in columns.items() if column is not None}))

    return Source("the DataFrame", batches, in_memory=True)


def _plain_texts(column: Any) -> pa.Array | None:
    """Return a column that holds nothing but texts Arrow can store, else None."""
    import pyarrow as pa

    kind = str(column.dtype)
    with contextlib.suppress(
        UnicodeEncodeError, OverflowError, pa.ArrowException
    ):  # lone surrogates, which have to be repaired
        if kind in ("str", "string") and hasattr(column.array, "__arrow_array__"):
            return pa.array(column.array, pa.large_string(), from_pandas=True)
        if kind == "object" and pa.types.is_string((texts := pa.array(column.to_numpy(), from_pandas=True)).type):
            return texts.cast(pa.large_string())
    return None


def _pandas_column(column: Any, name: str, source: Source) -> pa.Array:
    import pyarrow as pa

    if str(column.dtype) == "category":
        return _categories(column, name, source)
    if str(column.dtype) in ("object", "str", "string"):
        values = column.astype(object).where(column.notna(), None).tolist()
        return _array(values, name, source, lambda row: f"{source.name}, row {row}")
    try:
        return pa.array(column.copy(), from_pandas=True)  # what is kept must not change with the frame
    except (pa.ArrowException, TypeError, ValueError):
        raise ColumnError(
            name, f"{source.name}, column {name!r}: values of type {column.dtype} cannot be stored; convert or drop it"
        ) from None


def _categories(column: Any, name: str, source: Source) -> pa.Array:
    """Convert each category once."""
    import numpy as np
    import pyarrow as pa

    categories = column.cat.categories
    values = _array(categories.astype(object).tolist(), name, source, lambda row: f"{source.name}, category {row}")
    codes = np.asarray(column.cat.codes)
    return values.take(pa.array(codes, pa.int64(), mask=codes < 0))


def _list_source(items: list[Any]) -> Source:
    kinds = {type(item).__name__ for item in items}
    if not items:
        raise CorpusError("the list is empty: there is no record to label")
    if all(isinstance(item, str) for item in items):
        return Source("the list", lambda source: _text_batches(source, items), in_memory=True)
    if all(isinstance(item, Mapping) for item in items):
        return Source(
            "the list",
            lambda source: _table_batches(_table_of_rows(source, items, partial(_place_in_list, 0))),
            in_memory=True,
        )
    raise CorpusError(f"a list must hold only strings or only dicts, got {', '.join(sorted(kinds))}")


def _text_batches(source: Source, texts: list[str]) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    for start in range(0, len(texts), BATCH_ROWS):
        place = partial(_place_in_list, start)
        yield pa.record_batch({"text": _array(texts[start : start + BATCH_ROWS], "text", source, place)})


def _place_in_list(start: int, row: int) -> str:
    return f"the list, record {start + row}"


def _table_of_rows(source: Source, items: list[Mapping[str, Any]], place: Callable[[int], str]) -> pa.Table:
    """Return dicts as a table; a key that only some of them have is a column all the same."""
    import pyarrow as pa

    rows = [_text_keys(row, place(i)) for i, row in enumerate(items)]
    names = dict.fromkeys(key for row in rows for key in row)
    columns = {name: source.attempt(name, partial(_row_column, rows, name, source, place)) for name in names}
    return pa.table({name: column for name, column in columns.items() if column is not None})


def _row_column(rows: Sequence[Mapping[str, Any]], name: str, source: Source, place: Callable[[int], str]) -> pa.Array:
    return _array([row.get(name) for row in rows], name, source, place)


def _row_batches(
    source: Source,
    rows: Iterable[tuple[str, Mapping[str, Any]]],
    schema_of_all: Callable[[], pa.Schema | None] | None = None,
) -> Iterator[pa.RecordBatch]:
    """Turn (place, row) pairs into batches of one schema: that of the first batch, or where there are more, that of all
    records.
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
        yield _cast(batch, schema, places[0])


_Chunk = tuple[list[str], list[Mapping[str, Any]]]


def _two_ahead(chunks: Iterator[_Chunk]) -> tuple[list[_Chunk], Iterator[_Chunk]]:
    """Return the first two chunks, and what raises the error of the second one after the first has been used."""
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
        _check_names([str(key) for key in row], place)
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


def _array(values: list[Any], name: str, source: Source, record: Callable[[int], str]) -> pa.Array:
    """Make one Arrow column; text that cannot be stored is repaired, mixed types are an error with the place."""
    import pyarrow as pa

    def place(row: int) -> str:
        return f"{record(row)}, column {name!r}"

    if set(map(type, values)) <= {str, type(None)}:
        with contextlib.suppress(UnicodeEncodeError):  # lone surrogates, which are repaired below
            return pa.array(values, pa.large_string())
    plain = _as_label if name in source.label_columns else _as_text if name in source.text_columns else _plain
    values = [None if value is None else plain(value, source, partial(place, row)) for row, value in enumerate(values)]
    kinds = Counter(type(value) for value in values if value is not None)
    if float in kinds and not kinds.keys() <= {int, float}:  # pandas writes NaN for what is not there
        values = [None if value != value else value for value in values]
        kinds = Counter(type(value) for value in values if value is not None)
    if list(kinds) == [str]:
        return pa.array(values, pa.large_string())
    if name == source.id_column and len(kinds) > 1:  # ids are compared as text anyway
        return pa.array([None if value is None else record_id(value) for value in values], pa.large_string())
    if len(kinds) > 1 and not kinds.keys() <= {int, float}:
        common = kinds.most_common(1)[0][0]
        row = next(i for i, value in enumerate(values) if value is not None and type(value) is not common)
        raise ColumnError(
            name,
            f"{place(row)}: mixed types, {type(values[row]).__name__} {_short(values[row])} among {common.__name__} "
            "values; "
            "make the column one type",
        )
    try:
        return pa.array(values)
    except (pa.ArrowException, OverflowError, TypeError, ValueError):
        row = _first_refused(values)
        raise ColumnError(
            name,
            f"{place(row)}: {type(values[row]).__name__} {_short(values[row])} cannot be stored beside the values "
            "before it; wanted "
            "text, numbers, dates, or lists or dicts of one shape; convert the column, or leave it out",
        ) from None


def _first_refused(values: list[Any]) -> int:
    """Return the row at whose value a column stops being one that Arrow can hold."""
    import pyarrow as pa

    low, high = 0, len(values)
    while high - low > 1:
        middle = (low + high) // 2
        try:
            pa.array(values[:middle])
            low = middle
        except (pa.ArrowException, OverflowError, TypeError, ValueError):
            high = middle
    return low


def _as_text(value: Any, source: Source, place: Callable[[], str]) -> Any:
    if isinstance(value, str):
        return source.repairs.text(value, place)
    if isinstance(value, float) and (value != value or value.is_integer()):
        return None if value != value else str(int(value))
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    raise CorpusError(f"{place()}: wanted text, got {type(value).__name__} {_short(value)}")


def _as_label(value: Any, source: Source, place: Callable[[], str]) -> Any:
    if isinstance(value, str):
        return source.repairs.text(value, place)
    if hasattr(value, "item") and getattr(value, "ndim", 1) == 0:
        value = value.item()
    if isinstance(value, (bool, int)) or type(value).__name__ in ("NAType", "NaTType"):
        return None if not isinstance(value, int) else str(value)
    if isinstance(value, (float, Decimal)):
        return _number_text(value)
    raise CorpusError(
        f"{place()}: wanted a label name, a number or a truth value, got {type(value).__name__} {_short(value)}"
    )


def _plain(value: Any, source: Source, place: Callable[[], str], depth: int = 0) -> Any:
    """Return a value as plain Python that Arrow can store, with its text repaired at any depth."""
    if isinstance(value, str):
        return source.repairs.text(value, place)
    if hasattr(value, "tolist"):
        value = value.tolist()
    if not isinstance(value, (list, tuple, Mapping)):
        return value
    if depth >= MAX_DEPTH:
        raise CorpusError(
            f"{place()}: lists or dicts nested more than {MAX_DEPTH} deep; keep the column as text, or leave it out"
        )
    if isinstance(value, Mapping):
        return {source.repairs.text(str(k), place): _plain(v, source, place, depth + 1) for k, v in value.items()}
    return [_plain(item, source, place, depth + 1) for item in value]


def _cast(batch: pa.RecordBatch, schema: pa.Schema, place: str) -> pa.RecordBatch:
    import pyarrow as pa

    columns = []
    for wanted in schema:
        column = batch.column(wanted.name)
        try:
            if _drops_fields(column.type, wanted.type):
                raise pa.ArrowInvalid("a cast would leave out what is in these fields")
            columns.append(column if column.type == wanted.type else _widened(column, wanted.type))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            raise ColumnError(
                wanted.name,
                f"from {place} on: column {wanted.name!r} changes from {wanted.type} to {column.type}; make it one "
                "type in all records, or "
                "leave it out with columns=[...], which names the columns to keep",
            ) from None
    return pa.record_batch(columns, schema=schema)


def _widened(column: pa.Array, wanted: pa.DataType) -> pa.Array:
    import pyarrow as pa

    try:
        return column.cast(wanted)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError):
        if not pa.types.is_nested(column.type):
            raise
        return pa.array(column.to_pylist(), wanted)  # fields in another order


def _drops_fields(found: pa.DataType, wanted: pa.DataType) -> bool:
    import pyarrow as pa

    if pa.types.is_struct(found) and pa.types.is_struct(wanted):
        names = {field.name: field.type for field in wanted}
        return any(field.name not in names or _drops_fields(field.type, names[field.name]) for field in found)
    if pa.types.is_list(found) and pa.types.is_list(wanted):
        return _drops_fields(found.value_type, wanted.value_type)
    return False


# ---- files


def _file_source(data: Any, options: FileOptions) -> Source:
    paths = _expand(data)
    kinds = {_kind(path) for path in paths}
    if len(kinds) > 1:
        raise CorpusError(f"{data}: files of several types ({', '.join(sorted(kinds))}); import one type at a time")
    kind = kinds.pop()
    name = str(data) if isinstance(data, (str, Path)) else str(paths[0]) if len(paths) == 1 else f"{len(paths)} files"
    if all(path.stat().st_size == 0 for path in paths):
        raise CorpusError(f"{name}: the file is empty; wanted at least one record")
    by_label = kind == "text" and isinstance(data, (str, Path)) and Path(data).is_dir()

    def open_files(source: Source) -> Iterator[pa.RecordBatch]:
        if kind == "text":
            return _row_batches(source, _text_rows(paths, options, by_label))
        readers = {
            "csv": _csv_batches, "jsonl": _jsonl_batches, "json": _json_batches,
            "parquet": _parquet_batches, "excel": _excel_batches,
        }  # fmt: skip
        return readers[kind](paths, options, source)

    return Source(name, open_files, labels_by_file=by_label, kind=kind, paths=tuple(paths))


def _expand(data: Any) -> list[Path]:
    if not isinstance(data, (str, Path)):
        return [Path(path) for path in data]
    if not str(data).strip() or "\0" in str(data):
        raise CorpusError(
            f"{str(data)!r} is no path; wanted a file or folder, or a list of texts: [{_short(str(data))}]"
        )
    path = Path(data).expanduser()
    try:
        exists = path.exists()
    except (OSError, ValueError):
        exists = False
    if exists and path.is_dir():
        _check_no_saved_data_set(path)
        found = sorted(
            p for p in path.iterdir() if p.is_file() and _suffix(p) in SUFFIXES and not p.name.startswith(".")
        )
        found = [p for p in found if _suffix(p) not in _BESIDE] or found
        if not found:
            raise CorpusError(f"{path}: no {', '.join(SUFFIXES)} file in this folder")
        return found
    if exists:
        return [path]
    found = sorted(Path(p) for p in glob.glob(str(path))) if len(str(data)) < 4096 else []
    if not found:
        raise CorpusError(_no_such_file(path))
    return found


def _check_no_saved_data_set(path: Path) -> None:
    """Refuse a folder that the Hugging Face library wrote; what it holds are Arrow files and notes about them."""
    if (path / "dataset_dict.json").exists() or (
        (path / "dataset_info.json").exists() and (path / "state.json").exists()
    ):
        raise CorpusError(
            f"{path}: is a Hugging Face data set as save_to_disk writes it; load it and pass it: "
            f"datasets.load_from_disk({str(path)!r})"
        )


def _no_such_file(path: Path) -> str:
    shown = repr(str(path)) if len(str(path)) <= 200 else repr(str(path)[:200]) + "..."
    try:
        near = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() and _suffix(path) in SUFFIXES else []
    except OSError:
        near = []
    return (
        f"{shown}: no such file or folder;{did_you_mean(path.name, near)} texts are passed as a list, "
        f"[{_short(str(path))}]"
    )


def _kind(path: Path) -> str:
    if not path.is_file():
        raise CorpusError(_no_such_file(path))
    kind = SUFFIXES.get(_suffix(path))
    if kind is None:
        raise CorpusError(
            f"{path}: unknown file type; wanted one of {', '.join(SUFFIXES)} (CSV, JSON, JSONL and text also with "
            ".gz); "
            "read any other with pandas and pass the DataFrame"
        )
    return kind


def _text_rows(paths: list[Path], options: FileOptions, by_label: bool) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for path in paths:
        stem = path.name.split(".")[0]
        label = None if stem.lower() in UNLABELED_STEMS else stem
        for number, line in _lines(path, options.encoding):
            if line.strip():
                yield f"{path}:{number}", {"text": line, "label": label} if by_label else {"text": line}


def _jsonl_batches(paths: list[Path], options: FileOptions, source: Source) -> Iterator[pa.RecordBatch]:
    def rows() -> Iterator[tuple[str, Mapping[str, Any]]]:
        for path in paths:
            for number, line in _lines(path, options.encoding):
                if line.strip():
                    yield f"{path}:{number}", json_object(line, f"{path}:{number}", number <= BATCH_ROWS)

    def schema_of_all() -> pa.Schema | None:
        if source.json_columns is None:
            source.json_columns = JsonColumns(paths, options.encoding)
        return None if source.json_columns.broken else _schema_of_lines(source.json_columns, source)

    yield from _row_batches(source, rows(), schema_of_all)


def _schema_of_lines(found: JsonColumns, source: Source) -> pa.Schema:
    """Return the columns of all records; those that hold several types are left out, if nobody needs them."""
    import pyarrow as pa

    as_text = {name for name in found.types | found.mixed if name in source.text_columns}
    as_text |= {name for name in found.mixed if name == source.id_column}
    for name, (first, second) in found.mixed.items():
        if name not in as_text and name not in source.left_out and source.wants(name):
            source.leave_out(
                ColumnError(
                    name,
                    f"{source.name}, column {name!r}: mixed types, {first} and {second}; make it one type in all "
                    "records, or leave it out "
                    "with columns=[...], which names the columns to keep",
                )
            )
    text = (pa.string(), pa.null())
    types = {name: pa.large_string() if name in as_text or kind in text else kind for name, kind in found.types.items()}
    types |= {name: pa.large_string() for name in as_text}
    return pa.schema([(name, kind) for name, kind in types.items() if name in as_text or source.wants(name)])


def _json_batches(paths: list[Path], options: FileOptions, source: Source) -> Iterator[pa.RecordBatch]:
    found = [(path, json_records(path, options.encoding)) for path in paths if path.stat().st_size]
    if any(records is None for _, records in found):
        if not all(records is None for _, records in found):
            raise CorpusError(
                f"{source.name}: some of the files are JSON arrays and some are JSON Lines; import one type at a time"
            )
        yield from _jsonl_batches(paths, options, source)
        return
    placed = [pair for _, records in found for pair in records or ()]
    places = [place for place, _ in placed]
    yield from _table_batches(_table_of_rows(source, [row for _, row in placed], places.__getitem__))


def _excel_batches(paths: list[Path], options: FileOptions, source: Source) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    schema = None
    for path in paths:
        sheet = read_sheet(path, options, (*source.text_columns, source.id_column))
        for name in sheet.empty:
            source.left_out[name] = f"{path}: it has no name and holds nothing"
        place = partial(_place_in_sheet, path, sheet.rows)
        columns = {
            name: source.attempt(name, partial(_array, values, name, source, place))
            for name, values in sheet.columns.items()
        }
        table = pa.table({name: column for name, column in columns.items() if column is not None})
        schema = schema or table.schema
        _check_same_columns(table.schema.names, schema.names, path, paths[0])
        for batch in table.to_batches():
            yield _cast(batch, schema, str(path))


def _place_in_sheet(path: Path, rows: Sequence[int], record: int) -> str:
    return f"{path}, row {rows[record]}"


def _csv_batches(paths: list[Path], options: FileOptions, source: Source) -> Iterator[pa.RecordBatch]:
    schema = None
    as_text = (*source.text_columns, source.id_column)
    for path in paths:
        if path.stat().st_size == 0:
            continue
        for batch in csv_batches(path, options, as_text, source.empty_columns, source.wants):
            for name in source.empty_columns[path]:
                source.left_out[name] = f"{path}: it has no name and holds nothing"
            if schema is None:
                schema = batch.schema
            _check_same_columns(batch.schema.names, schema.names, path, paths[0])
            yield _cast(batch, schema, str(path))


def _check_same_columns(names: list[str], wanted: list[str], path: Path, first: Path) -> None:
    if set(names) != set(wanted):
        raise CorpusError(
            f"{path}: its columns {names} differ from those of {first.name}, {wanted}; give all files the same columns"
        )


def _parquet_batches(paths: list[Path], options: FileOptions, source: Source) -> Iterator[pa.RecordBatch]:
    found = parquet_rows(paths)
    source.class_names = found.class_names
    return _read_groups(found)


@dataclass(frozen=True)
class ParquetRows:
    """The rows of some Parquet files, any stretch of which can be read without those before it.

    Attributes
    ----------
    groups : (path, number of the row group in that file, its rows), in order
    schema : of the first file; the others have the same columns
    batch_rows : rows in a batch, fewer than BATCH_ROWS where they are large
    class_names : column -> names of its classes, where the Hugging Face library wrote the files; () where they disagree
    """

    groups: tuple[tuple[Path, int, int], ...]
    schema: pa.Schema
    batch_rows: int
    class_names: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def __len__(self) -> int:
        return sum(rows for _, _, rows in self.groups)

    def read(self, source: Source, start: int = 0) -> Iterator[pa.RecordBatch]:
        """Yield the rows from number ``start`` on; row groups before it are not read."""
        for batch in _read_groups(self, start):
            yield _uniform(batch, source)


def parquet_rows(paths: Sequence[Path]) -> ParquetRows:
    """Look at the footers of Parquet files.

    Raises
    ------
    CorpusError
        One cannot be read, or its columns differ from those of the first.
    """
    groups: list[tuple[Path, int, int]] = []
    schema, per_row = None, 1
    names: list[dict[str, tuple[str, ...]]] = []
    for path in paths:
        with _parquet_file(path) as file:
            names.append(class_names_of(file.schema_arrow))
            found = file.schema_arrow.remove_metadata()
            _check_names(found.names, str(path))
            schema = schema or found
            _check_same_columns(found.names, schema.names, path, paths[0])
            sizes = [
                (file.metadata.row_group(i).num_rows, file.metadata.row_group(i).total_byte_size)
                for i in range(file.num_row_groups)
            ]
            per_row = max(per_row, sum(size for _, size in sizes) // max(1, file.metadata.num_rows))
            groups += [(path, number, rows) for number, (rows, _) in enumerate(sizes)]
    assert schema is not None
    classes = {
        name: first if all(file.get(name) == first for file in names) else ()
        for file in names
        for name, first in file.items()
    }
    return ParquetRows(tuple(groups), schema, max(1, min(BATCH_ROWS, BATCH_BYTES // per_row)), classes)


def _read_groups(found: ParquetRows, start: int = 0) -> Iterator[pa.RecordBatch]:
    for path, groups in groupby(found.groups, key=lambda group: group[0]):
        wanted: list[int] = []
        for _, number, rows in groups:
            if wanted or start < rows:
                wanted.append(number)
            else:
                start -= rows
        if not wanted:
            continue
        with _parquet_file(path) as file:
            for batch in _batches_of_groups(file, path, wanted, found.batch_rows):
                skipped, start = min(start, batch.num_rows), max(0, start - batch.num_rows)
                if skipped < batch.num_rows:
                    yield _cast(batch.slice(skipped), found.schema, str(path))


def _batches_of_groups(file: Any, path: Path, groups: Sequence[int], rows: int) -> Iterator[pa.RecordBatch]:
    """Yield the rows of some row groups; where one is damaged those before it come first, and the error names it."""
    import pyarrow as pa

    seen = 0
    try:
        for batch in file.iter_batches(batch_size=rows, row_groups=list(groups)):
            seen += batch.num_rows
            yield batch
    except (pa.ArrowException, OSError) as error:
        damaged = next((number for number in groups if not _is_whole(file, number)), None)
        if damaged is None:
            raise
        for batch in file.iter_batches(batch_size=rows, row_groups=[number for number in groups if number < damaged]):
            skipped, seen = min(seen, batch.num_rows), max(0, seen - batch.num_rows)
            if skipped < batch.num_rows:
                yield batch.slice(skipped)
        first = sum(file.metadata.row_group(number).num_rows for number in range(damaged))
        last = first + file.metadata.row_group(damaged).num_rows - 1
        raise CorpusError(
            f"{path}, row group {damaged} (rows {first:,} to {last:,}, counted from 0): cannot be read: "
            f"{_first_line(error)}; the file is "
            "damaged: write it again, or copy it again"
        ) from None


def _is_whole(file: Any, group: int) -> bool:
    import pyarrow as pa

    try:
        file.read_row_group(group)
    except (pa.ArrowException, OSError):
        return False
    return True


@contextlib.contextmanager
def _parquet_file(path: Path) -> Iterator[Any]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            yield file
    except (pa.ArrowException, OSError) as error:
        raise CorpusError(
            f"{path}: not a Parquet file that can be read: {_first_line(error)}; write it again"
        ) from None


def check_columns(names: Sequence[str], wanted: Iterable[str], source: str) -> None:
    """Raise a CorpusError for the first wanted column that is not among ``names``."""
    for name in wanted:
        if name not in names:
            raise CorpusError(
                f"{source}: no column {name!r};{did_you_mean(name, names)} the columns are {', '.join(names)}"
            )
