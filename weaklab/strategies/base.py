"""The registry of query strategies, the function that calls one, and helpers for writing one."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from weaklab.core.errors import WeaklabError
from weaklab.core.registry import Registry
from weaklab.core.rows import BLOCK, blocks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Rows = NDArray[np.integer[Any]]

Strategy = Callable[..., "NDArray[np.floating[Any]]"]
F = TypeVar("F", bound=Callable[..., Any])

STRATEGIES: Registry[Strategy] = Registry("query strategy", package="weaklab.strategies", group="weaklab.strategies")
"""Query strategies by name; register a function with ``@STRATEGIES.named("name")`` in a module of this package."""

ARGUMENTS = {
    "P": "float (n_records, k), class probabilities of the label model",
    "L": "int (n_records, m), votes, -1 abstains",
    "scores": "column of L -> float (n_records, k), for members that give probabilities",
    "keys": "uint64 (n_records,), a number made from each record's id",
    "seed": "int, changes from one batch to the next",
    "y": "int (n_records,), manual labels, -1 unlabeled",
    "eligible": "bool (n_records,), True where a record may be asked about",
    "n": "int, size of the batch; a strategy with this parameter chooses the whole batch together: the n eligible "
    "records with the highest scores, in order",
    "X": "float32 (n_records, d), features with rows of length 1 (or 0), scipy sparse or dense",
    "E": "float32 (n_records, d), d at most 64, dense embeddings with rows of length 1 (or 0)",
}
"""The parameters that a query strategy may have, with their meaning. Any other parameter needs a default value."""

OPINIONS = ("P", "L", "scores")
FEATURES = ("X", "E")
CONSTANT = ("seed", "n")
COMPILED = 20_000
"""From this many records on, random draws are made in a compiled loop if the compiler is loaded already."""
SAMPLE_EVERY = 64
"""In a large pool, every 64th row is sampled to estimate the lowest score among the n best."""


def in_drawn_order(strategy: F) -> F:
    """Mark a strategy whose result may depend on the order of the rows: ties, sums, greedy choices, samples.

    :func:`call_strategy` shuffles the rows, by their keys and the seed, before the call, and puts the scores back
    into the original order after it. So the order of the records never matters, ties are broken at random, and the
    first rows are a random sample.

    >>> @in_drawn_order
    ... def first(P):
    ...     return np.arange(len(P)) == 0
    >>> pool = {"P": np.full((3, 2), 0.5), "keys": np.array([7, 8, 9], dtype=np.uint64), "seed": 0}
    >>> turned = {**pool, "keys": pool["keys"][::-1]}
    >>> call_strategy("first", first, pool).tolist() == call_strategy("first", first, turned)[::-1].tolist()
    True
    """
    strategy.in_drawn_order = True  # type: ignore[attr-defined]
    return strategy


def of_few(strategy: F) -> F:
    """Mark a strategy that uses ``E`` only as ``E[rows]``, for few rows; the other embeddings are not computed.

    It must not be marked :func:`in_drawn_order` as well.

    >>> @of_few
    ... def first_column_of_two(P, E):
    ...     return np.where(np.arange(len(P)) < 2, E[np.array([0, 1])][0, 0], 0.0)
    >>> call_strategy("first", first_column_of_two, {"P": np.full((3, 2), 0.5), "E": np.eye(3)}).tolist()
    [1.0, 1.0, 0.0]
    """
    strategy.of_few = True  # type: ignore[attr-defined]
    return strategy


@dataclass(frozen=True)
class OnDemand:
    """An argument of strategies that is made when one names it.

    Parameters
    ----------
    make : function that returns it
    rows : function from row numbers to these rows of it, for strategies marked :func:`of_few`; optional

    Examples
    --------
    >>> pool = {"P": np.full((3, 2), 0.5), "X": OnDemand(lambda: np.eye(3))}
    >>> call_strategy("first", lambda P, X: X[:, 0], pool).tolist()
    [1.0, 0.0, 0.0]
    """

    make: Callable[[], Any]
    rows: Callable[[NDArray[np.int64]], Any] | None = None

    def made(self, few: bool) -> Any:
        """Return the argument; for a strategy ``of_few``, itself, where rows can be made one by one."""
        return self if few and self.rows is not None else self.make()

    def __getitem__(self, rows: NDArray[np.int64]) -> Any:
        assert self.rows is not None
        return self.rows(rows)


def call_strategy(name: str, strategy: Strategy, pool: Mapping[str, Any]) -> NDArray[np.float64]:
    """Call a strategy with the arguments that it names and check its result: float (n_records,), finite.

    Parameters
    ----------
    name : name of the strategy, for messages
    strategy : a function of some of :data:`ARGUMENTS`
    pool : the arguments by name, some of them perhaps :class:`OnDemand`; only those that the strategy names are made

    Raises
    ------
    WeaklabError
        The strategy needs an argument that the pool does not have, or its result is not one finite score per record.
    """
    wanted: dict[str, Any] = {}
    few = getattr(strategy, "of_few", False)
    for parameter in parameters(strategy):
        if parameter.name in pool:
            value = pool[parameter.name]
            wanted[parameter.name] = value.made(few) if isinstance(value, OnDemand) else value
        elif parameter.default is parameter.empty and parameter.kind not in (
            parameter.VAR_POSITIONAL,
            parameter.VAR_KEYWORD,
        ):
            raise WeaklabError(_missing(name, parameter.name))
    order = None
    if getattr(strategy, "in_drawn_order", False):
        order = np.lexsort((pool["keys"], uniform(pool["keys"], pool["seed"])))
        wanted = {
            argument: value if argument in CONSTANT else _rows(value, order) for argument, value in wanted.items()
        }
    answer = strategy(**wanted)
    try:
        scores = np.asarray(answer, dtype=np.float64)
    except (TypeError, ValueError):
        raise WeaklabError(
            f"query strategy {name!r} must return one number per record, got {type(answer).__name__}"
        ) from None
    if scores.shape == (len(pool["P"]),) and not _all_finite(scores):
        raise WeaklabError(
            f"query strategy {name!r} must return finite scores; {int((~np.isfinite(scores)).sum())} are NaN or "
            "infinite"
        )
    if scores.shape != (len(pool["P"]),):
        raise WeaklabError(
            f"query strategy {name!r} must return one finite score per record, shape ({len(pool['P'])},), got shape "
            f"{scores.shape}"
        )
    if order is None:
        return scores
    back = np.empty_like(scores)
    back[order] = scores
    return back


def parameters(strategy: Strategy) -> tuple[inspect.Parameter, ...]:
    """Return the parameters of a strategy; cached, because reading a signature is slow."""
    try:
        return _parameters(strategy)
    except TypeError:  # an object that cannot be a key
        return tuple(inspect.signature(strategy).parameters.values())


def picks_by_opinion(name: str | None) -> bool:
    """Whether a strategy, or one of those whose names are joined by ``+``, looks at what the committee says.

    Labels of records that were picked in this way do not tell how often the committee is right elsewhere. A strategy
    that is not known here may do so; None, where a person chose the record, does not.

    >>> picks_by_opinion("random"), picks_by_opinion("typicality"), picks_by_opinion("exploration+margin")
    (False, False, True)
    """
    parts = name.split("+") if name else []
    return any(part not in STRATEGIES or reads_opinions(STRATEGIES[part]) for part in parts)


def reads_opinions(strategy: Strategy) -> bool:
    """Whether a strategy asks for votes or probabilities."""
    return any(parameter.name in OPINIONS for parameter in parameters(strategy))


@functools.lru_cache(maxsize=256)
def _parameters(strategy: Strategy) -> tuple[inspect.Parameter, ...]:
    return tuple(inspect.signature(strategy).parameters.values())


def _all_finite(scores: NDArray[np.float64]) -> bool:
    with np.errstate(over="ignore", invalid="ignore"):
        total = scores.sum()  # fast: a finite sum proves that all are finite (but finite scores may overflow)
    return bool(np.isfinite(total) or np.isfinite(scores).all())


def _rows(value: Any, order: Rows) -> Any:
    return {j: column[order] for j, column in value.items()} if isinstance(value, Mapping) else value[order]


def _missing(name: str, argument: str) -> str:
    if argument in FEATURES:
        return (
            f"query strategy {name!r} needs features of the records, and there are none: give the project text or "
            "numeric columns, or a weak classifier with features of its own; or choose a strategy without, such as "
            "'margin'"
        )
    if argument in ARGUMENTS:
        return f"query strategy {name!r} needs {argument!r} ({ARGUMENTS[argument]}), which this pool does not have"
    return (
        f"query strategy {name!r} asks for {argument!r}; it may ask for {', '.join(ARGUMENTS)}; others need a default"
    )


def in_turn(chosen: Rows, rest: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Return scores for a batch that was chosen as a whole: float (n_records,) in [0, 1].

    The chosen rows get scores from 1 down to just above 0.5, in their order. Every other row gets half of its value
    in ``rest``, which is clipped to [0, 1].

    >>> in_turn(np.array([2, 0]), np.array([0.0, 1.0, 0.0, 0.2])).tolist()
    [0.75, 0.5, 1.0, 0.1]
    """
    scores: NDArray[np.float64] = np.clip(rest, 0, 1, dtype=np.float64)
    scores /= 2
    scores[chosen] = 1 - np.arange(len(chosen)) / (2 * max(len(chosen), 1))
    return scores


def shortlist(score: NDArray[np.floating[Any]], eligible: NDArray[np.bool_], size: int) -> NDArray[np.int64]:
    """Return the ``size`` eligible rows with the highest scores, highest first; ties keep row order.

    >>> shortlist(np.array([0.1, 0.9, 0.5, 0.9]), np.array([True, True, True, False]), 2).tolist()
    [1, 2]
    """
    rows = np.flatnonzero(eligible)
    return np.asarray(rows[np.argsort(-np.asarray(score)[rows], kind="stable")[:size]], dtype=np.int64)


def drawn_shortlist(
    score: NDArray[np.floating[Any]], eligible: NDArray[np.bool_], size: int, keys: NDArray[np.uint64], seed: int
) -> NDArray[np.int64]:
    """Return the ``size`` eligible rows with the highest scores, highest first; ties in random order.

    The order of ties is drawn from the keys and the seed. The result is that of :func:`shortlist` inside a strategy
    marked :func:`in_drawn_order`, but a large pool need not be shuffled.

    >>> rows = drawn_shortlist(np.array([0.1, 0.9, 0.5, 0.9]), np.full(4, True), 3, np.arange(4, dtype=np.uint64), 0)
    >>> sorted(rows[:2].tolist()), rows[2:].tolist()
    ([1, 3], [2])
    """
    rows = highest_rows(score, eligible, size)
    order = np.lexsort((keys[rows], uniform(keys[rows], seed), -np.asarray(score)[rows]))
    return np.asarray(rows[order[:size]], dtype=np.int64)


def highest_rows(score: NDArray[np.floating[Any]], eligible: NDArray[np.bool_], n: int) -> NDArray[np.int64]:
    """Return the eligible rows whose score is at least the n-th highest eligible score, in row order.

    Ties with the n-th score are all included. To pass over a large pool only once, a sample of the rows first
    estimates a score that a few more than n rows exceed.

    >>> highest_rows(np.array([0.1, 0.9, 0.5, 0.9, 0.5]), np.array([True, True, True, False, True]), 2).tolist()
    [1, 2, 4]
    """
    sample = score[::SAMPLE_EVERY][eligible[::SAMPLE_EVERY]]
    enough = 2 * (n // SAMPLE_EVERY) + 8
    rows = np.empty(0, dtype=np.int64)
    if enough < len(sample):
        least = np.partition(sample, len(sample) - enough)[len(sample) - enough]
        found = [np.flatnonzero((score[part] >= least) & eligible[part]) + part.start for part in blocks(len(score))]
        rows = np.concatenate(found)
    if len(rows) < n:
        rows = np.flatnonzero(eligible)
    if n < len(rows):
        given = score[rows]
        rows = rows[given >= np.partition(given, len(rows) - n)[len(rows) - n]]
    return rows


def uniform(keys: NDArray[np.uint64], seed: int) -> NDArray[np.float64]:
    """Return pseudorandom numbers in [0, 1), each determined by its key and the seed: float (n,).

    SplitMix64 of Steele, Lea and Flood (2014), Fast splittable pseudorandom number generators, OOPSLA.

    >>> bool((uniform(np.arange(4, dtype=np.uint64), 0)[[2, 0]] == uniform(np.array([2, 0], dtype=np.uint64), 0)).all())
    True
    """
    drawn = np.empty(len(keys))
    for rows, z in _mixed(keys, seed):
        np.multiply(z, 2.0**-53, out=drawn[rows])
    return drawn


def lowest_drawn(keys: NDArray[np.uint64], seed: int, eligible: NDArray[np.bool_], n: int) -> NDArray[np.int64]:
    """Return a random sample of n eligible rows: those with the lowest :func:`uniform` numbers, lowest first.

    >>> keys = np.arange(4, dtype=np.uint64)
    >>> bool(lowest_drawn(keys, 0, np.full(4, True), 2)[0] == uniform(keys, 0).argmin())
    True
    """
    n_eligible = int(np.count_nonzero(eligible))
    n, limit = min(n, n_eligible), 2**53
    if n == 0:
        return np.empty(0, dtype=np.int64)
    if SAMPLE_EVERY * n < n_eligible:  # numbers below the limit nearly always include n rows; if not, all are searched
        limit = 4 * (n + 4) * 2**53 // n_eligible
    while True:
        rows = _drawn_below(keys, seed, eligible, limit)
        if len(rows) >= n:
            return np.asarray(rows[np.argsort(uniform(keys[rows], seed), kind="stable")[:n]])
        limit = 2**53


def _drawn_below(keys: NDArray[np.uint64], seed: int, eligible: NDArray[np.bool_], limit: int) -> NDArray[np.int64]:
    """Return the eligible rows whose pseudorandom integer is below ``limit``, ascending."""
    if len(keys) >= COMPILED and "numba" in sys.modules:  # loading it takes longer than many draws
        from weaklab.strategies.kernels import rows_below

        found = np.empty(len(keys), dtype=np.int64)
        keys = np.ascontiguousarray(keys, dtype=np.uint64)
        return found[: rows_below(keys, _start(seed), np.uint64(limit), np.ascontiguousarray(eligible), found)].copy()
    parts = [np.flatnonzero((z < np.uint64(limit)) & eligible[part]) + part.start for part, z in _mixed(keys, seed)]
    return np.concatenate(parts)


def _start(seed: int) -> np.uint64:
    return np.uint64((seed * 0x9E3779B97F4A7C15 + 0x632BE59BD9B4E019) % 2**64)


def _mixed(keys: NDArray[np.uint64], seed: int) -> Iterator[tuple[slice, NDArray[np.uint64]]]:
    """Yield blocks of rows with a pseudorandom integer below 2^53 for each key; the array is reused by each block."""
    keys = np.asarray(keys, dtype=np.uint64)
    start = _start(seed)
    whole, shifted = np.empty((2, min(len(keys), BLOCK)), dtype=np.uint64)
    for rows in blocks(len(keys)) if len(keys) > BLOCK else (slice(0, len(keys)),):
        size = rows.stop - rows.start
        z, y = whole[:size], shifted[:size]
        np.add(keys[rows], start, out=z)
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1)):
            np.right_shift(z, np.uint64(shift), out=y)
            z ^= y
            if factor != 1:
                z *= np.uint64(factor)
        z >>= np.uint64(11)
        yield rows, z
