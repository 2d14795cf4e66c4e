"""Analysis of function code for fingerprints: its normalised source, and the names that it reads.

Source is used only if it compiles to exactly the code that runs, because the file may have been edited since, and
several code objects can have the file name ``<string>``. Otherwise the bytecode instructions are used.
"""

from __future__ import annotations
import __future__

import ast
import copy
import dis
import hashlib
import itertools
import linecache
import types
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any


@dataclass(frozen=True)
class Code:
    """The normalised text of a code object, and what it reads outside itself.

    Attributes
    ----------
    text : normalised source, or instructions
    globals : names of the globals that it reads
    attributes : names of the attributes that it reads; includes :data:`EVERYTHING` if it uses ``getattr`` or similar
    imports : (level, module name) of the modules that it imports when it runs
    dynamic : name of a built-in function or attribute, such as ``eval``, with which it can read anything
    reads_docs : whether it reads docstrings, annotations or signatures
    reads_order : whether it may iterate over the names of a class or module
    reads_subclasses : whether it reads the subclasses of a class
    bare : names of variables and attributes that it uses as a whole, not only to read an attribute of them; it may pass
        them on
    in_texts : whether it evaluates texts, such as a query of pandas, which may name globals
    """

    text: str
    globals: tuple[str, ...]
    attributes: frozenset[str]
    imports: tuple[tuple[int, str, tuple[str, ...]], ...]
    dynamic: str
    reads_docs: bool
    reads_order: bool = False
    reads_subclasses: bool = False
    bare: frozenset[str] = frozenset()
    in_texts: bool = False
    texts: tuple[str, ...] = ()


_known: dict[int, tuple[weakref.ref[types.CodeType], Code]] = {}


def code_of(function: types.FunctionType) -> Code:
    """Return the analysis of a function's code; it is cached at the first call."""
    code = function.__code__
    held = _known.get(id(code))
    if held is not None and held[0]() is code:
        return held[1]
    number = id(code)
    found = _code(code)
    _known[number] = weakref.ref(code, lambda _: _known.pop(number, None)), found
    return found


EVERYTHING = "*"
"""Marks code that may read any attribute, by a computed name."""
_DYNAMIC = ("globals", "eval", "exec", "__import__", "import_module")
_DYNAMIC_ATTRIBUTES = ("import_module", "f_globals", "f_locals", "f_back", "__globals__", "getsource", "getsourcelines")
_EVALUATING = frozenset(("query", "eval", "evaluate", "sql", "execute"))
"""Functions of pandas, numexpr, DuckDB and others that evaluate a text with the globals of their caller."""
_DOCS = frozenset(
    ("__doc__", "getdoc", "__annotations__", "get_type_hints", "get_annotations", "signature", "getfullargspec")
)
_GLOBAL = ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS")


def _code(code: types.CodeType) -> Code:
    names, attributes, imports, texts, bare = set[str](), set[str](), [], dict[str, None](), set[str]()
    for inner in _all_codes(code):
        steps = [step for step in dis.get_instructions(inner) if step.opname not in ("EXTENDED_ARG", "CACHE")]
        for place, step in enumerate(steps):
            name = step.opname
            if name.startswith(_GLOBAL):
                names.add(str(step.argval))
            elif name == "IMPORT_NAME":
                level, members = (earlier.argval for earlier in steps[place - 2 : place])
                imports.append((level if isinstance(level, int) else 0, str(step.argval), tuple(members or ())))
            elif name.startswith(_ATTRIBUTE):
                attributes.add(str(step.argval))
        bare |= _bare(steps)
        texts.update((constant, None) for constant in inner.co_consts if isinstance(constant, str))
    words = {text for text in texts if text.isidentifier()}
    if (names | attributes) & {"getattr", "hasattr", "vars", "dir", "__dict__", "attrgetter", "methodcaller"}:
        attributes |= {*words, EVERYTHING}
    used = names | attributes
    dynamic = next((name for name in _DYNAMIC if name in names), "") or next(
        (name for name in _DYNAMIC_ATTRIBUTES if name in used), ""
    )
    if "modules" in attributes and ("sys" in names or any(name == "sys" for _, name, _ in imports)):
        dynamic = dynamic or "sys.modules"
    return Code(
        _text(code, bool(_DOCS & (used | words))),
        tuple(sorted(names)),
        frozenset(attributes),
        tuple(imports),
        dynamic,
        reads_docs=bool(_DOCS & (used | words)),
        reads_order=bool({"vars", "__dict__", "getmembers"} & used),
        reads_subclasses="__subclasses__" in used | words,
        bare=frozenset(bare),
        in_texts=bool(_EVALUATING & attributes),
        texts=tuple(texts),
    )


_ATTRIBUTE = ("LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR", "IMPORT_FROM")
_LOADS = (
    "LOAD_FAST",
    "LOAD_GLOBAL",
    "LOAD_NAME",
    "LOAD_DEREF",
    "LOAD_CLASSDEREF",
    "LOAD_FROM_DICT_OR",
    "STORE_FAST_LOAD_FAST",
)
_OF_AN_ATTRIBUTE = ("LOAD_ATTR", "LOAD_METHOD", "STORE_ATTR", "DELETE_ATTR", "IMPORT_FROM")


def _bare(steps: list[dis.Instruction]) -> set[str]:
    """Return the names that are loaded and used as a whole, not only for an attribute, and such imports."""
    bare, imported = set[str](), list[tuple[str, str]]()
    for step, after in itertools.pairwise(steps):
        loaded = step.argval if isinstance(step.argval, tuple) else (step.argval,)
        if step.opname.startswith((*_LOADS, "LOAD_ATTR")):
            kept = loaded[:-1] if after.opname.startswith(_OF_AN_ATTRIBUTE) else loaded
            bare.update(map(str, kept))
        elif step.opname in ("IMPORT_NAME", "IMPORT_FROM") and after.opname.startswith("STORE_"):
            stored = after.argval[0] if isinstance(after.argval, tuple) else after.argval
            imported.append((str(step.argval), str(stored)))
    return bare | {
        name
        for full, alias in imported
        if alias in bare
        for name in (full, full.partition(".")[0], full.rpartition(".")[2])
    }


def _all_codes(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _all_codes(constant)


def _text(code: types.CodeType, with_docs: bool) -> str:
    node = node_of(code)
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
"""File names that several code objects share. Python 3.13 and later finds the source of ``python -c`` by the first."""
FUTURES = 0
"""The compiler flags of all ``from __future__ import``."""
for _name in __future__.all_feature_names:
    FUTURES |= getattr(__future__, _name).compiler_flag


def node_of(code: types.CodeType) -> ast.AST | None:
    if code.co_filename in _SHARED_NAMES:
        return None
    linecache.checkcache(code.co_filename)
    file = _file("".join(linecache.getlines(code.co_filename)), code.co_filename, code.co_flags & FUTURES)
    if file is None or code not in file.codes.get((code.co_firstlineno, code.co_name), ()):
        return None
    return (
        _lambda(file, code) if code.co_name == "<lambda>" else file.functions.get((code.co_firstlineno, code.co_name))
    )


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
    """Return the node of a lambda, found by the columns of its instructions if a line has several lambdas."""
    spans = [span for span in code.co_positions() if None not in span and span[2:] != (0, 0)]
    holding = [node for node in file.lambdas if spans and all(_holds(node.body, span) for span in spans)]
    return min(holding, key=lambda node: (len(ast.unparse(node)), node.lineno, node.col_offset), default=None)


def _holds(node: ast.expr, span: Any) -> bool:
    start_line, end_line, start, end = span
    return (node.lineno, node.col_offset) <= (start_line, start) and (end_line, end) <= (
        node.end_lineno,
        node.end_col_offset,
    )


class _Plain(ast.NodeTransformer):
    """Removes parts of the source that do not change the behaviour: docstrings, and annotations in functions."""

    def visit_FunctionDef(self, node: Any) -> Any:
        _without_doc(node)
        if node.decorator_list:  # a decorator of a nested function may read its annotations
            node.body = [self.visit(statement) for statement in node.body]
            return node
        node.returns = None
        return self.generic_visit(node)

    def visit_AsyncFunctionDef(self, node: Any) -> Any:
        return self.visit_FunctionDef(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> Any:
        _without_doc(node)
        node.body = [
            statement if isinstance(statement, ast.AnnAssign) else self.visit(statement) for statement in node.body
        ]
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
    """Return a text for code without source: its instructions without line numbers and docstring.

    It is comparable only within one version of Python.

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
