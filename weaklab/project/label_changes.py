"""Changing the labels of a project: rename, merge, add, remove, order; and weaklab.toml, which holds the labels too."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.core.errors import ProjectError, WeaklabError, warn
from weaklab.core.events import LABELS, UNDO, Event
from weaklab.core.files import replacing
from weaklab.core.label_set import ADD, MERGE, ORDER, REMOVE, RENAME, LabelHistory, LabelSet
from weaklab.core.labels import ABSTAIN
from weaklab.core.tables import Table, counted
from weaklab.project.old_names import places_of_names
from weaklab.project.settings import FILE, make_settings, read_settings, write_settings
from weaklab.project.workspace import FIRST_LABELS, NEWEST_LABELS, label_history

if TYPE_CHECKING:
    from collections.abc import Callable

    from weaklab.core.label_set import Change
    from weaklab.project.journal import Journal
    from weaklab.project.settings import Settings
    from weaklab.project.workspace import Workspace


class ProjectLabels:
    """The labels of a project, to be renamed, merged, added, removed and put in another order.

    Each change is an event: it is on disk when the call returns, other open sessions follow, and :meth:`undo` takes it
    back with all that belonged to it. Nothing votes anew: heuristics that still name an old label vote for the label
    that it is now, and a message names their file and line.

    Parameters
    ----------
    work : the open project

    Examples
    --------
    >>> import tempfile, weaklab
    >>> project = weaklab.Project(tempfile.mkdtemp(), labels=["ham", "spam", "ads"], timeout=None)
    >>> _ = project.add_records([{"id": "a", "text": "win a prize"}, {"id": "b", "text": "buy now"}], quiet=True)
    >>> _ = project.label_many({"a": "spam", "b": "ads"})
    >>> _ = project.label_set.rename("spam", "junk")
    >>> _ = project.label_set.merge("ads", into="junk")
    >>> project.manual_labels(), list(project.label_names)
    ({'a': 'junk', 'b': 'junk'}, ['ham', 'junk'])
    >>> _ = project.label_set.undo()
    >>> project.label_set
    3 labels
    label  code  manual labels  former names
    ham    0     0
    junk   1     1              spam
    ads    2     1
    """

    def __init__(self, work: Workspace) -> None:
        self._work = work

    def rename(self, old: str, new: str) -> Event:
        """Give a label another name; manual labels, votes and gold labels of it follow.

        Raises
        ------
        WeaklabError
            There is no label ``old``, or there is a label ``new`` already.
        """
        return self._change({RENAME: [old, new]})

    def merge(self, label: str, into: str) -> Event:
        """Make two labels one: whatever has the first one has the label ``into`` from now on."""
        return self._change({MERGE: [label, into]})

    def add(self, label: str) -> Event:
        """Add a label at the end."""
        return self._change({ADD: label})

    def remove(self, label: str) -> Event:
        """Remove a label that nothing uses.

        Raises
        ------
        ProjectError
            Manual labels, heuristics or columns of the records use it; the message says which.
        """
        return self._change({REMOVE: label})

    def order(self, labels: Sequence[str]) -> Event:
        """Put the labels in another order; numbers that heuristics vote keep their meaning."""
        if isinstance(labels, str):
            raise WeaklabError(f"order takes a list of all labels, got the text {labels!r}")
        return self._change({ORDER: list(labels)})

    def undo(self) -> Event | None:
        """Take back the newest change of the labels, whoever made it; return it, None if there is none."""
        events = {event.id: event for event in self._work.journal.events_of([""])}
        standing = LabelHistory(self._work.label_history.first, events.values()).standing
        if not standing:
            return None
        undo_labels(self._work, events[standing[-1]])
        return events[standing[-1]]

    def table(self) -> Table:
        """Return the labels with their codes, the number of manual labels, and former names."""
        work = self._work
        counts = np.bincount(work.refresh().y[work.snapshot.y != ABSTAIN], minlength=len(work.label_names))
        former: dict[str, list[str]] = {}
        for old, name in work.label_history.now.old_names.items():
            former.setdefault(name, []).append(old)
        rows = [
            [name, code, int(counts[code]), ", ".join(former.get(name, []))]
            for code, name in enumerate(work.label_names)
        ]
        columns = ["label", "code", "manual labels", "former names"]
        return Table(counted(len(rows), "label"), columns, rows, work.old_names.in_use())

    def __repr__(self) -> str:
        return str(self.table())

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()

    def _change(self, change: Change) -> Event:
        return change_labels(self._work, change)


def change_labels(work: Workspace, change: Change) -> Event:
    """Store a change of the labels and take it over."""
    return _stored(
        work,
        Event(LABELS, value=dict(change), annotator=work.annotator, session=work.session_id),
        lambda history: history.now.changed(change, history.next_slot),
    )


def undo_labels(work: Workspace, event: Event) -> None:
    """Take back a change of the labels.

    Raises
    ------
    ProjectError
        A later change builds on it, or a label that goes is in use.
    """
    undo = Event(UNDO, undoes=event.id, annotator=event.annotator, session=work.session_id)

    def without(history: LabelHistory) -> LabelSet:
        if event.id not in history.standing:
            raise ProjectError(f"event {event.id} was taken back already")
        return history.without(event.id)

    _stored(work, undo, without)


def _stored(work: Workspace, event: Event, made: Callable[[LabelHistory], LabelSet]) -> Event:
    journal = work.journal
    journal.must_be_writable()
    with work.working:
        work.refresh()
        _check_unused(work, made(work.label_history), _uses)
        with journal.transaction():
            work.refresh()
            after = made(work.label_history)
            _check_unused(work, after, _labels_given)
            kept = journal.append([event])[0]
            journal.put(NEWEST_LABELS, list(after.names))
        _write_newest(work.path, journal)
        work.refresh()
        work.old_names.tell()
    return kept


def _check_unused(work: Workspace, after: LabelSet, find: Callable[[Workspace, str], list[str]]) -> None:
    """Raise a ProjectError if a label that goes is in use."""
    before = work.label_history.now
    gone = [slot for slot in before.order if after.code_of(slot) == ABSTAIN]
    for slot in gone:
        name = before.slots[slot]
        uses = find(work, name)
        if uses:
            raise ProjectError(
                f"label {name!r} is in use: {'; '.join(uses)}. Change these first, or merge it into another label: "
                f"project.label_set.merge({name!r}, into=...)"
            )


def _uses(work: Workspace, name: str) -> list[str]:
    """Return where a label is used, one text for each place."""
    voters = [f"heuristic {member}" for member in _voters(work, name)] if work.has_records else []
    return [*_answers(work, name), *voters, *_columns(work, name)]


def _labels_given(work: Workspace, name: str) -> list[str]:
    """Return where people have given a label: what another process may have done since :func:`_uses` looked."""
    return [*_answers(work, name), *_columns(work, name)]


def _columns(work: Workspace, name: str) -> list[str]:
    """Return the columns of labels that hold a label."""
    if not work.has_records:
        return []
    roles = work.corpus.roles
    columns = [column for column in (roles.label, roles.gold) if column is not None]
    return [f"column {column}" for column in columns if name in work.corpus.column(column).unique().to_pylist()]


def _answers(work: Workspace, name: str) -> list[str]:
    """Return how many manual labels a label has, as a text; nothing where it has none."""
    code, snapshot = work.label_names.code(name), work.snapshot
    spoken = {record for record, by in snapshot.opinions.items() if any(event.value == name for event in by.values())}
    alone = int(((snapshot.y == code) & (snapshot.who >= 0)).sum())
    others = sum(label == name for record, label in snapshot.extra_labels.items() if record not in spoken)
    manual = alone + others + len(spoken)
    return [counted(manual, "manual label")] if manual else []


def _voters(work: Workspace, name: str) -> list[str]:
    """Return the heuristics that vote a label, with their places: by their votes, or by what they are made to vote."""
    columns, code = work.cache.trainer(progress=False).columns, work.label_names.code(name)
    found = []
    for member in work.committee.heuristics:
        ballot = columns.get(member.name)
        voted = int((ballot.votes == code).sum()) if ballot is not None else 0
        named = places_of_names(member, {name})
        if voted or named or getattr(member, "label", None) == name:
            place = f"{named[0][1]}" if named else member.location
            votes = f" votes it on {counted(voted, 'record')}" if voted else " may vote it"
            found.append(f"{member.name}{f' ({place})' if place else ''}{votes}")
    return found


# ---- weaklab.toml

IN_FILE = "labels_in_file"
"""Where the journal keeps the number of the last change of the labels that weaklab.toml is known to hold."""


def _write_newest(path: Path, journal: Journal) -> None:
    """Write the labels of this moment to weaklab.toml, one process after another."""
    with journal.transaction():
        history = label_history(journal, [])
        write_labels(path, list(history.now.names))
        journal.put(IN_FILE, history.event)


def settle_labels(path: Path, settings: Settings, journal: Journal, annotator: str) -> None:
    """Bring the labels of weaklab.toml and those of the journal together when a project is opened.

    Labels that a person has written at the end of the list are added. A file that a change of the labels did not come
    to write is written now.

    Raises
    ------
    ProjectError
        The file has other labels.
    """
    if journal.get(FIRST_LABELS) is None:
        if not journal.read_only:
            journal.put(FIRST_LABELS, settings.labels)
        return
    if settings.labels == list(label_history(journal, []).now.names):
        return
    if journal.read_only:
        message = _settle(path, settings, journal, annotator)
    else:
        with journal.transaction():  # no other process is writing the file
            settings.labels = make_settings(read_settings(path), str(path / FILE)).labels
            message = _settle(path, settings, journal, annotator)
    if message:
        warn(message)


def _settle(path: Path, settings: Settings, journal: Journal, annotator: str) -> str:
    """Take over what the file says, or write it; return what a person is to be warned of."""
    history = label_history(journal, [])
    written, now = list(settings.labels), list(history.now.names)
    if written == now:
        return ""
    known = journal.get(IN_FILE, 0)
    late = known < history.event and any(written == list(labels.names) for labels in history.since(known))
    if written[: len(now)] == now and not late:
        return _add_written(journal, history, written[len(now) :], annotator)
    if late or any(written == list(labels.names) for labels in history.all()):
        settings.labels = now
        if journal.read_only:
            return ""
        _write_newest(path, journal)
        return f"{path / FILE} held the labels {written}, which were changed to {now} since; it was written anew"
    raise ProjectError(
        f"{path / FILE}: labels were {now} and are {written} now; new ones go to the end, none may change place; "
        "project.label_set and `weaklab labels` rename, merge, remove and order them"
    )


def _add_written(journal: Journal, history: LabelHistory, names: Sequence[str], annotator: str) -> str:
    if journal.read_only:
        return f"the project cannot be written, so that its new labels {', '.join(names)} cannot be taken over"
    with journal.transaction():
        added = journal.append(Event(LABELS, value={ADD: name}, annotator=annotator) for name in names)
        journal.put(NEWEST_LABELS, [*history.now.names, *names])
        journal.put(IN_FILE, added[-1].id)
    return ""


def write_labels(path: Path, labels: list[str]) -> None:
    """Write the labels to weaklab.toml and leave all else in it as it is."""
    file = path / FILE
    held = read_settings(path)
    text = file.read_text(encoding="utf-8")
    wanted = {**held, "labels": labels}
    line = f"labels = {json.dumps(labels, ensure_ascii=False)}".replace("\x7f", "\\u007f")
    found = next((new for new in _with_labels(text, line) if _reads_as(new, wanted)), None)
    with replacing(file) as temporary:
        if found is None:
            write_settings(make_settings(wanted, str(file)), temporary)
        else:
            temporary.write_text(found, encoding="utf-8")


def _with_labels(text: str, line: str) -> list[str]:
    """Return the text with another line of labels, once for each bracket at which the list may end."""
    start = re.search(r"^[ \t]*(labels|\"labels\"|'labels')[ \t]*=", text, re.MULTILINE)
    if start is None:
        return []
    ends = [match.end() for match in re.finditer(r"\]", text[start.end() :])][:1000]
    return [text[: start.start()] + line + text[start.end() + end :] for end in ends]


def _reads_as(text: str, wanted: dict[str, Any]) -> bool:
    try:
        return tomllib.loads(text) == wanted
    except tomllib.TOMLDecodeError:
        return False
