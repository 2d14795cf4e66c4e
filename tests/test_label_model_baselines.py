"""The baselines: accuracies that can be worked out by hand, planted ones that are found again, and data that offers
little."""

import numpy as np
import pytest

from weaklab.core.errors import WeaklabError
from weaklab.core.rows import softmax
from weaklab.core.votes import Votes
from weaklab.label_models import Crowdlab, OneCoin, RefineryVote, TripletModel, WeightedVote
from weaklab.label_models.weighted import PRIOR_ACCURACY, agreement, log_odds, unique_votes

ESTIMATING = [WeightedVote, OneCoin, TripletModel]
"""Those that estimate one accuracy for each heuristic."""


def planted(accuracies, n=3000, k=2, coverage=1.0, seed=0):
    """Return the votes of independent heuristics of these accuracies, and the truth."""
    rng = np.random.default_rng(seed)
    truth, shape = rng.integers(0, k, n), (n, len(accuracies))
    wrong = (truth[:, None] + rng.integers(1, k, shape)) % k
    votes = np.where(rng.random(shape) < np.array(accuracies), truth[:, None], wrong)
    return np.where(rng.random(shape) < coverage, votes, -1), truth


def some(truth, n):
    return np.where(np.arange(len(truth)) < n, truth, -1)


# ---- what they share


def test_unique_votes_count_every_row_once_however_wide_the_matrix_is():
    rng = np.random.default_rng(0)
    L, y = rng.integers(-1, 5, (60, 90))[rng.integers(0, 60, 500)], np.zeros(500, dtype=int)
    rows, truth, counts = unique_votes(L, y)
    found, times = np.unique(L, axis=0, return_counts=True)
    order = np.lexsort(rows.T[::-1])
    np.testing.assert_array_equal(rows[order], found)
    np.testing.assert_array_equal(counts[order], times)
    assert truth.shape == counts.shape


def test_unique_votes_keep_rows_with_other_labels_apart():
    rows, truth, counts = unique_votes(np.zeros((4, 1), dtype=np.int8), np.array([-1, 0, 0, 1]))
    assert [rows.tolist(), truth.tolist(), counts.tolist()] == [[[0]] * 3, [-1, 0, 1], [1, 2, 1]]


def test_unique_votes_keep_the_last_code_of_int8_apart_from_others():
    L = np.array([[1, 127], [0, 0]], dtype=np.int8)
    rows, _, counts = unique_votes(L, np.array([-1, -1]))
    assert sorted(rows.tolist()) == [[0, 0], [1, 127]]
    assert counts.tolist() == [1, 1]


@pytest.mark.parametrize("rounds", [0, -1, 2.5, None])
def test_fewer_rounds_than_one_are_refused(rounds):
    with pytest.raises(WeaklabError, match="max_iter must be a whole number of rounds, 1 or more, got"):
        OneCoin(max_iter=rounds).fit([[0, 1], [1, 1]])


@pytest.mark.parametrize("model", [WeightedVote, OneCoin, Crowdlab])
@pytest.mark.parametrize("imagined", [0, -1.0, np.inf, np.nan, None])
def test_a_number_of_imagined_labels_that_is_not_above_zero_is_refused(model, imagined):
    with pytest.raises(WeaklabError, match="imagined must be a finite number above 0, got"):
        model(imagined=imagined).fit([[0, 1], [1, 1]])


@pytest.mark.parametrize("model", ESTIMATING)
@pytest.mark.parametrize("k", [2, 4])
def test_planted_accuracies_are_found_without_labels(model, k):
    accuracies = [0.9, 0.8, 0.75, 0.7, 0.6]
    L, _ = planted(accuracies, 20_000, k, coverage=0.7)
    found = model().fit(L).accuracy_
    if model is WeightedVote:  # agreement with a majority that errs itself is too low, but has the order
        assert (np.diff(found) < 0).all()
    else:
        np.testing.assert_allclose(found, accuracies, atol=0.03)


@pytest.mark.parametrize("model", [*ESTIMATING, RefineryVote, Crowdlab])
def test_labels_reduce_the_weight_of_a_heuristic_that_follows_a_wrong_majority(model):
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 2, 2000)
    bad, good = np.where(rng.random(2000) < 0.45, truth, 1 - truth), np.where(rng.random(2000) < 0.95, truth, 1 - truth)
    L = np.column_stack([bad, bad, bad, good])
    before = (model().fit(L).predict(L) == truth).mean()
    after = (model().fit(L, some(truth, 1000)).predict(L) == truth).mean()
    assert before < 0.6
    if model not in (
        OneCoin,
        Crowdlab,
        RefineryVote,
    ):  # these have no way to silence three copies that are right half the time
        assert after > 0.9
    else:
        assert after >= before


@pytest.mark.parametrize("model", [*ESTIMATING, RefineryVote, Crowdlab])
def test_models_accept_no_rows_and_only_abstains(model):
    assert model(n_classes=3).fit(np.empty((0, 4), dtype=int)).predict_proba(np.empty((0, 4), dtype=int)).shape == (
        0,
        3,
    )
    silent = np.full((6, 4), -1)
    np.testing.assert_allclose(
        model(n_classes=3).fit(silent, np.array([0, 0, 0, -1, -1, -1])).predict_proba(silent),
        [[4 / 6, 1 / 6, 1 / 6]] * 6,
    )


@pytest.mark.parametrize("model", [*ESTIMATING, RefineryVote, Crowdlab])
def test_heuristic_without_overlaps_is_trusted(model):
    L = np.array([[0, -1], [1, -1], [-1, 1], [-1, 0]] * 5)
    assert (model().fit(L).predict(L) == L.max(axis=1)).all()


@pytest.mark.parametrize("model", [WeightedVote, TripletModel, RefineryVote, Crowdlab])
def test_a_vote_counts_its_confidence(model):
    L = np.array([[0, 1], [1, 0], [0, 0], [1, 1], [0, 0], [1, 1]] * 5)
    sure = {1: np.tile([1.0, 0.1, 1.0, 1.0, 1.0, 1.0], 5)}
    P = model().fit(Votes(L, confidence=sure)).predict_proba(Votes(L, confidence=sure))
    np.testing.assert_allclose(P[0], [0.5, 0.5])
    assert P[1, 1] > 0.6


@pytest.mark.parametrize("model", ESTIMATING)
def test_the_class_balance_counts_if_it_is_given(model):
    L, truth = planted([0.9, 0.85, 0.8], 500)
    even, rare = (model(class_balance=balance).fit(L) for balance in ([0.5, 0.5], [0.6, 0.4]))
    np.testing.assert_allclose(model().fit(L).predict_proba(L), even.predict_proba(L))
    one_class = np.where(truth == 1, truth, -1)
    np.testing.assert_allclose(
        model().fit(L, one_class).predict_proba(L), model(class_balance=[1, 1]).fit(L, one_class).predict_proba(L)
    )
    assert (rare.predict_proba(L)[:, 0] > even.predict_proba(L)[:, 0]).all()


@pytest.mark.parametrize("model", ESTIMATING)
def test_what_each_heuristic_contributes_adds_up_to_the_probabilities(model):
    L, truth = planted([0.9, 0.8, 0.7], 200, k=3, coverage=0.5)
    sure = {1: np.linspace(0.1, 1, 200)}
    fitted = model(class_balance=[0.5, 0.3, 0.2]).fit(Votes(L, confidence=sure), some(truth, 20))
    parts = fitted.contributions(Votes(L, confidence=sure))
    assert parts.shape == (200, 4, 3)
    assert (parts[:, :3][L < 0] == 0).all()
    np.testing.assert_allclose(softmax(parts.sum(axis=1)), fitted.predict_proba(Votes(L, confidence=sure)))


@pytest.mark.parametrize("model", ESTIMATING)
def test_statistics_come_from_unique_rows(model):
    """The matrix is 300 times as tall and has the same rows, so what is learned without prior is nearly the same, in as
    many steps."""
    L, _ = planted([0.9, 0.8, 0.7], 40, seed=2)
    tall = np.repeat(L, 300, axis=0)
    assert len(unique_votes(tall, np.full(len(tall), -1))[0]) == len(unique_votes(L, np.full(40, -1))[0]) <= 8
    np.testing.assert_array_equal(model().fit(tall).predict(L), model().fit(L).predict(L))


# ---- weighted vote


def test_agreement_is_with_the_majority_of_the_others_and_ties_count_half():
    L = np.array([[0, 0, 0], [1, 0, 0], [0, 0, 1], [1, -1, -1]])
    # the first: with 00 right, with 00 wrong, with {0, 1} half, alone; and one imagined vote
    assert agreement(L, np.ones(4, dtype=int), 2)[0] == pytest.approx((1.5 + PRIOR_ACCURACY) / 4)
    assert agreement(L, np.array([3, 1, 1, 1]), 2)[0] == pytest.approx((3.5 + PRIOR_ACCURACY) / 6)


def test_weighted_vote_is_the_softmax_of_log_odds_of_smoothed_accuracies():
    L = np.array([[0, 0, 0], [1, 0, 0], [0, 0, 1], [1, -1, -1]])
    y = np.array([0, 0, -1, -1])
    agreed = agreement(L, np.ones(4, dtype=int), 2)
    a = (np.array([1, 2, 2]) + 10 * agreed) / 12
    model = WeightedVote().fit(L, y)
    np.testing.assert_allclose(model.accuracy_, a)
    w = np.log(a / (1 - a))
    np.testing.assert_allclose(model.predict_proba(L)[2], softmax(np.array([[w[0] + w[1], w[2]]]))[0])


def test_log_odds_are_zero_for_a_guess_among_k_classes():
    np.testing.assert_allclose(log_odds(np.array([1 / 5, 4 / 5]), 5), [0, np.log(16)], atol=1e-12)
    assert np.isfinite(log_odds(np.array([0.0, 1.0]), 2)).all()


def test_without_labels_no_weight_is_negative_and_with_them_it_may_be():
    L, truth = planted([0.9, 0.9, 0.9, 0.05], 1000)
    assert WeightedVote().fit(L).weights_.min() == 0
    assert WeightedVote().fit(L, some(truth, 100)).weights_[3] < -1


# ---- one coin


def test_one_coin_clamps_manual_labels_and_follows_its_update():
    L, y = np.array([[0, 0], [0, 1], [1, 1], [1, 0]]), np.array([0, 0, 1, 1])
    model = OneCoin().fit(L, y)  # everything is known: the first is always right, the second half the time
    np.testing.assert_allclose(model.accuracy_, [(4 + 2 * 0.7) / 6, (2 + 2 * 0.7) / 6])
    assert model.n_iter_ == 2


def test_one_coin_takes_no_heuristic_to_be_worse_than_a_guess():
    L, truth = planted([0.9, 0.9, 0.1], 2000)
    assert OneCoin().fit(L, some(truth, 500)).accuracy_.min() == 0.5


# ---- triplets


def test_triplets_give_the_closed_form_of_three_heuristics():
    L = np.array([[0, 0, 0], [1, 1, 1], [0, 0, 1], [1, 1, 1], [0, 0, 0], [1, 1, 0], [0, 1, 0], [1, 1, 1]])
    agreed = {(0, 1): 7 / 8, (0, 2): 6 / 8, (1, 2): 5 / 8}
    M = {pair: 2 * share - 1 for pair, share in agreed.items()}
    excess = np.sqrt([M[0, 1] * M[0, 2] / M[1, 2], M[0, 1] * M[1, 2] / M[0, 2], M[0, 2] * M[1, 2] / M[0, 1]])
    model = TripletModel().fit(L)
    np.testing.assert_allclose(model.accuracy_, (1 + np.minimum(excess, 1)) / 2)
    assert model.n_triplets_.tolist() == [1, 1, 1]


def test_without_a_triplet_the_prior_accuracy_is_taken():
    L = np.array([[0, 0, -1, -1], [1, 1, -1, -1], [-1, -1, 0, 0]] * 10)
    model = TripletModel().fit(L)
    np.testing.assert_allclose(model.accuracy_, PRIOR_ACCURACY)
    assert model.n_triplets_.tolist() == [0, 0, 0, 0]


def test_pairs_that_overlap_too_little_make_no_triplet():
    L = np.tile([[0, 0, 0], [1, 1, 0]], (2, 1))
    assert TripletModel().fit(L).n_triplets_.sum() == 0
    assert TripletModel(least_overlap=4).fit(L).n_triplets_.sum() > 0


def test_triplets_are_made_with_the_partners_that_overlap_most():
    L, _ = planted([0.9, 0.8, 0.7, 0.6], 500)
    L[51:, 3] = -1
    assert TripletModel().fit(L).n_triplets_.tolist() == [3, 3, 3, 3]
    narrow = TripletModel(partners=2).fit(L)
    assert narrow.n_triplets_.tolist() == [1, 1, 1, 1]
    np.testing.assert_allclose(narrow.accuracy_[:3], TripletModel().fit(L[:, :3]).accuracy_)


# ---- CROWDLAB


def test_crowdlab_follows_its_formulas():
    L = np.array([[0, 0, 0], [1, 1, 0], [1, 1, 1], [0, 1, 0], [-1, 0, -1]])
    f = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.3, 0.7], [0.6, 0.4]])
    votes, scores = np.column_stack([L, np.full(5, -1)]), {3: f}
    model = Crowdlab().fit(Votes(votes, scores))
    error = 1 - 2 / 4  # consensus of the rows with several votes: 0 1 1 0
    prior = PRIOR_ACCURACY
    agreed = (np.array([6, 5, 5]) + prior) / 9  # of the eight other votes on the rows of each
    np.testing.assert_allclose(model.weights_, [*np.maximum(1 - (1 - agreed) / error, 1e-6), 0])
    assert model.consensus_ == pytest.approx((1 + 2 / 3 + 1 + 2 / 3 + prior) / 5)
    right = ((3 + prior) / 5 * 10) / 10
    weight = (1 - (1 - right) / error) * np.sqrt(13 / 5)
    assert model.member_weights_[3] == pytest.approx(weight)
    w, p = model.weights_, model.consensus_
    expected = weight * f[3] + (w[0] + w[2]) * np.array([p, 1 - p]) + w[1] * np.array([1 - p, p])
    np.testing.assert_allclose(model.predict_proba(Votes(votes, scores))[3], expected / expected.sum())


def test_crowdlab_trusts_a_good_classifier_and_not_one_that_guesses():
    L, truth = planted([0.7, 0.7, 0.65, 0.7], 2000, coverage=0.6)
    rng = np.random.default_rng(1)
    good = np.eye(2)[np.where(rng.random(2000) < 0.92, truth, 1 - truth)] * 0.8 + 0.1
    noise = rng.dirichlet([1, 1], 2000)
    votes = np.column_stack([L, np.full((2000, 2), -1)])
    scores = {4: good, 5: noise}
    model = Crowdlab().fit(Votes(votes, scores))
    assert model.member_weights_[4] > 10 * model.member_weights_[5]
    assert (model.predict(Votes(votes, scores)) == truth).mean() > (Crowdlab().fit(L).predict(L) == truth).mean() + 0.05


def test_crowdlab_leaves_a_classifier_without_an_opinion_out():
    L = np.array([[0, 0, -1], [1, 1, -1], [0, 1, -1], [1, 1, -1]])
    sure, unsure = np.array([[0.9, 0.1], [0.1, 0.9], [0.2, 0.8], [0.5, 0.5]]), np.full((4, 2), 0.5)
    model = Crowdlab().fit(Votes(L, {2: sure}))
    with_it, without = model.predict_proba(Votes(L, {2: sure})), model.predict_proba(Votes(L, {2: unsure}))
    np.testing.assert_allclose(with_it[3], without[3])
    np.testing.assert_allclose(model.predict_proba(L)[3], without[3])
    assert with_it[0, 0] != pytest.approx(without[0, 0])


# ---- refinery


def test_refinery_adds_up_precision_times_confidence():
    L = np.array([[0, 1, -1], [0, 1, 0], [0, 0, 1], [1, 1, 1]])
    y = np.array([0, 0, 1, -1])
    model = RefineryVote().fit(L, y)
    precision = np.array([[2.7 / 4, 0.7], [0.7 / 2, 0.7 / 3], [1.7 / 2, 1.7 / 2]])
    np.testing.assert_allclose(model.precision_, precision)
    S = np.array([precision[0, 0] * 0.5, precision[1, 1]])
    P = model.predict_proba(Votes(L, confidence={0: np.array([0.5, 1, 1, 1])}))
    np.testing.assert_allclose(P[0], S / S.sum())


def test_refinery_without_labels_is_the_majority_vote():
    L, _ = planted([0.9, 0.8, 0.7], 200, k=3, coverage=0.7)
    counts = np.stack([np.equal(L, c).sum(axis=1) for c in range(3)], axis=1)
    spoken = counts.sum(axis=1) > 0
    np.testing.assert_allclose(
        RefineryVote().fit(L).predict_proba(L)[spoken], (counts / np.maximum(counts.sum(axis=1), 1)[:, None])[spoken]
    )


def test_refinery_takes_the_probability_of_a_member_for_its_confidence():
    L = np.array([[0, 1], [0, 1]])
    scores = {1: np.array([[0.4, 0.6], [0.0, 1.0]])}
    P = RefineryVote().fit(Votes(L, scores)).predict_proba(Votes(L, scores))
    np.testing.assert_allclose(P, [[1 / 1.6, 0.6 / 1.6], [0.5, 0.5]])
