"""Events: one entry for each thing that a person did in a project; events are never changed or removed."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

LABEL, SKIP, REQUEUE, NOTE, UNDO = "label", "skip", "requeue", "note", "undo"
UPDATE, REMOVE, GOLD, LABELS = "update", "remove", "gold", "labels"
EVENT_KINDS = (LABEL, SKIP, REQUEUE, NOTE, UNDO, UPDATE, REMOVE, GOLD, LABELS)
RECORD_KINDS = (UPDATE, REMOVE, GOLD)
"""Changes of records themselves; such an event is about many records, names them in its value, and has no record."""
SETTLED = "settled"
"""What a label is picked by that was given in knowledge of the labels of others: it stands against theirs."""
QUEUE_KINDS = (LABEL, SKIP, REQUEUE)
"""The last of these that stands decides whether a record is asked about."""


@dataclass(frozen=True)
class Event:
    """One thing that a person did. Events are ordered by ``id`` and are never changed or removed.

    What an answer is, ``value``, is not looked at where events are stored and sent: a label name today; a list of names
    or of spans would be stored in the same way.

    Attributes
    ----------
    kind : ``label``, ``skip`` (do not ask again), ``requeue`` (back in the queue), ``note`` (a remark), ``undo`` (of
        event ``undoes``), what was done with records (``update``, ``remove`` or ``gold``), or with the labels
        themselves (``labels``)
    record : id of the record, empty where the event is about several or none
    value : what the person said, a JSON value: a label name for a label, a text for a note, a change such as
        ``{"rename": [old, new]}``
    annotator, session : the person, and the session in which it happened
    at : UTC time, ISO 8601
    seconds : how long the person took
    suggestion, suggestion_confidence, suggestion_shown : the committee's suggestion at that moment, its confidence,
        and whether the person saw it
    picked_by, pick_probability, pool_size : how the record was picked, see :class:`weaklab.scheduling.scheduler.Pick`
    asked_after : id of the last event at the moment when the record was picked

    Examples
    --------
    >>> event = Event("label", "a", "spam", annotator="Ann", at="2026-01-01T00:00:00+00:00")
    >>> event.to_json()
    '{"kind":"label","record":"a","value":"spam","annotator":"Ann","at":"2026-01-01T00:00:00+00:00"}'
    >>> Event.from_json(event.to_json()) == event
    True
    """

    kind: str
    record: str = ""
    value: Any = None
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

    @property
    def label(self) -> str | None:
        """The label name of an event of kind ``label``, None for others."""
        return self.value if self.kind == LABEL else None

    def to_json(self) -> str:
        """Return the event as JSON text without its number; what is empty is left out."""
        values = self.__dict__
        held = {
            name: values[name] for name in _STORED if values[name] not in (None, "") and values[name] == values[name]
        }
        return json.dumps(held, ensure_ascii=False, separators=(",", ":"), default=_plain)

    @classmethod
    def from_json(cls, text: str, number: int = 0) -> Event:
        """Return the event that :meth:`to_json` wrote, with its number."""
        return cls.from_dict(json.loads(text), number)

    @classmethod
    def from_dict(cls, held: dict[str, Any], number: int = 0) -> Event:
        """Return the event of the attributes that are not empty, with its number."""
        event = object.__new__(cls)
        # a frozen dataclass sets its attributes one by one, which costs more than all else that is done for an event
        object.__setattr__(event, "__dict__", {**_EMPTY, **held, "id": number})
        return event


_EMPTY = {f.name: f.default for f in fields(Event)} | {"kind": ""}
_STORED = tuple(name for name in _EMPTY if name != "id")


def _plain(value: Any) -> Any:
    """Return a number of numpy as one of Python; anything else is no JSON value."""
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        return value.item()
    raise TypeError(f"{type(value).__name__} is no JSON value")


def now() -> str:
    """Return the UTC time, ISO 8601 with microseconds."""
    return datetime.now(UTC).isoformat(timespec="microseconds")
