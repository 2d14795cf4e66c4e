"""The report: one HTML file that escapes what records say, and says in words what too few answers tell."""

import io
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

import weaklab
from weaklab.core.errors import WeaklabError
from weaklab.evaluation.plots import write_figure
from weaklab.evaluation.reliability import reliability
from weaklab.report.html_file import inline_svg
from weaklab.report.plots import plot_confusion, plot_history, plot_map, plot_reliability

HOSTILE = '</svg><script>alert(1)</script><img src=x onerror="alert(2)"> $x^2$ -->'


class Elements(HTMLParser):
    """The names and attributes of all elements of a page, and its texts."""

    def __init__(self, page):
        super().__init__()
        self.names, self.attributes, self.texts = [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.names.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.texts.append(data)


def report_of(project, tmp_path):
    page = project.report(tmp_path / "report.html").read_text(encoding="utf-8")
    return page, Elements(page)


def links(found):
    return [value for name, value in found.attributes if name in ("href", "src", "xlink:href")]


def test_report_of_a_labeled_project_stands_alone(tmp_path):
    project = weaklab.Project(tmp_path / "p", labels=["ham", "spam"], timeout=None, retrain_every=0)
    texts = [f"win prize {i}" for i in range(30)] + [f"lunch at {i}" for i in range(30)]
    project.add_records(texts, quiet=True)
    project.add(weaklab.keywords("spam", ["prize"]))
    project.add(weaklab.keywords("ham", ["lunch", "win"]))
    for number, ask in enumerate(project.ask(40, strategy="random")):
        project.label(ask, "spam" if "prize" in ask.text else "ham", annotator=["Ann", "Bob"][number % 2])
    page, found = report_of(project, tmp_path)
    assert not {"script", "link", "iframe", "object", "embed", "foreignobject", "image"} & set(found.names)
    assert all(target.startswith("#") for target in links(found))
    assert not re.search(r"url\((?!#)|@import", page)
    assert found.names.count("svg") >= 8
    assert {"Learning curve", "How it was made", "Ann", "keywords_spam_prize"} <= set(found.texts)
    ids = [value for name, value in found.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    assert len(page) < 1_000_000


def test_hostile_names_and_texts_are_text(tmp_path):
    project = weaklab.Project(tmp_path / "<i>p", labels=["ham", HOSTILE], timeout=None, retrain_every=0)
    project.add_records([{"id": f"{HOSTILE}{i}", "text": f"{HOSTILE} \u202e {i}"} for i in range(12)], quiet=True)
    project.add(weaklab.pattern(HOSTILE, r"1", name="<b>one"))
    project.add(weaklab.pattern("ham", r"2|11", name="2 $x$ 🙂 日本"))
    for record in project.corpus.ids.to_pylist()[:4]:
        project.label(record, HOSTILE, annotator="<u>Eve")
    _, found = report_of(project, tmp_path)
    assert not {"script", "img", "i", "b", "u"} & set(found.names)
    assert not any(name.startswith("on") for name, _ in found.attributes)
    assert any("<script>alert(1)" in text for text in found.texts)


def test_what_nobody_labeled_is_said_in_words(tmp_path):
    project = weaklab.Project(tmp_path / "p", labels=["ham", "spam"], timeout=None)
    with pytest.raises(WeaklabError, match="nothing to report, because no record"):
        project.report(tmp_path / "report.html")
    project.add_records(pd.DataFrame({"size": [3.0]}), quiet=True)
    _, found = report_of(project, tmp_path)
    said = " ".join(found.texts)
    assert "a figure takes 10" in said
    assert "There is no heuristic yet" in said
    assert "Nobody has labeled a record yet" in said
    texts = weaklab.Project(tmp_path / "q", labels=["ham", "spam"], timeout=None)
    texts.add_records(["a", "b"], quiet=True)  # no word is left for features
    page, found = report_of(texts, tmp_path)
    assert any("There is no map" in text for text in found.texts)
    assert str(tmp_path) not in page
    with pytest.raises(WeaklabError, match=r"wanted a name that ends in \.html"):
        project.report(tmp_path / "report.pdf")


def test_a_report_of_77_labels_lists_mistakes(tmp_path):
    labels = [f"label_{i}" for i in range(77)]
    project = weaklab.Project(tmp_path / "p", labels=labels, timeout=None, retrain_every=0)
    frame = pd.DataFrame(
        {"text": [f"word{i % 77} {i}" for i in range(77)], "truth": [labels[i % 70] for i in range(77)]}
    )
    project.add_records(frame, gold="truth", quiet=True)
    for i in range(0, 77, 9):
        project.add(weaklab.keywords(labels[i], [f"word{i}"]))
    _, found = report_of(project, tmp_path)
    assert any("Most frequent mistakes" in text for text in found.texts)
    assert any("The 20 most frequent labels of 77." in text for text in found.texts)


def test_the_legend_of_a_map_fits_and_counts_all_records_and_few_answers_have_no_point():
    names = [f"pending_cash_withdrawal_{code}" for code in range(12)]
    places = pd.DataFrame({"x": np.arange(2400.0), "y": 1.0, "code": np.arange(2400) % 12, "manual": False})
    figure = plot_map(places, names)
    figure.canvas.draw()
    [legend] = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [f"{name} (200)" for name in names]
    assert legend.get_window_extent().x1 <= figure.bbox.x1
    found = reliability(np.array([[0.9, 0.1]] * 20 + [[0.61, 0.39]]), np.array([0] * 21), bins=5)
    upper = plot_reliability(found).axes[0]
    assert upper.lines[1].get_xdata().tolist() == [pytest.approx(0.9)]


def test_a_plot_alone_is_a_file_and_follows_the_theme_in_a_page(tmp_path):
    cells = pd.DataFrame({"truth": ["ham", "ham"], "label": ["ham", None], "records": [7.0, float("nan")]})
    figure = plot_confusion(cells)
    for name in ("plot.svg", "plot.png"):
        assert write_figure(figure, tmp_path / name).stat().st_size > 1000
    picture, size = figure._repr_png_()  # what a notebook shows
    assert picture.startswith(b"\x89PNG")
    assert size["width"] < 500
    svg = inline_svg(figure, 'what "it" shows', "one")
    assert svg.startswith("<svg viewBox=")
    assert 'aria-label="what &#34;it&#34; shows"' in svg
    assert "var(--c1)" in svg
    assert not re.search(r"#[0-9a-f]{6}", svg)


def test_a_report_tells_of_the_crowd(tmp_path):
    rng = np.random.default_rng(0)
    rows = [
        {
            "item": i,
            "worker": HOSTILE if j == 3 else f"w{j}",
            "label": ["ham", "spam"][i % 2 ^ int(rng.random() < wrong)],
        }
        for i in range(60)
        for j, wrong in enumerate([0.1, 0.1, 0.1, 0.5])
    ]
    with weaklab.Project(tmp_path / "p", labels=["ham", "spam"], retrain_every=0) as project:
        project.add_crowd(rows, quiet=True)
        for ask in project.ask(12, strategy="random"):
            project.label(ask, ["ham", "spam"][int(ask.id) % 2])
        found = report_of(project, tmp_path)[1]
        said = " ".join(found.texts)
        assert "The crowd" in found.texts
        assert "240 labels of 60 items by 4 workers." in said
        assert "Consensus, measured by your answers: " in said
        assert "Below the others: </svg><script>" in said
        assert "script" not in found.names
        assert "right on manual labels, all of records that were drawn at random" in said
        project.label(project.ask(1, strategy="margin")[0], "ham")
        next((tmp_path / "p" / "crowds").glob("*.judgements.parquet")).unlink()
        again = " ".join(report_of(project, tmp_path)[1].texts)
        assert "The crowd" in again
        assert "12 of records that were drawn at random and 1 of others, which may be harder" in again


@pytest.mark.parametrize("seconds", [0, 1.5, 4.9, 119, 170, 7100, 170_000, 5_000_000, 60_000_000])
def test_a_history_of_any_length_has_ticks(seconds):
    times = pd.to_datetime(["2026-01-31 14:30:00"] * 2, utc=True) + pd.to_timedelta([0, seconds], unit="s")
    figure = plot_history(pd.DataFrame({"at": times, "annotator": "Ann"}))
    figure.savefig(io.BytesIO(), format="svg")  # a warning would be an error here
    assert 1 <= len(figure.axes[0].get_xticks()) <= 6
