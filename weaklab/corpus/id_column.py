"""Finds a column that may be the id where the user names none."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Container

    import pyarrow as pa

NAMES = re.compile(r"(?i:number|no|nr|key|case|uid|uuid|guid|identifier)|.*(?i:[_ -]id)|.*[a-z]I[dD]")
"""A column of such a name may be the id."""
LEAST_RECORDS = 10
"""Other columns may be the id if the values of at least this many records differ."""
MOST_CHARACTERS = 64


def likely_id(batch: pa.RecordBatch, besides: Container[str | None]) -> str | None:
    """Return the column of the first records that may be the id: whole numbers or short names that all differ.

    >>> import pyarrow as pa
    >>> likely_id(pa.record_batch({"n": [1, 2], "case": ["C-1", "C-2"]}), besides=())
    'case'
    >>> likely_id(pa.record_batch({"n": [1, 1], "case": ["C-1", "C-1"]}), besides=()) is None
    True
    """
    names = [name for name in batch.schema.names if name not in besides]
    named = [name for name in names if NAMES.fullmatch(name)]
    others = names if batch.num_rows >= LEAST_RECORDS else []
    return next((name for name in [*named, *others] if _all_differ(batch.column(name))), None)


def _all_differ(column: pa.Array) -> bool:
    import pyarrow as pa
    import pyarrow.compute as pc

    of = pa.types
    text = of.is_string(column.type) or of.is_large_string(column.type)
    if column.null_count or not (of.is_integer(column.type) or (text and _are_short_names(column))):
        return False
    return int(pc.count_distinct(column).as_py()) == len(column)


def _are_short_names(column: pa.Array) -> bool:
    import pyarrow.compute as pc

    lengths = pc.min_max(pc.utf8_length(column)).as_py()
    return (
        (lengths["min"] or 0) > 0
        and lengths["max"] <= MOST_CHARACTERS
        and not any(" " in value for value in column.slice(0, LEAST_RECORDS).to_pylist())
    )
