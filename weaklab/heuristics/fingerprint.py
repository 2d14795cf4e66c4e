"""Fingerprints of functions: equal as long as the code and all that it captures are equal.

The same function has the same fingerprint in another process, under another hash seed and in another Python version,
so that votes can be kept from one day to the next. Pickles and bytecode do not have that property.
"""

from __future__ import annotations

import ast
import dis
import functools
import hashlib
import inspect
import re
import sys
import textwrap
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any

_MAX_DEPTH = 60
"""What is nested deeper does not count; it stops at a value that makes new values of itself for ever."""


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


def of_function(function: Any, version: str | None = None) -> str:
    """Return the fingerprint of a function: its source without decorators, docstring and comments, and what it captures.

    Parameters
    ----------
    function : callable
    version : str, optional
        Name a new version by hand when something changes that cannot be seen from here, such as a file it reads.
    """
    return digest("function", _Writer().write(function), version or "")


def of_value(value: Any) -> str:
    """Return the fingerprint of any value."""
    return digest("value", _Writer().write(value))


class _Writer:
    """Writes values so that equal ones read equal; a function, class or object is written once, then called by its number."""

    def __init__(self, inside: _Writer | None = None) -> None:
        self._open: list[int] = inside._open if inside else []
        self._numbers: dict[int, tuple[int, Any]] = dict(inside._numbers) if inside else {}

    def write(self, value: Any) -> str:
        if value is None or type(value) in (bool, int, float, complex, str, bytes, range):
            return f"{type(value).__name__}:{value!r}"
        if id(value) in self._open:
            return "<cycle>"
        if len(self._open) > _MAX_DEPTH:
            return "<deep>"
        self._open.append(id(value))
        try:
            return self._compound(value)
        finally:
            self._open.pop()

    def _compound(self, value: Any) -> str:
        if isinstance(value, types.FunctionType):
            return self._numbered(value, self._function)
        if isinstance(value, type):
            return self._numbered(value, self._class)
        if isinstance(value, types.ModuleType):
            return f"module:{value.__name__}:{getattr(value, '__version__', '')}"
        if isinstance(value, types.MethodType):
            return f"method:{self.write(value.__func__)}:{self.write(value.__self__)}"
        if isinstance(value, types.BuiltinFunctionType):
            return f"builtin:{value.__module__}.{value.__qualname__}"
        if isinstance(value, functools.partial):
            return f"partial:{self.write((value.func, value.args, value.keywords))}"
        if isinstance(value, re.Pattern):
            return f"regex:{value.pattern!r}:{value.flags}"
        if isinstance(value, (list, tuple)):
            return f"{type(value).__name__}:[{','.join(self.write(item) for item in value)}]"
        if isinstance(value, (set, frozenset)):
            return f"set:[{','.join(sorted(_Writer(self).write(item) for item in value))}]"
        if isinstance(value, Mapping):
            items = sorted(((_Writer(self).write(key), item) for key, item in value.items()), key=lambda pair: pair[0])
            return f"map:[{','.join(f'{key}={self.write(item)}' for key, item in items)}]"
        if hasattr(value, "tobytes") and hasattr(value, "shape"):
            return self._array(value)
        if callable(wrapped := getattr(value, "__wrapped__", None)):
            return f"wrapper:{self.write(wrapped)}"
        return self._numbered(value, self._object)

    def _numbered(self, value: Any, write: Callable[[Any], str]) -> str:
        if id(value) in self._numbers:
            return f"<{self._numbers[id(value)][0]}>"
        self._numbers[id(value)] = (len(self._numbers), value)  # kept, so that nothing else gets its id
        return write(value)

    def _function(self, function: types.FunctionType) -> str:
        if not _is_local(function):
            wrapped = getattr(function, "__wrapped__", None)  # a library's wrapper bears the name of what it wraps
            return f"library:{function.__module__}.{function.__qualname__}" if wrapped is None else f"wrapper:{self.write(wrapped)}"
        used = set(_names(function.__code__))
        captured = {name: _part(function.__globals__[name], used) for name in used if name in function.__globals__}
        cells = {name: _cell(cell) for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)}
        return f"code:{_source(function)}:{self.write((captured, cells, function.__defaults__, function.__kwdefaults__))}"

    def _class(self, value: type) -> str:
        if not _is_local(value):
            return f"class:{value.__module__}.{value.__qualname__}"
        bases = [base for base in value.__bases__ if base is not object]
        return f"class:{value.__qualname__}:{_source(value)}:{self.write((bases, _methods(value), _attributes(value)))}"

    def _array(self, value: Any) -> str:
        kind = getattr(value, "dtype", "")
        if getattr(kind, "hasobject", False):  # its bytes are addresses
            return f"array:{value.shape}:{self.write(value.tolist())}"
        return f"array:{value.shape}:{kind}:{hashlib.blake2b(value.tobytes()).hexdigest()}"

    def _object(self, value: Any) -> str:
        kind = self.write(type(value))
        state = getattr(value, "__dict__", None)
        if state:
            return f"object:{kind}:{self.write(state)}"
        try:
            reduced = value.__reduce_ex__(4)
        except Exception:  # what cannot be pickled may say so in any way
            shown = repr(value)
            return f"object:{kind}:{'' if ' at 0x' in shown else shown}"
        parts = reduced if isinstance(reduced, str) else [list(part) if isinstance(part, Iterator) else part for part in reduced[1:]]
        return f"object:{kind}:{self.write(parts)}"


def _part(value: Any, used: set[str]) -> Any:
    """Return, in the place of a module of the user's own, the parts of it that a function names."""
    if not isinstance(value, types.ModuleType) or not _is_local(value):
        return value
    return {name: _part(part, used - {name}) for name, part in vars(value).items() if name in used}


def _cell(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return "<empty>"


def _methods(value: type) -> dict[str, Any]:
    """Return the functions written in a class, for the sake of what they capture."""
    found = {name: getattr(member, "__func__", getattr(member, "fget", member)) for name, member in vars(value).items()}
    return {name: f for name, f in found.items() if isinstance(f, types.FunctionType) and not f.__code__.co_filename.startswith("<")}


def _attributes(value: type) -> dict[str, Any]:
    """Return the plain values that a class holds."""
    plain = (bool, int, float, complex, str, bytes, list, tuple, set, frozenset, dict)
    return {name: member for name, member in vars(value).items() if type(member) in plain and not name.startswith("_")}


def _is_local(thing: Any) -> bool:
    """Tell the user's own code, whose source counts, from an installed library's, whose name is enough."""
    module = (thing.__name__ if isinstance(thing, types.ModuleType) else getattr(thing, "__module__", None)) or ""
    if module.split(".")[0] in ("weaklab", *sys.stdlib_module_names) and module != "__main__":
        return False
    try:
        file = inspect.getsourcefile(thing.__code__ if isinstance(thing, types.FunctionType) else thing) or ""
    except TypeError:
        return True
    return not any(part in file for part in ("site-packages", "dist-packages", "/lib/python3", "\\Lib\\"))


def _names(code: types.CodeType) -> Iterator[str]:
    """Yield the names that code looks up outside itself: globals, and attributes, which may be parts of a module."""
    for instruction in dis.get_instructions(code):
        if instruction.opname.startswith(("LOAD_GLOBAL", "LOAD_NAME", "LOAD_ATTR", "LOAD_METHOD", "IMPORT_FROM")):
            yield str(instruction.argval)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)


_SHARED_NAMES = ("<string>", "<stdin>")
"""File names that any code from a string has; since Python 3.13 the source of ``python -c`` is found under the first."""


def _source(thing: Any) -> str:
    """Return the normalised source of a function or class, or its bytecode where there is no source."""
    code = getattr(thing, "__code__", None)
    try:
        if code is not None and code.co_filename in _SHARED_NAMES:
            raise OSError("source of another piece of code may stand under this name")
        tree: ast.AST = ast.parse(textwrap.dedent(inspect.getsource(code or thing)))
    except (OSError, TypeError, SyntaxError, ValueError):
        return f"{code.co_code.hex()}:{_constants(code)}:{code.co_names}" if code else repr(thing)
    if code is not None and code.co_name == "<lambda>":
        tree = _own_lambda(tree, code)
    return ast.unparse(_Plain().visit(tree))


class _Plain(ast.NodeTransformer):
    """Takes out what does not change what a function does: decorators, docstrings, and annotations in functions."""

    def visit_FunctionDef(self, node: Any) -> Any:
        _undress(node)
        node.returns = None
        return self.generic_visit(node)

    def visit_AsyncFunctionDef(self, node: Any) -> Any:
        return self.visit_FunctionDef(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> Any:
        _undress(node)
        node.body = [statement if isinstance(statement, ast.AnnAssign) else self.visit(statement) for statement in node.body]
        return node

    def visit_arg(self, node: ast.arg) -> Any:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        bare = node.value is None
        return ast.Pass() if bare else ast.copy_location(ast.Assign([node.target], self.visit(node.value)), node)  # type: ignore[arg-type]


def _undress(node: Any) -> None:
    node.decorator_list = []
    if ast.get_docstring(node, clean=False) is not None:
        node.body = node.body[1:] or [ast.Pass()]


def _own_lambda(tree: ast.AST, code: types.CodeType) -> ast.AST:
    """Find the lambda itself on a line that may hold several, by the columns of its instructions."""
    try:
        lines, _ = inspect.findsource(code)
        whole: ast.AST = ast.parse("".join(lines))
    except (OSError, SyntaxError, ValueError):
        whole = tree
    spans = [span for span in code.co_positions() if None not in span and span[2:] != (0, 0)]
    found = [node for node in ast.walk(whole) if isinstance(node, ast.Lambda)]
    holding = [node for node in found if spans and all(_holds(node.body, span) for span in spans)]
    if holding:
        return min(holding, key=lambda node: (len(ast.unparse(node)), node.lineno, node.col_offset))
    return next((node for node in ast.walk(tree) if isinstance(node, ast.Lambda)), tree)


def _holds(node: ast.expr, span: Any) -> bool:
    start_line, end_line, start, end = span
    return (node.lineno, node.col_offset) <= (start_line, start) and (end_line, end) <= (node.end_lineno, node.end_col_offset)


def _constants(code: types.CodeType) -> str:
    return repr(
        [
            _constants(c) if isinstance(c, types.CodeType) else sorted(map(repr, c)) if isinstance(c, frozenset) else c
            for c in code.co_consts
        ]
    )
