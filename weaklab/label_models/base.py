"""The interface of label models, and all that they have in common: checks, blocks of rows, rows without evidence."""

from __future__ import annotations

import abc
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError

from weaklab.core.codes import check_labels, labeled_rows, number_of_classes
from weaklab.core.errors import WeaklabError, warn
from weaklab.core.labels import ABSTAIN
from weaklab.core.registry import Registry
from weaklab.core.rows import confidence, is_tied, one_thread, row_argmax, row_max, row_sum
from weaklab.core.votes import Votes
from weaklab.label_models.old_arguments import renamed, takes_votes
from weaklab.label_models.row_by_row import each_row
from weaklab.label_models.vote_patterns import any_vote

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike, NDArray

    from weaklab.label_models.intervals import Intervals, WeightDraw

LABEL_MODELS: Registry[type[LabelModel]] = Registry(
    "label model", package="weaklab.label_models", group="weaklab.label_models"
)
"""Label models by name; register a class with ``@LABEL_MODELS.named("name")`` in a module of this package."""


class LabelModel(BaseEstimator, abc.ABC):  # type: ignore[misc]
    """Turns votes into class probabilities; a scikit-learn estimator.

    A subclass owes two methods:

    - ``_fit(votes, y)`` learns. ``votes`` is a checked :class:`~weaklab.core.votes.Votes`, ``y`` int (n,) with -1 where
      there is no manual label; ``n_classes_`` and ``class_balance_`` are set.
    - ``_proba(votes)`` returns float (n, k), not negative. Rows need not sum to 1. It may be called with some of the
      rows, so that what it returns for a row must depend on that row alone (else set ``by_rows = False``).

    This class does the rest: it checks what comes in, works in blocks of rows, normalises, gives rows without evidence
    the class balance, finds ties and confidences, and keeps the settings as scikit-learn wants them. One heuristic is
    enough, and no manual label is needed.

    More can be overridden, and need not be: ``_add`` for :meth:`partial_fit` (or derive from :class:`SumModel`),
    ``_contributions`` for :meth:`contributions`, ``_weight_draws`` for :meth:`predict_interval`, and for a model with a
    classifier of its own ``built_in_classifier`` and ``_feature_proba``.

    Parameters
    ----------
    n_classes : int, optional
        k, from 2 to 127; by default one more than the highest code in ``L`` and ``y``, at least 2.
    class_balance : (k,) floats, optional
        Share of each class. By default it is estimated from the manual labels, with one more label imagined for each
        class, and equal without them: learned from votes alone, it collapses to one class on real data.

    Attributes
    ----------
    n_classes_ : int, k
    n_features_in_ : int, m, the number of heuristics it was fitted on
    class_balance_ : float (k,), what a row without votes gets
    feature_proba_ : float (n, k) or None, what the built-in classifier says about the records that the model was fitted
        on, cross-fitted; None where there is none

    Examples
    --------
    A new label model, complete. With ``@LABEL_MODELS.named("trusted_vote")`` above it and in a module of
    ``weaklab.label_models``, or under the entry point of this name in another package, it is found by its name.

    >>> class TrustedVote(LabelModel):
    ...     '''Each vote counts one more than its heuristic has manual labels right.'''
    ...
    ...     def _fit(self, votes, y):
    ...         self.right_ = ((votes.L == y[:, None]) & (votes.L != ABSTAIN)).sum(axis=0)
    ...
    ...     def _proba(self, votes):
    ...         P = np.zeros((len(votes), self.n_classes_))
    ...         for j in range(votes.L.shape[1]):
    ...             rows = np.flatnonzero(votes.L[:, j] != ABSTAIN)
    ...             P[rows, votes.L[rows, j]] += (1 + self.right_[j]) * votes.confidence_of(j)[rows]
    ...         return P
    >>> model = TrustedVote().fit([[0, 1], [0, 1], [1, -1]], y=[0, 0, -1])
    >>> model.predict_proba([[0, 1], [-1, -1]]).tolist()
    [[0.75, 0.25], [0.75, 0.25]]
    >>> model.predict(Votes([[0, 1]], confidence={0: np.array([0.1])})).tolist()
    [1]
    """

    by_rows: bool = True
    """Whether what is said about a row depends on that row alone."""
    takes_confidence: bool = True
    """Whether a vote counts its confidence. A model that does not take it warns where some is given and counts every
    vote once."""
    adds_up: bool = False
    """Whether the model learns from sums over records, so that :meth:`partial_fit` works; True where ``_add`` is."""
    built_in_classifier: str | None = None
    """The name of the classifier that the model has of its own, which labels records by their features; its part stands
    behind the columns of ``L`` in :meth:`contributions`."""

    why: str = ""
    """Which kind of model was chosen from the votes, and by what evidence; empty where there is no choice."""
    feature_proba_: NDArray[np.float64] | None = None
    _fitted_on: Any = None
    """What draws of the weights need of the records that the model was fitted on; a copy does not have it."""
    _label_counts: NDArray[np.float64] | None = None

    instance_proba_ = renamed("instance_proba_", "feature_proba_")

    def __init_subclass__(cls, **settings: Any) -> None:
        super().__init_subclass__(**settings)
        cls.adds_up = cls._add is not LabelModel._add

    def __init__(self, n_classes: int | None = None, class_balance: ArrayLike | None = None) -> None:
        self.n_classes = n_classes
        self.class_balance = class_balance

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_fitted_on"}

    # ---- what a subclass owes

    @abc.abstractmethod
    def _fit(self, votes: Votes, y: NDArray[np.int64]) -> None:
        """Learn; ``votes`` and ``y`` are checked, ``n_classes_`` and ``class_balance_`` are set."""

    @abc.abstractmethod
    def _proba(self, votes: Votes) -> NDArray[np.floating[Any]]:
        """Return float (n, k), not negative; rows need not sum to 1, and a row of zeros gets the class balance."""

    # ---- what a subclass may override

    def _add(self, votes: Votes, y: NDArray[np.int64], first: bool) -> None:
        """Learn from one more batch, the first one or another; all is checked."""
        raise NotImplementedError

    def _contributions(self, votes: Votes) -> NDArray[np.floating[Any]]:
        """Return the parts of an additive model, (n, m + 1, k), or (n, m + 2, k) with a built-in classifier."""
        raise WeaklabError(
            f"{type(self).__name__} does not add up what its members say, so it cannot tell what each contributed; "
            "use the label model 'committee' to explain labels"
        )

    def _feature_proba(self, features: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]] | None:
        """Return what the built-in classifier says about new records, (n, k); None where there is none."""
        return None

    def _weight_draws(self, seed: int) -> Iterator[WeightDraw]:
        """Yield draws of the weights, for :meth:`predict_interval`."""
        raise WeaklabError(
            f"{type(self).__name__} does not say how uncertain its weights are, so it has no intervals; use the label "
            "model 'committee' for them"
        )

    def _proba_without_evidence(self) -> NDArray[np.float64]:
        """Return what a row without votes gets, float (k,)."""
        return self.class_balance_

    # ---- learning

    @takes_votes("y")
    def fit(self, votes: Votes | ArrayLike, y: ArrayLike | None = None) -> LabelModel:
        """Learn from votes, and from manual labels where there are any.

        Parameters
        ----------
        votes : :class:`~weaklab.core.votes.Votes`, or a label matrix int (n, m), -1 abstains
        y : int (n,), manual labels, -1 is unlabeled

        Raises
        ------
        WeaklabError
            A shape is wrong, a vote is none of the classes, or ``n_classes`` is more than 127.
        """
        self._fit_checked(votes, y)
        return self

    def _fit_checked(self, given: Votes | ArrayLike, y: ArrayLike | None) -> Votes:
        """Fit, and return the votes, checked."""
        votes = Votes.of(given, self.n_classes)
        codes = _codes(y, len(votes), self.n_classes)
        self.n_classes_ = int(self.n_classes or number_of_classes(votes.L, codes))
        self.n_features_in_ = votes.L.shape[1]
        self._label_counts = None
        self.class_balance_ = _class_shares(self.class_balance, _label_counts(codes, self.n_classes_))
        votes = self._soft_checked(votes, self.n_classes_)
        self._fit(votes if votes.feature_proba is None else replace(votes, feature_proba=None), codes)
        return votes

    @takes_votes("y")
    def partial_fit(self, votes: Votes | ArrayLike, y: ArrayLike | None = None) -> LabelModel:
        """Learn from more records; the outcome is that of :meth:`fit` on all batches together.

        Models that add up what they learn can do this: ``committee``, ``majority_vote``, ``coverage_vote``,
        ``weighted_vote`` and ``refinery``. Without ``n_classes`` the first batch decides how many there are.
        A batch that is refused leaves the model as it was.

        Parameters
        ----------
        votes, y : as in :meth:`fit`, of the records of this batch; the same columns have scores in every batch, and
            features are refused, because a classifier that looks at the records learns from all of them at once

        Raises
        ------
        WeaklabError
            The model learns from all records at once, or was fitted by :meth:`fit`; features are given; or as in
            :meth:`fit`.

        Examples
        --------
        >>> from weaklab.label_models import CommitteeModel
        >>> model = CommitteeModel(n_classes=2)
        >>> for batch in ([[0, 0, 1], [1, 1, 1]], [[0, 0, 0], [1, 1, -1]]):
        ...     model = model.partial_fit(batch)
        >>> model.predict([[1, 1, 0]]).tolist()
        [1]
        """
        first = self._label_counts is None
        self._check_adds_up(votes, first)
        k = self.n_classes if first else self.n_classes_
        found = Votes.of(votes, k)
        codes = _codes(y, len(found), k)
        if not first:
            self._check_width(found)
        k = int(k or number_of_classes(found.L, codes))
        found = self._soft_checked(found, k)
        before = self.__dict__.copy()
        try:
            self.n_classes_, self.n_features_in_ = k, found.L.shape[1]
            counted = _label_counts(codes, k)
            self._label_counts = counted if self._label_counts is None else self._label_counts + counted
            self.class_balance_ = _class_shares(self.class_balance, self._label_counts)
            self._add(found, codes, first)
        except BaseException:
            self.__dict__ = before
            raise
        return self

    def _check_adds_up(self, votes: Votes | ArrayLike, first: bool) -> None:
        """Raise a WeaklabError where ``partial_fit`` cannot be called on this model, or with these votes."""
        name = type(self).__name__
        if not self.adds_up:
            raise WeaklabError(
                f"{name} learns from all records at once; use fit(votes), or a model that adds up what it learns, such "
                "as 'committee'"
            )
        if isinstance(votes, Votes) and votes.features is not None:
            raise WeaklabError(
                "partial_fit takes no features, because a member that learns from them needs all records; use "
                "fit(votes)"
            )
        if first and hasattr(self, "class_balance_"):
            raise WeaklabError(
                f"this {name} was fitted by fit, which keeps nothing to add to; call partial_fit on a new one"
            )

    @takes_votes()
    def wants_features(self, votes: Votes | ArrayLike) -> bool:
        """Whether ``features`` would make a difference with these votes; to be asked before they are computed."""
        from weaklab.label_models.feature_member import can_teach

        return self.built_in_classifier is not None and can_teach(Votes.of(votes))

    # ---- predicting

    @takes_votes("y")
    def fit_predict_proba(self, votes: Votes | ArrayLike, y: ArrayLike | None = None) -> NDArray[np.float64]:
        """Fit, and return the class probabilities of these records, float (n, k).

        With ``features`` that is better than ``fit`` and then ``predict_proba``: what the built-in classifier says
        about a record then comes from one that has not learned from it (as in scikit-learn's
        ``TargetEncoder.fit_transform``).

        Parameters
        ----------
        votes, y : as in :meth:`fit`
        """
        checked = self._fit_checked(votes, y)
        votes = replace(checked, features=None, feature_proba=self.feature_proba_)
        return each_row(votes, self._finished, self.n_classes_, self.by_rows)

    @takes_votes()
    def predict_proba(self, votes: Votes | ArrayLike) -> NDArray[np.float64]:
        """Return class probabilities float (n, k); rows sum to 1.

        Parameters
        ----------
        votes : as in :meth:`fit`. Without features, votes and scores decide; ``feature_proba`` may take their place,
            which is ``feature_proba_`` for the records that the model was fitted on

        Raises
        ------
        NotFittedError
            ``fit`` comes first.
        """
        return each_row(self._checked(votes), self._finished, self.n_classes_, self.by_rows)

    @takes_votes()
    def predict(self, votes: Votes | ArrayLike) -> NDArray[np.int64]:
        """Return the most probable class of each row, int (n,); never -1, see :meth:`label_or_abstain`.

        Parameters
        ----------
        votes : as in :meth:`predict_proba`
        """
        checked = self._checked(votes)
        return each_row(checked, lambda rows: row_argmax(self._finished(rows)), self.n_classes_, self.by_rows)

    def predict_interval(
        self,
        votes: Votes | ArrayLike,
        level: float = 0.95,
        *,
        classes: ArrayLike | None = None,
        seed: int = 0,
    ) -> Intervals:
        """Return intervals of class probabilities: how far the model's weights are uncertain.

        They say what :meth:`predict_proba` could have said with other weights that votes and manual labels allow as
        well. They say nothing about how often labels are right, and nothing about what the model leaves out.

        Parameters
        ----------
        votes : as in :meth:`predict_proba`
        level : the share of an interval, between 0 and 1
        classes : int (n,), the class of each row whose interval is wanted; by default all
        seed : of the draws of the weights; the same one gives the same intervals

        Returns
        -------
        :class:`~weaklab.label_models.intervals.Intervals`, ``low`` and ``high``, float (n, k), or (n,) with ``classes``

        Raises
        ------
        WeaklabError
            This model has no intervals, or was copied without the votes that it was fitted on; ``level`` or ``classes``
            is wrong.

        Examples
        --------
        >>> from weaklab.label_models import CommitteeModel
        >>> L = [[0, 0, 1], [1, 1, 0], [0, 0, -1], [1, 1, 1], [0, -1, 0]] * 20
        >>> model = CommitteeModel().fit(L)
        >>> low, high = model.predict_interval([[0, 0, 1]])
        >>> bool(low[0, 0] < model.predict_proba([[0, 0, 1]])[0, 0] < high[0, 0])
        True
        """
        from weaklab.label_models.intervals import check_level, intervals

        share, checked = check_level(level), self._checked(votes)
        asked = None if classes is None else check_labels(classes, len(checked), self.n_classes_)
        if asked is not None and (asked == ABSTAIN).any():
            raise WeaklabError("classes must name a class for each row, and one is -1; leave it out for all classes")
        P, unknown = self.predict_proba(checked), rows_without_evidence(checked)
        with one_thread():
            return intervals(self._weight_draws(seed), checked, P, unknown, share, asked)

    @takes_votes("min_confidence")
    def label_or_abstain(
        self,
        votes: Votes | ArrayLike,
        min_confidence: float = 0.0,
        *,
        precision: float | None = None,
        audit: ArrayLike | None = None,
    ) -> NDArray[np.int64]:
        """Return the class of each row, int (n,), -1 where the best two are equally probable or confidence is too low.

        A row without votes on which scores and features say nothing gets -1, too, also where manual labels or
        ``class_balance`` tell that one class is more frequent. :meth:`predict` gives it the most frequent class.

        Parameters
        ----------
        votes : as in :meth:`predict_proba`
        min_confidence : 0 to 1, one minus the normalised entropy of the row, see :func:`confidence`
        precision : between 0 and 1, in the place of ``min_confidence``: at least this share of the labels is right,
            with 95 % confidence, see :func:`weaklab.core.thresholds.threshold_for`; where that cannot be promised there
            is no label, and a warning
        audit : int (n,), needed for ``precision``: the labels of a random sample of these rows that the model was not
            fitted on, -1 elsewhere

        Raises
        ------
        WeaklabError
            ``precision`` comes without ``audit`` or with ``min_confidence``, or one of them has a wrong shape or value.
        """
        if precision is None:
            checked = self._checked(votes)
            return each_row(
                checked,
                lambda rows: _labels(self._finished(rows), min_confidence, rows_without_evidence(rows)),
                self.n_classes_,
                self.by_rows,
            )
        if min_confidence:
            raise WeaklabError(
                f"precision={precision!r} chooses the confidence itself; leave min_confidence={min_confidence!r} out"
            )
        P = self.predict_proba(votes)
        return _labels(P, _audited_threshold(P, precision, audit), rows_without_evidence(self._checked(votes)))

    @takes_votes()
    def contributions(self, votes: Votes | ArrayLike) -> NDArray[np.float64]:
        """Return what each member adds to the log-probability of each class: float (n, m + 1, k).

        Along axis 1 stand the m columns of ``L``, the :attr:`built_in_classifier` if the model has one (m + 2 in all
        then), and last what every record gets. The softmax of their sum is :meth:`predict_proba`.

        Parameters
        ----------
        votes : as in :meth:`predict_proba`

        Raises
        ------
        WeaklabError
            This model does not add up what its members say, so no part of the sum is due to one of them.
        """
        checked = self._checked(votes)
        parts = np.array(self._contributions(checked), dtype=np.float64)
        empty = rows_without_evidence(checked)
        parts[empty, :-1] = 0
        parts[empty, -1] = np.log(np.maximum(self._proba_without_evidence(), 1e-300))
        return parts

    # ---- what every subclass gets

    def _finished(self, votes: Votes) -> NDArray[np.float64]:
        """Return what ``_proba`` says, with rows that sum to 1, and with rows without evidence."""
        P = np.array(self._proba(votes), dtype=np.float64, order="K")
        P[rows_without_evidence(votes)] = self._proba_without_evidence()
        np.maximum(P, 0, out=P)
        total = row_sum(P)
        undecided = np.flatnonzero(total == 0)
        if len(undecided):
            P[undecided] = self.class_balance_
            total[undecided] = row_sum(P[undecided])
        P /= total[:, None]
        return P

    def _checked(self, given: Votes | ArrayLike) -> Votes:
        """Return votes without features, what the built-in classifier makes of these in their place; or raise where
        they do not fit what the model was fitted on.
        """
        if not hasattr(self, "class_balance_"):
            raise NotFittedError(f"this {type(self).__name__} is not fitted yet; call fit(votes) first")
        votes = Votes.of(given, self.n_classes_)
        self._check_width(votes)
        votes = self._soft_checked(votes, self.n_classes_)
        if votes.features is None:
            return votes
        known = votes.feature_proba
        return replace(
            votes, features=None, feature_proba=self._feature_proba(votes.features) if known is None else known
        )

    def _soft_checked(self, votes: Votes, k: int) -> Votes:
        """Return votes with scores, confidence and features checked; a model that takes no confidence says so where
        some is below 1.
        """
        votes = votes.checked(k)
        if self.takes_confidence or not votes.confidence:
            return votes
        doubted = [j for j, sure in votes.confidence.items() if np.min(sure[votes.L[:, j] != ABSTAIN], initial=1) < 1]
        if doubted:
            warn(
                f"{type(self).__name__} takes no confidences: the votes of columns {doubted} count as much as any "
                "other; a label model such as 'committee' or 'dawid_skene' lets a vote count its confidence"
            )
        return replace(votes, confidence={})

    def _check_width(self, votes: Votes) -> None:
        m = votes.L.shape[1]
        if m != self.n_features_in_:
            raise WeaklabError(
                f"this {type(self).__name__} was fitted on {self.n_features_in_} heuristics, got {m}; fit it again"
            )


class SumModel(LabelModel):
    """A label model that learns from sums over records, so that :meth:`~LabelModel.partial_fit` works.

    A subclass owes ``_sums(votes, y)``, which returns arrays or numbers that may be added up over batches, and
    ``_learn(*sums)`` in the place of ``_fit``; and ``_proba`` as ever.
    """

    _so_far: tuple[Any, ...]

    @abc.abstractmethod
    def _sums(self, votes: Votes, y: NDArray[np.int64]) -> tuple[Any, ...]:
        """Return what this batch adds."""

    @abc.abstractmethod
    def _learn(self, *sums: Any) -> None:
        """Set what the model has learned from the sums over all records."""

    def _fit(self, votes: Votes, y: NDArray[np.int64]) -> None:
        self._learn(*self._sums(votes, y))

    def _add(self, votes: Votes, y: NDArray[np.int64], first: bool) -> None:
        found = self._sums(votes, y)
        self._so_far = found if first else tuple(a + b for a, b in zip(self._so_far, found, strict=True))
        self._learn(*self._so_far)


how_sure = confidence


def _labels(P: NDArray[np.float64], min_confidence: float, unknown: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the class of each row, int (n,), -1 where it is tied or too unsure and in the rows ``unknown``."""
    codes = np.where((how_sure(P) < min_confidence) | is_tied(P), ABSTAIN, row_argmax(P))
    codes[unknown] = ABSTAIN
    return codes


def _audited_threshold(P: NDArray[np.float64], precision: float, audit: ArrayLike | None) -> float:
    """Return the confidence from which labels are right with this precision, infinity where there is none."""
    from weaklab.core.thresholds import threshold_for

    if audit is None:
        raise WeaklabError(
            f"precision={precision!r} is a promise that only labels can back; give audit, the labels of a random "
            "sample of these rows which the model was not fitted on, -1 elsewhere"
        )
    y = check_labels(audit, len(P), P.shape[1])
    rows = np.flatnonzero((y != ABSTAIN) & ~is_tied(P))
    threshold = threshold_for(how_sure(P)[rows], P[rows].argmax(axis=1) == y[rows], precision)
    if not threshold.kept:
        warn(str(threshold))
    return threshold.min_confidence


def _class_shares(given: ArrayLike | None, counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the class balance that was given, or the shares of manual labels, one more imagined for each class."""
    if given is None:
        return np.asarray((counts + 1) / (counts + 1).sum())
    balance = np.asarray(given, dtype=np.float64)
    if balance.shape != counts.shape or not np.isfinite(balance).all() or (balance < 0).any() or balance.sum() <= 0:
        raise WeaklabError(f"class_balance must hold {len(counts)} shares, none negative, got {given!r}")
    return np.asarray(balance / balance.sum())


def _codes(y: ArrayLike | None, n: int, k: int | None) -> NDArray[np.int64]:
    """Return manual labels, checked: int (n,)."""
    return np.full(n, ABSTAIN) if y is None else check_labels(y, n, k)


def _label_counts(y: NDArray[np.int64], k: int) -> NDArray[np.float64]:
    """Return how many manual labels there are of each class, float (k,)."""
    return np.bincount(y[labeled_rows(y)], minlength=k).astype(np.float64)


def rows_without_evidence(votes: Votes) -> NDArray[np.int64]:
    """Return the rows without a vote on which no scores prefer a class to another: int (r,).

    >>> rows_without_evidence(Votes([[0, -1], [-1, -1]])).tolist()
    [1]
    """
    L = votes.L
    given = [*votes.scores.values(), *(() if votes.feature_proba is None else (votes.feature_proba,))]
    if not given:
        return np.flatnonzero(~any_vote(L))
    rows = np.flatnonzero(np.abs(given[0][:, 0] - given[0][:, 1]) <= 1e-6)  # few remain to be looked at closely
    rows = rows[~any_vote(L[rows])] if len(rows) else rows
    for score in given if len(rows) else ():
        rows = rows[row_max(score[rows]) + row_max(-score[rows]) <= 1e-6]
    return np.asarray(rows)
