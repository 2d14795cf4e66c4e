"""The answers of people, filtered by person, label, record, kind and time."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from weaklab.core.errors import WeaklabError, did_you_mean
from weaklab.core.events import EVENT_KINDS, UNDO
from weaklab.corpus.records import record_id
from weaklab.project.answering import history

if TYPE_CHECKING:
    import pandas as pd

    from weaklab.project.workspace import Workspace

Moment = str | date | datetime
"""A time or a day; without a zone it is UTC."""


def answers(
    work: Workspace,
    /,
    *,
    annotator: str | None = None,
    label: str | None = None,
    record: Any = None,
    kind: str | None = None,
    since: Moment | None = None,
    until: Moment | None = None,
    standing: bool = False,
) -> pd.DataFrame:
    """Return the answers that fit all that is given, oldest first, in the columns of :meth:`weaklab.Project.history`.

    Parameters
    ----------
    annotator : who answered
    label : the label that was given
    record : id of the record
    kind : ``label``, ``skip``, ``requeue``, ``note`` or ``undo``; by default all
    since, until : first and last moment, both included: a time, a day, or a text such as ``"2026-01-31"`` or
        ``"2026-01-31 14:30"``; UTC where it names no zone; ``until`` a day is until its end
    standing : leave out what was undone, and the undoing itself

    Raises
    ------
    WeaklabError
        There is no such label or kind, or a time cannot be read.

    Examples
    --------
    >>> import tempfile, weaklab
    >>> project = weaklab.Project(tempfile.mkdtemp(), labels=["ham", "spam"])
    >>> _ = project.add_records([{"id": "a", "text": "win a prize"}, {"id": "b", "text": "lunch"}], quiet=True)
    >>> for record, label in [("a", "spam"), ("b", "spam")]:
    ...     _ = project.label(record, label, annotator="Ann")
    >>> _ = project.undo()
    >>> project.answers(annotator="Ann", label="spam", standing=True)["record"].tolist()
    ['a']
    """
    frame = history(work)
    kept = frame["id"].notna()
    if standing:
        kept &= (frame["kind"] != UNDO) & ~frame["id"].isin(frame["undoes"].dropna())
    if label is not None:
        kept &= frame["label"] == _known_label(work, label, frame)
    if kind is not None:
        kept &= frame["kind"] == _known(kind)
    if annotator is not None:
        kept &= frame["annotator"] == annotator
    if record is not None:
        kept &= frame["record"].isin([str(record), record_id(record)])
    if since is not None or until is not None:
        kept &= _between(frame["at"], since, until)
    return frame[kept].reset_index(drop=True)


def _known_label(work: Workspace, label: str, frame: pd.DataFrame) -> str:
    """Return a label of the project, or one that answers named earlier."""
    if label in set(frame["label"]):
        return label
    return str(work.label_names.name(work.label_names.code(label)))


def _known(kind: str) -> str:
    if kind not in EVENT_KINDS:
        raise WeaklabError(
            f"no kind of answer {kind!r};{did_you_mean(kind, EVENT_KINDS)} there are {', '.join(EVENT_KINDS)}"
        )
    return kind


def _between(times: pd.Series[Any], since: Moment | None, until: Moment | None) -> pd.Series[bool]:
    import pandas as pd

    at = pd.to_datetime(times, utc=True, format="ISO8601", errors="coerce")
    kept = at.notna()
    if since is not None:
        kept &= at >= moment(since)
    if until is not None:
        kept &= at <= moment(until, end=True)
    return kept


def moment(given: Moment, *, end: bool = False) -> datetime:
    """Return a time in UTC; of a day its begin, or with ``end`` its last microsecond.

    >>> moment("2026-01-31").isoformat(), moment("2026-01-31", end=True).isoformat()
    ('2026-01-31T00:00:00+00:00', '2026-01-31T23:59:59.999999+00:00')
    >>> moment("2026-01-31 14:30+02:00").isoformat()
    '2026-01-31T12:30:00+00:00'
    """
    try:
        found = datetime.fromisoformat(given.strip()) if isinstance(given, str) else given
        day = not isinstance(found, datetime) or (isinstance(given, str) and len(given.strip()) <= len("2026-01-31"))
        time = found if isinstance(found, datetime) else datetime(found.year, found.month, found.day)
        time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
        return time + timedelta(days=1, microseconds=-1) if end and day else time
    except (ValueError, OverflowError, AttributeError):
        raise WeaklabError(f"{given!r} is no time; wanted one such as 2026-01-31 or 2026-01-31T14:30") from None
