"""Logistic regression on sentence vectors and other embeddings: features and penalty are chosen out-of-fold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from weaklab.classifiers.linear import LEAST_DENSE, LinearModel, LogisticRegression, TrainingRows, inner_products

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    Candidate = tuple[str, slice, float, NDArray[np.float64]]
    Fits = dict[float, tuple[LogisticRegression, NDArray[np.float64]]]

LEAST_LABELS = 50
"""With fewer labels, chance would choose."""
SURE = 2.0
"""Another choice must be better than the first one by so many standard errors."""
MOST_LABELS, MOST_MIXED = 1000, 500
"""The choice of a penalty, and of words or sentences, is made on at most this many labels."""
FIRST_C, OTHER_C = 10.0, (1.0, 100.0, 1000.0)
SCALES, RIDGE_SCALES = (0.25, 0.5, 1.0, 2.0, 4.0), (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
CONSTANT = 100.0
"""The square of the constant column of ridge regression: large, so that it is hardly penalised."""
MANY_CLASSES = 10
LEAST_PROBABILITY = 1e-3
ALL, WORDS, SENTENCES, BOTH = "all features", "words", "sentences", "words and sentences"


def has_choice(X: Any, sentence: int, n_labels: int) -> bool:
    """Whether there is something to choose: sentence vectors, or dense features with many columns.

    >>> import numpy as np
    >>> has_choice(np.zeros((60, 384)), 0, 60), has_choice(np.zeros((60, 5)), 0, 60)
    (True, False)
    """
    from scipy import sparse

    dense = not sparse.issparse(X) and X.shape[1] >= LEAST_DENSE
    return n_labels >= LEAST_LABELS and (sentence > 0 or dense)


class ChosenLogisticRegression(LinearModel):
    """Logistic regression that chooses its columns or its penalty by the out-of-fold loss on its labels.

    Words and sentence vectors are chosen among by ridge regression, which has a solution in closed form; the penalty by
    logistic regression itself, where all columns are of one kind. The first choice is left only for one that is better
    by more than two standard errors.

    Parameters
    ----------
    sentence : number of the last columns that are sentence vectors

    Attributes
    ----------
    chosen_ : what it uses, and its C

    Examples
    --------
    >>> import numpy as np
    >>> X, y = np.random.default_rng(0).normal(size=(60, 64)), np.arange(60) % 2
    >>> X[:, 0] += 3 * y
    >>> model = ChosenLogisticRegression()
    >>> _ = model.fit_out_of_fold(X, y, np.ones(60), np.arange(60) % 5)
    >>> model.chosen_.split(", ")[0]
    'all features'
    """

    def __init__(self, sentence: int = 0) -> None:
        self.sentence = sentence

    def fit_out_of_fold(
        self, X: Any, y: NDArray[Any], weight: NDArray[Any], fold: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        import numpy as np

        fits: Fits = {}
        columns, C = self._choice(X, y, weight, fold, fits)
        if C in fits and len(y) <= MOST_LABELS:
            model, Z = fits[C]
        else:
            model = LogisticRegression(C)
            Z = model.fit_out_of_fold(_of_columns(X, columns), y, weight, fold)
        self.classes_, self.intercept_ = model.classes_, model.intercept_
        self._n_columns, self._seen = X.shape[1], model._seen + (columns.start or 0)
        self._of_seen, self._of_others = model._of_seen, np.zeros(len(model.classes_))
        return Z

    def log_scores(self, X: Any) -> NDArray[np.float32]:
        """Return log-scores (n, k) minus those of the first class; with many classes, of both kinds of columns apart.

        A product of dense vectors with many columns is much faster than one of the same numbers in a sparse matrix.
        """
        import numpy as np
        from scipy import sparse

        from weaklab.features.embeddings import split_columns

        if len(self.classes_) < MANY_CLASSES or not self.sentence or not sparse.issparse(X):
            return super().log_scores(X)
        at, coef = X.shape[1] - self.sentence, self.coef_
        slope = (coef - coef[0]).T.astype(X.dtype)
        words, vectors = split_columns(X, self.sentence)
        Z = vectors @ slope[at:] + (self.intercept_ - self.intercept_[0]).astype(X.dtype)
        if slope[:at].any():
            Z += words @ slope[:at]
        return np.asfortranarray(Z)

    def _choice(
        self, X: Any, y: NDArray[Any], weight: NDArray[Any], fold: NDArray[np.int64], fits: Fits
    ) -> tuple[slice, float]:
        """Return which columns are used, and C; ``fits`` gets what was fitted for the choice, by C."""
        d = X.shape[1]
        mixed = 0 < self.sentence < d
        rows = slice(0, MOST_MIXED if mixed else MOST_LABELS)
        given = X[rows], y[rows], weight[rows], fold[rows]
        found = self._mixed_losses(*given) if mixed else self._penalty_losses(*given, fits)
        judged, first = given[3] >= 0, found[0]
        best, chosen = 0.0, first
        for candidate in found[1:] if judged.any() else ():
            gain = (first[3] - candidate[3])[judged]
            surely = float(gain.mean() - SURE * gain.std() / len(gain) ** 0.5)
            if surely > best:
                best, chosen = surely, candidate
        self.chosen_ = f"{chosen[0]}, C = {chosen[2]:g}"
        return chosen[1], chosen[2]

    def _penalty_losses(
        self, X: Any, y: NDArray[Any], weight: NDArray[Any], fold: NDArray[np.int64], fits: Fits
    ) -> list[Candidate]:
        """Return name, columns, C and the losses of the rows for each C; the first one needs no evidence."""
        name, columns, prepared = SENTENCES if self.sentence else ALL, slice(0, X.shape[1]), TrainingRows(X)
        for C in (FIRST_C, *OTHER_C):
            model = LogisticRegression(C)
            fits[C] = model, model.fit_prepared(prepared, y, weight, fold)
        return [(name, columns, C, self._losses(model, Z, y)) for C, (model, Z) in fits.items()]

    def _mixed_losses(self, X: Any, y: NDArray[Any], weight: NDArray[Any], fold: NDArray[np.int64]) -> list[Candidate]:
        """Return name, columns, C and the losses of the rows for words, sentences and both; both need no evidence."""
        import numpy as np
        from scipy import sparse

        d, at = X.shape[1], X.shape[1] - self.sentence
        _, code = np.unique(y, return_inverse=True)
        columns = {WORDS: slice(0, at), SENTENCES: slice(at, d)}
        alike = {name: inner_products(sparse.csr_array(X[:, of])) for name, of in columns.items()}
        alike = {BOTH: alike[WORDS] + alike[SENTENCES], **alike}
        return [
            (name, columns.get(name, slice(0, d)), FIRST_C, _ridge_losses(K, code, weight, fold))
            for name, K in alike.items()
        ]

    @staticmethod
    def _losses(model: LogisticRegression, Z: NDArray[np.float64], y: NDArray[Any]) -> NDArray[np.float64]:
        """Return the log loss of each row, out-of-fold, at the temperature that suits all rows best."""
        import numpy as np

        from weaklab.classifiers.calibration import finite

        return _least_losses(finite(Z), np.searchsorted(model.classes_, y), SCALES)


def _least_losses(Z: NDArray[Any], code: NDArray[np.int64], scales: Sequence[float]) -> NDArray[np.float64]:
    """Return the log loss of each row at the scale of the scores (n, k) that suits all rows best."""
    import numpy as np

    from weaklab.classifiers.calibration import softmax

    every = np.arange(len(code))
    found = [-np.log(np.maximum(softmax(scale * Z)[every, code], LEAST_PROBABILITY)) for scale in scales]
    return np.asarray(min(found, key=lambda loss: float(loss.sum())))


def _ridge_losses(
    K: NDArray[np.float64], code: NDArray[np.int64], weight: NDArray[Any], fold: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the log loss of each row, out-of-fold, of ridge regression of the classes, by the inner products K."""
    import numpy as np

    from weaklab.classifiers.variants import balanced

    k, F = int(code.max()) + 1, np.zeros((len(code), int(code.max()) + 1))
    T = np.eye(k)[code] - 1 / k
    K = K + CONSTANT
    for number in range(int(fold.max()) + 1):
        out, inside = np.flatnonzero(fold == number), np.flatnonzero((fold != number) & (weight > 0))
        if len(inside):
            noise = 1 / balanced(code[inside], weight[inside])
            solved = np.linalg.solve(K[np.ix_(inside, inside)] + np.diag(noise), T[inside])
            F[out] = K[np.ix_(out, inside)] @ solved
    return _least_losses(F, code, RIDGE_SCALES)


def _of_columns(X: Any, columns: slice) -> Any:
    return X if columns == slice(0, X.shape[1]) else X[:, columns]
