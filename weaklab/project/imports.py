"""New records on their way into a project: checked, and brought into the form of the records that are there."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, compress
from typing import TYPE_CHECKING, Any

from weaklab.core.errors import CorpusError, ProjectError
from weaklab.core.events import LABEL, Event
from weaklab.core.label_reader import LabelReader, stands_for_nothing, written
from weaklab.core.labels import ABSTAIN, LabelNames
from weaklab.core.progress import tracked
from weaklab.core.tables import counted
from weaklab.corpus import ColumnError, Corpus, Roles
from weaklab.corpus.union import fitted, union_of
from weaklab.project.empty_cells import EmptyCells
from weaklab.project.number_columns import NumberColumns, no_number
from weaklab.project.project_files import ProjectFiles
from weaklab.project.receipt import ColumnUse, ImportReceipt, joined, label_counts
from weaklab.project.stored_corpus import Found, StoredCorpus
from weaklab.project.workspace import NEWEST_LABELS

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from weaklab.project.workspace import Workspace

Said = Callable[[Sequence[str]], Iterable[Event]]
"""Returns the events about records whose ids it gets."""
IMPORTED = "import"
"""The annotator of manual labels that came with the records."""
ANSWERS = ("accept", "reject", "ignore")
"""What Prodigy writes into ``answer`` beside a label."""
MADE_ID = re.compile(r"[0-9a-f]{16}(-\d+)?")
"""An id that was made from the content of its record."""
SUSPECTS = ("label", "labels", "class", "target", "gold", "y", "truth", "category")
"""A column of such a name that heuristics may read is worth a note."""


@dataclass
class Import:
    """One import.

    Attributes
    ----------
    files : of the project
    corpus : the new records
    folders : the imports that are there already
    there : their records, None for the first import
    known : ids of the records that are there, those included that were removed
    label_names : of the project
    skip_known : leave out records whose id is there, instead of raising
    instead_of : the import in whose place these records come, None for a new one; the manual labels of that import stay
        as they are
    progress : whether to show how many records were read
    map : what values of the label and gold columns stand for that are no label names
    gone : those of the known ids whose records were removed
    label_event : number of the last change of the labels that ``label_names`` knows of
    said : returns what people said of the records, from the ids of all rows that were read, in their order
    """

    files: ProjectFiles
    corpus: Corpus
    folders: Sequence[str]
    there: StoredCorpus | None
    known: AbstractSet[str]
    label_names: LabelNames
    skip_known: bool
    instead_of: str | None = None
    map: Mapping[Any, Any] | None = None
    progress: bool = False
    gone: Container[str] = frozenset()
    label_event: int = 0
    said: Said | None = None
    _rows: int = 0
    _unread: dict[str, int] = field(default_factory=dict)
    _ids: list[str] = field(default_factory=list)
    _read: list[str] = field(default_factory=list)
    _labels: list[tuple[str, int]] = field(default_factory=list)
    _written: pa.Schema | None = None
    _raw: pa.Schema | None = None
    _readers: dict[str, LabelReader] = field(default_factory=dict)
    _empty: EmptyCells = field(default_factory=EmptyCells)
    _numbers: NumberColumns = field(default_factory=NumberColumns)

    def run(self, session: str) -> ImportReceipt:
        """Write the records and the manual labels that come with them, all or nothing; return what was taken for
        what.
        """

        def events() -> Iterable[Event]:
            if self.instead_of is not None:
                return ()  # they came with the import that is replaced, and people may have answered since
            return self._events(session)

        while True:
            self._begin()
            try:
                count = self.files.add_import(
                    self._batches(), self.corpus.name, self._check, events, self.instead_of, self.label_event
                )
            except ColumnError as error:
                self.corpus.leave_out(error)  # begins anew without this column, unless it is needed
            else:
                if not count and self.said:  # all of the records are there already
                    self.files.journal.append_all(events())
                return self._receipt(count)

    @property
    def ids(self) -> list[str]:
        """The ids of the records that were written."""
        return self._ids

    def adopt(self, found: Found, session: str) -> int:
        """Take in an import that stands in the folder and not in the database; return how many records it has."""
        self._begin()
        for _ in self._batches():
            pass
        return self.files.adopt(found, self._check, lambda: self._events(session))

    def _begin(self) -> None:
        roles = self.corpus.roles
        self._rows, self._written, self._empty = 0, None, EmptyCells((roles.id, roles.label, roles.gold))
        self._numbers = NumberColumns((roles.id, roles.label, roles.gold, *roles.text, *roles.hidden))
        self._ids, self._read, self._labels, self._unread = [], [], [], {}
        self._readers = {
            name: LabelReader(self.label_names, self.map) for name in (roles.label, roles.gold) if name is not None
        }

    def _events(self, session: str) -> Iterator[Event]:
        names = list(self.label_names)
        labels = (
            Event(LABEL, record, names[code], annotator=IMPORTED, session=session) for record, code in self._labels
        )
        return chain(labels, self.said(self._read) if self.said else ())

    def _batches(self) -> Iterator[pa.RecordBatch]:
        schema: pa.Schema | None = None
        found = tracked(self.corpus.batches_with_ids(), self.progress, None, "importing", "records", _count)
        for batch, ids in found:
            self._raw = batch.schema
            self._rows += batch.num_rows
            self._empty.count(batch)
            self._numbers.count(batch, ids)
            self._read += ids if self.said else ()
            batch = self._named_like_the_others(batch)
            if self.skip_known:
                self._count_unread(batch, ids)
                batch, ids = _without(batch, ids, self.known)
            batch = self._with_label_names(batch, ids)
            if schema is None:
                schema = self._schema_beside_the_others(batch, ids)
            self._ids += ids
            if batch.num_rows:
                self._written = schema
                yield self._fitted(batch, schema)

    def _count_unread(self, batch: pa.RecordBatch, ids: list[str]) -> None:
        """Count the labels of records that are left out because they are there already."""
        import pyarrow as pa

        there = batch.filter(pa.array([name in self.known for name in ids], pa.bool_()))
        for column in self._readers if there.num_rows else ():
            values = Counter(map(written, there.column(column).to_pylist()))
            count = sum(times for text, times in values.items() if not stands_for_nothing(text))
            self._unread[column] = self._unread.get(column, 0) + count

    def _named_like_the_others(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Give the id and text columns the names that they have in the project."""
        if self.there is None:
            return batch
        _check_id(self.corpus, self.there)
        names, roles = _new_names(self.corpus, batch.schema.names, self.there.roles)
        batch = batch.rename_columns(names) if names != batch.schema.names else batch
        return batch.replace_schema_metadata(roles.attach(batch.schema).metadata)

    def _schema_beside_the_others(self, batch: pa.RecordBatch, ids: Sequence[str]) -> pa.Schema:
        """Return the types in which new records are kept: those of the project, where they are wider."""
        import pyarrow as pa

        schema = batch.schema
        if self.there is None:
            return schema
        assert self.there.schema is not None
        try:
            whole = union_of([self.there.schema, schema])
        except CorpusError as error:
            raise ProjectError(f"{self.corpus.name}: {no_number(batch, ids, self.there.schema) or error}") from None
        for before in self.there.schema:
            wanted = whole.field(before.name).type
            if before.type != wanted:
                try:
                    self.there.column(before.name).cast(wanted)
                except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
                    raise ProjectError(
                        _does_not_fit(self.corpus.name, before.name, before.type, wanted, error)
                    ) from None
        own = pa.schema([whole.field(name) for name in schema.names])
        return Roles.of(schema).attach(own)

    def _fitted(self, batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
        import pyarrow as pa

        try:
            return fitted(batch, schema)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            kinds = ((field.name, field.type, schema.field(field.name).type) for field in batch.schema)
            name, found, wanted = next(kind for kind in kinds if kind[1] != kind[2])
            raise ProjectError(_does_not_fit(self.corpus.name, name, found, wanted, error)) from None

    def _with_label_names(self, batch: pa.RecordBatch, ids: list[str]) -> pa.RecordBatch:
        """Read the columns of labels, and keep names in the place of what stood there."""
        import numpy as np
        import pyarrow as pa

        roles = self.corpus.roles
        for column, reader in self._readers.items():
            place = partial(self._place, ids, column)
            codes = reader.codes(batch.column(column), place)
            _check_answers(batch, codes != ABSTAIN, place)
            if column == roles.label:
                self._labels += [(ids[row], int(codes[row])) for row in np.flatnonzero(codes != ABSTAIN)]
            names = pa.array(list(self.label_names), pa.large_string()).take(pa.array(codes, mask=codes == ABSTAIN))
            batch = batch.set_column(batch.schema.get_field_index(column), column, names)
        return batch

    def _place(self, ids: list[str], column: str, row: int) -> str:
        """Name the record in a row; one whose id is made from its content also by its place."""
        place = f" (number {len(self._ids) + row + 1:,})" if self.corpus.makes_ids and not self.skip_known else ""
        return f"{self.corpus.name}: record {ids[row]!r}{place}, column {column!r}"

    def _check(self, folders: list[str]) -> None:
        """Compare with the imports at the moment of the commit, those of other processes included."""
        names = self.files.journal.get(NEWEST_LABELS)
        if names is not None and names != list(self.label_names):
            raise ProjectError(
                f"{self.corpus.name}: the labels were changed to {names} while the records were read; nothing was "
                "added: try again"
            )
        others = [folder for folder in folders if folder not in self.folders and folder != self.instead_of]
        known = self.known
        if others:
            beside = self.files.corpus(others)
            assert beside.schema is not None
            assert self._written is not None
            mine = Roles.of(self._written)
            try:
                union_of([beside.schema, self._written])
                same = beside.roles.id == mine.id and (
                    not mine.text or not beside.roles.text or mine.text == beside.roles.text
                )
            except CorpusError:
                same = False
            if not same:
                raise ProjectError(
                    f"{self.corpus.name}: another process has just imported records with other columns, "
                    f"{beside.schema.names}; "
                    "give them the same columns, or try again"
                )
            known = known | set(map(str, beside.ids.to_pylist()))
        if known and not known.isdisjoint(self._ids):
            double = next(name for name in self._ids if name in known)
            if double in self.gone:
                raise ProjectError(
                    f"{self.corpus.name}: record {double!r} was removed from the project; project.undo(EVENT) brings "
                    'it back, project.answers(kind="remove") names the event; or leave it out with skip_known=True '
                    "(--skip-known)"
                )
            raise ProjectError(
                f"{self.corpus.name}: record {double!r} is in the project already; leave those out with "
                "skip_known=True (--skip-known)"
            )

    # ---- what to tell about it

    def _receipt(self, count: int) -> ImportReceipt:
        roles = self.corpus.roles
        found = {name: reader.counts() for name, reader in self._readers.items()}
        return ImportReceipt(
            count,
            self.corpus.name,
            rows=self._rows,
            columns=self._uses(found),
            labels=found.get(roles.label or "", {}),
            gold=found.get(roles.gold or "", {}),
            notes=self._notes(),
        )

    def _uses(self, counts: Mapping[str, dict[str, int]]) -> list[ColumnUse]:
        roles, corpus = self.corpus.roles, self.corpus
        assert self._raw is not None
        hidden = () if self.there is None else self.there.roles.hidden
        uses = []
        for column in self._raw:
            name = column.name
            if name == roles.id:
                uses.append(ColumnUse((name,), "id", "made from the content" if corpus.makes_ids else ""))
            elif name in roles.text:
                uses.append(ColumnUse((name,), "text"))
            elif name in counts:
                uses.append(ColumnUse((name,), "label" if name == roles.label else "gold", label_counts(counts[name])))
            elif name in hidden:
                uses.append(ColumnUse((name,), "hidden", "labels of another import; heuristics do not see it"))
            else:
                uses.append(ColumnUse((name,), _kind_of(column.type), str(column.type).removeprefix("large_")))
        ignored = [ColumnUse((name,), "ignored", "not among columns=") for name in corpus.ignored]
        lost = [ColumnUse((name,), "left out", "see below") for name in corpus.left_out]
        return joined([*uses, *ignored]) + lost

    def _notes(self) -> list[str]:
        roles, corpus = self.corpus.roles, self.corpus
        notes = [f"{name}: {note}" for name, reader in self._readers.items() for note in reader.notes()]
        notes += [
            f"{name}: {counted(count, 'label')} of records that were in the project before "
            f"{'was' if count == 1 else 'were'} not read"
            + ("; project.label_many({id: label}) sets labels of known records" if name == roles.label else "")
            for name, count in self._unread.items()
            if count
        ]
        notes += [f"{name} is left out: {reason}" for name, reason in corpus.left_out.items()]
        if self.map and not self._readers:
            notes.append("map= was not used: neither label= nor gold= names a column")
        if self.instead_of is not None and self._labels:
            notes.append(
                f"{roles.label}: {counted(len(self._labels), 'label')} did not become manual labels: records that "
                "replace others keep "
                "those that they have; project.label_many({id: label}) sets them"
            )
        if corpus.written_ids:
            notes.append(f"{roles.id}: {corpus.written_ids:,} ids were written as 1.0 and are 1")
        assert self._raw is not None
        names = [name for name in self._raw.names if name not in (roles.id, *roles.text, *roles.hidden)]
        hidden = () if self.there is None else self.there.roles.hidden
        notes += [
            f"{name} was a column of labels in another import, and its labels are not read here; label={name!r} or "
            f"gold={name!r} reads them"
            for name in names
            if name in hidden
        ]
        notes += [
            f"{name} is data that heuristics see; if it holds labels, import it with label={name!r} or gold={name!r}"
            for name in names
            if name not in hidden and name.lower() in SUSPECTS
        ]
        notes += self._numbers.notes()
        notes += self._empty.notes(roles.text)
        if corpus.likely_id is not None and self.there is None:
            name = corpus.likely_id
            notes.append(
                f"{name} is kept as data, and the ids are made from the content; if it is the id, make the project "
                f"anew and import with id={name!r} (--id {name})"
            )
        if self.there is not None:
            renamed, _ = _new_names(corpus, self._raw.names, self.there.roles)
            notes += [
                f"{old} is kept as {new}, its name in the project"
                for old, new in zip(self._raw.names, renamed, strict=True)
                if old != new
            ]
            earlier = self.there.roles
            shown = [
                name
                for name in roles.hidden
                if name in (self.there.schema.names if self.there.schema else ()) and name not in earlier.hidden
            ]
            notes += [
                f"{name} was data in an earlier import; from now on heuristics do not see it there either"
                for name in shown
            ]
        return notes


def _check_answers(batch: pa.RecordBatch, labeled: NDArray[np.bool_], place: Callable[[int], str]) -> None:
    """Refuse labels that were rejected or passed over, by a column ``answer`` as Prodigy writes it."""
    if "answer" not in batch.schema.names:
        return
    column = batch.column("answer")
    if not all(value is None or value in ANSWERS for value in (scalar.as_py() for scalar in column)):
        return  # a column that means something else
    for row, answer in enumerate(column.to_pylist()):
        if labeled[row] and answer in ("reject", "ignore"):
            raise ProjectError(
                f"{place(row)}: 'answer' is {answer!r}, so this label was not given; clear the label of such records, "
                "put the label that was meant in its place, or rename the column 'answer' if it means something else"
            )


def _does_not_fit(source: str, column: str, found: pa.DataType, wanted: pa.DataType, error: Exception) -> str:
    return (
        f"{source}: column {column!r} holds {found} in one import and {wanted} beside another, which does not hold all "
        "its values "
        f"({error}); make it one type, or leave it out: columns=[...] (--column) names the columns to keep"
    )


def _check_id(corpus: Corpus, there: StoredCorpus) -> None:
    """Refuse an id that is data in the project: records that are there would come again, with other ids."""
    name = corpus.roles.id
    if not len(there) or there.schema is None or name == there.roles.id or name not in there.schema.names:
        return
    known = "their content" if MADE_ID.fullmatch(str(there.ids[0])) else f"the column {there.roles.id!r}"
    raise ProjectError(
        f"{corpus.name}: {name!r} is to be the id, and the {len(there):,} records of the project have it as data and "
        f"ids from {known}, so that the same records would be there twice; import without id= (--id), with "
        f"skip_known=True (--skip-known) if some are there already, or make the project anew with id={name!r} "
        f"(--id {name})"
    )


def _new_names(corpus: Corpus, names: Sequence[str], there: Roles) -> tuple[list[str], Roles]:
    """Return the names of columns in a project, and the roles that go with them.

    Raises
    ------
    ProjectError
        The records have no text where the project has, or several columns of text in the place of one.
    """
    roles = corpus.roles
    text = roles.text
    renamed = {roles.id: there.id} if roles.id != there.id else {}
    if there.text and not text:
        raise ProjectError(
            f"{corpus.name}: has no column of text, and the project has {', '.join(there.text)}; name it: text=... "
            "(--text); "
            f"the columns are {', '.join(names)}"
        )
    if there.text and len(text) == len(there.text) == 1:
        renamed |= {text[0]: there.text[0]} if text != there.text else {}
        text = there.text
    elif there.text and not set(text) <= set(there.text):
        raise ProjectError(
            f"{corpus.name}: has the text columns {', '.join(text)}, the project has {', '.join(there.text)}; name the "
            "same: text=[...] (--text)"
        )
    found = [renamed.get(name, name) for name in names]
    double = next((new for old, new in renamed.items() if found.count(new) > 1), None)
    if double is not None:
        raise ProjectError(
            f"{corpus.name}: column {double!r} is the {'id' if double == there.id else 'text'} in the project and "
            "something else here; "
            "rename it, or name the same columns as before"
        )
    return found, replace(
        roles, id=there.id, text=tuple(name for name in there.text if name in text) if there.text else text
    )


def _kind_of(kind: pa.DataType) -> str:
    import pyarrow as pa

    of = pa.types
    return (
        "numeric"
        if of.is_integer(kind) or of.is_floating(kind) or of.is_boolean(kind) or of.is_decimal(kind)
        else "kept"
    )


def _without(batch: pa.RecordBatch, ids: list[str], known: AbstractSet[str]) -> tuple[pa.RecordBatch, list[str]]:
    import pyarrow as pa

    if known.isdisjoint(ids):
        return batch, ids
    new = [name not in known for name in ids]
    return batch.filter(pa.array(new, pa.bool_())), list(compress(ids, new))


def _count(found: tuple[pa.RecordBatch, list[str]]) -> int:
    return len(found[1])


def adopt(work: Workspace, /, folder: str | None = None) -> int:
    """Take in imports that stand in the folder and that the database does not know; return the number of records.

    That is so after an older database was put back. Opening the project names them.

    Parameters
    ----------
    folder : of one import, by default all of them

    Raises
    ------
    ProjectError
        There is none, a part of it is damaged, or one of its records is in the project already.

    Examples
    --------
    >>> import tempfile, weaklab
    >>> project = weaklab.Project(tempfile.mkdtemp(), labels=["ham", "spam"])
    >>> project.adopt()
    0
    """
    found = [held for held in work.files.unknown_imports() if folder in (None, held.folder.name)]
    if folder is not None and not found:
        known = (
            "the database knows it already"
            if folder in work.files.imports()
            else "there is no such folder with records"
        )
        raise ProjectError(
            f"{work.path / 'corpus' / folder}: {known}; wanted the name of an import that the database does not know"
        )
    count = 0
    for held in found:
        work.refresh()
        work.journal.must_be_writable()
        work.files.guard.trust(held)
        corpus = StoredCorpus(work.path, [held.folder], work.files.guard)
        there = work.corpus if work.has_records else None
        taken = Import(work.files, corpus, work.folders, there, work.imported.keys(), work.label_names, False)
        count += taken.adopt(held, work.session_id)
    work.refresh()
    return count
