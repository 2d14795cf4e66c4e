"""The project: records, heuristics, labels and manual labels in one folder, and what a person can do with it.

This is the table of contents: each call stands in the module of its topic and works on a
:class:`~weaklab.project.workspace.Workspace`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Self, TypeVar

from weaklab.core.errors import ProjectError
from weaklab.core.tables import Table, counted
from weaklab.project import (
    adding,
    answering,
    asking,
    corrections,
    exports,
    imports,
    people,
    quality,
    registering,
    repairs,
    results,
    rules,
)
from weaklab.project.analysis import analysis
from weaklab.project.answers import answers
from weaklab.project.end_model import train_end_model
from weaklab.project.import_list import imported, undo_import
from weaklab.project.label_changes import ProjectLabels
from weaklab.project.label_errors import label_errors
from weaklab.project.label_quality import label_quality
from weaklab.project.next_steps import disagreements, next_steps
from weaklab.project.opening import opened
from weaklab.project.rule_changes import accepted_rules, undo_rule
from weaklab.project.workspace import Workspace

if TYPE_CHECKING:
    from weaklab.core.faults import Fault
    from weaklab.core.labels import LabelNames
    from weaklab.corpus import Corpus
    from weaklab.project.records import RecordTable
    from weaklab.project.session import Session
    from weaklab.project.settings import Settings
    from weaklab.project.summary import Summary
    from weaklab.scheduling.scheduler import Scheduler
    from weaklab.voting.committee import Committee

P = ParamSpec("P")
T = TypeVar("T")


def _call(function: Callable[Concatenate[Workspace, P], T]) -> Callable[Concatenate[Project, P], T]:
    """Make a method of a project of a function that works on a workspace."""

    @wraps(function)
    def method(self: Project, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return function(self.workspace, *args, **kwargs)

    return method


class Project:
    """A folder with records, heuristics and manual labels, and the loop that improves one with the other.

    Opening a folder continues where it stopped. Several processes may open the same one.

    Parameters
    ----------
    path : the folder; made if it is not there and ``labels`` are given
    labels : label names; needed for a new project
    settings : see :class:`weaklab.project.settings.Settings`; written to ``weaklab.toml`` in a new project, and in an
        existing one taken for this session in the place of what stands there
    annotator : who answers, by default the name of the user on this machine
    run_code : whether to run the Python files of ``labeling_functions``. Opening a project runs them, with all that
        they may do on this machine. With False no file of them is executed or imported: votes that are kept count,
        other records have no vote of these heuristics, and a fault names them.

    Raises
    ------
    ProjectError
        There is no project and no labels are given, or the labels differ from those of the project.

    Examples
    --------
    >>> import tempfile, weaklab
    >>> project = Project(tempfile.mkdtemp(), labels=["ham", "spam"], timeout=None)
    >>> project.add_records(["win a prize", "lunch at noon", "prize draw today"])
    3 new records from the list
    column  read as
    id      id       made from the content
    text    text
    ImportReceipt(3 records)
    >>> _ = project.add(weaklab.keywords("spam", ["prize"]))
    >>> project.labels()["label"].tolist()
    ['spam', None, 'spam']
    >>> ask = project.ask(1)[0]
    >>> _ = project.label(ask, "ham")
    """

    def __init__(
        self,
        path: str | Path,
        labels: Sequence[str] | None = None,
        *,
        annotator: str | None = None,
        run_code: bool = True,
        **settings: Any,
    ) -> None:
        self.workspace = opened(Path(path), labels, annotator, run_code, settings)

    # ---- what it is

    @property
    def path(self) -> Path:
        """The folder."""
        return self.workspace.path

    @property
    def settings(self) -> Settings:
        """The settings, see :class:`weaklab.project.settings.Settings`."""
        return self.workspace.settings

    @property
    def label_names(self) -> LabelNames:
        """The label names, in the order of their codes."""
        return self.workspace.label_names

    @property
    def label_set(self) -> ProjectLabels:
        """The labels, to be renamed, merged, added, removed and ordered, see
        :class:`weaklab.project.label_changes.ProjectLabels`.
        """
        return ProjectLabels(self.workspace)

    @property
    def annotator(self) -> str:
        """Who answers where nobody else is named."""
        return self.workspace.annotator

    @property
    def session_id(self) -> str:
        """The id of this open project among the sessions that answer."""
        return self.workspace.session_id

    @property
    def read_only(self) -> bool:
        """Whether nothing can be written in the folder: labels can be exported to elsewhere, nothing can be kept."""
        return self.workspace.journal.read_only

    @property
    def committee(self) -> Committee:
        """The members, in the order of their columns."""
        return self.workspace.committee

    @property
    def load_errors(self) -> list[str]:
        """What could not be loaded from the files of labeling functions, one message each."""
        return self.workspace.members.load_errors

    @property
    def corpus(self) -> Corpus:
        """The records, in the order of the imports; a ProjectError where there is none yet."""
        self.workspace.refresh()
        return self.workspace.corpus

    @property
    def faults(self) -> list[Fault]:
        """What went wrong in the heuristics, one entry for each kind of exception."""
        return list(self.workspace.opinion.now().votes.faults)

    @property
    def scheduler(self) -> Scheduler:
        """What picks the records to ask about, as the settings say."""
        return asking.scheduler(self.workspace)

    @property
    def records(self) -> RecordTable:
        """The records with votes, labels and what decided, to filter and search, see
        :class:`weaklab.project.records.RecordTable`.
        """
        from weaklab.project.records import all_records

        return all_records(self)

    # ---- records and heuristics

    add_records = _call(adding.add_records)
    adopt = _call(imports.adopt)
    update_records = _call(corrections.update_records)
    imports = _call(imported)
    undo_import = _call(undo_import)
    remove_records = _call(corrections.remove_records)
    set_gold = _call(corrections.set_gold)
    to_review = _call(corrections.to_review)
    add = _call(registering.add)
    labeling_function = _call(registering.labeling_function)
    weak_classifier = _call(registering.weak_classifier)
    add_crowd = _call(registering.add_crowd)
    crowd = _call(registering.crowd)
    crowds = _call(registering.crowds)
    remove = _call(registering.remove)
    try_on = _call(registering.try_on)
    propose_rules = _call(rules.propose_rules)
    accept_rule = _call(rules.accept_rule)
    propose_repairs = _call(repairs.propose_repairs)
    accept_repair = _call(repairs.accept_repair)
    accepted_rules = _call(accepted_rules)
    undo_rule = _call(undo_rule)
    reload = _call(Workspace.reload)

    # ---- training, questions and answers

    def run(self, *, progress: bool = True, fresh: bool = False) -> Summary:
        """Vote with what is new or edited, train on all labels, and return the summary.

        With ``fresh`` every heuristic votes anew, as after a change that cannot be seen in its code.
        """
        work = self.workspace
        work.refresh()
        if work.has_records and work.committee.votes_anew():
            work.cache.forget()
        work.finish_encoding(progress)
        work.train(work.refresh().event, progress, fresh)
        work.opinion.keep()
        return self.summary()

    retrain = run
    retrain_when_due = _call(Workspace.retrain_when_due)
    ask = _call(asking.ask)
    lease = _call(asking.lease)
    release = _call(answering.release)
    stream = _call(asking.stream)
    synthesize = _call(asking.synthesize)
    label = _call(answering.label)
    label_many = _call(answering.label_many)
    relabel = label
    settle = _call(people.settle)
    skip = _call(answering.skip)
    requeue = _call(answering.requeue)
    undo = _call(answering.undo)
    manual_labels = _call(answering.manual_labels)
    history = _call(answering.history)
    answers = _call(answers)

    def session(
        self,
        annotator: str | None = None,
        *,
        strategy: Any = None,
        batch: int = 10,
        again: bool = False,
        records: Iterable[Any] | None = None,
        overlap: float | None = None,
        background: bool = True,
    ) -> Session:
        """Begin a labeling session of one person; takes what :class:`weaklab.project.session.Session` takes.

        Examples
        --------
        >>> import tempfile, weaklab
        >>> project = Project(tempfile.mkdtemp(), labels=["ham", "spam"], timeout=None)
        >>> _ = project.add_records(["win a prize", "lunch at noon"], quiet=True)
        >>> _ = project.add(weaklab.keywords("spam", ["prize"]))
        >>> with project.session("Ann") as session:
        ...     ask = session.next()
        ...     _ = session.answer(ask, "ham")
        ...     session.undo().label, session.next().id == ask.id
        ('ham', True)
        """
        from weaklab.project.session import Session

        return Session(
            self,
            annotator,
            strategy=strategy,
            batch=batch,
            again=again,
            records=records,
            overlap=overlap,
            background=background,
        )

    def widget(self, view: str = "label", annotator: str | None = None, *, height: int = 580, **options: Any) -> Any:
        """Return the labeling page as a widget for JupyterLab, Notebook 7, VS Code and marimo.

        It needs anywidget: ``pip install 'weaklab[widget]'``. No server is started: the widget calls a session of this
        project, and each answer is stored at once.

        Parameters
        ----------
        view : what to begin with: ``"label"``, ``"table"`` or another view of the page
        annotator : who labels, by default the project's
        height : in pixels
        options : for :meth:`session`

        Raises
        ------
        WeaklabError
            anywidget is missing, or there is no such view.

        Examples
        --------
        >>> project.widget()  # doctest: +SKIP
        """
        # it stands in a room above this one, as all that shows a project does
        return import_module("weaklab.page.widget").widget(self, view, annotator, height=height, **options)

    def report(self, path: str | Path = "report.html") -> Path:
        """Write a report of the project as one HTML file that needs no other file, no script and no network.

        It shows the learning curve, the shares of the labels, precision and recall, calibration, the heuristics and
        their conflicts, a map, what is in doubt, the people, and how all of it was made. What too few answers tell is
        said in words. It contains texts of records and names of people. It needs jinja2 and matplotlib:
        ``pip install 'weaklab[report]'``. The plots alone are in :mod:`weaklab.report.plots`.

        Parameters
        ----------
        path : the file, which ends in .html; an earlier one is replaced

        Raises
        ------
        WeaklabError
            The name ends in something else, a package is missing, or there is no record yet.

        Examples
        --------
        >>> project.report("report.html")  # doctest: +SKIP
        PosixPath('report.html')
        """
        written: Path = import_module("weaklab.report").write_report(self, path)
        return written

    # ---- results, and how good they are

    labels = _call(results.labels)
    probabilities = _call(quality.probabilities)
    votes = _call(quality.votes)
    export = _call(exports.export)
    explain = _call(results.explain)
    freeze = _call(results.freeze)
    status = _call(quality.status)
    map = _call(quality.map_of_records)
    summary = _call(quality.summary)
    evaluate = _call(quality.evaluate)
    analysis = _call(analysis)
    label_quality = _call(label_quality)
    train_end_model = _call(train_end_model)
    label_or_abstain = _call(quality.label_or_abstain)
    reliability = _call(quality.reliability)
    annotators = _call(quality.annotators)
    disputes = _call(quality.disputes)
    agreement = _call(people.agreement)
    label_errors = _call(label_errors)
    disagreements = _call(disagreements)
    next_steps = _call(next_steps)
    preview = _call(quality.preview)

    # ---- opening and closing

    def close(self) -> None:
        """Let go of the records that were shown and close the files."""
        with contextlib.suppress(ProjectError):  # what was shown is free again after a while all the same
            self.release()
        self.workspace.accuracy.close()
        self.workspace.opinion.keep()
        if self.workspace.encoder is not None:
            self.workspace.encoder.close()
        self.workspace.journal.close()

    def __len__(self) -> int:
        self.workspace.refresh()
        return len(self.workspace.rows)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        counts = f"{counted(len(self), 'record')}, {counted(len(self.committee), 'heuristic')}"
        return f"Project({str(self.path)!r}, labels={list(self.label_names)}, {counts})"

    def _repr_html_(self) -> str:
        return self.summary()._repr_html_() if len(self) else Table(repr(self), [], [])._repr_html_()
