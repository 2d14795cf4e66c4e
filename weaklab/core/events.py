"""Events: one entry for each thing that a person did in a project; events are never changed or removed."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import UTC, datetime

EVENT_KINDS = ("label", "skip", "requeue", "undo")
LABEL, SKIP, REQUEUE, UNDO = EVENT_KINDS


@dataclass(frozen=True)
class Event:
    """One thing that a person did. Events are ordered by ``id`` and are never changed or removed.

    Attributes
    ----------
    kind : ``label``, ``skip`` (do not ask again), ``requeue`` (put back in the queue) or ``undo`` (of event ``undoes``)
    record : id of the record
    label : label name, if the kind is ``label``
    annotator, session : the person, and the session in which it happened
    at : UTC time, ISO 8601
    seconds : how long the person took
    suggestion, suggestion_confidence, suggestion_shown : the committee's suggestion at that moment, its confidence,
        and whether the person saw it
    picked_by, pick_probability, pool_size : how the record was picked, see :class:`weaklab.scheduling.scheduler.Pick`
    asked_after : id of the last event at the moment when the record was picked
    """

    kind: str
    record: str
    label: str | None = None
    undoes: int | None = None
    annotator: str = ""
    session: str = ""
    at: str = ""
    seconds: float | None = None
    suggestion: str | None = None
    suggestion_confidence: float | None = None
    suggestion_shown: bool | None = None
    picked_by: str | None = None
    pick_probability: float | None = None
    pool_size: int | None = None
    asked_after: int | None = None
    id: int = 0


EVENT_COLUMNS = tuple(f.name for f in fields(Event) if f.name != "id")
"""The attributes of an event except ``id``, in the order in which they are stored."""


def now() -> str:
    """Return the UTC time, ISO 8601 with microseconds."""
    return datetime.now(UTC).isoformat(timespec="microseconds")
