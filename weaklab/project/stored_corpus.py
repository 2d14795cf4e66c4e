"""The records of a project, read from Parquet parts that are compared with their checksums."""

from __future__ import annotations

import functools
import hashlib
import weakref
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from weaklab.core.checksums import Seal
from weaklab.core.errors import CorpusError, ProjectError, warn
from weaklab.core.tables import counted
from weaklab.corpus import BATCH_ROWS, Corpus, Roles, id_column, ids_of
from weaklab.corpus.union import fitted, union_of, view_of

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray


GROUPS_KEPT = 4
"""Row groups that are kept while records are read in order: those of updates are read again and again."""


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
    update : number of the event, if it is no import but an update
    """

    folder: Path
    source: str
    at: str
    records: int
    seals: tuple[Seal, ...] | None
    update: int | None = None

    def __str__(self) -> str:
        imported = f", imported at {self.at[:19]}" if self.at else ""
        return f"{self.folder.name}: {counted(self.records, 'record')} of {self.source}{imported}"


def part_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("part-*.parquet"))


def _first_seal(part: Path, found: Found) -> Seal:
    """Return the seal of a part that a version without checksums wrote."""
    try:
        return Seal.of(part)
    except Exception as error:
        raise damaged_part(part, found, f"it cannot be read ({' '.join(str(error).split())[:100]})") from error


def damaged_part(part: Path, found: Found, detail: str) -> ProjectError:
    name = found.folder.name
    when = f" at {found.at[:19]} UTC" if found.at else ""
    if found.update is not None:
        return ProjectError(
            f"{part}: the file is damaged or missing: {detail}. It belongs to the update of {found.source}{when}. "
            "Nothing is computed from it. Put a backup of this file in its place, or take the update back and make "
            f"it again: project.undo({found.update}), `weaklab undo PROJECT {found.update}`"
        )
    return ProjectError(
        f"{part}: the file is damaged or missing: {detail}. It belongs to the import of {found.source}{when}. "
        "Nothing is computed from it. Put a backup of this file in its place, or import the source again in its place: "
        f"project.add_records(SOURCE, instead_of={name!r}), `weaklab import PROJECT SOURCE --instead-of {name}`"
    )


class Imports(Protocol):
    """Where the checksums of imports are known."""

    def held_import(self, folder: str) -> Found:
        """Return what is known of an import."""

    def keep_seals(self, found: Found, seals: Sequence[Seal]) -> None:
        """Add the checksums of an import that a version without them wrote."""


class PartGuard:
    """Compares every part with its checksums when a process reads it first, and again when the file has changed
    since.
    """

    def __init__(self, imports: Imports) -> None:
        self._imports = weakref.proxy(imports)
        self._known: dict[str, Found] = {}
        self._right: dict[Path, tuple[int, ...]] = {}

    def know(self, folders: Sequence[str]) -> None:
        """Look up the checksums of imports."""
        for folder in folders:
            if folder not in self._known:
                found = self._imports.held_import(folder)
                self._known[folder] = found if found.seals is not None else self._sealed(found)
                self._warn_of_strangers(folder)

    def _warn_of_strangers(self, folder: str) -> None:
        known = {seal.name for seal in self._known[folder].seals or ()}
        for part in part_files(self._known[folder].folder):
            if part.name not in known:
                warn(f"{part}: does not belong to this import, and nothing is read from it; move it away")

    def trust(self, found: Found) -> Found:
        """Take the checksums of an import from the file beside it, or else from its parts as they are."""
        if found.seals is None:
            found = replace(found, seals=tuple(_first_seal(part, found) for part in part_files(found.folder)))
        self._known[found.folder.name] = found
        return found

    def _sealed(self, found: Found) -> Found:
        parts = part_files(found.folder)
        seals = tuple(_first_seal(part, found) for part in parts)
        there = sum(seal.records for seal in seals)
        if there != found.records:
            raise damaged_part(
                found.folder,
                found,
                f"it has {there:,} records in {len(parts)} parts, and {found.records:,} were written",
            )
        self._imports.keep_seals(found, seals)
        return replace(found, seals=seals)

    def parts(self, folder: Path) -> list[Path]:
        """Return the parts of an import."""
        return [folder / seal.name for seal in self._known[folder.name].seals or ()]

    def error(self, part: Path, detail: str) -> ProjectError:
        """Return the error of a part that is damaged."""
        return damaged_part(part, self._known[part.parent.name], detail)

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
            raise damaged_part(part, found, detail)
        self._right[part] = looks


class StoredCorpus(Corpus):
    """The records of a project, read from its Parquet parts; a few records are read without the rest.

    Imports may have different columns: each record has those of all imports, and what its own lacks is empty.

    Parameters
    ----------
    project : its folder
    folders : those of the imports
    guard : checks each part before it is read
    among : folders of the imports whose columns and roles the records have, by default ``folders``
    places : int64 (n,), which of the rows in the folders are the records, and in which order; by default all
    gold : row number -> gold label name that takes the place of what stands in the folders, None for no label

    Attributes
    ----------
    renamed : import -> label name that stands in its label and gold columns -> the name of today

    Raises
    ------
    ProjectError
        There is no record, a column has types that do not fit together, or a part is damaged; the latter from whatever
        reads that part.
    """

    def __init__(
        self,
        project: Path,
        folders: Sequence[Path],
        guard: PartGuard,
        among: Sequence[Path] = (),
        places: NDArray[np.int64] | None = None,
        gold: Mapping[int, str | None] | None = None,
    ) -> None:
        self._project, self._guard, self.places, self._gold = project, guard, places, dict(gold or {})
        self._parts = [part for folder in folders for part in guard.parts(folder)]
        if not self._parts:
            raise ProjectError(f"{project}: holds no record yet; import some: weaklab import {project} FILE")
        firsts = [next(iter(guard.parts(folder)), None) for folder in among or folders]
        try:
            self.schema: pa.Schema = union_of([self._schema_of(part) for part in firsts if part is not None])
        except CorpusError as error:
            raise ProjectError(f"project {project}: {error}") from None
        self._whole_schema = self.schema
        if self._gold:
            self.schema = _with_gold_column(self.schema)
        self.roles = Roles.of(self.schema)
        self._made_ids = False
        self._ids = None
        self._groups: list[tuple[Path, int, int]] | None = None
        self.renamed: Mapping[str, Mapping[str, str | None]] = {}

    @property
    def name(self) -> str:
        return f"project {self._project}"

    def view(self, columns: Collection[str] | None = None) -> str:
        """Return a text for what heuristics see of the first part, see :func:`weaklab.corpus.union.view_of`."""
        return view_of(self._schema_of(self._parts[0]), self._whole_schema, columns)

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
        if self.places is not None:
            return len(self.places)
        return sum(self._open(part).metadata.num_rows for part in self._parts)

    @property
    def known_rows(self) -> int:
        return len(self)

    @property
    def fingerprint(self) -> int:
        """A number for the content: parts are never changed once they are there."""
        return hash((self.roles, *self._parts, *self.marks, *self._gold.items()))

    @property
    def marks(self) -> list[str]:
        """What tells these records from all that are in the folders: empty where they are all."""
        if self.places is None:
            return []
        return [f"rows-{hashlib.blake2b(self.places.tobytes(), digest_size=8).hexdigest()}"]

    def batches(self, size: int = BATCH_ROWS, *, ids: bool = True) -> Iterator[pa.RecordBatch]:
        import numpy as np

        start = 0
        for batch in self._stored_batches(size) if self.places is None else self._placed_batches(size):
            yield self._with_gold(batch, np.arange(start, start + batch.num_rows)) if self._gold else batch
            start += batch.num_rows

    def _placed_batches(self, size: int) -> Iterator[pa.RecordBatch]:
        assert self.places is not None
        held: dict[int, pa.Table] = {}
        for start in range(0, len(self.places), size):
            table = self._read(self.places[start : start + size], held)
            yield table.combine_chunks().to_batches()[0]
            for group in list(held)[:-GROUPS_KEPT]:
                del held[group]

    def _stored_batches(self, size: int) -> Iterator[pa.RecordBatch]:
        for part in self._parts:
            file = self._open(part)
            for group in range(file.num_row_groups):
                for batch in file.read_row_group(group).combine_chunks().to_batches(max_chunksize=size):
                    yield fitted(self._of_today(part, batch), self.schema)

    def _of_today(self, part: Path, batch: Any) -> Any:
        """Return a batch or table of a part with the label names of today."""
        names = self.renamed.get(part.parent.name)
        if not names:
            return batch
        roles = Roles.of(batch.schema)
        for column in {roles.label, roles.gold} - {None}:
            place = batch.schema.get_field_index(column)
            batch = batch.set_column(place, batch.schema.field(place), _renamed(batch.column(place), names))
        return batch

    def batches_with_ids(self, size: int = BATCH_ROWS) -> Iterator[tuple[pa.RecordBatch, list[str]]]:
        for batch in self.batches(size):
            yield batch, ids_of(batch)

    @property
    def ids(self) -> pa.ChunkedArray:
        if self._ids is None:
            self._ids = self.column(self.roles.id)
        return self._ids

    def id_column(self) -> pa.ChunkedArray:
        """Return the ids of all records as a column of strings."""
        import pyarrow as pa

        return pa.chunked_array([id_column(chunk) for chunk in self.ids.chunks], pa.large_string())

    def column(self, name: str) -> pa.ChunkedArray:
        import pyarrow as pa

        if name not in self.schema.names:
            raise CorpusError(f"{self.name} has no column {name!r}; there are {', '.join(self.schema.names)}")
        kind = self.schema.field(name).type
        columns = [self._whole(part, name).cast(kind) for part in self._parts]
        found = pa.chunked_array([chunk for column in columns for chunk in column.chunks], kind)
        found = found if self.places is None else found.take(pa.array(self.places))
        if not self._gold or name != self.roles.gold:
            return found
        values = found.to_pylist()
        for row, label in self._gold.items():
            values[row] = label
        return pa.chunked_array([values], kind)

    def _whole(self, part: Path, name: str | None) -> pa.ChunkedArray:
        """Return a column of a part; one that is not there is empty."""
        import pyarrow as pa

        file = self._open(part)
        if name is None or name not in file.schema_arrow.names:
            return pa.chunked_array([pa.nulls(file.metadata.num_rows)])
        column = file.read(columns=[name]).column(0)
        names, roles = self.renamed.get(part.parent.name, {}), Roles.of(file.schema_arrow)
        return _renamed(column, names) if names and name in (roles.label, roles.gold) else column

    def rename_gold(self, gold: Mapping[int, str | None]) -> None:
        """Take other names of the gold labels that were set, of the same records."""
        self._gold = dict(gold)

    @property
    def gold_columns(self) -> set[str]:
        """The names of the columns of gold labels in the folders."""
        found = (Roles.of(self._schema_of(part)).gold for part in self._parts)
        return {name for name in found if name is not None}

    def gold(self) -> list[str | None]:
        """Return the gold label names, whatever their column is called in each import, None where there is none."""
        if self.roles.gold is None:
            return super().gold()
        columns = [self._whole(part, Roles.of(self._schema_of(part)).gold) for part in self._parts]
        found = [None if value in (None, "") else str(value) for column in columns for value in column.to_pylist()]
        if self.places is not None:
            found = [found[place] for place in self.places.tolist()]
        for row, label in self._gold.items():
            found[row] = label
        return found

    def take(self, rows: Sequence[int] | NDArray[np.integer[Any]]) -> pa.Table:
        import numpy as np
        import pyarrow as pa

        wanted = np.asarray(rows, dtype=np.int64)
        n = len(self)
        if len(wanted) and (wanted.min() < 0 or wanted.max() >= n):
            raise CorpusError(f"{self.name} has rows 0 to {n - 1:,}, got {wanted.min()} to {wanted.max()}")
        table = self._read(wanted if self.places is None else self.places[wanted], {})
        if not self._gold or not len(wanted):
            return table
        [batch] = table.combine_chunks().to_batches()
        return pa.Table.from_batches([self._with_gold(batch, wanted)])

    def _with_gold(self, batch: pa.RecordBatch, rows: NDArray[np.int64]) -> pa.RecordBatch:
        """Put the gold labels that were set in their place in a batch of these rows."""
        import pyarrow as pa

        name = self.roles.gold
        mine = [(at, self._gold[row]) for at, row in enumerate(rows.tolist()) if row in self._gold]
        if not mine:
            return batch
        values = batch.column(name).to_pylist()
        for at, label in mine:
            values[at] = label
        field = self.schema.field(name)
        return batch.set_column(self.schema.get_field_index(name), field, pa.array(values, field.type))

    def _read(self, wanted: NDArray[np.int64], held: dict[int, pa.Table]) -> pa.Table:
        """Return the rows at some places in the folders; ``held`` keeps the row groups that were read."""
        import numpy as np
        import pyarrow as pa

        if self._groups is None:
            self._groups = []
            for part in self._parts:
                metadata = self._open(part).metadata
                self._groups += [(part, g, metadata.row_group(g).num_rows) for g in range(metadata.num_row_groups)]
        ends = np.cumsum([count for _, _, count in self._groups])
        home = np.searchsorted(ends, wanted, side="right")
        batches, places, opened = [], [], functools.cache(self._open)
        for group in np.unique(home):
            part, number, count = self._groups[group]
            mine = np.flatnonzero(home == group)
            whole = held.pop(int(group), None)
            held[int(group)] = whole = opened(part).read_row_group(number) if whole is None else whole
            table = self._of_today(part, whole.take(pa.array(wanted[mine] - (ends[group] - count))))
            batches += [fitted(batch, self.schema) for batch in table.combine_chunks().to_batches()]
            places.append(mine)
        if not batches:
            return self.schema.empty_table()
        order = np.argsort(np.concatenate(places), kind="stable")
        return pa.Table.from_batches(batches).take(pa.array(order))


def _with_gold_column(schema: pa.Schema) -> pa.Schema:
    """Return a schema that has a column of gold labels."""
    import pyarrow as pa

    roles = Roles.of(schema)
    kind = pa.large_string()
    if roles.gold is not None:
        place = schema.get_field_index(roles.gold)
        return schema.set(place, schema.field(place).with_type(kind))
    name = next(name for name in ("gold", *(f"gold_{i}" for i in range(2, 1000))) if name not in schema.names)
    return replace(roles, gold=name).attach(schema.append(pa.field(name, kind)))


def _renamed(column: Any, names: Mapping[str, str | None]) -> Any:
    """Return a column of labels with other names; each distinct value is looked up only once."""
    import pyarrow as pa

    encoded = pa.chunked_array([column] if isinstance(column, pa.Array) else column.chunks, column.type)
    encoded = encoded.dictionary_encode().combine_chunks()
    values = encoded.dictionary.to_pylist()
    found = pa.array([names.get(value, value) for value in values], column.type).take(encoded.indices)
    return found if isinstance(column, pa.Array) else pa.chunked_array([found], column.type)
