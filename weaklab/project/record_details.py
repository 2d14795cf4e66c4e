"""All that is known of one record: its columns, the votes, the label and why, and what people said."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from weaklab.core.errors import WeaklabError
from weaklab.core.record_lines import value_text
from weaklab.core.tables import MAX_TEXT, Table, clean, some_of

if TYPE_CHECKING:
    from weaklab.project.project import Project
    from weaklab.training.explanations import Explanation

SHOWN_TEXT = 2000
"""Characters of the text that are shown."""


@dataclass(frozen=True, repr=False)
class RecordDetails:
    """One record of a project; a table in a notebook.

    Attributes
    ----------
    id, text : of the record; the text is None where there is no text column
    label : manual or most probable; None where nothing tells the best two labels apart
    confidence : 0 (undecided) to 1 (sure)
    manual : whether a person gave the label
    reason : what decided, as in :class:`weaklab.project.records.RecordTable`
    probabilities : label -> probability
    votes : heuristic -> label, None where it abstains
    columns : the other columns of the record
    answers : annotator -> label, the last one of each person that stands
    explanation : what each member added to the log-odds; None where the label model cannot say
    """

    id: str
    text: str | None
    label: str | None
    confidence: float
    manual: bool
    reason: str
    probabilities: dict[str, float]
    votes: dict[str, str | None]
    columns: dict[str, Any]
    answers: dict[str, str]
    explanation: Explanation | None

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as a dict; of the explanation the log-odds of each member."""
        found = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "explanation"}
        parts = None if self.explanation is None else {part.member: part.log_odds for part in self.explanation.parts}
        return {**found, "log_odds": parts}

    def tables(self) -> list[Table]:
        """Return what to show: the record, and the votes."""
        shown = [[name, value_text(value, MAX_TEXT)] for name, value in self.columns.items()]
        title = f"{self.id}: {self.label or 'no label'} ({self.reason}), confidence {self.confidence:.3f}"
        shares = sorted(self.probabilities.items(), key=lambda item: -item[1])
        notes = [] if self.text is None else [f"text: {clean(self.text, SHOWN_TEXT)}"]
        notes.append(some_of([f"{label} {share:.3f}" for label, share in shares]))
        if self.answers:
            notes.append("labeled by " + ", ".join(f"{who}: {label}" for who, label in self.answers.items()))
        return [Table(title, ["column", "value"], shown, notes), self._votes()]

    def _votes(self) -> Table:
        why = self.explanation
        parts = [] if why is None else why.parts
        rows = [[part.member, part.vote, part.confidence, part.log_odds] for part in parts]
        said = {part.member for part in parts}
        rows += [[name, vote, None, None] for name, vote in self.votes.items() if name not in said]
        title = "votes" if why is None else f"votes, and log-odds for {why.label} against {why.runner_up}"
        notes = [] if why is None else why.crowd_notes()
        return Table(title, ["member", "vote", "confidence", "log-odds"], rows, notes)

    def __repr__(self) -> str:
        return "\n".join(map(str, self.tables()))

    def _repr_html_(self) -> str:
        return "".join(table._repr_html_() for table in self.tables())


def details(project: Project, record: dict[str, Any]) -> RecordDetails:
    """Return the details of a record.

    Parameters
    ----------
    record : as iterating over :class:`weaklab.project.records.RecordTable` gives it, ``votes`` of all heuristics
    """
    explanation = None
    with contextlib.suppress(WeaklabError):  # not every label model adds up what its members say
        explanation = project.explain(record["id"])
    given = _labels_by(project, record["id"]) if record["manual"] else {}
    return RecordDetails(**record, answers=given, explanation=explanation)


def _labels_by(project: Project, record: str) -> dict[str, str]:
    """Return annotator -> the last label of theirs that stands."""
    given = project.answers(record=record, kind="label", standing=True)
    return dict(zip(given["annotator"], given["label"], strict=True))
