"""Labels that reach a given precision, and reliability of probabilities, both judged out-of-fold on random records."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.core.advice import random_answers
from weaklab.core.errors import WeaklabError
from weaklab.core.labels import ABSTAIN
from weaklab.core.rows import confidence, is_tied
from weaklab.core.tables import Table, counted
from weaklab.core.thresholds import Threshold, threshold_for
from weaklab.evaluation.audit import LEAST_ANSWERS, NOT_KNOWN
from weaklab.evaluation.reliability import Reliability, reliability
from weaklab.training.trainer import FOLDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from weaklab.training.trainer import Opinion, Trainer


def held_out(trainer: Trainer, state: Opinion, rows: NDArray[np.int64], folds: int = FOLDS) -> NDArray[np.float64]:
    """Return out-of-fold probabilities of some labeled rows, without using their labels: float (len(rows), k)."""
    P = state.P[rows].copy()
    known = np.flatnonzero(state.y != ABSTAIN)
    inside = state.y[rows] != ABSTAIN
    if inside.any():
        P[inside] = trainer.cross_fitted(state, folds)[np.searchsorted(known, rows[inside])]
    return P


@dataclass(frozen=True, repr=False)
class PrecisionLabels:
    """Labels that reach a given precision; records without enough confidence have no label.

    Attributes
    ----------
    codes : int (n,), -1 where there is no label
    given : bool (n,), labels from a person, directly or shared by a near-duplicate; they need no confidence
    threshold : the confidence from which labels of the committee are used, with the evidence for it
    names : the label names
    ids : ids of the records; by default their row numbers
    notes : further notes, shown below the table
    shared : number of the labels ``given`` that a near-duplicate shares
    """

    codes: NDArray[np.int64]
    given: NDArray[np.bool_]
    threshold: Threshold
    names: Sequence[str]
    ids: Sequence[Any] | None = None
    notes: Sequence[str] = field(default_factory=tuple)
    shared: int = 0

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def labels(self) -> list[str | None]:
        """The label of each record; None if it has none."""
        return [None if code == ABSTAIN else self.names[code] for code in self.codes.tolist()]

    @property
    def coverage(self) -> float:
        """Share of the records that have a label."""
        return float((self.codes != ABSTAIN).mean()) if len(self) else 0.0

    def to_pandas(self) -> pd.DataFrame:
        """Return one row per record: ``id``, ``label`` (None for no label) and ``manual``, whether a person gave it."""
        import pandas as pd

        ids = range(len(self)) if self.ids is None else self.ids
        return pd.DataFrame({"id": ids, "label": pd.Series(self.labels, dtype=object), "manual": self.given})

    def table(self) -> Table:
        """Return a table for display."""
        labeled = int((self.codes != ABSTAIN).sum())
        labels = f"{labeled:,} of {counted(len(self), 'record')} {'gets' if labeled == 1 else 'get'} a label"
        title = f"{labels} ({self.coverage:.1%}), {int(self.given.sum()) - self.shared:,} of them from a person"
        title += f" and {self.shared:,} shared by near-duplicates of these" if self.shared else ""
        counts = [[name, int((self.codes == code).sum())] for code, name in enumerate(self.names)]
        return Table(title, ["label", "records"], counts, [str(self.threshold), *self.notes])

    def __repr__(self) -> str:
        return str(self.table())

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


def labels_at_precision(
    P: NDArray[np.float64],
    given: NDArray[np.int64],
    audit: NDArray[np.float64],
    truth: NDArray[np.int64],
    precision: float,
    names: Sequence[str],
    *,
    ids: Sequence[Any] | None = None,
    notes: Sequence[str] = (),
    covered: int | None = None,
    shared: int = 0,
) -> PrecisionLabels:
    """Return labels for the records with enough confidence, so that at least a share ``precision`` of them is right.

    Parameters
    ----------
    P : float (n, k), probabilities of the committee for all records
    given : int (n,), manual labels, which are always used; -1 elsewhere
    audit : float (r, k), out-of-fold probabilities for a random sample of the records
    truth : int (r,), the manual labels of this sample
    precision : between 0 and 1
    names, ids, notes : see :class:`PrecisionLabels`
    covered : number of records, from the first on, that the sample was drawn from; by default all
        The others were imported later. The sample says nothing about them, so they get only manual labels.
    shared : number of the labels in ``given`` that a near-duplicate shares

    Notes
    -----
    Records that had a label before the sample was drawn cannot be in the sample. Their labels are manual, so that the
    true precision is only higher.
    """
    one = np.flatnonzero(~is_tied(audit)) if len(audit) else np.zeros(0, dtype=np.int64)
    threshold = threshold_for(confidence(audit[one]), audit[one].argmax(axis=1) == truth[one], precision)
    sure = ~is_tied(P) & (confidence(P) >= threshold.min_confidence)
    later = len(P) - covered if covered is not None else 0
    sure[len(P) - later :] = False
    if later:
        notes = [
            *notes,
            f"{_later(later)} after the last random answer that counts here and get no label but those that people "
            "gave.",
        ]
    codes = np.where(given != ABSTAIN, given, np.where(sure, P.argmax(axis=1), ABSTAIN))
    return PrecisionLabels(codes, given != ABSTAIN, threshold, names, ids, tuple(notes), shared)


def _later(count: int) -> str:
    return f"{count:,} record{'s' * (count != 1)} came"


def audited_reliability(
    audit: NDArray[np.float64],
    truth: NDArray[np.int64],
    bins: int | None = None,
    notes: Sequence[str] = (),
    *,
    P: NDArray[np.float64] | None = None,
    covered: int | None = None,
) -> Reliability:
    """Return :func:`reliability` on a random sample of the records.

    Parameters
    ----------
    audit : float (r, k), out-of-fold probabilities for the sample
    truth : int (r,), the manual labels of the sample
    bins, notes : see :func:`reliability`
    P : float (n, k), probabilities of the committee for all records
    covered : number of records, from the first on, that the sample was drawn from
        The intervals allow for all or none of the other records being right.

    Raises
    ------
    WeaklabError
        The sample has fewer than 10 answers.
    """
    if not len(truth):
        raise WeaklabError(
            "no record that was drawn at random has a label, and others may be harder or easier than most; "
            f"get random answers with {random_answers()}"
        )
    if len(truth) < LEAST_ANSWERS:
        more = LEAST_ANSWERS - len(truth)
        raise WeaklabError(
            f"reliability is {NOT_KNOWN}: it takes {LEAST_ANSWERS} random answers, and there are {len(truth)}; "
            f"get {more} more with {random_answers(more)}"
        )
    notes = [f"Judged by {len(truth):,} random answers, each without knowing it.", *notes]
    if P is None or covered is None or covered >= len(P):
        return reliability(audit, truth, bins, notes)
    late = len(P) - covered
    notes.append(
        f"{_later(late)} after the last random answer that counts here: the intervals allow for all or none of them "
        "being right."
    )
    found = reliability(audit, truth, bins, notes)
    top = P.max(axis=1)[:, None]
    inside = (top > found.low - 1e-9) & (top <= found.high + 1e-9)
    unknown = inside[covered:].sum(axis=0) / np.maximum(inside.sum(axis=0), 1)
    return replace(
        found, right_low=found.right_low * (1 - unknown), right_high=found.right_high * (1 - unknown) + unknown
    )
