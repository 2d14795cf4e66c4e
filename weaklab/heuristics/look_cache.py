"""A cache of inspected values, for the time in which the fingerprints of several functions are made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_seen: ContextVar[dict[tuple[str, int], tuple[Any, Any]] | None] = ContextVar("_seen", default=None)


def looked_at_once(kind: str, value: Any, make: Callable[[Any], Any]) -> Any:
    """Return ``make(value)``; inside :func:`one_look` it is computed once per value."""
    held = _seen.get()
    if held is None:
        return make(value)
    key = kind, id(value)
    if key not in held:
        held[key] = value, make(value)
    return held[key][1]


@contextmanager
def one_look() -> Iterator[None]:
    """Context manager inside which each value is inspected only once, for fingerprints of several functions."""
    if _seen.get() is not None:
        yield
        return
    token = _seen.set({})
    try:
        yield
    finally:
        _seen.reset(token)
