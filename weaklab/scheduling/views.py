"""Features, embeddings and keys of the records, as query strategies see them; computed when first used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.core.rows import blocks
from weaklab.features.embeddings import SIZE, WIDE, Embedding, embed, unit_rows
from weaklab.scheduling.scheduler import Pool
from weaklab.training.trainer import State
from weaklab.voting.committee import soft_scores

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray


def keys_of(ids: Sequence[str]) -> NDArray[np.uint64]:
    """Return a number for each id, the same wherever the record stands: uint64 (n,)."""
    import pandas as pd

    return np.asarray(pd.util.hash_array(np.array(ids, dtype=object), categorize=False), dtype=np.uint64)


def _array(values: Any, kind: Any) -> NDArray[Any]:
    """Return an array that can be kept on disk, an empty one for None."""
    return np.zeros((0, 0), dtype=kind) if values is None else np.asarray(values)


class Views:
    """What strategies see of the records beside votes and probabilities; computed when wanted, once.

    Parameters
    ----------
    keys : uint64 (n,), a number made from each record's id
    features : returns the (n, d) feature matrix, None where there is none
    keep : takes a name and a function that makes an array, and may return that of an earlier time; optional
    vectors : row numbers -> (rows, d) matrix with rows of length 1, to tell near-duplicates; optional
    """

    def __init__(
        self,
        keys: NDArray[np.uint64],
        features: Callable[[], Any] | None = None,
        vectors: Callable[[NDArray[np.int64]], Any] | None = None,
        keep: Callable[[str, Callable[[], NDArray[Any]]], NDArray[Any]] = lambda name, make: make(),
    ) -> None:
        self.keys, self.vectors, self._keep = keys, vectors, keep
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
            if self.embedding.directions is None:  # the columns come in no order
                self._E = embed(self.wide(), SIZE, keys=self.keys)
            else:
                found = np.empty((len(self.keys), min(SIZE, self.embedding.directions.shape[1])), dtype=np.float32)
                for rows in blocks(len(found)):  # twice as wide for a moment, for few
                    found[rows] = self._projected(rows)
                self._E = found
        return np.asarray(self._E)

    def embed(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return some rows of :meth:`E`, without making the others where that can be."""
        if self._E is not None or self.embedding.directions is None:
            return self.E()[rows]
        return self._projected(rows)

    def _projected(self, rows: NDArray[np.int64] | slice) -> NDArray[np.float32]:
        assert self._features is not None
        wide = self.embedding(self._features()[rows]) if self._wide is None else self._wide[rows]
        return np.asarray(unit_rows(wide[:, :SIZE]))

    @property
    def embedding(self) -> Embedding:
        """What makes embeddings of features; fitted to the records the first time."""
        if self._embedding is None:
            features = self._features
            assert features is not None
            made: list[Embedding] = []

            def fitted() -> Embedding:
                made.append(made[0] if made else Embedding.fit(features(), WIDE, keys=self.keys))
                return made[0]

            columns = self._keep("columns", lambda: _array(fitted().columns, np.int64))
            directions = self._keep("directions", lambda: _array(fitted().directions, np.float32))
            self._embedding = Embedding(columns if len(columns) else None, directions if len(directions) else None)
        return self._embedding

    def wide(self) -> NDArray[np.float32]:
        """Return embeddings to learn from, with rows of length 1: float32 (n, at most 128)."""
        if self._wide is None:
            assert self._features is not None
            self._wide = self.embedding(self._features())
        return np.asarray(self._wide)

    @property
    def learnable(self) -> Callable[[], NDArray[np.float32]] | None:
        """What returns the embeddings to learn from; None where there are no features."""
        return None if self._features is None else self.wide

    def pool(self, state: State, y: NDArray[np.int64], groups: NDArray[np.int64] | None = None) -> Pool:
        """Return what a scheduler chooses from; near-duplicates have the same number in ``groups``, int (n,)."""
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
