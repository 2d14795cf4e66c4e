"""Variants of scikit-learn classifiers that also work with sparse features, unbalanced classes or few records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from weaklab.classifiers.linear import compact

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[Any]


def balanced(y: NDArray[Any], weight: Floats | None = None) -> NDArray[np.float64]:
    """Return sample weights (n,) with the same total for every class; their sum is that of ``weight``, by default n.

    >>> import numpy as np
    >>> balanced(np.array([0, 0, 0, 1])).round(2).tolist()
    [0.67, 0.67, 0.67, 2.0]
    """
    import numpy as np

    _, code = np.unique(y, return_inverse=True)
    weight = np.ones(len(y)) if weight is None else np.asarray(weight, dtype=np.float64)
    by_class = np.bincount(code, weights=weight)
    share = weight.sum() / ((by_class > 0).sum() * np.where(by_class > 0, by_class, 1))
    return np.asarray(weight * share[code])


class GaussianBayes:
    """Gaussian Naive Bayes (scikit-learn's ``GaussianNB``) with equal class priors, also for sparse features.

    A column that is 0 in all labeled records has mean 0 and the smallest variance in every class, so it has no effect.
    Only the other columns are made dense, and only for the labeled records. A pool is scored with products of its
    values and their squares, and stays sparse.

    Parameters
    ----------
    var_smoothing : this share of the largest column variance is added to all variances
    """

    def __init__(self, var_smoothing: float = 1e-3) -> None:
        self.var_smoothing = var_smoothing

    def fit(self, X: Any, y: NDArray[Any], sample_weight: Floats | None = None) -> Self:
        import numpy as np
        from sklearn.naive_bayes import GaussianNB

        rows, self._seen = compact(X)
        self.classes_ = np.unique(y)
        self._mean, self._variance = np.zeros((len(self.classes_), 0)), np.ones((len(self.classes_), 0))
        if len(self._seen):
            model = GaussianNB(var_smoothing=self.var_smoothing).fit(rows.toarray(), y, balanced(y, sample_weight))
            self._mean, self._variance = model.theta_, np.maximum(model.var_, np.finfo(np.float32).tiny)
        return self

    def log_scores(self, X: Any) -> NDArray[np.float64]:
        """Return log p(x | class) (n, k), without terms that are the same for all classes."""
        import numpy as np
        from scipy import sparse

        if sparse.issparse(X):
            rows = sparse.csr_array(X)[:, self._seen].astype(np.float64)
            squares = rows.copy()
            squares.data **= 2
        else:
            rows = np.asarray(X, dtype=np.float64)[:, self._seen]
            squares = rows**2
        constant = -0.5 * (np.log(self._variance) + self._mean**2 / self._variance).sum(axis=1)
        return np.asarray(squares @ (-0.5 / self._variance).T + rows @ (self._mean / self._variance).T + constant)


class Neighbors:
    """Vote of the nearest labeled records by cosine, weighted by 1 / distance, with balanced classes.

    Parameters
    ----------
    n_neighbors : number of neighbours; all records if there are fewer
    """

    NEAREST = 1e-3
    """Lower limit of the distance, so that one identical record does not outweigh all others."""

    def __init__(self, n_neighbors: int = 5) -> None:
        self.n_neighbors = n_neighbors

    def fit(self, X: Any, y: NDArray[Any], sample_weight: Floats | None = None) -> Self:
        import numpy as np
        from sklearn.preprocessing import normalize

        self._rows = normalize(X)
        self.classes_, code = np.unique(y, return_inverse=True)
        self._votes = np.eye(len(self.classes_))[code] * balanced(y, sample_weight)[:, None]
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        import numpy as np
        from scipy import sparse
        from sklearn.preprocessing import normalize

        likeness = normalize(X) @ self._rows.T
        distance = 1 - np.asarray(likeness.toarray() if sparse.issparse(likeness) else likeness, dtype=np.float64)
        count = min(self.n_neighbors, distance.shape[1])
        nearest = np.argsort(distance, axis=1, kind="stable")[:, :count]
        closeness = 1 / np.maximum(np.take_along_axis(distance, nearest, axis=1), self.NEAREST)
        votes = np.einsum("ij,ijk->ik", closeness, self._votes[nearest])
        total = votes.sum(axis=1, keepdims=True)
        return np.asarray(votes / np.where(total > 0, total, 1))


class Network:
    """scikit-learn's ``MLPClassifier`` with one hidden layer, trained in the span of the labeled records.

    Directions outside this span do not change any weight in training, so that nothing is lost if there are more columns
    than labels. Records are repeated in proportion to their weights, more often for small classes.

    Parameters
    ----------
    seed : seed of the initial weights
    hidden : number of hidden units
    """

    MOST_COPIES = 20
    """A record is repeated at most this often."""

    def __init__(self, seed: int = 0, hidden: int = 50) -> None:
        self.seed, self.hidden = seed, hidden

    def fit(self, X: Any, y: NDArray[Any], sample_weight: Floats | None = None) -> Self:
        import numpy as np
        from sklearn.neural_network import MLPClassifier

        self._basis = _basis(X) if X.shape[1] > X.shape[0] else None
        weight = balanced(y, sample_weight)
        copies = np.rint(weight / max(weight[weight > 0].min(), weight.max() / self.MOST_COPIES)).astype(np.int64)
        rows = np.repeat(np.arange(len(y)), copies)
        model = MLPClassifier((self.hidden,), solver="lbfgs", random_state=self.seed)
        self._model = model.fit(self._coordinates(X)[rows], y[rows])
        self.classes_ = model.classes_
        return self

    def _coordinates(self, X: Any) -> NDArray[np.float64]:
        import numpy as np
        from scipy import sparse

        if self._basis is None:
            return np.asarray(X.toarray() if sparse.issparse(X) else X, dtype=np.float64)
        return np.asarray(X @ self._basis, dtype=np.float64)

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        import numpy as np

        return np.asarray(self._model.predict_proba(self._coordinates(X)))


def _basis(X: Any) -> NDArray[np.float64]:
    """Return orthonormal directions (d, r) that span the rows of ``X`` (n, d)."""
    import numpy as np
    from scipy import sparse

    rows = sparse.csr_array(X, dtype=np.float64)
    values, vectors = np.linalg.eigh((rows @ rows.T).toarray())
    held = values > max(values[-1], np.finfo(float).tiny) * 1e-9
    held[-1] = True  # if all rows are 0, one column is still needed
    return np.asarray(rows.T @ (vectors[:, held] / np.sqrt(np.maximum(values[held], np.finfo(float).tiny))))
