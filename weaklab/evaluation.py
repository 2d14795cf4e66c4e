"""How good a project's labels are, what more answers would bring, and whether suggestions sway the answers."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.audit import Bias, Estimate, Sample, acceptance_bias, estimate_accuracy, estimate_exported, estimate_precision
from weaklab.base import ABSTAIN
from weaklab.forecast import EXTRA, Forecast, Signal, forecast, kappa, stopping_signal
from weaklab.store import LABEL, Event
from weaklab.tables import Table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from weaklab.history import History
    from weaklab.training import State, Trainer

PREFIXES = (0.4, 0.6, 0.8, 1.0)
"""The learning curve is drawn through the committees that these shares of the labels make."""
ROUNDS_BACK = 3
AHEAD = (50, 100, 200)
"""The curve is continued to so many further labels."""


@dataclass(frozen=True, repr=False)
class Evaluation:
    """What :meth:`weaklab.Project.evaluate` found.

    Attributes
    ----------
    accuracy : of the labels as they are exported, where manual ones count as right
    committee : accuracy of what the committee would say of every record, without its manual label
    heuristics : name -> accuracy on the records that it votes on
    forecast : accuracy of the committee at further labels
    stopping : whether labeling may stop, and why
    acceptance_bias : how much oftener people agree with a suggestion that they see
    n_labels : manual labels that it rests on
    """

    accuracy: Estimate
    committee: Estimate
    heuristics: Mapping[str, Estimate]
    forecast: Forecast
    stopping: Signal
    acceptance_bias: Bias
    n_labels: int

    def table(self) -> Table:
        """Return what to show."""
        rows = [["labels as exported", *_cells(self.accuracy)], ["committee alone", *_cells(self.committee)]]
        rows += [[name, *_cells(estimate)] for name, estimate in self.heuristics.items()]
        notes = [
            f"Estimated from the {self.accuracy.n_audit} records drawn at random; the others were picked for being hard.",
            f"Forecast for the committee: {self.forecast}",
            str(self.stopping),
            f"Acceptance bias: {self.acceptance_bias}",
        ]
        return Table(f"accuracy after {self.n_labels:,} labels", ["", "accuracy", "from", "to", "random records"], rows, notes)

    def __repr__(self) -> str:
        return str(self.table())

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


def _cells(estimate: Estimate) -> list[Any]:
    return [f"{estimate.value:.1%}" if estimate.n_audit else None, f"{estimate.low:.1%}", f"{estimate.high:.1%}", estimate.n_audit]


class Answers:
    """The manual labels of a project in the order in which they were given, and how each record came to be asked about.

    Attributes
    ----------
    rows : int (n,), row numbers
    codes : int (n,)
    sample : for estimates over all records
    """

    def __init__(self, history: History, rows: Mapping[str, int], codes: Mapping[str, int], shared: NDArray[np.int64]) -> None:
        first = {record: event for record, event in history.first_labels().items() if record in rows}
        order = sorted(first, key=lambda record: first[record].id)
        self.rows = np.array([rows[record] for record in order], dtype=np.int64)
        self.codes = np.array([codes[record] for record in order], dtype=np.int64)
        events = [first[record] for record in order]
        at_random = [event.picked_by == "random" and event.asked_after is not None for event in events]
        turn = [-1 if event.asked_after is None else event.asked_after for event in events]
        given = [event.id for event in events]
        # a near-duplicate of a labeled record leaves the pool with it, and its correctness is taken to be the same
        place = {int(row): i for i, row in enumerate(self.rows)}
        self.mates = np.array([place[source] for source in shared[shared >= 0].tolist()], dtype=np.int64)
        self.sample = Sample(
            len(rows),
            np.array(at_random + [False] * len(self.mates), dtype=bool),
            np.array(turn + [-1] * len(self.mates), dtype=np.int64),
            np.array(given + [given[i] for i in self.mates.tolist()], dtype=np.int64),
        )

    def with_mates(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return values, one a labeled record, with those of the near-duplicates behind."""
        return np.concatenate([values, values[self.mates]])

    def first(self, count: int, n: int) -> NDArray[np.int64]:
        """Return the codes int (n,) as they were after so many answers, -1 is unlabeled."""
        y = np.full(n, ABSTAIN, dtype=np.int64)
        y[self.rows[:count]] = self.codes[:count]
        return y


def evaluate(trainer: Trainer, answers: Answers, events: Sequence[Event], every: int) -> Evaluation:
    """Judge a committee by the answers given so far, without judging anything by what it was trained on.

    Leaves the classifiers of the trainer as all answers make them.

    Parameters
    ----------
    trainer : of the project
    answers : its manual labels
    events : its history
    every : how many labels make a round
    """
    n, total = trainer.n, len(answers.rows)
    wanted = {round(total * share) for share in PREFIXES} | {total - every * back for back in range(ROUNDS_BACK + 1)}
    counts = sorted(count for count in wanted if 0 < count <= total) or [0]
    points, predicted, state, correct = [], {}, None, np.zeros(0)
    for count in counts:
        y = answers.first(count, n)
        state = trainer.train(y)
        predicted[count] = state.P.argmax(axis=1)
        correct = _correct(trainer, state, answers)
        estimate = estimate_accuracy(answers.with_mates(correct), answers.sample)
        if estimate.n_audit and count:
            points.append((count, estimate.value, max((estimate.high - estimate.low) / 3.92, 1e-3)))
    assert state is not None
    curve = forecast(points, [total + extra for extra in AHEAD] if total else [])
    y = answers.first(total, n)
    rounds = [total - every * back for back in range(ROUNDS_BACK, -1, -1)]
    rest = y == ABSTAIN
    agreements = [kappa(predicted[a][rest], predicted[b][rest]) for a, b in pairwise(rounds) if a > 0]
    return Evaluation(
        estimate_exported(answers.with_mates(correct), answers.sample),
        estimate_accuracy(answers.with_mates(correct), answers.sample),
        dict(zip(state.votes.names, estimates(state, answers), strict=True)),
        curve,
        stopping_signal(agreements, curve.gain(EXTRA)),
        bias_of(events),
        total,
    )


def _correct(trainer: Trainer, state: State, answers: Answers) -> NDArray[np.float64]:
    """Return whether the committee is right on each labeled record, ties by their chance, as if it did not know the label."""
    P = state.P[answers.rows].copy()
    known = np.flatnonzero(state.y != ABSTAIN)
    place = {int(row): i for i, row in enumerate(known)}
    inside = np.array([i for i, row in enumerate(answers.rows.tolist()) if row in place], dtype=np.int64)
    if len(inside):
        P[inside] = trainer.cross_fitted(state)[[place[row] for row in answers.rows[inside].tolist()]]
    if not len(P):
        return np.zeros(0)
    hit = P.max(axis=1)[:, None] - 1e-9 <= P
    return np.asarray(hit[np.arange(len(P)), answers.codes] / hit.sum(axis=1))


def estimates(state: State, answers: Answers) -> list[Estimate]:
    """Return the accuracy of each heuristic on the records that it votes on."""
    return [_of_heuristic(state, j, answers) for j in range(len(state.votes.names))]


def _of_heuristic(state: State, j: int, answers: Answers) -> Estimate:
    learned = j in state.votes.scores
    votes = state.votes.L[answers.rows, j]
    right, voted = (votes == answers.codes).astype(float), votes != ABSTAIN
    return estimate_precision(
        answers.with_mates(right), answers.with_mates(voted), int((state.votes.L[:, j] != ABSTAIN).sum()), answers.sample, learned=learned
    )


def bias_of(events: Sequence[Event]) -> Bias:
    """Return the acceptance bias of the answers to questions that had a suggestion."""
    asked = [e for e in events if e.kind == LABEL and e.suggestion is not None and e.suggestion_shown is not None]
    return acceptance_bias([e.label == e.suggestion for e in asked], [bool(e.suggestion_shown) for e in asked])
