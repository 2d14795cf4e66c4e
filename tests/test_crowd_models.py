"""Label models for crowds: many annotators, few labels of each."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from weaklab.core.errors import WeaklabError
from weaklab.core.labels import ABSTAIN
from weaklab.core.metrics import accuracy, brier
from weaklab.core.rows import softmax
from weaklab.core.votes import Votes
from weaklab.crowd.crowd import Crowd
from weaklab.label_models import CommitteeModel, DawidSkene, Glad, HierarchicalDawidSkene, MajorityVote
from weaklab.label_models.hierarchical import _held_out_temperature
from weaklab.label_models.vote_list import VoteList

DATA = Path(__file__).parents[2] / "shared" / "data" / "crowd"
SETS = sorted(path.parent.name for path in DATA.glob("*/truth.csv"))


def crowd_of(theta, n=500, each=5, seed=0, balance=None):
    """Return labels of annotators with confusion matrices theta (m, k, k), and the truth."""
    rng = np.random.default_rng(seed)
    m, k, _ = theta.shape
    truth = rng.choice(k, n, p=balance)
    L = np.full((n, m), ABSTAIN)
    for i in range(n):
        for j in rng.choice(m, each, replace=False):
            L[i, j] = rng.choice(k, p=theta[j, truth[i]])
    return L, truth


def biased(m=40, seed=0):
    """Annotators of two classes that all see class 1 poorly, some worse than others."""
    rng = np.random.default_rng(seed)
    first, second = rng.beta(18, 2, m), rng.beta(9, 9, m)
    return np.stack([np.stack([first, 1 - first], 1), np.stack([1 - second, second], 1)], 1)


def test_votes_in_a_list_add_up_to_those_in_a_matrix():
    rng = np.random.default_rng(0)
    L = rng.integers(-1, 3, (20, 4))
    sure = {2: rng.uniform(0.1, 1, 20)}
    P, log_theta = rng.dirichlet(np.ones(3), 20), rng.normal(size=(4, 3, 3))
    votes = VoteList.of(L, 3, sure)
    S, counts, tally = np.zeros((20, 3)), np.zeros((4, 3, 3)), np.zeros((20, 3))
    for i, j in np.argwhere(L >= 0):
        w = sure[2][i] if j == 2 else 1
        S[i] += w * log_theta[j, :, L[i, j]]
        counts[j, :, L[i, j]] += w * P[i]
        tally[i, L[i, j]] += w
    np.testing.assert_allclose(votes.scores(log_theta), S)
    np.testing.assert_allclose(votes.counts(P), counts)
    np.testing.assert_allclose(votes.tally(), tally)


def test_weights_of_many_annotators_are_each_put_on_their_own_votes():
    rng = np.random.default_rng(0)
    L = np.where(rng.random((30, 25)) < 0.3, rng.integers(0, 2, (30, 25)), ABSTAIN)
    L[:, 4] = ABSTAIN
    W = rng.uniform(0.1, 1, L.shape)
    columns = [24, 0, 4, 7]
    votes = VoteList.of(L, 2, {j: W[:, j] for j in columns})
    expected = np.where(np.isin(votes.columns, columns), W[votes.rows, votes.columns], 1)
    np.testing.assert_array_equal(votes.weights, expected)


def test_predictions_are_the_sum_of_the_votes_evidence():
    L, _ = crowd_of(biased(), n=1000)  # more than 100 votes each: none of them has few
    model = HierarchicalDawidSkene(class_balance=[0.3, 0.7]).fit(L)
    S = np.tile(np.log(model.balance_), (1000, 1))
    for i, j in np.argwhere(L >= 0):
        S[i] += model.log_confusion_[j, :, L[i, j]]
    np.testing.assert_allclose(model.predict_proba(L), softmax(S))
    np.testing.assert_allclose(model.log_confusion_, model.temperature_ * np.log(model.confusion_))
    np.testing.assert_allclose(model.confusion_.sum(axis=2), 1)


def test_biases_that_all_annotators_share_are_undone_where_the_majority_keeps_them():
    L, truth = crowd_of(biased(), n=1000)
    model = HierarchicalDawidSkene().fit(L)
    assert model.form_ == "confusion"
    assert accuracy(model.predict_proba(L), truth) > accuracy(MajorityVote().fit(L).predict_proba(L), truth) + 0.05
    assert accuracy(model.predict_proba(L), truth) > accuracy(Glad().fit(L).predict_proba(L), truth) + 0.05


def test_annotators_with_few_labels_are_shrunk_to_the_mean():
    L, _ = crowd_of(biased(), n=600)
    L[:, 0] = ABSTAIN
    L[:2, 0] = 1
    confusion = HierarchicalDawidSkene().fit(L).confusion_
    others = confusion[1:].mean(axis=0)
    assert np.abs(confusion[0] - others).max() < 0.2


def test_how_unlike_annotators_are_and_how_mistakes_depend_on_the_class_is_learned():
    same = np.broadcast_to([[0.85, 0.15], [0.85, 0.15]], (40, 2, 2))[:, [0, 1]].copy()
    same[:, 1] = [0.15, 0.85]
    shared = np.broadcast_to([[0.95, 0.05], [0.4, 0.6]], (40, 2, 2))
    rng = np.random.default_rng(0)
    first, second = rng.uniform(0.5, 1, 40), rng.uniform(0.5, 1, 40)
    unlike = np.stack([np.stack([first, 1 - first], 1), np.stack([1 - second, second], 1)], 1)
    found = [HierarchicalDawidSkene().fit(crowd_of(theta, n=800)[0]) for theta in (same, shared, unlike)]
    assert found[1].evenness_ < found[0].evenness_ / 10
    assert found[2].concentration_ < found[0].concentration_ / 10


def test_votes_on_records_that_are_hard_for_all_count_less():
    rng = np.random.default_rng(0)
    truth, hard = rng.integers(0, 2, 800), rng.random(800) < 0.4
    right = np.where(hard, rng.choice([0.2, 0.7], 800), 0.95)
    L = np.where(rng.random((800, 10)) < right[:, None], truth[:, None], 1 - truth[:, None])
    easy = np.where(rng.random((800, 10)) < 0.8, truth[:, None], 1 - truth[:, None])
    dependent, independent = HierarchicalDawidSkene().fit(L), HierarchicalDawidSkene().fit(easy)
    assert dependent.temperature_ < 0.6 < independent.temperature_
    plain = softmax(VoteList.of(L, 2).scores(np.log(dependent.confusion_)))
    assert brier(dependent.predict_proba(L), truth) < brier(plain, truth)


def test_constant_annotator_changes_nothing():
    L, truth = crowd_of(biased(20), n=600)
    spam = np.column_stack([L, np.ones((600, 2), dtype=int)])
    plain, model = HierarchicalDawidSkene().fit(L), HierarchicalDawidSkene().fit(spam)
    assert abs(accuracy(model.predict_proba(spam), truth) - accuracy(plain.predict_proba(L), truth)) < 0.03


def test_where_heuristics_vote_one_class_each_every_vote_counts_the_same():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 500)
    fires = rng.random((500, 6)) < np.where(truth[:, None] == [0, 0, 0, 1, 1, 1], 0.5, 0.2)
    L = np.where(fires, [0, 0, 0, 1, 1, 1], ABSTAIN)
    model = HierarchicalDawidSkene().fit(L)
    assert np.ptp(model.log_confusion_, axis=0).max() == 0
    voted = (L >= 0).any(axis=1)
    expected = accuracy(MajorityVote().fit(L).predict_proba(L)[voted], truth[voted])
    assert accuracy(model.predict_proba(L)[voted], truth[voted]) == pytest.approx(expected)


def test_no_class_disappears_when_votes_carry_little_information():
    rng = np.random.default_rng(0)
    for share in (0.5, 0.7, 0.9):
        L = np.where(rng.random((300, 12)) < 0.4, (rng.random((300, 12)) < share).astype(int), ABSTAIN)
        voted = (L >= 0).any(axis=1)
        votes = MajorityVote().fit(L).predict_proba(L)[voted].mean(axis=0)
        assert (HierarchicalDawidSkene().fit(L).balance_ > votes / 4).all()


def test_manual_labels_identify_what_votes_cannot():
    truth = np.arange(400) % 2
    rng = np.random.default_rng(0)
    right = np.r_[np.full(6, 0.2), np.full(3, 0.9)]  # most are wrong on purpose
    L = np.where(rng.random((400, 9)) < right, truth[:, None], 1 - truth[:, None])
    y = np.where(np.arange(400) < 200, truth, ABSTAIN)
    assert accuracy(HierarchicalDawidSkene().fit(L).predict_proba(L)[200:], truth[200:]) < 0.2
    assert accuracy(HierarchicalDawidSkene().fit(L, y).predict_proba(L)[200:], truth[200:]) > 0.9


def test_glad_learns_who_is_able_and_who_is_wrong_on_purpose():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 600)
    right = np.array([0.95, 0.9, 0.8, 0.7, 0.6, 0.05])
    L = np.where(rng.random((600, 6)) < right, truth[:, None], (truth[:, None] + rng.integers(1, 3, (600, 6))) % 3)
    ability = Glad().fit(L).ability_
    assert (np.diff(ability[[0, 2, 4, 5]]) < 0).all()
    assert ability[5] < 0


def test_glad_judges_a_record_alone_as_among_others():
    L, _ = crowd_of(biased(10), n=100)
    model = Glad().fit(L)
    np.testing.assert_allclose(model.predict_proba(L[:1]), model.predict_proba(L)[:1], atol=0.02)


def test_a_form_that_is_none_is_refused():
    with pytest.raises(WeaklabError, match="form must be one of confusion, accuracy, majority, got 'both'"):
        HierarchicalDawidSkene(form="both").fit([[0, 1]])


def test_a_form_that_is_none_is_refused_before_the_work(monkeypatch):
    monkeypatch.setattr(VoteList, "of", lambda *_: pytest.fail("it has begun"))
    with pytest.raises(WeaklabError, match="form must be one of"):
        HierarchicalDawidSkene(form="both").fit([[0, 1]])


def test_by_accuracy_alone_two_annotators_are_equally_good():
    rng = np.random.default_rng(0)
    L = (rng.random((60, 2)) < [0.8, 0.3]).astype(int)
    P = HierarchicalDawidSkene(form="accuracy").fit(L).predict_proba(L)
    np.testing.assert_allclose(P[L[:, 0] != L[:, 1]], 0.5)


@pytest.mark.parametrize("model", [Glad, HierarchicalDawidSkene])
@pytest.mark.parametrize("rounds", [0, -1, 2.5, None])
def test_fewer_rounds_than_one_are_refused(model, rounds):
    with pytest.raises(WeaklabError, match="max_iter must be a whole number of rounds, 1 or more, got"):
        model(max_iter=rounds).fit([[0, 1]])


def test_the_temperature_depends_on_the_order_of_neither_records_nor_annotators():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 5000)
    right = np.where(rng.random(5000) < 0.5, 0.5, 0.95)
    L = np.where(rng.random((5000, 6)) < right[:, None], truth[:, None], 1 - truth[:, None])
    log_theta = np.tile(np.log([[0.9, 0.1], [0.1, 0.9]]), (6, 1, 1))
    log_theta[1::2] = np.log(0.5)  # whatever temperature there is, their votes are as likely
    rows, columns, y = rng.permutation(5000), [1, 0, 3, 2, 5, 4], np.full(5000, ABSTAIN)
    turned = _held_out_temperature(VoteList.of(L[rows][:, columns], 2), log_theta[columns], y)
    assert turned == _held_out_temperature(VoteList.of(L, 2), log_theta, y) < 1


@pytest.mark.parametrize("model", [Glad, HierarchicalDawidSkene])
def test_a_vote_with_little_confidence_hardly_counts(model):
    L, _ = crowd_of(biased(10), n=200)
    L = np.vstack([L, np.full((1, 10), ABSTAIN)])
    L[-1, :2] = [0, 1]
    sure = {0: np.ones(201), 1: np.ones(201)}
    fitted = model().fit(Votes(L, confidence=sure))
    even = fitted.predict_proba(Votes(L, confidence=sure))[-1]
    weak = {**sure, 1: np.where(np.arange(201) == 200, 0.05, 1)}
    assert fitted.predict_proba(Votes(L, confidence=weak))[-1, 0] > even[0]


@pytest.mark.skipif(not SETS, reason="the crowd sets are not here")
def test_real_crowds_are_labeled_as_well_as_by_the_best_of_the_others():
    found = {model: [] for model in (HierarchicalDawidSkene, DawidSkene, MajorityVote)}
    for name in SETS:
        crowd = Crowd(DATA / name / "label.csv")
        truth = pd.read_csv(DATA / name / "truth.csv", dtype=str).set_index("item")["truth"].reindex(crowd.items)
        y = np.array([ABSTAIN if gold != gold else crowd.labels.code(gold) for gold in truth])
        for model, scores in found.items():
            P = crowd.probabilities(model())
            scores.append((accuracy(P, y), brier(P, y)))
    ours, others = np.array(found.pop(HierarchicalDawidSkene)), np.array(list(found.values()))
    assert ours[:, 0].mean() >= others[:, :, 0].max(axis=0).mean() - 1e-3
    assert ours[:, 1].mean() < others[:, :, 1].min(axis=0).mean()


WORLDS = {
    "two classes": (2, (6, 2), None),
    "weak workers": (2, (3, 2), None),
    "a rare class": (2, (6, 2), [0.9, 0.1]),
    "four classes": (4, (3, 2), None),
    "four classes, skewed": (4, (3, 2), [0.6, 0.25, 0.1, 0.05]),
}


def workers_of(k, accuracy, m=60, seed=0):
    """Return confusion matrices of annotators who are right more often than by chance."""
    right = 1 / k + (1 - 1 / k) * np.random.default_rng(seed).beta(*accuracy, m) * 0.9
    theta = np.repeat(((1 - right) / (k - 1))[:, None, None], k, axis=1).repeat(k, axis=2)
    theta[:, np.arange(k), np.arange(k)] = right[:, None]
    return theta


def functions_of(truth, k, seed=0):
    """Return the votes of eight functions of one class each, right in 60 to 90 % of their votes on equal classes."""
    rng, votes = np.random.default_rng(seed), np.full((len(truth), 8), ABSTAIN, dtype=np.int8)
    for j in range(8):
        right, code = rng.uniform(0.6, 0.9), j % k
        votes[rng.random(len(truth)) < 0.3 * np.where(truth == code, right, (1 - right) / (k - 1)), j] = code
    return votes


def answers(P, truth, kind, n):
    """Return manual labels of the n least sure records, or of random ones."""
    y = np.full(len(truth), ABSTAIN)
    rows = (
        np.argsort(P.max(axis=1), kind="stable") if kind == "picked" else np.random.default_rng(5).permutation(len(P))
    )
    y[rows[:n]] = truth[rows[:n]]
    return y


@pytest.mark.parametrize("name", WORLDS)
def test_a_crowd_in_a_committee_is_worth_its_consensus_whatever_was_asked(name):
    k, skill, balance = WORLDS[name]
    L, truth = crowd_of(workers_of(k, skill), n=600, balance=balance, seed=3)
    P = HierarchicalDawidSkene(k).fit(L).predict_proba(L)
    vote = P.argmax(axis=1).astype(np.int8)[:, None]
    alone = Votes(vote, scores={0: P}, calibrated=(0,))
    helped = Votes(np.column_stack([vote, functions_of(truth, k)]), scores={0: P}, calibrated=(0,))
    np.testing.assert_allclose(CommitteeModel(k).fit_predict_proba(alone), P, atol=5e-3)
    for kind, n in [("picked", 0), ("picked", 20), ("picked", 60), ("random", 60)]:
        y = answers(P, truth, kind, n)
        rest = y == ABSTAIN
        consensus = HierarchicalDawidSkene(k).fit(L, y).predict_proba(L)
        found = [CommitteeModel(k).fit_predict_proba(votes, y) for votes in (alone, helped)]
        [best, own, both] = [brier(Q[rest], truth[rest]) for Q in (consensus, *found)]
        assert own < best + 0.01, (kind, n)
        assert both < best + 0.003, (kind, n)


def test_a_crowd_on_some_records_teaches_the_classifier_that_looks_at_all():
    L, truth = crowd_of(workers_of(2, (6, 2)), n=600, seed=4)
    rng = np.random.default_rng(0)
    X = np.eye(2)[truth] + rng.normal(0, 0.3, (600, 2))
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    P = HierarchicalDawidSkene(2).fit(L).predict_proba(L)
    P[200:] = 0.5
    vote = np.where(np.arange(600) < 200, P.argmax(axis=1), ABSTAIN).astype(np.int8)[:, None]
    votes = Votes(vote, scores={0: P}, features=X, calibrated=(0,))
    found = CommitteeModel(2).fit_predict_proba(votes)
    assert accuracy(found[200:], truth[200:]) > 0.95
