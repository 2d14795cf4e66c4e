"""Rules and repairs on the page, over HTTP: proposed, shown with their records, accepted and taken back."""

import pytest

import weaklab

pytest.importorskip("uvicorn", reason="the page needs the packages of the extra 'page'")
from page_server import Client, running
from test_page import make

MINE = 'from weaklab import pattern\n\nwide = pattern("spam", r"prize|lunch")\n'


TEXTS = [f"{'lunch' if i % 2 else 'prize'} number {i} at {i % 7}" for i in range(90)]


def labeled(folder):
    """A project with a function that finds both kinds of records, half of which have a label."""
    made = make(folder, TEXTS, use_features=False)
    (folder / "labeling_functions").mkdir(exist_ok=True)
    (folder / "labeling_functions" / "mine.py").write_text(MINE)
    made.reload()
    made.label_many([(str(i), "ham" if i % 2 else "spam") for i in range(45)])
    return made


@pytest.fixture
def project(tmp_path):
    with labeled(tmp_path / "p") as made:
        yield made


@pytest.fixture
def server(project):
    with running(project) as found:
        yield found


def test_a_rule_of_a_word_is_shown_with_its_records_accepted_and_taken_back(server, project):
    person = server.person("Ada")
    found = person.post("/api/rules/propose", {"word": "lunch"})
    assert found["labels"] == 45
    rule = found["proposed"][0]
    assert (rule["says"], rule["records"], rule["right"]) == ("ham where the text has 'lunch'", 45, 22)
    shown = person.post("/api/rules/records", {"id": rule["id"]})
    assert shown["total"] == 45
    assert all("lunch" in row["text"] for row in shown["rows"])
    labels = [row["label"] for row in shown["rows"]]
    assert [label != "ham" for label in labels] == sorted([label != "ham" for label in labels], reverse=True)
    done = person.post("/api/rules/accept", {"id": rule["id"]})
    file = project.path / "labeling_functions" / f"{done['name']}.py"
    assert file.read_text() == rule["source"]
    assert done["name"] in project.committee
    assert [one["name"] for one in done["accepted"]] == [done["name"]]
    again = person.send("POST", "/api/rules/accept", {"id": rule["id"]})
    assert again[0] == 400
    back = person.post("/api/rules/undo", {"id": done["accepted"][0]["id"]})
    assert back["accepted"] == []
    assert not file.exists()


def test_rules_of_chosen_rows_and_of_what_the_filters_leave(server):
    person = server.person("Ada")
    ids = [str(i) for i in range(1, 45, 4)]
    chosen = person.post("/api/rules/propose", {"records": ids})["proposed"]
    left = person.post("/api/rules/propose", {"filters": {"search": "lunch"}})["proposed"]
    assert {rule["label"] for rule in [*chosen, *left]} == {"ham"}


def test_a_repair_is_shown_accepted_and_taken_back(server, project):
    person = server.person("Ada")
    found = person.post("/api/rules/repairs", {"heuristic": "wide"})["proposed"]
    for repair in found:
        shown = person.post("/api/rules/records", {"id": repair["id"]})
        assert shown["total"] == repair["flips"]
    best = found[0]
    assert best["diff"].startswith("--- labeling_functions/mine.py")
    person.post("/api/rules/accept", {"id": best["id"]})
    assert (project.path / "labeling_functions" / "mine.py").read_text() != MINE
    person.post("/api/rules/undo", {})
    assert (project.path / "labeling_functions" / "mine.py").read_text() == MINE


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("propose", {"word": "x" * 101}, 400),
        ("propose", {"word": 3}, 400),
        ("propose", {"word": "nowhere"}, 409),
        ("propose", {"word": "  "}, 409),
        ("propose", {"records": []}, 400),
        ("propose", {"records": ["nothing"]}, 409),
        ("propose", {"filters": {"label": 3}}, 400),
        ("propose", {"label": "eggs"}, 409),
        ("repairs", {"heuristic": "nothing"}, 409),
        ("records", {"id": "x"}, 400),
        ("accept", {}, 400),
        ("undo", {"id": "x"}, 409),
    ],
)
def test_nonsense_is_refused_in_plain_words(server, path, body, status):
    found, _, content = server.person("Ada").send("POST", f"/api/rules/{path}", body)
    assert found == status
    assert b"error" in content


def test_who_may_only_look_has_no_rules_and_changes_no_file(server, project):
    looker = Client(server.port, server.read_only_link)
    for path, _ in server.page.calls.rules.calls():
        assert looker.send("POST", f"/api/{path}", {})[0] == 403
    assert (project.path / "labeling_functions" / "mine.py").read_text() == MINE


def test_a_project_without_labels_has_rules_by_the_committee_alone(tmp_path):
    with make(tmp_path / "p", ["one prize", "two lunch"]) as project, running(project) as server:
        person = server.person("Ada")
        assert person.post("/api/rules/propose", {})["proposed"] == []
        assert person.post("/api/rules/propose", {"word": "prize"})["proposed"][0]["records"] == 1
        assert person.post("/api/rules/repairs", {})["proposed"] == []
    with weaklab.Project(tmp_path / "q", labels=["a", "b"], timeout=None) as project:
        project.add_records([{"id": str(i), "n": i} for i in range(40)], text=[], quiet=True)
        with running(project) as server:
            assert server.person("Ada").send("POST", "/api/rules/propose", {"word": "prize"})[0] == 409
