"""Records to ask a person about, with what the committee thinks of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from weaklab.scheduler import RANDOM, Pick
from weaklab.tables import Table

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from weaklab.base import LabelNames
    from weaklab.corpus import Record


@dataclass(frozen=True)
class Ask:
    """A record that the committee wants to know about.

    Attributes
    ----------
    id : of the record
    text : its text
    record : all its columns
    suggestion : the most probable label, None where nothing tells the best two apart
    confidence : 0 (undecided) to 1 (sure)
    probabilities : label -> probability
    votes : heuristic -> label, of those that vote
    why : why it was picked
    strategy, score, probability : see :class:`weaklab.scheduler.Pick`
    """

    id: str
    text: str
    record: Record
    suggestion: str | None
    confidence: float
    probabilities: dict[str, float]
    votes: dict[str, str]
    why: str
    strategy: str
    score: float
    probability: float


class Asks(list[Ask]):
    """Records to ask about, in the order in which to ask."""

    def table(self) -> Table:
        """Return what to show."""
        rows = [[a.id, a.text, a.suggestion, round(a.confidence, 3), a.why] for a in self]
        return Table(f"{len(self)} records to label", ["id", "text", "suggestion", "confidence", "why"], rows)

    def __repr__(self) -> str:
        return str(self.table())

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


def why_picked(pick: Pick, P: NDArray[np.float64], votes: Mapping[str, str], labels: LabelNames, n: int) -> str:
    """Say in one line why a record was picked."""
    if pick.strategy == RANDOM:
        return f"drawn at random, so that accuracy can be measured ({pick.probability:.2g} chance)"
    order = P.argsort()[::-1]
    lead = f"{labels[int(order[0])]} {P[order[0]]:.2f} against {labels[int(order[1])]} {P[order[1]]:.2f}"
    sides = {label: [name for name, vote in votes.items() if vote == label] for label in dict.fromkeys(votes.values())}
    if not sides:
        said = "no heuristic votes"
    elif len(sides) == 1:
        said = f"only {', '.join(next(iter(sides.values())))} for {next(iter(sides))}"
    else:
        said = " against ".join(f"{', '.join(names)} for {label}" for label, names in sides.items())
    return f"{pick.strategy} {pick.score:.2f}: {lead}; {said}"
