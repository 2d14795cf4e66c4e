"""Compiled loop that counts bytes in a text column; imported only for large batches, because loading it is slow."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)
def count_bytes(data, starts, lanes, counts):  # type: ignore[no-untyped-def]  # arrays, see below
    """Count up to four sets of bytes in every row, with four 16-bit counters in one number.

    Parameters
    ----------
    data, starts : uint8 and int64 (n + 1,), bytes of the texts and start of each
    lanes : uint64 (256,), the number to add for each byte: 1 in the counter of each set that contains it
    counts : int64 (4, n), the result, which is written here
    """
    low = np.uint64(0xFFFF)
    for row in range(len(starts) - 1):
        p, end = starts[row], starts[row + 1]
        a = b = c = d = np.int64(0)
        while p < end:
            stop = min(end, p + 0xFFFF)
            held = np.uint64(0)
            while p < stop:
                held += lanes[data[np.uint64(p)]]
                p += 1
            a += np.int64(held & low)
            b += np.int64((held >> np.uint64(16)) & low)
            c += np.int64((held >> np.uint64(32)) & low)
            d += np.int64(held >> np.uint64(48))
        counts[0, row] = a
        counts[1, row] = b
        counts[2, row] = c
        counts[3, row] = d
