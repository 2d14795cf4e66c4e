"""The labeling loop on arrays in memory: ask, label, train, and ask again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from threading import RLock
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.classifiers import WeakClassifier
from weaklab.classifiers.weak import AUTO, chosen
from weaklab.core.codes import labeled_rows
from weaklab.core.errors import WeaklabError
from weaklab.core.labels import ABSTAIN, LabelNames
from weaklab.core.rows import BLOCK, blocks
from weaklab.core.tables import counted
from weaklab.features import Features
from weaklab.features.checks import feature_matrix
from weaklab.heuristics import Ballot, Heuristic
from weaklab.label_models.vote_patterns import row_hashes
from weaklab.scheduling.scheduler import RANDOM, Pick, Scheduler
from weaklab.scheduling.views import Views
from weaklab.strategies import picks_by_opinion
from weaklab.training.background import Ahead
from weaklab.training.trainer import State, Trainer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pyarrow as pa
    from numpy.typing import ArrayLike, NDArray

    from weaklab.corpus import Corpus
    from weaklab.evaluation.precision import PrecisionLabels
    from weaklab.evaluation.reliability import Reliability
    from weaklab.training.explanations import Explanation


@dataclass(frozen=True)
class _BatchInput:
    """The data from which a batch is chosen, copied so that it can be chosen in the background.

    Attributes
    ----------
    version : number of calls of :meth:`Loop.label` before
    y : int (n,), the labels
    free : bool (n,), the records that may be asked about
    turn : number of labels, plus records that were asked about and have no answer yet
    """

    version: int
    y: NDArray[np.int64]
    free: NDArray[np.bool_]
    turn: int


class Loop:
    """Active learning on arrays: weak classifiers on a feature matrix, and optional votes of heuristics.

    It does the same as :class:`weaklab.Project`, but in memory, without records, files and annotators.

    Parameters
    ----------
    X : (n, d) features, sparse or dense, finite numbers; float16 is converted to float32
    labels : k label names
    L : int (n, m), votes of other heuristics, -1 abstains; optional
    classifiers : names or unfitted scikit-learn classifiers; ``"auto"``, the default, is Naive Bayes if ``X`` is sparse
        without negative values, else logistic regression; ``[]`` for votes only
    label_model : name of a label model
    scheduler : the scheduler that picks records; by default ``Scheduler(seed=seed)``
    keys : uint64 (n,), a unique number for each record, for random draws and folds
        By default it is computed from the features (:func:`content_keys`), so that the order of the records has no
        effect.
    vectors : function from row numbers to a (rows, d) matrix with rows of length 1, to find near-duplicates; optional
    pseudo_labels : 0 to 1; classifiers are also trained on the committee's labels with at least this confidence; None
        for never
    use_features : whether the label model uses ``X`` as well, if it can; classifiers always use it
    ahead : whether to choose the next batch in the background while the current one is answered
        The next batch is then available at once, but is chosen without the answers to the current one. :meth:`close`
        ends the background work.
    seed : seed of all random draws

    Attributes
    ----------
    y : int (n,), the labels given so far, -1 is unlabeled
    state : :class:`weaklab.training.trainer.State` of the last training

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
        classifiers: Sequence[Any] = (AUTO,),
        label_model: str = "committee",
        scheduler: Scheduler | None = None,
        keys: NDArray[np.uint64] | None = None,
        vectors: Callable[[NDArray[np.int64]], Any] | None = None,
        pseudo_labels: float | None = None,
        use_features: bool = True,
        ahead: bool = False,
        seed: int = 0,
    ) -> None:
        from weaklab.core.codes import check_votes

        self.labels = labels if isinstance(labels, LabelNames) else LabelNames(labels)
        X = feature_matrix(X)
        n = int(X.shape[0])
        votes = check_votes(np.empty((n, 0), dtype=np.int8) if L is None else L, len(self.labels))
        if len(votes) != n:
            raise WeaklabError(f"L has {counted(len(votes), 'row')} and X {n}; wanted one row per record in both")
        self.scheduler = scheduler or Scheduler(seed=seed)
        self.y = np.full(n, ABSTAIN, dtype=np.int64)
        self._drawn, self._picked = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
        self._keys = content_keys(X) if keys is None else _checked_keys(keys, n)
        members: list[Heuristic] = [GivenVotes(f"heuristic {j}") for j in range(votes.shape[1])]
        columns = {member.name: Ballot(votes[:, j].copy()) for j, member in enumerate(members)}
        for classifier in _each(classifiers):
            classifier = (
                chosen(X) if isinstance(classifier, str) and classifier == AUTO else classifier
            )  # chosen by all rows, not only by the labeled ones
            learner = (
                classifier
                if isinstance(classifier, WeakClassifier)
                else WeakClassifier(classifier, GivenFeatures(), seed=seed)
            )
            if learner.name in [member.name for member in members]:
                learner.name = f"{learner.name} {len(members)}"
            members.append(learner)
        self.views = Views(self._keys, lambda: X, vectors)
        self.trainer = Trainer(
            members,
            self.labels,
            n,
            columns,
            lambda _: X,
            lambda rows: [f"{key:016x}" for key in self._keys[rows].tolist()],
            label_model=label_model,
            pseudo_labels=pseudo_labels,
            embeddings=self.views.learnable if use_features else None,
        )
        self._version, self._trained_version = 0, -1
        self._copied: tuple[int, NDArray[np.int64]] | None = None
        self._state: State | None = None
        self._training = RLock()
        self._ahead: Ahead[list[Pick]] | None = Ahead() if ahead else None
        self._plan: _BatchInput | None = None

    @property
    def state(self) -> State:
        """The trained committee; after new labels, it is trained on first access."""
        if self._ahead is not None:
            self._ahead.wait()  # trainings must happen in the order of the labels
        return self._trained(self._version, self._frozen())

    def _frozen(self) -> NDArray[np.int64]:
        """Return a copy of the labels that nobody can write to, so that its labeled rows are looked for once."""
        if self._copied is None or self._copied[0] != self._version:
            y = self.y.copy()
            y.flags.writeable = False
            self._copied = self._version, y
        return self._copied[1]

    def _trained(self, version: int, y: NDArray[np.int64]) -> State:
        with self._training:
            if self._state is None or self._trained_version != version:
                self._state = None  # to free its memory before training
                self._state, self._trained_version = self._train_on(y), version
            return self._state

    def _train_on(self, y: NDArray[np.int64]) -> State:
        rows, picked = labeled_rows(y), np.zeros(len(y), dtype=bool)
        picked[rows] = self._picked[rows]
        return self.trainer.train(y, picked=picked)

    def __repr__(self) -> str:
        return f"Loop({counted(len(self.y), 'record')}, labels={list(self.labels)}, {self.n_labels:,} labeled)"

    @property
    def P(self) -> NDArray[np.float64]:  # noqa: N802 - the field's name for it
        """The probabilities of the label model: float (n, k)."""
        return self.state.P

    @property
    def n_labels(self) -> int:
        """The number of records with a label."""
        return int(np.count_nonzero(self.y != ABSTAIN))

    def ask(self, n: int = 10, *, strategy: Any = None) -> list[Pick]:
        """Return the n records to label next; all of them are unlabeled.

        Parameters
        ----------
        n : size of the batch
        strategy : query strategy for this batch only, without a cold start; ``"random"`` asks for audit labels
        """
        scheduler = self.scheduler
        if strategy is not None:
            scheduler = Scheduler(strategy, random_share=scheduler.random_share, cold_start=None, seed=scheduler.seed)
        if self._ahead is None:
            picks = self._choose(scheduler, n, self._batch_input())
        else:
            picks = self._chosen_ahead(self._ahead, scheduler, n, strategy)
        for pick in picks:
            self._drawn[pick.row] = pick.strategy == RANDOM
            self._picked[pick.row] = picks_by_opinion(pick.strategy)
        return picks

    def _batch_input(self, shown: Sequence[Pick] = ()) -> _BatchInput:
        """Return the input for choosing a batch now, or after the batch ``shown`` that has just been chosen."""
        y = self._frozen()
        free = np.ones(len(y), dtype=bool)
        free[labeled_rows(y)] = False
        free[[pick.row for pick in shown]] = False
        return _BatchInput(self._version, y, free, len(free) - int(np.count_nonzero(free)))

    def _choose(self, scheduler: Scheduler, n: int, plan: _BatchInput) -> list[Pick]:
        with self._training:
            state = self._trained(plan.version, plan.y)
            return scheduler.pick(self.views.pool(state, state.y), n, plan.free, turn=plan.turn)

    def _chosen_ahead(self, ahead: Ahead[list[Pick]], scheduler: Scheduler, n: int, strategy: Any) -> list[Pick]:
        """Return the batch that was chosen in the background, and start to choose the next one."""
        plan = self._plan
        picks = ahead.take((n, strategy))
        if plan is None:
            picks = self._choose(scheduler, n, self._batch_input())
        elif picks is None or any(
            self.y[pick.row] != ABSTAIN for pick in picks
        ):  # it was chosen for other arguments, or contains records that have a label now
            picks = self._choose(scheduler, n, replace(plan, free=plan.free & (self.y == ABSTAIN)))
        self._plan = after = self._batch_input(picks)
        ahead.begin((n, strategy), lambda: self._choose(scheduler, n, after))
        return picks

    def close(self) -> None:
        """End the background work; the loop can still be used."""
        if self._ahead is not None:
            self._ahead.close()
            self._plan = None

    def label(self, rows: Sequence[int] | NDArray[np.integer[Any]], codes: ArrayLike) -> None:
        """Set labels.

        Parameters
        ----------
        rows : row numbers, each once; or a boolean mask of n values, True for the rows that get a label
        codes : label names or codes, one for each of these rows; -1 or None removes a label
            With a mask, there may also be one for each of the n records.

        Raises
        ------
        WeaklabError
            A row does not exist, is not a whole number or is repeated; a label does not exist; or the numbers of rows
            and labels differ.
        """
        given = np.array(
            [self.labels.code(code) for code in np.atleast_1d(np.asarray(codes, dtype=object)).tolist()], dtype=np.int64
        )
        places = row_numbers(rows, len(self.y))
        if (
            len(given) == len(self.y) and len(given) != len(places) and np.size(rows) == len(self.y)
        ):  # a mask, with one label for each of the n records
            given = given[places]
        if places.shape != given.shape:
            raise WeaklabError(
                f"{counted(len(places), 'record')} and {counted(len(given), 'label')}; wanted one label per record"
            )
        self.y[places] = given
        self._version += 1

    @property
    def at_random(self) -> NDArray[np.bool_]:
        """Whether each record has an audit label: a label, after it was drawn at random: bool (n,)."""
        return np.asarray(self._drawn & (self.y != ABSTAIN))

    def _audited(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the rows with audit labels, and their out-of-fold probabilities: float (r, k)."""
        from weaklab.evaluation.precision import held_out

        rows = np.flatnonzero(self.at_random)
        return rows, held_out(self.trainer, self.state, rows)

    def label_or_abstain(self, precision: float = 0.95) -> PrecisionLabels:
        """Return labels for confident records only, so that at least this share is right, with 95 % confidence.

        Labels that were given are kept. The confidence that other labels need is computed from the answers to random
        questions, see :func:`weaklab.core.thresholds.threshold_for`. If these are too few, no other record gets a
        label, and the result says how many are needed.

        Parameters
        ----------
        precision : required share of right labels, between 0 and 1

        Examples
        --------
        >>> X = np.repeat(np.eye(2), 100, axis=0)
        >>> truth = np.repeat([0, 1], 100)
        >>> loop = Loop(X, ["a", "b"])
        >>> rows = [pick.row for pick in loop.ask(100, strategy="random")]
        >>> loop.label(rows, truth[rows])
        >>> loop.label_or_abstain(precision=0.95).coverage
        1.0
        """
        from weaklab.evaluation.precision import labels_at_precision

        rows, P = self._audited()
        return labels_at_precision(self.state.P, self.y, P, self.y[rows], precision, self.labels)

    def reliability(self, bins: int | None = None) -> Reliability:
        """Return the share of right labels by predicted probability, measured on the audit labels.

        Raises
        ------
        WeaklabError
            No record that was drawn at random has a label.
        """
        from weaklab.evaluation.precision import audited_reliability

        rows, P = self._audited()
        return audited_reliability(P, self.y[rows], bins)

    def explain(self, row: int) -> Explanation:
        """Return the contributions of the committee members to the label of one record; their sum is its log-odds."""
        from weaklab.training.explanations import explain

        place = _one_row(row, len(self.y))
        return explain(
            self.state.model,
            self.state.votes,
            place,
            feature_proba=self.state.feature_proba,
            manual=self.labels.name(int(self.y[place])),
        )


KEY_CELLS = 2**18
"""Number of values of a dense matrix that are hashed at a time, so that they fit into the processor's cache."""


def _each(classifiers: Any) -> Sequence[Any]:
    if isinstance(classifiers, str) or not isinstance(classifiers, Iterable):
        raise WeaklabError(f"classifiers must be a list, such as ['naive_bayes'], got {classifiers!r}")
    return list(classifiers)


def row_numbers(rows: Any, n: int) -> NDArray[np.int64]:
    """Return row numbers int (r,); raise a WeaklabError for the first invalid one.

    Parameters
    ----------
    rows : whole numbers from 0 to n - 1, each once; or a boolean mask of n values
    n : number of rows

    Examples
    --------
    >>> row_numbers([2, 0], 3).tolist(), row_numbers(np.array([False, True, True]), 3).tolist()
    ([2, 0], [1, 2])
    >>> row_numbers([2.7], 3)
    Traceback (most recent call last):
        ...
    weaklab.core.errors.WeaklabError: row 2.7 is no whole number; wanted row numbers from 0 to 2, or a boolean mask of 3
    values
    """
    wanted = f"wanted row numbers from 0 to {n - 1}, or a boolean mask of {n} values"
    given = np.atleast_1d(np.asarray(rows.to_numpy() if hasattr(rows, "to_numpy") else rows))
    if given.ndim != 1:
        raise WeaklabError(f"rows have shape {given.shape}; {wanted}")
    if given.dtype.kind == "O" and len(given) and all(isinstance(value, (bool, np.bool_)) for value in given):
        given = given.astype(bool)
    if given.dtype.kind == "b":
        if len(given) != n:
            raise WeaklabError(f"rows are a boolean mask of {len(given)} values; {wanted}")
        return np.flatnonzero(given)
    for row in given.tolist():
        if isinstance(row, (bool, str, bytes)) or not isinstance(row, (int, float)) or not float(row).is_integer():
            raise WeaklabError(f"row {row!r} is no whole number; {wanted}")
        if not 0 <= row < n:
            raise WeaklabError(
                f"there is no row {row}: rows must be from 0 to {n - 1}, or a boolean mask of {n} values"
            )
    places = given.astype(np.int64)
    in_order = np.sort(places)
    repeated = in_order[1:][in_order[1:] == in_order[:-1]]
    if len(repeated):
        mask = " (if this is a mask, make its values true and false)" if len(places) == n and places.max() < 2 else ""
        raise WeaklabError(f"row {repeated[0]} comes more than once{mask}; give each row once, with one label")
    return places


def _one_row(row: Any, n: int) -> int:
    if isinstance(row, (bool, np.bool_)) or np.ndim(row):
        raise WeaklabError(f"row must be one whole number from 0 to {n - 1}, got {row!r}")
    return int(row_numbers([row], n)[0])


def content_keys(X: Any) -> NDArray[np.uint64]:
    """Return a unique number for each row of a matrix that depends on its content, not on its position: uint64 (n,).

    Equal rows are counted, so that their numbers differ. Matrices of float32 and float64, or sparse and dense, give the
    same numbers if their values are equal.

    >>> keys = content_keys(np.array([[1.0, 0.0], [0.0, 2.0], [1.0, 0.0]]))
    >>> others = content_keys(np.array([[0.0, 2.0], [1.0, 0.0], [1.0, 0.0]]))
    >>> bool((others == keys[[1, 0, 2]]).all()), len(set(keys.tolist()))
    (True, 3)
    """
    from scipy import sparse

    n, d = X.shape
    factors = row_hashes(np.arange(d)) | np.uint64(1)
    keys = np.zeros(n, dtype=np.uint64)
    if sparse.issparse(X) and not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    for rows in blocks(n, max(1, KEY_CELLS // max(1, d)) if not sparse.issparse(X) else BLOCK):
        if not sparse.issparse(X):
            keys[rows] = (_mixed(X[rows]) * factors).sum(axis=1, dtype=np.uint64)
            continue
        ends = X.indptr[rows.start : rows.stop + 1]
        cells = slice(ends[0], ends[-1])
        filled = np.flatnonzero(np.diff(ends))
        if len(filled):
            each = _mixed(X.data[cells]) * factors[X.indices[cells]]
            keys[rows.start + filled] = np.add.reduceat(each, (ends[:-1] - ends[0])[filled])
    keys = row_hashes(keys)
    order = np.argsort(keys, kind="stable")
    new = np.concatenate([[True], keys[order][1:] != keys[order][:-1]])[:n]
    if not new.all():
        nth = np.arange(n) - np.maximum.accumulate(np.where(new, np.arange(n), 0))
        keys[order] += nth.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    return keys


def _mixed(values: NDArray[Any]) -> NDArray[np.uint64]:
    """Return a hash of each number, with 0 for 0: uint64, the finaliser of SplitMix64."""
    h = (np.ascontiguousarray(values, dtype=np.float64) + 0.0).view(np.uint64)  # -0 becomes 0
    h = (h ^ (h >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    h = (h ^ (h >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(h ^ (h >> np.uint64(31)))


def _checked_keys(keys: Any, n: int) -> NDArray[np.uint64]:
    given = np.asarray(keys)
    if given.shape != (n,) or given.dtype.kind not in "iu":
        raise WeaklabError(
            f"keys must be one whole number per record, shape ({n},), got {given.dtype} of shape {given.shape}"
        )
    return given.astype(np.uint64)


class GivenVotes(Heuristic):
    """A heuristic that is only known by its votes on the records of one corpus."""

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def fingerprint(self) -> str:
        return self.name

    def evaluate(self, batch: pa.RecordBatch, labels: LabelNames, watch: Any = None) -> Ballot:
        raise WeaklabError(f"{self.name} is a column of votes; it cannot vote on other records")


class GivenFeatures(Features):
    """Features that are given as a matrix; the last ``sentence`` columns are sentence vectors."""

    def __init__(self, sentence: int = 0) -> None:
        self._sentence = sentence

    def vector_columns(self) -> int:
        return self._sentence

    def fit(self, corpus: Corpus) -> GivenFeatures:
        return self

    def transform(self, batch: pa.RecordBatch) -> Any:
        raise WeaklabError("this classifier was trained on a matrix; score rows of such a matrix with score(X)")
