"""What checks are written with: lists of checks, and comparisons that say what was expected and what came."""

from __future__ import annotations

import contextlib
import re
import warnings
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np

Check = Callable[..., None]
F = TypeVar("F", bound=Check)


class CheckList(list[Check]):
    """The checks of one kind of part; used as a decorator, it adds a check."""

    def __call__(self, check: F) -> F:
        self.append(check)
        return check

    def run(self, *arguments: Any) -> None:
        """Call every check with the same arguments."""
        for check in self:
            check(*arguments)


def expect(holds: Any, message: str) -> None:
    """Raise an AssertionError with a message unless something holds; unlike ``assert``, also under ``python -O``."""
    if not holds:
        raise AssertionError(message)


def expect_equal(found: Any, expected: Any, what: str) -> None:
    """Expect two arrays or values to be equal."""
    if not np.array_equal(np.asarray(found), np.asarray(expected)):
        raise AssertionError(f"{what}: expected {_shown(expected)}, got {_shown(found)}")


def expect_text(found: object, what: str) -> None:
    """Expect a text that is not empty."""
    expect(isinstance(found, str) and found, f"{what}: expected a text, got {found!r}")


def expect_close(found: Any, expected: Any, what: str, atol: float = 1e-9) -> None:
    """Expect two arrays to have the same shape, and values that differ by at most ``atol``."""
    left, right = np.asarray(found, dtype=float), np.asarray(expected, dtype=float)
    expect(left.shape == right.shape, f"{what}: expected shape {right.shape}, got {left.shape}")
    if not np.allclose(left, right, rtol=0, atol=atol):
        off = float(np.nanmax(np.abs(left - right))) if not np.isnan(left).all() else float("nan")
        raise AssertionError(f"{what}: expected {_shown(right)}, got {_shown(left)}; they differ by up to {off:.3g}")


def expect_probabilities(P: Any, n: int, k: int, what: str) -> None:
    """Expect class probabilities: finite float (n, k), none negative, rows that sum to 1."""
    P = np.asarray(P)
    expect(P.shape == (n, k), f"{what}: expected one row a record and one column a class, {(n, k)}, got {P.shape}")
    bad = np.flatnonzero(~np.isfinite(P).all(axis=1) | (P < 0).any(axis=1))
    expect(not len(bad), f"{what}: expected probabilities, got {_shown(P[bad[:1]])} in row {bad[:1]}")
    expect_close(P.sum(axis=1), np.ones(n), f"{what}: the sums of the rows", 1e-6)


def expect_error(kind: type[BaseException], pattern: str, call: Callable[[], Any], what: str) -> None:
    """Expect a call to raise an error of a kind, with a message that matches a pattern."""
    try:
        call()
    except kind as error:
        message = f"{what}: expected a message with {pattern!r}, got {str(error)!r}"
        expect(re.search(pattern, str(error)), message)
    except Exception as error:
        raise AssertionError(f"{what}: expected {kind.__name__}, got {type(error).__name__}: {error}") from error
    else:
        raise AssertionError(f"{what}: expected {kind.__name__}, got no error")


@contextlib.contextmanager
def expect_warning(pattern: str, what: str) -> Iterator[None]:
    """Expect the block to warn with a message that matches a pattern."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    found = [str(each.message) for each in caught]
    expect(any(re.search(pattern, text) for text in found), f"{what}: expected a warning {pattern!r}, got {found}")


def _shown(value: Any) -> str:
    return np.array2string(np.asarray(value), precision=4, threshold=12, edgeitems=2)
