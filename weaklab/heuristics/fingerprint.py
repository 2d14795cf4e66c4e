"""Fingerprints of functions: equal as long as the code, and everything that it captures, are equal.

They decide whether stored votes can be used again. The same function has the same fingerprint in another process, with
another hash seed and, if its source is available, in another Python version. Pickles and bytecode do not have this
property.

Everything that a function captures is inspected again each time, because lists are edited in place and globals change.
Source is inspected once for each code object. Values that cannot be compared by content, such as an open file, are
listed in :attr:`Inspection.unseen`; stored votes of a function that captures one are not used again.
"""

from __future__ import annotations

import abc
import builtins
import copyreg
import functools
import hashlib
import importlib
import importlib.util
import logging
import os
import pickle
import re
import sys
import threading
import types
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field
from typing import Any

from weaklab.heuristics.data_hashes import ATOMS, CONTAINERS, array_digest, plain_digest
from weaklab.heuristics.function_source import EVERYTHING, Code, code_of, instructions
from weaklab.heuristics.origin import OWN, home_of, home_of_file

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


def look(value: Any) -> Inspection:
    """Inspect a value and everything that it refers to; never raises.

    >>> words = ["prize"]
    >>> before = look(lambda x: x.text in words)
    >>> words.append("winner")
    >>> before.digest == look(lambda x: x.text in words).digest
    False
    """
    return _memo("look", value, _look)  # type: ignore[no-any-return]


def _look(value: Any) -> Inspection:
    writer = _Writer()
    try:
        text = writer.whole(value)
    except RecursionError:
        return _with_room(lambda: _look_deep(value))
    except Exception as error:  # objects of the user may raise anything when they are inspected
        text = writer.failed(error)
    return Inspection(digest(_SCHEME, text), tuple(writer.unseen), writer.modules)


def _look_deep(value: Any) -> Inspection:
    writer = _Writer()
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


_seen: ContextVar[dict[tuple[str, int], tuple[Any, Any]] | None] = ContextVar("_seen", default=None)


def _memo(kind: str, value: Any, make: Callable[[Any], Any]) -> Any:
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


class _Writer:
    """Writes values as text, equal values as equal texts, to be hashed.

    A function, class or object is written at its first occurrence, and after that as a number. So cycles are possible.
    """

    def __init__(self, inside: _Writer | None = None) -> None:
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
            text += f":subclasses:{_joined(self.write(_subclasses(thing)) for thing in classes)}"
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
        write = _WRITERS.get(kind)
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
        plain = _memo("plain", value, plain_digest)
        return f"plain:{type(value).__name__}:{plain}" if plain is not None else self._numbered(value, self._mixed)

    def _mixed(self, value: Any) -> str:
        if isinstance(value, dict):
            items = (f"{self.write(key)}={self.under(str(key)[:20], item)}" for key, item in value.items())
            return f"dict:[{','.join(items)}]"
        if isinstance(value, (set, frozenset)):
            return f"{type(value).__name__}:[{','.join(sorted(_Writer(self).write(item) for item in value))}]"
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
        return f"code:{code.text}:{captured}:{inner}:{defaults}:{_joined(late)}:{self.namespace(vars(function))}"

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
            return f"{text}:{_joined(found)}"
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
            home = _home_by_name(full.partition(".")[0])
            if home != OWN:
                return f"import:{full}:{home}"
            importlib.import_module(full)
            inner = [f"{full}.{member}" for member in members if _is_module(full, member)]
            parts = [self._late_module(dotted, code) for dotted in (*_prefixes(full), *inner)]
        except Exception as error:  # an import may raise anything; then the function will fail as well
            return f"import:{name}:{type(error).__name__}"
        return f"import:{full}:{_joined(parts)}"

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
        if home != OWN and _is_where_it_says(value):
            return f"class:{home}:{value.__module__}.{value.__qualname__}"
        self._note_module(value.__module__)
        self._docs[id(value)] = value
        with self._library(home):
            return self._content_of_class(value)

    def _content_of_class(self, value: type) -> str:
        meta = "" if type(value) is type else self.write(type(value))
        bases = [self.write(base) for base in value.__bases__ if base is not object]
        members = vars(value)
        kept = {name: members[name] for name in members if not _is_class_noise(name, members[name])}
        enumerated = members.get("_member_map_")
        if isinstance(enumerated, dict):
            kept = {
                name: member
                for name, member in kept.items()
                if name not in enumerated and not _is_enum_noise(name, member)
            }
            kept |= {f"member {name}": member.value for name, member in enumerated.items()}
        generated = sorted(
            name for name, member in members.items() if _is_generated(name, member) and name != "__replace__"
        )
        virtual = sorted(_Writer(self).write(other) for other in _registered(value))
        order = [*enumerated] if isinstance(enumerated, dict) else [*members.get("__dataclass_fields__", ())]
        above = f"{meta}:{_joined(bases)}"
        return f"class:{value.__qualname__}:{above}:{order}:{generated}:{_joined(virtual)}:{self.namespace(kept)}"

    # ---- objects

    def _object(self, value: Any) -> str:
        if isinstance(value, _Parts):
            return self.namespace(value.parts)
        parts = getattr(type(value), "fingerprint_parts", None)
        if callable(parts):
            return f"heuristic:{type(value).__qualname__}:{self.write(parts(value))}"
        if isinstance(value, logging.Logger) and type(value).__module__ == "logging":
            return "logger"
        special = _special(value)
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
            if home != OWN and not _is_global(value, reduced):
                return self._hidden(value)
            return f"global:{kind}:{reduced}:{self.namespace(_state(value)) if home == OWN else ''}"
        with self._library(home):
            return f"object:{kind}:{self._reduced(value, reduced)}:{self._unsaid(value, home)}"

    def _unsaid(self, value: Any, home: str) -> str:
        """Write attributes that an object of the user leaves out of its pickles, as far as they can be inspected."""
        if home != OWN or not any(_pickles_itself(base) for base in type(value).__mro__):
            return ""
        noted, self.unseen = self.unseen, {}
        try:
            return self.namespace(_state(value), ordered=True)
        finally:
            self.unseen = noted

    def _attributes(self, value: Any) -> str:
        """Write the attributes of an object that cannot be pickled; this is complete only for classes in Python."""
        if any(home_of(base) != OWN for base in type(value).__mro__ if base is not object):
            return self._hidden(value)
        return self.namespace(_state(value), ordered=True)

    def _reduced(self, value: Any, reduced: Any) -> str:
        parts: list[Any] = [*reduced, None, None, None, None]
        maker, arguments, state, items, pairs = parts[:5]
        if state is None:
            written = self.namespace({})
        elif isinstance(state, dict):
            written = self.namespace(_without_cached(value, state), ordered=True)
        elif isinstance(state, tuple) and len(state) == 2 and all(part is None or type(part) is dict for part in state):
            written = self.namespace(_without_cached(value, {**(state[0] or {}), **(state[1] or {})}), ordered=True)
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


_NOT_DATA = ("__module__", "__qualname__", "__doc__", "__type_params__")
"""Attributes that a wrapper copies from the wrapped function; docstrings are included only if code reads them."""
_MODULE_NOISE = frozenset(("__name__", "__package__", "__spec__", "__loader__", "__builtins__"))
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


def _is_class_noise(name: str, member: Any) -> bool:
    if (
        name in _CLASS_NOISE
        or isinstance(member, _MEMBERS)
        or (name.startswith("__pydantic_") and name != "__pydantic_fields__")
    ):
        return True
    return _is_generated(name, member)


def _is_generated(name: str, member: Any) -> bool:
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


def _is_where_it_says(value: type) -> bool:
    """Whether a class can be found under its name in its module; a class that was made by a call often cannot."""
    if not value.__flags__ & _MADE_WHILE_RUNNING:
        return True
    found: Any = sys.modules.get(value.__module__)
    for name in value.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is value


_MADE_WHILE_RUNNING = 1 << 9
"""Flag of types that are not static C types; Python calls it Py_TPFLAGS_HEAPTYPE."""


def _registered(value: type) -> list[type]:
    """Return the virtual subclasses of an abstract class."""
    dump: Any = getattr(abc, "_get_dump", None)
    if dump is None or "_abc_impl" not in vars(value):
        return []
    held: list[type | None] = [reference() for reference in dump(value)[0]]  # weak references; a class may be gone
    return [found for found in held if found is not None]


def _subclasses(value: type) -> list[Any]:
    direct: list[Any] = type.__subclasses__(value)
    return [[found, _subclasses(found)] for found in direct]


def _pickles_itself(value: type) -> bool:
    return home_of(value) == OWN and not vars(value).keys().isdisjoint(("__getstate__", "__reduce__", "__reduce_ex__"))


def _is_global(value: Any, name: str) -> bool:
    module = sys.modules.get(str(pickle.whichmodule(value, name)))  # type: ignore[attr-defined]  # public, but not in typeshed
    return getattr(module, name, None) is value


def _is_added(name: str) -> bool:
    """Whether a name was added to the built-in names by the user."""
    return name in vars(builtins) and name not in _BUILT_IN


_BUILT_IN = frozenset(vars(builtins))
_CALLS = ("globals", "eval", "exec", "__import__", "import_module", "getsource", "getsourcelines")


def _joined(texts: Iterable[str]) -> str:
    """Join texts in brackets; ``repr`` is not used, because it would escape again and double the size at each level."""
    return f"[{','.join(texts)}]"


def _shown(value: Any) -> str:
    try:
        return repr(value)
    except ValueError:  # a number with more digits than Python converts to text
        return hex(value)


def _is_enum_noise(name: str, member: Any) -> bool:
    if name == "__new__" or (isinstance(member, types.FunctionType) and home_of(member) != OWN):
        return True
    return name.startswith("_") and name.endswith("_") and not name.startswith("__")


def _state(value: Any) -> dict[str, Any]:
    """Return the attributes of an object, including those in slots."""
    found = dict(getattr(value, "__dict__", {}))
    for base in type(value).__mro__:
        slots = vars(base).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if hasattr(value, name) and name not in ("__dict__", "__weakref__"):
                found.setdefault(name, getattr(value, name))
    return _without_cached(value, found)


def _without_cached(value: Any, state: Mapping[Any, Any]) -> dict[Any, Any]:
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


def _home_by_name(top: str) -> str:
    """Return the home of a module without importing it."""
    module = sys.modules.get(top)
    if module is not None:
        return home_of(module)
    spec = importlib.util.find_spec(top)
    if spec is None:
        raise ModuleNotFoundError(top)
    if spec.origin in ("built-in", "frozen"):
        return "python"
    places = list(spec.submodule_search_locations or ())
    file = spec.origin or (f"{places[0]}/__init__.py" if places else "")
    return home_of_file(file) if file else OWN


# ---- special types


def _bound(writer: _Writer, value: Any) -> str:
    owner = value.__self__
    if owner is None or isinstance(owner, types.ModuleType):
        return f"builtin:{home_of(value)}:{value.__module__}.{value.__qualname__}"
    return f"bound:{value.__name__}:{writer.write(owner)}"


def _array(writer: _Writer, value: Any) -> str:
    found = _memo("array", value, array_digest)
    return f"array:{found}" if found is not None else f"array:{value.shape}:{writer.write(value.tolist())}"


def _frame(writer: _Writer, value: Any) -> str:
    columns = [writer.under(str(name), value.iloc[:, place].array) for place, name in enumerate(value.columns)]
    names = f"{writer.write(value.columns)}:{writer.write(value.index)}"
    return f"frame:{names}:{_joined(columns)}:{writer.write(value.attrs)}"


def _series(writer: _Writer, value: Any) -> str:
    attributes = getattr(value, "attrs", None)
    index = writer.write(getattr(value, "index", None))
    name = writer.write(value.name)
    return f"series:{type(value).__name__}:{name}:{index}:{writer.write(value.array)}:{writer.write(attributes)}"


def _values(writer: _Writer, value: Any) -> str:
    return f"values:{type(value).__name__}:{value.dtype!s}:{writer.write(value.to_numpy())}"


def _special(value: Any) -> Callable[[_Writer, Any], str] | None:
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


_WRITERS: dict[type, Callable[[_Writer, Any], str]] = {
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
