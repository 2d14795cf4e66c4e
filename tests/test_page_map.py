"""The map of the page without a browser: its places and colours as bytes, and selections for the table."""

import base64
import time

import numpy as np
import pytest

import weaklab
from weaklab.core.errors import WeaklabError
from weaklab.page import map as maps
from weaklab.page.calls import PageCalls


@pytest.fixture
def project(tmp_path):
    with make(tmp_path / "p") as made:
        yield made


def make(folder, n=60, **settings):
    project = weaklab.Project(folder, labels=["ham", "spam"], timeout=None, share_answers=0, **settings)
    words = ["prize money win", "lunch noon table", "train late station"]
    rows = [{"id": f"r{i}", "text": f"{words[i % 3]} {i}"} for i in range(n)]
    project.add_records(rows, quiet=True)
    project.add(weaklab.keywords("spam", ["prize"], name="prizes"))
    project.add(weaklab.keywords("ham", ["money", "lunch"], name="money"))
    return project


@pytest.fixture
def calls(project):
    made = PageCalls(project)
    yield made
    made.close()


def ask(calls, path, body=None):
    status, found = calls.answer(path, body, "label")
    assert status == 200, found
    return found


def facts(calls):
    for _ in range(200):
        found = ask(calls, "map")
        if "making" not in found:
            return found
        time.sleep(0.05)
    raise AssertionError("the map was not made")


def values(calls, found, of):
    content = ask(calls, f"map/values?map={found['map']}&version={found['version']}&of={of}").content
    return np.frombuffer(content, np.uint8).reshape(2, found["drawn"])


def point(calls, found, record):
    at = (i for i in range(found["drawn"]) if ask(calls, f"map/record?map={found['map']}&at={i}")["id"] == record)
    return next(at)


def bits(found, points):
    chosen = np.zeros(found["drawn"], np.uint8)
    chosen[points] = 1
    return base64.b64encode(np.packbits(chosen, bitorder="little").tobytes()).decode()


def test_points_are_where_project_map_has_them_and_have_the_values_of_their_records(calls, project):
    assert ask(calls, "map") == {"making": 60, "said": ""}
    found = facts(calls)
    assert (found["drawn"], found["records"], found["heuristics"]) == (60, 60, ["prizes", "money"])
    places = np.frombuffer(ask(calls, f"map/places?map={found['map']}").content, "<u2").reshape(-1, 2)
    frame = project.map().set_index("id")
    at = point(calls, found, "r7")
    np.testing.assert_allclose(places[at] / 65_535 * 2 - 1, frame.loc["r7", ["x", "y"]].to_numpy(float), atol=1e-4)
    record = ask(calls, f"map/record?map={found['map']}&at={at}")
    code = found["labels"].index(record["suggestion"])
    assert values(calls, found, "label")[0, at] == code
    conflicts, _ = values(calls, found, "conflict")
    assert sorted(conflicts.tolist()) == [0] * 20 + [1] * 20 + [2] * 20
    assert conflicts[point(calls, found, "r0")] == 2
    assert (values(calls, found, "votes&name=prizes")[0] == 1).sum() == 20
    assert values(calls, found, "confidence")[0].max() > 0


def test_a_label_changes_the_colours_and_leaves_the_points_where_they_are(calls, project):
    before = facts(calls)
    at = point(calls, before, "r2")
    project.label("r2", "spam")
    after = facts(calls)
    assert after["map"] == before["map"]
    assert after["version"] != before["version"]
    code, manual = values(calls, after, "label")[:, at]
    assert (code, manual) == (1, 1)
    assert values(calls, after, "label")[1].sum() == 1
    assert ask(calls, f"map/record?map={after['map']}&at={at}")["why"] == "manual"


def test_a_selection_is_labeled_shown_in_the_table_and_taken_back(calls, project):
    found = facts(calls)
    points = [point(calls, found, name) for name in ("r1", "r4", "r5")]
    chosen = ask(calls, "map/selections", {"map": found["map"], "chosen": bits(found, points)})
    assert chosen["records"] == 3
    filters = {"selection": chosen["selection"]}
    assert ask(calls, f"records?selection={chosen['selection']}")["total"] == 3
    step = ask(calls, "records/label", {"annotator": "Ann", "label": "ham", "filters": filters})
    assert project.manual_labels() == {"r1": "ham", "r4": "ham", "r5": "ham"}
    assert ask(calls, "records/undo", {"step": step["step"]}) == {"undone": 3}
    assert project.manual_labels() == {}
    assert ask(calls, "rules/propose", {"filters": filters})["proposed"]
    status, said = calls.answer("records?selection=unknown", None, "label")
    assert (status, "choose the records on the map again" in said["error"]) == (400, True)


def test_of_many_records_a_random_sample_is_drawn(calls, monkeypatch):
    monkeypatch.setattr(maps, "MOST_DRAWN", 20)
    found = facts(calls)
    assert (found["drawn"], found["records"]) == (20, 60)
    assert values(calls, found, "label").shape == (2, 20)
    chosen = ask(calls, "map/selections", {"map": found["map"], "chosen": bits(found, [0, 19])})
    assert ask(calls, f"records?selection={chosen['selection']}")["total"] == 2


def test_records_that_are_added_or_removed_make_a_new_map(calls, project):
    before = facts(calls)
    project.remove_records(["r3"])
    assert calls.answer(f"map/places?map={before['map']}", None, "label")[0] in (200, 400)
    after = facts(calls)
    assert (after["drawn"], after["map"] != before["map"]) == (59, True)
    for path in ("places", "values", "record"):
        status, said = calls.answer(f"map/{path}?map={before['map']}&of=label&at=0", None, "label")
        assert (status, "have changed" in said["error"]) == (400, True)


def test_nonsense_is_refused(calls):
    key = facts(calls)["map"]
    for path, body in [
        (f"map/values?map={key}&of=nothing", None),
        (f"map/values?map={key}&of=votes&name=nobody", None),
        (f"map/record?map={key}&at=60", None),
        (f"map/record?map={key}&at=-2", None),
        (f"map/record?map={key}&at=x", None),
        ("map/record?at=0", None),
        ("map/selections", {"map": key, "chosen": "AA=="}),
        ("map/selections", {"map": key, "chosen": "%%"}),
        ("map/selections", {"map": key, "chosen": 7}),
        ("map/selections", {}),
    ]:
        assert calls.answer(path, body, "label")[0] in (400, 409), (path, body)


def test_who_may_only_look_makes_no_selection(calls):
    assert calls.answer("map/selections", {}, "read")[0] == 403


@pytest.mark.parametrize("n", [1, 2, 5])
def test_few_records_have_a_map_too(tmp_path, n):
    with make(tmp_path / "p", n) as project:
        calls = PageCalls(project)
        assert values(calls, facts(calls), "label").shape == (2, n)
        calls.close()


def test_what_cannot_be_mapped_is_said(tmp_path):
    with weaklab.Project(tmp_path / "a", labels=["ham", "spam"]) as project:
        calls = PageCalls(project)
        assert "holds no record yet" in refusal(calls)
        project.add_records([{"id": "a", "color": "red"}, {"id": "b", "color": "blue"}], text=[], quiet=True)
        with pytest.raises(WeaklabError, match="nothing to map"):
            project.map()
        assert "nothing to map" in refusal(calls)
        calls.close()


def refusal(calls):
    for _ in range(200):
        status, found = calls.answer("map", None, "label")
        if status != 200:
            return found["error"]
        time.sleep(0.05)
    raise AssertionError("the map was made")
