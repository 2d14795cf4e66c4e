"""What makes a person's answers go further: cold start, audit picks, shared answers, blind questions, streams, made-up
records."""

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from old_projects import to_format_1
from sklearn.base import BaseEstimator, ClassifierMixin

import weaklab
from weaklab import Project
from weaklab.core.errors import WeaklabError
from weaklab.core.labels import ABSTAIN
from weaklab.scheduling.scheduler import Scheduler
from weaklab.simulation.loop import Loop
from weaklab.training.trainer import collapsed, pseudo_rows

WORDS = {
    "spam": ["prize", "winner", "cash", "free", "claim"],
    "ham": ["lunch", "meeting", "tomorrow", "thanks", "train"],
}
FILLER = ["the", "a", "for", "you", "now", "please", "it", "is", "on", "to", "my", "we", "at", "this", "will", "be"]


def messages(n=200, seed=0):
    """Return n messages, half of them spam: a word that tells, among words that do not."""
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(n):
        label = ("ham", "spam")[i % 2]
        words = [*rng.choice(FILLER, 6), *rng.choice(WORDS[label], 2), f"w{rng.integers(1000)}"]
        rows.append({"id": f"m{i}", "text": " ".join(rng.permutation(words)), "gold": label})
    return pd.DataFrame(rows)


def project(path="p", frame=None, **settings):
    made = Project(path, labels=["ham", "spam"], timeout=None, **settings)
    made.add_records(messages() if frame is None else frame, gold="gold")
    made.add(weaklab.keywords("spam", ["prize", "winner"]))
    made.add(weaklab.keywords("ham", ["lunch", "meeting"], name="ham words"))
    made.weak_classifier("naive_bayes")
    return made


def answer(held, n, frame=None, **options):
    gold = dict(zip(*(messages() if frame is None else frame)[["id", "gold"]].to_numpy().T, strict=True))
    asks = held.ask(n)
    held.label_many([(ask, gold[ask.id]) for ask in asks], **options)
    return asks


# ---- cold start and audit picks


def test_the_first_questions_go_to_typical_records_and_later_ones_do_not():
    held = project(random_share=0)
    first = answer(held, 10)
    assert {ask.strategy for ask in first} == {"typicality"}
    assert {ask.strategy for ask in held.ask(5)} == {"shortlist_spread"}


def test_the_cold_start_can_be_left_out():
    assert {ask.strategy for ask in project(random_share=0, cold_start="").ask(5)} == {"shortlist_spread"}


def test_without_anything_to_cluster_there_is_no_cold_start():
    held = Project("p", labels=["a", "b"], random_share=0)
    held.add_records([{"id": str(i), "when": "x"} for i in range(20)], text=[])
    assert {ask.strategy for ask in held.ask(3)} == {"margin"}


def test_every_pick_is_stored_with_its_chance_and_the_size_of_the_pool():
    held = project(random_share=0.3)
    answer(held, 10)
    answer(held, 10)
    history = held.history()
    drawn = history[history.picked_by == "random"]
    assert len(drawn) == 6
    assert drawn.pool_size.tolist() == [200] * 3 + [190] * 3
    assert drawn.pick_probability.round(6).tolist() == [round(3 / 200, 6)] * 3 + [round(3 / 190, 6)] * 3
    assert (history[history.picked_by != "random"].pick_probability == 1).all()
    assert history.asked_after.tolist() == [0] * 10 + [10] * 10


def test_a_database_of_an_earlier_version_gets_the_new_columns_and_keeps_its_answers():
    held = project()
    answer(held, 10)
    held.close()
    with closing(sqlite3.connect("p/weaklab.db")) as db:
        db.execute("DROP TABLE outside")
        db.commit()
    to_format_1(Path("p"), late=())
    again = Project("p")
    assert len(again.manual_labels()) == 10
    answer(again, 5)
    assert again.history().pool_size.isna().tolist() == [True] * 10 + [False] * 5
    assert again.evaluate().accuracy.n_audit <= 1


# ---- estimates


def test_evaluate_estimates_the_accuracy_of_all_and_changes_nothing():
    held = project(random_share=0.5)
    for _ in range(4):
        answer(held, 10)
    before = held.labels()
    found = held.evaluate()
    pd.testing.assert_frame_equal(held.labels(), before)
    assert found.accuracy.n_audit == 20
    assert found.accuracy.low <= held.status()["accuracy"] <= found.accuracy.high
    assert set(found.heuristics) == set(held.committee.names)
    assert found.n_labels == 40
    shown = str(found)
    assert "labels as exported" in shown
    assert "Acceptance bias" in shown
    assert "<table>" in found._repr_html_()


def test_records_that_came_after_the_random_picks_are_not_taken_to_be_like_those_before():
    held = project(random_share=0.5)
    for _ in range(4):
        answer(held, 10)
    before = held.evaluate().accuracy
    late = messages(400, seed=9).assign(id=lambda f: "late" + f.id)
    held.add_records(late, gold="gold")
    after = held.evaluate().accuracy
    assert before.known
    assert not after.known
    assert after.low < 0.4 < 0.9 < after.high
    answer(held, 40, pd.concat([messages(), late]))
    assert held.evaluate().accuracy.known


@pytest.mark.parametrize("late", [1, 30])
def test_a_few_records_that_came_after_the_random_picks_leave_what_is_known(late):
    held = project(random_share=1.0)
    answer(held, 30)
    before = held.evaluate()
    held.add_records(messages(late, seed=9).assign(id=lambda f: "late" + f.id), gold="gold")
    after = held.evaluate()
    share = late / (200 + late)
    assert after.accuracy.known
    assert after.committee.value == pytest.approx(before.committee.value, abs=0.05)
    assert after.committee.low <= before.committee.low * (1 - share) + 0.05
    assert after.committee.high - after.committee.low > before.committee.high - before.committee.low
    assert "nan" not in repr(after) + repr(held.summary())


def test_unknown_values_are_stated_and_few_answers_give_no_estimate():
    held = project(random_share=1.0)
    answer(held, 3)
    found = held.evaluate()
    assert [row[1] for row in found.table().rows] == ["not known yet"] * 2
    told = f"Not known yet: accuracy of {len(held.committee.names)} heuristics ({', '.join(held.committee.names)})"
    assert told in str(found)
    assert "Not known yet: a figure takes 10 random answers, and there are 3; get 7 more with" in str(found)
    assert "`weaklab label PROJECT --strategy random -n 7` (in Python: project.ask(7, strategy='random'))" in str(found)
    assert "%" not in str(found)
    assert "nan" not in repr(found)


def test_evaluate_with_every_record_labeled_says_so():
    frame = messages(20)
    held = project(frame=frame)
    held.label_many(dict(zip(frame.id, frame.gold, strict=True)))
    found = held.evaluate()
    assert (found.accuracy.value, found.accuracy.low) == (1, 1)
    assert str(found.stopping) == "Every record has a label."


def test_evaluate_without_any_label_says_what_is_missing():
    shown = str(project().evaluate())
    assert "no accuracy has been measured yet" in shown
    assert "nan" not in shown


def test_summary_shows_the_accuracy_from_random_picks():
    held = project(random_share=0.5)
    answer(held, 20)
    frame = held.summary().to_pandas()
    assert (frame.estimated_low <= frame.estimated_high).all()
    assert frame.n_audit.max() >= 1


class Memoriser(ClassifierMixin, BaseEstimator):
    """Knows the rows that it was trained on by heart, and is sure of something arbitrary everywhere else."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.held_ = {row.tobytes(): code for row, code in zip(np.asarray(X, dtype=np.float64), y, strict=True)}
        return self

    def predict_proba(self, X):
        rows = np.asarray(X, dtype=np.float64)
        codes = [self.held_.get(row.tobytes(), self.classes_[int(row[0] * 1e6) % len(self.classes_)]) for row in rows]
        return np.where(np.array(codes)[:, None] == self.classes_, 0.999, 0.001)

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


@pytest.mark.parametrize("label_model", ["committee", "majority_vote", "dawid_skene"])
def test_a_classifier_that_memorises_its_labels_gets_no_weight_beyond_its_out_of_fold_accuracy(label_model):
    rng = np.random.default_rng(0)
    n = 1000
    truth = rng.integers(0, 2, n)
    L = np.where(rng.random((n, 4)) < 0.8, truth[:, None], 1 - truth[:, None])
    X = rng.random((n, 5))
    rows = rng.permutation(n)[:100]
    right = []
    for classifiers in ([], [Memoriser()]):
        loop = Loop(X, ["a", "b"], L, classifiers=classifiers, label_model=label_model)
        loop.label(rows, truth[rows])
        rest = loop.y == ABSTAIN
        right.append((loop.P.argmax(axis=1) == truth)[rest].mean())
    alone, with_memoriser = right
    assert Memoriser().fit(X[rows], truth[rows]).score(X[rows], truth[rows]) == 1
    assert with_memoriser > alone - 0.01


# ---- weak classifiers in a cell


def test_a_classifier_in_a_cell_shows_its_accuracy_its_votes_and_what_surprises():
    held = project()
    classifier = held.weak_classifier("svm", features="tfidf", name="machine")
    assert "more labels are needed" in classifier._repr_html_()
    for _ in range(3):
        answer(held, 10)
    shown = classifier._repr_html_()
    assert "out-of-fold" in shown
    preview = held.preview("machine")
    assert 0.5 < preview.accuracy <= 1
    assert preview.accuracy_low <= preview.accuracy <= preview.accuracy_high
    assert preview.n_records == 200
    assert len(preview.to_pandas()) <= 10
    assert (preview.to_pandas()["vote"] != preview.to_pandas()["committee"]).any() or preview.to_pandas()[
        "manual"
    ].notna().any()
    with pytest.raises(WeaklabError, match="is no weak classifier; the weak classifiers are naive_bayes, machine"):
        held.preview("ham words")


def test_features_are_fitted_once_and_kept_in_the_project():
    held = project()
    for _ in range(2):
        answer(held, 10)
    labels = held.labels()
    held.close()
    files = {path.name: path.stat().st_mtime_ns for path in (held.path / "cache").iterdir()}
    assert files
    again = Project("p")
    pd.testing.assert_frame_equal(again.labels(), labels)
    assert {path.name: path.stat().st_mtime_ns for path in (held.path / "cache").iterdir()} == files
    again.close()
    for path in (held.path / "cache").iterdir():
        path.write_bytes(b"damaged")
    with (
        Project("p") as last,
        pytest.warns(weaklab.WeaklabWarning, match="is damaged or was not written for these records"),
    ):
        pd.testing.assert_frame_equal(last.labels(), labels)


class Broken(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        raise RuntimeError("no license")

    def predict_proba(self, X):
        raise NotImplementedError


def test_a_classifier_that_fails_leaves_a_fault_and_the_others_go_on():
    held = project()
    held.weak_classifier(Broken(), name="broken")
    with pytest.warns(weaklab.WeaklabWarning, match=r"broken.*RuntimeError: no license"):
        answer(held, 10)
    answer(held, 10)
    assert [fault.heuristic for fault in held.faults] == ["broken"]
    assert held.summary().to_pandas().loc["naive_bayes", "coverage"] > 0.5
    assert held.summary().to_pandas().loc["broken", "coverage"] == 0
    held.ask(3)


def test_a_missing_number_counts_as_the_mean():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(100, 2)), columns=["x", "y"]).assign(id=[f"r{i}" for i in range(100)])
    frame.loc[[0, 7], "x"] = [np.nan, np.inf]
    held = Project("p", labels=["no", "yes"])
    held.add_records(frame)
    held.weak_classifier("lr")
    answers = {f"r{i}": "yes" if frame.x[i] > 0 else "no" for i in range(20, 60)}
    with pytest.warns(weaklab.WeaklabWarning, match="column 'x' holds infinity in 1 record, the first with id 'r7'"):
        held.label_many(answers)
    held.run(progress=False)
    assert held.faults == []
    labels = held.labels()["label"][60:]
    assert (labels == np.where(frame.x[60:] > 0, "yes", "no")).mean() > 0.8


def test_a_label_that_is_called_by_a_number_is_that_label():
    held = Project("p", labels=["1", "2", "3"])
    held.add_records(["one", "two"])
    assert held.label(held.ask(1)[0], 1).label == "1"


def test_missing_database_is_reported_and_not_created_again():
    project().close()
    (held := weaklab.Project("p").path / "weaklab.db").unlink()
    with pytest.raises(WeaklabError, match="put a backup in its place"):
        Project("p")
    assert not held.exists()


# ---- near-duplicates


def doubled():
    frame = messages(60)
    copies = frame.iloc[:20].assign(id=lambda f: "copy-" + f.id, text=lambda f: f.text.str.upper() + "!")
    return pd.concat([frame, copies], ignore_index=True)


def test_a_near_duplicate_shares_the_answer_and_is_not_asked_about():
    frame = doubled()
    held = project(frame=frame)
    held.label("m3", "spam")
    labels = held.labels().set_index("id")
    assert labels.loc["copy-m3", ["label", "p_spam", "shared_from"]].tolist() == ["spam", 1.0, "m3"]
    assert not labels.loc["copy-m3", "manual"]
    assert labels.shared_from.notna().sum() == 1
    assert "copy-m3" not in {ask.id for ask in held.ask(100)}
    held.export("labels.csv")
    assert pd.read_csv("labels.csv", index_col="id").loc["copy-m3", "shared_from"] == "m3"


def test_function_that_separates_near_duplicates_does_not_bias_estimates():
    frame = pd.DataFrame(
        {"id": list("abcdx"), "text": ["Great movie!!!", "great movie", "Great movie", "great  movie", "Bad lunch"]}
    )
    held = Project("p", labels=["ham", "spam"], timeout=None)
    held.add_records(frame)
    held.add(weaklab.pattern("spam", "!", name="shouts"))
    held.label("a", "spam")
    assert held.summary().to_pandas().loc["shouts", "estimated_low"] == 1
    assert held.evaluate().n_labels == 1


def test_near_duplicates_are_in_different_batches_and_in_one_fold():
    words = [
        f"message number {'abcdefghij'[i // 4]} about a thing that nobody can tell from the next {i // 4}"
        for i in range(40)
    ]
    frame = pd.DataFrame({"id": [f"r{i}" for i in range(40)], "text": words, "gold": ["ham", "spam"] * 20})
    held = project(frame=frame, random_share=0)
    assert len({ask.text for ask in held.ask(10)}) == 10
    assert len(held.ask(40)) == 10
    rng = np.random.default_rng(0)
    held.label_many(
        {f"r{i}": ("ham", "spam")[label] for i, label in zip(range(40), rng.integers(0, 2, 10).repeat(4), strict=True)}
    )
    held.run(progress=False)
    judged = held.summary().to_pandas().loc["naive_bayes"]
    assert np.isnan(judged.accuracy) or judged.accuracy < 0.8


def test_records_that_differ_in_another_column_share_no_answer():
    frame = pd.DataFrame({"id": list("abc"), "text": ["Invoice attached, please pay"] * 3, "amount": [10, 10, 99_000]})
    held = Project("p", labels=["fraud", "fine"])
    held.add_records(frame)
    held.label("a", "fine")
    assert held.labels()["shared_from"].tolist() == [None, "a", None]


def test_answers_that_contradict_one_another_are_not_shared():
    frame = doubled()
    third = frame[frame.id == "m3"].assign(id="third", text=lambda f: f.text + "?!")
    held = project(frame=pd.concat([frame, third], ignore_index=True))
    held.label_many({"m3": "spam", "copy-m3": "ham"})
    assert held.labels().shared_from.isna().all()


def test_an_undone_answer_is_not_shared_any_more_and_sharing_can_be_switched_off():
    held = project(frame=doubled())
    held.label("m3", "spam")
    held.undo()
    assert held.labels().shared_from.isna().all()
    held.close()
    again = Project("p", share_answers=0)
    again.label("m3", "spam")
    assert again.labels().shared_from.isna().all()


# ---- blind questions


def test_a_blind_question_hides_the_opinion_and_the_answer_remembers_it():
    held = project(blind_share=1.0)
    asks = answer(held, 5)
    assert all(ask.blind for ask in asks)
    assert "suggestion" not in repr(asks[0])
    assert "hidden" in str(asks)
    assert held.history().suggestion_shown.tolist() == [False] * 5
    assert {type(ask.suggestion) for ask in asks} <= {str, type(None)}


def test_the_share_of_blind_questions_is_kept_and_the_gap_is_reported():
    held = project(blind_share=0.4, random_share=0)
    asks = [ask for _ in range(10) for ask in answer(held, 10)]
    assert 25 <= sum(ask.blind for ask in asks) <= 55
    bias = held.evaluate().acceptance_bias
    assert bias.n_shown + bias.n_blind == len([ask for ask in asks if ask.suggestion])
    assert bias.low <= bias.gap <= bias.high


# ---- pseudo-labels


def test_pseudo_labels_are_sure_new_and_no_more_than_five_for_each_manual_one():
    P = np.array([[0.999, 0.001]] * 50 + [[0.001, 0.999]] * 50 + [[0.6, 0.4]] * 10)
    y = np.full(110, ABSTAIN)
    y[[0, 1, 50]] = [0, 0, 1]
    rows = pseudo_rows(P, y, 0.9)
    assert ((rows < 50).sum(), (rows >= 50).sum()) == (10, 5)
    assert not set(rows) & {0, 1, 50}
    assert rows.max() < 100


def test_pseudo_labels_are_off_unless_asked_for_and_then_train_the_classifiers():
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 2, 600)
    X = np.column_stack([truth + rng.normal(0, 0.4, 600), rng.normal(0, 1, 600)])
    L = np.where(rng.random((600, 5)) < 0.9, truth[:, None], 1 - truth[:, None])
    used = []
    for confidence in (None, 0.8):
        loop = Loop(X, ["a", "b"], L, classifiers=["logistic_regression"], pseudo_labels=confidence)
        loop.label(np.arange(20), truth[:20])
        used.append(len(loop.state.pseudo))
        assert (loop.P.argmax(axis=1) == truth).mean() > 0.95
    assert used[0] == 0
    assert used[1] > 20


def test_confidence_from_functions_alone_makes_no_pseudo_label():
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 2, 600)
    X = np.column_stack([truth + rng.normal(0, 0.2, 600), rng.normal(0, 1, 600)])
    wrong = np.repeat((1 - truth)[:, None], 5, axis=1)
    wrong[:40] = ABSTAIN
    loop = Loop(
        X, ["a", "b"], wrong, classifiers=["logistic_regression"], pseudo_labels=0.5, label_model="coverage_vote"
    )
    loop.label(np.arange(40), truth[:40])
    assert (pseudo_rows(loop.P, loop.y, 0.5) >= 40).sum() > 100
    assert len(loop.state.pseudo) < 20


def test_out_of_fold_scores_do_not_use_pseudo_labels():
    rng = np.random.default_rng(4)
    truth = rng.integers(0, 2, 400)
    X = np.column_stack([truth + rng.normal(0, 0.3, 400), rng.normal(size=400)])
    L = np.where(rng.random((400, 3)) < 0.9, truth[:, None], 1 - truth[:, None])
    told = []
    for confidence in (None, 0.5):
        loop = Loop(X, ["a", "b"], L, classifiers=["logistic_regression"], pseudo_labels=confidence)
        loop.trainer._pseudo_helps = lambda y, more: True
        loop.label(np.arange(30), truth[:30])
        told.append(loop.state.votes.scores[3][:30])
    assert len(loop.state.pseudo) > 0
    np.testing.assert_array_equal(*told)


def test_a_training_in_which_a_class_shrinks_to_less_than_half_is_a_collapse():
    assert collapsed(np.full((4, 2), 0.5), np.tile([0.9, 0.1], (4, 1)))
    assert not collapsed(np.full((4, 2), 0.5), np.tile([0.6, 0.4], (4, 1)))


# ---- streams and records that were made up


def test_a_stream_asks_within_its_budget_and_its_labels_train_but_are_in_no_export():
    held = project()
    answer(held, 20)
    passing = messages(300, seed=7).assign(id=lambda f: "s" + f.id)
    gold = dict(zip(passing.id, passing.gold, strict=True))
    asked = []
    for ask in held.stream(passing[["id", "text"]].to_dict("records"), budget=0.1):
        held.label(ask, gold[ask.id])
        asked.append(ask)
    assert 10 <= len(asked) <= 30
    assert held.status()["labels_outside"] == len(asked)
    assert held.status()["manual_labels"] == 20
    assert len(held.labels()) == 200
    assert not {ask.id for ask in asked} & set(held.labels()["id"])
    held.run(progress=False)
    work = held.workspace
    assert work.more(work.snapshot).y.shape == (len(asked),)
    held.close()
    again = Project("p")
    assert again.status()["labels_outside"] == len(asked)


def test_a_streamed_record_that_was_asked_about_is_not_asked_twice_and_text_alone_will_do():
    held = project(random_share=0)
    first = list(held.stream(["a prize at lunch"] * 3, budget=1.0))
    assert [ask.text for ask in first] == ["a prize at lunch"]
    again = next(held.stream(["a prize at lunch"], budget=1.0))  # nobody has answered yet
    held.label(again, "spam")
    assert list(held.stream(["a prize at lunch"], budget=1.0)) == []
    assert held.status()["labels_outside"] == 1


def test_a_streamed_record_keeps_the_types_of_its_columns_and_a_wrong_one_is_told():
    frame = messages(60).assign(when=pd.Timestamp("2026-01-02"), size=3)
    held = project(frame=frame)
    record = {"id": "new", "text": "a prize at lunch", "when": pd.Timestamp("2026-03-04").to_pydatetime(), "size": 7}
    for ask in held.stream([record], budget=1.0):
        held.label(ask, "spam")
    for ask in held.synthesize(2):
        held.label(ask, "ham")
    held.run(progress=False)
    held.close()
    again = Project("p")
    answer(again, 10, frame)
    assert again.run(progress=False) is not None
    with pytest.raises(WeaklabError, match="does not have the types of"):
        next(again.stream([{"text": "x", "size": "large"}], budget=1.0))


def test_a_streamed_record_that_is_imported_later_counts_once():
    held = project(random_share=0)
    ask = next(held.stream([{"id": "later", "text": "a prize at lunch"}], budget=1.0))
    held.label(ask, "spam")
    assert held.status()["labels_outside"] == 1
    held.add_records([{"id": "later", "text": "a prize at lunch", "gold": "spam"}], gold="gold")
    assert (held.status()["labels_outside"], held.status()["manual_labels"]) == (0, 1)
    assert held.workspace.more(held.workspace.snapshot) is None


def test_stream_accepts_a_corpus_with_number_ids_and_a_frame():
    held = Project("p", labels=["ham", "spam"], random_share=0)
    held.add_records(pd.DataFrame({"id": range(40), "text": messages(40).text}))
    asked = [ask.text for ask in held.stream(pd.DataFrame({"text": ["a prize", "a train"]}), budget=1.0)]
    assert set(asked) <= {"a prize", "a train"}
    assert asked
    with pytest.raises(WeaklabError, match="got one text, 'hello'"):
        next(held.stream("hello"))


def test_a_stream_of_what_is_no_record_says_what_is_wanted():
    with pytest.raises(WeaklabError, match=r"a text or a dict with the columns \['text'\], got 5"):
        next(project().stream([5]))


def test_synthetic_records_are_marked_train_and_are_in_no_export():
    held = project()
    answer(held, 20)
    asks = held.synthesize(5)
    assert len(asks) == 5
    assert all(ask.synthetic and ask.id.startswith("synthetic-") for ask in asks)
    assert not {ask.text for ask in asks} & set(messages().text)
    assert "made of the start of m" in asks[0].why
    before = held.probabilities()
    for ask in asks:
        held.label(ask, "spam")
    held.run(progress=False)
    assert not np.allclose(before, held.probabilities())
    assert held.status()["manual_labels"] == 20
    assert held.export("labels.csv") == 200
    assert "synthetic" not in pd.read_csv("labels.csv").to_csv()


def test_numbers_are_interpolated_between_two_records():
    rng = np.random.default_rng(0)
    held = Project("p", labels=["a", "b"])
    held.add_records(
        pd.DataFrame(rng.normal(size=(200, 3)), columns=list("xyz")).assign(id=[f"r{i}" for i in range(200)])
    )
    held.weak_classifier("logistic_regression")
    for ask in held.ask(30):
        held.label(ask, "a" if ask.record["x"] > 0 else "b")
    asks = held.synthesize(4)
    assert len(asks) == 4
    assert max(abs(ask.record["x"]) for ask in asks) < 1
    assert max(ask.confidence for ask in asks) < 0.05


def test_no_synthetic_records_while_the_committee_knows_one_class():
    held = Project("p", labels=["a", "b"])
    held.add_records(["one", "two", "three"])
    with pytest.raises(WeaklabError, match="class"):
        held.synthesize(2)


# ---- the loop over arrays


def test_the_loop_over_arrays_beats_random_questions():
    frame = messages(600, seed=3)
    from sklearn.feature_extraction.text import TfidfVectorizer

    X = TfidfVectorizer().fit_transform(frame.text)
    truth = np.array([("ham", "spam").index(label) for label in frame.gold])
    loop = Loop(X, ["ham", "spam"], scheduler=Scheduler(random_share=0.2))
    while loop.n_labels < 60:
        rows = [pick.row for pick in loop.ask(10)]
        assert (loop.y[rows] == ABSTAIN).all()
        loop.label(rows, truth[rows])
    assert (loop.P.argmax(axis=1) == truth).mean() > 0.9


def test_the_loop_says_what_is_wrong_with_labels_and_votes():
    loop = Loop(np.eye(4), ["a", "b"])
    with pytest.raises(WeaklabError, match="2 is not a label"):
        loop.label([0], [2])
    with pytest.raises(WeaklabError, match="one label per record"):
        loop.label([0, 1], [1])
    with pytest.raises(WeaklabError, match="rows must be from 0 to 3"):
        loop.label([-1], [1])
    with pytest.raises(
        WeaklabError, match="X holds 1 value that is missing or infinite, the first in row 0, column 1: nan"
    ):
        Loop([[1.0, float("nan")]], ["a", "b"])
    with pytest.raises(WeaklabError, match="one row per record"):
        Loop(np.eye(4), ["a", "b"], L=np.zeros((3, 2), dtype=int))
