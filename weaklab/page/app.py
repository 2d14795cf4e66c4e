"""What the server of the page answers: each path, and how errors are told."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.routing import Route

from weaklab.core.errors import WeaklabError
from weaklab.page.access import LABEL, Access, Guard, SlowDoor
from weaklab.page.committee import PageCommittee
from weaklab.page.overview import overview, project_facts
from weaklab.page.shown import image, visible_value
from weaklab.page.table import PageTable
from weaklab.page.tabs import RefusedError, SessionGoneError, Tabs

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp

    from weaklab.project.project import Project

MOST_BYTES = 4_000_000
"""A request with more is refused."""
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
DOWNLOADS = {".csv": "text/csv", ".jsonl": "application/jsonl", ".parquet": "application/vnd.apache.parquet"}
ENTRY_FILES = ("weaklab.css", "enter.js", "icon.svg")
"""What the page with the password field needs; the one thing that can be had without a cookie."""


class PageServer:
    """Answers the requests of the page of one project.

    Parameters
    ----------
    project : the project
    access : who may use the page
    cookie_name : of the cookie
    options : for :meth:`weaklab.Project.session`
    """

    def __init__(self, project: Project, access: Access, cookie_name: str, **options: Any) -> None:
        self.project, self.tabs = project, Tabs(project, **options)
        self.table, self.committee = PageTable(project), PageCommittee(project)
        self._access, self._cookie_name, self._door = access, cookie_name, SlowDoor(access)

    def app(self, hosts: frozenset[str]) -> ASGIApp:
        """Return the application with its checks; ``hosts`` are the names that it may be called by."""
        routes = [
            Route("/", self._first_page),
            Route("/static/{name:path}", self._static),
            Route("/api/enter", self._enter, methods=["POST"]),
            Route("/api/project", _answers(self._project)),
            Route("/api/overview", _answers(self._overview)),
            Route("/api/sessions", _answers(self._begin), methods=["POST"]),
            Route("/api/sessions/{session}", _answers(self._sync), methods=["POST"]),
            Route("/api/sessions/{session}/end", _answers(self._end), methods=["POST"]),
            Route("/api/committee", _answers(self._committee)),
            Route("/api/records", _answers(self._rows)),
            Route("/api/records/label", _answers(self._label), methods=["POST"]),
            Route("/api/records/undo", _answers(self._undo), methods=["POST"]),
            Route("/api/records/download{suffix}", self._download),
            Route("/api/text", _answers(self._text)),
            Route("/api/image", self._image),
        ]
        entry = {"/", "/api/enter", *(f"/static/{name}" for name in ENTRY_FILES)}
        open_paths = frozenset(entry if self._access.has_password else ())
        return Guard(Starlette(routes=routes), self._access, hosts, self._cookie_name, open_paths)

    # ---- the page itself

    async def _first_page(self, request: Request) -> Response:
        state = request.scope["state"]
        response = static_file("index.html" if state["role"] else "enter.html")
        if state.get("cookie"):
            self._set_cookie(response, state["cookie"])
        return response

    async def _static(self, request: Request) -> Response:
        return static_file(request.path_params["name"])

    async def _enter(self, request: Request) -> Response:
        """Let somebody in who knows the password."""
        given = await _body(request)
        typed = given.get("password") if isinstance(given, dict) else None
        if not self._access.has_password or not isinstance(typed, str) or not await self._door.is_open(typed):
            return as_json({"error": "this is not the password"}, 401)
        response = as_json({})
        self._set_cookie(response, self._access.cookie(LABEL))
        return response

    def _set_cookie(self, response: Response, value: str) -> None:
        response.set_cookie(self._cookie_name, value, max_age=30 * 24 * 3600, httponly=True, samesite="strict")

    # ---- labeling

    def _project(self, request: Request, given: Any) -> Any:
        return {**project_facts(self.project), "role": request.scope["state"]["role"]}

    def _overview(self, request: Request, given: Any) -> Any:
        return {**overview(self.project), "people": self.tabs.names()}

    def _begin(self, request: Request, given: Any) -> Any:
        before = given.get("before")
        return self.tabs.begin(given.get("annotator"), before if isinstance(before, dict) else None)

    def _sync(self, request: Request, given: Any) -> Any:
        messages = [message for message in given.get("messages") or [] if isinstance(message, dict)]
        have = [str(record) for record in given.get("have") or []]
        tab = self.tabs.tab(request.path_params["session"])
        return tab.sync(messages, have, int(given.get("want") or 1))

    def _end(self, request: Request, given: Any) -> Any:
        self.tabs.end(request.path_params["session"])
        return {}

    # ---- the committee and the table

    def _committee(self, request: Request, given: Any) -> Any:
        return self.committee.facts()

    def _rows(self, request: Request, given: Any) -> Any:
        return self.table.rows(request.query_params)

    def _label(self, request: Request, given: Any) -> Any:
        return self.table.label(given)

    def _undo(self, request: Request, given: Any) -> Any:
        return self.table.undo(given)

    async def _download(self, request: Request) -> Response:
        suffix = request.path_params["suffix"]
        if suffix not in DOWNLOADS:
            return as_json({"error": f"there are downloads in {', '.join(DOWNLOADS)}"}, 404)
        try:
            content = await run_in_threadpool(self.table.download, request.query_params, suffix)
        except (WeaklabError, ValueError) as error:
            return as_json({"error": str(error)}, 409)
        named = {"content-disposition": f'attachment; filename="records{suffix}"'}
        return Response(content, media_type=DOWNLOADS[suffix], headers=named)

    # ---- values of records

    def _text(self, request: Request, given: Any) -> Any:
        value = visible_value(self.project.workspace, *_place(request))
        return {"text": value if isinstance(value, str) else ""}

    async def _image(self, request: Request) -> Response:
        work = self.project.workspace
        try:
            value = await run_in_threadpool(visible_value, work, *_place(request))
        except WeaklabError as error:
            return as_json({"error": str(error)}, 404)
        found = await run_in_threadpool(image, value, work.path)
        if found is None:
            return as_json({"error": "there is no image here"}, 404)
        return Response(found[0], media_type=found[1], headers={"cache-control": "private, max-age=3600"})


def _place(request: Request) -> tuple[str, str]:
    return request.query_params.get("record", ""), request.query_params.get("column", "")


def _answers(reply: Callable[[Request, Any], Any]) -> Callable[[Request], Any]:
    """Return an endpoint that answers with the JSON of what a method returns, which runs in a thread."""

    async def endpoint(request: Request) -> Response:
        try:
            given = await _body(request) if request.method == "POST" else {}
            return as_json(await run_in_threadpool(reply, request, given))
        except SessionGoneError as error:
            return as_json({"error": str(error)}, 410)
        except (RefusedError, ValueError, TypeError) as error:
            return as_json({"error": str(error)}, 400)
        except WeaklabError as error:
            return as_json({"error": str(error)}, 409)

    return endpoint


async def _body(request: Request) -> Any:
    """Return the JSON of a request."""
    content = b""
    async for part in request.stream():
        content += part
        if len(content) > MOST_BYTES:
            raise RefusedError(f"a request has at most {MOST_BYTES:,} bytes")
    try:
        found = json.loads(content or b"{}")
    except (ValueError, RecursionError):
        raise RefusedError("the request is no JSON") from None
    if not isinstance(found, dict):
        raise RefusedError(f"the request must be a JSON object, got {type(found).__name__}")
    return found


def as_json(value: Any, status: int = 200) -> Response:
    """Return a response of JSON in ASCII, which holds any text, halves of surrogate pairs included."""
    content = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return Response(content, status, media_type="application/json")


def static_file(name: str) -> Response:
    """Return a file of the page."""
    folder = files("weaklab.page") / "static"
    parts = name.split("/")
    file = folder.joinpath(*parts)
    suffix = "." + name.rpartition(".")[2]
    if ".." in parts or "" in parts or suffix not in TYPES or not file.is_file():
        return Response("there is no such file", 404, media_type="text/plain")
    return Response(file.read_bytes(), media_type=TYPES[suffix])
