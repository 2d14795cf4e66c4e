"""The rows of the benchmark by name, each with what it takes to reach its goal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class Row(NamedTuple):
    """One line of the benchmark.

    Attributes
    ----------
    work : number of records -> the figures
    n, quick : how many records, in the whole run and in the short one
    goal : what ``figure`` has to be at least, or at most
    figure : the key of the figures that the goal is about
    at_most : whether smaller is better
    memory : what the memory ratio has to be at least; None where memory does not matter
    """

    work: Callable[[int], dict[str, Any]]
    n: int
    quick: int
    goal: float
    figure: str = "ratio"
    at_most: bool = False
    memory: float | None = None

    def reached(self, found: dict[str, Any]) -> bool:
        """Say whether figures are as good as the goal."""
        value = found.get(self.figure)
        if value is None:
            return False
        enough = value <= self.goal if self.at_most else value >= self.goal
        return bool(enough and (self.memory is None or (found.get("memory_ratio") or 0) >= self.memory))

    def wanted(self) -> str:
        """Return the goal as it is shown."""
        memory = "" if self.memory is None else f", memory {self.memory:g}"
        return (
            f"{self.figure if self.figure != 'ratio' else ''} {'≤' if self.at_most else '≥'} {self.goal:.3g}{memory}"
        ).strip()


ROWS: dict[str, Row] = {}


def row(name: str, *, n: int, quick: int, goal: float, **more: Any) -> Callable[[Callable[[int], dict[str, Any]]], Any]:
    """Register a function as a row."""

    def register(work: Callable[[int], dict[str, Any]]) -> Callable[[int], dict[str, Any]]:
        ROWS[name] = Row(work, n, quick, goal, **more)
        return work

    return register


def slope(sizes: list[int], seconds: list[float]) -> float:
    """Return how cost grows, the slope of the least-squares line through the logarithms of both: 1 is linear.

    >>> round(slope([10, 100, 1000], [0.1, 1.0, 10.0]), 6)
    1.0
    """
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])
