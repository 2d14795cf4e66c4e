"""Records of several imports as one table; a column that an import lacks is empty for its records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weaklab.core.errors import CorpusError
from weaklab.corpus.records import Roles

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import pyarrow as pa


def union_of(schemas: Sequence[pa.Schema]) -> pa.Schema:
    """Return the schema that holds the records of all these schemas, with their roles.

    Columns stand in the order in which they first occur. Whole numbers beside others become others, ids of two types
    text. What is a label or gold column in one of them is hidden from heuristics in all.

    Raises
    ------
    CorpusError
        A column has two types that no one type can hold.

    Examples
    --------
    >>> import pyarrow
    >>> first = Roles("id", ("text",)).attach(pyarrow.schema({"id": pyarrow.int64(), "text": pyarrow.large_string()}))
    >>> fields = {"id": pyarrow.int64(), "y": pyarrow.large_string()}
    >>> more = Roles("id", ("text",), label="y").attach(pyarrow.schema(fields))
    >>> union_of([first, more]).names, Roles.of(union_of([first, more])).hidden
    (['id', 'text', 'y'], ('y',))
    """
    import pyarrow as pa

    roles = union_of_roles([Roles.of(schema) for schema in schemas])
    types: dict[str, pa.DataType] = {}
    for schema in schemas:
        for field in schema:
            known = types.setdefault(field.name, field.type)
            if known != field.type:
                types[field.name] = _widened(field.name, known, field.type, roles)
    return roles.attach(pa.schema(list(types.items())))


def union_of_roles(found: Sequence[Roles]) -> Roles:
    """Return the roles for records of imports with these roles."""
    text = next((roles.text for roles in found if roles.text), ())
    label = next((roles.label for roles in found if roles.label), None)
    gold = next((roles.gold for roles in found if roles.gold), None)
    hidden = dict.fromkeys(name for roles in found for name in roles.hidden if name not in (label, gold))
    return Roles(found[0].id, text, label, gold, tuple(hidden))


def _widened(name: str, first: pa.DataType, second: pa.DataType, roles: Roles) -> pa.DataType:
    import pyarrow as pa

    if name in (roles.id, *roles.hidden) and not (pa.types.is_integer(first) and pa.types.is_integer(second)):
        return pa.large_string()
    try:
        schemas = [pa.schema([(name, kind)]) for kind in (first, second)]
        return pa.unify_schemas(schemas, promote_options="permissive").field(name).type
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        raise CorpusError(
            f"column {name!r} holds {first} in one import and {second} in another; make it one type, or leave it out: "
            "columns=[...] (--column) names the columns to keep"
        ) from None


def fitted(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Return a batch with the columns and types of a union that its schema is part of.

    Raises
    ------
    pyarrow.ArrowInvalid
        A value does not fit the wider type, such as a whole number above 2**53 among floats.
    """
    import pyarrow as pa

    if batch.schema.equals(schema):
        return batch.replace_schema_metadata(schema.metadata)
    there = set(batch.schema.names)
    columns = [
        pa.nulls(batch.num_rows, field.type)
        if field.name not in there
        else _as_type(batch.column(field.name), field.type)
        for field in schema
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _as_type(column: pa.Array, kind: pa.DataType) -> pa.Array:
    return column if column.type == kind else column.cast(kind)


def view_of(own: pa.Schema, whole: pa.Schema, columns: Collection[str] | None = None) -> str:
    """Return a text for what heuristics see of an import among others; '' if it is the same as without the others.

    With ``columns``, what those see that read these columns, ids and texts alone.
    """
    roles, alone = Roles.of(whole), Roles.of(own)
    seen = {field.name: str(field.type) for field in whole if field.name not in roles.hidden}
    before = {field.name: str(field.type) for field in own if field.name not in alone.hidden}
    if columns is not None:
        read = {*columns, roles.id, *roles.text}
        seen, before = ({name: kind for name, kind in each.items() if name in read} for each in (seen, before))
    return "" if seen == before and roles.text == alone.text else repr((sorted(seen.items()), roles.text))
