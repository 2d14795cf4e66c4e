"""How heuristics get to other processes: by value, with the user's own modules as they are here.

A child process must vote by what stands in this process. It must not read files that may have been edited since, and it
cannot import what a notebook defined. So functions and classes of the user travel with their content; of a module that
they use, only the names that they read. What is installed is imported there.
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

from weaklab.heuristics.fingerprint import Module
from weaklab.heuristics.origin import OWN, home_of

if TYPE_CHECKING:
    from weaklab.heuristics.ballot import Heuristic

_CACHED = type(functools.lru_cache(int))
_lock = threading.Lock()


def packed(thing: Any, heuristics: Sequence[Heuristic]) -> bytes:
    """Return a pickle of a thing that holds these heuristics.

    Raises
    ------
    Exception
        Whatever an object raises that refuses to be pickled.
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


@contextmanager
def _by_value(modules: Mapping[str, Module]) -> Iterator[None]:
    """Let functions and classes of these modules travel with their content."""
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
    """Cache a function that arrived, with nothing in the cache."""
    return functools.lru_cache(maxsize=maxsize, typed=typed)(function)
