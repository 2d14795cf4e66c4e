"""Which records are meant, and in which order: a chain of steps on row numbers that runs when the rows are needed."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from weaklab.project.record_values import Mask, RecordValues, Rows

    Step = Callable[[RecordValues, Rows], Rows]


class RowQuery:
    """All records of a project, or what steps such as filters and sorting leave of them.

    A query never changes: each step makes a new one. Rows are computed when they are first needed, and kept.

    Parameters
    ----------
    values : what is known of all records
    before : the query that the step goes on from; None for all records
    step : function of the values and the rows so far, which returns the rows that are left, in their order
    said : what the step does, in words
    """

    def __init__(
        self, values: RecordValues, before: RowQuery | None = None, step: Step | None = None, said: str = ""
    ) -> None:
        self.values = values
        self._before, self._step, self._said = before, step, said

    def then(self, step: Step, said: str) -> RowQuery:
        """Return the query with one more step."""
        return RowQuery(self.values, self, step, said)

    def keep(self, mask: Callable[[RecordValues], Mask], said: str) -> RowQuery:
        """Keep the rows where a mask over all records is true."""
        return self.then(lambda values, rows: rows[mask(values)[rows]], said)

    def keep_by_content(self, test: Callable[[pa.RecordBatch], Mask], said: str) -> RowQuery:
        """Keep the rows whose records pass a test on their content, which is read from disk for it."""
        return self.then(lambda values, rows: values.matching(rows, test), said)

    @cached_property
    def rows(self) -> Rows:
        """The row numbers, int64 (r,), in their order."""
        if self._before is None or self._step is None:
            return np.arange(self.values.n)
        rows = self._before.rows
        return self._step(self.values, rows) if self.values.n else rows

    @property
    def is_all(self) -> bool:
        """Whether there is no step, so that all records are meant."""
        return self._before is None

    def description(self) -> str:
        """Return in words what the steps do, empty for all records."""
        before = "" if self._before is None else self._before.description()
        return "; ".join(part for part in (before, self._said) if part)
