"""Reads expressions of a labeling function as terms; what cannot be read is an :class:`OpaqueError` that says why."""

from __future__ import annotations

import ast
import builtins
import enum
import functools
import re
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from weaklab.corpus.records import Record
from weaklab.voting.compiling import operations
from weaklab.voting.compiling.operations import NUMBERS
from weaklab.voting.compiling.terms import MAX_ITEMS, Names, OpaqueError, Term, make, opaque

MAX_CALLS = 8
"""How deep functions that a function calls are read."""
MAX_UNROLLED = 100
"""Most regular expressions of an ``any`` or ``all`` that are searched one by one."""
MODULES = ("re", "string", "math")
"""Modules whose constants and functions may be read."""
_RE_FUNCTIONS = {getattr(re, name): name for name in ("search", "match", "fullmatch", "findall", "split", "sub")}
_TYPES = {kind: kind.__name__ for kind in (str, int, float, bool, list, tuple, set, dict)}
_FUNCTIONS: dict[Any, tuple[str, str]] = {
    len: ("len", "int"), any: ("any", "bool"), all: ("all", "bool"), sum: ("sum", "any"), min: ("min", "any"),
    max: ("max", "any"), sorted: ("sorted", "any"), set: ("set", "any"), frozenset: ("frozenset", "any"),
    list: ("list", "any"), tuple: ("tuple", "any"), str: ("str", "str"), int: ("int", "int"), float: ("float", "float"),
    bool: ("bool", "bool"), abs: ("abs", "any"), round: ("round", "any"), ord: ("ord", "int"),
}  # fmt: skip
_SIZED = ("str", "strs", "set")
_EMPTY = {"any": False, "all": True, "sum": 0}
"""What these functions return where there is nothing."""


@dataclass(frozen=True)
class Known:
    """A Python object that is no constant, such as a function or a module."""

    value: Any


class _RecordValue:
    """The record itself."""


RECORD = _RecordValue()
Value = Term | Known | _RecordValue
Env = Mapping[str, Value]


@dataclass(frozen=True)
class Scope:
    """Where the names of a function are found beside its variables.

    Attributes
    ----------
    function : the function
    locals : names that it assigns
    depth : calls between it and the labeling function
    """

    function: types.FunctionType
    locals: frozenset[str]
    depth: int = 0

    def lookup(self, name: str) -> Any:
        """Return the object of a free variable, a global or a built-in function."""
        if name in self.function.__code__.co_freevars:
            try:
                return self.function.__closure__[self.function.__code__.co_freevars.index(name)].cell_contents  # type: ignore[index]
            except ValueError:
                raise OpaqueError(f"{name} has no value yet") from None
        space = self.function.__globals__
        if name in space:
            return space[name]
        found = space.get("__builtins__", builtins)
        found = found if isinstance(found, dict) else vars(found)
        if name not in found:
            raise OpaqueError(f"{name} is not defined")
        return found[name]


class Expressions:
    """Reads values, operators, comparisons and subscripts; :class:`Reader` adds loops and calls.

    Parameters
    ----------
    names : of columns and constants
    call : reads a call of a Python function: (function, arguments, by keyword, depth) -> its value
    series : whether the record is a ``pandas.Series``, as for a function of Snorkel

    Attributes
    ----------
    assumed : column -> ``str`` or ``number``, where the code takes it for that; the batch must agree
    columns : names of all columns that it has read
    """

    def __init__(self, names: Names, call: Callable[..., Value], series: bool = False) -> None:
        self.names, self._inline, self._series = names, call, series
        self.assumed: dict[str, str] = {"text": "str"}
        self.columns: set[str] = set()

    # ---- values

    def wrap(self, value: Any) -> Value:
        """Return a captured object as a constant, or as it is."""
        try:
            return self.names.constant(value)
        except OpaqueError:
            return Known(value)

    def term(self, node: ast.expr, env: Env, scope: Scope) -> Term:
        """Return an expression as a term.

        Raises
        ------
        OpaqueError
            It cannot be read.
        """
        found = self.value(node, env, scope)
        if not isinstance(found, Term):
            raise OpaqueError(f"it uses {ast.unparse(node)[:60]}")
        return found

    def part(self, node: ast.expr, env: Env, scope: Scope) -> Term:
        """Return an expression as a term, an opaque one where it cannot be read."""
        try:
            return self.term(node, env, scope)
        except OpaqueError as error:
            return opaque(str(error))

    def value(self, node: ast.expr, env: Env, scope: Scope) -> Value:
        """Return the value of an expression: a term, the record, or an object that is no constant."""
        method = getattr(self, f"_{type(node).__name__.lower()}", None)
        if method is None:
            raise OpaqueError(f"it uses {ast.unparse(node)[:60]}")
        found = method(node, env, scope)
        return self._folded(found) if isinstance(found, Term) else found

    def _folded(self, term: Term) -> Term:
        """Return a term that is the same for every record as a constant."""
        if term.reads or term.constant or "_opaque" in term.text or term.op == "completes":
            return term
        try:
            return self.names.constant(eval(term.text, dict(self.names.namespace)))  # noqa: S307 - made of terms only
        except OpaqueError:
            raise
        except Exception as error:  # the function raises the same, on every record
            raise OpaqueError(f"it raises {type(error).__name__}") from None

    def _constant(self, node: ast.Constant, env: Env, scope: Scope) -> Value:
        return self.names.constant(node.value)

    def _name(self, node: ast.Name, env: Env, scope: Scope) -> Value:
        if node.id in env:
            return env[node.id]
        if node.id in scope.locals:
            raise OpaqueError(f"{node.id} may have no value")
        return self.wrap(scope.lookup(node.id))

    def _attribute(self, node: ast.Attribute, env: Env, scope: Scope) -> Value:
        owner = self.value(node.value, env, scope)
        if isinstance(owner, _RecordValue):
            return self._column(node.attr, by_name=True)
        if isinstance(owner, Known):
            return self._member(owner.value, node.attr)
        if owner.constant and owner.kind == "pattern" and node.attr in ("pattern", "flags"):
            return self.names.constant(getattr(owner.value, node.attr))
        raise OpaqueError(f"it uses .{node.attr}")

    def _member(self, owner: Any, name: str) -> Value:
        if isinstance(owner, types.ModuleType):
            if name not in vars(owner):
                raise OpaqueError(f"{owner.__name__}.{name} is not defined")
            return self.wrap(vars(owner)[name])
        if isinstance(owner, type) and type(owner) in (type, enum.EnumMeta):
            found = next((vars(kind)[name] for kind in owner.__mro__ if name in vars(kind)), None)
            if isinstance(owner, enum.EnumMeta):
                found = owner.__members__.get(name)
            if found is not None and not hasattr(found, "__get__"):
                return self.wrap(found)
        raise OpaqueError(f"it uses .{name} of a {type(owner).__name__}")

    def _column(self, name: str, by_name: bool) -> Term:
        if by_name and (name.startswith("_") or hasattr(Record, name) or (self._series and _is_of_series(name))):
            raise OpaqueError(f"it uses .{name} of the record")
        self.columns.add(name)
        return self.names.column(name)

    def _as(self, term: Term, kind: str) -> Term:
        """Return a column as text or number where the code uses it as such; the batch must agree."""
        if term.op != "column" or term.kind != "cell":
            return term
        if self.assumed.setdefault(term.value, kind) != kind:
            raise OpaqueError(f"it uses the column {term.value!r} as text and as number")
        return replace(term, kind="str" if kind == "str" else "float")

    # ---- operators

    def _boolop(self, node: ast.BoolOp, env: Env, scope: Scope) -> Term:
        word = "and" if isinstance(node.op, ast.And) else "or"
        parts = [self.part(value, env, scope) for value in node.values]
        return functools.reduce(lambda left, right: self._join(word, left, right), parts)

    def _join(self, word: str, left: Term, right: Term) -> Term:
        """Return ``left and right``, or ``left or right``, without a constant that does not matter."""
        if left.constant:
            return right if bool(left.value) == (word == "and") else left
        return operations.joined(word, left, right)

    def _unaryop(self, node: ast.UnaryOp, env: Env, scope: Scope) -> Term:
        if isinstance(node.op, ast.Not):
            return operations.negation(self.part(node.operand, env, scope))
        term = self.term(node.operand, env, scope)
        if isinstance(node.op, ast.USub) and (term.kind in NUMBERS):
            return make("neg", "(-{0})", (term,), "float" if term.kind == "float" else "int", True)
        raise OpaqueError(f"it uses {ast.unparse(node)[:60]}")

    def _compare(self, node: ast.Compare, env: Env, scope: Scope) -> Term:
        parts = [self.term(part, env, scope) for part in (node.left, *node.comparators)]
        found = [
            self._one_comparison(type(op).__name__, left, right)
            for op, left, right in zip(node.ops, parts, parts[1:], strict=False)
        ]
        return functools.reduce(lambda left, right: operations.joined("and", left, right), found)

    def _one_comparison(self, sign: str, left: Term, right: Term) -> Term:
        if sign in ("In", "NotIn"):
            if left.kind in ("str", "cell") and right.kind == "cell":
                right = self._as(right, "str")
            if right.kind in ("set", "strs"):
                left = self._as(left, "str")
        else:
            left, right = self._alike(left, right), self._alike(right, left)
        return operations.compare(sign, left, right)

    def _alike(self, term: Term, other: Term) -> Term:
        if other.kind == "str":
            return self._as(term, "str")
        return self._as(term, "number") if other.kind in NUMBERS and other.kind != "bool" else term

    def _binop(self, node: ast.BinOp, env: Env, scope: Scope) -> Term:
        left, right = self.term(node.left, env, scope), self.term(node.right, env, scope)
        left, right = self._alike(left, right), self._alike(right, left)
        return operations.binary(type(node.op).__name__, left, right)

    def _ifexp(self, node: ast.IfExp, env: Env, scope: Scope) -> Term:
        parts = [self.part(part, env, scope) for part in (node.test, node.body, node.orelse)]
        if parts[0].constant:
            return parts[1] if parts[0].value else parts[2]
        return operations.choice(*parts)

    # ---- parts of values

    def _subscript(self, node: ast.Subscript, env: Env, scope: Scope) -> Term:
        owner = self.value(node.value, env, scope)
        if isinstance(owner, _RecordValue):
            name = self.term(node.slice, env, scope)
            if not name.constant or type(name.value) is not str:
                raise OpaqueError("it reads a column whose name it works out")
            return self._column(name.value, by_name=False)
        if not isinstance(owner, Term):
            raise OpaqueError(f"it uses {ast.unparse(node)[:60]}")
        if isinstance(node.slice, ast.Slice):
            return self._slice(self._as(owner, "str"), node.slice, env, scope)
        return make("item", "{0}[{1}]", (owner, self.term(node.slice, env, scope)), _item_kind(owner), False)

    def _slice(self, owner: Term, node: ast.Slice, env: Env, scope: Scope) -> Term:
        bounds = [
            self.names.constant(None) if part is None else self.term(part, env, scope)
            for part in (node.lower, node.upper, node.step)
        ]
        whole = all(bound.kind in ("int", "none") for bound in bounds) and bounds[2].kind == "none"
        total = whole and owner.kind in ("str", "strs")
        return make("slice", "{0}[{1}:{2}:{3}]", (owner, *bounds), owner.kind, total)

    def _tuple(self, node: ast.Tuple | ast.List | ast.Set, env: Env, scope: Scope) -> Term:
        items = [self.term(item, env, scope) for item in node.elts]
        left, right = {"Tuple": ("(", ",)"), "List": ("[", "]"), "Set": ("{{", "}}")}[type(node).__name__]
        if not items:
            return self.names.constant(() if isinstance(node, ast.Tuple) else [])
        texts = all(item.kind == "str" for item in items)
        kind = "any" if not texts else "set" if isinstance(node, ast.Set) else "strs"
        places = ", ".join(f"{{{place}}}" for place in range(len(items)))
        return make("display", left + places + right, tuple(items), kind, texts or not isinstance(node, ast.Set))

    _list = _set = _tuple

    def _dict(self, node: ast.Dict, env: Env, scope: Scope) -> Term:
        parts = [
            self.term(part, env, scope) for pair in zip(node.keys, node.values, strict=True) for part in pair if part
        ]
        if len(parts) < 2 * len(node.keys) or not all(part.constant for part in parts):
            raise OpaqueError("it makes a dict")
        return self.names.constant({k.value: v.value for k, v in zip(parts[::2], parts[1::2], strict=True)})


class Reader(Expressions):
    """Reads expressions of any kind; its parameters are those of :class:`Expressions`."""

    # ---- loops in expressions

    def _generatorexp(self, node: Any, env: Env, scope: Scope) -> Term:
        raise OpaqueError("it keeps a generator")

    def _listcomp(self, node: ast.ListComp | ast.SetComp, env: Env, scope: Scope) -> Term:
        loop = self._loop(node, env, scope)
        kind = "set" if isinstance(node, ast.SetComp) else "strs"
        kind = kind if loop.args[0].kind == "str" else "any"
        left, right = ("[", "]") if isinstance(node, ast.ListComp) else ("{{", "}}")
        total = isinstance(node, ast.ListComp) or kind == "set"
        return make("comp", f"{left}{loop.form}{right}", loop.args, kind, total, reads=loop.reads)

    _setcomp = _listcomp

    def _loop(self, node: Any, env: Env, scope: Scope) -> Term:
        """Return ``element for variable in items if condition``, without brackets, as a term."""
        if len(node.generators) != 1 or node.generators[0].is_async:
            raise OpaqueError("it has a loop in a loop")
        part = node.generators[0]
        if not isinstance(part.target, ast.Name):
            raise OpaqueError("a loop has several variables")
        return self.loop(part.iter, part.target.id, part.ifs, node.elt, env, scope)

    def loop(
        self, items: ast.expr, name: str, conditions: Sequence[ast.expr], element: ast.expr, env: Env, scope: Scope
    ) -> Term:
        """Return ``element for name in items if conditions`` as a term."""
        over = self._as(self.term(items, env, scope), "str")
        if over.kind not in ("str", "strs", "set") and not (over.constant and type(over.value) in (list, tuple)):
            raise OpaqueError(f"it goes through {ast.unparse(items)[:60]}")
        variable = self.names.variable("str" if over.kind != "any" else "any")
        inner = {**env, name: variable}
        tests = [self.part(test, inner, scope) for test in conditions]
        what = self.part(element, inner, scope)
        test = functools.reduce(lambda a, b: operations.joined("and", a, b), tests) if tests else None
        return _loop_term(what, variable, over, test)

    # ---- calls

    def _call(self, node: ast.Call, env: Env, scope: Scope) -> Value:
        if any(isinstance(arg, ast.Starred) for arg in node.args) or any(key.arg is None for key in node.keywords):
            raise OpaqueError("it calls with * or **")
        if isinstance(node.func, ast.Attribute):
            owner = self.value(node.func.value, env, scope)
            if isinstance(owner, _RecordValue):
                return self._get(node, env, scope)
            if isinstance(owner, Term):
                return self._method(node, owner, env, scope)
        called = self.value(node.func, env, scope)
        if not isinstance(called, Known):
            raise OpaqueError(f"it calls {ast.unparse(node.func)[:60]}")
        return self._call_known(called.value, node, env, scope)

    def _call_known(self, called: Any, node: ast.Call, env: Env, scope: Scope) -> Value:
        if _is(called, _FUNCTIONS):
            return self._builtin(called, node, env, scope)
        if called is isinstance:
            return self._isinstance(node, env, scope)
        if _is(called, _RE_FUNCTIONS) or called is re.compile:
            return self._regex(called, node, env, scope)
        owner = getattr(called, "__self__", None)
        if isinstance(called, types.BuiltinFunctionType) and type(owner) in (re.Pattern, frozenset, set, dict, str):
            args = [self.term(arg, env, scope) for arg in node.args]
            self._no_keywords(node)
            return operations.method(called.__name__, self.names.constant(owner), self._texts(args))
        return self._python_call(called, node, env, scope)

    def _python_call(self, called: Any, node: ast.Call, env: Env, scope: Scope) -> Value:
        first: list[Value] = []
        held: dict[str, Value] = {}
        while isinstance(called, functools.partial):
            first = [*map(self.wrap, called.args), *first]
            held = {**{name: self.wrap(value) for name, value in called.keywords.items()}, **held}
            called = called.func
        if type(called) is not types.FunctionType:
            raise OpaqueError(f"it calls {ast.unparse(node.func)[:60]}()")
        args = [*first, *(self.value(arg, env, scope) for arg in node.args)]
        named = {**held, **{str(key.arg): self.value(key.value, env, scope) for key in node.keywords}}
        if scope.depth >= MAX_CALLS:
            raise OpaqueError("its calls are nested too deep")
        return self._inline(called, args, named, scope.depth + 1)

    def _no_keywords(self, node: ast.Call) -> None:
        if node.keywords:
            raise OpaqueError(f"it calls {ast.unparse(node.func)[:60]} with arguments by name")

    def _texts(self, args: Sequence[Term]) -> list[Term]:
        return [self._as(arg, "str") for arg in args]

    def _get(self, node: ast.Call, env: Env, scope: Scope) -> Term:
        args = [self.term(arg, env, scope) for arg in node.args]
        self._no_keywords(node)
        known = isinstance(node.func, ast.Attribute) and node.func.attr == "get" and not self._series
        if not known or not 1 <= len(args) <= 2 or not args[0].constant or type(args[0].value) is not str:
            raise OpaqueError(f"it calls {ast.unparse(node.func)[:60]}()")
        return self._column(args[0].value, by_name=False)

    def _method(self, node: ast.Call, owner: Term, env: Env, scope: Scope) -> Term:
        assert isinstance(node.func, ast.Attribute)
        name = node.func.attr
        if node.keywords:
            self._no_keywords(node)
        if name == "join" and len(node.args) == 1 and isinstance(node.args[0], ast.GeneratorExp):
            args = [self._listcomp(ast.ListComp(node.args[0].elt, node.args[0].generators), env, scope)]
        else:
            args = self._texts([self.term(arg, env, scope) for arg in node.args])
        return operations.method(name, self._as(owner, "str"), args)

    def _isinstance(self, node: ast.Call, env: Env, scope: Scope) -> Term:
        self._no_keywords(node)
        value, kind = self.term(node.args[0], env, scope), self.value(node.args[1], env, scope)
        if not isinstance(kind, Known) or not _is(kind.value, _TYPES):
            raise OpaqueError("it calls isinstance() with another class")
        return make("isinstance", f"isinstance({{0}}, {_TYPES[kind.value]})", (value,), "bool", True)

    def _regex(self, called: Any, node: ast.Call, env: Env, scope: Scope) -> Term:
        args = [self.term(arg, env, scope) for arg in node.args]
        named = {str(key.arg): self.term(key.value, env, scope) for key in node.keywords}
        places = {"compile": 1, "sub": 3}.get(called.__name__, 2)
        flags = named.pop("flags", None)
        if len(args) == places + 1 and flags is None and called.__name__ not in ("sub", "split"):
            flags = args.pop()
        if named or len(args) != places or not args[0].constant or not (flags is None or flags.constant):
            raise OpaqueError(f"re.{called.__name__}() with arguments that are worked out")
        if flags is not None and int(flags.value) & re.DEBUG:
            raise OpaqueError("it prints a regular expression")
        try:
            regex = re.compile(args[0].value, *([] if flags is None else [flags.value]))
        except Exception as error:  # the function raises the same
            raise OpaqueError(f"it raises {type(error).__name__}") from None
        pattern = self.names.constant(regex)
        if called is re.compile:
            return pattern
        return operations.regex_call(_RE_FUNCTIONS[called], pattern, self._texts(args[1:]))

    def _builtin(self, called: Any, node: ast.Call, env: Env, scope: Scope) -> Term:
        self._no_keywords(node)
        name, kind = _FUNCTIONS[called]
        if len(node.args) == 1 and isinstance(node.args[0], (ast.GeneratorExp, ast.ListComp)):
            return self.over_loop(name, node.args[0], env, scope)
        args = [self.term(arg, env, scope) for arg in node.args]
        if name == "len":
            args = self._texts(args)
        inner = args[0].kind if args else "none"
        total = len(args) == 1 and (name == "bool" or (name in ("len", "set", "list", "sorted") and inner in _SIZED))
        kind = (
            {"set": "set", "frozenset": "set", "list": "strs", "sorted": "strs", "tuple": "strs"}.get(name, kind)
            if inner in _SIZED and len(args) == 1
            else kind
        )
        if name in ("min", "max", "abs") and args and all(arg.kind == "int" for arg in args):
            kind = "int"
        places = ", ".join(f"{{{place}}}" for place in range(len(args)))
        return make(name, f"{name}({places})", tuple(args), kind, total)

    def over_loop(self, name: str, node: ast.GeneratorExp | ast.ListComp, env: Env, scope: Scope) -> Term:
        """Return a function of a generator or list, such as ``any(word in text for word in words)``."""
        if isinstance(node, ast.ListComp) and name not in ("any", "all", "sum", "set", "frozenset"):
            return make(name, f"{name}({{0}})", (self._listcomp(node, env, scope),), *_of_loop(name, "any"))
        loop = self._loop(node, env, scope)
        if loop.args[2].constant and not loop.args[2].value and name in _EMPTY:
            return self.names.constant(_EMPTY[name])
        if "_opaque" in loop.text and name in ("any", "all", "sum"):
            return self._unrolled(name, node, loop.args[2], env, scope)
        list_first = isinstance(node, ast.ListComp)  # a list is made whole before any() looks at it
        form = f"{name}([{loop.form}])" if list_first else f"{name}({loop.form})"
        return make(name, form, loop.args, *_of_loop(name, loop.args[0].kind), reads=loop.reads)

    def _unrolled(self, name: str, node: Any, over: Term, env: Env, scope: Scope) -> Term:
        """Return a function of a loop over a few constants without the loop, such as two searches joined by ``or``."""
        part = node.generators[0]
        filtered = bool(part.ifs) and name != "any"
        if not over.constant or len(over.value) > MAX_UNROLLED or isinstance(node, ast.ListComp) or filtered:
            raise OpaqueError(f"it uses {ast.unparse(node)[:60]}")
        found = self.names.constant(_EMPTY[name])
        for item in over.value:
            inner = {**env, part.target.id: self.wrap(item)}
            element = self.term(node.elt, inner, scope)
            for test in reversed(part.ifs):
                element = operations.joined("and", _truth(self.term(test, inner, scope)), element)
            if name == "sum":
                found = operations.binary("Add", found, element)
            else:
                found = self._join("or" if name == "any" else "and", found, _truth(element))
        return found


def _truth(term: Term) -> Term:
    return term if term.kind == "bool" else make("bool", "bool({0})", (term,), "bool", True)


def _of_loop(name: str, element: str) -> tuple[str, bool]:
    """Return the kind of a function of a generator, and whether it never raises by itself."""
    if name in ("any", "all", "bool"):
        return "bool", True
    if name == "sum":
        whole = element in ("int", "bool")
        return "int" if whole else "any", whole
    if name in ("set", "frozenset", "list", "tuple", "sorted") and element == "str":
        return "set" if "set" in name else "strs", True
    return ("int", True) if name == "len" else ("any", False)


def _loop_term(what: Term, variable: Term, over: Term, test: Term | None) -> Term:
    args = (what, variable, over) if test is None else (what, variable, over, test)
    columns = frozenset().union(*(part.reads for part in args if part is not over)) - {variable.text}
    if not over.constant and any(name.startswith("x") for name in columns):
        raise OpaqueError("it has a loop over the text that reads the whole text again")
    if over.constant and len(over.value) > MAX_ITEMS:
        raise OpaqueError("it goes through too many constants")
    form = "{0} for {1} in {2}" + ("" if test is None else " if {3}")
    return make(
        "loop", form, args, "loop", True, reads=frozenset().union(*(arg.reads for arg in args)) - {variable.text}
    )


def _is(thing: Any, table: Mapping[Any, Any]) -> bool:
    """Whether an object is a key of a table; many objects have no hash."""
    return any(thing is key for key in table)


def _item_kind(owner: Term) -> str:
    return "str" if owner.kind in ("str", "strs") else "any"


@functools.cache
def _series_names() -> frozenset[str]:
    import pandas as pd

    return frozenset(dir(pd.Series))


def _is_of_series(name: str) -> bool:
    return name in _series_names()
