"""A source of records: batches of raw columns that can be read any number of times, given plain column types."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weaklab.core.errors import CorpusError, did_you_mean
from weaklab.corpus.plain_types import plain_column

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_ROWS = 4096
"""Rows in a batch, the unit of work everywhere."""
BATCH_BYTES = 64 << 20
"""A batch has fewer rows if it would have more bytes than this."""


class ColumnError(CorpusError):
    """A column whose values cannot be stored; the other columns can be read without it.

    Parameters
    ----------
    column : its name
    message : what cannot be stored, and where
    """

    def __init__(self, column: str, message: str) -> None:
        super().__init__(message)
        self.column = column

    def __reduce__(self) -> tuple[Any, ...]:
        return ColumnError, (self.column, str(self))


@dataclass
class Repairs:
    """Counts of values that were changed so that they can be stored; reported once at the end."""

    surrogates: int = 0
    first: str = ""
    ids: int = 0
    """The number of ids that were written as 1.0 and are read as 1."""

    def text(self, value: str, place: Callable[[], str]) -> str:
        """Replace lone surrogates, which no UTF-8 file can hold, by U+FFFD."""
        value = str.__str__(value)
        try:
            value.encode()
        except UnicodeEncodeError:
            self.first = self.first or place()
            self.surrogates += 1
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return value


@dataclass
class Source:
    """Batches of raw columns that can be read any number of times.

    Attributes
    ----------
    name : its name in messages
    open : yields record batches, all of one schema
    text_columns : columns that must be read as text (text, label and gold columns)
    label_columns : those of them that hold labels: names, numbers, truth values or codes of classes that come with
        their names
    id_column : column of ids; files without types hold it as text, so that 007 stays 007
    columns : the columns to read, None for all
    needed : columns without which the data is of no use; any other that cannot be stored is left out
    left_out : column -> why it cannot be stored
    class_names : column -> names of the classes that its whole numbers stand for; () where files disagree about them
    labels_by_file : whether it adds a column ``label``, the name of the file that a record stands in
    notes : what a reader has found out about the files and need not look for when they are read again
    in_memory : whether what it yields is in memory anyway, so that it may be kept
    kind : the format where it is files, such as csv or parquet
    paths : the files, in the order in which they are read
    """

    name: str
    open: Callable[[Source], Iterator[pa.RecordBatch]]
    text_columns: tuple[str, ...] = ()
    id_column: str = "id"
    labels_by_file: bool = False
    repairs: Repairs = field(default_factory=Repairs)
    in_memory: bool = False
    kind: str = ""
    paths: tuple[Path, ...] = ()
    label_columns: tuple[str, ...] = ()
    columns: frozenset[str] | None = None
    needed: frozenset[str] = frozenset()
    left_out: dict[str, str] = field(default_factory=dict)
    class_names: dict[str, tuple[str, ...]] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)

    def wants(self, name: str) -> bool:
        """Whether a column is read."""
        return name not in self.left_out and (self.columns is None or name in self.columns)

    def attempt(self, name: str, make: Callable[[], pa.Array]) -> pa.Array | None:
        """Return a column, or None if it is not wanted, or cannot be stored and is not needed."""
        if not self.wants(name):
            return None
        try:
            return make()
        except ColumnError as error:
            self.leave_out(error)
            return None

    def leave_out(self, error: ColumnError) -> None:
        """Read on without a column, or raise the error if the column is needed."""
        if error.column in self.needed:
            raise error
        self.left_out[error.column] = str(error)

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        self.repairs = Repairs()
        for batch in self.open(self):
            yield uniform(batch, self)


def check_names(names: Sequence[str], place: str) -> None:
    """Raise a CorpusError if two columns have the same name."""
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise CorpusError(f"{place}: more than one column is named {repeated!r}; rename or drop the others")


def check_columns(names: Sequence[str], wanted: Iterable[str], source: str) -> None:
    """Raise a CorpusError for the first wanted column that is not among ``names``."""
    for name in wanted:
        if name not in names:
            raise CorpusError(
                f"{source}: no column {name!r};{did_you_mean(name, names)} the columns are {', '.join(names)}"
            )


def uniform(batch: pa.RecordBatch, source: Source) -> pa.RecordBatch:
    """Give a batch plain types: strings with 64-bit offsets, no dictionaries, and text where text is wanted."""
    import pyarrow as pa

    check_names(batch.schema.names, source.name)
    found = {
        name: source.attempt(name, partial(_uniform_column, column, name, source))
        for name, column in zip(batch.schema.names, batch.columns, strict=True)
    }
    columns = {name: column for name, column in found.items() if column is not None}
    if not columns and batch.num_rows:
        raise CorpusError(
            f"{source.name}: no column is left: {next(iter(source.left_out.values()), 'none of columns= is there')}"
        )
    return pa.record_batch(list(columns.values()), names=list(columns))


def _uniform_column(column: pa.Array, name: str, source: Source) -> pa.Array:
    import pyarrow as pa

    column = plain_column(column)
    if pa.types.is_dictionary(column.type):
        column = plain_column(column.dictionary_decode())
    if name in source.label_columns:
        return _labels_as_text(column, name, source)
    if name == source.id_column and name not in source.text_columns:
        column = _plain_ids(column, name, source)
    kind = column.type
    is_text = (
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or kind == pa.string_view() or pa.types.is_null(kind)
    )
    is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    if name in source.text_columns and not is_text and not is_number:
        raise CorpusError(
            f"{source.name}, column {name!r}: wanted text, got {kind}; name another column, or convert this one to text"
        )
    try:
        if is_text:
            column.validate(full=True)
            return column.cast(pa.large_string())
        if name in source.text_columns:
            return _numbers_as_text(column)
        if not _can_be_stored(kind):
            raise ColumnError(name, f"{source.name}, column {name!r}: {kind} cannot be stored; convert or drop it")
        return column
    except pa.ArrowInvalid:
        raise CorpusError(
            f"{source.name}, column {name!r}: holds bytes that are not UTF-8 text; decode them with their encoding"
        ) from None


@lru_cache(maxsize=256)
def _can_be_stored(kind: pa.DataType) -> bool:
    """Whether Parquet can hold a type; it cannot hold a struct without fields, for example."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    of = pa.types
    if of.is_integer(kind) or of.is_floating(kind) or of.is_boolean(kind):
        return True
    try:
        pq.write_table(pa.table({"": pa.array([], kind)}), pa.BufferOutputStream())
    except (pa.ArrowException, TypeError, ValueError):
        return False
    return True


def _labels_as_text(column: pa.Array, name: str, source: Source) -> pa.Array:
    """Return labels as text: names as they are, classes by their names, numbers and truth values as they are
    written.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    kind, of = column.type, pa.types
    if of.is_integer(kind) and name in source.class_names:
        return _names_of_classes(column, name, source)
    if of.is_boolean(kind):
        return pc.if_else(column, pa.scalar("True", pa.large_string()), pa.scalar("False", pa.large_string()))
    if of.is_floating(kind) or of.is_decimal(kind):
        encoded = column.dictionary_encode()
        texts = pa.array([number_text(value) for value in encoded.dictionary.to_pylist()], pa.large_string())
        return texts.take(encoded.indices)
    if not (
        of.is_string(kind)
        or of.is_large_string(kind)
        or kind == pa.string_view()
        or of.is_null(kind)
        or of.is_integer(kind)
    ):
        raise CorpusError(
            f"{source.name}, column {name!r}: wanted label names, numbers or truth values, got {kind}; name another "
            "column"
        )
    try:
        column.validate(full=True)
        return column.cast(pa.large_string())
    except pa.ArrowInvalid:
        raise CorpusError(
            f"{source.name}, column {name!r}: holds bytes that are not UTF-8 text; decode them with their encoding"
        ) from None


def _names_of_classes(column: pa.Array, name: str, source: Source) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    names = source.class_names[name]
    if not names:
        raise CorpusError(
            f"{source.name}, column {name!r}: the files name the classes of this column differently; import them one "
            "by one"
        )
    codes = pc.if_else(pc.equal(column, -1), pa.scalar(None, column.type), column)  # -1: no label
    bounds = pc.min_max(codes).as_py()
    if bounds["min"] is not None and (bounds["min"] < 0 or bounds["max"] >= len(names)):
        strange = bounds["min"] if bounds["min"] < 0 else bounds["max"]
        raise CorpusError(
            f"{source.name}, column {name!r}: {strange} is none of the classes 0 to {len(names) - 1} "
            f"({', '.join(names[:20])})"
        )
    return pa.array(names, pa.large_string()).take(codes)


def _plain_ids(column: pa.Array, name: str, source: Source) -> pa.Array:
    """Return ids in the form in which 1, 1.0 and '1.0' are one: whole numbers, or text without a trailing .0 of a
    number.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    kind, of = column.type, pa.types
    if of.is_decimal(kind):
        column = column.cast(pa.float64())
    if of.is_floating(column.type):
        return _whole_ids(column, name, source)
    if not (of.is_string(kind) or of.is_large_string(kind)):
        return column
    floats = pc.match_substring_regex(column, r"^-?\d+\.0$") if pc.any(pc.ends_with(column, ".0")).as_py() else None
    if floats is None or not pc.any(floats).as_py():
        return column
    source.repairs.ids += pc.sum(floats).as_py()
    return pc.replace_substring_regex(column, r"^(-?\d+)\.0$", r"\1")


def _whole_ids(column: pa.Array, name: str, source: Source) -> pa.Array:
    """Return float ids as whole numbers; missing values or a merge turned them into floats."""
    import numpy as np
    import pyarrow as pa

    values = np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.float64)
    there = values[np.isfinite(values)]
    broken = there[there != np.floor(there)]
    if len(broken):
        raise CorpusError(
            f"{source.name}, column {name!r}: {broken[0]!s} is no id; ids are texts or whole numbers, convert the "
            "column to text"
        )
    if np.abs(there).max(initial=0) >= 2**53 or np.isinf(values).any():
        raise CorpusError(
            f"{source.name}, column {name!r}: holds floats too large to be exact, so ids have been rounded before; "
            "read the column as text where the data comes from, such as pandas.read_csv(..., dtype={...: str})"
        )
    source.repairs.ids += len(there)
    return pa.array(np.nan_to_num(values), pa.int64(), mask=np.isnan(values))


def number_text(value: Any) -> str | None:
    """Write 1.0 and 1.00 as 1, because whole numbers with missing values are floats in pandas."""
    if value is None or value != value:
        return None
    whole = math.isfinite(value) and value == int(value)
    return str(int(value)) if whole else str(value)


def _numbers_as_text(column: pa.Array) -> pa.Array:
    """Write 1.0 as 1, because whole numbers with missing values are floats in pandas."""
    import pyarrow as pa

    if pa.types.is_floating(column.type):
        return pa.array([_as_number(value) for value in column.to_pylist()], pa.large_string())
    return column.cast(pa.string()).cast(pa.large_string())


def _as_number(value: float | None) -> str | None:
    if value is None or value != value:
        return None
    return str(int(value)) if float(value).is_integer() else str(value)
