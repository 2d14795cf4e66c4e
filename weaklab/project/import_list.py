"""The imports of a project, and how one is taken back."""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from weaklab.core.errors import ProjectError
from weaklab.core.events import REMOVE
from weaklab.project.corrections import RecordChange, remove_records

if TYPE_CHECKING:
    import pandas as pd

    from weaklab.project.workspace import Workspace

COLUMNS = ("number", "source", "at", "records", "there", "labeled", "folder")


def imported(work: Workspace, /) -> pd.DataFrame:
    """Return the imports, one row each, oldest first.

    ``number`` from 1, ``source`` that was read, ``at`` (UTC), ``records`` that came, how many of them are ``there`` now
    and how many of these are ``labeled`` by hand, and the ``folder`` of their files.

    Examples
    --------
    >>> import tempfile, weaklab
    >>> project = weaklab.Project(tempfile.mkdtemp(), labels=["ham", "spam"], timeout=None)
    >>> _ = project.add_records(["win a prize", "lunch at noon"], quiet=True)
    >>> project.imports()[["number", "source", "records", "there", "labeled"]].values.tolist()
    [[1, 'the list', 2, 2, 0]]
    >>> project.undo_import(1)
    removed 2 records (event 1; project.undo(1) takes it back)
    """
    import pandas as pd

    work.refresh()
    labeled = work.snapshot.manual_labels
    rows = [
        (number, row.source, row.at, row.records, len(ids), sum(name in labeled for name in ids), row.folder)
        for number, (row, ids) in enumerate(zip(work.journal.imports(), _ids_there(work), strict=True), 1)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def undo_import(work: Workspace, /, number: int, *, annotator: str | None = None) -> RecordChange:
    """Take the records of an import out of the project, with their labels, until this is undone.

    The ids stay taken, as after :meth:`remove_records`.

    Parameters
    ----------
    number : of the import, as :meth:`imports` shows it
    annotator : who does it, by default the project's annotator

    Raises
    ------
    ProjectError
        There is no such import.
    """
    work.journal.must_be_writable()
    work.refresh()
    there = _ids_there(work)
    if not 1 <= number <= len(there):
        known = f"1 to {len(there)}" if there else "none yet"
        raise ProjectError(
            f"{work.path} has no import {number}; there are {known}: project.imports() (`weaklab imports`) lists them"
        )
    ids = there[number - 1]
    return remove_records(work, ids, annotator=annotator) if ids else RecordChange(REMOVE, 0, None)


def _ids_there(work: Workspace) -> list[list[str]]:
    """Return the ids of the records of each import that are in the project now."""
    names = list(work.imported)
    ends = accumulate((row.records for row in work.journal.imports()), initial=0)
    return [[name for name in names[start:end] if name in work.rows] for start, end in pairwise(ends)]
