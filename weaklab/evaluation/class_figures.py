"""Precision, recall, F1 and confusion matrix of labels, estimated from the records that were drawn at random."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from weaklab.evaluation.audit import Estimate, enough, estimate_accuracy, weigh
from weaklab.evaluation.evaluation import combined

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from weaklab.evaluation.evaluation import Answers

DRAWS = 8000
"""Intervals of recall and F1 are quantiles of this number of draws."""


@dataclass(frozen=True)
class Count:
    """A number of records, estimated.

    Attributes
    ----------
    value, low, high : the number and its 95 % interval; the value is nan if no random answer tells
    draws : float (DRAWS,), numbers that the random answers allow; empty where nobody needs them
    n_audit, n_eff : random answers behind it, and their effective number
    """

    value: float
    low: float
    high: float
    draws: NDArray[np.float64]
    n_audit: int
    n_eff: float

    @property
    def known(self) -> bool:
        """Whether enough random answers tell to show the number."""
        return enough(self.n_audit, self.n_eff) and not np.isnan(self.value)

    def plus(self, known: float) -> Count:
        """Return the count with some more records, whose number is known."""
        low, high = self.low + known, self.high + known
        return Count(self.value + known, low, high, self.draws + known, self.n_audit, self.n_eff)

    def share_of(self, total: float) -> Estimate:
        """Return the count as a share of a known number of records."""
        if not total:
            return Estimate(float("nan"), 0.0, 1.0, 0, 0.0)
        value, low, high = (float(np.clip(each / total, 0, 1)) for each in (self.value, self.low, self.high))
        return Estimate(value, low, high, self.n_audit, self.n_eff)


@dataclass(frozen=True)
class ClassFigures:
    """How right labels are for one class; figures come with their intervals.

    Attributes
    ----------
    precision : share of the records with this label that are of this class
    recall : share of the records of this class that have this label
    f1 : harmonic mean of both
    labeled : number of records with this label, which is known
    records : share of all records that are of this class
    """

    precision: Estimate
    recall: Estimate
    f1: Estimate
    labeled: int
    records: Estimate


class JudgedLabels:
    """Labels of all records, judged by the answers.

    Parameters
    ----------
    predicted : int (n,), the label of each record, without its manual label; -1 for none
    held_out : int (a,), the label of each of ``answers.all_rows``, from a model that did not know the answer
    answers : the answers
    exported : whether manual labels replace what is predicted, and count as right
    among : bool (n,), the records to judge; all by default
    among_answers : bool (a,), the same for ``answers.all_rows``, where it is held out, too

    Notes
    -----
    The records with a label and those without it are two parts, and the number of records in each is known. The random
    answers in a part are a uniform draw from its unlabeled records, so the share of a class in each part is estimated
    by :func:`weaklab.evaluation.audit.estimate_accuracy`, which allows for how the other records were picked. With B
    right records of the M that have the label, and A missed ones that do not,

        precision = B / M,   recall = B / (A + B),   F1 = 2 B / (A + B + M).

    A and B come from different parts, so they are independent. The intervals of recall and F1 are quantiles over draws
    of A and B that the answers allow, see :meth:`weaklab.evaluation.audit.Weighted.draws`.
    """

    def __init__(
        self,
        predicted: NDArray[np.int64],
        held_out: NDArray[np.int64],
        answers: Answers,
        *,
        exported: bool = False,
        among: NDArray[np.bool_] | None = None,
        among_answers: NDArray[np.bool_] | None = None,
    ) -> None:
        self.predicted, self.held_out, self.answers, self.exported = predicted, held_out, answers, exported
        rows = answers.all_rows
        inside = np.ones(len(predicted), dtype=bool) if among is None else among
        self._answered = inside[rows] if among_answers is None else among_answers
        self._free = inside.copy()
        """The records to judge that have no answer."""
        self._free[rows] = False
        self._truth, self._parts = answers.all_codes, answers.parts()
        self._without_hits: dict[int, Count] = {}

    @property
    def n_records(self) -> int:
        """Number of records that are judged."""
        return int(self._free.sum() + self._answered.sum())

    @property
    def n_audit(self) -> int:
        """Number of random answers among them."""
        return self._drawn(self._answered)

    @property
    def n_answers(self) -> int:
        """Number of answers that people gave to them; shared answers are not counted."""
        return int(self._answered[: len(self.answers.rows)].sum())

    def accuracy(self) -> Estimate:
        """Return the share of records whose label is right; no label is not right."""
        everywhere, held = np.ones(len(self._free), dtype=bool), np.ones(len(self._truth), dtype=bool)
        right = self._count(everywhere, held, self.held_out == self._truth)
        return right.plus(float(self._answered.sum()) if self.exported else 0.0).share_of(self.n_records)

    def of_class(self, code: int) -> ClassFigures:
        """Return the figures of one class."""
        rng = np.random.default_rng(0)
        mine, held, is_class = self.predicted == code, self.held_out == code, self._truth == code
        manual = int((self._answered & is_class).sum()) if self.exported else 0
        right = self._count(mine, held, is_class, rng).plus(manual)
        missed = self._count(~mine, ~held, is_class, rng)
        labeled = int((mine & self._free).sum()) + (manual if self.exported else int((held & self._answered).sum()))
        n_audit = self._drawn((held | is_class) & self._answered)
        return ClassFigures(
            right.share_of(labeled),
            _of_both(right, missed, 0.0, n_audit),
            _of_both(right, missed, labeled, n_audit),
            labeled,
            _sum(right, missed).share_of(self.n_records),
        )

    def cell(self, truth: int, label: int) -> Count:
        """Return the number of records of a class that have a label, -1 for none: a cell of the confusion matrix."""
        is_class, held = self._truth == truth, self.held_out == label
        if not (held & is_class & self._answered).any():  # all such cells of a column are the same
            if label not in self._without_hits:
                self._without_hits[label] = self._count(self.predicted == label, held, np.zeros_like(held))
            found = self._without_hits[label]
        else:
            found = self._count(self.predicted == label, held, is_class)
        return found.plus(float((self._answered & is_class).sum()) if self.exported and truth == label else 0.0)

    def mistakes(self) -> list[tuple[int, int]]:
        """Return the (class, label) of every kind of mistake that an answer shows."""
        wrong = self._answered & (self.held_out != self._truth)
        return sorted({(int(a), int(b)) for a, b in zip(self._truth[wrong], self.held_out[wrong], strict=True)})

    def _drawn(self, chosen: NDArray[np.bool_]) -> int:
        """Return the number of random answers among some of ``answers.all_rows``."""
        return sum(int(sample.at_random[chosen[inside]].sum()) for _, inside, sample in self._parts)

    def _count(
        self,
        chosen: NDArray[np.bool_],
        held: NDArray[np.bool_],
        hit: NDArray[np.bool_],
        rng: np.random.Generator | None = None,
    ) -> Count:
        """Return how many records of a part are hits; with ``exported``, how many of those without an answer.

        Parameters
        ----------
        chosen : bool (n,), which records are in the part; used for those without an answer
        held : bool (a,), which of ``answers.all_rows`` are in it
        hit : bool (a,), what is counted
        rng : of the draws; None for none
        """
        free, held = chosen & self._free, held & self._answered
        found: list[tuple[int, Estimate]] = []
        draws = np.zeros(0 if rng is None else DRAWS)
        for (low, high), (_, inside, sample) in zip(pairwise(self._ends), self._parts, strict=True):
            mine = held[inside]
            size = int(free[low:high].sum() + mine.sum())
            if size:
                part, hits = sample.among(mine, size), hit[inside][mine]
                found.append((size, estimate_accuracy(hits, part)))
                if rng is not None:
                    draws += weigh(hits, part).draws(DRAWS, rng)
        known, total = float((held & hit).sum()) if self.exported else 0.0, sum(size for size, _ in found)
        if not total:
            return Count(0.0, 0.0, 0.0, draws, 0, float("inf"))
        share = combined(found)
        value, lowest, highest = (total * each - known for each in (share.value, share.low, share.high))
        return Count(value, lowest, highest, draws - known, share.n_audit, share.n_eff)

    @property
    def _ends(self) -> list[int]:
        return [0, *self.answers.strata.tolist()]


def _of_both(right: Count, missed: Count, more: float, n_audit: int) -> Estimate:
    """Return recall, or F1 if ``more`` is the number of records with the label."""
    factor = 2.0 if more else 1.0
    both = _sum(right, missed)
    with np.errstate(invalid="ignore", divide="ignore"):
        value = factor * right.value / (both.value + more) if both.value + more > 1e-9 else float("nan")
        figures = factor * right.draws / (both.draws + more)
    if np.isinf(both.n_eff):
        return Estimate(value, value, value, n_audit, float("inf"))
    low, high = np.quantile(np.where(np.isnan(figures), [0.0, 1.0] * (DRAWS // 2), figures), [0.025, 0.975])
    return Estimate(value, float(np.clip(low, 0, 1)), float(np.clip(high, 0, 1)), n_audit, both.n_eff)


def _sum(a: Count, b: Count) -> Count:
    """Return the sum of two independent counts."""
    draws = a.draws + b.draws
    low, high = np.quantile(draws, [0.025, 0.975])
    finite = [each.n_eff for each in (a, b) if np.isfinite(each.n_eff)]
    n_eff = sum(finite) if finite else float("inf")
    return Count(a.value + b.value, float(low), float(high), draws, a.n_audit + b.n_audit, n_eff)
