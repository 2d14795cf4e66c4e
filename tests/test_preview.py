"""The preview of a weak classifier: accuracy, number of votes, and surprising votes."""

import numpy as np
import pytest

import weaklab
from weaklab.core.errors import WeaklabError
from weaklab.core.labels import ABSTAIN, LabelNames
from weaklab.evaluation.preview import preview

LABELS = LabelNames(["ham", "spam"])
TEXTS = [f"free prize money {i}" if i % 2 else f"lunch tomorrow friend {i}" for i in range(60)]
GOLD = np.arange(60) % 2


def of(y, P=None, **settings):
    corpus = weaklab.read(TEXTS)
    classifier = weaklab.WeakClassifier("nb", **settings).fit(corpus, y, LABELS)
    scores = classifier.scores(next(corpus.batches())) if classifier.is_ready else None
    return preview(classifier, lambda rows: [TEXTS[row] for row in rows], scores, P, y, LABELS)


@pytest.fixture
def labels_with_an_error():
    y = np.where(np.arange(60) < 30, GOLD, ABSTAIN)
    y[4] = 1
    return y


def test_it_shows_accuracy_with_its_interval_and_how_much_would_be_voted_on(labels_with_an_error):
    shown = of(labels_with_an_error)
    assert shown.accuracy == pytest.approx(29 / 30)
    assert (round(shown.accuracy_low, 3), round(shown.accuracy_high, 3)) == (0.833, 0.994)
    assert shown.n_votes == 60
    text = repr(shown)
    assert "accuracy 0.967 (0.833 to 0.994) on 30 manual labels, out-of-fold" in text
    assert "would vote on 60 of 60 records (100%)" in text


def test_it_shows_precision_recall_threshold_and_share_of_each_class(labels_with_an_error):
    frame = of(labels_with_an_error).classes.to_pandas().set_index("label")
    assert frame.loc["ham"].tolist() == pytest.approx([14, 14 / 15, 1.0, 0.6, 30, 0.5])
    assert frame.loc["spam"].tolist() == pytest.approx([16, 1.0, 15 / 16, 0.6, 30, 0.5])


def test_a_vote_against_the_manual_label_and_votes_against_the_committee_surprise(labels_with_an_error):
    P = np.eye(2)[GOLD] * 0.9 + 0.05
    P[41] = [0.99, 0.01]
    P[42] = [0.45, 0.55]
    frame = of(labels_with_an_error, P).to_pandas()
    assert frame["row"].tolist()[-1] == 42
    assert set(frame["row"]) == {4, 41, 42}
    assert frame["surprise"].is_monotonic_decreasing
    against = frame.set_index("row")
    assert against.loc[4, ["text", "vote", "manual"]].tolist() == ["lunch tomorrow friend 4", "ham", "spam"]
    assert against.loc[41, ["vote", "committee"]].tolist() == ["spam", "ham 0.99"]
    assert against["manual"].isna().tolist() == [row != 4 for row in frame["row"]]


def test_without_a_committee_only_manual_labels_can_be_voted_against(labels_with_an_error):
    assert of(labels_with_an_error).to_pandas()["row"].tolist() == [4]


def test_ten_votes_are_shown_at_most_and_text_is_made_safe_in_a_notebook(labels_with_an_error):
    TEXTS[4], held = "<b>lunch</b>", TEXTS[4]
    try:
        shown = of(labels_with_an_error, np.eye(2)[1 - GOLD] * 0.8 + 0.1)
    finally:
        TEXTS[4] = held
    assert len(shown.to_pandas()) == 10
    html = of(labels_with_an_error)._repr_html_()
    assert "<table>" in html
    assert "<b>lunch" not in shown._repr_html_()


def test_a_class_that_is_never_voted_for_says_so():
    y = np.where(np.arange(60) < 20, GOLD, ABSTAIN)  # ten votes of each class cannot keep a promise of 0.9
    shown = of(y, min_precision=0.9)
    assert shown.classes.to_pandas()["votes from"].tolist() == ["never", "never"]
    assert shown.n_votes == 0
    assert "thresholds promise a precision of 0.9" in repr(shown)


def test_with_too_few_labels_it_says_how_many_are_missing_and_of_which_class():
    y = np.full(60, ABSTAIN)
    y[:6:2] = 0
    shown = of(y)
    assert shown.missing == "7 more labels are needed, 2 of them at least of spam"
    assert "naive_bayes does not vote yet: 7 more labels are needed" in repr(shown)
    assert "does not vote yet" in shown._repr_html_()
    assert shown.to_pandas().empty


def test_a_classifier_that_was_never_trained_says_so():
    shown = preview(weaklab.WeakClassifier("nb"), list, None, None, GOLD, LABELS)
    assert shown.missing == "it has not been trained yet"


def test_scores_of_another_shape_are_refused(labels_with_an_error):
    with pytest.raises(WeaklabError, match=r"P must be of shape \(60, 2\)"):
        of(labels_with_an_error, np.ones((60, 3)) / 3)
