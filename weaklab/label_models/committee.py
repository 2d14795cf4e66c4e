"""The default label model: votes that need no labels, members that learn stacked on top, and manual labels that correct both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.base import ABSTAIN, WeaklabError
from weaklab.label_models.base import LABEL_MODELS, LabelModel, Soft
from weaklab.label_models.hierarchical import HierarchicalDawidSkene, VoteList
from weaklab.label_models.instance import FLOOR, InstanceMember, centred_log
from weaklab.label_models.voters import Pairs, annotators, vote_shares, vote_weights
from weaklab.label_models.votes import one_hot_sum
from weaklab.label_models.weighted import unique_votes
from weaklab.rows import softmax

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from weaklab.label_models.base import Columns

    Floats = NDArray[np.float64]

VOTE_SCALE, CLASS_SCALE = 1.5, 0.3
"""A vote that nothing is known of adds 1.5 + 0.3 ln(k - 1) to its class: 82 % for a lone vote of two classes, 72 % of six."""
LEAST_TAUGHT = 10
"""From fewer records with votes than this, nothing is carried over to others."""
COLLAPSE = 4.0
"""A class that loses three quarters of its records has collapsed. Half is not enough: votes give a rare class twice its share."""
INSTANCE = "instance features"
"""What the member that looks at the records themselves is called."""


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
    """Votes weighted by what they tell of each other, corrected by manual labels, with members that learn stacked on top.

    P = softmax(Z), with

        Z_i = e^tau S_i + sum_c w_c (log f_c(i) - mean) + sum_j (d_j [L_ij = .] + [j votes on i] o_j) + b

    - S_i is the sum of the votes. A vote of member j counts :func:`vote_weights` times a constant, and copies of one another share
      one vote (:func:`vote_shares`); a vote with a confidence counts that share of it. Where most votes come from ten or more
      members that vote several classes each, as people do, S_i is that of :class:`HierarchicalDawidSkene`.
    - f_c are the scores of the members that have any, such as weak classifiers. These are weighted by w alone, their votes not
      counted a second time. With ``features`` there is one more: a cross-fitted classifier that learns from what the others say of
      all records (:class:`~weaklab.label_models.instance.InstanceMember`). It labels records that nobody votes on. If it leaves a
      class at under a quarter or over four times what the others gave it, with fewer than ``few_labels`` labels, it is dropped.
    - tau, w, d, o and b are found from the manual labels by penalised maximum likelihood. Without manual labels they keep their
      prior values: tau = 0, w = ``member_weight``, d = o = 0, and b = the log of the class balance if one is given, else equal
      classes. The penalties on d, o and b are (1 + (``few_labels`` / n)^2) times as strong with n labels: few labels say how far
      votes can be trusted before they say which.

    Everything is deterministic, and whatever is counted, is counted over the different rows of ``L``.

    Parameters
    ----------
    n_classes, class_balance : see :class:`LabelModel`
    vote_penalty : ridge penalty on d, how slowly labels change the weight of one member
    other_penalty : ridge penalty on o, what a member's voting says of other classes than the one it votes for; three classes or more
    scale_penalty : ridge penalty on tau and on the logarithms of w
    balance_penalty : ridge penalty on b
    few_labels : number of labels at which the penalties are twice as strong
    member_weight : prior weight of a member with scores

    Attributes
    ----------
    weights_ : float (m,), the log-odds that a vote of each member adds to its class, for annotators beside ``log_confusion_``
    others_ : float (m, k), what it adds to each class whatever it votes
    log_confusion_ : float (m, k, k) or None, what a vote of an annotator adds to each class
    member_weights_ : column -> float, for members with scores
    instance_weight_ : float, of the member that looks at the features, 0 if there is none
    instance_proba_ : float (n, k) or None, what that member says of the records that the model was fitted on, cross-fitted
    bias_ : float (k,)
    n_labels_ : int, manual labels that it was fitted on

    Notes
    -----
    The stacking follows the idea of Goh, Tkachenko and Mueller (2022), CROWDLAB, that a classifier's probabilities be
    weighted against the annotators' rather than counted as one more annotator.

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
    ) -> None:
        super().__init__(n_classes, class_balance)
        self.vote_penalty = vote_penalty
        self.other_penalty = other_penalty
        self.scale_penalty = scale_penalty
        self.balance_penalty = balance_penalty
        self.few_labels = few_labels
        self.member_weight = member_weight

    def _fit(self, L: NDArray[np.int64], y: NDArray[np.int64], soft: Soft) -> None:
        k, m = self.n_classes_, L.shape[1]
        self._members = sorted(soft.scores)
        self._look_at_votes(L, soft)
        self._prior = np.zeros(k) if self.class_balance is None else np.log(np.maximum(self.class_balance_, FLOOR))
        self.n_labels_ = int((y != ABSTAIN).sum())
        self._instance: InstanceMember | None = None
        S = self._sum_of_votes(L, soft)
        if soft.features is not None:
            self._instance = self._teach(L, y, S, soft)
        instance = None if self._instance is None else self._instance.proba_
        self._keep(self._solve(L, y, S, soft, instance), m)
        if instance is not None and self.n_labels_ < self.few_labels and self._collapsed(L, S, soft, instance):
            self._instance = None
            self._keep(self._solve(L, y, S, soft, None), m)
        self.instance_proba_ = None if self._instance is None else self._instance.proba_

    def _look_at_votes(self, L: NDArray[np.int64], soft: Soft) -> None:
        """Find what votes count before any manual label."""
        k, m = self.n_classes_, L.shape[1]
        voters = np.array([j for j in range(m) if j not in soft.scores], dtype=np.intp)
        self._base, self._shares = np.zeros(m), np.ones(m)
        self._annotators, self.log_confusion_ = np.zeros(0, dtype=np.intp), None
        if not len(voters) or not len(L):
            return
        rows, _, counts = unique_votes(L[:, voters], np.zeros(len(L), dtype=np.int64))
        pairs = Pairs.of(rows, counts, k)
        self._shares[voters] = vote_shares(pairs)
        people = voters[annotators(pairs)]
        if len(people):
            model = HierarchicalDawidSkene(n_classes=k).fit(L[:, people], confidence=self._shared(people, len(L), soft))
            self._annotators = people
            self.log_confusion_ = np.zeros((m, k, k))
            self.log_confusion_[people] = model.log_confusion_
        else:
            scale = VOTE_SCALE + CLASS_SCALE * np.log(max(k - 1, 1))
            self._base[voters] = scale * vote_weights(pairs) * self._shares[voters]

    def _shared(self, people: NDArray[np.intp], n: int, soft: Soft) -> dict[int, NDArray[np.floating[Any]]]:
        """Return how much each vote of an annotator counts where that is not 1, by place in ``people``."""
        found: dict[int, NDArray[np.floating[Any]]] = {}
        for place, j in enumerate(people.tolist()):
            if self._shares[j] < 1 or j in soft.confidence:
                found[place] = self._shares[j] * np.asarray(soft.confidence.get(j, np.ones(n)))
        return found

    def _sum_of_votes(self, L: NDArray[np.int64], soft: Soft) -> Floats:
        """Return S, float (n, k)."""
        S = one_hot_sum(L, self.n_classes_, self._base, soft.confidence)
        if self.log_confusion_ is not None:
            people = self._annotators
            votes = VoteList.of(L[:, people], self.n_classes_, self._shared(people, len(L), soft))
            S = S + votes.scores(self.log_confusion_[people])
        return S

    def wants_features(self, L: ArrayLike, scores: Columns | None = None) -> bool:
        """Whether enough records have votes of members without scores, and for more than one class, to teach another member."""
        votes = np.asarray(L)
        taught, codes = np.zeros(len(votes), dtype=bool), set()
        for j in range(votes.shape[1]):
            if j not in (scores or {}):
                voted = votes[:, j] != ABSTAIN
                taught |= voted
                said = votes[voted, j]
                codes |= {int(said.min()), int(said.max())} if len(said) else set()
            if len(codes) > 1 and np.count_nonzero(taught) >= LEAST_TAUGHT:
                return True
        return False

    def _teach(self, L: NDArray[np.int64], y: NDArray[np.int64], S: Floats, soft: Soft) -> InstanceMember | None:
        """Fit the member that looks at features to what the votes say; of a labeled record, to what they say without its label.

        None where there are too few votes, or all for one class.
        """
        assert soft.features is not None
        if not self.wants_features(L, soft.scores):
            return None
        votes = L.copy()
        votes[:, sorted(soft.scores)] = ABSTAIN  # these have learned from labels that are to be left out
        silent = Soft(confidence=soft.confidence)

        def soft_labels(rows: NDArray[np.int64], out: NDArray[np.bool_]) -> Floats:
            found = self._solve(votes, np.where(out, ABSTAIN, y), S, silent, None)
            return softmax(self._votes_part(votes[rows], S[rows], silent.rows(rows), found))

        voted = np.asarray((votes != ABSTAIN).any(axis=1), dtype=bool)
        return InstanceMember(soft.features, voted).fit(soft_labels, y, self.n_classes_)

    def _solve(self, L: NDArray[np.int64], y: NDArray[np.int64], S: Floats, soft: Soft, instance: Floats | None) -> _Found:
        """Minimise the penalised negative log-likelihood of the labeled rows."""
        from scipy.optimize import minimize
        from scipy.sparse import csr_array

        gold = np.flatnonzero(y != ABSTAIN)
        k, m, n = self.n_classes_, L.shape[1], len(gold)
        members = sorted(soft.scores)
        c = len(members) + (instance is not None)
        if not n:
            return _Found(0.0, np.zeros(c), np.zeros(m), np.zeros((m, k)), np.zeros(k))
        L, S, soft = L[gold], S[gold], soft.rows(gold)
        logs = [np.asarray(centred_log(soft.scores[j]), dtype=np.float64) for j in members]
        logs += [] if instance is None else [np.asarray(centred_log(instance[gold]), dtype=np.float64)]
        said = np.asarray(L != ABSTAIN)
        said[:, members] = False
        active = np.flatnonzero(said.any(axis=0))
        rows, places = np.nonzero(said[:, active])
        columns = active[places]
        counts = np.ones(len(rows))
        for j, sure in soft.confidence.items():
            counts[columns == j] = np.asarray(sure, dtype=np.float64)[rows[columns == j]]
        own = csr_array((counts, (rows * k + L[rows, columns], places)), shape=(n * k, len(active)))
        any_vote = csr_array((counts, (rows, places)), shape=(n, len(active)))
        a, wide = len(active), k > 2
        fading = 1 + (self.few_labels / n) ** 2
        vote_penalty = fading * self.vote_penalty / self._shares[active]
        other_penalty, balance_penalty = fading * self.other_penalty, fading * self.balance_penalty
        truth = np.eye(k)[y[gold]]
        ends = np.cumsum([1, c, a, k])

        def loss(theta: Floats) -> tuple[float, Floats]:
            tau, (log_w, delta, bias), others = theta[0], np.split(theta[1 : ends[3]], ends[1:3] - 1), theta[ends[3] :].reshape(-1, k)
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

        bounds = [(-3, 3)] * (1 + c) + [(None, None)] * (a + k + wide * a * k)
        start = np.zeros(len(bounds))
        x = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"gtol": 1e-3}).x
        delta, others = np.zeros(m), np.zeros((m, k))
        delta[active] = x[ends[1] : ends[2]]
        if wide:
            others[active] = x[ends[3] :].reshape(a, k)
        return _Found(float(x[0]), x[1 : ends[1]], delta, others, x[ends[2] : ends[3]])

    def _keep(self, found: _Found, m: int) -> None:
        """Set what the model has learned."""
        weights = self.member_weight * np.exp(found.log_w)
        self._found = found
        self.weights_ = np.exp(found.tau) * self._base + found.delta
        self.others_ = found.others
        self.member_weights_ = dict(zip(self._members, weights, strict=False))
        self.instance_weight_ = float(weights[-1]) if self._instance is not None else 0.0
        self.bias_ = self._prior + found.bias

    def _votes_part(self, L: NDArray[np.int64], S: Floats, soft: Soft, found: _Found) -> Floats:
        """Return what votes and the bias add up to: float (n, k)."""
        Z = np.exp(found.tau) * S + self._prior + found.bias
        if found.delta.any():
            Z += one_hot_sum(L, self.n_classes_, found.delta, soft.confidence)
        for j in np.flatnonzero(found.others.any(axis=1)).tolist():
            voted = np.flatnonzero(L[:, j] != ABSTAIN)
            sure = np.asarray(soft.confidence[j])[voted, None] if j in soft.confidence else 1.0
            Z[voted] += sure * found.others[j]
        return np.asarray(Z)

    def _predict_proba(self, L: NDArray[np.int64], soft: Soft) -> Floats:
        return softmax(self._log_odds(L, soft))

    def _log_odds(self, L: NDArray[np.int64], soft: Soft) -> Floats:
        Z = self._votes_part(L, self._sum_of_votes(L, soft), soft, self._found)
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

    def _collapsed(self, L: NDArray[np.int64], S: Floats, soft: Soft, instance: Floats) -> bool:
        """Whether, with the member that looks at features, a class has under a quarter or over four times what the others give it."""
        voted = np.flatnonzero((S[:, :1] != S).any(axis=1))
        without = self._log_odds(L, soft)[voted]
        before = softmax(without).sum(axis=0)
        after = softmax(without + self.instance_weight_ * centred_log(instance[voted])).sum(axis=0)
        there = S[voted].argmax(axis=1)
        classes = np.unique(there)  # what nobody votes for has nothing to lose
        before, after = before[classes], after[classes]
        return bool((after + 2 < before / COLLAPSE).any() or (after - 2 > COLLAPSE * before).any())

    def _contributions(self, L: NDArray[np.int64], soft: Soft) -> Floats:
        n, m = L.shape
        k = self.n_classes_
        parts = np.zeros((n, m + 2, k))
        for j in range(m):
            voted = np.flatnonzero(L[:, j] != ABSTAIN)
            sure = np.asarray(soft.confidence[j], dtype=np.float64)[voted] if j in soft.confidence else np.ones(len(voted))
            parts[voted, j, L[voted, j]] = self.weights_[j] * sure
            parts[voted, j] += sure[:, None] * self.others_[j]
            if self.log_confusion_ is not None:
                told = self.log_confusion_[j][:, L[voted, j]].T
                parts[voted, j] += np.exp(self._found.tau) * self._shares[j] * sure[:, None] * told
        for member, weight in self.member_weights_.items():
            if member in soft.scores:
                parts[:, member] += centred_log(soft.scores[member]) * weight
        if soft.instance is not None:
            parts[:, m] = centred_log(soft.instance) * self.instance_weight_
        parts[:, m + 1] = self.bias_
        return parts

    def _silent_proba(self) -> Floats:
        return np.asarray(softmax(self.bias_[None, :])[0])
