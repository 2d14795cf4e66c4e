"""The people view: what its calls answer, and a disagreement settled in Chromium by keyboard, with its undo."""

import pytest
from browser import axe_source, chromium, opened, skip_without_browser

import weaklab

skip_without_browser()
from page_server import running  # noqa: E402

LOW = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def browser():
    with chromium() as found:
        yield found


def truth(i):
    return "spam" if i % 4 < 2 else "ham"


def other(label):
    return {"ham": "spam", "spam": "ham"}[label]


@pytest.fixture
def project(tmp_path):
    """Ann and Bob label 30 records, differ on 2, 6 and 11, and both are wrong about 20."""
    with weaklab.Project(tmp_path / "p", labels=["ham", "spam"], timeout=None, blind_share=0, retrain_every=0) as made:
        words = ["prize", "winner", "lunch", "train"]
        made.add_records([{"id": str(i), "text": f"{words[i % 4]} number {i}"} for i in range(60)], quiet=True)
        made.add(weaklab.keywords("spam", ["prize", "winner"], name="offers"))
        for i in range(30):
            label = other(truth(i)) if i == 20 else truth(i)
            made.label(str(i), label, annotator="Ann", seconds=2.0)
            made.label(str(i), other(label) if i in (2, 6, 11) else label, annotator=f"Bob {LOW}", seconds=4.0)
        with made.session("Ann", background=False) as session:
            session.note(f"I doubt it {LOW}", "6")
        yield made


def calls(server, name="Cid"):
    return server.person(name)


def test_a_record_is_settled_and_the_undo_is_ones_own(project):
    with running(project) as server:
        person = calls(server)
        facts = person.get("/api/people")
        assert (facts["disputes"], facts["settled"], facts["errors"]) == (3, 0, None)
        assert [(one["annotator"][:3], one["labels"], one["seconds"]) for one in facts["people"]] == [
            ("Ann", 30, 2.0),
            ("Bob", 30, 4.0),
        ]
        assert facts["pairs"][0]["records"] == 30
        [row] = person.get("/api/people/disputes?offset=1&limit=1")["rows"]
        assert (row["record"]["id"], [one["label"] for one in row["said"]]) == ("6", ["ham", "spam"])
        assert row["notes"] == [{"annotator": "Ann", "text": f"I doubt it {LOW}"}]
        errors = person.get("/api/people/errors")
        assert errors["rows"][0]["record"]["why"] == "offers votes for spam; nobody votes for ham"
        assert errors["rows"][0]["record"]["id"] == "20"
        assert person.get("/api/people")["errors"] == errors["total"]
        event = person.post("/api/people/settle", {"annotator": "Cid", "record": "6", "label": "ham", "seconds": 1.5})[
            "event"
        ]
        assert project.manual_labels()["6"] == "ham"
        assert [one["settles"] for one in person.get("/api/people/disputes?settled=1")["rows"][0]["said"]] == [
            False,
            False,
            True,
        ]
        wrong = [
            {"annotator": "Ann", "event": event}, {"annotator": "Cid", "event": 1}, {"annotator": "Cid", "event": "1"},
            {"annotator": "Cid", "event": 10**30},
        ]  # fmt: skip
        for body in wrong:
            assert person.send("POST", "/api/people/undo", body)[0] == 400
        for body in (
            {"record": "6"},
            {"record": 6, "label": "ham"},
            {"record": "6", "label": "nothing"},
            {"record": "none", "label": "ham"},
        ):
            assert person.send("POST", "/api/people/settle", {"annotator": "Cid", **body})[0] in (400, 409)
        assert person.send("GET", "/api/people/nonsense")[0] == 400
        back = person.post("/api/people/undo", {"annotator": "Cid", "event": event})
        assert (back["event"], back["row"]["record"]["id"], back["row"]["label"]) == (event, "6", row["label"])
        assert person.get("/api/people")["disputes"] == 3
        events = [
            person.post("/api/people/settle", {"annotator": "Cid", "record": record, "label": "ham"})["event"]
            for record in ("2", "20")
        ]
        person.post("/api/people/settle", {"annotator": "Dan", "record": "11", "label": "ham"})
        found = [person.post("/api/people/undo", {"annotator": "Cid"}) for _ in range(3)]
        assert [one["event"] for one in found] == [events[1], events[0], None]
        assert [one["row"]["record"]["id"] for one in found[:2]] == ["20", "2"]


def test_disagreements_and_label_errors_by_keyboard(browser, project):
    with running(project) as server:
        page = opened(browser, f"http://127.0.0.1:{server.port}{server.link}", name="Cid")
        page.click("nav button:has-text('People')")
        page.wait_for_selector(".review h2")
        assert "Ann" in page.inner_text(".sayings")
        page.keyboard.press("ArrowRight")
        page.wait_for_selector("blockquote")
        assert "I doubt it <img" in page.inner_text("blockquote")
        for key, left in (("2", 2), ("u", 3), ("Enter", 2)):
            page.keyboard.press(key)
            page.wait_for_function(f"() => document.querySelector('.bar-of-review p').innerText.includes('of {left}')")
        assert project.disputes().set_index("record").loc["6", ["label", "settled_by"]].tolist() == ["spam", "Cid"]
        page.reload()
        page.click("nav button:has-text('People')")
        page.wait_for_function("() => document.querySelector('.bar-of-review p')?.innerText.includes('of 2')")
        page.keyboard.press("u")  # what was done before the reload, the newest first
        page.wait_for_function("() => document.querySelector('.bar-of-review p').innerText.includes('of 3')")
        assert page.inner_text(".review h2").split()[-1] == "6"
        page.keyboard.press("u")
        page.wait_for_selector("text=nothing to undo")
        assert project.disputes()["settled_by"].isna().all()
        page.click("#tab-errors")
        page.wait_for_selector(".why")
        assert page.inner_text(".review h2").split()[-1] == "20"
        page.keyboard.press("2")
        page.wait_for_function("() => !document.querySelector('.review h2')?.innerText.includes('20')")
        assert project.manual_labels()["20"] == "spam"
        page.click("#tab-agreement")
        page.wait_for_selector(".lfs tbody tr")
        assert "Krippendorff" in page.inner_text(".big")
        assert page.troubles == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_it(browser, project, scheme):
    with running(project) as server:
        page = opened(browser, f"http://127.0.0.1:{server.port}{server.link}", color_scheme=scheme)
        page.click("nav button:has-text('People')")
        for tab, wanted in (("agreement", ".lfs"), ("errors", ".review"), ("disputes", ".review")):
            page.click(f"#tab-{tab}")
            page.wait_for_selector(wanted)
            page.evaluate(axe_source())
            found = page.evaluate("() => axe.run()")["violations"]
            assert [(one["id"], one["nodes"][0]["html"]) for one in found] == []


def test_who_may_only_look_settles_nothing(browser, project):
    with running(project) as server:
        looker = browser.new_context().new_page()
        looker.goto(f"http://127.0.0.1:{server.port}{server.read_only_link}")
        looker.click("nav button:has-text('People')")
        looker.wait_for_selector(".review h2")
        assert looker.query_selector(".review .choice") is None
        looker.keyboard.press("1")
        looker.wait_for_timeout(200)
        assert project.disputes()["settled_by"].isna().all()


def test_empty_projects_and_one_label(browser, tmp_path):
    with weaklab.Project(tmp_path / "p", labels=["only", "other"], timeout=None) as project:
        project.add_records([{"id": "1", "x": 1.5}, {"id": "2", "x": 2.5}], quiet=True)
        with running(project) as server:
            page = opened(browser, f"http://127.0.0.1:{server.port}{server.link}")
            page.click("nav button:has-text('People')")
            page.wait_for_selector("text=No record was labeled by several people yet")
            page.click("#tab-errors")
            page.wait_for_selector("text=No label is contradicted")
            page.click("#tab-agreement")
            page.wait_for_selector("text=Nobody has labeled yet")
            assert page.troubles == []


def test_the_setting_overlap_asks_a_second_person_blind(tmp_path):
    with weaklab.Project(tmp_path / "p", labels=["ham", "spam"], timeout=None, blind_share=0, overlap=1.0) as project:
        project.add_records([f"message {i}" for i in range(100)], quiet=True)
        with running(project, batch=10) as server:
            ann = server.person("Ann")
            queue = ann.sync(want=6)["queue"][:6]
            ann.sync(*({"kind": "answer", "record": record, "value": "ham"} for record in queue))
            bob = server.person("Bob")
            found = bob.sync(want=10)
            again = [one["id"] for one in found["records"] if one["id"] in queue]
            assert set(again) == set(queue)
            assert all(one["blind"] for one in found["records"] if one["id"] in queue)
            bob.sync({"kind": "skip", "record": again[0]}, {"kind": "answer", "record": again[1], "value": "spam"})
        with project.session("Bob", background=False, batch=40) as session:
            asked = [session.next().id]
            asked += [ask.id for ask in session.peek(40)]
            assert set(asked) & set(queue) == set(queue) - set(again[:2])
        assert project.disputes()["record"].tolist() == [again[1]]
