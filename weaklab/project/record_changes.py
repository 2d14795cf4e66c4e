"""Updates, removals and gold labels of records that stand, and what they make of the imported records."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from weaklab.core.events import GOLD, RECORD_KINDS, REMOVE, UNDO, UPDATE, Event
from weaklab.project.snapshot import changes_records

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from weaklab.core.label_set import LabelHistory
    from weaklab.project.journal import Journal


class Selection(NamedTuple):
    """Which records a project has, where they stand, and gold labels that were set.

    Attributes
    ----------
    places : int64 (n,), the place of each record among the rows of all imports followed by those of all updates
    kept : bool (imported records,), False for those that were removed
    gone : ids of the records that were removed
    gold : row number -> gold label name, None for no gold label any more
    """

    places: NDArray[np.int64]
    kept: NDArray[np.bool_]
    gone: Collection[str]
    gold: Mapping[int, str | None]


@dataclass(frozen=True)
class RecordChanges:
    """The changes of records in a journal, as of its last such event.

    Attributes
    ----------
    events : those that stand, oldest first
    event : number of the last event that changed records, or took such a change back; 0 where there is none
    history : all of them, those included that were undone
    """

    events: Sequence[Event] = ()
    event: int = 0
    history: Sequence[Event] = field(default=(), repr=False)

    @classmethod
    def of(cls, journal: Journal) -> RecordChanges:
        """Return the changes of records that stand now."""
        found = journal.events_of([""])
        undone = {event.undoes for event in found if event.kind == UNDO}
        standing = [event for event in found if event.kind in RECORD_KINDS and event.id not in undone]
        return cls(standing, max((event.id for event in found if changes_records(event)), default=0), found)

    @property
    def updates(self) -> list[Event]:
        """The updates, whose rows stand in a folder each."""
        return [event for event in self.events if event.kind == UPDATE]

    def selection(self, base: Mapping[str, int], labels: LabelHistory) -> Selection | None:
        """Return what these changes make of the imported records, None where they change nothing.

        An update replaces whole rows, so that the last one that stands counts; a gold label counts unless the row was
        updated after it; a removed record stays removed until the removal is undone.

        Parameters
        ----------
        base : id of each imported record -> its place
        labels : how the labels have changed; gold labels get the names of today
        """
        if not self.events:
            return None
        n = len(base)
        places, kept = np.arange(n), np.ones(n, dtype=bool)
        gold: dict[str, str | None] = {}
        end = n
        for event in self.events:
            if event.kind == GOLD:
                given = event.value["labels"]
                gold |= {name: label and labels.name_now(label, event.id) for name, label in given.items()}
                continue
            ids: list[str] = event.value["ids"]
            at = np.fromiter((base.get(name, -1) for name in ids), dtype=np.int64, count=len(ids))
            there = np.flatnonzero(at >= 0)
            if event.kind == REMOVE:
                kept[at[there]] = False
                continue
            places[at[there]] = end + there
            end += len(ids)
            for name in ids if gold else ():
                gold.pop(name, None)
        gone = frozenset(name for name, stays in zip(base, kept.tolist(), strict=True) if not stays)
        row_of = np.cumsum(kept) - 1
        rows = {int(row_of[base[name]]): label for name, label in gold.items() if name in base and kept[base[name]]}
        return Selection(places[kept], kept, gone, rows)

    def touched_since(self, event: int) -> set[str]:
        """Return the ids of the records that were changed, or changed back, after an event."""
        by_number = {each.id: each for each in self.history}
        found: set[str] = set()
        for each in self.history:
            if each.id > event:
                found.update(ids_in(by_number.get(each.undoes or 0, each)))
        return found

    def removal_of(self, record: str) -> Event | None:
        """Return the event that removed a record, None if it was not removed."""
        removals = (event for event in self.events if event.kind == REMOVE)
        return next((event for event in removals if record in event.value["ids"]), None)


def way_back(project: Path, changes: RecordChanges, record: str) -> str:
    """Say how a removed record comes back."""
    removal = changes.removal_of(record)
    number = removal.id if removal else "EVENT"
    return f"project.undo({number}) (`weaklab undo {project} {number}`) brings it back"


def ids_in(event: Event) -> list[str]:
    """Return the ids of the records that an event changed."""
    if event.kind not in RECORD_KINDS:
        return []
    return list(event.value["labels" if event.kind == GOLD else "ids"])
