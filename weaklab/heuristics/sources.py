"""What a function says: its source without what does not matter, and the names that it looks up.

Source is taken only if it compiles to the very code that runs; a file may have been edited since, and many pieces of code
are called ``<string>``. Everything else is told from its instructions.
"""

from __future__ import annotations
import __future__

import ast
import copy
import dis
import hashlib
import linecache
import types
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any


@dataclass(frozen=True)
class Code:
    """What a piece of code says and what it looks at outside itself.

    Attributes
    ----------
    text : source in one form, or instructions
    globals : names of globals that it reads
    attributes : names of attributes that it reads; with :data:`EVERYTHING` where it uses ``getattr`` or the like
    imports : (level, module name) of what it imports when it runs
    dynamic : the name of a built-in function by which it reads variables that nothing here can tell
    reads_docs : whether it reads docstrings, annotations or signatures
    """

    text: str
    globals: tuple[str, ...]
    attributes: frozenset[str]
    imports: tuple[tuple[int, str, tuple[str, ...]], ...]
    dynamic: str
    reads_docs: bool


_known: dict[int, tuple[weakref.ref[types.CodeType], Code]] = {}


def code_of(function: types.FunctionType) -> Code:
    """Return what a function says, as of the first time that this was asked."""
    code = function.__code__
    held = _known.get(id(code))
    if held is not None and held[0]() is code:
        return held[1]
    number = id(code)
    found = _code(code)
    _known[number] = weakref.ref(code, lambda _: _known.pop(number, None)), found
    return found


EVERYTHING = "*"
"""Stands among the attributes of code that may read any attribute by a name that it works out."""
_DYNAMIC = ("globals", "eval", "exec", "__import__", "import_module")
_DOCS = frozenset(("__doc__", "getdoc", "__annotations__", "get_type_hints", "get_annotations", "signature", "getfullargspec"))
_GLOBAL = ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS")


def _code(code: types.CodeType) -> Code:
    names, attributes, imports, texts = set[str](), set[str](), [], set[str]()
    for inner in _all_codes(code):
        before: list[Any] = [None, None]
        for instruction in dis.get_instructions(inner):
            name = instruction.opname
            if name.startswith(_GLOBAL):
                names.add(str(instruction.argval))
            elif name == "IMPORT_NAME":
                level, members = before
                imports.append((level if isinstance(level, int) else 0, str(instruction.argval), tuple(members or ())))
            elif name.startswith(("LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR", "IMPORT_FROM")):
                attributes.add(str(instruction.argval))
            before = [before[1], instruction.argval]
        texts.update(constant for constant in inner.co_consts if isinstance(constant, str) and constant.isidentifier())
    if names & {"getattr", "hasattr", "vars", "dir"} or attributes & {"__dict__", "attrgetter", "methodcaller"}:
        attributes |= {*texts, EVERYTHING}
    used = names | attributes
    dynamic = next((name for name in _DYNAMIC if name in (used if name == "import_module" else names)), "")
    reads_docs = bool(_DOCS & (used | texts))
    return Code(_text(code, reads_docs), tuple(sorted(names)), frozenset(attributes), tuple(imports), dynamic, reads_docs)


def _all_codes(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _all_codes(constant)


def _text(code: types.CodeType, with_docs: bool) -> str:
    node = _node(code)
    if node is None:
        return instructions(code)
    node = copy.deepcopy(node)
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        node.decorator_list = []
    return ast.unparse(node if with_docs else _Plain().visit(node))


# ---- source


@dataclass(frozen=True)
class _File:
    """The source under a file name, parsed and compiled."""

    functions: dict[tuple[int, str], ast.AST]
    lambdas: list[ast.Lambda]
    codes: dict[tuple[int, str], list[types.CodeType]]


_SHARED_NAMES = ("<string>", "<stdin>")
"""File names that any code from a string has; since Python 3.13 the source of ``python -c`` is found under the first."""
FUTURES = 0
"""The compiler flags of all ``from __future__ import``."""
for _name in __future__.all_feature_names:
    FUTURES |= getattr(__future__, _name).compiler_flag


def _node(code: types.CodeType) -> ast.AST | None:
    if code.co_filename in _SHARED_NAMES:
        return None
    linecache.checkcache(code.co_filename)
    file = _file("".join(linecache.getlines(code.co_filename)), code.co_filename, code.co_flags & FUTURES)
    if file is None or code not in file.codes.get((code.co_firstlineno, code.co_name), ()):
        return None
    return _lambda(file, code) if code.co_name == "<lambda>" else file.functions.get((code.co_firstlineno, code.co_name))


@lru_cache(maxsize=16)
def _file(source: str, name: str, flags: int) -> _File | None:
    if not source:
        return None
    try:
        tree = ast.parse(source)
        compiled = compile(source, name, "exec", flags=flags, dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    functions: dict[tuple[int, str], ast.AST] = {}
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            functions[min([node.lineno, *(d.lineno for d in node.decorator_list)]), node.name] = node
    codes: dict[tuple[int, str], list[types.CodeType]] = {}
    for code in _all_codes(compiled):
        codes.setdefault((code.co_firstlineno, code.co_name), []).append(code)
    return _File(functions, [node for node in ast.walk(tree) if isinstance(node, ast.Lambda)], codes)


def _lambda(file: _File, code: types.CodeType) -> ast.AST | None:
    """Find the lambda itself on a line that may hold several, by the columns of its instructions."""
    spans = [span for span in code.co_positions() if None not in span and span[2:] != (0, 0)]
    holding = [node for node in file.lambdas if spans and all(_holds(node.body, span) for span in spans)]
    return min(holding, key=lambda node: (len(ast.unparse(node)), node.lineno, node.col_offset), default=None)


def _holds(node: ast.expr, span: Any) -> bool:
    start_line, end_line, start, end = span
    return (node.lineno, node.col_offset) <= (start_line, start) and (end_line, end) <= (node.end_lineno, node.end_col_offset)


class _Plain(ast.NodeTransformer):
    """Takes out what does not change what a function does: docstrings, and annotations in functions."""

    def visit_FunctionDef(self, node: Any) -> Any:
        _without_doc(node)
        node.returns = None
        return self.generic_visit(node)

    def visit_AsyncFunctionDef(self, node: Any) -> Any:
        return self.visit_FunctionDef(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> Any:
        _without_doc(node)
        node.body = [statement if isinstance(statement, ast.AnnAssign) else self.visit(statement) for statement in node.body]
        return node

    def visit_arg(self, node: ast.arg) -> Any:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        bare = node.value is None
        return ast.Pass() if bare else ast.copy_location(ast.Assign([node.target], self.visit(node.value)), node)  # type: ignore[arg-type]


def _without_doc(node: Any) -> None:
    if ast.get_docstring(node, clean=False) is not None:
        node.body = node.body[1:] or [ast.Pass()]


# ---- instructions


_HAS_DOCSTRING = 0x4000000


def instructions(code: types.CodeType) -> str:
    """Return what code without source does, line numbers and docstring left out; equal within one version of Python.

    >>> instructions(compile("x", "a", "eval")) == instructions(compile("x", "b", "eval"))
    True
    """
    head = (
        code.co_argcount,
        code.co_posonlyargcount,
        code.co_kwonlyargcount,
        code.co_flags & ~(FUTURES | _HAS_DOCSTRING),
        code.co_exceptiontable,
    )
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount + 2], code.co_freevars, code.co_cellvars
    body = [f"{step.opname} {_argument(step.argval)}" for step in dis.get_instructions(code)]
    return f"{head}{names}{hashlib.sha256(chr(10).join(body).encode('utf-8', 'surrogatepass')).hexdigest()}"


def _argument(value: Any) -> str:
    if isinstance(value, types.CodeType):
        return f"code {value.co_name}: {instructions(value)}"
    if isinstance(value, frozenset):
        return f"frozenset {sorted(map(_argument, value))}"
    if isinstance(value, tuple):
        return f"tuple {[*map(_argument, value)]}"
    return f"{type(value).__name__} {value!r}"
