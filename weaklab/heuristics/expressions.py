"""Expressions over columns, such as ``col("text").count("!") >= 2``; they have the same meaning as in Python."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any

from weaklab.core.errors import HeuristicError, did_you_mean
from weaklab.heuristics.functions import shortened

Reader = Callable[[str], Any]
"""Function that returns the value of a column, None if it is missing, or raises a KeyError."""

COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}
METHODS: dict[str, tuple[Callable[..., Any], str]] = {
    "length": (len, "number"),
    "words": (lambda value: len(value.split()), "number"),
    "count": (lambda value, part: value.count(part), "number"),
    "count_of": (lambda value, characters: sum(map(value.count, characters)), "number"),
    "digits": (lambda value: sum(map(str.isdigit, value)), "number"),
    "capitals": (lambda value: sum(map(str.isupper, value)), "number"),
    "lower": (lambda value: value.lower(), "text"),
    "strip": (lambda value: value.strip(), "text"),
    "contains": (lambda value, part: part in value, "truth"),
    "starts_with": (lambda value, part: value.startswith(part), "truth"),
    "ends_with": (lambda value, part: value.endswith(part), "truth"),
    "is_in": (lambda value, values: value in values, "truth"),
}
"""Method name -> (function of one value, kind of the result); :mod:`weaklab.heuristics.columnar` has the functions for
whole columns."""

_TIGHTNESS = {**dict.fromkeys(COMPARISONS, 1), "|": 2, "&": 3, "+": 4, "-": 4, "*": 5, "/": 5, "~": 6}
_KINDS = {"text": "text", "number": "a number", "truth": "a condition"}


class Operators:
    """What the operators of Python make of expressions: each is a new expression, worked out for every record.

    ``and``, ``or``, ``not``, ``in`` and ``a < b < c`` need one truth value at once, so they raise a HeuristicError that
    says what to write instead.
    """

    __hash__ = None  # type: ignore[assignment]  # == makes a condition, so expressions cannot be dict keys

    def __eq__(self, other: object) -> Expression:  # type: ignore[override]
        return _compare("==", self, other)

    def __ne__(self, other: object) -> Expression:  # type: ignore[override]
        return _compare("!=", self, other)

    def __lt__(self, other: Any) -> Expression:
        return _compare("<", self, other)

    def __le__(self, other: Any) -> Expression:
        return _compare("<=", self, other)

    def __gt__(self, other: Any) -> Expression:
        return _compare(">", self, other)

    def __ge__(self, other: Any) -> Expression:
        return _compare(">=", self, other)

    def __add__(self, other: Any) -> Expression:
        return _compute("+", self, other)

    def __radd__(self, other: Any) -> Expression:
        return _compute("+", other, self)

    def __sub__(self, other: Any) -> Expression:
        return _compute("-", self, other)

    def __rsub__(self, other: Any) -> Expression:
        return _compute("-", other, self)

    def __mul__(self, other: Any) -> Expression:
        return _compute("*", self, other)

    def __rmul__(self, other: Any) -> Expression:
        return _compute("*", other, self)

    def __truediv__(self, other: Any) -> Expression:
        return _compute("/", self, other)

    def __rtruediv__(self, other: Any) -> Expression:
        return _compute("/", other, self)

    def __and__(self, other: Any) -> Expression:
        return _join("&", self, other)

    def __rand__(self, other: Any) -> Expression:
        return _join("&", other, self)

    def __or__(self, other: Any) -> Expression:
        return _join("|", self, other)

    def __ror__(self, other: Any) -> Expression:
        return _join("|", other, self)

    def __invert__(self) -> Expression:
        return Expression("~", _condition(self, "~"), kind="truth")

    def __bool__(self) -> bool:
        raise HeuristicError(
            f"{shortened(self)} is worked out for every record and is neither true nor false by itself; write & for "
            "and, | for or, ~ for not, each condition in parentheses, and .between(1, 5) for 1 <= x <= 5"
        )

    def __iter__(self) -> Any:
        raise HeuristicError(
            f"{shortened(self)} cannot be gone through; .contains('x') tells whether a text holds another"
        )


class Expression(Operators):
    """A value that is computed from the columns of a record; made by :func:`col`.

    Comparisons (``==  !=  <  <=  >  >=``) and arithmetic (``+  -  *  /``) work as in Python. Conditions are joined by
    ``&`` (and) and ``|`` (or) and negated by ``~`` (not); put each condition in parentheses. A comparison or
    computation with a missing value is unknown. So is a condition joined with an unknown one, unless the other side
    alone determines the result.

    Attributes
    ----------
    op : the operation, such as ``"count"`` or ``">="``
    args : the operands: expressions first, then plain parameters
    kind : ``"text"``, ``"number"`` or ``"truth"``; None if it depends on the records
    key : equal for expressions of the same structure
    """

    def __init__(self, op: str, *args: Any, kind: str | None = None) -> None:
        self.op, self.args, self.kind = op, args, kind

    @cached_property
    def key(self) -> str:
        return repr(self)

    # ---- text

    def length(self) -> Expression:
        """Count the characters: ``len(text)``."""
        return self._method("length")

    def words(self) -> Expression:
        """Count the words between white space: ``len(text.split())``."""
        return self._method("words")

    def count(self, part: str) -> Expression:
        """Count the occurrences of ``part`` without overlap: ``text.count(part)``."""
        return self._method("count", _part(part, "count"))

    def count_of(self, characters: str) -> Expression:
        """Count the characters of the text that are in ``characters``.

        >>> col("text").count_of("!?")
        col("text").count_of("!?")
        """
        return self._method("count_of", "".join(sorted(set(_part(characters, "count_of")))))

    def digits(self) -> Expression:
        """Count the digits: characters for which ``str.isdigit`` is true."""
        return self._method("digits")

    def capitals(self) -> Expression:
        """Count the upper-case letters: characters for which ``str.isupper`` is true."""
        return self._method("capitals")

    def lower(self) -> Expression:
        """Return the text in lower case: ``text.lower()``."""
        return self._method("lower")

    def strip(self) -> Expression:
        """Return the text without white space at its ends: ``text.strip()``."""
        return self._method("strip")

    def contains(self, part: str, *, case: bool = True) -> Expression:
        """Whether the text contains ``part``; with ``case=False`` both are compared in lower case."""
        return self._caseless(case)._method("contains", _part(part, "contains", case))

    def starts_with(self, part: str, *, case: bool = True) -> Expression:
        """Whether the text starts with ``part``."""
        return self._caseless(case)._method("starts_with", _part(part, "starts_with", case))

    def ends_with(self, part: str, *, case: bool = True) -> Expression:
        """Whether the text ends with ``part``."""
        return self._caseless(case)._method("ends_with", _part(part, "ends_with", case))

    def _caseless(self, case: bool) -> Expression:
        return self if case else self.lower()

    def _method(self, op: str, *parameters: Any) -> Expression:
        if op != "is_in" and self.kind not in (None, "text"):
            raise HeuristicError(f".{op}() is for text, and {shortened(self)} is {_KINDS[self.kind]}")
        return Expression(op, self, *parameters, kind=METHODS[op][1])

    # ---- any value

    def is_in(self, values: Iterable[Any]) -> Expression:
        """Whether the value is in a list of texts or numbers."""
        listed = None if isinstance(values, (str, Expression)) else _listed(values)
        if not listed:
            raise HeuristicError(f".is_in() needs a list of values, such as ['ann', 'bob'], got {shortened(values)}")
        return self._method("is_in", tuple(_literal(value, "is_in") for value in listed))

    def is_null(self) -> Expression:
        """Whether the value is missing. (For ``col("text")`` a missing text is empty, and not missing.)"""
        return Expression("is_null", self, kind="truth")

    def between(self, low: Any, high: Any) -> Expression:
        """Whether the value is from ``low`` to ``high``, both included."""
        return _join("&", _compare(">=", self, low), _compare("<=", self, high))

    # ---- evaluation

    def python(self, read: Reader) -> Any:
        """Return the value for one record, None if it is unknown; faster implementations must give the same result.

        Parameters
        ----------
        read : function that returns the value of a column

        Raises
        ------
        Exception
            Any exception that Python raises for these values, such as a TypeError if text is compared with a number.

        Examples
        --------
        >>> (col("text").count("!") >= 2).python({"text": "Free!!"}.__getitem__)
        True
        """
        if self.op == "column":
            return read(self.args[0])
        if self.op == "value":
            return self.args[0]
        if self.op in "&|":
            return self._python_join(read)
        values = [arg.python(read) if isinstance(arg, Expression) else arg for arg in self.args]
        if self.op == "is_null":
            return values[0] is None
        if any(value is None for value in values):
            return None
        if self.op == "~":
            return not truth(values[0])
        if self.op in ARITHMETIC:
            return _python_compute(self.op, *values)
        return COMPARISONS[self.op](*values) if self.op in COMPARISONS else METHODS[self.op][0](*values)

    def _python_join(self, read: Reader) -> bool | None:
        """Join two conditions in the three-valued logic of Kleene (1938); the right one is evaluated only if needed."""
        settles = self.op == "|"
        left = truth(self.args[0].python(read))
        if left is settles:
            return settles
        right = truth(self.args[1].python(read))
        return settles if right is settles else None if left is None or right is None else not settles

    def columns(self) -> list[str]:
        """Return the names of the columns that it reads, in alphabetical order."""
        if self.op == "column":
            return [self.args[0]]
        return sorted({name for arg in self.args if isinstance(arg, Expression) for name in arg.columns()})

    def spec(self) -> Any:
        """Return JSON from which :func:`expression_from_spec` makes the expression again."""
        if self.op == "column":
            return {"column": self.args[0]}
        if self.op == "value":
            return self.args[0]
        return {
            "op": self.op,
            "of": [
                a.spec() if isinstance(a, Expression) else list(a) if isinstance(a, tuple) else a for a in self.args
            ],
        }

    def __repr__(self) -> str:
        if self.op == "column":
            return f"col({_quoted(self.args[0])})"
        if self.op == "value":
            return _quoted(self.args[0])
        tight = _TIGHTNESS.get(self.op)
        if tight is None:
            parameters = ", ".join(map(_quoted, self.args[1:]))
            return f"{_bracketed(self.args[0], 7)}.{self.op}({parameters})"
        if self.op == "~":
            return f"~{_bracketed(self.args[0], tight)}"
        left = (
            tight + 1 if self.op in COMPARISONS else tight
        )  # Python chains comparisons, so that a nested one needs brackets
        return f"{_bracketed(self.args[0], left)} {self.op} {_bracketed(self.args[1], tight + 1)}"


def col(name: str) -> Expression:
    """Return the value of a column, for conditions of :func:`weaklab.where`.

    ``"text"`` is the text of the record, also if its column has another name.

    Examples
    --------
    >>> col("price") / col("rooms") > 500
    col("price") / col("rooms") > 500
    """
    if not name or type(name) is not str:
        raise HeuristicError(f"col() needs the name of a column, such as col('text'), got {shortened(name)}")
    return Expression("column", name)


def truth(value: Any) -> bool | None:
    """Return a value as True, False or None (unknown).

    Raises
    ------
    TypeError
        It is something else, such as 1.
    """
    if isinstance(value, bool) or value is None:
        return value
    raise TypeError(
        f"a condition must be true or false, got {type(value).__name__} {shortened(value)}; compare it with something"
    )


def expression_from_spec(spec: Any) -> Expression:
    """Return the expression for a result of :meth:`Expression.spec`.

    >>> expression_from_spec({"op": ">", "of": [{"op": "words", "of": [{"column": "text"}]}, 25]})
    col("text").words() > 25
    """
    try:
        if "column" in spec:
            return col(spec["column"])
        op, (first, *rest) = spec["op"], spec["of"]
        first = expression_from_spec(first) if isinstance(first, dict) else first
        others = [expression_from_spec(part) if isinstance(part, dict) else part for part in rest]
        if (
            op in _TIGHTNESS
            and op != "~"
            and (op in "&|" or any(isinstance(part, Expression) for part in (first, *others)))
        ):
            return {**dict.fromkeys(COMPARISONS, _compare), **dict.fromkeys(ARITHMETIC, _compute)}.get(op, _join)(
                op, first, *others
            )
        if isinstance(first, Expression) and (op == "~" or op == "is_null" or op in METHODS):
            made = ~first if op == "~" else getattr(first, op)(*others)
            assert isinstance(made, Expression)
            return made
    except (TypeError, KeyError, ValueError) as error:
        raise HeuristicError(f"{shortened(spec)} is no expression: {error}") from None
    known = [*_TIGHTNESS, *METHODS, "is_null"]
    raise HeuristicError(
        f"{shortened(spec)} is no expression;{did_you_mean(op, known)} operations are {', '.join(known)}"
    )


def _compare(op: str, left: Any, right: Any) -> Expression:
    left, right = _operand(left, op), _operand(right, op)
    if (left.kind == "text") != (right.kind == "text") and None not in (left.kind, right.kind):
        raise HeuristicError(
            f"{shortened(left)} is {_KINDS[left.kind]} and {shortened(right)} is {_KINDS[right.kind]}, which {op!r} "
            "cannot compare"
        )
    return Expression(op, left, right, kind="truth")


def _compute(op: str, left: Any, right: Any) -> Expression:
    left, right = _operand(left, op), _operand(right, op)
    kinds = {left.kind, right.kind} - {None}
    if "text" in kinds and (op != "+" or kinds != {"text"}):
        raise HeuristicError(
            f"{op!r} cannot compute {shortened(left)} {op} {shortened(right)}; only text is added to text"
        )
    return Expression(op, left, right, kind=None if not kinds else "text" if kinds == {"text"} else "number")


def _python_compute(op: str, left: Any, right: Any) -> Any:
    if op == "*" and any(
        isinstance(value, (str, bytes, list)) for value in (left, right)
    ):  # Python would repeat the text
        raise TypeError(f"can't multiply {type(left).__name__} and {type(right).__name__}")
    return ARITHMETIC[op](left, right)


def _join(op: str, left: Any, right: Any) -> Expression:
    return Expression(op, _condition(left, op), _condition(right, op), kind="truth")


def _condition(value: Any, op: str) -> Expression:
    if not isinstance(value, Expression) or value.kind not in (None, "truth"):
        raise HeuristicError(
            f"{op!r} takes conditions, got {shortened(value)}; put every comparison in parentheses: (col('a') > 1) & "
            "~(col('b') > 2)"
        )
    return value


def _operand(value: Any, op: str) -> Expression:
    if isinstance(value, Expression):
        return value
    value = _literal(value, op)
    return Expression("value", value, kind="text" if isinstance(value, str) else "number")


def _literal(value: Any, op: str) -> Any:
    if type(value).__module__ == "numpy" and getattr(value, "ndim", 1) == 0:
        value = value.item()
    if isinstance(value, str):
        return _encodable(str(value))
    if isinstance(value, (bool, int)) or (isinstance(value, float) and math.isfinite(value)):
        return value
    hint = "; .is_null() tells whether a value is missing" if value is None else ""
    raise HeuristicError(
        f"{op!r} takes columns, text and finite numbers, got {type(value).__name__} {shortened(value)}{hint}"
    )


def _part(part: Any, method: str, case: bool = True) -> str:
    if not isinstance(part, str) or not part:
        raise HeuristicError(f".{method}() needs a text to look for, of one character or more, got {shortened(part)}")
    return _encodable(part if case else part.lower())


def _encodable(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise HeuristicError(
            f"{shortened(text)} holds half a character (a lone surrogate), which no text of a corpus can hold"
        ) from None
    return text


def _listed(values: Any) -> list[Any] | None:
    try:
        return sorted(values, key=repr) if isinstance(values, (set, frozenset)) else list(values)
    except TypeError:
        return None


def _quoted(value: Any) -> str:
    """Return a parameter as code, text in double quotes if that needs no escapes."""
    if isinstance(value, tuple):
        return f"[{', '.join(map(_quoted, value))}]"
    shown = repr(value)
    return f'"{shown[1:-1]}"' if isinstance(value, str) and shown[0] == "'" and '"' not in value else shown


def _bracketed(part: Expression, tightness: int) -> str:
    return f"({part!r})" if _TIGHTNESS.get(part.op, 7) < tightness else repr(part)
