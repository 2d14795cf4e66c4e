"""Steps that would help a project, with what each brings for a minute of a person's time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from weaklab.core.tables import Table, clean, counted, some_of

if TYPE_CHECKING:
    import pandas as pd

    from weaklab.evaluation.audit import Estimate

LABEL, SETTLE, RULE, REPAIR, RETIRE, WRITE = "label", "settle", "rule", "repair", "retire", "write"
AUDIT, FIX = "audit", "fix"
LEAST_GAIN = 0.0005
"""What brings less is about nothing."""
LABEL_SECONDS, RULE_SECONDS = 10.0, 60.0
"""What a label, and a labeling function or a repair, takes a person."""


@dataclass(frozen=True, repr=False)
class Step:
    """Something that a person can do for the labels.

    Attributes
    ----------
    kind : ``fix`` (a heuristic that fails on many records), ``label``, ``settle``, ``rule`` (accept a proposed rule),
        ``repair``, ``retire``, ``write`` (a labeling function, by hand), or ``audit`` (label random records, which show
        how good the labels are)
    says : what to do, one line
    gain : by how much the share of right labels is expected to grow; 0 where it is not known
    seconds : of a person's time
    why : why it helps, one line
    command : that does it; "" where it takes more than one
    records : ids of the records to label, or examples
    where : file and line of the labeling function; "" for none
    """

    kind: str
    says: str
    gain: float
    seconds: float
    why: str = ""
    command: str = ""
    records: tuple[str, ...] = ()
    where: str = ""

    @property
    def per_minute(self) -> float:
        """The gain for a minute of a person's time."""
        return self.gain * 60 / self.seconds

    @property
    def gain_in_words(self) -> str:
        """The gain in points, and the time, such as ``+1.2 points in 2 min``.

        >>> Step("label", "Label 12 records", 0.0123, 120.0).gain_in_words
        '+1.2 points in 2 min'
        """
        points = f"{100 * self.gain:+.1f}" if self.gain >= LEAST_GAIN else "under 0.1"
        minutes = self.seconds / 60
        time = f"{minutes:.0f} min" if minutes >= 1 else f"{self.seconds:.0f} s"
        if self.kind == AUDIT:
            return f"measures the labels in {time}"
        return f"{points} points in {time}" if self.gain else f"not known, in {time}"

    def to_dict(self) -> dict[str, Any]:
        """Return the step as JSON values."""
        return {**asdict(self), "records": list(self.records), "per_minute": self.per_minute}

    def __repr__(self) -> str:
        return clean(f"Step({self.says}: {self.gain_in_words})", None)


def ranked(steps: list[Step]) -> list[Step]:
    """Return steps with the largest gain for a minute first, each command once."""
    found: dict[tuple[str, str], Step] = {}
    for step in sorted(steps, key=lambda step: -step.per_minute):
        found.setdefault((step.says, step.command), step)
    return list(found.values())


@dataclass(frozen=True, repr=False)
class Disagreement:
    """Records on which the committee disagrees or is unsure for one reason, and the step that helps most.

    Attributes
    ----------
    reason : ``annotators differ``, ``nobody votes``, ``outvoted expert``, ``LF against LF``, ``LF against classifier``,
        ``LF against instance features``, ``classifiers differ`` or ``near tie``
    records : number of records
    errors : how many of their labels are expected to be wrong
    members : names of the heuristics or people that differ
    where : file and line of each member, or a word for its kind; "" for people
    words : that are typical of the records, where nobody votes
    examples : ids of records, the most uncertain first
    step : that helps most for a minute of a person's time
    """

    reason: str
    records: int
    errors: float
    members: tuple[str, ...]
    where: tuple[str, ...]
    words: tuple[str, ...]
    examples: tuple[str, ...]
    step: Step

    @property
    def about(self) -> str:
        """Who differs, or what the records are about, one line."""
        if self.words:
            return clean(f"words: {', '.join(self.words)}")
        return clean(
            " / ".join(_named(name, place) for name, place in zip(self.members, self.where, strict=True)), None
        )

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        lists = {name: list(getattr(self, name)) for name in ("members", "where", "words", "examples")}
        figures = {"reason": self.reason, "records": self.records, "errors": self.errors}
        return {**figures, **lists, "step": self.step.to_dict()}

    def __repr__(self) -> str:
        return f"Disagreement({self.reason}: {counted(self.records, 'record')}; {clean(self.step.says)})"


def _named(name: str, place: str) -> str:
    return f"{name} ({place})" if place else name


class Disagreements(list[Disagreement]):
    """Groups of records with one reason, the one whose step brings most for a minute first; shows as a table.

    Parameters
    ----------
    found : the groups
    counts : reason -> number of all its records, also of those in groups that are not listed
    """

    def __init__(self, found: list[Disagreement], counts: Mapping[str, int]) -> None:
        super().__init__(found)
        self.counts = dict(counts)

    def to_pandas(self) -> pd.DataFrame:
        """Return one row a group, with the attributes of :class:`Disagreement`; ``do``, ``gain`` and ``seconds`` are
        those of its step.
        """
        import pandas as pd

        rows = [
            (d.reason, d.records, d.errors, list(d.members), list(d.where), list(d.words), list(d.examples),
             d.step.says, d.step.gain, d.step.seconds)
            for d in self
        ]  # fmt: skip
        columns = ["reason", "records", "errors", "members", "where", "words", "examples", "do", "gain", "seconds"]
        return pd.DataFrame(rows, columns=columns)

    @property
    def table(self) -> Table:
        """The groups as a table."""
        rows = [
            [d.reason, d.records, round(d.errors), d.about, some_of(d.examples, 3), d.step.says, d.step.gain_in_words]
            for d in self
        ]
        total = sum(self.counts.values())
        title = f"the committee disagrees or is unsure on {counted(total, 'record')}: {self.in_words}"
        columns = ["reason", "records", "errors", "about", "examples", "what helps", "expected gain"]
        return Table(
            title if total else "there is no record on which the committee disagrees or is unsure", columns, rows
        )

    @property
    def in_words(self) -> str:
        """The reasons with the number of their records, one line."""
        most_first = sorted(self.counts.items(), key=lambda each: -each[1])
        return ", ".join(f"{reason} {count:,}" for reason, count in most_first if count)

    def __repr__(self) -> str:
        return str(self.table)

    def _repr_html_(self) -> str:
        return self.table._repr_html_()


@dataclass(frozen=True, repr=False)
class NextSteps:
    """The best next steps of a project, the one with the largest gain for a minute first.

    Attributes
    ----------
    project : its name
    records, labels, heuristics : how many there are
    expected_error : share of the labels that are expected to be wrong, by the committee's own probabilities
    accuracy : of the labels as exported, measured by random answers, as in :meth:`weaklab.Project.evaluate`; None where
        these are too few
    steps : the steps
    disagreements : where the committee disagrees, by reason
    """

    project: str
    records: int
    labels: int
    heuristics: int
    expected_error: float
    steps: list[Step] = field(default_factory=list)
    disagreements: Disagreements = field(default_factory=lambda: Disagreements([], {}))
    accuracy: Estimate | None = None

    @property
    def title(self) -> str:
        """The project in one line."""
        have = f"{counted(self.records, 'record')}, {counted(self.labels, 'label')}"
        return f"{self.project}: {have}, {counted(self.heuristics, 'heuristic')}{self._wrong}"

    @property
    def _wrong(self) -> str:
        """How many labels are wrong: measured where it is known, else what the committee expects."""
        if self.accuracy is not None:
            wrong, low, high = (100 * (1 - x) for x in (self.accuracy.value, self.accuracy.high, self.accuracy.low))
            drawn = f", 95 % interval from {counted(self.accuracy.n_audit, 'random answer')}"
            rests = "every record is labeled" if math.isinf(self.accuracy.n_eff) else f"{low:.1f}-{high:.1f} %{drawn}"
            return f"; {wrong:.1f} % of the labels as exported are wrong ({rests})"
        expected = f"; {100 * self.expected_error:.1f} % of the labels are expected to be wrong, by the committee alone"
        return expected if self.records and self.labels else ""

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        figures = {name: getattr(self, name) for name in ("project", "records", "labels", "heuristics")}
        return {
            **figures,
            "expected_error": self.expected_error,
            "accuracy": None if self.accuracy is None else asdict(self.accuracy),
            "steps": [step.to_dict() for step in self.steps],
            "reasons": self.disagreements.counts,
        }

    def table(self) -> Table:
        """Return the steps as a table for display."""
        rows = [[n, step.says, step.gain_in_words, step.why, step.command] for n, step in enumerate(self.steps, 1)]
        return Table(self.title, ["", "do", "expected gain", "why", "command"], rows)

    def __repr__(self) -> str:
        return str(self.table())

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()
