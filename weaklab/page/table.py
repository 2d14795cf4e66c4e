"""The table of the page: rows of the records that filters leave, labels for many of them at once, and downloads."""

from __future__ import annotations

import tempfile
import threading
import uuid
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weaklab.core.events import LABEL, UNDO, Event
from weaklab.core.labels import ABSTAIN
from weaklab.core.tables import counted, some_of
from weaklab.exchange.formats import write_table
from weaklab.page.tabs import RefusedError, checked_name
from weaklab.project.answering import append, event, flagged, label_names
from weaklab.project.record_values import RecordValues
from weaklab.project.records import RecordTable
from weaklab.project.row_query import RowQuery

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from weaklab.project.project import Project

MOST_ROWS, MOST_TEXT = 200, 400
"""At most so many rows in one reply, and characters of each text."""
MOST_LABELED = 100_000
"""So many records can be labeled at once."""
KEPT_TABLES, KEPT_STEPS = 4, 50
NONE = "(none)"
"""What stands for no label among the filters."""


class PageTable:
    """The records of a project as the page shows them.

    Filters are a mapping of texts, as a query string holds them: ``search``, ``label``, ``heuristic`` and ``vote``,
    ``against`` (another heuristic that votes differently), ``wrong`` (a heuristic that contradicts the manual label),
    ``conflict``, ``manual``, ``below`` and ``above`` (confidence), ``annotator``, ``flagged``, ``selection`` (the name
    of one on the map), ``sort`` and ``descending``.

    Parameters
    ----------
    project : the project
    selected : returns the ids of a selection by its name
    """

    def __init__(self, project: Project, selected: Callable[[str], list[str]]) -> None:
        self._project, self._selected = project, selected
        self._lock = threading.Lock()
        self._tables: OrderedDict[Any, RecordTable] = OrderedDict()
        self._steps: OrderedDict[str, list[Event]] = OrderedDict()

    def rows(self, filters: Mapping[str, str]) -> dict[str, Any]:
        """Return some rows of the table: ``total`` (of all that the filters leave), ``records`` and ``rows``."""
        table = self._table(filters)
        start = max(0, int(filters.get("offset") or 0))
        end = start + min(MOST_ROWS, max(1, int(filters.get("limit") or 100)))
        return {
            "total": len(table),
            "records": len(self._project.workspace.rows),
            "offset": start,
            "rows": [as_row(found) for found in table[start:end]],
        }

    def label(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Give records one label, all or none: those with the ids ``records``, or all that ``filters`` leave.

        Return how many, and the number of this step, by which it is taken back.
        """
        annotator, label = checked_name(given.get("annotator")), given.get("label")
        if not isinstance(label, str):
            raise RefusedError("a label is a text")
        records = given.get("records")
        if not isinstance(records, list):
            records = self._table(_filters(given.get("filters"))).ids()
        if not 1 <= len(records) <= MOST_LABELED:
            raise RefusedError(f"{counted(len(records), 'record')} chosen; wanted 1 to {MOST_LABELED:,}")
        work = self._project.workspace
        names, known = label_names(work, [label])
        about = {"annotator": annotator, "suggestion_shown": False}
        events = [event(work, LABEL, str(record), names[0], **about) for record in records]
        return {"labeled": len(records), "step": self._keep(append(work, events, known))}

    def undo(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Take back a step of :meth:`label`, all of it that stands."""
        with self._lock:
            events = self._steps.pop(str(given.get("step")), None)
        if events is None:
            raise RefusedError("this step was taken back already, or the server was started again since")
        work = self._project.workspace
        with work.journal.transaction(events_only=True):
            later = work.journal.events(events[0].id)
            undone = {each.undoes for each in later if each.kind == UNDO}
            left = [each for each in events if each.id not in undone]
            session = work.session_id
            back = [
                Event(UNDO, each.record, undoes=each.id, annotator=each.annotator, session=session) for each in left
            ]
            work.journal.append(back)
        return {"undone": len(back)}

    def download(self, filters: Mapping[str, str], suffix: str) -> bytes:
        """Return what the filters leave as a file."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / f"records{suffix}"
            write_table(self._table(filters).to_arrow(), file)
            return file.read_bytes()

    def ids(self, filters: Any) -> list[str]:
        """Return the ids of the records that filters leave."""
        return self._table(_filters(filters)).ids()

    def _keep(self, events: list[Event]) -> str:
        step = uuid.uuid4().hex[:12]
        with self._lock:
            self._steps[step] = events
            while len(self._steps) > KEPT_STEPS:
                self._steps.popitem(last=False)
        return step

    def _table(self, filters: Mapping[str, str]) -> RecordTable:
        """Return the records that filters leave, the same ones until something new was written."""
        held = {name: value for name, value in filters.items() if name not in ("offset", "limit") and value}
        key = (tuple(sorted(held.items())), self._project.workspace.journal.version())
        with self._lock:
            if key in self._tables:
                self._tables.move_to_end(key)
                return self._tables[key]
        table = filtered(self._project, held, self._selected)
        len(table)  # found now, outside the lock
        with self._lock:
            self._tables[key] = table
            while len(self._tables) > KEPT_TABLES:
                self._tables.popitem(last=False)
        return table


def _filters(given: Any) -> dict[str, str]:
    """Return the filters that came as JSON: none at all would mean every record, so they have to be there."""
    if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
        raise RefusedError("wanted a list of ids, records, or filters, each a text")
    return given


def filtered(project: Project, filters: Mapping[str, str], selected: Callable[[str], list[str]]) -> RecordTable:
    """Return the records that filters leave, those that are cheap first; no training is waited for."""
    values = RecordValues.now(project)
    table = RecordTable(RowQuery(values))
    if selection := filters.get("selection"):
        table = table.among(selected(selection), "chosen on the map")
    if label := filters.get("label"):
        table = table.label(None if label == NONE else label)
    if manual := filters.get("manual"):
        table = table.manual(manual == "yes")
    if filters.get("conflict"):
        table = table.conflicts()
    bounds = {name: float(filters[name]) for name in ("below", "above") if filters.get(name)}
    if bounds:
        table = table.confidence(**bounds)
    if heuristic := filters.get("heuristic"):
        table = table.heuristic(heuristic, filters.get("vote") or None)
    if wrong := filters.get("wrong"):
        votes = votes_of(values, wrong)
        table = _among_rows(table, values, (votes != values.codes) & (votes != ABSTAIN) & values.opinions.manual, wrong)
    if against := filters.get("against"):
        mine, other = votes_of(values, filters.get("heuristic", "")), votes_of(values, against)
        table = _among_rows(table, values, (mine != other) & (mine != ABSTAIN) & (other != ABSTAIN), against)
    if annotator := filters.get("annotator"):
        found = project.answers(annotator=annotator, kind=LABEL, standing=True)
        table = table.among(found["record"], f"labeled by {annotator}")
    if filters.get("flagged"):
        table = table.among(flagged(project.workspace.journal), "flagged")
    if search := filters.get("search"):
        table = table.search(search)
    if sort := filters.get("sort"):
        table = table.sort(sort, descending=bool(filters.get("descending")))
    return table


def votes_of(values: RecordValues, heuristic: str) -> NDArray[np.int8]:
    """Return the votes of one heuristic, int8 (n,)."""
    names = values.opinions.votes.names
    if heuristic not in names:
        raise RefusedError(f"no heuristic named {heuristic!r}; there are {some_of(names)}")
    return values.column(heuristic)


def _among_rows(table: RecordTable, values: RecordValues, mask: NDArray[np.bool_], heuristic: str) -> RecordTable:
    """Keep the rows where a mask is true."""
    return table.among(values.ids.filter(mask).to_pylist(), f"votes of {heuristic}")


def as_row(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record as a row of the table."""
    text = record["text"]
    if text is None:
        text = "  ".join(f"{name}: {value}"[:100] for name, value in list(record["columns"].items())[:12])
    return {
        "id": record["id"],
        "text": text[:MOST_TEXT],
        "label": record["label"],
        "confidence": round(record["confidence"], 4),
        "manual": record["manual"],
        "reason": record["reason"],
        "votes": [[name, label] for name, label in record["votes"].items()],
    }
