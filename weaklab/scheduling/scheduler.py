"""Which records to ask a person about next, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.core.errors import WeaklabError, is_whole
from weaklab.core.labels import ABSTAIN
from weaklab.strategies import STRATEGIES, Strategy, as_strategy, call_strategy, highest_rows, lowest_drawn, uniform
from weaklab.strategies.base import parameters

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

RANDOM = "random"
DEFAULT_STRATEGY = "default"
WITH_FEATURES, WITHOUT_FEATURES = "shortlist_spread", "margin"
"""What the default is: the first is the best on the mean of text sets in `benchmarks.active_learning`, the second needs
no features."""
RANDOM_SHARE = 0.2
"""Share of each batch that is drawn uniformly at random, so that accuracy can be measured on an unbiased sample."""
COLD_START = "typicality"
COLD_LABELS = 10
"""While there are fewer manual labels than that, or than classes, the first questions go to the typical records of
clusters."""
SHORTLIST = 10
"""Diversity is looked for among so many times the batch size of the best records."""
NEAR_DUPLICATE = 0.85
"""Cosine similarity of character n-grams from which two records are not asked about in one batch."""


@dataclass
class Pool:
    """The arrays that strategies look at, one row a record.

    Attributes
    ----------
    P : float (n, k), class probabilities
    L : int (n, m), votes, -1 abstains
    keys : uint64 (n,), a number made from each record's id, so that the order of the records does not matter
    scores : column -> float (n, k), for members that say how sure they are, or what returns that, called when a
        strategy asks for it
    y : int (n,), manual labels, -1 is unlabeled; by default none is labeled
    vectors : row numbers -> (rows, d) matrix with rows of length 1, to tell near-duplicates; optional
    features : returns the (n, d) features with rows of length 1, called when a strategy asks for ``X``; optional
    embeddings : returns float (n, d) dense vectors with rows of length 1, called when a strategy asks for ``E``;
        optional
    embed : row numbers -> the rows of ``embeddings``, for strategies that look at few of them; optional
    groups : int (n,), near-duplicates have the same number; optional
    """

    P: NDArray[np.floating[Any]]
    L: NDArray[np.integer[Any]]
    keys: NDArray[np.uint64]
    scores: Mapping[int, NDArray[np.floating[Any]]] | Callable[[], Mapping[int, NDArray[np.floating[Any]]]] = field(
        default_factory=dict
    )
    y: NDArray[np.integer[Any]] | None = None
    vectors: Callable[[NDArray[np.int64]], Any] | None = None
    features: Callable[[], Any] | None = None
    embeddings: Callable[[], Any] | None = None
    groups: NDArray[np.integer[Any]] | None = None
    embed: Callable[[NDArray[np.int64]], Any] | None = None

    def has_embeddings(self) -> bool:
        """Whether there are embeddings: texts without a word have none."""
        if self.embeddings is None:
            return False
        try:
            _ = self.embeddings() if self.embed is None else self.embed(np.empty(0, dtype=np.int64))
        except WeaklabError:
            return False
        return True

    def arguments(self, eligible: NDArray[np.bool_], n: int, seed: int) -> Mapping[str, Any]:
        """Return what strategies may ask for by name; features and embeddings are computed when they are asked for."""
        y = np.full(len(self.P), ABSTAIN) if self.y is None else self.y
        given: dict[str, Any] = {
            "P": self.P,
            "L": self.L,
            "keys": self.keys,
            "y": y,
            "eligible": eligible,
            "n": n,
            "seed": seed,
        }
        lazy = {"X": self.features, "E": self.embeddings}
        if callable(self.scores):
            lazy["scores"] = self.scores
        else:
            given["scores"] = self.scores
        return _Arguments(given, {name: make for name, make in lazy.items() if make is not None}, self.embed)


class _Arguments(Mapping[str, Any]):
    """A mapping, some of whose values are computed when they are wanted."""

    def __init__(
        self,
        ready: Mapping[str, Any],
        lazy: Mapping[str, Callable[[], Any]],
        embed: Callable[[NDArray[np.int64]], Any] | None,
    ) -> None:
        self._ready, self._lazy, self._embed = ready, lazy, embed

    def few(self, name: str) -> Any:
        """Return what :func:`~weaklab.strategies.of_few` strategies get: embeddings that are made row by row."""
        return self[name] if name != "E" or self._embed is None else _Rows(self._embed)

    def __getitem__(self, name: str) -> Any:
        return self._ready[name] if name in self._ready else self._lazy[name]()

    def __contains__(self, name: object) -> bool:
        return name in self._ready or name in self._lazy

    def __iter__(self) -> Iterator[str]:
        return iter([*self._ready, *self._lazy])

    def __len__(self) -> int:
        return len(self._ready) + len(self._lazy)


class _Rows:
    """Rows that are made when they are looked up."""

    def __init__(self, make: Callable[[NDArray[np.int64]], Any]) -> None:
        self._make = make

    def __getitem__(self, rows: NDArray[np.int64]) -> Any:
        return self._make(rows)


@dataclass(frozen=True)
class Pick:
    """A record to ask about.

    Attributes
    ----------
    row : its number in the pool
    strategy : the query strategies that picked it, ``random`` for an audit pick
    score : its score, 0 to 1
    probability : the chance that it would be picked at random; 1 where a strategy chose it
    pool_size : how many records could have been picked
    """

    row: int
    strategy: str
    score: float
    probability: float
    pool_size: int = 0


class Scheduler:
    """Scores the pool with a mix of query strategies and takes a batch without near-duplicates.

    Parameters
    ----------
    strategy : name, function, or mapping of name to weight
        ``default`` is ``shortlist_spread`` where there are features and ``margin`` where there are none. The strategies
        of a mix are compared by rank, so that scores on different scales count as weighted. A function may be one of
        modAL's, ``f(classifier, X, n_instances)``.
    random_share : 0 to 1, share of every batch that is drawn uniformly at random
    diversity : 0 to 1, how much a record loses for being similar to one that is in the batch already
    cold_start : name of a strategy for the first questions, while labels are too few to learn from, None for none
        It is used where the pool has embeddings, until :meth:`is_cold` is over.
    seed : int

    Notes
    -----
    Diversity is the maximal marginal relevance of Carbonell and Goldstein (1998), The use of MMR, diversity-based
    reranking for reordering documents and producing summaries, SIGIR, on the best ``10 x n`` records. A strategy that
    chooses whole batches (it names the argument ``n``) is taken at its word.

    Examples
    --------
    >>> P = np.array([[0.9, 0.1], [0.5, 0.5], [0.6, 0.4]])
    >>> pool = Pool(P, L=np.full((3, 1), -1), keys=np.arange(3, dtype=np.uint64))
    >>> [pick.row for pick in Scheduler("margin", random_share=0).pick(pool, 2)]
    [1, 2]
    """

    def __init__(
        self,
        strategy: str | Strategy | Mapping[str, float] = DEFAULT_STRATEGY,
        *,
        random_share: float = RANDOM_SHARE,
        diversity: float = 0.3,
        cold_start: str | None = COLD_START,
        seed: int = 0,
    ) -> None:
        for name, value in (("random_share", random_share), ("diversity", diversity)):
            if not 0 <= value <= 1:
                raise WeaklabError(f"{name} must be from 0 to 1, got {value!r}")
        self.strategies = _weighted(strategy)
        self._fallback = _weighted(WITHOUT_FEATURES) if strategy == DEFAULT_STRATEGY else self.strategies
        self.cold_start = _weighted(cold_start) if cold_start else None
        self._only_random = [given for given, _ in self.strategies.values()] == [STRATEGIES[RANDOM]]
        self.random_share = 0.0 if self._only_random else random_share
        self.diversity = diversity
        self.seed = seed

    def is_cold(self, pool: Pool) -> bool:
        """Whether the labels are too few to learn from, so that the cold start goes first."""
        if self.cold_start is None or self._only_random:
            return False
        labels = 0 if pool.y is None else int(np.count_nonzero(pool.y != ABSTAIN))
        return labels < max(COLD_LABELS, pool.P.shape[1]) and pool.has_embeddings()

    def scores(
        self, pool: Pool, turn: int = 0, eligible: NDArray[np.bool_] | None = None, n: int = 1
    ) -> NDArray[np.float64]:
        """Return the mixed score of every record, float (n_records,); from 0 to 1 where strategies are mixed."""
        rows = np.ones(len(pool.P), dtype=bool) if eligible is None else eligible
        return self._score(self._chosen(pool), pool.arguments(rows, n, self.seed + turn))

    def _chosen(self, pool: Pool) -> dict[str, tuple[Strategy, float]]:
        """Return the strategies for this turn."""
        if self.cold_start is not None and self.is_cold(pool):
            return self.cold_start
        return self.strategies if self._fallback is self.strategies or pool.has_embeddings() else self._fallback

    @staticmethod
    def _score(strategies: Mapping[str, tuple[Strategy, float]], given: Mapping[str, Any]) -> NDArray[np.float64]:
        if len(strategies) == 1:
            [(name, (strategy, _))] = strategies.items()
            return call_strategy(name, strategy, given)
        total = sum(weight for _, weight in strategies.values())
        mixed = np.zeros(len(given["P"]))
        for name, (strategy, weight) in strategies.items():
            mixed += weight / total * ranks(call_strategy(name, strategy, given))
        return mixed

    def pick(self, pool: Pool, n: int, eligible: NDArray[np.bool_] | None = None, turn: int = 0) -> list[Pick]:
        """Take a batch.

        Parameters
        ----------
        pool : what there is to choose from
        n : how many to ask about; fewer come back when fewer are eligible
        eligible : bool (n_records,), False for records that must not be asked, by default all may
        turn : a number that differs from batch to batch, mixed into the seed

        Returns
        -------
        list of Pick
            In the order in which to ask; the random ones stand among the others. Fewer than n where the rest of the
            pool is near-duplicates of these.
        """
        if not is_whole(n) or n < 1:
            raise WeaklabError(f"ask for at least one record, a whole number, got {n!r}")
        free = np.ones(len(pool.P), dtype=bool) if eligible is None else eligible.copy()
        size = int(np.count_nonzero(free))
        n = min(n, size)
        if n == 0:
            return []
        seed = self.seed * 1_000_003 + turn
        if self._only_random:
            drawn = lowest_drawn(pool.keys, seed, free, n)
            lots = uniform(pool.keys[drawn], seed).tolist()
            return [Pick(row, RANDOM, lot, n / size, size) for row, lot in zip(drawn.tolist(), lots, strict=True)]
        wanted = n * self.random_share
        n_random = int(wanted) + int(uniform(np.array([turn], dtype=np.uint64), self.seed)[0] < wanted % 1)
        audit = lowest_drawn(pool.keys, seed, free, n_random)
        free[audit] = False
        if pool.groups is not None:
            free = _one_of_each(pool.groups, free, audit, pool.keys, seed)
        n = n_random + min(n - n_random, int(np.count_nonzero(free)))
        picks = []
        if n > n_random:
            strategies = self._chosen(pool)
            given = pool.arguments(free, n - n_random, self.seed + turn)
            score = self._score(strategies, given)
            name = "+".join(strategies)
            picks = [
                Pick(row, name, float(score[row]), 1.0, size)
                for row in self._best(strategies, pool, score, free, n - n_random, seed)
            ]
        for place, (row, lot) in enumerate(zip(audit.tolist(), uniform(pool.keys[audit], seed).tolist(), strict=True)):
            pick = Pick(row, RANDOM, lot, wanted / size, size)
            picks.insert(min(len(picks), 2 + place * max(1, n // max(n_random, 1))), pick)
        return picks

    def _best(
        self,
        strategies: Mapping[str, tuple[Strategy, float]],
        pool: Pool,
        score: NDArray[np.float64],
        free: NDArray[np.bool_],
        n: int,
        seed: int,
    ) -> list[int]:
        """Take n rows by score less similarity to what is taken, no near-duplicates while there are others."""
        joint = any(chooses_batches(strategy) for strategy, _ in strategies.values())
        shortlist = _highest(score, pool.keys, seed, free, n if joint else n * SHORTLIST)
        if joint or pool.vectors is None or n <= 1:
            return [int(row) for row in shortlist[:n]]
        vectors = pool.vectors(shortlist)
        value = score[shortlist]
        if value.min() < 0 or value.max() > 1:
            value = ranks(value)
        nearest = np.zeros(len(shortlist))
        taken: list[int] = []
        open_ = np.ones(len(shortlist), dtype=bool)
        while len(taken) < n:
            gain = (1 - self.diversity) * value - self.diversity * nearest - 10.0 * (nearest >= NEAR_DUPLICATE)
            best = int(np.argmax(np.where(open_, gain, -np.inf)))
            taken.append(best)
            open_[best] = False
            product = vectors @ vectors[[best]].T
            nearest = np.maximum(
                nearest, np.asarray(product.todense() if hasattr(product, "todense") else product).ravel()
            )
        return [int(shortlist[i]) for i in taken]


def _one_of_each(
    groups: NDArray[np.integer[Any]],
    free: NDArray[np.bool_],
    taken: NDArray[np.int64],
    keys: NDArray[np.uint64],
    seed: int,
) -> NDArray[np.bool_]:
    """Return bool (n,), True for one free record of each group, drawn by lot, and for none of the groups of those
    taken.
    """
    one = free & ~np.isin(groups, groups[taken])
    rows = np.flatnonzero(one & _several(groups))
    one[rows] = False
    rows = rows[np.argsort(uniform(keys[rows], seed), kind="stable")]
    one[rows[np.unique(groups[rows], return_index=True)[1]]] = True
    return one


def _several(groups: NDArray[np.integer[Any]]) -> NDArray[np.bool_]:
    """Return bool (n,), whether there may be another record in the group of each."""
    if not len(groups) or groups.min() < 0 or groups.max() >= len(groups):
        return np.ones(len(groups), dtype=bool)
    return np.asarray((np.bincount(groups) > 1)[groups])


def chooses_batches(strategy: Strategy) -> bool:
    """Whether a strategy chooses the records of a batch together, which it says by naming the argument ``n``."""
    return any(parameter.name == "n" for parameter in parameters(strategy))


def lowest(draw: NDArray[np.float64], rows: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """Return the n of these rows with the smallest draw, smallest first."""
    if n < len(rows):
        rows = rows[np.argpartition(draw[rows], n)[:n]]
    return rows[np.argsort(draw[rows], kind="stable")]


def _highest(
    score: NDArray[np.float64], keys: NDArray[np.uint64], seed: int, free: NDArray[np.bool_], n: int
) -> NDArray[np.int64]:
    """Return the n free rows with the highest score, highest first, ties by lot."""
    rows = highest_rows(score, free, n)
    return np.asarray(rows[np.lexsort((uniform(keys[rows], seed), -score[rows]))[:n]])


def _weighted(strategy: str | Strategy | Mapping[str, float]) -> dict[str, tuple[Strategy, float]]:
    if isinstance(strategy, str):
        name = WITH_FEATURES if strategy == DEFAULT_STRATEGY else strategy
        return {name: (STRATEGIES[name], 1.0)}
    if callable(strategy):
        return {getattr(strategy, "__name__", "strategy"): (as_strategy(strategy), 1.0)}
    if not isinstance(strategy, Mapping):
        raise WeaklabError(f"a strategy is a name, a function or a mapping of names to weights, got {strategy!r}")
    try:
        mix = {name: (STRATEGIES[name], float(weight)) for name, weight in strategy.items()}
    except (TypeError, ValueError):
        raise WeaklabError(f"the weights of a mix of strategies must be numbers, got {dict(strategy)}") from None
    if not mix or any(weight < 0 for _, weight in mix.values()) or not sum(weight for _, weight in mix.values()):
        raise WeaklabError(f"a mix of strategies needs weights, none negative and not all 0, got {dict(strategy)}")
    return mix


def ranks(values: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Return the mean rank of each value, scaled to [0, 1]; equal values rank equally.

    >>> ranks(np.array([3.0, 1.0, 1.0])).tolist()
    [1.0, 0.25, 0.25]
    """
    from scipy.stats import rankdata

    return np.asarray((rankdata(values) - 1) / max(len(values) - 1, 1))


def text_vectors(texts: list[str]) -> Any:
    """Return length-1 vectors of hashed character 4-grams, sparse (n, d), to tell near-duplicates."""
    from sklearn.feature_extraction.text import HashingVectorizer

    return HashingVectorizer(
        analyzer="char_wb", ngram_range=(4, 4), n_features=1 << 16, alternate_sign=False
    ).transform([text.strip()[:2000] or "(empty)" for text in texts])
