"""What every feature set is, and the registry of their names."""

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
    """What turns records into a matrix.

    :meth:`fit` reads the corpus once, :meth:`transform` takes one batch; both are deterministic for a seed.
    """

    @property
    def fingerprint(self) -> str:
        """A hash of the settings."""
        return fingerprint.of_value([type(self).__qualname__, self.settings()])

    def settings(self) -> dict[str, Any]:
        """Return what ``features(name, **settings)`` needs to make this again."""
        return {k: v for k, v in vars(self).items() if not k.startswith("_") and not k.endswith("_")}

    def reads(self) -> frozenset[str] | None:
        """Return the columns that it reads beside the text, once it is fitted; None if that may be any."""
        return None

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
        """Return what :meth:`fit` learned, as arrays and JSON values by name; None if it cannot be written down."""
        return None

    def restore(self, state: Mapping[str, Any]) -> Features:
        """Take over what :meth:`state` of a fitted feature set with the same settings returned; return self."""
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
    """Within this, :func:`transform_once` keeps what it computes; what it kept goes at the end.

    Wrap it around the votes of several classifiers on one batch, not around many batches: it holds a matrix for each.
    Nothing is to be fitted within, and threads that are started within have nothing to share.

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
    """Return ``features.transform(batch)``, computed once within :func:`sharing`.

    Once for the same batch and the same feature set, both as objects. The matrix is one for all that ask: it is not to
    be changed.
    """
    held = _SHARED.get()
    if held is None:
        return features.transform(batch)
    key = id(batch), id(features)
    if key not in held:
        held[key] = features.transform(batch), batch, features  # which live as long, so that their numbers stay theirs
    return held[key][0]
