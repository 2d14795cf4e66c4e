"""Proposing rules: conditions that hold for records of one label, each with its precision and what it would bring."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.core.errors import WeaklabError
from weaklab.core.labels import ABSTAIN, LabelNames
from weaklab.core.votes import Votes
from weaklab.heuristics import keywords
from weaklab.rules.candidates import Candidates, candidates, looks_for, with_word
from weaklab.rules.gain import Gains
from weaklab.rules.precision import Prior
from weaklab.rules.rule import Rule, Rules, python_name

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from weaklab.label_models import LabelModel

LEAST_RANDOM = 10
"""From so many random answers among its records, a rule is judged by these alone."""
ALIKE = 0.7
"""Two rules for one label that share so much of their records (Jaccard) are one: the better one is proposed."""
LEAST_PRECISION = 0.7
"""A rule with a lower estimated precision is not proposed: people would not write it, and its errors are not random."""
SHARED = 0.2
"""With a selection, a rule must hold for this share of it."""
EXAMPLES = 5
CAUTION = 0.25
"""Rules are chosen by a precision that lies this share of the way from the estimate to the lower end of its
interval."""


@dataclass(frozen=True)
class Evidence:
    """What is known of n records.

    Attributes
    ----------
    votes : of the committee as it is
    P : float (n, k), its probabilities
    y : int (n,), manual labels, -1 is unlabeled
    at_random : bool (n,), whether the record was drawn at random before it was labeled
    model : makes the label model, unfitted
    ids : of the records
    """

    votes: Votes
    P: NDArray[np.float64]
    y: NDArray[np.int64]
    at_random: NDArray[np.bool_]
    model: Callable[[], LabelModel]
    ids: Sequence[str] = ()


@dataclass(frozen=True)
class _Counts:
    """What labels and committee say of c candidates and k labels: right int (c, k), n int (c,), expected float (c, k),
    base float (k,), hits int (c,), labels on which the committee is right, share float (c,) of all records.
    """

    right: NDArray[np.float64]
    n: NDArray[np.float64]
    expected: NDArray[np.float64]
    base: NDArray[np.float64]
    hits: NDArray[np.float64]
    share: NDArray[np.float64]


def mine(
    table: pa.Table,
    labels: LabelNames,
    known: Evidence,
    *,
    label: str | None = None,
    selected: NDArray[np.int64] | None = None,
    most: int = 10,
    word: str | None = None,
    records: int | None = None,
) -> Rules:
    """Return rules that would help a committee most, best first.

    Parameters
    ----------
    table : n records, as :meth:`weaklab.Corpus.take` returns them
    labels : label names
    known : what is known of them
    label : rules for this label only
    selected : row numbers of records that a rule must have a share in; without ``label``, it is theirs by the manual
        labels or the committee
    most : number of rules
    word : a word or phrase that the rules must look for; the rule of this word alone comes first
    records : number of all records, of which these are a sample; by default they are all

    Notes
    -----
    Precision: a beta prior around what the committee expects, whose strength is fitted to the labels on all candidates
    (:class:`weaklab.rules.precision.Prior`), so that the choice among thousands of candidates does not flatter the
    winners. Labels count that were drawn at random if there are ten among the records of the rule, else all.

    Gain: see :class:`weaklab.rules.gain.Gains`. The first rule brings most, the second most beside the first, and so
    on. What would bring nothing is only proposed for a label, a selection or a word.
    """
    if label is not None:
        labels.code(label)
    having = None if word is None else _rows_with(table, labels, word)
    codes = _codes(labels, known, label, selected if having is None else having)
    base = _base(known)
    found = candidates(table, lambda X: _promise(X, known, base, codes))
    if word is not None and having is not None:
        found = with_word(found, word, having, len(known.y))
    if not len(found):
        return Rules()
    allowed = _held_by(found, selected)
    if word is not None:
        allowed &= looks_for(found, word, labels[int(codes[0])])
    gains = Gains(known.votes, known.P, known.y, known.model, known.at_random)
    counts, judged_at_random = _counted(found, known, base, gains)
    prior = Prior.fitted(
        counts.right[:, codes].ravel(),
        np.repeat(counts.n, len(codes)),
        counts.expected[:, codes].ravel(),
        np.tile(counts.base[codes], len(found)),
    )
    every = label is not None or selected is not None or word is not None
    chosen = _chosen(found, counts, prior, known, codes, allowed, most, deepcopy(gains), every)
    first = len(found) - 1 if word is not None else -1
    if first >= 0 and not any(j == first for j, _, _ in chosen):
        chosen.insert(0, _judged(first, int(codes[0]), counts, prior))
    labeled = known.y != ABSTAIN
    rules = Rules()
    [batch] = table.combine_chunks().to_batches()
    for j, code, figures in chosen:
        heuristic = found.makes[j](labels[code])
        heuristic.name = python_name(heuristic.name)
        # its own votes: words are compared in lower case here, and case by case there, which is not the same for all
        held = np.flatnonzero(heuristic.evaluate(batch, labels).votes == code).astype(np.int32)
        at_random = bool(judged_at_random[j])
        right, judged = int(counts.right[j, code]), int(counts.n[j])
        gain = gains.of(held, code, figures, labeled & known.at_random if at_random else labeled)
        rules.append(
            Rule(
                heuristic,
                labels[code],
                _scaled(len(held), len(known.y), records),
                len(held) / len(known.y),
                *figures,
                right,
                judged,
                _basis(judged, at_random),
                gain.mean,
                gain.low,
                gain.high,
                _scaled(gain.changed, len(known.y), records),
                tuple(known.ids[row] for row in held[:EXAMPLES].tolist()) if len(known.ids) else (),
            )
        )
    order = sorted(range(len(rules)), key=lambda i: chosen[i][0] != first)
    return Rules([rules[i] for i in order[:most]])


def _rows_with(table: pa.Table, labels: LabelNames, word: str) -> NDArray[np.int64]:
    """Return the rows whose text has a word or phrase."""
    [batch] = table.combine_chunks().to_batches()
    ballot = keywords(labels[0], [word]).evaluate(batch, labels)
    rows = np.flatnonzero(ballot.votes != ABSTAIN)
    if not len(rows):
        raise WeaklabError(f"no text that was looked at has {word!r} as a whole word; choose another word")
    return rows


def _judged(j: int, code: int, counts: _Counts, prior: Prior) -> Choice:
    """Return a candidate with its precision, whatever that is."""
    at = [j]
    mean, low, high = prior.estimate(counts.right[at, code], counts.n[at], counts.expected[at, code], counts.base[code])
    return j, code, (float(mean[0]), float(low[0]), float(high[0]))


def _scaled(count: int, n: int, records: int | None) -> int:
    return count if records is None else round(count * records / n)


def _basis(n: int, at_random: bool) -> str:
    return "committee" if not n else "random answers" if at_random else "manual labels"


def _codes(
    labels: LabelNames, known: Evidence, label: str | None, selected: NDArray[np.int64] | None
) -> NDArray[np.int64]:
    """Return the codes of the labels that rules are sought for."""
    if label is not None:
        return np.array([labels.code(label)])
    if selected is None:
        return np.arange(len(labels))
    if not len(selected):
        raise WeaklabError("no record is selected; wanted at least one, or records=None for rules from all records")
    given = known.y[selected]
    counts = np.bincount(given[given != ABSTAIN], minlength=len(labels)).astype(np.float64)
    counts += known.P[selected[given == ABSTAIN]].sum(axis=0)
    return np.array([int(counts.argmax())])


def _base(known: Evidence) -> NDArray[np.float64]:
    """Return the share of each label, float (k,), by the labels drawn at random and the committee."""
    mine = known.at_random & (known.y != ABSTAIN)
    counted = np.bincount(known.y[mine], minlength=known.P.shape[1])
    return np.asarray((counted + 10 * known.P.mean(axis=0)) / (counted.sum() + 10))


def _expected(X: Any, known: Evidence, base: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what the committee expects of the unlabeled records of each candidate, float (c, k)."""
    free = known.y == ABSTAIN
    sums = X.T @ (known.P * free[:, None])
    count = np.asarray(X.T @ free.astype(np.float64))
    return np.asarray((sums + base) / (count[:, None] + 1))


def _promise(X: Any, known: Evidence, base: NDArray[np.float64], codes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return float (c,): how much each word tells, from labels and the committee, for the choice of pairs."""
    given = known.y != ABSTAIN
    belief = np.where(given[:, None], np.eye(known.P.shape[1])[np.maximum(known.y, 0)] * 3, known.P)
    weight = np.asarray(X.T @ np.where(given, 3.0, 1.0))
    share = np.asarray(X.T @ belief) / np.maximum(weight, 1)[:, None]
    lift = np.abs(share[:, codes] - base[codes]).max(axis=1)
    return np.asarray(lift * np.sqrt(weight))


def _held_by(found: Candidates, selected: NDArray[np.int64] | None) -> NDArray[np.bool_]:
    """Return which candidates hold for enough of a selection: bool (c,)."""
    if selected is None:
        return np.ones(len(found), dtype=bool)
    least = 1 if len(selected) == 1 else max(2, int(np.ceil(SHARED * len(selected))))
    return np.asarray(found.holds.tocsr()[selected].sum(axis=0)).ravel() >= least


def _counted(
    found: Candidates, known: Evidence, base: NDArray[np.float64], gains: Gains
) -> tuple[_Counts, NDArray[np.bool_]]:
    """Return what is known of each candidate, and which are judged by random answers alone: bool (c,)."""
    X = found.holds
    truth = np.eye(known.P.shape[1])[np.maximum(known.y, 0)] * (known.y != ABSTAIN)[:, None]
    every, drawn = np.asarray(X.T @ truth), np.asarray(X.T @ (truth * known.at_random[:, None]))
    at_random = drawn.sum(axis=1) >= LEAST_RANDOM
    right = np.where(at_random[:, None], drawn, every)
    hits = np.where(at_random, X.T @ (gains.right & known.at_random), X.T @ gains.right)
    return _Counts(right, right.sum(axis=1), _expected(X, known, base), base, hits, gains.shares(X)), at_random


Choice = tuple[int, int, tuple[float, float, float]]
"""A candidate, the code of its label, and its precision: mean, low, high."""


def _chosen(
    found: Candidates,
    counts: _Counts,
    prior: Prior,
    known: Evidence,
    codes: NDArray[np.int64],
    allowed: NDArray[np.bool_],
    most: int,
    gains: Gains,
    every: bool,
) -> list[Choice]:
    """Return the candidates with the largest gain, each beside those before it, no two of them alike, nor like a
    member; with ``every`` also those that bring nothing.
    """
    figures = [prior.estimate(counts.right[:, c], counts.n, counts.expected[:, c], counts.base[c]) for c in codes]
    mean, low, high = (np.array([each[end] for each in figures]) for end in range(3))  # (codes, candidates)
    open_ = allowed & (mean >= LEAST_PRECISION) & (counts.share > 0)
    plain = np.array([word is not None for word in found.words])
    taken: dict[int, list[NDArray[np.int32]]] = {code: _members(known.votes, code) for code in codes.tolist()}
    chosen: list[Choice] = []
    while len(chosen) < most and open_.any():
        now = gains.now(found.holds, counts.hits, counts.n)
        gain = np.where(open_, counts.share * (_cautious(mean, low) - now), -np.inf)
        held = None
        while held is None and (open_.any() if every else gain.max() > 0):
            best = gain.max()
            place, j = max(np.argwhere(gain >= best - 1e-12).tolist(), key=lambda at: (plain[at[1]], -at[1], -at[0]))
            open_[place, j], gain[place, j] = False, -np.inf
            code, held = int(codes[place]), np.sort(found.holds[:, j].indices)
            if any(_alike(held, other) for other in taken[code]):
                held = None
        if held is None:
            break
        taken[code].append(held)
        gains.take(held, float(mean[place, j]))
        chosen.append((j, code, (float(mean[place, j]), float(low[place, j]), float(high[place, j]))))
    return chosen


def _cautious(mean: NDArray[np.float64], low: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the precision by which rules are chosen: the best of thousands look better than they are."""
    return mean - CAUTION * (mean - low)


def _members(votes: Votes, code: int) -> list[NDArray[np.int32]]:
    """Return the rows on which each member without scores votes for a label."""
    return [np.flatnonzero(votes.L[:, j] == code).astype(np.int32) for j in votes.without_scores.tolist()]


def _alike(a: NDArray[np.int32], b: NDArray[np.int32]) -> bool:
    if ALIKE * max(len(a), len(b)) > min(len(a), len(b)):
        return False
    both = len(np.intersect1d(a, b, assume_unique=True))
    return both >= ALIKE * (len(a) + len(b) - both)


def sample_of(known: Evidence, rows: NDArray[np.int64]) -> Evidence:
    """Return what is known of some of the records."""
    return replace(
        known,
        votes=known.votes.take(rows),
        P=known.P[rows],
        y=known.y[rows],
        at_random=known.at_random[rows],
        ids=[known.ids[row] for row in rows.tolist()] if len(known.ids) else (),
    )
