"""Votes, the one argument of label models, and the arguments that they replace."""

import dataclasses
import pickle

import numpy as np
import pandas as pd
import pytest

import weaklab
from weaklab import Votes
from weaklab.core.errors import WeaklabError
from weaklab.label_models import LABEL_MODELS, CommitteeModel, LabelModel, MajorityVote

L = np.array([[0, 0, 1], [0, -1, 1], [-1, -1, -1], [1, 1, 1], [-1, 1, -1], [0, 0, -1]] * 4, dtype=np.int8)
SCORES = {2: np.random.default_rng(0).dirichlet([1, 1], 24).astype(np.float32)}
CONFIDENCE = {0: np.linspace(0.2, 1, 24).astype(np.float32)}
X = np.eye(24, 5, dtype=np.float32)
Y = np.where(np.arange(24) < 6, 1, -1)


class FirstVote(LabelModel):
    """The first vote of a row decides: the two methods that a label model owes, and nothing more."""

    def _fit(self, votes, y):
        self.n_rows_ = len(votes)

    def _proba(self, votes):
        first = votes.L[np.arange(len(votes)), (votes.L >= 0).argmax(axis=1)]
        return np.eye(self.n_classes_ + 1)[first, : self.n_classes_]


@pytest.mark.parametrize(
    "given", [L, L.tolist(), L.astype(float), pd.DataFrame(L), np.asfortranarray(L), Votes(L), Votes(L.tolist())]
)
def test_all_forms_of_a_label_matrix_become_int8(given):
    votes = Votes.of(given)
    assert votes.L.dtype == np.int8
    np.testing.assert_array_equal(votes.L, L)


def test_votes_pass_the_door_unchanged_and_int8_is_not_copied():
    votes = Votes(L)
    assert Votes.of(votes) is votes
    assert votes.L is L


def test_votes_are_immutable():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Votes(L).L = L[:1]


def test_take_keeps_all_that_goes_with_a_record():
    votes = Votes(L, SCORES, CONFIDENCE, X, feature_proba=SCORES[2], names=["a", "b", "c"])
    for rows in (slice(3, 9), np.array([8, 2])):
        part = votes.take(rows)
        np.testing.assert_array_equal(part.L, L[rows])
        np.testing.assert_array_equal(part.scores[2], SCORES[2][rows])
        np.testing.assert_array_equal(part.confidence[0], CONFIDENCE[0][rows])
        np.testing.assert_array_equal(part.features, X[rows])
        np.testing.assert_array_equal(part.feature_proba, SCORES[2][rows])
        assert part.names == ["a", "b", "c"]


def test_votes_can_be_pickled():
    again = pickle.loads(pickle.dumps(Votes(L, SCORES)))
    np.testing.assert_array_equal(again.L, L)
    np.testing.assert_array_equal(again.scores[2], SCORES[2])


def test_wrong_scores_are_refused():
    with pytest.raises(WeaklabError, match="scores must be a mapping of column to array"):
        Votes(L, ["names", "where", "scores belong"])
    with pytest.raises(WeaklabError, match="feature_proba has shape"):
        MajorityVote().fit(L).predict(Votes(L, feature_proba=np.ones((3, 2))))


def test_committees_return_what_label_models_take():
    committee = weaklab.Committee(["ham", "spam"], timeout=None)
    committee.add(weaklab.keywords("spam", ["prize"], name="prizes"))
    votes = committee.vote(["a prize", "lunch"], progress=False)
    assert isinstance(votes, Votes)
    assert (list(votes.names), list(votes.labels)) == (["prizes"], ["ham", "spam"])
    assert MajorityVote(n_classes=2).fit(votes).predict_proba(votes).tolist() == [[0, 1], [0.5, 0.5]]


def test_a_new_label_model_owes_two_methods():
    assert LabelModel.__abstractmethods__ == {"_fit", "_proba"}
    model = FirstVote().fit(L, Y)
    assert model.predict(L[:4]).tolist() == [0, 0, 1, 1]  # the third row has no vote, and manual labels are all 1
    assert model.label_or_abstain([[-1, -1, -1]]).tolist() == [-1]  # predict names the most frequent class there
    np.testing.assert_allclose(model.predict_proba(L).sum(axis=1), 1)
    assert repr(FirstVote(n_classes=2)) == "FirstVote(n_classes=2)"
    assert not FirstVote.adds_up
    with pytest.raises(WeaklabError, match="FirstVote learns from all records at once"):
        FirstVote().partial_fit(L)


def test_refused_batch_leaves_the_model_unchanged():
    model = CommitteeModel(n_classes=2).partial_fit(Votes(L, SCORES))
    before = model.predict_proba(Votes(L, SCORES))
    with pytest.raises(WeaklabError, match="have scores in this batch"):
        model.partial_fit(L)
    np.testing.assert_array_equal(model.predict_proba(Votes(L, SCORES)), before)
    np.testing.assert_array_equal(
        model.partial_fit(Votes(L, SCORES)).predict_proba(L),
        CommitteeModel(n_classes=2).partial_fit(Votes(L, SCORES)).partial_fit(Votes(L, SCORES)).predict_proba(L),
    )


# ---- the arguments of before, for one release


def test_old_arguments_give_the_same_and_say_what_to_write():
    votes, plain = Votes(L, SCORES, CONFIDENCE, X), Votes(L, SCORES, CONFIDENCE)
    P = CommitteeModel().fit_predict_proba(votes, Y)
    wanted = (
        r"write fit_predict_proba\(weaklab.Votes\(L, confidence=confidence, features=features, scores=scores\), y\)"
    )
    with pytest.warns(DeprecationWarning, match=wanted):
        old = CommitteeModel().fit_predict_proba(L, Y, scores=SCORES, confidence=CONFIDENCE, features=X)
    np.testing.assert_array_equal(old, P)
    with pytest.warns(DeprecationWarning, match="one argument"):
        old = CommitteeModel().fit_predict_proba(L, Y, SCORES, CONFIDENCE, X)
    np.testing.assert_array_equal(old, P)
    model = CommitteeModel().fit(plain, Y)
    for method, still in (("predict_proba", ()), ("predict", ()), ("contributions", ()), ("label_or_abstain", (0.1,))):
        new = getattr(model, method)(plain, *still)
        with pytest.warns(DeprecationWarning, match=method):
            np.testing.assert_array_equal(getattr(model, method)(L, *still, SCORES, CONFIDENCE), new)
        with pytest.warns(DeprecationWarning, match=method):
            np.testing.assert_array_equal(getattr(model, method)(L, *still, scores=SCORES, confidence=CONFIDENCE), new)
    with pytest.warns(DeprecationWarning, match="wants_features"):
        assert model.wants_features(L, SCORES) == model.wants_features(Votes(L, SCORES))
    with pytest.warns(DeprecationWarning, match="compare_label_models"):
        weaklab.compare_label_models(L=L, y=Y, confidence=CONFIDENCE, models="majority_vote", budgets=0)


def test_old_arguments_beside_votes_that_hold_them_are_refused():
    with (
        pytest.raises(WeaklabError, match="scores came twice"),
        pytest.warns(DeprecationWarning, match="one argument"),
    ):
        MajorityVote().fit(Votes(L, SCORES), scores=SCORES)


def test_too_many_arguments_are_an_error():
    with pytest.raises(TypeError, match="fit takes votes and y, got 7 arguments"):
        MajorityVote().fit(L, Y, SCORES, CONFIDENCE, X, None)


def test_renamed_attributes_warn():
    model = CommitteeModel().fit(L)
    with pytest.warns(DeprecationWarning, match="instance_proba_ is now called feature_proba_"):
        assert model.instance_proba_ is None
    with pytest.warns(DeprecationWarning, match="instance_weight_ is now called feature_weight_"):
        assert model.instance_weight_ == 0


def test_every_label_model_can_be_called_both_ways():
    for name in LABEL_MODELS.names():
        if name != "snorkel":
            model = LABEL_MODELS[name]().fit(Votes(L))
            np.testing.assert_array_equal(model.predict(L), model.predict(Votes(L)))
