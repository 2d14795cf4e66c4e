"""Records that pass by once: ask about this one, or let it go."""

from __future__ import annotations

import hashlib
import inspect
import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

from weaklab.core.errors import WeaklabError
from weaklab.core.labels import MAX_CLASSES
from weaklab.label_models.base import check_soft, check_votes
from weaklab.strategies import STRATEGIES, Strategy, call_strategy, uniform

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

ROWWISE = frozenset({"P", "L", "scores", "keys", "seed"})
"""What a strategy may ask for when one record is all that there is."""
DEFAULT_SHARE = 0.1
"""Without a known length, a budget of N questions is paced for a stream of N / 0.1 records."""
QUESTIONS_IN_WINDOW = 10
WINDOW = 100
"""The window holds ten questions, and at least the 100 records of Zliobaite et al. (2014)."""
AUDIT_SHARE = 0.2
"""Share of the questions drawn at random, the same as of the scheduler's batches."""
THRESHOLD_RANGE = 1000.0
"""The threshold stays within 1/1000 and 1000, so that a long run of one kind cannot carry it out of reach."""
_STATE = ("seen", "asked", "audits", "threshold", "spending", "largest")


@dataclass(frozen=True)
class Decision:
    """Whether to ask about a record.

    Attributes
    ----------
    ask : ask now, or never
    score : what the query strategy says of it
    threshold : the certainty below which it was to be asked about, 1 - score / the largest score if that exceeds 1
    probability : the chance that it would be asked about, over what the sampler drew by lot; 1 where it was certain
    audit : it was drawn at random, whatever its score
    audit_probability : the chance to be drawn at random, the same for every record but where two draws meet
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
    """Decides record by record, under a budget that is never exceeded.

    A record is asked about when its certainty, 1 - score, is below a threshold theta and the budget allows it. After a
    question theta becomes theta (1 - step), after a record let go theta (1 + rise), so that the sampler asks for less
    certain records when they are many, and for more certain ones when they are few.

    Parameters
    ----------
    budget : float in (0, 1], share of the stream; or int, number of questions in all
        A share b never asks more than ceil(b t) questions in the first t records.
    strategy : name or function
        Any query strategy that looks at one record at a time: it may ask for P, L, scores, keys and seed.
    step : float in (0, 1), by which share the threshold falls after a question
    rise : float > 0, optional
        By which share it rises after a record let go. ``rise=step`` is the rule as it was published, which settles
        where half of the records are below the threshold and leaves the rest to the budget. By default it is step b /
        (1 - b) while the window's budget is spent, b the share that the strategy may ask for, so that the threshold
        settles where a share b of the records is below it; and up to step in proportion to what is left unspent.
    window : int, optional
        The budget is kept over about so many records, what was saved before is forgotten; by default 100, or as
        many as ten questions take.
    random_share : 0 to 1, share of the questions drawn uniformly at random, to measure accuracy on
    randomised : bool
        Multiply the threshold by a normal variate of mean 1 and deviation 1 for each record, so that any record may be
        asked about while the budget lasts.
    expected : int, optional
        About how many records there will be, for a budget in questions; by default ten a question.
    seed : int

    Attributes
    ----------
    seen, asked, audits : int, records so far, questions so far, and those of them drawn at random
    threshold : float, theta

    Notes
    -----
    Threshold, its randomised form and the budget's window: variable uncertainty strategy of Zliobaite, Bifet,
    Pfahringer and Holmes (2014), Active learning with drifting streaming data, IEEE Transactions on Neural Networks and
    Learning Systems. The window's estimate of spending is u <- u (w - 1) / w + [asked], u / w < b.

    Audit questions are a stratified sample: the stream is cut into stretches of 1 / (share of audits) records, and in
    each one moment is drawn. So their number is known beforehand, and every record has the same chance. What they cost
    is set aside, and they move neither threshold nor window.

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
        scores : column -> float (k,), for members that say how sure they are
        key : the record's id, or a number made from it; the lots that a strategy or a randomised threshold draws come
            from it

        Raises
        ------
        WeaklabError
            The row is not k probabilities, the strategy needs votes and got none, or its score is negative.
        """
        number = key_of(key)
        score = self._score(P_row, L_row, scores, number)
        self.largest = max(self.largest, score)
        certainty = 1 - score / self.largest
        before, self.seen = self.seen, self.seen + 1
        threshold = self.threshold
        chance_of_audit, audit = self._audit(before)
        free = self._is_free()
        wish = self._wish(certainty)
        chance = wish if free else 0.0
        wanted = wish >= 1 or (wish > 0 and _lot(number, self.seed + 1) < wish)
        ask = audit or (wanted and free)
        self.spending *= (self.window - 1) / self.window
        if audit:
            self.audits += 1
        else:
            self._move(wanted, free)
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
                raise WeaklabError(f"L_row must hold one vote a heuristic, shape (m,), got shape {np.shape(L_row)}")
            pool["L"] = check_votes(np.asarray(L_row)[None], k if k <= MAX_CLASSES else None)
            given = {column: np.asarray(values)[None] for column, values in (scores or {}).items()}
            pool["scores"] = check_soft(given, None, pool["L"], k).scores
        elif self._needs_votes:
            raise WeaklabError(
                f"query strategy {self.name!r} looks at votes; give the record's row of L, shape (m,), as L_row"
            )
        score = float(call_strategy(self.name, self._strategy, pool)[0])
        if score < 0:
            raise WeaklabError(f"query strategy {self.name!r} gave {score}; stream sampling wants scores from 0 up")
        return score

    def _wish(self, certainty: float) -> float:
        """Return the chance that the threshold is above the certainty; 0 or 1 without randomisation."""
        if not self.randomised:
            return float(certainty < self.threshold)
        return NormalDist().cdf(1 - certainty / self.threshold)

    def _move(self, wanted: bool, free: bool) -> None:
        if wanted and free:
            self.spending += 1
        if self.rise is not None and not free:
            return
        self.threshold = min(
            max(self.threshold * (1 - self.step if wanted else 1 + self._rise()), 1 / THRESHOLD_RANGE), THRESHOLD_RANGE
        )

    def _rise(self) -> float:
        """Return the share by which the threshold rises after a record let go."""
        if self.rise is not None:
            return self.rise
        share = min(self._share * (1 - self.random_share), 0.5)
        matched = share / (1 - share)
        spent = min(1.0, self.spending / (self.window * share)) if share else 1.0
        return self.step * (matched + (1 - matched) * (1 - spent))

    def _audit(self, t: int) -> tuple[float, bool]:
        """Return the chance that record t (from 0) is drawn at random, and whether it is."""
        density = self._share * self.random_share
        if not density:
            return 0.0, False
        none, drawn = 1.0, False
        stretch = math.floor(t * density + 1e-9)
        while (start := stretch / density) < t + 1 - 1e-9:
            if isinstance(self.budget, int) and stretch >= self._set_aside():
                break
            moment = start + _lot(stretch, self.seed) / density
            drawn |= t <= moment < t + 1
            none *= 1 - max(0.0, min(t + 1, start + 1 / density) - max(t, start)) * density
            stretch += 1
        return 1 - none, drawn

    def _set_aside(self) -> int:
        """Return how many questions are kept for the audit, up to this record or in all."""
        if isinstance(self.budget, int):
            return math.ceil(self.budget * self.random_share - 1e-9)
        return math.ceil(self.seen * self.budget * self.random_share - 1e-9)

    def _allowed(self) -> int:
        return self.budget if isinstance(self.budget, int) else math.ceil(self.seen * self.budget - 1e-9)

    def _is_free(self) -> bool:
        """Whether the strategy may ask: something is left of its part of the budget, and of the window's."""
        share = self._share
        left = self._allowed() - self._set_aside() - (self.asked - self.audits)
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
        """Make a sampler that goes on where :meth:`state` was taken.

        Parameters
        ----------
        state : what :meth:`state` returned
        strategy : the function, if it was none of the registered strategies
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
    """Return a number from 0 to 2**64 - 1 for a record's id; numbers stay what they are.

    >>> key_of(7), key_of("7") == key_of("7"), 0 <= key_of("7") < 2**64
    (7, True, True)
    """
    if isinstance(key, str):
        return int.from_bytes(hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")
    if not _is_whole(key):
        raise WeaklabError(f"key must be a record's id or a whole number, got {key!r}")
    return int(key) % 2**64


def _lot(number: int, seed: int) -> float:
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
            "time; "
            f"these work: {', '.join(works)}"
        )
    return name, function
