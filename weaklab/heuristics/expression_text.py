"""Conditions on columns read from a line of text, such as ``n > 3 and "prize" in text``; no code is run."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Sequence
from typing import Any

from weaklab.core.errors import HeuristicError, did_you_mean
from weaklab.heuristics.expressions import METHODS, Expression, col
from weaklab.heuristics.functions import shortened

LANGUAGE = (
    "names of columns, col('any name') or `any name`, text, numbers, comparisons, + - * /, and, or, not, in, is None, "
    "and the methods of col()"
)
"""What a condition may hold, for messages."""
MAX_LENGTH = 10_000
"""Longer conditions are refused; Python's parser needs memory and stack for each level of brackets."""

_QUOTED = re.compile(r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|`([^`]+)`""")
"""Texts in quotes, which stay as they are, or a name in backticks."""
_METHODS = (*METHODS, "is_null", "between")
_JOINS: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.And: operator.and_,
    ast.BitAnd: operator.and_,
    ast.Or: operator.or_,
    ast.BitOr: operator.or_,
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


def expression_from_text(text: str, columns: Sequence[str] = ()) -> Expression:
    """Read a condition that is written as in Python, where a name stands for a column.

    ``col("any name")``, or the name in backticks as in pandas, stands for a column whose name is no Python name.
    ``and``, ``or`` and ``not`` may be written for
    ``&``, ``|`` and ``~``; ``"prize" in text`` for ``text.contains("prize")``, ``n in [1, 2]`` for ``n.is_in([1, 2])``,
    ``n is None`` for ``n.is_null()``, and ``1 <= n <= 5`` for ``n.between(1, 5)``.

    Parameters
    ----------
    text : the condition
    columns : names of the columns that there are, for messages

    Raises
    ------
    HeuristicError
        The text is no condition, or holds something else than the language of :func:`weaklab.col`.

    Examples
    --------
    >>> expression_from_text("n > 3 and not 'prize' in text.lower()")
    (col("n") > 3) & ~col("text").lower().contains("prize")
    >>> expression_from_text('col("price in EUR") / rooms > 500')
    col("price in EUR") / col("rooms") > 500
    >>> expression_from_text("`price in EUR` > 500 and note != 'a `b`'")
    (col("price in EUR") > 500) & (col("note") != "a `b`")
    """
    if len(text) > MAX_LENGTH:
        raise HeuristicError(f"a condition has at most {MAX_LENGTH:,} characters, got {len(text):,}")
    try:
        found = _read(ast.parse(_QUOTED.sub(_without_backticks, text.strip()), mode="eval").body)
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError) as error:
        if isinstance(error, HeuristicError):
            raise
        reason = error.msg if isinstance(error, SyntaxError) else str(error)
        hint = _how_to_quote(text, columns)
        raise HeuristicError(
            f"{shortened(text)} is no condition: {hint or f'{reason}; wanted one such as n > 3'}"
        ) from None
    if not isinstance(found, Expression) or found.kind not in (None, "truth"):
        raise HeuristicError(f"{shortened(text)} is no condition; wanted one that is true or false, such as n > 3")
    return found


def _without_backticks(found: re.Match[str]) -> str:
    return found.group() if found.group(1) is None else f"col({found.group(1)!r})"


def _how_to_quote(text: str, columns: Sequence[str]) -> str:
    """Say how columns are written whose names are no Python names, if one occurs in the text without quotes."""
    bare = _QUOTED.sub(" ", text)
    found = [name for name in columns if not name.isidentifier() and name in bare]
    if not found:
        return ""
    name = max(found, key=len)
    return (
        f"the name of the column {name!r} is not one word; write col({name!r}) in its place, or `{name}` in backticks"
    )


def _read(node: ast.expr) -> Any:
    """Return the expression or the plain value that a part of the text stands for."""
    if isinstance(node, ast.Name):
        return col(node.id)
    if isinstance(node, ast.BoolOp):
        return _joined(node.op, [_read(value) for value in node.values])
    if isinstance(node, ast.UnaryOp):
        return _read_sign(node)
    if isinstance(node, ast.BinOp) and type(node.op) in _JOINS:
        return _computed(node, _read(node.left), _read(node.right))
    if isinstance(node, ast.Compare):
        sides = [node.left, *node.comparators]
        parts = [_read_comparison(*part) for part in zip(sides, node.ops, sides[1:], strict=False)]
        return _joined(ast.And(), parts)
    if isinstance(node, ast.Call):
        return _read_call(node)
    try:
        return ast.literal_eval(node)  # a number, a text, or a list of them
    except ValueError:
        raise HeuristicError(f"{_shown(node)} cannot stand in a condition; it may hold {LANGUAGE}") from None


def _computed(node: ast.BinOp, left: Any, right: Any) -> Any:
    plain = [value for value in (left, right) if not isinstance(value, Expression)]
    if len(plain) == 2 and not all(isinstance(value, (int, float)) for value in plain):
        raise HeuristicError(f"{_shown(node)} is a plain value; wanted a column, such as n or col('n')")
    return _JOINS[type(node.op)](left, right)


def _joined(op: ast.boolop, parts: list[Any]) -> Any:
    joined = parts[0]
    for part in parts[1:]:
        joined = _JOINS[type(op)](_condition(joined), _condition(part))
    return joined


def _read_sign(node: ast.UnaryOp) -> Any:
    value = _read(node.operand)
    if isinstance(node.op, (ast.Not, ast.Invert)):
        return ~_condition(value)
    if isinstance(value, Expression):
        return value if isinstance(node.op, ast.UAdd) else 0 - value
    return +value if isinstance(node.op, ast.UAdd) else -value


def _read_comparison(left: ast.expr, op: ast.cmpop, right: ast.expr) -> Any:
    first, second = _read(left), _read(right)
    if isinstance(op, (ast.In, ast.NotIn)):
        found = second.contains(first) if isinstance(second, Expression) else _column(first, left).is_in(second)
        return found if isinstance(op, ast.In) else ~found
    if second is None:
        found = _column(first, left).is_null()
        return found if isinstance(op, (ast.Is, ast.Eq)) else ~found
    if type(op) not in _JOINS:
        raise HeuristicError(f"{_shown(left)} is {_shown(right)}: 'is' is for None; write == or !=")
    return _JOINS[type(op)](_column(first, left) if not isinstance(second, Expression) else first, second)


def _read_call(node: ast.Call) -> Any:
    function = node.func
    given = [_read(argument) for argument in node.args]
    named = {str(keyword.arg): _read(keyword.value) for keyword in node.keywords}
    if isinstance(function, ast.Name) and function.id == "col":
        return col(*given, **named)
    if not isinstance(function, ast.Attribute):
        raise HeuristicError(f"{_shown(node)} cannot stand in a condition; it may hold {LANGUAGE}")
    if function.attr not in _METHODS:
        hint = did_you_mean(function.attr, _METHODS)
        raise HeuristicError(f"no method .{function.attr}();{hint} there are {', '.join(_METHODS)}")
    return getattr(_column(_read(function.value), function.value), function.attr)(*given, **named)


def _column(value: Any, node: ast.expr) -> Expression:
    if not isinstance(value, Expression):
        raise HeuristicError(f"{_shown(node)} is a plain value; wanted a column, such as n or col('n')")
    return value


def _condition(value: Any) -> Expression:
    if not isinstance(value, Expression):
        raise HeuristicError(f"{shortened(value)} is no condition; wanted one such as n > 3")
    return value


def _shown(node: ast.expr) -> str:
    return shortened(ast.unparse(node))
