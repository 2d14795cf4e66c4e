"""What a committee may promise of its labels, judged by records that were drawn at random and as if it did not know their labels."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.base import ABSTAIN, WeaklabError
from weaklab.reliability import BINS, Reliability, Threshold, reliability, threshold_for
from weaklab.rows import confidence, is_tied
from weaklab.tables import Table, counted
from weaklab.training import FOLDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from weaklab.training import State, Trainer


def held_out(trainer: Trainer, state: State, rows: NDArray[np.int64], folds: int = FOLDS) -> NDArray[np.float64]:
    """Return what a committee says of some rows as if it did not know their labels: float (len(rows), k)."""
    P = state.P[rows].copy()
    known = np.flatnonzero(state.y != ABSTAIN)
    inside = state.y[rows] != ABSTAIN
    if inside.any():
        P[inside] = trainer.cross_fitted(state, folds)[np.searchsorted(known, rows[inside])]
    return P


@dataclass(frozen=True, repr=False)
class PromisedLabels:
    """Labels that keep a promise of precision; the other records have none.

    Attributes
    ----------
    codes : int (n,), -1 where there is no label
    given : bool (n,), labels that a person gave, or shared from a near-duplicate; they stand whatever is promised
    threshold : from which confidence on the committee's labels count, and what that rests on
    names : the label names
    ids : of the records; by default their row numbers
    notes : what else to know
    """

    codes: NDArray[np.int64]
    given: NDArray[np.bool_]
    threshold: Threshold
    names: Sequence[str]
    ids: Sequence[Any] | None = None
    notes: Sequence[str] = field(default_factory=tuple)

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def labels(self) -> list[str | None]:
        """The label of each record, None where there is none."""
        return [None if code == ABSTAIN else self.names[code] for code in self.codes.tolist()]

    @property
    def coverage(self) -> float:
        """Share of the records that have a label."""
        return float((self.codes != ABSTAIN).mean()) if len(self) else 0.0

    def to_pandas(self) -> pd.DataFrame:
        """Return one row a record: ``id``, ``label`` (None for no label) and ``manual``, whether a person gave it."""
        import pandas as pd

        ids = range(len(self)) if self.ids is None else self.ids
        return pd.DataFrame({"id": ids, "label": pd.Series(self.labels, dtype=object), "manual": self.given})

    def table(self) -> Table:
        """Return what to show."""
        labeled = int((self.codes != ABSTAIN).sum())
        labels = f"{labeled:,} of {counted(len(self), 'record')} {'gets' if labeled == 1 else 'get'} a label"
        title = f"{labels} ({self.coverage:.1%}), {int(self.given.sum()):,} of them from a person"
        counts = [[name, int((self.codes == code).sum())] for code, name in enumerate(self.names)]
        return Table(title, ["label", "records"], counts, [str(self.threshold), *self.notes])

    def __repr__(self) -> str:
        return str(self.table())

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


def promise(
    P: NDArray[np.float64],
    given: NDArray[np.int64],
    audit: NDArray[np.float64],
    truth: NDArray[np.int64],
    precision: float,
    names: Sequence[str],
    *,
    ids: Sequence[Any] | None = None,
    notes: Sequence[str] = (),
) -> PromisedLabels:
    """Return labels that keep a promise of precision.

    Parameters
    ----------
    P : float (n, k), what a committee says of all records
    given : int (n,), labels that stand, -1 elsewhere
    audit : float (r, k), what it says of a random sample of the records without knowing their labels
    truth : int (r,), these labels
    precision : between 0 and 1
    names, ids, notes : see :class:`PromisedLabels`

    Notes
    -----
    Records that were labeled before some were drawn are not among those drawn; they only make the labels better than promised.
    """
    one = np.flatnonzero(~is_tied(audit)) if len(audit) else np.zeros(0, dtype=np.int64)
    threshold = threshold_for(confidence(audit[one]), audit[one].argmax(axis=1) == truth[one], precision)
    sure = ~is_tied(P) & (confidence(P) >= threshold.min_confidence)
    codes = np.where(given != ABSTAIN, given, np.where(sure, P.argmax(axis=1), ABSTAIN))
    return PromisedLabels(codes, given != ABSTAIN, threshold, names, ids, tuple(notes))


def audited_reliability(audit: NDArray[np.float64], truth: NDArray[np.int64], bins: int = BINS, notes: Sequence[str] = ()) -> Reliability:
    """Return :func:`reliability` on a random sample: ``audit`` float (r, k), made without knowing its labels ``truth`` int (r,).

    Raises
    ------
    WeaklabError
        The sample is empty.
    """
    if not len(truth):
        raise WeaklabError(
            "no record that was drawn at random has a label, and the others were picked for being hard, so they would mislead; "
            "get random answers with ask(n, strategy='random')"
        )
    return reliability(audit, truth, bins, [f"Judged by {len(truth):,} random answers, each without knowing it.", *notes])
