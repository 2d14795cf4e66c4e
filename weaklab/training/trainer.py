"""Training a committee on manual labels: weak classifiers, label model, probabilities, all over one corpus in
memory.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.classifiers import WeakClassifier, by_id, folds_of
from weaklab.core.codes import labeled_rows
from weaklab.core.errors import FaultWarning, warn
from weaklab.core.faults import Fault
from weaklab.core.labels import ABSTAIN, LabelNames
from weaklab.core.rows import is_tied, one_thread
from weaklab.core.votes import Votes
from weaklab.heuristics import Ballot, Heuristic
from weaklab.voting.committee import assemble

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from weaklab.label_models import LabelModel

    Pseudo = tuple[NDArray[np.int64], NDArray[np.int64]]  # row numbers, codes

FOLDS = 20
"""Folds in which the label model is judged on labels that it was not fitted on."""
GUARD_FOLDS = 5
"""Folds in which pseudo-labels are judged, at every training, which so takes about ten times as long."""
OUT_OF_FOLD = ("out_of_fold_", "temperature_", "confusion_", "thresholds_")
"""What a classifier knows from records held out."""
OWN_PROBABILITY = 0.8
"""What the classifiers must give a class by themselves before the committee's label for it trains them."""
EQUALLY_SURE = 1e-9
MOST_PSEUDO = 5
"""At most so many pseudo-labels of a class for each manual label of it."""


@dataclass(frozen=True)
class Opinion:
    """What the committee says of the records of a corpus, as of one training.

    Attributes
    ----------
    votes : what every member votes
    P : float (n, k), the label model's probabilities
    y : int (n,), the manual labels that it was trained on, -1 is unlabeled
    """

    votes: Votes
    P: NDArray[np.float64]
    y: NDArray[np.int64]


@dataclass(frozen=True)
class State(Opinion):
    """The committee as of one training: what it says, and the label model that says it.

    Attributes
    ----------
    model : the fitted label model
    pseudo : row numbers that a classifier was trained on beside the manual labels, with the committee's own label
    """

    model: LabelModel
    pseudo: NDArray[np.int64]

    @property
    def feature_proba(self) -> NDArray[np.float64] | None:
        """What the label model's built-in classifier says about the records by their features, float (n, k); None
        without one.
        """
        return self.model.feature_proba_


@dataclass(frozen=True)
class More:
    """Labeled records outside the corpus that the committee learns from as well.

    Attributes
    ----------
    matrix : classifier -> (r, d) features of these records
    y : int (r,) codes
    """

    matrix: Callable[[Any], Any]
    y: NDArray[np.int64]


class Trainer:
    """Trains a committee on the manual labels of one corpus, as often as there are new ones.

    Parameters
    ----------
    heuristics : the members, in the order of the columns
    labels : label names
    columns : heuristic name -> :class:`Ballot` over all records, for every member that does not learn
    matrix : classifier -> the (n, d) features of all records, which it fits to the corpus the first time
    ids : of the records at some row numbers
    label_model : name of the label model
    pseudo_labels : confidence from which a record is given to the classifiers with the committee's own label, None for
        never
    groups : int (n,), near-duplicates have the same number and are held out together; optional
    embeddings : returns float (n, d) with rows of length 1, by which the label model looks at the records themselves;
        optional
    sentence : returns how many of the last embeddings' columns are sentence vectors, called after ``embeddings``
    sentence_vectors : whether there are any, which are of use without votes, too
    """

    def __init__(
        self,
        heuristics: Sequence[Heuristic],
        labels: LabelNames,
        n: int,
        columns: Mapping[str, Ballot],
        matrix: Callable[[WeakClassifier], Any],
        ids: Callable[[NDArray[np.int64]], Sequence[str]],
        *,
        label_model: str = "committee",
        pseudo_labels: float | None = None,
        groups: NDArray[np.int64] | None = None,
        embeddings: Callable[[], NDArray[np.float32]] | None = None,
        sentence: Callable[[], int] = lambda: 0,
        sentence_vectors: bool = False,
    ) -> None:
        self._sentence_vectors = sentence_vectors
        self.groups, self._embeddings, self._sentence = groups, embeddings, sentence
        self._told: list[Fault] = []
        self._fixed: Votes | None = None
        self._last_cross_fitted: tuple[Opinion, int, NDArray[np.float64]] | None = None
        self.heuristics, self.labels, self.n, self.columns = list(heuristics), labels, n, columns
        self._matrix, self._ids = matrix, ids
        self._picked: NDArray[np.bool_] | None = None
        self.label_model, self.pseudo_labels = label_model, pseudo_labels

    @property
    def classifiers(self) -> list[WeakClassifier]:
        """The members that learn."""
        return [h for h in self.heuristics if isinstance(h, WeakClassifier)]

    def rename_labels(self, labels: LabelNames, state: State | None) -> State | None:
        """Call the labels by other names, with the same codes; return a state of this trainer with these names."""
        self.labels, self._fixed = labels, None
        for classifier in self.classifiers:
            if hasattr(classifier, "labels_"):
                classifier.labels_ = labels
        return None if state is None else replace(state, votes=replace(state.votes, labels=labels))

    def train(self, y: NDArray[np.int64], more: More | None = None, picked: NDArray[np.bool_] | None = None) -> State:
        """Train.

        Parameters
        ----------
        y : int (n,), manual labels, -1 is unlabeled
        more : labeled records outside the corpus
        picked : bool (n,), the records whose label was asked for because of what the committee said of them
        """
        self._picked = None if picked is None or not picked.any() else picked
        with one_thread():
            return self._best(y, more)

    def _best(self, y: NDArray[np.int64], more: More | None) -> State:
        """Train with pseudo-labels where these help, else without."""
        if self.pseudo_labels is not None and self.classifiers and self._pseudo_helps(y, more):
            state = self._train(y, more)
            again = self._train(y, more, self._pseudo(state))
            if not collapsed(state.P, again.P):
                return again
        return self._train(y, more)

    def _pseudo(self, state: State) -> Pseudo:
        """Return the rows whose label the committee is sure of and the classifiers by themselves rather sure.

        What functions alone are sure of would teach the classifiers their mistakes.
        """
        assert self.pseudo_labels is not None
        rows, P = pseudo_rows(state.P, state.y, self.pseudo_labels, self._names), state.P
        learned = [scores for j, scores in state.votes.scores.items() if j not in state.votes.calibrated]
        if not learned:
            rows = rows[:0]
        else:
            own = np.mean([scores[rows] for scores in learned], axis=0)
            rows = rows[(own.argmax(axis=1) == P[rows].argmax(axis=1)) & (own.max(axis=1) >= OWN_PROBABILITY)]
        return rows, P[rows].argmax(axis=1)

    def _pseudo_helps(self, y: NDArray[np.int64], more: More | None) -> bool:
        """Whether labels that nothing has seen, neither training nor pseudo-labels, are told better with
        pseudo-labels.
        """
        labeled = labeled_rows(y)
        if len(labeled) < 2 * GUARD_FOLDS:
            return False
        fold = self._folds(y, GUARD_FOLDS)
        gain, used = 0.0, 0
        for number in range(GUARD_FOLDS):
            out = labeled[fold == number]
            held = y.copy()
            held[out] = ABSTAIN
            state = self._train(held, more)
            pseudo = self._pseudo(state)
            used += len(pseudo[0])
            if len(pseudo[0]):
                again = self._train(held, more, pseudo)
                gain += float(
                    (
                        np.log(np.maximum(again.P[out, y[out]], 1e-6)) - np.log(np.maximum(state.P[out, y[out]], 1e-6))
                    ).sum()
                )
        return bool(used and gain > 0)

    def _folds(self, y: NDArray[np.int64], folds: int) -> NDArray[np.int64]:
        """Deal the labeled rows to folds, near-duplicates to one."""
        rows = labeled_rows(y)
        return folds_of(y[rows], self._names(rows), folds, None if self.groups is None else self.groups[rows].tolist())

    def _names(self, rows: NDArray[np.int64]) -> list[str]:
        return [str(name) for name in self._ids(rows)]

    def _train(self, y: NDArray[np.int64], more: More | None, pseudo: Pseudo | None = None) -> State:
        rows = labeled_rows(y)
        ids = self._names(rows)
        ballots = []
        for heuristic in self.heuristics:
            if not isinstance(heuristic, WeakClassifier):
                ballots.append(self.columns[heuristic.name])
                continue
            try:
                ballots.append(self._learn(heuristic, y, rows, ids, more, pseudo))
            except Exception as error:  # a classifier may be anybody's code
                ballots.append(self._failed(heuristic, error))
        votes, model = self._together(ballots), self._model()
        P = model.fit_predict_proba(self._with_features(votes, model), y)
        return State(votes, P, y, model, np.empty(0, dtype=np.int64) if pseudo is None else pseudo[0])

    def _together(self, ballots: Sequence[Ballot]) -> Votes:
        """Put the columns side by side; those that do not learn are put there once, and the whole is copied every
        time.
        """
        if self._fixed is None:
            self._fixed = assemble(self.heuristics, ballots, self.labels, self.n)
        L = self._fixed.L.copy()
        for j, (heuristic, ballot) in enumerate(zip(self.heuristics, ballots, strict=True)):
            if isinstance(heuristic, WeakClassifier):
                L[:, j] = ballot.votes
        scores = {j: b.scores for j, b in enumerate(ballots) if b.scores is not None}
        faults = [fault for ballot in ballots for fault in ballot.faults]
        return replace(self._fixed, L=L, scores=scores, faults=faults, picked=self._picked)

    def _with_features(self, votes: Votes, model: LabelModel) -> Votes:
        """Return votes with the features of the records, where there are any and the label model has a use for them."""
        if self._embeddings is None or model.built_in_classifier is None:
            return votes
        if not self._sentence_vectors and not model.wants_features(votes):
            return votes
        return replace(votes, features=self._embeddings(), sentence=self._sentence())

    def _failed(self, classifier: WeakClassifier, error: Exception) -> Ballot:
        """Let a classifier that failed abstain on everything and leave a fault, told once."""
        classifier.model_ = None
        fault = Fault(classifier.name, type(error).__name__, str(error), classifier.location, (), self.n)
        if fault not in self._told:
            self._told.append(fault)
            warn(str(fault), FaultWarning)
        return Ballot(Ballot.blank(self.n).votes, faults=[fault])

    def _model(self) -> LabelModel:
        from weaklab.label_models import label_model

        model = label_model(self.label_model)
        model.n_classes = len(self.labels)
        return model

    def _learn(
        self,
        classifier: WeakClassifier,
        y: NDArray[np.int64],
        rows: NDArray[np.int64],
        ids: Sequence[str],
        more: More | None,
        pseudo: Pseudo | None,
    ) -> Ballot:
        """Train a classifier on the manual labels and let it vote, out-of-fold where it trained."""
        if len(rows) < classifier.min_labels:
            classifier.train(np.empty((len(rows), 1)), y[rows], ids, self.labels)
            return Ballot.blank(self.n)
        X = self._matrix(classifier)
        groups = None if self.groups is None else self.groups[rows].tolist()
        also = [] if more is None else [(more.matrix(classifier), more.y)]
        classifier.train(X[rows], y[rows], ids, self.labels, also=_stacked(also), groups=groups)
        if not classifier.is_ready:
            return Ballot.blank(self.n)
        if pseudo is not None:
            pseudo = self._by_id(pseudo)
            # pseudo-labels know of every label, so what was told out-of-fold without them stays, and what follows from
            # it
            honest = {name: getattr(classifier, name) for name in OUT_OF_FOLD}
            classifier.train(
                X[rows], y[rows], ids, self.labels, also=_stacked([*also, (X[pseudo[0]], pseudo[1])]), groups=groups
            )
            vars(classifier).update(honest)
        scores = classifier.score(X)
        scores[rows] = np.concatenate([classifier.out_of_fold_[name] for name in ids]).reshape(len(rows), -1)
        return classifier.ballot(scores)

    def _by_id(self, pseudo: Pseudo) -> Pseudo:
        """Put pseudo-labels in an order that does not depend on that of the records."""
        order = by_id(self._names(pseudo[0]))
        return pseudo[0][order], pseudo[1][order]

    def predict_without(self, state: State, column: int) -> NDArray[np.float64]:
        """Return what the committee says without one of its members: probabilities float (n, k)."""
        return self.without(state, column).P

    def without(self, state: State, column: int) -> State:
        """Return what the committee thinks without one of its members, as if it had never been there.

        Classifiers learn from manual labels alone, so only the label model is fitted again. Where they learned from
        pseudo-labels, too, they keep these.
        """
        before = state.votes
        votes = replace(
            before,
            L=np.delete(before.L, column, axis=1),
            scores=_moved(before.scores, column),
            confidence=_moved(before.confidence, column),
            calibrated=tuple(_moved(dict.fromkeys(before.calibrated), column)),
            names=[name for j, name in enumerate(before.names) if j != column],
        )
        model = self._model()
        with one_thread():
            P = model.fit_predict_proba(self._with_features(votes, model), state.y)
        return replace(state, votes=votes, P=P, model=model)

    def cross_fitted(
        self, state: Opinion, folds: int = FOLDS, between: Callable[[], None] = lambda: None
    ) -> NDArray[np.float64]:
        """Return what the label model says of the labeled records when it is fitted without them: float (n_labeled, k).

        The rows are those with a label in ``state.y``, in order; members' scores are out-of-fold already. The last
        result is kept, for several questions about one state. ``between`` is called before each fold.
        """
        last = self._last_cross_fitted
        if last is not None and last[0] is state and last[1] == folds:
            return last[2].copy()
        votes, y = state.votes, state.y
        rows = labeled_rows(y)
        P = np.zeros((len(rows), len(self.labels)))
        if not len(rows):
            return P
        fold, votes = self._folds(y, folds), self._with_features(votes, self._model())
        with one_thread():
            for number in range(fold.max() + 1):
                between()
                out = rows[fold == number]
                held = y.copy()
                held[out] = ABSTAIN
                found = self._model().fit_predict_proba(votes, held)
                P[fold == number] = found[out]
        self._last_cross_fitted = state, folds, P.copy()
        return P


def pseudo_rows(
    P: NDArray[np.float64],
    y: NDArray[np.int64],
    confidence: float,
    ids: Callable[[NDArray[np.int64]], Sequence[str]] | None = None,
) -> NDArray[np.int64]:
    """Return the rows that may be trained on with their most probable class: int (r,).

    Cost-effective active learning of Wang, Zhang, Li, Zhang and Lin (2017), Cost-effective active learning for deep
    image classification, IEEE TCSVT: unlabeled records whose class is all but certain. So that no class grows by
    itself, a class gets at most five for each manual label of it, the surest first.

    Parameters
    ----------
    P : float (n, k)
    y : int (n,), manual labels, -1 is unlabeled
    confidence : the least :func:`weaklab.confidence`, 0 to 1
    ids : row numbers -> ids, which decide among equally sure records; by default the first of them are taken

    Examples
    --------
    >>> P = np.array([[0.999, 0.001], [0.6, 0.4], [0.001, 0.999], [0.5, 0.5]])
    >>> pseudo_rows(P, np.array([-1, 0, -1, 1]), 0.9).tolist()
    [0, 2]
    """
    from weaklab.label_models import confidence as sureness

    sure = sureness(P)
    best = P.argmax(axis=1)
    candidates = np.flatnonzero((y == ABSTAIN) & (sure >= confidence) & ~is_tied(P))
    chosen = []
    for code in range(P.shape[1]):
        rows, most = candidates[best[candidates] == code], MOST_PSEUDO * int((y == code).sum())
        if 0 < most < len(rows):
            least = np.partition(sure[rows], -most)[-most]
            surer, equal = rows[sure[rows] > least + EQUALLY_SURE], rows[np.abs(sure[rows] - least) <= EQUALLY_SURE]
            equal = equal if ids is None else equal[by_id(ids(equal))]
            rows = np.concatenate([surer, equal[: most - len(surer)]])
        chosen.append(rows[:most])
    return np.sort(np.concatenate(chosen))


def collapsed(before: NDArray[np.float64], after: NDArray[np.float64]) -> bool:
    """Whether some class has less than half or more than twice the share of records that it had: ``P`` float (n, k) of
    each.

    >>> collapsed(np.array([[0.9, 0.1], [0.1, 0.9]]), np.array([[0.9, 0.1], [0.9, 0.1]]))
    True
    """
    first, second = before.mean(axis=0), after.mean(axis=0)
    return bool((second < first / 2).any() or (second > 2 * first).any())


def _moved(columns: Mapping[int, Any], out: int) -> dict[int, Any]:
    """Return what belongs to columns, after one of them was taken out."""
    return {j - (j > out): given for j, given in columns.items() if j != out}


def _stacked(parts: Sequence[tuple[Any, NDArray[np.int64]]]) -> tuple[Any, NDArray[np.int64]] | None:
    if not parts:
        return None
    from scipy import sparse

    y = np.concatenate([codes for _, codes in parts])
    blocks = [X for X, _ in parts]
    return (sparse.vstack(blocks, format="csr") if sparse.issparse(blocks[0]) else np.vstack(blocks)), y
