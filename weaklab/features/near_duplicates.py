"""Detection of near-duplicate records, which can share one answer."""

from __future__ import annotations

import hashlib
import math
import re
import unicodedata
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.core.errors import WeaklabError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import ArrayLike, NDArray

    Rows = NDArray[np.int64]
    Hashes = NDArray[np.uint64]

SIMILARITY = 0.9
"""Jaccard similarity from which two records are near-duplicates."""
SHINGLE = 5
"""Number of characters in a shingle (character n-gram)."""
MIN_SHINGLES = 20
"""A text with fewer shingles is a duplicate only of equal normalised texts, because one word is a large part of it."""
MISS = 1e-4
"""Probability that two records with exactly the requested similarity share no bucket; it is lower for more similar
records."""
LEADERS = 32
"""Each record of a bucket is compared with the 32 records of smallest key in it: all pairs in a small bucket, and a
cost that is linear in the size of a large one."""
_CHUNK = 1 << 21  # number of shingles that are processed at a time, to limit the memory

_DROPPED = dict.fromkeys(map(ord, "'`´‘’‚‛ʼ＇"), "")
_SPACED = dict.fromkeys(map(ord, '.,!"-_*~«»“”„‟‐‑‒–—―−…·•。、，！'), " ")
_FOLD = {**_DROPPED, **_SPACED}
_DIGITS = re.compile(r"\d+")
_NEGATIONS = re.compile(
    r"\b(?:not?|never|none|nobody|nothing|nowhere|neither|nor|without|cannot|hardly|barely"
    r"|(?:ai|are|ca|could|did|does|do|had|has|have|is|might|must|need|should|was|were|wo|would)nt)\b"
)
"""English negations, without apostrophes."""


def near_duplicates(
    texts: Sequence[str], keys: ArrayLike | None = None, similarity: float = SIMILARITY, seed: int = 0
) -> NDArray[np.int64]:
    """Return the row of each record's representative: int64 (n,); a record without duplicates is its own.

    Two records are duplicates if their :func:`normalised` texts are equal. They are near-duplicates if three conditions
    hold: the Jaccard similarity ``|A & B| / |A | B|`` of their sets of character 5-grams is at least ``similarity``;
    both have at least 20 of these; and both contain the same numbers and English negations in the same order, so that
    "flight 12" and "flight 13", or "I do like it" and "I do not like it", are different.

    Every member of a group is a near-duplicate of its representative, the record of smallest key. So similarity is not
    passed on along chains of records.

    Parameters
    ----------
    texts : n texts
    keys : uint64 (n,), a number made from each record's id, so that the order of the records does not matter; by
        default the first record of a group represents it
    similarity : above 0 and up to 1; with 1, only equal normalised texts or equal sets of 5-grams are duplicates
    seed : int, seed of the hash functions

    Raises
    ------
    WeaklabError
        A text is not a string, there is not one key per record, or the similarity is out of range.

    Notes
    -----
    Comparing all pairs would be quadratic. Instead, candidates are found with MinHashes: those of two sets are equal
    with a probability that is their Jaccard similarity. Broder (1997), On the resemblance and containment of
    documents, SEQUENCES. Records that agree in a whole band of MinHashes share a bucket: Indyk and Motwani (1998),
    Approximate nearest neighbors: towards removing the curse of dimensionality, STOC. Time and memory are linear in the
    number of characters. Each candidate pair is then verified on the sets themselves. So a pair may be missed (one in
    10,000 of those with exactly the requested similarity), but no wrong pair is found.

    Examples
    --------
    >>> texts = ["Ten facts about sea otters in winter", "ten facts about sea otters in winter!"]
    >>> texts += ["Ten facts about sea lions"]
    >>> near_duplicates(texts).tolist()
    [0, 0, 2]
    """
    if not 0 < similarity <= 1:
        raise WeaklabError(f"similarity must be above 0 and up to 1, got {similarity!r}")
    check_texts(texts)
    n = len(texts)
    order = _by_key(keys, n)
    readings = [normalised(text) for text in texts]
    representative = np.empty(n, dtype=np.int64)
    first: dict[str, int] = {}
    for row in order.tolist():
        representative[row] = first.setdefault(readings[row], row)
    rows = np.array(
        [row for reading, row in first.items() if len(reading) >= SHINGLE + MIN_SHINGLES - 1], dtype=np.int64
    )
    if len(rows) > 1:
        near = _representatives(len(rows), _similar_pairs([readings[row] for row in rows.tolist()], similarity, seed))
        onto = np.arange(n)
        onto[rows] = rows[near]
        representative = onto[representative]
    return representative


def normalised(text: str) -> str:
    """Return a text in normal form, in which duplicates are equal.

    It is NFKC, case folded, without apostrophes; white space and most punctuation become one space. Question marks,
    brackets, colons and other signs are kept, because they show the tone of a text. A text that is only punctuation is
    kept.

    >>> normalised("It’s   GREAT!!"), normalised("it's great"), normalised("..."), normalised("Great :(")
    ('its great', 'its great', '...', 'great :(')
    """
    plain = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(plain.translate(_FOLD).split()) or " ".join(plain.split())


def check_texts(texts: Sequence[Any]) -> None:
    """Raise a WeaklabError with the first row of ``texts`` that is not a string."""
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            raise WeaklabError(f"texts must be strings, got {type(text).__name__} in row {row}")


def _by_key(keys: ArrayLike | None, n: int) -> Rows:
    if keys is None:
        return np.arange(n)
    numbers = np.asarray(keys)
    if numbers.shape != (n,) or numbers.dtype.kind not in "iu":
        raise WeaklabError(
            f"keys must be one whole number per record, shape ({n},), got {numbers.dtype} of shape {numbers.shape}"
        )
    return np.argsort(numbers, kind="stable")


def _number_and_negation_hash(reading: str) -> int:
    """Return a hash of the numbers and negations in a text; near-duplicates must have the same."""
    said = repr((_DIGITS.findall(reading), _NEGATIONS.findall(reading))).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(said, digest_size=8).digest(), "little")


def _chunks(sizes: Rows) -> Iterator[tuple[int, int]]:
    """Yield ranges of rows with a total size of about ``_CHUNK``, at least one row each."""
    part = (np.cumsum(sizes) - sizes) // _CHUNK
    cuts = np.flatnonzero(np.diff(part, prepend=-1))
    yield from zip(cuts.tolist(), [*cuts[1:].tolist(), len(sizes)], strict=True)


def _shingles(readings: Sequence[str]) -> tuple[Hashes, Rows]:
    """Return the hashes of all 5-grams of all texts, with repeats, (total,), and the start of each text, (n,)."""
    codes = np.frombuffer("".join(readings).encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.uint64)
    sizes = np.array([len(reading) for reading in readings])
    rolled = np.zeros(len(codes) - SHINGLE + 1, dtype=np.uint64)
    for place in range(SHINGLE):
        rolled = rolled * np.uint64(0x9E3779B97F4A7C15) + codes[place : place + len(rolled)]
    ends = np.cumsum(sizes)
    inside = np.ones(len(codes), dtype=bool)
    for back in range(1, SHINGLE):
        inside[ends - back] = False
    counts = sizes - SHINGLE + 1
    return _mix(rolled[inside[: len(rolled)]]), np.cumsum(counts) - counts


def _mix(z: Hashes) -> Hashes:
    """Mix the bits of 64-bit numbers, one to one: the finaliser of Steele, Lea and Flood (2014), SplitMix64."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def _bands(similarity: float) -> tuple[int, int]:
    """Return the number of MinHashes per band and the number of bands.

    A pair with exactly this similarity agrees in a band with probability of about a half or more, and in none of the
    bands with probability :data:`MISS`.

    >>> _bands(0.9)
    (6, 13)
    """
    rows = max(1, min(16, int(math.log(0.5) / math.log(similarity)))) if similarity < 1 else 16
    meet = similarity**rows
    return rows, 1 if meet >= 1 else math.ceil(math.log(MISS) / math.log1p(-meet))


def _buckets(readings: Sequence[str], similarity: float, seed: int) -> Hashes:
    """Return the bucket of every text in every band: uint64 (bands, n)."""
    rows, bands = _bands(similarity)
    draws = _mix(np.arange(2 * rows * bands, dtype=np.uint64) + np.uint64((seed * 0x9E3779B97F4A7C15 + 1) % 2**64))
    factors = (draws >> np.uint64(32)).astype(np.uint32) | np.uint32(1)
    agree = np.array([_number_and_negation_hash(reading) for reading in readings], dtype=np.uint64)
    found = np.repeat(_mix(agree)[None], bands, axis=0)
    sizes = np.array([len(reading) for reading in readings])
    for start, stop in _chunks(sizes):
        hashes, begin = _shingles(readings[start:stop])
        short = (hashes >> np.uint64(32)).astype(np.uint32)
        work = np.empty_like(short)
        for band in range(bands):
            for number in range(band * rows, (band + 1) * rows):
                np.multiply(short, factors[number], out=work)
                np.add(work, factors[-1 - number], out=work)
                least = np.minimum.reduceat(work, begin).astype(np.uint64)
                found[band, start:stop] = _mix(found[band, start:stop] + least)
    return found


def _similar_pairs(readings: Sequence[str], similarity: float, seed: int) -> Rows:
    """Return the candidate pairs that are similar, the smaller row first: int (pairs, 2)."""
    candidates = _candidates(_buckets(readings, similarity, seed))
    rows, local = np.unique(candidates, return_inverse=True)
    if not len(rows):
        return candidates
    involved = [readings[row] for row in rows.tolist()]
    agree = np.array([_number_and_negation_hash(reading) for reading in involved], dtype=np.uint64)
    left, right = local.reshape(-1, 2).T
    similar: NDArray[np.bool_] = (agree[left] == agree[right]) & (_jaccard(involved, left, right) >= similarity)
    return candidates[similar]


def _candidates(buckets: Hashes) -> Rows:
    """Return the pairs of rows to compare, each only once, the smaller row first: int (pairs, 2)."""
    bands, n = buckets.shape
    whole = np.zeros((bands, n), dtype=bool)
    found = [np.empty((0, 2), dtype=np.int64)]
    for band in range(bands):
        order = np.argsort(buckets[band], kind="stable")
        sorted_buckets = buckets[band][order]
        new = np.flatnonzero(np.concatenate([[True], sorted_buckets[1:] != sorted_buckets[:-1]]))
        sizes = np.diff(new, append=n)
        begin, place = np.repeat(new, sizes), np.arange(n) - np.repeat(new, sizes)
        whole[band, order] = np.repeat(sizes <= LEADERS, sizes)
        for leader in range(min(LEADERS, int(sizes.max()) - 1)):
            follows = place > leader
            pairs = np.column_stack([order[begin[follows] + leader], order[follows]])
            # a pair was compared before if it shared a bucket of an earlier band in which all pairs were compared
            known = np.zeros(len(pairs), dtype=bool)
            for earlier in range(band):
                same = buckets[earlier, pairs[:, 0]] == buckets[earlier, pairs[:, 1]]
                known |= same & whole[earlier, pairs[:, 0]]
            found.append(pairs[~known])
    return np.concatenate(found)


def _jaccard(readings: Sequence[str], left: Rows, right: Rows) -> NDArray[np.float64]:
    """Return ``|A & B| / |A | B|`` of the sets of 5-grams, float (pairs,); 0 if a set is smaller than MIN_SHINGLES."""
    from scipy import sparse

    counts = np.array([len(reading) - SHINGLE + 1 for reading in readings])
    columns = np.unique(_shingles(readings)[0], return_inverse=True)[1]
    sets: Any = sparse.csr_array(
        (np.ones(len(columns), dtype=np.int32), columns, np.concatenate([[0], np.cumsum(counts)]))
    )
    sets.sum_duplicates()
    sets.data[:] = 1
    sizes = np.diff(sets.indptr)
    shared = np.zeros(len(left))
    for start, stop in _chunks(sizes[left] + sizes[right]):
        shared[start:stop] = sets[left[start:stop]].multiply(sets[right[start:stop]]).sum(axis=1)
    enough = np.minimum(sizes[left], sizes[right]) >= MIN_SHINGLES
    return np.where(enough, shared / (sizes[left] + sizes[right] - shared), 0.0)


def _representatives(n: int, pairs: Rows) -> Rows:
    """Return the representative of each of n rows, int (n,): the first representative that it is similar to."""
    near = list(range(n))
    for earlier, row in pairs[np.lexsort((pairs[:, 0], pairs[:, 1]))].tolist():
        if near[row] == row and near[earlier] == earlier:
            near[row] = earlier
    return np.array(near, dtype=np.int64)
