"""Weak classifiers: the named ones, any other, calibration, precision thresholds, and the input of training."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier

import weaklab
from weaklab.classifiers import CLASSIFIERS, WeakClassifier, folds_of
from weaklab.classifiers.calibration import binary, finite, fit_temperature, precision_thresholds, tempered
from weaklab.classifiers.estimators import log_scores
from weaklab.classifiers.linear import LogisticRegression, NaiveBayes
from weaklab.classifiers.variants import GaussianBayes
from weaklab.core.errors import HeuristicError, WeaklabError
from weaklab.core.labels import ABSTAIN, LabelNames
from weaklab.project.stored_members import classifier_from_setting

AB = LabelNames(["a", "b"])
ABC = LabelNames(["a", "b", "c"])


def texts(n, k, seed=0, d=400, words=8):
    """Return sparse rows with a few words each, one or two of them telling of the class in general, and the classes."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, k, n)
    X = np.zeros((n, d), dtype=np.float32)
    for row in range(n):
        X[row, rng.integers(k * 5, d, words)] = rng.random(words) + 0.2
        X[row, y[row] * 5 + rng.integers(0, 5, 2)] = 1
    return sparse.csr_array(X), y


def names(n):
    return [f"r{i}" for i in range(n)]


def trained(estimator, X, y, labels=None, **settings):
    given = {key: settings.pop(key) for key in ("also", "groups") if key in settings}
    labels = labels or LabelNames([f"c{code}" for code in range(int(y.max()) + 1)])
    return WeakClassifier(estimator, "tfidf", **settings).train(X, y, names(len(y)), labels, **given)


def held_out(classifier):
    return np.array(list(classifier.out_of_fold_.values()))


# ---- the named ones


@pytest.fixture(params=CLASSIFIERS.names())
def name(request):
    return request.param


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("dense", [False, True])
def test_every_classifier_learns_from_sparse_and_from_dense_features(name, k, dense):
    X, y = texts(360, k)
    X = X.toarray() if dense else X
    X[300:302] = 0 * X[300:302]  # records without a known word
    classifier = trained(name, X[:80], y[:80])
    scores = classifier.score(X[80:])
    assert scores.dtype == np.float32
    assert np.isfinite(scores).all()
    np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-5)
    assert (scores.argmax(axis=1) == y[80:]).mean() > 0.5 + 0.2 / k
    assert (held_out(classifier).argmax(axis=1) == y[:80]).mean() > 0.4 + 0.2 / k


@pytest.mark.parametrize(
    "name", [n for n in CLASSIFIERS.names() if n != "complement_naive_bayes" and n != "naive_bayes"]
)
def test_every_other_classifier_takes_negative_numbers(name):
    X, y = texts(80, 2)
    assert trained(name, X.toarray() - 0.5, y).is_ready


def test_naive_bayes_says_what_to_use_with_negative_numbers():
    X, y = texts(80, 2)
    with pytest.raises(WeaklabError, match="use gaussian_naive_bayes or logistic_regression"):
        trained("nb", X.toarray() - 0.5, y)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [n for n in CLASSIFIERS.names() if n not in ("naive_bayes", "complement_naive_bayes")])
def test_training_is_balanced(name):
    shares = []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        X, y = rng.normal(size=(240, 2)), (np.arange(240) % 12 == 0).astype(int)
        X[y == 1] += 1
        model = CLASSIFIERS[name](0).fit(X, y)
        halfway = rng.normal(size=(1000, 2)) + 0.5
        shares.append((log_scores(model, halfway, 2).argmax(axis=1) == 1).mean())
    assert np.mean(shares) > 0.17  # an unbalanced one gives the class of a twelfth a twentieth to a tenth


def test_every_classifier_is_the_same_for_the_same_seed_and_survives_labels_of_one_class_in_a_fold(name):
    X, _ = texts(40, 2)
    y = np.array([0] * 37 + [1] * 2 + [2])
    first, second = trained(name, X, y, ABC), trained(name, X, y, ABC)
    np.testing.assert_array_equal(first.score(X), second.score(X))
    assert np.isfinite(held_out(first)).all()


def test_every_classifier_works_where_no_record_has_any_feature(name):
    y = np.array([0, 1] * 6)
    classifier = trained(name, sparse.csr_array((12, 5), dtype=np.float32), y)
    np.testing.assert_allclose(classifier.score(sparse.csr_array((3, 5), dtype=np.float32)), 0.5, atol=0.2)


@pytest.mark.parametrize(
    ("alias", "full"),
    [
        ("nb", "naive_bayes"),
        ("cnb", "complement_naive_bayes"),
        ("gnb", "gaussian_naive_bayes"),
        ("lr", "logistic_regression"),
        ("svm", "linear_svm"),
        ("knn", "k_nearest_neighbors"),
        ("tree", "decision_tree"),
        ("forest", "random_forest"),
        ("mlp", "multilayer_perceptron"),
    ],
)
def test_short_names_are_aliases(alias, full):
    assert WeakClassifier(alias).name == full


# ---- arithmetic of its own


def weights(n, kind):
    return np.ones(n) if kind == "equal" else np.random.default_rng(3).random(n) + 0.1


@pytest.mark.parametrize("kind", ["equal", "unequal"])
@pytest.mark.parametrize("k", [2, 4])
@pytest.mark.parametrize("dense", [False, True])
def test_naive_bayes_equals_multinomial_nb_in_the_model_and_in_every_fold(k, dense, kind):
    X, y = texts(150, k)
    X = X.toarray() if dense else X
    weight, fold = weights(60, kind), np.arange(60) % 5
    model = NaiveBayes()
    Z = model.fit_out_of_fold(X[:60], y[:60], weight, fold)
    peer = MultinomialNB(alpha=0.1, fit_prior=False).fit(X[:60], y[:60], weight)
    np.testing.assert_allclose(model.predict_proba(X[60:]), peer.predict_proba(X[60:]), atol=1e-5)
    for number in range(5):
        inside = fold == number
        part = MultinomialNB(alpha=0.1, fit_prior=False).fit(X[:60][~inside], y[:60][~inside], weight[~inside])
        P = np.exp(Z[inside] - Z[inside].max(axis=1, keepdims=True))
        np.testing.assert_allclose(P / P.sum(axis=1, keepdims=True), part.predict_proba(X[:60][inside]), atol=1e-9)


@pytest.mark.parametrize("kind", ["equal", "unequal"])
@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("shape", ["sparse wide", "dense narrow", "sparse long"])
def test_logistic_regression_finds_the_optimum_of_scikit_learn_in_the_model_and_in_every_fold(shape, k, kind):
    from sklearn.linear_model import LogisticRegression as Peer

    X, y = texts(260, k, d=400 if "wide" in shape else 30)
    X = X.toarray() if "dense" in shape else X
    n = 60 if "wide" in shape else 160
    weight, fold = weights(n, kind), np.arange(n) % 5
    model = LogisticRegression(tol=1e-9)
    Z = model.fit_out_of_fold(X[:n], y[:n], weight, fold)

    def peer(rows):
        share = 1 / np.bincount(y[:n][rows], weights=weight[rows])[y[:n][rows]]
        balanced = weight[rows] * share * weight[rows].sum() / k
        return Peer(C=10.0, tol=1e-10, max_iter=5000, solver="newton-cg").fit(
            X[:n][rows].astype(np.float64), y[:n][rows], balanced
        )

    whole = peer(np.arange(n))
    np.testing.assert_allclose(model.predict_proba(X[n:]), whole.predict_proba(X[n:]), atol=1e-4)
    np.testing.assert_allclose(
        model.coef_[1] - model.coef_[0], whole.coef_[0] if k == 2 else whole.coef_[1] - whole.coef_[0], atol=1e-3
    )
    for number in range(5):
        inside = fold == number
        P = np.exp(Z[inside] - Z[inside].max(axis=1, keepdims=True))
        part = peer(np.flatnonzero(~inside))
        np.testing.assert_allclose(P / P.sum(axis=1, keepdims=True), part.predict_proba(X[:n][inside]), atol=1e-4)


@pytest.mark.parametrize(("n", "d", "k"), [(40, 100, 2), (40, 100, 3), (120, 20, 2)])
def test_logistic_regression_says_the_same_of_a_dense_and_a_sparse_matrix(n, d, k):
    rng = np.random.default_rng(0)
    X, y, fold = rng.normal(size=(n, d)), rng.integers(0, k, n), np.arange(n) % 5
    X[:, 3] = 0
    dense, other = LogisticRegression(), LogisticRegression()
    Z, other_Z = (m.fit_out_of_fold(A, y, np.ones(n), fold) for m, A in ((dense, X), (other, sparse.csr_array(X))))
    np.testing.assert_allclose(Z, other_Z, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(dense.coef_, other.coef_, rtol=1e-12, atol=1e-12)
    assert not dense.coef_[:, 3].any()


def test_columns_that_no_labeled_record_holds_have_no_coefficient():
    X, y = texts(30, 2)
    unseen = np.flatnonzero(np.asarray(X.sum(axis=0)).ravel() == 0)
    assert len(unseen)
    assert not LogisticRegression().fit(X, y).coef_[:, unseen].any()


def test_gaussian_naive_bayes_on_sparse_features_equals_scikit_learns_on_dense_ones():
    X, y = texts(150, 2)
    y[:60] = np.arange(60) % 2  # equal priors
    ours = GaussianBayes(0.1).fit(X[:60], y[:60]).log_scores(X[60:].astype(float))
    theirs = GaussianNB(var_smoothing=0.1).fit(X[:60].toarray(), y[:60]).predict_log_proba(X[60:].toarray())
    np.testing.assert_allclose(ours[:, 1] - ours[:, 0], theirs[:, 1] - theirs[:, 0], rtol=1e-4, atol=1e-4)


# ---- any other classifier


class OnlyDecides(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.middle_ = [np.asarray(X[y == c].mean(axis=0)).ravel() for c in self.classes_]
        return self

    def decision_function(self, X):
        D = np.column_stack([X @ m for m in self.middle_])
        return D[:, 1] - D[:, 0] if D.shape[1] == 2 else D


class OnlyPredicts(OnlyDecides):
    decision_function = None

    def __getattribute__(self, name):
        if name == "decision_function":
            raise AttributeError(name)
        return super().__getattribute__(name)

    def predict(self, X):
        return self.classes_[np.column_stack([X @ m for m in self.middle_]).argmax(axis=1)]


@pytest.mark.parametrize("estimator", [OnlyDecides(), OnlyPredicts()], ids=lambda e: type(e).__name__)
@pytest.mark.parametrize("k", [2, 3])
def test_a_classifier_without_probabilities_gets_calibrated_ones(estimator, k):
    X, y = texts(500, k)
    scores = trained(estimator, X[:100], y[:100]).score(X[100:])
    right = scores.argmax(axis=1) == y[100:]
    assert right.mean() > 0.8
    assert abs(scores.max(axis=1).mean() - right.mean()) < 0.1


def test_predictions_without_scores_get_the_smoothed_confusion_matrix():
    class Constant(BaseEstimator):
        def fit(self, X, y):
            return self

        def predict(self, X):
            return np.zeros(X.shape[0], dtype=int)

    y = np.array([0] * 15 + [1] * 5)
    np.testing.assert_allclose(
        trained(Constant(), np.zeros((20, 1)), y, AB).score(np.zeros((1, 1))), [[16 / 22, 6 / 22]], rtol=1e-5
    )


def test_an_estimator_that_takes_no_sparse_rows_is_given_dense_ones():
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    X, y = texts(300, 2, d=60)
    for estimator in (GaussianNB(), LinearDiscriminantAnalysis()):
        scores = trained(estimator, X[:100], y[:100]).score(X[100:])
        assert (scores.argmax(axis=1) == y[100:]).mean() > 0.6


def test_a_pipeline_is_a_classifier_too():
    from sklearn.decomposition import TruncatedSVD
    from sklearn.pipeline import make_pipeline
    from sklearn.svm import LinearSVC

    X, y = texts(300, 3)
    scores = trained(make_pipeline(TruncatedSVD(20, random_state=0), LinearSVC()), X[:100], y[:100]).score(X[100:])
    assert (scores.argmax(axis=1) == y[100:]).mean() > 0.6


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (GaussianNB, r"is the class GaussianNB; wanted an object: write GaussianNB\(\)"),
        (object(), "has no method fit"),
        (7, "has no method fit"),
        (sparse, "has no method fit"),
        ("naive_bays", "did you mean 'naive_bayes'"),
    ],
)
def test_what_is_no_classifier_is_refused(estimator, message):
    with pytest.raises(WeaklabError, match=message):
        WeakClassifier(estimator)


def test_an_estimator_that_cannot_score_is_refused():
    from sklearn.preprocessing import StandardScaler

    with pytest.raises(HeuristicError, match="none of predict_proba, decision_function and predict"):
        WeakClassifier(StandardScaler())


def test_a_decision_function_with_a_column_a_pair_of_classes_is_refused():
    from sklearn.svm import SVC

    X, y = texts(100, 4)
    with pytest.raises(WeaklabError, match="decision_function_shape='ovr'"):
        trained(SVC(decision_function_shape="ovo"), X, y)


# ---- calibration


@pytest.mark.parametrize("estimator", [KNeighborsClassifier(1), "decision_tree", "knn", "lr"], ids=str)
def test_memorising_classifier_gets_nearly_uniform_scores(estimator):
    away = []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        X, y = rng.normal(size=(500, 10)), rng.integers(0, 2, 500)
        classifier = trained(estimator, X[:200], y[:200])
        away += [np.abs(P - 0.5).mean() for P in (classifier.score(X), held_out(classifier))]
    assert np.mean(away) < 0.05


@pytest.mark.parametrize("truth", [0.2, 1.0, 5.0])
def test_the_temperature_that_made_the_labels_is_found(truth):
    rng = np.random.default_rng(0)
    Z = rng.normal(size=(4000, 3)) * 4
    P = np.exp(Z / truth) / np.exp(Z / truth).sum(axis=1, keepdims=True)
    y = (rng.random((4000, 1)) > P.cumsum(axis=1)).sum(axis=1)
    assert fit_temperature(Z, y) == pytest.approx(truth, rel=0.15)


@pytest.mark.parametrize("name", ["naive_bayes", "logistic_regression", "random_forest", "linear_svm"])
def test_calibration_leaves_the_best_class_and_lowers_the_log_loss(name):
    X, y = texts(900, 3, d=60, words=20)
    y = np.where(np.random.default_rng(1).random(900) < 0.2, (y + 1) % 3, y)  # nobody can be sure
    plain, scaled = (trained(name, X[:100], y[:100], calibrate=c).score(X[100:]) for c in (False, True))
    np.testing.assert_array_equal(plain.argmax(axis=1), scaled.argmax(axis=1))
    loss = [-np.log(np.maximum(P[np.arange(800), y[100:]], 1e-9)).mean() for P in (plain, scaled)]
    assert loss[1] < loss[0]


def test_there_is_no_temperature_below_twenty_labels_or_when_not_wanted():
    X, y = texts(40, 2)
    assert trained("nb", X[:19], y[:19]).temperature_ is None
    assert trained("nb", X[:20], y[:20]).temperature_ is not None
    assert trained("nb", X, y, calibrate=False).temperature_ is None


def test_a_class_without_labels_is_improbable_and_not_impossible():
    X, y = texts(60, 2)
    scores = trained("nb", X, y, ABC).score(X)
    assert (scores[:, 2] > 0.001).all()
    assert (scores[:, 2] < 0.1).all()


# ---- precision thresholds


def test_most_thresholds_reach_the_precision_on_unseen_records():
    rng = np.random.default_rng(0)
    kept, chosen = [], []
    for _ in range(100):
        sure = rng.random(4000) / 2 + 0.5
        right = rng.random(4000) < sure
        threshold = precision_thresholds(np.column_stack([sure, 1 - sure])[:300], np.where(right, 0, 1)[:300], 0.9)[0]
        if np.isfinite(threshold):
            kept.append(right[300:][sure[300:] >= threshold].mean() >= 0.9)
        chosen.append(threshold)
    assert np.mean(kept) > 0.75
    assert np.median(chosen) < 0.93  # 0.8 keeps it exactly


def test_class_that_never_reaches_the_precision_gets_no_votes():
    scores = np.array([[0.9, 0.1]] * 40 + [[0.1, 0.9]] * 40)
    y = np.array([0] * 40 + [1, 0] * 20)
    assert precision_thresholds(scores, y, 0.9).tolist() == [0.9, np.inf]


def test_precision_of_090_needs_sixteen_right_votes():
    for n, kept in ((15, np.inf), (16, 0.8)):
        assert precision_thresholds(np.array([[0.8, 0.2]] * n), np.zeros(n, dtype=int), 0.9)[0] == kept


def test_equal_scores_are_kept_or_dropped_together():
    scores, y = np.array([[0.8, 0.2]] * 40), np.array([0] * 30 + [1] * 10)
    assert precision_thresholds(scores, y, 0.9)[0] == np.inf


def test_a_classifier_votes_above_the_higher_of_threshold_and_least_probability():
    X, y = texts(600, 2, d=60, words=20)
    free, held, both = (
        trained("nb", X[:150], y[:150], **s)
        for s in ({}, {"min_precision": 0.9}, {"min_precision": 0.9, "min_probability": 0.97})
    )
    np.testing.assert_allclose(free.thresholds_, 0.6)
    assert (held.thresholds_ > 0.6).all()
    np.testing.assert_array_equal(both.thresholds_, np.maximum(held.thresholds_, 0.97))
    scores = held.score(X[150:])
    ballot = held.ballot(scores)
    voted = ballot.votes != ABSTAIN
    assert 0 < voted.sum() < (free.ballot(scores).votes != ABSTAIN).sum()
    assert (ballot.votes == y[150:])[voted].mean() > 0.88
    assert (scores[voted].max(axis=1) >= held.thresholds_[ballot.votes[voted]] - 1e-6).all()


@pytest.mark.parametrize(
    "settings", [{"min_precision": 90}, {"min_precision": True}, {"min_probability": "0.9"}, {"calibrate": 1}]
)
def test_settings_that_make_no_sense_are_refused(settings):
    with pytest.raises(HeuristicError, match=next(iter(settings))):
        WeakClassifier("nb", **settings)


# ---- further rows, groups


def test_further_rows_train_model_and_folds_and_get_no_score():
    X, y = texts(200, 2)
    flipped = 1 - y[:30]  # what the labels teach is wrong, and outweighed by what comes beside them
    alone, taught = trained("nb", X[:30], flipped), trained("nb", X[:30], flipped, also=(X[30:], y[30:]))
    assert (alone.score(X[30:]).argmax(axis=1) == y[30:]).mean() < 0.4
    assert (taught.score(X[30:]).argmax(axis=1) == y[30:]).mean() > 0.6
    assert (held_out(taught).argmax(axis=1) == y[:30]).mean() > 0.6
    assert list(taught.out_of_fold_) == names(30)


@pytest.mark.parametrize("name", CLASSIFIERS.names())
def test_every_classifier_takes_weighted_further_rows_and_those_of_no_weight_are_not_there(name):
    X, y = texts(90, 2)
    alone, zero = trained(name, X[:40], y[:40]), trained(name, X[:40], y[:40], also=(X[40:], 1 - y[40:], np.zeros(50)))
    np.testing.assert_array_equal(alone.score(X), zero.score(X))
    small = trained(name, X[:40], y[:40], also=(X[40:], y[40:], np.full(50, 0.7)))
    assert np.isfinite(small.score(X)).all()


@pytest.mark.parametrize("name", ["naive_bayes", "logistic_regression", "gaussian_naive_bayes"])
def test_a_row_of_weight_two_is_the_same_row_twice(name):
    X, y = texts(80, 2)
    twice = trained(name, X[:40], y[:40], also=(sparse.vstack([X[40:], X[40:]]), np.tile(y[40:], 2)))
    heavy = trained(name, X[:40], y[:40], also=(X[40:], y[40:], np.full(40, 2.0)))
    np.testing.assert_allclose(twice.score(X), heavy.score(X), atol=1e-3)


@pytest.mark.parametrize(
    ("also", "message"),
    [
        ((np.zeros((2, 3)), [0, 1]), "one row of 400 features"),
        ((np.zeros((2, 400)), [0]), "one row of 400 features"),
        ((np.zeros((2, 400)), [0, 5]), "holds the code 5; wanted codes 0 to 1"),
        ((np.zeros((2, 400)), [0, -1]), "holds the code -1"),
        ((np.zeros((2, 400)), [0, 1], [1, -1]), "weight that is negative"),
        ([np.zeros((2, 400)), [0, 1]], r"must be \(X, y\)"),
    ],
)
def test_further_rows_that_do_not_fit_are_refused(also, message):
    X, y = texts(40, 2)
    with pytest.raises(WeaklabError, match=message):
        trained("nb", X, y, also=also)


def test_records_of_a_group_are_held_out_together():
    groups = [f"g{i % 13}" for i in range(60)]
    fold = folds_of(np.arange(60) % 2, names(60), 5, groups)
    assert all(len({f for f, g in zip(fold, groups, strict=True) if g == group}) == 1 for group in set(groups))
    assert np.bincount(fold).min() >= 8
    with pytest.raises(WeaklabError, match="one group per record, 60 in all, got 1"):
        folds_of(np.zeros(60), names(60), 5, ["g"])


def test_copies_in_one_group_are_not_evidence_for_each_other():
    rng = np.random.default_rng(0)
    X, y = np.repeat(rng.normal(size=(60, 5)), 3, axis=0), np.repeat(rng.integers(0, 2, 60), 3)
    groups = np.repeat(np.arange(60), 3)
    naive = trained("knn", X, y)
    honest = trained("knn", X, y, groups=groups)
    assert (held_out(naive).argmax(axis=1) == y).mean() > 0.9
    assert (held_out(honest).argmax(axis=1) == y).mean() < 0.7


# ---- the rest


@pytest.mark.parametrize(
    ("y", "said"),
    [
        ([0] * 5 + [1] * 5, None),
        ([0] * 5 + [1] * 4, "1 more label is needed"),
        ([0] * 9 + [1], "1 more label is needed, 1 of them at least of b"),
        ([0] * 20, "2 more labels are needed, 2 of them at least of b"),
        ([-1] * 20, "10 more labels are needed, 4 of them at least of two of a, b"),
    ],
)
def test_a_classifier_says_which_labels_it_waits_for(y, said):
    assert WeakClassifier().wanting(np.array(y), AB) == said


def test_settings_come_back_from_a_spec_and_change_the_fingerprint():
    made = WeakClassifier("svm", ["tfidf", ["word2vec", {"size": 9}]], min_precision=0.9, calibrate=False, seed=3)
    assert WeakClassifier.from_spec(made.spec()).fingerprint == made.fingerprint
    old = {
        "kind": "classifier",
        "estimator": "nb",
        "features": ["tfidf", {}],
        "name": "n",
        "min_probability": None,
        "min_labels": 10,
        "seed": 0,
    }
    assert WeakClassifier.from_spec(old).calibrate
    prints = {
        WeakClassifier("nb", **s).fingerprint
        for s in ({}, {"min_precision": 0.9}, {"calibrate": False}, {"min_probability": 0.9})
    }
    assert len(prints) == 4


def test_a_table_of_settings_makes_a_classifier():
    made = classifier_from_setting(
        {"estimator": "svm", "features": {"name": "word2vec", "size": 20}, "min_precision": 0.9}
    )
    assert (made.name, made.min_precision, made.features.settings()["size"]) == ("linear_svm", 0.9, 20)


def test_a_float64_pool_is_scored_as_a_float32_one():
    X, y = texts(100, 3)
    for name in ("naive_bayes", "logistic_regression"):
        classifier = trained(name, X[:50], y[:50])
        np.testing.assert_allclose(classifier.score(X), classifier.score(X.astype(np.float64)), atol=1e-4)


def test_votes_on_text_come_with_word_vectors_too():
    corpus = weaklab.read([f"free prize money {i}" if i % 2 else f"lunch tomorrow friend {i}" for i in range(60)])
    y = np.where(np.arange(60) < 30, np.arange(60) % 2, ABSTAIN)
    for features in (["word2vec", {"size": 10}], {"name": "fasttext", "size": 10}):
        classifier = WeakClassifier("gnb", features).fit(corpus, y, AB)
        votes = classifier.vote(next(corpus.batches()), AB)
        assert (votes == np.arange(60) % 2).mean() > 0.8


# ---- large pools


@pytest.mark.parametrize("name", ["naive_bayes", "logistic_regression"])
@pytest.mark.parametrize("k", [2, 3])
def test_linear_scores_do_not_depend_on_the_batch_size(name, k):
    X, y = texts(1200, k)
    classifier = trained(name, X[:100], y[:100])
    X = sparse.vstack([X] * 40, format="csr")  # more than are worked on at a time
    whole = classifier.score(X)
    ballot = classifier.ballot(whole)
    for size in (7, 1000):
        rows = np.arange(33_000, 33_000 + size)
        np.testing.assert_array_equal(classifier.score(X[rows]), whole[rows])
        np.testing.assert_array_equal(classifier.ballot(whole[rows]).votes, ballot.votes[rows])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_two_classes_are_calibrated_on_a_large_pool_as_they_are_on_a_small_one(dtype):
    odds = np.concatenate(
        [np.random.default_rng(0).normal(0, 5, 40_000), [1e6, -1e6, 0, np.inf, -np.inf, np.nan]]
    ).astype(dtype)
    known = np.isfinite(odds)
    Z = np.stack([np.zeros(known.sum()), odds[known].astype(float)], axis=1)
    np.testing.assert_allclose(binary(odds, 1.7, 60)[known], tempered(finite(Z), 1.7, 60), atol=2e-7)
    np.testing.assert_allclose(binary(odds)[-6:, 1], [1, 0, 0.5, 1, 0, 0.5])


@pytest.mark.parametrize("thresholds", [None, [0.5, 0.9, np.inf], [0.0, 0.0, 0.0]])
def test_votes_are_the_most_probable_classes_from_their_thresholds_on(thresholds):
    scores = np.random.default_rng(0).dirichlet(np.ones(3), 40_000).astype(np.float32)
    scores[:3] = [[1 / 3] * 3, [0.5, 0.5, 0], [0, 0.5, 0.5]]
    classifier = WeakClassifier()
    if thresholds is not None:
        classifier.thresholds_ = np.array(thresholds)
    least = np.float32(thresholds or [1 / 3 + 0.2 * 2 / 3] * 3)
    best = scores.argmax(axis=1)
    top = scores.max(axis=1)
    tied = top - np.sort(scores, axis=1)[:, 1] < 1e-6
    wanted = np.where((top >= least[best]) & (top > np.float32(1 / 3)) & ~tied, best, ABSTAIN)
    np.testing.assert_array_equal(classifier.ballot(scores).votes, wanted)


def test_the_two_ways_to_solve_logistic_regression_agree(monkeypatch):
    X, y = texts(90, 2)
    weight, fold = np.random.default_rng(0).uniform(0.2, 2, 90), np.arange(90) % 5
    fold[:10] = -1
    found = []
    for most in (LogisticRegression.MOST_DUAL, 0):
        monkeypatch.setattr(LogisticRegression, "MOST_DUAL", most)
        model = LogisticRegression(tol=1e-10)
        found.append((model.fit_out_of_fold(X, y, weight, fold)[10:], model.coef_, model.intercept_))
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_logistic_regression_ends_on_equal_rows_with_unequal_labels_and_on_rows_of_zeros():
    X = sparse.csr_array(np.repeat(np.eye(3, 200), [6, 6, 0], axis=0))
    y = np.array([0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 0])
    Z = LogisticRegression().fit_out_of_fold(X, y, np.ones(12), np.arange(12) % 4)
    assert np.isfinite(Z).all()
    assert LogisticRegression().fit(sparse.csr_array((12, 200)), y).coef_.max() == 0


def test_the_temperature_is_the_best_of_a_fine_grid():
    rng = np.random.default_rng(0)
    Z, y = rng.normal(0, 4, (60, 3)), rng.integers(0, 3, 60)

    def loss(t):
        return -np.log(tempered(Z.copy(), np.exp(t), 60)[np.arange(60), y]).sum() + 0.1 / 2 * t**2

    grid = np.linspace(np.log(0.05), np.log(1e5), 20_000)
    best = grid[int(np.argmin([loss(t) for t in grid]))]
    assert abs(np.log(fit_temperature(Z, y)) - best) < 2e-3


def pipelines():
    from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV
    from sklearn.naive_bayes import MultinomialNB
    from sklearn.pipeline import make_pipeline, make_union
    from sklearn.svm import LinearSVC

    return {
        "probabilities": make_pipeline(TfidfVectorizer(), LogisticRegression()),
        "counts": make_pipeline(CountVectorizer(binary=True), MultinomialNB()),
        "margins of a union": make_pipeline(
            make_union(CountVectorizer(), HashingVectorizer(n_features=64)), LinearSVC()
        ),
        "search": GridSearchCV(
            make_pipeline(CountVectorizer(), LogisticRegression()), {"logisticregression__C": [1, 10]}, cv=2
        ),
    }


MAIL = [f"win a free prize {i}" if i % 2 else f"lunch at noon {i}" for i in range(60)]


@pytest.mark.parametrize("kind", ["probabilities", "counts", "margins of a union", "search"])
def test_a_pipeline_with_a_text_vectorizer_reads_the_texts(kind, tmp_path):
    with weaklab.Project(tmp_path, labels=["ham", "spam"], timeout=None) as project:
        project.add_records(MAIL, quiet=True)
        ids = project.corpus.ids.to_pylist()
        project.weak_classifier(pipelines()[kind], name="mine", min_labels=10)
        project.label_many([(ids[i], "spam" if i % 2 else "ham") for i in range(24)])
        project.run(progress=False)
        assert project.votes().L[24:, 0].tolist() == [i % 2 for i in range(24, 60)]
        assert len(project.ask(2).records if hasattr(project.ask(2), "records") else list(project.ask(2))) == 2
        assert "did not see" not in str(project.preview("mine"))
        assert project.freeze().predict(["a free prize", "at noon"]) == ["spam", "ham"]


def test_pipelines_that_cannot_read_texts_are_refused(tmp_path):
    from sklearn.compose import make_column_transformer
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    mine = pipelines()["probabilities"]
    for what in ("tfidf", ["tfidf", "characters"]):
        with pytest.raises(HeuristicError, match="makes its own features of the texts; leave features out"):
            weaklab.WeakClassifier(mine, what)
    with pytest.raises(HeuristicError, match="a pipeline with a ColumnTransformer takes a table"):
        weaklab.WeakClassifier(
            make_pipeline(make_column_transformer((TfidfVectorizer(), "text")), LogisticRegression())
        )
    numbers = weaklab.read([{"id": i, "x": float(i)} for i in range(4)])
    with pytest.raises(
        weaklab.WeaklabError, match="has no text column, and the pipeline of a weak classifier reads texts"
    ):
        weaklab.WeakClassifier(mine).fit(numbers, [0, 1, 0, 1], LabelNames(["a", "b"]))


@pytest.mark.parametrize("data", ["text", "columns", "embeddings", "one number"])
def test_the_default_classifier_suits_the_data(data):
    rng = np.random.default_rng(0)
    y = np.arange(80) % 2
    rows = [{"id": f"r{i}"} for i in range(80)]
    for row, code in zip(rows, y.tolist(), strict=True):
        if data == "text":
            row["text"] = "win a prize" if code else "lunch at noon"
        elif data == "columns":
            row.update(a=float(rng.normal(3 * code)), b=float(rng.normal(-100 * code, 10)), c=int(rng.integers(9)))
        elif data == "embeddings":
            row["vector"] = [float(value) for value in rng.normal(code, 1, 16)]
        else:
            row["n"] = int(code * 5 + rng.integers(3)) - 4
    train = np.where(np.arange(80) < 40, y, -1)
    classifier = weaklab.WeakClassifier().fit(weaklab.read(rows), train, LabelNames(["a", "b"]))
    assert classifier.chosen_ == ("naive_bayes" if data == "text" else "logistic_regression")
    assert repr(classifier).startswith(f"WeakClassifier('auto' ({classifier.chosen_})")
    votes = classifier.vote(next(weaklab.read(rows).batches()), classifier.labels_)
    assert (votes[40:] == y[40:]).mean() > 0.85
