"""Assignment of labeled records to folds for out-of-fold predictions."""

from __future__ import annotations

import functools
import hashlib
from typing import TYPE_CHECKING, Any

from weaklab.core.errors import WeaklabError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

FOLDS = 5


def folds_of(y: NDArray[Any], ids: Sequence[str], folds: int, groups: Sequence[Any] | None = None) -> NDArray[np.int64]:
    """Assign records to stratified folds that depend only on their ids and classes: int (n,).

    The order of the records, the order of the classes and the names of groups have no effect on which records share a
    fold.

    Parameters
    ----------
    y : int (n,) codes
    ids : ids of the n records
    folds : number of folds, at most n
    groups : n group names, optional; records of one group, such as paraphrases or near-duplicates, share a fold

    Examples
    --------
    >>> import numpy as np
    >>> folds_of(np.array([0, 0, 1, 1]), ["a", "b", "c", "d"], 2).tolist()
    [0, 1, 0, 1]
    >>> folds_of(np.array([0, 0, 1, 1]), ["a", "b", "c", "d"], 2, groups=["g", "h", "h", "g"]).tolist()
    [1, 0, 0, 1]
    """
    import numpy as np

    codes, names = [int(code) for code in y], [_digest(str(name)) for name in ids]
    if groups is None:
        return _stratified(codes, names, folds)
    if len(groups) != len(y):
        raise WeaklabError(f"groups must name one group per record, {len(y)} in all, got {len(groups)}")
    leader: dict[Any, int] = {}  # a group is represented by its record with the first id
    for row, group in enumerate(groups):
        row_before = leader.setdefault(group, row)
        if names[row] < names[row_before]:
            leader[group] = row
    rows = list(leader.values())
    dealt = _stratified([codes[row] for row in rows], [names[row] for row in rows], folds)
    fold_of = dict(zip(leader, dealt.tolist(), strict=True))
    return np.array([fold_of[group] for group in groups], dtype=np.int64)


def by_id(ids: Sequence[str]) -> NDArray[np.int64]:
    """Return a pseudorandom order of records that depends only on their ids: row numbers, int (n,).

    >>> by_id(["a", "b", "c"]).tolist(), by_id(["c", "a", "b"]).tolist()
    ([2, 0, 1], [0, 1, 2])
    """
    import numpy as np

    names = [_digest(str(name)) for name in ids]
    return np.array(sorted(range(len(names)), key=names.__getitem__), dtype=np.int64)


@functools.lru_cache(maxsize=2**16)
def _digest(name: str) -> bytes:
    """Return a hash of an id; cached, because the same records are used in every training."""
    return hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()


def _stratified(codes: Sequence[int], names: Sequence[bytes], folds: int) -> NDArray[np.int64]:
    import numpy as np

    if not len(codes):
        return np.empty(0, dtype=np.int64)
    digests = np.frombuffer(b"".join(names), ">u8").astype(np.uint64)  # same order as the bytes
    classes, place = np.unique(np.asarray(codes, dtype=np.int64), return_inverse=True)
    first = np.full(len(classes), np.iinfo(np.uint64).max)
    np.minimum.at(first, place, digests)
    order = np.lexsort((digests, place, first[place]))  # classes are ordered by their first ids, not by their codes
    fold = np.empty(len(codes), dtype=np.int64)
    fold[order] = np.arange(len(codes)) % max(1, min(folds, len(codes)))
    return fold
