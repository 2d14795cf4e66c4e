"""The sets of long records that benchmarks.long_texts makes, from texts that are made up here."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from benchmarks.long_texts import LongTexts, main, make
from weaklab.datasets import load_wrench

TEXTS = {topic: [f"{topic} {word} {i}" for i in range(20) for word in ("one", "two")] for topic in ("river", "engine")}
HOW = LongTexts("made up", 5, 0.6, 4, "both", 0.5, records=800)


def test_train_and_test_records_have_no_text_in_common():
    _, parts = make(HOW, {"a": [f"a{i}" for i in range(50)], "b": [f"b{i}" for i in range(50)]})
    train, test = ({word for record in parts[split][0] for word in record.split()} for split in ("train", "test"))
    assert not train & test


def test_functions_vote_on_most_records_and_are_right_about_as_often_as_wanted():
    _, parts = make(HOW, TEXTS)
    _, y, L = parts["train"]
    assert (L >= 0).any(axis=1).mean() > 0.8
    drawn = [(L[:, j] == y)[L[:, j] >= 0].mean() for j in (2, 3)]
    assert all(0.5 < share < 0.85 for share in drawn)
    assert all(len(np.unique(L[:, j])) <= 2 for j in (0, 1)), "words vote for one class"


def test_the_same_seed_makes_the_same_set():
    first, again = (make(HOW, TEXTS, seed=3)[1]["test"] for _ in range(2))
    assert first[0] == again[0]
    np.testing.assert_array_equal(first[2], again[2])


def test_sets_are_written_so_that_they_can_be_read(tmp_path, capsys):
    folder = tmp_path / "text" / "ag_news_test"
    folder.mkdir(parents=True)
    with (folder / "test.csv").open("w", newline="") as file:
        csv.writer(file).writerows((1 + i % 4, f"title {i}", f"story {'abcd'[i % 4]} number {i}") for i in range(80))
    main(["--data", str(tmp_path), "--into", str(tmp_path / "out"), "--sets", "long_news"])
    found = load_wrench(tmp_path / "out" / "wrench" / "long_news", "test")
    assert len(found.corpus) == 1000
    assert len(json.loads((tmp_path / "out" / "wrench" / "long_news" / "label.json").read_text())) == 4
    with pytest.raises(SystemExit):
        main(["--data", str(tmp_path), "--into", str(tmp_path / "out"), "--sets", "long_new"])
    assert "did you mean 'long_news'" in capsys.readouterr().err
