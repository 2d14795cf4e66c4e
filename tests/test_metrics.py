import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import metrics as peer

from weaklab.core.errors import WeaklabError
from weaklab.core.metrics import MEASURES, accuracy, brier, ece, f1, log_loss, measure, picks


def drawn(k=3, n=200, seed=0):
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.ones(k), n), rng.integers(0, k, n)


@pytest.mark.parametrize("k", [2, 3, 40])
def test_figures_agree_with_scikit_learn(k):
    P, y = drawn(k)
    assert accuracy(P, y) == pytest.approx(peer.accuracy_score(y, P.argmax(axis=1)))
    assert f1(P, y) == pytest.approx(peer.f1_score(y, P.argmax(axis=1), average="binary" if k == 2 else "macro"))
    assert log_loss(P, y) == pytest.approx(peer.log_loss(y, P, labels=range(k)))
    assert brier(P, y) == pytest.approx(((P - np.eye(k)[y]) ** 2).sum(axis=1).mean())


def test_a_tie_counts_as_a_random_pick_would():
    third = [[1 / 3, 1 / 3, 1 / 3]] * 3
    assert accuracy(third, [0, 1, 2]) == pytest.approx(1 / 3)
    assert accuracy([[0.5, 0.5, 0.0]], [2]) == 0
    assert f1([[0.5, 0.5], [0.5, 0.5]], [1, 0]) == 0.5  # half a true positive, half a false one, half a miss
    assert ece([[0.5, 0.5]], [0]) == 0
    np.testing.assert_array_equal(picks(np.array([[0.5, 0.5], [0.2, 0.8]])), [[0.5, 0.5], [0, 1]])


@given(arrays(np.int8, (6, 4), elements=st.integers(0, 3)), st.permutations(range(4)))
def test_accuracy_does_not_depend_on_the_order_of_the_classes(counts, order):
    P = (counts + 1e-3) / (counts + 1e-3).sum(axis=1, keepdims=True)
    y = np.array([0, 1, 2, 3, 0, 1])
    renamed = np.argsort(order)[y]
    assert accuracy(P[:, order], renamed) == pytest.approx(accuracy(P, y))
    assert f1(P[:, order], renamed) == pytest.approx(f1(P, y))
    assert ece(P[:, order], renamed) == pytest.approx(ece(P, y))


def test_f1_of_two_classes_is_that_of_class_one():
    P = np.eye(2)[[1, 1, 0, 0]]
    assert f1(P, [1, 0, 0, 0]) == pytest.approx(2 / 3)
    assert f1(P[:, ::-1], [1, 0, 0, 0]) == 0
    assert f1(np.eye(2)[[0, 0]], [0, 0]) == 0  # as in scikit-learn


def test_macro_f1_leaves_out_classes_that_do_not_occur():
    assert f1(np.eye(5)[[0, 1, 1]], [0, 1, 1]) == 1


def test_the_log_loss_of_a_sure_mistake_is_finite():
    assert log_loss([[1.0, 0.0]], [1]) == pytest.approx(-math.log(1e-12))


def test_brier_goes_from_zero_to_two():
    assert brier([[1.0, 0.0]], [0]) == 0
    assert brier([[1.0, 0.0]], [1]) == 2


def test_ece_is_the_gap_between_confidence_and_accuracy_bin_by_bin():
    P = [[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.6, 0.4]]
    assert ece(P, [0, 1, 0, 0]) == pytest.approx((2 * 0.4 + 2 * 0.4) / 4)
    assert ece(P, [0, 1, 0, 0], bins=1) == pytest.approx(0.0)
    assert ece([[1.0, 0.0]], [0]) == 0
    with pytest.raises(WeaklabError, match="bins must be a whole number from 1, got 0"):
        ece(P, [0, 1, 0, 0], bins=0)


def test_ece_puts_the_edge_of_a_bin_into_the_bin_below():
    P = [[0.6, 0.4], [0.7, 0.3]]  # bins of a tenth: (0.5, 0.6] and (0.6, 0.7]
    assert ece(P, [0, 1], bins=10) == pytest.approx((0.4 + 0.7) / 2)
    assert ece(P, [0, 1], bins=5) == pytest.approx((0.4 + 0.7) / 2)  # (0.4, 0.6] and (0.6, 0.8]


def test_unknown_truths_are_left_out():
    P, y = drawn()
    some = np.where(np.arange(200) < 50, y, -1)
    assert measure(P, some) == measure(P[:50], y[:50])


def test_measure_has_every_figure():
    P, y = drawn()
    assert measure(P, y) == {
        "accuracy": accuracy(P, y),
        "f1": f1(P, y),
        "brier": brier(P, y),
        "log_loss": log_loss(P, y),
        "ece": ece(P, y),
    }
    assert tuple(measure(P, y)) == MEASURES


@pytest.mark.parametrize(
    ("P", "y", "message"),
    [
        ([0.5, 0.5], [0], r"P must have the shape \(records, classes\)"),
        ([[1.0]], [0], "two classes or more"),
        ([[0.5, 0.5]], [0, 1], "one integer code a row of P, 1 in all"),
        ([[0.5, 0.5]], [0.0], "of float64"),
        ([[0.5, 0.5]], [-1], "no true label"),
        (np.empty((0, 2)), np.empty(0, dtype=int), "no true label"),
        ([[0.5, 0.5]], [2], "y holds 2 to 2; wanted 0 to 1"),
        ([[np.nan, 0.5]], [0], "NaN"),
    ],
)
def test_what_cannot_be_measured_is_refused(P, y, message):
    for figure in (accuracy, f1, brier, log_loss, ece, measure):
        with pytest.raises(WeaklabError, match=message):
            figure(P, y)


@pytest.mark.parametrize(
    ("P", "message"),
    [
        ([[2.0, -1.0]], "P holds -1 to 2; wanted probabilities from 0 to 1"),
        ([[0.0, 40.0]], "P holds 0 to 40; wanted probabilities"),
        ([[0.5, 0.5], [1.0]], "P must hold numbers"),
        ([["a", "b"]], "P must hold numbers"),
    ],
)
def test_what_is_no_probability_is_refused(P, message):
    with pytest.raises(WeaklabError, match=message):
        measure(P, [0] * len(P))


@pytest.mark.parametrize("bins", [2.5, "15", True, -1])
def test_bins_are_a_whole_number(bins):
    with pytest.raises(WeaklabError, match="bins must be a whole number from 1"):
        ece([[0.9, 0.1]], [0], bins=bins)
