"""Features, embeddings and keys of the records for query strategies; each is computed on first use."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.core.rows import blocks
from weaklab.features.embeddings import SIZE, WIDE, Embedding, embed, unit_rows
from weaklab.scheduling.scheduler import Pool
from weaklab.training.trainer import Opinion
from weaklab.voting.committee import soft_scores

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray


def keys_of(ids: Sequence[str]) -> NDArray[np.uint64]:
    """Return a number for each id that does not depend on the position of the record: uint64 (n,)."""
    import pandas as pd

    return np.asarray(pd.util.hash_array(np.array(ids, dtype=object), categorize=False), dtype=np.uint64)


def _array(values: Any, kind: Any) -> NDArray[Any]:
    """Return an array that can be stored on disk; an empty one for None."""
    return np.zeros((0, 0), dtype=kind) if values is None else np.asarray(values)


class Views:
    """Features and embeddings of the records, for query strategies; each is computed once, on first use.

    Parameters
    ----------
    keys : uint64 (n,), a number made from each record's id
    features : function that returns the (n, d) feature matrix; None if there are no features
    keep : cache: takes a name and a function that makes an array, and returns the array of that name; optional
    vectors : function from row numbers to a (rows, d) matrix with rows of length 1, to find near-duplicates; optional
    sentence : function that returns how many of the last features are sentence vectors, called after ``features``
    """

    def __init__(
        self,
        keys: NDArray[np.uint64],
        features: Callable[[], Any] | None = None,
        vectors: Callable[[NDArray[np.int64]], Any] | None = None,
        keep: Callable[[str, Callable[[], NDArray[Any]]], NDArray[Any]] = lambda name, make: make(),
        sentence: Callable[[], int] = lambda: 0,
    ) -> None:
        self.keys, self.vectors, self._keep, self._sentence = keys, vectors, keep, sentence
        self._features = features
        self._X: Any = None
        self._E: Any = None
        self._wide: Any = None
        self._embedding: Embedding | None = None

    def X(self) -> Any:  # noqa: N802 - the name that strategies ask for
        """Return the features with rows of length 1."""
        if self._X is None:
            assert self._features is not None
            self._X = unit_rows(self._features())
        return self._X

    def E(self) -> NDArray[np.float32]:  # noqa: N802 - the name that strategies ask for
        """Return dense embeddings with rows of length 1: float32 (n, at most 64)."""
        if self._E is None:
            # sentence vectors, and columns that were not projected, are not sorted by importance: project again
            if self.embedding.directions is None or self.embedding.sentence:
                self._E = embed(self.wide(), SIZE, keys=self.keys)
            else:
                found = np.empty((len(self.keys), min(SIZE, self.embedding.directions.shape[1])), dtype=np.float32)
                for rows in blocks(len(found)):  # in blocks, because the intermediate array is twice as wide
                    found[rows] = self._projected(rows)
                self._E = found
        return np.asarray(self._E)

    def embed(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return some rows of :meth:`E`; the other rows are not computed if that can be avoided."""
        if self._E is not None or self.embedding.directions is None or self.embedding.sentence:
            return self.E()[rows]
        return self._projected(rows)

    def _projected(self, rows: NDArray[np.int64] | slice) -> NDArray[np.float32]:
        assert self._features is not None
        wide = self.embedding(self._features()[rows]) if self._wide is None else self._wide[rows]
        return np.asarray(unit_rows(wide[:, :SIZE]))

    @property
    def embedding(self) -> Embedding:
        """The projection from features to embeddings; fitted to the records on first use."""
        if self._embedding is None:
            features = self._features
            assert features is not None
            made: list[Embedding] = []

            def fitted() -> Embedding:
                X = features()
                made.append(made[0] if made else Embedding.fit(X, WIDE, keys=self.keys, sentence=self._sentence()))
                return made[0]

            columns = self._keep("columns", lambda: _array(fitted().columns, np.int64))
            directions = self._keep("directions", lambda: _array(fitted().directions, np.float32))
            self._embedding = Embedding(
                columns if len(columns) else None, directions if len(directions) else None, self._sentence()
            )
        return self._embedding

    def wide(self) -> NDArray[np.float32]:
        """Return embeddings for training, with rows of length 1: float32 (n, at most 128)."""
        if self._wide is None:
            assert self._features is not None
            self._wide = self.embedding(self._features())
        return np.asarray(self._wide)

    def plane(self) -> NDArray[np.float32]:
        """Return two coordinates for each record, see :func:`weaklab.features.plane.plane`: float32 (n, 2)."""
        from weaklab.features.plane import plane

        if len(self.keys) < 2:
            return np.zeros((len(self.keys), 2), np.float32)  # of a single text there are no features
        # sentence vectors may be of another encoder than last time, so that their content stands in the name
        held = hashlib.blake2b(self.E().tobytes(), digest_size=8).hexdigest() if self.embedding.sentence else "words"
        return np.asarray(self._keep(f"plane-{held}", lambda: plane(self.E(), self.keys)))

    @property
    def learnable(self) -> Callable[[], NDArray[np.float32]] | None:
        """The function that returns the embeddings for training; None if there are no features."""
        return None if self._features is None else self.wide

    def pool(self, state: Opinion, y: NDArray[np.int64], groups: NDArray[np.int64] | None = None) -> Pool:
        """Return the pool for a scheduler; near-duplicates have the same number in ``groups``, int (n,)."""
        there = self._features is not None
        return Pool(
            state.P,
            state.votes.L,
            self.keys,
            lambda: soft_scores(state.votes),
            y,
            self.vectors,
            self.X if there else None,
            self.E if there else None,
            groups,
            self.embed if there else None,
        )
