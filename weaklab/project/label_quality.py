"""How right the labels of a project are, for each class and for parts of its records."""

from __future__ import annotations

import re
from datetime import date
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.core.errors import ProjectError, did_you_mean
from weaklab.core.labels import ABSTAIN
from weaklab.core.record_lines import EMPTY, value_text
from weaklab.core.rows import confidence, is_tied, row_argmax
from weaklab.core.tables import clean
from weaklab.project.quality import given_answers, gold_codes, known_labels

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from weaklab.evaluation.label_quality import LabelQuality, Slice
    from weaklab.project.workspace import Workspace

MOST_SLICES = 20
"""At most this many values of a column are slices of their own; the other records are one more."""
ANSWERS_OF_SLICE, FEWEST_SLICES, PARTS = 15, 2, 4
"""There are fewer and larger slices, down to the fewest, where there are fewer random answers for each; many numbers
make at most so many parts."""
BANDS = (0.0, 0.25, 0.5, 0.75, 0.9)
"""Lower limits of the bands of confidence."""
CONFIDENCE, OTHERS = "confidence", "(others)"
ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d(?:$|[ T])")


def label_quality(work: Workspace, /, by: str | None = None) -> LabelQuality:
    """Return how right the exported labels are for each class: precision, recall, F1 and the confusion matrix.

    Estimated, with 95 % intervals, from the answers to questions that were drawn at random; manual labels count as
    right. Where the records have gold labels, it is exact on these as well. A figure that too few answers tell is not
    shown.

    Parameters
    ----------
    by : what to make slices by: the name of a column, of a heuristic (what it votes), or ``"confidence"``.
        Many numbers make quarters, dates the shortest of days, weeks, months, quarters and years of which there are at
        most 20, and other columns their 20 most frequent values. Slices of columns are fewer and larger, at least two,
        where there are fewer than 15 random answers for each and no gold labels.
        A record with a manual label is in the band of what the committee says without it.

    Raises
    ------
    ProjectError
        There is no record, or nothing to make slices by has this name.

    Examples
    --------
    >>> import tempfile, weaklab
    >>> project = weaklab.Project(tempfile.mkdtemp(), labels=["ham", "spam"], timeout=None)
    >>> texts = [f"prize {i}" for i in range(30)] + [f"lunch {i}" for i in range(30)]
    >>> _ = project.add_records(texts, quiet=True)
    >>> _ = project.add(weaklab.keywords("spam", ["prize"]))
    >>> for ask in project.ask(40, strategy="random"):
    ...     _ = project.label(ask, "spam" if "prize" in ask.text else "ham")
    >>> quality = project.label_quality()
    >>> quality.to_pandas()[["label", "precision", "recall"]].values.tolist()
    [['ham', 1.0, 1.0], ['spam', 1.0, 1.0]]
    """
    from weaklab.evaluation.label_quality import LabelQuality

    work.finish_encoding()
    labels = _ExportedLabels(work)
    n, a = len(labels.predicted), len(labels.held)
    every = labels.part("all records", np.ones(n, dtype=bool), np.ones(a, dtype=bool))
    if by is None:
        return LabelQuality(list(work.label_names), every)
    names, numbers, held_numbers = labels.slices(by)
    parts = [labels.part(name, numbers == at, held_numbers == at) for at, name in enumerate(names)]
    return LabelQuality(list(work.label_names), every, [part for part in parts if part.judged.n_records], by)


class _ExportedLabels:
    """The labels of a project as exported, with what the committee says of labeled records without their labels."""

    def __init__(self, work: Workspace) -> None:
        from weaklab.evaluation.precision import held_out

        self._work, self._state, self._answers = work, work.state(), given_answers(work)
        held = held_out(work.cache.trainer(progress=False), self._state, self._answers.rows)
        self._held_proba = np.concatenate([held, held[self._answers.mates]])
        self.predicted, self.held = _codes(self._state.P), _codes(self._held_proba)
        manual, self._gold = known_labels(work), gold_codes(work)
        self._exported = np.where(manual != ABSTAIN, manual, self.predicted)

    def part(self, name: str, among: NDArray[np.bool_], among_answers: NDArray[np.bool_]) -> Slice:
        """Return the labels of some records: bool (n,), and bool (a,) for those with an answer."""
        from weaklab.evaluation.class_figures import JudgedLabels
        from weaklab.evaluation.label_quality import Slice, confusion_counts

        answers = self._answers
        judged = JudgedLabels(
            self.predicted, self.held, answers, exported=True, among=among, among_answers=among_answers
        )
        mine = among.copy()
        mine[answers.all_rows] = among_answers
        mine &= self._gold != ABSTAIN
        if not mine.any():
            return Slice(name, judged)
        return Slice(
            name, judged, confusion_counts(self._gold[mine], self._exported[mine], len(self._work.label_names))
        )

    def slices(self, by: str) -> tuple[list[str], NDArray[np.int64], NDArray[np.int64]]:
        """Return the names of the slices, the number of that of each record, and that of each record with an answer."""
        rows, names = self._answers.all_rows, list(self._state.votes.names)
        if by in names:
            found = self._state.votes.L[:, names.index(by)].astype(np.int64) + 1
            return ["abstains", *(f"votes {label}" for label in self._work.label_names)], found, found[rows]
        columns = next(self._work.corpus.batches()).schema.names
        if by in columns:
            slices, found = _by_values(self._work.corpus.column(by).to_pandas(), self._most_slices())
            return slices, found, found[rows]
        if by != CONFIDENCE:
            known = [CONFIDENCE, *names, *columns]
            raise ProjectError(
                f"no column and no heuristic {by!r} to make slices by;{did_you_mean(by, known)} wanted one of "
                + ", ".join(known)
            )
        bounds = [*BANDS, 1.0]
        bands = [f"confidence {low:g} to {high:g}" for low, high in pairwise(bounds)]
        return bands, _bands(self._state.P), _bands(self._held_proba)

    def _most_slices(self) -> int:
        """Return how many slices can be known: each needs random answers, unless records have gold labels."""
        if (self._gold != ABSTAIN).any():
            return MOST_SLICES
        fits = int(self._answers.at_random.sum()) // ANSWERS_OF_SLICE
        return min(max(fits, FEWEST_SLICES), MOST_SLICES)


def _codes(P: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.where(is_tied(P), ABSTAIN, row_argmax(P))


def _bands(P: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.searchsorted(BANDS, confidence(P), side="right") - 1


def _by_values(values: pd.Series[Any], most: int = MOST_SLICES) -> tuple[list[str], NDArray[np.int64]]:
    """Return the names of slices and the slice of each value: quarters of many numbers, days to years of dates, else
    the most frequent values.

    >>> import pandas as pd
    >>> _by_values(pd.Series(["a", "b", "a", None]))
    (['a', 'b', '(empty)'], array([0, 1, 0, 2]))
    >>> _by_values(pd.Series([10, 9, 10]))[0], _by_values(pd.Series(range(40)))[0]
    (['9', '10'], ['0 to 9', 'over 9 to 19', 'over 19 to 29', 'over 29 to 39'])
    >>> _by_values(pd.Series(pd.date_range("2026-03-01", periods=200)))[0][:2]
    ['2026-03', '2026-04']
    """
    import pandas as pd

    if pd.api.types.is_numeric_dtype(values):
        few = values.nunique() <= max(most, PARTS)
        return _in_order(values) if few else _quarters(values, min(most, PARTS))
    dates = _dates(values)
    if dates is not None:
        return _periods(dates, most)
    texts = values.astype(object).map(lambda value: EMPTY if _is_empty(value) else clean(str(value), 60))
    counts = texts.value_counts()
    order = {name: number for number, name in enumerate(counts.index[: max(most, PARTS)])}
    numbers = texts.map(lambda name: order.get(name, len(order))).to_numpy(dtype=np.int64)
    return [*order, OTHERS][: int(numbers.max(initial=-1)) + 1], numbers


def _in_order(values: pd.Series[Any]) -> tuple[list[str], NDArray[np.int64]]:
    """Return a slice for each value, in their order; those without a value come last."""
    import pandas as pd

    codes, found = pd.factorize(values, sort=True)
    names = [value_text(value) for value in found.tolist()]
    return _with_empty(names, np.where(codes < 0, len(names), codes).astype(np.int64))


def _with_empty(names: list[str], numbers: NDArray[np.int64]) -> tuple[list[str], NDArray[np.int64]]:
    """Return slices with one for records without a value, whose number is len(names), where there are such records."""
    return ([*names, EMPTY] if (numbers == len(names)).any() else names), numbers


def _quarters(values: pd.Series[Any], parts: int = PARTS) -> tuple[list[str], NDArray[np.int64]]:
    """Return slices of about as many values each, named after the range of their values."""
    numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    known = numbers[np.isfinite(numbers)]
    ends = np.unique(np.quantile(known, np.arange(1, parts + 1) / parts, method="lower"))
    least, *texts = [value_text(limit) for limit in (known.min(), *ends.tolist())]
    first = texts[0] if least == texts[0] else f"{least} to {texts[0]}"
    names = [first, *(f"over {low} to {high}" for low, high in pairwise(texts))]
    places = np.minimum(np.searchsorted(ends, numbers), len(names) - 1)
    return _with_empty(names, np.where(np.isnan(numbers), len(names), places))


def _dates(values: pd.Series[Any]) -> pd.Series[Any] | None:
    """Return dates without a time zone; None where a value is no date, or not written as 2026-01-31."""
    import pandas as pd

    given = values.map(lambda value: None if _is_empty(value) else value)
    if not pd.api.types.is_datetime64_any_dtype(values):
        known = given.dropna()
        if not len(known) or not known.map(lambda value: isinstance(value, date) or _is_iso(value)).all():
            return None
        given = pd.to_datetime(given, format="ISO8601", errors="coerce", utc=True)
        if given.isna().sum() > len(values) - len(known):
            return None
    return given if given.dt.tz is None else given.dt.tz_localize(None)


def _is_iso(value: Any) -> bool:
    return isinstance(value, str) and ISO_DATE.match(value) is not None


def _periods(dates: pd.Series[Any], most: int) -> tuple[list[str], NDArray[np.int64]]:
    """Return a slice for each day, week, month, quarter or year, the shortest of which there are few enough."""
    for length in ("D", "W", "M", "Q", "Y"):
        found = dates.dt.to_period(length)
        if found.nunique() <= most:
            names, numbers = _in_order(found)
            return [name.replace("/", " to ") for name in names], numbers
    return _quarters(dates.dt.year.astype(float), min(most, PARTS))


def _is_empty(value: Any) -> bool:
    return value is None or value == "" or (isinstance(value, float) and np.isnan(value))
