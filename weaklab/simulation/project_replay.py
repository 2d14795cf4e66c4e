"""Replaying a person: the questions of a project are answered from gold labels, and its labels measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from weaklab.core.errors import ProjectError, UnknownLabelError
from weaklab.core.label_reader import LabelReader
from weaklab.corpus import record_id

if TYPE_CHECKING:
    from weaklab.project.project import Project


@dataclass(frozen=True)
class Round:
    """Measures of a project after one batch of answers.

    Attributes
    ----------
    labels : number of manual labels so far
    accuracy : share of all records that are right, including manual labels; a tie of t classes counts 1 / t
    coverage : share of records with at least one vote
    mean_confidence : mean confidence, 0 to 1
    conflicts : number of records with contradicting votes
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
    map: Mapping[Any, Any] | None = None,
) -> list[Round]:
    """Answer the questions of a project with gold labels, batch by batch, and retrain after each batch.

    Parameters
    ----------
    project : a project with records and heuristics
    gold : record id -> label name, for every record
    n_labels : number of answers
    batch : number of questions per batch
    strategy : query strategy; by default that of the project
    on_round : function that is called after each batch
    map : value -> label name, for values of ``gold`` that are not label names, such as ``{"1": "spam", "0": "ham"}``

    Returns
    -------
    list of Round
        The first one is before any answer.

    Raises
    ------
    ProjectError
        A picked record has no gold label.
    UnknownLabelError
        A value of ``gold`` is not a label.
    """
    gold = gold_names(project, gold, map)
    rounds = [measure(project, gold)]
    if on_round:
        on_round(rounds[0])
    while rounds[-1].labels < n_labels:
        asks = project.ask(min(batch, n_labels - rounds[-1].labels), strategy=strategy)
        if not asks:
            break
        missing = next((ask.id for ask in asks if not gold.get(ask.id)), None)
        if missing is not None:
            raise ProjectError(f"record {missing!r} has no gold label, so the question cannot be answered")
        project.label_many([(ask, gold[ask.id]) for ask in asks], shown=False)
        project.run(progress=False)
        rounds.append(measure(project, gold))
        if on_round:
            on_round(rounds[-1])
    return rounds


def gold_names(project: Project, gold: Mapping[Any, Any], map: Mapping[Any, Any] | None = None) -> dict[str, str]:
    """Return record id -> label name, read as columns of ids and labels; records without a label are left out."""
    reader = LabelReader(project.label_names, map)
    found: dict[str, str] = {}
    for record, value in gold.items():
        try:
            name = project.label_names.name(reader.code(value))
        except UnknownLabelError as error:
            raise UnknownLabelError(f"gold of record {record!r}: {error}") from None
        if name is not None:
            found[record_id(record)] = name
    return found


def measure(project: Project, gold: Mapping[str, str]) -> Round:
    """Compare the labels of a project with the truth.

    ``gold`` maps record ids to label names; records without one are left out.
    """
    from weaklab.evaluation.analysis import expected_accuracy

    status = project.status()
    ids = [str(name) for name in project.corpus.ids.to_pylist()]
    known = gold_names(project, gold)
    y = [project.label_names.code(known.get(name)) for name in ids]
    return Round(
        status["manual_labels"],
        expected_accuracy(project.probabilities(), y),
        status["coverage"],
        status["mean_confidence"],
        status["conflicts"],
    )
