"""What votes say by themselves, before any manual label: a weight a member and, where people vote, a confusion matrix
each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from weaklab.core.labels import ABSTAIN
from weaklab.core.rows import softmax
from weaklab.core.tables import counted
from weaklab.label_models.counting import one_hot_sum, table_sum
from weaklab.label_models.feature_member import of_columns
from weaklab.label_models.hierarchical import Learned, Limits, Search, learn, search_for, single_vote, two_sided
from weaklab.label_models.vote_list import VoteList, by_vote
from weaklab.label_models.vote_patterns import any_vote
from weaklab.label_models.vote_weights import Pairs, vote_shares, vote_weights

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from weaklab.core.votes import Votes

    Floats = NDArray[np.float64]

MOST_VOTES, VOTES_EACH = 200_000, 4_000
"""With more votes than this, confusion matrices are learned from about 4,000 an annotator, from which no accuracy is
off by more than 1.6 %, at 95 %."""
SUBSAMPLE = 4
"""Sampling error is estimated from a quarter subsample."""
JUDGED_ROWS = 2_000
"""Rows on which it is estimated."""
LEARNED_BALANCE = 0.5
"""The class balance that is learned from votes counts half (the geometric mean with the one that is given, or equal
classes): in full it would be right more often, and find fewer records of a rare class."""
MANY, MOST_SHOWN = 300.0, 6
"""Imagined votes that are said to be many, and the number of classes whose share is shown."""
MOST_ROUNDS = 100
"""Rounds in which annotators are learned."""


@dataclass(frozen=True)
class Weighed:
    """What votes say without manual labels: what each counts, base (m,), its own share of it (m,), the logarithm of the
    class balance (k,), how far each is an annotator (m,), how many members vote without probabilities, and what was
    learned of annotators, None where every member votes one class.
    """

    base: Floats
    shares: Floats
    log_balance: Floats
    sides: Floats
    voting: int
    learned: Learned | None = None

    @property
    def log_confusion(self) -> Floats | None:
        """What a vote of each member adds to each class, (m, classes, votes), before copies share it."""
        return None if self.learned is None else self.learned.log_confusion

    @property
    def rounds(self) -> int:
        return MOST_ROUNDS if self.learned is None else self.learned.rounds

    def search(self, pairs: Pairs, sample: Votes, given: Floats | None) -> Search:
        """Return in what annotators were looked for, by the numbers of pairs and the votes that they were learned from;
        the rows in an order that does not depend on theirs.
        """
        k, m = len(self.log_balance), len(self.base)
        assert self.learned is not None
        order = np.argsort(np.ascontiguousarray(sample.L).view(f"V{m}").ravel(), kind="stable")
        sample, unknown = sample.take(order), np.full(len(sample), ABSTAIN)
        base, balance = _base(pairs, sample.without_scores, m, k), np.full(k, 1 / k) if given is None else given
        limits = Limits(self.learned.form)
        return search_for(vote_list(sample, self.shares, k), unknown, balance, self.sides, base, limits)

    def sum_of_votes(self, votes: Votes, k: int) -> Floats:
        """Return S, float (n, k)."""
        if self.log_confusion is None:
            return one_hot_sum(votes.L, k, self.base, votes.confidence)
        return table_sum(votes.L, self.shares[:, None, None] * by_vote(self.log_confusion), votes.confidence)


def error_of_sample(found: Weighed, part: Weighed, votes: Votes, share: float) -> float:
    """Return the standard error that a sample with this share of all rows adds to a probability, judged by a quarter of
    it.
    """
    rows = np.flatnonzero(any_vote(votes.L))[:JUDGED_ROWS]
    judged = votes.take(rows)
    P, Q = (
        softmax(weighed.sum_of_votes(judged, len(found.log_balance)) + weighed.log_balance) for weighed in (found, part)
    )
    difference = np.sqrt(np.mean((P - Q) ** 2)) if len(rows) else 0.0
    # The difference has the variance of a quarter less that of the whole, 4 - 1 = 3 times that of the whole.
    return float(difference / np.sqrt(SUBSAMPLE - 1) * np.sqrt(max(1 - share, 0)))


def share_of_annotators(pairs: Pairs, max_rows: int | None) -> float:
    """Return the share of the rows on which votes were counted that gives each member ``VOTES_EACH`` votes on
    average.
    """
    votes = float(pairs.votes.sum())
    return 1.0 if max_rows is None or votes <= MOST_VOTES else min(1.0, VOTES_EACH * len(pairs.votes) / votes)


def weigh(pairs: Pairs, votes: Votes, rounds: int, given: Floats | None, k: int) -> Weighed:
    """Return what votes say by themselves: one weight a member and, where people vote, a confusion matrix each."""
    voters, m = votes.without_scores, votes.L.shape[1]
    base, shares, sides = _base(pairs, voters, m, k), np.ones(m), np.zeros(m)
    log_balance = np.zeros(k) if given is None else np.log(given)
    voting = int((pairs.votes.sum(axis=1) > 0).sum())
    if not len(voters) or not pairs.n:
        return Weighed(base, shares, log_balance, sides, voting)
    shares[voters], sides[voters] = vote_shares(pairs), two_sided(pairs.votes)
    if not sides.any():
        return Weighed(base * shares, shares, log_balance, sides, voting)
    listed, unknown = vote_list(votes, shares, k), np.full(len(votes), ABSTAIN)
    form = "confusion" if (listed.given().sum(axis=1) > 0).sum() > 2 else "majority"
    limits = Limits(form, max_iter=rounds)
    learned = learn(listed, unknown, np.full(k, 1 / k) if given is None else given, sides, base, limits)
    log_balance = LEARNED_BALANCE * np.log(learned.balance) + (1 - LEARNED_BALANCE) * log_balance
    return Weighed(np.zeros(m), shares, log_balance, sides, voting, learned)


def _base(pairs: Pairs, voters: NDArray[np.intp], m: int, k: int) -> Floats:
    """Return what a vote of each column counts as far as it is a function of one class, (m,)."""
    base = np.zeros(m)
    if len(voters) and pairs.n:
        base[voters] = single_vote(k) * vote_weights(pairs)
    return base


def vote_list(votes: Votes, shares: Floats, k: int) -> VoteList:
    """Return the votes of members without scores."""
    # Members who copy each other share a vote: that is a confidence below 1 for each of them.
    confidence = {
        j: shares[j] * votes.confidence_of(j)
        for j in votes.without_scores.tolist()
        if shares[j] < 1 or j in votes.confidence
    }
    L = votes.L
    if votes.scores:
        L = L.copy()
        L[:, list(votes.scores)] = ABSTAIN
    return VoteList.of(L, k, confidence)


def why_functions(n: int, n_scored: int) -> str:
    """Say what was chosen where each of n members votes for one class, and n_scored have probabilities."""
    scored = f"{counted(n_scored, 'member')} with probabilities"
    if not n:
        return scored
    said = (
        f"{counted(n, 'member')}, each votes for one class only; their weights follow from where they agree, "
        "contradict each other or are exceptions; classes count as equally frequent until a balance is given or labels "
        "show one"
    )
    return f"{said}; {scored}" if n_scored else said


def why_people(sides: Floats, voting: int, learned: Learned) -> str:
    """Say what was chosen where members vote several classes, and by what evidence."""
    people, found = int((sides >= 0.5).sum()), learned.annotators
    if learned.form == "majority":
        return f"too few members that vote several classes to tell who is right: each of {people} counts the same"
    apart = (
        "apart from accuracy, annotators are alike" if found.alike > MANY else "annotators have matrices of their own"
    )
    mistakes = "mistakes do not depend on the class" if found.even > MANY else "mistakes depend on the class"
    shares = [*(f"{share:.3f}" for share in learned.balance[:MOST_SHOWN]), "..."][: len(learned.balance)]
    return (
        f"{people} of {counted(voting, 'member')} vote several classes: {apart} (worth {found.alike:,.0f} votes), "
        f"{mistakes} (worth {found.even:,.0f} votes), class balance {', '.join(shares)}, "
        f"votes count {learned.temperature:.2f} of what they would if they were independent"
    )


def pairs_of(L: NDArray[np.int8], voters: NDArray[np.intp], k: int) -> Pairs:
    """Return how often voters vote, alone and together."""
    if len(voters):
        return Pairs.count(of_columns(L, voters), k)
    return Pairs(len(L), np.zeros((0, k)), np.zeros((0, 0)), np.zeros((0, 0)))
