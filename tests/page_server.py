"""A page server for tests: in a thread of this process, and a client that speaks to it over HTTP."""

import http.client
import json
import re
import threading
import time
from contextlib import contextmanager

PATIENCE = 120
"""Seconds after which a test fails that waits for a server."""


def patient(what, seconds=PATIENCE):
    """Yield again and again while a test waits for something; fail where it does not come."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield
        time.sleep(0.05)
    raise AssertionError(f"{what} did not come")


class Client:
    """One browser: keeps its cookie, and names itself in the way that browsers do."""

    def __init__(self, port, link=None):
        self.port, self.cookie = port, None
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        if link:
            status, headers, _ = self.send("GET", link)
            assert status == 200
            self.cookie = headers["set-cookie"].partition(";")[0]

    def __del__(self):
        self.connection.close()

    def send(self, method, path, body=None, **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items() if value is not None}
        if self.cookie:
            headers.setdefault("Cookie", self.cookie)
        if method == "POST" and "Origin" not in headers:
            headers["Origin"] = f"http://127.0.0.1:{self.port}"
        self.connection.request(method, path, body if body is None else json.dumps(body), headers)
        response = self.connection.getresponse()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()

    def get(self, path):
        status, _, content = self.send("GET", path)
        assert status == 200, content
        return json.loads(content)

    def post(self, path, body):
        status, _, content = self.send("POST", path, body)
        assert status == 200, content
        return json.loads(content)


class Person(Client):
    """Labels as the page does: messages with numbers, in order."""

    def begin(self, name, before=None):
        found = self.post("/api/sessions", {"annotator": name, "before": before})
        self.session, self.n, self.name = found["session"], found["done"], name
        return found

    def wait(self):
        """Wait until a record is there: the committee votes and is trained first."""
        for _ in patient("a record"):
            if (found := self.sync(want=1))["queue"] or not found["state"]["training"]["running"]:
                return

    def sync(self, *messages, want=5):
        numbered = []
        for message in messages:
            self.n += 1
            numbered.append({"n": self.n, **message})
        return self.post(f"/api/sessions/{self.session}", {"messages": numbered, "have": [], "want": want})


@contextmanager
def running(project, port=0, password=None, **options):
    """Serve a project in a thread; yield its port, the links that it printed, and the links that come later."""
    import uvicorn

    from weaklab.page.access import Access, host_names, page_key
    from weaklab.page.app import PageServer
    from weaklab.page.server import _listening

    listening = _listening("127.0.0.1", port)
    port = listening.getsockname()[1]
    access = Access(page_key(project.path), password)
    page = PageServer(project, access, f"weaklab_{port}", **options)
    server = uvicorn.Server(
        uvicorn.Config(
            page.app(host_names("127.0.0.1", port, [])),
            log_level="warning",
            lifespan="off",
            ws="none",
            timeout_keep_alive=60,
            timeout_graceful_shutdown=3,
        )
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield Running(port, access, page)
    finally:
        server.should_exit = True
        thread.join(PATIENCE)
        assert not thread.is_alive(), "the server does not end"
        page.calls.close()
        listening.close()


class Running:
    def __init__(self, port, access, page):
        self.port, self.access, self.page = port, access, page

    def paths(self, session="x"):
        """Return (method, path) of every route, with something in each place that has a name."""
        places = {"name:path": "weaklab.css", "suffix": ".csv", "session": session}
        found = []
        for route in self.page.routes():
            path = re.sub(r"\{(.+?)\}", lambda place: places.get(place[1], "1"), route.path)
            found.append(("POST" if "POST" in route.methods else "GET", path))
        return found

    @property
    def link(self):
        return f"/?token={self.access.invitation}"

    @property
    def read_only_link(self):
        return f"/?token={self.access.spectators}"

    def person(self, name, wait=True):
        found = Person(self.port, self.link)
        found.begin(name)
        if wait:
            found.wait()
        return found


def links(lines):
    """Return port and path of the links in what `weaklab serve` printed."""
    return [(int(port), path) for port, path in re.findall(r"http://127\.0\.0\.1:(\d+)(/\?token=\S+)", lines)]
