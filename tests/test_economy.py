"""What makes a person's answers go further: cold start, audit picks, shared answers, blind questions, streams, made-up records."""

import sqlite3

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin

import weaklab
from weaklab import Project
from weaklab.base import ABSTAIN, WeaklabError
from weaklab.loop import Loop
from weaklab.scheduler import Scheduler
from weaklab.training import collapsed, pseudo_rows

WORDS = {"spam": ["prize", "winner", "cash", "free", "claim"], "ham": ["lunch", "meeting", "tomorrow", "thanks", "train"]}
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
    db = sqlite3.connect("p/weaklab.db")
    db.execute("DROP TABLE outside")
    for column in ("pool_size", "asked_after"):
        db.execute(f"ALTER TABLE events DROP COLUMN {column}")
    db.commit()
    db.close()
    again = Project("p")
    assert len(again.manual_labels()) == 10
    answer(again, 5)
    assert again.history().pool_size.isna().tolist() == [True] * 10 + [False] * 5
    assert again.evaluate().accuracy.n_audit <= 1


# ---- estimates


def test_evaluate_tells_the_accuracy_of_all_and_leaves_the_project_as_it_was():
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


def test_evaluate_without_any_label_says_what_is_missing():
    shown = str(project().evaluate())
    assert "no accuracy has been measured yet" in shown
    assert "nan" not in shown


def test_the_summary_tells_the_accuracy_from_the_random_picks():
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
    assert (preview.to_pandas()["vote"] != preview.to_pandas()["committee"]).any() or preview.to_pandas()["manual"].notna().any()
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
    with Project("p") as last:
        pd.testing.assert_frame_equal(last.labels(), labels)


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


def test_pseudo_labels_that_make_a_class_vanish_or_the_classifiers_worse_are_dropped():
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 2, 600)
    X = np.column_stack([truth + rng.normal(0, 0.2, 600), rng.normal(0, 1, 600)])
    wrong = np.repeat((1 - truth)[:, None], 5, axis=1)
    wrong[:40] = ABSTAIN
    loop = Loop(X, ["a", "b"], wrong, classifiers=["logistic_regression"], pseudo_labels=0.5, label_model="coverage_vote")
    loop.label(np.arange(40), truth[:40])
    alone = Loop(X, ["a", "b"], wrong, classifiers=["logistic_regression"], label_model="coverage_vote")
    alone.label(np.arange(40), truth[:40])
    assert (pseudo_rows(alone.P, alone.y, 0.5) >= 40).sum() > 100
    assert len(loop.state.pseudo) == 0
    np.testing.assert_array_equal(loop.P, alone.P)
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
    assert held._more(held._last_event()).y.shape == (len(asked),)
    held.close()
    again = Project("p")
    assert again.status()["labels_outside"] == len(asked)


def test_a_streamed_record_that_was_asked_about_is_not_asked_twice_and_text_alone_will_do():
    held = project(random_share=0)
    first = [ask.text for ask in held.stream(["a prize at lunch"] * 3, budget=1.0)]
    assert first == ["a prize at lunch"]
    assert list(held.stream(["a prize at lunch"], budget=1.0)) == []


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
    held.add_records(pd.DataFrame(rng.normal(size=(200, 3)), columns=list("xyz")).assign(id=[f"r{i}" for i in range(200)]))
    held.weak_classifier("logistic_regression")
    for ask in held.ask(30):
        held.label(ask, "a" if ask.record["x"] > 0 else "b")
    asks = held.synthesize(4)
    assert len(asks) == 4
    assert max(abs(ask.record["x"]) for ask in asks) < 1
    assert max(ask.confidence for ask in asks) < 0.05


def test_there_is_nothing_to_make_up_while_the_committee_knows_one_class():
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
    with pytest.raises(WeaklabError, match="codes from -1 to 1, got"):
        loop.label([0], [2])
    with pytest.raises(WeaklabError, match="one row a record"):
        Loop(np.eye(4), ["a", "b"], L=np.zeros((3, 2), dtype=int))
