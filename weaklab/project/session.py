"""One person who labels: a queue of records, answers, undo and redo, and training in the background."""

from __future__ import annotations

import threading
import time
import uuid
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from weaklab.core.errors import StorageError, WeaklabError
from weaklab.core.events import LABEL, NOTE, QUEUE_KINDS, REQUEUE, SKIP, UNDO, Event
from weaklab.core.thresholds import clopper_pearson
from weaklab.project.answering import append, asked_by, event, label_names, newest_standing
from weaklab.project.ask_queue import AskQueue, BatchPicker
from weaklab.project.asking import ask_about, named_records
from weaklab.scheduling.asks import Ask, Asks

if TYPE_CHECKING:
    from collections.abc import Iterable

    from weaklab.project.project import Project

PACE_SECONDS, MOST_AT_A_TIME = 6.0, 200
"""A queue that is read ahead is filled with what is answered in so many seconds, at most so many records."""


class Session:
    """The work of one person on a project; made by :meth:`weaklab.Project.session`.

    Answers are on disk before a call returns. Training and the choice of the next records run in the background, so
    that nobody waits for them. Any number of sessions may run at once, in threads and in processes: each has its own
    queue and its own undo, and no record is shown in two of them within a lease, but for the share that ``overlap``
    asks for.

    Parameters
    ----------
    project : the project
    annotator : who answers, by default the project's
    strategy : query strategy, by default that of the settings
    batch : records that are picked at a time
    again : whether records that have a label may come, too
    records : records or ids to ask about, in this order, instead of those that the strategy picks
    overlap : share of the records, 0 to 1, that two people label, so that their agreement can be measured; by default
        that of the settings
    background : whether to train and pick in a background thread; False does it in :meth:`next`, which then takes as
        long

    Examples
    --------
    >>> import tempfile, weaklab
    >>> project = weaklab.Project(tempfile.mkdtemp(), labels=["ham", "spam"], timeout=None)
    >>> _ = project.add_records(["win a prize", "lunch at noon", "prize draw"], quiet=True)
    >>> _ = project.add(weaklab.keywords("spam", ["prize"]))
    >>> with project.session(annotator="Ann") as session:
    ...     while (ask := session.next()) is not None:
    ...         event = session.answer(ask, "spam" if "prize" in ask.text else "ham")
    ...     session.state()["given"]["by_label"]
    {'ham': 1, 'spam': 2}
    """

    def __init__(
        self,
        project: Project,
        annotator: str | None = None,
        *,
        strategy: Any = None,
        batch: int = 10,
        again: bool = False,
        records: Iterable[Any] | None = None,
        overlap: float | None = None,
        background: bool = True,
    ) -> None:
        if type(batch) is not int or batch < 1:
            raise WeaklabError(f"batch must be a whole number from 1, got {batch!r}")
        overlap = project.settings.overlap if overlap is None else overlap
        if not 0 <= overlap <= 1:
            raise WeaklabError(f"overlap must be a share from 0 to 1, got {overlap!r}")
        self.project = project
        self._work = work = project.workspace
        self.annotator = annotator or work.annotator
        self.id = uuid.uuid4().hex[:12]
        self._lock = threading.RLock()
        self._picker = BatchPicker(
            work,
            self.annotator,
            self.id,
            strategy=strategy,
            batch=batch,
            again=again,
            overlap=overlap,
            named=None if records is None else named_records(work, records),
        )
        self._queue = AskQueue(self._picker, background)
        self._batch = batch
        self._undone: list[Event] = []
        self._given: dict[int, Event] = {}
        self._times: list[float] = []
        self._journal = work.journal
        self._before = self._journal.last_event()
        self._known_last: tuple[int, Event | None] = (0, None)
        self._closed = False

    # ---- what to show

    def next(self) -> Ask | None:
        """Return the record to show now, the same one until it is answered, skipped or put back; None when no record is
        left.
        """
        with self._lock:
            self._check_open()
            return self._queue.next()

    def peek(self, n: int = 5) -> Asks:
        """Return the next records of the queue, at most n, without waiting for more to be picked."""
        with self._lock:
            return Asks(self._queue.asks[:n])

    def ahead(self, n: int = 10, patience: float | None = None) -> Asks:
        """Return the next records, at most n, each leased as if it were shown, for a page that holds them ready.

        The first one is that of :meth:`next`. Others may be fewer than n, as nobody waits for more to be picked. When
        the queue runs dry while the committee is trained, the next ones are picked as of the training before. With
        ``patience`` there may be none: then it takes longer than so many seconds to pick the first one, in the
        background; while that is so, ``state()["training"]["running"]`` is true. For a
        person who answers fast, more records are picked at a time than ``batch``: what takes them six seconds. So are
        the first ones, twice as many.
        """
        with self._lock:
            self._check_open()
            last = [at for at in self._times[-20:] if at > time.monotonic() - PACE_SECONDS]
            pace = (len(last) - 1) / max(time.monotonic() - last[0], 0.1) if len(last) > 3 else 0.0
            least = self._batch if len(self._times) > 3 else 2 * self._batch  # how fast they are is not known yet
            self._picker.batch = max(least, min(int(pace * PACE_SECONDS), MOST_AT_A_TIME))
            return self._queue.ahead(n, patience)

    # ---- answers

    def answer(self, record: Any, value: Any, *, seconds: float | None = None, shown: bool | None = None) -> Event:
        """Store a label for a record; it is on disk when this returns.

        Parameters
        ----------
        record : an :class:`weaklab.scheduling.asks.Ask`, a record, or an id
        value : label name or code
        seconds : how long the person took
        shown : whether the person saw the suggestion; by default True unless the question is blind

        Raises
        ------
        UnknownLabelError, ProjectError
            The value is no label, or there is no such record. Nothing has been stored then.
        """
        return self.answer_many([(record, value, seconds)], shown=shown)[0]

    def answer_many(
        self, answers: Iterable[tuple[Any, Any, float | None]], *, shown: bool | None = None
    ) -> list[Event]:
        """Store labels for several records, all or none: (record, value, seconds) of each."""
        answers = list(answers)
        names, known = label_names(self._work, [value for _, value, _ in answers])
        events = []
        for (record, _, seconds), name in zip(answers, names, strict=True):
            ask = self._queue.ask_of(record)
            seen = shown if shown is not None else ask is not None and not ask.blind
            events.append(self._event(LABEL, record, name, seconds=seconds, suggestion_shown=seen))
        return self._store(events, known)

    def skip(self, record: Any = None, *, seconds: float | None = None) -> Event:
        """Do not ask about a record again, by default the one that is shown."""
        return self._store([self._event(SKIP, self._current(record), seconds=seconds)])[0]

    def requeue(self, record: Any = None) -> Event:
        """Put a record back in the queue, by default the one that is shown: it comes again after the others."""
        record = self._current(record)
        [event] = self._store([self._event(REQUEUE, record)])
        ask = self._queue.ask_of(record)
        with self._lock:
            if ask is not None:
                self._queue.put_last(ask, event.id)
        return event

    def note(self, text: str, record: Any = None) -> None:
        """Keep a remark about a record, by default the one that is shown; see :meth:`notes`."""
        if not str(text).strip():
            raise WeaklabError(f"a note is a text, got {text!r}")
        self._journal.append([self._event(NOTE, self._current(record), str(text))])

    def notes(self) -> list[dict[str, str]]:
        """Return the remarks of all people, oldest first: ``record``, ``text``, ``annotator`` and ``at``, UTC time."""
        return [
            {"record": event.record, "text": event.value, "annotator": event.annotator, "at": event.at}
            for event in self._journal.events()
            if event.kind == NOTE and isinstance(event.value, str)
        ]

    def flag(self, record: Any = None, flagged: bool = True) -> None:
        """Mark a record, by default the one that is shown, for others to look at, or take the mark away."""
        self._journal.append([self._event(NOTE, self._current(record), {"flagged": bool(flagged)})])

    def undo(self) -> Event | None:
        """Take back this person's newest answer that stands and return it; None if there is none.

        First the answers of this session, newest first; then those that the same annotator gave before it began.
        Answers of other people, and of sessions that run at the same time, are never touched. The record comes next.
        """
        with self._lock:
            self._check_open()
            last = self._last()
            if last is None:
                return None
            self._journal.append([Event(UNDO, last.record, undoes=last.id, annotator=last.annotator, session=self.id)])
            self._undone.append(last)
            self._given.pop(last.id, None)
            ask = self._queue.ask_of(last.record) or ask_about(self._work, last.record, f"{last.kind} taken back")
            if ask is not None:
                self._queue.put_first(ask, self._journal.last_event())
            return last

    def redo(self) -> Event | None:
        """Give the answer again that :meth:`undo` took back last; None after a new answer, or if there is none."""
        with self._lock:
            self._check_open()
            if not self._undone:
                return None
            last = self._undone.pop()
            return self._keep([replace(last, id=0, at="", session=self.id)], last.id - 1)[0]

    # ---- state

    def state(self) -> dict[str, Any]:
        """Return where the session stands, as values that JSON can hold.

        ``annotator``, ``session``; ``current`` (the record that is shown, or None) and ``queue`` (ids); ``given``:
        ``total``, ``by_label`` and ``per_minute`` (over the last five minutes) of this session; ``undo`` and ``redo``:
        whether there is something to take back or to give again; ``training``: ``running``, and of the last one
        ``labels``, ``flipped`` (records whose most probable label changed), ``changed_by`` (heuristic -> on how many
        of these its vote changed) and ``seconds``; ``suggestions``: on how
        many of the records drawn at random the suggestion was right, when it was made; ``accuracy``: how many of the
        committee's labels are right now, over all records, estimated from the records drawn at random: ``value``,
        ``low`` and ``high``, None with a ``reason`` where that is not known. It is estimated in the background after
        each training and rests on ``labels`` labels; :meth:`weaklab.Project.evaluate` uses more folds.
        """
        with self._lock:
            labels = Counter(event.label for event in self._given.values() if event.kind == LABEL)
            recent = [at for at in self._times if at > time.monotonic() - 300]
            minutes = max((time.monotonic() - recent[0]) / 60, 1 / 60) if recent else 1.0
            current = self._queue.current
            return {
                "annotator": self.annotator,
                "session": self.id,
                "current": None if current is None else shown_ask(current),
                "queue": [ask.id for ask in self._queue.asks],
                "given": {
                    "total": sum(labels.values()),
                    "by_label": {name: labels[name] for name in self._work.label_names if labels[name]},
                    "per_minute": round(len(recent) / minutes, 2),
                },
                "undo": self._last() is not None,
                "redo": bool(self._undone),
                "training": {"running": self._queue.is_picking, **self._picker.training},
                "suggestions": self._suggestions(),
                "accuracy": self._work.accuracy.as_json(),
            }

    def close(self) -> None:
        """Wait for the work in the background and let other sessions have the records that were not answered."""
        if not self._closed:
            self._closed = True
            self._queue.close()
            self._journal.release(self.id)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Session({self.project.path.name!r}, annotator={self.annotator!r}, {len(self._given)} answers)"

    # ---- within

    def _last(self) -> Event | None:
        """Return the newest answer that can be taken back."""

        def mine(event: Event) -> bool:
            begun = event.session == self.id or event.id <= self._before
            return event.kind in QUEUE_KINDS and event.annotator == self.annotator and begun

        through = self._journal.last_event()
        found = newest_standing(self._journal, mine, self.annotator or None, self._known_last)
        self._known_last = through, found
        return found

    def _suggestions(self) -> dict[str, Any]:
        """Return how often suggestions were right on the records that were drawn at random, with a 95 % interval
        (Clopper-Pearson).
        """
        snapshot = self._work.snapshot
        drawn = [event for event in self._work.first_labels.drawn(snapshot.event) if event.record not in snapshot.gone]
        asked, right = len(drawn), sum(event.suggestion == event.label for event in drawn)
        low, high = (0.0, 1.0) if not asked else clopper_pearson(right, asked)
        return {"asked": asked, "right": right, "low": round(low, 4), "high": round(high, 4)}

    def _check_open(self) -> None:
        if self._closed:
            raise StorageError("this session is closed; begin another one with project.session()")

    def _current(self, record: Any) -> Any:
        if record is not None:
            return record
        with self._lock:
            asks = self._queue.asks
        if not asks:
            raise WeaklabError("no record is shown: call next() first, or name the record")
        return asks[0]

    def _event(self, kind: str, record: Any, value: Any = None, **about: Any) -> Event:
        self._check_open()
        shown = self._queue.ask_of(record)
        asked = {} if shown is None else asked_by(shown)
        about = {**asked, "annotator": self.annotator, "session": self.id, **about}
        return event(self._work, kind, record if shown is None else shown, value, **about)

    def _store(self, events: list[Event], known: int | None = None) -> list[Event]:
        with self._lock:
            self._undone.clear()
            return self._keep(events, known)

    def _keep(self, events: list[Event], known: int | None) -> list[Event]:
        """Store answers; ``known`` is the last change of the labels that their label names know of."""
        stored = append(self._work, events, known)
        for answer in stored:
            self._given[answer.id] = answer
            self._times.append(time.monotonic())
            self._queue.drop(answer.record)
        if self._picker.overlap:  # what this person has labeled, another one may be shown at once
            self._journal.release(self.id, [answer.record for answer in stored if answer.kind == LABEL])
        self._queue.look_ahead()
        return stored


def shown_ask(ask: Ask) -> dict[str, Any]:
    """Return an ask as JSON values, without the committee's opinion where that is hidden."""
    opinion = {} if ask.blind else {"suggestion": ask.suggestion, "confidence": ask.confidence, "votes": ask.votes}
    return {
        "id": ask.id,
        "text": ask.text,
        "why": ask.shown_why,
        "picked_by": ask.strategy,
        "blind": ask.blind,
        **opinion,
    }
