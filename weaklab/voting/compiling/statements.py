"""Reads the statements of a labeling function as a tree: conditions, and what is returned at the end of each branch."""

from __future__ import annotations

import ast
import functools
import inspect
import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from weaklab.heuristics.function_source import node_of
from weaklab.voting.compiling import operations
from weaklab.voting.compiling.reading import MODULES, RECORD, Env, Known, Reader, Scope, Value
from weaklab.voting.compiling.terms import Names, OpaqueError, Term, make, opaque

MAX_STATEMENTS = 3_000
"""Most statements that are read, those of every branch counted: branches that join again are read twice."""


@dataclass(frozen=True)
class Leaf:
    """The end of a branch: what is returned; a term, or an object that is no constant of plain types."""

    value: Term | Known


@dataclass(frozen=True)
class Branch:
    """A condition and what comes where it holds, and where it does not."""

    condition: Term
    yes: Tree
    no: Tree


@dataclass(frozen=True)
class _Fall:
    """The end of statements that do not return: the variables as they are then."""

    env: Env


Tree = Leaf | Branch
_Part = Leaf | Branch | _Fall


@dataclass(frozen=True)
class ReadFunction:
    """A function as far as it could be read.

    Attributes
    ----------
    tree : its conditions and returns
    columns : the columns that the tree reads
    assumed : column -> ``str`` or ``number``, what the code takes it for
    """

    tree: Tree
    columns: frozenset[str]
    assumed: dict[str, str]


def read_function(
    function: Any, names: Names, fixed: dict[str, Any] | None = None, series: bool = False
) -> ReadFunction:
    """Read a labeling function.

    Parameters
    ----------
    function : a function of a record
    names : of columns and constants, shared by several functions
    fixed : further arguments, by name
    series : whether the record is a ``pandas.Series``
    """
    reader = _FunctionReader(names, series)
    args: list[Value] = [RECORD]
    named = {name: reader.reader.wrap(value) for name, value in (fixed or {}).items()}
    while isinstance(function, functools.partial):
        args = [*map(reader.reader.wrap, function.args), *args]
        named = {**{name: reader.reader.wrap(value) for name, value in function.keywords.items()}, **named}
        function = function.func
    try:
        if type(function) is not types.FunctionType:
            raise OpaqueError("it is no plain function")
        tree = reader.tree(function, args, named, 0)
    except OpaqueError as error:
        tree = Leaf(opaque(str(error)))
    except RecursionError:
        tree = Leaf(opaque("it is nested too deep"))
    return ReadFunction(tree, frozenset(reader.reader.columns), reader.reader.assumed)


class _FunctionReader:
    """Reads the body of functions, with a budget of statements."""

    def __init__(self, names: Names, series: bool) -> None:
        self.reader = Reader(names, self.result, series)
        self._left = MAX_STATEMENTS

    def tree(self, function: types.FunctionType, args: list[Value], named: dict[str, Value], depth: int) -> Tree:
        """Return the tree of a function that is called with these arguments.

        Raises
        ------
        OpaqueError
            Its source is not at hand, or it cannot be called with these.
        """
        node = node_of(function.__code__)
        if not isinstance(node, (ast.FunctionDef, ast.Lambda)):
            raise OpaqueError("its source is not at hand" if node is None else "it is an async function")
        code = function.__code__
        if code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS | inspect.CO_GENERATOR):
            raise OpaqueError("it takes any number of arguments, or is a generator")
        env = self._bound(function, args, named)
        scope = Scope(function, frozenset((*code.co_varnames, *code.co_cellvars)), depth)
        if isinstance(node, ast.Lambda):
            return self._leaf(node.body, env, scope)
        found = self._block(node.body, env, scope)
        tree: Tree = _ended(found, lambda _: Leaf(self.reader.names.constant(None)))
        return tree

    def _bound(self, function: types.FunctionType, args: list[Value], named: dict[str, Value]) -> dict[str, Value]:
        code = function.__code__
        places = code.co_varnames[: code.co_argcount]
        only_named = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
        defaults = function.__defaults__ or ()
        env: dict[str, Value] = {
            name: self.reader.wrap(value)
            for name, value in zip(places[len(places) - len(defaults) :], defaults, strict=True)
        }
        env.update((name, self.reader.wrap(value)) for name, value in (function.__kwdefaults__ or {}).items())
        env.update(zip(places, args, strict=False))
        taken = {*places[: len(args)], *places[: code.co_posonlyargcount]}
        if len(args) > len(places) or taken & set(named) or set(named) - {*places, *only_named}:
            raise OpaqueError("it is called with wrong arguments")
        env.update(named)
        if set(env) != {*places, *only_named}:
            raise OpaqueError("it is called with too few arguments")
        return env

    def result(self, function: types.FunctionType, args: list[Value], named: dict[str, Value], depth: int) -> Value:
        """Return the value of a call of a function."""
        return self._as_value(self.tree(function, args, named, depth))

    def _as_value(self, tree: Tree) -> Value:
        if isinstance(tree, Leaf):
            if isinstance(tree.value, Term) and tree.value.op == "opaque":
                raise OpaqueError(tree.value.opaque)
            return tree.value
        yes, no = (_term_of(part, self._as_value) for part in (tree.yes, tree.no))
        return operations.choice(tree.condition, yes, no)

    # ---- statements

    def _block(self, body: Sequence[ast.stmt], env: Env, scope: Scope) -> _Part:
        """Read statements one after the other, up to one that returns in every case."""
        for place, statement in enumerate(body):
            self._left -= 1
            if self._left < 0:
                return Leaf(opaque("it has too many branches"))
            try:
                found = self._statement(statement, env, scope)
            except OpaqueError as error:
                return Leaf(opaque(f"line {statement.lineno}: {error}"))
            if isinstance(found, _Fall):
                env = found.env
                continue
            if isinstance(found, Leaf):
                return found
            rest = body[place + 1 :]
            whole: _Part = _ended(found, lambda env: self._block(rest, env, scope))  # noqa: B023 - called at once
            return whole
        return _Fall(env)

    def _statement(self, node: ast.stmt, env: Env, scope: Scope) -> _Part:
        if isinstance(node, ast.Return):
            return self._returned(node, env, scope)
        if isinstance(node, ast.If):
            return self._if(node, env, scope)
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            return self._assign(node.targets[0], self.reader.value(node.value, env, scope), env)
        if isinstance(node, ast.AnnAssign) and node.value is not None and node.simple:
            return self._assign(node.target, self.reader.value(node.value, env, scope), env)
        if isinstance(node, ast.AugAssign):
            return self._augmented(node, env, scope)
        if isinstance(node, ast.For) and not node.orelse:
            return self._for(node, env, scope)
        if isinstance(node, ast.Import):
            return self._import(node, env)
        if isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            return _Fall(env)
        raise OpaqueError(f"it uses {ast.unparse(node).splitlines()[0][:60]}")

    def _returned(self, node: ast.Return, env: Env, scope: Scope) -> Tree:
        if node.value is None:
            return Leaf(self.reader.names.constant(None))
        return self._leaf(node.value, env, scope)

    def _leaf(self, node: ast.expr, env: Env, scope: Scope) -> Tree:
        value = self.reader.value(node, env, scope)
        if not isinstance(value, (Term, Known)):
            raise OpaqueError("it returns the record")
        return _split(value, self.reader.names)

    def _if(self, node: ast.If, env: Env, scope: Scope) -> _Part:
        condition = self.reader.part(node.test, env, scope)
        if condition.op == "opaque":
            raise OpaqueError(condition.opaque)
        if condition.constant:
            return self._block(node.body if condition.value else node.orelse, env, scope)
        yes, no = self._block(node.body, env, scope), self._block(node.orelse, env, scope)
        if isinstance(yes, _Fall) and isinstance(no, _Fall):
            merged = _Fall(_merged(condition, yes.env, no.env))
            return merged if condition.total else _once_done(condition, merged)
        return Branch(condition, yes, no)  # type: ignore[arg-type]  # falls are replaced by what comes next

    def _assign(self, target: ast.expr, value: Value, env: Env) -> _Part:
        if not isinstance(target, ast.Name):
            raise OpaqueError(f"it assigns to {ast.unparse(target)[:60]}")
        after = _Fall({**env, target.id: value})
        return after if not isinstance(value, Term) or value.total else _once_done(value, after)

    def _augmented(self, node: ast.AugAssign, env: Env, scope: Scope) -> _Part:
        if not isinstance(node.target, ast.Name):
            raise OpaqueError(f"it assigns to {ast.unparse(node.target)[:60]}")
        whole = ast.BinOp(ast.Name(node.target.id, ast.Load()), node.op, node.value)
        before = self.reader.term(whole.left, env, scope)
        if before.kind not in ("int", "str", "bool", "float"):
            raise OpaqueError("it changes a value in place")  # a list would be changed for all who hold it
        return self._assign(node.target, self.reader.value(whole, env, scope), env)

    def _import(self, node: ast.Import, env: Env) -> _Part:
        import sys

        if any(alias.name not in MODULES for alias in node.names):
            raise OpaqueError(f"it imports {node.names[0].name}")
        found = {alias.asname or alias.name: Known(sys.modules[alias.name]) for alias in node.names}
        return _Fall({**env, **found})

    # ---- loops

    def _for(self, node: ast.For, env: Env, scope: Scope) -> _Part:
        """Read a loop that returns a constant where a condition holds, or that counts."""
        if not isinstance(node.target, ast.Name) or len(node.body) != 1:
            raise OpaqueError("it has a loop of several statements")
        [body] = node.body
        tests: list[ast.expr] = []
        if isinstance(body, ast.If) and not body.orelse:
            tests, inner = [body.test], body.body
        else:
            inner = [body]
        outside = {name: value for name, value in env.items() if name != node.target.id}
        if tests and len(inner) == 1 and isinstance(inner[0], ast.Return):
            returned = self._returned(inner[0], outside, scope)
            found = self._any(node, tests[0], env, scope)
            return Branch(found, returned, _Fall(outside))  # type: ignore[arg-type]
        if len(inner) == 1 and isinstance(inner[0], ast.AugAssign) and isinstance(inner[0].op, ast.Add):
            return self._count(node, tests, inner[0], env, outside, scope)
        raise OpaqueError("it has a loop of another kind than a search or a count")

    def _any(self, node: ast.For, test: ast.expr, env: Env, scope: Scope) -> Term:
        generator = ast.GeneratorExp(test, [ast.comprehension(node.target, node.iter, [], 0)])
        return self.reader.over_loop("any", generator, env, scope)

    def _count(
        self, node: ast.For, tests: list[ast.expr], counted: ast.AugAssign, env: Env, outside: Env, scope: Scope
    ) -> _Part:
        name = counted.target
        if not isinstance(name, ast.Name) or any(
            isinstance(part, ast.Name) and part.id == name.id
            for tree in (*tests, counted.value, node.iter)
            for part in ast.walk(tree)
        ):
            raise OpaqueError("it has a loop that uses what it counts")
        before = self.reader.term(ast.Name(name.id, ast.Load()), env, scope)
        generator = ast.GeneratorExp(counted.value, [ast.comprehension(node.target, node.iter, tests, 0)])
        more = self.reader.over_loop("sum", generator, env, scope)
        if before.kind != "int" or more.kind != "int":
            raise OpaqueError("it has a loop that adds up what may be no whole numbers")
        return self._assign(name, operations.binary("Add", before, more), outside)


def _once_done(value: Term, after: _Fall) -> Any:
    """Return what comes after a value was worked out: if it raises, it does so here, wherever it is used."""
    done = make("completes", "(({0}), True)[1]", (value,), "bool", False)
    return Branch(done, after, Leaf(opaque("it raises")))  # type: ignore[arg-type]


def _ended(part: _Part, after: Callable[[Env], _Part]) -> Any:
    """Return a part with what comes after it in the place of every end that does not return."""
    if isinstance(part, _Fall):
        return after(part.env)
    if isinstance(part, Branch):
        return replace(part, yes=_ended(part.yes, after), no=_ended(part.no, after))
    return part


def _term_of(tree: Tree, as_value: Callable[[Tree], Value]) -> Term:
    try:
        found = as_value(tree)
    except OpaqueError as error:
        return opaque(str(error))
    return found if isinstance(found, Term) else opaque("a function that it calls returns an object")


def _merged(condition: Term, yes: Env, no: Env) -> dict[str, Value]:
    """Return the variables after an ``if`` whose branches both go on; those that only one sets are left out."""
    found: dict[str, Value] = {}
    for name in yes.keys() & no.keys():
        a, b = yes[name], no[name]
        if a is b:
            found[name] = a
        elif isinstance(a, Term) and isinstance(b, Term):
            found[name] = a if a.text == b.text else _either(condition, a, b)
    return found


def _either(condition: Term, a: Term, b: Term) -> Term:
    """Return ``a if condition else b``; a counter that grows in one branch is written once."""
    for more, base, first in ((a, b, True), (b, a, False)):
        if more.op == "+" and more.kind == base.kind == "int" and more.args[0].text == base.text:
            zero = replace(base, text="0", reads=frozenset(), op="const", args=(), form="", value=0)
            step = operations.choice(condition, *((more.args[1], zero) if first else (zero, more.args[1])))
            return operations.binary("Add", base, step)
    return operations.choice(condition, a, b)


def _split(value: Term | Known, names: Names) -> Tree:
    """Return what is returned as a tree with constants at its ends, as far as possible."""
    if isinstance(value, Known) or value.constant:
        return Leaf(value)
    if value.op == "if":
        return Branch(value.args[0], _split(value.args[1], names), _split(value.args[2], names))
    if value.op == "and" and value.args[0].kind == "bool":
        return Branch(value.args[0], _split(value.args[1], names), Leaf(names.constant(False)))
    if value.op == "or" and value.args[0].kind == "bool":
        return Branch(value.args[0], Leaf(names.constant(True)), _split(value.args[1], names))
    if value.kind == "bool":
        return Branch(value, Leaf(names.constant(True)), Leaf(names.constant(False)))
    return Leaf(value)
