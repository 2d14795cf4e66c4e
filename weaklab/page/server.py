"""Running the page: its address, its links, and a clean end."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weaklab.core.errors import WeaklabError
from weaklab.page.access import EVERY_ADDRESS, Access, host_names, page_key

if TYPE_CHECKING:
    from weaklab.project.project import Project

PORT = 8765
SHORTEST_PASSWORD = 12
STOP_SECONDS = 3
"""Requests that still run when the server is stopped have so long to end."""


def serve(
    project: Project,
    *,
    port: int = PORT,
    address: str = "127.0.0.1",
    names: Sequence[str] = (),
    password: str | None = None,
    say: Callable[[str], None] = print,
    **options: Any,
) -> None:
    """Serve the labeling page of a project until Ctrl-C or SIGTERM.

    Parameters
    ----------
    project : the project
    port : 0 takes one that is free
    address : where to listen; other than this machine needs a password
    names : more names by which browsers may call the server, such as that of a proxy in front of it
    password : of 12 characters or more; opens the page in the place of a link
    say : prints a line
    options : for :meth:`weaklab.Project.session`

    Raises
    ------
    WeaklabError
        The port is in use, the address is open to others and there is no password, or a package is missing.
    ProjectError
        The project cannot be written.
    """
    uvicorn = _uvicorn()
    _check_address(address, names, password)
    project.workspace.journal.must_be_writable()
    from weaklab.page.app import PageServer

    with contextlib.closing(_listening(address, port)) as listening:
        port = listening.getsockname()[1]
        access = Access(page_key(project.path), password)
        page = PageServer(project, access, f"weaklab_{port}", **options)
        app = page.app(host_names(address, port, names))
        page.calls.prepare()
        config = uvicorn.Config(
            app, log_level="warning", access_log=False, server_header=False, proxy_headers=False, lifespan="off",
            ws="none", http="h11", timeout_graceful_shutdown=STOP_SECONDS,
        )  # fmt: skip
        at = _url(address, port, names)
        access.when_used = lambda: say(f"link used; for the next person: {at}/?token={access.invitation}")
        say(f"label here:  {at}/?token={access.invitation}")
        say(f"only look:   {at}/?token={access.spectators}")
        say("The first link opens one browser once, the second any number of times. Ctrl-C stops.")
        try:
            with _quiet_signals():
                uvicorn.Server(config).run(sockets=[listening])
        finally:
            page.calls.close()
        say("stopped; every answer is stored")


def _uvicorn() -> Any:
    try:
        import starlette  # noqa: F401
        import uvicorn
    except ImportError as error:
        raise WeaklabError(f"the page needs {error.name}: pip install 'weaklab[page]'") from None
    return uvicorn


def is_this_machine(address: str) -> bool:
    """Whether only programs on this machine can reach an address.

    >>> is_this_machine("127.0.0.1"), is_this_machine("::1"), is_this_machine("localhost"), is_this_machine("0.0.0.0")
    (True, True, True, False)
    """
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


def _check_address(address: str, names: Sequence[str], password: str | None) -> None:
    if password is not None and len(password) < SHORTEST_PASSWORD:
        raise WeaklabError(f"the password has {len(password)} characters; wanted {SHORTEST_PASSWORD} or more")
    if is_this_machine(address):
        return
    if password is None:
        raise WeaklabError(
            f"{address} can be reached from other machines: name a file with a password of {SHORTEST_PASSWORD} or more "
            "characters, --password-file FILE"
        )
    if address in EVERY_ADDRESS and not names:
        raise WeaklabError(
            f"{address} stands for every address of this machine; say which name people type into the browser: "
            "--name HOST"
        )


def read_password(file: Path) -> str:
    """Return the first line of a file."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise WeaklabError(f"{file}: cannot be read: {error}") from None
    return lines[0].strip() if lines else ""


def _listening(address: str, port: int) -> socket.socket:
    """Return a socket that listens, with a plain error where it cannot."""
    try:
        [(family, *_, place), *_] = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)
        found = socket.socket(family)
    except OSError as error:
        raise WeaklabError(f"{address}: no such address: {error}") from None
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind(place)
        found.listen(128)
    except (OSError, OverflowError) as error:
        found.close()
        if getattr(error, "errno", None) == errno.EADDRINUSE:
            raise WeaklabError(
                f"port {port} is in use, perhaps by another `weaklab serve`; choose another one: --port {port + 1}, or "
                "--port 0 for any"
            ) from None
        raise WeaklabError(f"cannot listen at {address}, port {port}: {error}") from None
    return found


def _url(address: str, port: int, names: Sequence[str]) -> str:
    host = names[0] if names else address
    host = f"[{host}]" if ":" in host and not names else host
    return f"http://{host}" if port == 80 else f"http://{host if ':' in host and names else f'{host}:{port}'}"


@contextlib.contextmanager
def _quiet_signals() -> Iterator[None]:
    """Let the server end by itself on Ctrl-C and SIGTERM: it raises them again when it has ended, for nobody here."""
    kinds = [signal.SIGINT, signal.SIGTERM]
    try:
        before = [signal.signal(kind, lambda *_: None) for kind in kinds]
    except ValueError:  # not the main thread, which alone gets signals
        yield
        return
    try:
        yield
    finally:
        for kind, handler in zip(kinds, before, strict=True):
            signal.signal(kind, handler)
