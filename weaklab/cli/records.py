"""``weaklab show`` and ``weaklab history``: selecting and printing records and answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from weaklab.core.errors import WeaklabError
from weaklab.core.tables import Table, counted, json_text
from weaklab.exchange.json_files import json_value

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from weaklab.project.records import RecordTable

SHOWN_OF_ANSWERS = ("id", "at", "annotator", "kind", "record", "label", "undoes")


def select(
    records: RecordTable,
    *,
    where: str | None,
    search: str | None,
    regex: bool,
    label: str | None,
    heuristic: str | None,
    vote: str | None,
    conflicts: bool,
    manual: bool | None,
    below: float | None,
    above: float | None,
    sort: str | None,
    descending: bool,
) -> RecordTable:
    """Return the records that fit all options of ``weaklab show``; filters on arrays come before those on texts."""
    if (vote is not None and heuristic is None) or (regex and search is None):
        raise WeaklabError("--vote needs --heuristic, and --regex needs --search")
    if label is not None:
        records = records.label(label)
    if heuristic is not None:
        records = records.heuristic(heuristic, vote)
    if conflicts:
        records = records.conflicts()
    if manual is not None:
        records = records.manual(manual)
    if below is not None or above is not None:
        records = records.confidence(below=below, above=above)
    if where is not None:
        records = records.where(where)
    if search is not None:
        records = records.search(search, regex=regex)
    return records.sort(sort or "confidence", descending=descending) if sort or descending else records


def print_json(rows: Iterable[dict[str, Any]]) -> None:
    """Print one JSON object a line."""
    for row in rows:
        print(json_text(json_value(row)))


def answer_rows(answers: pd.DataFrame) -> list[dict[str, Any]]:
    """Return answers as dicts, None for what is missing."""
    rows = answers.astype(object).where(answers.notna(), None)
    return [dict(zip(rows.columns, values, strict=True)) for values in rows.itertuples(index=False)]


def answer_table(answers: pd.DataFrame, n: int) -> Table:
    """Return the newest ``n`` answers to show, all for 0."""
    newest = answers.tail(n) if n else answers
    rows = [[row[name] for name in SHOWN_OF_ANSWERS] for row in answer_rows(newest)]
    title = counted(len(answers), "answer")
    title = title if len(newest) == len(answers) else f"{title}; the newest {len(newest):,}"
    for row in rows:
        row[1] = row[1][:19].replace("T", " ")
    return Table(title, ["number", "UTC", "annotator", "did", "record", "label", "undoes"], rows)
