"""A compiled loop over the keys of a large pool; it draws what :func:`weaklab.strategies.uniform` draws."""

import numpy as np
from numba import njit

_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_30, _27, _31, _11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)


@njit(nogil=True, cache=True)
def rows_below(keys, start, limit, eligible, found):  # type: ignore[no-untyped-def]
    """Write the eligible rows whose pseudorandom integer is below ``limit`` into ``found``; return how many."""
    count = 0
    for i in range(len(keys)):
        z = keys[i] + start
        z = (z ^ (z >> _30)) * _FIRST
        z = (z ^ (z >> _27)) * _SECOND
        z = (z ^ (z >> _31)) >> _11
        if z < limit and eligible[i]:
            found[count] = i
            count += 1
    return count
