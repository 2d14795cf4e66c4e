"""Records that are put right: updated, removed, given another gold label; each change is an event and can be undone."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from weaklab.core.errors import CorpusError, HeuristicError, ProjectError, did_you_mean
from weaklab.core.events import GOLD, LABEL, REMOVE, UNDO, UPDATE, Event
from weaklab.core.label_reader import LabelReader, stands_for_nothing, written
from weaklab.core.labels import ABSTAIN
from weaklab.core.progress import tracked
from weaklab.core.tables import counted, some_of
from weaklab.corpus import Corpus, Roles, ids_of, record_id
from weaklab.corpus.records import Record
from weaklab.corpus.union import fitted, union_of
from weaklab.exchange import open_corpus
from weaklab.exchange.file_options import FileKeywords
from weaklab.project.answering import append
from weaklab.project.imports import IMPORTED
from weaklab.project.number_columns import no_number
from weaklab.project.record_changes import RecordChanges, way_back
from weaklab.project.record_content import holds
from weaklab.project.workspace import name_of
from weaklab.scheduling.asks import Ask

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from weaklab.heuristics.expressions import Expression
    from weaklab.project.journal import ImportRow
    from weaklab.project.workspace import Workspace

_DID = {UPDATE: "updated", REMOVE: "removed", GOLD: "set the gold label of"}


@dataclass(frozen=True)
class RecordChange:
    """What was done with records.

    Attributes
    ----------
    kind : ``update``, ``remove`` or ``gold``
    records : how many
    event : its number, which ``project.undo(event)`` takes back; None where there was nothing to do
    to_review : how many of the records have a label and another text than before, see
        :meth:`weaklab.Project.to_review`
    columns : the columns that an update gave
    new_columns : those of them that the project did not have -> a question about one with a similar name, or ""
    """

    kind: str
    records: int
    event: int | None
    to_review: int = 0
    columns: tuple[str, ...] = ()
    new_columns: Mapping[str, str] = field(default_factory=dict)

    @property
    def columns_in_words(self) -> str:
        """Which columns an update gave, and which of them are new."""
        new = [f"{name} ({asked})" if asked else name for name, asked in self.new_columns.items()]
        known = [name for name in self.columns if name not in self.new_columns]
        found = [f"updated {_columns(known)}: {some_of(known)}"] if known else []
        return "; ".join([*found, *([f"new {_columns(new)}: {some_of(new)}"] if new else [])])

    def __repr__(self) -> str:
        if self.event is None:
            return "nothing to change"
        more = f"; {self.to_review:,} with a label to review: project.to_review()" if self.to_review else ""
        count = counted(self.records, "record")
        new = f"; {self.columns_in_words}" if self.new_columns else ""
        return f"{_DID[self.kind]} {count} (event {self.event}; project.undo({self.event}) takes it back){more}{new}"


def _columns(names: Sequence[str]) -> str:
    return "column" if len(names) == 1 else "columns"


# ---- removing


def remove_records(
    work: Workspace, /, ids: Any = None, *, where: Expression | str | None = None, annotator: str | None = None
) -> RecordChange:
    """Take records out of the project: they are in no votes, labels, exports and estimates, and nobody is asked.

    Their labels are kept, and are back with the record when the removal is undone. The id stays taken.

    Parameters
    ----------
    ids : of the records, or records; one or several
    where : a condition on the columns, as for ``project.records.where``: ``col("n") > 3``, or as text
        ``"'prize' in text"``
    annotator : who does it, by default the project's annotator

    Raises
    ------
    ProjectError
        There is no such record, or neither ids nor a condition are given. Nothing is removed then.

    Examples
    --------
    >>> import tempfile, weaklab
    >>> project = weaklab.Project(tempfile.mkdtemp(), labels=["ham", "spam"])
    >>> _ = project.add_records(["win a prize", "lunch at noon", "prize draw today"], quiet=True)
    >>> project.remove_records(where="'prize' in text")
    removed 2 records (event 1; project.undo(1) takes it back)
    >>> len(project), project.undo().kind, len(project)
    (1, 'remove', 3)
    """
    if (ids is None) == (where is None):
        raise ProjectError("remove_records() takes ids or where=, one of the two")
    work.journal.must_be_writable()
    work.refresh()
    names = _names(work, ids) if where is None else _matching(work, where)
    if not names:
        return RecordChange(REMOVE, 0, None)
    return _changed(work, REMOVE, len(names), {"ids": names}, annotator)


def _names(work: Workspace, ids: Any) -> list[str]:
    """Return the ids of records that the project must have, each once."""
    if callable(getattr(ids, "ids", None)):
        ids = ids.ids()  # a table of records
    one = isinstance(ids, (str, bytes, Ask, Record)) or not isinstance(ids, Iterable)
    names = list(dict.fromkeys(name_of(each) for each in ([ids] if one else ids)))
    _check_known(work, names, "remove_records()")
    return names


def _check_known(work: Workspace, names: Sequence[str], source: str) -> None:
    missing = [name for name in names if name not in work.rows]
    if not missing:
        return
    if missing[0] in work.snapshot.gone:
        back = way_back(work.path, work.changes, missing[0])
        raise ProjectError(f"{source}: record {missing[0]!r} was removed from the project; {back}")
    hint = did_you_mean(missing[0], list(work.rows)[:10_000])
    others = f" and {len(missing) - 1:,} more" if len(missing) > 1 else ""
    raise ProjectError(
        f"{source}: no record {missing[0]!r}{others} in the project;{hint} wanted ids of records that are there; "
        "add_records() (`weaklab import`) adds others"
    )


def _matching(work: Workspace, where: Expression | str) -> list[str]:
    """Return the ids of the records for which a condition holds."""
    from weaklab.heuristics.expression_text import expression_from_text
    from weaklab.heuristics.expressions import Expression
    from weaklab.heuristics.functions import shortened

    columns = [] if work.corpus.schema is None else work.corpus.schema.names
    found: Any = expression_from_text(where, columns) if isinstance(where, str) else where
    if not isinstance(found, Expression) or found.kind not in (None, "truth"):
        raise HeuristicError(f"where= needs a condition, such as col('n') > 3, got {shortened(where)}")
    corpus = work.corpus
    assert corpus.schema is not None
    known = ("id", "text", *corpus.schema.names)
    unknown = next((name for name in found.columns() if name not in known), None)
    if unknown is not None:
        raise CorpusError(f"{corpus.name} has no column {unknown!r};{did_you_mean(unknown, known)} there are {known}")
    return [
        name
        for batch in corpus.batches()
        for name, fits in zip(ids_of(batch), holds(found, batch, corpus.roles).tolist(), strict=True)
        if fits
    ]


def _changed(work: Workspace, kind: str, count: int, value: dict[str, Any], annotator: str | None) -> RecordChange:
    """Store a change of records and take it over."""
    by = annotator or work.annotator
    stored = append(work, [Event(kind, value=value, annotator=by, session=work.session_id)])[0]
    work.refresh()
    return RecordChange(kind, count, stored.id)


# ---- gold labels


def set_gold(
    work: Workspace,
    /,
    data: Any,
    *,
    gold: str | None = None,
    id: str | None = None,
    map: Mapping[Any, Any] | None = None,
    annotator: str | None = None,
    **options: Unpack[FileKeywords],
) -> RecordChange:
    """Set the gold labels of records, with which the labels are measured; no heuristic votes anew.

    Parameters
    ----------
    data : id -> label name, a pandas Series of labels whose index are ids, or a table, such as a file, with a column
        of ids and one of gold labels; nothing, NaN and -1 take the gold label away
    gold, id : the columns of a table, by default ``gold`` and that of the project
    map : value -> label name, such as ``{"1": "spam"}``
    annotator : who does it, by default the project's annotator
    options : how files are to be read, as for :meth:`add_records`

    Raises
    ------
    ProjectError, UnknownLabelError
        There is no such record or label. Nothing is set then.

    Examples
    --------
    >>> import tempfile, weaklab
    >>> project = weaklab.Project(tempfile.mkdtemp(), labels=["ham", "spam"])
    >>> _ = project.add_records([{"id": "a", "text": "win a prize"}, {"id": "b", "text": "lunch"}], quiet=True)
    >>> project.set_gold({"a": "spam"})
    set the gold label of 1 record (event 1; project.undo(1) takes it back)
    >>> project.corpus.gold()
    ['spam', None]
    """
    work.journal.must_be_writable()
    work.refresh()
    if type(data).__name__ == "Series" and hasattr(data, "to_dict"):
        data = data.to_dict()
    if isinstance(data, Mapping):
        pairs = {record_id(name): value for name, value in data.items()}
        labels = _label_names(work, pairs, map)
    else:
        labels = _labels_of_table(work, data, gold, id, map, options)
    _check_known(work, list(labels), "set_gold()")
    if not labels:
        return RecordChange(GOLD, 0, None)
    return _changed(work, GOLD, len(labels), {"labels": labels}, annotator)


def _label_names(work: Workspace, pairs: Mapping[str, Any], map: Mapping[Any, Any] | None) -> dict[str, str | None]:
    import pyarrow as pa

    names = list(pairs)
    texts = [written(value) for value in pairs.values()]
    values = pa.array([None if stands_for_nothing(text) and not map else text for text in texts], pa.large_string())
    codes = LabelReader(work.label_names, map).codes(values, lambda row: f"set_gold(): record {names[row]!r}")
    return dict(zip(names, (work.label_names.name(code) for code in codes.tolist()), strict=True))


def _labels_of_table(
    work: Workspace, data: Any, gold: str | None, id: str | None, map: Mapping[Any, Any] | None, options: FileKeywords
) -> dict[str, str | None]:
    corpus = open_corpus(data, text=[], id=id, gold=gold or "gold", like=work.corpus.roles, **options)
    _needs_ids(corpus)
    reader = LabelReader(work.label_names, map)
    found: dict[str, str | None] = {}
    for batch, ids in corpus.batches_with_ids():
        place = partial(_place, corpus.name, ids, gold or "gold")
        codes = reader.codes(batch.column(gold or "gold"), place)
        found |= zip(ids, (work.label_names.name(code) for code in codes.tolist()), strict=True)
    return found


def _place(source: str, ids: Sequence[str], column: str, row: int) -> str:
    return f"{source}: record {ids[row]!r}, column {column!r}"


def _needs_ids(corpus: Corpus) -> None:
    if corpus.makes_ids:
        raise ProjectError(
            f"{corpus.name}: has no column of ids, so that it is not known which records are meant; name it: id=... "
            "(--id)"
        )


# ---- updating


def update_records(
    work: Workspace,
    /,
    data: Any,
    *,
    text: str | Sequence[str] | None = None,
    id: str | None = None,
    label: str | None = None,
    gold: str | None = None,
    columns: Sequence[str] | None = None,
    map: Mapping[Any, Any] | None = None,
    annotator: str | None = None,
    progress: bool = False,
    **options: Unpack[FileKeywords],
) -> RecordChange:
    """Give records of the project another text, other columns, gold labels, or columns that they did not have.

    Takes what :meth:`add_records` takes; each id must be there. Columns that the data does not have stay as they are.
    Heuristics vote anew on these records only, unless a column comes that no record had: then those vote on all records
    that read this column or the whole record, and the others keep their votes.
    Manual labels stay; those of records whose text is another one now are listed by :meth:`to_review`. Where records
    have no text, that is so for any column that heuristics see.

    An update holds whole records: undoing one leaves what later updates of the same record say.

    Raises
    ------
    CorpusError, ProjectError, UnknownLabelError
        An id is not there, or a value does not fit. Nothing has been changed then.

    Examples
    --------
    >>> import tempfile, weaklab
    >>> project = weaklab.Project(tempfile.mkdtemp(), labels=["ham", "spam"], timeout=None)
    >>> _ = project.add_records([{"id": "a", "text": "win a prize"}, {"id": "b", "text": "lunch"}], quiet=True)
    >>> _ = project.label("a", "spam")
    >>> project.update_records([{"id": "a", "text": "win a match"}])
    updated 1 record (event 2; project.undo(2) takes it back); 1 with a label to review: project.to_review()
    >>> project.corpus.column("text").to_pylist()
    ['win a match', 'lunch']
    """
    work.journal.must_be_writable()
    work.refresh()
    roles: dict[str, Any] = {"id": id, "label": label, "gold": gold, "columns": columns, "like": work.corpus.roles}
    roles |= options
    corpus = open_corpus(data, text=text, **roles)
    if text is None and corpus.roles.text != work.corpus.roles.text and not isinstance(data, Corpus):
        corpus = open_corpus(data, text=[], **roles)  # no column of text is given: none is to be guessed
    _needs_ids(corpus)
    while True:
        update = _Update(work, corpus, map, annotator or work.annotator, progress)
        try:
            stored = work.files.add_update(update.batches(), corpus.name, update.events)
        except _OthersChangedError:
            work.refresh()
            continue
        break
    work.refresh()
    if not stored:
        return RecordChange(UPDATE, 0, None)
    y, rows = work.snapshot.y, work.at(update.changed)
    to_review = int((y[rows] != ABSTAIN).sum())
    return RecordChange(UPDATE, len(update.ids), stored[0].id, to_review, tuple(update.columns), update.new)


class _OthersChangedError(Exception):
    """Another process has changed records while an update was made."""


@dataclass
class _Update:
    """An update while it is made: whole rows, of what the records are and what is given."""

    work: Workspace
    corpus: Corpus
    map: Mapping[Any, Any] | None
    annotator: str
    progress: bool
    ids: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    labels: list[tuple[str, str]] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    new: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.there = self.work.corpus
        self.base = self.work.changes.event
        roles = self.corpus.roles
        readers = (name for name in (roles.label, roles.gold) if name is not None)
        self.gold = self.there.gold() if len(self.there.gold_columns) > 1 else None
        self.readers = {name: LabelReader(self.work.label_names, self.map) for name in readers}

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows as they are after the update."""
        schema: pa.Schema | None = None
        found = tracked(self.corpus.batches_with_ids(), self.progress, None, "updating", "records", lambda f: len(f[1]))
        for batch, ids in found:
            _check_known(self.work, ids, self.corpus.name)
            batch = self._named(self._with_label_names(batch, ids))
            if schema is None:
                schema = self._schema(batch, ids)
            self.ids += ids
            yield self._merged(batch, ids, schema)

    def events(self, row: ImportRow) -> list[Event]:
        """Return the event of the update and those of labels that come with it."""
        if RecordChanges.of(self.work.journal).event != self.base:
            raise _OthersChangedError
        session = self.work.session_id
        value = {
            "folder": row.folder,
            "source": row.source,
            "parts": json.loads(row.parts or "[]"),
            "ids": self.ids,
            "changed": self.changed,
            "labels": len(self.labels),
        }
        labels = [Event(LABEL, name, label, annotator=IMPORTED, session=session) for name, label in self.labels]
        return [Event(UPDATE, value=value, annotator=self.annotator, session=session), *labels]

    def _with_label_names(self, batch: pa.RecordBatch, ids: list[str]) -> pa.RecordBatch:
        import pyarrow as pa

        names = pa.array(list(self.work.label_names), pa.large_string())
        for column, reader in self.readers.items():
            codes = reader.codes(batch.column(column), partial(_place, self.corpus.name, ids, column))
            if column == self.corpus.roles.label:
                given = np.flatnonzero(codes != ABSTAIN)
                self.labels += [(ids[row], self.work.label_names[int(codes[row])]) for row in given]
            place = batch.schema.get_field_index(column)
            batch = batch.set_column(place, column, names.take(pa.array(codes, mask=codes == ABSTAIN)))
        return batch

    def _named(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Give the id, text and gold columns the names that they have in the project."""
        mine, there = self.corpus.roles, self.there.roles
        renamed = {mine.id: there.id}
        if len(mine.text) == len(there.text) == 1:
            renamed[mine.text[0]] = there.text[0]
        if mine.gold and there.gold:
            renamed[mine.gold] = there.gold
        names = [renamed.get(name, name) for name in batch.schema.names]
        if len(set(names)) != len(names):
            double = next(name for name in names if names.count(name) > 1)
            raise ProjectError(f"{self.corpus.name}: two columns would be {double!r} in the project; leave one out")
        roles = Roles(there.id, there.text, mine.label, there.gold or mine.gold, there.hidden)
        return batch.rename_columns(names).replace_schema_metadata(roles.attach(batch.schema).metadata)

    def _schema(self, batch: pa.RecordBatch, ids: Sequence[str]) -> pa.Schema:
        import pyarrow as pa

        there = self.there.schema
        assert there is not None
        given = [column for column in batch.schema if column.name != self.there.roles.id]
        self.columns = [column.name for column in given]
        self.new = {name: did_you_mean(name, there.names).strip() for name in self.columns if name not in there.names}
        try:
            return union_of([there, pa.schema(given, batch.schema.metadata)])
        except CorpusError as error:
            raise ProjectError(f"{self.corpus.name}: {no_number(batch, ids, there) or error}") from None

    def _merged(self, batch: pa.RecordBatch, ids: list[str], schema: pa.Schema) -> pa.RecordBatch:
        """Return the records as they are, with the columns of a batch in the place of theirs."""
        import pyarrow as pa

        rows = np.array([self.work.rows[name] for name in ids], dtype=np.int64)
        [before] = self.there.take(rows).combine_chunks().to_batches()
        if self.gold is not None:
            place, values = before.schema.get_field_index(self.there.roles.gold), [self.gold[row] for row in rows]
            before = before.set_column(place, before.schema.field(place), pa.array(values, before.schema.types[place]))
        try:
            merged = fitted(before, schema)
            for name in batch.schema.names:
                if name != self.there.roles.id:
                    place, kind = schema.get_field_index(name), schema.field(name)
                    merged = merged.set_column(place, kind, batch.column(name).cast(kind.type))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise ProjectError(f"{self.corpus.name}: a value does not fit its column in the project: {error}") from None
        self._note_changed(fitted(before, schema), merged, ids)
        return merged.replace_schema_metadata(schema.metadata)

    def _note_changed(self, before: pa.RecordBatch, after: pa.RecordBatch, ids: list[str]) -> None:
        """Note the records of which people see another text now."""
        roles = Roles.of(after.schema)
        names = roles.text or [name for name in after.schema.names if name not in (roles.id, *roles.hidden)]
        others = [(before.column(name).to_pylist(), after.column(name).to_pylist()) for name in names]
        self.changed += [name for i, name in enumerate(ids) if any(repr(old[i]) != repr(new[i]) for old, new in others)]


# ---- labels on a changed text


def to_review(work: Workspace, /) -> pd.DataFrame:
    """Return the labels of records that were updated after they were labeled: ``record``, ``label``, ``annotator``,
    ``labeled_at``, ``changed_at`` and ``event``, the number of the update.

    A label that is given to the record after the update, the same or another one, takes it off the list.

    Examples
    --------
    >>> import tempfile, weaklab
    >>> project = weaklab.Project(tempfile.mkdtemp(), labels=["ham", "spam"], timeout=None)
    >>> _ = project.add_records([{"id": "a", "text": "win a prize"}], quiet=True)
    >>> _ = project.label("a", "spam", annotator="Ann")
    >>> _ = project.update_records([{"id": "a", "text": "win a match"}])
    >>> project.to_review()[["record", "label", "annotator"]].values.tolist()
    [['a', 'spam', 'Ann']]
    >>> _ = project.relabel("a", "ham")
    >>> len(project.to_review())
    0
    """
    import pandas as pd

    work.refresh()
    changed = {name: event for event in work.changes.updates for name in event.value["changed"] if name in work.rows}
    events = work.journal.events_of(list(changed))
    undone = {event.undoes for event in events if event.kind == UNDO}
    last: dict[str, dict[str, Event]] = {}
    for event in events:
        if event.kind == LABEL and event.id not in undone:
            last.setdefault(event.record, {})[event.annotator] = event
    rows = [
        (
            record,
            work.label_history.name_now(by.value, by.id),
            by.annotator,
            by.at,
            changed[record].at,
            changed[record].id,
        )
        for record, labels in last.items()
        if all(by.id < changed[record].id for by in labels.values())
        for by in labels.values()
    ]
    rows.sort(key=lambda row: work.rows[str(row[0])])
    return pd.DataFrame(rows, columns=["record", "label", "annotator", "labeled_at", "changed_at", "event"])
