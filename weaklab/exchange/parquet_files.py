"""Reads Parquet files, from any row, and writes them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weaklab.core.errors import CorpusError, ProjectError
from weaklab.corpus.plain_types import plain_table
from weaklab.corpus.source import BATCH_BYTES, BATCH_ROWS, Source, check_names, uniform
from weaklab.exchange.file_options import FileOptions
from weaklab.exchange.formats import READERS, WRITERS, uses
from weaklab.exchange.frames import class_names_of
from weaklab.exchange.schemas import check_same_columns, with_schema
from weaklab.exchange.text_streams import first_line

if TYPE_CHECKING:
    import pyarrow as pa


@READERS.named(".parquet")
@READERS.named(".pq")
@uses()
def read_parquet(paths: Sequence[Path], options: FileOptions, source: Source) -> Iterator[pa.RecordBatch]:
    """Parquet, compressed in any way that Arrow reads."""
    found = parquet_rows(paths)
    source.class_names = found.class_names
    return _read_groups(found)


@dataclass(frozen=True)
class ParquetRows:
    """The rows of some Parquet files; reading can start at any row.

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
            yield uniform(batch, source)


def parquet_rows(paths: Sequence[Path]) -> ParquetRows:
    """Read the footers of Parquet files.

    Raises
    ------
    CorpusError
        One cannot be read, or its columns differ from those of the first.
    """
    groups: list[tuple[Path, int, int]] = []
    schema, per_row = None, 1
    names: list[dict[str, tuple[str, ...]]] = []
    for path in paths:
        with parquet_file(path) as file:
            names.append(class_names_of(file.schema_arrow))
            found = file.schema_arrow.remove_metadata()
            check_names(found.names, str(path))
            schema = schema or found
            check_same_columns(found.names, schema.names, path, paths[0])
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
        with parquet_file(path) as file:
            for batch in _batches_of_groups(file, path, wanted, found.batch_rows):
                skipped, start = min(start, batch.num_rows), max(0, start - batch.num_rows)
                if skipped < batch.num_rows:
                    yield with_schema(batch.slice(skipped), found.schema, str(path))


def _batches_of_groups(file: Any, path: Path, groups: Sequence[int], rows: int) -> Iterator[pa.RecordBatch]:
    """Yield the rows of some row groups; a damaged group is an error that names it, after the rows before it."""
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
            f"{first_line(error)}; the file is damaged: write it again, or copy it again"
        ) from None


def _is_whole(file: Any, group: int) -> bool:
    import pyarrow as pa

    try:
        file.read_row_group(group)
    except (pa.ArrowException, OSError):
        return False
    return True


@contextlib.contextmanager
def parquet_file(path: Path) -> Iterator[Any]:
    """Open a Parquet file; a CorpusError names it where it cannot be read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            yield file
    except (pa.ArrowException, OSError) as error:
        raise CorpusError(f"{path}: not a Parquet file that can be read: {first_line(error)}; write it again") from None


@WRITERS.named(".parquet")
def write_parquet(table: pa.Table, path: Path) -> None:
    """Parquet, with all types of columns."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = plain_table(table)
    for column in table.schema:
        try:
            pq.write_table(pa.table({column.name: pa.array([], column.type)}), pa.BufferOutputStream())
        except (pa.ArrowException, TypeError, ValueError):
            raise ProjectError(
                f"column {column.name!r} holds {column.type}, which Parquet has no type for; export to .jsonl, or "
                "leave it out of include"
            ) from None
    pq.write_table(table, path)
