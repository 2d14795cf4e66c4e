"""The base class of feature sets, and the registry of their names."""

from __future__ import annotations

import abc
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from weaklab.core.registry import Registry
from weaklab.corpus import Columns, Corpus
from weaklab.heuristics import fingerprint

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pyarrow as pa

    Matrix = Any  # scipy.sparse.csr_array or a dense (n, d) array

FEATURES: Registry[type[Features]] = Registry("feature set", group="weaklab.features")
"""Feature sets by name; register a class with ``@FEATURES.named("name")``."""


class Features(abc.ABC):
    """A feature set: turns records into a feature matrix.

    :meth:`fit` reads the whole corpus once, :meth:`transform` takes one batch. Both are deterministic for a seed.
    """

    @property
    def fingerprint(self) -> str:
        """A hash of the settings."""
        return fingerprint.of_value([type(self).__qualname__, self.settings()])

    def settings(self) -> dict[str, Any]:
        """Return the settings with which ``features(name, **settings)`` makes an equal feature set."""
        return {k: v for k, v in vars(self).items() if not k.startswith("_") and not k.endswith("_")}

    def reads(self) -> frozenset[str] | None:
        """Return the columns that it reads in addition to the text, after it is fitted; None if it may read any."""
        return None

    @property
    def per_record(self) -> bool:
        """Whether :meth:`fit` learns nothing, so that the features of a record depend on this record alone.

        Such features are kept for the records that did not change when others do.
        """
        return False

    def vector_columns(self) -> int:
        """Return how many of the last columns are sentence vectors, known once a batch has been transformed."""
        return 0

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

    def fit_transform(self, corpus: Corpus) -> Matrix:
        """Fit to a corpus and return its matrix, the same as from :meth:`fit` and then :meth:`transform_corpus`."""
        return self.fit(corpus).transform_corpus(corpus)

    def state(self) -> dict[str, Any] | None:
        """Return what :meth:`fit` learned, as arrays and JSON values by name; None if it cannot be stored."""
        return None

    def restore(self, state: Mapping[str, Any]) -> Features:
        """Set the state that :meth:`state` of a fitted feature set with the same settings returned; return self."""
        raise NotImplementedError(f"{type(self).__name__} gives no state")


def texts_of(corpus: Corpus) -> Iterator[str]:
    """Yield the text of every record."""
    for batch in corpus.batches():
        yield from Columns(batch).text


_SHARED: ContextVar[dict[tuple[int, int], tuple[Any, Any, Any]] | None] = ContextVar(
    "weaklab_shared_features", default=None
)


@contextmanager
def sharing() -> Iterator[None]:
    """Context manager inside which :func:`transform_once` caches its results; at the end the cache is dropped.

    Use it around the votes of several classifiers on one batch, not around many batches, because it keeps a matrix for
    each. Do not fit features inside it. Threads that are started inside it do not share the cache.

    Examples
    --------
    >>> import weaklab
    >>> corpus = weaklab.read(["a b", "b c"])
    >>> batch, held = next(corpus.batches()), weaklab.features.features("tfidf").fit(corpus)
    >>> with sharing():
    ...     transform_once(batch, held) is transform_once(batch, held)
    True
    """
    token = _SHARED.set({})
    try:
        yield
    finally:
        _SHARED.reset(token)


def transform_once(batch: pa.RecordBatch, features: Features) -> Matrix:
    """Return ``features.transform(batch)``; inside :func:`sharing` it is computed only once.

    The cache compares batch and feature set by identity. All callers get the same matrix and must not change it.
    """
    held = _SHARED.get()
    if held is None:
        return features.transform(batch)
    key = id(batch), id(features)
    if key not in held:
        held[key] = features.transform(batch), batch, features  # kept alive, so that their ids are not reused
    return held[key][0]
