"""Comparison of label models: which labels are given, what is measured, and how it is shown."""

import math
from typing import ClassVar

import numpy as np
import pytest

import weaklab as wl
from weaklab.core.errors import WeaklabError
from weaklab.core.metrics import measure
from weaklab.core.votes import Votes
from weaklab.evaluation.compare import FIGURES, compare_label_models
from weaklab.label_models import LABEL_MODELS, CommitteeModel, CoverageVote, LabelModel, MajorityVote

FAST = ["majority_vote", "coverage_vote", "committee"]


class Spy(LabelModel):
    """Remembers what it was fitted on, and votes with the first heuristic."""

    seen: ClassVar[list] = []

    def _fit(self, votes, y):
        self.seen.append((votes, y))

    def _proba(self, votes):
        return np.eye(self.n_classes_)[np.maximum(votes.L[:, 0], 0)]


class Broken(LabelModel):
    """Fails as soon as there is a label."""

    def _fit(self, votes, y):
        if (y >= 0).any():
            raise ZeroDivisionError("no way\nto do it")

    def _proba(self, votes):
        return np.ones((len(votes), self.n_classes_))


@pytest.fixture
def seen():
    Spy.seen = []
    return Spy.seen


def planted(n=200, seed=0):
    """Return votes of three heuristics, right 9, 7 and 6 times in ten, and the truth."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, n)
    return np.where(rng.random((n, 3)) < [0.9, 0.7, 0.6], truth[:, None], 1 - truth[:, None]), truth


def test_models_are_fitted_on_all_rows_with_as_many_labels_as_the_budget_says(seen):
    L, y = planted()
    y = np.where(np.arange(200) < 150, y, -1)
    compare_label_models(L, y, models={"spy": Spy()}, budgets=[0, 20], seeds=3)
    assert [int((given >= 0).sum()) for _, given in seen] == [0, 20, 20, 20]
    for votes, given in seen:
        np.testing.assert_array_equal(votes.L, L)
        np.testing.assert_array_equal(given[given >= 0], y[given >= 0])
    assert len({tuple(np.flatnonzero(given >= 0)) for _, given in seen[1:]}) == 3


def test_models_are_measured_on_labeled_rows_that_were_not_given(seen):
    L, y = planted()
    y = np.where(np.arange(200) < 150, y, -1)
    row = compare_label_models(L, y, models=[Spy()], budgets=30, seeds=4).rows[0]
    P = np.eye(2)[L[:, 0]]
    runs = [measure(P, np.where(given < 0, y, -1)) for _, given in seen]
    for figure in runs[0]:
        values = [run[figure] for run in runs]
        assert row[figure] == pytest.approx(np.mean(values)), figure
        assert row[f"{figure}_se"] == pytest.approx(np.std(values, ddof=1) / 2), figure
    assert row["brier"] != runs[0]["brier"]


def test_every_model_and_budget_gets_the_same_draws(seen):
    L, y = planted()
    compare_label_models(L, y, models={"one": Spy(), "two": Spy()}, budgets=[10, 40], seeds=[7])
    drawn = [set(np.flatnonzero(given >= 0)) for _, given in seen]
    assert drawn[0] == drawn[2]
    assert drawn[1] == drawn[3]
    assert drawn[0] < drawn[1]


def test_without_manual_labels_there_is_one_run_and_no_standard_error(seen):
    L, y = planted()
    row = compare_label_models(L, y, models=[Spy()], budgets=0, seeds=5).rows[0]
    assert len(seen) == row["runs"] == 1
    assert {row[f"{figure}_se"] for figure in FIGURES} == {0.0}


def test_all_registered_models_are_compared_but_those_left_out():
    L, y = planted(60)
    names = LABEL_MODELS.names()
    assert {row["model"] for row in compare_label_models(L, y, budgets=0, exclude="snorkel").rows} == set(names) - {
        "snorkel"
    }
    rest = [name for name in names if name not in FAST]
    assert {row["model"] for row in compare_label_models(L, y, budgets=0, exclude=rest).rows} == set(FAST)


def test_models_are_called_by_name_by_their_settings_or_as_you_like():
    L, y = planted(60)
    found = compare_label_models(L, y, models=["committee", CommitteeModel(vote_penalty=9.0)], budgets=0)
    assert [row["model"] for row in found.rows] == ["committee", "CommitteeModel(vote_penalty=9.0)"]
    found = compare_label_models(L, y, models={"mine": CoverageVote(), "theirs": "majority_vote"}, budgets=0)
    assert [row["model"] for row in found.rows] == ["mine", "theirs"]


def test_a_model_that_is_given_is_not_changed():
    L, y = planted(60)
    model = MajorityVote()
    compare_label_models(L, y, models=model, budgets=[0, 10])
    assert model.n_classes is None
    assert not hasattr(model, "n_classes_")


def test_a_model_that_fails_shows_its_error_and_stops_no_other():
    L, y = planted(60)
    found = compare_label_models(L, y, models={"broken": Broken(), "majority_vote": "majority_vote"}, budgets=[0, 10])
    rows = {(row["model"], row["budget"]): row for row in found.rows}
    assert rows["broken", 10]["error"] == "ZeroDivisionError: no way"
    assert math.isnan(rows["broken", 10]["accuracy"])
    assert rows["broken", 0]["error"] is None
    assert rows["majority_vote", 10]["error"] is None
    assert found.best() == "majority_vote"
    assert "ZeroDivisionError: no way" in repr(found)
    assert [line.split()[:2] for line in repr(found).splitlines()[-3:-1]] == [["10", "majority_vote"], ["10", "broken"]]


def test_the_table_is_sorted_by_accuracy_and_marks_the_best():
    L, y = planted(400)
    found = compare_label_models(L, y, models={"worse": CoverageVote(), "better": Spy()}, budgets=[0, 50], seeds=2)
    lines = repr(found).splitlines()
    assert lines[0] == "2 label models on 400 rows, 400 labeled"
    assert [line.split()[:2] for line in lines[2:-1]] == [
        ["0", "better"],
        ["0", "worse"],
        ["50", "better"],
        ["50", "worse"],
    ]
    accuracy = found.to_pandas().set_index(["model", "budget"])["accuracy"]
    assert f"{100 * accuracy['better', 0]:.1f} *" in lines[2]
    assert f"{100 * accuracy['worse', 0]:.1f} *" not in lines[3]
    assert " ± " in lines[4]
    assert " ± " not in lines[2]
    assert "<td" in found._repr_html_()
    assert found.best() == found.best(budget=0) == "better"
    with pytest.raises(WeaklabError, match="nothing was measured as 'acuracy' at budget 50"):
        found.best("acuracy")


def test_the_frame_is_tidy():
    L, y = planted()
    frame = compare_label_models(L, y, models=FAST, budgets=[0, 10], seeds=2).to_pandas()
    assert frame.shape == (6, 3 + 2 * len(FIGURES) + 1)
    assert set(frame.groupby("model").size()) == {2}
    assert frame["accuracy"].between(0.5, 1).all()
    assert (frame["seconds"] > 0).all()


def test_the_same_seeds_give_the_same_figures():
    L, y = planted()
    first, second = (compare_label_models(L, y, models=FAST, budgets=20, seeds=[3, 4]).to_pandas() for _ in range(2))
    timed = ["seconds", "seconds_se"]
    assert first.drop(columns=timed).equals(second.drop(columns=timed))


@pytest.mark.parametrize(("n_labeled", "budgets"), [(200, [0, 100]), (50, [0, 25]), (1, [0])])
def test_default_budgets_leave_half_of_the_labels_to_measure_on(n_labeled, budgets):
    L, y = planted()
    found = compare_label_models(L, np.where(np.arange(200) < n_labeled, y, -1), models=FAST, seeds=1)
    assert sorted({row["budget"] for row in found.rows}) == budgets


def test_rows_without_votes_can_be_left_out(seen):
    L, y = planted()
    L[::4] = -1
    spoken = np.flatnonzero(L[:, 0] >= 0)
    sure = {0: np.linspace(0.1, 1, 200)}
    found = compare_label_models(Votes(L, confidence=sure), y, models=[Spy()], budgets=[0, 20], covered=True, seeds=1)
    assert (found.n_rows, found.n_labeled) == (150, 150)
    np.testing.assert_array_equal(seen[0][0].L, L[spoken])
    np.testing.assert_array_equal(seen[0][0].confidence[0], sure[0][spoken])
    assert found.rows[0]["accuracy"] == pytest.approx((L[spoken, 0] == y[spoken]).mean())


def test_scores_reach_the_models():
    L, y = planted()
    votes = np.column_stack([L, np.full(200, -1)])
    scores = {3: np.eye(2)[y] * 0.9 + 0.05}
    found = compare_label_models(Votes(votes, scores), y, models=["crowdlab", "majority_vote"], budgets=0)
    assert found.best() == "crowdlab"
    assert found.rows[0]["accuracy"] > 0.95


def test_classes_come_from_the_truth_as_well_as_from_the_votes():
    row = compare_label_models([[0], [1], [0], [1]], [0, 1, 0, 2], models="majority_vote", budgets=0).rows[0]
    assert row["accuracy"] == 0.75
    assert row["error"] is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": np.full(60, -1)}, "y holds no label, so there is nothing to measure against"),
        ({"budgets": [10, 60]}, "a budget of 60 manual labels leaves none of the 60 labeled rows to measure on"),
        ({"budgets": [-5]}, "budgets must be whole numbers of manual labels from 0"),
        ({"budgets": []}, "budgets must be whole numbers"),
        ({"budgets": 5.0}, r"budgets must be whole numbers of manual labels from 0, got 5\.0"),
        ({"budgets": [1.7]}, r"budgets must be whole numbers of manual labels from 0, got \[1\.7\]"),
        ({"budgets": "10"}, "budgets must be whole numbers of manual labels from 0, got '10'"),
        ({"seeds": "ab"}, "seeds must be a number of draws, 1 or more, .* got 'ab'"),
        ({"seeds": 2.5}, "seeds must be a number of draws"),
        ({"seeds": -1}, "seeds must be a number of draws"),
        ({"models": ["comittee"]}, "no label model named 'comittee'; did you mean 'committee'"),
        ({"exclude": ["snorkl"]}, "no label model named 'snorkl'; did you mean 'snorkel'"),
        ({"models": ["committee", "committee"]}, "each model once"),
        ({"models": [MajorityVote]}, "a label model is a name or a LabelModel, got <class"),
        ({"models": []}, "no label model left to compare"),
        ({"seeds": 0}, "seeds must be a number of draws"),
        ({"seeds": [1, 1]}, "seeds must be a number of draws"),
        ({"y": [0, 1]}, "one code a record, 60 in all"),
        ({"votes": [0, 1]}, "shape"),
        ({"votes": Votes(planted(60)[0], {0: np.ones((3, 2))})}, r"scores\[0\] has shape"),
    ],
)
def test_mistakes_are_refused(change, message):
    L, y = planted(60)
    with pytest.raises(WeaklabError, match=message):
        compare_label_models(**{"votes": L, "y": y, "models": FAST, "budgets": [0], **change})


def test_it_is_at_the_top_of_the_package():
    assert wl.compare_label_models is compare_label_models


def test_numbers_may_be_those_of_numpy(seen):
    L, y = planted(60)
    compare_label_models(L, y, models=[Spy()], budgets=np.int64(10), seeds=np.int64(2))
    compare_label_models(L, y, models=[Spy()], budgets=np.array([5, 20]), seeds=np.array([3]))
    assert [int((given >= 0).sum()) for _, given in seen] == [10, 10, 5, 20]


def test_features_reach_the_models_and_rows_are_judged_by_models_that_have_not_learned_from_them():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 300)
    E = np.eye(2)[truth] + rng.normal(0, 0.3, (300, 2))
    E /= np.linalg.norm(E, axis=1, keepdims=True)
    L = np.where(rng.random((300, 1)) < 0.3, truth[:, None], -1)
    L = np.column_stack([np.where(code == L, code, -1) for code in (0, 1)])
    with_features = compare_label_models(Votes(L, features=E), truth, models="committee", budgets=[0, 20], seeds=1)
    assert (
        with_features.rows[0]["accuracy"]
        > compare_label_models(L, truth, models="committee", budgets=0).rows[0]["accuracy"] + 0.2
    )
    expected = measure(CommitteeModel(n_classes=2).fit_predict_proba(Votes(L, features=E)), truth)
    assert {figure: with_features.rows[0][figure] for figure in expected} == expected


def test_features_of_rows_without_votes_are_left_out_with_them(seen):
    L, y = planted(60)
    L[::4] = -1
    E = np.column_stack([np.linspace(0, 1, 60), np.zeros(60)])
    compare_label_models(Votes(L, features=E), y, models=[Spy()], budgets=0, covered=True)
    np.testing.assert_array_equal(seen[0][0].features, E[L[:, 0] >= 0])
