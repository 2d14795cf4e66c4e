"""The map of the page: where the records are, what colours them, and the records that a person chose on it."""

from __future__ import annotations

import base64
import binascii
import threading
import uuid
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.core.errors import WeaklabError
from weaklab.core.labels import ABSTAIN
from weaklab.page.shown import shown_record
from weaklab.page.tabs import RefusedError
from weaklab.project.at_hand import look
from weaklab.project.quality import map_views
from weaklab.project.record_values import RecordValues
from weaklab.scheduling.asks import make_asks
from weaklab.scheduling.scheduler import Pick
from weaklab.strategies.base import uniform
from weaklab.training.background import Ahead

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from weaklab.project.project import Project
    from weaklab.project.record_rows import RecordRows
    from weaklab.scheduling.views import Views
    from weaklab.training.trainer import Opinion

MOST_DRAWN = 200_000
"""Of more records, this many are drawn, chosen at random."""
KEPT_SELECTIONS = 20
LOOK_SECONDS = 0.3


class _StoppedError(Exception):
    """The page is being closed."""


@dataclass(frozen=True)
class DrawnMap:
    """The records that are drawn, in random order.

    Attributes
    ----------
    key : tells this map from others
    of : the records of the project when it was made
    rows : int64 (d,), row numbers of the records
    places : uint16 (d, 2), from 0, left and bottom, to 65,535
    """

    key: str
    of: RecordRows
    rows: NDArray[np.int64]
    places: NDArray[np.uint16]


def drawn_map(views: Views, of: RecordRows) -> DrawnMap:
    """Return the map of all records, or of a random sample of them."""
    rows = np.argsort(uniform(views.keys, 0), kind="stable")[:MOST_DRAWN]
    places = np.rint((views.plane()[rows] + 1) / 2 * 65_535).astype(np.uint16)
    return DrawnMap(uuid.uuid4().hex[:8], of, rows, places)


class PageMap:
    """The map of a project; it is made in the background when somebody looks at it first.

    Points are named by their number in the order of :attr:`DrawnMap.rows`.
    """

    def __init__(self, project: Project) -> None:
        self._project, self._work = project, project.workspace
        self._lock, self._values_lock, self._stop = threading.Lock(), threading.Lock(), threading.Event()
        self._ahead: Ahead[None] = Ahead()
        self._said = ""
        self._drawn: DrawnMap | None = None
        self._failed: tuple[RecordRows, str] | None = None
        self._values: tuple[Any, int, RecordValues] | None = None
        self._version = 0
        self._selections: OrderedDict[str, tuple[DrawnMap, NDArray[np.int64]]] = OrderedDict()

    # ---- making it

    def facts(self) -> dict[str, Any]:
        """Return what is drawn, ``version`` of its colours included; ``making``, the number of records, until it is
        there.

        Raises
        ------
        WeaklabError
            There is nothing to map.
        """
        if self._drawn is not None:  # else there is no need to wait for a training
            look(self._work)
        rows, drawn = self._work.rows, self._drawn
        if drawn is None or drawn.of is not rows:
            return self._begin(rows)
        values = self._current_values()
        return {
            "map": drawn.key,
            "version": f"{drawn.key}-{self._version}",
            "records": len(rows),
            "drawn": len(drawn.rows),
            "labels": list(values.opinions.votes.labels),
            "heuristics": list(values.opinions.votes.names),
        }

    def _begin(self, rows: RecordRows) -> dict[str, Any]:
        with self._lock:
            if self._failed is not None and self._failed[0] is rows:
                raise WeaklabError(self._failed[1])
            if not self._ahead.running:
                self._said = ""
                self._ahead.begin(None, lambda: self._make(rows))
        return {"making": len(rows), "said": self._said}

    def _make(self, rows: RecordRows) -> None:
        try:
            self._wait_for_vectors()
            with self._work.working:
                self._work.refresh()
                views, rows = map_views(self._work), self._work.rows
                if len(rows) > 1:
                    views.E()
            self._drawn = drawn_map(views, rows)  # others label meanwhile
        except _StoppedError:
            return
        except Exception as error:  # shown where the map would be
            said = str(error) if isinstance(error, WeaklabError) else f"{type(error).__name__}: {error}"
            self._failed = rows, said

    def _wait_for_vectors(self) -> None:
        while not self._has_vectors():
            if self._stop.wait(LOOK_SECONDS):
                raise _StoppedError

    def _has_vectors(self) -> bool:
        work = self._work
        with work.working:
            work.refresh()
            if work.encoder is None or not work.corpus.roles.text or work.encoder.is_ready(work.corpus):
                return True
            self._said = f"first the texts get their vectors; {work.encoder.described(work.corpus)} have one"
            return False

    def close(self) -> None:
        """Wait for a map that is being made."""
        self._stop.set()
        self._ahead.close()

    # ---- what is drawn

    def places(self, query: Mapping[str, str]) -> bytes:
        """Return uint16 (d, 2): across and up."""
        return self._held(query.get("map")).places.astype("<u2").tobytes()

    def values(self, query: Mapping[str, str]) -> bytes:
        """Return what colours the points: uint8 (d,) values, then uint8 (d,), 1 where a person gave the label.

        ``of`` is ``label`` (codes, 255 for none), ``confidence`` (0 to 255), ``conflict`` (0 no vote, 1 votes, 2 votes
        for different labels) or ``votes`` (codes of what the heuristic ``name`` votes, 255 for none).
        """
        drawn, values = self._held(query.get("map")), self._current_values()
        if values.n != len(drawn.of):
            raise RefusedError("the records have changed since this map was drawn")
        found = _values_of(values, query)[drawn.rows].astype(np.uint8)
        return found.tobytes() + values.opinions.manual[drawn.rows].astype(np.uint8).tobytes()

    def record(self, query: Mapping[str, str]) -> dict[str, Any]:
        """Return the record of the point ``at`` as the page shows it, with ``manual`` and ``reason``."""
        drawn, values, at = self._held(query.get("map")), self._current_values(), int(query.get("at") or -1)
        if not 0 <= at < len(drawn.rows) or values.n != len(drawn.of) or values.corpus is None:
            raise RefusedError(f"there is no point {at} on this map")
        row, opinions = int(drawn.rows[at]), values.opinions
        [ask] = make_asks([Pick(row, "", 0.0, 1.0)], values.corpus, opinions.votes, opinions.P)
        [reason] = values.reasons(np.array([row]))
        found = shown_record(self._work, ask)
        return {**found, "manual": bool(opinions.manual[row]), "picked_by": "decided by", "why": str(reason)}

    def _held(self, key: str | None) -> DrawnMap:
        drawn = self._drawn
        if drawn is None or drawn.key != key or drawn.of is not self._work.rows:
            raise RefusedError("the records have changed since this map was drawn")
        return drawn

    def _current_values(self) -> RecordValues:
        """Return votes, labels and confidence as of now, the same ones until something has changed.

        While a training runs they are as of the last one, and nobody waits.
        """
        state, event = self._moment()
        with self._values_lock:
            if self._values is None or self._values[0] is not state or self._values[1] != event:
                self._values = state, event, RecordValues.now(self._project)
                self._version += 1
            return self._values[2]

    def _moment(self) -> tuple[Opinion, int]:
        """Return the last training and the last event."""
        work = self._work
        if not work.working.acquire(blocking=False):
            hand = work.at_hand
            known = None if hand is None else hand.newest(work)
            if hand is not None and known is not None:
                return hand.state, known.event
            work.working.acquire()
        try:
            return work.opinion.now(), work.snapshot.event
        finally:
            work.working.release()

    # ---- selections

    def select(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Keep a selection for the table and for rules; return its name, ``selection``, and how many ``records`` it
        has.

        ``chosen`` is a bit for each point, the first one lowest, in base64.
        """
        drawn = self._held(str(given.get("map")))
        rows = drawn.rows[np.flatnonzero(_bits(given.get("chosen"), len(drawn.rows)))]
        name = uuid.uuid4().hex[:12]
        with self._lock:
            self._selections[name] = drawn, rows
            while len(self._selections) > KEPT_SELECTIONS:
                self._selections.popitem(last=False)
        return {"selection": name, "records": len(rows)}

    def selected(self, name: str) -> list[str]:
        """Return the ids of a selection."""
        with self._lock:
            if name not in self._selections:
                raise RefusedError("this selection is no longer known; choose the records on the map again")
            drawn, rows = self._selections[name]
        there = np.zeros(len(drawn.of), bool)
        there[rows] = True
        return drawn.of.ids_at(there)


def _values_of(values: RecordValues, query: Mapping[str, str]) -> NDArray[Any]:
    of = query.get("of")
    if of == "label":
        return values.codes
    if of == "confidence":
        return np.rint(values.confidence * 255)
    if of == "conflict":
        return np.where(values.conflicts, 2, (values.opinions.votes.L != ABSTAIN).any(axis=1))
    if of == "votes":
        return values.column(query.get("name", ""))
    raise RefusedError(f"a map is coloured by label, confidence, conflict or votes, got {of!r}")


def _bits(given: Any, n: int) -> NDArray[np.uint8]:
    """Return uint8 (n,), 1 for each point that is chosen.

    >>> _bits("BQ==", 3).tolist()
    [1, 0, 1]
    """
    try:
        held = base64.b64decode(given, validate=True)
    except (TypeError, ValueError, binascii.Error):
        raise RefusedError("chosen must be bits in base64") from None
    if len(held) != (n + 7) // 8:
        raise RefusedError(f"chosen must have a bit for each of the {n:,} points")
    return np.unpackbits(np.frombuffer(held, np.uint8), count=n, bitorder="little")
