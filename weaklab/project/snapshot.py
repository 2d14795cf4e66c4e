"""What was known at one moment: the manual labels, and which records are closed to questions, as arrays over records.

A snapshot never changes. The next one is made from it and the events since, so that its cost does not depend on how
many events there are.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from weaklab.core.events import LABEL, LABELS, QUEUE_KINDS, RECORD_KINDS, UNDO, Event
from weaklab.core.files import read_arrays, write_arrays
from weaklab.core.label_set import GONE, LabelHistory
from weaklab.core.labels import ABSTAIN, LabelNames
from weaklab.crowd.annotators import settle
from weaklab.strategies import picks_by_opinion

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from weaklab.project.journal import Journal
    from weaklab.project.record_rows import RecordRows

CHUNK = 50_000
"""Events that are read at a time, so that memory does not grow with their number."""
NOBODY, SEVERAL = -1, -2
"""In place of the number of a person: nobody labeled the record, or several people did."""
_KINDS = ("", *QUEUE_KINDS)
_CODES = {kind: code for code, kind in enumerate(_KINDS)}


class Standing(NamedTuple):
    """What stands for one record: the kind of the last event in force, the label's slot, and who gave it."""

    kind: int = 0
    slot: int = GONE
    who: int = NOBODY


@dataclass(frozen=True, eq=False)
class Snapshot:
    """What was known of the records of a project after one event.

    Attributes
    ----------
    event : number of that event
    rows : record id -> row number
    history : the labels, and how they have changed; always as of the newest event, also :meth:`at` an earlier one
    y : int64 (n,), codes of the manual labels in force, -1 for none; the consensus where several people labeled
    slots : int8 (n,), the same as slots, which changes of the labels leave as they are
    kind : int8 (n,), the last event in force: 0 none, 1 label, 2 skip, 3 requeue
    who : int32 (n,), number of the person in ``people`` who gave the label, -1 nobody, -2 several people
    seen : bool (n,), whether there is any event about the record
    picked : bool (n,), whether its first label was asked for because of what the committee said of the record
    people : names of all annotators
    counts : how many records each of them labeled
    shared : record -> annotator -> label event, for the records that several people labeled, as they were written
    extra : record -> what stands for it, for ids that are no records of the corpus
    label_events : int64, numbers of all label events, undone ones included
    gone : ids of the records that were removed; what people said of them counts nowhere until they are back
    records_event : number of the last event that changed records themselves, or took such a change back
    """

    event: int
    rows: RecordRows
    history: LabelHistory
    y: NDArray[np.int64]
    slots: NDArray[np.int8]
    kind: NDArray[np.int8]
    who: NDArray[np.int32]
    seen: NDArray[np.bool_]
    picked: NDArray[np.bool_]
    people: tuple[str, ...] = ()
    counts: tuple[int, ...] = ()
    shared: Mapping[str, Mapping[str, Event]] = field(default_factory=dict)
    extra: Mapping[str, Standing] = field(default_factory=dict)
    label_events: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    gone: Collection[str] = frozenset()
    records_event: int = 0

    @classmethod
    def empty(cls, rows: RecordRows, labels: Sequence[str]) -> Snapshot:
        """Return what is known before the first event, from the labels at that time."""
        return cls._blank(rows, LabelHistory(labels))

    @classmethod
    def _blank(cls, rows: RecordRows, history: LabelHistory) -> Snapshot:
        n = len(rows)
        return cls(
            0,
            rows,
            history,
            np.full(n, ABSTAIN, dtype=np.int64),
            np.full(n, GONE, dtype=np.int8),
            np.zeros(n, dtype=np.int8),
            np.full(n, NOBODY, dtype=np.int32),
            np.zeros(n, dtype=bool),
            np.zeros(n, dtype=bool),
        )

    # ---- reading

    @property
    def labels(self) -> LabelNames:
        """The labels of today; the codes of ``y`` are places among them."""
        return self.history.now.names

    @property
    def opinions(self) -> dict[str, dict[str, Event]]:
        """Record -> annotator -> label event, for the records that several people labeled, with the names of today."""
        found = {
            record: {name: each for name, event in by.items() if (each := self.history.translated(event)) is not None}
            for record, by in self.shared.items()
        }
        return {record: by for record, by in found.items() if by}

    def closed(self, *kinds: str) -> NDArray[np.bool_]:
        """Return bool (n,): whether the last event in force is one of some kinds."""
        return np.asarray(np.isin(self.kind, [_CODES[kind] for kind in kinds]))

    def extra_closed(self, *kinds: str) -> set[str]:
        """Return the ids outside the corpus whose last event in force is one of some kinds."""
        codes = {_CODES[kind] for kind in kinds}
        return {record for record, standing in self.extra.items() if standing.kind in codes}

    @cached_property
    def n_labels(self) -> int:
        """How many records of the corpus have a manual label."""
        return int(np.count_nonzero(self.y != ABSTAIN))

    @cached_property
    def manual_labels(self) -> dict[str, str]:
        """Record -> label name, for the records of the corpus."""
        names = np.array([*self.labels, None], dtype=object)
        labeled = self.y != ABSTAIN
        return dict(zip(self.rows.ids_at(labeled), names[self.y[labeled]].tolist(), strict=True))

    @property
    def extra_labels(self) -> dict[str, str]:
        """Record -> label name, for ids that are no records of the corpus."""
        codes = self.history.now.codes
        found = {record: self.labels.name(int(codes[standing.slot])) for record, standing in self.extra.items()}
        return {record: name for record, name in found.items() if name is not None}

    def labels_between(self, after: int, through: int | None = None) -> int:
        """Return how many labels were given after one event and up to another, undone ones included."""
        end = self.event if through is None else through
        first, last = np.searchsorted(self.label_events, [after, end], side="right")
        return max(0, int(last) - int(first))

    def labeled_by_one_other(self, besides: Collection[str]) -> NDArray[np.int64]:
        """Return the row numbers of the records that exactly one person labeled, who is none of ``besides``."""
        others = [number for number, name in enumerate(self.people) if name not in besides]
        return np.flatnonzero(np.isin(self.who, others))

    # ---- the next one

    def extended(self, journal: Journal) -> Snapshot:
        """Return what is known after all events of a journal."""
        found = self
        while events := journal.events(found.event, CHUNK):
            found = found._after(events, journal)
            if len(events) < CHUNK:
                break
        return found

    def at(self, through: int, journal: Journal) -> Snapshot:
        """Return what was known after an earlier event."""
        if through >= self.event:
            return self
        found = self
        events = (event for event in journal.events(through) if event.id <= self.event and event.record)
        changed = list(dict.fromkeys(event.record for event in events))
        held = _by_record(event for event in journal.events_of(changed) if event.id <= through)
        return found._with({record: held.get(record, []) for record in changed if record}, through)

    def _after(self, events: Sequence[Event], journal: Journal) -> Snapshot:
        through = events[-1].id
        if any(not event.record and event.kind in (LABELS, UNDO) for event in events):
            return self._relabeled(_label_history(self.history.first, journal, through))._with_new(events, journal)
        return self._with_new(events, journal)

    def _relabeled(self, history: LabelHistory) -> Snapshot:
        """Return the same knowledge after a change of the labels."""
        found = replace(self, history=history, y=_codes_of(history, self.slots))
        return _Draft(found).finished(self.event, ())

    def _with_new(self, events: Sequence[Event], journal: Journal) -> Snapshot:
        through = events[-1].id
        touched = _by_record(event for event in events if event.record)
        rows = self.rows.of([*touched, *self.shared])
        again = [record for record in touched if self._has_events(record, rows.get(record))]
        if again:
            earlier = journal.events_of(again)
            touched |= _by_record(event for event in earlier if event.id <= through)
        changed = [event.id for event in events if changes_records(event)]
        return replace(self._with(touched, through, rows), records_event=max([self.records_event, *changed]))

    def _has_events(self, record: str, row: int | None) -> bool:
        return record in self.extra if row is None else bool(self.seen[row])

    def _with(
        self, touched: Mapping[str, Sequence[Event]], through: int, rows: Mapping[str, int] | None = None
    ) -> Snapshot:
        """Return a snapshot as of an event, from all events up to it of the records that differ.

        ``rows`` has the row numbers of these and of the records that several people labeled, by default those of all.
        """
        draft = _Draft(self, rows)
        for record, events in touched.items():
            draft.put(record, events)
        return draft.finished(through, (event for events in touched.values() for event in events))

    def over(self, rows: RecordRows, journal: Journal, gone: Collection[str] = frozenset()) -> Snapshot:
        """Return the same knowledge over other records: those that came are looked up, those that went become extra.

        What was said of those that are ``gone`` counts nowhere.
        """
        extra = {record: standing for record, standing in self.extra.items() if record not in rows}
        at: Any = slice(0, len(self.rows))
        before = at
        if rows.ids[: len(self.rows)] != self.rows.ids:
            found = np.fromiter((self.rows.get(record, -1) for record in rows), dtype=np.int64, count=len(rows))
            at, before = np.flatnonzero(found >= 0), found[found >= 0]
            extra |= {record: self._standing(record) for record in self._seen_besides(rows)}
        wider = replace(
            self,
            rows=rows,
            y=_moved(self.y, len(rows), at, before, ABSTAIN),
            slots=_moved(self.slots, len(rows), at, before, GONE),
            kind=_moved(self.kind, len(rows), at, before, 0),
            who=_moved(self.who, len(rows), at, before, NOBODY),
            seen=_moved(self.seen, len(rows), at, before, False),
            picked=_moved(self.picked, len(rows), at, before, False),
            extra=extra,
            gone=gone,
        )
        came = [record for record in self.extra if record in rows]
        again = [record for record in extra if (record in gone) != (record in self.gone)]
        if not came and not again:
            return wider
        counted = [*came, *(record for record in again if record not in gone)]
        held = _by_record(event for event in journal.events_of(counted) if event.id <= self.event)
        forgotten = replace(wider, counts=_without(self, came))
        return forgotten._with({record: held.get(record, []) for record in [*came, *again]}, self.event)

    def _standing(self, record: str) -> Standing:
        row = self.rows[record]
        return Standing(int(self.kind[row]), int(self.slots[row]), int(self.who[row]))

    def _seen_besides(self, rows: RecordRows) -> list[str]:
        """Return the records with events that are not among other rows."""
        return [record for record in self.rows.ids_at(self.seen) if record not in rows]

    # ---- on disk

    def save(self, path: Path, key: str, mark: int) -> None:
        """Write the snapshot to a file; ``key`` names the records, ``mark`` is the checksum of its event."""
        facts = {
            "key": key,
            "mark": mark,
            "event": self.event,
            "labels": list(self.history.first),
            "people": list(self.people),
            "counts": list(self.counts),
            "records_event": self.records_event,
            "shared": list(self.shared),
            "extra": {record: list(standing) for record, standing in self.extra.items()},
        }
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        write_arrays(path, facts, arrays)

    @classmethod
    def load(
        cls,
        path: Path,
        key: str,
        rows: RecordRows,
        labels: Sequence[str],
        journal: Journal,
        gone: Collection[str] = frozenset(),
    ) -> Snapshot | None:
        """Return the snapshot of a file, None where it is of other records, other first labels or another journal.

        Raises
        ------
        DamagedError
            The file is not what was written.
        """
        facts, arrays = read_arrays(path)
        if set(arrays) != set(_ARRAYS):  # of an earlier version
            return None
        last = journal.last_event()
        same = facts["key"] == key and facts["labels"] == list(labels) and len(arrays["slots"]) == len(rows)
        if not same or facts["event"] > last or journal.mark(facts["event"]) != facts["mark"]:
            return None
        through = facts["event"]
        history = _label_history(labels, journal, through)
        shared = _by_record(event for event in journal.events_of(facts["shared"]) if event.id <= through)
        return cls(
            event=through,
            rows=rows,
            history=history,
            y=_codes_of(history, arrays["slots"]),
            **arrays,
            people=tuple(facts["people"]),
            counts=tuple(facts["counts"]),
            shared={record: _opinions(standing_of(events)) for record, events in shared.items()},
            extra={record: Standing(*standing) for record, standing in facts["extra"].items()},
            gone=gone,
            records_event=facts.get("records_event", 0),
        )


_ARRAYS = ("slots", "kind", "who", "seen", "picked", "label_events")


def _label_history(first: Sequence[str], journal: Journal, through: int) -> LabelHistory:
    """Read the changes of the labels up to an event."""
    return LabelHistory(first, (event for event in journal.events_of([""]) if event.id <= through))


def _codes_of(history: LabelHistory, slots: NDArray[np.int8]) -> NDArray[np.int64]:
    known = np.where(slots < len(history.now.slots), slots, GONE)  # the adding of others was undone
    return history.now.codes[known].astype(np.int64)


class _Draft:
    """The next snapshot while it is made."""

    def __init__(self, before: Snapshot, rows: Mapping[str, int] | None = None) -> None:
        self.before = before
        self.rows = before.rows if rows is None else rows
        self.y, self.slots, self.kind, self.who, self.seen, self.picked = (
            getattr(before, name).copy() for name in ("y", "slots", "kind", "who", "seen", "picked")
        )
        self.people = {name: number for number, name in enumerate(before.people)}
        self.counts = list(before.counts)
        self.shared, self.extra = dict(before.shared), dict(before.extra)
        self.opinions_changed = False

    def put(self, record: str, events: Sequence[Event]) -> None:
        """Say what stands for a record, from all its events."""
        row = self.rows.get(record)
        before = self.extra.get(record, Standing()) if row is None else Standing(who=int(self.who[row]))
        self._uncount(record, before.who)
        if row is None and record in self.before.gone:
            self.extra[record] = Standing()
            return
        standing = standing_of(events)
        opinions = _opinions(standing)
        queue = [event for event in standing if event.kind in QUEUE_KINDS]
        who, slot = self._count(record, opinions)
        found = Standing(_CODES[queue[-1].kind] if queue else 0, slot, who)
        if row is None:
            self.extra[record] = found
            return
        self.kind[row], self.slots[row], self.who[row], self.seen[row] = *found, bool(events)
        self.picked[row] = bool(opinions) and _picked_by_opinion(standing)
        self.y[row] = self.before.history.now.code_of(slot)

    def _uncount(self, record: str, who: int) -> None:
        for name in self.shared.pop(record, {}) if who == SEVERAL else ():
            self.counts[self.people[name]] -= 1
            self.opinions_changed = True
        if who >= 0:
            self.counts[who] -= 1

    def _count(self, record: str, opinions: Mapping[str, Event]) -> tuple[int, int]:
        """Note who labeled a record; return the number of that person and the slot of the newest label."""
        if not opinions:
            return NOBODY, GONE
        for name in opinions:
            if name not in self.people:
                self.people[name] = len(self.people)
                self.counts.append(0)
            self.counts[self.people[name]] += 1
        last = max(opinions.values(), key=lambda event: event.id)
        if len(opinions) > 1:
            self.shared[record] = opinions
            self.opinions_changed = True
            return SEVERAL, self.before.history.slot(last.value, last.id)
        return self.people[last.annotator], self.before.history.slot(last.value, last.id)

    def finished(self, through: int, events: Iterable[Event]) -> Snapshot:
        """Return the snapshot as of an event."""
        before = self.before
        labels = [event.id for event in events if event.kind == LABEL and before.event < event.id <= through]
        kept = before.label_events[: np.searchsorted(before.label_events, through, side="right")]
        found = replace(
            before,
            event=through,
            y=self.y,
            slots=self.slots,
            kind=self.kind,
            who=self.who,
            seen=self.seen,
            picked=self.picked,
            people=tuple(self.people),
            counts=tuple(self.counts),
            shared=self.shared,
            extra=self.extra,
            label_events=np.concatenate([kept, np.sort(np.array(labels, dtype=np.int64))]) if labels else kept,
        )
        return self._settled(found) if self.shared else found

    def _settled(self, found: Snapshot) -> Snapshot:
        """Give the records that people labeled differently the label of their consensus."""
        people = [name for name, count in zip(found.people, found.counts, strict=True) if count]
        for record, label in settle(found.opinions, people, names_in_use(found)).items():
            row, slot = self.rows.get(record), found.history.now.spellings[label]
            if row is not None:
                found.y[row], found.slots[row] = found.labels.code(label), slot
            else:
                self.extra[record] = self.extra[record]._replace(slot=slot)
        return found


def names_in_use(found: Snapshot) -> list[str]:
    """Return the label names that somebody gave to some record, in alphabetical order."""
    codes = set(np.unique(found.y[found.who >= 0]).tolist())
    slots = {standing.slot for standing in found.extra.values() if standing.who >= 0}
    codes |= {found.history.now.code_of(slot) for slot in slots}
    names = {found.labels[code] for code in codes if code >= 0}
    return sorted(names | {event.value for by in found.opinions.values() for event in by.values()})


def changes_records(event: Event) -> bool:
    """Whether an event changes records themselves, or takes such a change back."""
    return not event.record and (event.kind in RECORD_KINDS or event.kind == UNDO)


def _by_record(events: Iterable[Event]) -> dict[str, list[Event]]:
    found: dict[str, list[Event]] = {}
    for event in events:
        if event.record:
            found.setdefault(event.record, []).append(event)
    return found


def _moved(array: NDArray[Any], n: int, at: Any, before: Any, blank: Any) -> NDArray[Any]:
    """Return an array of n rows that has at some rows what another one had before, and else a blank."""
    found = np.full(n, blank, dtype=array.dtype)
    found[at] = array[before]
    return found


def standing_of(events: Sequence[Event]) -> list[Event]:
    """Return the events that were not undone, of one record or of several, in their order."""
    if len(events) == 1:
        return [] if events[0].kind == UNDO else list(events)
    undone = {event.undoes for event in events if event.kind == UNDO}
    return [event for event in events if event.kind != UNDO and event.id not in undone]


def _opinions(standing: Sequence[Event]) -> dict[str, Event]:
    """Return annotator -> the last label event of theirs."""
    return {event.annotator: event for event in standing if event.kind == LABEL and event.value is not None}


def _picked_by_opinion(standing: Sequence[Event]) -> bool:
    """Whether the first of the labels was asked for because of what the committee said of the record."""
    return picks_by_opinion(next(event.picked_by for event in standing if event.kind == LABEL))


def _without(found: Snapshot, records: Iterable[str]) -> tuple[int, ...]:
    """Return how many records each person labeled, some extra records left out."""
    counts = list(found.counts)
    numbers = {name: number for number, name in enumerate(found.people)}
    for record in records:
        who = found.extra[record].who
        people = [numbers[name] for name in found.shared.get(record, {})] if who == SEVERAL else [who]
        for number in people:
            if number >= 0:
                counts[number] -= 1
    return tuple(counts)
