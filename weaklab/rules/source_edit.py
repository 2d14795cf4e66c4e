"""Edits of Python files of labeling functions: an exception is added to a definition, or it is commented out."""

from __future__ import annotations

import ast
import difflib
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

from weaklab.core.errors import HeuristicError
from weaklab.core.tables import clean
from weaklab.heuristics import Heuristic, Keywords, Pattern
from weaklab.rules.repair import DROP_WORDS, RETIRE, WHOLE_WORDS, Change
from weaklab.rules.repairing import whole_words
from weaklab.rules.rule import raw

_LINES = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n|\Z)")
COMMENT_WIDTH = 100
Definition = ast.FunctionDef | ast.expr


@dataclass(frozen=True)
class _Cut:
    """Bytes from ``start`` to ``end`` that become ``text``."""

    start: int
    end: int
    text: str


class SourceFile:
    """The text of a Python file, with the places of its syntax tree.

    Parameters
    ----------
    content : bytes of the file, UTF-8
    name : of the file, for messages

    Raises
    ------
    HeuristicError
        It is not UTF-8, or no Python.
    """

    def __init__(self, content: bytes, name: str) -> None:
        self.name = name
        try:
            self.text = content.decode("utf-8")
            self.tree = ast.parse(content)
        except (SyntaxError, ValueError) as error:
            raise HeuristicError(f"{name} cannot be edited: {error}") from None
        self.content = content
        self._mark = 3 if content.startswith(b"\xef\xbb\xbf") else 0
        starts, place = [], 0
        for line in _LINES.findall(content):
            starts.append(place)
            place += len(line)
        self._starts = starts
        self.newline = "\r\n" if b"\r\n" in content else "\n"

    def at(self, line: int, column: int) -> int:
        """Return the place in bytes of a line, from 1, and a column in bytes."""
        return self._starts[line - 1] + column + (self._mark if line == 1 else 0)

    def span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        """Return where a node begins and ends, in bytes; a function begins with its first decorator."""
        first: ast.expr | ast.stmt = node
        if isinstance(node, ast.FunctionDef) and node.decorator_list:
            first = node.decorator_list[0]
            start = self.content.rindex(b"@", 0, self.at(first.lineno, first.col_offset) + 1)
        else:
            start = self.at(first.lineno, first.col_offset)
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return start, self.at(node.end_lineno, node.end_col_offset)

    def line_of(self, place: int) -> tuple[int, int]:
        """Return where the line of a place begins and ends, in bytes, the end of line left out."""
        start = max((begin for begin in self._starts if begin <= place), default=0)
        found = re.compile(rb"[\r\n]").search(self.content, place)
        return start, found.start() if found else len(self.content)

    def cut(self, cuts: list[_Cut]) -> str:
        """Return the text after edits that do not overlap."""
        content = self.content
        for each in sorted(cuts, key=lambda each: -each.start):
            text = each.text.replace("\n", self.newline).encode()
            content = content[: each.start] + text + content[each.end :]
        return content.decode("utf-8")


def edited(content: bytes, file: str, heuristic: Heuristic, line: int, change: Change, single: bool, note: str) -> str:
    """Return the text of a file of labeling functions after a change of one of them.

    An exception is a call of ``amend()`` around a declaration, or a decorator above a function; words and patterns are
    edited in place, with the declaration as it was in a comment above; what is retired is commented out.

    Parameters
    ----------
    content : bytes of the file
    file : its name, for messages
    heuristic : as the file defines it
    line : where it is defined
    single : whether it votes for the label of the change alone
    note : a comment that is written above

    Raises
    ------
    HeuristicError
        The definition is not found, or has a form in which it cannot be edited.
    """
    source = SourceFile(content, file)
    node = _definition(source, heuristic, line)
    if change.kind == RETIRE:
        return source.cut(_retired(source, node, note))
    if change.kind in (DROP_WORDS, WHOLE_WORDS) and (literal := _literal(node, heuristic)) is not None:
        return source.cut(_replaced(source, node, literal, heuristic, change, note))
    arguments, names = change.arguments(single)
    if change.kind in (DROP_WORDS, WHOLE_WORDS):
        raise HeuristicError(
            f"{file}:{line}: what it looks for is not written there as a constant; {change.says} by hand"
        )
    for name in names:
        _check_free(source, name, line)
    return source.cut([*_amended(source, node, arguments, note), *_imports(source, names)])


def as_diff(before: str, after: str, file: str) -> str:
    r"""Return what changes as a unified diff.

    >>> print(as_diff("a = 1\n", "a = 2\n", "rules.py"), end="")
    --- rules.py
    +++ rules.py
    @@ -1 +1 @@
    -a = 1
    +a = 2
    """
    lines = difflib.unified_diff(before.splitlines(True), after.splitlines(True), file, file, n=2)
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)


# ---- where a heuristic is defined


def _definition(source: SourceFile, heuristic: Heuristic, line: int) -> Definition:
    """Return the function, or the call in an assignment or a list, that defines a heuristic at a line."""
    found: list[Definition] = []
    for node in _outside_functions(source.tree):
        if isinstance(node, ast.FunctionDef):
            first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
            found += [node] if first == line else []
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            value = node.value
            if isinstance(value, (ast.List, ast.Tuple)):
                found += [element for element in value.elts if element.lineno == line]
            elif value is not None and node.lineno == line:
                found.append(value)
    if len(found) > 1:
        found = [node for node in found if _names(node, heuristic)]
    if len(found) != 1:
        raise HeuristicError(
            f"{source.name}:{line}: {heuristic.name!r} cannot be found there alone, so it is not edited; write it as "
            "an assignment or a decorated function of its own"
        )
    [node] = found
    if isinstance(node, ast.FunctionDef) and not node.decorator_list:
        raise HeuristicError(
            f"{source.name}:{line}: {heuristic.name!r} has no decorator there, so it is not edited; write "
            "@labeling_function above it"
        )
    if not isinstance(node, (ast.FunctionDef, ast.Call)):
        raise HeuristicError(f"{source.name}:{line}: {heuristic.name!r} is not made by a call there; edit it by hand")
    return node


def _names(node: Definition, heuristic: Heuristic) -> bool:
    return any(
        isinstance(part, ast.keyword)
        and part.arg == "name"
        and isinstance(part.value, ast.Constant)
        and part.value.value == heuristic.name
        for part in ast.walk(node)
    )


def _outside_functions(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield from _outside_functions(node)


# ---- edits


def _comment(indent: str, text: str) -> str:
    """Return the lines of a comment."""
    lines = textwrap.wrap(clean(text, None), COMMENT_WIDTH, break_on_hyphens=False)
    return "".join(f"{indent}# {line}\n" for line in lines)


def _amended(source: SourceFile, node: Definition, arguments: str, note: str) -> list[_Cut]:
    start, end = source.span(node)
    begin, _ = source.line_of(start)
    indent = source.content[begin:start].decode() if isinstance(node, ast.FunctionDef) else _indent(source, begin)
    if isinstance(node, ast.FunctionDef):
        return [_Cut(begin, begin, f"{_comment(indent, note)}{indent}@amend({arguments})\n")]
    return [_Cut(begin, begin, _comment(indent, note)), _Cut(start, start, "amend("), _Cut(end, end, f", {arguments})")]


def _indent(source: SourceFile, begin: int) -> str:
    found = re.compile(rb"[ \t]*").match(source.content, begin)
    return found.group().decode() if found else ""


def _literal(node: Definition, heuristic: Heuristic) -> ast.expr | None:
    """Return the words or the regular expression among the arguments of a declaration, None where it is no constant."""
    if not isinstance(node, ast.Call):
        return None
    name = "words" if isinstance(heuristic, Keywords) else "regex"
    given = node.args[1] if len(node.args) > 1 else None
    given = next((each.value for each in node.keywords if each.arg == name), given)
    try:
        value = ast.literal_eval(given) if given is not None else None
    except ValueError:
        return None
    if isinstance(heuristic, Keywords):
        return given if value is not None and sorted(value) == sorted(heuristic.words) else None
    return given if isinstance(heuristic, Pattern) and value == heuristic.regex.pattern else None


def _replaced(
    source: SourceFile, node: Definition, literal: ast.expr, heuristic: Heuristic, change: Change, note: str
) -> list[_Cut]:
    start, end = source.span(literal)
    if isinstance(heuristic, Keywords):
        new = repr([word for word in heuristic.words if word not in change.words])
    else:
        assert isinstance(heuristic, Pattern)
        new = raw(whole_words(heuristic.regex))
    begin, _ = source.line_of(source.span(node)[0])
    indent = _indent(source, begin)
    old = " ".join(source.content[start:end].decode().split())
    return [
        _Cut(begin, begin, _comment(indent, note) + _comment(indent, f"It was: {old}")),
        _Cut(start, end, new),
    ]


def _retired(source: SourceFile, node: Definition, note: str) -> list[_Cut]:
    """Comment out the lines of a definition, if nothing else stands on them."""
    statement: ast.expr | ast.stmt = node
    for each in _outside_functions(source.tree):
        if isinstance(each, (ast.Assign, ast.AnnAssign)) and each.value is node:
            statement = each
    start, end = source.span(statement)
    begin, _ = source.line_of(start)
    _, close = source.line_of(end)
    before, after = source.content[begin:start].strip(), source.content[end:close].strip()
    alone = not before and (after in (b"", b",") or after.startswith((b"#", b", #")))
    if not alone:
        raise HeuristicError(f"{source.name}: other code stands on the same lines; comment it out by hand")
    indent = source.content[begin:start].decode()
    lines = source.content[begin:close].decode().replace("\r\n", "\n").split("\n")
    text = "\n".join(f"# {line}" if line.strip() else "#" for line in lines)
    return [_Cut(begin, close, f"{_comment(indent, note)}{text}")]


def _check_free(source: SourceFile, name: str, line: int) -> None:
    """Refuse to import a name that the file has for something else."""
    for node in ast.walk(source.tree):
        bound = isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id == name
        if bound or (isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name == name):
            raise HeuristicError(f"{source.name}:{line}: the file has something else named {name!r}; edit it by hand")


def _imports(source: SourceFile, names: frozenset[str]) -> list[_Cut]:
    """Return the imports that are added, below the last one at the top of the file."""
    there = {
        (alias.asname or alias.name, getattr(node, "module", None) or alias.name)
        for node in source.tree.body
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names
    }
    missing = sorted(name for name in names if not any(bound == name for bound, _ in there))
    if not missing:
        return []
    wanted = [name for name in missing if name != "re"]
    lines = ["import re"] * ("re" in missing)
    cuts = []
    if wanted and (line := _weaklab_import(source)) is not None:
        names_there = [alias.name for alias in line.names]
        cuts.append(_Cut(*source.span(line), f"from weaklab import {', '.join(sorted({*names_there, *wanted}))}"))
    elif wanted:
        lines.append(f"from weaklab import {', '.join(wanted)}")
    if lines:
        place, first = _place_of_imports(source)
        text = "\n".join(lines)
        cuts.append(_Cut(place, place, f"{text}\n" if first else f"\n{text}"))
    return cuts


def _weaklab_import(source: SourceFile) -> ast.ImportFrom | None:
    """Return the import of names of weaklab to which others can be added, None where there is none of that form."""
    for node in source.tree.body:
        if not isinstance(node, ast.ImportFrom) or node.module != "weaklab" or node.level:
            continue
        if not any(alias.asname or alias.name == "*" for alias in node.names):
            start, end = source.span(node)
            if not re.search(rb"[()\\\n#]", source.content[start:end]):
                return node
    return None


def _place_of_imports(source: SourceFile) -> tuple[int, bool]:
    """Return where imports are added: at the end of the last import of the first ones, or of the docstring, or at the
    beginning, and whether it is the beginning of a line.
    """
    last: ast.stmt | None = None
    for node in source.tree.body:
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and last is None
        if not docstring and not isinstance(node, (ast.Import, ast.ImportFrom)):
            break
        last = node
    if last is None:
        node = source.tree.body[0]
        return source.line_of(source.span(node)[0])[0] if source.tree.body else source.at(1, 0), True
    return source.line_of(source.span(last)[1])[1], False
