"""The loop: records, committee, label model, scheduler and manual labels in one folder."""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import threading
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, Unpack

import numpy as np

from weaklab.classifiers import WeakClassifier
from weaklab.core.errors import (
    HeuristicError,
    ProjectError,
    UnknownLabelError,
    WeaklabError,
    did_you_mean,
    is_number,
    warn,
)
from weaklab.core.events import LABEL, REQUEUE, SKIP, UNDO, Event
from weaklab.core.faults import Fault
from weaklab.core.files import replacing, write_errors
from weaklab.core.labels import ABSTAIN, LabelNames
from weaklab.core.tables import Table, clean, counted
from weaklab.corpus import Corpus, record_id
from weaklab.corpus.records import Record
from weaklab.exchange import csv_writer, open_corpus, read
from weaklab.exchange.file_options import FileKeywords
from weaklab.exchange.formats import check_writable, write_table
from weaklab.exchange.label_files import checked_columns, labels_table
from weaklab.heuristics import Heuristic, as_heuristic, labeling_function
from weaklab.project.cache import ProjectCache
from weaklab.project.database import DATABASE, known_labels
from weaklab.project.extra_records import STREAM, SYNTHETIC, ExtraRecords, as_batch, as_row, synthesized
from weaklab.project.history import History
from weaklab.project.imports import IMPORTED, Import
from weaklab.project.members import ProjectMembers
from weaklab.project.receipt import ImportReceipt
from weaklab.project.settings import FILE, Settings, make_settings, read_settings, write_settings
from weaklab.project.store import Store, StoredCorpus
from weaklab.project.stored_members import classifier_from_setting
from weaklab.project.summary import Summary
from weaklab.scheduling.asks import Ask, Asks, make_asks, texts_of
from weaklab.scheduling.scheduler import RANDOM, Pick
from weaklab.strategies import margin
from weaklab.training.trainer import More, State, judge
from weaklab.voting.committee import Committee, Votes, soft_scores, try_on

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from numpy.typing import NDArray

    from weaklab.batch.frozen import FrozenCommittee
    from weaklab.crowd.crowd import Crowd
    from weaklab.evaluation.evaluation import Answers, Evaluation
    from weaklab.evaluation.precision import PrecisionLabels
    from weaklab.evaluation.preview import Preview
    from weaklab.evaluation.reliability import Reliability
    from weaklab.project.records import RecordTable
    from weaklab.project.session import Session
    from weaklab.scheduling.scheduler import Scheduler
    from weaklab.scheduling.stream import StreamSampler
    from weaklab.training.explanations import Explanation

TRIAL_ROWS = 1000
"""A heuristic is tried on so many records of a project, spread evenly."""
LEASE_SECONDS = 900.0
"""A record that one session was shown is not shown to another for so long."""


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
        self.path = Path(path)
        self.run_code = run_code
        self.settings = self._open_settings(labels, settings)
        self.label_names = LabelNames(self.settings.labels)
        self.annotator = annotator or _user()
        self.session_id = uuid.uuid4().hex[:12]
        self.working = threading.RLock()
        """Held by whatever votes, trains or picks, so that sessions in several threads take turns; storing an answer
        needs no lock."""
        self._store = Store(self.path)
        self._check_labels()
        self._warn_of_unknown()
        self._roster = ProjectMembers(self.path, self.settings, self.label_names, self._store, run_code)
        self._history = History(self._store)
        self._outside = ExtraRecords(self._store)
        self._folders: list[str] = []
        self._rows: dict[str, int] = {}
        self._bench_: ProjectCache | None = None
        self._forget()

    # ---- opening

    def _open_settings(self, labels: Sequence[str] | None, given: Mapping[str, Any]) -> Settings:
        file = self.path / FILE
        if not file.exists() and (self.path / DATABASE).exists():
            raise ProjectError(
                f"{file}: is not there, and {self.path / DATABASE} is; put a backup in its place, or write a new one "
                "with "
                f"labels = {json.dumps(known_labels(self.path))}, and the other settings if they were not the default "
                "ones"
            )
        if file.exists():
            held = read_settings(self.path)
            if labels is not None and list(LabelNames(labels)) != [str(name) for name in held.get("labels", [])]:
                raise ProjectError(
                    f"{self.path} has the labels {held.get('labels')}, got {list(labels)}; open it without labels, or "
                    "choose another folder"
                )
            settings = make_settings({**held, **given}, str(file))
            _check_names(settings, str(file))
            return settings
        if labels is None:
            raise ProjectError(
                f"{self.path}: no weaklab project here; make one with Project({str(self.path)!r}, labels=[...]) or "
                "`weaklab init`"
            )
        settings = make_settings(
            {"labels": labels if isinstance(labels, (str, bytes, set)) else list(labels), **given}, "new project"
        )
        _check_names(settings, "new project")
        if self.path.exists() and not self.path.is_dir():
            raise ProjectError(f"{self.path} is a file; wanted a folder for the project")
        with write_errors(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            (self.path / "labeling_functions").mkdir(exist_ok=True)
        with replacing(file) as temporary:
            write_settings(settings, temporary)
        return settings

    def _check_labels(self) -> None:
        """Codes of stored votes stand for positions, so the labels may grow at the end and nothing else."""
        before = self._store.get_meta("labels")
        now = list(self.label_names)
        if before is not None and now[: len(before)] != before:
            raise ProjectError(
                f"{self.path / FILE}: labels were {before} and are {now} now; new ones go to the end, none may change "
                "place"
            )
        if before != now and not self.read_only:
            self._store.set_meta("labels", now)

    def _warn_of_unknown(self) -> None:
        """Name the imports that stand in the folder and not in the database."""
        for found in self._store.unknown_imports():
            warn(
                f"{self.path / DATABASE} does not know the import {found}: an older database was put back, or the "
                "import was stopped "
                f"at its very end. Take it in with project.adopt({found.folder.name!r}) (`weaklab adopt {self.path}`), "
                f"or move {found.folder} away"
            )

    @property
    def read_only(self) -> bool:
        """Whether nothing can be written in the folder: labels can be computed and exported to elsewhere, nothing can
        be kept.
        """
        return self._store.read_only

    def must_be_writable(self) -> None:
        """Raise a ProjectError if the project is read-only."""
        self._store.must_be_writable()

    @property
    def committee(self) -> Committee:
        """The members, in the order of their columns."""
        return self._roster.committee

    @property
    def load_errors(self) -> list[str]:
        """What could not be loaded from the files of labeling functions, one message each."""
        return self._roster.load_errors

    def reload(self) -> list[str]:
        """Read the files of labeling functions again; return what failed. Columns of unchanged functions are kept."""
        self._forget()
        return self._roster.reload()

    # ---- records

    def add_records(
        self,
        data: Any,
        *,
        text: str | Sequence[str] | None = None,
        id: str | None = None,
        label: str | None = None,
        gold: str | None = None,
        columns: Sequence[str] | None = None,
        map: Mapping[Any, Any] | None = None,
        skip_known: bool = False,
        instead_of: str | None = None,
        quiet: bool = False,
        progress: bool | None = None,
        **options: Unpack[FileKeywords],
    ) -> ImportReceipt:
        """Copy records into the project, print what was taken for what, and return it: a number, that of the new
        records.

        Takes what :func:`weaklab.read` takes. Labels in the column ``label`` become manual labels, of which the
        committee learns at the next :meth:`run`; ``gold`` is kept for measuring. Both must hold label names, or ``map``
        says what their values stand for; nothing, NaN and -1 mean no label. Records stay in the order of the imports.
        Imports may have different columns: one that an import lacks is empty there.

        Parameters
        ----------
        columns : names of the columns to keep beside text, id, label and gold; by default all that can be stored
        map : value -> label name, such as ``{"1": "spam", "0": "ham"}``, for the label and the gold column; None means
            no label
        skip_known : leave out records whose id is in the project already; by default they are an error
        instead_of : folder of an import whose records these replace, such as one whose file was damaged; labels are
            kept by their ids
        quiet : print nothing
        progress : whether to show progress where the import takes longer than a moment; by default unless ``quiet``
        options : how files are to be read: ``encoding``, ``sep``, ``quote``, ``escape``, ``header``, ``names`` and
            ``sheet``

        Raises
        ------
        CorpusError, ProjectError, UnknownLabelError
            Then nothing has been added.

        Examples
        --------
        >>> import tempfile
        >>> project = Project(tempfile.mkdtemp(), labels=["spam", "ham"])
        >>> rows = [{"text": "win a prize", "is_spam": True}, {"text": "lunch?", "is_spam": False}]
        >>> project.add_records(rows, label="is_spam", map={True: "spam", False: "ham"})
        2 new records from the list
        column   read as
        id       id       made from the content
        text     text
        is_spam  label    spam 1, ham 1
        is_spam: read as: True is spam (1), False is ham (1)
        ImportReceipt(2 records)
        """
        if instead_of is not None:
            intake = self._instead_of(instead_of)
        else:
            self._refresh_corpus()
            there = None if self._bench_ is None else self._bench_.corpus
            intake = partial(Import, self._store, folders=self._folders, there=there, known=self._rows.keys())
        like = None if intake.keywords["there"] is None else intake.keywords["there"].roles
        corpus = open_corpus(data, text=text, id=id, label=label, gold=gold, columns=columns, like=like, **options)
        shown = not quiet if progress is None else progress
        new = intake(corpus=corpus, label_names=self.label_names, skip_known=skip_known, map=map, progress=shown)
        receipt = new.run(self.session_id)
        if instead_of is not None:
            self._folders, self._rows = [], {}
        self._refresh_corpus(new.ids)
        if not quiet:
            print(receipt.table())
        return receipt

    def _instead_of(self, folder: str) -> partial[Import]:
        """Return an import that takes the place of another, of which nothing is read."""
        self._store.held_import(folder)
        folders = [name for name in self._store.imports() if name != folder]
        there = self._store.corpus(folders) if folders else None
        known = frozenset(str(name) for name in there.ids.to_pylist()) if there else frozenset()
        return partial(Import, self._store, folders=folders, there=there, known=known, instead_of=folder)

    def adopt(self, folder: str | None = None) -> int:
        """Take in imports that stand in the folder and that the database does not know; return the number of records.

        That is so after an older database was put back. Opening the project names them.

        Parameters
        ----------
        folder : of one import, by default all of them

        Raises
        ------
        ProjectError
            There is none, a part of it is damaged, or one of its records is in the project already.

        Examples
        --------
        >>> import tempfile, weaklab
        >>> project = Project(tempfile.mkdtemp(), labels=["ham", "spam"])
        >>> project.adopt()
        0
        """
        found = [held for held in self._store.unknown_imports() if folder in (None, held.folder.name)]
        if folder is not None and not found:
            known = (
                "the database knows it already"
                if folder in self._store.imports()
                else "there is no such folder with records"
            )
            raise ProjectError(
                f"{self.path / 'corpus' / folder}: {known}; wanted the name of an import that the database does not "
                "know"
            )
        count = 0
        for held in found:
            self._refresh_corpus()
            self._store.must_be_writable()
            self._store.guard.trust(held)
            corpus = StoredCorpus(self.path, [held.folder], self._store.guard)
            there = None if self._bench_ is None else self._bench_.corpus
            taken = Import(self._store, corpus, self._folders, there, self._rows.keys(), self.label_names, False)
            count += taken.adopt(held, self.session_id)
        self._refresh_corpus()
        return count

    def _refresh_corpus(self, new: Sequence[str] = ()) -> None:
        """Look whether there are other imports than before; ``new`` are the ids of an import that has just been
        made.
        """
        folders = self._store.imports()
        if folders != self._folders:
            corpus = self._store.corpus(folders)
            alone = bool(new) and folders[:-1] == self._folders  # else another process has added records, too
            ids = [*self._rows, *new] if alone else corpus.id_texts()
            self._folders = folders
            self._rows = dict(zip(ids, range(len(ids)), strict=True))
            if len(self._rows) != len(ids):
                raise ProjectError(
                    f"{self.path}: {len(ids) - len(self._rows):,} record ids are there twice; see "
                    f"{self.path / 'corpus'}"
                )
            self._bench_ = ProjectCache(
                self._store, corpus, folders, list(self._rows), lambda: self.committee, self.settings
            )
            self._forget()

    def _forget(self) -> None:
        """Compute votes and training anew when they are wanted."""
        self._state: State | None = None
        self._trained_through = 0
        if self._bench_ is not None:
            self._bench_.forget()

    @property
    def corpus(self) -> Corpus:
        """The records, in the order of the imports.

        Raises
        ------
        ProjectError
            There is none yet.
        """
        self._refresh_corpus()
        return self._records

    @property
    def _records(self) -> StoredCorpus:
        """The records as of the last look at the imports, so that one call sees the same ones throughout."""
        return self._bench.corpus

    @property
    def _bench(self) -> ProjectCache:
        if self._bench_ is None:
            raise ProjectError(
                f"{self.path} holds no record yet; next: project.add_records(...) or `weaklab import {self.path} FILE`"
            )
        return self._bench_

    def __len__(self) -> int:
        self._refresh_corpus()
        return len(self._rows)

    @property
    def records(self) -> RecordTable:
        """The records with votes, labels and what decided, to filter and search, see
        :class:`weaklab.project.records.RecordTable`.
        """
        from weaklab.project.records import all_records

        return all_records(self)

    # ---- heuristics

    def add(self, heuristic: Any) -> Heuristic:
        """Register a heuristic, a Snorkel labeling function or a plain function; the same name replaces the old one.

        A text is the name of a heuristic that an installed package offers, see ``weaklab list heuristics``. These,
        keywords, patterns and named weak classifiers are remembered when the project is opened again. Of a function
        that was written in a notebook the votes are remembered; put it into a file of ``labeling_functions`` to keep
        the code.
        """
        member = self._roster.add(heuristic)
        self._forget()
        return member

    def labeling_function(self, function: Callable[[Any], Any] | None = None, /, **options: Any) -> Any:
        """Make a labeling function and register it; takes what :func:`weaklab.labeling_function` takes."""

        def register(f: Callable[[Any], Any]) -> Heuristic:
            return self.add(labeling_function(**options)(f))

        return register if function is None else register(function)

    def add_crowd(
        self,
        data: Any,
        *,
        item: str = "item",
        worker: str = "worker",
        label: str = "label",
        name: str = "crowd",
        map: Mapping[Any, Any] | None = None,
    ) -> Crowd:
        """Register the labels of a crowd as one heuristic, and return the :class:`weaklab.Crowd` with what each worker
        is worth.

        It votes the consensus of the workers on each record, with its probability as the confidence; a hundred workers
        are one line in the summary, and one vote, weighed like any other: three labeling functions that agree on
        something else can outvote it. The votes are kept; call it again when there are more records or labels.

        Parameters
        ----------
        data : a table with a row for each label, as :class:`weaklab.Crowd` takes it
        item, worker, label : names of the columns; items are record ids
        name : of the heuristic; one of the same name is replaced
        map : value -> label name, for values that are no label names, as in :meth:`add_records`

        Raises
        ------
        WeaklabError
            A label is none of the project's, or no item is a record. Where some are none, that is a warning.
        """
        from weaklab.crowd.annotators import CrowdVotes, check_items
        from weaklab.crowd.crowd import Crowd

        self._refresh_corpus()
        crowd = Crowd(data, item, worker, label, list(self.label_names), map)
        check_items(crowd, self._rows)
        self.add(CrowdVotes(name, crowd))
        self._bench.trainer(progress=False)  # keeps the votes, for nothing else remembers them
        return crowd

    def weak_classifier(self, estimator: Any = "auto", features: Any = "auto", **settings: Any) -> WeakClassifier:
        """Make a weak classifier and register it; takes what :class:`weaklab.WeakClassifier` takes.

        By default it suits the data: Naive Bayes on TF-IDF of texts, logistic regression on numeric columns and
        embeddings.

        As the last line of a notebook cell it shows :meth:`preview`.
        """
        classifier = WeakClassifier(estimator, features, **settings)
        self.add(classifier)
        classifier.show = lambda: self.preview(classifier.name)
        return classifier

    def preview(self, name: str) -> Preview:
        """Show what a weak classifier does: accuracy out-of-fold, what it votes on, and its ten most surprising votes.

        A vote surprises where the committee without this classifier, or a manual label, says something else.
        """
        from weaklab.evaluation.preview import preview

        classifier = self.committee[name]
        if not isinstance(classifier, WeakClassifier):
            names = [c.name for c in self.committee.classifiers]
            raise HeuristicError(
                f"{name!r} is no weak classifier; the weak classifiers are {', '.join(names) or 'none yet'}"
            )
        self._train(self._last_event(), progress=False)
        assert self._state is not None
        column = self._state.votes.names.index(name)
        others = self._bench.trainer(progress=False).predict_without(self._state, column)
        scores = self._state.votes.scores.get(column)
        return preview(
            classifier, lambda rows: texts_of(self._records, rows), scores, others, self._codes(), self.label_names
        )

    def remove(self, name: str) -> None:
        """Take out a heuristic that was registered in a session; one that stands in a file is taken out of the file."""
        self._roster.remove(name)
        self._forget()

    def try_on(self, heuristic: Any = None, sample: Any = 10) -> Table:
        """Show at once what one heuristic, registered or not, votes on a few records.

        Parameters
        ----------
        heuristic : name, function or heuristic; by default all that are registered
        sample : how many records of the project to show, half of them with votes where there are such; or records of
            your own
        """
        chosen = (
            self.committee.heuristics
            if heuristic is None
            else [self.committee[heuristic] if isinstance(heuristic, str) else as_heuristic(heuristic)]
        )
        if not isinstance(sample, int):
            return try_on(chosen, sample, self.label_names)
        rows = np.unique(np.linspace(0, len(self.corpus) - 1, min(TRIAL_ROWS, len(self))).astype(np.int64))
        return try_on(chosen, as_corpus(self._records.take(rows)), self.label_names, show=sample)

    # ---- votes and training

    def run(self, *, progress: bool = True, fresh: bool = False) -> Summary:
        """Vote with what is new or edited, train on all labels, and return the summary.

        With ``fresh`` every heuristic votes anew, as after a change that cannot be seen in its code.
        """
        if self._bench_ is not None and self.committee.votes_anew():
            self._bench_.forget()
        self._train(self._last_event(), progress, fresh)
        return self.summary()

    retrain = run

    def _last_event(self) -> int:
        self._history.sync()
        return self._history.last

    def manual_labels(self, through: int | None = None) -> dict[str, str]:
        """Return record -> label, the last one that stands, or the consensus of several people (see
        :meth:`annotators`).

        As of event ``through``, by default now.
        """
        self._refresh_corpus()
        self._history.sync()
        return self._manual(through)

    def _manual(self, through: int | None = None) -> dict[str, str]:
        """Return :meth:`manual_labels` as of the last look at the events and the imports."""
        return {record: label for record, label in self._history.labels(through).items() if record in self._rows}

    def _codes(self, through: int | None = None) -> NDArray[np.int64]:
        """Return the manual labels as codes int (n,), -1 is unlabeled."""
        y = np.full(len(self._rows), ABSTAIN, dtype=np.int64)
        for record, label in self._manual(through).items():
            y[self._rows[record]] = self.label_names.code(label)
        return y

    def _ensure(self, progress: bool = False) -> State:
        """Return the state as of the last training, computing what is not there."""
        with self.working:
            self._refresh_corpus()
            self._refresh_members()
            self._history.sync()
            through = self._store.get_meta("trained_through")
            if through is not None and through > self._trained_through:
                self._state = None  # another process has trained on more labels
            if self._state is None:
                self._train(self._history.last if through is None else through, progress)
            assert self._state is not None
            return self._state

    def _refresh_members(self) -> None:
        """Take over what other sessions have added, redefined or removed, and what was edited in files or in this
        session.
        """
        before = list(self.load_errors)
        if self._roster.files_changed():
            for error in self.reload():
                if error not in before:
                    warn(f"{error}; its file was edited and is left out until it loads")
        if self._roster.sync():
            self._forget()
        if self._bench_ is not None and not self._bench_.is_current():
            self._state = None
        self._roster.note_fingerprints()

    def _train(self, through: int, progress: bool, fresh: bool = False) -> None:
        with self.working:
            self._refresh_corpus()
            self._refresh_members()
            trainer = self._bench.trainer(progress, fresh)
            self._roster.remember()
            self._state = trainer.train(self._codes(through), self._more(through))
            self._trained_through = through
            self._store.raise_meta("trained_through", through)

    def _more(self, through: int) -> More | None:
        """Return the labeled records outside the corpus, which classifiers learn from as well."""
        labels = self._history.labels(through)
        if any(name not in self._rows and name not in self._outside for name in labels):
            self._outside.sync()  # another process has labeled records of a stream
        ids = [name for name in self._outside.ids if name in labels and name not in self._rows]
        if not ids:
            return None

        def matrix(classifier: WeakClassifier) -> Any:
            self._bench.matrix(classifier)
            return classifier.features.transform(self._outside.batch(ids, self._records))

        return More(matrix, np.array([self.label_names.code(labels[name]) for name in ids], dtype=np.int64))

    # ---- asking

    @property
    def scheduler(self) -> Scheduler:
        """What picks the records to ask about, as the settings say."""
        return self._scheduler(self.settings.strategy, self.settings.cold_start)

    def _scheduler(self, strategy: Any, cold_start: str) -> Scheduler:
        from weaklab.scheduling.scheduler import Scheduler

        return Scheduler(
            strategy, random_share=self.settings.random_share, cold_start=cold_start or None, seed=self.settings.seed
        )

    def session(
        self,
        annotator: str | None = None,
        *,
        strategy: Any = None,
        batch: int = 10,
        again: bool = False,
        overlap: float = 0.0,
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
            self, annotator, strategy=strategy, batch=batch, again=again, overlap=overlap, background=background
        )

    def ask(
        self,
        n: int = 10,
        *,
        again: bool = False,
        strategy: Any = None,
        lease: bool = True,
        besides: Collection[str] = (),
        session: str | None = None,
        through: int | None = None,
    ) -> Asks:
        """Return the n records that a person should label next.

        Labeled and skipped records are left out, near-duplicates of labeled ones, and those that another session was
        shown a short while ago.

        Parameters
        ----------
        again : whether records that have a label may come, too
        strategy : name, function or mapping of name to weight, by default that of the settings; one that is given here
            is used from the first question on, without a cold start
        lease : keep other sessions from being shown the same records for a while
        besides : ids of records that are being asked about already
        session : id of the session that asks, by default the project's own
        through : id of the last event to know of, by default the newest; so what is picked does not depend on when this
            runs
        """
        with self.working:
            return self._ask(n, again, strategy, lease, besides, session or self.session_id, through)

    def _ask(
        self,
        n: int,
        again: bool,
        strategy: Any,
        lease: bool,
        besides: Collection[str],
        session: str,
        through: int | None,
    ) -> Asks:
        state = self._ensure()
        scheduler = self.scheduler if strategy is None else self._scheduler(strategy, cold_start="")
        while True:
            turn = self._history.last if through is None else through
            eligible = self._eligible(again, besides, session, turn)
            picks = scheduler.pick(
                self._bench.views.pool(state, self._codes(turn), self._bench.groups), n, eligible, turn=turn
            )
            asks = make_asks(
                picks,
                self._records,
                state.votes,
                state.P,
                asked_after=turn,
                blind=self._blind([str(self._records.ids[pick.row]) for pick in picks]),
            )
            if not lease or not asks:
                return asks
            free = self.lease(asks, turn, session=session)
            if free:
                return free
            self._history.sync()

    def lease(self, asks: Asks, after: int, *, session: str | None = None) -> Asks:
        """Keep other sessions from being shown these records for a while; return those that none has been shown or has
        answered.

        Parameters
        ----------
        asks : from :meth:`ask` with ``lease=False``
        after : id of the event after which an answer of somebody counts
        session : id of the session that shows them, by default the project's own
        """
        rows = [(a.id, session or self.session_id, a.strategy, a.score, a.probability) for a in asks]
        free = self._store.add_asks(rows, LEASE_SECONDS, after)
        return Asks(a for a in asks if a.id in free)

    def stream(
        self,
        records: Iterable[Any],
        *,
        budget: float = 0.1,
        strategy: Any = "margin",
        sampler: StreamSampler | None = None,
    ) -> Iterator[Ask]:
        """Take records one by one from anywhere and yield those that a person should label: stream-based selective
        sampling.

        What is asked about is kept beside the corpus when it is yielded, and weak classifiers learn from its label; all
        else passes. Labeling functions run in this process here, where one that hangs cannot be stopped.

        Parameters
        ----------
        records : texts, dicts or records, as many as you like
        budget : share of the stream, or number of questions in all
        strategy : a query strategy that looks at one record at a time
        sampler : a :class:`weaklab.StreamSampler` with settings of its own, or one from an earlier stream

        Examples
        --------
        >>> import tempfile, weaklab
        >>> project = Project(tempfile.mkdtemp(), labels=["ham", "spam"])
        >>> _ = project.add_records(["win a prize", "lunch at noon"], quiet=True)
        >>> _ = project.add(weaklab.keywords("spam", ["prize"]))
        >>> for ask in project.stream(["a prize for you", "what now?", "lunch?", "a prize?"], budget=0.5):
        ...     _ = project.label(ask, "ham")
        >>> 0 < project.status()["labels_outside"] <= 2
        True
        """
        from weaklab.scheduling.stream import StreamSampler

        if isinstance(records, str):
            raise WeaklabError(
                f"a stream is a row of records, got one text, {clean(records, 60)!r}; wanted [text] or any iterator"
            )
        if hasattr(records, "to_dict"):
            records = records.to_dict("records")
        sampler = sampler or StreamSampler(
            budget, strategy, random_share=self.settings.random_share, seed=self.settings.seed
        )
        self._ensure()
        closed = {name for name in self._history.closed((LABEL, SKIP)) if name in self._outside}
        for record in records:
            name, columns = as_row(record, self._records)
            state = self._ensure()
            if name in self._rows or name in closed:
                continue
            closed.add(name)
            batch = as_batch([{**columns, self._records.roles.id: name}], self._records)
            votes, P = judge(
                self.committee.heuristics,
                state,
                batch,
                self._bench.embed(batch) if state.instance is not None else None,
            )
            decision = sampler.decide(P[0], votes.L[0], {j: s[0] for j, s in soft_scores(votes).items()}, name)
            if decision.ask:
                self._outside.add(STREAM, batch)
                chance = decision.audit_probability if decision.audit else decision.probability
                pick = Pick(0, RANDOM if decision.audit else sampler.name, decision.score, chance)
                yield make_asks([pick], as_corpus(batch), votes, P, blind=self._blind([name]))[0]

    def synthesize(self, n: int = 10) -> Asks:
        """Make records near the committee's decision boundary for a person to label: membership query synthesis.

        A splice of two real texts, or a point between two records in their numeric columns. They are marked
        ``synthetic``, weak classifiers learn from their labels, and neither the corpus nor an export ever shows them.

        Raises
        ------
        WeaklabError
            The committee puts all records into one class, or there is neither one text column nor a numeric one.
        """
        state = self._ensure()

        def predict(batch: pa.RecordBatch) -> NDArray[np.float64]:
            return judge(
                self.committee.heuristics,
                state,
                batch,
                self._bench.embed(batch) if state.instance is not None else None,
            )[1]

        made = synthesized(
            self._records, predict, state.P, self._bench.views.keys, n, self.settings.seed + self._history.last
        )
        made = [(name, columns, origin) for name, columns, origin in made if name not in self._outside]
        if not made:
            return Asks()
        batch = as_batch([{**columns, self._records.roles.id: name} for name, columns, _ in made], self._records)
        votes, P = judge(
            self.committee.heuristics, state, batch, self._bench.embed(batch) if state.instance is not None else None
        )
        picks = [Pick(i, "synthesis", float(score), 1.0) for i, score in enumerate(margin(P))]
        asks = make_asks(picks, as_corpus(batch), votes, P)
        self._outside.add(SYNTHETIC, batch)
        return Asks(
            replace(ask, synthetic=True, why=f"made of {origin}; {ask.why}")
            for ask, (_, _, origin) in zip(asks, made, strict=True)
        )

    def _eligible(self, again: bool, besides: Collection[str], session: str, through: int) -> NDArray[np.bool_]:
        """Return bool (n,), True for the records that may be asked now, ``besides`` and their near-duplicates left
        out.
        """
        eligible = np.ones(len(self._rows), dtype=bool)
        closed = (LABEL, SKIP) if not again else (SKIP,)
        if not again:
            eligible[self._shared(through) >= 0] = False
            eligible[self._at(self._history.closed((REQUEUE,), through))] = True
        eligible[self._at(self._history.closed(closed, through))] = False
        elsewhere = self._at([*self._store.asked_by_others(session, LEASE_SECONDS), *besides])
        eligible[elsewhere] = False
        groups = self._bench.groups
        if groups is not None and len(elsewhere):
            eligible[np.isin(groups, groups[elsewhere])] = False
        return eligible

    def _at(self, records: Iterable[str]) -> NDArray[np.int64]:
        """Return the row numbers of records, leaving out those that are not in the corpus."""
        return np.array([self._rows[record] for record in records if record in self._rows], dtype=np.int64)

    def _blind(self, ids: Sequence[str]) -> NDArray[np.bool_]:
        """Draw which records are shown without the suggestion."""
        from weaklab.scheduling.views import keys_of
        from weaklab.strategies import uniform

        return np.asarray(
            uniform(keys_of([f"blind {name}" for name in ids]), self.settings.seed) < self.settings.blind_share
        )

    def _shared(self, through: int | None = None) -> NDArray[np.int64]:
        """Return int (n,): for each record without an answer the row of a near-duplicate whose answer it shares, -1 for
        none.
        """
        from weaklab.evaluation.analysis import shared_answers

        groups = self._bench.groups
        return (
            np.full(len(self._rows), ABSTAIN, dtype=np.int64)
            if groups is None
            else shared_answers(groups, self._codes(through))
        )

    # ---- answers

    def label(
        self,
        record: Any,
        label: Any,
        *,
        seconds: float | None = None,
        shown: bool | None = None,
        annotator: str | None = None,
    ) -> Event:
        """Store a manual label; when this returns it is on disk. A second label of the same annotator replaces the
        first.

        Where several annotators labeled a record differently, their consensus stands, see :meth:`annotators`.

        After every ``retrain_every`` labels the committee is retrained.

        Parameters
        ----------
        record : an :class:`Ask`, a record, or an id
        label : label name or code
        seconds : how long the person took
        shown : whether the person saw the suggestion; by default True for an :class:`Ask` that is not blind
        """
        return self.label_many([(record, label)], seconds=seconds, shown=shown, annotator=annotator)[0]

    def label_many(
        self,
        answers: Mapping[Any, Any] | Iterable[tuple[Any, Any]],
        *,
        seconds: float | None = None,
        shown: bool | None = None,
        annotator: str | None = None,
    ) -> list[Event]:
        """Store several manual labels, all or none: a mapping or pairs of record and label."""
        pairs = answers.items() if isinstance(answers, Mapping) else answers
        events = []
        for record, label in pairs:
            code = self.label_names.code(label)
            if code == ABSTAIN:
                raise UnknownLabelError(
                    f"a manual label must be one of {list(self.label_names)}, got {label!r}; to leave a record out, "
                    "use skip()"
                )
            events.append(self._event(LABEL, record, annotator, str(self.label_names.name(code)), seconds, shown))
        stored = self._store.append(events)
        with self.working:
            self._history.sync()
            self.retrain_when_due()
        return stored

    def skip(self, record: Any, *, seconds: float | None = None, annotator: str | None = None) -> Event:
        """Do not ask about this record again (until it is put back)."""
        return self._append(self._event(SKIP, record, annotator, None, seconds))

    def requeue(self, record: Any, *, annotator: str | None = None) -> Event:
        """Put a record back in the queue: it may be asked again, even if it was skipped or has a label."""
        return self._append(self._event(REQUEUE, record, annotator))

    def undo(self) -> Event | None:
        """Take back the last answer of this session and return the answer that was taken back, None if there is
        none.
        """
        self._history.sync()
        last = self._history.last_answer(self.session_id, besides=IMPORTED)
        if last is None:
            return None
        self._append(Event(UNDO, last.record, undoes=last.id, annotator=last.annotator, session=self.session_id))
        return last

    def _append(self, event: Event) -> Event:
        stored = self._store.append([event])[0]
        self._history.sync()
        return stored

    def _event(
        self,
        kind: str,
        record: Any,
        annotator: str | None,
        label: str | None = None,
        seconds: float | None = None,
        shown: bool | None = None,
    ) -> Event:
        ask = record if isinstance(record, Ask) else None
        name = _name_of(record)
        self._store.must_be_writable()
        self._refresh_corpus()
        if name not in self._rows and name not in self._outside:
            self._outside.sync()  # another process may have streamed it
        if name not in self._rows and name not in self._outside:
            hint = did_you_mean(name, list(self._rows)[:10_000])
            raise ProjectError(f"no record {name!r} in the project;{hint} wanted an id, or a record of ask()")
        return Event(
            kind,
            name,
            label,
            annotator=annotator or self.annotator,
            session=self.session_id,
            seconds=seconds,
            suggestion=ask.suggestion if ask else None,
            suggestion_confidence=ask.confidence if ask else None,
            suggestion_shown=(shown if shown is not None else ask is not None and not ask.blind)
            if kind == LABEL
            else None,
            picked_by=ask.strategy if ask else None,
            pick_probability=ask.probability if ask else None,
            pool_size=ask.pool_size if ask else None,
            asked_after=ask.asked_after if ask else None,
        )

    def retrain_when_due(self, through: int | None = None) -> bool:
        """Train if ``retrain_every`` labels have come since the last training; return whether it did.

        On the labels through an event, by default the newest.
        """
        every = self.settings.retrain_every
        if not every or not len(self):
            return False
        trained = self._store.get_meta("trained_through", 0)
        if self._history.labels_since(trained, through) >= every:
            self._train(self._history.last if through is None else through, progress=False)
            return True
        if self._state is not None and self._trained_through != trained:
            self._state = None
        return False

    def annotators(self) -> pd.DataFrame:
        """Return one row a person who labeled: labels, agreement with others, and estimated accuracy with a 95%
        interval.

        Where people labeled a record differently, the manual label is their consensus, each person weighted by how
        often they seem to be right where several labeled a record; where that does not tell, the later label stands.
        See :func:`weaklab.crowd.annotators.annotator_table` for the columns.

        Examples
        --------
        >>> import tempfile
        >>> project = Project(tempfile.mkdtemp(), labels=["ham", "spam"])
        >>> _ = project.add_records([{"id": "a", "text": "win a prize"}, {"id": "b", "text": "lunch"}], quiet=True)
        >>> for person, label in [("Ann", "spam"), ("Bob", "spam"), ("Eve", "ham")]:
        ...     _ = project.label("a", label, annotator=person)
        >>> project.manual_labels(), project.disputes()["record"].tolist()
        ({'a': 'spam'}, ['a'])
        >>> project.annotators()[["annotator", "labels", "agreement"]].values.tolist()
        [['Ann', 1, 0.5], ['Bob', 1, 0.5], ['Eve', 1, 0.0]]
        """
        from weaklab.crowd.annotators import annotator_table

        self._history.sync()
        return annotator_table(self._history.opinions())

    def disputes(self) -> pd.DataFrame:
        """Return the records that people labeled differently: ``record``, the ``label`` that stands, and all
        ``opinions``.
        """
        from weaklab.crowd.annotators import dispute_table

        self._history.sync()
        return dispute_table(self._history.opinions(), self._history.labels())

    def release(self, session: str | None = None) -> None:
        """Let other sessions have the records that a session, by default the project's own, was shown and did not
        answer.
        """
        self._store.release(session or self.session_id)

    def history(self) -> pd.DataFrame:
        """Return every event, oldest first; nothing is ever removed from it."""
        import pandas as pd

        names = ["id", *(name for name in Event.__dataclass_fields__ if name != "id")]
        frame = pd.DataFrame([vars(event) for event in self._store.events()], columns=names)
        return frame.astype({"undoes": "Int64"})

    def answers(self, **filters: Any) -> pd.DataFrame:
        """Return the events that fit; takes what :func:`weaklab.project.answers.answers` takes."""
        from weaklab.project.answers import answers

        return answers(self, **filters)

    # ---- results

    def labels(self, *, include: Sequence[str] = ()) -> pd.DataFrame:
        """Return one row a record: id, label, one probability a class, confidence, whether the label is manual.

        ``label`` is None where nothing tells the best two classes apart. A manual label has probability 1, and so has
        the label of a near-duplicate of a record with a manual label; ``shared_from`` is the id of that record.

        Parameters
        ----------
        include : columns of the records to show beside the labels, such as the text
        """
        import pandas as pd

        from weaklab.label_models import confidence, is_tied

        P = self.probabilities()
        y, shared = self._codes(), self._shared()
        names = np.array([*self.label_names, None], dtype=object)
        ids = np.array([*self._records.ids.to_pylist(), None], dtype=object)
        frame = pd.DataFrame({self._records.roles.id: ids[:-1]})
        shares = pd.DataFrame(P, columns=[f"p_{name}" for name in self.label_names])
        frame["label"] = pd.Series(names[np.where(is_tied(P), ABSTAIN, P.argmax(axis=1))], dtype=object)
        frame = pd.concat([frame, shares], axis=1)
        frame["confidence"] = confidence(P)
        frame["manual"] = y != ABSTAIN
        frame["shared_from"] = pd.Series(ids[shared], dtype=object)
        for place, name in enumerate(checked_columns(include, frame.columns), 1):
            frame.insert(place, name, self._records.column(name).to_pandas())
        return frame

    def probabilities(self) -> NDArray[np.float64]:
        """Return probabilities float (n, k) in the order of the records and labels; manual and shared labels count as
        certain.
        """
        P = self._ensure().P.copy()
        y = self._answers()
        rows = np.flatnonzero(y != ABSTAIN)
        P[rows] = np.eye(len(self.label_names))[y[rows]]
        return P

    def _answers(self) -> NDArray[np.int64]:
        """Return the manual labels as codes int (n,), those of near-duplicates included, -1 where there is none."""
        y, shared = self._codes(), self._shared()
        return np.where(shared >= 0, y[shared], y)

    def freeze(self) -> FrozenCommittee:
        """Return the committee as of the last training, to label other records with, see :mod:`weaklab.batch`; it no
        longer changes.

        Examples
        --------
        >>> import tempfile, weaklab
        >>> project = Project(tempfile.mkdtemp(), labels=["ham", "spam"], timeout=None)
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
        if not self.run_code and (lost := self._roster.without_code):
            raise ProjectError(
                f"{self.path} was opened without running code, and {', '.join(lost)} cannot vote on other records "
                "without it; open it with "
                "run_code=True (without --no-code) if you trust its labeling functions"
            )
        state = self._ensure()
        return self._bench.freeze(state, self._history.labels())

    def label_or_abstain(self, precision: float = 0.95) -> PrecisionLabels:
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
        >>> project = Project(tempfile.mkdtemp(), labels=["ham", "spam"], timeout=None)
        >>> _ = project.add_records(["prize draw", "lunch at noon"], quiet=True)
        >>> _ = project.add(weaklab.keywords("spam", ["prize"]))
        >>> project.label_or_abstain()
        0 of 2 records get a label (0.0%), 0 of them from a person
        ...
        No label can be promised to be right with precision 0.95: that takes 80 random answers or more, and there are 0;
        ...
        """
        from weaklab.evaluation.precision import labels_at_precision

        state = self._ensure()
        audit, truth, covered = self._audited(state)
        ids = self._records.ids.to_pylist()
        return labels_at_precision(
            state.P, self._answers(), audit, truth, precision, list(self.label_names), ids=ids, covered=covered
        )

    def reliability(self, bins: int = 15) -> Reliability:
        """Return how often the committee is right, by how probable it says its label is.

        Judged by the answers to the questions that were drawn at random, of each of which the committee is made not to
        know.

        Raises
        ------
        WeaklabError
            There is none.
        """
        from weaklab.evaluation.precision import audited_reliability

        state = self._ensure()
        audit, truth, covered = self._audited(state)
        return audited_reliability(audit, truth, bins, P=state.P, covered=covered)

    def _audited(self, state: State) -> tuple[NDArray[np.float64], NDArray[np.int64], int]:
        """Return what the committee says of the records drawn at random without knowing their labels, these, and of how
        many they tell.
        """
        from weaklab.evaluation.precision import held_out

        answers = self._given()
        mine = answers.among_all
        audit = held_out(self._bench.trainer(progress=False), state, answers.rows[mine])
        return audit, answers.codes[mine], answers.covered

    def explain(self, record: Any) -> Explanation:
        """Return what each member contributed to the committee's opinion of a record, adding up to its log-odds.

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

        state = self._ensure()
        name = _name_of(record)
        if name not in self._rows:
            raise ProjectError(
                f"no record {name!r} among those of the corpus;{did_you_mean(name, list(self._rows)[:10_000])} wanted "
                "an id"
            )
        row = self._rows[name]
        text = texts_of(self._records, [row])[0] if self._records.roles.text else ""
        return explain(
            state.model,
            state.votes,
            row,
            instance=state.instance,
            record=name,
            text=text,
            manual=self._manual().get(name),
        )

    def export(
        self,
        path: str | Path,
        *,
        min_confidence: float = 0.0,
        precision: float | None = None,
        include: Sequence[str] = (),
        spreadsheet_safe: bool = False,
    ) -> int:
        """Write :meth:`labels` to a file in the format of its suffix; return the number of rows.

        The file is there whole or not at all. JSONL is JSON that every program reads: NaN and infinity are null, bytes
        are base64, times ISO 8601, decimals text. A CSV cell holds text or one number; lists, structs and bytes need
        one of the other formats.

        Parameters
        ----------
        min_confidence : leave the label empty below this confidence, 0 to 1
        precision : leave the label empty where :meth:`label_or_abstain` gives none, between 0 and 1; with a warning
            where that leaves manual labels alone
        include : columns of the records to write beside the labels, such as the text
        spreadsheet_safe : put an apostrophe before what a spreadsheet would run as a formula, see
            :func:`weaklab.exchange.csv_writer.spreadsheet_safe`; for CSV only. By default texts are written exactly as
            they are, so that they can be read back; open such a file in a spreadsheet only if you trust its texts.
        """
        path = Path(path)
        check_writable(path)
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
        frame = self.labels()
        frame.loc[frame["confidence"] < min_confidence, "label"] = None
        if precision is not None:
            kept = self.label_or_abstain(precision)
            frame.loc[kept.codes == ABSTAIN, "label"] = None
            if not kept.threshold.kept:
                warn(str(kept.threshold))
        table = labels_table(frame, self._records, include)
        table = csv_writer.spreadsheet_safe(table) if spreadsheet_safe else table
        write_table(table, path)
        return int(table.num_rows)

    def summary(self) -> Summary:
        """Return what every heuristic does: coverage, overlaps, conflicts, polarity, accuracy on manual labels,
        faults.
        """
        from weaklab.evaluation import analysis
        from weaklab.evaluation.evaluation import estimates

        state = self._ensure()
        frame = analysis.summary(state.votes.L, self._codes(), state.votes.names, self.label_names)
        return Summary(self, state, frame, estimates(state, self._given()))

    def _given(self) -> Answers:
        """Return the manual labels in the order in which they were given."""
        from weaklab.evaluation.evaluation import Answers

        codes = {record: self.label_names.code(label) for record, label in self._manual().items()}
        return Answers(self._history.first_labels(), self._rows, codes, self._shared(), self._store.import_sizes())

    def status(self) -> dict[str, Any]:
        """Return the project in numbers.

        ``records``, ``heuristics``, ``manual_labels`` (records that have one), ``labels_outside`` (of streamed and
        synthetic records), ``shared_labels`` (near-duplicates that share an answer), ``labels_since_training``,
        ``coverage`` (share with at least one vote), ``conflicts`` (records whose votes disagree), ``mean_confidence``,
        ``expected_shares`` (label -> share), ``faults``, and ``accuracy`` on all records where the corpus has gold
        labels.
        """
        from weaklab.evaluation import analysis
        from weaklab.label_models import confidence

        state = self._ensure()
        P = self.probabilities()
        found: dict[str, Any] = {
            "records": len(self._rows),
            "heuristics": len(self.committee),
            "manual_labels": len(self._manual()),
            "labels_outside": sum(name in self._outside and name not in self._rows for name in self._history.labels()),
            "shared_labels": int((self._shared() >= 0).sum()),
            "labels_since_training": self._history.labels_since(self._trained_through),
            "coverage": float(analysis.covered(state.votes.L).mean()) if len(self.committee) else 0.0,
            "conflicts": int(analysis.conflicts(state.votes.L).sum()) if len(self.committee) else 0,
            "mean_confidence": float(confidence(P).mean()),
            "expected_shares": analysis.label_shares(P, self.label_names),
            "faults": sum(fault.count for fault in state.votes.faults),
        }
        if self._records.roles.gold is not None:
            found["accuracy"] = analysis.expected_accuracy(P, [self._gold_code(name) for name in self._records.gold()])
        return found

    def _gold_code(self, name: str | None) -> int:
        """Return the code of a gold label that is kept: its name, as imports write it; what an older version kept may
        be no label.
        """
        return self.label_names.code(name) if name in self.label_names else ABSTAIN

    def evaluate(self, *, progress: bool = True) -> Evaluation:
        """Estimate how right the labels are, from the records drawn at random, and what more labels would bring.

        The committee is trained on all labels first, as by :meth:`run`, and then again on parts of them, so this takes
        several times as long.

        Parameters
        ----------
        progress : whether to show progress where it takes longer than a moment
        """
        from weaklab.evaluation.evaluation import evaluate

        self._train(self._last_event(), progress=False)
        trainer = self._bench.trainer(progress=False)
        try:
            return evaluate(
                trainer, self._given(), self._store.events(), self.settings.retrain_every or 10, self._more, progress
            )
        finally:
            self._state = None  # the classifiers have been trained on parts of the labels

    def votes(self) -> Votes:
        """Return what every member votes on every record: the label matrix, scores, confidences and faults."""
        return self._ensure().votes

    @property
    def faults(self) -> list[Fault]:
        """What went wrong in the heuristics, one entry for each kind of exception."""
        return self._ensure().votes.faults

    def close(self) -> None:
        """Let go of the records that were shown and close the files."""
        with contextlib.suppress(ProjectError):  # what was shown is free again after a while all the same
            self.release()
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        counts = f"{counted(len(self), 'record')}, {counted(len(self.committee), 'heuristic')}"
        return f"Project({str(self.path)!r}, labels={list(self.label_names)}, {counts})"

    def _repr_html_(self) -> str:
        return self.summary()._repr_html_() if len(self) else Table(repr(self), [], [])._repr_html_()


def _name_of(record: Any) -> str:
    """Return the id of what stands for a record: an ask, a record or an id."""
    return (
        record.id if isinstance(record, Ask) else record.record_id if isinstance(record, Record) else record_id(record)
    )


def _check_names(settings: Settings, where: str) -> None:
    """Raise a ProjectError if a setting names a part that is not there."""
    from weaklab.scheduling.scheduler import Scheduler

    try:
        if settings.label_model != Settings.label_model:  # looking for the default one would load them all
            from weaklab.label_models import LABEL_MODELS

            LABEL_MODELS[settings.label_model]
        Scheduler(settings.strategy, random_share=settings.random_share, cold_start=settings.cold_start or None)
        for entry in settings.weak_classifiers:
            classifier_from_setting(entry)
    except (WeaklabError, TypeError, AttributeError) as error:
        raise ProjectError(f"{where}: {error}") from None


def as_corpus(table: pa.Table | pa.RecordBatch) -> Corpus:
    """Return records that have roles already as a corpus."""
    import pyarrow as pa

    from weaklab.corpus import Roles

    if isinstance(table, pa.RecordBatch):
        table = pa.Table.from_batches([table])

    roles = Roles.of(table.schema)
    return read(table, text=list(roles.text), id=roles.id, label=roles.label, gold=roles.gold)


def _user() -> str:
    try:
        return clean(getpass.getuser())
    except (KeyError, OSError, ImportError):  # an account without a name
        return os.environ.get("USER", "unknown")
