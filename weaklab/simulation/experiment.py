"""An experiment: a data set with known labels and a committee, as arrays, on which the labeling loop is run."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from weaklab.classifiers import WeakClassifier
from weaklab.core.errors import FaultWarning, WeaklabError, warn
from weaklab.core.faults import merge_faults
from weaklab.core.label_reader import LabelReader, names_in
from weaklab.core.labels import ABSTAIN, LabelNames
from weaklab.core.tables import counted
from weaklab.core.votes import Votes
from weaklab.corpus import Columns, Corpus, Roles
from weaklab.exchange import read
from weaklab.exchange.file_options import FileKeywords, FileOptions
from weaklab.features import features as features_of
from weaklab.heuristics import Ballot, Heuristic, fingerprint
from weaklab.scheduling.scheduler import Scheduler, text_vectors
from weaklab.scheduling.views import Views, keys_of
from weaklab.simulation.loop import GivenFeatures, Loop
from weaklab.training.applying import TrainedCommittee
from weaklab.training.trainer import Trainer
from weaklab.voting.committee import Committee
from weaklab.voting.kept_columns import MemoryCache

if TYPE_CHECKING:
    from numpy.typing import NDArray

SPLIT_SEED = -1
"""Seed of the split into pool and test records; it is not a seed of any run, so that both are independent."""


@dataclass
class Records:
    """The records of an experiment as arrays.

    Attributes
    ----------
    ids : ids of the records, as text
    gold : int (n,), true labels
    ballots : heuristic -> its votes, for every member that does not learn
    matrices : classifier -> (n, d) features
    X : (n, d) features for strategies, those of the first classifier if there is one; None if there are none
    texts : texts of the records; None for tabular data
    sentence : number of the last columns of ``X`` that are sentence vectors
    """

    ids: list[str]
    gold: NDArray[np.int64]
    ballots: dict[str, Ballot]
    matrices: dict[str, Any]
    X: Any
    texts: list[str] | None
    sentence: int = 0

    def __len__(self) -> int:
        return len(self.ids)


@dataclass
class Experiment:
    """A pool of records with gold labels and a committee; votes and features are computed once and shared by all runs.

    Attributes
    ----------
    name : name of the data
    labels : the k label names
    pool : the records that may be asked about
    test : records that are never asked about, for measuring only; None if there are none
    classifiers : members that learn; every run trains copies of them
    label_model : name of the label model
    settings : JSON that identifies this experiment
    """

    name: str
    labels: LabelNames
    pool: Records
    test: Records | None
    classifiers: list[WeakClassifier]
    label_model: str
    settings: dict[str, Any]

    def __len__(self) -> int:
        return len(self.pool)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name not in ("keys", "views", "_test_embeddings")}

    @cached_property
    def keys(self) -> NDArray[np.uint64]:
        """A number for each record of the pool, computed from its id as in a project."""
        return keys_of(self.pool.ids)

    @cached_property
    def views(self) -> Views:
        """Features and embeddings for strategies; the same in all runs."""
        X, texts = self.pool.X, self.pool.texts

        def vectors(rows: NDArray[np.int64]) -> Any:
            assert texts is not None
            return text_vectors([texts[row] for row in rows])

        features = None if X is None else lambda: X
        return Views(self.keys, features, None if texts is None else vectors, sentence=lambda: self.pool.sentence)

    def loop(self, scheduler: Scheduler, seed: int) -> Loop:
        """Return a loop without labels, with copies of the classifiers."""
        pool = self.pool
        learners = [_seeded(classifier, seed) for classifier in self.classifiers]
        X = np.zeros((len(pool), 1)) if pool.X is None else pool.X
        L = np.column_stack([b.votes for b in pool.ballots.values()]) if pool.ballots else None
        loop = Loop(X, self.labels, L, classifiers=learners, scheduler=scheduler, keys=self.keys, seed=seed)
        members = loop.trainer.heuristics
        loop.trainer = Trainer(  # as in a project: with ids, confidences and features per classifier
            members,
            self.labels,
            len(pool),
            {member.name: ballot for member, ballot in zip(members, pool.ballots.values(), strict=False)},
            lambda classifier: pool.matrices[classifier.name],
            lambda rows: [pool.ids[row] for row in rows],
            label_model=self.label_model,
            embeddings=self.views.learnable,
            sentence=lambda: self.pool.sentence,
            sentence_vectors=self.pool.sentence > 0,
        )
        loop.views = self.views
        return loop

    def run(
        self,
        scheduler: Scheduler,
        seed: int,
        n_labels: int,
        batch: int,
        on_turn: Callable[[int], None] = lambda n_labels: None,
    ) -> list[dict[str, Any]]:
        """Answer from gold labels until there are ``n_labels``; return the measures before and after each batch."""
        rounds: list[dict[str, Any]] = []
        for loop, seconds in self.turns(scheduler, seed, n_labels, batch):
            rounds.append({**self._measure(loop), "seconds": seconds})
            if len(rounds) > 1:
                on_turn(loop.n_labels)
        return rounds

    def turns(self, scheduler: Scheduler, seed: int, n_labels: int, batch: int) -> Iterator[tuple[Loop, float]]:
        """Answer from gold labels until there are ``n_labels``; yield the trained loop before and after each batch.

        The loop is the same object each time. With it come the seconds that the batch took, from asking to the new
        probabilities.

        Raises
        ------
        WeaklabError
            A classifier failed. In a project that is a fault, and the classifier abstains; here it would distort the
            results.
        """
        loop = self.loop(scheduler, seed)
        start = time.perf_counter()
        yield self._trained(loop), time.perf_counter() - start
        while loop.n_labels < n_labels:
            start = time.perf_counter()
            rows = np.array([pick.row for pick in loop.ask(min(batch, n_labels - loop.n_labels))], dtype=np.int64)
            if not len(rows):
                break
            loop.label(rows, self.pool.gold[rows])
            yield self._trained(loop), time.perf_counter() - start

    def _trained(self, loop: Loop) -> Loop:
        broken = {classifier.name for classifier in self.classifiers}
        fault = next((fault for fault in loop.state.votes.faults if fault.heuristic in broken), None)
        if fault is not None:
            raise WeaklabError(f"a simulation needs classifiers that work: {fault}")
        return loop

    def _measure(self, loop: Loop) -> dict[str, Any]:
        found = {"n_labels": loop.n_labels, **measures(loop.P, loop.y, self.pool.gold)}
        if self.test is not None:
            from weaklab.evaluation.analysis import expected_accuracy

            found["test_accuracy"] = expected_accuracy(self.test_probabilities(loop), self.test.gold)
        return found

    def test_probabilities(self, loop: Loop) -> NDArray[np.float64]:
        """Return the probabilities of a loop's committee for the test records: float (n_test, k)."""
        test, members = self.test, loop.trainer.heuristics
        if test is None:
            raise WeaklabError("this experiment holds no records out; prepare it with test=0.2 or other records")
        fixed = iter(test.ballots.values())
        ballots = []
        for member in members:
            if not isinstance(member, WeakClassifier):
                ballots.append(next(fixed))
            elif member.is_ready:
                ballots.append(member.ballot(member.score(test.matrices[member.name])))
            else:
                ballots.append(Ballot.blank(len(test)))
        features = None if loop.state.feature_proba is None else self._test_embeddings
        trained = TrainedCommittee.of_state(members, loop.state)
        return np.asarray(trained.apply(ballots, len(test), features)[1])

    @cached_property
    def _test_embeddings(self) -> NDArray[np.float32]:
        assert self.test is not None
        return self.views.embedding(self.test.X)


def measures(
    P: NDArray[np.floating[Any]], y: NDArray[np.integer[Any]], gold: NDArray[np.integer[Any]]
) -> dict[str, float]:
    """Return measures of probabilities, compared with the true labels.

    Parameters
    ----------
    P : float (n, k)
    y : int (n,), manual labels, which replace the probabilities; -1 is unlabeled
    gold : int (n,), true labels

    Returns
    -------
    dict
        ``accuracy``: on all records; a tie of t classes counts 1 / t. ``rest_accuracy``: on the records without a
        manual label. ``macro_f1``: on all records, the mean over the classes that occur in ``gold``. ``brier``: the
        mean squared distance of ``P`` from the truth, on the records without a manual label, 0 to 2 (Brier, 1950,
        Verification of forecasts expressed in terms of probability, Monthly Weather Review). A value is NaN if there
        are no such records.

    Examples
    --------
    >>> P = np.array([[0.8, 0.2], [0.4, 0.6], [0.5, 0.5]])
    >>> {name: round(value, 3) for name, value in measures(P, np.array([-1, 0, -1]), np.array([0, 0, 1])).items()}
    {'accuracy': 0.833, 'rest_accuracy': 0.75, 'macro_f1': 0.4, 'brier': 0.29}
    """
    from weaklab.evaluation.analysis import expected_accuracy

    k = P.shape[1]
    manual, rest = np.flatnonzero(y != ABSTAIN), np.flatnonzero(y == ABSTAIN)
    known = np.array(P, dtype=np.float64)
    known[manual] = np.eye(k)[y[manual]]
    counts = np.bincount(gold * k + known.argmax(axis=1), minlength=k * k).reshape(k, k)
    f1 = 2 * counts.diagonal() / np.maximum(counts.sum(axis=0) + counts.sum(axis=1), 1)
    brier = float(((P[rest] - np.eye(k)[gold[rest]]) ** 2).sum(axis=1).mean()) if len(rest) else float("nan")
    return {
        "accuracy": expected_accuracy(known, gold),
        "rest_accuracy": expected_accuracy(P[rest], gold[rest]),
        "macro_f1": float(f1[counts.sum(axis=1) > 0].mean()),
        "brier": brier,
    }


def prepare(
    data: Any,
    *,
    gold: str | None = None,
    map: Mapping[Any, Any] | None = None,
    text: str | Sequence[str] | None = None,
    id: str | None = None,
    labels: Sequence[str] | None = None,
    heuristics: Any = (),
    classifiers: Sequence[Any] = ("auto",),
    features: Any = "auto",
    label_model: str = "committee",
    test: Any = None,
    progress: bool = True,
    **options: Unpack[FileKeywords],
) -> Experiment:
    """Prepare an experiment: read the data, vote, compute features; parameters as in :func:`weaklab.simulate`.

    Examples
    --------
    >>> rows = [{"text": f"{word} {i}", "truth": word} for i in range(5) for word in ("ham", "spam")]
    >>> experiment = prepare(rows, gold="truth", progress=False)
    >>> len(experiment), list(experiment.labels), experiment.pool.gold.tolist()[:4]
    (10, ['ham', 'spam'], [0, 1, 0, 1])
    """
    from weaklab.label_models import label_model as known_label_model

    known_label_model(label_model)
    corpus, labels, more = _open(data, gold, text, id, labels, options)
    names = _label_names(corpus, labels, map)
    if more and features == "auto" and not corpus.roles.text:
        features = _features_beside_votes(corpus)
    fixed, learners = _committee(
        names, [*more, *([] if isinstance(heuristics, Votes) else _listed(heuristics))], classifiers, features
    )
    corpus, codes, kept = _with_gold(corpus, names, map)
    if isinstance(heuristics, Votes):
        ballots = _ballots_of(heuristics, kept, {c.name for c in learners})
    else:
        ballots = _vote(fixed, corpus, progress)
    pool = _records(corpus, codes, ballots)
    held: tuple[Corpus, Records] | None = None
    if isinstance(test, float):
        corpus, pool, held = _split(corpus, pool, test)
    elif test is not None:
        if isinstance(heuristics, Votes):
            raise WeaklabError("votes are given for these records alone; hold a share of them out: test=0.2")
        other, _, _ = _open(_test_data(data, test), gold, text, id, names, options)
        other, codes, _ = _with_gold(other, names, map)
        held = other, _records(other, codes, _vote(fixed, other, progress))
    _vectorise(learners, corpus, pool, held, features)
    name = Path(data).name if isinstance(data, (str, Path)) else corpus.name.removeprefix("the ")
    settings = {
        "data": f"{len(pool):,} records, {_fingerprint(corpus, pool)}",
        "test data": None if held is None else f"{len(held[1]):,} records, {_fingerprint(*held)}",
        "labels": list(names),
        "votes": f"{len(pool.ballots)} heuristics, {_votes_fingerprint(pool, held)}",
        "classifiers": [f"{c.name} {fingerprint.digest(c.fingerprint)[:8]}" for c in learners],
        "label model": label_model,
    }
    for learner in learners:
        learner.features = GivenFeatures(
            learner.features.vector_columns()
        )  # runs use the matrices, so that fitted features need not be sent to other processes
    return Experiment(name, names, pool, None if held is None else held[1], learners, label_model, settings)


def _open(
    data: Any, gold: str | None, text: Any, id: str | None, labels: Sequence[str] | None, options: FileKeywords
) -> tuple[Corpus, Sequence[str] | None, list[Heuristic]]:
    """Return the corpus with its gold column, the labels if they are known, and the heuristics in the data."""
    from weaklab.datasets import load_wrench

    folder, split = data if isinstance(data, tuple) else (data, "train")
    if isinstance(folder, (str, Path)) and (Path(folder) / "label.json").is_file():
        _check_no_options(folder, options)
        found = load_wrench(folder, split)
        return found.corpus, labels or found.labels, list(found.heuristics)
    if isinstance(data, Corpus):
        _check_no_options(data.name, options)
        if gold is None or gold == data.roles.gold:
            corpus = data
        else:
            corpus = _corpus_of(data.take(range(len(data))), data.roles, gold)
    else:
        if gold is None:
            raise WeaklabError("a simulation answers from the truth; name its column: gold='column'")
        corpus = read(data, text=text, id=id, gold=gold, **options)
    if corpus.roles.gold is None:
        raise WeaklabError(
            f"{corpus.name} was read without gold labels, from which a simulation answers; name their column: "
            "gold='column'"
        )
    return corpus, labels, []


def _check_no_options(name: Any, options: FileKeywords) -> None:
    """Raise an error for file options, because they have no effect here."""
    for option, value in FileOptions(**options).chosen.items():
        raise WeaklabError(
            f"{option}={value!r} says how a CSV, JSON or Excel file is read, and {name} is none; leave it out"
        )


def _features_beside_votes(corpus: Corpus) -> Any:
    """Return features of the columns of a WRENCH set without text, except the column of votes."""
    columns = Columns(next(corpus.batches()))
    return features_of(
        "columns", columns=[name for name in columns.names if name not in (corpus.roles.id, "weak_labels")]
    )


def _test_data(data: Any, test: Any) -> Any:
    """Return the test split of a WRENCH folder if ``test`` is its name, else ``test`` itself."""
    if isinstance(test, (bool, int)):
        raise WeaklabError(f"test must be a share between 0 and 1, such as 0.2, or other records, got {test!r}")
    if (
        isinstance(data, (str, Path))
        and (Path(data) / "label.json").is_file()
        and (Path(data) / f"{test}.json").is_file()
    ):
        return (data, test)
    return test


def _corpus_of(table: Any, roles: Roles, gold: str | None) -> Corpus:
    return read(table, text=list(roles.text), id=roles.id, label=roles.label, gold=gold)


def _label_names(corpus: Corpus, labels: Sequence[str] | None, map: Mapping[Any, Any] | None) -> LabelNames:
    if labels is not None:
        return labels if isinstance(labels, LabelNames) else LabelNames(labels)
    try:
        return LabelNames(sorted(names_in(corpus.gold(), map)))
    except WeaklabError as error:
        raise WeaklabError(f"{corpus.name}, gold column {corpus.roles.gold!r}: {error}") from None


def _with_gold(
    corpus: Corpus, labels: LabelNames, map: Mapping[Any, Any] | None
) -> tuple[Corpus, NDArray[np.int64], NDArray[np.int64]]:
    """Return the records with a gold label, their label codes int (n,), and their original row numbers."""
    import pyarrow as pa

    names = corpus.gold()
    reader = LabelReader(labels, map)
    codes = reader.codes(pa.array(names, pa.large_string()), lambda row: _place(corpus, row))
    if reader.unused():
        warn(
            f"{corpus.name}, gold column {corpus.roles.gold!r}: mapped, but never occurred: "
            f"{', '.join(reader.unused())}"
        )
    rows = np.flatnonzero(codes != ABSTAIN)
    if len(rows) == len(codes):
        return corpus, codes, rows
    if not len(rows):
        raise WeaklabError(f"{corpus.name}, gold column {corpus.roles.gold!r}: no record has a gold label")
    lacking = len(codes) - len(rows)
    have, are = ("has", "is") if lacking == 1 else ("have", "are")
    warn(f"{corpus.name}: {lacking:,} of {counted(len(codes), 'record')} {have} no gold label and {are} left out")
    return _corpus_of(corpus.take(rows), corpus.roles, corpus.roles.gold), codes[rows], rows


def _place(corpus: Corpus, row: int) -> str:
    return f"{corpus.name}, gold column {corpus.roles.gold!r}, record {corpus.ids[row].as_py()!r}"


def _listed(heuristics: Any) -> list[Any]:
    one = isinstance(heuristics, (str, Path, Heuristic)) or callable(heuristics)
    return [heuristics] if one else list(heuristics)


def _committee(
    labels: LabelNames, heuristics: list[Any], classifiers: Sequence[Any], features: Any
) -> tuple[Committee, list[WeakClassifier]]:
    """Return the committee of heuristics that do not learn, and the classifiers, with unique names."""
    committee = Committee(labels)
    for heuristic in heuristics:
        if isinstance(heuristic, (str, Path)):
            committee.load(heuristic)
        else:
            committee.add(heuristic)
    given = (
        [classifiers] if isinstance(classifiers, str) or hasattr(classifiers, "predict_proba") else list(classifiers)
    )
    own = [copy.copy(c) if isinstance(c, WeakClassifier) else WeakClassifier(c, features) for c in given]
    learners: list[WeakClassifier] = []
    for learner in [*(committee.remove(c.name) for c in committee.classifiers), *own]:
        assert isinstance(learner, WeakClassifier)
        while learner.name in [*committee.names, *(other.name for other in learners)]:
            learner.name += " again"
        learners.append(learner)
    return committee, learners


def _vote(committee: Committee, corpus: Corpus, progress: bool) -> dict[str, Ballot]:
    cache = MemoryCache()
    columns, _ = committee.columns(corpus, lambda _: cache, progress)
    for fault in merge_faults(fault for ballot in columns.values() for fault in ballot.faults):
        warn(str(fault), FaultWarning)
    return {name: columns[name] for name in committee.names}


def _ballots_of(votes: Votes, rows: NDArray[np.int64], learners: set[str]) -> dict[str, Ballot]:
    """Return the ballots in the given votes, without those of classifiers."""
    if len(votes) <= int(rows.max()):
        raise WeaklabError(
            f"votes on {counted(len(votes), 'record')} were given for {int(rows.max()) + 1:,}; vote on the same records"
        )
    found = {}
    for j, name in enumerate(votes.names):
        if name not in learners and j not in votes.scores:
            sure = votes.confidence.get(j)
            found[name] = Ballot(votes.L[rows, j].copy(), None if sure is None else sure[rows])
    return found


def _records(corpus: Corpus, gold: NDArray[np.int64], ballots: dict[str, Ballot]) -> Records:
    texts = [text for batch in corpus.batches() for text in Columns(batch).text] if corpus.roles.text else None
    return Records([str(name) for name in corpus.ids.to_pylist()], gold, ballots, {}, None, texts)


def _split(corpus: Corpus, pool: Records, share: float) -> tuple[Corpus, Records, tuple[Corpus, Records]]:
    """Split off a share of the records as test records, drawn by their ids."""
    from weaklab.strategies import uniform

    if not 0 < share < 1:
        raise WeaklabError(f"test must be a share between 0 and 1, such as 0.2, or other records, got {share!r}")
    out = uniform(keys_of(pool.ids), SPLIT_SEED) < share
    parts = []
    for rows in (np.flatnonzero(~out), np.flatnonzero(out)):
        if not len(rows):
            raise WeaklabError(f"a share of {share} cannot be held out of {counted(len(pool), 'record')}")
        ballots = {
            name: Ballot(b.votes[rows], None if b.confidence is None else b.confidence[rows])
            for name, b in pool.ballots.items()
        }
        texts = None if pool.texts is None else [pool.texts[row] for row in rows]
        part = _corpus_of(corpus.take(rows), corpus.roles, corpus.roles.gold)
        parts.append((part, Records([pool.ids[row] for row in rows], pool.gold[rows], ballots, {}, None, texts)))
    return *parts[0], parts[1]


def _vectorise(
    learners: Sequence[WeakClassifier],
    corpus: Corpus,
    pool: Records,
    held: tuple[Corpus, Records] | None,
    features: Any,
) -> None:
    """Fit every feature set to the pool and fill in the matrices; equal feature sets are fitted once."""
    known: dict[str, tuple[Any, Any]] = {}
    for learner in learners:
        key = learner.features.fingerprint
        if key not in known:
            fitted = learner.features.fit(corpus)
            known[key] = fitted.transform_corpus(corpus), None if held is None else fitted.transform_corpus(held[0])
        pool.matrices[learner.name], outside = known[key]
        if held is not None:
            held[1].matrices[learner.name] = outside
    parts = [(corpus, pool), *([held] if held else [])]
    shown = [learner for learner in learners if not learner.reads_texts]
    if shown:
        for _, records in parts:
            records.X = records.matrices[shown[0].name]
            records.sentence = shown[0].features.vector_columns()
    elif corpus.roles.text:
        fitted = features_of(features).fit(corpus)
        for part, records in parts:
            records.X = fitted.transform_corpus(part)
            records.sentence = fitted.vector_columns()


def _seeded(classifier: WeakClassifier, seed: int) -> WeakClassifier:
    """Return a copy of a classifier with this seed, unless its estimator has its own."""
    twin = copy.copy(classifier)
    twin.seed = seed
    if not isinstance(twin.estimator, str):
        settings: Mapping[str, Any] = twin.estimator.get_params() if hasattr(twin.estimator, "get_params") else {}
        if settings.get("random_state", 0) is None:
            from sklearn.base import clone

            twin.estimator = clone(twin.estimator).set_params(random_state=seed)
    return twin


def _fingerprint(corpus: Corpus, records: Records) -> str:
    """Return a hash of the records and their gold labels."""
    import hashlib

    state = hashlib.blake2b(digest_size=8)
    for batch in corpus.batches():
        state.update(memoryview(batch.serialize()))
    state.update(records.gold.tobytes())
    return state.hexdigest()


def _votes_fingerprint(pool: Records, held: tuple[Corpus, Records] | None) -> str:
    parts = [pool, *([held[1]] if held else [])]
    return fingerprint.of_value([[b.votes, b.confidence] for part in parts for b in part.ballots.values()])[:16]
