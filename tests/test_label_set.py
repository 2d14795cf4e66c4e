"""Labels are renamed, merged, added, removed and ordered: all that names them follows, and undo brings it back."""

import json
import subprocess
import sys
import time
import warnings
from pathlib import Path
from random import Random
from threading import Thread
from types import SimpleNamespace

import forked
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import weaklab
from weaklab.cli.app import app
from weaklab.core.errors import ProjectError, UnknownLabelError, WeaklabError
from weaklab.core.events import LABEL, Event
from weaklab.features.base import Features
from weaklab.project.answering import append, label_names
from weaklab.project.answering import event as make_event
from weaklab.project.label_changes import settle_labels, write_labels
from weaklab.project.settings import FILE, make_settings, read_settings
from weaklab.training.trainer import Trainer
from weaklab.voting.runner import VoteRunner

pytestmark = pytest.mark.filterwarnings("ignore:.*; write '")
ROWS = [
    {"id": "a", "text": "win a prize", "gold": "spam"},
    {"id": "b", "text": "lunch at noon", "gold": "ham"},
    {"id": "c", "text": "buy now", "gold": "ads"},
    {"id": "d", "text": "prize for lunch", "gold": None},
]
FILE_OF_FUNCTIONS = """
import weaklab
from pathlib import Path

CALLS = Path({calls!r})

@weaklab.labeling_function()
def prizes(x):
    with CALLS.open("a") as stream:
        stream.write("x")
    if "prize" in x.text:
        return "spam"
    return None

offers = weaklab.keywords("ads", ["buy"], name="offers")
"""


@pytest.fixture
def project(tmp_path):
    (tmp_path / "p" / "labeling_functions").mkdir(parents=True)
    file = tmp_path / "p" / "labeling_functions" / "mine.py"
    file.write_text(FILE_OF_FUNCTIONS.format(calls=str(tmp_path / "calls")))
    with weaklab.Project(tmp_path / "p", labels=["ham", "spam", "ads"], timeout=None, annotator="Ann") as made:
        made.add_records(ROWS, gold="gold", quiet=True)
        made.add(weaklab.keywords("ham", ["lunch"], name="lunch"))
        made.label("a", "spam")
        made.label("c", "ads")
        yield made


def calls(project):
    return len((project.path.parent / "calls").read_text())


def votes(project):
    """Return heuristic -> label names that it votes, by record."""
    found = project.votes()
    return {name: [found.labels.name(int(code)) for code in found.L[:, j]] for j, name in enumerate(found.names)}


def test_a_renamed_label_has_its_new_name_everywhere_and_nothing_votes_anew(project):
    before, shares = votes(project), project.probabilities()
    made = calls(project)
    with pytest.warns(UserWarning, match=r"mine\.py:12: 'prizes' votes 'spam', which is 'junk' now; write 'junk'"):
        project.label_set.rename("spam", "junk")
    assert list(project.label_names) == ["ham", "junk", "ads"]
    assert project.manual_labels() == {"a": "junk", "c": "ads"}
    assert votes(project) == {
        name: ["junk" if vote == "spam" else vote for vote in column] for name, column in before.items()
    }
    assert (project.probabilities() == shares).all()
    assert calls(project) == made
    assert "p_junk" in project.labels().columns
    assert project.corpus.gold() == ["junk", "ham", "ads", None]
    assert project.corpus.column("gold").to_pylist() == ["junk", "ham", "ads", None]
    assert project.corpus.take([3, 0]).column("gold").to_pylist() == [None, "junk"]
    assert project.status()["accuracy"] > 0
    assert read_settings(project.path)["labels"] == ["ham", "junk", "ads"]
    assert "old label name" in str(project.summary())
    assert list(project.freeze().labels) == ["ham", "junk", "ads"]
    batch = next(weaklab.read(["a prize for you"]).batches())
    assert project.freeze().label_batch(batch)["label"].to_pylist() == ["junk"]
    project.evaluate(progress=False)
    project.export(project.path.parent / "out.jsonl", include=["gold"])
    lines = [json.loads(line) for line in (project.path.parent / "out.jsonl").read_text().splitlines()]
    assert (lines[0]["label"], lines[0]["gold"]) == ("junk", "junk")


def test_undo_of_a_rename_brings_the_old_name_back(project):
    before, made = votes(project), calls(project)
    project.label_set.rename("spam", "junk")
    assert project.undo().value == {"rename": ["spam", "junk"]}
    assert list(project.label_names) == read_settings(project.path)["labels"] == ["ham", "spam", "ads"]
    assert (votes(project), calls(project)) == (before, made)
    assert project.corpus.gold() == ["spam", "ham", "ads", None]
    assert project.label_set.undo() is None


@pytest.fixture
def work_done(monkeypatch):
    """Return the names of what was done: a training, a feature set that was fitted, heuristics that voted."""
    done = []

    def counting(owner, method, name):
        made = getattr(owner, method)

        def counted(self, *arguments, **options):
            done.append(name)
            return made(self, *arguments, **options)

        monkeypatch.setattr(owner, method, counted)

    counting(Trainer, "_train", "training")
    counting(Features, "fit_transform", "features")
    counting(VoteRunner, "vote", "votes")
    counting(VoteRunner, "run", "votes")
    return done


def test_only_changes_that_concern_more_than_names_train_again_and_once(project, work_done):
    project.weak_classifier("naive_bayes", features="tfidf", min_labels=2)
    project.label_many({"b": "ham", "d": "spam"})
    project.set_gold({"d": "spam"})
    project.run(progress=False)
    before, old = project.probabilities(), votes(project)
    for change, cost in (
        (lambda: project.label_set.rename("spam", "junk"), []),
        (lambda: project.undo(), []),
        (lambda: project.label_set.rename("spam", "junk"), []),
        (lambda: project.label_set.order(["junk", "ham", "ads"]), ["training"]),
        (lambda: project.label_set.undo(), ["training"]),
        (lambda: project.label_set.add("news"), ["training"]),
        (lambda: project.label_set.undo(), ["training"]),
        (lambda: project.label_set.merge("ads", into="junk"), ["training"]),
        (lambda: project.label_set.undo(), ["training"]),
    ):
        work_done.clear()
        change()
        project.probabilities()
        project.corpus.gold()
        assert work_done == cost
    assert (project.probabilities() == before).all()
    assert project.corpus.gold() == ["junk", "ham", "ads", "junk"]
    assert votes(project)["prizes"] == ["junk" if vote == "spam" else vote for vote in old["prizes"]]
    assert project.preview("naive_bayes") is not None
    assert list(project.freeze().labels) == ["ham", "junk", "ads"]


def test_a_renamed_project_says_what_one_says_that_is_opened_anew(project):
    project.weak_classifier("naive_bayes", features="tfidf", min_labels=2)
    project.label_many({"b": "ham", "d": "spam"})
    project.run(progress=False)
    project.label_set.rename("spam", "junk")
    assert project.explain("a") is not None
    with weaklab.Project(project.path, timeout=None) as again:
        assert str(again.summary()) == str(project.summary())
        assert str(again.explain("a")) == str(project.explain("a"))
        assert str(again.freeze().labels) == str(project.freeze().labels)


def test_a_rename_to_a_name_that_was_no_label_lets_those_vote_anew_that_voted_it(project):
    project.add(weaklab.labeling_function(name="early")(lambda x: "junk" if "prize" in x.text else None))
    with pytest.warns(UserWarning, match="junk"):
        project.run(progress=False)
    project.label_set.rename("spam", "junk")
    assert votes(project)["early"] == ["junk", None, None, "junk"]


def test_a_crowd_that_labeled_before_labels_were_renamed_and_merged_is_read(project):
    project.label_set.rename("spam", "junk")
    project.label_set.order(["ads", "junk", "ham"])
    rows = [("a", "Bob", "spam"), ("a", "Eve", "junk"), ("b", "Bob", "ham"), ("c", "Bob", "ads")]
    table = [dict(zip(["item", "worker", "label"], row, strict=True)) for row in rows]
    crowd = project.add_crowd(table)
    assert list(crowd.labels) == ["ads", "junk", "ham"]
    assert votes(project)["crowd"] == ["junk", "ham", "ads", None]
    project.label_set.merge("ads", into="junk")
    assert votes(project)["crowd"] == ["junk", "ham", "junk", None]
    assert list(project.add_crowd(table).labels) == ["junk", "ham"]
    assert votes(project)["crowd"] == ["junk", "ham", "junk", None]
    with pytest.raises(WeaklabError, match="eggs"):
        project.add_crowd([{**table[0], "label": "eggs"}])


def test_a_function_that_was_edited_before_a_rename_votes_anew_after_it(project):
    words = ["prize"]
    project.add(weaklab.labeling_function(name="edited")(lambda x: "ham" if words[0] in x.text else None))
    assert votes(project)["edited"] == ["ham", None, None, "ham"]
    words[0] = "buy"
    project.label_set.rename("spam", "junk")
    assert votes(project)["edited"] == [None, None, "ham", None]


def test_a_changed_project_opens_again_as_it_was(project):
    project.label_set.rename("spam", "junk")
    project.label_set.merge("ads", into="junk")
    project.label("d", "junk")
    before, made = votes(project), calls(project)
    with weaklab.Project(project.path, timeout=None) as again:
        assert list(again.label_names) == ["ham", "junk"]
        assert again.manual_labels() == {"a": "junk", "c": "junk", "d": "junk"}
        assert votes(again) == before
        assert calls(project) == made


def test_merged_labels_are_one_and_undo_makes_them_two(project):
    before, made = votes(project), calls(project)
    project.label_set.merge("ads", into="spam")
    assert project.manual_labels() == {"a": "spam", "c": "spam"}
    assert votes(project)["offers"] == [None, None, "spam", None]
    assert project.corpus.gold() == ["spam", "ham", "spam", None]
    assert project.probabilities().shape == (4, 2)
    project.label("d", "spam")
    project.label_set.undo()
    assert project.manual_labels() == {"a": "spam", "c": "ads", "d": "spam"}
    assert (votes(project), calls(project)) == (before, made)


def test_an_old_name_that_is_given_anew_means_the_new_label(project):
    project.label_set.rename("spam", "junk")
    project.label_set.add("spam")
    project.label("b", "spam")
    assert project.manual_labels() == {"a": "junk", "b": "spam", "c": "ads"}
    assert list(project.label_names) == ["ham", "junk", "ads", "spam"]
    assert project.corpus.gold() == ["junk", "ham", "ads", None]
    assert votes(project)["prizes"] == ["spam", None, None, "spam"]


def test_an_added_label_is_voted_by_those_that_named_it_before(project):
    project.add(weaklab.labeling_function(name="early")(lambda x: "news" if "noon" in x.text else None))
    with pytest.warns(UserWarning, match="is not a label"):
        assert votes(project)["early"] == [None] * 4
    made = calls(project)
    project.label_set.add("news")
    assert votes(project)["early"] == [None, "news", None, None]
    assert calls(project) == made
    project.label("b", "news")
    with pytest.raises(ProjectError, match=r"label 'news' is in use: 1 manual label"):
        project.label_set.undo()


def test_labels_in_another_order_keep_votes_and_answers(project):
    project.add(weaklab.labeling_function(name="number")(lambda x: 2 if "buy" in x.text else None))
    before, made, shares = votes(project), calls(project), project.labels()
    project.label_set.order(["ads", "ham", "spam"])
    assert list(project.label_names) == ["ads", "ham", "spam"]
    assert (votes(project), calls(project)) == (before, made)
    assert project.manual_labels() == {"a": "spam", "c": "ads"}
    assert project.labels()["label"].tolist() == shares["label"].tolist()
    batch = next(weaklab.read(["buy"]).batches())
    assert project.freeze().label_batch(batch)["label"].to_pylist() == ["ads"]
    project.label("d", 0)
    assert project.manual_labels()["d"] == "ads"
    with pytest.raises(WeaklabError, match="names each label once"):
        project.label_set.order(["ads", "ham"])


def test_a_label_in_use_is_not_removed_and_the_message_says_where(project):
    with pytest.raises(ProjectError) as error:
        project.label_set.remove("ads")
    message = str(error.value)
    assert "1 manual label" in message
    assert "heuristic offers (" in message
    assert "votes it on 1 record" in message
    assert "column gold" in message
    project.label_set.add("news")
    project.label_set.remove("news")
    assert list(project.label_names) == ["ham", "spam", "ads"]
    with pytest.raises(UnknownLabelError):
        project.label("a", "news")
    assert project.label_set.undo().value == {"remove": "news"}
    project.label("d", "news")
    assert project.manual_labels()["d"] == "news"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda labels: labels.rename("ham", "spam"), "there is a label 'spam' already"),
        (lambda labels: labels.rename("ham", "ham"), "has this name already"),
        (lambda labels: labels.rename("hum", "x"), "did you mean 'ham'"),
        (lambda labels: labels.rename("ham", " "), "a label needs a name"),
        (lambda labels: labels.merge("ham", "ham"), "into itself"),
        (lambda labels: labels.add("ham"), "already"),
        (lambda labels: labels.order("ham,spam"), "a list of all labels"),
    ],
)
def test_a_change_that_cannot_be_made_changes_nothing(project, change, message):
    before = project.workspace.journal.last_event()
    with pytest.raises(WeaklabError, match=message):
        change(project.label_set)
    assert project.workspace.journal.last_event() == before
    assert list(project.label_names) == ["ham", "spam", "ads"]


def test_a_change_on_which_a_later_one_builds_is_not_undone(project):
    project.label_set.rename("spam", "junk")
    with weaklab.Project(project.path, timeout=None, annotator="Bob") as other:
        other.label_set.add("spam")
        with pytest.raises(WeaklabError, match="there is a label 'spam' already"):
            project.undo()
        assert list(other.label_names) == ["ham", "junk", "ads", "spam"]


def test_an_answer_is_stored_with_the_name_of_today_though_another_thread_looked_in_between(project):
    with weaklab.Project(project.path, timeout=None, annotator="Bob") as other:
        work = other.workspace
        [name], known = label_names(work, ["ham"])
        answer = make_event(work, LABEL, "a", name, annotator="Bob")
        project.label_set.rename("ham", "fine")
        work.refresh()
        assert [stored.label for stored in append(work, [answer], known)] == ["fine"]


def test_redo_gives_an_answer_under_the_name_of_today(project):
    with project.session("Bob", background=False) as session:
        session.answer(session.next(), "ham")
        session.undo()
        project.label_set.rename("ham", "fine")
        assert session.redo().label == "fine"
        assert list(project.manual_labels().values()).count("fine") >= 1


def test_open_sessions_follow_and_an_answer_with_the_old_name_is_kept(project):
    with weaklab.Project(project.path, timeout=None, annotator="Bob") as other, other.session("Bob") as session:
        ask = session.next()
        project.label_set.rename("ham", "fine")
        event = session.answer(ask, "ham")
        assert event.label == "fine"
        assert other.manual_labels()[ask.id] == project.manual_labels()[ask.id] == "fine"
        assert list(other.label_names) == ["fine", "spam", "ads"]
        project.label_set.add("news")
        project.label_set.remove("news")
        with pytest.raises(UnknownLabelError):
            session.answer(session.next(), "news")


def test_another_process_sees_a_change(project):
    code = (
        "import sys, weaklab\n"
        f"project = weaklab.Project({str(project.path)!r}, timeout=None)\n"
        "print(list(project.label_names), flush=True)\n"
        "sys.stdin.readline()\n"
        "print(sorted(project.manual_labels().items()), list(project.label_names), flush=True)\n"
        "project.label_set.order(['ads', 'junk', 'ham'])\n"
    )
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout.readline() == "['ham', 'spam', 'ads']\n"
        project.label_set.rename("spam", "junk")
        out, _ = child.communicate("\n")
    assert out == "[('a', 'junk'), ('c', 'ads')] ['ham', 'junk', 'ads']\n"
    assert project.manual_labels() == {"a": "junk", "c": "ads"}
    assert list(project.label_names) == ["ads", "junk", "ham"]


def test_two_people_who_labeled_before_and_after_a_rename_agree(project):
    project.label("a", "ham", annotator="Bob")
    project.label("b", "spam", annotator="Bob")
    project.label_set.rename("spam", "junk")
    project.label("b", "junk", annotator="Eve")
    assert project.disputes()["record"].tolist() == ["a"]
    assert set(project.disputes()["opinions"][0].values()) == {"ham", "junk"}
    project.label_set.merge("ham", into="junk")
    assert len(project.disputes()) == 0
    project.label_set.undo()
    assert project.disputes()["record"].tolist() == ["a"]


def test_the_settings_file_is_kept_as_it_is_but_for_the_labels(project):
    file = project.path / FILE
    text = '# mine\nseed = 3  # my seed\nlabels = [\n  "ham", # ] fine\n  "spam",\n  "ads",\n]\n\nretrain_every = 7\n'
    file.write_text(text)
    project.label_set.rename("ham", 'h]"am')
    assert file.read_text() == (
        '# mine\nseed = 3  # my seed\nlabels = ["h]\\"am", "spam", "ads"]\n\nretrain_every = 7\n'
    )


def test_a_stop_between_the_event_and_the_file_is_mended_when_the_project_opens(project):
    project.label_set.rename("spam", "junk")
    write_labels(project.path, ["ham", "spam", "ads"])
    with pytest.warns(UserWarning, match="was written anew"), weaklab.Project(project.path, timeout=None) as again:
        assert list(again.label_names) == ["ham", "junk", "ads"]
    assert read_settings(project.path)["labels"] == ["ham", "junk", "ads"]


def test_labels_that_a_person_writes_at_the_end_of_the_file_are_added(project):
    project.label_set.rename("spam", "junk")
    write_labels(project.path, ["ham", "junk", "ads", "news"])
    with weaklab.Project(project.path, timeout=None) as again:
        assert list(again.label_names) == ["ham", "junk", "ads", "news"]
        assert again.answers(kind="labels")["value"].tolist()[-1] == {"add": "news"}
    write_labels(project.path, ["junk", "ham", "ads", "news"])
    with pytest.raises(ProjectError, match="none may change place"):
        weaklab.Project(project.path, timeout=None)


def test_records_that_come_with_old_names_are_read_and_later_ones_mean_what_they_meant(project):
    project.label_set.rename("spam", "junk")
    project.add_records([{"id": "f", "text": "old", "y": "spam"}], label="y", quiet=True)
    assert project.manual_labels()["f"] == "junk"
    project.label_set.add("spam")
    project.add_records([{"id": "e", "text": "a spam", "gold": "spam"}], gold="gold", quiet=True)
    assert project.corpus.gold() == ["junk", "ham", "ads", None, None, "spam"]
    project.label_set.rename("spam", "bulk")
    assert project.corpus.gold() == ["junk", "ham", "ads", None, None, "bulk"]


def test_updates_gold_labels_and_removals_of_records_follow(project):
    project.update_records([{"id": "b", "text": "lunch prize", "gold": "spam"}], gold="gold")
    project.set_gold({"d": "spam"})
    project.remove_records(["c"])
    event = project.label_set.rename("spam", "junk")
    assert project.corpus.gold() == ["junk", "junk", "junk"]
    assert project.corpus.column("gold").to_pylist() == ["junk", "junk", "junk"]
    assert [batch.column("gold").to_pylist() for batch in project.corpus.batches()] == [["junk", "junk", "junk"]]
    assert votes(project)["prizes"] == ["junk", "junk", "junk"]
    with weaklab.Project(project.path, timeout=None) as again:
        assert again.corpus.gold() == ["junk", "junk", "junk"]
        assert again.manual_labels() == {"a": "junk"}
    assert project.undo(event.id).value == {"rename": ["spam", "junk"]}
    assert project.corpus.gold() == ["spam", "spam", "spam"]
    with pytest.raises(ProjectError, match="taken back already"):
        project.undo(event.id)


@pytest.mark.parametrize("kind", ["label", "gold"])
def test_no_label_is_removed_between_the_look_at_the_labels_and_an_answer(project, monkeypatch, kind):
    project.label_set.add("news")
    refusals = []

    def remove():
        with weaklab.Project(project.path, timeout=None) as other, pytest.raises(ProjectError) as refused:
            other.label_set.remove("news")
        refusals.append(str(refused.value))

    remover, append = Thread(target=remove), project.workspace.journal.append

    def append_late(events):
        remover.start()
        remover.join(1)  # it has to wait for the answer
        return append(events)

    monkeypatch.setattr(project.workspace.journal, "append", append_late)
    if kind == "label":
        project.label("d", "news")
    else:
        project.set_gold({"d": "news"})
    remover.join()
    assert ("1 manual label" if kind == "label" else "column gold") in refusals[0]
    assert "news" in project.label_names


def test_a_gold_label_that_has_just_been_removed_is_refused(project):
    with weaklab.Project(project.path, timeout=None) as other:
        project.label_set.add("news")
        other.workspace.refresh()
        project.label_set.remove("news")
        with pytest.raises(UnknownLabelError, match="'news'"):
            append(other.workspace, [Event("gold", value={"labels": {"d": "news"}})])
        assert project.corpus.gold() == ["spam", "ham", "ads", None]


def opened_labels(project):
    with warnings.catch_warnings(record=True, action="always") as caught:
        again = weaklab.Project(project.path, timeout=None)
    with again:
        return list(again.label_names), [str(one.message) for one in caught if "written anew" in str(one.message)]


@pytest.mark.parametrize(
    "change", [lambda labels: labels.merge("news", into="ham"), lambda labels: labels.remove("news")]
)
def test_a_last_label_that_went_is_not_added_again_from_a_file_that_was_not_written(project, monkeypatch, change):
    project.label_set.add("news")
    with monkeypatch.context() as patch:
        patch.setattr("weaklab.project.label_changes.write_labels", full)
        with pytest.raises(OSError, match="full"):
            change(project.label_set)
    assert read_settings(project.path)["labels"][-1] == "news"
    labels, told = opened_labels(project)
    assert labels == read_settings(project.path)["labels"] == ["ham", "spam", "ads"]
    assert len(told) == 1


def full(*arguments):
    raise OSError("the disk is full")


def test_a_label_that_was_removed_can_be_written_again_at_the_end(project):
    project.label_set.add("news")
    project.label_set.remove("news")
    write_labels(project.path, ["ham", "spam", "ads", "news"])
    assert opened_labels(project) == (["ham", "spam", "ads", "news"], [])
    assert opened_labels(project) == (["ham", "spam", "ads", "news"], [])


def test_settings_that_were_read_before_another_process_removed_a_label_do_not_add_it_again(project):
    project.label_set.add("news")
    held = make_settings(read_settings(project.path), "here")
    project.label_set.remove("news")
    settle_labels(project.path, held, project.workspace.journal, "Ben")
    assert held.labels == ["ham", "spam", "ads"]
    assert list(project.label_names) == ["ham", "spam", "ads"]


# ---- against a plain model

CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["label", "label", "rename", "merge", "add", "remove", "order", "undo", "import", "reopen"]),
        st.integers(0, 30),
        st.integers(0, 30),
    ),
    max_size=14,
)


class Model:
    """Labels as objects: a name, and what was merged into what; answers point to the objects."""

    def __init__(self, names):
        self.names = dict(enumerate(names))
        self.order, self.into, self.answers, self.next = list(self.names), {}, {}, len(names)
        self.states = []

    def copy(self):
        return dict(self.names), list(self.order), dict(self.into)

    def restore(self, state):
        self.names, self.order, self.into = dict(state[0]), list(state[1]), dict(state[2])

    def now(self, label):
        while label in self.into:
            label = self.into[label]
        return self.names.get(label) if label in self.order else None

    def manual(self):
        return {record: self.now(label) for record, label in self.answers.items()}


@settings(max_examples=40, deadline=None)
@given(plan=CHANGES)
@example(plan=[("add", 0, 0), ("undo", 0, 0), ("add", 0, 0), ("import", 0, 0), ("undo", 0, 0)])
def test_any_sequence_of_changes_is_what_a_plain_model_says(tmp_path_factory, plan):
    folder = tmp_path_factory.mktemp("labels") / "p"
    names = ["a", "b", "c"]
    model, fresh = Model(names), iter(f"n{i}" for i in range(100))
    project = weaklab.Project(folder, labels=names, timeout=None, weak_classifiers=[], retrain_every=0)
    project.add_records([{"id": f"r{i}", "text": f"t{i}"} for i in range(6)], quiet=True)
    used = list(names)
    for kind, first, second in plan:
        at = model.order[first % len(model.order)]
        other = model.order[second % len(model.order)]
        before = model.copy()
        labels = project.label_set
        if kind == "label":
            project.label(f"r{second % 6}", model.names[at])
            model.answers[f"r{second % 6}"] = at
        elif kind == "rename":
            name = used[second % len(used)] if second % 2 else next(fresh)
            if name in [model.names[label] for label in model.order]:
                continue
            labels.rename(model.names[at], name)
            used.append(name)
            model.names[at] = name
            model.states.append(before)
        elif kind == "merge" and at != other and len(model.order) > 2:
            labels.merge(model.names[at], into=model.names[other])
            model.into[at] = other
            model.order.remove(at)
            model.states.append(before)
        elif kind == "add":
            name = used[second % len(used)] if second % 2 else next(fresh)
            if name in [model.names[label] for label in model.order]:
                continue
            labels.add(name)
            model.names[model.next] = name
            model.order.append(model.next)
            model.next += 1
            used.append(name)
            model.states.append(before)
        elif kind == "remove" and len(model.order) > 2:
            if model.names[at] in model.manual().values():
                with pytest.raises(ProjectError, match="in use"):
                    labels.remove(model.names[at])
                continue
            labels.remove(model.names[at])
            model.order.remove(at)
            model.states.append(before)
        elif kind == "order":
            turned = model.order[first % 3 :] + model.order[: first % 3]
            labels.order([model.names[label] for label in turned])
            model.order = turned
            model.states.append(before)
        elif kind == "undo" and model.states:
            changed = model.copy()
            model.restore(model.states[-1])
            if None in model.manual().values():
                model.restore(changed)
                with pytest.raises(ProjectError, match="in use"):
                    labels.undo()
                continue
            labels.undo()
            model.states.pop()
        elif kind == "import":
            name = f"i{project.workspace.journal.last_event()}-{len(project)}"
            project.add_records([{"id": name, "text": name, "y": model.names[at]}], label="y", quiet=True)
            model.answers[name] = at
        elif kind == "reopen":
            project.close()
            project = weaklab.Project(folder, timeout=None)
        project.workspace.refresh()
        expected = [model.names[label] for label in model.order]
        assert list(project.label_names) == expected == read_settings(Path(folder))["labels"]
        assert project.manual_labels() == model.manual()
    project.close()


# ---- on the command line


@pytest.fixture
def run(capsys):
    def call(*arguments):
        code = 0
        try:
            app([str(argument) for argument in arguments], standalone_mode=False)
        except WeaklabError as error:
            code, message = 1, str(error)
            sys.stderr.write(message)
        written = capsys.readouterr()
        return SimpleNamespace(returncode=code, stdout=written.out, stderr=written.err)

    return call


def test_the_command_changes_lists_and_undoes(project, run):
    path = project.path
    done = run("labels", path, "--rename", "spam", "junk")
    assert (done.returncode, done.stderr) == (0, "done: rename spam to junk\n")
    assert "mine.py:12: 'prizes' votes 'spam', which is 'junk' now; write 'junk'" in " ".join(done.stdout.split())
    assert project.manual_labels() == {"a": "junk", "c": "ads"}
    listed = json.loads(run("labels", path, "--json").stdout)
    assert listed["junk"] == {"code": 1, "manual_labels": 1, "former_names": ["spam"]}
    assert "old label name: " in run("lfs", path).stdout
    assert run("labels", path, "--order", "ads, junk,ham").returncode == 0
    assert list(json.loads(run("labels", path, "--json").stdout)) == ["ads", "junk", "ham"]
    refused = run("labels", path, "--remove", "ads")
    assert refused.returncode == 1
    assert "label 'ads' is in use: 1 manual label; heuristic offers" in refused.stderr
    assert run("labels", path, "--add", "x", "--undo").returncode == 1
    assert run("labels", path, "--undo").stderr == "undone: order ads, junk, ham\n"
    assert run("labels", path, "--undo").returncode == 0
    assert run("labels", path, "--undo").stderr == "no change of the labels is left to undo\n"
    assert project.manual_labels() == {"a": "spam", "c": "ads"}


# ---- stopped processes

CHANGING = """
import sys, warnings, weaklab
warnings.simplefilter("ignore")
project = weaklab.Project(sys.argv[1], timeout=None, annotator="child")
print("ready", flush=True)
for turn in range(100_000):
    event = project.label_set.rename(project.label_names[turn % 3], f"n{turn}_{sys.argv[2]}")
    print(event.id, event.value["rename"][1], flush=True)
    if turn % 5 == 4:
        event = project.label_set.undo()
    if turn % 7 == 6:
        project.label_set.order(list(project.label_names)[::-1])
    answer = project.label("d", project.label_names[0])
    print(answer.id, answer.label, flush=True)
"""


@forked.needs_fork
def test_what_was_acknowledged_is_there_after_kills(tmp_path):
    folder = tmp_path / "p"
    with weaklab.Project(folder, labels=["ham", "spam", "ads"], timeout=None, weak_classifiers=[]) as made:
        made.add_records(ROWS, gold="gold", quiet=True)
    random = Random(7)
    for kill in range(4):
        child = forked.Program(CHANGING, folder, kill)
        assert child.stdout.readline() == "ready\n"
        time.sleep(random.uniform(0.05, 0.6))
        told = child.kill().splitlines(keepends=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the file may have been left one change behind
            project = weaklab.Project(folder, timeout=None)
        with project:
            events = {event.id: event for event in project.workspace.journal.events()}
            for line in told:
                if line.endswith("\n"):
                    number, name = line.split()
                    event = events[int(number)]
                    assert name == (event.value["rename"][1] if event.kind == "labels" else event.value)
            assert read_settings(folder)["labels"] == list(project.label_names)
            assert None not in project.manual_labels().values()
            while project.label_set.undo():
                pass
            assert list(project.label_names) == ["ham", "spam", "ads"]
            assert project.corpus.gold() == ["spam", "ham", "ads", None]
