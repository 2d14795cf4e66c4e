"""Agreement of people who labeled the same records, corrected for chance: Cohen's and Fleiss' kappa, Krippendorff's
alpha.

All three are ``1 - observed disagreement / expected disagreement``. Their intervals are percentile bootstraps over
records: Efron and Tibshirani (1993), An Introduction to the Bootstrap, chapter 13.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.core.labels import ABSTAIN
from weaklab.core.tables import Table, counted
from weaklab.core.thresholds import clopper_pearson

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Disagreement = Callable[[Floats, float], tuple[Floats, Floats]]
    """Sums (..., f) over records and the number of records -> observed and expected disagreement."""

LEAST_RECORDS = 20
"""No figure is shown that rests on fewer shared records."""
MOST_PAIRS = 10
"""So many pairs are shown."""
DRAWS = 1000
MOST_CELLS = 2_000_000
"""Bootstrap draws are made in parts of so many numbers."""
COLUMNS = ("first", "second", "records", "agreement", "kappa", "low", "high")


@dataclass(frozen=True)
class Coefficient:
    """A coefficient of agreement: 1 if all agree, 0 if they agree as often as by chance, below 0 if less often.

    Attributes
    ----------
    value, low, high : the coefficient and its 95 % interval, None where they are not shown
    records : number of records that it rests on
    people : number of answers for each of them; None where that differs
    why : why there is no value, empty where there is one
    """

    value: float | None
    low: float | None
    high: float | None
    records: int
    people: int | None = None
    why: str = ""


@dataclass(frozen=True)
class Agreement:
    """How far people agree on the records that several of them labeled.

    Attributes
    ----------
    pairs : a row for each pair of people who share a record: ``first`` and ``second``, the number of ``records`` that
        both labeled, the share on which they agree (``agreement``), Cohen's ``kappa`` and its 95 % interval from
        ``low`` to ``high``. Figures are NaN where fewer than 20 records are shared; kappa is NaN as well where both
        gave one and the same label only.
    fleiss : Fleiss' kappa of the records that the most common number of people labeled
    alpha : Krippendorff's alpha (nominal) of all records that two or more people labeled
    """

    pairs: pd.DataFrame
    fleiss: Coefficient
    alpha: Coefficient

    def table(self) -> Table:
        """Return coefficients and pairs as one table; of many pairs, those that share the most records."""
        shown = self.pairs.sort_values("records", ascending=False, kind="stable").head(MOST_PAIRS)
        if len(self.pairs) <= MOST_PAIRS:
            shown = self.pairs
        rows: list[list[Any]] = [
            ["all", name, found.records, None, _number(found.value), _interval_text(found.low, found.high)]
            for name, found in self._coefficients()
        ]
        rows += [
            [f"{row['first']} and {row['second']}", "Cohen's kappa", row["records"], _share(row["agreement"]),
             _number(row["kappa"]), _interval_text(row["low"], row["high"])]
            for row in shown.to_dict("records")
        ]  # fmt: skip
        return Table("agreement", ["people", "measure", "records", "agree", "value", "95 %"], rows, self._notes())

    def _notes(self) -> list[str]:
        notes = [f"{name}: {found.why}." for name, found in self._coefficients() if found.why]
        if self.fleiss.people is not None and not self.fleiss.why:
            notes.append(f"Fleiss' kappa: of the records that {self.fleiss.people} people labeled.")
        if len(self.pairs) > MOST_PAIRS:
            notes.append(
                f"The {MOST_PAIRS} pairs that share the most records of {len(self.pairs):,}; all are in .pairs."
            )
        few = self.pairs["agreement"].isna()
        if few.any():
            notes.append(f"Pairs that share {self.pairs['records'][few].max()} records or fewer have no figures yet.")
        return notes

    def _coefficients(self) -> list[tuple[str, Coefficient]]:
        return [("Fleiss' kappa", self.fleiss), ("Krippendorff's alpha", self.alpha)]

    def __repr__(self) -> str:
        return repr(self.table())

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


def agreement(
    L: NDArray[np.integer[Any]],
    people: Sequence[str],
    seed: int = 0,
    least: int = LEAST_RECORDS,
    pairs: bool = True,
) -> Agreement:
    """Return how far people agree.

    Parameters
    ----------
    L : int (n, m), codes of the labels that each person gave to each record, -1 for none
    people : the m names
    seed : of the bootstrap
    least : no figure is shown that rests on fewer records
    pairs : whether to compare each pair, which takes most of the time

    Examples
    --------
    >>> Ann = [0, 0, 0, 1, 1, 1, 0, 1, 0, 1, 1, 0] * 2
    >>> Bob = [0, 0, 1, 1, 1, 1, 0, 1, 0, 0, 1, 0] * 2
    >>> found = agreement(np.array([Ann, Bob]).T, ["Ann", "Bob"])
    >>> round(float(found.pairs["kappa"][0]), 3), found.alpha.records
    (0.667, 24)
    """
    L = np.asarray(L)
    shared = L[(L != ABSTAIN).sum(axis=1) > 1] if L.size else np.empty((0, 0), dtype=np.int64)
    k = int(shared.max(initial=0)) + 1
    counts = _label_counts(shared, k)
    return Agreement(
        _pair_table(shared if pairs else shared[:0], people, seed, least),
        _fleiss(counts, seed, least),
        _alpha(counts, seed, least),
    )


def cohen_kappa(
    first: NDArray[np.integer[Any]], second: NDArray[np.integer[Any]], seed: int = 0, least: int = LEAST_RECORDS
) -> Coefficient:
    """Return Cohen's kappa of two people who labeled the same records: codes int (n,) of each.

    Cohen (1960), A coefficient of agreement for nominal scales, Educational and Psychological Measurement 20.

    >>> cohen_kappa(np.array([0] * 25 + [1] * 25), np.array([0] * 20 + [1] * 20 + [0] * 10)).value
    0.4
    """
    k = int(max(first.max(initial=0), second.max(initial=0))) + 1
    seen = np.eye(k)
    sums = np.column_stack([first != second, seen[first], seen[second]])

    def disagreement(total: Floats, n: float) -> tuple[Floats, Floats]:
        both = (total[..., 1 : k + 1] * total[..., k + 1 :]).sum(axis=-1)
        return total[..., 0] / n, 1 - both / n**2

    return _coefficient(sums, disagreement, seed, least, 2)


def _fleiss(counts: Floats, seed: int, least: int) -> Coefficient:
    """Return Fleiss' kappa of the records that the most common number of people labeled; ``counts`` float (n, k).

    Fleiss (1971), Measuring nominal scale agreement among many raters, Psychological Bulletin 76. It needs the same
    number of answers, r, for each record, not the same people. Sums are the share of disagreeing pairs of each record
    and its counts.
    """
    given = counts.sum(axis=1)
    if not len(given):
        return Coefficient(None, None, None, 0, why="no record was labeled by two people")
    numbers, times = np.unique(given, return_counts=True)
    r = float(numbers[len(times) - 1 - times[::-1].argmax()])  # the larger one of those that are equally common
    counts = counts[given == r]

    def disagreement(total: Floats, n: float) -> tuple[Floats, Floats]:
        return total[..., 0] / n, 1 - ((total[..., 1:] / (n * r)) ** 2).sum(axis=-1)

    apart = 1 - ((counts**2).sum(axis=1) - r) / (r * (r - 1))
    return _coefficient(np.column_stack([apart, counts]), disagreement, seed, least, int(r))


def _alpha(counts: Floats, seed: int, least: int) -> Coefficient:
    """Return Krippendorff's alpha for nominal data; ``counts`` float (n, k).

    Krippendorff (2011), Computing Krippendorff's alpha-reliability, section D: any number of answers for each record.
    Sums are the disagreeing pairs of each record over its number of answers less one, and its counts.
    """
    given = counts.sum(axis=1)
    apart = (given**2 - (counts**2).sum(axis=1)) / np.maximum(given - 1, 1)

    def disagreement(total: Floats, n: float) -> tuple[Floats, Floats]:
        each = total[..., 1:]
        every = each.sum(axis=-1)
        return total[..., 0] / every, (every**2 - (each**2).sum(axis=-1)) / (every * (every - 1))

    return _coefficient(np.column_stack([apart, counts]), disagreement, seed, least, None)


# ---- the coefficient and its interval


def _coefficient(sums: Floats, disagreement: Disagreement, seed: int, least: int, people: int | None) -> Coefficient:
    """Return a coefficient with its interval; ``sums`` float (n, f) holds what is added up over records."""
    n = len(sums)
    if n < least:
        shared = "no record was" if not n else f"{counted(n, 'record')} {'was' if n == 1 else 'were'}"
        why = f"{shared} labeled by several people; it takes {least}"
        return Coefficient(None, None, None, n, people, why)
    observed, expected = (float(each) for each in disagreement(sums.sum(axis=0), n))
    if expected <= 0:
        return Coefficient(None, None, None, n, people, "all gave one and the same label, as chance would")
    low, high = _interval(sums, disagreement, seed)
    if observed == 0:  # every draw agrees, too, which says nothing: how often could they differ and not show it here?
        low = 1 - (1 - clopper_pearson(n, n)[0]) / expected
    return Coefficient(1 - observed / expected, max(low, -1.0), high, n, people)


def _interval(sums: Floats, disagreement: Disagreement, seed: int) -> tuple[float, float]:
    """Return the 95 % percentile interval over draws of n records; draws in which all labels are the same are left
    out.
    """
    kinds, times = np.unique(sums, axis=0, return_counts=True)
    n, rng = len(sums), np.random.default_rng(seed)
    found = []
    for draws in _parts(DRAWS, max(1, MOST_CELLS // max(len(kinds), kinds.shape[1]))):
        drawn = rng.multinomial(n, times / n, size=draws) @ kinds
        observed, expected = disagreement(drawn, n)
        found.append(1 - observed[expected > 0] / expected[expected > 0])
    low, high = np.quantile(np.concatenate(found), [0.025, 0.975])
    return float(low), float(high)


def _parts(total: int, most: int) -> Iterator[int]:
    for start, end in pairwise([*range(0, total, most), total]):
        yield end - start


def _label_counts(L: NDArray[np.integer[Any]], k: int) -> Floats:
    """Return float (n, k): how many people gave each label to each record."""
    return np.stack([np.equal(L, code).sum(axis=1) for code in range(k)], axis=1).astype(np.float64)


def _pair_table(L: NDArray[np.integer[Any]], people: Sequence[str], seed: int, least: int) -> pd.DataFrame:
    import pandas as pd

    rows: list[tuple[Any, ...]] = []
    for one, other in _pairs(L):
        both = (L[:, one] != ABSTAIN) & (L[:, other] != ABSTAIN)
        first, second = L[both, one], L[both, other]
        found = cohen_kappa(first, second, seed, least)
        same = float((first == second).mean()) if len(first) >= least else math.nan
        figures = (math.nan if each is None else each for each in (found.value, found.low, found.high))
        rows.append((people[one], people[other], len(first), same, *figures))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _pairs(L: NDArray[np.integer[Any]]) -> list[tuple[int, int]]:
    """Return the pairs of columns that have a row in common."""
    from scipy import sparse

    if not L.size:
        return []
    given = sparse.csr_array((L != ABSTAIN).astype(np.float32))
    upper = sparse.triu(given.T @ given, k=1).tocoo()
    return sorted(zip(upper.row.tolist(), upper.col.tolist(), strict=True))


# ---- as text


def _number(value: float | None) -> str | None:
    return None if value is None or math.isnan(value) else f"{value:.2f}"


def _share(value: float) -> str | None:
    return None if math.isnan(value) else f"{value:.0%}"


def _interval_text(low: float | None, high: float | None) -> str | None:
    return None if low is None or high is None or math.isnan(low) else f"{low:.2f} to {high:.2f}"
