"""Sparse features of text: TF-IDF of words or characters, and hashed character n-grams."""

from __future__ import annotations

from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from weaklab.core.errors import WeaklabError
from weaklab.corpus import Columns, Corpus
from weaklab.features.base import FEATURES, Features, texts_of
from weaklab.features.grams import FEW_TEXTS, TEXT_CHARACTERS, WORDS, Grams, learned

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

    from weaklab.features.base import Matrix

MOST_OF_A_TEXT, MOST_CHARACTERS = 1_000_000, 20_000
"""Only this many first characters of a text are used for word and for character n-grams, so that one huge record does
not slow down all others."""


@FEATURES.named("tfidf")
class Tfidf(Features):
    """TF-IDF of word n-grams with sublinear counts (scikit-learn's ``TfidfVectorizer``).

    Only the first million characters of a text are used.

    Parameters
    ----------
    ngrams : (int, int), shortest and longest n-gram
    min_df : int, number of records that must contain an n-gram
    max_features : int or None, number of the most frequent n-grams to keep
    """

    def __init__(self, ngrams: Sequence[int] = (1, 2), min_df: int = 1, max_features: int | None = 200_000) -> None:
        self.ngrams, self.min_df, self.max_features = tuple(ngrams), min_df, max_features

    _by_word, _most = True, MOST_OF_A_TEXT
    _state: Mapping[str, Any]
    _grams: Grams | None = None
    _seen = 0

    @cached_property
    def _vectorizer(self) -> Any:
        """The vectorizer of a state that was restored, made when there are texts to transform."""
        made = self._new({word: column for column, word in enumerate(self._state["vocabulary"])})
        made.idf_ = self._state["idf"]
        return made

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
            preprocessor=partial(_beginning, length=self._most),
            **({"token_pattern": WORDS} if self._by_word else {"analyzer": "char_wb"}),
        )

    def reads(self) -> frozenset[str]:
        return frozenset()

    def fit(self, corpus: Corpus) -> Tfidf:
        if self._learn(corpus) is None:
            self._forget(self._new())
            try:
                self._vectorizer.fit(texts_of(corpus))
            except ValueError as error:
                raise WeaklabError(
                    f"TF-IDF features of {corpus.name}: {error}; is its text column the right one?"
                ) from None
        return self

    def fit_transform(self, corpus: Corpus) -> Matrix:
        counts = self._learn(corpus)
        return self.fit(corpus).transform_corpus(corpus) if counts is None else self._weighed(counts)

    def _learn(self, corpus: Corpus) -> Matrix | None:
        """Fit to many texts and return their counts.

        Return None to leave it to scikit-learn: for few texts, or if its error message is needed.
        """
        from sklearn.feature_extraction.text import TfidfTransformer

        ngrams = self._range()
        if ngrams is None or not self._is_large(corpus):
            return None
        batches = (self._beginnings(batch) for batch in corpus.batches())
        words, counts = learned(batches, ngrams, self._by_word, self.min_df, self.max_features)
        if not words:
            return None
        self.restore({"vocabulary": words, "idf": TfidfTransformer().fit(counts).idf_})
        return counts

    def _range(self) -> tuple[int, int] | None:
        """Return the n-gram lengths if the compiled loops support all settings, else None."""
        numbers: tuple[object, ...] = (*self.ngrams, self.min_df, 1 if self.max_features is None else self.max_features)
        plain = (
            len(self.ngrams) == 2
            and all(isinstance(n, int) and n > 0 for n in numbers)
            and self.ngrams[0] <= self.ngrams[1]
        )
        return (self.ngrams[0], self.ngrams[1]) if plain else None

    def _is_large(self, corpus: Corpus) -> bool:
        """Whether there are at least :data:`FEW_TEXTS` texts, without reading more than needed."""
        texts = 0
        return any((texts := texts + self._texts(batch)) >= FEW_TEXTS for batch in corpus.batches())

    def _texts(self, batch: pa.RecordBatch) -> int:
        """Return the number of texts that a batch is counted as, by their length."""
        if batch.num_rows >= FEW_TEXTS:
            return int(batch.num_rows)
        return sum(max(1, min(len(text), self._most) // TEXT_CHARACTERS) for text in Columns(batch).text)

    def _beginnings(self, batch: pa.RecordBatch) -> list[str]:
        return [_beginning(text, self._most) for text in Columns(batch).text]

    def transform(self, batch: pa.RecordBatch) -> Matrix:
        if self._grams is None:
            self._seen += self._texts(batch)
        if self._grams is None and self._seen >= FEW_TEXTS and (ngrams := self._range()) is not None:
            self._grams = Grams(ngrams, self._by_word, self.state()["vocabulary"])
        if self._grams is None or not batch.num_rows:
            return self._vectorizer.transform(Columns(batch).text)
        return self._weighed(self._grams.counts(self._beginnings(batch)))

    def _weighed(self, counts: Matrix) -> Matrix:
        return self._vectorizer._tfidf.transform(counts, copy=False)

    def state(self) -> dict[str, Any]:
        if "_vectorizer" not in vars(self) and "_state" in vars(self):
            return dict(self._state)
        vocabulary = self._vectorizer.vocabulary_
        return {"vocabulary": sorted(vocabulary, key=vocabulary.__getitem__), "idf": self._vectorizer.idf_}

    def restore(self, state: Mapping[str, Any]) -> Tfidf:
        vars(self).pop("_vectorizer", None)
        self._state, self._grams, self._seen = state, None, 0
        return self

    def _forget(self, vectorizer: Any) -> None:
        vars(self).pop("_state", None)
        self._vectorizer, self._grams, self._seen = vectorizer, None, 0

    def __getstate__(self) -> dict[str, Any]:
        made_again = {"_grams", "_vectorizer"} if "_state" in vars(self) else {"_grams"}
        return {name: value for name, value in vars(self).items() if name not in made_again}


@FEATURES.named("characters")
class Characters(Tfidf):
    """TF-IDF of character n-grams inside words, sublinear counts: captures endings, spellings, parts of compounds.

    Only the first 20,000 characters of a text are used.

    Parameters
    ----------
    ngrams : (int, int), shortest and longest n-gram, in characters; a word has a space before and after it
    min_df : int, number of records that must contain an n-gram
    max_features : int or None, number of the most frequent n-grams to keep
    """

    _by_word, _most = False, MOST_CHARACTERS

    def __init__(self, ngrams: Sequence[int] = (2, 4), min_df: int = 2, max_features: int | None = 100_000) -> None:
        super().__init__(ngrams, min_df, max_features)


def _beginning(text: str, length: int) -> str:
    return text[:length].lower()


@FEATURES.named("hashing")
class Hashing(Features):
    """Hashed character n-grams inside words (``HashingVectorizer`` of scikit-learn): no fitting, limited memory."""

    def __init__(self, ngrams: Sequence[int] = (3, 5), n_features: int = 1 << 18) -> None:
        self.ngrams, self.n_features = tuple(ngrams), n_features

    def reads(self) -> frozenset[str]:
        return frozenset()

    @property
    def per_record(self) -> bool:
        return True

    def fit(self, corpus: Corpus) -> Hashing:
        return self

    def transform(self, batch: pa.RecordBatch) -> Matrix:
        import numpy as np
        from sklearn.feature_extraction.text import HashingVectorizer

        vectorizer = HashingVectorizer(
            analyzer="char_wb",
            ngram_range=self.ngrams,
            n_features=self.n_features,
            alternate_sign=False,
            dtype=np.float32,
        )
        return vectorizer.transform(Columns(batch).text)

    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, state: Mapping[str, Any]) -> Hashing:
        return self
