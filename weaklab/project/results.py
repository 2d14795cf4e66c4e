"""Results of a project: labels, probabilities, explanations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.core.errors import ProjectError, did_you_mean
from weaklab.core.labels import ABSTAIN
from weaklab.exchange.label_files import checked_columns
from weaklab.project.quality import probabilities
from weaklab.project.workspace import name_of
from weaklab.scheduling.asks import texts_of, texts_or_columns

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from weaklab.batch.frozen import FrozenCommittee
    from weaklab.core.votes import Votes
    from weaklab.label_models.intervals import Intervals
    from weaklab.project.workspace import Workspace
    from weaklab.training.explanations import Explanation, Similar, Span

MOST_SIMILAR, LEAST_SIMILARITY = 3, 0.1
"""At most so many similar records are shown, and none that shares less than this with the record."""
CLASSES = "classes"
"""Asks for the intervals of every label."""


def labels(
    work: Workspace,
    /,
    *,
    include: Sequence[str] = (),
    intervals: bool | str = False,
    sample_weight: bool = False,
) -> pd.DataFrame:
    """Return one row a record: id, label, one probability a class, confidence, whether the label is manual.

    ``label`` is None where nothing tells the best two classes apart. A record that has neither votes nor features gets
    the shares of the manual labels as its probabilities, and so the most frequent label, with a low confidence; the
    column ``reason`` of ``project.records`` says "no votes". A manual label has probability 1, and so has
    the label of a near-duplicate of a record with a manual label; ``shared_from`` is the id of that record.

    Parameters
    ----------
    include : columns of the records to show beside the labels; ``"text"`` stands for the columns of text where none has
        that name
    intervals : add ``low`` and ``high`` of the probability of the most probable label, at 95 %; ``"classes"`` adds
        ``low_<label>`` and ``high_<label>`` of every label, too. They say how far the weights of the label model are
        uncertain, not how often labels are right, see :meth:`weaklab.label_models.LabelModel.predict_interval`
    sample_weight : add ``sample_weight``, for training a model elsewhere on ``label``: the probability of the label,
        0 where there is none. The probabilities of the classes are soft labels, for models that take these.

    Raises
    ------
    WeaklabError
        ``intervals`` is given, and the label model has none.

    Examples
    --------
    >>> import tempfile, weaklab
    >>> project = weaklab.Project(tempfile.mkdtemp(), labels=["ham", "spam"], timeout=None)
    >>> _ = project.add_records(["win a prize", "lunch at noon"], quiet=True)
    >>> _ = project.add(weaklab.keywords("spam", ["prize"]))
    >>> frame = project.labels(intervals=True)
    >>> bool(frame["low"][0] < frame["p_spam"][0] < frame["high"][0])
    True
    """
    import pandas as pd

    from weaklab.core.rows import confidence, is_tied

    if intervals not in (False, True, CLASSES):
        raise ProjectError(f"intervals must be True, False or {CLASSES!r}, got {intervals!r}")
    work.finish_encoding()
    P = probabilities(work)
    y, shared = work.snapshot.y, work.shared(work.snapshot)
    names = np.array([*work.label_names, None], dtype=object)
    ids = np.array([*work.corpus.ids.to_pylist(), None], dtype=object)
    frame = pd.DataFrame({work.corpus.roles.id: ids[:-1]})
    shares = pd.DataFrame(P, columns=[f"p_{name}" for name in work.label_names])
    frame["label"] = pd.Series(names[np.where(is_tied(P), ABSTAIN, P.argmax(axis=1))], dtype=object)
    frame = pd.concat([frame, shares], axis=1)
    frame["confidence"] = confidence(P)
    if intervals:
        answered = (y != ABSTAIN) | (shared >= 0)
        frame = pd.concat([frame, _interval_columns(work, P, answered, every=intervals == CLASSES)], axis=1)
    if sample_weight:
        frame["sample_weight"] = np.where(frame["label"].isna(), 0.0, P.max(axis=1))
    frame["manual"] = y != ABSTAIN
    frame["shared_from"] = pd.Series(ids[shared], dtype=object)
    for place, name in enumerate(checked_columns(include, work.corpus, frame.columns), 1):
        frame.insert(place, name, work.corpus.column(name).to_pandas())
    return frame


def _interval_columns(
    work: Workspace, P: NDArray[np.float64], answered: NDArray[np.bool_], every: bool
) -> pd.DataFrame:
    """Return low and high of the most probable label of each record and, if wanted, those of every label; those of
    manual and shared labels are certain.
    """
    import pandas as pd

    best = P.argmax(axis=1)
    found = _intervals(work, None if every else best)
    certain = P if every else P[np.arange(len(P)), best]
    for bound in found:
        bound[answered] = certain[answered]
    if not every:
        return pd.DataFrame({"low": found.low, "high": found.high})
    rows = np.arange(len(P))
    columns = {"low": found.low[rows, best], "high": found.high[rows, best]}
    for code, name in enumerate(work.label_names):
        columns |= {f"low_{name}": found.low[:, code], f"high_{name}": found.high[:, code]}
    return pd.DataFrame(columns)


def _intervals(work: Workspace, classes: NDArray[np.int64] | None) -> Intervals:
    state = work.state()
    votes = replace(state.votes, feature_proba=state.feature_proba)
    return state.model.predict_interval(votes, classes=classes, seed=work.settings.seed)


def explain(work: Workspace, /, record: Any) -> Explanation:
    """Return what each member contributed to the committee's opinion of a record, adding up to its log-odds; what
    keywords and patterns found in it; the most similar records with a manual label; and the fewest votes to change so
    that it gets another label.

    Parameters
    ----------
    record : an :class:`Ask`, a record, or an id

    Raises
    ------
    ProjectError
        There is no such record in the corpus.
    WeaklabError
        The label model does not add up what its members say.
    """
    from weaklab.training.explanations import explain

    state = work.state()
    name = name_of(record)
    if name not in work.rows:
        raise ProjectError(
            f"no record {name!r} among those of the corpus;{did_you_mean(name, list(work.rows)[:10_000])} wanted an id"
        )
    row = work.rows[name]
    text = texts_of(work.corpus, [row])[0] if work.corpus.roles.text else ""
    found = explain(
        state.model,
        state.votes,
        row,
        feature_proba=state.feature_proba,
        record=name,
        text=text,
        manual=work.snapshot.manual_labels.get(name),
        spans=spans_of_row(work, row, state.votes),
        similar=_similar(work, row),
    )
    return replace(found, crowds=_said_by_crowds(work, name))


def _said_by_crowds(work: Workspace, record: str) -> dict[str, dict[str, list[str]]]:
    """Return crowd -> label -> the workers who gave it to a record."""
    from weaklab.project.registering import crowds
    from weaklab.project.stored_crowds import said_of

    return {name: said_of(work.path, votes, record, work.label_names) for name, votes in crowds(work).items()}


def spans_of_row(work: Workspace, row: int, votes: Votes) -> list[Span]:
    """Return what the members that vote on a record found in it."""
    from weaklab.corpus.records import Columns
    from weaklab.heuristics.spans import searched_column, spans_in
    from weaklab.training.explanations import Span

    [batch] = work.corpus.take([row]).combine_chunks().to_batches()
    columns, found = Columns(batch), []
    for j in np.flatnonzero(votes.L[row] != ABSTAIN).tolist():
        name = votes.names[j]
        column = searched_column(work.committee[name]) if name in work.committee else None
        if column is None:
            continue
        try:
            text = str(columns[column][0])
        except KeyError:  # of a vote that was stored before the column went away
            continue
        found += [Span(name, column, low, high, text[low:high]) for low, high in spans_in(work.committee[name], text)]
    return found


def _similar(work: Workspace, row: int) -> list[Similar]:
    """Return the most similar records with a manual label."""
    from weaklab.training.explanations import Similar

    y = work.snapshot.y
    labeled = np.flatnonzero((y != ABSTAIN) & (np.arange(len(y)) != row))
    if not len(labeled) or work.cache.views.learnable is None:
        return []
    X = work.cache.views.X()
    product = X[labeled] @ X[[row]].T
    alike = np.asarray(product.toarray() if hasattr(product, "toarray") else product).ravel()
    best = [
        place for place in np.argsort(-alike, kind="stable")[:MOST_SIMILAR].tolist() if alike[place] >= LEAST_SIMILARITY
    ]
    rows = labeled[best]
    texts = texts_or_columns(work.corpus, rows) if best else []
    ids = [str(name) for name in work.corpus.ids.take(rows).to_pylist()]
    return [
        Similar(name, work.label_names[int(y[labeled[place]])], float(alike[place]), text)
        for name, place, text in zip(ids, best, texts, strict=True)
    ]


def freeze(work: Workspace, /) -> FrozenCommittee:
    """Return the committee as of the last training, to label other records with, see :mod:`weaklab.batch`; it no
    longer changes.

    Examples
    --------
    >>> import tempfile, weaklab
    >>> project = weaklab.Project(tempfile.mkdtemp(), labels=["ham", "spam"], timeout=None)
    >>> _ = project.add_records(["prize draw", "lunch at noon"], quiet=True)
    >>> _ = project.add(weaklab.keywords("spam", ["prize"]))
    >>> batch = next(weaklab.read(["a prize for you"]).batches())
    >>> project.freeze().label_batch(batch)["label"].to_pylist()
    ['spam']

    Raises
    ------
    ProjectError
        The project was opened with ``run_code=False``, and a heuristic needs its code to vote on other records.
    """
    if not work.run_code and (lost := work.members.without_code):
        raise ProjectError(
            f"{work.path} was opened without running code, and {', '.join(lost)} cannot vote on other records "
            "without it; open it with "
            "run_code=True (without --no-code) if you trust its labeling functions"
        )
    work.finish_encoding()
    state = work.state()
    return work.cache.freeze(state, {**work.snapshot.extra_labels, **work.snapshot.manual_labels})
