"""Fingerprints of functions: equal as long as the code, and everything that it captures, are equal.

They decide whether stored votes can be used again. The same function has the same fingerprint in another process, with
another hash seed and, if its source is available, in another Python version. Pickles and bytecode do not have this
property.

Everything that a function captures is inspected again each time, because lists are edited in place and globals change.
Source is inspected once for each code object. Values that cannot be compared by content, such as an open file, are
listed in :attr:`Inspection.unseen`; stored votes of a function that captures one are not used again.
"""

from __future__ import annotations

import hashlib
import sys
import threading
import uuid
from collections.abc import Callable, Mapping
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Any

from weaklab.heuristics.look_cache import looked_at_once
from weaklab.heuristics.value_writer import Module, ValueWriter

_SCHEME = "3"
"""Version of the fingerprints. Change it when their meaning changes; then all functions vote again."""
_PROCESS = uuid.uuid4().hex


def digest(*parts: str) -> str:
    """Return the hash of some strings as 32 hex digits.

    >>> digest("a", "b") == digest("ab")
    False
    """
    state = hashlib.blake2b(digest_size=16)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        state.update(len(data).to_bytes(8, "little") + data)
    return state.hexdigest()


@dataclass(frozen=True)
class Inspection:
    """The result of inspecting a value: its hash, and what it depends on.

    Attributes
    ----------
    digest : hash of everything that can be compared by content
    unseen : descriptions of the values that cannot be compared by content
    modules : the user's own modules that it uses, see :class:`Module`
    """

    digest: str
    unseen: tuple[str, ...] = ()
    modules: Mapping[str, Module] = field(default_factory=dict)


def look(value: Any) -> Inspection:
    """Inspect a value and everything that it refers to; never raises.

    >>> words = ["prize"]
    >>> before = look(lambda x: x.text in words)
    >>> words.append("winner")
    >>> before.digest == look(lambda x: x.text in words).digest
    False
    """
    return looked_at_once("look", value, _look)  # type: ignore[no-any-return]


def _look(value: Any) -> Inspection:
    writer = ValueWriter()
    try:
        text = writer.whole(value)
    except RecursionError:
        return _with_room(lambda: _look_deep(value))
    except Exception as error:  # objects of the user may raise anything when they are inspected
        text = writer.failed(error)
    return Inspection(digest(_SCHEME, text), tuple(writer.unseen), writer.modules)


def _look_deep(value: Any) -> Inspection:
    writer = ValueWriter()
    try:
        text = writer.whole(value)
    except Exception as error:
        text = writer.failed(error)
    return Inspection(digest(_SCHEME, text), tuple(writer.unseen), writer.modules)


_ROOM = 1 << 28
_DEPTH = 60_000


def _with_room(work: Callable[[], Inspection]) -> Inspection:
    """Call ``work`` in a thread with a large stack, for deep recursion."""
    found: list[Inspection] = []
    context = copy_context()
    limit, size = sys.getrecursionlimit(), threading.stack_size(_ROOM)
    try:
        sys.setrecursionlimit(max(limit, _DEPTH))
        thread = threading.Thread(target=lambda: found.append(context.run(work)))
        thread.start()
        thread.join()
    finally:
        sys.setrecursionlimit(limit)
        threading.stack_size(size)
    return found[0]


def of_function(function: Any, version: str | None = None) -> str:
    """Return the fingerprint of a function: source without decorators, docstring and comments, and what it captures.

    Parameters
    ----------
    function : callable
    version : str, optional
        Change it when something changes that cannot be inspected, such as a file that the function reads.
    """
    return digest("function", look(function).digest, version or "")


def of_value(value: Any) -> str:
    """Return the fingerprint of any value; if it cannot be compared by content, it is different in each process."""
    found = look(value)
    return digest("value", found.digest, _PROCESS if found.unseen else "")


def once(text: str) -> str:
    """Return a hash of a text that is different in each process."""
    return digest(_PROCESS, text)
