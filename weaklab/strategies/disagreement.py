"""Query strategies based on disagreement between the members of the committee."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.strategies.base import STRATEGIES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray


def _entropy(p: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray((p * -np.log(np.where(p > 0, p, 1))).sum(axis=1)) + 0.0


def _soft_votes(
    L: NDArray[np.integer[Any]], scores: Mapping[int, NDArray[np.floating[Any]]], k: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return, of the members that vote: sum of distributions (n, k), number (n,), sum of entropies (n,)."""
    total, entropies = np.zeros((len(L), k)), np.zeros(len(L))
    for j in range(L.shape[1]):
        voting = L[:, j] >= 0
        if j in scores:
            p = np.asarray(scores[j], dtype=np.float64)[voting]
            total[voting] += p
            entropies[voting] += _entropy(p)
        else:
            total[voting, L[voting, j]] += 1
    return total, total.sum(axis=1), entropies


@STRATEGIES.named("vote_entropy")
def vote_entropy(
    P: NDArray[np.floating[Any]], L: NDArray[np.integer[Any]], scores: Mapping[int, NDArray[np.floating[Any]]]
) -> NDArray[np.float64]:
    """Soft vote entropy H(mean of the members' votes) / ln k: 0 where all agree or no member votes.

    A plain vote counts as a distribution with all its mass on one class. The vote of a weak classifier is its
    probabilities.

    Dagan and Engelson (1995), Committee-based sampling for training probabilistic classifiers, ICML; soft form: Settles
    (2009), Active learning literature survey, section 3.2.

    >>> vote_entropy(np.full((2, 2), 0.5), np.array([[0, 1], [0, 0]]), {}).tolist()
    [1.0, 0.0]
    """
    k = P.shape[1]
    total, voting, _ = _soft_votes(L, scores, k)
    return np.asarray(_entropy(total / np.maximum(voting, 1)[:, None]) / np.log(k))


@STRATEGIES.named("kl_to_consensus")
def kl_to_consensus(
    P: NDArray[np.floating[Any]], L: NDArray[np.integer[Any]], scores: Mapping[int, NDArray[np.floating[Any]]]
) -> NDArray[np.float64]:
    """Mean Kullback-Leibler divergence of members from their mean: high where members are sure of different classes.

    (1/C) sum_c KL(p_c || mean p) = H(mean p) - mean H(p_c), in nats; 0 where no member votes.

    McCallum and Nigam (1998), Employing EM and pool-based active learning for text classification, ICML.

    >>> kl_to_consensus(np.full((2, 2), 0.5), np.array([[0, 1], [0, 0]]), {}).round(3).tolist()
    [0.693, 0.0]
    """
    total, voting, entropies = _soft_votes(L, scores, P.shape[1])
    count = np.maximum(voting, 1)
    return np.maximum(_entropy(total / count[:, None]) - entropies / count, 0)


@STRATEGIES.named("max_disagreement")
def max_disagreement(
    P: NDArray[np.floating[Any]], L: NDArray[np.integer[Any]], scores: Mapping[int, NDArray[np.floating[Any]]]
) -> NDArray[np.float64]:
    """Maximum over members c of KL(p_c || mean p): high where one member contradicts the others.

    In nats; 0 where no member votes. :func:`kl_to_consensus` is the mean of the same divergences.

    McCallum and Nigam (1998), Employing EM and pool-based active learning for text classification, ICML; the maximum in
    place of the mean as in modAL (Danka and Horvath, 2018, arXiv:1805.00979).

    >>> max_disagreement(np.full((2, 2), 0.5), np.array([[0, 1, 1], [0, 0, 0]]), {}).round(3).tolist()
    [1.099, 0.0]
    """
    total, voting, _ = _soft_votes(L, scores, P.shape[1])
    consensus = total / np.maximum(voting, 1)[:, None]
    surprise = np.log(1 / np.where(consensus > 0, consensus, 1))
    found = np.zeros(len(L))
    for j in range(L.shape[1]):
        rows = np.flatnonzero(L[:, j] >= 0)
        if j in scores:
            p = np.asarray(scores[j], dtype=np.float64)[rows]
            divergence = (p * surprise[rows]).sum(axis=1) - _entropy(p)
        else:
            divergence = surprise[rows, L[rows, j]]
        found[rows] = np.maximum(found[rows], divergence)
    return found
