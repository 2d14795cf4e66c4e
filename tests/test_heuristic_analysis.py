"""What heuristics are worth, compared with refitting, with gold and with planted copies and drift."""

import numpy as np
import pytest
from test_audit import pick
from typer.testing import CliRunner

import weaklab
from weaklab.cli.app import app
from weaklab.evaluation.heuristic_analysis import clusters, drift, gain_of, overlaps


class Drawn:
    """Answers over arrays: the sample of one stratum."""

    def __init__(self, sample):
        self._sample = sample

    def parts(self):
        return [(self._sample.n_records, np.ones(len(self._sample), dtype=bool), self._sample)]


def test_the_interval_of_a_gain_holds_it_at_its_rate():
    rng, held = np.random.default_rng(5), []
    for _ in range(150):
        won, lost = rng.uniform(0.02, 0.2), rng.uniform(0, 0.1)
        difference = rng.choice([1.0, -1.0, 0.0], 1500, p=[won, lost, 1 - won - lost])
        rows, sample = pick((difference >= 0).astype(float), rng, n_labels=120, share=0.4)
        gain = gain_of(difference[rows], Drawn(sample))
        held.append(gain.low <= difference.mean() <= gain.high)
    assert np.mean(held) >= 0.93


def test_copies_are_those_that_vote_the_same():
    rng = np.random.default_rng(0)
    first = rng.choice([-1, 0, 1], 500, p=[0.8, 0.1, 0.1]).astype(np.int8)
    nearly = np.where(rng.random(500) < 0.01, -1, first).astype(np.int8)
    other = rng.choice([-1, 0, 1], 500, p=[0.8, 0.1, 0.1]).astype(np.int8)
    overlap = overlaps(np.column_stack([first, other, nearly]), 2)
    either = (first >= 0) | (nearly >= 0)
    assert overlap[0, 2] == pytest.approx((first == nearly)[either].mean())
    assert clusters(overlap).tolist() == [1, 0, 1]


def test_drift_is_seen_where_it_was_planted_and_nowhere_else():
    rng, alarms = np.random.default_rng(1), 0
    for _ in range(40):
        steady = rng.choice([-1, 0], 600).astype(np.int8)
        moved = np.where(rng.random(600) < np.repeat([0.2, 0.2, 0.5], 200), 0, -1).astype(np.int8)
        found = drift(np.column_stack([steady, moved]), np.repeat([0, 1, 2], 200), ["s", "m"], ["a"], ["x"] * 3)
        alarms += int(found[found.heuristic == "s"].drifts.any())
        assert found[(found.heuristic == "m") & (found["import"] == 3)].drifts.all()
    assert alarms <= 2


@pytest.fixture
def project(tmp_path):
    rng = np.random.default_rng(0)
    truth = np.where(rng.random(300) < 0.4, "spam", "ham")
    words = {"spam": ["prize", "winner", "cash", "offer"], "ham": ["lunch", "meeting", "train", "home"]}
    rows = [{"text": " ".join([*rng.choice(words[label], 2), str(i)]), "gold": label} for i, label in enumerate(truth)]
    made = weaklab.Project(tmp_path / "p", labels=["ham", "spam"], timeout=None, share_answers=0)
    made.add_records(rows[:150], gold="gold", quiet=True)
    made.add_records(rows[150:], gold="gold", quiet=True)
    made.add(weaklab.keywords("spam", ["prize", "cash"], name="prize"))
    made.add(weaklab.keywords("spam", ["prize", "cash", "nothing"], name="copy"))
    made.add(weaklab.keywords("ham", ["lunch", "home"], name="lunch"))
    made.add(weaklab.keywords("ham", ["winner"], name="wrong"))
    made.weak_classifier("naive_bayes", name="bayes")
    with made:
        yield made


def answer(project, count):
    gold = dict(zip(project.corpus.ids.to_pylist(), project.corpus.gold(), strict=True))
    project.label_many([(ask, gold[ask.id]) for ask in project.ask(count, strategy="random")])
    project.run(progress=False)


def test_leaving_out_agrees_with_a_project_without_the_heuristic(project):
    answer(project, 40)
    frame = project.analysis(timing=False, progress=False).to_pandas()
    before = project.labels().label
    gold = np.array(project.corpus.gold())
    accuracy = (before == gold).mean()
    for name in ("lunch", "wrong"):
        state, trainer = project.workspace.state(), project.workspace.cache.trainer(progress=False)
        expected = trainer.predict_without(state, state.votes.names.index(name))
        heuristic = project.committee[name]
        project.remove(name)
        project.run(progress=False)
        assert np.abs(project.workspace.state().P - expected).max() < 1e-9
        best = expected.argmax(axis=1)
        assert frame.labels_changed[name] == pytest.approx((best != state.P.argmax(axis=1)).mean(), abs=1e-9)
        project.add(heuristic)
        project.run(progress=False)
    assert accuracy > 0.9


def test_every_column_says_what_was_planted(project):
    answer(project, 60)
    analysis = project.analysis(progress=False)
    frame = analysis.to_pandas()
    assert frame.cluster.tolist() == [1, 1, 0, 0, 0]
    assert frame.nearest["copy"] == "prize"
    assert (frame.microseconds > 0).all()
    assert (frame.drift == 0).all()
    assert len(analysis.drift) == 2 * len(frame)
    rows = analysis.per_class().set_index(["heuristic", "label"])
    assert rows.gold_precision["prize", "spam"] == 1
    assert rows.gold_precision["wrong", "ham"] == 0
    for name in ("precision", "recall"):
        known = rows[rows[name].notna()]
        assert known[f"gold_{name}"].between(known[f"{name}_low"] - 1e-9, known[f"{name}_high"] + 1e-9).mean() >= 0.8
    assert "by label" in repr(analysis)
    assert "<table>" in analysis._repr_html_()


def test_without_answers_no_figure_is_made_up(project):
    frame = project.analysis(timing=False, progress=False).to_pandas()
    assert frame[["gain", "estimated_accuracy", "microseconds"]].isna().all(axis=None)
    assert project.analysis(marginal=False, timing=False, progress=False).per_class().precision.isna().all()


def test_no_heuristics_and_no_code(tmp_path, project):
    with weaklab.Project(tmp_path / "n", labels=["a", "b"], timeout=None) as empty:
        empty.add_records(["one"], quiet=True)
        assert len(empty.analysis(progress=False).to_pandas()) == 0
        assert "0 heuristics" in repr(empty.analysis(progress=False))
    project.run(progress=False)
    with weaklab.Project(project.path, run_code=False) as closed:
        assert closed.analysis(progress=False).to_pandas().microseconds.isna().all()


def test_lfs_full_prints_both_tables(project):
    answer(project, 20)
    found = CliRunner().invoke(app, ["lfs", str(project.path), "--full"])
    assert found.exit_code == 0, found.output
    assert "points it gains" in " ".join(found.output.split())
    assert "by label" in found.output
    lines = CliRunner().invoke(app, ["lfs", str(project.path), "--full", "--csv"]).output.splitlines()
    assert len(lines) == 6
    assert "gold_gain" in lines[0]
