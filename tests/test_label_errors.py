"""Manual labels that the committee contradicts: planted errors are found, and a person confirms or corrects them."""

import numpy as np
import pytest
from typer.testing import CliRunner

import weaklab as wl
from weaklab.cli.app import app
from weaklab.core.errors import WeaklabError


@pytest.fixture
def project(tmp_path):
    with wl.Project(tmp_path / "p", labels=["ham", "spam"], timeout=None, retrain_every=0) as made:
        words = ["prize", "winner", "lunch", "train"]
        made.add_records([{"id": str(i), "text": f"{words[i % 4]} and {i}"} for i in range(80)], quiet=True)
        made.add(wl.keywords("spam", ["prize", "winner"], name="offers"))
        yield made


def truth(i):
    return "spam" if i % 4 < 2 else "ham"


def other(label):
    return "ham" if label == "spam" else "spam"


def test_planted_errors_come_first_with_a_reason(project):
    wrong = {4, 18, 33}
    project.label_many({str(i): other(truth(i)) if i in wrong else truth(i) for i in range(60)}, annotator="Ann")
    found = project.label_errors()
    assert {int(record) for record in found["record"][:3]} == wrong
    assert found["probability"].is_monotonic_increasing
    assert (found["other_probability"] > found["probability"]).all()
    row = found.set_index("record").loc["4"]
    assert (row["label"], row["other"], row["annotators"]) == ("ham", "spam", ["Ann"])
    assert row["reason"] == "offers votes for spam; nobody votes for ham"
    assert len(project.label_errors(most=2)) == 2


def test_confirmed_and_corrected_labels_leave_the_list_until_it_is_undone(project):
    project.label_many({str(i): other(truth(i)) if i in (4, 18) else truth(i) for i in range(60)}, annotator="Ann")
    before = project.label_errors()["record"].tolist()
    confirmed = project.settle("4", "ham", annotator="Ann")
    project.settle("18", "spam", annotator="Bob")
    assert project.manual_labels()["18"] == "spam"
    assert not {"4", "18"} & set(project.label_errors()["record"])
    project.undo(confirmed.id)
    assert project.label_errors()["record"].tolist()[0] == "4"
    assert set(before[:2]) == {"4", "18"}


def test_nothing_is_wrong_where_there_is_nothing_to_judge_by(tmp_path):
    with wl.Project(tmp_path / "p", labels=["ham", "spam"], timeout=None) as project:
        assert len(project.label_errors()) == 0
        project.add_records(["a prize"], quiet=True)
        assert project.label_errors().columns.tolist()[0] == "record"
        project.label(project.corpus.ids.to_pylist()[0], "ham")
        assert len(project.label_errors()) == 0
        with pytest.raises(WeaklabError, match="whole number"):
            project.label_errors(0)


def test_columns_alone_and_removed_records(tmp_path):
    with wl.Project(tmp_path / "p", labels=["low", "high"], timeout=None, retrain_every=0) as project:
        rng = np.random.default_rng(0)
        values = [{"id": str(i), "x": float(i % 2) + 0.01 * float(rng.random())} for i in range(60)]
        project.add_records(values, quiet=True)
        project.add(wl.where("high", wl.col("x") > 0.5))
        project.add(wl.where("low", wl.col("x") < 0.5))
        project.label_many({str(i): ["low", "high"][(i % 2) ^ (i == 7)] for i in range(40)})
        assert project.label_errors()["record"].tolist()[0] == "7"
        project.remove_records(["7"])
        assert "7" not in project.label_errors()["record"].tolist()


def test_review_lists_all_that_should_be_looked_at_again(project):
    project.label_many({str(i): other(truth(i)) if i == 4 else truth(i) for i in range(60)}, annotator="Ann")
    project.label("9", "ham", annotator="Bob")
    project.close()
    said = CliRunner().invoke(app, ["review", str(project.path)]).stdout
    assert "1 record on which people differ" in said
    assert "offers votes for spam; nobody votes for ham" in " ".join(said.split())
    settled = CliRunner().invoke(app, ["settle", str(project.path), "9", "spam", "--annotator", "Cid"])
    assert "record 9 is settled as spam by Cid" in settled.stdout
    said = CliRunner().invoke(app, ["review", str(project.path), "--errors", "0"]).stdout
    assert "people differ" not in said
    assert "contradicts" not in said
