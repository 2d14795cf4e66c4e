"""The SQLite database of a project: opened for writing or for reading only, and checked, so that damage is never read
as data.

Every row of the tables that decide something carries a checksum of its values. Events have numbers without gaps.
"""

from __future__ import annotations

import json
import marshal
import os
import sqlite3
import tempfile
import threading
import weakref
from collections import Counter
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from zlib import crc32

from weaklab.core.errors import ProjectError, StorageError
from weaklab.core.events import Event, now
from weaklab.core.files import sync_folder, write_errors
from weaklab.core.tables import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

DATABASE = "weaklab.db"
BUSY_SECONDS = 60.0
_SAFE_WAL = (3, 51, 3)
"""Before this version, SQLite's WAL mode can corrupt a database that several connections use."""
_CHECKS_TABLES = (3, 33, 0)
"""From this version on SQLite can check one table without the others."""
FORMAT = 2
"""Format 1 had no checksums, and a column for each attribute of an event instead of JSON; it is read, and brought
to format 2 where it can be written."""
_FORMAT_1_EVENTS = (
    "kind", "record", "label", "undoes", "annotator", "session", "at", "seconds", "suggestion", "suggestion_confidence",
    "suggestion_shown", "picked_by", "pick_probability", "pool_size", "asked_after",
)  # fmt: skip
"""The columns of ``events`` in format 1; its first versions lack the last two."""
SUMMED = {
    "meta": ("key", "value"),
    "imports": ("folder", "source", "records", "at", "parts"),
    "events": ("record", "data"),
    "members": ("name", "position", "spec", "fingerprint", "location"),
    "outside": ("id", "kind", "data", "at"),
}
"""The tables whose rows carry a checksum, and the columns that it covers, in their order."""
_TRIGGERS = """
CREATE TRIGGER IF NOT EXISTS events_stay BEFORE UPDATE ON events
    BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE TRIGGER IF NOT EXISTS events_remain BEFORE DELETE ON events
    BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
"""
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL, sum BLOB);
CREATE TABLE IF NOT EXISTS imports (
    id INTEGER PRIMARY KEY AUTOINCREMENT, folder TEXT NOT NULL UNIQUE, source TEXT NOT NULL, records INTEGER NOT NULL,
    at TEXT NOT NULL, parts TEXT, sum BLOB);
CREATE TABLE IF NOT EXISTS events (
    id INTEGER PRIMARY KEY AUTOINCREMENT, record TEXT NOT NULL, data TEXT NOT NULL, sum BLOB);
CREATE TABLE IF NOT EXISTS asks (
    id INTEGER PRIMARY KEY AUTOINCREMENT, record TEXT NOT NULL, session TEXT NOT NULL, at REAL NOT NULL,
    strategy TEXT NOT NULL, score REAL NOT NULL, probability REAL NOT NULL);
CREATE TABLE IF NOT EXISTS members (
    name TEXT PRIMARY KEY, position INTEGER NOT NULL, spec TEXT, fingerprint TEXT NOT NULL, location TEXT NOT NULL,
    sum BLOB);
CREATE TABLE IF NOT EXISTS outside (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, data BLOB NOT NULL, at TEXT NOT NULL, sum BLOB);
CREATE INDEX IF NOT EXISTS asks_by_record ON asks (record);
CREATE INDEX IF NOT EXISTS events_by_record ON events (record);
{_TRIGGERS}
"""
_TABLES = {*SUMMED, "asks"}


def row_sum(values: tuple[Any, ...]) -> int:
    r"""Return the checksum of the values of a row as SQLite gives them back: the CRC-32 of what ``marshal`` writes in
    version 2.

    That version is old and stays as it is, and it is five times as fast as ``json``; ``repr`` changes with the Unicode
    of Python.

    >>> row_sum(("a", 1, None, 0.5, b"x", "\u00e9", 2**40))
    1747003614
    """
    return crc32(marshal.dumps(values, 2))


class Database:
    """The connection to the database of a project.

    Parameters
    ----------
    folder : the project folder, which must exist

    Attributes
    ----------
    read_only : whether the folder or the file may not be written
    connection : the SQLite connection
    commits : how many transactions of each kind were written through it

    Raises
    ------
    ProjectError
        It is damaged, missing, of a newer version, or cannot be opened.
    """

    def __init__(self, folder: Path) -> None:
        self.file = folder / DATABASE
        self._folder = folder
        self._lock = threading.RLock()
        self._closed = self._writing = False
        self.commits: Counter[str] = Counter()
        self.format = FORMAT
        there = self.file.exists() and self.file.stat().st_size > 0
        if not there and any((folder / "corpus").glob("[!.]*")):
            raise ProjectError(
                f"{self.file}: is not there or empty, and there are records in {folder / 'corpus'}; put a backup in "
                "its place"
            )
        self.read_only = not _may_write(folder, self.file)
        if self.read_only and not there:
            raise ProjectError(f"{folder} is read-only and has no {DATABASE}; make the project where it can be written")
        self.connection = self._connect()
        weakref.finalize(
            self, self.connection.close
        )  # a project that nobody closes is a habit of notebooks, not a mistake
        try:
            self.format = self._prepare()
        except BaseException:
            self.connection.close()
            raise

    # ---- opening

    def _connect(self) -> sqlite3.Connection:
        def connect(options: str) -> sqlite3.Connection:
            uri = f"{self.file.resolve().as_uri()}?{options}"
            return sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)

        if not self.read_only:
            return connect("mode=rwc")
        connection = connect("mode=ro")
        try:
            connection.execute("SELECT 1 FROM sqlite_master").fetchone()
        except sqlite3.OperationalError as error:
            connection.close()
            if any(_size(self.file.with_name(DATABASE + end)) for end in ("-journal", "-wal")):
                raise ProjectError(
                    f"{self.file}: a process that wrote to it was stopped, and the folder is read-only now; "
                    "open the project once where it can be written, or copy the whole folder to such a place"
                ) from error
            return connect("immutable=1")  # nobody can write there, and the files beside the database cannot be made
        except sqlite3.DatabaseError:
            pass  # told by the checks
        return connection

    def _prepare(self) -> int:
        """Check the tables, or make them; return the number of the format."""
        with self.told():
            if not self.read_only:
                wal = sqlite3.sqlite_version_info >= _SAFE_WAL
                self.connection.execute(f"PRAGMA journal_mode={'WAL' if wal else 'TRUNCATE'}")
                self.connection.execute("PRAGMA synchronous=FULL")
            tables = self._tables()
        if not tables:
            if self.read_only:
                raise ProjectError(
                    f"{self._folder} is read-only and its {DATABASE} is empty; make the project where it can be written"
                )
            with self.transaction() as db:
                _execute(db, _SCHEMA)
                if not db.execute("SELECT 1 FROM meta WHERE key = 'format'").fetchone():
                    self.insert("meta", ("format", str(FORMAT)))
            return FORMAT
        return self._checked_format(tables)

    def _tables(self) -> set[str]:
        found = {str(row[0]) for row in self.connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        return {name for name in found if not name.startswith("sqlite_")}

    def _checked_format(self, tables: set[str]) -> int:
        with self.told():
            if missing := {"meta", "imports", "events"} - tables:
                self.damaged(f"it has no table {', '.join(sorted(missing))}")
            held = self.connection.execute("SELECT value FROM meta WHERE key = 'format'").fetchone()
            if held is None or not str(held[0]).isdigit():
                self.damaged("it does not say its format")
            found = int(held[0])
            if found > FORMAT:
                raise ProjectError(f"{self.file}: was written by a newer weaklab (format {found}); update weaklab")
            if found == FORMAT and (missing := _TABLES - tables):
                self.damaged(f"it has no table {', '.join(sorted(missing))}")
            self._check_structure(sorted({*SUMMED} & tables - {"events"}))
            self.format = found
        if found == FORMAT:
            self._check_small_tables()
        elif not self.read_only:
            self._migrate()
            found = FORMAT
        return found

    def _check_structure(self, tables: Sequence[str]) -> None:
        """Let SQLite look at the pages and indexes of tables; ``events`` is checked while it is read."""
        whole = sqlite3.sqlite_version_info < _CHECKS_TABLES
        for pragma in ["PRAGMA quick_check"] if whole else [f"PRAGMA integrity_check({table})" for table in tables]:
            said = [str(row[0]) for row in self.connection.execute(pragma)]
            if said != ["ok"]:
                self.damaged(" ".join(said[0].split())[:100])

    def _check_small_tables(self) -> None:
        with self.snapshot():
            imports = self.checked("imports", "id", "ORDER BY id")
            last = self.rows("SELECT seq FROM sqlite_sequence WHERE name = 'imports'")
        if len(imports) != (last[0][0] if last else 0):
            self.damaged(f"it has {len(imports)} imports, and {last[0][0] if last else 0} were written")
        for table in ("meta", "members"):
            self.checked(table, "rowid")

    def _migrate(self) -> None:
        """Bring format 1 to format 2: events become JSON, and every row gets its checksum."""
        with self.transaction() as db:
            if db.execute("SELECT value FROM meta WHERE key = 'format'").fetchone()[0] != "1":
                return  # another process was quicker
            events = self._events_of_format_1()
            last = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetchone()
            db.execute("DROP TABLE events")
            _execute(db, _SCHEMA)  # the tables that are missing, events among them
            _add_column(db, "imports", "parts", "TEXT")
            for table in set(SUMMED) - {"events"}:
                _add_column(db, table, "sum", "BLOB")
            db.execute("UPDATE meta SET value = ? WHERE key = 'format'", (str(FORMAT),))
            db.executemany(
                "INSERT INTO events (id, record, data, sum) VALUES (?, ?, ?, ?)",
                ((*row, row_sum(row[1:])) for row in events),
            )
            if last is not None:  # so that events that are missing at the end are noticed
                db.execute("INSERT OR IGNORE INTO sqlite_sequence (name, seq) SELECT 'events', 0 WHERE NOT EXISTS "
                           "(SELECT 1 FROM sqlite_sequence WHERE name = 'events')")  # fmt: skip
                db.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'events'", last)
            for table in set(SUMMED) - {"events"}:
                rows = db.execute(f"SELECT rowid, {', '.join(SUMMED[table])} FROM {table}").fetchall()
                sums = [(row_sum(row[1:]), row[0]) for row in rows]
                db.executemany(f"UPDATE {table} SET sum = ? WHERE rowid = ?", sums)

    def _events_of_format_1(self, tail: str = "ORDER BY id", *values: Any) -> list[tuple[Any, ...]]:
        """Return (number, record, JSON) of the events of a database of format 1."""
        there = {str(row[1]) for row in self.rows("PRAGMA table_info(events)")}
        shown = ", ".join(name if name in there else f"NULL AS {name}" for name in _FORMAT_1_EVENTS)
        return [
            (number, row[1], _event_of_format_1(row).to_json())
            for number, *row in self.rows(f"SELECT id, {shown} FROM events {tail}", *values)
        ]

    # ---- reading and writing

    def close(self) -> None:
        """Close the connection."""
        self._closed = True
        self.connection.close()

    @contextmanager
    def told(self) -> Iterator[None]:
        """Turn what SQLite says into a StorageError."""
        try:
            yield
        except sqlite3.IntegrityError:
            raise
        except (
            sqlite3.DatabaseError,
            UnicodeDecodeError,
        ) as error:  # the latter where a message of SQLite is damaged, too
            self._tell(error)

    def _tell(self, error: Exception) -> NoReturn:
        text = str(error)
        if self._closed:
            raise StorageError(
                f"{self._folder}: this project was closed; open it again with Project({str(self._folder)!r})"
            ) from None
        if isinstance(error, (sqlite3.ProgrammingError, sqlite3.InterfaceError)):
            raise error
        if "locked" in text or "busy" in text:
            raise StorageError(
                f"{self.file}: {text}; another process is writing; nothing was written here, try again"
            ) from error
        if "readonly" in text:
            self.must_be_writable(True)
        if "full" in text or "disk I/O" in text or "unable to open" in text:
            raise StorageError(
                f"{self.file}: cannot be written: {text}; nothing was written, make room and try again"
            ) from error
        self.damaged(text, error)

    def damaged(self, detail: str, error: Exception | None = None) -> NoReturn:
        """Raise the StorageError of a damaged database."""
        raise StorageError(
            f"{self.file}: the database is damaged ({detail}); nothing is computed from it. Put a backup of this file "
            "in its place: "
            "imports that the backup does not know are named when the project is opened, and `weaklab adopt` takes "
            "them in again. "
            "Without a backup, `weaklab salvage` keeps the rows that are whole and says what is lost"
        ) from error

    def must_be_writable(self, refused: bool = False) -> None:
        """Raise a StorageError if the project is read-only."""
        if self.read_only or refused:
            raise StorageError(
                f"{self._folder} is read-only, and this has to be written there; nothing was done. "
                "Allow writing, or copy the folder and work in the copy"
            )

    @contextmanager
    def transaction(self, kind: str = "rest") -> Iterator[sqlite3.Connection]:
        """All or nothing, on disk when it ends; one within another is part of it. It is counted as one of a kind."""
        self.must_be_writable()
        with self._lock, self.told():
            if self._writing:  # part of the transaction around it
                yield self.connection
                return
            try:
                self.connection.execute("BEGIN IMMEDIATE")
                self._writing = True
                yield self.connection
                self.connection.execute("COMMIT")
            except BaseException:
                self._rollback()
                raise
            finally:
                self._writing = False
            self.commits[kind] += 1

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """All that is read within is of one moment, whatever others write meanwhile."""
        with self._lock, self.told():
            if self.connection.in_transaction:
                yield
                return
            self.connection.execute("BEGIN")
            try:
                yield
            finally:
                self._rollback()

    def _rollback(self) -> None:
        if not self._closed and self.connection.in_transaction:
            self.connection.execute("ROLLBACK")

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        with self._lock, self.told():
            return self.connection.execute(query, values).fetchall()

    def checked(self, table: str, number: str, tail: str = "", *values: Any) -> list[tuple[Any, ...]]:
        """Return (number, *columns) of rows of a table, after comparing each with its checksum.

        Parameters
        ----------
        number : ``id`` or ``rowid``
        tail : what follows ``FROM table``, such as ``WHERE id > ?``
        """
        columns = SUMMED[table]
        if self.format < FORMAT and table == "events":
            return self._events_of_format_1(tail, *values)
        if self.format < FORMAT:
            there = {str(row[1]) for row in self.rows(f"PRAGMA table_info({table})")}
            if not there:
                return []
            shown = ", ".join(name if name in there else f"NULL AS {name}" for name in columns)
            return self.rows(f"SELECT {number}, {shown} FROM {table} {tail}", *values)
        found = self.rows(f"SELECT {number}, {', '.join(columns)}, sum FROM {table} {tail}", *values)
        return self._summed(table, found)

    def checked_after(self, table: str, after: int, tail: str = "") -> tuple[int | None, list[tuple[Any, ...]]]:
        """Return the last number that was given in a table, and (number, *columns) of the rows above one, in order.

        Both are of one moment. The former is None where nothing was ever written.
        """
        last = f"(SELECT seq FROM sqlite_sequence WHERE name = '{table}')"
        if self.format < FORMAT:
            return self.rows(f"SELECT {last}")[0][0], self.checked(
                table, "id", f"WHERE id > ? ORDER BY id{tail}", after
            )
        names = ", ".join(SUMMED[table])
        query = f"SELECT id, {names}, sum, {last} FROM {table} WHERE id > ? ORDER BY id{tail}"
        empty = ", ".join(["NULL"] * (len(SUMMED[table]) + 2))
        # without a row above there is still the number: the outer query puts it in a row of its own
        rows = self.rows(f"SELECT * FROM ({query}) UNION ALL SELECT {empty}, {last}", after)
        return rows[-1][-1], self._summed(table, [row[:-1] for row in rows[:-1]])

    def _summed(self, table: str, found: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """Return rows without their checksums, after comparing each with it."""
        dumps = marshal.dumps
        for row in found:
            if crc32(dumps(row[1:-1], 2)) != row[-1]:
                self.damaged(f"row {row[0]} of the table {table} is not what was written")
        return [row[:-1] for row in found]

    def insert(self, table: str, row: Sequence[Any], replace: bool = False, ignore: bool = False) -> int:
        """Write a row with its checksum, within a transaction; return its number."""
        statement = _insert_into(table, "REPLACE" if replace else "IGNORE" if ignore else "ABORT")
        return int(self.connection.execute(statement, (*row, row_sum(tuple(row)))).lastrowid or 0)

    def insert_all(self, table: str, rows: Iterable[Sequence[Any]]) -> None:
        """Write rows with their checksums as they come, within a transaction."""
        self.connection.executemany(_insert_into(table), ((*row, row_sum(tuple(row))) for row in rows))

    def update(self, table: str, number: int, row: Sequence[Any]) -> None:
        """Give a row of a table other values and the checksum of these, within a transaction."""
        values = ", ".join(f"{name} = ?" for name in (*SUMMED[table], "sum"))
        self.connection.execute(f"UPDATE {table} SET {values} WHERE id = ?", (*row, row_sum(tuple(row)), number))


def salvage(folder: Path) -> list[str]:
    """Make a database of the rows of a damaged one that are whole; return a line of what was kept and lost for each
    table.

    The damaged file stays beside the new one. Events keep their numbers; in the place of one that is lost stands an
    event that says nothing. An import that is lost is named when the project is opened, and can be adopted.

    Raises
    ------
    ProjectError
        Nothing can be read, or nothing can be written.
    """
    file = folder / DATABASE
    try:
        with closing(sqlite3.connect(file, timeout=BUSY_SECONDS, isolation_level=None)) as damaged:
            kept = {table: _whole_rows(damaged, table) for table in SUMMED}
            written = dict(_some_rows(damaged, "SELECT name, seq FROM sqlite_sequence"))
    except sqlite3.DatabaseError as error:
        raise ProjectError(f"{file}: nothing can be read ({error}); put a backup in its place") from error
    if not any(kept.values()):
        raise ProjectError(f"{file}: no row is whole; put a backup in its place")
    wanted = {table: max(len(rows), _count(written.get(table))) for table, rows in kept.items()}
    wanted["events"] = max([wanted["events"], *kept["events"]])
    with write_errors(file), tempfile.TemporaryDirectory(prefix=".salvage-", dir=folder) as place:
        _write_salvaged(Path(place), kept, wanted["events"])
        stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%S}"
        os.replace(file, folder / f"{DATABASE}.damaged-{stamp}")
        os.replace(Path(place) / DATABASE, file)
        sync_folder(folder)
    told = [
        f"{table}: {counted(len(rows), 'row')} kept, {wanted[table] - len(rows):,} lost"
        for table, rows in kept.items()
        if table != "meta"
    ]
    return [*told, f"the damaged file is kept as {DATABASE}.damaged-{stamp}"]


def _write_salvaged(place: Path, kept: dict[str, dict[int, tuple[Any, ...]]], events: int) -> None:
    nothing = ("", Event("undo", annotator="salvage", at=now()).to_json())
    database = Database(place)
    try:
        with database.transaction():
            database.insert_all("meta", (row for row in kept["meta"].values() if row[0] != "format"))
            database.insert_all("events", (kept["events"].get(number, nothing) for number in range(1, events + 1)))
            for table in ("imports", "members", "outside"):
                database.insert_all(table, (row for _, row in sorted(kept[table].items())))
    finally:
        database.close()


def _whole_rows(damaged: sqlite3.Connection, table: str) -> dict[int, tuple[Any, ...]]:
    """Return number -> values of the rows that fit their checksums, read from both ends where the middle is broken."""
    found = {}
    for order in ("ASC", "DESC"):
        for number, *values, held in _some_rows(
            damaged, f"SELECT rowid, {', '.join(SUMMED[table])}, sum FROM {table} ORDER BY rowid {order}"
        ):
            if row_sum(tuple(values)) == held:
                found[number] = tuple(values)
    return found


def _some_rows(damaged: sqlite3.Connection, query: str) -> Iterator[tuple[Any, ...]]:
    """Yield rows as long as they can be read."""
    with suppress(sqlite3.DatabaseError, UnicodeDecodeError):
        yield from damaged.execute(query)


def _count(held: Any) -> int:
    return held if isinstance(held, int) and 0 <= held < 1 << 40 else 0


def known_labels(folder: Path) -> list[str]:
    """Return the label names that the database of a project holds."""
    database = Database(folder)
    try:
        held = {row[1]: row[2] for row in database.checked("meta", "rowid", "WHERE key IN ('labels', 'labels_now')")}
        return list(json.loads(held.get("labels_now") or held.get("labels") or "[]"))
    finally:
        database.close()


def _may_write(folder: Path, file: Path) -> bool:
    effective = os.access in os.supports_effective_ids
    places = [folder, *([file] if file.exists() else [])]
    return all(os.access(place, os.W_OK, effective_ids=effective) for place in places)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _event_of_format_1(row: Sequence[Any]) -> Event:
    """Return the event of the values of :data:`_FORMAT_1_EVENTS`."""
    held = dict(zip(_FORMAT_1_EVENTS, row, strict=True))
    held["value"] = held.pop("label")
    if held["suggestion_shown"] is not None:
        held["suggestion_shown"] = bool(held["suggestion_shown"])
    return Event(**held)


def _insert_into(table: str, conflict: str = "ABORT") -> str:
    columns = (*SUMMED[table], "sum")
    return f"INSERT OR {conflict} INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"


def _add_column(db: sqlite3.Connection, table: str, name: str, kind: str) -> None:
    if name not in {row[1] for row in db.execute(f"PRAGMA table_info({table})")}:
        db.execute(f"ALTER TABLE {table} ADD COLUMN {name} {kind}")


def _execute(db: sqlite3.Connection, script: str) -> None:
    for statement in _statements(script):
        db.execute(statement)


def _statements(script: str) -> Iterable[str]:
    statement = ""
    for line in script.strip().splitlines():
        statement += line + "\n"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
