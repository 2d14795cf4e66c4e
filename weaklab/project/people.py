"""Several people in one project: how far they agree, and labels that settle where they do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from weaklab.core.events import LABEL, SETTLED
from weaklab.core.labels import ABSTAIN
from weaklab.project.answering import append, event, label_names
from weaklab.project.snapshot import standing_of

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from weaklab.core.events import Event
    from weaklab.crowd.agreement import Agreement
    from weaklab.crowd.annotators import Opinions
    from weaklab.project.workspace import Workspace


def agreement(work: Workspace, /) -> Agreement:
    """Return how far people agree on the records that several of them labeled: Cohen's kappa of each pair, Fleiss'
    kappa and Krippendorff's alpha, with 95 % bootstrap intervals over records.

    Each person's last label of a record counts. Skips, what was undone, and labels by :meth:`settle`, which are given
    in knowledge of the others, do not. No figure is shown that rests on fewer than 20 records.

    Examples
    --------
    >>> import tempfile, weaklab
    >>> project = weaklab.Project(tempfile.mkdtemp(), labels=["ham", "spam"], retrain_every=0)
    >>> _ = project.add_records([f"message {i}" for i in range(20)], quiet=True)
    >>> for i, record in enumerate(project.corpus.ids.to_pylist()):
    ...     _ = project.label(record, "ham" if i < 8 else "spam", annotator="Ann")
    ...     _ = project.label(record, "ham" if i < 10 else "spam", annotator="Bob")
    >>> project.agreement()
    agreement
    people       measure               records  agree  value  95 %
    all          Fleiss' kappa              20          0.80  0.48 to 1.00
    all          Krippendorff's alpha       20          0.80  0.49 to 1.00
    Ann and Bob  Cohen's kappa              20    90%   0.80  0.50 to 1.00
    Fleiss' kappa: of the records that 2 people labeled.
    """
    from weaklab.crowd.agreement import agreement as measured

    L, people = label_matrix(work)
    return measured(L, people, work.settings.seed)


def settle(
    work: Workspace, /, record: Any, label: Any, *, seconds: float | None = None, annotator: str | None = None
) -> Event:
    """Store the label that stands for a record, whatever other people say of it: it settles what they disagree on, and
    confirms or corrects a label that seems wrong (see :meth:`label_errors`).

    It is an answer of the person who gives it, and takes the place of an earlier one of theirs. Undone, the consensus
    stands again. Of several such labels the last one stands. It does not count in :meth:`agreement`.

    Parameters
    ----------
    record : an :class:`Ask`, a record, or an id
    label : label name or code
    seconds : how long the person took

    Examples
    --------
    >>> import tempfile, weaklab
    >>> project = weaklab.Project(tempfile.mkdtemp(), labels=["ham", "spam"])
    >>> _ = project.add_records([{"id": "a", "text": "win a prize"}], quiet=True)
    >>> for person, label in [("Ann", "spam"), ("Bob", "spam"), ("Eve", "ham")]:
    ...     _ = project.label("a", label, annotator=person)
    >>> settled = project.settle("a", "ham", annotator="Cid")
    >>> project.manual_labels(), project.disputes()["settled_by"].tolist()
    ({'a': 'ham'}, ['Cid'])
    >>> _ = project.undo(settled.id)
    >>> project.manual_labels()
    {'a': 'spam'}
    """
    stored = append_settled(work, [(record, label)], seconds=seconds, annotator=annotator)[0]
    work.refresh()
    work.retrain_when_due()
    return stored


def append_settled(work: Workspace, /, answers: list[tuple[Any, Any]], **about: Any) -> list[Event]:
    """Store labels that stand against others, all or none, without waiting for a training."""
    names, known = label_names(work, [label for _, label in answers])
    about = {**about, "annotator": about.get("annotator") or work.annotator}
    about |= {"picked_by": SETTLED, "pick_probability": None, "pool_size": None, "suggestion_shown": True}
    events = [event(work, LABEL, record, name, **about) for (record, _), name in zip(answers, names, strict=True)]
    return append(work, events, known)


def label_matrix(work: Workspace, /) -> tuple[NDArray[np.int64], list[str]]:
    """Return the labels of the records that several people labeled, int (n, m), -1 for none, and the m people."""
    opinions = own_opinions(work)
    people = sorted({name for by in opinions.values() for name in by})
    column = {name: place for place, name in enumerate(people)}
    L = np.full((len(opinions), len(people)), ABSTAIN, dtype=np.int64)
    for row, by in enumerate(opinions.values()):
        for name, each in by.items():
            L[row, column[name]] = work.label_names.code(each.value)
    return L, people


def own_opinions(work: Workspace, /) -> Opinions:
    """Return record -> annotator -> label event, for the records that several people labeled: the last label of each
    that was given without knowing those of others.
    """
    from weaklab.crowd.annotators import settling

    opinions = dict(work.refresh().opinions)
    settled = settling(opinions)
    opinions |= {record: {} for record in settled}
    for each in standing_of(work.journal.events_of(list(settled))):
        if each.kind == LABEL and each.picked_by != SETTLED:
            translated = work.snapshot.history.translated(each)
            if translated is not None:
                opinions[each.record][each.annotator] = translated
    return {record: by for record, by in opinions.items() if len(by) > 1}
