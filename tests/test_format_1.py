"""A stored project of format 1 opens, means what it meant, and can be worked on.

It was made by tests/data/make_project_format_1.py.
"""

import shutil
from pathlib import Path

import pytest

from weaklab import Project

SAMPLE = Path(__file__).parent / "data" / "project_format_1"
STREAMED = "d63168cad79a1caf49421700"
MANUAL = {"a1": "spam", "a2": "ham", "a4": "ham", "a6": "spam", "b1": "spam", "b2": "ham", "b6": "ham"}
"""On a6 two people disagreed, a4 came with the import, the label of a5 was taken back."""


@pytest.fixture
def folder(tmp_path):
    return Path(shutil.copytree(SAMPLE, tmp_path / "project"))


@pytest.fixture
def project(folder):
    with Project(folder, annotator="Eve") as opened:
        yield opened


def test_manual_labels_are_the_valid_ones(project):
    assert project.manual_labels() == MANUAL
    assert project.status()["labels_outside"] == 1


def test_its_events_are_all_there(project):
    history = project.history()
    assert list(zip(history["kind"], history["record"], history["annotator"], strict=True)) == [
        ("label", "a4", "import"),
        ("label", "a1", "Ann"),
        ("label", "a2", "Ann"),
        ("label", "a5", "Ann"),
        ("undo", "a5", "Ann"),
        ("label", "a6", "Ann"),
        ("label", "b1", "Bob"),
        ("label", "b2", "Bob"),
        ("label", "a6", "Bob"),
        ("label", "a1", "Bob"),
        ("skip", "b3", "Bob"),
        ("skip", "b4", "Bob"),
        ("requeue", "b4", "Bob"),
        ("label", "b6", "Bob"),
        ("label", STREAMED, "Bob"),
    ]
    assert history["undoes"].dropna().tolist() == [4]
    assert history["seconds"].dropna().tolist() == [1.5]
    assert history["picked_by"].dropna().tolist() == ["typicality", "margin"]


def test_its_functions_vote_and_its_labels_are_the_same(project):
    assert not project.load_errors
    assert project.committee.names == ["many_digits", "prize", "lunch"]
    labels = project.labels(include=["text", "length"]).set_index("id")
    expected = {**MANUAL, "a3": "spam", "a5": "ham"}
    assert labels.index.tolist() == ["a1", "a2", "a3", "a4", "a5", "a6", "b1", "b2", "b3", "b4", "b5", "b6"]
    assert labels["manual"].sum() == len(MANUAL)
    assert labels["label"][list(expected)].to_dict() == expected
    assert labels.loc["b5", ["text", "length"]].tolist() == ["Grüße aus Köln", 14]


def test_skipped_and_labeled_records_are_not_asked_about_and_one_put_back_is(project):
    assert {ask.id for ask in project.ask(12)} == {"a3", "a5", "b4", "b5"}


def test_two_people_disagree_on_the_same_record_as_before(project):
    assert project.disputes()["record"].tolist() == ["a6"]
    assert set(project.annotators()["annotator"]) == {"Ann", "Bob", "import"}


def test_it_can_be_worked_on_and_opened_again(folder):
    with Project(folder, annotator="Eve") as project:
        ask = project.ask(1)[0]
        project.label(ask, "ham")
        project.label("b4", "spam")
        project.undo()
        project.skip("b5")
        added = [{"id": "c1", "text": "another prize", "length": 13, "truth": "spam", "given": "spam"}]
        project.add_records(added, text="text", id="id", gold="truth", label="given")
        project.run(progress=False)
    with Project(folder) as project:
        assert project.manual_labels() == {**MANUAL, ask.id: "ham", "c1": "spam"}
        assert len(project.history()) == 20
        assert len(project) == 13
        assert project.labels().set_index("id").loc["c1", "label"] == "spam"
        assert "b5" not in {one.id for one in project.ask(12)}
