"""Query strategies based on the uncertainty of the label model, and random sampling."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.core.rows import blocks, confidence, row_max, top_two
from weaklab.strategies.base import STRATEGIES, uniform

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Probabilities = NDArray[np.floating[Any]]


@STRATEGIES.named("least_confidence")
def least_confidence(P: Probabilities) -> NDArray[np.float64]:
    """1 - max_k P_ik: high where even the best class is improbable.

    Lewis and Gale (1994), A sequential algorithm for training text classifiers, SIGIR.

    >>> least_confidence(np.array([[0.5, 0.5], [0.9, 0.1]])).round(2).tolist()
    [0.5, 0.1]
    """
    found = np.empty(len(P))
    for rows in blocks(len(P)):
        np.subtract(1, row_max(P[rows]), out=found[rows])
    return found


@STRATEGIES.named("margin")
def margin(P: Probabilities) -> NDArray[np.float64]:
    """1 - (best - second best probability): high where two classes are close.

    Scheffer, Decomain and Wrobel (2001), Active hidden Markov models for information extraction, IDA.

    >>> margin(np.array([[0.5, 0.5], [0.9, 0.1]])).round(2).tolist()
    [1.0, 0.2]
    """
    found = np.empty(len(P))
    for rows in blocks(len(P)):
        part = P[rows]
        gap = np.subtract(*top_two(part)) if P.shape[1] != 2 else np.subtract(part[:, 0], part[:, 1])
        np.subtract(1, np.abs(gap, out=gap), out=found[rows])
    return found


@STRATEGIES.named("entropy")
def entropy(P: Probabilities) -> NDArray[np.float64]:
    """H(P_i) / ln k, which is 1 - confidence: high where many classes are possible.

    Shannon (1948), A mathematical theory of communication.

    >>> entropy(np.array([[0.5, 0.5], [1.0, 0.0]])).tolist()
    [1.0, 0.0]
    """
    return 1 - confidence(P)


@STRATEGIES.named("random")
def random(keys: NDArray[np.uint64], seed: int) -> NDArray[np.float64]:
    """Uniform in [0, 1), computed from the record's id and the seed: every record is equally likely to be asked about.

    >>> random(np.array([1, 2, 3], dtype=np.uint64), seed=0).shape
    (3,)
    """
    return uniform(keys, seed)
