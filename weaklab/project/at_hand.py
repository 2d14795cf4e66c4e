"""What is known of an open project without a wait, for those who show records while the committee is trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from weaklab.project.cache import ProjectCache
    from weaklab.project.record_rows import RecordRows
    from weaklab.project.snapshot import Snapshot
    from weaklab.project.workspace import Workspace
    from weaklab.training.trainer import Opinion


@dataclass(frozen=True)
class AtHand:
    """The last training and what belongs to it. Nothing of it changes, so that it may be read without a lock.

    Attributes
    ----------
    state : votes and probabilities as of the training
    cache : what was computed from the same records
    rows : of these records
    labels_event : the last change of the labels that it knows of
    records_event : the last change of records that it knows of
    """

    state: Opinion
    cache: ProjectCache
    rows: RecordRows
    labels_event: int
    records_event: int

    @classmethod
    def of(cls, work: Workspace, state: Opinion) -> AtHand:
        """Return what the committee says now, with what it is about."""
        return cls(state, work.cache, work.rows, work.label_history.event, work.changes.event)

    def newest(self, work: Workspace) -> Snapshot | None:
        """Return what is known of these records now; None where records or labels have changed since the training."""
        known = work.snapshot.extended(work.journal)
        same_labels = known.history.event == self.labels_event
        same_records = known.rows is self.rows and known.records_event <= self.records_event
        return known if same_labels and same_records else None


def look(work: Workspace) -> Snapshot:
    """Look for what is new, and return what is known; while somebody else works, that is what was known before."""
    if work.working.acquire(blocking=False):
        try:
            return work.refresh()
        finally:
            work.working.release()
    return work.snapshot
