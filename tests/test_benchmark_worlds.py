"""The benchmark of synthetic worlds, small."""

import json

import numpy as np
import pytest

from benchmarks import worlds
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
