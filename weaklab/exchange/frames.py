"""Reads tables in memory: pandas, polars and Hugging Face data sets."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from weaklab.core.errors import CorpusError
from weaklab.corpus.source import ColumnError, Source, check_names
from weaklab.exchange.python_values import column_of
from weaklab.exchange.schemas import table_batches

if TYPE_CHECKING:
    import pyarrow as pa


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
    ):  # other programs may write anything there
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        for name, feature in features.items():
            if isinstance(feature, Mapping) and feature.get("_type") == "ClassLabel" and feature.get("names"):
                names = feature["names"]
                ordered = [names[key] for key in sorted(names, key=int)] if isinstance(names, Mapping) else names
                found[name] = tuple(str(one) for one in ordered)
    return found


def polars_source(frame: Any) -> Source:
    def batches(source: Source) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        columns = {name: source.attempt(name, partial(_polars_column, frame, name, source)) for name in frame.columns}
        yield from table_batches(pa.table({name: column for name, column in columns.items() if column is not None}))

    return Source("the polars frame", batches, in_memory=True)


def _polars_column(frame: Any, name: str, source: Source) -> pa.ChunkedArray:
    kind = str(frame.schema[name])
    if "Object" in kind:  # polars would return the addresses of Python objects
        raise ColumnError(
            name, f"{source.name}, column {name!r}: values of type {kind} cannot be stored; convert or drop it"
        )
    return frame.select(name).to_arrow().column(0)


def hugging_face_source(data: Any) -> Source:
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
            "its features, which name the classes: datasets.Dataset.from_list(list(data.take(10_000)), "
            "features=data.features), or load the data set without streaming=True"
        )
    names = {
        name: tuple(feature.names) for name, feature in data.features.items() if type(feature).__name__ == "ClassLabel"
    }
    table = data.with_format("arrow")[:]
    return Source("the Hugging Face data set", lambda source: table_batches(table), class_names=names)


def pandas_source(frame: Any) -> Source:
    if not hasattr(frame, "columns"):
        frame = frame.to_frame(name=str(frame.name or "text"))
    names = [str(name) for name in frame.columns]
    check_names(names, "the DataFrame")
    texts: dict[str, pa.Array] = {}

    def converted(name: str, column: Any, source: Source) -> pa.Array:
        """Convert a column; a column of plain texts is converted only once, for any role."""
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
        yield from table_batches(pa.table({name: column for name, column in columns.items() if column is not None}))

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
        return column_of(values, name, source, lambda row: f"{source.name}, row {row}")
    try:
        return pa.array(column.copy(), from_pandas=True)  # a copy, because the user may change the frame
    except (pa.ArrowException, TypeError, ValueError):
        raise ColumnError(
            name, f"{source.name}, column {name!r}: values of type {column.dtype} cannot be stored; convert or drop it"
        ) from None


def _categories(column: Any, name: str, source: Source) -> pa.Array:
    """Convert each category once."""
    import numpy as np
    import pyarrow as pa

    categories = column.cat.categories
    values = column_of(categories.astype(object).tolist(), name, source, lambda row: f"{source.name}, category {row}")
    codes = np.asarray(column.cat.codes)
    return values.take(pa.array(codes, pa.int64(), mask=codes < 0))
