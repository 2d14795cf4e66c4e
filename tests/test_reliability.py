"""Labels at a precision reach this precision, and reliability agrees with the answers."""

import forked
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

import weaklab
from weaklab.core.errors import WeaklabError, WeaklabWarning
from weaklab.core.metrics import ece
from weaklab.core.thresholds import (
    betting_bound,
    clopper_pearson,
    least_audit,
    log_stake,
    lower_bound,
    slices,
    threshold_for,
)
from weaklab.evaluation.precision import audited_reliability, labels_at_precision
from weaklab.evaluation.reliability import reliability
from weaklab.label_models import CoverageVote, MajorityVote


def best_of_all_slices(confidence, right, precision):
    """The search that a promise must not be chosen by: the largest slice whose bound reaches the precision."""
    order = np.argsort(-confidence)
    good = np.cumsum(right[order])
    passing = [n for n in range(1, len(good) + 1) if lower_bound(good[n - 1], n) >= precision]
    return confidence[order][passing[-1] - 1] if passing else np.inf


def test_threshold_is_valid_where_the_best_of_all_slices_is_not():
    """79.5 % are right at every confidence, so that to promise 80 % is wrong: the best of all slices does it in 20 % of
    400 draws."""
    rng = np.random.default_rng(0)
    broken, naive = [], []
    for _ in range(400):
        confidence, right = rng.random(400), rng.random(400) < 0.795
        broken.append(threshold_for(confidence, right, precision=0.8).kept)
        naive.append(np.isfinite(best_of_all_slices(confidence, right, 0.8)))
    assert np.mean(broken) <= 0.05
    assert np.mean(naive) > 0.1


@pytest.mark.parametrize(
    ("precision", "chance"),
    [
        (0.8, lambda sure: np.full(len(sure), 0.795)),
        (0.95, lambda sure: np.full(len(sure), 0.949)),
        (0.9, lambda sure: np.where(sure > 0.5, 0.899, 0.5)),
        (0.7, lambda sure: 0.4 + 0.5 * sure),
        (0.8, lambda sure: np.where(sure > 0.75, 0.7, 0.81)),
    ],
)
def test_threshold_is_valid_under_repeated_looks(precision, chance):
    rng = np.random.default_rng(1)
    grid = (np.arange(10_000) + 0.5) / 10_000
    precise = np.cumsum(chance(grid)[::-1])[::-1] / np.arange(10_000, 0, -1)  # of all records from each confidence on
    broken = []
    for _ in range(60):
        sure = rng.random(600)
        right = rng.random(600) < chance(sure)
        found = [threshold_for(sure[:n], right[:n], precision) for n in range(60, 601, 60)]
        broken.append(
            any(
                one.kept and precise[np.searchsorted(grid, one.min_confidence).clip(max=9999)] < precision
                for one in found
            )
        )
    assert np.mean(broken) <= 0.06  # 3 of 60


@pytest.mark.parametrize("levels", [0, 5])
@pytest.mark.parametrize("n_audit", [100, 1000])
def test_threshold_is_valid_for_informative_confidences(n_audit, levels):
    """Also where only ``levels`` different confidences occur."""
    rng = np.random.default_rng(n_audit + levels)
    grid = (np.arange(20_000) + 0.5) / 20_000
    grid, chance = (
        (np.floor(levels * grid) / levels, 0.79 + 0.05 * np.floor(levels * grid))
        if levels
        else (grid, 0.7 + 0.3 * grid**0.5)
    )
    broken, covered = [], []
    for _ in range(400):
        drawn = rng.integers(0, len(grid), n_audit)
        found = threshold_for(grid[drawn], rng.random(n_audit) < chance[drawn])
        broken.append(found.kept and chance[grid >= found.min_confidence].mean() < 0.95)
        covered.append(found.coverage)
    assert np.mean(broken) <= 0.05
    if n_audit == 1000 and not levels:
        assert np.mean(covered) > 0.02  # a promise of nothing is no achievement


def test_the_risk_is_spent_once_on_slices_that_grow():
    for n in (1, 7, 80, 1000):
        sizes, own = slices(n)
        assert own.sum() == pytest.approx(1)
        assert (np.diff(sizes) >= 0).all()
        assert (sizes[0], sizes[-1]) == (-(-n // 4), n)


@pytest.mark.parametrize("precision", [0.5, 0.8, 0.95, 0.99])
def test_stake_is_a_supermartingale_under_the_null_hypothesis(precision):
    for chance in (precision, precision - 0.1):
        for n in (1, 5, 60):
            wrong = np.arange(n + 1)
            expected = (binom.pmf(wrong, n, 1 - chance) * np.exp(log_stake(n, wrong, precision))).sum()
            assert expected <= 1 + 1e-9


@pytest.mark.parametrize(("n", "wrong", "risk"), [(80, 0, 0.025), (200, 6, 0.05), (10, 10, 0.05), (0, 0, 0.05)])
def test_bound_is_where_the_stake_reaches_the_inverse_risk(n, wrong, risk):
    low = betting_bound(n, wrong, risk)
    assert 0 <= low <= (n - wrong) / max(n, 1)
    if low > 1e-6:
        assert log_stake(n, wrong, low) == pytest.approx(-np.log(risk), abs=1e-3)


@settings(max_examples=50, deadline=None)
@given(st.integers(51, 99).map(lambda x: x / 100), st.integers(55, 98).map(lambda x: x / 100))
def test_the_least_number_of_random_answers_is_where_all_right_suffices(precision, level):
    least = least_audit(precision, level)
    assert threshold_for(np.ones(least), np.ones(least, dtype=bool), precision, level).kept
    assert least == 1 or not threshold_for(np.ones(least - 1), np.ones(least - 1, dtype=bool), precision, level).kept


def test_first_failing_slice_ends_the_tests():
    right = np.ones(400, dtype=bool)
    right[240:280] = False
    found = threshold_for(np.linspace(1, 0, 400), right)
    assert (found.n, found.right, found.n_audit) == (240, 240, 400)
    right[:20] = False
    lost = threshold_for(np.linspace(1, 0, 400), right)
    assert (lost.kept, lost.min_confidence, lost.coverage) == (False, np.inf, 0)
    assert "80 of 100 random answers agree" in str(lost)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=20, max_size=60), st.randoms())
def test_record_order_has_no_effect_and_ties_stay_together(records, random):
    confidence, right = (np.array(column) for column in zip(*records, strict=True))
    found = threshold_for(confidence, right, precision=0.7, level=0.8)
    assert found.n == ((confidence >= found.min_confidence).sum() if found.kept else found.n)
    order = np.array(random.sample(range(len(right)), len(right)))
    assert threshold_for(confidence[order], right[order], precision=0.7, level=0.8) == found


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 80), st.data())
def test_bounds_are_those_of_the_binomial_tails(n, data):
    right = data.draw(st.integers(0, n))
    low, high = clopper_pearson(right, n)
    assert binom.sf(right - 1, n, low) == pytest.approx(0.025 if right else 1)
    assert binom.cdf(right, n, high) == pytest.approx(0.025 if right < n else 1)


def test_tied_records_get_no_label_and_do_not_count_against_the_others():
    audit = np.array([[0.9, 0.1]] * 90 + [[0.5, 0.5]] * 40)
    found = labels_at_precision(audit, np.full(130, -1), audit, np.zeros(130, dtype=int), 0.95, ["a", "b"])
    assert (found.threshold.n, found.threshold.n_audit) == (90, 90)
    assert found.labels == ["a"] * 90 + [None] * 40


def planted(n=400, wrong=0.0, seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, n)
    votes = np.where(rng.random((n, 3)) < wrong, 1 - truth[:, None], truth[:, None])
    votes[rng.random((n, 3)) < 0.3] = -1
    return votes, truth


def test_label_model_labels_records_above_the_audited_threshold():
    L, truth = planted(3000, wrong=0.15)
    model = CoverageVote().fit(L)
    every = model.label_or_abstain(L)
    codes = model.label_or_abstain(L, precision=0.95, audit=np.where(np.arange(3000) < 500, truth, -1))
    assert (every == truth)[every >= 0].mean() < 0.9
    assert (codes == truth)[codes >= 0].mean() >= 0.95
    assert (codes >= 0).mean() > 0.5


def test_label_model_labels_nothing_without_enough_audit_labels():
    L, truth = planted()
    model = MajorityVote().fit(L)
    with pytest.warns(WeaklabWarning, match="80 random answers or more, and there are 3[0-9]; get 4[0-9] more"):
        codes = model.label_or_abstain(L, precision=0.95, audit=np.where(np.arange(len(L)) < 40, truth, -1))
    assert (codes == -1).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"precision": 0.95}, "a promise that only labels can back; give audit"),
        ({"precision": 0.95, "min_confidence": 0.5, "audit": np.zeros(400, int)}, "leave min_confidence=0.5 out"),
        ({"precision": 1.0, "audit": np.zeros(400, int)}, "precision must be between 0 and 1"),
        (
            {"precision": "0.9", "audit": np.zeros(400, int)},
            "precision must be between 0 and 1, such as 0.95, got '0.9'",
        ),
        ({"precision": True, "audit": np.zeros(400, int)}, "precision must be between 0 and 1"),
        ({"precision": float("nan"), "audit": np.zeros(400, int)}, "precision must be between 0 and 1"),
        ({"precision": 0.9, "audit": np.zeros(9, int)}, "one code a record, 400 in all"),
    ],
)
def test_mistakes_with_a_precision_are_named(options, message):
    L, _ = planted()
    with pytest.raises(WeaklabError, match=message):
        MajorityVote().fit(L).label_or_abstain(L, **options)


@pytest.mark.parametrize(
    ("confidence", "right", "message"),
    [
        ([0.5], [True, False], "a number and a bool for each audit record"),
        ([0.5, 0.4], [1, 0], "right of int64"),
        ([0.5, np.nan], [True, False], "NaN or infinity"),
    ],
)
def test_mistakes_with_a_threshold_are_named(confidence, right, message):
    with pytest.raises(WeaklabError, match=message):
        threshold_for(confidence, right)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 5), st.integers(1, 20))
def test_reliability_adds_up_to_the_calibration_error(seed, k, bins):
    rng = np.random.default_rng(seed)
    P, y = rng.dirichlet(np.ones(k), 30), rng.integers(-1, k, 30)
    y[0] = 0
    found = reliability(P, y, bins)
    assert found.n.sum() == (y >= 0).sum()
    assert (
        (found.n * np.abs(found.gap)).sum() / found.n.sum()
        == pytest.approx(ece(P, y, bins))
        == pytest.approx(found.ece)
    )
    assert ((found.low - 1e-9 <= found.confidence) & (found.confidence <= found.high + 1e-9)).all()
    assert ((found.right_low <= found.right) & (found.right <= found.right_high)).all()


def test_reliability_shows_how_far_a_committee_is_too_sure():
    P = np.array([[0.9, 0.1]] * 10 + [[0.6, 0.4]] * 10)
    found = reliability(P, [0] * 5 + [1] * 5 + [0] * 6 + [1] * 4, bins=10)
    frame = found.to_pandas()
    assert frame["gap"].tolist() == pytest.approx([0.0, -0.4])
    assert frame["n"].tolist() == [10, 10]
    assert found.ece == pytest.approx(0.2)


def test_the_diagram_has_a_point_a_bin_and_a_bar_a_bin(tmp_path):
    P = np.array([[0.9, 0.1]] * 10 + [[0.6, 0.4]] * 10)
    found = reliability(P, [0] * 20)
    figure = found.plot(tmp_path / "diagram.png")
    upper, lower = figure.axes
    assert upper.lines[1].get_xydata() == pytest.approx(np.column_stack([found.confidence, found.right]))
    assert [bar.get_height() for bar in lower.patches] == [10, 10]
    assert (tmp_path / "diagram.png").read_bytes().startswith(b"\x89PNG")


def test_reliability_without_random_answers_says_how_to_get_them():
    with pytest.raises(WeaklabError, match=r"no record that was drawn at random has a label.*strategy='random'"):
        audited_reliability(np.empty((0, 2)), np.empty(0, dtype=int))


def corpus(n=300, seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, n)
    X = np.eye(2)[truth] + rng.normal(0, 0.25, (n, 2))
    return X, truth


def test_a_loop_counts_only_what_it_drew_at_random():
    X, truth = corpus()
    loop = weaklab.Loop(X, ["a", "b"], classifiers=["logistic_regression"])
    picks = loop.ask(10)
    rows = [pick.row for pick in picks]
    loop.label([*rows, 299], truth[[*rows, 299]])
    assert set(np.flatnonzero(loop.at_random)) == {pick.row for pick in picks if pick.strategy == "random"}
    asked = [pick.row for pick in loop.ask(70, strategy="random")]
    assert loop.at_random.sum() == 2
    loop.label(asked, truth[asked])
    assert loop.at_random.sum() == 72
    assert loop.reliability().n.sum() == 72


def test_loop_labels_at_precision_and_keeps_manual_labels():
    X, truth = corpus()
    loop = weaklab.Loop(X, ["a", "b"], classifiers=["logistic_regression"])
    first = [pick.row for pick in loop.ask(20, strategy="random")]
    loop.label(first, truth[first])
    little = loop.label_or_abstain(precision=0.95)
    assert set(np.flatnonzero(little.codes >= 0)) == set(first)
    assert "80 random answers or more, and there are 20; get 60 more with `weaklab label" in repr(little)
    asked = [pick.row for pick in loop.ask(80, strategy="random")]
    loop.label(asked, truth[asked])
    found = loop.label_or_abstain(precision=0.95)
    assert found.threshold.kept
    assert (found.codes == truth)[found.codes >= 0].mean() >= 0.95
    assert found.coverage > 0.5
    assert found.labels[first[0]] == "ab"[truth[first[0]]]


def test_loop_is_judged_out_of_fold():
    """Labels are noise: a committee that is judged on labels that it has seen could promise a lot."""
    rng = np.random.default_rng(1)
    X, truth = rng.normal(size=(300, 40)), rng.integers(0, 2, 300)
    loop = weaklab.Loop(X, ["a", "b"], classifiers=["logistic_regression"])
    asked = [pick.row for pick in loop.ask(150, strategy="random")]
    loop.label(asked, truth[asked])
    assert loop.label_or_abstain(precision=0.8).coverage == 0.5


PRIZES = ["win a prize", "free prize draw", "your prize waits"]
LUNCHES = ["lunch at noon", "meet for lunch", "lunch again"]


@pytest.fixture
def project(tmp_path):
    with weaklab.Project(
        tmp_path / "p", labels=["ham", "spam"], timeout=None, retrain_every=0, share_answers=0
    ) as made:
        texts = [f"{(PRIZES + LUNCHES)[i % 6]} {i}" for i in range(120)]
        made.add_records([{"id": f"r{i}", "text": text} for i, text in enumerate(texts)])
        made.add(weaklab.keywords("spam", ["prize"]))
        made.add(weaklab.keywords("ham", ["lunch"]))
        yield made


def answer(project, n, strategy="random"):
    project.label_many([(ask, "spam" if "prize" in ask.text else "ham") for ask in project.ask(n, strategy=strategy)])


def test_project_exports_labels_at_precision(project, tmp_path):
    answer(project, 20)
    with pytest.warns(WeaklabWarning, match="there are 20; get 60 more"):
        project.export(tmp_path / "little.csv", precision=0.95)
    assert pd.read_csv(tmp_path / "little.csv")["label"].notna().sum() == 20
    answer(project, 65)
    project.export(tmp_path / "all.csv", precision=0.95)
    assert pd.read_csv(tmp_path / "all.csv")["label"].notna().mean() > 0.9
    frame = project.label_or_abstain(0.95).to_pandas()
    assert frame["manual"].sum() == 85
    assert frame["id"].tolist() == project.labels()["id"].tolist()
    with pytest.raises(WeaklabError, match=r"leave min_confidence=0\.5 out"):
        project.export(tmp_path / "x.csv", precision=0.95, min_confidence=0.5)


def test_a_project_judges_by_random_answers_alone(project):
    project.label_many({f"r{i}": "spam" if i % 6 < 3 else "ham" for i in range(60)})
    with pytest.raises(WeaklabError, match="no record that was drawn at random has a label"):
        project.reliability()
    assert project.label_or_abstain().threshold.n_audit == 0


@pytest.mark.parametrize("late", [1, 5, 30])
def test_random_answers_before_an_import_do_not_cover_later_records(project, late):
    answer(project, 85)
    assert project.label_or_abstain().coverage > 0.9
    before = project.reliability()
    project.add_records([{"id": f"late{i}", "text": f"late lunch {i}"} for i in range(late)])
    found = project.label_or_abstain()
    assert found.coverage > 0.9 * 120 / (120 + late)
    assert set(found.labels[120:]) == {None}
    assert f"{late} record{'s' * (late > 1)} came after the last random answer" in repr(found)
    after = project.reliability()
    assert after.n.sum() == before.n.sum() == 85
    assert (after.right_low <= before.right_low + 1e-9).all()
    assert (after.right_low < before.right_low - 1e-6).any() or late == 1  # the one may be in a bin without answers
    assert "nan" not in repr(after)


def right(asks):
    return [(ask, "spam" if "prize" in ask.text else "ham") for ask in asks]


def test_draws_before_an_import_do_not_cover_it_even_if_answered_later(project):
    asks = project.ask(85, strategy="random")
    project.add_records([{"id": f"late{i}", "text": f"late lunch {i}"} for i in range(10)])
    project.label_many(right(asks))
    found = project.label_or_abstain()
    assert set(found.labels[120:]) == {None}
    assert found.coverage == pytest.approx(120 / 130)
    accuracy = project.evaluate().committee
    assert accuracy.known
    assert accuracy.low < 120 / 130


@pytest.mark.parametrize("answered", [0, 30])
def test_draws_after_a_small_import_count(project, answered):
    if answered:
        answer(project, answered)
    project.add_records([{"id": "late", "text": "late lunch"}])
    asks = project.ask(80, strategy="random")
    project.label_many(right(asks[:1]))
    project.label_many(right(asks[1:]))
    answer(project, 5)
    found = project.label_or_abstain()
    assert found.threshold.n_audit >= 85
    assert found.coverage > 0.9


@forked.needs_fork
def test_command_line_shows_reliability_explains_and_exports_at_precision(project):
    answer(project, 85)

    def run(*arguments):
        done = forked.run(forked.COMMAND_LINE, *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    folder = project.path
    shown = run("reliability", folder, "--plot", "diagram.svg")
    assert "expected calibration error" in shown
    assert "Judged by 85 random answers" in shown
    assert "wrote diagram.svg" in shown
    assert "wrote 120 rows" in run("export", folder, "out.csv", "--precision", "0.95")
    assert pd.read_csv("out.csv")["label"].notna().mean() > 0.9
    assert "spam rather than ham" in run("explain", folder, "r0")


def test_several_questions_about_one_state_are_worked_out_once(project, monkeypatch):
    answer(project, 65)
    promised = project.label_or_abstain().codes.tolist()
    monkeypatch.setattr(
        "weaklab.label_models.CommitteeModel.fit_predict_proba", lambda *given: pytest.fail("fitted again")
    )
    assert project.label_or_abstain().codes.tolist() == promised


@pytest.mark.parametrize(("n", "wrong"), [(90, 3), (200, 8), (400, 12), (1000, 45)])
def test_a_failed_promise_says_how_many_more_answers_would_do_and_what_can_be_promised_now(n, wrong):
    def answers(count):
        right = np.ones(count, dtype=bool)
        right[np.linspace(0, count - 1, round(wrong * count / n)).astype(int)] = False
        return np.linspace(1, 0.5, count), right

    found = threshold_for(*answers(n))
    assert not found.kept
    assert threshold_for(*answers(n), precision=found.possible - 1e-6).kept
    assert f"{np.floor(100 * found.possible) / 100:.2f} can be promised now." in str(found)
    if found.more is None:
        assert "More answers do not help" in str(found)
    else:
        assert f"{found.more:,} more would do: `weaklab label" in str(found)
        assert threshold_for(*answers(round(1.1 * (n + found.more)))).kept
