"""The labeling loop over arrays in memory: ask, label, train, ask again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.base import ABSTAIN, LabelNames, WeaklabError
from weaklab.classifiers import WeakClassifier
from weaklab.committee import soft_scores
from weaklab.embeddings import embed, unit_rows
from weaklab.features import Features
from weaklab.heuristics import Ballot, Heuristic
from weaklab.scheduler import Pick, Pool, Scheduler
from weaklab.training import State, Trainer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pyarrow as pa
    from numpy.typing import ArrayLike, NDArray

    from weaklab.corpus import Corpus


def keys_of(ids: Sequence[str]) -> NDArray[np.uint64]:
    """Return a number for each id, the same wherever the record stands: uint64 (n,)."""
    import pandas as pd

    return np.asarray(pd.util.hash_array(np.array(ids, dtype=object), categorize=False), dtype=np.uint64)


class Views:
    """What strategies see of the records beside votes and probabilities; computed when wanted, once.

    Parameters
    ----------
    keys : uint64 (n,), a number made from each record's id
    features : returns the (n, d) feature matrix, None where there is none
    keep : takes a function that makes the embeddings and may return those of an earlier time; optional
    vectors : row numbers -> (rows, d) matrix with rows of length 1, to tell near-duplicates; optional
    """

    def __init__(
        self,
        keys: NDArray[np.uint64],
        features: Callable[[], Any] | None = None,
        vectors: Callable[[NDArray[np.int64]], Any] | None = None,
        keep: Callable[[Callable[[], NDArray[np.float32]]], NDArray[np.float32]] = lambda make: make(),
    ) -> None:
        self.keys, self.vectors, self._keep = keys, vectors, keep
        self._features = features
        self._X: Any = None
        self._E: Any = None

    def X(self) -> Any:  # noqa: N802 - the name that strategies ask for
        """Return the features with rows of length 1."""
        if self._X is None:
            assert self._features is not None
            self._X = unit_rows(self._features())
        return self._X

    def E(self) -> NDArray[np.float32]:  # noqa: N802 - the name that strategies ask for
        """Return dense embeddings with rows of length 1: float32 (n, at most 64)."""
        if self._E is None:
            features = self._features
            assert features is not None
            self._E = self._keep(lambda: embed(features(), keys=self.keys))
        return np.asarray(self._E)

    def pool(self, state: State, y: NDArray[np.int64], groups: NDArray[np.int64] | None = None) -> Pool:
        """Return what a scheduler chooses from; near-duplicates have the same number in ``groups``, int (n,)."""
        there = self._features is not None
        return Pool(
            state.P,
            state.votes.L,
            self.keys,
            soft_scores(state.votes),
            y,
            self.vectors,
            self.X if there else None,
            self.E if there else None,
            groups,
        )


class Loop:
    """Active learning over arrays: weak classifiers on a feature matrix, and votes of heuristics if there are any.

    :class:`weaklab.Project` is the same with records, files and several people; this one keeps everything in memory.

    Parameters
    ----------
    X : (n, d) features, sparse or dense
    labels : k label names
    L : int (n, m), votes of other heuristics, -1 abstains; optional
    classifiers : names or unfitted scikit-learn classifiers; with ``[]``, the votes alone
    label_model : name of a label model
    scheduler : what picks; by default ``Scheduler(seed=seed)``
    keys : uint64 (n,), a number that tells each record from the others; by default made from its place
    vectors : row numbers -> (rows, d) matrix with rows of length 1, to tell near-duplicates; optional
    pseudo_labels : confidence, 0 to 1, from which records train the classifiers with the committee's label; None for never
    seed : of everything random

    Attributes
    ----------
    y : int (n,), the labels given, -1 is unlabeled
    state : :class:`weaklab.training.State`, as of the last training

    Examples
    --------
    >>> X = np.array([[1.0, 0], [0.9, 0.1], [0.1, 0.9], [0, 1.0]] * 10)
    >>> truth = np.array([0, 0, 1, 1] * 10)
    >>> loop = Loop(X, ["a", "b"], classifiers=["logistic_regression"])
    >>> for turn in range(2):
    ...     rows = [pick.row for pick in loop.ask(10)]
    ...     loop.label(rows, truth[rows])
    >>> bool((loop.P.argmax(axis=1) == truth).all())
    True
    """

    def __init__(
        self,
        X: Any,
        labels: Sequence[str],
        L: ArrayLike | None = None,
        *,
        classifiers: Sequence[Any] = ("naive_bayes",),
        label_model: str = "committee",
        scheduler: Scheduler | None = None,
        keys: NDArray[np.uint64] | None = None,
        vectors: Callable[[NDArray[np.int64]], Any] | None = None,
        pseudo_labels: float | None = None,
        seed: int = 0,
    ) -> None:
        from weaklab.label_models.base import check_votes

        self.labels = labels if isinstance(labels, LabelNames) else LabelNames(labels)
        X = _matrix(X)
        n = int(X.shape[0])
        votes = check_votes(np.empty((n, 0), dtype=np.int8) if L is None else L, len(self.labels)).astype(np.int8)
        if len(votes) != n:
            raise WeaklabError(f"L has {len(votes)} rows and X {n}; wanted one row a record in both")
        self.scheduler = scheduler or Scheduler(seed=seed)
        self.y = np.full(n, ABSTAIN, dtype=np.int64)
        self._keys = np.arange(n, dtype=np.uint64) if keys is None else keys
        members: list[Heuristic] = [Column(f"heuristic {j}") for j in range(votes.shape[1])]
        columns = {member.name: Ballot(votes[:, j].copy()) for j, member in enumerate(members)}
        for classifier in classifiers:
            learner = classifier if isinstance(classifier, WeakClassifier) else WeakClassifier(classifier, Given(), seed=seed)
            if learner.name in [member.name for member in members]:
                learner.name = f"{learner.name} {len(members)}"
            members.append(learner)
        self.trainer = Trainer(
            members,
            self.labels,
            n,
            columns,
            lambda _: X,
            lambda rows: [f"{key:016x}" for key in self._keys[rows]],
            label_model=label_model,
            pseudo_labels=pseudo_labels,
        )
        self.views = Views(self._keys, lambda: X, vectors)
        self._state: State | None = None

    @property
    def state(self) -> State:
        """What the committee thinks now; trained when it is asked for after new labels."""
        if self._state is None:
            self._state = self.trainer.train(self.y.copy())
        return self._state

    def __repr__(self) -> str:
        return f"Loop({len(self.y):,} records, labels={list(self.labels)}, {self.n_labels:,} labeled)"

    @property
    def P(self) -> NDArray[np.float64]:  # noqa: N802 - the field's name for it
        """The label model's probabilities: float (n, k)."""
        return self.state.P

    @property
    def n_labels(self) -> int:
        """How many records have a label."""
        return int((self.y != ABSTAIN).sum())

    def ask(self, n: int = 10) -> list[Pick]:
        """Return the n records to label next, none that has a label."""
        return self.scheduler.pick(self.views.pool(self.state, self.y.copy()), n, self.y == ABSTAIN, turn=self.n_labels)

    def label(self, rows: Sequence[int] | NDArray[np.integer[Any]], codes: ArrayLike) -> None:
        """Give labels, names or codes, one for each row number; -1 or None takes a label back."""
        given = np.array([self.labels.code(code) for code in np.atleast_1d(np.asarray(codes, dtype=object)).tolist()], dtype=np.int64)
        places = np.atleast_1d(np.asarray(rows, dtype=np.int64))
        if places.shape != given.shape:
            raise WeaklabError(f"{len(places)} records and {len(given)} labels; wanted one label a record")
        if places.min(initial=0) < 0 or places.max(initial=0) >= len(self.y):
            raise WeaklabError(f"rows must be from 0 to {len(self.y) - 1}, got {places.tolist()[:10]}")
        self.y[places] = given
        self._state = None


def _matrix(X: Any) -> Any:
    """Return features as a matrix, or raise a WeaklabError that says what they are instead."""
    from scipy import sparse

    if not sparse.issparse(X):
        try:
            X = np.asarray(X, dtype=None if hasattr(X, "dtype") else np.float64)
            X = X if X.dtype.kind == "f" else X.astype(np.float64)
        except (TypeError, ValueError):
            raise WeaklabError(f"X must hold numbers, shape (records, features), got {type(X).__name__}") from None
    if X.ndim != 2:
        raise WeaklabError(f"X must be a matrix of shape (records, features), got shape {X.shape}")
    wrong = np.isnan(X.data if sparse.issparse(X) else X).sum()
    if wrong:
        raise WeaklabError(f"X holds {wrong} missing values (NaN); fill them first, with the column's mean for example")
    return X.tocsr() if sparse.issparse(X) else X


class Column(Heuristic):
    """A heuristic that is only known by its votes on the records of one corpus."""

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def fingerprint(self) -> str:
        return self.name

    def evaluate(self, batch: pa.RecordBatch, labels: LabelNames, watch: Any = None) -> Ballot:
        raise WeaklabError(f"{self.name} is a column of votes; it cannot vote on other records")


class Given(Features):
    """Features that are a matrix already."""

    def fit(self, corpus: Corpus) -> Given:
        return self

    def transform(self, batch: pa.RecordBatch) -> Any:
        raise WeaklabError("this classifier was trained on a matrix; score rows of such a matrix with score(X)")
