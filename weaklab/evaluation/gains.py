"""What a person's time is expected to bring: the gain of manual labels, by how sure the committee is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

STRENGTH = 10.0
"""What the committee says of a group of records counts as much as so many labels of it. It is an assumption: the
lower, the more the records of a group are expected to be right or wrong together."""
CURVE = 0.3
"""Exponent of the typical learning curve: the error goes with (number of labels) ** -0.3. Measured were 0.14 for the
next twelve labels after 24 or 50, and about 0.4 for the next 60 after 24, see docs/benchmarks.md."""
TAUGHT = 0.5
"""Labels of one group teach the classifiers about half of what labels do that the scheduler picks."""


def gain_of_group(P: NDArray[np.float64], labels: int) -> float:
    """Return how many records of a group more will have the right label, if some of them get a manual label.

    The labels that are given are right themselves. For the others it is the expected value of sample information of
    Raiffa and Schlaifer (1961), Applied Statistical Decision Theory: the share of records whose most probable label is
    right has a beta distribution around what the committee says; the labels narrow it; and the group is expected to
    get its second label where that is then better.

    Parameters
    ----------
    P : float (r, k), probabilities of the records of the group
    labels : number of labels that are given

    Examples
    --------
    >>> unsure, sure = np.tile([0.55, 0.45], (100, 1)), np.tile([0.9, 0.1], (100, 1))
    >>> round(gain_of_group(unsure, 12), 1), round(gain_of_group(sure, 12), 1)
    (9.8, 1.2)
    """
    from scipy.special import betaln, gammaln

    r = len(P)
    n = min(labels, r)
    if not n:
        return 0.0
    two = -np.partition(-P, 1, axis=1)[:, :2]
    right = float(np.clip(two[:, 0].mean(), 1e-6, 1 - 1e-6))
    other = min(float(two[:, 1].mean()) / (1 - right), 1.0)
    a, b = STRENGTH * right, STRENGTH * (1 - right)
    hits = np.arange(n + 1)
    ways = gammaln(n + 1) - gammaln(hits + 1) - gammaln(n - hits + 1)
    weight = np.exp(ways + betaln(a + hits, b + n - hits) - betaln(a, b))
    then = (a + hits) / (STRENGTH + n)
    better = float(weight @ np.maximum(then, (1 - then) * other)) - max(right, (1 - right) * other)
    return max(better, 0.0) * (r - n) + (1 - right) * n


def gain_of_labels(expected_error: float, given: int, more: int) -> float:
    """Return the share of records by which more labels, spread over all records, are expected to raise the accuracy.

    The error falls as a power of the number of labels, as in :func:`weaklab.evaluation.forecast.forecast`, whose curve
    is that of Figueroa, Zeng-Treitler, Kandula and Ngo (2012); the exponent is :data:`CURVE`.

    Parameters
    ----------
    expected_error : share of the labels that are expected to be wrong
    given : number of manual labels that there are
    more : number of labels more

    Examples
    --------
    >>> round(gain_of_labels(0.1, 40, 12), 3), round(gain_of_labels(0.1, 400, 12), 3)
    (0.008, 0.001)
    """
    n = max(given, 1)
    return float(expected_error * (1 - ((n + more) / n) ** -CURVE))
