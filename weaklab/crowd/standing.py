"""Where a crowd and its workers stand: sentences about the consensus, who is below the others, and orders to show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weaklab.core.errors import WeaklabError
from weaklab.core.tables import counted, some_of

if TYPE_CHECKING:
    import pandas as pd

    from weaklab.crowd.crowd import Crowd

SORTS = ("labels", "accuracy")
"""The orders of workers: the most labels first; or the lowest upper end of the interval first."""
SHOWN_BELOW = 10
DOUBTED = 0.9
"""Items whose label is less probable are counted as doubtful."""


def about_consensus(crowd: Crowd, measured: str = "") -> list[str]:
    """Return sentences about a consensus: agreement, what it expects of itself, and what was measured, if anything."""
    P = crowd.probabilities().max(axis=1)
    alpha = crowd.agreement(pairs=False).alpha
    agree = alpha.why if alpha.value is None else f"{alpha.value:.2f} ({alpha.low:.2f} to {alpha.high:.2f})"
    doubted = f"{counted(int((P < DOUBTED).sum()), 'item')} with a probability below {DOUBTED:.0%}".replace("%", " %")
    said = [
        f"Agreement (Krippendorff's alpha): {agree}.",
        f"Consensus: by its own account {P.mean():.0%} of its labels are right; {doubted}.",
    ]
    return [*said, f"Consensus, measured by your answers: {measured} are right."] if measured else said


def about_below(quality: pd.DataFrame) -> list[str]:
    """Return a sentence that names the workers below the others, if there are any."""
    below = below_others(quality)
    if not below:
        return []
    limit = f"their intervals end below {mean_accuracy(quality):.0%}, the share of all labels that is right"
    return [f"Below the others: {some_of(below, SHOWN_BELOW)} ({limit}). The consensus counts them for less already."]


def mean_accuracy(quality: pd.DataFrame) -> float:
    """Return the share of all labels that is right, by the table of :meth:`weaklab.Crowd.quality`."""
    return float((quality["accuracy"] * quality["n_labels"]).sum() / quality["n_labels"].sum())


def below_others(quality: pd.DataFrame) -> list[str]:
    """Return the workers whose interval ends below the share of all labels that is right, the worst first.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = [("Ann", 60, 0.9, 0.8, 0.96), ("Bob", 60, 0.5, 0.38, 0.62), ("Eve", 2, 0.4, 0.1, 0.9)]
    >>> below_others(pd.DataFrame(rows, columns=["worker", "n_labels", "accuracy", "low", "high"]))
    ['Bob']
    """
    found = in_order(quality, "accuracy")
    return [str(name) for name in found["worker"][found["high"] < mean_accuracy(quality)]]


def in_order(quality: pd.DataFrame, sort: str = "labels") -> pd.DataFrame:
    """Return the table of :meth:`weaklab.Crowd.quality` in one of :data:`SORTS`.

    Workers with few labels have wide intervals, so that by accuracy those who are bad for sure come first.
    """
    if sort not in SORTS:
        raise WeaklabError(f"cannot sort workers by {sort!r}; wanted {' or '.join(SORTS)}")
    if sort == "labels":
        return quality.sort_values("n_labels", ascending=False, kind="stable")
    return quality.sort_values("high", kind="stable")
