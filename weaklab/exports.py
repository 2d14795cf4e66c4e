"""Labels as Parquet, CSV or JSONL."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from weaklab.base import ProjectError
from weaklab.corpus import Corpus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    import pandas as pd
    import pyarrow as pa


def checked_columns(include: Sequence[str], taken: Iterable[str]) -> Sequence[str]:
    """Return ``include``, or raise a ProjectError if one of its columns has the name of a column of labels."""
    for name in include:
        if name in set(taken):
            raise ProjectError(f"column {name!r} is among the labels already; leave it out of include")
    return include


def labels_table(frame: pd.DataFrame, corpus: Corpus, include: Sequence[str]) -> pa.Table:
    """Return the frame of :meth:`weaklab.Project.labels` as Arrow, ids in their own type, with columns of the records."""
    import pyarrow as pa

    table = pa.Table.from_pandas(frame, preserve_index=False)
    table = table.set_column(1, "label", pa.array(frame["label"].tolist(), pa.string()))
    shared = table.schema.get_field_index("shared_from")
    table = table.set_column(shared, "shared_from", pa.array(frame["shared_from"].tolist(), corpus.ids.type))
    table = table.set_column(0, frame.columns[0], corpus.ids)
    for place, name in enumerate(checked_columns(include, frame.columns), 1):
        table = table.add_column(place, name, corpus.column(name))
    return table


def _write_parquet(table: pa.Table, path: Path) -> None:
    import pyarrow.parquet as pq

    pq.write_table(table, path)


def _write_csv(table: pa.Table, path: Path) -> None:
    from pyarrow import csv

    csv.write_csv(table, path)


def _write_jsonl(table: pa.Table, path: Path) -> None:
    with open(path, "w", encoding="utf-8") as stream:
        for batch in table.to_batches(max_chunksize=10_000):
            stream.writelines(json.dumps(row, ensure_ascii=False, default=str) + "\n" for row in batch.to_pylist())


WRITERS: dict[str, Callable[[Any, Path], None]] = {".parquet": _write_parquet, ".csv": _write_csv, ".jsonl": _write_jsonl}
"""How a table is written to a file, by the suffix of its name."""
