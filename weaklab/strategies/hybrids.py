"""Query strategies that combine uncertainty with diversity inside the batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.strategies.base import STRATEGIES, drawn_shortlist, in_drawn_order, in_turn, of_few, shortlist
from weaklab.strategies.geometry import ZERO, cluster_medoids, d2_sample, nearest, squares_to_row
from weaklab.strategies.uncertainty import margin

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Probabilities = NDArray[np.floating[Any]]
    Embeddings = NDArray[np.floating[Any]]
    Labels = NDArray[np.integer[Any]]
    Mask = NDArray[np.bool_]

UNCERTAIN = 10
"""A batch of n is chosen from the 10 n most uncertain records, as in Zhdanov (2019)."""


@STRATEGIES.named("uncertainty_diversity")
@in_drawn_order
def uncertainty_diversity(P: Probabilities, E: Embeddings, y: Labels, eligible: Mask, n: int) -> NDArray[np.float64]:
    """(1 - margin) x distance to the nearest labeled or chosen record, greedily: uncertain and different.

    The distance is min_j (1 - cosine(E_i, E_j)). The batch is chosen from the 10 n most uncertain records, one record
    at a time. A product is used because, unlike a sum, it needs no weight between the two factors.

    Brinker (2003), Incorporating diversity in active learning with support vector machines, ICML, whose sum it makes a
    product, as Wu, Lin and Huang (2019), Active learning for regression using greedy sampling, Information Sciences.

    >>> P, E = np.array([[0.5, 0.5], [0.5, 0.5], [0.6, 0.4]]), np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    >>> uncertainty_diversity(P, E, np.full(3, -1), np.full(3, True), n=2).tolist()
    [1.0, 0.5, 0.75]
    """
    uncertain = margin(P)
    rows = shortlist(uncertain, eligible, UNCERTAIN * n)
    left, squares_to = nearest(E[rows], E[y >= 0])[1], squares_to_row(E[rows])
    free = np.ones(len(rows), dtype=bool)
    chosen: list[int] = []
    while len(chosen) < min(n, len(rows)):
        best = int(np.argmax(np.where(free, uncertain[rows] * left, -1)))
        chosen.append(best)
        free[best] = False
        left = np.minimum(left, squares_to(best))
    return in_turn(rows[chosen], uncertain)


@STRATEGIES.named("shortlist_spread")
@of_few
def shortlist_spread(
    P: Probabilities, E: Embeddings, eligible: Mask, n: int, keys: NDArray[np.uint64], seed: int
) -> NDArray[np.float64]:
    """Cluster the 10 n most uncertain records (k-means weighted by 1 - margin) and ask about the one at each centre.

    The most uncertain of them come first. If equal records leave fewer than n clusters, the most uncertain remaining
    records fill the batch.

    Zhdanov (2019), Diverse mini-batch active learning, arXiv:1901.05954.

    >>> E, keys = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), np.arange(3, dtype=np.uint64)
    >>> shortlist_spread(np.array([[0.5, 0.5], [0.5, 0.5], [0.6, 0.4]]), E, np.full(3, True), 2, keys, seed=0).tolist()
    [1.0, 0.5, 0.75]
    """
    uncertain = margin(P)
    rows = drawn_shortlist(uncertain, eligible, UNCERTAIN * n, keys, seed)
    if not len(rows):
        return in_turn(rows, uncertain)
    weights = uncertain[rows] if uncertain[rows].any() else None
    medoids, _ = cluster_medoids(E[rows], n, seed, weights)
    taken = np.zeros(len(rows), dtype=bool)
    taken[medoids] = True
    return in_turn(np.concatenate([rows[taken], rows[~taken]])[:n], uncertain)


@STRATEGIES.named("badge")
@in_drawn_order
def badge(P: Probabilities, E: Embeddings, eligible: Mask, n: int, seed: int) -> NDArray[np.float64]:
    """k-means++ on the gradients of the log loss at the predicted class: records with large and different gradients.

    The gradient of record i is g_i = (P_i - e_best) x E_i, with e_best the one-hot vector of the predicted class. The
    record with the largest gradient is first. Each next one is drawn with probability proportional to its squared
    distance to the nearest one already drawn. The (k x d) gradients are not computed, because distances need only
    their products: <g_i, g_j> = <P_i - e_best, P_j - e_best> <E_i, E_j>.

    Ash, Zhang, Krishnamurthy, Langford and Agarwal (2020), Deep batch active learning by diverse, uncertain gradient
    lower bounds, ICLR.

    >>> P, E = np.array([[0.5, 0.5], [0.5, 0.5], [0.6, 0.4]]), np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    >>> badge(P, E, np.full(3, True), n=2, seed=0).round(2).tolist()
    [1.0, 0.12, 0.75]
    """
    rows = np.flatnonzero(eligible)
    q = np.array(P, dtype=np.float64)
    q[np.arange(len(q)), q.argmax(axis=1)] -= 1
    square = (q**2).sum(axis=1) * np.einsum("ij,ij->i", E, E)
    pool, x, own = q[rows], E[rows], square[rows]

    def squares_to(row: int) -> NDArray[np.float64]:
        lengths = own + own[row]
        found = lengths - 2 * (pool @ pool[row]) * (x @ x[row])
        return np.where(found > ZERO * lengths, found, 0)

    chosen = (
        d2_sample(np.full(len(rows), np.inf), squares_to, n, np.random.default_rng(seed), first=int(np.argmax(own)))
        if len(rows)
        else []
    )
    return in_turn(rows[chosen], square / 2)
