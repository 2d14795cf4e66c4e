"""Draws of annotators from their posterior: what votes leave open about confusion matrices and the class balance."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.core.rows import row_sum, softmax
from weaklab.label_models.hierarchical import (
    IMAGINED,
    IMAGINED_RIGHT,
    LEAST_SHARE,
    MOST_HELD_OUT,
    MOST_SKILL,
    SKILL_VARIANCE,
    TEMPERATURES,
    Annotators,
    Learned,
    Search,
    next_skill,
    shifted,
    symmetric,
    with_skill,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

WARM_UP, BETWEEN = 10, 2
"""Rounds before the first draw, and from one to the next. They start where expectation-maximisation ended."""


def draw_annotators(
    search: Search, learned: Learned, draws: int, rng: np.random.Generator
) -> Iterator[tuple[Floats, Floats]]:
    """Yield what a vote of each column adds to each class, (m, classes, votes), and the class balance (k,).

    Each round draws the classes of the records, and then annotators and class balance given these: the Gibbs sampler
    of Geman and Geman (1984), Stochastic relaxation, IEEE TPAMI 6. How many imagined votes a level of the hierarchy is
    worth stays as it was learned. The temperature is that of the votes with random weights on the records: the Bayesian
    bootstrap of Rubin (1981), The Annals of Statistics 9.

    Parameters
    ----------
    search : the votes that annotators were learned from, and what is expected of them
    learned : where expectation-maximisation ended
    draws : how many
    rng : where the randomness comes from
    """
    temperatures = _temperatures(search, learned, draws, rng)
    found, balance = learned.annotators, learned.balance
    for number in range(draws):
        for _ in range(BETWEEN if number else WARM_UP):
            found, balance = _next(search, found, balance, rng)
        tempered = search.at_least(temperatures[number] * np.log(found.theta))
        yield search.log_confusion(tempered, balance), balance


def _next(search: Search, found: Annotators, balance: Floats, rng: np.random.Generator) -> tuple[Annotators, Floats]:
    """Return annotators and a class balance given classes of the records that are drawn given the last ones."""
    P = softmax(search.votes.scores(np.log(found.theta)) + search.rules.scores(balance) + np.log(balance))
    drawn = np.eye(P.shape[1])[_classes(P, rng)]
    found = _drawn(search.votes.counts(drawn), found, search.limits.form, rng)
    if search.limits.form != "confusion":
        return found, search.given
    shares = _dirichlet(search.known @ drawn + search.imagined(found.even) * search.given, rng)
    return found, np.maximum(shares, LEAST_SHARE)


def _classes(P: Floats, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw a class for each row of probabilities (n, k)."""
    cumulated = P.cumsum(axis=1)
    above = rng.random((len(P), 1)) * cumulated[:, -1:] > cumulated[:, :-1]
    return np.asarray(above.sum(axis=1))


def _drawn(counts: Floats, before: Annotators, form: str, rng: np.random.Generator) -> Annotators:
    """Draw annotators given how often each voted l on class c, (m, k, k): each level given the one above, as it was."""
    m, k = counts.shape[:2]
    total, of_class = counts.sum(axis=0), counts.sum(axis=2)
    expected, right = IMAGINED * (1 / k + (1 - 1 / k) * (2 * IMAGINED_RIGHT - 1)), np.trace(total)
    accuracy = rng.beta(right + expected, total.sum() - right + IMAGINED - expected)
    common = symmetric(min(accuracy, 1 - LEAST_SHARE), k)
    if form == "confusion":
        common = np.clip(_dirichlet(total + before.even * common, rng), LEAST_SHARE, 1 - LEAST_SHARE)
    if form == "majority":
        return replace(before, theta=with_skill(common, before.skill))
    diagonal = np.diagonal(common)
    skill = next_skill(counts, of_class, diagonal, before.skill)
    p = shifted(diagonal, skill)
    bend = (of_class * p * (1 - p)).sum(axis=1) + 1 / SKILL_VARIANCE
    skill = np.clip(skill + rng.standard_normal(m) / np.sqrt(bend), -MOST_SKILL, MOST_SKILL)
    theta = with_skill(common, skill)
    if form == "confusion":
        theta = np.maximum(_dirichlet(counts + before.alike * theta, rng), LEAST_SHARE)
    return replace(before, theta=theta / theta.sum(axis=2, keepdims=True), skill=skill)


def _dirichlet(counts: Floats, rng: np.random.Generator) -> Floats:
    """Draw shares from Dirichlet distributions, along the last axis."""
    drawn = np.maximum(rng.standard_gamma(np.maximum(counts, LEAST_SHARE)), np.finfo(np.float64).tiny)
    return np.asarray(drawn / drawn.sum(axis=-1, keepdims=True))


def _temperatures(search: Search, learned: Learned, draws: int, rng: np.random.Generator) -> Floats:
    """Return temperatures, float (draws,): the learned one times what random weights on the records change."""
    dependence = _Dependence.of(search, learned)
    weights = rng.standard_exponential((draws, len(search.known)))
    whole = dependence.temperature(np.ones(len(search.known)))
    return np.array([learned.temperature / whole * dependence.temperature(row) for row in weights])


@dataclass(frozen=True)
class _Dependence:
    """What shows how far votes depend on each other, record by record.

    Attributes
    ----------
    fits : float (t, n), how well the other votes on a record predict each of its votes, at each temperature
    shared, pairs : float (n,), sums over the pairs of votes on a record: of the products of their residuals, and of
        their weights
    size : votes on the record of an average vote
    """

    fits: Floats
    shared: Floats
    pairs: Floats
    size: float

    @classmethod
    def of(cls, search: Search, learned: Learned) -> _Dependence:
        votes, log_theta, k = search.votes, np.log(learned.annotators.theta), search.votes.shape[2]
        beside = search.rules.scores(learned.balance) + np.log(learned.balance)
        S = votes.scores(log_theta)
        fits = _held_out_fits(search, log_theta, S, beside)
        right = np.exp(np.diagonal(log_theta, axis1=1, axis2=2))[:, :, None]
        residual = (np.eye(k) - right) / np.sqrt(right * (1 - right))
        squared = replace(votes, weights=votes.weights**2)
        shared = row_sum(softmax(S + beside) * (votes.scores(residual) ** 2 - squared.scores(residual**2)))
        on_record = np.bincount(votes.rows, votes.weights, minlength=len(S))
        pairs = on_record**2 - np.bincount(votes.rows, squared.weights, minlength=len(S))
        size = float((on_record**2).sum() / max(on_record.sum(), LEAST_SHARE))
        return cls(fits, np.asarray(shared), np.asarray(pairs, dtype=np.float64), size)

    def temperature(self, weights: Floats) -> float:
        """Return the temperature that records with these weights, float (n,), are best described by."""
        best, pairs = TEMPERATURES[int(np.argmax(self.fits @ weights))], float(weights @ self.pairs)
        together = min(max(float(weights @ self.shared) / pairs, 0.0), 1.0) if pairs > 0 else 0.0
        return float(best / (1 + max(self.size - 1, 0) * together))


def _held_out_fits(search: Search, log_theta: Floats, S: Floats, beside: Floats) -> Floats:
    """Return how well the other votes on each record predict its votes, float (temperatures, n)."""
    held = search.votes
    if len(held.rows) >= 2 * MOST_HELD_OUT:
        held = held.take(slice(None, None, len(held.rows) // MOST_HELD_OUT))
    own = log_theta[held.columns, :, held.codes]
    others, likelihood, known = S[held.rows] - own * held.weights[:, None], np.exp(own), beside[held.rows]

    def fit(temperature: Any) -> Floats:
        found = np.log(row_sum(softmax(temperature * others + known) * likelihood)) * held.weights
        return np.bincount(held.rows, found, minlength=len(S)).astype(np.float64)

    return np.array([fit(temperature) for temperature in TEMPERATURES])
