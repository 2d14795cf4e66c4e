"""Records of the table as dicts, as an Arrow table, and as values to sort by."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.core.labels import ABSTAIN
from weaklab.corpus.records import Columns

if TYPE_CHECKING:
    import pyarrow as pa

    from weaklab.project.record_values import RecordValues, Rows


def as_dicts(values: RecordValues, rows: Rows) -> Iterator[dict[str, Any]]:
    """Yield the records at these row numbers, in their order, as :class:`weaklab.project.records.RecordTable` does."""
    for part, batch in values.batches(rows):
        yield from _batch_dicts(values, part, batch)


def _batch_dicts(values: RecordValues, rows: Rows, batch: pa.RecordBatch) -> Iterator[dict[str, Any]]:
    labels = values.project.label_names
    P, (votes, *_), roles = values.opinions.P[rows], values.opinions, values.roles
    besides = [n for n in batch.schema.names if n != roles.id and roles.text != (n,)]
    texts = Columns(batch).text if roles.text else [None] * len(rows)
    ids, others, reasons = (
        values.ids.take(rows).to_pylist(),
        batch.select(besides).to_pylist(),
        values.reasons(rows),
    )
    for i, row in enumerate(rows.tolist()):
        yield {
            "id": ids[i],
            "text": texts[i],
            "label": labels.name(int(values.codes[row])),
            "confidence": float(values.confidence[row]),
            "manual": bool(values.opinions.manual[row]),
            "reason": reasons[i],
            "probabilities": dict(zip(labels, P[i].tolist(), strict=True)),
            "votes": {
                name: labels[code]
                for name, code in zip(votes.names, votes.L[row].tolist(), strict=True)
                if code != ABSTAIN
            },
            "columns": others[i] if besides else {},
        }


def as_arrow(values: RecordValues, rows: Rows) -> pa.Table:
    """Return the records at these row numbers, in their order: their columns, then what is computed of them."""
    import pyarrow as pa

    parts = [_whole(values, part, batch) for part, batch in values.batches(rows)]
    if not parts:
        corpus = values.corpus
        columns = pa.table({"id": pa.array([], pa.large_string())}) if corpus is None else corpus.take([])
        parts = [_whole(values, np.empty(0, np.int64), columns)]
    return pa.concat_tables(parts)


def _whole(values: RecordValues, rows: Rows, records: pa.RecordBatch | pa.Table) -> pa.Table:
    import pyarrow as pa

    more = _computed(values, rows)
    names = _free_names(records.schema.names, more)
    return pa.table([*records.columns, *more.values()], names=[*names, *more])


def _computed(values: RecordValues, rows: Rows) -> dict[str, pa.Array]:
    """Return column -> what the committee and people say of these records."""
    import pyarrow as pa

    votes, P, manual, _ = values.opinions
    labels = values.project.label_names
    found = {
        "label": _named(labels, values.codes[rows]),
        "confidence": pa.array(values.confidence[rows]),
        "manual": pa.array(manual[rows]),
        "reason": pa.array(values.reasons(rows), pa.string()),
    }
    found |= {f"p_{name}": pa.array(P[rows, c]) for c, name in enumerate(labels)}
    return found | {f"vote_{name}": _named(labels, votes.L[rows, j]) for j, name in enumerate(votes.names)}


def _named(labels: Sequence[str], codes: Any) -> pa.Array:
    """Return the labels of codes, null for -1."""
    import pyarrow as pa

    return pa.array(list(labels), pa.string()).take(pa.array(codes, mask=codes == ABSTAIN))


def _free_names(names: Sequence[str], taken: Collection[str]) -> list[str]:
    """Return names of columns that are not taken, each with ``record_`` before it where it is.

    >>> _free_names(["id", "label", "record_label"], ["label"])
    ['id', 'record_record_label', 'record_label']
    """
    found = []
    for name in names:
        free = name
        while free in taken or (free != name and free in names):
            free = f"record_{free}"
        found.append(free)
    return found


def sort_keys(values: RecordValues, by: str, rows: Rows) -> Any:
    """Return what the records at these row numbers are sorted by: ``confidence``, ``label``, ``id`` or a column."""
    import pyarrow as pa

    if by == "confidence":
        return pa.array(values.confidence[rows])
    if by == "label":
        codes = values.codes[rows]
        return pa.array(codes, mask=codes == ABSTAIN)
    if values.corpus is None:
        return pa.nulls(0)
    return (values.corpus.ids if by == "id" else values.corpus.column(values.column_name(by))).take(pa.array(rows))
