"""One project folder: SQLite for events, Parquet for records and votes; safe to kill at any moment.

Several processes may have a project open. Events are rows that nothing changes or removes. Records and votes are files
that are written under another name, flushed to disk and renamed, so that a file is there whole or not at all.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import threading
import time
import uuid
import weakref
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weaklab.base import CorpusError, Fault, ProjectError
from weaklab.corpus import BATCH_ROWS, Corpus, Roles
from weaklab.heuristics import Ballot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

DATABASE = "weaklab.db"
LABEL, SKIP, REQUEUE, UNDO = "label", "skip", "requeue", "undo"
EVENT_KINDS = (LABEL, SKIP, REQUEUE, UNDO)
BUSY_SECONDS = 60.0
STALE_SECONDS = 3600.0
"""A half-written import that nobody has touched for so long belongs to a process that is gone."""
_SAFE_WAL = (3, 51, 3)
"""Before this version, SQLite's WAL mode can corrupt a database that several connections use."""
_FORMAT = 1
_ADDED_COLUMNS = {"pool_size": "INTEGER", "asked_after": "INTEGER"}
"""Columns of ``events`` that databases of earlier versions do not have."""

_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS imports (
    id INTEGER PRIMARY KEY AUTOINCREMENT, folder TEXT NOT NULL UNIQUE, source TEXT NOT NULL, records INTEGER NOT NULL,
    at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS events (
    id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL CHECK (kind IN {EVENT_KINDS}), record TEXT NOT NULL,
    label TEXT, undoes INTEGER, annotator TEXT NOT NULL, session TEXT NOT NULL, at TEXT NOT NULL, seconds REAL,
    suggestion TEXT, suggestion_confidence REAL, suggestion_shown INTEGER, picked_by TEXT, pick_probability REAL,
    pool_size INTEGER, asked_after INTEGER);
CREATE TABLE IF NOT EXISTS asks (
    id INTEGER PRIMARY KEY AUTOINCREMENT, record TEXT NOT NULL, session TEXT NOT NULL, at REAL NOT NULL,
    strategy TEXT NOT NULL, score REAL NOT NULL, probability REAL NOT NULL);
CREATE TABLE IF NOT EXISTS members (
    name TEXT PRIMARY KEY, position INTEGER NOT NULL, spec TEXT, fingerprint TEXT NOT NULL, location TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS outside (id TEXT PRIMARY KEY, kind TEXT NOT NULL, data BLOB NOT NULL, at TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS asks_by_record ON asks (record);
CREATE TRIGGER IF NOT EXISTS events_stay BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE TRIGGER IF NOT EXISTS events_remain BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
"""


@dataclass(frozen=True)
class Event:
    """Something a person did, in the order of ``id``; never changed or removed.

    Attributes
    ----------
    kind : ``label``, ``skip`` (do not ask again), ``requeue`` (back in the line) or ``undo`` (of event ``undoes``)
    record : id of the record
    label : label name, for a label
    annotator, session : who, and in which run of a program
    at : UTC time, ISO 8601
    seconds : how long the person took
    suggestion, suggestion_confidence, suggestion_shown : what the committee thought at that moment
    picked_by, pick_probability, pool_size : how the record was picked, see :class:`weaklab.scheduler.Pick`
    asked_after : id of the last event that was known when it was picked
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


_COLUMNS = tuple(f.name for f in fields(Event) if f.name != "id")


def now() -> str:
    """Return the UTC time, ISO 8601 with microseconds."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


class Store:
    """The files of one project.

    Parameters
    ----------
    path : the project folder, which must exist
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._lock = threading.RLock()
        self._db = self._connect()
        weakref.finalize(self, self._db.close)  # a project that nobody closes is a habit of notebooks, not a mistake

    def _connect(self) -> sqlite3.Connection:
        file = self.path / DATABASE
        if (not file.exists() or not file.stat().st_size) and any((self.path / "corpus").glob("[!.]*")):
            raise ProjectError(f"{file}: is not there or empty, and there are records in {self.path / 'corpus'}; put a backup in its place")
        db = sqlite3.connect(file, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            found = self._prepare(db)
        except sqlite3.DatabaseError as error:
            db.close()
            advice = "try again" if "locked" in str(error) else "put a backup in its place"
            raise ProjectError(f"{file}: cannot be opened as a weaklab database: {error}; {advice}") from None
        if found > _FORMAT:
            db.close()
            raise ProjectError(f"{file}: was written by a newer weaklab (format {found}); update weaklab")
        return db

    @staticmethod
    def _prepare(db: sqlite3.Connection) -> int:
        """Make the tables that are not there; return the number of the format."""
        wal = sqlite3.sqlite_version_info >= _SAFE_WAL
        db.execute(f"PRAGMA journal_mode={'WAL' if wal else 'TRUNCATE'}")
        db.execute("PRAGMA synchronous=FULL")
        db.execute("BEGIN IMMEDIATE")
        for statement in _statements(_SCHEMA):
            db.execute(statement)
        there = {row[1] for row in db.execute("PRAGMA table_info(events)")}
        for name, kind in _ADDED_COLUMNS.items():
            if name not in there:
                db.execute(f"ALTER TABLE events ADD COLUMN {name} {kind}")
        db.execute("INSERT OR IGNORE INTO meta VALUES ('format', ?)", (str(_FORMAT),))
        db.execute("COMMIT")
        return int(db.execute("SELECT value FROM meta WHERE key = 'format'").fetchone()[0])

    def close(self) -> None:
        """Close the database; the store cannot be used afterwards."""
        self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing, on disk when it ends."""
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                yield self._db
                self._db.execute("COMMIT")
            except sqlite3.OperationalError as error:
                self._rollback()
                raise ProjectError(f"{self.path / DATABASE}: {error}; nothing was written, try again") from error
            except BaseException:
                self._rollback()
                raise

    def _rollback(self) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    def _rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._db.execute(query, values).fetchall()

    # ---- small facts

    def get_meta(self, key: str, default: Any = None) -> Any:
        """Return a JSON value."""
        rows = self._rows("SELECT value FROM meta WHERE key = ?", key)
        return json.loads(rows[0][0]) if rows else default

    def set_meta(self, key: str, value: Any) -> None:
        """Keep a JSON value."""
        with self._transaction() as db:
            db.execute("INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", (key, json.dumps(value)))

    def raise_meta(self, key: str, value: int) -> None:
        """Keep a number, unless a higher one is there."""
        if int(self.get_meta(key, -1)) < value:
            with self._transaction() as db:
                db.execute(
                    "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value "
                    "WHERE CAST(value AS INTEGER) < CAST(excluded.value AS INTEGER)",
                    (key, json.dumps(value)),
                )

    # ---- events

    def append(self, events: Iterable[Event]) -> list[Event]:
        """Write events in one transaction; when this returns they are on disk."""
        with self._transaction() as db:
            return [self._insert(db, event) for event in events]

    @staticmethod
    def _insert(db: sqlite3.Connection, event: Event) -> Event:
        values = {**asdict(event), "at": event.at or now()}
        marks = ", ".join("?" * len(_COLUMNS))
        cursor = db.execute(f"INSERT INTO events ({', '.join(_COLUMNS)}) VALUES ({marks})", [values[name] for name in _COLUMNS])
        return Event(**{**values, "id": cursor.lastrowid})

    def events(self, after: int = 0) -> list[Event]:
        """Return the events with an id above ``after``, oldest first."""
        rows = self._rows(f"SELECT {', '.join(_COLUMNS)}, id FROM events WHERE id > ? ORDER BY id", after)
        return [
            Event(**{**dict(zip((*_COLUMNS, "id"), row, strict=True)), "suggestion_shown": None if row[10] is None else bool(row[10])})
            for row in rows
        ]

    # ---- what was asked

    def add_asks(self, rows: Sequence[tuple[str, str, str, float, float]], seconds: float, after: int) -> set[str]:
        """Note (record, session, strategy, score, probability) of records that a person is to be shown now; return which may be.

        Left out are those that another session was shown in the last so many seconds, or that have an event with an id above ``after``.
        """
        with self._transaction() as db:
            at = time.time()
            query = (
                "SELECT 1 FROM asks WHERE record = ? AND session != ? AND at > ? UNION ALL SELECT 1 FROM events WHERE id > ? AND record = ?"
            )
            free = [
                (record, session, at, *rest)
                for record, session, *rest in rows
                if db.execute(query, (record, session, at - seconds, after, record)).fetchone() is None
            ]
            db.executemany("INSERT INTO asks (record, session, at, strategy, score, probability) VALUES (?, ?, ?, ?, ?, ?)", free)
            return {str(row[0]) for row in free}

    def asked_by_others(self, session: str, seconds: float) -> set[str]:
        """Return the records that another session has been shown in the last so many seconds."""
        rows = self._rows("SELECT DISTINCT record FROM asks WHERE session != ? AND at > ?", session, time.time() - seconds)
        return {row[0] for row in rows}

    def release(self, session: str) -> None:
        """Let other sessions have what this one was shown."""
        with self._transaction() as db:
            db.execute("UPDATE asks SET at = 0 WHERE session = ?", (session,))

    # ---- members that were added in a session

    def members(self) -> list[tuple[str, dict[str, Any] | None, str, str]]:
        """Return (name, spec or None, fingerprint, location), in their order."""
        rows = self._rows("SELECT name, spec, fingerprint, location FROM members ORDER BY position, name")
        return [(name, json.loads(spec) if spec else None, fingerprint, location) for name, spec, fingerprint, location in rows]

    def put_member(self, name: str, spec: dict[str, Any] | None, fingerprint: str, location: str) -> None:
        """Remember a member, at the end or in the place of the one with its name."""
        with self._transaction() as db:
            db.execute(
                "INSERT INTO members VALUES (?, (SELECT coalesce(max(position), 0) + 1 FROM members), ?, ?, ?) "
                "ON CONFLICT (name) DO UPDATE SET spec = excluded.spec, fingerprint = excluded.fingerprint, location = excluded.location",
                (name, json.dumps(spec) if spec else None, fingerprint, location),
            )

    def drop_member(self, name: str) -> None:
        """Forget a member."""
        with self._transaction() as db:
            db.execute("DELETE FROM members WHERE name = ?", (name,))

    # ---- records outside the corpus

    def add_outside(self, rows: Iterable[tuple[str, str, bytes]]) -> None:
        """Keep records (id, kind, Arrow) that are no part of the corpus; one that is there already stays as it is."""
        with self._transaction() as db:
            db.executemany("INSERT OR IGNORE INTO outside VALUES (?, ?, ?, ?)", [(*row, now()) for row in rows])

    def outside(self, after: int = 0) -> list[tuple[int, str, str, bytes]]:
        """Return (number, id, kind, Arrow) of the records outside the corpus with a number above ``after``, oldest first."""
        return self._rows("SELECT rowid, id, kind, data FROM outside WHERE rowid > ? ORDER BY rowid", after)

    # ---- records

    def imports(self) -> list[str]:
        """Return the folders of the imports, oldest first."""
        return [row[0] for row in self._rows("SELECT folder FROM imports ORDER BY id")]

    def import_sizes(self) -> list[tuple[int, str]]:
        """Return (records, UTC time) of the imports, oldest first."""
        return self._rows("SELECT records, at FROM imports ORDER BY id")

    def add_import(
        self, batches: Iterable[pa.RecordBatch], source: str, check: Callable[[list[str]], Any], events: Callable[[], list[Event]]
    ) -> int:
        """Write records to Parquet and make them part of the project in one step; return how many there are.

        ``check`` is called with the imports as they are at the moment of the commit and may raise; ``events`` gives the
        manual labels that come with the records.
        """
        self._clean()
        folder = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}"
        unfinished = self.path / "corpus" / f".unfinished-{folder}"
        unfinished.mkdir(parents=True)
        try:
            count = _write_parts(batches, unfinished)
            if not count:
                shutil.rmtree(unfinished)
                return 0
            with self._transaction() as db:
                check([row[0] for row in db.execute("SELECT folder FROM imports ORDER BY id")])
                os.rename(unfinished, self.path / "corpus" / folder)
                _sync_folder(self.path / "corpus")
                db.execute("INSERT INTO imports (folder, source, records, at) VALUES (?, ?, ?, ?)", (folder, source, count, now()))
                for event in events():
                    self._insert(db, event)
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise
        return count

    def _clean(self) -> None:
        """Remove what killed imports have left, and nothing that another process may be writing."""
        known = set(self.imports())
        for folder in (self.path / "corpus").glob("*"):
            newest = max((f.stat().st_mtime for f in [folder, *folder.glob("*")] if f.exists()), default=0)
            if folder.name not in known and time.time() - newest > STALE_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)

    def corpus(self, folders: Sequence[str]) -> StoredCorpus:
        """Return the records of some imports as one corpus."""
        return StoredCorpus(self.path, [self.path / "corpus" / folder for folder in folders])

    # ---- what can be computed again

    def array(self, name: str, folders: Sequence[str], make: Callable[[], NDArray[Any]]) -> NDArray[Any]:
        """Return an array over the records of some imports, from its file or made and written to it."""
        import hashlib

        import numpy as np

        key = hashlib.blake2b("\0".join([name, *folders]).encode(), digest_size=8).hexdigest()
        path = self.path / "cache" / f"{name}-{key}.npy"
        try:
            return np.asarray(np.load(path, allow_pickle=False))
        except (OSError, ValueError, EOFError):
            made = make()
        with replacing(path) as temporary, open(temporary, "wb") as stream:
            np.save(stream, made)
        return made

    # ---- columns of votes

    def column_cache(self, import_folder: str) -> ColumnFiles:
        """Return where the votes on one import are kept."""
        return ColumnFiles(self.path / "votes" / import_folder)


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for line in script.strip().splitlines():
        statement += line + "\n"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _sync_folder(folder: Path) -> None:
    """Make renames in a folder last through a power failure, where the system can."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except (OSError, AttributeError):  # Windows has no such thing
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


PART_ROWS = 1 << 20


def _write_parts(batches: Iterable[pa.RecordBatch], folder: Path) -> int:
    """Write batches as Parquet parts, one row group a batch; return the number of rows."""
    import pyarrow.parquet as pq

    writer, total, in_part = None, 0, 0
    try:
        for batch in batches:
            if writer is None or in_part >= PART_ROWS:
                if writer is not None:
                    writer.close()
                writer, in_part = pq.ParquetWriter(folder / f"part-{total:012d}.parquet", batch.schema, compression="zstd"), 0
            writer.write_batch(batch, row_group_size=max(1, batch.num_rows))
            total, in_part = total + batch.num_rows, in_part + batch.num_rows
    finally:
        if writer is not None:
            writer.close()
    for part in folder.glob("*.parquet"):
        with open(part, "rb") as stream:
            os.fsync(stream.fileno())
    _sync_folder(folder)
    return total


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a name to write to; when the block ends well the file is flushed and takes the place of ``path`` at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f".{path.name}.{uuid.uuid4().hex[:8]}"
    try:
        yield temporary
        with open(temporary, "rb") as stream:
            os.fsync(stream.fileno())
        os.replace(temporary, path)
        _sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


class ColumnFiles:
    """One Parquet file for the votes of one heuristic on one import, with its faults inside."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, fingerprint: str) -> Ballot | None:
        """Return the column, None if it is not there."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        path = self._folder / f"{fingerprint}.parquet"
        try:
            table = pq.read_table(path)
        except (FileNotFoundError, pa.ArrowInvalid):
            return None
        faults = json.loads((table.schema.metadata or {}).get(b"faults", b"[]"))
        sure = table.column("confidence").to_numpy() if "confidence" in table.schema.names else None
        return Ballot(table.column("vote").to_numpy(), sure, faults=[Fault.from_json(fault) for fault in faults])

    def put(self, fingerprint: str, ballot: Ballot) -> None:
        """Keep a column, whole or not at all."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        columns = {"vote": pa.array(ballot.votes, pa.int8())}
        if ballot.confidence is not None:
            columns["confidence"] = pa.array(ballot.confidence, pa.float32())
        faults = json.dumps([fault.to_json() for fault in ballot.faults])
        table = pa.table(columns).replace_schema_metadata({b"faults": faults.encode()})
        with replacing(self._folder / f"{fingerprint}.parquet") as temporary:
            pq.write_table(table, temporary, compression="zstd")


class StoredCorpus(Corpus):
    """The records of a project, read from its Parquet parts; a few records are read without the rest."""

    def __init__(self, project: Path, folders: Sequence[Path]) -> None:
        import pyarrow.parquet as pq

        self._project = project
        self._parts = [part for folder in folders for part in sorted(folder.glob("part-*.parquet"))]
        if not self._parts:
            raise ProjectError(f"{project}: holds no record yet; import some: weaklab import {project} FILE")
        try:
            self.schema = pq.read_schema(self._parts[0])
        except (OSError, ValueError) as error:
            raise ProjectError(f"{self._parts[0]}: cannot be read: {error}") from None
        self.roles = Roles.of(self.schema)
        self._made_ids = False
        self._ids = None
        self._groups: list[tuple[Path, int, int]] | None = None

    @property
    def name(self) -> str:
        return f"project {self._project}"

    def __len__(self) -> int:
        import pyarrow.parquet as pq

        return sum(pq.read_metadata(part).num_rows for part in self._parts)

    @property
    def fingerprint(self) -> int:
        """A number for the content: parts are never changed once they are there."""
        return hash((self.roles, *self._parts))

    def batches(self, size: int = BATCH_ROWS, *, ids: bool = True) -> Iterator[pa.RecordBatch]:
        import pyarrow.parquet as pq

        assert self.schema is not None
        metadata = self.schema.metadata
        for part in self._parts:
            file = pq.ParquetFile(part)
            for group in range(file.num_row_groups):
                for batch in file.read_row_group(group).cast(self.schema).combine_chunks().to_batches(max_chunksize=size):
                    yield batch.replace_schema_metadata(metadata)

    @property
    def ids(self) -> pa.ChunkedArray:
        import pyarrow as pa
        import pyarrow.parquet as pq

        if self._ids is None:
            tables = [pq.read_table(part, columns=[self.roles.id]).column(0) for part in self._parts]
            self._ids = pa.chunked_array([chunk for column in tables for chunk in column.chunks])
        return self._ids

    def column(self, name: str) -> pa.ChunkedArray:
        import pyarrow as pa
        import pyarrow.parquet as pq

        assert self.schema is not None
        if name not in self.schema.names:
            raise CorpusError(f"{self.name} has no column {name!r}; there are {', '.join(self.schema.names)}")
        tables = [pq.read_table(part, columns=[name]).column(0) for part in self._parts]
        return pa.chunked_array([chunk for column in tables for chunk in column.chunks])

    def take(self, rows: Sequence[int] | NDArray[np.integer[Any]]) -> pa.Table:
        import numpy as np
        import pyarrow as pa
        import pyarrow.parquet as pq

        if self._groups is None:
            self._groups = []
            for part in self._parts:
                metadata = pq.read_metadata(part)
                self._groups += [(part, g, metadata.row_group(g).num_rows) for g in range(metadata.num_row_groups)]
        ends = np.cumsum([count for _, _, count in self._groups])
        wanted = np.asarray(rows, dtype=np.int64)
        if len(wanted) and (wanted.min() < 0 or wanted.max() >= ends[-1]):
            raise CorpusError(f"{self.name} has rows 0 to {ends[-1] - 1:,}, got {wanted.min()} to {wanted.max()}")
        home = np.searchsorted(ends, wanted, side="right")
        tables, places = [], []
        for group in np.unique(home):
            part, number, count = self._groups[group]
            mine = np.flatnonzero(home == group)
            table = pq.ParquetFile(part).read_row_group(number).cast(self.schema)
            tables.append(table.take(pa.array(wanted[mine] - (ends[group] - count))))
            places.append(mine)
        assert self.schema is not None
        if not tables:
            return self.schema.empty_table()
        order = np.argsort(np.concatenate(places), kind="stable")
        return pa.concat_tables(tables).take(pa.array(order))
