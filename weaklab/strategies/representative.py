"""Query strategies based on the positions of the records: dense regions, and regions without labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.strategies.base import STRATEGIES, in_drawn_order, in_turn, shortlist
from weaklab.strategies.geometry import (
    MAX_SQUARE,
    cluster_medoids,
    d2_sample,
    farthest_first,
    k_means,
    nearest,
    squares,
    squares_to_row,
)
from weaklab.strategies.uncertainty import entropy, margin

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Probabilities = NDArray[np.floating[Any]]
    Embeddings = NDArray[np.floating[Any]]
    Labels = NDArray[np.integer[Any]]
    Mask = NDArray[np.bool_]

UNCERTAIN = 10
"""Representatives are chosen from the 10 n most uncertain records, n the batch size."""
NEIGHBOURS = 20
MAX_CLUSTERS = 500
"""Both as in Hacohen, Dekel and Weinshall (2022)."""
CLUSTER_SAMPLE = 500
"""Neighbours are searched among at most this many records of a cluster, which keeps the cost linear."""


@STRATEGIES.named("density_weighted")
@in_drawn_order
def density_weighted(P: Probabilities, X: Any, beta: float = 1.0) -> NDArray[np.float64]:
    """H(P_i) / ln k x (mean cosine of record i to all records)^beta: uncertain, and similar to many other records.

    The cost is linear, because the mean of the cosines to all records is the product with their mean. A negative mean
    counts as 0.

    Settles and Craven (2008), An analysis of active learning strategies for sequence labeling tasks, EMNLP.

    >>> X = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    >>> density_weighted(np.full((3, 2), 0.5), X).round(2).tolist()
    [0.67, 0.67, 0.33]
    """
    mean = np.asarray(X.sum(axis=0), dtype=np.float64).ravel() / max(len(P), 1)
    density = np.asarray(X @ mean.astype(X.dtype), dtype=np.float64)
    return np.asarray(entropy(P) * np.clip(density, 0, 1) ** beta)


@STRATEGIES.named("cluster_representatives")
@in_drawn_order
def cluster_representatives(P: Probabilities, E: Embeddings, eligible: Mask, n: int, seed: int) -> NDArray[np.float64]:
    """Cluster the 10 n most uncertain records (k-means); ask about the one at each centre, largest cluster first.

    Uncertainty is 1 - margin. If equal records leave fewer than n clusters, the most uncertain remaining records fill
    the batch.

    Xu, Yu, Tresp, Xu and Wang (2003), Representative sampling for text classification using support vector machines,
    ECIR; Nguyen and Smeulders (2004), Active learning using pre-clustering, ICML.

    >>> E = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    >>> cluster_representatives(np.full((3, 2), 0.5), E, np.full(3, True), n=2, seed=0).tolist()
    [1.0, 0.5, 0.75]
    """
    uncertain = margin(P)
    rows = shortlist(uncertain, eligible, UNCERTAIN * n)
    if not len(rows):
        return in_turn(rows, uncertain)
    medoids, size = cluster_medoids(E[rows], n, seed)
    return in_turn(_filled(rows[medoids[np.argsort(-size, kind="stable")]], rows, n), uncertain)


def _filled(chosen: NDArray[np.int64], rows: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """Return at most n: the chosen rows, then the first others of ``rows``."""
    return np.concatenate([chosen, rows[~np.isin(rows, chosen)]])[:n]


@STRATEGIES.named("typicality")
@in_drawn_order
def typicality(E: Embeddings, y: Labels, eligible: Mask, n: int, seed: int) -> NDArray[np.float64]:
    """The most typical record of each cluster, from large clusters without labels first (TypiClust).

    Typicality is 1 / mean distance to the 20 nearest neighbours, searched in a sample of 500 records per cluster.
    k-means makes one cluster for each labeled record and each record of the batch, at most 500. Clusters with few
    labels come first, larger ones before smaller ones; each gives its most typical eligible record, in rounds, until
    the batch is full. No probabilities are used, so it suits the first questions of a project. Records without
    features (rows of zeros) come last: they are close to each other only because they are empty.

    Hacohen, Dekel and Weinshall (2022), Active learning on a budget: opposite strategies suit high and low budgets,
    ICML.

    >>> E = np.array([[1.0, 0.0], [0.8, 0.6], [0.6, 0.8], [-1.0, 0.0]])
    >>> typicality(E, np.array([-1, -1, -1, 0]), np.array([True, True, True, False]), n=1, seed=0).tolist()
    [0.0, 1.0, 0.0, 0.0]
    """
    labeled, rest = y >= 0, np.zeros(len(E))
    if not eligible.any():
        return rest
    with_features = eligible & E.any(axis=1)
    which, _ = nearest(E, k_means(E, min(int(labeled.sum()) + n, MAX_CLUSTERS, len(E)), seed))
    n_clusters = int(which.max()) + 1
    size, labels, open_ = (
        np.bincount(which[mask], minlength=n_clusters) for mask in (slice(None), labeled, with_features)
    )
    visits = np.lexsort((-size, labels))
    visits = visits[open_[visits] > 0]
    members = np.split(np.argsort(which, kind="stable"), np.cumsum(size)[:-1])
    ranked: list[list[int]] = []
    missing, place = n, 0
    for cluster in visits[:n]:
        rows = members[cluster]
        candidates = rows[with_features[rows]]
        ranked.append(candidates[np.argsort(_mean_distance(E, candidates, rows), kind="stable")].tolist())
    chosen: list[int] = []
    while missing and any(len(rows) > place for rows in ranked):
        turn = [rows[place] for rows in ranked if len(rows) > place][:missing]
        chosen, missing, place = chosen + turn, missing - len(turn), place + 1
    return in_turn(_filled(np.array(chosen, dtype=np.int64), np.flatnonzero(eligible), n), rest)


def _mean_distance(E: Embeddings, candidates: NDArray[np.int64], members: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the mean distance of each candidate to its nearest neighbours among the first members, except itself."""
    sample = members[:CLUSTER_SAMPLE]
    found = np.empty(len(candidates))
    count = min(NEIGHBOURS, len(sample) - 1)
    for start in range(0, len(candidates), CLUSTER_SAMPLE):
        rows = candidates[start : start + CLUSTER_SAMPLE]
        distance = np.sqrt(squares(E[rows], E[sample]))
        distance[rows[:, None] == sample] = np.inf
        near = np.partition(distance, max(count - 1, 0), axis=1)[:, :count]
        found[start : start + CLUSTER_SAMPLE] = near.sum(axis=1, dtype=np.float64) / max(count, 1)
    return found


@STRATEGIES.named("k_center")
@in_drawn_order
def k_center(E: Embeddings, y: Labels, eligible: Mask, n: int) -> NDArray[np.float64]:
    """Repeatedly take the record farthest from all labeled and taken records, so that labels cover the pool (CoreSet).

    Each step takes argmax_i min_j ||E_i - E_j||, with j over the labeled and the taken records.

    Sener and Savarese (2018), Active learning for convolutional neural networks: a core-set approach, ICLR; the greedy
    algorithm of Gonzalez (1985).

    >>> E = np.array([[1.0, 0.0], [0.8, 0.6], [-1.0, 0.0]])
    >>> k_center(E, np.array([0, -1, -1]), np.array([False, True, True]), n=1).round(2).tolist()
    [0.0, 0.05, 1.0]
    """
    rows, square, squares_to = _distances(E, y, eligible)
    chosen = farthest_first(square[rows], squares_to, n)
    return in_turn(rows[chosen], square / MAX_SQUARE)


@STRATEGIES.named("kmeans_plus_plus")
@in_drawn_order
def kmeans_plus_plus(E: Embeddings, y: Labels, eligible: Mask, n: int, seed: int) -> NDArray[np.float64]:
    """Draw records far from all labeled and drawn records: as ``k_center``, but random, and with fewer outliers.

    Each step draws record i with probability proportional to min_j ||E_i - E_j||^2, with j over the labeled and the
    drawn records.

    Arthur and Vassilvitskii (2007), k-means++: the advantages of careful seeding, SODA.

    >>> E = np.array([[1.0, 0.0], [1.0, 0.0], [-1.0, 0.0]])
    >>> kmeans_plus_plus(E, np.array([0, -1, -1]), np.array([False, True, True]), n=1, seed=0).tolist()
    [0.0, 0.0, 1.0]
    """
    rows, square, squares_to = _distances(E, y, eligible)
    chosen = d2_sample(square[rows], squares_to, n, np.random.default_rng(seed))
    return in_turn(rows[chosen], square / MAX_SQUARE)


def _distances(E: Embeddings, y: Labels, eligible: Mask) -> tuple[NDArray[np.int64], NDArray[np.float64], Any]:
    """Return the eligible rows, the squared distance of every row to the nearest label, and a distance function.

    The function takes a position among the eligible rows and returns the squared distances of these rows to it.
    """
    rows = np.flatnonzero(eligible)
    return rows, nearest(E, E[y >= 0])[1], squares_to_row(E[rows])


@STRATEGIES.named("exploration")
@in_drawn_order
def exploration(E: Embeddings, y: Labels) -> NDArray[np.float64]:
    """1 - max cosine to a labeled record: high in regions without labels.

    It is half the squared distance to the nearest labeled record, so a row of zeros is at 0.5 from any other row. If
    there are no labels, all records get the same score.

    Bondu, Lemaire and Boullé (2010), Exploration vs. exploitation in active learning: a Bayesian approach, IJCNN.

    >>> E = np.array([[1.0, 0.0], [0.6, 0.8], [-1.0, 0.0]])
    >>> exploration(E, np.array([0, -1, -1])).round(2).tolist()
    [0.0, 0.4, 2.0]
    """
    return nearest(E, E[y >= 0])[1] / 2
