"""Query strategies compared with their formulas, and properties of the scheduler."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import weaklab.strategies.base as strategies_base
import weaklab.strategies.kernels  # noqa: F401 - so that draws can be compiled
from weaklab.core.errors import WeaklabError
from weaklab.scheduling.scheduler import Pool, Scheduler, ranks, text_vectors
from weaklab.strategies import (
    call_strategy,
    entropy,
    highest_rows,
    kl_to_consensus,
    least_confidence,
    lowest_drawn,
    margin,
    of_few,
    random,
    uniform,
    vote_entropy,
)


@st.composite
def pools(draw):
    n, m, k = draw(st.integers(1, 6)), draw(st.integers(1, 5)), draw(st.integers(2, 4))
    raw = draw(arrays(float, (n, k), elements=st.floats(0.0, 1.0))) + 1e-3
    L = draw(arrays(int, (n, m), elements=st.integers(-1, k - 1)))
    soft = draw(arrays(float, (n, k), elements=st.floats(0.0, 1.0))) + 1e-3
    scores = {0: soft / soft.sum(axis=1, keepdims=True)} if draw(st.booleans()) else {}
    return raw / raw.sum(axis=1, keepdims=True), L, scores


def members_of(row, L, scores, k):
    """The distributions of the members that vote on a row, written out."""
    return [
        list(scores[j][row]) if j in scores else [float(c == v) for c in range(k)]
        for j, v in enumerate(L[row])
        if v >= 0
    ]


def entropy_of(p):
    return -sum(x * math.log(x) for x in p if x > 0)


def mean_of(members):
    return [sum(column) / len(members) for column in zip(*members, strict=True)]


@settings(max_examples=200, deadline=None)
@given(pools())
def test_strategies_agree_with_their_formulas(pool):
    P, L, scores = pool
    k = P.shape[1]
    for i in range(len(P)):
        best, second = sorted(P[i])[-1], sorted(P[i])[-2]
        assert math.isclose(least_confidence(P)[i], 1 - best, abs_tol=1e-9)
        assert math.isclose(margin(P)[i], 1 - (best - second), abs_tol=1e-9)
        assert math.isclose(entropy(P)[i], entropy_of(P[i]) / math.log(k), abs_tol=1e-9)
        members = members_of(i, L, scores, k)
        ve = entropy_of(mean_of(members)) / math.log(k) if members else 0
        assert math.isclose(vote_entropy(P, L, scores)[i], ve, abs_tol=1e-9)
        kl = (
            sum(sum(x * math.log(x / c) for x, c in zip(p, mean_of(members), strict=True) if x > 0) for p in members)
            / len(members)
            if members
            else 0
        )
        assert math.isclose(kl_to_consensus(P, L, scores)[i], max(kl, 0), abs_tol=1e-9)


def test_random_scores_look_uniform_and_differ_from_seed_to_seed():
    keys = np.arange(20_000, dtype=np.uint64)
    first, second = random(keys, 0), random(keys, 1)
    assert abs(first.mean() - 0.5) < 0.01
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.03
    assert np.histogram(first, 10, (0, 1))[0].min() > 1850


def pool_of(P, L=None, texts=None):
    P = np.asarray(P, dtype=float)
    vectors = None if texts is None else lambda rows: text_vectors([texts[row] for row in rows])
    return Pool(
        P,
        np.full((len(P), 1), -1) if L is None else np.asarray(L),
        np.arange(len(P), dtype=np.uint64) * 31 + 7,
        vectors=vectors,
    )


def rows(picks):
    return [pick.row for pick in picks]


UNSURE = [[0.5, 0.5], [0.9, 0.1], [0.6, 0.4], [0.8, 0.2]]


def test_the_most_uncertain_come_first():
    assert rows(Scheduler("margin", random_share=0).pick(pool_of(UNSURE), 3)) == [0, 2, 3]


def test_records_that_are_not_eligible_are_never_picked():
    picks = Scheduler("margin", random_share=0.5).pick(pool_of(UNSURE), 4, np.array([False, True, True, False]))
    assert sorted(rows(picks)) == [1, 2]


def test_nothing_eligible_gives_nothing():
    assert Scheduler().pick(pool_of(UNSURE), 3, np.zeros(4, dtype=bool)) == []


def test_a_batch_holds_no_near_duplicates_while_there_are_others():
    texts = [
        "Ten facts about otters",
        "Ten facts about otters!",
        "ten facts about otters",
        "Bank raises rates",
        "Storm closes airport",
    ]
    P = [[0.5, 0.5]] * 3 + [[0.6, 0.4]] * 2
    picked = rows(Scheduler("margin", random_share=0).pick(pool_of(P, texts=texts), 3))
    assert len({0, 1, 2} & set(picked)) == 1
    assert sorted(rows(Scheduler("margin", random_share=0).pick(pool_of(P, texts=texts), 5))) == [0, 1, 2, 3, 4]


def test_a_share_is_random_and_says_with_what_chance():
    n = 1000
    P = np.full((n, 2), 0.5)
    picks = Scheduler("margin", random_share=0.3).pick(pool_of(P), 10)
    drawn = [pick for pick in picks if pick.strategy == "random"]
    assert len(drawn) == 3
    assert {pick.probability for pick in drawn} == {3 / n}
    assert {pick.probability for pick in picks if pick.strategy != "random"} == {1.0}
    assert len(set(rows(picks))) == 10


def test_the_random_share_is_kept_over_many_batches_of_one():
    pool = pool_of(np.full((500, 2), 0.5))
    scheduler = Scheduler("margin", random_share=0.2)
    drawn = sum(scheduler.pick(pool, 1, turn=turn)[0].strategy == "random" for turn in range(1000))
    assert 160 < drawn < 240


def test_random_picks_are_uniform_over_the_pool():
    pool = pool_of(np.full((20, 2), 0.5))
    counts = np.bincount([Scheduler("random").pick(pool, 1, turn=turn)[0].row for turn in range(4000)], minlength=20)
    assert counts.min() > 140
    assert counts.max() < 260


def test_the_order_of_the_records_does_not_matter():
    rng = np.random.default_rng(0)
    P = rng.dirichlet([1, 1, 1], 50)
    pool = pool_of(P, rng.integers(-1, 3, (50, 4)))
    order = rng.permutation(50)
    turned = Pool(P[order], pool.L[order], pool.keys[order])
    assert [int(order[row]) for row in rows(Scheduler(seed=3).pick(turned, 10))] == rows(
        Scheduler(seed=3).pick(pool, 10)
    )


def test_ties_are_broken_by_the_seed():
    pool = pool_of(np.full((200, 2), 0.5))
    picks = {seed: rows(Scheduler("margin", random_share=0, seed=seed).pick(pool, 5)) for seed in range(3)}
    assert picks[0] != picks[1] != picks[2]
    assert picks[0] == rows(Scheduler("margin", random_share=0, seed=0).pick(pool, 5))


def test_a_mix_weighs_ranks():
    pool = pool_of(UNSURE, [[0, 0], [0, 1], [0, 0], [0, 0]])
    only = Scheduler({"vote_entropy": 1.0}, random_share=0).pick(pool, 1)
    mixed = Scheduler({"margin": 1.0, "vote_entropy": 3.0}, random_share=0).pick(pool, 1)
    assert rows(only) == rows(mixed) == [1]
    assert mixed[0].strategy == "margin+vote_entropy"


def test_user_function_is_a_strategy():
    def longest(P, L):
        return np.arange(len(P))

    assert rows(Scheduler(longest, random_share=0).pick(pool_of(UNSURE), 2)) == [3, 2]


@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        ("margn", "no query strategy named 'margn'; did you mean 'margin'"),
        ({"margin": -1.0}, "needs weights"),
        ({}, "needs weights"),
        (lambda P: np.full(len(P), np.nan), "4 are NaN or infinite"),
        (lambda P: P, "one finite score per record"),
        (lambda texts: texts, "asks for 'texts'"),
    ],
)
def test_wrong_strategies_are_refused(strategy, message):
    with pytest.raises(WeaklabError, match=message):
        Scheduler(strategy).pick(pool_of(UNSURE), 1)


def test_wrong_numbers_are_refused():
    with pytest.raises(WeaklabError, match="random_share must be from 0 to 1"):
        Scheduler(random_share=3)
    with pytest.raises(WeaklabError, match="at least one record"):
        Scheduler().pick(pool_of(UNSURE), 0)


CLEAR = ["least_confidence", "margin", "entropy", "vote_entropy", "kl_to_consensus", "max_disagreement", "error_mass"]


@pytest.mark.parametrize("name", CLEAR)
def test_strategies_that_look_at_votes_and_probabilities_rank_a_clear_case_as_they_should(name):
    P = np.array([[0.5, 0.5], [0.99, 0.01]])
    L = np.array([[0, 1], [0, 0]])
    assert rows(Scheduler(name, random_share=0).pick(pool_of(P, L), 1)) == [0]


def test_the_default_spreads_where_there_are_features_and_goes_by_margin_where_there_are_none():
    P = np.array([[0.5, 0.5]] * 20 + [[0.9, 0.1]] * 20)
    X = np.repeat(np.eye(4, dtype=np.float32), 10, axis=0)
    plain = pool_of(P)
    spread = Pool(plain.P, plain.L, plain.keys, features=lambda: X, embeddings=lambda: X)
    scheduler = Scheduler(random_share=0, cold_start=None)
    assert {pick.strategy for pick in scheduler.pick(plain, 4)} == {"margin"}
    picks = scheduler.pick(spread, 2)
    assert {pick.strategy for pick in picks} == {"shortlist_spread"}
    assert sorted(row // 10 for row in rows(picks)) == [0, 1]


def test_a_modal_query_function_is_a_strategy():
    def least_sure(classifier, X, n_instances=1):
        return np.argsort(classifier.predict_proba(X).max(axis=1))[:n_instances]

    P = np.array([[0.9, 0.1], [0.5, 0.5], [0.6, 0.4], [0.8, 0.2]])
    plain = pool_of(P)
    X = np.eye(4, dtype=np.float32)
    pool = Pool(plain.P, plain.L, plain.keys, features=lambda: X, embeddings=lambda: X)
    picks = Scheduler(least_sure, random_share=0, cold_start=None).pick(pool, 2, np.array([True, False, True, True]))
    assert rows(picks) == [2, 3]
    assert picks[0].strategy == "least_sure"


def test_ranks_share_ties():
    assert ranks(np.array([5.0])).tolist() == [0.0]
    assert ranks(np.array([2.0, 2.0, 3.0])).tolist() == [0.25, 0.25, 1.0]


def test_empty_records_are_near_duplicates_of_one_another():
    texts = ["", "  ", "", "Bank raises rates"]
    picked = rows(Scheduler("margin", random_share=0).pick(pool_of([[0.5, 0.5]] * 3 + [[0.6, 0.4]], texts=texts), 2))
    assert 3 in picked


# ---- choosing from a large pool


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32),
    st.sampled_from([1, 70, 5_000, 40_000]),
    st.integers(1, 200),
    st.sampled_from([1, 10, 10_000]),
    st.floats(0.01, 1),
)
def test_the_highest_rows_are_those_of_a_sort(seed, size, n, levels, share):
    rng = np.random.default_rng(seed)
    score, eligible = rng.integers(0, levels, size) / levels, rng.random(size) < share
    least = np.sort(score[eligible])[::-1][:n].min(initial=2)
    assert highest_rows(score, eligible, n).tolist() == np.flatnonzero(eligible & (score >= least)).tolist()


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32),
    st.sampled_from([1, 70, 5_000, 40_000]),
    st.integers(0, 200),
    st.floats(0.01, 1),
    st.booleans(),
)
def test_the_lowest_drawn_are_those_of_a_sort(seed, size, n, share, compiled):
    rng = np.random.default_rng(seed)
    keys, eligible = rng.integers(0, 2**63, size).astype(np.uint64), rng.random(size) < share
    order = np.argsort(uniform(keys, seed))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(strategies_base, "COMPILED", 0 if compiled else np.inf)
        assert lowest_drawn(keys, seed, eligible, n).tolist() == order[eligible[order]][:n].tolist()


def test_uniform_numbers_depend_on_their_key_alone():
    keys = np.arange(70_000, dtype=np.uint64)
    np.testing.assert_array_equal(uniform(keys, 3)[[5, 69_999]], [uniform(keys[[row]], 3)[0] for row in (5, 69_999)])


@pytest.mark.parametrize("shift", [0, 10**6])
def test_one_record_per_group_is_asked_about_for_any_group_names(shift):
    n = 400
    pool = pool_of(np.full((n, 2), 0.5))
    pool.groups = np.arange(n) // 3 + shift
    picks = Scheduler("margin", random_share=0.3, cold_start=None).pick(pool, n)
    chosen = [pool.groups[pick.row] for pick in picks if pick.strategy == "margin"]
    drawn = {pool.groups[pick.row] for pick in picks if pick.strategy == "random"}
    assert len(chosen) == len(set(chosen))
    assert not drawn & set(chosen)
    assert drawn | set(chosen) == set(pool.groups)


def test_a_strategy_of_few_is_given_the_rows_that_it_looks_at_alone():
    pool, looked_at = pool_of(UNSURE), []

    def whole():
        raise AssertionError("all embeddings were made")

    def embed(rows):
        looked_at.extend(rows.tolist())
        return np.eye(4)[rows]

    pool.embeddings, pool.embed = whole, embed
    assert rows(Scheduler(random_share=0, cold_start=None).pick(pool, 1)) == [0]
    assert sorted(looked_at) == [0, 1, 2, 3]

    @of_few
    def second(P, E):
        return E[np.array([1, 2])][:, 1].sum() * (np.arange(len(P)) == 1)

    looked_at.clear()
    assert rows(Scheduler(second, random_share=0, cold_start=None).pick(pool, 1)) == [1]
    assert looked_at == [1, 2]


def test_scores_of_members_are_worked_out_for_strategies_that_ask_for_them():
    pool, asked = pool_of(UNSURE, L=[[0, 1]] * 4), []
    pool.scores = lambda: asked.append(1) or {0: np.array([[0.9, 0.1]] * 3 + [[0.1, 0.9]])}
    assert rows(Scheduler("margin", random_share=0, cold_start=None).pick(pool, 1)) == [0]
    assert not asked
    assert rows(Scheduler("vote_entropy", random_share=0, cold_start=None).pick(pool, 4))[-1] == 3
    assert asked


def test_infinite_score_is_refused_and_a_large_one_is_not():
    given = {"P": np.full((3, 2), 0.5)}
    with pytest.raises(WeaklabError, match="1 are NaN or infinite"):
        call_strategy("endless", lambda P: np.array([0.0, np.inf, 1.0]), given)
    assert call_strategy("large", lambda P: np.full(3, 1.7e308), given).tolist() == [1.7e308] * 3


def test_what_is_kept_about_groups_that_stay_changes_no_pick():
    from weaklab.scheduling.scheduler import share_group

    rng = np.random.default_rng(0)
    pool = pool_of(rng.dirichlet([1.0, 1.0], 300))
    for _ in range(3):
        groups = rng.integers(0, 300, 300)
        kept = groups.copy()
        kept.setflags(write=False)
        for turn in range(3):
            picks = []
            for pool.groups in (groups, kept):
                picks.append(Scheduler("margin", random_share=0.3, cold_start=None).pick(pool, 20, turn=turn))
            assert picks[0] == picks[1]
        groups[:] = np.arange(300)
        assert not share_group(groups).any()
        assert share_group(kept).any()
