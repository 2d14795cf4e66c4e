"""The default label model: votes weighted without labels, classifiers stacked on top, manual labels correct both."""

from __future__ import annotations

from dataclasses import dataclass, replace
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.core.codes import labeled_rows
from weaklab.core.errors import WeaklabError
from weaklab.core.labels import ABSTAIN
from weaklab.core.rows import row_argmax, softmax
from weaklab.core.tables import counted
from weaklab.core.votes import Votes
from weaklab.label_models.base import LABEL_MODELS, LabelModel, rows_without_evidence
from weaklab.label_models.corrections import Corrections, LabeledRows, Penalties
from weaklab.label_models.counting import one_hot_sum, table_sum
from weaklab.label_models.feature_member import FLOOR, FeatureMember, can_teach, centred_log, of_columns
from weaklab.label_models.hierarchical import two_sided
from weaklab.label_models.label_taught import enough_labels
from weaklab.label_models.old_arguments import renamed
from weaklab.label_models.vote_list import by_vote
from weaklab.label_models.vote_patterns import any_vote, in_sample, sample_rows
from weaklab.label_models.vote_weights import Pairs
from weaklab.label_models.weighing import (
    MOST_ROUNDS,
    SUBSAMPLE,
    Weighed,
    error_of_sample,
    pairs_of,
    share_of_annotators,
    weigh,
    why_functions,
    why_people,
)
from weaklab.label_models.weight_draws import Known, draw_weights

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike, NDArray

    from weaklab.label_models.intervals import WeightDraw

    Floats = NDArray[np.float64]

COLLAPSE = 4.0
"""A class that loses three quarters of its records has collapsed. Half is not enough: votes give a rare class twice its
share."""
CALIBRATED_PENALTY = 8.0
"""Ridge penalty on the logarithm of the weight of a member whose scores are calibrated: a few labels of hard records
must not change much what is sure."""
FEATURES = "instance features"
"""The name of the classifier that looks at the records themselves."""

MOST_ROWS = 200_000
"""Votes are counted on about this many rows, unless ``max_rows`` says otherwise: no share is off by more than 0.25 %
then, at 95 %."""
FREE, STIFF = 0.6, 2.0
"""Limits of the words for how far labels change weights: the usual stiffness of corrections is 1."""


@dataclass(frozen=True)
class _FittedOn:
    """What the model was fitted on, for draws of its weights: votes as they were counted, those that annotators were
    learned from, and rows with a manual label.
    """

    pairs: Pairs
    sample: Votes
    labeled: Votes
    y: NDArray[np.int64]


@dataclass(frozen=True)
class _Batches:
    """What is kept of the batches of ``partial_fit``: counts of all rows, those that annotators are judged by, and the
    labeled ones.
    """

    pairs: Pairs
    sample: tuple[NDArray[np.int64], Votes]
    labeled: tuple[NDArray[np.int64], Votes]


@LABEL_MODELS.named("committee")
class CommitteeModel(LabelModel):
    """Votes weighted by agreement, contradiction and duplication, classifiers on top; manual labels correct both.

    P = softmax(Z), with::

        Z_i = e^tau S_i + sum_c w_c (log f_c(i) - mean) + sum_j (d_j [L_ij = .] + [j votes on i] o_j) + b

    - S_i is the sum of the votes. A member that votes several classes, as people do, is an annotator: a vote of it
      counts as the hierarchy of :class:`HierarchicalDawidSkene` says. A vote of a function for one class counts
      :func:`vote_weights` times a constant. What lies between is partly both, see
      :func:`~weaklab.label_models.hierarchical.two_sided`. Copies of one another share one vote (:func:`vote_shares`);
      a vote with a confidence counts that share of it.
    - f_c are the scores of the members that have any, such as weak classifiers. These are weighted by w alone, their
      votes not counted a second time. Those of ``votes.calibrated``, such as the consensus of a crowd, have w = 1
      before any label, and labels change it four times as slowly. With ``features`` there is one more: a cross-fitted
      classifier that learns from what the others say of all records
      (:class:`~weaklab.label_models.feature_member.FeatureMember`). It labels records that nobody votes on. With
      sentence vectors, manual labels alone teach a part of it, or all where votes teach nothing. If it leaves a class
      at under a quarter or over four times what the others gave it, with fewer than half of ``few_labels`` labels,
      it is dropped.
    - tau, w, d, o and b are found from the manual labels by penalised maximum likelihood. Without manual labels they
      keep their prior values: tau = 0, w = ``member_weight`` or 1, d = o = 0, and b = the log of the class balance if
      one is given. Where annotators show the class balance, b is half of its log: it finds more records of a rare class
      than all of it would, and is right less often. The penalties on d, o and b are (1 + (``few_labels`` / n)^2) times
      as strong with n labels: few labels say how far votes can be trusted before they say which. They are multiplied by
      0.3 to 10, too: the outcome is the mean over these, weighted by how probable each makes the labels
      (:class:`~weaklab.label_models.corrections.LabeledRows`), so that labels that say nothing new change little.

    Everything is deterministic. Beyond ``max_rows`` rows, votes are counted on a random sample of them, always the same
    one, and with more than 200,000 votes the confusion matrices of annotators are learned from about 4,000 each;
    ``sample_error_`` estimates what that costs. Manual labels are always used in full. :meth:`partial_fit` counts the
    votes of every row.

    Parameters
    ----------
    n_classes, class_balance : see :class:`LabelModel`
    vote_penalty : ridge penalty on d, how slowly labels change the weight of one member
    other_penalty : ridge penalty on o, what a member's voting says of other classes than the one it votes for; three
        classes or more
    scale_penalty : ridge penalty on tau and on the logarithms of w
    balance_penalty : ridge penalty on b
    few_labels : number of labels at which the penalties are twice as strong
    member_weight : prior weight of a member with scores that are not calibrated
    max_rows : about this many rows are used to compare votes with each other, None for all

    Attributes
    ----------
    weights_ : float (m,), the log-odds that a vote of each member adds to its class, for annotators beside
        ``log_confusion_``
    others_ : float (m, k), what it adds to each class whatever it votes
    log_confusion_ : float (m, k, k) or None, what a vote of an annotator adds to each class
    member_weights_ : column -> float, for members with scores
    feature_weight_ : float, of the classifier that looks at the features, 0 if there is none
    feature_proba_ : float (n, k) or None, what that classifier says about the records that the model was fitted on,
        cross-fitted
    bias_ : float (k,)
    why : str, which kind of model was chosen from the votes, and by what evidence
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

    >>> from weaklab import Votes
    >>> angle = np.linspace(0, 1.5, 40)
    >>> X = np.column_stack([np.cos(angle), np.sin(angle)])
    >>> L = np.where(np.arange(40)[:, None] % 4 == 0, [[0, -1]] * 20 + [[-1, 1]] * 20, -1)
    >>> CommitteeModel().fit_predict_proba(Votes(L, features=X))[[1, 38]].argmax(axis=1).tolist()
    [0, 1]
    """

    built_in_classifier = FEATURES
    instance_weight_ = renamed("instance_weight_", "feature_weight_")

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

    def _fit(self, votes: Votes, y: NDArray[np.int64]) -> None:
        self._batches: _Batches | None = None
        seen, n, voters = replace(votes, features=None), len(votes), votes.without_scores
        most = _row_limit(self.max_rows)
        counted = 1.0 if n <= most or not len(voters) else most / n
        rows = sample_rows(n, counted) if counted < 1 else None
        sample = seen if rows is None else seen.take(rows)
        self._look_at_votes(pairs_of(sample.L, voters, self.n_classes_), rows, sample, counted, n)
        gold = labeled_rows(y)
        self._begin(sorted(votes.scores), len(gold))
        looked = votes.features is not None and self._look_at_records(
            replace(seen, sentence=votes.sentence), y, votes.features
        )
        if not looked:
            self._keep(seen.take(gold), y[gold])

    def _begin(self, members: list[int], n_labels: int) -> None:
        """Set what is known before manual labels correct what votes say."""
        self._members, self.feature_proba_ = members, None
        self._classifier: FeatureMember | None = None
        self._prior = self._weighed.log_balance
        self.n_labels_ = n_labels

    def _look_at_records(self, votes: Votes, y: NDArray[np.int64], features: NDArray[np.floating[Any]]) -> bool:
        """Learn with the classifier that looks at features; False if nothing teaches it or a class disappears."""
        classifier = self._teach(votes, y, features)
        if classifier is None:
            return False
        gold = labeled_rows(y)
        self._classifier, self.feature_proba_ = classifier, classifier.proba_
        self._keep(replace(votes, feature_proba=classifier.proba_).take(gold), y[gold])
        if self.n_labels_ < self.few_labels / 2 and self._collapsed(votes, classifier.proba_):
            self._classifier = self.feature_proba_ = None
            return False
        return True

    def _add(self, votes: Votes, y: NDArray[np.int64], first: bool) -> None:
        if not first and sorted(votes.scores) != self._members:
            raise WeaklabError(
                f"columns {sorted(votes.scores)} have scores in this batch, and {self._members} before; give the same "
                "ones"
            )
        _row_limit(self.max_rows)
        gold = labeled_rows(y)
        pairs = pairs_of(votes.L, votes.without_scores, self.n_classes_)
        before = None if first else self._batches
        n = 0 if before is None else before.pairs.n
        pairs = pairs if before is None else before.pairs + pairs
        rows, labeled = (np.arange(n, n + len(votes)), votes), (y[gold], votes.take(gold))
        numbers, known = rows if before is None else _joined([before.sample, rows])
        chosen = np.flatnonzero(in_sample(numbers, share_of_annotators(pairs, self.max_rows)))
        sample = numbers[chosen], known.take(chosen)
        self._batches = _Batches(pairs, sample, labeled if before is None else _joined([before.labeled, labeled]))
        self._look_at_votes(pairs, *sample, 1.0, pairs.n)
        codes, known = self._batches.labeled
        self._begin(sorted(votes.scores), len(codes))
        self._keep(known, codes)

    def _look_at_votes(
        self, pairs: Pairs, numbers: NDArray[np.int64] | None, votes: Votes, counted: float, n: int
    ) -> None:
        """Find what votes count before any manual label.

        ``numbers`` says which of n rows those of the votes are, None for all; ``pairs`` was counted on a share of them
        all.
        """
        voters = votes.without_scores
        people = bool(two_sided(pairs.votes).any())
        share = counted * share_of_annotators(pairs, self.max_rows) if people else counted

        def weighed(pairs: Pairs, share: float, rounds: int) -> tuple[Weighed, Votes]:
            sample = votes
            if people:
                rows = sample_rows(n, share) if numbers is None else np.flatnonzero(in_sample(numbers, share))
                sample = votes if len(rows) == len(votes) else votes.take(rows)
            return weigh(pairs, sample, rounds, self._given_balance(), self.n_classes_), sample

        found, sample = weighed(pairs, share, MOST_ROUNDS)
        self.fit_rows_, self.sample_error_ = len(sample) if people else pairs.n, 0.0
        self._weighed, self.log_confusion_ = found, found.log_confusion
        self._fitted_on = _FittedOn(pairs, sample, votes.take(slice(0)), np.zeros(0, dtype=np.int64))
        if share < 1:
            # A quarter of the sample is fitted in the same way: how far it is off says how far the sample is off.
            if counted < 1 and numbers is not None:
                part_rows = votes.L[in_sample(numbers, counted / SUBSAMPLE)]
                pairs = Pairs.count(of_columns(part_rows, voters), self.n_classes_)
            part = weighed(pairs, share / SUBSAMPLE, found.rounds)[0]  # no more rounds: few rows may go on for long
            self.sample_error_ = error_of_sample(found, part, sample, self.fit_rows_ / max(n, 1))

    def _given_balance(self) -> Floats | None:
        return None if self.class_balance is None else np.maximum(self.class_balance_, FLOOR)

    def _teach(self, votes: Votes, y: NDArray[np.int64], features: NDArray[np.floating[Any]]) -> FeatureMember | None:
        """Fit the classifier that looks at features to what the votes say about all records.

        For a labeled record that is what they say without its label: else the classifier would be too sure of records
        that it is judged by. None where there are too few votes, or all for one class. What votes say is corrected by
        labels of records that were not picked for it.
        """
        use = any_vote(of_columns(votes.L, votes.not_learned))
        if not can_teach(votes):
            if not votes.sentence or not enough_labels(y):
                return None
            return FeatureMember(features, use, votes.sentence).fit(None, y, self.n_classes_)
        kept = {j: scores for j, scores in votes.scores.items() if j in votes.calibrated}
        learned = sorted(votes.scores.keys() - kept.keys())

        def plain_votes(rows: NDArray[np.int64]) -> Votes:
            chosen = replace(votes, scores=kept).take(rows)
            chosen.L[:, learned] = ABSTAIN  # a copy; these members have learned from labels that are to be left out
            return chosen

        # Picked records are those on which votes and features contradict each other: there votes are wrong more often.
        fair = np.flatnonzero(y != ABSTAIN if votes.picked is None else (y != ABSTAIN) & ~votes.picked)
        whole = self._solve(plain_votes(fair), y[fair])

        def soft_labels(rows: NDArray[np.int64], out: NDArray[np.bool_]) -> Floats:
            inside = fair[~out[fair]]
            found = whole if len(inside) == len(fair) else self._solve(plain_votes(inside), y[inside], whole)
            said = plain_votes(rows)
            return softmax(self._votes_part(said, found) + _scores_part(said, found))

        return FeatureMember(features, use, votes.sentence).fit(soft_labels, y, self.n_classes_)

    def _solve(self, votes: Votes, y: NDArray[np.int64], like: Corrections | None = None) -> Corrections:
        """Return what the labels of rows correct, as stiff as ``like`` if that is given."""
        if not len(y):
            c = len(votes.scores) + (votes.feature_proba is not None)
            return Corrections.none(c, votes.L.shape[1], self.n_classes_)
        # Few labels say how far votes can be trusted (one number, tau) before they say which (one number a member).
        rows = self._labeled_rows(votes, y, 1 + (self.few_labels / len(y)) ** 2)
        return rows.corrected() if like is None else rows.as_stiff_as(like)

    def _labeled_rows(self, votes: Votes, y: NDArray[np.int64], fading: float) -> LabeledRows:
        """Return labeled rows, with penalties on d, o and b that are ``fading`` times as strong as with many labels."""
        k, members = self.n_classes_, sorted(votes.scores)
        scores = [votes.scores[j] for j in members]
        own = votes.feature_proba is not None
        scores += [votes.feature_proba] if votes.feature_proba is not None else []
        # A member with scores is weighted by these alone, so that its vote is not counted a second time.
        L = votes.L.copy()
        L[:, members] = ABSTAIN
        weights, calibrated = (
            _prior_weights(votes, self.member_weight),
            [j in votes.calibrated for j in [*members, *([-1] * own)]],
        )
        penalties = Penalties(
            self.scale_penalty,
            fading * self.vote_penalty,
            fading * self.other_penalty,
            fading * self.balance_penalty,
            np.where(calibrated, CALIBRATED_PENALTY, self.scale_penalty),
            weights,
        )
        S, logs = self._weighed.sum_of_votes(votes, k), [np.asarray(centred_log(f), dtype=np.float64) for f in scores]
        return LabeledRows(L, y, S, self._prior, logs, votes.confidence, self._weighed.shares, penalties)

    def _weight_draws(self, seed: int) -> Iterator[WeightDraw]:
        seen, weighed, given = self._fitted_on, self._weighed, self._given_balance()
        if seen is None:
            raise WeaklabError(
                "this CommitteeModel is a copy without the votes that it was fitted on, so it has no intervals; fit it "
                "again, or ask the model that it was copied from"
            )
        rows, annotators = self._labeled_rows(seen.labeled, seen.y, 1.0), None
        if weighed.learned is not None:
            annotators = weighed.search(seen.pairs, seen.sample, given), weighed.learned
        known = Known(weighed.base, weighed.shares, weighed.sides, rows, given, annotators, self._members)
        return draw_weights(known, seed)

    def _keep(self, votes: Votes, y: NDArray[np.int64]) -> None:
        """Set what the model learns from labeled rows."""
        found = self._solve(votes, y)
        self._fitted_on = replace(self._fitted_on, labeled=votes, y=y)
        weights = _prior_weights(votes, self.member_weight) * np.exp(found.log_w)
        self._found = found
        self.weights_ = np.exp(found.tau) * self._weighed.base + found.delta
        self.others_ = found.others
        self.member_weights_ = dict(zip(self._members, weights, strict=False))
        self.feature_weight_ = float(weights[-1]) if self._classifier is not None else 0.0
        self.bias_ = self._prior + found.bias

    @property
    def why(self) -> str:  # type: ignore[override]
        """Which kind of model was chosen from the votes, and by what evidence."""
        weighed = self._weighed
        if weighed.learned is None:
            said = [why_functions(weighed.voting, len(self._members))]
        else:
            said = [why_people(weighed.sides, weighed.voting, weighed.learned)]
        if self.n_labels_:
            said.append(
                f"{counted(self.n_labels_, 'manual label')} then changed these weights "
                f"{_how_far(self._found.stiffness)}"
            )
        return "; ".join(said)

    # ---- predicting

    def _proba(self, votes: Votes) -> Floats:
        return self._proba_of_two(votes) if self.n_classes_ == 2 else softmax(self._log_odds(votes))

    def _finished(self, votes: Votes) -> Floats:
        if self.n_classes_ != 2:
            return super()._finished(votes)
        P = self._proba_of_two(votes)  # a new array, whose rows sum to 1: nothing is left to do but this
        P[rows_without_evidence(votes)] = self._proba_without_evidence()
        return P

    def _log_odds(self, votes: Votes) -> Floats:
        Z = self._votes_part(votes, self._found)
        for scores, weight in self._weighted_scores(votes):
            Z += centred_log(scores) * weight
        return Z

    def _votes_part(self, votes: Votes, found: Corrections) -> Floats:
        """Return what votes and the bias add up to: float (n, k)."""
        weights, k = np.exp(found.tau) * self._weighed.base + found.delta, self.n_classes_
        if self.log_confusion_ is None and not found.others.any():
            Z = one_hot_sum(votes.L, k, weights, votes.confidence)
        else:
            tables = weights[:, None, None] * np.eye(k) + found.others[:, None, :]
            if self.log_confusion_ is not None:
                tables += np.exp(found.tau) * self._weighed.shares[:, None, None] * by_vote(self.log_confusion_)
            Z = table_sum(votes.L, tables, votes.confidence)
        Z += self._prior + found.bias
        return Z

    def _weighted_scores(self, votes: Votes) -> list[tuple[NDArray[np.floating[Any]], float]]:
        """Return the scores of each member and of the built-in classifier, (n, k), and what they are weighted by."""
        said = [(votes.scores[j], weight) for j, weight in self.member_weights_.items() if j in votes.scores]
        if votes.feature_proba is not None:
            said.append((votes.feature_proba, self.feature_weight_))
        return [(scores, weight) for scores, weight in said if weight]

    def _proba_of_two(self, votes: Votes) -> Floats:
        """Return probabilities of two classes, (n, 2), from the log-odds of the second one: half of the arithmetic."""
        odds = self._odds_of_two(votes)
        P = np.empty((len(votes), 2), order="F")
        with np.errstate(over="ignore"):  # infinite odds are a probability of 0
            np.exp(np.negative(odds, out=odds), out=odds)
        odds += 1
        np.reciprocal(odds, out=P[:, 1])
        np.subtract(1, P[:, 1], out=P[:, 0])
        return P

    def _odds_of_two(self, votes: Votes) -> Floats:
        """Return the log-odds of the second of two classes, float (n,)."""
        if self.weights_.any() or self.others_.any() or self.log_confusion_ is not None:
            Z = self._votes_part(votes, self._found)
            odds = Z[:, 1] - Z[:, 0]
        else:
            odds = np.full(len(votes), self.bias_[1] - self.bias_[0])
        for scores, weight in self._weighted_scores(votes):
            odds += np.multiply(_log_ratio(scores), weight, dtype=np.float64)
        return odds

    @property
    def features_used_(self) -> str | None:
        """What the classifier that looks at features uses, words, sentences or both; None without one."""
        return None if self._classifier is None else self._classifier.used_

    def _feature_proba(self, features: NDArray[np.floating[Any]]) -> Floats | None:
        if self._classifier is None:
            return None
        wanted = self._classifier.n_features
        if features.shape[1] != wanted:
            raise WeaklabError(f"features have {features.shape[1]} columns; this model was fitted on {wanted}")
        return self._classifier.predict_proba(features)

    def _collapsed(self, votes: Votes, feature_proba: Floats) -> bool:
        """Whether, with the built-in classifier, a class has under a quarter or over four times what it had without."""
        S = self._weighed.sum_of_votes(votes, self.n_classes_)
        for j in sorted(votes.scores.keys() & set(votes.calibrated)):
            S = S + centred_log(votes.scores[j])
        voted = np.flatnonzero((S[:, :1] != S).any(axis=1))
        without = self._log_odds(votes)[voted]
        before = softmax(without).sum(axis=0)
        after = softmax(without + self.feature_weight_ * centred_log(feature_proba[voted])).sum(axis=0)
        classes = np.unique(row_argmax(S[voted]))  # a class without votes has nothing to lose
        before, after = before[classes], after[classes]
        return bool((after + 2 < before / COLLAPSE).any() or (after - 2 > COLLAPSE * before).any())

    def _contributions(self, votes: Votes) -> Floats:
        L, k = votes.L, self.n_classes_
        n, m = L.shape
        parts = np.zeros((n, m + 2, k))
        for j in range(m):
            voted = np.flatnonzero(L[:, j] != ABSTAIN)
            sure = votes.confidence_of(j)[voted]
            parts[voted, j, L[voted, j]] = self.weights_[j] * sure
            parts[voted, j] += sure[:, None] * self.others_[j]
            if self.log_confusion_ is not None:
                said = self.log_confusion_[j][:, L[voted, j]].T
                parts[voted, j] += np.exp(self._found.tau) * self._weighed.shares[j] * sure[:, None] * said
        for member, weight in self.member_weights_.items():
            if member in votes.scores:
                parts[:, member] += centred_log(votes.scores[member]) * weight
        if votes.feature_proba is not None:
            parts[:, m] = centred_log(votes.feature_proba) * self.feature_weight_
        parts[:, m + 1] = self.bias_
        return parts

    def _proba_without_evidence(self) -> Floats:
        # A balance that is given holds for records that nobody votes on, whatever is learned of the others.
        given = self._given_balance()
        bias = self.bias_ if given is None else np.log(given) + self._found.bias
        return np.asarray(softmax(bias[None, :])[0])


def _prior_weights(votes: Votes, of_classifier: float) -> Floats:
    """Return what the members with scores, and the built-in classifier after them, count before any label."""
    calibrated = [j in votes.calibrated for j in sorted(votes.scores)]
    return np.where([*calibrated, *([] if votes.feature_proba is None else [False])], 1.0, of_classifier)


def _scores_part(votes: Votes, found: Corrections) -> Floats:
    """Return what members add whose scores are all calibrated, float (n, k)."""
    Z = np.zeros((len(votes), len(found.bias)))
    for j, log_w in zip(sorted(votes.scores), found.log_w.tolist(), strict=False):
        Z += np.exp(log_w) * centred_log(votes.scores[j])
    return Z


def _row_limit(max_rows: Any) -> float:
    """Return on how many rows votes are counted at most, infinity for all."""
    if max_rows is None:
        return np.inf
    if not isinstance(max_rows, Integral) or max_rows < 1:
        raise WeaklabError(f"max_rows must be a whole number of rows, 1 or more, or None for all, got {max_rows!r}")
    return float(int(max_rows))


def _log_ratio(scores: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """Return what :func:`centred_log` says for the second of two classes less what it says for the first: (n,), float32
    stays so.
    """
    given = np.asarray(scores)
    given = given if given.dtype == np.float32 else given.astype(np.float64)
    ratio = np.maximum(given[:, 1], FLOOR)
    ratio /= np.maximum(given[:, 0], FLOOR)
    return np.asarray(np.log(ratio, out=ratio))


def _joined(parts: list[tuple[NDArray[np.int64], Votes]]) -> tuple[NDArray[np.int64], Votes]:
    """Put what was kept of several batches together; a vote without a confidence counts 1."""
    kept = [votes for _, votes in parts]
    sure = sorted({j for votes in kept for j in votes.confidence})
    scores = {j: np.concatenate([votes.scores[j] for votes in kept]) for j in kept[0].scores}
    confidence = {j: np.concatenate([votes.confidence_of(j) for votes in kept]) for j in sure}
    calibrated = kept[0].calibrated
    L = np.concatenate([votes.L for votes in kept])
    return np.concatenate([codes for codes, _ in parts]), Votes(L, scores, confidence, calibrated=calibrated)


def _how_far(stiffness: float) -> str:
    """Say how far labels changed the weights of members.

    >>> _how_far(0.3), _how_far(1.0), _how_far(2.5)
    ('a lot', 'moderately', 'a little')
    """
    return "a lot" if stiffness < FREE else "moderately" if stiffness < STIFF else "a little"
