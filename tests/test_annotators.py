"""Several people label the same records: consensus labels, and the accuracy of each person."""

import numpy as np
import pandas as pd
import pytest

import weaklab as wl
from weaklab.core.errors import WeaklabError
from weaklab.core.events import Event
from weaklab.crowd.annotators import annotator_table, dispute_table, settle

pytestmark = pytest.mark.filterwarnings("ignore:.*items of the crowd are not records")


def opinions(*answers):
    """Return record -> annotator -> event from (record, annotator, label), oldest first."""
    found = {}
    for number, (record, annotator, label) in enumerate(answers, 1):
        found.setdefault(record, {})[annotator] = Event("label", record, label, annotator=annotator, id=number)
    return found


@pytest.fixture
def project(tmp_path):
    with wl.Project(tmp_path / "p", labels=["ham", "spam"], timeout=None, retrain_every=0) as project:
        project.add_records([{"id": str(i), "text": f"message {i}"} for i in range(60)])
        yield project


def test_later_label_of_two_people_wins():
    assert settle(opinions(("a", "Ann", "ham"), ("a", "Bob", "spam"))) == {"a": "spam"}
    assert settle(opinions(("a", "Bob", "spam"), ("a", "Ann", "ham"), ("b", "Bob", "ham"))) == {"a": "ham", "b": "ham"}


def test_later_label_of_two_people_wins_after_many_disagreements():
    answers = [
        (str(i), who, "spam" if i % 3 or (who == "Bob" and i < 9) else "ham")
        for i in range(30)
        for who in ("Ann", "Bob")
    ]
    settled = settle(opinions(*answers))
    assert all(settled[str(i)] == ("spam" if i % 3 or i < 9 else "ham") for i in range(30))


def test_majority_label_beats_the_latest_label():
    assert settle(opinions(("a", "Ann", "ham"), ("a", "Bob", "ham"), ("a", "Eve", "spam"))) == {"a": "ham"}


def test_accurate_annotator_beats_a_later_inaccurate_one():
    agreed = [(f"r{i}", who, "ham" if i % 2 else "spam") for i in range(20) for who in ("Ann", "Cid", "Dan")]
    wrong = [(f"r{i}", "Eve", "ham" if i % 4 > 1 else "spam") for i in range(20)]
    settled = settle(opinions(*agreed, *wrong, ("x", "Ann", "ham"), ("x", "Eve", "spam")))
    assert settled["x"] == "ham"
    assert settled["r3"] == "ham"


def test_agreement_counts_the_labels_of_others_on_the_same_records():
    frame = annotator_table(
        opinions(
            ("a", "Ann", "ham"),
            ("a", "Bob", "ham"),
            ("a", "Eve", "spam"),
            ("b", "Ann", "ham"),
            ("b", "Bob", "ham"),
            ("c", "Zoe", "ham"),
        )
    ).set_index("annotator")
    assert frame["labels"].tolist() == [2, 2, 1, 1]
    assert frame["shared"].tolist() == [2, 2, 1, 0]
    np.testing.assert_allclose(frame["agreement"], [2 / 3, 2 / 3, 0, np.nan])
    assert frame.loc["Zoe", ["accuracy", "low", "high"]].isna().all()
    assert frame.loc["Ann", "accuracy"] > frame.loc["Eve", "accuracy"]
    assert (frame["low"] < frame["high"])[:3].all()


def test_one_person_alone_has_no_agreement_and_no_accuracy():
    frame = annotator_table(opinions(("a", "Ann", "ham"), ("b", "Ann", "spam")))
    assert frame[["annotator", "labels", "shared"]].values.tolist() == [["Ann", 2, 0]]
    assert frame[["agreement", "accuracy", "low", "high"]].isna().all(axis=None)
    assert annotator_table({}).empty


def test_disputes_show_the_label_of_each_annotator():
    said = opinions(("a", "Ann", "ham"), ("a", "Bob", "spam"), ("b", "Ann", "ham"), ("b", "Bob", "ham"))
    frame = dispute_table(said, settle(said))
    assert frame.values.tolist() == [["a", "spam", {"Ann": "ham", "Bob": "spam"}, None]]


def test_one_person_changes_a_label_as_before(project):
    project.label("1", "ham")
    project.label("1", "spam")
    assert project.manual_labels() == {"1": "spam"}
    assert project.disputes().empty
    project.undo()
    assert project.manual_labels() == {"1": "ham"}


def test_the_manual_label_is_the_consensus_and_the_committee_learns_from_it(project):
    for person, label in [("Ann", "ham"), ("Bob", "ham"), ("Eve", "spam")]:
        project.label("1", label, annotator=person)
    assert project.manual_labels() == {"1": "ham"}
    assert project.disputes()["record"].tolist() == ["1"]
    assert project.labels().set_index("id").loc["1", "label"] == "ham"
    assert "1 record was labeled differently" in repr(project.run(progress=False))
    project.undo()  # Eve's
    assert project.disputes().empty


def test_annotators_who_all_gave_one_label_agree(project):
    for person in ("Ann", "Bob"):
        project.label("1", "ham", annotator=person)
    table = project.annotators()
    assert table[["annotator", "labels", "shared", "agreement"]].values.tolist() == [["Ann", 1, 1, 1], ["Bob", 1, 1, 1]]
    assert project.disputes().empty


def test_labels_at_an_earlier_event_are_those_valid_then(project):
    moments = [
        project.label("1", label, annotator=person).id
        for person, label in [("Ann", "ham"), ("Bob", "spam"), ("Eve", "ham")]
    ]
    assert [project.manual_labels(through)["1"] for through in moments] == ["ham", "spam", "ham"]


def test_consensus_is_recomputed_only_when_labels_change(project, monkeypatch):
    from weaklab.project import snapshot

    calls = []
    monkeypatch.setattr(snapshot, "settle", lambda *given: calls.append(1) or settle(*given))
    first = project.label("1", "ham").id
    assert project.manual_labels() == project.manual_labels(first) == {"1": "ham"}
    project.skip("2")
    assert project.manual_labels() == project.manual_labels(first) == {"1": "ham"}
    assert len(calls) == 0  # one person: there is nothing to settle
    project.label("1", "spam", annotator="Bob")
    assert (project.manual_labels(), project.manual_labels(first)) == ({"1": "spam"}, {"1": "ham"})
    project.undo()
    assert project.manual_labels() == {"1": "ham"}
    assert len(calls) == 1


def test_consensus_of_simulated_people_beats_the_latest_label(project):
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 60)
    right = {"Ann": 0.95, "Bob": 0.9, "Cid": 0.85, "Eve": 0.5}
    said = {person: np.where(rng.random(60) < p, truth, 1 - truth) for person, p in right.items()}
    for person in right:
        project.label_many([(str(i), int(said[person][i])) for i in range(60)], annotator=person)
    names = np.array(["ham", "spam"])
    found = project.manual_labels()
    assert np.mean([found[str(i)] == names[truth[i]] for i in range(60)]) > 0.9 > (said["Eve"] == truth).mean()
    frame = project.annotators().set_index("annotator")
    assert frame.loc["Eve", "accuracy"] < frame.drop("Eve")["accuracy"].min()
    assert all(
        frame.loc[person, "low"] <= (said[person] == truth).mean() <= frame.loc[person, "high"] for person in right
    )


def crowd_rows():
    """Return labels of nine workers on twenty records, two of them contrary, and a record that is not there."""
    rng = np.random.default_rng(1)
    rows = [
        (str(i), f"w{j}", ["ham", "spam"][(i % 2) ^ (j > 6) ^ (rng.random() < 0.1)])
        for i in range(20)
        for j in range(9)
    ]
    return pd.DataFrame([*rows, ("elsewhere", "w1", "ham")], columns=["task", "by", "answer"])


def test_a_crowd_is_one_heuristic_that_votes_its_consensus(project):
    crowd = project.add_crowd(crowd_rows(), item="task", worker="by", label="answer")
    votes = project.votes()
    assert votes.names == ["crowd"]
    assert (votes.L[:20, 0] == np.arange(20) % 2).all()
    assert (votes.L[20:] == -1).all()
    np.testing.assert_allclose(votes.scores[0][:20], crowd.probabilities()[:20], atol=1e-6)
    assert (votes.scores[0][20:] == 0.5).all()
    assert votes.calibrated == (0,)
    assert len(crowd.workers) == 9
    assert project.labels()["label"].tolist()[:4] == ["ham", "spam", "ham", "spam"]


def test_functions_outvote_a_crowd_that_is_not_sure_and_no_sure_one(project):
    rows = crowd_rows()
    one = pd.DataFrame([("2", "w0", "ham")], columns=["task", "by", "answer"])
    project.add_crowd(pd.concat([rows[rows["task"] != "2"], one]), item="task", worker="by", label="answer")
    for number in range(3):
        project.add(wl.keywords("spam", ["message 2", "message 4"], name=f"spam{number}"))
    labels = project.labels().set_index("id")["label"]
    assert (labels["2"], labels["4"]) == ("spam", "ham")


def test_a_crowd_is_there_as_it_was_when_the_project_is_opened_again(project):
    project.add_crowd(crowd_rows(), item="task", worker="by", label="answer")
    before, path = project.labels(), project.path
    with wl.Project(path) as again:
        pd.testing.assert_frame_equal(again.labels(), before)
        assert again.committee["crowd"].where == "crowd"
    [kept] = path.glob("crowds/*.consensus.parquet")
    kept.write_bytes(b"damaged")
    with pytest.warns(UserWarning, match="cannot be read .* add the crowd again"):
        again = wl.Project(path)
    with again, pytest.warns(UserWarning, match="NotLoaded"):
        assert (again.votes().L == -1).all()


def test_a_crowd_votes_the_labels_of_today(project):
    project.add_crowd(crowd_rows(), item="task", worker="by", label="answer")
    before = project.votes().scores[0]
    project.label_set.rename("ham", "good")
    project.label_set.add("other")
    votes = project.votes()
    assert list(votes.labels) == ["good", "spam", "other"]
    np.testing.assert_allclose(votes.scores[0][:20], np.column_stack([before[:20], np.zeros(20)]))
    project.label_set.merge("good", "other")
    assert (project.votes().L[:20, 0] == [1, 0] * 10).all()
    said = project.explain("0").crowds["crowd"]
    assert set(said) == {"other", "spam"}
    assert sorted(who for each in said.values() for who in each) == [f"w{j}" for j in range(9)]
    assert project.explain(str(project.labels()["id"].iloc[25])).crowds == {"crowd": {}}


def test_a_crowd_that_does_not_fit_the_project_is_refused(project):
    frame = crowd_rows()
    with pytest.raises(WeaklabError, match="none of the 1 items is the id of a record"):
        project.add_crowd(frame[frame["task"] == "elsewhere"], item="task", worker="by", label="answer")
    with pytest.raises(WeaklabError, match="'eggs' is not a label"):
        project.add_crowd(frame.assign(answer="eggs"), item="task", worker="by", label="answer")
    assert project.votes().names == []


def test_unknown_items_of_a_crowd_are_reported(tmp_path):
    with wl.Project(tmp_path / "p", labels=["a", "b"]) as project:
        project.add_records([{"id": "1", "text": "one"}])
        with pytest.warns(UserWarning, match="1 of the 2 items of the crowd are not records"):
            project.add_crowd([{"item": "1", "worker": "w", "label": "a"}, {"item": "77", "worker": "w", "label": "b"}])


@pytest.mark.parametrize(("records", "people"), [(40, 3), (6, 3), (15, 5)])
def test_annotator_who_always_agrees_is_not_rated_below_one_who_deviates(records, people):
    answers = [
        (f"r{i}", f"p{j}", "b" if (i % 2) != (i == j == 0) else "a")  # p0 is off on r0
        for i in range(records)
        for j in range(people)
    ]
    table = annotator_table(opinions(*answers)).set_index("annotator")["accuracy"]
    assert table.drop("p0").min() > max(table["p0"], 0.8)


def test_a_label_that_settles_stands_until_it_is_undone(project):
    for person, label in [("Ann", "ham"), ("Bob", "ham"), ("Eve", "spam")]:
        project.label("1", label, annotator=person)
    first = project.settle("1", "spam", annotator="Cid", seconds=2.5)
    project.label("1", "ham", annotator="Dan")
    assert project.manual_labels() == {"1": "spam"}
    assert project.disputes()["settled_by"].tolist() == ["Cid"]
    assert "labeled differently" not in repr(project.run(progress=False))
    second = project.settle("1", "ham", annotator="Ann")  # who is one of those who differ
    assert project.manual_labels() == {"1": "ham"}
    with wl.Project(project.path, timeout=None) as other:
        assert other.manual_labels() == {"1": "ham"}
    project.undo(second.id)
    assert project.manual_labels() == {"1": "spam"}
    project.undo(first.id)
    assert project.manual_labels() == {"1": "ham"}
    assert project.disputes()["settled_by"].isna().all()
    project.settle("2", "spam", annotator="Cid")  # nobody has labeled it yet
    project.label("2", "ham", annotator="Ann")
    assert project.manual_labels()["2"] == "spam"
    with pytest.raises(WeaklabError, match="must be one of"):
        project.settle("2", None)


def test_the_accuracy_of_people_is_judged_by_what_was_settled(project):
    for i in range(20):
        project.label(str(i), "spam", annotator="Ann")
        project.label(str(i), "ham", annotator="Bob")
        project.settle(str(i), "ham", annotator="Cid")
    quality = project.annotators().set_index("annotator")
    assert quality.loc["Bob", "accuracy"] > 0.8 > 0.2 > quality.loc["Ann", "accuracy"]
    assert quality.loc[["Ann", "Bob", "Cid"], "shared"].tolist() == [20, 20, 0]


def test_agreement_counts_what_people_said_before_they_settled(project):
    for i in range(25):
        project.label(str(i), ["ham", "spam"][i % 2], annotator="Ann")
        project.label(str(i), ["ham", "spam"][(i + (i < 5)) % 2], annotator="Bob")
    before = project.agreement().pairs.values.tolist()
    for i in range(5):
        project.settle(str(i), "ham", annotator=["Ann", "Cid"][i % 2])
    assert project.agreement().pairs.values.tolist() == before
