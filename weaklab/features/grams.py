"""Fast counts of n-grams with compiled loops; results are identical to those of scikit-learn's ``CountVectorizer``."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

SIGNS = "!?%$€£#@…"
WORDS = rf"(?u)\b\w+\b|[{SIGNS}]"
"""Pattern of a word: letters and digits, or one of the signs that show the tone of a text."""
FEW_TEXTS = 3000
"""For fewer texts scikit-learn is used: its Python loops take half a second, less than loading the compiled loops."""
TEXT_CHARACTERS = 140
"""A longer text counts as several of this length."""
_ROOM = 1 << 12


@cache
def _kinds() -> NDArray[np.uint8]:
    """Return the kind of each Unicode character, uint8 (0x110000,), as in Python's ``re`` and ``str.split``."""
    import numpy as np

    from weaklab.features.kernels import SIGN, SPACE, WORD

    characters = np.arange(0x110000, dtype="<u4").tobytes().decode("utf-32-le", "surrogatepass")
    kinds = np.zeros(len(characters), dtype=np.uint8)
    for pattern, kind in ((r"\w+", WORD), (rf"[{SIGNS}]", SIGN), (r"\s+", SPACE)):
        for found in re.finditer(pattern, characters):
            kinds[found.start() : found.end()] = kind
    return kinds


def _buffer(texts: Sequence[str]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return all texts joined in UTF-8, and offsets: the start of the first text and the end of each."""
    import numpy as np
    import pyarrow as pa

    _, ends, text = pa.array(texts, pa.large_string()).buffers()
    held = np.frombuffer(ends, dtype=np.int64)[: len(texts) + 1]
    data = np.frombuffer(text or b"\0", dtype=np.uint8)[: held[-1]]
    held.flags.writeable = data.flags.writeable = False  # always the same array type, so that one compilation is enough
    return data, held


def _longer(array: NDArray[Any], more: int) -> NDArray[Any]:
    """Return a copy with room for ``more`` numbers; it is at least twice as long, so that copies are rare."""
    import numpy as np

    longer = np.zeros(max(len(array) + more, 2 * len(array)), dtype=array.dtype)
    longer[: len(array)] = array
    return longer


class Grams:
    """Counts the n-grams of texts, which must be in lower case.

    Parameters
    ----------
    ngrams : (int, int), shortest and longest n-gram, 1 or more
    by_word : bool
        True for n-grams of words as in :data:`WORDS` (the analyzer ``word`` of scikit-learn). False for n-grams of
        characters inside words between white space, with a space before and after each word (``char_wb``).
    vocabulary : n-grams, each once, optional
        The n-grams to count, in the order of the columns; by default they are learned.

    Examples
    --------
    >>> grams = Grams((1, 2), True, ["a", "a b", "b"])
    >>> grams.counts(["a b a", "c"]).toarray().tolist()
    [[2.0, 1.0, 1.0], [0.0, 0.0, 0.0]]
    """

    def __init__(self, ngrams: tuple[int, int], by_word: bool, vocabulary: Sequence[str] | None = None) -> None:
        import numpy as np

        self._ngrams, self._by_word = ngrams, by_word
        self._size, self._d = 1, 0
        self._slots, self._keys = np.zeros((2 * _ROOM, 2), dtype=np.uint64), np.zeros(_ROOM, dtype=np.uint64)
        self._column = np.full(_ROOM, -1, dtype=np.int32)
        if vocabulary is not None:
            self._count(vocabulary, whole=True, learn=True)

    def _count(self, texts: Sequence[str], *, whole: bool = False, learn: bool = False) -> Any:
        """Return the counts as float32 CSR matrix with sorted columns.

        Arrays are allocated here, because the compiled loop cannot enlarge them: it stops at a text for which there is
        no room, and continues with larger arrays.
        """
        import numpy as np
        from scipy import sparse

        from weaklab.features import kernels

        text, ends = _buffer(texts)
        longest = 2 * int(np.diff(ends).max(initial=0)) + 2
        work = (
            np.empty(longest, dtype=np.uint64),
            np.empty(longest + 1, dtype=np.int64),
            np.empty(longest, dtype=np.uint64),
        )
        tallies = self._tallies(learn)
        indices, counts = np.empty(len(text) + 1, dtype=np.int32), np.empty(len(text) + 1, dtype=np.float32)
        indptr, row = np.zeros(len(texts) + 1, dtype=np.int64), 0
        while True:
            trie = self._slots, self._keys, self._column, self._size, self._d
            row, size, d, most = kernels.count(
                text,
                ends,
                row,
                _kinds(),
                self._by_word,
                *self._ngrams,
                whole,
                learn,
                *trie,
                *work,
                *tallies,
                indices,
                counts,
                indptr,
            )
            if learn:
                self._size, self._d = size, d
            if row == len(texts):
                break
            if indptr[row] + most > len(indices):
                indices, counts = _longer(indices, most), _longer(counts, most)
            if learn and size + most > len(self._keys):
                self._grow(most)
                tallies = self._tallies(learn)
        used = int(indptr[-1])
        return sparse.csr_array((counts[:used], indices[:used], indptr.astype(np.int32)), shape=(len(texts), self._d))

    def _tallies(self, learn: bool) -> tuple[NDArray[Any], ...]:
        """Return work arrays of zeros: a counter per possible column, a bit per column, and a bit per 64 columns."""
        import numpy as np

        d = len(self._keys) if learn else self._d
        return (
            np.zeros(d, dtype=np.int32),
            np.zeros(d // 64 + 1, dtype=np.uint64),
            np.zeros(d // 4096 + 1, dtype=np.uint64),
        )

    def _grow(self, more: int) -> None:
        import numpy as np

        from weaklab.features import kernels

        self._keys = _longer(self._keys, more)
        self._column = _longer(self._column, more)
        self._column[self._size :] = -1
        if len(self._slots) < 2 * len(self._keys):
            self._slots = np.zeros((1 << (2 * len(self._keys) - 1).bit_length(), 2), dtype=np.uint64)
            kernels.place(self._keys, self._column, self._size, self._slots)

    def counts(self, texts: Sequence[str]) -> Any:
        """Return the counts of the known n-grams, float32 CSR (n, d), sorted by column."""
        return self._count(texts)

    def learn(self, texts: Sequence[str]) -> Any:
        """Return the counts of all n-grams, float32 CSR (n, d); new n-grams are added as columns at the end."""
        return self._count(texts, learn=True)

    def vocabulary(self) -> Any:
        """Return the n-gram of each column, a ``pyarrow.LargeStringArray``."""
        import numpy as np
        import pyarrow as pa

        from weaklab.features import kernels

        held = np.flatnonzero(self._column >= 0)
        nodes = np.empty(self._d, dtype=np.int64)
        nodes[self._column[held]] = held
        text, ends = kernels.spell(nodes, self._keys)
        return pa.LargeStringArray.from_buffers(self._d, pa.py_buffer(ends), pa.py_buffer(text))


def learned(
    batches: Iterable[Sequence[str]], ngrams: tuple[int, int], by_word: bool, min_df: int, max_features: int | None
) -> tuple[list[str], Any]:
    """Return the vocabulary that ``CountVectorizer.fit`` would learn, in column order, and the counts of the texts.

    Parameters
    ----------
    batches : lists of texts in lower case
    ngrams, by_word : see :class:`Grams`
    min_df : int, number of texts that must contain an n-gram
    max_features : int or None, number of the most frequent n-grams to keep; ties as in scikit-learn

    Returns
    -------
    (list of d str, CSR matrix of float32 (n, d))
        The vocabulary is empty if no n-gram is left.

    Examples
    --------
    >>> words, X = learned([["b a"], ["b c"]], (1, 1), True, 1, 2)
    >>> words, X.toarray().tolist()
    (['a', 'b'], [[1.0, 1.0], [0.0, 1.0]])
    """
    import numpy as np
    import pyarrow.compute as pc
    from scipy import sparse

    grams = Grams(ngrams, by_word)
    parts = [grams.learn(texts) for texts in batches if texts]
    terms = grams.vocabulary()
    d = len(terms)
    order = pc.sort_indices(terms).to_numpy()  # the byte order of UTF-8 is the order of code points, as in Python
    holding = np.zeros(d, dtype=np.int64)
    for part in parts:
        holding += np.bincount(part.indices, minlength=d)
    order = order[holding[order] >= min_df]
    if max_features is not None and len(order) > max_features:
        total = np.zeros(d, dtype=np.float32)
        for part in parts:
            total[: part.shape[1]] += part.sum(axis=0)
        order = order[
            np.sort((-total[order]).argsort()[:max_features])
        ]  # not stable, so that ties are broken as in scikit-learn
    new = np.full(d, -1, dtype=np.int32)
    new[order] = np.arange(len(order), dtype=np.int32)
    X = sparse.vstack([_chosen(part, new, len(order)) for part in parts], format="csr")
    X.sort_indices()
    return terms.take(order).to_pylist(), X


def _chosen(part: Any, new: NDArray[np.int32], d: int) -> Any:
    """Return the columns that are kept, renumbered."""
    import numpy as np
    from scipy import sparse

    columns = new[part.indices]
    held = columns >= 0
    indptr = np.concatenate([[0], np.cumsum(held)])[part.indptr].astype(np.int32)
    return sparse.csr_array((part.data[held], columns[held], indptr), shape=(part.shape[0], d))
