"""The notebook widget without a notebook: its messages, its one module, and what is said where something is wrong."""

import gzip
import json
import sys

import pytest

import weaklab
from weaklab.core.errors import WeaklabError
from weaklab.page import bundle as bundles
from weaklab.page.bundle import bundle, view_names
from weaklab.page.calls import PageCalls
from weaklab.page.widget import reply


@pytest.fixture
def project(tmp_path):
    rows = [{"id": str(i), "text": f"{'prize' if i % 3 == 0 else 'lunch'} {i}", "face": b"GIF89a."} for i in range(30)]
    with weaklab.Project(tmp_path / "p", labels=["ham", "spam"], timeout=None, share_answers=0) as made:
        made.add_records(rows, quiet=True)
        made.add(weaklab.keywords("spam", ["prize"], name="prizes"))
        yield made


@pytest.fixture
def calls(project):
    made = PageCalls(project)
    yield made
    made.close()


def ask(calls, path, body=None, role="label"):
    message, files = reply(calls, role, {"id": "a1", "path": path, "body": body})
    assert message["id"] == "a1"
    return message["status"], json.loads(message["json"]), files


def test_a_session_by_messages_is_one_by_http(calls, project):
    assert ask(calls, "project")[1]["labels"] == ["ham", "spam"]
    _, begun, _ = ask(calls, "sessions", {"annotator": "Ada"})
    path = f"sessions/{begun['session']}"
    for _ in range(60):  # the committee votes and is trained first
        _, found, _ = ask(calls, path, {"messages": [], "have": [], "want": 3})
        if found["queue"]:
            break
    first = found["queue"][0]
    answer = {"n": 1, "kind": "answer", "record": first, "value": "ham"}
    for _ in range(2):  # a message that comes again is done once
        assert ask(calls, path, {"messages": [answer], "have": [], "want": 3})[1]["done"] == 1
    assert project.manual_labels() == {first: "ham"}
    assert ask(calls, f"{path}/end", {})[0] == 200
    assert ask(calls, path, {"messages": []})[0] == 410


def test_images_and_downloads_come_as_bytes(calls):
    status, _, files = ask(calls, "image?record=3&column=face")
    assert (status, files) == (200, [b"GIF89a."])
    assert ask(calls, "records/download.parquet?search=prize+3")[2][0].startswith(b"PAR1")
    assert ask(calls, "records?search=prize+3&limit=5")[1]["total"] == 1
    assert ask(calls, "image?record=3&column=text")[0] == 404


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("nothing", None, 404),
        ("sessions", None, 404),
        (None, None, 404),
        ("../project", None, 404),
        ("sessions", {"annotator": ""}, 400),
        ("sessions", {"annotator": 5}, 400),
        ("records/label", {"annotator": "Ada", "label": "none", "records": ["1"]}, 409),
        ("records/download.exe", None, 404),
    ],
)
def test_nonsense_is_refused(calls, path, body, status):
    found, said, _ = ask(calls, path, body)
    assert found == status
    assert said["error"]


def test_who_may_only_look_changes_nothing(calls):
    assert ask(calls, "project", role="read")[1]["role"] == "read"
    assert ask(calls, "sessions", {"annotator": "Eve"}, role="read")[0] == 403


def test_one_module_holds_all_and_is_small():
    text = bundle("widget.js")
    assert not any(line.startswith(("import ", "export {")) for line in text.splitlines())
    assert len(gzip.compress((text + bundles.style()).encode())) < 60_000
    assert {"label", "table"} <= set(view_names())


def test_modules_in_a_circle_are_told(monkeypatch):
    texts = {"a.js": 'import { b } from "./b.js";\n', "b.js": 'import { a } from "./a.js";\n'}
    monkeypatch.setattr(bundles, "_text", texts.__getitem__)
    with pytest.raises(ValueError, match=r"a\.js -> b\.js -> a\.js"):
        bundle.__wrapped__("a.js")


def test_without_anywidget_the_command_that_installs_it_is_named(project, monkeypatch):
    monkeypatch.setitem(sys.modules, "anywidget", None)
    with pytest.raises(WeaklabError, match=r"pip install 'weaklab\[widget\]'"):
        project.widget()


def test_a_wrong_view_name_or_height_is_told(project):
    pytest.importorskip("anywidget", reason="the widget needs the extra 'widget'")
    with pytest.raises(WeaklabError, match="no view 'tables'; there are label, table"):
        project.widget("tables")
    with pytest.raises(WeaklabError, match="height must be"):
        project.widget(height="tall")
    with pytest.raises(WeaklabError, match="a name has 1 to 60"):
        project.widget(annotator=" ")
    made = project.widget("table", "Ada")
    assert repr(made).endswith("view='table')")
    made.close()
