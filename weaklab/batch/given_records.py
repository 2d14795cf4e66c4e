"""Records of any form as the batches that a frozen committee reads: roles of the columns, ids, plain types."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from weaklab.core.errors import WeaklabError
from weaklab.corpus import ColumnError, Corpus
from weaklab.corpus.records import _METADATA_KEY, TEXT_JOINT, Roles
from weaklab.corpus.source import Source
from weaklab.exchange import source_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

_ID_BYTES = 8


def record_batches(records: Any, known: Roles | None, reads: frozenset[str] | None) -> Iterator[pa.RecordBatch]:
    """Yield records of any form in batches, without empty ones.

    Parameters
    ----------
    records : as :meth:`weaklab.batch.frozen.FrozenCommittee.predict` takes them
    known : which columns hold ids and text in the project; None where there was none
    reads : columns that the members read beside these; None if one may read any

    Raises
    ------
    WeaklabError
        What came is no list of records, or texts came where the project has other columns.
    """
    if isinstance(records, (str, bytes)):
        raise WeaklabError(f"wanted a list of records, got one text; put it into a list: [{str(records)[:40]!r}]")
    texts = _texts_among(records)
    if texts is not None:
        records = _table_of_texts(texts, _text_column(known))
    elif isinstance(records, (list, tuple)) and not records:
        return
    batches = records.batches() if isinstance(records, Corpus) else _read(source_of(records), known, reads)
    yield from (batch for batch in batches if batch.num_rows)


def _read(source: Source, known: Roles | None, reads: frozenset[str] | None) -> list[pa.RecordBatch]:
    """Return all batches of a source, without columns that cannot be stored and that no member is known to read."""
    roles = known or Roles("id", ("text",))
    source.text_columns, source.id_column = tuple(dict.fromkeys([*roles.text, "text"])), roles.id
    source.needed = frozenset((roles.id, *source.text_columns)) | (reads or frozenset())
    while True:
        try:
            return list(source)
        except ColumnError as error:
            source.leave_out(error)


def _text_column(known: Roles | None) -> str:
    """Return the column that a list of plain texts is used for."""
    texts = ("text",) if known is None else known.text
    if len(texts) != 1:
        held = f"the columns {', '.join(texts)}" if texts else "no text, but columns"
        raise WeaklabError(
            f"records of this committee have {held}; wanted dicts or a table with the columns of the project, got texts"
        )
    return texts[0]


def _texts_among(records: Any) -> list[Any] | None:
    """Return the texts of a list, array or Series of nothing else; None of any other records."""
    if hasattr(records, "columns") or isinstance(records, (Corpus, dict)):
        return None
    found = (
        records.to_pylist()
        if hasattr(records, "to_pylist")
        else records.tolist()
        if hasattr(records, "tolist")
        else records
    )
    if hasattr(found, "to_list"):
        found = found.to_list()
    if (
        not isinstance(found, (list, tuple))
        or not found
        or not all(isinstance(text, str) or text is None for text in found)
    ):
        return None
    return list(found)


def _table_of_texts(texts: list[Any], column: str) -> pa.Table:
    import pyarrow as pa

    try:
        return pa.table({column: pa.array(texts, pa.large_string())})
    except UnicodeEncodeError:  # a lone surrogate, which no file can hold
        held = [
            None if text is None else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            for text in texts
        ]
        return pa.table({column: pa.array(held, pa.large_string())})


def roles_of(schema: pa.Schema, known: Roles | None) -> Roles:
    """Return the roles of the columns: as the batch says, else as in the project, else ``id`` and ``text``."""
    if _METADATA_KEY in (schema.metadata or {}):
        return Roles.of(schema)
    known = known or Roles("id", ("text",) if "text" in schema.names else ())
    if all(name in schema.names for name in known.text):
        return known
    if "text" in schema.names:
        return replace(known, text=("text",))
    missing = next(name for name in known.text if name not in schema.names)
    raise WeaklabError(f"no text column {missing!r} in the records to label; they have {', '.join(schema.names)}")


def prepared(batch: pa.RecordBatch, known: Roles | None) -> pa.RecordBatch:
    """Return a batch with the roles of its columns in its schema, and with ids from the content if it has none."""
    names = batch.schema.names
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise WeaklabError(f"the records to label have more than one column {twice!r}; rename or drop the others")
    roles = roles_of(batch.schema, known)
    batch = _without_views(batch).replace_schema_metadata(roles.attach(batch.schema).metadata)
    return batch if roles.id in batch.schema.names else with_content_ids(batch)


def _without_views(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return a batch with plain columns in the place of string and binary views, of which Arrow cannot take rows."""
    import pyarrow as pa

    for i, field in enumerate(batch.schema):
        plain = {pa.string_view(): pa.large_string(), pa.binary_view(): pa.large_binary()}.get(field.type)
        if plain is not None:
            batch = batch.set_column(i, field.with_type(plain), batch.column(i).cast(plain))
    return batch


def with_content_ids(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Give a batch ids made from the content of its records, 64 bits of BLAKE2b; records that are equal have equal ids.

    They are those of :func:`weaklab.read` but for the number that it puts behind a repeated record, which takes
    remembering them all.

    >>> import weaklab
    >>> batch = next(weaklab.read(["a", "b"]).batches())
    >>> with_content_ids(batch.drop_columns(["id"]))["id"] == batch["id"]
    True
    """
    import hashlib

    import pyarrow as pa

    roles = Roles.of(batch.schema)
    names = [*roles.text] or sorted(name for name in batch.schema.names if name not in roles.hidden)
    lists = [batch.column(name).to_pylist() for name in names]
    if roles.text:
        lists = [["" if value is None else value for value in values] for values in lists]
    contents = map(TEXT_JOINT.join, zip(*lists, strict=True)) if roles.text else map(repr, zip(*lists, strict=True))
    made = [
        hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_ID_BYTES).hexdigest() for text in contents
    ]
    found = pa.record_batch([pa.array(made, pa.large_string()), *batch.columns], names=[roles.id, *batch.schema.names])
    return found.replace_schema_metadata(roles.attach(found.schema).metadata)
