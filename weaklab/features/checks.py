"""Checks of feature matrices: they must contain finite numbers that are not too large."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from weaklab.core.errors import WeaklabError

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from weaklab.features.base import Matrix

LARGEST = 1e18
"""Largest allowed number: the square of a larger one overflows float32, in which lengths and distances are computed."""


def feature_matrix(X: Any, name: str = "X", record: Callable[[int], str] = "row {}".format) -> Matrix:
    """Return features as a float32 or float64 matrix: sparse input as CSR, dense input dense.

    float16 becomes float32, because its 11 bits are too few for sums. Integers and booleans become float64.

    Parameters
    ----------
    X : (n, d) numbers: array, list of lists, frame or sparse matrix
    name : name of the matrix for messages
    record : function from a row number to the name of a record for messages

    Raises
    ------
    WeaklabError
        It is not a matrix of numbers, or a value is missing (NaN), infinite or beyond 1e18; the message names the
        first one.

    Examples
    --------
    >>> import numpy as np
    >>> feature_matrix(np.ones((1, 2), dtype=np.float16)).dtype
    dtype('float32')
    >>> feature_matrix([[1.0, float("inf")]])
    Traceback (most recent call last):
        ...
    weaklab.core.errors.WeaklabError: X holds 1 value that is missing or infinite, the first in row 0, column 1: inf;
    ...
    """
    import numpy as np
    from scipy import sparse

    columns = [str(column) for column in X.columns] if hasattr(X, "columns") else None
    if sparse.issparse(X):
        values = _numbers(X.data, X, name) if X.ndim == 2 else X.data
        whole = X.tocsr() if values is X.data else X.astype(values.dtype).tocsr()
    else:
        whole = values = _numbers(_array(X, name), X, name)
    if whole.ndim != 2:
        raise WeaklabError(f"{name} must be a matrix of shape (records, features), got shape {whole.shape}")
    held = whole.data if sparse.issparse(whole) else whole
    if not _in_range(held):
        wrong = ~np.isfinite(held)
        what = "missing or infinite" if wrong.any() else f"beyond {LARGEST:g}"
        wrong = wrong if wrong.any() else np.abs(held) > LARGEST
        row, column = _place(whole, wrong)
        named = f"column {column}" if columns is None else f"column {columns[column]!r}"
        count = int(np.count_nonzero(wrong))
        raise WeaklabError(
            f"{name} holds {count} value{'' if count == 1 else 's'} that {'is' if count == 1 else 'are'} {what}, "
            f"the first in {record(row)}, {named}: {whole[row, column]:g}; "
            + ("fill them first, with the column's mean for example" if "missing" in what else "scale the column first")
        )
    return whole


def _array(X: Any, name: str) -> NDArray[Any]:
    import numpy as np

    if isinstance(X, np.ma.MaskedArray):
        raise WeaklabError(
            f"{name} is a masked array; fill what is masked first, with the column's mean for example: "
            f"{name}.filled(...)"
        )
    try:
        return np.asarray(X)
    except (TypeError, ValueError):
        raise WeaklabError(
            f"{name} must hold numbers, shape (records, features), got {type(X).__name__} of rows of several lengths"
        ) from None


def _numbers(values: NDArray[Any], X: Any, name: str) -> NDArray[Any]:
    """Return numbers as float32 or float64; raise for others, such as text, dates and complex numbers."""
    import numpy as np

    if values.dtype in (np.float32, np.float64):
        return values
    if values.dtype == np.float16:
        return values.astype(np.float32)
    if values.dtype.kind in "biuf":
        return values.astype(np.float64)
    wrong: Any = None
    if values.dtype.kind == "O":
        wrong = next((value for value in values.ravel() if isinstance(value, (str, bytes, complex))), None)
        if wrong is None:
            try:
                return np.array(
                    [np.nan if value is None or str(value) == "<NA>" else float(value) for value in values.ravel()]
                ).reshape(values.shape)
            except (TypeError, ValueError):
                wrong = next(value for value in values.ravel() if not hasattr(value, "__float__"))
    elif values.size == 0 and values.dtype.kind in "US":
        wrong = ""
    else:
        wrong = values.ravel()[0] if values.size else values.dtype
    raise WeaklabError(
        f"{name} must hold numbers, shape (records, features), got {type(X).__name__} of {values.dtype} with "
        f"{str(wrong)[:40]!r}; turn text, dates and categories into numbers first"
    )


def _in_range(values: NDArray[Any]) -> bool:
    """Whether all numbers are finite and not too large; comparisons with NaN are false."""
    return not values.size or bool(values.max() <= LARGEST and values.min() >= -LARGEST)


def _place(X: Matrix, wrong: NDArray[np.bool_]) -> tuple[int, int]:
    """Return row and column of the first wrong number; for a sparse matrix, ``wrong`` is a mask of its ``data``."""
    import numpy as np
    from scipy import sparse

    if not sparse.issparse(X):
        row, column = np.argwhere(wrong)[0].tolist()
        return row, column
    at = int(np.flatnonzero(wrong)[0])
    return int(np.searchsorted(X.indptr, at, side="right")) - 1, int(X.indices[at])
