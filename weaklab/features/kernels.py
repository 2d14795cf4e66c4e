"""Compiled loops that count the n-grams of texts; imported only for many texts, because loading the compiler is slow.

All n-grams are stored in one trie. An edge of the trie is a *symbol*: one character, or up to four bytes of a word, in
the low 32 bits of a number; bit 32 is set if a word starts there. The trie is stored as a hash table from (parent,
symbol), together 64 bits, to the child. Keys are exact, so that two n-grams with equal hashes are never confused. Node
0 is the root.
"""

from __future__ import annotations

import numpy as np
from numba import njit

WORD, SIGN, SPACE = 1, 2, 3
"""Kinds of characters: part of a word, a sign that is a word by itself, white space; 0 is any other character."""
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
    """Return the symbol of at most four bytes."""
    symbol = np.uint64(0)
    for k in range(start, stop):
        symbol |= np.uint64(text[k]) << np.uint64(8 * (k - start))
    return symbol


@njit(nogil=True, cache=True)
def _character(text, at):  # type: ignore[no-untyped-def]
    """Return the code point that starts at byte ``at`` of a UTF-8 text, and its number of bytes."""
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
    """Write the symbols of all words, and the start of each word among them; return the number of words."""
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
    """Write the characters of the next word with a space before and after it, or of the whole text.

    Return the end of the word in the text, and the number of characters.
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
    """Return the slot of a key, or the empty slot for it if it is not in the table."""
    mixed = key * _MIX
    mask = np.uint64(len(slots) - 1)
    at = (mixed ^ (mixed >> _HALF)) & mask
    while slots[at, 1] != 0 and slots[at, 0] != key:
        at = (at + np.uint64(1)) & mask
    return at


@njit(nogil=True, cache=True)
def place(keys, column, size, slots):  # type: ignore[no-untyped-def]
    """Insert all nodes into empty slots."""
    for node in range(1, size):
        at = _slot(slots, keys[node])
        slots[at, 0], slots[at, 1] = keys[node], np.uint64(node) | np.uint64(column[node] + 1) << _HALF


@njit(nogil=True, cache=True)
def _lowest(bits):  # type: ignore[no-untyped-def]
    """Return the position of the lowest bit that is set."""
    return np.int64(_PLACE[((bits & (~bits + np.uint64(1))) * _DE_BRUIJN) >> _SIX])


@njit(nogil=True, cache=True)
def count(  # type: ignore[no-untyped-def]
    text, ends, row, kinds, by_word, shortest, longest, whole, learn, slots, keys, column, size, n_columns,
    symbols, units, nodes, tally, marks, above, indices, counts, indptr,
):  # fmt: skip
    """Count the n-grams of texts from ``row`` on, until all are read or the arrays are full.

    Parameters
    ----------
    text : uint8, all texts joined in UTF-8
    ends : int64 (n + 1,), start of the first text and end of each text
    row : int, the first text to read
    kinds : uint8 (0x110000,), kind of each character
    by_word : bool, True for n-grams of words, False for n-grams of characters of words with a space before and after
    shortest, longest : int, lengths of the n-grams
    whole : bool, whether every text is one n-gram of any length
    learn : bool, whether new n-grams become columns, in order of first occurrence; otherwise they are ignored
    slots, keys, column, size, n_columns : the trie
        Hash table uint64 (s, 2), s a power of two, with the key, and the node in the low and column + 1 in the high
        bits; key of every node, uint64; column of every node or -1, int32; number of nodes and of columns.
    symbols, units, nodes : uint64, int64 and uint64, work arrays with room for the longest text
    tally, marks, above : int32, uint64 and uint64, work arrays of zeros
        A counter per column; one bit per column with a count above 0; one bit per element of ``marks`` that is not 0.
    indices, counts, indptr : int32, float32 and int64 (n + 1,), the matrix in CSR form, filled up to ``row``

    Returns
    -------
    (row, size, n_columns, most)
        ``row`` is n if all texts were read. Otherwise ``most`` is the room that this row may need.
    """
    used = indptr[row]
    most, n_units = 0, 0
    while row < len(ends) - 1:
        at, stop = ends[row], ends[row + 1]
        most = 2 * (stop - at) + 2  # upper limit: words of one byte, each with two spaces
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
            # as in scikit-learn, a word that is shorter than the shortest n-gram is counted once
            least = n_units if whole else shortest if by_word else min(shortest, n_units)
            starts = min(n_units, 1) if whole else n_units
            for start in range(starts):
                nodes[start] = 0
            # Level by level and not start by start: then successive look-ups are independent, and the processor need
            # not wait for the memory access of one before the next.
            for level in range(min(longest, n_units)):
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
        for high in range(len(above)):  # visits only columns with a count, in order, by their bits
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
    """Return the n-grams of nodes: joined UTF-8 text with a space between words, uint8, and offsets, int64 (n + 1,)."""
    ends = np.zeros(len(nodes) + 1, np.int64)
    text = np.empty(0, np.uint8)
    for writes in (False, True):  # first pass: lengths only
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
