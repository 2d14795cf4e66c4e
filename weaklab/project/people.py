"""Several people in one project: how far they agree."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from weaklab.core.labels import ABSTAIN

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from weaklab.crowd.agreement import Agreement
    from weaklab.project.workspace import Workspace


def agreement(work: Workspace, /) -> Agreement:
    """Return how far people agree on the records that several of them labeled: Cohen's kappa of each pair, Fleiss'
    kappa and Krippendorff's alpha, with 95 % bootstrap intervals over records.

    Each person's last label of a record counts. Skips, notes and what was undone do not. No figure is shown that rests
    on fewer than 20 records.

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
    Ann and Bob  Cohen's kappa              20    90%   0.80  0.50 to 1.00
    all          Fleiss' kappa              20          0.80  0.48 to 1.00
    all          Krippendorff's alpha       20          0.80  0.49 to 1.00
    Fleiss' kappa: of the records that 2 people labeled.
    """
    from weaklab.crowd.agreement import agreement as measured

    L, people = label_matrix(work)
    return measured(L, people, work.settings.seed)


def label_matrix(work: Workspace, /) -> tuple[NDArray[np.int64], list[str]]:
    """Return the labels of the records that several people labeled, int (n, m), -1 for none, and the m people."""
    opinions = work.refresh().opinions
    people = sorted({name for by in opinions.values() for name in by})
    column = {name: place for place, name in enumerate(people)}
    L = np.full((len(opinions), len(people)), ABSTAIN, dtype=np.int64)
    for row, by in enumerate(opinions.values()):
        for name, event in by.items():
            L[row, column[name]] = work.label_names.code(event.value)
    return L, people
