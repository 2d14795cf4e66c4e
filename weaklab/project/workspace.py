"""An open project: its journal, files and members, and what was computed from them.

Everything that reads a project reads it from here: :meth:`Workspace.refresh` is the one place that looks for what is
new, :attr:`Workspace.snapshot` is what was known then, and :meth:`Workspace.state` what the committee thinks.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.core.errors import ProjectError, did_you_mean, warn
from weaklab.core.events import GOLD
from weaklab.core.label_set import LabelHistory
from weaklab.core.labels import ABSTAIN, LabelNames
from weaklab.corpus import record_id
from weaklab.corpus.records import Record
from weaklab.project.at_hand import AtHand
from weaklab.project.cache import ProjectCache
from weaklab.project.committee_opinion import CommitteeOpinion
from weaklab.project.encoding import ProjectEncoder
from weaklab.project.extra_records import ExtraRecords
from weaklab.project.first_labels import FirstLabels
from weaklab.project.members import ProjectMembers
from weaklab.project.old_names import OldNames
from weaklab.project.project_files import ProjectFiles
from weaklab.project.record_changes import RecordChanges, way_back
from weaklab.project.record_rows import RecordRows
from weaklab.project.running_accuracy import RunningAccuracy
from weaklab.project.saved_snapshot import SavedSnapshot
from weaklab.project.snapshot import Snapshot
from weaklab.project.training_note import TrainingNote
from weaklab.scheduling.asks import Ask
from weaklab.training.trainer import More, State

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from weaklab.classifiers import WeakClassifier
    from weaklab.project.journal import Journal, Version
    from weaklab.project.settings import Settings
    from weaklab.project.stored_corpus import StoredCorpus
    from weaklab.voting.committee import Committee

FIRST_LABELS, NEWEST_LABELS = "labels", "labels_now"
"""The facts in the journal that hold the labels before the first change of them, and those after the last one."""


def label_history(journal: Journal, labels: Sequence[str]) -> LabelHistory:
    """Return the labels of a project and how they have changed; ``labels`` are those of one that has none noted."""
    return LabelHistory(journal.get(FIRST_LABELS) or labels, journal.events_of([""]))


class Workspace:
    """An open project.

    Parameters
    ----------
    path : the project folder
    settings : of the project
    journal : of the project
    annotator : who answers where nobody else is named
    run_code : whether the files of labeling functions are run

    Attributes
    ----------
    session_id : tells the answers of this open project from those of others
    working : a lock that is held by whatever votes, trains or picks, so that sessions in several threads take turns
    imported : id of each imported record -> its place, those included that were removed
    rows : record id -> row number, as of the last look
    kept : bool (imported records,), False for those that were removed; None where none was changed
    old_names : finds heuristics that vote a former name of a label
    changes : updates and removals of records as of the last look
    encoder : the sentence encoder; None where the settings name none
    snapshot : what was known at the last look
    first_labels : the events that gave records their first labels
    at_hand : the last training, for those who do not wait for one that runs; None while there is none
    opinion : what the committee says as of the last training, kept on disk
    accuracy : the estimated accuracy of the committee's labels, as of a training in a session
    records_key : names the imports and updates of the last look, and the records of them that are left
    training_note : says through which event the committee was trained last, by any process
    labels_looked_up : the version of the journal in which the labels were known to be those of the last look
    """

    def __init__(self, path: Path, settings: Settings, journal: Journal, annotator: str, run_code: bool) -> None:
        self.path, self.settings, self.journal, self.run_code = path, settings, journal, run_code
        self.annotator, self.session_id = annotator, uuid.uuid4().hex[:12]
        self.working = threading.RLock()
        self.files = ProjectFiles(path, journal)
        history = label_history(journal, settings.labels)
        self.members = ProjectMembers(path, settings, history, journal, run_code)
        self.old_names = OldNames(self.members)
        self.extra = ExtraRecords(journal)
        self.encoder = ProjectEncoder(settings.encoder, journal, path) if settings.encoder else None
        self.folders: list[str] = []
        self.imported = self.rows = RecordRows()
        self.kept: NDArray[np.bool_] | None = None
        self.changes = RecordChanges()
        self.snapshot = Snapshot.empty(self.rows, history.first)
        self.records_key = ""
        self._labels = history
        self.labels_looked_up: object = None
        self._version: Version | None = None
        self._members_known = False
        self._saved = SavedSnapshot(path, journal)
        self.training_note = TrainingNote(journal)
        self.first_labels = FirstLabels(journal)
        self._cache: ProjectCache | None = None
        self._shared: tuple[Snapshot, NDArray[np.int64]] | None = None
        self.opinion = CommitteeOpinion(self)
        self.trained: State | None = None
        self.at_hand: AtHand | None = None
        self.accuracy = RunningAccuracy(self)
        self.forget()

    # ---- what is new

    def refresh(self, new: Sequence[str] = ()) -> Snapshot:
        """Look for what was written since the last look; ``new`` are the ids of an import that has just been made."""
        with self.working:
            version = self.journal.version()
            if self._version is None or version.rest != self._version.rest:
                self._take_records(new)
                self.training_note.look()
                self._members_known = False
            if version != self._version:
                self.snapshot = self.snapshot.extended(self.journal)
                self._take_labels(self.snapshot.history)
                while self.snapshot.records_event > self.changes.event:
                    self._take_changes()
                    self.snapshot = self.snapshot.extended(self.journal)
                    self._take_labels(self.snapshot.history)
                self._version = version
                if self.snapshot.event >= self._saved.due:
                    self._saved.write(self.snapshot, self.records_key)
            return self.snapshot

    @property
    def label_names(self) -> LabelNames:
        """The labels as of the last look."""
        return self._labels.now.names

    @property
    def label_history(self) -> LabelHistory:
        """How the labels have changed, as of the last look."""
        return self._labels

    def _take_labels(self, history: LabelHistory) -> None:
        """Give everything that holds labels those of today; votes on disk stay as they are."""
        if history.event != self._labels.event:
            cache, names_only = self._cache, history.now.same_but_for_names(self._labels.now)
            keeps = cache is not None and names_only and cache.knows_labels_by_code
            self._labels = history
            self.settings.labels = list(history.now.names)
            self.members.take_labels(history)
            if cache is not None and keeps:
                self.trained, self.at_hand = cache.rename_labels(self.trained), None
                self.opinion.forget()
            else:
                self.forget()
            if cache is not None and any(event.kind == GOLD for event in self.changes.events):
                selection = self.changes.selection(self.imported, history)
                cache.corpus.rename_gold(selection.gold if selection else {})
            self._rename_columns([*self.folders, *self.files.know_updates(self.changes.updates)])

    def _rename_columns(self, folders: Sequence[str]) -> None:
        """Let columns of labels that were imported show the names of today."""
        if self._cache is not None and self._labels.event:
            self._cache.corpus.renamed = {
                folder: self._labels.renamed_since(self.files.labels_of_import(folder)) for folder in folders
            }

    def _take_records(self, new: Sequence[str]) -> None:
        """Take over imports that are new, with the changes of records that are known."""
        folders = self.files.imports()
        if folders != self.folders:
            if not self.folders:
                self.changes = RecordChanges.of(self.journal)
            alone = bool(new) and folders[:-1] == self.folders  # else another process has added records, too
            corpus = self.files.corpus(folders)
            ids = [*self.imported, *new] if alone else corpus.id_column()
            self._put_records(folders, RecordRows(ids, str(self.path / "corpus")), corpus)

    def _take_changes(self) -> None:
        """Take over records that were updated or removed, or are back."""
        before, self.changes = self.changes, RecordChanges.of(self.journal)
        if self.folders and list(self.changes.events) != list(before.events):  # else the undo was of something else
            self._put_records(self.folders, self.imported, self.files.corpus(self.folders))

    def _put_records(self, folders: list[str], imported: RecordRows, corpus: StoredCorpus) -> None:
        """Take over imported records, with what the changes make of them."""
        all_folders = [*folders, *self.files.know_updates(self.changes.updates)]
        selection = self.changes.selection(imported, self._labels)
        rows = imported
        if selection is not None:
            corpus = self.files.corpus(all_folders, selection=selection)
            rows = RecordRows(imported.ids_at(selection.kept), imported.place)
        key = "/".join([*all_folders, *corpus.marks])
        gone: Collection[str] = selection.gone if selection else frozenset()
        saved = None if self.snapshot.event else self._saved.read(key, rows, self._labels.first, gone)
        if saved is None:
            rows.prepare()  # no id may be there twice; a saved snapshot is of records that were looked up
            saved = self.snapshot.over(rows, self.journal, gone)
        self.snapshot, self.records_key = saved, key
        self.folders, self.imported, self.rows, self.kept = folders, imported, rows, selection and selection.kept
        before = self._cache
        self._cache = ProjectCache(self.files, corpus, all_folders, rows, self.members, self.settings, self.encoder)
        if before is not None:
            self._cache.take_over(before)
        self._rename_columns(all_folders)
        self.forget()

    # ---- records

    @property
    def cache(self) -> ProjectCache:
        """What was computed from the records; a ProjectError where there is none yet."""
        if self._cache is None:
            raise ProjectError(
                f"{self.path} holds no record yet; next: project.add_records(...) or `weaklab import {self.path} FILE`"
            )
        return self._cache

    @property
    def has_records(self) -> bool:
        """Whether there was any record at the last look."""
        return self._cache is not None

    @property
    def corpus(self) -> StoredCorpus:
        """The records as of the last look, so that one call sees the same ones throughout."""
        return self.cache.corpus

    def at(self, records: Iterable[str]) -> NDArray[np.int64]:
        """Return the row numbers of records, leaving out those that are not in the corpus."""
        return np.array([self.rows[record] for record in records if record in self.rows], dtype=np.int64)

    def known(self, record: Any) -> str:
        """Return the id of a record of the project: of an ask, a record or an id.

        Raises
        ------
        ProjectError
            There is no such record.
        """
        name = name_of(record)
        if name not in self.rows:
            self.refresh()
        if name not in self.rows and name not in self.extra:
            self.extra.sync()  # another process may have streamed it
        if name in self.imported and name not in self.rows:
            raise ProjectError(
                f"record {name!r} was removed from the project; {way_back(self.path, self.changes, name)}"
            )
        if name not in self.rows and name not in self.extra:
            hint = did_you_mean(name, list(self.rows)[:10_000])
            raise ProjectError(f"no record {name!r} in the project;{hint} wanted an id, or a record of ask()")
        return name

    def shared(self, snapshot: Snapshot, cache: ProjectCache | None = None) -> NDArray[np.int64]:
        """Return int (n,): for each record without a label the row of a near-duplicate whose label it shares, or -1.

        ``cache`` is that of the records of the snapshot, by default the newest.
        """
        from weaklab.evaluation.analysis import shared_answers

        held = self._shared
        if held is None or held[0] is not snapshot:
            groups = (cache or self.cache).groups
            found = (
                np.full(len(snapshot.y), ABSTAIN, dtype=np.int64)
                if groups is None
                else shared_answers(groups, snapshot.y)
            )
            self._shared = held = snapshot, found
        return held[1]

    # ---- the committee

    @property
    def committee(self) -> Committee:
        """The members, in the order of their columns."""
        return self.members.committee

    def forget(self) -> None:
        """Compute votes and training anew when they are wanted."""
        self.trained = self.at_hand = None
        self.opinion.forget()
        self.trained_through = 0
        if self._cache is not None:
            self._cache.forget()

    def reload(self) -> list[str]:
        """Read the files of labeling functions again; return what failed. Columns of unchanged functions are kept."""
        self.forget()
        return self.members.reload()

    def state(self, progress: bool = False) -> State:
        """Return the state as of the last training, computing what is not there."""
        with self.working:
            through = self.look()
            if self.trained is None:
                self.train(through, progress)
            assert self.trained is not None
            self.at_hand = AtHand.of(self, self.trained)
            return self.trained

    def look(self) -> int:
        """Look for what is new, forget a training that is out of date, and return the event to train through."""
        snapshot = self.refresh()
        self._refresh_members()
        through = self.training_note.through
        if through is not None and through > self.trained_through:
            self.trained = None  # another process has trained on more labels
            self.opinion.forget()
        return snapshot.event if through is None else through

    def _refresh_members(self) -> None:
        """Take over what others have added, redefined or removed, and what was edited in files or in this session."""
        before = list(self.members.load_errors)
        if self.members.files_changed():
            for error in self.reload():
                if error not in before:
                    warn(f"{error}; its file was edited and is left out until it loads")
        if not self._members_known and self.members.sync():
            self.forget()
        self._members_known = True
        if self._labels.now.old_names:
            self.old_names.tell()
        fingerprints = self.committee.fingerprints()
        if self._cache is not None and not self._cache.is_current(fingerprints):
            self.trained = None
        self.members.note_fingerprints(fingerprints)

    def finish_encoding(self, progress: bool = False) -> None:
        """Wait until all texts have sentence vectors, if the project has an encoder."""
        with self.working:
            self.refresh()
            if self.encoder is not None and self._cache is not None and self.corpus.roles.text:
                self.encoder.finish(self.corpus, progress)

    def train(self, through: int, progress: bool = False, fresh: bool = False) -> None:
        """Train on the labels as of an event; with ``fresh`` every heuristic votes anew."""
        with self.working:
            snapshot = self.refresh()
            self._refresh_members()
            trainer = self.cache.trainer(progress, fresh)
            self.members.remember()
            then = snapshot.at(through, self.journal)
            self.trained = trainer.train(then.y, self.more(then), then.picked)
            self.trained_through = through
            self.training_note.write(through)

    def more(self, then: Snapshot) -> More | None:
        """Return the labeled records outside the corpus, which classifiers learn from as well."""
        labels = then.extra_labels
        if any(name not in self.extra for name in labels):
            self.extra.sync()  # another process has labeled records of a stream
        ids = [name for name in self.extra.ids if name in labels]
        if not ids:
            return None

        def matrix(classifier: WeakClassifier) -> Any:
            self.cache.matrix(classifier)
            return classifier.features.transform(self.extra.batch(ids, self.corpus))

        return More(matrix, np.array([self.label_names.code(labels[name]) for name in ids], dtype=np.int64))

    def retrain_when_due(self, through: int | None = None) -> bool:
        """Train if ``retrain_every`` labels have come since the last training; return whether it did.

        On the labels through an event, by default the newest.
        """
        every = self.settings.retrain_every
        if not every:
            return False
        snapshot = self.refresh()
        trained = self.training_note.through or 0
        if self.has_records and snapshot.labels_between(trained, through) >= every:
            self.train(snapshot.event if through is None else through)
            return True
        if self.trained is not None and self.trained_through != trained:
            self.trained = None
        return False


def name_of(record: Any) -> str:
    """Return the id of what stands for a record: an ask, a record or an id."""
    return (
        record.id if isinstance(record, Ask) else record.record_id if isinstance(record, Record) else record_id(record)
    )
