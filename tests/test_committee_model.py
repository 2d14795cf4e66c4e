import numpy as np
import pytest

from weaklab import WeaklabError
from weaklab.core.votes import Votes
from weaklab.features.embeddings import Embedding
from weaklab.label_models import CommitteeModel, HierarchicalDawidSkene, MajorityVote
from weaklab.label_models.corrections import STIFFNESS
from weaklab.label_models.feature_member import FOLDS, FeatureMember, folds_by_content
from weaklab.label_models.hierarchical import two_sided
from weaklab.label_models.vote_weights import Pairs, vote_shares, vote_weights


def noisy(rng, y, accuracy, k=2):
    wrong = (y + rng.integers(1, k, len(y))) % k
    return np.where(rng.random(len(y)) < accuracy, y, wrong)


def hidden(rng, votes, coverage):
    return np.where(rng.random(len(votes)) < coverage, votes, -1)


def pairs_of(L, k=2):
    return Pairs.of(np.asarray(L), np.ones(len(L), dtype=int), k)


def two_topics(rng, n=400, d=6):
    """Records of two classes, their features with rows of length 1, and two functions that see a tenth of each
    class."""
    y = rng.integers(0, 2, n)
    X = rng.normal(size=(n, d))
    X[:, 0] += 4 * (2 * y - 1)
    L = np.column_stack([np.where((y == c) & (rng.random(n) < 0.1), c, -1) for c in range(2)])
    return X / np.linalg.norm(X, axis=1, keepdims=True), L, y


def test_copies_of_a_weak_function_share_one_vote():
    right = []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        y = rng.integers(0, 2, 2000)
        weak = noisy(rng, y, 0.6)
        L = np.column_stack([weak] * 5 + [noisy(rng, y, 0.9), noisy(rng, y, 0.85)])
        gold = np.full(2000, -1)
        gold[:20] = y[:20]
        right.append((CommitteeModel().fit(L, gold).predict(L)[20:] == y[20:]).mean())
        assert (MajorityVote().fit(L).predict(L) == y).mean() < 0.65
    assert np.mean(right) > 0.84


def test_near_copies_share_a_vote_and_independent_good_functions_do_not():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 3000)
    one = noisy(rng, y, 0.6)
    L = np.column_stack([one, np.where(rng.random(3000) < 0.02, 1 - one, one), noisy(rng, y, 0.9), noisy(rng, y, 0.9)])
    shares = vote_shares(pairs_of(L))
    assert (shares[:2] < 0.6).all()
    assert shares[2:].tolist() == [1, 1]


def test_an_exception_beats_the_broad_rule_that_it_contradicts():
    broad = np.zeros(1000, dtype=int)
    narrow = np.where(np.arange(1000) < 20, 1, -1)
    L = np.column_stack([broad, narrow])
    assert MajorityVote().fit(L).predict_proba(L)[0].tolist() == [0.5, 0.5]
    assert CommitteeModel().fit(L).predict(L[:2]).tolist() == [1, 1]


def test_functions_that_agree_count_more_than_one_that_contradicts_them():
    rng = np.random.default_rng(1)
    y = rng.integers(0, 2, 2000)
    good = [hidden(rng, noisy(rng, y, 0.9), 0.5) for _ in range(3)]
    weights = vote_weights(pairs_of(np.column_stack([*good, hidden(rng, noisy(rng, y, 0.5), 0.5)])))
    assert weights[:3].min() > weights[3]


def test_annotators_of_all_classes_get_confusion_matrices():
    rng = np.random.default_rng(2)
    y = rng.integers(0, 3, 400)
    skills = [0.95] * 4 + [0.4] * 12
    L = np.column_stack([hidden(rng, noisy(rng, y, skill, 3), 0.5) for skill in skills])
    found = (CommitteeModel().fit(L).predict(L) == y).mean()
    assert found == (HierarchicalDawidSkene().fit(L).predict(L) == y).mean()
    assert found > (MajorityVote().fit(L).predict(L) == y).mean() + 0.03


def test_functions_of_one_class_are_not_treated_as_annotators():
    rng = np.random.default_rng(3)
    rules = np.column_stack([np.where(rng.random(200) < 0.2, j % 2, -1) for j in range(20)])
    assert two_sided(pairs_of(rules).votes).tolist() == [0] * 20
    assert CommitteeModel().fit(rules).log_confusion_ is None
    people = rng.integers(0, 2, (200, 4))
    people[:, 2:] = 1
    people[2:, 2] = -1  # with two votes a person gives one class by chance, with two hundred hardly
    sides = two_sided(pairs_of(people).votes)
    assert sides[:3].tolist() == [1, 1, 1]
    assert sides[3] < 1e-9


def test_the_first_manual_label_changes_the_weights():
    L = np.array([[0, 1], [0, 1], [0, 0], [1, 1]] * 10)
    y = np.full(40, -1)
    before = CommitteeModel().fit(L, y).weights_
    y[0] = 0
    after = CommitteeModel().fit(L, y).weights_
    assert after[0] > before[0]
    assert after[1] < before[1]


def test_few_labels_move_the_weights_less_than_many_of_the_same_kind():
    L = np.array([[0, 1]] * 400)
    moved = []
    for n in (10, 40, 160):
        y = np.full(400, -1)
        y[:n] = 0
        moved.append(CommitteeModel().fit(L, y).predict_proba(L)[-1, 0])
    assert moved == sorted(moved)
    assert moved[0] < 0.8 < moved[-1]


def test_records_without_votes_are_labeled_by_their_features():
    X, L, y = two_topics(np.random.default_rng(4))
    silent = (L < 0).all(axis=1)
    assert silent.mean() > 0.8
    P = CommitteeModel().fit_predict_proba(Votes(L, features=X))
    assert (P[silent].argmax(axis=1) == y[silent]).mean() > 0.95
    model = CommitteeModel().fit(Votes(L, features=X))
    later, unseen, truth = two_topics(np.random.default_rng(5))
    assert (model.predict_proba(Votes(unseen, features=later)).argmax(axis=1) == truth).mean() > 0.95
    assert model.predict_proba(unseen).shape == (400, 2)  # without features, the votes alone


def test_uninformative_features_change_little():
    rng = np.random.default_rng(6)
    y = rng.integers(0, 2, 600)
    L = np.column_stack([hidden(rng, noisy(rng, y, 0.8), 0.6) for _ in range(3)])
    noise = rng.normal(size=(600, 50))
    P = CommitteeModel().fit_predict_proba(Votes(L, features=noise / np.linalg.norm(noise, axis=1, keepdims=True)))
    plain = CommitteeModel().fit_predict_proba(L)
    voted = (L >= 0).any(axis=1)
    assert abs((P.argmax(axis=1) == y)[voted].mean() - (plain.argmax(axis=1) == y)[voted].mean()) < 0.03


@pytest.mark.parametrize(("stiffness", "rtol"), [((1.0,), 1e-6), (STIFFNESS, 1e-4)])
def test_feature_member_is_out_of_fold(monkeypatch, stiffness, rtol):
    monkeypatch.setattr("weaklab.label_models.corrections.STIFFNESS", stiffness)
    rng = np.random.default_rng(7)
    X, L, y = two_topics(rng)
    gold = np.where(rng.random(len(y)) < 0.2, y, -1)
    row = int(np.flatnonzero(gold >= 0)[0])
    flipped = gold.copy()
    flipped[row] = 1 - gold[row]
    before, after = (CommitteeModel().fit(Votes(L, features=X), labels).feature_proba_ for labels in (gold, flipped))
    # the label has a hand in the scale of all, so the order of the classes is compared on the log-odds up to a factor;
    # and in how stiff the corrections of the other folds are, where that is chosen: then the last digits differ
    odds = [np.log(P[row, 1] / P[row, 0]) for P in (before, after)]
    others = [np.log(P[:, 1] / P[:, 0])[folds_by_content(X) == folds_by_content(X)[row]] for P in (before, after)]
    np.testing.assert_allclose(odds[0] / np.abs(others[0]).max(), odds[1] / np.abs(others[1]).max(), rtol=rtol)


def test_equal_records_are_in_one_fold():
    X = np.repeat(np.random.default_rng(8).normal(size=(50, 3)), 2, axis=0)
    fold = folds_by_content(X)
    assert (fold[::2] == fold[1::2]).all()
    assert set(fold.tolist()) <= set(range(FOLDS))


def test_order_of_records_does_not_matter_with_features():
    rng = np.random.default_rng(9)
    X, L, y = two_topics(rng)
    gold = np.where(rng.random(len(y)) < 0.1, y, -1)
    order = rng.permutation(len(y))
    P = CommitteeModel().fit_predict_proba(Votes(L, features=X), gold)
    Q = CommitteeModel().fit_predict_proba(Votes(L[order], features=X[order]), gold[order])
    np.testing.assert_allclose(Q, P[order], atol=2e-3)


def test_member_under_which_a_class_vanishes_is_dropped():
    rng = np.random.default_rng(10)
    L = np.column_stack([np.where(rng.random(500) < 0.9, 0, -1), np.where(rng.random(500) < 0.12, 1, -1)])
    X = np.column_stack(
        [np.ones(500), rng.normal(scale=0.01, size=500)]
    )  # tells nothing but which class is the frequent one
    assert CommitteeModel(member_weight=6.0).fit(Votes(L, features=X)).feature_weight_ == 0
    assert CommitteeModel(member_weight=0.1).fit(Votes(L, features=X)).feature_weight_ > 0


def test_a_label_that_no_function_votes_for_does_not_end_the_member():
    X, L, y = two_topics(np.random.default_rng(14))
    P = CommitteeModel(n_classes=5).fit_predict_proba(Votes(L, features=X))
    assert (P.argmax(axis=1) == y).mean() > 0.95


def test_embeddings_and_labels_do_not_depend_on_the_order_of_the_records():
    from scipy import sparse

    rng = np.random.default_rng(15)
    X = sparse.csr_array(sparse.random(400, 600, density=0.03, random_state=1))
    L = np.where(rng.random((400, 4)) < 0.4, rng.integers(0, 2, (400, 4)), -1)
    keys, order = np.arange(400, dtype=np.uint64), rng.permutation(400)
    E, F = (Embedding.fit(rows, 32, keys=names)(rows) for rows, names in ((X, keys), (X[order], keys[order])))
    np.testing.assert_array_equal(F, E[order])
    P = CommitteeModel().fit_predict_proba(Votes(L, features=E))
    np.testing.assert_allclose(CommitteeModel().fit_predict_proba(Votes(L[order], features=F)), P[order], atol=1e-4)


def test_contributions_add_up_with_features_scores_and_annotators():
    rng = np.random.default_rng(11)
    X, L, y = two_topics(rng, 200)
    people = np.column_stack([hidden(rng, noisy(rng, y, 0.7), 0.6) for _ in range(12)])
    scores = {2: np.column_stack([1 - 0.8 * y, 0.8 * y]) + 0.1}
    gold = np.where(rng.random(200) < 0.2, y, -1)
    for votes, given in ((np.column_stack([L, np.full(200, -1)]), scores), (people, {})):
        for labels in (None, gold):
            model = CommitteeModel().fit(Votes(votes, given, features=X), labels)
            assert model.feature_weight_ > 0
            P = model.predict_proba(Votes(votes, given, features=X))
            parts = model.contributions(Votes(votes, given, features=X))
            assert parts.shape == (200, votes.shape[1] + 2, 2)
            total = parts.sum(axis=1)
            np.testing.assert_allclose(total[:, 1] - total[:, 0], np.log(P[:, 1] / P[:, 0]), atol=1e-9)


def test_functions_of_a_single_class_do_not_train_the_feature_member():
    X = np.eye(2)[[0, 1] * 20]
    model = CommitteeModel(n_classes=2).fit(Votes(np.where(X[:, :1] > 0, 0, -1), features=X))
    assert model.feature_proba_ is None
    assert model.feature_weight_ == 0


def test_sample_of_the_records_trains_as_well(monkeypatch):
    monkeypatch.setattr("weaklab.label_models.feature_member.MOST_ROWS", 60)
    X, L, y = two_topics(np.random.default_rng(12), 1000)
    seen = []
    FeatureMember(X, (L >= 0).any(axis=1)).fit(
        lambda rows, out: seen.append(rows) or np.full((len(rows), 2), 0.5), np.full(1000, -1), 2
    )
    assert {len(rows) for rows in seen} == {60}
    P = CommitteeModel().fit_predict_proba(Votes(L, features=X))
    assert (P.argmax(axis=1) == y).mean() > 0.95


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (np.zeros((3, 2)), "4 rows"),
        (np.zeros(4), "dense matrix"),
        (np.zeros((4, 2), dtype=int), "floats"),
        (np.array([[0, np.nan]] * 4), "NaN"),
    ],
)
def test_wrong_features_are_refused(features, message):
    with pytest.raises(WeaklabError, match=message):
        CommitteeModel().fit(Votes([[0], [1], [0], [1]], features=features))


def test_features_of_another_width_are_refused():
    X, L, _ = two_topics(np.random.default_rng(13))
    with pytest.raises(WeaklabError, match="fitted on 6"):
        CommitteeModel().fit(Votes(L, features=X)).predict_proba(Votes(L, features=X[:, :3]))


def planted(rng, accuracies, n=1500, k=2, rare=None, coverage=0.4):
    """Return votes of independent functions that vote every class, and the truth."""
    balance = [1 / k] * k if rare is None else [1 - rare, rare]
    y = rng.choice(k, n, p=balance)
    return np.column_stack([hidden(rng, noisy(rng, y, a, k), coverage) for a in accuracies]), y


def right(model, L, y, labels=None):
    voted = (L >= 0).any(axis=1)
    return (model.fit(L, labels).predict(L) == y)[voted].mean()


def test_the_tenth_function_is_no_cliff():
    rng = np.random.default_rng(20)
    L, y = planted(rng, rng.permutation(np.linspace(0.55, 0.9, 12)), rare=0.08)
    found = [right(CommitteeModel(), L[:, :m], y) for m in range(8, 13)]
    assert min(np.diff(found)) > -0.01
    assert all(mine > right(MajorityVote(), L[:, :m], y) for m, mine in enumerate(found, start=8))


def test_one_expert_among_guessers_is_found():
    L, y = planted(np.random.default_rng(21), [0.97, *[0.55] * 9], coverage=0.5)
    assert right(CommitteeModel(), L, y) > right(MajorityVote(), L, y) + 0.05


@pytest.mark.parametrize("seed", [0, 1])
def test_few_labels_do_not_hurt_where_votes_say_it_already(seed):
    L, y = planted(np.random.default_rng(seed), np.linspace(0.55, 0.9, 10))
    without = right(CommitteeModel(), L, y)
    for n in (5, 20, 100):
        assert right(CommitteeModel(), L, y, np.where(np.arange(len(y)) < n, y, -1)) > without - 0.01


def test_a_class_balance_that_is_off_by_two_points_changes_little():
    L, y = planted(np.random.default_rng(22), np.linspace(0.55, 0.9, 10))
    found = [right(CommitteeModel(class_balance=[0.5 + off, 0.5 - off]), L, y) for off in (-0.02, 0, 0.02)]
    assert np.ptp(found) < 0.01


def test_the_model_says_which_kind_it_chose_and_why():
    rng = np.random.default_rng(23)
    L, y = planted(rng, np.linspace(0.55, 0.9, 10), rare=0.1)
    why = CommitteeModel().fit(L, y=np.where(np.arange(len(y)) < 20, y, -1)).why
    assert "10 of 10 members vote several classes" in why
    assert "mistakes do not depend on the class" in why
    assert "20 manual labels" in why
    rules = np.column_stack([np.where(rng.random(200) < 0.2, j % 2, -1) for j in range(4)])
    assert "4 members, each votes for one class only" in CommitteeModel().fit(rules).why
    assert "too few" in CommitteeModel().fit(L[:, :2]).why


def topic_with_noisy_votes(rng, n=3000, d=40, m=8):
    """Return features that tell two classes apart in part, votes that are right by chance, and the classes."""
    y = rng.integers(0, 2, n)
    X = rng.normal(size=(n, d)) + 0.3 * np.where(np.arange(d) < 12, 2 * y[:, None] - 1, 0)
    right = rng.random((n, m)) < np.linspace(0.6, 0.75, m)
    L = np.where(rng.random((n, m)) < 0.4, np.where(right, y[:, None], 1 - y[:, None]), -1)
    return X / np.linalg.norm(X, axis=1)[:, None], L, y


def test_labels_of_picked_records_teach_as_well_as_those_of_random_ones():
    # the least sure records are those whose votes and features contradict each other: of their votes half are wrong
    X, L, y = topic_with_noisy_votes(np.random.default_rng(0))
    drawn = np.full(len(y), -1)
    rows = np.random.default_rng(1).choice(len(y), 100, replace=False)
    drawn[rows] = y[rows]
    gold = np.where(np.arange(len(y)) < 20, y, -1)  # in any order: a random sample
    model, picked = CommitteeModel(), np.zeros(len(y), dtype=bool)
    for _ in range(8):
        P = model.fit_predict_proba(Votes(L, features=X, picked=picked), gold)
        rows = np.argsort(np.where(gold < 0, np.abs(P[:, 0] - 0.5), np.inf))[:10]
        gold[rows], picked[rows] = y[rows], True

    def right(gold, picked):
        P = model.fit_predict_proba(Votes(L, features=X, picked=picked), gold)
        return [float((proba.argmax(axis=1) == y).mean()) for proba in (P, model.feature_proba_)]

    told, not_told, random = right(gold, picked), right(gold, None), right(drawn, None)
    assert told[0] > random[0] - 0.01
    assert told[1] > random[1] - 0.015
    assert told[0] > not_told[0] + 0.01
    assert told[1] > not_told[1] + 0.02


def test_which_records_were_picked_is_checked_and_goes_along():
    votes = Votes([[0], [1]] * 10, picked=np.arange(20) < 5)
    assert votes.take(slice(3, 7)).picked.tolist() == [True, True, False, False]
    with pytest.raises(WeaklabError, match="picked must hold 20 times True or False"):
        CommitteeModel().fit(Votes(votes.L, picked=[1] * 20), [0, 1] * 10)
