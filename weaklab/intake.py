"""New records on their way into a project: checked, and brought into the form of the records that are there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from weaklab.base import ABSTAIN, LabelNames, ProjectError, UnknownLabelError
from weaklab.corpus import Corpus, ids_of
from weaklab.store import LABEL, Event, Found, Store

if TYPE_CHECKING:
    import pyarrow as pa

IMPORTED = "import"
"""The annotator of manual labels that came with the records."""


@dataclass
class Intake:
    """One import.

    Attributes
    ----------
    store : of the project
    corpus : the new records
    folders : the imports that are there already
    schema : of the records that are there, None for the first import
    known : ids of the records that are there
    label_names : of the project
    skip_known : leave out records whose id is there, instead of raising
    instead_of : the import in whose place these records come, None for a new one; the manual labels of that import stay as they are
    """

    store: Store
    corpus: Corpus
    folders: Sequence[str]
    schema: pa.Schema | None
    known: frozenset[str]
    label_names: LabelNames
    skip_known: bool
    instead_of: str | None = None
    _ids: list[str] = field(default_factory=list)
    _labels: list[tuple[str, str]] = field(default_factory=list)
    _written: pa.Schema | None = None

    def run(self, session: str) -> int:
        """Write the records and the manual labels that come with them, all or nothing; return how many are new."""

        def events() -> list[Event]:
            if self.instead_of is not None:
                return []  # they came with the import that is replaced, and people may have answered since
            return [Event(LABEL, record, name, annotator=IMPORTED, session=session) for record, name in self._labels]

        return self.store.add_import(self._batches(), self.corpus.name, self._check, events, self.instead_of)

    def adopt(self, found: Found, session: str) -> int:
        """Take in an import that stands in the folder and not in the database; return how many records it has."""
        self._written = self.corpus.schema
        for batch in self.corpus.batches():
            ids = ids_of(self._like_the_others(batch))
            self._ids += ids
            if self.corpus.roles.label is not None:
                self._labels += self._manual(batch, ids, self.corpus.roles.label)
        made = [Event(LABEL, record, name, annotator=IMPORTED, session=session) for record, name in self._labels]
        return self.store.adopt(found, self._check, lambda: made)

    def _batches(self) -> Iterator[pa.RecordBatch]:
        for batch in self.corpus.batches():
            batch = self._like_the_others(batch)
            if self.skip_known:
                batch = _without(batch, self.known)
            ids = ids_of(batch)
            self._ids += ids
            if self.corpus.roles.label is not None:
                self._labels += self._manual(batch, ids, self.corpus.roles.label)
            if batch.num_rows:
                self._written = batch.schema
                yield batch

    def _like_the_others(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Give a batch the columns, in order and type, of the records that are there."""
        import pyarrow as pa

        if self.schema is None:
            return batch
        if set(self.schema.names) != set(batch.schema.names):
            raise ProjectError(
                f"{self.corpus.name}: has the columns {batch.schema.names}, the project has {self.schema.names}; give them the same columns"
            )
        try:
            return batch.select(self.schema.names).cast(self.schema)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError) as error:
            raise ProjectError(f"{self.corpus.name}: a column has another type than in the project: {error}") from None

    def _manual(self, batch: pa.RecordBatch, ids: list[str], column: str) -> Iterator[tuple[str, str]]:
        for record, value in zip(ids, batch.column(column).to_pylist(), strict=True):
            try:
                code = self.label_names.parse(value)
            except UnknownLabelError as error:
                raise UnknownLabelError(f"{self.corpus.name}: record {record!r}, column {column!r}: {error}") from None
            if code != ABSTAIN:
                yield record, str(self.label_names.name(code))

    def _check(self, folders: list[str]) -> None:
        """Compare with the imports at the moment of the commit, those of other processes included."""
        others = [folder for folder in folders if folder not in self.folders and folder != self.instead_of]
        known = self.known
        if others:
            there = self.store.corpus(others)
            if there.schema != self._written:
                raise ProjectError(
                    f"{self.corpus.name}: another process has just imported records with other columns, {there.schema}; "
                    "give them the same columns, or try again"
                )
            known = known | {str(name) for name in there.ids.to_pylist()}
        double = next((name for name in self._ids if name in known), None)
        if double is not None:
            raise ProjectError(
                f"{self.corpus.name}: record {double!r} is in the project already; leave those out with skip_known=True (--skip-known)"
            )


def _without(batch: pa.RecordBatch, known: frozenset[str]) -> pa.RecordBatch:
    import pyarrow as pa

    return batch.filter(pa.array([name not in known for name in ids_of(batch)], pa.bool_()))
