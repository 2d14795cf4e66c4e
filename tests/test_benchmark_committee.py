"""The committee benchmark on planted data sets of the WRENCH format: what it counts, what it trains on, what it
writes."""

import doctest
import json

import numpy as np
import pytest

from benchmarks import committee
from benchmarks.committee import BUDGETS, FULL, METHODS, VIEWS, benchmark, data_sets, main
from weaklab.core.errors import WeaklabError
from weaklab.core.metrics import MEASURES

WORDS = (["lunch", "train", "meeting"], ["prize", "winner", "offer"])


def records(n, seed, *, flip=False, text=True, telling=True):
    """Records whose first word tells the class, and two functions, of which one is right nine times in ten and one
    six."""
    rng = np.random.default_rng(seed)
    found = {}
    for i in range(n):
        label = int(rng.integers(2))
        word = str(rng.choice(WORDS[label]))
        votes = [
            int(label if rng.random() < right else 1 - label) if rng.random() < 0.7 else -1 for right in (0.9, 0.6)
        ]
        content = (
            {"text": f"{word if telling else 'word'} number{rng.integers(8)}"} if text else {"feature": [1.0, 2.0]}
        )
        found[str(i)] = {"label": 1 - label if flip else label, "weak_labels": votes, "data": content}
    return found


def write(data, name, n=60, *, flip_test=False, **settings):
    """Write a data set under ``data/wrench``; return its folder."""
    folder = data / "wrench" / name
    folder.mkdir(parents=True)
    (folder / "label.json").write_text('{"0": "ham", "1": "spam"}')
    (folder / "train.json").write_text(json.dumps(records(n, 0, **settings)))
    (folder / "test.json").write_text(json.dumps(records(40, 1, flip=flip_test, **settings)))
    return folder


def figures(found, metrics=MEASURES):
    """Return what does not depend on the clock."""
    return {
        (view, method, budget, name): cell[name]
        for view, methods in found.items()
        for method, cells in methods.items()
        for budget, cell in cells.items()
        for name in metrics
    }


def test_the_json_holds_every_view_method_budget_and_metric(tmp_path, capsys):
    write(tmp_path, "larger", n=60)
    write(tmp_path, "smaller", n=30)
    write(tmp_path, "columns", text=False)
    main(["--data", str(tmp_path), "--json", "found.json", "--seeds", "2", "--classifier", "naive_bayes"])
    assert "columns: left out, its records have no text" in capsys.readouterr().out
    found = json.loads((tmp_path / "found.json").read_text())
    assert set(found) == {"sets", "mean"}
    assert set(found["sets"]) == {"larger", "smaller"}
    for name, budgets in (("larger", ["0", "20", "50"]), ("smaller", ["0", "20"])):
        for view, methods in found["sets"][name].items():
            assert list(methods) == [*METHODS, *([FULL] if view == "test" else [])]
            for method, cells in methods.items():
                assert list(cells) == budgets
                for budget, cell in cells.items():
                    taken = {"seconds"} if budget != "0" and method != FULL else set()
                    assert set(cell) == {*MEASURES, *(f"{metric}_se" for metric in MEASURES)} | taken
    assert set(found["mean"]) == set(VIEWS)


def test_means_are_over_the_sets_that_have_the_budget(tmp_path):
    write(tmp_path, "larger", n=60)
    write(tmp_path, "smaller", n=30)
    main(["--data", str(tmp_path), "--json", "found.json", "--seeds", "1", "--classifier", "naive_bayes"])
    found = json.loads((tmp_path / "found.json").read_text())
    cells = {name: methods["all"]["label_model"] for name, methods in found["sets"].items()}
    mean = found["mean"]["all"]["label_model"]
    assert mean["20"]["brier"] == pytest.approx((cells["larger"]["20"]["brier"] + cells["smaller"]["20"]["brier"]) / 2)
    assert mean["50"]["brier"] == cells["larger"]["50"]["brier"]
    assert mean["50"]["brier_se"] is None


def test_manual_labels_count_as_right_and_certain(tmp_path):
    found = benchmark(write(tmp_path, "untold", n=50, telling=False), 1, "naive_bayes")
    for cells in found["all"].values():
        assert cells["0"]["accuracy"] < 1
        assert [cells["50"][name] for name in MEASURES] == [1, 1, 0, 0, 0]
    assert all(cells["50"]["accuracy"] < 1 for cells in found["test"].values())


def test_nothing_is_learned_from_the_gold_labels_of_the_test_split(tmp_path):
    straight = benchmark(write(tmp_path / "a", "planted"), 1, "naive_bayes")
    against = benchmark(write(tmp_path / "b", "planted", flip_test=True), 1, "naive_bayes")
    assert figures({"all": straight["all"]}) == figures({"all": against["all"]})
    accuracy = figures({"test": straight["test"]}, ["accuracy"])
    flipped = figures({"test": against["test"]}, ["accuracy"])
    assert flipped == pytest.approx({cell: 1 - value for cell, value in accuracy.items()})
    assert accuracy["test", "committee_scheduled", "50", "accuracy"] > 0.9


def test_the_label_model_alone_sees_no_text(tmp_path):
    told = benchmark(write(tmp_path / "a", "planted"), 1, "naive_bayes")
    untold = benchmark(write(tmp_path / "b", "planted", telling=False), 1, "naive_bayes")
    for view in VIEWS:
        assert figures({view: {"label_model": told[view]["label_model"]}}) == figures(
            {view: {"label_model": untold[view]["label_model"]}}
        )
        for method in ("committee_random", "classifier_active"):
            assert told[view][method]["50"]["brier"] < untold[view][method]["50"]["brier"]


def test_the_classifier_alone_knows_nothing_before_the_first_label(tmp_path):
    found = benchmark(write(tmp_path, "planted"), 1, "naive_bayes")
    assert (
        found["all"]["classifier_active"]["0"]["accuracy"] == found["test"]["classifier_active"]["0"]["accuracy"] == 0.5
    )
    assert found["all"]["label_model"]["0"]["accuracy"] > 0.6


def test_figures_are_the_same_again_and_in_several_processes(tmp_path):
    folder = write(tmp_path, "planted")
    found = [figures(benchmark(folder, 2, "logistic_regression", jobs)) for jobs in (1, 1, 2)]
    assert found[0] == found[1] == found[2]
    assert any(value > 0 for value in figures(benchmark(folder, 2, "naive_bayes"), ["accuracy_se"]).values())


def test_full_gold_is_the_same_at_every_budget(tmp_path):
    cells = benchmark(write(tmp_path, "planted"), 2, "naive_bayes")["test"][FULL]
    assert list(cells) == [str(budget) for budget in BUDGETS if budget <= 60]
    assert all(cell == cells["0"] for cell in cells.values())
    assert cells["0"]["accuracy"] > 0.9


def test_a_data_set_that_is_not_there_is_named(tmp_path, capsys):
    write(tmp_path, "planted")
    with pytest.raises(SystemExit):
        main(["--data", str(tmp_path), "--sets", "plante"])
    assert "no data set 'plante' under" in capsys.readouterr().err
    with pytest.raises(WeaklabError, match=r"no data set under .*wanted folders with label\.json"):
        list(data_sets(tmp_path / "elsewhere"))


def test_a_set_without_text_alone_is_no_benchmark(tmp_path, capsys):
    write(tmp_path, "columns", text=False)
    with pytest.raises(SystemExit):
        main(["--data", str(tmp_path)])
    assert "no data set has text" in capsys.readouterr().err


def test_the_examples_in_its_docstrings_hold():
    found = doctest.testmod(committee)
    assert found.attempted >= 3
    assert not found.failed
