"""The commands that propose rules and repairs."""

import json

import numpy as np
import pytest
from test_cli import run

import weaklab as wl

MINE = 'from weaklab import pattern\n\nwin = pattern("spam", r"win")\n'


@pytest.fixture
def folder(tmp_path):
    """Half of the records are spam; 'prize' stands in spam, 'win' in spam and as part of 'winter' in ham."""
    folder = tmp_path / "box"
    gold = np.arange(120) % 2
    with wl.Project(folder, labels=["ham", "spam"], timeout=None, use_features=False) as project:
        texts = [f"win prize {i}" if code else f"winter coat {i}" for i, code in enumerate(gold)]
        project.add_records([{"id": f"r{i}", "text": text} for i, text in enumerate(texts)], quiet=True)
        project.label_many([(f"r{i}", int(gold[i])) for i in range(40)])
    (folder / "labeling_functions").mkdir(exist_ok=True)
    (folder / "labeling_functions" / "mine.py").write_text(MINE)
    return folder


def test_rules_are_listed_written_and_taken_back(folder):
    assert "keywords_spam_prize" in run("rules", folder, "--label", "spam").stdout
    [rule] = json.loads(run("rules", folder, "--label", "spam", "--most", "1", "--json").stdout)
    assert rule["label"] == "spam"
    assert "no rule 'nothing'" in run("rules", folder, "--accept", "nothing", code=1).stderr
    said = run("rules", folder, "--label", "spam", "--most", "1", "--accept", rule["name"]).stdout
    assert said.startswith("wrote ")
    assert (folder / "labeling_functions" / f"{rule['name']}.py").exists()
    assert rule["says"] in run("rules", folder, "--undo").stdout
    assert not (folder / "labeling_functions" / f"{rule['name']}.py").exists()
    assert "no accepted rule" in run("rules", folder, "--undo", code=1).stderr


def test_a_repair_is_shown_before_it_is_written(folder):
    file = folder / "labeling_functions" / "mine.py"
    assert "win" in run("repairs", folder).stdout
    listed = json.loads(run("repairs", folder, "win", "--json").stdout)
    assert "there is no repair 99" in run("repairs", folder, "win", "--accept", "99", code=1).stderr
    shown = run("repairs", folder, "win", "--accept", "1", stdin="n\n").stdout
    assert '-win = pattern("spam", r"win")' in shown
    assert file.read_text() == MINE
    assert "wrote" in run("repairs", folder, "win", "--accept", "1", "--yes").stdout
    assert file.read_text() != MINE
    assert listed[0]["says"] in run("repairs", folder, "--undo").stdout
    assert file.read_text() == MINE


def test_rules_are_taken_by_number_and_their_names_are_whole(folder):
    shown = run("rules", folder, "--most", "3").stdout.splitlines()
    names = [rule["name"] for rule in json.loads(run("rules", folder, "--most", "3", "--json").stdout)]
    assert [line.strip() for line in shown if line.strip() in names] == names
    assert all(len(line) <= 80 for line in shown)
    assert names[1] in run("rules", folder, "--most", "3", "--accept", "2").stdout
    assert "no rule '4'" in run("rules", folder, "--most", "3", "--accept", "4", code=1).stderr
