"""Where records come from: tables in memory, and CSV, JSONL, Parquet and text files read in a stream."""

from __future__ import annotations

import glob
import gzip
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weaklab.base import CorpusError, did_you_mean

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_ROWS = 4096
"""Rows in a batch, the unit of work everywhere."""
BATCH_BYTES = 64 << 20
"""A batch holds fewer rows where they are so large that it would pass this many bytes."""
CSV_BLOCK_BYTES = 64 << 20
UNLABELED_STEMS = ("dataset", "unlabeled", "unlabelled")
"""Text files of a folder that hold records without a label; every other file is named after its label."""
SUFFIXES = {".csv": "csv", ".tsv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet", ".pq": "parquet", ".txt": "text"}


@dataclass
class Repairs:
    """What had to be changed so that the text could be stored, told once at the end."""

    surrogates: int = 0
    first: str = ""

    def text(self, value: str, place: Callable[[], str]) -> str:
        """Replace lone surrogates, which no UTF-8 file can hold, by U+FFFD."""
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
    read : opens it; yields record batches, all of one schema
    string_columns : columns that must be read as text (text, id and label columns)
    """

    name: str
    open: Callable[[Source], Iterator[pa.RecordBatch]]
    string_columns: tuple[str, ...] = ()
    repairs: Repairs = field(default_factory=Repairs)

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        self.repairs = Repairs()
        return self.open(self)


def source_of(data: Any, encoding: str = "utf-8") -> Source:
    """Find out what ``data`` is and return it as a source.

    Raises
    ------
    CorpusError
        It is nothing that weaklab reads, it does not exist, or it mixes file types.
    """
    import pyarrow as pa

    if isinstance(data, (str, Path)) or (_is_sequence(data) and data and all(isinstance(p, Path) for p in data)):
        return _file_source(data, encoding)
    if isinstance(data, (pa.Table, pa.RecordBatch)):
        table = pa.table(data) if isinstance(data, pa.Table) else pa.Table.from_batches([data])
        return Source("the Arrow table", lambda source: _table_batches(table))
    package = type(data).__module__.split(".")[0]
    if package == "pandas":
        return _pandas_source(data)
    if package == "polars":
        frame = data.collect() if hasattr(data, "collect") else data
        table = frame.to_frame().to_arrow() if not hasattr(frame, "columns") else frame.to_arrow()
        return Source("the polars frame", lambda source: _table_batches(table))
    if package == "datasets" and hasattr(data, "with_format"):
        table = data.with_format("arrow")[:]
        return Source("the Hugging Face data set", lambda source: _table_batches(table))
    if _is_sequence(data):
        return _list_source(list(data))
    raise CorpusError(
        f"cannot read a {type(data).__name__} as a corpus; wanted a pandas, polars or Arrow table, a list of strings or "
        "dicts, or the path of a CSV, JSONL, Parquet or text file or of a folder of them"
    )


def _is_sequence(data: Any) -> bool:
    return isinstance(data, (Sequence, set, frozenset)) and not isinstance(data, (str, bytes))


def _rows_per_batch(table: pa.Table) -> int:
    per_row = max(1, table.nbytes // max(1, table.num_rows))
    return int(max(1, min(BATCH_ROWS, BATCH_BYTES // per_row)))


def _table_batches(table: pa.Table) -> Iterator[pa.RecordBatch]:
    yield from table.to_batches(max_chunksize=_rows_per_batch(table))


def _pandas_source(frame: Any) -> Source:
    if not hasattr(frame, "columns"):
        frame = frame.to_frame(name=str(frame.name or "text"))
    names = [str(name) for name in frame.columns]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise CorpusError(f"the DataFrame has more than one column named {repeated[0]!r}; rename or drop the others")

    def batches(source: Source) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        columns = {
            name: _array(frame.iloc[:, i].astype(object).where(frame.iloc[:, i].notna(), None).tolist(), name, source)
            if str(frame.dtypes.iloc[i]) in ("object", "str", "string", "category")
            else pa.array(frame.iloc[:, i], from_pandas=True)
            for i, name in enumerate(names)
        }
        yield from _table_batches(pa.table(columns))

    return Source("the DataFrame", batches)


def _list_source(items: list[Any]) -> Source:
    kinds = {type(item).__name__ for item in items}
    if not items:
        raise CorpusError("the list is empty: there is no record to label")
    if all(isinstance(item, str) for item in items):
        rows: list[Mapping[str, Any]] = [{"text": item} for item in items]
    elif all(isinstance(item, Mapping) for item in items):
        rows = items
    else:
        raise CorpusError(f"a list must hold only strings or only dicts, got {', '.join(sorted(kinds))}")
    return Source("the list", lambda source: _row_batches(source, [(f"record {i}", row) for i, row in enumerate(rows)]))


def _row_batches(source: Source, rows: Iterable[tuple[str, Mapping[str, Any]]]) -> Iterator[pa.RecordBatch]:
    """Turn (place, row) pairs into batches of the first batch's schema."""
    import pyarrow as pa

    schema = None
    for places, chunk in _chunks(rows):
        names = list(schema.names) if schema is not None else list(dict.fromkeys(str(k) for row in chunk for k in row))
        for place, row in zip(places, chunk, strict=True):
            extra = [k for k in row if str(k) not in names]
            if extra:
                raise CorpusError(f"{source.name}, {place}: column {str(extra[0])!r} was in none of the first {BATCH_ROWS} records")
        columns = {name: _array([row.get(name) for row in chunk], name, source, places) for name in names}
        batch = pa.record_batch(columns)
        if schema is None:
            schema = pa.schema([pa.field(f.name, pa.large_string() if f.type == pa.null() else f.type) for f in batch.schema])
        yield _cast(batch, schema, source, places[0])


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


def _array(values: list[Any], name: str, source: Source, places: Sequence[str] | None = None) -> pa.Array:
    """Make one Arrow column; text that cannot be stored is repaired, mixed types are an error with the place."""
    import pyarrow as pa

    def place(row: int) -> str:
        return f"{places[row] if places else f'record {row}'}, column {name!r}"

    if name in source.string_columns:
        values = [_as_text(value, source, lambda row=row: place(row)) for row, value in enumerate(values)]  # type: ignore[misc]
    else:
        values = [
            source.repairs.text(value, lambda row=row: place(row)) if isinstance(value, str) else value  # type: ignore[misc]
            for row, value in enumerate(values)
        ]
    kinds = {type(value) for value in values if value is not None}
    if kinds == {str}:
        return pa.array(values, pa.large_string())
    if str in kinds or len(kinds - {int, float}) > 1:
        common = max(kinds, key=lambda kind: sum(type(v) is kind for v in values))
        row = next(i for i, v in enumerate(values) if v is not None and type(v) is not common)
        raise CorpusError(
            f"{source.name}, {place(row)}: mixed types, {type(values[row]).__name__} {_short(values[row])} among "
            f"{common.__name__} values; make the column one type"
        )
    try:
        return pa.array([value.tolist() if hasattr(value, "tolist") else value for value in values])
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
        raise CorpusError(f"{source.name}, column {name!r}: cannot be stored as one type: {error}") from None


def _as_text(value: Any, source: Source, place: Callable[[], str]) -> Any:
    if isinstance(value, str):
        return source.repairs.text(value, place)
    if value is None or (isinstance(value, float) and value != value):
        return None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    raise CorpusError(f"{source.name}, {place()}: wanted text, got {type(value).__name__} {_short(value)}")


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 40 else shown[:37] + "..."


def _cast(batch: pa.RecordBatch, schema: pa.Schema, source: Source, place: str) -> pa.RecordBatch:
    import pyarrow as pa

    columns = []
    for wanted in schema:
        column = batch.column(wanted.name)
        try:
            columns.append(column if column.type == wanted.type else column.cast(wanted.type))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            raise CorpusError(
                f"{source.name}, from {place} on: column {wanted.name!r} changes from {wanted.type} to {column.type}; make it one type"
            ) from None
    return pa.record_batch(columns, schema=schema)


# ---- files


def _file_source(data: Any, encoding: str) -> Source:
    paths = _expand(data)
    kinds = {_kind(path) for path in paths}
    if len(kinds) > 1:
        raise CorpusError(f"{data}: files of several types ({', '.join(sorted(kinds))}); import one type at a time")
    kind = kinds.pop()
    if all(path.stat().st_size == 0 for path in paths):
        raise CorpusError(f"{data}: the file is empty")
    name = str(data) if isinstance(data, (str, Path)) else f"{len(paths)} files"
    if kind == "text":
        folder = isinstance(data, (str, Path)) and Path(data).is_dir()
        return Source(name, lambda source: _row_batches(source, _text_rows(paths, encoding, folder)))
    readers = {"csv": _csv_batches, "jsonl": _jsonl_batches, "parquet": _parquet_batches}
    return Source(name, lambda source: readers[kind](paths, encoding, source))


def _expand(data: Any) -> list[Path]:
    if not isinstance(data, (str, Path)):
        return [Path(path) for path in data]
    path = Path(data).expanduser()
    try:
        exists = path.exists()
    except (OSError, ValueError):
        exists = False
    if exists and path.is_dir():
        found = sorted(p for p in path.iterdir() if p.is_file() and _suffix(p) in SUFFIXES and not p.name.startswith("."))
        if not found:
            raise CorpusError(f"{path}: no {', '.join(SUFFIXES)} file in this folder")
        return found
    if exists:
        return [path]
    found = sorted(Path(p) for p in glob.glob(str(path))) if len(str(data)) < 4096 else []
    if not found:
        shown = str(data) if len(str(data)) <= 200 else str(data)[:200] + "..."
        raise CorpusError(f"{shown}: no such file or folder; a list of texts is passed as a list, not as one string")
    return found


def _suffix(path: Path) -> str:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    return suffixes[-2] if len(suffixes) > 1 and suffixes[-1] == ".gz" else (suffixes[-1] if suffixes else "")


def _kind(path: Path) -> str:
    if not path.is_file():
        raise CorpusError(f"{path}: no such file")
    kind = SUFFIXES.get(_suffix(path))
    if kind is None:
        raise CorpusError(f"{path}: unknown file type; wanted one of {', '.join(SUFFIXES)} (CSV, JSONL and text also with .gz)")
    return kind


def _lines(path: Path, encoding: str) -> Iterator[tuple[int, str]]:
    """Yield (line number, line); only LF and CRLF end a line, as an editor would count them."""
    opener: Any = gzip.open if path.suffix.lower() == ".gz" else open
    with opener(path, "rb") as stream:
        for number, raw in enumerate(stream, 1):
            try:
                line = raw.decode("utf-8-sig" if number == 1 and encoding == "utf-8" else encoding)
            except (UnicodeDecodeError, LookupError) as error:
                raise CorpusError(f"{path}:{number}: not {encoding} text ({error}); pass the file's encoding, such as latin-1") from None
            yield number, line.rstrip("\r\n")


def _text_rows(paths: list[Path], encoding: str, folder: bool) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for path in paths:
        stem = path.name.split(".")[0]
        label = None if stem.lower() in UNLABELED_STEMS else stem
        for number, line in _lines(path, encoding):
            if line.strip():
                yield f"{path.name}:{number}", {"text": line, "label": label} if folder else {"text": line}


def _jsonl_batches(paths: list[Path], encoding: str, source: Source) -> Iterator[pa.RecordBatch]:
    def rows() -> Iterator[tuple[str, Mapping[str, Any]]]:
        for path in paths:
            for number, line in _lines(path, encoding):
                if not line.strip():
                    continue
                try:
                    row = json.loads(line)
                except (ValueError, RecursionError) as error:
                    raise CorpusError(f"{path}:{number}: not JSON: {error}") from None
                if not isinstance(row, dict):
                    raise CorpusError(f"{path}:{number}: wanted one JSON object a line, got {type(row).__name__} {_short(row)}")
                yield f"{path.name}:{number}", row

    yield from _row_batches(source, rows())


def _csv_batches(paths: list[Path], encoding: str, source: Source) -> Iterator[pa.RecordBatch]:
    schema = None
    for path in paths:
        if path.stat().st_size == 0:
            continue
        for batch in _one_csv(path, encoding, source):
            if schema is None:
                schema = batch.schema
            if batch.schema.names != schema.names:
                raise CorpusError(f"{path}: its columns {batch.schema.names} differ from those of {paths[0].name}, {schema.names}")
            yield _cast(batch, schema, source, path.name)


def _one_csv(path: Path, encoding: str, source: Source) -> Iterator[pa.RecordBatch]:
    """Read one CSV in blocks; a record larger than the block starts it again with a larger one."""
    import pyarrow as pa
    from pyarrow import csv

    as_text = {name: pa.large_string() for name in source.string_columns}
    block, done = CSV_BLOCK_BYTES, 0
    while True:
        seen = 0
        try:
            reader = csv.open_csv(
                path,
                read_options=csv.ReadOptions(block_size=block, encoding=encoding),
                parse_options=csv.ParseOptions(delimiter="\t" if _suffix(path) == ".tsv" else ",", newlines_in_values=True),
                convert_options=csv.ConvertOptions(column_types=as_text, strings_can_be_null=False),
            )
            for block_batch in reader:
                for batch in _table_batches(pa.Table.from_batches([_large(block_batch, path)])):
                    seen += batch.num_rows
                    if seen > done:
                        fresh = min(batch.num_rows, seen - done)
                        done = seen
                        yield batch.slice(batch.num_rows - fresh)
            return
        except (pa.ArrowInvalid, pa.ArrowKeyError, LookupError) as error:
            if "straddling" in str(error) and block < 16 * path.stat().st_size:
                block *= 8
                continue
            hint = "; pass the file's encoding, such as latin-1" if "utf" in str(error).lower() else ""
            raise CorpusError(f"{path}: {_first_line(error)}{hint}") from None


def _first_line(error: Exception) -> str:
    text = str(error).split("\n")[0]
    return text if len(text) <= 300 else text[:300] + "..."


def _large(batch: pa.RecordBatch, path: Path) -> pa.RecordBatch:
    """Give strings 64-bit offsets; a column that is not valid UTF-8 arrives as bytes, which is an error."""
    import pyarrow as pa

    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
            raise CorpusError(f"{path}: column {name!r} is not utf-8 text; pass the file's encoding, such as latin-1")
    fields = [pa.field(f.name, pa.large_string()) if pa.types.is_string(f.type) or pa.types.is_null(f.type) else f for f in batch.schema]
    return batch.cast(pa.schema(fields))


def _parquet_batches(paths: list[Path], encoding: str, source: Source) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = None
    for path in paths:
        try:
            file = pq.ParquetFile(path)
            if schema is None:
                schema = file.schema_arrow.remove_metadata()
            elif file.schema_arrow.names != schema.names:
                raise CorpusError(f"{path}: its columns {file.schema_arrow.names} differ from those of {paths[0].name}, {schema.names}")
            per_row = max(
                1, sum(file.metadata.row_group(i).total_byte_size for i in range(file.num_row_groups)) // max(1, file.metadata.num_rows)
            )
            for batch in file.iter_batches(batch_size=max(1, min(BATCH_ROWS, BATCH_BYTES // per_row))):
                yield _cast(batch, schema, source, path.name)
        except (pa.ArrowInvalid, OSError) as error:
            raise CorpusError(f"{path}: not a Parquet file that can be read: {_first_line(error)}") from None


def check_columns(names: Sequence[str], wanted: Iterable[str], source: str) -> None:
    """Raise a CorpusError for the first wanted column that is not among ``names``."""
    for name in wanted:
        if name not in names:
            raise CorpusError(f"{source}: no column {name!r};{did_you_mean(name, names)} the columns are {', '.join(names)}")
