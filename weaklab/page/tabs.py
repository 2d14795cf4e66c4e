"""The people who label on the page: one session for each open tab, and what is received from it."""

from __future__ import annotations

import itertools
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from weaklab.core.errors import ProjectError, StorageError, WeaklabError
from weaklab.core.events import LABEL, NOTE, QUEUE_KINDS, REQUEUE, SKIP, UNDO, Event
from weaklab.core.tables import clean, has_controls
from weaklab.page.shown import shown_record
from weaklab.project.answering import label_code
from weaklab.project.at_hand import look
from weaklab.project.imports import IMPORTED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from weaklab.project.project import Project

MOST_AHEAD = 100
"""A tab holds at most so many records ready."""
IDLE_SECONDS = 900.0
"""A tab that was silent for so long has gone: its records are free for others."""
PATIENCE_SECONDS = 1.0
"""A tab is told after so long that no record is there yet; it asks again."""
LOOK_SECONDS = 1.0
"""Labels are counted so often while somebody answers without a pause."""
LONGEST_NAME, LONGEST_NOTE = 60, 10_000
KINDS = {"answer": LABEL, "skip": SKIP, "requeue": REQUEUE, "note": NOTE, "flag": NOTE, "undo": UNDO}
"""What is sent from a tab, and the kind of event that it makes; ``redo`` makes that of the answer given again."""


class SessionGoneError(WeaklabError):
    """The server does not know a session: it was started again, or the tab was silent for long."""


class RefusedError(WeaklabError):
    """A message is wrong in itself: sending it again would not help."""


class Tab:
    """One open tab: the session of its person, and how far its messages have been received.

    Messages have numbers, 1, 2, 3, ...: one that is sent again, since the reply to it was lost, is known by its number
    and done once.

    Parameters
    ----------
    project, annotator : whose session
    done : number of the last message that was received before this session began
    options : for :meth:`weaklab.Project.session`
    """

    def __init__(self, project: Project, annotator: str, done: int = 0, **options: Any) -> None:
        self.session = project.session(annotator, **options)
        self.done, self.seen, self._looked = done, time.monotonic(), 0.0
        self._project, self._work = project, project.workspace
        self._lock = threading.Lock()
        self._failed: set[int] = set()

    def sync(self, messages: Sequence[dict[str, Any]], have: Sequence[str], want: int) -> dict[str, Any]:
        """Store what was sent, in order; return what is new: refusals, records that came back, queue and state.

        Parameters
        ----------
        messages : in the order of their numbers
        have : ids of the records that the tab holds already
        want : how many records it wants to hold
        """
        with self._lock:
            self.seen = time.monotonic()
            refused: list[dict[str, Any]] = []
            undone: list[dict[str, Any]] = []
            blocked = self._receive(messages, refused, undone)
            if not messages or self.seen - self._looked > LOOK_SECONDS:
                self._look()
            asks = self.session.ahead(min(max(int(want), 1), MOST_AHEAD), PATIENCE_SECONDS)
            held = set(have)
            return {
                "done": self.done,
                "event": self._work.journal.last_event(),
                "refused": refused,
                "undone": undone,
                "blocked": blocked,
                "queue": [ask.id for ask in asks],
                "records": [shown_record(self._work, ask) for ask in asks if ask.id not in held],
                "state": self.session.state(),
                "project": {
                    "ready": self._work.at_hand is not None,
                    "labels": self._work.snapshot.n_labels,
                    "records": len(self._work.rows),
                    "curve": self._work.accuracy.curve(),
                    "label_names": list(self._work.label_names),
                    "load_errors": list(self._project.load_errors),
                },
            }

    def _look(self) -> None:
        """Look for what others have done, unless that takes a wait."""
        look(self._work)
        self._looked = time.monotonic()

    def _receive(
        self, messages: Sequence[dict[str, Any]], refused: list[dict[str, Any]], undone: list[dict[str, Any]]
    ) -> str:
        """Do what was sent; return why it had to stop before the end, empty if it did not."""
        new = [message for message in messages if not (_number(message) <= self.done)]
        while new:
            if _number(new[0]) != self.done + 1:
                return f"message {new[0].get('n')!r} came after {self.done}"
            try:
                new = new[self._store(new, refused, undone) :]
            except StorageError as error:  # later it may be well
                return str(error)
        return ""

    def _store(self, new: list[dict[str, Any]], refused: list[dict[str, Any]], undone: list[dict[str, Any]]) -> int:
        """Do the first message, or the first ones where they are answers; return how many."""
        run = list(itertools.takewhile(lambda message: message.get("kind") == "answer", new))
        if len(run) > 1 and self._answer_all(run):
            return len(run)
        try:
            taken = self._do(new[0])
        except StorageError:
            raise
        except (ValueError, TypeError) as error:  # sending it again would not help
            self._failed.add(self.done + 1)
            refused.append({"n": self.done + 1, "why": str(error)})
        else:
            if new[0]["kind"] == "undo":
                undone.append({"n": self.done + 1, **_told(taken)})
        self.done += 1
        return 1

    def _answer_all(self, run: list[dict[str, Any]]) -> bool:
        """Store several answers at once, which takes as long as one; return whether that went well."""
        if [_number(message) for message in run] != list(range(self.done + 1, self.done + 1 + len(run))):
            return False
        try:
            answers = [(self._record(one), self._label(one), _seconds(one.get("seconds"))) for one in run]
            self.session.answer_many(answers)
        except StorageError:
            raise
        except WeaklabError:  # one by one it turns out which is wrong
            return False
        self.done += len(run)
        return True

    def _label(self, message: dict[str, Any]) -> str:
        value = message.get("value")
        if not isinstance(value, str):
            raise RefusedError(f"a label is a text, got {type(value).__name__}")
        label_code(self._work, value)
        return value

    def _do(self, message: dict[str, Any]) -> Event | None:
        kind = message.get("kind")
        if kind == "undo":
            return None if message.get("of") in self._failed else self.session.undo()
        if kind == "redo":
            return self.session.redo()
        if kind not in KINDS:
            raise RefusedError(f"there is no message {kind!r}; there are {', '.join([*KINDS, 'redo'])}")
        record = self._record(message)
        seconds = _seconds(message.get("seconds"))
        if kind == "answer":
            return self.session.answer(record, self._label(message), seconds=seconds)
        if kind == "skip":
            return self.session.skip(record, seconds=seconds)
        if kind == "requeue":
            return self.session.requeue(record)
        if kind == "flag":
            self.session.flag(record, bool(message.get("value", True)))
        else:
            text = message.get("value")
            if not isinstance(text, str) or not text.strip() or len(text) > LONGEST_NOTE:
                raise RefusedError(f"a note is a text of 1 to {LONGEST_NOTE:,} characters")
            self.session.note(text, record)
        return None

    def _record(self, message: dict[str, Any]) -> str:
        record = message.get("record")
        if not isinstance(record, str):
            raise RefusedError(f"a record is named by its id, got {type(record).__name__}")
        try:
            return self._work.known(record)
        except StorageError:
            raise
        except ProjectError as error:
            raise RefusedError(str(error)) from None


def _number(message: dict[str, Any]) -> int:
    found = message.get("n")
    return found if type(found) is int else sys.maxsize


def _seconds(value: Any) -> float | None:
    return (
        float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1e6 else None
    )


def _told(event: Event | None) -> dict[str, Any]:
    return {"record": None} if event is None else {"record": event.record, "kind": event.kind, "label": event.label}


class Tabs:
    """All open tabs of a server.

    Parameters
    ----------
    project : the project
    options : for :meth:`weaklab.Project.session`
    """

    def __init__(self, project: Project, **options: Any) -> None:
        self.project, self._options = project, options
        self._tabs: dict[str, Tab] = {}
        self._closing: list[threading.Thread] = []
        self._lock = threading.Lock()

    def begin(self, annotator: Any, before: dict[str, Any] | None = None) -> dict[str, Any]:
        """Begin a session; return its id and the number of the last message that was received.

        Parameters
        ----------
        annotator : who labels
        before : of the session that this one follows in the same tab: ``session``, ``after`` (the last event that the
            tab knows of) and ``messages`` (those that it had no reply to)
        """
        annotator = checked_name(annotator)
        self.project.workspace.journal.must_be_writable()
        done = 0 if before is None else self._received(annotator, before)
        tab = Tab(self.project, annotator, done, **self._options)
        with self._lock:
            self._tabs[tab.session.id] = tab
        self._drop_idle()
        return {"session": tab.session.id, "annotator": annotator, "done": done}

    def tab(self, session: str) -> Tab:
        """Return the tab of a session."""
        with self._lock:
            found = self._tabs.get(session)
        if found is None:
            raise SessionGoneError("the server was started again, or this tab was silent for long")
        return found

    def end(self, session: str) -> None:
        """Close the session of a tab: its records are free for others at once, its training ends in the background."""
        with self._lock:
            found = self._tabs.pop(session, None)
        if found is not None:
            self.project.workspace.journal.release(session)
            closing = threading.Thread(target=found.session.close)
            closing.start()
            self._closing = [thread for thread in self._closing if thread.is_alive()] + [closing]

    def close(self) -> None:
        """Close every session, and wait for it."""
        for session in list(self._tabs):
            self.end(session)
        for thread in self._closing:
            thread.join()

    def names(self) -> list[str]:
        """Return the people whose tabs are open."""
        with self._lock:
            return sorted({tab.session.annotator for tab in self._tabs.values()})

    def _drop_idle(self) -> None:
        with self._lock:
            idle = [name for name, tab in self._tabs.items() if tab.seen < time.monotonic() - IDLE_SECONDS]
        for name in idle:
            self.end(name)

    def _received(self, annotator: str, before: dict[str, Any]) -> int:
        """Return the number of the last message of an earlier session that was stored."""
        session, messages = str(before.get("session")), list(before.get("messages") or [])
        if not all(isinstance(message, dict) and type(message.get("n")) is int for message in messages):
            raise RefusedError("messages are JSON objects, each with its number, n")
        with self._lock:
            tab = self._tabs.get(session)
        if tab is not None:
            done = tab.done
            self.end(session)
            return done
        first = messages[0]["n"] - 1 if messages else int(before.get("done") or 0)
        journal = self.project.workspace.journal
        journal.release(session)  # a server that was killed could not do this
        events = journal.events(max(int(before.get("after") or 0), 0))
        mine = [event for event in events if event.session == session and event.annotator == annotator]
        return int(first) + count_stored(messages, mine)


def count_stored(messages: Sequence[dict[str, Any]], events: Sequence[Event]) -> int:
    """Return how many of the first messages made these events.

    >>> sent = [{"kind": "answer", "record": "a", "value": "ham"}, {"kind": "undo"}, {"kind": "skip", "record": "a"}]
    >>> count_stored(sent, [Event("label", "a", "ham"), Event("undo", "a", undoes=1)])
    2
    """
    done = at = 0
    for place, message in enumerate(messages, 1):
        if at < len(events) and _made(message, events[at]):
            at, done = at + 1, place
        elif message.get("kind") not in ("undo", "redo"):  # these make no event where there was nothing to take back
            break
    return done


def _made(message: dict[str, Any], event: Event) -> bool:
    """Whether an event is what a message makes."""
    kind = message.get("kind")
    if kind in ("undo", "redo"):
        return event.kind == UNDO if kind == "undo" else event.kind in QUEUE_KINDS
    return event.kind == KINDS.get(str(kind)) and event.record == message.get("record")


def checked_name(given: Any) -> str:
    """Return the name of a person after a check."""
    name = given.strip() if isinstance(given, str) else ""
    if not 1 <= len(name) <= LONGEST_NAME:
        raise RefusedError(f"a name has 1 to {LONGEST_NAME} characters; type yours")
    if has_controls(name) or clean(name, None) != name or name == IMPORTED:
        raise RefusedError(f"{clean(name)!r} cannot be the name of a person; type another one")
    return name
