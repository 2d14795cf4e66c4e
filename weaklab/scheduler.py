"""Which records to ask a person about next, and why."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.base import WeaklabError
from weaklab.strategies import STRATEGIES, Strategy, call_strategy, uniform

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

RANDOM = "random"
DEFAULT_STRATEGY: Mapping[str, float] = {"margin": 1.0}
"""Best on the mean of five text sets in `benchmarks.active_learning`."""
RANDOM_SHARE = 0.2
"""Share of each batch that is drawn uniformly at random, so that accuracy can be measured on an unbiased sample."""
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
    scores : column -> float (n, k), for members that say how sure they are
    vectors : row numbers -> (rows, d) matrix with rows of length 1, to tell near-duplicates; optional
    """

    P: NDArray[np.floating[Any]]
    L: NDArray[np.integer[Any]]
    keys: NDArray[np.uint64]
    scores: Mapping[int, NDArray[np.floating[Any]]] = field(default_factory=dict)
    vectors: Callable[[NDArray[np.int64]], Any] | None = None


@dataclass(frozen=True)
class Pick:
    """A record to ask about.

    Attributes
    ----------
    row : its number in the pool
    strategy : the query strategies that picked it, ``random`` for an audit pick
    score : its score, 0 to 1
    probability : the chance that it would be picked at random; 1 where a strategy chose it
    """

    row: int
    strategy: str
    score: float
    probability: float


class Scheduler:
    """Scores the pool with a mix of query strategies and takes a batch without near-duplicates.

    Parameters
    ----------
    strategy : name, function, or mapping of name to weight
        The strategies of a mix are compared by rank, so that scores on different scales count as weighted.
    random_share : 0 to 1, share of every batch that is drawn uniformly at random
    diversity : 0 to 1, how much a record loses for being similar to one that is in the batch already
    seed : int

    Notes
    -----
    Diversity is the maximal marginal relevance of Carbonell and Goldstein (1998), The use of MMR, diversity-based
    reranking for reordering documents and producing summaries, SIGIR, on the best ``10 x n`` records.

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
        seed: int = 0,
    ) -> None:
        for name, value in (("random_share", random_share), ("diversity", diversity)):
            if not 0 <= value <= 1:
                raise WeaklabError(f"{name} must be from 0 to 1, got {value!r}")
        self.strategies = _weighted(strategy)
        self.random_share = 0.0 if set(self.strategies) == {RANDOM} else random_share
        self.diversity = diversity
        self.seed = seed

    @property
    def name(self) -> str:
        """The strategies in one word, such as ``margin`` or ``margin+vote_entropy``."""
        return "+".join(self.strategies)

    def scores(self, pool: Pool, turn: int = 0) -> NDArray[np.float64]:
        """Return the mixed score of every record, float (n,) in [0, 1]."""
        given = {**vars(pool), "seed": self.seed + turn}
        total = sum(weight for _, weight in self.strategies.values())
        mixed = np.zeros(len(pool.P))
        for name, (strategy, weight) in self.strategies.items():
            raw = call_strategy(name, strategy, given)
            mixed += (
                weight / total * (raw if len(self.strategies) == 1 and raw.min(initial=0) >= 0 and raw.max(initial=0) <= 1 else ranks(raw))
            )
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
            In the order in which to ask; the random ones stand among the others.
        """
        if n < 1:
            raise WeaklabError(f"ask for at least one record, got {n}")
        rows = np.arange(len(pool.P)) if eligible is None else np.flatnonzero(eligible)
        n = min(n, len(rows))
        if n == 0:
            return []
        draw = uniform(pool.keys, self.seed * 1_000_003 + turn)
        wanted = n * self.random_share
        n_random = int(wanted) + int(uniform(np.array([turn], dtype=np.uint64), self.seed)[0] < wanted % 1)
        lottery = rows[np.argsort(draw[rows], kind="stable")]
        random_picks = [Pick(int(row), RANDOM, float(draw[row]), wanted / len(rows)) for row in lottery[:n_random]]
        taken = {pick.row for pick in random_picks}
        rest = np.array([row for row in rows if row not in taken], dtype=np.int64) if taken else rows
        score = self.scores(pool, turn)
        only_random = set(self.strategies) == {RANDOM}
        chance = n / len(rows) if only_random else 1.0
        best = self._diverse(pool, score, rest, n - n_random, draw)
        picks = [Pick(int(row), self.name, float(score[row]), chance) for row in best]
        for place, pick in enumerate(random_picks):
            picks.insert(min(len(picks), 2 + place * max(1, n // max(n_random, 1))), pick)
        return picks

    def _diverse(self, pool: Pool, score: NDArray[np.float64], rows: NDArray[np.int64], n: int, draw: NDArray[np.float64]) -> list[int]:
        """Take n rows by score less similarity to what is taken, no near-duplicates while there are others."""
        size = min(len(rows), max(n * SHORTLIST, n))
        order = np.lexsort((draw[rows], -score[rows]))[:size]
        shortlist = rows[order]
        if pool.vectors is None or set(self.strategies) == {RANDOM} or n <= 1:
            return [int(row) for row in shortlist[:n]]
        vectors = pool.vectors(shortlist)
        value = score[shortlist].copy()
        nearest = np.zeros(size)
        taken: list[int] = []
        free = np.ones(size, dtype=bool)
        while len(taken) < n:
            gain = (1 - self.diversity) * value - self.diversity * nearest - 10.0 * (nearest >= NEAR_DUPLICATE)
            best = int(np.argmax(np.where(free, gain, -np.inf)))
            taken.append(best)
            free[best] = False
            product = vectors @ vectors[[best]].T
            nearest = np.maximum(nearest, np.asarray(product.todense() if hasattr(product, "todense") else product).ravel())
        return [int(shortlist[i]) for i in taken]


def _weighted(strategy: str | Strategy | Mapping[str, float]) -> dict[str, tuple[Strategy, float]]:
    if isinstance(strategy, str):
        return {strategy: (STRATEGIES[strategy], 1.0)}
    if callable(strategy):
        return {getattr(strategy, "__name__", "strategy"): (strategy, 1.0)}
    mix = {name: (STRATEGIES[name], float(weight)) for name, weight in strategy.items()}
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

    return HashingVectorizer(analyzer="char_wb", ngram_range=(4, 4), n_features=1 << 16, alternate_sign=False).transform(
        [text.strip()[:2000] or "(empty)" for text in texts]
    )
