"""Where heuristics name labels by names that they do not have any more."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from weaklab.core.errors import warn
from weaklab.heuristics import Heuristic, LabelingFunction

if TYPE_CHECKING:
    from weaklab.project.members import ProjectMembers


class OldNames:
    """Finds the members of a committee that vote a former name of a label.

    Parameters
    ----------
    members : of the project
    """

    def __init__(self, members: ProjectMembers) -> None:
        self._members = members
        self._told: set[tuple[str, str]] = set()
        self._looked: tuple[Any, dict[str, str]] | None = None

    def in_use(self) -> list[str]:
        """Return what to change in these members: file, line and what to write."""
        return list(self._messages().values())

    def tell(self) -> None:
        """Warn of these members, once of each."""
        for name, message in self._messages().items():
            if (name, message) not in self._told:
                self._told.add((name, message))
                warn(message)

    def _messages(self) -> dict[str, str]:
        committee = self._members.committee
        names = committee.label_set.old_names
        if not names:
            return {}
        members = committee.heuristics
        if self._looked is None or self._looked[0] != (names, members):
            self._looked = (names, members), old_name_messages(members, names)
        return self._looked[1]


def old_name_messages(heuristics: Collection[Heuristic], names: Mapping[str, str]) -> dict[str, str]:
    """Return heuristic name -> what to change in it, for those that vote a former name of a label.

    Parameters
    ----------
    names : former name -> the name of today
    """
    found = {}
    for member in heuristics if names else ():
        places = places_of_names(member, names)
        if places:
            old, place = places[0]
            where = f"{place}: " if place else ""
            found[member.name] = (
                f"{where}{member.name!r} votes {old!r}, which is {names[old]!r} now; write {names[old]!r}"
            )
    return found


def places_of_names(heuristic: Heuristic, names: Collection[str]) -> list[tuple[str, str]]:
    """Return (label name, file:line) where a heuristic votes one of some labels, as far as its code shows it."""
    label = getattr(heuristic, "label", None)
    if isinstance(label, str):
        return [(label, heuristic.location)] if label in names else []
    if not isinstance(heuristic, LabelingFunction):
        return []
    try:
        lines, first = inspect.getsourcelines(heuristic.function)
        tree = ast.parse(textwrap.dedent("".join(lines)))
    except (OSError, TypeError, SyntaxError, ValueError):
        return []
    known = _values(heuristic.function)
    file = heuristic.location.rpartition(":")[0]
    return [
        (name, f"{file}:{first + line - 1}" if file else "")
        for name, line in _voted(tree, known)
        if isinstance(name, str) and name in names
    ]


def _values(function: Any) -> dict[str, Any]:
    """Return the names that a function sees outside of it, with their values."""
    try:
        seen = inspect.getclosurevars(function)
    except (TypeError, ValueError):
        return dict(getattr(function, "__globals__", {}))
    return {**seen.globals, **seen.nonlocals}


def _voted(tree: ast.AST, known: Mapping[str, Any]) -> Iterator[tuple[Any, int]]:
    """Yield what a function may return, with the line: constants that it returns or assigns, or names of such."""
    for node in ast.walk(tree):
        body = node.body if isinstance(node, ast.Lambda) else getattr(node, "value", None)
        if body is not None and isinstance(node, (ast.Return, ast.Assign, ast.AnnAssign, ast.Lambda)):
            yield from _results(body, known)


def _results(node: ast.expr, known: Mapping[str, Any]) -> Iterator[tuple[Any, int]]:
    if isinstance(node, ast.Constant):
        yield node.value, node.lineno
    elif isinstance(node, ast.Name) and node.id in known:
        yield known[node.id], node.lineno
    elif isinstance(node, ast.IfExp):
        for part in (node.body, node.orelse):
            yield from _results(part, known)
    elif isinstance(node, ast.Tuple) and node.elts:
        yield from _results(node.elts[0], known)
    elif isinstance(node, ast.BoolOp):
        for part in node.values:
            yield from _results(part, known)
    elif isinstance(node, ast.Dict):
        for value in node.values:
            yield from _results(value, known)
    elif isinstance(node, ast.Subscript):
        yield from _results(node.value, known)
    elif isinstance(node, ast.Call):  # such as LABELS.get(x)
        yield from _results(node.func.value, known) if isinstance(node.func, ast.Attribute) else ()
