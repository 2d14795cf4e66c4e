"""One batch of records for several members: ids and features are computed once, and records at fault are found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.core.rows import one_thread
from weaklab.corpus.records import ids_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa
    from numpy.typing import NDArray

    from weaklab.features import Features
    from weaklab.heuristics.ballot import FaultRow


class BatchRows:
    """One batch with its ids and feature matrices, computed once for all members that use them.

    Parameters
    ----------
    batch : with the roles of its columns in its schema
    """

    def __init__(self, batch: pa.RecordBatch) -> None:
        self.batch = batch
        self._ids: list[str] | None = None
        self._matrices: dict[int, Any] = {}

    def __len__(self) -> int:
        return int(self.batch.num_rows)

    @property
    def ids(self) -> list[str]:
        """The ids of the records, as text."""
        if self._ids is None:
            self._ids = ids_of(self.batch)
        return self._ids

    def apply(
        self, features: Features, function: Callable[[Any], NDArray[np.float32]], blank: float
    ) -> tuple[NDArray[np.float32] | None, list[FaultRow]]:
        """Return ``function(features)``; where that raises, try halves, down to the records at fault.

        Returns
        -------
        (float32 (n, d), [(row, exception, message)])
            The numbers of rows that failed are ``blank``; None where all failed.
        """
        found: NDArray[np.float32] | None = None
        failed: list[FaultRow] = []
        pending = [(0, len(self))]
        while pending:
            start, stop = pending.pop()
            try:
                with one_thread():
                    part = function(self._matrix(features, start, stop))
                if found is None:
                    found = np.full((len(self), part.shape[1]), blank, dtype=np.float32)
                found[start:stop] = part
            except Exception as error:  # a classifier may be anybody's code
                if stop - start == 1:
                    failed.append((start, type(error).__name__, str(error)[:500]))
                else:
                    middle = (start + stop) // 2
                    pending += [(middle, stop), (start, middle)]
        return found, failed

    def _matrix(self, features: Features, start: int, stop: int) -> Any:
        if stop - start < len(self):
            return features.transform(self.batch.slice(start, stop - start))
        if id(features) not in self._matrices:
            self._matrices[id(features)] = features.transform(self.batch)
        return self._matrices[id(features)]
