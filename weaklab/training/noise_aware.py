"""Training any scikit-learn estimator on probabilistic labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.core.errors import WeaklabError, warn
from weaklab.core.rows import is_tied, one_thread

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEAST_WEIGHT = 1e-3
"""A record is not trained on for classes that are less probable."""
MOST_CLASSES = 10
"""A record is trained on for this number of its most probable classes at most, so that many labels do not take long."""


class NothingToLearnError(WeaklabError):
    """No record has a label, or all have the same one."""


TARGETS = ("weights", "hard", "soft")


def fit_end_model(estimator: Any, X: Any, P: NDArray[np.float64], targets: str = "weights") -> Any:
    """Return a copy of an estimator, trained on probabilistic labels.

    With ``"weights"``, each record is there once for each class, with the probability of the class as its weight: the
    expected loss under the labels, as in Ratner et al. (2016), Data programming, NeurIPS, section 3. With more than ten
    labels it is there for the ten most probable ones. In a pipeline, only the last step gets the repeated records; the
    steps before it see each record once.

    Parameters
    ----------
    estimator : a classifier or pipeline with the interface of scikit-learn; it is copied
    X : what it is trained on, n texts or rows
    P : float (n, k), probabilities of the classes; its classes are the codes 0 to k - 1
    targets : ``"weights"``; ``"hard"``, the most probable class, where there is one; or ``"soft"``, ``P`` itself, for
        estimators whose ``fit`` takes it in the place of ``y``
        An estimator that takes no ``sample_weight`` gets hard labels, with a warning.

    Raises
    ------
    WeaklabError
        ``targets`` is something else, no record has a label, or all have the same.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> P = np.array([[0.9, 0.1], [0.2, 0.8], [0.5, 0.5]])
    >>> fit_end_model(LogisticRegression(), np.array([[0.0], [1.0], [0.5]]), P).predict([[0.0], [1.0]]).tolist()
    [0, 1]
    """
    from sklearn.base import clone

    targets = checked_targets(estimator, targets)
    fitted = clone(estimator)
    with one_thread():
        return _fit(fitted, X, np.asarray(P, dtype=np.float64), targets)


def checked_targets(estimator: Any, targets: str) -> str:
    """Return what an estimator is trained on: hard labels, with a warning, in the place of weights that it does not
    take.
    """
    if targets not in TARGETS:
        raise WeaklabError(f"targets must be one of {', '.join(TARGETS)}, got {targets!r}")
    if targets != "weights" or takes_weights(estimator):
        return targets
    name = type(_last(estimator)).__name__
    warn(f"{name} takes no sample_weight, so it is trained on the most probable labels, without their probabilities")
    return "hard"


def takes_weights(estimator: Any) -> bool:
    """Whether an estimator, or the last step of a pipeline, can be trained with a ``sample_weight``."""
    from sklearn.utils.validation import has_fit_parameter

    return bool(has_fit_parameter(_last(estimator), "sample_weight"))


def rows_of(X: Any, rows: NDArray[Any]) -> Any:
    """Return some rows of a list, a frame or a matrix; ``rows`` are numbers or bool (n,)."""
    from sklearn.utils import _safe_indexing

    return _safe_indexing(X, np.flatnonzero(rows) if rows.dtype == bool else rows)


def class_probabilities(estimator: Any, X: Any, k: int) -> NDArray[np.float64]:
    """Return float (n, k), what a trained estimator says; 1 for what it predicts if it has no ``predict_proba``.

    Classes that it was not trained on get 0.
    """
    if not hasattr(estimator, "predict_proba"):
        found = np.asarray(estimator.predict(X))
        return _as_shares(found) if found.ndim == 2 else np.eye(k)[found.astype(np.int64)]
    said = np.asarray(estimator.predict_proba(X), dtype=np.float64)
    classes = getattr(estimator, "classes_", None)
    if classes is None or len(classes) == k:
        return said
    P = np.zeros((len(said), k))
    P[:, np.asarray(classes, dtype=np.int64)] = said
    return P


def _as_shares(found: NDArray[Any]) -> NDArray[np.float64]:
    """Return what a regression on probabilities says as probabilities: nothing below 0, and rows that sum to 1."""
    P = np.maximum(np.asarray(found, dtype=np.float64), 1e-12)
    return np.asarray(P / P.sum(axis=1, keepdims=True))


def _fit(fitted: Any, X: Any, P: NDArray[np.float64], targets: str) -> Any:
    y = P.argmax(axis=1)
    if targets == "soft":
        return fitted.fit(X, P)
    if targets == "hard":
        kept = np.flatnonzero(~is_tied(P))
        _check_classes(np.unique(y[kept]))
        return fitted.fit(rows_of(X, kept), y[kept])
    rows, codes = np.nonzero(_counting(P))
    _check_classes(np.unique(codes))
    return _fit_last(fitted, X, y, (rows, codes, P[rows, codes]))


def _counting(P: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return bool (n, k), the classes that each record is trained on for."""
    if P.shape[1] <= MOST_CLASSES:
        return P >= LEAST_WEIGHT
    least = np.partition(P, -MOST_CLASSES, axis=1)[:, -MOST_CLASSES, None]
    return np.asarray(np.maximum(least, LEAST_WEIGHT) <= P)


def _fit_last(fitted: Any, X: Any, y: NDArray[np.int64], weighted: tuple[NDArray[Any], ...]) -> Any:
    """Train with weights; in a pipeline, the steps before the last one with the most probable label of each record."""
    from sklearn.pipeline import Pipeline

    rows, codes, weights = weighted
    if not isinstance(fitted, Pipeline):
        return fitted.fit(rows_of(X, rows), codes, sample_weight=weights)
    head, (name, last) = fitted[:-1], fitted.steps[-1]
    seen = head.fit_transform(X, y) if len(head) else X
    last.fit(rows_of(seen, rows), codes, sample_weight=weights)
    return Pipeline([*head.steps, (name, last)])


def _check_classes(codes: NDArray[np.int64]) -> None:
    if len(codes) < 2:
        what = "no record has a label" if not len(codes) else "all records have the same label"
        raise NothingToLearnError(
            f"{what}, so there is nothing to learn; an end model takes records of two classes or more"
        )


def _last(estimator: Any) -> Any:
    from sklearn.pipeline import Pipeline

    return estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator
