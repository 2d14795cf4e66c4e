"""Proposing repairs: where a heuristic is wrong, and what a change of it would bring to the committee."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.core.errors import HeuristicError
from weaklab.core.labels import ABSTAIN, LabelNames
from weaklab.heuristics import Heuristic, Keywords, Pattern, check_examples
from weaklab.rules.candidates import LEAST_RECORDS, Candidates, candidates
from weaklab.rules.gain import Gain
from weaklab.rules.mining import ALIKE, LEAST_PRECISION, LEAST_RANDOM, Evidence
from weaklab.rules.precision import COUNTED, Prior
from weaklab.rules.repair import (
    DROP_LABEL,
    DROP_WORDS,
    EXCLUDE,
    RELABEL,
    RESTRICT,
    RETIRE,
    WHOLE_WORDS,
    Change,
    Repair,
    Repairs,
)
from weaklab.rules.trial import Region, Trial

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

TRIED = 4
"""Of the conditions that look best, so many are tried in the committee."""
MOST_WORDS = 6
"""An exception has at most this many words."""
BETTER = 0.01
"""The estimated precision must grow by this much."""
WORSE = -0.0005
"""A repair that would cost the committee more than this share of right labels is not proposed."""
GLOBAL_FLAGS = re.compile(r"(?:\(\?[aiLmsux]+\))+")
"""Flags for a whole regular expression, which Python takes only at its beginning."""
EXAMPLES = 8
Estimate = tuple[float, float, float]
"""Mean, and the ends of the 95 % interval."""


@dataclass(frozen=True)
class Voted:
    """The r records on which a heuristic votes for one label, and what is known of them without it.

    Attributes
    ----------
    rows : int (r,), row numbers
    code : of the label
    y : int (r,), labels that count, -1 for others
    P : float (r, k), what the committee thinks without the heuristic
    basis : which labels count
    """

    rows: NDArray[np.int64]
    code: int
    y: NDArray[np.int64]
    P: NDArray[np.float64]
    basis: str

    def counts(self, X: Any, code: int) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Return for conditions, sparse (r, c): labels of a class, all labels, and the share that is expected."""
        given = (self.y != ABSTAIN).astype(np.float64)
        n, free = X.T @ given, X.T @ (1 - given)
        expected = (X.T @ (self.P[:, code] * (1 - given)) + self.P[:, code].mean()) / (free + 1)
        return X.T @ (self.y == code).astype(np.float64), n, expected


@dataclass(frozen=True)
class _Idea:
    """A change to be tried: the records whose vote changes, how often the vote is right there, and the new one."""

    change: Change
    flips: NDArray[np.bool_]
    precision: Estimate
    new: Estimate | None = None


def repairs_of(
    table: pa.Table,
    labels: LabelNames,
    known: Evidence,
    heuristic: Heuristic,
    *,
    most: int = 5,
    records: int | None = None,
) -> Repairs:
    """Return repairs of one member of a committee, best first.

    Parameters
    ----------
    table : n records, as :meth:`weaklab.Corpus.take` returns them
    labels : label names
    known : what is known of them; the member is one of ``known.votes.names``
    heuristic : the member
    most : number of repairs
    records : number of all records, of which these are a sample; by default they are all

    Notes
    -----
    The committee is fitted without the member, so that it does not confirm itself. Labels and this committee say how
    often the votes are right where a condition holds, with the prior of :class:`weaklab.rules.precision.Prior`. The
    precision after the repair follows from that of all votes and that of the votes that change, so that a condition
    that was found because it suits a few labels does not flatter it.
    """
    before = known.votes.L[:, known.votes.names.index(heuristic.name)]
    codes = np.unique(before[before != ABSTAIN]).tolist()
    if not codes:
        return Repairs()
    trial = Trial(known.votes, known.P, known.y, known.model, known.votes.names.index(heuristic.name))
    P = trial.without_it()
    found: list[Repair] = []
    for code in codes:
        voted = _voted(known, before, code, P)
        if len(voted.rows) >= LEAST_RECORDS:
            part = table.take(voted.rows)
            single = len(codes) == 1
            found += _repairs_of_label(part, labels, voted, heuristic, single, trial, before, known)
    found.sort(key=lambda repair: -(repair.gain + repair.gain_low))
    return Repairs([_scaled(repair, len(known.y), records) for repair in found[:most]])


def _scaled(repair: Repair, n: int, records: int | None) -> Repair:
    if records is None:
        return repair
    counts = {
        name: round(getattr(repair, name) * records / n) for name in ("flips", "records", "records_after", "changed")
    }
    return replace(repair, **counts)


def _voted(known: Evidence, before: NDArray[np.int8], code: int, P: NDArray[np.float64]) -> Voted:
    rows = np.flatnonzero(before == code)
    y, drawn = known.y[rows], known.at_random[rows]
    if known.votes.picked is not None:  # records that were picked for doubt are those on which votes are wrong
        y = np.where(known.votes.picked[rows], ABSTAIN, y)
    at_random = (drawn & (y != ABSTAIN)).sum() >= LEAST_RANDOM
    counted = np.where(drawn, y, ABSTAIN) if at_random else y
    basis = "random answers" if at_random else "manual labels" if (y != ABSTAIN).any() else "committee"
    return Voted(rows, code, counted, P[rows], basis)


def _repairs_of_label(
    part: pa.Table,
    labels: LabelNames,
    voted: Voted,
    heuristic: Heuristic,
    single: bool,
    trial: Trial,
    before: NDArray[np.int8],
    known: Evidence,
) -> Iterator[Repair]:
    """Yield the repairs of the votes for one label that are worth it; ``single`` says that it votes no other one."""
    tries = candidates(part, lambda X: np.asarray(X.sum(axis=0)).ravel())
    judge = _Judge(voted, tries)
    ideas = [*_on_all(judge, labels, single), *_own(part, judge, labels, heuristic), *_conditions(judge, tries, labels)]
    taken: list[NDArray[np.bool_]] = []
    for idea in ideas:
        if any(_alike(idea.flips, other) for other in taken) and idea.change.kind in (EXCLUDE, RESTRICT):
            continue
        after = judge.after(idea)
        if idea.change.kind != RETIRE and after[0] < judge.all[0] + BETTER:
            continue
        if not _keeps_examples(heuristic, idea.change, labels, single):
            continue
        gain = trial.gain_of(_new_votes(before, voted, idea, labels), _regions(voted, idea, judge, labels, after))
        if gain.mean < WORSE:
            continue
        taken.append(idea.flips)
        yield _repair(heuristic, voted, idea, judge.all, after, gain, known)


def _alike(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> bool:
    return bool((a & b).sum() >= ALIKE * (a | b).sum())


def _new_votes(before: NDArray[np.int8], voted: Voted, idea: _Idea, labels: LabelNames) -> NDArray[np.int8]:
    after = before.copy()
    vote = idea.change.vote
    after[voted.rows[idea.flips]] = ABSTAIN if vote is None else labels.code(vote)
    return after


def _regions(voted: Voted, idea: _Idea, judge: _Judge, labels: LabelNames, after: Estimate) -> list[Region]:
    """Return the parts of the votes for which there is an estimate: those that change, and the rest."""
    vote = idea.change.vote
    if vote is None or idea.new is None:
        regions = [Region(voted.rows[idea.flips], voted.code, idea.precision)]
    else:
        regions = [Region(voted.rows[idea.flips], labels.code(vote), idea.new)]
    if not idea.flips.all():
        regions.append(Region(voted.rows[~idea.flips], voted.code, judge.rest(idea)))
    return regions


def _repair(
    heuristic: Heuristic, voted: Voted, idea: _Idea, before: Estimate, after: Estimate, gain: Gain, known: Evidence
) -> Repair:
    y = voted.y[idea.flips]
    wrong = (y != ABSTAIN) & (y != voted.code)
    rows = voted.rows[idea.flips]
    order = np.argsort(~wrong, kind="stable")[:EXAMPLES]
    flips = int(idea.flips.sum())
    return Repair(
        heuristic.name,
        idea.change,
        flips,
        int(wrong.sum()),
        int((y != ABSTAIN).sum()),
        voted.basis,
        len(voted.rows),
        len(voted.rows) - (0 if idea.change.vote is not None else flips),
        *before,
        *after,
        gain.mean,
        gain.low,
        gain.high,
        gain.changed,
        tuple(known.ids[row] for row in rows[order].tolist()) if len(known.ids) else (),
        fingerprint=heuristic.fingerprint,
    )


def _keeps_examples(heuristic: Heuristic, change: Change, labels: LabelNames, single: bool) -> bool:
    """Whether the examples that the heuristic came with still hold after a change."""
    if not heuristic.examples or change.kind == RETIRE:
        return True
    try:
        check_examples(changed_heuristic(heuristic, change, single), labels)
    except HeuristicError:
        return False
    return True


def changed_heuristic(heuristic: Heuristic, change: Change, single: bool = True) -> Heuristic:
    """Return the heuristic as it votes after a change, under its name and with its examples."""
    from weaklab.heuristics.amended import ONLY, UNLESS, Amended

    if change.kind == DROP_WORDS and isinstance(heuristic, Keywords):
        left = [word for word in heuristic.words if word not in change.words]
        return Keywords(heuristic.label, left, name=heuristic.name, case=heuristic.case, column=heuristic.column,
                        examples=heuristic.examples)  # fmt: skip
    if change.kind == WHOLE_WORDS and isinstance(heuristic, Pattern):
        return Pattern(heuristic.label, whole_words(heuristic.regex), name=heuristic.name,
                       flags=heuristic.regex.flags, column=heuristic.column, examples=heuristic.examples)  # fmt: skip
    when = ONLY if change.kind == RESTRICT else UNLESS
    label = None if single and change.condition is not None else change.label
    return Amended(heuristic, change.condition, when, label, change.vote, heuristic.name)


def whole_words(regex: re.Pattern[str]) -> str:
    r"""Return a regular expression that finds the same only where no letter, digit or underscore stands beside it.

    Flags at its beginning stay there, where Python wants them.

    >>> whole_words(re.compile("(?i)win|prize")) == r"(?i)\b(?:win|prize)\b"
    True
    """
    flags = GLOBAL_FLAGS.match(regex.pattern)
    start = flags.end() if flags else 0
    end = "\n" if regex.flags & re.VERBOSE else ""  # there a comment goes on to the end of the line
    return rf"{regex.pattern[:start]}\b(?:{regex.pattern[start:]}{end})\b"


# ---- how often votes are right


class _Judge:
    """Estimates how often the votes are right on some of the records."""

    def __init__(self, voted: Voted, tries: Candidates) -> None:
        self.voted = voted
        self._every = np.ones((len(voted.rows), 1))
        self.right, self.n, self.expected = voted.counts(tries.holds, voted.code)
        self.prior = Prior.fitted(self.right, self.n, self.expected, self._base(voted.code, len(self.n)))
        self.all = self.of(np.ones(len(voted.rows), dtype=bool), voted.code)

    def _base(self, code: int, c: int) -> NDArray[np.float64]:
        """Return how often a class is right on all of these records; the committee counts like a few labels."""
        right, n, expected = self.voted.counts(self._every, code)
        return np.full(c, (right[0] + COUNTED * expected[0]) / (n[0] + COUNTED))

    def many(self, code: int, X: Any) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Return mean and interval of the share of a class where each condition, (r, c), holds: three float (c,)."""
        right, n, expected = self.voted.counts(X, code)
        return self.prior.estimate(right, n, expected, self._base(code, len(n)))

    def of(self, held: NDArray[np.bool_], code: int) -> Estimate:
        """Return the share of a class among some of the records, bool (r,)."""
        mean, low, high = self.many(code, held[:, None].astype(np.float64))
        # a share of which no label has been wrong is not certain
        _, below, above = around(float(mean[0]), int((self.voted.y[held] != ABSTAIN).sum()), 0.5)
        return float(mean[0]), min(float(low[0]), below), max(float(high[0]), above)

    def rest(self, idea: _Idea) -> Estimate:
        """Return how often the votes are right that do not change."""
        left = ~idea.flips
        share = float(idea.flips.mean())
        mean = (self.all[0] - share * idea.precision[0]) / (1 - share)
        return around(mean, int((self.voted.y[left] != ABSTAIN).sum()))

    def after(self, idea: _Idea) -> Estimate:
        """Return the precision after a change; NaN where no vote is left."""
        share = float(idea.flips.mean())
        if idea.new is None:
            return (np.nan, np.nan, np.nan) if idea.flips.all() else self.rest(idea)
        if idea.flips.all():
            return idea.new
        rest = self.rest(idea)
        mean = share * idea.new[0] + (1 - share) * rest[0]
        low, high = (
            np.sqrt((share * (idea.new[0] - idea.new[end])) ** 2 + ((1 - share) * (rest[0] - rest[end])) ** 2)
            for end in (1, 2)
        )
        return mean, max(0.0, mean - float(low)), min(1.0, mean + float(high))


def around(mean: float, n: int, more: float = 0.0) -> Estimate:
    """Return a share with its interval, as n labels and a prior that counts like a few tell it.

    ``more`` is added to the counts of both outcomes for the interval.
    """
    from scipy.stats import beta

    m = float(np.clip(mean, 0.01, 0.99))
    a, b = m * (COUNTED + n) + more, (1 - m) * (COUNTED + n) + more
    return m, float(beta.ppf(0.025, a, b)), float(beta.ppf(0.975, a, b))


# ---- what may be changed


def _on_all(judge: _Judge, labels: LabelNames, single: bool) -> Iterator[_Idea]:
    """Yield changes of all votes for the label: another label, or none."""
    every = np.ones(len(judge.voted.rows), dtype=bool)
    name = labels[judge.voted.code]
    for code in range(len(labels)):
        if code != judge.voted.code:
            share = judge.of(every, code)
            if _is_mostly(share):
                yield _Idea(Change(RELABEL, name, vote=labels[code]), every, judge.all, share)
    if judge.all[0] < 0.5:
        yield _Idea(Change(RETIRE if single else DROP_LABEL, name), every, judge.all)


def _is_mostly(share: Estimate) -> bool:
    """Whether another label is right often enough to be voted: by estimate, and more often than not at the least."""
    return share[0] >= LEAST_PRECISION and share[1] > 0.5


def _own(part: pa.Table, judge: _Judge, labels: LabelNames, heuristic: Heuristic) -> Iterator[_Idea]:
    """Yield changes of what a declared heuristic looks for: words that are taken out, whole words only."""
    [batch] = part.combine_chunks().to_batches()
    name = labels[judge.voted.code]
    changes: list[Change] = []
    if isinstance(heuristic, Keywords) and len(heuristic.words) > 1:
        changes += [Change(DROP_WORDS, name, words=(word,)) for word in heuristic.words]
    if isinstance(heuristic, Pattern):
        changes.append(Change(WHOLE_WORDS, name))
    ideas = []
    for change in changes:
        flips = changed_heuristic(heuristic, change).evaluate(batch, labels).votes == ABSTAIN
        if 0 < flips.sum() < len(flips) and (share := judge.of(flips, judge.voted.code))[0] < 0.5:
            ideas.append(_Idea(change, flips, share))
    yield from sorted(ideas, key=_missed)
    bad = tuple(word for idea in ideas for word in idea.change.words)
    if 1 < len(bad) < len(getattr(heuristic, "words", ())):
        change = Change(DROP_WORDS, name, words=bad)
        flips = changed_heuristic(heuristic, change).evaluate(batch, labels).votes == ABSTAIN
        yield _Idea(change, flips, judge.of(flips, judge.voted.code))


def _missed(idea: _Idea) -> float:
    """Return right votes less wrong ones among those that change."""
    return float(idea.flips.sum() * (2 * idea.precision[0] - 1))


def _conditions(judge: _Judge, tries: Candidates, labels: LabelNames) -> Iterator[_Idea]:
    """Yield exceptions: conditions under which the votes are mostly wrong, or outside of which they are."""
    if not len(tries):
        return
    code = judge.voted.code
    inside, inside_low, inside_high = judge.many(code, tries.holds)
    count = np.asarray(tries.holds.sum(axis=0)).ravel()
    order = np.argsort(count * (2 * inside - 1), kind="stable")
    bad = [j for j in order.tolist() if inside[j] < 0.5]
    ideas = []
    for j in _different(bad, tries.holds, TRIED):
        held = _column(tries.holds, j)
        ideas.append(
            _exclusion(judge, labels, tries.makes[j](labels[code]), held, (inside[j], inside_low[j], inside_high[j]))
        )
    if (joined := _joined(judge, tries, labels, bad)) is not None:
        ideas.insert(0, joined)
    yield from (relabeled for idea in ideas for relabeled in _relabeled(judge, labels, idea))
    yield from ideas
    yield from _restrictions(judge, tries, labels, count)


def _column(X: Any, j: int) -> NDArray[np.bool_]:
    return np.asarray(X[:, [j]].toarray()).ravel() > 0


def _different(order: Sequence[int], X: Any, most: int) -> list[int]:
    """Return the first conditions that hold for different records."""
    taken: list[tuple[int, NDArray[np.bool_]]] = []
    for j in order[: 20 * most]:
        held = _column(X, j)
        if not any(_alike(held, other) for _, other in taken):
            taken.append((j, held))
        if len(taken) == most:
            break
    return [j for j, _ in taken]


def _exclusion(
    judge: _Judge, labels: LabelNames, condition: Heuristic, held: NDArray[np.bool_], share: Sequence[float]
) -> _Idea:
    change = Change(EXCLUDE, labels[judge.voted.code], condition)
    return _Idea(change, held, (float(share[0]), float(share[1]), float(share[2])))


def _joined(judge: _Judge, tries: Candidates, labels: LabelNames, bad: Sequence[int]) -> _Idea | None:
    """Return one exception of several words, each of which leaves out votes that are mostly wrong.

    Its share of right votes is the mean of those of the words, each of which is drawn towards what is expected: judged
    as one, words that were picked one after the other for their labels would look better than they are.
    """
    code = judge.voted.code
    held = np.zeros(len(judge.voted.rows), dtype=bool)
    words: list[str] = []
    right = 0.0
    for j in bad[: 20 * TRIED]:
        condition = tries.makes[j](labels[code])
        new = _column(tries.holds, j) & ~held
        if not isinstance(condition, Keywords) or new.sum() < LEAST_RECORDS:
            continue
        share = judge.of(new, code)[0]
        if share >= 0.5:
            continue
        right += share * new.sum()
        held |= new
        words += condition.words
        if len(words) == MOST_WORDS:
            break
    if len(words) < 2 or held.all():
        return None
    share_of_all = around(right / held.sum(), int((judge.voted.y[held] != ABSTAIN).sum()))
    return _exclusion(judge, labels, Keywords(labels[code], words), held, share_of_all)


def _relabeled(judge: _Judge, labels: LabelNames, idea: _Idea) -> Iterator[_Idea]:
    """Yield an exception with another vote in place of abstaining, where one label is mostly right there."""
    for code in range(len(labels)):
        if code != judge.voted.code and _is_mostly(share := judge.of(idea.flips, code)):
            yield replace(idea, change=replace(idea.change, kind=RELABEL, vote=labels[code]), new=share)


def _restrictions(judge: _Judge, tries: Candidates, labels: LabelNames, count: NDArray[np.float64]) -> Iterator[_Idea]:
    """Yield conditions outside of which the votes are mostly wrong."""
    if judge.all[0] >= LEAST_PRECISION:
        return
    code, n = judge.voted.code, len(judge.voted.rows)
    inside = judge.many(code, tries.holds)[0]
    outside = (n * judge.all[0] - count * inside) / np.maximum(n - count, 1)
    good = np.flatnonzero((outside < 0.5) & (inside >= LEAST_PRECISION))
    order = good[np.argsort(((n - count) * (2 * outside - 1))[good], kind="stable")]
    for j in _different(order.tolist(), tries.holds, TRIED):
        flips = ~_column(tries.holds, j)
        condition = tries.makes[j](labels[code])
        yield _Idea(Change(RESTRICT, labels[code], condition), flips, judge.of(flips, code))
