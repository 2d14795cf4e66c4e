"""Promises that hold for every label model, query strategy, weak classifier and shipped labeling function, found by
themselves."""

import inspect
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import weaklab
from weaklab.classifiers import CLASSIFIERS, WeakClassifier
from weaklab.core.errors import WeaklabError, WeaklabWarning
from weaklab.core.labels import ABSTAIN, LabelNames
from weaklab.features import FEATURES, features
from weaklab.heuristics import load
from weaklab.label_models import LABEL_MODELS
from weaklab.strategies import ARGUMENTS, STRATEGIES, call_strategy, uniform

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


DOUBTED = 1e-9


def test_a_vote_counts_its_confidence_or_the_model_says_that_it_does_not(model):
    L, _ = planted(n=60, coverage=0.8)
    sure = {0: np.full(60, DOUBTED)}
    model.fit(L)
    rows = (L[:, 1:] != ABSTAIN).any(axis=1) & (L[:, 0] != ABSTAIN)
    without = L.copy()
    without[:, 0] = ABSTAIN
    whole, doubted, none = model.predict_proba(L), None, model.predict_proba(without)[rows]
    if not model.takes_confidence:
        with pytest.warns(
            WeaklabWarning, match=r"takes no confidences: the votes of columns \[0\] count as much as any other"
        ):
            doubted = model.predict_proba(L, confidence=sure)
        np.testing.assert_array_equal(doubted, whole)
        with pytest.warns(WeaklabWarning, match="takes no confidences"):
            clone(model).fit(L, confidence=sure)
        return
    doubted = model.predict_proba(L, confidence=sure)
    np.testing.assert_allclose(doubted[rows], none, atol=1e-6)
    assert np.abs(doubted - whole).max() > 0.01
    np.testing.assert_allclose(model.predict_proba(L, confidence={0: np.ones(60)}), whole, atol=1e-12)


@pytest.mark.parametrize("name", ["dawid_skene", "hierarchical_dawid_skene", "one_coin", "glad"])
def test_models_that_count_votes_again_and_again_count_their_confidence(name):
    L, _ = planted(n=80, coverage=0.8)
    without = L.copy()
    without[:, 0] = ABSTAIN
    rows = (without != ABSTAIN).any(axis=1)
    P = LABEL_MODELS[name](n_classes=3).fit_predict_proba(L, confidence={0: np.full(80, DOUBTED)})
    np.testing.assert_allclose(P[rows], LABEL_MODELS[name](n_classes=3).fit_predict_proba(without)[rows], atol=1e-5)


@pytest.mark.parametrize(
    ("votes", "message"),
    [
        (
            [[0, 1], [1, 300]],
            r"L\[1, 1\] is 300, which is no label; wanted -1 \(abstain\) to 126: a label matrix holds at most 127 "
            r"classes",
        ),
        ([[256, 256], [130, -1]], r"L\[0, 0\] is 256, which is no label"),
        (np.array([[2**63, 0]], dtype=np.uint64), r"L\[0, 0\] is 9223372036854775808"),
        ([[0.0, 1.5]], r"L\[0, 1\] is 1\.5, which is no code; wanted integer codes, -1 abstains"),
        ([[0.0, np.nan]], r"L\[0, 1\] is nan, which is no code"),
        ([[0.0, np.inf]], r"L\[0, 1\] is inf, which is no code"),
        ([[0, None]], r"L\[0, 1\] is None, which is no code"),
        (pd.DataFrame({"a": pd.array([0, None], dtype="Int8")}), r"L\[1, 0\] is nan, which is no code"),
        ([["spam", "ham"]], r"L holds <U4 values such as 'spam'; wanted integer codes"),
        ([[True, False]], "L holds bool values such as True"),
        (np.array([[1, True]], dtype=object), r"L\[0, 1\] is True, which is no code"),
        ([[1 + 0j, 0j]], "L holds complex128 values"),
        ([[0, 1], [1]], "the rows of L differ in length"),
        (sparse.csr_array([[0, 1]]), r"L is a sparse matrix, .* pass L\.toarray\(\)"),
        (np.ma.masked_equal([[0, 1]], 0), r"L is a masked array; .* pass L\.filled\(-1\)"),
    ],
)
def test_what_is_no_vote_is_named(votes, message):
    with pytest.raises(WeaklabError, match=message):
        LABEL_MODELS["majority_vote"]().fit(votes)
    with pytest.raises(WeaklabError, match=message.split("which")[0]):
        weaklab.Loop(np.eye(2, 3), ["a", "b"], votes)


@pytest.mark.parametrize(
    "votes",
    [
        [[0.0, -1.0]],
        np.float16([[0, -1]]),
        pd.DataFrame({"a": [0], "b": [-1]}),
        np.array([[0, -1.0]], dtype=object),
        [(0, -1)],
    ],
)
def test_whole_numbers_of_any_type_are_votes(votes):
    assert LABEL_MODELS["majority_vote"]().fit(votes).predict(votes).tolist() == [0]


@pytest.mark.parametrize(
    ("y", "message"), [([0, 200], r"y\[1\] is 200"), ([0, np.nan], r"y\[1\] is nan"), (["a", "b"], "y holds <U1")]
)
def test_what_is_no_manual_label_is_named(y, message):
    with pytest.raises(WeaklabError, match=message):
        LABEL_MODELS["committee"]().fit([[0, 1], [1, 0]], y)


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
    for many in (300, 128, 1, 2.5, True, "three"):
        with pytest.raises(WeaklabError, match="n_classes must be a whole number from 2 to 127"):
            clone(model).set_params(n_classes=many).fit([[0, 1], [1, 0]])
    with pytest.raises(NotFittedError):
        clone(model).predict([[0, 1]])


def test_a_vote_above_the_classes_is_refused(model):
    with pytest.raises(WeaklabError, match="is 7, which is no label"):
        model.set_params(n_classes=2).fit([[0, 7]])


# ---- query strategies


def pool_of(n=40, m=5, k=3, seed=0):
    """Return every argument of a strategy; some records are labeled, some not eligible, some without features."""
    rng = np.random.default_rng(seed)
    L, truth = planted(n, m, k, seed)
    X = rng.normal(size=(n, 6)).astype(np.float32)
    X[::9] = 0
    X /= np.maximum(np.linalg.norm(X, axis=1, keepdims=True), 1e-9)
    y = np.where(np.arange(n) % 5 == 0, truth, ABSTAIN)
    return {
        "P": rng.dirichlet(np.ones(k), n),
        "L": L,
        "scores": {1: rng.dirichlet(np.ones(k), n)},
        "keys": np.arange(n, dtype=np.uint64) * 977 + 3,
        "seed": 4,
        "y": y,
        "eligible": (y < 0) & (np.arange(n) % 7 != 0),
        "n": 6,
        "X": sparse.csr_array(X),
        "E": X.copy(),
    }


def rows_of(pool, rows):
    taken = {name: pool[name][rows] for name in ("P", "L", "keys", "y", "eligible", "X", "E")}
    return {**pool, **taken, "scores": {j: s[rows] for j, s in pool["scores"].items()}}


def same_everywhere(pool):
    """Return a pool in which no record differs from another, but by its key."""
    return {**rows_of(pool, np.full(40, 4)), "keys": pool["keys"], "eligible": np.full(40, True)}


def score(name, pool):
    return call_strategy(name, STRATEGIES[name], pool)


def batch(name, pool):
    """Return the keys of the n best eligible records, best first."""
    scores = np.where(pool["eligible"], score(name, pool), -np.inf)
    order = np.lexsort((uniform(pool["keys"], 9), -scores))
    return pool["keys"][order[: min(pool["n"], pool["eligible"].sum())]].tolist()


@pytest.fixture(params=STRATEGIES.names())
def strategy(request):
    return request.param


def test_strategies_name_nothing_but_known_arguments(strategy):
    parameters = inspect.signature(STRATEGIES[strategy]).parameters.values()
    assert {p.name for p in parameters if p.default is p.empty} <= set(ARGUMENTS)
    assert set(ARGUMENTS) == set(pool_of())


@pytest.mark.parametrize("make", [lambda pool: pool, same_everywhere], ids=["random", "all the same"])
def test_strategies_do_not_care_about_row_order(strategy, make):
    pool = make(pool_of())
    assert np.isfinite(score(strategy, pool)).all()
    order = np.random.default_rng(2).permutation(40)
    np.testing.assert_allclose(score(strategy, rows_of(pool, order)), score(strategy, pool)[order], rtol=0, atol=1e-12)
    assert batch(strategy, rows_of(pool, order)) == batch(strategy, pool)


def test_strategies_are_deterministic_and_change_nothing(strategy):
    pool, held = pool_of(), pool_of()
    state = np.random.get_state()[1].copy()
    np.testing.assert_array_equal(score(strategy, pool), score(strategy, pool))
    for name in ("P", "L", "keys", "y", "eligible", "E"):
        np.testing.assert_array_equal(pool[name], held[name])
    np.testing.assert_array_equal(pool["X"].toarray(), held["X"].toarray())
    np.testing.assert_array_equal(pool["scores"][1], held["scores"][1])
    np.testing.assert_array_equal(np.random.get_state()[1], state)


def test_strategies_that_choose_batches_score_the_batch_above_all_other_eligible_records(strategy):
    if "n" not in inspect.signature(STRATEGIES[strategy]).parameters:
        return
    for pool in (pool_of(), same_everywhere(pool_of()), {**pool_of(), "n": 1}):
        found = np.sort(score(strategy, pool)[pool["eligible"]])[::-1]
        assert len(set(found[: pool["n"]])) == pool["n"]
        assert found[pool["n"] - 1] > found[pool["n"]]


@pytest.mark.parametrize(
    "change",
    [
        {"L": np.full((40, 5), ABSTAIN), "P": np.full((40, 3), 1 / 3), "scores": {}},
        {"P": np.eye(3)[np.zeros(40, dtype=int)], "scores": {1: np.eye(3)[np.ones(40, dtype=int)]}},
        {"L": np.empty((40, 0), dtype=np.int8), "scores": {}},
        {"y": np.full(40, ABSTAIN)},
        {"y": np.where(np.arange(40) < 9, 1, ABSTAIN)},
        {"y": np.zeros(40, dtype=int)},
        {"E": np.zeros((40, 6), dtype=np.float32), "X": sparse.csr_array((40, 6), dtype=np.float32)},
        {"E": np.ones((40, 1), dtype=np.float32), "X": np.ones((40, 1), dtype=np.float32)},
        {"eligible": np.zeros(40, dtype=bool)},
        {"eligible": np.arange(40) == 3, "n": 10},
        {"n": 100},
    ],
    ids=[
        "nobody votes",
        "certainty",
        "no members",
        "no labels",
        "labels of one class",
        "all labeled",
        "no features",
        "one dense feature",
        "none eligible",
        "fewer eligible than asked for",
        "more asked for than records",
    ],
)
def test_strategies_survive(strategy, change):
    pool = {**pool_of(), **change}
    assert score(strategy, pool).shape == (40,)
    assert len(set(batch(strategy, pool))) == min(pool["n"], pool["eligible"].sum())


def test_strategies_survive_one_record_and_no_record(strategy):
    pool = pool_of()
    assert score(strategy, rows_of(pool, np.array([3]))).shape == (1,)
    assert score(strategy, rows_of(pool, np.array([], dtype=int))).shape == (0,)


def test_strategies_without_the_features_they_need_say_so(strategy):
    pool = {name: value for name, value in pool_of().items() if name not in ("X", "E")}
    if {"X", "E"} & set(inspect.signature(STRATEGIES[strategy]).parameters):
        with pytest.raises(
            WeaklabError, match=f"'{strategy}' needs features of the records.*give the project text or numeric columns"
        ):
            score(strategy, pool)
    else:
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
    corpus = weaklab.read(
        [{"id": str(i), "text": f"word{i % 2} other{i % 5}", "x": float(i % 2) + 0.01 * (i % 7)} for i in range(40)]
    )
    y = np.array([i % 2 for i in range(40)])
    classifier = WeakClassifier(name, "tfidf").fit(
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
