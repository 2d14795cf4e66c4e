"""One reason for each record on which the committee disagrees, and the steps that help most."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

import weaklab as wl
from weaklab.cli.app import app
from weaklab.core.errors import WeaklabError
from weaklab.core.labels import ABSTAIN
from weaklab.core.votes import Votes
from weaklab.evaluation.disagreement import REASONS, groups, opinions_of, reasons
from weaklab.evaluation.gains import STRENGTH, gain_of_group


def project_of(tmp_path, texts, **settings):
    made = wl.Project(tmp_path / "p", labels=["ham", "spam"], timeout=None, retrain_every=0, **settings)
    if texts:
        made.add_records([{"id": str(i), "text": text} for i, text in enumerate(texts)], quiet=True)
    return made


def test_each_record_has_the_first_reason_that_holds():
    """Two functions, a classifier, an expert (right on ten of ten labels); the label is 0 on every record."""
    rows = [
        ("annotators differ", [0, 1, 0, -1], 0.9),
        ("nobody votes", [-1, -1, -1, -1], 0.9),
        ("outvoted expert", [0, 0, -1, 1], 0.9),
        ("LF against LF", [0, 1, 0, -1], 0.9),
        ("LF against classifier", [0, 0, 1, -1], 0.9),
        ("near tie", [0, 0, -1, -1], 0.69),
        ("", [0, 0, 0, -1], 0.71),
        ("", [-1, -1, -1, -1], 0.96),
    ]
    L = np.array([votes for _, votes, _ in rows] + [[-1, -1, -1, 1]] * 10)
    p = np.array([p for _, _, p in rows] + [0.1] * 10)
    P = np.column_stack([p, 1 - p])
    y = np.array([ABSTAIN] * len(rows) + [1] * 10)
    disputed = np.arange(len(L)) == 0
    said = opinions_of(Votes(L, scores={2: np.full((len(L), 2), 0.5)}), P, y, disputed=disputed)
    names = [REASONS[code] if code >= 0 else "" for code in reasons(said)]
    assert names == [name for name, _, _ in rows] + [""] * 10
    own = opinions_of(Votes(L[1:2], scores={2: P[1:2]}), P[1:2], y[1:2], own=("words", P[1:2]))
    assert groups(own)[0].reason == "nobody votes"
    for column, reason in ((ABSTAIN, "LF against instance features"), (0, "LF against classifier")):
        votes = Votes(np.array([[0, column]]), scores={1: np.full((1, 2), 0.5)})
        own = opinions_of(votes, P[:1], y[:1], own=("instance features", np.array([[0.1, 0.9]])))
        assert [(group.reason, group.members) for group in groups(own)] == [(reason, ("0", "instance features"))]


@pytest.mark.parametrize("k", [2, 77])
def test_groups_hold_each_record_with_a_reason_once(k):
    rng = np.random.default_rng(k)
    L = np.where(rng.random((500, 8)) < 0.3, rng.integers(0, k, (500, 8)), ABSTAIN)
    scores = {j: rng.dirichlet(np.ones(k), 500) for j in (6, 7)}
    P, y = rng.dirichlet(np.ones(k), 500), np.where(rng.random(500) < 0.2, rng.integers(0, k, 500), ABSTAIN)
    said = opinions_of(Votes(L, scores=scores), P, y, own=("words", scores[6]))
    rows = np.concatenate([group.rows for group in groups(said)])
    assert sorted(rows.tolist()) == np.flatnonzero(reasons(said) >= 0).tolist()
    for group in groups(said):
        if len(group.members) == 2:
            a, b = (said.L[group.rows, said.names.index(name)] for name in group.members)
            assert ((a != b) & (a >= 0) & (b >= 0)).all()


def test_the_gain_of_labels_is_what_a_simulation_of_its_assumption_gives():
    rng, p, n, r = np.random.default_rng(0), 0.6, 12, 200
    share = rng.beta(STRENGTH * p, STRENGTH * (1 - p), 200_000)
    hits = rng.binomial(n, share)
    switched = (STRENGTH * p + hits) / (STRENGTH + n) < 0.5
    gained = np.where(switched, 1 - 2 * share, 0).mean() * (r - n) + (1 - share).mean() * n
    assert gain_of_group(np.tile([p, 1 - p], (r, 1)), n) == pytest.approx(gained, abs=0.15)


def test_a_wrong_function_is_to_be_mended_where_it_stands(tmp_path):
    (tmp_path / "p" / "labeling_functions").mkdir(parents=True)
    file = tmp_path / "p" / "labeling_functions" / "mine.py"
    file.write_text(
        'from weaklab import keywords\n\nfree = keywords("spam", ["free"])\nasks = keywords("ham", ["are you"])\n'
    )
    kinds = ["are you free at {}", "free prize {}", "lunch is free at {}", "your free entry {}"]
    with project_of(tmp_path, [kinds[i % 4].format(i) for i in range(80)], use_features=False) as project:
        before = project.disagreements()
        assert before.counts["LF against LF"] == 20
        assert before[0].step.kind == "label"
        assert len(before[0].step.records) == 12
        project.label_many({str(i): "spam" if i % 2 else "ham" for i in range(16)})
        project.run(progress=False)
        [found] = [each for each in project.disagreements() if each.reason == "LF against LF"]
        assert set(found.members) == {"free", "asks"}
        assert {place.rpartition("/")[2] for place in found.where} == {"mine.py:3", "mine.py:4"}
        assert (found.step.kind, found.step.where) == ("repair", "labeling_functions/mine.py:3")
        assert "8 of 8 manual labels contradict" in found.step.why


def test_records_without_votes_are_named_by_their_words_and_people_who_differ_are_to_settle(tmp_path):
    topics = ["train to the station {}", "prize draw {}", "cake and coffee {}"]
    with project_of(tmp_path, [topics[i % 3].format(i) for i in range(90)], use_features=False) as project:
        project.add(wl.keywords("spam", ["prize"]))
        nobody = [each for each in project.disagreements() if each.reason == "nobody votes"]
        assert sum(each.records for each in nobody) == 60
        assert {word for each in nobody for word in each.words} >= {"train", "cake"}
        for person, label in (("Ann", "ham"), ("Bob", "spam")):
            project.label("0", label, annotator=person)
        [differ] = [each for each in project.disagreements() if each.reason == "annotators differ"]
        assert (differ.members, differ.examples, differ.step.kind) == (("Ann", "Bob"), ("0",), "settle")
        project.settle("0", "ham")
        assert "annotators differ" not in project.disagreements().counts


def test_the_command_prints_one_screen_and_the_same_as_json(tmp_path):
    runner, folder = CliRunner(), str(tmp_path / "p")
    project_of(tmp_path, []).close()
    assert "Import records" in runner.invoke(app, ["next", folder]).output
    with wl.Project(folder) as project:
        project.add_records([{"id": f"\x1b[1m{i}", "text": f"[red]word{i % 7} {i}"} for i in range(60)], quiet=True)
        project.add(wl.keywords("spam", ["word1", "word2"], name="[bold]x"))
        project.add(wl.keywords("ham", ["word1"], name="other"))
    shown = runner.invoke(app, ["next", folder]).output
    assert "\x1b" not in shown
    assert all(len(line) <= 80 for line in shown.splitlines() if "weaklab" not in line)
    assert len(shown.splitlines()) <= 30
    assert "Label 12 records" in shown
    held = json.loads(runner.invoke(app, ["next", folder, "--json"]).output)
    assert held["steps"][0]["per_minute"] >= held["steps"][-1]["per_minute"]
    assert held["reasons"]["LF against LF"] == 9


@pytest.mark.parametrize("kind", ["no function", "one class", "no text", "77 labels", "all labeled"])
def test_every_project_has_an_answer(tmp_path, kind):
    labels = [f"l{i}" for i in range(77)] if kind == "77 labels" else ["ham", "spam"]
    rows = [
        {"id": str(i), "size": float(i % 5), **({} if kind == "no text" else {"text": f"word{i % 5} thing{i}"})}
        for i in range(40)
    ]
    with wl.Project(tmp_path / "p", labels=labels, timeout=None, retrain_every=0) as project:
        project.add_records(rows, text=[] if kind == "no text" else None, quiet=True)
        if kind != "no function":
            project.add(wl.where(labels[0], wl.col("size") > 2))
            project.add(wl.where(labels[1], wl.col("size") > 3))
        if kind in ("one class", "all labeled"):
            project.label_many({str(i): labels[0] for i in range(40 if kind == "all labeled" else 5)})
        project.run(progress=False)
        found = project.next_steps()
        assert len(project.disagreements().to_pandas()) <= 20
        assert all(step.gain >= 0 and step.seconds > 0 for step in found.steps)
        assert (sum(found.disagreements.counts.values()) == 0) == (kind == "all labeled")
        with pytest.raises(WeaklabError, match="most must be a whole number from 1, got 0"):
            project.next_steps(0)


def test_labels_that_were_picked_for_doubt_do_not_judge_repairs(tmp_path):
    kinds = ["are you free at {}", "free prize {}", "lunch is free at {}", "your free entry {}"]
    judged = {}
    for strategy in ("random", "margin"):
        with project_of(
            tmp_path / strategy, [kinds[i % 4].format(i) for i in range(80)], use_features=False
        ) as project:
            project.add(wl.keywords("spam", ["free"], name="free"))
            project.add(wl.keywords("ham", ["are you"], name="asks"))
            for ask in project.ask(30, strategy=strategy):
                project.label(ask, "spam" if int(ask.id) % 2 else "ham")
            project.run(progress=False)
            judged[strategy] = sum(repair.judged for repair in project.propose_repairs("free"))
    assert judged["random"] > 0
    assert judged["margin"] < judged["random"]


def test_next_says_what_random_answers_measure_and_asks_for_more_where_they_are_few(tmp_path):
    texts = [f"win prize {i}" if i % 2 else f"lunch at {i}" for i in range(120)]
    with project_of(tmp_path, texts, use_features=False) as project:
        project.add(wl.keywords("spam", ["win"]))
        before = project.next_steps()
        assert before.steps[0].command.endswith("-n 12")
        assert [step.kind for step in before.steps].count("label") == 1
        assert "wrong" not in before.title
        assert {step.gain for step in before.steps} == {0.0}
        assert "points" not in repr(before)
        project.label_many(
            [(ask, "spam" if "win" in ask.text else "ham") for ask in project.ask(12, strategy="random")]
        )
        project.run(progress=False)
        found = project.next_steps()
        assert found.accuracy.cells == project.evaluate(progress=False).accuracy.cells
        assert "95 % interval from 12 random answers" in found.title
        assert found.steps[-1].kind == "audit"
        assert found.steps[-1].command.endswith("--strategy random -n 28")
        assert json.loads(json.dumps(found.to_dict()))["accuracy"]["n_audit"] == 12


def test_records_of_numbers_get_a_condition_and_no_words(tmp_path):
    with project_of(tmp_path, []) as project:
        project.add_records([{"id": str(i), "size": float(i % 7)} for i in range(60)], text=[], quiet=True)
        [step] = [step for step in project.next_steps().steps if step.kind == "write"]
        assert "such as where('ham', col('size') > NUMBER)" in step.says


@pytest.mark.filterwarnings("ignore::weaklab.core.errors.FaultWarning")
@pytest.mark.parametrize("answers", [0, 1])
def test_a_function_that_fails_everywhere_is_to_be_fixed_first(tmp_path, answers):
    (tmp_path / "p" / "labeling_functions").mkdir(parents=True)
    (tmp_path / "p" / "labeling_functions" / "mine.py").write_text(
        "from weaklab import labeling_function\n\n@labeling_function()\ndef big(x):\n    return x.no_such_column > 3\n"
    )
    with project_of(tmp_path, [f"text {i}" for i in range(30)]) as project:
        for i in range(answers):
            project.label(str(i), "ham")
        [step] = project.next_steps(1).steps
        assert step.kind == "fix"
        assert step.says.startswith("Fix big (")
        assert step.where.endswith("mine.py:3")
        assert step.why == "It fails on 30 records: AttributeError: no column 'no_such_column'; there are id, text."
        assert project.next_steps().steps[0].kind == "fix"
    run = CliRunner().invoke(app, ["run", str(tmp_path / "p"), "--quiet"])
    assert run.exit_code == 3


def test_nothing_is_to_be_fixed_without_a_fault(tmp_path):
    with project_of(tmp_path, [f"text {i}" for i in range(30)], weak_classifiers=["naive_bayes"]) as project:
        assert "fix" not in {step.kind for step in project.next_steps().steps}
    assert CliRunner().invoke(app, ["run", str(tmp_path / "p"), "--quiet"]).exit_code == 0
