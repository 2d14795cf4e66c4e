"""The scripted users of ``benchmarks.next_steps`` on a small data set that is made here."""

import json

import pytest

from benchmarks.next_steps import as_table, at, run

USERS = ("scheduler", "next")

WORDS = {0: "lunch", 1: "prize"}


@pytest.fixture
def folder(tmp_path):
    """Two labels that a word tells; one function votes on a quarter of the records and is always right."""
    rows = {}
    for i in range(160):
        gold = (i // 2) % 2
        text = f"{WORDS[gold]} at {i % 7} w{i % 11}" if i % 5 else f"w{i % 11} w{i % 3} {i}"
        rows[str(i)] = {"label": gold, "weak_labels": [gold if i % 4 == 0 else -1] * 3, "data": {"text": text}}
    (tmp_path / "train.json").write_text(json.dumps(rows))
    (tmp_path / "label.json").write_text(json.dumps({"0": "ham", "1": "spam"}))
    return tmp_path


def test_users_have_the_same_time_and_begin_alike(folder):
    found = {kind: run(folder, 0, 1.0, kind, 2.0) for kind in USERS}
    assert len({each["curve"][0][1] for each in found.values()}) == 1
    for kind, each in found.items():
        minutes = [when for when, _ in each["curve"]]
        assert minutes == sorted(minutes)
        assert 2.0 - 10 / 60 < minutes[-1] <= 2.0
        steps = sum(count for what, count in each["done"].items() if what != "label")
        assert 10 * (each["done"]["label"] - 24) + 60 * steps <= 120
        assert (len(each["cpu"]) > 0) == (kind != "scheduler")
    table = as_table({f"it 1 0 {kind}": each for kind, each in found.items()}, ["it"], USERS, [0], 1.0, 2.0)
    assert [row[1] for row in table.rows] == list(USERS)


def test_accuracy_is_that_after_the_last_step():
    assert [at([(0.0, 0.8), (2.0, 0.9)], moment) for moment in (0, 1.9, 2, 5)] == [0.8, 0.8, 0.9, 0.9]
