"""Each figure is the same on every surface, and none is shown from too few answers."""

import re

import pytest

import weaklab
from weaklab.evaluation.audit import estimated_from
from weaklab.evaluation.reliability import bins_for


@pytest.fixture
def labeled(tmp_path):
    """A project with some random answers and some that were picked."""
    project = weaklab.Project(tmp_path / "p", labels=["ham", "spam"], timeout=None, retrain_every=0, use_features=False)
    texts = [f"win prize {i}" if i % 2 else f"{'win' if i % 6 == 0 else 'lunch'} at {i}" for i in range(240)]
    project.add_records(texts, quiet=True)
    project.add(weaklab.keywords("spam", ["win"], name="win"))
    project.add(weaklab.keywords("ham", ["lunch"], name="lunch"))
    for strategy, count in (("random", 14), ("margin", 6), ("random", 4)):
        asks = project.ask(count, strategy=strategy)
        project.label_many([(ask, "spam" if "prize" in ask.text else "ham") for ask in asks])
    with project:
        yield project


def _said(project, tmp_path):
    page = project.report(tmp_path / "r.html").read_text(encoding="utf-8")
    return " ".join(re.sub(r"(?s)<svg.*?</svg>|<style.*?</style>|<[^>]+>", " ", page).split())


def test_report_evaluate_quality_and_reliability_show_the_same_figures(labeled, tmp_path):
    found, page = labeled.evaluate(progress=False), _said(labeled, tmp_path)
    quality, reliability = labeled.label_quality(), labeled.reliability()
    assert quality.accuracy.value == pytest.approx(found.accuracy.value)
    assert quality.accuracy.cells == found.accuracy.cells
    assert f"Labels that are right {found.accuracy.cells[0]}" in page
    assert f"right on {found.committee.value:.1%} of all records" in page
    ahead = found.forecast
    assert (
        f"Forecast with {ahead.at[0]} labels: {ahead.value[0]:.1%} ({ahead.low[0]:.1%} to {ahead.high[0]:.1%})" in page
    )
    assert f"Expected calibration error {reliability.ece:.3f}, from {reliability.n.sum()} random answers" in page
    assert all(figures.precision.short in page for figures in quality.classes.values())
    for surface in (repr(found), repr(quality), page):
        assert estimated_from(found.accuracy.n_audit, 24)[:-1] in " ".join(surface.split())
    estimated = labeled.summary().to_pandas().loc["win", "estimated_accuracy"]
    assert estimated == pytest.approx(found.heuristics["win"].value, nan_ok=True)


def test_a_mistake_is_named_only_if_enough_answers_tell_and_then_with_its_interval(labeled):
    asks = labeled.ask(40, strategy="random")
    labeled.label_many([(ask, "spam" if n % 4 else "ham") for n, ask in enumerate(asks)])
    quality = labeled.label_quality()
    cells = quality.confusion().dropna(subset=["records"])
    mistakes = quality.mistakes()
    assert len(mistakes)
    assert mistakes.records.tolist() == cells[cells.truth != cells.label].query("records >= 0.5").records.tolist()
    row = mistakes.iloc[0]
    line = (
        f"{row['truth']} labeled {row['label']}: {row['records']:,.0f} records ({row['low']:,.0f}-{row['high']:,.0f})"
    )
    assert f"most frequent mistakes: {line}" in " ".join(repr(quality).split())


def test_no_mistake_is_named_from_one_answer(tmp_path):
    with weaklab.Project(tmp_path / "p", labels=["a", "b", "c"], timeout=None, use_features=False) as project:
        project.add_records([f"{'xyz'[i % 3]} {i}" for i in range(300)], quiet=True)
        for label, word in zip("abc", "xyz", strict=True):
            project.add(weaklab.keywords(label, [word], name=word))
        asks = project.ask(12, strategy="random")
        project.label_many([(ask, "c" if n < 2 else "abc"["xyz".index(ask.text[0])]) for n, ask in enumerate(asks)])
        quality = project.label_quality()
        assert quality.every.judged.mistakes()
        assert quality.mistakes().empty
        assert "most frequent mistakes" not in repr(quality)


def test_what_is_said_of_the_answers_counts_those_that_were_not_drawn_at_random():
    assert estimated_from(12, 12) == "Estimated from 12 random answers."
    assert estimated_from(1, 2) == "Estimated from 1 random answer; the other 1 was not drawn at random."


def test_bins_follow_the_number_of_records():
    assert [bins_for(n) for n in (0, 99, 100, 999, 1000)] == [5, 5, 10, 10, 15]
