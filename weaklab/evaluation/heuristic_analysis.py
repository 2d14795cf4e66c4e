"""What each heuristic is worth: precision and recall of each class, what the committee would be without it, copies,
drift.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from weaklab.core.labels import ABSTAIN
from weaklab.core.rows import is_tied, row_argmax
from weaklab.core.tables import Table, counted
from weaklab.evaluation.audit import NOT_KNOWN, Estimate, estimate_accuracy
from weaklab.evaluation.evaluation import combined
from weaklab.evaluation.reliability import hits_of

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from weaklab.evaluation.class_figures import ClassFigures
    from weaklab.evaluation.evaluation import Answers

COPIES = 0.8
"""Two heuristics are copies of one another from this share of equal votes on."""
SMALL_IMPORT = 30
"""Nothing is said about drift to an import of fewer records."""
DRIFT_LEVEL = 0.01
"""Level of the tests for drift, shared out among all heuristics and imports (Bonferroni)."""


class Gain(NamedTuple):
    """A difference between two accuracies, with its 95 % interval; nan where too few random answers tell."""

    value: float
    low: float
    high: float


NO_GAIN = Gain(float("nan"), float("nan"), float("nan"))


@dataclass(frozen=True)
class LeftOut:
    """What the committee would be without one heuristic.

    Attributes
    ----------
    changed : share of the records that would have another label, exactly
    gain : accuracy with the heuristic minus accuracy without it, from the random answers
    gold_gain : the same on the records with gold labels, exactly; nan without any
    """

    changed: float
    gain: Gain
    gold_gain: float


def left_out(
    P: NDArray[np.float64],
    without: NDArray[np.float64],
    held: NDArray[np.float64],
    held_without: NDArray[np.float64],
    answers: Answers,
    gold: NDArray[np.int64],
) -> LeftOut:
    """Compare a committee with the same committee without one heuristic.

    Parameters
    ----------
    P, without : float (n, k), what both say of all records
    held, held_without : float (a, k), what both say of ``answers.all_rows`` without knowing the answers
    answers : the answers
    gold : int (n,), -1 where there is none
    """
    changed = _codes(P) != _codes(without)
    difference = hits_of(held, answers.all_codes) - hits_of(held_without, answers.all_codes)
    known = gold != ABSTAIN
    exact = hits_of(P[known], gold[known]) - hits_of(without[known], gold[known])
    return LeftOut(
        float(changed.mean()) if len(P) else 0.0,
        gain_of(difference, answers),
        float(exact.mean()) if known.any() else float("nan"),
    )


def gain_of(difference: NDArray[np.float64], answers: Answers) -> Gain:
    """Return the mean over all records of a difference from -1 to 1 that is known for those with an answer.

    The shares of records that are won and lost are estimated one by one. The interval of their difference is that of
    Zou and Donner (2008), with the correlation of two shares of a multinomial distribution.
    """
    won, lost = (_estimated(np.maximum(sign * difference, 0.0), answers) for sign in (1, -1))
    if not (won.known and lost.known):
        return NO_GAIN
    spread = (won.value * lost.value / max((1 - won.value) * (1 - lost.value), 1e-12)) ** 0.5
    value = won.value - lost.value
    low = _distance(won.value - won.low, lost.high - lost.value, spread)
    high = _distance(won.high - won.value, lost.value - lost.low, spread)
    return Gain(value, max(value - low, -1.0), min(value + high, 1.0))


def _distance(a: float, b: float, correlation: float) -> float:
    return float((a * a + b * b + 2 * correlation * a * b) ** 0.5)


def _estimated(values: NDArray[np.float64], answers: Answers) -> Estimate:
    parts = [(size, estimate_accuracy(values[inside], sample)) for size, inside, sample in answers.parts() if size]
    return combined(parts)


def overlaps(L: NDArray[np.int8], k: int) -> NDArray[np.float64]:
    """Return the share of equal votes among the records on which one of two heuristics votes: float (m, m).

    >>> overlaps(np.array([[0, 0], [1, -1], [1, 1]], dtype=np.int8), 2).round(2).tolist()
    [[1.0, 0.67], [0.67, 1.0]]
    """
    from scipy import sparse

    m = L.shape[1]
    same = np.zeros((m, m))
    for code in range(k):
        votes = sparse.csr_matrix(code == L, dtype=np.float64)
        same += (votes.T @ votes).toarray()
    count = np.diagonal(same)
    return np.asarray(same / np.maximum(count[:, None] + count - same, 1))


def clusters(overlap: NDArray[np.float64], least: float = COPIES) -> NDArray[np.int64]:
    """Return a number from 1 on for each heuristic that has copies, the same for all copies, 0 for others: int (m,).

    >>> clusters(np.array([[1, 0.9, 0], [0.9, 1, 0], [0, 0, 1]])).tolist()
    [1, 1, 0]
    """
    from scipy.sparse.csgraph import connected_components

    _, part = connected_components(overlap >= least, directed=False)
    found = np.zeros(len(part), dtype=np.int64)
    for number, group in enumerate([g for g in range(len(part)) if (part == g).sum() > 1], 1):
        found[part == group] = number
    return found


def drift(
    L: NDArray[np.int8], imports: NDArray[np.int64], names: Sequence[str], labels: Sequence[str], sources: Sequence[str]
) -> pd.DataFrame:
    """Return one row for each heuristic and import: how its votes there differ from those on all other imports.

    Parameters
    ----------
    L : int8 (n, m), votes
    imports : int (n,), the number of the import of each record
    names, labels : of the m heuristics and k labels
    sources : what each import was made from

    Returns
    -------
    DataFrame
        ``coverage`` and, for each label, the share of records with this vote. ``shift``: the total variation distance,
        0 to 1, between the votes there (abstentions included) and on the other imports. ``p``: of the chi-squared test
        that they are alike, nan for imports of fewer than 30 records. ``drifts``: whether p is below 0.01 divided by
        the number of tests.

    Notes
    -----
    The test is that of Pearson (1900), Philosophical Magazine 50; the correction for many tests is that of Bonferroni.

    Examples
    --------
    >>> L = np.array([[0]] * 50 + [[-1]] * 50, dtype=np.int8)
    >>> drift(L, np.repeat([0, 1], 50), ["f"], ["a"], ["x", "y"])[["coverage", "shift", "drifts"]].values.tolist()
    [[1.0, 1.0, True], [0.0, 1.0, True]]
    """
    import pandas as pd

    numbers = np.unique(imports)
    tests, rows = L.shape[1] * max(len(numbers), 1), []
    for j, name in enumerate(names):
        counts = np.array([np.bincount(L[imports == at, j] + 1, minlength=len(labels) + 1) for at in numbers])
        for at, mine in zip(numbers.tolist(), counts, strict=True):
            others = counts.sum(axis=0) - mine
            shares, p = mine / mine.sum(), _chi_squared(mine, others)
            shift = 0.5 * float(np.abs(shares - others / others.sum()).sum()) if others.sum() else float("nan")
            row = {"heuristic": name, "import": at + 1, "source": sources[at], "records": int(mine.sum())}
            row |= {"coverage": float(1 - shares[0]), **dict(zip(labels, shares[1:].tolist(), strict=True))}
            rows.append({**row, "shift": shift, "p": p, "drifts": bool(p < DRIFT_LEVEL / tests)})
    return pd.DataFrame(rows)


def _chi_squared(a: NDArray[np.int64], b: NDArray[np.int64]) -> float:
    from scipy.stats import chi2_contingency

    if min(a.sum(), b.sum()) < SMALL_IMPORT:
        return float("nan")
    table = np.array([a, b])[:, a + b > 0]
    return float(chi2_contingency(table).pvalue) if table.shape[1] > 1 else 1.0


@dataclass(frozen=True)
class Member:
    """What is known of one heuristic.

    Attributes
    ----------
    name : of the heuristic
    figures : label name -> precision and recall of its votes, for the labels that it votes
    gold : label name -> exact precision and recall on the records with gold labels
    left_out : what the committee would be without it; None if that was not asked for
    cluster : number of the group of copies that it belongs to, 0 for none
    nearest : the heuristic that votes most like it, and the share of equal votes
    microseconds : time a record takes, nan if not measured
    drift : the largest shift among the imports to which its votes drift; 0 if there is none
    """

    name: str
    figures: Mapping[str, ClassFigures]
    gold: Mapping[str, tuple[float, float]]
    left_out: LeftOut | None
    cluster: int
    nearest: tuple[str, float]
    microseconds: float
    drift: float


@dataclass(frozen=True, repr=False)
class HeuristicAnalysis:
    """The result of :meth:`weaklab.Project.analysis`.

    Attributes
    ----------
    summary : one row a heuristic, see :meth:`weaklab.project.summary.Summary.to_pandas`
    estimates : the accuracy of each on the records that it votes on
    members : what else is known of each
    drift : see :func:`drift`; empty with one import
    notes : shown below the table
    """

    summary: pd.DataFrame
    estimates: Sequence[Estimate]
    members: Sequence[Member]
    drift: pd.DataFrame
    notes: Sequence[str] = field(default_factory=tuple)

    def to_pandas(self) -> pd.DataFrame:
        """Return one row a heuristic: the columns of the summary, and more.

        ``labels_changed``: share of the records whose label would be another without the heuristic. ``gain`` with its
        interval ``gain_low`` to ``gain_high``: accuracy of the committee with it minus without it, NaN where too few
        random answers tell; ``gold_gain``: the same by gold labels. ``cluster``: the number of its group of copies, 0
        for none; ``nearest`` and ``nearest_overlap``: the heuristic that votes most like it. ``microseconds`` a record.
        ``drift``: 0 to 1, how far its votes differ between imports.
        """
        frame = self.summary.copy()
        for estimate, name in zip(self.estimates, frame.index, strict=True):
            if not estimate.known:
                frame.loc[name, ["estimated_accuracy", "estimated_low", "estimated_high"]] = float("nan")
        outs = [member.left_out or LeftOut(float("nan"), NO_GAIN, float("nan")) for member in self.members]
        return frame.assign(
            labels_changed=[out.changed for out in outs],
            gain=[out.gain.value for out in outs],
            gain_low=[out.gain.low for out in outs],
            gain_high=[out.gain.high for out in outs],
            gold_gain=[out.gold_gain for out in outs],
            cluster=[member.cluster for member in self.members],
            nearest=[member.nearest[0] for member in self.members],
            nearest_overlap=[member.nearest[1] for member in self.members],
            microseconds=[member.microseconds for member in self.members],
            drift=[member.drift for member in self.members],
        )

    def per_class(self) -> pd.DataFrame:
        """Return one row for each heuristic and label that it votes: ``votes``, ``precision`` and ``recall`` with their
        intervals, NaN where too few random answers tell, and by gold labels.
        """
        import pandas as pd

        return pd.DataFrame([row for member in self.members for row in _class_rows(member)])

    def table(self) -> Table:
        """Return a table with one row a heuristic."""
        rows = []
        for (name, row), estimate, member in zip(self.summary.iterrows(), self.estimates, self.members, strict=True):
            out = member.left_out
            rows.append(
                [
                    name,
                    f"{row.coverage:.1%}",
                    f"{row.conflicts:.1%}",
                    estimate.short,
                    "" if out is None else f"{out.changed:.1%}",
                    "" if out is None else _gain(out),
                    _copies(member, self.members),
                    int(row.faults),
                    "" if np.isnan(member.microseconds) else f"{member.microseconds:,.0f}",
                    f"{member.drift:.0%}" if member.drift else "",
                ]
            )
        columns = ["heuristic", "coverage", "conflicts", "right on all", "labels it changes", "points it gains"]
        columns += ["same as", "faults", "µs a record", "drift"]
        return Table(f"analysis of {counted(len(rows), 'heuristic')}", columns, rows, list(self.notes))

    def class_table(self) -> Table:
        """Return a table with one row for each heuristic and label that it votes."""
        rows = []
        for member in self.members:
            for label, figures in member.figures.items():
                exact = [f"{value:.2f}" if value == value else "" for value in member.gold.get(label, ())]
                rows.append(
                    [member.name, label, figures.labeled, figures.precision.short, figures.recall.short, *exact]
                )
        gold = ["precision by gold", "recall by gold"] if any(member.gold for member in self.members) else []
        return Table("by label", ["heuristic", "label", "votes", "precision", "recall", *gold], rows)

    def __repr__(self) -> str:
        return f"{self.table()}\n\n{self.class_table()}"

    def _repr_html_(self) -> str:
        return self.table()._repr_html_() + self.class_table()._repr_html_()


def _class_rows(member: Member) -> list[dict[str, Any]]:
    rows = []
    for label, figures in member.figures.items():
        row: dict[str, Any] = {"heuristic": member.name, "label": label, "votes": figures.labeled}
        for name in ("precision", "recall"):
            estimate: Estimate = getattr(figures, name)
            values = (estimate.value, estimate.low, estimate.high) if estimate.known else NO_GAIN
            row |= dict(zip((name, f"{name}_low", f"{name}_high"), values, strict=True))
        row["n_audit"] = figures.recall.n_audit
        if label in member.gold:
            row["gold_precision"], row["gold_recall"] = member.gold[label]
        rows.append(row)
    return rows


def _gain(out: LeftOut) -> str:
    exact = "" if np.isnan(out.gold_gain) else f"{100 * out.gold_gain:+.1f} by gold"
    if np.isnan(out.gain.value):
        return exact or NOT_KNOWN
    told = f"{100 * out.gain.value:+.1f} ({100 * out.gain.low:+.1f} to {100 * out.gain.high:+.1f})"
    return f"{told}, {exact}" if exact else told


def _copies(member: Member, members: Sequence[Member]) -> str:
    if not member.cluster:
        return ""
    return ", ".join(other.name for other in members if other.cluster == member.cluster and other is not member)


def _codes(P: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.where(is_tied(P), ABSTAIN, row_argmax(P))
