"""The scheduler: picks the next batch of records to ask a person about from the pool of unlabeled records."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.core.codes import labeled_rows
from weaklab.core.errors import WeaklabError, is_whole
from weaklab.core.labels import ABSTAIN
from weaklab.strategies import (
    STRATEGIES,
    Strategy,
    as_strategy,
    call_strategy,
    lowest_drawn,
    margin,
    random,
    shortlist_spread,
    uniform,
)
from weaklab.strategies.base import OnDemand, drawn_shortlist, parameters

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

RANDOM = "random"
DEFAULT_STRATEGY = "default"
WITH_FEATURES: dict[str, tuple[Strategy, float]] = {"shortlist_spread": (shortlist_spread, 1.0)}
WITHOUT_FEATURES: dict[str, tuple[Strategy, float]] = {"margin": (margin, 1.0)}
"""The default strategy: the first one has the best mean over the text data sets of `benchmarks.active_learning`; the
second one is used where there are no features."""
RANDOM_SHARE = 0.2
"""Share of each batch that is drawn uniformly at random, so that accuracy can be measured on an unbiased sample."""
COLD_START = "typicality"
COLD_LABELS = 10
"""The cold start strategy is used while there are fewer manual labels than this, or fewer than classes."""
SHORTLIST = 10
"""A diverse batch of n is chosen from the 10 n records with the highest scores."""
NEAR_DUPLICATE = 0.85
"""Two records are not put into one batch if the cosine similarity of their character n-grams is at least this."""


@dataclass
class Pool:
    """The arrays that query strategies get, one row per record.

    Attributes
    ----------
    P : float (n, k), class probabilities
    L : int (n, m), votes, -1 abstains
    keys : uint64 (n,), a number made from each record's id, so that the order of the records does not matter
    scores : column -> float (n, k), for members that give probabilities; or a function that returns this mapping,
        called when a strategy needs it
    y : int (n,), manual labels, -1 is unlabeled; by default none is labeled
    vectors : function from row numbers to a (rows, d) matrix with rows of length 1, to find near-duplicates; optional
    features : function that returns the (n, d) features with rows of length 1, called when a strategy needs ``X``;
        optional
    embeddings : function that returns float (n, d) dense vectors with rows of length 1, called when a strategy needs
        ``E``; optional
    embed : function from row numbers to these rows of ``embeddings``, for strategies that use few of them; optional
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
        """Whether there are embeddings; there are none if no text contains a word."""
        if self.embeddings is None:
            return False
        try:
            _ = self.embeddings() if self.embed is None else self.embed(np.empty(0, dtype=np.int64))
        except WeaklabError:
            return False
        return True

    def arguments(self, eligible: NDArray[np.bool_], n: int, seed: int) -> Mapping[str, Any]:
        """Return the arguments for strategies, by name; features and embeddings are made when a strategy wants them."""
        given: dict[str, Any] = {
            "P": self.P,
            "L": self.L,
            "keys": self.keys,
            "y": np.full(len(self.P), ABSTAIN) if self.y is None else self.y,
            "scores": OnDemand(self.scores) if callable(self.scores) else self.scores,
            "eligible": eligible,
            "n": n,
            "seed": seed,
        }
        if self.features is not None:
            given["X"] = OnDemand(self.features)
        if self.embeddings is not None:
            given["E"] = OnDemand(self.embeddings, self.embed)
        return given


@dataclass(frozen=True)
class Pick:
    """A picked record, by its row, and how it was picked.

    Attributes
    ----------
    row : its row in the pool
    strategy : the query strategies that picked it; ``random`` for a record drawn at random (audit)
    score : its score
    probability : the probability with which it was drawn at random; 1 if a strategy chose it
    pool_size : number of records that could have been picked
    """

    row: int
    strategy: str
    score: float
    probability: float
    pool_size: int = 0


class Scheduler:
    """Scores the pool with one or several query strategies and picks a batch without near-duplicates.

    Parameters
    ----------
    strategy : name, function, or mapping of name to weight
        ``default`` is ``shortlist_spread`` if there are features, else ``margin``. In a mix, the scores of each
        strategy are replaced by ranks before they are weighted, because strategies have different scales. A function
        may be a query function of modAL, ``f(classifier, X, n_instances)``.
    random_share : 0 to 1, share of every batch that is drawn uniformly at random
    diversity : 0 to 1, weight of the similarity to records already in the batch, which is subtracted from the score
    cold_start : name of a strategy for the first questions, while there are too few labels to learn from; None for none
        It is used while :meth:`is_cold` is true, which requires embeddings.
    seed : int

    Notes
    -----
    Diversity is the maximal marginal relevance of Carbonell and Goldstein (1998), The use of MMR, diversity-based
    reranking for reordering documents and producing summaries, SIGIR, on the best ``10 x n`` records. It is not
    applied to a strategy that chooses whole batches (one with the parameter ``n``).

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
        self._fallback = WITHOUT_FEATURES if strategy == DEFAULT_STRATEGY else self.strategies
        self.cold_start = _weighted(cold_start) if cold_start else None
        self._only_random = [given for given, _ in self.strategies.values()] == [random]
        self.random_share = 0.0 if self._only_random else random_share
        self.diversity = diversity
        self.seed = seed

    def is_cold(self, pool: Pool) -> bool:
        """Whether there are too few labels to learn from, so that the cold start strategy is used."""
        if self.cold_start is None or self._only_random:
            return False
        labels = 0 if pool.y is None else len(labeled_rows(pool.y))
        return labels < max(COLD_LABELS, pool.P.shape[1]) and pool.has_embeddings()

    def scores(
        self, pool: Pool, turn: int = 0, eligible: NDArray[np.bool_] | None = None, n: int = 1
    ) -> NDArray[np.float64]:
        """Return the mixed score of every record, float (n_records,); from 0 to 1 where strategies are mixed."""
        rows = np.ones(len(pool.P), dtype=bool) if eligible is None else eligible
        return self._score(self._current_strategies(pool), pool.arguments(rows, n, self.seed + turn))

    def _current_strategies(self, pool: Pool) -> dict[str, tuple[Strategy, float]]:
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
        """Pick a batch of records.

        Parameters
        ----------
        pool : the records to choose from
        n : size of the batch; it is smaller if fewer records are eligible
        eligible : bool (n_records,), False for records that must not be picked; by default all may be
        turn : number of the batch, mixed into the seed

        Returns
        -------
        list of Pick
            In the order in which to ask; random picks are spread among the others. It has fewer than n picks if all
            other eligible records are near-duplicates of these.
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
            free = _one_per_group(pool.groups, free, audit, pool.keys, seed)
        n = n_random + min(n - n_random, int(np.count_nonzero(free)))
        picks = []
        if n > n_random:
            strategies = self._current_strategies(pool)
            given = pool.arguments(free, n - n_random, self.seed + turn)
            score = self._score(strategies, given)
            name = "+".join(strategies)
            picks = [
                Pick(row, name, float(score[row]), 1.0, size)
                for row in self._diverse_batch(strategies, pool, score, free, n - n_random, seed)
            ]
        for place, (row, lot) in enumerate(zip(audit.tolist(), uniform(pool.keys[audit], seed).tolist(), strict=True)):
            pick = Pick(row, RANDOM, lot, wanted / size, size)
            picks.insert(min(len(picks), 2 + place * max(1, n // max(n_random, 1))), pick)
        return picks

    def _diverse_batch(
        self,
        strategies: Mapping[str, tuple[Strategy, float]],
        pool: Pool,
        score: NDArray[np.float64],
        free: NDArray[np.bool_],
        n: int,
        seed: int,
    ) -> list[int]:
        """Choose n rows one by one: highest score minus similarity to the chosen rows, near-duplicates last."""
        joint = any(chooses_batches(strategy) for strategy, _ in strategies.values())
        shortlist = drawn_shortlist(score, free, n if joint else n * SHORTLIST, pool.keys, seed)
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


def _one_per_group(
    groups: NDArray[np.integer[Any]],
    free: NDArray[np.bool_],
    taken: NDArray[np.int64],
    keys: NDArray[np.uint64],
    seed: int,
) -> NDArray[np.bool_]:
    """Return bool (n,), True for one free record of each group, drawn at random; none from the groups of taken rows."""
    several = share_group(groups)
    one, mates = free.copy(), taken[several[taken]]
    one[taken] = False
    if len(mates):
        one &= ~np.isin(groups, groups[mates])
    rows = np.flatnonzero(one & several)
    one[rows] = False
    rows = rows[np.argsort(uniform(keys[rows], seed), kind="stable")]
    one[rows[np.unique(groups[rows], return_index=True)[1]]] = True
    return one


_SEEN: list[tuple[Any, NDArray[np.bool_]]] = []
"""The groups that were looked at last, by a weak reference, and what was found: they are asked about in every turn."""


def share_group(groups: NDArray[np.integer[Any]]) -> NDArray[np.bool_]:
    """Return bool (n,), False for records that are certainly alone in their group.

    What is found for an array that nobody can write to is kept.

    >>> share_group(np.array([0, 1, 0, 3])).tolist()
    [True, False, True, False]
    """
    for seen, found in _SEEN[:]:
        if seen() is groups:
            return found
    if not len(groups) or groups.min() < 0 or groups.max() >= len(groups):
        found = np.ones(len(groups), dtype=bool)
    else:
        found = np.asarray((np.bincount(groups) > 1)[groups])
    if not groups.flags.writeable:
        _SEEN[:] = [(weakref.ref(groups), found)]
    return found


def chooses_batches(strategy: Strategy) -> bool:
    """Whether a strategy chooses a whole batch together, which is the case if it has the parameter ``n``."""
    return any(parameter.name == "n" for parameter in parameters(strategy))


def lowest(draw: NDArray[np.float64], rows: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """Return the n of these rows with the smallest numbers in ``draw``, smallest first."""
    if n < len(rows):
        rows = rows[np.argpartition(draw[rows], n)[:n]]
    return rows[np.argsort(draw[rows], kind="stable")]


def _weighted(strategy: str | Strategy | Mapping[str, float]) -> dict[str, tuple[Strategy, float]]:
    if isinstance(strategy, str):
        return WITH_FEATURES if strategy == DEFAULT_STRATEGY else {strategy: (STRATEGIES[strategy], 1.0)}
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
    """Return length-1 vectors of hashed character 4-grams, sparse (n, d), to find near-duplicates."""
    from sklearn.feature_extraction.text import HashingVectorizer

    return HashingVectorizer(
        analyzer="char_wb", ngram_range=(4, 4), n_features=1 << 16, alternate_sign=False
    ).transform([text.strip()[:2000] or "(empty)" for text in texts])
