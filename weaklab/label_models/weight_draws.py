"""Draws of the weights of the default label model: what votes and manual labels leave open about them."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.linalg import cho_factor, cho_solve, solve_triangular

from weaklab.core.rows import softmax
from weaklab.label_models.annotator_draws import draw_annotators
from weaklab.label_models.corrections import MOST_LOG, STIFFNESS, Corrections, LabeledRows, Penalties
from weaklab.label_models.counting import table_sum
from weaklab.label_models.intervals import WeightDraw
from weaklab.label_models.newton import MOST_CELLS
from weaklab.label_models.vote_list import by_vote

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from weaklab.label_models.hierarchical import Learned, Search

    Floats = NDArray[np.float64]

DRAWS = 60
SCALE = 0.25
"""Standard deviation, before any label, of tau and of the logarithms of the weights of members with scores."""
OF_PERSON, OF_FUNCTION = (0.3, 0.6), (1.0, 2.0)
"""Those of d and o, and of b, as parts of what the penalties of the model say, and over the root of the stiffness.
Votes of annotators show how often they are right and how frequent classes are; those of functions of one class do
not."""
MOST_SOLVED = 2000
"""Linear systems have no more unknowns than this: with more labels, the curvature is that of a part of them."""


@dataclass(frozen=True)
class Known:
    """What a fitted model knows.

    Attributes
    ----------
    base, shares, sides : float (m,), what a vote of each member counts, its own share of it, and how far it is an
        annotator
    rows : labeled rows, with the penalties for many labels
    given : float (k,), the class balance that was given, or None
    annotators : what they were learned from and the outcome, None where every member votes one class
    members : columns with scores
    """

    base: Floats
    shares: Floats
    sides: Floats
    rows: LabeledRows
    given: Floats | None
    annotators: tuple[Search, Learned] | None
    members: Sequence[int]


def draw_weights(known: Known, seed: int) -> Iterator[WeightDraw]:
    """Yield :data:`DRAWS` draws, always the same for a seed.

    Annotators are drawn given the votes (:func:`draw_annotators`), and then corrections given these and the labels:
    normal around the minimum, at a stiffness that is drawn by how probable it makes the labels. The prior of the
    corrections is the same for any number of labels.
    """
    rng = np.random.default_rng(seed)
    corrections = _CorrectionDraws(known, rng)
    eye = np.eye(len(known.rows.prior))
    for log_confusion, prior in _annotators(known, rng):
        c = corrections.draw(log_confusion, prior)
        tables = (np.exp(c.tau) * known.base + c.delta)[:, None, None] * eye + c.others[:, None, :]
        if log_confusion is not None:
            tables += np.exp(c.tau) * known.shares[:, None, None] * by_vote(log_confusion)
        weights = (known.rows.penalties.member_weights * np.exp(c.log_w)).tolist()
        members = dict(zip(known.members, weights, strict=False))
        by_features = weights[-1] if len(weights) > len(members) else 0.0
        empty = prior if known.given is None else np.log(known.given)
        yield WeightDraw(tables, prior + c.bias, empty + c.bias, members, by_features)


def _annotators(known: Known, rng: np.random.Generator) -> Iterator[tuple[Floats | None, Floats]]:
    """Yield what votes of annotators add, None without any, and the logarithm of the class balance."""
    if known.annotators is None:
        yield from ((None, known.rows.prior) for _ in range(DRAWS))
        return
    for log_confusion, balance in draw_annotators(*known.annotators, DRAWS, rng):
        yield log_confusion, np.log(balance)


class _CorrectionDraws:
    """Draws of corrections, given what annotators add."""

    def __init__(self, known: Known, rng: np.random.Generator) -> None:
        of_model, sides = known.rows.penalties, known.sides
        of_vote, of_balance = (sides * a + (1 - sides) * b for a, b in zip(OF_PERSON, OF_FUNCTION, strict=True))
        spread = of_vote * np.sqrt(known.shares / of_model.vote)
        spread[list(known.members)] = 0  # a member with scores is weighted by these alone
        voters = [j for j in range(len(sides)) if j not in known.members]
        other, bias = (float(of[voters].mean()) if voters else 1.0 for of in (of_vote, of_balance))
        penalties = Penalties(
            1 / SCALE**2,
            1.0,
            of_model.other / other**2,
            of_model.balance / bias**2,
            np.full(len(of_model.members), 1 / SCALE**2),
            of_model.member_weights,
        )
        held = {field.name: getattr(known.rows, field.name) for field in fields(known.rows)}
        self._rows = _Posterior(**{**held, "shares": np.maximum(spread**2, 1e-12), "penalties": penalties})
        self._some = self._rows.some()
        self._curvatures: dict[int, _Curvature] = {}
        self._spread, self._shares, self._rng = spread, known.shares, rng

        # Every stiffness comes as often as it is probable, to the nearest draw: fewer draws do that by chance.
        order, (_, probable) = (rng.permutation(DRAWS) + 0.5) / DRAWS, self._rows.minima
        self._places = iter(np.minimum(np.searchsorted(probable.cumsum(), order), len(probable) - 1).tolist())

    def draw(self, log_confusion: Floats | None, prior: Floats) -> Corrections:
        """Draw corrections where a vote adds this to each class, (m, classes, votes), and this is the log balance."""
        some, place = self._some, next(self._places)
        stiffness, found = STIFFNESS[place], self._rows.minima[0][place]
        x = some.unknowns(found)
        if place not in self._curvatures:
            self._curvatures[place] = some.curvature(x, stiffness)
        curvature, S = self._curvatures[place], some.S
        if log_confusion is not None:
            S = table_sum(some.L, self._shares[:, None, None] * by_vote(log_confusion), some.confidence)
        # One step of Newton's method leads to the minimum for these sums of votes.
        x = x - curvature.solve(some.slopes(x, stiffness, S, prior)) + curvature.sample(self._rng)
        return self._with_prior(some.named(x, stiffness), found)

    def _with_prior(self, drawn: Corrections, found: Corrections) -> Corrections:
        """Draw d and o of members without a vote on these rows from their prior."""
        rows, rng, scale = self._rows, self._rng, np.sqrt(drawn.stiffness)
        absent = np.ones(len(drawn.delta), dtype=bool)
        absent[self._some.active] = False
        delta = np.where(absent, found.delta + rng.standard_normal(len(absent)) * self._spread / scale, drawn.delta)
        noise = rng.standard_normal(drawn.others.shape) / (scale * np.sqrt(rows.penalties.other))
        others = found.others + noise * (self._spread > 0)[:, None] if drawn.others.shape[1] > 2 else drawn.others
        return replace(drawn, delta=delta, others=np.where(absent[:, None], others, drawn.others))


@dataclass(frozen=True)
class _Posterior(LabeledRows):
    """Labeled rows, and how far their labels leave the corrections open."""

    every: int = 1
    """Each of these rows stands for this many."""

    @cached_property
    def minima(self) -> tuple[list[Corrections], Floats]:
        """The minimum at each stiffness, and how probable each stiffness is given the labels."""
        if not len(self.y):
            none = Corrections.none(len(self.logs), self.L.shape[1], self._k)
            return [none] * len(STIFFNESS), np.full(len(STIFFNESS), 1 / len(STIFFNESS))
        found, probable = self._at_each_stiffness()
        return [self._named(x, s) for x, s in zip(found, STIFFNESS, strict=True)], probable

    def some(self) -> _Posterior:
        """Return as many of the rows as linear algebra can take, evenly spread."""
        n, p = len(self.y), int(self._ends[4])
        cells = n * self._k * p / MOST_CELLS
        every = int(np.ceil(max(cells, n * self._k / MOST_SOLVED if p > MOST_SOLVED else 0, 1)))
        if every == 1:
            return self
        kept = slice(None, None, every)
        logs, sure = [log[kept] for log in self.logs], {j: values[kept] for j, values in self.confidence.items()}
        return replace(self, L=self.L[kept], y=self.y[kept], S=self.S[kept], logs=logs, confidence=sure, every=every)

    @property
    def active(self) -> NDArray[np.intp]:
        """The members that vote on one of these rows."""
        return self._active

    def unknowns(self, found: Corrections) -> Floats:
        """Return the unknowns of these rows, in their order."""
        others = found.others[self._active].ravel() if self._k > 2 else np.zeros(0)
        return np.concatenate([[found.tau], found.log_w, found.delta[self._active], found.bias, others])

    def named(self, x: Floats, stiffness: float) -> Corrections:
        """Return unknowns by name, logarithms within their limits."""
        x = x.copy()
        np.clip(x[: self._ends[1]], -MOST_LOG, MOST_LOG, out=x[: self._ends[1]])
        return self._named(x, stiffness)

    def _weights(self, x: Floats) -> tuple[Floats, Floats]:
        """Return the weights that are linear in the log-odds, and how they change with the unknowns."""
        scales, weights, change = self._ends[1], x.copy(), np.ones(len(x))
        weights[:scales] = change[:scales] = self._sizes * np.exp(x[:scales])
        return weights, change

    def slopes(self, x: Floats, stiffness: float, S: Floats, prior: Floats) -> Floats:
        """Return the slopes of the loss with other sums of votes, (n, k), and another log balance, (k,)."""
        weights, change = self._weights(x)
        P = softmax(self._columns @ weights + weights[0] * (S - self.S) + prior)
        missed = P - np.eye(self._k)[self.y]
        pull = np.einsum("nk,nkp->p", missed, self._columns)
        pull[0] = (missed * S).sum()
        return np.asarray(self.every * change * pull + self._penalty(stiffness) * x)

    def curvature(self, x: Floats, stiffness: float) -> _Curvature:
        """Return the second derivatives of the loss, those of Fisher's scoring."""
        weights, change = self._weights(x)
        P = softmax(self._columns @ weights + self.prior)
        spread = self._columns - np.einsum("nk,nkp->np", P, self._columns)[:, None, :]
        C = (spread * np.sqrt(self.every * P)[:, :, None]).reshape(-1, len(x)) * change
        return _Curvature(C, self._penalty(stiffness))


class _Curvature:
    """The inverse of C'C + diag(penalty), by the smaller of two linear systems, without making it.

    Where C has fewer rows than columns that is the one of the Woodbury formula; drawing from such a normal distribution
    is described by Bhattacharya, Chakraborty and Mallick (2016), Fast sampling with Gaussian scale mixture priors in
    high-dimensional regression, Biometrika 103(4).
    """

    def __init__(self, C: Floats, penalty: Floats) -> None:
        self._root = 1 / np.sqrt(penalty)
        self._C = C * self._root
        self._tall = not 0 < len(C) < len(penalty)
        gram = self._C.T @ self._C if self._tall else self._C @ self._C.T
        gram[np.diag_indices_from(gram)] += 1
        self._factor: Any = cho_factor(gram, lower=True, check_finite=False)

    def solve(self, b: Floats) -> Floats:
        """Return the inverse times b."""
        scaled = self._root * b
        if self._tall:
            return np.asarray(self._root * cho_solve(self._factor, scaled))
        return np.asarray(self._root * (scaled - self._C.T @ cho_solve(self._factor, self._C @ scaled)))

    def sample(self, rng: np.random.Generator) -> Floats:
        """Draw from the normal distribution with mean 0 whose covariance is the inverse."""
        drawn = rng.standard_normal(len(self._root))
        if self._tall:
            return np.asarray(self._root * solve_triangular(self._factor[0], drawn, lower=True, trans="T"))
        seen = self._C @ drawn + rng.standard_normal(len(self._C))
        return np.asarray(self._root * (drawn - self._C.T @ cho_solve(self._factor, seen)))
