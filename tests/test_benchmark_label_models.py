"""The benchmark of label models on made-up folders of the form it reads."""

import json

import numpy as np
import pytest

from benchmarks import defaults
from benchmarks.label_models import benchmark, data_sets, main, mean, read_crowd
from weaklab.evaluation.compare import FIGURES, compare_label_models
from weaklab.label_models import LABEL_MODELS

MODELS = "committee,majority_vote"


def write_votes(folder, name, n, k=2, seed=0, unknown=0):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, k, n)
    votes = np.where(rng.random((n, 4)) < 0.8, truth[:, None], rng.integers(0, k, (n, 4)))
    votes[rng.random((n, 4)) < 0.3] = -1
    (folder / "votes").mkdir(exist_ok=True)
    truth[:unknown] = -1
    np.savez(folder / "votes" / f"{name}.npz", L=votes.astype(np.int8), y=truth.astype(np.int8))
    return votes, truth


def write_crowd(folder, name, labels, truth):
    place = folder / "crowd" / name
    place.mkdir(parents=True)
    (place / "label.csv").write_text(
        "\n".join(["item,worker,label", *(",".join(line) for line in labels)]), encoding="utf-8"
    )
    (place / "truth.csv").write_text("\n".join(["item,truth", *(",".join(line) for line in truth)]), encoding="utf-8")
    return place


CROWD = [
    ("a", "w1", "cat"),
    ("a", "w2", "cat"),
    ("b", "w1", "dog"),
    ("b", "w3", "cat"),
    ("c", "w2", "dog"),
    ("c", "w3", "dog"),
]


@pytest.fixture
def folder(tmp_path):
    write_votes(tmp_path, "small", 60)
    write_votes(tmp_path, "three", 150, k=3)
    write_crowd(tmp_path, "pets", CROWD, [("a", "cat"), ("c", "dog"), ("nobody", "cat")])
    return tmp_path


def test_the_json_has_every_model_set_budget_and_figure(folder):
    main(["--data", str(folder), "--json", str(folder / "out.json"), "--seeds", "2"])
    found = json.loads((folder / "out.json").read_text())
    metrics = {key for figure in FIGURES for key in (figure, f"{figure}_se")}
    assert metrics == {
        key for name in ("accuracy", "f1", "brier", "log_loss", "ece", "seconds") for key in (name, f"{name}_se")
    }
    assert {kind: set(group["sets"]) for kind, group in found.items()} == {
        "votes": {"small", "three"},
        "crowd": {"pets"},
    }
    budgets = {"small": ["0", "10", "20", "50"], "three": ["0", "10", "20", "50", "100"], "pets": ["0"]}
    for group in found.values():
        assert set(group) == {"sets", "mean"}
        for name, models in {**group["sets"], "mean": group["mean"]}.items():
            assert set(models) == set(LABEL_MODELS.names())
            for figures in models.values():
                assert list(figures) == budgets.get(name, budgets["three"] if group is found["votes"] else ["0"])
                assert all(set(row) == metrics for row in figures.values())
                assert all(0 <= row["accuracy"] <= 1 for row in figures.values())


def test_figures_are_those_of_compare_label_models(folder):
    votes, truth = write_votes(folder, "other", 120, seed=3, unknown=15)
    found = benchmark(folder, seeds=3, sets="other", models=MODELS)["votes"]["sets"]["other"]
    for row in compare_label_models(votes, truth, models=MODELS.split(","), budgets=[0, 10, 20, 50, 100], seeds=3).rows:
        given = found[row["model"]][str(row["budget"])]
        assert all(given[key] == row[key] for key in given if not key.startswith("seconds"))


def test_without_labels_there_is_no_standard_error_and_with_them_there_is(folder):
    found = benchmark(folder, seeds=3, models=MODELS)["votes"]["sets"]["small"]["committee"]
    assert found["0"]["accuracy_se"] == found["0"]["brier_se"] == 0
    assert found["20"]["brier_se"] > 0


def test_means_are_over_the_sets_that_have_the_budget():
    def figures(value, error):
        return {key: error if key.endswith("_se") else value for figure in FIGURES for key in (figure, f"{figure}_se")}

    sets = {
        "one": {"m": {"0": figures(0.5, 0.03), "10": figures(0.7, 0.0)}, "fails": {"0": figures(0.5, 0.0)}},
        "two": {"m": {"0": figures(0.9, 0.04)}, "fails": {}},
    }
    found = mean(sets)
    assert found["m"]["0"]["accuracy"] == pytest.approx(0.7)
    assert found["m"]["0"]["accuracy_se"] == pytest.approx(0.025)
    assert found["m"]["10"]["accuracy"] == pytest.approx(0.7)
    assert found["fails"] == {}


@pytest.mark.parametrize("kind", ["votes", "crowd"])
def test_one_kind_alone_is_enough(tmp_path, kind):
    if kind == "votes":
        write_votes(tmp_path, "only", 40)
    else:
        write_crowd(tmp_path, "only", CROWD, [("a", "cat"), ("b", "dog")])
    found = benchmark(tmp_path, seeds=1, models=MODELS)
    other = "crowd" if kind == "votes" else "votes"
    assert list(found[kind]["sets"]) == ["only"]
    assert found[other] == {"sets": {}, "mean": {}}


def test_crowd_labels_may_be_any_text_and_an_item_without_truth_is_unknown(tmp_path):
    L, y, _ = read_crowd(write_crowd(tmp_path, "x", CROWD, [("c", "dog"), ("a", "cat"), ("nobody", "cat")]))
    np.testing.assert_array_equal(L, [[0, 0, -1], [1, -1, 0], [-1, 1, 1]])
    np.testing.assert_array_equal(y, [0, -1, 1])


def test_crowd_labels_that_are_numbers_are_ordered_by_size_and_need_no_zero(tmp_path):
    L, y, _ = read_crowd(
        write_crowd(
            tmp_path,
            "x",
            [("1", "7", "10"), ("2", "7", "9"), ("10", "8", "30")],
            [("1", "10"), ("10", "40"), ("2", "9")],
        )
    )
    assert L.max(axis=1).tolist() == [1, 0, 2]
    assert y.tolist() == [1, 0, 3]  # 40 is only ever the truth


def test_of_repeated_labels_the_most_frequent_counts_and_the_last_of_a_tie(tmp_path):
    lines = (
        [("a", "w", label) for label in ("x", "y", "x")]
        + [("b", "w", label) for label in ("y", "x")]
        + [("c", "w", label) for label in ("x", "y")]
    )
    L, _, confidence = read_crowd(write_crowd(tmp_path, "x", lines, [("a", "x")]))
    np.testing.assert_array_equal(L, [[0], [0], [1]])
    np.testing.assert_allclose(confidence[0], [2 / 3, 1 / 2, 1 / 2])


def test_a_crowd_label_may_read_na_and_lines_with_an_empty_cell_are_left_out(tmp_path):
    L, y, _ = read_crowd(
        write_crowd(tmp_path, "x", [("a", "w", "NA"), ("b", "w", ""), ("b", "v", "ok")], [("a", "NA"), ("b", "")])
    )
    np.testing.assert_array_equal(L, [[0, -1], [-1, 1]])
    np.testing.assert_array_equal(y, [0, -1])


def test_the_tables_show_every_set_and_the_mean(folder, capsys):
    benchmark(folder, seeds=2, models=MODELS)
    shown = capsys.readouterr().out
    for title in ("votes: accuracy in %", "votes: Brier score x 100", "votes: ECE in %", "crowd: accuracy in %"):
        assert title in shown
    header = shown.split("votes: accuracy in %\n")[1].splitlines()[0].split()
    assert header == ["labels", "model", "small", "three", "mean"]


def test_failing_model_is_reported_and_the_others_continue(folder, capsys, monkeypatch):
    def fail(self, votes, y):
        if len(votes) == 150:
            raise ValueError("too large")

    monkeypatch.setattr(LABEL_MODELS["majority_vote"], "_fit", fail)
    found = benchmark(folder, seeds=1, models=MODELS)["votes"]
    assert found["sets"]["three"]["majority_vote"] == {}
    assert found["sets"]["three"]["committee"]["0"]["accuracy"] > 0.5
    assert set(found["sets"]["small"]["majority_vote"]) == {"0", "10", "20", "50"}
    assert found["mean"]["majority_vote"] == {}
    assert "votes three: majority_vote with 0 labels: ValueError: too large" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--sets", "smal"], "no data set named 'smal'; did you mean 'small'? available: small, three, pets"),
        (["--models", "majority"], "no label model named 'majority'; did you mean 'majority_vote'"),
        (["--seeds", "0"], "seeds must be a number of draws"),
    ],
)
def test_mistakes_end_the_program_with_one_sentence(folder, capsys, arguments, message):
    with pytest.raises(SystemExit, match="2"):
        main(["--data", str(folder), "--models", MODELS, *arguments])
    assert message in capsys.readouterr().err


def test_an_empty_folder_and_files_of_another_form_are_refused(tmp_path, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["--data", str(tmp_path)])
    assert "holds no votes/*.npz and no crowd/*/label.csv" in capsys.readouterr().err
    (tmp_path / "votes").mkdir()
    np.savez(tmp_path / "votes" / "odd.npz", L=np.zeros((2, 2)))
    with pytest.raises(SystemExit, match="2"):
        main(["--data", str(tmp_path), "--models", "majority_vote"])
    assert "odd.npz holds ['L']; wanted L, the votes, and y, the truth" in capsys.readouterr().err


def test_unusable_data_set_is_reported_before_anything_runs(folder, capsys):
    place = write_crowd(folder, "blind", CROWD, [("nobody", "cat")])
    with pytest.raises(SystemExit, match="2"):
        main(["--data", str(folder), "--models", "majority_vote"])
    shown = capsys.readouterr()
    assert "no row of 'blind' has a known truth" in shown.err
    assert shown.out == ""
    (place / "truth.csv").unlink()
    with pytest.raises(SystemExit, match="2"):
        main(["--data", str(folder), "--models", "majority_vote"])
    assert "truth.csv; wanted a table with the columns item, truth" in capsys.readouterr().err


def test_help_says_what_is_read_and_written(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    shown = capsys.readouterr().out
    assert "label.csv" in shown
    assert '"votes"' in shown
    assert "--seeds" in shown


def test_nothing_outside_the_folder_is_read(folder, tmp_path_factory, monkeypatch):
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert {kind: list(group) for kind, group in data_sets(folder).items()} == {
        "votes": ["small", "three"],
        "crowd": ["pets"],
    }


@pytest.mark.parametrize("program", [main, defaults.main])
def test_missing_output_folder_is_reported_before_anything_runs(folder, capsys, program):
    with pytest.raises(SystemExit, match="2"):
        program(["--data", str(folder), "--json", str(folder / "nowhere" / "out.json")])
    shown = capsys.readouterr()
    assert "nowhere/out.json: there is no folder" in shown.err.replace("\\", "/")
    assert shown.out == ""


def test_the_figures_of_finished_sets_are_there_when_a_later_one_fails(folder, monkeypatch):
    import benchmarks.label_models as program

    def stop(given, *rest):
        if len(given.y) == 150:
            raise KeyboardInterrupt
        return run(given, *rest)

    run = program.run
    monkeypatch.setattr(program, "run", stop)
    with pytest.raises(KeyboardInterrupt):
        main(["--data", str(folder), "--json", str(folder / "out.json"), "--models", MODELS, "--seeds", "1"])
    found = json.loads((folder / "out.json").read_text())
    assert list(found["votes"]["sets"]) == ["small"]
    assert set(found["votes"]["mean"]) == set(MODELS.split(","))
    assert found["crowd"] == {"sets": {}, "mean": {}}


@pytest.fixture
def two_settings(monkeypatch):
    shipped, *others = defaults.choices()
    monkeypatch.setattr(defaults, "choices", lambda: iter([shipped, others[-1]]))


def test_a_set_leaves_out_the_budgets_that_it_has_too_few_labels_for(folder, two_settings, capsys):
    write_votes(folder, "blind", 40, unknown=40)
    defaults.main(["--data", str(folder), "--json", str(folder / "out.json"), "--seeds", "1"])
    found = json.loads((folder / "out.json").read_text())
    assert list(found["sets"]) == ["small", "three"]
    assert [figure is None for figure in found["sets"]["small"]["shipped"]] == [False, False, True]
    assert found["mean"]["shipped"][2] == found["sets"]["three"]["shipped"][2] > 0.5
    shown = capsys.readouterr()
    assert "blind: left out, no row of it has a known label" in shown.err
    assert "small: 2 settings, too few labels for N = [100]" in shown.err
    assert shown.out.splitlines()[2].split()[0] == "small"


def test_settings_are_chosen_on_the_other_sets():
    figures = {"a": [[0.9, 0.9], [0.1, 0.1]], "b": [[0.5, float("nan")], [0.6, float("nan")]]}
    found = defaults.compared(figures, [{"x": 1.0}, {"x": 2.0}])
    assert found["sets"]["a"] == {"shipped": [0.9, 0.9], "left_out": [0.1, 0.1], "chosen": {"x": 2.0}}
    assert found["sets"]["b"] == {"shipped": [0.5, None], "left_out": [0.5, None], "chosen": {"x": 1.0}}
    assert found["mean"] == {"shipped": [0.7, 0.9], "left_out": [0.3, 0.1]}


def test_too_few_sets_end_it_with_one_sentence(tmp_path, capsys):
    write_votes(tmp_path, "only", 40)
    with pytest.raises(SystemExit, match="2"):
        defaults.main(["--data", str(tmp_path)])
    assert "holds 1 sets with known labels; wanted two or more" in capsys.readouterr().err
