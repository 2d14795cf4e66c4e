"""Checks of weak classifiers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.checks.expectations import CheckList, expect, expect_equal, expect_probabilities
from weaklab.classifiers import WeakClassifier
from weaklab.core.labels import ABSTAIN, LabelNames
from weaklab.exchange import read

if TYPE_CHECKING:
    from weaklab.corpus import Corpus

check = CheckList()

LABELS = LabelNames(["a", "b"])


def check_classifier(classifier: Any) -> None:
    """Run all checks of weak classifiers.

    Parameters
    ----------
    classifier : name, unfitted scikit-learn classifier, or function of a seed that returns one

    Raises
    ------
    AssertionError
        A check failed; the message says what was expected and what came.

    Examples
    --------
    >>> from sklearn.naive_bayes import BernoulliNB
    >>> check_classifier(BernoulliNB())
    """
    check.run(classifier)


def _new(classifier: Any) -> WeakClassifier:
    if callable(classifier) and not hasattr(classifier, "fit"):
        classifier = classifier(0)
    return WeakClassifier(classifier() if isinstance(classifier, type) else classifier, "tfidf")


def _corpus() -> Corpus:
    """Return 40 records whose class is plain from one word."""
    rows = [{"id": str(i), "text": f"word{i % 2} other{i % 5}", "x": i % 2 + 0.01 * (i % 7)} for i in range(40)]
    return read(rows)


def _labels(count: int) -> Any:
    """Return the classes of the first ``count`` records, and -1 for the others."""
    return np.where(np.arange(40) < count, np.arange(40) % 2, ABSTAIN)


@check
def check_plain_rule_is_learned(classifier: Any) -> None:
    """From 30 labels it learns which of two words means which class, and votes for nearly all records."""
    corpus = _corpus()
    fitted = _new(classifier).fit(corpus, _labels(30), LABELS)
    batch = next(corpus.batches())
    votes = fitted.vote(batch, LABELS)
    voted = votes != ABSTAIN
    share = float(voted.mean())
    expect(share > 0.9, f"expected votes for more than 0.9 of the records, got {share:.2f}")
    expect_equal(votes[voted], (np.arange(40) % 2)[voted], "the votes")
    expect_probabilities(np.asarray(fitted.scores(batch), dtype=float), 40, 2, "the scores")


@check
def check_trained_records_vote_out_of_fold(classifier: Any) -> None:
    """Every record that it trained on has a score of a model that has not seen that record."""
    fitted = _new(classifier).fit(_corpus(), _labels(30), LABELS)
    missing = sorted({str(i) for i in range(30)} - set(fitted.out_of_fold_))
    expect(not missing, f"expected out-of-fold scores of all 30 labeled records, none for {missing}")


@check
def check_training_is_deterministic(classifier: Any) -> None:
    """Training twice on the same labels with the same seed gives the same scores."""
    corpus = _corpus()
    batch = next(corpus.batches())
    first, second = (_new(classifier).fit(corpus, _labels(30), LABELS).scores(batch) for _ in range(2))
    expect_equal(second, first, "the scores of a second training")


@check
def check_too_few_labels_abstain(classifier: Any) -> None:
    """With two labels, or labels of one class, it votes for no record."""
    corpus = _corpus()
    batch = next(corpus.batches())
    for what, y in (("two labels", _labels(2)), ("labels of one class", np.where(_labels(30) == 1, 1, ABSTAIN))):
        votes = _new(classifier).fit(corpus, y, LABELS).vote(batch, LABELS)
        expect((votes == ABSTAIN).all(), f"with {what}: expected no votes, got {int((votes != ABSTAIN).sum())}")
