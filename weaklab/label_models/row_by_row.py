"""What a label model says about each row, without asking twice about rows with the same votes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.core.rows import BLOCK, blocks
from weaklab.core.votes import Votes
from weaklab.label_models.vote_patterns import MOST_NUMBERS, all_rows, compiled, group_rows, plain, repeats

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


def each_row(votes: Votes, what: Callable[[Votes], NDArray[Any]], k: int, by_rows: bool = True) -> NDArray[Any]:
    """Return ``what`` says about each row, (n, ...).

    Many records have the same votes. Where votes are all there is, ``what`` is asked about each different row only
    once. All other rows go through in blocks, so that what is computed on the way fits into the processor's cache.

    Parameters
    ----------
    votes : of n rows
    what : function of the votes of some rows that returns an array with as many rows
    k : number of classes
    by_rows : whether what is said about a row depends on that row alone; if not, all rows are asked about at once

    Examples
    --------
    >>> each_row(Votes([[0, 1], [-1, 1]]), lambda votes: (votes.L == 1).sum(axis=1), 2).tolist()
    [1, 1]
    """
    L = votes.L
    n, m = L.shape
    if n <= BLOCK or not m or not by_rows:
        return what(votes)
    loops, numbers = compiled(L.size), (k + 1.0) ** m
    if votes.votes_only and loops is not None:
        if numbers <= min(MOST_NUMBERS, n / 4):
            table = np.ascontiguousarray(what(Votes(all_rows(m, k))))
            found, number = np.empty((n, *table.shape[1:]), dtype=table.dtype), np.empty(BLOCK, dtype=np.int64)
            for rows in blocks(n):
                here = number[: rows.stop - rows.start]
                loops.row_numbers(plain(L[rows]), k + 1, here)
                np.take(table, here, axis=0, out=found[rows], mode="clip")
            return found
        if repeats(L):
            first, _, kinds = group_rows(L)
            return np.take(_each_block(Votes(L[first]), what), kinds, axis=0)
    return _each_block(votes, what)


def _each_block(votes: Votes, what: Callable[[Votes], NDArray[Any]]) -> NDArray[Any]:
    found: NDArray[Any] | None = None
    loops = compiled(votes.L.size)
    for rows in blocks(len(votes)):
        block = votes.take(rows)
        part = what(block if loops is None else replace(block, L=plain(block.L)))
        if found is None:
            found = np.empty(
                (len(votes), *part.shape[1:]), dtype=part.dtype, order="F" if part.flags.f_contiguous else "C"
            )
        found[rows] = part
    return what(votes) if found is None else found
