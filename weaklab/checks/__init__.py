"""Checks that each pluggable part must pass: strategies, label models, feature sets, classifiers, heuristics, readers,
writers and formats of other tools.

Other packages run them on their own parts, all at once or one by one:

>>> from weaklab.checks import check_label_model, checks_of
>>> from weaklab.label_models import CoverageVote
>>> check_label_model(CoverageVote)
>>> for check in checks_of("label_model"):
...     check(CoverageVote)
"""

from weaklab.checks import classifiers, exchange_formats, features, formats, heuristics, label_models, strategies
from weaklab.checks.classifiers import check_classifier
from weaklab.checks.exchange_formats import check_format
from weaklab.checks.expectations import Check
from weaklab.checks.features import check_features
from weaklab.checks.formats import check_reader, check_writer
from weaklab.checks.heuristics import check_heuristic
from weaklab.checks.label_models import check_label_model
from weaklab.checks.samples import ODD_TEXTS, planted_votes, sample_pool
from weaklab.checks.strategies import check_strategy
from weaklab.core.errors import UnknownNameError, did_you_mean

__all__ = [
    "KINDS",
    "ODD_TEXTS",
    "check_classifier",
    "check_features",
    "check_format",
    "check_heuristic",
    "check_label_model",
    "check_reader",
    "check_strategy",
    "check_writer",
    "checks_of",
    "planted_votes",
    "sample_pool",
]

KINDS = {
    "strategy": strategies.check,
    "label_model": label_models.check,
    "features": features.check,
    "classifier": classifiers.check,
    "heuristic": heuristics.check,
    "reader": formats.reader_check,
    "writer": formats.writer_check,
    "format": exchange_formats.format_check,
}
"""The checks of each kind of part."""


def checks_of(kind: str) -> list[Check]:
    """Return the checks of a kind of part, such as for ``pytest.mark.parametrize``.

    Each takes what the function ``check_<kind>`` takes and raises an AssertionError.

    >>> [check.__name__ for check in checks_of("features")][:2]
    ['check_each_record_has_a_row', 'check_matrix_is_deterministic']

    Raises
    ------
    UnknownNameError
        There is no such kind.
    """
    if kind not in KINDS:
        raise UnknownNameError(f"no checks of {kind!r};{did_you_mean(kind, KINDS)} there are {', '.join(KINDS)}")
    return list(KINDS[kind])
