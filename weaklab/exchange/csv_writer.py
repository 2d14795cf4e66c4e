"""Writes CSV files, and makes texts safe for spreadsheets, which may run them as formulas."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from weaklab.core.errors import ProjectError
from weaklab.corpus.plain_types import plain_table
from weaklab.exchange.formats import WRITERS
from weaklab.exchange.json_files import json_values

if TYPE_CHECKING:
    import pyarrow as pa


@WRITERS.named(".csv")
def write_csv(table: pa.Table, path: Path) -> None:
    """CSV, with commas; a cell holds text or one number."""
    from pyarrow import csv

    table = plain_table(table)
    wrong = [f"{field.name!r} ({field.type})" for field in table.schema if not _fits_a_cell(field.type)]
    if wrong:
        raise ProjectError(
            f"a CSV cell holds text or one number; column{'s' * (len(wrong) > 1)} {', '.join(wrong)} cannot be written "
            "as CSV: export to .parquet or .jsonl, or leave them out of include"
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
    """Return a column in a form that CSV can hold: durations as ISO 8601, other types unchanged."""
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_duration(column.type) or pa.types.is_interval(column.type):
        return pa.chunked_array([pa.array(json_values(column), pa.string())])
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

    table = plain_table(table)
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
    r"""Return a text that no spreadsheet runs as a formula.

    >>> [without_formula(text) for text in ("=1+1", "a;=b", "-5", "well-known", "\tx")]
    ["'=1+1", "a;'=b", '-5', 'well-known', "'\tx"]
    """
    if _NUMBER.fullmatch(text):
        return text
    safe = _FORMULA.sub(r"\1\2'\3", text)
    return "'" + safe if safe[:1] in ("\t", "\r") else safe
