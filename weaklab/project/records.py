"""The records of a project as a table to filter, search and sort; nothing is computed before it is shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.core.errors import HeuristicError, ProjectError, WeaklabError, is_number
from weaklab.core.labels import ABSTAIN
from weaklab.core.record_lines import in_one_line
from weaklab.core.tables import Table, clean, counted
from weaklab.heuristics.expression_text import expression_from_text
from weaklab.heuristics.expressions import Expression
from weaklab.heuristics.functions import shortened
from weaklab.project.record_content import contains, holds, sortable
from weaklab.project.record_conversion import as_arrow, as_dicts, sort_keys
from weaklab.project.record_details import RecordDetails, details
from weaklab.project.record_values import RecordValues
from weaklab.project.row_query import RowQuery

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    from weaklab.project.project import Project
    from weaklab.project.record_values import Rows

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

    def __init__(self, query: RowQuery) -> None:
        self._query, self._values = query, query.values

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
        found: Any = expression_from_text(condition, self._values.columns) if isinstance(condition, str) else condition
        if not isinstance(found, Expression) or found.kind not in (None, "truth"):
            raise HeuristicError(f"where() needs a condition, such as col('n') > 3, got {shortened(condition)}")
        for name in found.columns():
            self._values.check_column(name)
        roles = self._values.roles
        return RecordTable(self._query.keep_by_content(lambda batch: holds(found, batch, roles), f"where {found!r}"))

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
            self._values.check_column(name)
        values, test = self._values, contains(text, regex, case)
        said = f"search {clean(text, 40)!r}"
        return RecordTable(self._query.keep_by_content(lambda batch: test(batch, values.text_columns(columns)), said))

    def label(self, name: Any) -> RecordTable:
        """Keep the records with this label, manual or most probable; None keeps those without a label."""
        labels = self._values.project.label_names
        code = labels.code(name)
        said = f"label {labels.name(code) or 'none'}"
        return RecordTable(self._query.keep(lambda values: values.codes == code, said))

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
            return RecordTable(self._query.keep(lambda values: values.column(name) != ABSTAIN, f"{name} votes"))
        labels = values.project.label_names
        code = labels.code(vote)
        said = f"{name} votes {labels.name(code)}" if code != ABSTAIN else f"{name} abstains"
        return RecordTable(self._query.keep(lambda values: values.column(name) == code, said))

    def conflicts(self) -> RecordTable:
        """Keep the records on which two heuristics vote for different labels."""
        return RecordTable(self._query.keep(lambda values: values.conflicts, "conflicts"))

    def manual(self, manual: bool = True) -> RecordTable:
        """Keep the records with a manual label, or with False those without one."""
        if not isinstance(manual, bool):
            raise WeaklabError(f"manual() takes True or False, got {manual!r}; .label({manual!r}) filters by label")
        said = "manual label" if manual else "no manual label"
        return RecordTable(self._query.keep(lambda values: values.opinions.manual == manual, said))

    def confidence(self, *, below: float | None = None, above: float | None = None) -> RecordTable:
        """Keep the records whose label is less sure than ``below`` and surer than ``above``, from 0 to 1."""
        given = {name: bound for name, bound in (("above", above), ("below", below)) if bound is not None}
        if not given:
            raise WeaklabError("confidence() needs a bound: confidence(below=0.6), confidence(above=0.9) or both")
        for name, bound in given.items():
            if not is_number(bound) or not 0 <= bound <= 1:
                raise WeaklabError(f"confidence({name}=...) must be from 0 to 1, got {bound!r}")
        low, high = (-np.inf if above is None else above), (np.inf if below is None else below)
        said = f"confidence {' and '.join(f'{name} {bound:g}' for name, bound in given.items())}"
        return RecordTable(
            self._query.keep(lambda values: (values.confidence > low) & (values.confidence < high), said)
        )

    def among(self, ids: Iterable[str], said: str = "among ids") -> RecordTable:
        """Keep the records with these ids; ``said`` is what the table calls this filter."""
        wanted = set(ids)

        def kept(values: RecordValues, rows: Rows) -> Rows:
            return rows[np.isin(rows, values.project.workspace.at(wanted))]

        return RecordTable(self._query.then(kept, said))

    # ---- order and places

    def sort(self, by: str = "confidence", *, descending: bool = False) -> RecordTable:
        """Sort by ``confidence``, ``label``, ``id`` or a column; missing values come last, equal ones keep their order.

        Raises
        ------
        CorpusError
            There is no such column, or its values have no order.
        """
        if by not in SORT_KEYS:
            self._values.check_column(by, SORT_KEYS)

        def ordered(values: RecordValues, rows: Rows) -> Rows:
            return rows[sortable(sort_keys(values, by, rows), by, descending)]

        return RecordTable(self._query.then(ordered, f"sorted by {by}{', descending' * descending}"))

    def __getitem__(self, key: slice | str) -> Any:
        """Return a part of the table for a slice, or for an id all that is known of the record."""
        if isinstance(key, slice):
            parts = (key.start, key.stop, key.step)[: 3 if key.step else 2]
            cut = ":".join("" if part is None else str(part) for part in parts)
            return RecordTable(self._query.then(lambda values, rows: rows[key], f"rows [{cut}]"))
        if not isinstance(key, str):
            raise WeaklabError(
                f"records are found by their id as text, got {key!r}; write records[{str(key)!r}] for this id, or "
                f"records[0:1] for a place"
            )
        return self._details(key)

    def _details(self, key: str) -> RecordDetails:
        row = self._values.row_of(key)
        if not self._query.is_all and not (self._query.rows == row).any():
            raise ProjectError(f"record {key!r} is in the project, and not among these {counted(len(self), 'record')}")
        [found] = as_dicts(self._values, np.array([row]))
        votes, labels = self._values.opinions.votes, self._values.project.label_names
        every = {name: labels.name(code) for name, code in zip(votes.names, votes.L[row].tolist(), strict=True)}
        return details(self._values.project, {**found, "votes": every})

    # ---- results

    def __len__(self) -> int:
        return len(self._query.rows)

    def __contains__(self, key: object) -> bool:
        try:
            return bool((self._query.rows == self._values.row_of(key)).any())
        except ProjectError:
            return False

    def ids(self) -> list[str]:
        """Return the ids, as answers name them."""
        found: list[str] = self._values.ids.take(self._query.rows).to_pylist()
        return found

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield each record as a dict: ``id``, ``text``, ``label``, ``confidence``, ``manual``, ``reason``,
        ``probabilities`` (label -> probability), ``votes`` (heuristic -> label, of those that vote) and ``columns``
        (the other columns).
        """
        return as_dicts(self._values, self._query.rows)

    def to_arrow(self) -> pa.Table:
        """Return an Arrow table: the columns of the records, then ``label``, ``confidence``, ``manual``, ``reason``,
        ``p_LABEL`` for each label and ``vote_HEURISTIC`` for each heuristic.

        A column of the records that is called like one of the others is named ``record_NAME``.
        """
        return as_arrow(self._values, self._query.rows)

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
        rows = [_cells(record) for record in as_dicts(self._values, self._query.rows[:n])]
        next_step = f"next: project.add_records(...) or `weaklab import {self._values.project.path} FILE`"
        hints = [] if self._values.n else [next_step]
        return Table(self._title(len(rows)), ["id", "text", "votes", "label", "confidence", "reason"], rows, hints)

    def _title(self, shown: int) -> str:
        total, said = self._values.n, self._query.description()
        count = f"{len(self):,} of {counted(total, 'record')}: {said}" if said else counted(total, "record")
        return count if shown == len(self) else f"{count}; the first {shown:,}"

    def __repr__(self) -> str:
        return str(self.table())

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


def all_records(project: Project) -> RecordTable:
    """Return all records of a project."""
    return RecordTable(RowQuery(RecordValues(project)))


def _cells(record: dict[str, Any]) -> list[Any]:
    text = in_one_line(record["columns"], SHOWN_TEXT) if record["text"] is None else record["text"]
    votes = record["votes"]
    by_label = {label: [name for name in votes if votes[name] == label] for label in votes.values()}
    said = "; ".join(f"{label}: {', '.join(names)}" for label, names in by_label.items())
    return [record["id"], clean(text, SHOWN_TEXT), said, record["label"], record["confidence"], record["reason"]]
