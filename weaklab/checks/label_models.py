"""Checks of label models."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.checks.expectations import (
    CheckList,
    expect,
    expect_close,
    expect_equal,
    expect_error,
    expect_probabilities,
    expect_warning,
)
from weaklab.checks.samples import planted_votes
from weaklab.core.errors import WeaklabError
from weaklab.core.labels import ABSTAIN
from weaklab.core.votes import Votes

if TYPE_CHECKING:
    from numpy.typing import NDArray

check = CheckList()

LITTLE = 1e-9
"""A confidence so small that the vote counts as good as nothing."""


def check_label_model(model: Any) -> None:
    """Run all checks of label models.

    Parameters
    ----------
    model : subclass of :class:`weaklab.label_models.LabelModel` that needs no arguments, or an unfitted instance

    Raises
    ------
    AssertionError
        A check failed; the message says what was expected and what came.

    Examples
    --------
    >>> from weaklab.label_models import MajorityVote
    >>> check_label_model(MajorityVote)
    """
    check.run(model)


def _new(model: Any, **settings: Any) -> Any:
    """Return an unfitted model with these settings."""
    from sklearn.base import clone

    made = clone(model) if hasattr(model, "get_params") and not isinstance(model, type) else model()
    return made.set_params(**settings)


def _fit(model: Any, L: Any, y: Any = None, **more: Any) -> Any:
    return model.fit(Votes(L, **more) if more else L, y)


def _proba(model: Any, L: Any, **more: Any) -> NDArray[np.float64]:
    return np.asarray(model.predict_proba(Votes(L, **more) if more else L))


@check
def check_planted_truth_is_found(model: Any) -> None:
    """Six heuristics that are right in four of five votes are enough for 85 % of the records."""
    L, truth = planted_votes()
    fitted = _fit(_new(model), L)
    expect_probabilities(_proba(fitted, L), 300, 3, "predict_proba")
    right = float((fitted.predict(L) == truth).mean())
    expect(right > 0.85, f"expected more than 0.85 of the planted labels, got {right:.2f} right")


@check
def check_one_heuristic_is_enough(model: Any) -> None:
    """The votes of a single heuristic are followed."""
    L = np.array([[0], [1], [-1], [1]] * 5)
    P = _proba(_fit(_new(model), L), L)
    expect_probabilities(P, 20, 2, "predict_proba with one heuristic")
    expect_equal(P.argmax(axis=1)[[0, 1]], [0, 1], "the classes of records with the votes 0 and 1")


@check
def check_no_votes_are_class_balance(model: Any) -> None:
    """Where nothing is known at all, each of two classes gets a half."""
    for L, what in ((np.full((5, 4), ABSTAIN), "no votes"), (np.empty((5, 0), dtype=int), "no heuristics")):
        expect_close(_proba(_fit(_new(model), L), L), np.full((5, 2), 0.5), f"predict_proba with {what}", 1e-7)


@check
def check_given_class_balance_is_used(model: Any) -> None:
    """A record without votes gets the class balance that the user gives."""
    balance = [0.2, 0.3, 0.5]
    fitted = _fit(_new(model, class_balance=balance), planted_votes()[0])
    expect_close(_proba(fitted, np.full((1, 6), ABSTAIN)), [balance], "a record without votes", 1e-6)


@check
def check_manual_labels_are_taken(model: Any) -> None:
    """Manual labels do no harm: of some records, of one class alone, of a single record."""
    L, truth = planted_votes()
    fitted = _fit(_new(model), L, np.where(np.arange(300) < 30, truth, ABSTAIN))
    right = float((fitted.predict(L) == truth).mean())
    expect(right > 0.85, f"with 30 manual labels: expected more than 0.85, got {right:.2f} right")
    few = {"of one class": truth == 1, "of one record": np.arange(300) == 7}
    for what, rows in few.items():
        P = _proba(_fit(_new(model), L, np.where(rows, truth, ABSTAIN)), L)
        expect_probabilities(P, 300, 3, f"with manual labels {what}")


@check
def check_results_are_deterministic(model: Any) -> None:
    """Fitting and predicting twice give the same, and NumPy's global random state is left alone."""
    L, _ = planted_votes()
    before = np.random.get_state()[1].copy()  # type: ignore[index]
    fitted = _fit(_new(model), L)
    P = _proba(fitted, L)
    expect_equal(_proba(fitted, L), P, "predict_proba called twice")
    expect_equal(_proba(_fit(_new(model), L), L), P, "predict_proba of a second fit on the same votes")
    expect_equal(np.random.get_state()[1], before, "the global random state of NumPy")  # type: ignore[index]


@check
def check_row_order_does_not_matter(model: Any) -> None:
    """The same records in another order get the same probabilities."""
    L, _ = planted_votes()
    order = np.random.default_rng(1).permutation(300)
    P = _proba(_fit(_new(model), L), L)
    expect_close(_proba(_fit(_new(model), L[order]), L[order]), P[order], "records in another order", 1e-3)


@check
def check_arguments_are_not_changed(model: Any) -> None:
    """The arrays that a caller passes stay as they are."""
    L, truth = planted_votes()
    votes, y = L.copy(), truth.copy()
    _proba(_fit(_new(model), L, truth), L)
    expect_equal(L, votes, "the votes after fit and predict_proba")
    expect_equal(truth, y, "the manual labels after fit")


@check
def check_predict_decides_and_label_or_abstain_may_not(model: Any) -> None:
    """``predict`` always names a class; ``label_or_abstain`` names none where nothing is known."""
    L = np.vstack([planted_votes()[0], np.full((1, 6), ABSTAIN)])
    fitted = _fit(_new(model), L)
    lowest = int(fitted.predict(L).min())
    expect(lowest >= 0, f"predict: expected classes from 0 on, got {lowest}")
    last = int(fitted.label_or_abstain(L)[-1])
    expect(last == ABSTAIN, f"label_or_abstain: expected -1 for a record without votes, got {last}")
    last = int(_fit(_new(model, class_balance=[0.2, 0.3, 0.5]), L).label_or_abstain(L)[-1])
    expect(last == ABSTAIN, f"label_or_abstain: expected -1 without votes though the shares are known, got {last}")
    share = float((fitted.label_or_abstain(L, min_confidence=1.0) == ABSTAIN).mean())
    expect(share >= 0.2, f"label_or_abstain(min_confidence=1.0): expected -1 for many records, got {share:.2f}")


@check
def check_scores_are_taken(model: Any) -> None:
    """Class probabilities of weak classifiers may come with the votes."""
    L, truth = planted_votes()
    scores = {2: np.eye(3)[truth] * 0.7 + 0.1}
    P = _proba(_fit(_new(model), L, scores=scores), L, scores=scores)
    expect_probabilities(P, 300, 3, "predict_proba with scores")


@check
def check_arrays_and_votes_give_the_same(model: Any) -> None:
    """A label matrix may come as an array, a list, or within ``Votes``."""
    L, truth = planted_votes(n=80)
    y = np.where(np.arange(80) < 20, truth, ABSTAIN)
    P = _proba(_fit(_new(model), L, y), L)
    for what, given in (("Votes", Votes.of(L)), ("a list", L.tolist())):
        expect_equal(_new(model).fit(given, y).predict_proba(given), P, f"votes that come as {what}")


@check
def check_confidence_counts_or_warns(model: Any) -> None:
    """A vote with next to no confidence counts as none; a model that cannot do that says so with a warning."""
    L, _ = planted_votes(n=60, coverage=0.8)
    fitted, doubt = _fit(_new(model), L), {0: np.full(60, LITTLE)}
    whole = _proba(fitted, L)
    if not fitted.takes_confidence:
        words = r"takes no confidences: the votes of columns \[0\] count as much as any other"
        with expect_warning(words, "predict_proba with confidence, of a model with takes_confidence=False"):
            doubted = _proba(fitted, L, confidence=doubt)
        expect_equal(doubted, whole, "predict_proba with confidence, of a model with takes_confidence=False")
        with expect_warning("takes no confidences", "fit with confidence, of a model with takes_confidence=False"):
            _fit(_new(model), L, confidence=doubt)
        return
    rows = (L[:, 1:] != ABSTAIN).any(axis=1) & (L[:, 0] != ABSTAIN)
    without = L.copy()
    without[:, 0] = ABSTAIN
    doubted = _proba(fitted, L, confidence=doubt)
    expect_close(doubted[rows], _proba(fitted, without)[rows], "votes with next to no confidence", 1e-6)
    change = float(np.abs(doubted - whole).max())
    expect(change > 0.01, f"votes with next to no confidence: expected other probabilities, they moved by {change:.2g}")
    sure = _proba(fitted, L, confidence={0: np.ones(60)})
    expect_close(sure, whole, "votes with a confidence of 1", 1e-12)


_WRONG_VOTES: dict[str, tuple[Any, str]] = {
    "a code below -1": ([[0, 1], [-3, 0]], r"L\[1, 0\] is -3"),
    "a code that is no whole number": ([[0.5, 1.0]], "integer codes"),
    "votes of one dimension": ([0, 1, 0], "shape"),
}


@check
def check_what_is_no_vote_is_refused(model: Any) -> None:
    """Votes and labels that make no sense are refused with a message that names them."""
    for what, (L, pattern) in _WRONG_VOTES.items():
        expect_error(WeaklabError, pattern, lambda L=L: _fit(_new(model), L), f"fit with {what}")  # type: ignore[misc]
    two = [[0, 1], [1, 0]]
    expect_error(WeaklabError, "one code a record", lambda: _fit(_new(model), two, [1]), "fit with too few labels")
    scores = {0: np.array([[np.nan, 1.0]])}
    expect_error(WeaklabError, "NaN", lambda: _fit(_new(model), [[0, 1]], scores=scores), "fit with scores of NaN")
    fitted = _fit(_new(model), two)
    pattern = "fitted on 2 heuristics"
    expect_error(WeaklabError, pattern, lambda: fitted.predict([[0, 1, 1]]), "predict with votes of 3 heuristics")
    few = _new(model, n_classes=2)
    expect_error(WeaklabError, "is 7, which is no label", lambda: _fit(few, [[0, 7]]), "a vote above n_classes")


@check
def check_wrong_settings_are_refused(model: Any) -> None:
    """``n_classes`` is a whole number from 2 to 127, and ``predict`` comes after ``fit``."""
    from sklearn.exceptions import NotFittedError

    pattern = "n_classes must be a whole number from 2 to 127"
    for many in (300, 128, 1, 2.5, True, "three"):
        wrong = _new(model, n_classes=many)
        expect_error(WeaklabError, pattern, lambda wrong=wrong: wrong.fit([[0, 1], [1, 0]]), f"n_classes={many!r}")  # type: ignore[misc]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expect_error(NotFittedError, "", lambda: _new(model).predict([[0, 1]]), "predict before fit")
