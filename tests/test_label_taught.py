"""A classifier of sentence vectors that manual labels alone teach, alone and in the default label model."""

import numpy as np
import pytest
from scipy import sparse

from weaklab import Votes
from weaklab.classifiers.choosing import ChosenLogisticRegression
from weaklab.label_models import CommitteeModel
from weaklab.label_models.feature_member import FeatureMember, folds_by_content
from weaklab.label_models.label_taught import LabelTaught


def around_centres(n=300, k=3, d=64, noise=0.15, seed=0):
    """Return unit vectors around k directions, and which direction each is near."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, k, n)
    X = np.linalg.qr(rng.normal(size=(d, k)))[0].T[truth] + noise * rng.normal(size=(n, d))
    return (X / np.linalg.norm(X, axis=1, keepdims=True)).astype(np.float32), truth


def some_labels(truth, n, seed=1):
    y = np.full(len(truth), -1)
    rows = np.random.default_rng(seed).choice(len(truth), n, replace=False)
    y[rows] = truth[rows]
    return y


def taught(X, y, k=3):
    return LabelTaught().fit(X, y, folds_by_content(X), np.lexsort(X.T), k)


def test_a_few_labels_teach_it():
    X, truth = around_centres()
    y = some_labels(truth, 15)
    found = taught(X, y)
    assert (found.scores_.argmax(axis=1) == truth)[y < 0].mean() > 0.9


def test_labeled_records_are_scored_without_their_labels():
    X, truth = around_centres()
    y = some_labels(np.random.default_rng(2).permutation(truth), 90)  # labels that have nothing to do with the vectors
    right = taught(X, y).scores_.argmax(axis=1) == y
    assert right[y >= 0].mean() < 0.5


def test_records_in_another_order_get_the_same_scores():
    X, truth = around_centres()
    y, order = some_labels(truth, 30), np.random.default_rng(3).permutation(len(truth))
    np.testing.assert_allclose(taught(X[order], y[order]).scores_, taught(X, y).scores_[order], rtol=1e-4, atol=1e-4)


def test_a_class_without_labels_is_never_the_best_near_the_others():
    X, truth = around_centres()
    y = some_labels(np.where(truth == 2, -1, truth), 60)
    best = taught(X, y).scores_.argmax(axis=1)
    assert (best[truth < 2] < 2).mean() > 0.9


def test_new_records_are_scored_as_those_of_the_corpus():
    X, truth = around_centres()
    y = some_labels(truth, 30)
    member = FeatureMember(X, np.zeros(len(X), dtype=bool), 64).fit(None, y, 3)
    np.testing.assert_allclose(member.predict_proba(X)[y < 0], member.proba_[y < 0], atol=1e-3)


def test_without_functions_the_default_label_model_learns_from_sentence_vectors():
    X, truth = around_centres()
    y, L = some_labels(truth, 15), np.full((len(truth), 1), -1)
    P = CommitteeModel(3).fit_predict_proba(Votes(L, features=X, sentence=64), y)
    assert (P.argmax(axis=1) == truth)[y < 0].mean() > 0.9


def test_without_functions_and_sentence_vectors_the_default_label_model_has_no_classifier():
    X, truth = around_centres()
    model = CommitteeModel(3).fit(Votes(np.full((len(truth), 1), -1), features=X), some_labels(truth, 15))
    assert model.feature_proba_ is None


def test_beside_functions_at_random_labels_teach_part_of_the_classifier():
    X, truth = around_centres(n=600)
    L = np.random.default_rng(4).integers(0, 3, (len(truth), 3))  # votes at random
    y = some_labels(truth, 60)
    model = CommitteeModel(3).fit(Votes(L, features=X, sentence=64), y)
    assert model._classifier.own_share_ > 0


@pytest.mark.parametrize("good", ["sentences", "words"])
def test_a_classifier_leaves_out_columns_that_do_not_help(good):
    rng = np.random.default_rng(0)
    vectors, truth = around_centres(n=400, k=12, d=64, noise=0.1)
    random = rng.normal(size=vectors.shape).astype(np.float32) / 4
    parts = [random, vectors] if good == "sentences" else [vectors, random]
    X = sparse.csr_array(np.hstack(parts))
    model = ChosenLogisticRegression(64)
    model.fit_out_of_fold(X[:100], truth[:100], np.ones(100), np.arange(100) % 5)
    assert model.chosen_.startswith(good)
    slow = super(ChosenLogisticRegression, model).log_scores(X)
    np.testing.assert_allclose(model.log_scores(X), slow, rtol=1e-4, atol=1e-4)
    assert (model.log_scores(X).argmax(axis=1) == truth)[100:].mean() > 0.9
