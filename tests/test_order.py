"""The order of records, heuristics and classes has no effect on results."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy import sparse

import weaklab
from weaklab.classifiers import WeakClassifier, folds_of
from weaklab.core.errors import WeaklabError, WeaklabWarning
from weaklab.core.labels import ABSTAIN, LabelNames
from weaklab.core.votes import Votes
from weaklab.label_models import LABEL_MODELS, is_tied
from weaklab.simulation.loop import content_keys

K, M, N = 3, 6, 150


def planted(seed=0, labeled=30):
    """Return votes, some of one class only, manual labels, features of length 1, scores of a member and the truth."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, K, N)
    L = np.where(rng.random((N, M)) < np.linspace(0.55, 0.9, M), truth[:, None], rng.integers(0, K, (N, M)))
    L = np.where(rng.random((N, M)) < 0.6, L, ABSTAIN)
    L[:, 0] = np.where(L[:, 0] == 1, 1, ABSTAIN)
    y = np.full(N, ABSTAIN)
    rows = rng.choice(N, labeled, replace=False)
    y[rows] = truth[rows]
    E = (rng.normal(size=(N, 10)) + 2 * np.eye(K, 10)[truth]).astype(np.float32)
    scores = (0.6 * np.eye(K)[truth] + 0.4 * rng.dirichlet(np.ones(K), N)).astype(np.float32)
    return L, y, E / np.linalg.norm(E, axis=1, keepdims=True), scores, truth


ORDERS = [(name, "votes", labeled) for name in LABEL_MODELS.names() for labeled in (0, 30)]
ORDERS += [
    (name, beside, labeled)
    for name in ("committee", "crowdlab")
    for beside in ("scores", "features")
    for labeled in (0, 30)
]


@pytest.mark.parametrize(("name", "beside", "labeled"), ORDERS)
def test_label_models_do_not_depend_on_any_order(name, beside, labeled):
    L, y, E, scores, _ = planted(labeled=labeled)
    with_scores, with_features = beside == "scores", beside == "features"

    def fitted(L, y, E, scores, column):
        model = LABEL_MODELS[name](n_classes=K)
        said = {"scores": {column: scores}} if with_scores else {"features": E} if with_features else {}
        return model.fit_predict_proba(Votes(L, **said), y)

    P = fitted(L, y, E, scores, M - 1)
    rng = np.random.default_rng(1)
    records, heuristics, classes = rng.permutation(N), rng.permutation(M), np.array([2, 0, 1])
    np.testing.assert_allclose(
        fitted(L[records], y[records], E[records], scores[records], M - 1), P[records], atol=1e-6
    )
    column = int(np.flatnonzero(heuristics == M - 1)[0])
    np.testing.assert_allclose(fitted(L[:, heuristics], y, E, scores, column), P, atol=1e-6)
    renamed = np.append(np.argsort(classes), ABSTAIN)  # what was class c is class renamed[c]; -1 stays -1
    np.testing.assert_allclose(fitted(renamed[L], renamed[y], E, scores[:, classes], M - 1), P[:, classes], atol=1e-6)


TWICE = {"majority_vote": 1e-6, "coverage_vote": 1e-6, "refinery": 1e-6, "triplets": 1e-6, "snorkel": 1e-6}
"""Without manual labels, models that look at shares alone. The others add imagined votes, or tell chance from copies by
numbers."""


@pytest.mark.parametrize("name", LABEL_MODELS.names())
def test_every_record_twice_changes_little(name):
    L, y, *_ = planted(labeled=0)
    P = LABEL_MODELS[name](n_classes=K).fit_predict_proba(L, y)
    twice = LABEL_MODELS[name](n_classes=K).fit_predict_proba(np.vstack([L, L]), np.concatenate([y, y]))
    np.testing.assert_array_equal(twice[:N], twice[N:])
    if name in TWICE:
        np.testing.assert_allclose(twice[:N], P, atol=TWICE[name])
    else:
        assert np.abs(twice[:N] - P).mean() < 0.05


def loop_of(X, L, y, labels, classifier):
    loop = weaklab.Loop(X, labels, L, classifiers=[classifier])
    rows = np.flatnonzero(y != ABSTAIN)
    loop.label(rows, y[rows])
    return loop


CLASSIFIERS = [
    "naive_bayes",
    "complement_naive_bayes",
    "logistic_regression",
    "gaussian_naive_bayes",
    "k_nearest_neighbors",
]


@pytest.mark.parametrize("classifier", [*CLASSIFIERS, "linear_svm", "decision_tree"])
def test_a_loop_does_not_depend_on_the_order_of_records_and_heuristics(classifier):
    L, y, E, _, _ = planted()
    X = np.maximum(E, 0)
    P = loop_of(X, L, y, ["a", "b", "c"], classifier).P
    records = np.random.default_rng(2).permutation(N)
    turned = loop_of(X[records], L[records], y[records], ["a", "b", "c"], classifier)
    np.testing.assert_allclose(turned.P, P[records], atol=1e-6)
    np.testing.assert_allclose(loop_of(X, L[:, ::-1], y, ["a", "b", "c"], classifier).P, P, atol=1e-6)


@pytest.mark.parametrize("classifier", CLASSIFIERS)
def test_a_loop_does_not_depend_on_the_order_of_classes(classifier):
    L, y, E, _, _ = planted()
    X, classes = np.maximum(E, 0), np.array([1, 2, 0])
    renamed = np.append(np.argsort(classes), ABSTAIN)
    P = loop_of(X, L, y, ["a", "b", "c"], classifier).P
    np.testing.assert_allclose(
        loop_of(X, renamed[L], renamed[y], ["b", "c", "a"], classifier).P, P[:, classes], atol=1e-6
    )


@pytest.mark.parametrize("kind", ["dense", "sparse"])
def test_a_loop_over_wide_features_does_not_depend_on_the_order_of_records(kind):
    L, y, _, _, truth = planted()
    rng = np.random.default_rng(5)
    X = np.where(rng.random((N, 200)) < 0.1, rng.random((N, 200)), 0) + np.eye(K, 200)[truth]
    X = sparse.csr_array(X) if kind == "sparse" else X + 0.1 * rng.random((N, 200))
    P = loop_of(X, L, y, ["a", "b", "c"], "naive_bayes").P
    records = rng.permutation(N)
    np.testing.assert_allclose(
        loop_of(X[records], L[records], y[records], ["a", "b", "c"], "naive_bayes").P, P[records], atol=1e-6
    )


def test_a_loop_asks_about_the_same_records_in_any_order():
    L, _, E, _, _ = planted()
    records = np.random.default_rng(3).permutation(N)
    asked = {pick.row for pick in weaklab.Loop(E, ["a", "b", "c"], L).ask(20)}
    turned = {int(records[pick.row]) for pick in weaklab.Loop(E[records], ["a", "b", "c"], L[records]).ask(20)}
    assert asked == turned


@pytest.mark.parametrize("width", [1, 10, 300])
def test_keys_made_of_content_follow_the_rows(width):
    rng = np.random.default_rng(0)
    X = np.float32(rng.random((500, width)) < 0.3)  # many equal rows where it is narrow
    X[:250] *= np.float32(rng.normal(size=(250, 1)))
    keys, order = content_keys(X), rng.permutation(500)
    assert len(set(keys.tolist())) == 500
    assert set(content_keys(X[order]).tolist()) == set(keys.tolist())
    once = np.unique(X, axis=0, return_index=True, return_counts=True)
    single = once[1][once[2] == 1]
    np.testing.assert_array_equal(content_keys(X[order])[np.argsort(order)[single]], keys[single])
    np.testing.assert_array_equal(content_keys(sparse.csr_array(X)), keys)
    np.testing.assert_array_equal(content_keys(np.float64(X)), keys)


def test_folds_are_the_same_in_any_order_of_records_classes_and_groups():
    rng = np.random.default_rng(0)
    ids, y, group = np.array([f"r{i}" for i in range(60)]), rng.integers(0, 3, 60), rng.integers(0, 40, 60)
    order = rng.permutation(60)
    for groups in (None, group):
        fold = folds_of(y, ids, 5, groups)
        other = None if groups is None else 1000 - group[order]  # groups are called otherwise, as rows are
        np.testing.assert_array_equal(folds_of(np.array([2, 0, 1])[y[order]], ids[order], 5, other), fold[order])


@pytest.mark.parametrize("features", ["tfidf", "word2vec"])
def test_a_project_does_not_depend_on_the_order_of_records_and_labels(tmp_path, features):
    headlines = weaklab.datasets.load_headlines().head(120)
    gold = dict(zip(headlines.id, headlines.gold, strict=True))
    known = sorted(gold)[:24]

    def probabilities(name, frame, labels):
        with weaklab.Project(tmp_path / name, labels=labels) as project:
            project.add_records(frame[["id", "text"]])
            project.weak_classifier("logistic_regression", features=features)
            project.label_many([(i, gold[i]) for i in known])
            project.run(progress=False)
            return project.labels().set_index("id").sort_index().p_news.to_numpy()

    P = probabilities("first", headlines, ["clickbait", "news"])
    np.testing.assert_allclose(probabilities("turned", headlines.iloc[::-1], ["clickbait", "news"]), P, atol=1e-6)
    np.testing.assert_allclose(probabilities("classes", headlines, ["news", "clickbait"]), P, atol=1e-6)


class Lengths:
    """Features on a scale of their own that say little about the label."""

    def transform(self, texts):
        return np.array([[len(text), len(text.split()), text.count("e"), text.count("s")] for text in texts], float)


def test_an_own_feature_object_that_joins_first_does_not_take_the_place_of_words(tmp_path):
    headlines = weaklab.datasets.load_headlines().head(120)
    gold = dict(zip(headlines.id, headlines.gold, strict=True))

    def probabilities(name, classifiers):
        with weaklab.Project(tmp_path / name, labels=["clickbait", "news"]) as project:
            project.add_records(headlines[["id", "text"]], quiet=True)
            project.add(weaklab.pattern("clickbait", r"\b(you|your|this|why)\b"))
            project.add(weaklab.keywords("news", ["police", "court", "minister", "after", "over", "says"]))
            for features in classifiers:
                project.weak_classifier("logistic_regression", features=features, name=str(type(features).__name__))
            project.label_many([(i, gold[i]) for i in sorted(gold)[:24]])
            project.run(progress=False)
            return project.labels().p_news.to_numpy()

    own = Lengths()
    np.testing.assert_allclose(probabilities("own", [own, "tfidf"]), probabilities("words", ["tfidf", own]), atol=1e-6)


def test_the_order_of_classes_breaks_no_tie():
    classifier = WeakClassifier(min_probability=0.2)
    assert classifier.ballot(np.float32([[0.45, 0.45, 0.1], [0.1, 0.45, 0.45], [0.5, 0.4, 0.1]])).votes.tolist() == [
        -1,
        -1,
        0,
    ]
    assert classifier.ballot(np.float32([[0.5, 0.5], [0.4999999, 0.5000001], [0.3, 0.7]])).votes.tolist() == [-1, -1, 1]
    P = LABEL_MODELS["majority_vote"](n_classes=3).fit_predict_proba([[0, 1], [1, 2], [2, 2]])
    assert is_tied(P).tolist() == [True, True, False]


def test_an_estimator_that_only_votes_and_learned_one_class_prefers_none():
    class Votes:
        def fit(self, X, y):
            self.classes_ = np.unique(y)
            return self

        def predict(self, X):
            return np.where(X[:, 0] > 0, 1, 0)

    X = np.repeat([[1.0], [-1.0]], [30, 10], axis=0)
    y = np.repeat([1, 0], [30, 10])
    ids = [f"r{i}" for i in range(40)]
    classifier = WeakClassifier(Votes()).train(X, y, ids, LabelNames(["no", "yes"]))
    flipped = WeakClassifier(Votes()).train(-X, 1 - y, ids, LabelNames(["yes", "no"]))
    np.testing.assert_allclose(classifier.score(X), flipped.score(-X)[:, ::-1], atol=1e-6)


# ---- rows and matrices as they come in


@pytest.mark.parametrize(
    "rows",
    [
        np.array([False, True, False, True, False]),
        [False, True, False, True, False],
        [1, 3],
        np.array([1.0, 3.0]),
        np.uint8([1, 3]),
        np.array([1, 3], dtype=object),
    ],
)
def test_rows_are_numbers_or_a_mask(rows):
    loop = weaklab.Loop(np.eye(5), ["a", "b"])
    loop.label(rows, [1, 0])
    assert loop.y.tolist() == [-1, 1, -1, 0, -1]


def test_a_mask_takes_labels_for_its_rows_or_for_all_records():
    mask = np.array([True, False, True])
    for codes in (["b", "a"], ["b", "b", "a"]):
        loop = weaklab.Loop(np.eye(3), ["a", "b"])
        loop.label(mask, codes)
        assert loop.y.tolist() == [1, -1, 0]


@pytest.mark.parametrize(
    ("rows", "codes", "message"),
    [
        ([2.7], [1], r"row 2\.7 is no whole number; wanted row numbers from 0 to 3, or a boolean mask of 4 values"),
        ([np.nan], [1], "row nan is no whole number"),
        ([np.inf], [1], "row inf is no whole number"),
        (["1"], [1], "row '1' is no whole number"),
        ([-1], [1], "there is no row -1: rows must be from 0 to 3"),
        ([4], [1], "there is no row 4"),
        ([True, False], [1], "rows are a boolean mask of 2 values"),
        (np.ones((4, 1), dtype=bool), [1] * 4, r"rows have shape \(4, 1\)"),
        ([1, 1], [0, 1], "row 1 comes more than once; give each row once"),
        ([0, 1, 1, 0], [1, 1, 1, 1], "row 0 comes more than once .if this is a mask"),
        ([0, 1], [1], "2 records and 1 label"),
    ],
)
def test_what_is_no_row_is_refused_and_nothing_is_labeled(rows, codes, message):
    loop = weaklab.Loop(np.eye(4), ["a", "b"])
    with pytest.raises(WeaklabError, match=message):
        loop.label(rows, codes)
    assert loop.n_labels == 0
    with pytest.raises(WeaklabError):
        loop.explain(2.7)


# ---- features as they come in


@pytest.mark.parametrize(
    "classifier", ["logistic_regression", "gaussian_naive_bayes", "k_nearest_neighbors", "naive_bayes"]
)
@pytest.mark.parametrize("kind", [np.float16, np.longdouble, np.int32, bool])
def test_features_of_any_type_of_numbers_are_computed_as_floats(classifier, kind):
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 200)
    X = (rng.random((200, 6)) < np.where(truth == 1, 0.8, 0.2)[:, None]).astype(kind)
    y = np.where(np.arange(200) < 60, truth, ABSTAIN)
    P = loop_of(np.float32(X), None, y, ["a", "b"], classifier).P
    np.testing.assert_allclose(loop_of(X, None, y, ["a", "b"], classifier).P, P, atol=1e-5)
    trained = [
        WeakClassifier(classifier)
        .train(Z[:60], truth[:60], [str(i) for i in range(60)], LabelNames(["a", "b"]))
        .score(Z)
        for Z in (X, np.float32(X))
    ]
    np.testing.assert_allclose(trained[0], trained[1], atol=1e-5)


FRAME = pd.DataFrame({"age": [1.0, 2.0], "income": [3.0, np.inf]})


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (
            FRAME,
            "X holds 1 value that is missing or infinite, the first in row 1, column 'income': inf; fill them first",
        ),
        (
            [[1.0, np.nan], [np.nan, 0.0]],
            "X holds 2 values that are missing or infinite, the first in row 0, column 1: nan",
        ),
        (sparse.csr_array([[0, 0, -np.inf], [1.0, 0, 0]]), "the first in row 0, column 2: -inf"),
        (pd.DataFrame({"n": pd.array([1, None], dtype="Int64")}), "the first in row 1, column 'n': nan"),
        (np.array([[1.0], [None]], dtype=object), "the first in row 1, column 0: nan"),
        (
            [[1.0, 1e30], [0, 0]],
            r"X holds 1 value that is beyond 1e\+18, the first in row 0, column 1: 1e\+30; scale the column first",
        ),
        ([["1", "2"], ["3", "4"]], "X must hold numbers, shape .records, features., got list of <U1 with '1'"),
        (
            np.array([["1", 2.0]], dtype=object),
            "X must hold numbers, .* with '1'; turn text, dates and categories into numbers first",
        ),
        (np.array([["2020-01-01"]], dtype="datetime64[D]"), "X must hold numbers"),
        (np.array([[1j]]), "X must hold numbers"),
        ([[1.0], [1.0, 2.0]], "X must hold numbers, .* of rows of several lengths"),
        (np.ma.masked_equal([[1.0, 2.0]], 2.0), "X is a masked array"),
        ([1.0, 2.0], r"X must be a matrix of shape \(records, features\), got shape \(2,\)"),
    ],
)
def test_features_that_are_no_finite_numbers_are_named(X, message):
    with pytest.raises(WeaklabError, match=message):
        weaklab.Loop(X, ["a", "b"])


def test_a_classifier_names_the_record_whose_features_are_wrong():
    X = np.ones((20, 2))
    X[7, 1] = np.nan
    with pytest.raises(
        WeaklabError, match="X holds 1 value that is missing or infinite, the first in record 'r7', column 1: nan"
    ):
        WeakClassifier().train(X, np.arange(20) % 2, [f"r{i}" for i in range(20)], LabelNames(["a", "b"]))


class Encoder:
    """Two numbers a text, of some type; one of them may be wrong."""

    def __init__(self, kind, wrong=None):
        self.kind, self.wrong = kind, wrong

    def encode(self, texts):
        rows = np.array([[len(text), text.count("a")] for text in texts], dtype=self.kind)
        if self.wrong is not None:
            rows[1, 0] = self.wrong
        return rows


def test_what_an_encoder_returns_is_checked():
    corpus = weaklab.read(pd.DataFrame({"id": ["x", "y", "z"], "text": ["a", "ab", "abc"]}))
    batch = next(corpus.batches())
    assert weaklab.features.features(Encoder(np.float16)).transform(batch).dtype == np.float32
    for wrong in (np.nan, np.inf):
        with pytest.raises(
            WeaklabError,
            match="what Encoder returns holds 1 value that is missing or infinite, the first in record 'y', column 0",
        ):
            weaklab.features.features(Encoder(float, wrong)).transform(batch)
    few = Encoder(float)
    few.encode = lambda texts: np.ones((1, 2))
    with pytest.raises(WeaklabError, match="Encoder returns 1 rows for 3 texts"):
        weaklab.features.features(few).transform(batch)


def columns_of(**columns):
    return weaklab.read(
        pa.table({"id": [f"r{i}" for i in range(len(next(iter(columns.values()))))], **columns}), text=[]
    )


def test_infinity_in_a_numeric_column_counts_as_missing_with_a_warning():
    there = columns_of(n=[1.0, float("inf"), 3.0, float("-inf"), None, 5.0], m=[1, 2, 3, 4, 5, 6])
    missing = columns_of(n=[1.0, None, 3.0, None, None, 5.0], m=[1, 2, 3, 4, 5, 6])
    with pytest.warns(
        WeaklabWarning,
        match="column 'n' holds infinity in 2 records, the first with id 'r1'; as a feature that counts as missing",
    ):
        X = weaklab.features.features("columns").fit_transform(there)
    np.testing.assert_array_equal(X, weaklab.features.features("columns").fit_transform(missing))
    assert X[1, 0] == 0


@pytest.mark.parametrize("offset", [0.0, 1.7e9, -1e12])
def test_columns_keep_their_spread_however_far_from_zero_they_are(offset):
    X = weaklab.features.features("columns").fit_transform(columns_of(n=[offset + i for i in range(100)]))
    np.testing.assert_allclose(X[:, 0], (np.arange(100) - 49.5) / np.arange(100).std(), atol=1e-3)


def test_columns_in_half_precision_and_lists_with_gaps_are_features():
    half = pa.array(np.float16([0.5, 1.5, 2.5]))
    lists = pa.array([None, [1.0, 2.0], [3.0, 4.0]], pa.list_(pa.float32(), 2))
    held = weaklab.features.features("columns").fit(columns_of(h=half, e=lists))
    assert held.transform(next(columns_of(h=half, e=lists).batches())).shape == (3, 3)
    gone = next(columns_of(h=half[:1], e=pa.array([None], pa.list_(pa.float32(), 2))).batches())
    assert held.transform(gone)[0, 1:].tolist() == [0.0, 0.0]
    other = next(columns_of(h=half[:1], e=pa.array([[1.0, 2.0, 3.0]])).batches())
    with pytest.raises(
        WeaklabError,
        match=r"column 'e' cannot be a feature: record 'r0' has \[1\.0, 2\.0, 3\.0\]; wanted lists of 2 numbers",
    ):
        held.transform(other)
