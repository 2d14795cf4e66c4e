"""Records of a batch as labeling functions see them, and the roles of columns (id, text, label, gold)."""

from __future__ import annotations

import json
import threading
from collections import deque
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache, partial
from itertools import repeat
from typing import TYPE_CHECKING, Any, ClassVar
from weakref import ref

from weaklab.core.errors import CorpusError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pyarrow as pa

_METADATA_KEY = b"weaklab"
TEXT_JOINT = "\n"
"""Several text columns are read as one text, joined by this."""


@dataclass(frozen=True)
class Roles:
    """The roles of columns: id, text, label and gold; stored in the schema of every batch.

    Attributes
    ----------
    id : column with the record's unique id
    text : columns with text, none for tabular data
    label : column with manual labels known before the work starts, hidden from heuristics
    gold : column with the truth, for measuring only, hidden from heuristics
    also_hidden : columns that held labels or the truth in another import of the same project
    """

    id: str
    text: tuple[str, ...] = ()
    label: str | None = None
    gold: str | None = None
    also_hidden: tuple[str, ...] = ()

    @property
    def hidden(self) -> tuple[str, ...]:
        """Columns that a heuristic must not read, or it would be judged by what it copied."""
        return tuple(dict.fromkeys(name for name in (self.label, self.gold, *self.also_hidden) if name is not None))

    def attach(self, schema: pa.Schema) -> pa.Schema:
        """Return ``schema`` with these roles in its metadata."""
        return schema.with_metadata({_METADATA_KEY: _encoded(self)})

    @classmethod
    def of(cls, schema: pa.Schema) -> Roles:
        """Read the roles back; a schema without them must have a column ``id``."""
        stored = (schema.metadata or {}).get(_METADATA_KEY)
        if stored is not None:
            data = json.loads(stored)
            return cls(**{**data, "text": tuple(data["text"]), "also_hidden": tuple(data.get("also_hidden", ()))})
        if "id" not in schema.names:
            raise CorpusError(
                f"a batch needs a column 'id', got {schema.names}; read the data with weaklab.read() first"
            )
        return cls(id="id", text=("text",) if "text" in schema.names else ())


@lru_cache(maxsize=64)
def _encoded(roles: Roles) -> bytes:
    return json.dumps(asdict(roles)).encode()


def visible(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return the batch without the columns that heuristics must not see."""
    roles = Roles.of(batch.schema)
    keep = [name for name in batch.schema.names if name not in roles.hidden]
    if len(keep) == len(batch.schema.names):
        return batch
    return batch.select(keep).replace_schema_metadata(roles.attach(batch.schema).metadata)


def record_id(value: Any) -> str:
    """Return an id as events and faults keep it: 1, 1.0 and '1' are one id, and so is '1.0', as programs write a column
    of floats.

    >>> [record_id(value) for value in (1, 1.0, "1.0", "1.5", "007", "v1.0")]
    ['1', '1', '1', '1.5', '007', 'v1.0']
    """
    text = str(value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return text[:-2] if text.endswith(".0") and text[:-2].removeprefix("-").isdecimal() else text


def ids_of(batch: pa.RecordBatch) -> list[str]:
    """Return the ids of a batch as strings, the form in which events and faults keep them."""
    return id_texts(batch.column(Roles.of(batch.schema).id))


def id_texts(ids: pa.Array) -> list[str]:
    """Return a column of ids as strings."""
    texts: list[str] = id_column(ids).to_pylist()
    return texts


def id_column(ids: pa.Array) -> pa.Array:
    """Return a column of ids as a column of strings."""
    import pyarrow as pa

    of = pa.types
    if ids.null_count == 0 and (of.is_integer(ids.type) or of.is_string(ids.type) or of.is_large_string(ids.type)):
        return ids.cast(pa.large_string())
    return pa.array(map(record_id if of.is_floating(ids.type) else str, ids.to_pylist()), pa.large_string())


class Columns:
    """The columns of one batch as Python lists, each converted when it is first read."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        self.roles = Roles.of(batch.schema)
        self._batch = batch
        self._lists: dict[str, Sequence[Any]] = {}
        self._refusals: dict[str, str] = {}
        self._sheet: Callable[[], Sheet | None] = _no_sheet

    def __len__(self) -> int:
        return int(self._batch.num_rows)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The columns that a heuristic may read."""
        return tuple(name for name in self._batch.schema.names if name not in self.roles.hidden)

    @cached_property
    def text(self) -> Sequence[str]:
        """The text of every record: one column as it is, several joined, none as empty strings."""
        columns = [self[name] for name in self.roles.text]
        if len(columns) == 1:
            return columns[0]
        if not columns:
            return [""] * len(self)
        return [TEXT_JOINT.join(parts) for parts in zip(*columns, strict=True)]

    @property
    def ids(self) -> list[str]:
        """The ids of the records as strings, see :func:`ids_of`."""
        return id_texts(self._batch.column(self.roles.id))

    def __getitem__(self, name: str) -> Sequence[Any]:
        found = self._lists.get(name)
        if found is None:
            found = self._lists[name] = self._convert(name)
        return found

    def _convert(self, name: str) -> Sequence[Any]:
        if name not in self.names:
            if name == "text" and self.roles.text:
                return self.text
            raise KeyError(self._refusal(name))
        column = self._batch.column(name)
        values: list[Any] = column.to_pylist()
        if _is_vector(column.type):
            return [None if value is None else _as_array(value) for value in values]
        return ["" if value is None else value for value in values] if name in self.roles.text else values

    def _refusal(self, name: str) -> str:
        """Why a column cannot be read; worked out once, since every record of a batch may ask for it."""
        if name not in self._refusals:
            self._refusals[name] = (
                f"column {name!r} holds labels, and a heuristic must not read them"
                if name in self.roles.hidden
                else f"no column {name!r};{did_you_mean(name, self.names)} there are {', '.join(self.names)}"
            )
        return self._refusals[name]

    def records(self) -> list[Record]:
        """Return all records of the batch; unlike those of :meth:`sheet`, they read their values when asked."""
        return [Record(self, row) for row in range(len(self))]

    def sheet(self) -> Sheet:
        """Return all records of the batch; they are made once, and they hold the values that cannot be changed."""
        sheet = self._sheet()
        if sheet is None:
            kind = _record_class(self._plain_names())
            sheet = Sheet(map(object.__new__, repeat(kind, len(self))))
            deque(map(_put_columns, sheet, repeat(self)), maxlen=0)
            deque(map(_put_row, sheet, range(len(self))), maxlen=0)
            self._sheet = ref(sheet)
            if "text" in kind._puts:
                self._fill(kind, "text")
        return sheet

    def renew(self) -> None:
        """Forget lists, arrays and dicts, so that what one function does to them no other sees."""
        for name in [
            name for name in self._lists if name in self.names and not is_plain(self._batch.schema.field(name).type)
        ]:
            del self._lists[name]

    def _plain_names(self) -> tuple[str, ...]:
        plain = [name for name in self.names if is_plain(self._batch.schema.field(name).type)]
        return tuple(dict.fromkeys([*(["text"] if self.roles.text and "text" not in self.names else []), *plain]))

    def _fill(self, kind: type[Record], name: str) -> None:
        sheet = self._sheet()
        if sheet is not None:
            deque(map(kind._puts[name], sheet, self[name]), maxlen=0)


class Sheet(list["Record"]):
    """The records of a batch, which :class:`Columns` know but do not keep alive."""

    __slots__ = ("__weakref__",)


def _no_sheet() -> Sheet | None:
    return None


def is_plain(kind: pa.DataType) -> bool:
    """Tell columns of values that cannot be changed, such as text and numbers, from lists, structs and what else there
    is.
    """
    import pyarrow as pa

    of = pa.types
    if of.is_dictionary(kind):
        return is_plain(kind.value_type)
    tests = (
        of.is_string,
        of.is_large_string,
        of.is_boolean,
        of.is_integer,
        of.is_floating,
        of.is_temporal,
        of.is_decimal,
        of.is_null,
    )
    return any(test(kind) for test in tests)


def _is_vector(kind: pa.DataType) -> bool:
    """Whether lists hold only numbers, at any depth."""
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
    _columns: Columns
    _row: int
    _puts: ClassVar[Mapping[str, Callable[[Record, Any], None]]] = {}

    def __init__(self, columns: Columns, row: int) -> None:
        _put_columns(self, columns)
        _put_row(self, row)

    def __getattr__(self, name: str) -> Any:
        columns = self._columns
        try:
            value = columns[name][self._row]
        except KeyError as error:
            raise AttributeError(error.args[0]) from None
        if name in self._puts:  # the column was not read before; from now on it stands in every record
            columns._fill(type(self), name)
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(
            f"a record cannot be changed, and {name!r} was to be set; keep what you work out in a variable"
        )

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"a record cannot be changed, and {name!r} was to be deleted")

    def __getitem__(self, name: str) -> Any:
        return self._columns[name][self._row]

    def get(self, name: str, default: Any = None) -> Any:
        """Return a column's value, or ``default`` where there is no such column."""
        return self._columns[name][self._row] if name in self._columns.names else default

    def __contains__(self, name: object) -> bool:
        return name in self._columns.names

    def keys(self) -> list[str]:
        """Return the column names, so that ``dict(x)`` works."""
        return list(self._columns.names)

    @property
    def record_id(self) -> str:
        """The record's id as a string, whatever its column is called."""
        return str(self._columns[self._columns.roles.id][self._row])

    def __reduce__(self) -> tuple[Any, ...]:
        return _record_again, (dict(self), self._columns.roles)

    def __repr__(self) -> str:
        return f"Record({', '.join(f'{k}={self[k]!r}' for k in self.keys())})"


def roles_of(record: Record) -> Roles:
    """Return the roles of the columns of a record."""
    return record._columns.roles


_put_columns = Record.__dict__["_columns"].__set__
_put_row = Record.__dict__["_row"].__set__
MAX_SLOTS = 32
"""So many columns can stand in a record; a table has more, they are looked up, or the records were larger than their
texts."""


@lru_cache(maxsize=64)
def _record_class(names: tuple[str, ...]) -> type[Record]:
    """Return a class of records in which columns stand in slots, which are read several times faster than looked up.

    Names that mean something else in a class (``get``, ``_row``) or cannot be attributes are looked up.
    """
    slots = tuple(
        name for name in names if name.isidentifier() and not name.startswith("_") and not hasattr(Record, name)
    )[:MAX_SLOTS]
    kind: type[Record] = type(
        "Record", (Record,), {"__slots__": slots, "__module__": __name__, "__qualname__": "Record"}
    )
    kind._puts = {name: kind.__dict__[name].__set__ for name in slots}
    return kind


def _record_again(values: dict[str, Any], roles: Roles) -> Record:
    """Make a record out of what was pickled."""
    import pyarrow as pa

    table = pa.Table.from_pylist([values])
    return Record(Columns(table.replace_schema_metadata(roles.attach(table.schema).metadata).to_batches()[0]), 0)


class _Latest(threading.local):
    """The batch that this thread voted on last: the functions of a committee take turns on each batch."""

    batch: Callable[[], Any] = staticmethod(lambda: None)
    columns: Columns
    sheet: Sheet


_latest = _Latest()


def sheet_of(batch: pa.RecordBatch) -> tuple[Columns, Sheet]:
    """Return the columns and the records of a batch, the same ones to every function that votes on it in this thread.

    They are kept as long as the batch is, or until the next batch comes; lists, arrays and dicts are made anew at each
    call.
    """
    if _latest.batch() is batch:
        _latest.columns.renew()
        return _latest.columns, _latest.sheet
    columns = Columns(batch.slice(0))  # a view of its own: who holds the records does not hold the batch
    here = _latest
    here.columns, here.sheet = columns, columns.sheet()
    here.batch = ref(batch, partial(_forget, here.__dict__))
    return columns, here.sheet


def _forget(latest: dict[str, Any], batch: Any) -> None:
    if latest.get("batch") is batch:
        latest.clear()


def records(batch: pa.RecordBatch) -> list[Record]:
    """Return the records of a batch."""
    return Columns(batch).records()
