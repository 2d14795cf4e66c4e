"""Tables with a row for each label that somebody gave to an item: which column is which, and the items in them."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from weaklab.core.errors import CorpusError, WeaklabError, warn
from weaklab.core.tables import some_of
from weaklab.corpus.text_column import read_like_texts
from weaklab.exchange import source_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import pyarrow as pa

    from weaklab.corpus import Corpus
    from weaklab.exchange.file_options import FileKeywords

ROLES = {
    "item": ("item", "task", "question", "record", "item_id", "task_id", "question_id", "instance_id", "id"),
    "worker": ("worker", "annotator", "rater", "user", "worker_id", "annotator_id", "rater_id", "user_id", "workerid"),
    "label": ("label", "answer", "response", "judgement", "judgment", "annotation"),
}
"""Role -> the names of columns that have it where none is named, the most telling first."""


TRIED = 1000
"""So many values of a column tell whether it holds texts."""
OF_A_CROWD = (
    "If rows are labels of several people for one record: `weaklab crowd PROJECT FILE`, or project.add_crowd(data)"
)


class JudgementColumns(NamedTuple):
    """The columns with what was labeled, who did it, and the label."""

    item: str
    worker: str
    label: str


def judgement_columns(
    names: Sequence[str], item: str | None = None, worker: str | None = None, label: str | None = None
) -> JudgementColumns:
    """Return the columns that are named, and for the others those with a telling name.

    Raises
    ------
    WeaklabError
        No column has such a name.

    Examples
    --------
    >>> judgement_columns(["Task", "annotator", "stars"], label="stars")
    JudgementColumns(item='Task', worker='annotator', label='stars')
    """
    given = {"item": item, "worker": worker, "label": label}
    taken = {name for name in given.values() if name is not None}
    lower = {name.lower(): name for name in reversed(names) if name not in taken}
    for role, telling in ROLES.items():
        given[role] = given[role] or next((lower[each] for each in telling if each in lower), None)
        if given[role] is None:
            option = "annotator" if role == "worker" else role
            raise WeaklabError(
                f"no column is called {', '.join(telling[:3])} or the like; the columns are {some_of(names, 12)}: name "
                f"the one of the {role}s with {role}= (--{option})"
            )
    return JudgementColumns(**{role: str(name) for role, name in given.items()})


@contextmanager
def crowds_pointed_out(data: Any, options: FileKeywords) -> Iterator[None]:
    """Add to a refusal of a table of judgements how these are taken."""
    try:
        yield
    except CorpusError as error:
        found = False
        with suppress(WeaklabError):
            found = _are_judgements(_first_batch(source_of(data, **options)))
        if found:
            raise CorpusError(f"{error}. {OF_A_CROWD}") from None
        raise


def warn_of_crowd(corpus: Corpus) -> None:
    """Warn where records whose ids are made from the content are judgements."""
    if corpus.makes_ids and _are_judgements(_first_batch(corpus.batches())):
        warn(f"{corpus.name}: each row became a record. {OF_A_CROWD}")


def _are_judgements(batch: pa.RecordBatch | None) -> bool:
    """Whether records seem to be labels of several people for the same items: by their columns, and repeated items."""
    if batch is None:
        return False
    try:
        item = judgement_columns(batch.schema.names).item
    except WeaklabError:
        return False
    return bool(len(batch.column(item).unique()) < batch.num_rows)


def _first_batch(batches: Iterable[pa.RecordBatch]) -> pa.RecordBatch | None:
    return next(iter(batches), None)


def read_judgements(
    data: Any, item: str | None, worker: str | None, label: str | None, options: FileKeywords
) -> tuple[pa.Table, JudgementColumns, str]:
    """Read a whole table of judgements, and return it with its columns and the name of its source in messages."""
    import pyarrow as pa

    first = _first_batch(source_of(data, **options))
    source = source_of(data, **options)
    if first is None:
        raise CorpusError(f"{source.name}: holds no row; wanted one for each label, with its item and who gave it")
    columns = judgement_columns(first.schema.names, item, worker, label)
    source.text_columns, source.label_columns, source.id_column = columns[1:], columns[2:], columns.item
    return pa.Table.from_batches(list(source)), columns, source.name


def items_of(table: pa.Table, columns: JudgementColumns) -> pa.Table:
    """Return a row for each item, in the order in which they first occur, with the columns that hold one value each.

    >>> import pyarrow as pa
    >>> rows = [("a", "hello", "Ann", "x", 3.0), ("a", "hello", "Bob", "y", 4.5), ("b", "bye", "Ann", "x", 2.0)]
    >>> table = pa.table(dict(zip(["item", "text", "worker", "label", "seconds"], map(list, zip(*rows)))))
    >>> items_of(table, judgement_columns(table.schema.names)).to_pylist()
    [{'item': 'a', 'text': 'hello'}, {'item': 'b', 'text': 'bye'}]
    """
    import numpy as np
    import pyarrow as pa

    items = table.column(columns.item).combine_chunks()
    first = np.unique(items.dictionary_encode().indices.to_numpy(zero_copy_only=False), return_index=True)[1]
    others = [name for name in table.schema.names if name not in columns]
    kept = [name for name in others if _one_each(table, columns.item, name, len(first))]
    return table.select([columns.item, *kept]).take(pa.array(first))


def holds_texts(items: pa.Table) -> bool:
    """Whether a column beside that of the ids is named ``text``, or holds strings that read like texts."""
    import pyarrow as pa

    fields = list(items.schema)[1:]
    strings = [each.name for each in fields if pa.types.is_string(each.type) or pa.types.is_large_string(each.type)]
    return "text" in strings or any(
        read_like_texts([value for value in items.column(name)[:TRIED].to_pylist() if value]) for name in strings
    )


def _one_each(table: pa.Table, item: str, name: str, n_items: int) -> bool:
    """Whether a column holds one value for each item."""
    import pyarrow as pa

    try:
        return bool(table.group_by([item, name]).aggregate([]).num_rows == n_items)
    except pa.ArrowNotImplementedError:  # lists and the like
        return False
