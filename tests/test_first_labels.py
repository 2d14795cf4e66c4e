"""The first labels that stand, kept up step by step, are those that a look at all events finds."""

import random

from weaklab.core.events import LABEL, SKIP, UNDO, Event
from weaklab.project.first_labels import FirstLabels
from weaklab.project.journal import MemoryJournal


def of_all(events):
    undone = {event.undoes for event in events if event.kind == UNDO}
    found = {}
    for event in events:
        if event.kind == LABEL and event.id not in undone:
            found.setdefault(event.record, event)
    return found


def test_step_by_step_they_are_those_of_all_events():
    dice, journal = random.Random(0), MemoryJournal()
    first = FirstLabels(journal)
    for _ in range(150):
        for _ in range(dice.choice([1, 1, 2, 9])):
            events = journal.events(0)
            undone = {event.undoes for event in events}
            left = [event for event in events if event.kind == LABEL and event.id not in undone]
            record = f"r{dice.randrange(12)}"
            if left and dice.random() < 0.35:
                one = dice.choice(left)
                event = Event(UNDO, one.record, undoes=one.id)
            elif dice.random() < 0.1:
                event = Event(SKIP, record)
            else:
                drawn = {"picked_by": "random", "suggestion": "ham"} if dice.random() < 0.5 else {}
                event = Event(LABEL, record, dice.choice(["ham", "spam"]), **drawn)
            journal.append([event])
        events = journal.events(0)
        expected = of_all(events)
        drawn = {event.id for event in expected.values() if event.suggestion}
        assert {event.id for event in first.drawn(events[-1].id)} == drawn
        if dice.random() < 0.5:
            assert first.all(events[-1].id) == expected
