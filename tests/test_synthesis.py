"""Synthetic records are near the decision boundary of a real model, and are made from two real records."""

import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weaklab.core.errors import WeaklabError
from weaklab.scheduling.synthesis import boundary_points, cut_places, interpolate_records, splice_texts, synthetic_id
from weaklab.strategies import margin


@pytest.fixture(scope="module", params=[2, 3], ids=["2 classes", "3 classes"])
def fitted(request):
    """A logistic regression on clouds of points."""
    from sklearn.linear_model import LogisticRegression

    k = request.param
    rng = np.random.default_rng(0)
    y = np.arange(150) % k
    X = rng.normal(size=(150, 4)) + 3 * np.eye(4)[y]
    model = LogisticRegression().fit(X, y)
    return model, X, model.predict_proba(X)


def keys_of(n):
    return np.random.default_rng(1).permutation(n).astype(np.uint64) * 977


def test_points_lie_on_segments_between_records_of_two_classes_and_on_the_boundary(fitted):
    model, X, P = fitted
    points, parents, t = boundary_points(model.predict_proba, X, P, 20, keys=keys_of(len(X)))
    assert points.shape == (20, 4)
    assert ((t > 0) & (t < 1)).all()
    assert np.allclose(points, (1 - t)[:, None] * X[parents[:, 0]] + t[:, None] * X[parents[:, 1]])
    assert (P[parents[:, 0]].argmax(axis=1) != P[parents[:, 1]].argmax(axis=1)).all()
    assert (margin(model.predict_proba(points)) > 1 - 1e-4).all()
    assert len(np.unique(parents)) == 40


def test_parents_are_sure_and_near_one_another(fitted):
    model, X, P = fitted
    _, parents, _ = boundary_points(model.predict_proba, X, P, 10)
    chosen = np.linalg.norm(X[parents[:, 0]] - X[parents[:, 1]], axis=1)
    predicted, best = P.argmax(axis=1), P.max(axis=1)
    sure = np.array([best[row] >= np.median(best[predicted == predicted[row]]) for row in range(len(X))])
    assert sure[parents].all()
    apart = (predicted[:, None] != predicted) & sure[:, None] & sure
    assert (chosen < np.quantile(np.linalg.norm(X[:, None] - X, axis=2)[apart], 0.4)).all()


def test_the_model_is_called_once_a_halving(fitted):
    model, X, P = fitted
    calls = []
    boundary_points(lambda rows: calls.append(len(rows)) or model.predict_proba(rows), X, P, 8)
    assert len(calls) <= 2 + 20


def test_points_depend_on_the_seed_and_not_on_the_order_of_the_records(fitted):
    model, X, P = fitted
    keys = keys_of(len(X))
    order = np.random.default_rng(2).permutation(len(X))
    there = boundary_points(model.predict_proba, X, P, 3, seed=1, keys=keys)
    here = boundary_points(model.predict_proba, X[order], P[order], 3, seed=1, keys=keys[order])
    assert np.array_equal(there.points, here.points)
    assert np.array_equal(there.parents, order[here.parents])
    assert not np.array_equal(there.points, boundary_points(model.predict_proba, X, P, 3, seed=2, keys=keys).points)


def test_two_records_have_one_point_between_them():
    def proba(rows):
        return np.column_stack([1 - rows[:, 0], rows[:, 0]])

    found = boundary_points(proba, [[0.1], [0.9]], proba(np.array([[0.1], [0.9]])), 5)
    assert np.allclose(found.points, [[0.5]])


def word_model(texts):
    """Sure of class 1 by the share of words that begin with b."""
    shares = [sum(word[:1] == "b" for word in text.split()) / max(len(text.split()), 1) for text in texts]
    return np.column_stack([1 - np.array(shares), shares])


TEXTS = [f"a{i} a a{i}, a{i} a a a{i}." for i in range(20)] + [f"b{i} b b{i}! b{i} b b{i}" for i in range(20)]


def test_a_splice_is_the_start_of_one_record_and_the_end_of_another_of_another_class():
    P = word_model(TEXTS)
    splices = splice_texts(word_model, TEXTS, P, 15, keys=keys_of(len(TEXTS)))
    assert len({splice.text for splice in splices}) == 15
    assert len({row for splice in splices for row in splice.parents}) == 30
    for splice in splices:
        (i, j), (end, start) = splice.parents, splice.cuts
        assert splice.text == TEXTS[i][:end] + TEXTS[j][start:]
        assert P[i].argmax() != P[j].argmax()
        assert splice.text not in TEXTS
        assert splice.id == synthetic_id(splice.text)
        assert splice.probabilities == pytest.approx(word_model([splice.text])[0])


def test_of_several_places_the_one_nearest_to_the_boundary_is_cut():
    texts = ["a a a a a a a a", "b b b b b b b b"]
    (splice, *_) = splice_texts(word_model, texts, word_model(texts), 1)
    assert splice.probabilities == pytest.approx((0.5, 0.5))


def test_cuts_prefer_punctuation():
    assert cut_places("Well, I never! Did you?") == [6, 15]
    assert cut_places("今天很好。明天也好") == [5]
    assert cut_places("  one two ") == [6]


def test_splices_depend_on_the_seed_and_not_on_the_order_of_the_records():
    keys, P = keys_of(len(TEXTS)), word_model(TEXTS)
    order = np.random.default_rng(2).permutation(len(TEXTS))

    def made(rows, seed):
        return [
            s.text
            for s in splice_texts(word_model, [TEXTS[row] for row in rows], P[rows], 8, seed=seed, keys=keys[rows])
        ]

    assert made(np.arange(len(TEXTS)), 0) == made(order, 0)
    assert made(order, 0) != made(order, 1)


def test_few_records_still_give_many_splices():
    texts = ["a1 a2 a3 a4", "a5 a6 a7", "b1 b2 b3", "b4 b5 b6 b7"]
    assert len(splice_texts(word_model, texts, word_model(texts), 8)) == 8


HOSTILE = [
    "",
    "word",
    "🦦 👩‍👩‍👧 🏽 end",
    "e\u0301 \u0301e a\u0301 b",
    "nul \0 here",
    "\ud800 half",
    "\t\n",
    "a  b",
    "今天。明天",
    "‏שלום עולם",
    "x " * 50,
]


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.one_of(st.sampled_from(HOSTILE), st.text(max_size=20)), min_size=2, max_size=6), st.integers(0, 3))
def test_hostile_texts_are_cut_between_characters_and_never_come_back_whole(texts, seed):
    readable = [row for row, text in enumerate(texts) if text.strip()]
    P = np.eye(2)[np.arange(len(texts)) % 2]
    if len({row % 2 for row in readable}) < 2:
        with pytest.raises(WeaklabError):
            splice_texts(lambda rows: np.full((len(rows), 2), 0.5), texts, P, 4, seed=seed)
        return
    for splice in splice_texts(lambda rows: np.full((len(rows), 2), 0.5), texts, P, 4, seed=seed):
        (i, j), (end, start) = splice.parents, splice.cuts
        assert splice.text in (texts[i][:end] + texts[j][start:], f"{texts[i][:end]} {texts[j][start:]}")
        assert splice.text.strip()
        assert splice.text not in texts
        for text, cut in ((texts[i], end), (texts[j], start)):
            assert cut in (0, len(text)) or unicodedata.category(text[cut]) not in ("Mn", "Mc", "Me", "Cf")


def test_a_text_of_a_megabyte_is_spliced():
    texts = ["a b " * 250_000, "b c. " * 200_000, "b b", "a a"]
    calls = []

    def proba(rows):
        calls.append(sum(map(len, rows)))
        return np.full((len(rows), 2), 0.5)

    splices = splice_texts(proba, texts, np.eye(2)[[0, 1, 1, 0]], 4)
    assert len(splices) == 4
    assert max(calls) < 40_000_000


def size_model(rows):
    p = np.clip([row["size"] / 10 for row in rows], 0, 1)
    return np.column_stack([1 - p, p])


def test_interpolated_records_mix_numbers_and_take_the_rest_from_the_nearer_parent():
    records = [
        {"id": str(i), "size": float(i), "legs": i, "kind": "cat" if i < 5 else "dog", "note": None} for i in range(10)
    ]
    found = interpolate_records(size_model, records, size_model(records), 4, keys=keys_of(10))
    assert found
    for made in found:
        i, j = made.parents
        near = records[i if made.t < 0.5 else j]
        assert made.record["size"] == pytest.approx((1 - made.t) * i + made.t * j)
        assert made.record["size"] == pytest.approx(5, abs=1e-4)
        assert made.probabilities == pytest.approx((0.5, 0.5), abs=1e-4)
        assert isinstance(made.record["legs"], int)
        assert made.record["kind"] == near["kind"]
        assert made.record["id"] == made.id
        assert made.record["id"].startswith("synthetic-")


def test_whole_numbers_that_fall_on_a_real_record_are_left_out():
    records = [{"size": 4}, {"size": 6}, {"size": 5}]
    assert interpolate_records(size_model, records[:2], [[1, 0], [0, 1]], 1)[0].record == {"size": 5}
    assert interpolate_records(size_model, records, [[1, 0], [0, 1], [0.5, 0.5]], 1) == []


def test_a_missing_number_is_taken_from_the_nearer_parent():
    records = [{"size": 0.0, "age": None}, {"size": 8.0, "age": 3.0}, {"size": 9.0, "age": 5.0}]
    (made, *_) = interpolate_records(size_model, records[:2], size_model(records[:2]), 1)
    assert made.t > 0.5
    assert made.record["age"] == 3.0


def test_ids_are_made_from_the_content():
    assert (
        synthetic_id(np.array([1.0, 2.0])) == synthetic_id(np.array([1.0, 2.0])) != synthetic_id(np.array([2.0, 1.0]))
    )
    assert synthetic_id("a") != synthetic_id("b")
    assert synthetic_id("\ud800").startswith("synthetic-")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: splice_texts(word_model, TEXTS[:20], word_model(TEXTS[:20]), 3),
            "all 20 records are predicted to be of class 0",
        ),
        (lambda: splice_texts(word_model, ["a b"], [[1, 0]], 3), "two records with text, got 1 of 1"),
        (lambda: splice_texts(word_model, ["", " "], [[1, 0], [0, 1]], 3), "two records with text, got 0 of 2"),
        (lambda: splice_texts(word_model, ["a", 3], [[1, 0], [0, 1]], 3), "got int in row 1"),
        (lambda: splice_texts(word_model, ["a", "b"], [[1, 0], [0, 1]], 0), "at least one record, got n=0"),
        (lambda: splice_texts(lambda t: [[0.5]], ["a", "b"], [[1, 0], [0, 1]], 1), "predict_proba must return"),
        (lambda: boundary_points(word_model, [[1.0]], [[1, 0]], 1), "needs two, got 1"),
        (lambda: boundary_points(word_model, [1.0, 2.0], [[1, 0]], 1), "X must hold finite numbers"),
        (lambda: boundary_points(word_model, [[1.0], [np.nan]], [[1, 0], [0, 1]], 1), "X must hold finite numbers"),
        (lambda: boundary_points(word_model, [[1.0], [2.0]], [[1, 0]], 1), "P must hold finite probabilities"),
        (
            lambda: boundary_points(word_model, [[1.0], [2.0]], [[1, 0], [0, 1]], 1, keys=[1]),
            "keys must be one whole number",
        ),
        (
            lambda: boundary_points(lambda X: np.eye(2)[[0] * len(X)], [[1.0], [2.0]], np.eye(2), 1),
            "give the P of the same model",
        ),
        (
            lambda: interpolate_records(size_model, [{"a": "x"}, {"a": "y"}], np.eye(2), 1),
            "no numbers alone in the columns 'a'",
        ),
        (lambda: interpolate_records(size_model, [{"size": True}, {"size": False}], np.eye(2), 1), "no numbers alone"),
    ],
)
def test_mistakes_are_refused(make, message):
    with pytest.raises(WeaklabError, match=message):
        make()


def test_sparse_features_are_refused():
    from scipy import sparse

    with pytest.raises(WeaklabError, match="X is sparse"):
        boundary_points(word_model, sparse.csr_array(np.eye(2)), np.eye(2), 1)
