"""Heuristics defined by a condition on columns, such as ``where("clickbait", col("text").count("!") >= 2)``."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from weaklab.core.errors import HeuristicError
from weaklab.core.labels import LabelNames
from weaklab.heuristics import fingerprint
from weaklab.heuristics.ballot import Ballot, Watch
from weaklab.heuristics.declared import Declared, _label, _slug
from weaklab.heuristics.expressions import Expression, expression_from_spec, truth
from weaklab.heuristics.functions import BallotBox, Examples, example_pairs, shortened

if TYPE_CHECKING:
    import pyarrow as pa

    from weaklab.heuristics.columnar import ExpressionBatch


class Condition(Declared):
    """Votes for a label where a condition on columns is true; made by :func:`where`."""

    made_with = ("label", "condition")

    def __init__(self, label: str | int, condition: Any, *, name: str | None = None, examples: Examples = None) -> None:
        if isinstance(condition, dict):
            condition = expression_from_spec(condition)
        if not isinstance(condition, Expression) or condition.kind not in (None, "truth"):
            raise HeuristicError(
                f"where() needs a condition, such as col('text').length() < 20, got {shortened(condition)}"
            )
        self.label, self.condition = _label(label, "a condition"), condition
        self.name, self.named = name or f"where_{label}_{_slug(_in_words(condition.key))}", name is not None
        self.examples = example_pairs(examples, self.name)

    @cached_property
    def fingerprint(self) -> str:
        return fingerprint.digest("where", str(self.label), self.condition.key)

    def reads(self) -> frozenset[str]:
        return frozenset(self.condition.columns())

    def evaluate(self, batch: pa.RecordBatch, labels: LabelNames, watch: Watch | None = None) -> Ballot:
        if watch is not None:
            watch.at(-1)
        [ballot] = self.evaluate_many([self], batch, labels)
        return ballot

    @staticmethod
    def evaluate_many(conditions: Sequence[Condition], batch: pa.RecordBatch, labels: LabelNames) -> list[Ballot]:
        """Return the ballot of every condition on a batch; shared parts of the conditions are computed once.

        Parameters
        ----------
        conditions : m conditions
        batch : n records

        Returns
        -------
        list of m ballots, each with votes int8 (n,), -1 where the condition is false or unknown
        """
        from weaklab.heuristics.columnar import ExpressionBatch

        table = ExpressionBatch(batch)
        table.count_together(condition.condition for condition in conditions)
        return [_ballot(condition, table, labels) for condition in conditions]

    def spec(self) -> dict[str, Any]:
        return {"kind": "where", "label": self.label, "condition": self.condition.spec(), "name": self.name}


_WORDS = {">=": "from", "<=": "to", "==": "is", "!=": "is_not", ">": "over", "<": "under", "~": "not"}


def _in_words(key: str) -> str:
    """Return an expression without ``col`` and with words for operators, so that generated names differ by operator."""
    return re.sub(">=|<=|==|!=|>|<|~", lambda sign: f" {_WORDS[sign[0]]} ", re.sub(r"col(?=[(])", "", key))


def _ballot(heuristic: Condition, table: ExpressionBatch, labels: LabelNames) -> Ballot:
    box = BallotBox(heuristic, table.columns, labels)
    code = labels.code(heuristic.label)
    if not len(table):
        return box.close()
    holds, doubt = table.answers(heuristic.condition)
    box.ballot.votes[holds] = code
    rows = doubt.nonzero()[0].tolist()
    if rows:
        _ask_python(heuristic.condition, table, rows, box, code)
    return box.close()


def _ask_python(condition: Expression, table: ExpressionBatch, rows: list[int], box: BallotBox, code: int) -> None:
    """Evaluate a condition with Python on some rows, one by one; exceptions become faults."""
    import numpy as np
    import pyarrow as pa

    from weaklab.corpus.records import Columns

    views = any(
        pa.types.is_string_view(kind) or pa.types.is_binary_view(kind) for kind in table.batch.schema.types
    )  # Arrow cannot take rows of these types
    few = len(rows) < len(table) // 2 and not views
    columns = Columns(table.batch.take(rows)) if few else table.columns
    read = reader_of(columns)
    with np.errstate(all="ignore"):
        for place, row in enumerate(rows):
            try:
                if truth(condition.python(read(place if few else row))):
                    box.ballot.votes[row] = code
            except Exception as error:  # any exception for these values is a fault of this record
                box.fault(row, error)


def reader_of(columns: Any) -> Callable[[int], Callable[[str], Any]]:
    """Return a function from a row to a function that reads its columns; a missing column is searched only once."""
    missing: dict[str, KeyError] = {}

    def of_row(row: int) -> Callable[[str], Any]:
        def read(name: str) -> Any:
            if name in missing:
                raise KeyError(*missing[name].args)
            try:
                return columns[name][row]
            except KeyError as error:
                missing[name] = error
                raise

        return read

    return of_row


def where(label: str | int, condition: Expression, *, name: str | None = None, examples: Examples = None) -> Condition:
    """Vote ``label`` where ``condition`` is true; abstain where it is false, or unknown because of a missing value.

    Parameters
    ----------
    label : label name or code
    condition : a comparison or other condition on columns, see :func:`col`
    name : by default generated from the label and the condition
    examples : records with expected votes; checked when the heuristic is added to a committee

    Examples
    --------
    >>> from weaklab.heuristics import col
    >>> where("clickbait", col("text").count("!") >= 2).name
    'where_clickbait_text_count_from_2'
    >>> where("spam", (col("price") > 100) & ~col("seller").is_in(["ann", "bob"])).condition
    (col("price") > 100) & ~col("seller").is_in(["ann", "bob"])
    """
    return Condition(label, condition, name=name, examples=examples)
