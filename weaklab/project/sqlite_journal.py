"""The journal of a project in an SQLite file: events, leases, members and imports."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from weaklab.core.events import UNDO, Event, now
from weaklab.project.database import Database
from weaklab.project.journal import SKEW_SECONDS, ImportRow, Lease, MemberRow, Version, no_such_import, stamped

MOST_VALUES = 500
"""Values in one SQL statement: SQLite allows 999 in its oldest versions."""
CHUNK = 256
"""Events that are read at a time from the newest on."""


class SqliteJournal:
    """The journal of one project folder; see :class:`weaklab.project.journal.Journal` for its methods.

    Parameters
    ----------
    folder : the project folder, which must exist

    Raises
    ------
    ProjectError
        The database is damaged, missing, of a newer version, or cannot be opened.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._db = Database(self.folder)
        self.read_only = self._db.read_only
        self.must_be_writable = self._db.must_be_writable
        self.close = self._db.close

    def version(self) -> Version:
        # SQLite counts the commits of other connections; our own are counted here
        others = self._db.rows("PRAGMA data_version")[0][0]
        return Version((others, self._db.commits["events"]), (others, self._db.commits["rest"]))

    def transaction(self, *, events_only: bool = False) -> AbstractContextManager[Any]:
        return self._db.transaction("events" if events_only else "rest")

    # ---- events

    def append(self, events: Iterable[Event]) -> list[Event]:
        rows = [(event.record, stamped(event, 0).to_json()) for event in events]
        with self._db.transaction("events"):
            if len(rows) > 1:
                first = self.last_event() + 1
                self._db.insert_all("events", rows)
                numbers: Iterable[int] = range(first, first + len(rows))
            else:
                numbers = [self._db.insert("events", row) for row in rows]
        return [Event.from_json(data, number) for number, (_, data) in zip(numbers, rows, strict=True)]

    def append_all(self, events: Iterable[Event]) -> None:
        with self._db.transaction("events"):
            self._db.insert_all("events", ((event.record, stamped(event, 0).to_json()) for event in events))

    def events(self, after: int = 0, limit: int | None = None) -> list[Event]:
        most = "" if limit is None else f" LIMIT {int(limit)}"
        last, rows = self._db.checked_after("events", after, most)
        expected = after
        for number, _, _ in rows:
            expected += 1
            if number != expected:
                self._db.damaged(f"event {expected} is missing")
        at_the_end = limit is None or len(rows) < limit
        if at_the_end and (expected < (last or 0) or (rows and last is None)):
            self._db.damaged(f"events after number {expected} are missing")
        return _events(rows)

    def events_of(self, records: Sequence[str]) -> list[Event]:
        found = []
        for start in range(0, len(records), MOST_VALUES):
            some = records[start : start + MOST_VALUES]
            tail = f"WHERE record IN ({', '.join('?' * len(some))})"
            found += _events(self._db.checked("events", "id", tail, *some))
        return sorted(found, key=lambda event: event.id)

    def newest_first(self, annotator: str | None = None, after: int = 0) -> Iterator[Event]:
        before, some, texts = self.last_event() + 1, "", []
        if annotator is not None:  # the database leaves out most others, without a look at what the JSON means
            some = "AND (instr(data, ?) OR instr(data, ?))"
            texts = [json.dumps(text, ensure_ascii=False) for text in (annotator, UNDO)]
        while before > after + 1:
            tail = f"WHERE id < ? AND id > ? {some} ORDER BY id DESC LIMIT {CHUNK}"
            found = _events(self._db.checked("events", "id", tail, before, after, *texts))
            if not found:
                return
            yield from (each for each in found if annotator in (None, each.annotator) or each.kind == UNDO)
            before = found[-1].id

    def last_event(self) -> int:
        return int(self._db.rows("SELECT coalesce(max(id), 0) FROM events")[0][0])

    def mark(self, event: int) -> int:
        rows = self._db.rows("SELECT sum FROM events WHERE id = ?", event)
        return int(rows[0][0] or 0) if rows else 0

    # ---- small facts

    def get(self, key: str, default: Any = None) -> Any:
        rows = self._db.checked("meta", "rowid", "WHERE key = ?", key)
        return json.loads(rows[0][2]) if rows else default

    def put(self, key: str, value: Any) -> None:
        with self._db.transaction():
            self._db.insert("meta", (key, json.dumps(value)), replace=True)

    # ---- leases

    def lease(self, rows: Sequence[Lease], session: str, seconds: float, after: int) -> set[str]:
        if self.read_only:  # no answer can be stored there, so that nothing needs to be kept from others
            return {row.record for row in rows}
        free: set[str] = set()
        with self._db.transaction("leases") as db:
            for start in range(0, len(rows), MOST_VALUES // 6):
                some = rows[start : start + MOST_VALUES // 6]
                at = time.time()
                marks = ", ".join("?" * len(some))
                query = (
                    "SELECT record FROM asks WHERE session != ? AND at > ? AND at <= ? "
                    f"AND record IN ({marks}) UNION SELECT record FROM events WHERE id > ? AND record IN ({marks})"
                )
                names = [row.record for row in some]
                bounds = (session, at - seconds, at + SKEW_SECONDS, *names, after, *names)
                taken = {row[0] for row in db.execute(query, bounds)}
                kept = [
                    (row.record, session, at, row.strategy, row.score, row.probability)
                    for row in some
                    if row.record not in taken
                ]
                if kept:
                    places = ", ".join(["(?, ?, ?, ?, ?, ?)"] * len(kept))
                    columns = "record, session, at, strategy, score, probability"
                    values = [value for row in kept for value in row]
                    db.execute(f"INSERT INTO asks ({columns}) VALUES {places}", values)
                    free.update(row[0] for row in kept)
        return free

    def leased_by_others(self, session: str, seconds: float) -> set[str]:
        at = time.time()
        query = "SELECT DISTINCT record FROM asks WHERE session != ? AND at > ? AND at <= ?"
        return {row[0] for row in self._db.rows(query, session, at - seconds, at + SKEW_SECONDS)}

    def release(self, session: str, records: Sequence[str] | None = None) -> None:
        if self.read_only or not self._db.rows("SELECT 1 FROM asks WHERE session = ? AND at > 0 LIMIT 1", session):
            return
        with self._db.transaction("leases") as db:
            if records is None:
                db.execute("UPDATE asks SET at = 0 WHERE session = ?", (session,))
            else:
                pairs = [(session, record) for record in records]
                db.executemany("UPDATE asks SET at = 0 WHERE session = ? AND record = ?", pairs)

    # ---- members

    def members(self) -> list[MemberRow]:
        rows = sorted(self._db.checked("members", "rowid"), key=lambda row: (row[2], row[1]))
        return [
            MemberRow(name, json.loads(spec) if spec else None, fingerprint, location)
            for _, name, _, spec, fingerprint, location in rows
        ]

    def put_member(self, row: MemberRow) -> None:
        with self._db.transaction():
            held = self._db.checked("members", "rowid")
            last = max((found[2] for found in held), default=0)
            place = next((found[2] for found in held if found[1] == row.name), last + 1)
            spec = json.dumps(row.spec) if row.spec else None
            values = (str(row.name), place, spec, str(row.fingerprint), str(row.location))
            self._db.insert("members", values, replace=True)

    def drop_member(self, name: str) -> None:
        with self._db.transaction() as db:
            db.execute("DELETE FROM members WHERE name = ?", (name,))

    # ---- records outside the corpus

    def extra_records(self, after: int = 0) -> list[tuple[int, str, str, bytes]]:
        rows = self._db.checked("outside", "rowid", "WHERE rowid > ? ORDER BY rowid", after)
        return [(number, name, kind, data) for number, name, kind, data, _ in rows]

    def add_extra_records(self, rows: Iterable[tuple[str, str, bytes]]) -> None:
        at = now()
        with self._db.transaction():
            for name, kind, data in rows:
                self._db.insert("outside", (str(name), kind, bytes(data), at), ignore=True)

    # ---- imports

    def imports(self) -> list[ImportRow]:
        return [ImportRow(*row[1:]) for row in self._db.checked("imports", "id", "ORDER BY id")]

    def put_import(self, row: ImportRow, instead_of: str | None = None) -> None:
        with self._db.transaction():
            if instead_of is None:
                self._db.insert("imports", tuple(row))
                return
            held = self._db.checked("imports", "id", "ORDER BY id")
            found = next((each for each in held if each[1] == instead_of), None)
            if found is None:
                raise no_such_import(instead_of, (each[1] for each in held), self.folder)
            self._db.update("imports", found[0], tuple(row._replace(at=found[4])))


def _events(rows: Sequence[tuple[Any, ...]]) -> list[Event]:
    """Return the events of (number, record, JSON): the JSON is read as one text, which is faster than one by one."""
    held = json.loads(f"[{','.join(row[2] for row in rows)}]")
    return [Event.from_dict(each, row[0]) for each, row in zip(held, rows, strict=True)]
