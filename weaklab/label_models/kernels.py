"""Compiled loops over the votes of large label matrices; see :func:`weaklab.label_models.vote_patterns.compiled` for
when they are used.

Label matrices are int8 (n, m) in C order, -1 abstains. Sums go through the columns of a row from the first to the last,
so that no result depends on how rows are cut into blocks.
"""

import numpy as np
from numba import njit

_ONES, _TWOS, _FOURS, _SUM = (
    np.uint64(0x5555555555555555), np.uint64(0x3333333333333333),
    np.uint64(0x0F0F0F0F0F0F0F0F), np.uint64(0x0101010101010101),
)  # fmt: skip


@njit(nogil=True, cache=True)
def add_weights(L, weights, Z):  # type: ignore[no-untyped-def]
    """Add ``weights`` (m,) to the class of each vote: Z (n, k)."""
    there = np.empty(L.shape[1] + 1, np.int64)
    for i in range(L.shape[0]):
        found = 0
        for j in range(L.shape[1]):  # no branch that a processor could guess wrongly
            there[found] = j
            found += L[i, j] >= 0
        for a in range(found):
            Z[i, L[i, there[a]]] += weights[there[a]]


@njit(nogil=True, cache=True)
def set_sums(L, tables, Z):  # type: ignore[no-untyped-def]
    """Set Z (n, k) to the sums of ``tables[j, 1 + vote]``, (m, k + 1, 4 q), whose first rows, for abstaining, are zero.

    Four sums at a time stay in registers; what the columns beyond k hold does not matter.
    """
    k, wide = Z.shape[1], tables.shape[2]
    flat, step = tables.ravel(), np.uint64(tables.shape[1] * tables.shape[2])
    for i in range(L.shape[0]):
        for first in range(0, k, 4):
            start = np.uint64(first + wide)
            a = b = c = d = 0.0
            for j in range(L.shape[1]):
                at = start + np.uint64(L[i, j] * np.int64(wide))
                a += flat[at]
                b += flat[at + np.uint64(1)]
                c += flat[at + np.uint64(2)]
                d += flat[at + np.uint64(3)]
                start += step
            Z[i, first] = a
            if first + 1 < k:
                Z[i, first + 1] = b
            if first + 2 < k:
                Z[i, first + 2] = c
            if first + 3 < k:
                Z[i, first + 3] = d


@njit(nogil=True, cache=True)
def any_vote(L, voted):  # type: ignore[no-untyped-def]
    """Set bool (n,): whether anybody votes on a row."""
    for i in range(L.shape[0]):
        for j in range(L.shape[1]):
            if L[i, j] >= 0:
                voted[i] = True
                break


@njit(nogil=True, cache=True)
def row_numbers(L, base, numbers):  # type: ignore[no-untyped-def]
    """Set int64 (n,): each row read as a number whose digits are the votes plus one."""
    for i in range(L.shape[0]):
        number = np.int64(0)
        for j in range(L.shape[1]):
            number = number * base + (L[i, j] + 1)
        numbers[i] = number


@njit(nogil=True, cache=True)
def add_to_hashes(numbers, hashes):  # type: ignore[no-untyped-def]
    """Add each row of uint32 (n, d) to its hash, uint64 (n,), from the first column to the last."""
    for i in range(numbers.shape[0]):
        h = hashes[i]
        for j in range(numbers.shape[1]):
            h = (h ^ np.uint64(numbers[i, j])) * np.uint64(0x100000001B3)  # FNV-1a
        hashes[i] = h


@njit(nogil=True, cache=True)
def group_rows(L, y, slots, first, counts, inverse):  # type: ignore[no-untyped-def]
    """Number the different rows of (L, y) as they first come; return how many there are.

    ``slots`` int64, all -1, a power of two and longer than the rows, is the hash table; rows in the same slot are
    compared by content.
    """
    mask, found = np.uint64(len(slots) - 1), 0
    for i in range(L.shape[0]):
        h = np.uint64(0xCBF29CE484222325) ^ np.uint64(y[i] + 1)
        for j in range(L.shape[1]):
            h = (h ^ np.uint64(L[i, j] + 1)) * np.uint64(0x100000001B3)  # FNV-1a
        h ^= h >> np.uint64(29)
        h *= np.uint64(0xD6E8FEB86659FD93)
        h ^= h >> np.uint64(32)
        place = h & mask
        while True:
            group = slots[place]
            if group < 0:
                slots[place] = group = found
                first[found] = i
                found += 1
                break
            other = first[group]
            same = y[i] == y[other]
            for j in range(L.shape[1]):
                if not same:
                    break
                same = L[i, j] == L[other, j]
            if same:
                break
            place = (place + np.uint64(1)) & mask
        counts[group] += 1
        inverse[i] = group
    return found


@njit(nogil=True, cache=True)
def count_sparse(L, votes, both, same):  # type: ignore[no-untyped-def]
    """Add up who votes what (m, k), and below the diagonal on how many rows two vote, and vote the same: cost as votes
    a row squared.
    """
    there = np.empty(L.shape[1] + 1, np.int64)
    for i in range(L.shape[0]):
        found = 0
        for j in range(L.shape[1]):
            there[found] = j
            found += L[i, j] >= 0
        for a in range(found):
            j = there[a]
            vote = L[i, j]
            votes[j, vote] += 1
            for b in range(a):
                both[j, there[b]] += 1
                same[j, there[b]] += vote == L[i, there[b]]


@njit(nogil=True, cache=True)
def _bits(word):  # type: ignore[no-untyped-def]
    """Count the bits of a number: Warren (2012), Hacker's delight, 5-1."""
    word -= (word >> np.uint64(1)) & _ONES
    word = (word & _TWOS) + ((word >> np.uint64(2)) & _TWOS)
    word = (word + (word >> np.uint64(4))) & _FOURS
    return np.int64((word * _SUM) >> np.uint64(56))


@njit(nogil=True, cache=True)
def count_dense(L, votes, both, same):  # type: ignore[no-untyped-def]
    """Do the same as ``count_sparse`` 64 rows at a time: cost as columns squared, however many vote."""
    n, m = L.shape
    k = votes.shape[1]
    words = (n + 63) // 64
    planes = np.zeros((m, k + 1, words), np.uint64)  # who votes at all, then who votes each class
    group = np.empty((m, k + 1), np.uint64)
    for w in range(words):
        group[:] = 0
        for i in range(64 * w, min(64 * w + 64, n)):
            bit = np.uint64(1) << np.uint64(i - 64 * w)
            for j in range(m):
                group[j, L[i, j] + 1] |= bit
        for j in range(m):
            anything = np.uint64(0)
            for c in range(1, k + 1):
                planes[j, c, w] = group[j, c]
                anything |= group[j, c]
            planes[j, 0, w] = anything
    here = np.zeros((m, k + 1), np.int64)
    for j in range(m):
        for c in range(k + 1):
            mine, total = planes[j, c], np.int64(0)
            for w in range(words):
                total += _bits(mine[w])
            here[j, c] = total
            if c:
                votes[j, c - 1] += total
        for other in range(j):
            for c in range(k + 1):
                if here[j, c] and here[other, c]:
                    mine, its, total = planes[j, c], planes[other, c], np.int64(0)
                    for w in range(words):
                        total += _bits(mine[w] & its[w])
                    if c:
                        same[j, other] += total
                    else:
                        both[j, other] += total


@njit(nogil=True, cache=True)
def expected_counts(rows, columns, codes, weights, P, counts):  # type: ignore[no-untyped-def]
    """Add P (n, k) of the row of each vote, times its weight, to ``counts[column, code]``, (m, k, k)."""
    k = np.uint64(P.shape[1])
    flat, source = counts.ravel(), P.ravel()
    for v in range(
        len(rows)
    ):  # unsigned numbers, because of signed ones it would be asked whether they count from the end
        to, at = (np.uint64(columns[v]) * k + np.uint64(codes[v])) * k, np.uint64(rows[v]) * k
        for c in range(k):
            flat[to + c] += source[at + c] * weights[v]


@njit(nogil=True, cache=True)
def vote_scores(rows, columns, codes, weights, tables, S):  # type: ignore[no-untyped-def]
    """Add ``tables[column, code]``, (m, k, k), times the weight of each vote to its row: S (n, k)."""
    k = np.uint64(S.shape[1])
    flat, source = S.ravel(), tables.ravel()
    for v in range(len(rows)):
        to, at = np.uint64(rows[v]) * k, (np.uint64(columns[v]) * k + np.uint64(codes[v])) * k
        for c in range(k):
            flat[to + c] += source[at + c] * weights[v]
