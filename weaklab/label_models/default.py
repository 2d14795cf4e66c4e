"""The default label model: votes that need no labels, members that learn stacked on top, and manual labels that correct
both.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.core.errors import WeaklabError
from weaklab.core.labels import ABSTAIN, MAX_CLASSES
from weaklab.core.rows import blocks, row_argmax, softmax
from weaklab.label_models.base import LABEL_MODELS, LabelModel, Soft, _silent, check_votes
from weaklab.label_models.feature_member import FLOOR, FeatureMember, centred_log
from weaklab.label_models.hierarchical import HierarchicalDawidSkene, by_vote
from weaklab.label_models.newton import MOST_CELLS, MOST_UNKNOWNS, newton
from weaklab.label_models.vote_patterns import any_vote, in_sample, sample_rows
from weaklab.label_models.vote_weights import Pairs, annotators, vote_shares, vote_weights
from weaklab.label_models.votes import one_hot_sum, table_sum

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    from weaklab.label_models.base import Columns, Votes

    Floats = NDArray[np.float64]

VOTE_SCALE, CLASS_SCALE = 1.5, 0.3
"""A vote that nothing is known of adds 1.5 + 0.3 ln(k - 1) to its class: 82 % for a lone vote of two classes, 72 % of
six."""
LEAST_TAUGHT = 10
"""From fewer records with votes than this, nothing is carried over to others."""
COLLAPSE = 4.0
"""A class that loses three quarters of its records has collapsed. Half is not enough: votes give a rare class twice its
share."""
MOST_LOG = 3.0
"""Manual labels change tau and the weights of members by a factor of e^3, twenty, at most."""
INSTANCE = "instance features"
"""What the member that looks at the records themselves is called."""


MOST_ROWS = 200_000
"""Votes are counted on about so many rows, unless ``max_rows`` says otherwise: no share is off by more than 0.25 %
then, at 95 %."""
MOST_VOTES, VOTES_EACH = 200_000, 5_000
"""With more than so many votes, confusion matrices are learned from about 5,000 an annotator, from which no accuracy is
off by more than 1.4 %, at 95 %."""
PART = 4
"""The error of a sample is told from one that has a quarter of its rows."""
JUDGED_ROWS = 2_000
"""Rows on which it is told."""


@dataclass(frozen=True)
class _Weighed:
    """What votes tell without manual labels: what each counts, base (m,), its own share of it (m,), annotators, their
    log-confusion, and the rounds in which that was found.
    """

    base: Floats
    shares: Floats
    people: NDArray[np.intp]
    log_confusion: Floats | None
    rounds: int = 100


@dataclass(frozen=True)
class _Batches:
    """What is kept of the batches of ``partial_fit``: counts of all rows, those that annotators are judged by, and the
    labeled ones.
    """

    pairs: Pairs
    sample: tuple[NDArray[np.int64], Votes, Soft]
    labeled: tuple[NDArray[np.int64], Votes, Soft]


@dataclass(frozen=True)
class _Found:
    """What the manual labels say: tau, log w, d (m,), o (m, k) and b (k,)."""

    tau: float
    log_w: Floats
    delta: Floats
    others: Floats
    bias: Floats


@LABEL_MODELS.named("committee")
class CommitteeModel(LabelModel):
    """Votes weighted by what they tell of each other, corrected by manual labels, with members that learn stacked on
    top.

    P = softmax(Z), with

        Z_i = e^tau S_i + sum_c w_c (log f_c(i) - mean) + sum_j (d_j [L_ij = .] + [j votes on i] o_j) + b

    - S_i is the sum of the votes. A vote of member j counts :func:`vote_weights` times a constant, and copies of one
    another share
      one vote (:func:`vote_shares`); a vote with a confidence counts that share of it. Where most votes come from ten
      or more members that vote several classes each, as people do, S_i is that of :class:`HierarchicalDawidSkene`.
    - f_c are the scores of the members that have any, such as weak classifiers. These are weighted by w alone, their
    votes not
      counted a second time. With ``features`` there is one more: a cross-fitted classifier that learns from what the
      others say of all records (:class:`~weaklab.label_models.feature_member.FeatureMember`). It labels records that
      nobody votes on. If it leaves a class at under a quarter or over four times what the others gave it, with fewer
      than ``few_labels`` labels, it is dropped.
    - tau, w, d, o and b are found from the manual labels by penalised maximum likelihood. Without manual labels they
    keep their
      prior values: tau = 0, w = ``member_weight``, d = o = 0, and b = the log of the class balance if one is given,
      else equal classes. The penalties on d, o and b are (1 + (``few_labels`` / n)^2) times as strong with n labels:
      few labels say how far votes can be trusted before they say which.

    Everything is deterministic. Beyond ``max_rows`` rows, votes are counted on a random sample of them, always the same
    one, and with more than 200,000 votes the confusion matrices of annotators are learned from about 5,000 each;
    ``sample_error_`` tells what that costs. Manual labels are always used in full. :meth:`partial_fit` counts the votes
    of every row.

    Parameters
    ----------
    n_classes, class_balance : see :class:`LabelModel`
    vote_penalty : ridge penalty on d, how slowly labels change the weight of one member
    other_penalty : ridge penalty on o, what a member's voting says of other classes than the one it votes for; three
        classes or more
    scale_penalty : ridge penalty on tau and on the logarithms of w
    balance_penalty : ridge penalty on b
    few_labels : number of labels at which the penalties are twice as strong
    member_weight : prior weight of a member with scores
    max_rows : about so many rows are looked at for what votes tell of each other, None for all

    Attributes
    ----------
    weights_ : float (m,), the log-odds that a vote of each member adds to its class, for annotators beside
        ``log_confusion_``
    others_ : float (m, k), what it adds to each class whatever it votes
    log_confusion_ : float (m, k, k) or None, what a vote of an annotator adds to each class
    member_weights_ : column -> float, for members with scores
    instance_weight_ : float, of the member that looks at the features, 0 if there is none
    instance_proba_ : float (n, k) or None, what that member says of the records that the model was fitted on,
        cross-fitted
    bias_ : float (k,)
    n_labels_ : int, manual labels that it was fitted on
    fit_rows_ : int, rows that votes were counted on or, of annotators, that their confusion matrices were learned from
    sample_error_ : float, the standard error that looking at a sample adds to a probability, 0 where all rows were
        looked at: the root mean square difference to what a quarter of the sample says, over sqrt(3), times sqrt(1 -
        ``fit_rows_`` / n)

    Notes
    -----
    The stacking follows the idea of Goh, Tkachenko and Mueller (2022), CROWDLAB, that a classifier's probabilities be
    weighted against the annotators' rather than counted as one more annotator.

    A sample that contains a quarter of itself has a third of the variance of their difference, for whatever is near a
    mean: the random groups of Mahalanobis (1946), Recent experiments in statistical sampling, Journal of the Royal
    Statistical Society 109(4), and Wolter (2007), Introduction to variance estimation; the last factor is the
    correction for a finite population.

    Examples
    --------
    >>> L = [[0, 1, -1], [0, 1, -1], [1, 0, 0], [1, 0, 1]] * 5
    >>> CommitteeModel().fit(L, y=[0, 0, 1, 1] * 5).predict([[0, 1, -1]]).tolist()
    [0]

    With features, records without any vote are labeled, too:

    >>> angle = np.linspace(0, 1.5, 40)
    >>> X = np.column_stack([np.cos(angle), np.sin(angle)])
    >>> L = np.where(np.arange(40)[:, None] % 4 == 0, [[0, -1]] * 20 + [[-1, 1]] * 20, -1)
    >>> CommitteeModel().fit_predict_proba(L, features=X)[[1, 38]].argmax(axis=1).tolist()
    [0, 1]
    """

    own_members = (INSTANCE,)
    adds_up = True

    def __init__(
        self,
        n_classes: int | None = None,
        class_balance: ArrayLike | None = None,
        vote_penalty: float = 1.0,
        other_penalty: float = 6.0,
        scale_penalty: float = 2.0,
        balance_penalty: float = 3.0,
        few_labels: float = 50.0,
        member_weight: float = 0.5,
        max_rows: int | None = MOST_ROWS,
    ) -> None:
        super().__init__(n_classes, class_balance)
        self.vote_penalty = vote_penalty
        self.other_penalty = other_penalty
        self.scale_penalty = scale_penalty
        self.balance_penalty = balance_penalty
        self.few_labels = few_labels
        self.member_weight = member_weight
        self.max_rows = max_rows

    def _fit(self, L: Votes, y: NDArray[np.int64], soft: Soft) -> None:
        self._batches: _Batches | None = None
        n, most, voters = len(L), self._most_rows(), _voters(L.shape[1], soft)
        counted = 1.0 if n <= most or not len(voters) else most / n
        if counted < 1:
            rows = sample_rows(n, counted)
            votes, said = L[rows], soft.rows(rows)
        else:
            rows, votes, said = None, L, soft
        self._look_at_votes(_pairs(votes, voters, self.n_classes_), rows, votes, said, counted, n)
        gold = np.flatnonzero(y != ABSTAIN)
        self._learn(L[gold], y[gold], soft.rows(gold), sorted(soft.scores))
        if soft.features is not None:
            self._look_at_records(L, y, soft)

    def _most_rows(self) -> float:
        most: Any = self.max_rows
        if most is None:
            return np.inf
        if not isinstance(most, Integral) or most < 1:
            raise WeaklabError(f"max_rows must be a whole number of rows, 1 or more, or None for all, got {most!r}")
        return float(int(most))

    def _learn(self, L: Votes, y: NDArray[np.int64], soft: Soft, members: list[int]) -> None:
        """Correct what votes tell by manual labels: rows that have one."""
        self._members, self.instance_proba_ = members, None
        self._instance: FeatureMember | None = None
        self._prior = self._prior_log()
        self.n_labels_ = len(y)
        self._keep(self._solve(L, y, soft))

    def _look_at_records(self, L: Votes, y: NDArray[np.int64], soft: Soft) -> None:
        """Add a member that looks at the features, if votes can teach it and it lets no class vanish."""
        member = self._teach(L, y, soft)
        if member is None:
            return
        gold, without = np.flatnonzero(y != ABSTAIN), self._found
        self._instance, self.instance_proba_ = member, member.proba_
        self._keep(self._solve(L[gold], y[gold], replace(soft, instance=member.proba_).rows(gold)))
        if self.n_labels_ < self.few_labels and self._collapsed(L, soft, member.proba_):
            self._instance = self.instance_proba_ = None
            self._keep(without)

    def _check_batch(self, soft: Soft, first: bool) -> None:
        if not first and sorted(soft.scores) != self._members:
            raise WeaklabError(
                f"columns {sorted(soft.scores)} have scores in this batch, and {self._members} before; give the same "
                "ones"
            )

    def _add(self, L: Votes, y: NDArray[np.int64], soft: Soft, first: bool) -> None:
        self._most_rows()
        voters, gold = _voters(L.shape[1], soft), np.flatnonzero(y != ABSTAIN)
        pairs = _pairs(L, voters, self.n_classes_)
        before = None if first else self._batches
        n = 0 if before is None else before.pairs.n
        pairs = pairs if before is None else before.pairs + pairs
        rows, labeled = (np.arange(n, n + len(L)), L, soft), (y[gold], L[gold], soft.rows(gold))
        numbers, votes, said = rows if before is None else _joined([before.sample, rows])
        chosen = np.flatnonzero(in_sample(numbers, self._share_of_annotators(pairs)))
        sample = numbers[chosen], votes[chosen], said.rows(chosen)
        self._batches = _Batches(pairs, sample, labeled if before is None else _joined([before.labeled, labeled]))
        self._look_at_votes(pairs, *sample, 1.0, pairs.n)
        codes, votes, said = self._batches.labeled
        self._learn(votes, codes, said, sorted(soft.scores))

    def _share_of_annotators(self, pairs: Pairs) -> float:
        """Return the share of the rows on which votes were counted that gives each member ``VOTES_EACH`` votes on
        average.
        """
        votes = float(pairs.votes.sum())
        return 1.0 if self.max_rows is None or votes <= MOST_VOTES else min(1.0, VOTES_EACH * len(pairs.votes) / votes)

    def _look_at_votes(
        self, pairs: Pairs, numbers: NDArray[np.int64] | None, L: Votes, soft: Soft, counted: float, n: int
    ) -> None:
        """Find what votes count before any manual label.

        ``numbers`` tells which of n rows those of ``L`` are, None for all; ``pairs`` is what was counted on a share of
        them all.
        """
        voters = _voters(L.shape[1], soft)
        people = voters[annotators(pairs)] if len(voters) and pairs.n else voters[:0]
        share = counted * self._share_of_annotators(pairs) if len(people) else counted

        def weighed(pairs: Pairs, share: float, rounds: int) -> tuple[_Weighed, Votes, Soft]:
            if not len(people):
                return self._weigh(pairs, voters, people, L[:0], soft, rounds), L, soft
            rows = sample_rows(n, share) if numbers is None else np.flatnonzero(in_sample(numbers, share))
            votes, said = (L, soft) if len(rows) == len(L) else (L[rows], soft.rows(rows))
            return self._weigh(pairs, voters, people, votes, said, rounds), votes, said

        found, votes, said = weighed(pairs, share, _Weighed.rounds)
        self.fit_rows_, self.sample_error_ = len(votes) if len(people) else pairs.n, 0.0
        self._weighed, self.log_confusion_ = found, found.log_confusion
        if share < 1:
            if counted < 1 and numbers is not None:
                pairs = Pairs.count(_of(L[in_sample(numbers, counted / PART)], voters), self.n_classes_)
            part = weighed(pairs, share / PART, found.rounds)[0]  # no more rounds, because few rows may go on for long
            self.sample_error_ = self._error_of_sample(found, part, votes, said, self.fit_rows_ / max(n, 1))

    def _weigh(
        self, pairs: Pairs, voters: NDArray[np.intp], people: NDArray[np.intp], L: Votes, soft: Soft, rounds: int
    ) -> _Weighed:
        k, m = self.n_classes_, L.shape[1]
        base, shares = np.zeros(m), np.ones(m)
        if not len(voters) or not pairs.n:
            return _Weighed(base, shares, people, None)
        shares[voters] = vote_shares(pairs)
        if not len(people):
            scale = VOTE_SCALE + CLASS_SCALE * np.log(max(k - 1, 1))
            base[voters] = scale * vote_weights(pairs) * shares[voters]
            return _Weighed(base, shares, people, None)
        confidence = {}
        for place, j in enumerate(people.tolist()):
            if shares[j] < 1 or j in soft.confidence:
                confidence[place] = shares[j] * np.asarray(soft.confidence.get(j, np.ones(len(L))))
        log_confusion = np.zeros((m, k, k))
        model = HierarchicalDawidSkene(n_classes=k, max_iter=rounds).fit(_of(L, people), confidence=confidence)
        log_confusion[people] = model.log_confusion_
        return _Weighed(base, shares, people, log_confusion, model.n_iter_)

    def _error_of_sample(self, found: _Weighed, part: _Weighed, L: Votes, soft: Soft, share: float) -> float:
        rows = np.flatnonzero(any_vote(L))[:JUDGED_ROWS]
        L, soft = L[rows], soft.rows(rows)
        P, Q = (softmax(self._sum_of_votes(L, soft, weighed) + self._prior_log()) for weighed in (found, part))
        difference = np.sqrt(np.mean((P - Q) ** 2)) if len(rows) else 0.0
        return float(difference / np.sqrt(PART - 1) * np.sqrt(max(1 - share, 0)))

    def _prior_log(self) -> Floats:
        return (
            np.zeros(self.n_classes_) if self.class_balance is None else np.log(np.maximum(self.class_balance_, FLOOR))
        )

    def _sum_of_votes(self, L: Votes, soft: Soft, weighed: _Weighed) -> Floats:
        """Return S, float (n, k)."""
        if weighed.log_confusion is None:
            return one_hot_sum(L, self.n_classes_, weighed.base, soft.confidence)
        return table_sum(L, weighed.shares[:, None, None] * by_vote(weighed.log_confusion), soft.confidence)

    def wants_features(self, L: ArrayLike, scores: Columns | None = None) -> bool:
        """Whether enough records have votes of members without scores, and for more than one class, to teach another
        member.
        """
        votes = check_votes(L)
        voters = np.array([j for j in range(votes.shape[1]) if j not in (scores or {})], dtype=np.intp)
        taught, low, high = 0, MAX_CLASSES, ABSTAIN
        for rows in blocks(len(votes)) if len(voters) else ():
            part = np.ascontiguousarray(_of(votes[rows], voters))
            taught += int(np.count_nonzero(any_vote(part)))
            low, high = min(low, int(part.view(np.uint8).min())), max(high, int(part.max()))  # -1 is 255, the greatest
            if low < high and taught >= LEAST_TAUGHT:
                return True
        return False

    def _teach(self, L: Votes, y: NDArray[np.int64], soft: Soft) -> FeatureMember | None:
        """Fit the member that looks at features to what the votes say; of a labeled record, to what they say without
        its label.

        None where there are too few votes, or all for one class.
        """
        assert soft.features is not None
        if not self.wants_features(L, soft.scores):
            return None
        members, silent = sorted(soft.scores), Soft(confidence=soft.confidence)

        def cast(rows: NDArray[np.int64]) -> Votes:
            votes = L[rows]
            votes[:, members] = ABSTAIN  # these have learned from labels that are to be left out
            return votes

        def soft_labels(rows: NDArray[np.int64], out: NDArray[np.bool_]) -> Floats:
            gold = np.flatnonzero((y != ABSTAIN) & ~out)
            found = self._solve(cast(gold), y[gold], silent.rows(gold))
            return softmax(self._votes_part(cast(rows), silent.rows(rows), found))

        return FeatureMember(soft.features, any_vote(_of(L, _voters(L.shape[1], soft)))).fit(
            soft_labels, y, self.n_classes_
        )

    def _solve(self, L: Votes, y: NDArray[np.int64], soft: Soft) -> _Found:
        """Minimise the penalised negative log-likelihood of labeled rows."""
        k, m, n, instance = self.n_classes_, L.shape[1], len(y), soft.instance
        members = sorted(soft.scores)
        c = len(members) + (instance is not None)
        if not n:
            return _Found(0.0, np.zeros(c), np.zeros(m), np.zeros((m, k)), np.zeros(k))
        S = self._sum_of_votes(L, soft, self._weighed)
        logs = [np.asarray(centred_log(soft.scores[j]), dtype=np.float64) for j in members]
        logs += [] if instance is None else [np.asarray(centred_log(instance), dtype=np.float64)]
        said = np.asarray(L != ABSTAIN)
        said[:, members] = False
        active = np.flatnonzero(said.any(axis=0))
        rows, places = np.nonzero(said[:, active])
        columns = active[places]
        counts = np.ones(len(rows))
        for j, sure in soft.confidence.items():
            counts[columns == j] = np.asarray(sure, dtype=np.float64)[rows[columns == j]]
        a, wide = len(active), k > 2
        fading = 1 + (self.few_labels / n) ** 2
        vote_penalty = fading * self.vote_penalty / self._weighed.shares[active]
        other_penalty, balance_penalty = fading * self.other_penalty, fading * self.balance_penalty
        ends, unknowns = np.cumsum([1, c, a, k]), 1 + c + a + k + wide * a * k

        def found(x: Floats) -> _Found:
            delta, others = np.zeros(m), np.zeros((m, k))
            delta[active] = x[ends[1] : ends[2]]
            if wide:
                others[active] = x[ends[3] :].reshape(a, k)
            return _Found(float(x[0]), x[1 : ends[1]], delta, others, x[ends[2] : ends[3]])

        if unknowns <= MOST_UNKNOWNS and n * k * unknowns <= MOST_CELLS:
            B, every = np.zeros((n, k, unknowns)), np.arange(k)
            B[:, :, 0] = S
            for place, log in enumerate(logs, start=1):
                B[:, :, place] = log
            B[rows, L[rows, columns], ends[1] + places] = counts
            B[:, every, ends[2] + every] = 1
            for j in range(wide * k):
                B[rows, j, ends[3] + places * k + j] = counts
            sizes = np.full(1 + c, self.member_weight)
            sizes[0] = 1
            penalties = [np.full(1 + c, self.scale_penalty), vote_penalty, np.full(k, balance_penalty)]
            penalties.append(np.full(wide * a * k, other_penalty))
            x = newton(B, y, self._prior, sizes, np.concatenate(penalties), MOST_LOG)
            if x is not None:
                return found(x)
        from scipy.optimize import minimize
        from scipy.sparse import csr_array

        truth = np.eye(k)[y]
        own = csr_array((counts, (rows * k + L[rows, columns], places)), shape=(n * k, len(active)))
        any_vote = csr_array((counts, (rows, places)), shape=(n, len(active)))

        def loss(theta: Floats) -> tuple[float, Floats]:
            tau, (log_w, delta, bias), others = (
                theta[0],
                np.split(theta[1 : ends[3]], ends[1:3] - 1),
                theta[ends[3] :].reshape(-1, k),
            )
            scaled = [self.member_weight * np.exp(w) * log for w, log in zip(log_w, logs, strict=True)]
            Z = np.exp(tau) * S + sum(scaled, np.zeros((n, k))) + (own @ delta).reshape(n, k) + self._prior + bias
            if wide:
                Z += any_vote @ others
            P = softmax(Z)
            value = -np.log(np.maximum((P * truth).sum(axis=1), 1e-300)).sum()
            value += 0.5 * (
                self.scale_penalty * (tau**2 + (log_w**2).sum())
                + (vote_penalty * delta**2).sum()
                + balance_penalty * (bias**2).sum()
                + other_penalty * (others**2).sum()
            )
            D = P - truth
            parts = [
                [(D * np.exp(tau) * S).sum() + self.scale_penalty * tau],
                [(D * part).sum() for part in scaled] + self.scale_penalty * log_w,
                own.T @ np.ascontiguousarray(D).ravel() + vote_penalty * delta,
                D.sum(axis=0) + balance_penalty * bias,
            ]
            if wide:
                parts.append((any_vote.T @ D + other_penalty * others).ravel())
            return value, np.concatenate(parts)

        bounds = [(-MOST_LOG, MOST_LOG)] * (1 + c) + [(None, None)] * (unknowns - 1 - c)
        return found(
            minimize(loss, np.zeros(unknowns), jac=True, method="L-BFGS-B", bounds=bounds, options={"gtol": 1e-3}).x
        )

    def _keep(self, found: _Found) -> None:
        """Set what the model has learned."""
        weights = self.member_weight * np.exp(found.log_w)
        self._found = found
        self.weights_ = np.exp(found.tau) * self._weighed.base + found.delta
        self.others_ = found.others
        self.member_weights_ = dict(zip(self._members, weights, strict=False))
        self.instance_weight_ = float(weights[-1]) if self._instance is not None else 0.0
        self.bias_ = self._prior + found.bias

    def _votes_part(self, L: Votes, soft: Soft, found: _Found) -> Floats:
        """Return what votes and the bias add up to: float (n, k)."""
        weights, k = np.exp(found.tau) * self._weighed.base + found.delta, self.n_classes_
        if self.log_confusion_ is None and not found.others.any():
            Z = one_hot_sum(L, k, weights, soft.confidence)
        else:
            tables = weights[:, None, None] * np.eye(k) + found.others[:, None, :]
            if self.log_confusion_ is not None:
                tables += np.exp(found.tau) * self._weighed.shares[:, None, None] * by_vote(self.log_confusion_)
            Z = table_sum(L, tables, soft.confidence)
        Z += self._prior + found.bias
        return Z

    def _proba(self, L: Votes, soft: Soft) -> Floats:
        if self.n_classes_ != 2:
            return super()._proba(L, soft)
        P = np.empty((len(L), 2), order="F")
        self._set_two(L, soft, P)
        return P

    def _each_row(self, L: Votes, soft: Soft, what: Callable[[Votes, Soft], NDArray[Any]]) -> NDArray[Any]:
        if self.n_classes_ != 2 or what != self._proba or not soft.scores:
            return super()._each_row(L, soft, what)
        P = np.empty(
            (len(L), 2), order="F"
        )  # filled in place, with nothing between that is not in the processor's cache
        for rows in blocks(len(L)):
            self._set_two(L[rows], soft.rows(rows), P[rows])
        return P

    def _set_two(self, L: Votes, soft: Soft, P: Floats) -> None:
        """Set the probabilities of two classes, (n, 2)."""
        odds = self._odds_of_two(L, soft)
        with np.errstate(over="ignore"):  # infinite odds are a probability of 0
            np.exp(np.negative(odds, out=odds), out=odds)
        odds += 1
        np.reciprocal(odds, out=P[:, 1])
        np.subtract(1, P[:, 1], out=P[:, 0])
        P[_silent(L, soft)] = self._silent_proba()

    def _odds_of_two(self, L: Votes, soft: Soft) -> Floats:
        """Return the log-odds of the second of two classes, float (n,)."""
        if self.weights_.any() or self.others_.any() or self.log_confusion_ is not None:
            Z = self._votes_part(L, soft, self._found)
            odds = Z[:, 1] - Z[:, 0]
        else:
            odds = np.full(len(L), self.bias_[1] - self.bias_[0])
        said = [
            (soft.scores[member], weight) for member, weight in self.member_weights_.items() if member in soft.scores
        ]
        if soft.instance is not None:
            said.append((soft.instance, self.instance_weight_))
        for scores, weight in said:
            if weight:
                odds += np.multiply(_log_ratio(scores), weight, dtype=np.float64)
        return odds

    def _predict_proba(self, L: Votes, soft: Soft) -> Floats:
        return softmax(self._log_odds(L, soft))

    def _log_odds(self, L: Votes, soft: Soft) -> Floats:
        Z = self._votes_part(L, soft, self._found)
        for member, weight in self.member_weights_.items():
            if member in soft.scores and weight:
                Z += centred_log(soft.scores[member]) * weight
        if soft.instance is not None and self.instance_weight_:
            Z += centred_log(soft.instance) * self.instance_weight_
        return Z

    def _by_features(self, features: NDArray[np.floating[Any]]) -> Floats | None:
        if self._instance is None:
            return None
        wanted = self._instance.n_features
        if features.shape[1] != wanted:
            raise WeaklabError(f"features have {features.shape[1]} columns; this model was fitted on {wanted}")
        return self._instance.predict_proba(features)

    def _collapsed(self, L: Votes, soft: Soft, instance: Floats) -> bool:
        """Whether, with the member that looks at features, a class has under a quarter or over four times what the
        others give it.
        """
        S = self._sum_of_votes(L, soft, self._weighed)
        voted = np.flatnonzero((S[:, :1] != S).any(axis=1))
        without = self._log_odds(L, soft)[voted]
        before = softmax(without).sum(axis=0)
        after = softmax(without + self.instance_weight_ * centred_log(instance[voted])).sum(axis=0)
        classes = np.unique(row_argmax(S[voted]))  # what nobody votes for has nothing to lose
        before, after = before[classes], after[classes]
        return bool((after + 2 < before / COLLAPSE).any() or (after - 2 > COLLAPSE * before).any())

    def _contributions(self, L: Votes, soft: Soft) -> Floats:
        n, m = L.shape
        k = self.n_classes_
        parts = np.zeros((n, m + 2, k))
        for j in range(m):
            voted = np.flatnonzero(L[:, j] != ABSTAIN)
            sure = (
                np.asarray(soft.confidence[j], dtype=np.float64)[voted] if j in soft.confidence else np.ones(len(voted))
            )
            parts[voted, j, L[voted, j]] = self.weights_[j] * sure
            parts[voted, j] += sure[:, None] * self.others_[j]
            if self.log_confusion_ is not None:
                told = self.log_confusion_[j][:, L[voted, j]].T
                parts[voted, j] += np.exp(self._found.tau) * self._weighed.shares[j] * sure[:, None] * told
        for member, weight in self.member_weights_.items():
            if member in soft.scores:
                parts[:, member] += centred_log(soft.scores[member]) * weight
        if soft.instance is not None:
            parts[:, m] = centred_log(soft.instance) * self.instance_weight_
        parts[:, m + 1] = self.bias_
        return parts

    def _silent_proba(self) -> Floats:
        return np.asarray(softmax(self.bias_[None, :])[0])


def _voters(m: int, soft: Soft) -> NDArray[np.intp]:
    """Return the columns without scores."""
    return np.array([j for j in range(m) if j not in soft.scores], dtype=np.intp)


def _pairs(L: Votes, voters: NDArray[np.intp], k: int) -> Pairs:
    """Return how often voters vote, alone and together."""
    if len(voters):
        return Pairs.count(_of(L, voters), k)
    return Pairs(len(L), np.zeros((0, k)), np.zeros((0, 0)), np.zeros((0, 0)))


def _log_ratio(scores: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """Return what :func:`centred_log` says for the second of two classes less what it says for the first: (n,), float32
    stays so.
    """
    given = np.asarray(scores)
    given = given if given.dtype == np.float32 else given.astype(np.float64)
    ratio = np.maximum(given[:, 1], FLOOR)
    ratio /= np.maximum(given[:, 0], FLOOR)
    return np.asarray(np.log(ratio, out=ratio))


def _of(L: Votes, columns: NDArray[np.intp]) -> Votes:
    """Return some columns, the matrix itself where these are all."""
    return L if len(columns) == L.shape[1] else L[:, columns]


def _joined(parts: list[tuple[NDArray[np.int64], Votes, Soft]]) -> tuple[NDArray[np.int64], Votes, Soft]:
    """Put what was kept of several batches together; a vote without a confidence counts 1."""
    softs = [soft for _, _, soft in parts]
    scores = {j: np.concatenate([soft.scores[j] for soft in softs]) for j in softs[0].scores}
    sure = sorted({j for soft in softs for j in soft.confidence})
    confidence = {j: np.concatenate([soft.confidence.get(j, np.ones(len(L))) for _, L, soft in parts]) for j in sure}
    return (
        np.concatenate([codes for codes, _, _ in parts]),
        np.concatenate([L for _, L, _ in parts]),
        Soft(scores, confidence),
    )
