"""What each heuristic of a project is worth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from weaklab.core.labels import ABSTAIN
from weaklab.core.progress import tracked
from weaklab.project.extra_records import as_corpus
from weaklab.project.quality import given_answers, gold_codes, summary

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from weaklab.evaluation.class_figures import ClassFigures
    from weaklab.evaluation.heuristic_analysis import HeuristicAnalysis, LeftOut
    from weaklab.project.workspace import Workspace

FOLDS = 5
TIMED = 1000
"""The time of a heuristic is measured on at most this many records."""


def analysis(
    work: Workspace, /, *, marginal: bool = True, timing: bool = True, progress: bool = True
) -> HeuristicAnalysis:
    """Return what each heuristic is worth, and what it costs.

    Beside what the summary shows: precision and recall for each label that it votes, and what the committee would be
    without it: the label model is fitted again without its column, which is exact, and judged by the random answers,
    out-of-fold. Which heuristics are copies of one another, how many microseconds a record takes, and whether votes
    drift from import to import. Figures that too few random answers tell are NaN, and "not known yet" in the table.

    Parameters
    ----------
    marginal : whether to fit the committee without each heuristic: six times for each
    timing : whether to measure the time of each; a project that was opened with ``run_code=False`` measures none
    progress : whether to show progress where it takes longer than a moment

    Examples
    --------
    >>> import tempfile, weaklab
    >>> project = weaklab.Project(tempfile.mkdtemp(), labels=["ham", "spam"], timeout=None)
    >>> _ = project.add_records(["win a prize", "prize draw", "lunch at noon"], quiet=True)
    >>> _ = project.add(weaklab.keywords("spam", ["prize"], name="prize"))
    >>> _ = project.add(weaklab.keywords("spam", ["prize", "cash"], name="money"))
    >>> project.analysis(progress=False).to_pandas()[["coverage", "cluster", "nearest"]].values.tolist()
    [[0.6666666666666666, 1, 'money'], [0.6666666666666666, 1, 'prize']]
    """
    from weaklab.evaluation.heuristic_analysis import HeuristicAnalysis, Member, clusters, overlaps

    work.finish_encoding(progress)
    state, shown = work.state(), summary(work)
    names, L = list(state.votes.names), state.votes.L
    overlap = overlaps(L, len(work.label_names))
    group, gold = clusters(overlap), gold_codes(work)
    moved, figures = _drift(work), _figures(work)
    outs = _left_out(work, progress) if marginal else [None] * len(names)
    microseconds = _microseconds(work) if timing and work.run_code else [float("nan")] * len(names)
    np.fill_diagonal(overlap, -1)
    members = []
    for j, name in enumerate(names):
        mine = moved[(moved["heuristic"] == name) & moved["drifts"]] if len(moved) else moved
        most = int(overlap[j].argmax()) if len(names) > 1 else j
        near = (names[most], float(overlap[j, most])) if len(names) > 1 else ("", float("nan"))
        members.append(
            Member(
                name,
                figures[j],
                _by_gold(work, L[:, j], gold),
                outs[j],
                int(group[j]),
                near,
                microseconds[j],
                float(mine["shift"].max()) if len(mine) else 0.0,
            )
        )
    return HeuristicAnalysis(shown.to_pandas(), shown.estimates, members, moved, _notes(work, marginal))


def _figures(work: Workspace) -> list[dict[str, ClassFigures]]:
    """Return for each heuristic the figures of the labels that it votes."""
    from weaklab.evaluation.class_figures import JudgedLabels

    answers, found = given_answers(work), []
    for column in work.opinion.now().votes.L.T:
        votes = column.astype(np.int64)
        judged = JudgedLabels(votes, votes[answers.all_rows], answers)
        found.append({work.label_names[code]: judged.of_class(code) for code in np.unique(votes[votes >= 0]).tolist()})
    return found


def _by_gold(work: Workspace, votes: NDArray[np.int8], gold: NDArray[np.int64]) -> dict[str, tuple[float, float]]:
    """Return precision and recall of each label that is voted, on the records with gold labels."""
    from weaklab.evaluation.label_quality import confusion_counts, exact_figures

    if not (gold != ABSTAIN).any():
        return {}
    exact = exact_figures(confusion_counts(gold, votes.astype(np.int64), len(work.label_names)))
    return {
        work.label_names[code]: (float(exact["precision"][code]), float(exact["recall"][code]))
        for code in np.unique(votes[votes >= 0]).tolist()
    }


def _left_out(work: Workspace, progress: bool) -> list[LeftOut | None]:
    """Return what the committee would be without each heuristic."""
    from weaklab.evaluation.heuristic_analysis import left_out
    from weaklab.evaluation.precision import held_out

    state, trainer, answers = work.state(), work.cache.trainer(progress=False), given_answers(work)
    gold, mates = gold_codes(work), answers.mates
    held = held_out(trainer, state, answers.rows, FOLDS)
    found: list[LeftOut | None] = []
    m = len(state.votes.names)
    for column in tracked(range(m), progress, m, "leaving out", "heuristics", lambda _: 1):
        without = trainer.without(state, column)
        held_without = held_out(trainer, without, answers.rows, FOLDS)
        both = [np.concatenate([each, each[mates]]) for each in (held, held_without)]
        found.append(left_out(state.P, without.P, both[0], both[1], answers, gold))
    return found


def _microseconds(work: Workspace) -> list[float]:
    """Return how long each heuristic takes for a record, measured on a sample."""
    n = len(work.corpus)
    rows = np.unique(np.linspace(0, n - 1, min(TIMED, n)).astype(np.int64))
    plan = work.committee.explain_plan(as_corpus(work.corpus.take(rows)))
    column = list(plan.columns).index("µs a record")
    found = {row[0]: row[column] for row in plan}
    return [float("nan") if found[name] is None else float(found[name]) for name in work.committee.names]


def _drift(work: Workspace) -> pd.DataFrame:
    """Return how votes differ between imports; an empty frame with fewer than two."""
    import pandas as pd

    from weaklab.evaluation.heuristic_analysis import drift

    imports = work.journal.imports()
    number = np.repeat(np.arange(len(imports)), [each.records for each in imports])
    if work.kept is not None:
        number = number[work.kept]
    votes = work.opinion.now().votes
    if len(number) != len(votes.L) or len(np.unique(number)) < 2:
        return pd.DataFrame()
    return drift(votes.L, number, list(votes.names), list(work.label_names), [each.source for each in imports])


def _notes(work: Workspace, marginal: bool) -> list[str]:
    notes = ["right on all, precision and recall: estimated from the random answers, with 95 % intervals"]
    if marginal:
        notes.append("labels it changes, points it gains: the committee with the heuristic against the same without it")
    if marginal and work.settings.pseudo_labels:
        notes.append("classifiers keep the pseudo-labels that they learned from with all heuristics")
    return notes
