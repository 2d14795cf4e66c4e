"""Intervals of probabilities: how far the weights of the default label model are uncertain."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from benchmarks.vote_worlds import WORLDS
from benchmarks.worlds import told
from weaklab import Project, Votes, keywords, read
from weaklab.cli.app import app
from weaklab.core.errors import ProjectError, WeaklabError
from weaklab.label_models import LABEL_MODELS, CommitteeModel
from weaklab.label_models.weight_draws import _Curvature

TELLS = ("balanced", "class-dependent", "crowd, 3 answers")
"""Worlds in which votes are drawn as the model assumes."""


def world(name, n=800, seed=0):
    return WORLDS[name](np.random.default_rng([seed, 0]), n)


def fitted(found, labels=0):
    y = told(found.y, np.arange(labels))
    return CommitteeModel(n_classes=found.n_classes, class_balance=found.class_balance).fit(found.L, y)


def of_best(model, found, **settings):
    """Return low, high and the true posterior of the most probable class of each record with a vote."""
    voted = np.flatnonzero((found.L >= 0).any(axis=1))
    best = model.predict(found.L[voted])
    low, high = model.predict_interval(found.L[voted], classes=best, **settings)
    return low, high, found.posterior[voted, best]


@pytest.mark.parametrize("name", TELLS)
@pytest.mark.parametrize("labels", [0, 50])
def test_the_true_posterior_is_within_where_votes_are_drawn_as_assumed(name, labels):
    found = world(name)
    low, high, true = of_best(fitted(found, labels), found)
    assert ((low <= true) & (true <= high)).mean() > 0.95
    assert (high - low).mean() < 0.55


def test_without_room_for_corrections_as_often_as_the_level_says(monkeypatch):
    monkeypatch.setattr("weaklab.label_models.weight_draws.SCALE", 1e-3)
    monkeypatch.setattr("weaklab.label_models.weight_draws.OF_PERSON", (1e-3, 1e-3))
    within = []
    for seed in range(3):
        found = world("class-dependent", 1500, seed)
        low, high, true = of_best(fitted(found), found)
        within.append(((low <= true) & (true <= high)).mean())
    assert 0.9 < np.mean(within) < 0.99


@pytest.mark.parametrize("name", ["one-class and two-sided", "class-dependent, 5 classes", "copies"])
@pytest.mark.parametrize("labels", [0, 30])
def test_the_probability_is_within_its_interval_and_a_larger_share_is_wider(name, labels):
    found = world(name, 500)
    model = fitted(found, labels)
    P, (low, high), (inner, outer) = (
        model.predict_proba(found.L),
        model.predict_interval(found.L),
        model.predict_interval(found.L, 0.5),
    )
    assert low.shape == high.shape == P.shape
    assert (low >= 0).all()
    assert (high <= 1).all()
    assert ((low <= P) & (high >= P)).all()
    assert (low <= inner).all()
    assert (outer <= high).all()


@pytest.mark.parametrize("name", ["balanced", "one-class, .7 / .3", "class-dependent"])
def test_labels_make_intervals_narrower(name):
    found = world(name)
    widths = [np.subtract(*of_best(fitted(found, labels), found)[1::-1]).mean() for labels in (0, 400)]
    assert widths[1] < 0.8 * widths[0]


def test_more_records_make_intervals_of_annotators_narrower(monkeypatch):
    monkeypatch.setattr("weaklab.label_models.weight_draws.SCALE", 1e-3)
    monkeypatch.setattr("weaklab.label_models.weight_draws.OF_PERSON", (1e-3, 1e-3))
    few, many = (world("balanced", n) for n in (300, 4000))
    widths = [np.subtract(*of_best(fitted(found), found)[1::-1]).mean() for found in (few, many)]
    assert widths[1] < 0.5 * widths[0]


def test_the_same_seed_gives_the_same_and_the_order_of_records_does_not_matter():
    found = world("one-class and two-sided", 400)
    model, order = fitted(found, 40), np.random.default_rng(0).permutation(400)
    first, again, other = (model.predict_interval(found.L, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert 0 < np.abs(np.subtract(first, other)).max() < 0.5
    turned = CommitteeModel(n_classes=2).fit(found.L[order], told(found.y, np.arange(40))[order])
    np.testing.assert_allclose(turned.predict_interval(found.L), first, atol=1e-3)
    part = model.predict_interval(found.L[50:60])
    np.testing.assert_allclose(part, [bound[50:60] for bound in first], atol=1e-12)


def test_asking_for_intervals_changes_nothing():
    found = world("balanced", 300)
    model = fitted(found, 20)
    before = model.predict_proba(found.L)
    state = np.random.get_state()[1].copy()
    model.predict_interval(found.L)
    np.testing.assert_array_equal(model.predict_proba(found.L), before)
    np.testing.assert_array_equal(np.random.get_state()[1], state)


def test_many_records_with_the_same_votes_are_looked_at_once():
    kinds = np.array([[0, 1, -1], [1, 1, 0], [-1, -1, -1], [0, 0, 1]], dtype=np.int8)
    L = kinds[np.arange(400_000) % 4]
    model = CommitteeModel(n_classes=2).fit(L[:1000])
    many, few = model.predict_interval(L), model.predict_interval(kinds)
    for bound, wanted in zip(many, few, strict=True):
        np.testing.assert_allclose(bound[:8], np.tile(wanted, (2, 1)), atol=1e-12)


# ---- few votes, few records, few classes


@pytest.mark.parametrize(
    ("L", "y"),
    [
        (np.empty((0, 3), dtype=int), None),
        (np.empty((4, 0), dtype=int), None),
        (np.full((5, 3), -1), None),
        ([[0]], None),
        ([[0]], [1]),
        ([[0, 0]] * 20, None),
        ([[0, 0]] * 20, [0] * 20),
        ([[0, 1], [1, 0]] * 10, [0, 1] * 10),
    ],
    ids=["no records", "no members", "no votes", "one", "one labeled", "one class", "one class labeled", "all labeled"],
)  # fmt: skip
@pytest.mark.parametrize("k", [2, 3])
def test_little_is_enough(L, y, k):
    model = CommitteeModel(n_classes=k).fit(L, y)
    low, high = model.predict_interval(L)
    P = model.predict_proba(L)
    assert ((low <= P) & (high >= P)).all()
    assert np.isfinite(low).all()
    assert np.isfinite(high).all()


def test_a_record_without_votes_has_the_interval_of_the_class_balance():
    found = world("class-dependent, rare 15 %")
    model = fitted(found)
    nothing = np.full((1, found.L.shape[1]), -1)
    low, high = model.predict_interval(nothing)
    assert low[0, 1] < model.predict_proba(nothing)[0, 1] < high[0, 1] < 0.9
    given = CommitteeModel(class_balance=[0.8, 0.2]).fit(found.L).predict_interval(nothing)
    assert given.low[0, 1] < 0.2 < given.high[0, 1]


def test_scores_and_features_count_with_uncertain_weights():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 300)
    L = np.column_stack([np.where(rng.random(300) < 0.8, truth, 1 - truth), np.full(300, -1)])
    scores = {1: np.eye(2)[truth] * 0.6 + 0.2}
    X = np.column_stack([np.cos(truth + rng.normal(0, 0.3, 300)), np.sin(truth + rng.normal(0, 0.3, 300))])
    features = X / np.linalg.norm(X, axis=1, keepdims=True)
    y = told(truth, np.arange(30))
    model = CommitteeModel().fit(Votes(L, scores=scores, features=features), y)
    votes = Votes(L, scores=scores, feature_proba=model.feature_proba_)
    P, (low, high) = model.predict_proba(votes), model.predict_interval(votes)
    assert ((low <= P) & (high >= P)).all()
    alone = Votes(np.full((1, 2), -1), scores={1: np.array([[0.2, 0.8]])})
    low, high = model.predict_interval(alone)
    assert high[0, 1] - low[0, 1] > 0.02


def test_batches_have_intervals():
    found = world("balanced", 400)
    model = CommitteeModel(n_classes=2)
    for rows in np.array_split(np.arange(400), 3):
        model = model.partial_fit(found.L[rows], told(found.y, np.arange(40))[rows])
    low, high = model.predict_interval(found.L)
    assert (high > low).all()


@pytest.mark.parametrize("labels", [5, 60])
def test_many_members_and_classes_are_taken(labels):
    found = world("20 classes", 300)
    low, high, true = of_best(fitted(found, labels), found)
    assert ((low <= true) & (true <= high)).mean() > 0.9


# ---- how corrections are drawn


def test_both_linear_systems_are_the_same():
    rng = np.random.default_rng(0)
    C, penalty, b = rng.normal(size=(4, 9)), rng.uniform(0.5, 2, 9), rng.normal(size=9)
    inverse = np.linalg.inv(C.T @ C + np.diag(penalty))
    wide, tall = _Curvature(C, penalty), _Curvature(np.vstack([C, np.zeros((9, 9))]), penalty)
    for curvature in (wide, tall):
        np.testing.assert_allclose(curvature.solve(b), inverse @ b)
        drawn = np.array([curvature.sample(rng) for _ in range(20_000)])
        np.testing.assert_allclose(np.cov(drawn.T), inverse, atol=0.05)


# ---- what is refused


@pytest.mark.parametrize("name", ["majority_vote", "dawid_skene", "hierarchical_dawid_skene", "one_coin"])
def test_other_label_models_say_that_they_have_none(name):
    model = LABEL_MODELS[name](n_classes=2).fit([[0, 1, 1], [1, 0, 0], [1, 1, 1]] * 4)
    with pytest.raises(WeaklabError, match=rf"{type(model).__name__} does not say how uncertain .* 'committee'"):
        model.predict_interval([[0, 1, 1]])


@pytest.mark.parametrize("level", [0, 1, 95, "0.95", None])
def test_a_wrong_level_is_refused(level):
    with pytest.raises(WeaklabError, match="level must be between 0 and 1"):
        CommitteeModel().fit([[0, 1]]).predict_interval([[0, 1]], level)


def test_wrong_classes_are_refused():
    model = CommitteeModel().fit([[0, 1]])
    with pytest.raises(WeaklabError, match="one is -1"):
        model.predict_interval([[0, 1]], classes=[-1])
    with pytest.raises(WeaklabError):
        model.predict_interval([[0, 1]], classes=[0, 1])


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copy_holds_no_records_and_so_no_intervals(copied):
    found = world("balanced", 200)
    model = copied(fitted(found))
    with pytest.raises(WeaklabError, match="copy without the votes"):
        model.predict_interval(found.L)
    assert np.isfinite(model.predict_proba(found.L)).all()


# ---- projects


@pytest.fixture
def project(tmp_path):
    with Project(tmp_path / "p", labels=["ham", "spam"], timeout=None) as made:
        texts = ["win a prize today", "lunch at noon", "nothing to say"] * 10
        made.add_records([{"id": str(i), "text": f"{text} {i}"} for i, text in enumerate(texts)], quiet=True)
        made.add(keywords("spam", ["prize"]))
        made.add(keywords("ham", ["lunch"]))
        yield made


def test_labels_have_intervals_on_request_and_nothing_else_changes(project):
    plain, found = project.labels(), project.labels(intervals=True)
    pd.testing.assert_frame_equal(found.drop(columns=["low", "high"]), plain)
    best = found[["p_ham", "p_spam"]].max(axis=1)
    assert ((found["low"] < best) & (best < found["high"])).all()
    every = project.labels(intervals="classes")
    assert [name for name in every if "low" in name or "high" in name] == [
        "low", "high", "low_ham", "high_ham", "low_spam", "high_spam",
    ]  # fmt: skip
    np.testing.assert_allclose(every["low"], found["low"], atol=1e-12)
    np.testing.assert_allclose(every["low_spam"], 1 - every["high_ham"], atol=1e-9)


def test_manual_labels_are_certain(project):
    project.label("0", "ham")
    project.label("1", "ham")
    found = project.labels(intervals="classes").set_index("id")
    assert found.loc["0", ["low", "high", "low_ham", "high_ham", "low_spam", "high_spam"]].tolist() == [
        1,
        1,
        1,
        1,
        0,
        0,
    ]
    assert found.loc["4", "low"] < found.loc["4", "high"]


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".jsonl"])
def test_every_format_exports_intervals(project, tmp_path, suffix):
    file = tmp_path / f"labels{suffix}"
    assert project.export(file, intervals=True, include=["text"]) == 30
    low = np.array(read(file).column("low").to_pylist(), dtype=float)
    np.testing.assert_allclose(low, project.labels(intervals=True)["low"])


def test_the_command_line_exports_intervals(project, tmp_path):
    project.close()
    file = tmp_path / "labels.csv"
    run = CliRunner().invoke(app, ["export", str(project.path), str(file), "--intervals"])
    assert run.exit_code == 0, run.output
    assert {"low", "high"} <= set(pd.read_csv(file))
    run = CliRunner().invoke(app, ["export", str(project.path), str(file), "--class-intervals"])
    assert run.exit_code == 0, run.output
    assert {"low", "high_spam"} <= set(pd.read_csv(file))


def test_a_batch_says_where_intervals_are(project, tmp_path):
    project.close()
    (tmp_path / "in.csv").write_text("text\nwin a prize\n")
    run = CliRunner().invoke(app, ["batch", str(project.path), str(tmp_path / "in.csv"), str(tmp_path), "--intervals"])
    assert run.exit_code == 1
    assert "weaklab export --intervals" in str(run.exception or run.output) + run.output


def test_wrong_requests_of_a_project_are_refused(project, tmp_path):
    with pytest.raises(ProjectError, match="intervals must be True, False or 'classes', got 'all'"):
        project.labels(intervals="all")
    with (
        Project(tmp_path / "empty", labels=["a", "b"]) as empty,
        pytest.raises(ProjectError, match="holds no record yet"),
    ):
        empty.labels(intervals=True)
    with Project(tmp_path / "other", labels=["a", "b"], label_model="majority_vote", timeout=None) as other:
        other.add_records(["a text"], quiet=True)
        other.add(keywords("a", ["text"]))
        with pytest.raises(WeaklabError, match="MajorityVote does not say how uncertain"):
            other.export(tmp_path / "labels.csv", intervals=True)
    assert not (tmp_path / "labels.csv").exists()
