"""Stream-based sampling: the budget holds on any stream, the uncertain are asked about, and a stream goes on after a
restart."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weaklab.core.errors import WeaklabError
from weaklab.scheduling.stream import StreamSampler
from weaklab.strategies import STRATEGIES, uniform


def row(score):
    """Two probabilities whose margin score is ``score``."""
    return [1 - score / 2, score / 2]


def run(sampler, scores, first=0):
    return [sampler.decide(row(float(score)), key=first + number) for number, score in enumerate(scores)]


def uniform_scores(n, seed=0):
    return uniform(np.arange(n, dtype=np.uint64), seed)


streams = st.one_of(
    st.integers(1, 400).map(np.ones),
    st.integers(1, 400).map(np.zeros),
    st.integers(2, 400).map(lambda n: np.linspace(0, 1, n)),
    st.integers(2, 400).map(lambda n: np.linspace(1, 0, n)),
    st.integers(2, 400).map(lambda n: np.arange(n) // 25 % 2.0),
    st.lists(st.floats(0, 1), min_size=1, max_size=300).map(np.array),
)
budgets = st.one_of(st.floats(0.001, 1.0), st.integers(1, 60))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    streams,
    budgets,
    st.sampled_from([0.0, 0.2, 0.5, 1.0]),
    st.booleans(),
    st.integers(0, 5),
    st.sampled_from([None, 7, 300]),
)
def test_the_budget_is_never_exceeded(scores, budget, random_share, randomised, seed, expected):
    sampler = StreamSampler(budget, random_share=random_share, randomised=randomised, seed=seed, expected=expected)
    decisions = run(sampler, scores)
    asked = np.cumsum([decision.ask for decision in decisions])
    allowed = budget if isinstance(budget, int) else np.ceil(budget * np.arange(1, len(scores) + 1))
    assert (asked <= allowed).all()
    assert asked[-1] == sampler.asked
    assert all(0 <= decision.probability <= 1 and 1e-4 < decision.threshold < 1e4 for decision in decisions)
    assert all(decision.probability > 0 for decision in decisions if decision.ask)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(streams, st.integers(1, 60), st.integers(0, 5))
def test_an_adversary_who_answers_the_threshold_cannot_exceed_the_budget(scores, budget, seed):
    sampler = StreamSampler(budget, seed=seed)
    for number in range(len(scores)):
        sampler.decide(row(min(1.0, max(0.0, 1.0001 - sampler.threshold))), key=number)
    assert sampler.asked <= budget


@pytest.mark.parametrize("stream", ["random", "all ties", "all certain"])
@pytest.mark.parametrize("budget", [0.1, 0.02, 0.5, 200])
def test_a_long_stream_uses_the_budget_up(stream, budget):
    n = 2000
    scores = {"random": uniform_scores(n), "all ties": np.ones(n), "all certain": np.zeros(n)}[stream]
    sampler = StreamSampler(budget, expected=n if isinstance(budget, int) else None)
    run(sampler, scores)
    assert sampler.asked >= 0.9 * (budget if isinstance(budget, int) else budget * n)


def test_more_uncertain_records_are_asked_about_more_often():
    scores = uniform_scores(3000)
    asked = np.array([decision.ask and not decision.audit for decision in run(StreamSampler(0.1), scores)])
    share = [asked[(scores >= low) & (scores < low + 0.2)].mean() for low in (0, 0.2, 0.4, 0.6, 0.8)]
    assert share == sorted(share)
    assert share[4] > 0.2
    assert scores[asked].mean() > scores[~asked].mean() + 0.3


def test_published_rise_asks_about_less_uncertain_records():
    scores = uniform_scores(3000)

    def mean_asked(**settings):
        return scores[[decision.ask for decision in run(StreamSampler(0.1, random_share=0, **settings), scores)]].mean()

    assert mean_asked(rise=0.01) < mean_asked() - 0.1


def test_the_threshold_follows_a_drift_both_ways():
    sampler = StreamSampler(0.1, random_share=0)
    certain, unsure = uniform_scores(1500) * 0.2, 0.8 + uniform_scores(1500, seed=1) * 0.2
    run(sampler, certain)
    before = sampler.threshold
    late = run(sampler, unsure, first=1500)
    during = sampler.threshold
    again = run(sampler, certain, first=3000)
    assert during < 0.3 < 0.7 < before
    assert 0.08 <= np.mean([decision.ask for decision in late]) <= 0.12
    assert sampler.threshold > 0.7
    assert sum(decision.ask for decision in again) > 50


def test_a_step_is_what_the_formula_says():
    sampler = StreamSampler(1.0, random_share=0, step=0.1, rise=0.2)
    assert run(sampler, [0.5])[0].ask
    assert math.isclose(sampler.threshold, 0.9)
    assert not run(sampler, [0.05])[0].ask
    assert math.isclose(sampler.threshold, 0.9 * 1.2)


def test_audit_questions_are_uniform_and_say_with_what_chance():
    n, density = 200, 0.02
    counts = np.zeros(n)
    for seed in range(60):
        decisions = run(StreamSampler(0.1, seed=seed), np.zeros(n))
        counts += [decision.audit for decision in decisions]
        assert sum(decision.audit for decision in decisions) == 4
    assert {round(decision.audit_probability, 9) for decision in decisions} == {density}
    assert counts.reshape(4, 50).sum(axis=1).tolist() == [60] * 4
    place = counts.reshape(4, 10, 5).sum(axis=(0, 2))
    assert ((place - 24) ** 2 / 24).sum() < 28  # chi-square, 9 degrees of freedom, one in a thousand


def test_reported_chances_add_up_to_the_questions():
    scores, asked, chances = uniform_scores(300), 0, 0.0
    for seed in range(30):
        decisions = run(StreamSampler(0.2, randomised=True, seed=seed), scores)
        asked += sum(decision.ask for decision in decisions)
        chances += sum(decision.probability for decision in decisions)
        assert min(decision.probability for decision in decisions) > 0
    assert abs(asked - chances) < 4 * math.sqrt(asked)


def test_without_randomisation_the_chance_is_one_or_that_of_the_audit():
    decisions = run(StreamSampler(0.1), uniform_scores(300))
    chosen = {decision.probability for decision in decisions if decision.ask and not decision.audit}
    passed = {round(decision.probability, 9) for decision in decisions if not decision.ask}
    assert chosen == {1.0}
    assert passed <= {0.02, 1.0}


def test_the_same_seed_and_keys_decide_the_same_and_another_seed_does_not():
    scores = uniform_scores(300)
    first, second, other = (run(StreamSampler(0.2, randomised=True, seed=seed), scores) for seed in (3, 3, 4))
    assert first == second != other
    one, two = (StreamSampler(0.5, "random", random_share=0).decide([0.5, 0.5], key=key).score for key in ("a", "b"))
    assert one != two


@pytest.mark.parametrize("randomised", [False, True])
@pytest.mark.parametrize("budget", [0.15, 40])
def test_a_stream_goes_on_after_a_restart(budget, randomised):
    scores = uniform_scores(400)
    whole = StreamSampler(budget, "entropy", randomised=randomised, seed=5, expected=400)
    before = run(whole, scores[:150])
    state = json.loads(json.dumps(whole.state()))
    after = run(whole, scores[150:], first=150)
    assert run(StreamSampler.from_state(state), scores[150:], first=150) == after
    assert any(decision.ask for decision in before)
    assert any(decision.ask for decision in after)


def test_a_function_comes_back_with_its_state():
    def first_class(P):
        return P[:, 0]

    state = StreamSampler(0.5, first_class).state()
    assert StreamSampler.from_state(state, first_class).decide([0.7, 0.3]).score == 0.7


def test_scores_above_one_count_against_the_largest():
    sampler = StreamSampler(1.0, lambda P: P[:, 0] * 8, random_share=0)
    assert sampler.decide([1.0, 0.0]).ask
    assert sampler.largest == 8
    assert not sampler.decide([0.001, 0.999]).ask


def rowwise_names():
    import inspect

    return [
        name
        for name in STRATEGIES.names()
        if {p.name for p in inspect.signature(STRATEGIES[name]).parameters.values() if p.default is p.empty}
        <= {"P", "L", "scores", "keys", "seed"}
    ]


@pytest.mark.parametrize("name", rowwise_names())
def test_every_strategy_that_looks_at_one_record_works(name):
    decision = StreamSampler(0.5, name).decide([0.5, 0.5], L_row=[0, 1, -1], scores={2: [0.4, 0.6]}, key="x")
    assert decision.score >= 0


def test_votes_reach_the_strategy():
    sampler = StreamSampler(0.5, "vote_entropy")
    assert sampler.decide([0.5, 0.5], L_row=[0, 1]).score == pytest.approx(1.0)
    assert sampler.decide([0.5, 0.5], L_row=[0, 0]).score == 0
    with pytest.raises(WeaklabError, match="'vote_entropy' looks at votes; give the record's row of L"):
        sampler.decide([0.5, 0.5])


def test_strategy_for_whole_pools_is_refused_with_alternatives():
    def far_apart(P, X):
        return X.sum(axis=1)

    with pytest.raises(WeaklabError, match=r"'far_apart' needs the whole pool \(X\).*these work: .*margin"):
        StreamSampler(0.1, far_apart)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"budget": 0}, "budget"),
        ({"budget": 1.5}, "budget"),
        ({"budget": True}, "budget"),
        ({"budget": float("nan")}, "budget"),
        ({"budget": -3}, "budget"),
        ({"expected": 0}, "expected"),
        ({"random_share": 1.1}, "random_share"),
        ({"step": 1}, "step"),
        ({"rise": 0}, "rise"),
        ({"window": 0}, "window"),
        ({"strategy": "margn"}, "did you mean 'margin'"),
        ({"strategy": {"margin": 1.0}}, "one query strategy"),
    ],
)
def test_wrong_settings_are_refused(settings, message):
    with pytest.raises(WeaklabError, match=message):
        StreamSampler(**settings)


@pytest.mark.parametrize("P_row", [[1.0], [0.5, 0.2], [[0.5, 0.5]], [float("nan"), 1.0], [1.5, -0.5]])
def test_a_row_that_is_no_probabilities_is_refused_and_not_counted(P_row):
    sampler = StreamSampler(0.1)
    with pytest.raises(WeaklabError, match="P_row must hold the probabilities"):
        sampler.decide(P_row)
    assert sampler.seen == 0


def test_wrong_keys_scores_and_states_are_refused():
    with pytest.raises(WeaklabError, match="key must be"):
        StreamSampler().decide([0.5, 0.5], key=1.5)
    with pytest.raises(WeaklabError, match="from 0 up"):
        StreamSampler(0.1, lambda P: -P[:, 0]).decide([0.5, 0.5])
    with pytest.raises(WeaklabError, match="no state of a StreamSampler: strategy"):
        StreamSampler.from_state({"budget": 3})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"P_row": ["0.5", "0.5"]}, "P_row must hold the probabilities"),
        ({"P_row": [True, False]}, "P_row must hold the probabilities"),
        ({"L_row": [0, 300]}, r"L\[0, 1\] is 300, which is no label"),
        ({"L_row": [0, 0.5]}, r"L\[0, 1\] is 0\.5, which is no code"),
        ({"L_row": [0, np.nan]}, r"L\[0, 1\] is nan"),
        ({"L_row": [[0, 1]]}, r"L_row must hold one vote per heuristic, shape \(m,\), got shape \(1, 2\)"),
        ({"L_row": [0, 1], "scores": {1: [np.inf, 0.0]}}, r"scores\[1\] holds NaN or infinity"),
        ({"L_row": [0, 1], "scores": {5: [0.5, 0.5]}}, r"scores\[5\] has shape"),
        ({"key": 1.5}, "key must be a record's id or a whole number, got 1.5"),
    ],
)
def test_invalid_stream_record_is_refused_and_not_counted(given, message):
    sampler = StreamSampler(0.5)
    with pytest.raises(WeaklabError, match=message):
        sampler.decide(**{"P_row": [0.5, 0.5], **given})
    assert sampler.seen == 0


def test_half_precision_probabilities_are_read():
    assert StreamSampler(1.0, random_share=0).decide(np.float16([0.1, 0.9]), [0.0, -1.0]).score > 0
