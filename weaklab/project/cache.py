"""What a project computes from its records and heuristics, and keeps while they stay the same."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.classifiers import WeakClassifier
from weaklab.classifiers.models import takes_any_number
from weaklab.core.errors import FaultWarning, warn
from weaklab.core.faults import merge_faults
from weaklab.corpus import Columns
from weaklab.features import Auto, Combined, Sentence, WithSentences, fit_cached
from weaklab.features.combine import has_own_object
from weaklab.features.numbers import numeric_columns
from weaklab.heuristics import Ballot
from weaklab.project.encoding import FOLDER
from weaklab.scheduling.asks import texts_of
from weaklab.training.applying import TrainedCommittee
from weaklab.training.trainer import Trainer
from weaklab.voting.committee import join
from weaklab.voting.fault_kinds import placed
from weaklab.voting.kept_columns import is_strange

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from weaklab.batch.frozen import Embedder, FrozenCommittee
    from weaklab.features import Features
    from weaklab.project.encoding import ProjectEncoder
    from weaklab.project.members import ProjectMembers
    from weaklab.project.project_files import ProjectFiles
    from weaklab.project.record_rows import RecordRows
    from weaklab.project.settings import Settings
    from weaklab.project.stored_corpus import StoredCorpus
    from weaklab.scheduling.scheduler import Pool
    from weaklab.scheduling.views import Views
    from weaklab.training.trainer import Opinion, State


class ProjectCache:
    """Votes, features, embeddings and near-duplicates of one corpus.

    Parameters
    ----------
    store : of the project, which keeps on disk what takes long
    corpus : the records
    folders : the imports and updates that they came in
    rows : of the records
    members : of the project
    settings : of the project
    encoder : the sentence encoder of the project, if it has one
    """

    def __init__(
        self,
        files: ProjectFiles,
        corpus: StoredCorpus,
        folders: Sequence[str],
        rows: RecordRows,
        members: ProjectMembers,
        settings: Settings,
        encoder: ProjectEncoder | None = None,
    ) -> None:
        self.corpus = corpus
        self._files, self._folders, self._rows = files, list(folders), rows
        self._members, self._settings = members, settings
        self._key = [*folders, *corpus.marks]
        """Tells these records from others, in the names of files."""
        self._features: dict[str, tuple[Features, Any]] = {}
        self._parts: dict[tuple[str, str], Any] = {}
        """Features of the records of one import or update that have no file: (their fingerprint, folder) -> matrix."""
        self._groups: NDArray[np.int64] | None = None
        self._default = WeakClassifier()
        self._encoder = encoder if corpus.roles.text else None
        self._sentence: tuple[Sentence, NDArray[np.float32]] | None = None
        self._fitting = threading.RLock()
        """Held while features are made: a training and a question that does not wait for it use the same object."""
        self.forget()

    def forget(self) -> None:
        """Look anew at the members of the committee; what depends on the records alone is kept."""
        self._trainer: Trainer | None = None
        self._fingerprints: dict[str, str] = {}
        self._views: Views | None = None

    def trainer(self, progress: bool, fresh: bool = False) -> Trainer:
        """Return what trains the committee, after letting those vote that do not learn and have not voted; all with
        ``fresh``.
        """
        committee = self._members.committee
        if self._trainer is None or fresh or not self.is_current(committee.fingerprints()):
            self.forget()
            self._trainer = self._make_trainer(progress, fresh)
            # as of now: functions may change what they capture while they vote
            self._fingerprints = committee.fingerprints()
        return self._trainer

    def is_current(self, fingerprints: Mapping[str, str]) -> bool:
        """Whether the members are those that voted last, and nothing that they use has changed since.

        Parameters
        ----------
        fingerprints : of the committee as it is now
        """
        if self._trainer is None:
            return True  # nothing was voted that could be out of date
        if self._encoder is not None and self._sentence is None and self._encoder.is_ready(self.corpus):
            return False
        return self._fingerprints == fingerprints and self._trainer.heuristics == self._members.committee.heuristics

    @property
    def knows_labels_by_code(self) -> bool:
        """Whether all votes are there, and would be the same if labels were only called by other names.

        A vote that was no label may be one then.
        """
        return (
            self._trainer is not None
            and self.is_current(self._members.committee.fingerprints())
            and not any(is_strange(ballot) for ballot in self._trainer.columns.values())
        )

    def rename_labels(self, state: State | None) -> State | None:
        """Call the labels as the committee calls them now; return a state with these names."""
        assert self._trainer is not None
        return self._trainer.rename_labels(self._members.committee.labels, state)

    def _make_trainer(self, progress: bool, fresh: bool) -> Trainer:
        committee, corpus = self._members.committee, self.corpus
        if self._sentence is None and self._encoder is not None and self._encoder.is_ready(corpus):
            self._sentence = self._encoder.features, self._encoder.matrix(corpus)
        parts = [self._files.corpus([folder], self._folders) for folder in self._folders]
        found = [
            committee.columns(part, self._files.column_caches(folder, part), progress, fresh)
            for folder, part in zip(self._folders, parts, strict=True)
        ]
        columns = {
            h.name: self._placed(join([part[h.name] for part, _ in found]))
            for h in committee.heuristics
            if not isinstance(h, WeakClassifier)
        }
        computed = {name for _, names in found for name in names}
        for fault in merge_faults(fault for ballot in columns.values() for fault in ballot.faults):
            if fault.heuristic in computed:
                warn(str(fault), FaultWarning)
        return Trainer(
            committee.heuristics,
            committee.labels,
            len(corpus),
            columns,
            self.matrix,
            lambda rows: [self._rows.ids[row] for row in rows.tolist()],
            label_model=self._settings.label_model,
            pseudo_labels=self._settings.pseudo_labels or None,
            groups=self.groups,
            embeddings=self.views.learnable if self._settings.use_features else None,
            sentence=lambda: self.views.embedding.sentence,
            sentence_vectors=self._sentence is not None,
        )

    def _placed(self, ballot: Ballot) -> Ballot:
        """Return the votes on the records as they are, from those on all imports and updates."""
        places = self.corpus.places
        return ballot if places is None else placed(ballot, places, lambda rows: [self._rows.ids[row] for row in rows])

    def trained(self, state: State) -> TrainedCommittee:
        """Return the committee as of a training, to apply it to records that are not in the corpus."""
        return TrainedCommittee.of_state(self._members.committee.heuristics, state, self.embed)

    def embed(self, batch: pa.RecordBatch) -> NDArray[np.float32] | None:
        """Return embeddings of records that are not in the corpus, None where there are no features."""
        found = self._embedder()
        return None if found is None else found.embedding(found.features.transform(batch))

    def _embedder(self) -> Embedder | None:
        if self.views.learnable is None:
            return None
        from weaklab.batch.frozen import Embedder

        features, _ = self._with_sentences(self._basis)  # fits its features
        return Embedder(features, self.views.embedding)

    def freeze(self, state: State, manual: Mapping[str, str]) -> FrozenCommittee:
        """Return the committee as of a training, with the labels that people gave: record id -> label name."""
        from weaklab.batch.frozen import FrozenCommittee

        embedder = self._embedder() if state.feature_proba is not None else None
        return FrozenCommittee.of_state(self._members.committee, state, manual, self.corpus.roles, embedder)

    @property
    def _basis(self) -> WeakClassifier:
        """The classifier whose features strategies and the label model look at: the first with features of weaklab
        alone, else the first, or what one would be by default.

        Features of a user's own object have any scale, and one that says little must not take the place of words.
        """
        usable = [classifier for classifier in self._members.committee.classifiers if not classifier.reads_texts]
        usable.sort(key=lambda classifier: has_own_object(classifier.features))
        return usable[0] if usable else self._default

    def matrix(self, classifier: WeakClassifier) -> Any:
        """Return the features of all records for a classifier, fitted to the corpus the first time.

        With an encoder, sentence vectors stand beside the default features, for classifiers that can use them.
        """
        found = self._words if _only_words(classifier) else self._with_sentences
        classifier.features, X = found(classifier)
        return X

    def _words(self, classifier: WeakClassifier) -> tuple[Features, Any]:
        """Return the features that the classifier was made with, fitted, and their matrix."""
        features = classifier.features
        if isinstance(features, WithSentences):
            features = features.words
        key = features.fingerprint
        with self._fitting:
            if key not in self._features:
                for part in features.parts if isinstance(features, Combined) else [features]:
                    if isinstance(part, Sentence):
                        self._share_vectors(part)
                self._features[key] = (
                    (features, self._stacked(features))
                    if features.per_record
                    else self._fitted(features, self.corpus, "/".join(self._key))
                )
            return self._features[key]

    def _share_vectors(self, features: Sentence) -> None:
        """Give sentence features that a classifier names the vectors that are kept; without a model they take the
        encoder of the project.
        """
        if self._encoder is not None and (not features.model or features.settings() == self._encoder.settings):
            features.take_from(self._encoder.features)
        else:
            features.keep_in(self._files.path / "cache" / FOLDER, write=not self._files.read_only)

    def _with_sentences(self, classifier: WeakClassifier) -> tuple[Features, Any]:
        """Return the features of a classifier with sentence vectors beside them, if these are there and not in them."""
        features, X = self._words(classifier)
        if self._sentence is None or features.vector_columns():
            return features, X
        key = f"{features.fingerprint} with sentences"
        if key not in self._features:
            sentence, V = self._sentence
            self._features[key] = WithSentences(features, sentence), Combined.beside([X, V])
        return self._features[key]

    def _fitted(self, features: Features, corpus: StoredCorpus, key: str) -> tuple[Features, Any]:
        return fit_cached(features, corpus, key, self._files.path / "cache", write=not self._files.read_only)

    def _stacked(self, features: Features) -> Any:
        """Return the features of all records from those of each import and update, which are computed once."""
        from scipy import sparse

        parts = [self._of_folder(features, folder) for folder in self._folders]
        if len(parts) > 1:
            sparse_ones = any(sparse.issparse(part) for part in parts)
            parts = [sparse.vstack(parts, format="csr") if sparse_ones else np.vstack(parts)]
        return parts[0] if self.corpus.places is None else parts[0][self.corpus.places]

    def _of_folder(self, features: Features, folder: str) -> Any:
        records = self._files.corpus([folder], self._folders)
        key = "/".join([folder, *filter(None, [records.view(features.reads())])])
        held = self._parts.get((features.fingerprint, key))
        if held is None:
            _, held = self._fitted(features, records, key)
            if features.state() is None:  # there is no file of it
                self._parts[features.fingerprint, key] = held
        return held

    def take_over(self, before: ProjectCache) -> None:
        """Take over what an earlier cache has in memory alone of the same imports and updates."""
        folders = set(self._folders)
        self._parts = {name: part for name, part in before._parts.items() if name[1].split("/")[0] in folders}

    @property
    def views(self) -> Views:
        """What strategies see of the records."""
        if self._views is None:
            from weaklab.scheduling.scheduler import text_vectors
            from weaklab.scheduling.views import Views, keys_of

            learner, text = self._basis, bool(self.corpus.roles.text)
            there = not isinstance(learner.features, Auto) or text or numeric_columns(next(self.corpus.batches()))
            self._views = Views(
                keys_of(self._rows.ids),
                (lambda: self._with_sentences(learner)[1]) if there else None,
                (lambda rows: text_vectors(texts_of(self.corpus, rows))) if text else None,
                lambda name, make: self._files.array(
                    f"embedding-{name}-{learner.features.fingerprint[:16]}", self._key, make
                ),
                lambda: self._with_sentences(learner)[0].vector_columns(),
            )
        return self._views

    def pool(self, state: Opinion, y: NDArray[np.int64]) -> Pool:
        """Return the records as a scheduler picks from them; ``y`` int (n,), manual labels, -1 is unlabeled."""
        return self.views.pool(state, y, self.groups)

    @property
    def groups(self) -> NDArray[np.int64] | None:
        """The group of each record, int (n,), near-duplicates in one; None where there is no text or nothing is
        shared.
        """
        if not self._settings.share_answers or not self.corpus.roles.text:
            return None
        if self._groups is None:
            self._groups = self._files.array(
                f"duplicates-{self._settings.share_answers}", self._key, self._near_duplicates
            )
            self._groups.setflags(write=False)  # what is found out about them is kept
        return self._groups

    def _near_duplicates(self) -> NDArray[np.int64]:
        """Put records into one group whose texts are alike and whose other columns are equal."""
        from weaklab.features.near_duplicates import near_duplicates
        from weaklab.scheduling.views import keys_of

        texts: list[str] = []
        others: list[str] = []
        for batch in self.corpus.batches():
            columns = Columns(batch)
            texts += columns.text
            besides = [columns[name] for name in columns.names if name not in (*columns.roles.text, columns.roles.id)]
            others += [repr(row) for row in zip(*besides, strict=True)] if besides else [""] * len(columns)
        keys = keys_of(self._rows.ids)
        groups = near_duplicates(texts, keys, similarity=self._settings.share_answers)
        first: dict[tuple[int, str], int] = {}
        for row in np.argsort(keys, kind="stable").tolist():
            groups[row] = first.setdefault((int(groups[row]), others[row]), row)
        return groups


def _only_words(classifier: WeakClassifier) -> bool:
    """Whether a classifier gets no sentence vectors beside its words: it names its features, or may not take any.

    Naive Bayes takes counts, and what an estimator of the user takes is not known; both get what they name.
    """
    features = classifier.features
    words = features.words if isinstance(features, WithSentences) else features
    named = isinstance(classifier.estimator, str)
    return not (isinstance(words, Auto) and named and takes_any_number(classifier.estimator))
