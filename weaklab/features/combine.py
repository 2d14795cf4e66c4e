"""Making feature sets from names and settings, joining several, and wrapping transformers of other libraries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from weaklab.core.errors import WeaklabError, did_you_mean
from weaklab.corpus import Columns, Corpus
from weaklab.corpus.records import ids_of
from weaklab.features.base import FEATURES, Features, texts_of
from weaklab.features.checks import feature_matrix
from weaklab.features.numbers import NumericColumns
from weaklab.features.sentence import Sentence
from weaklab.heuristics import fingerprint

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from weaklab.features.base import Matrix


class Combined(Features):
    """Several feature sets, their columns joined into one matrix."""

    def __init__(self, parts: Sequence[Features]) -> None:
        # sentence vectors come last, so that what looks at the columns knows which they are
        self._parts = sorted(parts, key=lambda part: isinstance(part, Sentence))

    @property
    def fingerprint(self) -> str:
        return fingerprint.digest("combined", *(part.fingerprint for part in self._parts))

    def settings(self) -> dict[str, Any]:
        return {"parts": [[type(part).__name__, part.settings()] for part in self._parts]}

    def reads(self) -> frozenset[str] | None:
        found = [part.reads() for part in self._parts]
        return None if None in found else frozenset().union(*(names for names in found if names))

    @property
    def per_record(self) -> bool:
        return all(part.per_record for part in self._parts)

    def fit(self, corpus: Corpus) -> Combined:
        self._parts = [part.fit(corpus) for part in self._parts]
        return self

    def transform(self, batch: pa.RecordBatch) -> Matrix:
        return self.beside([part.transform(batch) for part in self._parts])

    def fit_transform(self, corpus: Corpus) -> Matrix:
        return self.beside([part.fit_transform(corpus) for part in self._parts])

    @property
    def parts(self) -> list[Features]:
        """The feature sets, in the order of their columns."""
        return self._parts

    def vector_columns(self) -> int:
        return self._parts[-1].vector_columns()

    @staticmethod
    def beside(blocks: list[Matrix]) -> Matrix:
        import numpy as np
        from scipy import sparse

        if any(sparse.issparse(block) for block in blocks):
            return sparse.hstack([sparse.csr_array(block) for block in blocks], format="csr")
        return np.hstack(blocks)

    def state(self) -> dict[str, Any] | None:
        states = [part.state() for part in self._parts]
        return None if None in states else {str(number): state for number, state in enumerate(states)}

    def restore(self, state: Mapping[str, Any]) -> Combined:
        self._parts = [part.restore(state[str(number)]) for number, part in enumerate(self._parts)]
        return self


class WithSentences(Combined):
    """The features of a project that has a sentence encoder: words as without one, and sentence vectors beside them.

    Its fingerprint and its stored form are those of the words, because that is what the user asked for.
    """

    def __init__(self, words: Features, sentence: Features) -> None:
        super().__init__([words, sentence])

    @property
    def words(self) -> Features:
        """The features without sentence vectors."""
        return self._parts[0]

    @property
    def fingerprint(self) -> str:
        return self.words.fingerprint


class Transformer(Features):
    """A feature set from any object with ``transform`` or ``encode`` over a list of texts, and optionally ``fit``.

    The object must return one row of finite numbers per text, dense or sparse; float16 becomes float32.
    """

    def __init__(self, transformer: Any) -> None:
        self._transformer = transformer
        self._fitted = transformer

    @property
    def fingerprint(self) -> str:
        return fingerprint.of_value(self._transformer)

    def reads(self) -> frozenset[str]:
        return frozenset()

    @property
    def per_record(self) -> bool:
        return not hasattr(self._transformer, "fit")

    def fit(self, corpus: Corpus) -> Transformer:
        if hasattr(self._transformer, "fit"):
            import copy

            fitted = copy.deepcopy(self._transformer)
            returned = fitted.fit(list(texts_of(corpus)))
            self._fitted = fitted if returned is None else returned
        return self

    def transform(self, batch: pa.RecordBatch) -> Matrix:
        method = getattr(self._fitted, "transform", None) or self._fitted.encode
        kind, ids = type(self._transformer).__name__, ids_of(batch)
        found = feature_matrix(
            method(list(Columns(batch).text)), f"what {kind} returns", lambda row: f"record {ids[row]!r}"
        )
        if found.shape[0] != batch.num_rows:
            raise WeaklabError(
                f"{kind} returns {found.shape[0]} rows for {batch.num_rows} texts; wanted one row of features per text"
            )
        return found


def has_own_object(features: Features) -> bool:
    """Whether an object of the user's own makes the features, or some of them.

    >>> class Length:
    ...     def transform(self, texts):
    ...         return [[len(text)] for text in texts]
    >>> has_own_object(Transformer(Length())), has_own_object(Auto())
    (True, False)
    """
    parts = features.parts if isinstance(features, Combined) else [features]
    return any(isinstance(part, Transformer) for part in parts)


@FEATURES.named("auto")
class Auto(Features):
    """TF-IDF of words and of characters if the corpus has text, else its numeric columns; without these, no feature.

    Parameters
    ----------
    text : feature sets to join if there is text
    """

    def __init__(self, text: Sequence[str] = ("tfidf", "characters")) -> None:
        self.text = list(text)

    def reads(self) -> frozenset[str] | None:
        return self._inner.reads()

    def fit(self, corpus: Corpus) -> Auto:
        self._start(corpus)
        self._inner.fit(corpus)
        return self

    def fit_transform(self, corpus: Corpus) -> Matrix:
        self._start(corpus)
        return self._inner.fit_transform(corpus)

    def _start(self, corpus: Corpus) -> None:
        self._has_text = bool(corpus.roles.text)
        self._inner = self._made()

    def _made(self) -> Features:
        return features(self.text) if self._has_text else NumericColumns.if_any()

    def transform(self, batch: pa.RecordBatch) -> Matrix:
        return self._inner.transform(batch)

    def state(self) -> dict[str, Any]:
        return {"text": self._has_text, "inner": self._inner.state()}

    def restore(self, state: Mapping[str, Any]) -> Auto:
        self._has_text = state["text"]
        self._inner = self._made().restore(state["inner"])
        return self


def features(what: Any = "auto", **settings: Any) -> Features:
    """Return a feature set.

    Parameters
    ----------
    what : name, list, table, :class:`Features`, or object with ``transform`` or ``encode`` over a list of texts
        Names are shown by ``weaklab list features``; ``auto`` is TF-IDF of words and characters if there is text, else
        the numeric columns. A name with settings is written ``["word2vec", {"size": 50}]`` or
        ``{"name": "word2vec", "size": 50}``. Any other list joins its parts into one feature set.
    settings : settings of the named feature set

    Examples
    --------
    >>> type(features("tfidf", min_df=2)).__name__
    'Tfidf'
    >>> features(["tfidf", {"name": "word2vec", "size": 50}]).settings()["parts"][1][1]["size"]
    50
    >>> features("tfdif")
    Traceback (most recent call last):
        ...
    weaklab.core.errors.UnknownNameError: no feature set named 'tfdif'; did you mean 'tfidf'? available: auto, columns,
    doc2vec, fasttext, ...
    """
    if isinstance(what, Features):
        return what
    if isinstance(what, str):
        kind = FEATURES[what]
        try:
            return kind(**settings)
        except TypeError as error:
            raise WeaklabError(f"features {what!r}: {error}") from None
    if isinstance(what, Mapping):
        if "name" not in what:
            raise WeaklabError(
                f"features {dict(what)!r} have no name; wanted a table such as {{'name': 'word2vec', 'size': 50}}"
            )
        return features(what["name"], **{k: v for k, v in what.items() if k != "name"})
    if isinstance(what, (list, tuple)):
        if len(what) == 2 and isinstance(what[0], str) and isinstance(what[1], Mapping) and "name" not in what[1]:
            return features(what[0], **what[1])
        if not what:
            raise WeaklabError(f"features are an empty list; wanted at least one of {', '.join(FEATURES.names())}")
        return Combined([features(part) for part in what])
    if not isinstance(what, type) and (hasattr(what, "transform") or hasattr(what, "encode")):
        return Transformer(what)
    raise WeaklabError(
        f"cannot make features of {what!r};{did_you_mean(str(what), FEATURES.names())} wanted one of {FEATURES.names()}"
    )


def feature_spec(what: Features) -> Any:
    """Return JSON from which :func:`features_from_spec` makes the feature set again; None if that is not possible."""
    if isinstance(what, WithSentences):
        return feature_spec(what.words)
    if isinstance(what, Combined):
        parts = [feature_spec(part) for part in what._parts]
        return None if None in parts else parts
    names = [name for name in FEATURES.names() if FEATURES[name] is type(what)]
    return [names[0], what.settings()] if names else None


def features_from_spec(spec: Any) -> Features:
    """Return the feature set that is described by a :func:`feature_spec`.

    >>> made = features(["tfidf", "columns"])
    >>> features_from_spec(feature_spec(made)).fingerprint == made.fingerprint
    True
    """
    if isinstance(spec[0], str):
        return features(spec[0], **spec[1])
    return Combined([features_from_spec(part) for part in spec])
