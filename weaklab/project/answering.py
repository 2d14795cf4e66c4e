"""Answers of people: labels, skips, notes, undo; each is on disk when the call returns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from weaklab.core.errors import ProjectError, UnknownLabelError
from weaklab.core.events import GOLD, LABEL, LABELS, NOTE, RECORD_KINDS, REQUEUE, SKIP, UNDO, UPDATE, Event
from weaklab.core.labels import ABSTAIN
from weaklab.project.imports import IMPORTED
from weaklab.project.label_changes import undo_labels
from weaklab.project.workspace import label_history
from weaklab.scheduling.asks import Ask

if TYPE_CHECKING:
    import pandas as pd

    from weaklab.core.label_set import LabelHistory
    from weaklab.project.journal import Journal
    from weaklab.project.workspace import Workspace


def label(
    work: Workspace,
    /,
    record: Any,
    label: Any,
    *,
    seconds: float | None = None,
    shown: bool | None = None,
    annotator: str | None = None,
) -> Event:
    """Store a manual label; when this returns it is on disk. A second label of the same annotator replaces the
    first.

    Where several annotators labeled a record differently, their consensus stands, see :meth:`annotators`.

    After every ``retrain_every`` labels the committee is retrained.

    Parameters
    ----------
    record : an :class:`Ask`, a record, or an id
    label : label name or code
    seconds : how long the person took
    shown : whether the person saw the suggestion; by default True for an :class:`Ask` that is not blind
    """
    return label_many(work, [(record, label)], seconds=seconds, shown=shown, annotator=annotator)[0]


def label_many(
    work: Workspace,
    /,
    answers: Mapping[Any, Any] | Iterable[tuple[Any, Any]],
    *,
    seconds: float | None = None,
    shown: bool | None = None,
    annotator: str | None = None,
) -> list[Event]:
    """Store several manual labels, all or none: a mapping or pairs of record and label."""
    pairs = list(answers.items() if isinstance(answers, Mapping) else answers)
    names, known = label_names(work, [label for _, label in pairs])
    events = []
    for (record, _), name in zip(pairs, names, strict=True):
        saw = shown if shown is not None else isinstance(record, Ask) and not record.blind
        by = annotator or work.annotator
        events.append(event(work, LABEL, record, name, annotator=by, seconds=seconds, suggestion_shown=saw))
    stored = append(work, events, known)
    work.refresh()
    work.retrain_when_due()
    return stored


def append(work: Workspace, /, events: Sequence[Event], known: int | None = None) -> list[Event]:
    """Store answers and gold labels with the label names of this moment, whatever another process has made of them
    since their names were looked up.

    Does not wait for a training that runs.

    Parameters
    ----------
    known : the last change of the labels that the names in the events know of, by default that of the last look

    Raises
    ------
    UnknownLabelError
        A label has just been removed; then nothing is stored.
    """
    with work.journal.transaction(events_only=True):  # no label goes between the look and the answer
        version, history = work.journal.version().rest, work.label_history
        known = history.event if known is None else known
        if version != work.labels_looked_up:
            seen, history = history.event, label_history(work.journal, work.settings.labels)
            if history.event == seen:
                work.labels_looked_up = version
        if history.event != known:
            events = [_renamed(history, each, known + 1) for each in events]
        return work.journal.append(events)


def _renamed(history: LabelHistory, event: Event, at: int) -> Event:
    """Return an event with the label names of today in the place of those at an earlier event."""
    if event.kind == GOLD:
        names = {record: label and _name_now(history, label, at) for record, label in event.value["labels"].items()}
        return replace(event, value={**event.value, "labels": names})
    return event if event.kind != LABEL else replace(event, value=_name_now(history, event.value, at))


def _name_now(history: LabelHistory, label: str, at: int) -> str:
    name = history.name_now(label, at)
    if name is None:
        raise UnknownLabelError(history.now.names.unknown(label))
    return name


def skip(work: Workspace, /, record: Any, *, seconds: float | None = None, annotator: str | None = None) -> Event:
    """Do not ask about this record again (until it is put back)."""
    by = annotator or work.annotator
    return work.journal.append([event(work, SKIP, record, annotator=by, seconds=seconds)])[0]


def requeue(work: Workspace, /, record: Any, *, annotator: str | None = None) -> Event:
    """Put a record back in the queue: it may be asked again, even if it was skipped or has a label."""
    return work.journal.append([event(work, REQUEUE, record, annotator=annotator or work.annotator)])[0]


def undo(work: Workspace, /, event: int | None = None, *, annotator: str | None = None) -> Event | None:
    """Take back the last thing that was done in this session and return its event, None if there is none.

    Answers, updates, removals and gold labels of records, and changes of the labels can be taken back.

    Parameters
    ----------
    event : number of another event to take back, whoever did it
    annotator : take back the newest event of this person, whatever the session

    Raises
    ------
    ProjectError
        There is no such event, or it was taken back before.

    Examples
    --------
    >>> import tempfile, weaklab
    >>> project = weaklab.Project(tempfile.mkdtemp(), labels=["ham", "spam"])
    >>> _ = project.add_records([{"id": "a", "text": "win a prize"}, {"id": "b", "text": "lunch"}], quiet=True)
    >>> removal = project.remove_records(["a"])
    >>> _ = project.label("b", "ham")
    >>> project.undo(removal.event).kind, len(project), project.manual_labels()
    ('remove', 2, {'b': 'ham'})
    """
    last = _to_undo(work, event, annotator)
    if last is None:
        return None
    if last.kind == LABELS:
        undo_labels(work, last)
        return last
    with work.journal.transaction():  # two processes never take back the same event
        last = _to_undo(work, event, annotator)
        if last is None:
            return None
        session = work.session_id
        undone = [Event(UNDO, last.record, undoes=last.id, annotator=last.annotator, session=session)]
        if last.kind == UPDATE:  # with the labels that came with it
            theirs = work.journal.events(last.id, last.value["labels"]) if last.value["labels"] else []
            undone += [Event(UNDO, each.record, undoes=each.id, annotator=IMPORTED, session=session) for each in theirs]
        work.journal.append(undone)
    if last.kind in RECORD_KINDS:
        work.refresh()
    return last


def _to_undo(work: Workspace, number: int | None, annotator: str | None) -> Event | None:
    """Return the event that is to be taken back."""
    if number is None:
        if annotator is not None:
            return newest_standing(work.journal, lambda e: e.annotator == annotator)
        return newest_standing(work.journal, lambda e: e.session == work.session_id and e.annotator != IMPORTED)
    if isinstance(number, bool) or not isinstance(number, int):
        raise ProjectError(f"undo() takes the number of an event, as project.history() lists them, got {number!r}")
    found = work.journal.events(number - 1, 1) if 1 <= number <= work.journal.last_event() else []
    if not found or found[0].kind == UNDO:
        what = "is an undo itself" if found else "is not there"
        raise ProjectError(f"event {number} {what}; wanted the number of an answer or a change of records")
    last = found[0]
    for each in work.journal.events_of([last.record]):
        if each.kind == UNDO and each.undoes == number:
            raise ProjectError(f"event {number} was taken back already, by event {each.id}")
    return last


def newest_standing(
    journal: Journal,
    wanted: Callable[[Event], bool],
    annotator: str | None = None,
    known: tuple[int, Event | None] = (0, None),
) -> Event | None:
    """Return the newest event that is no undo, was not undone and fulfils a condition; None if there is none.

    Parameters
    ----------
    annotator : the only person whose events fulfil it, where that is known
    known : an earlier result, after the number of an event up to which it holds: what was read for it is not read again
    """
    through, last = known
    undone = set()
    for each in journal.newest_first(annotator, through):
        if each.kind == UNDO:
            undone.add(each.undoes)
        elif each.id not in undone and wanted(each):
            return each
    if last is not None and last.id in undone:
        return newest_standing(journal, wanted, annotator)
    return last


def event(work: Workspace, /, kind: str, record: Any, value: Any = None, **about: Any) -> Event:
    """Return an event about a record, with how it was asked about; the project must have the record and be writable.

    Parameters
    ----------
    about : attributes of the event, such as ``annotator`` and ``seconds``
    """
    work.journal.must_be_writable()
    asked = asked_by(record) if isinstance(record, Ask) else {}
    if asked.get("suggestion") in work.label_names.former:
        asked["suggestion"] = work.label_names[work.label_names.code(asked["suggestion"])]
    about = {"annotator": work.annotator, "session": work.session_id, **asked, **about}
    return Event(kind, work.known(record), value, **about)


def asked_by(ask: Ask) -> dict[str, Any]:
    """Return what an event keeps of the question that it answers."""
    return {
        "suggestion": ask.suggestion,
        "suggestion_confidence": ask.confidence,
        "picked_by": ask.strategy,
        "pick_probability": ask.probability,
        "pool_size": ask.pool_size,
        "asked_after": ask.asked_after,
    }


def label_names(work: Workspace, /, labels: Iterable[Any]) -> tuple[list[str], int]:
    """Return the names of manual labels, and the last change of the labels that these names know of.

    Raises
    ------
    UnknownLabelError
        One is none of the project's labels, or abstains.
    """
    labels = list(labels)
    while True:
        history = work.label_history
        codes = [label_code(work, label) for label in labels]
        if work.label_history is history:  # else a look at what is new, here or in another thread, came between
            return [str(history.now.names.name(code)) for code in codes], history.event


def label_code(work: Workspace, /, label: Any) -> int:
    """Return the code of a manual label; an UnknownLabelError where it is none of the project's, or abstains."""
    if isinstance(label, str) and label not in work.label_names.spellings:
        work.refresh()  # it may be new
    code = work.label_names.code(label)
    if code == ABSTAIN:
        raise UnknownLabelError(
            f"a manual label must be one of {list(work.label_names)}, got {label!r}; to leave a record out, use skip()"
        )
    return code


def flagged(journal: Journal) -> list[str]:
    """Return the ids of the records that people have marked for others to look at, in the order of that."""
    found: dict[str, None] = {}
    for each in journal.events():
        if each.kind == NOTE and isinstance(each.value, dict) and "flagged" in each.value:
            found.pop(each.record, None)
            if each.value["flagged"]:
                found[each.record] = None
    return list(found)


def history(work: Workspace, /) -> pd.DataFrame:
    """Return every event, oldest first; nothing is ever removed from it."""
    import pandas as pd

    rows = [{**vars(each), "label": each.label} for each in work.journal.events()]
    names = ["id", "kind", "record", "label", *(name for name in Event.__dataclass_fields__ if name not in _FIRST)]
    return pd.DataFrame(rows, columns=names).astype({"undoes": "Int64"})


_FIRST = ("id", "kind", "record")


def manual_labels(work: Workspace, /, through: int | None = None) -> dict[str, str]:
    """Return record -> label, the last one that stands, or the consensus of several people (see
    :meth:`annotators`).

    As of event ``through``, by default now.
    """
    found = work.refresh()
    return dict((found if through is None else found.at(through, work.journal)).manual_labels)


def release(work: Workspace, /, session: str | None = None) -> None:
    """Let other sessions have the records that a session, by default the project's own, was shown and did not
    answer.
    """
    work.journal.release(session or work.session_id)
