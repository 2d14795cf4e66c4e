"""The benchmark of synthetic worlds, small."""

import json

import numpy as np
import pytest

from benchmarks import intervals, worlds
from benchmarks.vote_worlds import WORLDS


@pytest.mark.parametrize("name", WORLDS)
def test_a_world_is_the_same_for_the_same_seed_and_holds_votes_of_its_classes(name):
    first, again = (WORLDS[name](np.random.default_rng(5), 300) for _ in range(2))
    np.testing.assert_array_equal(first.L, again.L)
    np.testing.assert_array_equal(first.y, again.y)
    assert first.L.dtype == np.int8
    assert first.L.min() == -1
    assert first.L.max() < first.n_classes
    assert 0 <= first.y.min() <= first.y.max() < first.n_classes
    assert (first.L >= 0).any(axis=1).mean() > 0.5


@pytest.mark.parametrize("name", WORLDS)
def test_the_true_posterior_is_calibrated(name):
    world = WORLDS[name](np.random.default_rng(6), 4000)
    P, k = world.posterior, world.n_classes
    np.testing.assert_allclose(P.sum(axis=1), 1)
    surprise = np.eye(k)[world.y].sum(axis=0) - P.sum(axis=0)
    assert np.abs(surprise / np.sqrt((P * (1 - P)).sum(axis=0) + 1)).max() < 4
    log_P = np.log(np.maximum(P, 1e-300))
    entropy, found = -(P * log_P).sum(axis=1), -log_P[np.arange(4000), world.y]
    spread = np.sqrt(((P * log_P**2).sum(axis=1) - entropy**2).sum() + 1)
    assert abs((found - entropy).sum()) < 4 * spread


def test_coverage_of_intervals_is_measured_and_added_to_what_is_there(tmp_path, capsys):
    file = tmp_path / "figures.json"
    given = ["--json", str(file), "--seeds", "1", "--records", "300", "--labels", "0,20", "--worlds"]
    intervals.main([*given, "class-dependent"])
    assert "as the model assumes" in capsys.readouterr().out
    intervals.main([*given, "copies"])
    assert "something is left out" in capsys.readouterr().out
    found = json.loads(file.read_text())["worlds"]
    assert found["class-dependent"]["0"]["within"] > 0.9 > found["copies"]["0"]["within"]


def test_every_world_that_is_as_the_model_assumes_is_one():
    assert set(intervals.WELL_SPECIFIED) <= set(WORLDS)


def test_figures_are_measured_on_the_same_records_at_every_budget(tmp_path, capsys):
    file = tmp_path / "figures.json"
    given = ["--json", str(file), "--seeds", "2", "--records", "300", "--models", "committee,majority_vote"]
    worlds.main([*given, "--worlds", "balanced,rare 8 %"])
    found = json.loads(file.read_text())
    assert list(found["runs"]) == ["balanced", "rare 8 %"]
    majority = found["worlds"]["balanced"]["majority_vote"]
    assert majority["0"]["accuracy"] == majority["100"]["accuracy"]
    assert "20 labels" in capsys.readouterr().out
    worlds.main([*given[:-1], "committee", "--worlds", "balanced", "--known", str(file)])
    assert json.loads(file.read_text())["worlds"]["balanced"]["majority_vote"] == majority


def test_a_name_that_is_none_is_refused(capsys):
    with pytest.raises(SystemExit):
        worlds.main(["--worlds", "balnced"])
    assert "no world named 'balnced'" in capsys.readouterr().err


def test_a_broken_promise_is_marked():
    figures = {"accuracy": 0.8, "balanced": 0.8, "log_loss": 0.5, "seconds": 0.1}
    better = {**figures, "accuracy": 0.82, "log_loss": 0.4}
    found = {"w": {"committee": {"0": figures}, "majority_vote": {"0": better}}}
    assert worlds.report(found, [0])[0].rows[0][-1] == "accuracy, log loss"
