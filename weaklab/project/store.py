"""One project folder: SQLite for events, Parquet for records and votes; safe to kill at any moment.

Several processes may have a project open. Events are rows that nothing changes or removes. Records and votes are files
that are written under another name, flushed to disk and renamed, so that a file is there whole or not at all.
"""

from __future__ import annotations

import json
import os
import shutil
import time
import uuid
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weaklab.core.checksums import Seal, seals_from_text, seals_to_text
from weaklab.core.errors import CorpusError, ProjectError, warn
from weaklab.core.events import EVENT_COLUMNS, LABEL, UNDO, Event, now
from weaklab.core.faults import Fault
from weaklab.core.files import DamagedError, Kept, read_array, replacing, sync_folder, write_array, write_errors
from weaklab.core.tables import counted
from weaklab.corpus import BATCH_ROWS, Corpus, Roles, id_texts, ids_of
from weaklab.corpus.union import fitted, union_of, view_of
from weaklab.heuristics import Ballot
from weaklab.project.database import Database, int_or_none, real_or_none, text_or_none

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

STALE_SECONDS = 3600.0
"""A half-written import that nobody has touched for so long belongs to a process that is gone."""
SKEW_SECONDS = 60.0
"""A lease that begins later than this from now was written by a clock that has been set back since: it is void."""
UNFINISHED, REPLACED = ".unfinished-", ".replaced-"
RECEIPT = "import.json"
"""Says beside the parts of an import what came from where, so that a database which does not know it can take it in."""


_NAMES = (*EVENT_COLUMNS, "id")


def _row(event: Event) -> tuple[Any, ...]:
    """Return the values of an event as SQLite will give them back, so that they have the same checksum."""
    return (
        event.kind,
        str(event.record),
        text_or_none(event.label),
        int_or_none(event.undoes),
        str(event.annotator),
        str(event.session),
        event.at or now(),
        real_or_none(event.seconds),
        text_or_none(event.suggestion),
        real_or_none(event.suggestion_confidence),
        int_or_none(event.suggestion_shown),
        text_or_none(event.picked_by),
        real_or_none(event.pick_probability),
        int_or_none(event.pool_size),
        int_or_none(event.asked_after),
    )


def _event(number: int, row: Sequence[Any]) -> Event:
    event = object.__new__(Event)
    shown = None if row[10] is None else bool(row[10])
    # a frozen dataclass sets its attributes one by one, which costs more than all else that is done for an event
    object.__setattr__(event, "__dict__", dict(zip(_NAMES, (*row[:10], shown, *row[11:], number), strict=True)))
    return event


class Store:
    """The files of one project.

    Parameters
    ----------
    path : the project folder, which must exist
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._base = Database(self.path)
        self._db = self._base.connection
        self.read_only = self._base.read_only
        self.guard = PartGuard(self)
        self.must_be_writable = self._base.must_be_writable

    def close(self) -> None:
        """Close the database; the store cannot be used afterwards."""
        self._base.close()

    def _rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        return self._base.rows(query, *values)

    # ---- small facts

    def get_meta(self, key: str, default: Any = None) -> Any:
        """Return a JSON value."""
        rows = self._base.checked("meta", "rowid", "WHERE key = ?", key)
        return json.loads(rows[0][2]) if rows else default

    def set_meta(self, key: str, value: Any) -> None:
        """Keep a JSON value."""
        with self._base.transaction():
            self._base.insert("meta", (key, json.dumps(value)), replace=True)

    def note_meta(self, key: str, value: Any) -> None:
        """Keep a JSON value that is of use and not needed; where it cannot be written that is a warning."""
        try:
            self.set_meta(key, value)
        except ProjectError as error:
            warn(f"{error}; this session goes on")

    def raise_meta(self, key: str, value: int) -> None:
        """Keep a number, unless a higher one is there; where nothing can be written that is a warning at most."""
        if self.read_only or int(self.get_meta(key, -1)) >= value:
            return
        try:
            with self._base.transaction():
                if int(self.get_meta(key, -1)) < value:
                    self._base.insert("meta", (key, json.dumps(value)), replace=True)
        except ProjectError as error:
            warn(f"{error}; this session goes on")

    # ---- events

    def append(self, events: Iterable[Event]) -> list[Event]:
        """Write events in one transaction; when this returns they are on disk."""
        rows = [_row(event) for event in events]
        with self._base.transaction():
            return [_event(self._base.insert("events", row), row) for row in rows]

    def events(self, after: int = 0) -> list[Event]:
        """Return the events with an id above ``after``, oldest first.

        Raises
        ------
        ProjectError
            One is damaged or missing.
        """
        with self._base.snapshot():  # an event that comes between two queries is not one that is missing
            last = self._rows("SELECT seq FROM sqlite_sequence WHERE name = 'events'")
            rows = self._base.checked("events", "id", "WHERE id > ? ORDER BY id", after)
        found = [_event(row[0], row[1:]) for row in rows]
        expected = after
        for event in found:
            expected += 1
            if event.id != expected:
                self._base.damaged(f"event {expected} is missing")
        if expected < (last[0][0] if last else 0) or (found and not last):
            self._base.damaged(f"events after number {expected} are missing")
        return found

    def event(self, number: int) -> Event:
        """Return one event by its number."""
        row = self._base.checked("events", "id", "WHERE id = ?", number)[0]
        return _event(row[0], row[1:])

    def last_event(self) -> int:
        """Return the id of the newest event, 0 where there is none."""
        return int(self._rows("SELECT coalesce(max(id), 0) FROM events")[0][0])

    def last_standing(self, where: str, *values: Any) -> Event | None:
        """Return the newest event that is no undo, was not undone, and fulfils a condition on the columns of
        ``events``.
        """
        query = (
            f"SELECT e.id FROM events e WHERE e.kind != '{UNDO}' AND ({where}) "
            "AND NOT EXISTS (SELECT 1 FROM events u WHERE u.undoes = e.id) ORDER BY e.id DESC LIMIT 1"
        )
        found = self._rows(query, *values)
        return self.event(found[0][0]) if found else None

    def random_suggestions(self) -> tuple[int, int]:
        """Return for how many records drawn at random a suggestion was there when they were labeled, and how many of
        these were right.

        The suggestion was made before the answer was known, so this is no judgement on what was learned from.
        """
        query = (
            f"SELECT count(*), coalesce(sum(e.suggestion = e.label), 0) FROM events e WHERE e.kind = '{LABEL}' AND "
            "e.picked_by = 'random' "
            "AND e.suggestion IS NOT NULL AND NOT EXISTS (SELECT 1 FROM events u WHERE u.undoes = e.id)"
        )
        asked, right = self._rows(query)[0]
        return int(asked), int(right)

    # ---- notes

    def add_note(self, record: str, text: str, annotator: str, session: str) -> None:
        """Keep a remark about a record."""
        with self._base.transaction():
            self._base.insert("notes", (record, text, annotator, session, now()))

    def notes(self) -> list[tuple[str, str, str, str]]:
        """Return (record, text, annotator, UTC time) of all remarks, oldest first."""
        rows = self._base.checked("notes", "id", "ORDER BY id")
        return [(record, text, annotator, at) for _, record, text, annotator, _, at in rows]

    # ---- what was asked

    def add_asks(self, rows: Sequence[tuple[str, str, str, float, float]], seconds: float, after: int) -> set[str]:
        """Note (record, session, strategy, score, probability) of records that a person is to be shown now; return
        which may be.

        Left out are those that another session was shown in the last so many seconds, or that have an event with an id
        above ``after``. A read-only project keeps nothing, for nobody can answer there.
        """
        if self.read_only:
            return {record for record, *_ in rows}
        with self._base.transaction() as db:
            at = time.time()
            query = (
                "SELECT 1 FROM asks WHERE record = ? AND session != ? AND at > ? AND at <= ? "
                "UNION ALL SELECT 1 FROM events WHERE id > ? AND record = ?"
            )
            free = [
                (record, session, at, *rest)
                for record, session, *rest in rows
                if db.execute(query, (record, session, at - seconds, at + SKEW_SECONDS, after, record)).fetchone()
                is None
            ]
            db.executemany(
                "INSERT INTO asks (record, session, at, strategy, score, probability) VALUES (?, ?, ?, ?, ?, ?)", free
            )
            return {str(row[0]) for row in free}

    def asked_by_others(self, session: str, seconds: float) -> set[str]:
        """Return the records that another session has been shown in the last so many seconds."""
        at = time.time()
        query = "SELECT DISTINCT record FROM asks WHERE session != ? AND at > ? AND at <= ?"
        rows = self._rows(query, session, at - seconds, at + SKEW_SECONDS)
        return {row[0] for row in rows}

    def release(self, session: str) -> None:
        """Let other sessions have what this one was shown."""
        if self.read_only:
            return
        with self._base.transaction() as db:
            db.execute("UPDATE asks SET at = 0 WHERE session = ?", (session,))

    # ---- members that were added in a session

    def members(self) -> list[tuple[str, dict[str, Any] | None, str, str]]:
        """Return (name, spec or None, fingerprint, location), in their order."""
        rows = sorted(self._base.checked("members", "rowid"), key=lambda row: (row[2], row[1]))
        return [
            (name, json.loads(spec) if spec else None, fingerprint, location)
            for _, name, _, spec, fingerprint, location in rows
        ]

    def put_member(self, name: str, spec: dict[str, Any] | None, fingerprint: str, location: str) -> None:
        """Remember a member, at the end or in the place of the one with its name."""
        with self._base.transaction():
            rows = self._base.checked("members", "rowid")
            last = max((row[2] for row in rows), default=0)
            place = next((row[2] for row in rows if row[1] == name), last + 1)
            text = json.dumps(spec) if spec else None
            self._base.insert("members", (str(name), place, text, str(fingerprint), str(location)), replace=True)

    def drop_member(self, name: str) -> None:
        """Forget a member."""
        with self._base.transaction() as db:
            db.execute("DELETE FROM members WHERE name = ?", (name,))

    # ---- records outside the corpus

    def add_outside(self, rows: Iterable[tuple[str, str, bytes]]) -> None:
        """Keep records (id, kind, Arrow) that are no part of the corpus; one that is there already stays as it is."""
        at = now()
        with self._base.transaction():
            for name, kind, data in rows:
                self._base.insert("outside", (str(name), kind, bytes(data), at), ignore=True)

    def outside(self, after: int = 0) -> list[tuple[int, str, str, bytes]]:
        """Return (number, id, kind, Arrow) of the records outside the corpus with a number above ``after``, oldest
        first.
        """
        return [row[:4] for row in self._base.checked("outside", "rowid", "WHERE rowid > ? ORDER BY rowid", after)]

    # ---- records

    def imports(self) -> list[str]:
        """Return the folders of the imports, oldest first."""
        return [row[0] for row in self._rows("SELECT folder FROM imports ORDER BY id")]

    def import_sizes(self) -> list[tuple[int, str]]:
        """Return (records, UTC time) of the imports, oldest first."""
        return [(row[3], row[4]) for row in self._base.checked("imports", "id", "ORDER BY id")]

    def add_import(
        self,
        batches: Iterable[pa.RecordBatch],
        source: str,
        check: Callable[[list[str]], Any],
        events: Callable[[], list[Event]],
        instead_of: str | None = None,
    ) -> int:
        """Write records to Parquet and make them part of the project in one step; return how many there are.

        ``check`` is called with the imports as they are at the moment of the commit and may raise; ``events`` gives the
        manual labels that come with the records. With ``instead_of`` the records take the place of an import.
        """
        self.must_be_writable()
        self._clean()
        folder = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}"
        unfinished, finished = self.path / "corpus" / f"{UNFINISHED}{folder}", self.path / "corpus" / folder
        with write_errors(unfinished):
            unfinished.mkdir(parents=True)
        try:
            with write_errors(finished):
                seals = _write_parts(batches, unfinished)
                if not seals:
                    shutil.rmtree(unfinished)
                    return 0
                row = (folder, source, sum(seal.records for seal in seals), now(), seals_to_text(seals))
                _write_receipt(unfinished, row)
            with self._base.transaction():
                check(self.imports())
                if instead_of is None:
                    self._base.insert("imports", row)
                else:
                    self._replace_import(instead_of, row)
                self._base.insert("events", *(_row(event) for event in events()))
                with write_errors(finished):
                    os.rename(unfinished, finished)
                sync_folder(self.path / "corpus")
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)
            with suppress(ProjectError):
                if folder not in self.imports():  # else the stop came just after the commit
                    shutil.rmtree(finished, ignore_errors=True)
            raise
        if instead_of is not None:
            with suppress(OSError):  # it may be gone, which can be why it is replaced
                os.rename(self.path / "corpus" / instead_of, self.path / "corpus" / f"{REPLACED}{instead_of}")
        return int(row[2])

    def _replace_import(self, folder: str, row: Sequence[Any]) -> None:
        """Let an import have other files; its place among the imports and its time stay."""
        held = next((held for held in self._base.checked("imports", "id") if held[1] == folder), None)
        if held is None:
            raise ProjectError(
                f"{self.path} has no import {folder!r} to be replaced; there are {', '.join(self.imports())}"
            )
        self._base.update("imports", held[0], (*row[:3], held[4], row[4]))

    def _clean(self) -> None:
        """Remove what killed imports have left half-written, and nothing that another process may be writing."""
        for folder in (self.path / "corpus").glob(f"{UNFINISHED}*"):
            newest = max((f.stat().st_mtime for f in [folder, *folder.glob("*")] if f.exists()), default=0)
            if abs(time.time() - newest) > STALE_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)

    def unknown_imports(self) -> list[Found]:
        """Return the imports that stand in the folder and not in the database, by name."""
        folders = {path.name for path in (self.path / "corpus").glob("[!.]*") if any(path.glob("part-*.parquet"))}
        unknown = folders - set(self.imports())
        if unknown and not self.read_only:  # another process may be about to finish its import
            with self._base.transaction():
                unknown -= set(self.imports())
        return [_found(self.path / "corpus" / name) for name in sorted(unknown)]

    def adopt(self, found: Found, check: Callable[[list[str]], Any], events: Callable[[], list[Event]]) -> int:
        """Make an import part of the project that the database does not know; parameters as for :meth:`add_import`."""
        seals = self.guard.trust(found).seals or ()
        records = sum(seal.records for seal in seals)
        with self._base.transaction():
            check(self.imports())
            self._base.insert(
                "imports", (found.folder.name, found.source, records, found.at or now(), seals_to_text(seals))
            )
            self._base.insert("events", *(_row(event) for event in events()))
        return records

    def corpus(self, folders: Sequence[str], among: Sequence[str] = ()) -> StoredCorpus:
        """Return the records of some imports as one corpus, with the columns and roles of all that they are
        ``among``.
        """
        self.guard.know([*folders, *(name for name in among if name not in folders)])
        parts, all_parts = ([self.path / "corpus" / folder for folder in given] for given in (folders, among))
        return StoredCorpus(self.path, parts, self.guard, all_parts)

    def held_import(self, folder: str) -> Found:
        """Return what the database says of an import."""
        for _, name, source, records, at, parts in self._base.checked("imports", "id", "WHERE folder = ?", folder):
            return Found(
                self.path / "corpus" / name, source, at, records, tuple(seals_from_text(parts)) if parts else None
            )
        raise ProjectError(f"{self.path} has no import {folder!r}; there are {', '.join(self.imports())}")

    def keep_seals(self, found: Found, seals: Sequence[Seal]) -> None:
        """Add the checksums of an import that a version without them wrote."""
        if self.read_only:
            return
        with suppress(ProjectError), self._base.transaction():
            rows = self._base.checked("imports", "id", "WHERE folder = ?", found.folder.name)
            for number, *row in rows:
                if row[-1] is None:
                    self._base.update("imports", number, (*row[:-1], seals_to_text(seals)))

    # ---- what can be computed again

    def array(self, name: str, folders: Sequence[str], make: Callable[[], NDArray[Any]]) -> NDArray[Any]:
        """Return an array over the records of some imports, from its file or made and written to it."""
        import hashlib

        import numpy as np

        key = "\0".join([name, *folders])
        file = f"{name}-{hashlib.blake2b(key.encode(), digest_size=8).hexdigest()}.npy"
        kept = Kept(self.path / "cache", self.path)
        held = kept.read(file, lambda path: read_array(path, key))
        if held is not None:
            return np.asarray(held)
        made = make()
        if not self.read_only:
            kept.write(file, lambda path: write_array(path, made, key))
        return made

    # ---- columns of votes

    def column_cache(self, import_folder: str, view: str = "") -> ColumnFiles:
        """Return where the votes on one import are kept, if heuristics see of it what they saw of it alone, or this
        ``view`` of it.
        """
        import hashlib

        seen = f"-{hashlib.blake2b(view.encode(), digest_size=4).hexdigest()}" if view else ""
        return ColumnFiles(
            self.path / "votes" / f"{import_folder}{seen}", self.held_import(import_folder).records, self.read_only
        )


@dataclass(frozen=True)
class Found:
    """An import as the database or the file beside its parts describes it.

    Attributes
    ----------
    folder : where its parts are
    source : what was imported
    at : UTC time, ISO 8601; empty where it is not known
    records : how many
    seals : the checksums of its parts, None where they are not known
    """

    folder: Path
    source: str
    at: str
    records: int
    seals: tuple[Seal, ...] | None

    def __str__(self) -> str:
        imported = f", imported at {self.at[:19]}" if self.at else ""
        return f"{self.folder.name}: {counted(self.records, 'record')} of {self.source}{imported}"


def _write_receipt(folder: Path, row: Sequence[Any]) -> None:
    _, source, records, at, parts = row
    with replacing(folder / RECEIPT) as temporary:
        temporary.write_text(
            json.dumps({"source": source, "records": records, "at": at, "parts": json.loads(parts)}), encoding="utf-8"
        )


def _found(folder: Path) -> Found:
    """Return what the file beside the parts of an import says, or as much as the parts themselves say."""
    try:
        held = json.loads((folder / RECEIPT).read_text(encoding="utf-8"))
        seals = tuple(Seal.from_json(part) for part in held["parts"])
        return Found(folder, str(held["source"]), str(held["at"]), int(held["records"]), seals)
    except (OSError, ValueError, KeyError, TypeError):
        return Found(folder, "an unknown source", "", sum(_rows_of(part) for part in _part_files(folder)), None)


def _rows_of(part: Path) -> int:
    import pyarrow.parquet as pq

    try:
        return int(pq.read_metadata(part).num_rows)
    except (OSError, ValueError):
        return 0


def _part_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("part-*.parquet"))


def _first_seal(part: Path, found: Found) -> Seal:
    """Return the seal of a part that a version without checksums wrote."""
    try:
        return Seal.of(part)
    except Exception as error:
        raise _damaged_part(part, found, f"it cannot be read ({' '.join(str(error).split())[:100]})") from error


def _damaged_part(part: Path, found: Found, detail: str) -> ProjectError:
    name = found.folder.name
    when = f" at {found.at[:19]} UTC" if found.at else ""
    return ProjectError(
        f"{part}: the file is damaged or missing: {detail}. It belongs to the import of {found.source}{when}. "
        "Nothing is computed from it. Put a backup of this file in its place, or import the source again in its place: "
        f"project.add_records(SOURCE, instead_of={name!r}), `weaklab import PROJECT SOURCE --instead-of {name}`"
    )


class PartGuard:
    """Compares every part with its checksums when a process reads it first, and again when the file has changed
    since.
    """

    def __init__(self, store: Store) -> None:
        self._store = weakref.proxy(store)
        self._known: dict[str, Found] = {}
        self._right: dict[Path, tuple[int, ...]] = {}

    def know(self, folders: Sequence[str]) -> None:
        """Look up the checksums of imports."""
        for folder in folders:
            if folder not in self._known:
                found = self._store.held_import(folder)
                self._known[folder] = found if found.seals is not None else self._sealed(found)
                self._warn_of_strangers(folder)

    def _warn_of_strangers(self, folder: str) -> None:
        known = {seal.name for seal in self._known[folder].seals or ()}
        for part in _part_files(self._known[folder].folder):
            if part.name not in known:
                warn(f"{part}: does not belong to this import, and nothing is read from it; move it away")

    def trust(self, found: Found) -> Found:
        """Take the checksums of an import from the file beside it, or else from its parts as they are."""
        if found.seals is None:
            found = replace(found, seals=tuple(_first_seal(part, found) for part in _part_files(found.folder)))
        self._known[found.folder.name] = found
        return found

    def _sealed(self, found: Found) -> Found:
        parts = _part_files(found.folder)
        seals = tuple(_first_seal(part, found) for part in parts)
        there = sum(seal.records for seal in seals)
        if there != found.records:
            raise _damaged_part(
                found.folder,
                found,
                f"it has {there:,} records in {len(parts)} parts, and {found.records:,} were written",
            )
        self._store.keep_seals(found, seals)
        return replace(found, seals=seals)

    def parts(self, folder: Path) -> list[Path]:
        """Return the parts of an import."""
        return [folder / seal.name for seal in self._known[folder.name].seals or ()]

    def error(self, part: Path, detail: str) -> ProjectError:
        """Return the error of a part that is damaged."""
        return _damaged_part(part, self._known[part.parent.name], detail)

    def check(self, part: Path) -> None:
        """Raise a ProjectError if a part is not what was written.

        Its bytes are read once in a process; after that a look at its size and time is enough.
        """
        found = self._known[part.parent.name]
        try:
            stat = part.stat()
            looks = (stat.st_size, stat.st_mtime_ns, stat.st_ino)
            if self._right.get(part) == looks:
                return
            seal = next(seal for seal in found.seals or () if seal.name == part.name)
            detail = seal.damage(part)
        except FileNotFoundError:
            detail = "it is not there"
        except OSError as error:
            detail = f"it cannot be read ({error})"
        if detail is not None:
            raise _damaged_part(part, found, detail)
        self._right[part] = looks


PART_ROWS = 1 << 20


def _write_parts(batches: Iterable[pa.RecordBatch], folder: Path) -> list[Seal]:
    """Write batches as Parquet parts, one row group a batch; return their checksums."""
    import pyarrow.parquet as pq

    writer, total, in_part = None, 0, 0
    try:
        for batch in batches:
            if writer is None or in_part >= PART_ROWS:
                if writer is not None:
                    writer.close()
                writer, in_part = (
                    pq.ParquetWriter(folder / f"part-{total:012d}.parquet", batch.schema, compression="zstd"),
                    0,
                )
            writer.write_batch(batch, row_group_size=max(1, batch.num_rows))
            total, in_part = total + batch.num_rows, in_part + batch.num_rows
    finally:
        if writer is not None:
            writer.close()
    parts = _part_files(folder)
    for part in parts:
        with open(part, "rb") as stream:
            os.fsync(stream.fileno())
    sync_folder(folder)
    return [Seal.of(part) for part in parts]


class ColumnFiles:
    """One Parquet file for the votes of one heuristic on one import, with its faults and a checksum inside.

    Parameters
    ----------
    folder : where the files are, named after the import
    records : how many the import has
    read_only : whether nothing can be written
    """

    def __init__(self, folder: Path, records: int, read_only: bool = False) -> None:
        self._kept, self._records, self._read_only = Kept(folder, folder.parent.parent), records, read_only

    def get(self, fingerprint: str) -> Ballot | None:
        """Return the column, None if it is not there or not what was written; the latter with a warning."""
        name = f"{fingerprint}.parquet"
        held = self._kept.read(name, lambda path: self._read(path, fingerprint))
        if held is None:
            return None
        ballot: Ballot = held[0]
        summed: bool = held[1]
        if not summed:  # of a version that wrote none
            self.put(fingerprint, ballot)
        return ballot

    def _read(self, path: Path, fingerprint: str) -> tuple[Ballot, bool]:
        import pyarrow.parquet as pq

        with open(path, "rb") as stream:
            table = pq.read_table(stream)
        if table.num_rows != self._records:
            raise DamagedError(f"it has {table.num_rows:,} votes, and there are {self._records:,} records")
        metadata = table.schema.metadata or {}
        faults = metadata.get(b"faults", b"[]")
        sure = table.column("confidence").to_numpy() if "confidence" in table.schema.names else None
        votes = table.column("vote").to_numpy()
        held = metadata.get(b"sum")
        if held is not None and held != _votes_sum(self._key(fingerprint), votes, sure, faults):
            raise DamagedError("its checksum does not fit")
        return Ballot(votes, sure, faults=[Fault.from_json(fault) for fault in json.loads(faults)]), held is not None

    def _key(self, fingerprint: str) -> str:
        return f"{self._kept.folder.name}/{fingerprint}"

    def put(self, fingerprint: str, ballot: Ballot) -> None:
        """Keep a column, whole or not at all; where it cannot be written that is a warning."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.parquet as pq

        if self._read_only:
            return
        votes = np.asarray(ballot.votes, dtype=np.int8)
        sure = None if ballot.confidence is None else np.asarray(ballot.confidence, dtype=np.float32)
        columns = {"vote": pa.array(votes)} | ({} if sure is None else {"confidence": pa.array(sure)})
        faults = json.dumps([fault.to_json() for fault in ballot.faults]).encode()
        checksum = _votes_sum(self._key(fingerprint), votes, sure, faults)
        table = pa.table(columns).replace_schema_metadata({b"faults": faults, b"sum": checksum})
        self._kept.write(f"{fingerprint}.parquet", lambda path: pq.write_table(table, path, compression="zstd"))


def _votes_sum(key: str, votes: NDArray[Any], sure: NDArray[Any] | None, faults: bytes) -> bytes:
    """Return a checksum of a column of votes, and of whose it is."""
    import hashlib

    import numpy as np

    found = hashlib.sha256(f"{key}\0{len(votes)}\0{sure is not None}\0".encode() + faults)
    for array in (votes, *(() if sure is None else (sure,))):
        found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()[:32].encode()


class StoredCorpus(Corpus):
    """The records of a project, read from its Parquet parts; a few records are read without the rest.

    Imports may have different columns: each record has those of all imports, and what its own lacks is empty.

    Parameters
    ----------
    project : its folder
    folders : those of the imports
    guard : checks each part before it is read
    among : folders of the imports whose columns and roles the records have, by default ``folders``

    Raises
    ------
    ProjectError
        There is no record, a column has types that do not fit together, or a part is damaged; the latter from whatever
        reads that part.
    """

    def __init__(self, project: Path, folders: Sequence[Path], guard: PartGuard, among: Sequence[Path] = ()) -> None:
        self._project, self._guard = project, guard
        self._parts = [part for folder in folders for part in guard.parts(folder)]
        if not self._parts:
            raise ProjectError(f"{project}: holds no record yet; import some: weaklab import {project} FILE")
        firsts = [next(iter(guard.parts(folder)), None) for folder in among or folders]
        try:
            self.schema: pa.Schema = union_of([self._schema_of(part) for part in firsts if part is not None])
        except CorpusError as error:
            raise ProjectError(f"project {project}: {error}") from None
        self.view = view_of(self._schema_of(self._parts[0]), self.schema)
        self.roles = Roles.of(self.schema)
        self._made_ids = False
        self._ids = None
        self._groups: list[tuple[Path, int, int]] | None = None

    @property
    def name(self) -> str:
        return f"project {self._project}"

    def _open(self, part: Path) -> Any:
        """Return a part as a ``pyarrow.parquet.ParquetFile``, after comparing it with its checksums."""
        import pyarrow.parquet as pq

        self._guard.check(part)
        with self._reading(part):
            return pq.ParquetFile(part)

    def _schema_of(self, part: Path) -> pa.Schema:
        return self._open(part).schema_arrow

    @contextmanager
    def _reading(self, part: Path) -> Iterator[None]:
        """Tell of a part that breaks while it is read."""
        try:
            yield
        except (OSError, MemoryError) as error:
            raise self._guard.error(part, f"it cannot be read ({' '.join(str(error).split())[:100]})") from error

    def __len__(self) -> int:
        return sum(self._open(part).metadata.num_rows for part in self._parts)

    @property
    def fingerprint(self) -> int:
        """A number for the content: parts are never changed once they are there."""
        return hash((self.roles, *self._parts))

    def batches(self, size: int = BATCH_ROWS, *, ids: bool = True) -> Iterator[pa.RecordBatch]:
        for part in self._parts:
            file = self._open(part)
            for group in range(file.num_row_groups):
                for batch in file.read_row_group(group).combine_chunks().to_batches(max_chunksize=size):
                    yield fitted(batch, self.schema)

    def batches_with_ids(self, size: int = BATCH_ROWS) -> Iterator[tuple[pa.RecordBatch, list[str]]]:
        for batch in self.batches(size):
            yield batch, ids_of(batch)

    @property
    def ids(self) -> pa.ChunkedArray:
        if self._ids is None:
            self._ids = self.column(self.roles.id)
        return self._ids

    def id_texts(self) -> list[str]:
        """Return the ids of all records as strings."""
        return [text for chunk in self.ids.chunks for text in id_texts(chunk)]

    def column(self, name: str) -> pa.ChunkedArray:
        import pyarrow as pa

        if name not in self.schema.names:
            raise CorpusError(f"{self.name} has no column {name!r}; there are {', '.join(self.schema.names)}")
        kind = self.schema.field(name).type
        columns = [self._whole(part, name).cast(kind) for part in self._parts]
        return pa.chunked_array([chunk for column in columns for chunk in column.chunks], kind)

    def _whole(self, part: Path, name: str | None) -> pa.ChunkedArray:
        """Return a column of a part; one that is not there is empty."""
        import pyarrow as pa

        file = self._open(part)
        if name is None or name not in file.schema_arrow.names:
            return pa.chunked_array([pa.nulls(file.metadata.num_rows)])
        return file.read(columns=[name]).column(0)

    def gold(self) -> list[str | None]:
        """Return the gold label names, whatever their column is called in each import, None where there is none."""
        if self.roles.gold is None:
            return super().gold()
        columns = [self._whole(part, Roles.of(self._schema_of(part)).gold) for part in self._parts]
        return [None if value in (None, "") else str(value) for column in columns for value in column.to_pylist()]

    def take(self, rows: Sequence[int] | NDArray[np.integer[Any]]) -> pa.Table:
        import numpy as np
        import pyarrow as pa

        if self._groups is None:
            self._groups = []
            for part in self._parts:
                metadata = self._open(part).metadata
                self._groups += [(part, g, metadata.row_group(g).num_rows) for g in range(metadata.num_row_groups)]
        ends = np.cumsum([count for _, _, count in self._groups])
        wanted = np.asarray(rows, dtype=np.int64)
        if len(wanted) and (wanted.min() < 0 or wanted.max() >= ends[-1]):
            raise CorpusError(f"{self.name} has rows 0 to {ends[-1] - 1:,}, got {wanted.min()} to {wanted.max()}")
        home = np.searchsorted(ends, wanted, side="right")
        batches, places = [], []
        for group in np.unique(home):
            part, number, count = self._groups[group]
            mine = np.flatnonzero(home == group)
            table = self._open(part).read_row_group(number).take(pa.array(wanted[mine] - (ends[group] - count)))
            batches += [fitted(batch, self.schema) for batch in table.combine_chunks().to_batches()]
            places.append(mine)
        if not batches:
            return self.schema.empty_table()
        order = np.argsort(np.concatenate(places), kind="stable")
        return pa.Table.from_batches(batches).take(pa.array(order))
