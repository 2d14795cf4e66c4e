from itertools import pairwise

import numpy as np
import pytest

from weaklab.core.errors import WeaklabError
from weaklab.core.rows import softmax
from weaklab.core.votes import Votes
from weaklab.features.embeddings import unit_rows
from weaklab.label_models import (
    CommitteeModel,
    CoverageVote,
    DawidSkene,
    LabelModel,
    MajorityVote,
    confidence,
    label_model,
)
from weaklab.label_models.corrections import LabeledRows, Penalties
from weaklab.label_models.counting import coverage_weights
from weaklab.label_models.vote_weights import Pairs, vote_shares, vote_weights

L = np.array([[0, 0, 1], [0, -1, 1], [-1, -1, -1], [1, 1, 1], [-1, 1, -1], [0, 0, -1]])


def test_majority_vote_is_the_share_of_the_votes():
    np.testing.assert_allclose(
        MajorityVote().fit(L).predict_proba(L), [[2 / 3, 1 / 3], [1 / 2, 1 / 2], [1 / 2, 1 / 2], [0, 1], [0, 1], [1, 0]]
    )


def test_coverage_weights_follow_their_formula():
    np.testing.assert_allclose(coverage_weights(L), 1 + np.log(6 / np.array([4, 4, 3])))
    assert coverage_weights(np.array([[0, -1]] * 99 + [[0, 1]])).tolist() == [1.0, 3.0]


def test_coverage_vote_is_the_softmax_of_weighted_votes():
    w = coverage_weights(L)
    np.testing.assert_allclose(CoverageVote().fit(L).predict_proba(L)[0], softmax(np.array([[w[0] + w[1], w[2]]]))[0])


def test_the_committee_model_without_labels_is_the_softmax_of_votes_by_their_weights():
    rules = np.array([[0, 0, 1], [0, -1, 1], [-1, -1, -1], [0, 0, -1]])
    pairs = Pairs.of(rules, np.ones(len(rules), dtype=int), 2)
    w = 1.5 * vote_weights(pairs) * vote_shares(pairs)
    P = CommitteeModel().fit(rules).predict_proba(rules)
    np.testing.assert_allclose(P[0], softmax(np.array([[w[0] + w[1], w[2]]]))[0])


def test_manual_labels_turn_the_weight_of_a_heuristic_that_is_always_wrong():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 400)
    votes = np.column_stack([1 - truth, truth, truth])
    votes[rng.random(votes.shape) < 0.3] = -1
    y = np.where(np.arange(400) < 60, truth, -1)
    weights = CommitteeModel().fit(votes, y).weights_
    assert weights[0] < 0 < min(weights[1:])


def test_more_labels_never_make_planted_data_much_worse():
    scores, majority = [], []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        truth = rng.integers(0, 2, 1000)
        accuracy = np.array([0.9, 0.8, 0.55, 0.6])
        votes = np.where(rng.random((1000, 4)) < accuracy, truth[:, None], 1 - truth[:, None])
        votes[rng.random(votes.shape) < 0.4] = -1
        found = [
            CommitteeModel().fit(votes, np.where(np.arange(1000) < n, truth, -1)).predict(votes)
            for n in (0, 20, 100, 300)
        ]
        scores.append((found == truth).mean(axis=1))
        majority.append((MajorityVote().fit(votes).predict(votes) == truth).mean())
    means = np.mean(scores, axis=0)
    assert all(later > earlier - 0.005 for earlier, later in pairwise(means))
    assert means[0] > np.mean(majority) + 0.02


def test_narrow_functions_that_contradict_broad_ones_still_count():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 3000)
    odd = np.arange(3000) < 90  # the broad functions are wrong here, all in the same way
    right = np.where(odd[:, None], 0.2, rng.uniform(0.8, 0.9, 4))
    broad = np.where(rng.random((3000, 4)) < right, truth[:, None], 1 - truth[:, None])
    narrow = np.where(np.arange(3000)[:, None] // 30 == np.arange(3), truth[:, None], -1)
    model = CommitteeModel().fit(np.column_stack([broad, narrow]))
    own = np.diagonal(model.log_confusion_, axis1=1, axis2=2).sum(axis=1)
    other = model.log_confusion_[:, 0, 1] + model.log_confusion_[:, 1, 0]
    assert (own[4:] > other[4:]).all()


def test_a_broad_function_that_is_mostly_wrong_is_turned_without_labels():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 1500)
    accuracy = np.array([0.2, 0.7, 0.75, 0.8, 0.8])
    votes = np.where(rng.random((1500, 5)) < accuracy, truth[:, None], 1 - truth[:, None])
    model = CommitteeModel().fit(votes)
    assert model.log_confusion_[0, 0, 0] < model.log_confusion_[0, 1, 0]


def test_the_evidence_for_corrections_has_the_whole_determinant():
    rng = np.random.default_rng(0)
    for n, k, m in ((40, 2, 5), (6, 3, 8)):
        L, y = rng.integers(-1, k, (n, m)), rng.integers(0, k, n)
        S = rng.normal(size=(n, k))
        penalties = Penalties(2.0, 1.0, 6.0, 3.0, np.zeros(0), np.zeros(0))
        rows = LabeledRows(L, y, S, np.zeros(k), (), {}, np.ones(m), penalties)
        x = rows._minima([3.0], np.zeros(rows._ends[4]))[0]
        penalty, P, H = rows._penalty(3.0), rows._proba(x), np.diag(rows._penalty(3.0))
        slopes = rows._columns * np.r_[np.exp(x[:1]), np.ones(len(x) - 1)]
        for B, p in zip(slopes, P, strict=True):
            H += B.T @ (np.diag(p) - np.outer(p, p)) @ B
        expected = np.linalg.slogdet(H)[1] - np.log(penalty).sum()
        np.testing.assert_allclose(rows._log_volume(P, x, penalty), expected, rtol=1e-9)
        assert rows._log_volume_of_each(P, x, penalty) > 0
        # few unknowns take another way to the same number
        evidence = -0.5 * expected - rows._value(P, x, penalty)
        np.testing.assert_allclose(rows._log_evidence(x[None], [3.0]), [evidence], rtol=1e-9)


def test_a_member_with_scores_is_not_counted_twice():
    votes = np.array([[0, 1], [0, 1]])
    sure = {1: np.array([[0.5, 0.5], [0.01, 0.99]])}
    P = CommitteeModel().fit(Votes(votes, sure)).predict_proba(Votes(votes, sure))
    assert P[0, 0] > 0.7
    assert P[1, 0] < P[0, 0]


def test_a_classifier_that_only_memorises_gets_little_weight():
    rng = np.random.default_rng(2)
    truth = rng.integers(0, 2, 300)
    good = np.where(rng.random(300) < 0.85, truth, 1 - truth)
    noise = rng.dirichlet([1, 1], 300)
    y = np.where(np.arange(300) < 100, truth, -1)
    votes = np.column_stack([good, noise.argmax(axis=1)])
    model = CommitteeModel().fit(Votes(votes, {1: noise}), y)
    assert model.member_weights_[1] < 0.4
    assert (model.predict(Votes(votes, {1: noise})) == truth).mean() > 0.8


def test_dawid_skene_learns_a_confusion_matrix_and_does_not_collapse_where_classes_are_unequal():
    rng = np.random.default_rng(3)
    truth = (rng.random(2000) < 0.15).astype(int)
    accuracy = np.array([0.9, 0.7, 0.75])
    votes = np.where(rng.random((2000, 3)) < accuracy, truth[:, None], 1 - truth[:, None])
    model = DawidSkene(class_balance=[0.85, 0.15]).fit(votes)
    np.testing.assert_allclose(model.confusion_[0].diagonal(), 0.9, atol=0.06)
    assert 0.05 < (model.predict(votes) == 1).mean() < 0.3


def test_confidence_is_zero_when_undecided_and_one_when_sure():
    np.testing.assert_allclose(
        confidence([[1 / 3, 1 / 3, 1 / 3], [0, 1, 0], [0.5, 0.5, 0]]), [0, 1, 1 - np.log(2) / np.log(3)], atol=1e-12
    )


def test_a_label_model_is_a_scikit_learn_estimator():
    model = label_model("committee", vote_penalty=3.0)
    assert isinstance(model, LabelModel)
    assert model.get_params()["vote_penalty"] == 3.0
    assert label_model(model) is model


@pytest.mark.parametrize("balance", [[0.5], [0.5, -0.5], [np.nan, 1], [0, 0]])
def test_a_class_balance_that_is_none_is_refused(balance):
    with pytest.raises(ValueError, match="class_balance must hold 2 shares"):
        MajorityVote(class_balance=balance).fit([[0, 1]])


def test_a_vote_counts_its_confidence():
    votes = np.array([[0, 1], [0, 1]])
    sure = {1: np.array([1.0, 0.25])}
    P = MajorityVote().fit(Votes(votes, confidence=sure)).predict_proba(Votes(votes, confidence=sure))
    np.testing.assert_allclose(P, [[0.5, 0.5], [0.8, 0.2]])
    P = CommitteeModel().fit(Votes(votes, confidence=sure)).predict_proba(Votes(votes, confidence=sure))
    np.testing.assert_allclose(P[0], [0.5, 0.5])
    assert P[1, 0] > 0.6


def test_scores_of_whole_numbers_are_probabilities_like_others():
    L, truth = np.array([[0, -1], [1, -1]] * 10), np.array([0, 1] * 10)
    whole, real = np.eye(2, dtype=int)[truth], np.eye(2)[truth]
    P = CommitteeModel().fit(Votes(L, {1: whole}), truth).predict_proba(Votes(L, {1: whole}))
    assert np.isfinite(P).all()
    np.testing.assert_array_equal(
        P, CommitteeModel().fit(Votes(L, {1: real}), truth).predict_proba(Votes(L, {1: real}))
    )


def test_the_highest_code_of_all_is_a_class_and_the_next_one_is_refused():
    top = np.array([[126], [0]], dtype=np.int8)
    assert MajorityVote().fit(top, np.array([0, 126])).n_classes_ == 127
    with pytest.raises(WeaklabError, match=r"L\[0, 0\] is 127, which is no label; wanted -1 \(abstain\) to 126"):
        MajorityVote().fit(top + np.int8([[1], [0]]))
    with pytest.raises(WeaklabError, match=r"wanted -1 \(unlabeled\) to 126"):
        MajorityVote().fit(top, [127, 0])


ROWS = np.array([[0.6, 0.8], [0.0, 0.0], [1.0, 0.0]])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"confidence": {0: np.array([1.0, 0.0, 0.5])}},
            r"confidence\[0\] holds 0; wanted numbers above 0 and up to 1",
        ),
        ({"confidence": {0: np.array([1.0, -0.5, 0.5])}}, r"confidence\[0\] holds -0\.5"),
        ({"confidence": {1: np.array([1.0, 2.0, 0.5])}}, r"confidence\[1\] holds 2;"),
        ({"confidence": {0: np.array([1.0, np.nan, 0.5])}}, r"confidence\[0\] holds NaN"),
        (
            {"scores": {1: np.array([[2.0, -1.5], [0.5, 0.5], [0, 1]])}},
            r"scores\[1\] holds -1\.5, .* pass logits through a softmax",
        ),
        ({"scores": {1: np.array([[np.inf, 0], [0.5, 0.5], [0, 1]])}}, r"scores\[1\] holds NaN or infinity"),
        ({"features": ROWS * 1.01}, r"length 1\.01; .* weaklab\.features\.embeddings\.unit_rows"),
        ({"features": np.float32(ROWS * 1e30)}, "features have a row of length"),
        ({"features": np.where(ROWS == 1, np.inf, ROWS)}, "features hold NaN or infinity"),
    ],
)
def test_scores_of_members_are_checked(given, message):
    votes = [[0, 1], [1, -1], [0, 0]]
    with pytest.raises(WeaklabError, match=message):
        CommitteeModel().fit(Votes(votes, **given))
    with pytest.raises(WeaklabError, match=message):
        CommitteeModel().fit(votes).predict_proba(Votes(votes, **given))


def test_rounding_is_no_mistake():
    rows = unit_rows(np.random.default_rng(0).normal(size=(500, 128)))
    votes = np.tile([[0, 1], [1, -1]], (250, 1))
    scores = {1: np.tile([[1 + 1e-7, -1e-7]], (500, 1))}
    for E in (rows, rows.astype(np.float16), rows.astype(np.float64)):
        P = (
            CommitteeModel()
            .fit(Votes(votes, scores, confidence={0: np.full(500, 1 + 1e-7)}, features=E))
            .predict_proba(Votes(votes, scores))
        )
        assert np.isfinite(P).all()
    empty = (
        MajorityVote()
        .fit(votes)
        .predict_proba(Votes(votes[:0], {1: rows[:0, :2]}, confidence={0: np.ones(0)}, features=rows[:0]))
    )
    assert empty.shape == (0, 2)


def test_labels_look_at_features_as_probabilities_do():
    angle = np.linspace(0, 1.5, 40)
    E = np.column_stack([np.cos(angle), np.sin(angle)])
    votes = np.where(np.arange(40)[:, None] % 4 == 0, [[0, -1]] * 20 + [[-1, 1]] * 20, -1)
    model = CommitteeModel().fit(Votes(votes, features=E))
    silent = np.full((2, 2), -1)
    assert model.predict(Votes(silent, features=E[[1, 38]])).tolist() == [0, 1]
    assert model.label_or_abstain(silent).tolist() == [-1, -1]
    assert model.label_or_abstain(Votes(silent, features=E[[1, 38]])).tolist() == [0, 1]
    own = model.feature_proba_
    np.testing.assert_array_equal(
        model.predict(Votes(votes, feature_proba=own)),
        model.predict_proba(Votes(votes, feature_proba=own)).argmax(axis=1),
    )
    assert model.label_or_abstain(Votes(votes, feature_proba=own))[[1, 38]].tolist() == [0, 1]
