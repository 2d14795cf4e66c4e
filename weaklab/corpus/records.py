"""Record batches that know their id and text columns, and the light records that functions see."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from weaklab.base import CorpusError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa

_METADATA_KEY = b"weaklab"
TEXT_JOINT = "\n"
"""Several text columns are read as one text, joined by this."""


@dataclass(frozen=True)
class Roles:
    """Which columns of a corpus mean what; stored in the schema of every batch.

    Attributes
    ----------
    id : column with the record's unique id
    text : columns with text, none for tabular data
    label : column with manual labels known before the work starts, hidden from heuristics
    gold : column with the truth, for measuring only, hidden from heuristics
    """

    id: str
    text: tuple[str, ...] = ()
    label: str | None = None
    gold: str | None = None

    @property
    def hidden(self) -> tuple[str, ...]:
        """Columns that a heuristic must not read, or it would be judged by what it copied."""
        return tuple(name for name in (self.label, self.gold) if name is not None)

    def attach(self, schema: pa.Schema) -> pa.Schema:
        """Return ``schema`` with these roles in its metadata."""
        return schema.with_metadata({_METADATA_KEY: json.dumps(asdict(self)).encode()})

    @classmethod
    def of(cls, schema: pa.Schema) -> Roles:
        """Read the roles back; a schema without them must have a column ``id``."""
        stored = (schema.metadata or {}).get(_METADATA_KEY)
        if stored is not None:
            data = json.loads(stored)
            return cls(**{**data, "text": tuple(data["text"])})
        if "id" not in schema.names:
            raise CorpusError(f"a batch needs a column 'id', got {schema.names}; read the data with weaklab.read() first")
        return cls(id="id", text=("text",) if "text" in schema.names else ())


def visible(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return the batch without the columns that heuristics must not see."""
    roles = Roles.of(batch.schema)
    keep = [name for name in batch.schema.names if name not in roles.hidden]
    if len(keep) == len(batch.schema.names):
        return batch
    return batch.select(keep).replace_schema_metadata(roles.attach(batch.schema).metadata)


def ids_of(batch: pa.RecordBatch) -> list[str]:
    """Return the ids of a batch as strings, the form in which events and faults keep them."""
    return [str(value) for value in batch.column(Roles.of(batch.schema).id).to_pylist()]


class Columns:
    """The columns of one batch as Python lists, each converted when it is first read."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        self.roles = Roles.of(batch.schema)
        self._batch = batch
        self._lists: dict[str, Sequence[Any]] = {}

    def __len__(self) -> int:
        return int(self._batch.num_rows)

    @property
    def names(self) -> list[str]:
        return [name for name in self._batch.schema.names if name not in self.roles.hidden]

    @cached_property
    def text(self) -> Sequence[str]:
        """The text of every record: one column as it is, several joined, none as empty strings."""
        columns = [self[name] for name in self.roles.text]
        if len(columns) == 1:
            return columns[0]
        if not columns:
            return [""] * len(self)
        return [TEXT_JOINT.join(parts) for parts in zip(*columns, strict=True)]

    def __getitem__(self, name: str) -> Sequence[Any]:
        found = self._lists.get(name)
        if found is None:
            found = self._lists[name] = self._convert(name)
        return found

    def _convert(self, name: str) -> Sequence[Any]:
        if name not in self.names:
            if name == "text" and self.roles.text:
                return self.text
            if name in self.roles.hidden:
                raise KeyError(f"column {name!r} holds labels, and a heuristic must not read them")
            raise KeyError(f"no column {name!r};{did_you_mean(name, self.names)} there are {', '.join(self.names)}")
        column = self._batch.column(name)
        values: list[Any] = column.to_pylist()
        if _is_vector(column.type):
            return [None if value is None else _as_array(value) for value in values]
        return ["" if value is None else value for value in values] if name in self.roles.text else values


def _is_vector(kind: pa.DataType) -> bool:
    """Tell lists of numbers, at any depth, from lists of anything else."""
    import pyarrow as pa

    inner = kind
    while pa.types.is_list(inner) or pa.types.is_large_list(inner) or pa.types.is_fixed_size_list(inner):
        inner = inner.value_type
    return inner is not kind and (pa.types.is_integer(inner) or pa.types.is_floating(inner))


def _as_array(value: list[Any]) -> Any:
    import numpy as np

    try:
        return np.asarray(value)
    except ValueError:  # lists of lists of several lengths are no matrix
        return value


class Record:
    """One record as a labeling function sees it: any column by attribute or by key.

    ``x.text`` is the text whatever its column is called; several text columns are joined by a line break.

    Examples
    --------
    >>> import weaklab
    >>> x = weaklab.read([{"headline": "Ten facts", "words": 2}], text="headline").record(0)
    >>> x.text, x["words"], x.headline
    ('Ten facts', 2, 'Ten facts')
    """

    __slots__ = ("_columns", "_row")

    def __init__(self, columns: Columns, row: int) -> None:
        self._columns = columns
        self._row = row

    def __getattr__(self, name: str) -> Any:
        try:
            return self._columns[name][self._row]
        except KeyError as error:
            raise AttributeError(error.args[0]) from None

    def __getitem__(self, name: str) -> Any:
        return self._columns[name][self._row]

    def get(self, name: str, default: Any = None) -> Any:
        """Return a column's value, or ``default`` where there is no such column."""
        return self._columns[name][self._row] if name in self else default

    def __contains__(self, name: object) -> bool:
        return name in self._columns.names

    def keys(self) -> list[str]:
        """Return the column names, so that ``dict(x)`` works."""
        return self._columns.names

    @property
    def record_id(self) -> str:
        """The record's id as a string, whatever its column is called."""
        return str(self._columns[self._columns.roles.id][self._row])

    def __getstate__(self) -> dict[str, Any]:
        return {**dict(self), "__roles__": self._columns.roles}

    def __setstate__(self, state: dict[str, Any]) -> None:
        import pyarrow as pa

        roles = state.pop("__roles__")
        table = pa.Table.from_pylist([state])
        self._columns = Columns(table.replace_schema_metadata(roles.attach(table.schema).metadata).to_batches()[0])
        self._row = 0

    def __repr__(self) -> str:
        return f"Record({', '.join(f'{k}={self[k]!r}' for k in self.keys())})"


def records(batch: pa.RecordBatch) -> Iterator[Record]:
    """Yield the records of a batch."""
    columns = Columns(batch)
    for row in range(len(columns)):
        yield Record(columns, row)
