"""The table class for all output of weaklab (HTML in a notebook, aligned text elsewhere), and safe display of texts."""

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
"""Width that is assumed for a terminal if its width is not known."""
LEAST_WIDTH = 40
MOST_NAMED = 10
"""At most this many names are listed in one line; the others are counted."""
LEAST_TEXT = 16
"""A text column is at least this wide; if the columns do not fit then, the table is continued below."""
MOST_FIGURES = 24
"""A cell that begins with a digit and is not longer than this is a number, which is never wrapped."""
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
"""Characters that control a terminal, change the direction of text, or are invisible or not encodable."""
_SEAM = re.compile(r"(?<=[_./|:\-])(?=[^_./|:\-])")
"""Where a long name is folded: after a separator."""
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def clean(text: str, limit: int | None = MAX_TEXT) -> str:
    r"""Return text that is safe to show: control and direction characters made visible, long text cut.

    All output of weaklab is cleaned: texts, ids and names may come from untrusted data, and a terminal obeys control
    characters in them.

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
    r"""Return text of several lines that is safe to show; line feeds are kept.

    >>> clean_lines("a\x1b[31m\nb\r")
    'a␛[31m\nb '
    """
    return "\n".join(clean(line, None) for line in text.split("\n"))


def some_of(names: Sequence[str], most: int = MOST_NAMED) -> str:
    """Return names in one line; if there are too many, the first ones and the number of the others.

    >>> some_of(["a", "b", "c"]), some_of(["a", "b", "c"], most=2)
    ('a, b, c', 'a, b and 1 more')
    """
    return ", ".join(names) if len(names) <= most else f"{', '.join(names[:most])} and {len(names) - most:,} more"


def has_controls(text: str) -> bool:
    r"""Whether a name contains control characters, which names must not contain.

    >>> has_controls("spam"), has_controls("sp\x1bam"), has_controls("a\nb")
    (False, True, True)
    """
    return _CONTROL.search(text) is not None


def json_text(value: Any) -> str:
    r"""Return JSON in one line that is safe to show: characters that :func:`clean` changes are escaped.

    Programs that read the JSON get the original text.

    >>> json_text({"text": "\u202ea\x9bb\x7f", "label": "ü"})
    '{"text": "\\u202ea\\u009bb\\u007f", "label": "ü"}'
    """
    return _UNSAFE.sub(
        lambda found: json.dumps(found.group())[1:-1].replace("\x7f", "\\u007f"), json.dumps(value, ensure_ascii=False)
    )


def counted(n: int, word: str) -> str:
    """Return a number with its noun, in the singular or plural.

    >>> counted(1, "record"), counted(1200, "record")
    ('1 record', '1,200 records')
    """
    return f"{n:,} {word}" if n == 1 else f"{n:,} {word}s"


def terminal_width() -> int:
    """Return the width of the terminal, 80 if it is not known."""
    return max(LEAST_WIDTH, shutil.get_terminal_size((FIRST_GUESS, 24)).columns)


@dataclass
class Table:
    """A table with a title above it and notes below it.

    Parameters
    ----------
    title : line above the table
    columns : column names
    rows : one sequence of cells per row; numbers are aligned right, None is shown as an empty cell
    notes : lines below the table

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
        """Return the cells, unformatted, as a DataFrame."""
        import pandas as pd

        return pd.DataFrame([list(row) for row in self.rows], columns=list(self.columns))

    def numeric(self, column: int) -> bool:
        """Whether a column contains numbers, which are aligned right."""
        cells = [row[column] for row in self.rows if row[column] is not None]
        return bool(cells) and all(isinstance(c, (int, float)) or _is_figure(str(c)) for c in cells)

    def __str__(self) -> str:
        lines = self._lines()
        title = [clean(self.title, None)] if self.title else []
        shown = [*title, *(_aligned(lines, self._widths(lines), self._right()) if self.rows else [])]
        return "\n".join([*shown, *(clean(note, None) for note in self.notes)])

    __repr__ = __str__

    def fitted(self, to: int | None = None) -> str:
        """Return the table as text with lines of at most ``to`` cells, by default the width of the terminal.

        Texts are wrapped, the widest column first; numbers are not. If the columns still do not fit, the remaining
        columns follow below, with the first column repeated.

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
        """Return the smallest width to which a column may be wrapped."""
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
    """Return a cell as text: floats with three digits, '' for None and NaN, other values safe to show."""
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
    r"""Return the width of a text in terminal cells: two for a wide character, none for a combining mark.

    >>> width("ab"), width("日本"), width("e\u0301")
    (2, 4, 1)
    """
    return len(text) if text.isascii() else sum(map(_cell_width, text))


def _cell_width(character: str) -> int:
    if character == "\ufe0f":  # it turns the character before it into an emoji, which is twice as wide
        return 1
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def wrapped(text: str, to: int) -> list[str]:
    """Break a text into one or more lines of at most ``to`` terminal cells, between words if possible.

    Spaces at the beginning stand before each line. A word that is too long for a line is folded after a separator,
    such as ``_``, ``-``, ``.`` or ``/``, if possible.

    >>> wrapped("a longer text", 8), wrapped("日本語", 4), wrapped("card_payment_fee", 13)
    (['a longer', 'text'], ['日本', '語'], ['card_payment_', 'fee'])
    >>> wrapped("  a longer text", 10)
    ['  a longer', '  text']
    """
    if width(text) <= to:
        return [text]
    indent = " " * (len(text) - len(text.lstrip(" ")))
    if 0 < len(indent) <= to // 2:
        return [indent + line for line in wrapped(text.lstrip(" "), to - len(indent))]
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
    """Fold a word that is longer than a line, after separators where there are any."""
    lines, line = [], ""
    for part in _SEAM.split(word):
        if line and width(line + part) > to:
            lines.append(line)
            line = ""
        *full, line = _cut(line + part, to)
        lines += full
    return [*lines, line]


def _cut(word: str, to: int) -> list[str]:
    """Cut a word without separators into pieces that fit a line."""
    pieces, piece, taken = [], "", 0
    for character in word:
        cells = _cell_width(character)
        if piece and taken + cells > to:
            pieces.append(piece)
            piece, taken = "", 0
        piece, taken = piece + character, taken + cells
    return [*pieces, piece]


def _blocks(least: Sequence[int], to: int) -> list[list[int]]:
    """Group columns into blocks that fit into one line each; every block starts with the first column."""
    blocks, taken = [[0]], least[0]
    for j in range(1, len(least)):
        if taken + 2 + least[j] > to and len(blocks[-1]) > 1:
            blocks.append([0])
            taken = least[0]
        blocks[-1].append(j)
        taken += 2 + least[j]
    return blocks


def _shared_out(natural: Sequence[int], least: Sequence[int], to: int) -> list[int]:
    """Return column widths between least and natural width that use the available space; narrow columns come first."""
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
