"""Evaluation of a project: accuracy of its labels, forecast for more labels, and effect of suggestions on answers."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.core.advice import random_answers
from weaklab.core.events import LABEL, Event
from weaklab.core.labels import ABSTAIN
from weaklab.core.progress import tracked
from weaklab.core.rows import is_tied, row_argmax
from weaklab.core.tables import Table, counted
from weaklab.evaluation.audit import (
    LEAST_ANSWERS,
    NOT_KNOWN,
    Bias,
    Estimate,
    Sample,
    acceptance_bias,
    estimate_accuracy,
    estimate_exported,
    estimated_from,
    without_figure,
)
from weaklab.evaluation.forecast import EXTRA, Forecast, Signal, forecast, kappa, stopping_signal
from weaklab.evaluation.precision import held_out
from weaklab.evaluation.reliability import hits_of
from weaklab.strategies import picks_by_opinion
from weaklab.training.trainer import FOLDS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from weaklab.training.trainer import More, Opinion, Trainer

PREFIXES = (0.4, 0.6, 0.8, 1.0)
"""The learning curve is drawn through, and fitted to, committees that are trained on these shares of the labels."""
ROUNDS_BACK = 3
AHEAD = (50, 100, 200)
"""The accuracy is forecast for these numbers of further labels."""
AS_EXPORTED, COMMITTEE_ALONE = "labels as exported", "committee alone"
MEANING = f"{AS_EXPORTED}: manual labels count as right. {COMMITTEE_ALONE}: on all records, as if none had one."


@dataclass(frozen=True, repr=False)
class Evaluation:
    """The result of :meth:`weaklab.Project.evaluate`.

    Attributes
    ----------
    accuracy : accuracy of the exported labels, among which manual labels count as right
    committee : accuracy of the committee on all records, without their manual labels
    heuristics : name -> accuracy on the records that the heuristic votes on
    forecast : expected accuracy of the committee with more labels
    stopping : whether labeling may stop, and why
    acceptance_bias : how much more often people agree with a suggestion if they see it
    n_labels : number of manual labels that were used
    """

    accuracy: Estimate
    committee: Estimate
    heuristics: Mapping[str, Estimate]
    forecast: Forecast
    stopping: Signal
    acceptance_bias: Bias
    n_labels: int

    def table(self) -> Table:
        """Return the result as a table for display."""
        rows = [[AS_EXPORTED, *_cells(self.accuracy)], [COMMITTEE_ALONE, *_cells(self.committee)]]
        rows += [[name, *_cells(estimate)] for name, estimate in self.heuristics.items() if estimate.known]
        unknown = {name: estimate.n_audit for name, estimate in self.heuristics.items() if not estimate.known}
        notes = [
            *([MEANING] if self.accuracy.known else []),
            _rests_on(self.accuracy, self.n_labels),
            *([without_figure("accuracy", unknown, "heuristic")] if unknown else []),
            *(
                [f"Forecast for the {COMMITTEE_ALONE}: {self.forecast}"]
                if len(self.forecast.at) or not self.forecast.n_points
                else []
            ),
            str(self.stopping),
            f"Acceptance bias: {self.acceptance_bias}",
        ]
        return Table(
            f"accuracy after {counted(self.n_labels, 'label')}",
            ["", "accuracy", "from", "to", "random records"],
            rows,
            notes,
        )

    def __repr__(self) -> str:
        return str(self.table())

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


def _cells(estimate: Estimate) -> list[Any]:
    return [*estimate.cells, estimate.n_audit]


def _rests_on(accuracy: Estimate, n_labels: int) -> str:
    """Return a sentence about the answers that the estimates use, or about what is missing for an estimate."""
    n = accuracy.n_audit
    drawn = f"{n:,} random answer{'s' * (n != 1)}"
    if accuracy.known:
        return "Every record is labeled." if np.isinf(accuracy.n_eff) else estimated_from(n, n_labels)
    if n >= LEAST_ANSWERS:
        left = f"{drawn} leave {accuracy.low:.0%} to {accuracy.high:.0%} open"
        return f"{NOT_KNOWN.capitalize()}: {left}; get more with {random_answers()}."
    missing = f"a figure takes {LEAST_ANSWERS} random answers, and there {'is' if n == 1 else 'are'} {n}"
    more = LEAST_ANSWERS - n
    return f"{NOT_KNOWN.capitalize()}: {missing}; get {more} more with {random_answers(more)}."


def _labels(P: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the label codes; ABSTAIN for a tie, so that the order of the classes has no effect."""
    return np.where(is_tied(P), ABSTAIN, row_argmax(P))


class Answers:
    """The manual labels of a project in the order in which they were given, and how each record was picked.

    Attributes
    ----------
    rows : int (n,), row numbers of the labeled records
    codes : int (n,), their labels
    at_random : bool (n,), whether the record was drawn at random
    picked : bool (n,), whether it was asked about because of what the committee said of it
    among_all : bool (n,), the answers that are a random sample of the first ``covered`` records of the corpus
    covered : number of these records; nothing is known about the records after them
    strata : int, the row numbers at which the strata of the corpus end
    """

    def __init__(
        self,
        first_labels: Mapping[str, Event],
        rows: Mapping[str, int],
        codes: Mapping[str, int],
        shared: NDArray[np.int64],
        imports: Sequence[tuple[int, str]],
        removed: Sequence[int] = (),
    ) -> None:
        first = {record: event for record, event in first_labels.items() if record in rows and record in codes}
        order = sorted(first, key=lambda record: first[record].id)
        self.rows = np.array([rows[record] for record in order], dtype=np.int64)
        self.codes = np.array([codes[record] for record in order], dtype=np.int64)
        events = [first[record] for record in order]
        at_random = [event.picked_by == "random" and event.asked_after is not None for event in events]
        self.at_random = np.array(at_random, dtype=bool)
        self.picked = np.array([picks_by_opinion(event.picked_by) for event in events], dtype=bool)
        turn = [-1 if event.asked_after is None else event.asked_after for event in events]
        self.given = given = [event.id for event in events]
        asked = self._picked_after(events, turn, imports, removed or [0] * len(imports))
        self.among_all, self.covered = self._random_sample(np.array(asked, dtype=object), imports, len(rows))
        # when a record gets a label, its near-duplicates share it and leave the pool at the same time
        place = {int(row): i for i, row in enumerate(self.rows)}
        self.mate_rows = np.flatnonzero(shared >= 0)
        self.mates = np.array([place[source] for source in shared[self.mate_rows].tolist()], dtype=np.int64)
        self._at_random = np.array(at_random + [False] * len(self.mates), dtype=bool)
        self._turn = np.array(turn + [-1] * len(self.mates), dtype=np.int64)
        self._given = np.array(given + [given[i] for i in self.mates.tolist()], dtype=np.int64)
        self.strata = strata_of(imports, [at for at, drawn in zip(asked, at_random, strict=True) if drawn])
        if self.strata[-1] != len(rows):
            self.strata = np.array([len(rows)])

    def _picked_after(
        self,
        events: Sequence[Event],
        turn: Sequence[int],
        imports: Sequence[tuple[int, str]],
        removed: Sequence[int],
    ) -> list[str]:
        """Return for each answer a UTC time after which its record was certainly picked, as late as possible.

        A record is picked after the answers that were known then. It is also picked after an import that contained it,
        and after an import without which the pool could not have been as large as it was; records that were removed
        since may have been in the pool.
        """
        known = np.searchsorted(self.given, turn, side="right")
        times = ["", *(event.at for event in events)]
        asked = [times[count] for count in known.tolist()]
        pool = np.array([event.pool_size or 0 for event in events], dtype=np.int64)
        end = 0
        gone = 0
        for (records, at), fewer in zip(imports, removed, strict=True):
            unlabeled = gone + end - np.concatenate([[0], np.cumsum(self.rows < end)])[known]
            after = (self.rows >= end) | (pool > unlabeled)
            asked = [max(time, at) if later else time for time, later in zip(asked, after.tolist(), strict=True)]
            end += records
            gone += fewer
        return asked

    def _random_sample(
        self, asked: NDArray[Any], imports: Sequence[tuple[int, str]], n: int
    ) -> tuple[NDArray[np.bool_], int]:
        """Return which answers are a random sample of the first records of the corpus, and the number of these records.

        These records end with an import. If a later import is chosen, more records are covered; if an earlier one is
        chosen, the sample has more answers. The choice minimizes the share of records that are not covered plus the
        error of the sample, 1 / sqrt(answers). It does not depend on any label.
        """
        ends = np.cumsum([records for records, _ in imports]).tolist()
        times = [at for _, at in imports]
        choices = list(zip(ends, times, strict=True)) if ends and ends[-1] == n else [(n, max(times, default=""))]
        found = (np.zeros(len(self.rows), dtype=bool), n)
        least = np.inf
        for end, at in choices:
            mine = self.at_random & (self.rows < end) & np.array([time >= at for time in asked], dtype=bool)
            cost = 1 - end / max(n, 1) + 1 / np.sqrt(mine.sum()) if mine.any() else np.inf
            if cost <= least and mine.any():
                found, least = (mine, end), cost
        return found

    def parts(self, among: NDArray[np.bool_] | None = None) -> list[tuple[int, NDArray[np.bool_], Sample]]:
        """Return for each stratum its number of records, which of :attr:`all_rows` are in it, and its sample.

        Records that were imported after random draws could not be drawn then. Therefore they are a stratum of their
        own.

        Parameters
        ----------
        among : bool (n,), the records to use; all by default
        """
        found = []
        for low, high in pairwise([0, *self.strata.tolist()]):
            inside = (self.all_rows >= low) & (self.all_rows < high)
            size = high - low
            if among is not None:
                inside &= among[self.all_rows]
                size = int(among[low:high].sum())
            found.append((size, inside, Sample(size, self._at_random[inside], self._turn[inside], self._given[inside])))
        return found

    @property
    def all_rows(self) -> NDArray[np.int64]:
        """The labeled rows, followed by the rows of near-duplicates that share an answer."""
        return np.concatenate([self.rows, self.mate_rows])

    @property
    def all_codes(self) -> NDArray[np.int64]:
        """The answers for :attr:`all_rows`."""
        return np.concatenate([self.codes, self.codes[self.mates]])

    def first(self, count: int, n: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return the codes after the first ``count`` answers, int (n,), -1 is unlabeled, and which were picked."""
        y, picked = np.full(n, ABSTAIN, dtype=np.int64), np.zeros(n, dtype=bool)
        y[self.rows[:count]], picked[self.rows[:count]] = self.codes[:count], self.picked[:count]
        return y, picked


FEW_FOLDS = 5
"""Number of folds for committees of earlier rounds; fewer are enough, because only the trend is needed."""


def evaluate(
    trainer: Trainer,
    answers: Answers,
    events: Sequence[Event],
    every: int,
    more: Callable[[int], More | None],
    progress: bool = False,
) -> Evaluation:
    """Evaluate a committee with the answers given so far; everything that learns is judged out-of-fold.

    Parameters
    ----------
    trainer : trainer of the project
    answers : manual labels of the project
    events : all events of the project
    every : number of labels per round
    more : function that takes an event id and returns the labeled records outside the corpus at that time
    progress : whether to show a progress bar
    """
    n, total = trainer.n, len(answers.rows)
    rounds = [total - every * back for back in range(ROUNDS_BACK, -1, -1)]
    on_curve = set(_curve_counts(total))
    counts = sorted(count for count in {*on_curve, *rounds} if 0 < count <= total) or [0]
    points, predicted = [], {}
    for count in tracked(counts, progress, len(counts), "evaluating", "trainings", lambda _: 1):
        y, picked = answers.first(count, n)
        state = trainer.train(y, more(answers.given[count - 1] if count else 0), picked)
        predicted[count] = _labels(state.P)
        if count in on_curve or count == counts[-1]:
            correct = _correct(trainer, state, answers, FOLDS if count == counts[-1] else FEW_FOLDS)
            estimate = _estimated(correct, answers)
        if count in on_curve and estimate.known:
            points.append((count, estimate))
    curve = _forecast_from(points, total, n)
    rest = y == ABSTAIN
    agreements = [kappa(predicted[a][rest], predicted[b][rest]) for a, b in pairwise(rounds) if a > 0]
    return Evaluation(
        _estimated(correct, answers, exported=True),
        estimate,
        dict(zip(state.votes.names, estimates(state, answers), strict=True)),
        curve,
        Signal(True, "Every record has a label.") if not rest.any() else stopping_signal(agreements, curve.gain(EXTRA)),
        bias_of(events),
        total,
    )


def _correct(trainer: Trainer, state: Opinion, answers: Answers, folds: int) -> NDArray[np.float64]:
    """Return how right the committee is on each record with an answer, out-of-fold; a tie of t classes counts 1 / t.

    A near-duplicate gets the value of the record that it shares the answer with: for its own text, the committee would
    not be out-of-fold.
    """
    right = hits_of(held_out(trainer, state, answers.rows, folds), answers.codes)
    return np.concatenate([right, right[answers.mates]])


def accuracy_now(trainer: Trainer, state: Opinion, answers: Answers, between: Callable[[], None]) -> Estimate:
    """Return the accuracy of the committee on all records, without their manual labels, as of its last training.

    That of :func:`evaluate`, with fewer folds and no training of classifiers, so that it can follow every training. It
    is not known, and nothing is fitted, where there are too few random answers.

    Parameters
    ----------
    between : called before each fold; may raise to end it all
    """
    drawn = int(answers.at_random.sum())
    if drawn < LEAST_ANSWERS and len(answers.all_rows) < trainer.n:
        return Estimate(float("nan"), 0.0, 1.0, drawn, 0.0)
    trainer.cross_fitted(state, FEW_FOLDS, between)  # the trainer keeps it for the next line
    return _estimated(_correct(trainer, state, answers, FEW_FOLDS), answers)


def learning_curve(
    trainer: Trainer, state: Opinion, answers: Answers, more: Callable[[int], More | None]
) -> tuple[list[tuple[int, Estimate]], Forecast]:
    """Return the accuracy of the committee with a part of the labels and with all, and its forecast for more labels.

    That of :func:`evaluate`, without the trainings that only tell whether to stop. All points are judged by all random
    answers, out-of-fold. Points that are not known are left out. The classifiers of the trainer are trained on a part
    of the labels then.

    Parameters
    ----------
    state : the committee, trained on all labels
    """
    total = len(answers.rows)
    points = [(total, _estimated(_correct(trainer, state, answers, FOLDS), answers))] if total else []
    if points and points[0][1].known:
        for count in _curve_counts(total)[:-1]:
            y, picked = answers.first(count, trainer.n)
            part = trainer.train(y, more(answers.given[count - 1]), picked)
            points.append((count, _estimated(_correct(trainer, part, answers, FEW_FOLDS), answers)))
    points = sorted((point for point in points if point[1].known), key=lambda point: point[0])
    return points, _forecast_from(points, total, trainer.n)


def _curve_counts(total: int) -> list[int]:
    """Return the numbers of labels at which the learning curve is measured, the last one is all of them."""
    return sorted({round(total * share) for share in PREFIXES} - {0})


def _forecast_from(points: Sequence[tuple[int, Estimate]], total: int, n: int) -> Forecast:
    """Return the forecast for more labels, as far as there are records for them."""
    fitted = [(count, found.value, max((found.high - found.low) / 3.92, 1e-3)) for count, found in points]
    return forecast(fitted, [total + extra for extra in AHEAD if total + extra <= n] if total else [])


def estimates(state: Opinion, answers: Answers) -> list[Estimate]:
    """Return the accuracy of each heuristic on the records that it votes on."""
    return [_of_heuristic(state, j, answers) for j in range(len(state.votes.names))]


def _of_heuristic(state: Opinion, j: int, answers: Answers) -> Estimate:
    learned = j not in state.votes.not_learned
    votes = state.votes.L[:, j]
    mine = votes[answers.all_rows]
    return _estimated((mine == answers.all_codes).astype(float), answers, among=votes != ABSTAIN, learned=learned)


def _estimated(
    correct: NDArray[np.float64],
    answers: Answers,
    *,
    among: NDArray[np.bool_] | None = None,
    exported: bool = False,
    learned: bool = False,
) -> Estimate:
    """Combine the estimates of all strata, for all records or those in ``among``.

    ``correct`` has one entry for each of ``answers.all_rows``.
    """
    parts = [part for part in answers.parts(among) if part[0]]
    found = []
    for size, inside, sample in parts:
        one = (
            estimate_exported(correct[inside], sample)
            if exported
            else estimate_accuracy(correct[inside], sample, learned=learned)
        )
        found.append((size, one))
    return combined(found)


def combined(parts: Sequence[tuple[int, Estimate]]) -> Estimate:
    """Combine estimates of strata, given as (number of records, estimate), into one for all records.

    The distances of the interval bounds from the values are combined as a root of squares, because the estimates are
    independent: Zou and Donner (2008), Construction of confidence limits about effect measures: a general approach,
    Statistics in Medicine. A stratum without random picks, such as records that were imported after the last one, has
    only certain bounds. They widen the interval by its share. For the value, such a stratum is assumed to be like the
    others, within its bounds.

    >>> combined([(10, Estimate(1.0, 1.0, 1.0, 0, float("inf"))), (10, Estimate(0.5, 0.2, 0.8, 9, 9.0))]).low
    0.6
    >>> combined([(90, Estimate(0.8, 0.7, 0.9, 60, 60.0)), (10, Estimate(float("nan"), 0.0, 1.0, 0, 0.0))])
    80.0 % (63.0-91.0 %, 95 % interval from 60 random answers)
    """
    total = sum(size for size, _ in parts)
    if len(parts) == 1 or not total:
        return parts[0][1] if parts else Estimate(float("nan"), 0.0, 1.0, 0, 0.0)
    estimated = [(size, one) for size, one in parts if not np.isnan(one.value)]
    n_estimated = sum(size for size, _ in estimated)
    typical = sum(size * one.value for size, one in estimated) / n_estimated if n_estimated else float("nan")
    low = high = value = below = above = 0.0
    for size, one in parts:
        share = size / total
        if np.isnan(one.value):
            value += share * float(np.clip(typical, one.low, one.high))
            low, high = low + share * one.low, high + share * one.high
        else:
            value += share * one.value
            low, high = low + share * one.value, high + share * one.value
            below, above = below + (share * (one.value - one.low)) ** 2, above + (share * (one.high - one.value)) ** 2
    n_audit = sum(one.n_audit for _, one in parts)
    n_eff = (
        float("inf")
        if all(np.isinf(one.n_eff) for _, one in parts)
        else sum(one.n_eff for _, one in parts if np.isfinite(one.n_eff))
    )
    return Estimate(value, max(low - below**0.5, 0.0), min(high + above**0.5, 1.0), n_audit, float(n_eff))


def strata_of(imports: Sequence[tuple[int, str]], drawn: Sequence[str]) -> NDArray[np.int64]:
    """Return the row numbers at which the strata end.

    A new stratum begins with an import if records were drawn at random since the import before it.

    Parameters
    ----------
    imports : (number of records, UTC time) of each import, oldest first
    drawn : UTC times of the random draws

    >>> strata_of([(100, "2026-01-01"), (50, "2026-01-02"), (10, "2026-01-04")], ["2026-01-03"]).tolist()
    [150, 160]
    """
    ends: list[int] = []
    before, end = 0, 0
    for records, at in imports:
        seen = sum(time < at for time in drawn)
        if ends and seen == before:
            ends.pop()
        end, before = end + records, seen
        ends.append(end)
    return np.array(ends or [0], dtype=np.int64)


def bias_of(events: Sequence[Event]) -> Bias:
    """Return the acceptance bias of the answers to questions that had a suggestion."""
    asked = [e for e in events if e.kind == LABEL and e.suggestion is not None and e.suggestion_shown is not None]
    return acceptance_bias([e.label == e.suggestion for e in asked], [bool(e.suggestion_shown) for e in asked])
