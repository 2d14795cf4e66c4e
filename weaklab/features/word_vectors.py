"""Dense features of text: word and document vectors that gensim trains on the corpus."""

from __future__ import annotations

import abc
import re
import zlib
from collections import Counter
from typing import TYPE_CHECKING, Any

from weaklab.core.errors import WeaklabError
from weaklab.corpus import Columns, Corpus
from weaklab.features.base import FEATURES, Features, texts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from weaklab.features.base import Matrix

    Floats = NDArray[np.float32]


def tokens(text: str) -> list[str]:
    """Return the words of a text in lower case.

    >>> tokens("It's 9 o'clock")
    ['it', 's', '9', 'o', 'clock']
    """
    return re.findall(r"\w+", text.lower())


def _hash(text: str) -> int:
    """Return a hash that is the same in every process, unlike Python's own."""
    return zlib.crc32(text.encode("utf-8", "surrogatepass"))


def _shuffled_words(corpus: Corpus) -> list[list[str]]:
    """Return the words of every text; the texts are in a random order that does not depend on the order of the records.

    The result of gensim depends on the order of the texts. Alphabetical order would put similar texts together.
    """
    return [tokens(text) for text in sorted(texts_of(corpus), key=lambda text: (_hash(text), text))]


def _unit_rows(rows: NDArray[Any]) -> Floats:
    import numpy as np

    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths > 0, lengths, 1), dtype=np.float32)


def _gensim(model: Callable[..., Any], corpus: Corpus, **settings: Any) -> Any:
    """Train a gensim model in one thread, so that the same seed gives the same model."""
    try:
        return model(workers=1, hashfxn=_hash, **settings)
    except RuntimeError as error:
        raise WeaklabError(
            f"{model.__name__} features of {corpus.name}: {error}; lower min_count or use 'tfidf'"
        ) from None


class WordVectors(Features):
    """Base class: a text is the mean of the vectors of its words, weighted by inverse document frequency.

    The weight of a word that occurs in df of n texts is ln((1 + n) / (1 + df)) + 1. The mean vectors of all texts share
    one main direction that says nothing about their differences; it is removed. The rest is scaled to length 1; it is 0
    if no word is known. This is the baseline of Arora, Liang and Ma (2017), A simple but tough-to-beat baseline for
    sentence embeddings, ICLR, with the weights of TF-IDF.
    """

    size: int

    @abc.abstractmethod
    def _train(self, sentences: Sequence[Sequence[str]], corpus: Corpus) -> Any:
        """Return gensim's word vectors."""

    def reads(self) -> frozenset[str]:
        return frozenset()

    def fit(self, corpus: Corpus) -> WordVectors:
        import numpy as np

        sentences = _shuffled_words(corpus)
        vectors = self._train(sentences, corpus)
        seen = Counter(word for sentence in sentences for word in set(sentence))
        df = np.array([seen[word] for word in vectors.index_to_key])
        idf = np.log((1 + len(sentences)) / (1 + df)) + 1
        self._words = list(vectors.index_to_key)
        self._vectors = np.asarray(vectors.vectors * idf[:, None], dtype=np.float32)
        self._column = {word: column for column, word in enumerate(self._words)}
        gram = np.zeros((self.size, self.size))
        for batch in corpus.batches():
            rows = self._means(Columns(batch).text).astype(np.float64)
            gram += rows.T @ rows
        self._common = np.linalg.eigh(gram)[1][:, -1].astype(np.float32)
        return self

    def _of_unseen(self, word: str) -> Floats | None:
        """Return the weighted vector of a word that is not in the vocabulary; None if it cannot be made."""
        return None

    def transform(self, batch: pa.RecordBatch) -> Matrix:
        import numpy as np

        rows = self._means(Columns(batch).text)
        return _unit_rows(rows - np.outer(rows @ self._common, self._common))

    def _means(self, texts: Sequence[str]) -> Floats:
        """Return the weighted means (n, size), scaled to length 1."""
        import numpy as np
        from scipy import sparse

        column, table = dict(self._column), [self._vectors]
        indices, ends = [], [0]
        for text in texts:
            for word in tokens(text):
                if word not in column:
                    vector = self._of_unseen(word)
                    column[word] = -1 if vector is None else len(self._vectors) + len(table) - 1
                    table += [] if vector is None else [vector[None, :]]
                if column[word] >= 0:
                    indices.append(column[word])
            ends.append(len(indices))
        vectors = np.vstack(table)
        ones = np.ones(len(indices), dtype=np.float32)
        counts = sparse.csr_array(
            (ones, np.array(indices, dtype=np.int64), np.array(ends)), shape=(len(ends) - 1, len(vectors))
        )
        return _unit_rows(counts @ vectors)

    def state(self) -> dict[str, Any]:
        return {"words": self._words, "vectors": self._vectors, "common": self._common}

    def restore(self, state: Mapping[str, Any]) -> WordVectors:
        self._words, self._vectors, self._common = list(state["words"]), state["vectors"], state["common"]
        self._column = {word: column for column, word in enumerate(self._words)}
        return self


@FEATURES.named("word2vec")
class Word2Vec(WordVectors):
    """Mean of gensim Word2Vec vectors, weighted by inverse document frequency; trained on the corpus itself.

    It is trained in one thread with a seed, so that the same corpus gives the same vectors. Words that are not in the
    corpus are ignored.

    Parameters
    ----------
    size : number of dimensions
    window : number of words on either side that are predicted from a word
    min_count : leave out words that occur less often
    epochs, seed : int

    References
    ----------
    Mikolov, Sutskever, Chen, Corrado and Dean (2013), Distributed representations of words and phrases and their
    compositionality, NeurIPS.
    """

    def __init__(self, size: int = 100, window: int = 5, min_count: int = 2, epochs: int = 10, seed: int = 0) -> None:
        self.size, self.window, self.min_count, self.epochs, self.seed = size, window, min_count, epochs, seed

    def _train(self, sentences: Sequence[Sequence[str]], corpus: Corpus) -> Any:
        from gensim.models import Word2Vec as Gensim

        return _gensim(
            Gensim,
            corpus,
            sentences=sentences,
            vector_size=self.size,
            window=self.window,
            min_count=self.min_count,
            epochs=self.epochs,
            seed=self.seed,
        ).wv


@FEATURES.named("fasttext")
class FastText(WordVectors):
    """Mean of gensim FastText vectors, weighted by inverse document frequency; also for words outside the corpus.

    It is trained in one thread with a seed, so that the same corpus gives the same vectors. A word that is not in the
    corpus, such as a misspelt one, gets the mean of the vectors of those of its character n-grams that are.

    Parameters
    ----------
    size, window, min_count, epochs, seed : see :class:`Word2Vec`
    ngrams : (int, int), shortest and longest character n-gram
    buckets : number of vectors that n-grams are hashed to; gensim's default of two million would take 800 MB

    References
    ----------
    Bojanowski, Grave, Joulin and Mikolov (2017), Enriching word vectors with subword information, TACL 5.
    """

    def __init__(
        self,
        size: int = 100,
        window: int = 5,
        min_count: int = 2,
        epochs: int = 10,
        ngrams: Sequence[int] = (3, 6),
        buckets: int = 1 << 16,
        seed: int = 0,
    ) -> None:
        self.size, self.window, self.min_count, self.epochs, self.seed = size, window, min_count, epochs, seed
        self.ngrams, self.buckets = tuple(ngrams), buckets

    def _train(self, sentences: Sequence[Sequence[str]], corpus: Corpus) -> Any:
        import numpy as np
        from gensim.models import FastText as Gensim

        vectors = _gensim(
            Gensim,
            corpus,
            sentences=sentences,
            vector_size=self.size,
            window=self.window,
            min_count=self.min_count,
            epochs=self.epochs,
            seed=self.seed,
            min_n=self.ngrams[0],
            max_n=self.ngrams[1],
            bucket=self.buckets,
        ).wv
        trained = np.unique(np.concatenate(list(vectors.buckets_word)).astype(np.int64))  # the others were not trained
        self._take_ngrams(trained, vectors.vectors_ngrams[trained] * np.float32(np.log(1 + len(sentences)) + 1))
        return vectors

    def _take_ngrams(self, buckets: NDArray[np.int64], vectors: Floats) -> None:
        self._bucket_ids, self._bucket_vectors = buckets, vectors
        self._bucket_row = {int(bucket): row for row, bucket in enumerate(buckets)}

    def _of_unseen(self, word: str) -> Floats | None:
        from gensim.models.fasttext import ft_ngram_hashes

        buckets = ft_ngram_hashes(word, *self.ngrams, self.buckets)
        rows = [self._bucket_row[int(bucket)] for bucket in buckets if int(bucket) in self._bucket_row]
        mean: Floats | None = self._bucket_vectors[rows].mean(axis=0) if rows else None
        return mean

    def state(self) -> dict[str, Any]:
        return {**super().state(), "bucket_ids": self._bucket_ids, "bucket_vectors": self._bucket_vectors}

    def restore(self, state: Mapping[str, Any]) -> FastText:
        super().restore(state)
        self._take_ngrams(state["bucket_ids"], state["bucket_vectors"])
        return self


@FEATURES.named("doc2vec")
class Doc2Vec(Features):
    """Document vectors of gensim's Doc2Vec (distributed bag of words), inferred for each text separately.

    It is of little use for short texts: with 100 labels it was worse than TF-IDF and worse than the mean of word
    vectors on all of four text corpora.

    The vector of a text depends only on the text, the corpus and the seed, because inference starts from random numbers
    that are seeded by the text.

    Parameters
    ----------
    size : number of dimensions
    min_count : leave out words that occur less often
    epochs : passes over the corpus, and over each text when its vector is inferred
    seed : int

    References
    ----------
    Le and Mikolov (2014), Distributed representations of sentences and documents, ICML.
    """

    def __init__(self, size: int = 100, min_count: int = 2, epochs: int = 20, seed: int = 0) -> None:
        self.size, self.min_count, self.epochs, self.seed = size, min_count, epochs, seed

    def _settings(self) -> dict[str, Any]:
        return {
            "vector_size": self.size,
            "dm": 0,
            "min_count": self.min_count,
            "epochs": self.epochs,
            "seed": self.seed,
        }

    def reads(self) -> frozenset[str]:
        return frozenset()

    def fit(self, corpus: Corpus) -> Doc2Vec:
        from gensim.models import Doc2Vec as Gensim
        from gensim.models.doc2vec import TaggedDocument

        documents = [TaggedDocument(words, [place]) for place, words in enumerate(_shuffled_words(corpus))]
        model = _gensim(Gensim, corpus, documents=documents, **self._settings())
        words = list(model.wv.index_to_key)
        counts = [int(model.wv.get_vecattr(word, "count")) for word in words]
        return self.restore({"words": words, "counts": counts, "output": model.syn1neg})

    def restore(self, state: Mapping[str, Any]) -> Doc2Vec:
        from gensim.models import Doc2Vec as Gensim

        self._words, self._counts = list(state["words"]), [int(count) for count in state["counts"]]
        self._model = Gensim(workers=1, hashfxn=_hash, **self._settings())
        self._model.build_vocab_from_freq(dict(zip(self._words, self._counts, strict=True)))
        self._model.syn1neg = state["output"]
        return self

    def state(self) -> dict[str, Any]:
        return {"words": self._words, "counts": self._counts, "output": self._model.syn1neg}

    def transform(self, batch: pa.RecordBatch) -> Matrix:
        import numpy as np

        rows = np.zeros((batch.num_rows, self.size), dtype=np.float32)
        for row, text in enumerate(Columns(batch).text):
            words = [word for word in tokens(text) if word in self._model.wv.key_to_index]
            if words:
                rows[row] = self._infer(words)
        return _unit_rows(rows)

    def _infer(self, words: list[str]) -> Floats:
        """Return the inferred vector of a text, as gensim's ``infer_vector``, but reproducible.

        gensim seeds it with Python's hash, which differs between processes.
        """
        import numpy as np
        from gensim.models.doc2vec_inner import train_document_dbow

        model = self._model
        seed = _hash(f"{self.seed} {' '.join(words)}")
        model.random.seed(seed)
        vector = ((np.random.default_rng(seed).random((1, self.size)) - 0.5) / self.size).astype(np.float32)
        work, all_learn = np.zeros(self.size, dtype=np.float32), np.ones(1, dtype=np.float32)
        for alpha in np.linspace(model.alpha, model.min_alpha, self.epochs):
            train_document_dbow(
                model,
                words,
                [0],
                alpha,
                work,
                learn_words=False,
                learn_hidden=False,
                doctag_vectors=vector,
                doctags_lockf=all_learn,
            )
        return np.asarray(vector[0])
