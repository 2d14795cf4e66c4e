"""Promises that hold for every label model, query strategy, weak classifier and shipped labeling function, found by themselves."""

import re
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import weaklab
from weaklab.base import ABSTAIN, LabelNames, WeaklabError
from weaklab.classifiers import CLASSIFIERS, WeakClassifier
from weaklab.features import FEATURES, features
from weaklab.heuristics import load
from weaklab.label_models import LABEL_MODELS
from weaklab.strategies import STRATEGIES, call_strategy

FOLDER = Path(__file__).parent.parent / "labeling_functions"
SHIPPED = load(FOLDER)


def planted(n=300, m=6, k=3, seed=0, coverage=0.6, accuracy=0.8):
    """Return votes of m heuristics of a known accuracy, and the truth."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, k, n)
    wrong = (truth[:, None] + rng.integers(1, k, (n, m))) % k
    votes = np.where(rng.random((n, m)) < accuracy, truth[:, None], wrong)
    return np.where(rng.random((n, m)) < coverage, votes, ABSTAIN), truth


# ---- label models


@pytest.fixture(params=LABEL_MODELS.names())
def model(request):
    return LABEL_MODELS[request.param]()


def proper(P, n, k):
    assert P.shape == (n, k)
    assert np.isfinite(P).all()
    assert (P >= 0).all()
    np.testing.assert_allclose(P.sum(axis=1), 1)


def test_label_models_find_the_planted_truth(model):
    L, truth = planted()
    model.fit(L)
    proper(model.predict_proba(L), 300, 3)
    assert (model.predict(L) == truth).mean() > 0.85


def test_label_models_work_with_one_heuristic(model):
    L = np.array([[0], [1], [-1], [1]] * 5)
    P = model.fit(L).predict_proba(L)
    proper(P, 20, 2)
    assert P.argmax(axis=1)[[0, 1]].tolist() == [0, 1]


def test_label_models_work_with_no_votes_at_all(model):
    P = model.fit(np.full((5, 4), ABSTAIN)).predict_proba(np.full((5, 4), ABSTAIN))
    np.testing.assert_allclose(P, 0.5)


def test_label_models_work_with_no_heuristic_at_all(model):
    P = model.fit(np.empty((5, 0), dtype=int)).predict_proba(np.empty((5, 0), dtype=int))
    np.testing.assert_allclose(P, 0.5)


def test_a_row_without_votes_gets_the_given_class_balance(model):
    L, _ = planted()
    model.set_params(class_balance=[0.2, 0.3, 0.5]).fit(L)
    np.testing.assert_allclose(model.predict_proba(np.full((1, 6), ABSTAIN)), [[0.2, 0.3, 0.5]], atol=1e-6)


def test_label_models_take_manual_labels(model):
    L, truth = planted()
    y = np.where(np.arange(300) < 30, truth, ABSTAIN)
    model.fit(L, y)
    assert (model.predict(L) == truth).mean() > 0.85


def test_label_models_survive_labels_of_one_class_and_a_single_label(model):
    L, truth = planted()
    for y in (np.where(truth == 1, 1, ABSTAIN), np.where(np.arange(300) == 7, truth, ABSTAIN)):
        proper(model.fit(L, y).predict_proba(L), 300, 3)


def test_label_models_are_deterministic_and_leave_random_states_alone(model):
    L, _ = planted()
    np.random.seed(5)
    before = np.random.get_state()[1].copy()
    first = model.fit(L).predict_proba(L)
    second = clone(model).fit(L).predict_proba(L)
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_label_models_do_not_care_about_row_order(model):
    L, _ = planted()
    order = np.random.default_rng(1).permutation(300)
    P = model.fit(L).predict_proba(L)
    np.testing.assert_allclose(clone(model).fit(L[order]).predict_proba(L[order]), P[order], atol=1e-3)


def test_label_models_do_not_change_what_they_are_given(model):
    L, truth = planted()
    held, y = L.copy(), truth.copy()
    model.fit(L, y).predict_proba(L)
    np.testing.assert_array_equal(L, held)
    np.testing.assert_array_equal(y, truth)


def test_predicting_twice_gives_the_same(model):
    L, _ = planted()
    model.fit(L)
    np.testing.assert_array_equal(model.predict_proba(L), model.predict_proba(L))


def test_predict_never_abstains_and_label_or_abstain_does(model):
    L = np.vstack([planted()[0], np.full((1, 6), ABSTAIN)])
    model.fit(L)
    assert model.predict(L).min() >= 0
    assert model.label_or_abstain(L)[-1] == ABSTAIN
    assert (model.label_or_abstain(L, min_confidence=1.0) == ABSTAIN).mean() >= 0.2


def test_label_models_take_scores_of_members(model):
    L, truth = planted()
    sure = np.eye(3)[truth] * 0.7 + 0.1
    proper(model.fit(L, scores={2: sure}).predict_proba(L, scores={2: sure}), 300, 3)


def test_label_models_refuse_what_is_no_vote(model):
    with pytest.raises(WeaklabError, match=r"L\[1, 0\] is -3"):
        model.fit([[0, 1], [-3, 0]])
    with pytest.raises(WeaklabError, match="integer codes"):
        model.fit([[0.5, 1.0]])
    with pytest.raises(WeaklabError, match="shape"):
        model.fit([0, 1, 0])
    with pytest.raises(WeaklabError, match="one code a record"):
        model.fit([[0, 1], [1, 0]], y=[1])
    with pytest.raises(WeaklabError, match="NaN"):
        model.fit([[0, 1]], scores={0: np.array([[np.nan, 1.0]])})
    with pytest.raises(WeaklabError, match="fitted on 2 heuristics"):
        model.fit([[0, 1], [1, 0]]).predict([[0, 1, 1]])
    with pytest.raises(NotFittedError):
        clone(model).predict([[0, 1]])


def test_a_vote_above_the_classes_is_refused(model):
    with pytest.raises(WeaklabError, match="is 7, which is no label"):
        model.set_params(n_classes=2).fit([[0, 7]])


# ---- query strategies


def pool_of(n=40, m=5, k=3, seed=0):
    L, _ = planted(n, m, k, seed)
    P = np.random.default_rng(seed).dirichlet(np.ones(k), n)
    soft = np.random.default_rng(seed + 1).dirichlet(np.ones(k), n)
    return {"P": P, "L": L, "scores": {1: soft}, "keys": np.arange(n, dtype=np.uint64) * 977 + 3, "seed": 4}


def rows_of(pool, rows):
    return {
        "P": pool["P"][rows],
        "L": pool["L"][rows],
        "scores": {j: s[rows] for j, s in pool["scores"].items()},
        "keys": pool["keys"][rows],
        "seed": pool["seed"],
    }


def score(name, pool):
    return call_strategy(name, STRATEGIES[name], pool)


@pytest.fixture(params=STRATEGIES.names())
def strategy(request):
    return request.param


def test_strategies_give_one_finite_score_a_record(strategy):
    assert np.isfinite(score(strategy, pool_of())).all()


def test_strategies_do_not_care_about_row_order(strategy):
    pool = pool_of()
    order = np.random.default_rng(2).permutation(40)
    np.testing.assert_allclose(score(strategy, rows_of(pool, order)), score(strategy, pool)[order], atol=1e-12)


def test_strategies_are_deterministic_and_change_nothing(strategy):
    pool = pool_of()
    held = {k: v.copy() if hasattr(v, "copy") else v for k, v in pool.items()}
    np.testing.assert_array_equal(score(strategy, pool), score(strategy, pool))
    for name in ("P", "L", "keys"):
        np.testing.assert_array_equal(pool[name], held[name])


def test_strategies_survive_one_record_no_record_and_rows_without_votes(strategy):
    pool = pool_of()
    assert score(strategy, rows_of(pool, np.array([3]))).shape == (1,)
    assert score(strategy, rows_of(pool, np.array([], dtype=int))).shape == (0,)
    silent = {**pool, "L": np.full((40, 5), ABSTAIN), "P": np.full((40, 3), 1 / 3), "scores": {}}
    assert np.isfinite(score(strategy, silent)).all()


def test_strategies_survive_certainty(strategy):
    pool = {**pool_of(), "P": np.eye(3)[np.zeros(40, dtype=int)], "scores": {1: np.eye(3)[np.ones(40, dtype=int)]}}
    assert np.isfinite(score(strategy, pool)).all()


# ---- everything that has a name


@pytest.mark.parametrize("registry", [LABEL_MODELS, STRATEGIES, CLASSIFIERS, FEATURES], ids=lambda r: r.kind)
def test_everything_registered_says_what_it_is_and_a_miss_lists_the_names(registry):
    for name, text, place in registry.describe():
        assert re.fullmatch("[a-z0-9_]+", name)
        assert len(text) > 20, f"{name} needs a docstring"
        assert re.search(r"\.py:\d+$", place)
    with pytest.raises(WeaklabError, match=f"no {registry.kind} named 'xyz'; available: {registry.names()[0]}"):
        registry["xyz"]


@pytest.mark.parametrize("name", CLASSIFIERS.names())
def test_every_classifier_learns_a_plain_rule_and_votes_out_of_fold(name):
    numeric = name == "gaussian_naive_bayes"
    corpus = weaklab.read([{"id": str(i), "text": f"word{i % 2} other{i % 5}", "x": float(i % 2) + 0.01 * (i % 7)} for i in range(40)])
    y = np.array([i % 2 for i in range(40)])
    classifier = WeakClassifier(name, "columns" if numeric else "tfidf").fit(
        corpus, np.where(np.arange(40) < 30, y, ABSTAIN), LabelNames(["a", "b"])
    )
    batch = next(corpus.batches())
    votes = classifier.vote(batch, LabelNames(["a", "b"]))
    assert (votes == y)[votes != ABSTAIN].all()
    assert (votes != ABSTAIN).mean() > 0.9
    proper(classifier.scores(batch).astype(float), 40, 2)


@pytest.mark.parametrize("name", [n for n in FEATURES.names() if n != "auto"])
def test_every_feature_set_is_deterministic_and_keeps_the_records_apart(name):
    corpus = weaklab.read([{"text": f"red green word{i % 3} red", "x": float(i % 3)} for i in range(30)])
    first = features(name).fit(corpus).transform_corpus(corpus)
    second = features(name).fit(corpus).transform_corpus(corpus)
    dense = [np.asarray(X.todense() if hasattr(X, "todense") else X) for X in (first, second)]
    np.testing.assert_array_equal(*dense)
    assert dense[0].shape[0] == 30
    assert not np.allclose(dense[0][0], dense[0][1])
    np.testing.assert_allclose(dense[0][0], dense[0][3])


# ---- the labeling functions that are shipped


def test_the_shipped_files_load():
    assert SHIPPED.errors == []
    assert len(SHIPPED.heuristics) >= 10


@pytest.mark.parametrize("heuristic", SHIPPED.heuristics, ids=lambda h: h.name)
def test_shipped_functions_survive_every_text_and_say_where_they_are(heuristic):
    labels = LabelNames(["clickbait", "news"])
    weaklab.Committee(labels).check(heuristic)
    corpus = weaklab.read(["", " ", "?", "ÀÉÎ ñandú 漢字 🎉", "A" * 100_000, "you\x00your", "1", "THE\nNEXT\tLINE"])
    ballot = heuristic.evaluate(next(corpus.batches()), labels)
    assert ballot.faults == []
    assert set(ballot.votes.tolist()) <= {-1, 0, 1}
    assert ".py" in heuristic.location
    assert len(heuristic.fingerprint) == 32


def test_shipped_functions_vote_both_labels_and_are_honestly_imperfect():
    frame = weaklab.datasets.load_headlines()
    labels = LabelNames(["clickbait", "news"])
    gold = np.array([labels.code(name) for name in frame["gold"]])
    corpus = weaklab.read(frame, gold="gold")
    L = np.column_stack([np.concatenate([h.vote(b, labels) for b in corpus.batches()]) for h in SHIPPED.heuristics])
    assert {0, 1} <= set(np.unique(L))
    right = [(L[:, j] == gold)[L[:, j] != ABSTAIN].mean() for j in range(L.shape[1])]
    assert 0.5 < min(right) < 1
    assert np.mean(right) > 0.7
