"""The loop: records, committee, label model, scheduler and manual labels in one folder."""

from __future__ import annotations

import getpass
import os
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from weaklab.asks import Ask, Asks, make_asks, texts_of
from weaklab.base import (
    ABSTAIN,
    Fault,
    FaultWarning,
    HeuristicError,
    LabelNames,
    ProjectError,
    UnknownLabelError,
    WeaklabError,
    did_you_mean,
    merge_faults,
    warn,
)
from weaklab.classifiers import WeakClassifier
from weaklab.committee import Committee, Votes, assemble, join, soft_scores, try_on
from weaklab.corpus import Corpus, read
from weaklab.corpus.records import Record
from weaklab.exports import WRITERS, checked_columns, labels_table
from weaklab.heuristics import (
    Ballot,
    Heuristic,
    as_heuristic,
    labeling_function,
    load,
)
from weaklab.history import History
from weaklab.intake import IMPORTED, Intake
from weaklab.members import Frozen, classifier_from_setting, heuristic_from_spec
from weaklab.settings import FILE, Settings, make_settings, read_settings, write_settings
from weaklab.store import LABEL, REQUEUE, SKIP, UNDO, Event, Store, StoredCorpus, replacing
from weaklab.summary import Summary
from weaklab.tables import Table, clean

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    from numpy.typing import NDArray

    from weaklab.label_models import LabelModel
    from weaklab.scheduler import Pool, Scheduler

TRIAL_ROWS = 1000
"""A heuristic is tried on so many records of a project, spread evenly."""
LEASE_SECONDS = 900.0
"""A record that one session was shown is not shown to another for so long."""


@dataclass(frozen=True)
class State:
    """What the committee thinks, as of one training.

    Attributes
    ----------
    votes : what every member votes
    P : float (n, k), the label model's probabilities
    model : the fitted label model
    trained_through : id of the last event that was known
    """

    votes: Votes
    P: NDArray[np.float64]
    model: LabelModel
    trained_through: int


class Project:
    """A folder with records, heuristics and manual labels, and the loop that improves one with the other.

    Opening a folder continues where it stopped. Several processes may open the same one.

    Parameters
    ----------
    path : the folder; made if it is not there and ``labels`` are given
    labels : label names; needed for a new project
    settings : see :class:`weaklab.settings.Settings`; written to ``weaklab.toml`` in a new project, and in an existing
        one taken for this session in the place of what stands there
    annotator : who answers, by default the name of the user on this machine

    Raises
    ------
    ProjectError
        There is no project and no labels are given, or the labels differ from those of the project.

    Examples
    --------
    >>> import tempfile, weaklab
    >>> project = Project(tempfile.mkdtemp(), labels=["ham", "spam"], timeout=None)
    >>> project.add_records(["win a prize", "lunch at noon", "prize draw today"])
    3
    >>> _ = project.add(weaklab.keywords("spam", ["prize"]))
    >>> project.labels()["label"].tolist()
    ['spam', None, 'spam']
    >>> ask = project.ask(1)[0]
    >>> _ = project.label(ask, "ham")
    """

    def __init__(self, path: str | Path, labels: Sequence[str] | None = None, *, annotator: str | None = None, **settings: Any) -> None:
        self.path = Path(path)
        self.settings = self._open_settings(labels, settings)
        self.label_names = LabelNames(self.settings.labels)
        self.annotator = annotator or _user()
        self.session = uuid.uuid4().hex[:12]
        self._store = Store(self.path)
        self._check_labels()
        self.committee = Committee(self.label_names, timeout=self.settings.timeout or None)
        self.load_errors: list[str] = []
        self._history = History(self._store)
        self._corpus: StoredCorpus | None = None
        self._folders: list[str] = []
        self._rows: dict[str, int] = {}
        self._features: dict[str, Any] = {}
        self._state: State | None = None
        self._load_members()

    # ---- opening

    def _open_settings(self, labels: Sequence[str] | None, given: Mapping[str, Any]) -> Settings:
        file = self.path / FILE
        if file.exists():
            held = read_settings(self.path)
            if labels is not None and list(LabelNames(labels)) != [str(name) for name in held.get("labels", [])]:
                raise ProjectError(
                    f"{self.path} has the labels {held.get('labels')}, got {list(labels)}; open it without labels, or choose another folder"
                )
            settings = make_settings({**held, **given}, str(file))
            _check_names(settings, str(file))
            return settings
        if labels is None:
            raise ProjectError(
                f"{self.path}: no weaklab project here; make one with Project({str(self.path)!r}, labels=[...]) or `weaklab init`"
            )
        settings = make_settings({"labels": list(labels), **given}, "new project")
        _check_names(settings, "new project")
        if self.path.exists() and not self.path.is_dir():
            raise ProjectError(f"{self.path} is a file; wanted a folder for the project")
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
            raise ProjectError(f"{self.path / FILE}: labels were {before} and are {now} now; new ones go to the end, none may change place")
        if before != now:
            self._store.set_meta("labels", now)

    def _load_members(self) -> None:
        """Bring in the heuristics of the files, then those of earlier sessions."""
        self._from_files: dict[str, str] = {}
        for place in self.settings.labeling_functions:
            path = (self.path / place).resolve()
            if not path.exists() and place == "labeling_functions":
                continue
            self._take_file(path)
        for entry in self.settings.weak_classifiers:
            self._take_classifier(entry)
        for name, spec, fingerprint, location in self._store.members():
            if name not in self.committee:
                self._take_member(name, spec, fingerprint, location)

    def _take_file(self, path: Path) -> None:
        try:
            loaded = load(path)
        except HeuristicError as error:
            self.load_errors.append(str(error))
            return
        self.load_errors += loaded.errors
        for heuristic in loaded.heuristics:
            try:
                self.committee.add(heuristic)
                self._from_files[heuristic.name] = heuristic.location
            except WeaklabError as error:
                self.load_errors.append(f"{heuristic.location}: {error}" if heuristic.location not in str(error) else str(error))

    def _take_classifier(self, entry: Any) -> None:
        classifier = classifier_from_setting(entry)
        classifier.location = FILE
        self.committee.add(classifier)
        self._from_files[classifier.name] = classifier.location

    def _take_member(self, name: str, spec: dict[str, Any] | None, fingerprint: str, location: str) -> None:
        member = Frozen(name, fingerprint, location) if spec is None else heuristic_from_spec(spec)
        member.location = location
        self.committee.add(member)

    def reload(self) -> list[str]:
        """Read the files of labeling functions again; return what failed. Columns of unchanged functions are kept."""
        session = {h.name: h for h in self.committee.heuristics if h.name not in self._from_files}
        self.committee = Committee(self.label_names, timeout=self.settings.timeout or None)
        self.load_errors = []
        self._state = None
        self._load_members()
        for name, heuristic in session.items():
            if isinstance(self.committee._members.get(name), (Frozen, type(heuristic))):
                self.committee._members[name] = heuristic
        return self.load_errors

    # ---- records

    def add_records(
        self,
        data: Any,
        *,
        text: str | Sequence[str] | None = None,
        id: str | None = None,
        label: str | None = None,
        gold: str | None = None,
        encoding: str = "utf-8",
        skip_known: bool = False,
    ) -> int:
        """Copy records into the project; return how many are new.

        Takes what :func:`weaklab.read` takes. Labels in the column ``label`` become manual labels; ``gold`` is kept for
        measuring. Records stay in the order of the imports.

        Parameters
        ----------
        skip_known : leave out records whose id is in the project already; by default they are an error

        Raises
        ------
        CorpusError, ProjectError, UnknownLabelError
            Then nothing has been added.
        """
        corpus = read(data, text=text, id=id, label=label, gold=gold, encoding=encoding)
        self._refresh_corpus()
        schema = None if self._corpus is None else self._corpus.schema
        count = Intake(self._store, corpus, self._folders, schema, frozenset(self._rows), self.label_names, skip_known).run(self.session)
        self._refresh_corpus()
        return count

    def _refresh_corpus(self) -> None:
        folders = self._store.imports()
        if folders != self._folders:
            self._folders = folders
            self._corpus = self._store.corpus(folders)
            self._rows = {str(name): row for row, name in enumerate(self._corpus.ids.to_pylist())}
            self._features.clear()
            self._state = None

    @property
    def corpus(self) -> Corpus:
        """The records, in the order of the imports.

        Raises
        ------
        ProjectError
            There is none yet.
        """
        self._refresh_corpus()
        if self._corpus is None:
            raise ProjectError(f"{self.path} holds no record yet; next: project.add_records(...) or `weaklab import {self.path} FILE`")
        return self._corpus

    def __len__(self) -> int:
        self._refresh_corpus()
        return len(self._rows)

    # ---- heuristics

    def add(self, heuristic: Any) -> Heuristic:
        """Register a heuristic, a Snorkel labeling function or a plain function; the same name replaces the old one.

        Keywords, patterns and named weak classifiers are remembered when the project is opened again. Of a function that
        was written in a notebook the votes are remembered; put it into a file of ``labeling_functions`` to keep the code.
        """
        member = as_heuristic(heuristic)
        if member.name in self._from_files:
            raise HeuristicError(f"{member.name!r} is the name of a heuristic in {self._from_files[member.name]}; choose another name")
        self.committee.add(member)
        self._store.put_member(member.name, member.spec(), member.fingerprint, member.location)
        self._state = None
        return member

    def labeling_function(self, function: Callable[[Any], Any] | None = None, /, **options: Any) -> Any:
        """Make a labeling function and register it; takes what :func:`weaklab.labeling_function` takes."""

        def register(f: Callable[[Any], Any]) -> Heuristic:
            return self.add(labeling_function(**options)(f))

        return register if function is None else register(function)

    def weak_classifier(self, estimator: Any = "naive_bayes", features: Any = "auto", **settings: Any) -> WeakClassifier:
        """Make a weak classifier and register it; takes what :class:`weaklab.WeakClassifier` takes."""
        classifier = WeakClassifier(estimator, features, **settings)
        self.add(classifier)
        return classifier

    def remove(self, name: str) -> None:
        """Take out a heuristic that was registered in a session; one that stands in a file is taken out of the file."""
        if name in self._from_files:
            raise HeuristicError(f"{name!r} stands in {self._from_files[name]}; take it out there and call reload()")
        self.committee.remove(name)
        self._store.drop_member(name)
        self._state = None

    def try_on(self, heuristic: Any = None, sample: Any = 10) -> Table:
        """Show at once what one heuristic, registered or not, votes on a few records.

        Parameters
        ----------
        heuristic : name, function or heuristic; by default all that are registered
        sample : how many records of the project to show, half of them with votes where there are such; or records of your own
        """
        chosen = (
            self.committee.heuristics
            if heuristic is None
            else [self.committee[heuristic] if isinstance(heuristic, str) else as_heuristic(heuristic)]
        )
        if not isinstance(sample, int):
            return try_on(chosen, sample, self.label_names)
        import numpy as np

        rows = np.unique(np.linspace(0, len(self.corpus) - 1, min(TRIAL_ROWS, len(self))).astype(np.int64))
        return try_on(chosen, _corpus_of(self.corpus.take(rows)), self.label_names, show=sample)

    # ---- votes and training

    def run(self, *, progress: bool = True, fresh: bool = False) -> Summary:
        """Vote with what is new or edited, train on all labels, and return the summary.

        With ``fresh`` every heuristic votes anew, as after a change that cannot be seen in its code.
        """
        self._train(self._last_event(), progress, fresh)
        return self.summary()

    retrain = run

    def _last_event(self) -> int:
        self._history.sync()
        return self._history.last

    def manual_labels(self, through: int | None = None) -> dict[str, str]:
        """Return record -> label, the last one that stands; as of event ``through``, by default now."""
        self._history.sync()
        return {record: label for record, label in self._history.labels(through).items() if record in self._rows}

    def _codes(self, through: int | None = None) -> NDArray[np.int64]:
        """Return the manual labels as codes int (n,), -1 is unlabeled."""
        import numpy as np

        y = np.full(len(self._rows), ABSTAIN, dtype=np.int64)
        for record, label in self.manual_labels(through).items():
            y[self._rows[record]] = self.label_names.code(label)
        return y

    def _ensure(self, progress: bool = False) -> State:
        """Return the state as of the last training, computing what is not there."""
        self._refresh_corpus()
        self._history.sync()
        if self._state is None:
            through = self._store.get_meta("trained_through")
            self._train(self._history.last if through is None else through, progress)
        assert self._state is not None
        return self._state

    def _train(self, through: int, progress: bool, fresh: bool = False) -> None:
        from weaklab.label_models import label_model

        corpus = self.corpus
        y = self._codes(through)
        ballots, faults = self._ballots(corpus, y, progress, fresh)
        votes = assemble(self.committee.heuristics, ballots, self.label_names, len(corpus))
        votes.faults = faults
        model = (
            label_model(self.settings.label_model)
            .set_params(n_classes=len(self.label_names))
            .fit(votes.L, y, votes.scores, votes.confidence)
        )
        self._state = State(votes, model.predict_proba(votes.L, votes.scores, votes.confidence), model, through)
        if through != self._store.get_meta("trained_through"):
            self._store.set_meta("trained_through", through)

    def _ballots(self, corpus: Corpus, y: NDArray[np.int64], progress: bool, fresh: bool) -> tuple[list[Ballot], list[Fault]]:
        found = [
            self.committee.columns(self._store.corpus([folder]), self._store.column_cache(folder), progress, fresh)
            for folder in self._folders
        ]
        ballots = []
        for heuristic in self.committee.heuristics:
            if isinstance(heuristic, WeakClassifier):
                ballots.append(self._classify(heuristic, corpus, y))
            else:
                ballots.append(join([columns[heuristic.name] for columns, _ in found]))
        computed = {name for _, names in found for name in names}
        faults = merge_faults(fault for ballot in ballots for fault in ballot.faults)
        for fault in faults:
            if fault.heuristic in computed:
                warn(str(fault), FaultWarning)
        return ballots, faults

    def _classify(self, classifier: WeakClassifier, corpus: Corpus, y: NDArray[np.int64]) -> Ballot:
        """Train a classifier on the manual labels and let it vote, out-of-fold where it trained."""
        import numpy as np

        rows = np.flatnonzero(y != ABSTAIN)
        ids = corpus.ids
        if len(rows) < classifier.min_labels:
            classifier.train(np.empty((len(rows), 1)), y[rows], [str(ids[int(row)]) for row in rows], self.label_names)
            return Ballot.blank(len(y))
        key = classifier.features.fingerprint
        if key not in self._features:
            fitted = classifier.features.fit(corpus)
            self._features[key] = fitted, fitted.transform_corpus(corpus)
        classifier.features, X = self._features[key]
        names = [str(ids[int(row)]) for row in rows]
        classifier.train(X[rows], y[rows], names, self.label_names)
        if not classifier.is_ready:
            return Ballot.blank(len(y))
        scores = classifier.score(X)
        scores[rows] = [classifier.out_of_fold_[name] for name in names]
        return classifier.ballot(scores)

    # ---- asking

    @property
    def scheduler(self) -> Scheduler:
        """What picks the records to ask about, as the settings say."""
        from weaklab.scheduler import Scheduler

        return Scheduler(self.settings.strategy, random_share=self.settings.random_share, seed=self.settings.seed)

    def ask(self, n: int = 10, *, again: bool = False, strategy: Any = None, lease: bool = True) -> Asks:
        """Return the n records that a person should label next.

        Labeled and skipped records are left out, and so are those that another session was shown a short while ago.

        Parameters
        ----------
        again : whether records that have a label may come, too
        strategy : name, function or mapping of name to weight, by default that of the settings
        lease : keep other sessions from being shown the same records for a while
        """
        import numpy as np

        from weaklab.scheduler import Scheduler

        state = self._ensure()
        scheduler = self.scheduler
        if strategy is not None:
            scheduler = Scheduler(strategy, random_share=self.settings.random_share, seed=self.settings.seed)
        closed = (LABEL, SKIP) if not again else (SKIP,)
        while True:
            eligible = np.ones(len(self._rows), dtype=bool)
            unwanted = {*self._history.closed(closed), *self._store.asked_by_others(self.session, LEASE_SECONDS)}
            eligible[[self._rows[record] for record in unwanted if record in self._rows]] = False
            picks = scheduler.pick(self._pool(state), n, eligible, turn=self._history.last)
            asks = make_asks(picks, self.corpus, state.votes, state.P)
            if not lease or not asks:
                return asks
            rows = [(a.id, self.session, a.strategy, a.score, a.probability) for a in asks]
            free = self._store.add_asks(rows, LEASE_SECONDS, self._history.last)
            if free:
                return Asks(a for a in asks if a.id in free)
            self._history.sync()

    def _pool(self, state: State) -> Pool:
        import numpy as np
        import pandas as pd

        from weaklab.scheduler import Pool, text_vectors

        keys = np.asarray(pd.util.hash_array(np.array(list(self._rows), dtype=object), categorize=False), dtype=np.uint64)

        def vectors(rows: NDArray[np.int64]) -> Any:
            return text_vectors(texts_of(self.corpus, rows))

        return Pool(state.P, state.votes.L, keys, soft_scores(state.votes), vectors if self.corpus.roles.text else None)

    # ---- answers

    def label(
        self, record: Any, label: Any, *, seconds: float | None = None, shown: bool | None = None, annotator: str | None = None
    ) -> Event:
        """Store a manual label; when this returns it is on disk. A second label for a record replaces the first.

        After every ``retrain_every`` labels the committee is retrained.

        Parameters
        ----------
        record : an :class:`Ask`, a record, or an id
        label : label name or code
        seconds : how long the person took
        shown : whether the person saw the suggestion; by default True for an :class:`Ask`
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
                    f"a manual label must be one of {list(self.label_names)}, got {label!r}; to leave a record out, use skip()"
                )
            events.append(self._event(LABEL, record, annotator, str(self.label_names.name(code)), seconds, shown))
        stored = self._store.append(events)
        self._history.sync()
        self._retrain_when_due()
        return stored

    def skip(self, record: Any, *, seconds: float | None = None, annotator: str | None = None) -> Event:
        """Do not ask about this record again (until it is put back)."""
        return self._append(self._event(SKIP, record, annotator, None, seconds))

    def requeue(self, record: Any, *, annotator: str | None = None) -> Event:
        """Put a record back in the line: it may be asked again, even if it was skipped or has a label."""
        return self._append(self._event(REQUEUE, record, annotator))

    def undo(self) -> Event | None:
        """Take back the last answer of this session and return the answer that was taken back, None if there is none."""
        self._history.sync()
        last = self._history.last_answer(self.session, besides=IMPORTED)
        if last is None:
            return None
        self._append(Event(UNDO, last.record, undoes=last.id, annotator=last.annotator, session=self.session))
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
        name = ask.id if ask else record.record_id if isinstance(record, Record) else str(record)
        self._refresh_corpus()
        if name not in self._rows:
            hint = did_you_mean(name, list(self._rows)[:10_000])
            raise ProjectError(f"no record {name!r} in the project;{hint} wanted an id, or a record of ask()")
        return Event(
            kind,
            name,
            label,
            annotator=annotator or self.annotator,
            session=self.session,
            seconds=seconds,
            suggestion=ask.suggestion if ask else None,
            suggestion_confidence=ask.confidence if ask else None,
            suggestion_shown=(shown if shown is not None else ask is not None) if kind == LABEL else None,
            picked_by=ask.strategy if ask else None,
            pick_probability=ask.probability if ask else None,
        )

    def _retrain_when_due(self) -> None:
        every = self.settings.retrain_every
        if not every or not len(self):
            return
        through = self._store.get_meta("trained_through", 0)
        if self._history.labels_since(through) >= every:
            self._train(self._history.last, progress=False)
        elif self._state is not None and self._state.trained_through != through:
            self._state = None

    def release(self) -> None:
        """Let other sessions have the records that this one was shown and did not answer."""
        self._store.release(self.session)

    def history(self) -> pd.DataFrame:
        """Return every event, oldest first; nothing is ever removed from it."""
        import pandas as pd

        names = ["id", *(name for name in Event.__dataclass_fields__ if name != "id")]
        frame = pd.DataFrame([vars(event) for event in self._store.events()], columns=names)
        return frame.astype({"undoes": "Int64"})

    # ---- results

    def labels(self, *, include: Sequence[str] = ()) -> pd.DataFrame:
        """Return one row a record: id, label, one probability a class, confidence, whether the label is manual.

        ``label`` is None where nothing tells the best two classes apart. A manual label has probability 1.

        Parameters
        ----------
        include : columns of the records to show beside the labels, such as the text
        """
        import numpy as np
        import pandas as pd

        from weaklab.label_models import confidence, is_tied

        P = self.probabilities()
        y = self._codes()
        names = np.array([*self.label_names, None], dtype=object)
        frame = pd.DataFrame({self.corpus.roles.id: self.corpus.ids.to_pylist()})
        frame["label"] = pd.Series(names[np.where(is_tied(P), ABSTAIN, P.argmax(axis=1))], dtype=object)
        for code, name in enumerate(self.label_names):
            frame[f"p_{name}"] = P[:, code]
        frame["confidence"] = confidence(P)
        frame["manual"] = y != ABSTAIN
        for place, name in enumerate(checked_columns(include, frame.columns), 1):
            frame.insert(place, name, self.corpus.column(name).to_pandas())
        return frame

    def probabilities(self) -> NDArray[np.float64]:
        """Return probabilities float (n, k) in the order of the records and labels; manual labels count as certain."""
        import numpy as np

        P = self._ensure().P.copy()
        y = self._codes()
        rows = np.flatnonzero(y != ABSTAIN)
        P[rows] = np.eye(len(self.label_names))[y[rows]]
        return P

    def export(self, path: str | Path, *, min_confidence: float = 0.0, include: Sequence[str] = ()) -> int:
        """Write :meth:`labels` to a Parquet, CSV or JSONL file, by its suffix; return the number of rows.

        The file is there whole or not at all.

        Parameters
        ----------
        min_confidence : leave the label empty below this confidence, 0 to 1
        include : columns of the records to write beside the labels, such as the text
        """
        path = Path(path)
        if path.suffix.lower() not in WRITERS:
            raise ProjectError(
                f"cannot export to {path.name!r};{did_you_mean(path.suffix, WRITERS)} wanted a name that ends in {', '.join(WRITERS)}"
            )
        if path.is_dir():
            raise ProjectError(f"{path} is a folder; wanted a file name")
        if not 0 <= min_confidence <= 1:
            raise ProjectError(f"min_confidence must be from 0 to 1, got {min_confidence!r}")
        frame = self.labels()
        frame.loc[frame["confidence"] < min_confidence, "label"] = None
        table = labels_table(frame, self.corpus, include)
        with replacing(path) as temporary:
            WRITERS[path.suffix.lower()](table, temporary)
        return int(table.num_rows)

    def summary(self) -> Summary:
        """Return what every heuristic does: coverage, overlaps, conflicts, polarity, accuracy on manual labels, faults."""
        from weaklab import analysis

        state = self._ensure()
        frame = analysis.summary(state.votes.L, self._codes(), state.votes.names, self.label_names)
        return Summary(self, state, frame)

    def status(self) -> dict[str, Any]:
        """Return the project in numbers.

        ``records``, ``heuristics``, ``manual_labels`` (records that have one), ``labels_since_training``, ``coverage``
        (share with at least one vote), ``conflicts`` (records whose votes disagree), ``mean_confidence``,
        ``expected_shares`` (label -> share), ``faults``, and ``accuracy`` on all records where the corpus has gold labels.
        """
        from weaklab import analysis
        from weaklab.label_models import confidence

        state = self._ensure()
        P = self.probabilities()
        found: dict[str, Any] = {
            "records": len(self._rows),
            "heuristics": len(self.committee),
            "manual_labels": len(self.manual_labels()),
            "labels_since_training": self._history.labels_since(state.trained_through),
            "coverage": float(analysis.covered(state.votes.L).mean()) if len(self.committee) else 0.0,
            "conflicts": int(analysis.conflicts(state.votes.L).sum()) if len(self.committee) else 0,
            "mean_confidence": float(confidence(P).mean()),
            "expected_shares": analysis.label_shares(P, self.label_names),
            "faults": sum(fault.count for fault in state.votes.faults),
        }
        if self.corpus.roles.gold is not None:
            gold = [self.label_names.parse(name) for name in self.corpus.gold()]
            found["accuracy"] = analysis.expected_accuracy(P, gold)
        return found

    def votes(self) -> Votes:
        """Return what every member votes on every record: the label matrix, scores, confidences and faults."""
        return self._ensure().votes

    @property
    def faults(self) -> list[Fault]:
        """What went wrong in the heuristics, one entry for each kind of exception."""
        return self._ensure().votes.faults

    def close(self) -> None:
        """Let go of the records that were shown and close the files."""
        try:
            self.release()
        finally:
            self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Project({str(self.path)!r}, labels={list(self.label_names)}, {len(self):,} records, {len(self.committee)} heuristics)"

    def _repr_html_(self) -> str:
        return self.summary()._repr_html_() if len(self) else Table(repr(self), [], [])._repr_html_()


def _check_names(settings: Settings, where: str) -> None:
    """Raise a ProjectError if a setting names a part that is not there."""
    from weaklab.label_models import LABEL_MODELS
    from weaklab.scheduler import Scheduler

    try:
        LABEL_MODELS[settings.label_model]
        Scheduler(settings.strategy, random_share=settings.random_share)
        for entry in settings.weak_classifiers:
            classifier_from_setting(entry)
    except (WeaklabError, TypeError, AttributeError) as error:
        raise ProjectError(f"{where}: {error}") from None


def _corpus_of(table: pa.Table) -> Corpus:
    from weaklab.corpus import Roles

    roles = Roles.of(table.schema)
    return read(table, text=list(roles.text) or None, id=roles.id, label=roles.label, gold=roles.gold)


def _user() -> str:
    try:
        return clean(getpass.getuser())
    except (KeyError, OSError, ImportError):  # an account without a name
        return os.environ.get("USER", "unknown")
