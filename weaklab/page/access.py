"""Who may use the page: links that open it once, cookies, and the checks of every request."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import secrets
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from weaklab.core.errors import ProjectError
from weaklab.core.files import write_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

KEY_FILE = ".page-key"
"""Signs the cookies, so that a page goes on after the server was started again. Only its owner may read it."""
COOKIE_SECONDS = 30 * 24 * 3600
LABEL, READ = "label", "read"
"""What a visitor may do: label, or only look."""
WRONG_PASSWORD_SECONDS = 1.0
EVERY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104  # recognized, and refused without a password
HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
REFUSALS = {
    401: "This page needs the link that `weaklab serve` printed. A link opens the page once; the next one is printed "
    "after it was used.",
    403: "This request came from another page, or would change something and its sender may only look.",
    421: "This server has another name. Open the link that `weaklab serve` printed.",
}


def page_key(folder: Path) -> bytes:
    """Return the key of a project that signs cookies, made when it is first wanted."""
    file = folder / KEY_FILE
    with write_errors(file):
        try:
            handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            pass
        else:
            with os.fdopen(handle, "wb") as stream:
                stream.write(secrets.token_bytes(32))
    key = file.read_bytes()
    if len(key) < 32:
        raise ProjectError(f"{file}: holds no key; delete it, a new one is made")
    return key


class Access:
    """The links that open a page, and the cookies that keep it open.

    Parameters
    ----------
    key : signs the cookies
    password : what a visitor may type in the place of a link; None for links only

    Examples
    --------
    >>> access = Access(b"k" * 32)
    >>> first = access.invitation
    >>> access.redeem(first), access.redeem(first), access.redeem(access.spectators), access.redeem("guess")
    ('label', None, 'read', None)
    >>> access.role_of(access.cookie("read")), access.role_of("label.9999999999.x.y")
    ('read', None)
    """

    def __init__(self, key: bytes, password: str | None = None) -> None:
        self._key, self._password = key, password
        self._lock = threading.Lock()
        self.invitation = secrets.token_urlsafe(24)
        self.spectators = secrets.token_urlsafe(24)
        self.when_used: Callable[[], None] = lambda: None

    @property
    def has_password(self) -> bool:
        """Whether a password opens the page, too."""
        return self._password is not None

    def redeem(self, token: str) -> str | None:
        """Return what the bearer of a token may do; None if it is none. That of :attr:`invitation` works once."""
        with self._lock:
            if _same(token, self.spectators):
                return READ
            if not _same(token, self.invitation):
                return None
            self.invitation = secrets.token_urlsafe(24)
        self.when_used()
        return LABEL

    def is_password(self, typed: str) -> bool:
        """Whether this is the password."""
        return self._password is not None and _same(typed, self._password)

    def cookie(self, role: str) -> str:
        """Return a new cookie value."""
        body = f"{role}.{int(time.time()) + COOKIE_SECONDS}.{secrets.token_hex(8)}"
        return f"{body}.{self._signature(body)}"

    def role_of(self, cookie: str) -> str | None:
        """Return what the bearer of a cookie may do; None if it is false or too old."""
        body, _, signature = cookie.rpartition(".")
        parts = body.split(".")
        if not _same(signature, self._signature(body)) or len(parts) != 3 or parts[0] not in (LABEL, READ):
            return None
        return parts[0] if int(parts[1]) > time.time() else None

    def _signature(self, body: str) -> str:
        return hmac.new(self._key, body.encode("utf-8", "replace"), hashlib.sha256).hexdigest()


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))


def host_names(address: str, port: int, names: Iterable[str]) -> frozenset[str]:
    """Return the values of the header Host that are meant for a server.

    >>> sorted(host_names("127.0.0.1", 80, []))
    ['127.0.0.1', '127.0.0.1:80', '[::1]', '[::1]:80', 'localhost', 'localhost:80']
    """
    every = {"127.0.0.1", "localhost", "[::1]", *names}
    if address not in EVERY_ADDRESS:
        every.add(f"[{address}]" if ":" in address else address)
    hosts = {f"{name.lower()}:{port}" for name in every}
    # browsers leave out the ports 80 and 443; a proxy in front of the server may have either
    without_port = every if port in (80, 443) else names
    return frozenset(hosts | {name.lower() for name in without_port})


class Guard:
    """Checks each request before the application sees it, and gives every response the headers of safe pages.

    A foreign Host is 421, a foreign Origin 403, no cookie 401, and a change by who may only look 403. The role is in
    ``scope["state"]["role"]``.

    Parameters
    ----------
    app : the application
    access : knows cookies
    hosts : values of Host that are meant for this server
    cookie_name : of the cookie
    open_paths : paths that need no cookie
    """

    def __init__(
        self, app: ASGIApp, access: Access, hosts: frozenset[str], cookie_name: str, open_paths: frozenset[str]
    ) -> None:
        self._app, self._access, self._hosts = app, access, hosts
        self._cookie_name, self._open_paths = cookie_name, open_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, _with_headers(send))
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        given = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        role = self._role(given)
        token = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        found = self._refusal(scope, given, role, bool(token))
        if not found and role != LABEL and scope["path"] == "/" and token:  # who may look may be let in to label
            redeemed = self._access.redeem(token)
            role = redeemed or role
            found = 0 if role or self._access.has_password else 401
            scope.setdefault("state", {})["cookie"] = None if redeemed is None else self._access.cookie(redeemed)
        if found:
            await _refuse(send, found)
            return
        scope.setdefault("state", {})["role"] = role
        await self._app(scope, receive, send)

    def _refusal(self, scope: Scope, given: dict[str, str], role: str | None, has_token: bool) -> int:
        """Return the status with which a request is refused, 0 for one that is not."""
        method, path = scope["method"], scope["path"]
        if given.get("host", "").lower() not in self._hosts:
            return 421
        changes = method not in ("GET", "HEAD")
        if not self._is_own_page(given, changes, path):
            return 403
        if role is None and path not in self._open_paths and not (path == "/" and has_token):
            return 401
        return 403 if changes and role == READ and path not in self._open_paths else 0

    def _is_own_page(self, given: dict[str, str], changes: bool, path: str) -> bool:
        """Whether a request comes from this very page; one that changes something must say so."""
        origin = given.get("origin")
        if origin is None:
            # a link in another page may lead to the first page, and to nothing else
            return not changes and (path == "/" or given.get("sec-fetch-site", "none") in ("same-origin", "none"))
        scheme, _, host = origin.partition("://")
        return scheme in ("http", "https") and host.lower() in self._hosts

    def _role(self, given: dict[str, str]) -> str | None:
        # programs on other ports of this machine set cookies, too, of any form: each pair is read by itself
        pairs = (pair.strip().partition("=") for pair in given.get("cookie", "").split(";"))
        roles = (self._access.role_of(value) for name, _, value in pairs if name == self._cookie_name)
        return next((role for role in roles if role), None)


def _with_headers(send: Send) -> Send:
    async def with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            held = {name for name, _ in message.get("headers", [])}
            more = [(name.encode(), value.encode()) for name, value in HEADERS.items() if name.encode() not in held]
            if b"cache-control" not in held:
                more.append((b"cache-control", b"no-store"))
            message = {**message, "headers": [*message.get("headers", []), *more]}
        await send(message)

    return with_headers


async def _refuse(send: Send, status: int) -> None:
    body = REFUSALS[status].encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class SlowDoor:
    """Checks passwords one at a time; a wrong one costs a second, so that guessing takes for ever."""

    def __init__(self, access: Access) -> None:
        self._access, self._lock = access, asyncio.Lock()

    async def is_open(self, typed: str) -> bool:
        """Whether this is the password."""
        async with self._lock:
            right = self._access.is_password(typed)
            if not right:
                await asyncio.sleep(WRONG_PASSWORD_SECONDS)
            return right
