"""Counts the empty cells of an import: nothing, NaN, or a text without characters."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from weaklab.core.tables import counted, some_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa


@dataclass
class EmptyCells:
    """Empty cells of the columns of an import.

    Attributes
    ----------
    besides : columns that are not counted
    counts : column -> number of empty cells
    rows : records that were read
    """

    besides: Sequence[str | None] = ()
    counts: Counter[str] = field(default_factory=Counter)
    rows: int = 0

    def count(self, batch: pa.RecordBatch) -> None:
        """Count the empty cells of some more records."""
        self.rows += batch.num_rows
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            if name not in self.besides and (found := _empty_cells(column)):
                self.counts[name] += found

    def notes(self, texts: Sequence[str]) -> list[str]:
        """Return in a sentence how many cells are empty, and then what becomes of them.

        Parameters
        ----------
        texts : the text columns
        """
        shown = [f"{name} {count:,}" for name, count in self.counts.most_common()]
        if not shown:
            return []
        notes = [f"empty cells in {counted(self.rows, 'record')}: {some_of(shown)}"]
        if any(name not in texts for name in self.counts):
            notes.append(
                "conditions on an empty cell do not hold, and classifiers take the mean of a column of numbers"
            )
        if any(name in texts for name in self.counts):
            notes.append("an empty text holds no words: heuristics that look for words abstain")
        return notes


def _empty_cells(column: pa.Array) -> int:
    import pyarrow as pa
    import pyarrow.compute as pc

    of = pa.types
    if of.is_floating(column.type):
        return int(pc.sum(pc.is_null(column, nan_is_null=True)).as_py() or 0)
    missing = int(column.null_count)
    if of.is_string(column.type) or of.is_large_string(column.type):
        missing += int(pc.sum(pc.equal(pc.binary_length(column), 0)).as_py() or 0)
    return missing
