"""Simulations: measures, continuing after a stop, plots, and error messages."""

import json
import os
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

import forked
import numpy as np
import pandas as pd
import pytest

import weaklab
from weaklab.cli.simulate import run_simulation
from weaklab.core.errors import FaultWarning, WeaklabError, WeaklabWarning
from weaklab.evaluation.plots import spaced
from weaklab.scheduling.scheduler import Scheduler
from weaklab.simulation.experiment import measures, prepare
from weaklab.simulation.simulate import simulate
from weaklab.strategies import STRATEGIES

WORDS = {"spam": ["prize", "winner", "offer"], "ham": ["lunch", "meeting", "train"]}


def planted(n=60, seed=0):
    """Texts of one telling word and two that tell nothing; every label as often as the other."""
    rng = np.random.default_rng(seed)
    labels = ["spam", "ham"] * (n // 2)
    texts = [f"{rng.choice(WORDS[label])} number{rng.integers(30)} number{rng.integers(30)}" for label in labels]
    return pd.DataFrame({"id": [f"r{i}" for i in range(n)], "text": texts, "truth": labels})


def quick(data=None, **settings):
    wanted = {"gold": "truth", "budgets": [10, 20, 30], "seeds": 2, "progress": False, **settings}
    return simulate(planted() if data is None else data, **wanted)


def measured(result):
    """Everything that must be the same again, which the time that a turn takes is not."""
    return result.to_pandas().drop(columns="seconds")


def run(*arguments, code=0):
    done = forked.run(forked.COMMAND_LINE, "simulate", *arguments)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


# ---- what is measured


def test_measures_of_a_case_that_is_counted_by_hand():
    P = np.array([[0.9, 0.1, 0.0], [0.2, 0.8, 0.0], [0.5, 0.5, 0.0], [1.0, 0.0, 0.0]])
    found = measures(P, y=np.array([-1, -1, -1, 1]), gold=np.array([0, 0, 1, 1]))
    assert found["accuracy"] == pytest.approx((1 + 0 + 1 / 2 + 1) / 4)
    assert found["rest_accuracy"] == pytest.approx((1 + 0 + 1 / 2) / 3)
    assert found["macro_f1"] == pytest.approx((2 * 1 / (2 * 1 + 1 + 1) + 2 * 1 / (2 * 1 + 1 + 1)) / 2)
    assert found["brier"] == pytest.approx((0.02 + 2 * 0.64 + 0.5) / 3)


def test_nothing_is_left_to_measure_when_all_is_labeled():
    found = measures(np.eye(2), np.array([1, 0]), np.array([1, 0]))
    assert found["accuracy"] == 1
    assert np.isnan(found["rest_accuracy"])
    assert np.isnan(found["brier"])


def test_a_row_for_each_strategy_seed_and_round():
    frame = quick().to_pandas()
    expected = [(s, seed, n) for s in ("default", "random") for seed in (0, 1) for n in (0, 10, 20, 30)]
    assert list(frame[["strategy", "seed", "n_labels"]].itertuples(index=False, name=None)) == expected
    assert frame["accuracy"].between(0, 1).all()
    assert (frame["seconds"] > 0).all()


def test_labels_make_the_planted_task_easy():
    frame = quick(budgets=[40], seeds=1).to_pandas()
    start, end = frame[frame.n_labels == 0], frame[frame.n_labels == 40]
    assert (start["accuracy"] == 0.5).all()
    assert (end["accuracy"] > 0.9).all()


def test_seeds_ask_about_other_records_and_the_same_seed_about_the_same():
    assert measured(quick(seeds=[3])).equals(measured(quick(seeds=[3])))
    accuracy = quick(seeds=4).to_pandas().query("n_labels == 10 and strategy == 'random'")["brier"]
    assert accuracy.nunique() > 1


def test_budgets_do_not_change_the_runs():
    short, long = measured(quick(budgets=[10])), measured(quick(budgets=range(0, 51, 10)))
    assert short.equals(long[long.n_labels <= 10].reset_index(drop=True))


def test_labeling_functions_beat_chance_before_the_first_label(tmp_path):
    (tmp_path / "lfs.py").write_text(
        "from weaklab import keywords\n\noffers = keywords('spam', ['prize', 'winner', 'offer'])\n"
    )
    alone = quick(heuristics=[tmp_path / "lfs.py"], classifiers=[], strategies=["random"], seeds=1)
    assert alone.runs[0].rounds[0]["accuracy"] > 0.5
    both = quick(heuristics=[weaklab.keywords("spam", WORDS["spam"]), weaklab.keywords("ham", WORDS["ham"])], seeds=1)
    assert both.runs[0].rounds[0]["accuracy"] == 1


def test_classifiers_with_features_of_their_own_and_a_function_with_confidences_vote_in_a_run():
    @weaklab.labeling_function()
    def unsure(x):
        return ("spam", 0.6) if "prize" in x.text else None

    data = planted().assign(size=[float(label == "ham") for label in planted()["truth"]])
    learners = [
        weaklab.WeakClassifier("naive_bayes", "tfidf"),
        weaklab.WeakClassifier("gaussian_naive_bayes", "columns"),
    ]
    experiment = prepare(data, gold="truth", heuristics=unsure, classifiers=learners, progress=False)
    loop = experiment.loop(Scheduler(seed=0), seed=0)
    loop.label(np.arange(20), experiment.pool.gold[:20])
    votes = loop.state.votes
    assert set(np.unique(votes.confidence[0])) == {np.float32(0.6), np.float32(1)}
    assert sorted(votes.scores) == [1, 2]
    assert (votes.scores[2].argmax(axis=1) == experiment.pool.gold).all()


def test_a_share_held_out_is_never_asked_about(tmp_path):
    experiment = prepare(planted(), gold="truth", test=0.25, progress=False)
    assert len(experiment.pool) + len(experiment.test) == 60
    assert not set(experiment.pool.ids) & set(experiment.test.ids)
    frame = quick(budgets=[30], test=0.25, seeds=1).to_pandas()
    assert (frame[frame.n_labels == 0]["test_accuracy"] == 0.5).all()
    assert (frame[frame.n_labels == 30]["test_accuracy"] > 0.7).all()


def test_other_records_to_measure_on_are_voted_on_by_the_same_committee():
    other = planted(20, seed=5)
    found = quick(
        heuristics=[weaklab.keywords("spam", WORDS["spam"]), weaklab.keywords("ham", WORDS["ham"])], test=other, seeds=1
    )
    assert found.runs[0].rounds[0]["test_accuracy"] == 1


def test_a_wrench_folder_brings_its_records_votes_and_labels(tmp_path):
    (tmp_path / "label.json").write_text(json.dumps({"0": "ham", "1": "spam"}))
    for split in ("train", "test"):
        rows = {
            str(i): {"label": int(label == "spam"), "weak_labels": [int(label == "spam"), -1], "data": {"text": text}}
            for i, (text, label) in enumerate(zip(planted(40)["text"], planted(40)["truth"], strict=True))
        }
        (tmp_path / f"{split}.json").write_text(json.dumps(rows))
    found = simulate(tmp_path, budgets=[10], seeds=1, test="test", progress=False)
    assert found.name == tmp_path.name
    assert (found.n_records, found.runs[0].rounds[0]["accuracy"], found.runs[0].rounds[0]["test_accuracy"]) == (
        40,
        1,
        1,
    )


def test_every_kind_of_strategy_can_be_compared():
    def longest(P, keys):
        """Ask in the order of the keys."""
        return keys / 2.0**64

    found = quick(strategies=["margin", longest, {"margin": 1.0, "entropy": 0.5}], seeds=1)
    assert found.strategies == ["margin", "longest", "1 margin + 0.5 entropy"]


# ---- the table


def test_the_table_ranks_by_the_mean_and_shows_the_difference_to_random():
    result = quick(strategies=["default", "margin", "random"])
    frame = result.to_pandas()
    table = result.table()
    assert table.columns == ["strategy", "N=10", "N=20", "N=30", "mean", "vs random"]
    assert table.rows[-1][0] == "(no labels)"
    assert table.rows[-1][1] == "50.0"
    means = frame[frame.n_labels > 0].groupby("strategy")["accuracy"].mean()
    assert [row[0] for row in table.rows[:-1]] == means.sort_values(
        ascending=False, kind="stable"
    ).index.tolist() or means.nunique() < 3
    assert float(table.rows[0][4].split(" ± ")[0]) == pytest.approx(100 * means.max(), abs=0.051)
    at = frame[(frame.n_labels == 10) & (frame.strategy == table.rows[0][0])]["accuracy"]
    assert table.rows[0][1] == f"{100 * at.mean():.1f} ± {100 * at.sem():.1f}"
    by_seed = frame[frame.n_labels > 0].groupby(["strategy", "seed"])["accuracy"].mean()
    beyond = by_seed["margin"] - by_seed["random"]
    assert {row[0]: row[-1] for row in table.rows}["margin"] == f"{100 * beyond.mean():+.1f} ± {100 * beyond.sem():.1f}"


def test_a_long_range_of_budgets_fits_the_table():
    table = quick(budgets=range(0, 60, 5), batch=5, seeds=1).table()
    assert len(table.columns) == 8 + 3
    assert table.notes == ["the mean is over 11 budgets, of which 8 are shown"]


def test_small_losses_rank_first():
    result = quick(strategies=["margin", "random"])
    means = result.to_pandas().query("n_labels > 0").groupby("strategy")["brier"].mean()
    assert result.ranking("brier")[0] == means.idxmin()
    with pytest.raises(WeaklabError, match="nothing measured is named 'acuracy'; did you mean 'accuracy'"):
        result.table("acuracy")


# ---- going on


def test_a_repeated_call_runs_nothing_and_more_may_be_added(tmp_path, monkeypatch):
    before = quick(out=tmp_path)
    more = quick(out=tmp_path, seeds=3, strategies=["default", "random", "margin"], budgets=[10, 20, 30, 40])
    assert measured(more).equals(
        measured(quick(seeds=3, strategies=["default", "random", "margin"], budgets=[10, 20, 30, 40]))
    )
    monkeypatch.setattr(
        "weaklab.simulation.experiment.Experiment.run", lambda *_: pytest.fail("a run that is there was run again")
    )
    assert quick(out=tmp_path).to_pandas().query("n_labels <= 30").shape == before.to_pandas().shape


def test_a_half_written_line_is_run_again(tmp_path):
    before = quick(out=tmp_path)
    file = tmp_path / "runs.jsonl"
    file.write_bytes(file.read_bytes()[:-40])
    assert measured(quick(out=tmp_path)).equals(measured(before))
    lines = [line for line in file.read_text().splitlines() if line]
    assert len(lines) == 5
    assert sum(line.endswith("}") for line in lines) == 4


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"data": planted(seed=1)}, "data was"),
        ({"label_model": "majority_vote"}, "label model was 'committee' and is 'majority_vote' now"),
        ({"classifiers": ["logistic_regression"]}, "classifiers was"),
        ({"heuristics": weaklab.keywords("spam", ["prize"])}, "votes was"),
        ({"batch": 5}, "batch was 10 and is 5 now"),
    ],
)
def test_a_folder_of_another_experiment_is_refused(tmp_path, change, what):
    quick(out=tmp_path, seeds=1, strategies=["random"])
    with pytest.raises(WeaklabError, match=f"runs of another experiment.*{what}.*name another folder"):
        quick(out=tmp_path, seeds=1, **change)


def test_a_changed_function_is_run_again_under_the_same_name(tmp_path):
    def mine(P):
        return P[:, 0]

    first = measured(quick(strategies=[mine], out=tmp_path))

    def mine(P):
        return P[:, 1]

    second = measured(quick(strategies=[mine], out=tmp_path))
    assert not second.equals(first)


@forked.needs_fork
def test_kill_in_the_middle_and_go_on_gives_what_an_undisturbed_run_gives(tmp_path):
    planted(200).to_csv(tmp_path / "data.csv", index=False)
    arguments = [tmp_path / "data.csv", "--gold", "truth", "--budget", "50,150", "--seeds", 4, "--quiet", "--out"]
    started = forked.Program(forked.COMMAND_LINE, "simulate", *arguments, tmp_path / "killed")
    file = tmp_path / "killed" / "runs.jsonl"
    while not (file.exists() and file.read_bytes().count(b'{"experiment') >= 2):
        assert started.is_running, "ended before it could be killed"
        time.sleep(0.005)
    started.kill()
    left = file.read_bytes().count(b'"run"')
    assert 2 <= left < 8, "not killed in the middle"
    run(*arguments, tmp_path / "killed")
    run(*arguments, tmp_path / "whole")
    assert (tmp_path / "killed" / "table.txt").read_text() == (tmp_path / "whole" / "table.txt").read_text()
    assert file.read_bytes().count(b'"run"') == 8


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_ctrl_c_says_how_to_go_on(tmp_path):
    planted(200).to_csv(tmp_path / "data.csv", index=False)
    arguments = [
        tmp_path / "data.csv",
        "--gold",
        "truth",
        "--budget",
        "150",
        "--seeds",
        50,
        "--quiet",
        "--out",
        tmp_path / "o",
    ]
    command = [sys.executable, "-c", forked.COMMAND_LINE, "simulate", *map(str, arguments)]
    started = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not (tmp_path / "o" / "runs.jsonl").exists():
        assert started.poll() is None
        time.sleep(0.005)
    started.send_signal(signal.SIGINT)
    said = started.communicate()[1]
    assert started.returncode == 130
    assert said.strip() == f"interrupted; finished runs are kept in {tmp_path / 'o'}: the same command goes on"


def test_runs_in_several_processes_are_the_same_also_with_strategies_of_this_process(monkeypatch):
    def by_key(keys):
        return keys / 2.0**64

    def registered(keys):
        return 1 - keys / 2.0**64

    monkeypatch.setattr(STRATEGIES, "_parts", {**STRATEGIES._parts})
    STRATEGIES.register(registered, name="by_key_of_a_test")
    settings = {"strategies": ["default", "random", by_key, "by_key_of_a_test"], "budgets": [20]}
    assert measured(quick(jobs=2, **settings)).equals(measured(quick(**settings)))


def test_a_mistake_in_a_strategy_is_reported_from_another_process():
    def broken(P):
        return P

    with pytest.raises(WeaklabError, match="query strategy 'broken' must return one finite score per record"):
        quick(strategies=[broken, "random"], jobs=2)


def test_an_error_in_another_process_says_which_run_it_was(capfd):
    def broken(keys):
        raise ZeroDivisionError("no keys")

    with pytest.raises(RuntimeError, match="ZeroDivisionError: no keys; in the simulation of strategy 'broken' with"):
        quick(strategies=[broken, "random"], budgets=[20], jobs=2)
    assert "Traceback" in capfd.readouterr().err


@forked.needs_fork
def test_two_processes_write_to_one_folder_without_mixing_lines(tmp_path):
    planted().to_csv(tmp_path / "data.csv", index=False)
    arguments = [tmp_path / "data.csv", "--gold", "truth", "--budget", "30", "--seeds", 3, "--out", tmp_path / "o"]
    both = [
        forked.Program(forked.COMMAND_LINE, "simulate", *arguments, "--strategy", name) for name in ("margin", "random")
    ]
    assert [program.wait() for program in both] == [0, 0]
    lines = [json.loads(line) for line in (tmp_path / "o" / "runs.jsonl").read_text().splitlines() if line]
    assert sorted(line["run"].split(",")[0] for line in lines) == ["margin"] * 3 + ["random"] * 3


# ---- plots and files


def test_the_files_are_there_and_the_same_each_time(tmp_path):
    pytest.importorskip("matplotlib")
    result = quick()
    names = ["curves.csv", "table.txt", "curves.png", "curves.svg"]
    assert [path.name for path in result.save(tmp_path / "a")] == names
    result.save(tmp_path / "b")
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name
    assert (tmp_path / "a" / "curves.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert ElementTree.parse(tmp_path / "a" / "curves.svg").getroot().tag == "{http://www.w3.org/2000/svg}svg"
    assert pd.read_csv(tmp_path / "a" / "curves.csv").shape == result.to_pandas().shape
    assert (tmp_path / "a" / "table.txt").read_text(encoding="utf-8") == f"{result.table()}\n"


def test_the_plot_shows_means_in_percent_with_random_grey_and_dashed(tmp_path):
    pytest.importorskip("matplotlib")
    result = quick()
    axes = result.plot().axes[0]
    lines = {line.get_color(): line for line in axes.lines if len(line.get_xdata()) == 4}
    means = result.to_pandas().groupby(["strategy", "n_labels"])["accuracy"].mean()
    np.testing.assert_allclose(lines["#808080"].get_ydata(), 100 * means["random"])
    assert lines["#808080"].is_dashed()
    assert axes.get_ylim()[1] <= 100
    assert {text.get_text().split()[0] for text in axes.texts} == {"default", "random"}
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("manual labels", "accuracy in %")


def test_many_strategies_get_a_panel_each(tmp_path):
    pytest.importorskip("matplotlib")
    mixes = [{"margin": 1.0, "random": float(i)} for i in range(1, 9)]
    result = quick(strategies=["random", *mixes], budgets=[10], seeds=1)
    figure = result.plot(tmp_path / "many.svg")
    titles = [axes.get_title(loc="left") for axes in figure.axes if axes.axison]
    assert titles == [name for name in result.ranking() if name != "random"]
    assert len(result.plot(strategies=["random", "1 margin + 2 random"]).axes) == 1


def test_without_matplotlib_the_table_is_there_and_the_plot_says_what_to_install(tmp_path, monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = quick(seeds=1)
    with pytest.raises(WeaklabError, match=r"pip install 'weaklab\[plot\]'"):
        result.plot()
    with pytest.warns(WeaklabWarning, match=r"pip install 'weaklab\[plot\]'"):
        assert [path.name for path in result.save(tmp_path)] == ["curves.csv", "table.txt"]
    assert "pip install" in result._repr_html_()
    assert "<img" not in result._repr_html_()


def test_a_notebook_shows_table_and_plot():
    pytest.importorskip("matplotlib")
    shown = quick(seeds=1)._repr_html_()
    assert "<table>" in shown
    assert "data:image/png;base64,iVBOR" in shown


def test_names_at_the_ends_of_the_lines_do_not_overlap():
    places = spaced([90.0, 90.1, 90.2, 99.9, 100.0], (80.0, 100.0), 1.0)
    assert np.diff(places).min() >= 1 - 1e-9
    assert max(places) <= 100
    assert places[1] == pytest.approx(90.1)


# ---- mistakes


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gold": "thruth"}, "no column 'thruth'"),
        ({"gold": None}, "name its column: gold='column'"),
        ({"strategies": ["margn"]}, "no query strategy named 'margn'; did you mean 'margin'"),
        ({"strategies": ["margin", "margin"]}, "each once"),
        ({"strategies": [3]}, "a strategy is a name, a function or a mapping"),
        ({"label_model": "comittee"}, "no label model named 'comittee'"),
        ({"classifiers": ["bayes"]}, "no weak classifier named 'bayes'"),
        ({"features": "tfdif"}, "no feature set named 'tfdif'"),
        (
            {"labels": ["spam", "eggs"]},
            "gold column 'truth', record 'r1': 'ham' is not a label; the labels are 'spam', 'eggs'",
        ),
        ({"budgets": [15]}, "budget 15 is no multiple of the batch of 10"),
        ({"budgets": [0]}, "numbers of labels above 0"),
        ({"budgets": [100]}, "the smallest budget is 100 labels, more than the 60 records"),
        ({"seeds": 0}, "seeds must be"),
        ({"seeds": [1, 1]}, "seeds must be"),
        ({"jobs": 0}, "jobs must be 1 or more"),
        ({"test": 1}, "test must be a share"),
        ({"test": 1.5}, "test must be a share"),
        ({"random_share": 2}, "random_share must be from 0 to 1"),
    ],
)
def test_mistakes_are_refused(change, message):
    with pytest.raises(WeaklabError, match=message):
        quick(**change)


def test_records_without_gold_are_left_out_and_counted():
    data = planted()
    data.loc[:6, "truth"] = None
    with pytest.warns(WeaklabWarning, match="7 of 60 records have no gold label and are left out"):
        found = quick(data, budgets=[10], seeds=1)
    assert found.n_records == 53


def test_budgets_above_the_pool_are_left_out_with_a_warning():
    with pytest.warns(WeaklabWarning, match="budgets above the 60 records are left out: 100, 200"):
        assert quick(budgets=[50, 100, 200], seeds=1, strategies=["random"]).budgets == [50]


def test_strategy_with_missing_arguments_is_reported():
    def needs_magic(P, magic):
        return P[:, 0]

    with pytest.raises(WeaklabError, match="query strategy 'needs_magic' asks for 'magic'"):
        quick(strategies=["random", needs_magic], seeds=1)


def test_all_takes_every_strategy_and_says_which_cannot_be_run(monkeypatch):
    from weaklab.strategies import STRATEGIES

    names = set(STRATEGIES.names())
    monkeypatch.setitem(STRATEGIES._parts, "needs_magic", lambda P, magic: P[:, 0])
    with pytest.warns(WeaklabWarning, match="strategy 'needs_magic' was not run: .* asks for 'magic'"):
        result = quick(strategies="all", seeds=1, budgets=[10])
    assert set(result.strategies) == {"default", *names}
    assert any(note.startswith("not run: needs_magic: ") for note in result.table().notes)


def test_faults_of_labeling_functions_are_warnings():
    @weaklab.labeling_function()
    def fails(x):
        raise RuntimeError("no")

    with pytest.warns(weaklab.core.errors.FaultWarning, match="fails .*RuntimeError: no"):
        quick(heuristics=fails, seeds=1, budgets=[10])


# ---- the command line


@forked.needs_fork
def test_the_command_prints_the_table_and_names_its_files(tmp_path):
    planted().to_csv(tmp_path / "mail.csv", index=False)
    done = run(tmp_path / "mail.csv", "--gold", "truth", "--budget", "10,20", "--seeds", 2, "--out", tmp_path / "o")
    table = quick(tmp_path / "mail.csv", budgets=[10, 20]).table()
    assert done.stdout.startswith(f"{table}\n")
    assert "mail.csv: 60 records" in done.stdout
    written = done.stdout.splitlines()[-1].removeprefix("wrote ").split(", ")
    assert {os.path.basename(path) for path in written} >= {"curves.csv", "table.txt"}
    assert all(os.path.exists(path) for path in written)


@forked.needs_fork
def test_the_sample_and_a_project_bring_their_own_committee(tmp_path):
    with weaklab.Project(
        tmp_path / "p", labels=["ham", "spam"], timeout=0, weak_classifiers=["naive_bayes"]
    ) as project:
        project.add_records(planted(), gold="truth")
        project.add(weaklab.keywords("spam", WORDS["spam"]))
        project.add(weaklab.keywords("ham", WORDS["ham"]))
    done = run(tmp_path / "p", "--budget", "10", "--seeds", 1, "--quiet")
    assert "(no labels)  100.0" in done.stdout
    given = {"gold": None, "lfs": [], "classifiers": [], "label_model": None, "budgets": "10"}
    with pytest.raises(WeaklabError, match="leave out --labels, --lfs and --classifier"):
        run_simulation(str(tmp_path / "p"), labels="a,b", **given)
    found = run_simulation("headlines", labels=None, strategies=["random"], seeds=1, progress=False, **given)
    assert (found.name, found.n_records) == ("headlines", 930)
    assert found.runs[0].rounds[0]["accuracy"] > 0.7


@forked.needs_fork
def test_mistakes_on_the_command_line_are_one_line(tmp_path):
    planted().to_csv(tmp_path / "mail.csv", index=False)
    assert "error: a simulation answers from the truth" in run(tmp_path / "mail.csv", code=1).stderr
    assert (
        "no query strategy named 'x'" in run(tmp_path / "mail.csv", "--gold", "truth", "--strategy", "x", code=1).stderr
    )
    with pytest.raises(WeaklabError, match="--budget takes numbers of labels, such as 20,50,100, got 'many'"):
        run_simulation("mail.csv", gold="truth", labels=None, lfs=[], classifiers=[], label_model=None, budgets="many")


def test_a_classifier_that_cannot_train_ends_a_simulation_with_its_reason():
    rows = [{"x": float(i % 7) - 3, "y": float(i % 5), "truth": ("a", "b")[i % 2]} for i in range(60)]
    with (
        pytest.warns(FaultWarning, match="negative"),
        pytest.raises(WeaklabError, match=r"classifiers that work: naive_bayes.*negative"),
    ):
        simulate(
            rows, gold="truth", classifiers=["naive_bayes"], features="columns", budgets=[20], seeds=1, progress=False
        )
