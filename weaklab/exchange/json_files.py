"""Reads JSON and JSON Lines files, writes JSON Lines files."""

from __future__ import annotations

import base64
import io
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weaklab.core.errors import CorpusError, ProjectError
from weaklab.core.progress import tracked
from weaklab.corpus.plain_types import plain_table
from weaklab.corpus.source import BATCH_ROWS, ColumnError, Source
from weaklab.exchange.file_options import FileOptions
from weaklab.exchange.formats import READERS, WRITERS, uses
from weaklab.exchange.python_records import batches_of_rows, table_of_rows
from weaklab.exchange.python_values import MAX_DEPTH
from weaklab.exchange.schemas import table_batches
from weaklab.exchange.text_streams import Utf8Stream, count_lines, first_line, lines, short

if TYPE_CHECKING:
    import pyarrow as pa

_BLOCK_BYTES = 16 << 20
_BRACKETS = 500


@READERS.named(".jsonl")
@READERS.named(".ndjson")
@uses("encoding")
def read_jsonl(paths: Sequence[Path], options: FileOptions, source: Source) -> Iterator[pa.RecordBatch]:
    """JSON Lines: one object a line."""

    def rows() -> Iterator[tuple[str, Mapping[str, Any]]]:
        for path in paths:
            for number, line in lines(path, options.encoding):
                if line.strip():
                    yield f"{path}:{number}", json_object(line, f"{path}:{number}", number <= BATCH_ROWS)

    def schema_of_all() -> pa.Schema | None:
        found: JsonColumns | None = source.notes.get("JSON columns")
        if found is None:
            found = source.notes["JSON columns"] = JsonColumns(paths, options.encoding)
        return None if found.broken else _schema_of_lines(found, source)

    yield from batches_of_rows(source, rows(), schema_of_all)


@READERS.named(".json")
@uses("encoding")
def read_json(paths: Sequence[Path], options: FileOptions, source: Source) -> Iterator[pa.RecordBatch]:
    """JSON: a list of objects or texts, or JSON Lines."""
    found = [(path, json_records(path, options.encoding)) for path in paths if path.stat().st_size]
    if any(records is None for _, records in found):
        if not all(records is None for _, records in found):
            raise CorpusError(
                f"{source.name}: some of the files are JSON arrays and some are JSON Lines; import one type at a time"
            )
        yield from read_jsonl(paths, options, source)
        return
    placed = [pair for _, records in found for pair in records or ()]
    places = [place for place, _ in placed]
    yield from table_batches(table_of_rows(source, [row for _, row in placed], places.__getitem__))


def _schema_of_lines(found: JsonColumns, source: Source) -> pa.Schema:
    """Return the columns of all records; those that hold several types are left out if they are not needed."""
    import pyarrow as pa

    as_text = {name for name in found.types | found.mixed if name in source.text_columns}
    as_text |= {name for name in found.mixed if name == source.id_column}
    for name, (first, second) in found.mixed.items():
        if name not in as_text and name not in source.left_out and source.wants(name):
            source.leave_out(
                ColumnError(
                    name,
                    f"{source.name}, column {name!r}: mixed types, {first} and {second}; make it one type in all "
                    "records, or leave it out with columns=[...], which names the columns to keep",
                )
            )
    text = (pa.string(), pa.null())
    types = {name: pa.large_string() if name in as_text or kind in text else kind for name, kind in found.types.items()}
    types |= {name: pa.large_string() for name in as_text}
    return pa.schema([(name, kind) for name, kind in types.items() if name in as_text or source.wants(name)])


def json_object(line: str, place: str, checks_keys: bool = False) -> Mapping[str, Any]:
    """Return the object that stands on one line.

    Parameters
    ----------
    checks_keys : refuse a key that stands twice, which costs time; :class:`JsonColumns` finds it, too

    Raises
    ------
    CorpusError
        The line holds something else.
    """
    try:
        row = json.loads(line, object_pairs_hook=partial(_once, place)) if checks_keys else json.loads(line)
    except CorpusError:
        raise
    except RecursionError:
        raise CorpusError(f"{place}: lists or dicts nested more than {MAX_DEPTH} deep") from None
    except ValueError as error:
        whole = "; the file is one JSON array: give its name the ending .json" if line.lstrip().startswith("[") else ""
        raise CorpusError(f"{place}: not JSON: {first_line(error)}{whole}") from None
    if not isinstance(row, dict):
        raise CorpusError(f"{place}: wanted one JSON object a line, got {type(row).__name__} {short(row)}")
    return row


class JsonColumns:
    """The columns of all records of JSON Lines files, with the widest type that each has anywhere.

    Parameters
    ----------
    paths : files
    encoding : of the files

    Attributes
    ----------
    types : column -> Arrow type
    mixed : column -> two types that no one type can hold
    broken : whether a line is not JSON, so that the columns are not known
    """

    def __init__(self, paths: Sequence[Path], encoding: str) -> None:
        self.types: dict[str, pa.DataType] = {}
        self.mixed: dict[str, tuple[str, str]] = {}
        self.broken = False
        for path in paths:
            for line, block in _blocks(path, encoding):
                self._add(block, path, line)

    def _add(self, block: bytes, path: Path, line: int) -> None:
        import pyarrow as pa
        from pyarrow import json as arrow_json

        if _may_be_deep(block):
            self._add_one_by_one(block, path, line)
            return
        try:
            found = arrow_json.read_json(io.BytesIO(block), arrow_json.ReadOptions(block_size=len(block) + 1)).schema
        except pa.ArrowInvalid:
            self._add_one_by_one(block, path, line)
            return
        for field in found:
            self._widen(field.name, _plain(field.type))

    def _add_one_by_one(self, block: bytes, path: Path, line: int) -> None:
        """Find the columns of records that Arrow cannot parse."""
        import pyarrow as pa

        values: dict[str, list[Any]] = {}
        for number, raw in enumerate(block.split(b"\n"), line):
            if raw.strip():
                try:
                    row = json.loads(raw, object_pairs_hook=partial(_once, f"{path}:{number}"))
                except (ValueError, RecursionError) as error:
                    if isinstance(error, CorpusError):
                        raise
                    self.broken = True
                    return
                if not isinstance(row, dict):
                    self.broken = True
                    return
                for name, value in row.items():
                    values.setdefault(name, []).append(_without_surrogates(value))
        for name, column in values.items():
            kinds = {type(value) for value in column if value is not None}
            if len(kinds) > 1 and not kinds <= {int, float}:
                first, second = sorted(kind.__name__ for kind in kinds)[:2]
                self.mixed.setdefault(name, (first, second))
                continue
            try:
                self._widen(name, pa.array(column).type)
            except (pa.ArrowException, OverflowError, TypeError, ValueError):
                self.mixed.setdefault(name, (f"{next(iter(kinds)).__name__} of one shape", "of another"))

    def _widen(self, name: str, found: pa.DataType) -> None:
        import pyarrow as pa

        before = self.types.get(name, found)
        try:
            schemas = [pa.schema([(name, kind)]) for kind in (before, found)]
            self.types[name] = (
                before if before == found else pa.unify_schemas(schemas, promote_options="permissive").field(0).type
            )
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            self.mixed.setdefault(name, (str(before), str(found)))


def _blocks(path: Path, encoding: str) -> Iterator[tuple[int, bytes]]:
    """Yield whole lines with the number of the first."""
    line, rest = 1, b""
    with Utf8Stream(path, encoding) as stream:
        while chunk := stream.read(_BLOCK_BYTES):
            chunk = rest + chunk
            end = chunk.rfind(b"\n") + 1
            block, rest = chunk[:end], chunk[end:]
            if block.strip():
                yield line, block
            line += block.count(b"\n")
    if rest.strip():
        yield line, rest


def _may_be_deep(block: bytes) -> bool:
    """Whether a line has so many brackets that they may be nested deeper than Arrow's parser bears: it calls itself for
    each.
    """
    import numpy as np

    codes = np.frombuffer(block, np.uint8)
    starts = np.concatenate([[0], np.flatnonzero(codes == ord("\n")) + 1])
    starts = starts[starts < len(codes)]
    if np.diff(starts, append=len(codes)).max(initial=0) < 2 * _BRACKETS:
        return False
    opened = (codes == ord("[")) | (codes == ord("{"))
    return bool(np.add.reduceat(opened, starts, dtype=np.int64).max(initial=0) >= _BRACKETS)


def _plain(kind: pa.DataType) -> pa.DataType:
    """Return a type with dates replaced by text, because JSON has no dates."""
    import pyarrow as pa

    if pa.types.is_timestamp(kind):
        return pa.string()
    if pa.types.is_list(kind):
        return pa.list_(_plain(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([(field.name, _plain(field.type)) for field in kind])
    return kind


def _without_surrogates(value: Any) -> Any:
    """Return a value with lone surrogates replaced, so that Arrow can hold it; reading reports the replacements."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    return {key: _without_surrogates(item) for key, item in value.items()} if isinstance(value, dict) else value


def _once(place: str, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make a dict, and refuse a repeated key, because only one of its values would be kept."""
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise CorpusError(f"{place}: the key {twice!r} stands more than once in one object; rename one of them")
    return found


def json_records(path: Path, encoding: str) -> list[tuple[str, Mapping[str, Any]]] | None:
    """Return the records of a file with one JSON array as (place, record); None if the file is JSON Lines.

    Raises
    ------
    CorpusError
        It is not JSON, or no list of objects or texts.
    """
    with Utf8Stream(path, encoding) as stream:
        content = b"".join(iter(lambda: stream.read(_BLOCK_BYTES), b""))
    try:
        found = json.loads(content, object_pairs_hook=partial(_once, str(path)))
    except RecursionError:
        raise CorpusError(f"{path}: lists or dicts nested more than {MAX_DEPTH} deep") from None
    except ValueError as error:
        if isinstance(error, CorpusError):
            raise
        if content.lstrip().startswith(b"{") and isinstance(error, json.JSONDecodeError) and error.msg == "Extra data":
            return None
        line = (
            f", line {error.lineno:,}"
            if isinstance(error, json.JSONDecodeError)
            else f", line {1 + count_lines(content)}"
        )
        raise CorpusError(f"{path}{line}: not JSON: {first_line(error)}") from None
    if isinstance(found, dict):
        found = [_single(found, path)]
    if not isinstance(found, list):
        raise CorpusError(f"{path}: wanted a list of objects, got {type(found).__name__} {short(found)}")
    if found and all(isinstance(item, str) for item in found):
        found = [{"text": item} for item in found]
    odd = next((i for i, item in enumerate(found) if not isinstance(item, dict)), None)
    if odd is not None:
        raise CorpusError(
            f"{path}, record {odd}: wanted an object, got {type(found[odd]).__name__} {short(found[odd])}"
        )
    return [(f"{path}, record {i}", item) for i, item in enumerate(found)]


def _single(found: dict[str, Any], path: Path) -> dict[str, Any]:
    """Return an object that is one record; refuse an object that contains records or columns."""
    nested = [key for key, value in found.items() if isinstance(value, (list, dict))]
    if len(nested) > 1:
        raise CorpusError(
            f"{path}: holds one object with the lists {', '.join(map(repr, nested[:6]))}, which may be columns; wanted "
            "a list of objects: read it with pandas.read_json, look at the table, and pass it"
        )
    inside = nested[0] if nested else None
    if inside is not None:
        raise CorpusError(
            f"{path}: holds one object whose value {inside!r} is a {type(found[inside]).__name__}; wanted a list of "
            f"objects: take it out of there, records = json.load(open(...))[{inside!r}], and pass the records"
        )
    return found


@WRITERS.named(".jsonl")
def write_jsonl(table: pa.Table, path: Path) -> None:
    """JSON Lines: one object a line."""
    names = table.column_names
    with open(path, "w", encoding="utf-8") as stream:
        batches = plain_table(table).to_batches(max_chunksize=10_000)
        for batch in tracked(batches, True, table.num_rows, "writing", "records"):
            columns = []
            for name, column in zip(names, batch.columns, strict=True):
                try:
                    columns.append(json_values(column))
                except (ValueError, OverflowError) as error:
                    raise ProjectError(
                        f"column {name!r}: a value cannot be written as JSON: {error}; export to .parquet, or leave it "
                        "out of include"
                    ) from None
            for row in zip(*columns, strict=True):
                stream.write(json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False, allow_nan=False) + "\n")


def json_values(column: pa.Array | pa.ChunkedArray) -> list[Any]:
    """Return the values of a column as JSON values."""
    import pyarrow as pa
    import pyarrow.compute as pc

    of, kind = pa.types, column.type
    if of.is_floating(kind):
        column = column.cast(pa.float64())
        values: list[Any] = pc.if_else(pc.is_finite(column), column, None).to_pylist()
        return values
    values = column.to_pylist()
    if any(test(kind) for test in (of.is_string, of.is_large_string, of.is_integer, of.is_boolean, of.is_null)):
        return values
    return [json_value(value) for value in values]


def json_value(value: Any) -> Any:
    """Return what JSON has for a value: null for NaN and infinity, base64 for bytes, ISO 8601 for times, text for
    decimals.

    >>> import datetime
    >>> json_value([float("nan"), b"ab", datetime.date(2026, 1, 31), {"x": float("inf")}])
    [None, 'YWI=', '2026-01-31', {'x': None}]
    """
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, (bytes, bytearray, memoryview)):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, dict):
        return {str(json_value(key)): json_value(held) for key, held in value.items()}
    if hasattr(value, "nanoseconds") and hasattr(value, "months"):  # Arrow's interval, which is a tuple
        return f"P{value.months}M{value.days}DT{value.nanoseconds / 1e9:.9f}S"
    if isinstance(value, (list, tuple)):
        return [json_value(held) for held in value]
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if hasattr(value, "total_seconds"):
        import pandas as pd

        return pd.Timedelta(value).isoformat()
    return str(value)  # such as a decimal, which would be rounded as a float
