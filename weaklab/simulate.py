"""A person replayed from gold labels, to see what the loop makes of their answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from weaklab.base import ProjectError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from weaklab.project import Project


@dataclass(frozen=True)
class Round:
    """The project after one batch of answers.

    Attributes
    ----------
    labels : manual labels so far
    accuracy : share of all records that are right, manual ones included, ties by their chance
    coverage : share of records with at least one vote
    mean_confidence : 0 to 1
    conflicts : records whose votes disagree
    """

    labels: int
    accuracy: float
    coverage: float
    mean_confidence: float
    conflicts: int


def replay(
    project: Project,
    gold: Mapping[str, str],
    n_labels: int = 60,
    batch: int = 10,
    *,
    strategy: Any = None,
    on_round: Callable[[Round], None] | None = None,
) -> list[Round]:
    """Answer what the project asks from gold labels, batch by batch, and retrain after each.

    Parameters
    ----------
    project : with records and heuristics
    gold : record id -> label name, for every record
    n_labels : how many answers to give
    batch : how many are asked for at a time
    strategy : query strategy, by default that of the project
    on_round : called after each round

    Returns
    -------
    list of Round
        The first is before any answer.

    Raises
    ------
    ProjectError
        A record that is asked for has no gold label.
    """
    rounds = [measure(project, gold)]
    if on_round:
        on_round(rounds[0])
    while rounds[-1].labels < n_labels:
        asks = project.ask(min(batch, n_labels - rounds[-1].labels), strategy=strategy)
        if not asks:
            break
        missing = next((ask.id for ask in asks if not gold.get(ask.id)), None)
        if missing is not None:
            raise ProjectError(f"record {missing!r} has no gold label, so nobody can answer for it")
        project.label_many([(ask, gold[ask.id]) for ask in asks], shown=False)
        project.run(progress=False)
        rounds.append(measure(project, gold))
        if on_round:
            on_round(rounds[-1])
    return rounds


def measure(project: Project, gold: Mapping[str, str]) -> Round:
    """Compare a project's labels with the truth: ``gold`` maps record id to label name; records without one are left out."""
    from weaklab.analysis import expected_accuracy

    status = project.status()
    ids = [str(name) for name in project.corpus.ids.to_pylist()]
    y = [project.label_names.parse(gold.get(name)) for name in ids]
    return Round(
        status["manual_labels"],
        expected_accuracy(project.probabilities(), y),
        status["coverage"],
        status["mean_confidence"],
        status["conflicts"],
    )
