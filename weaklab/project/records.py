"""The records of a project as a table to filter, search and sort; nothing is computed before it is shown."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.core.errors import CorpusError, HeuristicError, ProjectError, WeaklabError, did_you_mean, is_number
from weaklab.core.labels import ABSTAIN
from weaklab.core.tables import Table, clean, counted
from weaklab.corpus.records import Columns
from weaklab.heuristics.expression_text import expression_from_text
from weaklab.heuristics.expressions import Expression
from weaklab.heuristics.functions import shortened
from weaklab.project.record_content import contains, holds, sortable
from weaklab.project.record_details import RecordDetails, details
from weaklab.project.record_values import RecordValues

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    from weaklab.project.project import Project
    from weaklab.project.record_values import Mask, Rows

FIRST_ROWS = 10
"""This many records are shown in a notebook."""
SHOWN_TEXT = 90
"""Characters of a text that are shown in the table."""
SORT_KEYS = ("confidence", "label", "id")
"""What records can be sorted by, beside their columns."""


class RecordTable:
    """The records of a project, with votes, label, confidence and what decided; made by ``project.records``.

    Each method that filters, sorts or cuts returns a new table. Nothing is computed before a table is shown, counted or
    converted; then filters work on arrays, and texts are read from disk in batches. A table keeps what it has found:
    take ``project.records`` again to see later answers.

    Examples
    --------
    >>> import tempfile, weaklab
    >>> from weaklab import col
    >>> project = weaklab.Project(tempfile.mkdtemp(), labels=["ham", "spam"], timeout=None)
    >>> rows = [{"id": "a", "text": "Win a prize", "n": 3}, {"id": "b", "text": "lunch at noon", "n": 5}]
    >>> _ = project.add_records([*rows, {"id": "c", "text": "no prize today", "n": 7}], quiet=True)
    >>> _ = project.add(weaklab.keywords("spam", ["prize"], name="prizes"))
    >>> _ = project.label("c", "ham")
    >>> project.records.search("PRIZE")
    2 of 3 records: search 'PRIZE'
    id  text            votes         label  confidence  reason
    a   Win a prize     spam: prizes  spam        ...    1 of 1 vote
    c   no prize today  spam: prizes  ham         1.000  manual
    >>> project.records.where(col("n") > 3).manual(False).ids()
    ['b']
    >>> project.records["c"].votes
    {'prizes': 'spam'}
    """

    def __init__(
        self, values: RecordValues, parent: RecordTable | None = None, step: _Step | None = None, said: str = ""
    ) -> None:
        self._values, self._parent, self._step, self._said = values, parent, step, said

    # ---- filters

    def where(self, condition: Expression | str) -> RecordTable:
        """Keep the records for which a condition on their columns holds; where it is unknown, it does not hold.

        Parameters
        ----------
        condition : what :func:`weaklab.col` makes, as for :func:`weaklab.where`; or the same in a text, such as
            ``"n > 3 and 'prize' in text"``, in which a name is a column, see
            :func:`weaklab.heuristics.expression_text.expression_from_text`. Other than a heuristic it may read label
            and gold columns.

        Raises
        ------
        CorpusError
            There is no such column; or, when the table is shown, a value does not fit, such as a text compared with a
            number.
        HeuristicError
            This is no condition.
        """
        found: Any = expression_from_text(condition) if isinstance(condition, str) else condition
        if not isinstance(found, Expression) or found.kind not in (None, "truth"):
            raise HeuristicError(f"where() needs a condition, such as col('n') > 3, got {shortened(condition)}")
        for name in found.columns():
            self._check_column(name)
        roles = self._values.roles
        return self._content(lambda batch: holds(found, batch, roles), f"where {found!r}")

    def search(
        self, text: str, *, regex: bool = False, case: bool = False, columns: Sequence[str] | None = None
    ) -> RecordTable:
        r"""Keep the records in which a text occurs.

        Parameters
        ----------
        text : to look for; with ``regex`` a regular expression as RE2 has it, without look-around and back-references
        case : whether capital and small letters differ
        columns : names of the columns to look in, by default the text columns

        Raises
        ------
        WeaklabError
            There is nothing to look for, no such column, no text column, or the regular expression is wrong.

        Examples
        --------
        >>> import tempfile, weaklab
        >>> project = weaklab.Project(tempfile.mkdtemp(), labels=["ham", "spam"])
        >>> _ = project.add_records([{"id": "a", "text": "Win 100 now"}, {"id": "b", "text": "lunch?"}], quiet=True)
        >>> project.records.search(r"win \d+", regex=True).ids()
        ['a']
        """
        if not text or type(text) is not str:
            raise WeaklabError(f"search() needs a text to look for, of one character or more, got {text!r}")
        for name in columns or ():
            self._check_column(name)
        test = contains(text, regex, case)
        return self._content(lambda batch: test(batch, self._searched(columns)), f"search {clean(text, 40)!r}")

    def _searched(self, columns: Sequence[str] | None) -> list[str]:
        roles = self._values.roles
        found = [self._column_name(name) for name in columns] if columns else list(roles.text)
        if not found:
            raise WeaklabError(
                f"the records have no text column; name those to look in: columns=[...] of "
                f"{', '.join(self._values.columns)}"
            )
        return found

    def label(self, name: Any) -> RecordTable:
        """Keep the records with this label, manual or most probable; None keeps those without a label."""
        labels = self._values.project.label_names
        code = labels.code(name)
        return self._filtered(lambda values: values.codes == code, f"label {labels.name(code) or 'none'}")

    def heuristic(self, name: str, vote: Any = None) -> RecordTable:
        """Keep the records on which a heuristic votes.

        Parameters
        ----------
        name : of the heuristic
        vote : the label that it votes, by default any; :data:`weaklab.ABSTAIN` for the records on which it abstains
        """
        values = self._values
        if name not in values.project.committee.names:  # a file may have been edited since it was loaded
            values.check_heuristic(name, values.opinions.votes.names or values.project.committee.names)
        if vote is None:
            return self._filtered(lambda values: values.column(name) != ABSTAIN, f"{name} votes")
        labels = values.project.label_names
        code = labels.code(vote)
        said = f"{name} votes {labels.name(code)}" if code != ABSTAIN else f"{name} abstains"
        return self._filtered(lambda values: values.column(name) == code, said)

    def conflicts(self) -> RecordTable:
        """Keep the records on which two heuristics vote for different labels."""
        return self._filtered(lambda values: values.conflicts, "conflicts")

    def manual(self, manual: bool = True) -> RecordTable:
        """Keep the records with a manual label, or with False those without one."""
        if not isinstance(manual, bool):
            raise WeaklabError(f"manual() takes True or False, got {manual!r}; .label({manual!r}) filters by label")
        return self._filtered(
            lambda values: values.opinions.manual == manual, "manual label" if manual else "no manual label"
        )

    def confidence(self, *, below: float | None = None, above: float | None = None) -> RecordTable:
        """Keep the records whose label is less sure than ``below`` and surer than ``above``, from 0 to 1."""
        given = {name: bound for name, bound in (("above", above), ("below", below)) if bound is not None}
        if not given:
            raise WeaklabError("confidence() needs a bound: confidence(below=0.6), confidence(above=0.9) or both")
        for name, bound in given.items():
            if not is_number(bound) or not 0 <= bound <= 1:
                raise WeaklabError(f"confidence({name}=...) must be from 0 to 1, got {bound!r}")
        low, high = (-np.inf if above is None else above), (np.inf if below is None else below)
        said = " and ".join(f"{name} {bound:g}" for name, bound in given.items())
        return self._filtered(
            lambda values: (values.confidence > low) & (values.confidence < high), f"confidence {said}"
        )

    def _filtered(self, mask: Callable[[RecordValues], Mask], said: str) -> RecordTable:
        return self._then(lambda values, rows: rows[mask(values)[rows]], said)

    def _content(self, test: Callable[[pa.RecordBatch], Mask], said: str) -> RecordTable:
        return self._then(lambda values, rows: values.matching(rows, test), said)

    def _then(self, step: _Step, said: str) -> RecordTable:
        return RecordTable(self._values, self, step, said)

    # ---- order and places

    def sort(self, by: str = "confidence", *, descending: bool = False) -> RecordTable:
        """Sort by ``confidence``, ``label``, ``id`` or a column; missing values come last, equal ones keep their order.

        Raises
        ------
        CorpusError
            There is no such column, or its values have no order.
        """
        if by not in SORT_KEYS:
            self._check_column(by, SORT_KEYS)

        def ordered(values: RecordValues, rows: Rows) -> Rows:
            return rows[sortable(self._keys(by, rows), by, descending)]

        return self._then(ordered, f"sorted by {by}{', descending' * descending}")

    def _keys(self, by: str, rows: Rows) -> Any:
        import pyarrow as pa

        values = self._values
        if by == "confidence":
            return pa.array(values.confidence[rows])
        if by == "label":
            codes = values.codes[rows]
            return pa.array(codes, mask=codes == ABSTAIN)
        if values.corpus is None:
            return pa.nulls(0)
        return (values.corpus.ids if by == "id" else values.corpus.column(self._column_name(by))).take(pa.array(rows))

    def __getitem__(self, key: slice | str) -> Any:
        """Return a part of the table for a slice, or for an id all that is known of the record."""
        if isinstance(key, slice):
            parts = (key.start, key.stop, key.step)[: 3 if key.step else 2]
            cut = ":".join("" if part is None else str(part) for part in parts)
            return self._then(lambda values, rows: rows[key], f"rows [{cut}]")
        if not isinstance(key, str):
            raise WeaklabError(
                f"records are found by their id as text, got {key!r}; write records[{str(key)!r}] for this id, or "
                f"records[0:1] for a place"
            )
        return self._details(key)

    def _details(self, key: str) -> RecordDetails:
        row = self._values.row_of(key)
        if self._parent is not None and not (self._rows == row).any():
            raise ProjectError(f"record {key!r} is in the project, and not among these {counted(len(self), 'record')}")
        [found] = self._dicts(np.array([row]))
        votes, labels = self._values.opinions.votes, self._values.project.label_names
        every = {name: labels.name(code) for name, code in zip(votes.names, votes.L[row].tolist(), strict=True)}
        return details(self._values.project, {**found, "votes": every})

    # ---- results

    @cached_property
    def _rows(self) -> Rows:
        """The row numbers of these records, int64 (r,), in their order."""
        if self._parent is None or self._step is None:
            return np.arange(self._values.n)
        rows = self._parent._rows
        return self._step(self._values, rows) if self._values.n else rows

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, key: object) -> bool:
        try:
            return bool((self._rows == self._values.row_of(key)).any())
        except ProjectError:
            return False

    def ids(self) -> list[str]:
        """Return the ids, as answers name them."""
        found: list[str] = self._values.ids.take(self._rows).to_pylist()
        return found

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield each record as a dict: ``id``, ``text``, ``label``, ``confidence``, ``manual``, ``reason``,
        ``probabilities`` (label -> probability), ``votes`` (heuristic -> label, of those that vote) and ``columns``
        (the other columns).
        """
        return self._dicts(self._rows)

    def _dicts(self, rows: Rows) -> Iterator[dict[str, Any]]:
        for part, batch in self._values.batches(rows):
            yield from self._batch_dicts(part, batch)

    def _batch_dicts(self, rows: Rows, batch: pa.RecordBatch) -> Iterator[dict[str, Any]]:
        values, labels = self._values, self._values.project.label_names
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

    def to_arrow(self) -> pa.Table:
        """Return an Arrow table: the columns of the records, then ``label``, ``confidence``, ``manual``, ``reason``,
        ``p_LABEL`` for each label and ``vote_HEURISTIC`` for each heuristic.

        A column of the records that is called like one of the others is named ``record_NAME``.
        """
        import pyarrow as pa

        parts = [self._whole(rows, batch) for rows, batch in self._values.batches(self._rows)]
        if not parts:
            corpus = self._values.corpus
            columns = pa.table({"id": pa.array([], pa.large_string())}) if corpus is None else corpus.take([])
            parts = [self._whole(np.empty(0, np.int64), columns)]
        return pa.concat_tables(parts)

    def _whole(self, rows: Rows, records: pa.RecordBatch | pa.Table) -> pa.Table:
        import pyarrow as pa

        more = self._computed(rows)
        names = _free_names(records.schema.names, more)
        return pa.table([*records.columns, *more.values()], names=[*names, *more])

    def _computed(self, rows: Rows) -> dict[str, pa.Array]:
        import pyarrow as pa

        values = self._values
        votes, P, manual, _ = values.opinions
        labels = values.project.label_names
        found = {
            "label": self._named(values.codes[rows]),
            "confidence": pa.array(values.confidence[rows]),
            "manual": pa.array(manual[rows]),
            "reason": pa.array(values.reasons(rows), pa.string()),
        }
        found |= {f"p_{name}": pa.array(P[rows, c]) for c, name in enumerate(labels)}
        return found | {f"vote_{name}": self._named(votes.L[rows, j]) for j, name in enumerate(votes.names)}

    def _named(self, codes: Any) -> pa.Array:
        import pyarrow as pa

        labels = pa.array(list(self._values.project.label_names), pa.string())
        return labels.take(pa.array(codes, mask=codes == ABSTAIN))

    def to_pandas(self) -> pd.DataFrame:
        """Return the columns of :meth:`to_arrow` as a pandas frame."""
        found: pd.DataFrame = self.to_arrow().to_pandas()
        return found

    def to_polars(self) -> pl.DataFrame:
        """Return the columns of :meth:`to_arrow` as a polars frame."""
        try:
            import polars
        except ImportError:
            raise WeaklabError("to_polars() needs polars: pip install polars") from None
        return polars.from_arrow(self.to_arrow())

    # ---- showing

    def table(self, n: int = FIRST_ROWS) -> Table:
        """Return the first ``n`` records to show."""
        rows = [_cells(record) for record in self._dicts(self._rows[:n])]
        return Table(
            self._title(len(rows)), ["id", "text", "votes", "label", "confidence", "reason"], rows, self._hints()
        )

    def _title(self, shown: int) -> str:
        total, said = self._values.n, self._description()
        count = f"{len(self):,} of {counted(total, 'record')}: {said}" if said else counted(total, "record")
        return count if shown == len(self) else f"{count}; the first {shown:,}"

    def _description(self) -> str:
        before = "" if self._parent is None else self._parent._description()
        return "; ".join(part for part in (before, self._said) if part)

    def _hints(self) -> list[str]:
        path = self._values.project.path
        return [] if self._values.n else [f"next: project.add_records(...) or `weaklab import {path} FILE`"]

    def __repr__(self) -> str:
        return str(self.table())

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()

    # ---- names

    def _column_name(self, name: str) -> str:
        """Return the column of a name; ``text`` is the text, whatever its column is called."""
        text = self._values.roles.text
        return text[0] if name == "text" and name not in self._values.columns and len(text) == 1 else name

    def _check_column(self, name: str, besides: Sequence[str] = ()) -> None:
        known = self._values.columns
        if known and name not in known and not (name == "text" and self._values.roles.text):
            hint = did_you_mean(name, [*known, *besides])
            raise CorpusError(f"no column {name!r};{hint} there are {', '.join(dict.fromkeys([*besides, *known]))}")


_Step = Callable[[RecordValues, "Rows"], "Rows"]


def all_records(project: Project) -> RecordTable:
    """Return all records of a project."""
    return RecordTable(RecordValues(project))


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


def _cells(record: dict[str, Any]) -> list[Any]:
    text = json.dumps(record["columns"], default=str) if record["text"] is None else record["text"]
    votes = record["votes"]
    by_label = {label: [name for name in votes if votes[name] == label] for label in votes.values()}
    said = "; ".join(f"{label}: {', '.join(names)}" for label, names in by_label.items())
    return [record["id"], clean(text, SHOWN_TEXT), said, record["label"], record["confidence"], record["reason"]]
