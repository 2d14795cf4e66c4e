"""Features for weak classifiers: fitted on a corpus without labels, then one row of numbers a record."""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING, Any

from weaklab.base import Registry, WeaklabError, did_you_mean
from weaklab.corpus import Columns, Corpus
from weaklab.heuristics import fingerprint

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    Matrix = Any  # scipy.sparse.csr_array or a dense (n, d) array

FEATURES: Registry[type[Features]] = Registry("feature set")
"""Feature sets by name; register a class with ``@FEATURES.named("name")``."""


class Features(abc.ABC):
    """What turns records into a matrix.

    :meth:`fit` reads the corpus once, :meth:`transform` takes one batch; both are deterministic for a seed.
    """

    @property
    def fingerprint(self) -> str:
        """A hash of the settings."""
        return fingerprint.of_value(self.settings())

    def settings(self) -> dict[str, Any]:
        """Return what ``features(name, **settings)`` needs to make this again."""
        return {k: v for k, v in vars(self).items() if not k.startswith("_") and not k.endswith("_")}

    @abc.abstractmethod
    def fit(self, corpus: Corpus) -> Features:
        """Learn from all records, without labels; return self."""

    @abc.abstractmethod
    def transform(self, batch: pa.RecordBatch) -> Matrix:
        """Return the (n, d) matrix of a batch."""

    def transform_corpus(self, corpus: Corpus) -> Matrix:
        """Return the matrix of a whole corpus."""
        import numpy as np
        from scipy import sparse

        parts = [self.transform(batch) for batch in corpus.batches()]
        return sparse.vstack(parts, format="csr") if sparse.issparse(parts[0]) else np.vstack(parts)


WORDS = r"(?u)\b\w+\b|[!?%$€£#@…]"
"""What counts as a word: letters and digits, and the signs that give a tone away."""


def _texts(corpus: Corpus) -> Iterator[str]:
    for batch in corpus.batches():
        yield from Columns(batch).text


@FEATURES.named("tfidf")
class Tfidf(Features):
    """TF-IDF of word n-grams with sublinear counts (scikit-learn's ``TfidfVectorizer``).

    Parameters
    ----------
    ngrams : (int, int), shortest and longest n-gram
    min_df : int, how many records must hold an n-gram
    max_features : int or None, keep the most frequent
    """

    def __init__(self, ngrams: Sequence[int] = (1, 2), min_df: int = 1, max_features: int | None = 200_000) -> None:
        self.ngrams, self.min_df, self.max_features = tuple(ngrams), min_df, max_features

    def fit(self, corpus: Corpus) -> Tfidf:
        import numpy as np
        from sklearn.feature_extraction.text import TfidfVectorizer

        self._vectorizer = TfidfVectorizer(
            ngram_range=self.ngrams,
            min_df=self.min_df,
            max_features=self.max_features,
            sublinear_tf=True,
            token_pattern=WORDS,
            dtype=np.float32,
        )
        try:
            self._vectorizer.fit(_texts(corpus))
        except ValueError as error:
            raise WeaklabError(f"TF-IDF features of {corpus.name}: {error}; is its text column the right one?") from None
        return self

    def transform(self, batch: pa.RecordBatch) -> Matrix:
        return self._vectorizer.transform(Columns(batch).text)


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


@FEATURES.named("word2vec")
class Word2Vec(Features):
    """Mean of gensim Word2Vec vectors, weighted by inverse document frequency; trained on the corpus itself.

    One thread and a seed, so that the same corpus gives the same vectors.
    """

    def __init__(self, size: int = 100, window: int = 5, min_count: int = 2, epochs: int = 10, seed: int = 0) -> None:
        self.size, self.window, self.min_count, self.epochs, self.seed = size, window, min_count, epochs, seed

    def fit(self, corpus: Corpus) -> Word2Vec:
        import zlib

        import numpy as np
        from gensim.models import Word2Vec as Gensim

        sentences = [_tokens(text) for text in _texts(corpus)]
        try:
            model = Gensim(
                sentences,
                vector_size=self.size,
                window=self.window,
                min_count=self.min_count,
                epochs=self.epochs,
                seed=self.seed,
                workers=1,
                hashfxn=lambda word: zlib.crc32(word.encode()),
            )
        except RuntimeError as error:
            raise WeaklabError(f"Word2Vec features of {corpus.name}: {error}; lower min_count or use 'tfidf'") from None
        seen: dict[str, int] = {}
        for sentence in sentences:
            for word in set(sentence):
                seen[word] = seen.get(word, 0) + 1
        self._vectors = {
            word: model.wv[word] * np.float32(np.log((1 + len(sentences)) / (1 + seen[word])) + 1) for word in model.wv.index_to_key
        }
        return self

    def transform(self, batch: pa.RecordBatch) -> Matrix:
        import numpy as np

        rows = np.zeros((batch.num_rows, self.size), dtype=np.float32)
        for row, text in enumerate(Columns(batch).text):
            vectors = [self._vectors[word] for word in _tokens(text) if word in self._vectors]
            if vectors:
                mean = np.mean(vectors, axis=0)
                rows[row] = mean / (np.linalg.norm(mean) or 1)
        return rows


def _tokens(text: str) -> list[str]:
    import re

    return re.findall(r"\w+", text.lower())


@FEATURES.named("columns")
class NumericColumns(Features):
    """Numeric, boolean and embedding columns, standardised to mean 0 and deviation 1; missing values become the mean.

    Parameters
    ----------
    columns : list of names, optional
        By default every column of numbers or lists of numbers.
    """

    def __init__(self, columns: Sequence[str] | None = None) -> None:
        self.columns = None if columns is None else list(columns)

    def fit(self, corpus: Corpus) -> NumericColumns:
        import numpy as np

        first = next(corpus.batches())
        self._names = self.columns or _numeric_columns(first)
        if not self._names:
            raise WeaklabError(f"{corpus.name} has no numeric column for the features 'columns'; there are {first.schema.names}")
        count, total, squares = 0.0, 0.0, 0.0
        for batch in corpus.batches():
            raw = self._raw(batch)
            known = ~np.isnan(raw)
            count, total = count + known.sum(axis=0), total + np.nansum(raw, axis=0)
            squares = squares + np.nansum(raw**2, axis=0)
        count = np.maximum(count, 1)
        self._mean = total / count
        deviation = np.sqrt(np.maximum(squares / count - self._mean**2, 0))
        self._scale = np.where(deviation > 0, deviation, 1)
        return self

    def _raw(self, batch: pa.RecordBatch) -> NDArray[np.float64]:
        import numpy as np

        columns = Columns(batch)
        parts = []
        for name in self._names:
            values = columns[name]
            try:
                lists = [value for value in values if hasattr(value, "__len__")]
                width = len(lists[0]) if lists else 1
                empty = np.full(width, np.nan)
                parts.append(np.array([empty if v is None else v for v in values], dtype=np.float64).reshape(len(values), width))
            except (TypeError, ValueError):
                raise WeaklabError(f"column {name!r} cannot be a feature: wanted numbers, or lists of numbers of one length") from None
        return np.hstack(parts)

    def transform(self, batch: pa.RecordBatch) -> Matrix:
        import numpy as np

        rows = (self._raw(batch) - self._mean) / self._scale
        return np.nan_to_num(rows, nan=0.0, posinf=0.0, neginf=0.0).astype(np.float32)


def _numeric_columns(batch: pa.RecordBatch) -> list[str]:
    import pyarrow as pa

    def numeric(kind: pa.DataType) -> bool:
        if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
            return numeric(kind.value_type)
        return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind))

    columns = Columns(batch)
    return [f.name for f in batch.schema if numeric(f.type) and f.name in columns.names and f.name != columns.roles.id]


class Combined(Features):
    """Several feature sets side by side."""

    def __init__(self, parts: Sequence[Features]) -> None:
        self._parts = list(parts)

    def settings(self) -> dict[str, Any]:
        return {"parts": [[type(part).__name__, part.settings()] for part in self._parts]}

    def fit(self, corpus: Corpus) -> Combined:
        self._parts = [part.fit(corpus) for part in self._parts]
        return self

    def transform(self, batch: pa.RecordBatch) -> Matrix:
        import numpy as np
        from scipy import sparse

        blocks = [part.transform(batch) for part in self._parts]
        if any(sparse.issparse(block) for block in blocks):
            return sparse.hstack([sparse.csr_array(block) for block in blocks], format="csr")
        return np.hstack(blocks)


class Transformer(Features):
    """Any object with ``fit`` and ``transform`` (or only ``transform`` or ``encode``) over a list of texts."""

    def __init__(self, transformer: Any) -> None:
        self._transformer = transformer

    @property
    def fingerprint(self) -> str:
        return fingerprint.of_value(self._transformer)

    def fit(self, corpus: Corpus) -> Transformer:
        if hasattr(self._transformer, "fit"):
            import copy

            self._transformer = copy.deepcopy(self._transformer).fit(list(_texts(corpus)))
        return self

    def transform(self, batch: pa.RecordBatch) -> Matrix:
        method = getattr(self._transformer, "transform", None) or self._transformer.encode
        return method(list(Columns(batch).text))


def features(what: Any = "auto", **settings: Any) -> Features:
    """Return a feature set.

    Parameters
    ----------
    what : name, list of names, :class:`Features`, or object with ``transform`` or ``encode`` over a list of texts
        Names: ``tfidf``, ``hashing``, ``word2vec``, ``columns``; ``auto`` takes TF-IDF where there is text and the
        numeric columns where there is none.
    settings : of the named feature set

    Examples
    --------
    >>> type(features("tfidf", min_df=2)).__name__
    'Tfidf'
    >>> features("tfdif")
    Traceback (most recent call last):
        ...
    weaklab.base.UnknownNameError: no feature set named 'tfdif'; did you mean 'tfidf'? available: auto, columns, hashing, tfidf, word2vec
    """
    if isinstance(what, Features):
        return what
    if isinstance(what, str):
        kind = FEATURES[what]
        try:
            return kind(**settings)
        except TypeError as error:
            raise WeaklabError(f"features {what!r}: {error}") from None
    if isinstance(what, (list, tuple)):
        return Combined([features(part) for part in what])
    if hasattr(what, "transform") or hasattr(what, "encode"):
        return Transformer(what)
    raise WeaklabError(f"cannot make features of {what!r};{did_you_mean(str(what), FEATURES.names())} wanted one of {FEATURES.names()}")


@FEATURES.named("auto")
class Auto(Features):
    """TF-IDF where the corpus has text, its numeric columns where it has none."""

    def fit(self, corpus: Corpus) -> Features:
        self._inner = features("tfidf" if corpus.roles.text else "columns").fit(corpus)
        return self

    def transform(self, batch: pa.RecordBatch) -> Matrix:
        return self._inner.transform(batch)


def feature_spec(what: Features) -> Any:
    """Return JSON from which a feature set can be made again, None if only its code can do that."""
    if isinstance(what, Combined):
        parts = [feature_spec(part) for part in what._parts]
        return None if None in parts else parts
    names = [name for name in FEATURES.names() if FEATURES[name] is type(what)]
    return [names[0], what.settings()] if names else None


def features_from_spec(spec: Any) -> Features:
    """Make the feature set of a :func:`feature_spec`.

    >>> features_from_spec(feature_spec(features(["tfidf", "columns"]))).fingerprint == features(["tfidf", "columns"]).fingerprint
    True
    """
    if isinstance(spec[0], str):
        return features(spec[0], **spec[1])
    return Combined([features_from_spec(part) for part in spec])
