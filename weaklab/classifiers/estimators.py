"""Training any scikit-learn classifier, and converting whatever it predicts to log-scores of the classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from weaklab.classifiers.calibration import FLOOR
from weaklab.classifiers.linear import compact
from weaklab.core.errors import HeuristicError, WeaklabError

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

CHUNK_ROWS = 4096
"""Number of rows that are scored at once by classifiers whose memory per row is large."""
CHUNK_CELLS = 1 << 24
"""Dense rows are made for at most this many cells at once, 128 MB."""


def check_estimator(estimator: Any, names: list[str]) -> None:
    """Raise a HeuristicError if the estimator is not a classifier that can be trained."""
    wanted = f"an unfitted scikit-learn classifier, or one of {', '.join(names)}"
    if isinstance(estimator, type):
        raise HeuristicError(
            f"the estimator is the class {estimator.__name__}; wanted an object: write {estimator.__name__}(), with "
            "its settings"
        )
    if not hasattr(estimator, "fit"):
        raise HeuristicError(f"the estimator {estimator!r} has no method fit; wanted {wanted}")
    if not any(hasattr(estimator, method) for method in ("predict_proba", "decision_function", "predict")):
        raise HeuristicError(
            f"the estimator {estimator!r} has none of predict_proba, decision_function and predict; wanted {wanted}"
        )


def fit(model: Any, X: Any, y: NDArray[Any], weight: NDArray[np.float64]) -> Any:
    """Fit an estimator and return it; if it does not accept sparse matrices, it gets dense rows of the used columns.

    Weights are passed only if some are not 1. An estimator without sample weights gets only the rows with a weight of
    at least a half.
    """
    import numpy as np
    from sklearn.utils.validation import has_fit_parameter

    given = {}
    if (weight != 1).any():
        if has_fit_parameter(model, "sample_weight"):
            given = {"sample_weight": weight}
        else:
            kept = np.flatnonzero(weight >= 0.5)
            X, y = X[kept], y[kept]
    try:
        return model.fit(X, y, **given)
    except (TypeError, ValueError) as error:
        if "sparse" not in str(error).lower():
            raise
    return Dense(model).fit(X, y, **given)


class Dense:
    """Adapter for an estimator that accepts only dense rows; columns that are 0 in all labeled records are left out."""

    def __init__(self, model: Any) -> None:
        self.model = model
        for method in ("predict_proba", "decision_function", "predict"):
            if hasattr(model, method):
                setattr(self, method, self._dense(method))

    def fit(self, X: Any, y: NDArray[Any], **given: Any) -> Dense:
        import numpy as np

        _, self._seen = compact(X)
        if not len(self._seen):  # if all columns are 0, one is still needed
            self._seen = np.zeros(1, dtype=np.int64)
        self.model.fit(self._rows(X), y, **given)
        return self

    def _rows(self, X: Any) -> NDArray[Any]:
        import numpy as np
        from scipy import sparse

        return np.asarray(sparse.csr_array(X)[:, self._seen].toarray())

    def _dense(self, method: str) -> Callable[[Any], Any]:
        return lambda X: getattr(self.model, method)(self._rows(X))

    @property
    def classes_(self) -> Any:
        return self.model.classes_

    @property
    def chunk(self) -> int:
        return max(1, CHUNK_CELLS // max(1, len(self._seen)))


def log_scores(model: Any, X: Any, k: int) -> NDArray[Any]:
    """Return log-scores float (n, k) of any fitted classifier; -inf for classes that it does not know or excludes.

    They are log-probabilities up to a constant per row. They come from ``predict_proba``, with :data:`FLOOR` as the
    lowest probability; else from ``decision_function``, through a softmax (or the logistic function for two classes);
    else from ``predict``, with 0 for the predicted class.
    """
    import numpy as np

    if hasattr(model, "log_scores"):
        Z, classes = model.log_scores(X), model.classes_
    else:
        step = min(CHUNK_ROWS, getattr(model, "chunk", CHUNK_ROWS))
        parts = [_read(model, X[start : start + step], k) for start in range(0, X.shape[0], step)]
        Z = np.vstack(parts) if parts else np.zeros((0, len(_classes(model, k))))
        classes = _classes(model, k)
    return spread(Z, classes, k)


def spread(Z: NDArray[Any], classes: NDArray[Any], k: int) -> NDArray[Any]:
    """Return log-scores (n, k) from log-scores (n, seen) of the classes with these codes; -inf for other classes."""
    import numpy as np

    if len(classes) == k:
        return Z
    whole = np.full((len(Z), k), -np.inf, dtype=Z.dtype)
    whole[:, np.asarray(classes, dtype=np.int64)] = Z
    return whole


def gives_only_votes(model: Any) -> bool:
    """Whether a classifier only predicts classes, without probabilities or a decision function."""
    return not any(hasattr(model, method) for method in ("log_scores", "predict_proba", "decision_function"))


def _classes(model: Any, k: int) -> NDArray[Any]:
    import numpy as np

    if gives_only_votes(model) or not hasattr(model, "classes_"):
        return np.arange(k)
    return np.asarray(model.classes_)


def _read(model: Any, X: Any, k: int) -> NDArray[Any]:
    import numpy as np

    if hasattr(model, "predict_proba"):
        P = np.nan_to_num(np.asarray(model.predict_proba(X), dtype=np.float64), nan=0.0)
        _check_width(model, P, k)
        nothing = P.sum(axis=1) <= 0
        P[nothing] = 1
        return np.asarray(np.log(np.maximum(P, FLOOR * P.sum(axis=1, keepdims=True))))
    if hasattr(model, "decision_function"):
        D = np.nan_to_num(np.asarray(model.decision_function(X), dtype=np.float64), posinf=1e6, neginf=-1e6)
        D = np.column_stack([np.zeros(len(D)), D]) if D.ndim == 1 else D
        _check_width(model, D, k)
        return D
    codes = np.asarray(model.predict(X)).astype(np.int64)
    if len(codes) and not 0 <= codes.min() <= codes.max() < k:
        raise WeaklabError(f"{type(model).__name__}.predict gave the code {codes.max()}; wanted codes 0 to {k - 1}")
    return np.asarray(np.where(np.arange(k) == codes[:, None], 0.0, -np.inf))


def _check_width(model: Any, scores: NDArray[Any], k: int) -> None:
    if scores.shape[1:] != (len(_classes(model, k)),):
        raise WeaklabError(
            f"{type(getattr(model, 'model', model)).__name__} gave scores of shape {scores.shape} for "
            f"{len(_classes(model, k))} classes; wanted one column per class (of an SVC, decision_function_shape='ovr')"
        )
