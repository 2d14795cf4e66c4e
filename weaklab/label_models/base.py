"""What every label model has in common: the interface, the checks, and the promises that hold for all of them."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError

from weaklab.core.errors import WeaklabError, warn
from weaklab.core.labels import ABSTAIN, MAX_CLASSES
from weaklab.core.registry import Registry
from weaklab.core.rows import BLOCK, blocks, confidence, is_tied, row_argmax, row_max, row_sum
from weaklab.label_models.vote_patterns import MOST_NUMBERS, all_rows, any_vote, compiled, group_rows, plain, repeats

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    Votes = NDArray[np.int8]
    Columns = Mapping[int, NDArray[np.floating[Any]]]

LABEL_MODELS: Registry[type[LabelModel]] = Registry(
    "label model", package="weaklab.label_models", group="weaklab.label_models"
)
"""Label models by name; register a class with ``@LABEL_MODELS.named("name")`` in a module of this package."""


@dataclass(frozen=True)
class Soft:
    """How sure members are, beside their votes, by column of ``L``.

    Attributes
    ----------
    scores : column -> float (n, k), class probabilities of weak classifiers, uniform where one has no opinion
    confidence : column -> float (n,) in (0, 1], how much each vote counts; votes of other columns count 1
    features : float (n, d), what the records are like; None where nothing is known of that
    instance : float (n, k), what the model's own member says of the records by their features; None where it says
        nothing
    """

    scores: Columns = field(default_factory=dict)
    confidence: Columns = field(default_factory=dict)
    features: NDArray[np.floating[Any]] | None = None
    instance: NDArray[np.floating[Any]] | None = None

    def rows(self, rows: NDArray[np.integer[Any]] | slice) -> Soft:
        """Return scores, confidence and instance of some rows."""
        instance = None if self.instance is None else self.instance[rows]
        return Soft(
            {j: s[rows] for j, s in self.scores.items()},
            {j: c[rows] for j, c in self.confidence.items()},
            instance=instance,
        )

    @property
    def silent(self) -> bool:
        """Whether votes are all that there is."""
        return not self.scores and not self.confidence and self.features is None and self.instance is None


class LabelModel(BaseEstimator, abc.ABC):  # type: ignore[misc]
    """Turns a label matrix into class probabilities; a scikit-learn estimator.

    A subclass gives ``_fit`` and ``_predict_proba``; this base checks what comes in and keeps the promises: one
    heuristic is enough, no manual label is needed, rows sum to 1, and a row without any vote gets the class balance.

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
    """

    def __init__(self, n_classes: int | None = None, class_balance: ArrayLike | None = None) -> None:
        self.n_classes = n_classes
        self.class_balance = class_balance

    def fit(
        self,
        L: ArrayLike,
        y: ArrayLike | None = None,
        scores: Columns | None = None,
        confidence: Columns | None = None,
        features: ArrayLike | None = None,
    ) -> LabelModel:
        """Learn from votes, and from manual labels where there are any.

        Parameters
        ----------
        L : int (n, m), votes, -1 abstains
        y : int (n,), manual labels, -1 is unlabeled
        scores : column of ``L`` -> float (n, k), the class probabilities of weak classifiers, out-of-fold on labeled
            rows
        confidence : column of ``L`` -> float (n,) in (0, 1], how sure each vote of that column is; a model that cannot
            take it into account says so (:attr:`takes_confidence`)
        features : float (n, d), dense embeddings of the records with rows of length 1, such as those of
            :func:`weaklab.features.embeddings.embed`; models other than the default one ignore them

        Raises
        ------
        WeaklabError
            A shape is wrong, a vote is none of the classes, or ``n_classes`` is more than 127.
        """
        self._fit_checked(L, y, scores, confidence, features)
        return self

    def _fit_checked(
        self,
        L: ArrayLike,
        y: ArrayLike | None,
        scores: Columns | None,
        confidence: Columns | None,
        features: ArrayLike | None,
    ) -> tuple[Votes, Soft]:
        """Fit, and return votes and what members say of them, checked."""
        votes = check_votes(L, self.n_classes)
        codes = np.full(len(votes), ABSTAIN) if y is None else check_labels(y, len(votes), self.n_classes)
        k = self.n_classes  # else the greatest code is looked for
        self.n_classes_ = int(k or max(2, 1 + max(int(votes.max(initial=-1)), int(codes.max(initial=-1)))))
        self.n_features_in_ = votes.shape[1]
        self._label_counts = None
        self.class_balance_ = self._balance(self._counted(codes))
        soft = self._soft(scores, confidence, votes, self.n_classes_, features)
        self._fit(votes, codes, soft)
        return votes, soft

    adds_up: bool = False
    """Whether what the model learns from are sums over records, so that :meth:`partial_fit` can go on adding."""
    by_rows: bool = True
    """Whether what is said of a row depends on that row alone."""
    takes_confidence: bool = True
    """Whether a vote counts its confidence. A model that takes none warns where some are given and counts every vote
    once."""
    _label_counts: NDArray[np.float64] | None = None

    def partial_fit(
        self,
        L: ArrayLike,
        y: ArrayLike | None = None,
        scores: Columns | None = None,
        confidence: Columns | None = None,
        features: ArrayLike | None = None,
    ) -> LabelModel:
        """Learn from more records; the outcome is that of :meth:`fit` on all batches together.

        Models that add up what they learn can do this: ``committee``, ``majority_vote``, ``coverage_vote``,
        ``weighted_vote`` and ``refinery``. Where ``n_classes`` is not given, the first batch tells how many there are.

        Parameters
        ----------
        L, y, scores, confidence : as in :meth:`fit`, of the records of this batch; the same columns have scores in
            every batch
        features : none are taken, because a member that looks at the records learns from all of them at once

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
        name = type(self).__name__
        if not self.adds_up:
            raise WeaklabError(
                f"{name} learns from all records at once; use fit(L), or a model that adds up what it learns, such as "
                "'committee'"
            )
        if features is not None:
            raise WeaklabError(
                "partial_fit takes no features, because a member that learns from them needs all records; use fit(L, "
                "...)"
            )
        first = self._label_counts is None
        if first and hasattr(self, "class_balance_"):
            raise WeaklabError(
                f"this {name} was fitted by fit, which keeps nothing to add to; call partial_fit on a new one"
            )
        k = self.n_classes if first else self.n_classes_
        votes = check_votes(L, k)
        codes = np.full(len(votes), ABSTAIN) if y is None else check_labels(y, len(votes), k)
        k = int(k or max(2, 1 + max(int(votes.max(initial=-1)), int(codes.max(initial=-1)))))
        if not first:
            self._check_width(votes)
        soft = self._soft(scores, confidence, votes, k)
        self._check_batch(soft, first)
        counted = np.bincount(codes[codes != ABSTAIN], minlength=k).astype(np.float64)
        self.n_classes_, self.n_features_in_ = k, votes.shape[1]
        self._label_counts = counted if self._label_counts is None else self._label_counts + counted
        self.class_balance_ = self._balance(self._label_counts)
        self._add(votes, codes, soft, first)
        return self

    def _check_batch(self, soft: Soft, first: bool) -> None:
        """Raise a WeaklabError for a batch that does not go with the ones before."""

    def _add(self, L: Votes, y: NDArray[np.int64], soft: Soft, first: bool) -> None:
        """Learn from one more batch, the first one or another; all is checked."""
        raise NotImplementedError

    instance_proba_: NDArray[np.float64] | None = None
    """What a model's own member says of the records that it was fitted on, cross-fitted, float (n, k); None where it
    has none."""

    def wants_features(self, L: ArrayLike, scores: Columns | None = None) -> bool:
        """Whether ``features`` would make a difference with these votes; to be asked before they are computed."""
        return False

    def fit_predict_proba(
        self,
        L: ArrayLike,
        y: ArrayLike | None = None,
        scores: Columns | None = None,
        confidence: Columns | None = None,
        features: ArrayLike | None = None,
    ) -> NDArray[np.float64]:
        """Fit, and return the class probabilities of these records, float (n, k).

        With ``features`` that is better than ``fit`` and then ``predict_proba``: what is said of a record by its
        features then comes from a model that has not learned from it (scikit-learn's ``TargetEncoder.fit_transform`` is
        such another).
        """
        votes, soft = self._fit_checked(L, y, scores, confidence, features)
        return self._each_row(votes, replace(soft, features=None, instance=self.instance_proba_), self._proba)

    def predict_proba(
        self,
        L: ArrayLike,
        scores: Columns | None = None,
        confidence: Columns | None = None,
        features: ArrayLike | None = None,
        *,
        instance: ArrayLike | None = None,
    ) -> NDArray[np.float64]:
        """Return class probabilities float (n, k); rows sum to 1.

        Parameters
        ----------
        L, scores, confidence, features : as in :meth:`fit`; without features, votes and scores decide
        instance : float (n, k), in the place of features: :attr:`instance_proba_` for the records that the model was
            fitted on

        Raises
        ------
        NotFittedError
            ``fit`` comes first.
        """
        votes, soft = self._checked(L, scores, confidence, features, instance)
        return self._each_row(votes, soft, self._proba)

    def _proba(self, L: Votes, soft: Soft) -> NDArray[np.float64]:
        P = np.array(self._predict_proba(L, soft), dtype=np.float64, order="K")
        P[_silent(L, soft)] = self._silent_proba()
        np.maximum(P, 0, out=P)
        P /= row_sum(P)[:, None]
        return P

    def _each_row(self, L: Votes, soft: Soft, what: Callable[[Votes, Soft], NDArray[Any]]) -> NDArray[Any]:
        """Return ``what`` says of each row, (n, ...): of different rows only where rows repeat, and of a block of rows
        at a time.
        """
        n, m = L.shape
        if n <= BLOCK or not m or not self.by_rows:
            return what(L, soft)
        loops, numbers = compiled(L.size), (self.n_classes_ + 1.0) ** m
        if soft.silent and loops is not None:
            if numbers <= min(MOST_NUMBERS, n / 4):
                table = np.ascontiguousarray(what(all_rows(m, self.n_classes_), soft))
                found, number = np.empty((n, *table.shape[1:]), dtype=table.dtype), np.empty(BLOCK, dtype=np.int64)
                for rows in blocks(n):
                    here = number[: rows.stop - rows.start]
                    loops.row_numbers(plain(L[rows]), self.n_classes_ + 1, here)
                    np.take(table, here, axis=0, out=found[rows], mode="clip")
                return found
            if repeats(L):
                first, _, kinds = group_rows(L)
                return np.take(self._each_block(L[first], soft, what), kinds, axis=0)
        return self._each_block(L, soft, what)

    def _each_block(self, L: Votes, soft: Soft, what: Callable[[Votes, Soft], NDArray[Any]]) -> NDArray[Any]:
        found: NDArray[Any] | None = None
        for rows in blocks(len(L)):
            part = what(L[rows] if compiled(L.size) is None else plain(L[rows]), soft.rows(rows))
            if found is None:
                found = np.empty(
                    (len(L), *part.shape[1:]), dtype=part.dtype, order="F" if part.flags.f_contiguous else "C"
                )
            found[rows] = part
        return what(L, soft) if found is None else found

    def predict(
        self,
        L: ArrayLike,
        scores: Columns | None = None,
        confidence: Columns | None = None,
        features: ArrayLike | None = None,
        *,
        instance: ArrayLike | None = None,
    ) -> NDArray[np.int64]:
        """Return the most probable class of each row, int (n,); never -1, see :meth:`label_or_abstain`.

        Parameters are those of :meth:`predict_proba`.
        """
        votes, soft = self._checked(L, scores, confidence, features, instance)
        return self._each_row(votes, soft, lambda rows, said: row_argmax(self._proba(rows, said)))

    def label_or_abstain(
        self,
        L: ArrayLike,
        min_confidence: float = 0.0,
        scores: Columns | None = None,
        confidence: Columns | None = None,
        features: ArrayLike | None = None,
        *,
        instance: ArrayLike | None = None,
        precision: float | None = None,
        audit: ArrayLike | None = None,
    ) -> NDArray[np.int64]:
        """Return the class of each row, int (n,), -1 where nothing tells the best two apart or confidence is too low.

        Parameters
        ----------
        L, scores, confidence, features, instance : as in :meth:`predict_proba`
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
            votes, soft = self._checked(L, scores, confidence, features, instance)
            return self._each_row(votes, soft, lambda rows, said: _labels(self._proba(rows, said), min_confidence))
        if min_confidence:
            raise WeaklabError(
                f"precision={precision!r} chooses the confidence itself; leave min_confidence={min_confidence!r} out"
            )
        P = self.predict_proba(L, scores, confidence, features, instance=instance)
        return _labels(P, self._promise(P, how_sure(P), is_tied(P), precision, audit))

    def _promise(
        self,
        P: NDArray[np.float64],
        sure: NDArray[np.float64],
        tied: NDArray[np.bool_],
        precision: float,
        audit: ArrayLike | None,
    ) -> float:
        """Return the confidence from which labels are right with this precision, infinity where there is none."""
        from weaklab.core.thresholds import threshold_for

        if audit is None:
            raise WeaklabError(
                f"precision={precision!r} is a promise that only labels can back; give audit, the labels of a random "
                "sample of these rows "
                "which the model was not fitted on, -1 elsewhere"
            )
        y = check_labels(audit, len(P), self.n_classes_)
        rows = np.flatnonzero((y != ABSTAIN) & ~tied)
        threshold = threshold_for(sure[rows], P[rows].argmax(axis=1) == y[rows], precision)
        if not threshold.kept:
            warn(str(threshold))
        return threshold.min_confidence

    own_members: tuple[str, ...] = ()
    """What a model adds to the log-odds beside the columns of ``L``, by name, in the order of the rows of
    :meth:`contributions`."""

    def contributions(
        self,
        L: ArrayLike,
        scores: Columns | None = None,
        confidence: Columns | None = None,
        features: ArrayLike | None = None,
        *,
        instance: ArrayLike | None = None,
    ) -> NDArray[np.float64]:
        """Return what each member adds to the log-probability of each class: float (n, m + r + 1, k).

        Along axis 1 stand the m columns of ``L``, the r :attr:`own_members`, and last what every record gets. The
        softmax of their sum is :meth:`predict_proba`.

        Raises
        ------
        WeaklabError
            This model does not add up what its members say, so no part of the sum is due to one of them.
        """
        votes, soft = self._checked(L, scores, confidence, features, instance)
        parts = np.array(self._contributions(votes, soft), dtype=np.float64)
        silent = _silent(votes, soft)
        parts[silent, :-1] = 0
        parts[silent, -1] = np.log(np.maximum(self._silent_proba(), 1e-300))
        return parts

    def _contributions(self, L: Votes, soft: Soft) -> NDArray[np.floating[Any]]:
        """Return the parts of an additive model, (n, m + r + 1, k); ``L`` and ``soft`` are checked."""
        raise WeaklabError(
            f"{type(self).__name__} does not add up what its members say, so it cannot tell what each contributed; "
            "use the label model 'committee' to explain labels"
        )

    def _checked(
        self,
        L: ArrayLike,
        scores: Columns | None,
        confidence: Columns | None,
        features: ArrayLike | None = None,
        instance: ArrayLike | None = None,
    ) -> tuple[Votes, Soft]:
        """Return votes and what members say of them, or raise where they do not fit what the model was fitted on."""
        if not hasattr(self, "class_balance_"):
            raise NotFittedError(f"this {type(self).__name__} is not fitted yet; call fit(L) first")
        votes = check_votes(L, self.n_classes_)
        self._check_width(votes)
        soft = self._soft(scores, confidence, votes, self.n_classes_, features)
        if instance is not None:
            if np.shape(instance) != (len(votes), self.n_classes_):
                raise WeaklabError(f"instance has shape {np.shape(instance)}; wanted {(len(votes), self.n_classes_)}")
            return votes, replace(soft, instance=np.asarray(instance))
        return votes, replace(soft, instance=self._by_features(soft.features)) if soft.features is not None else soft

    def _soft(
        self, scores: Columns | None, confidence: Columns | None, L: Votes, k: int, features: ArrayLike | None = None
    ) -> Soft:
        """Return what members say of their votes, checked; a model that takes no confidences says so where some are
        below 1.
        """
        soft = check_soft(scores, confidence, L, k, features)
        if self.takes_confidence or not soft.confidence:
            return soft
        doubted = [
            j for j, sure in soft.confidence.items() if np.min(np.asarray(sure)[L[:, j] != ABSTAIN], initial=1) < 1
        ]
        if doubted:
            warn(
                f"{type(self).__name__} takes no confidences: the votes of columns {doubted} count as much as any "
                "other; "
                "a label model such as 'committee' or 'dawid_skene' lets a vote count its confidence"
            )
        return replace(soft, confidence={})

    def _check_width(self, votes: Votes) -> None:
        if votes.shape[1] != self.n_features_in_:
            raise WeaklabError(
                f"this {type(self).__name__} was fitted on {self.n_features_in_} heuristics, got {votes.shape[1]}; fit "
                "it again"
            )

    def _by_features(self, features: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]] | None:
        """Return what a model's own member says of new records, (n, k), if it has one."""
        return None

    @abc.abstractmethod
    def _fit(self, L: Votes, y: NDArray[np.int64], soft: Soft) -> None:
        """Learn; ``L``, ``y`` and ``soft`` are checked, ``n_classes_`` and ``class_balance_`` are set."""

    @abc.abstractmethod
    def _predict_proba(self, L: Votes, soft: Soft) -> NDArray[np.floating[Any]]:
        """Return non-negative (n, k); rows need not sum to 1, but must not sum to 0."""

    def _silent_proba(self) -> NDArray[np.float64]:
        """What a row without votes gets."""
        return self.class_balance_

    def _counted(self, y: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return how many labels there are of each class, float (k,)."""
        return np.bincount(y[np.flatnonzero(y != ABSTAIN)], minlength=self.n_classes_).astype(np.float64)

    def _balance(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        k = self.n_classes_
        if self.class_balance is None:
            return np.asarray((counts + 1) / (counts + 1).sum())
        balance = np.asarray(self.class_balance, dtype=np.float64)
        if balance.shape != (k,) or not np.isfinite(balance).all() or (balance < 0).any() or balance.sum() <= 0:
            raise WeaklabError(f"class_balance must hold {k} shares, none negative, got {self.class_balance!r}")
        return np.asarray(balance / balance.sum())


how_sure = confidence


def _labels(P: NDArray[np.float64], min_confidence: float) -> NDArray[np.int64]:
    """Return the class of each row, int (n,), -1 where it is tied or too unsure."""
    return np.where((how_sure(P) < min_confidence) | is_tied(P), ABSTAIN, row_argmax(P))


def check_classes(n_classes: object) -> int | None:
    """Return the number of classes as an int, None for None, or raise a WeaklabError if votes cannot hold so many.

    >>> check_classes(np.int64(3)), check_classes(None)
    (3, None)
    """
    if n_classes is None:
        return None
    if isinstance(n_classes, bool) or not isinstance(n_classes, Integral) or not 2 <= int(n_classes) <= MAX_CLASSES:
        raise WeaklabError(
            f"n_classes must be a whole number from 2 to {MAX_CLASSES}, which is all that the bytes of a label matrix "
            "can tell apart, "
            f"got {n_classes!r}; put rare classes together, or label in two steps"
        )
    return int(n_classes)


def check_votes(L: ArrayLike, n_classes: int | None = None) -> Votes:
    """Return a label matrix as int8 (n, m), itself where it is int8 already, or raise a WeaklabError that names the
    first wrong vote.

    Parameters
    ----------
    L : (n, m) whole numbers of any type, -1 abstains; lists, arrays and frames
    n_classes : k; without it, the highest code is 126

    Examples
    --------
    >>> check_votes([[0.0, -1.0]]).tolist()
    [[0, -1]]
    >>> check_votes([[0, 200]])
    Traceback (most recent call last):
        ...
    weaklab.core.errors.WeaklabError: L[0, 1] is 200, which is no label; wanted -1 (abstain) to 126: a label matrix
    holds at most 127 classes
    """
    votes = _whole_numbers(L, "L", "abstains")
    if votes.ndim != 2:
        raise WeaklabError(f"L must be a matrix of shape (records, heuristics), got shape {votes.shape}")
    _check_codes(votes, "L", "abstain", check_classes(n_classes))
    return votes if votes.dtype == np.int8 else votes.astype(np.int8)


def check_labels(y: ArrayLike, n: int, n_classes: int | None = None) -> NDArray[np.int64]:
    """Return manual labels as int (n,), or raise a WeaklabError that names the first wrong one; -1 is unlabeled."""
    codes = _whole_numbers(y, "y", "is unlabeled")
    if codes.shape != (n,):
        raise WeaklabError(f"y must hold one code a record, {n} in all, got shape {codes.shape}")
    _check_codes(codes, "y", "unlabeled", check_classes(n_classes))
    return np.asarray(codes, dtype=np.int64)


def _check_codes(codes: NDArray[Any], name: str, none: str, k: int | None) -> None:
    top = (k or MAX_CLASSES) - 1
    if codes.size and (codes.min() < ABSTAIN or codes.max() > top):
        place = tuple(np.argwhere((codes < ABSTAIN) | (codes > top))[0].tolist())
        limit = f"n_classes is {k}" if k else f"a label matrix holds at most {MAX_CLASSES} classes"
        raise WeaklabError(
            f"{name}{list(place)} is {codes[place]}, which is no label; wanted {ABSTAIN} ({none}) to {top}: {limit}"
        )


def _whole_numbers(values: Any, name: str, none: str) -> NDArray[Any]:
    """Return an array of whole numbers, or raise a WeaklabError that names the first value that is none.

    Floats that are whole are taken: a frame with a gap makes them of all its codes. Gaps themselves are refused,
    because a record that nobody looked at, a heuristic that failed and one that abstains are not the same.
    """
    wanted = f"wanted integer codes, {ABSTAIN} {none}"
    if hasattr(values, "tocsr"):
        raise WeaklabError(
            f"{name} is a sparse matrix, in which class 0 and no entry look alike; {wanted}: pass {name}.toarray()"
        )
    if isinstance(values, np.ma.MaskedArray):
        raise WeaklabError(f"{name} is a masked array; {wanted}: pass {name}.filled({ABSTAIN})")
    try:
        given = np.asarray(values)
    except ValueError:
        raise WeaklabError(
            f"the rows of {name} differ in length; wanted a matrix of shape (records, heuristics)"
        ) from None
    if given.dtype.kind in "iu":
        return given
    if given.dtype.kind == "O":
        given = _of_objects(given, name, wanted)
    if given.size and given.dtype.kind != "f":
        raise WeaklabError(f"{name} holds {given.dtype} values such as {given.ravel()[0].item()!r}; {wanted}")
    if given.dtype.kind == "f" and not np.array_equal(given, np.round(given)):
        _raise_first(given, ~np.isfinite(given) | (given != np.round(given)), name, wanted)
    if np.isinf(given).any():
        _raise_first(given, np.isinf(given), name, wanted)
    return given


def _of_objects(given: NDArray[Any], name: str, wanted: str) -> NDArray[Any]:
    """Return numbers kept as Python objects, as of frames with gaps or of several types, as an array of numbers."""
    flat = given.ravel()
    wrong = np.array([isinstance(v, (bool, np.bool_)) or not isinstance(v, Real) for v in flat], dtype=bool)
    if wrong.any():
        _raise_first(given, wrong.reshape(given.shape), name, wanted)
    return np.array([float(v) for v in flat]).reshape(given.shape)


def _raise_first(given: NDArray[Any], wrong: NDArray[np.bool_], name: str, wanted: str) -> NoReturn:
    place = tuple(np.argwhere(wrong)[0].tolist())
    value = given[place]
    raise WeaklabError(
        f"{name}{list(place)} is {value.item() if hasattr(value, 'item') else value!r}, which is no code; {wanted}"
    )


ROUNDING = 1e-6
"""So far beyond its bounds a probability may be by rounding: eight times the precision of float32."""
LONGEST = 1 + 1e-3
"""Features may be so long: rows of length 1 in float16, whose precision is 0.001."""


def check_soft(
    scores: Columns | None, confidence: Columns | None, L: Votes, k: int, features: ArrayLike | None = None
) -> Soft:
    """Return what members say of their votes, or raise a WeaklabError where a shape or a number is wrong.

    Rows of scores need not sum to 1.
    """
    n, m = L.shape
    told: dict[str, dict[int, NDArray[np.floating[Any]]]] = {"scores": {}, "confidence": {}}
    for name, given, shape in (("scores", scores, (n, k)), ("confidence", confidence, (n,))):
        for j, values in (given or {}).items():
            column: Any = j
            if not isinstance(column, Integral) or not 0 <= j < m or np.shape(values) != shape:
                raise WeaklabError(
                    f"{name}[{j}] has shape {np.shape(values)}; wanted a column of L from 0 to {m - 1}, and shape "
                    f"{shape}"
                )
            values = told[name][int(j)] = _floats(values, f"{name}[{j}]")
            least, most = float(np.min(values, initial=1)), float(np.max(values, initial=0))  # NaN if there is one
            if not np.isfinite([least, most]).all():
                raise WeaklabError(
                    f"{name}[{j}] holds NaN or infinity; a row without an opinion is uniform, a plain vote has "
                    "confidence 1"
                )
            if name == "scores" and least < -ROUNDING:
                raise WeaklabError(
                    f"scores[{j}] holds {least:g}, and scores are probabilities; pass logits through a softmax first"
                )
            if name == "confidence" and not (least > 0 and most <= 1 + ROUNDING):
                wrong = most if least > 0 else least
                raise WeaklabError(
                    f"confidence[{j}] holds {wrong:g}; wanted numbers above 0 and up to 1, where 1 is a plain vote"
                )
    if features is None:
        return Soft(told["scores"], told["confidence"])
    if hasattr(features, "tocsr"):
        raise WeaklabError(
            f"features are a sparse matrix of shape {np.shape(features)}; wanted dense ones: "
            "weaklab.features.embeddings.embed(features)"
        )
    E = np.asarray(features)
    E = E.astype(np.float32) if E.dtype == np.float16 else E
    if E.ndim != 2 or len(E) != n or E.dtype.kind != "f":
        raise WeaklabError(
            f"features must be a dense matrix of floats with {n} rows, got shape {E.shape} of {E.dtype}; see "
            "weaklab.features.embeddings.embed"
        )
    squares = np.einsum("ij,ij->i", E, E, dtype=np.result_type(E, np.float32))
    longest = float(np.sqrt(squares.max(initial=0)))  # NaN if there is one
    if not longest <= LONGEST:
        if not np.isfinite(E).all():
            raise WeaklabError(
                "features hold NaN or infinity; wanted finite numbers, a row of zeros where nothing is known of a "
                "record"
            )
        raise WeaklabError(
            f"features have a row of length {longest:g}; wanted rows of length 1, or 0 where nothing is known of a "
            "record: "
            "pass weaklab.features.embeddings.unit_rows(features)"
        )
    return Soft(told["scores"], told["confidence"], E)


def _floats(values: ArrayLike, name: str) -> NDArray[np.floating[Any]]:
    """Return numbers as floats, float32 and float64 as they are; float16 has too few digits to count with."""
    given = np.asarray(values)
    if given.dtype in (np.float32, np.float64):
        return given
    if given.dtype.kind not in "iufO":
        raise WeaklabError(f"{name} holds {given.dtype} values; wanted numbers")
    try:
        return given.astype(np.float64)
    except (TypeError, ValueError):
        raise WeaklabError(f"{name} holds what is no number; wanted numbers") from None


def _silent(L: NDArray[np.integer[Any]], soft: Soft) -> NDArray[np.int64]:
    """Return the rows without a vote on which no member's scores tell one class from another."""
    told = [*soft.scores.values(), *(() if soft.instance is None else (soft.instance,))]
    if not told:
        return np.flatnonzero(~any_vote(L))
    rows = np.flatnonzero(np.abs(told[0][:, 0] - told[0][:, 1]) <= 1e-6)  # leaves few to look at closely
    rows = rows[~any_vote(L[rows])] if len(rows) else rows
    for score in told if len(rows) else ():
        rows = rows[row_max(score[rows]) + row_max(-score[rows]) <= 1e-6]
    return np.asarray(rows)
