"""Fast Naive Bayes and logistic regression: training with all folds, and scoring a large pool, in milliseconds."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from weaklab.core.errors import WeaklabError

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[Any]
    Rows = Any  # (n, d), sparse or dense

NO_FOLD = -1
"""Fold number of rows that are used for training in every fold and are never held out."""
LEAST_DENSE, DENSE_SHARE = 64, 0.25
"""Features are embeddings from this many columns on, and a sparse matrix is dense from this share of numbers on."""


class LinearModel:
    """Base class of linear classifiers: log-scores are ``X @ coef_.T + intercept_``, up to a constant per row.

    Coefficients are stored only for columns that are not 0 in some labeled row; all other columns share one coefficient
    per class.

    Attributes
    ----------
    classes_ : int (k,), the codes that occurred in training
    coef_ : float (k, d)
    intercept_ : float (k,)
    """

    classes_: NDArray[np.int64]
    intercept_: NDArray[np.float64]
    _n_columns: int
    _seen: NDArray[np.int64]
    _of_seen: NDArray[np.float64]
    _of_others: NDArray[np.float64]

    @property
    def coef_(self) -> NDArray[np.float64]:
        import numpy as np

        coef = np.repeat(self._of_others[:, None], self._n_columns, axis=1)
        coef[:, self._seen] = self._of_seen
        return coef

    def fit_out_of_fold(self, X: Rows, y: NDArray[Any], weight: Floats, fold: NDArray[np.int64]) -> NDArray[np.float64]:
        """Fit on all rows; return out-of-fold log-scores (n, k), -inf for classes that only the held-out fold has."""
        raise NotImplementedError

    def fit(self, X: Rows, y: NDArray[Any], sample_weight: Floats | None = None) -> Self:
        """Fit to ``X`` (n, d), sparse or dense, and codes ``y`` int (n,); return self."""
        import numpy as np

        weight = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
        self.fit_out_of_fold(X, y, weight, np.full(len(y), NO_FOLD))
        return self

    def log_odds(self, X: Rows, code: int) -> NDArray[Any]:
        """Return the log-scores of a class minus those of the first class: (n,), float32 or float64 as ``X``."""
        import numpy as np

        dtype = np.float32 if X.dtype == np.float32 else np.float64
        slope = np.full(self._n_columns, self._of_others[code] - self._of_others[0], dtype=dtype)
        slope[self._seen] = self._of_seen[code] - self._of_seen[0]
        odds = X @ slope
        odds += dtype(self.intercept_[code] - self.intercept_[0])
        return np.asarray(odds)

    def log_scores(self, X: Rows) -> NDArray[np.float32]:
        """Return log-scores (n, k) minus those of the first class: float32, or float64 for a float64 ``X``.

        Only differences matter, so that k - 1 products of the matrix with a vector are enough; in SciPy these are
        several times faster than one product with a matrix of k columns. The result is in Fortran order, because the
        next steps process one class after the other.
        """
        import numpy as np

        Z = np.zeros(
            (X.shape[0], len(self.classes_)), dtype=np.float32 if X.dtype == np.float32 else np.float64, order="F"
        )
        for code in range(1, len(self.classes_)):
            Z[:, code] = self.log_odds(X, code)
        return Z

    def predict_proba(self, X: Rows) -> NDArray[np.float32]:
        """Return the probabilities of :attr:`classes_`: (n, k)."""
        from weaklab.classifiers.calibration import softmax

        return softmax(self.log_scores(X))


def compact(X: Rows) -> tuple[Any, NDArray[np.int64]]:
    """Return the rows as CSR (n, d_seen) float64 with only those columns that are not all 0, and their numbers.

    >>> import numpy as np
    >>> rows, seen = compact(np.array([[0.0, 2.0, 0.0], [0.0, 0.0, 3.0]]))
    >>> rows.toarray().tolist(), seen.tolist()
    ([[2.0, 0.0], [0.0, 3.0]], [1, 2])
    """
    import numpy as np
    from scipy import sparse

    rows = sparse.csr_array(X)
    held = np.zeros(rows.shape[1], dtype=bool)
    held[rows.indices] = True
    seen = np.flatnonzero(held)
    place = np.empty(len(held), dtype=rows.indices.dtype)
    place[seen] = np.arange(len(seen))
    data = np.asarray(rows.data, dtype=np.float64)
    return sparse.csr_array((data, place[rows.indices], rows.indptr), shape=(rows.shape[0], len(seen))), seen


class TrainingRows:
    """Labeled rows, prepared once for several fits.

    Attributes
    ----------
    rows : float64 (n, d_seen), the columns that are not all 0; dense where ``X`` is a dense matrix with few zeros, else
        CSR
    seen : int (d_seen,), their numbers
    n_columns : d

    Examples
    --------
    >>> import numpy as np
    >>> prepared = TrainingRows(np.array([[1.0, 0.0], [2.0, 0.0]], dtype=np.float32))
    >>> prepared.rows.tolist(), prepared.seen.tolist(), prepared.products.tolist()
    ([[1.0], [2.0]], [0], [[1.0, 2.0], [2.0, 4.0]])
    """

    def __init__(self, X: Rows) -> None:
        import numpy as np
        from scipy import sparse

        self.n_columns = X.shape[1]
        if sparse.issparse(X) or np.count_nonzero(X) < DENSE_SHARE * np.size(X):
            self.rows, self.seen = compact(X)
            return
        self.seen = np.flatnonzero(np.any(X, axis=0))
        seen = X if len(self.seen) == self.n_columns else X[:, self.seen]
        self.rows = np.ascontiguousarray(seen, dtype=np.float64)

    @cached_property
    def products(self) -> NDArray[np.float64]:
        """The inner products of the rows: float64 (n, n)."""
        return inner_products(self.rows)


def inner_products(rows: Any) -> NDArray[np.float64]:
    """Return the inner products of rows (n, d), sparse or dense: float64 (n, n).

    Embeddings in a sparse matrix are multiplied as dense ones, which is a hundred times as fast.

    >>> from scipy import sparse
    >>> inner_products(sparse.csr_array([[1.0, 0.0], [2.0, 1.0]])).tolist()
    [[1.0, 2.0], [2.0, 5.0]]
    """
    import numpy as np

    if isinstance(rows, np.ndarray):
        return np.asarray(rows @ rows.T)
    n, d = rows.shape
    if d < LEAST_DENSE or rows.nnz < DENSE_SHARE * n * d:
        return np.asarray((rows @ rows.T).toarray(), dtype=np.float64)
    dense = rows.toarray().astype(np.float64, copy=False)
    return np.asarray(dense @ dense.T)


class NaiveBayes(LinearModel):
    """Multinomial Naive Bayes with equal class priors, as ``MultinomialNB(alpha=alpha, fit_prior=False)``.

    Counts are summed by fold in one pass; the counts without a fold are the total minus those of the fold.

    Parameters
    ----------
    alpha : number that is added to every count (Lidstone smoothing)

    Examples
    --------
    >>> import numpy as np
    >>> model = NaiveBayes().fit(np.array([[3.0, 0.0], [0.0, 2.0]]), np.array([0, 1]))
    >>> model.predict_proba(np.array([[1.0, 0.0]])).round(2).tolist()
    [[0.96, 0.04]]
    """

    def __init__(self, alpha: float = 0.1) -> None:
        self.alpha = alpha

    def fit_out_of_fold(self, X: Rows, y: NDArray[Any], weight: Floats, fold: NDArray[np.int64]) -> NDArray[np.float64]:
        import numpy as np

        rows, seen = compact(X)
        if len(rows.data) and rows.data.min() < 0:
            raise WeaklabError(
                "naive_bayes takes counts or TF-IDF, and these features have negative values; "
                "use gaussian_naive_bayes or logistic_regression with them"
            )
        self.classes_, code = np.unique(y, return_inverse=True)
        k, d, folds = len(self.classes_), X.shape[1], int(fold.max()) + 1
        row_of = np.repeat(np.arange(len(y)), np.diff(rows.indptr))
        cell = ((fold * k + code)[row_of] % ((folds + 1) * k)) * len(seen) + rows.indices  # NO_FOLD is the last one
        sums = np.bincount(cell, weights=rows.data * weight[row_of], minlength=(folds + 1) * k * len(seen))
        sums = sums.reshape(folds + 1, k, len(seen))
        whole = sums.sum(axis=0)
        self._n_columns, self._seen = d, seen
        self._of_seen, self._of_others = self._log_probability(whole, d)
        self.intercept_ = np.zeros(k)
        if not folds:
            return np.zeros((len(y), k))
        left, _ = self._log_probability(np.maximum(whole - sums[:folds], 0), d)
        told = left.transpose(0, 2, 1)[fold[row_of], rows.indices] * rows.data[:, None]
        Z = np.stack([np.bincount(row_of, weights=told[:, j], minlength=len(y)) for j in range(k)], axis=1)
        members = np.bincount(fold % (folds + 1) * k + code, minlength=(folds + 1) * k).reshape(folds + 1, k)
        absent = members.sum(axis=0) == members
        return np.where(absent[fold], -np.inf, Z)

    def _log_probability(self, counts: NDArray[np.float64], d: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return log P(column | class) for the seen columns, (..., k, d_seen), and for any other column, (..., k)."""
        import numpy as np

        log_total = np.log(counts.sum(axis=-1, keepdims=True) + self.alpha * d)
        return np.log(counts + self.alpha) - log_total, np.log(self.alpha) - log_total[..., 0]


class LogisticRegression(LinearModel):
    """Logistic regression with balanced classes; the same optimum as scikit-learn's, computed much faster.

    With the L2 penalty, the optimal coefficients are a linear combination of the labeled rows (representer theorem:
    Kimeldorf and Wahba, 1971, Some results on Tchebycheffian spline functions, J. Math. Anal. Appl. 33). Labeled rows
    are few and columns are many. So, with fewer rows than columns, the problem is solved in coordinates of the span of
    the rows, which are the rows of the Cholesky factor of ``X @ X.T``. Coefficients of columns that are 0 in all
    labeled rows are 0. All folds are solved at once, starting from the solution for all rows.

    Parameters
    ----------
    C : inverse of the penalty, as in scikit-learn
    tol : the search ends when no entry of the gradient is larger; the loss is a mean over rows

    Examples
    --------
    >>> import numpy as np
    >>> model = LogisticRegression().fit(np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]), np.array([0, 1]))
    >>> model.coef_.round(2).tolist()
    [[0.82, -0.82, 0.0], [-0.82, 0.82, 0.0]]
    """

    MOST_NEWTON = 300
    """Up to this number of unknowns, a two-class problem is solved by Newton's method: few, but expensive steps."""
    MOST_DUAL = 600
    """Up to this number of rows, if there are more columns, a two-class problem is solved by Newton's method with one
    unknown per row."""
    MOST_SPAN = 1000
    """With more rows than this, the (n, n) matrix of the span costs more than it saves."""

    def __init__(self, C: float = 10.0, tol: float = 1e-4) -> None:
        self.C, self.tol = C, tol

    def fit_out_of_fold(self, X: Rows, y: NDArray[Any], weight: Floats, fold: NDArray[np.int64]) -> NDArray[np.float64]:
        return self.fit_prepared(TrainingRows(X), y, weight, fold)

    def fit_prepared(
        self, prepared: TrainingRows, y: NDArray[Any], weight: Floats, fold: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """As :meth:`fit_out_of_fold`, for rows that are prepared for several fits."""
        import numpy as np
        from scipy.linalg import solve_triangular

        rows, seen, n, d = prepared.rows, prepared.seen, len(y), prepared.n_columns
        self.classes_, code = np.unique(y, return_inverse=True)
        k = len(self.classes_)
        columns = 1 if k == 2 else k  # for two classes: the log-odds of the second against the first
        self._n_columns, self._seen, self._of_others = d, seen, np.zeros(k)
        folds = int(fold.max()) + 1
        inside = weight[:, None] * (fold[:, None] != np.arange(folds))
        present = np.stack([inside[code == j].any(axis=0) for j in range(k)], axis=1)
        if k == 2 and n <= min(len(seen), self.MOST_DUAL):
            return self._by_duals(prepared, code, weight, fold, inside, present)
        span = n <= min(len(seen), self.MOST_SPAN)
        A = _span(prepared.products) if span else rows if len(seen) > n else _dense(rows)
        V, b = self._solve(A, code, weight[:, None], np.zeros((A.shape[1], 1, columns)), np.zeros((1, columns)))
        coef = _both(V[:, 0].T, axis=0)
        self._of_seen = (rows.T @ solve_triangular(A, coef.T, trans="T", lower=True)).T if span else coef
        self.intercept_ = _both(b[0], axis=0)
        if not folds:
            return np.zeros((n, k))
        V, b = self._solve(A, code, inside, np.repeat(V, folds, axis=1), np.repeat(b, folds, axis=0))
        Z = (A @ V.reshape(A.shape[1], folds * columns)).reshape(n, folds, columns) + b
        return np.where(present[fold], _both(Z[np.arange(n), fold], axis=1), -np.inf)

    def _by_duals(
        self,
        prepared: TrainingRows,
        code: NDArray[np.int64],
        weight: NDArray[np.float64],
        fold: NDArray[np.int64],
        inside: NDArray[np.float64],
        present: NDArray[np.bool_],
    ) -> NDArray[np.float64]:
        """As :meth:`fit_out_of_fold`, for two classes, in dual form: the unknowns are the weights of the rows."""
        import numpy as np

        K = prepared.products  # of all rows; a fold only needs a part of it
        weights = np.concatenate([weight[:, None], inside], axis=1)
        scales = self.C * self._balanced(code, weights, 2)
        ridges = 1 / np.maximum(scales.sum(axis=0), 1e-300)
        scales *= ridges
        a, b = _dual_newton(K, code, scales[:, 0], ridges[0], np.zeros(len(code)), 0.0, self.tol)
        self._of_seen = _both((prepared.rows.T @ a)[None], axis=0)
        self.intercept_ = _both(np.array([b]), axis=0)
        if not len(present):
            return np.zeros((len(code), 2))
        Z = np.zeros(len(code))
        for number in range(len(present)):
            if present[number].all():
                used, out = np.flatnonzero(inside[:, number]), np.flatnonzero(fold == number)
                between = K[used].take(used, axis=1)
                part, b_part = _dual_newton(
                    between, code[used], scales[used, number + 1], ridges[number + 1], a[used], b, self.tol
                )
                Z[out] = K[out].take(used, axis=1) @ part + b_part
        return np.where(present[fold], _both(Z[:, None], axis=1), -np.inf)

    def _balanced(self, code: NDArray[np.int64], weight: NDArray[np.float64], k: int) -> NDArray[np.float64]:
        """Scale the row weights of every problem so that all its classes have the same total: float (n, problems)."""
        import numpy as np

        by_class = np.stack([weight[code == j].sum(axis=0) for j in range(k)])
        share = weight.sum(axis=0) / ((by_class > 0).sum(axis=0) * np.where(by_class > 0, by_class, 1))
        return np.asarray(weight * share[code])

    def _solve(
        self,
        A: Any,
        code: NDArray[np.int64],
        weight: NDArray[np.float64],
        V0: NDArray[np.float64],
        b0: NDArray[np.float64],
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Minimise, for each column of ``weight`` (n, p), C sum_i weight_i loss_i + |V|^2 / 2.

        Return V (r, p, c) and b (p, c). The p problems are independent, so that they can be solved together, as one
        problem with the variables of all.
        """
        import numpy as np
        from scipy.optimize import minimize

        n, (r, p, c) = len(code), V0.shape
        k = int(code.max()) + 1
        # (p, k): a class without rows is left out of a problem
        held = np.stack([weight[code == j].any(axis=0) for j in range(k)], axis=1)
        scale = self.C * self._balanced(code, weight, k) * (held.sum(axis=1) > 1)
        # divided by the sum of the weights, each loss is a mean over rows, and one tolerance fits all problems
        size = np.maximum(scale.sum(axis=0), 1e-300)
        scale, ridge = scale / size, np.repeat(1 / size, c)
        if c == 1 and r <= self.MOST_NEWTON:
            found = _newton(A, code, scale, 1 / size, np.vstack([V0[:, :, 0], b0.T]), self.tol)
            return found[:-1, :, None], found[-1][:, None]
        row_loss = _two_class_loss(code) if c == 1 else _softmax_loss(code, np.where(held, 0.0, -np.inf))
        At, end = A.T, r * p * c

        def loss(theta: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            V, b = theta[:end].reshape(r, p * c), theta[end:]
            each, D = row_loss((A @ V + b).reshape(n, p, c))
            D *= scale[:, :, None]
            pull = ridge * V
            gradient = np.empty_like(theta)
            gradient[:end] = (At @ D.reshape(n, p * c) + pull).ravel()
            gradient[end:] = D.sum(axis=0).ravel()
            return float(np.vdot(scale, each) + 0.5 * np.vdot(pull, V)), gradient

        start = np.concatenate([V0.ravel(), b0.ravel()])
        found = minimize(
            loss,
            start,
            jac=True,
            method="L-BFGS-B",
            options={"gtol": self.tol, "ftol": 64 * np.finfo(float).eps, "maxiter": 500},
        ).x
        return found[:end].reshape(r, p, c), found[end:].reshape(p, c)


def _dual_newton(
    K: NDArray[np.float64],
    code: NDArray[np.int64],
    scale: NDArray[np.float64],
    ridge: float,
    a: NDArray[np.float64],
    b: float,
    tol: float,
) -> tuple[NDArray[np.float64], float]:
    """Minimise sum_i scale_i loss_i(K a + b) + ridge / 2 a' K a over a (n,) and b by Newton's method.

    A step that increases the loss is halved. ``K`` (n, n) contains the inner products of the rows. It may be singular,
    so the equations of a step are not solved with K itself, but as in algorithm 3.1 of Rasmussen and Williams (2006),
    Gaussian processes for machine learning: with H the second derivatives divided by ``ridge``, the matrix
    1 + H^1/2 K H^1/2 is factored, which is always well conditioned. The search ends when the length of the gradient, in
    the space of the columns, is at most ``tol``.
    """
    import numpy as np
    from scipy.linalg.lapack import dposv
    from scipy.special import expit

    sign = 2.0 * code - 1
    q = np.empty((2, len(a))).T

    def loss(a: NDArray[np.float64], Ka: NDArray[np.float64], odds: NDArray[np.float64]) -> float:
        return float(scale @ np.logaddexp(0, -sign * odds)) + 0.5 * ridge * float(a @ Ka)

    Ka = K @ a
    odds = Ka + b
    before = loss(a, Ka, odds)
    for _ in range(100):
        P = expit(odds)
        slope = scale * (P - code)
        # the gradient for the coefficients X' a is X' residual; its squared length is residual' K residual
        residual = slope + ridge * a
        if residual @ (K @ residual) <= tol**2 and abs(slope.sum()) <= tol:
            break
        h = scale * P
        h *= 1 - P
        h /= ridge
        root = np.sqrt(h)
        B = root[:, None] * K
        B *= root
        B.ravel()[:: len(a) + 1] += 1
        q[:, 0], q[:, 1] = h * Ka - slope / ridge, h
        solved = dposv(B.T, root[:, None] * (K @ q), lower=1, overwrite_a=1, overwrite_b=1)[1]
        u, v = q[:, 0] - root * solved[:, 0], q[:, 1] - root * solved[:, 1]
        total = v.sum()
        step_b = float(u.sum() / total) if total > 0 else 0.0
        u -= step_b * v  # the new a after a full step
        Ku, size = K @ u, 1.0
        while True:
            there, K_there, b_there = (
                (a + size * (u - a), Ka + size * (Ku - Ka), b + size * step_b) if size < 1 else (u, Ku, b + step_b)
            )
            odds = K_there + b_there
            now = loss(there, K_there, odds)
            if now <= before + 1e-12 or size < 1e-10:
                break
            size /= 2
        a, Ka, b, before = there, K_there, b_there, now
    return a, b


def _newton(
    A: Any,
    code: NDArray[np.int64],
    scale: NDArray[np.float64],
    ridge: NDArray[np.float64],
    start: NDArray[np.float64],
    tol: float,
) -> NDArray[np.float64]:
    """Minimise the two-class loss of each column of ``scale`` (n, p) by Newton's method.

    A step that increases the loss is halved. ``A`` is (n, r). ``start`` and the result are (r + 1, p), with the
    intercepts last. The search ends when no entry of a gradient is larger than ``tol``.
    """
    import numpy as np
    from scipy.special import expit

    B = np.hstack([_dense(A), np.ones((len(code), 1))])
    single = B.astype(np.float32)
    pull = np.tile(ridge, (B.shape[1], 1))
    pull[-1] = 0
    sign, T = (2.0 * code - 1)[:, None], start

    def losses(T: NDArray[np.float64], Z: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray((scale * np.logaddexp(0, -sign * Z)).sum(axis=0) + 0.5 * (pull * T**2).sum(axis=0))

    Z = B @ T
    before = losses(T, Z)
    for _ in range(100):
        P = expit(Z)
        gradient = B.T @ (scale * (P - code[:, None])) + pull * T
        open_ = np.flatnonzero(np.abs(gradient).max(axis=0) > tol)
        if not len(open_):
            break
        step = np.zeros_like(T)
        curvature = scale * P * (1 - P)
        for j in open_.tolist():
            ridges = pull[:, j] + 1e-12 * ridge[j]  # a tiny ridge on the intercept, in case a problem has no rows
            step[:, j] = _newton_step(B, single, np.sqrt(curvature[:, j]), ridges, gradient[:, j])
        size = np.ones(T.shape[1])
        while True:
            new = T - size * step
            Z = B @ new
            now = losses(new, Z)
            worse = now > before + 1e-12
            if not worse.any() or size.min() < 1e-10:
                break
            size[worse] /= 2
        T, before = new, now
    return T


def _newton_step(
    B: NDArray[np.float64],
    single: NDArray[np.float32],
    root: NDArray[np.float64],
    ridge: NDArray[np.float64],
    gradient: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Solve ((root B)' (root B) + diag(ridge)) x = gradient, in single precision if the matrix allows it.

    Single precision is enough for a step, because the search ends by the gradient, which is exact.
    """
    import numpy as np
    from scipy.linalg import LinAlgError, cho_factor, cho_solve
    from scipy.linalg.blas import dsyrk, ssyrk

    try:
        H = ssyrk(1.0, (single * root[:, None].astype(np.float32)).T, lower=1)  # the lower half is enough
        H.flat[:: len(H) + 1] += ridge
        return np.asarray(
            cho_solve(cho_factor(H, lower=True, overwrite_a=True, check_finite=False), gradient, check_finite=False)
        )
    except LinAlgError:
        H = dsyrk(1.0, (B * root[:, None]).T, lower=1)
        H.flat[:: len(H) + 1] += ridge
        return np.asarray(
            cho_solve(cho_factor(H, lower=True, overwrite_a=True, check_finite=False), gradient, check_finite=False)
        )


def _both(Z: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """Return log-scores of all classes; log-odds z of two classes become -z / 2 and z / 2."""
    import numpy as np

    return np.concatenate([-Z / 2, Z / 2], axis=axis) if Z.shape[axis] == 1 else Z


def _two_class_loss(code: NDArray[np.int64]) -> Callable[[NDArray[Any]], tuple[NDArray[Any], NDArray[Any]]]:
    """Return a function from log-odds (n, p, 1) to losses (n, p) and their derivatives (n, p, 1)."""
    import numpy as np

    sign = (2.0 * code - 1)[:, None]

    def row_loss(Z: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        margin = sign * Z[:, :, 0]
        small = np.exp(-np.abs(margin))
        each = np.log1p(small) - np.minimum(margin, 0)
        wrong = np.where(margin > 0, small, 1.0) / (1 + small)
        return each, (-sign * wrong)[:, :, None]

    return row_loss


def _softmax_loss(
    code: NDArray[np.int64], shut: NDArray[Any]
) -> Callable[[NDArray[Any]], tuple[NDArray[Any], NDArray[Any]]]:
    """Return a function from log-scores (n, p, k) to losses (n, p) and derivatives (n, p, k).

    ``shut`` (p, k) is -inf for classes that are left out of a problem, else 0; rows of these classes have loss 0.
    """
    import numpy as np

    every = np.arange(len(code))

    def row_loss(Z: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        Z += shut
        Z -= Z.max(axis=2, keepdims=True)
        own = Z[every, :, code]
        np.exp(Z, out=Z)
        total = Z.sum(axis=2, keepdims=True)
        Z /= total
        Z[every, :, code] -= 1
        return np.where(np.isfinite(own), np.log(total[:, :, 0]) - own, 0), Z

    return row_loss


def _dense(rows: Any) -> NDArray[np.float64]:
    """Return a matrix, sparse or dense, as a dense one."""
    import numpy as np

    return np.asarray(rows.toarray() if hasattr(rows, "toarray") else rows)


def _span(K: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a lower triangular (n, n) matrix whose rows have the inner products ``K`` with each other.

    A tiny ridge makes the Cholesky factorisation possible if rows are equal.
    """
    import numpy as np

    mean = np.trace(K) / len(K)
    return np.asarray(np.linalg.cholesky(K + 1e-10 * max(mean, 1e-300) * np.eye(len(K))))
