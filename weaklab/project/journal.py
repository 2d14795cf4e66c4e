"""The journal of a project: everything that people did and decided, as the rest of the code sees it.

A journal is the only part of a project that needs a database. :class:`~weaklab.project.sqlite_journal.SqliteJournal`
keeps it in a file, :class:`MemoryJournal` in memory; another one, such as a server, is one more class with these
methods. ``tests/test_journal.py`` holds what each of them must fulfil.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any, NamedTuple, Protocol

from weaklab.core.errors import ProjectError
from weaklab.core.events import UNDO, Event, now

SKEW_SECONDS = 60.0
"""A lease that begins later than this from now was written by a clock that has been set back since: it is void."""


class ImportRow(NamedTuple):
    """An import as the journal knows it.

    Attributes
    ----------
    folder : name of the folder with its Parquet parts
    source : what was imported
    records : how many
    at : UTC time, ISO 8601
    parts : checksums of the parts as JSON text, None where a version without checksums wrote them
    """

    folder: str
    source: str
    records: int
    at: str
    parts: str | None


class MemberRow(NamedTuple):
    """A heuristic that was added in a session: its name, what it can be made from (or None), fingerprint, location."""

    name: str
    spec: dict[str, Any] | None
    fingerprint: str
    location: str


class Version(NamedTuple):
    """What a journal was like at one moment: two values that differ from earlier ones if anything was written since.

    Attributes
    ----------
    events : differs if there may be new events
    rest : differs if there may be other facts, members, imports or extra records
    """

    events: object
    rest: object


class Lease(NamedTuple):
    """A record that is shown to a person: its id, the query strategy that picked it, its score and probability."""

    record: str
    strategy: str
    score: float
    probability: float


class Journal(Protocol):
    """What a project asks of the place where events, leases, members and imports are kept.

    Whatever is written is on disk when the call returns, whole or not at all. Several processes may use one journal.
    """

    read_only: bool

    def must_be_writable(self) -> None:
        """Raise a ProjectError if nothing can be written."""

    def version(self) -> Version:
        """Return a value that differs from the last one if anything may have been written since, here or elsewhere.

        Leases do not count: they are looked up when they are needed.
        """

    def transaction(self, *, events_only: bool = False) -> AbstractContextManager[Any]:
        """All that is read and written within is of one moment, and all of it is kept, or nothing.

        ``events_only`` says that nothing but events is written, so that :meth:`version` changes in these alone.
        """

    def close(self) -> None:
        """Let go of files; the journal cannot be used afterwards."""

    # events

    def append(self, events: Iterable[Event]) -> list[Event]:
        """Write events, all or none; return them with their numbers and times."""

    def append_all(self, events: Iterable[Event]) -> None:
        """Write events as they come, all or none: for so many that nobody wants to have them back."""

    def events(self, after: int = 0, limit: int | None = None) -> list[Event]:
        """Return the events with a number above ``after``, oldest first, at most ``limit`` of them.

        Raises
        ------
        ProjectError
            One is damaged or missing.
        """

    def events_of(self, records: Sequence[str]) -> list[Event]:
        """Return the events of some records, oldest first."""

    def newest_first(self, annotator: str | None = None, after: int = 0) -> Iterator[Event]:
        """Yield the events after one, newest first, reading them as they are asked for.

        With an annotator only those of this person, and each undo, whoever did it.
        """

    def last_event(self) -> int:
        """Return the number of the newest event, 0 where there is none."""

    def mark(self, event: int) -> int:
        """Return a checksum of one event, by which another journal with as many events is told from this one."""

    # small facts

    def get(self, key: str, default: Any = None) -> Any:
        """Return a JSON value."""

    def put(self, key: str, value: Any) -> None:
        """Keep a JSON value."""

    # leases

    def lease(self, rows: Sequence[Lease], session: str, seconds: float, after: int) -> set[str]:
        """Note records that a person is to be shown now; return the ids of those that may be.

        Left out are those that another session was shown in the last ``seconds``, or that have an event with a number
        above ``after``.
        """

    def leased_by_others(self, session: str, seconds: float) -> set[str]:
        """Return the records that another session was shown in the last ``seconds``."""

    def release(self, session: str, records: Sequence[str] | None = None) -> None:
        """Let other sessions have what this one was shown, or only these records of it."""

    # members

    def members(self) -> list[MemberRow]:
        """Return the members that were added in a session, in their order."""

    def put_member(self, row: MemberRow) -> None:
        """Remember a member, at the end or in the place of the one with its name."""

    def drop_member(self, name: str) -> None:
        """Forget a member."""

    # records outside the corpus

    def extra_records(self, after: int = 0) -> list[tuple[int, str, str, bytes]]:
        """Return (number, id, kind, Arrow) of records outside the corpus with a number above ``after``."""

    def add_extra_records(self, rows: Iterable[tuple[str, str, bytes]]) -> None:
        """Keep records (id, kind, Arrow) that are no part of the corpus; one that is there already stays as it is."""

    # imports

    def imports(self) -> list[ImportRow]:
        """Return the imports, oldest first."""

    def put_import(self, row: ImportRow, instead_of: str | None = None) -> None:
        """Add an import, or give the one whose folder is ``instead_of`` these values; its place and time stay.

        To be called within a :meth:`transaction` with what belongs to it.
        """


def no_such_import(folder: str, known: Iterable[str], place: object) -> ProjectError:
    """Return the error for an import that a project does not have."""
    return ProjectError(f"{place} has no import {folder!r}; there are {', '.join(known) or 'none'}")


def stamped(event: Event, number: int) -> Event:
    """Return an event with its number, and with the time if it has none."""
    return replace(event, id=number, at=event.at or now())


class MemoryJournal:
    """A journal in memory: for trying things out and for tests; it is gone when the process ends."""

    read_only = False

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._writes = 0
        self._events: list[Event] = []
        self._facts: dict[str, Any] = {}
        self._leases: list[tuple[str, str, float]] = []
        self._members: dict[str, MemberRow] = {}
        self._extra: dict[str, tuple[int, str, str, bytes]] = {}
        self._imports: list[ImportRow] = []

    def must_be_writable(self) -> None:
        """Do nothing: memory can always be written."""

    def version(self) -> Version:
        return Version(len(self._events), self._writes)

    @contextmanager
    def transaction(self, *, events_only: bool = False) -> Iterator[None]:
        with self._lock:
            held = {name: _copied(value) for name, value in vars(self).items() if name != "_lock"}
            try:
                yield
                self._writes += not events_only
            except BaseException:
                vars(self).update(held)
                raise

    def close(self) -> None:
        """Do nothing: there is no file."""

    def append(self, events: Iterable[Event]) -> list[Event]:
        with self.transaction(events_only=True):
            stored = [
                Event.from_json(stamped(event, 0).to_json(), len(self._events) + number)
                for number, event in enumerate(events, 1)
            ]
            self._events += stored
        return stored

    def append_all(self, events: Iterable[Event]) -> None:
        self.append(events)

    def events(self, after: int = 0, limit: int | None = None) -> list[Event]:
        return self._events[after : None if limit is None else after + limit]

    def events_of(self, records: Sequence[str]) -> list[Event]:
        wanted = set(records)
        return [event for event in self._events if event.record in wanted]

    def newest_first(self, annotator: str | None = None, after: int = 0) -> Iterator[Event]:
        found = reversed(self._events[after:])
        return (each for each in found if annotator in (None, each.annotator) or each.kind == UNDO)

    def last_event(self) -> int:
        return len(self._events)

    def mark(self, event: int) -> int:
        return hash(self._events[event - 1].to_json()) if event else 0

    def get(self, key: str, default: Any = None) -> Any:
        return self._facts.get(key, default)

    def put(self, key: str, value: Any) -> None:
        with self.transaction():
            self._facts[key] = value

    def lease(self, rows: Sequence[Lease], session: str, seconds: float, after: int) -> set[str]:
        with self.transaction(events_only=True):
            taken = self.leased_by_others(session, seconds) | {event.record for event in self._events[after:]}
            free = [row.record for row in rows if row.record not in taken]
            self._leases += [(record, session, time.time()) for record in free]
        return set(free)

    def leased_by_others(self, session: str, seconds: float) -> set[str]:
        at = time.time()
        return {
            record
            for record, other, since in self._leases
            if other != session and at - seconds < since <= at + SKEW_SECONDS
        }

    def release(self, session: str, records: Sequence[str] | None = None) -> None:
        with self.transaction(events_only=True):
            self._leases = [
                lease
                for lease in self._leases
                if lease[1] != session or (records is not None and lease[0] not in records)
            ]

    def members(self) -> list[MemberRow]:
        return list(self._members.values())

    def put_member(self, row: MemberRow) -> None:
        with self.transaction():
            self._members[row.name] = row

    def drop_member(self, name: str) -> None:
        with self.transaction():
            self._members.pop(name, None)

    def extra_records(self, after: int = 0) -> list[tuple[int, str, str, bytes]]:
        return [row for row in self._extra.values() if row[0] > after]

    def add_extra_records(self, rows: Iterable[tuple[str, str, bytes]]) -> None:
        with self.transaction():
            for name, kind, data in rows:
                self._extra.setdefault(name, (len(self._extra) + 1, name, kind, data))

    def imports(self) -> list[ImportRow]:
        return list(self._imports)

    def put_import(self, row: ImportRow, instead_of: str | None = None) -> None:
        with self.transaction():
            if instead_of is None:
                self._imports.append(row)
                return
            place = next((i for i, held in enumerate(self._imports) if held.folder == instead_of), None)
            if place is None:
                raise no_such_import(instead_of, (held.folder for held in self._imports), "the project")
            self._imports[place] = row._replace(at=self._imports[place].at)


def _copied(value: Any) -> Any:
    return value.copy() if isinstance(value, (list, dict)) else value
