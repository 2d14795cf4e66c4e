"""Precision, recall and F1 of labels from random answers, compared with the truth."""

import numpy as np
import pandas as pd
import pytest
from test_audit import pick

import weaklab
from weaklab.core.errors import ProjectError
from weaklab.evaluation.audit import LEAST_ANSWERS, Sample
from weaklab.evaluation.class_figures import JudgedLabels
from weaklab.evaluation.label_quality import FIGURES, confusion_counts, exact_figures
from weaklab.project.label_quality import _by_values


class Drawn:
    """Answers over arrays, as JudgedLabels takes them."""

    def __init__(self, rows, truth, sample):
        self.all_rows, self.all_codes, self.strata = rows, truth[rows], np.array([len(truth)])
        self._sample = sample

    def parts(self):
        return [(len(self._sample.turn), np.ones(len(self.all_rows), dtype=bool), self._sample)]


def planted(rng, n, shares, accuracy):
    truth = rng.choice(len(shares), n, p=shares)
    wrong = (truth + rng.integers(1, len(shares), n)) % len(shares)
    return truth, np.where(rng.random(n) < accuracy, truth, wrong)


@pytest.mark.parametrize("exported", [True, False])
def test_intervals_hold_the_truth_at_their_rate_with_a_class_of_3_percent(exported):
    rng = np.random.default_rng(3)
    held = {name: [] for name in FIGURES} | {"rare": [], "cell": []}
    for _ in range(50):
        truth, labels = planted(rng, 2000, [0.6, 0.37, 0.03], rng.uniform(0.75, 0.95))
        rows, sample = pick((truth == labels).astype(float), rng, n_labels=400, batch=50, share=0.6)
        final = labels.copy()
        if exported:
            final[rows] = truth[rows]
        counts = confusion_counts(truth, final, 3)
        judged = JudgedLabels(labels, labels[rows], Drawn(rows, truth, sample), exported=exported)
        for code in range(3):
            figures = judged.of_class(code)
            for name, values in exact_figures(counts).items():
                estimate = getattr(figures, name)
                inside = estimate.low - 1e-9 <= values[code] <= estimate.high + 1e-9
                held[name].append(inside)
                if code == 2:
                    held["rare"].append(inside)
            cell = judged.cell(code, 0)
            held["cell"].append(cell.low - 1e-6 <= counts[code, 0] <= cell.high + 1e-6)
    assert {name: np.mean(inside) for name, inside in held.items() if np.mean(inside) < 0.92} == {}


def test_all_labeled_is_exact():
    truth, labels = np.array([0, 0, 1, 1, 1]), np.array([0, 1, 1, 1, -1])
    sample = Sample(5, at_random=[False] * 5, turn=[-1] * 5)
    judged = JudgedLabels(labels, labels, Drawn(np.arange(5), truth, sample))
    found = judged.of_class(1)
    assert (found.precision.value, found.recall.value, found.f1.value) == (2 / 3, 2 / 3, 2 / 3)
    assert found.recall.known
    assert found.recall.low == found.recall.high
    assert judged.accuracy().value == 3 / 5
    assert judged.cell(1, -1).value == 1
    assert judged.cell(0, -1).value == 0
    assert judged.mistakes() == [(0, 1), (1, -1)]
    manual = JudgedLabels(labels, labels, Drawn(np.arange(5), truth, sample), exported=True).of_class(1)
    assert (manual.precision.value, manual.recall.value, manual.labeled) == (1, 1, 3)


def test_few_answers_show_no_figure():
    truth, labels = planted(np.random.default_rng(0), 300, [0.5, 0.5], 0.9)
    rows = np.arange(LEAST_ANSWERS - 1)
    sample = Sample(300, at_random=[True] * len(rows), turn=[0] * len(rows))
    figures = JudgedLabels(labels, labels[rows], Drawn(rows, truth, sample)).of_class(0)
    assert not any(getattr(figures, name).known for name in FIGURES)


@pytest.fixture
def project(tmp_path):
    made = weaklab.Project(tmp_path / "p", labels=["ham", "spam"], timeout=None, share_answers=0)
    rows = [{"text": f"{'prize' if i % 3 == 0 else 'lunch'} {i}", "kind": "ab"[i % 2], "size": i} for i in range(120)]
    truth = ["spam" if i % 3 == 0 and i % 7 else "ham" for i in range(120)]
    made.add_records([{**row, "gold": label} for row, label in zip(rows, truth, strict=True)], gold="gold", quiet=True)
    made.add(weaklab.keywords("spam", ["prize"], name="prize"))
    made.add(weaklab.keywords("ham", ["lunch"], name="lunch"))
    with made:
        yield made


def answer(project, count):
    gold = dict(zip(project.corpus.ids.to_pylist(), project.corpus.gold(), strict=True))
    project.label_many([(ask, gold[ask.id]) for ask in project.ask(count, strategy="random")])
    project.run(progress=False)


def test_a_project_without_answers_has_gold_figures_alone(project):
    frame = project.label_quality().to_pandas().set_index("label")
    assert frame.gold_precision["spam"] == pytest.approx(34 / 40)
    assert frame.precision.isna().all()
    assert "not known yet" in repr(project.label_quality())


def test_estimates_hold_what_gold_says(project):
    answer(project, 60)
    quality = project.label_quality()
    frame = quality.to_pandas()
    for name in FIGURES:
        known = frame[frame[name].notna()]
        assert len(known)
        assert known[f"gold_{name}"].between(known[f"{name}_low"], known[f"{name}_high"]).all()
    assert quality.accuracy.value == pytest.approx(project.evaluate(progress=False).accuracy.value)
    cells = quality.confusion()
    assert cells.gold.sum() == 120
    assert cells.records.sum() == pytest.approx(120, abs=1)


@pytest.mark.parametrize(
    ("by", "first"), [("kind", "a"), ("size", "0 to 29"), ("prize", "abstains"), ("confidence", "confidence ")]
)
def test_slices_share_out_the_records(project, by, first):
    answer(project, 30)
    frame = project.label_quality(by).slices()
    assert frame.records.sum() == 120
    assert frame.slice[0].startswith(first)
    assert len(project.label_quality(by).slices(per_class=True)) == 2 * len(frame)


@pytest.mark.parametrize(
    ("values", "names", "counts"),
    [
        ([*range(41), None], ["0 to 10"], [11, 10, 10, 10, 1]),
        ([0] * 90 + list(range(30)), ["0", "over 0 to 29"], [91, 29]),
        ([10, 9, None, 10, 2], ["2", "9", "10", "(empty)"], [1, 1, 2, 1]),
        (["2026-01-03", "2026-01-01", None], ["2026-01-01", "2026-01-03", "(empty)"], [1, 1, 1]),
        (pd.date_range("2026-01-01", periods=28), 4 * ["2025-12-29 to 2026-01-04"], [4, 7, 7, 7, 3]),
        (pd.date_range("2026-01-15", periods=300, tz="Europe/Berlin"), ["2026-01"], [17, 28]),
        (pd.date_range("1900-01-01", periods=100, freq="YS"), ["1900 to 1924"], [25, 25, 25, 25]),
        (["2026-01-01", "tomorrow", "tomorrow"], ["tomorrow", "2026-01-01"], [2, 1]),
        ([None, None], ["(empty)"], [2]),
    ],
)  # fmt: skip
def test_slices_of_numbers_and_dates_are_in_order(values, names, counts):
    slices, numbers = _by_values(pd.Series(values))
    assert slices[0] == names[0]
    assert np.bincount(numbers).tolist()[: len(counts)] == counts
    assert len(slices) == numbers.max() + 1
    if len(slices) == len(names):
        assert slices == names


@pytest.mark.parametrize(("most", "n"), [(20, 19), (8, 7), (2, 2)])
def test_slices_are_fewer_where_fewer_can_be_known(most, n):
    months = pd.Series(pd.date_range("2026-01-15", periods=19, freq="MS").repeat(10))
    assert len(_by_values(months, most)[0]) == n
    numbers = pd.Series(range(19))
    assert len(_by_values(numbers, most)[0]) == (19 if most == 20 else min(most, 4))
    assert len(_by_values(pd.Series(list("abc")), most)[0]) == 3


def test_a_slice_of_nothing_is_refused(project):
    with pytest.raises(ProjectError, match="did you mean 'prize'"):
        project.label_quality("prise")


def test_an_empty_project_says_what_comes_first(tmp_path):
    with weaklab.Project(tmp_path / "e", labels=["a", "b"]) as project, pytest.raises(ProjectError, match="no record"):
        project.label_quality()


def test_weights_are_probabilities_of_labels(project, tmp_path):
    import pyarrow.parquet as pq

    frame = project.labels(sample_weight=True)
    assert frame.sample_weight.tolist() == frame[["p_ham", "p_spam"]].max(axis=1).tolist()
    project.export(tmp_path / "l.parquet", sample_weight=True, min_confidence=0.999)
    written = pq.read_table(tmp_path / "l.parquet").to_pandas()
    assert (written.sample_weight[written.label.isna()] == 0).all()


def test_the_benchmark_judges_every_figure():
    from benchmarks.class_quality import run

    found = run(2, labels=50)
    assert {"recall, rare class", "precision, other classes", "confusion matrix, rare class"} <= set(found)
    assert all(row["shown"] <= row["figures"] for row in found.values())
