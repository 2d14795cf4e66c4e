"""What can be asked about a project: one table of calls for the page, over HTTP, and for the notebook widget."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from weaklab.core.errors import WeaklabError
from weaklab.page.access import LABEL
from weaklab.page.committee import PageCommittee
from weaklab.page.map import PageMap
from weaklab.page.overview import overview, project_facts
from weaklab.page.people import PagePeople
from weaklab.page.rules import PageRules
from weaklab.page.shown import image, visible_value, written
from weaklab.page.table import PageTable
from weaklab.page.tabs import RefusedError, SessionGoneError, Tabs
from weaklab.training.background import Ahead

if TYPE_CHECKING:
    from weaklab.project.project import Project

READ, WRITE = "GET", "POST"
DOWNLOADS = {".csv": "text/csv", ".jsonl": "application/jsonl", ".parquet": "application/vnd.apache.parquet"}

NUMBERS = "application/octet-stream"


class NotHereError(WeaklabError):
    """What is asked for is not there."""


ERRORS: list[tuple[type[Exception], int]] = [
    (SessionGoneError, 410),
    (NotHereError, 404),
    (RefusedError, 400),
    (WeaklabError, 409),
    (ValueError, 400),
    (TypeError, 400),
    (OverflowError, 400),
]
"""Errors that are told to whoever asked, the first that fits, and their status in HTTP."""
TOLD = tuple(kind for kind, _ in ERRORS)


@dataclass(frozen=True)
class Asked:
    """A call: what stands in its path and behind it, the JSON that came with it, and what the asker may do."""

    role: str
    place: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Content:
    """A reply that is not JSON: bytes, their media type, and the name of the file to save them in."""

    content: bytes
    media_type: str
    file: str = ""


Call = Callable[[Asked], Any]


class PageCalls:
    """Answers what page and widget ask: JSON values, or :class:`Content`.

    Parameters
    ----------
    project : the project
    options : for :meth:`weaklab.Project.session`
    """

    def __init__(self, project: Project, **options: Any) -> None:
        self.project, self.tabs = project, Tabs(project, **options)
        self.people, self.committee = PagePeople(project), PageCommittee(project)
        self.map = PageMap(project)
        self.table = PageTable(project, self.map.selected)
        self.rules = PageRules(project, self.table)
        self._prepared: Ahead[Any] = Ahead()
        self._patterns: dict[str, list[tuple[re.Pattern[str], Call]]] = {READ: [], WRITE: []}
        for method, path, call in self.routes():
            pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(path))
            self._patterns[method].append((re.compile(pattern), call))

    def routes(self) -> list[tuple[str, str, Call]]:
        """Return how each call is made: ``GET`` or ``POST`` (with JSON), its path, and what answers it."""
        return [
            (READ, "project", self._project),
            (READ, "overview", self._overview),
            (WRITE, "sessions", self._begin),
            (WRITE, "sessions/{session}", self._sync),
            (WRITE, "sessions/{session}/end", self._end),
            (READ, "committee", lambda asked: self.committee.facts()),
            (READ, "records", lambda asked: self.table.rows(asked.query)),
            (WRITE, "records/label", lambda asked: self.table.label(asked.body)),
            (WRITE, "records/undo", lambda asked: self.table.undo(asked.body)),
            (READ, "records/download{suffix}", self._download),
            *((WRITE, path, _of_body(call)) for path, call in self.rules.calls()),
            (READ, "people", lambda asked: self.people.facts()),
            (READ, "people/{kind}", lambda asked: self.people.records(asked.place["kind"], asked.query)),
            (WRITE, "people/settle", lambda asked: self.people.settle(asked.body)),
            (WRITE, "people/undo", lambda asked: self.people.undo(asked.body)),
            (READ, "map", lambda asked: self.map.facts()),
            (READ, "map/places", lambda asked: Content(self.map.places(asked.query), NUMBERS)),
            (READ, "map/values", lambda asked: Content(self.map.values(asked.query), NUMBERS)),
            (READ, "map/record", lambda asked: self.map.record(asked.query)),
            (WRITE, "map/selections", lambda asked: self.map.select(asked.body)),
            (READ, "text", self._text),
            (READ, "image", self._image),
        ]

    def answer(self, target: Any, body: Any, role: str) -> tuple[int, Any]:
        """Answer a call that came as a message; return its status, as in HTTP, and the value or ``{"error": ...}``.

        Parameters
        ----------
        target : the path, and a query behind it
        body : None for a call that only reads
        role : what the asker may do
        """
        method = READ if body is None else WRITE
        path, _, query = str(target).partition("?")
        if method == WRITE and role != LABEL:
            return 403, {"error": "this project is open for reading only"}
        for pattern, call in self._patterns.get(method, []):
            if found := pattern.fullmatch(path):
                asked = Asked(role, found.groupdict(), dict(parse_qsl(query, keep_blank_values=True)), body or {})
                return _told(call, asked)
        return 404, {"error": f"there is no call {path!r}"}

    def prepare(self) -> None:
        """Read the records, and begin in the background what the first question of all needs: votes and a training."""
        if len(self.project):
            self._prepared.begin(None, lambda: self.project.ask(1, lease=False))

    def close(self) -> None:
        """Close the sessions."""
        self.map.close()
        self.tabs.close()
        self._prepared.close()

    # ---- labeling

    def _project(self, asked: Asked) -> Any:
        return {**project_facts(self.project), "role": asked.role}

    def _overview(self, asked: Asked) -> Any:
        return {**overview(self.project), "people": self.tabs.names()}

    def _begin(self, asked: Asked) -> Any:
        before = asked.body.get("before")
        return self.tabs.begin(asked.body.get("annotator"), before if isinstance(before, dict) else None)

    def _sync(self, asked: Asked) -> Any:
        messages = [message for message in asked.body.get("messages") or [] if isinstance(message, dict)]
        have = [str(record) for record in asked.body.get("have") or []]
        tab = self.tabs.tab(asked.place["session"])
        return tab.sync(messages, have, int(asked.body.get("want") or 1))

    def _end(self, asked: Asked) -> Any:
        self.tabs.end(asked.place["session"])
        return {}

    # ---- values of records, and files

    def _text(self, asked: Asked) -> Any:
        value = self._value(asked)
        return {"text": "" if value is None else written(value)}

    def _image(self, asked: Asked) -> Content:
        try:
            found = image(self._value(asked), self.project.path)
        except WeaklabError as error:
            raise NotHereError(str(error)) from None
        if found is None:
            raise NotHereError("there is no image here")
        return Content(*found)

    def _value(self, asked: Asked) -> Any:
        return visible_value(self.project.workspace, asked.query.get("record", ""), asked.query.get("column", ""))

    def _download(self, asked: Asked) -> Content:
        suffix = asked.place["suffix"]
        if suffix not in DOWNLOADS:
            raise NotHereError(f"there are downloads in {', '.join(DOWNLOADS)}")
        return Content(self.table.download(asked.query, suffix), DOWNLOADS[suffix], f"records{suffix}")


def _of_body(call: Callable[[Mapping[str, Any]], Any]) -> Call:
    return lambda asked: call(asked.body)


def _told(call: Call, asked: Asked) -> tuple[int, Any]:
    try:
        return 200, call(asked)
    except TOLD as error:
        return status_of(error), {"error": str(error)}
    except Exception as error:
        return 500, {"error": f"{type(error).__name__}: {error}"}


def status_of(error: Exception) -> int:
    """Return the status that HTTP has for an error of a call.

    >>> from weaklab.core.errors import WeaklabError
    >>> status_of(NotHereError("no image")), status_of(WeaklabError("the disk is full"))
    (404, 409)
    """
    return next(status for kind, status in ERRORS if isinstance(error, kind))
