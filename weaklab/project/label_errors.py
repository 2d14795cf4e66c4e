"""Manual labels that are probably wrong, for a person to confirm or correct."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.core.errors import WeaklabError, is_whole
from weaklab.core.events import LABEL, SETTLED
from weaklab.core.labels import ABSTAIN
from weaklab.project.snapshot import standing_of

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from weaklab.project.workspace import Workspace
    from weaklab.training.trainer import State

COLUMNS = ("record", "label", "other", "probability", "other_probability", "annotators", "reason")


def label_errors(work: Workspace, /, most: int = 50) -> pd.DataFrame:
    """Return the manual labels that the committee contradicts when it is trained without them, the most suspicious
    first.

    The committee is trained on all labels, then again without each fifth of them. Its columns are ``record``; the
    ``label`` that stands and the ``other`` one, which is the most probable; ``probability`` and ``other_probability``
    of both, out-of-fold; ``annotators``, who gave the label; and ``reason``. :meth:`settle` confirms a label or gives
    the right one, and takes the record off this list.

    Parameters
    ----------
    most : at most so many

    Raises
    ------
    WeaklabError
        ``most`` is no whole number from 1.

    Examples
    --------
    >>> import tempfile, weaklab
    >>> project = weaklab.Project(tempfile.mkdtemp(), labels=["ham", "spam"], retrain_every=0)
    >>> _ = project.add_records([f"{word} {i}" for i in range(10) for word in ("prize", "lunch")], quiet=True)
    >>> _ = project.add(weaklab.keywords("spam", ["prize"])), project.add(weaklab.keywords("ham", ["lunch"]))
    >>> ids = project.corpus.ids.to_pylist()
    >>> _ = project.label_many({record: ["spam", "ham"][i % 2] for i, record in enumerate(ids[:16])})
    >>> _ = project.label(ids[0], "ham")
    >>> found = project.label_errors()
    >>> found[["label", "other", "reason"]].values.tolist()
    [['ham', 'spam', 'keywords_spam_prize votes for spam; nobody votes for ham']]
    >>> _ = project.settle(ids[0], "spam")
    >>> len(project.label_errors())
    0
    """
    if not is_whole(most) or most < 1:
        raise WeaklabError(f"most must be a whole number from 1, got {most!r}")
    work.finish_encoding()
    with work.working:
        if work.refresh().n_labels and work.has_records:
            work.train(work.snapshot.event)
        return label_errors_now(work, most)


def label_errors_now(work: Workspace, /, most: int) -> pd.DataFrame:
    """Return what :meth:`label_errors` returns as of the last training; labels that are newer are left out."""
    import pandas as pd

    from weaklab.evaluation.label_errors import reason, suspicious

    with work.working:
        if not work.has_records or not work.refresh().n_labels:
            return pd.DataFrame(columns=list(COLUMNS))
        state = work.state()
        rows, P = _out_of_fold(work, state)
        order = suspicious(P, state.y[rows])
        order = order[work.snapshot.y[rows[order]] == state.y[rows[order]]]
        found = []
        for place, record, people in _unsettled(work, rows, order):
            row, given, other = int(rows[place]), int(state.y[rows[place]]), int(P[place].argmax())
            why = reason(state.votes, row, given, other)
            shares = round(float(P[place, given]), 4), round(float(P[place, other]), 4)
            found.append((record, work.label_names[given], work.label_names[other], *shares, people, why))
            if len(found) == most:
                break
        return pd.DataFrame(found, columns=list(COLUMNS))


def _out_of_fold(work: Workspace, state: State) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the labeled rows, int (r,), and what the committee says of them without their labels, float (r, k)."""
    from weaklab.evaluation.evaluation import FEW_FOLDS

    return np.flatnonzero(state.y != ABSTAIN), work.cache.trainer(progress=False).cross_fitted(state, FEW_FOLDS)


def opinion_without(work: Workspace, /, record: str) -> dict[str, float] | None:
    """Return label -> probability of a record that has a label, by the committee that was trained without it.

    None for a record that had no label at the last training.
    """
    with work.working:
        state = work.state()
        if record not in work.rows or state.y[work.rows[record]] == ABSTAIN:
            return None
        rows, P = _out_of_fold(work, state)
        found = P[np.searchsorted(rows, work.rows[record])]
        return {str(name): round(float(p), 4) for name, p in zip(work.label_names, found, strict=True)}


def _unsettled(work: Workspace, rows: NDArray[np.int64], order: NDArray[np.int64]) -> Any:
    """Yield place, record and who gave the label, for the records whose label nobody has settled, in order."""
    for start in range(0, len(order), 500):
        part = order[start : start + 500]
        ids = [str(name) for name in work.corpus.ids.take(rows[part]).to_pylist()]
        standing: dict[str, dict[str, Any]] = {record: {} for record in ids}
        for each in standing_of(work.journal.events_of(ids)):
            if each.kind == LABEL:
                standing[each.record][each.annotator] = each
        for place, record in zip(part.tolist(), ids, strict=True):
            given = standing[record].values()
            if not any(each.picked_by == SETTLED for each in given):
                label = work.label_names[work.snapshot.y[work.rows[record]]]
                said = {each.annotator: work.label_history.name_now(each.value, each.id) for each in given}
                yield place, record, [name for name, value in said.items() if value == label]
