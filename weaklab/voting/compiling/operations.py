"""Which operations of Python terms may hold: those that read their operands and change nothing.

All values are of built-in types, so that every operation here does what it does in the function itself. What is known
of the types only says whether it can raise, and whether it is bounded in time and memory.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from weaklab.voting import regexes
from weaklab.voting.compiling.terms import OpaqueError, Term, make

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_STEPS = 1e8
"""A search of at most this many steps, about a second, may run in this process."""
MAX_INSERTED = 16
"""Most characters that ``replace`` and ``re.sub`` may put in the place of a match: texts must not grow without end."""
NUMBERS = ("int", "float", "bool")

_TEXT_METHODS = {
    **dict.fromkeys(("lower", "upper", "title", "capitalize", "swapcase", "casefold"), "str"),
    **dict.fromkeys(("strip", "lstrip", "rstrip", "removeprefix", "removesuffix", "replace"), "str"),
    **dict.fromkeys(("split", "rsplit", "splitlines"), "strs"),
    **dict.fromkeys(("partition", "rpartition"), "any"),
    **dict.fromkeys(("count", "find", "rfind", "index", "rindex"), "int"),
    **dict.fromkeys(("startswith", "endswith"), "bool"),
    **dict.fromkeys(("isdigit", "isalpha", "isalnum", "isnumeric", "isdecimal", "isspace"), "bool"),
    **dict.fromkeys(("isupper", "islower", "istitle", "isascii", "isprintable", "isidentifier"), "bool"),
    "join": "str",
}
"""Method of str -> kind of its result."""
_RAISING = ("index", "rindex", "join")
_OTHER_METHODS = {
    "get": "any", "group": "any", "groups": "any", "start": "int", "end": "int", "span": "any",
    "isdisjoint": "bool", "issubset": "bool", "issuperset": "bool",
    "intersection": "set", "union": "set", "difference": "set",
}  # fmt: skip
"""Method of dict, match or set -> kind of its result."""
_SET_METHODS = ("isdisjoint", "issubset", "issuperset", "intersection", "union", "difference")
_REGEX_METHODS = {
    "search": "match", "match": "match", "fullmatch": "match", "findall": "any", "split": "any", "sub": "str",
}  # fmt: skip
_KNOWN_GROWTH = 3


def method(name: str, on: Term, args: Sequence[Term]) -> Term:
    """Return the term of a call of a method.

    Raises
    ------
    OpaqueError
        It is no method that only reads, or it could make texts grow without end.
    """
    if on.kind == "pattern":
        return regex_call(name, on, args)
    if name in _TEXT_METHODS and not (name in ("count", "index") and on.kind in ("strs", "any")):
        return _text_method(name, on, args)
    if name in ("count", "index"):
        return _call(f".{name}", on, args, "int", False)
    if name not in _OTHER_METHODS:
        raise OpaqueError(f"it calls .{name}()")
    hashable = on.kind == "set" and name in _SET_METHODS and all(arg.kind in ("strs", "set", "str") for arg in args)
    return _call(f".{name}", on, args, _OTHER_METHODS[name], hashable)


def _call(name: str, on: Term, args: Sequence[Term], kind: str, total: bool) -> Term:
    places = ", ".join(f"{{{place}}}" for place in range(1, len(args) + 1))
    return make(name, f"{{0}}{name}({places})", (on, *args), kind, total)


def _text_method(name: str, on: Term, args: Sequence[Term]) -> Term:
    if name == "replace":
        _check_growth(on, args[1] if len(args) > 1 else None)
    if name == "join" and not (on.constant and len(str(on.value)) <= MAX_INSERTED):
        raise OpaqueError("it joins texts by what is no short constant")
    return _call(f".{name}", on, args, _TEXT_METHODS[name], on.kind == "str" and _fits(name, args))


def _fits(name: str, args: Sequence[Term]) -> bool:
    """Whether a method of str cannot raise with these arguments."""
    kinds = [arg.kind for arg in args]
    if name in _RAISING:
        return False
    if name in ("split", "rsplit"):
        separated = not args or kinds[0] == "none" or (args[0].constant and kinds[0] == "str" and args[0].value != "")
        return separated and kinds[1:] in ([], ["int"])
    if name in ("startswith", "endswith"):
        return kinds == ["str"] or (kinds == ["strs"] and type(args[0].value) is tuple)
    if name in ("strip", "lstrip", "rstrip"):
        return kinds in ([], ["str"], ["none"])
    if name in ("count", "find", "rfind", "removeprefix", "removesuffix"):
        return kinds == ["str"]
    if name == "replace":
        return kinds == ["str", "str"]
    if name in ("partition", "rpartition"):
        return len(args) == 1 and args[0].constant and kinds == ["str"] and args[0].value != ""
    return not args


def _check_growth(on: Term, inserted: Term | None) -> None:
    if inserted is None or not inserted.constant or type(inserted.value) is not str:
        raise OpaqueError("it replaces by what is not a constant")
    if len(inserted.value) > MAX_INSERTED or (inserted.value and _growth(on) >= _KNOWN_GROWTH):
        raise OpaqueError("a text may become too long")


def _growth(term: Term) -> int:
    own = term.op in (".replace", "re.sub") and any(arg.constant and len(str(arg.value)) > 1 for arg in term.args)
    return own + max(map(_growth, term.args), default=0)


def regex_call(name: str, regex: Term, args: Sequence[Term]) -> Term:
    """Return the term of a method of a compiled regular expression, with the pattern as its first argument."""
    if name not in _REGEX_METHODS or not regex.constant or not isinstance(regex.value, re.Pattern):
        raise OpaqueError(f"it calls .{name}() of a regular expression")
    if name == "sub":
        if len(args) != 2 or not args[0].constant or type(args[0].value) is not str:
            raise OpaqueError("re.sub() with what is not two texts")
        _check_growth(args[1], args[0])
    elif len(args) != 1:
        raise OpaqueError(f"re.{name}() with {len(args)} arguments")
    text, kind = args[-1], _REGEX_METHODS[name]
    if name == "findall" and regex.value.groups <= 1:
        kind = "strs"
    places = ", ".join(f"{{{place}}}" for place in range(1, len(args) + 1))
    total = text.kind == "str" and (name != "sub" or "\\" not in args[0].value)
    longest = regexes.steps(regex.value).longest(MAX_STEPS)
    return make(f"re.{name}", f"{{0}}.{name}({places})", (regex, *args), kind, total, longest)


# ---- operators

_COMPARISONS = {
    "Eq": "==", "NotEq": "!=", "Lt": "<", "LtE": "<=", "Gt": ">", "GtE": ">=", "In": "in", "Is": "is",
}  # fmt: skip


def compare(sign: str, left: Term, right: Term) -> Term:
    """Return the term of one comparison, given by the name of its node in ``ast``."""
    if sign in ("NotIn", "IsNot"):
        return negation(compare(sign.replace("Not", ""), left, right))
    if sign == "Is" and not (right.constant and (right.value is None or type(right.value) is bool)):
        raise OpaqueError("it compares by 'is' with what is not None, True or False")
    kinds = left.kind, right.kind
    if sign == "In":
        total = kinds == ("str", "str") or (right.kind in ("set", "strs") and left.kind in ("str", "none", *NUMBERS))
    else:
        ordered = all(kind in NUMBERS for kind in kinds) or kinds == ("str", "str")
        total = sign in ("Eq", "NotEq", "Is") or ordered
    word = _COMPARISONS[sign]
    return make(word, f"({{0}} {word} {{1}})", (left, right), "bool", total)


_BINARY = {
    "Add": "+", "Sub": "-", "Mult": "*", "Div": "/", "FloorDiv": "//", "Mod": "%", "BitAnd": "&", "BitOr": "|",
}  # fmt: skip


def binary(sign: str, left: Term, right: Term) -> Term:
    """Return the term of an operator between two values, given by the name of its node in ``ast``."""
    if sign not in _BINARY:
        raise OpaqueError(f"it uses an operator ({sign})")
    kinds = left.kind, right.kind
    numbers = all(kind in NUMBERS for kind in kinds)
    if sign in ("Mult", "Mod") and not numbers:
        raise OpaqueError(f"it uses {_BINARY[sign]!r} on what may be no number")
    kind, total = "any", False
    if numbers:
        divided = sign in ("Div", "FloorDiv", "Mod")
        kind = "float" if "float" in kinds or sign == "Div" else "int"
        kind = "bool" if kinds == ("bool", "bool") and "Bit" in sign else kind
        total = "float" not in kinds and (not divided or bool(right.constant and right.value))
    elif sign == "Add" and kinds == ("str", "str"):
        kind, total = "str", True
    elif kinds == ("set", "set") and sign in ("BitAnd", "BitOr", "Sub"):
        kind, total = "set", True
    return make(_BINARY[sign], f"({{0}} {_BINARY[sign]} {{1}})", (left, right), kind, total)


def negation(term: Term) -> Term:
    """Return ``not term``."""
    return (
        term.args[0]
        if term.op == "not" and term.args[0].kind == "bool"
        else make("not", "(not {0})", (term,), "bool", True)
    )


def choice(condition: Term, yes: Term, no: Term) -> Term:
    """Return ``yes if condition else no``."""
    if yes.text == no.text and condition.total:
        return yes
    kind = yes.kind if yes.kind == no.kind else "int" if {yes.kind, no.kind} == {"int", "bool"} else "any"
    return make("if", "({1} if {0} else {2})", (condition, yes, no), kind, True)


def joined(word: str, left: Term, right: Term) -> Term:
    """Return ``left and right`` or ``left or right``."""
    return make(word, f"({{0}} {word} {{1}})", (left, right), left.kind if left.kind == right.kind else "any", True)
