"""Writing any value as text, for fingerprints: functions with what they capture, classes, modules, objects, data."""

from __future__ import annotations

import builtins
import copyreg
import importlib
import importlib.util
import logging
import os
import re
import sys
import threading
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from weaklab.heuristics.data_hashes import ATOMS, CONTAINERS, plain_digest
from weaklab.heuristics.function_source import EVERYTHING, Code, code_of
from weaklab.heuristics.look_cache import looked_at_once
from weaklab.heuristics.object_parts import (
    all_subclasses,
    attributes_of,
    is_class_noise,
    is_enum_noise,
    is_generated,
    is_global,
    is_where_it_says,
    pickles_itself,
    registered_subclasses,
    without_cached,
)
from weaklab.heuristics.origin import OWN, home_by_name, home_of
from weaklab.heuristics.special_values import SPECIAL_TYPES, joined, special_writer

_NOT_DATA = ("__module__", "__qualname__", "__doc__", "__type_params__")
"""Attributes that a wrapper copies from the wrapped function; docstrings are included only if code reads them."""
_MODULE_NOISE = frozenset(("__name__", "__package__", "__spec__", "__loader__", "__builtins__"))
_BUILT_IN = frozenset(vars(builtins))
_CALLS = ("globals", "eval", "exec", "__import__", "import_module", "getsource", "getsourcelines")


@dataclass
class Module:
    """A module of the user that functions use.

    Attributes
    ----------
    module : the module
    names : the names that functions read in it
    imported_late : whether a function imports it only when it is called
    """

    module: types.ModuleType
    names: set[str] = field(default_factory=set)
    imported_late: bool = False


class ValueWriter:
    """Writes values as text, equal values as equal texts, to be hashed.

    A function, class or object is written at its first occurrence, and after that as a number. So cycles are possible.
    """

    def __init__(self, inside: ValueWriter | None = None) -> None:
        self._numbers: dict[int, tuple[int, Any]] = dict(inside._numbers) if inside else {}
        self._path: list[str] = list(inside._path) if inside else []
        self.unseen: dict[str, None] = inside.unseen if inside else {}
        self.modules: dict[str, Module] = inside.modules if inside else {}
        self._docs: dict[int, Any] = inside._docs if inside else {}
        self._reads: dict[str, None] = inside._reads if inside else {}
        self._inside_library: int = inside._inside_library if inside else 0

    def whole(self, value: Any) -> str:
        """Write a value; also docstrings, annotations, order and subclasses of its parts, if its code reads these."""
        text = self.write(value)
        if "subclasses" in self._reads:
            classes = [thing for thing in self._docs.values() if isinstance(thing, type)]
            text += f":subclasses:{joined(self.write(all_subclasses(thing)) for thing in classes)}"
        things = list(self._docs.values())
        if "order" in self._reads:
            text += f":order:{[[*vars(thing)] for thing in things if isinstance(thing, (type, types.ModuleType))]}"
        if "docs" in self._reads:
            text += (
                f":docs:{self.write([(thing.__doc__, getattr(thing, '__annotations__', None)) for thing in things])}"
            )
        return text

    def write(self, value: Any) -> str:
        kind = type(value)
        if kind in ATOMS or kind is range:
            return f"{kind.__name__}:{_shown(value)}"
        if kind in CONTAINERS:
            return self._container(value)
        if kind is types.FunctionType:
            return self._numbered(value, self._function)
        if isinstance(value, type):
            return self._numbered(value, self._class)
        if isinstance(value, types.ModuleType):
            return self._numbered(value, self._module)
        write = SPECIAL_TYPES.get(kind)
        if write is not None:
            return write(self, value)
        return self._numbered(value, self._object)

    def _numbered(self, value: Any, write: Callable[[Any], str]) -> str:
        if id(value) in self._numbers:
            return f"<{self._numbers[id(value)][0]}>"
        self._numbers[id(value)] = (len(self._numbers), value)  # kept alive, so that its id is not reused
        return write(value)

    def under(self, name: str, value: Any) -> str:
        """Write a value that has a name; the name is used in :attr:`unseen` if the value cannot be inspected."""
        self._path.append(name)
        try:
            return self.write(value)
        finally:
            self._path.pop()

    @contextmanager
    def _library(self, home: str) -> Iterator[None]:
        """Context manager inside which locks are ignored, because they belong to a library."""
        self._inside_library += home != OWN
        try:
            yield
        finally:
            self._inside_library -= home != OWN

    def namespace(self, values: Mapping[Any, Any], *, ordered: bool = False) -> str:
        """Write names and their values; their order is ignored unless ``ordered``."""
        names = [name for name in values if name not in _NOT_DATA]
        names = names if ordered else sorted(names, key=str)
        return f"names:{','.join(f'{name!r}={self.under(str(name), values[name])}' for name in names)}"

    def failed(self, error: Exception) -> str:
        """Record that a value could not be inspected."""
        why = (
            "nested too deeply"
            if isinstance(error, RecursionError)
            else f"{type(error).__name__} when it was looked at"
        )
        self.unseen[f"{'.'.join(self._path) or 'a part of it'} ({why})"] = None
        return f"failed:{type(error).__name__}"

    def _hidden(self, value: Any, why: str = "") -> str:
        if (
            self._inside_library
            and type(value).__module__ in ("_thread", "threading")
            and type(value) is not threading.local
        ):
            return f"lock:{type(value).__name__}"  # a lock has no effect on votes
        place = ".".join(part for part in self._path if not part.startswith("__"))
        kind = type(value).__name__
        self.unseen[f"{place or 'a part of it'} ({why or kind})"] = None
        return f"unseen:{kind}"

    # ---- data

    def _container(self, value: Any) -> str:
        plain = looked_at_once("plain", value, plain_digest)
        return f"plain:{type(value).__name__}:{plain}" if plain is not None else self._numbered(value, self._mixed)

    def _mixed(self, value: Any) -> str:
        if isinstance(value, dict):
            items = (f"{self.write(key)}={self.under(str(key)[:20], item)}" for key, item in value.items())
            return f"dict:[{','.join(items)}]"
        if isinstance(value, (set, frozenset)):
            return f"{type(value).__name__}:[{','.join(sorted(ValueWriter(self).write(item) for item in value))}]"
        return f"{type(value).__name__}:[{','.join(map(self.write, value))}]"

    # ---- code

    def _function(self, function: types.FunctionType) -> str:
        home = home_of(function)
        if home != OWN:
            return self._library_function(function, home)
        code = code_of(function)
        self._docs[id(function)] = function
        reads = {"docs": code.reads_docs, "order": code.reads_order, "subclasses": code.reads_subclasses}
        self._reads |= {what: None for what, read in reads.items() if read}
        self._note_module(function.__module__)
        if code.dynamic:
            self._hidden(function, f"{code.dynamic}{'()' if code.dynamic in _CALLS else ''} in {function.__qualname__}")
        captured = self._captured(function, code)
        cells = zip(function.__code__.co_freevars, map(_content_of_cell, function.__closure__ or ()), strict=True)
        inner = self.namespace({name: self._part(name, value, code) for name, value in cells})
        late = [self._late(function, *wanted, code) for wanted in code.imports]
        defaults = self.write(
            (function.__defaults__, function.__kwdefaults__ and sorted(function.__kwdefaults__.items()))
        )
        return f"code:{code.text}:{captured}:{inner}:{defaults}:{joined(late)}:{self.namespace(vars(function))}"

    def _captured(self, function: types.FunctionType, code: Code) -> str:
        space = function.__globals__
        names: Iterable[str] = code.globals
        if code.in_texts:
            texts = [*code.texts, *(text for name in code.globals if isinstance(text := space.get(name), str))]
            words = {word for text in texts for word in re.findall(r"[^\W\d]\w*", text)}
            names = sorted({*names, *(words & space.keys())})
        found = {
            name: self._part(name, space[name], code) for name in names if name in space and name not in _MODULE_NOISE
        }
        return self.namespace(
            found | {name: vars(builtins)[name] for name in names if name not in space and _is_added(name)}
        )

    def _library_function(self, function: types.FunctionType, home: str) -> str:
        """Write a function of a library: its name, and values that it was created with, such as a wrapped function."""
        text = f"library:{home}:{os.path.basename(function.__code__.co_filename)}:{function.__code__.co_qualname}"
        registry = getattr(function, "registry", None)
        if home == "python" and isinstance(registry, types.MappingProxyType):  # functools.singledispatch
            found = sorted(
                f"{self.write(kind)}={self.write(implementation)}" for kind, implementation in registry.items()
            )
            return f"{text}:{joined(found)}"
        cells = dict(zip(function.__code__.co_freevars, map(_content_of_cell, function.__closure__ or ()), strict=True))
        wrapped = {"__wrapped__": function.__wrapped__} if hasattr(function, "__wrapped__") else {}
        with self._library(home):
            return f"{text}:{self.namespace(cells | wrapped)}"

    def _part(self, name: str, value: Any, code: Code, inside: frozenset[int] = frozenset()) -> Any:
        """Return, for a module of the user, only the parts that a function names; all if it may pass the module on."""
        if not isinstance(value, types.ModuleType) or home_of(value) != OWN:
            return value
        if EVERYTHING in code.attributes or name in code.bare or type(value) is not types.ModuleType:
            return value
        if id(value) in inside:
            return "<a module around it>"
        names = [name for name in vars(value) if name in code.attributes or name == "__getattr__"]
        self._note_module(value.__name__, value, names)
        self._docs[id(value)] = value
        return _Parts({name: self._part(name, vars(value)[name], code, inside | {id(value)}) for name in names})

    def _late(self, function: types.FunctionType, level: int, name: str, members: tuple[str, ...], code: Code) -> str:
        """Write a module that a function imports when it is called."""
        package = function.__globals__.get("__package__") or ""
        name = f"{'.' * level}{name}"
        try:
            full = importlib.util.resolve_name(name, package) if level else name
            home = home_by_name(full.partition(".")[0])
            if home != OWN:
                return f"import:{full}:{home}"
            importlib.import_module(full)
            inner = [f"{full}.{member}" for member in members if _is_module(full, member)]
            parts = [self._late_module(dotted, code) for dotted in (*_prefixes(full), *inner)]
        except Exception as error:  # an import may raise anything; then the function will fail as well
            return f"import:{name}:{type(error).__name__}"
        return f"import:{full}:{joined(parts)}"

    def _late_module(self, name: str, code: Code) -> str:
        module = sys.modules[name]
        written = self.under(name, self._part(name if name in code.bare else name.rpartition(".")[2], module, code))
        if name in self.modules:
            self.modules[name].imported_late = True
        return written

    def _note_module(self, name: str | None, module: Any = None, names: Iterable[str] = ()) -> None:
        module = module or sys.modules.get(name or "")
        if name and name != "__main__" and isinstance(module, types.ModuleType) and home_of(module) == OWN:
            self.modules.setdefault(name, Module(module)).names.update(names)

    def _module(self, module: types.ModuleType) -> str:
        home = home_of(module)
        if home != OWN:
            return f"module:{module.__name__}:{home}"
        names = [name for name in vars(module) if not name.startswith("__") or name == "__getattr__"]
        self._note_module(module.__name__, module, names)
        self._docs[id(module)] = module
        kind = "" if type(module) is types.ModuleType else self.write(type(module))
        return f"module:{kind}:{self.namespace({name: vars(module)[name] for name in names})}"

    def _class(self, value: type) -> str:
        home = home_of(value)
        if home != OWN and is_where_it_says(value):
            return f"class:{home}:{value.__module__}.{value.__qualname__}"
        self._note_module(value.__module__)
        self._docs[id(value)] = value
        with self._library(home):
            return self._content_of_class(value)

    def _content_of_class(self, value: type) -> str:
        meta = "" if type(value) is type else self.write(type(value))
        bases = [self.write(base) for base in value.__bases__ if base is not object]
        members = vars(value)
        kept = {name: members[name] for name in members if not is_class_noise(name, members[name])}
        enumerated = members.get("_member_map_")
        if isinstance(enumerated, dict):
            kept = {
                name: member
                for name, member in kept.items()
                if name not in enumerated and not is_enum_noise(name, member)
            }
            kept |= {f"member {name}": member.value for name, member in enumerated.items()}
        generated = sorted(
            name for name, member in members.items() if is_generated(name, member) and name != "__replace__"
        )
        virtual = sorted(ValueWriter(self).write(other) for other in registered_subclasses(value))
        order = [*enumerated] if isinstance(enumerated, dict) else [*members.get("__dataclass_fields__", ())]
        above = f"{meta}:{joined(bases)}"
        return f"class:{value.__qualname__}:{above}:{order}:{generated}:{joined(virtual)}:{self.namespace(kept)}"

    # ---- objects

    def _object(self, value: Any) -> str:
        if isinstance(value, _Parts):
            return self.namespace(value.parts)
        parts = getattr(type(value), "fingerprint_parts", None)
        if callable(parts):
            return f"heuristic:{type(value).__qualname__}:{self.write(parts(value))}"
        if isinstance(value, logging.Logger) and type(value).__module__ == "logging":
            return "logger"
        special = special_writer(value)
        if special is not None:
            return special(self, value)
        kind = self.write(type(value))
        try:
            reducer: Any = copyreg.dispatch_table.get(type(value))
            reduced = value.__reduce_ex__(4) if reducer is None else reducer(value)
        except RecursionError:
            raise
        except Exception:  # pickling may raise anything
            return f"object:{kind}:{self._attributes(value)}"
        home = home_of(type(value))
        if isinstance(reduced, str):
            if home != OWN and not is_global(value, reduced):
                return self._hidden(value)
            return f"global:{kind}:{reduced}:{self.namespace(attributes_of(value)) if home == OWN else ''}"
        with self._library(home):
            return f"object:{kind}:{self._reduced(value, reduced)}:{self._unsaid(value, home)}"

    def _unsaid(self, value: Any, home: str) -> str:
        """Write attributes that an object of the user leaves out of its pickles, as far as they can be inspected."""
        if home != OWN or not any(pickles_itself(base) for base in type(value).__mro__):
            return ""
        noted, self.unseen = self.unseen, {}
        try:
            return self.namespace(attributes_of(value), ordered=True)
        finally:
            self.unseen = noted

    def _attributes(self, value: Any) -> str:
        """Write the attributes of an object that cannot be pickled; this is complete only for classes in Python."""
        if any(home_of(base) != OWN for base in type(value).__mro__ if base is not object):
            return self._hidden(value)
        return self.namespace(attributes_of(value), ordered=True)

    def _reduced(self, value: Any, reduced: Any) -> str:
        parts: list[Any] = [*reduced, None, None, None, None]
        maker, arguments, state, items, pairs = parts[:5]
        if isinstance(value, (set, frozenset)):  # pickles of a subclass list the items in the order of their hashes
            arguments = tuple(frozenset(part) if type(part) is list else part for part in arguments or ())
        if state is None:
            written = self.namespace({})
        elif isinstance(state, dict):
            written = self.namespace(without_cached(value, state), ordered=True)
        elif isinstance(state, tuple) and len(state) == 2 and all(part is None or type(part) is dict for part in state):
            written = self.namespace(without_cached(value, {**(state[0] or {}), **(state[1] or {})}), ordered=True)
        else:
            written = self.write(state)
        listed = None if items is None else list(items)
        paired = None if pairs is None else list(pairs)
        # in this order: a part is written where it is first seen, and is a number from then on
        before = f"{self.write(maker)}:({','.join(map(self.write, arguments or ()))})"
        return f"{before}:{written}:{self.write(listed)}:{self.write(paired)}"


class _Parts:
    """The parts of a module that a function uses by name."""

    def __init__(self, parts: dict[str, Any]) -> None:
        self.parts = parts


def _content_of_cell(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return "<empty>"


def _is_added(name: str) -> bool:
    """Whether a name was added to the built-in names by the user."""
    return name in vars(builtins) and name not in _BUILT_IN


def _shown(value: Any) -> str:
    try:
        return repr(value)
    except ValueError:  # a number with more digits than Python converts to text
        return hex(value)


def _prefixes(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[: n + 1]) for n in range(len(parts))]


def _is_module(package: str, name: str) -> bool:
    """Whether a name that is imported from a package is a submodule; if so, it is imported."""
    if f"{package}.{name}" in sys.modules:
        return True
    module = sys.modules[package]
    if (
        not hasattr(module, "__path__")
        or hasattr(module, name)
        or importlib.util.find_spec(f"{package}.{name}") is None
    ):
        return False
    importlib.import_module(f"{package}.{name}")
    return True
