"""Where the workers of a crowd stand: who is below the others, and in which order to show them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weaklab.core.errors import WeaklabError

if TYPE_CHECKING:
    import pandas as pd

SORTS = ("labels", "accuracy")
"""The orders of workers: the most labels first; or the lowest upper end of the interval first."""


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
