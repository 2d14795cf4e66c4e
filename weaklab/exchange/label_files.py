"""Labels as Parquet, CSV or JSONL."""

from __future__ import annotations

import base64
import json
import math
import re
from typing import TYPE_CHECKING, Any

from weaklab.core.errors import ProjectError
from weaklab.core.progress import tracked
from weaklab.corpus import Corpus
from weaklab.corpus.plain import plain_column

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    import pandas as pd
    import pyarrow as pa


def checked_columns(include: Sequence[str], taken: Iterable[str]) -> Sequence[str]:
    """Return ``include``, or raise a ProjectError if one of its columns has the name of a column of labels."""
    for name in include:
        if name in set(taken):
            raise ProjectError(f"column {name!r} is among the labels already; leave it out of include")
    return include


def labels_table(frame: pd.DataFrame, corpus: Corpus, include: Sequence[str]) -> pa.Table:
    """Return the frame of :meth:`weaklab.Project.labels` as Arrow, ids in their own type, with columns of the
    records.
    """
    import pyarrow as pa

    table = pa.Table.from_pandas(frame, preserve_index=False)
    table = table.set_column(1, "label", pa.array(frame["label"].tolist(), pa.string()))
    shared = table.schema.get_field_index("shared_from")
    table = table.set_column(shared, "shared_from", pa.array(frame["shared_from"].tolist(), corpus.ids.type))
    table = table.set_column(0, frame.columns[0], corpus.ids)
    for place, name in enumerate(checked_columns(include, frame.columns), 1):
        table = table.add_column(place, name, corpus.column(name))
    return table


def _plain_table(table: pa.Table) -> pa.Table:
    for place, name in enumerate(table.column_names):
        table = table.set_column(place, name, plain_column(table.column(place)))
    return table


# ---- Parquet


def _write_parquet(table: pa.Table, path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = _plain_table(table)
    for field in table.schema:
        try:
            pq.write_table(pa.table({field.name: pa.array([], field.type)}), pa.BufferOutputStream())
        except (pa.ArrowException, TypeError, ValueError):
            raise ProjectError(
                f"column {field.name!r} holds {field.type}, which Parquet has no type for; export to .jsonl, or leave "
                "it out of include"
            ) from None
    pq.write_table(table, path)


# ---- CSV


def _write_csv(table: pa.Table, path: Path) -> None:
    from pyarrow import csv

    table = _plain_table(table)
    wrong = [f"{field.name!r} ({field.type})" for field in table.schema if not _fits_a_cell(field.type)]
    if wrong:
        raise ProjectError(
            f"a CSV cell holds text or one number; column{'s' * (len(wrong) > 1)} {', '.join(wrong)} cannot be written "
            "as CSV: "
            "export to .parquet or .jsonl, or leave them out of include"
        )
    for place, field in enumerate(table.schema):
        table = table.set_column(place, field.name, _cells(field.name, table.column(place)))
    csv.write_csv(table, path)


def _fits_a_cell(kind: pa.DataType) -> bool:
    import pyarrow as pa

    of = pa.types
    if of.is_dictionary(kind):
        return _fits_a_cell(kind.value_type)
    tests = (
        of.is_boolean,
        of.is_integer,
        of.is_floating,
        of.is_decimal,
        of.is_temporal,
        of.is_string,
        of.is_large_string,
        of.is_null,
    )
    return any(test(kind) for test in tests)


def _cells(name: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column as CSV can write it: durations as ISO 8601, all else as it is."""
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_duration(column.type) or pa.types.is_interval(column.type):
        return pa.chunked_array([pa.array(_as_json(column), pa.string())])
    if pa.types.is_date(column.type) or pa.types.is_timestamp(column.type):
        _check_years(name, column)
    return column


def _check_years(name: str, column: pa.ChunkedArray) -> None:
    """Raise a ProjectError where Arrow would write ``<value out of range>`` into the cell."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pc.any(pc.starts_with(column.cast(pa.string()), "<")).as_py():
        raise ProjectError(
            f"column {name!r}: holds a date that cannot be written as text; export to .parquet, or leave it out of "
            "include"
        )


_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?")
_FORMULA = re.compile("(^|[,;|\t\r\n\"'])([\\s\x00-\x1f\u200b\u2060\ufeff]*)([=+\\-@＝＋－＠])")


def spreadsheet_safe(table: pa.Table) -> pa.Table:
    """Put an apostrophe before what a spreadsheet would run as a formula, in texts and in the names of columns.

    That is ``=``, ``+``, ``-`` and ``@`` at the start of a cell and behind what might end one: a separator, a quote, a
    line break. A tab or carriage return at the start gets one, too. Texts that are one number stay as they are, and so
    does every number.
    """
    import pyarrow as pa

    table = _plain_table(table)
    for place, field in enumerate(table.schema):
        column = table.column(place)
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            column = pa.array(
                [None if text is None else without_formula(text) for text in column.to_pylist()], pa.large_string()
            )
        table = table.set_column(place, without_formula(field.name), column)
    return table


def without_formula(text: str) -> str:
    r"""Return a text of which no spreadsheet makes a formula.

    >>> [without_formula(text) for text in ("=1+1", "a;=b", "-5", "well-known", "\tx")]
    ["'=1+1", "a;'=b", '-5', 'well-known', "'\tx"]
    """
    if _NUMBER.fullmatch(text):
        return text
    safe = _FORMULA.sub(r"\1\2'\3", text)
    return "'" + safe if safe[:1] in ("\t", "\r") else safe


# ---- JSONL


def _write_jsonl(table: pa.Table, path: Path) -> None:
    names = table.column_names
    with open(path, "w", encoding="utf-8") as stream:
        batches = _plain_table(table).to_batches(max_chunksize=10_000)
        for batch in tracked(batches, True, table.num_rows, "writing", "records"):
            columns = []
            for name, column in zip(names, batch.columns, strict=True):
                try:
                    columns.append(_as_json(column))
                except (ValueError, OverflowError) as error:
                    raise ProjectError(
                        f"column {name!r}: a value cannot be written as JSON: {error}; export to .parquet, or leave it "
                        "out of include"
                    ) from None
            for row in zip(*columns, strict=True):
                stream.write(json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False, allow_nan=False) + "\n")


def _as_json(column: pa.Array | pa.ChunkedArray) -> list[Any]:
    """Return the values of a column as JSON has them."""
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
    return str(value)  # a decimal, which a float would round


WRITERS: dict[str, Callable[[Any, Path], None]] = {
    ".parquet": _write_parquet,
    ".csv": _write_csv,
    ".jsonl": _write_jsonl,
}
"""How a table is written to a file, by the suffix of its name."""
