"""What the heuristics of a project do, as a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from weaklab.core.tables import MOST_NAMED, Table, counted, some_of
from weaklab.evaluation.audit import LEAST_ANSWERS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from weaklab.evaluation.audit import Estimate
    from weaklab.training.trainer import Opinion
    from weaklab.voting.committee import Committee


@dataclass(frozen=True)
class ProjectFacts:
    """What a summary says beside its table.

    Attributes
    ----------
    name : of the project
    committee : its members
    status : see :meth:`weaklab.Project.status`
    disputed : how many records people labeled differently, without that somebody settled it
    load_errors : what could not be loaded from files of labeling functions
    old_names : which heuristics vote a former name of a label
    """

    name: str
    committee: Committee
    status: Mapping[str, Any]
    disputed: int
    load_errors: Sequence[str]
    old_names: Sequence[str] = ()


class Summary:
    """What the heuristics of a project do; a table in a notebook, text elsewhere, :meth:`to_pandas` for the numbers."""

    def __init__(self, facts: ProjectFacts, state: Opinion, frame: pd.DataFrame, estimates: Sequence[Estimate]) -> None:
        self._facts, self._state, self._frame, self._estimates = facts, state, frame, estimates

    @property
    def estimates(self) -> Sequence[Estimate]:
        """The accuracy of each heuristic on the records that it votes on."""
        return self._estimates

    def to_pandas(self) -> pd.DataFrame:
        """Return the frame of :func:`weaklab.evaluation.analysis.summary` with ``faults``, ``location`` and the
        estimated accuracy.

        ``estimated_accuracy`` with its 95% interval ``estimated_low`` to ``estimated_high`` is over all records that a
        heuristic votes on, from the ``n_audit`` ones that were drawn at random.
        """
        counts = dict.fromkeys(self._state.votes.names, 0)
        for fault in self._state.votes.faults:
            counts[fault.heuristic] += fault.count
        places = [h.where for h in self._facts.committee.heuristics]
        frame = self._frame.assign(faults=list(counts.values()), location=places)
        for name, field in (("accuracy", "value"), ("low", "low"), ("high", "high")):
            frame[f"estimated_{name}"] = [getattr(estimate, field) for estimate in self._estimates]
        return frame.assign(n_audit=[estimate.n_audit for estimate in self._estimates])

    def table(self) -> Table:
        """Return what to show."""
        frame = self.to_pandas()
        rows = []
        for (name, row), estimate in zip(frame.iterrows(), self._estimates, strict=True):
            judged = _share(row.accuracy, row.accuracy_low, row.accuracy_high, row.n_labels)
            rows.append(
                [
                    name,
                    ", ".join(row.polarity),
                    f"{row.coverage:.1%}",
                    f"{row.overlaps:.1%}",
                    f"{row.conflicts:.1%}",
                    judged,
                    estimate.short,
                    int(row.faults),
                    row.location,
                ]
            )
        columns = [
            "heuristic",
            "votes",
            "coverage",
            "overlaps",
            "conflicts",
            "right on labels",
            "right on all",
            "faults",
            "where",
        ]
        status = self._facts.status
        notes = [self._line(status), *self._waiting(), *(f"fault: {fault}" for fault in self._state.votes.faults)]
        disputed = self._facts.disputed
        if disputed:
            were = f"{counted(disputed, 'record')} {'was' if disputed == 1 else 'were'}"
            notes.append(f"{were} labeled differently by several people: `weaklab review PROJECT` lists them")
        notes += [f"not loaded: {message}" for message in self._facts.load_errors]
        notes += [f"old label name: {message}" for message in self._facts.old_names]
        return Table(
            f"{self._facts.name}: {counted(status['records'], 'record')}",
            columns,
            rows,
            notes,
        )

    def _line(self, status: Mapping[str, Any]) -> str:
        expected = list(status["expected_shares"].items())
        if len(expected) > MOST_NAMED:
            expected.sort(key=lambda item: -item[1])
        shares = some_of([f"{label} {share:.0%}" for label, share in expected])
        parts = [
            f"{status['coverage']:.1%} covered",
            f"{status['conflicts']:,} in conflict",
            f"mean confidence {status['mean_confidence']:.3f}",
            counted(status["manual_labels"], "manual label"),
            f"expected {shares}",
        ]
        if "accuracy" in status:
            parts.append(f"accuracy {status['accuracy']:.1%} by the gold column")
        return "; ".join(parts)

    def _waiting(self) -> list[str]:
        votes = self._state.votes  # the classifiers themselves may not be trained
        voting = {votes.names[j] for j in votes.scores}
        return [
            f"{c.name} waits for {c.min_labels} labels of two classes"
            if self._facts.status["manual_labels"] < c.min_labels
            else f"{c.name} has no vote: it takes labels of two classes, and text or numbers to learn from"
            for c in self._facts.committee.classifiers
            if c.name not in voting
        ]

    def __repr__(self) -> str:
        return str(self.table())

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


def _share(value: float, low: float, high: float, n: int) -> str:
    """Return a share with its interval; few answers are counted, not made a share."""
    if n >= LEAST_ANSWERS:
        return f"{value:.2f} ({low:.2f}-{high:.2f}, n={n})"
    return f"{round(value * n)} of {n}" if n else ""
