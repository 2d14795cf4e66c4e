"""A record of columns as text: aligned lines of names and values in a terminal, or one line in a table."""

from __future__ import annotations

import json
import math
from datetime import datetime, time
from typing import TYPE_CHECKING, Any

from weaklab.core.tables import clean, width, wrapped

if TYPE_CHECKING:
    from collections.abc import Mapping

EMPTY = "(empty)"
MOST_TEXT = 2000
"""Characters of one value that are shown."""
MOST_NAME = 30
SHORT_VALUE = 24
"""Values up to this width stand beside each other where there is room; others get lines of their own."""
GAP, BETWEEN = 2, 4
"""Spaces after a name, and between columns that stand beside each other."""
LARGE = 1e5
MOST_NUMBERS = 6


def value_text(value: Any, limit: int = MOST_TEXT) -> str:
    r"""Return a value of a record as a short text: floats with six digits, dates without a time of midnight.

    >>> [value_text(value) for value in (0.11840000000000001, 1234567.5, 3, True, None, [1.0, 2.5], "a\nb")]
    ['0.1184', '1234567.5', '3', 'yes', '(empty)', '1, 2.5', 'a b']
    """
    if hasattr(value, "tolist"):
        value = value.tolist()
    if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
        return EMPTY
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return f"{len(value):,} bytes"
    if isinstance(value, datetime) and value.time() == time(0):
        value = value.date()
    if isinstance(value, list) and value and all(type(each) in (int, float) for each in value):
        return _numbers(value)
    if isinstance(value, (list, dict)):
        value = json.dumps(value, ensure_ascii=False, default=str)
    return clean(str(value), limit)


def _number(value: float) -> str:
    if LARGE <= abs(value) < 1e15:
        return f"{value:.2f}".rstrip("0").rstrip(".")
    return f"{value:.6g}"


def _numbers(values: list[Any]) -> str:
    shown = ", ".join(value_text(value) for value in values[:MOST_NUMBERS])
    return shown if len(values) <= MOST_NUMBERS else f"{shown}, ... ({len(values):,} numbers)"


def in_one_line(columns: Mapping[str, Any], limit: int) -> str:
    """Return a record in one line of at most this many characters, as a table shows it.

    >>> in_one_line({"words": 2, "size": 0.1, "visit": None}, 30)
    'words: 2, size: 0.1, visit: (…'
    """
    shown = []
    for name, value in columns.items():
        shown.append(f"{clean(name)}: {value_text(value, limit)}")
        if sum(map(len, shown)) > limit:
            break
    return clean(", ".join(shown), limit)


def record_lines(columns: Mapping[str, Any], to: int) -> list[str]:
    r"""Return a record as lines of at most ``to`` terminal cells: names and values, aligned.

    Short values stand in several columns if the lines are wide enough, to be read from the top down. Long ones follow,
    wrapped.

    >>> print(*record_lines({"words": 2, "mean size": 0.25, "note": "a remark of several words"}, 40), sep="\n")
    words      2
    mean size  0.25
    note       a remark of several words
    """
    texts = {clean(name): value_text(value) for name, value in columns.items()}
    short = {name: text for name, text in texts.items() if width(text) <= SHORT_VALUE}
    widest = max(map(width, short.values()), default=0)
    room = to - GAP - widest if len(short) == len(texts) else 0
    most = min(MOST_NAME, max(to // 2, room), max(map(width, texts), default=0))
    beside = most + GAP + widest
    if 2 * beside + BETWEEN > to or any(width(name) > most for name in short):
        return [line for name, text in texts.items() for line in _pair(name, text, most, to)]
    cells = [line for name, text in short.items() for line in _pair(name, text, most, beside)]
    return in_columns(cells, to) + [
        line for name, text in texts.items() if name not in short for line in _pair(name, text, most, to)
    ]


def _pair(name: str, text: str, most: int, to: int) -> list[str]:
    """Return a name and its value in lines, both wrapped."""
    names, texts = wrapped(name, most), wrapped(text, max(1, to - most - GAP))
    rows = max(len(names), len(texts))
    names += [""] * (rows - len(names))
    texts += [""] * (rows - len(texts))
    return [
        (left + " " * (most + GAP - width(left)) + right).rstrip() for left, right in zip(names, texts, strict=True)
    ]


def in_columns(cells: list[str], to: int) -> list[str]:
    """Return short texts in aligned columns that are read from the top down, in lines of at most ``to`` cells.

    >>> in_columns(["[1] ham", "[2] spam", "[3] other"], 24), in_columns(["[1] ham", "[2] spam"], 12)
    (['[1] ham     [3] other', '[2] spam'], ['[1] ham', '[2] spam'])
    """
    wide = max(map(width, cells), default=0)
    across = max(1, (to + BETWEEN) // (wide + BETWEEN))
    down = -(-len(cells) // across)
    rows = [cells[start::down] for start in range(down)]
    return [(" " * BETWEEN).join(cell + " " * (wide - width(cell)) for cell in row).rstrip() for row in rows]
