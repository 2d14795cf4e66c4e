"""The benchmark of speed on a few records: what it writes, and that its checks can fail."""

import json
import re

import numpy as np
import pytest

from benchmarks.speed import functions, label_models, measure, scaling, votes
from benchmarks.speed.__main__ import main
from benchmarks.speed.measure import CheckError, Time
from benchmarks.speed.rows import ROWS, Row
from benchmarks.speed.texts import frame, texts

WANTED = {
    "lf_edit",
    "lf_declared_vs_polars",
    "label_model_1e6x50_dense",
    "turn_nb_1e5",
    "turn_lr_1e5",
    "turn_dense_1e5",
    "scaling_lfs",
    "label_model_1e5x10",
    "end_to_end_1e6",
    "majority_1e6x10",
    "scaling_rows",
    "label_model_1e7x50",
    "label_model_1e6x10",
    "lf_declared",
    "label_model_1e6x50_oneclass",
    "turn_1e6",
    "lf_python",
}


def test_the_json_has_ratio_spread_seconds_and_peer_of_every_row_asked_for(tmp_path, capsys):
    file = tmp_path / "out.json"
    assert main(["lf_declared_vs_polars", "majority_1e6x10", "--quick", "--records", "200", "--json", str(file)]) == 0
    found = json.loads(file.read_text())
    assert list(found) == ["lf_declared_vs_polars", "majority_1e6x10"]
    for row in found.values():
        low, high = row["spread"]
        assert 0 < low <= row["ratio"] <= high
        assert row["ratio"] == pytest.approx(row["peer"] / row["weaklab"])
        assert row["memory_ratio"] is None
        assert row["n"] == 200
        assert "200 records rather than" in row["note"]
    assert found["majority_1e6x10"]["peer_name"] == "Snorkel MajorityLabelVoter"
    assert "goals reached; 0 checks failed" in capsys.readouterr().out


def test_every_row_is_there():
    assert set(ROWS) == WANTED


def test_a_failed_check_is_an_error_without_figures_and_ends_with_status_1(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(votes.functions, "reference", lambda texts: np.zeros((len(texts), 20), dtype=np.int8))
    file = tmp_path / "out.json"
    assert main(["lf_declared_vs_polars", "--records", "50", "--json", str(file)]) == 1
    row = json.loads(file.read_text())["lf_declared_vs_polars"]
    assert set(row) == {"error", "n", "reached"}
    assert "weaklab differs from plain Python in" in row["error"]
    assert "ERROR weaklab differs" in capsys.readouterr().out


def test_a_label_model_that_is_right_less_often_fails_its_check(monkeypatch):
    monkeypatch.setattr(label_models, "fit_weaklab", lambda L, k: np.eye(k)[np.zeros(len(L), dtype=int)])
    with pytest.raises(CheckError, match=r"weaklab is right on 46.20% of the records, Snorkel LabelModel on"):
        label_models.label_model_1e5x10(500)


def test_accuracy_may_differ_by_chance_but_not_by_more():
    ours, theirs = np.tile([1.0, 0.0], 500), np.tile([0.0, 1.0], 500)
    measure.check_accuracy(ours, theirs, "peer")
    with pytest.raises(CheckError, match=r"right on 50.00% of the records, peer on 100.00%"):
        measure.check_accuracy(ours, np.ones(1000), "peer")


def test_the_python_functions_of_the_peer_vote_like_the_plain_ones():
    values = [*frame(300)[0].text, *(f"{word}\u0301 {word}" for words in votes.keyword_lists() for word in words)]
    fast = functions.votes([(label, test) for _, label, test in functions.quick()], values)
    np.testing.assert_array_equal(fast, functions.reference(values))
    assert ((fast != -1).sum(axis=0) > 0).all()  # each of the twenty finds something


def test_texts_are_the_same_ones_for_any_number_and_hold_accents_digits_and_capitals():
    some, truth = texts(400)
    assert some.to_pylist() == texts(12_000)[0].to_pylist()[:400]
    assert truth[:400].tolist() == texts(12_000)[1][:400].tolist()
    joined = " ".join(some.to_pylist())
    assert 120 < np.mean([len(text) for text in some.to_pylist()]) < 160
    assert all(re.search(regex, joined) for regex in ("[à-ü]", "\u0301", r"\d", "[A-Z]{3}", r"[.,!?]"))


def test_ratios_are_of_cpu_time_and_of_the_turns():
    ours, theirs = [Time(1.0, 9.0), Time(2.0, 9.0), Time(4.0, 9.0)], [Time(10.0, 1.0), Time(30.0, 1.0), Time(20.0, 1.0)]
    found = measure.summary(ours, theirs, "peer")
    assert (found["weaklab"], found["peer"], found["ratio"]) == (2.0, 20.0, 10.0)
    assert found["spread"] == [5.0, 15.0]
    assert found["wall"]["ratio"] == pytest.approx(1 / 9)


def test_time_of_children_and_background_work_counts():
    import subprocess
    import sys
    import threading
    import time

    def burn(seconds):
        start = time.thread_time()
        while time.thread_time() - start < seconds:
            pass

    # a little more than is looked for: the clocks of a thread, a child and the process are read at different moments
    child = [sys.executable, "-c", "import time\nwhile time.process_time() < 0.32: pass"]
    assert measure.timed(lambda: subprocess.run(child, check=True))[0].cpu >= 0.3
    assert measure.timed(threading.Thread(target=burn, args=(0.32,)).start)[0].cpu >= 0.3


def test_a_goal_is_reached_only_with_its_memory():
    row = Row(lambda n: {}, 1, 1, goal=10, memory=30)
    assert row.reached({"ratio": 11, "memory_ratio": 31})
    assert not row.reached({"ratio": 11, "memory_ratio": 29})
    assert not row.reached({"ratio": 9, "memory_ratio": 31})
    assert not row.reached({"ratio": None, "memory_ratio": 31})


def test_growth_is_the_steepest_slope_and_can_be_drawn(tmp_path):
    curves = {
        "votes": {"sizes": [10, 100], "seconds": [1.0, 5.0], "slope": 0.7},
        "label_model": {"sizes": [10, 100], "seconds": [1.0, 20.0], "slope": 1.3},
    }
    found = scaling.of_curves(curves, 1000, "records")
    assert found["slope"] == 1.3
    assert found["ratio"] == 0.5
    assert not ROWS["scaling_rows"].reached(found)
    assert "votes ends there" in found["note"]
    scaling.plot({"scaling_rows": found}, tmp_path / "growth.png")
    assert (tmp_path / "growth.png").stat().st_size > 1000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["lf_declare"], "no row named 'lf_declare'"), (["--json", "nowhere/x.json"], "there is no folder nowhere")],
)
def test_mistakes_end_the_program_with_one_sentence(arguments, message, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert message in capsys.readouterr().err
