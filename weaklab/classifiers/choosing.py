"""Logistic regression on sentence vectors and other embeddings: features and penalty are chosen out-of-fold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from weaklab.classifiers.linear import LinearModel, LogisticRegression

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LEAST_LABELS = 50
"""With fewer labels, chance would choose."""
SURE = 2.0
"""Another choice must be better than the first one by so many standard errors."""
MOST_LABELS = 1000
"""The choice is made on at most this many labels."""
LEAST_DENSE = 64
"""Dense features with fewer columns than this are numbers that people made, not embeddings."""
FIRST_C, OTHER_C = 10.0, (1.0, 100.0, 1000.0)
SCALES = (0.25, 0.5, 1.0, 2.0, 4.0)
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
    """Logistic regression that chooses its columns and its penalty by the out-of-fold loss on its labels.

    The first choice is left only for one that is better by more than two standard errors.

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

        columns, C = self._choice(X, y, weight, fold)
        model = LogisticRegression(C)
        Z = model.fit_out_of_fold(_of_columns(X, columns), y, weight, fold)
        self.classes_, self.intercept_ = model.classes_, model.intercept_
        self._n_columns, self._seen = X.shape[1], model._seen + (columns.start or 0)
        self._of_seen, self._of_others = model._of_seen, np.zeros(len(model.classes_))
        return Z

    def _candidates(self, d: int) -> list[tuple[str, slice, float]]:
        """Return names, columns and C of what may be chosen; the first one needs no evidence."""
        everything = slice(0, d)
        if not 0 < self.sentence < d:
            name = SENTENCES if self.sentence else ALL
            return [(name, everything, FIRST_C), *((name, everything, C) for C in OTHER_C)]
        at = d - self.sentence
        return [
            (BOTH, everything, FIRST_C),
            (BOTH, everything, OTHER_C[0]),
            (SENTENCES, slice(at, d), FIRST_C),
            (WORDS, slice(0, at), FIRST_C),
        ]

    def _choice(self, X: Any, y: NDArray[Any], weight: NDArray[Any], fold: NDArray[np.int64]) -> tuple[slice, float]:
        import numpy as np

        candidates = self._candidates(X.shape[1])
        rows = np.arange(min(len(y), MOST_LABELS))
        judged = np.flatnonzero(fold[rows] >= 0)
        best, found = 0.0, candidates[0]
        if len(judged):
            X, y, weight, fold = X[rows], y[rows], weight[rows], fold[rows]
            losses = [self._losses(_of_columns(X, cols), y, weight, fold, C)[judged] for _, cols, C in candidates]
            for candidate, loss in zip(candidates[1:], losses[1:], strict=True):
                gain = losses[0] - loss
                surely = float(gain.mean() - SURE * gain.std() / np.sqrt(len(gain)))
                if surely > best:
                    best, found = surely, candidate
        self.chosen_ = f"{found[0]}, C = {found[2]:g}"
        return found[1], found[2]

    @staticmethod
    def _losses(
        X: Any, y: NDArray[Any], weight: NDArray[Any], fold: NDArray[np.int64], C: float
    ) -> NDArray[np.float64]:
        """Return the log loss of each row, out-of-fold, at the temperature that suits all rows best."""
        import numpy as np

        from weaklab.classifiers.calibration import finite, softmax

        model = LogisticRegression(C)
        Z = finite(model.fit_out_of_fold(X, y, weight, fold))
        code = np.searchsorted(model.classes_, y)
        found = [
            -np.log(np.maximum(softmax(scale * Z)[np.arange(len(y)), code], LEAST_PROBABILITY)) for scale in SCALES
        ]
        return np.asarray(min(found, key=lambda loss: float(loss.sum())))


def _of_columns(X: Any, columns: slice) -> Any:
    return X if columns == slice(0, X.shape[1]) else X[:, columns]
