"""What the server of the page answers: each path, and how errors are told."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.routing import Route

from weaklab.page.access import LABEL, Access, Guard, SlowDoor
from weaklab.page.calls import TOLD, Asked, Call, Content, PageCalls, status_of
from weaklab.page.tabs import RefusedError

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp

    from weaklab.project.project import Project

MOST_BYTES = 4_000_000
"""A request with more is refused."""
LONGEST_NAME = 100
"""Of a file of the page; systems refuse to look for very long ones."""
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
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
        self.calls = PageCalls(project, **options)
        self._access, self._cookie_name, self._door = access, cookie_name, SlowDoor(access)

    def app(self, hosts: frozenset[str]) -> ASGIApp:
        """Return the application with its checks; ``hosts`` are the names that it may be called by."""
        entry = {"/", "/api/enter", *(f"/static/{name}" for name in ENTRY_FILES)}
        open_paths = frozenset(entry if self._access.has_password else ())
        return Guard(Starlette(routes=self.routes()), self._access, hosts, self._cookie_name, open_paths)

    def routes(self) -> list[Route]:
        """Return every path that is answered, with its methods."""
        return [
            Route("/", self._first_page),
            Route("/static/{name:path}", self._static),
            Route("/api/enter", self._enter, methods=["POST"]),
            *(Route(f"/api/{path}", _answers(call), methods=[method]) for method, path, call in self.calls.routes()),
        ]

    # ---- the page itself

    async def _first_page(self, request: Request) -> Response:
        state = request.scope["state"]
        response = static_file("index.html" if state["role"] else "enter.html", request)
        if state.get("cookie"):
            self._set_cookie(response, state["cookie"])
        return response

    async def _static(self, request: Request) -> Response:
        return static_file(request.path_params["name"], request)

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


def _answers(call: Call) -> Callable[[Request], Any]:
    """Return an endpoint that answers with what a call returns, which runs in a thread."""

    async def endpoint(request: Request) -> Response:
        try:
            body = await _body(request) if request.method == "POST" else {}
            role = request.scope["state"]["role"]
            reply = await run_in_threadpool(call, Asked(role, request.path_params, request.query_params, body))
        except TOLD as error:
            return as_json({"error": str(error)}, status_of(error))
        return _file_response(reply) if isinstance(reply, Content) else as_json(reply)

    return endpoint


def _file_response(reply: Content) -> Response:
    if reply.file:
        headers = {"content-disposition": f'attachment; filename="{reply.file}"'}
    else:
        headers = {"cache-control": "private, max-age=3600"}
    return Response(reply.content, media_type=reply.media_type, headers=headers)


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


def static_file(name: str, request: Request) -> Response:
    """Return a file of the page, compressed for browsers that say they take it."""
    suffix = "." + name.rpartition(".")[2]
    content = _content(name) if suffix in TYPES and len(name) <= LONGEST_NAME else None
    if content is None:
        return Response("there is no such file", 404, media_type="text/plain")
    headers = {"vary": "accept-encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        content, headers = _compressed(content), {**headers, "content-encoding": "gzip"}
    return Response(content, media_type=TYPES[suffix], headers=headers)


def _content(name: str) -> bytes | None:
    parts = name.split("/")
    file = (files("weaklab.page") / "static").joinpath(*parts)
    return None if ".." in parts or "" in parts or not file.is_file() else file.read_bytes()


@cache
def _compressed(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)
