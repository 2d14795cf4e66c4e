"""The snapshot that is saved beside a project, so that opening it need not read all events."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from weaklab.core.files import Kept
from weaklab.project.snapshot import Snapshot

if TYPE_CHECKING:
    from weaklab.project.journal import Journal
    from weaklab.project.record_rows import RecordRows

SNAPSHOT = "snapshot.npz"
"""The file, among those that can be made again, that holds the last snapshot."""
WORTH_SAVING = 2000
"""A snapshot is saved when so many events have come since the last one that was: reading these takes a moment."""


class SavedSnapshot:
    """Reads and writes the saved snapshot of a project; the file may be deleted at any time.

    Parameters
    ----------
    project : the project folder
    journal : of the project

    Attributes
    ----------
    due : the event from which it is worth while to save a snapshot again
    """

    def __init__(self, project: Path, journal: Journal) -> None:
        self._kept, self._journal = Kept(project / "cache", project), journal
        self.due = WORTH_SAVING

    def read(self, key: str, rows: RecordRows, labels: Sequence[str], gone: Collection[str]) -> Snapshot | None:
        """Return the saved snapshot; None if there is none of these records.

        Parameters
        ----------
        key : names the imports and updates that the records came in
        rows : record id -> row number
        labels : before the first change of them
        gone : ids of removed records
        """
        if not self._kept.path(SNAPSHOT).exists():
            return None
        found: Snapshot | None = self._kept.read(
            SNAPSHOT, lambda path: Snapshot.load(path, key, rows, labels, self._journal, gone)
        )
        if found is not None:
            self.due = found.event + WORTH_SAVING
        return found

    def write(self, snapshot: Snapshot, key: str) -> None:
        """Save a snapshot of the records with this key."""
        self.due = snapshot.event + WORTH_SAVING
        if not self._journal.read_only:
            mark = self._journal.mark(snapshot.event)
            self._kept.write(SNAPSHOT, lambda path: snapshot.save(path, key, mark))
