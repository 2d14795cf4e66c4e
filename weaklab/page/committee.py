"""The committee as the page shows it: what each heuristic does, and which of them contradict each other."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.core.labels import ABSTAIN
from weaklab.evaluation.analysis import conflict_counts
from weaklab.evaluation.audit import enough

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from weaklab.project.project import Project

MOST_FAULTS = 50


class PageCommittee:
    """What the heuristics of a project do, computed again only when something has changed."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._held: tuple[Any, dict[str, Any]] | None = None

    def facts(self) -> dict[str, Any]:
        """Return ``heuristics``, one dict each; ``conflicts``, how often two vote for different labels; and ``faults``.

        Files of labeling functions that were edited are read again first.
        """
        work = self._project.workspace
        with work.working:
            state = work.state()
            key = (id(state), work.journal.version().events, tuple(self._project.load_errors))
            if self._held is None or self._held[0] != key:
                self._held = key, self._facts()
            return self._held[1]

    def _facts(self) -> dict[str, Any]:
        votes = self._project.votes()
        frame = self._project.summary().to_pandas()
        wrong = wrong_votes(votes.L, self._project.workspace.snapshot.y)
        learning = {member.name for member in self._project.committee.classifiers}
        rows = [
            {
                "name": str(name),
                "learns": name in learning,
                "wrong": int(n),
                "enough": enough(int(row.n_labels)),
                **{column: _plain(value) for column, value in row.items()},
            }
            for (name, row), n in zip(frame.iterrows(), wrong, strict=True)
        ]
        return {
            "heuristics": rows,
            "conflicts": conflict_counts(votes.L).tolist(),
            "faults": [str(fault) for fault in votes.faults[:MOST_FAULTS]],
            "load_errors": list(self._project.load_errors),
            "records": len(votes.L),
        }


def _plain(value: Any) -> Any:
    """Return a value of a frame as JSON has it."""
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and not math.isfinite(value) else value


def wrong_votes(L: NDArray[np.integer[Any]], y: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """Return int (m,): on how many records a heuristic contradicts the manual label.

    >>> wrong_votes(np.array([[0, 1], [0, -1], [1, 1]]), np.array([0, 1, -1])).tolist()
    [1, 1]
    """
    known = y != ABSTAIN
    return np.asarray(((L[known] != ABSTAIN) & (L[known] != y[known, None])).sum(axis=0))
