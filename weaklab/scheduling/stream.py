"""Stream-based selective sampling: ask about each incoming record or skip it."""

from __future__ import annotations

import hashlib
import inspect
import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

from weaklab.core.codes import check_votes
from weaklab.core.errors import WeaklabError
from weaklab.core.labels import MAX_CLASSES
from weaklab.core.votes import Votes
from weaklab.strategies import STRATEGIES, Strategy, call_strategy, uniform

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

ROWWISE = frozenset({"P", "L", "scores", "keys", "seed"})
"""Arguments of a strategy that are available when there is only one record."""
DEFAULT_SHARE = 0.1
"""If the length of the stream is not given, a budget of N questions is spread over N / 0.1 records."""
QUESTIONS_IN_WINDOW = 10
WINDOW = 100
"""The budget window is as long as ten questions take, and at least the 100 records of Zliobaite et al. (2014)."""
AUDIT_SHARE = 0.2
"""Share of the questions that is drawn at random, the same as in the batches of the scheduler."""
THRESHOLD_RANGE = 1000.0
"""The threshold stays between 1/1000 and 1000, so that it recovers quickly after a long run of similar records."""
_STATE = ("seen", "asked", "audits", "threshold", "spending", "largest")


@dataclass(frozen=True)
class Decision:
    """The decision whether to ask about one record of a stream, with its reason.

    Attributes
    ----------
    ask : whether to ask; a record that is skipped does not come back
    score : score of the record by the query strategy
    threshold : the record is asked about if its certainty is below this
        Certainty is 1 - score, or 1 - score / largest score so far if that is above 1.
    probability : probability that the record is asked about, over the random draws of the sampler; 1 if it was certain
    audit : whether it was drawn at random, independent of its score
    audit_probability : probability to be drawn at random, equal for all records except where two draws overlap
    why : the reason in words
    """

    ask: bool
    score: float
    threshold: float
    probability: float
    audit: bool
    audit_probability: float
    why: str


class StreamSampler:
    """Decides for each record of a stream whether to ask about it; the budget is never exceeded.

    A record is asked about if its certainty, 1 - score, is below a threshold theta and the budget allows it. After a
    question theta becomes theta (1 - step), after a skipped record theta (1 + rise). So the threshold falls where
    uncertain records are frequent and rises where they are rare.

    Parameters
    ----------
    budget : float in (0, 1], share of the stream; or int, total number of questions
        With a share b, at most ceil(b t) questions are asked in the first t records.
    strategy : name or function
        A query strategy that scores one record at a time: its parameters may be P, L, scores, keys and seed.
    step : float in (0, 1), share by which the threshold falls after a question
    rise : float > 0, optional
        Share by which the threshold rises after a skipped record. ``rise=step`` is the published rule; it settles
        where half of the records are below the threshold, and the budget stops most of their questions. By default
        the threshold settles where a share b of the records is below it, b the share that the strategy may ask
        about: rise is step b / (1 - b) when the budget of the window is spent, and up to step when it is not.
    window : int, optional
        The budget applies to about this many recent records; questions saved before that are lost. By default 100,
        or the number of records that ten questions take if that is larger.
    random_share : 0 to 1, share of the questions drawn uniformly at random, to measure accuracy on
    randomised : bool
        Multiply the threshold by a normal variate of mean 1 and deviation 1 for each record, so that any record may be
        asked about while the budget lasts.
    expected : int, optional
        Approximate number of records in the stream, for a budget in questions; by default ten per question.
    seed : int

    Attributes
    ----------
    seen, asked, audits : int, number of records, of questions, and of random questions so far
    threshold : float, theta

    Notes
    -----
    Threshold, randomised threshold and budget window are the variable uncertainty strategy of Zliobaite, Bifet,
    Pfahringer and Holmes (2014), Active learning with drifting streaming data, IEEE Transactions on Neural Networks and
    Learning Systems. Recent spending is estimated by u <- u (w - 1) / w + [asked], and a question needs u / w < b.

    Audit questions are a stratified sample: the stream is divided into intervals of 1 / (share of audits) records, and
    one record of each is drawn. So their number is known beforehand, and every record has the same chance. Their part
    of the budget is reserved, and they change neither threshold nor window.

    Examples
    --------
    >>> sampler = StreamSampler(budget=0.5, random_share=0)
    >>> sampler.decide([0.5, 0.5], key="a").ask
    True
    >>> sampler.decide([0.5, 0.5], key="b").why
    'passed: 1 of 1 question spent'
    """

    def __init__(
        self,
        budget: float = 0.1,
        strategy: str | Strategy = "margin",
        *,
        step: float = 0.01,
        rise: float | None = None,
        window: int | None = None,
        random_share: float = AUDIT_SHARE,
        randomised: bool = False,
        expected: int | None = None,
        seed: int = 0,
    ) -> None:
        self.budget = _budget(budget)
        self.expected = _expected(expected, self.budget)
        if not 0 <= random_share <= 1:
            raise WeaklabError(f"random_share must be from 0 to 1, got {random_share!r}")
        if not 0 < step < 1:
            raise WeaklabError(f"step must be above 0 and below 1, got {step!r}")
        if rise is not None and not (rise > 0 and math.isfinite(rise)):
            raise WeaklabError(f"rise must be above 0, got {rise!r}")
        self.random_share, self.randomised, self.seed = random_share, bool(randomised), int(seed)
        self.step, self.rise = step, rise
        self.name, self._strategy = _rowwise(strategy)
        self._needs_votes = bool({"L", "scores"} & set(_needs(self._strategy)))
        share = self.budget if isinstance(self.budget, float) else min(1.0, self.budget / self.expected)
        self._share = share
        self.window = max(WINDOW, math.ceil(QUESTIONS_IN_WINDOW / share)) if window is None else window
        if not _is_whole(self.window) or self.window < 1:
            raise WeaklabError(f"window must be a number of records, 1 or more, got {window!r}")
        self.seen: int = 0
        self.asked: int = 0
        self.audits: int = 0
        self.threshold: float = 1.0
        self.spending: float = 0.0
        self.largest: float = 1.0

    def decide(
        self,
        P_row: ArrayLike,
        L_row: ArrayLike | None = None,
        scores: Mapping[int, ArrayLike] | None = None,
        key: int | str = 0,
    ) -> Decision:
        """Decide about the next record of the stream.

        Parameters
        ----------
        P_row : float (k,), its class probabilities
        L_row : int (m,), its votes, -1 abstains; for strategies that look at votes
        scores : column -> float (k,), for members that give probabilities
        key : the record's id, or a number made from it; it determines the random draws of a strategy or of a
            randomised threshold

        Raises
        ------
        WeaklabError
            The row does not hold k probabilities, the strategy needs votes and got none, or its score is negative.
        """
        number = key_of(key)
        score = self._score(P_row, L_row, scores, number)
        self.largest = max(self.largest, score)
        certainty = 1 - score / self.largest
        before, self.seen = self.seen, self.seen + 1
        threshold = self.threshold
        chance_of_audit, audit = self._draw_audit(before)
        free = self._within_budget()
        wish = self._chance_below_threshold(certainty)
        chance = wish if free else 0.0
        wanted = wish >= 1 or (wish > 0 and _uniform(number, self.seed + 1) < wish)
        ask = audit or (wanted and free)
        self.spending *= (self.window - 1) / self.window
        if audit:
            self.audits += 1
        else:
            self._update_threshold(wanted, free)
        why = self._why(audit, wanted, free, certainty, threshold)
        self.asked += ask
        probability = chance_of_audit + (1 - chance_of_audit) * chance
        return Decision(ask, score, threshold, probability, audit, chance_of_audit, why)

    def _score(
        self, P_row: ArrayLike, L_row: ArrayLike | None, scores: Mapping[int, ArrayLike] | None, key: int
    ) -> float:
        row = _probabilities(P_row)
        k = len(row)
        pool: dict[str, Any] = {"P": row[None], "keys": np.array([key], dtype=np.uint64), "seed": self.seed}
        if L_row is not None:
            if np.ndim(L_row) != 1:
                raise WeaklabError(f"L_row must hold one vote per heuristic, shape (m,), got shape {np.shape(L_row)}")
            L = check_votes(np.asarray(L_row)[None], k if k <= MAX_CLASSES else None)
            given = {column: np.asarray(values)[None] for column, values in (scores or {}).items()}
            pool["L"], pool["scores"] = L, Votes(L, given).checked(k).scores
        elif self._needs_votes:
            raise WeaklabError(
                f"query strategy {self.name!r} looks at votes; give the record's row of L, shape (m,), as L_row"
            )
        score = float(call_strategy(self.name, self._strategy, pool)[0])
        if score < 0:
            raise WeaklabError(f"query strategy {self.name!r} gave {score}; stream sampling wants scores from 0 up")
        return score

    def _chance_below_threshold(self, certainty: float) -> float:
        """Return the chance that the threshold is above the certainty; 0 or 1 without randomisation."""
        if not self.randomised:
            return float(certainty < self.threshold)
        return NormalDist().cdf(1 - certainty / self.threshold)

    def _update_threshold(self, wanted: bool, free: bool) -> None:
        if wanted and free:
            self.spending += 1
        if self.rise is not None and not free:
            return
        self.threshold = min(
            max(self.threshold * (1 - self.step if wanted else 1 + self._share_to_rise()), 1 / THRESHOLD_RANGE),
            THRESHOLD_RANGE,
        )

    def _share_to_rise(self) -> float:
        """Return the share by which the threshold rises after a skipped record."""
        if self.rise is not None:
            return self.rise
        share = min(self._share * (1 - self.random_share), 0.5)
        # falls and rises cancel out where a share of the records is asked about: share x step = (1 - share) x rise
        matched = share / (1 - share)
        spent = min(1.0, self.spending / (self.window * share)) if share else 1.0
        return self.step * (matched + (1 - matched) * (1 - spent))

    def _draw_audit(self, t: int) -> tuple[float, bool]:
        """Return the chance that record t (from 0) is drawn at random, and whether it is."""
        density = self._share * self.random_share
        if not density:
            return 0.0, False
        none, drawn = 1.0, False
        # record t covers the time t to t + 1; one point in time is drawn uniformly from each interval of 1 / density
        interval = math.floor(t * density + 1e-9)
        while (start := interval / density) < t + 1 - 1e-9:
            if isinstance(self.budget, int) and interval >= self._reserved_for_audit():
                break
            point = start + _uniform(interval, self.seed) / density
            drawn |= t <= point < t + 1
            overlap = max(0.0, min(t + 1, start + 1 / density) - max(t, start))
            none *= 1 - overlap * density
            interval += 1
        return 1 - none, drawn

    def _reserved_for_audit(self) -> int:
        """Return how many questions are reserved for the audit: in all, or up to now if the budget is a share."""
        if isinstance(self.budget, int):
            return math.ceil(self.budget * self.random_share - 1e-9)
        return math.ceil(self.seen * self.budget * self.random_share - 1e-9)

    def _allowed(self) -> int:
        return self.budget if isinstance(self.budget, int) else math.ceil(self.seen * self.budget - 1e-9)

    def _within_budget(self) -> bool:
        """Whether the strategy may ask: its part of the budget, and that of the window, are not spent."""
        share = self._share
        left = self._allowed() - self._reserved_for_audit() - (self.asked - self.audits)
        if isinstance(self.budget, int):
            share = min(1.0, (self.budget - self.asked) / max(self.expected - self.seen + 1, 1))
        return left > 0 and (share >= 1 or self.spending / self.window < share * (1 - self.random_share))

    def _why(self, audit: bool, wanted: bool, free: bool, certainty: float, threshold: float) -> str:
        if audit:
            return "asked: drawn at random"
        if wanted and not free:
            allowed = self._allowed()
            return f"passed: {self.asked} of {allowed} question{'s' if allowed != 1 else ''} spent"
        word = "asked: certainty {} is below {}" if wanted else "passed: certainty {} is not below {}"
        return word.format(f"{certainty:.3g}", f"{threshold:.3g}") + (" times a draw by lot" if self.randomised else "")

    def state(self) -> dict[str, Any]:
        """Return settings and counts as JSON, for :meth:`from_state`."""
        settings = ("budget", "step", "rise", "window", "random_share", "randomised", "expected", "seed")
        return {"strategy": self.name, **{name: getattr(self, name) for name in (*settings, *_STATE)}}

    @classmethod
    def from_state(cls, state: Mapping[str, Any], strategy: Strategy | None = None) -> StreamSampler:
        """Return a sampler that continues from a state.

        Parameters
        ----------
        state : a result of :meth:`state`
        strategy : the strategy, if it was a function and not a registered name
        """
        missing = [name for name in ("strategy", "budget", *_STATE) if name not in state]
        if missing:
            raise WeaklabError(
                f"this is no state of a StreamSampler: {', '.join(missing)} missing; give what .state() returned"
            )
        settings = {name: value for name, value in state.items() if name not in ("strategy", *_STATE)}
        sampler = cls(strategy=strategy or state["strategy"], **settings)
        for name in _STATE:
            setattr(sampler, name, state[name])
        return sampler


def _probabilities(P_row: ArrayLike) -> NDArray[np.float64]:
    wrong = WeaklabError(f"P_row must hold the probabilities of 2 or more classes, adding up to 1, got {P_row!r}")
    given = np.asarray(P_row)
    if given.dtype.kind not in "iufO":
        raise wrong
    try:
        row = given.astype(np.float64)
    except (TypeError, ValueError):
        raise wrong from None
    if (
        row.ndim != 1
        or len(row) < 2
        or not np.isfinite(row).all()
        or (row < 0).any()
        or not math.isclose(row.sum(), 1, abs_tol=1e-3)
    ):
        raise wrong
    return row


def key_of(key: int | str) -> int:
    """Return a number from 0 to 2**64 - 1 for a record's id; a number is returned unchanged.

    >>> key_of(7), key_of("7") == key_of("7"), 0 <= key_of("7") < 2**64
    (7, True, True)
    """
    if isinstance(key, str):
        return int.from_bytes(hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")
    if not _is_whole(key):
        raise WeaklabError(f"key must be a record's id or a whole number, got {key!r}")
    return int(key) % 2**64


def _uniform(number: int, seed: int) -> float:
    return float(uniform(np.array([number], dtype=np.uint64), seed)[0])


def _is_whole(value: object) -> TypeGuard[int]:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _budget(budget: object) -> float | int:
    if _is_whole(budget) and budget >= 1:
        return int(budget)
    if isinstance(budget, (float, np.floating)) and 0 < budget <= 1:
        return float(budget)
    raise WeaklabError(
        f"budget must be a share above 0 and up to 1, such as 0.1, or a whole number of questions, got {budget!r}"
    )


def _expected(expected: object, budget: float) -> int:
    if expected is None:
        return math.ceil(budget / DEFAULT_SHARE)
    if _is_whole(expected) and expected >= 1:
        return int(expected)
    raise WeaklabError(f"expected must be a number of records, 1 or more, got {expected!r}")


def _needs(strategy: Strategy) -> list[str]:
    return [p.name for p in inspect.signature(strategy).parameters.values() if p.default is p.empty]


def _rowwise(strategy: str | Strategy) -> tuple[str, Strategy]:
    name, function = (
        (strategy, STRATEGIES[strategy])
        if isinstance(strategy, str)
        else (getattr(strategy, "__name__", "strategy"), strategy)
    )
    if not callable(function):
        raise WeaklabError(f"a stream needs one query strategy, a name or a function, got {strategy!r}")
    beyond = [need for need in _needs(function) if need not in ROWWISE]
    if beyond:
        works = [known for known in STRATEGIES.names() if set(_needs(STRATEGIES[known])) <= ROWWISE]
        raise WeaklabError(
            f"query strategy {name!r} needs the whole pool ({', '.join(beyond)}), and a stream shows one record at a "
            f"time; these work: {', '.join(works)}"
        )
    return name, function
