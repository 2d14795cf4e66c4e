"""Every query strategy against its formula in plain loops; modAL's query functions as they are; the table in the
documentation."""

import functools
import itertools
import math
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import sparse

from weaklab.core.errors import WeaklabError
from weaklab.scheduling.scheduler import Pool, Scheduler
from weaklab.strategies import (
    STRATEGIES,
    as_strategy,
    call_strategy,
    density_weighted,
    error_mass,
    expected_error_reduction,
    expected_gradient_length,
    exploration,
    from_modal,
    geometry,
    is_modal,
    max_disagreement,
    model_change,
    typicality,
    variance_reduction,
)
from weaklab.strategies.geometry import k_means, nearest, squares
from weaklab.strategies.vote_groups import pattern_ids

DOCS = Path(__file__).parent.parent / "docs" / "strategies.md"
CLOSE = 1e-5


def unit(rows):
    rows = np.asarray(rows, dtype=np.float32)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(lengths > 0, lengths, 1)


@st.composite
def pools(draw):
    n, m, k, d = draw(st.integers(1, 8)), draw(st.integers(1, 4)), draw(st.integers(2, 3)), draw(st.integers(1, 3))
    raw = draw(arrays(float, (n, k), elements=st.floats(0.0, 1.0))) + 1e-3
    soft = draw(arrays(float, (n, k), elements=st.floats(0.0, 1.0))) + 1e-3
    E = unit(draw(arrays(int, (n, d), elements=st.integers(-3, 3))))
    return {
        "P": raw / raw.sum(axis=1, keepdims=True),
        "L": draw(arrays(int, (n, m), elements=st.integers(-1, k - 1))),
        "scores": {0: soft / soft.sum(axis=1, keepdims=True)} if draw(st.booleans()) else {},
        "keys": np.arange(n, dtype=np.uint64) * 31 + 7,
        "seed": draw(st.integers(0, 3)),
        "y": draw(arrays(int, n, elements=st.integers(-1, k - 1))),
        "eligible": draw(arrays(bool, n)),
        "n": draw(st.integers(1, 4)),
        "X": E,
        "E": E,
    }


def planted(sizes, jitter=0.02, seed=0):
    """Return embeddings in tight clusters around different axes, and the cluster of each."""
    rng = np.random.default_rng(seed)
    cluster = np.repeat(np.arange(len(sizes)), sizes)
    return unit(np.eye(len(sizes))[cluster] + rng.normal(0, jitter, (len(cluster), len(sizes)))), cluster


def pool_like(E, P=None, y=None, n=3):
    size = len(E)
    y = np.full(size, -1) if y is None else np.asarray(y)
    return {
        "P": np.full((size, 2), 0.5) if P is None else np.asarray(P),
        "L": np.full((size, 1), -1),
        "scores": {},
        "keys": np.arange(size, dtype=np.uint64) * 31 + 7,
        "seed": 0,
        "y": y,
        "eligible": y < 0,
        "n": n,
        "X": E,
        "E": E,
    }


def chosen(name, pool, strategy=None):
    """Return the rows of the batch that a strategy chooses, in order."""
    scores = call_strategy(name, strategy or STRATEGIES[name], pool)
    rows = np.flatnonzero(pool["eligible"])
    return [int(row) for row in rows[np.argsort(-scores[rows], kind="stable")][: pool["n"]]]


def margin_of(p):
    best, second = sorted(p)[::-1][:2]
    return 1 - (best - second)


def half_square(a, b):
    return sum((float(x) - float(z)) ** 2 for x, z in zip(a, b, strict=True)) / 2


def cosine(a, b):
    return sum(float(x) * float(z) for x, z in zip(a, b, strict=True))


def to_nearest(pool, row, taken):
    """The distance of a row to the nearest labeled or taken one; the largest that there is without any."""
    others = [j for j in range(len(pool["E"])) if pool["y"][j] >= 0] + taken
    return min((half_square(pool["E"][row], pool["E"][j]) for j in others), default=2.0)


def is_greedy(pool, rows, gain):
    """Whether each row has the largest gain among those that were left."""
    eligible = [i for i in range(len(pool["E"])) if pool["eligible"][i]]
    for place, row in enumerate(rows):
        left = [i for i in eligible if i not in rows[:place]]
        if gain(row, rows[:place]) < max(gain(i, rows[:place]) for i in left) - CLOSE:
            return False
    return len(set(rows)) == len(rows) == min(pool["n"], len(eligible))


# ---- scores, record by record


@settings(deadline=None, max_examples=60)
@given(pools())
def test_max_disagreement_is_the_largest_divergence_from_the_mean(pool):
    P, L, scores = pool["P"], pool["L"], pool["scores"]
    for i in range(len(P)):
        members = [
            scores[j][i] if j in scores else [float(c == v) for c in range(P.shape[1])]
            for j, v in enumerate(L[i])
            if v >= 0
        ]
        mean = [sum(column) / len(members) for column in zip(*members, strict=True)]
        largest = max(
            (sum(x * math.log(x / c) for x, c in zip(p, mean, strict=True) if x > 0) for p in members), default=0
        )
        assert math.isclose(max_disagreement(P, L, scores)[i], largest, abs_tol=1e-9)


@settings(deadline=None, max_examples=60)
@given(pools())
def test_expected_gradient_length_is_the_expected_norm_of_the_gradient_matrix(pool):
    found = expected_gradient_length(pool["P"], pool["E"])
    for p, x, value in zip(pool["P"], pool["E"], found, strict=True):
        with_bias = [*map(float, x), 1.0]
        lengths = [
            math.sqrt(sum(((q - (c == other)) * z) ** 2 for other, q in enumerate(p) for z in with_bias))
            for c in range(len(p))
        ]
        assert math.isclose(value, sum(q * length for q, length in zip(p, lengths, strict=True)), abs_tol=CLOSE)


@settings(deadline=None, max_examples=60)
@given(pools())
def test_expected_error_reduction_is_the_error_now_less_the_expected_error_then(pool):
    P, E = pool["P"], pool["E"]
    found = expected_error_reduction(P, E, pool["y"], pool["eligible"])
    unlabeled = [j for j in range(len(P)) if pool["y"][j] < 0]
    for i in np.flatnonzero(pool["eligible"]):
        now = sum(1 - max(P[j]) for j in unlabeled)
        then = 0.0
        for c in range(P.shape[1]):
            for j in unlabeled:
                K = max(0.0, cosine(E[i], E[j]))
                then += P[i][c] * (1 - max((p + K * (c == other)) / (1 + K) for other, p in enumerate(P[j])))
        assert math.isclose(found[i], (now - then) / max(len(unlabeled), 1), abs_tol=CLOSE)
        assert (found[~pool["eligible"]] < found[i]).all()


def test_expected_error_reduction_puts_records_outside_its_shortlist_below_it():
    E, _ = planted([150, 100])
    P = np.linspace(0.5, 0.9, 250)[:, None] * [1, -1] + [0, 1]
    found = expected_error_reduction(P, E, np.full(250, -1), np.full(250, True))
    assert found[:200].min() > found[200:].max()
    assert (np.diff(found[200:]) < 0).all()


@settings(deadline=None, max_examples=60)
@given(pools())
def test_variance_reduction_is_the_drop_of_the_trace(pool):
    P, E, y = pool["P"], pool["E"].astype(float), pool["y"]
    found = variance_reduction(P, pool["E"], y)
    d = E.shape[1]
    for i in range(len(P)):
        drop = 0.0
        for c in range(P.shape[1]):
            w = P[:, c] * (1 - P[:, c])
            A = np.eye(d) + sum((w[j] * np.outer(E[j], E[j]) for j in range(len(P)) if y[j] >= 0), np.zeros((d, d)))
            B = sum((w[j] ** 2 * np.outer(E[j], E[j]) for j in range(len(P))), np.zeros((d, d))) / len(P)
            drop += np.trace(B @ np.linalg.inv(A)) - np.trace(B @ np.linalg.inv(A + w[i] * np.outer(E[i], E[i])))
        assert math.isclose(found[i], drop, abs_tol=CLOSE)


def test_large_pools_are_worked_on_in_parts(monkeypatch):
    rng = np.random.default_rng(0)
    P, E, y = rng.dirichlet(np.ones(3), 20), unit(rng.normal(size=(20, 4))), np.where(np.arange(20) < 8, 1, -1)
    E[9:] = np.tile(E[:4], (3, 1))[:11]
    whole = variance_reduction(P, E, y), nearest(E, E[:7]), typicality(E, y, y < 0, 5, 0)
    for module in (model_change, geometry):
        monkeypatch.setattr(module, "ROWS_AT_ONCE", 3)
    parts = variance_reduction(P, E, y), nearest(E, E[:7]), typicality(E, y, y < 0, 5, 0)
    for a, b in zip((whole[0], *whole[1], whole[2]), (parts[0], *parts[1], parts[2]), strict=True):
        np.testing.assert_allclose(a, b, atol=CLOSE)
    monkeypatch.setattr(model_change, "MOMENT_SAMPLE", 10)
    np.testing.assert_allclose(variance_reduction(P, E, y), whole[0], rtol=0.5)
    assert np.abs(variance_reduction(P, E, y) - whole[0]).max() > CLOSE


@settings(deadline=None, max_examples=60)
@given(pools(), st.sampled_from([1.0, 2.0]))
def test_density_weighted_is_entropy_times_mean_cosine(pool, beta):
    P, E = pool["P"], pool["E"]
    dense, from_sparse = density_weighted(P, E, beta), density_weighted(P, sparse.csr_array(E), beta)
    for i in range(len(P)):
        H = -sum(p * math.log(p) for p in P[i] if p > 0) / math.log(P.shape[1])
        density = max(0.0, sum(cosine(E[i], other) for other in E) / len(E))
        assert math.isclose(dense[i], H * density**beta, abs_tol=CLOSE)
        assert math.isclose(from_sparse[i], H * density**beta, abs_tol=CLOSE)


@settings(deadline=None, max_examples=60)
@given(pools())
def test_exploration_is_the_distance_to_the_nearest_label(pool):
    found = exploration(pool["E"], pool["y"])
    for i in range(len(found)):
        assert math.isclose(found[i], to_nearest(pool, i, []), abs_tol=CLOSE)


def test_exploration_is_one_less_the_largest_cosine():
    E = unit([[1, 0], [3, 4], [0, 1]])
    np.testing.assert_allclose(exploration(E, np.array([0, -1, 1])), [0, 1 - 0.8, 0], atol=CLOSE)


@settings(deadline=None, max_examples=60)
@given(pools())
def test_error_mass_shares_the_expected_errors_of_a_pattern_among_its_records(pool):
    P, L, y, eligible = pool["P"], pool["L"], pool["y"], pool["eligible"]
    found = error_mass(P, L, y, eligible)
    for pattern in {tuple(row) for row in L}:
        rows = [i for i in range(len(L)) if tuple(L[i]) == pattern]
        mass = sum(1 - max(P[i]) for i in rows if y[i] < 0)
        labels = sum(y[i] >= 0 for i in rows)
        asked = sorted((i for i in rows if eligible[i]), key=lambda i: (max(P[i]), -found[i]))
        for j, i in enumerate(asked):
            assert math.isclose(found[i], mass / (1 + labels + j), abs_tol=1e-9)


@given(arrays(int, st.tuples(st.integers(0, 8), st.integers(0, 4)), elements=st.integers(-1, 126)))
def test_rows_have_the_same_pattern_exactly_where_all_votes_are_the_same(L):
    ids = pattern_ids(L)
    for i, j in itertools.combinations(range(len(L)), 2):
        assert (ids[i] == ids[j]) == (L[i].tolist() == L[j].tolist())


# ---- batches, one record after another


@settings(deadline=None, max_examples=60)
@given(pools())
def test_k_center_takes_the_farthest_repeatedly(pool):
    assert is_greedy(pool, chosen("k_center", pool), lambda i, taken: to_nearest(pool, i, taken))


@settings(deadline=None, max_examples=60)
@given(pools())
def test_uncertainty_diversity_takes_the_largest_product_repeatedly(pool):
    rows = chosen("uncertainty_diversity", pool)
    assert is_greedy(pool, rows, lambda i, taken: margin_of(pool["P"][i]) * to_nearest(pool, i, taken))


def gradient(pool, row):
    p, x = pool["P"][row], pool["E"][row].astype(float)
    return np.outer(p - np.eye(len(p))[np.argmax(p)], x).ravel()


@settings(deadline=None, max_examples=60)
@given(pools())
def test_badge_begins_with_the_largest_gradient_and_never_repeats_one_while_others_are_left(pool):
    rows = chosen("badge", pool)
    if not rows:
        return
    eligible = np.flatnonzero(pool["eligible"])
    size = {i: (gradient(pool, i) ** 2).sum() for i in eligible}
    assert size[rows[0]] >= max(size.values()) - CLOSE

    def distance(i, taken):
        return min(((gradient(pool, i) - gradient(pool, j)) ** 2).sum() for j in taken)

    for place, row in enumerate(rows[1:], start=1):
        left = [i for i in eligible if i not in rows[:place]]
        if max(distance(i, rows[:place]) for i in left) > CLOSE:
            assert distance(row, rows[:place]) > 0
    assert len(set(rows)) == min(pool["n"], len(eligible))


@settings(deadline=None, max_examples=60)
@given(pools())
def test_kmeans_plus_plus_never_takes_what_is_covered_while_others_are_left(pool):
    rows = chosen("kmeans_plus_plus", pool)
    eligible = np.flatnonzero(pool["eligible"])
    for place, row in enumerate(rows):
        left = [i for i in eligible if i not in rows[:place]]
        if max(to_nearest(pool, i, rows[:place]) for i in left) > CLOSE:
            assert to_nearest(pool, row, rows[:place]) > 0
    assert len(set(rows)) == min(pool["n"], len(eligible))


def shares(name, pool, place, turns=3000):
    """How often each record is taken at a place of the batch, over many seeds."""
    rows = [chosen(name, {**pool, "seed": seed})[place] for seed in range(turns)]
    return np.bincount(rows, minlength=len(pool["E"])) / turns


def test_kmeans_plus_plus_draws_with_chances_proportional_to_squared_distances():
    pool = pool_like(unit([[1, 0], [3, 4], [0, 1], [-1, 0]]), y=[0, -1, -1, -1], n=1)
    squared = np.array([0, 0.8, 2, 4])
    np.testing.assert_allclose(shares("kmeans_plus_plus", pool, 0), squared / squared.sum(), atol=0.03)


def test_kmeans_plus_plus_draws_its_first_uniformly_where_nothing_is_labeled():
    np.testing.assert_allclose(
        shares("kmeans_plus_plus", pool_like(unit([[1, 0], [1, 0], [-1, 0]]), n=1), 0), 1 / 3, atol=0.03
    )


def test_badge_draws_with_chances_proportional_to_squared_distances_of_gradients():
    pool = pool_like(unit([[1, 0], [3, 4], [0, 1], [-1, 0]]), [[0.5, 0.5], [0.6, 0.4], [0.7, 0.3], [0.9, 0.1]], n=2)
    squared = np.array([((gradient(pool, i) - gradient(pool, 0)) ** 2).sum() for i in range(4)])
    np.testing.assert_allclose(shares("badge", pool, 1), squared / squared.sum(), atol=0.03)


# ---- batches by clusters


def medoid(E, rows, weights):
    """The row nearest to the weighted mean of some rows, in plain loops."""
    total = sum(weights[i] for i in rows)
    centre = [sum(weights[i] * float(E[i][a]) for i in rows) / total for a in range(E.shape[1])]
    return min(rows, key=lambda i: half_square(E[i], centre))


@settings(deadline=None, derandomize=True)
@given(st.permutations([3, 5, 8]), st.integers(0, 50))
def test_cluster_representatives_are_the_middles_of_clusters_from_the_largest_down(sizes, seed):
    E, cluster = planted(sizes, seed=seed)
    expected = [
        medoid(E, np.flatnonzero(cluster == c), np.ones(len(E)))
        for c in sorted(range(3), key=lambda c: sizes[c], reverse=True)
    ]
    assert chosen("cluster_representatives", pool_like(E)) == expected


@settings(deadline=None, derandomize=True)
@given(st.permutations([3, 5, 8]), st.integers(0, 50))
def test_shortlist_spread_takes_the_middles_of_weighted_clusters_the_most_uncertain_first(sizes, seed):
    E, cluster = planted(sizes, seed=seed)
    p = np.random.default_rng(seed).uniform(0.5, 0.95, len(E))
    P = np.column_stack([p, 1 - p])
    weights = [margin_of(row) for row in P]
    middles = [medoid(E, np.flatnonzero(cluster == c), weights) for c in range(3)]
    assert chosen("shortlist_spread", pool_like(E, P)) == sorted(middles, key=lambda i: -weights[i])


@pytest.mark.parametrize("name", ["cluster_representatives", "shortlist_spread", "uncertainty_diversity"])
def test_batches_are_chosen_among_the_ten_times_n_most_uncertain(name):
    for size, seen in ((19, True), (20, False)):
        E, _ = planted([size, 1])
        P = np.linspace(0.5, 0.6, size + 1)[:, None] * [1, -1] + [0, 1]
        assert (size in chosen(name, pool_like(E, P, n=2))) == seen


@settings(deadline=None, derandomize=True)
@given(st.integers(0, 50))
def test_typicality_takes_the_record_nearest_to_its_neighbours_from_large_clusters_without_labels(seed):
    sizes = [9, 4, 6]
    E, cluster = planted(sizes, seed=seed)
    y = np.where(np.arange(19) == 2, 1, -1)

    def mean_distance(i):
        others = sorted(math.sqrt(2 * half_square(E[i], E[j])) for j in np.flatnonzero(cluster == cluster[i]) if j != i)
        return sum(others[:20]) / len(others[:20])

    most_typical = [min(np.flatnonzero(cluster == c), key=mean_distance) for c in (2, 1)]
    assert chosen("typicality", pool_like(E, y=y, n=2)) == most_typical


def test_typicality_looks_at_twenty_neighbours_only():
    close, equal = [[math.cos(a), math.sin(a)] for a in np.linspace(1.0, 1.1, 30)], [[1, 0]] * 21
    assert chosen("typicality", pool_like(unit(close + equal), n=1))[0] >= 30
    assert chosen("typicality", pool_like(unit(close + equal[:20]), n=1))[0] < 30


def test_typicality_comes_back_to_a_cluster_when_all_have_been_visited():
    E, cluster = planted([12, 7])
    eligible = np.arange(19) != 3
    pool = {**pool_like(E, n=8), "eligible": eligible, "E": np.repeat(E[[0, 12]], [12, 7], axis=0)}
    assert cluster[chosen("typicality", pool)].tolist() == [0, 1] * 4


def test_typicality_leaves_records_without_features_to_the_last():
    E, _ = planted([5, 4])
    E = np.vstack([E, np.zeros((20, 2), dtype=np.float32)])
    rows = chosen("typicality", pool_like(E, n=12))
    assert sorted(rows[:9]) == list(range(9))
    assert len(set(rows)) == 12


def test_k_means_finds_planted_centres_and_leaves_empty_clusters_out():
    E, cluster = planted([30, 20, 10])
    order = np.random.default_rng(0).permutation(60)
    E, cluster = E[order], cluster[order]
    centres = k_means(E, 3, seed=1)
    means = np.array([E[cluster == c].mean(axis=0) for c in range(3)])
    assert squares(means, centres).min(axis=1).max() < CLOSE
    assert len(k_means(np.repeat(E[:2], 5, axis=0), 4, seed=1)) == 2


@given(
    arrays(np.int64, (5, 2), elements=st.integers(-3, 3)),
    arrays(np.int64, st.tuples(st.integers(1, 4), st.just(2)), elements=st.integers(-3, 3)),
)
def test_nearest_finds_the_smallest_squared_distance(A, B):
    A, B = A.astype(float), B.astype(float)
    which, square = nearest(A, B)
    for i, a in enumerate(A):
        assert math.isclose(square[i], min(2 * half_square(a, b) for b in B), abs_tol=1e-9)
        assert math.isclose(square[i], 2 * half_square(a, B[which[i]]), abs_tol=1e-9)


# ---- ties


def test_ties_are_broken_by_lot_and_by_key_not_by_place():
    E = np.tile(unit([[1, 2]]), (30, 1))
    for name in (
        "k_center",
        "kmeans_plus_plus",
        "badge",
        "uncertainty_diversity",
        "typicality",
        "cluster_representatives",
        "shortlist_spread",
    ):
        pool = pool_like(E)
        first = chosen(name, pool)
        assert len({tuple(chosen(name, {**pool, "seed": seed})) for seed in range(8)}) > 4, name
        turned = {**pool, "keys": pool["keys"][::-1]}
        assert [29 - row for row in chosen(name, turned)] == first, name


# ---- modAL


@pytest.fixture(scope="module")
def modal():
    """The modules of modAL, which expect names that numpy 2 no longer has."""
    pytest.importorskip("modAL.uncertainty")
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        patch.setattr(np, "float", float, raising=False)
        import modAL.batch
        import modAL.disagreement
        import modAL.expected_error
        import modAL.models
        import modAL.uncertainty
        import modAL.utils.combination
    return modAL


def random_pool(n=30, m=4, k=3, labeled=6, seed=0):
    rng = np.random.default_rng(seed)
    y = np.full(n, -1)
    y[rng.choice(n, labeled, replace=False)] = rng.integers(0, k, labeled)
    X = unit(rng.normal(size=(n, 5)))
    pool = {**pool_like(X, rng.dirichlet(np.ones(k), n), y, n=5), "L": rng.integers(-1, k, (n, m))}
    pool["eligible"] &= rng.random(n) < 0.9
    return {**pool, "X": sparse.csr_array(X), "scores": {0: rng.dirichlet(np.ones(k), n)}}


@pytest.mark.parametrize(
    ("module", "function", "ours"),
    [
        ("uncertainty", "uncertainty_sampling", "least_confidence"),
        ("uncertainty", "margin_sampling", "margin"),
        ("uncertainty", "entropy_sampling", "entropy"),
        ("disagreement", "consensus_entropy_sampling", "entropy"),
        ("disagreement", "max_disagreement_sampling", "max_disagreement"),
    ],
)
def test_query_functions_of_modal_choose_what_ours_choose(modal, module, function, ours):
    pool = random_pool()
    theirs = getattr(getattr(modal, module), function)
    assert is_modal(theirs)
    assert set(chosen(function, pool, as_strategy(theirs))) == set(chosen(ours, pool))
    dense = {**pool, "X": pool["X"].toarray()}
    assert chosen(function, dense, as_strategy(theirs)) == chosen(function, pool, as_strategy(theirs))


def test_vote_entropy_of_modal_counts_the_votes_of_those_who_vote(modal):
    pool = {**random_pool(), "scores": {}, "n": 1}
    pool["L"] = np.where(np.arange(30)[:, None] == np.flatnonzero(pool["eligible"])[3], [0, 1, 2, -1], [0, 0, -1, 1])
    pool["L"][np.flatnonzero(pool["eligible"])[4]] = -1
    rows = chosen("vote_entropy_sampling", pool, as_strategy(modal.disagreement.vote_entropy_sampling))
    assert rows == chosen("vote_entropy", pool) == [np.flatnonzero(pool["eligible"])[3]]


@pytest.mark.parametrize("labeled", [6, 0])
def test_ranked_batches_of_modal_are_those_of_modals_own_learner(modal, labeled):
    pool = random_pool(labeled=labeled)
    X, y, rows = pool["X"].toarray(), pool["y"], np.flatnonzero(pool["eligible"])

    class Known:
        def fit(self, X, y):
            return self

        def predict_proba(self, asked):
            return pool["P"][[int(np.flatnonzero((row == X).all(axis=1))[0]) for row in asked]]

    given = {"X_training": X[y >= 0], "y_training": y[y >= 0]} if labeled else {}
    learner = modal.models.ActiveLearner(Known(), modal.batch.uncertainty_batch_sampling, **given)
    expected = rows[learner.query(X[rows], n_instances=5)[0]].tolist()
    assert chosen("uncertainty_batch_sampling", pool, as_strategy(modal.batch.uncertainty_batch_sampling)) == expected


def test_strategies_put_together_with_modals_own_tools_work(modal):
    product = modal.utils.combination.make_query_strategy(
        modal.utils.combination.make_product(modal.uncertainty.classifier_uncertainty, modal.disagreement.vote_entropy),
        functools.partial(modal.utils.selection.multi_argmax, n_instances=5),
    )
    pool = random_pool()
    assert is_modal(product)
    assert len(set(chosen("product", pool, as_strategy(product)))) == 5


def test_random_ties_of_modal_depend_on_the_seed_alone(modal):
    strategy = as_strategy(functools.partial(modal.uncertainty.margin_sampling, random_tie_break=True))
    pool = {**random_pool(), "P": np.full((30, 3), 1 / 3)}
    first = chosen("margin_sampling", pool, strategy)
    np.random.seed(3)
    state = np.random.get_state()[1].copy()
    assert chosen("margin_sampling", pool, strategy) == first
    np.testing.assert_array_equal(np.random.get_state()[1], state)
    assert chosen("margin_sampling", {**pool, "seed": 1}, strategy) != first


def test_refitting_query_function_is_refused_with_advice(modal):
    with pytest.raises(WeaklabError, match=r"refits.*'expected_error_reduction'"):
        chosen("expected_error_reduction", random_pool(), as_strategy(modal.expected_error.expected_error_reduction))


@pytest.mark.parametrize(
    "answer", [[2, 0], (np.array([2, 0]), np.zeros(2)), ([2, 0], np.zeros((2, 5))), np.array([2, 0, 2]), (2, 0)]
)
def test_answers_of_every_version_are_understood(answer):
    pool = {**pool_like(np.eye(4, dtype=np.float32), y=[-1, 0, -1, -1], n=2)}
    seen = []

    def choose(classifier, X, n_instances=1):
        seen.append(classifier.pool)
        assert X.shape == (3, 4)
        assert n_instances == 2
        return answer

    scores = call_strategy("choose", from_modal(choose), pool)
    rows = chosen("choose", pool, from_modal(choose))
    assert seen[0][[2, 0]].argmax(axis=1).tolist() == rows
    assert sorted(scores) == [0, 0, 0.5, 1]


@pytest.mark.parametrize("answer", ["no", [0.5], [7], [-1], np.array([True, False, False, False])])
def test_answers_that_are_not_row_numbers_are_refused(answer):
    with pytest.raises(WeaklabError, match="must return row numbers of X, from 0 to 3"):
        call_strategy("choose", from_modal(lambda classifier, X: answer), pool_like(np.eye(4, dtype=np.float32)))


def test_a_hand_written_function_finds_rows_again_members_and_labels():
    pool = random_pool()
    pool["L"][3] = -1

    def check(learner, X, n_instances=1, **more):
        probabilities = learner.predict_proba(X)
        np.testing.assert_array_equal(learner.predict_proba(X[3:6]), probabilities[3:6])
        np.testing.assert_array_equal(learner.predict_proba(X[4].toarray()), probabilities[[4]])
        np.testing.assert_array_equal(learner.predict(X), probabilities.argmax(axis=1))
        assert learner.vote(X).shape == (X.shape[0], 4)
        q = learner.vote_proba(X)
        np.testing.assert_allclose(q.sum(axis=2), 1)
        assert len(learner) == len(list(learner)) == len(learner.learner_list) == 4
        for j, member in enumerate(learner):
            np.testing.assert_array_equal(member.predict_proba(X), q[:, j])
        assert learner.X_training.shape[0] == len(learner.y_training) == 6
        assert learner.classes_.tolist() == [0, 1, 2]
        return range(n_instances)

    assert len(chosen("check", pool, as_strategy(check))) == 5


def test_rows_that_are_not_records_are_refused():
    def invent(classifier, X, n_instances=1):
        return classifier.predict_proba(X + 1)

    with pytest.raises(WeaklabError, match="rows that are no records of the pool"):
        call_strategy("invent", as_strategy(invent), pool_like(np.eye(4, dtype=np.float32)))


def test_functions_for_regression_are_refused(modal):
    with pytest.raises(WeaklabError, match="regression"):
        chosen("max_std_sampling", random_pool(), as_strategy(modal.disagreement.max_std_sampling))


def test_the_scheduler_asks_what_modal_chooses(modal):
    pool = random_pool()
    strategy = as_strategy(modal.batch.uncertainty_batch_sampling)
    asked = Pool(pool["P"], pool["L"], pool["keys"], y=pool["y"], features=lambda: pool["X"])
    picks = Scheduler(strategy, random_share=0).pick(asked, 5, pool["eligible"])
    assert [pick.row for pick in picks] == chosen("uncertainty_batch_sampling", pool, strategy)
    assert picks[0].strategy == "uncertainty_batch_sampling"


def test_our_own_strategies_and_functions_of_arrays_stay_what_they_are():
    for name in STRATEGIES.names():
        assert as_strategy(STRATEGIES[name]) is STRATEGIES[name]
    assert not is_modal(lambda P, L: P)
    assert not is_modal(lambda X, y, bonus=1: X)


# ---- the documentation


def test_the_table_names_exactly_the_registered_strategies():
    named = re.findall(r"^\| `([a-z0-9_]+)` \|", DOCS.read_text(encoding="utf-8"), re.M)
    assert sorted(named) == STRATEGIES.names()


def test_a_strategy_that_cannot_be_a_key_is_called_all_the_same():
    class Listed(list):
        def __call__(self, P):
            return P[:, 0]

    assert call_strategy("listed", Listed(), {"P": np.array([[0.25, 0.75]])}).tolist() == [0.25]
