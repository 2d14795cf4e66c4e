"""Records that are updated, removed and given gold labels: what a project shows, undo, other processes, a model."""

import shutil

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from weaklab import Project, WeaklabError, col, keywords, labeling_function, where
from weaklab.cli.app import main
from weaklab.features.words import Hashing
from weaklab.voting.committee import Committee

ROWS = [{"id": name, "text": f"{name} {'prize' if i % 2 else 'lunch'}", "n": i} for i, name in enumerate("abcdef")]


@pytest.fixture
def project(tmp_path):
    with Project(tmp_path / "p", labels=["ham", "spam"], timeout=None, annotator="Ann") as made:
        made.add_records(ROWS, quiet=True)
        made.add(keywords("spam", ["prize"], name="prizes"))
        yield made


def texts(project):
    return dict(zip(project.corpus.ids.to_pylist(), project.corpus.column("text").to_pylist(), strict=True))


def test_an_update_names_its_columns_and_values_that_do_not_fit(project):
    found = project.update_records([{"id": "a", "n": 5, "txt": 1}], text=[])
    assert (found.columns, dict(found.new_columns)) == (("n", "txt"), {"txt": "did you mean 'text'?"})
    assert found.columns_in_words == "updated column: n; new column: txt (did you mean 'text'?)"
    assert "new column: txt" in repr(found)
    with pytest.raises(WeaklabError, match="'n' holds numbers in the project, and '-' of record 'b' is no number"):
        project.update_records([{"id": "a", "n": "4"}, {"id": "b", "n": "-"}], text=[])


# ---- removing


def test_a_removed_record_is_gone_from_labels_votes_exports_counts_and_questions(project, tmp_path):
    for name in "abc":
        project.label(name, "ham")
    assert project.remove_records(["a", "b"]).records == 2
    assert len(project) == 4
    assert project.labels()["id"].tolist() == ["c", "d", "e", "f"]
    assert project.votes().L[:, 0].tolist() == [-1, 1, -1, 1]
    assert project.manual_labels() == {"c": "ham"}
    status = project.status()
    assert (status["records"], status["manual_labels"], status["labels_outside"]) == (4, 1, 0)
    assert project.export(tmp_path / "labels.csv") == 4
    assert len(project.records) == 4
    assert {ask.id for ask in project.ask(10)} == {"d", "e", "f"}
    assert project.annotators()["labels"].tolist() == [1]
    project.evaluate(progress=False)


def test_undo_brings_a_record_back_with_its_labels(project):
    project.label("a", "ham", annotator="Ann")
    project.label("a", "spam", annotator="Bob")
    removal = project.remove_records("a")
    assert (project.manual_labels(), len(project.disputes()), len(project.annotators())) == ({}, 0, 0)
    assert project.undo().id == removal.event
    assert project.manual_labels() == {"a": "spam"}
    assert project.disputes()["record"].tolist() == ["a"]
    assert project.annotators()["labels"].tolist() == [1, 1]
    assert list(texts(project)) == list("abcdef")


@pytest.mark.parametrize("where", [col("n") >= 4, "n >= 4", "text in ('e lunch', 'f prize')"])
def test_a_condition_names_the_records_to_remove(project, where):
    assert project.remove_records(where=where).records == 2
    assert list(texts(project)) == list("abcd")


def test_a_table_of_records_can_be_removed(project):
    assert project.remove_records(project.records.search("prize")).records == 3
    assert list(texts(project)) == list("ace")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: p.remove_records(["a", "zz", "yy"]), "no record 'zz' and 1 more"),
        (lambda p: p.remove_records(), "one of the two"),
        (lambda p: p.remove_records(["a"], where="n > 1"), "one of the two"),
        (lambda p: p.remove_records(where="m > 1"), "no column 'm'"),
        (lambda p: p.update_records([{"id": "zz", "text": "t"}]), "no record 'zz'"),
        (lambda p: p.update_records([{"text": "t"}]), "no column of ids"),
        (lambda p: p.update_records([{"id": "a", "truth": "eggs"}], gold="truth"), "eggs"),
        (lambda p: p.update_records([{"id": "a", "n": "many"}]), "'n'"),
        (lambda p: p.set_gold({"zz": "ham"}), "no record 'zz'"),
        (lambda p: p.set_gold({"a": "eggs"}), "eggs"),
        (lambda p: p.undo(99), "event 99 is not there"),
        (lambda p: p.undo("1"), "takes the number of an event"),
    ],
)
def test_what_does_not_fit_is_refused_and_changes_nothing(project, call, message):
    with pytest.raises(WeaklabError, match=message):
        call(project)
    assert (len(project), len(project.history())) == (6, 0)
    assert not list((project.path / "updates").glob("*"))


def test_the_id_of_a_removed_record_stays_taken(project):
    removal = project.remove_records(["a"]).event
    for call in (
        lambda: project.label("a", "ham"),
        lambda: project.remove_records(["a"]),
        lambda: project.update_records([{"id": "a", "text": "t"}]),
        lambda: project.add_records([{"id": "a", "text": "t"}], quiet=True),
    ):
        with pytest.raises(WeaklabError, match="'a' was removed"):
            call()
    assert project.add_records([{"id": "a", "text": "t"}, {"id": "g", "text": "t"}], skip_known=True, quiet=True) == 1
    assert list(texts(project)) == list("bcdefg")
    project.undo(removal)
    assert list(texts(project)) == list("abcdefg")


def test_an_event_is_taken_back_once(project):
    removal = project.remove_records(["a"]).event
    project.undo(removal)
    with pytest.raises(WeaklabError, match="taken back already"):
        project.undo(removal)
    with pytest.raises(WeaklabError, match="is an undo itself"):
        project.undo(removal + 1)


@pytest.mark.filterwarnings("ignore::weaklab.core.errors.FaultWarning")
def test_faults_count_on_the_records_that_are_there(tmp_path):
    def fails(x):
        if x.n % 2:
            raise ValueError("odd")
        return {"no": "label"}[x.text]

    with Project(tmp_path / "p", labels=["ham", "spam"], timeout=None) as project:
        project.add_records(
            [{"id": f"r{i}", "text": "yes" if i < 50 else "no", "n": i} for i in range(100)], quiet=True
        )
        project.add(labeling_function(fails))

        def faults():
            return {fault.exception: (fault.count, fault.records[0]) for fault in project.votes().faults}

        assert faults() == {"KeyError": (25, "r0"), "ValueError": (50, "r1"), "UnknownLabelError": (25, "r50")}
        project.remove_records([f"r{i}" for i in range(60) if i % 2])
        assert faults() == {"KeyError": (25, "r0"), "ValueError": (20, "r61"), "UnknownLabelError": (25, "r50")}
        assert project.status()["faults"] == 70
        project.update_records([{"id": "r61", "n": 0}, {"id": "r0", "n": 1}])
        assert faults() == {"KeyError": (24, "r2"), "ValueError": (20, "r0"), "UnknownLabelError": (26, "r50")}
        project.remove_records([f"r{i}" for i in range(60) if i % 2 == 0])
        assert faults() == {"ValueError": (19, "r63"), "UnknownLabelError": (21, "r60")}
    with Project(tmp_path / "p", run_code=False) as again:
        assert [fault.count for fault in again.votes().faults] == [19, 21]
        again.undo(1)
        assert sum(fault.count for fault in again.votes().faults) == 70


# ---- updating


def test_an_update_changes_its_columns_and_leaves_the_others(project):
    project.update_records([{"id": "d", "text": "lunch"}, {"id": "b", "text": "a match"}])
    assert project.corpus.take([1, 3, 4]).to_pylist() == [
        {"id": "b", "text": "a match", "n": 1},
        {"id": "d", "text": "lunch", "n": 3},
        {"id": "e", "text": "e lunch", "n": 4},
    ]
    assert project.labels()["label"].tolist() == [None] * 5 + ["spam"]
    project.update_records(pd.DataFrame({"id": ["d"], "n": [30]}))
    assert project.corpus.take([3]).to_pylist() == [{"id": "d", "text": "lunch", "n": 30}]
    project.undo()
    project.undo()
    assert project.corpus.take([1, 3]).to_pylist() == [ROWS[1], ROWS[3]]


def test_columns_can_be_added(project):
    project.update_records([{"id": "a", "extra": "x"}])
    assert project.corpus.column("extra").to_pylist() == ["x", None, None, None, None, None]
    project.undo()
    assert "extra" not in project.corpus.schema.names


@pytest.fixture
def voted(monkeypatch):
    """Return the names of the heuristics that voted on more than the records of an update, as they come."""
    found = []
    compute = Committee._compute

    def counting(committee, heuristics, corpus, *others):
        found.extend(h.name for h in heuristics if len(corpus) > 1)
        return compute(committee, heuristics, corpus, *others)

    monkeypatch.setattr(Committee, "_compute", counting)
    return found


def test_only_heuristics_that_may_read_an_added_column_vote_anew(project, voted):
    def by_text(x):
        return "spam" if "draw" in x.text else None

    def by_item(x):
        return "ham" if x["n"] == 2 else None

    def by_new(x):
        try:
            return "spam" if x.extra else None
        except AttributeError:
            return None

    def by_all(x):
        return "spam" if "x" in dict(x).values() else None

    for function in (by_text, by_item, by_new, by_all):
        project.add(labeling_function(function))
    project.add(where("ham", col("n") > 4, name="condition"))
    project.run(progress=False)
    voted.clear()
    before = project.votes().L.copy()
    project.update_records([{"id": "a", "extra": "x"}])
    L = project.votes().L
    assert voted == ["by_new", "by_all"]
    new = [project.votes().names.index(name) for name in ("by_new", "by_all")]
    assert L[0, new].tolist() == [1, 1]
    others = np.delete(np.arange(L.shape[1]), new)
    assert (L[:, others] == before[:, others]).all()
    voted.clear()
    project.undo()
    assert (before == project.votes().L).all()
    assert voted == []


class Encoder:
    """Encodes a text by its length and its first letter, and notes in a file what it was given."""

    def __init__(self, file):
        self.file = str(file)

    def encode(self, texts):
        with open(self.file, "a") as stream:
            stream.writelines(f"{text}\n" for text in texts)
        return np.array([[len(text), ord(text[:1] or " ")] for text in texts], dtype=np.float32)


@pytest.fixture
def hashed(monkeypatch):
    """Return the texts of which hashed features are computed, as they come."""
    found = []
    transform = Hashing.transform

    def counting(features, batch):
        found.extend(batch.column("text").to_pylist())
        return transform(features, batch)

    monkeypatch.setattr(Hashing, "transform", counting)
    return found


@pytest.mark.parametrize("kind", ["hashing", "encoder", "both"])
def test_features_of_a_record_alone_are_computed_for_changed_records_only(project, hashed, kind, tmp_path):
    file = tmp_path / "encoded"
    features = {"hashing": "hashing", "encoder": Encoder(file), "both": ["hashing", Encoder(file)]}[kind]

    def computed():
        file.write_text("")
        hashed.clear()
        X = project.workspace.cache.matrix(project.committee["c"])
        return {*hashed, *file.read_text().splitlines()}, X.toarray() if hasattr(X, "toarray") else X

    project.weak_classifier("naive_bayes", features=features, name="c")
    first, before = computed()
    assert first == {row["text"] for row in ROWS}
    project.update_records([{"id": "b", "text": "a match"}])
    texts, after = computed()
    assert texts == {"a match"}
    assert (after[[0, 2, 3, 4, 5]] == before[[0, 2, 3, 4, 5]]).all()
    assert (after[1] != before[1]).any()
    project.remove_records(["a", "d"])
    texts, fewer = computed()
    assert texts == set()
    assert (fewer == after[[1, 2, 4, 5]]).all()
    project.add_records([{"id": "g", "text": "new", "n": 7}], quiet=True)
    assert computed()[0] == {"new"}
    project.undo(2)
    project.undo(1)
    texts, again = computed()
    assert texts == set()
    assert (again[:6] == before).all()


def test_votes_that_were_kept_are_found_without_the_code(project, voted):
    def by_text(x):
        return "spam" if "draw" in x.text else None

    project.add(labeling_function(by_text))
    project.run(progress=False)
    project.update_records([{"id": "a", "extra": "x"}])
    before = project.votes().L
    voted.clear()
    with Project(project.path, run_code=False) as other:
        assert (before == other.votes().L).all()
        assert other.status()["faults"] == 0
    assert voted == []


def test_an_update_brings_labels_and_gold_and_undo_takes_both_back(project):
    rows = [{"id": "a", "is": 1, "truth": "ham"}, {"id": "b", "is": None, "truth": "spam"}]
    project.update_records([{**row, "is": row["is"] and "spam"} for row in rows], label="is", gold="truth")
    assert project.manual_labels() == {"a": "spam"}
    assert project.corpus.gold() == ["ham", "spam", None, None, None, None]
    assert project.to_review().empty
    project.undo()
    assert (project.manual_labels(), project.corpus.roles.gold) == ({}, None)


def test_heuristics_vote_on_the_updated_records_alone(project):
    seen = []

    @labeling_function
    def sees(x):
        seen.append(x.record_id)

    project.add(sees)
    project.run(progress=False)
    seen.clear()
    project.update_records([{"id": "c", "text": "new"}])
    project.remove_records(["a"])
    project.run(progress=False)
    assert [name for name in seen if name != "c"] == []
    seen.clear()
    project.undo()
    project.undo()
    project.run(progress=False)
    assert seen == []


def test_labels_on_a_changed_text_are_listed_until_someone_labels_anew(project):
    project.label("a", "ham", annotator="Ann")
    project.label("b", "spam", annotator="Bob")
    project.label("c", "ham")
    update = project.update_records([{"id": name, "text": "new", "n": 1} for name in "ab"])
    assert update.to_review == 2
    assert project.to_review()[["record", "annotator"]].values.tolist() == [["a", "Ann"], ["b", "Bob"]]
    assert project.manual_labels() == {"a": "ham", "b": "spam", "c": "ham"}
    project.relabel("b", "spam")
    assert project.to_review()["record"].tolist() == ["a"]
    project.update_records([{"id": "c", "n": 7}])  # another column, the same text
    assert project.to_review()["record"].tolist() == ["a"]
    project.undo(update.event)
    assert project.to_review().empty


def test_the_last_update_that_stands_counts(project):
    first = project.update_records([{"id": "a", "text": "first"}]).event
    second = project.update_records([{"id": "a", "n": 5}]).event
    project.undo(first)
    assert project.corpus.take([0]).to_pylist() == [{"id": "a", "text": "first", "n": 5}]
    project.undo(second)
    assert project.corpus.take([0]).to_pylist() == [ROWS[0]]


def test_an_update_of_every_kind_of_file(project, tmp_path):
    (tmp_path / "new.csv").write_text("id,text\na,from a file\n")
    project.update_records(tmp_path / "new.csv")
    project.update_records(pa.table({"id": ["b"], "text": ["from arrow"]}))
    assert (texts(project)["a"], texts(project)["b"]) == ("from a file", "from arrow")


def test_a_damaged_update_is_named_and_can_be_taken_back(project):
    number = project.update_records([{"id": "a", "text": "new"}]).event
    [part] = (project.path / "updates").glob("*/part-*.parquet")
    part.write_bytes(part.read_bytes()[:-9])
    with Project(project.path, timeout=None) as other:
        with pytest.raises(WeaklabError, match=rf"belongs to the update .*project\.undo\({number}\)"):
            other.labels()
        other.undo(number)
        assert texts(other)["a"] == "a lunch"


# ---- gold labels


def test_gold_labels_are_set_and_taken_away(project):
    project.set_gold({"a": "ham", "b": "spam"})
    assert project.status()["accuracy"] == 0.75  # b is right, a is undecided
    project.set_gold(pd.Series({"b": None, "c": "ham"}))
    assert project.corpus.gold() == ["ham", None, "ham", None, None, None]
    assert project.corpus.column("gold").to_pylist() == project.corpus.gold()
    assert [row["gold"] for batch in project.corpus.batches() for row in batch.to_pylist()] == project.corpus.gold()
    project.undo()
    project.set_gold([{"id": "f", "y": "1"}], gold="y", map={"1": "spam"})
    assert project.corpus.gold() == ["ham", "spam", None, None, None, "spam"]
    project.undo()
    project.undo()
    assert project.corpus.roles.gold is None


def test_gold_labels_take_the_place_of_imported_ones(tmp_path):
    with Project(tmp_path / "p", labels=["ham", "spam"], timeout=None) as project:
        project.add_records([{**row, "truth": "ham"} for row in ROWS[:3]], gold="truth", quiet=True)
        project.add_records([{**row, "y": "spam"} for row in ROWS[3:]], gold="y", quiet=True)
        project.set_gold({"a": "spam", "f": None})
        assert project.corpus.gold() == ["spam", "ham", "ham", "spam", "spam", None]
        project.update_records([{"id": "e", "text": "new"}])
        assert project.corpus.gold() == ["spam", "ham", "ham", "spam", "spam", None]
        project.update_records([{"id": "a", "is": "ham"}], gold="is")
        assert project.corpus.gold() == ["ham", "ham", "ham", "spam", "spam", None]


# ---- sessions, other processes, undo of others


def test_open_sessions_see_removed_and_updated_records(project):
    with Project(project.path, timeout=None, annotator="Bob") as other, project.session("Ann", background=False) as ann:
        first = ann.next()
        queue = [ask.id for ask in ann.peek(6)]
        other.remove_records([queue[1]])
        other.update_records([{"id": queue[2], "text": "new text"}])
        ann.answer(first, "ham")
        shown = {}
        while (ask := ann.next()) is not None:
            shown[ask.id] = ask.text
            ann.answer(ask, "ham")
        assert queue[1] not in shown
        assert shown[queue[2]] == "new text"
        assert set(shown) == {*queue[2:]}
        other.undo(annotator="Bob")
        assert ann.project.status()["records"] == 5


def test_undo_of_a_person_reaches_earlier_sessions(project):
    with Project(project.path, timeout=None, annotator="Ann") as other:
        other.label("a", "ham")
        other.remove_records(["b"])
    project.label("c", "ham", annotator="Bob")
    assert project.undo(annotator="Ann").kind == "remove"
    assert project.undo(annotator="Ann").record == "a"
    assert project.undo(annotator="Ann") is None
    assert project.manual_labels() == {"c": "ham"}


def test_a_saved_snapshot_knows_removed_records(project, monkeypatch):
    monkeypatch.setattr("weaklab.project.saved_snapshot.WORTH_SAVING", 1)
    for name in "abc":
        project.label(name, "ham")
    project.remove_records(["a"])
    project.label("d", "spam")
    project.status()
    with Project(project.path, timeout=None) as other:
        assert other.manual_labels() == {"b": "ham", "c": "ham", "d": "spam"}
        other.undo(4)
        assert other.manual_labels() == {"a": "ham", "b": "ham", "c": "ham", "d": "spam"}
    assert project.manual_labels() == {"a": "ham", "b": "ham", "c": "ham", "d": "spam"}


@pytest.mark.filterwarnings("ignore:.*votes 'spam', which is 'junk' now")
def test_records_are_changed_after_labels_were_renamed(project):
    project.label("a", "spam")
    project.label_set.rename("spam", "junk")
    project.update_records([{"id": "a", "text": "new", "is": "junk"}], gold="is")
    assert project.to_review()[["record", "label"]].values.tolist() == [["a", "junk"]]
    project.label_set.rename("junk", "spam")
    assert project.to_review()["label"].tolist() == ["spam"]
    project.remove_records(["b"])
    assert project.manual_labels() == {"a": "spam"}
    assert project.corpus.gold()[0] == "spam"


# ---- command line


def test_commands_put_records_and_answers_right(project, tmp_path, monkeypatch, capsys):
    def weaklab(*arguments):
        monkeypatch.setattr("sys.argv", ["weaklab", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        assert end.value.code == 0
        return capsys.readouterr().out

    path = str(project.path)
    (tmp_path / "new.csv").write_text("id,text\na,new text\n")
    (tmp_path / "truth.csv").write_text("id,is\nb,1\n")
    assert "is labeled ham by Ann" in weaklab("relabel", path, "a", "ham", "--annotator", "Ann")
    assert "updated 1 record" in weaklab("update", path, str(tmp_path / "new.csv"), "--annotator", "Ann")
    assert "1 label to review" in weaklab("review", path)
    assert "the project has 5" in weaklab("remove", path, "f", "--annotator", "Ann")
    assert "the project has 4" in weaklab("remove", path, "--where", "n == 4", "--annotator", "Bob")
    told = weaklab("gold", path, str(tmp_path / "truth.csv"), "--gold", "is", "--map", "1=spam", "--annotator", "Ann")
    assert "set the gold label of 1 record" in told
    assert project.corpus.gold() == [None, "spam", None, None]
    assert "event 5, gold" in weaklab("undo", path, "--annotator", "Ann")
    assert "event 3, remove" in weaklab("undo", path, "--annotator", "Ann")
    assert "event 4, remove" in weaklab("undo", path, "4")
    assert list(texts(project)) == list("abcdef")
    assert "label 'ham' of record a" in weaklab("undo", path, "1")
    assert "nothing of Eve" in weaklab("undo", path, "--annotator", "Eve")
    assert "update" in weaklab("history", path, "--kind", "update")


# ---- a model

STEP = st.one_of(
    st.tuples(st.just("add"), st.integers(0, 3)),
    st.tuples(st.just("update"), st.lists(st.integers(0, 20), min_size=1, max_size=3, unique=True), st.integers(0, 99)),
    st.tuples(st.just("remove"), st.lists(st.integers(0, 20), min_size=1, max_size=3, unique=True)),
    st.tuples(st.just("gold"), st.integers(0, 20), st.sampled_from(["ham", "spam", None])),
    st.tuples(st.just("label"), st.integers(0, 20), st.sampled_from(["ham", "spam"]), st.sampled_from(["Ann", "Bob"])),
    st.tuples(st.just("undo"), st.integers(0, 30)),
    st.tuples(st.just("reopen")),
)


class Model:
    """What a project must hold, worked out from a list of what was done."""

    def __init__(self):
        self.rows = {}
        self.done = {}

    def now(self):
        """Return texts, gold labels and manual labels by id."""
        rows = {name: [text, None] for name, text in self.rows.items()}
        labels, removed = {}, set()
        for number in sorted(self.done):
            kind, *what = self.done[number]
            if kind == "update":
                rows |= {name: [text, gold] for name, (text, gold) in what[0].items()}
            elif kind == "remove":
                removed |= set(what[0])
            elif kind == "gold":
                rows[what[0]][1] = what[1]
            elif kind == "label":
                labels.setdefault(what[0], {}).pop(what[2], None)
                labels[what[0]][what[2]] = what[1]
        here = {name: row for name, row in rows.items() if name not in removed}
        manual = {name: by for name, by in labels.items() if name in here}
        return here, manual


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(STEP, max_size=14))
def test_any_sequence_of_changes_gives_what_a_model_says(tmp_path, steps):
    path = tmp_path / "p"
    shutil.rmtree(path, ignore_errors=True)
    model, project = Model(), Project(path, labels=["ham", "spam"], timeout=None, share_answers=0.0, retrain_every=0)
    model.rows = {f"r{i}": f"text {i}" for i in range(4)}
    project.add_records([{"id": name, "text": text} for name, text in model.rows.items()], quiet=True)
    for step in steps:
        project = take(project, model, step)
        rows, manual = model.now()
        if not rows:
            break
        ids = project.corpus.id_column().to_pylist()
        assert dict(zip(ids, project.corpus.column("text").to_pylist(), strict=True)) == {
            name: text for name, (text, _) in rows.items()
        }
        assert list(project.workspace.rows) == [name for name in model.rows if name in rows]
        gold = [rows[name][1] for name in model.rows if name in rows]
        assert (project.corpus.gold() if project.corpus.roles.gold else [None] * len(gold)) == gold
        assert set(project.manual_labels()) == set(manual)
        for name, by in manual.items():
            if len(set(by.values())) == 1:
                assert project.manual_labels()[name] in by.values()
        counts = [sum(person in by for by in manual.values()) for person in ("Ann", "Bob")]
        found = project.annotators().set_index("annotator")["labels"].to_dict()
        assert [found.get(person, 0) for person in ("Ann", "Bob")] == counts
    project.close()


def take(project, model, step):
    """Do a step in a project and in the model; return the project, which may be opened anew."""
    kind, *what = step
    rows, _ = model.now()
    names = list(rows)

    def chosen(numbers):
        return list(dict.fromkeys(names[number % len(names)] for number in numbers))

    if kind == "reopen":
        path = project.path
        project.close()
        return Project(path, timeout=None)
    if kind == "add" and what[0]:
        new = {f"r{i}": f"text {i}" for i in range(len(model.rows), len(model.rows) + what[0])}
        project.add_records([{"id": name, "text": text} for name, text in new.items()], quiet=True)
        model.rows |= new
    elif kind == "update":
        texts = {name: f"changed {what[1]} {i}" for i, name in enumerate(chosen(what[0]))}
        number = project.update_records([{"id": name, "text": text} for name, text in texts.items()]).event
        model.done[number] = ("update", {name: (text, rows[name][1]) for name, text in texts.items()})
    elif kind == "remove":
        ids = chosen(what[0])
        model.done[project.remove_records(ids).event] = ("remove", ids)
    elif kind == "gold":
        [name] = chosen(what[:1])
        model.done[project.set_gold({name: what[1]}).event] = ("gold", name, what[1])
    elif kind == "label":
        [name] = chosen(what[:1])
        model.done[project.label(name, what[1], annotator=what[2]).id] = ("label", name, *what[1:])
    elif kind == "undo" and model.done:
        number = sorted(model.done)[what[0] % len(model.done)]
        project.undo(number)
        del model.done[number]
    return project


def test_an_import_is_taken_back_and_comes_again(tmp_path):
    with Project(tmp_path / "p", labels=["ham", "spam"], timeout=None) as project:
        assert project.imports().empty
        with pytest.raises(WeaklabError, match="has no import 1; there are none yet"):
            project.undo_import(1)
        project.add_records([{"id": "a", "text": "win"}], quiet=True)
        project.add_records([{"id": "b", "text": "lunch"}, {"id": "c", "text": "noon"}], quiet=True)
        project.label("b", "ham")
        project.remove_records("c")
        shown = ["number", "records", "there", "labeled"]
        assert project.imports()[shown].values.tolist() == [[1, 1, 1, 0], [2, 2, 1, 1]]
        removal = project.undo_import(2)
        assert (removal.records, len(project), project.manual_labels()) == (1, 1, {})
        assert project.undo_import(2).event is None
        project.undo(removal.event)
        assert (len(project), project.manual_labels()) == (2, {"b": "ham"})
        with pytest.raises(WeaklabError, match="has no import 3; there are 1 to 2"):
            project.undo_import(3)
