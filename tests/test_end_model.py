"""End models: what they are trained on, how they are judged, and how they are stored."""

import pickle
import zipfile

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.naive_bayes import MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

import weaklab
from weaklab.core.errors import WeaklabError, WeaklabWarning
from weaklab.training.noise_aware import class_probabilities, fit_end_model

TEXTS = ["win a prize", "lunch at noon", "prize draw", "lunch today"]
P = np.array([[0.1, 0.9], [0.8, 0.2], [0.3, 0.7], [1.0, 0.0]])


def test_each_record_counts_for_each_class_as_much_as_it_is_probable():
    counts = CountVectorizer().fit(TEXTS)
    model = fit_end_model(make_pipeline(CountVectorizer(), MultinomialNB()), TEXTS, P)
    X = counts.transform(TEXTS).toarray()
    assert np.allclose(model[-1].feature_count_, P.T @ X)
    assert np.allclose(model[-1].class_count_, P.sum(axis=0))


def test_the_steps_before_the_last_see_each_record_once():
    seen = []

    class Counting(CountVectorizer):
        def fit_transform(self, X, y=None):
            seen.append(len(X))
            return super().fit_transform(X, y)

    fit_end_model(make_pipeline(Counting(), MultinomialNB()), TEXTS, P)
    assert seen == [4]


def test_with_many_labels_a_record_counts_for_the_ten_most_probable():
    P = np.random.default_rng(0).dirichlet(np.ones(30), 4)
    model = fit_end_model(make_pipeline(CountVectorizer(), MultinomialNB()), TEXTS, P)
    assert np.isclose(model[-1].class_count_.sum(), np.sort(P, axis=1)[:, -10:].sum())


def test_the_estimator_given_stays_as_it_was():
    mine = make_pipeline(CountVectorizer(), MultinomialNB())
    fit_end_model(mine, TEXTS, P)
    assert not hasattr(mine[-1], "classes_")


def test_an_estimator_without_weights_gets_hard_labels_and_says_so():
    with pytest.warns(WeaklabWarning, match="KNeighborsClassifier takes no sample_weight"):
        model = fit_end_model(make_pipeline(CountVectorizer(), KNeighborsClassifier(1)), TEXTS, P)
    assert model.predict(TEXTS).tolist() == [1, 0, 1, 0]


def test_soft_labels_go_to_estimators_that_take_them():
    X = np.arange(8.0).reshape(4, 2)
    model = fit_end_model(LinearRegression(), X, P, targets="soft")
    assert np.allclose(class_probabilities(model, X, 2).sum(axis=1), 1)


def test_classes_that_no_record_has_get_nothing():
    model = fit_end_model(DummyClassifier(), TEXTS, np.eye(3)[[0, 2, 2, 0]], targets="hard")
    assert class_probabilities(model, TEXTS, 3)[:, 1].tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize(("P", "message"), [(np.full((4, 2), 0.5), "no record has"), (np.eye(2)[[0] * 4], "the same")])
def test_nothing_to_learn_is_said(P, message):
    with pytest.raises(WeaklabError, match=message):
        fit_end_model(make_pipeline(CountVectorizer(), MultinomialNB()), TEXTS, P, targets="hard")


@pytest.fixture
def project(tmp_path):
    rng = np.random.default_rng(0)
    truth = ["spam" if spam else "ham" for spam in rng.random(160) < 0.4]
    words = {"spam": ["prize", "winner", "cash", "offer"], "ham": ["lunch", "meeting", "train", "home"]}
    rows = [
        {"text": " ".join(rng.choice(words[label], 2)) + f" {i}", "length": 5 * (label == "spam") + rng.random()}
        for i, label in enumerate(truth)
    ]
    made = weaklab.Project(tmp_path / "p", labels=["ham", "spam"], timeout=None, share_answers=0)
    made.add_records([{**row, "gold": label} for row, label in zip(rows, truth, strict=True)], gold="gold", quiet=True)
    made.add(weaklab.keywords("spam", ["prize", "cash"], name="prize"))
    made.add(weaklab.keywords("ham", ["lunch", "home"], name="lunch"))
    with made:
        gold = dict(zip(made.corpus.ids.to_pylist(), made.corpus.gold(), strict=True))
        made.label_many([(ask, gold[ask.id]) for ask in made.ask(20, strategy="random")])
        yield made


def test_the_report_compares_and_holds_what_gold_says(project, tmp_path):
    before = project.labels()
    model = project.train_end_model(progress=False)
    report = model.report.set_index("model")
    row = report.loc["end model"]
    assert row.accuracy_low <= row.gold_accuracy <= row.accuracy_high
    assert row.gold_accuracy >= report.gold_accuracy["manual labels alone"]
    assert row.n_audit == 20
    model.save(tmp_path / "m.skops")
    again = weaklab.EndModel.load(tmp_path / "m.skops")
    assert np.array_equal(again.predict_proba(["cash offer", "lunch"]), model.predict_proba(["cash offer", "lunch"]))
    assert again.report.equals(model.report)
    assert project.labels().equals(before)


def test_no_model_is_judged_on_what_it_was_trained_on(project):
    """A model that remembers its records and knows nothing of others is as good as chance in the report."""
    nearest = make_pipeline(CountVectorizer(token_pattern=r"\d+"), MultinomialNB())
    report = project.train_end_model(nearest, progress=False).report.set_index("model")
    assert report.gold_accuracy["end model"] < 0.75


@pytest.mark.parametrize("estimator", ["logistic_regression", "naive_bayes"])
def test_a_model_of_numbers_of_which_some_are_missing_can_be_loaded(tmp_path, estimator):
    numbers = np.random.default_rng(0).normal(size=(60, 2))
    rows = [{"id": f"r{i}", "size": a, "age": None if i % 7 == 0 else b} for i, (a, b) in enumerate(numbers.tolist())]
    with weaklab.Project(tmp_path / "p", labels=["small", "big"], timeout=None, weak_classifiers=[]) as project:
        project.add_records(rows, text=[], quiet=True)
        project.add(weaklab.where("big", weaklab.col("size") > 0.3, name="big"))
        project.label_many([(f"r{i}", "big" if row["size"] > 0 else "small") for i, row in enumerate(rows[:20])])
        model = project.train_end_model(estimator, progress=False)
        model.save(tmp_path / "m.skops")
        again = weaklab.EndModel.load(tmp_path / "m.skops")
    import pandas as pd

    frame = pd.DataFrame({"size": [0.5, -0.5], "age": [None, 1.0]})
    assert np.array_equal(again.predict_proba(frame), model.predict_proba(frame))


def test_columns_and_test_records(project):
    import pandas as pd

    frame = pd.DataFrame({"length": [0.1, 5.5]})
    model = project.train_end_model(
        LogisticRegression(), columns=["length"], test=(frame, ["ham", "spam"]), folds=0, progress=False
    )
    assert model.predict(frame) == ["ham", "spam"]
    assert model.report.test_accuracy[0] == 1
    with pytest.raises(WeaklabError, match="missing: length"):
        model.predict(pd.DataFrame({"other": [1]}))


def test_without_answers_there_is_a_model_and_no_accuracy(tmp_path):
    with weaklab.Project(tmp_path / "n", labels=["ham", "spam"], timeout=None) as project:
        project.add_records(TEXTS * 3, quiet=True)
        project.add(weaklab.keywords("spam", ["prize"]))
        project.add(weaklab.keywords("ham", ["lunch"]))
        model = project.train_end_model(progress=False)
        assert model.predict(["a prize", "my lunch"]) == ["spam", "ham"]
        assert model.report.accuracy.isna().all()
        assert "not known yet" in repr(model)


def test_a_single_text_is_refused(project):
    with pytest.raises(WeaklabError, match="wanted a list of texts"):
        project.train_end_model(folds=0, progress=False).predict("prize")


def test_pickles_are_refused(tmp_path):
    model = weaklab.EndModel(MultinomialNB(), ["a", "b"])
    with pytest.raises(WeaklabError, match="pickles and joblib files are refused"):
        model.save(tmp_path / "m.pkl")
    (tmp_path / "m.skops").write_bytes(pickle.dumps(model.labels))
    with pytest.raises(WeaklabError, match="no end model"):
        weaklab.EndModel.load(tmp_path / "m.skops")
    with zipfile.ZipFile(tmp_path / "z.skops", "w") as file:
        file.writestr("a", "b")
    with pytest.raises(WeaklabError, match="no end model"):
        weaklab.EndModel.load(tmp_path / "z.skops")


class Mine(MultinomialNB):
    pass


def test_types_that_are_not_trusted_are_named(tmp_path):
    weaklab.EndModel(Mine(), ["a", "b"]).save(tmp_path / "m.skops")
    with pytest.raises(WeaklabError, match=r"not trusted: test_end_model\.Mine"):
        weaklab.EndModel.load(tmp_path / "m.skops")
    assert weaklab.EndModel.load(tmp_path / "m.skops", trusted=["test_end_model.Mine"]).labels == ["a", "b"]
