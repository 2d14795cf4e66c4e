"""What a report says: sections with sentences, plots and tables, made from a project."""

from __future__ import annotations

import platform
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.core.advice import random_answers
from weaklab.core.errors import ProjectError, WeaklabError
from weaklab.core.labels import ABSTAIN
from weaklab.core.rows import confidence, is_tied, row_argmax
from weaklab.core.tables import clean, counted
from weaklab.crowd.standing import about_below, about_consensus, in_order
from weaklab.evaluation.analysis import conflict_counts
from weaklab.evaluation.audit import LEAST_ANSWERS, NOT_KNOWN, estimated_from, without_figure
from weaklab.evaluation.disagreement import REASONS, reasons
from weaklab.project.label_errors import label_errors_now
from weaklab.project.next_steps import opinions_now
from weaklab.project.quality import given_answers, known_labels, measured_accuracy, probabilities
from weaklab.report import plots
from weaklab.scheduling.asks import texts_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from weaklab.evaluation.audit import Estimate
    from weaklab.evaluation.class_figures import ClassFigures
    from weaklab.evaluation.label_quality import LabelQuality
    from weaklab.project.project import Project

HARDEST = 12
MOST_TEXT = 240
MOST_NAME = 60
MOST_CLASSES = 12
"""With more labels, the confusion matrix is a list of the most frequent mistakes."""
LISTED = 15
MOST_WORKERS = 8
PACKAGES = ("numpy", "scipy", "scikit-learn", "pandas", "pyarrow", "snorkel", "matplotlib", "jinja2")
MORE = f"get more with {random_answers()}"


@dataclass(frozen=True)
class Drawing:
    """A plot: the figure, what it shows in words, and the line below it."""

    figure: Any
    alt: str
    caption: str


@dataclass(frozen=True)
class Grid:
    """A table: its caption, columns, rows of texts, and which columns hold numbers."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: Sequence[int] = ()


@dataclass
class Section:
    """A part of the report under one heading."""

    key: str
    title: str
    said: list[str] = field(default_factory=list)
    drawings: list[Drawing] = field(default_factory=list)
    grids: list[Grid] = field(default_factory=list)
    layout: str = "half"
    """``half`` or ``wide``; or ``beside``, wide with what is in it side by side."""


@dataclass(frozen=True)
class Contents:
    """All that a report says."""

    title: str
    made: str
    tiles: Sequence[tuple[str, str, str]]
    sections: Sequence[Section]


def contents(project: Project) -> Contents:
    """Return what the report of a project says.

    Raises
    ------
    ProjectError
        There is no record yet.
    """
    if not len(project):
        raise ProjectError(f"{project.path}: there is nothing to report, because no record has been imported yet")
    work = project.workspace
    work.finish_encoding()
    with work.working:
        work.refresh()
        gathered = _Gathered(project)
        sections = [
            _learning(gathered), _balance(gathered), _quality(gathered), _calibration(gathered), _doubt(gathered),
            _heuristics(gathered), _map(gathered), *_crowds(gathered), _people(gathered),
            _hardest(gathered), _suspicious(gathered), _how(gathered),
        ]  # fmt: skip
        made = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
        return Contents(gathered.name, made, gathered.tiles(), sections)


class _Gathered:
    """What several sections use."""

    def __init__(self, project: Project) -> None:
        self.project, self.work = project, project.workspace
        self.name = clean(project.path.resolve().name, MOST_NAME)
        self.names = [clean(name, MOST_NAME) for name in project.label_names]
        work = self.work
        if work.snapshot.labels_between(work.trained_through):
            work.train(work.snapshot.event)
        self.state = work.state()
        self.status = project.status()
        self.summary = project.summary().to_pandas()
        self.reasons = reasons(opinions_now(work))
        self.errors = label_errors_now(work, HARDEST)  # what follows judges by other folds, which are kept
        self.quality: LabelQuality = project.label_quality()
        self.answers = given_answers(work)
        self.P = probabilities(work)
        self.codes = np.where(is_tied(self.P), ABSTAIN, row_argmax(self.P))
        self.manual = known_labels(work) != ABSTAIN
        self.calibration = self._calibration()
        self.points, self.forecast = self._curve()

    def without_path(self, said: object) -> str:
        """Return a message without the folder of the project, which is nobody else's business."""
        return clean(str(said).replace(str(self.project.path), self.name))

    def _calibration(self) -> Any:
        try:
            return self.project.reliability()
        except WeaklabError as error:
            return str(error)

    def _curve(self) -> Any:
        """Return points of the learning curve and the forecast; classifiers are trained anew, so it comes last."""
        from weaklab.evaluation.evaluation import learning_curve

        work = self.work
        try:
            return learning_curve(
                work.cache.trainer(progress=False),
                self.state,
                self.answers,
                lambda through: work.more(work.snapshot.at(through, work.journal)),
            )
        finally:
            work.opinion.forget_classifiers()

    def tiles(self) -> list[tuple[str, str, str]]:
        """Return the figures at the top: name, value, note."""
        status, accuracy = self.status, self.quality.accuracy
        labeled, n = status["manual_labels"], status["records"]
        value, low, high = accuracy.cells
        note = f"95 % interval {low} to {high}" if accuracy.known else _too_few(accuracy.n_audit)
        exact = [status["accuracy"]] if "accuracy" in status else []
        gold = [("Right by gold", f"{share:.1%}", "of the records with gold labels") for share in exact]
        return [
            ("Records", f"{n:,}", counted(len(self.names), "label")),
            ("Manual labels", f"{labeled:,}", f"{labeled / n:.1%} of the records"),
            ("Labels that are right", value, note),
            *gold,
            (
                "Covered",
                f"{status['coverage']:.1%}",
                f"of the records, by {counted(status['heuristics'], 'heuristic')}",
            ),
            ("In conflict", f"{status['conflicts']:,}", "records whose votes disagree"),
        ]


def _too_few(n: int) -> str:
    if n >= LEAST_ANSWERS:
        return f"{counted(n, 'random answer')} leave too much open"
    return f"{counted(n, 'random answer')}; a figure takes {LEAST_ANSWERS}"


def _learning(found: _Gathered) -> Section:
    import pandas as pd

    section = Section("learning", "Learning curve")
    if not found.points:
        n = found.quality.accuracy.n_audit
        section.said = [f"The accuracy is {NOT_KNOWN}: {_too_few(n)}; {MORE}."]
        return section
    rows = [(count, each.value, each.low, each.high) for count, each in found.points]
    frame = pd.DataFrame(rows, columns=["labels", "value", "low", "high"])
    last = frame.iloc[-1]
    section.said = [
        f"With {counted(int(last.labels), 'label')}, the committee alone is right on {last.value:.1%} of all records "
        f"(95 % interval {last.low:.1%} to {last.high:.1%})."
    ]
    ahead = found.forecast
    if len(ahead.at) and np.isfinite(ahead.value[0]):
        section.said.append(
            f"Forecast with {ahead.at[0]:,} labels: {ahead.value[0]:.1%} ({ahead.low[0]:.1%} to {ahead.high[0]:.1%})."
        )
    alt = "; ".join(f"{row.labels:.0f} labels {row.value:.1%}" for row in frame.itertuples())
    caption = "Bars are 95 % intervals. All points are judged by the same random answers, out-of-fold."
    section.drawings = [Drawing(plots.plot_learning_curve(frame, found.forecast), f"Accuracy: {alt}", caption)]
    return section


def _balance(found: _Gathered) -> Section:
    import pandas as pd

    shares = np.asarray(found.P, dtype=np.float64).mean(axis=0)
    rows = []
    for name, share, figures in zip(found.names, shares, found.quality.classes.values(), strict=True):
        each = figures.records
        known = (each.value, each.low, each.high) if each.known else (np.nan,) * 3
        rows.append((name, float(share), *known))
    frame = pd.DataFrame(rows, columns=["label", "share", "estimate", "low", "high"])
    section = Section("balance", "Class balance")
    hidden = len(frame) - plots.MOST_BARS
    if hidden > 0:
        section.said.append(f"The {plots.MOST_BARS} most frequent labels of {len(frame)}.")
    caption = "Bars: mean probability of each label over all records."
    if frame.estimate.notna().any():
        caption += " Diamonds: share of the class, estimated from random answers, with 95 % interval."
    top = frame.sort_values("share", ascending=False).head(plots.MOST_BARS)
    alt = "; ".join(f"{row.label} {row.share:.1%}" for row in top.itertuples())
    section.drawings = [Drawing(plots.plot_class_balance(frame), f"Shares of the labels: {alt}", caption)]
    return section


def _quality(found: _Gathered) -> Section:
    quality = found.quality
    section = Section("quality", "Right and wrong, for each label", layout="beside")
    rows = [
        [name, f"{each.labeled:,}", *(figure.short if figure.known else "" for figure in _figures(each))]
        for name, each in zip(found.names, quality.classes.values(), strict=True)
        if any(figure.known for figure in _figures(each))
    ]
    n = quality.every.judged.n_audit
    section.said = [f"{estimated_from(n, quality.every.judged.n_answers)} Manual labels count as right."]
    if quality.without_figures:
        clear = {clean(name, MOST_NAME): count for name, count in quality.without_figures.items()}
        section.said.append(without_figure("precision, recall or F1", clear, "label"))
    columns = ["label", "records", "precision", "recall", "F1"]
    section.grids = [Grid("Precision, recall and F1", columns, rows, [1])] if rows else []
    cells, by = _cells(found)
    if cells is None:
        section.said.append(f"The confusion matrix is {NOT_KNOWN}: {_too_few(n)}; {MORE}.")
        return section
    pairs = [
        [clean(row["truth"], MOST_NAME), clean(row["label"], MOST_NAME), f"{row['records']:,.0f}"]
        for row in quality.mistakes().head(LISTED).to_dict("records")
    ]
    if len(found.names) <= MOST_CLASSES:
        alt = "; ".join(f"{truth} labeled {label}: {count} records" for truth, label, count in pairs[:5])
        caption = f"Rows: the class; columns: the exported label; {by}. Empty cells are {NOT_KNOWN}."
        section.drawings = [Drawing(plots.plot_confusion(cells), f"Confusion matrix. {alt}", caption)]
    elif pairs:
        section.grids.append(Grid(f"Most frequent mistakes; {by}", ["class", "labeled", "records"], pairs, [2]))
    return section


def _figures(each: ClassFigures) -> tuple[Estimate, ...]:
    return each.precision, each.recall, each.f1


def _cells(found: _Gathered) -> tuple[pd.DataFrame | None, str]:
    """Return the cells of the confusion matrix, by gold where there is any, and what they are; None if not known."""
    clear = dict(zip(found.project.label_names, found.names, strict=True))
    if found.quality.every.gold is None and found.quality.every.judged.n_audit < LEAST_ANSWERS:
        return None, ""
    frame = found.quality.confusion()
    frame = frame.assign(truth=frame.truth.map(clear), label=frame.label.map(clear, na_action="ignore"))
    if "gold" in frame:
        return frame.assign(records=frame.gold.astype(float)), "numbers of records by gold labels"
    return (frame, "estimated numbers of records") if frame.records.notna().any() else (None, "")


def _calibration(found: _Gathered) -> Section:
    section = Section("calibration", "Can the probabilities be believed?")
    if isinstance(found.calibration, str):
        section.said = [found.calibration[:1].upper() + clean(found.calibration[1:], None) + "."]
        return section
    each = found.calibration
    n = int(each.n.sum())
    section.said = [f"Expected calibration error {each.ece:.3f}, from {counted(n, 'random answer')}."]
    told = each.n >= LEAST_ANSWERS
    few = int(each.n[~told].sum())
    if few:
        section.said.append(
            f"{counted(few, 'answer')} {'has' if few == 1 else 'have'} no point: with fewer than {LEAST_ANSWERS} of a "
            f"similar probability, the share that is right is {NOT_KNOWN}."
        )
    if not told.any():
        return section
    points = zip(each.confidence[told], each.right[told], strict=True)
    alt = "; ".join(f"probability {p:.2f}: {r:.0%} right" for p, r in points)
    caption = (
        "Points on the dashed line are calibrated; below it the committee is overconfident. Bars are 95 % intervals."
    )
    section.drawings = [Drawing(plots.plot_reliability(each), f"Reliability: {alt}", caption)]
    return section


def _heuristics(found: _Gathered) -> Section:
    section = Section("heuristics", "Heuristics", layout="wide")
    if not len(found.summary):
        section.said = ["There is no heuristic yet."]
        return section
    rows = [_heuristic_row(str(name), row) for name, row in found.summary.iterrows()]
    columns = ["heuristic", "votes", "coverage", "conflicts", "right on labels", "right on all", "faults"]
    section.grids = [Grid("What each heuristic does", columns, rows, [2, 3, 6])]
    judged = found.summary[found.summary.n_labels >= LEAST_ANSWERS]
    alt = "; ".join(f"{clean(str(name), 30)} {row.accuracy:.0%}" for name, row in judged.iterrows())
    caption = (
        f"Circles: right on manual labels, {_drawn(found)}. Diamonds: estimated for all records on "
        f"which it votes. 95 % intervals; nothing is drawn from fewer than {LEAST_ANSWERS} answers."
    )
    section.drawings = [Drawing(plots.plot_heuristics(found.summary), f"Right on labels: {alt}", caption)]
    section.said = [f"Fault: {found.without_path(fault)}" for fault in found.state.votes.faults[:LISTED]]
    section.said += [f"Not loaded: {found.without_path(message)}" for message in found.project.load_errors[:LISTED]]
    _add_conflicts(found, section)
    return section


def _drawn(found: _Gathered) -> str:
    """Return how the records with manual labels were picked."""
    judged = found.quality.every.judged
    others = judged.n_answers - judged.n_audit
    if others <= 0:
        return "all of records that were drawn at random"
    return f"{judged.n_audit:,} of records that were drawn at random and {others:,} of others, which may be harder"


def _add_conflicts(found: _Gathered, section: Section) -> None:
    counts, names = conflict_counts(found.state.votes.L), found.state.votes.names
    if not counts.any():
        section.said.append("No two heuristics vote for different labels on the same record.")
        return
    i, j = divmod(int(np.triu(counts).argmax()), len(counts))
    alt = f"Most conflicts: {clean(names[i], 30)} and {clean(names[j], 30)} on {counted(int(counts[i, j]), 'record')}"
    more = len(names) > plots.MOST_CELLS
    caption = "Records on which two heuristics vote for different labels; a column has the number of its row." + (
        f" The {plots.MOST_CELLS} heuristics with the most conflicts of {len(names)}." if more else ""
    )
    section.drawings.append(Drawing(plots.plot_conflicts(counts, names), alt, caption))


def _heuristic_row(name: str, row: pd.Series[Any]) -> list[str]:
    n = int(row.n_labels)
    if n >= LEAST_ANSWERS:
        right = f"{row.accuracy:.2f} ({row.accuracy_low:.2f}-{row.accuracy_high:.2f}, n={n})"
    else:
        right = f"{round(row.accuracy * n)} of {n}" if n else ""
    from weaklab.evaluation.audit import Estimate

    estimate = Estimate(row.estimated_accuracy, row.estimated_low, row.estimated_high, int(row.n_audit), row.n_audit)
    votes = ", ".join(clean(label, 24) for label in row.polarity[:3]) + ("…" if len(row.polarity) > 3 else "")
    shares = [f"{row.coverage:.1%}", f"{row.conflicts:.1%}"]
    return [clean(name, MOST_NAME), votes, *shares, right, estimate.short, f"{int(row.faults):,}"]


def _map(found: _Gathered) -> Section:
    from threadpoolctl import threadpool_limits

    section = Section("map", "Map of the records")
    try:
        with threadpool_limits(1):  # more threads wait for each other most of the time
            places = found.project.map()
    except WeaklabError as error:
        section.said = [f"There is no map: {found.without_path(error)}"]
        return section
    shown = places.assign(code=found.codes, manual=found.manual)
    drawn = min(len(shown), plots.MOST_POINTS)
    caption = "Near means alike; distances and sizes of groups mean nothing. Large with an edge: a person labeled it."
    alt = f"Map of {counted(drawn, 'record')}, each with the marker of its label"
    sample = (
        f"{drawn:,} of {counted(len(shown), 'record')}, drawn at random. The numbers in the legend count all records."
    )
    section.said = [sample] * (drawn < len(shown))
    section.drawings = [Drawing(plots.plot_map(shown, found.names), alt, caption)]
    return section


def _doubt(found: _Gathered) -> Section:
    each = np.bincount(found.reasons[found.reasons >= 0], minlength=len(REASONS)).tolist()
    counts = dict(zip(REASONS, each, strict=True))
    section = Section("doubt", "Where the committee disagrees or is unsure")
    section.said = [
        f"{counted(sum(each), 'record')} of {len(found.codes):,}; the others have a manual label or are clear."
    ]
    alt = "; ".join(f"{name}: {count}" for name, count in counts.items())
    caption = "Each record counts once, for the first of these reasons that holds. LF: labeling function."
    section.drawings = [Drawing(plots.plot_counts(counts, len(found.codes)), alt, caption)]
    return section


def _hardest(found: _Gathered) -> Section:
    section = Section("hardest", "The hardest records", layout="wide")
    open_rows = np.flatnonzero(~found.manual)
    if not len(open_rows) or len(found.names) < 2:
        section.said = ["Every record has a manual label."]
        return section
    sure = confidence(found.P[open_rows])
    votes = (found.state.votes.L[open_rows] != ABSTAIN).sum(axis=1)
    rows = open_rows[np.lexsort((open_rows, -votes, np.round(sure, 3)))[:HARDEST]]
    section.said = ["No manual label, and the least confidence; those with the most votes first."]
    section.grids = [
        Grid("Records about which the committee knows least", ["record", "between", "votes"], _hard_rows(found, rows))
    ]
    return section


def _hard_rows(found: _Gathered, rows: NDArray[np.int64]) -> list[list[str]]:
    votes = found.state.votes
    said = []
    for row, text in zip(rows.tolist(), _texts(found, rows), strict=True):
        best = np.argsort(-found.P[row], kind="stable")[:2].tolist()
        between = " or ".join(f"{found.names[code]} {found.P[row, code]:.0%}" for code in best)
        mine = [
            f"{clean(name, 30)}: {found.names[int(code)]}"
            for name, code in zip(votes.names, votes.L[row], strict=True)
            if code != ABSTAIN
        ]
        said.append(
            [text, between, "; ".join(mine[:6]) + (f" and {len(mine) - 6} more" if len(mine) > 6 else "") or "none"]
        )
    return said


def _texts(found: _Gathered, rows: NDArray[np.int64]) -> list[str]:
    """Return what stands for each record: its text, or its id where it has none."""
    ids = [str(name) for name in found.work.corpus.ids.take(rows).to_pylist()]
    texts = texts_of(found.work.corpus, rows) if len(found.work.corpus.roles.text) else [""] * len(ids)
    return [
        clean(text, MOST_TEXT) if text.strip() else f"id {clean(name, MOST_NAME)}"
        for name, text in zip(ids, texts, strict=True)
    ]


def _suspicious(found: _Gathered) -> Section:
    section = Section("errors", "Manual labels to look at again", layout="wide")
    if not len(found.errors):
        section.said = ["No manual label is contradicted by the committee that was trained without it."]
        return section
    rows = [found.work.rows[record] for record in found.errors.record]
    texts = _texts(found, np.array(rows, dtype=np.int64))
    grid = [
        [
            text,
            clean(row["label"], MOST_NAME),
            f"{clean(row['other'], MOST_NAME)} {row['other_probability']:.0%}",
            clean(row["reason"]),
        ]
        for text, row in zip(texts, found.errors.to_dict("records"), strict=True)
    ]
    section.said = [
        "The committee, trained without these labels, says something else. Confirm or correct them: "
        "`weaklab settle PROJECT ID LABEL` (in Python: project.settle(id, label))."
    ]
    section.grids = [Grid("Most suspicious first", ["record", "label", "committee", "reason"], grid)]
    return section


def _crowds(found: _Gathered) -> list[Section]:
    """Return a section about each crowd in the committee, none where there is no crowd."""
    names = found.project.crowds()
    return [_crowd(found, name, f"crowd-{number}") for number, name in enumerate(names)]


def _crowd(found: _Gathered, name: str, key: str) -> Section:
    title = "The crowd" if name == "crowd" else f"The crowd {clean(name, MOST_NAME)}"
    section = Section(key, title, layout="beside")
    try:
        crowd = found.project.crowd(name)
    except WeaklabError as error:  # the file of its labels is gone; what it votes is another file
        section.said = [found.without_path(error)]
        return section
    known = found.project.manual_labels()
    quality = crowd.quality(y={item: known[item] for item in crowd.items if item in known})
    section.said = [
        f"{counted(crowd.n_labels, 'label')} of {counted(len(crowd.items), 'item')} by "
        f"{counted(len(crowd.workers), 'worker')}.",
        *about_consensus(crowd, measured_accuracy(found.work, name)),
        *(clean(each, None) for each in about_below(quality)),
    ]
    section.grids = [_workers("Who gave the most labels", in_order(quality))]
    if len(quality) > MOST_WORKERS:
        section.grids.append(_workers("The worst, by the upper end of the interval", in_order(quality, "accuracy")))
    return section


def _workers(caption: str, quality: pd.DataFrame) -> Grid:
    rows = [
        [
            clean(str(row.worker), MOST_NAME),
            f"{row.n_labels:,}",
            f"{row.accuracy:.0%}",
            f"{row.low:.0%} to {row.high:.0%}",
        ]
        for row in quality.head(MOST_WORKERS).itertuples()
    ]
    return Grid(caption, ["worker", "labels", "right", "95 % interval"], rows, [1, 2])


def _people(found: _Gathered) -> Section:
    import pandas as pd

    section = Section("people", "People")
    answers = found.project.answers(kind="label", standing=True)
    if not len(answers):
        section.said = ["Nobody has labeled a record yet."]
        return section
    at = pd.to_datetime(answers["at"], utc=True, format="ISO8601", errors="coerce").dt.tz_localize(None)
    given = pd.DataFrame({"at": at, "annotator": answers["annotator"].map(str)}).dropna()
    table = found.project.annotators()
    section.said = [f"{counted(len(given), 'label')} by {counted(given.annotator.nunique(), 'person')}."]
    section.said = [text.replace("persons", "people") for text in section.said]
    if len(given):
        alt = "; ".join(f"{clean(str(name), 30)} {n}" for name, n in given.annotator.value_counts()[:7].items())
        drawing = Drawing(
            plots.plot_history(given), f"Labels by person: {alt}", "Labels that each person had given, over time (UTC)."
        )
        section.drawings = [drawing]
    if len(table) > 1:
        rows = [
            [
                clean(str(row["annotator"]), MOST_NAME),
                f"{row['labels']:,}",
                f"{row['shared']:,}",
                _share(row["agreement"], row["shared"]),
            ]
            for row in table.to_dict("records")
        ]
        columns = ["person", "records", "shared", "agrees with others"]
        section.grids = [Grid("Who labeled", columns, rows, [1, 2]), *_agreement(found)]
    return section


def _share(value: float, n: int) -> str:
    return "" if np.isnan(value) else f"{value:.0%}" if n >= LEAST_ANSWERS else f"fewer than {LEAST_ANSWERS} shared"


def _agreement(found: _Gathered) -> list[Grid]:
    table = found.project.agreement().table()
    rows = [
        [
            "" if cell is None else clean(str(cell), MOST_NAME) if not isinstance(cell, float) else f"{cell:.2f}"
            for cell in row
        ]
        for row in table.rows
    ]
    shown = [row for row in rows if row[4]][:LISTED]
    return [Grid("Agreement beyond chance", list(table.columns), shown, [2])] if shown else []


def _how(found: _Gathered) -> Section:
    from weaklab import __version__

    work = found.work
    section = Section("how", "How it was made", layout="beside")
    model = found.state.model
    said = [f"Label model: {found.project.settings.label_model}."]
    if model.why:
        said.append(f"How it was chosen: {clean(model.why, None)}.")
    if found.status.get("encoder"):
        said.append(f"Sentence encoder: {clean(str(found.status['encoder']))}.")
    section.said = said
    settings = [
        [name, clean(str(value), MOST_TEXT)]
        for name, value in vars(found.project.settings).items()
        if name not in ("labels", "labeling_functions", "encoder") and value not in ("", [], None)
    ]
    imports = [[clean(row.source.rsplit("/", 1)[-1], MOST_NAME), f"{row.records:,}", row.at[:16].replace("T", " ")]
               for row in work.journal.imports()[:LISTED]]  # fmt: skip
    versions = [["weaklab", __version__], ["Python", platform.python_version()], *map(_version, PACKAGES)]
    section.grids = [
        Grid("Imports", ["from", "records", "at (UTC)"], imports, [1]),
        Grid("Settings", ["setting", "value"], settings),
        Grid("Versions", ["package", "version"], versions),
    ]
    return section


def _version(package: str) -> list[str]:
    try:
        return [package, version(package)]
    except PackageNotFoundError:
        return [package, "not installed"]
