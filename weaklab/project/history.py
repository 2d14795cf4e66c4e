"""The events of a project, read back to what they mean now or meant at an earlier moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weaklab.core.events import LABEL, UNDO, Event
from weaklab.crowd.annotators import settle
from weaklab.project.store import Store

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator


class History:
    """What stands of the events of a store; grows with :meth:`sync`.

    Attributes
    ----------
    last : id of the newest event that was read
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.last = 0
        self._by_record: dict[str, list[Event]] = {}
        self._undone: set[int] = set()
        self._label_events: list[int] = []
        self._changed = 0  # the last event that can have changed a label
        self._settled: dict[str, str] | None = None

    def sync(self) -> None:
        """Read the events that were written since, by this process or another."""
        for event in self._store.events(self.last):
            self.last = event.id
            if event.kind == UNDO and event.undoes is not None:
                self._undone.add(event.undoes)
            self._by_record.setdefault(event.record, []).append(event)
            if event.kind == LABEL:
                self._label_events.append(event.id)
            if event.kind in (LABEL, UNDO):
                self._changed, self._settled = event.id, None

    def standing(self, record: str, through: int | None = None) -> list[Event]:
        """Return the events of a record that were not undone, oldest first, as of event ``through``."""
        events = self._by_record.get(record, [])
        if through is None:
            return [e for e in events if e.kind != UNDO and e.id not in self._undone]
        undone = {e.undoes for e in events if e.kind == UNDO and e.id <= through}
        return [e for e in events if e.kind != UNDO and e.id <= through and e.id not in undone]

    def labels(self, through: int | None = None) -> dict[str, str]:
        """Return record -> label: the last one that stands, the consensus where several people labeled a record
        differently.
        """
        if through is not None and through < self._changed:
            return settle(self.opinions(through))
        if self._settled is None:
            self._settled = settle(self.opinions())
        return dict(self._settled)

    def opinions(self, through: int | None = None) -> dict[str, dict[str, Event]]:
        """Return record -> annotator -> the last label of theirs that stands."""
        found = {}
        for record in self._by_record:
            labels = {e.annotator: e for e in self.standing(record, through) if e.kind == LABEL and e.label is not None}
            if labels:
                found[record] = labels
        return found

    def first_labels(self) -> dict[str, Event]:
        """Return record -> the event that gave it its first label that stands."""
        found = {}
        for record in self._by_record:
            labels = [e for e in self.standing(record) if e.kind == LABEL]
            if labels:
                found[record] = labels[0]
        return found

    def closed(self, kinds: Collection[str], through: int | None = None) -> Iterator[str]:
        """Yield the records whose last event that stands is one of ``kinds``, as of event ``through``."""
        for record in self._by_record:
            standing = self.standing(record, through)
            if standing and standing[-1].kind in kinds:
                yield record

    def last_answer(self, session: str, besides: str) -> Event | None:
        """Return the newest event of a session that stands, leaving out those of the annotator ``besides``."""
        mine = [
            e
            for events in self._by_record.values()
            for e in events
            if e.session == session and e.annotator != besides and e.kind != UNDO and e.id not in self._undone
        ]
        return max(mine, key=lambda e: e.id, default=None)

    def labels_since(self, event: int, through: int | None = None) -> int:
        """Return how many labels were given after an event, and at most through another one, undone ones included."""
        end = self.last if through is None else through
        return sum(event < number <= end for number in self._label_events)
