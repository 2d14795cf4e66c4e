"""Columns that are text because a few of their values are no numbers: counted on import, and named."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from weaklab.core.tables import clean, some_of
from weaklab.corpus import Roles

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

NUMBER = r"^\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*$"
WITH_COMMA = r"^\s*[-+]?\d+,\d+\s*$"
FIRST_SHARE, SHARE = 0.5, 0.8
"""A column is counted on where this share of the first values are numbers, and noted where this share of all are."""
MOST_NAMED = 3


@dataclass
class _Counts:
    """What stands in one column: numbers, those with a point or a comma, and the first values that are none."""

    values: int = 0
    plain: int = 0
    commas: int = 0
    points: bool = False
    others: dict[str, str] = field(default_factory=dict)

    @property
    def numbers(self) -> int:
        return self.plain + self.commas


@dataclass
class NumberColumns:
    """Columns of text of an import that hold numbers, but for a few values.

    Attributes
    ----------
    besides : columns that are not looked at
    counts : column -> what stands in it; None where it is text
    """

    besides: Sequence[str | None] = ()
    counts: dict[str, _Counts | None] = field(default_factory=dict)

    def count(self, batch: pa.RecordBatch, ids: Sequence[str]) -> None:
        """Look at some more records."""
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            known = self.counts.get(name, _Counts())
            if name in self.besides or not _is_text(column.type) or known is None:
                continue
            first = not known.values
            _count(known, column, ids)
            self.counts[name] = None if first and known.numbers < FIRST_SHARE * known.values else known

    def notes(self) -> list[str]:
        """Return a sentence for each column of numbers that was read as text."""
        return [
            _note(name, found)
            for name, found in self.counts.items()
            if found and (found.others or found.commas) and found.numbers >= SHARE * found.values
        ]


def no_number(batch: pa.RecordBatch, ids: Sequence[str], there: pa.Schema) -> str:
    """Say which column holds texts and numbers, with the first value that is no number, its record and what to do.

    It is "" where no column does. ``there`` are the columns of the project.
    """
    mine, others = Roles.of(batch.schema), Roles.of(there)
    besides = {mine.id, others.id, *mine.hidden, *others.hidden}  # these are text in a project, whatever they hold
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if name in besides or name not in there.names:
            continue
        if _is_number(column.type) and _is_text(there.field(name).type):
            return clean(
                f"column {name!r} holds texts in the project and numbers here; take the earlier import back (weaklab "
                "imports --undo) and read its column as numbers, as its notes say, or leave the column out: "
                "columns=[...] (--column) names those to keep",
                None,
            )
        if _is_text(column.type) and _is_number(there.field(name).type):
            found = _Counts()
            _count(found, column, ids)
            if found.others or found.commas:
                value, record = next(iter(found.others.items()), ("", ""))
                what = f"{value!r} of record {record!r} is no number" if value else "numbers have a comma for the point"
                keep = "or leave the column out: columns=[...] (--column) names those to keep"
                return clean(
                    f"column {name!r} holds numbers in the project, and {what}; {_remedy(found)}; {keep}", None
                )
    return ""


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_number(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _count(found: _Counts, column: Any, ids: Sequence[str]) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    filled = pc.fill_null(pc.greater(pc.binary_length(column), 0), False)
    plain = pc.fill_null(pc.match_substring_regex(column, NUMBER), False)
    commas = pc.fill_null(pc.match_substring_regex(column, WITH_COMMA), False)
    found.values += _sum(filled)
    found.plain += _sum(plain)
    found.commas += _sum(commas)
    found.points = found.points or _sum(pc.and_(plain, pc.fill_null(pc.match_substring(column, "."), False))) > 0
    if len(found.others) <= MOST_NAMED:
        others = pc.and_not(filled, pc.or_(plain, commas) if not found.points else plain)
        rows = pc.indices_nonzero(others)[: 10 * MOST_NAMED]
        for row, value in zip(rows.to_pylist(), column.take(rows.cast(pa.int64())).to_pylist(), strict=True):
            found.others.setdefault(value, ids[row])


def _sum(flags: Any) -> int:
    import pyarrow.compute as pc

    return int(pc.sum(flags).as_py() or 0)


def _note(name: str, found: _Counts) -> str:
    if not found.others:
        return f"{name}: {found.numbers:,} values are numbers with a comma, and were read as text; {_remedy(found)}"
    value, record = next(iter(found.others.items()))
    numbers = found.plain if found.points else found.numbers
    said = f"{numbers:,} of {found.values:,} values are numbers; read as text because of {value!r} (record {record})"
    return clean(f"{name}: {said}; {_remedy(found)}", None)


def _remedy(found: _Counts) -> str:
    """Say how the column is read as numbers."""
    comma = bool(found.commas) and not found.points
    python = (["decimal=','"] if comma else []) + (
        [f"na_values={list(found.others)[:MOST_NAMED]!r}"] * bool(found.others)
    )
    options = [*(["--decimal ,"] if comma else []), *(f"--na {value!r}" for value in list(found.others)[:MOST_NAMED])]
    more = ", and so on" if len(found.others) > MOST_NAMED else ""
    what = "read these as empty" if found.others else "read them as numbers"
    return f"correct the file, or {what}: {some_of(python)} ({' '.join(options)}{more}) for a CSV file"
