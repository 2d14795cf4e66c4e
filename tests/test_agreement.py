"""Agreement of people: the coefficients against other libraries and worked examples, and what is not shown."""

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score
from typer.testing import CliRunner

import weaklab as wl
from weaklab.cli.app import app
from weaklab.crowd.agreement import agreement, cohen_kappa

FLEISS_1971 = [
    [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1], [7, 7, 0, 0, 0],
    [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
]  # fmt: skip
"""Ten subjects, fourteen raters, five categories: the worked example of many textbooks, kappa 0.210."""
KRIPPENDORFF_2011 = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, 0, 0, 0],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, 0, 3],
    [0, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, 0],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, 0],
]
"""Computing Krippendorff's alpha-reliability, section C: four observers, twelve units, 0 is missing; alpha 0.743."""
THREE = [
    "2202111020011100000201200102012202121210",
    "2202121020021100200220200102022201122210",
    "2000121022001100000101200102022002101210",
]
"""Three people, a digit for each of forty records."""
GAPS = [
    "...2111.200.1.00..02012001.201.20.1...1.",
    "2.021210200.1100200.202.01020.2201..2...",
    "2.0..21022......0..1.120010.022.0..0.210",
]
"""The same, with gaps."""


def codes(rows):
    return np.array([[-1 if one == "." else int(one) for one in row] for row in rows]).T


def people(L):
    return [f"p{j}" for j in range(np.shape(L)[1])]


def test_cohens_kappa_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    for k in (2, 3, 7):
        first = rng.integers(0, k, 60)
        second = np.where(rng.random(60) < 0.7, first, rng.integers(0, k, 60))
        found = cohen_kappa(first, second)
        assert found.value == pytest.approx(cohen_kappa_score(first, second), abs=1e-12)
        assert found.low < found.value < found.high


def test_fleiss_kappa_is_that_of_statsmodels_and_of_the_worked_example():
    L = np.array([[code for code, n in enumerate(row) for _ in range(n)] for row in FLEISS_1971])
    assert agreement(L, people(L), least=1).fleiss.value == pytest.approx(0.210, abs=5e-4)
    L = codes(THREE)  # statsmodels 0.15.0, fleiss_kappa(aggregate_raters(L)[0])
    assert agreement(L, people(L)).fleiss.value == pytest.approx(0.6289187460012797, abs=1e-12)


def test_krippendorffs_alpha_is_that_of_the_package_and_of_the_worked_example():
    L = np.array(KRIPPENDORFF_2011).T - 1
    assert agreement(L, people(L), least=1).alpha.value == pytest.approx(0.743, abs=5e-4)
    L = codes(GAPS)  # krippendorff 0.9.0, alpha(L.T, level_of_measurement="nominal")
    found = agreement(L, people(L)).alpha
    assert found.value == pytest.approx(0.6964173475801383, abs=1e-12)
    assert (found.records, found.low < found.value < found.high) == (int(((L >= 0).sum(axis=1) > 1).sum()), True)


def test_fleiss_kappa_rests_on_the_records_with_the_most_common_number_of_answers():
    L = np.full((70, 3), -1)
    L[:40, :2], L[40:, :] = np.arange(40)[:, None] % 2, np.arange(30)[:, None] % 2
    found = agreement(L, people(L))
    assert (found.fleiss.records, found.fleiss.people, found.alpha.records) == (40, 2, 70)
    assert "of the records that 2 people labeled" in repr(found)


def test_no_figure_rests_on_few_records_or_on_one_label_alone():
    L = np.array([[0, 0], [1, 0]] * 9)
    found = agreement(L, ["Ann", "Bob"])
    assert found.pairs.iloc[0][["first", "second", "records"]].tolist() == ["Ann", "Bob", 18]
    assert found.pairs[["agreement", "kappa", "low", "high"]].isna().all(axis=None)
    assert found.alpha.value is None
    assert "18 records were labeled by several people; it takes 20" in found.alpha.why
    same = agreement(np.zeros((30, 2), dtype=int), ["Ann", "Bob"])
    assert same.pairs["agreement"].tolist() == [1]
    assert same.pairs["kappa"].isna().all()
    assert "one and the same label" in same.fleiss.why
    assert agreement(np.empty((0, 0), dtype=int), []).pairs.empty
    assert "no record was labeled by several people" in repr(agreement(np.full((3, 2), -1), ["Ann", "Bob"]))


def test_those_who_always_agreed_may_differ_yet():
    L = np.arange(30)[:, None].repeat(2, axis=1) % 3
    found = agreement(L, ["Ann", "Bob"])
    assert found.alpha.value == 1
    assert 0.7 < found.alpha.low < 0.9
    assert found.pairs["low"][0] < 0.9


def test_intervals_hold_at_their_rate():
    held = []
    for seed in range(120):
        rng = np.random.default_rng(seed)
        truth = rng.integers(0, 2, 40)
        L = np.stack([np.where(rng.random(40) < 0.8, truth, rng.integers(0, 2, 40)) for _ in range(2)], axis=1)
        found = agreement(L, ["Ann", "Bob"], seed)
        held += [each.low <= 0.64 <= each.high for each in (found.alpha, found.fleiss)]
    assert np.mean(held) > 0.9


def test_skips_and_undone_answers_do_not_count(tmp_path):
    with wl.Project(tmp_path / "p", labels=["ham", "spam"], timeout=None, retrain_every=0) as project:
        assert project.agreement().pairs.empty
        project.add_records([f"message {i}" for i in range(30)], quiet=True)
        ids = project.corpus.ids.to_pylist()
        for i, record in enumerate(ids):
            project.label(record, ["ham", "spam"][i % 2], annotator="Ann")
            if i < 24:
                project.label(record, ["ham", "spam"][(i + (i < 4)) % 2], annotator="Bob")
            else:
                project.skip(record, annotator="Bob")
        assert project.agreement().pairs.values.tolist()[0][:4] == ["Ann", "Bob", 24, pytest.approx(20 / 24)]
        wrong = project.answers(annotator="Bob", kind="label")["id"].tolist()
        for event in wrong[:4]:
            project.undo(event)
        found = project.agreement()
        assert found.pairs["records"].tolist() == [20]
        assert found.alpha.value == 1
        project.label(ids[0], "spam", annotator="Bob")
        project.label(ids[0], "ham", annotator="Bob")  # the second label takes the place of the first
        project.remove_records([ids[10]])
        assert project.agreement().pairs.values.tolist()[0][2:4] == [20, 1]
        project.label_set.rename("spam", "junk")
        assert project.agreement().alpha.value == 1


def test_the_command_prints_the_table(tmp_path):
    with wl.Project(tmp_path / "p", labels=["ham", "spam"], timeout=None) as project:
        project.add_records(["a", "b"], quiet=True)
    said = CliRunner().invoke(app, ["agreement", str(tmp_path / "p")])
    assert said.exit_code == 0
    assert "Krippendorff's alpha" in said.stdout


def test_of_many_people_the_summary_comes_first_and_few_pairs():
    rng = np.random.default_rng(0)
    L = np.where(rng.random((300, 30)) < np.linspace(0.1, 0.9, 30), rng.integers(0, 2, (300, 1)), -1)
    found = agreement(L, [f"p{j:02}" for j in range(30)])
    lines = repr(found).splitlines()
    assert len(found.pairs) == 435
    assert len(lines) < 20
    assert lines[2].startswith("all ")
    assert lines[4].startswith("p28 and p29")
    assert "The 10 pairs that share the most records of 435; all are in .pairs." in lines
