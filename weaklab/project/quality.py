"""How good the labels of a project are: estimates, reliability, precision, annotators, previews of classifiers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.classifiers import WeakClassifier
from weaklab.core.errors import HeuristicError, ProjectError
from weaklab.core.labels import ABSTAIN
from weaklab.project.record_values import with_known
from weaklab.project.snapshot import names_in_use
from weaklab.project.summary import ProjectFacts, Summary
from weaklab.scheduling.asks import texts_of

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from weaklab.core.votes import Votes
    from weaklab.evaluation.evaluation import Answers, Evaluation
    from weaklab.evaluation.precision import PrecisionLabels
    from weaklab.evaluation.preview import Preview
    from weaklab.evaluation.reliability import Reliability
    from weaklab.project.workspace import Workspace
    from weaklab.scheduling.views import Views
    from weaklab.training.trainer import More, State


def summary(work: Workspace, /) -> Summary:
    """Return what every heuristic does: coverage, overlaps, conflicts, polarity, accuracy on manual labels,
    faults.
    """
    from weaklab.evaluation import analysis
    from weaklab.evaluation.evaluation import estimates

    state = work.opinion.now()
    frame = analysis.summary(state.votes.L, work.snapshot.y, state.votes.names, work.label_names)
    facts = ProjectFacts(
        work.path.name or str(work.path),
        work.committee,
        status(work),
        int(disputes(work)["settled_by"].isna().sum()),
        work.members.load_errors,
        work.old_names.in_use(),
    )
    return Summary(facts, state, frame, estimates(state, given_answers(work)))


def measured_accuracy(work: Workspace, name: str, /) -> str:
    """Return in words how right a heuristic is where it votes; empty if there are fewer than ten random answers."""
    from weaklab.evaluation.audit import enough
    from weaklab.evaluation.evaluation import estimates

    if not len(work.rows):
        return ""
    state = work.opinion.now()
    found = estimates(state, given_answers(work))[state.votes.names.index(name)]
    return str(found) if enough(found.n_audit, found.n_eff) else ""


def evaluate(work: Workspace, /, *, progress: bool = True) -> Evaluation:
    """Estimate how right the labels are, from the records drawn at random, and what more labels would bring.

    The committee is trained on all labels first, as by :meth:`run`, and then again on parts of them, so this takes
    several times as long.

    Parameters
    ----------
    progress : whether to show progress where it takes longer than a moment
    """
    from weaklab.evaluation.evaluation import evaluate as judged

    work.finish_encoding(progress)
    work.train(work.refresh().event)
    trainer = work.cache.trainer(progress=False)

    def more(through: int) -> More | None:
        return work.more(work.snapshot.at(through, work.journal))

    try:
        every = work.settings.retrain_every or 10
        return judged(trainer, given_answers(work), work.journal.events(), every, more, progress)
    finally:
        work.opinion.forget_classifiers()


def label_or_abstain(work: Workspace, /, precision: float = 0.95) -> PrecisionLabels:
    """Return labels of which at least this share is right, with 95 % confidence; records of which less is sure have
    none.

    Manual labels stand, and those that near-duplicates share. How sure the committee must be of the others follows
    from the answers to the questions that were drawn at random, see :func:`weaklab.core.thresholds.threshold_for`;
    where these are too few, no other record gets a label, and what is shown says how many it takes: at least 80 for
    0.95. ``ask(n, strategy="random")`` asks for them. The promise holds however often it is looked at while answers
    come in.

    Parameters
    ----------
    precision : between 0 and 1

    Examples
    --------
    >>> import tempfile, weaklab
    >>> project = weaklab.Project(tempfile.mkdtemp(), labels=["ham", "spam"], timeout=None)
    >>> _ = project.add_records(["prize draw", "lunch at noon"], quiet=True)
    >>> _ = project.add(weaklab.keywords("spam", ["prize"]))
    >>> project.label_or_abstain()
    0 of 2 records get a label (0.0%), 0 of them from a person
    ...
    No label can be promised to be right with precision 0.95: that takes 80 random answers or more, and there are 0;
    ...
    """
    from weaklab.evaluation.precision import labels_at_precision

    work.finish_encoding()
    state = work.state()
    audit, truth, covered = _audited(work, state)
    ids, names, shared = work.corpus.ids.to_pylist(), list(work.label_names), work.shared(work.snapshot) >= 0
    return labels_at_precision(
        state.P, known_labels(work), audit, truth, precision, names, ids=ids, covered=covered, shared=int(shared.sum())
    )


def reliability(work: Workspace, /, bins: int | None = None) -> Reliability:
    """Return how often the committee is right, by how probable it says its label is.

    Judged by the answers to the questions that were drawn at random, of each of which the committee is made not to
    know.

    Parameters
    ----------
    bins : of equal width from 0 to 1; by default 5, 10 from 100 answers on and 15 from 1000. The expected calibration
        error depends on it: with more bins than the answers can fill, it is too large.

    Raises
    ------
    WeaklabError
        There are fewer than ten.
    """
    from weaklab.evaluation.precision import audited_reliability

    state = work.state()
    audit, truth, covered = _audited(work, state)
    return audited_reliability(audit, truth, bins, P=state.P, covered=covered)


def _audited(work: Workspace, state: State) -> tuple[NDArray[np.float64], NDArray[np.int64], int]:
    """Return what the committee says of the records drawn at random without knowing their labels, these, and of how
    many they tell.
    """
    from weaklab.evaluation.precision import held_out

    answers = given_answers(work)
    mine = answers.among_all
    audit = held_out(work.cache.trainer(progress=False), state, answers.rows[mine])
    return audit, answers.codes[mine], answers.covered


def given_answers(work: Workspace, /) -> Answers:
    """Return the manual labels in the order in which they were given."""
    from weaklab.evaluation.evaluation import Answers

    y = work.snapshot.y
    labeled = y != ABSTAIN
    codes = dict(zip(work.rows.ids_at(labeled), y[labeled].tolist(), strict=True))
    imports = [(row.records, row.at) for row in work.journal.imports()]
    removed = [0] * len(imports)
    if work.kept is not None:  # of each import those records that are there still
        ends = np.cumsum([0, *(records for records, _ in imports)])
        there = np.diff(np.searchsorted(np.flatnonzero(work.kept), ends)).tolist()
        removed = [records - now for (records, _), now in zip(imports, there, strict=True)]
        imports = [(now, at) for now, (_, at) in zip(there, imports, strict=True)]
    first = work.first_labels.all(work.snapshot.event)
    return Answers(first, work.rows, codes, work.shared(work.snapshot), imports, removed)


def annotators(work: Workspace, /) -> pd.DataFrame:
    """Return one row a person who labeled: labels, agreement with others, and estimated accuracy with a 95%
    interval.

    Where people labeled a record differently, the manual label is their consensus, each person weighted by how
    often they seem to be right where several labeled a record; where that does not tell, the later label stands.
    A label that somebody gave by :meth:`settle` stands against all others, and counts as the truth here.
    See :func:`weaklab.crowd.annotators.annotator_table` for the columns.

    Examples
    --------
    >>> import tempfile, weaklab
    >>> project = weaklab.Project(tempfile.mkdtemp(), labels=["ham", "spam"])
    >>> _ = project.add_records([{"id": "a", "text": "win a prize"}, {"id": "b", "text": "lunch"}], quiet=True)
    >>> for person, label in [("Ann", "spam"), ("Bob", "spam"), ("Eve", "ham")]:
    ...     _ = project.label("a", label, annotator=person)
    >>> project.manual_labels(), project.disputes()["record"].tolist()
    ({'a': 'spam'}, ['a'])
    >>> project.annotators()[["annotator", "labels", "agreement"]].values.tolist()
    [['Ann', 1, 0.5], ['Bob', 1, 0.5], ['Eve', 1, 0.0]]
    """
    from weaklab.crowd.annotators import annotator_table

    found = work.refresh()
    counts = {name: count for name, count in zip(found.people, found.counts, strict=True) if count}
    return annotator_table(found.opinions, counts, names_in_use(found))


def disputes(work: Workspace, /) -> pd.DataFrame:
    """Return the records that people labeled differently: ``record``, the ``label`` that stands, all ``opinions``, and
    ``settled_by``, who settled it (see :meth:`settle`), None for nobody.
    """
    from weaklab.crowd.annotators import dispute_table

    found = work.refresh()
    return dispute_table(found.opinions, {**found.extra_labels, **found.manual_labels})


def preview(work: Workspace, /, name: str) -> Preview:
    """Show what a weak classifier does: accuracy out-of-fold, what it votes on, and its ten most surprising votes.

    A vote surprises where the committee without this classifier, or a manual label, says something else.
    """
    from weaklab.evaluation.preview import preview

    classifier = work.committee[name]
    if not isinstance(classifier, WeakClassifier):
        names = [c.name for c in work.committee.classifiers]
        raise HeuristicError(
            f"{name!r} is no weak classifier; the weak classifiers are {', '.join(names) or 'none yet'}"
        )
    work.train(work.refresh().event)
    state = work.trained
    assert state is not None
    column = state.votes.names.index(name)
    others = work.cache.trainer(progress=False).predict_without(state, column)
    scores = state.votes.scores.get(column)
    return preview(
        classifier, lambda rows: texts_of(work.corpus, rows), scores, others, work.snapshot.y, work.label_names
    )


def probabilities(work: Workspace, /) -> NDArray[np.float64]:
    """Return probabilities float (n, k) in the order of the records and labels; manual and shared labels count as
    certain.
    """
    P = work.opinion.now().P
    return with_known(P, known_labels(work))


def votes(work: Workspace, /) -> Votes:
    """Return what every member votes on every record: the label matrix, scores, confidences and faults."""
    return work.opinion.now().votes


def map_of_records(work: Workspace, /) -> pd.DataFrame:
    """Return two coordinates for each record, between -1 and 1, so that similar records are near each other: columns
    ``id``, ``x`` and ``y``.

    Made from the features that the project has: sentence vectors where there are, words and columns else. It is kept
    until the records change. See :func:`weaklab.features.plane.plane` for what such a map can say.

    Raises
    ------
    ProjectError
        The records have neither text nor numbers.

    Examples
    --------
    >>> import tempfile, weaklab
    >>> project = weaklab.Project(tempfile.mkdtemp(), labels=["ham", "spam"], timeout=None)
    >>> _ = project.add_records(["win a prize", "prize draw", "lunch at noon", "lunch at one"], quiet=True)
    >>> project.map().shape
    (4, 3)
    """
    import pandas as pd

    work.finish_encoding()
    with work.working:
        work.refresh()
        places, ids = map_views(work).plane(), work.rows.ids
    return pd.DataFrame({"id": ids, "x": places[:, 0], "y": places[:, 1]})


def map_views(work: Workspace, /) -> Views:
    """Return what the map is made of; a ProjectError where the records have neither text nor numbers."""
    views = work.cache.views
    if views.learnable is None:
        raise ProjectError(f"{work.path}: its records have neither text nor numbers, so there is nothing to map")
    return views


def status(work: Workspace, /) -> dict[str, Any]:
    """Return the project in numbers.

    ``records``, ``heuristics``, ``manual_labels`` (records that have one), ``labels_outside`` (of streamed and
    synthetic records), ``shared_labels`` (near-duplicates that share an answer), ``labels_since_training``,
    ``coverage`` (share with at least one vote), ``conflicts`` (records whose votes disagree), ``mean_confidence``,
    ``expected_shares`` (label -> share), ``faults``, with an encoder ``encoder`` (its name, and how many texts have
    vectors) and ``features`` (what each classifier uses, chosen out-of-fold), and ``accuracy`` on all records where the
    corpus has gold labels.
    """
    from weaklab.core.rows import confidence
    from weaklab.evaluation import analysis

    state = work.opinion.now()
    P = probabilities(work)
    found: dict[str, Any] = {
        "records": len(work.rows),
        "heuristics": len(work.committee),
        "manual_labels": work.snapshot.n_labels,
        "labels_outside": sum(name in work.extra for name in work.snapshot.extra_labels),
        "shared_labels": int((work.shared(work.snapshot) >= 0).sum()),
        "labels_since_training": work.snapshot.labels_between(work.trained_through),
        "coverage": float(analysis.covered(state.votes.L).mean()) if len(work.committee) else 0.0,
        "conflicts": int(analysis.conflicts(state.votes.L).sum()) if len(work.committee) else 0,
        "mean_confidence": float(confidence(P).mean()),
        "expected_shares": analysis.label_shares(P, work.label_names),
        "faults": sum(fault.count for fault in state.votes.faults),
    }
    if work.encoder is not None and work.corpus.roles.text:
        found["encoder"] = work.encoder.described(work.corpus)
        found["features"] = _features_used(work, work.state())
    if work.corpus.roles.gold is not None:
        found["accuracy"] = analysis.expected_accuracy(P, gold_codes(work))
    return found


def _features_used(work: Workspace, state: State) -> dict[str, str]:
    """Return what the label model's classifier and the weak classifiers use: words, sentence vectors or both."""
    used = {state.model.built_in_classifier: getattr(state.model, "features_used_", None)}
    used |= {classifier.name: classifier.used_ for classifier in work.committee.classifiers}
    return {str(name): what for name, what in used.items() if what is not None}


def gold_codes(work: Workspace, /) -> NDArray[np.int64]:
    """Return the gold labels as codes int (n,), -1 where there is none."""
    if work.corpus.roles.gold is None:
        return np.full(len(work.rows), ABSTAIN, dtype=np.int64)
    return np.array([_gold_code(work, name) for name in work.corpus.gold()], dtype=np.int64)


def _gold_code(work: Workspace, name: str | None) -> int:
    """Return the code of a gold label that is kept: its name, as imports write it; what an older version kept may
    be no label.
    """
    return work.label_names.code(name) if name in work.label_names else ABSTAIN


def known_labels(work: Workspace, /) -> NDArray[np.int64]:
    """Return the manual labels as codes int (n,), those of near-duplicates included, -1 where there is none."""
    y, shared = work.snapshot.y, work.shared(work.snapshot)
    return np.where(shared >= 0, y[shared], y)
