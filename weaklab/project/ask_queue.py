"""The records that one session is about to show: picked a batch at a time, in the background where that is wanted."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.core.events import LABEL, SKIP, UNDO
from weaklab.core.rows import row_argmax
from weaklab.project.asking import ask_of, lease, trained
from weaklab.project.at_hand import look
from weaklab.project.imports import IMPORTED
from weaklab.scheduling.asks import Ask, Asks, make_asks
from weaklab.scheduling.scheduler import Pick
from weaklab.scheduling.views import keys_of
from weaklab.strategies import uniform
from weaklab.training.background import Ahead

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from weaklab.project.at_hand import AtHand
    from weaklab.project.snapshot import Snapshot
    from weaklab.project.workspace import Workspace
    from weaklab.training.trainer import Opinion

SECOND_OPINION = "second opinion"
"""What a record is picked by that another person has labeled already."""
LEASE_AGAIN = float("-inf")
"""When a record was leased that has not been shown yet: a queue keeps nothing from others, only what is shown does."""
RESERVE = 4
"""A queue that holds a batch divided by this, or less, while a training runs does not wait for it."""
RENEW_SECONDS = 60.0
"""A record that was shown longer ago is leased again before it is returned again."""


class BatchPicker:
    """Trains the committee when it is time, and picks batches of records for one session.

    Parameters
    ----------
    work : the open project
    annotator, session : who answers, and the id of the session
    strategy : query strategy, by default that of the settings
    batch : records that are picked at a time
    again : whether records that have a label may come, too
    overlap : share of the records, 0 to 1, that two people label
    named : ids of the records to ask about, in this order, instead of those that the strategy picks

    Attributes
    ----------
    overlap : as above
    training : of the last training ``labels``, ``flipped`` (records whose most probable label changed, or None),
        ``changed_by`` (heuristic -> on how many of these its vote changed) and ``seconds``; empty if this picker has
        not trained yet
    """

    def __init__(
        self,
        work: Workspace,
        annotator: str,
        session: str,
        *,
        strategy: Any = None,
        batch: int = 10,
        again: bool = False,
        overlap: float = 0.0,
        named: Sequence[str] | None = None,
    ) -> None:
        self._named = None if named is None else list(named)
        self.work, self.annotator, self.session, self.batch = work, annotator, session, batch
        self._strategy, self._again, self.overlap = strategy, again, overlap
        self.training: dict[str, Any] = {}

    def pick(self, besides: list[str], through: int) -> Asks:
        """Train if it is time, and pick a batch; for the share that two people label, records of others come first.

        Knows of the events through one of them alone, so that the result does not depend on how fast the answers come.

        Parameters
        ----------
        besides : ids of records that are in the queue already
        through : id of the last event to know of
        """
        work = self.work
        with work.working:
            self._train(through)
            hand = trained(work)
            work.rows.prepare()  # else the first answer would wait for it
            found = self._batch(hand, work.snapshot.at(through, work.journal), besides)
            work.accuracy.follow()
            return found

    def pick_at_hand(self, besides: list[str]) -> Asks:
        """Pick a batch as of the last training, without waiting for one that runs; none where there was no training,
        or records or labels have changed since.
        """
        hand = self.work.at_hand
        known = None if hand is None else hand.newest(self.work)
        return Asks() if hand is None or known is None else self._batch(hand, known, besides)

    def _batch(self, hand: AtHand, known: Snapshot, besides: list[str]) -> Asks:
        if self._named is not None:
            return self._of_the_named(hand, known, besides)
        twice = self._second_opinions(hand, known, besides) if self.overlap else Asks()
        wanted = max(1, self.batch - len(twice))
        besides = [*besides, *(ask.id for ask in twice)]
        found = ask_of(
            self.work,
            hand,
            known,
            wanted,
            again=self._again,
            strategy=self._strategy,
            besides=besides,
            session=self.session,
        )
        return Asks([*twice, *found])

    def _of_the_named(self, hand: AtHand, known: Snapshot, besides: list[str]) -> Asks:
        """Return the next batch of the records that were named; each comes once."""
        assert self._named is not None
        found = ask_of(
            self.work,
            hand,
            known,
            self.batch,
            named=self._named,
            again=self._again,
            strategy=None,
            besides=besides,
            session=self.session,
        )
        taken = {ask.id for ask in found}
        self._named = [name for name in self._named if name not in taken]
        return found

    def _train(self, through: int) -> None:
        before, state = self._most_probable(), self.work.opinion.last
        start = time.monotonic()
        if self.work.retrain_when_due(through):
            after = self._most_probable()
            flipped = None
            if before is not None and after is not None and len(before) == len(after):
                flipped = np.not_equal(before, after)
            self.training = {
                "labels": self.work.snapshot.n_labels,
                "flipped": None if flipped is None else int(flipped.sum()),
                "changed_by": {} if flipped is None else _changed_by(state, self.work.trained, flipped),
                "seconds": round(time.monotonic() - start, 3),
            }

    def _most_probable(self) -> NDArray[np.int64] | None:
        """Return the code of the most probable label of each record as of the last training."""
        state = self.work.opinion.last
        return None if state is None else row_argmax(state.P)

    def _second_opinions(self, hand: AtHand, known: Snapshot, besides: list[str]) -> Asks:
        """Return records that exactly one other person labeled, of the share that two are to label, at most half a
        batch.
        """
        state, corpus = hand.state, hand.cache.corpus
        rows = known.labeled_by_one_other((self.annotator, IMPORTED))
        ids = corpus.ids.take(rows).to_pylist()
        mine = [(row, str(name)) for row, name in zip(rows.tolist(), ids, strict=True) if str(name) not in besides]
        if not mine:
            return Asks()
        drawn = uniform(keys_of([f"overlap {name}" for _, name in mine]), self.work.settings.seed)
        chosen = [each for each, lot in zip(mine, drawn, strict=True) if lot < self.overlap]
        left = self._not_skipped(chosen, known.event, max(1, self.batch // 2))
        picks = [Pick(row, SECOND_OPINION, 0.0, 1.0) for row in left]
        # agreement is measured between people, not between a person and the committee
        return make_asks(picks, corpus, state.votes, state.P, asked_after=known.event, blind_share=1)

    def _not_skipped(self, chosen: list[tuple[int, str]], through: int, most: int) -> list[int]:
        """Return the first rows, at most so many, of the records that this person has not skipped."""
        found: list[int] = []
        for start in range(0, len(chosen), 100):
            part = chosen[start : start + 100]
            events = [event for event in self.work.journal.events_of([name for _, name in part]) if event.id <= through]
            undone = {event.undoes for event in events if event.kind == UNDO}
            mine = [event for event in events if event.annotator == self.annotator and event.id not in undone]
            skipped = {event.record for event in mine if event.kind == SKIP}
            found += [row for row, name in part if name not in skipped]
            if len(found) >= most:
                break
        return found[:most]


def _changed_by(old: Opinion | None, new: Opinion | None, flipped: NDArray[np.bool_]) -> dict[str, int]:
    """Return heuristic -> on how many of the records whose label flipped its vote has changed, the most first."""
    if old is None or new is None:
        return {}
    before = dict(zip(old.votes.names, old.votes.L[flipped].T, strict=True))
    after = dict(zip(new.votes.names, new.votes.L[flipped].T, strict=True))
    counts = {name: int((after[name] != before[name]).sum()) for name in after if name in before}
    return {name: n for name, n in sorted(counts.items(), key=lambda item: -item[1]) if n}


class AskQueue:
    """The records that one session is about to show, in their order. The first one is leased while it is shown.

    Not safe in threads: the session holds a lock around each call.

    Parameters
    ----------
    picker : picks more when the queue runs out
    background : whether to pick the next batch in a background thread when the queue is half empty
    """

    def __init__(self, picker: BatchPicker, background: bool = True) -> None:
        self._picker, self._work, self._background = picker, picker.work, background
        self._session = picker.session
        self._begun = False
        """Whether there has been a first record."""
        self._looked = 0
        """The last event when answers of others were looked for."""
        self._none_after = -1
        """The last event when no record was left to pick."""
        self._ahead: Ahead[Asks] = Ahead()
        self._ahead_begun = False
        self._waiting: deque[tuple[Ask, float]] = deque()
        """Each ask with the time at which it was leased."""
        self._shown: dict[str, Ask] = {}

    def next(self) -> Ask | None:
        """Return the record to show now, leased; the same one until it is dropped, None when no record is left."""
        self._drop_answered()
        while True:
            if not self._waiting:
                self._fill()
            if not self._waiting:
                return None
            ask, leased = self._waiting[0]
            if not self._is_current(ask, look_first=time.monotonic() - leased >= RENEW_SECONDS):
                self._waiting.popleft()  # it was removed, or says something else now
                continue
            if time.monotonic() - leased < RENEW_SECONDS or self._lease(ask):
                ask = self._with_names_of_today(ask)
                self._waiting[0] = (ask, time.monotonic())
                self._shown[ask.id] = ask
                self.look_ahead()
                return ask
            self._waiting.popleft()  # somebody else has answered it, or is looking at it

    def ahead(self, n: int, patience: float | None = None) -> Asks:
        """Return the first records, at most n, each leased as if it were shown; waits only for the first one.

        When the queue would run dry before a training ends, the next records are picked as of the last training.
        """
        self._take_ready()
        self._drop_answered()
        while True:
            if self._ahead.running and len(self._waiting) <= self._picker.batch // RESERVE:
                self._add(self._picker.pick_at_hand([ask.id for ask in self.asks]))
            if not self._waiting:
                self._fill(patience)
            if not self._waiting:
                return Asks()
            if found := self._lead(n):
                self.look_ahead(n)
                return found

    def _lead(self, n: int) -> Asks:
        """Lease the first n where that is due, and drop those that cannot be had any more."""
        first = [self._waiting.popleft() for _ in range(min(n, len(self._waiting)))]
        due = [ask for ask, leased in first if time.monotonic() - leased >= RENEW_SECONDS]
        mine, now = self._lease_all(due), time.monotonic()
        lost = {ask.id for ask in due} - mine
        kept = [
            (self._with_names_of_today(ask), now if ask.id in mine else leased)
            for ask, leased in first
            if ask.id not in lost
        ]
        self._waiting.extendleft(reversed(kept))
        self._shown.update((ask.id, ask) for ask, _ in kept)
        return Asks(ask for ask, _ in kept)

    def _lease_all(self, asks: list[Ask]) -> set[str]:
        """Return the ids of those that are as they were when they were picked and that nobody else is shown."""
        current = [ask for place, ask in enumerate(asks) if self._is_current(ask, look_first=not place)]
        mine: set[str] = set()
        for after in dict.fromkeys(ask.asked_after or 0 for ask in current):
            some = Asks(ask for ask in current if (ask.asked_after or 0) == after)
            mine |= {ask.id for ask in lease(self._work, some, after, session=self._session)}
        return mine

    def _take_ready(self) -> None:
        """Add the batch that was picked in the background, if it is there."""
        if self._ahead_begun and not self._ahead.running:
            self._ahead_begun = False
            asks = self._ahead.take(None) or Asks()
            self._none_after = -1 if asks else self._work.journal.last_event()
            self._add(asks)

    def _add(self, asks: Asks) -> None:
        held = {ask.id for ask, _ in self._waiting}
        self._waiting.extend((ask, LEASE_AGAIN) for ask in asks if ask.id not in held)
        self._begun = True

    def _drop_answered(self) -> None:
        """Take out the records that somebody else has labeled or skipped since they were picked."""
        last = self._work.journal.last_event()
        if last == self._looked or not self._waiting:
            return
        self._looked = last
        after = {ask.id: ask.asked_after or 0 for ask, _ in self._waiting}
        events = self._work.journal.events_of(list(after))
        answered = {event.record for event in events if event.kind in (LABEL, SKIP) and event.id > after[event.record]}
        if answered:
            self._waiting = deque(item for item in self._waiting if item[0].id not in answered)

    @property
    def asks(self) -> Asks:
        """The records of the queue, without waiting for more to be picked."""
        return Asks(ask for ask, _ in list(self._waiting))

    @property
    def current(self) -> Ask | None:
        """The first record, if it has been shown."""
        return self._waiting[0][0] if self._waiting and self._waiting[0][0].id in self._shown else None

    @property
    def is_picking(self) -> bool:
        """Whether a batch is being picked in the background."""
        return self._ahead.running

    def ask_of(self, record: Any) -> Ask | None:
        """Return how a record was asked about; None if it was not shown in this session."""
        return record if isinstance(record, Ask) else self._shown.get(str(getattr(record, "record_id", record)))

    def drop(self, record: str) -> None:
        """Take the record with this id out of the queue."""
        self._waiting = deque(item for item in self._waiting if item[0].id != record)

    def put_first(self, ask: Ask, asked_after: int) -> None:
        """Put a record at the start, as it was asked about after this event."""
        self.drop(ask.id)
        self._waiting.appendleft((replace(ask, asked_after=asked_after), LEASE_AGAIN))

    def put_last(self, ask: Ask, asked_after: int) -> None:
        """Put a record at the end, as it was asked about after this event."""
        self._waiting.append((replace(ask, asked_after=asked_after), LEASE_AGAIN))

    def look_ahead(self, reserve: int = 0) -> None:
        """Begin to train and to pick the next batch when the queue is half empty, or holds no more than a reserve."""
        few = max(self._picker.batch // 2, reserve)
        if self._background and not self._ahead_begun and len(self._waiting) <= few:
            besides, through = [ask.id for ask, _ in self._waiting], self._work.journal.last_event()
            if through == self._none_after:
                return
            self._ahead_begun = True
            self._ahead.begin(None, lambda: self._picker.pick(besides, through))

    def close(self) -> None:
        """Wait for the work in the background."""
        self._ahead.close()

    def _is_current(self, ask: Ask, look_first: bool) -> bool:
        """Whether a record is still there and as it was when it was picked, as far as is known without waiting.

        Parameters
        ----------
        look_first : whether to look for what is new first, unless that takes a wait
        """
        work = self._work
        if look_first:
            look(work)
        after = ask.asked_after or 0
        return work.changes.event <= after or ask.id not in work.changes.touched_since(after)

    def _with_names_of_today(self, ask: Ask) -> Ask:
        """Return a question that was made before a change of the labels with what is shown called by the new names."""
        names = self._work.label_history.now.old_names
        if not names:
            return ask
        votes = {heuristic: names.get(vote, vote) for heuristic, vote in ask.votes.items()}
        return replace(ask, suggestion=names.get(ask.suggestion or "", ask.suggestion), votes=votes)

    def _lease(self, ask: Ask) -> Asks:
        return lease(self._work, Asks([ask]), ask.asked_after or 0, session=self._session)

    def _fill(self, patience: float | None = None) -> None:
        """Take what was picked ahead, else pick now.

        The first records of a session come as of the last training: one that is due, or that runs, goes on meanwhile.
        With ``patience`` nothing is waited for longer than so many seconds.
        """
        if self._background and not self._begun:
            self._add(self._picker.pick_at_hand([]))
            if self._waiting:
                return
        if self._background and patience is not None:
            self.look_ahead()
            self._ahead.wait(patience)
            self._take_ready()
            return
        asks = Asks()
        if self._ahead_begun:
            self._ahead_begun = False
            asks = self._ahead.take(None) or Asks()
        self._add(asks or self._picker.pick([], self._work.journal.last_event()))
