"""The Parquet files of a project: records, columns of votes, arrays; each is there whole or not at all.

Files are written under another name, flushed to disk and renamed. Several processes may have a project open.
"""

from __future__ import annotations

import json
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weaklab.core.checksums import Seal, seals_from_text, seals_to_text
from weaklab.core.errors import ProjectError
from weaklab.core.events import UPDATE, Event, now
from weaklab.core.files import Kept, read_array, replacing, sync_folder, write_array, write_errors
from weaklab.project.journal import ImportRow, Journal, no_such_import
from weaklab.project.stored_corpus import Found, PartGuard, StoredCorpus, part_files
from weaklab.project.vote_columns import ColumnFiles, NarrowColumns

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from weaklab.heuristics import Heuristic
    from weaklab.project.record_changes import Selection
    from weaklab.voting.kept_columns import ColumnCache

STALE_SECONDS = 3600.0
"""A half-written import that nobody has touched for so long belongs to a process that is gone."""


UNFINISHED, REPLACED = ".unfinished-", ".replaced-"


LABEL_EVENT = "label_event/"
"""Begins the facts in the journal that say of an import, named after it, with which label names it was written."""


RECEIPT = "import.json"
"""Says beside the parts of an import what came from where, so that a database which does not know it can take it in."""


class ProjectFiles:
    """The files of a project beside its journal: Parquet parts of records, columns of votes, arrays.

    Parameters
    ----------
    path : the project folder, which must exist
    journal : of the project
    """

    def __init__(self, path: str | Path, journal: Journal) -> None:
        self.path, self.journal = Path(path), journal
        self.read_only = journal.read_only
        self.guard = PartGuard(self)
        self._updates: dict[str, Found] = {}

    # ---- records

    def imports(self) -> list[str]:
        """Return the folders of the imports, oldest first."""
        return [row.folder for row in self.journal.imports()]

    def add_import(
        self,
        batches: Iterable[pa.RecordBatch],
        source: str,
        check: Callable[[list[str]], Any],
        events: Callable[[], Iterable[Event]],
        instead_of: str | None = None,
        label_event: int = 0,
    ) -> int:
        """Write records to Parquet and make them part of the project in one step; return how many there are.

        ``check`` is called with the imports as they are at the moment of the commit and may raise; ``events`` gives the
        manual labels that come with the records. With ``instead_of`` the records take the place of an import.
        ``label_event`` is the last change of the labels whose names stand in the records.
        """

        def commit(row: ImportRow) -> None:
            check(self.imports())
            self.journal.put_import(row, instead_of)
            if label_event:
                self.journal.put(f"{LABEL_EVENT}{row.folder}", label_event)
            self.journal.append_all(events())

        row = self._add_folder(self.path / "corpus", "", batches, source, commit, lambda name: name in self.imports())
        if row is None:
            return 0
        if instead_of is not None:
            with suppress(OSError):  # it may be gone, which can be why it is replaced
                os.rename(self.path / "corpus" / instead_of, self.path / "corpus" / f"{REPLACED}{instead_of}")
        return row.records

    def add_update(
        self, batches: Iterable[pa.RecordBatch], source: str, events: Callable[[ImportRow], list[Event]]
    ) -> list[Event]:
        """Write the new rows of records, and the events that make them count, in one step; return these events.

        ``events`` is called at the moment of the commit and may raise.
        """
        stored: list[Event] = []

        def commit(row: ImportRow) -> None:
            stored.extend(self.journal.append(events(row)))

        def known(name: str) -> bool:
            changes = self.journal.events_of([""])
            return any(event.kind == UPDATE and event.value["folder"] == name for event in changes)

        self._add_folder(self.path / "updates", "update-", batches, source, commit, known)
        return stored

    def _add_folder(
        self,
        room: Path,
        prefix: str,
        batches: Iterable[pa.RecordBatch],
        source: str,
        commit: Callable[[ImportRow], None],
        is_known: Callable[[str], bool],
    ) -> ImportRow | None:
        """Write records into a new folder, which is there when ``commit`` has written to the journal, and else not."""
        self.journal.must_be_writable()
        self._clean(room)
        folder = f"{prefix}{datetime.now(UTC):%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}"
        unfinished, finished = room / f"{UNFINISHED}{folder}", room / folder
        with write_errors(unfinished):
            unfinished.mkdir(parents=True)
        try:
            with write_errors(finished):
                seals = _write_parts(batches, unfinished)
                if not seals:
                    shutil.rmtree(unfinished)
                    return None
                row = ImportRow(folder, source, sum(seal.records for seal in seals), now(), seals_to_text(seals))
                _write_receipt(unfinished, row)
            with self.journal.transaction():
                commit(row)
                with write_errors(finished):
                    os.rename(unfinished, finished)
                sync_folder(room)
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)
            with suppress(ProjectError):
                if not is_known(folder):  # else the stop came just after the commit
                    shutil.rmtree(finished, ignore_errors=True)
            raise
        return row

    def _clean(self, room: Path) -> None:
        """Remove what killed imports have left half-written, and nothing that another process may be writing."""
        for folder in room.glob(f"{UNFINISHED}*"):
            try:
                newest = max(f.stat().st_mtime for f in [folder, *folder.glob("*")])
            except FileNotFoundError:  # another process has just finished it
                continue
            if abs(time.time() - newest) > STALE_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)

    def unknown_imports(self) -> list[Found]:
        """Return the imports that stand in the folder and not in the database, by name."""
        folders = {path.name for path in (self.path / "corpus").glob("[!.]*") if any(path.glob("part-*.parquet"))}
        unknown = folders - set(self.imports())
        if unknown and not self.read_only:  # another process may be about to finish its import
            with self.journal.transaction():
                unknown -= set(self.imports())
        return [_found(self.path / "corpus" / name) for name in sorted(unknown)]

    def adopt(self, found: Found, check: Callable[[list[str]], Any], events: Callable[[], Iterable[Event]]) -> int:
        """Make an import part of the project that the database does not know; parameters as for :meth:`add_import`."""
        seals = self.guard.trust(found).seals or ()
        records = sum(seal.records for seal in seals)
        row = ImportRow(found.folder.name, found.source, records, found.at or now(), seals_to_text(seals))
        with self.journal.transaction():
            check(self.imports())
            self.journal.put_import(row)
            self.journal.append_all(events())
        return records

    def corpus(
        self, folders: Sequence[str], among: Sequence[str] = (), selection: Selection | None = None
    ) -> StoredCorpus:
        """Return the records of some imports and updates as one corpus, with the columns and roles of all that they
        are ``among``; with a ``selection`` only those that it names.
        """
        self.guard.know([*folders, *(name for name in among if name not in folders)])
        parts, all_parts = ([self._folder(name) for name in given] for given in (folders, among))
        places, gold = (None, None) if selection is None else (selection.places, selection.gold)
        return StoredCorpus(self.path, parts, self.guard, all_parts, places, gold)

    def _folder(self, name: str) -> Path:
        return self.path / ("updates" if name in self._updates else "corpus") / name

    def know_updates(self, updates: Sequence[Event]) -> list[str]:
        """Take note of updates; return the names of their folders."""
        for event in updates:
            value = event.value
            name = str(value["folder"])
            if name not in self._updates:
                seals = tuple(Seal.from_json(part) for part in value["parts"])
                folder = self.path / "updates" / name
                found = Found(folder, str(value["source"]), event.at, len(value["ids"]), seals, event.id)
                self._updates[name] = self.guard.trust(found)
        return [str(event.value["folder"]) for event in updates]

    def held_import(self, folder: str) -> Found:
        """Return what the database says of an import or an update."""
        if folder in self._updates:
            return self._updates[folder]
        rows = self.journal.imports()
        for name, source, records, at, parts in rows:
            if name == folder:
                seals = tuple(seals_from_text(parts)) if parts else None
                return Found(self.path / "corpus" / name, source, at, records, seals)
        raise no_such_import(folder, (row.folder for row in rows), self.path)

    def labels_of_import(self, folder: str) -> int:
        """Return the number of the event with whose label names an import or update was written."""
        if folder in self._updates:
            return self._updates[folder].update or 0
        return int(self.journal.get(f"{LABEL_EVENT}{folder}", 0))

    def keep_seals(self, found: Found, seals: Sequence[Seal]) -> None:
        """Add the checksums of an import that a version without them wrote."""
        if self.read_only:
            return
        with suppress(ProjectError), self.journal.transaction():
            for row in self.journal.imports():
                if row.folder == found.folder.name and row.parts is None:
                    self.journal.put_import(row._replace(parts=seals_to_text(seals)), instead_of=row.folder)

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

    def column_caches(self, import_folder: str, records: StoredCorpus) -> Callable[[Heuristic], ColumnCache]:
        """Return where the votes of a heuristic on one import are kept.

        A column that another import or an update brings changes what a heuristic sees only if it may read it.
        """
        whole = self.column_cache(import_folder, records.view())

        def cache(heuristic: Heuristic) -> ColumnCache:
            read = heuristic.columns_read()
            view = records.view() if read is None else records.view(read)
            return whole if view == records.view() else NarrowColumns(self.column_cache(import_folder, view), whole)

        return cache

    def column_cache(self, import_folder: str, view: str = "") -> ColumnFiles:
        """Return where the votes on one import are kept, if heuristics see of it what they saw of it alone, or this
        ``view`` of it.
        """
        import hashlib

        seen = f"-{hashlib.blake2b(view.encode(), digest_size=4).hexdigest()}" if view else ""
        return ColumnFiles(
            self.path / "votes" / f"{import_folder}{seen}", self.held_import(import_folder).records, self.read_only
        )


def _write_receipt(folder: Path, row: ImportRow) -> None:
    with replacing(folder / RECEIPT) as temporary:
        temporary.write_text(
            json.dumps(
                {"source": row.source, "records": row.records, "at": row.at, "parts": json.loads(row.parts or "[]")}
            ),
            encoding="utf-8",
        )


def _found(folder: Path) -> Found:
    """Return what the file beside the parts of an import says, or as much as the parts themselves say."""
    try:
        held = json.loads((folder / RECEIPT).read_text(encoding="utf-8"))
        seals = tuple(Seal.from_json(part) for part in held["parts"])
        return Found(folder, str(held["source"]), str(held["at"]), int(held["records"]), seals)
    except (OSError, ValueError, KeyError, TypeError):
        return Found(folder, "an unknown source", "", sum(_rows_of(part) for part in part_files(folder)), None)


def _rows_of(part: Path) -> int:
    import pyarrow.parquet as pq

    try:
        return int(pq.read_metadata(part).num_rows)
    except (OSError, ValueError):
        return 0


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
    parts = part_files(folder)
    for part in parts:
        with open(part, "rb") as stream:
            os.fsync(stream.fileno())
    sync_folder(folder)
    return [Seal.of(part) for part in parts]
