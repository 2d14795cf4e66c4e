"""Writing values of special types as text, for fingerprints: arrays, tables, tensors, and wrappers of functions."""

from __future__ import annotations

import functools
import re
import types
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from weaklab.heuristics.data_hashes import array_digest
from weaklab.heuristics.function_source import instructions
from weaklab.heuristics.look_cache import looked_at_once
from weaklab.heuristics.origin import OWN, home_of


class Writer(Protocol):
    """What writes the parts of a value: :class:`weaklab.heuristics.value_writer.ValueWriter`."""

    def write(self, value: Any) -> str: ...
    def under(self, name: str, value: Any) -> str: ...
    def namespace(self, values: Mapping[Any, Any]) -> str: ...


def joined(texts: Iterable[str]) -> str:
    """Join texts in brackets; ``repr`` is not used, because it would escape again and double the size at each level."""
    return f"[{','.join(texts)}]"


def _bound(writer: Writer, value: Any) -> str:
    owner = value.__self__
    if owner is None or isinstance(owner, types.ModuleType):
        return f"builtin:{home_of(value)}:{value.__module__}.{value.__qualname__}"
    return f"bound:{value.__name__}:{writer.write(owner)}"


def _array(writer: Writer, value: Any) -> str:
    found = looked_at_once("array", value, array_digest)
    return f"array:{found}" if found is not None else f"array:{value.shape}:{writer.write(value.tolist())}"


def _frame(writer: Writer, value: Any) -> str:
    columns = [writer.under(str(name), value.iloc[:, place].array) for place, name in enumerate(value.columns)]
    names = f"{writer.write(value.columns)}:{writer.write(value.index)}"
    return f"frame:{names}:{joined(columns)}:{writer.write(value.attrs)}"


def _series(writer: Writer, value: Any) -> str:
    attributes = getattr(value, "attrs", None)
    index = writer.write(getattr(value, "index", None))
    name = writer.write(value.name)
    return f"series:{type(value).__name__}:{name}:{index}:{writer.write(value.array)}:{writer.write(attributes)}"


def _values(writer: Writer, value: Any) -> str:
    return f"values:{type(value).__name__}:{value.dtype!s}:{writer.write(value.to_numpy())}"


def special_writer(value: Any) -> Callable[[Writer, Any], str] | None:
    """Return the function that writes an array, a table or a tensor; None for other values."""
    if home_of(type(value)) == OWN:
        return None
    root, name = type(value).__module__.partition(".")[0], type(value).__name__
    if root == "numpy" and name in ("ndarray", "memmap"):
        return _array
    if root == "pandas":
        kinds = {base.__name__ for base in type(value).__mro__}
        if "DataFrame" in kinds:
            return _frame
        if kinds & {"Series", "RangeIndex", "Index"} and "MultiIndex" not in kinds and hasattr(value, "array"):
            return _series
        if name in ("NumpyExtensionArray", "PandasArray"):
            return _values
    if root == "numba" and hasattr(value, "py_func"):  # its pickle contains a random name
        return lambda writer, compiled: (
            f"numba:{writer.write(compiled.py_func)}:{writer.write(dict(compiled.targetoptions))}"
        )
    if root == "torch" and hasattr(value, "detach") and hasattr(value, "cpu"):
        return lambda writer, tensor: f"tensor:{tensor.dtype}:{writer.write(tensor.detach().cpu().numpy())}"
    return None


SPECIAL_TYPES: dict[type, Callable[[Writer, Any], str]] = {
    types.MethodType: lambda w, v: f"method:{w.write(v.__func__)}:{w.write(v.__self__)}",
    types.BuiltinFunctionType: _bound,
    types.MethodWrapperType: _bound,
    functools.partial: lambda w, v: (
        f"partial:{w.write(v.func)}:{w.write(v.args)}:{w.write(v.keywords)}:{w.namespace(vars(v))}"
    ),
    functools.partialmethod: lambda w, v: f"partial:{w.write(v.func)}:{w.write(v.args)}:{w.write(v.keywords)}",
    functools.cached_property: lambda w, v: f"cached:{w.write(v.func)}",
    functools.singledispatchmethod: lambda w, v: f"dispatch:{w.write(v.dispatcher)}:{w.write(v.func)}",
    type(functools.lru_cache(int)): lambda w, v: f"cache:{w.write(v.cache_parameters())}:{w.write(v.__wrapped__)}",
    staticmethod: lambda w, v: f"static:{w.write(v.__func__)}",
    classmethod: lambda w, v: f"classmethod:{w.write(v.__func__)}",
    property: lambda w, v: f"property:{w.write(v.fget)}:{w.write(v.fset)}:{w.write(v.fdel)}",
    re.Pattern: lambda w, v: f"regex:{v.pattern!r}:{v.flags}",
    types.MappingProxyType: lambda w, v: f"proxy:{w.write(dict(v))}",
    types.CodeType: lambda w, v: f"bytecode:{instructions(v)}",
    memoryview: lambda w, v: f"memory:{v.format}:{v.shape}:{w.write(v.tobytes())}",
}
"""Type -> the function that writes its values."""
