"""Tests on the content of records, batch by batch: conditions on columns, and text search."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.core.errors import CorpusError, WeaklabError
from weaklab.corpus.records import Columns, Roles, ids_of
from weaklab.heuristics.conditions import reader_of
from weaklab.heuristics.expressions import Expression, truth

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]


def holds(condition: Expression, batch: pa.RecordBatch, roles: Roles) -> Mask:
    """Return bool (n,), True for the records of a batch for which a condition holds.

    Raises
    ------
    CorpusError
        A value does not fit, such as a text compared with a number; the record is named.
    """
    from weaklab.heuristics.columnar import ExpressionBatch

    seen = Roles(roles.id, roles.text).attach(batch.schema).metadata  # people may look at labels and the truth
    table = ExpressionBatch(batch.replace_schema_metadata(seen))
    found, doubt = table.answers(condition)
    rows = np.flatnonzero(doubt)
    if len(rows):
        found[rows] = _by_python(condition, table.batch.take(rows))
    return found


def _by_python(condition: Expression, batch: pa.RecordBatch) -> list[bool]:
    read = reader_of(Columns(batch))
    found = []
    for row in range(batch.num_rows):
        try:
            found.append(truth(condition.python(read(row))) is True)
        except Exception as error:  # whatever Python raises for these values
            reason = error.args[0] if isinstance(error, KeyError) else f"{type(error).__name__}: {error}"
            raise CorpusError(
                f"{condition!r} cannot be worked out for record {ids_of(batch)[row]!r}: {reason}; leave such records "
                "out by a condition before it, joined with &"
            ) from None
    return found


def contains(text: str, regex: bool, case: bool) -> Callable[[pa.RecordBatch, Sequence[str]], Mask]:
    """Return a test of whether a text occurs in one of some columns of a batch: bool (n,)."""
    import pyarrow as pa
    import pyarrow.compute as pc

    match = pc.match_substring_regex if regex else pc.match_substring
    try:
        match(pa.array([""]), text, ignore_case=not case)
    except UnicodeEncodeError:
        raise WeaklabError(f"{text!r} holds half a character (a lone surrogate), which no record can hold") from None
    except pa.ArrowInvalid as error:
        raise WeaklabError(f"{text!r} is no regular expression as RE2 reads it: {error}") from None

    def test(batch: pa.RecordBatch, columns: Sequence[str]) -> Mask:
        masks = [match(_texts(batch, name), text, ignore_case=not case) for name in columns]
        return reduce(np.bitwise_or, [np.asarray(mask.to_numpy(zero_copy_only=False), bool) for mask in masks])

    return test


def _texts(batch: pa.RecordBatch, name: str) -> pa.Array:
    """Return a column as texts, empty where it is missing."""
    import pyarrow as pa

    column = batch.column(name)
    try:
        return column.cast(pa.large_string()).fill_null("")
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise WeaklabError(f"column {name!r} holds {column.type}, and search() looks in text") from None


def sortable(keys: Any, name: str, descending: bool) -> NDArray[np.int64]:
    """Return the order of some values, int64 (n,): equal ones stay in order, missing ones come last."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(keys.type):
        keys = keys.cast(keys.type.value_type)
    try:
        order = pc.sort_indices(keys, sort_keys=[("", "descending" if descending else "ascending")])
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, TypeError):
        raise CorpusError(f"column {name!r} holds {keys.type}, which cannot be sorted by") from None
    return np.asarray(order.to_numpy(), dtype=np.int64)
