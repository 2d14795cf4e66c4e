"""The receipt of an import: how each column was used, and the counts of labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from weaklab.core.tables import Table

_COUNTS_WIDTH = 35


@dataclass(frozen=True)
class ColumnUse:
    """What became of some columns of an import.

    Attributes
    ----------
    names : of the columns, several where the same became of neighbours
    role : id, text, label, gold, numeric (a number that heuristics and classifiers read), kept (anything else that
        heuristics read), hidden (labels of another import), ignored (not among ``columns=``) or left out (the notes say
        why)
    note : types, counts of labels, or why it is left out
    """

    names: tuple[str, ...]
    role: str
    note: str = ""

    @property
    def name(self) -> str:
        """The column, or the first and the last of them."""
        return self.names[0] if len(self.names) == 1 else f"{self.names[0]} ... {self.names[-1]} ({len(self.names)})"


class ImportReceipt(int):
    """The number of new records of an import, and what the import took for what.

    Attributes
    ----------
    source : what was read
    rows : records that were read
    new : records that were added, the value of this number
    skipped : records that were left out because their ids are in the project
    columns : list of :class:`ColumnUse`
    labels, gold : label name -> number of new records, under '' those without a label; empty where no column was named
    notes : what was mapped, converted or is worth a look, one sentence each

    Examples
    --------
    >>> receipt = ImportReceipt(2, "the list", rows=3, columns=[ColumnUse(("id",), "id"), ColumnUse(("text",), "text")])
    >>> receipt, receipt + 1, receipt.skipped
    (ImportReceipt(2 records), 3, 1)
    >>> print(receipt.table())
    2 new records of 3 in the list; 1 was in the project before
    column  read as
    id      id
    text    text
    """

    source: str
    rows: int
    columns: list[ColumnUse]
    labels: dict[str, int]
    gold: dict[str, int]
    notes: list[str]

    def __new__(
        cls,
        new: int,
        source: str = "",
        *,
        rows: int | None = None,
        columns: list[ColumnUse] | None = None,
        labels: dict[str, int] | None = None,
        gold: dict[str, int] | None = None,
        notes: list[str] | None = None,
    ) -> Self:
        receipt = super().__new__(cls, new)
        receipt.source, receipt.rows = source, new if rows is None else rows
        receipt.columns, receipt.labels, receipt.gold, receipt.notes = (
            columns or [],
            labels or {},
            gold or {},
            notes or [],
        )
        return receipt

    def __getnewargs__(self) -> tuple[int]:
        return (int(self),)

    @property
    def new(self) -> int:
        """Records that were added."""
        return int(self)

    @property
    def skipped(self) -> int:
        """Records that were left out because their ids are in the project."""
        return self.rows - int(self)

    def role(self, role: str) -> list[str]:
        """Return the columns that were read as something, such as ``"text"``."""
        return [name for use in self.columns if use.role == role for name in use.names]

    def table(self) -> Table:
        """Return the columns and what they were read as, with the notes under them."""
        before = (
            f"; {self.skipped:,} {'was' if self.skipped == 1 else 'were'} in the project before" if self.skipped else ""
        )
        of = f" of {self.rows:,} in" if self.skipped else " from"
        title = f"{int(self):,} new {'record' if self == 1 else 'records'}{of} {self.source}{before}"
        rows = [[use.name, use.role, use.note] for use in self.columns]
        names = ["column", "read as", ""]
        if not any(use.note for use in self.columns):
            rows, names = [row[:2] for row in rows], names[:2]
        return Table(title, names, rows, self.notes)

    def __repr__(self) -> str:
        return f"ImportReceipt({int(self):,} {'record' if self == 1 else 'records'})"

    def __str__(self) -> str:
        return int.__repr__(self)


def label_counts(counts: dict[str, int]) -> str:
    """Return the counts of labels in one line of the table.

    >>> label_counts({"spam": 2, "ham": 1, "": 7})
    'spam 2, ham 1, without a label 7'
    >>> label_counts({f"class {i}": 10 for i in range(77)})
    'class 0 10, class 1 10, class 2 10, class 3 10, and 73 more'
    """
    shown: list[str] = []
    for name, count in counts.items():
        shown.append(f"{name or 'without a label'} {count:,}")
        if sum(map(len, shown)) > _COUNTS_WIDTH and len(shown) < len(counts):
            return ", ".join([*shown, f"and {len(counts) - len(shown)} more"])
    return ", ".join(shown)


def joined(uses: list[ColumnUse]) -> list[ColumnUse]:
    """Put neighbours together of which the same became, where that is worth it: 64 columns of an embedding are one
    line.
    """
    found: list[ColumnUse] = []
    for use in uses:
        last = found[-1] if found else None
        if (
            last is not None
            and (last.role, last.note) == (use.role, use.note)
            and use.role in ("numeric", "kept", "ignored", "hidden")
        ):
            found[-1] = ColumnUse((*last.names, *use.names), use.role, use.note)
        else:
            found.append(use)
    return [
        one
        for use in found
        for one in ([use] if len(use.names) > 3 else [ColumnUse((n,), use.role, use.note) for n in use.names])
    ]
