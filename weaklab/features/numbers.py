"""Features of tabular records: numeric, boolean and embedding columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from weaklab.base import WeaklabError
from weaklab.corpus import Columns, Corpus
from weaklab.features.base import FEATURES, Features

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from weaklab.features.base import Matrix


@FEATURES.named("columns")
class NumericColumns(Features):
    """Numeric, boolean and embedding columns, standardised to mean 0 and deviation 1; missing values become the mean.

    Parameters
    ----------
    columns : list of names, optional
        By default every column of numbers or lists of numbers.
    """

    def __init__(self, columns: Sequence[str] | None = None) -> None:
        self.columns = None if columns is None else list(columns)

    def reads(self) -> frozenset[str]:
        return frozenset(self._names)

    def fit(self, corpus: Corpus) -> NumericColumns:
        import numpy as np

        first = next(corpus.batches())
        self._names = self.columns or numeric_columns(first)
        if not self._names:
            raise WeaklabError(f"{corpus.name} has no numeric column for the features 'columns'; there are {first.schema.names}")
        count, total, squares = 0.0, 0.0, 0.0
        for batch in corpus.batches():
            raw = self._raw(batch)
            known = ~np.isnan(raw)
            count, total = count + known.sum(axis=0), total + np.nansum(raw, axis=0)
            squares = squares + np.nansum(raw**2, axis=0)
        count = np.maximum(count, 1)
        self._mean = total / count
        deviation = np.sqrt(np.maximum(squares / count - self._mean**2, 0))
        self._scale = np.where(deviation > 0, deviation, 1)
        return self

    def _raw(self, batch: pa.RecordBatch) -> NDArray[np.float64]:
        import numpy as np

        columns = Columns(batch)
        parts = []
        for name in self._names:
            values = columns[name]
            try:
                lists = [value for value in values if hasattr(value, "__len__")]
                width = len(lists[0]) if lists else 1
                empty = np.full(width, np.nan) if lists else np.nan
                raw = np.array([empty if v is None else v for v in values], dtype=np.float64).reshape(len(values), width)
                parts.append(np.where(np.isfinite(raw), raw, np.nan))
            except (TypeError, ValueError):
                raise WeaklabError(f"column {name!r} cannot be a feature: wanted numbers, or lists of numbers of one length") from None
        return np.hstack(parts)

    def transform(self, batch: pa.RecordBatch) -> Matrix:
        import numpy as np

        rows = (self._raw(batch) - self._mean) / self._scale
        return np.nan_to_num(rows, nan=0.0, posinf=0.0, neginf=0.0).astype(np.float32)

    def state(self) -> dict[str, Any]:
        return {"names": list(self._names), "mean": self._mean, "scale": self._scale}

    def restore(self, state: Mapping[str, Any]) -> NumericColumns:
        self._names, self._mean, self._scale = list(state["names"]), state["mean"], state["scale"]
        return self


def numeric_columns(batch: pa.RecordBatch) -> list[str]:
    import pyarrow as pa

    def numeric(kind: pa.DataType) -> bool:
        if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
            return numeric(kind.value_type)
        return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind))

    columns = Columns(batch)
    return [f.name for f in batch.schema if numeric(f.type) and f.name in columns.names and f.name != columns.roles.id]
