"""Label matrices and manual labels: checked, and converted to integer codes."""

from __future__ import annotations

import weakref
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from weaklab.core.errors import WeaklabError
from weaklab.core.labels import ABSTAIN, MAX_CLASSES

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def check_classes(n_classes: object) -> int | None:
    """Return the number of classes as an int, None for None, or raise a WeaklabError if votes cannot hold so many.

    >>> check_classes(np.int64(3)), check_classes(None)
    (3, None)
    """
    if n_classes is None:
        return None
    if isinstance(n_classes, bool) or not isinstance(n_classes, Integral) or not 2 <= int(n_classes) <= MAX_CLASSES:
        raise WeaklabError(
            f"n_classes must be a whole number from 2 to {MAX_CLASSES}, which is all that the bytes of a label matrix "
            "can tell apart, "
            f"got {n_classes!r}; put rare classes together, or label in two steps"
        )
    return int(n_classes)


def check_votes(L: ArrayLike, n_classes: int | None = None) -> NDArray[np.int8]:
    """Return a label matrix as int8 (n, m), itself where it is int8 already, or raise a WeaklabError that names the
    first wrong vote.

    Parameters
    ----------
    L : (n, m) whole numbers of any type, -1 abstains; lists, arrays and frames
    n_classes : k; without it, the highest code is 126

    Examples
    --------
    >>> check_votes([[0.0, -1.0]]).tolist()
    [[0, -1]]
    >>> check_votes([[0, 200]])
    Traceback (most recent call last):
        ...
    weaklab.core.errors.WeaklabError: L[0, 1] is 200, which is no label; wanted -1 (abstain) to 126: a label matrix
    holds at most 127 classes
    """
    votes = _whole_numbers(L, "L", "abstains")
    if votes.ndim != 2:
        raise WeaklabError(f"L must be a matrix of shape (records, heuristics), got shape {votes.shape}")
    _check_codes(votes, "L", "abstain", check_classes(n_classes))
    return votes if votes.dtype == np.int8 else votes.astype(np.int8)


def check_labels(y: ArrayLike, n: int, n_classes: int | None = None) -> NDArray[np.int64]:
    """Return manual labels as int (n,), or raise a WeaklabError that names the first wrong one; -1 is unlabeled."""
    codes = _whole_numbers(y, "y", "is unlabeled")
    if codes.shape != (n,):
        raise WeaklabError(f"y must hold one code a record, {n} in all, got shape {codes.shape}")
    k = check_classes(n_classes)
    _check_codes(codes, "y", "unlabeled", k, codes[labeled_rows(codes)])
    return np.asarray(codes, dtype=np.int64)


_LABELED: list[tuple[Any, NDArray[np.int64]]] = []
"""The labels that were looked at last, by a weak reference, and which rows have one: a training asks several times."""


def labeled_rows(y: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """Return the rows with a manual label, ascending: int (r,).

    What is found for an array that nobody can write to is kept.

    >>> labeled_rows(np.array([-1, 0, -1, 1])).tolist()
    [1, 3]
    """
    for seen, found in _LABELED[:]:
        if seen() is y:
            return found
    rows = np.flatnonzero(y != ABSTAIN)
    if y.base is None and not y.flags.writeable:
        rows.flags.writeable = False
        _LABELED[:] = [(weakref.ref(y), rows)]
    return rows


def number_of_classes(L: NDArray[np.int8], y: NDArray[np.int64]) -> int:
    """Return one more than the highest code of votes and manual labels, at least 2.

    >>> number_of_classes(np.array([[0, -1]], dtype=np.int8), np.array([2]))
    3
    """
    return max(2, 1 + max(int(L.max(initial=ABSTAIN)), int(y.max(initial=ABSTAIN))))


def _check_codes(codes: NDArray[Any], name: str, none: str, k: int | None, given: NDArray[Any] | None = None) -> None:
    """Raise a WeaklabError for the first wrong code; ``given`` holds those that may be wrong, by default all."""
    top = (k or MAX_CLASSES) - 1
    given = codes if given is None else given
    if given.size and (given.min() < ABSTAIN or given.max() > top):
        place = tuple(np.argwhere((codes < ABSTAIN) | (codes > top))[0].tolist())
        limit = f"n_classes is {k}" if k else f"a label matrix holds at most {MAX_CLASSES} classes"
        raise WeaklabError(
            f"{name}{list(place)} is {codes[place]}, which is no label; wanted {ABSTAIN} ({none}) to {top}: {limit}"
        )


def _whole_numbers(values: Any, name: str, none: str) -> NDArray[Any]:
    """Return an array of whole numbers, or raise a WeaklabError that names the first value that is none.

    Floats that are whole are taken: a frame with a gap makes them of all its codes. Gaps themselves are refused,
    because a record that nobody looked at, a heuristic that failed and one that abstains are not the same.
    """
    wanted = f"wanted integer codes, {ABSTAIN} {none}"
    if hasattr(values, "tocsr"):
        raise WeaklabError(
            f"{name} is a sparse matrix, in which class 0 and no entry look alike; {wanted}: pass {name}.toarray()"
        )
    if isinstance(values, np.ma.MaskedArray):
        raise WeaklabError(f"{name} is a masked array; {wanted}: pass {name}.filled({ABSTAIN})")
    try:
        given = np.asarray(values)
    except ValueError:
        raise WeaklabError(
            f"the rows of {name} differ in length; wanted a matrix of shape (records, heuristics)"
        ) from None
    if given.dtype.kind in "iu":
        return given
    if given.dtype.kind == "O":
        given = _of_objects(given, name, wanted)
    if given.size and given.dtype.kind != "f":
        raise WeaklabError(f"{name} holds {given.dtype} values such as {given.ravel()[0].item()!r}; {wanted}")
    if given.dtype.kind == "f" and not np.array_equal(given, np.round(given)):
        _raise_first(given, ~np.isfinite(given) | (given != np.round(given)), name, wanted)
    if np.isinf(given).any():
        _raise_first(given, np.isinf(given), name, wanted)
    return given


def _of_objects(given: NDArray[Any], name: str, wanted: str) -> NDArray[Any]:
    """Return numbers kept as Python objects, as of frames with gaps or of several types, as an array of numbers."""
    flat = given.ravel()
    wrong = np.array([isinstance(v, (bool, np.bool_)) or not isinstance(v, Real) for v in flat], dtype=bool)
    if wrong.any():
        _raise_first(given, wrong.reshape(given.shape), name, wanted)
    return np.array([float(v) for v in flat]).reshape(given.shape)


def _raise_first(given: NDArray[Any], wrong: NDArray[np.bool_], name: str, wanted: str) -> NoReturn:
    place = tuple(np.argwhere(wrong)[0].tolist())
    value = given[place]
    raise WeaklabError(
        f"{name}{list(place)} is {value.item() if hasattr(value, 'item') else value!r}, which is no code; {wanted}"
    )
