"""The first label of each record that stands, kept up with the journal without a look at all of them each time."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from weaklab.core.events import LABEL, UNDO
from weaklab.scheduling.scheduler import RANDOM

if TYPE_CHECKING:
    from collections.abc import Iterable

    from weaklab.core.events import Event
    from weaklab.project.journal import Journal


class FirstLabels:
    """Record -> the event that gave it its first label that stands; safe in threads.

    Parameters
    ----------
    journal : holds the events
    """

    def __init__(self, journal: Journal) -> None:
        self._journal, self._lock = journal, threading.Lock()
        self._through = 0
        self._of: dict[str, Event] = {}
        self._drawn: dict[str, Event] = {}

    def all(self, through: int) -> dict[str, Event]:
        """Return them as of an event, or as of a later one that was asked for before."""
        with self._lock:
            self._take(through)
            return dict(self._of)

    def drawn(self, through: int) -> list[Event]:
        """Return those of records that were drawn at random and had a suggestion."""
        with self._lock:
            self._take(through)
            return list(self._drawn.values())

    def _take(self, through: int) -> None:
        """Look at the events that are new."""
        if self._through >= through:
            return
        events = self._until(through, self._journal.events(self._through))
        changed = {event.record for event in events if event.kind == UNDO}
        for record in changed:
            self._of.pop(record, None)
            self._drawn.pop(record, None)
        if self._through:
            events = [event for event in events if event.record not in changed]
            events += self._until(through, self._journal.events_of(list(changed)))
        undone = {event.undoes for event in events if event.kind == UNDO}
        for event in events:
            if event.kind == LABEL and event.id not in undone and event.record not in self._of:
                self._of[event.record] = event
                if event.picked_by == RANDOM and event.suggestion is not None:
                    self._drawn[event.record] = event
        self._through = through

    @staticmethod
    def _until(through: int, events: Iterable[Event]) -> list[Event]:
        return [event for event in events if event.id <= through]
