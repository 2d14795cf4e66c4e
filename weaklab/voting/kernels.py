"""Compiled loops over the bytes of a text column; imported only for batches that are large enough to repay the
import.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray


@njit(nogil=True, cache=True, inline="always")
def _mix(character: int) -> np.uint64:
    """The same as :func:`weaklab.voting.words.mix`."""
    z = np.uint64(character + 1) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    return z ^ (z >> np.uint64(27))


@njit(nogil=True, cache=True)
def _decode(data: NDArray[np.uint8], p: int, end: int) -> Any:
    """Return the code point whose UTF-8 begins at ``p``, and where the next begins."""
    b = np.int64(data[p])
    if b < 0xC0:
        return b, p + 1
    n = 2 if b < 0xE0 else 3 if b < 0xF0 else 4
    c = b & (0xFF >> (n + 1))
    q = p + 1
    while q < p + n and q < end:
        c = (c << 6) | (np.int64(data[q]) & 0x3F)
        q += 1
    return min(c, 0x10FFFF), q


@njit(nogil=True, cache=True)
def _before(data: NDArray[np.uint8], p: int, begin: int) -> int:
    """Return where the character begins that ends before ``p``."""
    p -= 1
    while p > begin and (data[p] & 0xC0) == 0x80:
        p -= 1
    return p


@njit(nogil=True, cache=True)
def _token_is(
    data: NDArray[np.uint8], begin: int, end: int, fold: NDArray[np.int32], letters: NDArray[np.int32]
) -> int:
    """Return where the token begins that ends at ``end`` and folds to ``letters``, -1 where it folds to anything
    else.
    """
    p = end
    for i in range(len(letters) - 1, -1, -1):
        if p == begin:
            return -1
        q = p - 1
        c = np.int64(data[q])
        if c >= 128:
            q = _before(data, p, begin)
            c = _decode(data, q, p)[0]
        if fold[c] != letters[i]:
            return -1
        p = q
    if p > begin and fold[_decode(data, _before(data, p, begin), p)[0]] >= 0:
        return -1
    return p


@njit(nogil=True, cache=True)
def _put(  # type: ignore[no-untyped-def]  # arrays as in find_words
    data, begin, end, h, row, fold, keys, ids, letters, letters_at, posts_at, posts, exact, exact_at, codes, votes
):
    """Let all lists vote that hold the token which ends at ``end`` and has the hash ``h``."""
    mask = np.uint64(len(keys) - 1)
    j = (h >> np.uint64(20)) & mask
    while keys[j] != 0:
        if keys[j] == h:
            w = ids[j]
            start = _token_is(data, begin, end, fold, letters[letters_at[w] : letters_at[w + 1]])
            if start >= 0:
                for k in range(posts_at[w], posts_at[w + 1]):
                    a, n = exact_at[k], exact_at[k + 1] - exact_at[k]
                    same = n == 0 or n == end - start
                    for i in range(n if same else 0):
                        same = same and exact[a + i] == data[start + i]
                    if same:
                        votes[posts[k], row] = codes[posts[k]]
                return
        j = (j + np.uint64(1)) & mask


@njit(nogil=True, cache=True)
def find_words(  # type: ignore[no-untyped-def]  # arrays, see below
    data, offsets, hashes, keeps, fold,
    few, keys, ids, letters, letters_at,
    posts_at, posts, exact, exact_at, codes, votes,
):  # fmt: skip
    r"""Vote for every list that has a word in a row; a token is a run of ``\w``.

    The hash of a token is rotated by one and xor-ed with the number of each letter, so that a byte costs no
    multiplication; it only proposes, and the letters of the token are compared before a vote.

    Parameters
    ----------
    data, offsets : uint8 and int64 (n + 1,), UTF-8 of n rows
    hashes, keeps : uint64 (128,), the number of an ASCII letter of a word and all bits, 0 and 0 for other characters
    fold : int32 (0x110000,), see :func:`weaklab.voting.folding.fold_table`
    few : uint8 (a power of 2,), 1 where some word has a hash with these low bits
    keys, ids : uint64 and int32 (a power of 2,), open addressing from hash to word
    letters, letters_at : int32, the folded code points of every word, one word after the other
    posts_at, posts : word -> the rows of ``votes`` of its lists
    exact, exact_at : uint8 and int64, for every entry of ``posts`` the UTF-8 that the token must have, empty where case
        is free
    codes : int8 (m,), what each list votes
    votes : int8 (m, n), written to
    """
    mask = np.uint64(len(few) - 1)
    one, rest, zero = np.uint64(1), np.uint64(63), np.uint64(0)
    for row in range(len(offsets) - 1):
        begin, end = offsets[row], offsets[row + 1]
        h = zero
        p = begin
        while p < end:
            b = data[np.uint64(p)]
            if b < 128:
                x, keep = hashes[b], keeps[b]
                if np.uint64(few[h & mask]) & ~keep:
                    _put(
                        data, begin, p, h, row,
                        fold, keys, ids, letters, letters_at, posts_at, posts, exact, exact_at, codes, votes,
                    )  # fmt: skip
                h = (((h << one) | (h >> rest)) ^ x) & keep
                p += 1
                continue
            c, after = _decode(data, p, end)
            least = fold[c]
            if least >= 0:
                h = ((h << one) | (h >> rest)) ^ _mix(least)
            else:
                if few[h & mask]:
                    _put(
                        data, begin, p, h, row,
                        fold, keys, ids, letters, letters_at, posts_at, posts, exact, exact_at, codes, votes,
                    )  # fmt: skip
                h = zero
            p = after
        if few[h & mask]:
            _put(
                data, begin, end, h, row,
                fold, keys, ids, letters, letters_at, posts_at, posts, exact, exact_at, codes, votes,
            )  # fmt: skip


@njit(nogil=True, cache=True)
def find_bytes(data, offsets, table, bits, hits):  # type: ignore[no-untyped-def]  # arrays, see below
    """Find sequences of byte sets, up to 2 x 64 positions in all, with two independent shifts a byte.

    R. Baeza-Yates and G. Gonnet, A new approach to text searching, Communications of the ACM 35(10), 1992 (Shift-And).

    Parameters
    ----------
    data, offsets : uint8 and int64 (n + 1,), n rows
    table : uint64 (256, 2), the positions whose set holds the byte
    bits : uint64 (4, 2), the positions that may come first, anywhere and at the first byte of a row, and those that end
        a sequence, anywhere and at the last byte of a row
    hits : uint64 (n, 2), written to: the ends that were reached
    """
    one = np.uint64(1)
    start0, start1 = bits[0, 0], bits[0, 1]
    for row in range(len(offsets) - 1):
        begin, end = offsets[row], offsets[row + 1]
        state0 = state1 = seen0 = seen1 = np.uint64(0)
        if begin < end:
            state0 = seen0 = bits[1, 0] & table[data[begin], 0]
            state1 = seen1 = bits[1, 1] & table[data[begin], 1]
        for p in range(begin + 1, end):
            b = data[np.uint64(p)]
            state0 = ((state0 << one) | start0) & table[b, 0]
            state1 = ((state1 << one) | start1) & table[b, 1]
            seen0 |= state0
            seen1 |= state1
        hits[row, 0] = (seen0 & bits[2, 0]) | (state0 & bits[3, 0])
        hits[row, 1] = (seen1 & bits[2, 1]) | (state1 & bits[3, 1])


@njit(nogil=True, cache=True)
def run_automaton(data, offsets, rows, table, kinds, extra, groups, width, start, found):  # type: ignore[no-untyped-def]  # arrays, see below
    """Write whether an automaton finds a match in each row, see :class:`weaklab.voting.automata.Automaton`.

    Parameters
    ----------
    data, offsets : uint8 and int64 (n + 1,), UTF-8 of n rows
    rows : int64, the rows to read
    table, kinds, extra, width, start : of the automaton
    groups : uint8 (0x110000,), see :func:`weaklab.voting.automata.character_groups`
    found : bool (rows,), written to
    """
    for i in range(len(rows)):
        p, end = offsets[rows[i]], offsets[rows[i] + 1]
        final = end > p and data[end - 1] == 10
        stop = end - 1 if final else end
        state = start
        while p < stop:
            b = data[np.uint64(p)]
            if b < 128:
                state = np.int64(table[np.uint64(state + kinds[b])])
                p += 1
            else:
                c, p = _decode(data, p, stop)
                k = np.int64(128 + groups[c])
                low, high = 0, len(extra)
                while low < high:
                    middle = (low + high) >> 1
                    if extra[middle] < c:
                        low = middle + 1
                    else:
                        high = middle
                if low < len(extra) and extra[low] == c:
                    k = np.int64(132 + low)
                state = np.int64(table[state + kinds[k]])
            if state <= width:
                break
        if state > width and final:
            state = np.int64(table[state + width - 2])
        if state > width:
            state = np.int64(table[state + width - 1])
        found[i] = state == 0
