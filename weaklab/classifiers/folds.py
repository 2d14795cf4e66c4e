"""Which labeled records are held out together."""

from __future__ import annotations

import functools
import hashlib
from typing import TYPE_CHECKING, Any

from weaklab.base import WeaklabError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

FOLDS = 5


def folds_of(y: NDArray[Any], ids: Sequence[str], folds: int, groups: Sequence[Any] | None = None) -> NDArray[np.int64]:
    """Deal records to folds, class by class, in an order that depends on their ids alone: int (n,).

    Parameters
    ----------
    y : int (n,) codes
    ids : of the n records
    folds : how many, at most one a record
    groups : n names, optional; records of one group, such as paraphrases or near-duplicates, share a fold

    Examples
    --------
    >>> import numpy as np
    >>> folds_of(np.array([0, 0, 1, 1]), ["a", "b", "c", "d"], 2).tolist()
    [0, 1, 0, 1]
    >>> folds_of(np.array([0, 0, 1, 1]), ["a", "b", "c", "d"], 2, groups=["g", "h", "h", "g"]).tolist()
    [1, 0, 0, 1]
    """
    import numpy as np

    if groups is None:
        return _dealt([int(code) for code in y], [str(name) for name in ids], folds)
    if len(groups) != len(y):
        raise WeaklabError(f"groups must name one group a record, {len(y)} in all, got {len(groups)}")
    first: dict[str, int] = {}
    for row, group in enumerate(groups):
        first.setdefault(str(group), row)
    dealt = _dealt([int(y[row]) for row in first.values()], list(first), folds)
    fold_of = dict(zip(first, dealt.tolist(), strict=True))
    return np.array([fold_of[str(group)] for group in groups], dtype=np.int64)


@functools.lru_cache(maxsize=2**16)
def _digest(name: str) -> bytes:
    """Return a hash of an id; labeled records come again at every training."""
    return hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()


def _dealt(codes: Sequence[int], names: Sequence[str], folds: int) -> NDArray[np.int64]:
    import numpy as np

    order = sorted(range(len(codes)), key=list(zip(codes, map(_digest, names), strict=True)).__getitem__)
    fold = np.empty(len(codes), dtype=np.int64)
    fold[order] = np.arange(len(codes)) % max(1, min(folds, len(codes)))
    return fold
