"""The row number of each record, by its id."""

from __future__ import annotations

from collections.abc import Collection, ItemsView, Iterator, KeysView, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from weaklab.core.errors import ProjectError

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

FEW = 5000
"""Up to this many records are looked up without the table of all."""


class RecordRows(Mapping[str, int]):
    """Record id -> row number.

    To open a project takes few ids or none. So they stay an Arrow column, and the table of all of them is made when it
    is needed first.

    Parameters
    ----------
    ids : in the order of the rows: strings, or a column of strings; not to be changed afterwards
    place : the folder with the records, for an error

    Examples
    --------
    >>> rows = RecordRows(["a", "b"])
    >>> rows["b"], "c" in rows, list(rows), len(rows)
    (1, False, ['a', 'b'], 2)
    """

    def __init__(self, ids: Sequence[str] | pa.ChunkedArray = (), place: str = "") -> None:
        self._given, self.place, self._looked_through = ids, place, False

    @cached_property
    def ids(self) -> list[str]:
        """The ids as a list, which is not to be changed."""
        found: list[str] = self._given.to_pylist() if hasattr(self._given, "to_pylist") else list(self._given)
        return found

    @cached_property
    def _column(self) -> pa.ChunkedArray | pa.Array:
        import pyarrow as pa

        return self._given if hasattr(self._given, "to_pylist") else pa.array(self._given, pa.large_string())

    @cached_property
    def _table(self) -> dict[str, int]:
        found = dict(zip(self.ids, range(len(self.ids)), strict=True))
        if len(found) != len(self.ids):
            many = len(self.ids) - len(found)
            raise ProjectError(f"{self.place}: {many:,} record ids are there twice; see the imports in this folder")
        return found

    def prepare(self) -> None:
        """Make the table, so that the first look-up need not wait for it.

        Raises
        ------
        ProjectError
            An id is there twice. Look-ups raise it, too.
        """
        assert self._table is not None

    def of(self, records: Collection[str]) -> Mapping[str, int]:
        """Return the row numbers of at least these records; the first time, if they are few, without the table."""
        if "_table" in vars(self) or self._looked_through or len(records) > FEW:
            return self._table
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        self._looked_through = True
        there = pc.is_in(self._column, value_set=pa.array(records, pa.large_string())).to_numpy(zero_copy_only=False)
        return dict(zip(self.ids_at(there), np.flatnonzero(there).tolist(), strict=True))

    def ids_at(self, there: NDArray[np.bool_]) -> list[str]:
        """Return the ids of the rows where bool (n,) is True."""
        import pyarrow as pa

        found: list[str] = self._column.filter(pa.array(there)).to_pylist()
        return found

    def __getitem__(self, record: str) -> int:
        return self._table[record]

    def __iter__(self) -> Iterator[str]:
        return iter(self.ids)

    def __len__(self) -> int:
        return len(self._given)

    # what Mapping has is right, and slower for many records

    def get(self, record: str, default: Any = None) -> Any:
        """Return the row number of a record, ``default`` where there is none."""
        return self._table.get(record, default)

    def __contains__(self, record: object) -> bool:
        return record in self._table

    def keys(self) -> KeysView[str]:
        """Return the ids."""
        return self._table.keys()

    def items(self) -> ItemsView[str, int]:
        """Return pairs of id and row number."""
        return self._table.items()
