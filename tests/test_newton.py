"""The search of the default label model with few unknowns."""

import numpy as np
import pytest
from scipy.optimize import minimize

import weaklab.label_models.corrections as corrections
from weaklab.core.rows import softmax
from weaklab.core.votes import Votes
from weaklab.label_models import CommitteeModel
from weaklab.label_models.newton import Likelihood, newton


def problem(seed, n=60, k=3, p=6, q=2):
    rng = np.random.default_rng(seed)
    return (
        rng.normal(size=(n, k, p)),
        rng.integers(0, k, n),
        rng.normal(size=k),
        np.array([1.0, 0.5])[:q],
        rng.uniform(0.5, 3, p),
    )


def loss(t, B, y, offset, sizes, penalty):
    c = np.concatenate([sizes * np.exp(t[: len(sizes)]), t[len(sizes) :]])
    return -np.log(softmax(B @ c + offset)[np.arange(len(y)), y]).sum() + 0.5 * (penalty * t**2).sum()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("k", [2, 3])
def test_newton_reaches_the_optimum_of_a_gradient_search(seed, k):
    given = problem(seed, k=k)
    bounds = [(-3, 3)] * 2 + [(None, None)] * 4
    other = minimize(loss, np.zeros(6), given, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-14, "gtol": 1e-8})
    found, alone = newton(Likelihood(*given[:4]), np.array([100 * given[4], given[4]]), limit=3.0), given[4][None]
    assert loss(found[1], *given) <= other.fun + 1e-9
    assert np.allclose(found[1], other.x, atol=1e-3)
    # problems that are solved together say what each says alone
    np.testing.assert_allclose(found[1], newton(Likelihood(*given[:4]), alone, limit=3.0)[0], rtol=1e-12, atol=1e-14)


def test_a_weight_stops_at_its_limit():
    B = np.zeros((40, 2, 1))
    B[:, 1, 0] = 0.01
    found = newton(Likelihood(B, np.ones(40, dtype=int), np.zeros(2), np.ones(1)), np.full((1, 1), 1e-6), limit=3.0)
    assert found.tolist() == [[3.0]]


def test_missing_convergence_is_reported(monkeypatch):
    monkeypatch.setattr("weaklab.label_models.newton.MOST_STEPS", 1)
    *given, penalty = problem(0)
    assert np.isnan(newton(Likelihood(*given), penalty[None], limit=3.0)).all()


@pytest.mark.parametrize("k", [2, 4])
def test_the_default_label_model_says_the_same_with_either_search(monkeypatch, k):
    rng = np.random.default_rng(k)
    truth = rng.integers(0, k, 300)
    L = np.where(
        rng.random((300, 4)) < 0.6,
        np.where(rng.random((300, 4)) < 0.7, truth[:, None], rng.integers(0, k, (300, 4))),
        -1,
    )
    y = np.where(np.arange(300) < 80, truth, -1)
    scores = {3: softmax(np.eye(k)[truth] + rng.normal(size=(300, k)))}
    few = CommitteeModel(n_classes=k).fit_predict_proba(Votes(L, scores), y)
    monkeypatch.setattr(corrections, "MOST_UNKNOWNS", 0)
    many = CommitteeModel(n_classes=k).fit_predict_proba(Votes(L, scores), y)
    assert 0 < np.abs(few - many).max() < 2e-3  # the search by slopes ends at 1e-3


def test_two_classes_say_what_the_general_arithmetic_says():
    rng = np.random.default_rng(0)
    L = rng.integers(-1, 2, (500, 3))
    y = np.where(np.arange(500) < 50, rng.integers(0, 2, 500), -1)
    L[100:110], scores = -1, rng.random((500, 2))
    scores[100:105] = 0.5
    model = CommitteeModel(n_classes=2).fit(Votes(L, {0: scores}), y)
    votes = Votes(L, {0: scores})
    assert np.allclose(model._proba(votes), softmax(model._log_odds(votes)), atol=1e-12)
    assert np.allclose(model.predict_proba(votes)[100:105], softmax(model.bias_[None]), atol=1e-12)
