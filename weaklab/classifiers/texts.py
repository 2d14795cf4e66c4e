"""Support for pipelines that read texts, such as ``make_pipeline(TfidfVectorizer(), LogisticRegression())``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from weaklab.core.errors import HeuristicError, WeaklabError
from weaklab.corpus import Columns
from weaklab.features import Features

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from weaklab.corpus import Corpus


def reads_texts(estimator: Any) -> bool:
    """Whether an estimator contains a text vectorizer of scikit-learn, at any depth, so that it needs texts.

    >>> from sklearn.feature_extraction.text import CountVectorizer
    >>> from sklearn.naive_bayes import MultinomialNB
    >>> from sklearn.pipeline import make_pipeline
    >>> reads_texts(make_pipeline(CountVectorizer(), MultinomialNB())), reads_texts(MultinomialNB())
    (True, False)
    """
    if not hasattr(estimator, "get_params"):
        return False
    parts = list(estimator.get_params(deep=True).values())
    if not any(hasattr(part, "build_analyzer") for part in parts):
        return False
    if any(type(part).__name__ == "ColumnTransformer" for part in [estimator, *parts]):
        raise HeuristicError(
            "a pipeline with a ColumnTransformer takes a table, and a weak classifier gives it the text of a record; "
            'use the vectorizer alone in a pipeline, or a classifier with features=["tfidf", "columns"]'
        )
    return True


class Texts(Features):
    """A feature "matrix" of the texts themselves, an array of objects (n, 1), for pipelines with a vectorizer."""

    def reads(self) -> frozenset[str]:
        return frozenset()

    def fit(self, corpus: Corpus) -> Texts:
        if not corpus.roles.text:
            raise WeaklabError(
                f"{corpus.name} has no text column, and the pipeline of a weak classifier reads texts; name the column "
                "with text=, or use a classifier without a text vectorizer"
            )
        return self

    def transform(self, batch: pa.RecordBatch) -> NDArray[np.object_]:
        import numpy as np

        found = np.empty((batch.num_rows, 1), dtype=object)
        found[:, 0] = Columns(batch).text
        return found


class OnTexts:
    """Adapter for an estimator that takes a list of texts; it gets them from the array of :class:`Texts`."""

    def __init__(self, model: Any) -> None:
        self.model = model
        for method in ("predict_proba", "decision_function", "predict"):
            if hasattr(model, method):
                setattr(self, method, self._on_texts(method))

    def fit(self, X: NDArray[np.object_], y: NDArray[Any]) -> OnTexts:
        self.model.fit(X[:, 0].tolist(), y)
        return self

    def _on_texts(self, method: str) -> Callable[[Any], Any]:
        return lambda X: getattr(self.model, method)(X[:, 0].tolist())

    @property
    def classes_(self) -> Any:
        return self.model.classes_
