"""One small table for all that weaklab shows: HTML in a notebook, aligned text elsewhere."""

from __future__ import annotations

import html
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd

MAX_TEXT = 200
_BIDI = {chr(c) for c in (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))}


def clean(text: str, limit: int | None = MAX_TEXT) -> str:
    r"""Return text that is safe to show: control and direction characters made visible, long text cut.

    >>> clean("a\x00b\u202ec\nd")
    'a␀b⟨202E⟩c d'
    """
    if limit is not None and len(text) > limit:
        text = text[: limit - 1].rstrip() + "…"
    shown = []
    for character in text:
        code = ord(character)
        if character in "\n\t\r":
            shown.append(" ")
        elif code < 32:
            shown.append(chr(0x2400 + code))
        elif character in _BIDI or 0xD800 <= code <= 0xDFFF or 0x7F <= code < 0xA0:
            shown.append(f"⟨{code:04X}⟩")
        else:
            shown.append(character)
    return "".join(shown)


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
        cells = [[cell_text(c) for c in row] for row in self.rows]
        header = [str(c) for c in self.columns]
        widths = [max(width(line[j]) for line in [header, *cells]) for j in range(len(header))]
        right = [self.numeric(j) for j in range(len(header))]
        lines = [self.title] if self.title else []
        if cells:
            lines += ["  ".join(_pad(c, w, r) for c, w, r in zip(line, widths, right, strict=True)).rstrip() for line in [header, *cells]]
        return "\n".join([*lines, *(clean(note, None) for note in self.notes)])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        right = [' style="text-align:right"' if self.numeric(j) else ' style="text-align:left"' for j in range(len(self.columns))]
        head = "".join(f"<th{a}>{html.escape(str(c))}</th>" for a, c in zip(right, self.columns, strict=True))
        body = "".join(
            "<tr>" + "".join(f"<td{a}>{html.escape(cell_text(c))}</td>" for a, c in zip(right, row, strict=True)) + "</tr>"
            for row in self.rows
        )
        notes = "".join(f"<div>{html.escape(clean(note, None))}</div>" for note in self.notes)
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>" if self.rows else ""
        return f'<div><div style="margin:4px 0"><b>{html.escape(self.title)}</b></div>{table}<div style="margin:6px 0">{notes}</div></div>'


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
    """How many terminal cells a text takes: wide characters take two, combining marks none."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _pad(text: str, to: int, right: bool) -> str:
    space = " " * (to - width(text))
    return space + text if right else text + space


def _is_figure(text: str) -> bool:
    return text.replace(",", "").replace("%", "").replace(".", "", 1).replace("-", "", 1).strip().isdigit()
