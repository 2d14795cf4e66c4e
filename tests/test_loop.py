"""The loop: records, votes, questions, answers, retraining, and what is there when a project is opened again."""

import json
import subprocess
import sys
import threading

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from scipy import sparse

import weaklab
from weaklab.core.errors import HeuristicError, ProjectError, UnknownLabelError, WeaklabWarning
from weaklab.features.embeddings import unit_rows
from weaklab.label_models import confidence
from weaklab.simulation.loop import Loop
from weaklab.simulation.project_replay import replay
from weaklab.training.background import Ahead

TEXTS = {
    "a": "win a free prize today",
    "b": "lunch at noon?",
    "c": "free tickets, reply now",
    "d": "see you at the meeting",
    "e": "prize draw: lunch for two",
    "f": "call me later",
}
FRAME = pd.DataFrame(
    {"id": list(TEXTS), "text": list(TEXTS.values()), "gold": ["spam", "ham", "spam", "ham", "spam", "ham"]}
)


@pytest.fixture
def project(tmp_path):
    with weaklab.Project(tmp_path / "p", labels=["ham", "spam"], timeout=0, retrain_every=0) as project:
        project.add_records(FRAME, gold="gold")
        project.add(weaklab.keywords("spam", ["free", "prize"], name="offers"))
        project.add(weaklab.keywords("ham", ["lunch", "meeting"], name="plans"))
        yield project


def reopened(project):
    return weaklab.Project(project.path)


def labels_of(project):
    frame = project.labels()
    return dict(zip(frame["id"], frame["label"], strict=True))


# ---- labels


def test_labels_without_any_manual_label(project):
    assert labels_of(project) == {"a": "spam", "b": "ham", "c": "spam", "d": "ham", "e": None, "f": None}
    frame = project.labels()
    assert frame.columns.tolist() == ["id", "label", "p_ham", "p_spam", "confidence", "manual", "shared_from"]
    np.testing.assert_allclose(frame[["p_ham", "p_spam"]].sum(axis=1), 1)
    assert frame["confidence"].between(0, 1).all()
    assert not frame["manual"].any()


def test_a_manual_label_is_certain_and_the_last_one_counts(project):
    project.label("f", "spam")
    project.label("f", "ham")
    row = project.labels().set_index("id").loc["f"]
    assert (row.label, row.p_ham, row.confidence, row.manual) == ("ham", 1.0, 1.0, True)
    assert project.history()["label"].tolist() == ["spam", "ham"]


def test_labels_improve_with_answers(tmp_path):
    frame = weaklab.datasets.load_headlines()
    labels = list(weaklab.datasets.HEADLINE_LABELS)
    functions = [str(weaklab.datasets.headline_functions())]
    with weaklab.Project(
        tmp_path / "h", labels=labels, labeling_functions=functions, weak_classifiers=["nb"]
    ) as project:
        project.add_records(frame, gold="gold")
        rounds = replay(project, dict(zip(frame["id"], frame["gold"], strict=True)), 60, 20)
        assert project.workspace.trained.votes.picked.sum() == (project.history().picked_by == "shortlist_spread").sum()
    assert [r.labels for r in rounds] == [0, 20, 40, 60]
    assert rounds[-1].accuracy > rounds[0].accuracy + 0.05
    assert rounds[0].accuracy > 0.7


# ---- asking


def test_every_question_says_why_and_what_the_committee_thinks(project):
    ask = project.ask(1)[0]
    assert ask.text == TEXTS[ask.id]
    assert set(ask.probabilities) == {"ham", "spam"}
    assert all(a.why for a in project.ask(6))
    contested = next(a for a in project.ask(6, strategy="vote_entropy") if a.id == "e")
    assert contested.votes == {"offers": "spam", "plans": "ham"}
    assert contested.suggestion is None
    assert contested.confidence < 1e-6


def test_confidence_of_a_question_is_the_normalised_entropy_of_its_probabilities(project):
    for ask in project.ask(6):
        assert ask.confidence == pytest.approx(float(confidence([list(ask.probabilities.values())])[0]))


def test_labeled_and_skipped_records_are_not_asked_again_unless_told(project):
    project.label("a", "spam")
    project.skip("b")
    assert {"a", "b"}.isdisjoint(ask.id for ask in project.ask(6))
    assert "a" in {ask.id for ask in project.ask(6, again=True)}
    project.requeue("b")
    project.requeue("a")
    assert {"a", "b"} <= {ask.id for ask in project.ask(6)}
    assert labels_of(project)["a"] == "spam"


def test_the_next_batch_shows_what_is_left(project):
    asked = [ask.id for ask in project.ask(4)]
    project.label_many([(record, "ham") for record in asked])
    assert set(asked).isdisjoint(ask.id for ask in project.ask(4))
    assert len(project.ask(10)) == 2


def test_an_answer_keeps_how_the_record_was_picked_and_what_was_suggested(project):
    ask = project.ask(1, strategy="random")[0]
    project.label(ask, "ham", seconds=2.5, shown=False, annotator="ann")
    event = project.history().iloc[0]
    assert (event.record, event.label, event.annotator, event.seconds) == (ask.id, "ham", "ann", 2.5)
    assert (event.picked_by, event.pick_probability) == ("random", pytest.approx(1 / 6))
    assert event.suggestion_shown == 0
    assert event.suggestion == ask.suggestion


def test_the_same_seed_asks_the_same_questions(tmp_path):
    asked = []
    for name in ("one", "two"):
        with weaklab.Project(tmp_path / name, labels=["ham", "spam"], timeout=0, seed=3) as project:
            project.add_records(FRAME)
            asked.append([(ask.id, ask.strategy) for ask in project.ask(6)])
    assert asked[0] == asked[1]


# ---- undo, events


def test_undo_takes_back_the_last_answer_and_keeps_the_history(project):
    project.label("a", "ham")
    project.label("a", "spam")
    project.skip("b")
    assert project.undo().kind == "skip"
    assert project.undo().label == "spam"
    assert labels_of(project)["a"] == "ham"
    assert project.undo().label == "ham"
    assert not project.labels()["manual"].any()
    assert project.undo() is None
    assert project.history()["kind"].tolist() == ["label", "label", "skip", "undo", "undo", "undo"]


def test_undo_does_not_affect_other_sessions(project):
    with reopened(project) as other:
        other.label("a", "spam")
    assert project.undo() is None


def test_events_cannot_be_changed_or_removed(project):
    project.label("a", "ham")
    for statement in ("UPDATE events SET data = '{}'", "DELETE FROM events"):
        with pytest.raises(Exception, match="append-only"):
            project.workspace.journal._db.connection.execute(statement)


# ---- retraining


def test_retrains_after_every_n_labels_and_not_before(tmp_path):
    with weaklab.Project(tmp_path / "p", labels=["ham", "spam"], timeout=0, retrain_every=3) as project:
        project.add_records(FRAME)
        project.run(progress=False)
        trained = []
        for record in "abcdef":
            project.label(record, "ham")
            trained.append(project.status()["labels_since_training"])
    assert trained == [1, 2, 0, 1, 2, 0]


def test_retraining_can_be_off_and_on_demand(project):
    project.run(progress=False)
    for record in "abcd":
        project.label(record, "ham")
    assert project.status()["labels_since_training"] == 4
    project.run(progress=False)
    assert project.status()["labels_since_training"] == 0


def test_opening_again_continues_where_it_stopped(project):
    project.run(progress=False)
    project.label_many({"a": "spam", "b": "ham"})
    project.run(progress=False)
    project.label("c", "ham")
    with reopened(project) as again:
        assert again.status() == project.status()
        pd.testing.assert_frame_equal(again.labels(), project.labels())
        assert [a.id for a in again.ask(6, lease=False)] == [a.id for a in project.ask(6, lease=False)]


# ---- heuristics


def test_only_the_edited_column_is_computed_again(project):
    calls = []

    def counting(x):
        calls.append(x.record_id)
        return "spam" if "free" in x.text else None

    project.add(counting)
    project.run(progress=False)
    assert sorted(calls) == list(TEXTS)
    project.add(weaklab.keywords("ham", ["noon"], name="plans"))
    project.run(progress=False)
    project.remove("offers")
    project.run(progress=False)
    assert len(calls) == 6


def test_keywords_patterns_and_named_classifiers_are_remembered(project):
    project.add(weaklab.pattern("ham", r"\?$", name="question"))
    project.weak_classifier("naive_bayes", features=["tfidf", "hashing"], min_labels=4)
    project.run(progress=False)
    with reopened(project) as again:
        assert again.committee.names == ["offers", "plans", "question", "naive_bayes"]
        assert [h.fingerprint for h in again.committee.heuristics] == [
            h.fingerprint for h in project.committee.heuristics
        ]


def test_the_votes_of_a_notebook_function_are_kept_when_its_code_is_gone(project):
    project.add(lambda_like)
    before = labels_of(project)
    with reopened(project) as again:
        assert "lambda_like" in again.committee.names
        assert labels_of(again) == before
        again.add_records([{"id": "g", "text": "call now", "gold": ""}], gold="gold")
        with pytest.warns(WeaklabWarning, match="registered in another session"):
            again.run(progress=False)
        again.add(lambda_like)
        assert labels_of(again)["g"] == "ham"


def lambda_like(x):
    return "ham" if "call" in x.text else None


def test_a_file_of_functions_is_read_again_on_demand(tmp_path):
    file = tmp_path / "lfs.py"
    file.write_text('from weaklab import keywords\noffers = keywords("spam", ["free"], name="offers")\n')
    with weaklab.Project(tmp_path / "p", labels=["ham", "spam"], labeling_functions=[str(file)], timeout=0) as project:
        project.add_records(FRAME)
        assert labels_of(project)["f"] is None
        file.write_text('from weaklab import keywords\noffers = keywords("spam", ["call"], name="offers")\n')
        assert project.reload() == []
        assert labels_of(project)["f"] == "spam"
        file.write_text("def broken(:\n")
        assert ":1: SyntaxError" in project.reload()[0]
        assert project.committee.names == []


def test_a_weak_classifier_joins_when_it_has_labels_enough(tmp_path):
    texts = [f"free prize number {i}" if i % 2 else f"lunch with friend {i}" for i in range(40)]
    with weaklab.Project(tmp_path / "p", labels=["ham", "spam"], timeout=0) as project:
        project.add_records([{"id": str(i), "text": text} for i, text in enumerate(texts)])
        project.add(weaklab.WeakClassifier("naive_bayes", min_labels=6))
        project.label_many([(str(i), "spam" if i % 2 else "ham") for i in range(5)])
        assert project.run(progress=False).to_pandas().loc["naive_bayes", "coverage"] == 0
        project.label("5", "spam")
        summary = project.run(progress=False).to_pandas().loc["naive_bayes"]
        assert summary.coverage > 0.9
        assert summary.accuracy == 1.0
        assert labels_of(project)["39"] == "spam"


def test_a_classifier_that_memorises_is_judged_out_of_fold(tmp_path):
    from sklearn.neighbors import KNeighborsClassifier

    rng = np.random.default_rng(0)
    rows = [{"id": str(i), "x": float(v)} for i, v in enumerate(rng.normal(size=200))]
    truth = rng.integers(0, 2, 200)
    with weaklab.Project(tmp_path / "p", labels=["no", "yes"], timeout=0) as project:
        project.add_records(rows)
        for name, calibrate in (("memory", False), ("calibrated memory", True)):
            project.add(weaklab.WeakClassifier(KNeighborsClassifier(1), "columns", name=name, calibrate=calibrate))
        project.label_many([(str(i), int(truth[i])) for i in range(100)])
        judged = project.run(progress=False).to_pandas()
    assert judged.loc["memory"].n_labels == 100
    assert judged.loc["memory"].accuracy < 0.65
    assert judged.loc["calibrated memory"].coverage == 0


# ---- export


@pytest.mark.parametrize("suffix", ["parquet", "csv", "jsonl"])
def test_exports_hold_the_labels(project, tmp_path, suffix):
    project.run(progress=False)
    project.label("f", "ham")
    path = tmp_path / f"out.{suffix}"
    assert project.export(path, include=["text"]) == 6
    frame = {
        "parquet": lambda: pq.read_table(path).to_pandas(),
        "csv": lambda: pd.read_csv(path),
        "jsonl": lambda: pd.DataFrame(map(json.loads, path.read_text(encoding="utf-8").splitlines())),
    }[suffix]()
    assert frame.columns.tolist() == ["id", "text", "label", "p_ham", "p_spam", "confidence", "manual", "shared_from"]
    assert frame["text"].tolist() == list(TEXTS.values())
    assert frame["label"].fillna("").tolist() == ["spam", "ham", "spam", "ham", "", "ham"]
    assert frame["manual"].tolist() == [False] * 5 + [True]


def test_exports_leave_unsure_labels_empty_and_keep_the_type_of_the_ids(tmp_path):
    with weaklab.Project(tmp_path / "p", labels=["ham", "spam"], timeout=0) as project:
        project.add_records(pd.DataFrame({"number": [7, 8], "text": ["free", "x"]}), id="number")
        project.add(weaklab.keywords("spam", ["free"]))
        project.export(tmp_path / "out.parquet", min_confidence=0.999)
    table = pq.read_table(tmp_path / "out.parquet")
    assert table.column("number").to_pylist() == [7, 8]
    assert table.column("label").to_pylist() == [None, None]


@pytest.mark.parametrize(
    ("path", "options", "message"),
    [
        ("out.xlsx", {}, "wanted a name that ends in .csv, .jsonl, .parquet"),
        ("out", {}, "wanted a name that ends in"),
        ("out.csv", {"min_confidence": 2}, "min_confidence must be from 0 to 1"),
        ("out.csv", {"include": ["txt"]}, "no column 'txt'"),
        ("out.csv", {"include": ["id"]}, "is among the labels already"),
    ],
)
def test_wrong_exports_are_refused_and_leave_no_file(project, tmp_path, path, options, message):
    with pytest.raises(ValueError, match=message):
        project.export(tmp_path / "here" / path, **options)
    assert not (tmp_path / "here" / path).exists()


# ---- adding records


def test_records_can_be_added_later_and_only_they_are_voted_on(project):
    project.run(progress=False)
    project.label("a", "spam")
    assert project.add_records(pd.DataFrame({"id": ["g"], "text": ["free"], "gold": ["spam"]}), gold="gold") == 1
    assert labels_of(project)["g"] == "spam"
    assert len(project) == 7
    assert project.status()["manual_labels"] == 1


def test_known_records_are_an_error_or_left_out(project):
    more = pd.DataFrame({"id": ["f", "g"], "text": ["call me later", "new"], "gold": ["ham", "ham"]})
    with pytest.raises(ProjectError, match="record 'f' is in the project already"):
        project.add_records(more, gold="gold")
    assert len(project) == 6
    assert project.add_records(more, gold="gold", skip_known=True) == 1
    assert project.add_records(more, gold="gold", skip_known=True) == 0


def test_labels_that_come_with_records_are_manual_labels(tmp_path):
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "spam.txt").write_text("free prize\n\nwin now\n")
    (folder / "ham.txt").write_text("lunch?\n")
    (folder / "dataset.txt").write_text("hello\nprize for you\n")
    with weaklab.Project(tmp_path / "p", labels=["ham", "spam"], timeout=0) as project:
        assert project.add_records(folder) == 5
        assert project.labels()["manual"].sum() == 3
        assert {ask.text for ask in project.ask(5)} == {"hello", "prize for you"}


def test_a_label_column_with_another_name_adds_nothing(tmp_path):
    with weaklab.Project(tmp_path / "p", labels=["ham", "spam"], timeout=0) as project:
        with pytest.raises(
            UnknownLabelError, match="record '2', column 'y': 'spma' is not a label; did you mean 'spam'"
        ):
            project.add_records(
                [{"id": "1", "text": "x", "y": "ham"}, {"id": "2", "text": "z", "y": "spma"}], label="y", text="text"
            )
        assert len(project) == 0
        assert project.history().empty


# ---- mistakes


def test_mistakes_are_refused(project, tmp_path):
    with pytest.raises(UnknownLabelError, match="'spm' is not a label; did you mean 'spam'"):
        project.label("a", "spm")
    with pytest.raises(UnknownLabelError, match="to leave a record out, use skip"):
        project.label("a", None)
    with pytest.raises(ProjectError, match="no record 'zz' in the project"):
        project.label("zz", "ham")
    with pytest.raises(ProjectError, match=r"labels=\[\.\.\.\]"):
        weaklab.Project(tmp_path / "nowhere")
    with pytest.raises(ProjectError, match=r"has the labels \['ham', 'spam'\]"):
        weaklab.Project(project.path, labels=["spam", "ham"])
    with pytest.raises(ProjectError, match="no setting 'retrain_evry'; did you mean 'retrain_every'"):
        weaklab.Project(tmp_path / "q", labels=["a", "b"], retrain_evry=3)
    with pytest.raises(ProjectError, match="holds no record yet"):
        weaklab.Project(tmp_path / "r", labels=["a", "b"]).labels()
    with pytest.raises(UnknownLabelError, match="'clickbait' is not a label"):
        project.add(weaklab.keywords("clickbait", ["x"]))
    with pytest.raises(HeuristicError, match="votes None on its example 'hello', which says 'spam'"):
        project.add(weaklab.keywords("spam", ["free"], name="k", examples={"hello": "spam"}))
    assert project.committee.names == ["offers", "plans"]


def test_labels_may_grow_and_not_change_places(project):
    settings = project.path / "weaklab.toml"
    text = settings.read_text()
    settings.write_text(text.replace('labels = ["ham", "spam"]', 'labels = ["ham", "spam", "odd"]'))
    with reopened(project) as again:
        assert again.labels()["p_odd"].between(0, 1).all()
    settings.write_text(text.replace('labels = ["ham", "spam"]', 'labels = ["spam", "ham"]'))
    with pytest.raises(ProjectError, match="none may change place"):
        reopened(project)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("labels = 3", "labels must be a list of names"),
        ("labels = ['a']", "at least two labels"),
        ("labels = ['a', 'b']\nretrain_every = -1", "retrain_every must be a number, 0 or more"),
        ("labels = ['a', 'b']\ntimeout = nan", "timeout must be a number, 0 or more, got nan"),
        ("labels = ['a', 'b']\ntimeout = inf", "timeout must be a number, 0 or more, got inf"),
        ("labels = ['a', 'b']\nlabel_model = ['committee']", "label_model must be a name in quotes, got"),
        ("labels = ['a', 'b']\ncold_start = 3", "cold_start must be a name in quotes, got 3"),
        ("labels = ['a', 'b']\nlabeling_functions = 3", "labeling_functions must be a list, got 3"),
        ("labels = ['a', 'b']\nweak_classifiers = [3]", "weak_classifiers holds 3; wanted names in quotes"),
        (
            "labels = ['a', 'b']\nweak_classifiers = [{min_labels = 'x'}]",
            "min_labels must be a whole number, 0 or more, got 'x'",
        ),
        ("labels = ['a', 'b']\nweak_classifiers = [{seed = 0.5}]", "seed must be a whole number, 0 or more, got 0.5"),
        ("labels = [", "not a TOML file"),
        ("", "labels are missing"),
        ("labels = ['a', 'b']\ncolour = 1", "no setting 'colour'"),
    ],
)
def test_wrong_settings_are_reported_with_their_file(tmp_path, line, message):
    (tmp_path / "weaklab.toml").write_text(line)
    with pytest.raises(ProjectError, match=message) as caught:
        weaklab.Project(tmp_path)
    assert "weaklab.toml" in str(caught.value)


def test_invalid_database_is_reported(tmp_path):
    weaklab.Project(tmp_path / "p", labels=["a", "b"]).close()
    (tmp_path / "p" / "weaklab.db").write_bytes(b"not a database, not at all" * 100)
    with pytest.raises(ProjectError, match=r"the database is damaged \(file is not a database\)"):
        weaklab.Project(tmp_path / "p")


# ---- what is shown


def test_everything_shown_renders_in_a_notebook_and_is_escaped(project):
    project.add_records([{"id": "<b>", "text": "<script>alert(1)</script> \u202eevil", "gold": ""}], gold="gold")
    for shown in (
        project,
        project.run(progress=False),
        project.ask(9),
        project.try_on("offers"),
        project.try_on(lambda_like, ["call", "x"]),
    ):
        html = shown._repr_html_()
        assert "<table>" in html
        assert "<script>" not in html
        assert "\u202e" not in html


def test_try_on_shows_votes_and_errors_of_a_function_that_is_not_registered(project):
    def fragile(x):
        return "spam" if x.text.split()[3] else None

    shown = str(project.try_on(fragile, ["one two three four", "too short"]))
    assert "fragile: votes on 1 of 2 records" in shown
    assert "IndexError: list index out of range" in shown
    assert "fragile" not in project.committee.names


def test_a_name_that_stands_in_a_file_is_not_taken_in_a_session(tmp_path):
    file = tmp_path / "lfs.py"
    file.write_text('from weaklab import keywords\noffers = keywords("spam", ["free"], name="offers")\n')
    with weaklab.Project(tmp_path / "p", labels=["ham", "spam"], labeling_functions=[str(file)], timeout=0) as project:
        with pytest.raises(HeuristicError, match=r"'offers' is the name of a heuristic in .*lfs.py"):
            project.add(weaklab.keywords("spam", ["x"], name="offers"))
        with pytest.raises(HeuristicError, match="take it out there and call reload"):
            project.remove("offers")


def test_a_scikit_learn_classifier_is_remembered_and_another_one_asks_to_be_registered_again(project):
    from sklearn.linear_model import SGDClassifier

    class Mine(SGDClassifier):
        pass

    project.add(weaklab.WeakClassifier(SGDClassifier(loss="log_loss", alpha=0.01), name="sgd", min_labels=4))
    project.add(weaklab.WeakClassifier(Mine(loss="log_loss"), name="mine", min_labels=4))
    with reopened(project) as again:
        assert again.committee["sgd"].fingerprint == project.committee["sgd"].fingerprint
        with pytest.warns(WeaklabWarning, match="mine on record 'a' and 5 more: NotLoaded: .* register it again"):
            again.run(progress=False)


def test_a_small_estimator_with_settings_that_are_objects_is_not_stored():
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.svm import LinearSVC

    assert weaklab.WeakClassifier(CalibratedClassifierCV(LinearSVC())).spec() is None


def test_warnings_point_at_the_line_of_the_user(project):
    def fragile(x):
        raise KeyError("no")

    project.add(fragile)
    with pytest.warns(weaklab.WeaklabWarning) as caught:
        project.run(progress=False)
    assert caught[0].filename == __file__


@pytest.mark.parametrize("label", [np.array([1]), np.True_, 1.0, True, "Spam ", object()])
def test_what_is_no_label_is_refused(project, label):
    with pytest.raises(UnknownLabelError, match="is not a label"):
        project.label("a", label)
    assert project.history().empty


def test_a_lambda_needs_a_name(project):
    with pytest.raises(HeuristicError, match="a lambda has no name"):
        project.add(lambda x: None)
    assert project.add(weaklab.labeling_function(name="never")(lambda x: None)).name == "never"


def test_unclosed_project_gives_no_warning(tmp_path):
    program = f"""
import gc, warnings
warnings.simplefilter("error")
import weaklab
project = weaklab.Project({str(tmp_path / "p")!r}, labels=["a", "b"])
del project
gc.collect()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "ResourceWarning" not in done.stderr


def test_two_classifiers_on_the_same_features_both_vote_on_new_records(project):
    for name in ("naive_bayes", "logistic_regression"):
        project.weak_classifier(name, features="tfidf", min_labels=4)
    project.label_many({"a": "spam", "b": "ham", "c": "spam", "d": "ham"})
    project.run(progress=False)
    assert project.committee.vote(["free prize", "lunch at noon"], progress=False).L[:, 2:].tolist() == [[1, 1], [0, 0]]


# ---- the next batch while this one is answered

AXES = np.repeat(np.eye(6), 40, axis=0) + np.random.default_rng(0).normal(0, 0.3, (240, 6))
TRUTH = np.repeat([0, 1], 120)


def answered(loop, batches=5, n=10, answer=lambda loop, rows: loop.label(rows, TRUTH[rows])):
    asked = []
    for _ in range(batches):
        asked.append([pick.row for pick in loop.ask(n)])
        answer(loop, asked[-1])
    return asked


def test_a_batch_chosen_ahead_knows_all_labels_but_those_of_the_batch_before_it():
    with_close = Loop(AXES, ["a", "b"], classifiers=["logistic_regression"], ahead=True)
    asked = answered(with_close)
    with_close.close()
    for number in range(2, 5):
        known = Loop(AXES, ["a", "b"], classifiers=["logistic_regression"])
        for rows in asked[: number - 1]:
            known.label(rows, TRUTH[rows])
        free = known.y == -1
        free[asked[number - 1]] = False
        picks = known.scheduler.pick(known.views.pool(known.state, known.y), 10, free, turn=10 * number)
        assert [pick.row for pick in picks] == asked[number]
    assert len({row for rows in asked for row in rows}) == 50


class Now(Ahead):
    """Works when it is told to begin."""

    def begin(self, key, work):
        super().begin(key, work)
        self.wait()


class Late(Ahead):
    """Works when the outcome is wanted."""

    def begin(self, key, work):
        self.late = key, work

    def take(self, key):
        late, self.late = getattr(self, "late", None), None
        return late[1]() if late and late[0] == key else None


@pytest.mark.parametrize("looks", [False, True])
def test_a_batch_chosen_ahead_does_not_depend_on_when_it_is_chosen(looks):
    found = []
    for kind in (Ahead, Now, Late):
        loop = Loop(AXES, ["a", "b"], classifiers=["logistic_regression", "naive_bayes"][:1], ahead=True)
        loop._ahead = kind()

        def answer(loop, rows):
            for row in rows:
                loop.label([row], TRUTH[[row]])
                if looks:
                    assert loop.P.shape == (240, 2)

        found.append(answered(loop, answer=answer))
        loop.close()
    assert found[0] == found[1] == found[2]


def test_another_kind_of_batch_is_chosen_from_what_the_prepared_one_was():
    loop = Loop(AXES, ["a", "b"], classifiers=["logistic_regression"], ahead=True)
    first = [pick.row for pick in loop.ask(10)]
    loop.label(first, TRUTH[first])
    more = loop.ask(25)
    assert len(more) == 25
    assert not set(first) & {pick.row for pick in more}
    assert {pick.strategy for pick in loop.ask(4, strategy="random")} == {"random"}
    loop.close()


def test_a_record_that_got_a_label_elsewhere_is_not_asked_about_in_a_batch_chosen_ahead():
    loop = Loop(AXES, ["a", "b"], classifiers=["logistic_regression"], ahead=True)
    loop.ask(10)
    loop._ahead.wait()
    coming = [pick.row for pick in loop._ahead._begun[1].result()]
    loop.label(coming[:3], TRUTH[coming[:3]])
    asked = [pick.row for pick in loop.ask(10)]
    assert len(asked) == 10
    assert not set(coming[:3]) & set(asked)
    assert set(coming[3:]) & set(asked)
    loop.close()


def test_an_error_in_the_background_comes_at_the_next_question_and_the_loop_goes_on():
    loop = Loop(AXES, ["a", "b"], classifiers=["logistic_regression"], ahead=True)
    train, loop.trainer.train = loop.trainer.train, lambda y, **given: 1 / 0
    with pytest.raises(ZeroDivisionError):
        loop.ask(10)
    loop.trainer.train = train
    first = [pick.row for pick in loop.ask(10)]
    loop.label(first, TRUTH[first])
    loop.trainer.train = lambda y, **given: 1 / 0
    second = [pick.row for pick in loop.ask(10)]
    loop.label(second, TRUTH[second])
    with pytest.raises(ZeroDivisionError):
        loop.ask(10)
    loop.trainer.train = train
    assert not set(first + second) & {pick.row for pick in loop.ask(10)}
    loop.close()


def test_a_loop_goes_on_after_it_is_closed():
    loop = Loop(AXES, ["a", "b"], ahead=True, classifiers=["logistic_regression"])
    first = [pick.row for pick in loop.ask(10)]
    loop.close()
    loop.close()
    loop.label(first, TRUTH[first])
    assert not set(first) & {pick.row for pick in loop.ask(10)}
    loop.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("weaklab-ahead")]


def test_background_work_for_other_arguments_is_not_used():
    with Ahead() as ahead:
        ahead.begin("a", lambda: 1)
        assert ahead.take("b") is None
        assert ahead.take("a") is None
        ahead.begin("a", lambda: 2)
        ahead.begin("b", lambda: 3)
        assert ahead.take("b") == 3


def test_no_embedding_of_all_records_is_made_by_the_default_strategy_after_the_cold_start():
    rng = np.random.default_rng(0)
    X = sparse.random(300, 500, density=0.02, random_state=0, format="csr", dtype=np.float32)
    loop = Loop(X, ["a", "b"])
    rows = np.arange(20)
    loop.label(rows, rng.integers(0, 2, 20))
    assert {pick.strategy for pick in loop.ask(10)} == {"shortlist_spread", "random"}
    assert loop.views._E is None
    assert loop.views._wide is None
    few = loop.views.embed(np.array([7, 3, 299]))
    np.testing.assert_array_equal(few, loop.views.E()[[7, 3, 299]])
    wide = loop.views.wide()
    np.testing.assert_array_equal(loop.views.E(), unit_rows(wide[:, :64]))


def test_what_a_state_was_trained_on_stays_and_a_label_that_is_taken_back_can_be_asked_for():
    loop = Loop(AXES, ["a", "b"], classifiers=["logistic_regression"])
    loop.label(np.arange(len(AXES)), np.arange(len(AXES)) % 2)
    assert loop.ask(1) == []
    before = loop.state
    loop.label([3], [-1])
    assert before.y[3] == 1
    assert loop.state.y[3] == -1
    assert [pick.row for pick in loop.ask(5)] == [3]


def test_the_classifier_of_a_loop_suits_its_features():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 3))
    truth = (X[:, 0] > 0).astype(int)
    counts = sparse.csr_array(np.eye(2)[truth])
    for features, name in (
        (X, "logistic_regression"),
        (sparse.csr_array(X), "logistic_regression"),
        (counts, "naive_bayes"),
    ):
        loop = Loop(features, ["a", "b"])
        assert [classifier.name for classifier in loop.trainer.classifiers] == [name]
        loop.label(range(60), truth[:60])
        assert (loop.P.argmax(axis=1)[60:] == truth[60:]).mean() > 0.85


def test_the_classifier_is_chosen_by_all_records_and_not_by_those_that_are_labeled():
    X = sparse.csr_array(np.vstack([np.eye(2)[[0, 1] * 20], [[-1.0, 0.0], [0.0, -1.0]]]))
    loop = Loop(X, ["a", "b"])
    loop.label(range(40), [0, 1] * 20)
    assert loop.trainer.classifiers[0].name == "logistic_regression"
    assert loop.P[40].argmax() == 1  # the opposite of what taught class 0
    assert loop.P[41].argmax() == 0


@pytest.mark.parametrize("classifiers", ["naive_bayes", "auto", None, 3])
def test_classifiers_come_as_a_list(classifiers):
    with pytest.raises(weaklab.WeaklabError, match="classifiers must be a list"):
        Loop(np.eye(2), ["a", "b"], classifiers=classifiers)


@pytest.mark.parametrize("n", [0, -1, 2.5, "3", True, None, float("nan")])
def test_what_is_no_number_of_records_is_refused(project, n):
    for ask in (Loop(np.eye(4), ["a", "b"]).ask, project.ask):
        with pytest.raises(weaklab.WeaklabError, match="ask for at least one record, a whole number, got"):
            ask(n)


@pytest.mark.parametrize("least", ["0.9", None, float("nan"), -0.1, 1.5, True])
def test_what_is_no_confidence_is_refused(project, tmp_path, least):
    with pytest.raises(weaklab.WeaklabError, match="min_confidence must be from 0 to 1, got"):
        project.export(tmp_path / "out.csv", min_confidence=least)
