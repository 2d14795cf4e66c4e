"""Converts lists of Python values to Arrow arrays; repairs text, and refuses mixed types with the place."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

from weaklab.core.errors import CorpusError
from weaklab.corpus.records import record_id
from weaklab.corpus.source import ColumnError, Source, number_text
from weaklab.exchange.text_streams import short

if TYPE_CHECKING:
    import pyarrow as pa

MAX_DEPTH = 64
"""The deepest nesting of lists and dicts; Parquet cannot store much deeper ones."""


def column_of(values: list[Any], name: str, source: Source, record: Callable[[int], str]) -> pa.Array:
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
    if float in kinds and not kinds.keys() <= {int, float}:  # pandas writes NaN for missing values
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
            f"{place(row)}: mixed types, {type(values[row]).__name__} {short(values[row])} among {common.__name__} "
            "values; make the column one type",
        )
    try:
        return pa.array(values)
    except (pa.ArrowException, OverflowError, TypeError, ValueError):
        row = _first_refused(values)
        raise ColumnError(
            name,
            f"{place(row)}: {type(values[row]).__name__} {short(values[row])} cannot be stored beside the values "
            "before it; wanted text, numbers, dates, or lists or dicts of one shape; convert the column, or leave it "
            "out",
        ) from None


def _first_refused(values: list[Any]) -> int:
    """Return the first row whose value Arrow cannot store in one column with the values before it."""
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
    raise CorpusError(f"{place()}: wanted text, got {type(value).__name__} {short(value)}")


def _as_label(value: Any, source: Source, place: Callable[[], str]) -> Any:
    if isinstance(value, str):
        return source.repairs.text(value, place)
    if hasattr(value, "item") and getattr(value, "ndim", 1) == 0:
        value = value.item()
    if isinstance(value, (bool, int)) or type(value).__name__ in ("NAType", "NaTType"):
        return None if not isinstance(value, int) else str(value)
    if isinstance(value, (float, Decimal)):
        return number_text(value)
    raise CorpusError(
        f"{place()}: wanted a label name, a number or a truth value, got {type(value).__name__} {short(value)}"
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
