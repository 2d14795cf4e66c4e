"""A repair that is proposed for a heuristic: what it changes, what is known of it, and how it stands in Python."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.core.errors import HeuristicError
from weaklab.core.labels import ABSTAIN
from weaklab.core.tables import Table, clean
from weaklab.heuristics import Condition, Heuristic, Keywords, Pattern
from weaklab.heuristics.amended import ONLY, UNLESS
from weaklab.rules.rule import condition_in_words, raw

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from weaklab.core.labels import LabelNames

EXCLUDE, RESTRICT, RELABEL, DROP_LABEL = "exclude", "restrict", "relabel", "drop label"
DROP_WORDS, WHOLE_WORDS, RETIRE = "drop words", "whole words", "retire"


@dataclass(frozen=True)
class Change:
    """What a repair does with the votes of a heuristic.

    Attributes
    ----------
    kind : ``exclude``, ``restrict``, ``relabel``, ``drop label``, ``drop words``, ``whole words`` or ``retire``
    label : the votes that are meant
    condition : where it applies (``exclude``, ``relabel``) or does not (``restrict``); None for all of these votes
    vote : what is voted in their place; None to abstain
    words : that are taken out of a list of keywords
    """

    kind: str
    label: str
    condition: Heuristic | None = None
    vote: str | None = None
    words: tuple[str, ...] = ()

    @property
    def says(self) -> str:
        """The change in words, one line."""
        held = "" if self.condition is None else condition_in_words(self.condition)
        if self.kind == RETIRE:
            return "retire it"
        if self.kind == DROP_WORDS:
            return clean(f"take out {', '.join(map(repr, self.words))}")
        if self.kind == WHOLE_WORDS:
            return "match whole words only"
        if self.kind == RESTRICT:
            return clean(f"vote {self.label} only where {held}")
        what = "abstain" if self.vote is None else f"vote {self.vote}"
        if not held:
            return clean(f"{what} instead of voting {self.label}")
        return clean(f"{what} where {held}" if self.vote is None else f"{what} instead of {self.label} where {held}")

    def votes(self, before: NDArray[np.int8], holds: NDArray[np.bool_], labels: LabelNames) -> NDArray[np.int8]:
        """Return what the heuristic votes after it, int8 (n,).

        Parameters
        ----------
        before : int8 (n,), its votes as they are
        holds : bool (n,), where the condition holds; all True without one
        """
        if self.kind == RETIRE:
            return np.full_like(before, ABSTAIN)
        meant = (before == labels.code(self.label)) & (~holds if self.kind == RESTRICT else holds)
        return np.where(meant, np.int8(ABSTAIN if self.vote is None else labels.code(self.vote)), before)

    def arguments(self, single: bool) -> tuple[str, frozenset[str]]:
        """Return the arguments of ``amend()`` as Python source, and the names that they need from weaklab, and ``re``.

        ``single`` says whether the heuristic votes for this label alone.
        """
        label = None if single and self.condition is not None else self.label
        return amend_arguments(self.condition, ONLY if self.kind == RESTRICT else UNLESS, label, self.vote)


def amend_arguments(
    condition: Heuristic | None, when: str, label: str | int | None, vote: str | int | None
) -> tuple[str, frozenset[str]]:
    """Return arguments of ``amend()`` as Python source, and the names that they need."""
    names = frozenset({"amend"})
    parts = [] if label is None else [f"label={label!r}"]
    if condition is not None:
        text, more = _condition_source(condition)
        names |= more
        parts.append(f"{when}={text}")
    if vote is not None:
        parts.append(f"vote={vote!r}")
    return ", ".join(parts), names


def _condition_source(condition: Heuristic) -> tuple[str, frozenset[str]]:
    if isinstance(condition, Keywords) and not condition.case and condition.column == "text":
        return repr(list(condition.words)), frozenset()
    if isinstance(condition, Pattern) and condition.column == "text":
        flags = int(condition.regex.flags & ~re.UNICODE)
        return f"re.compile({raw(condition.regex.pattern)}{f', {flags}' if flags else ''})", frozenset({"re"})
    if isinstance(condition, Condition):
        return repr(condition.condition), frozenset({"col"})
    raise HeuristicError(f"{condition.name!r} cannot be written as a condition of amend()")


@dataclass(frozen=True, eq=False, repr=False)
class Repair:
    """A change of a heuristic that is wrong on some records, and what it would bring.

    Attributes
    ----------
    heuristic : name of the heuristic
    change : what is changed
    flips : number of its votes that change
    wrong, judged : labels that contradict the votes that change, and all labels on these
    basis : where these labels come from, as in :class:`weaklab.rules.Rule`
    records, records_after : records on which it votes, before and after
    before, before_low, before_high : its precision as it is, with its 95 % interval
    after, after_low, after_high : its precision after the repair; NaN for ``retire``
    gain, gain_low, gain_high : by how much the share of right labels of the committee would grow, with the 95 %
        interval
    changed : number of records whose label would change
    examples : ids of records on which its vote changes, those that labels contradict first
    file, line : where it stands; "" and 0 where it stands in no file
    diff : what accepting writes, as a unified diff
    fingerprint : of the heuristic when the repair was proposed
    """

    heuristic: str
    change: Change
    flips: int
    wrong: int
    judged: int
    basis: str
    records: int
    records_after: int
    before: float
    before_low: float
    before_high: float
    after: float
    after_low: float
    after_high: float
    gain: float
    gain_low: float
    gain_high: float
    changed: int
    examples: tuple[str, ...] = ()
    file: str = ""
    line: int = 0
    diff: str = ""
    fingerprint: str = ""

    @property
    def kind(self) -> str:
        """The kind of change: ``exclude``, ``restrict``, ``relabel``, ``drop label``, ``drop words``, ``whole words``
        or ``retire``.
        """
        return self.change.kind

    @property
    def says(self) -> str:
        """The change in words, one line."""
        return self.change.says

    def to_dict(self) -> dict[str, Any]:
        """Return the repair as JSON values; a precision that is not known is None."""
        held = {name: _known(getattr(self, name)) for name in _FIGURES}
        return {"kind": self.kind, "says": self.says, **held, "examples": list(self.examples), "diff": self.diff}

    def __repr__(self) -> str:
        return (
            f"Repair({clean(self.heuristic)}: {self.says}; {self.flips:,} votes change, precision {self.before:.2f} to "
            f"{self.after:.2f}, gain {100 * self.gain:+.2f} points ({100 * self.gain_low:+.2f} to "
            f"{100 * self.gain_high:+.2f}))"
        )


_FIGURES = (
    "heuristic", "flips", "wrong", "judged", "basis", "records", "records_after", "before", "before_low", "before_high",
    "after", "after_low", "after_high", "gain", "gain_low", "gain_high", "changed", "file", "line",
)  # fmt: skip


def _known(value: Any) -> Any:
    return None if isinstance(value, float) and value != value else value


class Repairs(list[Repair]):
    """Proposed repairs, best first; a list that shows as a table.

    ``gain`` is in points of accuracy.
    """

    def to_pandas(self) -> pd.DataFrame:
        """Return one row a repair, with the attributes of :class:`Repair` as columns."""
        import pandas as pd

        rows: list[Mapping[str, Any]] = [repair.to_dict() for repair in self]
        return pd.DataFrame(rows, columns=["heuristic", "kind", "says", *_FIGURES[1:]])

    @property
    def table(self) -> Table:
        """The repairs as a table."""
        rows = [
            [
                repair.heuristic,
                repair.says,
                repair.flips,
                f"{repair.wrong} of {repair.judged}" if repair.judged else "no label",
                f"{repair.before:.2f} ({repair.before_low:.2f}-{repair.before_high:.2f})",
                "" if repair.kind == RETIRE else f"{repair.after:.2f} ({repair.after_low:.2f}-{repair.after_high:.2f})",
                f"{100 * repair.gain:+.2f} ({100 * repair.gain_low:+.2f} to {100 * repair.gain_high:+.2f})",
                f"{repair.file}:{repair.line}" if repair.file else "",
            ]
            for repair in self
        ]
        title = f"{len(self)} repair{'s' * (len(self) != 1)} proposed" if self else "no repair found that would help"
        columns = ["heuristic", "repair", "votes changed", "wrong", "precision", "after", "gain in points", "where"]
        return Table(title, columns, rows)

    def __repr__(self) -> str:
        return str(self.table)

    def _repr_html_(self) -> str:
        return self.table._repr_html_()
