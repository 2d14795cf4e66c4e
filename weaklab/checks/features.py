"""Checks of feature sets."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.checks.expectations import CheckList, expect, expect_close, expect_equal, expect_text
from weaklab.core.errors import WeaklabError
from weaklab.exchange import read

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from weaklab.corpus import Corpus
    from weaklab.features import Features

check = CheckList()


def check_features(features: Any) -> None:
    """Run all checks of feature sets.

    Parameters
    ----------
    features : subclass of :class:`weaklab.features.Features` that needs no arguments, or an instance

    Raises
    ------
    AssertionError
        A check failed; the message says what was expected and what came.

    Examples
    --------
    >>> from weaklab.features import Hashing
    >>> check_features(Hashing)
    """
    check.run(features)


def _new(features: Any) -> Features:
    made: Features = features() if isinstance(features, type) else copy.deepcopy(features)
    return made


def _corpus() -> Corpus:
    """Return records of three kinds, in turn."""
    words = ("", " and more", " and more of the same")
    return read([{"text": f"red green word{i % 3} red{words[i % 3]}", "x": float(i % 3)} for i in range(30)])


def _dense(X: Any) -> NDArray[Any]:
    return np.asarray(X.todense() if hasattr(X, "todense") else X)


@check
def check_each_record_has_a_row(features: Any) -> None:
    """The matrix is finite, one row per record; equal records have equal rows, different records different ones."""
    X = _dense(_new(features).fit(_corpus()).transform_corpus(_corpus()))
    expect(X.ndim == 2 and len(X) == 30, f"expected a matrix with one row for each of 30 records, got shape {X.shape}")
    expect(np.isfinite(X).all(), f"expected finite numbers, got {int((~np.isfinite(X)).sum())} that are not")
    expect(not np.allclose(X[0], X[1]), "expected different rows for two different records, got the same row")
    expect_close(X[0], X[3], "the rows of two equal records", 1e-5)


@check
def check_matrix_is_deterministic(features: Any) -> None:
    """Fitting twice on the same records gives the same matrix, also in one step."""
    corpus = _corpus()
    first = _dense(_new(features).fit(corpus).transform_corpus(corpus))
    expect_equal(_dense(_new(features).fit(corpus).transform_corpus(corpus)), first, "the matrix of a second fit")
    expect_close(_dense(_new(features).fit_transform(corpus)), first, "fit_transform, compared with both steps", 1e-6)


@check
def check_batches_do_not_matter(features: Any) -> None:
    """A record has the same row whatever other records are in its batch."""
    corpus = _corpus()
    fitted = _new(features).fit(corpus)
    whole = _dense(fitted.transform_corpus(corpus))
    part = _dense(fitted.transform(next(corpus.batches()).slice(4, 2)))
    expect_close(part, whole[4:6], "the rows of a smaller batch", 1e-5)


@check
def check_fingerprint_follows_settings(features: Any) -> None:
    """Two feature sets with the same settings have the same fingerprint, before and after ``fit``."""
    made = _new(features)
    before = made.fingerprint
    expect_text(before, "fingerprint")
    expect(_new(features).fingerprint == before, "expected the same fingerprint for the same settings, got another")
    expect(made.fit(_corpus()).fingerprint == before, "expected the same fingerprint after fit, got another")


@check
def check_state_restores(features: Any) -> None:
    """What ``state`` returns is enough to make the fitted feature set again."""
    corpus = _corpus()
    fitted = _new(features).fit(corpus)
    state = fitted.state()
    if state is None:
        return
    try:
        again = _new(features).restore(state)
    except (NotImplementedError, WeaklabError) as error:
        raise AssertionError(f"restore(state()): expected the fitted feature set, got {error}") from error
    expect_equal(_dense(again.transform_corpus(corpus)), _dense(fitted.transform_corpus(corpus)), "the restored matrix")
