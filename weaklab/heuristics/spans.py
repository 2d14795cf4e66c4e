"""Where in a text a heuristic found what it looks for."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from weaklab.heuristics.amended import Amended
from weaklab.heuristics.declared import Keywords, TextSearch

if TYPE_CHECKING:
    from weaklab.heuristics.ballot import Heuristic

MOST_FOUND = 200
"""Places in one text."""
QUICK_SECONDS = 0.002
"""A pattern is looked for more than once in a text only if the first search took less."""


def searched_column(heuristic: Heuristic) -> str | None:
    """Return the column that keywords or a pattern search; None for any other heuristic."""
    while isinstance(heuristic, Amended):
        heuristic = heuristic.inner
    return heuristic.column if isinstance(heuristic, TextSearch) else None


def spans_in(heuristic: Heuristic, text: str) -> list[tuple[int, int]]:
    """Return (start, end) of what keywords or a pattern find in a text; of a slow pattern the first place alone.

    Other heuristics cannot say it: [].

    Examples
    --------
    >>> from weaklab.heuristics import keywords
    >>> spans_in(keywords("spam", ["prize", "win"]), "Win a prize")
    [(0, 3), (6, 11)]
    """
    while isinstance(heuristic, Amended):
        heuristic = heuristic.inner
    if not isinstance(heuristic, TextSearch):
        return []
    start = time.perf_counter()
    first = heuristic.regex.search(text)
    if first is None:
        return []
    if not isinstance(heuristic, Keywords) and time.perf_counter() - start > QUICK_SECONDS:
        found = [first.span()]
    else:
        places = zip(heuristic.regex.finditer(text), range(MOST_FOUND), strict=False)
        found = [match.span() for match, _ in places]
    return [(low, high) for low, high in found if high > low]
