"""The labels of a project and how they have changed: renamed, merged, added, removed, put in another order.

Each label gets a number when it is added, its slot, and keeps it for ever. Votes on disk are slots, so that a change of
the labels never makes them invalid; the code of a label is its place among the labels of today.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from weaklab.core.errors import WeaklabError, did_you_mean
from weaklab.core.events import LABELS, UNDO, Event
from weaklab.core.labels import ABSTAIN, MAX_CLASSES, LabelNames

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

GONE = -1
"""In place of the slot that stands for a label that was removed, or whose adding was undone."""
RENAME, MERGE, ADD, REMOVE, ORDER = "rename", "merge", "add", "remove", "order"
Change = Mapping[str, Any]
"""The value of an event of kind ``labels``: one of ``{"rename": [old, new]}``, ``{"merge": [from, into]}``,
``{"add": name}``, ``{"remove": name}``, ``{"order": [names]}``."""


class _SlotNames(LabelNames):
    """Names as heuristics may write them, and the slot of each; a number is a slot."""

    def __init__(self, labels: LabelSet) -> None:
        alive = [slot for slot, into in enumerate(labels.into) if into != GONE]
        self._names, self._shown = labels.slots, tuple(labels.names)
        self.former, self.numbers = {}, {slot: slot for slot in alive}
        self._index(labels.spellings)


@dataclass(frozen=True, eq=False)
class LabelSet:
    """The labels at one moment.

    Attributes
    ----------
    slots : the last name of each slot
    into : for each slot the one that stands for it: itself, the one that it was merged into, or -1
    order : the slots in the order of the labels, so that ``order[code]`` is the slot of a label
    former : earlier name -> the slots that had it, oldest first

    Examples
    --------
    >>> labels = LabelSet.of(["ham", "spam", "ads"])
    >>> labels = labels.changed({"rename": ["spam", "junk"]}).changed({"merge": ["ads", "junk"]})
    >>> list(labels.names), labels.names.code("spam"), labels.names.code("ads"), labels.codes.tolist()
    (['ham', 'junk'], 1, 1, [0, 1, 1, -1])
    """

    slots: tuple[str, ...]
    into: tuple[int, ...]
    order: tuple[int, ...]
    former: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, names: Sequence[str]) -> LabelSet:
        """Return a set of labels that has not changed yet."""
        checked, places = tuple(LabelNames(names)), tuple(range(len(names)))
        return cls(checked, places, places)

    # ---- reading

    @cached_property
    def names(self) -> LabelNames:
        """The labels; a former name has the code of its label."""
        return LabelNames([self.slots[slot] for slot in self.order], self._former_codes)

    @cached_property
    def voted(self) -> LabelNames:
        """The labels as heuristics vote them: a number stands for the same label as before the labels moved."""
        codes = {slot: int(code) for slot, code in enumerate(self.codes[:-1]) if code != ABSTAIN}
        moved = any(slot != code for slot, code in codes.items()) or len(codes) != len(self.slots)
        return LabelNames(list(self.names), self._former_codes, codes if moved else None)

    @cached_property
    def slot_names(self) -> LabelNames:
        """The labels as columns of votes are kept: the code of a vote is a slot."""
        return _SlotNames(self)

    @cached_property
    def codes(self) -> NDArray[np.int8]:
        """int8 (s + 1,): the code of each slot, -1 where it is gone, and -1 at the end, for no vote (slot -1)."""
        import numpy as np

        places = {slot: code for code, slot in enumerate(self.order)}
        return np.array([*(places.get(into, ABSTAIN) for into in self.into), ABSTAIN], dtype=np.int8)

    def code_of(self, slot: int) -> int:
        """Return the code of a slot, -1 where it is gone, not there as its adding was undone, or no slot (-1)."""
        return int(self.codes[slot]) if slot < len(self.slots) else ABSTAIN

    @cached_property
    def spellings(self) -> dict[str, int]:
        """Name -> slot, for the names of today and the former ones of labels that are still there."""
        former = {name: slots[-1] for name, slots in self.former.items() if self.into[slots[-1]] != GONE}
        return {**former, **{self.slots[slot]: slot for slot in self.order}}

    @property
    def _former_codes(self) -> dict[str, int]:
        current = {self.slots[slot] for slot in self.order}
        codes = {name: int(self.codes[slot]) for name, slot in self.spellings.items()}
        return {name: code for name, code in codes.items() if name not in current and code != ABSTAIN}

    @cached_property
    def old_names(self) -> dict[str, str]:
        """Former name -> the name to write today."""
        return {name: self.names[code] for name, code in self._former_codes.items()}

    @property
    def meanings(self) -> tuple[str, ...]:
        """What names of votes mean that meant something else before; votes on them are not the same as then."""
        again = sorted(name for name, slots in self.former.items() if self.spellings.get(name, slots[0]) != slots[0])
        return tuple(f"{name}={self.spellings[name]}" for name in again)

    def same_but_for_names(self, other: LabelSet) -> bool:
        """Whether all that was computed with one of these sets holds with the other, but for what labels are called.

        Codes are the same then, and so is what names and numbers mean that heuristics vote.
        """
        kinds = [(each.order, each.into, each.meanings, each.voted.are_numbers) for each in (self, other)]
        return kinds[0] == kinds[1]

    # ---- the next one

    def changed(self, change: Change, slot: int | None = None) -> LabelSet:
        """Return the labels after a change.

        Parameters
        ----------
        slot : of a label that is added, by default the next free one

        Raises
        ------
        WeaklabError
            There is no such label, or a name is taken.
        """
        return self._applied(self.by_slot(change, len(self.slots) if slot is None else slot))

    def by_slot(self, change: Change, slot: int) -> tuple[str, Any]:
        """Return a change with slots in the place of names, so that it can be made on the labels of another moment."""
        [(kind, value)] = change.items()
        if kind == RENAME:
            return kind, (self._slot(value[0]), str(value[1]).strip())
        if kind == MERGE:
            return kind, (self._slot(value[0]), self._slot(value[1]))
        if kind == ADD:
            return kind, (slot, str(value).strip())
        if kind == REMOVE:
            return kind, (self._slot(value),)
        if kind == ORDER:
            return kind, tuple(self._slot(name) for name in value)
        raise WeaklabError(f"no change of labels {kind!r}; there are {RENAME}, {MERGE}, {ADD}, {REMOVE}, {ORDER}")

    def _slot(self, name: Any) -> int:
        names = {self.slots[slot]: slot for slot in self.order}
        if name in names:
            return names[name]
        if name in self.old_names:
            raise WeaklabError(f"{name!r} is no label any more: it is {self.old_names[name]!r} now")
        raise WeaklabError(
            f"no label {name!r};{did_you_mean(name, names)} the labels are {', '.join(map(repr, names))}"
        )

    def _applied(self, change: tuple[str, Any]) -> LabelSet:
        kind, value = change
        make: Any = getattr(self, f"_{kind}_slot")
        made: LabelSet = make(*value)
        LabelNames([made.slots[slot] for slot in made.order])  # raises for names that cannot be labels, or too few
        return made

    def _rename_slot(self, slot: int, new: str) -> LabelSet:
        self._check_there(slot)
        old = self.slots[slot]
        if old == new:
            raise WeaklabError(f"label {old!r} has this name already")
        self._check_free(new, f"; merge({old!r}, into={new!r}) makes one label of both")
        slots = (*self.slots[:slot], new, *self.slots[slot + 1 :])
        return replace(self, slots=slots, former=self._with_former(slot))

    def _merge_slot(self, slot: int, target: int) -> LabelSet:
        self._check_there(slot, target)
        if slot == target:
            raise WeaklabError(f"label {self.slots[slot]!r} cannot be merged into itself; name two labels")
        into = tuple(target if held == slot else held for held in self.into)
        order = tuple(held for held in self.order if held != slot)
        return replace(self, into=into, order=order, former=self._with_former(slot))

    def _add_slot(self, slot: int, name: str) -> LabelSet:
        self._check_free(name, "")
        if slot >= MAX_CLASSES:
            raise WeaklabError(f"a project has at most {MAX_CLASSES} labels in its life, those that are gone included")
        missing = slot - len(self.slots)  # slots of labels whose adding was undone
        slots = (*self.slots, *[""] * missing, name)
        return replace(self, slots=slots, into=(*self.into, *[GONE] * missing, slot), order=(*self.order, slot))

    def _remove_slot(self, slot: int) -> LabelSet:
        self._check_there(slot)
        into = tuple(GONE if held == slot else held for held in self.into)
        order = tuple(held for held in self.order if held != slot)
        return replace(self, into=into, order=order, former=self._with_former(slot))

    def _order_slot(self, *order: int) -> LabelSet:
        if sorted(order) != sorted(self.order):
            raise WeaklabError(f"an order names each label once: {', '.join(map(repr, self.names))}")
        return replace(self, order=order)

    def _with_former(self, slot: int) -> dict[str, tuple[int, ...]]:
        name = self.slots[slot]
        return {**self.former, name: (*self.former.get(name, ()), slot)}

    def _check_there(self, *slots: int) -> None:
        for slot in slots:
            if slot not in self.order:
                raise WeaklabError("a later change of the labels builds on this one; undo that first")

    def _check_free(self, name: str, hint: str) -> None:
        if name in (self.slots[slot] for slot in self.order):
            raise WeaklabError(f"there is a label {name!r} already{hint}")


class LabelHistory:
    """All label sets that a project has had, made from its first labels and its events.

    Parameters
    ----------
    first : the labels at the beginning
    events : all events that belong to no record, oldest first

    Attributes
    ----------
    now : the labels after all events

    Examples
    --------
    >>> rename = Event("labels", value={"rename": ["spam", "junk"]}, id=5)
    >>> history = LabelHistory(["ham", "spam"], [rename])
    >>> list(history.now.names), history.name_now("spam", 3), history.then(3).names
    (['ham', 'junk'], 'junk', LabelNames(['ham', 'spam']))
    >>> LabelHistory(["ham", "spam"], [rename, Event("undo", undoes=5, id=6)]).now.names
    LabelNames(['ham', 'spam'])
    """

    def __init__(self, first: Sequence[str], events: Iterable[Event] = ()) -> None:
        self.first = tuple(LabelNames(first))
        self._begin = self.now = LabelSet.of(self.first)
        self._ends: list[int] = []
        self._sets = [self._begin]
        self._changes: dict[int, tuple[str, Any]] = {}
        self._slots = len(self.first)
        for event in events:
            self._take(event)

    def _take(self, event: Event) -> None:
        if event.kind == UNDO and event.undoes in self._changes:
            found = self.without(event.undoes)
            del self._changes[event.undoes]
        elif event.kind == LABELS:
            change = self.now.by_slot(event.value, self._slots)
            found = self.now._applied(change)
            self._changes[event.id] = change
            self._slots += change[0] == ADD
        else:
            return
        self._ends.append(event.id)
        self._sets.append(found)
        self.now = found

    @property
    def event(self) -> int:
        """The number of the last event that changed the labels, 0 for none."""
        return self._ends[-1] if self._ends else 0

    @property
    def standing(self) -> list[int]:
        """The numbers of the events that changed the labels and were not undone, oldest first."""
        return list(self._changes)

    @property
    def next_slot(self) -> int:
        """The slot that the next new label gets."""
        return self._slots

    def then(self, event: int) -> LabelSet:
        """Return the labels just before an event."""
        return self._sets[bisect_left(self._ends, event)]

    def all(self) -> list[LabelSet]:
        """Return all label sets, oldest first."""
        return list(self._sets)

    def since(self, event: int) -> list[LabelSet]:
        """Return the label set just after an event, and all later ones."""
        return self._sets[bisect_right(self._ends, event) :]

    def without(self, event: int | None) -> LabelSet:
        """Return the labels as they would be without one of the changes.

        Raises
        ------
        WeaklabError
            A later change builds on it.
        """
        found = self._begin
        for number, change in self._changes.items():
            if number != event:
                found = found._applied(change)
        return found

    def slot(self, name: Any, event: int) -> int:
        """Return the slot that a label name meant in an event, -1 for none; a label that was removed then has it still,
        so that the undo of its removal brings the answer back.
        """
        then = self.then(event)
        return then.spellings.get(name, then.former.get(name, (GONE,))[-1])

    def name_now(self, name: Any, event: int) -> str | None:
        """Return the name of today of what a label name meant in an event, None where the label is gone."""
        if not self._ends:
            return str(name)
        return self.now.names.name(self.now.code_of(self.slot(name, event)))

    def renamed_since(self, event: int) -> dict[str, str | None]:
        """Return the label names as of an event -> the names of today, None for a label that is gone; what differs."""
        found = {name: self.name_now(name, event + 1) for name in self.then(event + 1).spellings}
        return {name: now for name, now in found.items() if now != name}

    def translated(self, event: Event) -> Event | None:
        """Return a label event with the label's name of today, None where the label is gone."""
        name = self.name_now(event.value, event.id)
        return event if name == event.value else None if name is None else replace(event, value=name)
