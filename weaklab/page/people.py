"""The people of a project on the page: how far they agree, records on which they differ, and suspicious labels."""

from __future__ import annotations

import itertools
import math
import statistics
import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.core.events import LABEL, NOTE, SETTLED, UNDO
from weaklab.core.rows import confidence
from weaklab.page.shown import field, record_of, shown_record
from weaklab.page.tabs import RefusedError, checked_name
from weaklab.project.answering import label_code
from weaklab.project.asking import ask_about
from weaklab.project.imports import IMPORTED
from weaklab.project.label_errors import label_errors_now, opinion_without
from weaklab.project.people import append_settled

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from weaklab.core.events import Event
    from weaklab.project.project import Project

MOST_ERRORS = 200
MOST_RECORDS = 20
"""At most so many records in one reply."""
MOST_PAIRS = 100
MOST_TIMED = 20_000
"""How fast people are is told from so many events, the newest ones."""
DISPUTES, ERRORS = "disputes", "errors"


class PagePeople:
    """What the page shows of the people who label, computed again only when something has changed."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._lock = threading.Lock()
        self._held: dict[str, tuple[Any, Any]] = {}

    def facts(self) -> dict[str, Any]:
        """Return ``people``, a row each; ``pairs`` and ``coefficients`` of agreement; and how many records are to be
        settled (``disputes``) and how many labels are suspicious (``errors``, None where it is not known yet).
        """
        found = dict(self._kept("facts", self._facts))
        held = self._held.get(ERRORS)
        found["errors"] = len(held[1]) if held is not None and held[0] == self._key(ERRORS) else None
        return found

    def records(self, kind: str, query: Mapping[str, str]) -> dict[str, Any]:
        """Return records on which people differ, or whose label is suspicious: ``total`` and some ``rows``.

        Parameters
        ----------
        kind : ``disputes`` or ``errors``
        query : ``offset``, ``limit``, and for disputes ``settled``: whether to list those that somebody has settled
        """
        if kind not in (DISPUTES, ERRORS):
            raise RefusedError(f"there are {DISPUTES} and {ERRORS}")
        every = self._errors() if kind == ERRORS else self._disputes(bool(query.get("settled")))
        start = max(0, int(query.get("offset") or 0))
        some = every[start : start + min(MOST_RECORDS, max(1, int(query.get("limit") or 10)))]
        return {"total": len(every), "offset": start, "rows": [self._shown(each) for each in some]}

    def settle(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Store the label that stands for a record; return the number of its event, by which it is taken back."""
        annotator, record, label = checked_name(given.get("annotator")), given.get("record"), given.get("label")
        if not isinstance(record, str) or not isinstance(label, str):
            raise RefusedError("a record and a label are texts")
        work = self._project.workspace
        label_code(work, label)
        seconds = given.get("seconds")
        timed = isinstance(seconds, (int, float)) and not isinstance(seconds, bool) and 0 <= seconds < 1e6
        about = {"seconds": float(seconds)} if timed and isinstance(seconds, (int, float)) else {}
        [stored] = append_settled(work, [(work.known(record), label)], annotator=annotator, **about)
        return {"event": stored.id}

    def undo(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Take back a label of :meth:`settle`, which only the person who gave it can do.

        ``event`` is its number; without it the newest one that stands is taken back, whenever it was given. Return the
        number and the ``row`` of the record; the number is None where there is nothing to take back.
        """
        annotator, number = checked_name(given.get("annotator")), given.get("event")
        found = self._newest(annotator) if number is None else self._settled(annotator, number)
        if found is None:
            return {"event": None, "row": None}
        self._project.undo(found.id)
        return {"event": found.id, "row": self._row(found.record)}

    def _newest(self, annotator: str) -> Event | None:
        """Return the newest label of :meth:`settle` of a person that stands."""
        undone: set[int | None] = set()
        for event in self._project.workspace.journal.newest_first(annotator):
            if event.kind == UNDO:
                undone.add(event.undoes)
            elif event.kind == LABEL and event.picked_by == SETTLED and event.id not in undone:
                return event
        return None

    def _settled(self, annotator: str, number: Any) -> Event:
        journal = self._project.workspace.journal
        found = journal.events(number - 1, 1) if type(number) is int and 1 <= number <= journal.last_event() else []
        if not found or found[0].annotator != annotator or found[0].picked_by != SETTLED:
            raise RefusedError("there is no such label of yours to take back")
        return found[0]

    def _row(self, record: str) -> dict[str, Any]:
        """Return a record as those that are to be settled, with what is known of it there."""
        _, errors = self._held.get(ERRORS, (None, []))
        listed = (row for row in [*self._disputes(settled=False), *errors] if row["record"] == record)
        label = self._project.workspace.refresh().manual_labels.get(record)
        return self._shown(next(listed, {"record": record, "label": label}))

    # ---- within

    def _key(self, name: str) -> Any:
        work = self._project.workspace
        return (id(work.trained) if name == ERRORS else 0, work.journal.version().events)

    def _kept(self, name: str, make: Any) -> Any:
        """Return what was made since the last event, else make it, one thing at a time."""
        with self._lock:
            key = self._key(name)
            held = self._held.get(name)
            if held is None or held[0] != key:
                found = make()
                self._held[name] = self._key(name), found
                return found
            return held[1]

    def _facts(self) -> dict[str, Any]:
        found = self._project.agreement()
        disputes = self._project.disputes()
        return {
            "people": self._people(),
            "pairs": [_plain(row) for row in found.pairs.head(MOST_PAIRS).to_dict("records")],
            "all_pairs": len(found.pairs),
            "coefficients": [
                {"name": "Fleiss' kappa", **vars(found.fleiss)},
                {"name": "Krippendorff's alpha", **vars(found.alpha)},
            ],
            "disputes": int(disputes["settled_by"].isna().sum()),
            "settled": int(disputes["settled_by"].notna().sum()),
        }

    def _people(self) -> list[dict[str, Any]]:
        """Return a row a person: labels, median seconds for one, agreement, accuracy with its interval."""
        table = self._project.annotators()
        took: dict[str, list[float]] = {}
        undone: set[int | None] = set()
        for event in itertools.islice(self._project.workspace.journal.newest_first(), MOST_TIMED):
            if event.kind == UNDO:
                undone.add(event.undoes)
            elif event.kind == LABEL and event.seconds is not None and event.id not in undone:
                took.setdefault(event.annotator, []).append(event.seconds)
        return [
            {**_plain(row), "seconds": statistics.median(took[row["annotator"]]) if row["annotator"] in took else None,
             "imported": row["annotator"] == IMPORTED}
            for row in table.to_dict("records")
        ]  # fmt: skip

    def _disputes(self, settled: bool) -> list[dict[str, Any]]:
        def make() -> list[dict[str, Any]]:
            rows = self._project.workspace.rows
            found = [_plain(row) for row in self._project.disputes().to_dict("records")]
            return sorted(found, key=lambda row: (rows.get(row["record"], len(rows)), row["record"]))

        rows: list[dict[str, Any]] = self._kept(DISPUTES, make)
        return [row for row in rows if (row["settled_by"] is None) != settled]

    def _errors(self) -> list[dict[str, Any]]:
        def make() -> list[dict[str, Any]]:
            work = self._project.workspace
            return [_plain(row) for row in label_errors_now(work, MOST_ERRORS).to_dict("records")]

        found: list[dict[str, Any]] = self._kept(ERRORS, make)
        return found

    def _shown(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return a record with who said what about it, and the committee's opinion, out-of-fold."""
        work, record = self._project.workspace, str(row["record"])
        events = work.journal.events_of([record])
        return {
            "record": self._record(record, row.get("reason") or ""),
            "label": row["label"],
            "settled_by": row.get("settled_by"),
            "said": _said(events, self._project),
            "notes": [
                {"annotator": each.annotator, "text": each.value}
                for each in events
                if each.kind == NOTE and isinstance(each.value, str)
            ],
        }

    def _record(self, record: str, why: str) -> dict[str, Any]:
        work = self._project.workspace
        ask = ask_about(work, record, why)
        if ask is None:  # beside the corpus: the committee has no opinion of it
            found = record_of(work, record)
            fields = [field(record, name, value) for name, value in dict(found).items()]
            return {"id": record, "fields": fields, "votes": [], "probabilities": {}, "suggestion": None}
        shown = {**shown_record(work, ask), "picked_by": "", "why": why or "without the labels of people"}
        honest = opinion_without(work, record)
        if honest is not None:
            sure = float(confidence(np.array([list(honest.values())]))[0])
            best = max(honest, key=lambda name: honest[name])
            shown |= {"probabilities": honest, "suggestion": best, "confidence": round(sure, 4)}
        return shown


def _said(events: Sequence[Event], project: Project) -> list[dict[str, Any]]:
    """Return the last label of each person that stands, oldest first, with the label names of today."""
    undone = {each.undoes for each in events if each.kind == UNDO}
    last: dict[str, Event] = {}
    for each in events:
        if each.kind == LABEL and each.id not in undone:
            last.pop(each.annotator, None)
            last[each.annotator] = each
    history = project.workspace.label_history
    named = [(each, history.name_now(each.value, each.id)) for each in last.values()]
    return [
        {
            "annotator": each.annotator,
            "label": label,
            "at": each.at,
            "settles": each.picked_by == SETTLED,
            "blind": each.suggestion is not None and not each.suggestion_shown,
        }
        for each, label in named
        if label is not None
    ]


def _plain(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Return values of a row as JSON has them."""
    return {
        str(name): None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in row.items()
    }
