"""Synthetic votes whose truth is known: kinds of worlds that differ in what a label model can rely on.

Every world is a function of a random generator and a number of records. It returns votes int8 (n, m), -1 abstains, the
truth int (n,), the number of classes, in some worlds a class balance that models are given, and how probable who knows
everything but the truth would call each class.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from weaklab.core.labels import ABSTAIN
from weaklab.core.rows import softmax
from weaklab.label_models.counting import table_sum

Rng = np.random.Generator
CHANGED = 0.03
"""Share of the votes of a copy that are not those of what it copies."""


@dataclass(frozen=True)
class World:
    """Votes L int8 (n, m), the truth y int (n,), k, the class balance (k,) that models are given, if any, and P(y | L)
    under the parameters that drew the votes, float (n, k).
    """

    L: np.ndarray
    y: np.ndarray
    n_classes: int
    class_balance: tuple[float, ...] | None = None
    posterior: np.ndarray | None = None


Maker = Callable[[Rng, int], World]


def balance_of(k: int, rare: float | None = None) -> np.ndarray:
    """Return equal shares, or ``rare`` for the last class and equal shares of the rest for the others."""
    return np.full(k, 1 / k) if rare is None else np.r_[np.full(k - 1, (1 - rare) / (k - 1)), rare]


def truth(rng: Rng, n: int, balance: np.ndarray) -> np.ndarray:
    """Draw classes."""
    return np.asarray(rng.choice(len(balance), n, p=balance))


def mistaken(rng: Rng, y: np.ndarray, right: np.ndarray, k: int) -> np.ndarray:
    """Return votes (n, m) that are right with probability ``right``, (m,) or (n, m), other classes equally often."""
    n, m = len(y), right.shape[-1]
    wrong = (y[:, None] + rng.integers(1, k, (n, m))) % k
    return np.where(rng.random((n, m)) < right, y[:, None], wrong)


def hidden(rng: Rng, votes: np.ndarray, coverage: float | np.ndarray) -> np.ndarray:
    """Make voters abstain at random."""
    return np.where(rng.random(votes.shape) < coverage, votes, ABSTAIN)


def log_mistaken(L: np.ndarray, right: np.ndarray, k: int) -> np.ndarray:
    """Return log P(votes | class), (n, k), up to a constant a row, of votes drawn by :func:`mistaken` and hidden at
    random.
    """
    wrong = np.log((1 - right) / (k - 1))
    gain = np.where(L != ABSTAIN, np.log(right) - wrong, 0.0)
    total = np.where(L != ABSTAIN, wrong, 0.0).sum(axis=1)
    return np.column_stack([total + np.where(c == L, gain, 0.0).sum(axis=1) for c in range(k)])


def posterior(balance: np.ndarray, log_likelihood: np.ndarray) -> np.ndarray:
    """Return P(class | votes), (n, k)."""
    return softmax(np.log(balance) + log_likelihood)


def one_class_rates(balance: np.ndarray, right: np.ndarray, coverage: np.ndarray) -> np.ndarray:
    """Return how often functions for one class each, in turn, vote on records of each class, (k, m); each is right with
    this probability where it votes.
    """
    own = np.arange(len(right)) % len(balance)
    there = right * coverage / balance[own]
    scale = np.minimum(1, 0.95 / there)  # it cannot vote on more records of its class than there are
    elsewhere = (1 - right) * coverage / (1 - balance[own])
    return np.where(np.arange(len(balance))[:, None] == own, there * scale, elsewhere * scale)


def one_class(rng: Rng, y: np.ndarray, rates: np.ndarray) -> np.ndarray:
    """Return votes of functions for one class each, in turn, that vote at these rates, (k, m)."""
    own = np.arange(rates.shape[1]) % len(rates)
    rate = rates[y]
    return np.where(rng.random(rate.shape) < rate, own, ABSTAIN)


def log_one_class(L: np.ndarray, rates: np.ndarray) -> np.ndarray:
    """Return log P(votes and abstentions | class), (n, k), of votes drawn by :func:`one_class`."""
    voted = (L != ABSTAIN).astype(np.float64)
    return np.asarray(voted @ np.log(rates).T + (1 - voted) @ np.log1p(-rates).T)


def two_sided(
    rng: Rng,
    n: int,
    m: int = 10,
    k: int = 2,
    rare: float | None = None,
    right: tuple[float, float] = (0.55, 0.9),
    coverage: float = 0.4,
) -> World:
    """Independent functions that vote every class, with accuracies spread evenly over a range."""
    balance = balance_of(k, rare)
    y = truth(rng, n, balance)
    skills = rng.permutation(np.linspace(*right, m))
    L = hidden(rng, mistaken(rng, y, skills, k), coverage).astype(np.int8)
    return World(L, y, k, posterior=posterior(balance, log_mistaken(L, skills, k)))


def one_sided(rng: Rng, n: int, m: int, balance: Sequence[float], right: tuple[float, float], coverage: float) -> World:
    """Functions that vote one class each, as most labeling functions do."""
    shares = np.asarray(balance, dtype=np.float64)
    y = truth(rng, n, shares)
    rates = one_class_rates(shares, rng.uniform(*right, m), rng.uniform(0.5, 1.5, m) * coverage)
    L = one_class(rng, y, rates).astype(np.int8)
    return World(L, y, len(shares), posterior=posterior(shares, log_one_class(L, rates)))


def mixed(rng: Rng, n: int, rare: float = 0.3) -> World:
    """Eight functions of one class each and six that vote both, where one class is rarer."""
    shares = balance_of(2, rare)
    y = truth(rng, n, shares)
    rates = one_class_rates(shares, rng.uniform(0.65, 0.95, 8), rng.uniform(0.05, 0.25, 8))
    narrow = one_class(rng, y, rates)
    right = rng.uniform(0.6, 0.85, 6)
    broad = hidden(rng, mistaken(rng, y, right, 2), 0.4)
    told = posterior(shares, log_one_class(narrow, rates) + log_mistaken(broad, right, 2))
    return World(np.column_stack([narrow, broad]).astype(np.int8), y, 2, posterior=told)


def copies(rng: Rng, n: int, clusters: Sequence[int] = (6,), weak: float = 0.6, good: int = 4) -> World:
    """Near-copies of weak functions beside good ones: they agree with each other, not with the truth."""
    y = truth(rng, n, balance_of(2))
    columns, log_likelihood = [], np.zeros((n, 2))
    for size in clusters:
        first = hidden(rng, mistaken(rng, y, np.array([weak]), 2), 0.6)
        again = np.repeat(first, size, axis=1)
        columns.append(np.where((rng.random(again.shape) < CHANGED) & (again >= 0), 1 - again, again))
        log_likelihood += log_copies(columns[-1], weak)
    right = np.linspace(0.75, 0.9, good)
    columns.append(hidden(rng, mistaken(rng, y, right, 2), 0.5))
    log_likelihood += log_mistaken(columns[-1], right, 2)
    told = posterior(balance_of(2), log_likelihood)
    return World(np.column_stack(columns).astype(np.int8), y, 2, posterior=told)


def log_copies(L: np.ndarray, right: float) -> np.ndarray:
    """Return log P(votes | class), (n, 2), of near-copies of one function that is right with this probability."""
    as_first = log_mistaken(L, np.full(L.shape[1], 1 - CHANGED), 2)  # given what the first function said
    said = np.log([[right, 1 - right], [1 - right, right]])
    return np.logaddexp.reduce(as_first[:, None, :] + said, axis=2)


def skilled(rng: Rng, n: int, right: Sequence[float], k: int = 2, coverage: float = 0.5) -> World:
    """Functions of these accuracies."""
    y = truth(rng, n, balance_of(k))
    L = hidden(rng, mistaken(rng, y, np.array(right), k), coverage).astype(np.int8)
    return World(L, y, k, posterior=posterior(balance_of(k), log_mistaken(L, np.array(right), k)))


def by_class(
    rng: Rng, n: int, m: int = 9, k: int = 3, right: tuple[float, float] = (0.45, 0.95), rare: float | None = None
) -> World:
    """Each function knows some classes better than others, and takes one class for a certain other one."""
    y = truth(rng, n, balance_of(k, rare))
    confusion = np.zeros((m, k, k))
    for j in range(m):
        own = rng.uniform(*right, k)
        for c in range(k):
            rest = (1 - own[c]) * rng.dirichlet(np.ones(k - 1))
            confusion[j, c] = np.insert(rest, c, own[c])
    drawn = (rng.random((n, m, 1)) > confusion[np.arange(m), y[:, None]].cumsum(axis=2)).sum(axis=2)
    L = hidden(rng, np.minimum(drawn, k - 1), 0.5).astype(np.int8)
    told = posterior(balance_of(k, rare), table_sum(L, np.log(confusion).transpose(0, 2, 1)))
    return World(L, y, k, posterior=told)


def by_feature(rng: Rng, n: int, m: int = 10) -> World:
    """Accuracy depends on a feature that no model sees: all functions are bad on the same third of the records."""
    y = truth(rng, n, balance_of(2))
    hard = rng.random(n) < 0.35
    of_hard, of_easy = rng.uniform(0.4, 0.7, m), rng.uniform(0.75, 0.95, m)
    L = hidden(rng, mistaken(rng, y, np.where(hard[:, None], of_hard, of_easy), 2), 0.4).astype(np.int8)
    told = mixture((0.35, log_mistaken(L, of_hard, 2)), (0.65, log_mistaken(L, of_easy, 2)))
    return World(L, y, 2, posterior=posterior(balance_of(2), told))


def mixture(*parts: tuple[float, np.ndarray]) -> np.ndarray:
    """Return the logarithm of a mixture of shares and likelihoods, given as logarithms (n, k)."""
    return np.asarray(np.logaddexp.reduce([np.log(share) + log for share, log in parts if share > 0]))


def exceptions(rng: Rng, n: int, one_class: bool = True) -> World:
    """Four broad functions for two classes each, and eight narrow ones that know where they are wrong."""
    y = truth(rng, n, balance_of(2, 0.4))
    group = rng.integers(0, 40, n)  # in each of eight groups the broad functions are wrong, all in the same way
    odd = group < 8
    if one_class:  # a group is nearly all of one class, for which its narrow function votes
        y = np.where(odd & (rng.random(n) < 0.9), group % 2, y)
    broad = np.where(odd[:, None], 0.35, 0.85)
    votes = hidden(rng, mistaken(rng, y, np.broadcast_to(broad, (n, 4)), 2), 0.6)
    said = np.arange(8) % 2 if one_class else mistaken(rng, y, np.full(8, 0.92), 2)
    narrow = hidden(rng, np.where(group[:, None] == np.arange(8), said, ABSTAIN), 0.7)
    told = softmax(log_exceptions(votes, narrow, one_class))
    return World(np.column_stack([votes, narrow]).astype(np.int8), y, 2, posterior=told)


def log_exceptions(votes: np.ndarray, narrow: np.ndarray, one_class: bool) -> np.ndarray:
    """Return log P(votes and class), (n, 2), of :func:`exceptions`: a mixture over the eight groups and the rest."""
    balance = balance_of(2, 0.4)
    nobody = np.where((narrow == ABSTAIN).all(axis=1), 0.0, -np.inf)[:, None]
    parts = [(0.8, np.log(balance) + log_mistaken(votes, np.full(4, 0.85), 2) + nobody)]
    in_group = log_mistaken(votes, np.full(4, 0.35), 2)
    for group in range(8):
        shares = 0.9 * np.eye(2)[group % 2] + 0.1 * balance if one_class else balance
        own = narrow[:, [group]]
        said = np.zeros((len(votes), 2)) if one_class else log_mistaken(own, np.array([0.92]), 2)
        voted = np.where(own != ABSTAIN, np.log(0.7) + said, np.log(0.3))
        others = np.where((np.delete(narrow, group, axis=1) == ABSTAIN).all(axis=1), 0.0, -np.inf)[:, None]
        parts.append((1 / 40, np.log(shares) + in_group + voted + others))
    return mixture(*parts)


def drifting(rng: Rng, n: int, m: int = 10) -> World:
    """Accuracies change from the first record to the last, some up and some down."""
    y = truth(rng, n, balance_of(2))
    right = np.linspace(rng.uniform(0.55, 0.95, m), rng.uniform(0.55, 0.95, m), n)
    L = hidden(rng, mistaken(rng, y, right, 2), 0.4).astype(np.int8)
    return World(L, y, 2, posterior=posterior(balance_of(2), log_mistaken(L, right, 2)))


def told_wrong(rng: Rng, n: int, share: float = 0.3, told: float = 0.5) -> World:
    """A class balance that is wrong is given."""
    world = two_sided(rng, n, rare=share)
    return replace(world, class_balance=(1 - told, told))


def crowd(
    rng: Rng,
    n: int,
    workers: int,
    each: int,
    k: int = 2,
    spammers: float = 0.0,
    skill: tuple[float, float] = (8.0, 3.0),
    hard: float = 0.0,
    rare: float | None = None,
) -> World:
    """People: few of them answer about each item, some at random, and some items are hard for all of them."""
    y = truth(rng, n, balance_of(k, rare))
    right = 1 / k + (1 - 1 / k) * rng.beta(*skill, workers)
    right = np.where(rng.random(workers) < spammers, 1 / k, right)
    ease = np.where(rng.random(n) < hard, 0.3, 1.0)
    activity = rng.pareto(1.5, workers) + 0.2
    order = np.argsort(rng.exponential(size=(n, workers)) / activity, axis=1)[:, : min(each, workers)]
    asked = np.zeros((n, workers), dtype=bool)
    np.put_along_axis(asked, order, True, axis=1)
    chance = 1 / k + ease[:, None] * (right - 1 / k)
    L = np.where(asked, mistaken(rng, y, chance, k), ABSTAIN).astype(np.int8)
    of_hard = log_mistaken(L, 1 / k + 0.3 * (right - 1 / k), k)
    told = posterior(balance_of(k, rare), mixture((1 - hard, log_mistaken(L, right, k)), (hard, of_hard)))
    return World(L[:, asked.any(axis=0)], y, k, posterior=told)


HALVES = (0.7, 0.3)

WORLDS: Mapping[str, Maker] = {
    "balanced": two_sided,
    "three functions": partial(two_sided, m=3, coverage=0.8, right=(0.6, 0.9)),
    "five functions, share 20 %": partial(two_sided, m=5, rare=0.2, coverage=0.7, right=(0.65, 0.9)),
    "rare 8 %": partial(two_sided, rare=0.08),
    "rare 3 %, 20 functions": partial(two_sided, m=20, rare=0.03),
    "rare 1 %, dense": partial(two_sided, m=12, rare=0.01, coverage=0.8, right=(0.75, 0.95)),
    "one-class, .7 / .3": partial(one_sided, m=12, balance=HALVES, right=(0.6, 0.9), coverage=0.2),
    "one-class, rare 10 %": partial(one_sided, m=16, balance=(0.9, 0.1), right=(0.5, 0.95), coverage=0.1),
    "one-class, 10 classes": partial(one_sided, m=30, balance=(0.1,) * 10, right=(0.5, 0.9), coverage=0.06),
    "one-class and two-sided": mixed,
    "copies": copies,
    "clusters of copies": partial(copies, clusters=(5, 4, 3), weak=0.65, good=5),
    "liars": partial(skilled, right=(0.2, 0.2, 0.65, 0.7, 0.7, 0.75, 0.75, 0.8, 0.85, 0.9)),
    "one expert": partial(skilled, right=(0.97, *(0.55,) * 9)),
    "20 classes": partial(two_sided, m=15, k=20, right=(0.4, 0.8)),
    "50 classes": partial(two_sided, m=25, k=50, right=(0.3, 0.8), coverage=0.3),
    "low coverage": partial(two_sided, m=20, coverage=0.05),
    "1,000 functions": partial(two_sided, m=1000, coverage=0.004),
    "class-dependent": by_class,
    "class-dependent, 5 classes": partial(by_class, m=14, k=5, right=(0.35, 0.9)),
    "class-dependent, rare 15 %": partial(by_class, m=10, k=2, right=(0.6, 0.95), rare=0.15),
    "hidden feature": by_feature,
    "exceptions": exceptions,
    "exceptions of both classes": partial(exceptions, one_class=False),
    "drifting": drifting,
    "wrong balance given": told_wrong,
    "crowd, 3 answers": partial(crowd, workers=60, each=3),
    "crowd, spammers, 5 classes": partial(crowd, workers=80, each=5, k=5, spammers=0.35),
    "crowd, 800 workers, hard items": partial(crowd, workers=800, each=6, k=3, hard=0.35),
    "crowd, 3 workers": partial(crowd, workers=3, each=2, k=3, skill=(4.0, 2.0)),
    "crowd, 4 classes, rare 6 %": partial(crowd, workers=40, each=7, k=4, rare=0.06, skill=(4.0, 4.0)),
}
