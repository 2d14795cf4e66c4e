"""Adapter: query functions written for modAL, ``f(classifier, X, n_instances)``, as query strategies."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from weaklab.core.errors import WeaklabError
from weaklab.strategies.base import ARGUMENTS, Strategy, in_drawn_order

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Matrix = NDArray[np.floating[Any]]

MODELS = {"classifier", "committee", "learner", "model", "estimator", "optimizer", "regressor", "multiclass_classifier"}
"""Names of the first parameter in query functions of modAL and in those written for it."""
BATCH_SIZE = "n_instances"


def is_modal(function: Callable[..., Any]) -> bool:
    """Whether a function has the parameters of a modAL query function: a classifier, a pool X and how many to choose.

    >>> is_modal(lambda classifier, X, n_instances=1: [0]), is_modal(lambda P: 1 - P.max(axis=1))
    (True, False)
    """
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return False
    names = [p.name for p in parameters.values() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return len(names) >= 2 and names[0] not in ARGUMENTS and (names[0] in MODELS or BATCH_SIZE in parameters)


def as_strategy(function: Callable[..., Any]) -> Strategy:
    """Return a query strategy: a query function of modAL is adapted, any other function is returned unchanged.

    >>> as_strategy(lambda classifier, X, n_instances=1: [0]).__name__
    '<lambda>'
    """
    return from_modal(function) if is_modal(function) else function


def from_modal(function: Callable[..., Any]) -> Strategy:
    """Adapt a query function of modAL: the records that it chooses get the highest scores, in its order; others get 0.

    It is called with the features of the eligible records and a :class:`PoolEstimator`, which takes the place of
    modAL's learner or committee and gives the probabilities of the label model and the votes of the members. The seed
    alone determines ties and draws from numpy's global random state.

    Parameters
    ----------
    function : ``f(classifier, X, n_instances)``
        It returns row numbers of ``X``, or a tuple whose first item is the row numbers. (The second item is ignored:
        modAL 0.4.2 returns values there, modAL 0.4.1 the rows.)

    Raises
    ------
    WeaklabError
        When the strategy is called: the function refits its classifier, or does not return row numbers.

    Examples
    --------
    >>> def least_sure(classifier, X, n_instances=1):
    ...     return np.argsort(classifier.predict_proba(X).max(axis=1))[:n_instances]
    >>> P, L = np.array([[0.9, 0.1], [0.6, 0.4], [0.5, 0.5]]), np.array([[0], [0], [1]])
    >>> from_modal(least_sure)(P, L, {}, np.eye(3), y=np.full(3, -1), eligible=np.full(3, True), n=2, seed=0).tolist()
    [0.0, 0.5, 1.0]
    """
    name = str(
        getattr(function, "__name__", getattr(getattr(function, "func", None), "__name__", type(function).__name__))
    )

    @in_drawn_order
    def strategy(
        P: Matrix,
        L: NDArray[np.integer[Any]],
        scores: Mapping[int, Matrix],
        X: Any,
        y: NDArray[np.integer[Any]],
        eligible: NDArray[np.bool_],
        n: int,
        seed: int,
    ) -> NDArray[np.float64]:
        pool = np.flatnonzero(eligible)
        found = np.zeros(len(P))
        if len(pool):
            estimator = PoolEstimator(P, X, y, members(P, L, scores), pool)
            chosen = pool[_row_numbers(name, _call_seeded(function, estimator, min(n, len(pool)), seed), len(pool))]
            found[chosen] = 1 - np.arange(len(chosen)) / max(len(chosen), 1)
        return found

    strategy.__name__ = strategy.__qualname__ = name
    strategy.__doc__ = inspect.getdoc(function)
    return strategy


def _call_seeded(function: Callable[..., Any], estimator: PoolEstimator, n: int, seed: int) -> Any:
    """Call a query function with numpy's global random state seeded; restore that state after the call."""
    parameters = inspect.signature(function).parameters.values()
    takes_size = any(p.name == BATCH_SIZE or p.kind is p.VAR_KEYWORD for p in parameters)
    state = np.random.get_state()
    np.random.seed(seed % 2**32)
    try:
        return function(estimator, estimator.pool, **({BATCH_SIZE: n} if takes_size else {}))
    finally:
        np.random.set_state(state)


def _row_numbers(name: str, answer: Any, n_pool: int) -> NDArray[np.int64]:
    """Return the row numbers that a query function chose, without repetitions, in its order."""
    if isinstance(answer, tuple) and len(answer) == 2 and (np.ndim(answer[0]) or np.ndim(answer[1])):
        answer = answer[0]
    rows = np.ravel(np.asarray(answer))
    if rows.dtype.kind not in "iu" or (rows < 0).any() or (rows >= n_pool).any():
        raise WeaklabError(
            f"query function {name!r} must return row numbers of X, from 0 to {n_pool - 1}, or a tuple of them and "
            f"their values, got {str(answer)[:80]}"
        )
    _, first = np.unique(rows, return_index=True)
    return np.asarray(rows[np.sort(first)], dtype=np.int64)


def members(
    P: Matrix, L: NDArray[np.integer[Any]], scores: Mapping[int, Matrix]
) -> tuple[NDArray[np.integer[Any]], NDArray[np.float64]]:
    """Return the votes, int (n_records, m), and distributions, float (n_records, m, k), of all members.

    A member that abstains keeps the vote -1. It gets the mean distribution of the members that vote, so that it does
    not change the mean. Where no member votes, all get the probabilities of the label model. If there are no members,
    the label model is the only one.

    >>> votes, q = members(np.array([[0.8, 0.2]]), np.array([[-1, 1]]), {})
    >>> votes.tolist(), q.tolist()
    ([[-1, 1]], [[[0.0, 1.0], [0.0, 1.0]]])
    """
    if not L.shape[1]:
        L, scores = np.full((len(P), 1), -1), {}
    votes = np.array(L, dtype=np.int64)
    q = np.zeros((*votes.shape, P.shape[1]))
    spoke = votes >= 0
    q[(*np.nonzero(spoke), votes[spoke])] = 1
    for j, p in scores.items():
        q[spoke[:, j], j] = p[spoke[:, j]]
    count = spoke.sum(axis=1)
    mean = np.where(count[:, None] > 0, q.sum(axis=1) / np.maximum(count, 1)[:, None], P)
    q = np.where(spoke[:, :, None], q, mean[:, None, :])
    votes[count == 0] = P.argmax(axis=1)[count == 0, None]
    return votes, q


class PoolEstimator:
    """Takes the place of modAL's learner or committee; returns predictions that were computed before, for one pool.

    Attributes
    ----------
    pool : (n_pool, d) features of the eligible records; a query function gets them as ``X``
    classes_ : int (k,), the codes of the labels
    X_training, y_training : features and manual labels of the labeled records, None if no record is labeled
    learner_list : the members of the committee, each an estimator of the same records
    """

    on_transformed = False

    def __init__(
        self,
        P: Matrix,
        X: Any,
        y: NDArray[np.integer[Any]],
        votes: tuple[NDArray[np.integer[Any]], Matrix] | None,
        pool: NDArray[np.int64],
        rows: _RowFinder | None = None,
    ) -> None:
        from scipy import sparse

        X = sparse.csr_matrix(X) if sparse.issparse(X) else np.asarray(X)
        self._P, self._X, self._y, self._votes, self._chosen = np.asarray(P, dtype=np.float64), X, y, votes, pool
        self.pool = X[pool] if rows is None else rows.pool
        self._rows = _RowFinder(X, self.pool, pool) if rows is None else rows
        self.classes_ = np.arange(P.shape[1])
        labeled = y >= 0
        self.X_training = X[labeled] if labeled.any() else None
        self.y_training = np.asarray(y)[labeled] if labeled.any() else None

    @cached_property
    def learner_list(self) -> list[PoolEstimator]:
        if self._votes is None:
            return [self]
        q = self._votes[1]
        return [PoolEstimator(q[:, j], self._X, self._y, None, self._chosen, self._rows) for j in range(q.shape[1])]

    def __len__(self) -> int:
        return 1 if self._votes is None else self._votes[1].shape[1]

    def __iter__(self) -> Iterator[PoolEstimator]:
        return iter(self.learner_list)

    def __bool__(self) -> bool:
        return True

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return the probabilities of the label model, float (rows, k)."""
        return np.asarray(self._P[self._rows.of(X)])

    def predict(self, X: Any, return_std: bool = False) -> NDArray[np.int64]:
        """Return the most probable class, int (rows,)."""
        if return_std:
            raise WeaklabError(
                "this query function is for regression (it asks for standard deviations); weaklab predicts classes"
            )
        return np.asarray(self.predict_proba(X).argmax(axis=1))

    def vote(self, X: Any) -> NDArray[np.integer[Any]]:
        """Return the votes of the members, int (rows, m), -1 where one abstains."""
        return self.predict(X)[:, None] if self._votes is None else self._votes[0][self._rows.of(X)]

    def vote_proba(self, X: Any) -> Matrix:
        """Return the members' probabilities, float (rows, m, k)."""
        return self.predict_proba(X)[:, None] if self._votes is None else self._votes[1][self._rows.of(X)]

    def transform_without_estimating(self, X: Any) -> Any:
        """Return X unchanged: it holds features already."""
        return X

    @property
    def estimator(self) -> NoReturn:
        raise WeaklabError(
            "this query function refits or looks into its classifier, which a committee cannot offer; use weaklab's "
            "own strategies, such as 'expected_error_reduction' or 'variance_reduction', in its place"
        )

    def fit(self, *_: Any, **__: Any) -> NoReturn:
        """Raise an error: the committee cannot be refitted from a query function."""
        raise WeaklabError(
            "a query function cannot refit the committee; use 'expected_error_reduction' or one that only predicts"
        )

    teach = fit


class _RowFinder:
    """Finds which records the rows of a feature matrix belong to: by identity of the matrix, else by row content."""

    def __init__(self, X: Any, pool: Any, chosen: NDArray[np.int64]) -> None:
        self.X, self.pool, self.chosen = X, pool, chosen

    @cached_property
    def _known(self) -> dict[bytes, int]:
        known: dict[bytes, int] = {}
        every = np.concatenate([self.chosen, np.setdiff1d(np.arange(self.X.shape[0]), self.chosen)])
        for row, content in zip(every.tolist(), _contents(self.X[every]), strict=True):
            known.setdefault(content, row)
        return known

    def of(self, X: Any) -> NDArray[np.int64]:
        from scipy import sparse

        if X is self.pool:
            return self.chosen
        if sparse.issparse(X) != sparse.issparse(self.X):
            X = X.toarray() if sparse.issparse(X) else sparse.csr_matrix(X)
        try:
            return np.array([self._known[content] for content in _contents(X)], dtype=np.int64)
        except KeyError:
            raise WeaklabError(
                "a query function asked for predictions on rows that are no records of the pool; it must pass on rows "
                "of the X that it got"
            ) from None


def _contents(X: Any) -> Iterator[bytes]:
    """Yield the bytes of each row; equal rows give equal bytes."""
    from scipy import sparse

    if sparse.issparse(X):
        rows = sparse.csr_matrix(X, copy=True)
        rows.sum_duplicates()
        rows.eliminate_zeros()
        for start, end in zip(rows.indptr[:-1], rows.indptr[1:], strict=True):
            yield (
                rows.indices[start:end].astype(np.int64).tobytes()
                + b"|"
                + rows.data[start:end].astype(np.float64).tobytes()
            )
    else:
        for row in np.atleast_2d(np.asarray(X, dtype=np.float64)) + 0.0:
            yield row.tobytes()
