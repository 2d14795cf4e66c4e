"""The comparison of what projects say in two checkouts."""

import shutil

import pytest

from benchmarks import identical
from benchmarks.checkouts import ROOT


def test_a_checkout_says_the_same_as_itself(capsys):
    with pytest.raises(SystemExit, match="0"):
        identical.main([str(ROOT), str(ROOT), "loop"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["votes", "probabilities", "labels", "manual", "labels", "picks"]
    assert lines[1].split() == ["loop", "-", "same", "-", "-", "same"]


def test_a_checkout_with_another_default_is_told(tmp_path, capsys):
    shutil.copytree(ROOT / "weaklab", tmp_path / "weaklab")
    (changed,) = [path for path in (tmp_path / "weaklab").rglob("*.py") if "\nRANDOM_SHARE = " in path.read_text()]
    changed.write_text(changed.read_text().replace("\nRANDOM_SHARE = ", "\nRANDOM_SHARE = 0.3 + "))
    with pytest.raises(SystemExit, match="1"):
        identical.main([str(ROOT), str(tmp_path), "keywords_and_patterns"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split()[-1] == "differ"
    assert any(line.strip().startswith("picks: first at round 1 (") for line in lines)


@pytest.mark.parametrize("name", ["several_people", "keywords_and_patterns"])
def test_projects_run_to_their_end_and_the_picks_do_not_decide_who_gets_labels(name):
    entries = identical.play(name, fixed=True)
    assert not [value for step, _, value in entries if step == identical.ERROR]
    assert {kind for _, kind, _ in entries} == set(identical.KINDS)
    picked = {one for _, kind, value in entries if kind == "picks" for one in value}
    labeled = {one for _, kind, value in entries if kind == "manual labels" for one, _ in value}
    assert labeled - picked


@pytest.mark.parametrize(
    ("kind", "old", "new", "said"),
    [
        ("picks", ["a", "b"], ["a", "b"], ""),
        ("picks", ["a", "b"], ["b", "a"], "2 of 2 are the same, in another order"),
        ("picks", ["a", "b"], ["a", "c"], "1 of 2 are the same"),
        ("labels", ["a", None, "b"], ["a", "b", "b"], "1 of 3"),
        ("probabilities", [[0.5, 0.5]], [[0.25, 0.75]], "0.25 apart at most, 2 of 2 numbers"),
        ("probabilities", [[float("nan")]], [[float("nan")]], ""),
        ("probabilities", [[0.1]], [[0.1 + 2e-17]], "1.4e-17 apart at most, 1 of 1 numbers"),
        ("probabilities", [[0.5]], [[0.5, 0.5]], "1 and 2 numbers"),
        ("votes", [["one"], [[1], [-1]]], [["one"], [[1], [0]]], "1 of 2"),
        ("votes", [["one"], [[1]]], [["two"], [[1]]], "members ['one'] and ['two']"),
    ],
)
def test_differences_are_told_in_words(kind, old, new, said):
    assert identical.difference(kind, old, new) == said


def test_an_error_is_a_difference_even_if_both_have_it():
    failed = [("start", "picks", ["a"]), (identical.ERROR, "labels", "ValueError: no")]
    found = identical.compare(failed, failed)
    assert found["labels"] == [("error", "old: ValueError: no, new: ValueError: no")]
    assert found["picks"] == []


def test_a_project_that_does_not_exist_is_refused(capsys):
    with pytest.raises(SystemExit, match="2"):
        identical.main([str(ROOT), str(ROOT), "no_project"])
    assert "no project named 'no_project'; there are headlines, " in capsys.readouterr().err
