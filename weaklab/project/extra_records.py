"""Records outside the corpus that a person labels: from a stream, or made up; the committee learns from them, no export
shows them.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from weaklab.core.errors import WeaklabError
from weaklab.corpus import Columns, Corpus, Roles, ids_of, record_id
from weaklab.exchange import read

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from weaklab.project.journal import Journal

    Predict = Callable[[pa.RecordBatch], NDArray[np.float64]]

STREAM, SYNTHETIC = "stream", "synthetic"
"""Where a record outside the corpus comes from."""
PARENTS = 2000
"""Synthetic records are made of so many records at most, drawn by their ids."""


class ExtraRecords:
    """The records of a project that are no part of its corpus.

    Attributes
    ----------
    ids : their ids, oldest first
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._held: dict[str, bytes] = {}
        self._last = 0
        self.sync()

    def sync(self) -> None:
        """Read what was added since, by this process or another."""
        for number, name, _, data in self._journal.extra_records(self._last):
            self._last, self._held[name] = number, data

    @property
    def ids(self) -> list[str]:
        return list(self._held)

    def __contains__(self, name: object) -> bool:
        return name in self._held

    def add(self, kind: str, batch: pa.RecordBatch) -> None:
        """Keep the records of a batch, ``stream`` or ``synthetic``; when this returns they are on disk."""
        self._journal.add_extra_records(
            (name, kind, _packed(batch.slice(row, 1))) for row, name in enumerate(ids_of(batch))
        )
        self.sync()

    def batch(self, ids: Sequence[str], corpus: Corpus) -> pa.RecordBatch:
        """Return some of them in the form of the records of a corpus; columns that they do not have are empty."""
        return as_batch([row for name in ids for row in _unpacked(self._held[name])], corpus)


def _packed(batch: pa.RecordBatch) -> bytes:
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue().to_pybytes())


def _unpacked(data: bytes) -> list[dict[str, Any]]:
    import pyarrow as pa

    with pa.ipc.open_stream(data) as reader:
        return list(reader.read_all().to_pylist())


def as_batch(rows: Sequence[Mapping[str, Any]], corpus: Corpus) -> pa.RecordBatch:
    """Return rows of columns as a batch of the corpus's schema; a column that a row does not have is empty.

    Raises
    ------
    WeaklabError
        A value does not fit the type of its column.
    """
    import pyarrow as pa

    schema = corpus_schema(corpus)
    place = schema.get_field_index(corpus.roles.id)
    schema = schema.set(place, schema.field(place).with_type(pa.string()))  # ids of elsewhere are texts
    whole = [{name: row.get(name) for name in schema.names} for row in rows]
    try:
        return pa.RecordBatch.from_pylist(whole, schema=schema)
    except (
        pa.ArrowInvalid,
        pa.ArrowTypeError,
        pa.ArrowNotImplementedError,
        TypeError,
        ValueError,
        OverflowError,
    ) as error:
        kinds = ", ".join(f"{field.name} {field.type}" for field in schema)
        raise WeaklabError(f"a record does not have the types of {corpus.name}, {kinds}: {error}") from None


def as_row(record: Any, corpus: Corpus) -> tuple[str, dict[str, Any]]:
    """Return the id and the columns of a record from elsewhere: a text, a dict or a :class:`weaklab.corpus.Record`.

    A record without an id gets one that is made from its content.

    Raises
    ------
    WeaklabError
        It is something else, or has none of the columns of the corpus.
    """
    roles = corpus.roles
    if isinstance(record, str):
        if len(roles.text) != 1:
            raise WeaklabError(
                f"a record of {corpus.name} has the text columns {list(roles.text)}; give a dict of columns, not a text"
            )
        record = {roles.text[0]: record}
    columns = {name: record[name] for name in record.keys()} if hasattr(record, "keys") else None  # noqa: SIM118 - a Record is no dict
    wanted = [*roles.text] or [name for name in corpus_schema(corpus).names if name != roles.id]
    if columns is None or not any(name in columns for name in wanted):
        raise WeaklabError(f"a record must be a text or a dict with the columns {wanted}, got {record!r}")
    name = columns.pop(roles.id, None)
    if name is None:
        plain = json.dumps(columns, sort_keys=True, default=repr)
        name = hashlib.blake2b(plain.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
    return record_id(name), columns


def synthesized(
    corpus: Corpus, predict: Predict, P: NDArray[np.float64], keys: NDArray[np.uint64], n: int, seed: int
) -> list[tuple[str, dict[str, Any], str]]:
    """Make records near the decision boundary of a committee: id, columns, and of which records they are made.

    Splices of two texts where the corpus has one text column, points between two records in its numeric columns
    otherwise.
    """
    import numpy as np

    from weaklab.scheduling.scheduler import lowest
    from weaklab.scheduling.synthesis import interpolate_records, splice_texts
    from weaklab.strategies import uniform

    roles = corpus.roles
    rows = np.sort(lowest(uniform(keys, seed), np.arange(len(keys)), PARENTS))
    batch = corpus.take(rows).combine_chunks().to_batches()[0]
    ids = ids_of(batch)

    def proba(made: Sequence[Any]) -> NDArray[np.float64]:
        return predict(
            as_batch(
                [{**(r if isinstance(r, dict) else {roles.text[0]: r}), roles.id: str(i)} for i, r in enumerate(made)],
                corpus,
            )
        )

    if len(roles.text) == 1:
        splices = splice_texts(proba, list(Columns(batch).text), P[rows], n, seed, keys[rows])
        return [
            (s.id, {roles.text[0]: s.text}, f"the start of {ids[s.parents[0]]} and the end of {ids[s.parents[1]]}")
            for s in splices
        ]
    hidden = {roles.label, roles.gold}
    plain = [{name: value for name, value in row.items() if name not in hidden} for row in batch.to_pylist()]
    points = interpolate_records(proba, plain, P[rows], n, seed, keys[rows], id=roles.id)
    return [
        (p.id, p.record, f"{1 - p.t:.0%} of {ids[p.parents[0]]} and {p.t:.0%} of {ids[p.parents[1]]}") for p in points
    ]


def corpus_schema(corpus: Corpus) -> pa.Schema:
    """Return the columns of a corpus, with their types and roles."""
    return corpus.schema if corpus.schema is not None else next(corpus.batches()).schema


def as_corpus(table: pa.Table | pa.RecordBatch) -> Corpus:
    """Return records that have roles already as a corpus."""
    import pyarrow as pa

    if isinstance(table, pa.RecordBatch):
        table = pa.Table.from_batches([table])

    roles = Roles.of(table.schema)
    return read(table, text=list(roles.text), id=roles.id, label=roles.label, gold=roles.gold)
