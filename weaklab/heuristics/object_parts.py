"""Which parts of a class or an object decide what it does: its attributes, without what Python adds to them."""

from __future__ import annotations

import abc
import functools
import pickle
import sys
import types
from collections.abc import Mapping
from typing import Any

from weaklab.heuristics.origin import OWN, home_of

_CLASS_NOISE = frozenset(
    (
        "__dict__",
        "__slotnames__",
        "__weakref__",
        "__doc__",
        "__module__",
        "__qualname__",
        "__firstlineno__",
        "__static_attributes__",
        "__abstractmethods__",
        "_abc_impl",
        "__dataclass_params__",
        "__orig_bases__",
        "__parameters__",
        "__annotate__",
        "__annotate_func__",
        "__annotations_cache__",
        "_is_protocol",
        "__protocol_attrs__",
        "__non_callable_proto_members__",
    )
)
_MEMBERS = (types.MemberDescriptorType, types.GetSetDescriptorType)
_MADE_WHILE_RUNNING = 1 << 9
"""Flag of types that are not static C types; Python calls it Py_TPFLAGS_HEAPTYPE."""


def is_class_noise(name: str, member: Any) -> bool:
    """Whether an attribute of a class is one that Python or a library adds, and that does not change what it does."""
    if (
        name in _CLASS_NOISE
        or isinstance(member, _MEMBERS)
        or (name.startswith("__pydantic_") and name != "__pydantic_fields__")
    ):
        return True
    return is_generated(name, member)


def is_generated(name: str, member: Any) -> bool:
    """Whether a method was generated, such as those of a dataclass; then only its presence is written.

    What it was generated from, such as the fields, is written anyway.
    """
    function = getattr(member, "__func__", member)
    function = getattr(function, "__wrapped__", function) if name == "__repr__" else function
    if not isinstance(function, types.FunctionType):
        return False
    return function.__code__.co_qualname.startswith("__create_fn__") or function.__code__.co_filename.startswith(
        "<attrs generated"
    )


def is_where_it_says(value: type) -> bool:
    """Whether a class can be found under its name in its module; a class that was made by a call often cannot."""
    if not value.__flags__ & _MADE_WHILE_RUNNING:
        return True
    found: Any = sys.modules.get(value.__module__)
    for name in value.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is value


def registered_subclasses(value: type) -> list[type]:
    """Return the virtual subclasses of an abstract class."""
    dump: Any = getattr(abc, "_get_dump", None)
    if dump is None or "_abc_impl" not in vars(value):
        return []
    held: list[type | None] = [reference() for reference in dump(value)[0]]  # weak references; a class may be gone
    return [found for found in held if found is not None]


def all_subclasses(value: type) -> list[Any]:
    """Return the subclasses of a class, each with its own subclasses."""
    direct: list[Any] = type.__subclasses__(value)
    return [[found, all_subclasses(found)] for found in direct]


def pickles_itself(value: type) -> bool:
    """Whether a class of the user decides what its pickles hold."""
    return home_of(value) == OWN and not vars(value).keys().isdisjoint(("__getstate__", "__reduce__", "__reduce_ex__"))


def is_global(value: Any, name: str) -> bool:
    """Whether an object is what its module holds under a name."""
    module = sys.modules.get(str(pickle.whichmodule(value, name)))  # type: ignore[attr-defined]  # public, but not in typeshed
    return getattr(module, name, None) is value


def is_enum_noise(name: str, member: Any) -> bool:
    """Whether an attribute of an enumeration is one that :mod:`enum` adds."""
    if name == "__new__" or (isinstance(member, types.FunctionType) and home_of(member) != OWN):
        return True
    return name.startswith("_") and name.endswith("_") and not name.startswith("__")


def attributes_of(value: Any) -> dict[str, Any]:
    """Return the attributes of an object, including those in slots."""
    found = dict(getattr(value, "__dict__", {}))
    for base in type(value).__mro__:
        slots = vars(base).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if hasattr(value, name) and name not in ("__dict__", "__weakref__"):
                found.setdefault(name, getattr(value, name))
    return without_cached(value, found)


def without_cached(value: Any, state: Mapping[Any, Any]) -> dict[Any, Any]:
    """Leave out cached attributes that are computed from others, and the creation time that gensim stores."""
    noise = ("lifecycle_events",) if type(value).__module__.partition(".")[0] == "gensim" else ()
    return {
        name: item
        for name, item in state.items()
        if not (
            isinstance(name, str)
            and (name in noise or isinstance(getattr(type(value), name, None), functools.cached_property))
        )
    }
