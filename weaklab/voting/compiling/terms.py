"""Terms: pure Python expressions over the columns of a record, read from labeling functions.

A term is Python source whose names are columns, captured constants and variables of loops. What Python computes for it
is what the function computes, exceptions included: this alone makes compiled functions exact. A term that cannot be
read is opaque; evaluating it raises, and the function itself is called on that record.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

MAX_SOURCE = 6_000
"""Longer terms are not read: their source grows with every variable that is used twice."""
MAX_ITEMS = 100_000
"""Most items of a captured constant, and of the constants that one loop goes through."""
MAX_DEPTH = 3
"""How deep captured lists and dicts may be nested."""


class OpaqueError(Exception):
    """Something that cannot be read; the message says what."""


@dataclass(frozen=True, eq=False, slots=True)
class Term:
    """A pure expression.

    Attributes
    ----------
    text : its Python source, equal for equal terms
    kind : type of its values where that is known: ``str``, ``int``, ``float``, ``bool``, ``none``, ``strs`` (a list of
        str), ``set`` (of str), ``match`` (of ``re``, or None), ``pattern``, ``cell`` (of a column), else ``any``
    total : whether it never raises
    reads : names of the columns and loop variables in it
    op, args : what is done with what
    form : ``text`` with ``{0}``, ``{1}`` in the place of the arguments
    longest : the longest text, in characters, on which its regular expressions take no more than about a second
    opaque : why it cannot be read; empty if it can
    """

    text: str
    kind: str
    total: bool
    reads: frozenset[str]
    op: str
    args: tuple[Term, ...] = ()
    form: str = ""
    longest: float = math.inf
    opaque: str = ""
    value: Any = None

    @property
    def constant(self) -> bool:
        """Whether it is the same for every record."""
        return self.op == "const"

    def render(self, known: dict[str, str]) -> str:
        """Return the source with some terms, given by their source, replaced by names."""
        if self.text in known:
            return known[self.text]
        return self.form.format(*(arg.render(known) for arg in self.args)) if self.args else self.text


def make(
    op: str,
    form: str,
    args: tuple[Term, ...],
    kind: str,
    total: bool,
    longest: float = math.inf,
    reads: frozenset[str] | None = None,
) -> Term:
    """Return the term of an operation; it is total where the operation is and all arguments are.

    Raises
    ------
    OpaqueError
        The source becomes too long.
    """
    text = form.format(*(arg.text for arg in args))
    if len(text) > MAX_SOURCE:
        raise OpaqueError("it is too long")
    return Term(
        text,
        kind,
        total and all(arg.total for arg in args),
        frozenset().union(*(arg.reads for arg in args)) if reads is None else reads,
        op,
        args,
        form,
        min([longest, *(arg.longest for arg in args)]),
    )


def opaque(reason: str) -> Term:
    """Return a term that cannot be read; evaluating it raises."""
    return Term("_opaque()", "any", False, frozenset(), "opaque", opaque=reason or "it cannot be read")


def _raise() -> None:
    raise OpaqueError


_SCALARS: dict[type, str] = {str: "str", int: "int", float: "float", bool: "bool", type(None): "none"}


@dataclass
class Names:
    """The names that stand in the source of terms: of columns, constants and loop variables.

    Attributes
    ----------
    columns : column -> its name in the source
    namespace : name -> value of every constant
    """

    columns: dict[str, str] = field(default_factory=dict)
    namespace: dict[str, Any] = field(default_factory=lambda: {"_opaque": _raise})
    _constants: dict[Any, str] = field(default_factory=dict)
    _variables: int = 0

    def column(self, name: str) -> Term:
        """Return the values of a column."""
        text = self.columns.setdefault(name, f"x{len(self.columns)}")
        return Term(text, "str" if name == "text" else "cell", True, frozenset([text]), "column", value=name)

    def variable(self, kind: str) -> Term:
        """Return a new variable of a loop."""
        self._variables += 1
        text = f"v{self._variables}"
        return Term(text, kind, True, frozenset([text]), "variable")

    def constant(self, value: Any) -> Term:
        """Return a constant, with a copy of lists, sets and dicts.

        Raises
        ------
        OpaqueError
            It is no text, number, regular expression, or collection of these.
        """
        key = constant_key(value)
        if type(value) in _SCALARS and (not isinstance(value, float) or math.isfinite(value)):
            text = repr(value)
            if text.isascii() and len(text) < 40 and "{" not in text and "}" not in text:
                text = f"({text})" if text.startswith("-") else text
                return Term(text, _SCALARS[type(value)], True, frozenset(), "const", value=value)
        if key not in self._constants:
            self._constants[key] = f"c{len(self._constants)}"
            self.namespace[self._constants[key]] = _copied(value)
        name = self._constants[key]
        return Term(name, kind_of(value), True, frozenset(), "const", value=self.namespace[name])

    def compiled(self, source: str) -> Callable[..., Any]:
        """Return the function ``work`` of some source, with the constants at hand."""
        space = dict(self.namespace)
        exec(compile(source, "<compiled labeling functions>", "exec"), space)  # noqa: S102 - made of terms only
        return space["work"]  # type: ignore[no-any-return]


def constant_key(value: Any, depth: int = 0) -> Any:
    """Return a key that is equal for constants which Python code cannot tell apart.

    Raises
    ------
    OpaqueError
        It is no text, number, regular expression, or collection of these.
    """
    kind = type(value)
    if kind in _SCALARS or kind is re.RegexFlag:
        return kind.__name__, repr(value)
    if kind is re.Pattern:
        if not isinstance(value.pattern, str):
            raise OpaqueError("a regular expression for bytes")
        return "pattern", value.pattern, value.flags
    if kind in (list, tuple, set, frozenset, dict) and depth < MAX_DEPTH and len(value) <= MAX_ITEMS:
        items = value.items() if kind is dict else value
        return kind.__name__, tuple(constant_key(item, depth + 1) for item in items)
    raise OpaqueError(f"it uses a {kind.__name__}")


def kind_of(value: Any) -> str:
    """Return the kind of a constant."""
    kind = type(value)
    if kind in _SCALARS:
        return _SCALARS[kind]
    if kind is re.Pattern:
        return "pattern"
    if kind in (list, tuple, set, frozenset) and all(type(item) is str for item in value):
        return "strs" if kind in (list, tuple) else "set"
    return "any"


def _copied(value: Any) -> Any:
    if type(value) in (list, tuple):
        return type(value)(map(_copied, value))
    if type(value) is dict:
        return {key: _copied(item) for key, item in value.items()}
    return value.copy() if type(value) is set else value
