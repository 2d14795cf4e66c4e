"""Snapshots: extended, rewound, widened and saved ones hold what one made from all events holds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weaklab.core.events import LABEL, NOTE, REQUEUE, SKIP, UNDO, Event
from weaklab.core.files import DamagedError
from weaklab.core.labels import LabelNames
from weaklab.crowd.annotators import settle
from weaklab.project.journal import MemoryJournal
from weaklab.project.record_rows import RecordRows
from weaklab.project.snapshot import Snapshot

LABELS = LabelNames(["ham", "spam", "news"])
ROWS = RecordRows(list("abcdef"))
"""The records of the corpus; ``x`` and ``y`` are outside of it."""

PLAN = st.lists(
    st.tuples(
        st.sampled_from([LABEL, LABEL, LABEL, SKIP, REQUEUE, NOTE, UNDO]),
        st.sampled_from([*ROWS, "x", "y"]),
        st.sampled_from([*LABELS]),
        st.sampled_from(["Ann", "Bob", "Eve"]),
        st.integers(1, 30),
    ),
    max_size=40,
)


def written(plan):
    """Return a journal with the events of a plan; an undo takes back an event that stands."""
    journal = MemoryJournal()
    for kind, record, label, annotator, number in plan:
        if kind != UNDO:
            value = label if kind == LABEL else "a remark" if kind == NOTE else None
            picked_by = (None, "random", "margin+exploration")[number % 3] if kind == LABEL else None
            journal.append([Event(kind, record, value, annotator=annotator, picked_by=picked_by)])
            continue
        undone = {event.undoes for event in journal.events()}
        free = [event for event in journal.events() if event.kind != UNDO and event.id not in undone]
        if free:
            last = free[number % len(free)]
            journal.append([Event(UNDO, last.record, undoes=last.id, annotator=last.annotator)])
    return journal


def expected(journal, through, rows=ROWS):
    """Work out from all events what stands: labels, closed records, people."""
    events = [event for event in journal.events() if event.id <= through]
    undone = {event.undoes for event in events if event.kind == UNDO}
    standing = [event for event in events if event.kind != UNDO and event.id not in undone]
    opinions = {}
    for event in standing:
        if event.kind == LABEL:
            opinions.setdefault(event.record, {})[event.annotator] = event
    first = {event.record: event for event in reversed(standing) if event.kind == LABEL}
    kinds = {event.record: event.kind for event in standing if event.kind in (LABEL, SKIP, REQUEUE)}
    labels = settle(opinions)
    counts = {}
    for by in opinions.values():
        for name in by:
            counts[name] = counts.get(name, 0) + 1
    return (
        {record: label for record, label in labels.items() if record in rows},
        {record: label for record, label in labels.items() if record not in rows},
        {record: kind for record, kind in kinds.items() if record in rows},
        counts,
        sum(event.kind == LABEL for event in events),
        {record for record, event in first.items() if record in rows and event.picked_by == "margin+exploration"},
    )


def told(snapshot):
    kinds = {}
    for kind in (LABEL, SKIP, REQUEUE):
        closed = snapshot.closed(kind)
        kinds |= {record: kind for record, row in snapshot.rows.items() if closed[row]}
    counts = {name: count for name, count in zip(snapshot.people, snapshot.counts, strict=True) if count}
    picked = set(snapshot.rows.ids_at(snapshot.picked))
    return snapshot.manual_labels, snapshot.extra_labels, kinds, counts, snapshot.labels_between(0), picked


@settings(max_examples=150, deadline=None)
@given(PLAN, st.integers(0, 40))
def test_a_snapshot_is_what_all_events_say(plan, moment):
    journal = written(plan)
    last = journal.last_event()
    now = Snapshot.empty(ROWS, LABELS).extended(journal)
    assert told(now) == expected(journal, last)
    moment = min(moment, last)
    then = now.at(moment, journal)
    assert told(then) == expected(journal, moment)
    again = then.extended(journal)
    assert told(again) == told(now)
    np.testing.assert_array_equal(again.label_events, now.label_events)


@settings(max_examples=60, deadline=None)
@given(PLAN, PLAN)
def test_a_saved_snapshot_is_extended_like_one_that_stayed_in_memory(tmp_path_factory, before, after):
    journal = written(before)
    held = Snapshot.empty(ROWS, LABELS).extended(journal)
    path = tmp_path_factory.mktemp("snapshot") / "snapshot.npz"
    held.save(path, "key", journal.mark(held.event))
    for kind, record, label, annotator, _ in after:
        if kind != UNDO:
            journal.append([Event(kind, record, label if kind == LABEL else None, annotator=annotator)])
    loaded = Snapshot.load(path, "key", RecordRows(list(ROWS)), LABELS, journal)
    assert told(loaded.extended(journal)) == expected(journal, journal.last_event())


@settings(max_examples=60, deadline=None)
@given(PLAN, st.permutations([*ROWS, "x", "y"]), st.integers(0, 8))
def test_a_snapshot_over_other_records_is_what_all_events_say(plan, order, count):
    journal = written(plan)
    held = Snapshot.empty(ROWS, LABELS).extended(journal)
    wider, other = RecordRows([*ROWS, "x"]), RecordRows(order[:count])
    for rows in (wider, other):
        assert told(held.over(rows, journal)) == expected(journal, journal.last_event(), rows)


def test_a_saved_snapshot_of_something_else_is_not_taken(tmp_path):
    journal, other = written([]), written([])
    journal.append([Event(LABEL, "a", "ham", annotator="Ann")])
    other.append([Event(LABEL, "a", "spam", annotator="Ann")])
    held = Snapshot.empty(ROWS, LABELS).extended(journal)
    path = tmp_path / "snapshot.npz"
    held.save(path, "key", journal.mark(1))
    assert Snapshot.load(path, "key", ROWS, LABELS, journal) is not None
    assert Snapshot.load(path, "other key", ROWS, LABELS, journal) is None
    assert Snapshot.load(path, "key", ROWS, LabelNames(["spam", "ham", "news"]), journal) is None
    assert Snapshot.load(path, "key", ROWS, LABELS, other) is None
    assert Snapshot.load(path, "key", ROWS, LABELS, written([])) is None


def test_a_damaged_snapshot_is_an_error_wherever_a_byte_differs(tmp_path):
    journal = written([(LABEL, "a", "ham", "Ann", 1), (SKIP, "b", "ham", "Ann", 1)])
    path = tmp_path / "snapshot.npz"
    Snapshot.empty(ROWS, LABELS).extended(journal).save(path, "key", journal.mark(2))
    whole = path.read_bytes()
    right = told(Snapshot.load(path, "key", ROWS, LABELS, journal))
    for place in range(0, len(whole), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        try:
            found = Snapshot.load(path, "key", ROWS, LABELS, journal)
        except Exception:
            continue
        assert found is None or told(found) == right
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(Exception, match=r".") as caught:
        Snapshot.load(path, "key", ROWS, LABELS, journal)
    assert not isinstance(caught.value, AssertionError)


def test_a_changed_array_does_not_fit_the_checksum(tmp_path):
    journal = written([(LABEL, "a", "ham", "Ann", 1)])
    path = tmp_path / "snapshot.npz"
    Snapshot.empty(ROWS, LABELS).extended(journal).save(path, "key", journal.mark(1))
    with np.load(path) as held:
        arrays = {name: held[name] for name in held.files}
    arrays["slots"] = arrays["slots"] + 1
    np.savez(path, **arrays)
    with pytest.raises(DamagedError, match="checksum"):
        Snapshot.load(path, "key", ROWS, LABELS, journal)
