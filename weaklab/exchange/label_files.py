"""The labels of a project as a table for export."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weaklab.core.errors import ProjectError
from weaklab.corpus import Corpus

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd
    import pyarrow as pa


TEXT = "text"


def checked_columns(include: Sequence[str], corpus: Corpus, taken: Iterable[str] = ()) -> list[str]:
    """Return the columns that ``include`` names; "text" stands for the columns of text where none is called so.

    Raises a ProjectError if one of them has the name of a column of labels, ``taken``.
    """
    known = corpus.schema.names if corpus.schema is not None else ()
    by_role = corpus.roles.text if TEXT not in known else ()
    found = [column for name in include for column in (by_role if by_role and name == TEXT else (name,))]
    for name in found:
        if name in set(taken):
            raise ProjectError(f"column {name!r} is among the labels already; leave it out of include")
    return list(dict.fromkeys(found))


def labels_table(frame: pd.DataFrame, corpus: Corpus, include: Sequence[str]) -> pa.Table:
    """Return the frame of :meth:`weaklab.Project.labels` as Arrow, ids in their own type, with columns of the
    records.
    """
    import pyarrow as pa

    table = pa.Table.from_pandas(frame, preserve_index=False)
    table = table.set_column(1, "label", pa.array(frame["label"].tolist(), pa.string()))
    shared = table.schema.get_field_index("shared_from")
    table = table.set_column(shared, "shared_from", pa.array(frame["shared_from"].tolist(), corpus.ids.type))
    table = table.set_column(0, frame.columns[0], corpus.ids)
    for place, name in enumerate(checked_columns(include, corpus, frame.columns), 1):
        table = table.add_column(place, name, corpus.column(name))
    return table
