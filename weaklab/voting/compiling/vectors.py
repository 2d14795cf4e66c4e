"""Recognises terms that declared heuristics answer for a whole batch: searches, words, and counts that are compared.

Each of these answers exactly what Python answers for the term. A term of another form is evaluated by Python.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from weaklab.heuristics.conditions import Condition
from weaklab.heuristics.declared import Keywords, Pattern
from weaklab.heuristics.expressions import COMPARISONS, Expression, col
from weaklab.voting import folding
from weaklab.voting.compiling.terms import Term

FOUND = "found"
"""The label of the heuristics that are made here."""
_WHITE = re.compile(r"\s")
_TOKENS = (r"\w+", r"\b\w+\b")
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}


@dataclass(frozen=True)
class Vector:
    """How a condition is answered for a whole batch.

    Attributes
    ----------
    text : the text that is looked at, a term
    kind, value : ``search`` and a regular expression, ``words`` and a tuple of words, or ``where`` and a tuple of
        method, parameters, sign and number
    negated : whether the condition holds where nothing is found
    """

    text: Term
    kind: str
    value: Any
    negated: bool = False

    @property
    def key(self) -> tuple[Any, ...]:
        """Equal for vectors with the same answer, negated or not."""
        value = (self.value.pattern, self.value.flags) if self.kind == "search" else self.value
        return self.text.text, self.kind, value

    def heuristic(self, column: str, name: str) -> Pattern | Keywords | Condition:
        """Return the declared heuristic that votes where the condition holds, before it is negated."""
        if self.kind == "search":
            return Pattern(FOUND, self.value, column=column, name=name)
        if self.kind == "words":
            return Keywords(FOUND, self.value, case=True, column=column, name=name)
        method, parameters, sign, number = self.value
        found = getattr(col(column), method)(*parameters)
        condition: Expression = found if sign is None else COMPARISONS[sign](found, number)
        return Condition(FOUND, condition, name=name)

    def __str__(self) -> str:
        if self.kind == "search":
            return f"a search for {_short(self.value.pattern)}"
        if self.kind == "words":
            return f"a look-up of {len(self.value)} word{'s' if len(self.value) != 1 else ''}"
        method, parameters, sign, number = self.value
        shown = f"{method}({', '.join(map(repr, parameters))})"
        return shown if sign is None else f"{shown} {sign} {number}"


def _short(pattern: str) -> str:
    return repr(pattern if len(pattern) <= 30 else pattern[:27] + "...")


def vector_of(term: Term) -> Vector | None:
    """Return how a condition is answered for a whole batch, None if only Python can."""
    if term.op == "not":
        inner = vector_of(term.args[0])
        return inner and Vector(inner.text, inner.kind, inner.value, not inner.negated)
    if term.op == "bool":
        return vector_of(term.args[0])
    if term.op in ("is", "==") and term.args[1].constant and term.args[1].value is None:
        found = _search(term.args[0])
        return found and Vector(found.text, found.kind, found.value, True)
    return _search(term) or _contains(term) or _token_hit(term) or _edge(term) or _compared(term) or _counted(term)


def necessary(term: Term) -> Vector | None:
    """Return a condition that holds wherever a term is true; None if none is known. The term must not raise."""
    if term.op in ("re.match", "re.fullmatch", "re.findall") and _is_text(term.args[1]):
        return Vector(term.args[1], "search", term.args[0].value)
    if term.op == "bool":
        return necessary(term.args[0])
    at_least = _at_least_one(term)
    return None if at_least is None else _any_of(at_least)


def _is_text(term: Term) -> bool:
    return term.kind == "str" and term.total and not term.constant and all(name[0] == "x" for name in term.reads)


def _text_constant(term: Term) -> bool:
    return term.constant and type(term.value) is str and bool(term.value) and _is_unicode(term.value)


def _is_unicode(text: str) -> bool:
    """Whether a text has no lone surrogates, which no text of a column has."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def _search(term: Term) -> Vector | None:
    if term.op == "re.search" and _is_text(term.args[1]):
        return Vector(term.args[1], "search", term.args[0].value)
    return None


def _contains(term: Term) -> Vector | None:
    """``"part" in text``, and ``any(part in text for part in parts)``."""
    if term.op == "in" and _text_constant(term.args[0]) and _is_text(term.args[1]):
        return _parts(term.args[1], [term.args[0].value])
    if term.op == "any" and len(term.args) == 3:
        return _any_part(term)
    return None


def _any_part(term: Term) -> Vector | None:
    """``part in text for part in parts``, the inside of any() and sum()."""
    what, variable, over = term.args[:3]
    if what.op != "in" or what.args[0].text != variable.text or not _is_text(what.args[1]) or not over.constant:
        return None
    listed = list(over.value)
    if over.kind not in ("strs", "set") or not listed or not all(map(_plain, listed)):
        return None
    return _parts(what.args[1], listed)


def _plain(text: str) -> bool:
    return bool(text) and _is_unicode(text)


def _escaped(part: str) -> str:
    return re.escape(part).replace("\\ ", " ")


def _parts(text: Term, parts: list[str]) -> Vector:
    listed = sorted(set(parts), key=lambda part: (-len(part), part))
    return Vector(text, "search", re.compile("|".join(map(_escaped, listed))))


# ---- words of a text


def _token_hit(term: Term) -> Vector | None:
    """Return the look-up of words for a condition that a token of a text is in a set of words."""
    if term.op == "in" and term.args[0].constant and type(term.args[0].value) is str:
        return _hit(term.args[1], {term.args[0].value})
    if term.op == ".isdisjoint":
        found = _hit_of_two(*term.args) if len(term.args) == 2 else None
        return found and Vector(found.text, found.kind, found.value, True)
    if term.op in ("&", ".intersection") and len(term.args) == 2:
        return _hit_of_two(*term.args)
    if term.op == "any" and len(term.args) == 3:
        what, variable, over = term.args
        if what.op == "in" and what.args[0].text == variable.text:
            return _hit_of_two(over, what.args[1])
        if what.op == "==" and variable.text in (what.args[0].text, what.args[1].text):
            other = what.args[1] if what.args[0].text == variable.text else what.args[0]
            return _hit(over, {other.value}) if other.constant and type(other.value) is str else None
    return None


def _hit_of_two(first: Term, second: Term) -> Vector | None:
    for words, tokens in ((first, second), (second, first)):
        if words.constant and words.kind in ("strs", "set") and words.value:
            return _hit(tokens, set(words.value))
    return None


def _hit(tokens: Term, words: set[str]) -> Vector | None:
    r"""Return the look-up of some words among the tokens of ``text.split()`` or ``re.findall(r"\w+", text)``."""
    while tokens.op in ("set", "frozenset", "list", "tuple", "sorted") and len(tokens.args) == 1:
        tokens = tokens.args[0]
    if tokens.op == ".split" and len(tokens.args) == 1 and _is_text(tokens.args[0]):
        listed = sorted(word for word in words if _plain(word) and not _WHITE.search(word))
        parts = "|".join(map(_escaped, sorted(listed, key=len, reverse=True)))
        return Vector(tokens.args[0], "search", re.compile(rf"(?<!\S)(?:{parts})(?!\S)")) if listed else None
    if tokens.op == "re.findall" and _is_text(tokens.args[1]) and _finds_words(tokens.args[0].value):
        listed = sorted(word for word in words if _plain(word) and all(folding.is_word(ord(c)) for c in word))
        return Vector(tokens.args[1], "words", tuple(listed)) if listed else None
    return None


def _finds_words(regex: re.Pattern[str]) -> bool:
    return regex.pattern in _TOKENS and regex.flags & ~re.IGNORECASE == re.UNICODE


# ---- beginnings, ends, counts and lengths


def _edge(term: Term) -> Vector | None:
    names = {".startswith": "starts_with", ".endswith": "ends_with"}
    if term.op in names and len(term.args) == 2 and _is_text(term.args[0]) and _text_constant(term.args[1]):
        return Vector(term.args[0], "where", (names[term.op], (term.args[1].value,), None, None))
    return None


def _number_of(term: Term) -> tuple[Term, str, tuple[str, ...]] | None:
    """Return the text, the method of :func:`weaklab.col` and its parameters for a term that counts in a text."""
    if term.op == "len" and len(term.args) == 1:
        inner = term.args[0]
        if _is_text(inner):
            return inner, "length", ()
        if inner.op == ".split" and len(inner.args) == 1 and _is_text(inner.args[0]):
            return inner.args[0], "words", ()
    if term.op == ".count" and len(term.args) == 2 and _is_text(term.args[0]) and _text_constant(term.args[1]):
        return term.args[0], "count", (term.args[1].value,)
    return None


def _sides(term: Term) -> tuple[Term, str, int] | None:
    """Return what a comparison compares with a whole number, the sign and the number."""
    if term.op not in _MIRRORED:
        return None
    left, right = term.args
    if right.constant and type(right.value) is int:
        found = left, term.op, right.value
    elif left.constant and type(left.value) is int:
        found = right, _MIRRORED[term.op], left.value
    else:
        return None
    return found if abs(found[2]) < 2**31 else None


def _compared(term: Term) -> Vector | None:
    sides = _sides(term)
    number = sides and _number_of(sides[0])
    if not sides or not number:
        return None
    if number[1] == "count" and (found := _part_found(number, sides[1], sides[2])) is not None:
        return found
    return Vector(number[0], "where", (number[1], number[2], sides[1], sides[2]))


def _part_found(number: tuple[Term, str, tuple[str, ...]], sign: str, limit: int) -> Vector | None:
    """A count that is compared with none or one asks only whether the part is there."""
    if (sign, limit) in ((">", 0), (">=", 1), ("!=", 0)):
        return _parts(number[0], list(number[2]))
    if (sign, limit) in (("==", 0), ("<", 1), ("<=", 0)):
        found = _parts(number[0], list(number[2]))
        return Vector(found.text, found.kind, found.value, True)
    return None


def _counted(term: Term) -> Vector | None:
    """Return the condition that a count is not zero."""
    number = _number_of(term)
    if number is None:
        return None
    if number[1] == "count":
        return _part_found(number, ">", 0)
    return Vector(number[0], "where", (number[1], number[2], ">", 0))


def _at_least_one(term: Term) -> Term | None:
    """Return the number that must be above zero for a comparison to hold."""
    sides = _sides(term)
    if sides is None:
        return None
    number, sign, limit = sides
    positive = (sign == ">=" and limit >= 1) or (sign == ">" and limit >= 0) or (sign == "==" and limit >= 1)
    return number if positive else None


def _any_of(number: Term) -> Vector | None:
    """Return a condition that holds where a number is above zero: one of the things it counts is there."""
    if number.op == "sum" and len(number.args) == 3:
        return _any_part(number)
    if number.op == "sum" and len(number.args) == 4 and number.args[3].op == "in":
        what, variable, over, test = number.args
        one = what.constant and type(what.value) is int
        return _any_part_of(test, variable, over) if one else None
    if number.op == "len" and len(number.args) == 1:
        inner = number.args[0]
        if inner.op == "re.findall":
            return necessary(inner)
        return _token_hit(inner) if inner.op in ("&", ".intersection") else None
    return None


def _any_part_of(test: Term, variable: Term, over: Term) -> Vector | None:
    if test.args[0].text != variable.text:
        return None
    tokens = _hit_of_two(over, test.args[1])
    if tokens is not None or not (over.constant and over.kind in ("strs", "set")):
        return tokens
    listed = list(over.value)
    if not listed or not all(map(_plain, listed)) or not _is_text(test.args[1]):
        return None
    return _parts(test.args[1], listed)
