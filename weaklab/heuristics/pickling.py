"""Pickling heuristics for other processes: the user's functions and modules are sent by value.

A child process must vote with the code of this process. It must not read files that may have been edited since, and it
cannot import what was defined in a notebook. Therefore functions and classes of the user are sent with their content,
and modules of the user with the names that are read in them. Installed packages are imported by the child process.
"""

from __future__ import annotations

import functools
import io
import sys
import threading
import types
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import cloudpickle

from weaklab.heuristics.origin import OWN, home_of
from weaklab.heuristics.value_writer import Module

if TYPE_CHECKING:
    from weaklab.heuristics.ballot import Heuristic

_CACHED = type(functools.lru_cache(int))
_lock = threading.Lock()


def packed(thing: Any, heuristics: Sequence[Heuristic]) -> bytes:
    """Return a pickle of an object that contains these heuristics.

    Raises
    ------
    Exception
        Any exception of an object that cannot be pickled.
    """
    modules: dict[str, Module] = {}
    for heuristic in heuristics:
        for name, module in heuristic.modules().items():
            held = modules.setdefault(name, Module(module.module, set(), module.imported_late))
            held.names |= module.names
    stream = io.BytesIO()
    with _lock, _by_value(modules):
        _Pickler(stream, modules).dump(thing)
    return stream.getvalue()


def pickling_error(thing: Any, heuristics: Sequence[Heuristic]) -> str | None:
    """Return why a thing that holds these heuristics cannot be sent to another process; None if it can."""
    try:
        packed(thing, heuristics)
    except Exception as error:  # what a closure holds may refuse in any way
        return f"{type(error).__name__}: {error}"
    return None


@contextmanager
def _by_value(modules: Mapping[str, Module]) -> Iterator[None]:
    """Context manager inside which functions and classes of these modules are pickled by value."""
    registered = cloudpickle.list_registry_pickle_by_value()
    new = [
        module.module
        for name, module in modules.items()
        if name not in registered and sys.modules.get(name) is module.module
    ]
    for module in new:
        cloudpickle.register_pickle_by_value(module)
    try:
        yield
    finally:
        for module in new:
            cloudpickle.unregister_pickle_by_value(module)


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]  # cloudpickle has no types
    def __init__(self, stream: Any, modules: Mapping[str, Module]) -> None:
        super().__init__(stream, protocol=5)
        self._modules = modules

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, types.ModuleType):
            used = self._modules.get(obj.__name__)
            if used is not None and used.module is obj:
                held = {name: value for name, value in vars(obj).items() if name in used.names}
                return types.ModuleType, (obj.__name__,), held
        if type(obj) is _CACHED and home_of(obj.__wrapped__) == OWN:
            settings = obj.cache_parameters()
            return _cached, (obj.__wrapped__, settings["maxsize"], settings["typed"])
        return super().reducer_override(obj)


def _cached(function: Any, maxsize: int | None, typed: bool) -> Any:
    """Return a function with an empty ``lru_cache``, when it is unpickled."""
    return functools.lru_cache(maxsize=maxsize, typed=typed)(function)
