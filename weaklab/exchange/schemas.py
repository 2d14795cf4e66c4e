"""Converts batches of several files to one schema."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from weaklab.core.errors import CorpusError
from weaklab.corpus.source import ColumnError

if TYPE_CHECKING:
    import pyarrow as pa


def table_batches(table: pa.Table) -> Iterator[pa.RecordBatch]:
    """Yield the batches of a table, without copying it."""
    yield from table.to_batches()


def with_schema(batch: pa.RecordBatch, schema: pa.Schema, place: str) -> pa.RecordBatch:
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
                "type in all records, or leave it out with columns=[...], which names the columns to keep",
            ) from None
    return pa.record_batch(columns, schema=schema)


def _widened(column: pa.Array, wanted: pa.DataType) -> pa.Array:
    import pyarrow as pa

    try:
        return column.cast(wanted)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError):
        if not pa.types.is_nested(column.type):
            raise
        return pa.array(column.to_pylist(), wanted)  # the fields of structs may have another order


def _drops_fields(found: pa.DataType, wanted: pa.DataType) -> bool:
    import pyarrow as pa

    if pa.types.is_struct(found) and pa.types.is_struct(wanted):
        names = {field.name: field.type for field in wanted}
        return any(field.name not in names or _drops_fields(field.type, names[field.name]) for field in found)
    if pa.types.is_list(found) and pa.types.is_list(wanted):
        return _drops_fields(found.value_type, wanted.value_type)
    return False


def check_same_columns(names: list[str], wanted: list[str], path: Path, first: Path) -> None:
    if set(names) != set(wanted):
        raise CorpusError(
            f"{path}: its columns {names} differ from those of {first.name}, {wanted}; give all files the same columns"
        )
