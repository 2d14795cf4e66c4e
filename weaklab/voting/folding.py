r"""Which characters Python's ``re`` takes for letters of a word, and which for the same letter in another case.

The tables hold what ``re`` does (``\w`` and ``re.IGNORECASE`` for Unicode), which is neither ``str.lower`` nor
``str.casefold``: ``re`` lowers one character at a time and knows a few more pairs, such as the long s and s.
"""

from __future__ import annotations

import re
import sys
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

N_CHARACTERS = sys.maxunicode + 1
LAST_CASED_PLANE = 0x20000
"""No character above this has another case (Unicode 16: the last is U+1E943); a test compares the tables with
``re``."""


@cache
def _lowered() -> dict[int, int]:
    """Return code point -> the code point that stands for it, where that is another one."""
    import _sre  # type: ignore[import-not-found]
    from re import _casefix  # type: ignore[attr-defined]  # the table that re itself compiles with

    extra: dict[int, tuple[int, ...]] = _casefix._EXTRA_CASES
    lower = ((c, _sre.unicode_tolower(c)) for c in range(LAST_CASED_PLANE))
    return {c: least for c, low in lower if (least := min(low, *extra.get(low, (low,)))) != c}


@cache
def _classes() -> dict[int, frozenset[int]]:
    """Return representative -> all characters that it stands for, where there are several."""
    members: dict[int, set[int]] = {}
    for character, least in _lowered().items():
        members.setdefault(least, {least}).add(character)
    return {least: frozenset(found) for least, found in members.items()}


def representative(character: int) -> int:
    """Return the code point that stands for all that equal this one under ``re.IGNORECASE``.

    >>> chr(representative(ord("S"))), chr(representative(ord("ſ"))), chr(representative(ord("é")))
    ('s', 's', 'é')
    """
    return _lowered().get(character, character)


def same_letters(character: int) -> frozenset[int]:
    """Return all code points that equal this one under ``re.IGNORECASE``, itself among them.

    >>> sorted(map(chr, same_letters(ord("k"))))
    ['K', 'k', '\u212a']
    """
    least = representative(character)
    return _classes().get(least, frozenset([least]))


def is_word(character: int) -> bool:
    r"""Tell whether a code point is ``\w``.

    >>> [is_word(ord(c)) for c in "a_é٣-"]
    [True, True, True, True, False]
    """
    return character == ord("_") or chr(character).isalnum()


@cache
def fold_table() -> NDArray[np.int32]:
    r"""Return int32 (0x110000,): the representative of every code point that is ``\w``, -1 for all others."""
    import numpy as np

    every = np.arange(N_CHARACTERS, dtype=np.int32)
    table = np.where(np.char.isalnum(every.view("U1")), every, np.int32(-1))
    table[ord("_")] = ord("_")
    changed = [(c, least) for c, least in _lowered().items() if table[c] >= 0]
    table[[c for c, _ in changed]] = [least for _, least in changed]
    table.flags.writeable = False
    return table


@cache
def lead_bytes(category: str) -> frozenset[int]:
    r"""Return the first UTF-8 bytes of the non-ASCII characters of a category of ``re``, such as ``\d``."""
    found = re.findall(category, "".join(map(chr, (*range(128, 0xD800), *range(0xE000, N_CHARACTERS)))))
    return frozenset(character.encode()[0] for character in found)
