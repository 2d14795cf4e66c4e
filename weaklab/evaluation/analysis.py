"""Statistics of heuristics: coverage, overlaps, conflicts and accuracy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.core.codes import check_labels, check_votes
from weaklab.core.labels import ABSTAIN

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

Z_95 = 1.959963984540054


def wilson_interval(right: int, n: int, z: float = Z_95) -> tuple[float, float]:
    """Return the Wilson confidence interval of a share; (nan, nan) for n = 0.

    Wilson (1927), Probable inference, the law of succession, and statistical inference. JASA 22, 209-212.

    >>> [round(bound, 3) for bound in wilson_interval(9, 10)]
    [0.596, 0.982]
    """
    if n == 0:
        return float("nan"), float("nan")
    share, extra = right / n, z * z / n
    centre = (share + extra / 2) / (1 + extra)
    half = z / (1 + extra) * float(np.sqrt(share * (1 - share) / n + extra / (4 * n)))
    return centre - half, centre + half


def covered(L: ArrayLike) -> NDArray[np.bool_]:
    """Return bool (n,), True where at least one heuristic votes."""
    votes = check_votes(L)
    found = np.zeros(len(votes), dtype=bool)
    for column in votes.T:  # one column after another: a label matrix is tall and narrow
        found |= column != ABSTAIN
    return found


def conflicts(L: ArrayLike) -> NDArray[np.bool_]:
    """Return bool (n,), True where two heuristics vote for different labels.

    >>> conflicts([[0, 1], [0, -1], [1, 1]]).tolist()
    [True, False, False]
    """
    votes = check_votes(L)
    high = np.full(len(votes), ABSTAIN, dtype=np.int8)
    low = high.view(np.uint8).copy()
    for column in votes.T:
        np.maximum(high, column, out=high)
        np.minimum(low, column.view(np.uint8), out=low)  # without a sign, an abstention is above all labels
    return np.asarray(high.view(np.uint8) != low)


def conflict_counts(L: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """Return int (m, m): on how many records two heuristics vote for different labels.

    >>> conflict_counts(np.array([[0, 1, -1], [0, 0, 1], [-1, 1, 0]])).tolist()
    [[0, 1, 1], [1, 0, 2], [1, 2, 0]]
    """
    voted = (L != ABSTAIN).astype(np.float32)
    both = voted.T @ voted
    for code in np.unique(L[L != ABSTAIN]):
        same = (code == L).astype(np.float32)
        both -= same.T @ same
    found: NDArray[np.int64] = np.rint(both).astype(np.int64)
    return found


def summary(
    L: ArrayLike, y: ArrayLike | None = None, names: Sequence[str] | None = None, labels: Sequence[str] | None = None
) -> pd.DataFrame:
    """Return a table of statistics with one row per heuristic.

    Parameters
    ----------
    L : int (n, m), votes, -1 abstains
    y : int (n,), manual labels, -1 is unlabeled
    names : names of the m heuristics
    labels : the k label names, for the column ``polarity``

    Returns
    -------
    DataFrame
        ``polarity``: the labels that it votes for. ``coverage``, ``overlaps`` and ``conflicts``: the share of all
        records on which it votes, on which it and another heuristic vote, and on which another one votes for a
        different label. ``accuracy``: its accuracy on the ``n_labels`` records with a manual label on which it votes,
        with the 95% Wilson interval ``accuracy_low`` to ``accuracy_high``.

    Examples
    --------
    >>> table = summary([[0, 1], [0, -1], [1, 1], [-1, -1]], y=[0, 1, -1, -1])
    >>> table[["coverage", "overlaps", "conflicts", "accuracy"]].values.tolist()
    [[0.75, 0.5, 0.25, 0.5], [0.5, 0.5, 0.25, 0.0]]
    """
    import pandas as pd

    votes = check_votes(L)
    n, m = votes.shape
    gold = np.full(n, ABSTAIN) if y is None else check_labels(y, n)
    voted = votes != ABSTAIN
    others = voted.sum(axis=1)
    rows: list[dict[str, Any]] = []
    for j in range(m):
        mine, column = voted[:, j], votes[:, j]
        same = (votes[mine] == column[mine, None]).sum(axis=1)
        judged = mine & (gold != ABSTAIN)
        right = int((column[judged] == gold[judged]).sum())
        low, high = wilson_interval(right, int(judged.sum()))
        rows.append(
            {
                "polarity": [labels[c] if labels is not None else int(c) for c in np.unique(column[mine])],
                "coverage": mine.mean() if n else 0.0,
                "overlaps": float((others[mine] > 1).sum() / max(n, 1)),
                "conflicts": float((others[mine] > same).sum() / max(n, 1)),
                "n_labels": int(judged.sum()),
                "accuracy": right / judged.sum() if judged.any() else float("nan"),
                "accuracy_low": low,
                "accuracy_high": high,
            }
        )
    columns = ["polarity", "coverage", "overlaps", "conflicts", "n_labels", "accuracy", "accuracy_low", "accuracy_high"]
    return pd.DataFrame(
        rows, columns=columns, index=pd.Index(names if names is not None else range(m), name="heuristic")
    )


def expected_accuracy(P: NDArray[np.floating[Any]], y: ArrayLike) -> float:
    """Return the share of rows that ``P`` gets right; a tie of t classes counts 1 / t. Rows with y = -1 are left out.

    >>> expected_accuracy(np.array([[0.5, 0.5], [0.9, 0.1]]), [0, 0])
    0.75
    """
    gold = np.asarray(y, dtype=np.int64)
    known = gold != ABSTAIN
    best = P[known] >= P[known].max(axis=1, keepdims=True) - 1e-9
    hit = best[np.arange(int(known.sum())), gold[known]] / best.sum(axis=1)
    return float(hit.mean()) if known.any() else float("nan")


def label_shares(P: NDArray[np.floating[Any]], labels: Sequence[str]) -> dict[str, float]:
    """Return the expected share of each label: the mean over the rows of ``P``, float (n, k)."""
    return dict(zip(labels, np.asarray(P, dtype=np.float64).mean(axis=0).tolist(), strict=True))


def shared_answers(groups: NDArray[np.integer[Any]], y: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """Return for each record without a label the row of a labeled near-duplicate, -1 if there is none: int (n,).

    In a group with different manual labels, no label is shared.

    Parameters
    ----------
    groups : int (n,), near-duplicates have the same number
    y : int (n,), manual labels, -1 is unlabeled

    Examples
    --------
    >>> shared_answers(np.array([0, 0, 2, 2, 2]), np.array([1, -1, 0, 1, -1])).tolist()
    [-1, 0, -1, -1, -1]
    """
    y = np.asarray(y)
    labeled = np.flatnonzero(y != ABSTAIN)
    home = groups[labeled]
    source = np.full(1 + int(np.max(groups, initial=0)), ABSTAIN, dtype=np.int64)
    source[home[::-1]] = labeled[::-1]  # the last one written is the first of its group
    source[home[y[source[home]] != y[labeled]]] = ABSTAIN  # the group contradicts itself
    return np.asarray(np.where(y == ABSTAIN, source[groups], ABSTAIN))
