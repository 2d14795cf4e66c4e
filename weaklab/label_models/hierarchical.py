"""A confusion matrix per annotator, shrunk to a common one: for many annotators with few labels each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.core.errors import WeaklabError
from weaklab.core.labels import ABSTAIN
from weaklab.core.rows import row_sum, softmax
from weaklab.label_models.base import LABEL_MODELS, LabelModel
from weaklab.label_models.counting import table_sum
from weaklab.label_models.vote_list import VoteList, by_vote
from weaklab.label_models.weighted import check_max_iter

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    from weaklab.core.votes import Votes

    Floats = NDArray[np.float64]
    Codes = NDArray[np.int64]

STRENGTHS = np.geomspace(2, 2_000_000, 21)
"""Imagined votes that a level of the hierarchy may be worth to the one below it; the votes choose among these."""
TIED = 5
"""In the first rounds every annotator has one accuracy and nothing more: it shows the class balance best."""
SKILL_VARIANCE = 0.75
"""Prior variance of how far the log-odds of being right of one annotator are from those of all."""
IMAGINED, IMAGINED_RIGHT = 20.0, 0.75
"""Imagined votes of all annotators together, and the share of them that is right, of two classes; they matter where
votes are few."""
BALANCE_RECORDS = 30.0
"""Imagined records with the class balance that is given, or with equal classes."""
UNEVEN, UNEVEN_RECORDS = 20.0, 4.0
"""Where mistakes depend on the class, they explain uneven votes as well as an uneven class balance does. Then the
balance stays near the one that is given: with the common confusion matrix worth b imagined votes of one accuracy, by 4
times 20 / (20 + b) imagined records for each one that there is."""
TWO_SIDED, BY_CHANCE = 0.02, 0.01
"""A column is an annotator if this share of its votes, or more, is not for its most frequent class, or if a person
would give one class with this probability or more; a smaller one makes it part of one."""
VOTE_SCALE, CLASS_SCALE = 1.5, 0.3
"""A vote of an unknown member adds 1.5 + 0.3 ln(k - 1) to its class: a single vote makes 82 % of two classes, 59 % of
six."""
RULES = 4.0
"""Where a quarter of the columns or more are of one class, these are functions; where fewer are, their votes count
less."""
FORMS = ("confusion", "accuracy", "majority")
"""What is learned of each annotator, from the most parameters to the fewest."""
TEMPERATURES = np.geomspace(1, 0.05, 25)
"""What a vote may count of what it would if votes were independent, from all of it on."""
FEW_VOTES, LEAST_GOLD = 300, 10
"""With fewer votes than this every vote counts at least a little, as long as there are not as many manual labels, by
which it is seen who is right; up to twice as many votes that fades."""
FEW_OF_ONE = 50
"""The same of one annotator: narrow functions are often exceptions to broad ones, right where these are wrong."""
AGREED = 0.62
"""Where votes are few, the least probability of a class that two votes agree on and none contradicts, and, of two
classes, of the one with the only vote; where those of one annotator are few, the least of the class of its vote against
any other one."""
LEAST_SHARE = 1e-6
"""No class and no mistake is less frequent than this."""
MOST_SKILL = 6.0
MOST_BALANCE_ROUNDS = 20
MOST_HELD_OUT = 20_000
"""About this many votes are held out, evenly spread, if there are at least twice as many: they choose one of 25
numbers."""
COARSE = 4
"""With at least half as many votes only every fourth temperature is tried, and then the neighbours of the best."""


@LABEL_MODELS.named("hierarchical_dawid_skene")
class HierarchicalDawidSkene(LabelModel):
    """Dawid and Skene's model with confusion matrices drawn from a common one: for crowds of annotators.

    There are four levels, each shrunk to the one above by as many imagined votes as the votes themselves make most
    probable (the marginal likelihood of Dirichlet-multinomial counts, on a grid):

    1. one accuracy of all annotators, their mistakes on all other classes alike;
    2. a common confusion matrix, worth b imagined votes of level 1 to each class;
    3. the accuracy of annotator j, which changes the diagonal of the common matrix by one number on the log-odds scale;
    4. the confusion matrix of annotator j, to which level 3 is worth a imagined votes.

    Where mistakes do not depend on the class, a and b are large and this is a model with one accuracy an annotator;
    where they do, it is that of Dawid and Skene; an annotator with three labels is judged much like all others, and one
    with three hundred by these alone. The class balance is learned too, from imagined records of equal classes or of
    the balance that is given: many of them where mistakes depend on the class, because these explain uneven votes as
    well. Expectation-maximisation starts from the majority, in the first rounds with levels 1 and 3 alone; manual
    labels are clamped; an abstain counts nothing.

    Scores are additive, S_i = log balance + sum_j c_ij log_confusion_[j, :, L_ij], and P = softmax(S), with c_ij the
    confidence of a vote, 1 where none is given. The logarithms are those of the confusion matrices times
    ``temperature_``, because votes on one record depend on each other (some records are hard for everybody) and their
    plain product is far too sure:

    - each vote is held out, and predicted from the others on its record; the temperature that does so best is taken;
    - it is divided by the design effect 1 + (v - 1) r, with r the correlation of being right within a record beyond the
      classes and annotators, and v the votes on the record of an average vote.

    A vote of an annotator with few, up to 50 and fading until 100, counts at least log(.62 / .38) for its class, until
    ten of its records have a label: it may be right just where the others are wrong.

    A heuristic that votes one class only has no confusion matrix (each row would be the same): each of its votes counts
    the same, see :func:`two_sided`. With one or two annotators nothing shows who is right, so every vote counts the
    same. For labeling functions take ``committee``.

    Parameters
    ----------
    n_classes, class_balance : see :class:`LabelModel`
    form : ``confusion``; ``accuracy``, one number an annotator, for few people with few records in common; or
        ``majority``
    damping : how much votes count while the model is fitted; below 1 hard records teach less
    max_iter : largest number of rounds
    tol : stop when no probability moves by more

    Attributes
    ----------
    confusion_ : float (m, k, k), P(vote | class), given that the annotator votes
    log_confusion_ : float (m, k, k), what a vote of each annotator adds to the score of each class
    balance_ : float (k,), the class balance
    concentration_ : float, a
    evenness_ : float, b
    temperature_ : float in (0, 1]
    form_ : ``form``, or ``majority`` where there are fewer than three annotators
    n_iter_ : int

    References
    ----------
    Dawid and Skene (1979), Maximum likelihood estimation of observer error-rates using the EM algorithm, Applied
    Statistics 28(1); Kim and Ghahramani (2012), Bayesian classifier combination, AISTATS, and Paun et al. (2018),
    Comparing Bayesian models of annotation, TACL 6, for hierarchies over annotators; MacKay (1992), Bayesian
    interpolation, Neural Computation 4, for the choice of a and b; Kish (1965), Survey sampling, for the design
    effect.

    Examples
    --------
    >>> L = [[0, 0, 1], [1, 1, 0], [0, 0, -1], [1, 1, 1], [0, -1, 0]]
    >>> HierarchicalDawidSkene().fit(L).predict([[0, 0, 1], [-1, 1, -1]]).tolist()
    [0, 1]
    """

    def __init__(
        self,
        n_classes: int | None = None,
        class_balance: ArrayLike | None = None,
        form: str = "confusion",
        damping: float = 1.0,
        max_iter: int = 100,
        tol: float = 1e-4,
    ) -> None:
        super().__init__(n_classes, class_balance)
        self.form = form
        self.damping = damping
        self.max_iter = max_iter
        self.tol = tol

    def _fit(self, votes: Votes, y: Codes) -> None:
        if self.form not in FORMS:
            raise WeaklabError(f"form must be one of {', '.join(FORMS)}, got {self.form!r}")
        check_max_iter(self.max_iter)
        listed, k = VoteList.of(votes.L, self.n_classes_, votes.confidence), self.n_classes_
        alone = len(np.unique(listed.columns)) < 3 and not (y != ABSTAIN).any() and self.form == "confusion"
        self.form_ = "majority" if alone else self.form
        given = np.full(k, 1 / k) if self.class_balance is None else self.class_balance_
        base = np.full(votes.L.shape[1], single_vote(k))
        limits = Limits(self.form_, self.damping, self.max_iter, self.tol)
        sides = two_sided(listed.given()) if self.form_ == "confusion" else np.ones(len(base))
        found = learn(listed, y, given, sides, base, limits)
        self.confusion_, self.log_confusion_, self.balance_ = found.annotators.theta, found.log_confusion, found.balance
        self.concentration_, self.evenness_ = found.annotators.alike, found.annotators.even
        self.temperature_, self.n_iter_ = found.temperature, found.rounds

    def _proba(self, votes: Votes) -> Floats:
        S = table_sum(votes.L, by_vote(self.log_confusion_), votes.confidence)
        return softmax(S + np.log(self.balance_))

    def _proba_without_evidence(self) -> Floats:
        return self.balance_ if self.class_balance is None else self.class_balance_


@dataclass(frozen=True)
class Limits:
    """How annotators are described, and how long they are learned; see :class:`HierarchicalDawidSkene`."""

    form: str = "confusion"
    damping: float = 1.0
    max_iter: int = 100
    tol: float = 1e-4


@dataclass(frozen=True)
class Annotators:
    """What is known of annotators.

    Attributes
    ----------
    theta : float (m, k, k), P(vote | class)
    skill : float (m,), how far their log-odds of being right are from those of all
    alike, even : how many imagined votes are their accuracies and the common matrix worth, a and b
    """

    theta: Floats
    skill: Floats
    alike: float = STRENGTHS[-1]
    even: float = STRENGTHS[-1]


@dataclass(frozen=True)
class Learned:
    """What is learned from votes: annotators, the class balance (k,), what a vote of each column adds to each class (m,
    classes, votes), the temperature, the rounds and the form.
    """

    annotators: Annotators
    balance: Floats
    log_confusion: Floats
    temperature: float
    rounds: int
    form: str


def single_vote(k: int) -> float:
    """Return what a vote of an unknown member adds to its class."""
    return float(VOTE_SCALE + CLASS_SCALE * np.log(max(k - 1, 1)))


def two_sided(given: Floats) -> Floats:
    """Return how far each column votes several classes, as a person does, from 0 to 1: float (m,).

    Parameters
    ----------
    given : float (m, k), how often each column votes each class

    Examples
    --------
    >>> two_sided(np.array([[90, 10], [0, 500], [99, 1]])).round(1).tolist()
    [1.0, 0.0, 0.8]
    """
    n = given.sum(axis=1)
    minor = n - given.max(axis=1, initial=0)
    share = minor.sum() / max(n.sum(), 1)
    # A person with few votes gives one class by chance; a person with many does not.
    by_chance = min(share / TWO_SIDED, 1) * np.minimum((1 - share) ** n / BY_CHANCE, 1)
    return np.asarray(np.where(n > 0, np.maximum(np.minimum(minor / np.maximum(n, 1) / TWO_SIDED, 1), by_chance), 0))


def functions_of_one_class(given: Floats, sides: Floats) -> float:
    """Return how far columns that vote one class are labeling functions, from 0 to 1; where nearly all are people, they
    are careless ones.

    >>> functions_of_one_class(np.array([[90, 10], [0, 500], [99, 1]]), np.array([1.0, 0.0, 0.5]))
    1.0
    """
    there = given.sum(axis=1) > 0
    return float(min(RULES * (1 - sides)[there].sum() / max(there.sum(), 1), 1))


def learn(
    votes: VoteList, y: Codes, given: Floats, sides: Floats, base: Floats, limits: Limits | None = None
) -> Learned:
    """Find annotators and the class balance by expectation-maximisation.

    Parameters
    ----------
    votes : what each vote counts is part of it
    y : int (n,), manual labels, -1 is unlabeled
    given : float (k,), the class balance that is expected
    sides : float (m,), how far each column is an annotator, see :func:`two_sided`
    base : float (m,), what a vote of each column counts as far as it is not
    limits : how long, and in which form
    """
    return search_for(votes, y, given, sides, base, limits).run(clamp(_majority(votes), y))


def search_for(
    votes: VoteList, y: Codes, given: Floats, sides: Floats, base: Floats, limits: Limits | None = None
) -> Search:
    """Return what :func:`learn` looks for, and in what."""
    soft = replace(votes, weights=votes.weights * sides[votes.columns])
    known = np.minimum(np.bincount(soft.rows, soft.weights, minlength=votes.shape[0]), 1)
    known[y != ABSTAIN] = 1
    of_one_class = replace(votes, weights=votes.weights * (1 - sides)[votes.columns])
    rules = Rules(of_one_class, base * functions_of_one_class(votes.given(), sides), float(known.sum()))
    return Search(soft, rules, sides, y, given, known, limits or Limits())


def clamp(P: Floats, y: Codes) -> Floats:
    """Set the rows with a manual label to it, in place; return all."""
    gold = np.flatnonzero(y != ABSTAIN)
    P[gold] = np.eye(P.shape[1])[y[gold]]
    return P


@dataclass(frozen=True)
class Search:
    """Votes of annotators, those of functions of one class, how far each column is an annotator, labels, the class
    balance that is expected, and how far annotators and labels show the class of each record, float (n,) from 0 to 1.
    """

    votes: VoteList
    rules: Rules
    sides: Floats
    y: Codes
    given: Floats
    known: Floats
    limits: Limits

    def run(self, start: Floats) -> Learned:
        found, P, rounds = self._matrices(start)
        log_theta, rest = np.log(found.theta), self.rules.scores(self._balance(P, found))
        # The product of all votes would be right if they were independent. They are not, and it is far too sure: the
        # temperature makes up for what one vote says about the next, the design effect for records that are hard for
        # everybody.
        beside = rest + np.log(self._balance(P, found))
        temperature = _held_out_temperature(self.votes, log_theta, self.y, beside)
        temperature /= _design_effect(self.votes, log_theta, P)
        tempered = self.at_least(temperature * log_theta)
        balance = self._final_balance(self.votes.scores(tempered) + rest, P, found)
        return Learned(found, balance, self.log_confusion(tempered, balance), temperature, rounds, self.limits.form)

    def log_confusion(self, tempered: Floats, balance: Floats) -> Floats:
        """Return what a vote of each column adds to each class: partly as an annotator's, partly as a function's."""
        # A vote for one class says how frequent it is among these records: the balance is not counted twice.
        own = self.rules.weights(balance)
        own = np.where(own > 0, own - np.log(balance / self.given), 0)
        plain = (1 - self.sides)[:, None, None] * own[:, :, None] * np.eye(len(balance))
        return np.asarray(self.sides[:, None, None] * tempered + plain)

    def _matrices(self, P: Floats) -> tuple[Annotators, Floats, int]:
        """Return the annotators, the last probabilities (n, k) and the rounds."""
        _, m, k = self.votes.shape
        found, rounds = Annotators(np.zeros((m, k, k)), np.zeros(m)), 0
        for rounds in range(1, (1 if self.limits.form == "majority" else self.limits.max_iter) + 1):
            found = _judged(self.votes.counts(P), found, self.limits.form, rounds)
            balance = self._balance(P, found)
            S = self.limits.damping * self.votes.scores(np.log(found.theta))
            updated = clamp(softmax(S + self.rules.scores(balance) + np.log(balance)), self.y)
            moved, P = np.abs(updated - P).max(initial=0), updated
            if moved < self.limits.tol and rounds > TIED:
                break
        return found, P, rounds

    def at_least(self, log_confusion: Floats) -> Floats:
        """Return log-confusions (m, k, k) with as much for a vote's own class as few votes are to count."""
        rows, columns, k = self.votes.rows, self.votes.columns, log_confusion.shape[1]
        gold = self.y != ABSTAIN
        alone = np.log(AGREED / (1 - AGREED))
        together = max(np.log(AGREED / (1 - AGREED) * (k - 1)) / 2, alone)
        n, labeled = (np.bincount(columns[mine], minlength=len(log_confusion)) for mine in (slice(None), gold[rows]))
        of_all, of_one = _few(len(rows), gold.sum(), FEW_VOTES), _few(n, labeled, FEW_OF_ONE)
        least = np.maximum(of_all * together, of_one * alone)[:, None, None]
        own = np.diagonal(log_confusion, axis1=1, axis2=2)[:, None, :]
        lead = np.where(np.eye(k, dtype=bool), 0.0, np.maximum(own - log_confusion, least))
        return np.where(least > 0, own - lead, log_confusion)

    def _final_balance(self, S: Floats, P: Floats, found: Annotators) -> Floats:
        """Return the class balance that goes with the sums of the votes as they will count, (n, k)."""
        balance = self._balance(P, found)
        for _ in range(MOST_BALANCE_ROUNDS):
            before, balance = balance, self._balance(clamp(softmax(S + np.log(balance)), self.y), found)
            if np.abs(balance - before).max() < self.limits.tol:
                break
        return balance

    def _balance(self, P: Floats, found: Annotators) -> Floats:
        """Return the class balance (k,) that probabilities (n, k) and imagined records of the given one come to."""
        if self.limits.form != "confusion":
            return self.given
        n, imagined = self.known.sum(), self.imagined(found.even)
        return np.asarray(np.maximum((self.known @ P + imagined * self.given) / (n + imagined), LEAST_SHARE))

    def imagined(self, even: float) -> float:
        """Return how many imagined records have the class balance that is expected."""
        return float(BALANCE_RECORDS + UNEVEN_RECORDS * self.known.sum() * UNEVEN / (UNEVEN + even))


@dataclass(frozen=True)
class Rules:
    """Votes of columns as far as they vote one class, and what a vote of each counts at most, (m,), and how many
    records annotators show the class balance by.
    """

    votes: VoteList
    base: Floats
    known: float

    @cached_property
    def coverage(self) -> Floats:
        """Share of the records on which each column votes each class: float (m, k)."""
        return replace(self.votes, weights=np.ones(len(self.votes.rows))).given() / max(self.votes.shape[0], 1)

    def weights(self, balance: Floats) -> Floats:
        """Return what a vote of each column adds to the class it votes for: (m, k).

        Nobody is right about more records of a class than there are: a vote for one class on every record says nothing.
        """
        most = np.minimum(balance / np.maximum(self.coverage, LEAST_SHARE), 1 - LEAST_SHARE)
        limit = np.log(most / (1 - most)) - np.log(balance / (1 - balance))
        base = self.base[:, None]
        sure = self.known / (self.known + BALANCE_RECORDS)
        return np.asarray(base - sure * (base - np.clip(base, 0, np.maximum(limit, 0))))

    def scores(self, balance: Floats) -> Floats:
        """Return what they add to each record: (n, k)."""
        n, _, k = self.votes.shape
        if not self.votes.weights.any():
            return np.zeros((n, k))
        return self.votes.scores(self.weights(balance)[:, :, None] * np.eye(k))


def _judged(counts: Floats, before: Annotators, form: str, rounds: int) -> Annotators:
    """Return what expected counts (m, k, k) say of annotators, each level shrunk to the one above."""
    k = counts.shape[1]
    free = form == "confusion" and rounds > TIED
    total, of_class = counts.sum(axis=0), counts.sum(axis=2)
    expected = IMAGINED * (1 / k + (1 - 1 / k) * (2 * IMAGINED_RIGHT - 1))
    right = min((np.trace(total) + expected) / (total.sum() + IMAGINED), 1 - LEAST_SHARE)
    everybody = symmetric(right, k)
    even = _strength(total, everybody, before.even, rounds) if free else STRENGTHS[-1]
    common = total + even * everybody if free else everybody
    common = common / common.sum(axis=1, keepdims=True)
    skill = before.skill if form == "majority" else next_skill(counts, of_class, np.diagonal(common), before.skill)
    own = with_skill(common, skill)
    alike = _strength(counts, own, before.alike, rounds) if free else STRENGTHS[-1]
    if not free:
        return Annotators(own, skill)
    theta = np.maximum(counts + alike * own, LEAST_SHARE)
    return Annotators(theta / theta.sum(axis=2, keepdims=True), skill, alike, even)


def next_skill(counts: Floats, of_class: Floats, right: Floats, skill: Floats) -> Floats:
    """Return the skills after a step of Newton's method from the last ones: (m,)."""
    diagonal = np.diagonal(counts, axis1=1, axis2=2)
    for _ in range(2):
        p = shifted(right, skill)
        slope = (diagonal - of_class * p).sum(axis=1) - skill / SKILL_VARIANCE
        bend = (of_class * p * (1 - p)).sum(axis=1) + 1 / SKILL_VARIANCE
        skill = np.clip(skill + np.clip(slope / bend, -1, 1), -MOST_SKILL, MOST_SKILL)
    return skill


def shifted(right: Floats, skill: Floats) -> Floats:
    """Return P(right | class) of annotators with these skills, (m, k), from that of all, (k,)."""
    return np.asarray(1 / (1 + np.exp(-(np.log(right / (1 - right)) + skill[:, None]))))


def with_skill(common: Floats, skill: Floats) -> Floats:
    """Return the common confusion matrix with the diagonal of each annotator, (m, k, k)."""
    right = np.diagonal(common)
    p = shifted(right, skill)
    wrong = common / (1 - right)[:, None]
    return np.where(np.eye(len(right), dtype=bool), p[:, :, None], (1 - p)[:, :, None] * wrong)


def _strength(counts: Floats, mean: Floats, before: float, rounds: int) -> float:
    """Return how many imagined votes ``mean`` is worth: the strength under which the counts are most probable.

    Counts (..., k) with Dirichlets of mean (..., k). Looked for among the neighbours of the last one, after a first
    look at all.
    """
    from scipy.special import gammaln

    place = int(np.searchsorted(STRENGTHS, before * 0.999))
    near = STRENGTHS if rounds == TIED + 1 else STRENGTHS[max(place - 1, 0) : place + 2]
    n = counts.sum(axis=-1)

    def log_likelihood(a: float) -> float:
        prior = a * mean
        return float((gammaln(counts + prior) - gammaln(prior)).sum() - (gammaln(n + a) - gammaln(a)).sum())

    return float(near[int(np.argmax([log_likelihood(a) for a in near]))])


def _few(votes: Any, gold: Any, few: float) -> Any:
    """Return how far so many votes are too few to say that they count for nothing, from 0 to 1."""
    return np.clip(2 - votes / few, 0, 1) * np.clip(1 - gold / LEAST_GOLD, 0, 1)


def _majority(votes: VoteList) -> Floats:
    """Return the share of the votes on each record with one more imagined for all classes together: (n, k)."""
    tally = votes.tally() + 1 / votes.shape[2]
    return np.asarray(tally / row_sum(tally)[:, None])


def symmetric(right: Any, k: int) -> Floats:
    """Return confusion matrices with ``right`` on the diagonal and the same number elsewhere: (..., k, k)."""
    right = np.asarray(right, dtype=np.float64)[..., None, None]
    return np.asarray(np.where(np.eye(k, dtype=bool), right, (1 - right) / (k - 1)))


def _held_out_temperature(votes: VoteList, log_theta: Floats, y: Codes, start: Floats | None = None) -> float:
    """Return the temperature at which the other votes on a record predict each of its votes best, at most 1.

    ``start`` float (n, k) is what is known of each record beside these votes.
    """
    # The score of a record without one of its votes is the sum of all less that one: no second pass is needed.
    S = votes.scores(log_theta)
    held = votes.take(y[votes.rows] == ABSTAIN)
    if len(held.rows) >= 2 * MOST_HELD_OUT:
        held = held.take(slice(None, None, len(held.rows) // MOST_HELD_OUT))
    own = log_theta[held.columns, :, held.codes]
    others = S[held.rows] - own * held.weights[:, None]
    predicted = _prediction(others, np.zeros_like(others) if start is None else start[held.rows], np.exp(own))
    fits = np.full(len(TEMPERATURES), -np.inf)

    def judge(places: NDArray[np.intp]) -> int:
        for place in places[fits[places] == -np.inf]:
            fits[place] = (np.log(predicted(TEMPERATURES[place])) * held.weights).sum()
        return int(np.argmax(fits > fits.max() - 1e-9))

    every = np.arange(len(TEMPERATURES))
    if len(held.rows) < MOST_HELD_OUT // 2:
        return float(TEMPERATURES[judge(every)])
    best = judge(every[::COARSE])
    return float(TEMPERATURES[judge(every[max(best - COARSE, 0) : best + COARSE + 1])])


def _prediction(others: Floats, beside: Floats, likelihood: Floats) -> Callable[[float], Floats]:
    """Return a function from a temperature to the probability of each vote, (v,).

    It is the mean of ``likelihood`` (v, k) over the classes, whose log-scores are temperature * others + beside.
    """
    if others.shape[1] > 2:
        return lambda temperature: np.asarray(row_sum(softmax(temperature * others + beside) * likelihood))
    # Of two classes the odds are enough, which is a third of the arithmetic.
    odds, of_others = others[:, 0] - others[:, 1], beside[:, 0] - beside[:, 1]
    first, gap = np.ascontiguousarray(likelihood[:, 0]), likelihood[:, 1] - likelihood[:, 0]

    def of_two(temperature: float) -> Floats:
        told = temperature * odds
        told += of_others
        with np.errstate(over="ignore"):  # infinite odds are a probability of 0
            np.exp(told, out=told)
        told += 1
        np.divide(gap, told, out=told)
        told += first
        return told

    return of_two


def _design_effect(votes: VoteList, log_theta: Floats, P: Floats) -> float:
    """Return 1 + (v - 1) r, how many votes on a record are worth one independent vote, at least 1."""
    # Residuals of being right, standardised per annotator and class. Over pairs of votes on one record,
    # sum_{i<>j} r_i r_j = (sum r)^2 - sum r^2, and their mean is the intraclass correlation r.
    n = len(P)
    on_record = np.bincount(votes.rows, votes.weights, minlength=n)
    with_itself = np.bincount(votes.rows, votes.weights**2, minlength=n)
    shared = pairs = 0.0
    right = np.exp(np.diagonal(log_theta, axis1=1, axis2=2))[:, :, None]
    residual = (np.eye(P.shape[1]) - right) / np.sqrt(right * (1 - right))
    total, squares = votes.scores(residual), replace(votes, weights=votes.weights**2).scores(residual**2)
    for c in range(P.shape[1]):
        shared += float((P[:, c] * (total[:, c] ** 2 - squares[:, c])).sum())
        pairs += float((P[:, c] * (on_record**2 - with_itself)).sum())
    if pairs <= 0:
        return 1.0
    size = float((on_record**2).sum() / on_record.sum())
    return 1 + (size - 1) * min(max(shared / pairs, 0.0), 1.0)
