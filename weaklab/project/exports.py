"""Exports of a project: its labels as a table, or in the format of another labeling tool."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.core.errors import ProjectError, is_number, warn
from weaklab.core.events import LABEL, NOTE, SKIP, UNDO, Event
from weaklab.core.labels import ABSTAIN
from weaklab.exchange import csv_writer
from weaklab.exchange.formats import check_writable, write_table
from weaklab.exchange.label_files import checked_columns, labels_table
from weaklab.exchange.tools.base import (
    ANSWER_KINDS,
    GIVEN,
    SKIPPED,
    Answer,
    Format,
    Labeled,
    Span,
    Voter,
    format_of,
)
from weaklab.project.imports import IMPORTED
from weaklab.project.quality import label_or_abstain
from weaklab.project.results import labels
from weaklab.project.tool_files import FIELDS

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from weaklab.core.votes import Votes
    from weaklab.project.workspace import Workspace


def export(
    work: Workspace,
    /,
    path: str | Path,
    *,
    min_confidence: float = 0.0,
    precision: float | None = None,
    include: Sequence[str] = (),
    spreadsheet_safe: bool = False,
    intervals: bool | str = False,
    sample_weight: bool = False,
    to: str | None = None,
    spans: bool = False,
) -> int:
    """Write :meth:`labels` to a file in the format of its suffix, or records with labels and answers in the format of
    another labeling tool; return the number of rows.

    The file is there whole or not at all. JSONL is JSON that every program reads: NaN and infinity are null, bytes
    are base64, times ISO 8601, decimals text. A CSV cell holds text or one number; lists, structs and bytes need
    one of the other formats.

    Parameters
    ----------
    min_confidence : leave the label empty below this confidence, 0 to 1
    precision : leave the label empty where :meth:`label_or_abstain` gives none, between 0 and 1; with a warning
        where that leaves manual labels alone
    include : columns of the records to write beside the labels; ``"text"`` stands for the columns of text where none
        has that name
    spreadsheet_safe : put an apostrophe before what a spreadsheet would run as a formula, see
        :func:`weaklab.exchange.csv_writer.spreadsheet_safe`; for CSV only. By default texts are written exactly as
        they are, so that they can be read back; open such a file in a spreadsheet only if you trust its texts.
    intervals, sample_weight : as in :meth:`labels`; a label that is left empty has weight 0
    to : the tool for which it is, such as ``"label-studio"``, see ``weaklab list formats``. Written are the texts, the
        label of each record with its probability, what people answered, and by default all columns except those of
        labels; what the same tool wrote and weaklab did not use is written back
    spans : with ``to="label-studio"``, what keywords and patterns found in the texts, too

    Raises
    ------
    ProjectError
        An option does not fit the format, or the format cannot hold a record; then no file is written.

    Examples
    --------
    >>> import tempfile, weaklab
    >>> project = weaklab.Project(tempfile.mkdtemp(), labels=["ham", "spam"], timeout=None)
    >>> _ = project.add_records([{"id": "a", "text": "win a prize"}], quiet=True)
    >>> _ = project.label("a", "spam", annotator="Ann")
    >>> project.export("labels.jsonl", to="doccano")
    1
    >>> print(Path("labels.jsonl").read_text().strip())
    {"text": "win a prize", "id": "a", "label": ["spam"]}
    """
    path = Path(path)
    form = None if to is None else _checked_format(to, path, spreadsheet_safe, bool(intervals) or sample_weight, spans)
    if form is None:
        check_writable(path)
    if spans and to is None:
        raise ProjectError("spans=True is for to='label-studio'; leave it out")
    if not is_number(min_confidence) or not 0 <= float(min_confidence) <= 1:
        raise ProjectError(f"min_confidence must be from 0 to 1, got {min_confidence!r}")
    if precision is not None and min_confidence:
        raise ProjectError(
            f"precision={precision!r} chooses the confidence itself; leave min_confidence={min_confidence!r} out"
        )
    if spreadsheet_safe and path.suffix.lower() != ".csv":
        raise ProjectError(
            f"spreadsheet_safe is for CSV files, and {path.name!r} is none; leave it out, or name a .csv file"
        )
    frame = labels(work, intervals=intervals, sample_weight=sample_weight)
    frame.loc[frame["confidence"] < min_confidence, "label"] = None
    if precision is not None:
        kept = label_or_abstain(work, precision)
        frame.loc[kept.codes == ABSTAIN, "label"] = None
        if not kept.threshold.kept:
            warn(str(kept.threshold))
    if sample_weight:
        frame.loc[frame["label"].isna(), "sample_weight"] = 0.0
    if form is not None:
        return _write(work, form, path, frame, include, spans)
    table = labels_table(frame, work.corpus, include)
    table = csv_writer.spreadsheet_safe(table) if spreadsheet_safe else table
    write_table(table, path)
    return int(table.num_rows)


def _checked_format(name: str, path: Path, safe: bool, columns: bool, spans: bool) -> Format:
    """Return the format in which labels are to be written; a ProjectError where something does not fit it."""
    form = format_of(name)
    if safe or columns:
        option = "spreadsheet_safe" if safe else "intervals and sample_weight"
        raise ProjectError(f"{option}: {form.title} has no place for that; leave it out, or leave to={name!r} out")
    if spans and not form.holds_spans:
        raise ProjectError(
            f"spans=True: {form.title} is written without spans; leave it out, or take to='label-studio'"
        )
    if form.endings and (path.is_dir() or not path.name.lower().endswith(form.endings)):
        raise ProjectError(
            f"{form.title} is written to a file that ends in {' or '.join(form.endings)}, got {path.name!r}; "
            f"such as {path.stem or 'labels'}{form.endings[0]}"
        )
    if not form.endings and path.exists() and (not path.is_dir() or any(path.iterdir())):
        what = "is not empty" if path.is_dir() else "is a file"
        raise ProjectError(f"{path} {what}, and {form.title} is a folder of files; name a new folder")
    return form


def _write(work: Workspace, form: Format, path: Path, frame: pd.DataFrame, include: Sequence[str], spans: bool) -> int:
    labeled = _labeled(work, frame, include, spans)
    if form.needs_text and labeled.text is None:
        raise ProjectError(f"the records have no text, and {form.title} needs one; export a table: .parquet or .jsonl")
    form.write(labeled, path)
    return len(labeled)


def _labeled(work: Workspace, frame: pd.DataFrame, include: Sequence[str], spans: bool) -> Labeled:
    """Return the labels with all that a format may hold."""
    import pyarrow as pa

    from weaklab.corpus.records import id_column

    corpus, roles, votes = work.corpus, work.corpus.roles, work.state().votes
    names = [name for name in corpus.schema.names if name not in roles.hidden] if corpus.schema else []
    shown = checked_columns(include, corpus) or names
    columns = {name: corpus.column(name) for name in shown if name not in (roles.id, *roles.text[:1])}
    P = frame[[f"p_{name}" for name in work.label_names]].to_numpy()
    gold = pa.array(corpus.gold(), pa.large_string()) if roles.gold else None
    answers, fields = _said(work)
    return Labeled(
        ids=id_column(corpus.ids).cast(pa.large_string()),
        text=corpus.column(roles.text[0]) if roles.text else None,
        columns=columns,
        label=pa.array(frame["label"].tolist(), pa.large_string()),
        score=pa.array(P.max(axis=1, initial=0.0)),
        labels=tuple(work.label_names),
        answers=answers,
        fields=fields,
        voters=_voters(votes),
        spans=partial(_spans, work, votes) if spans else None,
        gold=gold,
        text_name=roles.text[0] if roles.text else "text",
        id_name=roles.id,
    )


def _voters(votes: Votes) -> list[Voter]:
    found = []
    for j, name in enumerate(votes.names):
        codes = votes.L[:, j]
        scores: NDArray[np.floating[Any]] = np.ones(len(codes))
        if j in votes.scores:
            scores = np.asarray(votes.scores[j])[np.arange(len(codes)), np.maximum(codes, 0)]
        elif j in votes.confidence:
            scores = np.asarray(votes.confidence[j], dtype=float)
        found.append(Voter(name, codes, scores))
    return found


def _spans(work: Workspace, votes: Votes, row: int) -> list[Span]:
    from weaklab.project.results import spans_of_row

    found = spans_of_row(work, row, votes)
    text = work.corpus.roles.text[0] if work.corpus.roles.text else None
    label = {name: votes.L[row, j] for j, name in enumerate(votes.names)}
    return [
        Span(each.member, work.label_names[int(label[each.member])], each.start, each.end)
        for each in found
        if each.column == text
    ]


def _said(work: Workspace) -> tuple[dict[int, list[Answer]], dict[int, dict[str, Any]]]:
    """Return row -> what people said, the last word of each person, and row -> what other tools said besides."""
    events = work.journal.events()
    undone = {event.undoes for event in events if event.kind == UNDO}
    answers: dict[int, list[Answer]] = {}
    fields: dict[int, dict[str, Any]] = {}
    for record, held in _by_record(event for event in events if event.id not in undone).items():
        row = work.rows.get(record)
        if row is None:
            continue
        found = [answer for event in _last_words(held) if (answer := _answer(work, event)) is not None]
        if found:
            answers[row] = found
        for event in held:
            if event.kind == NOTE and isinstance(event.value, dict) and FIELDS in event.value:
                fields.setdefault(row, {}).update(event.value[FIELDS])
    return answers, fields


def _by_record(events: Iterable[Event]) -> dict[str, list[Event]]:
    found: dict[str, list[Event]] = {}
    for event in events:
        if event.record and event.kind in (LABEL, SKIP, NOTE):
            found.setdefault(event.record, []).append(event)
    return found


def _last_words(events: Sequence[Event]) -> list[Event]:
    """Return the last label or skip of each person, and their notes."""
    last = {event.annotator: event.id for event in events if event.kind in (LABEL, SKIP)}
    return [event for event in events if event.kind == NOTE or last[event.annotator] == event.id]


def _answer(work: Workspace, event: Event) -> Answer | None:
    """Return an event as an answer, None where it is none or its label is gone."""
    who = "" if event.annotator == IMPORTED else event.annotator
    kind, value = (GIVEN, event.value) if event.kind == LABEL else (SKIPPED, None)
    if event.kind == NOTE:
        held = event.value if isinstance(event.value, Mapping) else {}
        known = next((kind for kind in ANSWER_KINDS if kind in held), None)
        if known is None:
            return None
        kind, value = known, held[known]
    if event.kind == LABEL:
        translated = work.label_history.translated(event)
        if translated is None:
            return None
        value = translated.value
    return Answer(kind, value, who, event.at, event.seconds)
