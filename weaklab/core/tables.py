"""One small table for all that weaklab shows: HTML in a notebook, aligned text elsewhere."""

from __future__ import annotations

import html
import json
import re
import shutil
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd

MAX_TEXT = 200
FIRST_GUESS = 80
"""Columns of a terminal whose width is not known."""
LEAST_WIDTH = 40
MOST_NAMED = 10
"""A line of text names no more labels than this, and counts the others."""
LEAST_TEXT = 16
"""A column of text is wrapped to no fewer cells; where columns do not fit then, the table goes on below."""
MOST_FIGURES = 24
"""Cells that begin with a digit and are no longer than this are figures, which are never broken."""
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
"""Characters that steer a terminal, turn the direction of text, or cannot be seen or written: C0, C1, bidi, surrogates,
tags."""
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def clean(text: str, limit: int | None = MAX_TEXT) -> str:
    r"""Return text that is safe to show: control and direction characters made visible, long text cut.

    Everything that weaklab shows passes here: texts, ids, names of labels, heuristics, files and folders come from
    anywhere, and a terminal obeys what stands in them.

    >>> clean("a\x00b\u202ec\nd")
    'a␀b⟨202E⟩c d'
    """
    if limit is not None and len(text) > limit:
        text = text[: limit - 1].rstrip() + "…"
    return _UNSAFE.sub(_visible, text) if _UNSAFE.search(text) else text


def _visible(found: re.Match[str]) -> str:
    code = ord(found.group())
    if found.group() in "\n\t\r\u2028\u2029":
        return " "
    return chr(0x2400 + code) if code < 32 else f"⟨{code:04X}⟩"


def clean_lines(text: str) -> str:
    r"""Return a text of several lines that is safe to show; only its line feeds stay.

    >>> clean_lines("a\x1b[31m\nb\r")
    'a␛[31m\nb '
    """
    return "\n".join(clean(line, None) for line in text.split("\n"))


def some_of(names: Sequence[str], most: int = MOST_NAMED) -> str:
    """Return names in one line, the first of many.

    >>> some_of(["a", "b", "c"]), some_of(["a", "b", "c"], most=2)
    ('a, b, c', 'a, b and 1 more')
    """
    return ", ".join(names) if len(names) <= most else f"{', '.join(names[:most])} and {len(names) - most:,} more"


def has_controls(text: str) -> bool:
    r"""Whether a name holds control characters, which no name needs.

    >>> has_controls("spam"), has_controls("sp\x1bam"), has_controls("a\nb")
    (False, True, True)
    """
    return _CONTROL.search(text) is not None


def json_text(value: Any) -> str:
    r"""Return JSON in one line that a terminal does not obey: what :func:`clean` changes is escaped, so that programs
    read it as it was.

    >>> json_text({"text": "\u202ea\x9bb\x7f", "label": "ü"})
    '{"text": "\\u202ea\\u009bb\\u007f", "label": "ü"}'
    """
    return _UNSAFE.sub(
        lambda found: json.dumps(found.group())[1:-1].replace("\x7f", "\\u007f"), json.dumps(value, ensure_ascii=False)
    )


def counted(n: int, word: str) -> str:
    """Return a number with its noun.

    >>> counted(1, "record"), counted(1200, "record")
    ('1 record', '1,200 records')
    """
    return f"{n:,} {word}" if n == 1 else f"{n:,} {word}s"


def terminal_width() -> int:
    """Return the columns of the terminal, 80 where they are not known."""
    return max(LEAST_WIDTH, shutil.get_terminal_size((FIRST_GUESS, 24)).columns)


@dataclass
class Table:
    """A titled table with notes under it.

    Parameters
    ----------
    title : a line over the table
    columns : column names
    rows : one sequence of cells a row; numbers are set right, None shows as nothing
    notes : lines under the table

    Examples
    --------
    >>> print(Table("two", ["name", "n"], [["a", 1], ["b", 20]]))
    two
    name   n
    a      1
    b     20
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    notes: Sequence[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Sequence[Any]]:
        return iter(self.rows)

    def to_pandas(self) -> pd.DataFrame:
        """Return the cells as they are."""
        import pandas as pd

        return pd.DataFrame([list(row) for row in self.rows], columns=list(self.columns))

    def numeric(self, column: int) -> bool:
        """Whether a column holds numbers, which are set right."""
        cells = [row[column] for row in self.rows if row[column] is not None]
        return bool(cells) and all(isinstance(c, (int, float)) or _is_figure(str(c)) for c in cells)

    def __str__(self) -> str:
        lines = self._lines()
        title = [clean(self.title, None)] if self.title else []
        shown = [*title, *(_aligned(lines, self._widths(lines), self._right()) if self.rows else [])]
        return "\n".join([*shown, *(clean(note, None) for note in self.notes)])

    __repr__ = __str__

    def fitted(self, to: int | None = None) -> str:
        """Return the table as text of at most ``to`` columns, by default as wide as the terminal.

        Texts are wrapped, the widest first; numbers never. Where the columns do not fit even so, the others follow
        below, each row again under its first cell.

        >>> print(Table("", ["name", "n"], [["a name of several words", 1]]).fitted(20))
        name              n
        a name of several 1
        words
        """
        to = to or terminal_width()
        lines, right = self._lines(), self._right()
        natural = self._widths(lines)
        shown = wrapped(clean(self.title, None), to) if self.title else []
        for number, columns in enumerate(
            _blocks([self._least(j, natural[j], to) for j in range(len(natural))], to) if self.rows else []
        ):
            widths = _shared_out([natural[j] for j in columns], [self._least(j, natural[j], to) for j in columns], to)
            block = [[line[j] for j in columns] for line in lines]
            shown += [*([""] if number else []), *_wrapped_rows(block, widths, [right[j] for j in columns])]
        return "\n".join([*shown, *(line for note in self.notes for line in wrapped(clean(note, None), to))])

    def _lines(self) -> list[list[str]]:
        return [[clean(str(c)) for c in self.columns], *([cell_text(c) for c in row] for row in self.rows)]

    def _right(self) -> list[bool]:
        return [self.numeric(j) for j in range(len(self.columns))]

    @staticmethod
    def _widths(lines: Sequence[Sequence[str]]) -> list[int]:
        return [max(map(width, column)) for column in zip(*lines, strict=True)]

    def _least(self, column: int, natural: int, to: int) -> int:
        """Return the width below which a column is not to be wrapped."""
        cells = [cell_text(row[column]) for row in self.rows]
        figures = all(not cell or (cell[0].isdigit() and len(cell) <= MOST_FIGURES) for cell in cells)
        return min(natural, to) if figures or self.numeric(column) else min(natural, LEAST_TEXT)

    def _repr_html_(self) -> str:
        right = [
            ' style="text-align:right"' if self.numeric(j) else ' style="text-align:left"'
            for j in range(len(self.columns))
        ]
        head = "".join(f"<th{a}>{html.escape(clean(str(c)))}</th>" for a, c in zip(right, self.columns, strict=True))
        body = "".join(
            "<tr>"
            + "".join(f"<td{a}>{html.escape(cell_text(c))}</td>" for a, c in zip(right, row, strict=True))
            + "</tr>"
            for row in self.rows
        )
        notes = "".join(f"<div>{html.escape(clean(note, None))}</div>" for note in self.notes)
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>" if self.rows else ""
        title = html.escape(clean(self.title, None))
        return (
            f'<div><div style="margin:4px 0"><b>{title}</b></div>{table}<div style="margin:6px 0">{notes}</div></div>'
        )


def cell_text(value: Any) -> str:
    """Write a cell: floats with three digits, nothing for None and NaN, text made safe."""
    if value is None or (isinstance(value, float) and value != value):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.3f}"
    return clean(str(value))


def width(text: str) -> int:
    r"""How many terminal cells a text takes: wide characters take two, combining marks none.

    >>> width("ab"), width("日本"), width("e\u0301")
    (2, 4, 1)
    """
    return len(text) if text.isascii() else sum(map(_cell_width, text))


def _cell_width(character: str) -> int:
    if character == "\ufe0f":  # shows the character before it as a picture, which is twice as wide
        return 1
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def wrapped(text: str, to: int) -> list[str]:
    """Break a text into lines of at most ``to`` terminal cells, between words where that is possible; at least one
    line.

    >>> wrapped("a longer text", 8), wrapped("日本語", 4)
    (['a longer', 'text'], ['日本', '語'])
    """
    if width(text) <= to:
        return [text]
    lines, line = [], ""
    for word in text.split(" "):
        joined = f"{line} {word}" if line else word
        if width(joined) <= to:
            line = joined
            continue
        if line:
            lines.append(line)
        *full, line = _pieces(word, to)
        lines += full
    return [*lines, line]


def _pieces(word: str, to: int) -> list[str]:
    """Cut a word that is longer than a line."""
    pieces, piece, taken = [], "", 0
    for character in word:
        cells = _cell_width(character)
        if piece and taken + cells > to:
            pieces.append(piece)
            piece, taken = "", 0
        piece, taken = piece + character, taken + cells
    return [*pieces, piece]


def _blocks(least: Sequence[int], to: int) -> list[list[int]]:
    """Deal columns to blocks that fit beside one another, the first column in each of them."""
    blocks, taken = [[0]], least[0]
    for j in range(1, len(least)):
        if taken + 2 + least[j] > to and len(blocks[-1]) > 1:
            blocks.append([0])
            taken = least[0]
        blocks[-1].append(j)
        taken += 2 + least[j]
    return blocks


def _shared_out(natural: Sequence[int], least: Sequence[int], to: int) -> list[int]:
    """Return widths between the least and the natural ones that make use of the space, narrow columns served first."""
    widths = list(least)
    free = max(0, to - sum(widths) - 2 * (len(widths) - 1))
    order = sorted(range(len(widths)), key=lambda j: natural[j] - least[j])
    for place, j in enumerate(order):
        more = min(natural[j] - least[j], free // (len(order) - place))
        widths[j], free = widths[j] + more, free - more
    return widths


def _wrapped_rows(lines: Sequence[Sequence[str]], widths: Sequence[int], right: Sequence[bool]) -> list[str]:
    shown = []
    for line in lines:
        parts = [wrapped(cell, to) for cell, to in zip(line, widths, strict=True)]
        deep = [[part[k] if k < len(part) else "" for part in parts] for k in range(max(map(len, parts)))]
        shown += _aligned(deep, widths, right)
    return shown


def _aligned(lines: Sequence[Sequence[str]], widths: Sequence[int], right: Sequence[bool]) -> list[str]:
    return ["  ".join(_pad(c, w, r) for c, w, r in zip(line, widths, right, strict=True)).rstrip() for line in lines]


def _pad(text: str, to: int, right: bool) -> str:
    space = " " * (to - width(text))
    return space + text if right else text + space


def _is_figure(text: str) -> bool:
    return text.replace(",", "").replace("%", "").replace(".", "", 1).replace("-", "", 1).strip().isdigit()
