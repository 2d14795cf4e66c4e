"""The registry of query strategies and how they are called."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.base import Registry, WeaklabError

if TYPE_CHECKING:
    from numpy.typing import NDArray

Strategy = Callable[..., "NDArray[np.floating[Any]]"]

STRATEGIES: Registry[Strategy] = Registry("query strategy", package="weaklab.strategies")
"""Query strategies by name; register a function with ``@STRATEGIES.named("name")`` in a module of this package."""

ARGUMENTS = {
    "P": "float (n, k), class probabilities of the label model",
    "L": "int (n, m), votes, -1 abstains",
    "scores": "column of L -> float (n, k), for members that say how sure they are",
    "keys": "uint64 (n,), a number made from each record's id",
    "seed": "int, changes from one batch to the next",
}
"""What a query strategy may ask for by naming a parameter; anything else needs a default."""


def call_strategy(name: str, strategy: Strategy, pool: Mapping[str, Any]) -> NDArray[np.float64]:
    """Call a strategy with the arguments that it names and check its answer: float (n,), finite.

    Raises
    ------
    WeaklabError
        It asks for something that is not there, or returns something that is not one finite score a record.
    """
    wanted = {}
    for parameter in inspect.signature(strategy).parameters.values():
        if parameter.name in pool:
            wanted[parameter.name] = pool[parameter.name]
        elif parameter.default is parameter.empty:
            raise WeaklabError(
                f"query strategy {name!r} asks for {parameter.name!r}; it may ask for {', '.join(ARGUMENTS)}; others need a default"
            )
    scores = np.asarray(strategy(**wanted), dtype=np.float64)
    if scores.shape != (len(pool["P"]),) or not np.isfinite(scores).all():
        raise WeaklabError(
            f"query strategy {name!r} must return one finite score a record, shape ({len(pool['P'])},), got shape {scores.shape}"
        )
    return scores


def uniform(keys: NDArray[np.uint64], seed: int) -> NDArray[np.float64]:
    """Return numbers in [0, 1) that look random and depend on each key and the seed alone: float (n,).

    SplitMix64 of Steele, Lea and Flood (2014), Fast splittable pseudorandom number generators, OOPSLA.

    >>> bool((uniform(np.arange(4, dtype=np.uint64), 0)[[2, 0]] == uniform(np.array([2, 0], dtype=np.uint64), 0)).all())
    True
    """
    with np.errstate(over="ignore"):
        z = np.asarray(keys, dtype=np.uint64) + np.uint64((seed * 0x9E3779B97F4A7C15 + 0x632BE59BD9B4E019) % 2**64)
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            z = (z ^ (z >> np.uint64(shift))) * np.uint64(factor)
        z ^= z >> np.uint64(31)
    return np.asarray((z >> np.uint64(11)).astype(np.float64) / 2**53)
