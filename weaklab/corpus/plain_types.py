"""Arrow columns in plain types: rarely supported types are converted to common ones with the same values."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


def plain_column(column: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Unpack run-end-encoded columns, views of text and bytes, and extension types; return any other column as it is.

    A UUID becomes text, any other extension type its storage. Such types inside lists and structs stay.

    >>> import pyarrow as pa
    >>> plain_column(pa.RunEndEncodedArray.from_arrays([2, 3], ["a", "b"])).to_pylist()
    ['a', 'a', 'b']
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    of, kind = pa.types, column.type
    if of.is_run_end_encoded(kind):
        return plain_column(pc.run_end_decode(column))
    if isinstance(kind, pa.BaseExtensionType):
        return plain_column(_storage(column))
    if kind == pa.string_view():
        return column.cast(pa.large_string())
    if kind == pa.binary_view():
        return column.cast(pa.large_binary())
    return column


def plain_table(table: pa.Table) -> pa.Table:
    """Return a table with :func:`plain_column` applied to each column."""
    for place, name in enumerate(table.column_names):
        table = table.set_column(place, name, plain_column(table.column(place)))
    return table


def _storage(column: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    import pyarrow as pa

    kind = column.type
    if kind.extension_name == "arrow.uuid":
        texts = [None if value is None else str(value) for value in column.to_pylist()]
        return pa.array(texts, pa.large_string())
    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    stored = pa.chunked_array([chunk.storage for chunk in chunks], kind.storage_type)
    stored = stored.cast(pa.bool_()) if kind.extension_name == "arrow.bool8" else stored
    return stored if isinstance(column, pa.ChunkedArray) else stored.combine_chunks()
