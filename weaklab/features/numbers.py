"""Features from data columns: numbers, booleans and embeddings (lists of numbers)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from weaklab.core.errors import WeaklabError, warn
from weaklab.corpus import Columns, Corpus
from weaklab.corpus.records import ids_of
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

    NaN and infinity count as missing; fitting warns about columns with infinity. Numbers of any type are computed in
    float64.

    Parameters
    ----------
    columns : list of names, optional
        By default every column of numbers or lists of numbers.
    """

    def __init__(self, columns: Sequence[str] | None = None) -> None:
        self.columns = None if columns is None else list(columns)
        self._may_be_none = False

    @classmethod
    def if_any(cls) -> NumericColumns:
        """Return features of no column at all where there is none of numbers, instead of an error."""
        made = cls()
        made._may_be_none = True
        return made

    def reads(self) -> frozenset[str]:
        return frozenset(self._names)

    def fit(self, corpus: Corpus) -> NumericColumns:
        import numpy as np

        first = next(corpus.batches())
        self._names = self.columns or numeric_columns(first)
        if not self._names and not self._may_be_none:
            raise WeaklabError(
                f"{corpus.name} has no numeric column for the features 'columns'; there are {first.schema.names}"
            )
        self._widths = self._found_widths(corpus)
        count, total, squares, shift, infinite = 0.0, 0.0, 0.0, None, _Infinite(self._names, self._widths)
        for batch in corpus.batches():
            raw = self._raw(batch)
            infinite.add(raw, batch)
            known = np.isfinite(raw)
            if (
                shift is None
            ):  # subtract a typical value first: squares of large numbers, such as times or ids, lose digits
                shift = np.where(known, raw, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
            raw = np.where(known, raw - shift, 0)
            count, total, squares = count + known.sum(axis=0), total + raw.sum(axis=0), squares + (raw**2).sum(axis=0)
        infinite.warn()
        count = np.maximum(count, 1)
        self._mean = total / count + (0 if shift is None else shift)
        deviation = np.sqrt(np.maximum(squares / count - (total / count) ** 2, 0))
        self._scale = np.where(deviation > 0, deviation, 1)
        return self

    def _found_widths(self, corpus: Corpus) -> list[int]:
        """Return the number of values per record in each column: 1, or the length of the first list."""
        found = dict.fromkeys(self._names, 1)
        open_ = set(self._names)
        for batch in corpus.batches():
            columns = Columns(batch)
            for name in sorted(open_):
                first = next((value for value in columns[name] if value is not None), None)
                if first is not None:
                    open_.discard(name)
                    found[name] = len(first) if hasattr(first, "__len__") and not isinstance(first, str) else 1
            if not open_:
                break
        return [found[name] for name in self._names]

    def _raw(self, batch: pa.RecordBatch) -> NDArray[np.float64]:
        import numpy as np

        columns = Columns(batch)
        parts = []
        for name, width in zip(self._names, self._widths, strict=True):
            values = columns[name]
            try:
                lists = any(hasattr(value, "__len__") for value in values)
                empty = np.full(width, np.nan) if lists or width != 1 else np.nan
                raw = np.array([empty if v is None else v for v in values], dtype=np.float64).reshape(
                    len(values), width
                )
            except (TypeError, ValueError):
                wanted = "numbers" if width == 1 else f"lists of {width} numbers"
                raise WeaklabError(
                    f"column {name!r} cannot be a feature{_odd_one(values, width, ids_of(batch))}; wanted {wanted} or "
                    "nothing"
                ) from None
            parts.append(raw)
        return np.hstack(parts) if parts else np.empty((len(batch), 0))

    def transform(self, batch: pa.RecordBatch) -> Matrix:
        import numpy as np

        with np.errstate(invalid="ignore"):
            rows = (self._raw(batch) - self._mean) / self._scale
        return np.nan_to_num(rows, nan=0.0, posinf=0.0, neginf=0.0).astype(np.float32)

    def state(self) -> dict[str, Any]:
        return {"names": list(self._names), "widths": list(self._widths), "mean": self._mean, "scale": self._scale}

    def restore(self, state: Mapping[str, Any]) -> NumericColumns:
        self._names, self._mean, self._scale = list(state["names"]), state["mean"], state["scale"]
        self._widths = [int(width) for width in state["widths"]]
        return self


class _Infinite:
    """Counts infinite values while features are fitted, to warn about them per column."""

    def __init__(self, names: Sequence[str], widths: Sequence[int]) -> None:
        self._names = [name for name, width in zip(names, widths, strict=True) for _ in range(width)]
        self._found: dict[str, tuple[int, str]] = {}

    def add(self, raw: NDArray[np.float64], batch: pa.RecordBatch) -> None:
        import numpy as np

        wrong = np.isinf(raw)
        if not wrong.any():
            return
        ids = ids_of(batch)
        for name in dict.fromkeys(self._names[place] for place in np.flatnonzero(wrong.any(axis=0))):
            of_column = [place for place, other in enumerate(self._names) if other == name]
            rows = np.flatnonzero(wrong[:, of_column].any(axis=1))
            count, first = self._found.get(name, (0, ids[rows[0]]))
            self._found[name] = count + len(rows), first

    def warn(self) -> None:
        for name, (count, first) in self._found.items():
            warn(
                f"column {name!r} holds infinity in {count:,} record{'' if count == 1 else 's'}, the first with id "
                f"{first!r}; as a feature that counts as missing, and missing values become the mean: put a number "
                "there if it means one"
            )


def _odd_one(values: Sequence[Any], width: int, ids: Sequence[str]) -> str:
    """Return ``: record 'id' has value`` for the first value that is not a number or a list of ``width`` numbers."""
    import numpy as np

    for value, name in zip(values, ids, strict=True):
        try:
            fits = value is None or np.asarray(value, dtype=np.float64).size == width
        except (TypeError, ValueError):
            fits = False
        if not fits:
            shown = repr(value.tolist() if hasattr(value, "tolist") else value)
            return f": record {name!r} has {shown if len(shown) <= 60 else shown[:57] + '...'}"
    return ""


def numeric_columns(batch: pa.RecordBatch) -> list[str]:
    import pyarrow as pa

    def numeric(kind: pa.DataType) -> bool:
        if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
            return numeric(kind.value_type)
        return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind))

    columns = Columns(batch)
    return [f.name for f in batch.schema if numeric(f.type) and f.name in columns.names and f.name != columns.roles.id]
