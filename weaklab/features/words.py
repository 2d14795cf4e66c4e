"""Sparse features of text: counts of words and of characters."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from weaklab.base import WeaklabError
from weaklab.corpus import Columns, Corpus
from weaklab.features.base import FEATURES, Features, texts_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

    from weaklab.features.base import Matrix

WORDS = r"(?u)\b\w+\b|[!?%$€£#@…]"
"""What counts as a word: letters and digits, and the signs that give a tone away."""


MOST_OF_A_TEXT, MOST_CHARACTERS = 1_000_000, 20_000
"""So many characters of a text are looked at for words, and for parts of words: one huge record must not hold up all."""


@FEATURES.named("tfidf")
class Tfidf(Features):
    """TF-IDF of word n-grams with sublinear counts (scikit-learn's ``TfidfVectorizer``), of the first million characters of a text.

    Parameters
    ----------
    ngrams : (int, int), shortest and longest n-gram
    min_df : int, how many records must hold an n-gram
    max_features : int or None, keep the most frequent
    """

    def __init__(self, ngrams: Sequence[int] = (1, 2), min_df: int = 1, max_features: int | None = 200_000) -> None:
        self.ngrams, self.min_df, self.max_features = tuple(ngrams), min_df, max_features

    def _new(self, vocabulary: dict[str, int] | None = None) -> Any:
        import numpy as np
        from sklearn.feature_extraction.text import TfidfVectorizer

        return TfidfVectorizer(
            ngram_range=self.ngrams,
            min_df=self.min_df,
            max_features=self.max_features,
            sublinear_tf=True,
            dtype=np.float32,
            vocabulary=vocabulary,
            **self._reading(),
        )

    def _reading(self) -> dict[str, Any]:
        """Return how a text is taken apart."""
        return {"token_pattern": WORDS, "preprocessor": partial(_beginning, length=MOST_OF_A_TEXT)}

    def fit(self, corpus: Corpus) -> Tfidf:
        self._vectorizer = self._new()
        try:
            self._vectorizer.fit(texts_of(corpus))
        except ValueError as error:
            raise WeaklabError(f"TF-IDF features of {corpus.name}: {error}; is its text column the right one?") from None
        return self

    def transform(self, batch: pa.RecordBatch) -> Matrix:
        return self._vectorizer.transform(Columns(batch).text)

    def state(self) -> dict[str, Any]:
        vocabulary = self._vectorizer.vocabulary_
        return {"vocabulary": sorted(vocabulary, key=vocabulary.__getitem__), "idf": self._vectorizer.idf_}

    def restore(self, state: Mapping[str, Any]) -> Tfidf:
        self._vectorizer = self._new({word: column for column, word in enumerate(state["vocabulary"])})
        self._vectorizer.idf_ = state["idf"]
        return self


@FEATURES.named("characters")
class Characters(Tfidf):
    """TF-IDF of character n-grams within words, sublinear counts: endings, spellings, parts of compounds.

    Of a long text, the first 20,000 characters count.

    Parameters
    ----------
    ngrams : (int, int), shortest and longest n-gram, in characters; a word has a space before and after it
    min_df : int, how many records must hold an n-gram
    max_features : int or None, keep the most frequent
    """

    def __init__(self, ngrams: Sequence[int] = (2, 4), min_df: int = 2, max_features: int | None = 100_000) -> None:
        super().__init__(ngrams, min_df, max_features)

    def _reading(self) -> dict[str, Any]:
        return {"analyzer": "char_wb", "preprocessor": partial(_beginning, length=MOST_CHARACTERS)}


def _beginning(text: str, length: int) -> str:
    return text[:length].lower()


@FEATURES.named("hashing")
class Hashing(Features):
    """Hashed character n-grams within words (scikit-learn's ``HashingVectorizer``); nothing to fit, memory is bounded."""

    def __init__(self, ngrams: Sequence[int] = (3, 5), n_features: int = 1 << 18) -> None:
        self.ngrams, self.n_features = tuple(ngrams), n_features

    def fit(self, corpus: Corpus) -> Hashing:
        return self

    def transform(self, batch: pa.RecordBatch) -> Matrix:
        import numpy as np
        from sklearn.feature_extraction.text import HashingVectorizer

        vectorizer = HashingVectorizer(
            analyzer="char_wb", ngram_range=self.ngrams, n_features=self.n_features, alternate_sign=False, dtype=np.float32
        )
        return vectorizer.transform(Columns(batch).text)

    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, state: Mapping[str, Any]) -> Hashing:
        return self
