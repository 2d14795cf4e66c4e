"""Audit estimates compared with known truth, and forecasts, biases and stopping compared with their formulas."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weaklab.core.errors import WeaklabError
from weaklab.evaluation.analysis import wilson_interval
from weaklab.evaluation.audit import (
    Estimate,
    Sample,
    acceptance_bias,
    estimate_accuracy,
    estimate_exported,
    estimate_precision,
    mid_p_interval,
)
from weaklab.evaluation.evaluation import _labels, combined
from weaklab.evaluation.forecast import forecast, kappa, stopping_signal


def pick(correct, rng, n_labels=100, batch=10, share=0.25, taste=3.0):
    """Label in batches, a share of each at random and the rest with a taste for wrong records; return rows and their
    sample."""
    free = np.ones(len(correct), dtype=bool)
    rows, at_random, turn = [], [], []
    for number in range(-(-n_labels // batch)):
        pool = rng.permutation(np.flatnonzero(free))
        size = min(batch, n_labels - len(rows), len(pool))
        n_random = min(size, int(size * share + rng.random()))
        rest = pool[n_random:]
        hard = rest[np.argsort(taste * correct[rest] - rng.gumbel(size=len(rest)))]
        rows += [*pool[:n_random], *hard[: size - n_random]]
        at_random += [True] * n_random + [False] * (size - n_random)
        turn += [number] * size
        free[rows] = False
    return np.array(rows), Sample(len(correct), at_random, turn)


def covers(estimate, truth):
    return estimate.low - 1e-9 <= truth <= estimate.high + 1e-9


@pytest.mark.parametrize("accuracy", [0.6, 0.75, 0.85, 0.92])
def test_audit_intervals_contain_the_truth_and_naive_ones_do_not(accuracy):
    rng = np.random.default_rng(round(accuracy * 100))
    held = {"all": [], "exported": [], "voted": [], "naive": []}
    for _ in range(250):
        correct = (rng.random(rng.integers(500, 3000)) < accuracy).astype(float)
        voted = rng.random(len(correct)) < 0.5
        rows, sample = pick(correct, rng)
        exported = correct.copy()
        exported[rows] = 1
        held["all"].append(covers(estimate_accuracy(correct[rows], sample), correct.mean()))
        held["exported"].append(covers(estimate_exported(correct[rows], sample), exported.mean()))
        precise = estimate_precision(correct[rows], voted[rows], int(voted.sum()), sample)
        held["voted"].append(covers(precise, correct[voted].mean()))
        low, high = wilson_interval(int(correct[rows].sum()), len(rows))
        held["naive"].append(low <= correct.mean() <= high)
    shares = {name: np.mean(hits) for name, hits in held.items()}
    assert shares.pop("naive") < 0.5
    assert all(0.90 <= share <= 0.99 for share in shares.values()), shares


@pytest.mark.parametrize(("taste", "learned"), [(0.0, False), (1.0, False), (5.0, False), (5.0, True)])
def test_estimate_is_unbiased_for_any_scheduler(taste, learned):
    rng = np.random.default_rng(5)
    correct = (rng.random(800) < 0.7).astype(float)
    errors = []
    for _ in range(500):
        rows, sample = pick(correct, rng, n_labels=80, taste=taste)
        errors.append(estimate_accuracy(correct[rows], sample, learned=learned).value - correct.mean())
    assert abs(np.mean(errors)) < 3 * np.std(errors) / np.sqrt(len(errors))


def test_estimate_is_the_weighted_mean_of_the_turns():
    """Turn 0 draws a right one of 8; a wrong one is chosen; turn 1 draws a wrong one of 6, one right being known."""
    sample = Sample(8, at_random=[True, False, True, False], turn=[0, 0, 1, 1])
    w0, w1 = 1 / (8 * 7), 1 / (6 * 5)
    estimate = estimate_accuracy([1, 0, 0, 1], sample)
    assert estimate.value == pytest.approx((w0 * (0 + 8 * 1) + w1 * (1 + 6 * 0)) / (w0 + w1) / 8)
    assert estimate.n_eff == pytest.approx(((w0 * 8 + w1 * 6) / (w0 + w1)) ** 2 * (w0 + w1))
    w1 *= 3  # two labels were there before turn 1, none before turn 0
    assert estimate_accuracy([1, 0, 0, 1], sample, learned=True).value == pytest.approx(
        (w0 * 8 + w1 * 1) / (w0 + w1) / 8
    )


def test_with_random_picks_alone_the_estimate_is_the_plain_mean():
    rng = np.random.default_rng(1)
    correct = rng.integers(0, 2, 35)
    sample = Sample(60, np.ones(35, dtype=bool), np.repeat(np.arange(7), 5))
    assert estimate_accuracy(correct, sample).value == pytest.approx(correct.mean())


def test_estimate_is_exact_if_everything_is_labeled():
    rng = np.random.default_rng(2)
    correct = (rng.random(57) < 0.6).astype(float)
    widths = []
    for n_labels in (10, 30, 50, 56, 57):
        rows, sample = pick(correct, rng, n_labels)
        estimate = estimate_accuracy(correct[rows], sample)
        widths.append(estimate.high - estimate.low)
        assert covers(estimate, correct.mean())
    assert (estimate.value, widths[-1]) == (correct.mean(), 0)
    assert widths[-2] <= 1 / 57 + 1e-9
    assert str(estimate).endswith("(every record is labeled)")
    assert estimate.short.endswith(" (all labeled)")
    assert estimate_exported(correct[rows], sample).low == 1


@st.composite
def labeled(draw):
    n = draw(st.integers(0, 30))
    correct = draw(st.lists(st.sampled_from([0.0, 1.0, 0.5]), min_size=n, max_size=n))
    at_random = draw(st.lists(st.booleans(), min_size=n, max_size=n))
    turn = draw(st.lists(st.integers(-1, 5), min_size=n, max_size=n))
    return np.array(correct), Sample(
        n + draw(st.integers(0, 40)), [a and t >= 0 for a, t in zip(at_random, turn, strict=True)], turn
    )


@settings(max_examples=100, deadline=None)
@given(labeled(), st.randoms())
def test_bounds_contain_the_value_and_array_order_has_no_effect(given_sample, random):
    correct, sample = given_sample
    estimate = estimate_accuracy(correct, sample)
    known, rest = correct.sum(), sample.n_records - len(sample)
    assert 0 <= estimate.low <= estimate.high <= 1
    if sample.n_records:
        assert known / sample.n_records <= estimate.low + 1e-9
        assert estimate.high <= (known + rest) / sample.n_records + 1e-9
    if sample.at_random.any() or (not rest and len(correct)):
        assert estimate.low - 1e-9 <= estimate.value <= estimate.high + 1e-9
        assert estimate.value <= estimate_exported(correct, sample).value + 1e-9
    else:
        assert np.isnan(estimate.value)
    order = np.array(random.sample(range(len(correct)), len(correct)), dtype=int)
    moved = estimate_accuracy(correct[order], Sample(sample.n_records, sample.at_random[order], sample.turn[order]))
    assert (moved.low, moved.high) == pytest.approx((estimate.low, estimate.high))


def test_only_the_order_of_turns_matters_so_event_ids_can_be_used():
    correct, at_random = [1, 0, 1, 1, 0], [True, False, True, False, False]
    batches = estimate_accuracy(correct, Sample(50, at_random, [0, 0, 1, 1, -1]))
    events = estimate_accuracy(correct, Sample(50, at_random, [3, 3, 9, 9, 0], labeled_at=[4, 5, 10, 11, 2]))
    assert events == batches


def test_a_label_given_after_the_draw_was_in_the_pool():
    late = Sample(50, [True, False], turn=[5, 0], labeled_at=[6, 7])
    early = Sample(50, [True, False], turn=[5, 0], labeled_at=[6, 1])
    assert (late.unlabeled.tolist(), early.unlabeled.tolist()) == ([50], [49])


def test_without_audit_picks_only_certain_bounds_are_given():
    estimate = estimate_accuracy([1, 1, 0], Sample(10, [False] * 3, [0, 0, 0]))
    assert np.isnan(estimate.value)
    assert (estimate.low, estimate.high) == (0.2, 0.9)
    assert str(estimate) == "not known yet (0 random answers; a figure takes 10)"


def test_precision_uses_only_records_with_a_vote():
    sample = Sample(100, [True, True, True, False], [0, 1, 2, 2])
    voted = [True, False, True, True]
    here = estimate_precision([1, 0, 1, 0], voted, 40, sample)
    there = estimate_precision([1, 1, 1, 0], voted, 40, sample)
    assert here == there == estimate_accuracy([1, 1, 0], Sample(40, [True, True, False], [0, 2, 2]))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Sample(2, [True] * 3, [0, 1, 2]), "3 labeled records are more than n_records = 2"),
        (lambda: Sample(9, [True], [0, 1]), "at_random must hold one entry for each of 2"),
        (lambda: Sample(9, [True], [4], labeled_at=[3]), "had a label when it was asked about"),
        (lambda: estimate_accuracy([1, 2], Sample(9, [True] * 2, [0, 1])), "from 0 .wrong. to 1"),
        (lambda: estimate_accuracy([1], Sample(9, [True] * 2, [0, 1])), "one number for each of 2"),
        (lambda: estimate_precision([1, 1], [True], 5, Sample(9, [True] * 2, [0, 1])), "each of 2 labeled records"),
        (lambda: acceptance_bias([True], [True, False]), "one entry per answer"),
        (lambda: forecast([(0, 0.5, 0.1)], [10]), "labels >= 1"),
        (lambda: forecast([(10, 0.5, 0.0)], [10]), "standard error > 0"),
        (lambda: kappa([1], [1, 2]), "same records"),
    ],
)
def test_mistakes_are_named(make, message):
    with pytest.raises(WeaklabError, match=message):
        make()


@pytest.mark.parametrize("n", [1, 3, 12])
def test_mid_p_bounds_count_half_of_the_observed_count(n):
    from scipy.stats import binom

    for x in range(n + 1):
        low, high = mid_p_interval(x, n)
        if x > 0:
            assert binom.sf(x, n, low) + binom.pmf(x, n, low) / 2 == pytest.approx(0.025)
        if x < n:
            assert binom.cdf(x - 1, n, high) + binom.pmf(x, n, high) / 2 == pytest.approx(0.025)
    assert (mid_p_interval(0, n)[0], mid_p_interval(n, n)[1]) == (0, 1)


@pytest.mark.parametrize(
    ("a", "m", "b", "n", "low", "high"),
    [
        (56, 70, 48, 80, 0.0524, 0.3339),
        (9, 10, 3, 10, 0.1705, 0.8090),
        (5, 56, 0, 29, -0.0381, 0.1926),
        (10, 10, 0, 10, 0.6075, 1.0),
    ],
)
def test_acceptance_bias_gives_newcombes_published_intervals(a, m, b, n, low, high):
    agreed = [True] * a + [False] * (m - a) + [True] * b + [False] * (n - b)
    bias = acceptance_bias(agreed, [True] * m + [False] * n)
    assert bias.gap == pytest.approx(a / m - b / n)
    assert (bias.low, bias.high) == pytest.approx((low, high), abs=5e-5)


def test_acceptance_bias_needs_answers_of_both_kinds():
    bias = acceptance_bias([True, False], [True, True])
    assert np.isnan(bias.gap)
    assert (bias.low, bias.high, bias.n_blind) == (-1, 1, 0)
    assert str(bias).startswith(
        "not known yet (2 answers with the suggestion in view, 0 without; a figure takes 10 of both kinds)"
    )


@pytest.mark.parametrize(
    ("estimate", "known"),
    [
        (Estimate(1.0, 0.05, 1.0, 1, 1.0), False),
        (Estimate(1.0, 0.73, 1.0, 9, 9.0), False),
        (Estimate(1.0, 0.75, 1.0, 10, 10.0), True),
        (Estimate(0.5, 0.21, 0.79, 10, 10.0), True),
        (Estimate(0.6, 0.15, 0.9, 60, 60.0), False),
        (Estimate(0.8, 0.8, 0.8, 0, float("inf")), True),
        (Estimate(float("nan"), 0.0, 1.0, 0, 0.0), False),
        (Estimate(float("nan"), 0.4, 0.6, 0, 0.0), False),
        (Estimate(float("nan"), 0.0, 1.0, 0, float("inf")), False),
    ],
)
def test_estimate_needs_ten_answers_and_a_narrow_interval(estimate, known):
    assert estimate.known is known
    shown = " ".join([str(estimate), repr(estimate), estimate.short, *estimate.cells])
    assert "nan" not in shown
    assert ("not known yet" in shown) is not known


@pytest.mark.parametrize("late", [1, 5, 40, 300])
@pytest.mark.parametrize("truth", [0.55, 0.8, 0.97])
def test_later_records_widen_the_interval_by_their_share(late, truth):
    right = round(60 * truth)
    old = estimate_accuracy([1] * right + [0] * (60 - right), Sample(900, [True] * 60, [0] * 60))
    new = estimate_accuracy([], Sample(late, [], []))
    both = combined([(900, old), (late, new)])
    share = late / (900 + late)
    assert both.value == pytest.approx(old.value)
    assert both.low == pytest.approx((1 - share) * old.low)
    assert both.high == pytest.approx((1 - share) * old.high + share)
    assert (both.n_audit, both.known) == (60, True)


def test_without_random_answers_in_any_stratum_there_is_no_estimate():
    nothing = estimate_accuracy([], Sample(10, [], []))
    assert not combined([(10, nothing), (20, nothing)]).known
    labeled = estimate_accuracy([1, 1], Sample(2, [False] * 2, [-1] * 2))
    assert combined([(2, labeled), (8, nothing)]).low == pytest.approx(0.2)
    assert not combined([(2, labeled), (8, nothing)]).known


def law(n):
    return 0.92 - 0.2 * (n / 10) ** -0.6


def test_a_forecast_finds_a_planted_power_law():
    curve = forecast([(n, law(n), 0.002) for n in (10, 20, 40, 70, 100)], at=[150, 200])
    assert curve.value == pytest.approx([law(150), law(200)], abs=0.005)
    assert curve.gain(50) == pytest.approx(law(150) - law(100), abs=0.003)


def test_forecast_intervals_contain_planted_curves():
    rng = np.random.default_rng(3)
    held = []
    for _ in range(60):
        a, b, c = rng.uniform(0.7, 1), rng.exponential(0.2), np.exp(rng.uniform(np.log(0.1), np.log(2)))
        if b > a:
            continue
        points = [
            (n, float(np.clip(a - b * (n / 10) ** -c + 0.03 * rng.normal(), 0, 1)), 0.03) for n in (20, 40, 60, 80)
        ]
        curve = forecast(points, at=[160])
        held.append(curve.low[0] <= a - b * 16.0**-c <= curve.high[0])
    assert np.mean(held) >= 0.9


@pytest.mark.parametrize(("slow", "fast"), [(0.02, 0.1), (0.05, 0.3), (0.1, 0.4)])
def test_forecast_intervals_contain_slow_curves_with_correlated_errors(slow, fast):
    rng = np.random.default_rng(5)
    held = []
    for _ in range(60):
        b, c = rng.uniform(0.1, 0.4), np.exp(rng.uniform(np.log(slow), np.log(fast)))
        shared = rng.normal()
        seen = [0.9 - b * (n / 10) ** -c + 0.03 * 0.5**0.5 * (shared + rng.normal()) for n in (20, 40, 60, 80, 100)]
        curve = forecast([(n, min(y, 1.0), 0.03) for n, y in zip((20, 40, 60, 80, 100), seen, strict=True)], at=[200])
        held.append(curve.low[0] <= 0.9 - b * 20.0**-c <= curve.high[0])
    assert np.mean(held) >= 0.93


points = st.lists(st.tuples(st.integers(1, 500), st.floats(0, 1), st.floats(0.001, 0.5)), min_size=2, max_size=6)


@settings(max_examples=15, deadline=None)
@given(points, st.randoms())
def test_forecasts_are_shares_and_increase_in_any_order_of_points(given_points, random):
    curve = forecast(given_points, at=[50, 100, 1000])
    assert (
        (curve.low >= 0) & (curve.low <= curve.value + 1e-9) & (curve.value <= curve.high + 1e-9) & (curve.high <= 1)
    ).all()
    assert (np.diff(curve.value) >= -1e-9).all()
    if len({n for n, _, _ in given_points}) > 1:
        assert 0 <= curve.gain(10) <= curve.gain(50) <= 1
    assert forecast(random.sample(given_points, len(given_points)), at=[50, 100, 1000]).value == pytest.approx(
        curve.value
    )


def test_few_points_give_wide_intervals():
    nothing, one = forecast([], at=[100]), forecast([(50, 0.8, 0.05)], at=[100])
    assert np.isnan([nothing.value[0], nothing.gain(50), one.gain(50)]).all()
    assert str(nothing) == "no forecast: no accuracy has been measured yet"
    assert (one.value[0], one.low[0], one.high[0]) == pytest.approx((0.8, 0.8 - 1.96 * 0.05, 1))
    assert str(one) == "100 labels: 80.0 % (70.2-100.0 %) (one point tells no slope)"


def test_two_noisy_points_give_no_steep_curve():
    assert forecast([(20, 0.7, 0.1), (40, 0.9, 0.1)], at=[200]).value[0] < 0.95


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(-1, 3), st.integers(-1, 3)), min_size=1, max_size=40))
def test_kappa_is_that_of_scikit_learn(pairs):
    from sklearn.metrics import cohen_kappa_score

    a, b = (list(side) for side in zip(*pairs, strict=True))
    assert kappa(a, b) == pytest.approx(1.0 if a == b else cohen_kappa_score(a, b))


@pytest.mark.parametrize(
    ("agreements", "gain", "stop", "says"),
    [
        ([], 0.0, False, "0 of the 3 rounds"),
        ([1.0, 1.0], 0.0, False, "2 of the 3 rounds"),
        ([1.0, 0.98, 1.0], 0.0, False, "kappa 1.000, 0.980, 1.000"),
        ([1.0, float("nan"), 1.0], 0.0, False, "still change"),
        ([0.5, 0.99, 0.99, 1.0], 0.0049, True, "You may stop: .*kappa at least 0.990.* 0.5 points"),
        ([1.0, 1.0, 1.0], 0.012, False, "expected to bring 1.2 points"),
        ([1.0, 1.0, 1.0], float("nan"), False, "no forecast yet"),
        ([1.0, 1.0, 1.0], None, True, "held still for 3 rounds"),
    ],
)
def test_stopping_needs_stable_predictions_and_a_small_gain(agreements, gain, stop, says):
    signal = stopping_signal(agreements, gain)
    assert signal.stop is stop
    assert re.search(says, str(signal))


@pytest.mark.parametrize(
    ("P", "codes"),
    [
        ([[0.5, 0.5]], [-1]),
        ([[0.2, 0.4, 0.4], [0.4, 0.4, 0.2]], [-1, -1]),
        ([[0.6, 0.4], [0.4, 0.6]], [0, 1]),
        ([[0.1, 0.1, 0.8]], [2]),
    ],
)
def test_stability_is_measured_on_the_labels_that_a_project_gives(P, codes):
    assert _labels(np.array(P)).tolist() == codes
    assert _labels(np.array(P)[:, ::-1]).tolist() == [code if code < 0 else len(P[0]) - 1 - code for code in codes]
