"""Preview of a weak classifier: its accuracy, its votes on the corpus, and its most surprising votes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.classifiers.calibration import TIED
from weaklab.core.errors import WeaklabError
from weaklab.core.labels import ABSTAIN, LabelNames
from weaklab.core.rows import is_tied
from weaklab.core.tables import Table, counted
from weaklab.evaluation.analysis import wilson_interval

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

    from weaklab.classifiers import WeakClassifier

MOST_SURPRISING = 10


@dataclass
class Preview:
    """The result of :func:`preview`: accuracy on manual labels, number of votes, and the most surprising votes.

    Attributes
    ----------
    classes : table with one row per label: labeled records, precision and recall out-of-fold, threshold, number of
        votes, and their share of all votes
    surprises : table of the most surprising votes, most surprising first
    accuracy, accuracy_low, accuracy_high : float, out-of-fold, with the 95% Wilson interval; None before it is trained
    n_votes, n_records : int, number of records on which it votes, and of all records
    missing : description of the labels that are missing for training; None if it is trained
    """

    name: str
    classes: Table
    surprises: Table
    n_records: int
    n_votes: int = 0
    accuracy: float | None = None
    accuracy_low: float | None = None
    accuracy_high: float | None = None
    missing: str | None = None
    _tables: list[Table] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._tables = [self.classes] if self.missing else [self.classes, self.surprises]

    def to_pandas(self) -> pd.DataFrame:
        """Return the surprising votes as a DataFrame with the columns :data:`SURPRISE_COLUMNS`."""
        return self.surprises.to_pandas()

    def __repr__(self) -> str:
        return "\n\n".join(map(str, self._tables))

    def _repr_html_(self) -> str:
        return "".join(table._repr_html_() for table in self._tables)


def preview(
    classifier: WeakClassifier,
    texts: Callable[[Sequence[int]], Sequence[str]],
    scores: ArrayLike | None,
    P: ArrayLike | None,
    y: ArrayLike,
    labels: LabelNames,
) -> Preview:
    """Return a preview of a classifier on a corpus of n records, before it is used.

    The surprise of a vote is the total variation distance (half of the sum of absolute differences) between the
    probabilities of the classifier and what was known before: the manual label, or the probabilities of the committee
    if there is none. Only votes for a different class are shown.

    Parameters
    ----------
    classifier : a classifier that was trained with :meth:`~weaklab.WeakClassifier.train`
    texts : function from row numbers to the texts of these records
    scores : float (n, k), its probabilities for all records, out-of-fold where there is a manual label; None if it is
        not trained
    P : float (n, k), probabilities of the committee, or None
    y : int (n,), manual labels, -1 is unlabeled
    labels : label names

    Examples
    --------
    >>> import weaklab
    >>> corpus = weaklab.read(["free prize", "win a prize", "lunch at noon", "see you at lunch"] * 5)
    >>> y, labels = np.array([1, 1, 0, 0] * 5), LabelNames(["ham", "spam"])
    >>> classifier = weaklab.WeakClassifier("nb").fit(corpus, y, labels)
    >>> preview(classifier, lambda rows: ["?"] * len(rows), classifier.scores(next(corpus.batches())), None, y, labels)
    naive_bayes: accuracy 1.000 (0.839 to 1.000) on 20 manual labels, out-of-fold
    label  labeled  precision  recall  votes from  votes  share
    ham         10      1.000   1.000 ...
    """
    codes = np.asarray(y, dtype=np.int64)
    missing = None if classifier.is_ready else classifier.wanting(codes, labels) or "it has not been trained yet"
    if missing is not None or scores is None:
        return _waiting(classifier, missing or "it has no scores yet", codes, labels)
    given = np.array(scores, dtype=np.float32)
    known = None if P is None else np.asarray(P, dtype=np.float64)
    for name, matrix in (("scores", given), ("P", known)):
        if matrix is not None and matrix.shape != (len(codes), len(labels)):
            raise WeaklabError(
                f"{name} must be of shape {(len(codes), len(labels))}, one row per record, one column per label, got "
                f"{matrix.shape}"
            )
    votes = classifier.ballot(given).votes.astype(np.int64)
    gold = np.flatnonzero(codes != ABSTAIN)
    best = np.where(is_tied(given[gold], TIED), ABSTAIN, given[gold].argmax(axis=1))
    right = int((best == codes[gold]).sum())
    low, high = wilson_interval(right, len(gold))
    n_votes = int((votes != ABSTAIN).sum())
    title = (
        f"{classifier.name}: accuracy {right / max(len(gold), 1):.3f} ({low:.3f} to {high:.3f}) on {len(gold):,} "
        "manual labels, out-of-fold"
    )
    return Preview(
        classifier.name,
        Table(
            title,
            CLASS_COLUMNS,
            _class_rows(classifier, best, codes, gold, votes, labels),
            _notes(classifier, n_votes, len(codes)),
        ),
        _surprises(texts, given, known, codes, votes, labels),
        len(codes),
        n_votes,
        right / len(gold) if len(gold) else None,
        low,
        high,
    )


CLASS_COLUMNS = ("label", "labeled", "precision", "recall", "votes from", "votes", "share")
SURPRISE_COLUMNS = ("row", "text", "vote", "probability", "committee", "manual", "surprise")


def _waiting(classifier: WeakClassifier, missing: str, y: NDArray[np.int64], labels: LabelNames) -> Preview:
    rows = [[name, int((y == code).sum())] for code, name in enumerate(labels)]
    title = f"{classifier.name} does not vote yet: {missing}"
    return Preview(
        classifier.name,
        Table(title, ["label", "labeled"], rows),
        Table("", SURPRISE_COLUMNS, []),
        len(y),
        missing=missing,
    )


def _class_rows(
    classifier: WeakClassifier,
    best: NDArray[np.int64],
    y: NDArray[np.int64],
    gold: NDArray[np.int64],
    votes: NDArray[np.int64],
    labels: LabelNames,
) -> list[list[Any]]:
    rows = []
    for code, name in enumerate(labels):
        said, true = best == code, y[gold] == code
        hits, threshold = int((said & true).sum()), float(classifier.thresholds_[code])
        rows.append(
            [
                name,
                int(true.sum()),
                hits / int(said.sum()) if said.any() else None,
                hits / int(true.sum()) if true.any() else None,
                threshold if np.isfinite(threshold) else "never",
                int((votes == code).sum()),
                float((votes == code).sum() / max(int((votes != ABSTAIN).sum()), 1)),
            ]
        )
    return rows


def _notes(classifier: WeakClassifier, n_votes: int, n: int) -> list[str]:
    notes = [f"would vote on {n_votes:,} of {counted(n, 'record')} ({n_votes / max(n, 1):.0%})"]
    if classifier.chosen_ is not None:
        notes.append(f"{classifier.chosen_} was chosen for these features; name another with estimator=")
    if classifier.temperature_ is not None:
        notes.append(f"scores calibrated with temperature {classifier.temperature_:.3g}")
    if classifier.min_precision is not None:
        notes.append(f"thresholds promise a precision of {classifier.min_precision:g}")
    return notes


def _surprises(
    texts: Callable[[Sequence[int]], Sequence[str]],
    scores: NDArray[np.float32],
    P: NDArray[np.float64] | None,
    y: NDArray[np.int64],
    votes: NDArray[np.int64],
    labels: LabelNames,
) -> Table:
    expected = np.full(scores.shape, 1 / len(labels)) if P is None else P.copy()
    labeled = y != ABSTAIN
    expected[labeled] = np.eye(len(labels))[y[labeled]]
    there = (votes != ABSTAIN) & (labeled | (P is not None))
    candidates = np.flatnonzero(there & (votes != expected.argmax(axis=1)))
    surprise = 0.5 * np.abs(scores[candidates] - expected[candidates]).sum(axis=1)
    chosen = np.argsort(-surprise, kind="stable")[:MOST_SURPRISING]
    shown = candidates[chosen].tolist()
    rows = []
    for row, text, how in zip(shown, texts(shown) if shown else [], surprise[chosen].tolist(), strict=True):
        says = None if P is None else f"{labels[int(P[row].argmax())]} {P[row].max():.2f}"
        rows.append(
            [row, text, labels[int(votes[row])], float(scores[row].max()), says, labels.name(int(y[row])), float(how)]
        )
    title = "Most surprising votes" if rows else "No surprising votes"
    return Table(title, SURPRISE_COLUMNS, rows)
