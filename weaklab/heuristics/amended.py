"""Heuristics with an exception: another one, some of whose votes are left out or changed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.core.errors import HeuristicError
from weaklab.core.labels import ABSTAIN
from weaklab.heuristics import fingerprint
from weaklab.heuristics.ballot import Ballot, Heuristic, Watch, faults_of
from weaklab.heuristics.conditions import Condition
from weaklab.heuristics.declared import Keywords, Pattern, _label
from weaklab.heuristics.expressions import Expression
from weaklab.heuristics.functions import shortened

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from weaklab.core.labels import LabelNames
    from weaklab.heuristics.value_writer import Module

UNLESS, ONLY = "unless", "only"


class Amended(Heuristic):
    """A heuristic some of whose votes are left out or changed; made by :func:`amend`.

    Attributes
    ----------
    inner : the heuristic as it was
    condition : votes where the exception holds; None where it holds for every vote
    when : ``"unless"`` or ``"only"``
    label : only votes for this label are meant; None for all
    instead : what is voted in their place; None to abstain
    """

    def __init__(
        self,
        inner: Heuristic,
        condition: Heuristic | None,
        when: str = UNLESS,
        label: str | int | None = None,
        vote: str | int | None = None,
        name: str | None = None,
    ) -> None:
        self.inner, self.condition, self.when = inner, condition, when
        self.label = None if label is None else _label(label, "amend()")
        self.instead = None if vote is None else _label(vote, "amend()")
        self.name, self.named = name or inner.name, name is not None or inner.named
        self.location, self.examples, self.__doc__ = inner.location, inner.examples, inner.__doc__
        self.keeps = inner.keeps and (condition is None or condition.keeps)
        self.opaque = inner.opaque or (condition is not None and condition.opaque)

    def __call__(self, x: Any) -> Any:
        """Call the function as it was."""
        return self.inner(x)  # type: ignore[operator]  # that there is none is for the caller to know

    @cached_property
    def fingerprint(self) -> str:
        held = "" if self.condition is None else self.condition.fingerprint
        return fingerprint.digest(
            "amended", self.inner.fingerprint, held, self.when, repr(self.label), repr(self.instead)
        )

    @property
    def unseen(self) -> tuple[str, ...]:
        return (*self.inner.unseen, *(self.condition.unseen if self.condition is not None else ()))

    def modules(self) -> Mapping[str, Module]:
        return {**self.inner.modules(), **(self.condition.modules() if self.condition is not None else {})}

    def reads(self) -> frozenset[str] | None:
        return _both(self.inner.reads(), frozenset() if self.condition is None else self.condition.reads())

    def columns_read(self) -> frozenset[str] | None:
        condition = frozenset[str]() if self.condition is None else self.condition.columns_read()
        return _both(self.inner.columns_read(), condition)

    def evaluate(self, batch: pa.RecordBatch, labels: LabelNames, watch: Watch | None = None) -> Ballot:
        ballot = self.inner.evaluate(batch, labels, watch)
        ballot.faults = [replace(fault, heuristic=self.name, location=self.location) for fault in ballot.faults]
        meant = ballot.votes != ABSTAIN
        if self.label is not None:
            meant &= ballot.votes == labels.code(self.label)
        if self.condition is not None:
            meant &= self._holds(batch, labels, ballot, watch)
        vote = ABSTAIN if self.instead is None else labels.code(self.instead)
        # a new array: the votes of the heuristic as it was may be held by whoever computed them
        ballot.votes = np.where(meant, np.int8(vote), ballot.votes)
        return ballot

    def _holds(
        self, batch: pa.RecordBatch, labels: LabelNames, ballot: Ballot, watch: Watch | None
    ) -> NDArray[np.bool_]:
        """Return where the exception holds, bool (n,); where that is not known, the heuristic abstains with a fault."""
        assert self.condition is not None
        found = self.condition.evaluate(batch, labels, watch)
        if found.fault_rows:
            from weaklab.corpus.records import Columns

            failed = [fault for fault in found.fault_rows if ballot.votes[fault[0]] != ABSTAIN]
            ballot.votes = ballot.votes.copy()
            ballot.votes[[row for row, _, _ in failed]] = ABSTAIN
            ballot.fault_rows = sorted([*ballot.fault_rows, *failed])
            columns = Columns(batch)
            ballot.faults = faults_of(self, ballot.fault_rows, columns[columns.roles.id])
        return np.asarray(found.votes != ABSTAIN if self.when == UNLESS else found.votes == ABSTAIN)

    def spec(self) -> dict[str, Any] | None:
        inner = self.inner.spec()
        held = None if self.condition is None else self.condition.spec()
        if inner is None or (self.condition is not None and held is None):
            return None
        return {"kind": "amended", "inner": inner, "condition": held, "when": self.when, "label": self.label,
                "vote": self.instead, "name": self.name}  # fmt: skip


def _both(a: frozenset[str] | None, b: frozenset[str] | None) -> frozenset[str] | None:
    return None if a is None or b is None else a | b


def amend(
    heuristic: Any = None,
    *,
    unless: Any = None,
    only: Any = None,
    label: str | int | None = None,
    vote: str | int | None = None,
    name: str | None = None,
) -> Any:
    """Leave out or change some votes of a heuristic: an exception, without an edit of the heuristic itself.

    Without ``unless`` and ``only`` every vote is meant, or every vote for ``label``. Without a heuristic it returns a
    decorator, which stands above ``@labeling_function``.

    Parameters
    ----------
    heuristic : labeling function in any form; no weak classifier
    unless : it abstains where this holds: a list of words, a compiled regular expression, a condition on columns, or a
        heuristic, which holds where it votes
    only : it abstains where this does not hold
    label : only its votes for this label are meant, by default all
    vote : what it votes in place of these, instead of abstaining
    name : by default that of the heuristic

    Raises
    ------
    HeuristicError
        Both ``unless`` and ``only`` are given, or nothing at all, or something that is none of what is named above.

    Examples
    --------
    >>> from weaklab.heuristics import keywords, labeling_function
    >>> free = amend(keywords("spam", ["free"]), unless=["are you free", "feel free"])
    >>> @amend(label="number", unless=["how do"], vote="description")
    ... @labeling_function
    ... def how(x):
    ...     return "number" if x.text.startswith("how") else None
    >>> free.name, how.name
    ('keywords_spam_free', 'how')
    """
    if unless is not None and only is not None:
        raise HeuristicError("amend() takes unless= or only=, not both; write one amend() around the other")
    if unless is None and only is None and label is None and vote is None:
        raise HeuristicError("amend() needs what to change: unless=, only=, label= or vote=")
    given = only if unless is None else unless
    condition = None if given is None else _condition(given)

    def made(inner: Any) -> Amended:
        from weaklab.heuristics.loading import as_heuristic

        member = as_heuristic(inner)
        if hasattr(member, "fit"):
            raise HeuristicError(f"{member.name!r} is a weak classifier, which amend() does not change; label records")
        return Amended(member, condition, UNLESS if only is None else ONLY, label, vote, name)

    decorator: Callable[[Any], Amended] = made
    return decorator if heuristic is None else made(heuristic)


def _condition(given: Any) -> Heuristic:
    """Return the heuristic that votes where what was given holds; what it votes does not matter."""
    if isinstance(given, Heuristic):
        return given
    if isinstance(given, Expression):
        return Condition(0, given)
    if isinstance(given, re.Pattern):
        return Pattern(0, given)
    if isinstance(given, Iterable) and not isinstance(given, (str, bytes)):
        return Keywords(0, given)
    raise HeuristicError(
        f"unless= and only= take a list of words, a compiled regular expression, a condition on columns or a "
        f"heuristic, got {shortened(given)}"
    )
