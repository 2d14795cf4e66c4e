"""Fingerprints of functions: equal as long as the code and all that it captures are equal.

The same function has the same fingerprint in another process, under another hash seed and in another Python version,
so that votes can be kept from one day to the next. Pickles and bytecode do not have that property.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import inspect
import re
import textwrap
import types
from collections.abc import Iterator, Mapping
from typing import Any

_MAX_ARRAY_BYTES = 1 << 26


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
    return digest("function", _canonical(function, ()), version or "")


def of_value(value: Any) -> str:
    """Return the fingerprint of any value."""
    return digest("value", _canonical(value, ()))


def _canonical(value: Any, open_: tuple[int, ...]) -> str:
    """Write a value so that equal values read equal; ``open_`` breaks cycles."""
    if id(value) in open_:
        return "<cycle>"
    inside = (*open_, id(value))
    if value is None or isinstance(value, (bool, int, float, complex, str, bytes, range)):
        return f"{type(value).__name__}:{value!r}"
    if isinstance(value, (list, tuple)):
        return f"{type(value).__name__}:[{','.join(_canonical(v, inside) for v in value)}]"
    if isinstance(value, (set, frozenset)):
        return f"set:[{','.join(sorted(_canonical(v, inside) for v in value))}]"
    if isinstance(value, Mapping):
        return f"map:[{','.join(sorted(_canonical(k, inside) + '=' + _canonical(v, inside) for k, v in value.items()))}]"
    if isinstance(value, re.Pattern):
        return f"regex:{value.pattern!r}:{value.flags}"
    if isinstance(value, types.ModuleType):
        return f"module:{value.__name__}:{getattr(value, '__version__', '')}"
    if isinstance(value, functools.partial):
        return f"partial:{_canonical((value.func, value.args, value.keywords), inside)}"
    if isinstance(value, types.MethodType):
        return f"method:{_canonical((value.__func__, value.__self__), inside)}"
    if isinstance(value, types.FunctionType):
        return _function(value, inside)
    if isinstance(value, type):
        return f"class:{value.__module__}.{value.__qualname__}:{_source(value) if _is_local(value) else ''}"
    if isinstance(value, types.BuiltinFunctionType):
        return f"builtin:{value.__module__}.{value.__qualname__}"
    if hasattr(value, "tobytes") and hasattr(value, "shape"):
        return f"array:{value.shape}:{getattr(value, 'dtype', '')}:{hashlib.blake2b(value.tobytes()[:_MAX_ARRAY_BYTES]).hexdigest()}"
    wrapped = getattr(value, "__wrapped__", None)
    if callable(wrapped):
        return f"wrapper:{_canonical(wrapped, inside)}"
    state = getattr(value, "__dict__", None)
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    if _is_local(type(value)):
        kind += ":" + _source(type(value))
    if isinstance(state, dict):
        return f"object:{kind}:{_canonical(state, inside)}"
    shown = repr(value)
    return f"object:{kind}:{'' if ' at 0x' in shown else shown}"


def _function(function: types.FunctionType, open_: tuple[int, ...]) -> str:
    if not _is_local(function):
        return f"library:{function.__module__}.{function.__qualname__}"
    names = {name: function.__globals__[name] for name in sorted(set(_global_names(function.__code__))) if name in function.__globals__}
    cells = {name: _cell(cell) for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)}
    defaults = (function.__defaults__, function.__kwdefaults__)
    return f"code:{_source(function)}:{_canonical((names, cells, defaults), open_)}"


def _cell(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return "<empty>"


def _is_local(thing: Any) -> bool:
    """Tell the user's own code, whose source counts, from an installed library's, whose name is enough."""
    module = getattr(thing, "__module__", None) or ""
    if module in ("builtins", "weaklab") or module.startswith("weaklab."):
        return False
    try:
        file = inspect.getsourcefile(thing) or ""
    except TypeError:
        return True
    return not any(part in file for part in ("site-packages", "dist-packages", "/lib/python3", "\\Lib\\"))


def _global_names(code: types.CodeType) -> Iterator[str]:
    import dis

    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            yield str(instruction.argval)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _global_names(constant)


def _source(thing: Any) -> str:
    """Return the normalised source of a function or class, or its bytecode where there is no source."""
    try:
        tree: ast.AST = ast.parse(textwrap.dedent(inspect.getsource(thing)))
    except (OSError, TypeError, SyntaxError, ValueError):
        code = getattr(thing, "__code__", None)
        return f"{code.co_code.hex()}:{_constants(code)}:{code.co_names}" if code else repr(thing)
    if isinstance(thing, types.FunctionType) and thing.__name__ == "<lambda>":
        tree = _own_lambda(tree, thing)
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            node.decorator_list = []
            if ast.get_docstring(node, clean=False) is not None:
                node.body = node.body[1:] or [ast.Pass()]
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            node.returns = None
            for argument in ast.walk(node.args):
                if isinstance(argument, ast.arg):
                    argument.annotation = None
    return ast.unparse(tree)


def _own_lambda(tree: ast.AST, function: types.FunctionType) -> ast.AST:
    """Find the lambda itself on a line that may hold several."""
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Lambda)]
    same = [node for node in found if _compiles_to(node, function.__code__)]
    return next(iter([*same, *found]), tree)


def _compiles_to(node: ast.Lambda, code: types.CodeType) -> bool:
    compiled = compile(ast.unparse(node), "<lambda>", "eval").co_consts
    return any(
        isinstance(c, types.CodeType) and c.co_code == code.co_code and c.co_consts == code.co_consts and c.co_names == code.co_names
        for c in compiled
    )


def _constants(code: types.CodeType) -> str:
    return repr(
        [
            _constants(c) if isinstance(c, types.CodeType) else sorted(map(repr, c)) if isinstance(c, frozenset) else c
            for c in code.co_consts
        ]
    )
