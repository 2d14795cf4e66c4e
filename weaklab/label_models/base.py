"""What every label model has in common: the interface, the checks, and the promises that hold for all of them."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError

from weaklab.base import ABSTAIN, Registry, WeaklabError
from weaklab.rows import row_max, row_sum, top_two

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Columns = Mapping[int, NDArray[np.floating[Any]]]

LABEL_MODELS: Registry[type[LabelModel]] = Registry("label model", package="weaklab.label_models")
"""Label models by name; register a class with ``@LABEL_MODELS.named("name")`` in a module of this package."""


@dataclass(frozen=True)
class Soft:
    """How sure members are, beside their votes, by column of ``L``.

    Attributes
    ----------
    scores : column -> float (n, k), class probabilities of weak classifiers, uniform where one has no opinion
    confidence : column -> float (n,) in (0, 1], how much each vote counts; votes of other columns count 1
    """

    scores: Columns = field(default_factory=dict)
    confidence: Columns = field(default_factory=dict)

    def rows(self, rows: NDArray[np.integer[Any]]) -> Soft:
        """Return the same for some rows."""
        return Soft({j: s[rows] for j, s in self.scores.items()}, {j: c[rows] for j, c in self.confidence.items()})


class LabelModel(BaseEstimator, abc.ABC):  # type: ignore[misc]
    """Turns a label matrix into class probabilities; a scikit-learn estimator.

    A subclass gives ``_fit`` and ``_predict_proba``; this base checks what comes in and keeps the promises: one heuristic
    is enough, no manual label is needed, rows sum to 1, and a row without any vote gets the class balance.

    Parameters
    ----------
    n_classes : int, optional
        k; by default one more than the highest code in ``L`` and ``y``, at least 2.
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

    def fit(self, L: ArrayLike, y: ArrayLike | None = None, scores: Columns | None = None, confidence: Columns | None = None) -> LabelModel:
        """Learn from votes, and from manual labels where there are any.

        Parameters
        ----------
        L : int (n, m), votes, -1 abstains
        y : int (n,), manual labels, -1 is unlabeled
        scores : column of ``L`` -> float (n, k), the class probabilities of weak classifiers, out-of-fold on labeled rows
        confidence : column of ``L`` -> float (n,) in (0, 1], how sure each vote of that column is

        Raises
        ------
        WeaklabError
            A shape is wrong, or a vote is none of the classes.
        """
        votes = check_votes(L, self.n_classes)
        codes = np.full(len(votes), ABSTAIN) if y is None else check_labels(y, len(votes), self.n_classes)
        self.n_classes_ = int(self.n_classes or max(2, 1 + max(votes.max(initial=-1), codes.max(initial=-1))))
        self.n_features_in_ = votes.shape[1]
        self.class_balance_ = self._balance(codes)
        self._fit(votes, codes, check_soft(scores, confidence, votes, self.n_classes_))
        return self

    def predict_proba(self, L: ArrayLike, scores: Columns | None = None, confidence: Columns | None = None) -> NDArray[np.float64]:
        """Return class probabilities float (n, k); rows sum to 1.

        Raises
        ------
        NotFittedError
            ``fit`` comes first.
        """
        if not hasattr(self, "class_balance_"):
            raise NotFittedError(f"this {type(self).__name__} is not fitted yet; call fit(L) first")
        votes = check_votes(L, self.n_classes_)
        if votes.shape[1] != self.n_features_in_:
            raise WeaklabError(
                f"this {type(self).__name__} was fitted on {self.n_features_in_} heuristics, got {votes.shape[1]}; fit it again"
            )
        soft = check_soft(scores, confidence, votes, self.n_classes_)
        P = np.array(self._predict_proba(votes, soft), dtype=np.float64, order="K")
        P[_silent(votes, soft.scores)] = self._silent_proba()
        np.maximum(P, 0, out=P)
        P /= row_sum(P)[:, None]
        return P

    def predict(self, L: ArrayLike, scores: Columns | None = None, confidence: Columns | None = None) -> NDArray[np.int64]:
        """Return the most probable class of each row, int (n,); never -1, see :meth:`label_or_abstain`."""
        return np.asarray(self.predict_proba(L, scores, confidence).argmax(axis=1), dtype=np.int64)

    def label_or_abstain(
        self, L: ArrayLike, min_confidence: float = 0.0, scores: Columns | None = None, confidence: Columns | None = None
    ) -> NDArray[np.int64]:
        """Return the class of each row, int (n,), -1 where nothing tells the best two apart or confidence is too low.

        Parameters
        ----------
        min_confidence : 0 to 1, one minus the normalised entropy of the row, see :func:`confidence`
        """
        P = self.predict_proba(L, scores, confidence)
        unsure = (how_sure(P) < min_confidence) | is_tied(P)
        return np.where(unsure, ABSTAIN, P.argmax(axis=1))

    @abc.abstractmethod
    def _fit(self, L: NDArray[np.int64], y: NDArray[np.int64], soft: Soft) -> None:
        """Learn; ``L``, ``y`` and ``soft`` are checked, ``n_classes_`` and ``class_balance_`` are set."""

    @abc.abstractmethod
    def _predict_proba(self, L: NDArray[np.int64], soft: Soft) -> NDArray[np.floating[Any]]:
        """Return non-negative (n, k); rows need not sum to 1, but must not sum to 0."""

    def _silent_proba(self) -> NDArray[np.float64]:
        """What a row without votes gets."""
        return self.class_balance_

    def _balance(self, y: NDArray[np.int64]) -> NDArray[np.float64]:
        k = self.n_classes_
        if self.class_balance is None:
            counts = np.bincount(y[y != ABSTAIN], minlength=k) + 1.0
            return np.asarray(counts / counts.sum())
        balance = np.asarray(self.class_balance, dtype=np.float64)
        if balance.shape != (k,) or not np.isfinite(balance).all() or (balance < 0).any() or balance.sum() <= 0:
            raise WeaklabError(f"class_balance must hold {k} shares, none negative, got {self.class_balance!r}")
        return np.asarray(balance / balance.sum())


def confidence(P: ArrayLike) -> NDArray[np.float64]:
    """Return how sure each row is, float (n,): 0 where all classes are equally probable, 1 where one is certain.

    1 - H(p) / ln k, with H the entropy of Shannon (1948), A mathematical theory of communication.

    >>> confidence([[0.5, 0.5], [1.0, 0.0]]).tolist()
    [0.0, 1.0]
    """
    p = np.asarray(P, dtype=np.float64)
    entropy = row_sum(p * -np.log(np.where(p > 0, p, 1)))
    found = np.clip(1 - entropy / np.log(p.shape[1]), 0, 1)
    return np.asarray(np.where(found < 1e-12, 0.0, found))


how_sure = confidence


def is_tied(P: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
    """Return bool (n,), True where the best two classes are equally probable.

    >>> is_tied(np.array([[0.5, 0.5], [0.6, 0.4]])).tolist()
    [True, False]
    """
    first, second = top_two(P)
    return np.asarray(first - second < 1e-9)


def check_votes(L: ArrayLike, n_classes: int | None = None) -> NDArray[np.int64]:
    """Return a label matrix as int (n, m), int8 as it is, or raise a WeaklabError that names the first wrong vote."""
    votes = np.asarray(L)
    if votes.ndim != 2:
        raise WeaklabError(f"L must be a matrix of shape (records, heuristics), got shape {votes.shape}")
    if votes.dtype.kind not in "iu" and (votes.dtype.kind != "f" or not np.array_equal(votes, np.round(votes))):
        raise WeaklabError(f"L must hold integer codes, -1 abstains, got {votes.dtype}")
    top = np.iinfo(np.int8).max if n_classes is None else n_classes - 1
    if votes.size and (votes.min() < ABSTAIN or votes.max() > top):
        i, j = np.argwhere((votes < ABSTAIN) | (votes > top))[0]
        raise WeaklabError(f"L[{i}, {j}] is {votes[i, j]}, which is no label; wanted -1 (abstain) to {top}")
    return votes if votes.dtype == np.int8 else votes.astype(np.int64)


def check_labels(y: ArrayLike, n: int, n_classes: int | None = None) -> NDArray[np.int64]:
    """Return manual labels as int (n,), or raise a WeaklabError."""
    codes = np.asarray(y)
    if codes.shape != (n,):
        raise WeaklabError(f"y must hold one code a record, {n} in all, got shape {codes.shape}")
    if codes.dtype.kind not in "iu":
        raise WeaklabError(f"y must hold integer codes, -1 is unlabeled, got {codes.dtype}")
    top = np.iinfo(np.int8).max if n_classes is None else n_classes - 1
    if n and (codes.min() < ABSTAIN or codes.max() > top):
        raise WeaklabError(f"y holds {codes.min()} to {codes.max()}; wanted -1 (unlabeled) to {top}")
    return codes.astype(np.int64)


def check_soft(scores: Columns | None, confidence: Columns | None, L: NDArray[np.int64], k: int) -> Soft:
    """Return what members say of their votes, or raise a WeaklabError where a shape or a number is wrong."""
    n, m = L.shape
    for name, given, shape in (("scores", scores, (n, k)), ("confidence", confidence, (n,))):
        for j, values in (given or {}).items():
            if not 0 <= j < m or np.shape(values) != shape:
                raise WeaklabError(f"{name}[{j}] has shape {np.shape(values)}; wanted a column of L from 0 to {m - 1}, and shape {shape}")
            if not np.isfinite(values).all():
                raise WeaklabError(f"{name}[{j}] holds NaN or infinity; a row without an opinion is uniform, a plain vote has confidence 1")
    return Soft(scores or {}, confidence or {})


def _silent(L: NDArray[np.integer[Any]], scores: Columns) -> NDArray[np.int64]:
    """Return the rows without a vote on which no member's scores tell one class from another."""
    silent = np.ones(len(L), dtype=bool)
    for j in range(L.shape[1]):
        silent &= L[:, j] == ABSTAIN
    rows = np.flatnonzero(silent)
    for score in scores.values():
        rows = rows[np.abs(score[rows, 0] - score[rows, 1]) <= 1e-6]  # leaves few to look at closely
        rows = rows[row_max(score[rows]) + row_max(-score[rows]) <= 1e-6]
    return np.asarray(rows)
