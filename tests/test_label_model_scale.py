"""Large label matrices: rows are the same whatever stands beside them, compiled loops give what numpy gives, and
batches add up."""

import sys
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weaklab import WeaklabError, label_model
from weaklab.core.rows import BLOCK, row_argmax
from weaklab.core.votes import Votes
from weaklab.features.embeddings import unit_rows
from weaklab.label_models import LABEL_MODELS, CommitteeModel, DawidSkene, MajorityVote, confidence
from weaklab.label_models import vote_patterns as patterns
from weaklab.label_models.counting import one_hot_sum, table_sum
from weaklab.label_models.vote_list import VoteList
from weaklab.label_models.vote_patterns import all_rows, any_vote, group_rows, in_sample, repeats, sample_rows
from weaklab.label_models.vote_weights import Pairs
from weaklab.label_models.weighted import unique_votes

ADDING = sorted(name for name in LABEL_MODELS.names() if LABEL_MODELS[name].adds_up)


def rules(n, m=12, k=3, seed=0, several=False):
    """Return votes int8 (n, m) of functions that vote one class each, or all of them, and the truth."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, k, n).astype(np.int8)
    said = np.where(
        rng.random((n, m)) < rng.uniform(0.5, 0.9, m), y[:, None], (y[:, None] + rng.integers(1, k, (n, m))) % k
    )
    there = rng.random((n, m)) < 0.5 if several else said == np.arange(m) % k
    return np.where(there & (rng.random((n, m)) < 0.7), said, -1).astype(np.int8), y


@pytest.fixture
def kernels(monkeypatch):
    """Use compiled loops however small a matrix is."""
    from weaklab.label_models import kernels

    monkeypatch.setattr(patterns, "compiled", lambda cells: kernels)
    for name in ("row_by_row", "votes", "vote_weights", "weighted", "vote_list"):
        monkeypatch.setattr(f"weaklab.label_models.{name}.compiled", lambda cells: kernels)
    return kernels


def without_kernels(monkeypatch, work):
    with monkeypatch.context() as plain:
        for name in ("vote_patterns", "row_by_row", "votes", "vote_weights", "weighted", "vote_list"):
            plain.setattr(f"weaklab.label_models.{name}.compiled", lambda cells: None)
        return work()


def batches(model, L, size, **given):
    cut = [slice(start, start + size) for start in range(0, len(L), size)]
    said = [
        {name: ({j: v[rows] for j, v in a.items()} if isinstance(a, dict) else a[rows]) for name, a in given.items()}
        for rows in cut
    ]
    return np.concatenate([model.predict_proba(Votes(L[rows], **one)) for rows, one in zip(cut, said, strict=True)])


# ---- compiled loops


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 150), st.integers(1, 9), st.integers(2, 11), st.floats(0, 1))
def test_compiled_loops_give_what_numpy_gives_bit_for_bit(seed, n, m, k, silent):
    rng = np.random.default_rng(seed)
    L = np.where(rng.random((n, m)) < silent, -1, rng.integers(0, k, (n, m))).astype(np.int8)
    weights, tables, P = rng.normal(size=m), rng.normal(size=(m, k, k)), rng.random((n, k))
    votes = VoteList.of(L, k, {0: rng.random(n)})

    def work():
        pairs = Pairs.count(L, k)
        return [
            one_hot_sum(L, k, weights), table_sum(L, tables), any_vote(L), pairs.votes, pairs.both, pairs.same,
            votes.counts(P),
            votes.scores(tables),
        ]  # fmt: skip

    with pytest.MonkeyPatch.context() as patch:
        plain = without_kernels(patch, work)
        from weaklab.label_models import kernels

        for name in ("vote_patterns", "votes", "vote_weights", "vote_list"):
            patch.setattr(f"weaklab.label_models.{name}.compiled", lambda cells: kernels)
        for expected, found in zip(plain, work(), strict=True):
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("m", [3, 70])
@pytest.mark.parametrize("silent", [0.1, 0.97])
def test_pairs_are_the_same_row_by_row_and_64_rows_at_a_time(kernels, m, silent):
    rng = np.random.default_rng(m)
    L = np.where(rng.random((1000, m)) < silent, -1, rng.integers(0, 3, (1000, m))).astype(np.int8)
    found = []
    for loop in (kernels.count_sparse, kernels.count_dense):
        tables = [np.zeros(shape, dtype=np.int64) for shape in ((m, 3), (m, m), (m, m))]
        loop(L, *tables)
        found.append(tables)
    for sparse, dense in zip(*found, strict=True):
        np.testing.assert_array_equal(sparse, dense)


def test_grouped_rows_are_the_unique_ones(kernels):
    rng = np.random.default_rng(0)
    L, y = rng.integers(-1, 3, (3000, 4)).astype(np.int8), rng.integers(-1, 2, 3000)
    first, counts, kinds = group_rows(L, y)
    np.testing.assert_array_equal(np.column_stack([L, y]), np.column_stack([L, y])[first][kinds])
    assert len(first) == len(np.unique(np.column_stack([L, y]), axis=0))
    np.testing.assert_array_equal(np.bincount(kinds), counts)
    rows, truth, times = unique_votes(L, y)
    assert (len(rows), len(truth), times.sum()) == (len(first), len(first), 3000)


def test_small_matrices_load_no_compiler(monkeypatch):
    monkeypatch.delitem(sys.modules, "weaklab.label_models.kernels", raising=False)
    L, _ = rules(2000)
    CommitteeModel().fit(L).predict_proba(L)
    assert "weaklab.label_models.kernels" not in sys.modules


def test_repeated_rows_are_detected():
    L, _ = rules(20_000, m=30, several=True)
    assert not repeats(L)
    assert repeats(L[np.random.default_rng(0).integers(0, 50, 20_000)])


def test_rows_are_numbered_by_their_votes(kernels):
    rows, numbers = all_rows(4, 3), np.empty(256, dtype=np.int64)
    kernels.row_numbers(rows, 4, numbers)
    np.testing.assert_array_equal(numbers, np.arange(256))


# ---- every row for itself


@pytest.mark.parametrize("name", [name for name in LABEL_MODELS.names() if LABEL_MODELS[name].by_rows])
@pytest.mark.parametrize(("m", "several"), [(4, True), (12, False), (12, True)])
def test_prediction_of_a_row_does_not_depend_on_other_rows(name, m, several):
    """Rows by number (m = 4), in blocks, and in small calls that use numpy alone."""
    L, y = rules(BLOCK + 2000, m=m, several=several)
    model = label_model(name, n_classes=3).fit(L[:3000], np.where(np.arange(3000) < 60, y[:3000], -1))
    P = model.predict_proba(L)
    for size in (1000, 30_000):
        np.testing.assert_array_equal(batches(model, L, size), P)
    np.testing.assert_array_equal(batches(model, L[-700:], 7), P[-700:])
    np.testing.assert_array_equal(model.predict(L), P.argmax(axis=1))
    np.testing.assert_array_equal(model.predict_proba(np.asfortranarray(L.astype(np.int64))), P)


def test_repeated_rows_get_the_same_predictions_as_single_ones(kernels):
    L, y = rules(400, m=20, several=True)
    tall = L[np.random.default_rng(1).integers(0, 100, BLOCK + 5000)]
    assert repeats(tall)
    model = CommitteeModel(n_classes=3).fit(L, np.where(np.arange(400) < 50, y, -1))
    np.testing.assert_array_equal(model.predict_proba(tall), batches(model, tall, 5000))
    np.testing.assert_array_equal(model.label_or_abstain(tall, 0.3)[:900], model.label_or_abstain(tall[:900], 0.3))


@pytest.mark.parametrize("k", [2, 3, 40])
def test_scores_confidence_and_features_leave_rows_alone_too(k):
    n, rng = BLOCK + 3000, np.random.default_rng(2)
    L, y = rules(n, m=6, k=k, several=True)
    scores = {5: np.asfortranarray(rng.dirichlet(np.ones(k), n))}
    sure = {1: rng.uniform(0.1, 1, n)}
    E = unit_rows(rng.normal(size=(n, 9)).astype(np.float32) + y[:, None] % 3)
    part = slice(0, 2000)
    model = CommitteeModel(n_classes=k).fit(
        Votes(L[part], {5: scores[5][part]}, confidence={1: sure[1][part]}, features=E[part]),
        np.where(np.arange(2000) < 90, y[part], -1),
    )
    for said in (
        {"scores": scores},
        {"confidence": sure},
        {"scores": scores, "confidence": sure, "features": E},
        {"scores": scores, "feature_proba": rng.dirichlet(np.ones(k), n)},
    ):
        P = model.predict_proba(Votes(L, **said))
        np.testing.assert_array_equal(batches(model, L, 1000, **said), P)
        last = {
            name: ({j: v[-70:] for j, v in a.items()} if isinstance(a, dict) else a[-70:]) for name, a in said.items()
        }
        np.testing.assert_array_equal(batches(model, L[-70:], 7, **last), P[-70:])


def test_confidence_in_blocks_is_one_minus_the_normalised_entropy():
    P = np.random.default_rng(3).dirichlet([0.3] * 3, BLOCK + 100)
    P[:50] = [0, 1, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        entropy = -np.where(P > 0, P * np.log(P), 0).sum(axis=1)
    np.testing.assert_allclose(confidence(P), 1 - entropy / np.log(3), atol=1e-12)
    assert row_argmax(np.array([[1.0, 1.0, 0.0], [0.0, 2.0, 2.0]])).tolist() == [0, 1]


def test_votes_stay_int8_and_other_types_say_the_same():
    L, _ = rules(3000)
    P = CommitteeModel(n_classes=3).fit(L).predict_proba(L)
    for other in (L.astype(np.int64), L.astype(np.float32), L.tolist(), np.asfortranarray(L)):
        np.testing.assert_array_equal(CommitteeModel(n_classes=3).fit(other).predict_proba(other), P)
    with pytest.raises(WeaklabError, match=r"L\[2999, 0\] is 5, which is no label; wanted -1 \(abstain\) to 2"):
        CommitteeModel(n_classes=3).fit(np.vstack([L[:-1], np.full((1, 12), 5, dtype=np.int8)]))
    read_only = L.copy()
    read_only.setflags(write=False)
    np.testing.assert_array_equal(CommitteeModel(n_classes=3).fit(read_only).predict_proba(read_only), P)


# ---- samples


def test_a_sample_is_random_the_same_every_time_and_part_of_a_larger_one():
    rows = sample_rows(100_000, 0.1)
    assert abs(len(rows) - 10_000) < 400
    assert np.isin(sample_rows(100_000, 0.02), rows).all()
    np.testing.assert_array_equal(sample_rows(100_000, 0.1), rows)
    np.testing.assert_array_equal(
        np.flatnonzero(in_sample(np.arange(500, 900), 0.1)) + 500, rows[(rows >= 500) & (rows < 900)]
    )
    assert abs(np.mean(rows % 2) - 0.5) < 0.03


@pytest.mark.parametrize("several", [False, True])
def test_a_fit_on_a_sample_says_how_far_off_it_is(several):
    L, _ = rules(40_000, m=14, several=several)
    exact = CommitteeModel(n_classes=3, max_rows=None).fit(L)
    sampled = CommitteeModel(n_classes=3, max_rows=2000).fit(L)
    assert (exact.fit_rows_, exact.sample_error_) == (40_000, 0)
    assert abs(sampled.fit_rows_ - 2000) < 200
    error = np.sqrt(np.mean((exact.predict_proba(L) - sampled.predict_proba(L)) ** 2))
    assert error / 3 < sampled.sample_error_ < error * 3


def test_many_votes_of_people_are_sampled_and_few_are_not():
    L, y = rules(60_000, m=14, several=True)
    few = CommitteeModel(n_classes=3).fit(L[:20_000])
    assert (few.fit_rows_, few.sample_error_) == (20_000, 0)
    many = CommitteeModel(n_classes=3).fit(L)
    assert 10_000 < many.fit_rows_ < 20_000
    assert 0 < many.sample_error_ < 0.03
    exact = CommitteeModel(n_classes=3, max_rows=None).fit(L)
    assert abs((many.predict(L) == y).mean() - (exact.predict(L) == y).mean()) < 0.005


@pytest.mark.parametrize("rows", [0, -5, 2.5, "all"])
def test_a_number_of_rows_that_is_none_is_refused(rows):
    with pytest.raises(WeaklabError, match="max_rows must be a whole number of rows, 1 or more, or None for all, got"):
        CommitteeModel(max_rows=rows).fit([[0, 1]])


def test_all_manual_labels_count_even_where_votes_are_sampled():
    L, y = rules(20_000, m=6)
    gold = np.where(np.arange(20_000) >= 19_900, y, -1)
    assert CommitteeModel(n_classes=3, max_rows=500).fit(L, gold).n_labels_ == 100


# ---- batches


@pytest.mark.parametrize("name", ADDING)
@pytest.mark.parametrize("several", [False, True])
def test_batches_say_what_all_rows_together_say(name, several):
    L, y = rules(900, m=12, several=several)
    gold = np.where(np.arange(900) % 20 == 0, y, -1)
    rng = np.random.default_rng(0)
    scores, sure = {3: rng.dirichlet(np.ones(3), 900)}, {1: rng.uniform(0.1, 1, 900)}
    for said in ({}, {"scores": scores, "confidence": sure}):
        whole, parts = label_model(name, n_classes=3).fit(Votes(L, **said), gold), label_model(name, n_classes=3)
        for rows in (slice(0, 10), slice(10, 500), slice(500, 900)):
            parts.partial_fit(Votes(L, **said).take(rows), gold[rows])
        equal = np.testing.assert_allclose if name == "weighted_vote" else np.testing.assert_array_equal
        equal(parts.predict_proba(Votes(L, **said)), whole.predict_proba(Votes(L, **said)))
        np.testing.assert_array_equal(parts.class_balance_, whole.class_balance_)


def test_batches_of_many_votes_are_sampled_as_all_together_are():
    L, y = rules(45_000, m=14, several=True)
    gold = np.where(np.arange(45_000) % 1000 == 0, y, -1)
    whole, parts = CommitteeModel(n_classes=3).fit(L, gold), CommitteeModel(n_classes=3)
    for start in range(0, 45_000, 15_000):
        parts.partial_fit(L[start : start + 15_000], gold[start : start + 15_000])
    assert whole.sample_error_ > 0
    assert (parts.fit_rows_, parts.sample_error_) == (whole.fit_rows_, whole.sample_error_)
    np.testing.assert_array_equal(parts.predict_proba(L), whole.predict_proba(L))


def test_a_batch_does_not_hold_on_to_what_it_was_given():
    L, y = rules(600, m=12, several=True)
    whole, parts, given = CommitteeModel(n_classes=3).fit(L, y), CommitteeModel(n_classes=3), L[:300].copy()
    parts.partial_fit(given, y[:300])
    given[:] = 0
    np.testing.assert_array_equal(parts.partial_fit(L[300:], y[300:]).predict_proba(L), whole.predict_proba(L))


def test_batches_that_cannot_be_added_are_refused():
    L, y = rules(60)
    E = unit_rows(np.random.default_rng(0).normal(size=(60, 4)))
    with pytest.raises(WeaklabError, match="DawidSkene learns from all records at once"):
        DawidSkene().partial_fit(L)
    with pytest.raises(WeaklabError, match="partial_fit takes no features"):
        CommitteeModel().partial_fit(Votes(L, features=E))
    with pytest.raises(WeaklabError, match="fitted by fit, which keeps nothing to add to"):
        CommitteeModel().fit(L).partial_fit(L)
    model = CommitteeModel(n_classes=3).partial_fit(L, y)
    with pytest.raises(WeaklabError, match="fitted on 12 heuristics, got 3"):
        model.partial_fit(L[:, :3])
    with pytest.raises(WeaklabError, match="give the same ones"):
        model.partial_fit(Votes(L, {0: np.full((60, 3), 1 / 3)}))
    assert model.fit(L).predict_proba(L).shape == (60, 3)


# ---- memory


@pytest.mark.parametrize("name", ["committee", "majority_vote", "dawid_skene"])
def test_memory_grows_with_the_votes_and_not_with_rows_times_functions_times_classes(name):
    L, _ = rules(60_000, m=40, k=8)
    model = label_model(name, n_classes=8, **({"max_iter": 3} if name == "dawid_skene" else {}))
    model.fit(L[:30_000]).predict_proba(L[:40_000])
    tracemalloc.start()
    try:
        model.fit(L).predict_proba(L)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 0.6 * L.size * 8 * 8


def test_majority_of_many_rows_is_that_of_few():
    L, _ = rules(BLOCK + 10, m=5)
    found = MajorityVote(n_classes=3).fit(L).predict_proba(L)
    voted = L[found.max(axis=1) == 1][0]
    assert len(set(voted[voted >= 0].tolist())) == 1
