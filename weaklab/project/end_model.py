"""Training an end model on the labels of a project, and judging it on records that it was not trained on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.classifiers import folds_of
from weaklab.core.advice import random_answers
from weaklab.core.errors import ProjectError, WeaklabError, is_whole
from weaklab.core.labels import ABSTAIN
from weaklab.core.progress import tracked
from weaklab.core.rows import is_tied, row_argmax
from weaklab.core.tables import counted
from weaklab.project.quality import given_answers, gold_codes, known_labels
from weaklab.scheduling.asks import texts_of
from weaklab.training.noise_aware import (
    NothingToLearnError,
    checked_targets,
    class_probabilities,
    fit_end_model,
    rows_of,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from weaklab.evaluation.audit import Estimate
    from weaklab.project.workspace import Workspace
    from weaklab.training.end_model import EndModel

FOLDS = 5
END, MANUAL, COMMITTEE = "end model", "manual labels alone", "committee"


def train_end_model(
    work: Workspace,
    /,
    estimator: Any = "logistic_regression",
    *,
    columns: Sequence[str] | None = None,
    targets: str = "weights",
    abstained: bool = True,
    test: tuple[Any, Sequence[str]] | None = None,
    folds: int = FOLDS,
    progress: bool = True,
) -> EndModel:
    """Train a classifier on the probabilistic labels of the project, for use without the committee.

    Its report says how good it is, beside the same estimator trained on the manual labels alone and beside the
    committee. All three are judged on records that they were not trained on: the records are dealt to folds, and for
    each fold committee and models are trained without its records and their labels. The accuracy is estimated from the
    random answers, with an interval, and exact on records with gold labels. The model that is returned is trained on
    all records.

    Parameters
    ----------
    estimator : a scikit-learn classifier or pipeline that takes texts, or a DataFrame with ``columns``; by name,
        ``"logistic_regression"`` or ``"naive_bayes"``, on TF-IDF of the texts, or on numbers
    columns : columns to learn from in the place of the text
    targets : ``"weights"``: each record is there once for each class, with its probability as ``sample_weight``, or
        with hard labels and a warning if the estimator takes none; ``"hard"``: the most probable class; ``"soft"``: the
        probabilities in the place of ``y``, for estimators that take them
    abstained : whether to train on the records on which no heuristic votes, too
        What the committee says of them rests on the features of the records alone.
    test : other records and their labels, to judge the models by: texts or a DataFrame, and label names
    folds : number of folds; 0 for no report but that of ``test``
    progress : whether to show progress where it takes longer than a moment

    Raises
    ------
    WeaklabError
        No record has a label, or all have the same; the records have no text, and ``columns`` is not given.

    Examples
    --------
    >>> import tempfile, weaklab
    >>> project = weaklab.Project(tempfile.mkdtemp(), labels=["ham", "spam"], timeout=None)
    >>> texts = [f"win a prize {i}" for i in range(9)] + [f"lunch at {i}" for i in range(9)]
    >>> _ = project.add_records(texts, quiet=True)
    >>> _ = project.add(weaklab.keywords("spam", ["prize"]))
    >>> _ = project.add(weaklab.keywords("ham", ["lunch"]))
    >>> model = project.train_end_model(progress=False)
    >>> model.predict(["lunch?", "a prize"])
    ['ham', 'spam']
    """
    from weaklab.training.end_model import EndModel, named_estimator

    if folds != 0 and (not is_whole(folds) or folds < 2):
        raise ProjectError(f"folds must be 2 or more, or 0 for no report; got {folds!r}")
    work.finish_encoding(progress)
    work.train(work.refresh().event)
    data = _Data(work, columns, abstained)
    if isinstance(estimator, str):
        estimator = named_estimator(estimator, texts=data.columns is None)
    data.targets = checked_targets(estimator, targets)
    state = work.state()
    trained = data.fit(estimator, data.X, data.known_as_certain(state.P, data.y), data.learnable(state.votes.L))
    by_hand = data.fit_manual(estimator, data.X, data.y) if test is not None else None
    figures = {name: {"model": name} for name in (END, MANUAL, COMMITTEE)}
    notes: list[str] = []
    _put_unknown(figures)
    if folds:
        codes = _held_out(work, data, estimator, folds, progress)
        notes += _judge(work, figures, codes)
    if test is not None:
        notes += _judge_on_test(work, figures, {END: trained, MANUAL: by_hand}, data, test)
    return EndModel(trained, list(work.label_names), data.columns, list(figures.values()), notes)


class _Data:
    """What the models of a project are trained on.

    Attributes
    ----------
    X : texts, or a DataFrame of ``columns``
    y : int (n,), manual labels and those that near-duplicates share, -1 elsewhere
    targets : see :func:`train_end_model`
    """

    def __init__(self, work: Workspace, columns: Sequence[str] | None, abstained: bool) -> None:
        self.columns = _columns_of(work, columns)
        self._abstained, self.targets, self.k = abstained, "weights", len(work.label_names)
        self.X = _frame(work, self.columns) if self.columns else texts_of(work.corpus, np.arange(len(work.rows)))
        self.y = known_labels(work)

    def learnable(self, L: NDArray[np.int8]) -> NDArray[np.bool_]:
        """Return bool (n,), the records to train on."""
        from weaklab.evaluation.analysis import covered

        return np.ones(len(L), dtype=bool) if self._abstained else covered(L) | (self.y != ABSTAIN)

    def known_as_certain(self, P: NDArray[np.float64], y: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return probabilities with those of manual labels replaced by certainty."""
        return np.where((y == ABSTAIN)[:, None], P, np.eye(self.k)[y])

    def fit(self, estimator: Any, X: Any, P: NDArray[np.float64], rows: NDArray[np.bool_]) -> Any:
        """Train on some records; those between two classes say nothing and are left out."""
        rows = rows & ~is_tied(P)
        return fit_end_model(estimator, rows_of(X, rows), P[rows], self.targets)

    def fit_or_none(self, estimator: Any, P: NDArray[np.float64], rows: NDArray[np.bool_]) -> Any:
        """Train on some records; None where there is nothing to learn from them."""
        try:
            return self.fit(estimator, self.X, P, rows)
        except NothingToLearnError:
            return None

    def fit_manual(self, estimator: Any, X: Any, y: NDArray[np.int64]) -> Any:
        """Train on manual labels alone; None where they are of fewer than two classes."""
        rows = y != ABSTAIN
        if len(np.unique(y[rows])) < 2:
            return None
        targets = "soft" if self.targets == "soft" else "hard"
        return fit_end_model(estimator, rows_of(X, rows), np.eye(self.k)[y[rows]], targets)


def _held_out(work: Workspace, data: _Data, estimator: Any, folds: int, progress: bool) -> dict[str, NDArray[np.int64]]:
    """Return what each model says of each record that it was not trained on: codes int (n,), -1 for no label."""
    snapshot, trainer = work.refresh(), work.cache.trainer(progress=False)
    fold = _folds(work, folds)
    found = {name: np.full(len(fold), ABSTAIN) for name in (END, MANUAL, COMMITTEE)}
    more = work.more(snapshot)
    try:
        for number in tracked(range(folds), progress, folds, "judging", "folds", lambda _: 1):
            out = fold == number
            if not out.any():
                continue
            state = trainer.train(np.where(out, ABSTAIN, snapshot.y), more)
            y = np.where(out, ABSTAIN, data.y)
            P = data.known_as_certain(state.P, y)
            held = rows_of(data.X, out)
            found[COMMITTEE][out] = np.where(is_tied(state.P), ABSTAIN, row_argmax(state.P))[out]
            models = {
                END: data.fit_or_none(estimator, P, data.learnable(state.votes.L) & ~out),
                MANUAL: data.fit_manual(estimator, data.X, y),
            }
            for name, fitted in models.items():
                if fitted is not None:
                    found[name][out] = class_probabilities(fitted, held, data.k).argmax(axis=1)
    finally:
        work.opinion.forget_classifiers()
    return found


def _folds(work: Workspace, folds: int) -> NDArray[np.int64]:
    """Deal all records to folds, near-duplicates to one: int (n,). It depends on ids and labels alone."""
    from weaklab.scheduling.views import keys_of

    y, groups, ids = work.snapshot.y, work.cache.groups, np.array(work.rows.ids, dtype=object)
    rows = np.flatnonzero(y != ABSTAIN)
    group = np.arange(len(y)) if groups is None else groups
    fold_of_group = (keys_of(ids.tolist()) % np.uint64(folds)).astype(np.int64)  # a group is named after a row
    if len(rows):
        dealt = folds_of(y[rows], [str(name) for name in ids[rows]], folds, group[rows].tolist())
        fold_of_group[group[rows]] = dealt
    return np.asarray(fold_of_group[group])


def _put_unknown(figures: dict[str, dict[str, Any]]) -> None:
    for row in figures.values():
        row |= dict.fromkeys(("accuracy", "accuracy_low", "accuracy_high"), float("nan")) | {"n_audit": 0}


def _judge(work: Workspace, figures: dict[str, dict[str, Any]], codes: dict[str, NDArray[np.int64]]) -> list[str]:
    """Put figures from random answers and from gold labels into the rows; return what they rest on."""
    from weaklab.evaluation.class_figures import JudgedLabels

    answers, gold = given_answers(work), gold_codes(work)
    for name, found in codes.items():
        if (found == ABSTAIN).all():
            continue  # there was nothing to train it on
        judged = JudgedLabels(found, found[answers.all_rows], answers)
        figures[name] |= _columns(judged.accuracy()) | {"n_audit": judged.n_audit}
        if (gold != ABSTAIN).any():
            figures[name] |= _exact("gold", found, gold, len(work.label_names))
    n = figures[END]["n_audit"]
    notes = [
        f"Judged by {counted(n, 'random answer')}, each by models that were trained without its fold. "
        "The committee is the 'committee alone' of `weaklab evaluate`, which divides the records otherwise."
    ]
    if np.isnan(figures[END]["accuracy"]):
        there = counted(n, "random answer")
        notes = [f"The accuracy is not known yet: there are {there}; get more with {random_answers()}"]
    if (gold != ABSTAIN).any():
        notes.append(f"by gold: on {counted(int((gold != ABSTAIN).sum()), 'record')}, without training on them")
    return notes


def _judge_on_test(
    work: Workspace,
    figures: dict[str, dict[str, Any]],
    models: dict[str, Any],
    data: _Data,
    test: tuple[Any, Sequence[str]],
) -> list[str]:
    X, labels = test
    if len(X) != len(labels):
        raise ProjectError(f"test must hold one label for each record, got {len(X)} records and {len(labels)} labels")
    X = X[data.columns] if data.columns else [str(text) for text in X]
    truth = np.array([work.label_names.code(label) for label in labels], dtype=np.int64)
    for name, model in models.items():
        if model is not None:
            found = class_probabilities(model, X, data.k).argmax(axis=1)
            figures[name] |= _exact("test", found, truth, data.k)
    return [f"on test records: {counted(len(truth), 'record')} that no model has seen"]


def _exact(what: str, found: NDArray[np.int64], truth: NDArray[np.int64], k: int) -> dict[str, float]:
    """Return accuracy and the mean F1 of the classes that occur."""
    from weaklab.evaluation.label_quality import confusion_counts, exact_figures

    counts = confusion_counts(truth, found, k)
    occurs = counts.sum(axis=1) > 0
    accuracy = np.diagonal(counts).sum() / counts.sum() if counts.sum() else np.nan
    f1 = exact_figures(counts)["f1"][occurs].mean() if occurs.any() else np.nan
    return {f"{what}_accuracy": float(accuracy), f"{what}_macro_f1": float(f1)}


def _columns(estimate: Estimate) -> dict[str, float]:
    known = (estimate.value, estimate.low, estimate.high) if estimate.known else [float("nan")] * 3
    return dict(zip(("accuracy", "accuracy_low", "accuracy_high"), known, strict=True))


def _columns_of(work: Workspace, columns: Sequence[str] | None) -> list[str] | None:
    """Return the columns to learn from; None for the text."""
    from weaklab.features.numbers import numeric_columns

    there = next(work.corpus.batches())
    if columns is not None:
        names = [columns] if isinstance(columns, str) else list(columns)
        for name in names:
            if name not in there.schema.names:
                raise ProjectError(f"no column {name!r} in the records; there are {', '.join(there.schema.names)}")
        return names
    if work.corpus.roles.text:
        return None
    if not (found := numeric_columns(there)):
        raise WeaklabError("the records have neither text nor columns of numbers; name the columns to learn from")
    return list(found)


def _frame(work: Workspace, columns: Sequence[str]) -> Any:
    import pandas as pd

    return pd.DataFrame({name: work.corpus.column(name).to_pandas() for name in columns})
