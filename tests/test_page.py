"""The labeling page over real HTTP: who may use it, what it stores, and what happens when the server dies."""

import gzip
import http.client
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from contextlib import closing
from pathlib import Path
from urllib.parse import urlencode

import pytest

import weaklab
from weaklab.core.errors import WeaklabError
from weaklab.page.shown import field
from weaklab.project.answering import flagged
from weaklab.project.database import DATABASE

pytest.importorskip("uvicorn", reason="the page needs the packages of the extra 'page'")
from page_server import Client, Person, links, patient, running

TEXTS = [f"{'prize' if i % 3 == 0 else 'lunch'} number {i} at {i % 7}" for i in range(90)]
QUERIES = {
    "/api/text": "?record=1&column=text",
    "/api/image": "?record=1&column=text",
}
"""What a path is asked with, where it answers nothing without."""


def make(folder, texts=TEXTS, **settings):
    project = weaklab.Project(folder, labels=["ham", "spam"], timeout=None, share_answers=0, blind_share=0, **settings)
    project.add_records([{"id": str(i), "text": text} for i, text in enumerate(texts)], quiet=True)
    project.add(weaklab.keywords("spam", ["prize"], name="prizes"))
    return project


@pytest.fixture
def project(tmp_path):
    with make(tmp_path / "p") as made:
        yield made


@pytest.fixture
def server(project):
    with running(project) as found:
        yield found


def standing(project):
    found = project.answers(kind="label", standing=True)
    return sorted(zip(found["record"], found["annotator"], found["label"], strict=True))


# ---- who may use it


def every_path(server, session="x"):
    """Return every path with its method: what is added to the routes is among them."""
    return [(method, path + QUERIES.get(path, "")) for method, path in [*server.paths(session), ("GET", "/nothing")]]


def test_every_path_is_refused_without_a_cookie_to_a_foreign_host_and_to_a_foreign_page(server):
    stranger, known = Client(server.port), Client(server.port, server.link)
    forged = {"Cookie": f"{known.cookie.partition('=')[0]}=label.9999999999.a.b"}
    foreign = [{"Host": "evil.example"}, {"Host": f"127.0.0.1.evil.example:{server.port}"}]
    other_pages = [{"Origin": "http://evil.example"}, {"Origin": "null"}]
    paths = every_path(server)
    assert len(paths) > 12
    for method, path in paths:
        body = {} if method == "POST" else None
        for client, headers, wanted in (
            *((stranger, headers, 401) for headers in ({}, forged)),
            *((known, headers, 421) for headers in foreign),
            *((known, headers, 403) for headers in other_pages),
        ):
            assert client.send(method, path, body, **headers)[0] == wanted, (method, path, headers)


def test_a_request_that_changes_something_must_name_its_page(server):
    known = Client(server.port, server.link)
    known.connection.request("POST", "/api/sessions", b"{}", {"Cookie": known.cookie})
    response = known.connection.getresponse()
    response.read()
    assert response.status == 403
    assert known.send("GET", "/api/project", Sec_Fetch_Site="cross-site")[0] == 403


def test_a_link_opens_one_browser_and_the_cookie_keeps_it_open(server):
    link = server.link
    first = Client(server.port, link)
    assert first.get("/api/project")["role"] == "label"
    assert Client(server.port).send("GET", link)[0] == 401
    assert first.send("GET", link)[0] == 200
    assert Client(server.port, server.link).get("/api/project")["name"] == "p"


def test_cookies_of_other_programs_on_this_machine_are_no_hindrance(server):
    known = Client(server.port, server.link)
    name, _, _ = known.cookie.partition("=")
    others = (f'settings={{"a": [1]}}; {known.cookie}', f"a[b]=c; {known.cookie}", f"{name}=stale; {known.cookie}")
    for cookie in others:
        assert known.send("GET", "/api/project", Cookie=cookie)[0] == 200
    assert known.send("GET", "/api/project", Cookie=f"{name}=stale")[0] == 401


def test_who_could_only_look_labels_with_the_other_link(server):
    looker = Client(server.port, server.read_only_link)
    status, headers, _ = looker.send("GET", server.link)
    looker.cookie = headers["set-cookie"].partition(";")[0]
    assert (status, looker.get("/api/project")["role"]) == (200, "label")
    assert "set-cookie" not in looker.send("GET", server.read_only_link)[1]
    assert looker.get("/api/project")["role"] == "label"


def test_the_cookie_is_kept_from_scripts_and_other_sites_and_every_response_has_the_headers(server):
    _, headers, _ = Client(server.port).send("GET", server.link)
    assert "HttpOnly" in headers["set-cookie"]
    assert "samesite=strict" in headers["set-cookie"].lower()
    for client, path in ((Client(server.port), "/"), (Client(server.port, server.link), "/api/project")):
        _, headers, _ = client.send("GET", path)
        assert "unsafe" not in headers["content-security-policy"]
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert "server" not in headers or "uvicorn" in headers["server"]


def files_of(project):
    """Return every file of a project but those that can be computed again, and all that is in its journal."""
    kept = [file for file in project.path.rglob("*") if file.is_file() and "cache" not in file.parts]
    rows = {}
    with closing(sqlite3.connect(f"file:{project.path / DATABASE}?mode=ro", uri=True)) as database:
        for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            rows[table] = database.execute(f"SELECT * FROM {table}").fetchall()
    return {str(file): file.read_bytes() for file in kept if not file.name.startswith(DATABASE)}, rows


def test_who_may_only_look_sees_the_work_and_changes_nothing_by_any_path(server, project):
    person = server.person("Ann")
    answered = person.sync({"kind": "skip", "record": person.sync()["queue"][0]})
    assert answered["refused"] == []
    before = files_of(project)
    looker = Client(server.port, server.read_only_link)
    assert looker.get("/api/project")["role"] == "read"
    assert looker.get("/api/overview")["records"] == 90
    body = {"annotator": "Ann", "label": "ham", "records": ["1"], "messages": [{"n": 2, "kind": "undo"}]}
    for method, path in every_path(server, person.session):
        if method == "GET":
            assert looker.send("GET", path)[0] in (200, 400, 404), path
        for other in ("POST", "PUT", "PATCH", "DELETE"):
            assert looker.send(other, path, body, Origin=f"http://127.0.0.1:{server.port}")[0] == 403, path
    for method, path, _ in server.page.calls.routes():
        if method == "POST":
            called = path.replace("{session}", person.session)
            assert server.page.calls.answer(called, body, "read")[0] == 403, path
    assert files_of(project) == before


def test_a_password_opens_the_page_and_a_wrong_one_does_not(project, monkeypatch):
    from weaklab.page import access

    monkeypatch.setattr(access, "WRONG_PASSWORD_SECONDS", 0.01)
    with running(project, password="correct horse battery") as server:
        guest = Client(server.port)
        assert b"password" in guest.send("GET", "/")[2].lower()
        assert guest.send("GET", "/api/project")[0] == 401
        assert guest.send("POST", "/api/enter", {"password": "correct horse"})[0] == 401
        assert guest.send("POST", "/api/enter", {"password": None})[0] == 401
        status, headers, _ = guest.send("POST", "/api/enter", {"password": "correct horse battery"})
        assert status == 200
        guest.cookie = headers["set-cookie"].partition(";")[0]
        assert guest.get("/api/project")["role"] == "label"


def test_no_file_outside_the_page_is_served(server):
    known = Client(server.port, server.link)
    for path in (
        "../app.py",
        "%2e%2e/app.py",
        "..%2fapp.py",
        "/etc/passwd",
        "vendor",
        "vendor/../../app.py",
        "",
        "a\\b",
    ):
        assert known.send("GET", f"/static/{path}")[0] == 404


def test_the_modules_of_the_first_view_are_asked_for_at_once_and_the_others_later():
    folder = Path(weaklab.__file__).parent / "page" / "static"
    found, left = set(), ["page.js"]
    while left:
        found.add(name := left.pop())
        left += set(re.findall(r'^import .* from "./(.+?)";', (folder / name).read_text(), re.M)) - found
    preloaded = re.findall(r'modulepreload" href="static/(.+?)"', (folder / "index.html").read_text())
    assert set(preloaded) == found - {"page.js"}
    assert "table.js" not in found
    every = [file.read_bytes() for file in folder.rglob("*.*s*") if file.name not in ("widget.js", "widget.css")]
    assert len(gzip.compress(b"".join(every))) < 60_000


def test_files_are_sent_compressed_to_those_who_take_it(server):
    known = Client(server.port, server.link)
    _, headers, packed = known.send("GET", "/static/weaklab.js", Accept_Encoding="gzip, br")
    assert headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed) == known.send("GET", "/static/weaklab.js")[2]


def test_nonsense_is_refused_in_plain_words(server):
    person = server.person("Ann")
    for body in ([], "x", 3, None):
        assert person.send("POST", "/api/sessions", body)[0] == 400
    for name in (None, "", " ", "x" * 61, "a\x00b", "a\u202eb", "import", 7):
        assert person.send("POST", "/api/sessions", {"annotator": name})[0] == 400
    assert person.send("POST", "/api/sessions", "x" * 5_000_000)[0] == 400
    assert person.send("POST", "/api/sessions/unknown", {})[0] == 410
    assert person.send("GET", "/api/sessions")[0] == 405
    assert person.send("GET", f"/static/{'a' * 5000}.css")[0] == 404
    assert person.send("POST", f"/api/sessions/{person.session}", {"want": float("inf")})[0] == 400
    for before in ({"messages": [3]}, {"messages": [{"n": "1"}]}, {"after": float("inf")}, {"messages": 7}):
        assert person.send("POST", "/api/sessions", {"annotator": "Bo", "before": {"session": "x", **before}})[0] == 400
    for filters in (None, 7, [], "x", {"search": 1}):
        body = {"annotator": "Ann", "label": "ham", "filters": filters}
        assert person.send("POST", "/api/records/label", body)[0] == 400


# ---- labels


def test_messages_are_stored_in_order_with_their_annotator(server, project):
    person = server.person("Ann")
    first = person.sync(want=5)
    assert len(first["queue"]) == 5
    a, b, c, d, e = first["queue"]
    person.sync({"kind": "answer", "record": a, "value": "spam", "seconds": 1.5}, {"kind": "skip", "record": b})
    person.sync({"kind": "note", "record": c, "value": "odd"}, {"kind": "flag", "record": c})
    found = person.sync(
        {"kind": "answer", "record": c, "value": "ham"}, {"kind": "requeue", "record": d}, {"kind": "undo"}
    )
    assert standing(project) == sorted([(a, "Ann", "spam"), (c, "Ann", "ham")])
    assert found["undone"] == [{"n": 7, "record": d, "kind": "requeue", "label": None}]
    assert found["queue"][:2] == [d, e]
    found = person.sync({"kind": "undo"})
    assert (found["undone"][0]["record"], found["queue"][0]) == (c, c)
    assert standing(project) == [(a, "Ann", "spam")]
    person.sync({"kind": "redo"})
    assert standing(project) == sorted([(a, "Ann", "spam"), (c, "Ann", "ham")])
    with project.session("Bob") as session:
        assert [note["text"] for note in session.notes()] == ["odd"]
        assert flagged(project.workspace.journal) == [c]


def test_a_message_that_is_sent_again_is_done_once(server, project):
    person = server.person("Ann")
    record = person.sync()["queue"][0]
    message = {"n": 1, "kind": "answer", "record": record, "value": "ham"}
    for _ in range(3):
        found = person.post(f"/api/sessions/{person.session}", {"messages": [message], "want": 1})
        assert (found["done"], found["refused"]) == (1, [])
    assert len(project.history()) == 1
    skipped = {"n": 3, "kind": "undo"}
    assert person.post(f"/api/sessions/{person.session}", {"messages": [skipped], "want": 1})["blocked"]
    assert len(project.history()) == 1


def test_a_wrong_message_is_refused_and_the_others_go_on(server, project):
    person = server.person("Ann")
    a, b = person.sync()["queue"][:2]
    found = person.sync(
        {"kind": "answer", "record": a, "value": "eggs"},
        {"kind": "answer", "record": "nobody", "value": "ham"},
        {"kind": "answer", "record": a, "value": 1},
        {"kind": "answer", "record": None, "value": "ham"},
        {"kind": "dance"},
        {"kind": "note", "record": a, "value": " "},
        {"kind": "note", "record": a, "value": "half of a pair: \ud800"},
        {"kind": "skip", "record": float("inf")},
        {"kind": "undo", "of": person.n + 1},
        {"kind": "answer", "record": b, "value": "spam"},
    )
    assert [one["n"] for one in found["refused"]] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert found["done"] == 10
    assert standing(project) == [(b, "Ann", "spam")]


def test_nothing_is_lost_while_another_process_holds_the_project(tmp_path, monkeypatch):
    monkeypatch.setattr("weaklab.project.database.BUSY_SECONDS", 0.2)
    with make(tmp_path / "p") as project, running(project) as found:
        person = found.person("Ann")
        a, b, c = person.sync(want=5)["queue"][:3]
        sent = [
            {"n": 1, "kind": "answer", "record": a, "value": "ham"},
            {"n": 2, "kind": "answer", "record": b, "value": "spam"},
            {"n": 3, "kind": "skip", "record": c},
            {"n": 4, "kind": "undo"},
        ]
        with closing(sqlite3.connect(project.path / DATABASE, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            status, _, content = person.send("POST", f"/api/sessions/{person.session}", {"messages": sent, "want": 1})
            assert (status, json.loads(content)["done"]) == (200, 0)
            assert "another process is writing" in json.loads(content)["blocked"]
            assert json.loads(content)["refused"] == []
        found = person.post(f"/api/sessions/{person.session}", {"messages": sent, "want": 1})
        assert (found["done"], found["refused"], found["blocked"]) == (4, [], "")
        assert standing(project) == sorted([(a, "Ann", "ham"), (b, "Ann", "spam")])


def test_labels_that_are_changed_while_the_page_is_open_are_told(server, project):
    person = server.person("Ann")
    assert person.sync()["project"]["label_names"] == ["ham", "spam"]
    with weaklab.Project(project.path) as other:
        other.label_set.rename("ham", "wanted")
    found = person.sync()
    assert found["project"]["label_names"] == ["wanted", "spam"]
    assert found["project"]["load_errors"] == list(project.load_errors)


def test_records_come_with_fields_marked_words_and_votes(tmp_path):
    png = b"\x89PNG\r\n\x1a\n" + bytes(20)
    (tmp_path / "face.png").write_bytes(png)
    with weaklab.Project(tmp_path / "p", labels=["ham", "spam"], timeout=None, blind_share=0) as project:
        rows = [{"id": "a b", "text": "<b>Win</b> a prize\x00", "n": 3.0, "list": [[1, 2], [3, 4]], "face": png}]
        rows[0] |= {"file": str(tmp_path / "face.png"), "truth": "spam"}
        project.add_records(rows, gold="truth", quiet=True)
        project.add(weaklab.keywords("spam", ["prize", "win"], name="prizes"))
        with running(project) as server:
            person = server.person("Ann")
            [record] = person.sync()["records"]
            shown = {field["name"]: field for field in record["fields"]}
            assert "truth" not in shown
            assert shown["text"]["parts"] == [
                ["<b>", []], ["Win", ["prizes"]], ["</b> a ", []], ["prize", ["prizes"]], ["\x00", []]
            ]  # fmt: skip
            assert shown["n"]["text"] == "3"
            assert shown["list"]["rows"] == [["1", "2"], ["3", "4"]]
            assert record["votes"] == [{"heuristic": "prizes", "label": "spam", "where": "keywords"}]
            for name in ("face", "file"):
                status, headers, content = person.send("GET", "/" + shown[name]["url"])
                assert (status, headers["content-type"], content) == (200, "image/png", png)
            assert person.get("/api/text?record=a+b&column=text")["text"] == rows[0]["text"]
            assert person.get("/api/text?record=a+b&column=truth")["text"] == ""


def test_a_long_list_of_numbers_says_how_many_are_left():
    shown = field("7", "v", [0.5] * 400)
    assert (shown["kind"], len(shown["rows"][0]), shown["numbers"]) == ("table", 50, 400)


def test_labels_are_counted_while_somebody_answers_without_a_pause(server, project, monkeypatch):
    monkeypatch.setattr("weaklab.page.tabs.LOOK_SECONDS", -1)
    person = server.person("Ann")
    first, second = person.sync()["queue"][:2]
    person.sync({"kind": "answer", "record": first, "value": "ham"})
    with project.workspace.working:  # no training holds it now
        pass
    found = person.sync({"kind": "answer", "record": second, "value": "ham"})
    assert found["project"]["labels"] in (1, 2)


def test_table_and_map_answer_as_of_the_last_training_while_one_runs(server, project):
    person = server.person("Ann")
    project.label("1", "spam", annotator="Bo")
    drawn = next(made for _ in patient("the map") if "making" not in (made := person.get("/api/map")))
    begun, end = threading.Event(), threading.Event()

    def train():
        with project.workspace.working:  # as a training does
            begun.set()
            end.wait()

    busy = threading.Thread(target=train)
    busy.start()
    begun.wait()
    try:
        person.connection.sock.settimeout(30)
        body = {"annotator": "Ann", "label": "ham", "records": ["0", "4"]}
        step = person.post("/api/records/label", body)["step"]
        assert found(person, wrong="prizes") == (["0"], 1)
        assert found(person, annotator="Ann", sort="id", descending="1") == (["4", "0"], 2)
        assert found(person, label="spam", manual="yes") == (["1"], 1)
        assert found(person, heuristic="prizes", below="1", search="number 12")[0] == ["12"]
        content = person.send("GET", "/api/records/download.csv?annotator=Ann")[2]
        assert content.count(b'"ham",1,true,"manual"') == 2
        after = person.get("/api/map")
        assert (after["map"], after["version"] != drawn["version"]) == (drawn["map"], True)
        values = person.send("GET", f"/api/map/values?map={after['map']}&version={after['version']}&of=label")[2]
        assert sum(values[90:]) == 3
        person.post("/api/records/undo", {"step": step})
        assert found(person, manual="yes") == (["1"], 1)
    finally:
        end.set()
        busy.join()


def test_a_file_that_is_no_image_is_not_served(tmp_path):
    secret = tmp_path / "secret.png"
    secret.write_text("root:x:0:0")
    with weaklab.Project(tmp_path / "p", labels=["ham", "spam"], timeout=None) as project:
        project.add_records(
            [{"id": "1", "text": "a", "file": str(secret)}, {"id": "2", "text": "b", "file": "/etc/passwd"}]
        )
        with running(project) as server:
            known = Client(server.port, server.link)
            assert known.send("GET", "/api/image?record=1&column=file")[0] == 404
            assert known.send("GET", "/api/image?record=2&column=file")[0] == 404


def test_eight_people_label_at_once_and_nothing_is_lost_doubled_or_misfiled(tmp_path):
    people, each = [f"person {i}" for i in range(8)], 500
    texts = [f"{'prize' if i % 3 == 0 else 'lunch'} number {i}" for i in range(8 * each + 400)]
    said, failed = {name: {} for name in people}, []
    with make(tmp_path / "p", texts, retrain_every=0) as project, running(project, batch=40) as server:

        def work(person, name):
            try:
                mine, found = said[name], person.sync(want=20)
                while len(mine) < each:
                    batch = [record for record in found["queue"] if record not in mine][: each - len(mine)]
                    answers = {record: "spam" if hash((record, name)) % 2 else "ham" for record in batch}
                    mine |= answers
                    sent = [{"kind": "answer", "record": r, "value": v} for r, v in answers.items()]
                    found = person.sync(*sent, want=20)
                    assert (found["refused"], found["blocked"]) == ([], "")
            except BaseException as error:
                failed.append(error)

        threads = [threading.Thread(target=work, args=(server.person(name, wait=False), name)) for name in people]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failed == []
        expected = sorted((record, name, label) for name, answers in said.items() for record, label in answers.items())
        assert standing(project) == expected
        assert len({record for record, _, _ in expected}) == len(expected) == 8 * each
        assert Counter(project.history()["kind"]) == {"label": 8 * each}


# ---- the table


def found(person, **filters):
    reply = person.get("/api/records?" + urlencode(filters))
    return [row["id"] for row in reply["rows"]], reply["total"]


def test_the_table_filters_and_pages(server, project):
    for name, record in (("Ann", "3"), ("Bob", "4")):
        project.label(record, "spam", annotator=name)
    person = server.person("Ann")
    person.sync({"kind": "flag", "record": "7"})
    assert found(person, limit=3, offset=10) == (["10", "11", "12"], 90)
    assert found(person, search="PRIZE", limit=2) == (["0", "3"], 30)
    assert found(person, heuristic="prizes", vote="spam", limit=1) == (["0"], 30)
    assert found(person, manual="yes") == (["3", "4"], 2)
    assert found(person, annotator="Bob") == (["4"], 1)
    assert found(person, flagged="1") == (["7"], 1)
    assert found(person, below="0.5", manual="yes") == ([], 0)
    assert found(person, sort="id", descending="1", limit=3)[0] == ["9", "89", "88"]
    for wrong in ("label=eggs", "sort=eggs", "below=x", "heuristic=eggs", "offset=x"):
        assert person.send("GET", f"/api/records?{wrong}")[0] in (400, 409)


def test_many_records_are_labeled_at_once_and_it_is_taken_back_in_one_step(server, project):
    person = server.person("Ann")
    label = "/api/records/label"
    some = person.post(label, {"annotator": "Ann", "label": "ham", "records": ["1", "2"]})
    every = person.post(label, {"annotator": "Ann", "label": "spam", "filters": {"search": "prize"}})
    assert (some["labeled"], every["labeled"]) == (2, 30)
    assert len(standing(project)) == 32
    project.undo(3)
    assert person.post("/api/records/undo", {"step": every["step"]}) == {"undone": 29}
    assert standing(project) == [("1", "Ann", "ham"), ("2", "Ann", "ham")]
    assert person.send("POST", "/api/records/undo", {"step": every["step"]})[0] == 400
    for wrong in (
        {"label": "eggs"},
        {"label": "ham", "records": ["nobody"]},
        {"label": "ham", "records": []},
        {"label": 1},
    ):
        assert person.send("POST", label, {"annotator": "Ann", **wrong})[0] in (400, 409)
    assert len(standing(project)) == 2


def test_what_the_filters_leave_is_downloaded(server, project):
    person = server.person("Ann")
    status, headers, content = person.send("GET", "/api/records/download.csv?search=number+12")
    assert (status, headers["content-disposition"]) == (200, 'attachment; filename="records.csv"')
    assert content.decode().splitlines()[1].startswith('"12","prize number 12 at 5",')
    assert person.send("GET", "/api/records/download.parquet?search=prize")[2].startswith(b"PAR1")
    assert person.send("GET", "/api/records/download.exe")[0] == 404


# ---- the committee


def test_the_committee_and_the_records_behind_its_numbers(server, project):
    project.add(weaklab.pattern("ham", "number 1", name="ones"))
    project.label("0", "ham", annotator="Ann")
    person = server.person("Ann")
    facts = person.get("/api/committee")
    prizes, ones = facts["heuristics"]
    assert (prizes["name"], prizes["wrong"], prizes["polarity"]) == ("prizes", 1, ["spam"])
    assert (ones["wrong"], ones["n_labels"], ones["accuracy"]) == (0, 0, None)
    both = [i for i in range(90) if i % 3 == 0 and str(i).startswith("1")]
    assert facts["conflicts"] == [[0, len(both)], [len(both), 0]]
    assert found(person, wrong="prizes") == (["0"], 1)
    assert found(person, heuristic="prizes", against="ones") == ([str(i) for i in both], len(both))
    assert person.send("GET", "/api/records?wrong=eggs")[0] == 400


def test_a_file_of_labeling_functions_that_is_edited_is_read_again(server, project):
    person = server.person("Ann")
    file = project.path / "labeling_functions" / "mine.py"
    code = "from weaklab import labeling_function\n\n@labeling_function()\ndef lunch(x):\n    return {label!r}\n"
    file.write_text(code.format(label="ham"))
    assert [row["name"] for row in person.get("/api/committee")["heuristics"]] == ["lunch", "prizes"]
    file.write_text("this is no Python")
    with pytest.warns(UserWarning, match="mine.py"):
        found = person.get("/api/committee")
    assert "mine.py" in found["load_errors"][0]


# ---- the server as a process


def serve(folder, *options):
    command = [sys.executable, "-m", "weaklab", "serve", str(folder), *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def first_links(process):
    lines = [process.stdout.readline() for _ in range(2)]
    found = links("".join(lines))
    assert len(found) == 2, (lines, process.stderr.read() if process.poll() is not None else "")
    return found


def test_a_server_that_was_killed_goes_on_where_it_was(tmp_path):
    make(tmp_path / "p").close()
    process = serve(tmp_path / "p", "--port", "0")
    (port, path), _ = first_links(process)
    person = Person(port, path)
    person.begin("Ann")
    person.wait()
    queue = person.sync(want=4)["queue"]
    answers = [{"n": i, "kind": "answer", "record": record, "value": "spam"} for i, record in enumerate(queue, 1)]
    acknowledged = person.post(f"/api/sessions/{person.session}", {"messages": answers[:2], "want": 4})["event"]
    person.post(f"/api/sessions/{person.session}", {"messages": answers[2:3], "want": 4})  # this reply gets lost
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close(), process.stderr.close()
    process = serve(tmp_path / "p", "--port", str(port))
    try:
        first_links(process)
        before = {"session": person.session, "after": acknowledged, "messages": answers[2:]}
        again = Person(port)
        again.cookie = person.cookie
        assert again.send("POST", f"/api/sessions/{person.session}", {})[0] == 410
        assert again.begin("Ann", before)["done"] == 3
        again.post(f"/api/sessions/{again.session}", {"messages": answers[3:], "want": 4})
        again.n = 4
        undone = again.sync({"kind": "undo"}, {"kind": "undo"})
        assert [one["record"] for one in undone["undone"]] == [queue[3], queue[2]]
        assert undone["queue"][0] == queue[2]
    finally:
        process.send_signal(signal.SIGTERM)
        output, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, "")
    assert "stopped; every answer is stored" in output
    with weaklab.Project(tmp_path / "p") as project:
        assert standing(project) == sorted((record, "Ann", "spam") for record in queue[:2])
        assert len(project.history()) == 6


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_server_cleanly_while_somebody_labels(tmp_path, kind):
    make(tmp_path / "p").close()
    process = serve(tmp_path / "p", "--port", "0")
    (port, path), _ = first_links(process)
    person = Person(port, path)
    person.begin("Ann")
    stored = []

    def label():
        try:
            while True:
                for record in person.sync(want=1)["queue"]:
                    person.sync({"kind": "answer", "record": record, "value": "ham"})
                    stored.append(record)
        except (OSError, AssertionError, http.client.HTTPException):
            return

    busy = threading.Thread(target=label)
    busy.start()
    next(None for _ in patient("an answer") if len(stored) >= 5 or not busy.is_alive())
    process.send_signal(kind)
    _, errors = process.communicate(timeout=30)
    busy.join()
    assert (process.returncode, errors) == (0, "")
    with weaklab.Project(tmp_path / "p") as project:
        labeled = {record for record, _, _ in standing(project)}
    assert set(stored) <= labeled
    assert len(labeled) <= len(stored) + 1


def test_a_port_in_use_and_an_open_address_are_plain_errors(tmp_path):
    from weaklab.page import serve as serve_page
    from weaklab.page.server import read_password

    with make(tmp_path / "p") as project, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(WeaklabError, match=f"port {port} is in use.*--port {port + 1}"):
            serve_page(project, port=port)
        with pytest.raises(WeaklabError, match=r"reached from other machines.*--password-file"):
            serve_page(project, address="0.0.0.0")
        with pytest.raises(WeaklabError, match="5 characters; wanted 12"):
            serve_page(project, address="0.0.0.0", password="short")
        with pytest.raises(WeaklabError, match="--name HOST"):
            serve_page(project, address="0.0.0.0", password="long enough it is")
        with pytest.raises(WeaklabError, match="cannot be read"):
            read_password(tmp_path / "nothing")


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_the_key_of_the_cookies_is_for_its_owner_alone(server, project):
    assert (project.path / ".page-key").stat().st_mode & 0o777 == 0o600


def test_replies_hold_halves_of_surrogate_pairs_and_no_nan():
    from weaklab.page.app import as_json

    assert json.loads(as_json({"text": "\ud83d ok"}).body) == {"text": "\ud83d ok"}
    with pytest.raises(ValueError):
        as_json(float("nan"))
