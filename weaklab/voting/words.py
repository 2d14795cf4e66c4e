"""Looks up the words of many keyword lists in one hash table, so that a text is read once for all lists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from weaklab.voting import folding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

MAX_LETTERS = 32
"""Longer words are left to ``re``: after 64 letters the hash of a token, rotated by one for each, forgets their
order."""
_64_BITS = (1 << 64) - 1


def mix(character: int) -> int:
    """Return the 64-bit number of a letter (the finalizer of splitmix64: G. Steele et al., Fast splittable pseudorandom
    number generators, OOPSLA 2014).

    >>> mix(97) != mix(98)
    True
    """
    z = (character + 1) * 0x9E3779B97F4A7C15 & _64_BITS
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & _64_BITS
    return z ^ (z >> 27)


def _hash(letters: Sequence[int]) -> int:
    h = 0
    for letter in letters:
        h = ((h << 1 | h >> 63) & _64_BITS) ^ mix(letter)
    return h


def fits(word: str) -> bool:
    r"""Whether a word is a single token (``\w`` only) and not too long for the hash table.

    >>> fits("prize"), fits("c++"), fits("free entry")
    (True, False, False)
    """
    return (
        0 < len(word) <= MAX_LETTERS
        and all(folding.is_word(ord(c)) for c in word)
        and _hash([folding.representative(ord(c)) for c in word]) != 0
    )


@dataclass
class Words:
    """Keyword lists compiled into one hash table; each list votes on the rows that hold one of its words.

    Parameters
    ----------
    lists : for each list its words, which all :func:`fits`, whether case matters, and its vote
    """

    lists: list[tuple[Sequence[str], bool, int]]

    def __post_init__(self) -> None:
        posts: dict[tuple[int, ...], list[tuple[int, bytes]]] = {}
        for j, (words, case, _) in enumerate(self.lists):
            for word in dict.fromkeys(words):
                folded = tuple(folding.representative(ord(c)) for c in word)
                post = (j, word.encode() if case else b"")
                if post not in posts.setdefault(folded, []):
                    posts[folded].append(post)
        size = 1 << (2 * len(posts)).bit_length()
        self.keys, self.ids = np.zeros(size, dtype=np.uint64), np.zeros(size, dtype=np.int32)
        self.few = np.zeros(max(1 << 13, min(32 * size, 1 << 20)), dtype=np.uint8)
        for i, folded in enumerate(posts):
            h = _hash(folded)
            self.few[h & (len(self.few) - 1)] = 1
            slot = (h >> 20) & (size - 1)
            while self.keys[slot]:
                slot = (slot + 1) & (size - 1)
            self.keys[slot], self.ids[slot] = h, i
        flat = [post for found in posts.values() for post in found]
        self.letters = np.array([c for folded in posts for c in folded], dtype=np.int32)
        self.letters_at = _ends(map(len, posts))
        self.posts = np.array([j for j, _ in flat], dtype=np.int32)
        self.posts_at = _ends(map(len, posts.values()))
        self.exact = np.frombuffer(b"".join(exact for _, exact in flat), dtype=np.uint8).copy()
        self.exact_at = _ends(len(exact) for _, exact in flat)
        self.codes = np.array([code for _, _, code in self.lists], dtype=np.int8)
        self.hashes = np.array(
            [mix(folding.representative(c)) if folding.is_word(c) else 0 for c in range(128)], dtype=np.uint64
        )
        self.keeps = np.where(self.hashes == 0, np.uint64(0), ~np.uint64(0))

    def vote(self, data: NDArray[np.uint8], offsets: NDArray[np.int64]) -> NDArray[np.int8]:
        """Return int8 (lists, n), -1 abstains, for n rows of UTF-8."""
        from weaklab.voting import kernels

        votes = np.full((len(self.lists), len(offsets) - 1), -1, dtype=np.int8)
        kernels.find_words(
            data, offsets, self.hashes, self.keeps, folding.fold_table(),
            self.few, self.keys, self.ids, self.letters, self.letters_at,
            self.posts_at, self.posts, self.exact, self.exact_at, self.codes, votes,
        )  # fmt: skip
        return votes


def _ends(lengths: object) -> NDArray[np.int64]:
    """Return the offsets of concatenated pieces with these lengths: where each begins, and where the last ends."""
    return np.concatenate([[0], np.cumsum(list(lengths), dtype=np.int64)]).astype(np.int64)  # type: ignore[call-overload]
