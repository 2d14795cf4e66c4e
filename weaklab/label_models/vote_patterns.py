"""Large label matrices: rows that come again and again, rows in blocks, samples of rows, and when compiled loops are
used for them.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.core.labels import ABSTAIN
from weaklab.core.rows import blocks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from numpy.typing import NDArray

    Codes = NDArray[np.integer[Any]]

PAYS = 1_000_000
"""From this many cells on compiled loops are loaded: half a second, once, where each fit and each prediction saves tens
of milliseconds."""
SMALL = 20_000
"""Below this many cells they are not called even if they are there: numpy takes no longer."""
MOST_NUMBERS = 2**18
"""Rows are looked up by the number that their votes spell where there are so few numbers: what is kept for each fits
into a cache."""
TRIED = 2_000
"""Number of rows in the sample that decides whether rows repeat."""
REPEATED = 8
"""Rows are grouped if this many are equal on average: finding an equal row costs about as much as adding its votes
up."""


def compiled(cells: int) -> ModuleType | None:
    """Return the module of compiled loops if it pays for this many cells; they give what numpy gives, bit for bit."""
    if cells < (SMALL if "weaklab.label_models.kernels" in sys.modules else PAYS):
        return None
    from weaklab.label_models import kernels

    return kernels


def plain(L: Codes) -> NDArray[np.int8]:
    """Return votes as the compiled loops take them: int8, in C order, writeable; no copy where they are so already."""
    votes = np.ascontiguousarray(L, dtype=np.int8)
    return votes if votes.flags.writeable else votes.copy()


def vote_blocks(L: Codes) -> Iterator[tuple[slice, NDArray[np.int8]]]:
    """Go through the rows of a matrix block by block, as the compiled loops take them."""
    for rows in blocks(len(L)):
        yield rows, plain(L[rows])


def any_vote(L: Codes) -> NDArray[np.bool_]:
    """Return whether anybody votes on each row: bool (n,).

    >>> any_vote(np.array([[0, -1], [-1, -1]])).tolist()
    [True, False]
    """
    voted = np.zeros(len(L), dtype=bool)
    loops = compiled(L.size)
    if loops is None:
        for j in range(L.shape[1]):
            voted |= L[:, j] != ABSTAIN
        return voted
    for rows, part in vote_blocks(L):
        loops.any_vote(part, voted[rows])
    return voted


def all_rows(m: int, k: int) -> NDArray[np.int8]:
    """Return every row that there can be, int8 ((k + 1)^m, m), each at the place of the number that its votes spell.

    >>> all_rows(2, 2).tolist()[:4]
    [[-1, -1], [-1, 0], [-1, 1], [0, -1]]
    """
    numbers = np.arange((k + 1) ** m)
    rows = np.empty((len(numbers), m), dtype=np.int8)
    for j in reversed(range(m)):
        numbers, digit = np.divmod(numbers, k + 1)
        rows[:, j] = digit - 1
    return rows


def group_rows(L: Codes, y: Codes | None = None) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the first of each kind of equal rows of (L, y), how often it comes, and which kind each row is: (u,),
    (u,), (n,).

    Kinds are numbered as they first come.
    """
    from weaklab.label_models import kernels

    n = len(L)
    slots = np.full(2 ** int(np.ceil(np.log2(2 * n + 2))), -1, dtype=np.int64)
    first, counts, kinds = np.empty(n, dtype=np.int64), np.zeros(n, dtype=np.int64), np.empty(n, dtype=np.int64)
    labels = np.full(n, ABSTAIN, dtype=np.int8) if y is None else y.astype(np.int8)
    found = kernels.group_rows(plain(L), labels, slots, first, counts, kinds)
    return first[:found].copy(), counts[:found].copy(), kinds


def repeats(L: Codes) -> bool:
    """Whether most rows have many equals, judged by a sample: of rows that all differ, a sample has no two that are
    equal.

    A sample of s rows in which each comes ``REPEATED`` times or more holds s / REPEATED kinds at most. Where there are
    more kinds than the sample can show, grouping pays little.
    """
    rows = plain(L[np.arange(TRIED) * len(L) // TRIED])
    kinds = np.unique(rows.view(np.dtype((np.void, rows.shape[1]))))
    return len(kinds) * REPEATED <= TRIED


def row_hashes(numbers: NDArray[np.integer[Any]]) -> NDArray[np.uint64]:
    """Return a random number for each number of a row, always the same: uint64 (r,).

    SplitMix64, of Steele, Lea and Flood (2014), Fast splittable pseudorandom number generators, OOPSLA.
    """
    h = (numbers + 1).astype(np.uint64)
    h *= np.uint64(0x9E3779B97F4A7C15)
    h ^= h >> np.uint64(30)
    h *= np.uint64(0xBF58476D1CE4E5B9)
    h ^= h >> np.uint64(27)
    h *= np.uint64(0x94D049BB133111EB)
    h ^= h >> np.uint64(31)
    return h


def in_sample(numbers: NDArray[np.integer[Any]], share: float) -> NDArray[np.bool_]:
    """Return which rows are in a random sample of about this share of all, by their numbers alone: bool (r,).

    A smaller sample is part of a larger one.
    """
    return np.ones(len(numbers), dtype=bool) if share >= 1 else row_hashes(numbers) < np.uint64(int(share * 2.0**64))


def sample_rows(n: int, share: float) -> NDArray[np.int64]:
    """Return the numbers of the rows that are in the sample, of n rows: int64, ascending.

    >>> sample_rows(1000, 0.005).tolist()
    [254, 366, 410, 503, 566, 821]
    """
    found = [rows.start + np.flatnonzero(in_sample(np.arange(rows.start, rows.stop), share)) for rows in blocks(n)]
    return np.concatenate([np.zeros(0, dtype=np.int64), *found])
