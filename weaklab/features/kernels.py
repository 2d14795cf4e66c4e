"""Compiled loops that count the n-grams of texts; imported only where there are texts enough to pay for the compiler.

N-grams are kept in one trie. An edge of it is a *symbol*: one character of UTF-8, or four bytes of a word, in the low
32 bits of a number; bit 32 says that a word starts there. The trie is a hash table from (parent, symbol), 64 bits in
all, to the child, so that a look-up compares whole n-grams and never mere hashes. Node 0 is the root.
"""

from __future__ import annotations

import numpy as np
from numba import njit

WORD, SIGN, SPACE = 1, 2, 3
"""What a character may be: part of a word, a word of its own, or white space; 0 is anything else."""
_STARTS = np.uint64(1 << 32)
_PARENT = np.uint64(33)
_LOW = np.uint64((1 << 33) - 1)
_MIX = np.uint64(
    0x9E3779B97F4A7C15
)  # 2**64 over the golden ratio: Knuth (1973), The Art of Computer Programming 3, section 6.4
_DE_BRUIJN, _SIX = np.uint64(0x03F79D71B4CB0A89), np.uint64(58)
_PLACE = np.zeros(
    64, dtype=np.uint8
)  # Leiserson, Prokop and Randall (1998), Using de Bruijn sequences to index a 1 in a computer word
for _place in range(64):
    _PLACE[(0x03F79D71B4CB0A89 << _place & (1 << 64) - 1) >> 58] = _place
_HALF = np.uint64(32)
_NODE = np.uint64((1 << 32) - 1)


@njit(nogil=True, cache=True)
def _bytes(text, start, stop):  # type: ignore[no-untyped-def]
    """Return at most four bytes as the symbol they make."""
    symbol = np.uint64(0)
    for k in range(start, stop):
        symbol |= np.uint64(text[k]) << np.uint64(8 * (k - start))
    return symbol


@njit(nogil=True, cache=True)
def _character(text, at):  # type: ignore[no-untyped-def]
    """Return the code point of UTF-8 that starts at ``at``, and how many bytes it has."""
    lead = np.int64(text[at])
    if lead < 0x80:
        return lead, 1
    if lead < 0xE0:
        return (lead & 0x1F) << 6 | (text[at + 1] & 0x3F), 2
    if lead < 0xF0:
        return (lead & 0x0F) << 12 | (text[at + 1] & 0x3F) << 6 | (text[at + 2] & 0x3F), 3
    return (lead & 0x07) << 18 | (text[at + 1] & 0x3F) << 12 | (text[at + 2] & 0x3F) << 6 | (text[at + 3] & 0x3F), 4


@njit(nogil=True, cache=True)
def _words(text, at, stop, kinds, symbols, units):  # type: ignore[no-untyped-def]
    """Write the symbols of all words, and where each word starts among them; return how many words there are."""
    n_symbols, n_units = 0, 0
    while at < stop:
        start = at
        code, length = _character(text, at)
        kind = kinds[code]
        at += length
        if kind != WORD and kind != SIGN:
            continue
        while kind == WORD and at < stop:
            code, length = _character(text, at)
            if kinds[code] != WORD:
                break
            at += length
        units[n_units] = n_symbols
        n_units += 1
        for part in range(start, at, 4):
            symbols[n_symbols] = _bytes(text, part, min(part + 4, at)) | (_STARTS if part == start else np.uint64(0))
            n_symbols += 1
    units[n_units] = n_symbols
    return n_units


@njit(nogil=True, cache=True)
def _characters(text, at, stop, kinds, whole, symbols, units):  # type: ignore[no-untyped-def]
    """Write the characters of the next word, a space before and after it, or of the whole text; return where it ends,
    and how many.
    """
    n = 0
    if not whole:
        while at < stop:
            code, length = _character(text, at)
            if kinds[code] != SPACE:
                break
            at += length
        if at == stop:
            return at, 0
        symbols[0] = np.uint64(32)
        n = 1
    while at < stop:
        code, length = _character(text, at)
        if not whole and kinds[code] == SPACE:
            break
        symbols[n] = _bytes(text, at, at + length)
        n += 1
        at += length
    if not whole:
        symbols[n] = np.uint64(32)
        n += 1
    for unit in range(n + 1):
        units[unit] = unit
    return at, n


@njit(nogil=True, cache=True)
def _slot(slots, key):  # type: ignore[no-untyped-def]
    """Return where a key is, or the empty slot where it would be."""
    mixed = key * _MIX
    mask = np.uint64(len(slots) - 1)
    at = (mixed ^ (mixed >> _HALF)) & mask
    while slots[at, 1] != 0 and slots[at, 0] != key:
        at = (at + np.uint64(1)) & mask
    return at


@njit(nogil=True, cache=True)
def place(keys, column, size, slots):  # type: ignore[no-untyped-def]
    """Enter all nodes in empty slots."""
    for node in range(1, size):
        at = _slot(slots, keys[node])
        slots[at, 0], slots[at, 1] = keys[node], np.uint64(node) | np.uint64(column[node] + 1) << _HALF


@njit(nogil=True, cache=True)
def _lowest(bits):  # type: ignore[no-untyped-def]
    """Return the place of the lowest bit that is set."""
    return np.int64(_PLACE[((bits & (~bits + np.uint64(1))) * _DE_BRUIJN) >> _SIX])


@njit(nogil=True, cache=True)
def count(  # type: ignore[no-untyped-def]
    text, ends, row, kinds, by_word, shortest, longest, whole, learn, slots, keys, column, size, n_columns,
    symbols, units, nodes, tally, marks, above, indices, counts, indptr,
):  # fmt: skip
    """Count the n-grams of texts from ``row`` on, as far as there is room for nodes and numbers.

    Parameters
    ----------
    text : uint8, all texts in UTF-8, one after the other
    ends : int64 (n + 1,), where the first starts and where each ends
    row : int, the first text to read
    kinds : uint8 (0x110000,), what each character is
    by_word : bool, n-grams of words, or of the characters of words with a space before and after
    shortest, longest : int
    whole : bool, every text is one n-gram, whatever its length
    learn : bool, n-grams that are new become columns, in the order in which they are met; or they are left out
    slots, keys, column, size, n_columns : the trie: uint64 (s, 2), key, and node beside column + 1 in the high bits, a
        power of two of them, some of them empty; uint64 key of every node; int32 column of every node or -1; how many
        nodes and columns there are
    symbols, units, nodes : uint64, int64 and uint64, to work in, room for the longest text
    tally, marks, above : int32, uint64 and uint64, zeros: a number for each column, a bit for each, and one for each 64
    indices, counts, indptr : int32, float32 and int64 (n + 1,), the matrix in CSR form, filled up to ``row``

    Returns
    -------
    (row, size, n_columns, most)
        The row is n when all texts are read; otherwise ``most`` says how much room that row may want.
    """
    used = indptr[row]
    most, n_units = 0, 0
    while row < len(ends) - 1:
        at, stop = ends[row], ends[row + 1]
        most = 2 * (stop - at) + 2  # characters of words of one byte, each with two spaces
        if by_word:
            n_units = _words(text, at, stop, kinds, symbols, units)
            most = units[n_units]
        most *= 1 if whole else min(longest, most)
        if used + most > len(indices) or (learn and size + most > len(keys)):
            break
        while at < stop:
            if by_word:
                at = stop
            else:
                at, n_units = _characters(text, at, stop, kinds, whole, symbols, units)
            least = n_units if whole else shortest if by_word else min(shortest, n_units)  # a short word counts once
            starts = min(n_units, 1) if whole else n_units
            for start in range(starts):
                nodes[start] = 0
            for level in range(
                min(longest, n_units)
            ):  # not one start after the other: look-ups that do not wait for each other
                for start in range(min(starts, n_units - level)):
                    node = nodes[start]
                    if level > 0 and node == 0:
                        continue
                    slot = found = np.uint64(0)
                    for part in range(units[start + level], units[start + level + 1]):
                        key = node << _PARENT | symbols[part]
                        slot = _slot(slots, key)
                        found = slots[slot, 1]
                        node = found & _NODE
                        if node == 0:
                            if not learn:
                                break
                            node = found = np.uint64(size)
                            slots[slot, 0], slots[slot, 1], keys[size] = key, found, key
                            size += 1
                    nodes[start] = node
                    if node == 0 or level + 1 < least:
                        continue
                    number = np.int64(found >> _HALF) - 1
                    if number < 0:
                        if not learn:
                            continue
                        column[node] = number = n_columns
                        n_columns += 1
                        slots[slot, 1] = node | np.uint64(n_columns) << _HALF
                    tally[number] += 1
                    marks[number >> 6] |= np.uint64(1) << np.uint64(number & 63)
                    above[number >> 12] |= np.uint64(1) << np.uint64(number >> 6 & 63)
        for high in range(len(above)):  # by the bits that are set, and so in order
            upper, above[high] = above[high], np.uint64(0)
            while upper != 0:
                middle = high << 6 | _lowest(upper)
                upper &= upper - np.uint64(1)
                lower, marks[middle] = marks[middle], np.uint64(0)
                while lower != 0:
                    number = middle << 6 | _lowest(lower)
                    lower &= lower - np.uint64(1)
                    indices[used], counts[used], tally[number] = number, tally[number], 0
                    used += 1
        row += 1
        indptr[row] = used
    return row, size, n_columns, most


@njit(nogil=True, cache=True)
def spell(nodes, keys):  # type: ignore[no-untyped-def]
    """Return the n-grams that nodes stand for, UTF-8 in a row, a space between words, and where each ends: uint8, int64
    (n + 1,).
    """
    ends = np.zeros(len(nodes) + 1, np.int64)
    text = np.empty(0, np.uint8)
    for writes in (False, True):  # lengths first
        for n in range(len(nodes)):
            node, at = np.int64(nodes[n]), ends[n + 1] if writes else np.int64(0)
            while node != 0:
                symbol = keys[node] & _LOW
                node = np.int64(keys[node] >> _PARENT)
                length = 1
                while length < 4 and (symbol & (_STARTS - np.uint64(1))) >> np.uint64(8 * length) != 0:
                    length += 1
                spaced = symbol >= _STARTS and node != 0
                at += -(length + spaced) if writes else length + spaced
                if writes:
                    if spaced:
                        text[at] = 32
                    for k in range(length):
                        text[at + spaced + k] = np.uint8((symbol >> np.uint64(8 * k)) & np.uint64(255))
            if not writes:
                ends[n + 1] = ends[n] + at
        if not writes:
            text = np.empty(ends[-1], np.uint8)
    return text, ends
